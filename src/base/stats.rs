//! Exact quantiles: the values are in memory, so nothing is sketched.

/// The `q`-quantile (`0.0..=1.0`) of `sorted` by the nearest-rank rule: the smallest value that at least
/// `q` of all values do not exceed. `None` for no values.
pub fn quantile<T: Copy>(sorted: &[T], q: f64) -> Option<T> {
    sorted.get(rank(sorted.len(), q)).copied()
}

/// The same of values in any order, which it reorders: for millions, of which sorting would take seconds.
pub fn quantile_of<T: Copy + Ord>(values: &mut [T], q: f64) -> Option<T> {
    let rank = rank(values.len(), q);
    (rank < values.len()).then(|| *values.select_nth_unstable(rank).1)
}

fn rank(n: usize, q: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= rank <= n"
    )]
    let rank = (q.clamp(0.0, 1.0) * n as f64).ceil() as usize;
    rank.max(1) - 1
}

/// The sum of durations, in ns. They may overlap, so that a sum need not fit the clock: it stops at its end.
pub fn sum(durations: impl IntoIterator<Item = i64>) -> i64 {
    durations.into_iter().fold(0, i64::saturating_add)
}

/// The mean of `n` values from their sum, cut to whole numbers; `None` of none.
pub fn mean(sum: i64, n: u64) -> Option<i64> {
    (n > 0).then(|| sum / i64::try_from(n).unwrap_or(i64::MAX))
}

/// The standard deviation of `n` values (of all, not estimated from a sample) from their sum and the sum of their
/// squares; 0 of none. Equal values may give a little more than 0: squares are floats.
pub fn deviation(n: u64, sum: i64, squares: f64) -> i64 {
    if n == 0 {
        return 0;
    }
    let (n, sum) = (n as f64, sum as f64);
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let deviation = (squares / n - (sum / n).powi(2)).max(0.0).sqrt().round() as i64;
    deviation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_all_values() {
        let of = |values: &[i64]| {
            let squares = values.iter().map(|&v| v as f64 * v as f64).sum();
            deviation(values.len() as u64, sum(values.iter().copied()), squares)
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[7, 7, 7]), 0);
        assert_eq!(of(&[2, 4, 4, 4, 5, 5, 7, 9]), 2);
    }

    #[test]
    fn nearest_rank() {
        let v = [10, 20, 30, 40];
        assert_eq!(quantile(&v, 0.5), Some(20));
        assert_eq!(quantile(&v, 0.51), Some(30));
        assert_eq!(quantile(&v, 0.99), Some(40));
        assert_eq!(quantile(&v, 0.0), Some(10));
        assert_eq!(quantile::<i64>(&[], 0.5), None);
        for q in [0.0, 0.3, 0.5, 0.51, 0.99, 1.0] {
            assert_eq!(quantile_of(&mut [30, 10, 40, 20], q), quantile(&v, q));
        }
        assert_eq!(quantile_of::<i64>(&mut [], 0.5), None);
    }
}
