//! What the host did at each instant, one cause at a time.
//!
//! For gaps between steps and between launches; of a device the launching thread decides (see
//! [`cause`](super::cause)). Where several things are recorded at once, the first in
//! this order is the cause of the instant: compile, recorded wait for requests, wait for the device, submission of
//! work, input preparation, sampling, collective, other host activity, suspected wait for requests, wait for another
//! thread or process, python frames. An instant at which nothing of these is recorded is unaccounted.

use crate::base::{SliceId, Span, TrackId, Union, order};
use crate::dialect::{Role, Vocabulary};
use crate::index::{Family, Index, Key};

use crate::analyze::gaps::held_up::Compiles;
use crate::analyze::gaps::innermost::{Containers, Thread, cause_of_slice, thread_of};
use crate::analyze::gaps::requests::Waiting;
use crate::analyze::merge::first_of;
use crate::analyze::report::{Cause, Recompile, Sure};

/// Time by cause, in the order of [`Cause::ALL`], ns.
pub type ByCause = [i64; Cause::COUNT];

/// A stretch of host time with its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub span: Span,
    pub cause: Cause,
}

/// Whose activity is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All that is of a rank; `None` is any.
    Rank(Option<usize>),
    Process(Key),
    Threads(Vec<Thread>),
}

impl Whose {
    fn has(&self, index: &Index, vocabulary: &Vocabulary, track: TrackId) -> bool {
        match self {
            Whose::Rank(rank) => rank.is_none() || vocabulary.ranks.of(index, track) == *rank,
            Whose::Process(process) => index.track(track).pid == *process,
            Whose::Threads(threads) => threads.contains(&thread_of(index, track)),
        }
    }

    fn waits(&self, vocabulary: &Vocabulary, wait: &Waiting) -> bool {
        let ranks = &vocabulary.ranks.by_process;
        match self {
            Whose::Rank(rank) => rank.is_none() || ranks.get(&wait.engine.process).copied() == *rank,
            Whose::Process(process) => wait.engine.process == *process,
            Whose::Threads(threads) => threads.iter().any(|&thread| wait.engine.has(thread)),
        }
    }

    /// The compiles that hold these up.
    pub fn compiles(&self, vocabulary: &Vocabulary, compiles: &Compiles) -> Union {
        let rank_of = |process: &Key| vocabulary.ranks.by_process.get(process).copied();
        match self {
            Whose::Rank(rank) => compiles.of_rank(*rank),
            Whose::Process(process) => compiles.of_process(*process, rank_of(process)),
            Whose::Threads(threads) => {
                let of = threads
                    .iter()
                    .map(|t| compiles.of_thread(*t, rank_of(&t.0)).all());
                Union::of(of.flat_map(|union| union.spans().to_vec()))
            }
        }
    }

    /// Whether a compile's own slices on this thread speak for them.
    fn compiles_on(&self, compiles: &Compiles, thread: Thread) -> bool {
        matches!(self, Whose::Threads(_)) || compiles.is_working(thread)
    }
}

/// Disjoint pieces in order of time; between them nothing is recorded on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity(Vec<Piece>);

impl Activity {
    /// Lays `layers` over each other; where two cover the same instant the earlier layer is seen.
    pub fn of(layers: impl IntoIterator<Item = (Cause, Union)>) -> Activity {
        let layers: Vec<(Cause, Union)> = layers.into_iter().collect();
        let spans = || layers.iter().map(|(_, union)| union.spans().iter().copied());
        // Counted first: a list that doubles holds up to three times what it needs.
        let mut n = 0;
        first_of(spans(), |_, _| n += 1);
        let mut pieces = Vec::with_capacity(n);
        first_of(spans(), |layer, span| {
            pieces.push(Piece {
                span,
                cause: layers[layer].0,
            });
        });
        Activity(pieces)
    }

    /// Of pieces that are disjoint and in order.
    pub fn of_pieces(pieces: Vec<Piece>) -> Activity {
        Activity(pieces)
    }

