//! Why a device is idle at an instant. One rule, for gaps and idle time alike.
//!
//! What the thread does that launches the device's next work, in its process, at that instant:
//!
//! - *Not launched yet*: the innermost slice that is recorded of that thread decides: a compile or capture, a launch
//!   or other call, a wait for the device or for others, an operator, a python frame, a part of a step; else nothing
//!   is recorded.
//!   Of slices that start and end together, the first in the order of causes. A slice around whole steps says
//!   nothing. A compile of the thread and a wait for requests come before; a compile of another thread of its process
//!   counts while nothing else is recorded of it and the device is idle, or it waits for others, for as long as its
//!   step has more of that than other steps; not at all where it launches or begins steps all the while.
//! - *Inside the launch call* the instant is the call's, however long it takes.
//! - *Launched, not started*, once the call has ended or other work of it has begun: on its way for up to
//!   [`LATENCY_NS`], then waiting for something else.
//! - No call is known, or the work of a launch before it is not recorded and may have run in the gap: unlinked.
//!
//! Where calls are recorded on lanes of their own, what the threads that run the model did lies beneath them. Of a
//! device most of whose launches are unknown, the innermost slice of all these threads decides.
//!
//! Work of a helper thread, which only copies, is not asked as long as other work follows. That a wait for the device
//! had emptied the queue is no cause but a second fact about the same time: see [`Rule::drained_at`].
//!
//! The clocks of host and device may disagree: work that starts before its call has no way to go, and no time is
//! counted twice or negative by it.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{SliceId, Span, TrackId, Union, order, stats};
use crate::dialect::{Device, Evidence, LaunchLink, Pass, Phase, Role, Vocabulary, enclosing};
use crate::index::{Index, Key};

use crate::analyze::device::launch_index::{Launch, LaunchIndex};
use crate::analyze::gaps::activity::{Activity, HostThreads, Piece, compile_span};
use crate::analyze::gaps::requests::Waiting;
use crate::analyze::merge::merge_tracks;
use crate::analyze::report::{Cause, Recompile, Sure};

/// From a launch to the start of its work, on an idle device, it takes about 5 to 15 µs.
pub const LATENCY_NS: i64 = 20_000;

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// A thread: its tracks have the same process and id.
pub type Thread = (Key, Key);

/// The thread of a track.
pub fn thread_of(index: &Index, track: TrackId) -> Thread {
    (index.track(track).pid, index.track(track).tid)
}

/// What a host slice is the cause of. Containers (a pass, the warm-up) say where time passes, not why.
pub fn cause_of(role: Role) -> Option<Cause> {
    match role {
        Role::CompileEngine | Role::CompileDynamo | Role::GraphCapture | Role::NewRecipe => {
            Some(Cause::Recompile)
        }
        Role::Wait => Some(Cause::Wait),
        Role::Launch | Role::Submit => Some(Cause::Submit),
        Role::Prepare | Role::Encoder => Some(Cause::InputPrep),
        Role::Sample | Role::Post => Some(Cause::Sampler),
        Role::Collective => Some(Cause::Collective),
        Role::Forward | Role::Logits | Role::HostOp | Role::HostOther | Role::Annotation => {
            Some(Cause::HostOp)
        }
        Role::PythonFrame => Some(Cause::Python),
        _ => None,
    }
}

/// What a slice is the cause of, by its role and, of a python frame, by its name.
pub fn cause_of_slice(index: &Index, vocabulary: &Vocabulary, id: SliceId) -> Option<Cause> {
    let cause = cause_of(vocabulary.role(id))?;
    let waits = &vocabulary.waits;
    let name = || index.slices.name(id);
    let waits = cause == Cause::Python
        && (waits.for_others.contains(&name()) || waits.for_scheduler.contains(&name()));
    Some(if waits { Cause::OtherThread } else { cause })
}

/// Slices around whole steps, which the program or its profiler named: they say nothing of an instant.
#[derive(Clone, Debug, Default)]
pub struct Containers(FxHashSet<SliceId>);

impl Containers {
    pub fn of(index: &Index, vocabulary: &Vocabulary) -> Containers {
        let mut passes: FxHashMap<Key, Vec<Span>> = FxHashMap::default();
        for pass in &vocabulary.passes {
            let process = index.track(index.track_of(pass.slice)).pid;
            passes
                .entry(process)
                .or_default()
                .push(index.slices.span(pass.slice));
        }
        for spans in passes.values_mut() {
            order::sort_by_key(spans, |s| *s);
        }
        let marks: FxHashSet<SliceId> = vocabulary.passes.iter().map(|p| p.slice).collect();
        let mut found = FxHashSet::default();
        for track in index.track_ids() {
            let Some(passes) = passes.get(&index.track(track).pid) else {
                continue;
            };
            for id in index.rows(track) {
                if vocabulary.role(id) != Role::Annotation || marks.contains(&id) {
                    continue;
                }
                let span = index.slices.span(id);
                let first = passes.partition_point(|p| p.start < span.start);
                let inside = passes[first..].iter().take_while(|p| p.start < span.end);
                if inside.take(8).any(|p| p.end <= span.end) {
                    found.insert(id);
                }
            }
        }
        Containers(found)
    }

    pub fn has(&self, id: SliceId) -> bool {
        self.0.contains(&id)
    }
}

/// Whom a compile holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeldUp {
    /// All that is of a rank; `None` is any.
    Rank(Option<usize>),
    Process(Key),
    /// The thread that compiles, and others of its process while they wait.
    Thread(Thread),
}

/// Whom a compile holds up that is known by this slice.
pub fn held_up(index: &Index, vocabulary: &Vocabulary, slice: Option<SliceId>, evidence: Evidence) -> HeldUp {
    let Some(id) = slice.filter(|id| id.index() < index.slices.len()) else {
        return HeldUp::Rank(None);
    };
    let track = index.track_of(id);
    match evidence {
        _ if vocabulary.has_lanes_of_kinds => HeldUp::Rank(vocabulary.ranks.of(index, track)),
        Evidence::Suspected => HeldUp::Process(index.track(track).pid),
        _ => HeldUp::Thread(thread_of(index, track)),
    }
}

