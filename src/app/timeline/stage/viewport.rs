//! Which stretch of time and how much of the layout are on screen, and how the reader moves about in them.

use std::cell::Cell;
use std::rc::Rc;

use web_sys::{Element, HtmlCanvasElement, HtmlElement};
use yew::Callback;

use crate::app::timeline::paint::{AXIS_PX, label_px};
use crate::view::Span;
use crate::view::layout::{Layout, ROW_PX};
use crate::view::timescale::{TimeScale, around, kept_in, panned, whole_px, zoomed};
use crate::web::timer::Timer;

/// Elements that the stage draws on and listens to.
pub struct Nodes {
    pub scroll: Element,
    pub spacer: HtmlElement,
    pub canvas: HtmlCanvasElement,
    pub map: HtmlCanvasElement,
}

pub struct Viewport {
    pub nodes: Nodes,
    /// As far as the window may go.
    pub bounds: Span,
    pub window: Span,
    /// How much of the layout lies above what is seen, px.
    pub scroll: f64,
    pub width: f64,
    pub height: f64,
    /// The window that the page was told last.
    told: Rc<Cell<Option<Span>>>,
    tell_later: Option<Timer>,
    on_moved: Callback<Span>,
}

impl Viewport {
    /// Shows `window`, if the address names one; else `home`.
    pub fn new(
        nodes: Nodes,
        extent: Span,
        window: Option<Span>,
        home: Option<Span>,
        on_moved: Callback<Span>,
    ) -> Viewport {
        let room = extent.len_ns() / 100;
        let bounds = Span::new(
            extent.start.saturating_sub(room),
            extent
                .end
                .saturating_add(room)
                .max(extent.start.saturating_add(100)),
        );
        Viewport {
            nodes,
            bounds,
            window: kept_in(window.or(home).unwrap_or(extent), bounds),
            scroll: 0.0,
            width: 0.0,
            height: 0.0,
            told: Rc::new(Cell::new(window)),
            tell_later: None,
            on_moved,
        }
    }

    /// Width of the label column.
    pub fn label(&self) -> f64 {
        label_px(self.width)
    }

    /// The time scale right of the labels.
    pub fn scale(&self) -> TimeScale {
        TimeScale {
            window: self.window,
            width_px: (self.width - self.label()).max(1.0),
        }
    }

    pub fn map_scale(&self) -> TimeScale {
        TimeScale {
            window: self.bounds,
            width_px: f64::from(self.nodes.map.client_width()).max(1.0),
        }
    }

    /// Height of what is seen of the tracks.
    pub fn room(&self) -> f64 {
        (self.height - AXIS_PX).max(0.0)
    }

    /// The instant under a place of the canvas, or in the middle.
    pub fn instant_under(&self, x: Option<f64>) -> i64 {
        let scale = self.scale();
        let x = x
            .map(|x| x - self.label())
            .filter(|x| (0.0..=scale.width_px).contains(x));
        scale.at(x.unwrap_or(scale.width_px / 2.0))
    }

    pub fn measure(&mut self, layout_px: f64) {
        self.width = f64::from(self.nodes.canvas.client_width());
        let height = f64::from(self.nodes.scroll.client_height());
        if (height - self.height).abs() > 0.5 {
            self.height = height;
            let style = self.nodes.canvas.style();
            // The canvas is as high as what is seen of the scrolled area, and stays in place.
            drop(style.set_property("height", &format!("{height}px")));
            self.fit_spacer(layout_px);
        }
    }

    /// Makes the scrolled area as high as a layout of this height.
    pub fn fit_spacer(&self, layout_px: f64) {
        let height = (layout_px + AXIS_PX + 24.0 - self.height).max(0.0);
        drop(
            self.nodes
                .spacer
                .style()
                .set_property("height", &format!("{height}px")),
        );
    }

    pub fn zoom(&mut self, at_ns: i64, factor: f64) {
        self.window = zoomed(self.window, at_ns, factor, self.bounds);
        self.moved();
    }

    pub fn pan(&mut self, by_ns: i64) {
        self.pan_from(self.window, by_ns);
    }

    /// Moves by so much from where the window was.
    pub fn pan_from(&mut self, window: Span, by_ns: i64) {
        self.window = panned(window, by_ns, self.bounds);
        self.moved();
    }

    pub fn show(&mut self, window: Span) {
        self.window = kept_in(window, self.bounds);
        self.moved();
    }

    /// Shows a stretch with some room on both sides.
    pub fn show_around(&mut self, span: Span) {
        self.window = around(span, self.bounds);
        self.moved();
    }

    /// Shows an instant in the middle, at the same zoom.
    pub fn show_in_the_middle(&mut self, at_ns: i64) {
        let len = self.window.len_ns();
        let start = at_ns.saturating_sub(len / 2);
        self.show(Span::new(start, start.saturating_add(len)));
    }

    /// Shows the window that the address names, unless it came from here. Whether it does.
    pub fn go(&mut self, window: Span) -> bool {
        if self.told.get() == Some(window) {
            return false;
        }
        self.told.set(Some(window));
        self.window = kept_in(window, self.bounds);
        true
    }

    /// The browser has scrolled.
    pub fn scrolled(&mut self) {
        self.scroll = f64::from(self.nodes.scroll.scroll_top());
    }

    pub fn scroll_to(&mut self, px: f64) {
        let px = px.max(0.0);
        // Asking where it is scrolled to makes the browser lay out the page.
        if whole_px(px) == whole_px(self.scroll) {
            return;
        }
        self.nodes
            .scroll
            .set_scroll_top(i32::try_from(whole_px(px)).unwrap_or(0));
        self.scrolled();
    }

    /// Scrolls to a row of the layout, unless it is in sight.
    pub fn scroll_to_row(&mut self, top_px: f64, layout: &Layout) {
        let y = layout.on_screen(top_px, self.scroll);
        let (sticky, room) = (layout.sticky_px(), self.room());
        if self.height > 0.0 && !layout.is_sticky(top_px) && (y < sticky || y + ROW_PX > room) {
            self.scroll_to(top_px - sticky - (room - sticky) / 3.0);
        }
    }

    /// The address follows when the reader rests.
    fn moved(&mut self) {
        let (told, on_moved, window) = (self.told.clone(), self.on_moved.clone(), self.window);
        self.tell_later = Some(Timer::after(250, move || {
            told.set(Some(window));
            on_moved.emit(window);
        }));
    }
}
