//! The histogram of gaps as it is drawn: logarithmic bins, chosen from the data, beside the ten fixed ones of the
//! report.

use std::sync::OnceLock;

use crate::analyze::gaps::activity::ByCause;
use crate::analyze::report::{Cause, GapBin};
use crate::base::stats;

/// Gaps below this lie in one bin.
const LEAST_NS: f64 = 100.0;
/// From [`LEAST_NS`] to 1000 s.
const DECADES: usize = 10;
/// Bins of a decade while gaps are counted; they are joined where fewer will do.
const FINEST: usize = 20;
/// Of at least so many bins the coarsest choice is taken.
const WANTED: usize = 40;
/// How many of the finest bins make one.
const CHOICES: [usize; 3] = [4, 2, 1];

/// Where the finest bins start, but for the first, which starts at 0.
fn edges() -> &'static [i64] {
    static EDGES: OnceLock<Vec<i64>> = OnceLock::new();
    EDGES.get_or_init(|| {
        let edge = |i: usize| LEAST_NS * 10_f64.powf(i as f64 / FINEST as f64);
        #[expect(clippy::cast_possible_truncation, reason = "at most 10^12")]
        let rounded = |i: usize| edge(i).round() as i64;
        (0..=DECADES * FINEST).map(rounded).collect()
    })
}

/// The gaps counted so far, by the finest bins.
pub struct FineBins(Vec<(ByCause, [u64; Cause::COUNT])>);

impl FineBins {
    pub fn new() -> FineBins {
        FineBins(vec![(ByCause::default(), [0; Cause::COUNT]); edges().len() + 1])
    }

    pub fn add(&mut self, ns: i64, by_cause: &ByCause, main: usize) {
        let at = edges().partition_point(|&edge| edge <= ns);
        let (total, count) = &mut self.0[at];
        count[main] += 1;
        for (sum, ns) in total.iter_mut().zip(by_cause) {
            *sum = sum.saturating_add(*ns);
        }
    }

    /// From the first bin that holds a gap to the last; `causes` are those that are told.
    pub fn bins(&self, causes: &[usize]) -> Vec<GapBin> {
        let holds = |(_, count): &(ByCause, [u64; Cause::COUNT])| count.iter().any(|&n| n > 0);
        let (Some(first), Some(last)) = (self.0.iter().position(holds), self.0.iter().rposition(holds))
        else {
            return Vec::new();
        };
        let n_joined = |joined: usize| last.div_ceil(joined) + 1 - first.div_ceil(joined);
        let joined = CHOICES
            .into_iter()
            .find(|&joined| n_joined(joined) >= WANTED)
            .unwrap_or(1);
        // The first bin is alone: it has no length on a logarithmic axis.
        let group = |at: usize| at.div_ceil(joined);
        let edge = |at: usize| at.checked_sub(1).and_then(|at| edges().get(at).copied());
        (group(first)..=group(last))
            .map(|of| {
                let members = match of {
                    0 => 0..1,
                    of => (of - 1) * joined + 1..(of * joined + 1).min(self.0.len()),
                };
                let (mut ns, mut n) = (ByCause::default(), [0_u64; Cause::COUNT]);
                for (total, count) in &self.0[members.clone()] {
                    ns.iter_mut()
                        .zip(total)
                        .for_each(|(sum, ns)| *sum = sum.saturating_add(*ns));
                    n.iter_mut().zip(count).for_each(|(sum, n)| *sum += n);
                }
                GapBin {
                    from_ns: edge(members.start).unwrap_or(0),
                    to_ns: edge(members.end),
                    count: n.iter().sum(),
                    total_ns: stats::sum(ns.iter().copied()),
                    by_cause_ns: causes.iter().map(|&c| ns[c]).collect(),
                    by_cause_count: causes.iter().map(|&c| n[c]).collect(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(lengths: &[i64]) -> Vec<GapBin> {
        let mut bins = FineBins::new();
        for &ns in lengths {
            let mut by_cause = ByCause::default();
            by_cause[0] = ns;
            bins.add(ns, &by_cause, 0);
        }
        bins.bins(&[0])
    }

    #[test]
    fn a_few_decades_have_forty_bins_and_many_have_no_more_than_they_need() {
        let few = of(&[1_000, 90_000]);
        assert!(few.len() >= WANTED - 1, "{}", few.len());
        let many = of(&[150, 900_000_000_000]);
        assert!((WANTED..2 * WANTED).contains(&many.len()), "{}", many.len());
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[50]).len(), 1);
    }

    proptest! {
        #[test]
        fn every_gap_lies_in_the_bin_that_counts_it(
            lengths in prop::collection::vec(prop_oneof![0_i64..1_000, 0_i64..10_000_000, 0_i64..2_000_000_000_000], 1..60),
        ) {
            let bins = of(&lengths);
            prop_assert_eq!(bins.iter().map(|b| b.count).sum::<u64>(), lengths.len() as u64);
            prop_assert_eq!(bins.iter().map(|b| b.total_ns).sum::<i64>(), lengths.iter().sum::<i64>());
            for pair in bins.windows(2) {
                prop_assert_eq!(pair[0].to_ns, Some(pair[1].from_ns));
            }
            for bin in &bins {
                let inside = |ns: &&i64| **ns >= bin.from_ns && bin.to_ns.is_none_or(|to| **ns < to);
                prop_assert_eq!(lengths.iter().filter(inside).count() as u64, bin.count);
            }
        }
    }
}
