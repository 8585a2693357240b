//! The map of the whole trace: pressing in it moves the window or draws another.

use web_sys::{PointerEvent, WheelEvent};

use super::CLICK_PX;
use super::pointer::wheel_factor;
use super::viewport::Viewport;
use crate::view::Span;
use crate::view::timescale::whole_ns;

/// What a press does.
#[derive(Clone, Copy)]
enum Drag {
    Window { x: f64, window: Span },
    New { at_ns: i64, x: f64 },
}

#[derive(Default)]
pub struct Map {
    drag: Option<Drag>,
}

impl Map {
    /// Ends what a press does.
    pub fn let_go(&mut self) {
        self.drag = None;
    }

    pub fn on_pointer(&mut self, kind: &'static str, event: &PointerEvent, viewport: &mut Viewport) {
        let scale = viewport.map_scale();
        let (window, bounds) = (viewport.window, viewport.bounds);
        let x = f64::from(event.offset_x());
        match kind {
            "pointerdown" => {
                drop(viewport.nodes.map.set_pointer_capture(event.pointer_id()));
                let (from, to) = (scale.x(window.start) - 4.0, scale.x(window.end) + 4.0);
                let whole = window.len_ns() >= bounds.len_ns() - bounds.len_ns() / 20;
                self.drag = Some(if (from..=to).contains(&x) && !whole {
                    Drag::Window { x, window }
                } else {
                    Drag::New {
                        at_ns: scale.at(x),
                        x,
                    }
                });
            }
            "pointermove" => match self.drag {
                Some(Drag::Window { x: x0, window }) => {
                    viewport.pan_from(window, whole_ns((x - x0) * scale.ns_per_px()));
                }
                Some(Drag::New { at_ns, x: x0 }) if (x - x0).abs() >= CLICK_PX => {
                    let to = scale.at(x.clamp(0.0, scale.width_px));
                    viewport.show(Span::new(at_ns.min(to), at_ns.max(to)));
                }
                _ => {}
            },
            _ => {
                if let Some(Drag::New { at_ns, x: x0 }) = self.drag.take()
                    && (x - x0).abs() < CLICK_PX
                {
                    viewport.show_in_the_middle(at_ns);
                }
            }
        }
    }
}

/// Zooms about the instant under the wheel.
pub fn on_wheel(event: &WheelEvent, viewport: &mut Viewport) {
    event.prevent_default();
    let at_ns = viewport.map_scale().at(f64::from(event.offset_x()));
    viewport.zoom(at_ns, wheel_factor(event));
}
