//! What the reader has chosen or a link points out: a slice, a stretch, an area.

use super::{CLICK_PX, Inner};
use crate::app::timeline::area::Chosen;
use crate::app::timeline::hits;
use crate::app::timeline::paint::AXIS_PX;
use crate::view::layout::ROW_PX;
use crate::view::route::Note;
use crate::view::{SliceDetail, Span};

#[derive(Default)]
pub struct Selection {
    pub slice: Option<SliceDetail>,
    pub mark: Option<Span>,
    /// An area, and the heights it spans (in the layout).
    pub area: Option<(Span, f64, f64)>,
    /// Stretches that the reader has marked.
    pub notes: Vec<Note>,
    /// The slice to fit in the window as soon as it is known.
    pub zoom_to: Option<u32>,
    seen_reveal: u32,
    seen_mark: u32,
}

impl Selection {
    /// `revealed`: the last link that the timeline has moved for.
    pub fn new(revealed: u32) -> Selection {
        Selection {
            seen_reveal: revealed,
            seen_mark: revealed,
            ..Selection::default()
        }
    }

    /// The stretch of what is chosen.
    pub fn span(&self) -> Option<Span> {
        let slice = self.slice.as_ref().map(|detail| detail.place().span);
        slice.or(self.mark).or(self.area.map(|a| a.0))
    }
}

impl Inner {
    /// Points out a stretch, and moves to it if a link has led here.
    pub fn set_mark(&mut self, mark: Option<Span>, reveal: u32) {
        self.selection.mark = mark;
        if self.selection.seen_mark != reveal
            && let Some(mark) = mark
        {
            self.viewport.show_around(mark);
        }
        self.selection.seen_mark = reveal;
    }

    /// Selects a slice, and moves to it if a link has led here.
    pub fn set_slice(&mut self, detail: Option<SliceDetail>, reveal: u32) {
        let led = self.selection.seen_reveal != reveal;
        if let Some(detail) = &detail {
            self.show_slice(detail, led);
            self.selection.seen_reveal = reveal;
            if self
                .selection
                .zoom_to
                .take_if(|slice| *slice == detail.slice)
                .is_some()
            {
                self.viewport.show_around(detail.place().span);
            }
        }
        self.selection.slice = detail;
    }

    /// Scrolls to a slice's row; moves the window if asked, or if the slice could not be seen else.
    fn show_slice(&mut self, detail: &SliceDetail, led: bool) {
        self.measure();
        let mut arrangement = self.tracks.arrangement.clone();
        if arrangement.reveal(&self.tracks.known, detail.track, detail.depth) {
            self.arrange(arrangement);
        }
        if let Some(top_px) = self.tracks.layout.row_of(detail.place()) {
            self.viewport.scroll_to_row(top_px, &self.tracks.layout);
        }
        let span = detail.place().span;
        let window = self.viewport.window;
        let hidden = span.start >= window.end || span.end <= window.start;
        if led && self.selection.mark.is_none() {
            self.viewport.show_around(span);
        } else if hidden {
            let middle = span.start.saturating_add(span.len_ns() / 2);
            self.viewport.show_in_the_middle(middle);
        }
    }

    /// The slice that `to` finds beside the selected one, or that one where there is none.
    pub fn neighbour(&self, to: impl Fn(&SliceDetail) -> Option<u32>) -> Option<u32> {
        match &self.selection.slice {
            Some(detail) => to(detail).or(Some(detail.slice)),
            // Nothing selected: the first slice on screen.
            None => hits::first_in_sight(&self.viewport, &self.tracks.layout, self.frames.frame.as_ref()?),
        }
    }

    /// Fits a slice in the window, now or when it is known.
    pub fn zoom_to(&mut self, slice: u32) {
        match self
            .selection
            .slice
            .as_ref()
            .filter(|detail| detail.slice == slice)
        {
            Some(detail) => self.viewport.show_around(detail.place().span),
            None => self.selection.zoom_to = Some(slice),
        }
    }

    /// Where on the canvas the selected slice is seen, below its bar; `None`: it is not.
    pub fn place_of_selection(&self) -> Option<(f64, f64)> {
        let place = self.selection.slice.as_ref()?.place();
        let scale = self.viewport.scale();
        let x = scale.x(place.span.start).clamp(0.0, scale.width_px);
        let y = self
            .tracks
            .layout
            .on_screen(self.tracks.layout.row_of(place)?, self.viewport.scroll);
        let y = (y + ROW_PX).clamp(0.0, self.viewport.room());
        Some((self.viewport.label() + x, AXIS_PX + y))
    }

    /// The drawn area as a question, if it is more than a slip of the hand.
    pub fn chosen_area(&mut self) -> Option<Chosen> {
        let (window, top, bottom) = self.selection.area?;
        let scale = self.viewport.scale();
        if scale.x(window.end) - scale.x(window.start) < CLICK_PX {
            self.selection.area = None;
            return None;
        }
        let tracks = self.tracks.recorded(self.tracks.layout.between(top, bottom));
        Some(Chosen { window, tracks })
    }
}