/// When graphs were compiled, recorded or suspected.
pub struct Compiles {
    /// With the rank of the compile.
    spans: Vec<(HeldUp, Option<usize>, Span)>,
    /// Of these, those that hold up all of a rank, by the rank of who asks, and others by the process of the compile.
    of_ranks: FxHashMap<Option<usize>, Union>,
    by_process: FxHashMap<Key, Vec<(HeldUp, Span)>>,
    /// Threads that mark steps, or launch where none does, with their ranks.
    working: FxHashMap<Thread, Option<usize>>,
    /// Of a thread beside which others of its process compile: the compiles, and when it waited for each.
    waited: FxHashMap<Thread, Vec<(HeldUp, Span, Vec<Span>)>>,
    /// Of the compiles in order, when its rank waited for it, where that is known of one on a lane of its own.
    on_lanes: Vec<Option<Vec<Span>>>,
}

/// Who waited for a compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Whoever compiles, for all of it.
    Whole,
    /// Others, or a thread that is known, at these times.
    Partly(Option<Thread>, Vec<Span>),
    /// Steps and launches went on.
    Nobody,
}

/// How long a thread, or all lanes of a rank, do nothing that is recorded while the device is idle: only what a step
/// has more of it than other steps can be due to a compile beside it.
#[derive(Default)]
struct Blank {
    /// When that is.
    when: Union,
    /// Starts of its launches and steps, ascending.
    goes_on: Vec<i64>,
    /// From the start of each step to that of the next, in order, and the blank time that is usual for its phase.
    steps: Vec<(Span, Phase)>,
    usual: FxHashMap<Phase, Usual>,
    /// Of pauses between launches, and before or behind the start of a step: of each step the longest.
    usual_pause: FxHashMap<(Phase, PauseKind), Usual>,
}

/// Whether a pause begins with the start of a step, and whether it ends with one.
type PauseKind = (bool, bool);

/// What other steps have.
#[derive(Clone, Copy, Debug)]
struct Usual {
    median_ns: i64,
    /// What nine of ten do not exceed.
    most_ns: i64,
}

/// Other steps of a phase that say what is usual.
const LEAST_OTHERS: usize = 2;

impl Usual {
    fn by<K: Eq + std::hash::Hash>(
        of_others: impl IntoIterator<Item = (K, Vec<i64>)>,
    ) -> FxHashMap<K, Usual> {
        let of = of_others.into_iter().filter(|(_, of)| of.len() >= LEAST_OTHERS);
        let usual = of.filter_map(|(key, mut of)| {
            let median_ns = stats::quantile_of(&mut of, 0.5)?;
            let most_ns = stats::quantile_of(&mut of, 0.9)?;
            Some((key, Usual { median_ns, most_ns }))
        });
        usual.collect()
    }

    /// What `ns` is above the usual; nothing where other steps vary as much.
    fn above(self, ns: i64) -> i64 {
        let varies_ns = (self.median_ns / 10).saturating_add(LATENCY_NS);
        let is_more = ns > self.most_ns && ns > self.median_ns.saturating_add(varies_ns);
        if is_more { ns - self.median_ns } else { 0 }
    }
}

impl Blank {
    /// `compiles` are those beside it: steps into which one falls do not say what is usual.
    fn of(when: Union, goes_on: Vec<i64>, passes: &[&Pass], compiles: &Union) -> Blank {
        let end = when.extent().map_or(i64::MIN, |e| e.end);
        let next = passes.iter().skip(1).map(|pass| pass.span.start);
        let ends = next.chain(passes.last().map(|last| last.span.end.max(end)));
        let of_pass = |(pass, end): (&&Pass, i64)| (Span::new(pass.span.start, end), pass.phase);
        let mut blank = Blank {
            steps: passes.iter().zip(ends).map(of_pass).collect(),
            when,
            goes_on,
            ..Blank::default()
        };
        let mut others: FxHashMap<Phase, Vec<i64>> = FxHashMap::default();
        let mut pauses: FxHashMap<(Phase, PauseKind), Vec<i64>> = FxHashMap::default();
        // The last one ends where the recording does.
        for &(span, phase) in blank.steps.iter().rev().skip(1) {
            if compiles.covered_ns(span) > 0 {
                continue;
            }
            others.entry(phase).or_default().push(blank.when.covered_ns(span));
            let mut longest: FxHashMap<PauseKind, i64> = FxHashMap::default();
            let from = blank.goes_on.partition_point(|&at| at < span.start);
            for pair in blank.goes_on[from..]
                .windows(2)
                .take_while(|pair| pair[0] < span.end)
            {
                let pause = Span::new(pair[0], pair[1]);
                let of_kind = longest.entry(blank.kind(pause)).or_default();
                *of_kind = blank.when.covered_ns(pause).max(*of_kind);
            }
            for (kind, ns) in longest {
                pauses.entry((phase, kind)).or_default().push(ns);
            }
        }
        blank.usual = Usual::by(others);
        blank.usual_pause = Usual::by(pauses);
        blank
    }

    fn kind(&self, pause: Span) -> PauseKind {
        let is_step = |at: i64| {
            self.steps
                .binary_search_by_key(&at, |(span, _)| span.start)
                .is_ok()
        };
        (is_step(pause.start), is_step(pause.end))
    }

    /// When its thread waited for a compile of another: in the pause that holds the compile's middle and half of its
    /// time, or in the one that ends with it; no more of it than what that pause, or its step, has above the usual.
    fn waited(&self, compile: Span) -> Vec<Span> {
        let last = compile.end.saturating_sub(1).max(compile.start);
        let middle = pause_at(&self.goes_on, compile.start + compile.len_ns() / 2);
        let end = pause_at(&self.goes_on, last);
        let steps = self.steps_of(compile);
        let knows_usual = steps.iter().all(|(_, phase)| self.usual.contains_key(phase));
        let usual_of = |pause: Span| {
            let within = pause.intersect(compile);
            let mut steps = self.steps_of(within).iter().rev();
            let (_, phase) = steps.find(|(span, _)| span.start <= within.start)?;
            self.usual_pause.get(&(*phase, self.kind(pause)))
        };
        // A thread that waited goes on when the compile is done: a pause that lasts on as long again has another cause.
        let ends_with_it = |pause: Span| {
            let within_ns = self.when.covered_ns(pause.intersect(compile));
            let until = pause
                .end
                .min(compile.end.saturating_add(compile.len_ns().saturating_mul(2)));
            let behind_ns = self.when.covered_ns(Span::new(compile.end, until));
            let usual_ns = usual_of(pause).map_or(0, |usual| usual.median_ns);
            behind_ns <= within_ns.saturating_add(usual_ns)
        };
        let mut pauses = Vec::new();
        if may_wait(middle.intersect(compile), compile) && (!knows_usual || ends_with_it(middle)) {
            pauses.push(middle);
        }
        if !steps.is_empty() && knows_usual && middle != end && ends_with_it(end) {
            pauses.push(end);
        }
        let mut kept = Vec::new();
        for &pause in &pauses {
            let within = pause.intersect(compile);
            let parts = self.when.overlapping(within).map(|p| p.intersect(within));
            let parts: Vec<Span> = parts.collect();
            let above_ns = usual_of(pause).map_or(0, |usual| usual.above(self.when.covered_ns(pause)));
            keep_last(&parts, above_ns, &mut kept);
            self.keep_above_usual(&parts, &mut kept);
        }
        let waits = Union::of(kept.into_iter().filter(|wait| !wait.is_empty()));
        match knows_usual || waits.total_ns().saturating_mul(2) >= compile.len_ns() {
            true => waits.spans().to_vec(),
            false => Vec::new(),
        }
    }

