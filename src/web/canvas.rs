//! A canvas that is sharp on every screen, and the colours of the style sheet for it.

use std::cell::Cell;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use wasm_bindgen::Clamped;
use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, Element, HtmlCanvasElement, ImageData, ResizeObserver};

use crate::view::timescale::whole_px;

/// A canvas's context, scaled so that one unit is one CSS pixel.
pub struct Pen {
    pub context: CanvasRenderingContext2d,
    pub width: f64,
    pub height: f64,
    /// Pixels of the screen to a CSS pixel.
    pub ratio: f64,
}

/// A canvas that is not on the page: what is drawn once and shown in many frames.
pub struct Sheet(HtmlCanvasElement);

impl Sheet {
    pub fn new() -> Option<Sheet> {
        let canvas = web_sys::window()?.document()?.create_element("canvas").ok()?;
        canvas.dyn_into().ok().map(Sheet)
    }

    /// Clears it, to draw on it in the measure of `like`.
    pub fn pen(&self, like: &Pen, width: f64, height: f64) -> Option<Pen> {
        Pen::sized(&self.0, like.ratio, width, height)
    }

    /// Makes it a picture of these pixels, four bytes each, row by row.
    pub fn put(&self, pixels: &[u8], width: u32) -> Option<()> {
        let height = u32::try_from(pixels.len()).ok()? / 4 / width.max(1);
        if self.0.width() != width || self.0.height() < height {
            self.0.set_width(width);
            self.0.set_height(height);
        }
        let context: CanvasRenderingContext2d = self.0.get_context("2d").ok()??.unchecked_into();
        let image = ImageData::new_with_u8_clamped_array(Clamped(pixels), width).ok()?;
        context.put_image_data(&image, 0.0, 0.0).ok()
    }
}

impl Pen {
    /// Fits the canvas to its size on screen and clears it. `None` while it has no size.
    pub fn on(canvas: &HtmlCanvasElement) -> Option<Pen> {
        let ratio = web_sys::window()?.device_pixel_ratio();
        let (width, height) = (
            f64::from(canvas.client_width()),
            f64::from(canvas.client_height()),
        );
        Pen::sized(canvas, ratio, width, height)
    }

    fn sized(canvas: &HtmlCanvasElement, ratio: f64, width: f64, height: f64) -> Option<Pen> {
        if width < 1.0 || height < 1.0 {
            return None;
        }
        let (device_width, device_height) = (whole_px(width * ratio), whole_px(height * ratio));
        if canvas.width() != device_width || canvas.height() != device_height {
            canvas.set_width(device_width);
            canvas.set_height(device_height);
        }
        let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.unchecked_into();
        context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0).ok()?;
        context.clear_rect(0.0, 0.0, width, height);
        Some(Pen {
            context,
            width,
            height,
            ratio,
        })
    }

    /// Draws a sheet of the same measure.
    pub fn sheet(&self, sheet: &Sheet, x: f64, y: f64, width: f64, height: f64) {
        let drawn = self
            .context
            .draw_image_with_html_canvas_element_and_dw_and_dh(&sheet.0, x, y, width, height);
        if drawn.is_err() {
            web_sys::console::error_1(&"a sheet could not be drawn".into());
        }
    }

    /// Draws row `row` of a picture, `length` pixels of it, as a rectangle.
    pub fn strip(
        &self,
        picture: &Sheet,
        row: u32,
        length: u32,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
    ) {
        self.context.set_image_smoothing_enabled(false);
        let drawn = self
            .context
            .draw_image_with_html_canvas_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
                &picture.0,
                0.0,
                f64::from(row),
                f64::from(length),
                1.0,
                x,
                y,
                width,
                height,
            );
        if drawn.is_err() {
            web_sys::console::error_1(&"a strip could not be drawn".into());
        }
    }

    /// A filled rectangle.
    pub fn fill(&self, color: &str, x: f64, y: f64, width: f64, height: f64) {
        self.context.set_fill_style_str(color);
        self.context.fill_rect(x, y, width, height);
    }

    /// A line of text; `y` is its baseline.
    pub fn text(&self, color: &str, text: &str, x: f64, y: f64) {
        self.context.set_fill_style_str(color);
        if self.context.fill_text(text, x, y).is_err() {
            web_sys::console::error_1(&"text could not be drawn".into());
        }
    }

    /// An outline, inside its rectangle.
    pub fn outline(&self, color: &str, line: f64, x: f64, y: f64, width: f64, height: f64) {
        self.context.set_stroke_style_str(color);
        self.context.set_line_width(line);
        self.context.stroke_rect(
            x + line / 2.0,
            y + line / 2.0,
            (width - line).max(0.0),
            (height - line).max(0.0),
        );
    }
}

