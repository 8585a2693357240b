//! Answers to what is drawn: `pure fn(&answer, window, width) -> view model`. Every view model has a bounded
//! size, whatever the trace's size.
//!
//! The answer types that are shown as they are, are passed on from [`analyze::report`](crate::analyze::report).

pub mod arrangement;
pub mod arrows;
pub mod bands;
pub mod by_name;
pub mod classes;
pub mod commands;
pub mod cut;
pub mod details;
pub mod flame;
pub mod hits;
pub mod layout;
pub mod memory;
pub mod memory_budget;
pub mod model;
pub mod raster;
pub mod route;
pub mod steps;
pub mod summary;
pub mod table;
pub mod timeline;
pub mod timescale;
mod tracks;

pub use crate::plot::histogram;
pub use cut::{CutFacts, CutRequest};
pub use memory_budget::{LIMIT_BYTES, PYTHON};
pub use model::*;
