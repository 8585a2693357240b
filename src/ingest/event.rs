//! One event of the Trace Event Format, borrowed from the text.
//!
//! Spec: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU> (Google, no version
//! number).
//!
//! Where tracers differ from the spec, and what is done:
//! - `pid` and `tid` may be strings: kept as names, but for whole numbers, which are the numbers that they say;
//! - `ts` and `dur` may be strings of digits;
//! - `args` may be `null`; `dur` may be `null`, missing or negative;
//! - keys may stand in any order, `ph` last.

use crate::base::bytes;
use crate::base::time::{end_rounding, leading_digits, ns_from_micros_text, whole_number};

use super::event_fields::{Field, Fields};
use super::json_walk;

/// An arg that some analysis needs in a column. Dialects declare these; the scanner knows none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSpec {
    /// The key, compared without regard to ASCII case (older tracers spell `external id`).
    pub key: &'static str,
    pub kind: ArgKind,
    /// Its value differs from event to event: it gets a column, where others are kept by combination.
    pub own_column: bool,
}

/// How an arg's value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A whole number of at most 64 bits, also when written as a string of digits or as a float. Others are not kept.
    Int,
    /// A string; numbers are kept as they are written.
    Text,
    /// An array or object, as it is written: kept as a text.
    Json,
    /// A string, a number, or an array or object as it is written: kept as a text.
    Written,
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
    /// `b`, and the older `S`.
    AsyncBegin,
    /// `n`, and the steps `T` and `p` of the older kind.
    AsyncInstant,
    /// `e`, and the older `F`.
    AsyncEnd,
    /// A sample of a call stack.
    Sample,
    /// Known to the format, not drawn here: objects, memory events, clock marks, linked ids.
    NotDrawn,
    /// No text, or none of the format's letters.
    Unknown,
    Missing,
}

impl Phase {
    /// From the value of `ph`, quotes and all.
    pub(super) fn from_raw(raw: &[u8]) -> Phase {
        let [b'"', letters @ .., b'"'] = raw else {
            return match raw {
                b"" | b"null" => Phase::Missing,
                _ => Phase::Unknown,
            };
        };
        Phase::of(letters).unwrap_or_else(|| {
            let mut text = Vec::new();
            let (text, _) = Raw { raw: letters }.text(&mut text);
            Phase::of(text).unwrap_or(Phase::Unknown)
        })
    }

    /// Whether it begins or ends a slice, or does both at once.
    pub fn is_edge(self) -> bool {
        let is_asynchronous = matches!(self, Phase::AsyncBegin | Phase::AsyncInstant | Phase::AsyncEnd);
        is_asynchronous || matches!(self, Phase::Begin | Phase::End)
    }

