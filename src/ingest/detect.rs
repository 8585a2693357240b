//! What a file is by its first bytes. Names and extensions are never asked: `.json` may be gzip and `.gz` plain.

/// The gzip magic (RFC 1952, section 2.3.1).
pub const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes of a file's head that the rules below need.
pub const HEAD_BYTES: usize = 4096;

/// A file that people have beside their traces and open in place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongFile {
    pub what: &'static str,
    /// How to get a trace instead.
    pub todo: &'static str,
}

const fn wrong(what: &'static str, todo: &'static str) -> Option<WrongFile> {
    Some(WrongFile { what, todo })
}

const EXPORT: &str = "record with torch.profiler and open the file that export_chrome_trace writes";

/// What a file is by its first bytes, if it is one of those that are often opened in place of a trace. Asked where no
/// trace was found. `in_lines`: one object follows on another.
pub fn wrong_file(head: &[u8], in_lines: bool) -> Option<WrongFile> {
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let has = |part: &[u8]| memchr::memmem::find(head, part).is_some();
    if let Some(is_little) = utf32(head) {
        let todo = match is_little {
            true => "convert it first: iconv -f UTF-32LE -t UTF-8 FILE > trace.json",
            false => "convert it first: iconv -f UTF-32BE -t UTF-8 FILE > trace.json",
        };
        return wrong("UTF-32 text", todo);
    }
    match head {
        [0x80, 2..=5, ..] if has(b"device_traces") || has(b"segments") => {
            return wrong(
                "a PyTorch memory snapshot (pickle)",
                "open it at pytorch.org/memory_viz, or, for a trace with memory, record with \
                 torch.profiler.profile(profile_memory=True) and open the file that export_chrome_trace writes",
            );
        }
        [0x80, 2..=5, ..] => return wrong("a Python pickle", EXPORT),
        [0xff, 0xfe, ..] => {
            return wrong(
                "UTF-16 text",
                "convert it first: iconv -f UTF-16LE -t UTF-8 FILE > trace.json",
            );
        }
        [0xfe, 0xff, ..] => {
            return wrong(
                "UTF-16 text",
                "convert it first: iconv -f UTF-16BE -t UTF-8 FILE > trace.json",
            );
        }
        [a, 0, b, 0, ..] if *a > 0 && *b > 0 && !is_binary(&[*a, *b]) => {
            return wrong(
                "UTF-16 text without a byte order mark",
                "convert it first: iconv -f UTF-16LE -t UTF-8 FILE > trace.json",
            );
        }
        [0, a, 0, b, ..] if *a > 0 && *b > 0 && !is_binary(&[*a, *b]) => {
            return wrong(
                "UTF-16 text without a byte order mark",
                "convert it first: iconv -f UTF-16BE -t UTF-8 FILE > trace.json",
            );
        }
        _ => {}
    }
    if head.starts_with(b"SQLite format 3") {
        return wrong(
            "an SQLite database",
            "Nsight Systems, rocprofv3 and Ascend's profiler write such: record with torch.profiler instead (on \
             Ascend, export as text), or export the database as a Chrome trace",
        );
    }
    if has(b"Tegra Profiler") || has(b"NVIDIA Nsight Systems") || has(b"QuadD") {
        return wrong(
            "an Nsight Systems report (.nsys-rep)",
            "open it in Nsight Systems; for Stepscope record with torch.profiler and open the file that \
             export_chrome_trace writes",
        );
    }
    match protobuf(head) {
        Some(Protobuf::XPlane) => {
            return wrong(
                "an XPlane profile of TensorFlow or JAX (xplane.pb)",
                "open the trace.json.gz that stands beside it, or convert it with XProf (tool trace_viewer)",
            );
        }
        Some(Protobuf::Perfetto) => {
            return wrong(
                "a Perfetto trace (protobuf)",
                "convert it first: traceconv json FILE trace.json (perfetto.dev), or have the profiler write JSON",
            );
        }
        None => {}
    }
    let is_tree = has(b"\"frame\"") && (has(b"\"metrics\"") || has(b"\"children\""));
    let is_packed_tree = matches!(head, [0x90..=0x9f | 0xdc | 0xdd, ..])
        && has(b"\xa5frame")
        && (has(b"\xa7metrics") || has(b"\xa8children"));
    if is_tree && text.starts_with(b"[") || is_packed_tree {
        return wrong(
            "a Proton profile (hatchet: a tree of times without a timeline)",
            "record with proton.start(data=\"trace\") and open the Chrome trace that it writes, or record with \
             torch.profiler",
        );
    }
    let inner = |open: &[u8]| text.strip_prefix(open).map(<[u8]>::trim_ascii_start);
    let object = inner(b"[").unwrap_or(text).strip_prefix(b"{");
    if object.is_some_and(|o| o.trim_ascii_start().starts_with(b"'")) {
        return wrong(
            "a Python object as print shows it (single quotes)",
            "write it with json.dump, or convert it: python3 -c \"import ast, json, sys; \
             json.dump(ast.literal_eval(sys.stdin.read()), sys.stdout)\" < FILE > trace.json",
        );
    }
    if object.is_some_and(|o| starts_with_bare_key(o.trim_ascii_start())) {
        return wrong(
            "a JavaScript object (its keys are not in quotes)",
            "write it with json.dump, or convert it: npx json5 FILE > trace.json",
        );
    }
    if inner(b"{").is_some() && has(b"\"nodes\"") && has(b"\"schema\"") {
        return wrong(
            "a PyTorch execution trace (Chakra: operators and what depends on what, without times)",
            EXPORT,
        );
    }
    if in_lines {
        return wrong(
            "JSON lines (one object a line)",
            "put the lines into one list: jq -s . FILE > trace.json",
        );
    }
    None
}

