//! When an engine waited for requests: time between two steps with work that
//!
//! - empty steps fill (derived), or
//! - a recorded wait of the engine's thread for others covers: a queue, a socket (derived), or
//! - nothing recorded fills, far longer than the pauses between steps are, before a step that has new requests
//!   (suspected).
//!
//! It lasts from the end of the last step with work, or of its device work if that is later, to the start of the
//! next. All else between steps is the host's.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{SliceId, Span, TrackId, Union, order, stats};
use crate::dialect::{EngineStep, Phase, Role, Vocabulary};
use crate::index::{Index, Key};

use crate::analyze::gaps::cause::{Containers, cause_of};
use crate::analyze::report::Sure;

/// Nothing recorded for less than this between two steps is no wait for requests.
pub const MIN_UNRECORDED_NS: i64 = 100_000_000;

/// Nor for less than so many medians of the pauses between steps.
const UNRECORDED_MEDIANS: i64 = 20;

/// Where no step has a phase, nothing says whether a step has new requests: only so long a pause counts.
pub const NO_PHASES_NS: i64 = 1_000_000_000;

/// A recorded wait between two steps counts from this on, if it is longer than [`RECORDED_MEDIANS`] pauses are:
/// a worker waits a little for its scheduler before every step.
const MIN_RECORDED_NS: i64 = 1_000_000;
const RECORDED_MEDIANS: i64 = 2;

/// Time in which an engine waited for requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The process of the engine.
    pub process: Key,
    pub span: Span,
    pub sure: Sure,
    pub why: &'static str,
}

/// All waits for requests, by process and then in order of time; those of a process do not overlap.
pub fn waiting(index: &Index, vocabulary: &Vocabulary) -> Vec<Waiting> {
    let mut by_process: FxHashMap<(Key, Key), Vec<&EngineStep>> = FxHashMap::default();
    let no_thread = (Key::Int(0), Key::Int(0));
    let mut threads: FxHashMap<Key, (Key, Key)> = FxHashMap::default();
    for step in &vocabulary.engine_steps {
        let passes = vocabulary
            .passes
            .get(step.passes.start as usize..step.passes.end as usize);
        let first = passes.and_then(|p| p.first());
        let thread = first.map_or(no_thread, |pass| {
            let track = index.track(index.track_of(pass.slice));
            (track.pid, track.tid)
        });
        // Steps of one process are one engine's, whichever thread marks them.
        let engine = *threads.entry(thread.0).or_insert(thread);
        by_process.entry(engine).or_default().push(step);
    }
    let containers = Containers::of(index, vocabulary);
    // A file may have a process for each step.
    let mut of_process: FxHashMap<Key, Vec<TrackId>> = FxHashMap::default();
    for track in index.track_ids() {
        of_process.entry(index.track(track).pid).or_default().push(track);
    }
    let main: FxHashSet<TrackId> = vocabulary.main_threads.iter().copied().collect();
    let mut all: Vec<Waiting> = Vec::new();
    for (thread, steps) in by_process {
        if steps.len() < 2 {
            continue;
        }
        let tracks = of_process.get(&thread.0).map_or(&[][..], Vec::as_slice);
        Engine {
            index,
            vocabulary,
            containers: &containers,
            thread,
            tracks: tracks_of_engine(index, vocabulary, thread, tracks, &main),
        }
        .waits(steps, &mut all);
    }
    order::sort_by_key(&mut all, |w| (w.process, w.span));
    all
}

