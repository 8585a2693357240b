//! What a thread does at each instant, by its innermost slice, and what that is the cause of.

use crate::analyze::merge::merge_tracks;
use crate::analyze::report::Cause;
use crate::base::{NameId, SliceId, Span, TrackId, Union, order};
use crate::dialect::{Role, Vocabulary};
use crate::index::{Index, Key};
use rustc_hash::{FxHashMap, FxHashSet};

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
        let names_of_marks: FxHashSet<NameId> = marks.iter().map(|&mark| index.slices.name(mark)).collect();
        let mut found = FxHashSet::default();
        for track in index.track_ids() {
            let Some(passes) = passes.get(&index.track(track).pid) else {
                continue;
            };
            for id in index.rows(track) {
                if vocabulary.role(id) != Role::Annotation || marks.contains(&id) {
                    continue;
                }
                // A marker that is written twice, one in the other.
                let is_again = names_of_marks.contains(&index.slices.name(id));
                if is_again
                    && index
                        .slices
                        .parent(id)
                        .is_some_and(|parent| marks.contains(&parent))
                {
                    found.insert(id);
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

/// What a thread did at each instant by its innermost slice: disjoint spans by cause, and its waits for the device.
pub(super) fn innermost(
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
        // Without steps nothing says whether a frame that waits for a message waits for requests.
        let is_for_messages = || vocabulary.waits.for_messages.contains(&index.slices.name(id));
        let cause = match cause {
            Cause::OtherThread if !has_steps && is_for_messages() => Cause::NoLoad,
            cause => cause,
        };
        if span.is_empty() {
            return;
        }
        known = close_until(&mut open, known, span.start, &mut spans);
        // What a call that waits does inside is waiting: it spins, sleeps, or takes a lock.
        let around = open.last().filter(|(around, _)| around.end >= span.end);
        let cause = match (cause, around) {
            (Cause::Python, Some(&(_, wait @ (Cause::OtherThread | Cause::NoLoad)))) => wait,
            (cause, _) => cause,
        };
        // Of those that start together the shortest is inside, and of equal ones the first cause.
        let inside = |o: &(Span, Cause)| o.0.start == span.start && (o.0.end, o.1) < (span.end, cause);
        let place = open.len() - open.iter().rev().take_while(|o| inside(o)).count();
        open.insert(place, (span, cause));
    });
    close_until(&mut open, known, i64::MAX, &mut spans);
    (spans.map(Union::of), waits)
}

/// Notes what the open slices say of the time from `known` to `until`, and leaves those that last longer.
pub(super) fn close_until(
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

/// Whether two ranks may be the same.
pub fn fits(one: Option<usize>, other: Option<usize>) -> bool {
    one.is_none() || other.is_none() || one == other
}
