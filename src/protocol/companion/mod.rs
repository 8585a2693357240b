//! Beside other pages: a host that posts a trace to us, and a Perfetto that we post one to.
//!
//! The contract is Perfetto's own, so that whatever can open Perfetto can open us
//! (<https://perfetto.dev/docs/visualization/deep-linking-to-perfetto-ui>, read on 2026-11-22); `docs/embedding.md`
//! says what we add to it. Here messages are plain data, and bytes are whatever the caller has (`B`): nothing here
//! can look into them.
//!
//! ```text
//! host page --PING-->  www/receiver.js  --PONG-->                        answered before the program is there
//! host page --trace, range, hello-->  message  ->  receiver  ->  acts    open, ask the reader, show, tell the host
//! us --PING--> Perfetto --PONG--> us --trace, ranges--> Perfetto         sender
//! ```

pub mod message;
pub mod receiver;
pub mod sender;
pub mod trust;

/// Another page: its window, as numbered by whoever holds the windows, and its origin (`"null"` if opaque).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub window: u32,
    pub origin: String,
}

/// The trace clock's ns of a time in seconds; `None`: no number, or not on the clock. Near the Unix epoch, 1.8e9 s,
/// an `f64` steps by 240 ns.
pub fn ns_of_seconds(seconds: f64) -> Option<i64> {
    let ns = (seconds * 1e9).round();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of less than 2^62")]
    let whole = ns as i64;
    (ns.is_finite() && ns.abs() < 4.6e18).then_some(whole)
}

/// Seconds of a time in ns, as near as an `f64` comes.
pub fn seconds_of_ns(ns: i64) -> f64 {
    ns as f64 / 1e9
}

/// A text of a stranger on one line: control characters and those that turn the direction of writing become
/// spaces, runs of spaces one, and no more than `most` characters are kept.
pub fn cleaned(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut n = 0;
    // A title may have megabytes, most of it blanks.
    for c in text.chars().take(most.saturating_mul(8)) {
        let invisible = matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        );
        if c.is_control() || c.is_whitespace() || invisible {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
                n += 1;
            }
        } else if n < most {
            out.push(c);
            n += 1;
        } else {
            out.push('…');
            return out;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_is_one_short_line() {
        assert_eq!(cleaned("  decode\u{0}\n\t step ", 100), "decode step");
        assert_eq!(cleaned("a\u{202e}nosj.b\u{200b}c", 100), "a nosj.b c");
        assert_eq!(cleaned("überlang 日本", 100), "überlang 日本");
        assert_eq!(cleaned("abcdef", 3), "abc…");
        assert_eq!(cleaned(&" ".repeat(1 << 20), 100), "");
        assert_eq!(cleaned(&"x".repeat(1 << 20), 200).chars().count(), 201);
        assert_eq!(cleaned("", 5), "");
    }

    #[test]
    fn seconds_come_back_within_what_an_f64_can_say() {
        for ns in [
            0,
            1,
            -5,
            1_234_567_890,
            1_795_316_000_005_283_001,
            -7_000_000_000_000,
        ] {
            let back = ns_of_seconds(seconds_of_ns(ns)).unwrap();
            assert!((back - ns).abs() <= 256, "{ns} came back as {back}");
        }
        assert_eq!(ns_of_seconds(1.5), Some(1_500_000_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -5e9, 5e9] {
            assert_eq!(ns_of_seconds(seconds), None, "{seconds}");
        }
    }
}
