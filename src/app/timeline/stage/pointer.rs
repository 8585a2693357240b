//! Where the pointer is, what a press does, and what is under it.

use web_sys::{MouseEvent, PointerEvent, WheelEvent};

use super::{Ask, CLICK_PX, Inner, MenuAt, Target, Tip, Weak, change, tell};
use crate::app::timeline::hits;
use crate::app::timeline::paint::AXIS_PX;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::timescale::whole_ns;
use crate::view::{Bar, SliceDetail, Span};

/// What a press does.
#[derive(Clone, Copy)]
enum Drag {
    Pan {
        x: f64,
        y: f64,
        window: Span,
        scroll: f64,
        moved: bool,
    },
    Area {
        x: f64,
        y: f64,
    },
}

#[derive(Default)]
pub struct Pointer {
    at: Option<(f64, f64)>,
    drag: Option<Drag>,
    /// Track, depth and bar.
    pub hover: Option<(u32, u16, Bar)>,
    pub tip_slice: Option<SliceDetail>,
    tip_asked: Option<u32>,
    /// The window and the scroll when the pointer's place was last looked at.
    hovered_in: Option<(Span, i64)>,
}

impl Pointer {
    pub fn x(&self) -> Option<f64> {
        self.at.map(|(x, _)| x)
    }

    /// Another frame is there: what is under the pointer may have changed.
    pub fn look_again(&mut self) {
        self.hovered_in = None;
    }

    /// Ends what a press does.
    pub fn let_go(&mut self) {
        self.drag = None;
    }
}

pub fn on_pointer(weak: &Weak, kind: &'static str, event: &PointerEvent) {
    let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
    let mut ask = Ask::Nothing;
    change(weak, |inner| match kind {
        "pointerdown" if event.button() == 0 => {
            // Without capture, a drag that leaves the canvas ends there.
            drop(
                inner
                    .viewport
                    .nodes
                    .canvas
                    .set_pointer_capture(event.pointer_id()),
            );
            inner.pointer.drag = Some(if event.shift_key() && x > inner.viewport.label() {
                Drag::Area { x, y }
            } else {
                Drag::Pan {
                    x,
                    y,
                    window: inner.viewport.window,
                    scroll: inner.viewport.scroll,
                    moved: false,
                }
            });
        }
        "pointermove" => {
            inner.pointer.at = Some((x, y));
            inner.dragged(x, y);
            inner.hover(weak);
        }
        "pointerup" => match inner.pointer.drag.take() {
            Some(Drag::Pan { moved: false, .. }) => {
                let height = inner.height_at(y);
                let on_head = inner.tracks.layout.head_at(height).is_some() && y >= AXIS_PX;
                if x < inner.viewport.label() || on_head {
                    ask = inner.tracks.folded_at(height).map_or(Ask::Nothing, Ask::Arrange);
                } else {
                    ask = Ask::Pick(inner.bar(x, y).map(|(_, _, bar)| bar.slice));
                }
            }
            Some(Drag::Area { .. }) => {
                if let Some(chosen) = inner.chosen_area() {
                    ask = Ask::Area(Some(chosen));
                }
            }
            _ => {}
        },
        "pointerleave" | "pointercancel" => {
            if kind == "pointercancel" {
                inner.pointer.let_go();
            }
            inner.pointer.at = None;
            inner.hover(weak);
        }
        _ => {}
    });
    tell(weak, ask);
}

/// A double click zooms to a slice.
pub fn on_double_click(weak: &Weak, event: &MouseEvent) {
    let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
    change(weak, |inner| {
        if let Some((.., bar)) = inner.bar(x, y) {
            inner.zoom_to(bar.slice);
        }
    });
}

/// A right click opens a menu.
pub fn on_context_menu(weak: &Weak, event: &MouseEvent) {
    event.prevent_default();
    let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
    let mut ask = Ask::Nothing;
    change(weak, |inner| {
        inner.pointer.let_go();
        if let Some(target) = inner.target_at(x, y) {
            ask = Ask::Menu(MenuAt {
                x: f64::from(event.client_x()),
                y: f64::from(event.client_y()),
                target,
            });
        }
    });
    tell(weak, ask);
}

/// Zoom of one turn of the wheel; a trackpad's pinch comes in small steps.
pub fn wheel_factor(event: &WheelEvent) -> f64 {
    let lines = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE {
        16.0
    } else {
        1.0
    };
    (event.delta_y() * lines * 0.003).clamp(-0.7, 0.7).exp()
}

impl Inner {
    pub fn on_wheel(&mut self, event: &WheelEvent) {
        if event.ctrl_key() || event.meta_key() {
            event.prevent_default();
            let at_ns = self.viewport.instant_under(self.pointer.x());
            self.viewport.zoom(at_ns, wheel_factor(event));
        } else {
            let sideways = event.delta_x().abs() > event.delta_y().abs();
            let by = match (event.shift_key(), sideways) {
                (_, true) => event.delta_x(),
                (true, false) => event.delta_y(),
                (false, false) => return,
            };
            event.prevent_default();
            let ns_per_px = self.viewport.scale().ns_per_px();
            self.viewport.pan(whole_ns(by * ns_per_px));
        }
    }

    /// The height of the layout at a place of the canvas.
    fn height_at(&self, y: f64) -> f64 {
        self.tracks.layout.from_screen(y - AXIS_PX, self.viewport.scroll)
    }

