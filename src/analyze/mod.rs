//! `pure fn(&Index, &Vocabulary, …) -> answer`. A file a question; no vendor's name appears here.

pub mod activity;
pub mod device_time;
pub mod gaps;
pub mod kernels;
pub mod operators;
pub mod python;
pub mod report;
pub mod words;
