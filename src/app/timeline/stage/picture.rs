//! Drawing when something has changed, at most once a browser frame.

use super::{Inner, Weak};
use crate::app::timeline::paint::{self, Look};
use crate::web::canvas::{FrameClock, count_frame};

#[derive(Default)]
pub struct Picture {
    clock: Option<FrameClock>,
    /// The colours; `None`: they are read again with the next drawing.
    look: Option<Look>,
    sheets: paint::Sheets,
    /// Frames drawn so far.
    drawn: u32,
}

impl Picture {
    pub fn of(weak: &Weak) -> Picture {
        let weak = weak.clone();
        Picture {
            clock: Some(FrameClock::new(move || draw(&weak))),
            ..Picture::default()
        }
    }

    /// Asks for a drawing.
    pub fn ask(&self) {
        if let Some(clock) = &self.clock {
            clock.ask();
        }
    }

    pub fn forget_colours(&mut self) {
        self.look = None;
    }
}

fn draw(weak: &Weak) {
    let Some(cell) = weak.upgrade() else { return };
    let mut inner = cell.borrow_mut();
    let inner: &mut Inner = &mut inner;
    inner.measure();
    inner.tracks.layout.stick_within(inner.viewport.room());
    let mut sheets = std::mem::take(&mut inner.picture.sheets);
    if inner.picture.look.is_none() {
        sheets = paint::Sheets::default();
    }
    let look = inner.picture.look.get_or_insert_with(Look::read).clone();
    paint::main(&inner.viewport.nodes.canvas, inner, &look, &mut sheets);
    paint::map(&inner.viewport.nodes.map, inner, &look, &mut sheets);
    inner.picture.sheets = sheets;
    inner.picture.drawn = inner.picture.drawn.wrapping_add(1);
    count_frame(inner.picture.drawn);
    inner.hover_after_moving(weak);
    let (engine, viewport, layout) = (&inner.engine, &inner.viewport, &inner.tracks.layout);
    inner.frames.ask_frame(engine, viewport, layout, weak);
    let has_steps = inner.summary.n_steps > 0;
    inner.frames.ask_plot(engine, viewport, has_steps, weak);
}
