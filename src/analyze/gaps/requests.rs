//! When an engine waited for requests: time between two steps with work that
//!
//! - empty steps fill (derived), or
//! - passes on invented data fill: the engine kept pace with others (derived), or
//! - a recorded wait of the engine's thread for messages covers: a queue, a socket; or iterations of its loop that
//!   looked for requests and ran nothing (derived), or
//! - a worker's recorded wait for its scheduler covers, far longer than the pauses between steps are, before a step
//!   that has new requests (derived), or
//! - a recorded wait for another thread or a lock covers, before a step that has new requests (suspected), or
//! - nothing recorded fills, far longer than the pauses between steps are, before a step that has new requests
//!   (suspected).
//!
//! Half of the time between the steps is enough to be covered. It lasts from the end of the last step with work, or of
//! its device work if that is later, to the start of the next, without what else the thread is recorded to do meanwhile
//! for [`MIN_OTHER_NS`] or longer: that, and all else between steps, is the host's.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, Union, order, stats};
use crate::dialect::{EngineStep, Phase, Role, Vocabulary, waits_long};
use crate::index::{Index, Key};

use crate::analyze::gaps::innermost::{Containers, cause_of};
use crate::analyze::report::Sure;

/// A look at a queue that takes less is no wait.
const MIN_RECORDED_NS: i64 = 1_000_000;

/// Nothing recorded for less than this between two steps is no wait for requests.
pub const MIN_UNRECORDED_NS: i64 = 100_000_000;

/// Nor for less than so many medians of the pauses between steps.
const UNRECORDED_MEDIANS: i64 = 20;

/// Where no step has a phase, nothing says whether a step has new requests: only so long a pause counts.
pub const NO_PHASES_NS: i64 = 1_000_000_000;

/// Shorter activity beside recorded waits is the loop's that waits.
const MIN_OTHER_NS: i64 = 1_000_000;

/// Whose steps these are: a process's, or a thread's where several engines share a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineKey {
    pub process: Key,
    pub thread: Option<Key>,
}

impl EngineKey {
    /// Whether a thread of a process belongs to it.
    pub fn has(self, (process, thread): (Key, Key)) -> bool {
        self.process == process && self.thread.is_none_or(|own| own == thread)
    }
}

/// Time in which an engine waited for requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub engine: EngineKey,
    pub span: Span,
    pub sure: Sure,
    pub why: &'static str,
}

/// An engine with the thread that marks its first step, and its steps.
type Steps<'v> = (EngineKey, (Key, Key), Vec<&'v EngineStep>);

/// The engines of a trace with their steps.
fn engines<'v>(index: &Index, vocabulary: &'v Vocabulary) -> Vec<Steps<'v>> {
    let found = engine_rows(index, vocabulary).into_iter();
    let steps = |rows: Vec<usize>| {
        rows.into_iter()
            .filter_map(|row| vocabulary.engine_steps.get(row))
    };
    found
        .filter_map(|of| Some((of.key, *of.threads.first()?, steps(of.rows).collect())))
        .collect()
}

/// An engine, the threads that mark its steps, in order of the first, and the places of these steps.
pub struct EngineRows {
    pub key: EngineKey,
    pub threads: Vec<(Key, Key)>,
    pub rows: Vec<usize>,
}

/// The engines of a trace. Threads of a process that mark steps at the same time are engines of their own; else the
/// steps of a process are one engine's, whichever thread marks them.
pub fn engine_rows(index: &Index, vocabulary: &Vocabulary) -> Vec<EngineRows> {
    let mut by_process: BTreeMap<Key, Vec<(Key, &EngineStep, usize)>> = BTreeMap::new();
    for (row, step) in vocabulary.engine_steps.iter().enumerate() {
        let first = vocabulary.passes.get(step.passes.start as usize);
        let (process, thread) = first.map_or((Key::Int(0), Key::Int(0)), |pass| {
            let track = index.track(index.track_of(pass.slice));
            (track.pid, track.tid)
        });
        by_process.entry(process).or_default().push((thread, step, row));
    }
    let mut engines: Vec<EngineRows> = Vec::new();
    for (process, mut steps) in by_process {
        order::sort_by_key(&mut steps, |(_, step, _)| step.span);
        let apart = is_of_several(&steps);
        let mut place: BTreeMap<Option<Key>, usize> = BTreeMap::new();
        for (thread, _, row) in steps {
            let own = apart.then_some(thread);
            let at = *place.entry(own).or_insert_with(|| {
                engines.push(EngineRows {
                    key: EngineKey { process, thread: own },
                    threads: Vec::new(),
                    rows: Vec::new(),
                });
                engines.len() - 1
            });
            let of = &mut engines[at];
            if !of.threads.contains(&(process, thread)) {
                of.threads.push((process, thread));
            }
            of.rows.push(row);
        }
    }
    engines
}

