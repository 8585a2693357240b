//! From what Trunk built to what is shipped: files that know each other by hash, the list of the offline copy, and the
//! page as one file.
//!
//! ```text
//! app.js + boot.js          ->  boot.js         one module, with the hashes of app_bg.wasm, worker.js, worker_bg.wasm
//! index.html                ->  index.html      with the hashes of boot.js and style.css
//! all of these              ->  sw.js           with the list of the hashes, and a version: a hash over the list
//! all but sw.js             ->  stepscope.html
//!                               _headers
//! ```
//! So index.html says, by hash of hashes, what every byte of its version is: a page of which the host, or a cache on
//! the way, hands out one file of another version does not start. Packing what is packed changes nothing.

mod html;
mod single;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::wasm;

/// What www/boot.js fetches.
const PARTS: [&str; 3] = ["app_bg.wasm", "worker.js", "worker_bg.wasm"];

/// The page as one file.
pub const SINGLE: &str = "stepscope.html";

/// What a host may send with the files (Netlify's and Cloudflare Pages' format). A policy in a header holds from the
/// first byte, and binds the service worker, which a policy in the page does not.
const HEADERS: &str = include_str!("_headers");

/// Packs the page in `dir`, in place. Gives its version.
pub fn pack(dir: &Path) -> Result<String> {
    // Trunk has no option for it, and `strip` in Cargo's profile takes away what wasm-bindgen needs to know.
    for file in ["app_bg.wasm", "worker_bg.wasm"] {
        let bytes = read(dir, file)?;
        write(dir, file, wasm::without_names(&bytes)?)?;
    }
    let mut parts = Vec::new();
    for name in PARTS {
        parts.push((name.to_owned(), integrity(&read(dir, name)?)));
    }
    let boot = bundled(dir)?;
    let boot = stamped(&boot, "const PARTS = ", &table(&parts))?;
    let boot = stamped(&boot, "const VERSION = ", "\"\"")?;

    let index = html::without_hashes(&text(dir, "index.html")?);
    let beside: Vec<String> = html::local(&index)
        .into_iter()
        .filter(|name| name != "boot.js")
        .collect();
    let mut files = parts;
    for name in &beside {
        files.push((name.clone(), integrity(&read(dir, name)?)));
    }
    let all = format!("{index}{boot}{}", table(&files));
    let version: String = Sha256::digest(&all)
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();

    let boot = stamped(&boot, "const VERSION = ", &format!("{version:?}"))?;
    write(dir, "boot.js", &boot)?;
    files.push(("boot.js".to_owned(), integrity(boot.as_bytes())));
    let index = html::with_hashes(&index, &files);
    write(dir, "index.html", &index)?;
    files.push(("./".to_owned(), integrity(index.as_bytes())));

    let worker = stamped(&text(dir, "sw.js")?, "const FILES = ", &table(&files))?;
    write(
        dir,
        "sw.js",
        stamped(&worker, "const VERSION = ", &format!("{version:?}"))?,
    )?;
    write(dir, SINGLE, single::single(dir, &index, &PARTS)?)?;
    write(dir, "_headers", HEADERS)?;
    Ok(version)
}

/// `boot.js` with the glue it imports in front of it.
fn bundled(dir: &Path) -> Result<String> {
    const IMPORT: &str = "import init from \"./app.js\";\n";
    const EXPORT: &str = "export { initSync, __wbg_init as default };";
    let boot = text(dir, "boot.js")?;
    if !dir.join("app.js").exists() {
        return Ok(boot);
    }
    let glue = text(dir, "app.js")?;
    let more = |line: &str| line.starts_with("import ") || (line.starts_with("export ") && line != EXPORT);
    if !boot.contains(IMPORT) || !glue.contains(EXPORT) || glue.lines().any(more) {
        bail!("app.js or boot.js does not have the imports and exports that packing knows");
    }
    let boot = boot.replace(IMPORT, "");
    let glue = glue.replace(EXPORT, "");
    fs::remove_file(dir.join("app.js"))?;
    Ok(format!("{glue}\nconst init = __wbg_init;\n{boot}"))
}

/// The one line that starts with `start`, with `value` behind it.
fn stamped(text: &str, start: &str, value: &str) -> Result<String> {
    let mut found = 0;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().filter(|line| line.starts_with(start)) {
        *line = format!("{start}{value};");
        found += 1;
    }
    if found != 1 {
        bail!("{found} lines start with {start:?}, where there is to be one");
    }
    Ok(lines.join("\n") + "\n")
}

/// A JavaScript object of names and hashes, in order of name.
fn table(files: &[(String, String)]) -> String {
    let mut rows: Vec<String> = files
        .iter()
        .map(|(name, hash)| format!("{name:?}: {hash:?}"))
        .collect();
    rows.sort();
    format!("{{ {} }}", rows.join(", "))
}

/// As `integrity` attributes and policies have it.
fn integrity(bytes: &[u8]) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(bytes)))
}

fn read(dir: &Path, name: &str) -> Result<Vec<u8>> {
    let file = dir.join(name);
    fs::read(&file).with_context(|| format!("there is no {}", file.display()))
}

fn text(dir: &Path, name: &str) -> Result<String> {
    String::from_utf8(read(dir, name)?).with_context(|| format!("{name} is no text"))
}

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
    let file = dir.join(name);
    fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_replaces_its_line_however_often() {
        let once = stamped("a\nconst X = {};\nb\n", "const X = ", "1").expect("a line");
        assert_eq!(once, "a\nconst X = 1;\nb\n");
        assert_eq!(stamped(&once, "const X = ", "1").expect("a line"), once);
        assert!(stamped("a\n", "const X = ", "1").is_err());
        assert!(stamped("const X = 1;\nconst X = 2;\n", "const X = ", "1").is_err());
    }

    #[test]
    fn a_hash_is_written_as_browsers_want_it() {
        // echo -n '' | openssl dgst -sha256 -binary | base64
        assert_eq!(
            integrity(b""),
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }
}
