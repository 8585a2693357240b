//! What the framework's operators allocated on devices, by the profiler's own table: who most, and what is not given
//! back while the profiler runs. Allocations are summed whether they were in use at one time or not.

use rustc_hash::FxHashMap;

use crate::base::{NameId, order};
use crate::dialect::tables_beside::{AllocationRow, AllocationTable};

use crate::analyze::report::{Allocation, Allocations, OperatorAllocations};

/// Bound of [`Allocations::by_operator`].
const MAX_OPERATORS: usize = 500;
/// Bound of [`Allocations::largest`] and [`Allocations::kept`].
const MAX_LISTED: usize = 50;

/// `None` where there is no table.
pub fn allocations(table: &AllocationTable) -> Option<Allocations> {
    if table.rows.is_empty() {
        return None;
    }
    let mut all = Allocations::default();
    let mut place: FxHashMap<NameId, usize> = FxHashMap::default();
    for row in &table.rows {
        let n = all.by_operator.len();
        let at = *place.entry(row.operator).or_insert(n);
        if at == n {
            all.by_operator.push(OperatorAllocations {
                operator: table.names.get(row.operator).to_owned(),
                ..OperatorAllocations::default()
            });
        }
        let of = &mut all.by_operator[at];
        all.count += 1;
        all.bytes = all.bytes.saturating_add(row.bytes);
        of.count += 1;
        of.bytes = of.bytes.saturating_add(row.bytes);
        of.max_bytes = of.max_bytes.max(row.bytes);
        of.longest_ns = of.longest_ns.max(row.held_ns);
        if row.release_ns.is_none() {
            all.not_released += 1;
            all.not_released_bytes = all.not_released_bytes.saturating_add(row.bytes);
            of.not_released += 1;
            of.not_released_bytes = of.not_released_bytes.saturating_add(row.bytes);
        }
    }
    order::sort_by(&mut all.by_operator, |a, b| {
        b.bytes.cmp(&a.bytes).then_with(|| a.operator.cmp(&b.operator))
    });
    all.by_operator.truncate(MAX_OPERATORS);
    all.largest = largest(table, |_| true);
    all.kept = largest(table, |row| row.release_ns.is_none());
    Some(all)
}

/// Of equal size, the first of the table.
fn largest(table: &AllocationTable, wanted: impl Fn(&AllocationRow) -> bool) -> Vec<Allocation> {
    let mut rows: Vec<(usize, &AllocationRow)> = table.rows.iter().enumerate().collect();
    rows.retain(|(_, row)| wanted(row));
    let key = |(i, row): &(usize, &AllocationRow)| (std::cmp::Reverse(row.bytes), *i);
    if rows.len() > MAX_LISTED {
        rows.select_nth_unstable_by_key(MAX_LISTED, key);
        rows.truncate(MAX_LISTED);
    }
    order::sort_by_key(&mut rows, key);
    let allocation = |(_, row): (usize, &AllocationRow)| Allocation {
        operator: table.names.get(row.operator).to_owned(),
        device: table.names.get(row.device).to_owned(),
        bytes: row.bytes,
        start_ns: row.start_ns,
        release_ns: row.release_ns,
        held_ns: row.held_ns,
    };
    rows.into_iter().map(allocation).collect()
}
