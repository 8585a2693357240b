//! All slices that a search finds, by lane: what the timeline marks, counts and steps through.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, Span, TrackId, order};
use crate::index::Index;

use super::by_name::ByName;
use super::model::{HitsMap, MAX_COLUMNS, MAX_HITS, NextSlice};

/// What a search looks for: a part of a name without regard to ASCII case, or in quotes a whole name.
pub struct Wanted {
    text: String,
    is_whole: bool,
}

impl Wanted {
    pub fn of(text: &str) -> Wanted {
        let text = text.trim();
        let whole = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match whole.filter(|name| !name.is_empty()) {
            Some(name) => Wanted {
                text: name.to_owned(),
                is_whole: true,
            },
            None => Wanted {
                text: text.to_ascii_lowercase(),
                is_whole: false,
            },
        }
    }

    pub fn is_nothing(&self) -> bool {
        self.text.is_empty()
    }

    pub fn is(&self, name: &str) -> bool {
        match self.is_whole {
            true => name == self.text,
            false => name.to_ascii_lowercase().contains(&self.text),
        }
    }
}

/// See the module.
pub struct Hits {
    text: String,
    n_slices: u64,
    /// Numbers of slices, lane by lane, in order of start within each.
    slices: Vec<u32>,
    lanes: FxHashMap<(u32, u16), std::ops::Range<usize>>,
}

/// The hits of one lane, in order of start.
#[derive(Clone, Copy)]
pub struct HitLane<'a>(&'a [u32]);

impl HitLane<'_> {
    /// Whether one starts from `from` to `to`, which is in it.
    pub fn any(&self, index: &Index, from: i64, to: i64) -> bool {
        let start = |slice: u32| index.slices.start(SliceId(slice)).as_ns();
        let first = self.0.partition_point(|&slice| start(slice) < from);
        self.0.get(first).is_some_and(|&slice| start(slice) <= to)
    }
}

impl Hits {
    pub fn of(index: &Index, by_name: &ByName, text: &str) -> Hits {
        let wanted = Wanted::of(text);
        let mut is_wanted = vec![false; index.names.len()];
        let mut n_slices = 0;
        if !wanted.is_nothing() {
            for (name, alike) in by_name.wanted(index, |name| wanted.is(name)) {
                is_wanted[name.index()] = true;
                n_slices += u64::from(alike.count);
            }
        }
        let mut slices: Vec<u32> = Vec::new();
        let mut lanes = FxHashMap::default();
        if n_slices > 0 {
            let is_hit = |id: &SliceId| is_wanted[index.slices.name(*id).index()];
            slices.extend(index.slices.ids().filter(is_hit).take(MAX_HITS).map(|id| id.0));
            // Rows are in order of track and start; the order is kept within a lane.
            let lane = |slice: &u32| {
                let id = SliceId(*slice);
                (index.track_of(id).0, index.slices.depth(id))
            };
            order::sort_by_key(&mut slices, lane);
            let mut from = 0;
            for of_lane in slices.chunk_by(|a, b| lane(a) == lane(b)) {
                let to = from + of_lane.len();
                lanes.insert(lane(&of_lane[0]), from..to);
                from = to;
            }
        }
        Hits {
            text: text.to_owned(),
            n_slices,
            slices,
            lanes,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn lane(&self, track: u32, depth: u16) -> HitLane<'_> {
        let range = self.lanes.get(&(track, depth)).cloned();
        HitLane(range.and_then(|range| self.slices.get(range)).unwrap_or_default())
    }

    /// How many start in each of `width_px` columns of `window`.
    pub fn map(&self, index: &Index, window: Span, width_px: u32) -> HitsMap {
        let width = width_px.min(MAX_COLUMNS);
        let mut columns = vec![0u32; width as usize];
        let length = i128::from(window.len_ns().max(1));
        for &slice in &self.slices {
            let at = i128::from(index.slices.start(SliceId(slice)).as_ns()) - i128::from(window.start);
            let column = usize::try_from((at * i128::from(width)).div_euclid(length));
            if let Some(count) = column.ok().and_then(|column| columns.get_mut(column)) {
                *count = count.saturating_add(1);
            }
        }
        HitsMap {
            text: self.text.clone(),
            n_slices: self.n_slices,
            n_marked: self.slices.len() as u64,
            columns,
        }
    }

    /// The next hit in order of start behind `from`, or before it; behind the last comes the first.
    pub fn next(&self, index: &Index, from: Since, forward: bool) -> NextSlice {
        let lanes = self
            .lanes
            .values()
            .filter_map(|range| self.slices.get(range.clone()));
        next_of(index, lanes, from, forward)
    }
}

/// Where a search for the next slice begins: an instant, and the slice that is left there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Since {
    pub at_ns: i64,
    pub slice: Option<u32>,
}

impl Since {
    /// Of a slice its start; else an instant.
    pub fn of(index: &Index, slice: Option<u32>, at_ns: i64) -> Since {
        let slice = slice.filter(|&row| (row as usize) < index.slices.len());
        Since {
            at_ns: slice.map_or(at_ns, |row| index.slices.start(SliceId(row)).as_ns()),
            slice,
        }
    }
}

