//! The answers about one trace. Field names are those of the JSON report (`stepscope.report/1`): scripts
//! rely on them, so they are added to and never changed.
//!
//! Times are integer nanoseconds on the trace's own clock. `None` means unknown; 0 is never used for it.

use serde::{Deserialize, Serialize};

use crate::base::{Span, show};

mod budget_rows;
mod causes;
mod certainty;
mod comparison_rows;
mod compile_use;
mod device_rows;
mod engines;
mod host_parts;
mod node_rows;
mod profiler_tables;
mod run_ranks;
mod slow_step_rows;
mod step_cause_rows;
mod step_time;

pub use budget_rows::{DevicePart, StepPart, host_gap_key, share_colour};
pub use causes::{Cause, GapKind, IdleCause};
pub use certainty::{Level, Sure};
pub use comparison_rows::{
    BASELINE_SCHEMA, COMPARE_SCHEMA, CauseRow, Change, Comparable, Comparison, CompileRow, CompilesOf,
    DeviceRow, MemoryPeakOf, MemoryRow, Profile, Side, StepClass, StepTimeRow, StepTimes, Work, WorkRow,
    causes_of,
};
pub use compile_use::CompileUse;
pub use device_rows::{
    Copy, DeviceIdle, Drained, GapSum, IdleGap, IdleShare, LaunchCall, LaunchDelay, Launches, LongCall,
    QueueDepth, RecordedCollective, ShortKernels, StreamGaps, Sync, device_name, device_words,
};
pub use profiler_tables::{
    Allocation, Allocations, KernelDetails, KernelRows, Link, OperatorAllocations, Overall, OverallPart,
    ProfilerTables, WorkerRow, Workers,
};

pub use run_ranks::{ClockMethod, MatchedCollectives, RankClocks, RankOfRun, RunRanks, Straggler};

pub use engines::{Engine, Engines, WorkKind};
pub use host_parts::{HostPart, Parts};
pub use node_rows::{NodeRow, NodeWork, RecipeWork};
pub use slow_step_rows::{Difference, DifferenceKind, OutOfMemory, SlowStep, StepWork, StepWorkRow};
pub use step_cause_rows::{CauseTime, DeviceState, StepCause, StepCauses};
pub use step_time::{Basis, Bound, BoundShares, Durations, Limit, LimitKind, StepTime, Verdict, headlines};

pub use crate::dialect::kernel_families::Family;
pub use crate::dialect::plain_table::PlainTable;
pub use crate::dialect::tables_beside::{
    ApiStatistic, BreakdownRow, Collective, FileListed, MemoryPeak, OperatorCalls, OperatorStatistic,
    TableRead,
};
pub use crate::dialect::terms::{Bucket, CompileDetail, CompilePhase, Evidence, Period, Phase};

/// Device time of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDevice {
    /// At least one piece of its work of any kind runs, ns: `compute_ns`, `comm_exposed_ns` and `copy_exposed_ns` add
    /// up to it.
    pub busy_ns: i64,
    /// `span_ns` less `busy_ns`.
    pub idle_ns: i64,
    #[serde(default)]
    pub compute_ns: i64,
    /// Communication without compute beside it.
    #[serde(default)]
    pub comm_exposed_ns: i64,
    /// Copies with neither beside them.
    #[serde(default)]
    pub copy_exposed_ns: i64,
    /// From the first start to the last end of its work.
    #[serde(default)]
    pub span_ns: i64,
    /// Work whose call is not recorded and that was given to the step by time, its durations summed.
    #[serde(default)]
    pub by_time_ns: i64,
    pub engines: Engines,
    /// How device events were given to the step: `"launch"` (most of their time by the launch that caused them) or
    /// `"time"`.
    pub method: String,
    /// First start and last end of its device work, by launch; `None` where work is given by time.
    #[serde(default)]
    pub start_ns: Option<i64>,
    #[serde(default)]
    pub end_ns: Option<i64>,
    /// From the end of the device work of the steps before to the start of this one's, 0 where they overlap; `None`
    /// for the first, and where work is given by time. The clock is the device's alone.
    #[serde(default)]
    pub gap_before_ns: Option<i64>,
    /// From the first start to the last end of its work, by whichever method it was given.
    #[serde(skip)]
    pub extent: Span,
}

