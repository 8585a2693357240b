//! Numbers for people: three digits and a unit; names without characters that command, and of a bounded length.

use std::borrow::Cow;

/// Characters of a text that the page shows; a name of the trace may be megabytes long.
pub const MOST_CHARS: usize = 2_000;

/// A text of at most [`MOST_CHARS`] characters; a longer one is cut and says how long it is.
pub fn clipped(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => {
            let all = text.chars().count() as u64;
            Cow::Owned(format!(
                "{}… (the first {MOST_CHARS} of {} characters)",
                &text[..end],
                count(all)
            ))
        }
        None => Cow::Borrowed(text),
    }
}

/// Whether a character would command the terminal, turn the direction of writing (Unicode's Bidi_Control), end the
/// line, or is not seen at all (of zero width: two names that differ would look alike).
fn commands(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}')
}

/// A name with such characters written as escapes.
pub fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if commands(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// JSON whose texts hold no such character: another spelling of the same values.
pub fn plain_json(json: String) -> String {
    // Line breaks stand between values; those in texts are escapes already.
    let commands = |c: char| c != '\n' && commands(c);
    if !json.contains(commands) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if commands(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// A duration: `"4.31 ms"`, `"12.0 s"`, `"850 ns"`, `"2 min 05 s"`. The unit is chosen so that three digits say it.
pub fn duration(ns: i64) -> String {
    if ns < 0 {
        return format!("-{}", duration(ns.saturating_neg()));
    }
    let value = ns as f64;
    let rounds_below = |limit: f64| value < limit * 0.9995;
    if ns < 1_000 {
        format!("{ns} ns")
    } else if rounds_below(1e6) {
        format!("{} µs", three_digits(value / 1e3))
    } else if rounds_below(1e9) {
        format!("{} ms", three_digits(value / 1e6))
    } else if ns < 119_500_000_000 {
        format!("{} s", three_digits(value / 1e9))
    } else {
        let s = ns.saturating_add(500_000_000) / 1_000_000_000;
        if s < 7200 {
            format!("{} min {:02} s", s / 60, s % 60)
        } else {
            format!("{} h {:02} min", s / 3600, s % 3600 / 60)
        }
    }
}

/// A duration to two digits, where it is known no better: `"40 ms"`, `"1.3 s"`.
pub fn about(ns: i64) -> String {
    let ns = ns.unsigned_abs();
    let digits = 10_u64.pow(ns.checked_ilog10().unwrap_or(0).saturating_sub(1));
    let ns = ns.saturating_add(digits / 2) / digits * digits;
    let (unit, per_unit) = match ns {
        0..1_000 => ("ns", 1.0),
        1_000..1_000_000 => ("µs", 1e3),
        1_000_000..1_000_000_000 => ("ms", 1e6),
        _ => ("s", 1e9),
    };
    format!("{} {unit}", ns as f64 / per_unit)
}

/// A duration measured by a clock of milliseconds.
pub fn milliseconds(ms: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and no wait is 292 years long"
    )]
    duration((ms * 1e6) as i64)
}

/// Three significant digits: `"4.31"`, `"43.1"`, `"431"`.
fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A count with grouped digits: `"1,399,502"`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A count with its noun: `"1 step"`, `"1,204 steps"`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// 10^9 bytes a second, with two digits that count: `"987"`, `"1.9"`, `"0.0042"`.
pub fn rate(gb_per_s: f64) -> String {
    match gb_per_s {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v if v >= 0.000_1 => format!("{v:.4}"),
        v => format!("{v:.2e}"),
    }
}

/// A size in bytes, in powers of 1000: `"457 MB"`.
pub fn bytes(n: u64) -> String {
    let value = n as f64;
    match n {
        0..1_000 => format!("{n} B"),
        1_000..999_500 => format!("{} KB", three_digits(value / 1e3)),
        999_500..999_500_000 => format!("{} MB", three_digits(value / 1e6)),
        _ => format!("{} GB", three_digits(value / 1e9)),
    }
}

/// `part` of `whole` in per cent: `"41 %"`, `"0.4 %"`; `"–"` of nothing.
pub fn percent(part: i64, whole: i64) -> String {
    if whole == 0 {
        return "–".into();
    }
    share(part as f64 / whole as f64)
}

/// The same of a share from 0 to 1.
pub fn share(part: f64) -> String {
    let p = part * 100.0;
    // What rounds to nothing has no sign.
    let p = if p.abs() < 0.05 { p.abs() } else { p };
    if p != 0.0 && p.abs() < 9.95 {
        format!("{p:.1} %")
    } else {
        format!("{p:.0} %")
    }
}

/// `"a, b and c"`; of more than `most`, how many more.
pub fn listed(items: &[String], most: usize) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        _ if items.len() > most => {
            let more = (items.len() - most) as u64;
            format!("{} and {} more", items[..most].join(", "), count(more))
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_rounds_to_nothing_has_no_sign() {
        assert_eq!([-0.0, 0.0].map(share), ["0 %", "0 %"]);
        assert_eq!([-0.0001, 0.0001].map(share), ["0.0 %", "0.0 %"]);
        assert_eq!([-0.001, -2.0].map(share), ["-0.1 %", "-200 %"]);
    }

    #[test]
    fn a_text_of_two_thousand_characters_stays_and_a_longer_one_says_how_long_it_is() {
        let whole = "é".repeat(2_000);
        assert_eq!(clipped(&whole), whole);
        let long = "é".repeat(1_000_000);
        assert_eq!(
            clipped(&long),
            format!("{whole}… (the first 2000 of 1,000,000 characters)")
        );
    }

    #[test]
    fn what_is_not_seen_is_written_as_an_escape() {
        for c in [
            '\u{200B}', '\u{200D}', '\u{200F}', '\u{2060}', '\u{2064}', '\u{FEFF}', '\u{202E}',
        ] {
            let code = format!("{:x}", u32::from(c));
            assert_eq!(plain(&format!("a{c}b")), format!("a\\u{{{code}}}b"));
            assert_eq!(plain_json(format!("\"a{c}b\"")), format!("\"a\\u{code:0>4}b\""));
        }
        assert_eq!(plain("a\u{2010}b é 計"), "a\u{2010}b é 計");
    }

    #[test]
    fn what_is_known_to_two_digits_has_two() {
        let cases = [
            (-39_820_000, "40 ms"),
            (1_994_000, "2 ms"),
            (123_456, "120 µs"),
            (1_349_000_000, "1.3 s"),
            (7, "7 ns"),
        ];
        for (ns, want) in cases {
            assert_eq!(about(ns), want);
        }
    }

    #[test]
    fn durations_scale_their_unit() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (4_312_000, "4.31 ms"),
            (1_310_000_000, "1.31 s"),
            (43_100_000_000, "43.1 s"),
            (125_000_000_000, "2 min 05 s"),
            (7_260_000_000_000, "2 h 01 min"),
            (-1_500, "-1.50 µs"),
        ];
        for (ns, want) in cases {
            assert_eq!(duration(ns), want);
        }
    }

    #[test]
    fn counts_are_grouped_and_sizes_scaled() {
        assert_eq!(count(1_399_502), "1,399,502");
        assert_eq!(count(12), "12");
        assert_eq!(counted(1, "step"), "1 step");
        assert_eq!(bytes(457_520_984), "458 MB");
        assert_eq!(percent(41, 100), "41 %");
        assert_eq!(percent(1, 250), "0.4 %");
        assert_eq!(percent(1, 0), "–");
    }
}