/// Whether the first two characters are UTF-32, and then whether little endian; of text without a byte order mark both
/// are of ASCII.
fn utf32(head: &[u8]) -> Option<bool> {
    let is_text = |a: &u8, b: &u8| *a > 0 && *b > 0 && !is_binary(&[*a, *b]);
    match head {
        [0xff, 0xfe, 0, 0, _, _, _, 0, ..] => Some(true),
        [0, 0, 0xfe, 0xff, ..] => Some(false),
        [a, 0, 0, 0, b, 0, 0, 0, ..] if is_text(a, b) => Some(true),
        [0, 0, 0, a, 0, 0, 0, b, ..] if is_text(a, b) => Some(false),
        _ => None,
    }
}

/// `traceEvents:`, as JavaScript and JSON5 allow it.
fn starts_with_bare_key(text: &[u8]) -> bool {
    let is_of_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    let end = text.iter().position(|b| !is_of_name(b)).unwrap_or(text.len());
    end > 0 && !text[0].is_ascii_digit() && text[end..].trim_ascii_start().starts_with(b":")
}

enum Protobuf {
    XPlane,
    Perfetto,
}

/// Of a message whose field 1 repeats, as both have it: what its first element is.
fn protobuf(head: &[u8]) -> Option<Protobuf> {
    let varint = |from: usize| -> Option<(u64, usize)> {
        let mut value = 0u64;
        for (i, &b) in head.get(from..)?.iter().take(9).enumerate() {
            value |= u64::from(b & 0x7f) << (7 * i);
            if b < 0x80 {
                return Some((value, from + i + 1));
            }
        }
        None
    };
    if head.first() != Some(&0x0a) || !is_binary(head) {
        return None;
    }
    let (len, from) = varint(1)?;
    let end = from.saturating_add(usize::try_from(len).ok()?);
    let mut at = from;
    while at < end.min(head.len()) {
        let (tag, value) = varint(at)?;
        let (field, wire) = (tag >> 3, tag & 7);
        at = match wire {
            0 => varint(value)?.1,
            1 => value + 8,
            2 => {
                let (len, text) = varint(value)?;
                // XPlane.name; of a Perfetto packet, field 2 is a list of processes.
                if field == 2 && matches!(head.get(text..), Some([b'/', ..])) {
                    return Some(Protobuf::XPlane);
                }
                text.saturating_add(usize::try_from(len).ok()?)
            }
            5 => value + 4,
            _ => return None,
        };
        if field == 0 {
            return None;
        }
    }
    (at > from).then_some(Protobuf::Perfetto)
}

