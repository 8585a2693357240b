//! A host page posts us a trace: whether it is taken, what is shown of it, and what the host is told.
//!
//! ```text
//! free --trace of a trusted origin, nothing of the reader's is open--> open, of this host
//!   |                                                                    |  without keepApiOpen: closed to
//!   '--any other trace---> asking --yes, always--------------------------'  further traces, for good
//!                             '---no---> free; the host is not asked about again
//! ```
//! A host speaks and hears of its own trace alone: ranges that come while another is open, or one that the reader
//! picked himself, move nothing, and nothing is told of it. Nothing is told at all unless the host said hello.

use serde::Serialize;

use super::message::{Asks, Head, Posted, Range};
use super::trust::{Trust, trust};
use super::{Peer, seconds_of_ns};
use crate::base::Span;

/// Hosts that are remembered to have said hello, or to have been refused.
const MOST_PEERS: usize = 8;

/// What is to be done about a message. `B`: the bytes, which nothing here looks into.
#[derive(Debug, PartialEq)]
pub enum Act<B> {
    /// Open this trace.
    Open {
        bytes: B,
        head: Head,
    },
    /// Ask the reader, then call [`Receiver::decided`].
    Ask(Consent),
    /// Do not ask any more of this origin.
    Remember(String),
    /// Move the timeline there.
    Show(Range),
    Tell(Peer, Event),
}

/// What the reader is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// `"null"`: an opaque one.
    pub origin: String,
    pub name: String,
    pub bytes: Option<u64>,
    pub may_remember: bool,
    /// It would take the place of what the reader opened.
    pub replaces: bool,
}

/// The reader's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    No,
    Yes,
    Always,
}

/// What a host hears, as `{companion: {v: 1, event, …}}`. Times are given twice: in seconds, to be forwarded to
/// Perfetto as they are, and in ns as text, because seconds near the epoch are known to 240 ns only.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The trace is being opened.
    Accepted { name: String },
    Progress {
        bytes_read: u64,
        bytes_total: u64,
        events: u64,
    },
    Loaded {
        events: u64,
        #[serde(flatten)]
        extent: Option<Times>,
    },
    /// One sentence.
    Error { says: String },
    /// The reader, or a link that he followed, selected this.
    Selection {
        name: String,
        #[serde(flatten)]
        times: Times,
    },
}

/// A stretch of time; see [`Event`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    pub time_start: f64,
    pub time_end: f64,
    pub start_ns: String,
    pub end_ns: String,
}

impl From<Span> for Times {
    fn from(span: Span) -> Times {
        Times {
            time_start: seconds_of_ns(span.start),
            time_end: seconds_of_ns(span.end),
            start_ns: span.start.to_string(),
            end_ns: span.end.to_string(),
        }
    }
}

/// The envelope of an [`Event`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    companion: Body,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Body {
    v: u32,
    #[serde(flatten)]
    event: Event,
}

impl Said {
    pub fn new(event: Event) -> Said {
        Said {
            companion: Body { v: 1, event },
        }
    }
}

/// See the module.
pub struct Receiver<B> {
    /// Origin of this page.
    own: String,
    /// Origins that the reader allowed.
    allowed: Vec<String>,
    greeted: Vec<Peer>,
    refused: Vec<Peer>,
    asking: Option<(Peer, Head, B)>,
    /// Whose trace is open, or being read.
    host: Option<Peer>,
    /// The reader opened something himself.
    is_own: bool,
    /// Where the trace of `host` lies in time, once it is read.
    extent: Option<Option<Span>>,
    /// A range that came before its trace was read.
    waiting: Option<(Peer, Range)>,
    /// A trace without `keepApiOpen` was taken.
    closed: bool,
}

impl<B> Receiver<B> {
    pub fn new(own: String, allowed: Vec<String>) -> Receiver<B> {
        Receiver {
            own,
            allowed,
            greeted: Vec::new(),
            refused: Vec::new(),
            asking: None,
            host: None,
            is_own: false,
            extent: None,
            waiting: None,
            closed: false,
        }
    }

