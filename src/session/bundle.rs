//! Several files that were given at once: a folder, several, or an archive. Which of them belong to which worker, what
//! is the trace of each, what stands beside it, and what is not there.
//!
//! Does no I/O: it is told paths and sizes, and whoever has bytes reads what it names.

use std::sync::Arc;

use crate::analyze::WorkerTables;
pub use crate::analyze::ranks::workers_of_run::Compared;
use crate::analyze::ranks::{links, workers_of_run};
pub use crate::analyze::report::WorkerRow;
use crate::analyze::report::{BreakdownRow, Collective, TraceReport, Workers};
use crate::analyze::steps::breakdown;
use crate::base::order;
use crate::dialect::ascend::ascend_tables::{self, Table};
use crate::dialect::tables_beside::Tables;

/// A larger table is not read.
pub const MAX_TABLE_BYTES: u64 = 256 << 20;
/// More workers are not compared.
pub const MAX_WORKERS: usize = 4096;

/// A file that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// With `/` between folders.
    pub path: String,
    pub bytes: u64,
}

/// The files of one worker, as places in the list that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerFiles {
    /// Its folder.
    pub name: String,
    pub trace: Option<usize>,
    pub tables: Vec<(Table, usize)>,
    /// There are recordings that nothing was made of yet.
    pub has_raw: bool,
}

/// What was given, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// By name.
    pub workers: Vec<WorkerFiles>,
    /// Files of no worker, and further traces of one.
    pub others: Vec<usize>,
    /// Workers beyond [`MAX_WORKERS`].
    pub n_left_out: usize,
}

const OUTPUT: &str = "ASCEND_PROFILER_OUTPUT";

/// The folder of the worker that a file belongs to, and whether it is raw data of the profiler.
///
/// A worker's folder ends in `_ascend_ms` or `_ascend_pt`; results may also stand in `ASCEND_PROFILER_OUTPUT` alone, or
/// in any folder.
fn worker_of(path: &str) -> (String, bool) {
    let folders: Vec<&str> = path.split('/').collect();
    let (_, folders) = folders.split_last().unwrap_or((&"", &[]));
    let is_worker = |name: &&str| name.ends_with("_ascend_ms") || name.ends_with("_ascend_pt");
    let upto = |n: usize| folders[..n].join("/");
    if let Some(at) = folders.iter().rposition(is_worker) {
        let below = folders.get(at + 1);
        let is_raw = below.is_some_and(|name| name.starts_with("PROF_") || *name == "FRAMEWORK");
        return (upto(at + 1), is_raw);
    }
    if let Some(at) = folders.iter().rposition(|name| *name == OUTPUT) {
        return (upto(if at > 0 { at } else { 1 }), false);
    }
    (upto(folders.len()), false)
}

/// The path of a worker's result that was given by name. Among raw data of a folder nothing is opened, but this was
/// asked for.
pub fn asked_for(path: String) -> String {
    match worker_of(&path) {
        (worker, true) => format!("{worker}/{}", path.rsplit('/').next().unwrap_or_default()),
        (_, false) => path,
    }
}

/// Sorts what was given into workers. Files that are no known table and no `trace_view.json` belong to none.
pub fn sort(given: &[Given]) -> Bundle {
    let mut bundle = Bundle::default();
    let mut place: std::collections::BTreeMap<String, WorkerFiles> = std::collections::BTreeMap::new();
    for (i, file) in given.iter().enumerate() {
        let (worker, is_raw) = worker_of(&file.path);
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let is_trace = is_worker_trace(name);
        let table = Table::of_name(name);
        if !is_raw && !is_trace && table.is_none() {
            bundle.others.push(i);
            continue;
        }
        let files = place.entry(worker).or_default();
        if is_raw {
            files.has_raw = true;
        } else if is_trace && files.trace.is_some() {
            bundle.others.push(i);
        } else if is_trace {
            files.trace = Some(i);
        } else if let Some(table) = table {
            files.tables.push((table, i));
        }
    }
    for (name, mut files) in place {
        if bundle.workers.len() >= MAX_WORKERS {
            bundle.n_left_out += 1;
            continue;
        }
        files.name = name.rsplit('/').next().unwrap_or_default().to_owned();
        order::sort_by_key(&mut files.tables, |&(table, i)| (table, i));
        bundle.workers.push(files);
    }
    bundle
}

