//! One event of the Trace Event Format, borrowed from the text.
//!
//! Spec: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU> (Google, no version
//! number).
//!
//! Where tracers differ from the spec, and what is done:
//! - `pid` and `tid` may be strings; they are kept as names and never parsed;
//! - `ts` and `dur` may be strings of digits;
//! - `args` may be `null`; `dur` may be `null`, missing or negative;
//! - keys may stand in any order, `ph` last.

use crate::base::time::ns_from_micros_text;

use super::json::{self, Place, Step, Stop};

/// An arg that some analysis needs in a column. Dialects declare these; the scanner knows none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSpec {
    /// The key, compared without regard to ASCII case (older tracers spell `external id`).
    pub key: &'static str,
    pub kind: ArgKind,
}

/// How an arg's value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A whole number, also when written as a string of digits. Others are not kept.
    Int,
    /// A string; numbers are kept as they are written.
    Text,
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Complete,
    Begin,
    End,
    Instant,
    Counter,
    FlowStart,
    FlowStep,
    FlowEnd,
    Metadata,
    /// Known to the format, not drawn here: samples, objects, asynchronous and memory events, clock marks.
    NotDrawn,
    /// None of the format's letters.
    Unknown,
    Missing,
}

impl Phase {
    fn from_raw(raw: Scalar<'_>) -> Phase {
        let Scalar::Text(text) = raw else {
            return Phase::Missing;
        };
        match text.raw {
            b"X" => Phase::Complete,
            b"B" => Phase::Begin,
            b"E" => Phase::End,
            b"i" | b"I" | b"R" => Phase::Instant,
            b"C" => Phase::Counter,
            b"s" => Phase::FlowStart,
            b"t" => Phase::FlowStep,
            b"f" => Phase::FlowEnd,
            b"M" => Phase::Metadata,
            b"" => Phase::Missing,
            b"b" | b"n" | b"e" | b"S" | b"T" | b"p" | b"F" | b"N" | b"O" | b"D" | b"P" | b"V" | b"v"
            | b"c" | b"(" | b")" => Phase::NotDrawn,
            _ => Phase::Unknown,
        }
    }
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    pub raw: &'a [u8],
}

impl<'a> Raw<'a> {
    /// The text; `scratch` is used where there are escapes. The flag says whether one of them was bad.
    pub fn text<'s>(self, scratch: &'s mut Vec<u8>) -> (&'s [u8], bool)
    where
        'a: 's,
    {
        if !self.raw.contains(&b'\\') {
            return (self.raw, false);
        }
        let found = json::unescape(self.raw, scratch);
        (scratch, found.bad_escape)
    }
}

/// A value that is neither object nor array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    Missing,
    Null,
    /// A number, or what stands in place of one.
    Bare(&'a [u8]),
    Text(Raw<'a>),
    /// An object or array, where none is expected.
    Nested,
}

impl<'a> Scalar<'a> {
    fn of(value: &'a [u8]) -> Scalar<'a> {
        match value {
            [] => Scalar::Missing,
            b"null" => Scalar::Null,
            [b'"', raw @ .., b'"'] => Scalar::Text(Raw { raw }),
            [b'{' | b'[', ..] => Scalar::Nested,
            _ => Scalar::Bare(value),
        }
    }

    /// Its digits: a number's, or a string's.
    fn digits(self) -> Option<&'a [u8]> {
        match self {
            Scalar::Bare(text) | Scalar::Text(Raw { raw: text }) => Some(text),
            _ => None,
        }
    }

    /// Decimal microseconds as ns.
    pub fn micros(self) -> Option<i64> {
        ns_from_micros_text(self.digits()?.trim_ascii())
    }

    /// A whole number.
    pub fn int(self) -> Option<i64> {
        parse_int(self.digits()?)
    }

    /// A finite number.
    pub fn float(self) -> Option<f64> {
        let value: f64 = std::str::from_utf8(self.digits()?).ok()?.trim().parse().ok()?;
        value.is_finite().then_some(value)
    }
}

/// A whole decimal number, optionally signed.
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value: i64 = 0;
    for &d in digits {
        if !d.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i64::from(d - b'0'))?;
    }
    Some(if negative { -value } else { value })
}