/// Of the tracks of its process those of its thread. Where no frame or operator lies there, its events have a lane of
/// their own: the threads of its process that run the model (`main`) are meant, too.
fn tracks_of_engine(
    index: &Index,
    vocabulary: &Vocabulary,
    thread: (Key, Key),
    of_process: &[TrackId],
    main: &FxHashSet<TrackId>,
) -> Vec<TrackId> {
    let tracks = of_process.iter().copied();
    let own: Vec<TrackId> = tracks
        .clone()
        .filter(|&t| index.track(t).tid == thread.1)
        .collect();
    let runs = |id| matches!(vocabulary.role(id), Role::PythonFrame | Role::HostOp);
    if own.iter().any(|&track| index.rows(track).any(runs)) {
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
    thread: (Key, Key),
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
    fn waits(&self, mut steps: Vec<&EngineStep>, all: &mut Vec<Waiting>) {
        order::sort_by_key(&mut steps, |s| s.span);
        let pauses = self.pauses(&steps);
        let usual = pauses.iter().filter(|p| p.first_empty.is_none());
        let mut lengths: Vec<i64> = usual.map(|p| p.span().len_ns()).collect();
        let median = stats::quantile_of(&mut lengths, 0.5).unwrap_or(0);
        for pause in &pauses {
            let Some((sure, why)) = self.judge(pause, median) else {
                continue;
            };
            let span = Span::new(self.work_until(pause), pause.after.span.start);
            if !span.is_empty() {
                all.push(Waiting {
                    process: self.thread.0,
                    span,
                    sure,
                    why,
                });
            }
        }
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
                pauses.push(Pause {
                    before,
                    after: step,
                    first_empty: first_empty.filter(|&at| at >= before.span.end),
                });
            }
            first_empty = None;
            if last.is_none_or(|before| step.span.end > before.span.end) {
                last = Some(step);
            }
        }
        pauses
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

    /// Whether the step has requests that the one before did not have; `None` where its phase is unknown.
    fn has_new_requests(&self, step: &EngineStep) -> Option<bool> {
        let passes = self.passes(step);
        if passes.iter().all(|p| p.phase == Phase::Unknown) {
            return None;
        }
        let is_new = |p: &crate::dialect::Pass| {
            matches!(p.phase, Phase::Prefill | Phase::Mixed) || p.context_requests.is_some_and(|n| n > 0)
        };
        Some(passes.iter().any(is_new))
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
        let is_long = span.len_ns() >= MIN_UNRECORDED_NS;
        if (is_long || longer(RECORDED_MEDIANS, MIN_RECORDED_NS)) && self.waited_ns(span) * 2 >= span.len_ns()
        {
            return Some((
                Sure::Derived,
                "The engine's thread waited for a queue, a socket or another thread.",
            ));
        }
        // With so few pauses the median is the pause itself.
        let is_unlike = longer(UNRECORDED_MEDIANS, MIN_UNRECORDED_NS) || (is_long && span.len_ns() == median);
        let may_be_new = match self.has_new_requests(pause.after) {
            Some(is_new) => is_new,
            None => span.len_ns() > NO_PHASES_NS,
        };
        if is_unlike && may_be_new && self.recorded_ns(span) * 10 <= span.len_ns() {
            return Some((
                Sure::Suspected,
                "Nothing is recorded for far longer than usual between steps, before a step with new requests.",
            ));
        }
        None
    }

    /// The time of `span` in which the engine's thread is in a frame that waits for others.
    fn waited_ns(&self, span: Span) -> i64 {
        let waits: &FxHashSet<_> = &self.vocabulary.idle_frames;
        let is_wait = |id: SliceId| waits.contains(&self.index.slices.name(id));
        self.covered_ns(span, is_wait)
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
        let rank = v.ranks.by_process.get(&self.thread.0).copied();
        let window = Span::new(
            pause.before.span.start,
            pause.first_empty.unwrap_or(pause.after.span.start),
        );
        let devices = v.devices.iter().filter(|d| d.rank.is_none() || d.rank == rank);
        let tracks = devices.flat_map(|d| &d.tracks);
        let work = tracks.flat_map(|&track| self.index.rows_starting_in(track, window));
        let ends = work.filter(|&id| v.role(id).is_device() && v.role(id) != Role::SyncRecord);
        let until = ends.map(|id| self.index.slices.end(id).as_ns()).max();
        until.map_or(pause.before.span.end, |end| end.max(pause.before.span.end))
    }
}
