//! Files that nobody wrote by accident: each has its outcome pinned, every question of the page is put to it,
//! and its cost must grow as its size does.
//!
//! Cost is the processor time of this thread, compared with itself at another size; memory is a limit that the
//! operating system sets on the command line.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

use expect_test::expect;
use stepscope::base::Span;
use stepscope::ingest::Inflater;
use stepscope::protocol::engine::{Answer, Question};
use stepscope::session::{self, CutError, LoadError, Loader, Opened, open_bytes};
use stepscope::synth::Gzip;
use stepscope::table::{AreaAsk, Ask, GapsAsk, MAX_ROWS, Order, SelectedAsk, StacksAsk};
use stepscope::view::{CutRequest, FlameOrder, FlameQuestion, StackSource, StepFilter, TrackPart};

/// A trace of `n` events, or of what stands in their place, and for how many of them the outcome is pinned.
struct Case {
    name: &'static str,
    make: fn(usize) -> Vec<u8>,
    pinned_at: usize,
}

fn list(n: usize, event: impl Fn(&mut String, usize)) -> Vec<u8> {
    let mut text = String::with_capacity(n * 80);
    text.push('[');
    for i in 0..n {
        if i > 0 {
            text.push_str(",\n");
        }
        event(&mut text, i);
    }
    text.push(']');
    text.into_bytes()
}

macro_rules! events {
    ($n:expr, |$i:ident| $($format:tt)*) => {
        list($n, |out, $i| write!(out, $($format)*).unwrap())
    };
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    // Lists behind one another: the brackets between them become a comma.
    let mut out = Vec::new();
    for part in parts {
        if !out.is_empty() {
            out.pop();
            out.extend(b",\n");
            out.extend(&part[1..]);
        } else {
            out.extend(*part);
        }
    }
    out
}

const CASES: &[Case] = &[
    Case {
        name: "a million distinct names",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"n{i}","pid":1,"tid":1,"ts":{i},"dur":1}}"#
            )
        },
        pinned_at: 1_000_000,
    },
    Case {
        name: "a million tracks of one event",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"a","pid":1,"tid":{i},"ts":{i},"dur":1}}"#
            )
        },
        pinned_at: 1_000_000,
    },
    Case {
        name: "a process for each event, named afterwards",
        make: |n| {
            let slices = events!(
                n,
                |i| r#"{{"ph":"X","name":"a","pid":{i},"tid":1,"ts":{i},"dur":1}}"#
            );
            let names = events!(
                n,
                |i| r#"{{"ph":"M","name":"process_name","pid":{i},"args":{{"name":"p{i}"}}}}"#
            );
            join(&[&slices, &names])
        },
        pinned_at: 200_000,
    },
    Case {
        name: "a million categories",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"a","cat":"c{i}","pid":1,"tid":1,"ts":{i},"dur":1}}"#
            )
        },
        pinned_at: 1_000_000,
    },
    Case {
        name: "time runs backwards",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"a","pid":1,"tid":1,"ts":{},"dur":1}}"#,
                n - i
            )
        },
        pinned_at: 1_000_000,
    },
    Case {
        name: "begins without end",
        make: |n| events!(n, |i| r#"{{"ph":"B","name":"a","pid":1,"tid":1,"ts":{i}}}"#),
        pinned_at: 1_000_000,
    },
    Case {
        name: "ends without begin",
        make: |n| events!(n, |i| r#"{{"ph":"E","name":"a","pid":1,"tid":1,"ts":{i}}}"#),
        pinned_at: 1_000_000,
    },
    Case {
        name: "begins and ends in the same order, not nested",
        make: |n| {
            let begins = events!(n, |i| r#"{{"ph":"B","name":"n{i}","pid":1,"tid":1,"ts":{i}}}"#);
            let ends = events!(
                n,
                |i| r#"{{"ph":"E","name":"n{i}","pid":1,"tid":1,"ts":{}}}"#,
                n + i
            );
            join(&[&begins, &ends])
        },
        pinned_at: 100_000,
    },
    Case {
        name: "slices overlap in part",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"a","pid":1,"tid":1,"ts":{i},"dur":{n}}}"#
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "equal slices",
        make: |n| {
            events!(
                n,
                |_i| r#"{{"ph":"X","name":"a","pid":1,"tid":1,"ts":5,"dur":9}}"#
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "slices nested into one another",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"a","pid":1,"tid":1,"ts":{i},"dur":{}}}"#,
                2 * (n - i)
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "python frames nested into one another",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"a.py(1): f{i}","cat":"python_function","pid":1,"tid":1,"ts":{i},"dur":{}}}"#,
                2 * (n - i)
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "operators nested into one another",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"aten::f{i}","cat":"cpu_op","pid":1,"tid":1,"ts":{i},"dur":{}}}"#,
                2 * (n - i)
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "one counter with a million keys",
        make: |n| {
            let keys: Vec<String> = (0..n).map(|i| format!(r#""k{i}":{i}"#)).collect();
            format!(
                r#"[{{"ph":"C","name":"c","pid":1,"ts":1,"args":{{{}}}}},{{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":1}}]"#,
                keys.join(",")
            )
            .into_bytes()
        },
        pinned_at: 1_000_000,
    },
    Case {
        name: "a million counters",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"C","name":"c{i}","pid":1,"ts":{i},"args":{{"v":1}}}}"#
            )
        },
        pinned_at: 1_000_000,
    },
    Case {
        name: "a million flows of one id",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"{}","name":"f","cat":"c","id":7,"pid":1,"tid":1,"ts":{i}}}"#,
                ["s", "t", "f"][i % 3]
            )
        },
        pinned_at: 1_000_000,
    },
    Case {
        name: "duplicate keys",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"E","ph":"X","name":"b","name":"a","pid":1,"tid":1,"ts":0,"ts":{i},"dur":1}}"#
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "unescaped quotes",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"f({{"device": "cpu"}}): g","pid":1,"tid":1,"ts":{i},"dur":1}}"#
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "every other name is never closed",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"a{},"pid":1,"tid":1,"ts":{i},"dur":1}}"#,
                if i % 2 == 0 { "\"" } else { "" }
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "starts of events and nothing else",
        make: |n| events!(n, |i| r#"{{"name":"x{i}"#),
        pinned_at: 100_000,
    },
    Case {
        name: "a device for each kernel",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"k","cat":"kernel","pid":0,"tid":{i},"ts":{i},"dur":1,"args":{{"device":{i},"correlation":{i}}}}}"#
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "a lane of one device for each kernel",
        make: |n| {
            let launches = events!(
                n,
                |i| r#"{{"ph":"X","name":"cudaLaunchKernel","cat":"cuda_runtime","pid":9,"tid":9,"ts":{i},"dur":1,"args":{{"correlation":{i}}}}}"#
            );
            let kernels = events!(
                n,
                |i| r#"{{"ph":"X","name":"k","cat":"kernel","pid":0,"tid":{i},"ts":{i},"dur":1,"args":{{"device":0,"correlation":{i}}}}}"#
            );
            join(&[&launches, &kernels])
        },
        pinned_at: 100_000,
    },
    Case {
        name: "a step for each event",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"execute_context_0(0)_generation_{i}({i})","cat":"user_annotation","pid":1,"tid":1,"ts":{},"dur":1}}"#,
                i * 3
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "steps inside one another",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"execute_context_0(0)_generation_{i}({i})","cat":"user_annotation","pid":1,"tid":1,"ts":{i},"dur":{}}}"#,
                2 * (n - i)
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "compiles inside one another",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"_compile.compile_inner (dynamo_timed)","cat":"cpu_op","pid":1,"tid":1,"ts":{i},"dur":{}}}"#,
                2 * (n - i)
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "engine steps of a process each",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"{}","pid":{},"tid":2,"ts":{},"dur":2}}"#,
                [
                    "decode",
                    "model_forward_bs4_seq1_ctx128_graphsT",
                    "sampler",
                    "GRAPH COMPILE: g"
                ][i % 4],
                i / 4,
                i * 3
            )
        },
        pinned_at: 40_000,
    },
    Case {
        name: "a warm-up for each engine step",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","name":"{}","pid":1,"tid":2,"ts":{},"dur":2}}"#,
                [
                    "warmup",
                    "decode",
                    "model_forward_bs4_seq1_ctx128_graphsT",
                    "GRAPH COMPILE: g"
                ][i % 4],
                i * 3
            )
        },
        pinned_at: 100_000,
    },
    Case {
        name: "an allocator for each allocation, inside an operator of its own shape",
        make: |n| {
            let operators = events!(
                n,
                |i| r#"{{"ph":"X","cat":"cpu_op","name":"aten::a","pid":1,"tid":1,"ts":{},"dur":2,"args":{{"Input Dims":[[{i}]]}}}}"#,
                i * 2
            );
            let allocations = events!(
                n,
                |i| r#"{{"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":1,"ts":{},"args":{{"Bytes":{i},"Device Type":1,"Device Id":{i},"Total Allocated":{i}}}}}"#,
                i * 2
            );
            join(&[&operators, &allocations])
        },
        pinned_at: 100_000,
    },
    Case {
        name: "a python frame and a module for each call, each inside the one before",
        make: |n| {
            events!(
                n,
                |i| r#"{{"ph":"X","cat":"python_function","name":"{}{i}","pid":1,"tid":1,"ts":{i},"dur":{}}}"#,
                ["nn.Module: M_", "a.py(1): f"][i % 2],
                2 * (n - i)
            )
        },
        pinned_at: 100_000,
    },
];

