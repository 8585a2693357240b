//! Invented traces in the exact shape of vLLM's on Intel Gaudi, of any size, equal for equal seeds.
//!
//! They are the page's built-in sample, and input of known content for tests and benchmarks: [`facts`] says
//! what an analysis must find in them. Shapes follow formats/gaudi.md, which is to say files that the real
//! profiler code wrote: torch's events first and vLLM's at the end, B/E pairs for bridge and Synapse calls,
//! device lanes on pid 0. Numbers are invented, and the header says so (`"generator": "stepscope synth"`);
//! a high-level file ([`Options::high_level_only`]) has no header that could.
//!
//! Nothing holds the text: the server's iterations ([`invented_server`]) are run once for each part of the file, and
//! written iteration by iteration. Imports nothing but [`crate::base`].

mod invented_server;
mod python_json;
mod sections;
pub mod simulator;

use std::io::Write;

use crate::base::Span;

pub use crate::base::Gzip;
pub use sections::Chunks;

/// What the header of an invented trace says under `generator`.
pub const GENERATOR: &str = "stepscope synth";

/// Which vLLM engine's events are imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    V0,
    V1,
}

/// How much is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Iterations of the engine while serving.
    Steps(u32),
    /// Bytes of JSON, before any compression; met within five per cent from 2 MB on.
    Bytes(u64),
}

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub seed: u64,
    pub target: Target,
    pub engine: Engine,
    /// Whether warm-up, which compiles the known buckets, is in the file.
    pub warmup: bool,
    /// Graphs compiled while serving. V0 records none of them; see `compile_events`.
    pub serving_compiles: u32,
    /// Buckets that are served and were not warmed up; at most 8.
    pub unwarmed_buckets: u32,
    /// Record compiles as vLLM does with `PT_HPU_METRICS_GC_DETAILS`: blocks, counters, and every region
    /// synchronised with the device. V1 only.
    pub compile_tracking: bool,
    /// Record compiles as Synapse's own host events.
    pub compile_events: bool,
    /// One decode step is held up by an operator that runs on the host.
    pub outlier: bool,
    /// Device lanes; without them the file is what `--hw-trace off` leaves.
    pub with_device: bool,
    pub with_python: bool,
    /// Arrows from launches to device work.
    pub with_flows: bool,
    /// Groups of kernels in a forward pass; the size of a step follows from it.
    pub layers: u32,
    /// TPC lanes, 1 to 8; a matrix lane for every four of them.
    pub tpc_lanes: u32,
    /// Only vLLM's own events, as a list that is never closed (`server_events_*.json`).
    pub high_level_only: bool,
}

impl Options {
    /// The page's built-in sample: about ten seconds of serving, with something of everything.
    pub fn sample() -> Options {
        Options {
            seed: 1,
            target: Target::Steps(185),
            engine: Engine::V1,
            warmup: true,
            serving_compiles: 4,
            unwarmed_buckets: 2,
            compile_tracking: true,
            compile_events: true,
            outlier: true,
            with_device: true,
            with_python: true,
            with_flows: false,
            layers: 2,
            tpc_lanes: 2,
            high_level_only: false,
        }
    }

    /// Steps as wide as real ones: for benchmarks.
    pub fn wide(target: Target) -> Options {
        Options {
            target,
            layers: 8,
            tpc_lanes: 8,
            ..Options::sample()
        }
    }

    /// A name in the manner of the real files.
    pub fn file_name(&self) -> String {
        if self.high_level_only {
            format!(
                "server_events_vllm-instance-{}-{:032x}.json",
                invented_server::PID,
                self.seed
            )
        } else {
            format!("vllm.synth-{}.pt.trace.json", self.seed)
        }
    }
}

/// A bucket with its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    pub prefill: bool,
    pub batch: u32,
    pub seq: u32,
    /// Context blocks.
    pub ctx: u32,
}

/// A compile that was written into the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileFact {
    /// The recipe, without `GRAPH COMPILE: `.
    pub name: String,
    pub dur_ns: i64,
    pub warmup: bool,
    /// As a block of vLLM's.
    pub recorded: bool,
    /// As an event of Synapse's.
    pub event: bool,
    /// The bucket of the pass that it held up.
    pub shape: Shape,
    /// The pass that it held up.
    pub pass: Span,
}

/// What an analysis must find. Times in ns on the trace's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Iterations of the engine while serving.
    pub iterations: u32,
    pub serving_prefill: u64,
    pub serving_decode: u64,
    pub warmup_prefill: u64,
    pub warmup_decode: u64,
    /// In order of time.
    pub compiles: Vec<CompileFact>,
    /// Sorted.
    pub warmed: Vec<Shape>,
    /// Sorted.
    pub served: Vec<Shape>,
    /// Sorted.
    pub served_not_warmed: Vec<Shape>,
    /// Requests in decode batches while serving, summed over passes.
    pub real_batch: u64,
    /// The same, padded.
    pub padded_batch: u64,
    /// Prompt tokens computed while serving, without padding.
    pub prefill_tokens: u64,
    /// The decode pass that a host operator holds up.
    pub outlier: Option<Span>,
    /// What the torch profiler covers.
    pub capture: Span,
    /// Union of matrix and vector engines.
    pub device_compute_ns: i64,
}

/// What [`write()`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Of JSON.
    pub bytes: u64,
    pub events: u64,
    pub facts: Facts,
}

/// What a trace of these options holds.
pub fn facts(options: &Options) -> Facts {
    invented_server::facts(options, sections::iterations(options))
}

/// Writes a trace, at no time holding more than one chunk of it.
pub fn write(options: &Options, out: &mut impl Write) -> std::io::Result<Written> {
    let mut chunks = Chunks::new(options);
    let mut bytes = 0;
    let mut buffer = Vec::new();
    while chunks.fill(&mut buffer) {
        out.write_all(&buffer)?;
        bytes += buffer.len() as u64;
    }
    Ok(Written {
        bytes,
        events: chunks.events(),
        facts: chunks.into_facts(),
    })
}

/// The text of a trace in chunks of some 256 KiB.
pub fn chunks(options: &Options) -> impl Iterator<Item = Vec<u8>> + use<> {
    Chunks::new(options)
}
