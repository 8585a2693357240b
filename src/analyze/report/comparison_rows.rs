//! Two traces compared, as `stepscope compare --format json` prints it; and what is kept of a trace to compare with
//! later.

use serde::{Deserialize, Serialize};

use super::{
    Basis, Bucket, CauseTime, CompileUse, DeviceTime, Evidence, Limit, LimitKind, Phase, StepCause,
    StepCauses, StepTime,
};
use crate::base::closed_set::closed_set;

/// The value of [`Comparison::schema`].
pub const COMPARE_SCHEMA: &str = "stepscope.compare/1";
/// The value of [`Profile::schema`].
pub const BASELINE_SCHEMA: &str = "stepscope.baseline/1";

/// What comparing needs of a trace: a baseline, without the trace. Only steps that are served and did not compile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    pub schema: String,
    pub file: String,
    pub format: String,
    pub device_kind: String,
    pub device_name: Option<String>,
    pub engine: Option<String>,
    pub world_size: Option<u64>,
    pub step_time: Option<StepTime>,
    /// What slows the host while recording, in words.
    pub recording: Vec<String>,
    /// Steps of the whole trace, warm-up and those that compiled included: what totals of kernels and operators, and
    /// device times, are divided by.
    pub all_steps: u64,
    pub classes: Vec<StepClass>,
    /// In order of time.
    pub steps: Vec<StepTimes>,
    pub causes: Vec<StepCauses>,
    /// The same by the host's parts, where a device is recorded: to compare with a trace without one.
    #[serde(default)]
    pub host_causes: Vec<StepCauses>,
    /// What keeps its steps from being judged, one of a kind.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// Events that are lost, and all events that were read.
    #[serde(default)]
    pub events_lost: u64,
    #[serde(default)]
    pub events: u64,
    /// While serving.
    pub compiles: Vec<CompilesOf>,
    pub kernels: Vec<Work>,
    /// Kernels by family.
    pub families: Vec<Work>,
    pub operators: Vec<Work>,
    pub device_time: Vec<DeviceTime>,
    pub memory: Vec<MemoryPeakOf>,
    /// Rows of decode steps that hold a request, and all rows of their buckets.
    pub real_rows: Option<u64>,
    pub padded_rows: Option<u64>,
}

impl Profile {
    /// Why its report judges less, where that is of this kind.
    pub fn limit(&self, is_one: impl Fn(LimitKind) -> bool) -> Option<&Limit> {
        self.limits.iter().find(|limit| is_one(limit.kind))
    }
}

/// What steps of one phase and bucket have in common; without buckets of one class of size.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepClass {
    pub phase: Phase,
    pub bucket: Option<Bucket>,
    /// The class of size in words; `None` where there is a bucket, or nothing to tell steps apart by.
    pub class: Option<String>,
}

/// The times of one step, ns; `None` where unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTimes {
    /// Its place in [`Profile::classes`].
    pub class: usize,
    /// By the basis of the trace.
    pub step_ns: Option<i64>,
    pub interval_ns: Option<i64>,
    pub host_ns: Option<i64>,
    pub call_ns: Option<i64>,
    pub device_ns: Option<i64>,
}

impl StepTimes {
    pub fn of(&self, basis: Basis) -> Option<i64> {
        match basis {
            Basis::Interval => self.interval_ns,
            Basis::Host => self.host_ns,
            Basis::Call => self.call_ns,
            Basis::Device => self.device_ns,
        }
    }
}

/// Compiles of one graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilesOf {
    pub name: String,
    pub phase: Phase,
    pub bucket: Option<Bucket>,
    pub evidence: Evidence,
    pub r#use: CompileUse,
    pub count: u64,
    /// What is known of their cost.
    pub total_ns: i64,
}

/// Calls of one kernel, family or operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub name: String,
    pub kind: String,
    pub count: u64,
    /// Operators: their self time.
    pub total_ns: i64,
    /// Standard deviation of the calls; `None` where it is not known.
    pub deviation_ns: Option<i64>,
}

/// The most memory in use on one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPeakOf {
    pub device: String,
    pub peak_bytes: i64,
}

/// Which trace a side is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    pub file: String,
    pub format: String,
    /// Served, and without a compile.
    pub steps: u64,
}

/// How far the two traces measure the same thing: 0 to 1, and why less than 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparable {
    pub score: f64,
    pub reasons: Vec<String>,
}

