//! Python frames by name, where the trace has stacks.
//!
//! Self time is a frame's duration less that of the frames that it called; total time is summed over calls that
//! are not inside a call of the same name, so recursion does not count twice. Operators that a frame calls are
//! part of its self time.

use rustc_hash::FxHashMap;

use crate::base::SliceId;
use crate::dialect::{Role, Vocabulary};
use crate::index::{Family, Index};

use crate::analyze::host::operators_by_name::{longer, sorted};
use crate::analyze::report::Operator;

/// All frames, most self time first; empty where the trace has no stacks.
pub fn python(index: &Index, vocabulary: &Vocabulary) -> Vec<Operator> {
    let mut by_name: FxHashMap<u32, Operator> = FxHashMap::default();
    for track in index.tracks.iter().filter(|t| t.family == Family::Python) {
        // The last call at each depth. Of those that overlap without nesting, each has depths of its own.
        let mut at_depth: Vec<Option<Call>> = (0..track.n_depths).map(|_| None).collect();
        // How many calls of a name are open, by name and depth of the outermost call.
        let mut n_open: FxHashMap<(u32, u16), u32> = FxHashMap::default();
        let mut close = |call: &Call, n_open: &mut FxHashMap<(u32, u16), u32>| {
            let id = call.id;
            let name = index.slices.name(id).0;
            let outer = n_open.get_mut(&(name, call.root)).map_or(0, |n| {
                *n -= 1;
                *n
            });
            if vocabulary.role(id) != Role::PythonFrame {
                return;
            }
            let ns = index.slices.dur(id).as_ns();
            let row = by_name.entry(name).or_insert_with(|| Operator {
                name: index.name_of(id).to_owned(),
                longest_slice: id.0,
                ..Operator::default()
            });
            row.count += 1;
            // Children may stick out of their parent by the slack of two clocks.
            row.self_cpu_ns = row
                .self_cpu_ns
                .saturating_add(ns.saturating_sub(call.children_ns).max(0));
            if outer == 0 {
                row.total_cpu_ns = row.total_cpu_ns.saturating_add(ns);
            }
            row.longest_slice = longer(index, SliceId(row.longest_slice), id).0;
        };
        for id in track.rows.clone().map(SliceId) {
            let depth = usize::from(index.slices.depth(id));
            // What was here before has ended, with all that it called: innermost first.
            let mut below = depth;
            while let Some(next) = at_depth.get(below + 1).and_then(Option::as_ref)
                && at_depth[below]
                    .as_ref()
                    .is_some_and(|above| index.slices.parent(next.id) == Some(above.id))
            {
                below += 1;
            }
            for slot in at_depth[depth..=below].iter_mut().rev() {
                if let Some(ended) = slot.take() {
                    close(&ended, &mut n_open);
                }
            }
            let above = depth.checked_sub(1).and_then(|d| at_depth[d].as_mut());
            let above = above.filter(|above| index.slices.parent(id) == Some(above.id));
            let root = match above {
                Some(above) => {
                    above.children_ns = above.children_ns.saturating_add(index.slices.dur(id).as_ns());
                    above.root
                }
                None => index.slices.depth(id),
            };
            *n_open.entry((index.slices.name(id).0, root)).or_default() += 1;
            at_depth[depth] = Some(Call {
                id,
                children_ns: 0,
                root,
            });
        }
        for open in at_depth.into_iter().rev().flatten() {
            close(&open, &mut n_open);
        }
    }
    sorted(by_name.into_values().collect())
}

/// A call that has not ended.
struct Call {
    id: SliceId,
    children_ns: i64,
    /// Depth of the outermost call around it.
    root: u16,
}