    fn steps_of(&self, span: Span) -> &[(Span, Phase)] {
        let from = self.steps.partition_point(|(step, _)| step.end <= span.start);
        let to = self.steps.partition_point(|(step, _)| step.start < span.end);
        self.steps.get(from..to).unwrap_or_default()
    }

    /// Of these waits, what their steps have more than usual, the last of each.
    fn keep_above_usual(&self, waits: &[Span], kept: &mut Vec<Span>) {
        let Some(extent) = waits.first().zip(waits.last()) else {
            return;
        };
        let extent = Span::new(extent.0.start, extent.1.end);
        let in_span = |span: Span| -> Vec<Span> {
            let parts = waits.iter().map(|wait| wait.intersect(span));
            parts.filter(|wait| !wait.is_empty()).collect()
        };
        for &(step, phase) in self.steps_of(extent) {
            let usual = self.usual.get(&phase);
            let above_ns = usual.map_or(i64::MAX, |usual| usual.above(self.when.covered_ns(step)));
            keep_last(&in_span(step), above_ns, kept);
        }
        // In no step: before the first.
        let first = self.steps.first().map_or(i64::MAX, |(step, _)| step.start);
        kept.extend(in_span(Span::new(extent.start.min(first), first)));
    }
}

/// Keeps the last `ns` of these.
fn keep_last(waits: &[Span], ns: i64, kept: &mut Vec<Span>) {
    let mut left_ns = ns;
    for wait in waits.iter().rev() {
        let ns = wait.len_ns().min(left_ns);
        left_ns -= ns;
        kept.push(Span::new(wait.end - ns, wait.end));
    }
}

/// The pause of a thread at an instant: from what it began last to what it begins next.
fn pause_at(goes_on: &[i64], at: i64) -> Span {
    let next = goes_on.partition_point(|&begun| begun <= at);
    let last = next.checked_sub(1).map_or(i64::MIN, |last| goes_on[last]);
    Span::new(last, goes_on.get(next).copied().unwrap_or(i64::MAX))
}

/// Whether a thread may have waited in its pause: one that lasts half of the compile, and so holds its middle. A thread
/// that goes on all the while waits for nothing.
fn may_wait(pause: Span, compile: Span) -> bool {
    pause.len_ns().saturating_mul(2) >= compile.len_ns()
}

/// Starts of launches and steps on these tracks, ascending.
fn goes_on(index: &Index, vocabulary: &Vocabulary, tracks: impl Iterator<Item = TrackId>) -> Vec<i64> {
    let is_begun = |&id: &SliceId| matches!(vocabulary.role(id), Role::Launch | Role::Pass);
    let begun = tracks.flat_map(|track| index.rows(track).filter(is_begun));
    let mut starts: Vec<i64> = begun.map(|id| index.slices.start(id).as_ns()).collect();
    starts.sort_unstable();
    starts
}

/// When devices of a rank are busy.
fn busy_of(index: &Index, vocabulary: &Vocabulary, rank: Option<usize>) -> Union {
    let devices = vocabulary.devices.iter().filter(|d| fits(d.rank, rank));
    let rows = devices
        .flat_map(|d| &d.tracks)
        .flat_map(|&track| index.rows(track));
    let work = rows.filter(|&id| vocabulary.role(id).is_device());
    Union::of(work.map(|id| vocabulary.span(index, id)))
}

/// All of `within` but these.
fn all_but(within: Option<Span>, did: &Union, busy: &Union) -> Union {
    Union::of(within).without(did).without(busy)
}

/// What shows that a rank goes on whose calls lie on lanes of their own: the thread of a compile is not known.
struct Lanes {
    /// By track.
    goes_on: Vec<(TrackId, Vec<i64>)>,
    busy: Union,
    blank: Blank,
}

impl Lanes {
    fn of(index: &Index, vocabulary: &Vocabulary, rank: Option<usize>, compiles: &Union) -> Lanes {
        let tracks = index.track_ids();
        let tracks = tracks.filter(|&track| fits(rank, vocabulary.ranks.of(index, track)));
        let of = |track| (track, goes_on(index, vocabulary, std::iter::once(track)));
        let goes_on: Vec<_> = tracks.map(of).filter(|(_, starts)| !starts.is_empty()).collect();
        let busy = busy_of(index, vocabulary, rank);
        let is_of_rank = |pass: &&Pass| fits(rank, vocabulary.ranks.of(index, index.track_of(pass.slice)));
        let passes: Vec<&Pass> = vocabulary.passes.iter().filter(is_of_rank).collect();
        let within = extent_of(&goes_on, &passes, &busy, compiles);
        let mut starts: Vec<i64> = goes_on.iter().flat_map(|(_, starts)| starts).copied().collect();
        starts.sort_unstable();
        let when = all_but(within, &Union::default(), &busy);
        let blank = Blank::of(when, starts, &passes, compiles);
        Lanes { goes_on, busy, blank }
    }

    /// The parts of a compile that hold the rank up; `None` where the rank goes on beside it, or, on a track that
    /// launches nothing and begins no steps, the device is never idle, or is no more than it usually is.
    fn held_up(&self, track: TrackId, compile: Span) -> Option<Vec<Span>> {
        let launches_nothing = !self.goes_on.iter().any(|&(of, _)| of == track);
        if launches_nothing && !compile.is_empty() {
            if self.busy.covered_ns(compile) == compile.len_ns() {
                return None;
            }
            let waited = self.blank.waited(compile);
            // Where nothing begins meanwhile, the thread that launches may be the one that compiles.
            let pause = pause_at(&self.blank.goes_on, compile.start);
            if !waited.is_empty() && pause.end >= compile.end {
                return Some(vec![compile]);
            }
            return (!waited.is_empty()).then_some(waited);
        }
        let others = self.goes_on.iter().filter(|&&(of, _)| of != track);
        let middle = compile.start + compile.len_ns() / 2;
        let pause = others
            .map(|(_, starts)| pause_at(starts, middle))
            .fold(compile, Span::intersect);
        may_wait(pause, compile).then(|| vec![pause])
    }
}

