//! The report for a pull request: findings in the open, tables folded away.

use crate::analyze::report::{Level, Report, TraceReport};
use crate::base::show;
use crate::table::{Answers, Cell, Filled, Kind, filled};

use super::report_words::{self, clipped, plain};
use super::{shown, together};

/// Rows of a table before it is cut.
const ROWS: usize = 20;
/// Characters of a name before it is cut.
const NAME: usize = 80;

/// Text that Markdown and GitHub leave alone: no markup, no HTML, no mention, no link to an issue, no end of
/// a cell.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// The same for the summary of a folded part, where Markdown is not read.
fn html(text: &str) -> String {
    plain(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('@', "&#64;")
}

fn name(text: &str) -> String {
    escaped(&clipped(text, NAME))
}

/// A table as Markdown: the columns that are shown by default, of at most `most` rows.
fn table(out: &mut String, table: &Filled<'_>, most: usize, origin_ns: i64) {
    let rows = &table.rows;
    let n = rows.len().min(most);
    let mut columns: Vec<usize> = shown(&table.rows);
    // What is unknown in every row takes no room.
    columns.retain(|&at| (0..n).any(|row| rows.cell(row, at) != Cell::Unknown));
    out.push('|');
    for &at in &columns {
        out.push_str(&format!(" {} |", escaped(&rows.columns[at].head)));
    }
    out.push_str("\n|");
    for &at in &columns {
        let number = rows.columns[at].kind.is_number();
        out.push_str(if number { " ---: |" } else { " --- |" });
    }
    out.push('\n');
    for row in 0..n {
        out.push('|');
        for &at in &columns {
            let kind = &rows.columns[at].kind;
            let words = rows.cell(row, at).words(kind, origin_ns);
            let words = match kind {
                Kind::Name => name(&words),
                _ => escaped(&words),
            };
            out.push_str(&format!(" {words} |"));
        }
        out.push('\n');
    }
    if rows.len() > most {
        let more = show::count((rows.len() - most) as u64);
        out.push_str(&format!("\n… and {more} more.\n"));
    }
}

/// All rows of a table, under its title.
pub fn table_markdown(of: &Filled<'_>, origin_ns: i64) -> String {
    let mut out = format!("### {}\n\n", escaped(&of.title));
    for sentence in sentences(of) {
        out.push_str(&format!("{}\n\n", escaped(sentence)));
    }
    table(&mut out, of, usize::MAX, origin_ns);
    out
}

fn sentences<'a>(of: &'a Filled<'_>) -> impl Iterator<Item = &'a str> {
    std::iter::once(&*of.definition).chain(of.rows.says.iter().map(String::as_str))
}

/// A table that is folded away.
fn folded(out: &mut String, of: &Filled<'_>, origin_ns: i64) {
    let n = show::counted(of.rows.len() as u64, "row");
    out.push_str(&format!(
        "\n<details><summary>{} ({n})</summary>\n\n",
        html(&of.title)
    ));
    for sentence in sentences(of) {
        out.push_str(&format!("{}\n\n", escaped(sentence)));
    }
    table(out, of, ROWS, origin_ns);
    out.push_str("\n</details>\n");
}

/// Everything, for a comment on a pull request.
pub fn report_markdown(report: &Report) -> String {
    let mut out = String::new();
    for trace in &report.traces {
        if !out.is_empty() {
            out.push('\n');
        }
        of_trace(&mut out, trace);
    }
    for of in together(report) {
        out.push_str(&format!("\n{}\n", escaped(&of.says.join(" "))));
        for table in &of.tables {
            folded(&mut out, table, 0);
        }
    }
    out
}

fn of_trace(out: &mut String, trace: &TraceReport) {
    out.push_str(&format!(
        "### {}\n\n{}\n",
        escaped(&trace.file),
        escaped(&report_words::facts_line(trace))
    ));
    for verdict in report_words::verdict_lines(trace) {
        out.push_str(&format!("\n**{}**\n", escaped(&verdict)));
    }
    for note in &trace.notes {
        out.push_str(&format!("\n> {}\n", escaped(note)));
    }
    for missing in trace.beside.iter().flat_map(|b| &b.missing) {
        out.push_str(&format!("\n> Missing data: {}\n", escaped(missing)));
    }
    findings(out, trace);
    let answers = Answers::of_report(trace);
    for of in filled(&answers) {
        folded(out, &of, answers.origin_ns());
    }
}

fn findings(out: &mut String, trace: &TraceReport) {
    out.push('\n');
    for finding in &trace.findings {
        let mark = match finding.level {
            Level::Problem => "**Problem:** ",
            Level::Hint => "**Hint:** ",
            Level::Fine => "",
        };
        out.push_str(&format!(
            "- {mark}{} _({})_",
            escaped(&finding.says),
            finding.sure.key()
        ));
        if !finding.advice.is_empty() {
            out.push_str(&format!(" {}", escaped(&finding.advice)));
        }
        out.push('\n');
        for line in report_words::evidence_lines(trace, finding) {
            out.push_str(&format!("  - {}\n", escaped(&line)));
        }
    }
    if trace.findings.is_empty() {
        out.push_str("Nothing here that an analysis looks for.\n");
    }
}
