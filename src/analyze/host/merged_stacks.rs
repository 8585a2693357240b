//! Stacks of calls: which frame called which, merged by frame, or told one after the other.
//!
//! A thread's python frames and operators are two tracks, recorded by two clocks that differ by microseconds; here they
//! become one tree:
//! - what starts while something is open lies inside it;
//! - an operator that ends after the python frame around it is cut at the frame's end;
//! - anything else that ends later than what is open, by more than [`NEST_SLACK`], ends it: the open one is cut;
//! - within the slack the inner one is cut.
//!
//! So a call's time is never counted twice, self time is never negative, and the sum of all self times is the time in
//! which anything was open. What was cut is counted. Annotations are left out beside python frames: they begin and end
//! in the middle of frames.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, order, show};
use crate::dialect::{Role, Vocabulary};
use crate::index::nest::NEST_SLACK;
use crate::index::{Family, Index, Key};

use crate::analyze::report::StackSource;

/// Nodes of a tree; the calls of further stacks are counted into the frame around them.
pub const MAX_NODES: usize = 100_000;

/// Frames of a stack; what is called deeper is counted into the last of them. Python gives up at 1 000.
pub const MAX_FRAMES: usize = 2_000;

/// Bytes of folded stacks, about; the time of what does not fit stands in one line at the end.
const MAX_FOLDED_BYTES: usize = 100 << 20;

/// A thread: its tracks of operators and of python frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    pub pid: Key,
    pub tid: Key,
    pub main: Option<TrackId>,
    pub python: Option<TrackId>,
}

/// The threads that have slices, in the order of their tracks.
pub fn threads(index: &Index) -> Vec<Thread> {
    let mut place: FxHashMap<(Key, Key), usize> = FxHashMap::default();
    let mut threads: Vec<Thread> = Vec::new();
    for id in index.track_ids() {
        let track = index.track(id);
        if track.rows.is_empty() || track.family == Family::Asynchronous {
            continue;
        }
        let at = *place.entry((track.pid, track.tid)).or_insert(threads.len());
        if at == threads.len() {
            threads.push(Thread {
                pid: track.pid,
                tid: track.tid,
                main: None,
                python: None,
            });
        }
        match track.family {
            Family::Main => threads[at].main = Some(id),
            Family::Python => threads[at].python = Some(id),
            Family::Asynchronous => {}
        }
    }
    threads
}

/// What of a trace is looked at.
pub struct Calls<'a> {
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    source: StackSource,
    window: Span,
    modules: FxHashSet<NameId>,
}

/// Takes calls: in order, each entered and left, inner ones in between.
pub trait Visit {
    fn enter(&mut self, id: SliceId);
    /// It was seen in `span`, of which `self_ns` are in none of the calls inside.
    fn leave(&mut self, id: SliceId, span: Span, self_ns: i64);
}

/// A call that has not ended.
struct Open {
    id: SliceId,
    is_frame: bool,
    start: i64,
    end: i64,
    children_ns: i64,
}

