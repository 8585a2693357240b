//! A page of the profiler's table of kernels.

use serde::{Deserialize, Serialize};

use crate::base::SliceId;
use crate::dialect::tables::KernelTable;

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KernelOrder {
    #[default]
    Start,
    /// Longest first.
    Duration,
    /// Longest wait first.
    Wait,
}

/// One execution of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelLine {
    pub name: String,
    pub operator: String,
    pub kind: String,
    pub core: String,
    pub shapes: String,
    pub start_ns: i64,
    pub dur_ns: i64,
    pub wait_ns: Option<i64>,
    pub blocks: Option<u32>,
    /// Row of its slice in the timeline.
    pub slice: Option<u32>,
}

/// At most as many lines as were asked for, and never more than [`MAX_LINES`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelLines {
    pub lines: Vec<KernelLine>,
    pub first_row: u32,
    /// Rows that fit the filter.
    pub n_rows: u32,
    /// Sum of their durations.
    pub total_ns: i64,
}

/// Bound of [`KernelLines::lines`].
pub const MAX_LINES: u32 = 500;
/// A longer text is cut.
const MAX_TEXT: usize = 300;

/// The rows whose name, kind or core contains `text`, whatever the case, from `first_row` on.
pub fn kernel_lines(
    table: &KernelTable,
    slices: &[Option<SliceId>],
    text: &str,
    order: KernelOrder,
    first_row: u32,
    n_rows: u32,
) -> KernelLines {
    let text = text.to_lowercase();
    // Names repeat: each is looked at once.
    let fits: Vec<bool> = table
        .names
        .iter()
        .map(|(_, name)| name.to_lowercase().contains(&text))
        .collect();
    let is_wanted = |i: &u32| {
        let row = &table.rows[*i as usize];
        let ids = [row.name, row.kind, row.core];
        text.is_empty()
            || ids
                .iter()
                .any(|id| fits.get(id.0 as usize).copied().unwrap_or(false))
    };
    let all = 0..u32::try_from(table.rows.len()).unwrap_or(u32::MAX);
    let mut rows: Vec<u32> = all.filter(is_wanted).collect();
    let row = |i: u32| &table.rows[i as usize];
    match order {
        KernelOrder::Start => rows.sort_unstable_by_key(|&i| (row(i).start_ns, i)),
        KernelOrder::Duration => rows.sort_unstable_by_key(|&i| (std::cmp::Reverse(row(i).dur_ns), i)),
        KernelOrder::Wait => rows.sort_unstable_by_key(|&i| (std::cmp::Reverse(row(i).wait_ns), i)),
    }
    let n = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let first_row = first_row.min(n);
    let shown = rows
        .iter()
        .skip(first_row as usize)
        .take(n_rows.min(MAX_LINES) as usize);
    let cut = |id| -> String { table.text(id).chars().take(MAX_TEXT).collect() };
    KernelLines {
        lines: shown
            .map(|&i| KernelLine {
                name: cut(row(i).name),
                operator: cut(row(i).operator),
                kind: cut(row(i).kind),
                core: cut(row(i).core),
                shapes: cut(row(i).shapes),
                start_ns: row(i).start_ns,
                dur_ns: row(i).dur_ns,
                wait_ns: row(i).wait_ns,
                blocks: row(i).blocks,
                slice: slices.get(i as usize).copied().flatten().map(|id| id.0),
            })
            .collect(),
        first_row,
        n_rows: n,
        total_ns: rows
            .iter()
            .fold(0, |sum: i64, &i| sum.saturating_add(row(i).dur_ns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ascend::tables::{Table, read};
    use crate::dialect::tables::Tables;

    #[test]
    fn rows_are_filtered_sorted_and_cut_into_pages() {
        let mut csv = "Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us)\n".to_owned();
        for i in 0..1000 {
            csv.push_str(&format!(
                "k{},{},AI_CORE,{i},{}.5,0\n",
                i % 10,
                if i % 2 == 0 { "MatMul" } else { "Add" },
                i % 7
            ));
        }
        let mut tables = Tables::default();
        read(Table::Kernels, "kernel_details.csv", csv.as_bytes(), &mut tables);
        let of = |text, order, first| kernel_lines(&tables.kernels, &[], text, order, first, 200);
        let all = of("", KernelOrder::Start, 0);
        assert_eq!(
            (all.n_rows, all.lines.len(), all.lines[199].start_ns),
            (1000, 200, 199_000)
        );
        let some = of("matmul", KernelOrder::Duration, 400);
        assert_eq!((some.n_rows, some.lines.len()), (500, 100));
        assert_eq!(some.lines[99].dur_ns, 500);
        assert_eq!(of("nothing", KernelOrder::Wait, 7), KernelLines::default());
    }
}
