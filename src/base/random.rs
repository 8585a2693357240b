//! Repeatable chance.

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        let width = high.saturating_sub(low).saturating_add(1).max(1).unsigned_abs();
        let off = (u128::from(self.bits()) * u128::from(width)) >> 64;
        low + i64::try_from(off).unwrap_or(0)
    }

    /// A time from `low_us` to `high_us` in ns, in steps of half a microsecond: such a time survives being
    /// written as an f64 of microseconds near the epoch.
    pub fn time(&mut self, low_us: i64, high_us: i64) -> i64 {
        self.within(low_us * 2, high_us * 2) * 500
    }

    /// True `n` times in a thousand.
    pub fn permille(&mut self, n: i64) -> bool {
        self.within(0, 999) < n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs for seed 1234567, as published with the algorithm.
        let mut r = Random::new(1_234_567);
        assert_eq!(
            [r.bits(), r.bits()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }

    #[test]
    fn chance_stays_within_its_bounds() {
        let mut r = Random::new(7);
        let mut seen = [false; 4];
        for _ in 0..1000 {
            let n = r.within(-1, 2);
            seen[usize::try_from(n + 1).unwrap()] = true;
            assert_eq!(r.time(3, 9) % 500, 0);
        }
        assert_eq!(seen, [true; 4]);
    }
}