    /// The pieces that share time with `window`, uncut, in order.
    pub fn overlapping(&self, window: Span) -> impl Iterator<Item = Piece> + '_ {
        let from = self.0.partition_point(|p| p.span.end <= window.start);
        let from = self.0[from..].iter().copied();
        from.take_while(move |p| p.span.start < window.end)
    }

    /// Divides windows by cause that come in order of start.
    pub fn divider(&self) -> Divider<'_> {
        Divider(&self.0)
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Divides `window` by cause; what no piece covers is [`Cause::Unaccounted`], so the parts add up to the
    /// window's length.
    pub fn divide(&self, window: Span) -> ByCause {
        let from = self.0.partition_point(|p| p.span.end <= window.start);
        divide(&self.0[from..], window, Cause::Unaccounted)
    }

    /// The cause with most of `by_cause`; of equals the first in order of precedence.
    pub fn main_cause(by_cause: &ByCause) -> Cause {
        let most = by_cause.iter().copied().max().unwrap_or(0);
        let at = by_cause.iter().position(|&ns| ns == most);
        at.filter(|_| most > 0)
            .map_or(Cause::Unaccounted, |i| Cause::ALL[i])
    }

    /// What the host of a trace did. Compiles count from their start, or, where only their region is known, from
    /// the region's start and no longer than it. Waits count on the threads that run the model if any is recorded
    /// there, and on every thread otherwise; operators and python frames on those threads only. Waits for requests
    /// that are only suspected count where nothing more telling is recorded. Of threads all counts.
    pub fn of_host(
        index: &Index,
        vocabulary: &Vocabulary,
        compiles: &Compiles,
        threads: &HostThreads,
        waiting: &[Waiting],
        whose: &Whose,
    ) -> Activity {
        let mut joined: [Joined; Cause::COUNT] = Default::default();
        let mut waits_elsewhere = Joined::default();
        for track in index.track_ids() {
            if threads.is_device(track) || !whose.has(index, vocabulary, track) {
                continue;
            }
            let is_main = matches!(whose, Whose::Threads(_)) || threads.is_main(track);
            let compiles_here = whose.compiles_on(compiles, thread_of(index, track));
            for id in index.rows(track) {
                let Some(cause) = threads.cause_of(index, vocabulary, id) else {
                    continue;
                };
                match cause {
                    Cause::Recompile if !compiles_here => {}
                    Cause::Wait if !is_main => waits_elsewhere.add(index.slices.span(id)),
                    Cause::HostOp if !is_main => {}
                    cause if cause.is_told_by_frames() && !is_main => {}
                    _ => joined[cause as usize].add(index.slices.span(id)),
                }
            }
        }
        if joined[Cause::Wait as usize].0.is_empty() {
            joined[Cause::Wait as usize] = waits_elsewhere;
        }
        let compiles = whose.compiles(vocabulary, compiles);
        joined[Cause::Recompile as usize].0.extend(compiles.spans());
        let is_asked = |w: &&Waiting| whose.waits(vocabulary, w);
        let waits = |is_sure: bool| {
            let of = waiting
                .iter()
                .filter(is_asked)
                .filter(move |w| (w.sure != Sure::Suspected) == is_sure);
            Union::of(of.map(|w| w.span))
        };
        joined[Cause::NoLoad as usize].0.extend(waits(false).spans());
        let mut layers: Vec<_> = Cause::ALL.into_iter().zip(joined.map(Joined::union)).collect();
        layers.insert(Cause::Recompile as usize + 1, (Cause::NoLoad, waits(true)));
        Activity::of(layers)
    }
}

fn divide(pieces: &[Piece], window: Span, rest: Cause) -> ByCause {
    let mut by_cause = ByCause::default();
    let mut covered = 0;
    for piece in pieces.iter().take_while(|p| p.span.start < window.end) {
        let ns = piece.span.intersect(window).len_ns();
        by_cause[piece.cause as usize] += ns;
        covered += ns;
    }
    by_cause[rest as usize] += window.len_ns() - covered;
    by_cause
}

/// [`Activity::divide`] for windows in order of start: goes through the pieces once, and does not search them
/// for every one of a million windows.
pub struct Divider<'a>(&'a [Piece]);

impl Divider<'_> {
    pub fn divide(&mut self, window: Span) -> ByCause {
        self.divide_else(window, Cause::Unaccounted)
    }

    /// Where no piece is, the cause is `rest`.
    pub fn divide_else(&mut self, window: Span, rest: Cause) -> ByCause {
        let is_over = |p: &Piece| p.span.end <= window.start;
        // Mostly the next few; a search else.
        let n = self.0.iter().take(32).take_while(|p| is_over(p)).count();
        self.0 = &self.0[n..];
        if self.0.first().is_some_and(is_over) {
            self.0 = &self.0[self.0.partition_point(is_over)..];
        }
        divide(self.0, window, rest)
    }
}

/// The stretch that a compile counts for, recorded or suspected.
pub fn compile_span(recompile: &Recompile) -> Span {
    let span = recompile.span();
    match (
        recompile.start_is_exact,
        recompile.region_start_ns,
        recompile.region_end_ns,
    ) {
        (false, Some(start), Some(end)) => span.intersect(Span::new(start, end)),
        _ => span,
    }
}

