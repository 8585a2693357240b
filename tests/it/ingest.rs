//! The scanner against its slow, obvious twin: serde_json on the whole text.

use serde_json::Value;
use stepscope::ingest::{Event, Phase, Scalar, Scanner, Sink};

use crate::corpus;

#[derive(Default)]
struct Seen {
    events: Vec<String>,
    headers: Vec<(String, String)>,
}

fn text(s: Scalar<'_>) -> Option<String> {
    match s {
        Scalar::Missing => None,
        Scalar::Null => Some("null".into()),
        Scalar::Bare(b) => Some(String::from_utf8_lossy(b).into_owned()),
        Scalar::Text(raw) => Some(format!(
            "\"{}\"",
            String::from_utf8_lossy(raw.text(&mut Vec::new()).0)
        )),
        Scalar::Nested(_) => Some("nested".into()),
    }
}

impl Sink for Seen {
    fn event(&mut self, e: &Event<'_>) {
        let fields = [e.name(), e.category(), e.pid(), e.tid(), e.ts(), e.dur(), e.id()].map(text);
        let wanted: Vec<_> = e.wanted_args().map(|(i, v)| (i, text(v))).collect();
        let args = String::from_utf8_lossy(e.args()).into_owned();
        self.events
            .push(format!("{} {:?} {fields:?} {wanted:?} {args}", e.at, e.phase()));
    }

    fn header(&mut self, key: &[u8], value: &[u8]) {
        let s = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        self.headers.push((s(key), s(value)));
    }
}

const WANTED: &[stepscope::ingest::ArgSpec] = &[
    stepscope::ingest::ArgSpec {
        key: "External id",
        kind: stepscope::ingest::ArgKind::Int,
        own_column: false,
    },
    stepscope::ingest::ArgSpec {
        key: "HW event name",
        kind: stepscope::ingest::ArgKind::Text,
        own_column: false,
    },
    stepscope::ingest::ArgSpec {
        key: "Input Dims",
        kind: stepscope::ingest::ArgKind::Json,
        own_column: false,
    },
];

fn scan<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut scanner = Scanner::new(WANTED);
    let mut seen = Seen::default();
    for chunk in chunks {
        scanner.feed(chunk, &mut seen);
    }
    let end = scanner.finish(&mut seen);
    format!("{:#?}\n{:#?}\n{end:#?}", seen.headers, seen.events)
}

