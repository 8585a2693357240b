//! Answers as JSON for programs, text for a terminal, Markdown for a pull request, HTML to hand on, and CSV for a
//! spreadsheet; and a [cut-out](cut) of the trace itself for other viewers.
//!
//! Pure functions of a report. Whatever a trace calls its things is shown harmlessly: control characters,
//! and characters that turn the direction of writing, are written as escapes.

mod comparison_report;
mod csv;
pub mod cut;
mod html;
mod json_report;
mod markdown;
mod report_words;
pub mod strip;
mod svg;
#[cfg(test)]
mod tests;
mod text_report;

pub use comparison_report::{comparison_json, comparison_markdown, comparison_text};
use comparison_report::{head as comparison_head, with_tables as comparison_tables};
pub use csv::{table_csv, table_tsv};
pub use html::{Made, comparison_html, findings_html, report_html};
pub use json_report::{report_json, table_json};
pub use markdown::{report_markdown, table_markdown};
pub use text_report::{checked_text, report_text, table_text};

use crate::analyze::report::Report;
use crate::table::{Answers, Filled, Rows, Visibility, filled};

/// The columns that people are shown.
fn shown(rows: &Rows<'_>) -> Vec<usize> {
    let is_shown = |at: &usize| {
        let column = &rows.columns[*at];
        column.visibility == Visibility::ByDefault && !column.kind.is_drawn()
    };
    (0..rows.columns.len()).filter(is_shown).collect()
}

/// What is said of several traces together, beside what is said of each.
struct Together<'a> {
    title: &'static str,
    says: Vec<String>,
    /// Which do not say it again.
    tables: Vec<Filled<'a>>,
}

/// The comparison of workers, and that of the ranks of a run, as far as there are any.
fn together(report: &Report) -> Vec<Together<'_>> {
    let workers = report.workers.as_ref().map(|workers| {
        let answers = Answers {
            workers: Some(workers),
            ..Answers::without_trace()
        };
        let says = format!("{} ({})", workers.says, workers.sure.key());
        let is_said = |sentence: &String| *sentence == workers.says;
        Together {
            title: "Workers",
            says: vec![says],
            tables: without(filled(&answers), is_said),
        }
    });
    let ranks = report.ranks.as_ref().map(|ranks| {
        let answers = Answers {
            ranks: Some(ranks),
            ..Answers::without_trace()
        };
        let is_said = |sentence: &String| ranks.says.contains(sentence);
        Together {
            title: "Ranks of the run",
            says: ranks.says.clone(),
            tables: without(filled(&answers), is_said),
        }
    });
    workers.into_iter().chain(ranks).collect()
}

/// Tables without sentences that stand above them.
fn without<'a>(mut tables: Vec<Filled<'a>>, is_said: impl Fn(&String) -> bool) -> Vec<Filled<'a>> {
    for table in &mut tables {
        table.rows.says.retain(|sentence| !is_said(sentence));
    }
    tables
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