/// The stretches in which a compile held up its step: all of it, or, where that is known, when its step or the device
/// waited for it.
pub fn held_up_spans(recompile: &Recompile) -> Vec<Span> {
    match recompile.waited_ns {
        None => vec![compile_span(recompile)],
        Some(_) => recompile.waited.clone(),
    }
}

/// When compiles held up steps.
pub fn held_up_by(recompiles: &[Recompile]) -> Union {
    let of = recompiles.iter().filter(|r| !r.beside);
    Union::of(of.flat_map(held_up_spans))
}

/// Which tracks belong to devices and which to the threads that run the model.
pub struct HostThreads {
    containers: Containers,
    device: Vec<bool>,
    main: Vec<bool>,
}

impl HostThreads {
    /// A thread's python frames lie on a track of their own; they belong to the thread. Where the dialect names
    /// no main thread, and for the track of the engine's steps, every host track counts as one.
    pub fn of(index: &Index, vocabulary: &Vocabulary) -> HostThreads {
        let mut device = vec![false; index.tracks.len()];
        for track in vocabulary.devices.iter().flat_map(|d| &d.tracks) {
            // A file may give a host thread the ids of a device's lane.
            let is_host = |id| {
                let role = vocabulary.role(id);
                matches!(role, Role::Pass | Role::Launch | Role::Wait | Role::HostOp)
            };
            let is_shared = index.rows(*track).any(is_host);
            if let Some(is_device) = device.get_mut(track.index()) {
                *is_device = !is_shared;
            }
        }
        let named = &vocabulary.main_threads;
        let thread = |id: TrackId| (index.track(id).pid, index.track(id).tid);
        let mut threads: Vec<_> = named.iter().map(|&id| thread(id)).collect();
        order::sort(&mut threads);
        let main = index
            .track_ids()
            .map(|id| {
                named.is_empty()
                    || vocabulary.step_track == Some(id)
                    || threads.binary_search(&thread(id)).is_ok()
            })
            .collect();
        HostThreads {
            containers: Containers::of(index, vocabulary),
            device,
            main,
        }
    }

    pub fn containers(&self) -> &Containers {
        &self.containers
    }

    /// What a slice is the cause of; nothing for one around whole steps.
    pub fn cause_of(&self, index: &Index, vocabulary: &Vocabulary, id: SliceId) -> Option<Cause> {
        cause_of_slice(index, vocabulary, id).filter(|_| !self.containers.has(id))
    }

    pub fn is_device(&self, id: TrackId) -> bool {
        self.device[id.index()]
    }

    pub fn is_main(&self, id: TrackId) -> bool {
        self.main[id.index()] && !self.device[id.index()]
    }
}

/// What the host, or these of it, did for most of a gap with `cause`, by name: the outermost slices of
/// that cause, or, of python frames, the innermost. With the time of the gap that it covers.
pub fn most_of(
    index: &Index,
    vocabulary: &Vocabulary,
    (threads, whose): (&HostThreads, &Whose),
    gap: Span,
    cause: Cause,
) -> Option<(SliceId, i64)> {
    let mut by_name: rustc_hash::FxHashMap<u32, (i64, SliceId)> = rustc_hash::FxHashMap::default();
    let is_cause = |id: SliceId| threads.cause_of(index, vocabulary, id) == Some(cause);
    let of_frames = cause.is_told_by_frames();
    let on_main_only = of_frames || cause == Cause::HostOp;
    for track in index.track_ids() {
        let is_main = matches!(whose, Whose::Threads(_)) || threads.is_main(track);
        if threads.is_device(track) || (on_main_only && !is_main) {
            continue;
        }
        if !whose.has(index, vocabulary, track) {
            continue;
        }
        if (index.track(track).family == Family::Python) != of_frames {
            continue;
        }
        for id in open_in(index, track, gap) {
            if !is_cause(id) {
                continue;
            }
            let inside = index.slices.span(id).intersect(gap).len_ns();
            let parent = index.slices.parent(id);
            let mut add = |id: SliceId, ns: i64| {
                let (total, first) = by_name.entry(index.slices.name(id).0).or_insert((0, id));
                *total = total.saturating_add(ns);
                *first = id.min(*first);
            };
            if of_frames {
                add(id, inside);
                if let Some(parent) = parent {
                    add(parent, -inside);
                }
            } else if !parent.is_some_and(is_cause) {
                add(id, inside);
            }
        }
    }
    let most = by_name
        .into_values()
        .max_by_key(|&(ns, id)| (ns, std::cmp::Reverse(id)))?;
    (most.0 > 0).then_some((most.1, most.0.min(gap.len_ns())))
}