    /// A message of `peer`, with the bytes it carries.
    pub fn posted(&mut self, peer: &Peer, posted: Posted, bytes: Option<B>) -> Vec<Act<B>> {
        if posted.hello && !self.greeted.contains(peer) && self.greeted.len() < MOST_PEERS {
            self.greeted.push(peer.clone());
        }
        match (posted.asks, bytes) {
            (Asks::Nothing, _) => Vec::new(),
            (Asks::Unfit(why), _) => self.error(peer, why),
            (Asks::Show(range), _) => self.range(peer, range),
            (Asks::Open(head), Some(bytes)) => self.trace(peer, head, bytes),
            (Asks::Open(_), None) => self.error(peer, "The trace that was posted cannot be read."),
        }
    }

    fn trace(&mut self, peer: &Peer, head: Head, bytes: B) -> Vec<Act<B>> {
        if self.closed {
            return self.error(
                peer,
                "A trace was taken already; only a host that sends keepApiOpen may send more.",
            );
        }
        if self.asking.is_some() {
            return self.error(peer, "The reader is still being asked about another trace.");
        }
        if self.refused.contains(peer) {
            return self.error(peer, "The reader does not want traces of this page.");
        }
        let may_remember = match trust(&peer.origin, &self.own, &self.allowed) {
            Trust::Open if !self.is_own => return self.take(peer.clone(), head, bytes),
            Trust::Open => false,
            Trust::Ask { may_remember } => may_remember,
        };
        let consent = Consent {
            origin: peer.origin.clone(),
            name: head.name.clone(),
            bytes: head.bytes,
            may_remember,
            replaces: self.is_own,
        };
        self.asking = Some((peer.clone(), head, bytes));
        vec![Act::Ask(consent)]
    }

    /// What the reader said about the trace that he was asked about.
    pub fn decided(&mut self, decision: Decision) -> Vec<Act<B>> {
        let Some((peer, head, bytes)) = self.asking.take() else {
            return Vec::new();
        };
        let may_remember =
            trust(&peer.origin, &self.own, &self.allowed) == (Trust::Ask { may_remember: true });
        match decision {
            Decision::No => {
                if self.refused.len() == MOST_PEERS {
                    self.refused.remove(0);
                }
                self.refused.push(peer.clone());
                self.waiting.take_if(|(of, _)| *of == peer);
                self.error(&peer, "The reader does not want this trace.")
            }
            Decision::Always if may_remember => {
                let origin = peer.origin.clone();
                self.allowed.push(origin.clone());
                let mut acts = vec![Act::Remember(origin)];
                acts.extend(self.take(peer, head, bytes));
                acts
            }
            Decision::Always | Decision::Yes => self.take(peer, head, bytes),
        }
    }

    fn take(&mut self, peer: Peer, head: Head, bytes: B) -> Vec<Act<B>> {
        self.closed = !head.keep_open;
        self.extent = None;
        // A range for the trace before is not for this one.
        let of_another = |(of, _): &mut (Peer, Range)| *of != peer || self.host.is_some();
        self.waiting.take_if(of_another);
        self.host = Some(peer);
        self.is_own = false;
        let accepted = Event::Accepted {
            name: head.name.clone(),
        };
        let mut acts = vec![Act::Open { bytes, head }];
        acts.extend(self.tell(accepted));
        acts
    }

    fn range(&mut self, peer: &Peer, range: Range) -> Vec<Act<B>> {
        let is_of_host = self.host.as_ref() == Some(peer);
        match self.extent {
            Some(extent) if is_of_host => self.show(peer, extent, range),
            None if is_of_host || self.host.is_none() && !self.is_own && !self.refused.contains(peer) => {
                self.waiting = Some((peer.clone(), range));
                Vec::new()
            }
            _ => self.error(peer, "The trace that is open is not of this page."),
        }
    }

    fn show(&self, peer: &Peer, extent: Option<Span>, range: Range) -> Vec<Act<B>> {
        let Range { span, .. } = range;
        if extent.is_some_and(|extent| span.start <= extent.end && extent.start <= span.end) {
            vec![Act::Show(range)]
        } else {
            self.error(peer, "The range lies outside of the trace.")
        }
    }

