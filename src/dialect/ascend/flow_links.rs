//! Which host call launched which task, by the arrows of the trace.

use crate::base::{SliceId, TrackId};
use crate::index::args::Links;
use crate::index::trace_columns::{FlowKind, Index};

use super::super::enclosing;
use super::super::vocabulary::{LaunchLink, Vocabulary};
use super::CONNECTION;

/// The arrows from the framework where there are any: they name the operator. Else those from CANN, else the number
/// that both sides carry.
pub fn launch_link(index: &Index, v: &Vocabulary) -> LaunchLink {
    for category in ["async_npu", "HostToDevice"] {
        let links = Links::of(numbered(index, v, category));
        if !links.is_empty() {
            return LaunchLink::Numbered(links);
        }
    }
    match index.arg_column(CONNECTION) {
        Some(column) if column.ints().any(|(id, _)| !v.role(id).is_device()) => {
            LaunchLink::Correlation(CONNECTION)
        }
        _ => LaunchLink::None,
    }
}

/// The calls of CANN that launched, where it recorded arrows.
pub fn call_links(index: &Index, v: &Vocabulary) -> Option<Links> {
    let links = Links::of(numbered(index, v, "HostToDevice"));
    (!links.is_empty()).then_some(links)
}

/// One end of an arrow, by what joins the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    id: u64,
    is_head: bool,
    ts: i64,
    track: u32,
}

/// Host calls and tasks with a number for each call. An arrow without a tail, a head or a slice at either links
/// nothing.
///
/// An id may have several heads: a collective is drawn in two layers. Where several arrows have one id (MindSpore names
/// them by the task's start), their tails and heads are paired in order of time.
fn numbered(index: &Index, v: &Vocabulary, category: &str) -> Vec<(SliceId, i64)> {
    let flows = &index.flows;
    let wanted: Vec<bool> = index
        .categories
        .iter()
        .map(|&c| index.text(c) == category)
        .collect();
    let mut ends: Vec<End> = Vec::new();
    for i in 0..flows.ts.len() {
        let is_wanted = wanted
            .get(usize::from(flows.category.get(i)))
            .copied()
            .unwrap_or(false);
        let kind = flows.kind.get(i);
        if is_wanted && kind != FlowKind::Step {
            ends.push(End {
                id: flows.id.get(i),
                is_head: kind == FlowKind::End,
                ts: flows.ts.get(i),
                track: flows.track.get(i),
            });
        }
    }
    ends.sort_unstable();
    let mut numbers = Vec::new();
    for arrow in ends.chunk_by(|a, b| a.id == b.id) {
        let n_tails = arrow.iter().take_while(|end| !end.is_head).count();
        let (tails, heads) = arrow.split_at(n_tails);
        let Some(last) = tails.len().checked_sub(1) else {
            continue;
        };
        for (i, head) in heads.iter().enumerate() {
            let (Some(call), Some(task)) = (tail_slice(index, tails[i.min(last)]), head_slice(index, *head))
            else {
                continue;
            };
            if v.role(task).is_device() && !v.role(call).is_device() {
                let number = i64::from(call.0);
                numbers.push((call, number));
                numbers.push((task, number));
            }
        }
    }
    numbers
}

/// The slice that an arrow starts in: the innermost that holds its time.
fn tail_slice(index: &Index, end: End) -> Option<SliceId> {
    let last = enclosing::last_started(index, TrackId(end.track), end.ts)?;
    enclosing::chain(index, last).find(|&id| index.slices.end(id).as_ns() >= end.ts)
}

/// The slice that starts where an arrow ends; of several the first, which holds the others.
pub fn head_slice_at(index: &Index, track: TrackId, ts: i64) -> Option<SliceId> {
    let mut rows = index.rows_starting_in(track, crate::base::Span::new(ts, ts + 1));
    rows.next()
}

fn head_slice(index: &Index, end: End) -> Option<SliceId> {
    head_slice_at(index, TrackId(end.track), end.ts)
}
