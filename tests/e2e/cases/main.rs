//! What must hold of the page in a real browser; one file a topic. How to add one: `tests/e2e/harness/lib.rs`.

mod boot;
mod opening;
mod privacy;