impl<'a> Calls<'a> {
    pub fn new(index: &'a Index, vocabulary: &'a Vocabulary, source: StackSource, window: Span) -> Calls<'a> {
        let prefix = vocabulary
            .module_prefix
            .filter(|_| source == StackSource::Modules);
        let modules = prefix.map(|prefix| {
            let names = index.names.iter().filter(|(_, text)| text.starts_with(prefix));
            names.map(|(id, _)| id).collect()
        });
        Calls {
            index,
            vocabulary,
            source,
            window,
            modules: modules.unwrap_or_default(),
        }
    }

    fn wants(&self, id: SliceId) -> bool {
        match self.source {
            StackSource::Python => {
                matches!(self.vocabulary.role(id), Role::PythonFrame | Role::HostOp)
            }
            StackSource::Operators => {
                let categories = &self.vocabulary.operator_categories;
                if categories.is_empty() {
                    self.vocabulary.role(id) == Role::HostOp
                } else {
                    categories.contains(&self.index.slices.category(id))
                }
            }
            StackSource::Modules => self.modules.contains(&self.index.slices.name(id)),
        }
    }

    /// Whether a thread has calls of this kind at all, as far as its tracks say.
    pub fn may_have(&self, thread: &Thread) -> bool {
        match self.source {
            StackSource::Operators => thread.main.is_some(),
            StackSource::Python | StackSource::Modules => thread.python.is_some(),
        }
    }

    /// Tells the calls of a thread; gives the time that was cut.
    pub fn visit(&self, thread: &Thread, visit: &mut dyn Visit) -> i64 {
        let rows = |track: Option<TrackId>| track.map_or(0..0, |t| self.index.track(t).rows.clone());
        let mut main = match self.source {
            StackSource::Modules => 0..0,
            _ => rows(thread.main),
        };
        let mut python = match self.source {
            StackSource::Operators => 0..0,
            _ => rows(thread.python),
        };
        let slices = &self.index.slices;
        let mut open: Vec<Open> = Vec::new();
        let mut cut_ns = 0_i64;
        loop {
            let start_of = |rows: &std::ops::Range<u32>| {
                (!rows.is_empty()).then(|| slices.start(SliceId(rows.start)).as_ns())
            };
            let (is_frame, row) = match (start_of(&python), start_of(&main)) {
                (Some(p), Some(m)) if p <= m => (true, &mut python),
                (Some(_), None) => (true, &mut python),
                (_, Some(_)) => (false, &mut main),
                (None, None) => break,
            };
            let id = SliceId(row.start);
            row.start += 1;
            let whole = slices.span(id);
            if whole.start >= self.window.end {
                if is_frame {
                    python = 0..0;
                } else {
                    main = 0..0;
                }
                continue;
            }
            let span = whole.intersect(self.window);
            if whole.end < self.window.start || !self.wants(id) {
                continue;
            }
            let (start, mut end) = (span.start, span.end);
            while let Some(top) = open.last() {
                if top.end <= start {
                    close(&mut open, i64::MAX, visit);
                    continue;
                }
                let beyond = end.saturating_sub(top.end);
                if beyond <= 0 {
                    break;
                }
                if beyond <= NEST_SLACK || (top.is_frame && !is_frame) {
                    cut_ns = cut_ns.saturating_add(beyond);
                    end = top.end;
                    break;
                }
                cut_ns = cut_ns.saturating_add(top.end - start);
                close(&mut open, start, visit);
            }
            visit.enter(id);
            open.push(Open {
                id,
                is_frame,
                start,
                end,
                children_ns: 0,
            });
        }
        while !open.is_empty() {
            close(&mut open, i64::MAX, visit);
        }
        cut_ns
    }
}

/// Leaves the innermost call, no later than `at`.
fn close(open: &mut Vec<Open>, at: i64, visit: &mut dyn Visit) {
    let Some(call) = open.pop() else { return };
    let end = call.end.min(at);
    let ns = end - call.start;
    visit.leave(
        call.id,
        Span::new(call.start, end),
        ns.saturating_sub(call.children_ns),
    );
    if let Some(around) = open.last_mut() {
        around.children_ns = around.children_ns.saturating_add(ns);
    }
}

/// Calls of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub name: NameId,
    /// Row of the node around it; the root's is its own.
    pub parent: u32,
    pub total_ns: i64,
    pub self_ns: i64,
    pub count: u64,
    /// Its longest call, as far as it was seen.
    pub longest: SliceId,
    longest_ns: i64,
}

/// Calls merged by stack: node 0 is what is around all of them, and a parent comes before its children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub nodes: Vec<Node>,
    /// Calls counted into the frame around them, because there are more stacks than [`MAX_NODES`], or one of more than
    /// [`MAX_FRAMES`].
    pub folded: u64,
    pub cut_ns: i64,
}

/// The merged stacks of some threads.
pub fn merged(calls: &Calls<'_>, threads: &[Thread]) -> Tree {
    let mut merging = Merging {
        index: calls.index,
        tree: Tree {
            nodes: vec![Node {
                name: NameId(u32::MAX),
                parent: 0,
                total_ns: 0,
                self_ns: 0,
                count: 0,
                longest: SliceId(u32::MAX),
                longest_ns: -1,
            }],
            folded: 0,
            cut_ns: 0,
        },
        by_stack: FxHashMap::default(),
        path: vec![0],
    };
    for thread in threads {
        if calls.may_have(thread) {
            merging.tree.cut_ns += calls.visit(thread, &mut merging);
        }
    }
    let mut tree = merging.tree;
    let children = tree.nodes[1..].iter().filter(|n| n.parent == 0);
    tree.nodes[0].total_ns = children.map(|n| n.total_ns).fold(0, i64::saturating_add);
    tree
}

