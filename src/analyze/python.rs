//! Python frames by name, where the trace has stacks.
//!
//! Self time is a frame's duration less that of the frames that it called; total time is summed over calls that
//! are not inside a call of the same name, so recursion does not count twice. Operators that a frame calls are
//! part of its self time.

use rustc_hash::FxHashMap;

use crate::base::SliceId;
use crate::dialect::{Role, Vocabulary};
use crate::index::{Family, Index};

use super::operators::sorted;
use super::report::Operator;

/// All frames, most self time first; empty where the trace has no stacks.
pub fn python(index: &Index, vocabulary: &Vocabulary) -> Vec<Operator> {
    let mut by_name: FxHashMap<u32, Operator> = FxHashMap::default();
    let mut child_ns: Vec<i64> = Vec::new();
    for track in index.tracks.iter().filter(|t| t.family == Family::Python) {
        let rows = track.rows.clone();
        child_ns.clear();
        child_ns.resize(rows.len(), 0);
        for id in rows.clone().map(SliceId) {
            if let Some(parent) = index.slices.parent(id) {
                child_ns[(parent.0 - rows.start) as usize] += index.slices.dur(id).as_ns();
            }
        }
        for id in rows.clone().map(SliceId) {
            if vocabulary.role(id) != Role::PythonFrame {
                continue;
            }
            let ns = index.slices.dur(id).as_ns();
            let row = by_name
                .entry(index.slices.name(id).0)
                .or_insert_with(|| Operator {
                    name: index.name_of(id).to_owned(),
                    count: 0,
                    self_cpu_ns: 0,
                    total_cpu_ns: 0,
                    self_device_ns: None,
                    total_device_ns: None,
                    longest_slice: id.0,
                });
            row.count += 1;
            // Children may stick out of their parent by the slack of two clocks.
            row.self_cpu_ns += (ns - child_ns[(id.0 - rows.start) as usize]).max(0);
            if !is_recursive(index, id) {
                row.total_cpu_ns += ns;
            }
            if ns > index.slices.dur(SliceId(row.longest_slice)).as_ns() {
                row.longest_slice = id.0;
            }
        }
    }
    sorted(by_name.into_values().collect())
}

/// Whether a call stands inside a call of the same name.
fn is_recursive(index: &Index, id: SliceId) -> bool {
    let name = index.slices.name(id);
    let mut at = index.slices.parent(id);
    while let Some(above) = at {
        if index.slices.name(above) == name {
            return true;
        }
        at = index.slices.parent(above);
    }
    false
}