/// The next of several slices, given in lists that are each in order of start.
fn next_of<'a>(
    index: &Index,
    lists: impl Iterator<Item = &'a [u32]> + Clone,
    from: Since,
    forward: bool,
) -> NextSlice {
    let key = |slice: u32| (index.slices.start(SliceId(slice)).as_ns(), Some(slice));
    let here = (from.at_ns, from.slice);
    let of = lists.clone().map(|list| list.len() as u64).sum();
    let beside = lists.clone().filter_map(|list| {
        let behind = list.partition_point(|&slice| key(slice) <= here);
        let before = list.partition_point(|&slice| key(slice) < here);
        let found = if forward {
            list.get(behind)
        } else {
            list.get(before.checked_sub(1)?)
        };
        found.map(|&slice| key(slice))
    });
    let beside = if forward { beside.min() } else { beside.max() };
    let round = || {
        let ends = lists
            .clone()
            .filter_map(|list| if forward { list.first() } else { list.last() });
        let ends = ends.map(|&slice| key(slice));
        if forward { ends.min() } else { ends.max() }
    };
    let Some(found) = beside.or_else(round) else {
        return NextSlice::default();
    };
    let until = lists.map(|list| list.partition_point(|&slice| key(slice) <= found) as u64);
    NextSlice {
        slice: found.1,
        number: until.sum(),
        of,
    }
}

/// The next slice with the name of `slice`, on any track, in order of start.
pub fn next_alike(index: &Index, slice: u32, forward: bool) -> NextSlice {
    if slice as usize >= index.slices.len() {
        return NextSlice::default();
    }
    let name: NameId = index.slices.name(SliceId(slice));
    let tracks = index.track_ids().map(|id: TrackId| index.track(id).rows.clone());
    // Rows of a track are in order of start.
    let alike: Vec<Vec<u32>> = tracks
        .map(|rows| {
            rows.filter(|&row| index.slices.name(SliceId(row)) == name)
                .collect()
        })
        .filter(|list: &Vec<u32>| !list.is_empty())
        .collect();
    let from = Since::of(index, Some(slice), 0);
    next_of(index, alike.iter().map(Vec::as_slice), from, forward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::open_bytes;

    /// On thread 1 at 0, 40 and 90 µs, on thread 2 at 20 and 40 µs, and one within another.
    const TRACE: &str = r#"[
        {"ph":"X","name":"gemm","pid":1,"tid":1,"ts":0,"dur":10},
        {"ph":"X","name":"Gemm_2","pid":1,"tid":1,"ts":40,"dur":30},
        {"ph":"X","name":"gemm","pid":1,"tid":1,"ts":45,"dur":5},
        {"ph":"X","name":"add","pid":1,"tid":1,"ts":90,"dur":10},
        {"ph":"X","name":"gemm","pid":1,"tid":2,"ts":20,"dur":10},
        {"ph":"X","name":"gemm","pid":1,"tid":2,"ts":40,"dur":10}]"#;

    #[test]
    fn a_search_is_a_part_of_a_name_or_in_quotes_a_whole_one() {
        assert!(Wanted::of(" GEMM ").is("Gemm_2"));
        assert!(!Wanted::of("\"gemm\"").is("Gemm_2"));
        assert!(Wanted::of("\"gemm\"").is("gemm"));
        assert!(
            Wanted::of("\"").is("say \"x\""),
            "a quote alone is a part of a name"
        );
        assert!(Wanted::of("  ").is_nothing());
    }

    #[test]
    fn hits_are_counted_by_column_and_found_by_lane() {
        let t = open_bytes("t", TRACE.as_bytes()).unwrap();
        let hits = Hits::of(&t.index, &ByName::of(&t.index), "gemm");
        let map = hits.map(&t.index, Span::new(0, 100_000), 5);
        assert_eq!((map.n_slices, map.n_marked), (5, 5));
        assert_eq!(map.columns, [1, 1, 3, 0, 0]);
        let any = |depth, from_us: i64, to_us: i64| {
            hits.lane(0, depth).any(&t.index, from_us * 1_000, to_us * 1_000)
        };
        assert!(any(0, 0, 0) && any(0, 40, 90) && any(1, 41, 50));
        assert!(!any(0, 41, 100) && !any(1, 0, 44));
    }

    #[test]
    fn the_next_hit_is_next_in_time_and_goes_round() {
        let t = open_bytes("t", TRACE.as_bytes()).unwrap();
        let index = &t.index;
        let hits = Hits::of(index, &ByName::of(index), "gemm");
        let mut from = Since::of(index, None, -1);
        let mut seen = Vec::new();
        for number in [1, 2, 3, 4, 5, 1] {
            let next = hits.next(index, from, true);
            assert_eq!((next.number, next.of), (number, 5));
            from = Since::of(index, next.slice, 0);
            seen.push(from.at_ns / 1_000);
        }
        assert_eq!(seen, [0, 20, 40, 40, 45, 0]);
        assert_eq!(
            hits.next(index, from, false).number,
            5,
            "before the first is the last"
        );
        // From an instant at which one starts, that one is behind it, and not before.
        assert_eq!(hits.next(index, Since::of(index, None, 20_000), true).number, 2);
        assert_eq!(hits.next(index, Since::of(index, None, 20_000), false).number, 1);
        let none = Hits::of(index, &ByName::of(index), "nothing of it");
        assert_eq!(none.next(index, from, true), NextSlice::default());
    }

    #[test]
    fn slices_of_one_name_are_stepped_through_on_all_tracks() {
        let t = open_bytes("t", TRACE.as_bytes()).unwrap();
        let first = t.index.slices.ids().next().unwrap().0;
        let next = next_alike(&t.index, first, true);
        assert_eq!(
            (next.number, next.of),
            (2, 4),
            "the name is whole: Gemm_2 is another"
        );
        assert_eq!(t.index.track_of(SliceId(next.slice.unwrap())).0, 1);
        assert_eq!(next_alike(&t.index, 77, true), NextSlice::default());
    }
}