/// Whether there are bytes that no text holds.
fn is_binary(head: &[u8]) -> bool {
    head.iter().any(|&b| b < b' ' && !b"\t\n\r\x0c".contains(&b))
}

/// For people: what these first bytes belong to, if not to a trace.
pub fn describe(head: &[u8]) -> String {
    const MAGICS: &[(&[u8], &str)] = &[
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x7fELF", "a program (ELF)"),
        (
            b"SQLite format 3",
            "an SQLite database (nsys exports such; not read here)",
        ),
        (b"\x28\xb5\x2f\xfd", "a zstd file (unpack it first: zstd -d)"),
        (b"BZh", "a bzip2 file (unpack it first: bunzip2)"),
        (b"\xfd7zXZ", "an xz file (unpack it first: unxz)"),
        (b"\xff\xfe", "UTF-16 text (save it as UTF-8 first)"),
        (b"\xfe\xff", "UTF-16 text (save it as UTF-8 first)"),
        (b"\x1f\x8b", "another gzip stream inside the gzip stream"),
        (b"<!DOCTYPE", "an HTML page"),
        (b"<html", "an HTML page"),
    ];
    if let Some((_, what)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*what).into();
    }
    if head.get(257..262) == Some(b"ustar") {
        return "a tar archive".into();
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let shown: String = String::from_utf8_lossy(&text[..text.len().min(24)])
        .chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect();
    match text {
        [] => "only blanks".into(),
        _ if text.iter().all(|&b| b == 0) => "only zeros".into(),
        // A character may be cut at the end of the head.
        _ if std::str::from_utf8(text).map_or_else(|e| e.error_len().is_none(), |_| true) => {
            format!("text: \"{shown}\"")
        }
        [first, ..] => format!("byte 0x{first:02x} (\"{shown}\")"),
    }
}

#[cfg(test)]
mod tests {
    use super::{describe, wrong_file};

    #[test]
    fn text_that_is_no_json_is_named() {
        let what = |head: &[u8]| wrong_file(head, false).map(|file| file.what);
        let wide = |mark: &str, little: bool| -> Vec<u8> {
            let text = format!("{mark}{{\"traceEvents\":[]}}");
            let bytes = text.chars().map(|c| match little {
                true => u32::from(c).to_le_bytes(),
                false => u32::from(c).to_be_bytes(),
            });
            bytes.flatten().collect()
        };
        for mark in ["", "\u{feff}"] {
            for little in [true, false] {
                assert_eq!(
                    what(&wide(mark, little)),
                    Some("UTF-32 text"),
                    "{mark:?} {little}"
                );
            }
        }
        assert_eq!(what(b"\xff\xfe{\0\"\0"), Some("UTF-16 text"));
        let bare = Some("a JavaScript object (its keys are not in quotes)");
        assert_eq!(what(b"{traceEvents:[]}"), bare);
        assert_eq!(what(b"[ {\n $a : 1}]"), bare);
        for other in [&b"{\"traceEvents\":[]}"[..], b"{}", b"{1:2}", b"{null}"] {
            assert_eq!(what(other), None);
        }
    }

    #[test]
    fn known_files_are_named() {
        assert_eq!(describe(b"\x89PNG\r\n"), "a PNG picture");
        assert_eq!(describe(b"hello world"), "text: \"hello world\"");
        assert_eq!(describe("Kärnten,1".as_bytes()), "text: \"Kärnten,1\"");
        assert_eq!(describe(b"\xfe\xef\0h"), "byte 0xfe (\"\u{fffd}\u{fffd}·h\")");
        assert_eq!(describe(b"\xff\xfe[\0"), "UTF-16 text (save it as UTF-8 first)");
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(describe(&tar), "a tar archive");
    }
}
