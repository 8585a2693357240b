//! What a profiler's own tables and lanes say, and the comparison of workers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::analyze::WorkerTables;
use crate::base::{SliceId, show};

use super::{
    ApiStatistic, BreakdownRow, Collective, FileListed, MemoryPeak, OperatorCalls, OperatorStatistic,
    PlainTable, Sure, TableRead,
};

/// What a profiler wrote beside the trace, or drew into it about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfilerTables {
    /// The worker's folder.
    pub worker: Option<String>,
    /// How much the profiler was told to record.
    pub level: Option<String>,
    /// How each device's time divides: by lanes, then by the rows of the table. Never to be added.
    pub step_breakdown: Vec<BreakdownRow>,
    /// `None` where nothing divides the time, or no kernel is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overall: Option<Overall>,
    /// Kernels by kind and core, most time first.
    pub operator_statistics: Vec<OperatorStatistic>,
    /// `"table"`: as the profiler wrote them; `"kernels"`: computed from its table of kernels.
    pub operator_statistics_source: String,
    pub kernel_details: Option<KernelDetails>,
    /// The table itself: too long for a report, and shown by rows.
    #[serde(skip)]
    pub kernel_rows: Option<Arc<KernelRows>>,
    pub api_statistics: Vec<ApiStatistic>,
    pub collectives: Vec<Collective>,
    /// Of the framework's allocators.
    pub memory_peaks: Vec<MemoryPeak>,
    /// Of the components of the driver stack, by what they reserve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub module_memory_peaks: Vec<MemoryPeak>,
    /// `None` where the profiler wrote no table of allocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocations: Option<Allocations>,
    /// From which rank to which how much went how fast; most time first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// The slowest of them beside the others, a sentence a transport.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links_say: Vec<String>,
    /// The framework's operator calls, where it wrote them down.
    pub operator_calls: Option<OperatorCalls>,
    /// Tables that were read.
    pub tables: Vec<TableRead>,
    /// Tables of the file that are shown as they stand, in its own words and units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plain_tables: Vec<PlainTable>,
    /// The files of the archive, each with what became of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileListed>,
    /// What is not there, and what would record it; one sentence each.
    pub missing: Vec<String>,
}

/// A device's time in one tree. The kinds of kernels are sums of durations, which may add up to more than `computing`:
/// kernels that run at the same time count each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overall {
    /// What divides the time: `"timeline"` or `"table"`, as in [`BreakdownRow`].
    pub source: String,
    /// Its count is that of all kernels.
    pub computing: OverallPart,
    /// Computing by kind of kernel; kinds without any are left out.
    pub kernels: Vec<OverallPart>,
    /// Its count is that of all collective operations, hidden or not.
    pub communication_not_overlapped: OverallPart,
    pub free: OverallPart,
    /// From end to end: the three together.
    pub total: OverallPart,
}

impl Overall {
    /// In order of a table, with how deep each lies.
    pub fn rows(&self) -> Vec<(usize, &OverallPart)> {
        let kernels = self.kernels.iter().map(|part| (1, part));
        let rest = [&self.communication_not_overlapped, &self.free, &self.total];
        std::iter::once((0, &self.computing))
            .chain(kernels)
            .chain(rest.into_iter().map(|part| (0, part)))
            .collect()
    }
}

/// One line of [`Overall`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OverallPart {
    pub kind: String,
    pub total_ns: i64,
    /// Of all, 0 to 1.
    pub part: f64,
    pub count: Option<u64>,
}

/// The profiler's table of kernels, in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelDetails {
    pub rows: u64,
    pub kernels: u64,
    pub collectives: u64,
    /// Sum of durations.
    pub kernel_ns: i64,
    pub collective_ns: i64,
    /// Rows whose slice the timeline has, by name and start.
    pub in_timeline: u64,
}

/// The profiler's table of kernels, with the slice of each row in the timeline.
#[derive(Debug, PartialEq)]
pub struct KernelRows {
    pub of: Arc<WorkerTables>,
    pub slices: Vec<Option<SliceId>>,
}

