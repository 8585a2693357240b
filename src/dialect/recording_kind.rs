//! Recordings that show no server at work, by what they hold and how their files are called.
//!
//! - *Graph capture*: a label `capture_32_FULL` (vLLM and SGLang with TraceLens' patches, and newer vLLM's own), or
//!   the file's name (`capture_traces/bs_32_rank0.json.gz`, `graph_capture_rank_0.….json`,
//!   `cuda_graph_capture-….json.gz`) beside a capture.
//! - *Training*: torch's `Optimizer.step#…` and the operators of its backward pass.
//! - *Front end*: vLLM's API process writes `….async_llm.….pt.trace.json.gz`; else frames of an API server, and none of
//!   the code that runs a model.

use crate::base::{SliceId, Union};
use crate::index::Index;

use super::Phase;
use super::kineto::is_capture;
use super::vocabulary::{Pass, Role, Vocabulary};

/// What a recording is of, where it shows no server at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingKind {
    /// Graphs are captured before the server serves.
    GraphCapture,
    Training,
    /// The process that takes requests and runs no model.
    FrontEnd,
}

/// Frames of the process that takes requests.
const FRONT_END_FRAMES: &[&str] = &[
    "entrypoints/openai/api_server.py",
    "entrypoints/api_server.py",
    "entrypoints/http_server.py",
    "entrypoints/openai/serving_",
    "engine/async_llm.py",
    "engine/async_llm_engine.py",
    "managers/tokenizer_manager.py",
];

/// Frames of a process that runs a model.
const MODEL_FRAMES: &[&str] = &[
    "model_runner",
    "worker/gpu_worker.py",
    "worker/hpu_worker.py",
    "managers/scheduler.py",
    "managers/tp_worker.py",
    "engine/core.py",
];

pub(super) fn recording_kind(index: &Index, file_name: &str, v: &Vocabulary) -> Option<RecordingKind> {
    let path = file_name.replace('\\', "/").to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let has_steps = v.passes.iter().any(is_served);
    if !has_steps && is_training(index) {
        return Some(RecordingKind::Training);
    }
    if is_graph_capture(index, v, &path, name) {
        return Some(RecordingKind::GraphCapture);
    }
    let is_front_end = || {
        let is_called_so = name.contains(".async_llm.") || name.starts_with("async_llm.");
        let has_frame = |of: &[&str]| frames(index).any(|text| of.iter().any(|word| text.contains(word)));
        is_called_so || (has_frame(FRONT_END_FRAMES) && !has_frame(MODEL_FRAMES))
    };
    (v.passes.is_empty() && v.devices.is_empty() && is_front_end()).then_some(RecordingKind::FrontEnd)
}

/// A step of a server: a profiler's schedule marks iterations of any loop.
fn is_served(pass: &Pass) -> bool {
    !matches!(pass.phase, Phase::Unknown | Phase::Idle)
}

/// Names that look like python frames: `path/file.py(12): function`.
fn frames(index: &Index) -> impl Iterator<Item = &str> {
    let names = index.names.iter().map(|(_, text)| text);
    names.filter(|text| text.contains(".py("))
}

/// Optimizer steps or backward operators.
fn is_training(index: &Index) -> bool {
    let mut names = index.names.iter().map(|(_, text)| text);
    names.any(|text| {
        text.starts_with("Optimizer.step#") || text.starts_with("autograd::engine::evaluate_function: ")
    })
}

/// Captures, and no steps outside of them: a server that captures a graph while it serves is at work.
fn is_graph_capture(index: &Index, v: &Vocabulary, path: &str, name: &str) -> bool {
    let captures: Vec<SliceId> = index
        .slices
        .ids()
        .filter(|&id| v.role(id) == Role::GraphCapture)
        .collect();
    if captures.is_empty() {
        return false;
    }
    let labels = captures.into_iter().filter(|&id| is_capture(index.name_of(id)));
    let labelled = Union::of(labels.map(|id| index.slices.span(id)));
    let is_called_so = path.contains("capture_traces/")
        || name.starts_with("graph_capture")
        || name.contains("cuda_graph_capture");
    let is_outside = |pass: &Pass| is_served(pass) && !labelled.contains(pass.span.start);
    (!labelled.spans().is_empty() || is_called_so) && !v.passes.iter().any(is_outside)
}
