//! We post a trace to Perfetto: its address, what stands in it, and how long we wait for an answer.
//!
//! Perfetto takes the ns of a JSON trace to be its `ts` in µs times 1000, without any base time: the trace clock's
//! own ns, which [`Span`] holds.

use std::fmt::Write;

use serde::Serialize;

use super::message::Range;
use super::seconds_of_ns;
use crate::base::{Span, show};

/// Where Perfetto is, unless the reader says otherwise.
pub const ADDRESS: &str = "https://ui.perfetto.dev/";
/// How often Perfetto is asked whether it is there.
pub const EVERY_MS: i32 = 100;
/// After that, the reader is told that nobody answers yet.
pub const TOLD_MS: f64 = 8_000.0;
/// After that, nobody is asked any more.
pub const LIMIT_MS: f64 = 60_000.0;
/// Notes and pinned tracks in an address: addresses of some 10 KB are fine everywhere, more is not.
pub const MOST_NOTES: usize = 20;
pub const MOST_PINS: usize = 12;
pub const MOST_PIN: usize = 100;
/// More bytes do not fit an `ArrayBuffer` everywhere.
pub const MOST_BYTES: u64 = 2_000_000_000;

/// Of a larger trace, a place is shown by a cut-out of its surroundings: Perfetto takes seconds for each 100 MB.
pub const LARGE_BYTES: u64 = 500_000_000;
/// Surroundings of a place: so many times its length on either side, and no less than so many ns.
const AROUND: i64 = 10;
const LEAST_AROUND_NS: i64 = 50_000_000;

/// What of a trace is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Whole,
    Stretch(Span),
}

impl Content {
    /// Whether a place is in it.
    pub fn holds(self, place: Option<Span>) -> bool {
        match (self, place) {
            (Content::Whole, _) => true,
            (Content::Stretch(_), None) => false,
            (Content::Stretch(all), Some(place)) => all.start <= place.start && place.end <= all.end,
        }
    }

    /// Whether it goes as the file that it lies in, of so many bytes, and not as a cut-out.
    pub fn is_file(self, file_bytes: Option<u64>) -> bool {
        self == Content::Whole && file_bytes.is_some_and(|n| n <= MOST_BYTES)
    }
}

/// What is to be sent so that `place` can be shown, of a trace of `bytes`, compressed or not, that covers `extent`.
/// `alone`: the place and no more.
pub fn content(bytes: u64, extent: Option<Span>, place: Option<Span>, alone: bool) -> Content {
    match place {
        Some(place) if alone => Content::Stretch(place),
        Some(place) if bytes > LARGE_BYTES => {
            let more = place.len_ns().saturating_mul(AROUND).max(LEAST_AROUND_NS);
            let around = Span::new(place.start.saturating_sub(more), place.end.saturating_add(more));
            Content::Stretch(extent.map_or(around, |extent| around.intersect(extent)))
        }
        _ => Content::Whole,
    }
}

/// What the reader is to know before: what goes as a cut-out. `file_bytes` as in [`Content::is_file`]; `bytes` of the
/// trace.
pub fn told_before(file_bytes: Option<u64>, bytes: u64) -> Option<String> {
    let place = "a place goes with what surrounds it";
    let whole = "The whole trace goes as a cut-out, with Stepscope's own tracks";
    Some(match (file_bytes, bytes > LARGE_BYTES) {
        (None, false) => format!("{whole}: it has no file of its own."),
        (None, true) => format!(
            "{whole}: it has no file of its own. Of {}, {place}.",
            show::bytes(bytes)
        ),
        (Some(n), true) if n > MOST_BYTES => {
            format!(
                "{whole}: no page hands over more than {}. Else {place}.",
                show::bytes(MOST_BYTES)
            )
        }
        (Some(_), true) => format!("Of a file of {}, {place}, as a cut-out.", show::bytes(bytes)),
        (Some(_), false) => return None,
    })
}

/// An address that Perfetto, or a fork of it, stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    page: String,
    origin: String,
}

/// What Perfetto shows first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// It has to lie within the trace: Perfetto ignores one that does not.
    pub window: Option<Span>,
    /// Names of threads whose tracks are pinned. Those of more than [`MOST_PIN`] bytes are left out.
    pub pins: Vec<String>,
    /// Times in ns, each with a text.
    pub notes: Vec<(i64, String)>,
}

#[derive(Serialize)]
struct Command<'a> {
    id: &'a str,
    args: Vec<String>,
}