/// From the first to the last of what is recorded.
fn extent_of(
    goes_on: &[(TrackId, Vec<i64>)],
    passes: &[&Pass],
    busy: &Union,
    compiles: &Union,
) -> Option<Span> {
    let begun = goes_on
        .iter()
        .flat_map(|(_, starts)| starts.first().zip(starts.last()));
    let begun = begun.map(|(&first, &last)| Span::new(first, last));
    let passes = passes.iter().map(|pass| pass.span);
    let others = [busy, compiles].into_iter().filter_map(Union::extent);
    Union::of(begun.chain(passes).chain(others)).extent()
}

impl Compiles {
    pub fn of(index: &Index, vocabulary: &Vocabulary, recompiles: &[Recompile]) -> Compiles {
        let held = |r: &Recompile| held_up(index, vocabulary, r.slice.map(SliceId), r.evidence);
        // An inexact start says nothing of what else began meanwhile.
        let is_on_lanes =
            |r: &&Recompile| vocabulary.has_lanes_of_kinds && r.start_is_exact && r.slice.is_some();
        let on_lanes = || recompiles.iter().filter(is_on_lanes);
        let spans_on_lanes = Union::of(on_lanes().map(compile_span));
        let mut lanes: FxHashMap<Option<usize>, Lanes> = FxHashMap::default();
        for r in on_lanes() {
            if let HeldUp::Rank(rank) = held(r) {
                let of = || Lanes::of(index, vocabulary, rank, &spans_on_lanes);
                lanes.entry(rank).or_insert_with(of);
            }
        }
        let parts = |r: &Recompile| -> Option<Vec<Span>> {
            match (held(r), r.slice.filter(|_| is_on_lanes(&r))) {
                (HeldUp::Rank(rank), Some(slice)) => {
                    let lanes = lanes.get(&rank);
                    let waited =
                        lanes.and_then(|l| l.held_up(index.track_of(SliceId(slice)), compile_span(r)));
                    Some(waited.unwrap_or_default())
                }
                _ => None,
            }
        };
        let on_lanes: Vec<Option<Vec<Span>>> = recompiles.iter().map(parts).collect();
        let spans = recompiles.iter().zip(&on_lanes);
        let spans = spans.flat_map(|(r, parts)| {
            let held = held(r);
            let parts = parts.clone().unwrap_or_else(|| vec![compile_span(r)]);
            parts.into_iter().map(move |part| (held, part))
        });
        Compiles {
            on_lanes: on_lanes.clone(),
            ..Compiles::of_spans(index, vocabulary, spans.collect())
        }
    }

    /// Who waited for the compile at this place of the list.
    pub fn waited(&self, place: usize, held: HeldUp, span: Span) -> Waited {
        if let Some(Some(parts)) = self.on_lanes.get(place) {
            return match parts.as_slice() {
                [] => Waited::Nobody,
                [whole] if *whole == span => Waited::Whole,
                _ => Waited::Partly(None, parts.clone()),
            };
        }
        let HeldUp::Thread(own) = held else {
            return Waited::Whole;
        };
        let of_process = || self.working.keys().filter(|thread| thread.0 == own.0);
        if of_process().next().is_none() || of_process().any(|&thread| thread == own) {
            return Waited::Whole;
        }
        let of = |thread: &Thread| {
            let waits = self.waited.get(thread)?;
            let (.., parts) = waits.iter().find(|(by, of, _)| (*by, *of) == (held, span))?;
            Some((stats::sum(parts.iter().map(|p| p.len_ns())), *thread, parts))
        };
        let longest = of_process()
            .filter_map(of)
            .max_by_key(|&(ns, thread, _)| (ns, std::cmp::Reverse(thread)));
        match longest {
            Some((ns, thread, parts)) if ns > 0 => Waited::Partly(Some(thread), parts.clone()),
            _ => Waited::Nobody,
        }
    }

