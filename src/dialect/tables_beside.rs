//! Tables that a profiler writes beside its trace, in common words. What the vendor's columns are called, and in which
//! version, is the dialect's business.
//!
//! Times are ns; `None` is "not in the table" or "not known". A table's numbers are the profiler's own, rounded as it
//! rounds.

use serde::{Deserialize, Serialize};

use crate::base::{DefectKind, Defects, NameId, Names, show};

use super::csv_rows::TableEnd;
use super::plain_table::PlainTable;
use super::vocabulary::ProcessGroup;

/// More rows of a table are counted and not kept.
pub const MAX_ROWS: usize = 2_000_000;

/// What kind of work a kernel is. Which is which, is the dialect's rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelClass {
    FlashAttention,
    PagedAttention,
    Convolution,
    Matmul,
    TensorMove,
    /// On vector units, and none of the above.
    Vector,
    /// On matrix units, and none of the above.
    Cube,
    Other,
}

impl KernelClass {
    /// In order of a report.
    pub const ALL: [KernelClass; 8] = [
        KernelClass::FlashAttention,
        KernelClass::PagedAttention,
        KernelClass::Convolution,
        KernelClass::Matmul,
        KernelClass::Cube,
        KernelClass::Vector,
        KernelClass::TensorMove,
        KernelClass::Other,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            KernelClass::FlashAttention => "flash attention",
            KernelClass::PagedAttention => "paged attention",
            KernelClass::Convolution => "convolution",
            KernelClass::Matmul => "matmul",
            KernelClass::TensorMove => "tensor move",
            KernelClass::Vector => "vector, other",
            KernelClass::Cube => "cube, other",
            KernelClass::Other => "other",
        }
    }
}

/// One execution of a kernel, or of a collective operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelRow {
    /// As the timeline names it.
    pub name: NameId,
    /// The framework's operator that it belongs to; empty if the table does not say.
    pub operator: NameId,
    pub kind: NameId,
    pub core: NameId,
    pub shapes: NameId,
    pub stream: NameId,
    pub step: NameId,
    pub start_ns: i64,
    pub dur_ns: i64,
    /// From the end of the row before, on the same device, to the start; 0 where they overlap.
    pub wait_ns: Option<i64>,
    pub blocks: Option<u32>,
    pub device: Option<i64>,
    /// A collective operation, no kernel.
    pub is_collective: bool,
    pub class: KernelClass,
}

/// Every kernel that ran, in the order of the table.
#[derive(Default)]
pub struct KernelTable {
    pub names: Names,
    pub rows: Vec<KernelRow>,
}

impl KernelTable {
    pub fn text(&self, id: NameId) -> &str {
        self.names.get(id)
    }
}

/// Kernels of one kind on one kind of core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatorStatistic {
    pub device: Option<i64>,
    /// `MatMulV3`
    pub kind: String,
    /// `AI_VECTOR_CORE`
    pub core: String,
    pub count: u64,
    pub total_ns: i64,
    pub min_ns: i64,
    pub mean_ns: i64,
    pub max_ns: i64,
    /// Part of the total of all kinds on the device, 0 to 1.
    pub part: f64,
}

/// Calls of one function of the driver stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiStatistic {
    /// The layer of the stack.
    pub level: String,
    pub name: String,
    pub count: u64,
    /// Calls inside calls are in both.
    pub total_ns: i64,
    pub min_ns: i64,
    pub mean_ns: i64,
    pub max_ns: i64,
}

/// How a device's time divides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BreakdownRow {
    /// The step's number as written; `None`: the whole recording.
    pub step: Option<String>,
    pub device: Option<i64>,
    /// `"table"`: the profiler's own table; `"timeline"`: the lanes of the trace in which it divides the time.
    pub source: String,
    pub computing_ns: i64,
    pub communication_ns: i64,
    pub communication_not_overlapped_ns: i64,
    pub overlapped_ns: i64,
    pub free_ns: i64,
    /// `computing + communication_not_overlapped + free`.
    pub total_ns: i64,
    /// As the table states them; their definitions differ by profiler.
    pub stage_ns: Option<i64>,
    pub bubble_ns: Option<i64>,
    pub preparing_ns: Option<i64>,
    /// First start and last end; `None` in a table.
    pub start_ns: Option<i64>,
    pub end_ns: Option<i64>,
}

impl BreakdownRow {
    /// Part of the time in which the device did nothing, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn free_part(&self) -> Option<f64> {
        (self.total_ns > 0).then(|| self.free_ns as f64 / self.total_ns as f64)
    }
}

/// How the time of a rank, or of a stage of the pipeline, divides, in a table of several.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterRow {
    pub is_stage: bool,
    /// The rank, or the ranks of the stage: `"(0, 1, 2, 3)"`.
    pub index: String,
    pub time: BreakdownRow,
}

/// One collective or point-to-point operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Collective {
    pub step: String,
    pub name: String,
    pub group: String,
    pub is_point_to_point: bool,
    pub start_ns: Option<i64>,
    pub elapse_ns: i64,
    pub transit_ns: Option<i64>,
    pub wait_ns: Option<i64>,
    pub synchronization_ns: Option<i64>,
    pub idle_ns: Option<i64>,
}

/// The highest reading of one component's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryPeak {
    pub component: String,
    pub device: String,
    pub allocated_bytes: Option<u64>,
    pub reserved_bytes: Option<u64>,
    pub at_ns: Option<i64>,
    pub readings: u64,
}

