//! What the page draws of a trace is bounded, whatever the trace: elements in lists and tables of a view, and texts.
//!
//! Elements are counted from the view models, a little too high: as each is drawn in `app/`.

use std::fmt::Write as _;

use serde_json::Value;
use stepscope::base::show::MOST_CHARS;
use stepscope::protocol::clip::Clip;
use stepscope::protocol::engine::{Answer, Question, Reply};
use stepscope::session::{Opened, open_bytes};
use stepscope::table::{Ask, Cell, PAGE_ROWS, Page};
use stepscope::view::bands::compile_bands;
use stepscope::view::table::coverage_grids;
use stepscope::view::timeline::Scene;
use stepscope::view::{GapKind, StepFilter, Summary};

use crate::small_trace::{stream, thread};

/// Elements in lists and tables of a view.
const MOST_ELEMENTS: usize = 3_000;

fn trace(n: usize, event: impl Fn(&mut String, usize)) -> Opened {
    let mut text = String::from("[");
    for i in 0..n {
        event(&mut text, i);
        text.push_str(",\n");
    }
    text.push_str("{}]");
    open_bytes("t.json", text.as_bytes()).unwrap()
}

fn slice(text: &mut String, name: &str, pid: usize, ts: usize, dur: usize) {
    let slice = thread(pid, 2).slice("", name, ts, dur);
    text.push_str(&slice.to_string());
}

/// A step of a bucket that no other step has.
fn buckets(n: usize) -> Opened {
    trace(n, |text, i| {
        slice(text, "decode", 1, i * 100, 90);
        text.push_str(",\n");
        let name = format!("model_forward_bs{i}_seq1_ctx{}_graphsT", i * 128);
        slice(text, &name, 1, i * 100 + 1, 60);
    })
}

/// Warm-up of so many buckets, then a step of each.
fn warmed(n: usize) -> Opened {
    trace(2 * n, |text, i| {
        if i == 0 {
            slice(text, "warmup", 1, 0, n * 100);
            text.push_str(",\n");
        }
        let at = i * 100 + if i < n { 0 } else { 1_000_000 };
        slice(text, "decode", 1, at + 1, 90);
        text.push_str(",\n");
        let (batch, ctx) = (i % n + 1, (i % n + 1) * 128);
        slice(
            text,
            &format!("model_forward_bs{batch}_seq1_ctx{ctx}_graphsT"),
            1,
            at + 2,
            60,
        );
    })
}

/// A compile in each step.
fn compiles(n: usize) -> Opened {
    trace(n, |text, i| {
        slice(text, "decode", 1, i * 1_000, 900);
        text.push_str(",\n");
        slice(text, "GRAPH COMPILE: decode_4_1_128", 1, i * 1_000 + 1, 500);
        text.push_str(",\n");
        slice(
            text,
            "model_forward_bs4_seq1_ctx128_graphsT",
            1,
            i * 1_000 + 1,
            600,
        );
    })
}

/// An engine for each process.
fn processes(n: usize) -> Opened {
    trace(n * 4, |text, i| {
        slice(text, "decode", i % n, i * 1_000, 90);
        text.push_str(",\n");
        slice(
            text,
            "model_forward_bs4_seq1_ctx128_graphsT",
            i % n,
            i * 1_000 + 1,
            60,
        );
    })
}

/// Launches of a device each.
fn devices(n: usize) -> Opened {
    trace(n * 2, |text, i| {
        let (device, ts) = (i % n, i * 1_000);
        let launch = thread(1, 2).launch(i, ts, 9);
        let on = i64::try_from(device).unwrap();
        let kernel = stream(on, 7).kernel(&format!("k{device}"), i, ts + 20, 500);
        text.push_str(&format!("{},\n{}", *launch, *kernel));
    })
}

/// Tracks, names, args and categories of so many characters.
fn long_names(n: usize, chars: usize) -> Opened {
    let name = "n".repeat(chars);
    trace(n, |text, i| {
        write!(
            text,
            r#"{{"ph":"M","name":"process_name","pid":{i},"tid":2,"args":{{"name":"p{i}{name}"}}}},
            {{"ph":"M","name":"thread_name","pid":{i},"tid":2,"args":{{"name":"t{i}{name}"}}}},
            {{"ph":"X","cat":"c{name}","name":"s{i}{name}","pid":{i},"tid":2,"ts":{i},"dur":9,"args":{{"a":"{name}"}}}}"#
        )
        .unwrap();
    })
}

