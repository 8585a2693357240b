//! A stretch of a table's rows, sorted and filtered: what a page shows of a table of any size.

use serde::{Deserialize, Serialize};

use super::cell::{Cell, Column, Kind, Visibility};
use super::selected::SelectedAsk;
use super::table_rows::{Order, Rows};

/// More rows are never given at once.
pub const MAX_ROWS: u32 = 1_000;

/// Rows that the page draws of a table at once: the 20 in sight, and some on either side …
pub const PAGE_ROWS: u32 = 30;
/// … and columns, until the reader asks for more: a file may have hundreds.
pub const PAGE_COLUMNS: usize = 16;

/// Which rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Of those that the filters let through, in the order asked for.
    pub first_row: u32,
    /// At most [`MAX_ROWS`] are given.
    pub n_rows: u32,
    /// `None`: as the table lies.
    pub order: Option<Order>,
    /// Only rows of which a text, name or term contains this, whatever the case.
    pub contains: String,
    /// Only rows whose column of this key has this value: a term's key, else its words; empty for unknown.
    pub only: Vec<(String, String)>,
    /// Only rows whose column of this key lies in `[from, to)`, in the column's unit.
    pub within: Option<(String, i64, i64)>,
    /// What the reader has selected of the trace, for tables that are made of that.
    pub selected: Option<SelectedAsk>,
}

impl Ask {
    /// Whether it says which rows, or in which order; else all of them lie as the table has them.
    fn chooses(&self) -> bool {
        self.order.is_some() || !self.contains.is_empty() || !self.only.is_empty() || self.within.is_some()
    }

    /// The same rows in the same order, whatever stretch of them.
    pub fn same_order(&self, other: &Ask) -> bool {
        let stretch = |ask: &Ask| Ask {
            first_row: 0,
            n_rows: 0,
            ..ask.clone()
        };
        stretch(self) == stretch(other)
    }
}

/// A stretch of a table, with what it takes to draw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub title: String,
    pub definition: String,
    pub says: Vec<String>,
    pub columns: Vec<Column>,
    /// Each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    pub first_row: u32,
    /// Rows that the filters let through.
    pub n_rows: u32,
    /// All rows of the table.
    pub n_all: u32,
    /// How the rows lie.
    pub order: Option<Order>,
    /// Where the trace starts: instants are read from there.
    pub origin_ns: i64,
}

impl Page {
    /// Numbers of the columns that are shown, without those of `without`, where the reader changed his mind about
    /// those of `toggled`.
    pub fn shown(&self, without: &[&str], toggled: &[String]) -> Vec<usize> {
        let mut n_usual = 0;
        let mut shown = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let mut usual = column.visibility == Visibility::ByDefault && !without.contains(&&*column.key);
            // The way to the timeline stands last, and is of use whatever else is shown.
            if column.kind != Kind::Place {
                n_usual += usize::from(usual);
                usual &= n_usual <= PAGE_COLUMNS;
            }
            if usual != toggled.iter().any(|key| *key == column.key) {
                shown.push(at);
            }
        }
        shown
    }
}

/// Numbers of the rows that are asked for, in the order that is asked for. `None`: all of them, as they lie.
///
/// Sorting is stable, and unknown values come last whichever way it goes.
pub fn chosen(rows: &Rows<'_>, ask: &Ask) -> Option<Vec<u32>> {
    if !ask.chooses() {
        return None;
    }
    let n = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let wanted = ask.contains.to_lowercase();
    let only: Vec<(Option<usize>, &str)> = ask
        .only
        .iter()
        .map(|(key, value)| (rows.column(key), value.as_str()))
        .collect();
    let within = ask
        .within
        .as_ref()
        .map(|(key, from, to)| (rows.column(key), *from..*to));
    let passes = |row: &u32| {
        let row = *row as usize;
        let is_one = |(at, value): &(Option<usize>, &str)| at.is_some_and(|at| rows.cell(row, at).is(value));
        let lies = |(at, range): &(Option<usize>, std::ops::Range<i64>)| match at.map(|at| rows.cell(row, at))
        {
            Some(Cell::Int(value)) => range.contains(&value),
            _ => false,
        };
        let contains = |wanted: &str| {
            let mut columns = rows.columns.iter().enumerate();
            columns.any(|(at, column)| rows.cell(row, at).contains(&column.kind, wanted))
        };
        only.iter().all(is_one)
            && within.as_ref().is_none_or(lies)
            && (wanted.is_empty() || contains(&wanted))
    };
    let mut numbers: Vec<u32> = (0..n).filter(passes).collect();
    if let Some(order) = &ask.order
        && let Some(at) = rows.column(&order.column)
    {
        let mut keyed: Vec<(Cell, u32)> = numbers
            .iter()
            .map(|&row| (rows.cell(row as usize, at), row))
            .collect();
        keyed.sort_by(|(a, _), (b, _)| match (a, b) {
            (Cell::Unknown, _) | (_, Cell::Unknown) => b.order(a),
            _ if order.descending => b.order(a),
            _ => a.order(b),
        });
        numbers = keyed.into_iter().map(|(_, row)| row).collect();
    }
    Some(numbers)
}