/// One allocation of device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocationRow {
    pub operator: NameId,
    pub device: NameId,
    pub bytes: u64,
    pub start_ns: Option<i64>,
    /// `None`: not given back while the profiler ran.
    pub release_ns: Option<i64>,
    /// As the table states it.
    pub held_ns: Option<i64>,
}

/// Every allocation, in the order of the table.
#[derive(Default)]
pub struct AllocationTable {
    pub names: Names,
    pub rows: Vec<AllocationRow>,
}

/// What operations of one kind, or one operation, moved from one rank to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    pub step: String,
    pub operation: String,
    pub group: String,
    pub is_point_to_point: bool,
    /// As the profiler numbers them: in the world, in older versions in the group.
    pub from: i64,
    pub to: i64,
    /// `HCCS`, `RDMA`, `LOCAL`: by what way.
    pub transport: String,
    pub bytes: u64,
    pub transit_ns: i64,
}

/// Host and device time by the framework's operators, summed over the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCalls {
    pub calls: u64,
    pub host_self_ns: Option<i64>,
    pub device_self_ns: Option<i64>,
}

/// A table that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRead {
    pub file: String,
    pub rows: u64,
    /// Rows that could not be read, or that are too many.
    pub rows_lost: u64,
}

/// What came of a table's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsRead {
    pub rows: u64,
    pub rows_lost: u64,
    /// Times in rows that were read which are negative or no numbers.
    pub times_lost: u64,
    pub ends: TableEnd,
}

impl RowsRead {
    pub fn new(rows: u64, rows_lost: u64) -> RowsRead {
        RowsRead {
            rows,
            rows_lost,
            ..RowsRead::default()
        }
    }

    /// Counts what was lost; `of_row` is what a row that was lost is.
    pub fn defects(&self, of_row: DefectKind) -> Defects {
        let mut defects = Defects::default();
        defects.add_many(of_row, self.rows_lost, None);
        defects.add_many(DefectKind::TableTime, self.times_lost, None);
        match self.ends {
            TableEnd::WithLineEnd => {}
            TableEnd::WithoutLineEnd => defects.add(DefectKind::UnendedTable, None),
            TableEnd::InRow => defects.add(DefectKind::CutTable, None),
        }
        defects
    }
}

/// A file of an archive, read or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileListed {
    pub path: String,
    pub bytes: u64,
    /// What it is, and what became of it.
    pub says: String,
}

/// Everything that was read beside a trace.
#[derive(Default)]
pub struct Tables {
    /// What the whole is, where that is more than its trace: `"hltv"`.
    pub format: Option<&'static str>,
    pub rank: Option<i64>,
    pub world_size: Option<i64>,
    /// Which ranks groups have.
    pub process_groups: Vec<ProcessGroup>,
    /// How much the profiler was told to record.
    pub level: Option<String>,
    pub kernels: KernelTable,
    pub operator_statistics: Vec<OperatorStatistic>,
    pub api_statistics: Vec<ApiStatistic>,
    pub breakdown: Vec<BreakdownRow>,
    /// Of all workers of a run.
    pub cluster: Vec<ClusterRow>,
    pub collectives: Vec<Collective>,
    pub links: Vec<LinkRow>,
    /// Of the framework's allocators.
    pub memory: Vec<MemoryPeak>,
    /// Of the components of the driver stack.
    pub module_memory: Vec<MemoryPeak>,
    pub allocations: AllocationTable,
    pub operator_calls: Option<OperatorCalls>,
    pub read: Vec<TableRead>,
    /// Tables that are shown as they stand.
    pub plain: Vec<PlainTable>,
    /// The files of the archive, where they are worth a list.
    pub files: Vec<FileListed>,
    /// What to know of them, one sentence each.
    pub notes: Vec<String>,
    /// What was lost in reading them.
    pub defects: Defects,
}

impl Tables {
    /// A table was read; `of_row` is what a row that was lost is. What was lost is counted, and said with the same
    /// numbers.
    pub fn has_read(&mut self, file: &str, read: RowsRead, of_row: DefectKind) {
        self.defects.merge(&read.defects(of_row));
        let mut says = Vec::new();
        if read.rows_lost > 0 {
            let of = show::count(read.rows.saturating_add(read.rows_lost));
            says.push(format!(
                "{} of {of} rows could not be read",
                show::count(read.rows_lost)
            ));
        }
        if read.times_lost > 0 {
            let n = show::counted(read.times_lost, "time");
            says.push(format!("{n} in its rows: negative or no number, so unknown"));
        }
        if read.ends == TableEnd::InRow {
            says.push(
                "it ends in the middle of its last row: it is cut, and what came after that is missing"
                    .into(),
            );
        }
        if !says.is_empty() {
            self.notes.push(format!("{file}: {}.", says.join("; ")));
        }
        self.read.push(TableRead {
            file: file.to_owned(),
            rows: read.rows,
            rows_lost: read.rows_lost,
        });
    }

    /// A table is none, or breaks off where the rest cannot be read without its end.
    pub fn has_left_out(&mut self, file: &str) {
        self.defects.add(DefectKind::TableNotRead, None);
        self.notes.push(format!(
            "{file} is not what its name says, or breaks off: it is left out."
        ));
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tables: {:?}", self.read)
    }
}

impl PartialEq for Tables {
    /// Read from the same files.
    fn eq(&self, other: &Tables) -> bool {
        self.read == other.read && self.kernels.rows == other.kernels.rows && self.files == other.files
    }
}
