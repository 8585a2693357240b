//! Damage, headers and wrong files.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Value, json};
use stepscope::base::{gzip, show};
use stepscope::session::{self, Opened, open_bytes};
use stepscope::view::{CutRequest, Which};

use super::{case, ms, report};
use crate::corpus;

/// Steps with their duration on the host.
fn steps(report: &Value) -> Vec<i64> {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().map(|s| s["dur_ns"].as_i64().unwrap()).collect()
}

fn length(report: &Value) -> i64 {
    report["end_ns"].as_i64().unwrap() - report["start_ns"].as_i64().unwrap()
}

/// `kind: count` of all defects.
fn defects(report: &Value) -> Vec<String> {
    let all = report["defects"].as_array().unwrap().iter();
    all.map(|d| format!("{}: {}", d["kind"].as_str().unwrap(), d["count"]))
        .collect()
}

fn busy(report: &Value) -> Vec<i64> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .map(|s| s["device"]["busy_ns"].as_i64().unwrap_or(-1))
        .collect()
}

/// A step marker of 8 ms every 10 ms, with three launches and kernels of 2 ms each, from `start_us` on.
fn events(n: usize, start_us: u64, link: impl Fn(u64) -> Value) -> Vec<Value> {
    let mut events = Vec::new();
    for step in 0..n as u64 {
        let at = start_us + step * 10_000;
        events.push(
            json!({"ph": "X", "cat": "user_annotation", "name": "execute_context_0(0)_generation_4(4)",
            "pid": 4, "tid": 4, "ts": at, "dur": 8000}),
        );
        for k in 0..3 {
            let id = link(100 + step * 3 + k);
            events.push(
                json!({"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel",
                "pid": 4, "tid": 4, "ts": at + 100 + 300 * k, "dur": 30, "args": {"correlation": id}}),
            );
            events.push(
                json!({"ph": "X", "cat": "kernel", "name": "gemm_kernel", "pid": 0, "tid": 7,
                "ts": at + 300 + 2000 * k, "dur": 2000,
                "args": {"correlation": id, "device": 0, "stream": 7}}),
            );
        }
    }
    events
}

fn trace(events: &[Value]) -> String {
    json!({"schemaVersion": 1, "distributedInfo": {"rank": 3, "world_size": 8}, "traceEvents": events})
        .to_string()
}

fn read(text: &str) -> Value {
    report("variant.json", text.as_bytes())
}

const EPOCH_US: u64 = 1_700_000_000_000_000;

#[test]
fn events_without_a_time_are_left_out() {
    if let Some(report) = case("c01a_ts0_second_half.json") {
        assert_eq!(steps(&report), [ms(8.0); 5]);
        assert_eq!(length(&report), ms(48.0));
        assert_eq!(
            defects(&report),
            ["zero_time: 80"],
            "50 slices and 30 ends of arrows"
        );
    }
    // A trace on relative time may start at 0, also with an event of no length.
    let mut all = events(5, 0, |id| json!(id));
    all.push(json!({"ph": "X", "cat": "cpu_op", "name": "first", "pid": 4, "tid": 4, "ts": 0, "dur": 0}));
    let healthy = read(&trace(&all));
    assert_eq!(defects(&healthy), [""; 0]);
    assert_eq!((steps(&healthy).len(), length(&healthy)), (5, ms(48.0)));
    // Most of the trace without its time, of every kind of event.
    let mut all = events(5, EPOCH_US, |id| json!(id));
    for i in 0..200 {
        all.push(
            json!({"ph": "X", "cat": "cpu_op", "name": "op", "pid": 4, "tid": 4, "ts": 0, "dur": 0, "id": i}),
        );
        all.push(json!({"ph": "i", "name": "mark", "pid": 4, "tid": 4, "ts": 0}));
    }
    let zeros = read(&trace(&all));
    assert_eq!(defects(&zeros), ["zero_time: 400"]);
    assert_eq!((steps(&zeros), length(&zeros)), (vec![ms(8.0); 5], ms(48.0)));
    assert_eq!(busy(&zeros), [ms(6.0); 5], "args stay with their slices");
}