/// As `data_table` draws a table.
fn of_page(page: &Page) -> usize {
    let shown = page.shown(&[], &[]);
    let of_cell = |cell: &Cell| match cell {
        Cell::Unknown | Cell::Int(_) | Cell::Real(_) | Cell::Flag(_) | Cell::Bucket(_) => 1,
        Cell::Text(_) => 2,
        Cell::Term(_) | Cell::Place(_) => 3,
        Cell::Parts { parts, .. } => 2 + 2 * parts.len(),
        Cell::Curve { values, .. } => 3 + values.len(),
    };
    let of_row = |row: &Vec<Cell>| 1 + shown.iter().map(|&at| of_cell(&row[at])).sum::<usize>();
    shown.len() * 2 + page.rows.iter().map(of_row).sum::<usize>()
}

fn of_table(opened: &Opened, scene: &Scene, key: &str, only: &[(&str, &str)]) -> usize {
    let only = only
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let question = Question::Table {
        key: key.to_owned(),
        ask: Ask {
            n_rows: PAGE_ROWS,
            only: only.collect(),
            ..Ask::default()
        },
    };
    match opened.answer(scene, &question) {
        Answer::Table(page) => of_page(&page),
        _ => 0,
    }
}

/// Tables of a view that are drawn at once: those in sight and a quarter of the window above and below. A table with
/// so many rows that it matters is some 600 px high.
const TABLES_IN_SIGHT: usize = 4;

/// Elements of the tables of a view; of one that is out of sight there are a section and its heading.
fn in_sight(mut tables: Vec<usize>) -> usize {
    tables.sort_unstable_by_key(|&n| std::cmp::Reverse(n));
    let shown = tables.iter().take(TABLES_IN_SIGHT).sum::<usize>();
    shown + 3 * tables.len().saturating_sub(TABLES_IN_SIGHT)
}

