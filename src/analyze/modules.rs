//! Modules of the model (`nn.Module`) as they call each other, where the trace has python stacks.
//!
//! A module's call is a python frame of its own. Its total is the frame's duration; self is less that of the modules
//! that it called, so operators and other python code are part of it. A module that is reached by two others stands
//! below both.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, order};
use crate::dialect::Vocabulary;
use crate::index::{Family, Index};

use super::operators::longer;
use super::report::ModuleRow;

/// Bound of the list; what is called less than that is counted into the module around it.
pub const MAX_MODULES: usize = 5_000;

/// A module below another one.
struct Node {
    name: NameId,
    parent: Option<usize>,
    count: u64,
    total_ns: i64,
    self_ns: i64,
    longest: SliceId,
}

/// A call that has not ended.
struct Open {
    node: usize,
    end: i64,
}

/// See [`ModuleRow`]; empty where no modules are recorded.
pub fn modules(index: &Index, vocabulary: &Vocabulary) -> Vec<ModuleRow> {
    let Some(prefix) = vocabulary.module_prefix else {
        return Vec::new();
    };
    let names: FxHashSet<NameId> = index
        .names
        .iter()
        .filter_map(|(id, text)| text.starts_with(prefix).then_some(id))
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    let mut nodes: Vec<Node> = Vec::new();
    let mut by_place: FxHashMap<(Option<usize>, NameId), usize> = FxHashMap::default();
    for track in index.tracks.iter().filter(|t| t.family == Family::Python) {
        let mut open: Vec<Open> = Vec::new();
        for id in track.rows.clone().map(SliceId) {
            let name = index.slices.name(id);
            if !names.contains(&name) {
                continue;
            }
            let span = index.slices.span(id);
            while open.last().is_some_and(|o| o.end <= span.start) {
                open.pop();
            }
            let parent = open.last().map(|o| o.node);
            let node = match by_place.get(&(parent, name)) {
                Some(&node) => node,
                None if nodes.len() >= MAX_MODULES => continue,
                None => {
                    by_place.insert((parent, name), nodes.len());
                    nodes.push(Node {
                        name,
                        parent,
                        count: 0,
                        total_ns: 0,
                        self_ns: 0,
                        longest: id,
                    });
                    nodes.len() - 1
                }
            };
            let ns = span.len_ns();
            let of = &mut nodes[node];
            of.count += 1;
            of.total_ns = of.total_ns.saturating_add(ns);
            of.self_ns = of.self_ns.saturating_add(ns);
            of.longest = longer(index, of.longest, id);
            if let Some(parent) = parent {
                nodes[parent].self_ns = nodes[parent].self_ns.saturating_sub(ns);
            }
            open.push(Open { node, end: span.end });
        }
    }
    in_tree_order(index, prefix, &nodes)
}

/// Each after the one around it, most time first.
fn in_tree_order(index: &Index, prefix: &str, nodes: &[Node]) -> Vec<ModuleRow> {
    let mut below: Vec<Vec<usize>> = (0..=nodes.len()).map(|_| Vec::new()).collect();
    for (i, node) in nodes.iter().enumerate() {
        below[node.parent.map_or(0, |p| p + 1)].push(i);
    }
    for list in &mut below {
        // The last is taken first.
        order::sort_by_key(list, |&i| (nodes[i].total_ns, std::cmp::Reverse(i)));
    }
    let mut rows: Vec<ModuleRow> = Vec::with_capacity(nodes.len());
    let mut next: Vec<(usize, Option<u32>, u32)> = below[0].iter().map(|&i| (i, None, 0)).collect();
    while let Some((i, parent, depth)) = next.pop() {
        let node = &nodes[i];
        let row = u32::try_from(rows.len()).ok();
        rows.push(ModuleRow {
            name: index.text(node.name).trim_start_matches(prefix).to_owned(),
            parent,
            depth,
            count: node.count,
            total_ns: node.total_ns,
            self_ns: node.self_ns,
            longest_slice: node.longest.0,
        });
        next.extend(below[i + 1].iter().map(|&child| (child, row, depth + 1)));
    }
    rows
}
