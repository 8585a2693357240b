//! Steps by the markers that serving engines leave in torch's trace.
//!
//! | engine | marker |
//! |---|---|
//! | vLLM 0.12, 0.13 | `execute_new_{N}_cached_{M}` |
//! | vLLM from 0.14 | `execute_context_{A}({B})_generation_{C}({D})`: A requests, B tokens in context; C, D generating |
//! | the same, detailed | `execute_{T}_context_{A}(sq{}sk{}sqsq{}sqsk{})_generation_{C}(sq{}…)` |
//! | SGLang | `step[EXTEND bs=2 toks=64 …]`, `DECODE`, `MIXED`, `IDLE`, `TARGET_VERIFY`, `VERIFY`, `DRAFT` |
//! | ATOM | `prefill[bs=2 tok=64 …]`, `decode[bs=117/128 tok=117 …]`: 117 requests in a graph for 128 |
//! | torch | `ProfilerStep#{n}` |
//! | vLLM up to 0.11 | none; the python frame `execute_model`, and shapes inside (see [`tokens`](super::tokens)) |
//! | SGLang up to 0.5.9 | none; the python frame `forward` of its model runner, with `forward_extend` or `forward_decode` inside, or a graph's `replay`; recorded by stage, the file's name ends `-EXTEND` or `-DECODE` |

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, order};
use crate::index::tables::Index;

use super::enclosing;
use super::facts;
use super::pattern::{Rest, has, python_frame};
use super::roles;
use super::terms::{Bucket, Period, Phase};
use super::tokens;
use super::vocabulary::{EngineStep, Part, Pass, Role, Vocabulary};

/// What the name of a step marker says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marker {
    pub engine: &'static str,
    pub phase: Phase,
    pub context_requests: Option<u32>,
    pub context_tokens: Option<u64>,
    pub generation_requests: Option<u32>,
    pub generation_tokens: Option<u64>,
    /// Requests, where they are not told by phase.
    pub batch: Option<u32>,
    pub padded_batch: Option<u32>,
    pub tokens: Option<u64>,
    /// 0 generating requests may also be a later chunk of a long prompt.
    pub ambiguous: bool,
}

impl Marker {
    fn new(engine: &'static str, phase: Phase) -> Marker {
        Marker {
            engine,
            phase,
            context_requests: None,
            context_tokens: None,
            generation_requests: None,
            generation_tokens: None,
            batch: None,
            padded_batch: None,
            tokens: None,
            ambiguous: false,
        }
    }

    /// What `name` says, if it marks a step.
    pub fn parse(name: &str) -> Option<Marker> {
        match name.as_bytes().first()? {
            b'e' => detailed(name)
                .or_else(|| native(name))
                .or_else(|| new_cached(name)),
            b's' => sglang(name),
            b'p' | b'd' => atom(name),
            _ => None,
        }
    }
}

fn phase_of(context: u32, generation: u32) -> Phase {
    match (context > 0, generation > 0) {
        (true, true) => Phase::Mixed,
        (true, false) => Phase::Prefill,
        (false, true) => Phase::Decode,
        (false, false) => Phase::Idle,
    }
}

fn counted(context: (u32, Option<u64>), generation: (u32, Option<u64>)) -> Marker {
    Marker {
        context_requests: Some(context.0),
        context_tokens: context.1,
        generation_requests: Some(generation.0),
        generation_tokens: generation.1,
        batch: context.0.checked_add(generation.0),
        tokens: context.1.zip(generation.1).and_then(|(a, b)| a.checked_add(b)),
        ..Marker::new("vLLM V1", phase_of(context.0, generation.0))
    }
}

/// `sq{}sk{}sqsq{}sqsk{}`; the first is the number of query tokens.
fn query_tokens(rest: &mut Rest<'_>) -> Option<u64> {
    let tokens = rest.maybe_number("(sq")?;
    for field in ["sk", "sqsq", "sqsk"] {
        rest.maybe_number::<u64>(field)?;
    }
    rest.eat(")")?;
    Some(tokens)
}