/// Whether steps of a process, in order of start, are those of several engines: of the thread with the fewest, more
/// than half overlap a step of another thread.
fn is_of_several(steps: &[(Key, &EngineStep, usize)]) -> bool {
    let mut of_thread: BTreeMap<Key, usize> = BTreeMap::new();
    for (thread, ..) in steps {
        *of_thread.entry(*thread).or_default() += 1;
    }
    let Some(fewest) = of_thread.values().min().filter(|_| of_thread.len() > 1) else {
        return false;
    };
    let mut overlapping = 0;
    // The latest end so far, and the latest of other threads than that one's.
    let (mut latest, mut other) = ((i64::MIN, None), i64::MIN);
    for &(thread, step, _) in steps {
        let until = if latest.1 == Some(thread) { other } else { latest.0 };
        overlapping += usize::from(step.span.start < until);
        if latest.1 == Some(thread) {
            latest.0 = latest.0.max(step.span.end);
        } else if step.span.end > latest.0 {
            other = latest.0;
            latest = (step.span.end, Some(thread));
        } else {
            other = other.max(step.span.end);
        }
    }
    2 * overlapping > *fewest
}

/// When every engine of a rank, and of the file, waits for requests: where one of several waits, the others serve.
#[derive(Debug, Default)]
pub struct WithoutRequests {
    by_rank: FxHashMap<usize, Union>,
    pub all: Union,
}

impl WithoutRequests {
    pub fn of(index: &Index, vocabulary: &Vocabulary, waiting: &[Waiting]) -> WithoutRequests {
        let mut waits: FxHashMap<EngineKey, Vec<Span>> = FxHashMap::default();
        for wait in waiting {
            waits.entry(wait.engine).or_default().push(wait.span);
        }
        let mut by_rank: FxHashMap<usize, Union> = FxHashMap::default();
        let mut all: Option<Union> = None;
        for (engine, ..) in engines(index, vocabulary) {
            let own = Union::of(waits.remove(&engine).unwrap_or_default());
            all = Some(all.map_or_else(|| own.clone(), |all| in_both(&all, &own)));
            if let Some(rank) = rank_of(vocabulary, engine) {
                let of_rank = by_rank.get(&rank).map(|other| in_both(other, &own));
                by_rank.insert(rank, of_rank.unwrap_or(own));
            }
        }
        WithoutRequests {
            by_rank,
            all: all.unwrap_or_default(),
        }
    }

    /// Of one rank; of the file for `None`, and for a rank without steps.
    pub fn of_rank(&self, rank: Option<usize>) -> &Union {
        rank.and_then(|rank| self.by_rank.get(&rank)).unwrap_or(&self.all)
    }
}

fn in_both(one: &Union, other: &Union) -> Union {
    one.without(&one.without(other))
}

fn rank_of(vocabulary: &Vocabulary, engine: EngineKey) -> Option<usize> {
    vocabulary.ranks.by_process.get(&engine.process).copied()
}

