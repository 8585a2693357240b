//! A device's time in one tree, as vendors' tools show it: computing by kind of kernel, communication that no computing
//! hides, nothing at all, and all three together.
//!
//! Computing, communication and free are those of `step_breakdown`. The kinds are sums of kernels: kernels
//! that run at the same time count each, so the kinds of computing may add up to more than it.

use crate::dialect::tables_beside::{BreakdownRow, KernelClass, KernelTable};

use crate::analyze::report::{Overall, OverallPart};
use crate::analyze::steps::breakdown;

/// The rule, for people.
pub const OVERALL_SAYS: &str = "Kinds of kernels are sums of their durations; those that run at the same time count \
                                each, so they may add up to more than computing.";

/// `None` where nothing divides the time, or no kernel is listed.
pub fn overall(table: &KernelTable, breakdown: &[BreakdownRow]) -> Option<Overall> {
    let whole = breakdown::whole(breakdown);
    let sum =
        |part: fn(&BreakdownRow) -> i64| whole.iter().fold(0_i64, |sum, row| sum.saturating_add(part(row)));
    let total_ns = sum(|row| row.total_ns);
    if total_ns <= 0 || table.rows.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let part = |ns: i64| ns as f64 / total_ns as f64;
    let of_class = |class: KernelClass| {
        let kernels = table
            .rows
            .iter()
            .filter(|row| !row.is_collective && row.class == class);
        let (count, ns) = kernels.fold((0_u64, 0_i64), |(n, sum), row| {
            (n + 1, sum.saturating_add(row.dur_ns))
        });
        (count > 0).then(|| OverallPart {
            kind: class.name().to_owned(),
            total_ns: ns,
            part: part(ns),
            count: Some(count),
        })
    };
    let row = |kind: &str, ns: i64, count: Option<u64>| OverallPart {
        kind: kind.to_owned(),
        total_ns: ns,
        part: part(ns),
        count,
    };
    let count = |collective: bool| {
        let rows = table.rows.iter().filter(|row| row.is_collective == collective);
        Some(rows.count() as u64)
    };
    Some(Overall {
        source: whole.first().map(|row| row.source.clone()).unwrap_or_default(),
        computing: row("computing", sum(|r| r.computing_ns), count(false)),
        kernels: KernelClass::ALL.into_iter().filter_map(of_class).collect(),
        communication_not_overlapped: row(
            "communication, not overlapped",
            sum(|r| r.communication_not_overlapped_ns),
            count(true),
        ),
        free: row("free", sum(|r| r.free_ns), None),
        total: row("all", total_ns, None),
    })
}
