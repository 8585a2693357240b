//! Where an event's fields stand in its text.
//!
//! Three readers, each slower and more patient than the one before: [`Fields::quick`] expects the keys that
//! tracers write and args without nested objects, and gives up on anything else; [`Fields::read`] takes any
//! JSON; the same, `CAREFUL`, copes with quotes that are not escaped. Which of them reads an event depends on
//! its text alone, never on where the input was cut.

use std::ops::Range;

use crate::base::bytes;

use super::block::{self, BLOCK, Block, Escapes, Strings};
use super::event::{ArgSpec, Phase};
use super::json_walk::{self, Passed, Place, Step, Stop};

/// The keys that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Phase,
    Name,
    Category,
    Pid,
    Tid,
    Ts,
    Dur,
    Id,
    Args,
    Id2,
    Scope,
    BindId,
    FlowIn,
    FlowOut,
    Entries,
    EventStats,
    ThreadTs,
    ThreadDur,
    ColourName,
    StackFrame,
    EndStackFrame,
    Stack,
    EndStack,
}

/// Those that nearly every event has; the others are looked for in full.
const N_COMMON: usize = 9;
const N_FIELDS: usize = 23;

/// A key as most writers write it: between quotes, a colon right behind.
struct Spelling {
    field: Field,
    /// The first eight bytes of `"key":`, little endian, those past the colon masked out.
    word: u64,
    mask: u64,
    len: usize,
}

const fn spelling(field: Field, quoted: &[u8]) -> Spelling {
    let (mut word, mut mask, mut i) = (0, 0, 0);
    while i < quoted.len() {
        word |= (quoted[i] as u64) << (8 * i);
        mask |= 0xff << (8 * i);
        i += 1;
    }
    Spelling {
        field,
        word,
        mask,
        len: quoted.len(),
    }
}

/// In the order of [`Field`].
const SPELLINGS: [Spelling; N_COMMON] = [
    spelling(Field::Phase, b"\"ph\":"),
    spelling(Field::Name, b"\"name\":"),
    spelling(Field::Category, b"\"cat\":"),
    spelling(Field::Pid, b"\"pid\":"),
    spelling(Field::Tid, b"\"tid\":"),
    spelling(Field::Ts, b"\"ts\":"),
    spelling(Field::Dur, b"\"dur\":"),
    spelling(Field::Id, b"\"id\":"),
    spelling(Field::Args, b"\"args\":"),
];

impl Field {
    /// By the key between its quotes.
    fn of(key: &[u8]) -> Option<Field> {
        Field::plain(key).or_else(|| Field::plain(&unescaped(key)?))
    }

    fn plain(key: &[u8]) -> Option<Field> {
        Some(match key {
            b"ph" => Field::Phase,
            b"name" => Field::Name,
            b"cat" => Field::Category,
            b"pid" => Field::Pid,
            b"tid" => Field::Tid,
            b"ts" => Field::Ts,
            b"dur" => Field::Dur,
            b"id" => Field::Id,
            b"args" => Field::Args,
            b"id2" => Field::Id2,
            b"scope" => Field::Scope,
            b"bind_id" => Field::BindId,
            b"flow_in" => Field::FlowIn,
            b"flow_out" => Field::FlowOut,
            b"entries" => Field::Entries,
            b"event_stats" => Field::EventStats,
            b"tts" => Field::ThreadTs,
            b"tdur" => Field::ThreadDur,
            b"cname" => Field::ColourName,
            b"sf" => Field::StackFrame,
            b"esf" => Field::EndStackFrame,
            b"stack" => Field::Stack,
            b"estack" => Field::EndStack,
            _ => return None,
        })
    }
}

/// The text of a key with escapes; `None`: it has none.
fn unescaped(key: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    bytes::has(key, b'\\').then(|| json_walk::unescape(key, &mut text))?;
    Some(text)
}

/// The wanted keys, with a filter that rejects nearly all others by their last letters.
#[derive(Clone, Debug)]
pub struct Wanted {
    specs: &'static [ArgSpec],
    /// Bit [`tail_bit`] of the last four letters of each.
    tails: u64,
}

