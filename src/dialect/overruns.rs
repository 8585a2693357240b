//! Device work whose recorded end cannot be right.
//!
//! On some devices the tracer writes ends that lie seconds behind the work that follows on the same queue. Work of one
//! queue does overlap for good reasons (dependent launch, branches of a graph), so only that counts which ends after
//! the *end* of the next work of its queue, by more than [`MIN_NS`], and is longer than [`TIMES_MEDIAN`] times the
//! median of its name. Of a name that comes fewer than [`MIN_OF_NAME`] times, other than communication, which may wait
//! for a peer, the median of the queue tells: names of a queue differ, so [`TIMES_QUEUE`] times that.
//!
//! Where nothing follows, the work of a device usually outlives the host's recording. Only what cannot be is one: it
//! ends after the host's last call or operator and the last start on any device, is more than [`TIMES_LONGEST`] times
//! as long as the longest of at least [`MIN_OTHERS`] others of its name, and longer than all other device work from its
//! first start to its last end.
//!
//! Its duration is unknown; it counts as long as that median, at most until the next work of its queue starts.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, TrackId};
use crate::index::trace_columns::Index;

use super::vocabulary::{Device, Role};

const MIN_NS: i64 = 1_000_000;
const TIMES_MEDIAN: i64 = 3;
const TIMES_QUEUE: i64 = 10;
const TIMES_LONGEST: i64 = 100;
/// Of fewer of its name nothing says how long it usually takes.
const MIN_OF_NAME: usize = 3;
const MIN_OTHERS: usize = 10;

/// How long work usually takes.
struct Usual {
    by_name: FxHashMap<NameId, Durations>,
    by_queue: FxHashMap<TrackId, Durations>,
    /// From the first start to the last end.
    extent_ns: i64,
}

struct Durations {
    count: usize,
    median: i64,
    longest: i64,
}

/// The ends that count in place of the recorded ones.
pub fn overruns(index: &Index, roles: &[Role], devices: &[Device]) -> FxHashMap<SliceId, i64> {
    let mut found = FxHashMap::default();
    let behind = behind_all(index, roles, devices);
    let mut usual: Option<Usual> = None;
    for track in tracks(devices) {
        // From the last to the first: the next work's own end may be one of those.
        let mut next: Option<(i64, i64)> = None;
        for id in work(index, roles, track).rev() {
            let span = index.slices.span(id);
            let mut end = span.end;
            let is_past_next = next.is_some_and(|(_, next_end)| span.end.saturating_sub(next_end) > MIN_NS);
            if is_past_next || behind.contains(&id) {
                let usual = usual.get_or_insert_with(|| Usual::of(index, roles, devices, &behind));
                let name = index.slices.name(id);
                let median = match is_past_next {
                    true => usual.exceeded(track, name, roles[id.index()], span.len_ns()),
                    false => usual.far_exceeded(name, span.len_ns()),
                };
                if let Some(median) = median {
                    end = span.start.saturating_add(median);
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

impl Usual {
    /// Without the work that is `behind` all else.
    fn of(index: &Index, roles: &[Role], devices: &[Device], behind: &FxHashSet<SliceId>) -> Usual {
        let mut by_name: FxHashMap<NameId, Vec<i64>> = FxHashMap::default();
        let mut by_queue: FxHashMap<TrackId, Vec<i64>> = FxHashMap::default();
        let (mut start, mut end) = (i64::MAX, i64::MIN);
        for track in tracks(devices) {
            for id in work(index, roles, track).filter(|id| !behind.contains(id)) {
                let span = index.slices.span(id);
                (start, end) = (start.min(span.start), end.max(span.end));
                by_name
                    .entry(index.slices.name(id))
                    .or_default()
                    .push(span.len_ns());
                by_queue.entry(track).or_default().push(span.len_ns());
            }
        }
        Usual {
            by_name: by_name
                .into_iter()
                .map(|(k, all)| (k, Durations::of(all)))
                .collect(),
            by_queue: by_queue
                .into_iter()
                .map(|(k, all)| (k, Durations::of(all)))
                .collect(),
            extent_ns: end.saturating_sub(start),
        }
    }

    /// The median that counts for work, if the work is too long for it.
    fn exceeded(&self, track: TrackId, name: NameId, role: Role, ns: i64) -> Option<i64> {
        let of_name = self.by_name.get(&name);
        let (median, times) = match of_name.filter(|of| of.count >= MIN_OF_NAME) {
            Some(of) => (of.median, TIMES_MEDIAN),
            None if role == Role::DeviceComm => (of_name?.median, TIMES_MEDIAN),
            None => (self.by_queue.get(&track)?.median, TIMES_QUEUE),
        };
        (ns > median.saturating_mul(times)).then_some(median)
    }

    /// The same where nothing follows.
    fn far_exceeded(&self, name: NameId, ns: i64) -> Option<i64> {
        let of = self.by_name.get(&name).filter(|of| of.count >= MIN_OTHERS)?;
        (ns > of.longest.saturating_mul(TIMES_LONGEST) && ns > self.extent_ns).then_some(of.median)
    }
}

impl Durations {
    /// The median of an even number is the lower of the two in the middle.
    fn of(mut all: Vec<i64>) -> Durations {
        let middle = all.len().saturating_sub(1) / 2;
        Durations {
            count: all.len(),
            longest: all.iter().copied().max().unwrap_or(0),
            median: *all.select_nth_unstable(middle).1,
        }
    }
}
