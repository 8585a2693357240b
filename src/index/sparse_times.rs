//! Times that few slices have, one each: a row 4 bytes, a time 8, only where there is one.

use super::args::{at_row, kept, placed};
use super::column::Column;
use crate::base::SliceId;

/// Bytes of a time, with its row.
pub const BYTES: u64 = 12;

/// A time of some slices, ns. In the order of the file, until the slices have their final order; then in theirs.
#[derive(Clone, Debug, Default)]
pub struct SparseTimes {
    rows: Column<u32>,
    ns: Column<i64>,
}

impl SparseTimes {
    /// Of slice `row`, once a row.
    pub(super) fn push(&mut self, row: u32, ns: i64) {
        self.rows.push(row);
        self.ns.push(ns);
    }

    /// Keeps those of these rows, ascending; `rows[i]` becomes row `i`.
    pub(super) fn keep_rows(&mut self, rows: &[u32]) {
        let place = |row: u32| rows.binary_search(&row).ok().and_then(|i| u32::try_from(i).ok());
        (self.rows, self.ns) = kept(&self.rows, &self.ns, place);
    }

    /// The same in the numbering of `order`: slice `order[i]` of the file is slice `i`.
    pub(super) fn finish(self, order: &[u32]) -> SparseTimes {
        if self.is_empty() {
            return self;
        }
        let mut place = vec![0u32; order.len()];
        for (new, &old) in (0u32..).zip(order) {
            place[old as usize] = new;
        }
        let (rows, ns) = placed(self.rows, self.ns, &place);
        SparseTimes { rows, ns }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `None`: the slice has none.
    pub fn of(&self, id: SliceId) -> Option<i64> {
        if self.rows.is_empty() {
            return None;
        }
        at_row(&self.rows, id).map(|i| self.ns.get(i))
    }

    pub fn bytes(&self) -> u64 {
        self.rows.len() as u64 * BYTES
    }
}
