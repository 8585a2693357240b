//! Stacks: sums that must hold on real traces, and a slow, obvious twin on invented ones.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stepscope::analyze::host::merged_stacks::{Calls, MAX_NODES, Tree, merged, threads};
use stepscope::analyze::report::StackSource;
use stepscope::base::{Span, Union};
use stepscope::index::Family;
use stepscope::session::{Opened, open_bytes};
use stepscope::table::StacksAsk;
use stepscope::view::flame::{calls_by_name, flame};
use stepscope::view::{FlameOrder, FlameQuestion};

use crate::corpus;

fn tree_of(opened: &Opened, source: StackSource, window: Span) -> Tree {
    let calls = Calls::new(&opened.index, &opened.vocabulary, source, window);
    merged(&calls, &threads(&opened.index))
}

fn check_sums(tree: &Tree) {
    let selfs: i64 = tree.nodes.iter().map(|n| n.self_ns).sum();
    assert_eq!(
        tree.nodes[0].total_ns, selfs,
        "the root is the sum of all self times"
    );
    let mut below = vec![0; tree.nodes.len()];
    for (i, node) in tree.nodes.iter().enumerate().skip(1) {
        assert!((node.parent as usize) < i && node.self_ns >= 0 && node.count > 0);
        below[node.parent as usize] += node.total_ns;
    }
    for (node, below) in tree.nodes.iter().zip(below).skip(1) {
        assert_eq!(node.total_ns, node.self_ns + below);
    }
}

#[test]
fn sums_hold_on_a_real_trace_over_any_range() {
    let path = "kineto/torch_cpu/torch-2.9.1/full.pt.trace.json.gz";
    let Some(bytes) = corpus::read(path) else { return };
    let opened = open_bytes(path, &bytes).unwrap();
    let index = &opened.index;
    let all = index.extent().unwrap();
    let step = &opened.report.steps[7];
    let of_step = Span::new(step.start_ns, step.start_ns + step.dur_ns);
    for window in [all, of_step] {
        for source in StackSource::ALL {
            let tree = tree_of(&opened, source, window);
            check_sums(&tree);
            assert_eq!(tree.folded, 0);
            assert!(tree.nodes.len() > 10);
        }
    }
    // One thread: whatever is open, is open once. The root frame lasts from start to end.
    let python = tree_of(&opened, StackSource::Python, all);
    let frames = index.tracks.iter().filter(|t| t.family == Family::Python);
    let rows = frames.flat_map(|t| t.rows.clone()).map(stepscope::base::SliceId);
    let open = Union::of(rows.map(|id| index.slices.span(id))).total_ns();
    assert_eq!(python.nodes[0].total_ns, open);
    // Two clocks differ, by little: the operators that end after the frame around them.
    assert!(
        python.cut_ns * 1_000 < open,
        "{} of {open} ns are cut",
        python.cut_ns
    );
    let calls: u64 = python.nodes.iter().map(|n| n.count).sum();
    assert_eq!(calls, 38_363 + 25_039, "every frame and every operator");
    let operators = tree_of(&opened, StackSource::Operators, all);
    let calls: u64 = operators.nodes.iter().map(|n| n.count).sum();
    assert_eq!((calls, operators.cut_ns), (25_039 + 255, 0));
}

#[test]
fn folded_stacks_hold_all_self_time() {
    let path = "kineto/torch_cpu/torch-2.9.1/full.pt.trace.json.gz";
    let Some(bytes) = corpus::read(path) else { return };
    let opened = open_bytes(path, &bytes).unwrap();
    let text = opened.folded(StackSource::Python, None, None).0;
    let sum: i64 = text
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<i64>().unwrap())
        .sum();
    let tree = tree_of(&opened, StackSource::Python, opened.index.extent().unwrap());
    assert_eq!(sum, tree.nodes[0].total_ns);
    assert!(text.lines().all(|line| line.matches(' ').count() == 1));
    let silu = text.lines().find(|l| l.contains(";aten::silu ")).unwrap();
    assert!(silu.starts_with("gen.py(48):_<module>;"), "{silu}");
    assert!(silu.contains(";nn.Module:_SiLU_"), "{silu}");
}

#[test]
fn a_flame_graph_is_bounded_and_zooms_into_a_frame() {
    let path = "kineto/torch_cpu/torch-2.9.1/full.pt.trace.json.gz";
    let Some(bytes) = corpus::read(path) else { return };
    let opened = open_bytes(path, &bytes).unwrap();
    for order in [FlameOrder::Heavy, FlameOrder::Time] {
        for width_px in [1, 40, 900] {
            let mut question = FlameQuestion {
                order,
                width_px,
                ..FlameQuestion::default()
            };
            let view = flame(&opened.index, &opened.vocabulary, &question);
            assert_eq!(view.sources.len(), 3);
            let bound = usize::from(view.n_rows) * (2 * width_px as usize + 2);
            assert!(view.boxes.len() <= bound, "{} boxes", view.boxes.len());
            #[expect(clippy::cast_precision_loss, reason = "pixels")]
            let edge = width_px as f32 * 1.0001;
            assert!(
                view.boxes
                    .iter()
                    .all(|b| b.x0 >= 0.0 && b.x0 <= b.x1 && b.x1 <= edge)
            );
            if order == FlameOrder::Time || width_px < 900 {
                continue;
            }
            let module = |name: &str| view.names.iter().position(|n| n == name);
            let lm = u32::try_from(module("nn.Module: LM_0").unwrap()).unwrap();
            let of = view.boxes.iter().find(|b| b.name == Some(lm)).unwrap();
            assert!(of.count == 51 && of.is_frame);
            question.zoom = of.node;
            let zoomed = flame(&opened.index, &opened.vocabulary, &question);
            assert_eq!((zoomed.zoom, zoomed.total_ns), (of.node, view.total_ns));
            let now = zoomed.boxes.iter().find(|b| b.node == of.node).unwrap();
            assert_eq!((now.x0, now.x1, now.total_ns), (0.0, 900.0, of.total_ns));
            // Those around it are there, as wide.
            assert_eq!(zoomed.boxes[0].node, Some(0));
            assert!(zoomed.boxes.len() > usize::from(now.depth) + 10);
        }
    }
}