/// All waits for requests, by engine and then in order of time; those of an engine do not overlap.
pub fn waiting(index: &Index, vocabulary: &Vocabulary) -> Vec<Waiting> {
    let containers = Containers::of(index, vocabulary);
    // A file may have a process for each step.
    let mut of_process: FxHashMap<Key, Vec<TrackId>> = FxHashMap::default();
    for track in index.track_ids() {
        of_process.entry(index.track(track).pid).or_default().push(track);
    }
    let main: FxHashSet<TrackId> = vocabulary.main_threads.iter().copied().collect();
    let mut all: Vec<Waiting> = Vec::new();
    let engines = engines(index, vocabulary);
    let mut of_rank: FxHashMap<Option<usize>, usize> = FxHashMap::default();
    for &(key, ..) in &engines {
        *of_rank.entry(rank_of(vocabulary, key)).or_default() += 1;
    }
    for (key, thread, steps) in engines {
        if steps.len() < 2 {
            continue;
        }
        let tracks = of_process.get(&thread.0).map_or(&[][..], Vec::as_slice);
        Engine {
            index,
            vocabulary,
            containers: &containers,
            key,
            rank: rank_of(vocabulary, key),
            is_alone: of_rank.get(&rank_of(vocabulary, key)) == Some(&1),
            tracks: tracks_of_engine(index, vocabulary, thread, tracks, &main, key.thread.is_none()),
        }
        .waits(&steps, &mut all);
    }
    order::sort_by_key(&mut all, |w| (w.engine, w.span));
    all
}

/// Of the tracks of its process those of its thread. Where no frame or operator lies there, its events have a lane of
/// their own: the threads of its process that run the model (`main`) are meant, too, unless another engine runs there.
fn tracks_of_engine(
    index: &Index,
    vocabulary: &Vocabulary,
    thread: (Key, Key),
    of_process: &[TrackId],
    main: &FxHashSet<TrackId>,
    is_alone: bool,
) -> Vec<TrackId> {
    let tracks = of_process.iter().copied();
    let own: Vec<TrackId> = tracks
        .clone()
        .filter(|&t| index.track(t).tid == thread.1)
        .collect();
    let runs = |id| matches!(vocabulary.role(id), Role::PythonFrame | Role::HostOp);
    if !is_alone || own.iter().any(|&track| index.rows(track).any(runs)) {
        return own;
    }
    let main_threads: FxHashSet<Key> = tracks
        .clone()
        .filter(|t| main.contains(t))
        .map(|t| index.track(t).tid)
        .collect();
    let is_asked = |tid: Key| tid == thread.1 || main_threads.contains(&tid);
    tracks.filter(|&t| is_asked(index.track(t).tid)).collect()
}

struct Engine<'a> {
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    containers: &'a Containers,
    key: EngineKey,
    rank: Option<usize>,
    /// Whether no other engine is of its rank: all work of the rank's devices is its own.
    is_alone: bool,
    /// Its thread's.
    tracks: Vec<TrackId>,
}

/// From the end of one step with work to the start of the next.
struct Pause<'s> {
    before: &'s EngineStep,
    after: &'s EngineStep,
    /// The start of the first empty step in it.
    first_empty: Option<i64>,
}

impl Pause<'_> {
    fn span(&self) -> Span {
        Span::new(self.before.span.end, self.after.span.start)
    }
}

