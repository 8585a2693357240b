//! A gap histogram as it is drawn: stacked bars over a logarithmic axis of durations.

use super::axis::{LogTick, log_ticks};
use crate::analyze::report::{Cause, Gaps};
use crate::base::show;

/// What a bar's height stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How many gaps.
    Count,
    /// How much time, ns.
    Time,
}

/// A histogram, in parts of its width and height (0..=1).
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub bars: Vec<HistogramBar>,
    /// The value at height 1.
    pub max: u64,
    /// Round lengths along the axis.
    pub ticks: Vec<LogTick>,
    /// Quantiles.
    pub marks: Vec<Mark>,
}

/// A length that is pointed out.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub x: f64,
    pub label: String,
}

/// Room for a label, as a part of the width.
const LABEL_ROOM: f64 = 0.085;

/// One bin.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramBar {
    pub x0: f64,
    pub x1: f64,
    pub from_ns: i64,
    /// `None`: open.
    pub to_ns: Option<i64>,
    pub count: u64,
    pub total_ns: i64,
    /// By cause, from the bottom up.
    pub segments: Vec<Segment>,
}

/// The part of a bar that one cause explains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    pub cause: Cause,
    /// Height of its lower and upper edge.
    pub y0: f64,
    pub y1: f64,
    pub value: u64,
}

/// Lays out `gaps`, in their fine bins where they have some. A bin from 0 is drawn half a decade wide, the open bin up
/// to the longest gap. Empty bins at both ends are left out.
pub fn histogram(gaps: &Gaps, measure: Measure) -> Histogram {
    let value = |count: u64, total_ns: i64| match measure {
        Measure::Count => count,
        Measure::Time => u64::try_from(total_ns).unwrap_or(0),
    };
    let all = match &gaps.histogram[..] {
        [] => &gaps.bins,
        _ => &gaps.histogram,
    };
    let first = all.iter().position(|b| b.count > 0).unwrap_or(0);
    let last = all.iter().rposition(|b| b.count > 0).map_or(0, |i| i + 1);
    let bins = all.get(first..last).unwrap_or_default();
    let decade = |ns: i64| (ns.max(1) as f64).log10();
    let low = |from_ns: i64, to_ns: Option<i64>| match (from_ns, to_ns) {
        (0, Some(to)) => decade(to) - 0.5,
        (0, None) => 0.0,
        (from, _) => decade(from),
    };
    let high = |from_ns: i64, to_ns: Option<i64>| match to_ns {
        Some(to) => decade(to),
        None => decade(gaps.max_ns.unwrap_or(0)).max(decade(from_ns) + 0.3),
    };
    let (Some(head), Some(tail)) = (bins.first(), bins.last()) else {
        return Histogram {
            bars: Vec::new(),
            max: 0,
            ticks: Vec::new(),
            marks: Vec::new(),
        };
    };
    let left = low(head.from_ns, head.to_ns);
    let right = high(tail.from_ns, tail.to_ns);
    let part = |at: f64| (at - left) / (right - left).max(1e-9);
    let max = bins.iter().map(|b| value(b.count, b.total_ns)).max().unwrap_or(0);
    let height = |v: u64| v as f64 / max.max(1) as f64;

    let bars = bins
        .iter()
        .map(|bin| {
            let mut at = 0;
            let mut segments = Vec::new();
            for (i, cause) in gaps.causes.iter().enumerate() {
                let count = bin.by_cause_count.get(i).copied().unwrap_or(0);
                let total = bin.by_cause_ns.get(i).copied().unwrap_or(0);
                let v = value(count, total);
                if v > 0 {
                    segments.push(Segment {
                        cause: cause.cause,
                        y0: height(at),
                        y1: height(at + v),
                        value: v,
                    });
                    at += v;
                }
            }
            HistogramBar {
                x0: part(low(bin.from_ns, bin.to_ns)),
                x1: part(high(bin.from_ns, bin.to_ns)),
                from_ns: bin.from_ns,
                to_ns: bin.to_ns,
                count: bin.count,
                total_ns: bin.total_ns,
                segments,
            }
        })
        .collect();
    let marks = [("p50", gaps.p50_ns), ("p99", gaps.p99_ns)];
    let mark = |(name, ns): (&'static str, Option<i64>)| {
        let ns = ns?;
        Some(Mark {
            x: part(decade(ns)).clamp(0.0, 1.0),
            label: format!("{name} {}", show::duration(ns)),
        })
    };
    Histogram {
        bars,
        max,
        ticks: log_ticks(left, right, LABEL_ROOM),
        marks: marks.into_iter().filter_map(mark).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::{GapBin, GapCause, GapKind};

    fn gaps() -> Gaps {
        let bin = |from_ns, to_ns, by: [(u64, i64); 2]| GapBin {
            from_ns,
            to_ns,
            count: by[0].0 + by[1].0,
            total_ns: by[0].1 + by[1].1,
            by_cause_ns: vec![by[0].1, by[1].1],
            by_cause_count: vec![by[0].0, by[1].0],
        };
        let cause = |cause, count, total_ns| GapCause {
            cause,
            count,
            total_ns,
        };
        Gaps {
            kind: GapKind::Step,
            r#where: "vLLM".into(),
            count: 8,
            total_ns: 2_060_000,
            p50_ns: None,
            p99_ns: None,
            max_ns: Some(1_000_000),
            coverage: None,
            histogram: Vec::new(),
            bins: vec![
                bin(0, Some(10_000), [(0, 0), (0, 0)]),
                bin(10_000, Some(100_000), [(4, 40_000), (2, 20_000)]),
                bin(100_000, None, [(0, 0), (2, 2_000_000)]),
            ],
            causes: vec![
                cause(Cause::InputPrep, 4, 40_000),
                cause(Cause::Wait, 4, 2_020_000),
            ],
            longest: Vec::new(),
            definition: String::new(),
            steps_ns: 0,
        }
    }

    #[test]
    fn both_measures_share_the_axis_and_stack_to_their_bins() {
        let count = histogram(&gaps(), Measure::Count);
        let time = histogram(&gaps(), Measure::Time);
        assert_eq!(count.ticks, time.ticks);
        assert_eq!((count.max, time.max), (6, 2_000_000));
        let spans: Vec<(f64, f64)> = count.bars.iter().map(|b| (b.x0, b.x1)).collect();
        assert_eq!(spans, [(0.0, 0.5), (0.5, 1.0)], "the empty first bin is left out");
        for h in [&count, &time] {
            for bar in &h.bars {
                let top = bar.segments.last().map_or(0.0, |s| s.y1);
                let whole: u64 = bar.segments.iter().map(|s| s.value).sum();
                assert!((top - whole as f64 / h.max as f64).abs() < 1e-12);
            }
        }
        assert_eq!(count.ticks[0].label, "10 µs");
        assert_eq!(count.bars[0].segments[0].cause, Cause::InputPrep);
    }

    #[test]
    fn no_gaps_are_no_bars() {
        let mut none = gaps();
        none.bins.clear();
        assert_eq!(histogram(&none, Measure::Count).bars, []);
    }
}
