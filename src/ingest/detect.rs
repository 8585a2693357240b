//! What a file is by its first bytes. Names and extensions are never asked: `.json` may be gzip and `.gz` plain.

/// The gzip magic (RFC 1952, section 2.3.1).
pub const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes of a file's head that the rules below need: a tar header's magic ends at 263.
pub const HEAD_BYTES: usize = 512;

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
    use super::describe;

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
