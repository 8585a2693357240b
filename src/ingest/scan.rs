//! Trace text, in chunks of any size, to header entries and events.
//!
//! Read: an object with `traceEvents` anywhere among its keys; a bare array; either of them never closed or
//! cut in the middle. Damage costs the event it stands in: reading goes on at the next place that looks like
//! the start of an event.
//!
//! What is kept between chunks is the event that is not whole yet.

use crate::base::{DefectKind, Defects};

use super::detect;
use super::error::LoadError;
use super::event::{ArgSpec, Event};
use super::fields::{Fields, Wanted};
use super::json::{self, Stop};

/// A larger event is skipped; the largest real one seen is below 1 MB (a call stack as one string).
const MAX_EVENT: usize = 64 << 20;
/// A larger header value is not kept.
const MAX_HEADER_VALUE: usize = 1 << 20;
/// An event that spans two chunks is completed with so many bytes of the second at first; what follows it is read
/// where it lies.
const STRADDLE: usize = 4 << 10;
/// How far into a broken event the careful reader goes before it is given up.
const MAX_CAREFUL: usize = 64 << 10;

/// Takes what a [`Scanner`] finds.
pub trait Sink {
    fn event(&mut self, event: &Event<'_>);
    /// A top-level key other than `traceEvents`, with its JSON text.
    fn header(&mut self, key: &[u8], value: &[u8]);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// Inside the top-level object, before a key or its end.
    Keys,
    /// Inside the list of events.
    Events,
    /// Inside a value that is too large to keep.
    Skip {
        depth: u32,
        in_string: bool,
        escaped: bool,
        in_events: bool,
    },
    /// After the end of the document.
    Done,
    Failed,
}

/// The scanner. See the module.
pub struct Scanner {
    wanted: Wanted,
    state: State,
    /// Bytes that are not used up, the first of them `base` in the inflated trace.
    buf: Vec<u8>,
    base: u64,
    /// Do not try again before this many bytes are there: an event that spans many chunks is then looked at
    /// a logarithmic number of times, not once a chunk.
    need: usize,
    fields: Fields,
    bare_array: bool,
    seen_events_key: bool,
    keys: Vec<String>,
    head: Vec<u8>,
    n_events: u64,
    n_values: u64,
    defects: Defects,
    error: Option<LoadError>,
}

impl Scanner {
    /// `wanted` are the args whose values events bring along.
    pub fn new(wanted: &'static [ArgSpec]) -> Scanner {
        Scanner {
            wanted: Wanted::new(wanted),
            state: State::Start,
            buf: Vec::new(),
            base: 0,
            need: 0,
            fields: Fields::default(),
            bare_array: false,
            seen_events_key: false,
            keys: Vec::new(),
            head: Vec::new(),
            n_events: 0,
            n_values: 0,
            defects: Defects::default(),
            error: None,
        }
    }

    /// Reads the next bytes of the text.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut impl Sink) {
        if matches!(self.state, State::Failed) {
            return;
        }
        if self.head.len() < detect::HEAD_BYTES {
            let more = detect::HEAD_BYTES - self.head.len();
            self.head.extend_from_slice(&chunk[..chunk.len().min(more)]);
        }
        let mut rest = chunk;
        while !rest.is_empty() {
            rest = self.feed_some(rest, sink);
        }
    }

