//! From where to where an engine step goes on the host: the marker covers the model call alone. Before it stand
//! scheduling and input preparation, behind it (vLLM from 0.12, SGLang) sampling, drafting, fetching the tokens.
//!
//! A call around one single step (`core.py: step`, `run_batch`) says it all. Else what is recorded between two markers
//! of a thread is divided: what follows a model call belongs to it, up to the wait for its result; from the first
//! scheduling or preparation on, it is the next one's. A look for requests that takes far longer than usual waits for
//! them: the step begins behind it.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, stats};
use crate::index::trace_columns::Index;

use super::enclosing;
use super::pattern::has;
use super::step_words::{Word, of_slice};
use super::thread::{Thread, Threads};
use super::vocabulary::{Part, Role};
use super::wait_names::{is_long, wait_names};

/// A thread that records nothing for so long has turned to something else: a wait that follows is not for the step.
const SILENCE_NS: i64 = 2_000_000;

/// What finding extents and parts needs to know.
pub struct Known<'a> {
    pub index: &'a Index,
    pub roles: &'a [Role],
    pub words: &'a FxHashMap<NameId, Word>,
    /// How long looks for requests usually take, by name.
    pub polls: &'a FxHashMap<NameId, i64>,
}

impl Known<'_> {
    pub fn role(&self, id: SliceId) -> Role {
        self.roles.get(id.index()).copied().unwrap_or_default()
    }

    pub fn word(&self, id: SliceId) -> Option<Word> {
        let word = self.words.get(&self.index.slices.name(id)).copied();
        of_slice(word, self.role(id))
    }

    fn waits_for_requests(&self, id: SliceId) -> bool {
        let usual = self.polls.get(&self.index.slices.name(id));
        usual.is_some_and(|&median| is_long(self.index.slices.dur(id).as_ns(), median))
    }
}

/// The median duration of looks for requests, by name.
pub fn usual_polls(index: &Index) -> FxHashMap<NameId, i64> {
    let names = wait_names(index).looks_for_requests;
    let mut lengths: FxHashMap<NameId, Vec<i64>> = FxHashMap::default();
    if !names.is_empty() {
        for id in index
            .slices
            .ids()
            .filter(|&id| names.contains(&index.slices.name(id)))
        {
            let of_name = lengths.entry(index.slices.name(id)).or_default();
            of_name.push(index.slices.dur(id).as_ns());
        }
    }
    let medians = lengths.into_iter();
    medians
        .filter_map(|(name, mut all)| Some((name, stats::quantile_of(&mut all, 0.5)?)))
        .collect()
}

/// Model calls by the thread that they lie on, in order of start.
pub fn by_thread(index: &Index, calls: &[(SliceId, Span)]) -> Vec<(Thread, Vec<usize>)> {
    let threads = Threads::of(index);
    let mut place: FxHashMap<TrackId, usize> = FxHashMap::default();
    let mut found: Vec<(Thread, Vec<usize>)> = Vec::new();
    for (slot, &(slice, _)) in calls.iter().enumerate() {
        let thread = threads.with(index, index.track_of(slice));
        let Some(first) = thread.tracks().next() else {
            continue;
        };
        let at = *place.entry(first).or_insert(found.len());
        if at == found.len() {
            found.push((thread, Vec::new()));
        }
        found[at].1.push(slot);
    }
    found
}

/// The engine steps of one thread, each around its model call; they do not overlap unless the calls do.
pub fn extents(known: &Known<'_>, thread: Thread, calls: &[Span]) -> Vec<Span> {
    let held: Vec<Span> = (0..calls.len()).map(|i| held(known, thread, calls, i)).collect();
    let mut spans = held.clone();
    let mut between = Between::new(i64::MIN);
    let mut next = 0;
    for id in thread.rows(known.index) {
        let span = known.index.slices.span(id);
        while next < held.len() && held[next].start <= span.start {
            next += 1;
            between = Between::new(spans[next - 1].end);
        }
        let until = held.get(next).map_or(i64::MAX, |n| n.start);
        let Some(step) = next.checked_sub(1) else {
            if span.end <= until {
                between.leads(known, id, span);
                spans[next].start = between.start(held[next].start);
            }
            continue;
        };
        if span.start < held[step].end {
            // A part that begins inside may end behind the marker.
            let is_part = matches!(known.word(id), Some(Word::Part(_)));
            if is_part && span.end > spans[step].end && span.end <= until {
                spans[step].end = span.end;
                between = Between::new(span.end);
            }
            continue;
        }
        if span.end > until {
            // It holds the next step: a loop, a profiler's step.
            continue;
        }
        if !between.leads(known, id, span) && between.trails(known, id, span) {
            spans[step].end = spans[step].end.max(span.end);
        }
        if let Some(after) = spans.get_mut(next) {
            after.start = between.start(held[next].start);
        }
    }
    spans
}

