//! What is left out on request: exactly that, counted, and no defect.

use std::collections::BTreeMap;

use serde_json::Value;
use stepscope::base::Span;
use stepscope::index::select::Selection;
use stepscope::session::{Loader, Opened, TextLoader, first_time};
use stepscope::synth::{self, Options, Target};
use stepscope::view::MemoryRule;

fn open(bytes: &[u8], selection: &Selection, cut: usize) -> Opened {
    let mut loader = Loader::selecting("t.json", selection);
    for piece in bytes.chunks(cut) {
        loader.feed(piece);
    }
    loader.finish().unwrap()
}

fn window(from: i64, to: i64) -> Selection {
    Selection {
        window: Some(Span::new(from, to)),
        ..Selection::default()
    }
}

fn without(categories: &[&str]) -> Selection {
    Selection {
        leave_out: categories.iter().map(|c| (*c).to_owned()).collect(),
        window: None,
    }
}

/// Slices as `name start..end` in µs, in order.
fn slices(opened: &Opened) -> Vec<String> {
    let index = &opened.index;
    let shown = |id| {
        let span = index.slices.span(id);
        format!("{} {}..{}", index.name_of(id), span.start / 1000, span.end / 1000)
    };
    let mut all: Vec<String> = index.slices.ids().map(shown).collect();
    all.sort();
    all
}

const SMALL: &str = r#"{"traceEvents":[
{"ph":"M","name":"process_name","pid":1,"args":{"name":"host"}},
{"ph":"X","name":"before","cat":"op","pid":1,"tid":1,"ts":0,"dur":10},
{"ph":"X","name":"across","cat":"op","pid":1,"tid":6,"ts":5,"dur":10},
{"ph":"X","name":"at start","cat":"op","pid":1,"tid":2,"ts":10,"dur":0},
{"ph":"X","name":"at end","cat":"op","pid":1,"tid":2,"ts":20,"dur":5},
{"ph":"X","name":"around","cat":"python_function","pid":1,"tid":1,"ts":0,"dur":30},
{"ph":"B","name":"pair across","cat":"op","pid":1,"tid":3,"ts":1},
{"ph":"E","pid":1,"tid":3,"ts":12},
{"ph":"B","name":"pair before","cat":"op","pid":1,"tid":4,"ts":1},
{"ph":"E","pid":1,"tid":4,"ts":9},
{"ph":"B","name":"frame","cat":"python_function","pid":1,"tid":5,"ts":11},
{"ph":"E","cat":"python_function","pid":1,"tid":5,"ts":12},
{"ph":"i","name":"instant in","cat":"op","pid":1,"tid":1,"ts":19.999},
{"ph":"i","name":"instant out","cat":"op","pid":1,"tid":1,"ts":20},
{"ph":"C","name":"counter","pid":1,"tid":1,"ts":15,"args":{"a":1}},
{"ph":"C","name":"counter","pid":1,"tid":1,"ts":9,"args":{"a":2}},
{"ph":"s","id":1,"name":"flow","cat":"flow","pid":1,"tid":1,"ts":12},
{"ph":"f","id":1,"name":"flow","cat":"flow","pid":1,"tid":1,"ts":25}
]}"#;

#[test]
fn a_window_keeps_what_overlaps_it_and_counts_the_rest() {
    let opened = open(SMALL.as_bytes(), &window(10_000, 20_000), 1 << 20);
    assert_eq!(
        slices(&opened),
        [
            "across 5..15",
            "around 0..30",
            "at start 10..10",
            "frame 11..12",
            "pair across 1..12"
        ]
    );
    let index = &opened.index;
    assert_eq!((index.instants.ts.len(), index.flows.ts.len()), (1, 1));
    assert_eq!(index.counters[0].value, [1.0]);
    // before, at end, both of a pair, an instant, a counter, a flow.
    assert_eq!(index.left_out.outside_window, 7);
    assert_eq!(index.n_events, 18 - 7);
    assert_eq!(opened.report.defects, []);
    assert_eq!(
        opened.report.notes.last().map(String::as_str),
        Some("7 events outside 10.0 µs to 20.0 µs from the start of the trace were left out on request.")
    );
}

#[test]
fn a_category_goes_with_its_pairs_and_metadata_stays() {
    let opened = open(SMALL.as_bytes(), &without(&["python_function", "flow"]), 1 << 20);
    let names: Vec<String> = slices(&opened);
    assert!(
        names
            .iter()
            .all(|s| !s.starts_with("around") && !s.starts_with("frame")),
        "{names:?}"
    );
    assert_eq!(names.len(), 6);
    assert_eq!(
        opened.index.left_out.by_category,
        [("python_function".to_owned(), 3), ("flow".to_owned(), 2)]
    );
    assert_eq!(opened.index.n_events, 18 - 5);
    assert_eq!(opened.index.processes.len(), 1);
    assert_eq!(opened.report.defects, []);
    let notes = opened.report.notes.join(" ");
    assert!(
        notes.contains("3 python_function events were left out on request."),
        "{notes}"
    );
}

#[test]
fn both_reasons_together_count_each_event_once() {
    let selection = Selection {
        leave_out: vec!["op".into()],
        ..window(10_000, 20_000)
    };
    let opened = open(SMALL.as_bytes(), &selection, 1 << 20);
    assert_eq!(slices(&opened), ["around 0..30", "frame 11..12"]);
    // 4 complete, 2 pairs, 2 instants; a counter and a flow.
    assert_eq!(opened.index.left_out.by_category, [("op".to_owned(), 10)]);
    assert_eq!(opened.index.left_out.outside_window, 2);
    assert_eq!(opened.index.n_events + opened.index.left_out.events(), 18);
}

