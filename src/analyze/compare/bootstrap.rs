//! How sure a median is, and a ratio of two, of values that follow one another: steps depend on those before them, so
//! not single values are drawn but blocks of neighbours (moving block bootstrap; Künsch 1989). The seed is fixed: equal
//! traces give equal answers.

use crate::base::{Random, stats};

/// Fewer values are not judged.
pub const LEAST_VALUES: usize = 5;
/// Times that a series is drawn anew …
const DRAWS: usize = 1_000;
/// … and of long series fewer, so that at most about so many values are drawn.
const MOST_VALUES: usize = 40_000_000;
const LEAST_DRAWS: usize = 200;
const SEED: u64 = 0x5745_5053;

/// Quantiles of the bounds: 95 % lie between them.
const BOUNDS: [f64; 2] = [0.025, 0.975];

/// An interval of a quantity's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// The medians of series drawn anew; `None` of too few values.
fn medians(values: &[i64], seed: u64) -> Option<Vec<i64>> {
    let n = values.len();
    if n < LEAST_VALUES {
        return None;
    }
    // n^(1/3): the order that makes the variance of a mean right (Hall, Horowitz, Jing 1995).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cube root"
    )]
    let block = (n as f64).cbrt().ceil() as usize;
    let starts = i64::try_from(n - block).ok()?;
    let draws = (MOST_VALUES / n).clamp(LEAST_DRAWS, DRAWS);
    let mut random = Random::new(SEED ^ seed);
    let mut drawn = Vec::with_capacity(n + block);
    let medians = (0..draws).filter_map(|_| {
        drawn.clear();
        while drawn.len() < n {
            let from = usize::try_from(random.within(0, starts)).unwrap_or(0);
            drawn.extend_from_slice(&values[from..from + block]);
        }
        drawn.truncate(n);
        stats::quantile_of(&mut drawn, 0.5)
    });
    Some(medians.collect())
}

fn bounds(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp);
    let [low, high] = BOUNDS.map(|q| stats::quantile(&values, q));
    Some(Interval {
        low: low?,
        high: high?,
    })
}

/// Of the median of `b` over that of `a`.
pub fn ratio(a: &[i64], b: &[i64]) -> Option<Interval> {
    let (a, b) = (medians(a, 1)?, medians(b, 2)?);
    let ratios = a.iter().zip(&b).filter(|&(&a, _)| a > 0);
    bounds(ratios.map(|(&a, &b)| b as f64 / a as f64).collect())
}

/// Half the width of the median's interval, as a share of the median.
pub fn spread(values: &[i64]) -> Option<f64> {
    let median = stats::quantile_of(&mut values.to_vec(), 0.5).filter(|&m| m > 0)?;
    let medians = medians(values, 1)?;
    let Interval { low, high } = bounds(medians.iter().map(|&m| m as f64).collect())?;
    Some((high - low) / 2.0 / median as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around `middle`, each near the one before it.
    fn series(n: usize, middle: i64, seed: u64) -> Vec<i64> {
        let mut random = Random::new(seed);
        let mut off = 0;
        (0..n)
            .map(|_| {
                off = off * 7 / 10 + random.within(-300, 300);
                middle + off
            })
            .collect()
    }

    #[test]
    fn equal_series_do_not_differ_and_distant_ones_do() {
        let a = series(300, 10_000, 1);
        let same = ratio(&a, &series(300, 10_000, 2)).unwrap();
        assert!(same.low < 1.0 && 1.0 < same.high, "{same:?}");
        let slower = ratio(&a, &series(300, 11_000, 3)).unwrap();
        assert!(
            slower.low > 1.0 && slower.low < 1.1 && 1.1 < slower.high,
            "{slower:?}"
        );
    }

    #[test]
    fn of_a_hundred_pairs_without_a_difference_few_seem_to_differ() {
        let differ = |seed: &u64| {
            let found = ratio(&series(200, 10_000, 2 * seed), &series(200, 10_000, 2 * seed + 1)).unwrap();
            found.low > 1.0 || found.high < 1.0
        };
        let n = (1..=100).filter(differ).count();
        assert!(n <= 12, "{n} of 100 (5 are expected of independent values)");
    }

    #[test]
    fn too_few_values_are_not_judged() {
        assert_eq!(ratio(&[1, 2, 3, 4], &[1, 2, 3, 4, 5]), None);
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[9; 20]), Some(0.0));
    }
}
