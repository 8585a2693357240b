//! How far the recording can be trusted: checked against the profiler's own table, and what its text is made of.

pub mod categories;
pub mod sums;
pub mod table_check;