/// One line: events, slices, tracks, and every defect with its count and place; or the error.
fn outcome(result: &Result<Opened, LoadError>) -> String {
    match result {
        Err(error) => format!("ERROR {error}"),
        Ok(opened) => {
            let mut out = format!(
                "{} events, {} slices, {} tracks",
                opened.report.events,
                opened.index.slices.len(),
                opened.index.tracks.len()
            );
            for d in &opened.report.defects {
                let at = d.first_at_byte.map_or_else(String::new, |at| format!(" at {at}"));
                write!(out, "; {} {}{at}", d.count, d.kind).unwrap();
            }
            out
        }
    }
}

/// Puts every question of the page, with parameters in and out of range, and every report. What comes back is
/// looked at only so far as it must be bounded.
fn ask_everything(opened: &Opened, file: &[u8]) {
    let mut inflater = Inflater::default();
    inflater.feed(file, &mut |_| {});
    let (_, checkpoints) = inflater.finish();
    let scene = opened.scene();
    let ask = |question: Question| opened.answer(&scene, &question);
    let extent = opened.index.extent().unwrap_or_default();
    let middle = extent.start.midpoint(extent.end);
    let windows = [
        extent,
        Span::new(extent.start, extent.end.saturating_add(1)),
        Span::new(middle, middle.saturating_add(1_000)),
        Span {
            start: i64::MIN,
            end: i64::MAX,
        },
        Span {
            start: extent.end,
            end: extent.start,
        },
        Span::default(),
    ];
    let n_tracks = u32::try_from(opened.index.tracks.len() + opened.index.counters.len()).unwrap();
    let some_tracks = [0, 1, n_tracks / 2, n_tracks.wrapping_sub(1), n_tracks, u32::MAX];
    let width_px = 1_000;
    for window in windows {
        let parts = some_tracks.map(|track| TrackPart {
            track,
            first_depth: 0,
            n_depths: 60,
        });
        let deep = some_tracks.map(|track| TrackPart {
            track,
            first_depth: u16::MAX - 20,
            n_depths: u16::MAX,
        });
        for parts in [parts, deep] {
            let question = Question::Timeline {
                window,
                width_px,
                parts: parts.to_vec(),
                find: Some("n".to_owned()),
            };
            let Answer::Timeline {
                frame: Some(frame), ..
            } = ask(question)
            else {
                panic!("a timeline is always answered");
            };
            for row in &frame.rows {
                assert!(
                    row.bars.len() <= 3 * width_px as usize + 3,
                    "{} bars",
                    row.bars.len()
                );
            }
            frame.to_words();
        }
        ask(Question::Table {
            key: "area".to_owned(),
            ask: Ask {
                n_rows: 100,
                selected: Some(SelectedAsk::Area(AreaAsk {
                    window,
                    tracks: some_tracks.to_vec(),
                })),
                ..Ask::default()
            },
        });
        let filter = StepFilter {
            window: Some(window),
            ..StepFilter::default()
        };
        for key in ["step_groups", "step_sizes", "steps", "longest_gaps", "step_work"] {
            let slowest = StepFilter {
                slowest: true,
                ..filter.clone()
            };
            let of_window = GapsAsk {
                window: Some(window),
                ..GapsAsk::default()
            };
            for selected in [
                SelectedAsk::Steps(slowest),
                SelectedAsk::Gaps(of_window.clone()),
                SelectedAsk::Step(width_px),
            ] {
                ask(Question::Table {
                    key: key.to_owned(),
                    ask: Ask {
                        n_rows: 5,
                        selected: Some(selected),
                        ..Ask::default()
                    },
                });
            }
            ask(Question::Gaps { ask: of_window });
        }
        for filter in [filter, StepFilter::default()] {
            ask(Question::Steps {
                filter,
                plot_window: Some(window),
                log: true,
                width_px,
            });
        }
    }
    ask_for_tables(opened);
    for (order, source) in [
        (FlameOrder::Heavy, StackSource::Python),
        (FlameOrder::Time, StackSource::Python),
        (FlameOrder::Heavy, StackSource::Operators),
        (FlameOrder::Heavy, StackSource::Modules),
    ] {
        let question = FlameQuestion {
            source,
            order,
            window: Some(windows[0]),
            thread: None,
            zoom: Some(u32::MAX),
            width_px,
        };
        let Answer::Flame(view) = ask(Question::Flame(question.clone())) else {
            panic!("a flame graph is always answered");
        };
        assert!(view.boxes.len() <= usize::from(view.n_rows) * (2 * width_px as usize + 2));
        for window in windows {
            ask(Question::Table {
                key: "stacks".to_owned(),
                ask: Ask {
                    n_rows: 100,
                    selected: Some(SelectedAsk::Stacks(StacksAsk {
                        source,
                        window,
                        thread: Some(0),
                    })),
                    ..Ask::default()
                },
            });
            let zoomed = FlameQuestion {
                window: Some(window),
                zoom: Some(3),
                thread: Some(0),
                width_px: 1,
                ..question.clone()
            };
            if opened.index.slices.len() < 200_000 {
                ask(Question::Flame(zoomed));
            }
        }
        ask(Question::Folded(question));
    }
    for device in [0, 1, u32::MAX] {
        let Answer::Memory(curve) = ask(Question::Memory {
            device,
            window: None,
            width_px,
        }) else {
            panic!("memory is always answered");
        };
        assert!(curve.points.len() <= width_px as usize);
    }
    ask(Question::Tracks);
    let n_steps = u32::try_from(opened.report.steps.len()).unwrap();
    for index in [0, n_steps / 2, n_steps.wrapping_sub(1), n_steps, u32::MAX] {
        ask(Question::Step { index });
    }
    let n_slices = u32::try_from(opened.index.slices.len()).unwrap();
    for slice in [0, n_slices / 2, n_slices.wrapping_sub(1), n_slices, u32::MAX] {
        ask(Question::Slice { slice });
        ask(Question::Args { slice });
        let begin_and_end = [opened.text_at(slice), opened.end_text_at(slice)];
        let mut events: Vec<Vec<u8>> = Vec::new();
        for at in begin_and_end.into_iter().flatten() {
            let mut len = 16 << 10;
            loop {
                let text = checkpoints.read(file, at, len);
                if let Some(event) = session::event_text(&text, text.len() < len) {
                    events.push(event.to_vec());
                    break;
                }
                assert!(text.len() == len, "the end of the text ends the event");
                len *= 4;
            }
        }
        let events: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
        opened.args(slice, &events);
    }
    for text in ["", "a", "n", "\u{fffd}", "no such name", &"x".repeat(10_000)] {
        let Answer::Search(found) = ask(Question::Search { text: text.into() }) else {
            panic!("a search is always answered");
        };
        assert!(found.names.len() <= 100);
    }
    for format in ["json", "markdown", "text", "", "no such format"] {
        ask(Question::Report {
            format: format.into(),
        });
    }
    let summary = opened.summary();
    assert!(serde_json::to_string(&summary).is_ok());
    cut_out(opened, file);
}

