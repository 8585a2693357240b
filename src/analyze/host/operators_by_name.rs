//! Framework operators by name, as torch's own `key_averages` counts them, so that the two can be compared.
//!
//! The operators and annotations of one thread form a tree: an operator's parent is the innermost one that
//! encloses it; one that only overlaps another is its sibling. An only child of its parent's name is dropped
//! and its children are lifted (torch: `_remove_dup_nodes`). Self time is duration less that of the children;
//! total time is summed over all calls, so a recursive operator counts twice.
//!
//! Calls into the runtime and driver inside an operator are its children, and so is the profiler's own work, which
//! stands on a track of its own and belongs to the thread that ran the profiler. Python frames take nothing away from
//! the operator around them (torch 2.9; torch 2.15 subtracts them, and gets negative self times). An annotation that
//! another thread may end lies in no operator and has no self time.
//!
//! Bytes of an operator are what allocators handed out less what they took back between its start and its end, on any
//! thread; its own are those of none of its children.
//!
//! Device time of an operator is that of the work launched inside it, found by the link number of the launch;
//! its self time is that of launches inside it but in none of its children.

use std::cmp::Reverse;
use std::num::NonZeroU64;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{CategoryId, NameId, SliceId, Span, TrackId, order, stats};
use crate::dialect::{Role, Vocabulary};
use crate::index::{Family, Index};

use crate::analyze::device::link_map::LinkMap;
use crate::analyze::host::open_frames::{Stacks, python_tracks};
use crate::analyze::report::{Grouping, Operator, RowsLeftOut};

/// All operators, most self time first.
pub fn operators(index: &Index, vocabulary: &Vocabulary) -> Vec<Operator> {
    grouped(index, vocabulary, Grouping::Name)
}

/// All operators by name alone, by name and shapes of the inputs, or by name and the python frames around the call;
/// most self time first. Calls that do not say are together.
pub fn grouped(index: &Index, vocabulary: &Vocabulary, by: Grouping) -> Vec<Operator> {
    let rows = counted(index, vocabulary, by, PythonFrames::TakeNothing);
    let operators = rows.into_iter().filter(|row| row.kind != Kind::Call);
    let with_deviation = |row: Counted| Operator {
        self_deviation_ns: stats::deviation(row.operator.count, row.operator.self_cpu_ns, row.self_squares),
        ..row.operator
    };
    sorted(operators.map(with_deviation).collect())
}

/// Whether python frames inside an operator are its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PythonFrames {
    TakeNothing,
    TakeTime,
}

/// What a slice on a host thread is to the operators around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Operator,
    /// An annotation that another thread may end.
    Asynchronous,
    /// Into the runtime or driver, or the profiler's own work.
    Call,
    /// A python frame that takes time.
    Frame,
}

/// A row of torch's own table, which has calls beside operators.
#[derive(Clone, Debug)]
pub struct Counted {
    pub operator: Operator,
    pub kind: Kind,
    /// Calls into the runtime or the profiler's own work lie in it.
    pub holds_calls: bool,
    /// Squares of the calls' self times, summed.
    self_squares: f64,
}