    fn of_spans(index: &Index, vocabulary: &Vocabulary, spans: Vec<(HeldUp, Span)>) -> Compiles {
        let ranks = &vocabulary.ranks.by_process;
        let rank_of = |held: HeldUp| match held {
            HeldUp::Rank(rank) => rank,
            HeldUp::Process(process) | HeldUp::Thread((process, _)) => ranks.get(&process).copied(),
        };
        let spans = spans.into_iter().map(|(held, span)| (held, rank_of(held), span));
        let mut compiles = Compiles {
            spans: spans.collect(),
            of_ranks: FxHashMap::default(),
            by_process: FxHashMap::default(),
            working: FxHashMap::default(),
            waited: FxHashMap::default(),
            on_lanes: Vec::new(),
        };
        let mut of_ranks = Vec::new();
        for &(held, _, span) in &compiles.spans {
            match held {
                HeldUp::Rank(rank) => of_ranks.push((rank, span)),
                HeldUp::Process(process) | HeldUp::Thread((process, _)) => {
                    compiles.by_process.entry(process).or_default().push((held, span));
                }
            }
        }
        let asking: FxHashSet<Option<usize>> = ranks.values().map(|&rank| Some(rank)).chain([None]).collect();
        for rank in asking {
            let of_rank = of_ranks.iter().filter(|&&(of, _)| fits(rank, of));
            compiles
                .of_ranks
                .insert(rank, Union::of(of_rank.map(|&(_, span)| span)));
        }
        let compiling: FxHashSet<Thread> = compiles.compiling().collect();
        if compiling.is_empty() {
            return compiles;
        }
        let tracks: FxHashSet<TrackId> = vocabulary
            .passes
            .iter()
            .map(|p| index.track_of(p.slice))
            .collect();
        let launches = |id| matches!(vocabulary.role(id), Role::Launch | Role::Wait | Role::Submit);
        let launching = index.track_ids().filter(|&t| index.rows(t).any(launches));
        let launching: FxHashSet<TrackId> = launching.collect();
        let working = if tracks.is_empty() { &launching } else { &tracks };
        let with_rank = |&track: &TrackId| (thread_of(index, track), vocabulary.ranks.of(index, track));
        compiles.working = working.iter().map(with_rank).collect();
        let processes: FxHashSet<Key> = compiling.iter().map(|thread| thread.0).collect();
        let mut own: FxHashMap<Thread, Vec<TrackId>> = FxHashMap::default();
        for &track in tracks.union(&launching) {
            own.insert(thread_of(index, track), Vec::new());
        }
        own.retain(|thread, _| processes.contains(&thread.0));
        for track in index.track_ids() {
            if let Some(tracks) = own.get_mut(&thread_of(index, track)) {
                tracks.push(track);
            }
        }
        let containers = Containers::of(index, vocabulary);
        let spans = compiles.spans.iter();
        let of_threads = spans.filter(|(held, ..)| matches!(held, HeldUp::Thread(_)));
        let of_threads = Union::of(of_threads.map(|&(.., span)| span));
        let mut busy: FxHashMap<Option<usize>, Union> = FxHashMap::default();
        let mut passes: FxHashMap<Thread, Vec<&Pass>> = FxHashMap::default();
        for pass in &vocabulary.passes {
            let thread = thread_of(index, index.track_of(pass.slice));
            passes.entry(thread).or_default().push(pass);
        }
        let waited = own.into_iter().map(|(thread, tracks)| {
            let (innermost, _) = innermost(index, vocabulary, &containers, &tracks);
            let (mut did, mut waits) = (Vec::new(), Union::default());
            for (cause, union) in Cause::ALL.into_iter().zip(innermost) {
                match cause {
                    Cause::OtherThread => waits = union,
                    _ => did.extend_from_slice(union.spans()),
                }
            }
            let rank = tracks.first().and_then(|&t| vocabulary.ranks.of(index, t));
            let busy = busy.entry(rank);
            let busy = &*busy.or_insert_with(|| busy_of(index, vocabulary, rank));
            let passes = passes.get(&thread).map_or(&[][..], Vec::as_slice);
            let goes_on = goes_on(index, vocabulary, tracks.iter().copied());
            let begun = [(tracks[0], goes_on)];
            let idle = all_but(
                extent_of(&begun, passes, busy, &of_threads),
                &Union::of(did),
                busy,
            );
            let when = Union::of(
                [&idle, &waits]
                    .into_iter()
                    .flat_map(|u| u.spans().iter().copied()),
            );
            let [(_, goes_on)] = begun;
            let blank = Blank::of(when, goes_on, passes, &of_threads);
            let of_process = compiles.by_process.get(&thread.0).map_or(&[][..], Vec::as_slice);
            let others = of_process.iter().filter(|(held, _)| is_beside(*held, thread));
            let waited = others.map(|&(held, span)| (held, span, blank.waited(span)));
            (thread, waited.collect())
        });
        compiles.waited = waited.collect();
        compiles
    }

    /// Threads that compile.
    fn compiling(&self) -> impl Iterator<Item = Thread> {
        self.spans.iter().filter_map(|&(held, ..)| match held {
            HeldUp::Thread(thread) => Some(thread),
            _ => None,
        })
    }

    /// Those that a thread of a rank makes or waits for.
    pub fn of_thread(&self, thread: Thread, rank: Option<usize>) -> ThreadCompiles<'_> {
        ThreadCompiles {
            of_rank: self.of_ranks.get(&rank),
            ..self.of_thread_alone(thread)
        }
    }

    /// The same without those that hold up all of its rank.
    fn of_thread_alone(&self, thread: Thread) -> ThreadCompiles<'_> {
        let of_process = self.by_process.get(&thread.0).map_or(&[][..], Vec::as_slice);
        let of = |beside: bool| {
            let of = of_process
                .iter()
                .filter(move |(held, _)| is_beside(*held, thread) == beside);
            Union::of(of.map(|&(_, span)| span))
        };
        let waited = match self.waited.get(&thread) {
            None => of(true),
            Some(waited) => Union::of(waited.iter().flat_map(|(.., parts)| parts.iter().copied())),
        };
        ThreadCompiles {
            of_rank: None,
            own: of(false),
            waited,
        }
    }

    /// Whether a thread does the work of steps; any where none is known to.
    pub fn is_working(&self, thread: Thread) -> bool {
        self.working.is_empty() || self.working.contains_key(&thread)
    }

    /// Those that hold up a process of this rank.
    pub fn of_process(&self, process: Key, rank: Option<usize>) -> Union {
        let of_threads = self.working.keys().filter(|thread| thread.0 == process);
        let held = of_threads.map(|&thread| self.of_thread_alone(thread).all());
        let held: Vec<Span> = held.flat_map(|union| union.spans().to_vec()).collect();
        let others = self.spans.iter().filter(|&&(of, ..)| match of {
            HeldUp::Rank(of) => fits(rank, of),
            HeldUp::Process(of) => of == process,
            HeldUp::Thread(of) => self.working.is_empty() && of.0 == process,
        });
        Union::of(others.map(|&(.., span)| span).chain(held))
    }

    /// Those that hold up this rank.
    pub fn of_rank(&self, rank: Option<usize>) -> Union {
        let of_threads = self.working.iter().filter(|&(_, &of)| fits(rank, of));
        let held = of_threads.map(|(&thread, _)| self.of_thread_alone(thread).all());
        let held: Vec<Span> = held.flat_map(|union| union.spans().to_vec()).collect();
        let others = self.spans.iter().filter(|&&(held, of, _)| {
            let is_asked = self.working.is_empty() || !matches!(held, HeldUp::Thread(_));
            is_asked && fits(rank, of)
        });
        Union::of(others.map(|&(.., span)| span).chain(held))
    }
}

/// Whether a compile is on another thread than this.
fn is_beside(held: HeldUp, thread: Thread) -> bool {
    matches!(held, HeldUp::Thread(of) if of != thread)
}

/// Compiles by what they are to a thread.
pub struct ThreadCompiles<'a> {
    of_rank: Option<&'a Union>,
    own: Union,
    /// When it waited for those on other threads of its process.
    waited: Union,
}

impl ThreadCompiles<'_> {
    /// When they hold the thread up.
    pub fn all(&self) -> Union {
        let all = [&self.own, &self.waited].into_iter().chain(self.of_rank);
        Union::of(all.flat_map(|u| u.spans().iter().copied()))
    }

    /// Whether they hold up what the thread does in `span`.
    pub fn hold_up(&self, span: Span) -> bool {
        let mut all = [&self.own, &self.waited].into_iter().chain(self.of_rank);
        all.any(|union| union.covered_ns(span) > 0)
    }
}

