//! What runs once an event, as a package of its own, so that the worker's is built for speed and the rest for size.

#[path = "../base/mod.rs"]
pub mod base;
#[path = "../index/mod.rs"]
pub mod index;
#[path = "../ingest/mod.rs"]
pub mod ingest;