fn detailed(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    rest.maybe_number::<u64>("execute_")?;
    let context = rest.maybe_number("_context_")?;
    let context_tokens = query_tokens(&mut rest)?;
    let generation = rest.maybe_number("_generation_")?;
    let generation_tokens = query_tokens(&mut rest)?;
    rest.done()?;
    Some(counted(
        (context, Some(context_tokens)),
        (generation, Some(generation_tokens)),
    ))
}

/// `(888)`; some builds write `(888_788544)`.
fn bracketed_tokens(rest: &mut Rest<'_>) -> Option<u64> {
    let tokens = rest.maybe_number("(")?;
    while rest.maybe_number::<u64>("_").is_some() {}
    rest.eat(")")?;
    Some(tokens)
}

fn native(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    let context = rest.maybe_number("execute_context_")?;
    let context_tokens = bracketed_tokens(&mut rest)?;
    let generation = rest.maybe_number("_generation_")?;
    let generation_tokens = bracketed_tokens(&mut rest)?;
    rest.done()?;
    Some(counted(
        (context, Some(context_tokens)),
        (generation, Some(generation_tokens)),
    ))
}

fn new_cached(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    let new = rest.maybe_number("execute_new_")?;
    let cached = rest.maybe_number("_cached_")?;
    rest.done()?;
    Some(Marker {
        ambiguous: new == 0,
        ..counted((new, None), (cached, None))
    })
}

fn sglang(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    rest.eat("step[")?;
    let kind = rest.until(" bs=")?;
    if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
        return None;
    }
    let batch: u32 = rest.number()?;
    let tokens: Option<u64> = rest.maybe_number(" toks=");
    let end = rest.0;
    if !(end == "]" || (end.starts_with(' ') && end.ends_with(']'))) {
        return None;
    }
    let phase = match kind {
        "EXTEND" => Phase::Prefill,
        "DECODE" | "TARGET_VERIFY" | "VERIFY" => Phase::Decode,
        "MIXED" => Phase::Mixed,
        "IDLE" => Phase::Idle,
        _ => Phase::Unknown,
    };
    let (is_prefill, is_decode) = (phase == Phase::Prefill, phase == Phase::Decode);
    Some(Marker {
        batch: Some(batch),
        tokens,
        context_requests: is_prefill.then_some(batch),
        context_tokens: tokens.filter(|_| is_prefill),
        generation_requests: is_decode.then_some(batch),
        ..Marker::new("SGLang", phase)
    })
}

fn atom(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    let phase = rest.eat_any(&[("prefill[", Phase::Prefill), ("decode[", Phase::Decode)])?;
    let inner = rest.0.strip_suffix(']')?;
    let mut marker = Marker::new("ATOM", phase);
    for field in inner.split(' ') {
        let mut field = Rest(field);
        if let Some(batch) = field.maybe_number::<u32>("bs=") {
            marker.batch = Some(batch);
            marker.padded_batch = field.maybe_number("/");
        } else if let Some(tokens) = field.maybe_number::<u64>("tok=") {
            marker.tokens = Some(tokens);
        }
    }
    marker.batch?;
    if phase == Phase::Prefill {
        marker.context_requests = marker.batch;
        marker.context_tokens = marker.tokens;
    } else {
        marker.generation_requests = marker.batch;
        marker.generation_tokens = marker.tokens;
    }
    Some(marker)
}

