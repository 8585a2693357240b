//! Where the arrows (flow events `s t f`, and slices with a `bind_id`) of a slice lead.
//!
//! Ends with one category and id are one arrow, in order of time; an id that is used again begins a new one. An end
//! lies in the innermost slice of its thread at its time; where none runs then, the last end (`f`) in the next to
//! start.

use rustc_hash::FxHashMap;

use super::details::place_of;
use super::model::{Arrow, MAX_ARROWS};
use crate::base::{CategoryId, SliceId, Span, TrackId, order};
use crate::dialect::enclosing::innermost;
use crate::index::{FlowKind, Index};

/// Ends within a slice that are looked at: most lie in slices inside it.
const MAX_LOOKED_AT: usize = 100_000;
/// Ends of arrows that are gone through for one slice: an id that a million arrows share would cost their square.
const MAX_WORK: usize = 20_000_000;

/// The slices at the other ends of the arrows of a slice, but for those that are `known` to be linked to it; the first
/// [`MAX_ARROWS`], and how many there are, as far as [`MAX_WORK`] goes.
pub fn arrows(index: &Index, id: SliceId, known: impl Fn(SliceId) -> bool) -> (Vec<Arrow>, u32) {
    let mut by_key: FxHashMap<(u16, u64), Vec<u32>> = FxHashMap::default();
    let ends = ends_in(index, id);
    for &i in &ends {
        by_key.entry(key(index, i)).or_default();
    }
    if by_key.is_empty() {
        return (Vec::new(), 0);
    }
    for i in (0u32..).take(index.flows.ts.len()) {
        if let Some(all) = by_key.get_mut(&key(index, i)) {
            all.push(i);
        }
    }
    let (mut arrows, mut n) = (Vec::new(), 0u32);
    let mut work = 0;
    for &i in &ends {
        let Some(all) = by_key.get(&key(index, i)) else {
            continue;
        };
        work += all.len();
        if work > MAX_WORK {
            break;
        }
        for (other, is_outgoing) in others(index, all, i) {
            let Some(slice) = slice_of(index, other).filter(|&slice| slice != id && !known(slice)) else {
                continue;
            };
            n = n.saturating_add(1);
            if arrows.len() < MAX_ARROWS {
                let ts = |i: u32| index.flows.ts.get(i as usize);
                let (from, to) = if is_outgoing { (i, other) } else { (other, i) };
                let category = CategoryId(index.flows.category.get(i as usize));
                arrows.push(Arrow {
                    slice: slice.0,
                    name: index.name_of(slice).to_owned(),
                    category: index.category_text(category).to_owned(),
                    is_outgoing,
                    len_ns: ts(to).saturating_sub(ts(from)),
                    at: place_of(index, slice),
                });
            }
        }
    }
    (arrows, n)
}

fn key(index: &Index, i: u32) -> (u16, u64) {
    let i = i as usize;
    (index.flows.category.get(i), index.flows.id.get(i))
}

/// The ends that lie in a slice.
fn ends_in(index: &Index, id: SliceId) -> Vec<u32> {
    let flows = &index.flows;
    let track = index.track_of(id);
    let span = index.slices.span(id);
    // What lies behind the slice before, and in none, belongs to this one.
    let lane = index.lanes.lane(track, index.slices.depth(id));
    let before = index
        .lanes
        .place(lane.clone(), id)
        .filter(|&place| place > lane.start);
    let from = match (before, index.slices.parent(id)) {
        (_, Some(_)) => span.start,
        (Some(place), None) => index
            .slices
            .end(index.lanes.at(place - 1))
            .as_ns()
            .min(span.start),
        (None, None) => i64::MIN,
    };
    let all = 0..flows.ts.len();
    let from = flows.ts.partition_point(all.clone(), |ts| ts < from);
    let to = flows.ts.partition_point(all, |ts| ts <= span.end);
    let on_track = (from..to).filter(|&i| TrackId(flows.track.get(i)) == track);
    let ends = on_track.filter_map(|i| u32::try_from(i).ok()).take(MAX_LOOKED_AT);
    ends.filter(|&i| slice_of(index, i) == Some(id)).collect()
}

/// The slice in which an end lies.
fn slice_of(index: &Index, i: u32) -> Option<SliceId> {
    let i = i as usize;
    let (track, ts) = (TrackId(index.flows.track.get(i)), index.flows.ts.get(i));
    innermost(index, track, Span::new(ts, ts), |_| true).or_else(|| {
        let is_end = index.flows.kind.get(i) == FlowKind::End;
        let later = Span::new(ts, i64::MAX);
        index.rows_starting_in(track, later).next().filter(|_| is_end)
    })
}

/// Of the ends of one category and id, those before and behind `this`, and whether they are behind.
fn others(index: &Index, all: &[u32], this: u32) -> Vec<(u32, bool)> {
    let kind = |i: &u32| index.flows.kind.get(*i as usize);
    let n_starts = all.iter().filter(|i| kind(i) == FlowKind::Start).count();
    let mut arrows = all.chunk_by(|_, next| n_starts <= 1 || kind(next) != FlowKind::Start);
    let Some(arrow) = arrows.find(|arrow| arrow.contains(&this)) else {
        return Vec::new();
    };
    // Where two clocks disagree, the start may come later.
    let mut arrow = arrow.to_vec();
    order::sort_by_key(&mut arrow, |i| kind(i) != FlowKind::Start);
    let Some(place) = arrow.iter().position(|&i| i == this) else {
        return Vec::new();
    };
    let mut others = Vec::new();
    if kind(&this) != FlowKind::Start {
        let before = arrow[..place].iter().rev().find(|i| kind(i) != FlowKind::End);
        others.extend(before.map(|&i| (i, false)));
    }
    if kind(&this) != FlowKind::End {
        for &i in &arrow[place + 1..] {
            others.push((i, true));
            if kind(&i) != FlowKind::End {
                break;
            }
        }
    }
    others
}
