//! Python frames by name, where the trace has stacks.
//!
//! Self time is a frame's duration less that of the frames that it called; total time is summed over calls that
//! are not inside a call of the same name, so recursion does not count twice. Operators that a frame calls are
//! part of its self time.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId};
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
        let recursive = recursive(index, rows.clone());
        child_ns.resize(rows.len(), 0);
        for id in rows.clone().map(SliceId) {
            if let Some(parent) = index.slices.parent(id) {
                let ns = &mut child_ns[(parent.0 - rows.start) as usize];
                *ns = ns.saturating_add(index.slices.dur(id).as_ns());
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
            let own_ns = ns.saturating_sub(child_ns[(id.0 - rows.start) as usize]).max(0);
            row.self_cpu_ns = row.self_cpu_ns.saturating_add(own_ns);
            if !recursive[(id.0 - rows.start) as usize] {
                row.total_cpu_ns = row.total_cpu_ns.saturating_add(ns);
            }
            if ns > index.slices.dur(SliceId(row.longest_slice)).as_ns() {
                row.longest_slice = id.0;
            }
        }
    }
    sorted(by_name.into_values().collect())
}

/// Of each slice of a track (its `rows`), whether it stands inside one of the same name. Goes down the tree once:
/// to walk up from every slice would cost the depth of stacks each time.
fn recursive(index: &Index, rows: Range<u32>) -> Vec<bool> {
    const NONE: u32 = u32::MAX;
    let mut first_child = vec![NONE; rows.len()];
    let mut next_sibling = vec![NONE; rows.len()];
    let mut first_root = NONE;
    for i in (0..rows.end - rows.start).rev() {
        let parent = index.slices.parent(SliceId(rows.start + i));
        let first = match parent {
            Some(parent) => &mut first_child[(parent.0 - rows.start) as usize],
            None => &mut first_root,
        };
        next_sibling[i as usize] = std::mem::replace(first, i);
    }
    let mut recursive = vec![false; rows.len()];
    let mut open: Vec<u32> = Vec::new();
    let mut n_open: FxHashMap<NameId, u32> = FxHashMap::default();
    let name = |i: u32| index.slices.name(SliceId(rows.start + i));
    let mut at = first_root;
    loop {
        if at != NONE {
            let n = n_open.entry(name(at)).or_default();
            recursive[at as usize] = *n > 0;
            *n += 1;
            open.push(at);
            at = first_child[at as usize];
        } else if let Some(done) = open.pop() {
            n_open.entry(name(done)).and_modify(|n| *n -= 1);
            at = next_sibling[done as usize];
        } else {
            return recursive;
        }
    }
}
