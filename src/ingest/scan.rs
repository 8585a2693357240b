//! Trace text, in chunks of any size, to header entries and events.
//!
//! Read: an object with `traceEvents` anywhere among its keys; a bare array; either of them never closed or
//! cut in the middle. Damage costs the event it stands in: reading goes on at the next place that looks like
//! the start of an event.
//!
//! What is kept between chunks is the event that is not whole yet.

use std::hash::BuildHasher;
use std::ops::Range;

use rustc_hash::FxBuildHasher;
use serde::de::IgnoredAny;

use crate::base::{DefectKind, Defects};

use super::detect::{self, WrongFile};
use super::error::LoadError;
use super::event::{ArgSpec, Event, Raw};
use super::event_fields::{self, Field, Fields, Wanted};
use super::json_walk::{self, Stop};
use super::resync::{self, Candidates, Found, Inside, Start};

/// A larger event is skipped; the largest real one seen is below 1 MB (a call stack as one string).
const MAX_EVENT: usize = 64 << 20;
/// In a larger one zeros are looked for: a block of a file that was never written may lie inside a string, which then
/// ends in another event.
const MAX_USUAL: usize = 1 << 10;
/// A larger header value is not kept.
const MAX_HEADER_VALUE: usize = 1 << 20;
/// An event that spans two chunks is completed with so many bytes of the second at first; what follows it is read
/// where it lies.
const STRADDLE: usize = 4 << 10;
/// How far into a broken event the careful reader goes before it is given up.
const MAX_CAREFUL: usize = 64 << 10;
/// So many bytes may be walked over in vain before any are left out.
const FREE_WALKS: u64 = 4 << 20;
/// Events and header values that seem to go on, and in which another document starts: each is read to where it seems to
/// end, which may be the end of the text.
const MAX_UNENDED: u32 = 64;
/// A document that is a value in a value, and so on, is read to this depth by its keys.
const MAX_NESTED: u32 = 8;
/// More blanks behind a header value end it.
const MAX_BETWEEN: usize = 64;
/// How far it goes in a text where it was mostly in vain, see [`Scanner::careful_window`].
const MIN_CAREFUL: usize = 2 << 10;

/// Takes what a [`Scanner`] finds.
pub trait Sink {
    fn event(&mut self, event: &Event<'_>);
    /// A top-level key other than `traceEvents`, with its JSON text.
    fn header(&mut self, key: &[u8], value: &[u8]);
    /// The document is over, and another one starts in the same file. Whether it is to be read, too.
    fn next_document(&mut self, _before: Scanned) -> bool {
        false
    }
}

/// What may stand between two documents: commas, brackets too many, zeros, marks of byte order and of records.
const STRAYS: &[u8] = b",;-.}]\0\x1e\xef\xbb\xbf";
/// As many of them.
const MAX_STRAYS: usize = 16;

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
    /// Behind damage in the header: the list of events is ahead, or missing.
    Seek,
    /// After the end of the document.
    Done,
    /// Behind text that is no part of the document: another one may start.
    Resync,
    Failed,
}

/// Where the next document starts, in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    At(usize),
    /// One may start there.
    Undecided(usize),
    None,
}

/// So many events are compared to tell whether a second list of a document is the first one once more.
const N_COMPARED: usize = 64;

/// A list of events behind another one of the same document.
enum Second {
    /// Its events so far, with their places, are the first ones of the first list; none of them was handed on.
    Alike(Vec<(u64, Vec<u8>)>),
    /// It is the first list once more, with so many events to come.
    Repeats(u64),
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
    /// The header has a key of a writer that closes what it opens.
    is_closed_by_writer: bool,
    /// The header's keys and values do not stand as they should.
    damaged: bool,
    /// A header value that holds a list of events, and where it stands: what is left if there is no other.
    nested: Option<(Vec<u8>, u64)>,
    /// What the value of `traceEvents` is, where it is no list.
    no_list: Option<&'static str>,
    /// Objects around the one that is read.
    n_around: u32,
    /// Another object follows on one without events.
    in_lines: bool,
    /// The documents are the elements of a list.
    in_list: bool,
    /// Byte before which no document is looked for: what was walked over in vain counts eightfold, so that all of it
    /// grows as the text does.
    no_document_before: u64,
    /// Byte to which a string reaches in which a document was seen.
    text_until: u64,
    /// Bytes that were walked over in vain.
    walked: u64,
    /// Documents that started in what seemed to be a part of another.
    n_unended: u32,
    /// Of the first events of the first list.
    first_hashes: Vec<u64>,
    /// Events of the first list, once another one starts.
    n_first: Option<u64>,
    /// Inside another list of the same document.
    second: Option<Second>,
    keys: Vec<String>,
    head: Vec<u8>,
    n_events: u64,
    n_values: u64,
    /// Bytes between this document and the next; past [`MAX_STRAYS`] no other is looked for.
    n_strays: usize,
    /// Of events behind the end of the list.
    candidates: Candidates,
    /// Where the list of events ended, as it seems.
    ended_at: u64,
    /// Not behind a damaged header value, which may hold a trace as a text, nor behind a document that was not wanted.
    resumes: bool,
    /// A comma stands before what is read next.
    after_comma: bool,
    /// Bytes that careful reading looked at in vain.
    wasted: u64,
    defects: Defects,
    error: Option<LoadError>,
}

