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

use std::num::NonZeroU64;

use rustc_hash::FxHashMap;

use crate::base::{SliceId, order};
use crate::dialect::{Role, Vocabulary};
use crate::index::{Family, Index};

use super::links::ByLink;
use super::report::Operator;

/// All operators, most self time first.
pub fn operators(index: &Index, vocabulary: &Vocabulary) -> Vec<Operator> {
    let mut work = WorkByLink::of(index, vocabulary);
    let is_operator = |id: SliceId| {
        if vocabulary.operator_categories.is_empty() {
            vocabulary.role(id) == Role::HostOp
        } else {
            vocabulary
                .operator_categories
                .contains(&index.slices.category(id))
        }
    };
    let with_device = work.is_some().then_some(0);
    let mut by_name: FxHashMap<(u32, u16), Operator> = FxHashMap::default();
    let mut count = |call: &Call| {
        let key = (call.name, index.slices.category(call.id).0);
        let row = by_name.entry(key).or_insert_with(|| Operator {
            name: index.name_of(call.id).to_owned(),
            count: 0,
            self_cpu_ns: 0,
            total_cpu_ns: 0,
            self_device_ns: with_device,
            total_device_ns: with_device,
            longest_slice: call.id.0,
        });
        row.count += 1;
        row.self_cpu_ns = row.self_cpu_ns.saturating_add(call.self_ns);
        row.total_cpu_ns = row.total_cpu_ns.saturating_add(call.dur_ns);
        row.self_device_ns = row
            .self_device_ns
            .map(|ns| ns.saturating_add(call.self_device_ns));
        row.total_device_ns = row
            .total_device_ns
            .map(|ns| ns.saturating_add(call.total_device_ns));
        row.longest_slice = longer(index, SliceId(row.longest_slice), call.id).0;
    };
    for track in index.track_ids() {
        if index.track(track).family != Family::Main {
            continue;
        }
        let mut tree = Tree::new(&mut count);
        for id in index.rows(track) {
            if is_operator(id) {
                let span = index.slices.span(id);
                tree.add(id, index.slices.name(id).0, span.start, span.end);
            }
            if let Some(ns) = work.as_mut().and_then(|work| work.launched_by(id)) {
                tree.launch(index.slices.start(id).as_ns(), ns);
            }
        }
        tree.finish();
    }
    sorted(by_name.into_values().collect())
}

/// Most self time first, then by name.
pub(super) fn sorted(mut operators: Vec<Operator>) -> Vec<Operator> {
    order::sort_by(&mut operators, |a, b| {
        b.self_cpu_ns
            .cmp(&a.self_cpu_ns)
            .then_with(|| a.name.cmp(&b.name))
    });
    operators
}

/// The longer of two slices; of equal ones the one that comes first.
pub(super) fn longer(index: &Index, a: SliceId, b: SliceId) -> SliceId {
    let key = |id: SliceId| (index.slices.dur(id), std::cmp::Reverse(id));
    if key(a) >= key(b) { a } else { b }
}

/// Device time by link number, and the host calls that may have launched it.
struct WorkByLink<'a> {
    /// Taken away by the call that launched it: a runtime call that wraps a driver call carries the same number,
    /// and the outer one, which comes first, has launched the work.
    device_ns: ByLink<Option<NonZeroU64>>,
    /// Links of host calls in order of rows.
    host: Box<dyn Iterator<Item = (SliceId, i64)> + 'a>,
    next: Option<(SliceId, i64)>,
}

impl WorkByLink<'_> {
    /// `None` where no unique number links device work to host calls, or there is no device work.
    fn of<'a>(index: &'a Index, vocabulary: &'a Vocabulary) -> Option<WorkByLink<'a>> {
        let column = vocabulary.links(index)?;
        let of = |device: bool| {
            let is_device = |id: SliceId| vocabulary.role(id).is_device();
            column.ints().filter(move |&(id, _)| is_device(id) == device)
        };
        let mut device_ns: ByLink<Option<NonZeroU64>> = ByLink::for_links(of(true).map(|(_, link)| link));
        let mut any = false;
        for (id, link) in of(true) {
            if let Some(slot) = device_ns.at(link) {
                let ns = index.slices.dur(id).as_ns().unsigned_abs();
                *slot = NonZeroU64::MIN.checked_add(ns + slot.map_or(0, |s| s.get() - 1));
                any = true;
            }
        }
        let mut host = Box::new(of(false));
        let next = host.next();
        any.then_some(WorkByLink {
            device_ns,
            host,
            next,
        })
    }

    /// Device time that a slice launched. Asked in order of rows.
    fn launched_by(&mut self, id: SliceId) -> Option<i64> {
        let mut launched = None;
        while let Some((row, link)) = self.next.filter(|&(row, _)| row <= id) {
            let taken = self.device_ns.at(link).and_then(Option::take);
            if row == id {
                launched = taken.and_then(|ns| i64::try_from(ns.get() - 1).ok());
            }
            self.next = self.host.next();
        }
        launched
    }
}

