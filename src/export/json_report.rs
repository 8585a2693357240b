//! The report for programs: `stepscope.report/1`, as DESIGN.md fixes its names.

use serde_json::Value;

use crate::analyze::report::Report;
use crate::base::{order, show};
use crate::table::{Cell, Filled};

/// One JSON object, indented, keys in the order of the struct's fields, ending with a line break.
pub fn report_json(report: &Report) -> String {
    let mut json = serde_json::to_string_pretty(report)
        .expect("a report has only string keys, and a number that is none becomes null");
    json.push('\n');
    show::plain_json(json)
}

/// All rows of a table, a flat object each, with the keys and values of [`table_csv`](super::table_csv), and null where
/// unknown.
pub fn table_json(table: &Filled<'_>) -> String {
    let rows = &table.rows;
    let value = |cell: Cell| match cell {
        Cell::Unknown | Cell::Place(_) | Cell::Parts { .. } | Cell::Curve { .. } => Value::Null,
        Cell::Int(n) => n.into(),
        Cell::Real(x) => x.into(),
        Cell::Flag(flag) => flag.into(),
        Cell::Text(text) => text.trim_start_matches('\u{2003}').into(),
        Cell::Term(term) if term.key.is_empty() => Value::Null,
        Cell::Term(term) => term.key.into(),
        Cell::Bucket(bucket) => bucket.to_string().into(),
    };
    let row = |row: usize| {
        let columns = rows
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| !column.kind.is_drawn());
        let fields = columns.map(|(at, column)| (column.key.to_string(), value(rows.cell(row, at))));
        Value::Object(order::inserted(fields))
    };
    let mut json = serde_json::to_string_pretty(&(0..rows.len()).map(row).collect::<Vec<_>>())
        .expect("objects with string keys");
    json.push('\n');
    show::plain_json(json)
}