/// One prefill or decode pass that the trace records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub index: u32,
    /// Several passes of one engine step carry the same number.
    pub engine_step: Option<u32>,
    pub phase: Phase,
    pub period: Period,
    pub start_ns: i64,
    pub dur_ns: i64,
    /// From the end of the engine step before to the start of this one; `None` for the first, and for all but
    /// the first pass of an engine step.
    pub gap_before_ns: Option<i64>,
    /// From the step's start on the host to the start of the next step of the same engine and period. `None` for the
    /// last, and where a wait for requests lies between.
    #[serde(default)]
    pub interval_ns: Option<i64>,
    /// The engine step on the host: with the preparation before the marker and what follows it. Of several passes of
    /// one engine step each has the time up to the next.
    #[serde(default)]
    pub host_ns: i64,
    /// Where the host time, and the interval, start.
    #[serde(default)]
    pub host_start_ns: i64,
    /// The marker alone: `dur_ns` under the name of its meaning.
    #[serde(default)]
    pub call_ns: i64,
    /// Step time by the trace's basis (`step_time`).
    #[serde(default)]
    pub step_ns: Option<i64>,
    /// A graph compile, recorded or suspected, falls into it.
    #[serde(default)]
    pub compiled: bool,
    /// `recorded`: a marker of the engine says that this is a step. `derived`: told by a python frame, or by parts.
    #[serde(default = "recorded")]
    pub sure: Sure,
    pub bucket: Option<Bucket>,
    /// Requests really in the batch; the bucket's batch is the padded number.
    pub batch: Option<u32>,
    pub tokens: Option<u64>,
    pub context_requests: Option<u32>,
    pub context_tokens: Option<u64>,
    pub generation_requests: Option<u32>,
    pub generation_tokens: Option<u64>,
    /// Tokens attended to (the length of KV), summed over requests.
    #[serde(default)]
    pub context_kv_tokens: Option<u64>,
    #[serde(default)]
    pub generation_kv_tokens: Option<u64>,
    /// Whether captured graphs were replayed.
    pub graphs: Option<bool>,
    pub parts: Parts,
    pub device: Option<StepDevice>,
    /// Its rank's place among those of the file, where it holds several.
    #[serde(skip)]
    pub rank: Option<usize>,
    /// What the file calls this rank.
    #[serde(default, rename = "rank", skip_serializing_if = "Option::is_none")]
    pub rank_label: Option<String>,
    /// Row of the slice that marks it, for the timeline.
    pub slice: u32,
}

fn recorded() -> Sure {
    Sure::Recorded
}

impl Step {
    /// All that is counted as the step's: its marker, the engine step on the host around it, and its device work,
    /// which may run long after both.
    pub fn extent(&self) -> Span {
        let stretch = |start: i64, ns: i64| Span::new(start, start.saturating_add(ns));
        let marker = stretch(self.start_ns, self.dur_ns);
        let host = (self.host_ns > 0).then(|| stretch(self.host_start_ns, self.host_ns));
        let device = self.device.as_ref().map(|device| device.extent);
        let others = [host, device.filter(|span| !span.is_empty())];
        others.into_iter().flatten().fold(marker, |all, own| {
            Span::new(all.start.min(own.start), all.end.max(own.end))
        })
    }
}

/// Steps of one phase, bucket and period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepGroup {
    pub phase: Phase,
    pub bucket: Option<Bucket>,
    pub period: Period,
    pub count: u64,
    pub total_ns: i64,
    pub p50_ns: i64,
    pub p90_ns: i64,
    pub p99_ns: i64,
    pub max_ns: i64,
    /// Mean real batch over padded batch, both summed; `None` where either is unknown.
    pub real_batch: Option<u64>,
    pub padded_batch: Option<u64>,
    /// The four times of its steps; those that compiled are left out.
    #[serde(default)]
    pub interval: Durations,
    #[serde(default)]
    pub host: Durations,
    #[serde(default)]
    pub call: Durations,
    #[serde(default)]
    pub device: Durations,
    /// Steps into which a compile falls, and how long their model calls and intervals are more than the median of the
    /// others, in all.
    #[serde(default)]
    pub compiled_count: u64,
    #[serde(default)]
    pub compiled_extra_ns: Option<i64>,
}

impl StepGroup {
    /// The times of its steps by one basis.
    pub fn times(&self, basis: Basis) -> &Durations {
        match basis {
            Basis::Interval => &self.interval,
            Basis::Host => &self.host,
            Basis::Call => &self.call,
            Basis::Device => &self.device,
        }
    }
}

