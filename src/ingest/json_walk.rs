//! Walking over JSON text (RFC 8259) without building anything.
//!
//! Every function takes all bytes at hand and a position, and gives the position after what it walked over,
//! or [`Stop`]: `More` if the answer depends on bytes that are not here yet, `Bad` if no further byte can make
//! it JSON. Neither depends on where the bytes were cut.

use super::block;

/// Why a walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bytes at hand do not decide.
    More,
    /// Not JSON, whatever follows.
    Bad,
}

/// A position in the bytes at hand.
pub type Step = Result<usize, Stop>;

/// Arrays and objects nested deeper than this are taken for damage when walked with care.
const MAX_DEPTH: usize = 128;

/// Past blanks.
#[inline]
pub fn blanks(b: &[u8], mut i: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = b.get(i) {
        i += 1;
    }
    i
}

/// The byte at `i`, or [`Stop::More`].
#[inline]
pub fn byte(b: &[u8], i: usize) -> Result<u8, Stop> {
    b.get(i).copied().ok_or(Stop::More)
}

/// Whether bytes stand where a block of a file was never written, or erased: neither is JSON, nor UTF-8.
pub fn is_hole(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(first @ (0 | 0xff)) if bytes.iter().all(|b| b == first))
}

/// So many bytes are a hole; fewer may be one bad character.
const HOLE: usize = 8;

/// Whether there is a hole in `text`.
pub fn has_hole(text: &[u8]) -> bool {
    memchr::memmem::find(text, &[0; HOLE]).is_some() || memchr::memmem::find(text, &[0xff; HOLE]).is_some()
}

/// From just after an opening quote to the closing quote's index. [`Stop::Bad`] at a hole.
#[inline]
pub fn string_end(b: &[u8], mut i: usize) -> Step {
    loop {
        if let Some(bytes) = b.get(i..).and_then(<[u8]>::first_chunk) {
            match block::quote_or_backslash(bytes) {
                Some(n) => i += n,
                None if matches!(bytes[0], 0 | 0xff) && is_hole(bytes) => return Err(Stop::Bad),
                None => {
                    i += 16;
                    continue;
                }
            }
        }
        match byte(b, i)? {
            b'"' => return Ok(i),
            b'\\' => {
                byte(b, i + 1)?;
                i += 2;
            }
            _ => i += 1,
        }
    }
}

/// From the first byte of an object or array to just after its end. Brackets are counted; only the last is matched.
pub fn container(b: &[u8], mut i: usize) -> Step {
    let mut depth = 0usize;
    // `{` and `}` differ by 2, `[` and `]` too.
    let close = byte(b, i)? + 2;
    loop {
        match byte(b, i)? {
            b'"' => i = string_end(b, i + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return if b[i] == close { Ok(i + 1) } else { Err(Stop::Bad) };
                }
            }
            _ => {}
        }
        i += 1;
    }
}

/// Whether the brackets of a whole object or array match, and its objects hold keys: what a cut value that runs on into
/// the text behind it does not have.
pub fn is_well_nested(value: &[u8]) -> bool {
    let (mut open, mut before, mut i) = (Vec::new(), b':', 0);
    while let Some(&c) = value.get(i) {
        let in_object = open.last() == Some(&b'{');
        match c {
            b' ' | b'\n' | b'\r' | b'\t' => {
                i += 1;
                continue;
            }
            b'"' => match string_end(value, i + 1) {
                Ok(end) => i = end,
                Err(_) => return false,
            },
            b'{' | b'[' if in_object && before != b':' => return false,
            b'{' | b'[' => open.push(c),
            b'}' | b']' if open.pop() != Some(c - 2) => return false,
            _ => {}
        }
        before = c;
        i += 1;
    }
    open.is_empty()
}

/// Past a number, `true`, `false`, `null`, and what tracers write instead of numbers (`NaN`, `inf`, `-nan`).
#[inline]
pub fn token(b: &[u8], from: usize) -> Step {
    let mut i = from;
    while let Some(bytes) = b.get(i..).and_then(<[u8]>::first_chunk) {
        let n = block::token_len(bytes);
        i += n;
        if n < 16 {
            return if i == from { Err(Stop::Bad) } else { Ok(i) };
        }
    }
    while matches!(byte(b, i)?, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') {
        i += 1;
    }
    if i == from { Err(Stop::Bad) } else { Ok(i) }
}

