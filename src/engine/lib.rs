//! What runs once a file, as a package of its own: in the worker it is built for size, and what runs once an event,
//! `stepscope-reading`, for speed.

#[path = "../analyze/mod.rs"]
pub mod analyze;
#[path = "../dialect/mod.rs"]
pub mod dialect;
#[path = "../export/mod.rs"]
pub mod export;
#[path = "../plot/mod.rs"]
pub mod plot;
#[path = "../protocol/mod.rs"]
pub mod protocol;
#[path = "../session/mod.rs"]
pub mod session;
#[path = "../synth/mod.rs"]
pub mod synth;
#[path = "../table/mod.rs"]
pub mod table;
#[path = "../view/mod.rs"]
pub mod view;

/// Small traces for unit tests, as those of `tests/it/` make them.
#[cfg(test)]
#[path = "../../tests/it/small_trace.rs"]
mod small_trace;

pub use stepscope_reading::{base, index, ingest};