    /// The trace is read; it lies there in time.
    pub fn loaded(&mut self, events: u64, extent: Option<Span>) -> Vec<Act<B>> {
        let Some(host) = self.host.clone() else {
            return Vec::new();
        };
        self.extent = Some(extent);
        let mut acts = self.tell(Event::Loaded {
            events,
            extent: extent.map(Times::from),
        });
        if let Some((_, range)) = self.waiting.take_if(|(of, _)| *of == host) {
            acts.extend(self.show(&host, extent, range));
        }
        acts
    }

    /// Says it to the host of the trace that is open, if it wants to hear.
    pub fn tell(&self, event: Event) -> Vec<Act<B>> {
        match &self.host {
            Some(host) => self.tell_peer(host, event),
            None => Vec::new(),
        }
    }

    /// Whether the host of the trace that is open wants to hear.
    pub fn is_heard(&self) -> bool {
        self.host.as_ref().is_some_and(|host| self.greeted.contains(host))
    }

    /// The reader closed the trace, or opens one himself.
    pub fn left(&mut self, opens: bool) {
        self.is_own = opens;
        self.host = None;
        self.extent = None;
        self.waiting = None;
    }

    fn error(&self, peer: &Peer, says: &str) -> Vec<Act<B>> {
        self.tell_peer(peer, Event::Error { says: says.into() })
    }

