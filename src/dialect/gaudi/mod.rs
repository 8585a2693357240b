//! vLLM on Intel Gaudi.
//!
//! Three kinds of file, told by what they hold and never by their names:
//! - `gaudi-highlevel`: what vLLM's high-level profiler writes alone (`server_events_*.json`): slices on tid 3
//!   and counters on tid 1, no category, times since 1970;
//! - `gaudi-e2e`: torch's trace with those events appended (`vllm.*.pt.trace.json.gz`);
//! - `torch`: torch's trace alone, with Gaudi's device lanes and host calls.
//!
//! - `gaudi-synprof`: a CSV file of Synapse's own profiler, which [`synprof`] writes as a trace.

mod advice;
pub mod engine_iterations;
pub mod gaudi_compiles;
pub mod high_level_names;
pub mod hltv;
pub mod lanes;
pub mod synprof;
pub mod vllm_counters;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, Union, order};
use crate::index::trace_columns::{Family, Index, Key};

use super::dynamo;
use super::enclosing;
use super::facts;
use super::kineto;
use super::pattern::{has, python_frame};
use super::ranks_in_one_file;
use super::roles::{OWN_CATEGORY, rows_with};
use super::terms::{Evidence, Period};
use super::vllm;
use super::vocabulary::{CompileMark, EngineStep, LaunchLink, NodeArgs, Pass, Role, Vocabulary};
use super::wait_names;

use engine_iterations::Iteration;
use high_level_names::EngineName;
use lanes::{Calls, Lane};
use vllm_counters::Utils;

/// What the index holds of Gaudi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// A name that only the high-level profiler writes.
    pub has_engine: bool,
    /// Something that only Gaudi's software writes.
    pub has_hpu: bool,
}

/// Looks for Gaudi.
pub fn traits(index: &Index) -> Traits {
    let has_engine = index.track_ids().any(|track| {
        matches!(index.track(track).tid, Key::Int(2 | 3))
            && index.rows(track).any(|id| {
                index.category_of(id).is_empty()
                    && EngineName::parse(index.name_of(id)).is_some_and(EngineName::is_unmistakable)
            })
    });
    Traits {
        has_engine,
        has_hpu: has_hpu(index),
    }
}

fn has_hpu(index: &Index) -> bool {
    let device_named = index.header.get("deviceProperties").is_some_and(|devices| {
        devices
            .get(0)
            .and_then(|d| d.get("name")?.as_str())
            .is_some_and(|name| has(name, "gaudi") || name.starts_with("HL-"))
    });
    let process_named = index.processes.iter().any(|p| {
        [p.name, p.labels].into_iter().flatten().any(|name| {
            let name = index.text(name);
            name.starts_with("/device:HPU") || matches!(name, "Synapse Logger" | "Bridge Logs")
        })
    });
    let thread_named = || {
        index.tracks.iter().any(|t| {
            t.name
                .is_some_and(|name| index.text(name).starts_with("Synapse/"))
        })
    };
    let from_csv = index.header.get(synprof::HEADER_KEY).is_some();
    let hardware_events = || index.arg_column(lanes::HW_EVENT).is_some();
    let named = || {
        index.names.iter().any(|(_, text)| {
            text.starts_with("enqueueWithExternalEvents")
                || text.starts_with("synLaunch")
                || text.starts_with("synGraphCompile")
                || text.contains("hpu_lazy")
                || python_frame(text).is_some_and(|(file, _)| file == "hpu_model_runner")
        })
    };
    device_named || from_csv || process_named || thread_named() || hardware_events() || named()
}

/// torch's traces name the operation and have the node as `EventName`; the profiler's own CSVs and detailed captures
/// (their args as vLLM's documentation shows them) name the node, or a piece of it:
/// `lb_bundle_32/fusedTPCNode_8_2/op_0_1`.
const NODE_ARGS: NodeArgs = NodeArgs {
    recipe: &["recipeName", "Recipe name"],
    recipe_id: "recipeId",
    node: &["EventName"],
    node_id: "Unique Node ID",
    operation: "Operation",
    fused: "Original Nodes",
    bundle: "Bundle Index",
    piece: "/op_",
};

