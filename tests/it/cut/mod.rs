//! Cut-outs: what is kept is there byte for byte, what is written any reader takes, and the counts agree.

mod real;
mod steps;

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Write};

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stepscope::analyze::report::TraceReport;
use stepscope::base::Span;
use stepscope::base::time::ns_from_micros_text;
use stepscope::export::cut::Counts;
use stepscope::index::select::Selection;
use stepscope::session::{CutError, Inflater, Loader, Opened, open_bytes};
use stepscope::synth::{self, Options, Target};
use stepscope::view::{CutFacts, CutRequest};

/// A cut-out of `text` (not compressed), fed in pieces.
fn cut_text(
    opened: &Opened,
    text: &[u8],
    request: &CutRequest,
    only: &[String],
    piece: usize,
) -> Result<(Vec<u8>, Counts, CutFacts), CutError> {
    let mut cut = opened.cut(request, only, Vec::new())?;
    for part in text.chunks(piece) {
        cut.feed(opened, part)?;
    }
    let (facts, counts, out) = cut.finish(opened)?;
    assert_eq!((facts.events, facts.events_of), (counts.events, counts.events_of));
    assert_eq!(facts.bytes, out.len() as u64);
    assert_eq!(
        counts.events - counts.own_events + counts.left_out(),
        counts.events_of,
        "{counts:?}"
    );
    Ok((out, counts, facts))
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut inflater = Inflater::default();
    inflater.feed(bytes, &mut |piece| text.extend_from_slice(piece));
    drop(inflater.finish());
    text
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap()
}

fn everything() -> CutRequest {
    CutRequest::default()
}

fn stretch(from: i64, to: i64) -> CutRequest {
    CutRequest {
        window: Some(Span::new(from, to)),
        ..CutRequest::default()
    }
}

/// The events of a document as they stand, by another reader.
fn events(document: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        trace_events: Vec<Box<RawValue>>,
    }
    let raw: Vec<Box<RawValue>> = match serde_json::from_slice::<Document>(document) {
        Ok(document) => document.trace_events,
        Err(_) => serde_json::from_slice(document).unwrap(),
    };
    raw.iter().map(|event| event.get().to_owned()).collect()
}

fn names(document: &[u8]) -> Vec<String> {
    let of = |event: &String| {
        let event: Value = serde_json::from_str(event).unwrap();
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text("ph"), text("name"), event["ts"])
    };
    events(document).iter().map(of).collect()
}

const SMALL: &str = r#"{"schemaVersion":1,"traceEvents":[
{"ph":"M","name":"process_name","pid":1,"args":{"name":"host"}},
{"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"main"}},
{"ph":"M","name":"thread_name","pid":1,"tid":9,"args":{"name":"idle"}},
{"ph":"M","name":"process_name","pid":2,"args":{"name":"other"}},
{"ph":"X","name":"before","cat":"op","pid":1,"tid":1,"ts":0,"dur":10},
{"ph":"X","name":"across","cat":"op","pid":1,"tid":6,"ts":5,"dur":10},
{"ph":"X","name":"at start","cat":"op","pid":1,"tid":2,"ts":10,"dur":0},
{"ph":"X","name":"at end","cat":"op","pid":2,"tid":2,"ts":20,"dur":5},
{"ph":"X","name":"around","cat":"python_function","pid":1,"tid":1,"ts":0,"dur":30},
{"ph":"B","name":"pair across","cat":"op","pid":1,"tid":3,"ts":1},
{"ph":"B","name":"pair around","cat":"op","pid":1,"tid":7,"ts":2},
{"ph":"E","pid":1,"tid":3,"ts":12},
{"ph":"B","name":"pair before","cat":"op","pid":1,"tid":4,"ts":1},
{"ph":"E","pid":1,"tid":4,"ts":9},
{"ph":"E","pid":1,"tid":7,"ts":29},
{"ph":"E","pid":1,"tid":8,"ts":15},
{"ph":"i","name":"in","cat":"op","pid":1,"tid":1,"ts":19.999},
{"ph":"i","name":"out","cat":"op","pid":1,"tid":1,"ts":20},
{"ph":"C","name":"load","pid":1,"tid":1,"ts":1,"args":{"a":1}},
{"ph":"C","name":"load","pid":1,"tid":1,"ts":9,"args":{"a":2}},
{"ph":"C","name":"load","pid":1,"tid":1,"ts":3,"args":{"b":7}},
{"ph":"C","name":"load","pid":1,"tid":1,"ts":15,"args":{"a":3}},
{"ph":"C","name":"load","pid":1,"tid":1,"ts":21,"args":{"a":4}},
{"ph":"s","id":1,"name":"flow","cat":"flow","pid":1,"tid":6,"ts":6},
{"ph":"f","id":1,"name":"flow","cat":"flow","pid":1,"tid":2,"ts":10},
{"ph":"s","id":2,"name":"flow","cat":"flow","pid":1,"tid":6,"ts":7},
{"ph":"f","id":2,"name":"flow","cat":"flow","pid":2,"tid":2,"ts":21},
{"ph":"s","id":3,"name":"flow","cat":"flow","pid":1,"tid":6,"ts":8},
{"ph":"b","id":4,"name":"async","cat":"op","pid":1,"tid":1,"ts":11},
{"ph":"X","name":"no time","cat":"op","pid":1,"tid":1,"dur":3}
],"baseTimeNanoseconds":5}"#;