#[test]
fn chunking_changes_nothing_on_malformed_files() {
    for path in corpus::files("malformed") {
        let bytes = std::fs::read(&path).unwrap();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            continue;
        }
        let whole = scan([&bytes[..]]);
        for size in [1, 2, 3, 7, 64, 100] {
            assert_eq!(
                scan(bytes.chunks(size)),
                whole,
                "{} in chunks of {size}",
                path.display()
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn chunking_changes_nothing(text in r#"(\{"traceEvents": ?)?\[(\{"ph":"[XBEiC]","name":"[a\\"{},:]{0,9}","ts":[0-9.e]{1,4}(,"args":\{"External id":[0-9]{1,2},"x":\[[{}",1]{0,3}\]\})?\}[,\] x]{0,2}){0,5}[\[\]{},:"\\a ]{0,12}"#, cut in 1usize..9) {
        let bytes = text.as_bytes();
        proptest::prop_assert_eq!(scan(bytes.chunks(cut)), scan([bytes]));
    }

    /// Damage makes careful reading shorter, so that it counts how often damage was met.
    #[test]
    fn chunking_changes_nothing_where_damage_meets_unescaped_quotes(
        damaged in 1usize..6, fill in 0usize..60, quoted in 1usize..6_000, cut in 1usize..9
    ) {
        let damage = r#"{"rank":0,"x":3,8.0,"y":1},"#.repeat(damaged);
        let fill = r#"{"rank":1,"idle":328671.0},"#.repeat(fill);
        let event = r#"{"ph":"X","name":"last","pid":1,"tid":1,"ts":9,"dur":2}"#;
        let name = "q".repeat(quoted);
        let text = format!(r#"[{damage}{fill}{event},{{"ph":"X","name":"a "b" {name}","ts":5,"dur":1}},{event}]"#);
        let bytes = text.as_bytes();
        proptest::prop_assert_eq!(scan(bytes.chunks(cut)), scan([bytes]));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), cut in 1usize..30) {
        proptest::prop_assert_eq!(scan(bytes.chunks(cut)), scan([&bytes[..]]));
    }
}

/// Every event of a valid file, field by field.
fn assert_agrees_with_serde_json(name: &str, bytes: &[u8]) {
    let mut json = Vec::new();
    let mut inflater = stepscope::ingest::Inflater::default();
    inflater.feed(bytes, &mut |piece| json.extend_from_slice(piece));
    let document: Value = serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{name}: {e}"));
    let events = document
        .as_array()
        .or_else(|| document["traceEvents"].as_array())
        .unwrap();

    struct Compare<'a>(std::slice::Iter<'a, Value>, &'a str);
    impl Sink for Compare<'_> {
        fn event(&mut self, e: &Event<'_>) {
            let want = self
                .0
                .next()
                .unwrap_or_else(|| panic!("{}: more events than serde_json sees", self.1));
            let check = |key: &str, got: Scalar<'_>| {
                let got = match got {
                    Scalar::Missing => None,
                    Scalar::Null => Some(Value::Null),
                    Scalar::Bare(b) => Some(serde_json::from_slice(b).unwrap()),
                    Scalar::Text(raw) => Some(Value::String(
                        String::from_utf8(raw.text(&mut Vec::new()).0.to_vec()).unwrap(),
                    )),
                    Scalar::Nested(text) => Some(serde_json::from_slice(text).unwrap()),
                };
                assert_eq!(got.as_ref(), want.get(key), "{} at byte {}: {key}", self.1, e.at);
            };
            check("name", e.name());
            check("cat", e.category());
            check("pid", e.pid());
            check("tid", e.tid());
            check("ts", e.ts());
            check("dur", e.dur());
            check("id", e.id());
            assert_eq!(
                serde_json::from_slice::<Value>(e.text()).unwrap(),
                *want,
                "{} at byte {}",
                self.1,
                e.at
            );
            if let Some(args) = want.get("args").filter(|a| a.is_object()) {
                assert_eq!(serde_json::from_slice::<Value>(e.args()).unwrap(), *args);
                let id = e.wanted_args().find(|(i, _)| *i == 0).and_then(|(_, v)| v.int());
                assert_eq!(id, args.get("External id").and_then(Value::as_i64));
                let dims = e.wanted_args().find_map(|(i, v)| match v {
                    Scalar::Nested(text) if i == 2 => Some(serde_json::from_slice(text).unwrap()),
                    _ => None,
                });
                assert_eq!(dims.as_ref(), args.get("Input Dims"));
            }
            let ph = want["ph"].as_str().unwrap_or("");
            assert_eq!(ph == "X", e.phase() == Phase::Complete);
            assert_eq!(ph == "M", e.phase() == Phase::Metadata);
        }
        fn header(&mut self, _: &[u8], _: &[u8]) {}
    }
    let mut compare = Compare(events.iter(), name);
    let mut scanner = Scanner::new(WANTED);
    for chunk in json.chunks(10_007) {
        scanner.feed(chunk, &mut compare);
    }
    let scanned = scanner.finish(&mut compare).unwrap();
    assert_eq!(scanned.n_events, events.len() as u64, "{name}");
    assert!(scanned.defects.is_empty(), "{name}: {:?}", scanned.defects);
}

#[test]
fn real_traces_agree_with_serde_json_event_by_event() {
    let mut n = 0;
    for path in corpus::files("gaudi").into_iter().chain(corpus::files("kineto")) {
        let name = path.display().to_string();
        let small = std::fs::metadata(&path).unwrap().len() < 500_000;
        let valid = name.ends_with(".pt.trace.json.gz")
            || name.contains("/tracelens/") && name.ends_with("trace.json.gz");
        if small && valid && !name.contains("/edge/") {
            assert_agrees_with_serde_json(&name, &std::fs::read(&path).unwrap());
            n += 1;
        }
    }
    assert!(n >= 14 || corpus::root().is_none(), "only {n} files compared");
}

