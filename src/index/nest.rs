//! Which slice encloses which, on one track.
//!
//! A slice that lies within the one before it is its child. One that overlaps it without lying within
//! (kernels under programmatic dependent launch do, and durations that a tracer got wrong) goes to an extra
//! lane of the same track: nothing is dropped.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::trace_columns::NO_PARENT;

/// Tracers that keep microseconds of the Unix epoch in an `f64` round both ends to 250 ns. Within this much,
/// ends count as equal.
pub const NEST_SLACK: i64 = 250;

/// Lanes that are tried one by one and whose slices nest. What fits none of them goes to whichever further lane
/// has been free for longest, and stands there alone: a slice costs the same however many overlap.
const MAX_NESTING_LANES: usize = 32;

/// Rows of a track. What lies deeper shares the last one.
pub const MAX_DEPTHS: u16 = u16::MAX;

/// Depths and parents of the slices of a track, in order of (start, longest first).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Nesting {
    /// Row on the track: lanes one below the other.
    pub depth: Vec<u16>,
    /// Index of the parent in the same arrays; [`NO_PARENT`] for none.
    pub parent: Vec<u32>,
    pub n_depths: u16,
    /// Slices that had to go to an extra lane.
    pub n_overlaps: u64,
    /// The first of them.
    pub first_overlap: Option<usize>,
    /// Slices that share the last row because a track has no more.
    pub n_too_deep: u64,
    /// The first of them.
    pub first_too_deep: Option<usize>,
}

#[derive(Default)]
struct Lane {
    /// Open slices, outermost first: index and end.
    open: Vec<(u32, i64)>,
    n_depths: u32,
}

