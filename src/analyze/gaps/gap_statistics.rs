//! Gaps of any kind counted: quantiles, bins, causes, and the longest.

use crate::analyze::gaps::BIN_EDGES_NS;
use crate::analyze::gaps::activity::{Activity, ByCause};
use crate::analyze::gaps::fine_bins::FineBins;
use crate::analyze::report::{Cause, GapBin, GapCause, GapKind, Gaps};
use crate::base::{Span, order, stats};

/// One of the longest gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Its place among all gaps.
    pub place: usize,
    pub span: Span,
    pub by_cause: ByCause,
}

/// Counts, quantiles, bins and causes of gaps, which `divide` divides by cause; and the `n_longest` of them, longest
/// first, of equal ones the earlier first. Place, kind and words are the caller's. Holds eight bytes a gap
/// meanwhile: a device has millions.
pub fn summarise(
    n_longest: usize,
    gaps: impl Iterator<Item = Span>,
    mut divide: impl FnMut(Span) -> ByCause,
) -> (Gaps, Vec<Measured>) {
    let mut lengths: Vec<i64> = Vec::new();
    let mut count = [0u64; Cause::COUNT];
    let mut total = ByCause::default();
    let mut bins = vec![(ByCause::default(), [0u64; Cause::COUNT]); BIN_EDGES_NS.len()];
    let mut fine = FineBins::new();
    let mut longest: Vec<Measured> = Vec::new();
    // No gap that is not longer is among the longest.
    let mut floor_ns = -1;
    for (place, span) in gaps.enumerate() {
        let by_cause = divide(span);
        let main = Activity::main_cause(&by_cause) as usize;
        let bin = BIN_EDGES_NS.partition_point(|&edge| edge <= span.len_ns()).max(1) - 1;
        lengths.push(span.len_ns());
        count[main] += 1;
        bins[bin].1[main] += 1;
        fine.add(span.len_ns(), &by_cause, main);
        for (i, ns) in by_cause.iter().enumerate() {
            for sum in [&mut total[i], &mut bins[bin].0[i]] {
                *sum = sum.saturating_add(*ns);
            }
        }
        if span.len_ns() > floor_ns {
            longest.push(Measured {
                place,
                span,
                by_cause,
            });
            if longest.len() >= 4 * n_longest {
                floor_ns = keep_longest(&mut longest, n_longest);
            }
        }
    }
    keep_longest(&mut longest, n_longest);
    let causes: Vec<usize> = (0..Cause::COUNT)
        .filter(|&i| count[i] > 0 || total[i] > 0)
        .collect();
    let gaps = Gaps {
        kind: GapKind::Step,
        r#where: String::new(),
        count: lengths.len() as u64,
        total_ns: stats::sum(lengths.iter().copied()),
        max_ns: lengths.iter().copied().max(),
        p50_ns: stats::quantile_of(&mut lengths, 0.5),
        p99_ns: stats::quantile_of(&mut lengths, 0.99),
        coverage: None,
        histogram: fine.bins(&causes),
        bins: bins
            .iter()
            .enumerate()
            .map(|(i, (ns, n))| GapBin {
                from_ns: BIN_EDGES_NS[i],
                to_ns: BIN_EDGES_NS.get(i + 1).copied(),
                count: n.iter().sum(),
                total_ns: stats::sum(ns.iter().copied()),
                by_cause_ns: causes.iter().map(|&c| ns[c]).collect(),
                by_cause_count: causes.iter().map(|&c| n[c]).collect(),
            })
            .collect(),
        causes: causes
            .iter()
            .map(|&c| GapCause {
                cause: Cause::ALL[c],
                count: count[c],
                total_ns: total[c],
            })
            .collect(),
        longest: Vec::new(),
        definition: String::new(),
        steps_ns: 0,
    };
    (gaps, longest)
}

