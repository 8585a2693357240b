//! Answers as JSON for programs, text for a terminal, Markdown for a pull request, HTML to hand on, and CSV for a
//! spreadsheet; and a [cut-out](cut) of the trace itself for other viewers.
//!
//! Pure functions of a report. Whatever a trace calls its things is shown harmlessly: control characters,
//! and characters that turn the direction of writing, are written as escapes.

mod compare;
mod csv;
pub mod cut;
mod html;
mod json;
mod labels;
mod markdown;
pub mod strip;
mod svg;
#[cfg(test)]
mod tests;
mod text;

pub use compare::{comparison_json, comparison_markdown, comparison_text};
use compare::{head as comparison_head, with_tables as comparison_tables};
pub use csv::{table_csv, table_tsv};
pub use html::{Made, comparison_html, report_html};
pub use json::{report_json, table_json};
pub use markdown::{report_markdown, table_markdown};
pub use text::{checked_text, report_text, table_text};

use crate::analyze::report::Workers;
use crate::table::{Filled, Rows, Visibility};

/// The columns that people are shown.
fn shown(rows: &Rows<'_>) -> Vec<usize> {
    let is_shown = |at: &usize| {
        let column = &rows.columns[*at];
        column.visibility == Visibility::ByDefault && !column.kind.is_drawn()
    };
    (0..rows.columns.len()).filter(is_shown).collect()
}

/// The sentence of the comparison of workers.
fn workers_say(workers: &Workers) -> String {
    format!("{} ({})", workers.says, workers.sure.key())
}

/// All rows of a table in a format by the ending of its file; `None`: there is no such format.
pub fn table_file(table: &Filled<'_>, format: &str, origin_ns: i64) -> Option<String> {
    match format {
        "csv" => Some(table_csv(table)),
        "tsv" => Some(table_tsv(table, origin_ns)),
        "json" => Some(table_json(table)),
        "md" => Some(table_markdown(table, origin_ns)),
        "txt" => Some(table_text(table, origin_ns)),
        _ => None,
    }
}