/// A trace of one thread's operators, ns in place of µs.
fn trace(slices: &[(u8, i64, i64)]) -> String {
    let events: Vec<String> = slices
        .iter()
        .map(|(name, start, dur)| {
            format!(
                r#"{{"ph":"X","cat":"cpu_op","name":"{}","pid":1,"tid":1,"ts":{start},"dur":{dur}}}"#,
                (b'a' + name) as char
            )
        })
        .collect();
    format!(r#"{{"schemaVersion":1,"traceEvents":[{}]}}"#, events.join(","))
}

/// Instant by instant: which calls are open, by the stated rules. Gives ns by stack.
fn twin(slices: &[(u8, i64, i64)]) -> BTreeMap<String, i64> {
    let mut sorted: Vec<(usize, i64, i64, u8)> = slices
        .iter()
        .enumerate()
        .map(|(i, &(name, start, dur))| (i, start, start + dur, name))
        .collect();
    sorted.sort_by_key(|&(i, start, end, _)| (start, -end, i));
    let mut stacks: BTreeMap<String, i64> = BTreeMap::new();
    for at in 0..100 {
        // The stack at `at`, built anew from all that started no later.
        let mut open: Vec<(i64, u8)> = Vec::new();
        for &(_, start, end, name) in sorted.iter().filter(|s| s.1 <= at) {
            open.retain(|&(e, _)| e > start);
            while open.last().is_some_and(|&(e, _)| end > e) {
                open.pop();
            }
            open.push((end, name));
        }
        while open.last().is_some_and(|&(e, _)| e <= at) {
            open.pop();
        }
        if !open.is_empty() {
            let stack: Vec<String> = open
                .iter()
                .map(|&(_, n)| ((b'a' + n) as char).to_string())
                .collect();
            *stacks.entry(stack.join(";")).or_default() += 1_000;
        }
    }
    stacks
}

#[test]
fn the_time_of_stacks_that_are_too_many_is_not_lost() {
    let operator = |i: usize| {
        let ts = i * 2;
        format!(r#"{{"ph":"X","cat":"cpu_op","name":"op{i}","pid":1,"tid":1,"ts":{ts},"dur":1}}"#)
    };
    let events: Vec<String> = (0..MAX_NODES + 500).map(operator).collect();
    let text = format!("[{}]", events.join(","));
    let opened = open_bytes("a.json", text.as_bytes()).unwrap();
    let (text, n_folded) = opened.folded(StackSource::Operators, None, None);
    let ns = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap();
    assert_eq!(text.lines().map(ns).sum::<usize>(), events.len() * 1_000);
    // The root is a node, too.
    assert_eq!(n_folded, 501);
    assert_eq!(text.lines().last(), Some("(further_stacks) 501000"));
}

proptest! {
    #[test]
    fn left_heavy_stacks_are_those_of_every_instant(
        slices in proptest::collection::vec((0u8..4, 0i64..60, 1i64..30), 1..14),
    ) {
        let opened = open_bytes("a.json", trace(&slices).as_bytes()).unwrap();
        let tree = tree_of(&opened, StackSource::Operators, opened.index.extent().unwrap());
        check_sums(&tree);
        let text = opened.folded(StackSource::Operators, None, None).0;
        let got: BTreeMap<String, i64> = text
            .lines()
            .map(|line| {
                let (stack, ns) = line.rsplit_once(' ').unwrap();
                (stack.to_owned(), ns.parse().unwrap())
            })
            .collect();
        let stacks = twin(&slices);
        prop_assert_eq!(got, stacks.clone());
        let (mut selfs, mut totals) = (BTreeMap::new(), BTreeMap::new());
        for (stack, ns) in &stacks {
            let mut names: Vec<&str> = stack.split(';').collect();
            *selfs.entry(names[names.len() - 1]).or_insert(0) += ns;
            names.sort_unstable();
            names.dedup();
            for name in names {
                *totals.entry(name).or_insert(0) += ns;
            }
        }
        let calls = calls_by_name(&opened.index, &opened.vocabulary, &StacksAsk {
            source: StackSource::Operators,
            window: opened.index.extent().unwrap(),
            thread: None,
        });
        prop_assert_eq!(calls.total_ns, stacks.values().sum::<i64>());
        prop_assert!(calls.names.is_sorted_by_key(|of| std::cmp::Reverse(of.self_ns)));
        for of in &calls.names {
            let name = of.name.as_str();
            prop_assert_eq!(of.self_ns, selfs.get(name).copied().unwrap_or(0), "self of {}", name);
            prop_assert_eq!(of.total_ns, totals.get(name).copied().unwrap_or(0), "total of {}", name);
        }
        prop_assert_eq!(calls.names.iter().map(|of| of.count).sum::<u64>(), slices.len() as u64);
    }
}
