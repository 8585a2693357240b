//! Building the page.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::tools::Wasm;
use crate::{child, pack};

/// Where the built page lies.
pub fn dist() -> PathBuf {
    crate::root().join("dist")
}

/// Builds the page, in release mode, into [`dist`], and packs it. Gives its version.
pub fn build(wasm: &Wasm) -> Result<String> {
    // Trunk runs cargo offline (see Trunk.toml), so what is missing is fetched here. Takes 0.1 s when all is there.
    child::must(
        wasm.command("cargo")
            .args(["fetch", "--locked", "--target", "wasm32-unknown-unknown"]),
    )?;
    // NO_COLOR=1, as many machines set it, is an error to Trunk 0.21, which wants `true` or `false`.
    child::must(
        wasm.command("trunk")
            .args(["build", "--release"])
            .env_remove("NO_COLOR"),
    )?;
    pack::pack(&dist())
}

/// An error that says how to build it, unless the page is there.
pub fn must_be_built() -> Result<()> {
    if dist().join("index.html").exists() {
        return Ok(());
    }
    bail!(
        "the page is not built (no dist/index.html): run `cargo xtask test page`, or `cargo xtask serve` once"
    )
}