    /// Reads a part of `chunk`, where it lies if nothing is held back; gives what is left.
    fn feed_some<'a>(&mut self, chunk: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        if self.buf.is_empty() {
            let used = self.run(chunk, false, sink);
            self.hold(Vec::new(), &chunk[used..]);
            return &[];
        }
        let mut buf = std::mem::take(&mut self.buf);
        let held = buf.len();
        let n = chunk.len().min(STRADDLE.max(self.need.saturating_sub(held)));
        buf.extend_from_slice(&chunk[..n]);
        if buf.len() < self.need {
            self.buf = buf;
            return &chunk[n..];
        }
        let used = self.run(&buf, false, sink);
        if used >= held {
            return &chunk[used - held..];
        }
        buf.drain(..used);
        self.hold(buf, &[]);
        &chunk[n..]
    }

    /// Keeps what is not whole yet.
    fn hold(&mut self, mut buf: Vec<u8>, more: &[u8]) {
        buf.extend_from_slice(more);
        self.need = buf.len() * 2;
        self.buf = buf;
    }

    /// No more bytes will come. Gives what was wrong.
    pub fn finish(mut self, sink: &mut impl Sink) -> Result<Scanned, LoadError> {
        let mut buf = std::mem::take(&mut self.buf);
        let used = self.run(&buf, true, sink);
        buf.drain(..used);
        self.buf = buf;
        let end = self.base + self.buf.len() as u64;
        let commas = self.buf.iter().take_while(|b| b" \n\r\t,".contains(b)).count() as u64;
        match self.state {
            State::Start if end == 0 => return Err(LoadError::Empty),
            State::Start => {
                return Err(LoadError::NotATrace {
                    at: 0,
                    found: detect::describe(&self.head),
                    inside: "",
                });
            }
            State::Failed => return Err(self.error.take().unwrap_or(LoadError::Empty)),
            State::Events if self.buf.is_empty() => self.defects.add(DefectKind::UnclosedArray, Some(end)),
            State::Events => self
                .defects
                .add(DefectKind::TruncatedJson, Some(self.base + commas)),
            State::Skip { .. } => self.defects.add(DefectKind::TruncatedJson, Some(end)),
            State::Keys if self.seen_events_key => {
                self.defects.add(DefectKind::TruncatedJson, Some(self.base))
            }
            _ => {}
        }
        if self.n_events == 0 {
            if !self.bare_array && !self.seen_events_key {
                self.keys.truncate(12);
                let keys = if self.keys.is_empty() {
                    "none".into()
                } else {
                    self.keys.join(", ")
                };
                return Err(LoadError::NoTraceEvents { keys });
            }
            if self.n_values > 0 {
                return Err(LoadError::NoEvents {
                    values: self.n_values,
                });
            }
        }
        Ok(Scanned {
            bytes: end,
            n_events: self.n_events,
            bare_array: self.bare_array,
            defects: self.defects,
        })
    }

    /// Events so far.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Why reading stopped for good, if it did.
    pub fn error(&self) -> Option<&LoadError> {
        self.error.as_ref()
    }

    /// Reads what is whole in `b`; gives how many bytes that were.
    fn run(&mut self, b: &[u8], last: bool, sink: &mut impl Sink) -> usize {
        let mut i = 0;
        let used = loop {
            let over = matches!(self.state, State::Done | State::Failed);
            match self.step(b, i, last, sink) {
                Ok(_) if over => break b.len(),
                Ok(next) => i = next,
                Err(()) => break i,
            }
        };
        self.base += used as u64;
        used
    }

    /// One thing at `b[i..]`: gives where the next one starts, or `Err` if it is not whole yet.
    fn step(&mut self, b: &[u8], i: usize, last: bool, sink: &mut impl Sink) -> Result<usize, ()> {
        match self.state {
            State::Start => self.start(b, i, last),
            State::Keys => self.key(b, i, sink),
            State::Events => self.value_in_list(b, i, last, sink),
            State::Skip { .. } => self.skip(b, i),
            State::Done => {
                let rest = json::blanks(b, i);
                if rest < b.len() && self.defects.count(DefectKind::AfterTrace) == 0 {
                    self.defects
                        .add(DefectKind::AfterTrace, Some(self.base + rest as u64));
                }
                Ok(i)
            }
            State::Failed => Ok(i),
        }
    }

    fn start(&mut self, b: &[u8], mut i: usize, last: bool) -> Result<usize, ()> {
        const BOM: &[u8] = b"\xef\xbb\xbf";
        if self.base == 0 && i == 0 {
            if b.len() < BOM.len() && BOM.starts_with(b) {
                return Err(());
            }
            if b.starts_with(BOM) {
                return Ok(BOM.len());
            }
        }
        i = json::blanks(b, i);
        match b.get(i) {
            None => return Err(()),
            Some(b'{') => self.state = State::Keys,
            Some(b'[') => {
                self.state = State::Events;
                self.bare_array = true;
            }
            // What it is instead takes a whole head to tell.
            Some(_) if !last && self.head.len() < detect::HEAD_BYTES => return Err(()),
            Some(_) => {
                let at = self.base + i as u64;
                self.error = Some(LoadError::NotATrace {
                    at,
                    found: detect::describe(&self.head),
                    inside: "",
                });
                self.state = State::Failed;
                return Ok(i);
            }
        }
        Ok(i + 1)
    }

    fn key(&mut self, b: &[u8], i: usize, sink: &mut impl Sink) -> Result<usize, ()> {
        let mut i = json::blanks(b, i);
        match b.get(i) {
            None => return Err(()),
            Some(b',') => return Ok(i + 1),
            Some(b'}') => {
                self.state = State::Done;
                return Ok(i + 1);
            }
            Some(b'"') => {}
            Some(_) => {
                // Broken between two keys: the events may still be ahead, or behind.
                self.defects.add(DefectKind::BadEvent, Some(self.base + i as u64));
                self.state = State::Done;
                return Ok(i);
            }
        }
        let key_from = i + 1;
        let key_end = json::string_end(b, key_from).map_err(drop)?;
        i = json::blanks(b, key_end + 1);
        match b.get(i) {
            None => return Err(()),
            Some(b':') => i = json::blanks(b, i + 1),
            Some(_) => {
                self.defects.add(DefectKind::BadEvent, Some(self.base + i as u64));
                self.state = State::Done;
                return Ok(i);
            }
        }
        let key = &b[key_from..key_end];
        let Some(&first) = b.get(i) else { return Err(()) };
        if key == b"traceEvents" && first == b'[' {
            self.seen_events_key = true;
            self.state = State::Events;
            return Ok(i + 1);
        }
        let end = match json::value(b, i) {
            Ok(end) if end - i <= MAX_HEADER_VALUE => end,
            Err(Stop::Bad) => {
                self.defects.add(DefectKind::BadEvent, Some(self.base + i as u64));
                self.state = State::Done;
                return Ok(i);
            }
            Err(Stop::More) if b.len() - i <= MAX_HEADER_VALUE => return Err(()),
            _ => {
                self.defects
                    .add(DefectKind::ClampedMetadata, Some(self.base + i as u64));
                self.keys.push(String::from_utf8_lossy(key).into_owned());
                self.state = State::Skip {
                    depth: 0,
                    in_string: false,
                    escaped: false,
                    in_events: false,
                };
                return Ok(i);
            }
        };
        self.keys.push(String::from_utf8_lossy(key).into_owned());
        sink.header(key, &b[i..end]);
        Ok(end)
    }

    fn value_in_list(
        &mut self,
        b: &[u8],
        mut i: usize,
        last: bool,
        sink: &mut impl Sink,
    ) -> Result<usize, ()> {
        loop {
            i = json::blanks(b, i);
            match b.get(i) {
                Some(b',') => i += 1,
                Some(_) => break,
                None => return if last { Ok(self.at_end(b, i)) } else { Err(()) },
            }
        }
        if b[i] == b']' {
            self.state = if self.bare_array { State::Done } else { State::Keys };
            return Ok(i + 1);
        }
        if b[i] != b'{' {
            return match json::value(b, i) {
                Ok(end) => {
                    self.n_values += 1;
                    self.defects
                        .add(DefectKind::NotAnEvent, Some(self.base + i as u64));
                    Ok(end)
                }
                Err(Stop::More) if b.len() - i <= MAX_EVENT => Err(()),
                Err(_) => self.lost(b, i, last),
            };
        }
        let text = &b[i..];
        let mut result = self.fields.quick(text, &self.wanted);
        if result == Err(Stop::Bad) || result == Err(Stop::More) && last {
            result = self.fields.read::<false>(text, &self.wanted);
        }
        if result == Err(Stop::Bad) {
            let within = &text[..text.len().min(MAX_CAREFUL)];
            result = self.fields.read::<true>(within, &self.wanted);
            if result == Err(Stop::More) && (last || text.len() >= MAX_CAREFUL) {
                result = Err(Stop::Bad);
            }
        }
        match result {
            Ok(len) if len <= MAX_EVENT => {
                let event = Event::new(self.base + i as u64, text, &self.fields);
                self.n_values += 1;
                self.n_events += 1;
                if event.unescaped_quote() {
                    self.defects.add(DefectKind::UnescapedQuote, Some(event.at));
                }
                if event.duplicate_key() {
                    self.defects.add(DefectKind::DuplicateKey, Some(event.at));
                }
                sink.event(&event);
                Ok(i + len)
            }
            Err(Stop::More) if text.len() <= MAX_EVENT => Err(()),
            Ok(_) | Err(Stop::More) => {
                self.n_values += 1;
                self.defects
                    .add(DefectKind::OversizedEvent, Some(self.base + i as u64));
                self.state = State::Skip {
                    depth: 0,
                    in_string: false,
                    escaped: false,
                    in_events: true,
                };
                Ok(i)
            }
            Err(Stop::Bad) => self.lost(b, i, last),
        }
    }

    /// The input ended between two events.
    fn at_end(&mut self, b: &[u8], i: usize) -> usize {
        self.defects
            .add(DefectKind::UnclosedArray, Some(self.base + i as u64));
        self.state = State::Done;
        b.len()
    }

    /// The value at `i` is damaged: gives where the next event seems to start.
    fn lost(&mut self, b: &[u8], i: usize, last: bool) -> Result<usize, ()> {
        let mut from = i + 1;
        loop {
            let Some(n) = memchr::memchr(b'{', &b[from.min(b.len())..]) else {
                if !last && b.len() - i <= MAX_EVENT {
                    return Err(());
                }
                self.n_values += 1;
                self.defects.add(DefectKind::BadEvent, Some(self.base + i as u64));
                return Ok(b.len());
            };
            let at = from + n;
            match looks_like_event(b, at) {
                Ok(true) => {
                    self.n_values += 1;
                    self.defects.add(DefectKind::BadEvent, Some(self.base + i as u64));
                    return Ok(at);
                }
                Err(()) if !last && b.len() - i <= MAX_EVENT => return Err(()),
                _ => from = at + 1,
            }
        }
    }

    fn skip(&mut self, b: &[u8], mut i: usize) -> Result<usize, ()> {
        let State::Skip {
            mut depth,
            mut in_string,
            mut escaped,
            in_events,
        } = self.state
        else {
            return Ok(i);
        };
        if i >= b.len() {
            return Err(());
        }
        while let Some(&c) = b.get(i) {
            i += 1;
            let mut ended = false;
            if in_string {
                match c {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => {
                        in_string = false;
                        ended = depth == 0;
                    }
                    _ => {}
                }
            } else {
                match c {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth = depth.saturating_sub(1);
                        ended = depth == 0;
                    }
                    _ => {}
                }
            }
            if ended {
                self.state = if in_events { State::Events } else { State::Keys };
                return Ok(i);
            }
        }
        self.state = State::Skip {
            depth,
            in_string,
            escaped,
            in_events,
        };
        Ok(i)
    }
}