/// Operators and calls; in no order.
pub fn counted(index: &Index, vocabulary: &Vocabulary, by: Grouping, frames: PythonFrames) -> Vec<Counted> {
    let mut work = WorkByLink::of(index, vocabulary);
    let allocated = AllocatedIn::of(index, vocabulary);
    let kinds = Kinds::of(index, vocabulary);
    let numbered = numbered(index, vocabulary);
    let with_device = work.is_some().then_some(0);
    let with_bytes = allocated.as_ref().map(|_| 0);
    let with_cpu_times = (!index.cpu_times.is_empty()).then_some(0);
    let mut rows: FxHashMap<(NameId, CategoryId, u32), Counted> = FxHashMap::default();
    let mut count = |call: &Call| {
        if call.kind == Kind::Frame {
            return;
        }
        let name = index.slices.name(call.id);
        let (name, text) = match numbered.get(&name) {
            Some((first, text)) => (*first, text.as_str()),
            None => (name, index.text(name)),
        };
        let key = (name, index.slices.category(call.id), call.group);
        let row = rows.entry(key).or_insert_with(|| Counted {
            operator: Operator {
                name: text.to_owned(),
                on_cpu_ns: with_cpu_times,
                waiting_ns: with_cpu_times,
                self_device_ns: with_device,
                total_device_ns: with_device,
                self_cpu_bytes: with_bytes,
                total_cpu_bytes: with_bytes,
                self_device_bytes: with_bytes,
                total_device_bytes: with_bytes,
                longest_slice: call.id.0,
                ..Operator::default()
            },
            kind: call.kind,
            holds_calls: false,
            self_squares: 0.0,
        });
        row.holds_calls |= call.holds_calls;
        row.self_squares += (call.own[0] as f64).powi(2);
        let row = &mut row.operator;
        let add = |sum: &mut Option<i64>, n: i64| *sum = sum.map(|s| s.saturating_add(n));
        row.count += 1;
        let ([self_ns, self_cpu, self_device], [ns, cpu, device]) = (call.own, call.total);
        row.self_cpu_ns = row.self_cpu_ns.saturating_add(self_ns);
        row.total_cpu_ns = row.total_cpu_ns.saturating_add(ns);
        if let Some(on_cpu) = row.on_cpu_ns {
            let (on, off) = index.cpu_time(call.id).unzip();
            row.on_cpu_ns = on.map(|ns| on_cpu.saturating_add(ns));
            // One call whose wait is unknown leaves their sum unknown.
            let waited = row.waiting_ns.zip(off.flatten());
            row.waiting_ns = waited.map(|(sum, ns)| sum.saturating_add(ns));
        }
        add(&mut row.self_device_ns, call.self_device_ns);
        add(&mut row.total_device_ns, call.total_device_ns);
        add(&mut row.self_cpu_bytes, self_cpu);
        add(&mut row.total_cpu_bytes, cpu);
        add(&mut row.self_device_bytes, self_device);
        add(&mut row.total_device_bytes, device);
        row.longest_slice = longer(index, SliceId(row.longest_slice), call.id).0;
    };
    let mut stacks = Stacks::default();
    let python = python_tracks(index);
    let shapes = (by == Grouping::Shape)
        .then(|| index.arg_column(vocabulary.shapes_arg?))
        .flatten();
    let stray = kinds.overhead_without_operators(index);
    for track in index.track_ids() {
        let on = index.track(track);
        if on.family != Family::Main || on.rows.is_empty() || stray.tracks.contains(&track) {
            continue;
        }
        let python = python.get(&(on.pid, on.tid)).copied();
        let mut shapes = shapes
            .as_ref()
            .map(|column| column.ints_from(SliceId(on.rows.start)).peekable());
        let mut open = (by == Grouping::Stack).then(|| stacks.on(index, python));
        // What else takes time from the operators of this thread.
        let mut others: Vec<SliceId> = Vec::new();
        if stray.thread == Some(track) {
            others.extend(stray.tracks.iter().flat_map(|&t| index.rows(t)));
        }
        let frames = python.filter(|_| frames == PythonFrames::TakeTime);
        others.extend(frames.into_iter().flat_map(|t| index.rows(t)));
        order::sort_by_key(&mut others, |&id| {
            (index.slices.start(id), Reverse(index.slices.dur(id)), id)
        });
        let mut others = others.into_iter().peekable();
        let mut tree = Tree::new(&mut count);
        let add_other = |tree: &mut Tree<'_>, id: SliceId| {
            let kind = kinds.kind(id).unwrap_or(Kind::Frame);
            let span = index.slices.span(id);
            let bytes = allocated.as_ref().map_or([0; 2], |a| a.within(span));
            tree.add(Call::new(
                id,
                kind,
                NO_GROUP,
                index.slices.name(id).0,
                span,
                bytes,
            ));
        };
        for id in index.rows(track) {
            let Some(kind) = kinds.kind(id) else {
                if let Some(ns) = work.as_mut().and_then(|work| work.launched_by(id)) {
                    tree.launch(index.slices.start(id).as_ns(), ns);
                }
                continue;
            };
            let span = index.slices.span(id);
            let first = |other: &SliceId| {
                let other = index.slices.span(*other);
                (other.start, Reverse(other.end)) < (span.start, Reverse(span.end))
            };
            while let Some(other) = others.next_if(first) {
                add_other(&mut tree, other);
            }
            let mut group = NO_GROUP;
            if kind != Kind::Call {
                if let Some(shapes) = &mut shapes {
                    while shapes.next_if(|&(row, _)| row < id).is_some() {}
                    let shape = shapes.next_if(|&(row, _)| row == id).map(|(_, shape)| shape);
                    group = shape.and_then(|s| u32::try_from(s).ok()).unwrap_or(NO_GROUP);
                }
                if let Some(open) = &mut open {
                    group = open.at(span.start);
                }
            }
            let bytes = allocated.as_ref().map_or([0; 2], |a| a.within(span));
            tree.add(Call::new(id, kind, group, index.slices.name(id).0, span, bytes));
            if let Some(ns) = work.as_mut().and_then(|work| work.launched_by(id)) {
                tree.launch(span.start, ns);
            }
        }
        for other in others {
            add_other(&mut tree, other);
        }
        tree.finish();
    }
    let rows = rows.into_iter().map(|((.., group), mut row)| {
        match by {
            Grouping::Shape if group != NO_GROUP => {
                row.operator.shapes = Some(index.text(NameId(group)).to_owned());
            }
            Grouping::Stack => {
                let frames = stacks.frames(group);
                row.operator.stack = frames.map(|name| index.text(name).to_owned()).collect();
            }
            _ => {}
        }
        row
    });
    rows.collect()
}

