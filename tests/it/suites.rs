//! What test suites of other readers of the Trace Event Format expect (Perfetto, catapult, speedscope): each case is
//! of our own making, with the values worked out from the text.

use std::collections::BTreeMap;

use stepscope::base::{SliceId, Span};
use stepscope::index::{FlowKind, Index};
use stepscope::protocol::engine::{Answer, Question};
use stepscope::session::{Opened, event_text, open_bytes};
use stepscope::table::Ask;
use stepscope::view::{Arrow, CutRequest};

use crate::corpus;

fn open(events: &str) -> Opened {
    open_bytes("t.json", format!("[{events}]").as_bytes()).unwrap()
}

/// `pid/tid: name start+duration` of every slice, times in µs.
fn slices(index: &Index) -> Vec<String> {
    let of = |id: SliceId| {
        let track = index.track(index.track_of(id));
        let span = index.slices.span(id);
        format!(
            "{}/{}: {} {}+{}",
            track.pid.show(&index.names),
            track.tid.show(&index.names),
            index.name_of(id),
            span.start / 1_000,
            span.len_ns() / 1_000
        )
    };
    index.slices.ids().map(of).collect()
}

/// Kind and count of each defect.
fn defects(opened: &Opened) -> BTreeMap<String, u64> {
    let rows = opened.report.defects.iter();
    rows.map(|d| (format!("{} {}", d.severity.key(), d.kind), d.count))
        .collect()
}

fn only(kind: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(kind.to_owned(), count)])
}

#[test]
fn asynchronous_events_are_slices_of_tracks_of_their_own() {
    let opened = open(
        r#"{"ph":"X","name":"op","pid":1,"tid":1,"ts":0,"dur":9},
        {"ph":"b","cat":"io","name":"read","id":"0x10","pid":1,"tid":1,"ts":1},
        {"ph":"b","cat":"io","name":"read","id":17,"pid":1,"tid":1,"ts":2},
        {"ph":"b","cat":"io","name":"inner","id":16,"pid":1,"tid":2,"ts":3},
        {"ph":"n","cat":"io","name":"mark","id":16,"pid":1,"tid":1,"ts":4},
        {"ph":"e","cat":"io","name":"inner","id":"16","pid":1,"tid":1,"ts":5},
        {"ph":"e","cat":"io","name":"read","id":16,"pid":1,"tid":1,"ts":6},
        {"ph":"e","cat":"io","name":"read","id":17,"pid":1,"tid":1,"ts":8},
        {"ph":"b","cat":"io","name":"later","id":3,"pid":1,"tid":1,"ts":7},
        {"ph":"e","cat":"io","name":"later","id":3,"pid":1,"tid":1,"ts":9}"#,
    );
    assert_eq!(defects(&opened), BTreeMap::new());
    assert_eq!(opened.index.n_events, 10);
    assert_eq!(
        slices(&opened.index),
        [
            "1/1: op 0+9",
            "1/io: read 1+5",
            "1/io: inner 3+2",
            "1/io: mark 4+0",
            "1/io: later 7+2",
            "1/io (2): read 2+6",
        ]
    );
    let depths: Vec<u16> = opened
        .index
        .slices
        .ids()
        .map(|id| opened.index.slices.depth(id))
        .collect();
    assert_eq!(depths, [0, 0, 1, 2, 0, 0]);
}

