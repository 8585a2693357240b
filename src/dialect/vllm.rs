//! Steps of serving engines in torch's trace.
//!
//! | engine | what marks a step |
//! |---|---|
//! | vLLM from 0.12, SGLang from 0.5.11, ATOM | a marker (see [`markers`](super::markers)); a profiler that is not torch's may write it in any category of the host |
//! | torch | `ProfilerStep#{n}` |
//! | vLLM up to 0.11, V0, vllm-ascend | none; the python frame `execute_model`, and shapes inside (see [`step_tokens`]) |
//! | SGLang up to 0.5.9 | none; the python frame `forward` of its model runner, with `forward_extend` or `forward_decode` inside, or a graph's `replay`; recorded by stage, the file's name ends `-EXTEND` or `-DECODE` |

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, order};
use crate::index::trace_columns::Index;

use super::derived_parts;
use super::enclosing;
use super::extent::{self, Known};
use super::facts;
use super::markers::Marker;
use super::pattern::{Rest, has, python_frame};
use super::roles;
use super::speculation::{self, Marked};
use super::step_tokens;
use super::step_words;
use super::terms::{Bucket, Period, Phase};
use super::thread::Threads;
use super::vocabulary::{EngineStep, Part, Pass, Role, Vocabulary};

/// The part of a step that an annotation of an engine covers: of vLLM's model runner (`gpu_model_runner: forward` from
/// 0.12 on, `Forward` in 0.11; vllm-ascend's `forward`, `prepare input`, `post process`, `sample_token`), of its draft
/// model (`speculator: …`, `draft_token`), of ATOM's (`propose_eagle[…]`, `draft_kv[…]`), of SGLang's scheduler.
/// `postprocess` computes the logits; `bookkeep` fetches the sampled tokens from the device.
pub fn part(name: &str) -> Option<(Part, Role)> {
    let is_of_drafter = |name: &str| {
        let kinds = [
            "speculator: ",
            "propose_eagle[",
            "propose_dspark[",
            "draft_kv[",
            "dspark_sched[",
        ];
        name == "draft_token" || kinds.iter().any(|kind| name.starts_with(kind))
    };
    if is_of_drafter(name) {
        return Some((Part::Draft, Role::Forward));
    }
    if let Some(call) = name.strip_prefix("scheduler.") {
        return match call {
            "recv_requests" | "process_input_requests" | "get_next_batch_to_run" => {
                Some((Part::Schedule, Role::Annotation))
            }
            "process_batch_result" => Some((Part::Post, Role::Post)),
            _ => None,
        };
    }
    let step = match name.split_once("_model_runner: ") {
        Some((_, step)) => step,
        None => match name {
            "Preprocess" | "prepare input" => "preprocess",
            "Forward" | "forward" => "forward",
            "Postprocess" | "post process" => "postprocess",
            "Sample" | "sample_token" => "sample",
            "Draft" => "draft",
            "Bookkeep" => "bookkeep",
            _ => return None,
        },
    };
    Some(match step {
        "preprocess" => (Part::Prepare, Role::Prepare),
        "forward" => (Part::Forward, Role::Forward),
        "postprocess" => (Part::Logits, Role::Logits),
        "sample" => (Part::Sample, Role::Sample),
        "draft" => (Part::Draft, Role::Forward),
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
            "Whether steps are prefill or decode follows from the file's name alone: SGLang recorded this stage only."
                .to_owned(),
        );
    }
    slices.extend(dummy_batches(index));
    let (steps, incomplete) = speculation::iterations(index, slices);
    if steps.iter().any(|s| !s.drafts.is_empty()) {
        v.notes.push(
            "Speculative decoding: a decode step is one verify, with the drafts before it and the draft model's extend \
             behind it."
                .to_owned(),
        );
    }
    if !incomplete.is_empty() {
        for id in &incomplete {
            v.roles[id.index()] = Role::Annotation;
        }
        v.notes.push(format!(
            "The recording begins or ends within an iteration of speculative decoding: passes of the draft model that \
             belong to no recorded verify are not counted as steps: {}.",
            incomplete.len()
        ));
    }
    write_steps(index, v, steps, is_marked);
    name_version(index, v);
}

/// vLLM's passes on invented data, which keep a rank without requests in pace with others: the outermost frame
/// `execute_dummy_batch` of a worker. It has no marker.
fn dummy_batches(index: &Index) -> Vec<(SliceId, Marker)> {
    let is_dummy = |text: &str| {
        python_frame(text)
            .is_some_and(|(file, function)| has(file, "worker") && function == "execute_dummy_batch")
    };
    let names: FxHashSet<NameId> = index
        .names
        .iter()
        .filter(|(_, text)| is_dummy(text))
        .map(|(id, _)| id)
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    let marker = Marker {
        derived: true,
        ..Marker::new("vLLM", Phase::Idle)
    };
    let is_one = |id: SliceId| names.contains(&index.slices.name(id));
    let ids = index.slices.ids();
    ids.filter(|&id| is_one(id) && !enclosing::is_inside(index, id, is_one))
        .map(|id| (id, marker))
        .collect()
}

