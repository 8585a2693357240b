//! Steps that took far longer than other steps of like size, and what differs in them.

use serde::{Deserialize, Serialize};

use crate::base::closed_set::closed_set;

closed_set! {
    /// What a difference between a slow step and other steps of like size is of. Kinds overlap and are never added: the
    /// host waits while the device works.
    pub enum DifferenceKind {
        word: &'static str,
        means: &'static str,
        /// What to do where this is the first difference of a step.
        advice: &'static str,
    }
    CompileLimit "compile_limit" {
        word: "compile given up",
        means: "An attempt to compile that gave up: the trace shows it in this step.",
        advice: "The finding about the recompile limit says how to keep compiled code in use.",
    }
    AllOperators "all_operators" {
        word: "all operators",
        means: "The operators of the step's thread that were called as often as in the others.",
        advice: "Where all operators are slower, look for other processes on the host's cores and for lower clocks.",
    }
    Operator "operator" {
        word: "operator",
        means: "Self time of operators and calls by name, on the step's thread.",
        advice: "Look at the named operators in the timeline: their input sizes, and what calls them.",
    }
    Frame "frame" {
        word: "python frame",
        means: "Self time of python frames by name while no operator or call runs in them.",
        advice: "Look at the named python frames in the timeline: what they wait for or compute.",
    }
    AllKernels "all_kernels" {
        word: "all kernels",
        means: "The kernels of the step that ran as often as in the others.",
        advice: "Where all kernels are slower, look for other work on the device, and \
                 for clocks lowered by heat or power.",
    }
    Kernel "kernel" {
        word: "kernel",
        means: "Device work of the step by name.",
        advice: "Look at the named kernels in the timeline: their sizes, and what runs at the same time.",
    }
    Wait "wait" {
        word: "wait for device",
        means: "Calls in which the host waits for the device, by name.",
        advice: "Look at what the device does, and what it waits for, during the named calls.",
    }
    Part "part" {
        word: "part of the step",
        means: "Host time by what was done.",
        advice: "Look at the named part of the step in the timeline; operators \
                 or python stacks, if recorded, say more.",
    }
    DeviceIdle "device_idle" {
        word: "device idle",
        means: "No work on the device from the start of the step to the start of the next one.",
        advice: "Look at what the host does before it hands over the work that follows the pause.",
    }
    Unrecorded "unrecorded" {
        word: "no host activity recorded",
        means: "The step's thread runs nothing that is recorded.",
        advice: "Record with python stacks to see what the host does in this time.",
    }
    AfterStep "after_step" {
        word: "time to the next step",
        means: "From the end of the step on the host to the start of the next one.",
        advice: "Look at what the engine does between the steps.",
    }
}

/// What takes longer in a slow step than in the median of other steps of like size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub kind: DifferenceKind,
    /// Of the operator, kernel, frame or part.
    pub name: String,
    /// How much longer it takes than in the median of the others.
    pub more_ns: i64,
    /// In the median of the others.
    pub median_ns: i64,
    /// How many times as long; `None` where the others have none of it.
    pub ratio: Option<f64>,
    /// In the slow step.
    pub count: u64,
    /// In the median of the others.
    pub median_count: u64,
    /// The longest of it in the slow step.
    pub slice: Option<u32>,
}

/// A step that took far longer than the median of other steps of like size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlowStep {
    /// Its number.
    pub step: u32,
    pub step_ns: i64,
    /// Of the steps of like size, itself included.
    pub median_ns: i64,
    /// How many other steps the differences are against.
    pub compared: u64,
    /// Causes before what follows from them; of a kind, the largest first.
    pub differences: Vec<Difference>,
}

/// What runs in a step, beside the median of other steps of like size.
#[derive(Clone, Debug, PartialEq)]
pub struct StepWork {
    pub step: u32,
    /// How many other steps the medians are of; 0 where they are too few to compare with.
    pub compared: u64,
    pub rows: Vec<StepWorkRow>,
}

/// See [`StepWork`].
#[derive(Clone, Debug, PartialEq)]
pub struct StepWorkRow {
    pub kind: DifferenceKind,
    /// Of the operator, kernel, frame or part; empty where the kind says it.
    pub name: String,
    pub ns: i64,
    /// In the median of the others; `None` where there are too few.
    pub median_ns: Option<i64>,
    /// `None` for what is not called.
    pub count: Option<u64>,
    pub median_count: Option<u64>,
    /// The longest of it.
    pub slice: Option<u32>,
}

/// An allocator could not hand out what it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfMemory {
    pub at_ns: i64,
    /// `"cuda 0"`; `None` where it is not recorded.
    pub device: Option<String>,
    /// Asked for.
    pub bytes: Option<i64>,
    /// In use then.
    pub allocated_bytes: Option<i64>,
    /// Held by the allocator then.
    pub reserved_bytes: Option<i64>,
    /// The step that was open.
    pub step: Option<u32>,
}
