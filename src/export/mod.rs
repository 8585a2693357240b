//! Answers as JSON for programs, text for a terminal, Markdown for a pull request, and CSV for a spreadsheet; and a
//! [cut-out](cut) of the trace itself for other viewers.
//!
//! Pure functions of a report. Whatever a trace calls its things is shown harmlessly: control characters,
//! and characters that turn the direction of writing, are written as escapes.

mod beside;
mod csv;
pub mod cut;
mod json;
mod markdown;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use csv::{
    api_statistics_csv, copies_csv, gaps_csv, idle_csv, kernels_csv, launches_csv, modules_csv, nodes_csv,
    operator_statistics_csv, operators_by_shape_csv, operators_by_stack_csv, operators_csv, recompiles_csv,
    steps_csv, stream_gaps_csv,
};
pub use json::report_json;
pub use markdown::report_markdown;
pub use text::{checked_text, report_text};