    fn of(letters: &[u8]) -> Option<Phase> {
        Some(match letters {
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
            b"b" | b"S" => Phase::AsyncBegin,
            b"n" | b"T" | b"p" => Phase::AsyncInstant,
            b"e" | b"F" => Phase::AsyncEnd,
            b"P" => Phase::Sample,
            b"N" | b"O" | b"D" | b"V" | b"v" | b"c" | b"(" | b")" | b"=" => Phase::NotDrawn,
            _ => return None,
        })
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
        if !bytes::has(self.raw, b'\\') {
            return (self.raw, false);
        }
        let found = json_walk::unescape(self.raw, scratch);
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
    /// An object or array, as it stands.
    Nested(&'a [u8]),
}

impl<'a> Scalar<'a> {
    fn of(value: &'a [u8]) -> Scalar<'a> {
        match value {
            [] => Scalar::Missing,
            b"null" => Scalar::Null,
            [b'"', raw @ .., b'"'] => Scalar::Text(Raw { raw }),
            [b'{' | b'[', ..] => Scalar::Nested(value),
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

    /// Whether it is a number of any size, or a text that is one.
    pub fn is_number(self) -> bool {
        let text = self.digits().map(<[u8]>::trim_ascii).unwrap_or_default();
        // Else "inf" and "nan" would be.
        text.iter().any(u8::is_ascii_digit)
            && std::str::from_utf8(text).is_ok_and(|text| text.parse::<f64>().is_ok())
    }

    /// Decimal microseconds as ns.
    pub fn micros(self) -> Option<i64> {
        ns_from_micros_text(self.digits()?.trim_ascii())
    }

    /// A whole number, also where it is written as a float (`101.0`).
    pub fn int(self) -> Option<i64> {
        let text = self.digits()?;
        parse_int(text).or_else(|| whole_number(text)?.try_into().ok())
    }

    /// The same of a number that names something: those of 64 bits without a sign count, too, as the number with a
    /// sign that has the same bits.
    pub fn id(self) -> Option<i64> {
        id_of(self.digits()?)
    }

    /// The number that a pid or tid is: `5`, `5.0` and `"5"` are one. Of texts only those that this number is written
    /// as: `"05"` is a name.
    pub fn key_number(self) -> Option<i64> {
        let n = self.int()?;
        let Scalar::Text(Raw { raw }) = self else {
            return Some(n);
        };
        let digits = raw.strip_prefix(b"-").unwrap_or(raw);
        let whole = digits.iter().position(|&b| b == b'.').unwrap_or(digits.len());
        let is_plain = matches!(&digits[..whole], [b'0'] | [b'1'..=b'9', ..]) && raw != b"-0";
        (is_plain && !digits.iter().any(|b| b"eE".contains(b)) && digits.last() != Some(&b' ')).then_some(n)
    }

    /// The number of an identity: a whole number, or hexadecimal digits in a text (`"0x10"` is 16).
    pub fn identity_number(self) -> Option<i64> {
        let text = self.digits()?;
        let hex = || {
            let digits = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"))?;
            let digits = std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?;
            u64::from_str_radix(digits, 16).ok().map(u64::cast_signed)
        };
        id_of(text).or_else(hex)
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
    let (value, n) = leading_digits(digits);
    let value = value.filter(|_| n == digits.len())?;
    Some(if negative { -value } else { value })
}

/// See [`Scalar::id`].
pub fn id_of(text: &[u8]) -> Option<i64> {
    parse_int(text).or_else(|| {
        let number = whole_number(text)?;
        let large = || u64::try_from(number).ok().map(u64::cast_signed);
        i64::try_from(number).ok().or_else(large)
    })
}

/// An event. Its fields are what the text says; nothing is converted before it is asked for.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// Byte of its `{` in the inflated trace.
    pub at: u64,
    /// Starts at its `{`.
    text: &'a [u8],
    fields: &'a Fields,
}

/// A short text; see [`Event::word`]. JSON values hold no zero bytes, so the length need not be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word([u64; 2]);

impl Word {
    /// A quick hash in the upper bits.
    #[inline]
    pub fn hash(self) -> u64 {
        let [low, high] = self.0;
        (low ^ high.rotate_left(21)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl<'a> Event<'a> {
    pub(super) fn new(at: u64, text: &'a [u8], fields: &'a Fields) -> Event<'a> {
        Event { at, text, fields }
    }

    /// The text of a field's value, quotes and all; empty if it is missing.
    pub fn raw(&self, field: Field) -> &'a [u8] {
        &self.text[self.fields.range(field)]
    }

    /// The same if it is short: 16 bytes in two words, and its length. Equal words are equal texts.
    #[inline]
    pub fn word(&self, field: Field) -> Option<Word> {
        let range = self.fields.range(field);
        let len = range.len();
        let bytes: &[u8; 16] = self.text.get(range.start..)?.first_chunk()?;
        let (halves, _) = bytes.as_chunks::<8>();
        let (low, high) = (u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1]));
        let below = |n: usize| (1u64 << (8 * n)) - 1;
        let words = match len {
            0..8 => [low & below(len), 0],
            8..16 => [low, high & below(len - 8)],
            16 => [low, high],
            _ => return None,
        };
        Some(Word(words))
    }

    fn scalar(&self, field: Field) -> Scalar<'a> {
        Scalar::of(self.raw(field))
    }

    pub fn phase(&self) -> Phase {
        Phase::from_raw(self.raw(Field::Phase))
    }

    pub fn name(&self) -> Scalar<'a> {
        self.scalar(Field::Name)
    }

    pub fn category(&self) -> Scalar<'a> {
        self.scalar(Field::Category)
    }

    pub fn pid(&self) -> Scalar<'a> {
        self.scalar(Field::Pid)
    }

    pub fn tid(&self) -> Scalar<'a> {
        self.scalar(Field::Tid)
    }

    pub fn ts(&self) -> Scalar<'a> {
        self.scalar(Field::Ts)
    }

    /// What the end, rounded from start and duration at full digits, has more than these two, each rounded, ns: 1, -1,
    /// mostly 0.
    pub fn end_rounding(&self) -> i64 {
        match (self.ts().digits(), self.dur().digits()) {
            (Some(start), Some(dur)) => end_rounding(start.trim_ascii(), dur.trim_ascii()),
            _ => 0,
        }
    }

    pub fn dur(&self) -> Scalar<'a> {
        self.scalar(Field::Dur)
    }

    pub fn id(&self) -> Scalar<'a> {
        self.scalar(Field::Id)
    }

    /// The value of a field that few events have.
    pub fn uncommon(&self, field: Field) -> Scalar<'a> {
        self.scalar(field)
    }

    /// Whether it has any field but the common ones.
    #[inline]
    pub fn has_uncommon(&self) -> bool {
        self.fields.has_uncommon()
    }

    /// The whole args object, braces and all; empty if there is none.
    pub fn args(&self) -> &'a [u8] {
        let args = self.raw(Field::Args);
        if args.starts_with(b"{") { args } else { &[] }
    }

    /// The wanted args that it has, as row in the table of specs and value, in the order of the text.
    pub fn wanted_args(&self) -> impl Iterator<Item = (usize, Scalar<'a>)> + use<'a> {
        let text = self.text;
        let wanted = self.fields.wanted.iter();
        wanted.map(move |(spec, range)| (usize::from(*spec), Scalar::of(&text[range.clone()])))
    }

    /// The event's own text, from `{` to `}`.
    pub fn text(&self) -> &'a [u8] {
        &self.text[..self.fields.end]
    }

    /// A key stood twice.
    pub fn duplicate_key(&self) -> bool {
        self.fields.duplicate_key
    }

    /// A quote inside a string was not escaped.
    pub(super) fn damaged_key(&self) -> bool {
        self.fields.damaged_key
    }

    pub fn unescaped_quote(&self) -> bool {
        self.fields.unescaped_quote
    }
}

/// The elements of an array.
pub fn elements(array: &[u8]) -> impl Iterator<Item = Scalar<'_>> {
    json_walk::elements(array).map(Scalar::of)
}

/// The members of an args object: raw key, value.
pub fn args(object: &[u8]) -> impl Iterator<Item = (Raw<'_>, Scalar<'_>, &[u8])> {
    json_walk::members(object).map(|(key, value)| (Raw { raw: key }, Scalar::of(value), value))
}
