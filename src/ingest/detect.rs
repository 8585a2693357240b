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

const EXPORT: &str = "record with torch.profiler and open the file that export_chrome_trace writes";

const FROM_UTF16LE: &str = "convert it first: iconv -f UTF-16LE -t UTF-8 FILE > trace.json";
const FROM_UTF16BE: &str = "convert it first: iconv -f UTF-16BE -t UTF-8 FILE > trace.json";
const FROM_UTF32LE: &str = "convert it first: iconv -f UTF-32LE -t UTF-8 FILE > trace.json";
const FROM_UTF32BE: &str = "convert it first: iconv -f UTF-32BE -t UTF-8 FILE > trace.json";

const PICTURE: &str = "open the trace that it shows, not a picture of it";

/// The head of a file that holds no trace.
struct Head<'a> {
    bytes: &'a [u8],
    /// Without a byte order mark and blanks before it.
    text: &'a [u8],
    /// Whether one object follows on another.
    in_lines: bool,
}

impl Head<'_> {
    fn starts(&self, magic: &[u8]) -> bool {
        self.bytes.starts_with(magic)
    }

    fn has(&self, part: &[u8]) -> bool {
        memchr::memmem::find(self.bytes, part).is_some()
    }

    /// Whether its text starts with this, in any case.
    fn text_starts(&self, part: &str) -> bool {
        let start = self.text.get(..part.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(part.as_bytes()))
    }

    /// What stands behind this first character and blanks.
    fn inside(&self, open: &[u8]) -> Option<&[u8]> {
        self.text.strip_prefix(open).map(<[u8]>::trim_ascii_start)
    }

    /// What stands behind the brace of the first object.
    fn object(&self) -> Option<&[u8]> {
        let list = self.inside(b"[").unwrap_or(self.text);
        list.strip_prefix(b"{").map(<[u8]>::trim_ascii_start)
    }

    /// Whether it is a pickle of protocol 2 to 5, which say so, or of 0 or 1, which start with their first object.
    fn is_pickle(&self) -> bool {
        match self.bytes {
            [0x80, 2..=5, ..] => true,
            // Protocol 0: MARK and DICT, LIST or TUPLE, each put under a number on a line of its own.
            [b'(', b'd' | b'l' | b't', b'p', b'0'..=b'9', ..] => true,
            // Protocol 1: an empty dict, list or tuple, put under number 0.
            [b'}' | b']' | b')', b'q', 0, ..] => true,
            // GLOBAL: a module and a name on lines of their own.
            [b'c', rest @ ..] => {
                const MODULES: [&str; 7] = [
                    "copy_reg",
                    "copyreg",
                    "collections",
                    "__builtin__",
                    "builtins",
                    "torch",
                    "numpy",
                ];
                let line = rest.split(|&b| b == b'\n').next().unwrap_or_default();
                let module = line.split(|&b| b == b'.').next().unwrap_or_default();
                line.len() < rest.len() && MODULES.iter().any(|m| m.as_bytes() == module)
            }
            _ => false,
        }
    }
}