/// The part of a step that an annotation of vLLM's model runner covers (`gpu_model_runner: forward` from 0.12
/// on, `Forward` in 0.11). `postprocess` computes the logits; `bookkeep` fetches the sampled tokens from the
/// device.
pub fn part(name: &str) -> Option<(Part, Role)> {
    let step = match name.split_once("_model_runner: ") {
        Some((_, step)) => step,
        None => match name {
            "Preprocess" => "preprocess",
            "Forward" => "forward",
            "Postprocess" => "postprocess",
            "Sample" => "sample",
            "Bookkeep" => "bookkeep",
            _ => return None,
        },
    };
    Some(match step {
        "preprocess" => (Part::Prepare, Role::Prepare),
        "forward" => (Part::Forward, Role::Forward),
        "postprocess" => (Part::Logits, Role::Logits),
        "sample" => (Part::Sample, Role::Sample),
        "bookkeep" => (Part::Post, Role::Post),
        _ => return None,
    })
}

/// Finds the steps of a trace and writes them, and roles that change by it, into `v`.
pub fn read_steps(index: &Index, file_name: &str, v: &mut Vocabulary) {
    let marked = by_marker(index, v);
    let is_marked = !marked.is_empty();
    let mut slices = if is_marked {
        marked
    } else {
        let found = by_sglang_frames(index, v);
        if found.is_empty() {
            by_name(index, v)
        } else {
            found
        }
    };
    if let Some(phase) = phase_in_file_name(file_name)
        && !slices.is_empty()
        && slices.iter().all(|(_, marker)| marker.phase == Phase::Unknown)
    {
        for (_, marker) in &mut slices {
            marker.phase = phase;
        }
        v.notes.push(
            "Whether steps are prefill or decode is told by the file's name alone: SGLang recorded this stage only."
                .to_owned(),
        );
    }
    write_steps(index, v, slices, is_marked);
}

/// `…-TP-0-DECODE.trace.json.gz`: what SGLang's `profile_by_stage` recorded.
fn phase_in_file_name(file_name: &str) -> Option<Phase> {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let stem = name.split_once(".trace.json")?.0;
    match stem.rsplit_once('-')?.1 {
        "EXTEND" => Some(Phase::Prefill),
        "DECODE" => Some(Phase::Decode),
        _ => None,
    }
}

/// Steps of SGLang without its markers: the outermost `forward` frame of its model runner, else of the worker's or the
/// scheduler's call around it. What is called inside says what it does; a replayed graph decodes.
fn by_sglang_frames(index: &Index, v: &mut Vocabulary) -> Vec<(SliceId, Marker)> {
    let frames = |wanted: &dyn Fn(&str, &str) -> bool| -> FxHashSet<NameId> {
        let is = |text: &str| {
            has(text, "sglang") && python_frame(text).is_some_and(|(file, function)| wanted(file, function))
        };
        let names = index.names.iter().filter(|(_, text)| is(text));
        names.map(|(id, _)| id).collect()
    };
    let steps = [
        ("model_runner", "forward"),
        ("tp_worker", "forward_batch_generation"),
        ("scheduler", "run_batch"),
    ]
    .into_iter()
    .map(|(file, function)| frames(&|f, g| f == file && g == function))
    .find(|names| !names.is_empty());
    let Some(steps) = steps else { return Vec::new() };
    let phases: FxHashMap<NameId, Phase> = [
        (frames(&|_, g| g == "forward_extend"), Phase::Prefill),
        (frames(&|_, g| g == "forward_decode"), Phase::Decode),
        (
            frames(&|f, g| f.ends_with("graph_runner") && g == "replay"),
            Phase::Decode,
        ),
        (frames(&|_, g| g == "forward_idle"), Phase::Idle),
    ]
    .into_iter()
    .flat_map(|(names, phase)| names.into_iter().map(move |name| (name, phase)))
    .collect();
    let mut found: Vec<(SliceId, Marker)> = Vec::new();
    for id in index.slices.ids() {
        let name = index.slices.name(id);
        if steps.contains(&name) {
            let outermost = |outer: SliceId| steps.contains(&index.slices.name(outer));
            if !enclosing::is_inside(index, id, outermost) {
                found.push((id, Marker::new("SGLang", Phase::Unknown)));
            }
        } else if let Some(&phase) = phases.get(&name)
            // Rows of a track come in order of start: the step around it is the last one found.
            && let Some((step, marker)) = found.last_mut()
            && enclosing::is_inside(index, id, |outer| outer == *step)
        {
            marker.phase = match marker.phase {
                Phase::Unknown => phase,
                known if known == phase => known,
                _ => Phase::Mixed,
            };
        }
    }
    if !found.is_empty() {
        v.engine = Some("SGLang".to_owned());
        v.notes.push(
            "This trace has no step markers: a step is one forward pass as its python frames show it, and prefill or \
             decode is told by the frames inside."
                .to_owned(),
        );
    }
    found
}