impl Address {
    /// Reads an address that the reader typed; else says what is wrong with it.
    pub fn parse(text: &str) -> Result<Address, &'static str> {
        let text = text.trim();
        let page = text.split('#').next().unwrap_or_default();
        let Some((scheme, rest)) = page.split_once("://") else {
            return Err("An address starts with https:// or http://");
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err("An address starts with https:// or http://");
        }
        if page
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
        {
            return Err("An address has no spaces in it");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        if host.is_empty() || host.contains('@') {
            return Err("An address names a host, and no user");
        }
        // A browser leaves out the port that goes without saying.
        let host = host.to_ascii_lowercase();
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(usual).unwrap_or(&host);
        let origin = format!("{scheme}://{host}");
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Address {
            page: format!("{origin}{path}"),
            origin,
        })
    }

    /// What messages from there carry as their origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The address without what stands behind `#`.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The whole address. What stands behind `#` stays in the browser: no server is sent it.
    pub fn url(&self, look: &Look) -> String {
        let mut parts = Vec::new();
        if let Some(window) = look.window {
            parts.push(format!("visStart={}&visEnd={}", window.start, window.end));
        }
        let mut commands = Vec::new();
        let short = look.pins.iter().filter(|pin| pin.len() <= MOST_PIN);
        let names: Vec<String> = short.take(MOST_PINS).map(|pin| literal(pin)).collect();
        if !names.is_empty() {
            commands.push(Command {
                id: "dev.perfetto.PinTracksByRegex",
                args: vec![format!("^(?:{})(?: |$)", names.join("|"))],
            });
        }
        commands.extend(look.notes.iter().take(MOST_NOTES).map(|(at, text)| Command {
            id: "dev.perfetto.AddNoteAtTimestamp",
            args: vec![at.to_string(), super::cleaned(text, 80)],
        }));
        if !commands.is_empty()
            && let Ok(json) = serde_json::to_string(&commands)
        {
            parts.push(format!("startupCommands={}", percent_encoded(&json)));
        }
        if parts.is_empty() {
            self.page.clone()
        } else {
            format!("{}#!/?{}", self.page, parts.join("&"))
        }
    }
}

/// What moves Perfetto's view: `(timeStart, timeEnd, viewPercentage)`, in seconds.
pub fn view_message(range: &Range) -> (f64, f64, f64) {
    (
        seconds_of_ns(range.span.start),
        seconds_of_ns(range.span.end),
        range.share,
    )
}

/// A range that fills the whole view.
pub fn all_of(span: Span) -> Range {
    Range { span, share: 1.0 }
}

/// What to do next while Perfetto starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Ping,
    /// It has not answered for [`TOLD_MS`]: the reader is told.
    PingAndTell,
    /// Its window was closed.
    Gone,
    GiveUp,
}

/// `waited_ms`: since the first PING, by the clock. (Ticks cannot be counted: a page in the background gets one a
/// second.)
pub fn next(waited_ms: f64, window_is_closed: bool) -> Next {
    if window_is_closed {
        Next::Gone
    } else if waited_ms > LIMIT_MS {
        Next::GiveUp
    } else if waited_ms > TOLD_MS {
        Next::PingAndTell
    } else {
        Next::Ping
    }
}