/// Leaves the longest gaps, in their order; gives the length of the shortest that would be kept.
pub(super) fn keep_longest(gaps: &mut Vec<Measured>, n: usize) -> i64 {
    order::sort_by_key(gaps, |g| (std::cmp::Reverse(g.span.len_ns()), g.span.start));
    gaps.truncate(n);
    gaps.last().map_or(-1, |g| g.span.len_ns())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::gaps::N_LONGEST;
    use crate::analyze::gaps::device_gaps::divide_device_gap;
    use crate::base::Union;
    use proptest::prelude::*;

    #[test]
    fn a_gap_is_counted_once_and_its_time_divided() {
        let activity = Activity::of([
            (Cause::Recompile, Union::of([Span::new(0, 40_000)])),
            (Cause::InputPrep, Union::of([Span::new(0, 100_000)])),
        ]);
        let gaps = [
            Span::new(0, 100_000),
            Span::new(200_000, 209_999),
            Span::new(300_000, 310_000),
        ];
        let mut divider = activity.divider();
        let (got, longest) = summarise(N_LONGEST, gaps.into_iter(), |g| {
            divide_device_gap(&mut divider, g)
        });
        assert_eq!(longest.iter().map(|g| g.place).collect::<Vec<_>>(), [0, 2, 1]);
        let causes: Vec<_> = got
            .causes
            .iter()
            .map(|c| (c.cause, c.count, c.total_ns))
            .collect();
        assert_eq!(
            causes,
            vec![
                (Cause::Recompile, 0, 40_000),
                (Cause::InputPrep, 1, 60_000),
                (Cause::Device, 1, 9_999),
                (Cause::Unaccounted, 1, 10_000),
            ]
        );
        let bins: Vec<_> = got
            .bins
            .iter()
            .map(|b| (b.from_ns, b.to_ns, b.count, b.total_ns))
            .collect();
        assert_eq!(bins[0], (0, Some(10_000), 1, 9_999));
        assert_eq!(
            bins[1],
            (10_000, Some(50_000), 1, 10_000),
            "an edge belongs to the bin above it"
        );
        assert_eq!(bins[3], (100_000, Some(500_000), 1, 100_000));
        assert_eq!(bins.iter().map(|b| b.2).sum::<u64>(), 3);
        assert_eq!(got.bins[3].by_cause_ns, vec![40_000, 60_000, 0, 0]);
        assert_eq!(
            (got.p50_ns, got.p99_ns, got.max_ns),
            (Some(10_000), Some(100_000), Some(100_000))
        );
    }

    #[test]
    fn no_gap_is_no_number() {
        let (got, _) = summarise(N_LONGEST, std::iter::empty(), |_| ByCause::default());
        assert_eq!(
            (got.count, got.total_ns, got.p50_ns, got.max_ns),
            (0, 0, None, None)
        );
        assert_eq!(got.bins.len(), 10);
        assert_eq!((got.bins[9].from_ns, got.bins[9].to_ns), (1_000_000_000, None));
    }

    #[test]
    fn the_longest_of_many_gaps_are_kept_in_their_order() {
        let len = |i: i64| i * 7_919 % 300;
        let gaps: Vec<Span> = (0..1_000)
            .map(|i| Span::new(i * 1_000, i * 1_000 + len(i)))
            .collect();
        let (got, longest) = summarise(N_LONGEST, gaps.iter().copied(), |_| ByCause::default());
        let mut order: Vec<usize> = (0..gaps.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(gaps[i].len_ns()), gaps[i].start));
        assert_eq!(
            longest.iter().map(|g| g.place).collect::<Vec<_>>(),
            order[..N_LONGEST]
        );
        assert_eq!((got.count, got.max_ns), (1_000, Some(299)));
    }

    proptest! {
        #[test]
        fn bins_and_causes_add_up_to_the_total(
            busy in proptest::collection::vec((0i64..2_000_000_000, 0i64..40_000_000), 0..40),
            layers in proptest::collection::vec(
                proptest::collection::vec((0i64..2_000_000_000, 0i64..90_000_000), 0..8),
                0..8,
            ),
        ) {
            let union = |list: &[(i64, i64)]| Union::of(list.iter().map(|&(s, d)| Span::new(s, s + d)));
            let activity = Activity::of(layers.iter().enumerate().map(|(i, l)| (Cause::ALL[i], union(l))));
            let compute = union(&busy);
            let mut divider = activity.divider();
            let (gaps, _) = summarise(N_LONGEST, compute.gaps(), |g| divide_device_gap(&mut divider, g));
            let hole_ns = compute.extent().map_or(0, |e| e.len_ns()) - compute.total_ns();
            prop_assert_eq!(gaps.total_ns, hole_ns);
            prop_assert_eq!(gaps.causes.iter().map(|c| c.total_ns).sum::<i64>(), gaps.total_ns);
            prop_assert_eq!(gaps.causes.iter().map(|c| c.count).sum::<u64>(), gaps.count);
            prop_assert_eq!(gaps.bins.iter().map(|b| b.total_ns).sum::<i64>(), gaps.total_ns);
            prop_assert_eq!(gaps.bins.iter().map(|b| b.count).sum::<u64>(), gaps.count);
            for bin in &gaps.bins {
                prop_assert_eq!(bin.by_cause_ns.iter().sum::<i64>(), bin.total_ns);
                prop_assert_eq!(bin.by_cause_count.iter().sum::<u64>(), bin.count);
            }
        }
    }
}