/// The outermost markers: an engine's own may stand inside another tool's.
fn by_marker(index: &Index, v: &mut Vocabulary) -> Vec<(SliceId, Marker)> {
    let mut known: FxHashMap<NameId, Marker> = FxHashMap::default();
    let mut found = Vec::new();
    let mut inner = Vec::new();
    for id in roles::rows_with(&v.roles, |r| r == Role::Pass) {
        let name = index.slices.name(id);
        let marker = match known.get(&name) {
            Some(marker) => *marker,
            None => {
                let Some(marker) = Marker::parse(index.text(name)) else {
                    continue;
                };
                *known.entry(name).or_insert(marker)
            }
        };
        if enclosing::is_inside(index, id, |outer| v.roles[outer.index()] == Role::Pass) {
            inner.push((id, marker));
        } else {
            found.push((id, marker));
        }
    }
    for (id, _) in &inner {
        v.roles[id.index()] = Role::Annotation;
    }
    if found.iter().any(|(_, m)| m.ambiguous) {
        v.notes.push(
            "Steps are marked execute_new_0_cached_n by this version of vLLM: they are counted as decode, \
             but may also hold later chunks of long prompts."
                .to_owned(),
        );
    }
    // Tools that rewrite traces put vLLM's form of marker around an engine's own.
    v.engine = inner.first().or(found.first()).map(|(_, m)| m.engine.to_owned());
    found
}

const BY_SHAPES: &str = "This trace has no step markers: a step is one call of the python function execute_model. \
                         Prefill or decode is derived from shapes: a step that computes logits for each of its \
                         tokens decodes, one with more tokens is counted as prefill, and may hold decodes as well.";

const NOT_TOLD: &str = "This trace has no step markers: a step is one call of the python function execute_model, \
                        and whether it is prefill or decode is not recorded. Shapes of operators would tell \
                        (record_shapes=True, for vLLM VLLM_TORCH_PROFILER_RECORD_SHAPES=1), but for those inside \
                        compiled graphs.";

/// Steps of a trace without an engine's markers: the outermost `execute_model` frame of a model runner or its
/// worker, else `ProfilerStep#n`.
fn by_name(index: &Index, v: &mut Vocabulary) -> Vec<(SliceId, Marker)> {
    let with = |fits: &dyn Fn(&str) -> bool| -> FxHashSet<NameId> {
        let names = index.names.iter().filter(|(_, text)| fits(text));
        names.map(|(id, _)| id).collect()
    };
    let outermost = |wanted: &FxHashSet<NameId>| -> Vec<SliceId> {
        if wanted.is_empty() {
            return Vec::new();
        }
        index
            .slices
            .ids()
            .filter(|&id| {
                let is = |id: SliceId| wanted.contains(&index.slices.name(id));
                is(id)
                    && !matches!(index.category_of(id), "gpu_user_annotation" | roles::OWN_CATEGORY)
                    && !enclosing::is_inside(index, id, is)
            })
            .collect()
    };
    for file in ["_model_runner", "_worker"] {
        let frames = with(&|text| {
            python_frame(text).is_some_and(|(f, function)| f.ends_with(file) && function == "execute_model")
        });
        let slices = outermost(&frames);
        if !slices.is_empty() {
            v.engine = Some("vLLM".to_owned());
            let markers: Vec<(SliceId, Marker)> = tokens::of_steps(index, &slices)
                .into_iter()
                .zip(slices)
                .map(|(of, id)| {
                    let marker = Marker::new("vLLM", of.phase());
                    (
                        id,
                        Marker {
                            tokens: of.tokens,
                            ..marker
                        },
                    )
                })
                .collect();
            let is_told = markers.iter().any(|(_, marker)| marker.phase != Phase::Unknown);
            v.notes
                .push(if is_told { BY_SHAPES } else { NOT_TOLD }.to_owned());
            return markers;
        }
    }
    let steps = with(&|text| {
        let mut rest = Rest(text);
        rest.maybe_number::<u64>("ProfilerStep#").is_some() && rest.done().is_some()
    });
    let slices = outermost(&steps);
    if !slices.is_empty() {
        v.notes.push(
            "Steps are the profiler's own (ProfilerStep): whether they are prefill or decode is not recorded."
                .to_owned(),
        );
    }
    let marker = Marker::new("torch", Phase::Unknown);
    slices.into_iter().map(|id| (id, marker)).collect()
}