/// Step times of one phase, or of one phase and bucket or class of size, by one of a step's four times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepTimeRow {
    pub phase: Phase,
    pub bucket: Option<Bucket>,
    pub class: Option<String>,
    /// All steps of the phase, weighted as they are.
    pub is_whole_phase: bool,
    /// Medians of the classes that both traces have, weighted alike: what remains where the batches differ.
    pub is_class_by_class: bool,
    pub basis: Basis,
    /// Whether this basis is the step time of both traces.
    pub is_step_time: bool,
    pub a_count: u64,
    pub b_count: u64,
    pub a_p50_ns: Option<i64>,
    pub b_p50_ns: Option<i64>,
    pub a_p99_ns: Option<i64>,
    pub b_p99_ns: Option<i64>,
    /// B's median over A's.
    pub ratio: Option<f64>,
    /// 95 % interval of the ratio.
    pub low: Option<f64>,
    pub high: Option<f64>,
    #[serde(skip)]
    pub chance: Option<f64>,
    /// Half the width of the 95 % interval of A's median, as a share of it.
    pub a_spread: Option<f64>,
    /// The steps drift: each is so like the one before it that their number says little.
    pub drifts: bool,
    /// Whether the interval excludes 1; `None`: too few steps to say, or they drift.
    pub significant: Option<bool>,
}

/// How much of the difference of the time from step to step one cause explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CauseRow {
    pub phase: Phase,
    pub cause: StepCause,
    pub a_per_step_ns: i64,
    pub b_per_step_ns: i64,
    /// B less A.
    pub per_step_ns: i64,
    /// Of the difference of the mean interval; `None` where there is none, or where causes cancel each other, so that
    /// it is small beside them.
    pub share: Option<f64>,
}

closed_set! {
    /// What became of a thing from A to B.
    #[derive(Default)]
    pub enum Change { says: &'static str }
    /// Only in B.
    Added "added" { says: "only in B" }
    Gone "gone" { says: "only in A" }
    Slower "slower" { says: "slower" }
    Faster "faster" { says: "faster" }
    /// In both, and too little is known of its calls.
    NotJudged "not_judged" { says: "not judged" }
    /// More calls in a step.
    More "more_calls" { says: "more calls" }
    Fewer "fewer_calls" { says: "fewer calls" }
    #[default]
    Same "same" { says: "no difference" }
}

/// A kernel, a family of kernels or an operator on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkRow {
    /// B's name, else A's.
    pub name: String,
    /// A's, where it is another: matched without addresses, shapes and template arguments.
    pub a_name: Option<String>,
    pub kind: String,
    pub change: Change,
    pub a_count: u64,
    pub b_count: u64,
    pub a_total_ns: i64,
    pub b_total_ns: i64,
    /// Totals over all steps of the trace; `None` without steps.
    pub a_per_step_ns: Option<i64>,
    pub b_per_step_ns: Option<i64>,
    pub a_per_call_ns: Option<i64>,
    pub b_per_call_ns: Option<i64>,
    /// B's time a call over A's.
    pub ratio: Option<f64>,
}

/// Compiles while serving of one graph on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileRow {
    pub name: String,
    pub phase: Phase,
    pub bucket: Option<Bucket>,
    pub change: Change,
    pub a_count: u64,
    pub b_count: u64,
    pub a_total_ns: i64,
    pub b_total_ns: i64,
}

/// How a device spends a step on both sides; times over all steps of each trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    pub device: i64,
    /// `busy|compute|comm_exposed|copy_exposed|idle`
    pub state: String,
    pub a_ns: Option<i64>,
    pub b_ns: Option<i64>,
    pub a_per_step_ns: Option<i64>,
    pub b_per_step_ns: Option<i64>,
}

/// The most memory in use on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryRow {
    pub device: String,
    pub a_peak_bytes: Option<i64>,
    pub b_peak_bytes: Option<i64>,
}

/// Two traces compared. Ratios are B over A, differences B less A.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub schema: String,
    pub a: Side,
    pub b: Side,
    pub comparable: Comparable,
    pub step_time: Vec<StepTimeRow>,
    pub causes: Vec<CauseRow>,
    pub recompiles: Vec<CompileRow>,
    pub kernels: Vec<WorkRow>,
    pub families: Vec<WorkRow>,
    pub operators: Vec<WorkRow>,
    pub device_time: Vec<DeviceRow>,
    pub memory: Vec<MemoryRow>,
    /// Share of padded rows in decode steps.
    pub a_padding: Option<f64>,
    pub b_padding: Option<f64>,
    /// What differs and why.
    pub says: String,
    /// The sentences of `says`.
    #[serde(skip)]
    pub sentences: Vec<String>,
    /// How many rows of step times, compiles, kernels and operators differ by more than chance.
    pub differences: u64,
}

/// Causes of one phase, summed over devices.
pub fn causes_of(phase: Phase, causes: &[StepCauses]) -> Vec<CauseTime> {
    let of_phase = causes.iter().filter(|c| c.phase == phase);
    let mut sums: Vec<CauseTime> = Vec::new();
    for one in of_phase.flat_map(|c| &c.causes) {
        match sums.iter_mut().find(|sum| sum.cause == one.cause) {
            Some(sum) => sum.total_ns = sum.total_ns.saturating_add(one.total_ns),
            None => sums.push(*one),
        }
    }
    sums
}
