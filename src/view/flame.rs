//! Stacks as boxes: merged by frame and heaviest first, or one after the other as time goes.
//!
//! Bounds, whatever the trace's size: boxes narrower than a pixel are drawn together, one for those of each frame that
//! is drawn itself (merged) or one a pixel (in order of time), so a row has at most `2 * width + 2` boxes; rows beyond
//! [`MAX_ROWS`] are counted.

use rustc_hash::FxHashMap;

use crate::analyze::host::merged_stacks::{self, Calls, Thread, Tree, Visit};
use crate::base::{NameId, SliceId, Span, order};
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;
use crate::table::{NamedCalls, StackCalls, StacksAsk};

use super::model::{
    FlameBox, FlameOrder, FlameQuestion, FlameThread, FlameView, MAX_FLAME_THREADS, StackSource,
};

/// Rows of boxes that are laid out, counted from the frame that is looked at.
pub const MAX_ROWS: u16 = 250;

/// The view that answers `question`.
pub fn flame(index: &Index, vocabulary: &Vocabulary, question: &FlameQuestion) -> FlameView {
    let extent = vocabulary.extent(index).unwrap_or(Span::new(0, 0));
    let window = question.window.unwrap_or(extent).intersect(extent);
    let all = merged_stacks::threads(index);
    let sources = sources(index, vocabulary, &all);
    let source = match sources.contains(&question.source) {
        true => question.source,
        false => sources.first().copied().unwrap_or_default(),
    };
    let calls = Calls::new(index, vocabulary, source, window);
    let threads = by_calls(index, &calls, &all);
    let mut chosen = chosen(&threads, question.thread);
    // Threads run at the same time, so only one of them can be shown in order of time.
    if question.order == FlameOrder::Time {
        chosen.truncate(1);
    }
    let width = question.width_px.clamp(1, 10_000);
    let tree = merged_stacks::merged(&calls, &chosen);
    let mut view = FlameView {
        order: question.order,
        source,
        sources,
        window,
        width_px: width,
        total_ns: tree.nodes[0].total_ns,
        zoom: None,
        boxes: Vec::new(),
        names: Vec::new(),
        n_rows: 0,
        n_rows_left_out: 0,
        folded: tree.folded,
        cut_ns: tree.cut_ns,
        thread: question.thread,
        threads: threads
            .iter()
            .take(MAX_FLAME_THREADS)
            .map(|&(id, thread)| FlameThread {
                id,
                title: title(index, thread),
            })
            .collect(),
    };
    let mut names = Numbering::default();
    match question.order {
        FlameOrder::Heavy => {
            let zoom = question
                .zoom
                .filter(|&node| node > 0 && (node as usize) < tree.nodes.len());
            view.zoom = zoom;
            heavy(index, vocabulary, &tree, zoom.unwrap_or(0), &mut view, &mut names);
        }
        FlameOrder::Time => {
            let mut laying = Laying {
                index,
                vocabulary,
                view: &mut view,
                names: &mut names,
                depth: 0,
                last: Vec::new(),
                px_per_ns: f64::from(width) / (window.len_ns().max(1) as f64),
            };
            for thread in &chosen {
                calls.visit(thread, &mut laying);
            }
        }
    }
    view.names = names
        .list
        .iter()
        .map(|&name| index.text(name).to_owned())
        .collect();
    view
}

/// The calls that are asked for, by name.
pub fn calls_by_name(index: &Index, vocabulary: &Vocabulary, ask: &StacksAsk) -> StackCalls {
    let calls = Calls::new(index, vocabulary, ask.source, ask.window);
    let all = merged_stacks::threads(index);
    let tree = merged_stacks::merged(&calls, &chosen(&by_calls(index, &calls, &all), ask.thread));
    StackCalls {
        total_ns: tree.nodes[0].total_ns,
        names: by_name(index, &tree),
    }
}

/// The threads that may have such calls, with their numbers, those with most slices first.
fn by_calls<'a>(index: &Index, calls: &Calls<'_>, all: &'a [Thread]) -> Vec<(u32, &'a Thread)> {
    let rows_of = |thread: &Thread| {
        let tracks = [thread.main, thread.python].into_iter().flatten();
        tracks.map(|t| index.track(t).rows.len()).sum::<usize>()
    };
    let mut threads: Vec<(u32, &Thread)> = (0u32..)
        .zip(all)
        .filter(|(_, thread)| calls.may_have(thread))
        .collect();
    order::sort_by_key(&mut threads, |(i, thread)| {
        (std::cmp::Reverse(rows_of(thread)), *i)
    });
    threads
}

