//! Steps of a run on Ascend.
//!
//! torch_npu: markers and `ProfilerStep#n` as in any trace of torch. MindSpore: its graph executor records one
//! `GraphExecutorPy::InputProcess::<phase>` for each call of the model, and vLLM MindSpore names phases `prefill` and
//! `increment` (MindFormers also `chunked`). Without: `RunGraph` stages, whose phase the attention kernels tell that
//! they launched. Both are derived, and a note says so.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, Span, order};
use crate::index::trace_columns::Index;

use super::super::enclosing;
use super::super::facts;
use super::super::terms::{Period, Phase};
use super::super::vllm;
use super::super::vocabulary::{EngineStep, Part, Pass, Role, Vocabulary};

const INPUT: &str = "GraphExecutorPy::InputProcess";
const OUTPUT: &str = "GraphExecutorPy::OutputProcess";
const STAGE: &str = "RunGraph";

pub fn read(index: &Index, file_name: &str, v: &mut Vocabulary) {
    let mut marks = by_input(index);
    let by_phase_name = marks.iter().any(|m| m.phase != Phase::Unknown);
    if !by_phase_name {
        let stages = named(index, |name| name == STAGE);
        if marks.is_empty() || !stages.is_empty() {
            marks = stages
                .into_iter()
                .map(|id| Mark {
                    slice: id,
                    span: index.slices.span(id),
                    phase: Phase::Unknown,
                    input: None,
                })
                .collect();
        }
    }
    if marks.is_empty() {
        marks = profiler_steps(index);
        if marks.is_empty() {
            return vllm::read_steps(index, file_name, v);
        }
    }
    order::sort_by_key(&mut marks, |m| (m.span.start, m.slice));
    if by_phase_name {
        v.engine = Some("MindSpore".to_owned());
        v.notes.push(
            "Phases of steps are derived from the name of the graph that ran (prefill, increment). Batches that mix \
             both, and later chunks of long prompts, run the graph for decode and are counted as decode."
                .to_owned(),
        );
    } else if by_kernels(index, v, &mut marks) {
        v.notes.push(
            "Phases of steps are derived from the attention kernels that each launched: FlashAttention for prefill, \
             PagedAttention for decode."
                .to_owned(),
        );
    }
    write(v, marks);
    v.step_track = facts::step_track(index, v.passes.iter().map(|p| p.slice));
}

struct Mark {
    slice: SliceId,
    span: Span,
    phase: Phase,
    input: Option<SliceId>,
}

/// Every slice whose name `fits`, in order of rows.
fn named(index: &Index, fits: impl Fn(&str) -> bool) -> Vec<SliceId> {
    let wanted: FxHashMap<NameId, ()> = index
        .names
        .iter()
        .filter(|(_, text)| fits(text))
        .map(|(id, _)| (id, ()))
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let ids = index.slices.ids();
    ids.filter(|&id| wanted.contains_key(&index.slices.name(id)))
        .collect()
}

/// The phase that a graph's name tells.
fn phase_of(name: &str) -> Phase {
    if name.contains("prefill") || name.contains("chunked") {
        Phase::Prefill
    } else if name.contains("increment") || name.contains("decode") {
        Phase::Decode
    } else {
        Phase::Unknown
    }
}

