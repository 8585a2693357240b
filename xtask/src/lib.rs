//! What the project's commands are made of: the set-up ([`tools`]), child processes ([`child`]), the
//! comparison of reports ([`compare`]) and the static server ([`site`]), which the end-to-end tests use as well.

#![expect(clippy::disallowed_types, reason = "native: clocks and maps as they come")]

pub mod child;
pub mod compare;
pub mod engines;
pub mod pack;
pub mod page;
pub mod site;
pub mod tools;
mod wasm;

use std::path::Path;

/// The top of the clone.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