/// What slices are, by category and name.
struct Kinds<'a> {
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    unlisted: FxHashSet<NameId>,
    asynchronous: FxHashSet<NameId>,
}

/// The profiler's own work on tracks without operators.
#[derive(Default)]
struct Stray {
    tracks: Vec<TrackId>,
    /// The thread that it belongs to.
    thread: Option<TrackId>,
}

impl Kinds<'_> {
    fn of<'a>(index: &'a Index, vocabulary: &'a Vocabulary) -> Kinds<'a> {
        let unlisted = vocabulary.unlisted_operators.iter();
        let begins = |text: &str| {
            vocabulary
                .asynchronous_operators
                .iter()
                .any(|p| text.starts_with(p))
        };
        Kinds {
            index,
            vocabulary,
            unlisted: unlisted.filter_map(|name| index.names.lookup(name)).collect(),
            asynchronous: index
                .names
                .iter()
                .filter_map(|(id, text)| begins(text).then_some(id))
                .collect(),
        }
    }

    fn kind(&self, id: SliceId) -> Option<Kind> {
        let v = self.vocabulary;
        let category = self.index.slices.category(id);
        let listed = if v.operator_categories.is_empty() {
            v.role(id) == Role::HostOp
        } else {
            v.operator_categories.contains(&category)
        };
        if listed {
            let name = self.index.slices.name(id);
            return match () {
                () if self.unlisted.contains(&name) => None,
                () if self.asynchronous.contains(&name) => Some(Kind::Asynchronous),
                () => Some(Kind::Operator),
            };
        }
        let takes = v.call_categories.contains(&category) || v.overhead_categories.contains(&category);
        takes.then_some(Kind::Call)
    }

    /// The profiler's own work is written without its thread; torch gives it to the thread that ran the profiler: that
    /// of the process's number, else the one with most operators.
    fn overhead_without_operators(&self, index: &Index) -> Stray {
        let overhead = &self.vocabulary.overhead_categories;
        let mut stray = Stray::default();
        if overhead.is_empty() {
            return stray;
        }
        let mut most = (false, 0);
        for track in index.track_ids() {
            let on = index.track(track);
            if on.family != Family::Main {
                continue;
            }
            let (mut has_overhead, mut n_operators) = (false, 0_usize);
            for id in index.rows(track) {
                has_overhead |= overhead.contains(&index.slices.category(id));
                n_operators += usize::from(self.kind(id) == Some(Kind::Operator));
            }
            let rank = (on.pid == on.tid, n_operators);
            if n_operators > 0 && rank > most {
                most = rank;
                stray.thread = Some(track);
            }
            if has_overhead && n_operators == 0 {
                stray.tracks.push(track);
            }
        }
        stray
    }
}