impl Table {
    /// Whether the comparison of workers needs it; the others are read for the worker that is open.
    pub fn is_compared(self) -> bool {
        matches!(
            self,
            Table::StepTime
                | Table::ClusterStepTime
                | Table::Communication
                | Table::CommunicationMatrix
                | Table::ProfilerInfo
                | Table::Metadata
        )
    }
}

impl WorkerFiles {
    /// The same, where each file is in another list.
    pub fn mapped(self, place: &dyn Fn(usize) -> usize) -> WorkerFiles {
        let tables = self.tables.into_iter();
        WorkerFiles {
            trace: self.trace.map(place),
            tables: tables.map(|(table, i)| (table, place(i))).collect(),
            ..self
        }
    }

    /// The worker's tables, of which `files` are name and bytes.
    pub fn read<'a>(&self, files: impl IntoIterator<Item = (Table, &'a str, &'a [u8])>) -> WorkerTables {
        let mut tables = Tables::default();
        for (table, name, bytes) in files {
            ascend_tables::read(table, name, bytes, &mut tables);
        }
        WorkerTables {
            worker: self.name.clone(),
            missing: self.missing(&tables),
            tables,
        }
    }

    /// What is not there, and what would record it.
    fn missing(&self, tables: &Tables) -> Vec<String> {
        let has = |table: Table| self.tables.iter().any(|(t, _)| *t == table);
        let mut missing = Vec::new();
        if has(Table::ClusterStepTime) && self.trace.is_none() {
            // What a tool made of all workers; theirs are the tables.
            return missing;
        }
        if self.trace.is_none()
            && self
                .tables
                .iter()
                .all(|(t, _)| matches!(t, Table::ProfilerInfo | Table::Metadata))
        {
            missing.push(if self.has_raw {
                "The recording was not analysed: only raw data is here. Run \
                 torch_npu.profiler.profiler.analyse(path), or mindspore.profiler.profiler.analyse(path), on the \
                 machine that recorded it, and open the folder again."
                    .to_owned()
            } else {
                "The folder holds no result of the profiler (no ASCEND_PROFILER_OUTPUT).".to_owned()
            });
            return missing;
        }
        if self.trace.is_none() {
            missing.push("There is no trace_view.json: tables are shown, and no timeline.".to_owned());
        }
        let level = tables.level.as_deref().unwrap_or_default();
        let has_device = has(Table::Kernels) || has(Table::StepTime);
        if !has_device {
            missing.push(
                "There is no kernel_details.csv and no step_trace_time.csv: the profiler writes them when it records \
                 a device (ProfilerActivity.NPU, level Level0 or more)."
                    .to_owned(),
            );
        } else if !has(Table::OperatorStatistic) || !has(Table::ApiStatistic) {
            let why = if level.ends_with("Level0") || level.ends_with("level0") {
                "The profiler level is Level0"
            } else {
                "op_statistic.csv or api_statistic.csv is missing"
            };
            missing.push(format!(
                "{why}: kinds of cores, statistics of operators and of driver calls need Level1 or more."
            ));
        }
        if has_device && !has(Table::Communication) {
            missing.push(
                "There is no communication.json: collective operations one by one need Level1 and several devices."
                    .to_owned(),
            );
        }
        missing
    }

    /// What the worker brings into a comparison: itself, or, if it is a table of all workers, these and the stages of
    /// their pipeline. Its links come along.
    pub fn compared(
        &self,
        tables: &WorkerTables,
        report: Option<&TraceReport>,
        trace: Option<&str>,
    ) -> Compared {
        let of_tables = &tables.tables;
        let links = links::links(&of_tables.links);
        if of_tables.cluster.is_empty() || trace.is_some() || !of_tables.breakdown.is_empty() {
            return Compared {
                rows: vec![self.row(tables, report, trace)],
                stages: Vec::new(),
                links,
            };
        }
        let (rows, stages) = workers_of_run::of_cluster(&of_tables.cluster);
        Compared { rows, stages, links }
    }

    /// The worker in a comparison. The report of its trace, if that is open, fills in what no table says.
    pub fn row(&self, tables: &WorkerTables, report: Option<&TraceReport>, trace: Option<&str>) -> WorkerRow {
        let of_tables = &tables.tables;
        let of_trace = report
            .and_then(|r| r.beside.as_ref())
            .map(|b| &b.step_breakdown[..]);
        let rows: Vec<&BreakdownRow> = if of_tables.breakdown.is_empty() {
            breakdown::whole(of_trace.unwrap_or_default())
        } else {
            of_tables.breakdown.iter().collect()
        };
        let sum = |part: fn(&BreakdownRow) -> i64| {
            (!rows.is_empty()).then(|| rows.iter().fold(0_i64, |sum, row| sum.saturating_add(part(row))))
        };
        let collectives = &of_tables.collectives;
        let of_collectives = |part: fn(&Collective) -> Option<i64>| {
            let parts = collectives.iter().filter_map(part);
            parts.reduce(i64::saturating_add)
        };
        WorkerRow {
            name: self.name.clone(),
            rank: of_tables.rank.or(report.and_then(|r| r.rank)),
            level: of_tables.level.clone(),
            trace: trace.map(str::to_owned),
            source: rows.first().map(|row| row.source.clone()),
            steps: rows.iter().filter(|row| row.step.is_some()).count() as u64,
            computing_ns: sum(|r| r.computing_ns),
            communication_not_overlapped_ns: sum(|r| r.communication_not_overlapped_ns),
            overlapped_ns: sum(|r| r.overlapped_ns),
            free_ns: sum(|r| r.free_ns),
            total_ns: sum(|r| r.total_ns),
            collective_ns: of_collectives(|c| Some(c.elapse_ns)),
            collective_wait_ns: of_collectives(|c| c.wait_ns),
            collective_transit_ns: of_collectives(|c| c.transit_ns),
            missing: tables.missing.clone(),
        }
    }
}

