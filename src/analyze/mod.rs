//! `pure fn(&Index, &Vocabulary, …) -> answer`. A file a question; no vendor's name appears here.

pub mod activity;
pub mod gaps;
pub mod report;
pub mod words;
