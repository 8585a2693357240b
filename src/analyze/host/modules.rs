//! Modules of the model (`nn.Module`) as they call each other, where the trace has python stacks.
//!
//! A module's call is a python frame of its own. Its total is the frame's duration; self is less that of the modules
//! that it called, so operators and other python code are part of it. A module that is reached by two others stands
//! below both.
//!
//! Device time of a module is that of the work launched between its call and its return on the same thread. What a
//! graph replays outside of any module, and what another thread launches (a backward pass), belongs to none.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, order};
use crate::dialect::Vocabulary;
use crate::index::{Family, Index, Key};

use crate::analyze::host::operators_by_name::{WorkByLink, longer};
use crate::analyze::report::{ModuleRow, RowsLeftOut};

/// Bound of the list; those with less time than these are counted together.
pub const MAX_MODULES: usize = 5_000;

/// A module below another one.
struct Node {
    name: NameId,
    parent: Option<usize>,
    count: u64,
    total_ns: i64,
    self_ns: i64,
    self_device_ns: i64,
    total_device_ns: i64,
    longest: SliceId,
}

/// A call that has not ended.
struct Open {
    node: usize,
    end: i64,
}

/// Device time by the instant of the launch, in order; of each thread.
struct LaunchedAt(FxHashMap<(Key, Key), Vec<(i64, i64)>>);

impl LaunchedAt {
    /// `None` where nothing links device work to launches.
    fn of(index: &Index, vocabulary: &Vocabulary) -> Option<LaunchedAt> {
        let mut work = WorkByLink::of(index, vocabulary)?;
        let mut by_thread: FxHashMap<(Key, Key), Vec<(i64, i64)>> = FxHashMap::default();
        for track in index.tracks.iter().filter(|t| t.family == Family::Main) {
            for id in track.rows.clone().map(SliceId) {
                if let Some(ns) = work.launched_by(id) {
                    let at = index.slices.start(id).as_ns();
                    by_thread
                        .entry((track.pid, track.tid))
                        .or_default()
                        .push((at, ns));
                }
            }
        }
        Some(LaunchedAt(by_thread))
    }
}

/// Gives launches before `until` to the modules that are open, which are closed as time goes on.
fn give(launches: &mut &[(i64, i64)], until: i64, open: &mut Vec<Open>, nodes: &mut [Node]) {
    while let Some((&(at, ns), rest)) = launches.split_first().filter(|((at, _), _)| *at < until) {
        *launches = rest;
        while open.last().is_some_and(|o| o.end <= at) {
            open.pop();
        }
        let Some(inner) = open.last().map(|o| o.node) else {
            continue;
        };
        nodes[inner].self_device_ns = nodes[inner].self_device_ns.saturating_add(ns);
    }
}

/// See [`ModuleRow`]; empty where no modules are recorded.
pub fn modules(index: &Index, vocabulary: &Vocabulary) -> (Vec<ModuleRow>, Option<RowsLeftOut>) {
    let Some(prefix) = vocabulary.module_prefix else {
        return (Vec::new(), None);
    };
    let names: FxHashSet<NameId> = index
        .names
        .iter()
        .filter_map(|(id, text)| text.starts_with(prefix).then_some(id))
        .collect();
    if names.is_empty() {
        return (Vec::new(), None);
    }
    let launched = LaunchedAt::of(index, vocabulary);
    let mut nodes: Vec<Node> = Vec::new();
    let mut by_place: FxHashMap<(Option<usize>, NameId), usize> = FxHashMap::default();
    for track in index.tracks.iter().filter(|t| t.family == Family::Python) {
        let mut open: Vec<Open> = Vec::new();
        let own = launched.as_ref().and_then(|l| l.0.get(&(track.pid, track.tid)));
        let mut launches = own.map_or(&[][..], Vec::as_slice);
        for id in track.rows.clone().map(SliceId) {
            let name = index.slices.name(id);
            if !names.contains(&name) {
                continue;
            }
            let span = index.slices.span(id);
            give(&mut launches, span.start, &mut open, &mut nodes);
            while open.last().is_some_and(|o| o.end <= span.start) {
                open.pop();
            }
            let parent = open.last().map(|o| o.node);
            let node = match by_place.get(&(parent, name)) {
                Some(&node) => node,
                None => {
                    by_place.insert((parent, name), nodes.len());
                    nodes.push(Node {
                        name,
                        parent,
                        count: 0,
                        total_ns: 0,
                        self_ns: 0,
                        self_device_ns: 0,
                        total_device_ns: 0,
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
        give(&mut launches, i64::MAX, &mut open, &mut nodes);
    }
    // A module comes after the one around it, so its own is complete when it is added to that.
    for i in (0..nodes.len()).rev() {
        let total = nodes[i].total_device_ns.saturating_add(nodes[i].self_device_ns);
        nodes[i].total_device_ns = total;
        if let Some(parent) = nodes[i].parent {
            nodes[parent].total_device_ns = nodes[parent].total_device_ns.saturating_add(total);
        }
    }
    let (kept, left_out) = with_most_time(&nodes);
    let rows = in_tree_order(index, prefix, &nodes, &kept, launched.is_some());
    (rows, left_out)
}

/// Which nodes the list has room for, each with all around it, and what is left out.
fn with_most_time(nodes: &[Node]) -> (Vec<bool>, Option<RowsLeftOut>) {
    if nodes.len() <= MAX_MODULES {
        return (vec![true; nodes.len()], None);
    }
    let mut by_time: Vec<usize> = (0..nodes.len()).collect();
    order::sort_by_key(&mut by_time, |&i| (std::cmp::Reverse(nodes[i].total_ns), i));
    let mut kept = vec![false; nodes.len()];
    for i in by_time.into_iter().take(MAX_MODULES) {
        kept[i] = true;
    }
    let mut left_out = RowsLeftOut::default();
    for (i, node) in nodes.iter().enumerate() {
        kept[i] &= node.parent.is_none_or(|parent| kept[parent]);
        if kept[i] {
            continue;
        }
        left_out.rows += 1;
        left_out.calls += node.count;
        left_out.self_ns = left_out.self_ns.saturating_add(node.self_ns);
        if node.parent.is_none() {
            left_out.total_ns = left_out.total_ns.saturating_add(node.total_ns);
        }
    }
    (kept, Some(left_out))
}

/// Each after the one around it, most time first.
fn in_tree_order(
    index: &Index,
    prefix: &str,
    nodes: &[Node],
    kept: &[bool],
    with_device: bool,
) -> Vec<ModuleRow> {
    let mut below: Vec<Vec<usize>> = (0..=nodes.len()).map(|_| Vec::new()).collect();
    for (i, node) in nodes.iter().enumerate().filter(|&(i, _)| kept[i]) {
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
            total_device_ns: with_device.then_some(node.total_device_ns),
            self_device_ns: with_device.then_some(node.self_device_ns),
            longest_slice: node.longest.0,
        });
        next.extend(below[i + 1].iter().map(|&child| (child, row, depth + 1)));
    }
    rows
}
