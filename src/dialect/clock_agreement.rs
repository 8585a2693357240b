//! Whether the clocks of host and device agree: no work starts before the call that launched it, and none ends after a
//! call has returned that waits for all work launched before.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{SliceId, TrackId};
use crate::index::args::ArgColumn;
use crate::index::trace_columns::{Index, Key};

use super::vocabulary::{LaunchLink, Role, Vocabulary};

/// Less than this disturbs no number that is shown.
const MIN_NS: i64 = 100_000;

/// Calls of CUDA, HIP and CANN that return when the device has done everything that its process had launched.
const WAIT_FOR_ALL: [&str; 5] = [
    "AscendCL@aclrtSynchronizeDevice",
    "AscendCL@aclrtSynchronizeDeviceWithTimeout",
    "cudaDeviceSynchronize",
    "hipDeviceSynchronize",
    "cuCtxSynchronize",
];

/// Calls that return when the device has done everything that had been launched to one stream. Which is not recorded:
/// they count by the stream whose work ends first.
const WAIT_FOR_STREAM: [&str; 5] = [
    "AscendCL@aclrtSynchronizeStream",
    "AscendCL@aclrtSynchronizeStreamWithTimeout",
    "cudaStreamSynchronize",
    "hipStreamSynchronize",
    "cuStreamSynchronize",
];

/// By how much the device's clock is behind the host's, as a negative number, where at least every twentieth call has
/// work that starts before it; or ahead of it, where work ends after at least half of the calls that waited for it.
/// Work that waits in a queue hides the offset, so what shows it most counts.
pub fn offset_ns(index: &Index, v: &Vocabulary) -> Option<i64> {
    if let LaunchLink::Recurring(_) | LaunchLink::None = v.launch_link {
        return None;
    }
    let column = v.links(index)?;
    behind_ns(index, v, &column).or_else(|| ahead_ns(index, v, &column))
}

fn behind_ns(index: &Index, v: &Vocabulary, column: &ArgColumn<'_>) -> Option<i64> {
    let start = |id| index.slices.start(id).as_ns();
    let mut calls: FxHashMap<i64, i64> = FxHashMap::default();
    for (id, link) in column.ints().filter(|&(id, _)| v.role(id) == Role::Launch) {
        let call = calls.entry(link).or_insert(i64::MAX);
        *call = start(id).min(*call);
    }
    let mut first: FxHashMap<i64, i64> = FxHashMap::default();
    for (id, link) in column.ints().filter(|&(id, _)| v.role(id).is_device()) {
        if calls.contains_key(&link) {
            let work = first.entry(link).or_insert(i64::MAX);
            *work = start(id).min(*work);
        }
    }
    let ahead = first.iter().map(|(link, &work)| work.saturating_sub(calls[link]));
    let (mut n, mut most) = (0, 0);
    for ns in ahead.filter(|&ns| ns < -MIN_NS) {
        n += 1;
        most = most.min(ns);
    }
    (n > 0 && n * 20 >= first.len()).then_some(most)
}

/// What a process launched: by stream the ends of its calls with those of their work, and the processes of the devices.
#[derive(Default)]
struct LaunchIndex {
    work: FxHashMap<TrackId, Vec<(i64, i64)>>,
    devices: FxHashSet<Key>,
}

fn ahead_ns(index: &Index, v: &Vocabulary, column: &ArgColumn<'_>) -> Option<i64> {
    let named = |names: [&'static str; 5]| names.into_iter().filter_map(|name| index.names.lookup(name));
    let for_all: FxHashSet<_> = named(WAIT_FOR_ALL).collect();
    let names: FxHashSet<_> = named(WAIT_FOR_STREAM).chain(for_all.iter().copied()).collect();
    if names.is_empty() {
        return None;
    }
    let pid = |id: SliceId| index.track(index.track_of(id)).pid;
    let calls = column.ints().filter(|&(id, _)| v.role(id) == Role::Launch);
    let calls: FxHashMap<i64, SliceId> = calls.map(|(id, link)| (link, id)).collect();
    let mut by_process: FxHashMap<Key, LaunchIndex> = FxHashMap::default();
    for (id, link) in column.ints().filter(|&(id, _)| v.role(id).is_device()) {
        if let Some(&call) = calls.get(&link) {
            let of = by_process.entry(pid(call)).or_default();
            let work = of.work.entry(index.track_of(id)).or_default();
            work.push((index.slices.end(call).as_ns(), v.span(index, id).end));
            of.devices.insert(pid(id));
        }
    }
    // Of several devices such a call waits for one.
    by_process.retain(|_, of| of.devices.len() == 1);
    for work in by_process.values_mut().flat_map(|of| of.work.values_mut()) {
        work.sort_unstable();
        let mut latest = i64::MIN;
        for (_, end) in work.iter_mut() {
            latest = latest.max(*end);
            *end = latest;
        }
    }
    let (mut n, mut n_late, mut most) = (0, 0, 0);
    for id in index
        .slices
        .ids()
        .filter(|&id| names.contains(&index.slices.name(id)))
    {
        let span = index.slices.span(id);
        let streams = by_process
            .get(&pid(id))
            .into_iter()
            .flat_map(|of| of.work.values());
        let ends = streams.filter_map(|work| {
            let before = work.partition_point(|&(call_end, _)| call_end <= span.start);
            Some(work.get(before.checked_sub(1)?)?.1)
        });
        let end = match for_all.contains(&index.slices.name(id)) {
            true => ends.max(),
            false => ends.min(),
        };
        let Some(end) = end else { continue };
        n += 1;
        let late = end.saturating_sub(span.end);
        n_late += u64::from(late > MIN_NS);
        most = most.max(late);
    }
    (n_late > 0 && n_late * 2 >= n).then_some(most)
}