/// vLLM writes its version into the header.
fn name_version(index: &Index, v: &mut Vocabulary) {
    let Some(version) = index.header.get("vllm_version") else {
        return;
    };
    if let Some(version) = version.as_str()
        && v.engine
            .as_deref()
            .is_none_or(|engine| engine.starts_with("vLLM"))
    {
        v.engine = Some(format!("vLLM {version}"));
    }
}

/// `…-TP-0-DECODE.trace.json.gz`: what SGLang's `profile_by_stage` recorded. Newer releases write it in lower case, and
/// whatever saved the file may have added to the name.
fn phase_in_file_name(file_name: &str) -> Option<Phase> {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let name = name.to_ascii_lowercase();
    let stages = [
        ("extend", Phase::Prefill),
        ("prefill", Phase::Prefill),
        ("decode", Phase::Decode),
    ];
    let mut found = None;
    for (word, phase) in stages {
        for (at, _) in name.match_indices(word) {
            let after = &name[at + word.len()..];
            let is_word = name[..at].ends_with(['-', '_'])
                && !after.starts_with(|c: char| c.is_ascii_alphanumeric())
                // Before the rank stands what the user called the profile.
                && !["-tp-", "-pp-", "-dp-", "-ep-"].iter().any(|rank| after.contains(rank));
            if is_word && found.is_none_or(|(known, _)| known < at) {
                found = Some((at, phase));
            }
        }
    }
    found.map(|(_, phase)| phase)
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
    let lanes: FxHashSet<TrackId> = v.devices.iter().flat_map(|d| d.tracks.iter().copied()).collect();
    let candidates: Vec<SliceId> = roles::rows_with(&v.roles, |r| r == Role::Pass).collect();
    for id in candidates {
        let category = index.category_of(id);
        let is_of_host = facts::is_operator(category) || category.eq_ignore_ascii_case("user_annotation");
        if !is_of_host && lanes.contains(&index.track_of(id)) {
            // What the device did of a step, as some tools draw it. A host thread may have the ids of a lane.
            v.roles[id.index()] = Role::Other;
            continue;
        }
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
    for file in ["model_runner", "worker"] {
        let frames = with(&|text| {
            python_frame(text).is_some_and(|(f, function)| has(f, file) && function == "execute_model")
        });
        let slices = outermost(&frames);
        if !slices.is_empty() {
            v.engine = Some("vLLM".to_owned());
            let markers: Vec<(SliceId, Marker)> = step_tokens::of_steps(index, &slices)
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

/// Passes and engine steps, one for one, with the parts of each.
fn write_steps(index: &Index, v: &mut Vocabulary, steps: Vec<Marked>, is_marked: bool) {
    let mut passes: Vec<Pass> = Vec::with_capacity(steps.len());
    for step in &steps {
        let Marked { slice, marker, .. } = *step;
        for &draft in &step.drafts {
            v.roles[draft.index()] = Role::Forward;
        }
        if v.roles[slice.index()] != Role::PythonFrame {
            v.roles[slice.index()] = Role::Pass;
        }
        passes.push(Pass {
            is_marked: (is_marked || marker.engine == "torch") && !marker.derived,
            bucket: marker.padded_batch.map(|batch| Bucket {
                batch,
                seq: None,
                ctx: None,
            }),
            batch: marker.batch,
            tokens: marker.tokens,
            context_requests: marker.context_requests,
            context_tokens: marker.context_tokens,
            generation_requests: marker.generation_requests,
            generation_tokens: marker.generation_tokens,
            context_kv_tokens: marker.context_kv_tokens,
            generation_kv_tokens: marker.generation_kv_tokens,
            parts: step.drafts.iter().map(|&draft| (Part::Draft, draft)).collect(),
            ..Pass::new(slice, step.span, marker.phase, Period::Serving)
        });
    }
    mark_containers(index, v, &passes);
    let spans = add_parts(index, &v.roles, &steps, &mut passes);
    let mut order: Vec<usize> = (0..passes.len()).collect();
    order::sort_by_key(&mut order, |&i| (spans[i].start, i));
    for i in order {
        passes[i].engine_step = u32::try_from(v.engine_steps.len()).ok();
        let row = u32::try_from(i).unwrap_or(u32::MAX);
        v.engine_steps.push(EngineStep {
            span: spans[i],
            passes: row..row.saturating_add(1),
            period: passes[i].period,
        });
    }
    v.step_track = facts::step_track(index, passes.iter().map(|p| p.slice));
    v.passes = passes;
}

/// Annotations that hold whole steps say when, not why: `ProfilerStep` beside an engine's own markers, and whatever a
/// user wrote around steps, wherever else it stands.
fn mark_containers(index: &Index, v: &mut Vocabulary, passes: &[Pass]) {
    let can_hold = |role: Role| matches!(role, Role::Annotation | Role::HostOp | Role::HostOther);
    let threads = Threads::of(index);
    let mut names: FxHashSet<NameId> = FxHashSet::default();
    let is_step = |text: &str| text.starts_with("ProfilerStep#");
    let own: FxHashSet<SliceId> = passes.iter().map(|p| p.slice).collect();
    for pass in passes {
        let thread = threads.with(index, index.track_of(pass.slice));
        let Some(inner) = thread
            .main
            .and_then(|track| enclosing::last_started(index, track, pass.span.start))
        else {
            continue;
        };
        for outer in enclosing::chain(index, inner).filter(|o| !own.contains(o)) {
            if index.slices.end(outer).as_ns() >= pass.span.end && can_hold(v.role(outer)) {
                v.roles[outer.index()] = Role::Container;
                names.insert(index.slices.name(outer));
            }
        }
    }
    if passes.is_empty() {
        return;
    }
    names.extend(
        index
            .names
            .iter()
            .filter(|(_, text)| is_step(text))
            .map(|(id, _)| id),
    );
    for id in index.slices.ids() {
        if v.role(id) == Role::Annotation && names.contains(&index.slices.name(id)) && !own.contains(&id) {
            v.roles[id.index()] = Role::Container;
        }
    }
}

/// Gives each pass its recorded parts and those that are derived; the engine step of each.
fn add_parts(index: &Index, roles: &[Role], steps: &[Marked], passes: &mut [Pass]) -> Vec<Span> {
    let words = step_words::words(index);
    let polls = extent::usual_polls(index);
    let known = Known {
        index,
        roles,
        words: &words,
        polls: &polls,
    };
    let mut spans: Vec<Span> = passes.iter().map(|p| p.span).collect();
    let calls: Vec<(SliceId, Span)> = passes.iter().map(|p| (p.slice, p.span)).collect();
    for (thread, slots) in extent::by_thread(index, &calls) {
        let own: Vec<Span> = slots.iter().map(|&slot| passes[slot].span).collect();
        for (&slot, span) in slots.iter().zip(extent::extents(&known, thread, &own)) {
            spans[slot] = span;
            let pass = &mut passes[slot];
            if let Some(track) = thread.main {
                add_recorded(index, roles, track, span, pass);
            }
            let engine = steps[slot].marker.engine;
            if engine == "torch" {
                continue;
            }
            let mut recorded: Vec<Span> = pass.parts.iter().map(|&(_, id)| index.slices.span(id)).collect();
            let verify = (!steps[slot].drafts.is_empty()).then(|| index.slices.span(pass.slice));
            // SGLang's marker lies around the forward pass alone.
            let forward = verify.or((engine == "SGLang").then_some(pass.span));
            recorded.retain(|s| !s.is_empty());
            pass.derived_parts = derived_parts::derive(&known, thread, span, &recorded, forward);
        }
    }
    spans
}

/// The outermost parts that start within an engine step.
fn add_recorded(index: &Index, roles: &[Role], track: TrackId, step: Span, pass: &mut Pass) {
    let last = enclosing::last_started(index, track, step.start.saturating_sub(1));
    let rows = index.track(track).rows.clone();
    let mut until = i64::MIN;
    for id in (last.map_or(rows.start, |id| id.0 + 1)..rows.end).map(SliceId) {
        let span = index.slices.span(id);
        if span.start >= step.end {
            break;
        }
        let can_be = matches!(
            roles[id.index()],
            Role::Prepare | Role::Forward | Role::Logits | Role::Sample | Role::Post | Role::Annotation
        );
        if !can_be || span.start < until {
            continue;
        }
        if let Some((part, _)) = part(index.name_of(id)) {
            until = span.end;
            pass.parts.push((part, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_read_from_the_name_in_any_case_with_any_suffix() {
        for (name, phase) in [
            ("1759-TP-0-DECODE.trace.json.gz", Some(Phase::Decode)),
            ("1759-TP-0-decode.trace.json.gz", Some(Phase::Decode)),
            ("/a/1759-TP-0-DECODE (1).trace.json.gz", Some(Phase::Decode)),
            ("1759-TP-0-Extend.trace (2).json.gz", Some(Phase::Prefill)),
            ("1759-TP-0-DP-1-prefill-copy.trace.json", Some(Phase::Prefill)),
            ("1759-TP-0-prefill.json", Some(Phase::Prefill)),
            ("my-decode-run-TP-0.trace.json.gz", None),
            ("decode-node.trace.json", None),
            ("run-TP-0-decoder.trace.json", None),
            ("prefill-decode-TP-0-EXTEND_old.trace.json", Some(Phase::Prefill)),
            ("", None),
        ] {
            assert_eq!(phase_in_file_name(name), phase, "{name}");
        }
    }
}