/// One graph compile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recompile {
    pub evidence: Evidence,
    pub name: String,
    pub start_ns: i64,
    /// `None` where a compile is known and what it cost is not.
    pub dur_ns: Option<i64>,
    /// False where the trace gives the compile's cost but only the region in which it happened.
    pub start_is_exact: bool,
    /// Index of the step that it held up.
    pub step: Option<u32>,
    pub phase: Phase,
    pub bucket: Option<Bucket>,
    pub period: Period,
    /// The region that encloses it, as recorded.
    pub region: Option<String>,
    pub region_start_ns: Option<i64>,
    pub region_end_ns: Option<i64>,
    /// For a compile that two levels saw: the other one's evidence.
    pub also: Option<Evidence>,
    /// Row of its slice.
    pub slice: Option<u32>,
    /// Nothing waited for it: beside it, launches and steps went on. Derived.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub beside: bool,
    /// Of a compile on another thread, how long its step waited for it; where steps are measured from device end to
    /// device end, how long the device was idle because of it. `None`: all of it. Derived.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waited_ns: Option<i64>,
    /// When.
    #[serde(skip)]
    pub waited: Vec<Span>,
    /// Which use of its bucket it was for. Derived.
    #[serde(default)]
    pub r#use: CompileUse,
    /// By torch.compile: which frame, for the how-manieth time, and the phases inside.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dynamo: Option<CompileDetail>,
}

impl Recompile {
    /// What is known of its cost, for sums: nothing counts as 0.
    pub fn known_ns(&self) -> i64 {
        self.dur_ns.unwrap_or(0)
    }

    /// The time that it is known to have taken.
    pub fn span(&self) -> Span {
        Span::new(self.start_ns, self.start_ns.saturating_add(self.known_ns()))
    }

    /// Its cost, for people.
    pub fn cost_says(&self) -> String {
        self.dur_ns
            .map_or_else(|| "cost not recorded".to_owned(), show::duration)
    }
}

/// A frame that torch.compile gave up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamoLimit {
    /// Start of the attempt that gave up, and its slice; of its lookup where it left no other.
    pub at_ns: i64,
    pub slice: u32,
    pub compile_id: Option<String>,
    /// Lookups on that thread afterwards, none of which ran compiled code.
    pub lookups_after: u64,
    /// Steps on that thread that began afterwards.
    #[serde(default)]
    pub steps_after: u64,
}

/// What torch.compile did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamoUse {
    /// Times that a compiled frame was entered and its guards evaluated.
    pub lookups: u64,
    /// Times that compiled code ran.
    pub regions: u64,
    pub compiles: u64,
    /// Compiles of a frame that had been compiled before; those of which that is not known are not counted.
    pub recompiles: u64,
    /// Time in which at least one compile ran; `None` where no cost of a compile is recorded.
    pub compile_ns: Option<i64>,
    /// Attempts that left a slice and made nothing; not among the compiles.
    #[serde(default)]
    pub gave_up: u64,
    /// Frames that ran without compiled code after an attempt that gave up.
    pub limits: Vec<DynamoLimit>,
}

/// A bucket with its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PhaseBucket {
    pub phase: Phase,
    pub bucket: Bucket,
    /// Steps that used it.
    pub count: u64,
}

/// Padding in the served steps of one phase and bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Padding {
    pub phase: Phase,
    pub bucket: Bucket,
    pub steps: u64,
    /// Decode: requests, and rows of the bucket; prefill: tokens, and positions.
    pub real: u64,
    pub padded: u64,
    /// Device time of these steps; `None` where it is unknown of one.
    pub device_ns: Option<i64>,
    /// Its part that went to padding, if each row takes as long as any.
    pub padding_device_ns: Option<i64>,
}

impl Default for Padding {
    fn default() -> Padding {
        Padding {
            phase: Phase::Unknown,
            bucket: Bucket {
                batch: 0,
                seq: None,
                ctx: None,
            },
            steps: 0,
            real: 0,
            padded: 0,
            device_ns: None,
            padding_device_ns: None,
        }
    }
}