/// Bound of the tables by shape and by stack in a report.
pub const MAX_GROUPS: usize = 5_000;

/// As many rows as a report holds, and what is left out.
pub fn bounded(mut rows: Vec<Operator>) -> (Vec<Operator>, Option<RowsLeftOut>) {
    if rows.len() <= MAX_GROUPS {
        return (rows, None);
    }
    let mut left_out = RowsLeftOut::default();
    for row in rows.drain(MAX_GROUPS..) {
        left_out.rows += 1;
        left_out.calls += row.count;
        left_out.self_ns = left_out.self_ns.saturating_add(row.self_cpu_ns);
        left_out.total_ns = left_out.total_ns.saturating_add(row.total_cpu_ns);
    }
    (rows, Some(left_out))
}

/// The group of calls that do not say.
const NO_GROUP: u32 = u32::MAX;

/// Names that differ by a number only and count as one: the first of them, and what they are called together.
fn numbered(index: &Index, vocabulary: &Vocabulary) -> FxHashMap<NameId, (NameId, String)> {
    let mut together = FxHashMap::default();
    for prefix in vocabulary.numbered_operators {
        let is_one = |text: &str| {
            let number = text.strip_prefix(prefix);
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        let all: Vec<NameId> = index
            .names
            .iter()
            .filter_map(|(id, text)| is_one(text).then_some(id))
            .collect();
        for &id in &all {
            let text = format!("{}*", prefix.trim_end_matches('#'));
            together.insert(id, (all[0], text));
        }
    }
    together
}

/// Bytes that allocators handed out less what they took back, on the host and on devices, in any stretch of time and
/// on whatever thread: torch gives an operator all that happens between its start and its end, both included.
struct AllocatedIn<'a> {
    index: &'a Index,
    /// Sums of all events before each row; one more than rows.
    sums: [Vec<i64>; 2],
}

impl AllocatedIn<'_> {
    /// `None` where no allocation is recorded.
    fn of<'a>(index: &'a Index, vocabulary: &Vocabulary) -> Option<AllocatedIn<'a>> {
        let memory = &index.memory;
        let mut sums = [vec![0], vec![0]];
        let mut now = [0_i64; 2];
        for (bytes, device) in memory.bytes.iter().zip(memory.device.iter()) {
            let device = vocabulary.memory_devices.get(usize::from(device));
            let of = usize::from(device.is_some_and(|d| !d.is_host));
            now[of] = now[of].saturating_add(bytes);
            sums[0].push(now[0]);
            sums[1].push(now[1]);
        }
        (!memory.is_empty()).then_some(AllocatedIn { index, sums })
    }

    fn within(&self, span: Span) -> [i64; 2] {
        let ts = &self.index.memory.ts;
        let from = ts.partition_point(0..ts.len(), |t| t < span.start);
        let to = ts.partition_point(from..ts.len(), |t| t <= span.end);
        let sum = |sums: &Vec<i64>| sums[to].saturating_sub(sums[from]);
        [sum(&self.sums[0]), sum(&self.sums[1])]
    }
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
    let key = |id: SliceId| (index.slices.dur(id), Reverse(id));
    if key(a) >= key(b) { a } else { b }
}

/// Device time by link number, and the host calls that may have launched it.
pub(super) struct WorkByLink<'a> {
    /// Taken away by the call that launched it: a runtime call that wraps a driver call carries the same number,
    /// and the outer one, which comes first, has launched the work.
    device_ns: LinkMap<Option<NonZeroU64>>,
    /// Links of host calls in order of rows.
    host: Box<dyn Iterator<Item = (SliceId, i64)> + 'a>,
    next: Option<(SliceId, i64)>,
}

