//! Instants and durations in whole nanoseconds.
//!
//! A trace states times as decimal microseconds (`"ts": 1712.083`). They are read digit by digit into an
//! `i64` of nanoseconds. An `f64` would not do: near today's wall-clock time, 1.7e15 µs, it steps by
//! 0.25 µs.

use serde::{Deserialize, Serialize};

/// An instant: nanoseconds on the trace's own clock. Never wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ts(i64);

/// A length of time in nanoseconds; never negative when it belongs to a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dur(i64);

impl Ts {
    /// `ns` nanoseconds after the trace clock's zero.
    pub const fn from_ns(ns: i64) -> Ts {
        Ts(ns)
    }

    /// Nanoseconds since the trace clock's zero.
    pub const fn as_ns(self) -> i64 {
        self.0
    }

    /// Time elapsed since `earlier`; negative if `earlier` is in fact later. Saturates.
    pub const fn since(self, earlier: Ts) -> Dur {
        Dur(self.0.saturating_sub(earlier.0))
    }

    /// The instant `dur` later. Saturates at the ends of the clock (±292 years).
    #[must_use]
    pub const fn plus(self, dur: Dur) -> Ts {
        Ts(self.0.saturating_add(dur.0))
    }
}

impl Dur {
    /// No time at all.
    pub const ZERO: Dur = Dur(0);

    /// `ns` nanoseconds.
    pub const fn from_ns(ns: i64) -> Dur {
        Dur(ns)
    }

    /// `us` microseconds.
    pub const fn from_us(us: i64) -> Dur {
        Dur(us * 1_000)
    }

    /// Nanoseconds.
    pub const fn as_ns(self) -> i64 {
        self.0
    }
}

/// No time of a trace reaches this far from zero: 146 years. So the difference of any two fits an `i64`.
pub const CLOCK_END_NS: i64 = 1 << 62;

/// Reads decimal microseconds as whole nanoseconds: `"100.5"` is 100 500.
///
/// Digits past the nanosecond are cut, not rounded, so order is kept. Exponents are honoured
/// (`1.795316e15`). `None`: not a plain finite number, or not within ±[`CLOCK_END_NS`].
pub fn ns_from_micros_text(text: &[u8]) -> Option<i64> {
    ns_of_any_size(text).filter(|ns| ns.unsigned_abs() < CLOCK_END_NS.unsigned_abs())
}

/// Writes nanoseconds as decimal microseconds with the fewest digits that say it, at least one after the point:
/// 134 912 is `134.912`, 2 316 000 is `2316.0`. [`ns_from_micros_text`] reads it back.
pub fn push_micros(out: &mut Vec<u8>, ns: i64) {
    if ns < 0 {
        out.push(b'-');
    }
    let ns = ns.unsigned_abs();
    push_digits(out, ns / 1000, 1);
    out.push(b'.');
    let fraction = ns % 1000;
    if fraction == 0 {
        out.push(b'0');
        return;
    }
    push_digits(out, fraction, 3);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// Writes `n` with at least `width` digits, of which there are at most 20.
pub fn push_digits(out: &mut Vec<u8>, mut n: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + u8::try_from(n % 10).unwrap_or(0);
        n /= 10;
        if n == 0 {
            break;
        }
    }
    let from = from.min(digits.len() - width);
    out.extend_from_slice(&digits[from..]);
}

fn ns_of_any_size(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (whole, int_digits) = leading_digits(digits);
    let mut i = int_digits;
    let (mut fraction, mut any_fraction) = (0, false);
    if digits.get(i) == Some(&b'.') {
        let after = &digits[i + 1..];
        let n = after.iter().take_while(|d| d.is_ascii_digit()).count();
        any_fraction = n > 0;
        for place in 0..3 {
            fraction = fraction * 10 + after[..n].get(place).map_or(0, |d| i64::from(d - b'0'));
        }
        i += 1 + n;
    }
    if int_digits == 0 && !any_fraction {
        return None;
    }
    if matches!(digits.get(i), Some(b'e' | b'E')) {
        return ns_from_exponent_text(negative, &digits[..i], &digits[i + 1..]);
    }
    if i != digits.len() {
        return None;
    }
    // Up to 15 digits of µs, 31 years, cannot overflow; a checked 64-bit product is slow in WebAssembly.
    let value = if int_digits <= 15 {
        whole? * 1_000 + fraction
    } else {
        whole?.checked_mul(1_000)?.checked_add(fraction)?
    };
    Some(if negative { -value } else { value })
}

/// The number that `text` starts with, and how many digits it has. `None`: it is 2^63 or more.
pub fn leading_digits(text: &[u8]) -> (Option<i64>, usize) {
    let n = text.iter().take_while(|d| d.is_ascii_digit()).count();
    // 18 digits are less than 2^63.
    let (safe, rest) = text[..n].split_at(n.min(18));
    let mut value: i64 = 0;
    for &d in safe {
        value = value * 10 + i64::from(d - b'0');
    }
    let value = rest.iter().try_fold(value, |value, &d| {
        value.checked_mul(10)?.checked_add(i64::from(d - b'0'))
    });
    (value, n)
}

/// `mantissa` is digits with at most one point; the value in ns is mantissa · 10^(exponent + 3).
fn ns_from_exponent_text(negative: bool, mantissa: &[u8], exponent: &[u8]) -> Option<i64> {
    let exponent: i32 = std::str::from_utf8(exponent).ok()?.parse().ok()?;
    let point = mantissa.iter().position(|&b| b == b'.').unwrap_or(mantissa.len());
    let places = i32::try_from(mantissa.len().saturating_sub(point + 1)).ok()?;
    let mut value: i128 = 0;
    for d in mantissa.iter().filter(|b| b.is_ascii_digit()) {
        value = value.checked_mul(10)?.checked_add(i128::from(d - b'0'))?;
    }
    let mut shift = exponent.checked_sub(places)?.checked_add(3)?;
    while shift > 0 && value != 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    while shift < 0 && value != 0 {
        value /= 10;
        shift += 1;
    }
    i64::try_from(if negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_read_exactly() {
        let ns = |text: &str| ns_from_micros_text(text.as_bytes());
        assert_eq!(ns("100.5"), Some(100_500));
        assert_eq!(ns("0"), Some(0));
        assert_eq!(ns("-5.5"), Some(-5_500));
        assert_eq!(ns("1623142623460111.123"), Some(1_623_142_623_460_111_123));
        assert_eq!(ns("1795316000005283.0"), Some(1_795_316_000_005_283_000));
        assert_eq!(ns("1.25e3"), Some(1_250_000));
        assert_eq!(ns("5e-324"), Some(0));
        assert_eq!(ns("1.9999"), Some(1_999), "cut, not rounded");
        assert_eq!(ns("18446744073709551.615"), None, "past the clock");
        assert_eq!(ns("4611686018427387.903"), Some(CLOCK_END_NS - 1));
        assert_eq!(ns("-4611686018427387.904"), None, "past the clock");
        for no in ["", "-", ".", "1x", "NaN", "inf", "1e", "1e999", "--1", "1.2.3"] {
            assert_eq!(ns(no), None, "{no}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_integer_and_fraction_come_back(
            us in -4_600_000_000_000_000i64..4_600_000_000_000_000,
            frac in 0u32..1000,
        ) {
            let text = format!("{us}.{frac:03}");
            let want = us * 1000 + if us < 0 { -i64::from(frac) } else { i64::from(frac) };
            proptest::prop_assert_eq!(ns_from_micros_text(text.as_bytes()), Some(want));
        }
    }
}
