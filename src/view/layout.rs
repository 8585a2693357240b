//! The timeline from top to bottom: where each track lies, and which of them are on screen.

use rustc_hash::FxHashMap;

use super::arrangement::{Arrangement, Row};
use super::model::{SlicePlace, TimelineTracks, TrackHead, TrackKind, TrackPart};

/// Height of one depth of a track.
pub const ROW_PX: f64 = 18.0;
/// Height of a counter.
pub const COUNTER_PX: f64 = 40.0;
/// Height of a group's head.
pub const HEAD_PX: f64 = 20.0;
/// Room below a track or a head.
pub const GAP_PX: f64 = 7.0;
/// Pinned tracks stay in sight while they take no more than this part of the height.
const MOST_PINNED: f64 = 0.5;

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

/// The head of a group in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlacedHead {
    /// Place in the list of groups.
    pub group: u32,
    pub top_px: f64,
}

/// All tracks in their places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub placed: Vec<Placed>,
    pub heads: Vec<PlacedHead>,
    pub height_px: f64,
    /// Height of the pinned tracks, which come first.
    pinned_px: f64,
    /// Of them what stays in place when the rest is scrolled: all or nothing.
    sticky_px: f64,
    /// Place in `placed` by track number.
    by_track: FxHashMap<u32, usize>,
    /// The row of lanes that a lane is on.
    row_of: FxHashMap<u32, u32>,
}

impl Layout {
    /// Places the rows one below the other.
    pub fn of(tracks: &TimelineTracks, arrangement: &Arrangement) -> Layout {
        let (rows, n_pinned) = arrangement.rows(tracks);
        let mut layout = Layout::default();
        let mut at = 0.0;
        for (n, row) in rows.into_iter().enumerate() {
            if n == n_pinned {
                layout.pinned_px = at;
            }
            match row {
                Row::Group(group) => {
                    layout.heads.push(PlacedHead { group, top_px: at });
                    at += HEAD_PX + GAP_PX / 2.0;
                }
                Row::Track(row) => {
                    let head = &tracks.tracks[row];
                    let placed = placed(head, row, at, arrangement.folded.contains(&head.id));
                    at += placed.height_px + GAP_PX;
                    layout.placed.push(placed);
                }
            }
        }
        if layout.heads.is_empty() {
            layout.pinned_px = at;
        }
        layout.height_px = at;
        layout.by_track = layout.placed.iter().map(|p| p.track).zip(0..).collect();
        let lanes = tracks
            .tracks
            .iter()
            .filter_map(|head| Some((head.id, head.lane_of?)));
        layout.row_of = lanes.collect();
        layout
    }

    /// Keeps pinned tracks in sight on a screen of this height, if they leave room for others.
    pub fn stick_within(&mut self, height_px: f64) {
        let fits = self.pinned_px <= height_px * MOST_PINNED;
        self.sticky_px = if fits { self.pinned_px } else { 0.0 };
    }

    /// Height of what stays in place on top.
    pub fn sticky_px(&self) -> f64 {
        self.sticky_px
    }

    /// Whether what lies at a height stays in place.
    pub fn is_sticky(&self, top_px: f64) -> bool {
        top_px < self.sticky_px
    }

    /// From a height of the layout to one on a screen that is scrolled so far.
    pub fn on_screen(&self, top_px: f64, scroll_px: f64) -> f64 {
        if self.is_sticky(top_px) {
            top_px
        } else {
            top_px - scroll_px
        }
    }

    /// The inverse of [`Layout::on_screen`].
    pub fn from_screen(&self, y_px: f64, scroll_px: f64) -> f64 {
        if y_px < self.sticky_px {
            y_px
        } else {
            y_px + scroll_px
        }
    }

    /// The parts of the layout that a screen shows, with `room_px` above and below what is scrolled.
    fn shown(&self, scroll_px: f64, height_px: f64, room_px: f64) -> [(f64, f64); 2] {
        let top = (self.sticky_px + scroll_px - room_px).max(self.sticky_px);
        let bottom = (scroll_px + height_px + room_px).max(top);
        [(0.0, self.sticky_px), (top, bottom)]
    }

