//! CPU time of slices, where the trace has a thread clock: `tdur` of complete events, and of a begin and an end the
//! difference of their `tts` (µs in the file). A row 4 bytes, a time 8, only where written.

use super::args::{at_row, kept, placed};
use super::column::Column;
use crate::base::SliceId;

/// Bytes of a time, with its row.
pub const CPU_TIME_BYTES: u64 = 12;

/// Times are whole µs in many files: a thread's time may exceed the duration by so much, ns.
const ROUNDING_NS: i64 = 1_000;

/// Whether a thread ran longer than its slice lasted, which cannot be.
pub fn is_beyond(on_cpu_ns: i64, dur_ns: i64) -> bool {
    on_cpu_ns > dur_ns.saturating_add(ROUNDING_NS)
}

/// In the order of the file, until the slices have their final order; then in theirs.
#[derive(Clone, Debug, Default)]
pub struct CpuTimes {
    rows: Column<u32>,
    ns: Column<i64>,
}

impl CpuTimes {
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
    pub(super) fn finish(self, order: &[u32]) -> CpuTimes {
        if self.is_empty() {
            return self;
        }
        let mut place = vec![0u32; order.len()];
        for (new, &old) in (0u32..).zip(order) {
            place[old as usize] = new;
        }
        let (rows, ns) = placed(self.rows, self.ns, &place);
        CpuTimes { rows, ns }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How long the thread of a slice ran on a processor, ns; `None`: not recorded.
    pub fn of(&self, id: SliceId) -> Option<i64> {
        at_row(&self.rows, id).map(|i| self.ns.get(i))
    }

    pub fn bytes(&self) -> u64 {
        self.rows.len() as u64 * CPU_TIME_BYTES
    }
}