impl WorkByLink<'_> {
    /// `None` where no unique number links device work to host calls, or there is no device work.
    pub(super) fn of<'a>(index: &'a Index, vocabulary: &'a Vocabulary) -> Option<WorkByLink<'a>> {
        let column = vocabulary.links(index)?;
        let of = |device: bool| {
            let is_device = |id: SliceId| vocabulary.role(id).is_device();
            column.ints().filter(move |&(id, _)| is_device(id) == device)
        };
        let mut device_ns: LinkMap<Option<NonZeroU64>> = LinkMap::for_links(of(true).map(|(_, link)| link));
        let mut any = false;
        for (id, link) in of(true) {
            if let Some(slot) = device_ns.at(link) {
                let ns = vocabulary.span(index, id).len_ns().unsigned_abs();
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
    pub(super) fn launched_by(&mut self, id: SliceId) -> Option<i64> {
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

/// What is counted of a call: ns, bytes allocated on the host, bytes allocated on devices.
type Amounts = [i64; 3];

/// One operator call with all that it encloses; or a call into the runtime, or a python frame.
#[derive(Clone, Debug)]
struct Call {
    id: SliceId,
    kind: Kind,
    group: u32,
    name: u32,
    span: Span,
    total: Amounts,
    /// Less that of its children.
    own: Amounts,
    self_device_ns: i64,
    total_device_ns: i64,
    holds_calls: bool,
}

/// A call that has not ended.
struct Open {
    call: Call,
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

    fn add(&mut self, call: Call) {
        if call.kind == Kind::Asynchronous {
            (self.told)(&call);
            return;
        }
        let span = call.span;
        while let Some(top) = self.open.last() {
            if span.start < top.call.span.end && span.end <= top.call.span.end {
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
            call,
            only: None,
            n_children: 0,
        });
    }

    /// Work of `device_ns` is launched at `at`.
    fn launch(&mut self, at: i64, device_ns: i64) {
        let mut inside = self.open.iter_mut().rev().map(|open| &mut open.call);
        if let Some(inside) = inside.find(|call| call.kind == Kind::Operator && at < call.span.end) {
            inside.self_device_ns = inside.self_device_ns.saturating_add(device_ns);
        }
    }

    fn close(&mut self) {
        let Some(Open { mut call, only, .. }) = self.open.pop() else {
            return;
        };
        if let Some(child) = only {
            if child.name == call.name {
                // The same call: what it did outside its children becomes this one's own.
                for ((own, total), below) in call.own.iter_mut().zip(child.total).zip(child.own) {
                    *own = own.saturating_sub(total.saturating_sub(below));
                }
                call.self_device_ns = call.self_device_ns.saturating_add(child.self_device_ns);
                let below = child.total_device_ns.saturating_sub(child.self_device_ns);
                call.total_device_ns = call.total_device_ns.saturating_add(below);
                call.holds_calls |= child.holds_calls;
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
    fn new(id: SliceId, kind: Kind, group: u32, name: u32, span: Span, bytes: [i64; 2]) -> Call {
        let total = [span.len_ns(), bytes[0], bytes[1]];
        let own = match kind {
            Kind::Asynchronous => [0; 3],
            _ => total,
        };
        Call {
            id,
            kind,
            group,
            name,
            span,
            total,
            own,
            self_device_ns: 0,
            total_device_ns: 0,
            holds_calls: false,
        }
    }

    fn take_child(&mut self, child: &Call) {
        for (own, total) in self.own.iter_mut().zip(child.total) {
            *own = own.saturating_sub(total);
        }
        self.total_device_ns = self.total_device_ns.saturating_add(child.total_device_ns);
        self.holds_calls |= child.holds_calls || child.kind == Kind::Call;
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
            let (id, span) = (SliceId::from_index(i), Span::new(start, end));
            tree.add(Call::new(id, Kind::Operator, NO_GROUP, name, span, [0; 2]));
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
            .map(|c| (c.name, c.total[0], c.own[0]))
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