    /// Whose menu opens at a place of the canvas.
    fn target_at(&self, x: f64, y: f64) -> Option<Target> {
        if let Some((.., bar)) = self.bar(x, y) {
            return Some(Target::Slice(bar.slice));
        }
        let height = self.height_at(y).max(0.0);
        if y < AXIS_PX {
            return None;
        }
        match self.tracks.layout.head_at(height) {
            Some(group) => Some(Target::Group(group)),
            None => self
                .tracks
                .layout
                .at(height)
                .map(|(placed, _)| Target::Track(placed.track)),
        }
    }

    fn dragged(&mut self, x: f64, y: f64) {
        let viewport = &mut self.viewport;
        let scale = viewport.scale();
        match &mut self.pointer.drag {
            Some(Drag::Pan {
                x: x0,
                y: y0,
                window,
                scroll,
                moved,
            }) if *moved || (x - *x0).hypot(y - *y0) >= CLICK_PX => {
                *moved = true;
                viewport.pan_from(*window, whole_ns((*x0 - x) * scale.ns_per_px()));
                viewport.scroll_to(*scroll - (y - *y0));
            }
            Some(Drag::Area { x: x0, y: y0 }) => {
                let left = viewport.label();
                let at = |x: f64| scale.at((x - left).clamp(0.0, scale.width_px));
                let (layout, scroll) = (&self.tracks.layout, viewport.scroll);
                let down = |y: f64| layout.from_screen((y - AXIS_PX).max(0.0), scroll);
                self.selection.area = Some((
                    Span::new(at(x0.min(x)), at(x0.max(x))),
                    down(y0.min(y)),
                    down(y0.max(y)),
                ));
            }
            _ => {}
        }
    }

    /// The bar under a place of the canvas.
    fn bar(&self, x: f64, y: f64) -> Option<(u32, u16, Bar)> {
        if y < AXIS_PX || x < self.viewport.label() {
            return None;
        }
        let (placed, depth) = self.tracks.layout.at(self.height_at(y))?;
        let frame = self.frames.frame.as_ref()?;
        let row = frame
            .rows
            .iter()
            .find(|r| r.track == placed.track && r.depth == depth)?;
        let bar = hits::bar_at(&self.viewport, frame, row, x)?;
        Some((placed.track, depth, bar))
    }

    /// What is under a resting pointer changes with the window.
    pub fn hover_after_moving(&mut self, weak: &Weak) {
        let now = (self.viewport.window, whole_ns(self.viewport.scroll));
        if self.pointer.hovered_in != Some(now) && self.pointer.at.is_some() {
            self.pointer.hovered_in = Some(now);
            self.hover(weak);
        }
    }

    /// Finds what is under the pointer, and asks for its name.
    fn hover(&mut self, weak: &Weak) {
        let dragging = matches!(
            self.pointer.drag,
            Some(Drag::Pan { moved: true, .. } | Drag::Area { .. })
        );
        let found = self
            .pointer
            .at
            .filter(|_| !dragging)
            .and_then(|(x, y)| self.bar(x, y));
        self.pointer.hover = found;
        let Some((_, _, bar)) = found else {
            self.told.tip.emit(None);
            return;
        };
        self.show_tip();
        let pointer = &mut self.pointer;
        if pointer.tip_slice.as_ref().is_none_or(|d| d.slice != bar.slice) && pointer.tip_asked.is_none() {
            pointer.tip_asked = Some(bar.slice);
            let weak = weak.clone();
            self.engine
                .ask(Question::Slice { slice: bar.slice }, move |answer| {
                    let again = weak.clone();
                    change(&weak, |inner| {
                        let pointer = &mut inner.pointer;
                        pointer.tip_asked = None;
                        if let Answer::Slice(detail) = answer {
                            pointer.tip_slice = Some(*detail);
                        } else {
                            pointer.tip_slice = None;
                            return;
                        }
                        let now = pointer.hover.map(|(_, _, bar)| bar.slice);
                        let got = pointer.tip_slice.as_ref().map(|d| d.slice);
                        if now == got {
                            inner.show_tip();
                        } else if now.is_some() {
                            inner.hover(&again);
                        }
                    });
                });
        }
    }

    fn show_tip(&self) {
        let (Some((x, y)), Some((_, _, bar))) = (self.pointer.at, self.pointer.hover) else {
            return;
        };
        let mut lines = Vec::new();
        match self.pointer.tip_slice.as_ref().filter(|d| d.slice == bar.slice) {
            Some(detail) => {
                lines.push(detail.name.clone());
                lines.push(format!(
                    "{} · self {} · {}",
                    show::duration(detail.dur_ns),
                    show::duration(detail.self_ns),
                    bar.class.word()
                ));
            }
            None => {
                let name = bar.name.and_then(|n| {
                    let names = &self.frames.frame.as_ref()?.names;
                    names.get(usize::try_from(n).ok()?).cloned()
                });
                lines.push(name.unwrap_or_else(|| "…".into()));
                lines.push(bar.class.word().into());
            }
        }
        if bar.count > 1 {
            lines.push(format!(
                "{} at this zoom; the longest is named",
                show::counted(bar.count.into(), "slice")
            ));
        }
        self.told.tip.emit(Some(Tip {
            x: (x + 14.0).min((self.viewport.width - 330.0).max(0.0)),
            y: if y + 80.0 > self.viewport.height {
                y - 64.0
            } else {
                y + 16.0
            },
            lines,
        }));
    }
}
