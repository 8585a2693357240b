//! Iterations of the engine, from the order in which vLLM's high-level profiler writes its slices.
//!
//! - V1: `prepare_input_tensors`, then any number of `prefill` and at most one `decode`, then
//!   `sampler_postprocessing` (not under asynchronous scheduling), all on one level. Forward pass, logits and
//!   sampler lie inside `prefill` and `decode`.
//! - V0 swaps two names: its stack of open events ends the wrong one, so the slice of the whole step is called
//!   `prepare_input_tensors`, and the short one of input preparation `prompt` or `decode`.
//! - Unified attention (end of 2025 to March 2026): `prepare_unified_batch`, then a forward pass and a sampler
//!   without a slice around them.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, Span, TrackId};
use crate::dialect::terms::{Bucket, Period, Phase};
use crate::dialect::vocabulary::{Part, Pass};
use crate::index::trace_columns::Index;

use super::high_level_names::{EngineName, Model};

/// One iteration of the engine, before periods and counters are known.
#[derive(Clone, Debug)]
pub struct Iteration {
    pub span: Span,
    pub passes: Vec<Pass>,
}

/// The profiler's events of one track, in order of start.
pub fn engine_events(index: &Index, track: TrackId) -> Vec<(SliceId, EngineName<'_>)> {
    let mut known: FxHashMap<NameId, Option<EngineName<'_>>> = FxHashMap::default();
    index
        .rows(track)
        .filter(|&id| index.category_of(id).is_empty())
        .filter_map(|id| {
            let name = index.slices.name(id);
            let says = known
                .entry(name)
                .or_insert_with(|| EngineName::parse(index.text(name)));
            says.map(|says| (id, says))
        })
        .collect()
}