/// Letters' case is bit 5.
fn tail_bit(tail: [u8; 4]) -> u32 {
    // The golden ratio's bits spread any four letters over the upper ones.
    ((u32::from_le_bytes(tail) | 0x2020_2020).wrapping_mul(0x9e37_79b1)) >> 26
}

impl Wanted {
    /// # Panics
    /// If a key is shorter than 4 bytes: the table is the program's own.
    pub fn new(specs: &'static [ArgSpec]) -> Wanted {
        let mut wanted = Wanted { specs, tails: 0 };
        for spec in specs {
            let tail = spec.key.as_bytes().last_chunk();
            let tail = tail.expect("wanted keys have four letters");
            wanted.tails |= 1 << tail_bit(*tail);
        }
        wanted
    }

    fn find(&self, key: &[u8]) -> Option<u16> {
        let find = |key: &[u8]| self.find_where(key, |wanted| wanted.eq_ignore_ascii_case(key));
        find(key).or_else(|| find(&unescaped(key)?))
    }

    /// The wanted key at the end of `text`, whose opening quote is part of `text`.
    #[inline(always)]
    fn find_before(&self, text: &[u8]) -> Option<u16> {
        self.find_where(text, |wanted| {
            let from = text.len().checked_sub(wanted.len() + 1);
            from.is_some_and(|from| text[from] == b'"' && wanted.eq_ignore_ascii_case(&text[from + 1..]))
        })
    }

    /// The wanted key that `is` it, if `text` ends like one.
    #[inline(always)]
    fn find_where(&self, text: &[u8], is: impl Fn(&[u8]) -> bool) -> Option<u16> {
        let tail = text.last_chunk()?;
        if self.tails >> tail_bit(*tail) & 1 == 0 {
            return None;
        }
        let i = self.specs.iter().position(|s| is(s.key.as_bytes()))?;
        u16::try_from(i).ok()
    }
}

/// Longer args are left to the patient reader.
const QUICK_ARGS: usize = 16 << 10;
/// Places of the keys of an event that are remembered; more keys are looked for one by one.
const ORDER: usize = 16;

/// Ranges of an event's fields in its text.
#[derive(Clone, Default)]
pub(super) struct Fields {
    /// From and to; what an earlier event left is behind an unset bit of `seen`.
    ranges: [(u32, u32); N_FIELDS],
    /// Bit [`Field`]: the event has it.
    seen: u32,
    pub(super) wanted: Vec<(u16, Range<usize>)>,
    /// Which key stood at which place in the event before: writers keep their order.
    order: [u8; ORDER],
    pub(super) duplicate_key: bool,
    pub(super) unescaped_quote: bool,
    /// A key holds a quote: its own colon, or the quote that ends it, is missing.
    pub(super) damaged_key: bool,
    /// A value was walked over in which another event may stand.
    pub(super) nested: bool,
    /// Just past the event's `}`.
    pub(super) end: usize,
}

impl Fields {
    pub(super) fn range(&self, field: Field) -> Range<usize> {
        if self.seen >> (field as usize) & 1 == 0 {
            return 0..0;
        }
        let (from, to) = self.ranges[field as usize];
        from as usize..to as usize
    }

    /// Whether the event has any field but the common ones.
    pub(super) fn has_uncommon(&self) -> bool {
        self.seen >> N_COMMON != 0
    }

    fn clear(&mut self) {
        self.seen = 0;
        self.wanted.clear();
        self.duplicate_key = false;
        self.unescaped_quote = false;
        self.damaged_key = false;
        self.nested = false;
    }