/// Whether a file is of a kind; its name; how to get a trace instead.
type Kind = (fn(&Head<'_>) -> bool, &'static str, &'static str);

/// Files that are opened in place of a trace. The first that fits counts: what only looks at a few characters of text
/// stands last.
const KINDS: &[Kind] = &[
    (|h| utf32(h.bytes) == Some(true), "UTF-32 text", FROM_UTF32LE),
    (|h| utf32(h.bytes) == Some(false), "UTF-32 text", FROM_UTF32BE),
    (
        |h| h.is_pickle() && (h.has(b"device_traces") || h.has(b"segments")),
        "a PyTorch memory snapshot (pickle)",
        "open it at pytorch.org/memory_viz, or, for a trace with memory, record with \
         torch.profiler.profile(profile_memory=True) and open the file that export_chrome_trace writes",
    ),
    (|h| h.is_pickle(), "a Python pickle", EXPORT),
    (|h| h.starts(b"\xff\xfe"), "UTF-16 text", FROM_UTF16LE),
    (|h| h.starts(b"\xfe\xff"), "UTF-16 text", FROM_UTF16BE),
    (
        |h| utf16_without_mark(h.bytes) == Some(true),
        "UTF-16 text without a byte order mark",
        FROM_UTF16LE,
    ),
    (
        |h| utf16_without_mark(h.bytes) == Some(false),
        "UTF-16 text without a byte order mark",
        FROM_UTF16BE,
    ),
    // Databases, tables and other profilers' files.
    (
        |h| h.starts(b"SQLite format 3"),
        "an SQLite database",
        "Nsight Systems, rocprofv3 and Ascend's profiler write such: record with torch.profiler instead (on \
         Ascend, export as text), or export the database as a Chrome trace",
    ),
    (
        |h| h.has(b"Tegra Profiler") || h.has(b"NVIDIA Nsight Systems") || h.has(b"QuadD"),
        "an Nsight Systems report (.nsys-rep)",
        "open it in Nsight Systems; for Stepscope record with torch.profiler and open the file that \
         export_chrome_trace writes",
    ),
    (
        |h| h.starts(b"NVR\0"),
        "an Nsight Compute report (.ncu-rep)",
        "it measures single kernels: open it in Nsight Compute; for Stepscope record with torch.profiler and open the \
         file that export_chrome_trace writes",
    ),
    (
        |h| h.starts(b"PERFILE2"),
        "a recording of Linux perf (perf.data)",
        "it samples the host alone: open it with perf report; for Stepscope record with torch.profiler and open the \
         file that export_chrome_trace writes",
    ),
    (
        |h| protobuf(h.bytes) == Some(Protobuf::XPlane),
        "an XPlane profile of TensorFlow or JAX (xplane.pb)",
        "open the trace.json.gz that stands beside it, or convert it with XProf (tool trace_viewer)",
    ),
    (
        |h| protobuf(h.bytes) == Some(Protobuf::Perfetto),
        "a Perfetto trace (protobuf)",
        "convert it first: traceconv json FILE trace.json (perfetto.dev), or have the profiler write JSON",
    ),
    (
        is_hatchet,
        "a Proton profile (hatchet: a tree of times without a timeline)",
        "record with proton.start(data=\"trace\") and open the Chrome trace that it writes, or record with \
         torch.profiler",
    ),
    (
        |h| h.starts(b"\x93NUMPY"),
        "a NumPy array (.npy)",
        "it holds numbers, not events: open the trace that they were made from",
    ),
    (
        |h| h.starts(b"PAR1"),
        "a Parquet table",
        "tables of events are not read: open the trace that it was made from",
    ),
    (
        |h| h.starts(b"ARROW1"),
        "an Arrow or Feather table",
        "tables of events are not read: open the trace that it was made from",
    ),
    (
        |h| h.starts(b"\x89HDF\r\n\x1a\n"),
        "an HDF5 file",
        "tables of events are not read: open the trace that it was made from",
    ),
    // What is packed in a way that is not read.
    (
        |h| h.starts(b"\x28\xb5\x2f\xfd"),
        "a zstd file",
        "unpack it first: zstd -d FILE",
    ),
    (
        |h| h.starts(b"BZh"),
        "a bzip2 file",
        "unpack it first: bunzip2 FILE",
    ),
    (
        |h| h.starts(b"\xfd7zXZ"),
        "an xz file",
        "unpack it first: unxz FILE",
    ),
    (
        |h| h.starts(b"\x04\x22\x4d\x18"),
        "an lz4 file",
        "unpack it first: lz4 -d FILE trace.json",
    ),
    (
        |h| h.starts(b"7z\xbc\xaf\x27\x1c"),
        "a 7z archive",
        "unpack it first: 7z x FILE",
    ),
    (
        |h| h.starts(b"Rar!\x1a\x07"),
        "a RAR archive",
        "unpack it first: unrar x FILE",
    ),
    (
        |h| h.starts(b"\x1f\x9d"),
        "a file of Unix compress (.Z)",
        "unpack it first: uncompress FILE",
    ),
    (
        |h| h.starts(&GZIP_MAGIC),
        "another gzip stream inside the gzip stream",
        "unpack it once first: gzip -dc FILE > trace.json.gz",
    ),
    (
        |h| h.starts(b"PK\x03\x04"),
        "a zip archive",
        "unpack it first: unzip FILE",
    ),
    (
        |h| h.bytes.get(257..262) == Some(b"ustar"),
        "a tar archive",
        "unpack it first: tar xf FILE",
    ),
    // Anything else.
    (|h| h.starts(b"\x89PNG"), "a PNG picture", PICTURE),
    (|h| h.starts(b"\xff\xd8\xff"), "a JPEG picture", PICTURE),
    (|h| h.starts(b"GIF8"), "a GIF picture", PICTURE),
    (|h| h.starts(b"%PDF"), "a PDF document", PICTURE),
    (
        |h| h.starts(b"\x7fELF"),
        "a program (ELF)",
        "run it under a profiler and open the trace that it writes",
    ),
    (
        |h| h.starts(b"version https://git-lfs.github.com/"),
        "a pointer of Git LFS in place of the file",
        "fetch the file itself: git lfs pull",
    ),
    (
        |h| {
            ["<!doctype html", "<html", "<head", "<body", "<script"]
                .iter()
                .any(|start| h.text_starts(start))
        },
        "an HTML page",
        "an error or login page may have been saved in place of the trace: sign in, and download the trace again",
    ),
    (
        |h| h.text_starts("<svg") || h.text_starts("<?xml") && h.has(b"<svg"),
        "an SVG picture",
        PICTURE,
    ),
    (
        |h| h.text_starts("<?xml"),
        "an XML file",
        "exports of Nsight, VTune and other tools as XML are not read: have the profiler write a Chrome trace (JSON), \
         or record with torch.profiler and open the file that export_chrome_trace writes",
    ),
    (
        |h| h.text.first() == Some(&0x1e),
        "a JSON text sequence (RFC 7464: each text behind a byte 0x1E)",
        "put the texts into one list: jq --seq -n '[inputs]' FILE | tr -d '\\036' > trace.json",
    ),
    (
        |h| h.object().is_some_and(|o| o.starts_with(b"'")),
        "a Python object as print shows it (single quotes)",
        "write it with json.dump, or convert it: python3 -c \"import ast, json, sys; \
         json.dump(ast.literal_eval(sys.stdin.read()), sys.stdout)\" < FILE > trace.json",
    ),
    (
        |h| is_script_call(h.text),
        "JavaScript that hands JSON to a function (JSONP)",
        "cut off what stands around the JSON: sed -e '1s/^[^({[]*(//' -e '$s/)[; ]*$//' FILE > trace.json",
    ),
    (
        |h| is_python_call(h.inside(b"[").unwrap_or(h.text)),
        "a Python object as print shows it",
        "write the object with json.dump in place of print; of a profiler, call export_chrome_trace",
    ),
    (
        |h| h.object().is_some_and(starts_with_bare_key),
        "a JavaScript object (its keys are not in quotes)",
        "write it with json.dump, or convert it: npx json5 FILE > trace.json",
    ),
    (
        |h| h.inside(b"{").is_some() && h.has(b"\"nodes\"") && h.has(b"\"schema\""),
        "a PyTorch execution trace (Chakra: operators and what depends on what, without times)",
        EXPORT,
    ),
    (
        |h| h.object().is_some_and(|o| o.starts_with(b"\"schema\"")) && h.has(b"\"stepscope.baseline/"),
        "a baseline of Stepscope (what stepscope compare --save-baseline keeps of a trace)",
        "give it to stepscope compare as its first file",
    ),
    (
        |h| h.in_lines,
        "JSON lines (one object a line)",
        "put the lines into one list: jq -s . FILE > trace.json",
    ),
];

/// What a file is by its first bytes, if it is one of those that are often opened in place of a trace. Asked where no
/// trace was found. `in_lines`: one object follows on another.
pub fn wrong_file(head: &[u8], in_lines: bool) -> Option<WrongFile> {
    let head = Head {
        bytes: head,
        text: without_mark(head).trim_ascii_start(),
        in_lines,
    };
    let kind = KINDS.iter().find(|(is, ..)| is(&head));
    kind.map(|&(_, what, todo)| WrongFile { what, todo })
}

fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

/// Whether the first two characters are UTF-16 of ASCII, and then whether little endian.
fn utf16_without_mark(head: &[u8]) -> Option<bool> {
    let is_text = |a: &u8, b: &u8| *a > 0 && *b > 0 && !is_binary(&[*a, *b]);
    match head {
        [a, 0, b, 0, ..] if is_text(a, b) => Some(true),
        [0, a, 0, b, ..] if is_text(a, b) => Some(false),
        _ => None,
    }
}

/// As JSON and as MessagePack.
fn is_hatchet(head: &Head<'_>) -> bool {
    let has = |part: &[u8]| head.has(part);
    let is_tree = has(b"\"frame\"") && (has(b"\"metrics\"") || has(b"\"children\""));
    let is_packed_tree = matches!(head.bytes, [0x90..=0x9f | 0xdc | 0xdd, ..])
        && has(b"\xa5frame")
        && (has(b"\xa7metrics") || has(b"\xa8children"));
    is_tree && head.text.starts_with(b"[") || is_packed_tree
}

/// `cb({"`, `/**/ window.cb([{"`: a function's name, and in its brackets JSON; Python shows objects in single quotes.
fn is_script_call(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"/**/").unwrap_or(text).trim_ascii_start();
    let is_of_name = |b: &u8| b.is_ascii_alphanumeric() || b"_$.".contains(b);
    let end = text.iter().position(|b| !is_of_name(b)).unwrap_or(text.len());
    let Some(argument) = text[end..].trim_ascii_start().strip_prefix(b"(") else {
        return false;
    };
    let inside = |text, open: &[u8]| <[u8]>::strip_prefix(text, open).map(<[u8]>::trim_ascii_start);
    let argument = argument.trim_ascii_start();
    let object = inside(inside(argument, b"[").unwrap_or(argument), b"{");
    object.is_some_and(|object| object.starts_with(b"\""))
}

/// `OrderedDict({`, `Trace(events=[`, `defaultdict(<class 'list'>`, `<FunctionEvent id=0`: what `repr` gives of objects
/// that are no plain dicts and lists.
fn is_python_call(text: &[u8]) -> bool {
    if let Some(tag) = text.strip_prefix(b"<") {
        return tag.starts_with(b"FunctionEvent") || tag.starts_with(b"torch.");
    }
    let is_of_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    let end = text.iter().position(|b| !is_of_name(b)).unwrap_or(text.len());
    let is_argument = |rest: &[u8]| {
        let is_keyword = rest
            .iter()
            .position(|b| !is_of_name(b))
            .is_some_and(|n| n > 0 && rest[n] == b'=');
        rest.first().is_some_and(|b| b"[{(<'".contains(b)) || is_keyword
    };
    end > 0 && !text[0].is_ascii_digit() && text[end..].strip_prefix(b"(").is_some_and(is_argument)
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

#[derive(Clone, Copy, PartialEq, Eq)]
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

/// What [`describe`] says of text begins so.
const TEXT: &str = "text: ";

/// Whether this is what [`describe`] says of text that is no JSON: what is no text either is damaged, or was not
/// written.
pub fn is_of_text(found: &str) -> bool {
    found.starts_with(TEXT)
}

/// For people: what these first bytes are, of a file of no known kind.
pub fn describe(head: &[u8]) -> String {
    let text = without_mark(head).trim_ascii_start();
    let shown: String = String::from_utf8_lossy(&text[..text.len().min(24)])
        .chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect();
    match text {
        [] => "only blanks".into(),
        _ if text.iter().all(|&b| b == 0) => "only zeros".into(),
        // A character may be cut at the end of the head.
        _ if std::str::from_utf8(text).map_or_else(|e| e.error_len().is_none(), |_| true) => {
            format!("{TEXT}\"{shown}\"")
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
    fn known_files_are_named_with_the_way_to_a_trace() {
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, what, todo) in [
            (
                &b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..],
                "PNG picture",
                "not a picture",
            ),
            (b"%PDF-1.7\n", "PDF", "not a picture"),
            (
                b"(dp0\nVtraceEvents\np1\n(lp2\n",
                "Python pickle",
                "export_chrome_trace",
            ),
            (b"(lp0\n(dp1\n", "Python pickle", "export_chrome_trace"),
            (b"(dp0\nVsegments\np1\n(lp2\n", "memory snapshot", "memory_viz"),
            (
                b"}q\0U\x0btraceEventsq\x01]q\x02",
                "Python pickle",
                "export_chrome_trace",
            ),
            (
                b"ccopy_reg\n_reconstructor\np0\n",
                "Python pickle",
                "export_chrome_trace",
            ),
            (
                b"ccollections\nOrderedDict\np0\n",
                "Python pickle",
                "export_chrome_trace",
            ),
            (
                b"ctorch._utils\n_rebuild\n",
                "Python pickle",
                "export_chrome_trace",
            ),
            (b"\x1e{\"ph\": \"X\"}\n\x1e{", "JSON text sequence", "jq --seq"),
            (
                b"OrderedDict({'traceEvents': []})",
                "as print shows it",
                "json.dump",
            ),
            (
                b"OrderedDict([('traceEvents', [])])",
                "as print shows it",
                "json.dump",
            ),
            (
                b"defaultdict(<class 'list'>, {})",
                "as print shows it",
                "json.dump",
            ),
            (
                b"[Event(name='aten::mm', ts=1)]",
                "as print shows it",
                "json.dump",
            ),
            (
                b"[<FunctionEvent id=0 name=aten::mm",
                "as print shows it",
                "export_chrome_trace",
            ),
            (b"cb({\"traceEvents\": []})", "JSONP", "sed"),
            (b"/**/window.cb([ {\"ph\": \"X\"}]);", "JSONP", "sed"),
            (b"<?xml version=\"1.0\"?>\n<report>", "XML", "Chrome trace"),
            (
                b"\xef\xbb\xbf<?xml version=\"1.0\"?><svg>",
                "SVG",
                "not a picture",
            ),
            (
                b"\n<!doctype HTML>\n<title>Sign in",
                "HTML page",
                "download the trace again",
            ),
            (b"<HTML><body>502 Bad Gateway", "HTML page", "login page"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "7z archive", "7z x"),
            (b"Rar!\x1a\x07\x01\0", "RAR archive", "unrar"),
            (b"\xfd7zXZ\0\0", "xz file", "unxz"),
            (b"BZh91AY&SY", "bzip2 file", "bunzip2"),
            (b"\x04\x22\x4d\x18\x64", "lz4 file", "lz4 -d"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd file", "zstd -d"),
            (b"\x1f\x9d\x90", "Unix compress", "uncompress"),
            (b"\x1f\x8b\x08\0", "another gzip", "gzip -dc"),
            (b"PK\x03\x04\x14", "zip archive", "unzip"),
            (&tar, "tar archive", "tar xf"),
            (b"\x93NUMPY\x01\0v\0{'descr'", "NumPy array", "open the trace"),
            (b"PAR1\x15\x04", "Parquet table", "open the trace"),
            (b"ARROW1\0\0", "Arrow", "open the trace"),
            (b"\x89HDF\r\n\x1a\n\0", "HDF5", "open the trace"),
            (b"SQLite format 3\0\x10", "SQLite database", "torch.profiler"),
            (b"PERFILE2\x68\0", "perf.data", "perf report"),
            (b"NVR\0\x30\0\0\0", "Nsight Compute", "Nsight Compute;"),
            (b"\x7fELF\x02\x01\x01", "ELF", "profiler"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "Git LFS",
                "git lfs pull",
            ),
        ] {
            let file = wrong_file(head, false).unwrap_or_else(|| panic!("{what}"));
            assert!(file.what.contains(what) && file.todo.contains(todo), "{file:?}");
        }
        // Text, tables and calls that are no repr.
        for other in [
            &b"hello world"[..],
            b"cat\nsat",
            b"collections of traces\nand more",
            b"(see above)",
            b"(dpi: 96)",
            b"step(s) of the engine",
            b"<FunctionList>",
            b"Name,Count\na,1",
            b"PAR2",
            b"BZ",
            b"{\"traceEvents\": [{\"name\": \"OrderedDict([\"}]}",
            b"[{\"name\": \"<html>\"}]",
        ] {
            assert_eq!(
                wrong_file(other, false),
                None,
                "{}",
                String::from_utf8_lossy(other)
            );
        }
    }

    #[test]
    fn first_bytes_of_no_known_kind_are_shown() {
        assert_eq!(describe(b"hello world"), "text: \"hello world\"");
        assert_eq!(describe("Kärnten,1".as_bytes()), "text: \"Kärnten,1\"");
        assert_eq!(describe(b"\xfe\xef\0h"), "byte 0xfe (\"\u{fffd}\u{fffd}·h\")");
    }
}