#[test]
fn a_stray_time_sets_nothing() {
    let stray = |us: i64, dur: i64| {
        let mut all = events(8, EPOCH_US, |id| json!(id));
        let event =
            json!({"ph": "X", "cat": "cpu_op", "name": "op", "pid": 4, "tid": 9, "ts": us, "dur": dur});
        all.insert(20, event);
        read(&trace(&all))
    };
    let epoch = EPOCH_US as i64;
    for (us, dur) in [
        (1, 5),
        (epoch - 3_600_000_000, 5),
        (epoch + 3_600_000_000, 5),
        (epoch + 20_000_000, 0),
        (4_000_000_000_000_000, 5),
        (1, epoch),
    ] {
        let report = stray(us, dur);
        assert_eq!(defects(&report), ["stray_time: 1"], "{us} {dur}");
        assert_eq!(
            (length(&report), steps(&report).len()),
            (ms(78.0), 8),
            "{us} {dur}"
        );
        assert_eq!(busy(&report), [ms(6.0); 8]);
    }
    // An end far away is bounded.
    let report = stray(epoch + 50_000, 1_000_000_000_000);
    assert_eq!(defects(&report), ["stray_end: 1"]);
    assert_eq!(length(&report), ms(78.0));
    // 50 times the span is far, but no stray.
    let report = stray(epoch + 3_500_000, 5);
    assert_eq!(defects(&report), [""; 0]);
}