#[test]
fn a_stretch_keeps_what_overlaps_it_and_what_that_needs() {
    let opened = open_bytes("t.json", SMALL.as_bytes()).unwrap();
    let (out, counts, facts) =
        cut_text(&opened, SMALL.as_bytes(), &stretch(10_000, 20_000), &[], 1 << 20).unwrap();
    assert_eq!(
        names(&out),
        [
            "M process_name null",
            "M thread_name null",
            "X across 5",
            "X at start 10",
            "X around 0",
            "B pair across 1",
            "B pair around 2",
            "E  12",
            "E  29",
            "i in 19.999",
            // The last before the stretch, of each series of the counter.
            "C load 9",
            "C load 3",
            "C load 15",
            "s flow 6",
            "f flow 10",
            "b async 11",
        ]
    );
    let header: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        (&header["schemaVersion"], &header["baseTimeNanoseconds"]),
        (&1.into(), &5.into())
    );
    assert_eq!(header["stepscope"]["cut_out_of"], "t.json");
    assert_eq!(header["stepscope"]["from_ns"], 10_000);
    assert_eq!(
        counts,
        Counts {
            events_of: 30,
            bytes_of: SMALL.len() as u64,
            events: 16,
            text_bytes: out.len() as u64,
            bytes: out.len() as u64,
            metadata: 2,
            // before, at end, both of pair before, an instant, two samples, what has no time.
            outside_window: 8,
            arrow_ends: 3,
            ends_without_begin: 1,
            metadata_left_out: 2,
            ..Counts::default()
        }
    );
    assert_eq!(facts.file_name, "t.0-0ms.json");
}

#[test]
fn tracks_and_categories_choose_too() {
    let opened = open_bytes("t.json", SMALL.as_bytes()).unwrap();
    let cut = |request: &CutRequest, only: &[&str]| {
        let only: Vec<String> = only.iter().map(|c| (*c).to_owned()).collect();
        names(&cut_text(&opened, SMALL.as_bytes(), request, &only, 7).unwrap().0)
    };
    let of = |text: &str| CutRequest {
        tracks: opened.tracks_like(text),
        ..CutRequest::default()
    };
    assert_eq!(
        cut(&of("other"), &[]),
        ["M process_name null", "X at end 20"],
        "an arrow into it has no start"
    );
    assert_eq!(
        cut(&of("1/6"), &[]),
        ["M process_name null", "X across 5"],
        "arrows from it have no end"
    );
    assert_eq!(
        cut(&of("1/7"), &[]),
        ["M process_name null", "B pair around 2", "E  29"]
    );
    assert_eq!(
        cut(&of("load"), &[])
            .iter()
            .filter(|n| n.starts_with("C load"))
            .count(),
        5
    );
    assert_eq!(
        cut(&everything(), &["python_function"]),
        ["M process_name null", "M thread_name null", "X around 0"]
    );
    let without = CutRequest {
        left_out: vec!["op".into(), "flow".into(), String::new()],
        ..CutRequest::default()
    };
    // An end has no category of its own here: it goes with its begin.
    assert_eq!(
        cut(&without, &[]),
        ["M process_name null", "M thread_name null", "X around 0"]
    );
}