    fn tell_peer(&self, peer: &Peer, event: Event) -> Vec<Act<B>> {
        if self.greeted.contains(peer) {
            vec![Act::Tell(peer.clone(), event)]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://stepscope.example";

    fn peer(window: u32, origin: &str) -> Peer {
        Peer {
            window,
            origin: origin.into(),
        }
    }

    fn friend() -> Peer {
        peer(0, "http://localhost:3000")
    }

    fn stranger() -> Peer {
        peer(1, "https://stranger.example")
    }

    fn receiver() -> Receiver<&'static str> {
        Receiver::new(OWN.into(), Vec::new())
    }

    fn hello() -> Posted {
        Posted {
            hello: true,
            ..Posted::default()
        }
    }

    fn trace(name: &str, keep_open: bool) -> Posted {
        Posted {
            hello: false,
            asks: Asks::Open(Head {
                name: name.into(),
                bytes: Some(9),
                keep_open,
            }),
        }
    }

    fn range(start: i64, end: i64) -> Posted {
        Posted {
            hello: false,
            asks: Asks::Show(Range {
                span: Span::new(start, end),
                share: 0.5,
            }),
        }
    }

    /// The acts in short words.
    fn words<B: std::fmt::Display>(acts: Vec<Act<B>>) -> Vec<String> {
        let word = |act| match act {
            Act::Open { bytes, head } => format!("open {} as {}", bytes, head.name),
            Act::Ask(consent) => format!(
                "ask about {} of {}{}",
                consent.name,
                consent.origin,
                match (consent.may_remember, consent.replaces) {
                    (true, false) => "",
                    (true, true) => ", replacing",
                    (false, false) => ", never always",
                    (false, true) => ", never always, replacing",
                }
            ),
            Act::Remember(origin) => format!("remember {origin}"),
            Act::Show(range) => format!("show {} to {}", range.span.start, range.span.end),
            Act::Tell(peer, event) => {
                let said = serde_json::to_value(Said::new(event)).unwrap();
                let event = &said["companion"]["event"];
                format!("tell {} {}", peer.origin, event.as_str().unwrap())
            }
        };
        acts.into_iter().map(word).collect()
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn a_trace_of_a_trusted_host_is_opened_and_nothing_is_told_unasked() {
        let mut it = receiver();
        assert_eq!(
            words(it.posted(&friend(), trace("a", true), Some("A"))),
            ["open A as a"]
        );
        assert_eq!(words(it.loaded(3, Some(Span::new(0, 9)))), NOTHING);
        assert_eq!(words(it.tell(Event::Error { says: "x".into() })), NOTHING);
    }

    #[test]
    fn a_host_that_said_hello_hears_of_its_trace() {
        let mut it = receiver();
        assert_eq!(words(it.posted(&friend(), hello(), None)), NOTHING);
        assert_eq!(
            words(it.posted(&friend(), trace("a", true), Some("A"))),
            ["open A as a", "tell http://localhost:3000 accepted"]
        );
        assert_eq!(
            words(it.loaded(3, Some(Span::new(0, 9)))),
            ["tell http://localhost:3000 loaded"]
        );
    }

    #[test]
    fn a_stranger_is_asked_about_and_hears_nothing_of_what_the_reader_opens() {
        let mut it = receiver();
        assert_eq!(words(it.posted(&stranger(), hello(), None)), NOTHING);
        assert_eq!(
            words(it.posted(&stranger(), trace("a", false), Some("A"))),
            ["ask about a of https://stranger.example"]
        );
        assert_eq!(
            words(it.decided(Decision::No)),
            ["tell https://stranger.example error"]
        );
        // The reader picks a file of his own.
        it.left(true);
        assert_eq!(words(it.loaded(3, Some(Span::new(0, 9)))), NOTHING);
        assert_eq!(
            words(it.tell(Event::Selection {
                name: "secret".into(),
                times: Span::new(1, 2).into(),
            })),
            NOTHING
        );
        // No second dialog, however often it posts.
        assert_eq!(
            words(it.posted(&stranger(), trace("a", false), Some("A"))),
            ["tell https://stranger.example error"]
        );
        assert_eq!(
            words(it.posted(&stranger(), range(1, 2), None)),
            ["tell https://stranger.example error"]
        );
    }

    #[test]
    fn what_the_reader_opened_is_not_replaced_unasked_by_a_trusted_host() {
        let mut it = receiver();
        it.posted(&friend(), trace("a", true), Some("A"));
        // Its own trace it may replace.
        assert_eq!(
            words(it.posted(&friend(), trace("b", true), Some("B"))),
            ["open B as b"]
        );
        it.left(true);
        let asked = ["ask about c of http://localhost:3000, never always, replacing"];
        assert_eq!(words(it.posted(&friend(), trace("c", true), Some("C"))), asked);
        assert_eq!(words(it.decided(Decision::Yes)), ["open C as c"]);
        // Closed again: nothing of the reader's is replaced.
        it.left(true);
        it.left(false);
        assert_eq!(
            words(it.posted(&friend(), trace("d", true), Some("D"))),
            ["open D as d"]
        );
    }

    #[test]
    fn yes_opens_once_and_always_is_remembered() {
        let mut it = receiver();
        it.posted(&stranger(), trace("a", true), Some("A"));
        assert_eq!(words(it.decided(Decision::Yes)), ["open A as a"]);
        assert_eq!(
            words(it.posted(&stranger(), trace("b", true), Some("B"))),
            ["ask about b of https://stranger.example"]
        );
        assert_eq!(
            words(it.decided(Decision::Always)),
            ["remember https://stranger.example", "open B as b"]
        );
        assert_eq!(
            words(it.posted(&stranger(), trace("c", true), Some("C"))),
            ["open C as c"]
        );
        assert_eq!(words(it.decided(Decision::Yes)), NOTHING);
    }

    #[test]
    fn always_is_once_for_an_opaque_origin() {
        let mut it = receiver();
        let opaque = peer(4, "null");
        assert_eq!(
            words(it.posted(&opaque, trace("a", true), Some("A"))),
            ["ask about a of null, never always"]
        );
        assert_eq!(words(it.decided(Decision::Always)), ["open A as a"]);
        assert_eq!(
            words(it.posted(&opaque, trace("b", true), Some("B"))),
            ["ask about b of null, never always"]
        );
    }

    #[test]
    fn two_posts_are_one_trace() {
        let mut it = receiver();
        assert_eq!(
            words(it.posted(&friend(), trace("a", false), Some("A"))),
            ["open A as a"]
        );
        assert_eq!(words(it.posted(&friend(), trace("a", false), Some("A"))), NOTHING);
        let mut it = receiver();
        it.posted(&stranger(), trace("a", false), Some("A"));
        assert_eq!(
            words(it.posted(&stranger(), trace("a", false), Some("A"))),
            NOTHING
        );
        assert_eq!(words(it.posted(&friend(), trace("b", false), Some("B"))), NOTHING);
        assert_eq!(words(it.decided(Decision::Yes)), ["open A as a"]);
    }

    #[test]
    fn keep_api_open_takes_the_next_trace() {
        let mut it = receiver();
        it.posted(&friend(), trace("a", true), Some("A"));
        assert_eq!(
            words(it.posted(&friend(), trace("b", false), Some("B"))),
            ["open B as b"]
        );
        assert_eq!(words(it.posted(&friend(), trace("c", true), Some("C"))), NOTHING);
    }

    #[test]
    fn a_range_before_its_trace_waits_for_it() {
        let mut it = receiver();
        assert_eq!(words(it.posted(&friend(), range(2, 3), None)), NOTHING);
        assert_eq!(words(it.posted(&friend(), range(4, 5), None)), NOTHING);
        it.posted(&friend(), trace("a", true), Some("A"));
        assert_eq!(words(it.loaded(3, Some(Span::new(0, 9)))), ["show 4 to 5"]);
        assert_eq!(words(it.posted(&friend(), range(6, 7), None)), ["show 6 to 7"]);
        // One for the trace before is not for the next.
        it.posted(&friend(), trace("b", true), Some("B"));
        assert_eq!(words(it.posted(&friend(), range(1, 2), None)), NOTHING);
        it.posted(&friend(), trace("c", true), Some("C"));
        assert_eq!(words(it.loaded(3, Some(Span::new(0, 9)))), NOTHING);
    }

    #[test]
    fn a_range_of_another_window_moves_nothing() {
        let mut it = receiver();
        let other = peer(7, &friend().origin);
        it.posted(&other, range(2, 3), None);
        it.posted(&friend(), trace("a", true), Some("A"));
        assert_eq!(words(it.loaded(3, Some(Span::new(0, 9)))), NOTHING);
        assert_eq!(words(it.posted(&other, range(2, 3), None)), NOTHING);
    }

    #[test]
    fn a_range_outside_of_the_trace_moves_nothing() {
        let mut it = receiver();
        it.posted(&friend(), hello(), None);
        it.posted(&friend(), trace("a", true), Some("A"));
        it.loaded(3, Some(Span::new(100, 200)));
        assert_eq!(
            words(it.posted(&friend(), range(300, 400), None)),
            ["tell http://localhost:3000 error"]
        );
        it.loaded(0, None);
        assert_eq!(
            words(it.posted(&friend(), range(100, 200), None)),
            ["tell http://localhost:3000 error"]
        );
    }

    #[test]
    fn hosts_without_end_are_not_remembered() {
        let mut it = receiver();
        for window in 0..10_000 {
            it.posted(&peer(window, "https://stranger.example"), hello(), None);
            it.posted(
                &peer(window, "https://stranger.example"),
                trace("a", true),
                Some("A"),
            );
            it.decided(Decision::No);
        }
        assert!(it.greeted.len() <= MOST_PEERS && it.refused.len() <= MOST_PEERS);
    }

    #[test]
    fn what_a_host_hears_can_be_forwarded_to_perfetto() {
        let said = Said::new(Event::Selection {
            name: "decode".into(),
            times: Span::new(1_500_000_000, 2_000_000_001).into(),
        });
        assert_eq!(
            serde_json::to_value(said).unwrap(),
            serde_json::json!({ "companion": { "v": 1, "event": "selection", "name": "decode",
                "timeStart": 1.5, "timeEnd": 2.000_000_001, "startNs": "1500000000", "endNs": "2000000001" } })
        );
        let said = Said::new(Event::Loaded {
            events: 3,
            extent: None,
        });
        assert_eq!(
            serde_json::to_value(said).unwrap(),
            serde_json::json!({ "companion": { "v": 1, "event": "loaded", "events": 3 } })
        );
        let said = Said::new(Event::Progress {
            bytes_read: 1,
            bytes_total: 2,
            events: 3,
        });
        assert_eq!(
            serde_json::to_value(said).unwrap(),
            serde_json::json!({
                "companion": { "v": 1, "event": "progress", "bytesRead": 1, "bytesTotal": 2, "events": 3 }
            })
        );
    }
}
