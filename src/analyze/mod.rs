//! `pure fn(&Index, &Vocabulary, …) -> answer`. A file a question; no vendor's name appears here.

pub mod report;
