//! An event's text as JSON (RFC 8259).
//!
//! Most events are valid and are written byte for byte. Those that were read in spite of damage are written so that
//! any reader takes them, and so that ours reads the same from them: a quote that was not escaped is, a raw control
//! character too, a backslash that starts no escape is doubled, bytes that are no UTF-8 are replaced, and what is no
//! JSON number (`NaN`, `inf`) becomes a text.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::ingest::json_walk::{self, Place, Stop};

/// Deeper nesting is taken for damage.
const MAX_DEPTH: usize = 128;

/// The text of an event, repaired if need be; `None` if it cannot be.
pub fn json_of(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if is_json(text) {
        return Some(Cow::Borrowed(text));
    }
    // The end of an event shows to what follows it only.
    let mut with_end = text.to_vec();
    with_end.extend_from_slice(b",");
    let mut out = Vec::with_capacity(text.len() + 16);
    let end = value(&with_end, 0, Place::Element, &mut out, 0).ok()?;
    (end == text.len() && is_json(&out)).then_some(Cow::Owned(out))
}

/// Whether `text` is one JSON value in UTF-8, and nothing else.
pub fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn value(b: &[u8], mut i: usize, place: Place, out: &mut Vec<u8>, depth: usize) -> json_walk::Step {
    if depth > MAX_DEPTH {
        return Err(Stop::Bad);
    }
    let (close, inner) = match json_walk::byte(b, i)? {
        b'"' => return string(b, i, place, out),
        b'{' => (b'}', Place::Member),
        b'[' => (b']', Place::Element),
        _ => return token(b, i, out),
    };
    out.push(b[i]);
    i = json_walk::blanks(b, i + 1);
    let mut is_first = true;
    loop {
        match json_walk::byte(b, i)? {
            c if c == close => {
                out.push(close);
                return Ok(i + 1);
            }
            // Also one too many, before the end.
            b',' => {
                i = json_walk::blanks(b, i + 1);
                continue;
            }
            _ => {}
        }
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        if inner == Place::Member {
            if b[i] != b'"' {
                return Err(Stop::Bad);
            }
            i = json_walk::blanks(b, string(b, i, Place::Key, out)?);
            if json_walk::byte(b, i)? != b':' {
                return Err(Stop::Bad);
            }
            out.push(b':');
            i = json_walk::blanks(b, i + 1);
        }
        i = json_walk::blanks(b, value(b, i, inner, out, depth + 1)?);
    }
}

fn string(b: &[u8], i: usize, place: Place, out: &mut Vec<u8>) -> json_walk::Step {
    let (end, _) = json_walk::careful_string_end(b, i + 1, place)?;
    let text = String::from_utf8_lossy(&b[i + 1..end]);
    let mut rest = text.chars();
    out.push(b'"');
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let n = escape_len(rest.as_str().as_bytes());
                let escape = rest.as_str().get(..n).unwrap_or_default();
                out.push(b'\\');
                if escape.is_empty() {
                    out.push(b'\\');
                }
                out.extend_from_slice(escape.as_bytes());
                rest = rest.as_str().get(n..).unwrap_or_default().chars();
            }
            '"' => out.extend_from_slice(b"\\\""),
            c if u32::from(c) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
    Ok(end + 1)
}

/// How many of the bytes after a backslash are an escape; 0 if they are none.
fn escape_len(after: &[u8]) -> usize {
    match after {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
        [b'u', digits @ ..] if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) => 5,
        _ => 0,
    }
}

fn token(b: &[u8], i: usize, out: &mut Vec<u8>) -> json_walk::Step {
    let end = json_walk::token(b, i)?;
    let token = &b[i..end];
    if is_json(token) {
        out.extend_from_slice(token);
    } else {
        out.push(b'"');
        out.extend_from_slice(token);
        out.push(b'"');
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> Option<String> {
        json_of(text).map(|json| String::from_utf8(json.into_owned()).expect("UTF-8"))
    }

    #[test]
    fn what_is_json_stays_byte_for_byte() {
        let text = "{ \"name\" : \"a\\u00e4\\n\",\n\"ts\":1.50, \"args\":{\"x\":[1,{}]}}";
        assert!(matches!(json_of(text.as_bytes()), Some(Cow::Borrowed(b)) if b == text.as_bytes()));
    }

    #[test]
    fn damage_becomes_json_that_says_the_same() {
        let cases: [(&[u8], &str); 7] = [
            (br#"{"a":NaN,"b":-inf,"c":1}"#, r#"{"a":"NaN","b":"-inf","c":1}"#),
            (br#"{"a":"C:\dir\new"}"#, r#"{"a":"C:\\dir\new"}"#),
            (b"{\"a\":\"x\ny\"}", r#"{"a":"x\u000ay"}"#),
            (b"{\"a\":\"x\xff\"}", "{\"a\":\"x\u{fffd}\"}"),
            (
                br#"{"a":"say "hi" now","b":1}"#,
                r#"{"a":"say \"hi\" now","b":1}"#,
            ),
            (br#"{"a":1,}"#, r#"{"a":1}"#),
            (br#"{"a":"\u12"}"#, r#"{"a":"\\u12"}"#),
        ];
        for (text, want) in cases {
            assert_eq!(
                of(text).as_deref(),
                Some(want),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn what_cannot_be_repaired_is_none() {
        for text in [&b"{\"a\":[1}]"[..], b"{\"a\"}", b"{\"a\":}", b"{"] {
            assert_eq!(of(text), None);
        }
        let deep = [vec![b'['; 300], b"NaN".to_vec(), vec![b']'; 300]].concat();
        assert_eq!(of(&deep), None);
    }
}