/// An event. Its fields are what the text says; nothing is converted yet.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Byte of its `{` in the inflated trace.
    pub at: u64,
    pub phase: Phase,
    pub name: Scalar<'a>,
    pub category: Scalar<'a>,
    pub pid: Scalar<'a>,
    pub tid: Scalar<'a>,
    pub ts: Scalar<'a>,
    pub dur: Scalar<'a>,
    pub id: Scalar<'a>,
    /// The whole args object, braces and all; empty if there is none.
    pub args: &'a [u8],
    /// The wanted args that it has: row in the table of specs, value. In the order of the text.
    pub wanted: &'a [(u16, std::ops::Range<usize>)],
    /// The event's own text, from `{` to `}`.
    pub text: &'a [u8],
    /// A key stood twice.
    pub duplicate_key: bool,
    /// A quote inside a string was not escaped.
    pub unescaped_quote: bool,
}

impl<'a> Event<'a> {
    /// The wanted args with their values.
    pub fn wanted_args(&self) -> impl Iterator<Item = (usize, Scalar<'a>)> + '_ {
        self.wanted
            .iter()
            .map(|(spec, range)| (usize::from(*spec), Scalar::of(&self.text[range.clone()])))
    }
}

/// The members of an args object: raw key, value.
pub fn args(object: &[u8]) -> impl Iterator<Item = (Raw<'_>, Scalar<'_>, &[u8])> {
    json::members(object).map(|(key, value)| (Raw { raw: key }, Scalar::of(value), value))
}

/// The wanted keys, with a filter that rejects nearly all others by length and first letter.
#[derive(Clone, Debug)]
pub struct Wanted {
    specs: &'static [ArgSpec],
    lengths: u64,
    first_letters: u32,
}

impl Wanted {
    /// # Panics
    /// If a key is empty or longer than 63 bytes: the table is the program's own.
    pub fn new(specs: &'static [ArgSpec]) -> Wanted {
        let mut wanted = Wanted {
            specs,
            lengths: 0,
            first_letters: 0,
        };
        for spec in specs {
            assert!((1..64).contains(&spec.key.len()), "wanted keys are short");
            wanted.lengths |= 1 << spec.key.len();
            wanted.first_letters |= 1 << (spec.key.as_bytes()[0] & 31);
        }
        wanted
    }

    fn find(&self, key: &[u8]) -> Option<u16> {
        let first = *key.first()?;
        if key.len() > 63 || self.lengths >> key.len() & 1 == 0 || self.first_letters >> (first & 31) & 1 == 0
        {
            return None;
        }
        let i = self
            .specs
            .iter()
            .position(|s| s.key.as_bytes().eq_ignore_ascii_case(key))?;
        u16::try_from(i).ok()
    }
}

/// Ranges of an event's fields in its text.
#[derive(Clone, Default)]
pub(super) struct Fields {
    ph: std::ops::Range<usize>,
    name: std::ops::Range<usize>,
    category: std::ops::Range<usize>,
    pid: std::ops::Range<usize>,
    tid: std::ops::Range<usize>,
    ts: std::ops::Range<usize>,
    dur: std::ops::Range<usize>,
    id: std::ops::Range<usize>,
    args: std::ops::Range<usize>,
    wanted: Vec<(u16, std::ops::Range<usize>)>,
    seen: u16,
    duplicate_key: bool,
    unescaped_quote: bool,
    end: usize,
}

impl Fields {
    /// Reads the event at the start of `b`. `CAREFUL` copes with unescaped quotes and is slower.
    pub(super) fn read<const CAREFUL: bool>(&mut self, b: &[u8], wanted: &Wanted) -> Step {
        self.wanted.clear();
        *self = Fields {
            wanted: std::mem::take(&mut self.wanted),
            ..Fields::default()
        };
        let mut i = json::blanks(b, 1);
        if json::byte(b, i)? == b'}' {
            self.end = i + 1;
            return Ok(self.end);
        }
        loop {
            if json::byte(b, i)? != b'"' {
                return Err(Stop::Bad);
            }
            let key_end = if CAREFUL {
                self.careful_end(b, i + 1, Place::Key)?
            } else {
                json::string_end(b, i + 1)?
            };
            let key = &b[i + 1..key_end];
            i = json::blanks(b, key_end + 1);
            if json::byte(b, i)? != b':' {
                return Err(Stop::Bad);
            }
            i = json::blanks(b, i + 1);
            let from = i;
            if key == b"args" && json::byte(b, i)? == b'{' {
                self.wanted.clear();
                i = if CAREFUL {
                    self.careful_args(b, i, wanted)?
                } else {
                    self.args(b, i, wanted)?
                };
                self.args = from..i;
                self.mark(8);
            } else {
                i = if CAREFUL {
                    json::careful_value(b, i, Place::Member, &mut self.unescaped_quote)?
                } else {
                    json::value(b, i)?
                };
                let bit = match key {
                    b"ph" => (&mut self.ph, 0),
                    b"name" => (&mut self.name, 1),
                    b"cat" => (&mut self.category, 2),
                    b"pid" => (&mut self.pid, 3),
                    b"tid" => (&mut self.tid, 4),
                    b"ts" => (&mut self.ts, 5),
                    b"dur" => (&mut self.dur, 6),
                    b"id" => (&mut self.id, 7),
                    _ => (&mut (0..0), 15),
                };
                *bit.0 = from..i;
                if bit.1 < 15 {
                    let bit = bit.1;
                    self.mark(bit);
                }
            }
            i = json::blanks(b, i);
            match json::byte(b, i)? {
                b'}' => break,
                b',' => i = json::blanks(b, i + 1),
                _ => return Err(Stop::Bad),
            }
            // A trailing comma.
            if json::byte(b, i)? == b'}' {
                break;
            }
        }
        // A quote that was never closed: its string runs into the next event, whose keys come on top.
        if CAREFUL && self.unescaped_quote && self.duplicate_key {
            return Err(Stop::Bad);
        }
        self.end = i + 1;
        Ok(self.end)
    }

