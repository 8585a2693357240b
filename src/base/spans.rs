//! Stretches of time and their unions.

use serde::{Deserialize, Serialize};

use super::time::CLOCK_END_NS;

/// A half-open stretch `[start, end)` in ns on the trace's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub start: i64,
    pub end: i64,
}

impl Span {
    /// From `start` to `end`, both in ns. An end before the start is taken as the start.
    pub fn new(start: i64, end: i64) -> Span {
        Span {
            start,
            end: end.max(start),
        }
    }

    /// Its length in ns.
    pub fn len_ns(self) -> i64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether no time passes in it.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether `at` lies in it.
    pub fn contains(self, at: i64) -> bool {
        self.start <= at && at < self.end
    }

    /// What of it lies on the clock of traces: nothing is recorded outside, and the length fits an `i64`.
    pub fn on_the_clock(self) -> Span {
        self.intersect(Span::new(-CLOCK_END_NS, CLOCK_END_NS))
    }

    /// What both have in common.
    pub fn intersect(self, other: Span) -> Span {
        Span::new(self.start.max(other.start), self.end.min(other.end))
    }
}

/// A union of spans: sorted, disjoint, not touching, none empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Union(Vec<Span>);

impl Union {
    /// The union of `spans`, in any order. Empty ones add nothing; touching ones join.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Union {
        let mut spans: Vec<Span> = spans.into_iter().filter(|s| !s.is_empty()).collect();
        if !spans.is_sorted_by_key(|s| s.start) {
            // Mostly a few lists in order, one after the other, which this sort merges.
            spans.sort();
        }
        spans.dedup_by(|next, last| {
            let joins = next.start <= last.end;
            if joins {
                last.end = last.end.max(next.end);
            }
            joins
        });
        spans.shrink_to_fit();
        Union(spans)
    }

    /// The disjoint spans, in order.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Time covered, in ns.
    pub fn total_ns(&self) -> i64 {
        self.0.iter().map(|s| s.len_ns()).sum()
    }

    /// From the first start to the last end.
    pub fn extent(&self) -> Option<Span> {
        Some(Span::new(self.0.first()?.start, self.0.last()?.end))
    }

    /// Time covered inside `window`, in ns.
    pub fn covered_ns(&self, window: Span) -> i64 {
        self.overlapping(window)
            .map(|s| s.intersect(window).len_ns())
            .sum()
    }

    /// Whether `at` is covered.
    pub fn contains(&self, at: i64) -> bool {
        let from = self.0.partition_point(|s| s.end <= at);
        self.0.get(from).is_some_and(|s| s.contains(at))
    }

    /// The spans that share time with `window`, uncut, in order.
    pub fn overlapping(&self, window: Span) -> impl Iterator<Item = Span> + '_ {
        let from = self.0.partition_point(|s| s.end <= window.start);
        self.0[from..]
            .iter()
            .copied()
            .take_while(move |s| s.start < window.end)
    }

    /// The holes between consecutive spans, in order.
    pub fn gaps(&self) -> impl Iterator<Item = Span> + '_ {
        self.0
            .windows(2)
            .map(|pair| Span::new(pair[0].end, pair[1].start))
    }

    /// What of it `other` does not cover.
    pub fn without(&self, other: &Union) -> Union {
        let mut left = Vec::new();
        for &span in &self.0 {
            let mut from = span.start;
            for hole in other.overlapping(span) {
                if hole.start > from {
                    left.push(Span::new(from, hole.start));
                }
                from = from.max(hole.end);
            }
            if from < span.end {
                left.push(Span::new(from, span.end));
            }
        }
        Union(left)
    }

    /// Time that both cover, in ns.
    pub fn intersection_ns(&self, other: &Union) -> i64 {
        let (mut i, mut j, mut total) = (0, 0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            total += a.intersect(*b).len_ns();
            if a.end <= b.end {
                i += 1;
            } else {
                j += 1;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn union(spans: &[(i64, i64)]) -> Union {
        Union::of(spans.iter().map(|&(a, b)| Span::new(a, b)))
    }

    #[test]
    fn overlapping_and_touching_spans_join() {
        let u = union(&[(5, 7), (0, 2), (1, 3), (3, 4), (9, 9)]);
        assert_eq!(u.spans(), &[Span::new(0, 4), Span::new(5, 7)]);
        assert_eq!(u.total_ns(), 6);
        assert_eq!(u.gaps().collect::<Vec<_>>(), vec![Span::new(4, 5)]);
        assert_eq!(u.covered_ns(Span::new(3, 6)), 2);
        assert_eq!(u.extent(), Some(Span::new(0, 7)));
    }

    proptest::proptest! {
        #[test]
        fn a_union_agrees_with_counting_instants(spans in proptest::collection::vec((0i64..60, 0i64..12), 0..12),
                                                 other in proptest::collection::vec((0i64..60, 0i64..12), 0..12)) {
            let u = Union::of(spans.iter().map(|&(s, d)| Span::new(s, s + d)));
            let v = Union::of(other.iter().map(|&(s, d)| Span::new(s, s + d)));
            let inside = |list: &[(i64, i64)], t: i64| list.iter().any(|&(s, d)| s <= t && t < s + d);
            let count = |f: &dyn Fn(i64) -> bool| (0..100).filter(|&t| f(t)).count() as i64;
            proptest::prop_assert_eq!(u.total_ns(), count(&|t| inside(&spans, t)));
            proptest::prop_assert_eq!(u.intersection_ns(&v), count(&|t| inside(&spans, t) && inside(&other, t)));
            let left = count(&|t| inside(&spans, t) && !inside(&other, t));
            proptest::prop_assert_eq!(u.without(&v).total_ns(), left);
            let within = count(&|t| (20..40).contains(&t) && inside(&spans, t));
            proptest::prop_assert_eq!(u.covered_ns(Span::new(20, 40)), within);
        }
    }
}
