//! torch's own operator table beside our numbers.

use rustc_hash::FxHashMap;

use crate::dialect::key_averages::{KeyAverages, Rounded, Row};

use crate::analyze::report::{Kernel, Operator, TableCheck, TableRow, TableVerdict};

/// Our numbers of one name.
#[derive(Clone, Copy, Default)]
struct Ours {
    calls: u64,
    self_cpu_ns: i64,
    total_cpu_ns: i64,
    self_device_ns: Option<i64>,
    total_device_ns: Option<i64>,
}

/// Holds each row of the table against ours. `outside` are the allocations outside of operators, which the table counts
/// as `[memory]`.
pub fn table_check(
    table: &KeyAverages,
    file: &str,
    operators: &[Operator],
    kernels: &[Kernel],
    outside: Option<u64>,
) -> TableCheck {
    let mut ours: FxHashMap<&str, Ours> = FxHashMap::default();
    let plus = |a: Option<i64>, b: Option<i64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    for row in operators {
        let of = ours.entry(&row.name).or_default();
        of.calls += row.count;
        of.self_cpu_ns = of.self_cpu_ns.saturating_add(row.self_cpu_ns);
        of.total_cpu_ns = of.total_cpu_ns.saturating_add(row.total_cpu_ns);
        of.self_device_ns = plus(of.self_device_ns, row.self_device_ns);
        of.total_device_ns = plus(of.total_device_ns, row.total_device_ns);
    }
    for row in kernels {
        ours.entry(&row.name).or_insert(Ours {
            calls: row.count,
            self_device_ns: Some(row.total_ns),
            total_device_ns: Some(row.total_ns),
            ..Ours::default()
        });
    }
    if let Some(calls) = outside {
        ours.entry("[memory]").or_insert(Ours {
            calls,
            ..Ours::default()
        });
    }
    let mut names: Vec<&str> = ours.keys().copied().collect();
    names.sort_unstable();
    let find = |row: &Row| {
        if let Some(found) = ours.get(row.name.as_str()) {
            return Some(*found);
        }
        // A name that was cut names one of ours only if no other begins so.
        let start = row.is_cut()?;
        let from = names.partition_point(|name| *name < start);
        let mut like = names[from..].iter().take_while(|name| name.starts_with(start));
        match (like.next(), like.next()) {
            (Some(only), None) => ours.get(only).copied(),
            _ => None,
        }
    };
    let rows: Vec<TableRow> = table.rows.iter().map(|row| held(row, find(row))).collect();
    let n = |verdict: TableVerdict| rows.iter().filter(|r| r.verdict == verdict).count() as u64;
    TableCheck {
        file: file.to_owned(),
        equal: n(TableVerdict::Equal),
        differ: n(TableVerdict::Differs),
        only_in_table: n(TableVerdict::OnlyInTable),
        unread_lines: table.unread,
        self_cpu_ns: table.self_cpu.map(|t| t.ns),
        self_device_ns: table.self_device.map(|t| t.ns),
        rows,
    }
}

/// A row of the table, held against ours.
fn held(row: &Row, ours: Option<Ours>) -> TableRow {
    let mut out = TableRow {
        name: row.name.clone(),
        calls: row.calls,
        self_cpu_ns: row.self_cpu.map(|t| t.ns),
        total_cpu_ns: row.total_cpu.map(|t| t.ns),
        self_device_ns: row.self_device.map(|t| t.ns),
        total_device_ns: row.total_device.map(|t| t.ns),
        our_calls: ours.map(|o| o.calls),
        our_self_cpu_ns: ours.map(|o| o.self_cpu_ns),
        our_total_cpu_ns: ours.map(|o| o.total_cpu_ns),
        our_self_device_ns: ours.and_then(|o| o.self_device_ns),
        our_total_device_ns: ours.and_then(|o| o.total_device_ns),
        verdict: TableVerdict::OnlyInTable,
        why: String::new(),
    };
    let Some(ours) = ours else {
        out.why = if row.is_cut().is_some() {
            "The table cuts names; several of ours begin so, or none.".into()
        } else {
            "Not in this trace.".into()
        };
        return out;
    };
    let same = |theirs: Option<Rounded>, ours: Option<i64>| match (theirs, ours) {
        (Some(theirs), Some(ours)) => theirs.is(ours),
        _ => true,
    };
    let calls = row.calls == ours.calls;
    let total = same(row.total_cpu, Some(ours.total_cpu_ns));
    let own = same(row.self_cpu, Some(ours.self_cpu_ns));
    let device = same(row.self_device, ours.self_device_ns) && same(row.total_device, ours.total_device_ns);
    out.verdict = if calls && total && own && device {
        TableVerdict::Equal
    } else {
        TableVerdict::Differs
    };
    let why = match (calls, total, own, device) {
        (true, true, true, true) => "",
        (false, ..) => {
            "The number of calls differs: the trace and the table do not cover the same recording, or events were left \
             out of the trace."
        }
        (true, true, false, _) => {
            "Only self time differs: newer releases of torch (seen in 2.15) take the time of python frames from the \
             operator around them where stacks are recorded. Here only operators take time from operators."
        }
        (true, false, ..) => "The same calls last otherwise: the table is of another recording.",
        (true, true, true, false) => {
            "Only device time differs: here it is that of the work whose launch lies inside the operator; torch also \
             gives work to operators by their external id."
        }
    };
    out.why = why.into();
    out
}
