//! `cargo xtask dist`: the page, built and packed for a static host, and as one file.

#![expect(
    clippy::disallowed_types,
    reason = "native: the clock says how long a step took"
)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use miniz_oxide::deflate::compress_to_vec;
use xtask::{child, page, tools};

pub fn run() -> Result<()> {
    let start = Instant::now();
    println!("[1/2] set-up: is everything here that builds the page?");
    let wasm = tools::wasm()?;
    tools::trunk()?;
    println!("[1/2] set-up: ok, {}", child::seconds(start.elapsed()));
    let start = Instant::now();
    println!("[2/2] page: building it, in release mode (some minutes the first time)");
    let version = page::build(&wasm)?;
    println!("[2/2] page: ok, {}", child::seconds(start.elapsed()));
    println!("\nVersion {version} in {}:", page::dist().display());
    println!("{:>12} {:>12}", "bytes", "deflated");
    list(&page::dist(), "")
}

/// Every file with its size, and its size as servers send it.
fn list(dir: &Path, under: &str) -> Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{under}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"))?;
        } else {
            let bytes = fs::read(entry.path())?;
            let deflated = compress_to_vec(&bytes, 9).len();
            println!("{:>12} {deflated:>12}  {name}", bytes.len());
        }
    }
    Ok(())
}