#[test]
fn an_empty_stretch_says_so() {
    let opened = open_bytes("t.json", SMALL.as_bytes()).unwrap();
    let says = |request: &CutRequest| {
        cut_text(&opened, SMALL.as_bytes(), request, &[], 99)
            .unwrap_err()
            .to_string()
    };
    assert!(says(&stretch(5, 5)).contains("is empty"));
    assert_eq!(
        says(&stretch(40_000, 50_000)),
        "nothing of the trace lies in this stretch: it asks for 40.0 µs to 50.0 µs, and the trace is 30.0 µs long"
    );
    let nothing = CutRequest {
        tracks: opened.tracks_like("2/2"),
        ..stretch(0, 5_000)
    };
    assert!(says(&nothing).contains("nothing of the trace is left"));
    let longer = SMALL.replace(r#"{"ph":"b""#, r#"{"ph":"i","ts":12,"name":"new"},{"ph":"b""#);
    let error = cut_text(&opened, longer.as_bytes(), &everything(), &[], 99).err();
    // The text ends where it ended before, so that what was appended is not looked at; what was put in is.
    assert!(matches!(error, Some(CutError::Changed { .. }) | None));
    let shorter = SMALL.replace(
        r#"{"ph":"i","name":"in","cat":"op","pid":1,"tid":1,"ts":19.999},"#,
        "",
    );
    let error = cut_text(&opened, shorter.as_bytes(), &everything(), &[], 99).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file has changed since it was opened: 29 events in place of 30"
    );
}

#[test]
fn what_was_left_out_on_opening_stays_out() {
    let selection = Selection {
        leave_out: vec!["python_function".into()],
        window: Some(Span::new(10_000, 25_000)),
    };
    let mut loader = Loader::selecting("t.json", &selection);
    loader.feed(SMALL.as_bytes());
    let opened = loader.finish().unwrap();
    let (out, ..) = cut_text(&opened, SMALL.as_bytes(), &stretch(0, 12_000), &[], 64).unwrap();
    assert_eq!(
        names(&out)
            .iter()
            .filter(|n| n.starts_with(['X', 'B', 'E']))
            .collect::<Vec<_>>(),
        [
            "X across 5",
            "X at start 10",
            "B pair across 1",
            "B pair around 2",
            "E  12",
            "E  29"
        ]
    );
}

fn made() -> Vec<u8> {
    let options = Options {
        target: Target::Steps(30),
        with_flows: true,
        ..Options::sample()
    };
    let mut json = Vec::new();
    synth::write(&options, &mut json).unwrap();
    json
}

/// The report without what a copy of the file must differ in: its name, its sizes and its number of events.
fn comparable(report: &TraceReport) -> TraceReport {
    let mut python = report.python.clone();
    // Threads that share tid 0 are told apart behind all other tracks, our own among them: their rows are numbered anew.
    python.iter_mut().for_each(|frame| frame.longest_slice = 0);
    TraceReport {
        python,
        file: String::new(),
        bytes: 0,
        inflated_bytes: 0,
        events: 0,
        bytes_by_category: Vec::new(),
        ..report.clone()
    }
}

/// A cut-out of everything, with our own tracks, is the same trace to every analysis.
fn assert_same_answers(name: &str, opened: &Opened, out: &[u8], own_events: u64) {
    let again = open_bytes(name, out).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (mut before, mut after) = (comparable(&opened.report), comparable(&again.report));
    // Damage is mended: quotes, what is no number, a list that is never closed. What is lost stays lost.
    for report in [&mut before, &mut after] {
        report.defects.clear();
        report
            .findings
            .retain(|f| !matches!(&*f.id, "input-damaged" | "events-lost" | "large-category"));
    }
    assert_eq!(again.report.events, opened.report.events + own_events, "{name}");
    let fields = |report: &TraceReport| serde_json::to_value(report).unwrap().as_object().unwrap().clone();
    for (field, value) in fields(&before) {
        assert!(
            fields(&after)[&field] == value,
            "{name}: {field} was {value}, is {}",
            fields(&after)[&field]
        );
    }
}

