//! Making WebAssembly smaller without another tool.

use anyhow::{Context, Result};

/// A module without the section that names its functions (custom section `name`), which only a trap's stack
/// shows. A panic's own words name file and line without it.
pub fn without_names(module: &[u8]) -> Result<Vec<u8>> {
    let damaged = "this is no WebAssembly module";
    let (head, mut rest) = module.split_at_checked(8).context(damaged)?;
    let mut kept = head.to_vec();
    while let [id, after @ ..] = rest {
        let (length, body) = leb128(after).context(damaged)?;
        let (body, next) = body.split_at_checked(length).context(damaged)?;
        // A custom section starts with its own name.
        let is_names = *id == 0 && leb128(body).is_some_and(|(n, text)| text.get(..n) == Some(b"name"));
        if !is_names {
            kept.extend_from_slice(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    Ok(kept)
}

/// An unsigned number and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\0asm\x01\0\0\0";
    const TYPES: &[u8] = &[1, 2, 7, 7];
    const NAMES: &[u8] = b"\0\x08\x04namexyz";
    const PRODUCERS: &[u8] = b"\0\x0b\x09producers!";

    #[test]
    fn only_the_names_go() {
        let module = [HEAD, TYPES, NAMES, PRODUCERS].concat();
        let rest = without_names(&module).expect("a module");
        assert_eq!(rest, [HEAD, TYPES, PRODUCERS].concat());
    }

    #[test]
    fn a_module_cut_short_is_an_error() {
        let module = [HEAD, NAMES].concat();
        for n in (0..module.len()).filter(|&n| n != HEAD.len()) {
            assert!(without_names(&module[..n]).is_err(), "{n} bytes");
        }
    }
}
