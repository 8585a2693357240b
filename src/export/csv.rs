//! A table for a spreadsheet: every column under its key. Durations and instants in whole nanoseconds, values of closed
//! sets by their keys; an empty cell is an unknown value.

use crate::table::{Cell, Filled};

/// Where spreadsheets end a field, whichever of them theirs is set to; tabs are written as escapes.
const SEPARATORS: [char; 3] = [',', ';', '|'];
/// What a formula begins with, at full width too.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];

/// What a spreadsheet would take for a formula, at the start or behind a separator, is led by an apostrophe.
fn harmless(text: &str) -> String {
    let text = super::report_words::plain(text);
    let mut out = String::with_capacity(text.len());
    for (n, part) in text.split_inclusive(SEPARATORS).enumerate() {
        let begins = part.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
        // `[4, -1]`, `Shape<8, -1>`: a number of a list is no formula.
        let bare = begins.trim_end_matches(|c: char| SEPARATORS.contains(&c) || ")]}> ".contains(c));
        if begins.starts_with(FORMULA) && (n == 0 || bare.parse::<f64>().is_err()) {
            out.push('\'');
        }
        out += part;
    }
    out
}

/// Quoted where a comma is in it, or what was taken for a formula behind another separator.
fn quoted(field: String) -> String {
    let has_apostrophe = field.split(SEPARATORS).skip(1).any(|part| part.starts_with('\''));
    if field.contains([',', '"']) || has_apostrophe {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

fn field(cell: &Cell) -> String {
    match cell {
        Cell::Unknown | Cell::Place(_) | Cell::Parts { .. } | Cell::Curve { .. } => String::new(),
        Cell::Int(n) => n.to_string(),
        Cell::Real(x) => x.to_string(),
        Cell::Flag(flag) => flag.to_string(),
        // A number of the file's own is no formula, whatever its sign.
        Cell::Text(text) if text.parse::<f64>().is_ok() => text.clone(),
        Cell::Text(text) => harmless(text.trim_start_matches('\u{2003}')),
        Cell::Term(term) => harmless(&term.key),
        Cell::Bucket(bucket) => bucket.to_string(),
    }
}

/// All rows of a table.
pub fn table_csv(table: &Filled<'_>) -> String {
    let rows = &table.rows;
    let columns: Vec<usize> = (0..rows.columns.len())
        .filter(|&at| !rows.columns[at].kind.is_drawn())
        .collect();
    let line = |fields: Vec<String>| match fields.join(",") {
        line if line.is_empty() => "\"\"\n".to_owned(),
        line => line + "\n",
    };
    let heads = columns.iter().map(|&at| quoted(harmless(&rows.columns[at].key)));
    let mut out = line(heads.collect());
    for row in 0..rows.len() {
        out += &line(
            columns
                .iter()
                .map(|&at| quoted(field(&rows.cell(row, at))))
                .collect(),
        );
    }
    out
}

/// The columns that people are shown, as they read them, with tabs between: for the clipboard.
pub fn table_tsv(table: &Filled<'_>, origin_ns: i64) -> String {
    let rows = &table.rows;
    let columns = super::shown(rows);
    let bare = |text: &str| super::report_words::plain(&text.replace(['\t', '\n', '\r'], " "));
    let line = |cells: Vec<String>| format!("{}\n", cells.join("\t"));
    let mut out = line(columns.iter().map(|&at| bare(&rows.columns[at].head)).collect());
    for row in 0..rows.len() {
        let words = |&at: &usize| {
            let cell = rows.cell(row, at);
            let words = bare(&cell.words(&rows.columns[at].kind, origin_ns));
            match cell {
                Cell::Text(text) if text.parse::<f64>().is_err() => harmless(&words),
                _ => words,
            }
        };
        out += &line(columns.iter().map(words).collect());
    }
    out
}
