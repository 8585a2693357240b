//! What the profiler's own tables say, and the comparison of workers, as plain tables for text and Markdown.

use crate::analyze::device::overall::OVERALL_SAYS;
use crate::analyze::report::{Allocation, Beside, MemoryPeak, PlainTable, WorkerRow, Workers};
use crate::base::show;

use super::words::{UNKNOWN, duration, or_unknown};

/// A table whose cells are words already.
pub struct Plain {
    pub title: String,
    /// What to know of it, one sentence each.
    pub says: Vec<String>,
    /// Heads; whether a column holds numbers. Names stand last.
    pub heads: Vec<(&'static str, bool)>,
    pub rows: Vec<Vec<String>>,
}

/// The sentence of the comparison, and its tables: workers, and stages of the pipeline if there are any.
pub fn workers(workers: &Workers) -> (String, Vec<Plain>) {
    let row = |row: &WorkerRow, slow: bool| {
        let free = row
            .free_ns
            .zip(row.total_ns)
            .map(|(free, total)| show::percent(free, total));
        vec![
            or_unknown(row.rank),
            duration(row.computing_ns),
            duration(row.communication_not_overlapped_ns),
            duration(row.overlapped_ns),
            duration(row.free_ns),
            or_unknown(free),
            duration(row.collective_wait_ns),
            if slow { "slow".to_owned() } else { String::new() },
            row.name.clone(),
        ]
    };
    let table = |title: &str, says: &[String], rows: Vec<Vec<String>>| Plain {
        title: title.to_owned(),
        says: says.to_vec(),
        heads: vec![
            ("rank", true),
            ("computing", true),
            ("comm. not overlapped", true),
            ("overlapped", true),
            ("free", true),
            ("of all", true),
            ("wait", true),
            ("slow", false),
            ("name", false),
        ],
        rows,
    };
    let is_slow = |i: usize| workers.slow.is_some_and(|slow| slow as usize == i);
    let rows = workers.rows.iter().enumerate();
    let rows = rows.map(|(i, worker)| row(worker, is_slow(i)));
    let mut tables = vec![table("Workers", &workers.links_say, rows.collect())];
    if !workers.stages.is_empty() {
        let rows = workers.stages.iter().map(|stage| row(stage, false)).collect();
        let says =
            "Of each part, the longest of the stage's ranks, as the vendor's tool wrote it.".to_owned();
        tables.push(table("Stages of the pipeline", &[says], rows));
    }
    let sure = super::words::sure(workers.sure);
    (format!("{} ({sure})", workers.says), tables)
}

/// The tables of one worker.
pub fn tables(beside: &Beside) -> Vec<Plain> {
    let breakdown = beside.step_breakdown.iter().map(|row| {
        vec![
            row.step
                .as_ref()
                .map_or_else(|| "all".to_owned(), |step| format!("step {step}")),
            duration(Some(row.computing_ns)),
            duration(Some(row.communication_not_overlapped_ns)),
            duration(Some(row.overlapped_ns)),
            duration(Some(row.free_ns)),
            show::percent(row.free_ns, row.total_ns),
            format!(
                "by the profiler's {}",
                if row.source == "table" { "table" } else { "lanes" }
            ),
        ]
    });
    let operators = beside.operator_statistics.iter().map(|row| {
        vec![
            duration(Some(row.total_ns)),
            format!("{:.1} %", row.part * 100.0),
            show::count(row.count),
            duration(Some(row.mean_ns)),
            duration(Some(row.max_ns)),
            if row.core.is_empty() {
                UNKNOWN.to_owned()
            } else {
                row.core.clone()
            },
            row.kind.clone(),
        ]
    });
    let apis = beside.api_statistics.iter().map(|row| {
        vec![
            duration(Some(row.total_ns)),
            show::count(row.count),
            duration(Some(row.mean_ns)),
            duration(Some(row.max_ns)),
            row.level.clone(),
            row.name.clone(),
        ]
    });
    let mut apis: Vec<(i64, Vec<String>)> = beside
        .api_statistics
        .iter()
        .map(|r| r.total_ns)
        .zip(apis)
        .collect();
    apis.sort_by_key(|(total, _)| std::cmp::Reverse(*total));
    let from = match &*beside.operator_statistics_source {
        "kernels" => ", computed from kernel by kernel",
        _ => "",
    };
    let all = [
        Plain {
            title: "How the device's time divides".to_owned(),
            says: Vec::new(),
            heads: vec![
                ("of", false),
                ("computing", true),
                ("comm. not overlapped", true),
                ("overlapped", true),
                ("free", true),
                ("of all", true),
                ("name", false),
            ],
            rows: breakdown.collect(),
        },
        overall(beside),
        Plain {
            title: format!("Operators by kind and core{from}"),
            says: Vec::new(),
            heads: vec![
                ("total", true),
                ("part", true),
                ("count", true),
                ("mean", true),
                ("longest", true),
                ("core", true),
                ("name", false),
            ],
            rows: operators.collect(),
        },
        Plain {
            title: "Driver calls (time inside calls inside calls counts for both)".to_owned(),
            says: Vec::new(),
            heads: vec![
                ("total", true),
                ("count", true),
                ("mean", true),
                ("longest", true),
                ("level", true),
                ("name", false),
            ],
            rows: apis.into_iter().map(|(_, row)| row).collect(),
        },
        collectives(beside),
        links(beside),
        peaks(
            "Highest memory of the framework's allocators",
            &beside.memory_peaks,
        ),
        peaks(
            "Highest memory of the driver's components",
            &beside.module_memory_peaks,
        ),
        allocations(beside),
        kept(beside),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

/// Whose table it is, and how long.
pub fn source_of(table: &PlainTable) -> String {
    let rows = show::counted(table.n_rows, "row");
    format!("{} From {}: {rows}.", table.says, table.source)
}

fn overall(beside: &Beside) -> Plain {
    let rows = beside.overall.iter().flat_map(|all| all.rows());
    let rows = rows.map(|(depth, part)| {
        vec![
            duration(Some(part.total_ns)),
            format!("{:.1} %", part.part * 100.0),
            part.count.map_or_else(|| UNKNOWN.to_owned(), show::count),
            format!("{}{}", if depth > 0 { "- " } else { "" }, part.kind),
        ]
    });
    Plain {
        title: "Overall".to_owned(),
        says: vec![OVERALL_SAYS.to_owned()],
        heads: vec![("total", true), ("part", true), ("number", true), ("name", false)],
        rows: rows.collect(),
    }
}

fn collectives(beside: &Beside) -> Plain {
    let mut longest: Vec<_> = beside.collectives.iter().collect();
    longest.sort_by_key(|c| std::cmp::Reverse(c.elapse_ns));
    let rows = longest.into_iter().map(|c| {
        vec![
            duration(Some(c.elapse_ns)),
            duration(c.transit_ns),
            duration(c.wait_ns),
            duration(c.synchronization_ns),
            if c.step.is_empty() {
                UNKNOWN.to_owned()
            } else {
                c.step.clone()
            },
            c.name.clone(),
        ]
    });
    Plain {
        title: "Collective operations one by one".to_owned(),
        says: Vec::new(),
        heads: vec![
            ("elapsed", true),
            ("transit", true),
            ("wait", true),
            ("synchronisation", true),
            ("step", true),
            ("name", false),
        ],
        rows: rows.collect(),
    }
}

fn links(beside: &Beside) -> Plain {
    let rows = beside.links.iter().map(|link| {
        vec![
            format!("{} to {}", link.from, link.to),
            link.transport.clone(),
            show::bytes(link.bytes),
            duration(Some(link.transit_ns)),
            link.gb_per_s.map_or_else(|| UNKNOWN.to_owned(), show::rate),
            link.group.clone(),
        ]
    });
    Plain {
        title: "Links between ranks".to_owned(),
        says: beside.links_say.clone(),
        heads: vec![
            ("ranks", false),
            ("by", false),
            ("moved", true),
            ("transit", true),
            ("GB/s", true),
            ("group", true),
        ],
        rows: rows.collect(),
    }
}

/// Components that never held anything say nothing.
fn peaks(title: &str, peaks: &[MemoryPeak]) -> Plain {
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| UNKNOWN.to_owned(), show::bytes);
    let held = |p: &&MemoryPeak| p.allocated_bytes.max(p.reserved_bytes) > Some(0);
    let mut held: Vec<&MemoryPeak> = peaks.iter().filter(held).collect();
    held.sort_by_key(|p| std::cmp::Reverse(p.reserved_bytes.max(p.allocated_bytes)));
    let rows = held.into_iter().map(|p| {
        vec![
            bytes(p.reserved_bytes),
            bytes(p.allocated_bytes),
            show::count(p.readings),
            p.device.clone(),
            p.component.clone(),
        ]
    });
    Plain {
        title: title.to_owned(),
        says: Vec::new(),
        heads: vec![
            ("reserved", true),
            ("allocated", true),
            ("readings", true),
            ("device", true),
            ("name", false),
        ],
        rows: rows.collect(),
    }
}

fn allocations(beside: &Beside) -> Plain {
    let all = beside.allocations.as_ref();
    let rows = all.into_iter().flat_map(|all| &all.by_operator).map(|of| {
        vec![
            show::bytes(of.bytes),
            show::count(of.count),
            show::bytes(of.max_bytes),
            duration(of.longest_ns),
            show::count(of.not_released),
            show::bytes(of.not_released_bytes),
            of.operator.clone(),
        ]
    });
    Plain {
        title: "Memory allocated by operators".to_owned(),
        says: all.map(|all| all.says()).into_iter().collect(),
        heads: vec![
            ("in sum", true),
            ("count", true),
            ("largest", true),
            ("held longest", true),
            ("kept", true),
            ("kept in sum", true),
            ("name", false),
        ],
        rows: rows.collect(),
    }
}

fn kept(beside: &Beside) -> Plain {
    let kept = beside.allocations.iter().flat_map(|all| &all.kept);
    let row = |a: &Allocation| vec![show::bytes(a.bytes), a.device.clone(), a.operator.clone()];
    Plain {
        title: "Largest allocations that were not given back while the profiler ran".to_owned(),
        says: Vec::new(),
        heads: vec![("size", true), ("device", false), ("name", false)],
        rows: kept.map(row).collect(),
    }
}
