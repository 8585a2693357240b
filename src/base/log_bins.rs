//! Durations counted in bins of equal width on a logarithmic axis.

/// The least width of the axis, as a logarithm: step times that are nearly alike are not torn apart.
const LEAST_DECADES: f64 = 0.1;

/// Bins of equal width on a logarithmic axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogBins {
    pub low_log10: f64,
    pub high_log10: f64,
    n: usize,
}

impl LogBins {
    /// So many bins that hold all of these durations; `None`: there are none.
    pub fn of(n: usize, durations: impl Iterator<Item = i64> + Clone) -> Option<LogBins> {
        let (low, high) = (durations.clone().min()?, durations.max()?);
        let log = |ns: i64| (ns.max(1) as f64).log10();
        let middle = f64::midpoint(log(low), log(high));
        let half = ((log(high) - log(low)) / 2.0).max(LEAST_DECADES / 2.0) * 1.02;
        Some(LogBins {
            low_log10: (middle - half).max(0.0),
            high_log10: middle + half,
            n,
        })
    }

    /// Where on the axis, from 0 to 1.
    pub fn part(self, ns: i64) -> f64 {
        ((ns.max(1) as f64).log10() - self.low_log10) / (self.high_log10 - self.low_log10)
    }

    /// The least duration of a bin: what is less lies in the one before.
    pub fn edge(self, bin: usize) -> i64 {
        let log10 = self.low_log10 + (self.high_log10 - self.low_log10) * bin as f64 / self.n as f64;
        whole_ns(10_f64.powf(log10))
    }

    /// How many durations each bin holds.
    pub fn counted(self, durations: impl Iterator<Item = i64>) -> Vec<u64> {
        let edges: Vec<i64> = (1..self.n).map(|bin| self.edge(bin)).collect();
        let mut counts = vec![0; self.n];
        for ns in durations {
            counts[edges.partition_point(|&edge| edge <= ns)] += 1;
        }
        counts
    }
}

/// To the nearest nanosecond.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, and a screen is never 2^63 ns wide"
)]
pub fn whole_ns(ns: f64) -> i64 {
    ns.round() as i64
}