#[test]
fn a_cut_out_of_everything_has_the_same_answers() {
    let text = made();
    let opened = open_bytes("t.json", &text).unwrap();
    let request = CutRequest {
        own_tracks: true,
        ..everything()
    };
    let (out, counts, _) = cut_text(&opened, &text, &request, &[], 1 << 20).unwrap();
    assert_eq!(counts.left_out() + counts.repaired, 0);
    assert_eq!(events(&out)[..size(counts.events_of)], events(&text)[..]);
    assert_same_answers("t.json", &opened, &out, counts.own_events);
    // A cut-out of a cut-out has our tracks once.
    let opened = open_bytes("t.json", &out).unwrap();
    let (again, counts_again, _) = cut_text(&opened, &out, &request, &[], 999).unwrap();
    assert_eq!(counts_again.old_own_events, counts.own_events);
    assert_eq!(events(&again), events(&out));
}

#[test]
fn where_the_text_is_cut_changes_nothing() {
    let text = made();
    let opened = open_bytes("t.json", &text).unwrap();
    let extent = opened.index.extent().unwrap();
    let third = extent.len_ns() / 3;
    let request = CutRequest {
        left_out: vec!["python_function".into()],
        own_tracks: true,
        ..stretch(extent.start + third, extent.start + 2 * third)
    };
    let whole = cut_text(&opened, &text, &request, &[], text.len()).unwrap();
    for piece in [13, 1021, 65_536] {
        assert!(
            cut_text(&opened, &text, &request, &[], piece).unwrap() == whole,
            "pieces of {piece}"
        );
    }
    let packed = CutRequest {
        gzip: true,
        ..request.clone()
    };
    let (bytes, counts, facts) = cut_text(&opened, &text, &packed, &[], 4096).unwrap();
    assert!(inflated(&bytes) == whole.0);
    assert_eq!(counts.text_bytes, whole.1.text_bytes);
    assert!(facts.file_name.ends_with("ms.json.gz"), "{}", facts.file_name);
}

/// Decimal microseconds of a field, as ns.
fn ns(event: &BTreeMap<String, Box<RawValue>>, key: &str) -> Option<i64> {
    ns_from_micros_text(event.get(key)?.get().trim_matches('"').as_bytes())
}

/// Begins and ends by thread; arrows by category and id.
fn assert_nothing_dangles(name: &str, events: &[String], was_whole: bool) {
    let mut open: BTreeMap<String, i64> = BTreeMap::new();
    let mut arrows: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for event in events {
        let event: Value = serde_json::from_str(event).unwrap();
        let thread = format!("{} {}", event["pid"], event["tid"]);
        match event["ph"].as_str() {
            Some("B") => *open.entry(thread).or_default() += 1,
            Some("E") => *open.entry(thread).or_default() -= 1,
            Some("s") => {
                arrows
                    .entry(format!("{} {}", event["cat"], event["id"]))
                    .or_default()
                    .0 += 1
            }
            Some("f") => {
                arrows
                    .entry(format!("{} {}", event["cat"], event["id"]))
                    .or_default()
                    .1 += 1
            }
            _ => {}
        }
    }
    for (thread, n) in open {
        assert!(
            n >= 0 && (n == 0 || !was_whole),
            "{name}: {thread} has {n} begins too many"
        );
    }
    for (id, ends) in arrows {
        assert!(ends.0 > 0 && ends.1 > 0, "{name}: arrow {id} has {ends:?}");
    }
}

