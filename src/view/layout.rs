//! The timeline from top to bottom: where each track lies, and which of them are on screen.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::view::model::{TrackHead, TrackKind, TrackPart};

/// Height of one depth of a track.
pub const ROW_PX: f64 = 18.0;
/// Height of a counter.
pub const COUNTER_PX: f64 = 40.0;
/// Room below a track.
pub const GAP_PX: f64 = 7.0;

/// One track in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Row in the list of tracks.
    pub row: usize,
    pub track: u32,
    pub top_px: f64,
    /// Without the gap below.
    pub height_px: f64,
    /// Depths that are shown: 1 when folded.
    pub n_depths: u16,
}

/// All tracks in their places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub placed: Vec<Placed>,
    pub height_px: f64,
    /// Place in `placed` by track number.
    by_track: FxHashMap<u32, usize>,
}

impl Layout {
    /// Places `tracks` one below the other. Folded ones (by track number) show their outermost row.
    pub fn of(tracks: &[TrackHead], folded: &FxHashSet<u32>) -> Layout {
        let mut at = 0.0;
        let mut placed = Vec::with_capacity(tracks.len());
        for (row, head) in tracks.iter().enumerate() {
            let n_depths = if folded.contains(&head.id) {
                1
            } else {
                head.n_depths.max(1)
            };
            let height_px = if head.kind == TrackKind::Counter {
                COUNTER_PX
            } else {
                f64::from(n_depths) * ROW_PX
            };
            placed.push(Placed {
                row,
                track: head.id,
                top_px: at,
                height_px,
                n_depths,
            });
            at += height_px + GAP_PX;
        }
        let by_track = placed.iter().map(|p| p.track).zip(0..).collect();
        Layout {
            placed,
            height_px: at,
            by_track,
        }
    }

    /// The tracks that lie in part between `top_px` and `bottom_px`.
    pub fn between(&self, top_px: f64, bottom_px: f64) -> &[Placed] {
        let from = self.placed.partition_point(|p| p.top_px + p.height_px <= top_px);
        let to = self.placed.partition_point(|p| p.top_px < bottom_px);
        self.placed.get(from..to).unwrap_or_default()
    }

    /// What has to be asked to fill the screen from `top_px` to `bottom_px`.
    pub fn parts(&self, top_px: f64, bottom_px: f64) -> Vec<TrackPart> {
        let depth = |px: f64| {
            u16::try_from(super::timescale::whole_ns((px / ROW_PX).floor()).max(0)).unwrap_or(u16::MAX)
        };
        self.between(top_px, bottom_px)
            .iter()
            .map(|p| {
                let first_depth = depth(top_px - p.top_px).min(p.n_depths.saturating_sub(1));
                let last_depth = depth(bottom_px - p.top_px).min(p.n_depths.saturating_sub(1));
                TrackPart {
                    track: p.track,
                    first_depth,
                    n_depths: last_depth + 1 - first_depth,
                }
            })
            .collect()
    }

    /// The track at a height, and the depth in it.
    pub fn at(&self, y_px: f64) -> Option<(Placed, u16)> {
        let placed = *self.between(y_px, y_px + 1e-6).first()?;
        let depth = super::timescale::whole_ns(((y_px - placed.top_px) / ROW_PX).floor());
        let depth = u16::try_from(depth).ok()?;
        (y_px >= placed.top_px).then_some((placed, depth.min(placed.n_depths - 1)))
    }

    /// Where a track lies.
    pub fn place_of(&self, track: u32) -> Option<Placed> {
        self.by_track.get(&track).map(|&i| self.placed[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(id: u32, kind: TrackKind, n_depths: u16) -> TrackHead {
        TrackHead {
            id,
            kind,
            title: String::new(),
            subtitle: String::new(),
            n_depths,
            n_slices: 1,
            min: None,
            max: None,
        }
    }

    fn layout(folded: &[u32]) -> Layout {
        let tracks = [
            head(4, TrackKind::Steps, 2),
            head(9, TrackKind::Host, 10),
            head(20, TrackKind::Counter, 1),
        ];
        Layout::of(&tracks, &folded.iter().copied().collect())
    }

    #[test]
    fn tracks_stand_one_below_the_other() {
        let all = layout(&[]);
        let tops: Vec<f64> = all.placed.iter().map(|p| p.top_px).collect();
        assert_eq!(tops, [0.0, 43.0, 230.0]);
        assert_eq!(all.height_px, 277.0);
        assert_eq!(layout(&[9]).height_px, 277.0 - 9.0 * ROW_PX);
    }

    #[test]
    fn only_what_is_on_screen_is_asked_for() {
        let parts = layout(&[]).parts(80.0, 130.0);
        // Track 9 begins at 43: its rows 2 (79..97) to 4 (115..133).
        assert_eq!(
            parts,
            [TrackPart {
                track: 9,
                first_depth: 2,
                n_depths: 3
            }]
        );
        assert_eq!(layout(&[]).parts(0.0, 1000.0).len(), 3);
        assert_eq!(layout(&[]).parts(5000.0, 6000.0), []);
    }

    #[test]
    fn a_height_finds_its_track_and_depth() {
        let all = layout(&[]);
        assert_eq!(all.at(43.0).map(|(p, d)| (p.track, d)), Some((9, 0)));
        assert_eq!(
            all.at(43.0 + 3.5 * ROW_PX).map(|(p, d)| (p.track, d)),
            Some((9, 3))
        );
        assert_eq!(all.at(38.0), None, "between two tracks");
        assert_eq!(all.place_of(20).map(|p| p.top_px), Some(230.0));
    }
}