/// Elements of each view.
fn views(opened: &Opened) -> Vec<(&'static str, usize)> {
    let scene = opened.scene();
    let summary: Summary = opened.summary();
    let tables = |keys: &[&str]| {
        in_sight(
            keys.iter()
                .map(|key| of_table(opened, &scene, key, &[]))
                .collect(),
        )
    };
    let evidence: usize = summary.findings.iter().map(|f| 8 + 4 * f.evidence.len()).sum();
    let budget = summary
        .budget
        .as_ref()
        .map_or(0, |budget| 6 * budget.shares.len());
    let overview = summary.notes.len() + evidence + budget + summary.verdicts.len();
    let question = Question::Steps {
        filter: StepFilter::default(),
        plot_window: None,
        log: true,
        width_px: 1_000,
    };
    let Answer::Steps(steps) = opened.answer(&scene, &question) else {
        panic!("no steps");
    };
    // A row, its six cells, a swatch, a period; a bar with two elements a part, a bar for each engine.
    let of_group = |engines: usize, parts: usize| 10 + 1 + 2 * parts + 3 * engines;
    let groups = steps.parts.iter().map(|group| {
        let engines = group
            .mean_engines
            .as_ref()
            .map_or(0, |engines| engines.iter().count());
        of_group(engines, group.mean.known().count())
    });
    let compiles: Vec<_> = summary.recompiles.iter().collect();
    let bands = compile_bands(&compiles, summary.extent.unwrap_or_default()).len();
    let grids = summary.bucket_coverage.as_ref().map_or_else(
        || tables(&["bucket_coverage"]),
        |coverage| {
            let grids = coverage_grids(coverage);
            let of_grid = grids
                .iter()
                .map(|g| g.columns.len() + g.batches.len() * (2 + g.columns.len()));
            of_grid.sum()
        },
    );
    let of_place = |kind: GapKind, place: &str| {
        let only = [("kind", kind.key()), ("where", place)];
        let tables = ["gap_causes", "gaps", "longest_gaps"];
        // Two charts of a heading and facts, and bars with a title.
        let chart = 2 * (12 + 2 * 32);
        chart
            + tables
                .iter()
                .map(|key| of_table(opened, &scene, key, &only))
                .sum::<usize>()
    };
    let gaps = |kind: GapKind| {
        let places = summary.gaps.iter().filter(|gaps| gaps.kind == kind);
        places.map(|gaps| of_place(kind, &gaps.r#where)).sum::<usize>() + tables(&["gap_kinds"])
    };
    let idle: usize = summary.idle.iter().map(|idle| 5 + 2 * idle.causes.len()).sum();
    vec![
        (
            "overview",
            overview + tables(&["step_groups", "device_time", "defects", "categories"]),
        ),
        (
            "steps",
            groups.sum::<usize>() + tables(&["step_groups", "compiled_steps", "verdicts", "steps"]),
        ),
        ("gaps of steps", gaps(GapKind::Step)),
        ("gaps of devices", gaps(GapKind::Device)),
        ("gaps of launches", gaps(GapKind::Launch)),
        (
            "recompiles",
            2 * bands
                + grids
                + tables(&[
                    "recompiles",
                    "dynamo",
                    "dynamo_limits",
                    "metrics",
                    "metric_compiles",
                ]),
        ),
        (
            "device",
            idle + tables(&[
                "device_time",
                "idle",
                "longest_idle",
                "kernels",
                "launches",
                "launch_delays",
                "queue_depth",
                "stream_gaps",
                "copies",
                "syncs",
            ]),
        ),
        (
            "operators",
            tables(&["python", "operators", "modules", "kernels"]),
        ),
    ]
}

fn too_large(of: &str, opened: &Opened) -> Vec<String> {
    let views = views(opened);
    let large = views.into_iter().filter(|(_, n)| *n > MOST_ELEMENTS);
    large
        .map(|(view, n)| format!("{of}, {view}: {n} elements"))
        .collect()
}

#[test]
fn a_view_draws_no_more_than_three_thousand_elements_whatever_the_trace() {
    let mut large = too_large("buckets", &buckets(40_000));
    large.extend(too_large("buckets with warm-up", &warmed(5_000)));
    large.extend(too_large("compiles", &compiles(5_000)));
    large.extend(too_large("processes", &processes(3_000)));
    large.extend(too_large("devices", &devices(2_000)));
    let mut noted = buckets(10);
    for i in 0..10_000 {
        noted.note(format!("Note {i}."));
    }
    // 100 are listed; the trace has two notes of its own.
    assert_eq!(
        noted.summary().notes.last().unwrap(),
        "9,902 more notes: the report has all of them."
    );
    large.extend(too_large("notes", &noted));
    assert_eq!(large, [""; 0]);
}

#[test]
fn what_is_left_out_is_counted() {
    let few = warmed(20).summary();
    assert!(few.bucket_coverage.is_some(), "20 × 20 cells are a grid");
    let many = warmed(40);
    assert_eq!(many.summary().bucket_coverage, None, "1,600 cells are a table");
    assert!(many.summary().has("bucket_coverage"));
    let filter = StepFilter::default();
    let question = Question::Steps {
        filter,
        plot_window: None,
        log: true,
        width_px: 100,
    };
    let Answer::Steps(view) = many.answer(&many.scene(), &question) else {
        panic!("no steps");
    };
    // 40 groups of warm-up, 40 of serving.
    assert_eq!((view.parts.len(), view.parts_left_out), (30, 50));
}

/// The longest text of a value, characters, but for rules for kernels, which are the reader's own.
fn longest(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(list) => list.iter().map(longest).max().unwrap_or(0),
        Value::Object(members) => {
            let of_trace = members.iter().filter(|(key, _)| *key != "kernel_rules");
            of_trace.map(|(_, value)| longest(value)).max().unwrap_or(0)
        }
        _ => 0,
    }
}

#[test]
fn no_text_of_the_trace_reaches_the_page_longer_than_it_can_show() {
    let opened = long_names(100, 30_000);
    let scene = opened.scene();
    let mut questions = vec![
        Question::Tracks,
        Question::Slice { slice: 0 },
        Question::Search { text: "n".to_owned() },
        Question::Hits {
            text: "n".to_owned(),
            window: opened.summary().extent.unwrap(),
            width_px: 1_000_000,
        },
    ];
    questions.extend(opened.summary().tables.iter().map(|table| Question::Table {
        key: table.key.clone(),
        ask: Ask {
            n_rows: PAGE_ROWS,
            ..Ask::default()
        },
    }));
    let mut replies = vec![Reply::Summary(Box::new(opened.summary()))];
    replies.extend(questions.iter().map(|question| Reply::Answer {
        id: 0,
        answer: opened.answer(&scene, question),
    }));
    let mut seen = 0;
    for reply in &replies {
        let sent = serde_json::to_value(Clip(reply)).unwrap();
        let longest = longest(&sent);
        // The part that says how long it is has some 40 characters.
        assert!(longest < MOST_CHARS + 60, "{longest}");
        seen = seen.max(longest);
    }
    assert!(seen > MOST_CHARS, "there are long names");
}