/// Passes and engine steps, one for one, with the annotated parts inside each and behind it.
fn write_steps(index: &Index, v: &mut Vocabulary, mut slices: Vec<(SliceId, Marker)>, is_marked: bool) {
    order::sort_by_key(&mut slices, |&(id, _)| (index.slices.start(id), id));
    let mut last_on: FxHashMap<TrackId, usize> = FxHashMap::default();
    let mut passes: Vec<Pass> = Vec::with_capacity(slices.len());
    for &(id, marker) in &slices {
        let slot = passes.len();
        // Frames and annotations of one thread are two tracks; parts lie on the annotations'.
        last_on.insert(index.track_of(id), slot);
        if v.roles[id.index()] != Role::PythonFrame {
            v.roles[id.index()] = Role::Pass;
        }
        passes.push(Pass {
            slice: id,
            span: index.slices.span(id),
            engine_step: u32::try_from(slot).ok(),
            phase: marker.phase,
            period: Period::Serving,
            is_marked: is_marked || marker.engine == "torch",
            bucket: marker.padded_batch.map(|batch| Bucket {
                batch,
                seq: None,
                ctx: None,
            }),
            graphs: None,
            batch: marker.batch,
            tokens: marker.tokens,
            context_requests: marker.context_requests,
            context_tokens: marker.context_tokens,
            generation_requests: marker.generation_requests,
            generation_tokens: marker.generation_tokens,
            parts: Vec::new(),
        });
    }
    let mut spans: Vec<Span> = passes.iter().map(|p| p.span).collect();
    add_parts(index, &v.roles, &mut passes, &mut spans);
    v.engine_steps = passes
        .iter()
        .zip(spans)
        .enumerate()
        .map(|(i, (pass, span))| {
            let row = u32::try_from(i).unwrap_or(u32::MAX);
            EngineStep {
                span,
                passes: row..row.saturating_add(1),
                period: pass.period,
            }
        })
        .collect();
    v.step_track = facts::step_track(index, passes.iter().map(|p| p.slice));
    v.passes = passes;
}

