//! When graphs were compiled, and whom each compile held up.

use crate::analyze::gaps::activity::compile_span;
use crate::analyze::gaps::compile_lanes::Lanes;
use crate::analyze::gaps::compile_waits::{Blank, all_but, busy_of, extent_of, goes_on};
use crate::analyze::gaps::innermost::{Containers, Thread, fits, innermost, thread_of};
use crate::analyze::report::{Cause, Recompile};
use crate::base::{SliceId, Span, TrackId, Union, stats};
use crate::dialect::{Evidence, Pass, Role, Vocabulary};
use crate::index::{Index, Key};
use rustc_hash::{FxHashMap, FxHashSet};

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
    pub(super) spans: Vec<(HeldUp, Option<usize>, Span)>,
    /// Of these, those that hold up all of a rank, by the rank of who asks, and others by the process of the compile.
    pub(super) of_ranks: FxHashMap<Option<usize>, Union>,
    pub(super) by_process: FxHashMap<Key, Vec<(HeldUp, Span)>>,
    /// Threads that mark steps, or launch where none does, with their ranks.
    pub(super) working: FxHashMap<Thread, Option<usize>>,
    /// Of a thread beside which others of its process compile: the compiles, and when it waited for each.
    pub(super) waited: FxHashMap<Thread, Vec<(HeldUp, Span, Vec<Span>)>>,
    /// Of the compiles in order, when its rank waited for it, where that is known of one on a lane of its own.
    pub(super) on_lanes: Vec<Option<Vec<Span>>>,
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

/// Between steps, recorded waits for what comes through a queue: whoever waits for requests waits for no compile.
fn waits_for_requests(index: &Index, vocabulary: &Vocabulary, tracks: &[TrackId], passes: &[&Pass]) -> Union {
    let names = &vocabulary.waits.for_messages;
    if names.is_empty() {
        return Union::default();
    }
    let rows = tracks.iter().flat_map(|&track| index.rows(track));
    let waits = rows.filter(|&id| names.contains(&index.slices.name(id)));
    let waits = Union::of(waits.map(|id| index.slices.span(id)));
    waits.without(&Union::of(passes.iter().map(|pass| pass.span)))
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

    pub(super) fn of_spans(index: &Index, vocabulary: &Vocabulary, spans: Vec<(HeldUp, Span)>) -> Compiles {
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
            let when = when.without(&waits_for_requests(index, vocabulary, &tracks, passes));
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
    pub(super) fn compiling(&self) -> impl Iterator<Item = Thread> {
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
    pub(super) fn of_thread_alone(&self, thread: Thread) -> ThreadCompiles<'_> {
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
pub(super) fn is_beside(held: HeldUp, thread: Thread) -> bool {
    matches!(held, HeldUp::Thread(of) if of != thread)
}

/// Compiles by what they are to a thread.
pub struct ThreadCompiles<'a> {
    pub(super) of_rank: Option<&'a Union>,
    pub(super) own: Union,
    /// When it waited for those on other threads of its process.
    pub(super) waited: Union,
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