fn made(options: &Options) -> Vec<u8> {
    let mut json = Vec::new();
    synth::write(options, &mut json).unwrap();
    json
}

fn short() -> Options {
    Options {
        target: Target::Steps(30),
        ..Options::sample()
    }
}

#[test]
fn where_the_text_is_cut_changes_nothing() {
    let bytes = made(&short());
    let whole = open(&bytes, &Selection::default(), 1 << 20);
    let extent = whole.index.extent().unwrap();
    let third = extent.len_ns() / 3;
    let selection = Selection {
        leave_out: vec!["python_function".into(), "no such category".into()],
        ..window(extent.start + third, extent.start + 2 * third)
    };
    let once = open(&bytes, &selection, bytes.len());
    assert!(once.index.left_out.outside_window > 0 && once.index.left_out.by_category[0].1 > 0);
    assert_eq!(
        once.index.n_events + once.index.left_out.events(),
        whole.index.n_events
    );
    for cut in [13, 1021, 65_536] {
        let again = open(&bytes, &selection, cut);
        assert_eq!(again.index.left_out, once.index.left_out, "pieces of {cut}");
        assert_eq!(again.index.tally, once.index.tally, "pieces of {cut}");
        assert_eq!(again.report, once.report, "pieces of {cut}");
    }
}

#[test]
fn leaving_out_is_as_if_the_events_were_not_in_the_file() {
    let bytes = made(&short());
    let mut document: Value = serde_json::from_slice(&bytes).unwrap();
    let events = document["traceEvents"].as_array_mut().unwrap();
    let all = events.len() as u64;
    // The synthesiser writes python frames as complete events.
    events.retain(|e| e["cat"] != "python_function" || e["ph"] != "X");
    let gone = all - events.len() as u64;
    assert!(gone > 100, "{gone}");
    let selected = open(&bytes, &without(&["python_function"]), 1 << 20);
    assert_eq!(
        selected.index.left_out.by_category,
        [("python_function".to_owned(), gone)]
    );
    let cut = serde_json::to_vec(&document).unwrap();
    let expected = open(&cut, &Selection::default(), 1 << 20);
    assert_eq!(slices(&selected), slices(&expected));
    assert_eq!(selected.report.step_groups, expected.report.step_groups);
    assert_eq!(selected.report.findings.len(), expected.report.findings.len());
}

#[test]
fn the_tally_agrees_with_another_reader() {
    let bytes = made(&short());
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for event in document["traceEvents"].as_array().unwrap() {
        if !matches!(event["ph"].as_str(), Some("M" | "C")) {
            let category = event["cat"].as_str().unwrap_or_default();
            *expected.entry(category.to_owned()).or_default() += 1;
        }
    }
    let opened = open(&bytes, &Selection::default(), 1 << 20);
    let shares = opened.index.shares().filter(|(_, share)| share.events > 0);
    let found: BTreeMap<String, u64> = shares.map(|(c, share)| (c.to_owned(), share.events)).collect();
    assert_eq!(found, expected);
    let text: u64 = opened.index.shares().map(|(_, s)| s.text_bytes).sum();
    let text = text + opened.index.tally.other.text_bytes;
    let len = bytes.len() as u64;
    // Between the events stand commas, line ends and the header.
    assert!(text < len && text > len * 9 / 10, "{text} of {len}");
    let summary = opened.summary();
    assert!(
        summary
            .tally
            .is_sorted_by_key(|c| std::cmp::Reverse(c.text_bytes))
    );
    assert_eq!(summary.tally.len(), expected.len());
}

#[test]
fn the_first_time_is_where_the_trace_starts() {
    let bytes = made(&short());
    let whole = open(&bytes, &Selection::default(), 1 << 20);
    let pieces = bytes.chunks(1000).map(|piece| Ok::<_, ()>(piece.to_vec()));
    assert_eq!(first_time(pieces).unwrap(), whole.index.extent().map(|e| e.start));
}

#[test]
fn a_prediction_from_a_part_is_near_the_whole() {
    let bytes = made(&Options {
        target: Target::Bytes(20_000_000),
        ..Options::sample()
    });
    let total = bytes.len() as u64;
    let mut loader = TextLoader::new("t.json");
    let mut predictions = Vec::new();
    let mut read = 0;
    for piece in bytes.chunks(100_000) {
        loader.feed(piece);
        read += piece.len() as u64;
        let limit = MemoryRule::default().limit_bytes;
        if let Some(estimate) = loader.estimate(read, total, limit) {
            predictions.push((estimate.part(), estimate.predicted_bytes()));
        }
    }
    let (part, whole) = *predictions.last().unwrap();
    assert_eq!(part, 1.0);
    assert!(predictions[0].0 < 0.05, "known early: {predictions:?}");
    for (part, predicted) in &predictions {
        let ratio = *predicted as f64 / whole as f64;
        assert!((0.6..1.7).contains(&ratio), "{ratio} at {part}");
    }
}

#[test]
fn reading_that_was_stopped_is_no_defect_of_the_file() {
    let bytes = made(&short());
    let half = bytes.len() / 2;
    let mut loader = TextLoader::new("t.json");
    loader.feed(&bytes[..half]);
    let read = stepscope::ingest::Inflated {
        read: half as u64,
        ..Default::default()
    };
    let opened = loader.stop(&read, bytes.len() as u64).unwrap();
    assert!(
        opened
            .report
            .defects
            .iter()
            .all(|d| d.kind == "begin_without_end"),
        "{:?}",
        opened.report.defects
    );
    assert_eq!(opened.report.bytes, bytes.len() as u64);
    let notes = opened.report.notes.join(" ");
    assert!(notes.contains("at 50 % of the file"), "{notes}");
}
