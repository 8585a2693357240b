//! How the reader has arranged the timeline's tracks: which are folded, pinned, hidden, and in which order. What is
//! pinned comes on top, then group by group what is left.

use rustc_hash::FxHashSet;

use super::model::{TimelineTracks, TrackHead, TrackKind};

/// Deeper stacks than this would push all else off the screen: they are folded at first.
const DEEP: u16 = 40;

/// One row of the timeline, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// The head of a group, by its place in [`TimelineTracks::groups`].
    Group(u32),
    /// A track, by its place in [`TimelineTracks::tracks`].
    Track(usize),
}

/// See the module. Tracks are known by their numbers, groups by their places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrangement {
    pub folded_groups: FxHashSet<u32>,
    /// Tracks of which only the outermost slices show, and rows of lanes whose lanes do not.
    pub folded: FxHashSet<u32>,
    /// In order from the top.
    pub pinned: Vec<u32>,
    pub hidden: FxHashSet<u32>,
    /// Hidden tracks are shown nevertheless.
    pub shows_hidden: bool,
    /// Only tracks whose name, process or thread contains this are shown.
    pub filter: String,
    /// Tracks in the reader's order, where it is not the trace's: all of them.
    pub order: Vec<u32>,
}

impl Arrangement {
    /// What stands open at first: all but deep python stacks, threads that only wait, and lanes of one engine.
    pub fn at_first(tracks: &TimelineTracks) -> Arrangement {
        let is_folded = |head: &TrackHead| {
            let is_deep = head.kind == TrackKind::Python && head.n_depths > DEEP;
            is_deep || !head.lanes.is_empty() || (head.only_waits && head.n_depths > 1)
        };
        let folded = tracks.tracks.iter().filter(|head| is_folded(head));
        let open: FxHashSet<u32> = tracks
            .tracks
            .iter()
            .filter(|head| !head.only_waits)
            .map(|head| head.group)
            .collect();
        Arrangement {
            folded: folded.map(|head| head.id).collect(),
            folded_groups: (0..)
                .zip(&tracks.groups)
                .map(|(group, _)| group)
                .filter(|group| !open.contains(group))
                .collect(),
            ..Arrangement::default()
        }
    }

    /// The rows from top to bottom, and how many of them are pinned.
    pub fn rows(&self, tracks: &TimelineTracks) -> (Vec<Row>, usize) {
        let places = self.in_order(tracks);
        let by_id = |id: u32| tracks.tracks.iter().position(|head| head.id == id);
        let mut rows: Vec<Row> = self
            .pinned
            .iter()
            .filter_map(|&id| by_id(id))
            .filter(|&place| self.is_shown(&tracks.tracks[place]))
            .map(Row::Track)
            .collect();
        let n_pinned = rows.len();
        let pinned: FxHashSet<u32> = self.pinned.iter().copied().collect();
        let mut of_group: Vec<Vec<usize>> = vec![Vec::new(); tracks.groups.len()];
        // Lanes of a folded row are on that row, unless they are named by the filter.
        let filters = !self.filter.trim().is_empty();
        for place in places {
            let head = &tracks.tracks[place];
            let is_on_row = head
                .lane_of
                .is_some_and(|row| self.folded.contains(&row) && !filters);
            if is_on_row || pinned.contains(&head.id) || !self.is_shown(head) {
                continue;
            }
            if let Some(list) = of_group.get_mut(head.group as usize) {
                list.push(place);
            }
        }
        for (group, list) in (0..).zip(of_group) {
            if list.is_empty() {
                continue;
            }
            rows.push(Row::Group(group));
            if filters || !self.folded_groups.contains(&group) {
                rows.extend(list.into_iter().map(Row::Track));
            }
        }
        (rows, n_pinned)
    }

