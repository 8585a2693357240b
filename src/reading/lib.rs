//! What runs once an event, as a package of its own, which is built for speed (see `stepscope-engine`).

#[path = "../base/mod.rs"]
pub mod base;
#[path = "../index/mod.rs"]
pub mod index;
#[path = "../ingest/mod.rs"]
pub mod ingest;