/// Whether two ranks may be the same.
pub fn fits(one: Option<usize>, other: Option<usize>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// Whether each launch names its work: what it hands over was compiled before.
pub fn hands_over_compiled(vocabulary: &Vocabulary) -> bool {
    !matches!(
        vocabulary.launch_link,
        LaunchLink::Recurring(_) | LaunchLink::None
    )
}

/// A stretch in which no work of a device runs, with what ends it.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    pub span: Span,
    pub next: SliceId,
    /// The launch of `next`.
    pub launch: Option<Launch>,
    /// The launch whose thread is asked: that of the first work from here on which no helper thread launched.
    pub asked: Option<Launch>,
    /// From here on work may have run that is not recorded: of a launch between that of the work before and that of
    /// the next.
    pub lost_from: Option<i64>,
}

impl Gap {
    /// Whether the work starts before its launch.
    pub fn is_skewed(&self, index: &Index) -> bool {
        let call = self.launch.map(|l| index.slices.start(l.call).as_ns());
        call.is_some_and(|start| start > self.span.end)
    }
}

/// What a thread that launches did.
#[derive(Default)]
struct Timeline {
    tracks: Vec<TrackId>,
    did: Activity,
    /// Its waits for the device, in order of start.
    waits: Vec<(Span, SliceId)>,
}

/// What the causes of idle instants are told by.
pub struct Rule<'a> {
    index: &'a Index,
    threads: FxHashMap<Thread, Timeline>,
}

impl<'a> Rule<'a> {
    pub fn of(
        index: &'a Index,
        vocabulary: &Vocabulary,
        host: &HostThreads,
        compiles: &Compiles,
        waiting: &[Waiting],
    ) -> Rule<'a> {
        let containers = host.containers();
        // Where calls are recorded on lanes of their own, what lies beneath them is on the threads that run the model.
        let has_own_lanes = !matches!(
            vocabulary.launch_link,
            LaunchLink::Correlation(_) | LaunchLink::Renumbered(_)
        );
        let beneath = has_own_lanes.then(|| {
            let main = index.track_ids().filter(|&track| host.is_main(track));
            innermost(index, vocabulary, containers, &main.collect::<Vec<_>>())
        });

        let launches = |role| matches!(role, Role::Launch | Role::Wait | Role::Submit);
        let launching: FxHashSet<Thread> = index
            .track_ids()
            .filter(|&track| index.rows(track).any(|id| launches(vocabulary.role(id))))
            .map(|track| thread_of(index, track))
            .collect();
        let mut tracks: FxHashMap<Thread, Vec<TrackId>> = FxHashMap::default();
        for track in index.track_ids() {
            let thread = thread_of(index, track);
            if launching.contains(&thread) {
                tracks.entry(thread).or_default().push(track);
            }
        }
        let threads = tracks.into_iter().map(|(thread, tracks)| {
            let rank = tracks.first().and_then(|&t| vocabulary.ranks.of(index, t));
            let (innermost, mut waits) = innermost(index, vocabulary, containers, &tracks);
            let waiting_of = |is_sure: bool| {
                let of = waiting.iter().filter(|w| has_own_lanes || w.engine.has(thread));
                let of = of.filter(|w| (w.sure != Sure::Suspected) == is_sure);
                (Cause::NoLoad, Union::of(of.map(|w| w.span)))
            };
            let mut layers = vec![
                (Cause::Recompile, compiles.of_thread(thread, rank).all()),
                waiting_of(true),
            ];
            layers.extend(Cause::ALL.into_iter().zip(innermost));
            if let Some((beneath, others)) = &beneath {
                layers.extend(Cause::ALL.into_iter().zip(beneath.iter().cloned()));
                waits.extend(others);
                order::sort(&mut waits);
                waits.dedup();
            }
            layers.push(waiting_of(false));
            let did = Activity::of(layers);
            (thread, Timeline { tracks, did, waits })
        });
        Rule {
            index,
            threads: threads.collect(),
        }
    }

    /// Calls `see` with every stretch of the gap and its cause, in order of time. The stretches make up the gap.
    pub fn each(&self, gap: &Gap, mut see: impl FnMut(Span, Cause)) {
        let mut see = |span: Span, cause: Cause| {
            if !span.is_empty() {
                see(span, cause);
            }
        };
        let Some(launch) = gap.asked else {
            see(gap.span, Cause::Unlinked);
            return;
        };
        let known_until = gap.lost_from.unwrap_or(gap.span.end);
        let mut see = |span: Span, cause: Cause| {
            see(
                Span::new(span.start.min(known_until), span.end.min(known_until)),
                cause,
            );
            see(
                Span::new(span.start.max(known_until), span.end.max(known_until)),
                Cause::Unlinked,
            );
        };
        let whole = gap.span;
        let call = self.index.slices.span(launch.call);
        let first = launch.first.map(|id| self.index.slices.start(id).as_ns());
        let has_begun = first.is_some_and(|at| at < whole.end);
        // Until `called` nothing is launched, until `launched` the call lasts.
        let (called, launched) = if has_begun {
            (whole.start, whole.start)
        } else {
            let called = call.start.clamp(whole.start, whole.end);
            (called, call.end.clamp(called, whole.end))
        };
        let empty = Timeline::default();
        let thread = self.index.track_of(launch.call);
        let timeline = self.threads.get(&thread_of(self.index, thread)).unwrap_or(&empty);
        each_piece(&timeline.did, Span::new(whole.start, called), &mut see);
        each_piece(&timeline.did, Span::new(called, launched), &mut |span, cause| {
            let is_compile = cause == Cause::Recompile;
            see(span, if is_compile { cause } else { Cause::Submit });
        });
        let was_launched = has_begun || call.end <= whole.start;
        let arrived = match was_launched && whole.len_ns() <= LATENCY_NS {
            true => whole.end,
            false => call.end.saturating_add(LATENCY_NS).clamp(launched, whole.end),
        };
        see(Span::new(launched, arrived), Cause::Device);
        see(Span::new(arrived, whole.end), Cause::Dependency);
    }

    /// The wait of the launching thread that was open when the device ran empty: it had drained the queue.
    pub fn drained_at(&self, gap: &Gap) -> Option<SliceId> {
        let thread = thread_of(self.index, self.index.track_of(gap.asked?.call));
        let waits = &self.threads.get(&thread)?.waits;
        let at = gap.span.start;
        let before = waits.partition_point(|(span, _)| span.start <= at);
        // Waits of a thread follow each other; a few may lie within another.
        let mut latest = waits[..before].iter().rev().take(8);
        let drained = latest.find(|(span, _)| span.end.saturating_add(CLOCK_SLACK_NS) > at);
        drained.map(|&(_, id)| id)
    }

    /// The innermost call of the launching thread that takes most of the gap and has most of its own time there, and
    /// how much of the gap it takes. A loop around all work is none, nor is what only names a part of a step.
    pub fn call_in_most_of(&self, vocabulary: &Vocabulary, gap: &Gap) -> Option<(SliceId, i64)> {
        let index = self.index;
        let thread = thread_of(index, index.track_of(gap.asked?.call));
        let is_call = |id: SliceId| match vocabulary.role(id) {
            Role::Prepare
            | Role::Encoder
            | Role::Forward
            | Role::Logits
            | Role::Sample
            | Role::Post
            | Role::Annotation => false,
            role => cause_of(role).is_some(),
        };
        let taken = |id: SliceId| index.slices.span(id).intersect(gap.span).len_ns();
        let takes_most = |id: SliceId| {
            let most = taken(id).saturating_mul(2);
            most > gap.span.len_ns() && most > index.slices.span(id).len_ns()
        };
        // What takes more than half of the gap is open in its middle.
        let middle = gap.span.start + gap.span.len_ns() / 2;
        let tracks = self.threads.get(&thread)?.tracks.iter();
        let calls = tracks.filter_map(|&track| {
            let last = enclosing::last_started(index, track, middle)?;
            enclosing::chain(index, last).find(|&id| is_call(id) && takes_most(id))
        });
        calls
            .min_by_key(|&id| (index.slices.span(id).len_ns(), id))
            .map(|id| (id, taken(id)))
    }

    /// The causes of all idle instants of a device, `None` where less than half of its work has its launch in the
    /// trace, so that little is known of who launches it; where none has, and work of other devices has, all causes are
    /// unknown. How much of its work has none; and when work may have run
    /// that is not recorded.
    pub fn of_device(
        &self,
        vocabulary: &Vocabulary,
        launched: &LaunchIndex<'_>,
        device: &Device,
    ) -> OfDevice {
        let (mut n_work, mut n_linked) = (0u64, 0u64);
        let mut pieces: Vec<Piece> = Vec::new();
        let mut lost: Vec<Span> = Vec::new();
        each_gap(self.index, vocabulary, launched, device, |seen| match seen {
            Seen::Work(launch) => {
                n_work += 1;
                n_linked += u64::from(launch.is_some());
            }
            Seen::Gap(gap) => {
                lost.extend(gap.lost_from.map(|from| Span::new(from, gap.span.end)));
                self.each(&gap, |span, cause| match pieces.last_mut() {
                    Some(last) if last.cause == cause && last.span.end == span.start => {
                        last.span.end = span.end;
                    }
                    _ => pieces.push(Piece { span, cause }),
                });
            }
        });
        // Where work of other devices has its launch, the host of this one is not recorded.
        let is_of_others = n_linked == 0 && launched.links_any();
        let idle = (is_of_others || n_linked > 0 && n_linked * 2 >= n_work).then(|| {
            pieces.shrink_to_fit();
            Activity::of_pieces(pieces)
        });
        OfDevice {
            unlinked: Some(Unlinked {
                n: n_work - n_linked,
                of: n_work,
            }),
            lost: Union::of(lost),
            idle,
        }
    }
}

