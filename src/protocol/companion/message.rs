//! What a host's message asks for.
//!
//! ```text
//! ArrayBuffer | view                                            a trace without a name
//! {perfetto: {buffer, title, fileName?, keepApiOpen?}}          a trace
//! {perfetto: {timeStart, timeEnd, viewPercentage?}}             a range, in seconds; ours: startNs, endNs as text
//! {companion: {hello: 1}}                                       the host wants replies
//! {perfettoIgnore: true, …}                                     not for us
//! ```
//! Other keys of the contract (`url`, `localOnly`, `appStateHash`, `pluginArgs`) have no meaning here: we share
//! nothing.

use super::{cleaned, ns_of_seconds};
use crate::base::Span;

/// A title or name is cut to so many characters.
pub const MOST_TITLE: usize = 200;
/// The name of a trace that came without one; Perfetto's words for it.
const NAMELESS: &str = "External trace";
/// A range shows at least so much: a host may point at an instant.
const LEAST_RANGE_NS: i64 = 1_000;

/// What stood where a trace's bytes belong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bytes {
    /// Nothing.
    #[default]
    Absent,
    /// An `ArrayBuffer`, a view, a `Blob` or a `File`, of so many bytes. A detached buffer has none.
    Sized(u64),
    /// A `ReadableStream`; its end will tell.
    Stream,
    /// Anything else: a number, a text, an array.
    Unfit,
}

/// A message as it came, apart from its bytes. Nothing of it is checked yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw {
    /// `perfettoIgnore`.
    pub ignore: bool,
    pub hello: bool,
    pub bytes: Bytes,
    pub title: Option<String>,
    pub file_name: Option<String>,
    pub keep_api_open: bool,
    pub time_start_s: Option<f64>,
    pub time_end_s: Option<f64>,
    pub view_percentage: Option<f64>,
    pub start_ns: Option<String>,
    pub end_ns: Option<String>,
}

/// What a message asks for. It may greet and ask at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Posted {
    pub hello: bool,
    pub asks: Asks,
}

/// See [`Posted`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Asks {
    #[default]
    Nothing,
    Open(Head),
    Show(Range),
    /// What it asks for cannot be done; one sentence.
    Unfit(&'static str),
}

/// A trace, before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// On one line, at most [`MOST_TITLE`] characters; never empty.
    pub name: String,
    /// `None`: a stream.
    pub bytes: Option<u64>,
    /// Whether more traces are to come from this host.
    pub keep_open: bool,
}

/// A stretch to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub span: Span,
    /// How much of the view it shall fill: above 0, at most 1.
    pub share: f64,
}

impl Range {
    /// Half of the view, as Perfetto does without `viewPercentage`.
    pub const SHARE: f64 = 0.5;

    /// The window in which the range has its share, in the middle.
    pub fn window(&self) -> Span {
        let len = self.span.len_ns().max(LEAST_RANGE_NS);
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let beside = (len as f64 * (1.0 / self.share - 1.0) / 2.0) as i64;
        let more = (len - self.span.len_ns()) / 2;
        Span::new(
            self.span.start.saturating_sub(beside).saturating_sub(more),
            self.span.end.saturating_add(beside).saturating_add(more),
        )
        .on_the_clock()
    }
}

/// Says what a message asks for.
pub fn judge(raw: &Raw) -> Posted {
    if raw.ignore {
        return Posted::default();
    }
    let asks = match raw.bytes {
        Bytes::Unfit => Asks::Unfit(
            "The trace that was posted is no ArrayBuffer, no view of one, no Blob, no File and no ReadableStream.",
        ),
        Bytes::Sized(0) => Asks::Unfit("The trace that was posted is empty."),
        Bytes::Sized(n) => Asks::Open(head(raw, Some(n))),
        Bytes::Stream => Asks::Open(head(raw, None)),
        Bytes::Absent => range(raw),
    };
    Posted {
        hello: raw.hello,
        asks,
    }
}

fn head(raw: &Raw, bytes: Option<u64>) -> Head {
    let of = |text: &Option<String>| {
        text.as_deref()
            .map(|text| cleaned(text, MOST_TITLE))
            .filter(|text| !text.is_empty())
    };
    let name = of(&raw.file_name)
        .map(|name| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| of(&raw.title))
        .unwrap_or_else(|| NAMELESS.to_owned());
    Head {
        name,
        bytes,
        keep_open: raw.keep_api_open,
    }
}