/// Which buckets warm-up compiled and which were served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketCoverage {
    pub warmed: Vec<PhaseBucket>,
    pub served: Vec<PhaseBucket>,
    pub served_not_warmed: Vec<PhaseBucket>,
    /// Served steps of processes whose warm-up the file does not hold, or does not say the buckets of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown_steps: u64,
    /// Of each bucket that was served and not warmed, the first step that shows it.
    #[serde(skip)]
    pub first_not_warmed: Vec<u32>,
}

/// One class of a gap histogram: `[from_ns, to_ns)`; the last is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapBin {
    pub from_ns: i64,
    pub to_ns: Option<i64>,
    pub count: u64,
    pub total_ns: i64,
    /// The bin's total time by cause; same order as the histogram's `causes`.
    pub by_cause_ns: Vec<i64>,
    /// The bin's count by cause; same order.
    pub by_cause_count: Vec<u64>,
}

/// The gaps of one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapCause {
    pub cause: Cause,
    pub count: u64,
    pub total_ns: i64,
}

/// One gap, for the list of the longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub start_ns: i64,
    pub dur_ns: i64,
    pub cause: Cause,
    /// What covers most of it on the host, or what stands on both sides.
    pub says: String,
    /// Index of the step in which it lies, or before which it lies.
    pub step: Option<u32>,
    /// Whether it lies inside a step.
    pub inside_step: bool,
}

/// All gaps of one kind in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gaps {
    pub kind: GapKind,
    /// `"device 0"`, `"vLLM"`, a thread.
    pub r#where: String,
    pub count: u64,
    pub total_ns: i64,
    pub p50_ns: Option<i64>,
    pub p99_ns: Option<i64>,
    pub max_ns: Option<i64>,
    /// Part of the host's recording that this place's recording covers.
    pub coverage: Option<f64>,
    pub bins: Vec<GapBin>,
    /// The same gaps in logarithmic bins, 40 or more where their lengths differ enough, from the first that holds one
    /// to the last.
    #[serde(default)]
    pub histogram: Vec<GapBin>,
    pub causes: Vec<GapCause>,
    /// The longest, longest first, at most 50.
    pub longest: Vec<Gap>,
    /// One sentence: what is counted here.
    pub definition: String,
    /// Of gaps between steps: from the start of the first to the end of the last step that counts.
    #[serde(skip)]
    pub steps_ns: i64,
}

/// How a device spent its time. `compute + comm_exposed + copy_exposed + idle = span`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTime {
    pub device: i64,
    /// What the file calls its rank, where it holds several: devices are numbered within a rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// `"all"`, or `"linked"`: only work whose launch is in the trace.
    pub scope: String,
    pub span_ns: i64,
    pub busy_ns: i64,
    pub compute_ns: i64,
    pub comm_exposed_ns: i64,
    pub copy_exposed_ns: i64,
    pub idle_ns: i64,
    pub engines: Engines,
    /// First start and last end.
    pub start_ns: i64,
    pub end_ns: i64,
}

/// A kernel by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    pub name: String,
    /// `compute|comm|copy|set|other`
    pub kind: String,
    /// The rule that says so, or `"recorded"` where the tracer does; `None` where no rule fits, so that it computes.
    #[serde(default)]
    pub rule: Option<String>,
    pub count: u64,
    pub total_ns: i64,
    pub min_ns: i64,
    pub max_ns: i64,
    pub mean_ns: i64,
    /// Standard deviation of its calls.
    #[serde(default)]
    pub deviation_ns: i64,
    /// At least one of its calls runs on a device, summed over devices: a kernel that runs on eight engines of a device
    /// at once counts once. `total_ns` counts it eight times.
    #[serde(default)]
    pub busy_ns: i64,
    /// Calls whose recorded end cannot be right: they count as the median of their name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bounded: u64,
    /// Row of its longest call, for the timeline.
    #[serde(default)]
    pub longest_slice: u32,
}

/// Device work of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFamily {
    pub family: Family,
    pub count: u64,
    pub total_ns: i64,
    /// Different names in it.
    pub names: u64,
    /// The kernel with most time, and its longest call.
    pub largest: String,
    pub largest_slice: u32,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_zero_ns(n: &i64) -> bool {
    *n == 0
}

/// What operators are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grouping {
    #[default]
    Name,
    /// Name and shapes of the inputs.
    Shape,
    /// Name and the python frames around the call.
    Stack,
}