    /// Whether a track is shown when its group is open.
    pub fn is_shown(&self, head: &TrackHead) -> bool {
        let is_hidden = |id: &u32| self.hidden.contains(id);
        let hidden = is_hidden(&head.id) || head.lane_of.as_ref().is_some_and(is_hidden);
        (self.shows_hidden || !hidden) && self.is_found(head)
    }

    /// Whether the filter lets it through.
    pub fn is_found(&self, head: &TrackHead) -> bool {
        let wanted = self.filter.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        wanted.is_empty() || has(&head.title) || has(&head.subtitle)
    }

    /// Places of all tracks in the reader's order, lanes behind their row.
    pub fn in_order(&self, tracks: &TimelineTracks) -> Vec<usize> {
        let mut places: Vec<usize> = (0..tracks.tracks.len()).collect();
        if self.order.is_empty() {
            return places;
        }
        let rank: rustc_hash::FxHashMap<u32, usize> = self.order.iter().copied().zip(0..).collect();
        let rank = |id: u32| rank.get(&id).copied().unwrap_or(usize::MAX);
        crate::base::order::sort_by_key(&mut places, |&place| {
            let head = &tracks.tracks[place];
            (
                rank(head.lane_of.unwrap_or(head.id)),
                head.lane_of.is_some(),
                rank(head.id),
            )
        });
        places
    }

    /// Folds what is unfolded, and unfolds what is folded.
    pub fn fold(&mut self, track: u32) {
        toggle(&mut self.folded, track);
    }

    pub fn fold_group(&mut self, group: u32) {
        toggle(&mut self.folded_groups, group);
    }

    /// Folds all groups, or opens them.
    pub fn fold_all(&mut self, tracks: &TimelineTracks, folded: bool) {
        self.folded_groups = match folded {
            true => (0..).zip(&tracks.groups).map(|(group, _)| group).collect(),
            false => FxHashSet::default(),
        };
    }

    /// Pins a track below those that are pinned, or lets it go.
    pub fn pin(&mut self, track: u32) {
        match self.pinned.iter().position(|&id| id == track) {
            Some(place) => {
                self.pinned.remove(place);
            }
            None => self.pinned.push(track),
        }
    }

    /// Hides a track, or shows it again.
    pub fn hide(&mut self, track: u32) {
        toggle(&mut self.hidden, track);
        if self.hidden.is_empty() {
            self.shows_hidden = false;
        }
    }

    /// Moves a track past the one above or below it that is shown: among the pinned ones, or within its group. Whether
    /// there is one.
    pub fn move_by(&mut self, tracks: &TimelineTracks, track: u32, down: bool) -> bool {
        if let Some(place) = self.pinned.iter().position(|&id| id == track) {
            let to = if down { place + 1 } else { place.wrapping_sub(1) };
            let can = to < self.pinned.len();
            if can {
                self.pinned.swap(place, to);
            }
            return can;
        }
        let heads = &tracks.tracks;
        let order = self.in_order(tracks);
        let Some(at) = order.iter().position(|&place| heads[place].id == track) else {
            return false;
        };
        let me = &heads[order[at]];
        let is_beside = |other: &TrackHead| {
            let stands = other.group == me.group && other.lane_of == me.lane_of;
            stands && !self.pinned.contains(&other.id) && self.is_shown(other)
        };
        let mut others: Box<dyn Iterator<Item = &usize>> = match down {
            true => Box::new(order[at + 1..].iter()),
            false => Box::new(order[..at].iter().rev()),
        };
        let Some(other) = others
            .find(|&&place| is_beside(&heads[place]))
            .map(|&place| heads[place].id)
        else {
            return false;
        };
        drop(others);
        let mut ids: Vec<u32> = order.iter().map(|&place| heads[place].id).collect();
        ids.retain(|&id| id != track);
        if let Some(place) = ids.iter().position(|&id| id == other) {
            ids.insert(place + usize::from(down), track);
        }
        self.order = ids;
        true
    }

