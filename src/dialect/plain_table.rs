//! Tables that a file holds ready-made: shown as they stand, with the file's own words, and not analysed.

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// More rows are counted and not kept: a person reads a few hundred.
pub const MAX_ROWS: usize = 20_000;
/// More columns are counted and left out; the vendor's widest table has 52.
const MAX_COLUMNS: usize = 256;
/// Longer texts are cut.
const MAX_CELL_CHARS: usize = 400;

/// A table as the file has it. Units stand in the names of its columns, where the file gives any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlainTable {
    pub title: String,
    /// The file, or the file in the archive.
    pub source: String,
    /// One sentence: what a row is, and whose numbers these are.
    pub says: String,
    pub columns: Vec<String>,
    /// Each as long as `columns`; empty where the file says nothing.
    pub rows: Vec<Vec<String>>,
    /// Rows of the file; more than `rows` where the table is cut.
    pub n_rows: u64,
    /// Columns of the file that are left out.
    #[serde(default)]
    pub n_columns_left_out: u64,
}

impl PlainTable {
    /// With these columns, and no rows yet.
    pub fn of_columns(
        title: &str,
        source: &str,
        says: &str,
        columns: impl Iterator<Item = String>,
    ) -> PlainTable {
        let mut columns: Vec<String> = columns.collect();
        let n_columns_left_out = columns.len().saturating_sub(MAX_COLUMNS) as u64;
        columns.truncate(MAX_COLUMNS);
        PlainTable {
            title: title.into(),
            source: source.into(),
            says: says.into(),
            columns,
            n_columns_left_out,
            ..PlainTable::default()
        }
    }

    /// Of objects: the columns are all their keys, in order of first appearance. What is no object is no row.
    pub fn of_objects<'a>(
        title: &str,
        source: &str,
        says: &str,
        objects: impl Iterator<Item = &'a Value>,
    ) -> PlainTable {
        let mut table = PlainTable {
            title: title.into(),
            source: source.into(),
            says: says.into(),
            ..PlainTable::default()
        };
        let mut left_out: FxHashSet<&str> = FxHashSet::default();
        for object in objects.filter_map(Value::as_object) {
            table.n_rows += 1;
            if table.rows.len() >= MAX_ROWS {
                continue;
            }
            let mut row = vec![String::new(); table.columns.len()];
            for (key, value) in object {
                let at = match table.columns.iter().position(|c| c == key) {
                    Some(at) => at,
                    None if table.columns.len() < MAX_COLUMNS => {
                        table.columns.push(key.clone());
                        row.push(String::new());
                        table.columns.len() - 1
                    }
                    None => {
                        left_out.insert(key);
                        continue;
                    }
                };
                row[at] = cell(value);
            }
            table.rows.push(row);
        }
        table.n_columns_left_out = left_out.len() as u64;
        table.square();
        table
    }

    /// Whether the file has more rows or columns than are kept.
    pub fn is_cut(&self) -> bool {
        self.n_rows > self.rows.len() as u64 || self.n_columns_left_out > 0
    }

    /// Of rows that are texts already.
    pub fn push(&mut self, cells: impl Iterator<Item = String>) {
        self.n_rows += 1;
        if self.rows.len() < MAX_ROWS {
            let cells = cells.take(self.columns.len()).map(|text| cut(&text));
            let mut cells: Vec<String> = cells.collect();
            cells.resize(self.columns.len(), String::new());
            self.rows.push(cells);
        }
    }

    /// Every row as long as the columns.
    pub fn square(&mut self) {
        let n = self.columns.len();
        for row in &mut self.rows {
            row.resize(n, String::new());
        }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_columns_are_the_union_of_the_keys() {
        let list = json!([{"b": 1, "a": "x"}, 7, {"c": null, "a": "y"}]);
        let table = PlainTable::of_objects("t", "s", "", list.as_array().expect("a list").iter());
        assert_eq!((table.columns.len(), table.n_rows), (3, 2));
        let of = |row: usize, column: &str| {
            let at = table.columns.iter().position(|c| c == column).expect("a column");
            table.rows[row][at].as_str()
        };
        assert_eq!((of(0, "a"), of(0, "b"), of(0, "c")), ("x", "1", ""));
        assert_eq!((of(1, "a"), of(1, "b"), of(1, "c")), ("y", "", ""));
    }

    #[test]
    fn a_table_is_bounded_and_says_how_long_it_was() {
        let list: Vec<Value> = (0..MAX_ROWS + 5).map(|n| json!({ "n": n })).collect();
        let table = PlainTable::of_objects("t", "s", "", list.iter());
        assert_eq!((table.rows.len(), table.n_rows), (MAX_ROWS, MAX_ROWS as u64 + 5));
        let long = "ä".repeat(1000);
        assert_eq!(cut(&long).chars().count(), MAX_CELL_CHARS + 1);
    }
}