/// See [`workers_of_run::compare`].
pub fn compare(of: Vec<Compared>) -> Option<Workers> {
    workers_of_run::compare(of)
}

/// Whether a file's name is that of a table.
pub fn is_table(path: &str) -> bool {
    Table::of_name(path).is_some()
}

/// Whether a file is called as the trace of a worker is.
pub fn is_worker_trace(name: &str) -> bool {
    matches!(name, "trace_view.json" | "trace_view.json.gz")
}

/// What table a file is that was given alone, by its header, and where that says nothing by its name.
pub fn lone_table(name: &str, head: &[u8]) -> Option<Table> {
    let by_head = Table::of_head(head);
    by_head.or_else(|| Table::of_name(name).filter(|_| !head.starts_with(b"[")))
}

/// Shared tables.
pub type SharedTables = Arc<WorkerTables>;

#[cfg(test)]
mod tests {
    use super::*;

    fn given(paths: &[&str]) -> Vec<Given> {
        let file = |path: &&str| Given {
            path: (*path).to_owned(),
            bytes: 1,
        };
        paths.iter().map(file).collect()
    }

    #[test]
    fn files_go_to_their_workers() {
        let files = given(&[
            "run/b_2_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json",
            "run/b_2_ascend_pt/ASCEND_PROFILER_OUTPUT/kernel_details.csv",
            "run/b_2_ascend_pt/profiler_info_1.json",
            "run/a_1_ascend_ms/ASCEND_PROFILER_OUTPUT/step_trace_time.csv",
            "run/a_1_ascend_ms/PROF_000001_x/device_0/data",
            "run/notes.txt",
            "ASCEND_PROFILER_OUTPUT/trace_view.json",
        ]);
        let bundle = sort(&files);
        let seen: Vec<(&str, Option<usize>, usize, bool)> = bundle
            .workers
            .iter()
            .map(|w| (&*w.name, w.trace, w.tables.len(), w.has_raw))
            .collect();
        assert_eq!(
            seen,
            [
                (OUTPUT, Some(6), 0, false),
                ("a_1_ascend_ms", None, 1, true),
                ("b_2_ascend_pt", Some(0), 2, false),
            ]
        );
        assert_eq!(bundle.others, [5]);
    }

    #[test]
    fn what_was_not_analysed_says_how_to() {
        let bundle = sort(&given(&[
            "x_ascend_pt/PROF_1/host/data",
            "x_ascend_pt/profiler_info_0.json",
        ]));
        let [worker] = &bundle.workers[..] else {
            panic!("one worker: {bundle:?}");
        };
        let tables = worker.read([]);
        assert!(
            tables.missing[0].contains("was not analysed"),
            "{:?}",
            tables.missing
        );
    }
}