/// What is known of a device's idle time where the trace links work to launches.
#[derive(Clone, Debug, Default)]
pub struct OfDevice {
    pub idle: Option<Activity>,
    pub unlinked: Option<Unlinked>,
    /// When it seems idle and may run work that is not recorded.
    pub lost: Union,
}

/// How much of a device's work has no launch in the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlinked {
    pub n: u64,
    pub of: u64,
}

/// What [`each_gap`] meets.
pub enum Seen {
    Work(Option<Launch>),
    Gap(Gap),
}

/// Calls `see` with all work of a device, and with each stretch between in which none of it runs, these in order of
/// time. Gives the time from the first to the last.
pub fn each_gap(
    index: &Index,
    vocabulary: &Vocabulary,
    launched: &LaunchIndex<'_>,
    device: &Device,
    mut see: impl FnMut(Seen),
) -> Option<Span> {
    let (helpers, threads) = launching(index, vocabulary, launched, device);
    let lost = lost_of(launched, &threads);
    // The first launch without recorded work between that of the work before a gap and that of the next.
    let lost_between = |after: i64, gap: &Gap| -> Option<i64> {
        let next = gap.asked.or(gap.launch)?;
        let start = |launch: Launch| index.slices.start(launch.call).as_ns();
        let until = gap.launch.map_or(i64::MIN, start).max(start(next));
        let first = lost[lost.partition_point(|&at| at <= after)..].first();
        let first = first.filter(|&&at| at < until)?;
        Some((*first).max(gap.span.start)).filter(|&from| from < gap.span.end)
    };
    // The latest start of a launch whose work has begun.
    let mut latest = i64::MIN;
    let is_own = |launch: &Launch| !helpers.contains(&thread_of(index, index.track_of(launch.call)));
    let mut extent: Option<Span> = None;
    // Gaps whose end is not over, or that only a helper's work has followed so far.
    let mut pending: VecDeque<(i64, Gap)> = VecDeque::new();
    launched.work_in_order(vocabulary, &device.tracks, |id, _, launch| {
        let span = vocabulary.span(index, id);
        if span.is_empty() {
            return;
        }
        see(Seen::Work(launch));
        let asked = launch.filter(is_own);
        // Of work that starts together, the first whose launch is known speaks.
        if let Some((_, gap)) = pending.back_mut().filter(|(_, gap)| gap.span.end == span.start)
            && gap.asked.is_none()
            && (asked.is_some() || gap.launch.is_none() && launch.is_some())
        {
            (gap.launch, gap.next) = (launch, id);
        }
        if asked.is_some() {
            let of_helpers = pending.iter_mut().map(|(_, gap)| gap);
            let of_helpers = of_helpers.filter(|gap| gap.launch.is_some());
            for gap in of_helpers.filter(|gap| gap.asked.is_none()) {
                gap.asked = asked;
            }
        }
        let is_over = |gap: &Gap| gap.span.end < span.start && (gap.asked.is_some() || gap.launch.is_none());
        while pending.front().is_some_and(|(_, gap)| is_over(gap)) {
            if let Some((after, gap)) = pending.pop_front() {
                let lost_from = lost_between(after, &gap);
                see(Seen::Gap(Gap { lost_from, ..gap }));
            }
        }
        let known = extent.get_or_insert(span);
        if span.start > known.end {
            let gap = Gap {
                span: Span::new(known.end, span.start),
                next: id,
                launch,
                asked,
                lost_from: None,
            };
            pending.push_back((latest, gap));
        }
        known.end = known.end.max(span.end);
        latest = asked.map_or(latest, |of| latest.max(index.slices.start(of.call).as_ns()));
    });
    for (after, gap) in pending {
        let lost_from = lost_between(after, &gap);
        let asked = gap.asked.or(gap.launch);
        see(Seen::Gap(Gap {
            asked,
            lost_from,
            ..gap
        }));
    }
    extent
}