    /// # Errors
    /// [`Stop::Bad`] past 4 GiB: events are smaller.
    fn set(&mut self, field: Field, from: usize, to: usize) -> Result<(), Stop> {
        let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(to)) else {
            return Err(Stop::Bad);
        };
        self.ranges[field as usize] = (from, to);
        let bit = 1 << (field as usize);
        self.duplicate_key |= self.seen & bit != 0;
        self.seen |= bit;
        Ok(())
    }

    /// Reads the event at the start of `b` if it is of the common kind: [`Stop::Bad`] means that it is not,
    /// and another reader's turn. Wants up to 65 bytes more than the event.
    pub(super) fn quick(&mut self, b: &[u8], wanted: &Wanted) -> Step {
        self.clear();
        let mut i = 1;
        for place in 0.. {
            i = json_walk::blanks(b, i);
            let head = b.get(i..).and_then(<[u8]>::first_chunk).ok_or(Stop::More)?;
            let word = u64::from_le_bytes(*head);
            let expected = &SPELLINGS[usize::from(self.order[place % ORDER]) % N_COMMON];
            let field = if word & expected.mask == expected.word {
                i += expected.len;
                Some(expected.field)
            } else if let Some(s) = SPELLINGS.iter().find(|s| word & s.mask == s.word) {
                self.order[place % ORDER] = s.field as u8;
                i += s.len;
                Some(s.field)
            } else {
                let (key, colon) = key(b, i)?;
                if memchr::memchr2(0, 0xff, key).is_some() {
                    return Err(Stop::Bad);
                }
                i = colon + 1;
                Field::of(key)
            };
            i = json_walk::blanks(b, i);
            let from = i;
            let is_args = field == Some(Field::Args);
            if is_args {
                self.wanted.clear();
            }
            i = match json_walk::byte(b, i)? {
                b'{' if is_args => self.quick_args(b, i, wanted)?,
                b'{' | b'[' => {
                    self.nested = true;
                    json_walk::container(b, i)?
                }
                _ => json_walk::value(b, i)?,
            };
            if let Some(field) = field {
                self.set(field, from, i)?;
            }
            i = json_walk::blanks(b, i);
            match json_walk::byte(b, i)? {
                b',' => i += 1,
                b'}' => break,
                _ => return Err(Stop::Bad),
            }
        }
        self.end = i + 1;
        Ok(self.end)
    }

    /// Past the args object at `from`, noting the wanted ones; 64 bytes at a time, so only what can be told
    /// from quotes, colons and braces.
    fn quick_args(&mut self, b: &[u8], from: usize, wanted: &Wanted) -> Step {
        let (mut escapes, mut strings) = (Escapes::default(), Strings::default());
        // Bit 0: the byte before the block closes a string.
        let mut closed_before = 0;
        let mut has_escapes = false;
        let mut at = from + 1;
        while at - from < QUICK_ARGS {
            let bytes: &[u8; BLOCK] = b.get(at..).and_then(<[u8]>::first_chunk).ok_or(Stop::More)?;
            if matches!(bytes[0], 0 | 0xff) && json_walk::is_hole(&bytes[..16]) {
                return Err(Stop::Bad);
            }
            let next = json_walk::byte(b, at + BLOCK)?;
            let block = Block::of(bytes);
            let mut quotes = block.quotes;
            if block.special != 0 || escapes.pending() {
                let backslashes = block::equal(bytes, b'\\');
                has_escapes |= backslashes != 0;
                quotes &= !escapes.escaped(backslashes);
            }
            let inside = strings.inside(quotes);
            let closing = quotes & !inside;
            // The args end at the first brace that closes outside a string.
            let (mut upto, mut end) = (u64::MAX, None);
            if block.special & !inside != 0 {
                let close = block::equal(bytes, b'}') & !inside;
                if close != 0 {
                    upto = close ^ close.wrapping_sub(1);
                    end = Some(at + close.trailing_zeros() as usize + 1);
                }
                if block::equal(bytes, b'{') & !inside & upto != 0 {
                    return Err(Stop::Bad);
                }
            }
            let after_string = block.after_string >> 1 | u64::from(block::is_after_string(next)) << 63;
            let before_colon = block.colons >> 1 | u64::from(next == b':') << 63;
            // What quotes that are not escaped leave behind, and colons with a blank before them.
            let odd = closing & !after_string
                | quotes & inside & before_colon
                | block.colons & !inside & !(closing << 1 | closed_before);
            if odd & upto != 0 {
                return Err(Stop::Bad);
            }
            let mut keys = closing & before_colon & upto;
            while keys != 0 {
                let quote = at + keys.trailing_zeros() as usize;
                keys &= keys - 1;
                if let Some(spec) = wanted.find_before(&b[..quote]) {
                    let from = json_walk::blanks(b, quote + 2);
                    let to = json_walk::value(b, from)?;
                    self.want(spec, from..to);
                } else if has_escapes && ends_in_escaped_key(&b[from..quote]) {
                    return Err(Stop::Bad);
                }
            }
            if let Some(end) = end {
                return Ok(end);
            }
            closed_before = closing >> 63;
            at += BLOCK;
        }
        Err(Stop::Bad)
    }

    /// Reads the event at the start of `b`. `CAREFUL` copes with unescaped quotes and is slower.
    pub(super) fn read<const CAREFUL: bool>(&mut self, b: &[u8], wanted: &Wanted) -> Step {
        self.clear();
        self.nested = true;
        let mut i = json_walk::blanks(b, 1);
        if json_walk::byte(b, i)? == b'}' {
            self.end = i + 1;
            return Ok(self.end);
        }
        loop {
            if json_walk::byte(b, i)? != b'"' {
                return Err(Stop::Bad);
            }
            let (key, colon) = if CAREFUL {
                let end = self.careful_key_end(b, i + 1)?;
                (&b[i + 1..end], json_walk::blanks(b, end + 1))
            } else {
                key(b, i)?
            };
            i = json_walk::blanks(b, colon + 1);
            let from = i;
            let field = Field::of(key);
            let is_args = field == Some(Field::Args);
            if is_args {
                self.wanted.clear();
            }
            i = if is_args && json_walk::byte(b, i)? == b'{' {
                if CAREFUL {
                    self.careful_args(b, i, wanted)?
                } else {
                    self.args(b, i, wanted)?
                }
            } else if CAREFUL {
                self.careful_value(b, i)?
            } else {
                json_walk::value(b, i)?
            };
            if let Some(field) = field {
                self.set(field, from, i)?;
            }
            i = json_walk::blanks(b, i);
            match json_walk::byte(b, i)? {
                b'}' => break,
                b',' => i = json_walk::blanks(b, i + 1),
                _ => return Err(Stop::Bad),
            }
            // A trailing comma.
            if json_walk::byte(b, i)? == b'}' {
                break;
            }
        }
        // A quote that was never closed: its string runs into the next event, whose keys come on top.
        if CAREFUL && self.unescaped_quote && (self.duplicate_key || self.lacks_comma(b)) {
            return Err(Stop::Bad);
        }
        if CAREFUL && self.unescaped_quote {
            let texts = SPELLINGS.iter().map(|s| &b[self.range(s.field)]);
            self.damaged_key |= texts.filter(|text| text.starts_with(b"\"")).any(holds_members);
        }
        self.end = i + 1;
        Ok(self.end)
    }

    /// Whether a quote that was taken for a part of a text ended it, and the comma behind it is missing: the text then
    /// holds the next member's key, and a phase more than its letter.
    fn lacks_comma(&self, b: &[u8]) -> bool {
        let texts = SPELLINGS.iter().map(|s| &b[self.range(s.field)]);
        let mut texts = texts.filter(|text| text.starts_with(b"\""));
        Phase::from_raw(&b[self.range(Field::Phase)]) == Phase::Unknown || texts.any(holds_key)
    }

    fn careful_key_end(&mut self, b: &[u8], i: usize) -> Step {
        let (end, passed) = json_walk::careful_string_end(b, i, Place::Key)?;
        self.unescaped_quote |= passed;
        self.damaged_key |= passed;
        Ok(end)
    }

    fn careful_value(&mut self, b: &[u8], i: usize) -> Step {
        let mut passed = Passed::default();
        let end = json_walk::careful_value(b, i, Place::Member, &mut passed)?;
        self.unescaped_quote |= passed.in_value || passed.in_key;
        self.damaged_key |= passed.in_key;
        Ok(end)
    }

    /// Past the args object at `i`, noting the wanted ones.
    fn args(&mut self, b: &[u8], mut i: usize, wanted: &Wanted) -> Step {
        i = json_walk::blanks(b, i + 1);
        loop {
            match json_walk::byte(b, i)? {
                b'"' => {}
                b'}' => return Ok(i + 1),
                b',' => {
                    i = json_walk::blanks(b, i + 1);
                    continue;
                }
                _ => return Err(Stop::Bad),
            }
            let (key, colon) = key(b, i)?;
            let hit = wanted.find(key);
            i = json_walk::blanks(b, colon + 1);
            let from = i;
            i = json_walk::value(b, i)?;
            if let Some(spec) = hit {
                self.want(spec, from..i);
            }
            i = json_walk::blanks(b, i);
        }
    }

    fn careful_args(&mut self, b: &[u8], i: usize, wanted: &Wanted) -> Step {
        let end = self.careful_value(b, i)?;
        for (key, value) in json_walk::members(&b[i..end]) {
            if let Some(spec) = wanted.find(key) {
                let offset = value.as_ptr().addr() - b.as_ptr().addr();
                self.want(spec, offset..offset + value.len());
            }
        }
        Ok(end)
    }

    /// The last of several equal keys counts, as in JSON readers everywhere.
    fn want(&mut self, spec: u16, range: Range<usize>) {
        match self.wanted.iter_mut().find(|(s, _)| *s == spec) {
            Some((_, r)) => *r = range,
            None => self.wanted.push((spec, range)),
        }
    }
}