#[test]
fn damage_in_the_header_costs_no_event() {
    if let Some(report) = case("c05_02_string_unescaped.json") {
        assert_eq!(steps(&report), [ms(8.0); 3]);
        assert_eq!(defects(&report), ["damaged_header: 1"]);
    }
    let list = Value::from(events(4, 1000, |id| json!(id))).to_string();
    let nested = r#"{"traceEvents": [{"ph": "X", "name": "no", "pid": 1, "tid": 1, "ts": 1, "dur": 1}]}"#;
    for header in [
        r#""a": "x="y", z"#.to_owned(),
        r#""a": "not closed"#.to_owned(),
        r#""a": "path\"#.to_owned(),
        r#""a": {"b": 1, "c": {"d": 2}"#.to_owned(),
        r#""a": [1, 2"#.to_owned(),
        r#""a": {"b": 1}}"#.to_owned(),
        r#""a": {"b": 1}]"#.to_owned(),
        r#""a": "#.to_owned(),
        r#""a" 5"#.to_owned(),
        r#""a": <object at 0x7f>"#.to_owned(),
        r#""a": 'b', "c": "d""#.to_owned(),
        r#""a": [{"name": "Imag"inary GPU", "n": 1}], "b": {"c": 2}"#.to_owned(),
        r#""b": {"a": NaN, "c": -Infinity}"#.to_owned(),
        "\"a\": \"x\ny\u{1}\"".to_owned(),
        format!(
            r#""note": "traceEvents", "a": "x="y", z", "b": {}"#,
            r#"{"traceEvents": [1]}"#
        ),
    ] {
        for before in [r#"{"distributedInfo": {"rank": 3, "world_size": 8}, "#, "{"] {
            for after in [r#", "traceName": "t"}"#, "}"] {
                let text = format!(r#"{before}{header}, "traceEvents": {list}{after}"#);
                let found = read(&text);
                let shown = &text[..text.len().min(160)];
                assert_eq!(steps(&found), [ms(8.0); 4], "{shown}");
                assert_eq!(defects(&found), ["damaged_header: 1"], "{shown}");
                if before.len() > 1 {
                    assert_eq!(found["rank"], 3, "{shown}");
                }
                // Where the text is cut changes nothing.
                let mut loader = session::Loader::new("variant.json");
                text.as_bytes().chunks(13).for_each(|piece| loader.feed(piece));
                let in_pieces = serde_json::to_value(&loader.finish().unwrap().report).unwrap();
                assert_eq!(in_pieces, found, "{shown}");
            }
        }
    }
    // No damage: the name of the list as a text, and as a key further in.
    for header in [
        r#""a": "traceEvents""#.to_owned(),
        r#""traceEvents": "later""#.to_owned(),
        r#""a": "\"traceEvents\": [{\"ph\": 1}]""#.to_owned(),
        format!(r#""a": {nested}"#),
    ] {
        let found = read(&format!(r#"{{{header}, "traceEvents": {list}}}"#));
        assert_eq!(steps(&found), [ms(8.0); 4], "{header}");
        assert_eq!(defects(&found), [""; 0], "{header}");
    }
    // A header value that is not JSON alone costs itself.
    let found = read(&format!(
        r#"{{"distributedInfo": {{"rank": 3, "world_size": 8, "x": NaN, "y": "a{}b"}}, "traceEvents": {list}}}"#,
        '\n'
    ));
    assert_eq!((&found["rank"], &found["world_size"]), (&json!(3), &json!(8)));
    assert_eq!(defects(&found), ["damaged_header: 1"]);
}

#[test]
fn as_many_events_are_counted_as_lost_as_were_lost() {
    if let Some(report) = case("c04a_dict_repr.json") {
        assert_eq!(steps(&report), [ms(8.0); 3]);
        assert_eq!(report["events"], 53);
        assert_eq!(defects(&report), ["bad_event: 1"]);
    }
    if let Some(report) = case("s6c_nul_replaces.json") {
        // 4 of metadata and 16 a step, of 8 steps, were written.
        assert_eq!(report["events"], 128);
        assert_eq!(defects(&report), ["bad_event: 4"]);
    }
    // Names with quotes that end too early, one, two, in a row; the neighbours are read.
    for n in 1..4 {
        let mut text = String::from(r#"{"traceEvents": ["#);
        for (i, event) in events(4, 1000, |id| json!(id)).iter().enumerate() {
            if i >= 10 && i < 10 + n {
                let torn = r#"{"ph": "X", "cat": "cpu_op", "name": "f{"k": "v", "b": {"c": 1}}(3)", "ts": 5, "dur": 1},"#;
                text += torn;
            }
            write!(text, "{event},").unwrap();
        }
        text.truncate(text.len() - 1);
        text += "]}";
        let found = read(&text);
        assert_eq!(found["events"], 28, "{n}");
        assert_eq!(defects(&found), [format!("bad_event: {n}")]);
    }
    // Zeros over whole events and over parts of them.
    let all = events(12, 1000, |id| json!(id));
    let text = trace(&all);
    for (from, len) in [(3000, 300), (3000, 900), (5011, 1500), (5500, 4096)] {
        let mut torn = text.clone().into_bytes();
        torn[from..from + len].fill(0);
        let found = report("torn.json", &torn);
        let lost = all.len() as i64 - found["events"].as_i64().unwrap();
        let counts = found["defects"].as_array().unwrap().iter();
        let counted: i64 = counts.map(|d| d["count"].as_i64().unwrap()).sum();
        assert!(
            (counted - lost).abs() <= 1 + lost / 10,
            "{from} {len}: {counted} for {lost}"
        );
    }
}

/// The same trace with other white space.
fn indented(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

/// The same trace with the keys of its events in another order.
fn backwards(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap();
    let event = |event: &Value| {
        let keys = event.as_object().unwrap().iter().rev();
        let keys = keys.map(|(key, value)| format!("{}:{value}", json!(key)));
        format!("{{{}}}", keys.collect::<Vec<_>>().join(","))
    };
    let events = value["traceEvents"].as_array().unwrap().iter().map(event);
    format!("{{\"traceEvents\":[{}]}}", events.collect::<Vec<_>>().join(","))
}

#[test]
fn two_documents_in_a_file_are_two_traces() {
    if let Some(report) = case("c20d_twice.json") {
        assert_eq!(steps(&report), [ms(8.0); 4]);
        assert_eq!(defects(&report), ["repeated_trace: 1"]);
    }
    if let Some(bytes) = corpus::read("meaning/v3b_hl_two_files_concatenated.json") {
        let opened = open_bytes("v3b.json", &bytes).unwrap();
        let all = [&opened, &opened.further[0]];
        for one in all {
            let report = serde_json::to_value(&one.report).unwrap();
            assert_eq!(
                (steps(&report), &report["events"]),
                (vec![ms(8.0); 4], &json!(16))
            );
            assert_eq!(length(&report), ms(38.6));
        }
        let start = |one: &Opened| one.report.start_ns.unwrap();
        let gap = start(&opened.further[0]) - start(&opened);
        assert_eq!((gap, opened.further.len()), (ms(100.0), 1));
    }
    let first = trace(&events(4, 1000, |id| json!(id)));
    let second = trace(&events(5, 3000, |id| json!(id)));
    let list = Value::from(events(3, 7000, |id| json!(id))).to_string();
    let open_list = list.trim_end_matches(']');
    let n_steps = |text: &str, piece: usize| -> Vec<usize> {
        let mut loader = session::Loader::new("joined.json");
        text.as_bytes().chunks(piece).for_each(|piece| loader.feed(piece));
        let mut opened = loader.finish().unwrap();
        let further = std::mem::take(&mut opened.further);
        let all = std::iter::once(&opened).chain(&further);
        all.map(|one| one.report.steps.len()).collect()
    };
    for (text, expected) in [
        (format!("{first}{second}"), vec![4, 5]),
        (format!("{first}\n{second}\n{list}"), vec![4, 5, 3]),
        (format!("{open_list},\n{first}"), vec![3, 4]),
        (format!("{open_list},\n{list}"), vec![3]),
        (format!("{open_list}{open_list}{second}"), vec![3, 5]),
        // Each trace is read once, whichever of those before it is repeated.
        (format!("{list}{first}{first}{list}"), vec![3, 4]),
        (format!("{first}{first}{first}"), vec![4]),
        (format!("{first}x{second}"), vec![4, 5]),
        (format!("{first}\nkilled \"\n{second}"), vec![4, 5]),
        (format!("{first}\n{}", Value::from(second.clone())), vec![4]),
        (format!("[{first},{second}]"), vec![4, 5]),
        (format!("{}{second}", &first[..first.len() - 60]), vec![4, 5]),
        (format!("{first},{second};\n{list}"), vec![4, 5, 3]),
        (format!("{first}\n---\n{second}"), vec![4, 5]),
        (format!("{first}\u{feff}{second}"), vec![4, 5]),
        (format!("{first}\0\0]}}{second}"), vec![4, 5]),
        (format!("{first}{}{second}", ",".repeat(16)), vec![4, 5]),
        (format!("{first}{}{second}", ",".repeat(17)), vec![4, 5]),
        (format!("{first}\n{}", indented(&first)), vec![4]),
        (format!("{first}\n{}", backwards(&first)), vec![4]),
        (format!("{first}{{\"a\": 1}}"), vec![4]),
        (format!("{{}}{first}"), vec![4]),
    ] {
        for piece in [7, 1 << 20] {
            assert_eq!(n_steps(&text, piece), expected, "{}", &text[..200]);
        }
    }
    // The first is there twice, so that the second trace is the third document.
    let joined = format!("{first}{first}{second}");
    let opened = open_bytes("joined.json", joined.as_bytes()).unwrap();
    assert_eq!(opened.further[0].report.file, "joined.json (2)");
    // What a page shows of it: the one that is asked for, with the way to the other.
    let n_events = [opened.report.events, opened.further[0].report.events];
    for (asked, shown, other) in [(0, 1, 2), (1, 1, 2), (2, 2, 1), (3, 1, 2)] {
        let which = Which {
            recording: Some("joined.json".to_owned()),
            document: asked,
        };
        let opened = open_bytes("joined.json", joined.as_bytes())
            .unwrap()
            .document(&which);
        let events = |number: usize| show::counted(n_events[number - 1], "event");
        assert!(opened.report.notes.contains(&format!(
            "The file holds 2 traces, one after the other: this is number {shown} ({}); number {other} has {}.",
            events(shown),
            events(other)
        )));
        assert_eq!(opened.report.steps.len(), 3 + shown);
        let others = opened.summary().others;
        let numbers: Vec<_> = others
            .iter()
            .map(|o| (o.which.document as usize, o.events))
            .collect();
        assert_eq!(numbers, [(other, Some(n_events[other - 1]))]);
        assert_eq!(others[0].which.recording, which.recording);
        // Its events are read again at their own bytes, and a cut-out is of it.
        let last = u32::try_from(opened.index.slices.len() - 1).unwrap();
        let at = usize::try_from(opened.text_at(last).unwrap()).unwrap();
        let expected = if shown == 1 { &first } else { &second };
        assert!(
            expected.contains(&joined[at..at + 20]),
            "{}",
            &joined[at..at + 20]
        );
        let mut cut = opened.cut(&CutRequest::default(), &[], Vec::new()).unwrap();
        for piece in joined.as_bytes().chunks(100) {
            cut.feed(&opened, piece).unwrap();
        }
        let (_, counts, written) = cut.finish(&opened).unwrap();
        assert_eq!(counts.events_of, n_events[shown - 1]);
        assert_eq!(
            open_bytes("cut.json", &written).unwrap().report.steps.len(),
            3 + shown
        );
    }
}

#[test]
fn numbers_of_the_header_however_they_are_written() {
    if let Some(report) = case("p15_base_float.json") {
        assert_eq!(report["base_time_ns"], 1_790_857_026_000_000_000_i64);
    }
    if let Some(report) = case("p23_rank_text.json") {
        assert_eq!((&report["rank"], &report["world_size"]), (&json!(3), &json!(8)));
    }
    let list = Value::from(events(4, 1000, |id| json!(id))).to_string();
    let found = |header: &str| {
        let report = read(&format!(r#"{{{header}, "traceEvents": {list}}}"#));
        [
            report["rank"].clone(),
            report["world_size"].clone(),
            report["base_time_ns"].clone(),
        ]
    };
    let base = 1_790_857_026_123_456_789_i64;
    assert_eq!(
        found(
            r#""distributedInfo": {"rank": 3.0, "world_size": 8e0}, "baseTimeNanoseconds": "1790857026123456789""#
        ),
        [json!(3), json!(8), json!(base)]
    );
    assert_eq!(
        found(
            r#""distributedInfo": {"rank": "03", "world_size": "8.0"}, "baseTimeNanoseconds": 1790857026123456789.0"#
        ),
        [json!(3), json!(8), json!(base)]
    );
    assert_eq!(
        found(
            r#""distributedInfo": {"rank": "none", "world_size": 8.5}, "baseTimeNanoseconds": 1.790857026123456789E+18"#
        ),
        [Value::Null, Value::Null, json!(base)]
    );
}

#[test]
fn ids_link_however_they_are_written() {
    if let Some(report) = case("c12a_float_links.json") {
        assert_eq!(busy(&report), [ms(6.0); 4]);
    }
    let as_float = |id: u64| json!(id as f64);
    let as_text = |id: u64| json!(id.to_string());
    let as_float_text = |id: u64| json!(format!("{id}.0"));
    let large = |id: u64| json!(u64::MAX - 1000 + id);
    let writers: [&dyn Fn(u64) -> Value; 4] = [&as_float, &as_text, &as_float_text, &large];
    for (i, writer) in writers.into_iter().enumerate() {
        let found = read(&trace(&events(4, 1000, writer)));
        assert_eq!(busy(&found), [ms(6.0); 4], "{i}");
    }
    // The call in one way, its work in another.
    let mut mixed = events(4, 1000, |id| json!(id));
    for event in mixed.iter_mut().filter(|e| e["cat"] == "kernel") {
        let id = event["args"]["correlation"].as_f64().unwrap();
        event["args"]["correlation"] = json!(id);
    }
    assert_eq!(busy(&read(&trace(&mixed))), [ms(6.0); 4]);
}

/// One python call a step, of 7.8 ms every 10 ms; those at `lost` end with the recording.
fn python_calls(n: u64, lost: &[u64], extra: &[Value]) -> Value {
    let mut all = events(usize::try_from(n).unwrap(), 1000, |id| json!(id));
    all.retain(|e| e["cat"] != "user_annotation");
    let end = 1000 + n * 10_000;
    all.push(
        json!({"ph": "X", "cat": "python_function", "name": "serve.py(1): run", "pid": 4, "tid": 4,
        "ts": 900, "dur": end - 900}),
    );
    for step in 0..n {
        let at = 1050 + step * 10_000;
        let dur = if lost.contains(&step) { end - at } else { 7800 };
        all.push(
            json!({"ph": "X", "cat": "python_function", "pid": 4, "tid": 4, "ts": at, "dur": dur,
            "name": "vllm/v1/worker/gpu_model_runner.py(1500): execute_model"}),
        );
        all.push(
            json!({"ph": "X", "cat": "python_function", "pid": 4, "tid": 4, "ts": at + 10, "dur": 500,
            "name": "vllm/model.py(10): forward"}),
        );
    }
    all.extend_from_slice(extra);
    read(&trace(&all))
}

#[test]
fn a_python_call_without_a_return_ends_before_the_next_of_its_kind() {
    if let Some(report) = case("c11d_only_runner_second_never_returns.json") {
        assert_eq!(steps(&report).len(), 6);
        assert_eq!(defects(&report), ["unreturned_frame: 1"]);
    }
    for lost in [&[0][..], &[2], &[1, 2], &[0, 3, 4]] {
        let found = python_calls(7, lost, &[]);
        assert_eq!(steps(&found).len(), 7, "{lost:?}");
        assert_eq!(
            defects(&found),
            [format!("unreturned_frame: {}", lost.len())],
            "{lost:?}"
        );
        for &step in lost {
            let step = usize::try_from(step).unwrap();
            assert_eq!(steps(&found)[step], ms(10.0), "{lost:?}");
        }
    }
    // The last one may well have been running when the recording ended.
    let found = python_calls(7, &[6], &[]);
    assert_eq!((steps(&found).len(), defects(&found)), (7, vec![]));
    // Recursion, also where it was running at the end.
    let mut deep = Vec::new();
    for i in 0..6u64 {
        let (at, end) = (2000 + 100 * i, 71_000 - if i < 3 { 0 } else { 2_000 * i });
        deep.push(
            json!({"ph": "X", "cat": "python_function", "name": "walk.py(1): walk", "pid": 4, "tid": 5,
            "ts": at, "dur": end - at}),
        );
    }
    let found = python_calls(7, &[], &deep);
    assert_eq!(defects(&found), [""; 0]);
}

/// What opening says, of the file as it is and compressed.
fn refusal(bytes: &[u8]) -> String {
    let of = |bytes: &[u8]| match open_bytes("file", bytes) {
        Ok(_) => panic!(
            "opened: {:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
        ),
        Err(why) => why.to_string(),
    };
    let (plain, packed) = (of(bytes), of(&gzipped(bytes)));
    assert_eq!(packed.replace(", inside the gzip file", ""), plain);
    let mut loader = session::Loader::new("file");
    bytes.chunks(5).for_each(|piece| loader.feed(piece));
    let in_pieces = loader.finish().err().map(|why| why.to_string());
    assert_eq!(in_pieces.as_deref(), Some(&*plain));
    plain
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = gzip::Gzip::new(Vec::new(), 1).unwrap();
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn wrong_files_are_named_with_the_way_to_a_right_one() {
    let same = |name: &str, what: &str, todo: &str| {
        if let Some(bytes) = corpus::read(&format!("meaning/{name}")) {
            let says = refusal(&bytes);
            assert!(says.contains(what) && says.contains(todo), "{name}: {says}");
        }
    };
    same("c19a_snapshot.pickle", "memory snapshot", "memory_viz");
    same("c19d.pftrace", "Perfetto trace (protobuf)", "traceconv");
    same("c19e_et.json", "execution trace", "export_chrome_trace");
    same("c20a_jsonl.json", "JSON lines", "jq -s");
    same("c18k_utf16_nobom.json", "UTF-16", "iconv");
    same("c20l_single_quotes.json", "single quotes", "json.dump");

    let text = trace(&events(4, 1000, |id| json!(id)));
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let quoted = text.replace('"', "'");
    let list = format!(
        "[{}",
        &quoted[quoted.find("{'args'").or(quoted.find("[{")).unwrap()..]
    );
    let lines: String = (0..30)
        .map(|i| format!("{{\"name\": \"a\", \"ph\": \"X\", \"ts\": {i}}}\n"))
        .collect();
    let tree = r#"[{"children": [], "frame": {"name": "ROOT", "type": "function"}, "metrics": {"time": 1}}]"#;
    let xplane = b"\x0a\x20\x08\x01\x12\x09/host:CPU\x1a\x0c\x08\x01\x12\x08worker-1\x0a\x04\x08\x02\x12\x00";
    let packets = b"\x0a\x08\x40\x80\x84\xaf\x5f\x50\x01\x18\x0a\x05\x40\x01\x50\x02\x18";
    let packed = b"\x92\x83\xa5frame\x82\xa4name\xa4ROOT\xa7metrics\x80\xa8children\x90";
    for (bytes, what, todo) in [
        (
            &b"\x80\x02}q\x00(X\x08\x00\x00\x00segmentsq\x01]"[..],
            "memory snapshot",
            "memory_viz",
        ),
        (
            b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.",
            "pickle",
            "export_chrome_trace",
        ),
        (&little, "UTF-16", "UTF-16LE"),
        (&big, "UTF-16", "UTF-16BE"),
        (&[&b"\xff\xfe"[..], &little].concat(), "UTF-16", "UTF-16LE"),
        (&[&b"\xfe\xff"[..], &big].concat(), "UTF-16", "UTF-16BE"),
        (quoted.as_bytes(), "single quotes", "json.dump"),
        (list.as_bytes(), "single quotes", "json.dump"),
        (lines.as_bytes(), "JSON lines", "jq -s"),
        (tree.as_bytes(), "Proton", "trace"),
        (packed, "Proton", "trace"),
        (xplane, "xplane.pb", "trace.json.gz"),
        (packets, "Perfetto", "traceconv"),
        (b"SQLite format 3\0 and tables", "SQLite", "torch.profiler"),
        (
            b"NVIDIA Tegra Profiler Report Version\0\0",
            "Nsight Systems",
            "torch.profiler",
        ),
        (
            br#"{"nodes": [{"id": 1, "name": "a"}], "schema": "1.0.1", "pid": 3}"#,
            "execution trace",
            "export_chrome_trace",
        ),
    ] {
        let says = refusal(bytes);
        assert!(says.contains(what) && says.contains(todo), "{what}: {says}");
        assert!(!says.contains('\n'), "{says}");
    }
}

#[test]
fn times_are_rounded_half_up() {
    let event = |ts: &str, dur: &str| {
        format!(
            r#"{{"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": {ts}, "dur": {dur}}}"#
        )
    };
    let text = format!(
        "[{},{},{}]",
        event("\"1000.000\"", "12.34050000"),
        event("1100", "0.00049999"),
        event("1200", "0.00050000")
    );
    let found = read(&text);
    let kernel = &found["kernels"][0];
    assert_eq!(
        (&kernel["count"], &kernel["total_ns"]),
        (&json!(3), &json!(12_342)),
        "{kernel}"
    );
}

#[test]
fn an_end_is_rounded_from_start_and_duration_at_full_digits() {
    let text = r#"[
        {"ph": "X", "cat": "cpu_op", "name": "b", "pid": 1, "tid": 1, "ts": 20.0004, "dur": "1.0004"},
        {"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 10.0005, "dur": 1.0005},
        {"ph": "X", "cat": "cpu_op", "name": "c", "pid": 1, "tid": 1, "ts": 30.0005, "dur": 1.5}
    ]"#;
    let opened = open_bytes("variant.json", text.as_bytes()).unwrap();
    let slices = &opened.index.slices;
    let times = |id| {
        (
            slices.start(id).as_ns(),
            slices.dur(id).as_ns(),
            slices.end(id).as_ns(),
        )
    };
    assert_eq!(
        slices.ids().map(times).collect::<Vec<_>>(),
        [
            (10_001, 1_001, 11_001),
            (20_000, 1_000, 21_001),
            (30_001, 1_500, 31_501)
        ]
    );
}

/// A python frame under tid 0, µs after [`EPOCH_US`].
fn frame(name: &str, start: u64, end: u64, id: Value, parent: Option<Value>) -> Value {
    let mut args = json!({"Ev Idx": 1});
    if !id.is_null() {
        args["Python id"] = id;
    }
    if let Some(parent) = parent {
        args["Python parent id"] = parent;
    }
    json!({"ph": "X", "cat": "python_function", "name": name, "pid": 4, "tid": 0, "ts": EPOCH_US + start,
        "dur": end - start, "args": args})
}

/// Of each track of python frames what the thread is called, how deep it is, and `frame < its caller` in order of
/// start.
fn python_threads(all: &[Value]) -> Vec<(String, u16, Vec<String>)> {
    let opened = open_bytes("variant.json", trace(all).as_bytes()).unwrap();
    let index = &opened.index;
    let tracks = index.track_ids().filter(|&t| {
        let mut rows = index.rows(t);
        rows.next()
            .is_some_and(|id| index.category_of(id) == "python_function")
    });
    let mut threads: Vec<(String, u16, Vec<String>)> = tracks
        .map(|t| {
            let frames = index.rows(t).map(|id| match index.slices.parent(id) {
                Some(parent) => format!("{} < {}", index.name_of(id), index.name_of(parent)),
                None => index.name_of(id).to_owned(),
            });
            let track = index.track(t);
            let name = track.name.map_or_else(
                || format!("thread {}", track.tid.show(&index.names)),
                |name| index.text(name).to_owned(),
            );
            (name, track.n_depths, frames.collect())
        })
        .collect();
    threads.sort();
    threads
}

fn frames(of: &[(String, u16, Vec<String>)], thread: usize) -> Vec<&str> {
    of[thread].2.iter().map(String::as_str).collect()
}

#[test]
fn frames_of_two_unknown_threads_are_two_stacks() {
    // Interleaved, each within the other's span, or across its end; ids as numbers and as texts.
    for text in [false, true] {
        let id = |n: u64| if text { json!(n.to_string()) } else { json!(n) };
        let all = [
            frame("a", 0, 1000, id(1), Some(Value::Null)),
            frame("b", 100, 1200, id(2), Some(Value::Null)),
            frame("a1", 200, 300, id(3), Some(id(1))),
            frame("b1", 220, 900, id(4), Some(id(2))),
            frame("a2", 310, 500, id(5), Some(id(1))),
            frame("b2", 320, 480, id(6), Some(id(4))),
            frame("a3", 330, 340, id(7), Some(id(5))),
            // Behind both: one of the threads goes on.
            frame("c", 2000, 2100, id(8), Some(Value::Null)),
        ];
        let of = python_threads(&all);
        assert_eq!(of.len(), 2, "{of:?}");
        assert_eq!((&*of[0].0, of[0].1), ("thread 0 (1)", 3));
        assert_eq!(frames(&of, 0), ["a", "a1 < a", "a2 < a", "a3 < a2", "c"]);
        assert_eq!((&*of[1].0, of[1].1), ("thread 0 (2)", 3));
        assert_eq!(frames(&of, 1), ["b", "b1 < b", "b2 < b1"]);
    }
}

#[test]
fn four_threads_open_when_recording_began_are_four_stacks() {
    // As torch writes them: each thread's first frame called by the last of the thread before.
    let mut all = Vec::new();
    let mut last = Value::Null;
    for thread in 0..4u64 {
        let names = [
            "/usr/lib/python3.12/threading.py(1002): _bootstrap",
            "run",
            "wait",
        ];
        for (depth, name) in (0..).zip(names) {
            let n = thread * 3 + depth;
            all.push(frame(name, n, 5000 - n, json!(n + 1), Some(last)));
            last = json!(n + 1);
        }
    }
    // What the third thread calls later, and what is called by a frame that is not in the trace.
    all.push(frame("put", 100, 200, json!(90), Some(json!(9))));
    all.push(frame("get", 110, 150, json!(91), Some(json!(77))));
    all.push(frame("get2", 160, 300, json!(92), Some(json!(77))));
    let of = python_threads(&all);
    let wait = "/usr/lib/python3.12/threading.py(1002): _bootstrap";
    let run = format!("run < {wait}");
    assert_eq!(of.len(), 5, "{of:?}");
    for thread in [0, 1, 3] {
        assert_eq!(frames(&of, thread), [wait, &run, "wait < run"]);
    }
    assert_eq!(frames(&of, 2), [wait, &run, "wait < run", "put < wait"]);
    assert_eq!(frames(&of, 4), ["get", "get2"]);
    // Without numbers at all a thread starts where python starts one.
    for event in &mut all {
        event["args"] = json!({});
    }
    all.truncate(12);
    let of = python_threads(&all);
    assert_eq!(of.len(), 4, "{of:?}");
    assert!(
        of.iter()
            .all(|(_, depths, frames)| *depths == 3 && frames.len() == 3)
    );
}

#[test]
fn frames_of_one_thread_stay_one_stack() {
    // Nested, one after the other, with and without numbers; and a known thread, whatever its numbers say.
    let mut all = vec![
        frame("a", 0, 1000, json!(1), Some(Value::Null)),
        frame("b", 100, 900, json!(2), Some(json!(1))),
        frame("c", 1000, 1100, json!(3), Some(Value::Null)),
        frame("d", 1010, 1090, Value::Null, None),
    ];
    let of = python_threads(&all);
    assert_eq!(of.len(), 1);
    assert_eq!(of[0].0, "thread 0");
    assert_eq!(frames(&of, 0), ["a", "b < a", "c", "d < c"]);
    all[1]["args"] = json!({"Python id": 2, "Python parent id": null});
    assert_eq!(python_threads(&all).len(), 2);
    for event in &mut all {
        event["tid"] = json!(7);
    }
    assert_eq!(python_threads(&all).len(), 1);
    // The name that the file gives is kept.
    for event in &mut all {
        event["tid"] = json!(0);
    }
    all.push(
        json!({"ph": "M", "name": "thread_name", "pid": 4, "tid": 0, "args": {"name": "thread 0 (python)"}}),
    );
    let names: Vec<String> = python_threads(&all).into_iter().map(|t| t.0).collect();
    assert_eq!(names, ["thread 0 (python) (1)", "thread 0 (python) (2)"]);
}

#[test]
fn threads_of_a_real_trace_are_told_apart() {
    let file = "kineto/vllm_cuda/1765516811841277604-rank-0.1765516854917831845.pt.trace.json.gz";
    let Some(bytes) = corpus::read(file) else { return };
    let opened = open_bytes("vllm_cuda.json.gz", &bytes).unwrap();
    let index = &opened.index;
    let unknown = index
        .tracks
        .iter()
        .filter(|t| t.tid.show(&index.names).starts_with("0 ("));
    let depths: Vec<(u16, usize)> = unknown.map(|t| (t.n_depths, t.rows.len())).collect();
    assert_eq!(depths, [(5, 5); 4]);
}

#[test]
fn a_stray_time_is_no_origin() {
    let mut all = events(8, EPOCH_US, |id| json!(id));
    let zero = json!({"ph": "X", "cat": "cpu_op", "name": "op", "pid": 4, "tid": 9, "ts": 0, "dur": 0});
    all.insert(0, zero);
    let first = |all: &[Value]| {
        let text = trace(all).into_bytes();
        session::first_time([Ok::<_, ()>(text)].into_iter()).unwrap()
    };
    assert_eq!(first(&all), Some(1_000 * EPOCH_US as i64));
    all[0]["ts"] = json!(5_000_000);
    assert_eq!(first(&all), Some(1_000 * EPOCH_US as i64));
    // A relative clock starts where it starts.
    let mut all = events(8, 5, |id| json!(id));
    all.push(json!({"ph": "i", "name": "mark", "pid": 4, "tid": 9, "ts": 0}));
    assert_eq!(first(&all), Some(0));
}