/// Of a larger table, only some orders are asked for.
const MANY_ROWS: u32 = 5_000;

/// Every table that the trace fills, by every column both ways, filtered, in pages and as a file of each format; and one
/// that is not there.
fn ask_for_tables(opened: &Opened) {
    let scene = opened.scene();
    let page = |key: &str, ask: &Ask| {
        let question = Question::Table {
            key: key.into(),
            ask: ask.clone(),
        };
        let Answer::Table(page) = opened.answer(&scene, &question) else {
            panic!("{key} is always answered");
        };
        let left = page.n_rows - page.first_row;
        assert_eq!(
            page.rows.len(),
            left.min(ask.n_rows).min(MAX_ROWS) as usize,
            "{key}"
        );
        assert!(page.n_rows <= page.n_all, "{key}");
        assert!(
            page.rows.iter().all(|row| row.len() == page.columns.len()),
            "{key}"
        );
        page
    };
    let file = |key: &str, ask: &Ask, format: &str| {
        opened.answer(
            &scene,
            &Question::TableFile {
                key: key.into(),
                ask: ask.clone(),
                format: format.into(),
            },
        )
    };
    let whole = Ask {
        n_rows: u32::MAX,
        ..Ask::default()
    };
    for name in opened.summary().tables {
        let key = &*name.key;
        let first = page(key, &whole);
        assert!(first.n_all > 0, "{key} is offered without rows");
        let is_long = first.n_all > MANY_ROWS;
        for (at, column) in first.columns.iter().enumerate() {
            let sorted = |descending| Ask {
                order: Some(Order {
                    column: column.key.clone(),
                    descending,
                }),
                ..whole.clone()
            };
            let value = first.rows[0][at].words(&column.kind, 0);
            let filtered = [
                Ask {
                    only: vec![(column.key.to_string(), value.clone())],
                    ..whole.clone()
                },
                Ask {
                    contains: value,
                    ..sorted(true)
                },
                Ask {
                    within: Some((column.key.to_string(), i64::MIN, i64::MAX)),
                    ..sorted(false)
                },
                Ask {
                    within: Some((column.key.to_string(), 1, -1)),
                    first_row: u32::MAX,
                    ..whole.clone()
                },
            ];
            let asks = [sorted(true), sorted(false)].into_iter().chain(filtered);
            for ask in asks.take(if is_long { 1 } else { 6 }) {
                page(key, &ask);
            }
        }
        for first_row in [1, first.n_all / 2, first.n_all - 1, first.n_all, u32::MAX] {
            page(
                key,
                &Ask {
                    first_row,
                    ..whole.clone()
                },
            );
        }
        for format in ["csv", "tsv", "json", "md", "txt"] {
            let Answer::Report { text, .. } = file(key, &whole, format) else {
                panic!("{key} is no {format}");
            };
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{key} as {format}");
        }
        assert!(matches!(file(key, &whole, "exe"), Answer::Nothing { .. }));
    }
    let missing = Question::Table {
        key: "no such table".into(),
        ask: whole.clone(),
    };
    assert!(matches!(opened.answer(&scene, &missing), Answer::Nothing { .. }));
}

