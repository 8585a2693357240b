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
/// Digits past the nanosecond are rounded, half up (towards later), so order is kept. Exponents are honoured
/// (`1.795316e15`). `None`: not a plain finite number, or not within ±[`CLOCK_END_NS`].
pub fn ns_from_micros_text(text: &[u8]) -> Option<i64> {
    ns_of_any_size(text).filter(|ns| ns.unsigned_abs() < CLOCK_END_NS.unsigned_abs())
}

/// Digits past the nanosecond that the sum of two times is made with; more say nothing of any clock.
const EXACT_PLACES: i32 = 15;

/// The end of what starts and lasts so many µs, rounded half up from the sum at full digits, less the sum of both
/// rounded, ns: 1 or -1, or 0 where one of them has no digits past the nanosecond, or cannot be read.
pub fn end_rounding(start: &[u8], dur: &[u8]) -> i64 {
    let may_have_more = |text: &[u8]| {
        let point = text.iter().position(|&b| b == b'.');
        point.is_some_and(|point| text.len() - point > 4) || text.iter().any(|b| b"eE".contains(b))
    };
    if !may_have_more(dur) || !may_have_more(start) {
        return 0;
    }
    let exact = |text: &[u8]| {
        ns_from_micros_text(text)?;
        scaled(text, EXACT_PLACES)
    };
    let Some((start, dur)) = exact(start).zip(exact(dur)) else {
        return 0;
    };
    let unit = 10i128.pow(EXACT_PLACES.unsigned_abs());
    let rounded = |value: i128| half_up(value, unit);
    i64::try_from(rounded(start + dur) - rounded(start) - rounded(dur)).unwrap_or(0)
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
    let (mut fraction, mut any_fraction, mut rest): (i64, _, &[u8]) = (0, false, &[]);
    if digits.get(i) == Some(&b'.') {
        let after = &digits[i + 1..];
        let n = after.iter().take_while(|d| d.is_ascii_digit()).count();
        any_fraction = n > 0;
        for place in 0..3 {
            fraction = fraction * 10 + after[..n].get(place).map_or(0, |d| i64::from(d - b'0'));
        }
        rest = after[..n].get(3..).unwrap_or_default();
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
    let value = if rest.is_empty() || !rounds_up(rest, negative) {
        value
    } else {
        value.checked_add(1)?
    };
    Some(if negative { -value } else { value })
}

/// Whether the digits after the last that is kept make its amount larger. Half up: of a negative number, one half
/// does not.
fn rounds_up(rest: &[u8], negative: bool) -> bool {
    let half = rest[0].cmp(&b'5').then_with(|| {
        let is_more = rest[1..].iter().any(|&d| d != b'0');
        is_more.cmp(&false)
    });
    half.is_gt() || half.is_eq() && !negative
}

/// A decimal number without a fraction, however it is written: `101`, `"101"`'s digits, `101.0`, `1.01e2`. `None`: it
/// is none, or does not fit.
pub fn whole_number(text: &[u8]) -> Option<i128> {
    let (negative, rest) = match text.trim_ascii() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let end = rest.iter().position(|b| b"eE".contains(b));
    let (mantissa, exponent) = match end {
        Some(end) => (&rest[..end], exponent_of(&rest[end + 1..])?),
        None => (rest, 0i32),
    };
    let point = mantissa.iter().position(|&b| b == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = mantissa.split_at(point);
    let fraction = fraction.strip_prefix(b".").unwrap_or(fraction);
    let zeros = fraction.iter().rev().take_while(|&&d| d == b'0').count();
    let fraction = &fraction[..fraction.len() - zeros];
    if whole.len() + fraction.len() + zeros == 0 {
        return None;
    }
    let mut value = 0i128;
    for d in whole.iter().chain(fraction) {
        let digit = d.is_ascii_digit().then(|| i128::from(d - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    let mut shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    while shift > 0 && value != 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    while shift < 0 && value != 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
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

/// `value` in units of `unit`, rounded half up: once, of the whole rest, not of each digit.
fn half_up(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) >= unit - unit / 2)
}

/// Decimal µs in units of 10^-`places` ns, cut there. `None`: it does not fit.
fn scaled(text: &[u8], places: i32) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let end = digits.iter().position(|b| b"eE".contains(b));
    let (mantissa, exponent) = match end {
        Some(end) => (&digits[..end], exponent_of(&digits[end + 1..])?),
        None => (digits, 0i32),
    };
    let point = mantissa.iter().position(|&b| b == b'.').unwrap_or(mantissa.len());
    let n_whole = i32::try_from(point).ok()?;
    let mut value: i128 = 0;
    // Of each digit the power of ten that it counts, in these units.
    let first = n_whole
        .checked_sub(1)?
        .checked_add(exponent)?
        .checked_add(3 + places)?;
    let mut power = first;
    for d in mantissa.iter().filter(|b| b.is_ascii_digit()) {
        let digit = i128::from(d - b'0');
        if digit != 0 && power >= 0 {
            value = value.checked_add(digit.checked_mul(10i128.checked_pow(power.unsigned_abs())?)?)?;
        }
        power -= 1;
    }
    Some(if negative { -value } else { value })
}

/// What stands behind an `e`. One of more digits than any number has is cut to that many, which changes nothing:
/// what it belongs to is 0, or fits nowhere.
fn exponent_of(text: &[u8]) -> Option<i32> {
    const LARGEST: i32 = 1_000_000_000;
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (value, n) = leading_digits(digits);
    if n == 0 || n < digits.len() {
        return None;
    }
    let value = value.and_then(|value| i32::try_from(value).ok());
    let value = value.map_or(LARGEST, |value| value.min(LARGEST));
    Some(if negative { -value } else { value })
}

/// `mantissa` is digits with at most one point; the value in ns is mantissa · 10^(exponent + 3).
fn ns_from_exponent_text(negative: bool, mantissa: &[u8], exponent: &[u8]) -> Option<i64> {
    let exponent = exponent_of(exponent)?;
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
    if negative {
        value = -value;
    }
    if shift < 0 {
        value = 10i128
            .checked_pow(shift.unsigned_abs())
            .map_or(0, |unit| half_up(value, unit));
    }
    i64::try_from(value).ok()
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
        assert_eq!(ns("1.9999"), Some(2_000), "rounded, not cut");
        for (text, rounded) in [
            ("12.34000049", 12_340),
            ("12.3405", 12_341),
            ("12.34049999", 12_340),
            ("0.9995", 1_000),
            ("-0.0005", 0),
            ("-0.00051", -1),
            ("-1.2346", -1_235),
            ("1.23450e1", 12_345),
            ("12.3405e0", 12_341),
            ("12.34049999e0", 12_340),
            ("-12.3405e0", -12_340),
            ("-12.34051E+0", -12_341),
            ("5e-4", 1),
            ("4.9e-4", 0),
        ] {
            assert_eq!(ns(text), Some(rounded), "{text}");
        }
        assert_eq!(ns("18446744073709551.615"), None, "past the clock");
        assert_eq!(ns("4611686018427387.903"), Some(CLOCK_END_NS - 1));
        assert_eq!(ns("-4611686018427387.904"), None, "past the clock");
        for no in ["", "-", ".", "1x", "NaN", "inf", "1e", "1e999", "--1", "1.2.3"] {
            assert_eq!(ns(no), None, "{no}");
        }
    }

    #[test]
    fn an_exponent_may_have_any_number_of_digits() {
        let ns = |text: &str| ns_from_micros_text(text.as_bytes());
        let long = "9".repeat(30);
        for zero in [
            "1e-99999999999999999999",
            "0e99999999999999999999",
            "-1E-4294967296",
            "0.0e+2147483648",
        ] {
            assert_eq!(ns(zero), Some(0), "{zero}");
        }
        assert_eq!(ns(&format!("12.5e-{long}")), Some(0));
        assert_eq!(ns(&format!("0e{long}")), Some(0));
        assert_eq!(ns("1e0000000000000000000000000001"), Some(10_000));
        for none in [
            "1e99999999999999999999",
            "1e2147483648",
            "1e",
            "1e-",
            "1e+-3",
            "1e3x",
            "1e--3",
        ] {
            assert_eq!(ns(none), None, "{none}");
        }
        assert_eq!(whole_number(b"0e99999999999999999999"), Some(0));
        assert_eq!(whole_number(b"1e-99999999999999999999"), None);
        assert_eq!(end_rounding(b"1.0005", b"1e-99999999999999999999"), 0);
    }

    #[test]
    fn ends_are_rounded_from_all_digits() {
        for (start, dur, more) in [
            ("10.0005", "1.0005", -1),
            ("10.0004", "1.0004", 1),
            ("10.0004", "1.0001", 1),
            ("10.0004", "1.00005", 0),
            ("10.0005", "1", 0),
            ("10", "1.0005", 0),
            ("1.00005e1", "10.005e-1", -1),
            ("1.00005e1", "1.0005", -1),
            ("-10.0005", "1.0005", -1),
            ("-10.00051", "1.0004", 1),
            ("1623142623460111.1234", "0.0004", 1),
            ("10.0004", "x.0004", 0),
            ("4e99", "1.0004", 0),
        ] {
            assert_eq!(
                end_rounding(start.as_bytes(), dur.as_bytes()),
                more,
                "{start} {dur}"
            );
        }
    }

    #[test]
    fn whole_numbers_however_they_are_written() {
        let whole = |text: &str| whole_number(text.as_bytes());
        for (text, number) in [
            ("101", 101),
            ("101.0", 101),
            (" 101. ", 101),
            ("1.01e2", 101),
            ("1010e-1", 101),
            ("-7.000", -7),
            ("0.0", 0),
            ("18446744073709551615", i128::from(u64::MAX)),
            ("1.790857026e+18", 1_790_857_026_000_000_000),
        ] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for no in ["", ".", "1.5", "1e-1", "x", "1x", "NaN", "0x10", "1e999", "e5"] {
            assert_eq!(whole(no), None, "{no}");
        }
    }

    proptest::proptest! {
        #[test]
        fn start_duration_and_rounding_are_the_end(start in -9_000_000i64..9_000_000, dur in 0i64..9_000_000) {
            // In 10^-6 µs, as text.
            let sign = |n: i64| if n < 0 { "-" } else { "" };
            let text = |n: i64| format!("{}{}.{:06}", sign(n), n.abs() / 1_000_000, n.abs() % 1_000_000);
            let ns = |n: i64| ns_from_micros_text(text(n).as_bytes()).unwrap();
            let more = end_rounding(text(start).as_bytes(), text(dur).as_bytes());
            proptest::prop_assert_eq!(ns(start) + ns(dur) + more, ns(start + dur));
        }

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
