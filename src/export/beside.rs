//! What the profiler's own tables say, and the comparison of workers, as plain tables for text and Markdown.

use crate::analyze::report::{Beside, Workers};
use crate::base::show;

use super::words::{UNKNOWN, duration, or_unknown};

/// A table whose cells are words already.
pub struct Plain {
    pub title: String,
    /// Heads; whether a column holds numbers. Names stand last.
    pub heads: Vec<(&'static str, bool)>,
    pub rows: Vec<Vec<String>>,
}

/// The sentence of the comparison, and its table.
pub fn workers(workers: &Workers) -> (String, Plain) {
    let rows = workers.rows.iter().enumerate().map(|(i, row)| {
        let free = row
            .free_ns
            .zip(row.total_ns)
            .map(|(free, total)| show::percent(free, total));
        let slow = workers.slow.is_some_and(|slow| slow as usize == i);
        vec![
            or_unknown(row.rank),
            duration(row.computing_ns),
            duration(row.communication_not_overlapped_ns),
            duration(row.overlapped_ns),
            duration(row.free_ns),
            or_unknown(free),
            if slow { "slow".to_owned() } else { String::new() },
            row.name.clone(),
        ]
    });
    let table = Plain {
        title: "Workers".to_owned(),
        heads: vec![
            ("rank", true),
            ("computing", true),
            ("comm. not overlapped", true),
            ("overlapped", true),
            ("free", true),
            ("of all", true),
            ("slow", false),
            ("name", false),
        ],
        rows: rows.collect(),
    };
    let sure = super::words::sure(workers.sure);
    (format!("{} ({sure})", workers.says), table)
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
        Plain {
            title: format!("Operators by kind and core{from}"),
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
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}