/// The model call, or the calls around it that hold no other.
fn held(known: &Known<'_>, thread: Thread, calls: &[Span], i: usize) -> Span {
    let before = i.checked_sub(1).map_or(i64::MIN, |b| calls[b].end);
    let after = calls.get(i + 1).map_or(i64::MAX, |a| a.start);
    let call = calls[i];
    let mut span = call;
    for track in thread.tracks() {
        let Some(inner) = enclosing::last_started(known.index, track, call.start) else {
            continue;
        };
        for outer in enclosing::chain(known.index, inner) {
            let around = known.index.slices.span(outer);
            if around.start < before || around.end > after {
                break;
            }
            if around.end >= call.end && known.word(outer) == Some(Word::Iteration) {
                span = Span::new(span.start.min(around.start), span.end.max(around.end));
            }
        }
    }
    span
}

/// What stands between two model calls, slice by slice.
struct Between {
    /// Up to where the thread has recorded something without a pause, behind the step.
    busy_until: i64,
    /// The step's end, as far as it is known.
    end: i64,
    lead: Option<Span>,
    lead_names: FxHashSet<NameId>,
}

impl Between {
    fn new(end: i64) -> Between {
        Between {
            busy_until: end,
            end,
            lead: None,
            lead_names: FxHashSet::default(),
        }
    }

    /// Whether the next step has begun, here or before.
    fn leads(&mut self, known: &Known<'_>, id: SliceId, span: Span) -> bool {
        let is_lead = matches!(known.word(id), Some(Word::Part(Part::Schedule | Part::Prepare)));
        if !is_lead || span.start < self.end {
            return self.lead.is_some();
        }
        let name = known.index.slices.name(id);
        let waits = known.waits_for_requests(id);
        let span = if waits {
            Span::new(span.end, span.end)
        } else {
            span
        };
        let lead = self.lead.get_or_insert(span);
        let follows = span.start >= lead.end;
        let is_far = span.start.saturating_sub(lead.end) > SILENCE_NS;
        // The loop went round without a batch to run.
        let again = follows && self.lead_names.contains(&name);
        if is_far || again || waits {
            *lead = span;
            self.lead_names.clear();
        }
        lead.end = lead.end.max(span.end);
        self.lead_names.insert(name);
        true
    }

    /// Where the next step begins, whose call starts at `call`.
    fn start(&self, call: i64) -> i64 {
        match self.lead {
            Some(lead) if call.saturating_sub(lead.end) <= SILENCE_NS => lead.start,
            _ => call,
        }
    }

    /// Whether it still belongs to the step before.
    fn trails(&mut self, known: &Known<'_>, id: SliceId, span: Span) -> bool {
        let role = known.role(id);
        let is_near = span.start.saturating_sub(self.busy_until) <= SILENCE_NS;
        let is_step = match known.word(id) {
            Some(Word::Part(Part::Wait)) => {
                let name = known.index.name_of(id);
                // The first is what ends a recording, the second takes inputs to the device as often.
                is_near && !has(name, "devicesynchronize") && !matches!(name, "cudaMemcpy" | "hipMemcpy")
            }
            Some(Word::Part(_)) => true,
            Some(Word::Sampling) => is_near,
            _ => false,
        };
        if role != Role::PythonFrame && is_near {
            self.busy_until = self.busy_until.max(span.end);
        }
        if is_step {
            self.end = self.end.max(span.end);
            self.busy_until = self.busy_until.max(span.end);
        }
        is_step
    }
}