/// Whose stacks are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StackSource {
    /// Python frames, and the operators that they call.
    #[default]
    Python,
    /// Operators and annotations.
    Operators,
    /// Modules of the model.
    Modules,
}

impl StackSource {
    /// All of them.
    pub const ALL: [StackSource; 3] = [StackSource::Python, StackSource::Operators, StackSource::Modules];
}

/// A framework operator, or a python frame, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub name: String,
    pub count: u64,
    pub self_cpu_ns: i64,
    /// Standard deviation of the calls' self times; 0 where it is not computed.
    #[serde(default, skip_serializing_if = "is_zero_ns")]
    pub self_deviation_ns: i64,
    /// Operators: summed over all calls, as torch's `key_averages` does. Python frames: calls inside a call
    /// of the same name are not counted again.
    pub total_cpu_ns: i64,
    /// Where all calls have a CPU time: how long their thread ran on a processor, and the rest of the time from call to
    /// return; summed over all calls.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_cpu_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waiting_ns: Option<i64>,
    pub self_device_ns: Option<i64>,
    pub total_device_ns: Option<i64>,
    /// Operators, where allocations are recorded: bytes allocated less bytes freed between start and end of its calls,
    /// on any thread, summed over all calls; on the host, and on devices. `self`: less that of the operators called.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub self_cpu_bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_cpu_bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub self_device_bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub total_device_bytes: Option<i64>,
    /// Counted by shape: those of its inputs, as the trace writes them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shapes: Option<String>,
    /// Counted by stack: the python frames around the call, innermost first, at most 5.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stack: Vec<String>,
    /// Row of its longest call, for the timeline.
    pub longest_slice: u32,
}

impl DeviceMemory {
    /// What people call it: `cuda 0`, `cuda 0 of TP01`.
    pub fn label(&self) -> String {
        let of_rank = self.rank.iter().map(|rank| format!(" of {rank}"));
        let id = self.id.iter().map(|id| format!(" {id}"));
        std::iter::once(self.device.clone())
            .chain(id)
            .chain(of_rank)
            .collect()
    }
}

/// An operator by what was allocated while it was the innermost one on its thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryOperator {
    /// `""`: outside of any operator.
    pub name: String,
    pub allocations: u64,
    pub frees: u64,
    pub allocated_bytes: i64,
    pub freed_bytes: i64,
}

/// What one allocator handed out and took back. Bytes in use are the allocator's own total where it records one; else
/// (`in_use_is_recorded` is false) they are the sum of events since the recording began, where 0 is what was in use
/// then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMemory {
    /// `cpu|cuda|hip|xpu|…`
    pub device: String,
    pub id: Option<i64>,
    /// What the file calls its rank, where it holds several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    pub allocations: u64,
    pub frees: u64,
    pub allocated_bytes: i64,
    /// As a positive number.
    pub freed_bytes: i64,
    pub in_use_is_recorded: bool,
    /// In use before the first event, and after the last.
    pub start_bytes: i64,
    pub end_bytes: i64,
    pub peak_bytes: i64,
    pub peak_at_ns: i64,
    /// Index of the step in which the peak lies.
    pub peak_step: Option<u32>,
    /// Operators and annotations open at the peak on the thread that allocated, innermost first, at most 20.
    pub peak_operators: Vec<String>,
    /// The innermost of them.
    pub peak_slice: Option<u32>,
    /// The most that the allocator held, in use or not; `None` where it does not say.
    pub reserved_peak_bytes: Option<i64>,
    pub reserved_peak_at_ns: Option<i64>,
    /// Decode steps while serving, and the median of bytes allocated in one.
    pub decode_steps: u64,
    pub decode_step_allocated_bytes: Option<i64>,
    /// How bytes in use change from decode step to decode step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_growth: Option<MemoryGrowth>,
    /// Most allocated first, at most 50.
    pub operators: Vec<MemoryOperator>,
}

/// How the bytes in use differ from the start of a decode step to that of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryGrowth {
    /// Decode steps that another one follows.
    pub steps: u64,
    /// Of these, those behind which more is in use.
    pub grown: u64,
    pub median_bytes: i64,
    pub total_bytes: i64,
}

/// What allocators did, where that is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    pub events: u64,
    pub devices: Vec<DeviceMemory>,
    /// Events inside no operator on any thread, and their bytes: the row `[memory]` of torch's own table.
    pub outside_events: u64,
    pub outside_bytes: i64,
}

