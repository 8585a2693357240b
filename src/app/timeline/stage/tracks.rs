//! The tracks, which of them are folded, and where each stands.

use rustc_hash::FxHashSet;

use crate::view::layout::Layout;
use crate::view::{TimelineTracks, TrackKind};

pub struct Tracks {
    pub known: TimelineTracks,
    pub folded: FxHashSet<u32>,
    pub layout: Layout,
    /// Raised when tracks are folded.
    pub layout_no: u32,
}

impl Tracks {
    pub fn new(known: TimelineTracks) -> Tracks {
        // Stacks are deep: python tracks stand folded where they would push all else off the screen.
        let folded: FxHashSet<u32> = known
            .tracks
            .iter()
            .filter(|t| t.kind == TrackKind::Python && t.n_depths > 40)
            .map(|t| t.id)
            .collect();
        Tracks {
            layout: Layout::of(&known.tracks, &folded),
            known,
            folded,
            layout_no: 0,
        }
    }

    /// Folds or unfolds the track at a height of the layout. Whether there is one.
    pub fn fold_at(&mut self, y_px: f64) -> bool {
        let Some((placed, _)) = self.layout.at(y_px) else {
            return false;
        };
        if !self.folded.remove(&placed.track) {
            self.folded.insert(placed.track);
        }
        self.lay_out();
        true
    }

    /// Unfolds a track. Whether it was folded.
    pub fn unfold(&mut self, track: u32) -> bool {
        let was_folded = self.folded.remove(&track);
        if was_folded {
            self.lay_out();
        }
        was_folded
    }

    fn lay_out(&mut self) {
        self.layout = Layout::of(&self.known.tracks, &self.folded);
        self.layout_no = self.layout_no.wrapping_add(1);
    }
}
