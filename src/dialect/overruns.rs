//! Device work whose recorded end cannot be right.
//!
//! On some devices the tracer writes ends that lie seconds behind the work that follows on the same queue. Work of one
//! queue does overlap for good reasons (dependent launch, branches of a graph), so only that counts which ends after
//! the *end* of the next work of its queue, by more than [`MIN_NS`], and is longer than [`TIMES_MEDIAN`] times the
//! median of its name. Where nothing follows, all else must be over: the work ends so much later than the host's last
//! call or operator and the last start on any device, and is as many times as long as the longest other work of its
//! name. A long one that is right is waited for by a call that ends later, and communication may wait for a peer.
//!
//! Its duration is unknown; it counts as long as the median of its name, at most until the next work of its queue
//! starts.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, TrackId};
use crate::index::tables::Index;

use super::vocabulary::{Device, Role};

const MIN_NS: i64 = 1_000_000;
const TIMES_MEDIAN: i64 = 3;
/// Of fewer others of its name nothing says how long it usually takes.
const MIN_OTHERS: usize = 3;

/// How long work of a name takes.
struct Usual {
    count: usize,
    median: i64,
    longest: i64,
}

/// The ends that count in place of the recorded ones.
pub fn overruns(index: &Index, roles: &[Role], devices: &[Device]) -> FxHashMap<SliceId, i64> {
    let mut found = FxHashMap::default();
    let behind = behind_all(index, roles, devices);
    let mut usual: Option<FxHashMap<NameId, Usual>> = None;
    for track in tracks(devices) {
        // From the last to the first: the next work's own end may be one of those.
        let mut next: Option<(i64, i64)> = None;
        for id in work(index, roles, track).rev() {
            let span = index.slices.span(id);
            let mut end = span.end;
            let is_past_next = next.is_some_and(|(_, next_end)| span.end.saturating_sub(next_end) > MIN_NS);
            if is_past_next || behind.contains(&id) {
                let usual = usual.get_or_insert_with(|| usual_of(index, roles, devices, &behind));
                let name = index.slices.name(id);
                let is_longer = |than: i64| span.len_ns() > than.saturating_mul(TIMES_MEDIAN);
                let of_name = usual.get(&name).filter(|usual| match is_past_next {
                    true => is_longer(usual.median),
                    false => usual.count >= MIN_OTHERS && is_longer(usual.longest),
                });
                if let Some(usual) = of_name {
                    end = span.start.saturating_add(usual.median);
                    end = next.map_or(end, |(next_start, _)| end.min(next_start));
                    found.insert(id, end);
                }
            }
            next = Some((span.start, end));
        }
    }
    found
}

fn tracks(devices: &[Device]) -> impl Iterator<Item = TrackId> {
    devices.iter().flat_map(|d| &d.tracks).copied()
}

fn work<'a>(
    index: &Index,
    roles: &'a [Role],
    track: TrackId,
) -> impl DoubleEndedIterator<Item = SliceId> + use<'a> {
    index.rows(track).filter(|id| roles[id.index()].is_device())
}

/// Work, other than communication, that ends when all else is over for long. Nothing where the host's calls are not
/// recorded.
fn behind_all(index: &Index, roles: &[Role], devices: &[Device]) -> FxHashSet<SliceId> {
    let all = || tracks(devices).flat_map(|track| work(index, roles, track));
    let last_start = all().map(|id| index.slices.start(id).as_ns()).max();
    let is_behind = |id: &SliceId, until: i64| {
        roles[id.index()] != Role::DeviceComm && index.slices.end(*id).as_ns().saturating_sub(until) > MIN_NS
    };
    let Some(last_start) = last_start.filter(|&at| all().any(|id| is_behind(&id, at))) else {
        return FxHashSet::default();
    };
    let is_host = |id: &SliceId| {
        let role = roles[id.index()];
        matches!(
            role,
            Role::Launch | Role::Submit | Role::Wait | Role::HostOp | Role::HostOther
        )
    };
    let calls = index.slices.ids().filter(is_host);
    let Some(last_call) = calls.map(|id| index.slices.end(id).as_ns()).max() else {
        return FxHashSet::default();
    };
    let until = last_start.max(last_call);
    all().filter(|id| is_behind(id, until)).collect()
}

/// Of each name, without the work that is `behind` all else. The median of an even number is the lower of the two in
/// the middle.
fn usual_of(
    index: &Index,
    roles: &[Role],
    devices: &[Device],
    behind: &FxHashSet<SliceId>,
) -> FxHashMap<NameId, Usual> {
    let mut durations: FxHashMap<NameId, Vec<i64>> = FxHashMap::default();
    let all = tracks(devices).flat_map(|track| work(index, roles, track));
    for id in all.filter(|id| !behind.contains(id)) {
        let of_name = durations.entry(index.slices.name(id)).or_default();
        of_name.push(index.slices.dur(id).as_ns());
    }
    let usual = |mut all: Vec<i64>| {
        let middle = all.len().saturating_sub(1) / 2;
        Usual {
            count: all.len(),
            longest: all.iter().copied().max().unwrap_or(0),
            median: *all.select_nth_unstable(middle).1,
        }
    };
    durations
        .into_iter()
        .map(|(name, all)| (name, usual(all)))
        .collect()
}