/// Past any value.
#[inline]
pub fn value(b: &[u8], i: usize) -> Step {
    match byte(b, i)? {
        b'"' => Ok(string_end(b, i + 1)? + 1),
        b'{' | b'[' => container(b, i),
        _ => token(b, i),
    }
}

/// Where a string stands, which decides what may follow its closing quote.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Key,
    Member,
    Element,
}

/// Like [`string_end`], for text whose writer did not escape quotes: a quote ends the string only if what
/// follows it fits `place`. The flag says whether a quote was passed over.
pub fn careful_string_end(b: &[u8], mut i: usize, place: Place) -> Result<(usize, bool), Stop> {
    let mut passed = false;
    loop {
        match byte(b, i)? {
            b'\\' => {
                byte(b, i + 1)?;
                i += 2;
            }
            b'"' if ends_string(b, i + 1, place)? => return Ok((i, passed)),
            b'"' => {
                passed = true;
                i += 1;
            }
            _ => i += 1,
        }
    }
}

fn ends_string(b: &[u8], i: usize, place: Place) -> Result<bool, Stop> {
    let i = blanks(b, i);
    let next = byte(b, i)?;
    Ok(match place {
        Place::Key => next == b':',
        Place::Element => next == b',' || next == b']',
        Place::Member if next == b'}' => matches!(byte(b, blanks(b, i + 1))?, b',' | b'}' | b']'),
        Place::Member if next == b',' => {
            // Another member must follow: a short string without quotes, then a colon.
            let key = blanks(b, i + 1);
            if byte(b, key)? != b'"' {
                return Ok(false);
            }
            let Some(n) = b[key + 1..].iter().take(64).position(|&c| c == b'"') else {
                return if b.len() > key + 65 {
                    Ok(false)
                } else {
                    Err(Stop::More)
                };
            };
            byte(b, blanks(b, key + n + 2))? == b':'
        }
        Place::Member => false,
    })
}

/// Where quotes were passed over that end no string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Its writer did not escape them.
    pub in_value: bool,
    /// The key's own colon, or the quote that ends it, is missing.
    pub in_key: bool,
}

/// Like [`value`], for text whose writer did not escape quotes.
pub fn careful_value(b: &[u8], i: usize, place: Place, passed: &mut Passed) -> Step {
    careful(b, i, place, passed, 0)
}

fn careful(b: &[u8], mut i: usize, place: Place, passed: &mut Passed, depth: usize) -> Step {
    if depth > MAX_DEPTH {
        return Err(Stop::Bad);
    }
    let (close, inner) = match byte(b, i)? {
        b'"' => {
            let (end, p) = careful_string_end(b, i + 1, place)?;
            passed.in_value |= p;
            return Ok(end + 1);
        }
        b'{' => (b'}', Place::Member),
        b'[' => (b']', Place::Element),
        _ => return token(b, i),
    };
    i = blanks(b, i + 1);
    if byte(b, i)? == close {
        return Ok(i + 1);
    }
    loop {
        if inner == Place::Member {
            if byte(b, i)? != b'"' {
                return Err(Stop::Bad);
            }
            let (end, p) = careful_string_end(b, i + 1, Place::Key)?;
            passed.in_key |= p;
            // `ends_string` saw the colon.
            i = blanks(b, blanks(b, end + 1) + 1);
        }
        i = blanks(b, careful(b, i, inner, passed, depth + 1)?);
        match byte(b, i)? {
            b',' => i = blanks(b, i + 1),
            c if c == close => return Ok(i + 1),
            _ => return Err(Stop::Bad),
        }
        // A trailing comma.
        if byte(b, i)? == close {
            return Ok(i + 1);
        }
    }
}

/// The members of a whole object, as raw key (between its quotes) and raw value. Ends quietly at damage.
pub fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut i = blanks(object, 0) + 1;
    std::iter::from_fn(move || {
        i = blanks(object, i);
        while object.get(i) == Some(&b',') {
            i = blanks(object, i + 1);
        }
        if object.get(i) != Some(&b'"') {
            return None;
        }
        let end = string_end(object, i + 1).ok()?;
        let key = &object[i + 1..end];
        i = blanks(object, end + 1);
        if object.get(i) != Some(&b':') {
            return None;
        }
        i = blanks(object, i + 1);
        let from = i;
        i = value(object, i).ok()?;
        Some((key, &object[from..i]))
    })
}

/// The elements of a whole array. Ends quietly at damage.
pub fn elements(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut i = blanks(array, 0) + 1;
    std::iter::from_fn(move || {
        i = blanks(array, i);
        while array.get(i) == Some(&b',') {
            i = blanks(array, i + 1);
        }
        let from = i;
        i = value(array, i).ok()?;
        Some(&array[from..i])
    })
}