impl TraceReport {
    /// Whether a list stops at a limit; its table says where.
    pub fn leaves_rows_out(&self) -> bool {
        let groups = [
            self.operators_by_shape_left_out,
            self.operators_by_stack_left_out,
            self.modules_left_out,
        ];
        let mut plain = self.beside.iter().flat_map(|beside| &beside.plain_tables);
        groups.iter().any(Option::is_some) || plain.any(|table| table.is_cut())
    }
}

/// What a list leaves out behind its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsLeftOut {
    pub rows: u64,
    pub calls: u64,
    pub self_ns: i64,
    /// From call to return; of modules only those that no other is around.
    pub total_ns: i64,
}

impl RowsLeftOut {
    /// `kept` rows are in the list, those with the most of `by`.
    pub fn says(&self, kept: usize, by: &str) -> String {
        let kept = kept as u64;
        format!(
            "Here are the {} with the most {by}, of {}; the others have {} and {} self time.",
            show::count(kept),
            show::count(kept.saturating_add(self.rows)),
            show::counted(self.calls, "call"),
            show::duration(self.self_ns),
        )
    }
}

/// Calls of one module by way of the modules around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleRow {
    /// As recorded, with the number of the instance: `Linear_3`.
    pub name: String,
    /// Row of the module around it in the same list.
    pub parent: Option<u32>,
    pub depth: u32,
    pub count: u64,
    /// Host time from the call to its return.
    pub total_ns: i64,
    /// Less that of the modules called.
    pub self_ns: i64,
    /// Time of device work launched between the call and the return, on the same thread; summed over streams, so it may
    /// exceed the time on the clock. `None` where nothing links device work to launches.
    #[serde(default)]
    pub total_device_ns: Option<i64>,
    /// Less that of the modules called.
    #[serde(default)]
    pub self_device_ns: Option<i64>,
    /// Row of its longest call, for the timeline.
    pub longest_slice: u32,
}

/// How much of the file one category of events is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryBytes {
    /// `""` for events without one.
    pub category: String,
    pub events: u64,
    /// Bytes of the events' text, inflated.
    pub text_bytes: u64,
    /// What the profiler is told to leave it out, and what is lost then.
    pub left_out_by: Option<String>,
}

/// One fact that a finding rests on, with the place that shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingEvidence {
    pub says: String,
    pub start_ns: Option<i64>,
    pub end_ns: Option<i64>,
    pub step: Option<u32>,
    /// Row of a slice to select.
    pub slice: Option<u32>,
}

/// One sentence with numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable, in kebab-case: `compiles-while-serving`.
    pub id: String,
    pub level: Level,
    pub sure: Sure,
    pub says: String,
    pub cost_ns: Option<i64>,
    pub evidence: Vec<FindingEvidence>,
    pub advice: String,
    /// Which view has the rest: `overview`, `steps`, `gaps`, `device`, `recompiles`, `python`, `timeline`.
    pub view: String,
}

/// A share of the time between the first and the last serving step. Shares add up to `TimeBudget::total_ns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetShare {
    /// `compile|device_compute|host_gap|prefill|decode|between_steps|no_load|…`
    pub id: String,
    pub says: String,
    pub total_ns: i64,
}

/// Where serving time went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBudget {
    pub total_ns: i64,
    pub shares: Vec<BudgetShare>,
    /// One sentence: what is divided, and how.
    pub definition: String,
}

/// What the metrics file (`PT_HPU_METRICS_FILE`) says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    pub file: String,
    pub graph_compilations: Option<u64>,
    pub graph_compilation_ns: Option<i64>,
    pub cpu_fallbacks: Option<u64>,
    pub recipe_cache_hits: Option<u64>,
    pub recipe_cache_misses: Option<u64>,
    pub defragmentations: Option<u64>,
    /// Each compile: recipe, cost, and its end on the file's wall clock (local time, no zone), if dumped then.
    pub compiles: Vec<MetricCompile>,
    /// How many recompile markers got their time from here.
    pub matched: u64,
    pub notes: Vec<String>,
}

/// One compile of the metrics file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricCompile {
    pub recipe: String,
    pub dur_ns: i64,
    /// Local wall clock, as written.
    pub generated_on: Option<String>,
}