/// Whether a text, quotes and all, holds the end of one text and the start of another: what stood between them, a key
/// and its colon, is gone.
fn holds_members(text: &[u8]) -> bool {
    let inside = &text[1..text.len().saturating_sub(1).max(1)];
    memchr::memchr_iter(b'"', inside).any(|quote| {
        let comma = json_walk::blanks(inside, quote + 1);
        inside.get(comma) == Some(&b',') && inside.get(json_walk::blanks(inside, comma + 1)) == Some(&b'"')
    })
}

/// Whether the event `text`, in which a key stands twice, is two events that lost what stood between them: a second
/// phase stands behind other fields.
pub(super) fn is_two_events(text: &[u8]) -> bool {
    let (mut has_phase, mut n_others) = (false, 0);
    for (key, _) in json_walk::members(text) {
        match Field::of(key) {
            Some(Field::Phase) if has_phase && n_others > 0 => return true,
            Some(Field::Phase) => has_phase = true,
            Some(_) => n_others += 1,
            None => {}
        }
    }
    false
}

/// Whether a text, quotes and all, holds a quote that is followed by one of an event's keys, in its quotes.
fn holds_key(text: &[u8]) -> bool {
    memchr::memchr_iter(b'"', text).skip(1).any(|quote| {
        let open = json_walk::blanks(text, quote + 1);
        let Some(rest) = text.get(open..).and_then(|rest| rest.strip_prefix(b"\"")) else {
            return false;
        };
        let Some(close) = rest.iter().take(16).position(|&b| b == b'"') else {
            return false;
        };
        Field::of(&rest[..close]).is_some() && rest.get(json_walk::blanks(rest, close + 1)) == Some(&b':')
    })
}