#[test]
fn process_category_and_scope_tell_asynchronous_events_apart() {
    let are_one = |begin: &str, end: &str| {
        let opened = open(&format!(
            r#"{{"ph":"b","name":"a","ts":1,{begin}}},{{"ph":"e","name":"a","ts":3,{end}}}"#
        ));
        defects(&opened).is_empty()
    };
    for (begin, end, expected) in [
        (r#""id":1,"pid":1"#, r#""id":1,"pid":1"#, true),
        (r#""id":1,"pid":1"#, r#""id":1,"pid":2"#, false),
        (
            r#""id":1,"pid":1,"cat":"x""#,
            r#""id":1,"pid":1,"cat":"y""#,
            false,
        ),
        (
            r#""id":1,"pid":1,"scope":"x""#,
            r#""id":1,"pid":1,"scope":"y""#,
            false,
        ),
        (
            r#""id2":{"local":"0x1"},"pid":1"#,
            r#""id2":{"local":1},"pid":1"#,
            true,
        ),
        (
            r#""id2":{"local":"0x1"},"pid":1"#,
            r#""id2":{"local":"0x1"},"pid":2"#,
            false,
        ),
        (
            r#""id2":{"global":"0x1"},"pid":1"#,
            r#""id2":{"global":"0x1"},"pid":2"#,
            true,
        ),
        (
            r#""id2":{"global":"one"},"pid":1"#,
            r#""id2":{"global":"two"},"pid":1"#,
            false,
        ),
    ] {
        assert_eq!(are_one(begin, end), expected, "{begin} {end}");
    }
}

#[test]
fn the_older_kind_of_asynchronous_events_has_steps() {
    let opened = open(
        r#"{"ph":"S","cat":"c","name":"old","id":1,"pid":1,"tid":1,"ts":1},
        {"ph":"T","cat":"c","name":"old","id":1,"pid":1,"tid":1,"ts":2,"args":{"step":"first"}},
        {"ph":"F","cat":"c","name":"old","id":1,"pid":1,"tid":1,"ts":4},
        {"ph":"F","cat":"c","name":"old","id":2,"pid":1,"tid":1,"ts":5}"#,
    );
    assert_eq!(slices(&opened.index), ["1/c: old 1+3", "1/c: old: first 2+0"]);
    assert_eq!(defects(&opened), only("loss end_without_begin", 1));
}

#[test]
fn what_is_never_ended_lasts_to_the_last_time() {
    let opened = open(
        r#"{"ph":"B","name":"thread","pid":1,"tid":1,"ts":0},
        {"ph":"b","cat":"c","name":"asynchronous","id":1,"pid":1,"tid":1,"ts":5},
        {"ph":"X","name":"op","pid":1,"tid":1,"ts":10,"dur":30},
        {"ph":"i","name":"mark","pid":1,"tid":1,"ts":70},
        {"ph":"i","name":"mark","pid":1,"tid":2,"ts":80}"#,
    );
    assert_eq!(
        slices(&opened.index),
        ["1/1: thread 0+70", "1/1: op 10+30", "1/c: asynchronous 5+75"]
    );
    assert_eq!(defects(&opened), only("loss begin_without_end", 2));
}

#[test]
fn args_of_an_end_are_the_slices_and_win() {
    let opened = open(
        r#"{"ph":"B","name":"a","pid":1,"tid":1,"ts":0,"args":{"correlation":1,"device":4}},
        {"ph":"B","name":"b","pid":1,"tid":1,"ts":1},
        {"ph":"E","name":"b","pid":1,"tid":1,"ts":2,"args":{"correlation":3}},
        {"ph":"E","name":"a","pid":1,"tid":1,"ts":5,"args":{"correlation":2}},
        {"ph":"B","name":"c","pid":1,"tid":1,"ts":6,"args":{"correlation":7}},
        {"ph":"E","name":"c","pid":1,"tid":1,"ts":7}"#,
    );
    let arg = |key: &str| [0, 1, 2].map(|row| opened.index.arg_int(key, SliceId(row)));
    assert_eq!(arg("correlation"), [Some(2), Some(3), Some(7)]);
    assert_eq!(arg("device"), [Some(4), None, None]);
}

#[test]
fn counters_are_of_a_process_and_by_id() {
    let opened = open(
        r#"{"ph":"C","name":"q","id":0,"pid":1,"tid":1,"ts":0,"args":{"len":3}},
        {"ph":"C","name":"q","id":"0x1","pid":1,"tid":1,"ts":0,"args":{"len":90}},
        {"ph":"C","name":"q","id":0,"pid":1,"tid":2,"ts":10,"args":{"len":4}},
        {"ph":"C","name":"q","id":1,"pid":1,"ts":10,"args":{"len":91}},
        {"ph":"C","name":"q","pid":1,"ts":10,"args":{"len":7}}"#,
    );
    let values: Vec<&[f64]> = opened.index.counters.iter().map(|c| &c.value[..]).collect();
    assert_eq!(values, [&[3.0, 4.0][..], &[90.0, 91.0], &[7.0]]);
}

#[test]
fn samples_of_counters_that_are_no_numbers_are_losses() {
    let opened = open(
        r#"{"ph":"C","name":"c","pid":1,"ts":1,"args":{"v":"many","w":"4"}},
        {"ph":"C","name":"c","pid":1,"ts":2,"args":{"v":null,"w":true}},
        {"ph":"C","name":"c","pid":1,"ts":3,"args":{"v":{"a":1}}},
        {"ph":"C","name":"c","pid":1,"ts":4},
        {"ph":"C","name":"c","pid":1,"ts":4,"args":{}}"#,
    );
    assert_eq!(defects(&opened), only("loss counter_without_value", 6));
    assert_eq!(opened.index.counters.len(), 1);
}

#[test]
fn a_counter_may_have_all_samples_in_one_event() {
    let opened = open(
        r#"{"ph":"X","name":"op","pid":3,"tid":1,"ts":1,"dur":1},
        {"pid":3,"name":"hbm","ph":"C","event_stats":"bytes","entries":[[1,100],[3.5,120],["x"]]}"#,
    );
    let [series] = &opened.index.counters[..] else {
        panic!("{:?}", opened.index.counters)
    };
    assert_eq!(
        (&series.ts[..], &series.value[..]),
        (&[1_000, 3_500][..], &[100.0, 120.0][..])
    );
    assert_eq!(opened.index.text(series.key), "bytes");
    assert_eq!(defects(&opened), only("loss counter_without_value", 1));
}

#[test]
fn a_thread_is_one_however_its_number_is_written() {
    let opened = open(
        r#"{"ph":"X","name":"a","pid":7,"tid":5,"ts":1,"dur":1},
        {"ph":"X","name":"b","pid":"7","tid":"5","ts":3,"dur":1},
        {"ph":"X","name":"c","pid":7.0,"tid":5.0,"ts":5,"dur":1},
        {"ph":"X","name":"d","pid":7,"tid":"05","ts":5,"dur":1},
        {"ph":"X","name":"e","pid":7,"tid":7,"ts":7,"dur":1},
        {"ph":"X","name":"f","pid":7,"ts":9,"dur":1}"#,
    );
    assert_eq!(
        slices(&opened.index),
        [
            "7/5: a 1+1",
            "7/5: b 3+1",
            "7/5: c 5+1",
            "7/05: d 5+1",
            "7/7: e 7+1",
            "7/7: f 9+1"
        ]
    );
}

#[test]
fn slices_may_say_themselves_which_arrows_they_have() {
    let opened = open(
        r#"{"ph":"X","name":"a","cat":"x","pid":1,"tid":1,"ts":1,"dur":2,"bind_id":"0xc","flow_out":true},
        {"ph":"X","name":"b","cat":"y","pid":1,"tid":2,"ts":4,"dur":2,"bind_id":12,"flow_in":true,"flow_out":true},
        {"ph":"X","name":"c","cat":"x","pid":1,"tid":1,"ts":7,"dur":2,"bind_id":12,"flow_in":true},
        {"ph":"s","name":"n","cat":"x","id":12,"pid":1,"tid":1,"ts":1},
        {"ph":"f","name":"m","cat":"x","id":12,"pid":1,"tid":1,"ts":7},
        {"ph":"f","name":"n","cat":"x","id":"0xc","pid":1,"tid":1,"ts":8}"#,
    );
    let flows = &opened.index.flows;
    let kinds: Vec<FlowKind> = flows.kind.iter().collect();
    let id = |i: usize| (flows.category.get(i), flows.id.get(i));
    use FlowKind::{End, Start, Step};
    assert_eq!(kinds, [Start, Start, Step, End, End, End]);
    assert_eq!([id(0), id(0)], [id(2), id(3)], "a, b, c");
    assert_eq!(id(1), id(5), "0xc is 12");
    assert_ne!(id(1), id(4), "another name");
    assert_ne!(id(0), id(1));
}

#[test]
fn empty_objects_are_nothing() {
    let opened = open(r#"{},{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2},{ },{}"#);
    assert_eq!((opened.index.n_events, defects(&opened)), (1, BTreeMap::new()));
    let opened = open(r#"{"some":1},{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}"#);
    assert_eq!(defects(&opened), only("loss missing_phase", 1));
}

#[test]
fn stacks_that_are_not_read_are_told() {
    let open = |text: &str| defects(&open_bytes("t.json", text.as_bytes()).unwrap());
    let event = r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}"#;
    let samples = r#""samples":[{"name":"x","ts":1,"sf":1},{"name":"x","ts":2,"sf":1}]"#;
    assert_eq!(
        open(&format!(
            r#"{{"traceEvents":[{event}],{samples},"stackFrames":{{"1":{{"name":"f"}}}}}}"#
        )),
        only("loss samples_not_read", 2)
    );
    assert_eq!(
        open(&format!(
            r#"{{"traceEvents":[{event}],"samples":[],"stackFrames":{{}}}}"#
        )),
        BTreeMap::new()
    );
    let marked = event.replace("\"ph\"", r#""sf":1,"cname":"good","ph""#);
    let both = BTreeMap::from([
        ("info colour_name".to_owned(), 1),
        ("loss stack_not_read".to_owned(), 1),
    ]);
    assert_eq!(open(&format!("[{marked}]")), both);
    let inline = event.replace("\"ph\"", r#""stack":["f","g"],"ph""#);
    assert_eq!(open(&format!("[{inline}]")), only("loss stack_not_read", 1));
}

#[test]
fn what_names_no_thread_and_arrows_without_an_id_are_told() {
    let open = |text: &str| defects(&open_bytes("t.json", text.as_bytes()).unwrap());
    let slice = r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}"#;
    for of in [
        r#""pid":[1],"tid":1"#,
        r#""pid":{"a":1},"tid":1"#,
        r#""pid":1,"tid":true"#,
    ] {
        let text = format!(r#"[{slice},{{"ph":"X","name":"b",{of},"ts":2,"dur":1}}]"#);
        assert_eq!(open(&text), only("info unreadable_thread", 1), "{of}");
    }
    let arrow = |id: &str| format!(r#"[{slice},{{"ph":"s","name":"n",{id}"pid":1,"tid":1,"ts":2}}]"#);
    assert_eq!(open(&arrow("")), only("loss flow_without_id", 1));
    assert_eq!(open(&arrow(r#""id":0,"#)), BTreeMap::new());
    assert_eq!(open(&arrow(r#""id2":{"local":"0x1"},"#)), BTreeMap::new());
}

#[test]
fn bytes_that_do_not_fit_are_told() {
    let of = |bytes: i64| {
        let events: Vec<String> = (0..4)
            .map(|i| {
                format!(
                    r#"{{"ph":"i","s":"t","name":"[memory]","cat":"cpu_instant_event","pid":1,"tid":1,"ts":{i},"args":
                    {{"Device Type":1,"Device Id":0,"Addr":{i},"Bytes":{bytes}}}}}"#
                )
            })
            .collect();
        let slice = r#"{"ph":"X","cat":"cpu_op","name":"o","pid":1,"tid":1,"ts":0,"dur":20}"#;
        let text = format!(
            r#"{{"schemaVersion":1,"traceEvents":[{slice},{}]}}"#,
            events.join(",")
        );
        defects(&open_bytes("t.json", text.as_bytes()).unwrap())
    };
    assert_eq!(of(1 << 40), BTreeMap::new());
    assert!(of(i64::MAX).contains_key("loss oversized_bytes"));
}

#[test]
fn a_second_document_that_is_cut_in_its_first_event_is_told() {
    let first = r#"{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]}"#;
    let second = r#"{"schemaVersion":1,"traceEvents":[{"ph":"X","cat":"cpu_op","name":"b","pid":1,"ts":3}"#;
    let from = second.find("[{").unwrap() + 2;
    for between in ["", "\n"] {
        for to in from..second.len() {
            let text = format!("{first}{between}{}", &second[..to]);
            let told = defects(&open_bytes("t.json", text.as_bytes()).unwrap());
            assert_eq!(told, only("error truncated_json", 1), "{text}");
        }
    }
}

#[test]
fn keys_may_be_written_with_escapes() {
    let opened = open(
        r#"{"\u0070h":"\u0058","\u006eame":"N","c\u0061t":"C","\u0070id":7,"ti\u0064":8,"ts":1,"dur":2,
            "args":{"corr\u0065lation":5,"path":"C:\\x"}},
        {"ph":"M","name":"thr\u0065ad_name","pid":7,"tid":8,"args":{"n\u0061me":"worker"}}"#,
    );
    assert_eq!(slices(&opened.index), ["7/8: N 1+2"]);
    assert_eq!(opened.index.category_of(SliceId(0)), "C");
    assert_eq!(opened.index.arg_int("correlation", SliceId(0)), Some(5));
    let name = opened.index.tracks[0].name.map(|name| opened.index.text(name));
    assert_eq!(name, Some("worker"));
}

#[test]
fn a_cut_out_keeps_both_ends_of_what_is_asynchronous() {
    let text = r#"[{"ph":"b","cat":"c","name":"across","id":1,"pid":1,"tid":1,"ts":1},
{"ph":"n","cat":"c","name":"early","id":1,"pid":1,"tid":1,"ts":2},
{"ph":"S","cat":"c","name":"around","id":2,"pid":1,"tid":1,"ts":3},
{"ph":"b","cat":"c","name":"before","id":3,"pid":1,"tid":1,"ts":4},
{"ph":"e","cat":"c","name":"before","id":3,"pid":1,"tid":1,"ts":5},
{"ph":"n","cat":"c","name":"inside","id":1,"pid":1,"tid":1,"ts":12},
{"ph":"e","cat":"c","name":"across","id":1,"pid":1,"tid":1,"ts":15},
{"ph":"F","cat":"c","name":"around","id":2,"pid":1,"tid":1,"ts":30},
{"ph":"C","name":"late","pid":1,"entries":[[25,1]]},
{"ph":"C","name":"kept","pid":1,"entries":[[11,1],[25,2]]}]"#;
    let opened = open_bytes("t.json", text.as_bytes()).unwrap();
    let request = CutRequest {
        window: Some(Span::new(10_000, 20_000)),
        ..CutRequest::default()
    };
    let mut cut = opened.cut(&request, &[], Vec::new()).unwrap();
    cut.feed(&opened, text.as_bytes()).unwrap();
    let (_, counts, out) = cut.finish(&opened).unwrap();
    let out = String::from_utf8(out).unwrap();
    let has = |name: &str| out.matches(&format!("\"name\":\"{name}\"")).count();
    let kept = ["across", "around", "inside", "kept", "early", "before", "late"].map(has);
    assert_eq!(kept, [2, 2, 1, 1, 0, 0, 0], "{out}");
    assert_eq!(counts.outside_window, 4);
}

#[test]
fn each_kind_of_file_that_other_suites_have_is_read() {
    for (file, slices, counters, flows, lost) in [
        ("args_at_end", 2, 0, 0, 0),
        ("async_only", 2, 0, 0, 0),
        ("counter_instances", 0, 2, 0, 0),
        ("kineto_string_tid", 1, 0, 0, 0),
        ("samples_beside", 0, 0, 0, 2),
        ("trailing_empty", 1, 0, 0, 0),
        ("unended_begin", 3, 0, 0, 1),
        ("xprof_like", 3, 1, 2, 0),
    ] {
        let Some(root) = corpus::root() else { return };
        let path = root.join("suites").join(format!("{file}.json"));
        let opened = open_bytes(file, &std::fs::read(path).unwrap()).unwrap();
        let index = &opened.index;
        let lost_here: u64 = opened.report.defects.iter().map(|d| d.count).sum();
        assert_eq!(
            (
                index.slices.len(),
                index.counters.len(),
                index.flows.ts.len(),
                lost_here
            ),
            (slices, counters, flows, lost),
            "{file}"
        );
    }
}

#[test]
fn a_threads_own_clock_says_how_long_it_ran() {
    // tdur of a complete event; of a begin and an end the difference of their tts. Of aten::add one call lacks it.
    let opened = open(
        r#"{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":0,"dur":100,"tts":5,"tdur":30.5,"args":{}},
        {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":200,"dur":50,"tts":40,"tdur":51,"args":{}},
        {"ph":"B","cat":"cpu_op","name":"aten::cat","pid":1,"tid":2,"ts":300,"tts":1000,"args":{}},
        {"ph":"E","cat":"cpu_op","name":"aten::cat","pid":1,"tid":2,"ts":340,"tts":1010.25,"args":{}},
        {"ph":"X","cat":"cpu_op","name":"aten::add","pid":1,"tid":1,"ts":400,"dur":10,"tdur":4,"args":{}},
        {"ph":"X","cat":"cpu_op","name":"aten::add","pid":1,"tid":1,"ts":420,"dur":10,"args":{}},
        {"ph":"X","cat":"cpu_op","name":"aten::sub","pid":1,"tid":1,"ts":440,"dur":10,"tdur":-1,"args":{}},
        {"ph":"X","cat":"cpu_op","name":"aten::sub","pid":1,"tid":1,"ts":460,"dur":10,"tdur":"x","args":{}},
        {"ph":"X","cat":"cpu_op","name":"aten::div","pid":1,"tid":1,"ts":480,"dur":10,"tdur":12,"args":{}},
        {"ph":"X","cat":"cpu_op","name":"aten::div","pid":1,"tid":1,"ts":500,"dur":10,"tdur":3,"args":{}},
        {"ph":"B","cat":"cpu_op","name":"aten::exp","pid":1,"tid":2,"ts":520,"tts":1020,"args":{}},
        {"ph":"E","cat":"cpu_op","name":"aten::exp","pid":1,"tid":2,"ts":530,"tts":1040,"args":{}}"#,
    );
    let mut expected = only("loss unreadable_thread_time", 2);
    expected.append(&mut only("loss long_thread_time", 2));
    assert_eq!(defects(&opened), expected);
    let of_slice: Vec<_> = opened
        .index
        .slices
        .ids()
        .map(|id| opened.index.cpu_time(id))
        .collect();
    assert_eq!(
        of_slice,
        [
            Some((30_500, Some(69_500))),
            // The two clocks differ by 1 µs: no less than 0 is waited.
            Some((51_000, Some(0))),
            Some((4_000, Some(6_000))),
            None,
            None,
            None,
            // Longer than the slice: how long it waited is unknown.
            Some((12_000, None)),
            Some((3_000, Some(7_000))),
            Some((10_250, Some(29_750))),
            Some((20_000, None)),
        ]
    );
    let Answer::Slice(first) = opened.answer(&opened.scene(), &Question::Slice { slice: 0 }) else {
        panic!("no slice");
    };
    assert_eq!((first.cpu_ns, first.waiting_ns), (Some(30_500), Some(69_500)));
    let mut operators: Vec<_> = opened
        .report
        .operators
        .iter()
        .map(|o| (o.name.as_str(), o.on_cpu_ns, o.waiting_ns))
        .collect();
    operators.sort_unstable();
    assert_eq!(
        operators,
        [
            ("aten::add", None, None),
            ("aten::cat", Some(10_250), Some(29_750)),
            ("aten::div", Some(15_000), None),
            ("aten::exp", Some(20_000), None),
            ("aten::mm", Some(81_500), Some(69_500)),
            ("aten::sub", None, None),
        ]
    );
    let has_columns = |opened: &Opened| {
        let question = Question::TableFile {
            key: "operators".to_owned(),
            ask: Ask::default(),
            format: "csv".to_owned(),
        };
        let Answer::Report { text, .. } = opened.answer(&opened.scene(), &question) else {
            panic!("no table");
        };
        let head = text.lines().next().unwrap_or_default();
        assert!(head.contains("total_cpu_ns"), "{head}");
        ["on_cpu_ns", "waiting_ns"].map(|column| head.contains(column))
    };
    assert_eq!(has_columns(&opened), [true; 2]);
    let without =
        open(r#"{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":0,"dur":100,"args":{}}"#);
    assert!(without.index.cpu_times.is_empty());
    assert_eq!(has_columns(&without), [false; 2]);
}

/// What the details of a slice list as its args.
fn args(opened: &Opened, text: &str, slice: u32) -> Vec<(String, String)> {
    let places = [opened.text_at(slice), opened.end_text_at(slice)];
    let events = places.into_iter().flatten().map(|at| {
        let text = &text.as_bytes()[usize::try_from(at).unwrap()..];
        event_text(text, true).unwrap()
    });
    opened.args(slice, &events.collect::<Vec<_>>()).args
}

#[test]
fn args_of_an_end_are_listed_with_those_of_its_begin() {
    let text = r#"[{"ph":"B","name":"call","pid":1,"tid":1,"ts":1,"args":{"a":1,"b":"of begin"}},
        {"ph":"X","name":"inside","pid":1,"tid":1,"ts":2,"dur":1,"args":{"c":3}},
        {"ph":"E","name":"call","pid":1,"tid":1,"ts":5,"args":{"b":"of end","d":[4]}},
        {"ph":"b","cat":"io","name":"read","id":1,"pid":1,"ts":6,"args":{}},
        {"ph":"e","cat":"io","name":"read","id":1,"pid":1,"ts":7,"args":{"bytes":9}},
        {"ph":"n","cat":"io","name":"mark","id":2,"pid":1,"ts":8,"args":{"once":1}},
        {"ph":"B","name":"open","pid":1,"tid":1,"ts":9,"args":{"e":5}}]"#;
    let opened = open_bytes("t.json", text.as_bytes()).unwrap();
    let of = |name: &str| {
        let id = opened
            .index
            .slices
            .ids()
            .find(|&id| opened.index.name_of(id) == name);
        args(&opened, text, id.unwrap().0)
    };
    let want = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    assert_eq!(of("call"), want(&[("a", "1"), ("b", "of end"), ("d", "[4]")]));
    assert_eq!(of("inside"), want(&[("c", "3")]));
    assert_eq!(of("read"), want(&[("bytes", "9")]));
    assert_eq!(of("mark"), want(&[("once", "1")]));
    assert_eq!(of("open"), want(&[("e", "5")]));
    if let Some(bytes) = corpus::read("suites/args_at_end.json") {
        let text = String::from_utf8(bytes).unwrap();
        let opened = open_bytes("t.json", text.as_bytes()).unwrap();
        let launch = opened
            .index
            .slices
            .ids()
            .find(|&id| opened.index.name_of(id) == "cudaLaunchKernel");
        assert_eq!(
            args(&opened, &text, launch.unwrap().0),
            want(&[("correlation", "9")])
        );
    }
}

#[test]
fn a_slice_lists_where_its_arrows_lead() {
    let opened = open(
        r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"dur":20},
        {"ph":"X","name":"inner","pid":1,"tid":1,"ts":4,"dur":4},
        {"ph":"X","name":"b","pid":1,"tid":2,"ts":30,"dur":20},
        {"ph":"X","name":"c","pid":1,"tid":3,"ts":60,"dur":20},
        {"ph":"X","name":"d","pid":1,"tid":4,"ts":70,"dur":20},
        {"ph":"X","name":"e","pid":1,"tid":5,"ts":200,"dur":20},
        {"ph":"s","cat":"request","name":"r","id":7,"pid":1,"tid":1,"ts":10},
        {"ph":"t","cat":"request","name":"r","id":7,"pid":1,"tid":2,"ts":35},
        {"ph":"f","bp":"e","cat":"request","name":"r","id":7,"pid":1,"tid":3,"ts":61},
        {"ph":"s","cat":"request","name":"r","id":7,"pid":1,"tid":4,"ts":71},
        {"ph":"f","cat":"request","name":"r","id":7,"pid":1,"tid":5,"ts":90},
        {"ph":"s","cat":"early","name":"q","id":8,"pid":1,"tid":3,"ts":62},
        {"ph":"f","bp":"e","cat":"early","name":"q","id":8,"pid":1,"tid":2,"ts":40},
        {"ph":"X","name":"p","pid":1,"tid":6,"ts":300,"dur":5,"bind_id":"0x5","flow_out":true},
        {"ph":"X","name":"q","pid":1,"tid":7,"ts":310,"dur":5,"bind_id":5,"flow_in":true}"#,
    );
    let of = |name: &str| -> Vec<String> {
        let id = opened
            .index
            .slices
            .ids()
            .find(|&id| opened.index.name_of(id) == name);
        let slice = id.unwrap().0;
        let Answer::Slice(detail) = opened.answer(&opened.scene(), &Question::Slice { slice }) else {
            panic!("no slice");
        };
        assert_eq!(detail.n_arrows as usize, detail.arrows.len());
        let arrow = |arrow: &Arrow| {
            let way = if arrow.is_outgoing { "to" } else { "from" };
            format!(
                "{way} {} {} µs {}",
                arrow.name,
                arrow.len_ns / 1_000,
                arrow.category
            )
        };
        detail.arrows.iter().map(arrow).collect()
    };
    assert_eq!(of("a"), ["to b 25 µs request"]);
    assert_eq!(of("inner"), [""; 0]);
    // The arrow that ends before it starts is one of two clocks.
    assert_eq!(
        of("b"),
        [
            "from a 25 µs request",
            "to c 26 µs request",
            "from c -22 µs early"
        ]
    );
    assert_eq!(of("c"), ["from b 26 µs request", "to b -22 µs early"]);
    // The id is used again; its end lies in no slice, and belongs to the next.
    assert_eq!(of("d"), ["to e 19 µs request"]);
    assert_eq!(of("e"), ["from d 19 µs request"]);
    assert_eq!(
        (of("p"), of("q")),
        (
            vec!["to q 10 µs bind_id".to_owned()],
            vec!["from p 10 µs bind_id".to_owned()]
        )
    );
}
