//! Speculative decoding, where each forward pass has a marker of its own: an iteration is one verify, with the drafts
//! before it and the draft model's extend behind it. A draft's pass may be called `DECODE` like any other; it is told
//! by the verify that follows.

use rustc_hash::FxHashMap;

use crate::base::{SliceId, Span, TrackId, order};
use crate::index::trace_columns::Index;

use super::markers::{Marker, Speculation};
use super::terms::Phase;

/// More drafts than these come before no verify.
const MAX_DRAFTS: usize = 32;

/// A step as its markers show it.
#[derive(Clone, Debug)]
pub struct Marked {
    pub slice: SliceId,
    pub marker: Marker,
    pub span: Span,
    /// Markers of drafts and of the draft model's extend.
    pub drafts: Vec<SliceId>,
}

impl Marked {
    fn new(index: &Index, slice: SliceId, marker: Marker) -> Marked {
        Marked {
            slice,
            marker,
            span: index.slices.span(slice),
            drafts: Vec::new(),
        }
    }

    fn add(&mut self, index: &Index, draft: SliceId) {
        let span = index.slices.span(draft);
        self.span = Span::new(self.span.start.min(span.start), self.span.end.max(span.end));
        self.drafts.push(draft);
    }
}

/// Steps in order of start, and markers of iterations whose verify is not recorded.
pub fn iterations(index: &Index, found: Vec<(SliceId, Marker)>) -> (Vec<Marked>, Vec<SliceId>) {
    let mut by_track: FxHashMap<TrackId, Vec<(SliceId, Marker)>> = FxHashMap::default();
    for (slice, marker) in found {
        by_track
            .entry(index.track_of(slice))
            .or_default()
            .push((slice, marker));
    }
    let (mut steps, mut incomplete) = (Vec::new(), Vec::new());
    for mut own in by_track.into_values() {
        order::sort_by_key(&mut own, |&(id, _)| (index.slices.start(id), id));
        if own
            .iter()
            .any(|(_, m)| m.speculation == Some(Speculation::Verify))
        {
            of_track(index, &own, &mut steps, &mut incomplete);
        } else {
            steps.extend(own.into_iter().map(|(id, marker)| Marked::new(index, id, marker)));
        }
    }
    order::sort_by_key(&mut steps, |s| (s.span.start, s.slice));
    (steps, incomplete)
}

fn is_draft(marker: &Marker) -> bool {
    match marker.speculation {
        Some(speculation) => speculation == Speculation::Draft,
        None => marker.phase == Phase::Decode,
    }
}

/// How many drafts come before a verify, as a rule.
fn usual_drafts(own: &[(SliceId, Marker)]) -> usize {
    let mut runs = Vec::new();
    let mut run = 0;
    for (_, marker) in own {
        if is_draft(marker) {
            run += 1;
            continue;
        }
        // The recording may begin inside the first run.
        if marker.speculation == Some(Speculation::Verify) && run > 0 {
            runs.push(run);
        }
        run = 0;
    }
    order::sort(&mut runs);
    runs.get(runs.len() / 2).copied().unwrap_or(0).min(MAX_DRAFTS)
}

fn of_track(
    index: &Index,
    own: &[(SliceId, Marker)],
    steps: &mut Vec<Marked>,
    incomplete: &mut Vec<SliceId>,
) {
    let usual = usual_drafts(own);
    let mut last: Option<Marked> = None;
    let mut drafts: Vec<(SliceId, Marker)> = Vec::new();
    // Without a verify, what is called a draft is half an iteration; what is called a decode may be a step.
    let mut alone = |drafts: &mut Vec<(SliceId, Marker)>, steps: &mut Vec<Marked>, is_cut: bool| {
        let is_cut = is_cut && drafts.len() <= usual;
        for (id, marker) in drafts.drain(..) {
            if is_cut || marker.speculation.is_some() {
                incomplete.push(id);
            } else {
                steps.push(Marked::new(index, id, marker));
            }
        }
    };
    let mut first_extends = Vec::new();
    for &(id, marker) in own {
        if is_draft(&marker) {
            drafts.push((id, marker));
            continue;
        }
        if marker.speculation == Some(Speculation::DraftExtend) {
            match &mut last {
                Some(before) if drafts.is_empty() => before.add(index, id),
                _ => first_extends.push(id),
            }
            continue;
        }
        steps.extend(last.take());
        let mut step = Marked::new(index, id, marker);
        if marker.speculation == Some(Speculation::Verify) {
            // A server that speculates at times decodes alone between.
            if drafts.len() > usual.saturating_mul(2) {
                let mut before: Vec<_> = drafts.drain(..drafts.len() - usual).collect();
                alone(&mut before, steps, false);
            }
            for (draft, _) in drafts.drain(..) {
                step.add(index, draft);
            }
        } else {
            alone(&mut drafts, steps, false);
        }
        last = Some(step);
    }
    steps.extend(last);
    alone(&mut drafts, steps, true);
    incomplete.extend(first_extends);
}