/// What the framework's operators allocated on devices, by the profiler's own table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocations {
    pub count: u64,
    /// Sum over all allocations, whether they were in use at one time or not.
    pub bytes: u64,
    /// Allocations that were not given back while the profiler ran.
    pub not_released: u64,
    pub not_released_bytes: u64,
    /// Most bytes first, at most 500.
    pub by_operator: Vec<OperatorAllocations>,
    /// Largest first, at most 50.
    pub largest: Vec<Allocation>,
    /// Not given back while the profiler ran: largest first, at most 50.
    pub kept: Vec<Allocation>,
}

impl Allocations {
    /// One sentence.
    pub fn says(&self) -> String {
        format!(
            "{} of {} in sum, in use at one time or not; {} of {} not given back while the profiler ran, as weights \
             and caches are not.",
            show::counted(self.count, "allocation"),
            show::bytes(self.bytes),
            show::count(self.not_released),
            show::bytes(self.not_released_bytes),
        )
    }
}

/// The allocations of operators of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorAllocations {
    pub operator: String,
    pub count: u64,
    pub bytes: u64,
    /// The largest.
    pub max_bytes: u64,
    /// How long the longest of those that were given back was held; `None` if none was.
    pub longest_ns: Option<i64>,
    pub not_released: u64,
    pub not_released_bytes: u64,
}

/// One allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    pub operator: String,
    pub device: String,
    pub bytes: u64,
    pub start_ns: Option<i64>,
    /// `None`: not given back while the profiler ran.
    pub release_ns: Option<i64>,
    /// How long it was held, as the table states it.
    pub held_ns: Option<i64>,
}

/// What went from one rank to another in one group by one way, over all steps and operations of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub group: String,
    /// As the profiler numbers them. The same on both sides: within the device's own memory.
    pub from: i64,
    pub to: i64,
    pub transport: String,
    pub bytes: u64,
    pub transit_ns: i64,
    /// 10^9 bytes a second: `bytes` by `transit_ns`; `None` where no time passed.
    pub gb_per_s: Option<f64>,
}

/// One worker of a run. Times are sums over its steps and devices; `None` where nothing divides its time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Its folder.
    pub name: String,
    pub rank: Option<i64>,
    pub level: Option<String>,
    /// The trace in it, if any.
    pub trace: Option<String>,
    /// `"table"` or `"timeline"`, as in [`BreakdownRow`]; `"cluster"`: a table of all workers.
    pub source: Option<String>,
    pub steps: u64,
    pub computing_ns: Option<i64>,
    pub communication_not_overlapped_ns: Option<i64>,
    pub overlapped_ns: Option<i64>,
    pub free_ns: Option<i64>,
    /// `computing + communication_not_overlapped + free`.
    pub total_ns: Option<i64>,
    /// Sum of the elapsed time of its collective operations, from their own table.
    pub collective_ns: Option<i64>,
    /// The part of it in which it waited for other ranks, and in which bytes were on their way.
    #[serde(default)]
    pub collective_wait_ns: Option<i64>,
    #[serde(default)]
    pub collective_transit_ns: Option<i64>,
    /// What is not there, and what would record it.
    pub missing: Vec<String>,
}

impl WorkerRow {
    /// What people call it.
    pub fn label(&self) -> String {
        match self.rank {
            Some(rank) => format!("rank {rank}"),
            None => self.name.clone(),
        }
    }
}

/// Workers of one run, side by side, by rank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workers {
    pub rows: Vec<WorkerRow>,
    /// The slow one, as a row.
    pub slow: Option<u32>,
    pub sure: Sure,
    /// One sentence.
    pub says: String,
    /// The slowest link beside the others of all workers, a sentence a transport.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links_say: Vec<String>,
    /// Stages of the pipeline, where a table of all workers has them: of each part, the longest of the stage's ranks.
    /// As the vendor's tool wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<WorkerRow>,
}