impl Scanner {
    /// Of a text of which byte `at` is fed first.
    pub fn starting_at(at: u64, wanted: &'static [ArgSpec]) -> Scanner {
        Scanner {
            base: at,
            ..Scanner::new(wanted)
        }
    }

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
            is_closed_by_writer: false,
            damaged: false,
            nested: None,
            no_list: None,
            n_around: 0,
            in_lines: false,
            in_list: false,
            no_document_before: 0,
            text_until: 0,
            walked: 0,
            n_unended: 0,
            first_hashes: Vec::new(),
            n_first: None,
            second: None,
            keys: Vec::new(),
            head: Vec::new(),
            n_events: 0,
            n_values: 0,
            n_strays: 0,
            candidates: Candidates::default(),
            ended_at: 0,
            resumes: true,
            after_comma: false,
            wasted: 0,
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
        let end = self.base + buf.len() as u64;
        let is_closed = self.state == State::Done;
        for depth in 0.. {
            let Some((text, at)) = self.nested.take().filter(|_| !self.seen_events_key) else {
                break;
            };
            self.base = at;
            let is_document = match text[0] {
                b'{' => true,
                _ => {
                    let first = json_walk::blanks(&text, 1);
                    let is_object = text.get(first) == Some(&b'{');
                    is_object && self.document_at(&text, at, first, Inside::List, true) == Start::Yes
                }
            };
            if is_document && is_closed && depth < MAX_NESTED {
                self.state = State::Start;
            } else {
                // A brace is missing before the list of events.
                self.state = State::Seek;
                self.add_damage(at);
            }
            let used = self.run(&text, true, sink);
            let is_over = matches!(self.state, State::Keys | State::Done);
            buf = if is_over {
                Vec::new()
            } else {
                text[used..].to_vec()
            };
            if is_over {
                self.base = end;
            }
        }
        self.buf = buf;
        let end = self.base + self.buf.len() as u64;
        self.end_second(end);
        let wrong_file = detect::wrong_file(&self.head, self.in_lines);
        let refused = |other: LoadError| match wrong_file {
            Some(file) => LoadError::WrongFile { file, inside: "" },
            None => other,
        };
        let commas = self.buf.iter().take_while(|b| b" \n\r\t,".contains(b)).count() as u64;
        match self.state {
            State::Start if end == 0 => return Err(LoadError::Empty),
            State::Start => {
                return Err(refused(LoadError::NotATrace {
                    at: 0,
                    found: detect::describe(&self.head),
                    inside: "",
                }));
            }
            State::Failed => return Err(refused(self.error.take().unwrap_or(LoadError::Empty))),
            State::Events if self.buf.is_empty() => self.defects.add(self.open_list(), Some(end)),
            State::Events => self
                .defects
                .add(DefectKind::TruncatedJson, Some(self.base + commas)),
            State::Skip { .. } => self.defects.add(DefectKind::TruncatedJson, Some(end)),
            State::Keys if self.seen_events_key && !self.damaged => self.defects.add(
                match commas == self.buf.len() as u64 {
                    true => DefectKind::UnclosedObject,
                    false => DefectKind::DamagedHeader,
                },
                Some(self.base),
            ),
            _ => {}
        }
        if self.n_events == 0 {
            if !self.bare_array && !self.seen_events_key {
                let has_key = |key: &&str| self.keys.iter().any(|known| known == *key);
                if has_key(&"ph") && ["ts", "name", "pid"].iter().any(has_key) {
                    return Err(refused(LoadError::EventsWithoutList));
                }
                let keys = if self.keys.is_empty() {
                    "none".into()
                } else {
                    self.keys.join(", ")
                };
                return Err(refused(match self.no_list {
                    Some(found) => LoadError::EventsNoList { found },
                    None => LoadError::NoTraceEvents { keys },
                }));
            }
            let n_oversized = self.defects.count(DefectKind::OversizedEvent);
            if n_oversized > 0 {
                return Err(LoadError::OversizedEvents { events: n_oversized });
            }
            if self.n_values > 0 {
                return Err(refused(LoadError::NoEvents {
                    values: self.n_values,
                }));
            }
        }
        Ok(Scanned {
            bytes: end,
            n_events: self.n_events,
            bare_array: self.bare_array,
            defects: self.defects,
            wrong_file,
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
                Ok(_) if over && matches!(self.state, State::Done | State::Failed) => break b.len(),
                Ok(next) => i = next,
                Err(()) => break i,
            }
        };
        let used = match self.state {
            _ if used == b.len() => used,
            // Blanks are not kept, nor commas between events: there may be any number of them.
            State::Start | State::Keys => json_walk::blanks(b, used),
            State::Events => used + b[used..].iter().take_while(|b| b" \n\r\t,".contains(b)).count(),
            _ => used,
        };
        self.base += used as u64;
        used
    }

    /// One thing at `b[i..]`: gives where the next one starts, or `Err` if it is not whole yet.
    fn step(&mut self, b: &[u8], i: usize, last: bool, sink: &mut impl Sink) -> Result<usize, ()> {
        match self.state {
            State::Start => self.start(b, i, last),
            State::Keys => self.key(b, i, last, sink),
            State::Seek => self.seek(b, i, last),
            State::Events => self.value_in_list(b, i, last, sink),
            State::Skip { .. } => self.skip(b, i),
            State::Done => self.after(b, i, last, sink),
            State::Resync => self.resync(b, i, last, sink),
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
        i = json_walk::blanks(b, i);
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
                self.error = Some(match detect::wrong_file(&self.head, false) {
                    Some(file) => LoadError::WrongFile { file, inside: "" },
                    None => LoadError::NotATrace {
                        at,
                        found: detect::describe(&self.head),
                        inside: "",
                    },
                });
                self.state = State::Failed;
                return Ok(i);
            }
        }
        Ok(i + 1)
    }

    /// After the end of the document.
    fn after(&mut self, b: &[u8], i: usize, last: bool, sink: &mut impl Sink) -> Result<usize, ()> {
        if self.n_strays > MAX_STRAYS {
            return Ok(i);
        }
        let has_list = self.seen_events_key || self.bare_array;
        if has_list && let Some(at) = self.event_behind_strays(b, i, last)? {
            return Ok(at);
        }
        let mut rest = json_walk::blanks(b, i);
        // Whoever joins documents may put something between them.
        while has_list && b.get(rest).is_some_and(|stray| STRAYS.contains(stray)) {
            if self.n_strays == 0 && !(self.in_list && b",]".contains(&b[rest])) {
                self.defects
                    .add(DefectKind::AfterTrace, Some(self.base + rest as u64));
            }
            self.n_strays += 1;
            if self.n_strays > MAX_STRAYS {
                self.state = State::Resync;
                return Ok(rest);
            }
            rest = json_walk::blanks(b, rest + 1);
        }
        let Some(&first) = b.get(rest) else { return Ok(i) };
        match first {
            b'{' | b'[' if has_list && self.starts_document(rest, None, sink) => return Ok(rest),
            // Behind a list without events the trace follows, and nothing of it is lost.
            b'{' | b'[' if has_list && self.n_events == 0 && self.n_strays == 0 => {
                match self.document_at(b, self.base, rest, Inside::Nothing, last) {
                    Start::Undecided => return Err(()),
                    Start::Yes => {
                        self.begin();
                        return Ok(rest);
                    }
                    _ => {}
                }
            }
            b'{' if !has_list => {
                self.in_lines = true;
                self.state = State::Seek;
                return Ok(rest);
            }
            // A bracket too many before the list.
            b',' | b'"' | b'}' | b']' if !has_list => {
                self.add_damage(self.base + rest as u64);
                return Ok(rest);
            }
            _ => {}
        }
        if self.n_strays == 0 {
            self.defects
                .add(DefectKind::AfterTrace, Some(self.base + rest as u64));
        }
        if has_list {
            self.state = State::Resync;
            return Ok(rest);
        }
        self.n_strays = MAX_STRAYS + 1;
        Ok(i)
    }

    /// Where the list of events goes on behind its end, if an event is next.
    fn event_behind_strays(&mut self, b: &[u8], i: usize, last: bool) -> Result<Option<usize>, ()> {
        let mut at = json_walk::blanks(b, i);
        for _ in self.n_strays..MAX_STRAYS {
            if !b.get(at).is_some_and(|stray| STRAYS.contains(stray)) {
                break;
            }
            at = json_walk::blanks(b, at + 1);
        }
        if b.get(at) != Some(&b'{') {
            return Ok(None);
        }
        match Candidates::default().event_at(&b[at..], 0, last) {
            Found::At(_) => {
                self.resume();
                Ok(Some(at))
            }
            Found::Undecided(_) => Err(()),
            Found::None => Ok(None),
        }
    }

    /// The list of events seemed to have ended, and an event follows.
    fn resume(&mut self) {
        self.defects.forget(|kind| kind == DefectKind::AfterTrace);
        self.defects.add(DefectKind::StrayBracket, Some(self.ended_at));
        self.n_strays = 0;
        self.damaged = false;
        self.state = State::Events;
    }

    /// Behind the document, in text that is no part of it: where another one starts.
    fn resync(&mut self, b: &[u8], i: usize, last: bool, sink: &mut impl Sink) -> Result<usize, ()> {
        let text = &b[i..];
        let inside = if self.damaged {
            Inside::Header
        } else {
            Inside::Nothing
        };
        let mut from = 0;
        let next = loop {
            let Some(n) = memchr::memchr2(b'{', b'[', &text[from.min(text.len())..]) else {
                break Next::None;
            };
            let at = from + n;
            from = at + 1;
            match self.document_at(text, self.base + i as u64, at, inside, last) {
                Start::Yes => break Next::At(at),
                Start::Undecided => break Next::Undecided(at),
                Start::Text(n) => from = at + n,
                // Bytes before the last ones are looked at again for documents; an event there was judged before.
                Start::No(_) if text[at] == b'{' && self.may_resume(i + at) => {
                    match self.event_after_end(b, i + at, last) {
                        Found::At(at) => {
                            self.resume();
                            return Ok(at);
                        }
                        Found::Undecided(_) => break Next::Undecided(at),
                        Found::None => {}
                    }
                }
                Start::No(_) => {}
            }
        };
        let known = match next {
            Next::At(at) => {
                if !self.restarts(i + at, None, sink) {
                    self.state = State::Done;
                    self.n_strays = MAX_STRAYS + 1;
                }
                return Ok(i + at);
            }
            Next::Undecided(at) => at,
            Next::None if last => return if text.is_empty() { Err(()) } else { Ok(b.len()) },
            Next::None => text.len(),
        };
        self.passed(i + known);
        let kept = known.saturating_sub(resync::BEFORE);
        if kept > 0 { Ok(i + kept) } else { Err(()) }
    }

    fn may_resume(&self, at: usize) -> bool {
        self.resumes && self.base + at as u64 >= self.no_document_before
    }

    /// Whether an event starts at `b[at]`, behind what seemed to be the end of the list. What that may cost grows with
    /// the distance from that end, wherever the text is cut.
    fn event_after_end(&mut self, b: &[u8], at: usize, last: bool) -> Found {
        let walked = (self.base + at as u64).saturating_sub(self.ended_at);
        let walked = usize::try_from(walked).unwrap_or(usize::MAX);
        self.candidates.event_behind(walked, b, at, last)
    }

    /// Where byte `at` of the trace is in `b`, at most its end.
    fn within(&self, at: u64, len: usize) -> usize {
        usize::try_from(at.saturating_sub(self.base)).map_or(len, |at| at.min(len))
    }

    /// No document starts before `to`.
    fn passed(&mut self, to: usize) {
        self.no_document_before = self.no_document_before.max(self.base + to as u64);
    }

    /// Where a document starts in a range of `text`, whose first byte is byte `start`.
    fn next_document(
        &mut self,
        text: &[u8],
        start: u64,
        range: Range<usize>,
        inside: Inside,
        last: bool,
    ) -> Next {
        let mut from = range.start;
        while let Some(n) = memchr::memchr2(b'{', b'[', &text[from.min(range.end)..range.end]) {
            let at = from + n;
            match self.document_at(text, start, at, inside, last) {
                Start::Yes => return Next::At(at),
                Start::Undecided => return Next::Undecided(at),
                Start::Text(n) => from = at + n,
                Start::No(_) => from = at + 1,
            }
        }
        Next::None
    }

    /// Whether a document starts at `text[at]`; the first byte of `text` is byte `start`.
    fn document_at(&mut self, text: &[u8], start: u64, at: usize, inside: Inside, last: bool) -> Start {
        let place = start + at as u64;
        if place < self.no_document_before {
            return Start::No(0);
        }
        let found = resync::document_at(text, at, inside, last);
        if let Start::Text(n) = found {
            self.text_until = place + n as u64;
        }
        if let Start::No(n) = found {
            self.walked += n as u64;
            if self.walked > FREE_WALKS {
                self.no_document_before = place + n as u64 / 8;
            }
        }
        found
    }

    /// A document starts at `i`, behind what is no part of it: another one, or, where the one before holds no event,
    /// this one once more. Whether it is read.
    fn restarts(&mut self, i: usize, unclosed: Option<(DefectKind, u64)>, sink: &mut impl Sink) -> bool {
        if self.n_events > 0 {
            return self.starts_document(i, unclosed, sink);
        }
        if let Some((kind, at)) = unclosed {
            self.defects.add(kind, Some(at));
        }
        self.in_list |= self.bare_array;
        self.begin();
        true
    }

    /// A document begins here.
    fn begin(&mut self) {
        self.state = State::Start;
        (self.n_events, self.n_values) = (0, 0);
        (self.bare_array, self.seen_events_key, self.damaged) = (false, false, false);
        self.is_closed_by_writer = false;
        self.first_hashes.clear();
        (self.n_first, self.second) = (None, None);
        self.nested = None;
        self.no_list = None;
        self.n_around = 0;
        self.n_strays = 0;
        self.resumes = true;
        self.keys.clear();
    }

    /// Another document starts at `i`: whether the sink takes it. `unclosed`: what the one before it lacks, and where.
    fn starts_document(
        &mut self,
        i: usize,
        unclosed: Option<(DefectKind, u64)>,
        sink: &mut impl Sink,
    ) -> bool {
        let end = self.base + i as u64;
        self.end_second(end);
        let mut defects = self.defects.clone();
        if let Some((unclosed, at)) = unclosed {
            defects.add(unclosed, Some(at));
        }
        let before = Scanned {
            bytes: end,
            n_events: self.n_events,
            bare_array: self.bare_array,
            defects,
            wrong_file: None,
        };
        if self.n_events == 0 {
            return false;
        }
        if !sink.next_document(before) {
            // Events behind it are those of other documents.
            self.resumes = false;
            if let Some((unclosed, at)) = unclosed {
                // All who read the first document alone end it at the same place.
                self.defects.add(unclosed, Some(at));
                self.defects.add(DefectKind::AfterTrace, Some(end));
                self.n_strays = MAX_STRAYS + 1;
                self.state = State::Done;
            }
            return unclosed.is_some();
        }
        self.begin();
        self.defects = Defects::default();
        true
    }

    /// The header is damaged at byte `at`.
    fn add_damage(&mut self, at: u64) {
        if !self.damaged {
            self.defects.add(DefectKind::DamagedHeader, Some(at));
        }
        self.damaged = true;
        self.resumes = false;
        self.state = if self.seen_events_key {
            State::Resync
        } else {
            State::Seek
        };
    }

    /// Behind damage: the list of events is what looks like one.
    fn seek(&mut self, b: &[u8], i: usize, last: bool) -> Result<usize, ()> {
        let mut from = i;
        let text = &b[i..];
        loop {
            let list = events_list(&b[from..]);
            let to = match list {
                List::At { key: at, .. } | List::Undecided(at) => from + at,
                List::None => b.len(),
            };
            let range = from - i..to - i;
            let next = self.next_document(text, self.base + i as u64, range, Inside::Header, last);
            // With its header, where that is whole.
            match next {
                Next::At(at) if i + at < to => {
                    self.begin();
                    return Ok(i + at);
                }
                Next::Undecided(at) if i + at < to => {
                    self.passed(i + at);
                    let kept = at.saturating_sub(resync::BEFORE);
                    return if kept > 0 { Ok(i + kept) } else { Err(()) };
                }
                _ => {}
            }
            match list {
                List::At { event, .. } if self.base + ((from + event) as u64) < self.text_until => {
                    from = self.within(self.text_until, b.len());
                }
                List::At { event, .. } => {
                    self.seen_events_key = true;
                    self.state = State::Events;
                    return Ok(from + event);
                }
                List::Undecided(at) if !last && b.len() - from - at <= MAX_HEADER_VALUE => {
                    return if from + at > i { Ok(from + at) } else { Err(()) };
                }
                List::Undecided(at) => from += at + EVENTS_KEY.len(),
                List::None => {
                    self.passed(b.len());
                    let kept = EVENTS_KEY.len().min(b.len() - from);
                    let to = if last { b.len() } else { b.len() - kept };
                    return if to > i { Ok(to) } else { Err(()) };
                }
            }
        }
    }

    fn key(&mut self, b: &[u8], i: usize, last: bool, sink: &mut impl Sink) -> Result<usize, ()> {
        let mut i = json_walk::blanks(b, i);
        let from = i;
        let too_long = |to: usize| to - from > MAX_HEADER_VALUE;
        match b.get(i) {
            None => return Err(()),
            Some(b',') => return Ok(i + 1),
            Some(b'}') if self.n_around > 0 => {
                self.n_around -= 1;
                return Ok(i + 1);
            }
            Some(b'}') => {
                self.state = State::Done;
                return Ok(i + 1);
            }
            Some(b'"') => {}
            Some(b'{')
                if self.seen_events_key
                    && match Candidates::default().event_at(&b[i..], 0, last) {
                        Found::At(_) => true,
                        Found::Undecided(_) => return Err(()),
                        Found::None => false,
                    } =>
            {
                self.resume();
                return Ok(i);
            }
            Some(b'{' | b'[')
                if self.seen_events_key
                    && self.starts_document(
                        i,
                        Some((DefectKind::UnclosedObject, self.base + i as u64)),
                        sink,
                    ) =>
            {
                return Ok(i);
            }
            Some(_) => {
                // Broken between two keys: the events may still be ahead, or behind.
                self.add_damage(self.base + i as u64);
                self.resumes = true;
                return Ok(i);
            }
        }
        let key_from = i + 1;
        let key_end = json_walk::string_end(b, key_from);
        if let Ok(end) = key_end {
            i = json_walk::blanks(b, end + 1);
            if b.get(i) == Some(&b':') {
                i = json_walk::blanks(b, i + 1);
            } else if i < b.len() {
                self.add_damage(self.base + from as u64);
                return Ok(from);
            }
        }
        let (Ok(key_end), Some(&first), false) = (key_end, b.get(i), too_long(i)) else {
            if !too_long(b.len()) && (!last || self.seen_events_key) {
                return Err(());
            }
            self.add_damage(self.base + from as u64);
            return Ok(from);
        };
        let raw_key = Raw {
            raw: &b[key_from..key_end],
        };
        let mut text = Vec::new();
        let key = raw_key.text(&mut text).0;
        let is_damaged_list = first == b'[' && !self.seen_events_key && is_nearly_events_key(key);
        if is_damaged_list {
            let first_event = json_walk::blanks(b, i + 1);
            let found = match b.get(first_event) {
                Some(b'{') => Candidates::default().event_at(&b[first_event..], 0, last),
                Some(_) => Found::None,
                None if last => Found::None,
                None => return Err(()),
            };
            match found {
                Found::At(_) => {
                    self.defects
                        .add(DefectKind::DamagedHeader, Some(self.base + from as u64));
                    self.seen_events_key = true;
                    self.state = State::Events;
                    return Ok(i + 1);
                }
                Found::Undecided(_) => return Err(()),
                Found::None => {}
            }
        }
        if key == b"traceEvents" && first == b'[' {
            if self.n_events > 0 {
                self.n_first.get_or_insert(self.n_events);
                self.second = Some(Second::Alike(Vec::new()));
            }
            self.seen_events_key = true;
            self.state = State::Events;
            return Ok(i + 1);
        }
        if key == b"traceEvents" {
            self.no_list = Some(json_walk::kind(first));
        }
        let within = &b[i..b.len().min(i + MAX_HEADER_VALUE)];
        let value_end = json_walk::value(b, i);
        if self.seen_events_key
            && self.n_unended < MAX_UNENDED
            && self.holds_document(b, i, value_end, last)?
        {
            self.n_unended += 1;
            self.add_damage(self.base + i as u64);
            return Ok(i);
        }
        if let (b'"', Ok(end)) = (first, value_end) {
            // A quote that was not escaped does not end the text, in which a document may stand.
            let rest = &b[end..b.len().min(end + MAX_BETWEEN)];
            match rest.get(json_walk::blanks(rest, 0)) {
                None if !last && rest.len() < MAX_BETWEEN && end - i <= MAX_HEADER_VALUE => return Err(()),
                None | Some(b',' | b'}' | b'"') => {}
                Some(_) => {
                    self.add_damage(self.base + i as u64);
                    return Ok(i);
                }
            }
        }
        let holds_events =
            |value: &[u8]| !self.seen_events_key && matches!(events_list(value), List::At { .. });
        let end = match value_end {
            Ok(end) if end - i <= MAX_HEADER_VALUE => {
                let value = &b[i..end];
                if serde_json::from_slice::<IgnoredAny>(value).is_err() {
                    if holds_events(value) {
                        self.add_damage(self.base + i as u64);
                        return Ok(i);
                    }
                    if json_walk::plain(value) != value {
                        self.defects
                            .add(DefectKind::DamagedHeader, Some(self.base + i as u64));
                    }
                } else if holds_events(value) {
                    self.nested = Some((value.to_vec(), self.base + i as u64));
                }
                end
            }
            Err(Stop::Bad) => {
                self.add_damage(self.base + i as u64);
                return Ok(i);
            }
            Err(Stop::More) if b.len() - i <= MAX_HEADER_VALUE && !(last && holds_events(within)) => {
                return Err(());
            }
            _ if holds_events(within) => {
                // A document that is the value of another's key, and goes on for long or to the end of the text.
                let is_document =
                    first == b'{' && self.document_at(b, self.base, i, Inside::List, last) == Start::Yes;
                if is_document && self.n_around < MAX_NESTED {
                    self.n_around += 1;
                    return Ok(i + 1);
                }
                self.add_damage(self.base + i as u64);
                return Ok(i);
            }
            _ => {
                let kind = not_read(key).unwrap_or(DefectKind::ClampedMetadata);
                self.defects.add(kind, Some(self.base + i as u64));
                self.remember(key);
                self.state = State::Skip {
                    depth: 0,
                    in_string: false,
                    escaped: false,
                    in_events: false,
                };
                return Ok(i);
            }
        };
        self.remember(key);
        let value = &b[i..end];
        let n = match first {
            b'[' => json_walk::elements(value).count(),
            b'{' => json_walk::members(value).count(),
            _ => usize::from(!matches!(value, b"null" | b"\"\"")),
        };
        if let Some(kind) = not_read(key) {
            self.defects.add_many(kind, n as u64, Some(self.base + i as u64));
        }
        sink.header(key, value);
        Ok(end)
    }

    /// Whether another document starts in the header value at `i`, behind the list of events: the value was cut.
    fn holds_document(
        &mut self,
        b: &[u8],
        i: usize,
        end: Result<usize, Stop>,
        last: bool,
    ) -> Result<bool, ()> {
        let all = b.len().min(i + MAX_HEADER_VALUE);
        let to = match end {
            Ok(end) if end - i > MAX_HEADER_VALUE => all,
            Ok(end) => {
                // Behind a value that is whole a comma follows, the brace or, of writers that leave commas out, a key.
                let rest = &b[end..b.len().min(end + MAX_BETWEEN)];
                let at = json_walk::blanks(rest, 0);
                // And behind the comma a key.
                let behind = rest.get(json_walk::blanks(rest, at + 1));
                let is_followed = match rest.get(at) {
                    None => None,
                    Some(b',') => behind.map(|&c| !matches!(c, b'{' | b'[')),
                    Some(&c) => Some(matches!(c, b'}' | b'"')),
                };
                match is_followed {
                    None if !last && rest.len() < MAX_BETWEEN => return Err(()),
                    Some(true) if serde_json::from_slice::<IgnoredAny>(&b[i..end]).is_ok() => {
                        return Ok(false);
                    }
                    None if rest.len() >= MAX_BETWEEN => return Ok(false),
                    _ => end,
                }
            }
            Err(Stop::Bad) => return Ok(false),
            Err(Stop::More) if last || b.len() - i > MAX_HEADER_VALUE + resync::WINDOW => all,
            Err(Stop::More) => return Ok(false),
        };
        match self.next_document(b, self.base, i..to, Inside::Value, last) {
            Next::At(_) => Ok(true),
            Next::Undecided(_) => Err(()),
            Next::None => Ok(false),
        }
    }

    fn value_in_list(
        &mut self,
        b: &[u8],
        mut i: usize,
        last: bool,
        sink: &mut impl Sink,
    ) -> Result<usize, ()> {
        loop {
            i = json_walk::blanks(b, i);
            match b.get(i) {
                Some(b',') => {
                    self.after_comma = true;
                    i += 1;
                }
                Some(_) => break,
                None => return if last { Ok(self.at_end(b, i)) } else { Err(()) },
            }
        }
        let next = self.value_behind_comma(b, i, last, sink)?;
        self.after_comma &= next == i;
        Ok(next)
    }

    fn value_behind_comma(
        &mut self,
        b: &[u8],
        i: usize,
        last: bool,
        sink: &mut impl Sink,
    ) -> Result<usize, ()> {
        if b[i] == b']' {
            self.ended_at = self.base + i as u64;
            self.candidates = Candidates::default();
            self.end_second(self.base + i as u64);
            self.state = if self.bare_array { State::Done } else { State::Keys };
            return Ok(i + 1);
        }
        if resync::may_start(&b[i..]) && (self.n_events > 0 || self.bare_array) {
            match self.document_at(&b[i..], self.base + i as u64, 0, Inside::List, last) {
                Start::Undecided => return Err(()),
                Start::Yes if self.n_events == 0 => {
                    self.in_list = true;
                    self.begin();
                    return Ok(i);
                }
                Start::Yes if self.starts_document(i, self.unclosed_at(i), sink) => return Ok(i),
                _ => {}
            }
        }
        if b[i] == b'[' && self.bare_array && self.n_events == 0 {
            match self.document_at(&b[i..], self.base + i as u64, 0, Inside::List, last) {
                Start::Undecided => return Err(()),
                Start::Yes => {
                    self.in_list = true;
                    self.begin();
                    return Ok(i);
                }
                _ => {}
            }
        }
        if b[i] == b'[' && self.n_events > 0 {
            // Another list behind one that was never closed.
            let first = json_walk::blanks(b, i + 1);
            let is_list = match b.get(first) {
                Some(b'{') => looks_like_event(&b[i..], first - i),
                Some(_) => Ok(false),
                None => Err(()),
            };
            match is_list {
                Err(()) if !last && b.len() - i <= MAX_EVENT => return Err(()),
                // A whole list between two elements is one of them.
                Ok(true) => match json_walk::value(&b[..b.len().min(i + MAX_HEADER_VALUE)], i) {
                    Err(Stop::More) if !last && b.len() - i <= MAX_HEADER_VALUE => return Err(()),
                    Ok(end) => match b.get(json_walk::blanks(b, end)) {
                        None if !last => return Err(()),
                        Some(b',' | b']') if !self.in_list => {}
                        // Closed by what closes the list, and the document's brace.
                        Some(b'}') if self.is_stray_bracket() => {
                            self.defects
                                .add(DefectKind::StrayBracket, Some(self.base + i as u64));
                            return Ok(i + 1);
                        }
                        _ if self.starts_document(i, self.unclosed_at(i), sink) => return Ok(i),
                        _ => {}
                    },
                    _ if self.starts_document(i, self.unclosed_at(i), sink) => return Ok(i),
                    _ => {}
                },
                _ => {}
            }
        }
        if b[i] != b'{' {
            let value = json_walk::value(b, i);
            if self
                .runs_over(&b[i..], value.map(|end| end - i), 1, last)?
                .is_some()
            {
                return self.lost(b, i, last, sink);
            }
            return match value {
                Ok(end) => {
                    self.n_values += 1;
                    self.defects
                        .add(DefectKind::NotAnEvent, Some(self.base + i as u64));
                    Ok(end)
                }
                Err(Stop::More) if b.len() - i <= MAX_EVENT => Err(()),
                Err(_) => self.lost(b, i, last, sink),
            };
        }
        let text = &b[i..];
        let mut result = self.fields.quick(text, &self.wanted);
        let mut wasted = 0;
        if result == Err(Stop::Bad) || result == Err(Stop::More) && last {
            result = self.fields.read::<false>(text, &self.wanted);
        }
        if result == Err(Stop::Bad) {
            let window = self.careful_window(self.base + i as u64);
            let within = &text[..text.len().min(window)];
            result = self.fields.read::<true>(within, &self.wanted);
            if result == Err(Stop::More) && (last || text.len() >= window) {
                result = Err(Stop::Bad);
            }
            if let Ok(len) = result {
                // The quote that seemed to end a string did not, if neither another event nor the list's end follows.
                match text.get(json_walk::blanks(text, len)) {
                    None if !last => return Err(()),
                    None | Some(b',' | b']' | b'{') => {}
                    Some(_) => result = Err(Stop::Bad),
                }
            }
            if result == Err(Stop::Bad) {
                wasted = window as u64;
            }
        }
        if let Some(next) = self.runs_over(text, result, 2, last)? {
            result = self.read_up_to(text, next, i);
            wasted += next as u64;
        } else if result == Err(Stop::More) && last && resync::list_end(text, self.bare_array, true).is_some()
        {
            // The list is closed behind it, so the text does not end in it.
            result = self.read_up_to(text, text.len(), i);
            wasted += text.len() as u64;
        }
        if let Some(next) = self.is_cut(text, i, result, last)?
            && self.cut_before(b, i, i + next, sink)
        {
            self.n_unended += 1;
            self.wasted += next as u64;
            return Ok(i + next);
        }
        // It ended within a document in one of its strings.
        if result
            .is_ok_and(|len| self.fields.unescaped_quote && self.base + ((i + len) as u64) < self.text_until)
        {
            result = Err(Stop::Bad);
        }
        match result {
            Ok(len) if len <= MAX_EVENT => {
                let has_phase = !text[self.fields.range(Field::Phase)].is_empty();
                // Writers that put a comma behind each event end the list so.
                if !has_phase && json_walk::blanks(text, 1) + 1 == len {
                    return Ok(i + len);
                }
                if !has_phase && self.is_next(i, &text[..len], sink) {
                    return Ok(i);
                }
                // A header alone, in a list of documents.
                if !has_phase && self.bare_array && self.n_events == 0 && resync::has_header_key(text) {
                    self.n_values += 1;
                    self.defects
                        .add(DefectKind::NotAnEvent, Some(self.base + i as u64));
                    return Ok(i + len);
                }
                let event = &text[..len];
                let is_joined = self.fields.nested && json_walk::has_hole(event)
                    || len > MAX_USUAL && memchr::memchr(0, event).is_some()
                    || self.fields.duplicate_key && event_fields::is_two_events(event);
                if is_joined {
                    return self.lost(b, i, last, sink);
                }
                let at = self.base + i as u64;
                self.n_values += 1;
                if self.second.is_some() && self.is_held(&text[..len], at, sink) {
                    return Ok(i + len);
                }
                if !self.bare_array && self.n_first.is_none() && self.first_hashes.len() < N_COMPARED {
                    self.first_hashes.push(hash_of(&text[..len]));
                }
                self.n_events += 1;
                take(&Event::new(at, text, &self.fields), &mut self.defects, sink);
                Ok(i + len)
            }
            Err(Stop::More) if text.len() <= MAX_EVENT => Err(()),
            Ok(_) | Err(Stop::More) if self.is_next(i, text, sink) => Ok(i),
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
            Err(Stop::Bad) => {
                let next = self.lost(b, i, last, sink)?;
                // Only now: until the next event is here, this one is read again with each chunk.
                self.wasted += wasted;
                Ok(next)
            }
        }
    }

    /// Whether a bracket before an event is one too many, not the start of a list that was appended.
    fn is_stray_bracket(&self) -> bool {
        self.after_comma && !self.bare_array && !self.in_list
    }

    /// Whether the value at the start of `text`, of which `result` is known, goes on over the start of an event, and
    /// where: it was cut, or its quotes or brackets do not match. `n`: phases that there are then, at least.
    fn runs_over(
        &self,
        text: &[u8],
        result: Result<usize, Stop>,
        n: usize,
        last: bool,
    ) -> Result<Option<usize>, ()> {
        let to = match result {
            Ok(_) if n > 1 && !self.fields.nested => return Ok(None),
            Ok(len) => len,
            Err(Stop::More) => text.len(),
            Err(Stop::Bad) => return Ok(None),
        };
        if memchr::memmem::find_iter(&text[..to], b"\"ph\"")
            .nth(n - 1)
            .is_none()
        {
            return Ok(None);
        }
        let is_all = last || result.is_ok();
        let Found::At(event) = Candidates::default().event_in(&text[..to], is_all) else {
            return Ok(None);
        };
        match result {
            Ok(len) if len <= event + resync::WINDOW && json_walk::is_well_nested(&text[..len]) => {
                let end = json_walk::blanks(text, len);
                match (text.get(end), text.get(json_walk::blanks(text, end + 1))) {
                    (None, _) | (Some(b','), None) if !last => Err(()),
                    // No key of the header.
                    (Some(b','), Some(b'"')) => Ok(Some(event)),
                    (Some(b',' | b']'), _) => Ok(None),
                    // It was closed by what should close the list and the document.
                    _ => Ok(Some(event)),
                }
            }
            Err(_) if !last && text.len() < event + resync::WINDOW => Ok(None),
            _ => Ok(Some(event)),
        }
    }

    /// The event at the start of `text`, which ends before `text[to]`, read with care.
    fn read_up_to(&mut self, text: &[u8], to: usize, i: usize) -> Result<usize, Stop> {
        let window = self.careful_window(self.base + i as u64);
        let len = self.fields.read::<true>(&text[..to.min(window)], &self.wanted);
        match len {
            Ok(len) if matches!(text.get(json_walk::blanks(text, len)), Some(b',' | b']')) => Ok(len),
            _ => Err(Stop::Bad),
        }
    }

    /// Whether the event `text` of a second list is not handed on, at least not yet: the list is, so far, the first one
    /// once more.
    fn is_held(&mut self, text: &[u8], at: u64, sink: &mut impl Sink) -> bool {
        match &mut self.second {
            None => return false,
            Some(Second::Repeats(left)) => {
                *left -= 1;
                if *left == 0 {
                    self.second = None;
                }
                return true;
            }
            Some(Second::Alike(held)) => {
                if self.first_hashes.get(held.len()) == Some(&hash_of(text)) {
                    held.push((at, text.to_vec()));
                    if held.len() == self.first_hashes.len() {
                        let left = self.n_first.unwrap_or_default().saturating_sub(held.len() as u64);
                        self.defects.add(DefectKind::RepeatedList, Some(held[0].0));
                        self.second = (left > 0).then_some(Second::Repeats(left));
                    }
                    return true;
                }
            }
        }
        if let Some(Second::Alike(held)) = self.second.take() {
            let first = held.first().map_or(at, |(at, _)| *at);
            self.defects.add(DefectKind::SecondList, Some(first));
            let mut fields = Fields::default();
            for (at, mut text) in held {
                // The careful reader looks at what follows.
                text.push(b',');
                let read = fields.read::<false>(&text, &self.wanted);
                if read.or_else(|_| fields.read::<true>(&text, &self.wanted)).is_ok() {
                    self.n_events += 1;
                    take(&Event::new(at, &text, &fields), &mut self.defects, sink);
                }
            }
        }
        false
    }

    /// A list ends at byte `at`; a second one that was all like the first is that once more.
    fn end_second(&mut self, at: u64) {
        if let Some(Second::Alike(held)) = self.second.take() {
            let (kind, at) = match held.first() {
                Some(first) => (DefectKind::RepeatedList, first.0),
                None => (DefectKind::SecondList, at),
            };
            self.defects.add(kind, Some(at));
        }
    }

    /// Whether the object `text` at `at` is a document of its own behind a list that was never closed, and the sink
    /// takes it.
    fn is_next(&mut self, at: usize, text: &[u8], sink: &mut impl Sink) -> bool {
        let within = &text[..text.len().min(MAX_HEADER_VALUE)];
        self.n_events > 0
            && matches!(events_list(within), List::At { .. })
            && self.starts_document(at, self.unclosed_at(at), sink)
    }

    /// The list of events should have been closed before `i`.
    fn unclosed_at(&self, i: usize) -> Option<(DefectKind, u64)> {
        Some((self.open_list(), self.base + i as u64))
    }

    /// What it means that the list of events is not closed.
    fn open_list(&self) -> DefectKind {
        match self.is_closed_by_writer && !self.bare_array {
            true => DefectKind::CutArray,
            false => DefectKind::UnclosedArray,
        }
    }

    /// Whether the event `text` at `at`, of which `result` is known, was cut, and a document starts in it.
    fn is_cut(
        &mut self,
        text: &[u8],
        at: usize,
        result: Result<usize, Stop>,
        last: bool,
    ) -> Result<Option<usize>, ()> {
        let large = MAX_HEADER_VALUE + resync::WINDOW;
        let to = match result {
            Ok(len) if self.fields.unescaped_quote => len.min(MAX_HEADER_VALUE),
            Ok(len) if len > large => MAX_HEADER_VALUE,
            Err(Stop::More) if last => text.len(),
            Err(Stop::More) if text.len() > large => MAX_HEADER_VALUE,
            _ => return Ok(None),
        };
        if self.n_unended >= MAX_UNENDED {
            return Ok(None);
        }
        let next = self.next_document(text, self.base + at as u64, 1..to, Inside::Value, last);
        match next {
            Next::At(next) => Ok(Some(next)),
            Next::Undecided(_) => Err(()),
            Next::None => Ok(None),
        }
    }

    /// The event at `i` was never finished, and a document starts at `next`: whether that is read.
    fn cut_before(&mut self, b: &[u8], i: usize, next: usize, sink: &mut impl Sink) -> bool {
        let at = self.base + i as u64;
        let n = self.n_lost(&b[i..next], at);
        self.defects.add_many(DefectKind::BadEvent, n - 1, Some(at));
        self.restarts(next, Some((DefectKind::TruncatedJson, at)), sink)
    }

    /// Keeps the first few keys, for the sentence that says why a document is no trace.
    fn remember(&mut self, key: &[u8]) {
        self.is_closed_by_writer |= resync::TORCH_KEYS.contains(&key);
        if self.keys.len() < 12 {
            let key = String::from_utf8_lossy(&key[..key.len().min(100)]);
            let shown = key.chars().filter(|c| !c.is_control()).take(24);
            self.keys.push(shown.collect());
        }
    }

    /// How far to read with care from byte `at` on. Text that goes wrong every few bytes would be read thousands
    /// of times over: what is wasted may grow to 4 times what was read.
    fn careful_window(&self, at: u64) -> usize {
        let left = (at * 4 + MAX_CAREFUL as u64).saturating_sub(self.wasted);
        usize::try_from(left)
            .unwrap_or(usize::MAX)
            .clamp(MIN_CAREFUL, MAX_CAREFUL)
    }

    /// The input ended between two events.
    fn at_end(&mut self, b: &[u8], i: usize) -> usize {
        self.end_second(self.base + i as u64);
        self.defects.add(self.open_list(), Some(self.base + i as u64));
        self.state = State::Done;
        b.len()
    }

    /// The value at `i` is damaged: gives where the next event seems to start.
    fn lost(&mut self, b: &[u8], i: usize, last: bool, sink: &mut impl Sink) -> Result<usize, ()> {
        let mut from = i + 1;
        let mut candidates = Candidates::default();
        // What stands in the header of a document that was cut may look like an event (devices have names and ids).
        let is_header = self.bare_array && self.n_events == 0 && resync::has_header_key(&b[i..]);
        let (next, is_all) = loop {
            let Some(n) = memchr::memchr2(b'{', b'[', &b[from.min(b.len())..]) else {
                if !last && b.len() - i <= MAX_EVENT {
                    return Err(());
                }
                break (b.len(), last);
            };
            let at = from + n;
            match self.document_at(&b[i..], self.base + i as u64, at - i, Inside::Value, last) {
                Start::Undecided => return Err(()),
                Start::Yes if resync::list_end(&b[i..at], self.bare_array, true).is_some() => {
                    break (at, true);
                }
                Start::Yes if self.cut_before(b, i, at, sink) => return Ok(at),
                Start::Text(n) => {
                    from = at + n;
                    continue;
                }
                _ => {}
            }
            if b[at] == b'[' {
                from = at + 1;
                continue;
            }
            match looks_like_event(&b[i..], at - i) {
                Ok(true) if is_header && self.walked <= FREE_WALKS => match resync::is_event(b, at) {
                    (Ok(()), _) => break (at, false),
                    (Err(Stop::More), _) if !last => return Err(()),
                    (Err(_), n) => {
                        self.walked += n as u64;
                        from = at + 1;
                    }
                },
                // Objects inside an event have names and ids, too.
                Ok(true) => match candidates.damaged_event_at(&b[i..], at - i, last) {
                    Found::At(_) => break (at, false),
                    Found::Undecided(_) if b.len() - i <= MAX_EVENT => return Err(()),
                    _ => from = at + 1,
                },
                Err(()) if !last && b.len() - i <= MAX_EVENT => return Err(()),
                _ => from = at + 1,
            }
        };
        // The header behind the list holds what may look like an event.
        let next = resync::list_end(&b[i..next], self.bare_array, is_all).map_or(next, |at| i + at);
        let n = self.n_lost(&b[i..next], self.base + i as u64);
        self.n_values += n;
        self.defects
            .add_many(DefectKind::BadEvent, n, Some(self.base + i as u64));
        Ok(next)
    }

    /// How many events stood in `text`, which starts at byte `at`: those that are seen there; where zeros stand in
    /// place of text, as many as fit.
    fn n_lost(&self, text: &[u8], at: u64) -> u64 {
        let seen = memchr::memmem::find_iter(text, b"\"ph\"").count() as u64;
        let mean = at / (self.n_values + 1);
        let fit = match memchr::memchr2(0, 0xff, text) {
            Some(_) if mean > 0 => (text.len() as u64 + mean / 2) / mean,
            _ => 0,
        };
        seen.max(fit).max(1)
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

/// Whether a key is that of the list of events but for a byte or two.
fn is_nearly_events_key(key: &[u8]) -> bool {
    const KEY: &[u8] = b"traceEvents";
    let n_wrong = key.iter().zip(KEY).filter(|(a, b)| a != b).count();
    key.len() == KEY.len() && (1..=2).contains(&n_wrong)
}

/// Hands on an event, and counts what was repaired in it.
fn take(event: &Event<'_>, defects: &mut Defects, sink: &mut impl Sink) {
    if event.damaged_key() {
        defects.add(DefectKind::DamagedKey, Some(event.at));
    } else if event.unescaped_quote() {
        defects.add(DefectKind::UnescapedQuote, Some(event.at));
    }
    if event.duplicate_key() {
        defects.add(DefectKind::DuplicateKey, Some(event.at));
    }
    sink.event(event);
}

fn hash_of(text: &[u8]) -> u64 {
    FxBuildHasher.hash_one(text)
}

/// What stands beside the list of events, records something, and is not read.
fn not_read(key: &[u8]) -> Option<DefectKind> {
    match key {
        b"samples" => Some(DefectKind::SamplesNotRead),
        b"systemTraceEvents" | b"powerTraceAsString" => Some(DefectKind::SystemTraceNotRead),
        _ => None,
    }
}

const EVENTS_KEY: &[u8] = b"traceEvents\"";

/// Where the list of events is, in a text.
enum List {
    /// Its key, and its first event.
    At {
        key: usize,
        event: usize,
    },
    /// What may be one starts there.
    Undecided(usize),
    None,
}

/// The first list of events in `b`, wherever it stands: its key (the quote before it may be taken for another's end),
/// and an event.
fn events_list(b: &[u8]) -> List {
    for at in memchr::memmem::find_iter(b, EVENTS_KEY) {
        let colon = json_walk::blanks(b, at + EVENTS_KEY.len());
        let list = json_walk::blanks(b, colon + 1);
        let event = json_walk::blanks(b, list + 1);
        let fits = |i: usize, wanted: u8| b.get(i).is_none_or(|&c| c == wanted);
        if !(fits(colon, b':') && fits(list, b'[') && fits(event, b'{')) {
            continue;
        }
        match looks_like_event(b, event.min(b.len())) {
            Ok(true) if event < b.len() => return List::At { key: at, event },
            Err(()) => return List::Undecided(at),
            _ if event >= b.len() => return List::Undecided(at),
            Ok(_) => {}
        }
    }
    List::None
}

/// Whether an event starts at the `{` of `b[at]`: after a comma or bracket, and with a key that events have. `b`
/// starts with what is damaged; what stands before that may be gone already.
pub(super) fn looks_like_event(b: &[u8], at: usize) -> Result<bool, ()> {
    const KEYS: [&[u8]; 12] = [
        b"ph", b"name", b"cat", b"pid", b"tid", b"ts", b"dur", b"args", b"id", b"s", b"bp", b"tts",
    ];
    let before = b[..at].trim_ascii_end();
    if !matches!(before.last(), None | Some(b',' | b'[')) {
        return Ok(false);
    }
    let quote = json_walk::blanks(b, at + 1);
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
    let colon = json_walk::blanks(b, quote + 2 + end);
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
    /// What the file seems to be, if it is no trace.
    pub wrong_file: Option<WrongFile>,
}