/// What a row of torch's table is beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableVerdict {
    /// Our numbers round to those of the table.
    Equal,
    /// Equal but for what torch counts by another rule, which `why` names.
    ByDefinition,
    Differs,
    OnlyInTable,
}

/// A row of torch's table, with our numbers of the same name; the table's times are rounded to the last digit that it
/// shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRow {
    pub name: String,
    /// Where the table tells calls apart by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shapes: Option<String>,
    pub calls: u64,
    pub self_cpu_ns: Option<i64>,
    pub total_cpu_ns: Option<i64>,
    pub self_device_ns: Option<i64>,
    pub total_device_ns: Option<i64>,
    pub our_calls: Option<u64>,
    pub our_self_cpu_ns: Option<i64>,
    pub our_total_cpu_ns: Option<i64>,
    pub our_self_device_ns: Option<i64>,
    pub our_total_device_ns: Option<i64>,
    pub verdict: TableVerdict,
    /// Why it differs, as far as can be told; empty where it does not.
    pub why: String,
}

/// torch's own operator table (`profiler_out_{rank}.txt`) beside ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCheck {
    pub file: String,
    pub equal: u64,
    pub differ: u64,
    pub only_in_table: u64,
    pub unread_lines: u64,
    /// Self time of all operators, as the table says.
    pub self_cpu_ns: Option<i64>,
    pub self_device_ns: Option<i64>,
    /// Rows that are equal but for what torch counts by another rule.
    #[serde(default)]
    pub by_definition: u64,
    /// Self time of the rows that the table leaves out, by its own sum; `None` where it leaves out none.
    #[serde(default)]
    pub left_out_self_cpu_ns: Option<i64>,
    /// Rows of ours that are not in the table; `None` without a trace.
    #[serde(default)]
    pub not_listed: Option<u64>,
    /// What is special about the table and the comparison, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    pub rows: Vec<TableRow>,
}

/// A defect as the report shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefectRow {
    pub kind: String,
    pub severity: crate::base::Severity,
    pub count: u64,
    pub first_at_byte: Option<u64>,
    /// Events that are not in the trace because of it; 0 where they were repaired.
    pub events_lost: u64,
    /// The input ends or breaks off: what came after is unknown.
    pub ends_early: bool,
    pub says: String,
}

impl DefectRow {
    /// See [`DefectKind::is_of_no_event`](crate::base::DefectKind::is_of_no_event).
    pub fn is_of_no_event(&self) -> bool {
        crate::base::DefectKind::from_key(&self.kind).is_some_and(crate::base::DefectKind::is_of_no_event)
    }
}