/// Whether events are V0's: only V0 writes `prompt`, or the phase into the name of the forward pass.
pub fn is_v0(index: &Index, events: &[(SliceId, EngineName<'_>)]) -> bool {
    events.iter().any(|&(id, name)| match name {
        EngineName::Model(model) => model.phase.is_some(),
        EngineName::Phase(Phase::Prefill) => index.name_of(id) == "prompt",
        _ => false,
    })
}

/// Times near the epoch are written as doubles of microseconds, in steps of 0.25 µs; starts and ends of
/// neighbours may disagree by that much.
const ROUNDING_NS: i64 = 1_000;

fn starts_inside(inner: Span, outer: Span) -> bool {
    outer.start - ROUNDING_NS <= inner.start && inner.start < outer.end + ROUNDING_NS
}

/// A pass that no slice marks as such.
pub fn inferred_pass(slice: SliceId, span: Span) -> Pass {
    Pass {
        is_marked: false,
        ..Pass::new(slice, span, Phase::Unknown, Period::Serving)
    }
}

impl Iteration {
    fn of(span: Span) -> Iteration {
        Iteration {
            span,
            passes: Vec::new(),
        }
    }

    fn extend(&mut self, span: Span) {
        self.span.end = self.span.end.max(span.end);
    }
}

/// What reading one track gave.
#[derive(Default)]
pub struct Iterations {
    pub iterations: Vec<Iteration>,
    /// Forward passes outside any iteration's pass: other ranks had work and this one kept pace.
    pub dummies: Vec<(SliceId, Model)>,
}

/// Iterations of V1 and of unified attention.
pub fn v1(index: &Index, events: &[(SliceId, EngineName<'_>)]) -> Iterations {
    let mut found = Iterations::default();
    let mut iteration: Option<Iteration> = None;
    let mut prepared: Vec<SliceId> = Vec::new();
    let mut closed = false;
    // Of the pass at hand: its last forward pass, which ends last, and whether no slice marks it as a pass.
    let mut forward: Option<Span> = None;
    let mut unwrapped = false;
    for &(id, name) in events {
        let span = index.slices.span(id);
        match name {
            EngineName::Prepare | EngineName::PrepareUnified => {
                found.iterations.extend(iteration.take());
                prepared = vec![id];
                iteration = Some(Iteration::of(span));
                closed = false;
            }
            EngineName::PrepareEncoders => {
                let open = iteration.get_or_insert_with(|| Iteration::of(span));
                if open.passes.is_empty() {
                    open.extend(span);
                    prepared.push(id);
                }
            }
            EngineName::Phase(_) | EngineName::Unified(_) => {
                if closed {
                    found.iterations.extend(iteration.take());
                    prepared.clear();
                    closed = false;
                }
                let phase = match name {
                    EngineName::Phase(phase) | EngineName::Unified(phase) => phase,
                    _ => Phase::Unknown,
                };
                let open = iteration.get_or_insert_with(|| Iteration::of(span));
                let mut pass = Pass::new(id, span, phase, Period::Unknown);
                pass.parts
                    .extend(prepared.drain(..).map(|slice| (Part::Prepare, slice)));
                unwrapped = matches!(name, EngineName::Unified(_));
                forward = unwrapped.then_some(span);
                if unwrapped {
                    pass.parts.push((Part::Forward, id));
                }
                open.extend(span);
                open.passes.push(pass);
            }
            EngineName::Model(model) => {
                let pass = iteration.as_mut().and_then(|t| t.passes.last_mut());
                match pass.filter(|p| starts_inside(span, p.span)) {
                    Some(pass) => {
                        pass.bucket.get_or_insert(model.bucket);
                        pass.graphs.get_or_insert(model.graphs);
                        if !forward.is_some_and(|outer| starts_inside(span, outer)) {
                            pass.parts.push((Part::Forward, id));
                            forward = Some(span);
                        }
                    }
                    None => found.dummies.push((id, model)),
                }
            }
            EngineName::ModelExecutable | EngineName::Logits | EngineName::Sample => {
                let part = match name {
                    EngineName::ModelExecutable => Part::Forward,
                    EngineName::Logits => Part::Logits,
                    _ => Part::Sample,
                };
                let Some(open) = iteration.as_mut() else { continue };
                let Some(pass) = open.passes.last_mut() else {
                    continue;
                };
                if starts_inside(span, pass.span) {
                    pass.parts.push((part, id));
                    if part == Part::Forward {
                        forward = Some(span);
                    }
                } else if unwrapped && !closed {
                    pass.parts.push((part, id));
                    pass.span.end = pass.span.end.max(span.end);
                    open.extend(span);
                }
            }
            EngineName::Post => {
                if let Some(open) = iteration.as_mut()
                    && let Some(pass) = open.passes.last_mut()
                {
                    pass.parts.push((Part::Post, id));
                    open.extend(span);
                    closed = true;
                }
            }
            EngineName::Warmup | EngineName::Compile(_) | EngineName::StartProfiler => {}
        }
    }
    found.iterations.extend(iteration);
    found.iterations.retain(|iteration| !iteration.passes.is_empty());
    found
}

/// Iterations of V0: one pass each.
pub fn v0(index: &Index, events: &[(SliceId, EngineName<'_>)]) -> Iterations {
    struct Step {
        slice: SliceId,
        span: Span,
        phase: Option<(Phase, SliceId)>,
        pass: Option<Pass>,
    }
    let mut found = Iterations::default();
    let mut step: Option<Step> = None;
    let close = |step: Option<Step>, found: &mut Iterations| {
        if let Some((span, pass)) = step.and_then(|s| Some((s.span, s.pass?))) {
            found.iterations.push(Iteration {
                span,
                passes: vec![pass],
            });
        }
    };
    for &(id, name) in events {
        let span = index.slices.span(id);
        if name == EngineName::Prepare {
            close(step.take(), &mut found);
            step = Some(Step {
                slice: id,
                span,
                phase: None,
                pass: None,
            });
            continue;
        }
        let Some(open) = step.as_mut().filter(|s| starts_inside(span, s.span)) else {
            if let EngineName::Model(model) = name {
                found.dummies.push((id, model));
            }
            continue;
        };
        match name {
            EngineName::Phase(phase) if open.phase.is_none() => open.phase = Some((phase, id)),
            EngineName::Model(model) => {
                let pass = open.pass.get_or_insert_with(|| {
                    let phase = open.phase.map(|(phase, _)| phase).or(model.phase);
                    let mut pass = Pass::new(
                        open.slice,
                        open.span,
                        phase.unwrap_or(Phase::Unknown),
                        Period::Unknown,
                    );
                    pass.bucket = Some(model.bucket);
                    pass.graphs = Some(model.graphs);
                    pass.parts
                        .extend(open.phase.map(|(_, slice)| (Part::Prepare, slice)));
                    pass
                });
                pass.parts.push((Part::Forward, id));
            }
            EngineName::Logits | EngineName::Sample => {
                if let Some(pass) = &mut open.pass {
                    let part = if name == EngineName::Logits {
                        Part::Logits
                    } else {
                        Part::Sample
                    };
                    pass.parts.push((part, id));
                }
            }
            _ => {}
        }
    }
    close(step, &mut found);
    found
}

/// A bucket as counters give it, for passes whose forward pass is not named.
pub fn bucket_of(batch: Option<u32>, seq: Option<u32>, ctx: Option<u32>) -> Option<Bucket> {
    Some(Bucket {
        batch: batch?,
        seq,
        ctx,
    })
}
