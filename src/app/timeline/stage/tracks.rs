//! The tracks, how the reader has arranged them, and where each stands.

use crate::view::arrangement::Arrangement;
use crate::view::layout::{Layout, Placed};
use crate::view::{TimelineTracks, TrackHead};

pub struct Tracks {
    pub known: TimelineTracks,
    pub arrangement: Arrangement,
    pub layout: Layout,
    /// Raised when tracks are arranged.
    pub layout_no: u32,
}

impl Tracks {
    pub fn new(known: TimelineTracks, arrangement: Arrangement) -> Tracks {
        Tracks {
            layout: Layout::of(&known, &arrangement),
            known,
            arrangement,
            layout_no: 0,
        }
    }

    /// Arranges the tracks anew. Whether anything is different.
    pub fn arrange(&mut self, arrangement: Arrangement) -> bool {
        let is_new = self.arrangement != arrangement;
        if is_new {
            self.layout = Layout::of(&self.known, &arrangement);
            self.arrangement = arrangement;
            self.layout_no = self.layout_no.wrapping_add(1);
        }
        is_new
    }

    /// The arrangement after the track or group at a height of the layout is folded or unfolded, if there is one.
    pub fn folded_at(&self, y_px: f64) -> Option<Arrangement> {
        let mut next = self.arrangement.clone();
        match self.layout.head_at(y_px) {
            Some(group) => next.fold_group(group),
            None => next.fold(self.layout.at(y_px)?.0.track),
        }
        Some(next)
    }

    pub fn head(&self, placed: &Placed) -> Option<&TrackHead> {
        self.known.tracks.get(placed.row)
    }

    /// The recorded tracks of what is placed: lanes in place of the row that stands for them.
    pub fn recorded(&self, placed: &[Placed]) -> Vec<u32> {
        let mut tracks: Vec<u32> = Vec::new();
        for head in placed.iter().filter_map(|placed| self.head(placed)) {
            let own = std::slice::from_ref(&head.id);
            for &track in if head.lanes.is_empty() {
                own
            } else {
                &head.lanes[..]
            } {
                if !tracks.contains(&track) {
                    tracks.push(track);
                }
            }
        }
        tracks
    }
}
