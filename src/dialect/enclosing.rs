//! Which slice of a track was open at an instant.

use crate::base::{SliceId, Span, TrackId};
use crate::index::trace_columns::Index;

/// The last slice of a track that starts at or before `at`, in ns.
pub fn last_started(index: &Index, track: TrackId, at: i64) -> Option<SliceId> {
    let rows = index.track(track).rows.clone();
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if index.slices.start(SliceId(middle)).as_ns() <= at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (low > rows.start).then(|| SliceId(low - 1))
}

/// Python gives up at 1 000 frames; a trace that nests deeper was not recorded by anything.
const MAX_CHAIN: usize = 2_048;

/// The slice and those around it, from the inside out, as far as [`MAX_CHAIN`].
pub fn chain(index: &Index, id: SliceId) -> impl Iterator<Item = SliceId> + '_ {
    std::iter::successors(Some(id), |&id| index.slices.parent(id)).take(MAX_CHAIN)
}

/// The innermost slice of a track that holds the whole of `span` and that `fits`.
pub fn innermost(
    index: &Index,
    track: TrackId,
    span: Span,
    fits: impl Fn(SliceId) -> bool,
) -> Option<SliceId> {
    let last = last_started(index, track, span.start)?;
    chain(index, last).find(|&id| {
        let outer = index.slices.span(id);
        outer.start <= span.start && span.end <= outer.end && fits(id)
    })
}

/// Whether a slice around this one, on the same track, `fits`.
pub fn is_inside(index: &Index, id: SliceId, fits: impl Fn(SliceId) -> bool) -> bool {
    chain(index, id).skip(1).any(fits)
}
