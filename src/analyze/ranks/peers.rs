//! For which other rank a device waits in its collectives: waits that name a peer, over exposed communication.
//!
//! A peer is counted within the ranks of its collective's group, so a number is another rank in each group. A wait is
//! of the group whose operation holds it in time; of several the one behind whose track its own comes first in the same
//! process. Its peer's rank in the run is read from the group's list of ranks, where there is one.

use crate::analyze::device::device_time::DeviceWork;
use crate::analyze::groups::{Group, Groups};
use crate::base::{SliceId, Span, TrackId, Union, order};
use crate::dialect::Vocabulary;
use crate::dialect::vocabulary::{PeerWaits, ProcessGroup};
use crate::index::Index;
use crate::index::trace_columns::Key;

/// Where more of the waits' time than this, in per cent, is of no known rank, nothing is said.
const UNKNOWN_PERCENT: i64 = 10;

/// Exposed communication in which a device waits for another rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerWait {
    pub peer: Peer,
    /// What waits for this rank cover of the exposed communication.
    pub exposed_ns: i64,
    pub count: u64,
    pub name: String,
    pub longest: SliceId,
    pub longest_span: Span,
}

/// The rank at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// By its number in the run.
    OfRun(i64),
    /// By its number within the only group, whose ranks are not recorded.
    OfGroup(i64),
}

impl Peer {
    /// `rank 3 of the group`
    pub fn says(self) -> String {
        match self {
            Peer::OfRun(rank) => format!("rank {rank} of the run"),
            Peer::OfGroup(rank) => format!("rank {rank} of the group"),
        }
    }
}

/// By rank, the one with most first. Empty where no such waits are recorded, and of several devices in one file: which
/// of them waits is not told. Empty, too, where there are several groups whose ranks are not recorded. `recorded`:
/// ranks of groups that stand beside the trace.
pub fn peer_waits(
    index: &Index,
    vocabulary: &Vocabulary,
    devices: &[DeviceWork],
    recorded: &[ProcessGroup],
) -> Vec<PeerWait> {
    let (Some(waits), [device]) = (&vocabulary.peer_waits, devices) else {
        return Vec::new();
    };
    let exposed = device.comm.without(&device.compute);
    let mut owners = Owners::of(index, waits, recorded);
    let mut found: Groups<'_, Peer> = Groups::new(index);
    let mut unknown: Vec<Span> = Vec::new();
    for id in index.slices.ids() {
        if !waits.names.contains(&index.slices.name(id)) {
            continue;
        }
        let Some(peer) = index.arg_int(waits.peer, id).filter(|&peer| peer >= 0) else {
            continue;
        };
        match owners.peer(index, id, peer) {
            Some(peer) => found.add(peer, id),
            None => unknown.push(index.slices.span(id)),
        }
    }
    let mut rows: Vec<PeerWait> = found
        .by_key
        .into_iter()
        .map(|(peer, Group { spans, longest })| PeerWait {
            peer,
            count: spans.len() as u64,
            exposed_ns: exposed.intersection_ns(&Union::of(spans)),
            name: index.text(index.slices.name(longest)).to_owned(),
            longest,
            longest_span: index.slices.span(longest),
        })
        .collect();
    let known_ns = rows
        .iter()
        .fold(0i64, |sum, row| sum.saturating_add(row.exposed_ns));
    let unknown_ns = exposed.intersection_ns(&Union::of(unknown));
    if unknown_ns.saturating_mul(100)
        > known_ns
            .saturating_add(unknown_ns)
            .saturating_mul(UNKNOWN_PERCENT)
    {
        return Vec::new();
    }
    order::sort_by_key(&mut rows, |row| (std::cmp::Reverse(row.exposed_ns), row.peer));
    rows
}

/// A group with the times of its operations.
struct Owner<'a> {
    track: TrackId,
    operations: Union,
    ranks: Option<&'a [i64]>,
}

struct Owners<'a> {
    groups: Vec<Owner<'a>>,
}

impl<'a> Owners<'a> {
    fn of(index: &Index, waits: &'a PeerWaits, recorded: &'a [ProcessGroup]) -> Owners<'a> {
        let known = || waits.ranks.iter().chain(recorded);
        // Two lists under one name say nothing.
        let only = |fits: &dyn Fn(&ProcessGroup) -> bool| {
            let mut of = known().filter(|group| fits(group));
            let first = of.next()?;
            of.all(|other| other.ranks == first.ranks)
                .then_some(first.ranks.as_slice())
        };
        let is_named = |group: &ProcessGroup, name: &str| group.names.iter().any(|n| n == name);
        // Old traces number groups: where all that wait for others have the same ranks, so has each of them.
        let named = |name: &str| match known().any(|group| is_named(group, name)) {
            true => only(&|group| is_named(group, name)),
            false => only(&|group| group.ranks.len() > 1),
        };
        let groups = waits.groups.iter().map(|group| Owner {
            track: group.track,
            operations: Union::of(index.rows(group.track).map(|id| index.slices.span(id))),
            ranks: named(&group.name),
        });
        Owners {
            groups: groups.collect(),
        }
    }

    /// `None`: its group, or its rank in the run, is not known, and there are several groups.
    fn peer(&mut self, index: &Index, wait: SliceId, peer: i64) -> Option<Peer> {
        let rank = |group: &Owner<'_>| {
            let ranks = group.ranks?;
            ranks.get(usize::try_from(peer).ok()?).copied().map(Peer::OfRun)
        };
        match self.groups.as_slice() {
            [] => Some(Peer::OfGroup(peer)),
            [only] if only.ranks.is_none() => Some(Peer::OfGroup(peer)),
            [only] => rank(only),
            several => rank(group_of(index, several, wait)?),
        }
    }
}

/// The group whose operation holds a wait.
fn group_of<'o, 'a>(index: &Index, groups: &'o [Owner<'a>], wait: SliceId) -> Option<&'o Owner<'a>> {
    let at = index.slices.start(wait).as_ns();
    let track = index.track(index.track_of(wait));
    let holds = |group: &&Owner<'_>| group.operations.contains(at);
    let mut holding = groups.iter().filter(holds);
    let first = holding.next()?;
    if holding.next().is_none() {
        return Some(first);
    }
    // Planes stand behind their group, before the next one.
    let Key::Int(own) = track.tid else { return None };
    let place = |group: &Owner<'_>| {
        let of = index.track(group.track);
        match of.tid {
            Key::Int(tid) if of.pid == track.pid && tid < own => Some(tid),
            _ => None,
        }
    };
    let before = groups.iter().filter(|group| place(group).is_some());
    before
        .max_by_key(|group| place(group))
        .filter(|group| holds(group))
}