/// The stretch that is asked for; `numbers` is what [`chosen`] gave for it.
pub fn page(rows: &Rows<'_>, ask: &Ask, numbers: Option<&[u32]>) -> Page {
    let n_all = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let n_rows = numbers.map_or(n_all, |numbers| u32::try_from(numbers.len()).unwrap_or(u32::MAX));
    let first_row = ask.first_row.min(n_rows);
    let end = first_row.saturating_add(ask.n_rows.min(MAX_ROWS)).min(n_rows);
    let number = |at: u32| numbers.map_or(at, |numbers| numbers[at as usize]);
    Page {
        says: rows.says_of_all(),
        columns: rows.columns.clone(),
        rows: (first_row..end).map(|at| rows.row(number(at) as usize)).collect(),
        first_row,
        n_rows,
        n_all,
        order: ask.order.clone().or_else(|| rows.order.clone()),
        ..Page::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item {
        name: &'static str,
        ns: Option<i64>,
    }

    const ITEMS: [Item; 4] = [
        Item {
            name: "beta",
            ns: Some(5),
        },
        Item {
            name: "Alpha",
            ns: None,
        },
        Item {
            name: "gamma",
            ns: Some(70),
        },
        Item {
            name: "alphabet",
            ns: Some(5),
        },
    ];

    fn rows() -> Rows<'static> {
        Rows::of(&ITEMS)
            .name("name", "name", "", |item| item.name)
            .duration("dur_ns", "duration", "", |item| item.ns)
            .done()
    }

    fn names(ask: &Ask) -> Vec<String> {
        let rows = rows();
        let numbers = chosen(&rows, ask);
        let page = page(&rows, ask, numbers.as_deref());
        page.rows
            .iter()
            .map(|row| row[0].words(&page.columns[0].kind, 0))
            .collect()
    }

    fn by(column: &'static str, descending: bool) -> Ask {
        Ask {
            n_rows: 10,
            order: Some(Order {
                column: column.into(),
                descending,
            }),
            ..Ask::default()
        }
    }

    #[test]
    fn unknown_comes_last_whichever_way_and_equals_keep_their_order() {
        assert_eq!(names(&by("dur_ns", true)), ["gamma", "beta", "alphabet", "Alpha"]);
        assert_eq!(
            names(&by("dur_ns", false)),
            ["beta", "alphabet", "gamma", "Alpha"]
        );
        assert_eq!(names(&by("name", false)), ["Alpha", "alphabet", "beta", "gamma"]);
    }

    #[test]
    fn rows_are_filtered_by_text_by_value_and_by_range() {
        let ask = Ask {
            n_rows: 10,
            contains: "ALPHA".into(),
            ..Ask::default()
        };
        assert_eq!(names(&ask), ["Alpha", "alphabet"]);
        let ask = Ask {
            n_rows: 10,
            only: vec![("dur_ns".into(), "5".into())],
            ..Ask::default()
        };
        assert_eq!(names(&ask), ["beta", "alphabet"]);
        let ask = Ask {
            n_rows: 10,
            within: Some(("dur_ns".into(), 6, 71)),
            ..Ask::default()
        };
        assert_eq!(names(&ask), ["gamma"]);
    }

    #[test]
    fn a_stretch_past_the_end_is_cut() {
        let ask = Ask {
            first_row: 3,
            n_rows: 10,
            ..Ask::default()
        };
        assert_eq!(names(&ask), ["alphabet"]);
        let past = Ask { first_row: 9, ..ask };
        assert_eq!(names(&past), [""; 0]);
    }
}