/// Notes of one kind are no more than this: a file may name any number of processes.
const MAX_NOTES: usize = 20;

/// The whole trace in common words.
pub fn recognise(index: &Index) -> Vocabulary {
    let lanes = lanes::lanes(index);
    let engine_lanes: Vec<TrackId> = index
        .track_ids()
        .filter(|track| lanes[track.index()] == Lane::Engine)
        .collect();
    let has_torch = index
        .categories
        .iter()
        .any(|&c| !matches!(index.text(c), "" | OWN_CATEGORY));
    let mut v = Vocabulary {
        format: match (engine_lanes.is_empty(), has_torch) {
            _ if index.header.get(synprof::HEADER_KEY).is_some() => "gaudi-synprof",
            (true, _) => "torch",
            (false, false) => "gaudi-highlevel",
            (false, true) => "gaudi-e2e",
        },
        device_kind: "hpu",
        roles: lanes::roles(index, &lanes, Calls::of(index)),
        operator_categories: facts::operator_categories(index),
        advice: advice::ADVICE,
        waits: wait_names::wait_names(index),
        capture: facts::capture(index),
        ..Vocabulary::default()
    };
    facts::read_header(index, &mut v);
    let beside = |pid: Key| lanes::host_process(index, pid);
    let (found, told_apart) = ranks_in_one_file::ranks_by_recipe(index, &v.roles, "recipeId", beside);
    v.ranks = found;
    if let Some(told_apart) = told_apart {
        // The header is that of the first.
        v.rank = None;
        v.notes
            .push(ranks_in_one_file::several_say(&v.ranks, &told_apart));
    }
    let untold = || ranks_in_one_file::untold_work(index, &v.ranks);
    if let Some(shared) = ranks_in_one_file::shared_processes(index).or_else(untold) {
        v.rank = None;
        v.notes.push(shared);
    }
    v.devices = facts::devices(index, &v.roles, &v.ranks);
    if index.arg_column("recipeId").is_some() {
        v.launch_link = LaunchLink::Recurring("recipeId");
    }
    v.node_args = Some(NODE_ARGS);
    v.has_lanes_of_kinds = true;
    if engine_lanes.is_empty() {
        read_torch_only(index, &mut v);
    } else {
        read_engine(index, &engine_lanes, &mut v);
    }
    v.dynamo = dynamo::dynamo(index, &v.compiles, &v.passes);
    v.main_threads = facts::main_threads(index, &v.roles, true);
    v
}

/// When warm-up ran in each process, and what else decides on periods.
struct Periods {
    warmups: FxHashMap<Key, Union>,
    non_driver: bool,
    capture: Option<Span>,
}

impl Periods {
    /// In order: inside `warmup`; before torch's profiler in a file without warm-up; serving. A rank that does
    /// not drive the engine never writes `warmup`, so nothing is known.
    fn of(&self, pid: Key, at: i64) -> Period {
        if self.non_driver {
            return Period::Unknown;
        }
        if self.warmups.get(&pid).is_some_and(|mine| mine.contains(at)) {
            Period::Warmup
        } else if self.warmups.is_empty() && self.capture.is_some_and(|c| at < c.start) {
            Period::BeforeCapture
        } else {
            Period::Serving
        }
    }
}