    /// The tracks that a screen shows.
    pub fn seen(&self, scroll_px: f64, height_px: f64) -> Vec<Placed> {
        let shown = self.shown(scroll_px, height_px, 0.0);
        let ranges = shown.into_iter().filter(|(from, to)| to > from);
        ranges
            .flat_map(|(from, to)| self.between(from, to))
            .copied()
            .collect()
    }

    /// What has to be asked to fill a screen, and `room_px` above and below.
    pub fn seen_parts(&self, scroll_px: f64, height_px: f64, room_px: f64) -> Vec<TrackPart> {
        let shown = self.shown(scroll_px, height_px, room_px);
        let ranges = shown.into_iter().filter(|(from, to)| to > from);
        ranges.flat_map(|(from, to)| self.parts(from, to)).collect()
    }

    /// The group whose head is at a height.
    pub fn head_at(&self, y_px: f64) -> Option<u32> {
        let after = self.heads.partition_point(|head| head.top_px <= y_px);
        let head = self.heads.get(after.checked_sub(1)?)?;
        (y_px < head.top_px + HEAD_PX).then_some(head.group)
    }

    /// The top of the row on which a slice is shown: its own, or that of the lanes with it; `None`: it is not shown.
    pub fn row_of(&self, place: SlicePlace) -> Option<f64> {
        let own = self
            .place_of(place.track)
            .filter(|placed| place.depth < placed.n_depths);
        if let Some(placed) = own {
            return Some(placed.top_px + f64::from(place.depth) * ROW_PX);
        }
        let row = self.row_of.get(&place.track).filter(|_| place.depth == 0)?;
        self.place_of(*row).map(|placed| placed.top_px)
    }

    /// The tracks that lie in part between `top_px` and `bottom_px`.
    pub fn between(&self, top_px: f64, bottom_px: f64) -> &[Placed] {
        let from = self.placed.partition_point(|p| p.top_px + p.height_px <= top_px);
        let to = self.placed.partition_point(|p| p.top_px < bottom_px);
        self.placed.get(from..to).unwrap_or_default()
    }

