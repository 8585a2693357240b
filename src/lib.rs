//! Stepscope reads the profile of an LLM-inference server and says where a step's time goes.
//!
//! Modules in order of dependency; each may import those before it (see ARCHITECTURE.md, and
//! `tests/it/architecture.rs`, which checks it):
//!
//! - [`base`]: time, ids, names, defects, spans, numbers for people
//! - [`ingest`]: bytes to events
//! - [`index`]: events to columns
//! - [`dialect`]: a vendor's words to common words
//! - [`analyze`]: columns and common words to answers
//! - [`table`]: every table as data
//! - [`plot`]: pictures as data: axes with round ticks, marks with a meaning
//! - [`view`]: answers to what is drawn that is no table
//! - [`export`]: answers to text, JSON and Markdown
//! - [`protocol`]: what page and worker say to each other
//! - [`synth`]: invented traces of known content, for the sample, tests and benchmarks
//! - [`session`]: the engine as a function of messages
//! - `web`, `app`: the browser (wasm32 only)
//!
//! Three packages: the first three are `stepscope-reading`, the last two are here, all others are `stepscope-engine`.

#[cfg(target_arch = "wasm32")]
pub mod app;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use stepscope_engine::{
    analyze, base, dialect, export, index, ingest, plot, protocol, session, synth, table, view,
};