/// What a value that starts with this byte is, for people.
pub fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "a list",
        b'"' => "a text",
        b'n' => "null",
        b't' => "true",
        b'f' => "false",
        _ => "a number",
    }
}

/// A value as any JSON reader takes it: control characters inside strings become blanks, and words that are no JSON
/// (`NaN`, `-inf`, `None`) become `null`.
pub fn plain(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut i = 0;
    while i < value.len() {
        let end = match value[i] {
            b'"' => string_end(value, i + 1).map_or(value.len(), |end| end + 1),
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => i + 1,
            _ => token(value, i).unwrap_or(value.len()),
        };
        let part = &value[i..end];
        i = end;
        match part {
            [b'"', ..] => out.extend(part.iter().map(|&b| if b < b' ' { b' ' } else { b })),
            [first, ..] if first.is_ascii_digit() => out.extend_from_slice(part),
            [b'-', second, ..] if second.is_ascii_digit() => out.extend_from_slice(part),
            [first, ..] if first.is_ascii_alphabetic() || matches!(first, b'-' | b'+' | b'.') => {
                let known: [&[u8]; 2] = [b"true", b"false"];
                out.extend_from_slice(known.iter().find(|k| **k == part).unwrap_or(&&b"null"[..]));
            }
            _ => out.extend_from_slice(part),
        }
    }
    out
}

/// What unescaping found wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unescaped {
    pub bad_escape: bool,
}

/// The text of a raw string (between its quotes). Escapes that JSON does not know are kept as they stand, as
/// are lone surrogates, replaced by U+FFFD.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Unescaped {
    out.clear();
    let mut found = Unescaped::default();
    let mut i = 0;
    while i < raw.len() {
        if raw[i] != b'\\' {
            out.push(raw[i]);
            i += 1;
            continue;
        }
        let plain = match raw.get(i + 1) {
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'/') => b'/',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                if let Some((c, n)) = unicode_escape(&raw[i..]) {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    i += n;
                } else {
                    found.bad_escape = true;
                    out.push(b'\\');
                    i += 1;
                }
                continue;
            }
            _ => {
                found.bad_escape = true;
                out.push(b'\\');
                i += 1;
                continue;
            }
        };
        out.push(plain);
        i += 2;
    }
    found
}

/// The character of `\uXXXX` (or a surrogate pair) at the start of `raw`, and its length.
fn unicode_escape(raw: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = raw.get(at..at + 6)?;
        if !digits.starts_with(b"\\u") {
            return None;
        }
        digits[2..]
            .iter()
            .try_fold(0, |n, &d| Some(n * 16 + char::from(d).to_digit(16)?))
    };
    let first = unit(0)?;
    if let (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) = (first, unit(6)) {
        return Some((
            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?,
            12,
        ));
    }
    Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_at_the_quote_that_is_not_escaped() {
        let text = br#"abcdefgh\"ijklmnop\\"rest"#;
        assert_eq!(string_end(text, 0), Ok(20));
        for cut in 0..20 {
            assert_eq!(string_end(&text[..cut], 0), Err(Stop::More), "{cut}");
        }
    }

    #[test]
    fn unescaped_quotes_are_passed_over() {
        let text = br#"<eval>{"device": "cpu"}(3): f","pid":1}"#;
        assert_eq!(careful_string_end(text, 0, Place::Member), Ok((29, true)));
    }

    #[test]
    fn escapes_become_characters() {
        let mut out = Vec::new();
        assert_eq!(
            unescape(br#"a\"\\\/\n\u00e9\ud83d\ude00"#, &mut out),
            Unescaped::default()
        );
        assert_eq!(std::str::from_utf8(&out).unwrap(), "a\"\\/\né😀");
        assert!(unescape(br"C:\Users\x.py", &mut out).bad_escape);
        assert_eq!(out, br"C:\Users\x.py");
        unescape(br"\ud800", &mut out);
        assert_eq!(std::str::from_utf8(&out).unwrap(), "\u{fffd}");
    }

    #[test]
    fn members_of_an_object() {
        let got: Vec<_> = members(br#" {"a": [1, {"b": 2}], "c" : "d", "e": -nan}"#).collect();
        assert_eq!(
            got,
            [
                (&b"a"[..], &b"[1, {\"b\": 2}]"[..]),
                (b"c", b"\"d\""),
                (b"e", b"-nan")
            ]
        );
    }
}