    fn mark(&mut self, bit: u16) {
        self.duplicate_key |= self.seen >> bit & 1 == 1;
        self.seen |= 1 << bit;
    }

    fn careful_end(&mut self, b: &[u8], i: usize, place: Place) -> Step {
        let (end, passed) = json::careful_string_end(b, i, place)?;
        self.unescaped_quote |= passed;
        Ok(end)
    }

    /// Past the args object at `i`, noting the wanted ones.
    fn args(&mut self, b: &[u8], mut i: usize, wanted: &Wanted) -> Step {
        i = json::blanks(b, i + 1);
        loop {
            match json::byte(b, i)? {
                b'"' => {}
                b'}' => return Ok(i + 1),
                b',' => {
                    i = json::blanks(b, i + 1);
                    continue;
                }
                _ => return Err(Stop::Bad),
            }
            let key_end = json::string_end(b, i + 1)?;
            let hit = wanted.find(&b[i + 1..key_end]);
            i = json::blanks(b, key_end + 1);
            if json::byte(b, i)? != b':' {
                return Err(Stop::Bad);
            }
            i = json::blanks(b, i + 1);
            let from = i;
            i = json::value(b, i)?;
            if let Some(spec) = hit {
                self.want(spec, from..i);
            }
            i = json::blanks(b, i);
        }
    }

    fn careful_args(&mut self, b: &[u8], i: usize, wanted: &Wanted) -> Step {
        let end = json::careful_value(b, i, Place::Member, &mut self.unescaped_quote)?;
        for (key, value) in json::members(&b[i..end]) {
            if let Some(spec) = wanted.find(key) {
                let offset = value.as_ptr().addr() - b.as_ptr().addr();
                self.want(spec, offset..offset + value.len());
            }
        }
        Ok(end)
    }

    /// The last of several equal keys counts, as in JSON readers everywhere.
    fn want(&mut self, spec: u16, range: std::ops::Range<usize>) {
        match self.wanted.iter_mut().find(|(s, _)| *s == spec) {
            Some((_, r)) => *r = range,
            None => self.wanted.push((spec, range)),
        }
    }

    /// The event whose fields these are; `text` is what was read, `at` its place in the trace.
    pub(super) fn event<'a>(&'a self, text: &'a [u8], at: u64) -> Event<'a> {
        let scalar = |r: &std::ops::Range<usize>| Scalar::of(&text[r.clone()]);
        Event {
            at,
            phase: Phase::from_raw(scalar(&self.ph)),
            name: scalar(&self.name),
            category: scalar(&self.category),
            pid: scalar(&self.pid),
            tid: scalar(&self.tid),
            ts: scalar(&self.ts),
            dur: scalar(&self.dur),
            id: scalar(&self.id),
            args: &text[self.args.clone()],
            wanted: &self.wanted,
            text: &text[..self.end],
            duplicate_key: self.duplicate_key,
            unescaped_quote: self.unescaped_quote,
        }
    }
}
