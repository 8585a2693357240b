//! Words of the serving world that dialects speak and analyses answer in.

use serde::{Deserialize, Serialize};

use crate::base::Colour;
use crate::base::closed_set::closed_set;

closed_set! {
    /// What the passes of a step compute.
    #[derive(Default)]
    pub enum Phase {
        /// Inside a sentence.
        noun: &'static str,
        word: &'static str,
        colour: Colour,
    }
    Prefill "prefill" { noun: "prefill", word: "prefill", colour: Colour::Prefill }
    Decode "decode" { noun: "decode", word: "decode", colour: Colour::Decode }
    /// Both in one pass.
    Mixed "mixed" { noun: "mixed", word: "prefill + decode", colour: Colour::Mixed }
    Idle "idle" { noun: "idle", word: "idle", colour: Colour::Other }
    #[default]
    Unknown "unknown" { noun: "unknown phase", word: "step", colour: Colour::Other }
}

closed_set! {
    /// When in the server's life.
    #[derive(Default)]
    pub enum Period {
        word: &'static str,
        means: &'static str,
    }
    Warmup "warmup" {
        word: "warm-up",
        means: "The server runs every bucket once before it serves.",
    }
    BeforeCapture "before_capture" {
        word: "before capture",
        means: "Recorded before the torch profiler started.",
    }
    Serving "serving" { word: "serving", means: "Requests are served." }
    Dummy "dummy" { word: "dummy run", means: "A profiling run on invented data." }
    #[default]
    Unknown "unknown" {
        word: "unknown",
        means: "The trace does not say when in the server's life this was.",
    }
}

impl Period {
    /// All of them, in the order in which they are shown: what users waited for comes first.
    pub const AS_SHOWN: [Period; Period::COUNT] = [
        Period::Serving,
        Period::Unknown,
        Period::Dummy,
        Period::BeforeCapture,
        Period::Warmup,
    ];
}

/// The padded shape that a graph was compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bucket {
    pub batch: u32,
    pub seq: Option<u32>,
    /// Context blocks.
    pub ctx: Option<u32>,
}

impl std::fmt::Display for Bucket {
    /// `(batch, seq, ctx)`, `–` where unknown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({}", self.batch)?;
        for part in [self.seq, self.ctx] {
            match part {
                Some(n) => write!(f, ", {n}")?,
                None => write!(f, ", –")?,
            }
        }
        write!(f, ")")
    }
}

closed_set! {
    /// What a recompile marker rests on. Levels are never added up.
    #[derive(Default)]
    pub enum Evidence {
        word: &'static str,
        means: &'static str,
    }
    /// Level L1.
    #[default]
    Recorded "recorded" {
        word: "recorded",
        means: "The serving engine recorded the compile itself.",
    }
    /// Level L2.
    Synapse "synapse" {
        word: "compiler event",
        means: "The graph compiler's own host event.",
    }
    /// Level L2b.
    Recipe "recipe" {
        word: "new recipe",
        means: "The bridge stored a newly compiled recipe; of the call around it, the time until then.",
    }
    /// Level L3.
    Dynamo "dynamo" { word: "torch.compile", means: "torch.compile compiled on the host." }
    /// While serving.
    GraphCapture "graph_capture" { word: "graph capture", means: "A device graph was captured." }
    /// Level L4.
    Suspected "suspected" {
        word: "suspected",
        means: "The trace records no compile here. Only the step's duration suggests one: it is as slow as a compile \
                makes it.",
    }
}

/// A part of a compile. Phases lie inside each other, so they are never added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilePhase {
    pub name: String,
    pub total_ns: i64,
}

/// What torch.compile says of one compile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileDetail {
    /// As recorded: `"0/2"`.
    pub compile_id: Option<String>,
    pub frame: Option<u64>,
    /// 0 for the first compile of a frame; from 1 on it was compiled anew.
    pub attempt: Option<u64>,
    /// Whether what it made ran before the next compile.
    pub ran: bool,
    /// It made nothing: the next lookup or compile followed, and no run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gave_up: bool,
    pub phases: Vec<CompilePhase>,
}