/// Everything that is known about one trace.
#[derive(Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceReport {
    pub file: String,
    /// `gaudi-highlevel|gaudi-e2e|gaudi-metrics|torch|ascend|chrome|…`
    pub format: String,
    pub bytes: u64,
    pub inflated_bytes: u64,
    pub events: u64,
    pub rank: Option<i64>,
    pub world_size: Option<i64>,
    /// `hpu|cuda|rocm|npu|xpu|mtia|cpu|unknown`
    pub device_kind: String,
    /// `"GAUDI3"`, where the trace says.
    pub device_name: Option<String>,
    /// `"vLLM V1"`, `"vLLM V0"`, …
    pub engine: Option<String>,
    pub start_ns: Option<i64>,
    pub end_ns: Option<i64>,
    pub base_time_ns: Option<i64>,
    /// What the torch profiler covers, where that is less than the trace.
    pub capture_start_ns: Option<i64>,
    pub capture_end_ns: Option<i64>,
    /// Every region was synchronised with the device while recording, so host and device do not overlap.
    pub synchronised_capture: bool,
    /// What to know when reading the numbers, one sentence each.
    pub notes: Vec<String>,
    pub defects: Vec<DefectRow>,
    pub steps: Vec<Step>,
    pub step_groups: Vec<StepGroup>,
    /// Which time of a step is its step time here; `None` without steps.
    #[serde(default)]
    pub step_time: Option<StepTime>,
    /// What a decode step takes and what bounds it; of a trace that decodes nothing, a prefill step.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// The same of each phase and device.
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
    /// What the time from step to step is made of, of each phase and device with enough intervals.
    #[serde(default)]
    pub step_causes: Vec<StepCauses>,
    /// The most costly of the steps that took far longer than others of like size.
    #[serde(default)]
    pub slow_steps: Vec<SlowStep>,
    /// In order of time.
    #[serde(default)]
    pub out_of_memory: Vec<OutOfMemory>,
    /// How often that happened; more than are listed where there are very many.
    #[serde(default)]
    pub out_of_memory_total: u64,
    pub recompiles: Vec<Recompile>,
    /// What torch.compile did; `None` where it left no mark.
    pub dynamo: Option<DynamoUse>,
    pub bucket_coverage: Option<BucketCoverage>,
    /// Most device time on padding first.
    #[serde(default)]
    pub padding: Vec<Padding>,
    pub gaps: Vec<Gaps>,
    pub device_time: Vec<DeviceTime>,
    pub kernels: Vec<Kernel>,
    /// Device work by family, most time first. Durations are summed over streams and lanes.
    #[serde(default)]
    pub kernel_families: Vec<KernelFamily>,
    /// The rules by which kernels are told apart, as text; `None` where the trace itself says what each is.
    #[serde(default)]
    pub kernel_rules: Option<String>,
    /// Device work by recipe, node and engine; absent where the work names no recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeWork>,
    /// `None` where device work does not carry the number of its launch.
    #[serde(default)]
    pub launches: Option<Launches>,
    /// Calls that launch work; `None` where nothing links the two.
    #[serde(default)]
    pub launches_total: Option<u64>,
    /// Those of them without any work in the trace; `None` also where as much work does not say its call.
    #[serde(default)]
    pub launches_without_work: Option<u64>,
    /// Why these two are not known, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launches_unknown: Option<String>,
    /// By how much the device's clock is behind the host's (negative) where work starts before the call that launched
    /// it, or ahead of it where work ends after a call that waited for it; nothing that rests on the order of the two
    /// is said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ns: Option<i64>,
    #[serde(default)]
    pub queue_depth: Vec<QueueDepth>,
    /// What lies between one piece of work and the next on each stream; where `launches` is known.
    #[serde(default)]
    pub stream_gaps: Vec<StreamGaps>,
    /// What is counted in them, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_gaps_definition: Option<String>,
    #[serde(default)]
    pub copies: Vec<Copy>,
    #[serde(default)]
    pub syncs: Vec<Sync>,
    /// Collective work of devices by what it says of itself, most time first, at most
    /// [`MAX_ROWS`](crate::analyze::ranks::recorded_collectives::MAX_ROWS).
    #[serde(default)]
    pub collectives_recorded: Vec<RecordedCollective>,
    #[serde(default)]
    pub idle: Vec<DeviceIdle>,
    /// Why `idle` is empty, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_unknown: Option<String>,
    pub operators: Vec<Operator>,
    /// Python frames by name; empty where the trace has no stacks.
    pub python: Vec<Operator>,
    /// Operators by name and shapes of their inputs, most self time first, at most
    /// [`MAX_GROUPS`](crate::analyze::host::operators_by_name::MAX_GROUPS); empty where no shapes are recorded, and on
    /// the page, which asks.
    #[serde(default)]
    pub operators_by_shape: Vec<Operator>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operators_by_shape_left_out: Option<RowsLeftOut>,
    /// The same by name and python frames around the call.
    #[serde(default)]
    pub operators_by_stack: Vec<Operator>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operators_by_stack_left_out: Option<RowsLeftOut>,
    /// `None` where no allocation is recorded.
    pub memory: Option<MemoryUse>,
    /// Modules as they call each other, each after the one around it, most time first; at most
    /// [`MAX_MODULES`](crate::analyze::host::modules::MAX_MODULES).
    pub modules: Vec<ModuleRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modules_left_out: Option<RowsLeftOut>,
    /// Largest first. The file's text is longer by its header and by what stands between events.
    pub bytes_by_category: Vec<CategoryBytes>,
    pub budget: Option<TimeBudget>,
    pub metrics: Option<Metrics>,
    /// torch's own operator table, where it was opened with the trace or alone.
    pub table: Option<TableCheck>,
    pub findings: Vec<Finding>,
    /// What the profiler's own tables and lanes say; absent where it wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<ProfilerTables>,
}

/// What `stepscope report --format json` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub traces: Vec<TraceReport>,
    /// Workers that were given together, compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<Workers>,
    /// All ranks of one run, where the traces are those of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<RunRanks>,
}

/// The value of [`Report::schema`].
pub const SCHEMA: &str = "stepscope.report/1";