/// Whether an event starts at the `{` of `b[at]`: after a comma or bracket, and with a key that events have.
fn looks_like_event(b: &[u8], at: usize) -> Result<bool, ()> {
    const KEYS: [&[u8]; 12] = [
        b"ph", b"name", b"cat", b"pid", b"tid", b"ts", b"dur", b"args", b"id", b"s", b"bp", b"tts",
    ];
    let before = b[..at].trim_ascii_end();
    if !matches!(before.last(), Some(b',' | b'[')) {
        return Ok(false);
    }
    let quote = json::blanks(b, at + 1);
    match b.get(quote) {
        None => return Err(()),
        Some(b'"') => {}
        Some(_) => return Ok(false),
    }
    let Some(key) = b.get(quote + 1..quote + 7) else {
        return Err(());
    };
    let Some(end) = memchr::memchr(b'"', key) else {
        return Ok(false);
    };
    if !KEYS.contains(&&key[..end]) {
        return Ok(false);
    }
    let colon = json::blanks(b, quote + 2 + end);
    b.get(colon).map(|&c| c == b':').ok_or(())
}

/// What a finished scan saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Length of the text.
    pub bytes: u64,
    pub n_events: u64,
    /// A bare array, not an object.
    pub bare_array: bool,
    pub defects: Defects,
}