struct Merging<'a> {
    index: &'a Index,
    tree: Tree,
    by_stack: FxHashMap<(u32, NameId), u32>,
    /// Nodes of what is open; the same twice where a call is counted into the frame around it.
    path: Vec<u32>,
}

impl Visit for Merging<'_> {
    fn enter(&mut self, id: SliceId) {
        let parent = self.path.last().copied().unwrap_or(0);
        let name = self.index.slices.name(id);
        let nodes = &mut self.tree.nodes;
        let node = match self.by_stack.get(&(parent, name)) {
            Some(&node) => node,
            None if nodes.len() >= MAX_NODES || self.path.len() > MAX_FRAMES => parent,
            None => {
                let node = u32::try_from(nodes.len()).unwrap_or(0);
                self.by_stack.insert((parent, name), node);
                nodes.push(Node {
                    name,
                    parent,
                    total_ns: 0,
                    self_ns: 0,
                    count: 0,
                    longest: id,
                    longest_ns: -1,
                });
                node
            }
        };
        self.path.push(node);
    }

    fn leave(&mut self, id: SliceId, span: Span, self_ns: i64) {
        let node = self.path.pop().unwrap_or(0);
        let around = self.path.last().copied().unwrap_or(0);
        let of = &mut self.tree.nodes[node as usize];
        of.self_ns = of.self_ns.saturating_add(self_ns);
        if node == around {
            self.tree.folded += 1;
            return;
        }
        of.total_ns = of.total_ns.saturating_add(span.len_ns());
        of.count += 1;
        if span.len_ns() > of.longest_ns {
            (of.longest, of.longest_ns) = (id, span.len_ns());
        }
    }
}

impl Tree {
    /// Children of every node, most time first.
    pub fn children(&self, index: &Index) -> Vec<Vec<u32>> {
        let mut children: Vec<Vec<u32>> = self.nodes.iter().map(|_| Vec::new()).collect();
        for (node, i) in self.nodes.iter().zip(0u32..).skip(1) {
            children[node.parent as usize].push(i);
        }
        let of = |i: u32| &self.nodes[i as usize];
        for list in &mut children {
            order::sort_by(list, |&a, &b| {
                let ns = of(b).total_ns.cmp(&of(a).total_ns);
                ns.then_with(|| index.text(of(a).name).cmp(index.text(of(b).name)))
            });
        }
        children
    }
}

/// A folded stack a line, as flame graph programs read them and as torch's `export_stacks` writes them: frames from the
/// outside in, between semicolons, a blank, and self time in whole ns. Stacks without time of their own are left out.
/// Semicolons and blanks inside names become `_`, characters that command a terminal are written as escapes.
pub fn folded(index: &Index, tree: &Tree) -> String {
    let mut text = String::new();
    // Of stacks that have no node: those that lie in no other frame.
    let mut left_out_ns = tree.nodes[0].self_ns;
    let children = tree.children(index);
    // The stack of the node before, and where each of its frames ends.
    let mut stack = String::new();
    let mut ends: Vec<usize> = Vec::new();
    let mut next: Vec<(u32, usize)> = children[0].iter().rev().map(|&child| (child, 0)).collect();
    while let Some((node, depth)) = next.pop() {
        let of = &tree.nodes[node as usize];
        ends.truncate(depth);
        stack.truncate(ends.last().copied().unwrap_or(0));
        if depth > 0 {
            stack.push(';');
        }
        let name = index.text(of.name).replace([' ', ';', '\t', '\n', '\r'], "_");
        stack.push_str(&show::plain(&name));
        ends.push(stack.len());
        if of.self_ns > 0 && text.len() + stack.len() > MAX_FOLDED_BYTES {
            left_out_ns = left_out_ns.saturating_add(of.self_ns);
        } else if of.self_ns > 0 {
            text += &stack;
            text.push(' ');
            text += &of.self_ns.to_string();
            text.push('\n');
        }
        next.extend(
            children[node as usize]
                .iter()
                .rev()
                .map(|&child| (child, depth + 1)),
        );
    }
    if left_out_ns > 0 {
        text += &format!("(further_stacks) {left_out_ns}\n");
    }
    text
}