/// Nests slices that start and last so many ns.
pub fn nest(slices: impl Iterator<Item = (i64, i64)>) -> Nesting {
    let mut lanes: Vec<Lane> = vec![Lane::default()];
    // When each of the lanes past the nesting ones is free.
    let mut further: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
    let mut lane_of: Vec<u32> = Vec::new();
    let n = slices.size_hint().0;
    let mut out = Nesting {
        depth: Vec::with_capacity(n),
        parent: Vec::with_capacity(n),
        ..Nesting::default()
    };
    for (i, (start, dur)) in slices.enumerate() {
        let end = start.saturating_add(dur);
        let nesting = lanes.len().min(MAX_NESTING_LANES);
        let at = match (0..nesting).find(|&at| lanes[at].admits(start, end)) {
            Some(at) => at,
            None => {
                let at = match further.peek() {
                    Some(&Reverse((free, at))) if free <= start.saturating_add(NEST_SLACK) => {
                        further.pop();
                        lanes[at].open.clear();
                        at
                    }
                    _ => {
                        lanes.push(Lane::default());
                        lanes.len() - 1
                    }
                };
                if at >= MAX_NESTING_LANES {
                    further.push(Reverse((end, at)));
                }
                at
            }
        };
        if at > 0 {
            out.n_overlaps += 1;
            out.first_overlap.get_or_insert(i);
            if lane_of.is_empty() {
                lane_of = vec![0; i];
            }
        }
        if !lane_of.is_empty() {
            lane_of.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        let lane = &mut lanes[at];
        let depth = u16::try_from(lane.open.len()).unwrap_or(u16::MAX);
        lane.n_depths = lane.n_depths.max(u32::from(depth) + 1);
        out.depth.push(depth);
        out.parent.push(lane.open.last().map_or(NO_PARENT, |o| o.0));
        lane.open.push((u32::try_from(i).unwrap_or(NO_PARENT), end));
    }
    let mut n_depths = 0u32;
    let first: Vec<u32> = lanes
        .iter()
        .map(|lane| {
            let first = n_depths;
            n_depths = n_depths.saturating_add(lane.n_depths);
            first
        })
        .collect();
    out.n_depths = u16::try_from(n_depths).unwrap_or(MAX_DEPTHS);
    if !lane_of.is_empty() || n_depths > u32::from(MAX_DEPTHS) {
        for (i, depth) in out.depth.iter_mut().enumerate() {
            let first = lane_of.get(i).map_or(0, |&lane| first[lane as usize]);
            *depth = u16::try_from(first.saturating_add(u32::from(*depth))).unwrap_or(u16::MAX);
            if *depth == MAX_DEPTHS {
                *depth = MAX_DEPTHS - 1;
                out.n_too_deep += 1;
                out.first_too_deep.get_or_insert(i);
            }
        }
    }
    out
}

impl Lane {
    /// Closes what has ended before `start`; whether the slice then fits in this lane.
    fn admits(&mut self, start: i64, end: i64) -> bool {
        while let Some(&(_, open_end)) = self.open.last() {
            if start < open_end && end <= open_end {
                return true;
            }
            if open_end > start.saturating_add(NEST_SLACK) {
                return end <= open_end.saturating_add(NEST_SLACK);
            }
            self.open.pop();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slices as `start..end`, in order; gives `depth^parent`.
    fn nested(slices: &[(i64, i64)]) -> String {
        let (start, dur): (Vec<_>, Vec<_>) = slices.iter().map(|&(a, b)| (a, b - a)).unzip();
        let n = nest(start.iter().copied().zip(dur.iter().copied()));
        let rows: Vec<String> = n
            .depth
            .iter()
            .zip(&n.parent)
            .map(|(d, p)| {
                if *p == NO_PARENT {
                    format!("{d}")
                } else {
                    format!("{d}^{p}")
                }
            })
            .collect();
        format!(
            "{} | {} deep, {} overlap",
            rows.join(" "),
            n.n_depths,
            n.n_overlaps
        )
    }

    #[test]
    fn a_child_lies_within_its_parent() {
        assert_eq!(
            nested(&[
                (0, 10_000),
                (1_000, 4_000),
                (1_000, 2_000),
                (5_000, 9_000),
                (10_000, 12_000)
            ]),
            "0 1^0 2^1 1^0 0 | 3 deep, 0 overlap"
        );
    }

    #[test]
    fn equal_slices_nest_and_empty_ones_stand_side_by_side() {
        assert_eq!(
            nested(&[(0, 5_000), (0, 5_000), (5_000, 5_000)]),
            "0 1^0 0 | 2 deep, 0 overlap"
        );
        assert_eq!(
            nested(&[(0, 5_000), (0, 0), (0, 0)]),
            "0 1^0 1^0 | 2 deep, 0 overlap"
        );
    }

    #[test]
    fn partial_overlaps_go_to_lanes_below() {
        assert_eq!(
            nested(&[
                (0, 10_000),
                (5_000, 15_000),
                (6_000, 7_000),
                (8_000, 20_000),
                (30_000, 31_000)
            ]),
            "0 2 1^0 3 0 | 4 deep, 2 overlap"
        );
    }

    #[test]
    fn rounded_ends_count_as_equal() {
        assert_eq!(
            nested(&[(0, 10_000), (5_000, 10_200)]),
            "0 1^0 | 2 deep, 0 overlap"
        );
        assert_eq!(
            nested(&[(0, 10_200), (10_000, 20_000)]),
            "0 0 | 1 deep, 0 overlap"
        );
    }

    #[test]
    fn many_that_overlap_stand_one_below_the_other_and_rows_are_used_again() {
        let (start, dur): (Vec<i64>, Vec<i64>) = (0..500).map(|i| (i * 1_000, 100_000)).unzip();
        let n = nest(start.iter().copied().zip(dur.iter().copied()));
        assert_eq!((n.n_depths, n.n_overlaps, n.n_too_deep), (100, 495, 0));
        let mut free = [0; 100];
        for (i, &depth) in n.depth.iter().enumerate() {
            let free = &mut free[usize::from(depth)];
            assert!(*free <= start[i], "slice {i} on row {depth}");
            *free = start[i] + dur[i];
        }
    }

    #[test]
    fn what_is_too_deep_shares_the_last_row() {
        let (start, dur): (Vec<i64>, Vec<i64>) = (0..70_000).map(|i| (i, 1_000_000_000 - 2 * i)).unzip();
        let n = nest(start.iter().copied().zip(dur.iter().copied()));
        assert_eq!((n.n_depths, n.n_overlaps), (65_535, 0));
        assert_eq!((n.n_too_deep, n.first_too_deep), (70_000 - 65_535, Some(65_535)));
        assert_eq!(
            (n.depth[65_533], n.depth[65_534], n.depth[69_999]),
            (65_533, 65_534, 65_534)
        );
        assert_eq!(n.parent[69_999], 69_998);

        let (start, dur): (Vec<i64>, Vec<i64>) = (0..70_000).map(|i| (i * 1_000, 1_000_000_000)).unzip();
        let n = nest(start.iter().copied().zip(dur.iter().copied()));
        assert_eq!((n.n_depths, n.n_overlaps), (65_535, 69_999));
        assert_eq!((n.n_too_deep, n.first_too_deep), (70_000 - 65_535, Some(65_535)));
    }

    proptest::proptest! {
        #[test]
        fn no_two_slices_of_a_depth_overlap(slices in proptest::collection::vec((0i64..40, 0i64..20), 1..60)) {
            let mut slices: Vec<(i64, i64)> = slices.into_iter().map(|(s, d)| (s * 1000, d * 1000)).collect();
            slices.sort_by_key(|&(s, d)| (s, Reverse(d)));
            let (start, dur): (Vec<_>, Vec<_>) = slices.iter().copied().unzip();
            let n = nest(start.iter().copied().zip(dur.iter().copied()));
            for i in 0..slices.len() {
                if n.parent[i] != NO_PARENT {
                    let p = n.parent[i] as usize;
                    proptest::prop_assert!(p < i && start[p] <= start[i] && start[i] + dur[i] <= start[p] + dur[p]);
                    proptest::prop_assert!(n.depth[i] == n.depth[p] + 1);
                }
                for j in 0..i {
                    if n.depth[i] == n.depth[j] {
                        proptest::prop_assert!(start[j] + dur[j] <= start[i], "{j} and {i}");
                    }
                }
            }
        }
    }
}