/// Cut-outs of everything and of the middle third, with our own tracks.
fn cut_out(opened: &Opened, file: &[u8]) {
    let extent = opened.index.extent().unwrap_or_default();
    let third = extent.len_ns() / 3;
    let middle = Span::new(extent.start + third, extent.start + third * 2);
    for window in [None, Some(middle)] {
        let request = CutRequest {
            window,
            own_tracks: true,
            ..CutRequest::default()
        };
        let Ok(mut cut) = opened.cut(&request, &[], Vec::new()) else {
            continue;
        };
        Inflater::default().feed(file, &mut |text| cut.feed(opened, text).unwrap());
        match cut.finish(opened) {
            Ok((facts, _, out)) => {
                assert!(
                    window.is_some()
                        || facts.events - facts.own_events + facts.unwritable == opened.report.events
                );
                assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
            }
            Err(error) => assert!(matches!(error, CutError::Nothing), "{error}"),
        }
    }
}

fn open_and_ask(file: &[u8]) -> Result<Opened, LoadError> {
    let opened = open_bytes("hostile", file)?;
    ask_everything(&opened, file);
    Ok(opened)
}

/// Processor time of this thread in ns, as Linux counts it.
fn cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// What `work` costs.
fn cost_ns(work: impl FnOnce()) -> Option<u64> {
    let before = cpu_ns()?;
    work();
    Some(cpu_ns()?.saturating_sub(before))
}

