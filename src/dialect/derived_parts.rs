//! What a step is made of where the engine records no scopes: told by the python functions that run, by waits for the
//! device, and, where neither says where the model runs, by the order of operators and launches (what comes before the
//! model's first prepares its inputs, what comes after its last chooses tokens, what follows the wait handles output).

use crate::base::Span;
use crate::base::order;

use super::extent::Known;
use super::step_words::Word;
use super::thread::Thread;
use super::vocabulary::{Part, Role};

/// Disjoint stretches in order of time, each with its part; recorded parts are given and not repeated.
pub fn derive(
    known: &Known<'_>,
    thread: Thread,
    step: Span,
    recorded: &[Span],
    call_is_forward: Option<Span>,
) -> Vec<(Part, Span)> {
    let mut taken = recorded.to_vec();
    order::sort(&mut taken);
    let by_words = free_of(&taken, &by_words(known, thread, step, call_is_forward));
    let is_forward = |&(part, _): &(Part, Span)| part == Part::Forward;
    if by_words.iter().any(is_forward) || !taken.is_empty() {
        return by_words;
    }
    taken.extend(by_words.iter().map(|&(_, span)| span));
    order::sort(&mut taken);
    let mut all = by_words;
    all.extend(free_of(&taken, &by_order(known, thread, step)));
    order::sort_by_key(&mut all, |&(_, span)| span);
    all
}

/// What of `pieces` no span of `taken` covers. `taken` is sorted by start.
fn free_of(taken: &[Span], pieces: &[(Part, Span)]) -> Vec<(Part, Span)> {
    let mut free = Vec::new();
    let mut from = 0;
    for &(part, span) in pieces {
        while from < taken.len() && taken[from].end <= span.start {
            from += 1;
        }
        let mut at = span.start;
        for other in taken[from..].iter().take_while(|t| t.start < span.end) {
            push(&mut free, part, Span::new(at, other.start.min(span.end)));
            at = at.max(other.end);
        }
        push(&mut free, part, Span::new(at.min(span.end), span.end));
    }
    free
}

/// Adds a piece behind the others; what touches and is alike becomes one.
fn push(pieces: &mut Vec<(Part, Span)>, part: Part, span: Span) {
    if span.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some((last, before)) if *last == part && before.end == span.start => before.end = span.end,
        _ => pieces.push((part, span)),
    }
}

/// At each instant the innermost slice that says something decides.
fn by_words(
    known: &Known<'_>,
    thread: Thread,
    step: Span,
    call_is_forward: Option<Span>,
) -> Vec<(Part, Span)> {
    let mut sweep = Sweep {
        at: step.start,
        open: Vec::new(),
        pieces: Vec::new(),
    };
    let mut call = call_is_forward;
    for id in thread.rows_in(known.index, step) {
        let span = known.index.slices.span(id).intersect(step);
        if let Some(forward) = call.filter(|c| c.start <= span.start) {
            sweep.to(forward.start);
            sweep.open.push((Part::Forward, forward.end.min(step.end)));
            call = None;
        }
        let Some(word) = known.word(id) else { continue };
        sweep.to(span.start);
        let around = sweep.open.last().map(|&(part, _)| part);
        let part = match (word, around) {
            (Word::Part(Part::Wait), _) => Part::Wait,
            // A draft model prepares, runs and samples, too.
            (_, Some(Part::Draft | Part::Wait)) => continue,
            (Word::Part(part), _) => part,
            (Word::Module, None) => Part::Forward,
            _ => continue,
        };
        sweep.open.push((part, span.end));
    }
    sweep.to(step.end);
    sweep.pieces
}

struct Sweep {
    at: i64,
    /// What is open, the innermost last.
    open: Vec<(Part, i64)>,
    pieces: Vec<(Part, Span)>,
}

impl Sweep {
    fn to(&mut self, until: i64) {
        while let Some(&(part, end)) = self.open.last() {
            if end > self.at {
                let stop = end.min(until);
                push(&mut self.pieces, part, Span::new(self.at, stop));
                self.at = self.at.max(stop);
            }
            if end > until {
                break;
            }
            self.open.pop();
        }
        self.at = self.at.max(until);
    }
}

/// An outermost operator or call.
type Call = (Option<Word>, Role, Span);

/// By the order of outermost operators and calls.
fn by_order(known: &Known<'_>, thread: Thread, step: Span) -> Vec<(Part, Span)> {
    let thread = Thread {
        python: None,
        ..thread
    };
    let mut calls: Vec<Call> = Vec::new();
    let mut waits: Vec<Span> = Vec::new();
    for id in thread.rows_in(known.index, step) {
        let role = known.role(id);
        if !matches!(
            role,
            Role::HostOp | Role::HostOther | Role::Launch | Role::Wait | Role::Submit | Role::Collective
        ) {
            continue;
        }
        let span = known.index.slices.span(id).intersect(step);
        if role == Role::Wait {
            if waits.last().is_none_or(|w: &Span| w.end <= span.start) {
                waits.push(span);
            }
        } else if let Some(last) = calls.last_mut()
            && span.start < last.2.end
        {
            last.0 = last.0.or(known.word(id));
        } else {
            calls.push((known.word(id), role, span));
        }
    }
    let is_model = |c: &Call| matches!(c.0, Some(Word::Model | Word::Module));
    // A launch without an operator around it is a kernel of the model's own, as compilers make them.
    let is_bare = |c: &Call| c.1 == Role::Launch && c.0.is_none();
    let has_model = calls.iter().any(is_model);
    let is_forward = |c: &Call| if has_model { is_model(c) } else { is_bare(c) };
    let (Some(first), Some(last)) = (
        calls.iter().position(is_forward),
        calls.iter().rposition(is_forward),
    ) else {
        return waits.into_iter().map(|w| (Part::Wait, w)).collect();
    };
    let last = last + calls[last + 1..].iter().take_while(|c| is_bare(c)).count();
    let forward = Span::new(calls[first].2.start, calls[last].2.end);
    let hull = |calls: &[Call]| {
        let span = calls.first().zip(calls.last());
        span.map_or(Span::default(), |(a, b)| Span::new(a.2.start, b.2.end))
    };
    // Inputs are ready where the model starts; the rest only from the first call to the last.
    let before = hull(&calls[..first]);
    let fetched = waits.iter().find(|w| w.start >= forward.end).map(|w| w.start);
    let after = &calls[last + 1..];
    let (sampling, handling) = match fetched {
        Some(at) => after.split_at(after.partition_point(|c| c.2.start < at)),
        None => (after, &after[after.len()..]),
    };
    let mut pieces = Vec::new();
    if !before.is_empty() {
        push(&mut pieces, Part::Prepare, Span::new(before.start, forward.start));
    }
    push(&mut pieces, Part::Forward, forward);
    push(&mut pieces, Part::Sample, hull(sampling));
    push(&mut pieces, Part::Post, hull(handling));
    let mut all = free_of(&waits, &pieces);
    all.extend(waits.into_iter().map(|w| (Part::Wait, w)));
    order::sort_by_key(&mut all, |&(_, span)| span);
    all
}
