//! How much of the steps' host time a collective on the host runs (gloo, MPI, a library's operator), where no device
//! is recorded. One in which a step begins and ends and the next begins runs beside the steps: they do not wait for it.

use rustc_hash::FxHashMap;

use crate::analyze::groups::{Group, Groups};
use crate::analyze::report::Step;
use crate::analyze::steps::verdict::{PHASES, of_phase};
use crate::base::{NameId, SliceId, Span, Union, order};
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;

/// Collectives in the host time of steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCollectives {
    pub steps: u64,
    /// The union of the steps' host times.
    pub steps_ns: i64,
    /// Of it, what any collective covers.
    pub covered_ns: i64,
    /// By name, most time first.
    pub by_name: Vec<OfName>,
}

/// The collectives of one name that run inside those steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfName {
    pub name: String,
    pub count: u64,
    /// Of the steps' host time, what they cover.
    pub covered_ns: i64,
    pub longest: SliceId,
    pub longest_span: Span,
}

/// Names that are listed.
const MAX_NAMES: usize = 5;

/// `None` where a device is recorded, without steps, and without collectives in them.
pub fn host_collectives(index: &Index, vocabulary: &Vocabulary, steps: &[Step]) -> Option<HostCollectives> {
    if !vocabulary.devices.is_empty() {
        return None;
    }
    let judged = PHASES.iter().flat_map(|&phase| of_phase(steps, phase, None));
    let judged: Vec<&Step> = judged.filter(|s| !s.compiled).collect();
    let span_of = |s: &&Step| Span::new(s.host_start_ns, s.host_start_ns.saturating_add(s.host_ns));
    let spans: Vec<Span> = judged.iter().map(span_of).collect();
    let mut of_rank: FxHashMap<Option<usize>, Vec<Span>> = FxHashMap::default();
    for step in &judged {
        of_rank.entry(step.rank).or_default().push(span_of(step));
    }
    for steps in of_rank.values_mut() {
        order::sort_by_key(steps, |s| *s);
    }
    let is_beside = |id: SliceId, span: Span| {
        let rank = vocabulary.ranks.of(index, index.track_of(id));
        let Some(steps) = of_rank.get(&rank) else {
            return false;
        };
        let first = steps.partition_point(|s| s.start < span.start);
        let own = steps.get(first).zip(steps.get(first + 1));
        own.is_some_and(|(one, next)| one.end <= next.start && next.start < span.end)
    };
    let (n_steps, window) = (spans.len() as u64, Union::of(spans));
    let mut found: Groups<'_, NameId> = Groups::new(index);
    for id in index.slices.ids() {
        let span = index.slices.span(id);
        let name = index.slices.name(id);
        let role = vocabulary.role(id);
        let communicates = role == Role::Collective
            || role == Role::HostOp && vocabulary.collective_operators.contains(&name);
        if communicates && window.covered_ns(span) > 0 && !is_beside(id, span) {
            found.add(name, id);
        }
    }
    let all = Union::of(found.by_key.values().flat_map(|of| of.spans.iter().copied()));
    let covered_ns = window.intersection_ns(&all);
    let mut by_name: Vec<OfName> = found
        .by_key
        .into_iter()
        .map(|(name, Group { spans, longest })| OfName {
            name: index.text(name).to_owned(),
            count: spans.len() as u64,
            covered_ns: window.intersection_ns(&Union::of(spans)),
            longest,
            longest_span: index.slices.span(longest),
        })
        .collect();
    order::sort_by(&mut by_name, |a, b| {
        (b.covered_ns, &a.name).cmp(&(a.covered_ns, &b.name))
    });
    by_name.truncate(MAX_NAMES);
    (covered_ns > 0).then_some(HostCollectives {
        steps: n_steps,
        steps_ns: window.total_ns(),
        covered_ns,
        by_name,
    })
}