    /// Changes what keeps a slice of this track and depth from being seen. Whether anything did.
    pub fn reveal(&mut self, tracks: &TimelineTracks, track: u32, depth: u16) -> bool {
        let Some(head) = tracks.tracks.iter().find(|head| head.id == track) else {
            return false;
        };
        let before = self.clone();
        if !self.is_found(head) {
            self.filter.clear();
        }
        self.hidden.remove(&track);
        self.hidden.retain(|id| head.lane_of != Some(*id));
        if !self.pinned.contains(&track) {
            let row_is_pinned = head.lane_of.is_some_and(|row| self.pinned.contains(&row));
            if !row_is_pinned || depth > 0 {
                self.folded_groups.remove(&head.group);
            }
        }
        if depth > 0 {
            self.folded.remove(&track);
            self.folded.retain(|id| head.lane_of != Some(*id));
        }
        *self != before
    }

    /// How many tracks are hidden, those of a hidden row with it.
    pub fn n_hidden(&self) -> usize {
        self.hidden.len()
    }
}

fn toggle(set: &mut FxHashSet<u32>, id: u32) {
    if !set.remove(&id) {
        set.insert(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::layout::tests::head;
    use crate::view::model::{GroupKind, TrackGroup};

    /// Engine: 0 steps, 1 host, 2 deep python. Device: row 9 of lanes 3 and 4, then 5. A process that only waits: 6.
    fn tracks() -> TimelineTracks {
        let of = |group: u32, id: u32, kind, n_depths| TrackHead {
            group,
            title: format!("t{id}"),
            ..head(id, kind, n_depths)
        };
        let lane = |id: u32| TrackHead {
            lane_of: Some(9),
            ..of(1, id, TrackKind::Device, 1)
        };
        let group = |kind: GroupKind| TrackGroup {
            kind,
            title: kind.word().to_owned(),
        };
        TimelineTracks {
            groups: vec![
                group(GroupKind::Engine),
                group(GroupKind::Device),
                group(GroupKind::Process),
            ],
            tracks: vec![
                of(0, 0, TrackKind::Steps, 2),
                of(0, 1, TrackKind::Host, 10),
                of(0, 2, TrackKind::Python, 60),
                TrackHead {
                    lanes: vec![3, 4],
                    ..of(1, 9, TrackKind::Device, 1)
                },
                lane(3),
                lane(4),
                of(1, 5, TrackKind::Device, 1),
                TrackHead {
                    only_waits: true,
                    ..of(2, 6, TrackKind::Host, 3)
                },
            ],
            ..TimelineTracks::default()
        }
    }

    /// `g0` for a group's head, else the track's number.
    fn shown(arrangement: &Arrangement) -> Vec<String> {
        let tracks = tracks();
        let text = |row: &Row| match row {
            Row::Group(group) => format!("g{group}"),
            Row::Track(place) => tracks.tracks[*place].id.to_string(),
        };
        arrangement.rows(&tracks).0.iter().map(text).collect()
    }

    #[test]
    fn at_first_lanes_are_one_row_and_what_waits_is_folded_and_last() {
        let first = Arrangement::at_first(&tracks());
        assert_eq!(shown(&first), ["g0", "0", "1", "2", "g1", "9", "5", "g2"]);
        assert!(first.folded.contains(&2) && first.folded.contains(&6) && !first.folded.contains(&1));
        assert!(first.folded_groups.contains(&2) && !first.folded_groups.contains(&0));
    }

    #[test]
    fn a_row_of_lanes_unfolds_to_its_lanes() {
        let mut mine = Arrangement::at_first(&tracks());
        mine.fold(9);
        assert_eq!(shown(&mine)[4..], ["g1", "9", "3", "4", "5", "g2"]);
        mine.hide(9);
        assert_eq!(
            shown(&mine)[4..],
            ["g1", "5", "g2"],
            "lanes of a hidden row are hidden"
        );
    }

    #[test]
    fn all_groups_fold_and_open() {
        let mut mine = Arrangement::at_first(&tracks());
        mine.fold_all(&tracks(), true);
        assert_eq!(shown(&mine), ["g0", "g1", "g2"]);
        mine.fold_group(1);
        assert_eq!(shown(&mine), ["g0", "g1", "9", "5", "g2"]);
        mine.fold_all(&tracks(), false);
        assert_eq!(shown(&mine), ["g0", "0", "1", "2", "g1", "9", "5", "g2", "6"]);
    }

    #[test]
    fn pins_come_on_top_in_their_order() {
        let mut mine = Arrangement::at_first(&tracks());
        mine.pin(5);
        mine.pin(1);
        assert_eq!(shown(&mine), ["5", "1", "g0", "0", "2", "g1", "9", "g2"]);
        assert_eq!(mine.rows(&tracks()).1, 2);
        assert!(mine.move_by(&tracks(), 1, false));
        assert_eq!(shown(&mine)[..2], ["1", "5"]);
        assert!(!mine.move_by(&tracks(), 1, false), "it is the first");
        mine.pin(5);
        assert_eq!(shown(&mine), ["1", "g0", "0", "2", "g1", "9", "5", "g2"]);
    }

    #[test]
    fn hidden_tracks_go_and_can_be_shown() {
        let mut mine = Arrangement::at_first(&tracks());
        mine.hide(0);
        mine.hide(1);
        mine.hide(2);
        assert_eq!(
            shown(&mine),
            ["g1", "9", "5", "g2"],
            "a group of which nothing is left has no head"
        );
        mine.shows_hidden = true;
        assert_eq!(shown(&mine)[..4], ["g0", "0", "1", "2"]);
        mine.hide(0);
        mine.hide(1);
        mine.hide(2);
        assert!(!mine.shows_hidden && mine.hidden.is_empty());
    }

    #[test]
    fn a_filter_opens_groups_and_reaches_lanes() {
        let mut mine = Arrangement::at_first(&tracks());
        mine.filter = " T6 ".to_owned();
        assert_eq!(shown(&mine), ["g2", "6"]);
        mine.filter = "t3".to_owned();
        assert_eq!(shown(&mine), ["g1", "3"]);
        mine.filter = "nothing".to_owned();
        assert_eq!(shown(&mine), [""; 0]);
    }

    #[test]
    fn a_track_moves_within_its_group_past_what_is_shown() {
        let mut mine = Arrangement::at_first(&tracks());
        mine.hide(1);
        assert!(mine.move_by(&tracks(), 2, false));
        assert_eq!(shown(&mine)[..3], ["g0", "2", "0"]);
        assert!(!mine.move_by(&tracks(), 2, false));
        assert!(
            mine.move_by(&tracks(), 9, true),
            "a row of lanes takes its lanes along"
        );
        mine.fold(9);
        assert_eq!(shown(&mine)[3..], ["g1", "5", "9", "3", "4", "g2"]);
        assert!(mine.move_by(&tracks(), 4, false));
        assert_eq!(shown(&mine)[3..], ["g1", "5", "9", "4", "3", "g2"]);
        assert!(!mine.move_by(&tracks(), 77, true));
    }

    #[test]
    fn what_keeps_a_slice_from_being_seen_is_undone() {
        let mut mine = Arrangement::at_first(&tracks());
        assert!(!mine.reveal(&tracks(), 1, 3), "it can be seen");
        assert!(mine.reveal(&tracks(), 6, 0));
        assert_eq!(shown(&mine).last().map(String::as_str), Some("6"));
        assert!(!mine.reveal(&tracks(), 3, 0), "its row shows it");
        assert!(mine.reveal(&tracks(), 3, 1));
        assert!(shown(&mine).contains(&"3".to_owned()));
        mine.hide(1);
        mine.filter = "t5".to_owned();
        assert!(mine.reveal(&tracks(), 1, 0));
        assert!(shown(&mine).contains(&"1".to_owned()));
    }
}