/// Whether the key at the end of `text`, whose opening quote is part of it, has escapes.
fn ends_in_escaped_key(text: &[u8]) -> bool {
    let Some(open) = memchr::memrchr(b'"', text) else {
        return false;
    };
    text[..open].ends_with(b"\\") || bytes::has(&text[open..], b'\\')
}

/// The key whose opening quote is at `i`, and where its colon stands.
fn key(b: &[u8], i: usize) -> Result<(&[u8], usize), Stop> {
    if json_walk::byte(b, i)? != b'"' {
        return Err(Stop::Bad);
    }
    let end = json_walk::string_end(b, i + 1)?;
    let colon = json_walk::blanks(b, end + 1);
    if json_walk::byte(b, colon)? != b':' {
        return Err(Stop::Bad);
    }
    Ok((&b[i + 1..end], colon))
}

#[cfg(test)]
mod tests {
    use super::super::event::ArgKind;
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    const WANTED: &[ArgSpec] = &[
        ArgSpec {
            key: "External id",
            kind: ArgKind::Int,
            own_column: true,
        },
        ArgSpec {
            key: "device",
            kind: ArgKind::Int,
            own_column: false,
        },
    ];

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i32>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            Just(Value::Null),
            r#"(x[a-z"\\{}:,\[\] é]{0,80})?"#.prop_map(Value::from),
            proptest::collection::vec(r#"[a-z"{}\[\]]{0,9}"#, 0..4).prop_map(Value::from),
        ]
    }

    fn object(keys: &'static str) -> impl Strategy<Value = Map<String, Value>> {
        let key = proptest::sample::select(keys.split(' ').collect::<Vec<_>>());
        let pairs = proptest::collection::vec((key, scalar()), 0..9);
        pairs.prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.replace('_', " "), v)).collect())
    }

    fn found(fields: &Fields, end: Step) -> String {
        let ranges: Vec<_> = SPELLINGS.iter().map(|s| fields.range(s.field)).collect();
        format!("{end:?} {ranges:?} {:?} {}", fields.wanted, fields.duplicate_key)
    }

    proptest! {
        #[test]
        fn the_quick_reader_finds_what_the_patient_one_finds(
            mut event in object("ph name cat pid tid ts dur id bp"),
            args in object("External_id device stream Ev_Idx Input_Dims"),
            pretty: bool,
        ) {
            event.insert("args".into(), Value::Object(args));
            let mut text = if pretty {
                serde_json::to_string_pretty(&event).unwrap()
            } else {
                json!(event).to_string()
            };
            let len = text.len();
            text.push_str(&",{\"ph\":\"X\",\"name\":\"the next\"}".repeat(4));
            let wanted = Wanted::new(WANTED);
            let (mut quick, mut patient) = (Fields::default(), Fields::default());
            let end = quick.quick(text.as_bytes(), &wanted);
            prop_assert_eq!(end, Ok(len));
            let want = patient.read::<false>(text.as_bytes(), &wanted);
            prop_assert_eq!(found(&quick, end), found(&patient, want));
        }
    }

    #[test]
    fn the_last_of_two_args_counts() {
        let wanted = Wanted::new(WANTED);
        let after = ",{\"ph\":\"X\",\"name\":\"the next\"}".repeat(4);
        for (event, found) in [
            (r#"{"args":{"device":1},"args":{"device":2}}"#, 1),
            (r#"{"args":{"device":1},"args":"none"}"#, 0),
            (r#"{"args":"none","args":{"device":1}}"#, 1),
        ] {
            let text = format!("{event}{after}");
            let (mut quick, mut patient, mut careful) =
                (Fields::default(), Fields::default(), Fields::default());
            quick.quick(text.as_bytes(), &wanted).unwrap();
            patient.read::<false>(text.as_bytes(), &wanted).unwrap();
            careful.read::<true>(text.as_bytes(), &wanted).unwrap();
            for fields in [&quick, &patient, &careful] {
                assert_eq!(fields.wanted.len(), found, "{event}");
            }
        }
    }

    #[test]
    fn what_the_quick_reader_cannot_tell_it_leaves() {
        let after = ",{\"ph\":\"X\",\"name\":\"the next\"}".repeat(4);
        let mut fields = Fields::default();
        for (event, why) in [
            (r#"{"args":{"a":{"device":1}}}"#, "an object in args"),
            (r#"{"args":{"a" :1}}"#, "a blank before a colon"),
            (r#"{"args":{"a":":b"}}"#, "a colon at the start of a string"),
            (r#"{"args":{"a":"say "hi", you"}}"#, "quotes that are not escaped"),
            (r#"{"name":"a"b"}"#, "the same in a field"),
        ] {
            let text = format!("{event}{after}");
            assert_eq!(
                fields.quick(text.as_bytes(), &Wanted::new(WANTED)),
                Err(Stop::Bad),
                "{why}"
            );
        }
    }
}