/// Starts of launches without recorded work that may be of a device to which these threads launch, ascending: those of
/// the threads, and of threads of their processes none of whose work is recorded.
fn lost_of(launched: &LaunchIndex<'_>, threads: &FxHashSet<Thread>) -> Vec<i64> {
    let processes: FxHashSet<Key> = threads.iter().map(|&(process, _)| process).collect();
    let is_its = |thread: &Thread, has_work: bool| match has_work {
        true => threads.contains(thread),
        false => processes.contains(&thread.0),
    };
    let of = launched.lost().iter();
    let of = of.filter(|(thread, lost)| is_its(thread, lost.has_work));
    let mut starts: Vec<i64> = of.flat_map(|(_, lost)| lost.starts.iter().copied()).collect();
    starts.sort_unstable();
    starts
}

/// Threads that only copy for a device to which others give work, and all that launch its work.
fn launching(
    index: &Index,
    vocabulary: &Vocabulary,
    launched: &LaunchIndex<'_>,
    device: &Device,
) -> (FxHashSet<Thread>, FxHashSet<Thread>) {
    let (mut copying, mut working) = (FxHashSet::default(), FxHashSet::default());
    let mut last: Option<(TrackId, bool)> = None;
    launched.work_in_order(vocabulary, &device.tracks, |_, role, launch| {
        let Some(launch) = launch else { return };
        let of = (index.track_of(launch.call), is_copy(role));
        if last.replace(of) != Some(of) {
            let threads = if of.1 { &mut copying } else { &mut working };
            threads.insert(thread_of(index, of.0));
        }
    });
    let all: FxHashSet<Thread> = working.union(&copying).copied().collect();
    if working.is_empty() {
        return (working, all);
    }
    copying.retain(|thread| !working.contains(thread));
    (copying, all)
}

fn is_copy(role: Role) -> bool {
    matches!(role, Role::DeviceCopy | Role::DeviceDma | Role::DeviceSet)
}

/// Calls `see` with the parts of `window` and their causes; where nothing is recorded, that.
fn each_piece(did: &Activity, window: Span, see: &mut impl FnMut(Span, Cause)) {
    let mut at = window.start;
    for piece in did.overlapping(window) {
        let span = piece.span.intersect(window);
        see(Span::new(at, span.start), Cause::Unaccounted);
        see(span, piece.cause);
        at = span.end;
    }
    see(Span::new(at, window.end), Cause::Unaccounted);
}

/// What the host of a device did whose launches are unknown: by the innermost slice of the threads that run the model
/// or launch.
pub fn of_threads(
    index: &Index,
    vocabulary: &Vocabulary,
    host: &HostThreads,
    compiles: &Compiles,
    waiting: &[Waiting],
) -> Activity {
    let calls = |id| matches!(vocabulary.role(id), Role::Launch | Role::Submit);
    let is_asked =
        |&track: &TrackId| host.is_main(track) || !host.is_device(track) && index.rows(track).any(calls);
    let tracks: Vec<TrackId> = index.track_ids().filter(is_asked).collect();
    let (innermost, _) = innermost(index, vocabulary, host.containers(), &tracks);
    let waiting_of = |is_sure: bool| {
        let of = waiting.iter().filter(|w| (w.sure != Sure::Suspected) == is_sure);
        (Cause::NoLoad, Union::of(of.map(|w| w.span)))
    };
    let mut layers = vec![(Cause::Recompile, compiles.of_rank(None)), waiting_of(true)];
    layers.extend(Cause::ALL.into_iter().zip(innermost));
    layers.push(waiting_of(false));
    Activity::of(layers)
}

/// What a thread did at each instant by its innermost slice: disjoint spans by cause, and its waits for the device.
fn innermost(
    index: &Index,
    vocabulary: &Vocabulary,
    containers: &Containers,
    tracks: &[TrackId],
) -> ([Union; Cause::COUNT], Vec<(Span, SliceId)>) {
    let mut spans: [Vec<Span>; Cause::COUNT] = std::array::from_fn(|_| Vec::new());
    let mut waits = Vec::new();
    // Open slices, the innermost last; and up to where it is known what the thread did.
    let mut open: Vec<(Span, Cause)> = Vec::new();
    let mut known = i64::MIN;
    let has_steps = !vocabulary.passes.is_empty();
    merge_tracks(index, tracks, |_, id| {
        let role = vocabulary.role(id);
        let Some(cause) = cause_of_slice(index, vocabulary, id).filter(|_| !containers.has(id)) else {
            return;
        };
        let span = index.slices.span(id);
        if role == Role::Wait {
            waits.push((span, id));
        }
        // Without steps nothing says whether a frame that waits for others waits for requests.
        let is_for_others = || vocabulary.waits.for_others.contains(&index.slices.name(id));
        let cause = match cause {
            Cause::OtherThread if !has_steps && is_for_others() => Cause::NoLoad,
            cause => cause,
        };
        if span.is_empty() {
            return;
        }
        known = close_until(&mut open, known, span.start, &mut spans);
        // Of those that start together the shortest is inside, and of equal ones the first cause.
        let inside = |o: &(Span, Cause)| o.0.start == span.start && (o.0.end, o.1) < (span.end, cause);
        let place = open.len() - open.iter().rev().take_while(|o| inside(o)).count();
        open.insert(place, (span, cause));
    });
    close_until(&mut open, known, i64::MAX, &mut spans);
    (spans.map(Union::of), waits)
}

/// Notes what the open slices say of the time from `known` to `until`, and leaves those that last longer.
fn close_until(
    open: &mut Vec<(Span, Cause)>,
    known: i64,
    until: i64,
    spans: &mut [Vec<Span>; Cause::COUNT],
) -> i64 {
    let mut known = known;
    while let Some(&(span, cause)) = open.last() {
        let seen = Span::new(known.max(span.start), span.end.min(until));
        if !seen.is_empty() {
            match spans[cause as usize].last_mut() {
                Some(last) if last.end == seen.start => last.end = seen.end,
                _ => spans[cause as usize].push(seen),
            }
            known = seen.end;
        }
        if span.end > until {
            break;
        }
        open.pop();
    }
    until.max(known)
}
