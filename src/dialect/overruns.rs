//! Device work whose recorded end cannot be right.
//!
//! On some devices the tracer writes ends that lie seconds behind the work that follows on the same queue. Work of one
//! queue does overlap for good reasons (dependent launch, branches of a graph), so only that counts which ends after
//! the *end* of the next work of its queue, by more than [`MIN_NS`], and is longer than [`TIMES_MEDIAN`] times the
//! median of its name. Its duration is unknown; it lasts at least until the next work of its queue starts.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, TrackId};
use crate::index::tables::Index;

use super::vocabulary::{Device, Role};

const MIN_NS: i64 = 1_000_000;
const TIMES_MEDIAN: i64 = 3;

/// The ends up to which such work certainly lasts.
pub fn overruns(index: &Index, roles: &[Role], devices: &[Device]) -> FxHashMap<SliceId, i64> {
    let mut found = FxHashMap::default();
    let mut medians: Option<FxHashMap<NameId, i64>> = None;
    for track in devices.iter().flat_map(|d| &d.tracks).copied() {
        // From the last to the first: the next work's own end may be one of those.
        let mut next: Option<(i64, i64)> = None;
        for id in work(index, roles, track).rev() {
            let span = index.slices.span(id);
            let mut end = span.end;
            if let Some((next_start, next_end)) = next
                && span.end.saturating_sub(next_end) > MIN_NS
            {
                let medians = medians.get_or_insert_with(|| medians_of(index, roles, devices));
                let median = medians.get(&index.slices.name(id)).copied().unwrap_or(i64::MAX);
                if span.len_ns() > median.saturating_mul(TIMES_MEDIAN) {
                    end = next_start;
                    found.insert(id, end);
                }
            }
            next = Some((span.start, end));
        }
    }
    found
}

fn work<'a>(
    index: &Index,
    roles: &'a [Role],
    track: TrackId,
) -> impl DoubleEndedIterator<Item = SliceId> + use<'a> {
    index.rows(track).filter(|id| roles[id.index()].is_device())
}

/// The median duration of each name; of an even number the lower of the two in the middle.
fn medians_of(index: &Index, roles: &[Role], devices: &[Device]) -> FxHashMap<NameId, i64> {
    let mut durations: FxHashMap<NameId, Vec<i64>> = FxHashMap::default();
    for track in devices.iter().flat_map(|d| &d.tracks).copied() {
        for id in work(index, roles, track) {
            let of_name = durations.entry(index.slices.name(id)).or_default();
            of_name.push(index.slices.dur(id).as_ns());
        }
    }
    let median = |mut all: Vec<i64>| {
        let middle = all.len().saturating_sub(1) / 2;
        *all.select_nth_unstable(middle).1
    };
    durations
        .into_iter()
        .map(|(name, all)| (name, median(all)))
        .collect()
}