/// Steps and compiles of the high-level profiler.
fn read_engine(index: &Index, engine_lanes: &[TrackId], v: &mut Vocabulary) {
    let by_lane: Vec<(TrackId, Vec<(SliceId, EngineName<'_>)>)> = engine_lanes
        .iter()
        .map(|&track| (track, engine_iterations::engine_events(index, track)))
        .collect();
    let all = || by_lane.iter().flat_map(|(_, events)| events.iter().copied());
    let pid_of = |track: TrackId| index.track(track).pid;

    let has_model = all().any(|(_, name)| matches!(name, EngineName::Model(_) | EngineName::Unified(_)));
    let has_executable = all().any(|(_, name)| name == EngineName::ModelExecutable);
    let mut warmups: FxHashMap<Key, Vec<Span>> = FxHashMap::default();
    for (track, events) in &by_lane {
        for (id, _) in events.iter().filter(|(_, name)| *name == EngineName::Warmup) {
            let mine = warmups.entry(pid_of(*track)).or_default();
            mine.push(index.slices.span(*id));
        }
    }
    let no_warmup = warmups.is_empty();
    let periods = Periods {
        non_driver: (has_executable && !has_model) || (no_warmup && v.rank.is_some_and(|rank| rank > 0)),
        warmups: warmups
            .into_iter()
            .map(|(pid, spans)| (pid, Union::of(spans)))
            .collect(),
        capture: v.capture.filter(|_| v.format == "gaudi-e2e"),
    };
    v.has_warmup = !no_warmup;

    let is_v0 = by_lane
        .iter()
        .any(|(_, events)| engine_iterations::is_v0(index, events));
    let is_unified =
        all().any(|(_, name)| matches!(name, EngineName::PrepareUnified | EngineName::Unified(_)));
    v.engine = Some(
        if is_v0 {
            "vLLM V0"
        } else if is_unified {
            "vLLM V1, unified attention"
        } else {
            "vLLM V1"
        }
        .to_owned(),
    );

    let utils = Utils::of(index);
    let mut found: Vec<Iteration> = Vec::new();
    let mut n_dummies = 0;
    for (track, events) in &by_lane {
        let mut here = if is_v0 {
            engine_iterations::v0(index, events)
        } else {
            engine_iterations::v1(index, events)
        };
        vllm_counters::join(index, &utils, pid_of(*track), &mut here.iterations);
        for pass in here
            .iterations
            .iter_mut()
            .flat_map(|iteration| &mut iteration.passes)
        {
            pass.period = periods.of(pid_of(*track), index.slices.start(pass.slice).as_ns());
        }
        found.append(&mut here.iterations);
        for (slice, model) in here.dummies {
            v.roles[slice.index()] = Role::Dummy;
            let pid = pid_of(*track);
            match periods.of(pid, index.slices.start(slice).as_ns()) {
                Period::Warmup => v.warmup_forwards.push((pid, model.phase(), model.bucket)),
                _ => n_dummies += 1,
            }
        }
        let marks = gaudi_compiles::recorded(index, events);
        say_whether_counted(&utils, pid_of(*track), marks.len(), v);
        v.compiles.extend(marks);
    }
    if is_v0 {
        v.advice = advice::ADVICE_V0;
        swap_v0_roles(&found, all(), &mut v.roles);
    }
    write_iterations(found, v);
    v.step_track =
        facts::step_track(index, v.passes.iter().map(|p| p.slice)).or(engine_lanes.first().copied());

    add_other_compiles(index, engine_lanes, v);
    let engine_pids: FxHashSet<Key> = engine_lanes.iter().map(|&t| pid_of(t)).collect();
    for i in 0..v.compiles.len() {
        let mark = &v.compiles[i];
        let at = mark
            .region
            .map_or(mark.span.start, |r| index.slices.start(r).as_ns());
        let pid = engine_lanes.first().map_or(Key::Int(0), |_| {
            index.track(index.track_of(mark.region.unwrap_or(mark.slice))).pid
        });
        // Synapse's own events have a pid of their own; the engine's is meant.
        let pid = if engine_pids.contains(&pid) || engine_lanes.is_empty() {
            pid
        } else {
            pid_of(engine_lanes[0])
        };
        v.compiles[i].period = periods.of(pid, at);
    }
    for &pid in &engine_pids {
        v.compiles_not_recorded
            .extend(counted_alone(index, &utils, pid, &periods, &v.compiles));
    }
    order::sort(&mut v.compiles_not_recorded);
    v.synchronised_capture = v.compiles.iter().any(|m| m.evidence == Evidence::Recorded)
        || engine_lanes
            .iter()
            .any(|&t| vllm_counters::counted_compiles(&utils, pid_of(t)).is_some());
    v.synchronised_capture &= !device_works_on(index, v);
    say_engine_notes(&periods, is_v0, n_dummies, v);
}

/// Passes or samplers at whose end the device is recorded; of fewer nothing is concluded.
const LEAST_REGIONS: usize = 3;

/// Host and device clocks agree to about this, ns.
const CLOCK_SLACK_NS: i64 = 10_000;

/// Whether the device works across the end of most passes, or of most samplers, that fall into its recording: then no
/// synchronisation ended them. A rank that does not drive the engine has samplers and no passes.
fn device_works_on(index: &Index, v: &Vocabulary) -> bool {
    let tracks = v.devices.iter().flat_map(|d| &d.tracks);
    let work = tracks
        .flat_map(|&track| index.rows(track))
        .filter(|id| v.roles[id.index()].is_device());
    let work = Union::of(work.map(|id| index.slices.span(id)));
    let Some(recorded) = work.extent() else {
        return false;
    };
    let is_most = |ends: &mut dyn Iterator<Item = i64>| {
        let ends: Vec<i64> = ends.filter(|&end| recorded.contains(end)).collect();
        let across = ends.iter().filter(|&&end| {
            work.contains(end - CLOCK_SLACK_NS) && work.contains(end) && work.contains(end + CLOCK_SLACK_NS)
        });
        ends.len() >= LEAST_REGIONS && 2 * across.count() > ends.len()
    };
    if is_most(&mut v.passes.iter().map(|pass| pass.span.end)) {
        return true;
    }
    // Of the regions the sampler's is the last: the host may wait for the device there without being told to.
    let samplers = index
        .slices
        .ids()
        .filter(|id| v.roles[id.index()] == Role::Sample);
    is_most(&mut samplers.map(|id| index.slices.span(id).end))
}

/// A block without its counter, or the reverse, means that the file was cut.
fn say_whether_counted(utils: &Utils<'_>, pid: Key, blocks: usize, v: &mut Vocabulary) {
    let counted = vllm_counters::counted_compiles(utils, pid).unwrap_or(0);
    if counted != blocks as u64 && v.notes.len() < MAX_NOTES {
        v.notes.push(format!(
            "The counter of graph compiles counted {counted} in this file, but recorded compiles are {blocks}: the \
             file was cut, or lost events."
        ));
    }
}

/// When the counter of a process counted compiles while serving of which no block is in the file.
fn counted_alone(
    index: &Index,
    utils: &Utils<'_>,
    pid: Key,
    periods: &Periods,
    compiles: &[CompileMark],
) -> Vec<i64> {
    let is_recorded = |mark: &&CompileMark| {
        mark.evidence == Evidence::Recorded && index.track(index.track_of(mark.slice)).pid == pid
    };
    let recorded: Vec<&CompileMark> = compiles.iter().filter(is_recorded).collect();
    let counted: Vec<i64> = vllm_counters::compiles_counted_at(utils, pid)
        .into_iter()
        .filter(|&at| periods.of(pid, at) == Period::Serving)
        .collect();
    let blocks = recorded.iter().filter(|m| m.period == Period::Serving).count();
    let Some(missing) = counted.len().checked_sub(blocks).filter(|&n| n > 0) else {
        return Vec::new();
    };
    // A block and its counter name the same time; of several at one, the first.
    let mut starts: Vec<i64> = recorded.iter().map(|m| m.span.start).collect();
    order::sort(&mut starts);
    let has_block = |at: i64| {
        let from = starts.partition_point(|&start| start < at - vllm_counters::NEAR_NS);
        starts
            .get(from)
            .is_some_and(|&start| start <= at + vllm_counters::NEAR_NS)
    };
    let (with, mut alone): (Vec<i64>, Vec<i64>) = counted.into_iter().partition(|&at| has_block(at));
    alone.extend(with.into_iter().rev());
    alone.truncate(missing);
    alone
}

/// V0 calls the step `prepare_input_tensors` and its input preparation `prompt` or `decode`.
fn swap_v0_roles<'a>(
    iterations: &[Iteration],
    events: impl Iterator<Item = (SliceId, EngineName<'a>)>,
    roles: &mut [Role],
) {
    for (id, name) in events {
        if matches!(name, EngineName::Phase(_)) {
            roles[id.index()] = Role::Prepare;
        }
    }
    for pass in iterations.iter().flat_map(|iteration| &iteration.passes) {
        roles[pass.slice.index()] = Role::Pass;
    }
}

/// Numbers iterations and passes in order of start.
fn write_iterations(mut iterations: Vec<Iteration>, v: &mut Vocabulary) {
    order::sort_by_key(&mut iterations, |iteration| {
        (iteration.span.start, iteration.span.end)
    });
    let interleaved = iterations.windows(2).any(|pair| {
        let last = pair[0].passes.last().map(|p| p.span.start);
        last > pair[1].passes.first().map(|p| p.span.start)
    });
    if interleaved {
        // Several processes in one file: their passes cannot stay together and in order of start.
        iterations = iterations
            .into_iter()
            .flat_map(|iteration| iteration.passes)
            .map(|pass| Iteration {
                span: pass.span,
                passes: vec![pass],
            })
            .collect();
        order::sort_by_key(&mut iterations, |iteration| {
            (iteration.span.start, iteration.span.end)
        });
    }
    for iteration in iterations {
        let row = u32::try_from(v.engine_steps.len()).unwrap_or(u32::MAX);
        let first = u32::try_from(v.passes.len()).unwrap_or(u32::MAX);
        let period = iteration.passes.first().map_or(Period::Unknown, |p| p.period);
        v.passes.extend(iteration.passes.into_iter().map(|pass| Pass {
            engine_step: Some(row),
            ..pass
        }));
        let end = u32::try_from(v.passes.len()).unwrap_or(u32::MAX);
        v.engine_steps.push(EngineStep {
            span: iteration.span,
            passes: first..end,
            period,
        });
    }
}

/// Levels 2, 2b and 3.
fn add_other_compiles(index: &Index, engine_lanes: &[TrackId], v: &mut Vocabulary) {
    let by_synapse = gaudi_compiles::by_synapse(index, &v.roles, engine_lanes);
    let eager: Vec<i64> = by_synapse
        .iter()
        .filter(|m| m.eager)
        .map(|m| m.span.len_ns())
        .collect();
    if !eager.is_empty() {
        v.notes.push(format!(
            "Graphs of single operators compiled outside any step, in less than 5 ms each: {}, {} together. They are \
             not counted as recompiles.",
            crate::base::show::count(eager.len() as u64),
            crate::base::show::duration(crate::base::stats::sum(eager.iter().copied()))
        ));
    }
    let has_other = !v.compiles.is_empty() || by_synapse.iter().any(|m| !m.eager);
    v.compiles.extend(by_synapse);
    if !has_other {
        let stored = gaudi_compiles::new_recipes(index, &v.roles, engine_lanes);
        let is_bare = |m: &CompileMark| m.span == index.slices.span(m.slice);
        if stored.iter().any(is_bare) {
            v.notes.push(
                "Compiles are known from new recipes being stored; where nothing is recorded around that, how long \
                 they took to compile is unknown."
                    .to_owned(),
            );
        }
        v.compiles.extend(stored);
    }
    v.compiles.extend(kineto::compiles(index, &v.roles));
    order::sort_by_key(&mut v.compiles, |m| (m.span.start, m.span.end, m.slice));
}

fn say_engine_notes(periods: &Periods, is_v0: bool, n_dummies: usize, v: &mut Vocabulary) {
    if v.synchronised_capture {
        v.notes.push(
            "Graph compiles were tracked while recording, so every recorded region ended with a device \
             synchronisation: forward passes include the device's time, and host and device do not overlap as \
             they do otherwise."
                .to_owned(),
        );
    } else {
        v.notes.push(
            "Host times of steps and their parts do not hold what the device still computes after a call has \
             returned."
                .to_owned(),
        );
    }
    if is_v0 {
        v.notes.push(
            "vLLM V0 writes no compile events, and calls the whole step prepare_input_tensors and its input \
             preparation prompt or decode; the names are put right here."
                .to_owned(),
        );
    }
    if periods.non_driver {
        v.notes.push(
            "This rank does not drive the engine: vLLM writes none of its steps, no shapes and no end of warm-up \
             for it. A decode that is recorded is an event ended by the wrong call and covers the end of warm-up; \
             whether anything belongs to warm-up or to serving is unknown."
                .to_owned(),
        );
    } else if !v.has_warmup && v.passes.iter().any(|p| p.period == Period::Serving) {
        v.notes.push(
            "The file holds no warm-up: all steps count as serving, and which shapes were warmed is unknown."
                .to_owned(),
        );
    }
    if n_dummies > 0 {
        v.notes.push(format!(
            "Forward passes that belong to no step: {n_dummies}. This rank ran them on invented data to keep pace with \
             others."
        ));
    }
}

/// Torch's trace alone: steps by python frames, the profiler's own steps, or what lies between two waits.
fn read_torch_only(index: &Index, v: &mut Vocabulary) {
    vllm::read_steps(index, "", v);
    if v.passes.is_empty() {
        infer_iterations(index, v);
    }
    if v.passes.is_empty() {
        v.notes.push(
            "Stepscope cannot show steps: this trace has no step markers, no python frames and too few waits for the \
             device to infer them from."
                .to_owned(),
        );
    }
    mark_dummy_runs(index, v);
    add_other_compiles(index, &[], v);
    for i in 0..v.compiles.len() {
        let at = v.compiles[i].span.start;
        let after = v.passes.partition_point(|p| p.span.start <= at);
        v.compiles[i].period = after
            .checked_sub(1)
            .and_then(|i| v.passes.get(i))
            .map_or(Period::Serving, |pass| pass.period);
    }
}

/// Without stacks and markers: from the first launch after a wait for the device to the end of the next wait.
fn infer_iterations(index: &Index, v: &mut Vocabulary) {
    let is_wait = |id: SliceId| v.roles[id.index()] == Role::Wait;
    let mut calls: Vec<(Span, SliceId)> = rows_with(&v.roles, |r| matches!(r, Role::Launch | Role::Wait))
        .filter(|&id| !enclosing::is_inside(index, id, is_wait))
        .map(|id| (index.slices.span(id), id))
        .collect();
    order::sort_by_key(&mut calls, |&(span, id)| {
        (span.start, std::cmp::Reverse(span.end), id)
    });
    let mut found: Vec<Iteration> = Vec::new();
    let mut first: Option<(Span, SliceId)> = None;
    for (span, id) in calls {
        if !is_wait(id) {
            first.get_or_insert((span, id));
        } else if let Some((start, slice)) = first.take() {
            let span = Span::new(start.start, span.end);
            let pass = engine_iterations::inferred_pass(slice, span);
            found.push(Iteration {
                span,
                passes: vec![pass],
            });
        }
    }
    // One or two waits in a whole trace are no rhythm.
    if found.len() < 3 {
        return;
    }
    v.steps_inferred = true;
    v.notes.push(
        "This trace has no step markers and no python frames: steps are inferred, each from the first launch \
         after a wait for the device to the end of the next wait."
            .to_owned(),
    );
    write_iterations(found, v);
    v.step_track = facts::step_track(index, v.passes.iter().map(|p| p.slice));
}

/// `VLLM_PT_PROFILE` and its kind run invented data under these frames, before warm-up.
fn mark_dummy_runs(index: &Index, v: &mut Vocabulary) {
    let is_dummy_frame = |name: &str| {
        python_frame(name).is_some_and(|(_, function)| {
            matches!(
                function,
                "warmup_scenario" | "_prepare_dummy_scenario" | "_generate_profiling"
            )
        })
    };
    let wanted: FxHashSet<NameId> = index
        .names
        .iter()
        .filter(|(_, text)| is_dummy_frame(text))
        .map(|(id, _)| id)
        .collect();
    if wanted.is_empty() {
        return;
    }
    let dummy = Union::of(
        index
            .track_ids()
            .filter(|&t| index.track(t).family == Family::Python)
            .flat_map(|t| index.rows(t))
            .filter(|&id| wanted.contains(&index.slices.name(id)))
            .map(|id| index.slices.span(id)),
    );
    let mut any = false;
    for pass in &mut v.passes {
        let middle = pass.span.start + pass.span.len_ns() / 2;
        if dummy.contains(middle) {
            pass.period = Period::Dummy;
            any = true;
        }
    }
    for step in &mut v.engine_steps {
        if let Some(pass) = v.passes.get(step.passes.start as usize) {
            step.period = pass.period;
        }
    }
    if any {
        v.notes.push(
            "Steps inside vLLM's profiling scenario run on invented data and are not counted as serving."
                .to_owned(),
        );
    }
}
