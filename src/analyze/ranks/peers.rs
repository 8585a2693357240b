//! For which other rank a device waits in its collectives: waits that name a peer, over exposed communication.

use crate::analyze::device::time::DeviceWork;
use crate::analyze::groups::{Group, Groups};
use crate::base::{SliceId, Span, Union, order};
use crate::dialect::Vocabulary;
use crate::index::Index;

/// Exposed communication in which a device waits for another rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerWait {
    /// Counted within the ranks of the collective's group.
    pub peer: i64,
    /// What waits for this rank cover of the exposed communication.
    pub exposed_ns: i64,
    pub count: u64,
    pub name: String,
    pub longest: SliceId,
    pub longest_span: Span,
}

/// By rank, the one with most first. Empty where no such waits are recorded, and of several devices in one file: which
/// of them waits is not told.
pub fn peer_waits(index: &Index, vocabulary: &Vocabulary, devices: &[DeviceWork]) -> Vec<PeerWait> {
    let (Some(waits), [device]) = (&vocabulary.peer_waits, devices) else {
        return Vec::new();
    };
    let exposed = device.comm.without(&device.compute);
    let mut found: Groups<'_, i64> = Groups::new(index);
    for id in index.slices.ids() {
        if !waits.names.contains(&index.slices.name(id)) {
            continue;
        }
        let Some(peer) = index.arg_int(waits.peer, id).filter(|&peer| peer >= 0) else {
            continue;
        };
        found.add(peer, id);
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
    order::sort_by_key(&mut rows, |row| (std::cmp::Reverse(row.exposed_ns), row.peer));
    rows
}