#[test]
fn cost_grows_as_size_does() {
    const SMALL: usize = 5_000;
    const TIMES: usize = 16;
    // The system counts in ticks of 4 ms on some machines: what costs less than two is not measured.
    const FLOOR_NS: u64 = 8_000_000;
    let mut wrong = Vec::new();
    for case in CASES {
        let cost = |n: usize, tries: u32| {
            let file = (case.make)(n);
            (0..tries)
                .filter_map(|_| cost_ns(|| drop(open_and_ask(&file))))
                .min()
        };
        let (Some(small), Some(large)) = (cost(SMALL, 3), cost(SMALL * TIMES, 1)) else {
            eprintln!("SKIPPED: this system does not tell a thread's processor time");
            return;
        };
        // 16 where cost is linear, up to 40 where the larger falls out of the caches; 256 where it is quadratic.
        let ratio = large as f64 / small.max(FLOOR_NS) as f64;
        eprintln!(
            "{:<50} {TIMES} times the events cost {ratio:5.1} times ({} ms)",
            case.name,
            large / 1_000_000
        );
        if ratio > 80.0 {
            wrong.push(format!(
                "{}: {TIMES} times the events cost {ratio:.0} times as much",
                case.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_case_has_its_outcome() {
    let mut out = String::new();
    for case in CASES {
        if std::env::var("CASE").is_ok_and(|only| !case.name.contains(&only)) {
            continue;
        }
        let start = cpu_ns().unwrap_or(0);
        let file = (case.make)(case.pinned_at);
        let result = open_and_ask(&file);
        eprintln!(
            "{}: {} ms",
            case.name,
            (cpu_ns().unwrap_or(0) - start) / 1_000_000
        );
        writeln!(out, "{} ({}): {}", case.name, case.pinned_at, outcome(&result)).unwrap();
    }
    expect![[r#"
        a million distinct names (1000000): 1000000 events, 1000000 slices, 1 tracks
        a million tracks of one event (1000000): 1000000 events, 1000000 slices, 1000000 tracks
        a process for each event, named afterwards (200000): 400000 events, 200000 slices, 200000 tracks
        a million categories (1000000): 1000000 events, 1000000 slices, 1 tracks; 934465 too_many_categories at 4761836
        time runs backwards (1000000): 1000000 events, 1000000 slices, 1 tracks
        begins without end (1000000): 1000000 events, 1000000 slices, 1 tracks; 1000000 begin_without_end at 1; 934464 too_deep at 3265641
        ends without begin (1000000): 1000000 events, 0 slices, 1 tracks; 1000000 end_without_begin at 1
        begins and ends in the same order, not nested (100000): 200000 events, 100000 slices, 1 tracks; 99999 partial_overlap at 48; 34465 too_deep at 3582206
        slices overlap in part (100000): 100000 events, 100000 slices, 1 tracks; 99999 partial_overlap at 60; 34465 too_deep at 4117596
        equal slices (100000): 100000 events, 100000 slices, 1 tracks; 34465 too_deep at 3538891
        slices nested into one another (100000): 100000 events, 100000 slices, 1 tracks; 34465 too_deep at 4102062
        python frames nested into one another (100000): 100000 events, 100000 slices, 1 tracks; 34465 too_deep at 6581282
        operators nested into one another (100000): 100000 events, 100000 slices, 1 tracks; 34465 too_deep at 5794862
        one counter with a million keys (1000000): 2 events, 1 slices, 1 tracks
        a million counters (1000000): 1000000 events, 0 slices, 0 tracks
        a million flows of one id (1000000): 1000000 events, 0 slices, 1 tracks
        duplicate keys (100000): 100000 events, 100000 slices, 1 tracks; 100000 duplicate_key at 1
        unescaped quotes (100000): 100000 events, 100000 slices, 1 tracks; 100000 unescaped_quote at 1
        every other name is never closed (100000): 50000 events, 50000 slices, 1 tracks; 50000 bad_event at 55
        starts of events and nothing else (100000): ERROR this is a list, but none of its 1 values is a trace event
        a device for each kernel (100000): 100000 events, 100000 slices, 100000 tracks; 99872 device_left_out at 14025
        a lane of one device for each kernel (100000): 200000 events, 200000 slices, 100001 tracks
        a step for each event (100000): 100000 events, 100000 slices, 1 tracks
        steps inside one another (100000): 100000 events, 100000 slices, 1 tracks; 34465 too_deep at 8470687
        compiles inside one another (100000): 100000 events, 100000 slices, 1 tracks; 34465 too_deep at 7444347
        engine steps of a process each (40000): 40000 events, 40000 slices, 10000 tracks
        a warm-up for each engine step (100000): 100000 events, 100000 slices, 1 tracks
        an allocator for each allocation, inside an operator of its own shape (100000): 200000 events, 100000 slices, 1 tracks
        a python frame and a module for each call, each inside the one before (100000): 100000 events, 100000 slices, 1 tracks; 34465 too_deep at 6679586
    "#]].assert_eq(&out);
}

/// Opens a small text whole and byte by byte, asks everything, and gives the outcome.
fn small(text: &[u8]) -> String {
    let whole = outcome(&open_and_ask(text));
    let mut loader = Loader::new("in pieces");
    for byte in text.chunks(1) {
        loader.feed(byte);
    }
    let pieces = loader.finish();
    assert_eq!(
        outcome(&pieces),
        whole,
        "in pieces of one byte: {}",
        String::from_utf8_lossy(text)
    );
    whole
}

const NUMBERS: [&str; 20] = [
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775.807",
    "-9223372036854775.808",
    "4611686018427387.903",
    "-4611686018427387.903",
    "4611686018427387.904",
    "18446744073709551615",
    "1e300",
    "-1e300",
    "1e-300",
    "1e9999999999",
    "\"12.5\"",
    "\"\"",
    "NaN",
    "-inf",
    "null",
    "true",
    "{}",
    "[1]",
];

#[test]
fn times_at_the_ends_of_the_clock() {
    let mut out = String::new();
    let kinds = [
        ("cpu_op", "aten::mm"),
        ("kernel", "gemm"),
        ("python_function", "a.py(1): execute_model"),
        ("user_annotation", "execute_context_0(0)_generation_1(1)"),
        ("cuda_runtime", "cudaLaunchKernel"),
        ("", "model_forward_bs4_seq1_ctx128_graphsT"),
    ];
    for number in NUMBERS {
        let event = |ph: &str, ts: &str, dur: &str| -> String {
            let events = kinds.iter().enumerate().map(|(i, (category, name))| {
                format!(
                    r#"{{"ph":"{ph}","name":"{name}","cat":"{category}","pid":1,"tid":{},"ts":{ts},"dur":{dur},"id":1,"args":{{"correlation":1,"value":{dur}}}}}"#,
                    i % 4
                )
            });
            events.collect::<Vec<_>>().join(",")
        };
        let as_ts = format!("[{},{}]", event("X", number, "7"), event("X", "5", "7"));
        let as_dur = format!("[{},{}]", event("X", "-9", number), event("X", "5", "7"));
        let others = ["B", "E", "i", "C", "s", "f"]
            .map(|ph| event(ph, number, number))
            .join(",");
        let others = format!("[{others},{}]", event("X", "5", "7"));
        writeln!(out, "{number}").unwrap();
        writeln!(out, "  ts: {}", small(as_ts.as_bytes())).unwrap();
        writeln!(out, "  dur: {}", small(as_dur.as_bytes())).unwrap();
        writeln!(out, "  B E i C s f: {}", small(others.as_bytes())).unwrap();
    }
    expect![[r#"
        9223372036854775807
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        -9223372036854775808
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        9223372036854775.807
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        -9223372036854775.808
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        4611686018427387.903
          ts: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          dur: 12 events, 12 slices, 4 tracks; 1 overrunning_work at 157
          B E i C s f: 42 events, 12 slices, 5 tracks
        -4611686018427387.903
          ts: 12 events, 12 slices, 4 tracks
          dur: 12 events, 12 slices, 4 tracks; 6 negative_duration at 1
          B E i C s f: 42 events, 12 slices, 5 tracks
        4611686018427387.904
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        18446744073709551615
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        1e300
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        -1e300
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        1e-300
          ts: 12 events, 12 slices, 4 tracks; 6 partial_overlap at 826
          dur: 12 events, 12 slices, 4 tracks
          B E i C s f: 42 events, 12 slices, 5 tracks
        1e9999999999
          ts: 12 events, 6 slices, 4 tracks; 6 oversized_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 oversized_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 oversized_timestamp at 1
        "12.5"
          ts: 12 events, 12 slices, 4 tracks
          dur: 12 events, 12 slices, 4 tracks
          B E i C s f: 42 events, 12 slices, 5 tracks
        ""
          ts: 12 events, 6 slices, 4 tracks; 6 missing_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 unreadable_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 missing_timestamp at 1
        NaN
          ts: 12 events, 6 slices, 4 tracks; 6 missing_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 unreadable_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 missing_timestamp at 1
        -inf
          ts: 12 events, 6 slices, 4 tracks; 6 missing_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 unreadable_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 missing_timestamp at 1
        null
          ts: 12 events, 6 slices, 4 tracks; 6 missing_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 missing_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 missing_timestamp at 1
        true
          ts: 12 events, 6 slices, 4 tracks; 6 missing_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 unreadable_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 missing_timestamp at 1
        {}
          ts: 12 events, 6 slices, 4 tracks; 6 missing_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 unreadable_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 missing_timestamp at 1
        [1]
          ts: 12 events, 6 slices, 4 tracks; 6 missing_timestamp at 1
          dur: 12 events, 12 slices, 4 tracks; 6 unreadable_duration at 1
          B E i C s f: 42 events, 6 slices, 4 tracks; 36 missing_timestamp at 1
    "#]]
    .assert_eq(&out);
}

/// Sums of durations that do not fit the clock.
#[test]
fn durations_that_together_last_longer_than_the_clock() {
    let mut events = Vec::new();
    for i in 0..40 {
        for (category, name) in [
            ("cpu_op", "aten::mm"),
            ("kernel", "gemm"),
            ("python_function", "a.py(1): f"),
            ("user_annotation", "execute_context_0(0)_generation_1(1)"),
            ("user_annotation", "gpu_model_runner: forward"),
            ("cpu_op", "_compile.compile_inner (dynamo_timed)"),
            ("cuda_runtime", "cudaLaunchKernel"),
        ] {
            events.push(format!(
                r#"{{"ph":"X","name":"{name}","cat":"{category}","pid":1,"tid":{i},"ts":{i},"dur":4611686018427000,"args":{{"correlation":{i}}}}}"#
            ));
        }
    }
    let out = small(format!("[{}]", events.join(",")).as_bytes());
    expect!["280 events, 280 slices, 80 tracks; 10 oversized_sum"].assert_eq(&out);
    let engine = [
        "warmup",
        "prepare_input_tensors",
        "decode",
        "model_forward_bs4_seq1_ctx128_graphsT",
        "GRAPH COMPILE: g",
    ];
    let events: Vec<String> = (0..200)
        .map(|i| {
            let name = engine[i % 5];
            format!(r#"{{"ph":"X","name":"{name}","pid":1,"tid":2,"ts":{i},"dur":4611686018427000}}"#)
        })
        .collect();
    let out = small(format!("[{}]", events.join(",")).as_bytes());
    expect!["200 events, 200 slices, 1 tracks; 199 partial_overlap at 74"].assert_eq(&out);
}

/// Text that is no JSON here and there: nothing around it may be lost, and each loss is counted.
#[test]
fn damage_costs_the_event_it_stands_in() {
    // A bracket, of either kind, is no reason to lose the events behind it.
    let good = |n: usize| format!(r#"{{"ph":"X","name":"n{n}","pid":1,"tid":1,"ts":{n}0,"dur":1}}"#);
    let bad: &[(&str, &[u8])] = &[
        ("nothing", b""),
        ("lone CR between events", b"\r"),
        (
            "lone CR in a name",
            b"{\"ph\":\"X\",\"name\":\"a\rb\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        ("NUL between events", b"\0"),
        ("a form feed between events", b"\x0c"),
        (
            "form feeds on both sides of an event",
            b"\x0c{\"ph\":\"X\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}\x0c",
        ),
        ("a second BOM", b"\xef\xbb\xbf"),
        (
            "invalid UTF-8 in a name",
            b"{\"ph\":\"X\",\"name\":\"\xc3\x28\xff\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "invalid UTF-8 in a key",
            b"{\"ph\":\"X\",\"\xff\":1,\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "an escape cut short",
            b"{\"ph\":\"X\",\"name\":\"\\u12\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a lone surrogate",
            b"{\"ph\":\"X\",\"name\":\"\\ud800\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "an unescaped quote",
            b"{\"ph\":\"X\",\"name\":\"a\"b\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a quote never closed",
            b"{\"ph\":\"X\",\"name\":\"a,\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a missing colon",
            b"{\"ph\" \"X\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a missing comma behind the phase",
            b"{\"ph\":\"X\" \"cat\":\"k\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a missing comma behind the name",
            b"{\"name\":\"a\"\"cat\":\"k\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a phase of two letters",
            b"{\"ph\":\"XX\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a phase of a letter that is none",
            b"{\"ph\":\"x\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "a phase that is a number",
            b"{\"ph\":88,\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "an object's snapshot",
            b"{\"ph\":\"O\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"id\":1}",
        ),
        (
            "a missing brace",
            b"{\"ph\":\"X\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1",
        ),
        (
            "a brace too many",
            b"{\"ph\":\"X\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}}",
        ),
        ("a bracket too many", b"]"),
        ("a bracket that opens", b"["),
        (
            "single quotes",
            b"{'ph':'X','name':'a','pid':1,'tid':1,'ts':1,'dur':1}",
        ),
        ("a comment", b"/* {\"ph\":\"X\"} */"),
        ("a number", b"17"),
        ("a string", b"\"ph\""),
        ("an array", b"[{\"ph\":\"X\"}]"),
        ("null", b"null"),
        ("commas", b",,,,"),
        (
            "an event in an event",
            b"{\"ph\":\"X\",\"name\":{\"ph\":\"X\"},\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1}",
        ),
        (
            "args that are no object",
            b"{\"ph\":\"X\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1,\"args\":[1]}",
        ),
        (
            "brackets of the wrong kind in args",
            b"{\"ph\":\"X\",\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":1,\"args\":{\"a\":[}}}",
        ),
    ];
    let mut out = String::new();
    for (what, bytes) in bad {
        let mut text = format!("[{},", good(1)).into_bytes();
        text.extend(*bytes);
        text.extend(format!(",{},{}]", good(2), good(3)).as_bytes());
        writeln!(out, "{what}: {}", small(&text)).unwrap();
    }
    expect![[r#"
        nothing: 3 events, 3 slices, 1 tracks
        lone CR between events: 3 events, 3 slices, 1 tracks
        lone CR in a name: 4 events, 4 slices, 1 tracks; 1 control_character at 56
        NUL between events: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        a form feed between events: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        form feeds on both sides of an event: 4 events, 4 slices, 1 tracks; 2 bad_event at 56
        a second BOM: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        invalid UTF-8 in a name: 4 events, 4 slices, 1 tracks; 1 invalid_utf8 at 56
        invalid UTF-8 in a key: 4 events, 4 slices, 1 tracks
        an escape cut short: 4 events, 4 slices, 1 tracks; 1 bad_escape at 56
        a lone surrogate: 4 events, 4 slices, 1 tracks
        an unescaped quote: 4 events, 4 slices, 1 tracks; 1 unescaped_quote at 56
        a quote never closed: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        a missing colon: 4 events, 3 slices, 1 tracks; 1 damaged_key at 56; 1 missing_phase at 56
        a missing comma behind the phase: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        a missing comma behind the name: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        a phase of two letters: 4 events, 3 slices, 1 tracks; 1 unknown_phase at 56
        a phase of a letter that is none: 4 events, 3 slices, 1 tracks; 1 unknown_phase at 56
        a phase that is a number: 4 events, 3 slices, 1 tracks; 1 unknown_phase at 56
        an object's snapshot: 4 events, 3 slices, 1 tracks; 1 undrawn_phase at 56
        a missing brace: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        a brace too many: 4 events, 4 slices, 1 tracks; 1 bad_event at 108
        a bracket too many: 3 events, 3 slices, 1 tracks; 1 stray_bracket at 56
        a bracket that opens: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        single quotes: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        a comment: 3 events, 3 slices, 1 tracks; 1 bad_event at 56
        a number: 3 events, 3 slices, 1 tracks; 1 not_an_event at 56
        a string: 3 events, 3 slices, 1 tracks; 1 not_an_event at 56
        an array: 3 events, 3 slices, 1 tracks; 1 not_an_event at 56
        null: 3 events, 3 slices, 1 tracks; 1 not_an_event at 56
        commas: 3 events, 3 slices, 1 tracks
        an event in an event: 4 events, 4 slices, 1 tracks; 1 unreadable_name at 56
        args that are no object: 4 events, 4 slices, 1 tracks
        brackets of the wrong kind in args: 4 events, 4 slices, 1 tracks; 1 bad_event at 123
    "#]]
    .assert_eq(&out);
}

#[test]
fn texts_that_are_no_trace() {
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    let trace = r#"[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":1}]"#;
    let long_keys: String = (0..40)
        .map(|i| format!("\"{}{i}\":1,", "k\n".repeat(500)))
        .collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("BOM", marked(b"\xef\xbb\xbf", trace.as_bytes())),
        ("BOM alone", b"\xef\xbb\xbf".to_vec()),
        ("half a BOM", b"\xef\xbb".to_vec()),
        ("UTF-16, little end first", marked(b"\xff\xfe", &utf16(trace))),
        (
            "UTF-16, big end first",
            marked(
                b"\xfe\xff",
                &trace
                    .encode_utf16()
                    .flat_map(u16::to_be_bytes)
                    .collect::<Vec<u8>>(),
            ),
        ),
        ("UTF-16 without mark", utf16(trace)),
        ("zeros", vec![0; 4096]),
        ("0xff", vec![0xff; 4096]),
        ("brackets", vec![b'['; 100_000]),
        // No brace is closed: the object is cut, and whether it is a trace is not known.
        ("braces", vec![b'{'; 100_000]),
        ("quotes", [b"[".to_vec(), vec![b'"'; 100_000]].concat()),
        ("backslashes", [b"[\"".to_vec(), vec![b'\\'; 100_000]].concat()),
        (
            "keys that are too long to be shown",
            format!("{{{long_keys}\"z\":1}}").into_bytes(),
        ),
        ("traceEvents that is no list", br#"{"traceEvents":7}"#.to_vec()),
        (
            "traceEvents twice",
            br#"{"traceEvents":[{"ph":"X","ts":1,"dur":1}],"traceEvents":[{"ph":"X","ts":2,"dur":1}]}"#
                .to_vec(),
        ),
    ];
    let mut out = String::new();
    for (what, bytes) in cases {
        writeln!(out, "{what}: {}", small(&bytes)).unwrap();
    }
    expect![[r#"
        BOM: 1 events, 1 slices, 1 tracks
        BOM alone: ERROR this is no trace: expected a JSON object or array at byte 0, found only blanks
        half a BOM: ERROR this is no trace: expected a JSON object or array at byte 0, found text: "�"
        UTF-16, little end first: ERROR this is UTF-16 text, not a trace; convert it first: iconv -f UTF-16LE -t UTF-8 FILE > trace.json
        UTF-16, big end first: ERROR this is UTF-16 text, not a trace; convert it first: iconv -f UTF-16BE -t UTF-8 FILE > trace.json
        UTF-16 without mark: ERROR this is UTF-16 text without a byte order mark, not a trace; convert it first: iconv -f UTF-16LE -t UTF-8 FILE > trace.json
        zeros: ERROR this is no trace: expected a JSON object or array at byte 0, found only zeros
        0xff: ERROR this is no trace: expected a JSON object or array at byte 0, found byte 0xff ("������������������������")
        brackets: 0 events, 0 slices, 0 tracks; 1 truncated_json at 1
        braces: ERROR the file ends in the middle, before its first event: it is cut off, or still being written
        quotes: ERROR this is a list, but none of its 50000 values is a trace event
        backslashes: 0 events, 0 slices, 0 tracks; 1 truncated_json at 1
        keys that are too long to be shown: ERROR this is JSON, but no trace: an object without "traceEvents" (its keys: kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk, kkkkkkkkkkkkkkkkkkkkkkkk)
        traceEvents that is no list: ERROR this is JSON, but no trace: "traceEvents" is a number, not a list of events
        traceEvents twice: 2 events, 2 slices, 1 tracks; 1 second_list at 58
    "#]].assert_eq(&out);
}

#[test]
fn nesting_a_million_deep_does_not_end_the_stack() {
    let deep = |n: usize, open: &str, close: &str| format!("{}1{}", open.repeat(n), close.repeat(n));
    let event = |args: &str| {
        format!(
            r#"[{{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":1,"args":{args}}},{{"ph":"X","name":"b","pid":1,"tid":1,"ts":9,"dur":1}}]"#
        )
    };
    let header = |value: &str| {
        format!(r#"{{"distributedInfo":{value},"traceEvents":[{{"ph":"X","name":"a","ts":1,"dur":1}}]}}"#)
    };
    let n = 1_000_000;
    let cases = [
        ("args, objects", event(&deep(n, "{\"a\":", "}"))),
        ("args, arrays", event(&format!("{{\"a\":{}}}", deep(n, "[", "]")))),
        ("args, objects that never close", event(&"{\"a\":".repeat(n))),
        (
            "args, arrays after an unescaped quote",
            event(&format!("{{\"q\":\"a\"b\",\"a\":{}}}", deep(n, "[", "]"))),
        ),
        ("header, 400 000 arrays", header(&deep(400_000, "[", "]"))),
        ("header, a million arrays", header(&deep(n, "[", "]"))),
        ("header, arrays that never close", header(&"[".repeat(n))),
    ];
    let mut out = String::new();
    for (what, text) in cases {
        writeln!(out, "{what}: {}", outcome(&open_and_ask(text.as_bytes()))).unwrap();
    }
    expect![[r#"
        args, objects: 2 events, 2 slices, 1 tracks
        args, arrays: 2 events, 2 slices, 1 tracks
        args, objects that never close: 1 events, 1 slices, 1 tracks; 1 bad_event at 1
        args, arrays after an unescaped quote: 1 events, 1 slices, 1 tracks; 1 bad_event at 1
        header, 400 000 arrays: 1 events, 1 slices, 1 tracks
        header, a million arrays: 1 events, 1 slices, 1 tracks; 1 oversized_metadata at 19
        header, arrays that never close: 1 events, 1 slices, 1 tracks; 1 damaged_header at 19
    "#]]
    .assert_eq(&out);
}

#[test]
fn a_string_of_100_mb() {
    let long = "x".repeat(100_000_000);
    let good = r#"{"ph":"X","name":"b","pid":1,"tid":1,"ts":9,"dur":1}"#;
    let cases = [
        (
            "name",
            format!(r#"[{good},{{"ph":"X","name":"{long}","ts":1,"dur":1}},{good}]"#),
        ),
        (
            "arg",
            format!(r#"[{good},{{"ph":"X","ts":1,"dur":1,"args":{{"a":"{long}"}}}},{good}]"#),
        ),
        (
            "name that never ends",
            format!(r#"[{good},{{"ph":"X","name":"{long}"#),
        ),
        (
            "header value",
            format!(r#"{{"a":"{long}","traceEvents":[{good}]}}"#),
        ),
        ("header key", format!(r#"{{"{long}":1,"traceEvents":[{good}]}}"#)),
        ("value among events", format!(r#"[{good},"{long}",{good}]"#)),
        (
            "half as long, a name",
            format!(
                r#"[{good},{{"ph":"X","name":"{}","ts":1,"dur":1}},{good}]"#,
                &long[..50_000_000]
            ),
        ),
    ];
    let mut out = String::new();
    for (what, text) in &cases {
        writeln!(out, "{what}: {}", outcome(&open_and_ask(text.as_bytes()))).unwrap();
    }
    expect![[r#"
        name: 2 events, 2 slices, 1 tracks; 1 oversized_event at 54
        arg: 2 events, 2 slices, 1 tracks; 1 oversized_event at 54
        name that never ends: 1 events, 1 slices, 1 tracks; 1 truncated_json at 100000072; 1 oversized_event at 54
        header value: 1 events, 1 slices, 1 tracks; 1 oversized_metadata at 5
        header key: 1 events, 1 slices, 1 tracks; 1 damaged_header at 1
        value among events: 2 events, 2 slices, 1 tracks; 1 not_an_event at 54
        half as long, a name: 3 events, 3 slices, 2 tracks
    "#]].assert_eq(&out);
}

/// A gzip file of `head`, then `mb` MB of `filler` in members of 1 MB, about a KB each.
fn bomb(head: &str, filler: u8, mb: usize) -> Vec<u8> {
    let gzip = |bytes: &[u8]| {
        let mut gzip = Gzip::new(Vec::new(), 6).unwrap();
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    };
    let member = gzip(&vec![filler; 1 << 20]);
    let mut file = gzip(head.as_bytes());
    for _ in 0..mb {
        file.extend(&member);
    }
    file
}

/// The command line opens each in 400 MB of address space, as few as the system allows it.
#[test]
fn a_bomb_is_read_in_bounded_memory() {
    let event = r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":1}"#;
    let bombs = [
        ("zeros", bomb("", 0, 1024)),
        ("blanks", bomb("", b' ', 1024)),
        ("blanks after an event", bomb(&format!("[{event},"), b' ', 512)),
        ("blanks in a header", bomb("{\"a\"", b' ', 512)),
        ("commas", bomb(&format!("[{event}"), b',', 512)),
        (
            "one name",
            bomb(&format!("[{event},{{\"ph\":\"X\",\"name\":\""), b'x', 1024),
        ),
        (
            "one arg",
            bomb(&format!("[{event},{{\"ph\":\"X\",\"args\":{{\"a\":\""), b'x', 512),
        ),
        ("one header value", bomb("{\"a\":\"", b'x', 512)),
        ("one header key", bomb("{\"", b'x', 512)),
        (
            "brackets in args",
            bomb(&format!("[{event},{{\"ph\":\"X\",\"args\":{{\"a\":"), b'[', 512),
        ),
        (
            "digits",
            bomb(&format!("[{event},{{\"ph\":\"X\",\"ts\":"), b'1', 512),
        ),
        ("damage", bomb(&format!("[{event},"), b'~', 512)),
        ("text after the trace", bomb(&format!("[{event}]"), b'x', 512)),
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut out = String::new();
    for (what, bytes) in bombs {
        assert!(bytes.len() < 2 << 20, "{what}: {} bytes", bytes.len());
        let path = dir.path().join("bomb.json.gz");
        std::fs::write(&path, bytes).unwrap();
        let ran = Command::new("sh")
            .args(["-c", "ulimit -v 400000 && exec \"$0\" check \"$1\""])
            .arg(assert_cmd::cargo::cargo_bin!("stepscope"))
            .arg(&path)
            .output()
            .unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said).replace(&*dir.path().to_string_lossy(), "");
        writeln!(out, "{what}: {}\n{}", ran.status, said.trim_end()).unwrap();
    }
    expect![[r#"
        zeros: exit status: 2
        stepscope: /bomb.json.gz: this is no trace: expected a JSON object or array at byte 0, inside the gzip file, found only zeros
        blanks: exit status: 2
        stepscope: /bomb.json.gz: this is no trace: expected a JSON object or array at byte 0, inside the gzip file, found only blanks
        blanks after an event: exit status: 0
        bomb.json.gz
          chrome · 539 KB (537 MB inflated) · 1 event · 1.00 µs long

        Defects of the file
          What was repaired, replaced or lost while reading.
          severity  kind            count  first at byte  what
          info      unclosed_array      1      536870966  The list of events is never closed; writers that
                                                          are killed, and vLLM's high-level profiler, leave
                                                          it so.
        blanks in a header: exit status: 2
        stepscope: /bomb.json.gz: the file ends in the middle, before its first event: it is cut off, or still being written
        commas: exit status: 0
        bomb.json.gz
          chrome · 539 KB (537 MB inflated) · 1 event · 1.00 µs long

        Defects of the file
          What was repaired, replaced or lost while reading.
          severity  kind            count  first at byte  what
          info      unclosed_array      1      536870965  The list of events is never closed; writers that
                                                          are killed, and vLLM's high-level profiler, leave
                                                          it so.
        one name: exit status: 1
        bomb.json.gz
          chrome · 1.08 MB (1.07 GB inflated) · 1 event · 1.00 µs long

        Defects of the file (2)
          What was repaired, replaced or lost while reading.
          severity  kind             count  first at byte  what
          error     truncated_json       1     1073741896  The JSON ends in the middle of an event; that
                                                           event is lost.
          loss      oversized_event      1             54  An event is larger than 64 MiB and was skipped.
        one arg: exit status: 1
        bomb.json.gz
          chrome · 538 KB (537 MB inflated) · 1 event · 1.00 µs long

        Defects of the file (2)
          What was repaired, replaced or lost while reading.
          severity  kind             count  first at byte  what
          error     truncated_json       1      536870989  The JSON ends in the middle of an event; that
                                                           event is lost.
          loss      oversized_event      1             54  An event is larger than 64 MiB and was skipped.
        one header value: exit status: 2
        stepscope: /bomb.json.gz: the file ends in the middle, before its first event: it is cut off, or still being written
        one header key: exit status: 2
        stepscope: /bomb.json.gz: the file ends in the middle, before its first event: it is cut off, or still being written
        brackets in args: exit status: 1
        bomb.json.gz
          chrome · 539 KB (537 MB inflated) · 1 event · 1.00 µs long

        Defects of the file (2)
          What was repaired, replaced or lost while reading.
          severity  kind             count  first at byte  what
          error     truncated_json       1      536870988  The JSON ends in the middle of an event; that
                                                           event is lost.
          loss      oversized_event      1             54  An event is larger than 64 MiB and was skipped.
        digits: exit status: 1
        bomb.json.gz
          chrome · 539 KB (537 MB inflated) · 1 event · 1.00 µs long

        Defects of the file (2)
          What was repaired, replaced or lost while reading.
          severity  kind             count  first at byte  what
          error     truncated_json       1      536870981  The JSON ends in the middle of an event; that
                                                           event is lost.
          loss      oversized_event      1             54  An event is larger than 64 MiB and was skipped.
        damage: exit status: 1
        bomb.json.gz
          chrome · 538 KB (537 MB inflated) · 1 event · 1.00 µs long

        Defects of the file (2)
          What was repaired, replaced or lost while reading.
          severity  kind            count  first at byte  what
          loss      bad_event           4             54  An event could not be read as JSON, or is two that
                                                          run into each other, and was lost; reading went on
                                                          at the next one. Where zeros stand in place of
                                                          text, as many are counted as fit.
          info      unclosed_array      1      536870966  The list of events is never closed; writers that
                                                          are killed, and vLLM's high-level profiler, leave
                                                          it so.
        text after the trace: exit status: 0
        bomb.json.gz
          chrome · 538 KB (537 MB inflated) · 1 event · 1.00 µs long

        Defects of the file
          What was repaired, replaced or lost while reading.
          severity  kind         count  first at byte  what
          info      after_trace      1             54  Text after the end of the trace was ignored.
    "#]].assert_eq(&out);
}
