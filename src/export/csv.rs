//! A table for a spreadsheet: every column under its key. Durations and instants in whole nanoseconds, values of closed
//! sets by their keys; an empty cell is an unknown value.

use crate::table::{Cell, Filled};

/// A field that a spreadsheet would take for a formula is led by an apostrophe.
fn harmless(text: &str) -> String {
    let text = super::words::plain(text);
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
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
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut write = |fields: Vec<String>| {
        writer
            .write_record(fields)
            .expect("into memory, as long as the head")
    };
    write(
        columns
            .iter()
            .map(|&at| harmless(&rows.columns[at].key))
            .collect(),
    );
    for row in 0..rows.len() {
        write(columns.iter().map(|&at| field(&rows.cell(row, at))).collect());
    }
    let bytes = writer.into_inner().expect("a flush into memory");
    String::from_utf8(bytes).expect("made of strings")
}

/// The columns that people are shown, as they read them, with tabs between: for the clipboard.
pub fn table_tsv(table: &Filled<'_>, origin_ns: i64) -> String {
    let rows = &table.rows;
    let columns = super::shown(rows);
    let bare = |text: &str| super::words::plain(&text.replace(['\t', '\n', '\r'], " "));
    let line = |cells: Vec<String>| format!("{}\n", cells.join("\t"));
    let mut out = line(columns.iter().map(|&at| bare(&rows.columns[at].head)).collect());
    for row in 0..rows.len() {
        let words = |&at: &usize| bare(&rows.cell(row, at).words(&rows.columns[at].kind, origin_ns));
        out += &line(columns.iter().map(words).collect());
    }
    out
}
