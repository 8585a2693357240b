//! How sure a median is, and a ratio of two, of values that follow one another: steps depend on those before them, so
//! not single values are drawn but blocks of neighbours (moving block bootstrap; Künsch 1989), the longer the more each
//! value is like the one before it. The seed is fixed: equal traces give equal answers.

use crate::base::{Random, order, stats};

/// Fewer values are not judged.
pub const LEAST_VALUES: usize = 5;
/// Fewer blocks than this in a series say nothing of how it varies: it drifts.
const LEAST_BLOCKS: usize = 5;
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
    /// How likely a value as far from 1 is by chance, both sides.
    pub chance: f64,
}

impl Interval {
    pub fn excludes_1(self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }
}

/// How much each value is like the one before it: the correlation of their ranks, 0 to 1. Ranks, because one long step
/// must not hide it.
pub fn likeness(values: &[i64]) -> f64 {
    let n = values.len();
    if n < LEAST_VALUES {
        return 0.0;
    }
    let mut places: Vec<usize> = (0..n).collect();
    order::sort_by_key(&mut places, |&i| values[i]);
    let mut ranks = vec![0.0; n];
    let mut from = 0;
    while from < n {
        let equal = places[from..]
            .iter()
            .take_while(|&&i| values[i] == values[places[from]])
            .count();
        for &i in &places[from..from + equal] {
            ranks[i] = from as f64 + (equal - 1) as f64 / 2.0;
        }
        from += equal;
    }
    let mean = (n - 1) as f64 / 2.0;
    let off = |i: usize| ranks[i] - mean;
    let all: f64 = (0..n).map(|i| off(i).powi(2)).sum();
    let pairs: f64 = (1..n).map(|i| off(i) * off(i - 1)).sum();
    if all == 0.0 {
        0.0
    } else {
        (pairs / all).clamp(0.0, 0.999)
    }
}

/// The length of a block: n^(1/3), which suits the variance of a mean (Hall, Horowitz, Jing 1995), times
/// (2r / (1 - r²))^(2/3) for values that are like their neighbours by r (Carlstein 1986, of autoregressive series).
fn block_length(values: &[i64]) -> usize {
    let r = likeness(values);
    let longer = (2.0 * r / (1.0 - r * r)).powf(2.0 / 3.0).max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few times a cube root"
    )]
    let block = ((values.len() as f64).cbrt() * longer).ceil() as usize;
    block.max(1)
}

/// A series of which the median is asked for, with the medians of series drawn anew.
pub struct Series {
    n: usize,
    pub median: Option<i64>,
    /// It drifts so slowly that the number of its values says little of how sure its median is.
    pub drifts: bool,
    /// `None` of too few values, and of those that drift.
    drawn: Option<Vec<i64>>,
}

impl Series {
    /// Series that are compared need seeds of their own.
    pub fn of(values: &[i64], seed: u64) -> Series {
        let n = values.len();
        let is_enough = n >= LEAST_VALUES;
        let block = if is_enough { block_length(values) } else { 1 };
        let drifts = is_enough && block * LEAST_BLOCKS > n.max(LEAST_BLOCKS * 4);
        Series {
            n,
            median: stats::quantile_of(&mut values.to_vec(), 0.5),
            drifts,
            drawn: (is_enough && !drifts).then(|| medians(values, block.min(n), seed)),
        }
    }
}

/// The medians of series drawn anew in blocks of this length.
fn medians(values: &[i64], block: usize, seed: u64) -> Vec<i64> {
    let n = values.len();
    let starts = i64::try_from(n - block).unwrap_or(i64::MAX);
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
    medians.collect()
}

fn bounds(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp);
    let [low, high] = BOUNDS.map(|q| stats::quantile(&values, q));
    let below = values.iter().filter(|&&v| v <= 1.0).count();
    let above = values.iter().filter(|&&v| v >= 1.0).count();
    Some(Interval {
        low: low?,
        high: high?,
        chance: (2.0 * (below.min(above) + 1) as f64 / (values.len() + 1) as f64).min(1.0),
    })
}

/// Of the median of `b` over that of `a`.
pub fn ratio(a: &Series, b: &Series) -> Option<Interval> {
    let (a, b) = (a.drawn.as_ref()?, b.drawn.as_ref()?);
    let ratios = a.iter().zip(b).filter(|&(&a, _)| a > 0);
    bounds(ratios.map(|(&a, &b)| b as f64 / a as f64).collect())
}

