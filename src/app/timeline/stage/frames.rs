//! The frame on screen and the next one's question, and the map's plot of steps.
//!
//! At most one question for a frame is under way. Until its answer is there, the frame before is drawn in its new
//! place, so moving is immediate and never queues up.

use std::rc::Rc;

use super::viewport::Viewport;
use super::{Weak, change};
use crate::protocol::engine::{Answer, Question};
use crate::view::layout::{Layout, ROW_PX};
use crate::view::timescale::whole_px;
use crate::view::{Frame, HitsMap, Span, StepFilter, StepsPlot, TrackPart};
use crate::web::engine::Engine;

/// A frame's question, to tell whether the one on screen is the one that is needed.
#[derive(Clone, PartialEq)]
struct Asked {
    window: Span,
    width_px: u32,
    parts: Vec<TrackPart>,
    find: Option<String>,
}

impl Asked {
    /// Whether its frame still serves where `now` is seen: the same zoom, moved by no more than half of the room
    /// beside the window, and all rows that are `needed`.
    fn serves(&self, now: &Asked, needed: &[TrackPart]) -> bool {
        let near = self.window.start.abs_diff(now.window.start) <= now.window.len_ns().unsigned_abs() / 8;
        let holds = |part: &TrackPart| {
            self.parts.iter().any(|mine| {
                mine.track == part.track
                    && mine.first_depth <= part.first_depth
                    && mine.first_depth.saturating_add(mine.n_depths)
                        >= part.first_depth.saturating_add(part.n_depths)
            })
        };
        self.width_px == now.width_px
            && self.find == now.find
            && self.window.len_ns() == now.window.len_ns()
            && near
            && needed.iter().all(holds)
    }
}

#[derive(Default)]
pub struct Frames {
    pub frame: Option<Rc<Frame>>,
    shown: Option<Asked>,
    in_flight: bool,
    pub plot: Option<StepsPlot>,
    plot_width: u32,
    /// What is searched for, and how its hits lie along the trace.
    pub find: Option<String>,
    pub hits: Option<HitsMap>,
}

impl Frames {
    /// Marks what is searched for from now on.
    pub fn mark_hits(&mut self, find: Option<String>, hits: Option<HitsMap>) {
        self.find = find;
        self.hits = hits;
    }

    /// Asks for the frame of what is on screen, unless the one that is there serves.
    pub fn ask_frame(&mut self, engine: &Engine, viewport: &Viewport, layout: &Layout, weak: &Weak) {
        if self.in_flight || viewport.width < 1.0 || viewport.height < 1.0 {
            return;
        }
        let (scroll, room) = (viewport.scroll, viewport.room());
        let scale = viewport.scale();
        let seen = viewport.window;
        let asked = Asked {
            window: seen,
            width_px: whole_px(scale.width_px),
            parts: layout.seen_parts(scroll, room, 10.0 * ROW_PX),
            find: self.find.clone(),
        };
        let needed = layout.seen_parts(scroll, room, 2.0 * ROW_PX);
        if self
            .shown
            .as_ref()
            .is_some_and(|shown| shown.serves(&asked, &needed))
        {
            return;
        }
        self.in_flight = true;
        // A quarter more on both sides: a drag has something to pull in.
        let room = seen.len_ns() / 4;
        let window = Span::new(seen.start.saturating_sub(room), seen.end.saturating_add(room));
        let width_px = whole_px(scale.width_px * window.len_ns() as f64 / seen.len_ns().max(1) as f64);
        let weak = weak.clone();
        let (parts, find) = (asked.parts.clone(), asked.find.clone());
        engine.ask(
            Question::Timeline {
                window,
                width_px,
                parts,
                find,
            },
            move |answer| {
                change(&weak, |inner| {
                    inner.frames.in_flight = false;
                    inner.frames.shown = Some(asked);
                    if let Answer::Timeline {
                        frame: Some(frame), ..
                    } = answer
                    {
                        inner.pointer.look_again();
                        inner.frames.frame = Some(Rc::from(frame));
                    }
                });
            },
        );
    }

    /// Asks for the map's plot, if the trace has steps and the map another width than the last plot.
    pub fn ask_plot(&mut self, engine: &Engine, viewport: &Viewport, has_steps: bool, weak: &Weak) {
        let width_px = whole_px(viewport.map_scale().width_px);
        if !has_steps || width_px == self.plot_width || width_px < 2 {
            return;
        }
        self.plot_width = width_px;
        let weak = weak.clone();
        let question = Question::Steps {
            filter: StepFilter::default(),
            plot_window: Some(viewport.bounds),
            log: true,
            width_px,
        };
        engine.ask(question, move |answer| {
            change(&weak, |inner| {
                if let Answer::Steps(view) = answer {
                    inner.frames.plot = Some(view.plot);
                }
            });
        });
    }
}