fn range(raw: &Raw) -> Asks {
    const BAD: Asks = Asks::Unfit("The range that was posted is no stretch of time.");
    let exact = |text: &Option<String>| text.as_deref().map(|text| text.parse::<i64>().ok());
    let (start, end) = match (exact(&raw.start_ns), exact(&raw.end_ns)) {
        (Some(start), Some(end)) => (start, end),
        _ => match (raw.time_start_s, raw.time_end_s) {
            (None, None) => return Asks::Nothing,
            (start, end) => (start.and_then(ns_of_seconds), end.and_then(ns_of_seconds)),
        },
    };
    let (Some(start), Some(end)) = (start, end) else {
        return BAD;
    };
    if start > end {
        return BAD;
    }
    let share = raw
        .view_percentage
        .filter(|share| *share > 0.0 && *share <= 1.0)
        .unwrap_or(Range::SHARE);
    Asks::Show(Range {
        span: Span::new(start, end).on_the_clock(),
        share,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(raw: Raw) -> Asks {
        judge(&raw).asks
    }

    fn seconds(start: f64, end: f64) -> Raw {
        Raw {
            time_start_s: Some(start),
            time_end_s: Some(end),
            ..Raw::default()
        }
    }

    #[test]
    fn a_trace_has_a_name_whatever_its_title_is() {
        let named = |title: Option<&str>, file_name: Option<&str>| {
            let raw = Raw {
                bytes: Bytes::Sized(7),
                title: title.map(Into::into),
                file_name: file_name.map(Into::into),
                ..Raw::default()
            };
            match asks(raw) {
                Asks::Open(head) => head.name,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(named(Some("run 7"), None), "run 7");
        assert_eq!(
            named(Some("run 7"), Some("/tmp/x/rank0.json.gz")),
            "rank0.json.gz"
        );
        assert_eq!(named(Some("run 7"), Some("C:\\traces\\")), "run 7");
        assert_eq!(named(Some("\u{0}\u{7}"), None), "External trace");
        assert_eq!(named(None, None), "External trace");
        assert_eq!(named(Some("a\r\nSet-Cookie: b"), None), "a Set-Cookie: b");
        assert_eq!(named(Some(&"t".repeat(5_000_000)), None).chars().count(), 201);
    }

    #[test]
    fn what_is_no_trace_is_said_to_be_none() {
        for bytes in [Bytes::Unfit, Bytes::Sized(0)] {
            let raw = Raw {
                bytes,
                title: Some("t".into()),
                ..Raw::default()
            };
            assert!(matches!(asks(raw), Asks::Unfit(_)), "{bytes:?}");
        }
        let stream = Raw {
            bytes: Bytes::Stream,
            ..Raw::default()
        };
        assert!(matches!(asks(stream), Asks::Open(Head { bytes: None, .. })));
        assert_eq!(asks(Raw::default()), Asks::Nothing);
    }

    #[test]
    fn what_is_not_for_us_is_ignored_with_all_that_it_carries() {
        let raw = Raw {
            ignore: true,
            hello: true,
            bytes: Bytes::Sized(9),
            ..seconds(1.0, 2.0)
        };
        assert_eq!(judge(&raw), Posted::default());
    }

    #[test]
    fn a_range_fills_its_share_of_the_window() {
        let Asks::Show(range) = asks(seconds(2.0, 3.0)) else {
            panic!("no range")
        };
        assert_eq!(range.span, Span::new(2_000_000_000, 3_000_000_000));
        assert_eq!(range.window(), Span::new(1_500_000_000, 3_500_000_000));
        let Asks::Show(all) = asks(Raw {
            view_percentage: Some(1.0),
            ..seconds(2.0, 3.0)
        }) else {
            panic!("no range")
        };
        assert_eq!(all.window(), all.span);
        // An instant is widened, so that there is something to see.
        let Asks::Show(instant) = asks(seconds(2.0, 2.0)) else {
            panic!("no range")
        };
        assert_eq!(instant.window(), Span::new(1_999_999_000, 2_000_001_000));
        for share in [0.0, -1.0, 1.5, f64::NAN] {
            let raw = Raw {
                view_percentage: Some(share),
                ..seconds(2.0, 3.0)
            };
            assert!(matches!(asks(raw), Asks::Show(Range { share, .. }) if share == Range::SHARE));
        }
    }

    #[test]
    fn what_is_no_range_is_dropped() {
        for (start, end) in [
            (f64::NAN, 1.0),
            (1.0, f64::NAN),
            (3.0, 2.0),
            (f64::NEG_INFINITY, f64::INFINITY),
            (0.0, 1e30),
        ] {
            assert!(
                matches!(asks(seconds(start, end)), Asks::Unfit(_)),
                "{start} to {end}"
            );
        }
        let half = Raw {
            time_start_s: Some(1.0),
            ..Raw::default()
        };
        assert!(matches!(asks(half), Asks::Unfit(_)));
    }

    #[test]
    fn ns_as_text_are_exact_and_go_before_seconds() {
        let raw = Raw {
            start_ns: Some("1795316000005283001".into()),
            end_ns: Some("1795316000005283002".into()),
            ..seconds(1.0, 2.0)
        };
        let Asks::Show(range) = asks(raw.clone()) else {
            panic!("no range")
        };
        assert_eq!(
            range.span,
            Span::new(1_795_316_000_005_283_001, 1_795_316_000_005_283_002)
        );
        let wrong = Raw {
            end_ns: Some("1e3".into()),
            ..raw
        };
        assert!(matches!(asks(wrong), Asks::Unfit(_)));
    }
}