impl Engine<'_> {
    /// Of steps in order of start.
    fn waits(&self, steps: &[&EngineStep], all: &mut Vec<Waiting>) {
        let pauses = self.pauses(steps);
        let usual = pauses.iter().filter(|p| p.first_empty.is_none());
        let mut lengths: Vec<i64> = usual.map(|p| p.span().len_ns()).collect();
        let median = stats::quantile_of(&mut lengths, 0.5).unwrap_or(0);
        for pause in &pauses {
            let Some((sure, why)) = self.judge(pause, median) else {
                continue;
            };
            let whole = Union::of([Span::new(self.work_until(pause), pause.after.span.start)]);
            let of = match pause.first_empty {
                Some(_) => whole,
                None => whole.without(&self.others(pause.span())),
            };
            all.extend(of.spans().iter().map(|&span| Waiting {
                engine: self.key,
                span,
                sure,
                why,
            }));
        }
    }

    /// What the engine's thread is recorded to do in a pause beside its waits: slices that neither hold a wait, or a
    /// look for requests, nor lie in one, where they take [`MIN_OTHER_NS`] together.
    fn others(&self, pause: Span) -> Union {
        let names = &self.vocabulary.waits;
        let waits = |id: SliceId| {
            let name = self.index.slices.name(id);
            [&names.for_others, &names.for_scheduler, &names.looks_for_requests]
                .iter()
                .any(|of| of.contains(&name))
        };
        let says = |id: SliceId| cause_of(self.vocabulary.role(id)).is_some() && !self.containers.has(id);
        let open = |counts: &dyn Fn(SliceId) -> bool| {
            let tracks = self.tracks.iter();
            let open = tracks.flat_map(|&track| super::activity::open_in(self.index, track, pause));
            let spans = open.filter(|&id| counts(id)).map(|id| self.index.slices.span(id));
            spans.collect::<Vec<Span>>()
        };
        let waited = Union::of(open(&waits));
        let others = open(&|id| says(id) && !waits(id));
        let beside = others.into_iter().filter(|&span| waited.covered_ns(span) == 0);
        let beside = Union::of(beside.map(|span| span.intersect(pause)));
        let long = beside.spans().iter().copied();
        Union::of(long.filter(|span| span.len_ns() >= MIN_OTHER_NS))
    }

    fn pauses<'s>(&self, steps: &[&'s EngineStep]) -> Vec<Pause<'s>> {
        let mut pauses = Vec::new();
        let mut last: Option<&EngineStep> = None;
        let mut first_empty = None;
        for &step in steps {
            if self.is_empty(step) {
                first_empty = first_empty.or(Some(step.span.start));
                continue;
            }
            if let Some(before) = last {
                let between = Span::new(before.span.end, step.span.start);
                pauses.push(Pause {
                    before,
                    after: step,
                    first_empty: first_empty
                        .filter(|&at| at >= before.span.end)
                        .or_else(|| self.first_dummy(between)),
                });
            }
            first_empty = None;
            if last.is_none_or(|before| step.span.end > before.span.end) {
                last = Some(step);
            }
        }
        pauses
    }

    /// The start of the first pass on invented data.
    fn first_dummy(&self, between: Span) -> Option<i64> {
        let tracks = self.tracks.iter();
        let rows = tracks.flat_map(|&track| self.index.rows_starting_in(track, between));
        let dummies = rows.filter(|&id| self.vocabulary.role(id) == Role::Dummy);
        dummies.map(|id| self.index.slices.start(id).as_ns()).min()
    }

    fn passes(&self, step: &EngineStep) -> &[crate::dialect::Pass] {
        let rows = step.passes.start as usize..step.passes.end as usize;
        self.vocabulary.passes.get(rows).unwrap_or_default()
    }

    /// Whether the step had no request.
    fn is_empty(&self, step: &EngineStep) -> bool {
        let passes = self.passes(step);
        !passes.is_empty() && passes.iter().all(|p| p.phase == Phase::Idle)
    }

    /// The requests of a step that only decodes.
    fn decoded_requests(&self, step: &EngineStep) -> Option<u32> {
        let passes = self.passes(step).iter();
        let decodes = passes.map(|p| p.batch.filter(|_| p.phase == Phase::Decode));
        let requests: Vec<u32> = decodes.collect::<Option<_>>()?;
        requests.into_iter().try_fold(0u32, u32::checked_add)
    }

    /// Whether the step has requests that the one before did not have: it prefills, or decodes more than that one,
    /// which decoded only. `None` where its phase is unknown.
    fn has_new_requests(&self, before: &EngineStep, step: &EngineStep) -> Option<bool> {
        let passes = self.passes(step);
        if passes.iter().all(|p| p.phase == Phase::Unknown) {
            return None;
        }
        let is_new = |p: &crate::dialect::Pass| {
            matches!(p.phase, Phase::Prefill | Phase::Mixed) || p.context_requests.is_some_and(|n| n > 0)
        };
        let decoded = self.decoded_requests(before).zip(self.decoded_requests(step));
        Some(passes.iter().any(is_new) || decoded.is_some_and(|(before, after)| after > before))
    }

    fn judge(&self, pause: &Pause<'_>, median: i64) -> Option<(Sure, &'static str)> {
        let span = pause.span();
        if span.is_empty() {
            return None;
        }
        if pause.first_empty.is_some() {
            return Some((Sure::Derived, "The engine ran empty steps only."));
        }
        let longer = |medians: i64, least: i64| span.len_ns() > median.saturating_mul(medians).max(least);
        let names = &self.vocabulary.waits;
        let is_long = span.len_ns() >= MIN_UNRECORDED_NS;
        let is_covered = |ns: i64| ns * 2 >= span.len_ns();
        let waited_ns = self.waited_ns(span, &names.for_messages);
        if waited_ns >= MIN_RECORDED_NS && is_covered(waited_ns) {
            return Some((
                Sure::Derived,
                "The engine's thread waited for a queue or a socket.",
            ));
        }
        let waits_long = waits_long(span.len_ns(), median);
        if waits_long && is_covered(self.polled_ns(span)) {
            return Some((
                Sure::Derived,
                "The engine looked for requests several times and had no batch to run.",
            ));
        }
        // With so few pauses the median is the pause itself.
        let is_unlike = longer(UNRECORDED_MEDIANS, MIN_UNRECORDED_NS) || (is_long && span.len_ns() == median);
        let may_be_new = match self.has_new_requests(pause.before, pause.after) {
            Some(is_new) => is_new,
            None => span.len_ns() > NO_PHASES_NS,
        };
        if waits_long && may_be_new && is_covered(self.waited_ns(span, &names.for_others)) {
            return Some((
                Sure::Suspected,
                "The engine's thread waited for another thread or a lock, before a step with new requests.",
            ));
        }
        if is_unlike && may_be_new && is_covered(self.waited_ns(span, &names.for_scheduler)) {
            return Some((
                Sure::Derived,
                "The worker waited for its scheduler far longer than usual, before a step with new requests.",
            ));
        }
        if is_unlike && may_be_new && self.recorded_ns(span) * 10 <= span.len_ns() {
            return Some((
                Sure::Suspected,
                "Nothing is recorded for far longer than usual between steps, before a step with new requests.",
            ));
        }
        None
    }

    /// The time of `span` in which the engine's thread is in a call of one of these names.
    fn waited_ns(&self, span: Span, names: &FxHashSet<NameId>) -> i64 {
        self.covered_ns(span, |id| names.contains(&self.index.slices.name(id)))
    }

    /// The time of `span` in a look for requests, and from the first to the last of several: one belongs to every
    /// iteration with a batch.
    fn polled_ns(&self, span: Span) -> i64 {
        let tracks = self.tracks.iter();
        let rows = tracks.flat_map(|&track| self.index.rows_starting_in(track, span));
        let polls = &self.vocabulary.waits.looks_for_requests;
        let looks = rows.filter(|&id| polls.contains(&self.index.slices.name(id)));
        let looks = Union::of(looks.map(|id| self.index.slices.span(id).intersect(span)));
        looks.extent().map_or(0, Span::len_ns)
    }

    /// The time of `span` for which the engine's thread has anything recorded that says what it did.
    fn recorded_ns(&self, span: Span) -> i64 {
        self.covered_ns(span, |id| {
            let role = self.vocabulary.role(id);
            cause_of(role).is_some() && !self.containers.has(id)
        })
    }

    fn covered_ns(&self, span: Span, counts: impl Fn(SliceId) -> bool) -> i64 {
        let tracks = self.tracks.iter();
        let open = tracks.flat_map(|&track| super::activity::open_in(self.index, track, span));
        let fitting = open.filter(|&id| counts(id));
        Union::of(fitting.map(|id| self.index.slices.span(id).intersect(span))).total_ns()
    }

    /// The end of the step before, or of the device work that it left behind.
    fn work_until(&self, pause: &Pause<'_>) -> i64 {
        let v = self.vocabulary;
        if !self.is_alone {
            return pause.before.span.end;
        }
        let window = Span::new(
            pause.before.span.start,
            pause.first_empty.unwrap_or(pause.after.span.start),
        );
        let devices = v
            .devices
            .iter()
            .filter(|d| d.rank.is_none() || d.rank == self.rank);
        let tracks = devices.flat_map(|d| &d.tracks);
        let work = tracks.flat_map(|&track| self.index.rows_starting_in(track, window));
        let ends = work.filter(|&id| v.role(id).is_device() && v.role(id) != Role::SyncRecord);
        let until = ends.map(|id| self.index.slices.end(id).as_ns()).max();
        until.map_or(pause.before.span.end, |end| end.max(pause.before.span.end))
    }
}