/// The thread of this number; all of them, if there is none.
fn chosen(threads: &[(u32, &Thread)], number: Option<u32>) -> Vec<Thread> {
    match number.and_then(|number| threads.iter().find(|(i, _)| *i == number)) {
        Some((_, thread)) => vec![**thread],
        None => threads.iter().map(|(_, t)| **t).collect(),
    }
}

/// What the trace has stacks of.
fn sources(index: &Index, vocabulary: &Vocabulary, threads: &[Thread]) -> Vec<StackSource> {
    let has_python = threads.iter().any(|t| t.python.is_some());
    let modules = vocabulary.module_prefix.filter(|_| has_python);
    let has_modules =
        modules.is_some_and(|prefix| index.names.iter().any(|(_, text)| text.starts_with(prefix)));
    let has_operators = match vocabulary.operator_categories.is_empty() {
        true => vocabulary.roles.contains(&Role::HostOp),
        false => true,
    };
    StackSource::ALL
        .into_iter()
        .filter(|source| match source {
            StackSource::Python => has_python,
            StackSource::Operators => has_operators,
            StackSource::Modules => has_modules,
        })
        .collect()
}

fn title(index: &Index, thread: &Thread) -> String {
    let tracks = [thread.main, thread.python].into_iter().flatten();
    let name = tracks.filter_map(|t| index.track(t).name).next();
    let name = name.map(|n| index.text(n).trim().to_owned());
    name.unwrap_or_else(|| {
        let (pid, tid) = (thread.pid.show(&index.names), thread.tid.show(&index.names));
        format!("process {pid}, thread {tid}")
    })
}

/// Names of a view, numbered as they are met.
#[derive(Default)]
struct Numbering {
    list: Vec<NameId>,
    place: FxHashMap<NameId, u32>,
}

impl Numbering {
    fn of(&mut self, name: NameId) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let number = *self.place.entry(name).or_insert(next);
        if number == next {
            self.list.push(name);
        }
        number
    }
}

/// Left-heavy: each frame's children from its left edge, most time first. What is around `zoom` spans the width.
fn heavy(
    index: &Index,
    vocabulary: &Vocabulary,
    tree: &Tree,
    zoom: u32,
    view: &mut FlameView,
    names: &mut Numbering,
) {
    let width = f64::from(view.width_px);
    let children = tree.children(index);
    let mut around = Vec::new();
    let mut at = zoom;
    while at != 0 {
        around.push(at);
        at = tree.nodes[at as usize].parent;
    }
    around.push(0);
    let mut add = |node: u32, depth: u16, x: (f64, f64), merged: u32, view: &mut FlameView| {
        let of = &tree.nodes[node as usize];
        let is_root = node == 0;
        #[expect(clippy::cast_possible_truncation, reason = "a pixel")]
        view.boxes.push(FlameBox {
            x0: x.0 as f32,
            x1: x.1 as f32,
            depth,
            node: Some(node),
            name: (!is_root).then(|| names.of(of.name)),
            is_frame: !is_root && vocabulary.role(of.longest) == Role::PythonFrame,
            total_ns: of.total_ns,
            self_ns: of.self_ns,
            count: of.count,
            merged,
            slice: (!is_root).then_some(of.longest.0),
        });
        view.n_rows = view.n_rows.max(depth + 1);
    };
    // A zoomed frame deep down keeps its nearest surroundings.
    let shown = around.len().min(usize::from(MAX_ROWS));
    for (node, depth) in around[..shown].iter().rev().zip(0u16..) {
        add(*node, depth, (0.0, width), 0, view);
    }
    let first = u16::try_from(shown).unwrap_or(MAX_ROWS);
    let whole = tree.nodes[zoom as usize].total_ns.max(1) as f64;
    let mut next = vec![(zoom, first, 0.0)];
    while let Some((node, depth, left)) = next.pop() {
        if depth >= first.saturating_add(MAX_ROWS) {
            view.n_rows_left_out += u32::from(!children[node as usize].is_empty());
            continue;
        }
        let mut x = left;
        let mut small: Option<FlameBox> = None;
        for &child in &children[node as usize] {
            let of = &tree.nodes[child as usize];
            let px = of.total_ns as f64 * width / whole;
            if px >= 1.0 {
                add(child, depth, (x, x + px), 0, view);
                next.push((child, depth + 1, x));
                x += px;
                continue;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a pixel")]
            let small = small.get_or_insert_with(|| FlameBox {
                x0: x as f32,
                x1: x as f32,
                depth,
                ..FlameBox::default()
            });
            small.merged += 1;
            small.total_ns = small.total_ns.saturating_add(of.total_ns);
            small.self_ns = small.total_ns;
            small.count += of.count;
        }
        if let Some(mut small) = small {
            #[expect(clippy::cast_possible_truncation, reason = "a pixel")]
            let px = (small.total_ns as f64 * width / whole) as f32;
            small.x1 = small.x0 + px;
            view.n_rows = view.n_rows.max(depth + 1);
            view.boxes.push(small);
        }
    }
}

/// In order of time: calls as they are left.
struct Laying<'a> {
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    view: &'a mut FlameView,
    names: &'a mut Numbering,
    depth: u16,
    /// The last box of each row.
    last: Vec<Option<usize>>,
    px_per_ns: f64,
}