    /// What has to be asked to fill the screen from `top_px` to `bottom_px`.
    fn parts(&self, top_px: f64, bottom_px: f64) -> Vec<TrackPart> {
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

/// A track at a height. A folded one shows its outermost row.
fn placed(head: &TrackHead, row: usize, top_px: f64, is_folded: bool) -> Placed {
    let n_depths = if is_folded { 1 } else { head.n_depths.max(1) };
    Placed {
        row,
        track: head.id,
        top_px,
        height_px: match head.kind {
            TrackKind::Counter => COUNTER_PX,
            _ => f64::from(n_depths) * ROW_PX,
        },
        n_depths,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::view::Span;
    use crate::view::model::{GroupKind, TrackGroup};

    pub fn head(id: u32, kind: TrackKind, n_depths: u16) -> TrackHead {
        TrackHead {
            id,
            kind,
            title: String::new(),
            subtitle: String::new(),
            n_depths,
            n_slices: 1,
            min: None,
            max: None,
            group: 0,
            only_waits: false,
            lanes: Vec::new(),
            lane_of: None,
        }
    }

    fn tracks() -> TimelineTracks {
        let group = TrackGroup {
            kind: GroupKind::Engine,
            title: String::new(),
        };
        TimelineTracks {
            groups: vec![group],
            tracks: vec![
                head(4, TrackKind::Steps, 2),
                head(9, TrackKind::Host, 10),
                head(20, TrackKind::Counter, 1),
            ],
            ..TimelineTracks::default()
        }
    }

    fn layout(folded: &[u32], pinned: &[u32]) -> Layout {
        let arrangement = Arrangement {
            folded: folded.iter().copied().collect(),
            pinned: pinned.to_vec(),
            ..Arrangement::default()
        };
        Layout::of(&tracks(), &arrangement)
    }

    /// What stands below the head of the group.
    const TOP: f64 = HEAD_PX + GAP_PX / 2.0;

    #[test]
    fn tracks_stand_one_below_the_other() {
        let all = layout(&[], &[]);
        let tops: Vec<f64> = all.placed.iter().map(|p| p.top_px - TOP).collect();
        assert_eq!(tops, [0.0, 43.0, 230.0]);
        assert_eq!(all.height_px, TOP + 277.0);
        assert_eq!(layout(&[9], &[]).height_px, TOP + 277.0 - 9.0 * ROW_PX);
    }

    #[test]
    fn only_what_is_on_screen_is_asked_for() {
        let parts = layout(&[], &[]).parts(TOP + 80.0, TOP + 130.0);
        // Track 9 begins at 43: its rows 2 (79..97) to 4 (115..133).
        assert_eq!(
            parts,
            [TrackPart {
                track: 9,
                first_depth: 2,
                n_depths: 3
            }]
        );
        assert_eq!(layout(&[], &[]).parts(0.0, 1000.0).len(), 3);
        assert_eq!(layout(&[], &[]).parts(5000.0, 6000.0), []);
    }

    #[test]
    fn a_height_finds_its_track_and_depth_or_the_head_of_a_group() {
        let all = layout(&[], &[]);
        assert_eq!(all.at(TOP + 43.0).map(|(p, d)| (p.track, d)), Some((9, 0)));
        assert_eq!(
            all.at(TOP + 43.0 + 3.5 * ROW_PX).map(|(p, d)| (p.track, d)),
            Some((9, 3))
        );
        assert_eq!(all.at(TOP + 38.0), None, "between two tracks");
        assert_eq!(all.place_of(20).map(|p| p.top_px), Some(TOP + 230.0));
        assert_eq!((all.head_at(5.0), all.head_at(TOP)), (Some(0), None));
        assert_eq!(all.at(5.0), None);
    }

    #[test]
    fn pinned_tracks_stay_when_the_rest_is_scrolled() {
        let mut all = layout(&[], &[20]);
        all.stick_within(1_000.0);
        assert_eq!(all.sticky_px(), COUNTER_PX + GAP_PX);
        assert_eq!(
            (all.on_screen(3.0, 500.0), all.on_screen(60.0, 50.0)),
            (3.0, 10.0)
        );
        for y in [3.0, 47.0, 200.0] {
            assert_eq!(all.on_screen(all.from_screen(y, 120.0), 120.0), y);
        }
        let seen: Vec<u32> = all.seen(100.0, 150.0).iter().map(|p| p.track).collect();
        assert_eq!(
            seen,
            [20, 9],
            "what is scrolled behind the pinned track is not seen"
        );
        assert_eq!(all.seen_parts(100.0, 150.0, 0.0).len(), 2);
        all.stick_within(80.0);
        assert_eq!(all.sticky_px(), 0.0, "it would take more than half");
    }

    #[test]
    fn a_slice_of_a_lane_is_on_the_row_of_its_lanes() {
        let mut tracks = tracks();
        tracks.tracks[2] = TrackHead {
            lanes: vec![30],
            ..head(21, TrackKind::Device, 1)
        };
        tracks.tracks.push(TrackHead {
            lane_of: Some(21),
            ..head(30, TrackKind::Device, 2)
        });
        let place = |track, depth| SlicePlace {
            track,
            depth,
            span: Span::new(0, 1),
        };
        let folded = Layout::of(&tracks, &Arrangement::at_first(&tracks));
        assert_eq!(folded.row_of(place(30, 0)), Some(TOP + 230.0));
        assert_eq!(
            folded.row_of(place(30, 1)),
            None,
            "a row of lanes shows outermost slices"
        );
        assert_eq!(folded.row_of(place(9, 2)), Some(TOP + 43.0 + 2.0 * ROW_PX));
        let open = Layout::of(&tracks, &Arrangement::default());
        assert_eq!(open.row_of(place(30, 1)), Some(TOP + 230.0 + 25.0 + ROW_PX));
    }
}