/// Custom properties of the root element, read once: asking the style sheet for each bar would cost more
/// than drawing it.
#[derive(Clone, Default)]
pub struct Palette(Rc<FxHashMap<&'static str, String>>);

impl Palette {
    /// Reads these properties (`"--ink"`).
    pub fn read(names: impl IntoIterator<Item = &'static str>) -> Palette {
        let style = web_sys::window()
            .and_then(|window| {
                let root = window.document()?.document_element()?;
                window.get_computed_style(&root).ok()
            })
            .flatten();
        let Some(style) = style else {
            return Palette::default();
        };
        let value = |name| {
            style
                .get_property_value(name)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Palette(Rc::new(
            names.into_iter().map(|name| (name, value(name))).collect(),
        ))
    }

    /// The colour, or black where the style sheet names none.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("#000", String::as_str)
    }
}

/// Tells when an element's size changes; dropping it ends that.
pub struct SizeWatch {
    observer: Option<ResizeObserver>,
    _closure: Closure<dyn FnMut()>,
}

impl SizeWatch {
    /// Calls `told` now and after every change of `element`'s size.
    pub fn new(element: &Element, told: impl FnMut() + 'static) -> SizeWatch {
        let closure = Closure::<dyn FnMut()>::new(told);
        let observer = ResizeObserver::new(closure.as_ref().unchecked_ref()).ok();
        if let Some(observer) = &observer {
            observer.observe(element);
        }
        SizeWatch {
            observer,
            _closure: closure,
        }
    }
}

impl Drop for SizeWatch {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}

/// Draws at most once a frame, however often it is asked.
pub struct FrameClock {
    asked: Rc<Cell<bool>>,
    number: Rc<Cell<i32>>,
    closure: Closure<dyn FnMut()>,
}

impl FrameClock {
    /// `draw` is called before the browser's next frame, after [`FrameClock::ask`].
    pub fn new(mut draw: impl FnMut() + 'static) -> FrameClock {
        let asked = Rc::new(Cell::new(false));
        let closure = Closure::<dyn FnMut()>::new({
            let asked = asked.clone();
            move || {
                asked.set(false);
                draw();
            }
        });
        FrameClock {
            asked,
            number: Rc::default(),
            closure,
        }
    }

    /// Asks for a drawing.
    pub fn ask(&self) {
        if self.asked.replace(true) {
            return;
        }
        let number = web_sys::window().and_then(|window| {
            window
                .request_animation_frame(self.closure.as_ref().unchecked_ref())
                .ok()
        });
        match number {
            Some(number) => self.number.set(number),
            None => self.asked.set(false),
        }
    }
}

impl Drop for FrameClock {
    fn drop(&mut self) {
        if self.asked.get()
            && let Some(window) = web_sys::window()
            && window.cancel_animation_frame(self.number.get()).is_err()
        {
            web_sys::console::error_1(&"a frame could not be cancelled".into());
        }
    }
}

/// Counts drawings of the timeline in `data-frames` of the root element, for tests.
pub fn count_frame(n: u32) {
    let root = web_sys::window()
        .and_then(|w| w.document())
        .and_then(|d| d.document_element());
    if let Some(root) = root
        && root.set_attribute("data-frames", &n.to_string()).is_err()
    {
        web_sys::console::error_1(&"data-frames could not be set".into());
    }
}
