//! Framework operators by name, as torch's own `key_averages` counts them, so that the two can be compared.
//!
//! The operators and annotations of one thread form a tree: an operator's parent is the innermost one that
//! encloses it; one that only overlaps another is its sibling. An only child of its parent's name is dropped
//! and its children are lifted (torch: `_remove_dup_nodes`). Self time is duration less that of the children;
//! total time is summed over all calls, so a recursive operator counts twice. Python frames and runtime calls
//! take nothing away from the operator around them (torch 2.9; torch 2.15 subtracts frames, and gets negative
//! self times).
//!
//! Device time of an operator is that of the work launched inside it, found by the link number of the launch;
//! its self time is that of launches inside it but in none of its children.

use rustc_hash::FxHashMap;

use crate::base::SliceId;
use crate::dialect::{LaunchLink, Role, Vocabulary};
use crate::index::{Family, Index};

use super::report::Operator;

/// All operators, most self time first.
pub fn operators(index: &Index, vocabulary: &Vocabulary) -> Vec<Operator> {
    let work = WorkByLink::of(index, vocabulary);
    let is_operator = |id: SliceId| {
        if vocabulary.operator_categories.is_empty() {
            vocabulary.role(id) == Role::HostOp
        } else {
            vocabulary
                .operator_categories
                .contains(&index.slices.category(id))
        }
    };
    let mut by_name: FxHashMap<(u32, u16), Operator> = FxHashMap::default();
    let mut tree = Tree::default();
    for track in index.track_ids() {
        if index.track(track).family != Family::Main {
            continue;
        }
        tree.clear();
        let mut launches = index
            .rows(track)
            .filter_map(|id| work.as_ref()?.launched_by(id).map(|ns| (id, ns)))
            .peekable();
        for id in index.rows(track) {
            if is_operator(id) {
                let span = index.slices.span(id);
                tree.add(id, index.slices.name(id).0, span.start, span.end);
            }
            if let Some((_, ns)) = launches.next_if(|&(launch, _)| launch == id) {
                tree.launch(index.slices.start(id).as_ns(), ns);
            }
        }
        for node in tree.rows() {
            let key = (index.slices.name(node.id).0, index.slices.category(node.id).0);
            let row = by_name.entry(key).or_insert_with(|| Operator {
                name: index.name_of(node.id).to_owned(),
                count: 0,
                self_cpu_ns: 0,
                total_cpu_ns: 0,
                self_device_ns: work.is_some().then_some(0),
                total_device_ns: work.is_some().then_some(0),
                longest_slice: node.id.0,
            });
            row.count += 1;
            row.self_cpu_ns = row.self_cpu_ns.saturating_add(node.self_ns);
            row.total_cpu_ns = row.total_cpu_ns.saturating_add(node.dur_ns);
            row.self_device_ns = row
                .self_device_ns
                .map(|ns| ns.saturating_add(node.self_device_ns));
            row.total_device_ns = row
                .total_device_ns
                .map(|ns| ns.saturating_add(node.total_device_ns));
            if node.dur_ns > index.slices.dur(SliceId(row.longest_slice)).as_ns() {
                row.longest_slice = node.id.0;
            }
        }
    }
    sorted(by_name.into_values().collect())
}

/// Most self time first, then by name.
pub(super) fn sorted(mut operators: Vec<Operator>) -> Vec<Operator> {
    operators.sort_by(|a, b| {
        b.self_cpu_ns
            .cmp(&a.self_cpu_ns)
            .then_with(|| a.name.cmp(&b.name))
    });
    operators
}

/// Device time by link number, and the link number of host calls.
struct WorkByLink {
    device_ns: FxHashMap<i64, i64>,
    /// Host slices with device work, ascending.
    host: Vec<(SliceId, i64)>,
}

impl WorkByLink {
    /// `None` where no unique number links device work to host calls, or there is no device work.
    fn of(index: &Index, vocabulary: &Vocabulary) -> Option<WorkByLink> {
        let LaunchLink::Correlation(key) = vocabulary.launch_link else {
            return None;
        };
        let mut work = WorkByLink {
            device_ns: FxHashMap::default(),
            host: Vec::new(),
        };
        for (id, link) in index.arg_column(key)?.ints() {
            if vocabulary.role(id).is_device() {
                let ns = work.device_ns.entry(link).or_default();
                *ns = ns.saturating_add(index.slices.dur(id).as_ns());
            } else {
                work.host.push((id, link));
            }
        }
        // A runtime call that wraps a driver call carries the same number: the outer one, which comes first,
        // has launched the work.
        let mut seen = rustc_hash::FxHashSet::default();
        let device_ns = &work.device_ns;
        work.host
            .retain(|&(_, link)| device_ns.contains_key(&link) && seen.insert(link));
        (!work.device_ns.is_empty()).then_some(work)
    }

    /// Device time that a host slice launched.
    fn launched_by(&self, id: SliceId) -> Option<i64> {
        let i = self.host.binary_search_by_key(&id, |&(slice, _)| slice).ok()?;
        self.device_ns.get(&self.host[i].1).copied()
    }
}