/// The slices of a track that share time with `window`: those that enclose its start, outermost first, then
/// those that start in it.
pub fn open_in(index: &Index, track: TrackId, window: Span) -> Vec<SliceId> {
    let rows = index.track(track).rows.clone();
    let starting = index.rows_starting_in(track, window);
    let (mut from, mut to) = (rows.start, rows.end);
    while from < to {
        let middle = from + (to - from) / 2;
        if index.slices.start(SliceId(middle)).as_ns() < window.start {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    let before = from.checked_sub(1);
    let mut open = Vec::new();
    let mut at = before.filter(|row| rows.contains(row)).map(SliceId);
    while let Some(id) = at {
        if index.slices.end(id).as_ns() > window.start {
            open.push(id);
        }
        at = index.slices.parent(id);
    }
    open.reverse();
    open.extend(starting);
    open
}

/// Spans in order of arrival, joined with the one before where they touch it: rows of a track come in order of
/// start, so nested slices cost nothing.
#[derive(Default)]
struct Joined(Vec<Span>);

impl Joined {
    fn add(&mut self, span: Span) {
        match self.0.last_mut() {
            Some(last) if last.start <= span.start && span.start <= last.end => {
                last.end = last.end.max(span.end)
            }
            _ => self.0.push(span),
        }
    }

    fn union(self) -> Union {
        Union::of(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn union(spans: &[(i64, i64)]) -> Union {
        Union::of(spans.iter().map(|&(a, b)| Span::new(a, b)))
    }

    #[test]
    fn the_earlier_layer_is_seen() {
        let activity = Activity::of([
            (Cause::Recompile, union(&[(10, 20)])),
            (Cause::Wait, union(&[(15, 30)])),
            (Cause::HostOp, union(&[(0, 100)])),
        ]);
        let got: Vec<_> = activity
            .pieces()
            .iter()
            .map(|p| (p.span.start, p.span.end, p.cause))
            .collect();
        assert_eq!(
            got,
            vec![
                (0, 10, Cause::HostOp),
                (10, 20, Cause::Recompile),
                (20, 30, Cause::Wait),
                (30, 100, Cause::HostOp),
            ]
        );
        let parts = activity.divide(Span::new(18, 110));
        assert_eq!(parts[Cause::Recompile as usize], 2);
        assert_eq!(parts[Cause::Wait as usize], 10);
        assert_eq!(parts[Cause::HostOp as usize], 70);
        assert_eq!(parts[Cause::Unaccounted as usize], 10);
        assert_eq!(Activity::main_cause(&parts), Cause::HostOp);
    }

    #[test]
    fn of_equal_causes_the_first_in_precedence_is_the_main_one() {
        let mut parts = ByCause::default();
        assert_eq!(Activity::main_cause(&parts), Cause::Unaccounted);
        parts[Cause::HostOp as usize] = 5;
        parts[Cause::Submit as usize] = 5;
        assert_eq!(Activity::main_cause(&parts), Cause::Submit);
    }

    #[test]
    fn causes_are_numbered_in_their_order() {
        for (i, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, i, "{cause:?}");
        }
    }

    proptest! {
        #[test]
        fn layers_agree_with_asking_every_instant(
            layers in proptest::collection::vec(proptest::collection::vec((0i64..80, 0i64..25), 0..8), 0..5),
            from in 0i64..90, len in 0i64..40,
        ) {
            let unions: Vec<Union> = layers.iter()
                .map(|l| Union::of(l.iter().map(|&(s, d)| Span::new(s, s + d)))).collect();
            let activity = Activity::of(unions.iter().cloned().enumerate().map(|(i, u)| (Cause::ALL[i], u)));
            let mut want = ByCause::default();
            for t in from..from + len {
                let first = unions.iter().position(|u| u.spans().iter().any(|s| s.contains(t)));
                want[first.map_or(Cause::Unaccounted as usize, |i| i)] += 1;
            }
            prop_assert_eq!(activity.divide(Span::new(from, from + len)), want);
            let mut divider = activity.divider();
            for start in 0..from {
                let span = Span::new(start, start + 3);
                prop_assert_eq!(divider.divide(span), activity.divide(span));
            }
            prop_assert_eq!(divider.divide(Span::new(from, from + len)), want);
            prop_assert!(activity.pieces().windows(2).all(|w| w[0].span.end <= w[1].span.start));
            prop_assert!(activity.pieces().iter().all(|p| !p.span.is_empty()));
        }
    }
}