/// One operator call with all that it encloses.
#[derive(Clone, Debug)]
struct Call {
    id: SliceId,
    name: u32,
    dur_ns: i64,
    self_ns: i64,
    self_device_ns: i64,
    total_device_ns: i64,
}

/// A call that has not ended.
struct Open {
    call: Call,
    end: i64,
    /// The only child so far, if it has ended: whether it is this call again shows when this call ends.
    only: Option<Call>,
    n_children: u32,
}

/// The operator calls of one thread, added in order of start, longest first. Only those that are open are held;
/// the others are told as they end.
struct Tree<'a> {
    open: Vec<Open>,
    told: &'a mut dyn FnMut(&Call),
}

impl<'a> Tree<'a> {
    fn new(told: &'a mut dyn FnMut(&Call)) -> Tree<'a> {
        Tree {
            open: Vec::new(),
            told,
        }
    }

    fn add(&mut self, id: SliceId, name: u32, start: i64, end: i64) {
        while let Some(top) = self.open.last() {
            if start < top.end && end <= top.end {
                break;
            }
            self.close();
        }
        if let Some(parent) = self.open.last_mut() {
            parent.n_children += 1;
            if let Some(sibling) = parent.only.take() {
                parent.call.take_child(&sibling);
                (self.told)(&sibling);
            }
        }
        self.open.push(Open {
            call: Call {
                id,
                name,
                dur_ns: end - start,
                self_ns: end - start,
                self_device_ns: 0,
                total_device_ns: 0,
            },
            end,
            only: None,
            n_children: 0,
        });
    }

    /// Work of `device_ns` is launched at `at`.
    fn launch(&mut self, at: i64, device_ns: i64) {
        if let Some(inside) = self.open.iter_mut().rev().find(|open| at < open.end) {
            inside.call.self_device_ns = inside.call.self_device_ns.saturating_add(device_ns);
        }
    }

    fn close(&mut self) {
        let Some(Open { mut call, only, .. }) = self.open.pop() else {
            return;
        };
        if let Some(child) = only {
            if child.name == call.name {
                // The same call: what it did outside its children becomes this one's own.
                call.self_ns = call
                    .self_ns
                    .saturating_sub(child.dur_ns.saturating_sub(child.self_ns));
                call.self_device_ns = call.self_device_ns.saturating_add(child.self_device_ns);
                let below = child.total_device_ns.saturating_sub(child.self_device_ns);
                call.total_device_ns = call.total_device_ns.saturating_add(below);
            } else {
                call.take_child(&child);
                (self.told)(&child);
            }
        }
        call.total_device_ns = call.total_device_ns.saturating_add(call.self_device_ns);
        match self.open.last_mut() {
            Some(parent) if parent.n_children == 1 => parent.only = Some(call),
            Some(parent) => {
                parent.call.take_child(&call);
                (self.told)(&call);
            }
            None => (self.told)(&call),
        }
    }

    /// No more calls will come.
    fn finish(mut self) {
        while !self.open.is_empty() {
            self.close();
        }
    }
}

impl Call {
    fn take_child(&mut self, child: &Call) {
        self.self_ns = self.self_ns.saturating_sub(child.dur_ns);
        self.total_device_ns = self.total_device_ns.saturating_add(child.total_device_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of these calls and launches, in order of calls.
    fn told(calls: &[(u32, i64, i64)], launches: &[(i64, i64)]) -> Vec<Call> {
        let mut told = Vec::new();
        let mut tell = |call: &Call| told.push(call.clone());
        let mut tree = Tree::new(&mut tell);
        for (i, &(name, start, end)) in calls.iter().enumerate() {
            tree.add(SliceId::from_index(i), name, start, end);
        }
        for &(at, ns) in launches {
            tree.launch(at, ns);
        }
        tree.finish();
        told.sort_by_key(|call| call.id);
        told
    }

    fn check(calls: &[(u32, i64, i64)], want: &[(u32, i64, i64)]) {
        let got: Vec<_> = told(calls, &[])
            .iter()
            .map(|c| (c.name, c.dur_ns, c.self_ns))
            .collect();
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
        let got: Vec<_> = told(
            &[(1, 0, 100), (2, 10, 50), (2, 15, 45)],
            &[(20, 7), (60, 5), (200, 9)],
        )
        .iter()
        .map(|c| (c.name, c.self_device_ns, c.total_device_ns))
        .collect();
        assert_eq!(got, vec![(1, 5, 12), (2, 7, 7)]);
    }
}