impl Visit for Laying<'_> {
    fn enter(&mut self, _: SliceId) {
        self.depth = self.depth.saturating_add(1);
    }

    fn leave(&mut self, id: SliceId, span: Span, self_ns: i64) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth >= MAX_ROWS {
            self.view.n_rows_left_out += 1;
            return;
        }
        let row = usize::from(self.depth);
        if row >= self.last.len() {
            self.last.resize(row + 1, None);
        }
        let start = self.view.window.start;
        #[expect(clippy::cast_possible_truncation, reason = "a pixel")]
        let px = |at: i64| (at.saturating_sub(start) as f64 * self.px_per_ns) as f32;
        let (x0, x1) = (px(span.start), px(span.end));
        let ns = span.len_ns();
        let name = Some(self.names_of(id));
        let boxes = &mut self.view.boxes;
        // What ends within a pixel of a small box's left edge joins it.
        if let Some(last) = self.last[row].map(|i| &mut boxes[i])
            && x1 - last.x0 < 1.0
        {
            last.x1 = last.x1.max(x1);
            last.total_ns = last.total_ns.saturating_add(ns);
            last.self_ns = last.self_ns.saturating_add(self_ns);
            last.count += 1;
            if last.name != name {
                last.name = None;
            }
            last.merged += 1;
            return;
        }
        self.last[row] = Some(boxes.len());
        self.view.n_rows = self.view.n_rows.max(self.depth + 1);
        boxes.push(FlameBox {
            x0,
            x1,
            depth: self.depth,
            node: None,
            name,
            is_frame: self.vocabulary.role(id) == Role::PythonFrame,
            total_ns: ns,
            self_ns,
            count: 1,
            merged: 0,
            slice: Some(id.0),
        });
    }
}

impl Laying<'_> {
    fn names_of(&mut self, id: SliceId) -> u32 {
        self.names.of(self.index.slices.name(id))
    }
}

/// The calls of a tree by name, most self time first.
fn by_name(index: &Index, tree: &Tree) -> Vec<NamedCalls> {
    let mut rows: FxHashMap<NameId, NamedCalls> = FxHashMap::default();
    let children = tree.children(index);
    let mut open: FxHashMap<NameId, u32> = FxHashMap::default();
    // Nodes to enter, and to leave again.
    let mut next: Vec<(u32, bool)> = children[0].iter().map(|&c| (c, true)).collect();
    while let Some((node, entering)) = next.pop() {
        let of = &tree.nodes[node as usize];
        let inside = open.entry(of.name).or_default();
        if !entering {
            *inside -= 1;
            continue;
        }
        let row = rows.entry(of.name).or_insert_with(|| NamedCalls {
            name: index.text(of.name).to_owned(),
            longest_slice: of.longest.0,
            ..NamedCalls::default()
        });
        row.count += of.count;
        row.self_ns = row.self_ns.saturating_add(of.self_ns);
        if *inside == 0 {
            row.total_ns = row.total_ns.saturating_add(of.total_ns);
        }
        *inside += 1;
        next.push((node, false));
        next.extend(children[node as usize].iter().map(|&child| (child, true)));
    }
    let mut rows: Vec<NamedCalls> = rows.into_values().collect();
    order::sort_by(&mut rows, |a, b| {
        (b.self_ns.cmp(&a.self_ns)).then_with(|| a.name.cmp(&b.name))
    });
    rows
}
