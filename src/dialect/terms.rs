//! Words of the serving world that dialects speak and analyses answer in.

use serde::{Deserialize, Serialize};

/// What the passes of a step compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Prefill,
    Decode,
    /// Both in one pass.
    Mixed,
    Idle,
    Unknown,
}

/// When in the server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Warmup,
    /// Recorded before the torch profiler started.
    BeforeCapture,
    Serving,
    /// A profiling run on invented data.
    Dummy,
    Unknown,
}

impl Period {
    /// Its word for people.
    pub fn word(self) -> &'static str {
        match self {
            Period::Warmup => "warm-up",
            Period::BeforeCapture => "before capture",
            Period::Serving => "serving",
            Period::Dummy => "dummy run",
            Period::Unknown => "unknown",
        }
    }
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

/// What a recompile marker rests on. Levels are never added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The serving engine recorded the compile (L1).
    Recorded,
    /// The graph compiler's own host event (L2, L2b).
    Synapse,
    /// torch.compile (L3).
    Dynamo,
    /// A device graph captured while serving.
    GraphCapture,
    /// Nothing recorded; a step looks like it (L4).
    Suspected,
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
    pub phases: Vec<CompilePhase>,
}