/// One operator call.
struct Node {
    id: SliceId,
    name: u32,
    dur_ns: i64,
    end: i64,
    parent: Option<usize>,
    n_children: u32,
    self_ns: i64,
    self_device_ns: i64,
    total_device_ns: i64,
    is_duplicate: bool,
}

/// The operator calls of one thread, added in order of start, longest first.
#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    open: Vec<usize>,
}

impl Tree {
    fn clear(&mut self) {
        self.nodes.clear();
        self.open.clear();
    }

    fn add(&mut self, id: SliceId, name: u32, start: i64, end: i64) {
        while let Some(&top) = self.open.last() {
            if start < self.nodes[top].end && end <= self.nodes[top].end {
                break;
            }
            self.open.pop();
        }
        let parent = self.open.last().copied();
        if let Some(parent) = parent {
            self.nodes[parent].n_children += 1;
        }
        self.open.push(self.nodes.len());
        self.nodes.push(Node {
            id,
            name,
            dur_ns: end - start,
            end,
            parent,
            n_children: 0,
            self_ns: end - start,
            self_device_ns: 0,
            total_device_ns: 0,
            is_duplicate: false,
        });
    }

    /// Work of `device_ns` is launched at `at`.
    fn launch(&mut self, at: i64, device_ns: i64) {
        let inside = self.open.iter().rev().find(|&&i| at < self.nodes[i].end);
        if let Some(&i) = inside {
            let ns = &mut self.nodes[i].self_device_ns;
            *ns = ns.saturating_add(device_ns);
        }
    }

    /// The calls that remain when duplicates are dropped, with their times.
    fn rows(&mut self) -> impl Iterator<Item = &Node> {
        for i in 0..self.nodes.len() {
            let Some(parent) = self.nodes[i].parent else {
                continue;
            };
            // A chain of only children of one name is one call: the parent may itself be a duplicate by now.
            self.nodes[i].is_duplicate =
                self.nodes[parent].n_children == 1 && self.nodes[parent].name == self.nodes[i].name;
        }
        for i in (0..self.nodes.len()).rev() {
            let node = &mut self.nodes[i];
            node.total_device_ns = node.total_device_ns.saturating_add(node.self_device_ns);
            let Some(parent) = node.parent else {
                continue;
            };
            // What a dropped call did outside its children becomes its parent's own.
            let (mut taken_ns, mut own_device_ns) = (node.dur_ns, 0);
            if node.is_duplicate {
                taken_ns = taken_ns.saturating_sub(node.self_ns);
                own_device_ns = node.self_device_ns;
            }
            let below_device_ns = node.total_device_ns.saturating_sub(own_device_ns);
            let above = &mut self.nodes[parent];
            above.self_ns = above.self_ns.saturating_sub(taken_ns);
            above.self_device_ns = above.self_device_ns.saturating_add(own_device_ns);
            above.total_device_ns = above.total_device_ns.saturating_add(below_device_ns);
        }
        self.nodes.iter().filter(|n| !n.is_duplicate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(calls: &[(u32, i64, i64)], want: &[(u32, i64, i64)]) {
        let mut tree = Tree::default();
        for (i, &(name, start, end)) in calls.iter().enumerate() {
            tree.add(SliceId::from_index(i), name, start, end);
        }
        let got: Vec<_> = tree.rows().map(|n| (n.name, n.dur_ns, n.self_ns)).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn self_time_is_duration_less_children() {
        check(
            &[(1, 0, 100), (2, 10, 30), (3, 12, 20), (2, 40, 50)],
            &[(1, 100, 70), (2, 20, 12), (3, 8, 8), (2, 10, 10)],
        );
    }

    #[test]
    fn an_only_child_of_its_parents_name_is_the_same_call() {
        check(
            &[(1, 0, 100), (1, 10, 90), (1, 20, 80), (2, 30, 40)],
            &[(1, 100, 90), (2, 10, 10)],
        );
        check(
            &[(1, 0, 100), (1, 10, 20), (2, 30, 40)],
            &[(1, 100, 80), (1, 10, 10), (2, 10, 10)],
        );
    }

    #[test]
    fn a_partial_overlap_is_a_sibling() {
        check(
            &[(1, 0, 10), (2, 5, 15), (3, 6, 9)],
            &[(1, 10, 10), (2, 10, 7), (3, 3, 3)],
        );
    }

    #[test]
    fn device_time_goes_to_the_innermost_open_call_and_up() {
        let mut tree = Tree::default();
        tree.add(SliceId(0), 1, 0, 100);
        tree.add(SliceId(1), 2, 10, 50);
        tree.add(SliceId(2), 2, 15, 45);
        tree.launch(20, 7);
        tree.launch(60, 5);
        tree.launch(200, 9);
        let got: Vec<_> = tree
            .rows()
            .map(|n| (n.name, n.self_device_ns, n.total_device_ns))
            .collect();
        assert_eq!(got, vec![(1, 5, 12), (2, 7, 7)]);
    }
}
