//! What a profiler calls overhead: code that is loaded at its first use, and the profiler's own work. How much of a
//! step and of a device's idle time it covers. What a thread of no step does counts against none; of what is recorded
//! without its thread that is known where every thread of steps begins something meanwhile.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analyze::device::device_time::DeviceWork;
use crate::analyze::gaps::innermost::{Thread, thread_of};
use crate::analyze::groups::{Group, Groups};
use crate::analyze::report::Step;
use crate::base::{NameId, SliceId, Span, TrackId, Union, order};
use crate::dialect::vocabulary::OverheadKind;
use crate::dialect::{Role, Vocabulary, enclosing};
use crate::index::Index;

/// Overhead of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overhead {
    pub kind: OverheadKind,
    pub count: u64,
    /// When any of it runs.
    pub total_ns: i64,
    /// By name: how often, when any of it runs, and the longest.
    pub by_name: Vec<(String, u64, i64, SliceId, Span)>,
    /// The step of whose host time it covers the largest share: its number, what it covers, the host time.
    pub step: Option<(u32, i64, i64)>,
    /// Of the device of whose idle time it covers most: what it covers, the idle time.
    pub idle: Option<(i64, i64)>,
}

/// Of each kind that is recorded.
pub fn overhead(
    index: &Index,
    vocabulary: &Vocabulary,
    steps: &[Step],
    devices: &[DeviceWork],
) -> Vec<Overhead> {
    if vocabulary.overhead_categories.is_empty() {
        return Vec::new();
    }
    let threads = working_tracks(index, vocabulary);
    let recorded: FxHashSet<Thread> = index
        .track_ids()
        .filter(|&t| index.rows(t).any(|id| is_host_work(vocabulary, id)))
        .map(|t| thread_of(index, t))
        .collect();
    let mut found: Groups<'_, NameId> = Groups::new(index);
    let mut of_thread: FxHashMap<(Thread, OverheadKind), Vec<Span>> = FxHashMap::default();
    for id in index.slices.ids() {
        let (category, name) = (index.slices.category(id), index.slices.name(id));
        if !vocabulary.overhead_categories.contains(&category)
            || !vocabulary.overhead_kinds.contains_key(&name)
        {
            continue;
        }
        let own = thread_of(index, index.track_of(id));
        let span = index.slices.span(id);
        let may_be_of = |thread: &Thread, tracks: &[TrackId]| match recorded.contains(&own) {
            true => *thread == own,
            false => !begins_something(index, tracks, span),
        };
        let mut counts = threads.is_empty();
        for (thread, _) in threads
            .iter()
            .filter(|(thread, tracks)| may_be_of(thread, tracks))
        {
            counts = true;
            let kind = vocabulary.overhead_kinds[&name];
            of_thread.entry((*thread, kind)).or_default().push(span);
        }
        if counts {
            found.add(name, id);
        }
    }
    let kinds = [OverheadKind::FirstUse, OverheadKind::Recording];
    kinds
        .into_iter()
        .filter_map(|kind| {
            let of_kind = || {
                found
                    .by_key
                    .iter()
                    .filter(|(name, _)| vocabulary.overhead_kinds[*name] == kind)
            };
            let all = Union::of(of_kind().flat_map(|(_, of)| of.spans.iter().copied()));
            if all.total_ns() == 0 {
                return None;
            }
            let mut by_name: Vec<_> = of_kind()
                .map(|(&name, Group { spans, longest })| {
                    let ns = Union::of(spans.iter().copied()).total_ns();
                    let text = index.text(name).to_owned();
                    (
                        text,
                        spans.len() as u64,
                        ns,
                        *longest,
                        index.slices.span(*longest),
                    )
                })
                .collect();
            order::sort_by(&mut by_name, |a, b| (b.2, &a.0).cmp(&(a.2, &b.0)));
            Some(Overhead {
                kind,
                count: by_name.iter().map(|row| row.1).sum(),
                total_ns: all.total_ns(),
                by_name,
                step: {
                    let of = of_thread.iter().filter(|((_, of), _)| *of == kind);
                    let of = of.map(|(&(thread, _), spans)| (thread, Union::of(spans.iter().copied())));
                    largest_share(index, steps, &of.collect())
                },
                idle: devices
                    .iter()
                    .map(|d| Union::of(d.busy.gaps()))
                    .map(|idle| (idle.intersection_ns(&all), idle.total_ns()))
                    .max(),
            })
        })
        .collect()
}

/// What a thread does, and not what a profiler does beside it.
fn is_host_work(vocabulary: &Vocabulary, id: SliceId) -> bool {
    matches!(
        vocabulary.role(id),
        Role::HostOp | Role::Launch | Role::Wait | Role::Submit | Role::Pass | Role::PythonFrame
    )
}

/// Threads that mark steps, or launch where none does, with their tracks.
fn working_tracks(index: &Index, vocabulary: &Vocabulary) -> FxHashMap<Thread, Vec<TrackId>> {
    let passes = vocabulary
        .passes
        .iter()
        .map(|p| thread_of(index, index.track_of(p.slice)));
    let mut working: FxHashSet<Thread> = passes.collect();
    if working.is_empty() {
        let launches = |id| matches!(vocabulary.role(id), Role::Launch | Role::Submit);
        let launching = index.track_ids().filter(|&t| index.rows(t).any(launches));
        working.extend(launching.map(|t| thread_of(index, t)));
    }
    let mut tracks: FxHashMap<Thread, Vec<TrackId>> = FxHashMap::default();
    for track in index.track_ids() {
        let thread = thread_of(index, track);
        if working.contains(&thread) {
            tracks.entry(thread).or_default().push(track);
        }
    }
    tracks
}

/// The profiler's records of its own work and those of calls agree to about this, ns.
const CLOCK_SLACK_NS: i64 = 10_000;

/// Whether something begins on these tracks inside `span`.
fn begins_something(index: &Index, tracks: &[TrackId], span: Span) -> bool {
    let (from, to) = (
        span.start.saturating_add(CLOCK_SLACK_NS),
        span.end.saturating_sub(CLOCK_SLACK_NS),
    );
    let begins = |&track: &TrackId| {
        let last = enclosing::last_started(index, track, to);
        last.is_some_and(|id| index.slices.start(id).as_ns() >= from)
    };
    from < to && tracks.iter().any(begins)
}

/// The step of whose host time its thread's overhead covers the largest share.
fn largest_share(
    index: &Index,
    steps: &[Step],
    of_thread: &FxHashMap<Thread, Union>,
) -> Option<(u32, i64, i64)> {
    let covered = steps.iter().filter(|s| s.host_ns > 0).filter_map(|s| {
        let span = Span::new(s.host_start_ns, s.host_start_ns.saturating_add(s.host_ns));
        let own = of_thread.get(&thread_of(index, index.track_of(SliceId(s.slice))))?;
        Some((s.index, own.covered_ns(span), s.host_ns))
    });
    covered.filter(|&(_, ns, _)| ns > 0).max_by(|a, b| {
        let share = |x: &(u32, i64, i64), of: &(u32, i64, i64)| i128::from(x.1) * i128::from(of.2);
        share(a, b).cmp(&share(b, a)).then(b.0.cmp(&a.0))
    })
}