/// Gives each outermost part to the pass that it starts in, or, behind the first passes, to the pass before
/// (sampling stands outside `execute_…` in some versions). Only tracks that hold passes are looked at.
fn add_parts(index: &Index, roles: &[Role], passes: &mut [Pass], steps: &mut [Span]) {
    let mut by_track: FxHashMap<TrackId, Vec<usize>> = FxHashMap::default();
    for (slot, pass) in passes.iter().enumerate() {
        by_track.entry(index.track_of(pass.slice)).or_default().push(slot);
    }
    for (track, slots) in by_track {
        let is_part = |id: SliceId| {
            matches!(
                roles[id.index()],
                Role::Prepare | Role::Forward | Role::Logits | Role::Sample | Role::Post
            )
        };
        let mut next = 0;
        for id in index.rows(track) {
            let start = index.slices.start(id).as_ns();
            while next < slots.len() && passes[slots[next]].span.start <= start {
                next += 1;
            }
            let Some(&slot) = next.checked_sub(1).and_then(|i| slots.get(i)) else {
                continue;
            };
            if !is_part(id) || enclosing::is_inside(index, id, is_part) {
                continue;
            }
            if let Some((part, _)) = part(index.name_of(id)) {
                let inside = start < passes[slot].span.end;
                if inside || part != Part::Prepare {
                    passes[slot].parts.push((part, id));
                    steps[slot].end = steps[slot].end.max(index.slices.end(id).as_ns());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_of_the_family_is_read() {
        let says = |name: &str| {
            Marker::parse(name).map(|m| {
                (
                    m.phase,
                    m.context_requests,
                    m.context_tokens,
                    m.generation_requests,
                    m.generation_tokens,
                )
            })
        };
        let cases = [
            (
                "execute_context_4(256)_generation_0(0)",
                Some((Phase::Prefill, Some(4), Some(256), Some(0), Some(0))),
            ),
            (
                "execute_context_0(0)_generation_4(4)",
                Some((Phase::Decode, Some(0), Some(0), Some(4), Some(4))),
            ),
            (
                "execute_context_2(96)_generation_4(8)",
                Some((Phase::Mixed, Some(2), Some(96), Some(4), Some(8))),
            ),
            (
                "execute_context_1(888_788544)_generation_0(0)",
                Some((Phase::Prefill, Some(1), Some(888), Some(0), Some(0))),
            ),
            (
                "execute_32_context_0(sq0sk0sqsq0sqsk0)_generation_32(sq32sk55086sqsq32sqsk55086)",
                Some((Phase::Decode, Some(0), Some(0), Some(32), Some(32))),
            ),
            (
                "execute_new_2_cached_3",
                Some((Phase::Mixed, Some(2), None, Some(3), None)),
            ),
            (
                "execute_new_0_cached_3",
                Some((Phase::Decode, Some(0), None, Some(3), None)),
            ),
            (
                "execute_new_0_cached_0",
                Some((Phase::Idle, Some(0), None, Some(0), None)),
            ),
            (
                "step[EXTEND bs=2 toks=64]",
                Some((Phase::Prefill, Some(2), Some(64), None, None)),
            ),
            (
                "step[DECODE bs=32]",
                Some((Phase::Decode, None, None, Some(32), None)),
            ),
            (
                "step[VERIFY bs=3 c_sq=1 g_sq=2 forward_id=9]",
                Some((Phase::Decode, None, None, Some(3), None)),
            ),
            ("step[MIXED bs=4]", Some((Phase::Mixed, None, None, None, None))),
            ("step[IDLE bs=0]", Some((Phase::Idle, None, None, None, None))),
            ("step[DRAFT bs=3]", Some((Phase::Unknown, None, None, None, None))),
            (
                "prefill[bs=2 tok=64 ctx=[1, 2]]",
                Some((Phase::Prefill, Some(2), Some(64), None, None)),
            ),
            (
                "decode[bs=117/128 tok=117 d=117]",
                Some((Phase::Decode, None, None, Some(117), Some(117))),
            ),
            ("execute_context_4(256)_generation_0(0) ", None),
            ("execute_model", None),
            ("step[decode bs=1]", None),
            ("decode", None),
            ("ProfilerStep#3", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(says(name), expected, "{name}");
        }
        let padded = Marker::parse("decode[bs=117/128 tok=117 d=117]").unwrap();
        assert_eq!((padded.batch, padded.padded_batch), (Some(117), Some(128)));
        let mixed = Marker::parse("execute_context_2(96)_generation_4(8)").unwrap();
        assert_eq!((mixed.batch, mixed.tokens), (Some(6), Some(104)));
    }
}