/// From the input of a call of the model to its output, or over the stage around both.
fn by_input(index: &Index) -> Vec<Mark> {
    let inputs = named(index, |name| name.starts_with(INPUT));
    let outputs = named(index, |name| name.starts_with(OUTPUT));
    let mut marks = Vec::new();
    for (i, &input) in inputs.iter().enumerate() {
        let track = index.track_of(input);
        let span = index.slices.span(input);
        let stage = enclosing::chain(index, input)
            .skip(1)
            .find(|&o| index.name_of(o) == STAGE);
        let next = inputs.get(i + 1).filter(|&&next| index.track_of(next) == track);
        let until = next.map_or(i64::MAX, |&next| index.slices.start(next).as_ns());
        let at = outputs.partition_point(|&o| o < input);
        let output = outputs
            .get(at)
            .filter(|&&o| index.track_of(o) == track && index.slices.end(o).as_ns() <= until);
        let span = match (stage, output) {
            (Some(stage), _) => index.slices.span(stage),
            (None, Some(&output)) => Span::new(span.start, index.slices.end(output).as_ns().max(span.end)),
            (None, None) => span,
        };
        marks.push(Mark {
            slice: stage.unwrap_or(input),
            span,
            phase: phase_of(index.name_of(input).strip_prefix(INPUT).unwrap_or_default()),
            input: Some(input),
        });
    }
    // Two calls in one stage are one step: the first.
    marks.dedup_by_key(|m| m.slice);
    marks
}

/// `Python::PythonObserved::ProfilerStep#50`
fn profiler_steps(index: &Index) -> Vec<Mark> {
    let is_step = |name: &str| {
        let number = name
            .rsplit("::")
            .next()
            .and_then(|last| last.strip_prefix("ProfilerStep#"));
        name.contains("::") && number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    named(index, is_step)
        .into_iter()
        .map(|id| Mark {
            slice: id,
            span: index.slices.span(id),
            phase: Phase::Unknown,
            input: None,
        })
        .collect()
}

/// Gives unknown phases by what the device ran for each step. Whether any was found.
fn by_kernels(index: &Index, v: &Vocabulary, marks: &mut [Mark]) -> bool {
    let Some(links) = v.links(index) else {
        return false;
    };
    let evidence: FxHashMap<NameId, Phase> = index
        .names
        .iter()
        .filter_map(|(id, text)| Some((id, attention(text)?)))
        .collect();
    if evidence.is_empty() {
        return false;
    }
    let mut of_link: FxHashMap<i64, Phase> = FxHashMap::default();
    for (id, link) in links.ints().filter(|&(id, _)| v.role(id).is_device()) {
        if let Some(&phase) = evidence.get(&index.slices.name(id)) {
            of_link.insert(link, phase);
        }
    }
    let mut any = false;
    for (id, link) in links.ints().filter(|&(id, _)| !v.role(id).is_device()) {
        let Some(&phase) = of_link.get(&link) else {
            continue;
        };
        let at = index.slices.start(id).as_ns();
        let Some(mark) = marks.partition_point(|m| m.span.start <= at).checked_sub(1) else {
            continue;
        };
        let mark = &mut marks[mark];
        if mark.span.contains(at) {
            any = true;
            mark.phase = match mark.phase {
                Phase::Unknown => phase,
                same if same == phase => same,
                _ => Phase::Mixed,
            };
        }
    }
    any
}

/// Attention kernels that serve one phase alone. `FusedInferAttentionScore` serves both.
fn attention(kernel: &str) -> Option<Phase> {
    if kernel.contains("PagedAttention") {
        Some(Phase::Decode)
    } else if kernel.contains("Grad") {
        None
    } else if kernel.contains("FlashAttention") || kernel.contains("PromptFlash") {
        Some(Phase::Prefill)
    } else {
        None
    }
}

fn write(v: &mut Vocabulary, marks: Vec<Mark>) {
    for (i, mark) in (0u32..).zip(marks) {
        if let Some(role) = v.roles.get_mut(mark.slice.index()) {
            *role = Role::Pass;
        }
        v.engine_steps.push(EngineStep {
            span: mark.span,
            passes: i..i + 1,
            period: Period::Serving,
        });
        let parts = mark.input.filter(|&input| input != mark.slice);
        v.passes.push(Pass {
            engine_step: Some(i),
            parts: parts.map(|input| (Part::Prepare, input)).into_iter().collect(),
            ..Pass::new(mark.slice, mark.span, mark.phase, Period::Serving)
        });
    }
}