/// A regular expression that matches this text alone.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "\\^$.|?*+()[]{}/".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_trace_is_shown_by_the_surroundings_of_the_place() {
        const S: i64 = 1_000_000_000;
        let extent = Some(Span::new(0, 100 * S));
        let place = Some(Span::new(S, S + 20_000_000));
        assert_eq!(content(LARGE_BYTES, extent, place, false), Content::Whole);
        assert_eq!(
            content(LARGE_BYTES + 1, extent, place, false),
            Content::Stretch(Span::new(S - 200_000_000, S + 220_000_000))
        );
        // At least 50 ms on either side, and nothing outside of the trace.
        assert_eq!(
            content(MOST_BYTES + 1, extent, Some(Span::new(7, 8)), false),
            Content::Stretch(Span::new(0, 50_000_008))
        );
        assert_eq!(content(MOST_BYTES + 1, extent, None, false), Content::Whole);
        assert_eq!(
            content(1, extent, place, true),
            Content::Stretch(Span::new(S, S + 20_000_000))
        );
    }

    #[test]
    fn the_file_itself_goes_where_it_is_all_that_is_wanted_and_fits() {
        assert!(Content::Whole.is_file(Some(MOST_BYTES)));
        assert!(!Content::Whole.is_file(Some(MOST_BYTES + 1)));
        assert!(!Content::Whole.is_file(None));
        assert!(!Content::Stretch(Span::new(0, 1)).is_file(Some(1)));
    }

    #[test]
    fn what_goes_as_a_cut_out_is_said_before() {
        let says = |file, bytes| told_before(file, bytes).unwrap_or_default();
        assert_eq!(says(Some(LARGE_BYTES), LARGE_BYTES), "");
        assert_eq!(
            says(Some(LARGE_BYTES + 1), LARGE_BYTES + 1),
            "Of a file of 500 MB, a place goes with what surrounds it, as a cut-out."
        );
        assert!(says(Some(MOST_BYTES + 1), MOST_BYTES + 1).contains("no page hands over more than 2"));
        assert!(says(None, 1).ends_with("it has no file of its own."));
        assert!(says(None, LARGE_BYTES + 1).ends_with("goes with what surrounds it."));
    }

    #[test]
    fn what_was_sent_holds_a_place_or_not() {
        let stretch = Content::Stretch(Span::new(10, 20));
        assert!(stretch.holds(Some(Span::new(10, 20))) && !stretch.holds(Some(Span::new(9, 12))));
        assert!(!stretch.holds(None) && Content::Whole.holds(None));
    }

    #[test]
    fn an_address_is_a_page_and_its_origin() {
        for (text, page, origin) in [
            (ADDRESS, "https://ui.perfetto.dev/", "https://ui.perfetto.dev"),
            (
                " https://perfetto.habana.ai ",
                "https://perfetto.habana.ai/",
                "https://perfetto.habana.ai",
            ),
            (
                "http://LocalHost:9001/ui/index.html?x=1#!/viewer",
                "http://localhost:9001/ui/index.html?x=1",
                "http://localhost:9001",
            ),
            (
                "https://a.example:443?b",
                "https://a.example/?b",
                "https://a.example",
            ),
            ("http://[::1]:8080/", "http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.page(), address.origin()), (page, origin), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "perfetto",
            "javascript://alert(1)",
            "javascript:alert(1)",
            "data://x",
            "https://",
            "https:///x",
            "https://user@evil.example/",
            "https://a.example\\@b.example/",
            "https://a b/",
            "https://a.example/\u{0}",
        ] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_plain_address_stays_as_it_is() {
        let address = Address::parse(ADDRESS).unwrap();
        assert_eq!(address.url(&Look::default()), ADDRESS);
    }

    #[test]
    fn the_address_says_where_to_look_and_what_to_pin() {
        let address = Address::parse(ADDRESS).unwrap();
        let look = Look {
            window: Some(Span::new(5, 9)),
            pins: vec!["stream 7 (a+b)".into()],
            notes: vec![(7, "50 % & more\n".into())],
        };
        let url = address.url(&look);
        let (start, json) = url.split_once("&startupCommands=").unwrap();
        assert_eq!(start, "https://ui.perfetto.dev/#!/?visStart=5&visEnd=9");
        assert!(
            json.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)),
            "{json}"
        );
        let bytes = json
            .split('%')
            .enumerate()
            .fold(Vec::new(), |mut out, (i, part)| {
                let rest = if i == 0 {
                    part
                } else {
                    out.push(u8::from_str_radix(&part[..2], 16).unwrap());
                    &part[2..]
                };
                out.extend(rest.bytes());
                out
            });
        let commands: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            commands,
            serde_json::json!([
                { "id": "dev.perfetto.PinTracksByRegex", "args": ["^(?:stream 7 \\(a\\+b\\))(?: |$)"] },
                { "id": "dev.perfetto.AddNoteAtTimestamp", "args": ["7", "50 % & more"] },
            ])
        );
    }

    #[test]
    fn an_address_has_a_bound_whatever_the_trace_is() {
        let look = Look {
            window: None,
            pins: [vec!["u".repeat(1_000_000)], vec!["t".repeat(100); 10_000]].concat(),
            notes: vec![(1, "n".repeat(1000)); 100_000],
        };
        let url = Address::parse(ADDRESS).unwrap().url(&look);
        assert!(url.len() < 10_000, "{} characters", url.len());
    }

    #[test]
    fn the_reader_is_told_after_8_s_and_nobody_is_asked_after_60_s() {
        assert_eq!(next(0.0, false), Next::Ping);
        assert_eq!(next(7_950.0, false), Next::Ping);
        assert_eq!(next(8_001.0, false), Next::PingAndTell);
        assert_eq!(next(60_001.0, false), Next::GiveUp);
        assert_eq!(next(100.0, true), Next::Gone);
    }
}