#[test]
fn our_own_tracks_state_exact_times() {
    let text = made();
    let opened = open_bytes("t.json", &text).unwrap();
    let extent = opened.index.extent().unwrap();
    let window = Span::new(extent.start + extent.len_ns() / 2, extent.end);
    let request = CutRequest {
        own_tracks: true,
        ..stretch(window.start, window.end)
    };
    let (out, counts, _) = cut_text(&opened, &text, &request, &[], 1 << 20).unwrap();
    let events = events(&out);
    let own = &events[events.len() - size(counts.own_events)..];
    let mut threads: BTreeMap<String, String> = BTreeMap::new();
    let mut found: BTreeMap<String, Vec<(String, i64, i64)>> = BTreeMap::new();
    for text in own {
        let event: Value = serde_json::from_str(text).unwrap();
        assert_eq!(event["cat"], "stepscope");
        let tid = event["tid"].to_string();
        if event["ph"] == "M" {
            if event["name"] == "thread_name" {
                threads.insert(tid, event["args"]["name"].as_str().unwrap().to_owned());
            }
            continue;
        }
        let raw: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
        let name = event["name"].as_str().unwrap().to_owned();
        let slice = (name, ns(&raw, "ts").unwrap(), ns(&raw, "dur").unwrap_or(0));
        found.entry(threads[&tid].clone()).or_default().push(slice);
    }
    let overlaps =
        |start: i64, dur: i64| start < window.end && (start + dur > window.start || start >= window.start);
    let steps = opened
        .report
        .steps
        .iter()
        .filter(|s| overlaps(s.start_ns, s.dur_ns));
    let expected: Vec<(i64, i64)> = steps.map(|s| (s.start_ns, s.dur_ns)).collect();
    let times = |thread: &str| -> Vec<(i64, i64)> { found[thread].iter().map(|s| (s.1, s.2)).collect() };
    assert!(expected.len() > 5);
    assert_eq!(times("Steps"), expected);
    assert!(
        found["Steps"].iter().any(|s| s.0.starts_with("decode (")),
        "{:?}",
        found["Steps"]
    );
    let compiles = opened
        .report
        .recompiles
        .iter()
        .filter(|r| overlaps(r.start_ns, r.known_ns()));
    let mut expected: Vec<(i64, i64)> = compiles.map(|r| (r.start_ns, r.known_ns())).collect();
    expected.sort_unstable();
    assert_eq!(times("Graph compiles"), expected);
    // Every gap that the report names, and that lies here, with its cause.
    for gaps in &opened.report.gaps {
        let named: Vec<&(String, i64, i64)> = found
            .iter()
            .filter(|(thread, _)| thread.starts_with("Gaps") && thread.contains(&*gaps.r#where))
            .flat_map(|(_, slices)| slices)
            .collect();
        for gap in gaps
            .longest
            .iter()
            .filter(|g| overlaps(g.start_ns, g.dur_ns) && g.dur_ns > 0)
        {
            let expected = (gap.cause.key().to_owned(), gap.start_ns, gap.dur_ns);
            assert!(named.contains(&&expected), "{expected:?} of {}", gaps.r#where);
        }
    }
    // No thread of ours is one of the trace's.
    let again = open_bytes("t.json", &out).unwrap();
    let of_trace: HashSet<String> = opened
        .index
        .tracks
        .iter()
        .map(|t| t.pid.show(&opened.index.names))
        .collect();
    assert!(threads.keys().all(|tid| !of_trace.contains(tid)));
    assert_eq!(again.report.defects, []);
}

#[test]
fn a_number_that_the_trace_has_is_not_ours() {
    let text = br#"[{"ph":"X","name":"a","pid":2000000000,"tid":1999999999,"ts":1,"dur":1},
        {"ph":"X","name":"b","pid":"1999999998","tid":1,"ts":1,"dur":1}]"#;
    let opened = open_bytes("t.json", text).unwrap();
    let request = CutRequest {
        own_tracks: true,
        ..everything()
    };
    let (out, ..) = cut_text(&opened, text, &request, &[], 1 << 20).unwrap();
    let own: Vec<Value> = events(&out)[2..]
        .iter()
        .map(|e| serde_json::from_str(e).unwrap())
        .collect();
    assert!(
        own.iter()
            .all(|e| e["pid"] == 1_999_999_997 && e["tid"].as_i64() < Some(1_999_999_998))
    );
}

/// Cuts a hostile trace. That cost grows as size does is asked of all cases of `hostile.rs`.
fn hostile(text: &str, request: &CutRequest) -> Counts {
    let opened = open_bytes("t.json", text.as_bytes()).unwrap();
    let (out, counts, _) = cut_text(&opened, text.as_bytes(), request, &[], 1 << 20).unwrap();
    assert_eq!(events(&out).len() as u64, counts.events);
    counts
}

#[test]
fn a_hundred_thousand_open_begins_and_as_many_arrows_under_them() {
    let mut text = String::from("[");
    for i in 0..100_000 {
        text += &format!(r#"{{"ph":"B","name":"n{}","pid":1,"tid":1,"ts":{i}}},"#, i % 7);
    }
    for i in 0..50_000 {
        text += &format!(r#"{{"ph":"E","pid":1,"tid":1,"ts":{}}},"#, 100_000 + i);
    }
    for i in 0..100_000 {
        text += &format!(
            r#"{{"ph":"s","id":{i},"cat":"f","pid":1,"tid":1,"ts":{}}},"#,
            160_000 + i % 5
        );
        text += &format!(
            r#"{{"ph":"f","id":{i},"cat":"f","pid":1,"tid":1,"ts":{}}},"#,
            160_000 + i % 3
        );
    }
    text.pop();
    text += "]";
    let counts = hostile(&text, &stretch(155_000_000, 170_000_000));
    // The begins that are never ended are open at the arrows' ends, up to the last time of their thread: 149 999 µs.
    assert_eq!((counts.events, counts.arrow_ends), (200_000, 0));
    let counts = hostile(&text, &stretch(120_000_000, 130_000_000));
    // Open after 120 000 µs: the 50 000 that never end, and those that end later.
    assert_eq!(counts.events, 50_000 + 2 * 29_999);
    assert_eq!(counts.arrow_ends, 200_000);
}

#[test]
fn a_million_processes_and_arrows_that_all_dangle() {
    let mut text = String::from("[");
    for i in 0..300_000 {
        text += &format!(r#"{{"ph":"M","name":"process_name","pid":{i},"args":{{"name":"p"}}}},"#);
        text += &format!(
            r#"{{"ph":"X","name":"a","pid":{i},"tid":{i},"ts":{},"dur":1}},"#,
            i % 1000
        );
        text += &format!(r#"{{"ph":"s","id":1,"cat":"f","pid":{i},"tid":{i},"ts":5}},"#);
        text += &format!(
            r#"{{"ph":"C","name":"c{i}","pid":{i},"ts":{},"args":{{"v":1}}}},"#,
            i % 1000
        );
    }
    text.pop();
    text += "]";
    let request = CutRequest {
        own_tracks: true,
        ..stretch(500_000, 600_000)
    };
    let counts = hostile(&text, &request);
    assert_eq!(
        (counts.arrow_ends, counts.recorded()),
        (300_000, 30_000 + 180_000)
    );
}

proptest! {
    /// Any stretch of any small trace: pieces change nothing, what is written is JSON, and counts agree.
    #[test]
    fn any_cut_is_a_trace(
        raw in prop::collection::vec((0usize..8, 0i64..40, 0i64..12, 0u32..3, 0u32..3), 1..40),
        from in 0i64..40,
        len in 1i64..20,
        piece in 1usize..50,
        own in any::<bool>(),
        with_track in any::<bool>(),
    ) {
        let mut text = String::from("{\"traceEvents\":[");
        for (i, (kind, ts, dur, tid, id)) in raw.iter().enumerate() {
            let phase = ["X", "B", "E", "i", "C", "s", "f", "M"][*kind];
            let name = if phase == "M" { "thread_name" } else { ["a", "b\\u0041", "c\td"][(*id) as usize] };
            text += &format!(
                "{}{{\"ph\":\"{phase}\",\"name\":\"{name}\",\"cat\":\"k{id}\",\"pid\":1,\"tid\":{tid},\"ts\":{ts},\
                 \"dur\":{dur},\"id\":{id},\"args\":{{\"v\":{i},\"name\":\"t\"}}}}",
                if i == 0 { "" } else { "," }
            );
        }
        text += "]}";
        let opened = open_bytes("t.json", text.as_bytes()).unwrap();
        let request = CutRequest {
            own_tracks: own,
            tracks: if with_track { opened.tracks_like("1/1") } else { Vec::new() },
            ..stretch(from * 1000, (from + len) * 1000)
        };
        let whole = cut_text(&opened, text.as_bytes(), &request, &[], text.len());
        let pieces = cut_text(&opened, text.as_bytes(), &request, &[], piece);
        match (whole, pieces) {
            (Ok(whole), Ok(pieces)) => {
                prop_assert!(whole == pieces);
                let kept = events(&whole.0);
                prop_assert_eq!(kept.len() as u64, whole.1.events);
                prop_assert_eq!(open_bytes("t.json", &whole.0).unwrap().report.events, whole.1.events);
                let no_end = opened.report.defects.iter().any(|d| d.kind == "begin_without_end");
                assert_nothing_dangles("any", &kept[..kept.len() - size(whole.1.own_events)], !no_end);
            }
            (whole, pieces) => prop_assert_eq!(
                whole.err().map(|e| e.to_string()),
                pieces.err().map(|e| e.to_string())
            ),
        }
    }
}

/// Found by the fuzzer: damage in an arg that dialects want decides where an event ends, so it does on the second
/// reading, too.
#[test]
fn damage_in_a_wanted_arg_counts_the_same_twice() {
    let text = b"[{\"ph\":\"X\",\"name\":\"a\",\"ts\":1,\"dur\":1,\"args\":{\"recipeId\":\xff}},\
        {\"ph\":\"X\",\"name\":\"b\",\"ts\":5,\"dur\":1}]";
    let opened = open_bytes("t.json", text).unwrap();
    let (out, counts, _) = cut_text(&opened, text, &everything(), &[], 7).unwrap();
    assert_eq!(counts.events_of, opened.report.events);
    assert_eq!(events(&out).len() as u64, counts.events);
    assert_eq!(names(&out), ["X b 5"]);
}

/// Found by the fuzzer: what is damaged beside the events is no event that was left out.
#[test]
fn a_member_beyond_repair_is_counted_apart() {
    let text = br#"{"a":{"b":},"c":1,"traceEvents":[{"ph":"X","name":"n","ts":1,"dur":1}]}"#;
    let opened = open_bytes("t.json", text).unwrap();
    let (out, counts, facts) = cut_text(&opened, text, &everything(), &[], 1 << 20).unwrap();
    assert_eq!(
        (counts.unwritable, counts.members_left_out, counts.events),
        (0, 1, 1)
    );
    assert_eq!(facts.members_left_out, 1);
    let whole: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&whole["a"], &whole["c"]), (&Value::Null, &Value::from(1)));
}

#[test]
fn a_truncated_file_is_cut_as_far_as_it_goes() {
    let text = made();
    let mut gzip = synth::Gzip::new(Vec::new(), 1).unwrap();
    gzip.write_all(&text).unwrap();
    let packed = gzip.finish().unwrap();
    let part = &packed[..packed.len() / 2];
    let opened = open_bytes("t.json.gz", part).unwrap();
    let text = inflated(part);
    let (out, counts, _) = cut_text(&opened, &text, &everything(), &[], 1 << 20).unwrap();
    assert_eq!(counts.events, opened.report.events);
    assert_same_answers("t.json.gz", &opened, &out, 0);
    // Also by a reader that is not ours.
    let mut read = String::new();
    std::io::Cursor::new(&out).read_to_string(&mut read).unwrap();
    assert_eq!(events(read.as_bytes()).len() as u64, counts.events);
}

/// Two ranks call the same device 0 (`process_name` says that it is one of Gaudi), and each event says its rank.
#[test]
fn a_stretch_of_a_trace_whose_ranks_share_processes_keeps_what_says_of_them() {
    let mut events = vec![
        json!({"ph": "M", "name": "process_name", "pid": 0, "tid": 0, "args": {"name": "/device:HPU:0"}}),
    ];
    for (rank, at) in (0..2).flat_map(|rank| (0..4).map(move |step| (rank, 1_000 * step))) {
        events.push(
            json!({"ph": "X", "cat": "privateuse1_runtime", "name": "enqueueWithExternalEventsExt", "pid": 1, "tid": 5,
            "ts": at, "dur": 20, "args": {"recipeId": 7, "rank": rank}}),
        );
        events.push(
            json!({"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 6004, "ts": at + 100 + 50 * rank,
            "dur": 500, "args": {"recipeId": 7, "rank": rank}}),
        );
    }
    let text = json!({"traceEvents": events}).to_string().into_bytes();
    let opened = open_bytes("t.json", &text).unwrap();
    let busy = |opened: &Opened| -> Vec<(i64, Option<String>)> {
        let of = opened.report.device_time.iter();
        of.filter(|d| d.scope == "all")
            .map(|d| (d.device, d.rank.clone()))
            .collect()
    };
    let want = [0, 1].map(|rank| (0, Some(format!("rank {rank}"))));
    assert_eq!(busy(&opened), want);
    let (out, ..) = cut_text(&opened, &text, &stretch(900_000, 3_500_000), &[], 999).unwrap();
    assert_eq!(busy(&open_bytes("t.json", &out).unwrap()), want);
}