#[test]
fn what_is_wrong_is_named_as_what_it_is() {
    let error = |text: &[u8]| match stepscope::session::open_bytes("t.json", text) {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    };
    for (value, found) in [
        ("null", "null"),
        ("{}", "an object"),
        ("\"x\"", "a text"),
        ("5", "a number"),
        ("false", "false"),
    ] {
        assert_eq!(
            error(format!(r#"{{"a": 1, "traceEvents": {value}}}"#).as_bytes()),
            format!("this is JSON, but no trace: \"traceEvents\" is {found}, not a list of events")
        );
    }
    assert!(
        error(b"{traceEvents:[]}").starts_with("this is a JavaScript object (its keys are not in quotes)")
    );
    let wide: Vec<u8> = "{\"traceEvents\":[]}"
        .bytes()
        .flat_map(|b| [b, 0, 0, 0])
        .collect();
    assert!(error(&wide).starts_with("this is UTF-32 text"));
    // Of nothing by `gzip -n`: 10 bytes of header, an empty block, checksum and length of 0.
    let nothing = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    assert_eq!(error(nothing), "the file is empty (0 bytes when unpacked)");
    assert_eq!(
        error(&nothing[..10]),
        "the gzip file ends after 10 bytes, before any content"
    );
}

#[test]
fn a_duration_that_is_no_number_is_not_said_to_be_too_long() {
    let defects = |dur: &str| {
        let text = format!(r#"[{{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":{dur}}}]"#);
        let opened = stepscope::session::open_bytes("t.json", text.as_bytes()).unwrap();
        let n = |kind| {
            let rows = opened.report.defects.iter();
            rows.filter(|row| row.kind == kind)
                .map(|row| row.count)
                .sum::<u64>()
        };
        (n("unreadable_duration"), n("oversized_duration"))
    };
    for dur in [
        r#""abc""#,
        "true",
        "[]",
        "[1]",
        "{}",
        r#""""#,
        r#"" ""#,
        r#""inf""#,
        r#""1 ms""#,
    ] {
        assert_eq!(defects(dur), (1, 0), "{dur}");
    }
    for dur in ["1e300", "9223372036854775807", r#""1e300""#] {
        assert_eq!(defects(dur), (0, 1), "{dur}");
    }
    assert_eq!(defects(r#""5.5""#), (0, 0));
}

#[test]
fn a_counter_that_is_never_a_number_is_lost() {
    let defects = |values: &[&str]| {
        let events = values.iter().enumerate().map(|(ts, value)| {
            format!(r#"{{"ph":"C","name":"c","pid":1,"ts":{ts},"args":{{"v":{value}}}}}"#)
        });
        let text = format!("[{}]", events.collect::<Vec<_>>().join(","));
        let opened = stepscope::session::open_bytes("t.json", text.as_bytes()).unwrap();
        let rows = opened.report.defects.iter();
        rows.map(|row| format!("{} {}", row.count, row.kind))
            .collect::<Vec<_>>()
    };
    assert_eq!(defects(&["NaN", "Infinity"]), ["2 counter_without_value"]);
    assert_eq!(defects(&["null", "null"]), ["2 counter_without_value"]);
    // One sample among others that is none.
    assert_eq!(defects(&["NaN", "1"]), ["1 not_a_number"]);
    assert_eq!(defects(&["1", "NaN"]), ["1 not_a_number"]);
}

#[test]
fn slices_of_equal_extent_nest_alike_in_any_order_of_the_file() {
    let slice = |name: &str, cat: &str, id: u32| {
        format!(
            r#"{{"ph":"X","name":"{name}","cat":"{cat}","pid":1,"tid":1,"ts":5,"dur":9,"args":{{"External id":{id}}}}}"#
        )
    };
    // From the outermost to the innermost.
    use stepscope::base::SliceId;
    let names = ["step", "linear", "addmm", "launch"];
    let slices = [
        slice("step", "user_annotation", 9),
        slice("linear", "cpu_op", 3),
        slice("addmm", "cpu_op", 4),
        slice("launch", "cuda_runtime", 1),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let text = format!("[{}]", order.map(|i| slices[i].clone()).join(","));
        let index = stepscope::session::open_bytes("t.json", text.as_bytes())
            .unwrap()
            .index;
        let found: Vec<(&str, u16)> = (0..4)
            .map(|i| {
                (
                    index.names.get(index.slices.name(SliceId(i))),
                    index.slices.depth(SliceId(i)),
                )
            })
            .collect();
        let right: Vec<(&str, u16)> = names.iter().copied().zip(0..).collect();
        assert_eq!(found, right, "{order:?}");
    }
    // Begins and ends say it by their order.
    let edge = |ph: &str, cat: &str, ts: u32| {
        format!(r#"{{"ph":"{ph}","name":"{cat}","cat":"{cat}","pid":1,"tid":1,"ts":{ts}}}"#)
    };
    let edges = [
        edge("B", "cuda_runtime", 5),
        edge("B", "user_annotation", 5),
        edge("E", "user_annotation", 9),
        edge("E", "cuda_runtime", 9),
    ];
    let opened =
        stepscope::session::open_bytes("t.json", format!("[{}]", edges.join(",")).as_bytes()).unwrap();
    assert_eq!(
        opened.index.names.get(opened.index.slices.name(SliceId(0))),
        "cuda_runtime"
    );
}

#[test]
fn documents_of_different_ranks_are_not_the_same_trace_again() {
    let document = |rank: &str| {
        format!(
            r#"{{"schemaVersion":1,"distributedInfo":{{"backend":"nccl"{rank}}},"traceEvents":[
            {{"ph":"X","name":"a","cat":"cpu_op","pid":1,"tid":1,"ts":5,"dur":9}}]}}"#
        )
    };
    let n_traces = |ranks: [&str; 3]| {
        let text = ranks.map(document).join("\n");
        let opened = stepscope::session::open_bytes("t.json", text.as_bytes()).unwrap();
        1 + opened.further.len()
    };
    assert_eq!(n_traces([r#","rank":0"#, r#","rank":1"#, r#","rank":2"#]), 3);
    assert_eq!(n_traces([r#","rank":0"#, r#","rank":1"#, r#","rank":0"#]), 2);
    // Nothing says that they are of different ranks.
    assert_eq!(n_traces(["", "", ""]), 1);
}