/// Steps of one class on both sides.
pub struct Stratum {
    pub a: Series,
    pub b: Series,
}

/// Of medians of the classes, each weighted alike on both sides (as many as the side with fewer has): the ratio, and
/// its interval. `None` where no class can be judged.
pub fn ratio_of_classes(strata: &[Stratum]) -> Option<(f64, Interval)> {
    let judged = strata.iter().filter_map(|of| {
        let weight = of.a.n.min(of.b.n) as f64;
        let drawn = (of.a.drawn.as_ref()?, of.b.drawn.as_ref()?);
        Some((weight, (of.a.median?, of.b.median?), drawn))
    });
    let judged: Vec<_> = judged.collect();
    let sum = |of: &dyn Fn(usize) -> i64| -> f64 {
        let each = judged.iter().enumerate();
        each.map(|(i, (weight, ..))| weight * of(i) as f64).sum()
    };
    let whole = sum(&|i| judged[i].1.0);
    if whole <= 0.0 {
        return None;
    }
    let ratio = sum(&|i| judged[i].1.1) / whole;
    let draws = judged.iter().map(|(.., (a, b))| a.len().min(b.len())).min()?;
    let drawn = (0..draws).filter_map(|draw| {
        let whole = sum(&|i| judged[i].2.0[draw]);
        (whole > 0.0).then(|| sum(&|i| judged[i].2.1[draw]) / whole)
    });
    Some((ratio, bounds(drawn.collect())?))
}

/// Half the width of the median's interval, as a share of the median.
pub fn spread(of: &Series) -> Option<f64> {
    let median = of.median.filter(|&m| m > 0)?;
    let medians = of.drawn.as_ref()?;
    let Interval { low, high, .. } = bounds(medians.iter().map(|&m| m as f64).collect())?;
    Some((high - low) / 2.0 / median as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around `middle`, each like the one before it by `permille` of 1.
    fn series(n: usize, middle: i64, permille: i64, seed: u64) -> Vec<i64> {
        let mut random = Random::new(seed);
        let mut off = 0;
        (0..n)
            .map(|_| {
                off = off * permille / 1000 + random.within(-300, 300);
                middle + off
            })
            .collect()
    }

    #[test]
    fn equal_series_do_not_differ_and_distant_ones_do() {
        let of = |middle, seed| Series::of(&series(300, middle, 700, seed), seed);
        let a = of(10_000, 1);
        let same = ratio(&a, &of(10_000, 2)).unwrap();
        assert!(same.low < 1.0 && 1.0 < same.high, "{same:?}");
        let slower = ratio(&a, &of(11_000, 3)).unwrap();
        assert!(
            slower.low > 1.0 && slower.low < 1.1 && 1.1 < slower.high,
            "{slower:?}"
        );
    }

    #[test]
    fn of_a_hundred_pairs_without_a_difference_few_seem_to_differ() {
        for (n, permille) in [(60, 0), (200, 700), (60, 900), (120, 980), (200, 995)] {
            let differ = |seed: &u64| {
                let of = |seed| Series::of(&series(n, 10_000, permille, seed), seed);
                ratio(&of(2 * seed), &of(2 * seed + 1)).is_some_and(Interval::excludes_1)
            };
            let found = (1..=100).filter(differ).count();
            assert!(
                found <= 14,
                "{found} of 100 (5 are expected), {n} values, {permille}"
            );
        }
    }

    #[test]
    fn classes_are_compared_one_by_one() {
        let of = |a: &[i64], b: &[i64]| Stratum {
            a: Series::of(a, 1),
            b: Series::of(b, 2),
        };
        let [small, large] = [[10; 20], [20; 20]];
        let (same, interval) = ratio_of_classes(&[of(&small[..5], &small), of(&large, &large[..5])]).unwrap();
        assert_eq!((same, interval.low, interval.high), (1.0, 1.0, 1.0));
        let (slower, _) = ratio_of_classes(&[of(&small, &[11; 20]), of(&large, &[22; 20])]).unwrap();
        assert!((slower - 1.1).abs() < 1e-9, "{slower}");
        assert!(ratio_of_classes(&[of(&small, &[])]).is_none());
    }

    #[test]
    fn too_few_values_are_not_judged() {
        let of = |values: &[i64]| Series::of(values, 1);
        assert_eq!(ratio(&of(&[1, 2, 3, 4]), &of(&[1, 2, 3, 4, 5])), None);
        assert_eq!(spread(&of(&[])), None);
        assert_eq!(spread(&of(&[9; 20])), Some(0.0));
    }
}
