//! Every damaged file has its expected outcome written down: what was still read, and what was said.

use std::fmt::Write;

use expect_test::expect;
use stepscope::session::{LoadError, Opened, open_bytes};

use crate::corpus;

/// One line a file: events, slices, and every defect with its count and place; or the error.
fn outcome(result: Result<Opened, LoadError>) -> String {
    match result {
        Err(error) => format!("ERROR {error}"),
        Ok(opened) => {
            let mut out = format!(
                "{} events, {} slices",
                opened.report.events,
                opened.index.slices.len()
            );
            for d in &opened.report.defects {
                let at = d.first_at_byte.map_or_else(String::new, |at| format!(" at {at}"));
                write!(out, "; {} {}{at}", d.count, d.kind).unwrap();
            }
            out
        }
    }
}

#[test]
fn every_damaged_file_is_read_as_far_as_it_goes() {
    let mut out = String::new();
    for path in corpus::files("malformed") {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = outcome(open_bytes(&name, &bytes));
        let mut loader = stepscope::session::Loader::new("other name");
        bytes.chunks(13).for_each(|c| loader.feed(c));
        assert_eq!(
            outcome(loader.finish()),
            whole,
            "{name} in small pieces, under a meaningless name"
        );
        writeln!(out, "{name}: {whole}").unwrap();
    }
    if out.is_empty() {
        return;
    }
    expect![[r#"
        array_only.json: 2 events, 2 slices
        array_unterminated.json: 2 events, 2 slices; 1 unclosed_array at 169
        backslash_win_path.json: 4 events, 4 slices; 1 bad_escape at 288
        bad_crc.json.gz: 2000 events, 2000 slices; 1 gzip_checksum
        begin_end_pairs.json: 3 events, 2 slices; 1 begin_without_end at 200
        bom.json: 2 events, 2 slices
        control_char.json: 3 events, 3 slices; 1 control_character at 288
        dup_keys_and_external_id_case.json: 1 events, 1 slices
        empty_events.json: 0 events, 0 slices
        empty_file.json: ERROR the file is empty (0 bytes)
        epoch_float_ts.json: 1 events, 1 slices
        huge_dur_overflow.json: 3 events, 3 slices; 1 oversized_duration at 288
        inf_bandwidth.json: 3 events, 3 slices
        invalid_utf8.json: 3 events, 3 slices; 1 invalid_utf8 at 288
        missing_dur.json: 3 events, 3 slices; 1 missing_duration at 288
        multi_member.json.gz: 2 events, 2 slices
        nan_arg.json: 3 events, 2 slices; 1 counter_without_value at 288
        nan_minus.json: 3 events, 2 slices; 2 counter_without_value at 288
        negative_dur.json: 3 events, 3 slices; 1 negative_duration at 288
        no_traceEvents.json: ERROR this is JSON, but no trace: an object without "traceEvents" (its keys: schemaVersion, deviceProperties)
        overlap_same_track.json: 2 events, 2 slices; 1 partial_overlap at 229
        plain_named_gz.json.gz: 2 events, 2 slices
        raw_newline_in_string.json: 3 events, 3 slices; 1 control_character at 288
        string_ts_and_tid.json: 1 events, 1 slices
        traceEvents_before_header.json: 2 events, 2 slices
        trailing_comma.json: 2 events, 2 slices
        trailing_garbage.json.gz: 2000 events, 2000 slices; 1 trailing_garbage
        truncated.json.gz: 975 events, 975 slices; 1 truncated_gzip; 1 truncated_json at 73025
        truncated_array.json: 2 events, 2 slices; 1 truncated_json at 288
        unescaped_quote.json: 4 events, 4 slices; 1 unescaped_quote at 288
    "#]].assert_eq(&out);
}

#[test]
fn a_file_that_is_no_trace_gets_one_clear_sentence() {
    let says = |bytes: &[u8]| outcome(open_bytes("x", bytes));
    let cases: Vec<String> = [
        &b""[..],
        b"{}",
        b"[]",
        b"[",
        b"\x1f\x8b",
        b"\x1f",
        b"hi",
        b"\x89PNG\r\n\x1a\n0000",
        b"[1,2,3]",
        b"[{\"a\":1}]",
        b"{\"a\":1,\"b\":[2]}",
        b"   \n",
        b"{\"traceEvents\":[{\"ph\":\"X\",\"ts\":1,\"dur\":2,\"name\":\"a\"}]} and more",
    ]
    .into_iter()
    .map(says)
    .collect();
    expect![[r#"
        ERROR the file is empty (0 bytes)
        ERROR this is JSON, but no trace: an object without "traceEvents" (its keys: none)
        0 events, 0 slices
        0 events, 0 slices; 1 unclosed_array at 1
        ERROR the gzip file ends after 2 bytes, before any content
        ERROR the gzip file ends after 1 bytes, before any content
        ERROR this is no trace: expected a JSON object or array at byte 0, found text: "hi"
        ERROR this is a PNG picture, not a trace; open the trace that it shows, not a picture of it
        ERROR this is a list, but none of its 3 values is a trace event
        ERROR this is a list, but none of its 1 values is a trace event
        ERROR this is JSON, but no trace: an object without "traceEvents" (its keys: a, b)
        ERROR this is no trace: expected a JSON object or array at byte 0, found only blanks
        1 events, 1 slices; 1 after_trace at 55"#]]
    .assert_eq(&cases.join("\n"));
}

/// Defects of a text, by kind and count, and how many events were read.
fn read(text: &str) -> (u64, Vec<(String, u64)>) {
    let opened = open_bytes("a.json", text.as_bytes()).unwrap_or_else(|why| panic!("{why}: {text:.100}"));
    let defects = opened.report.defects.iter().map(|d| (d.kind.clone(), d.count));
    (opened.report.events, defects.collect())
}

fn operator(number: usize) -> String {
    let ts = number * 10;
    format!(r#"{{"ph":"X","cat":"cpu_op","name":"op{number}","pid":1,"tid":1,"ts":{ts},"dur":5}}"#)
}

fn said(kind: &str, count: u64) -> Vec<(String, u64)> {
    vec![(kind.to_owned(), count)]
}

#[test]
fn documents_that_are_not_opened_are_counted_with_their_events() {
    let of = |n: usize| -> String {
        (0..n)
            .map(|i| {
                format!(
                    "{{\"traceEvents\":[{},{}]}}\n",
                    operator(2 * i),
                    operator(2 * i + 1)
                )
            })
            .collect()
    };
    for (n, lost) in [(64, 0), (65, 2), (200, 272)] {
        let opened = open_bytes("a.json", of(n).as_bytes()).unwrap();
        assert_eq!((opened.report.events, opened.further.len()), (2, 63));
        let found = opened
            .report
            .defects
            .iter()
            .find(|d| d.kind == "document_left_out");
        assert_eq!(found.map_or(0, |d| d.events_lost), lost, "{n}");
        let note = opened
            .report
            .notes
            .iter()
            .find(|note| note.contains("one after the other"));
        assert!(note.unwrap().contains(&format!("holds {n} traces")), "{note:?}");
    }
}

#[test]
fn work_of_more_devices_than_are_told_apart_is_counted() {
    let kernels = |n: usize| -> String {
        let kernel = |device: usize| {
            let arg = format!(r#""args":{{"device":{device},"stream":7}}"#);
            format!(
                r#"{{"ph":"X","cat":"kernel","name":"k","pid":{device},"tid":7,"ts":{device},"dur":1,{arg}}}"#
            )
        };
        format!("[{}]", (0..n).map(kernel).collect::<Vec<_>>().join(","))
    };
    assert_eq!(read(&kernels(128)), (128, vec![]));
    assert_eq!(read(&kernels(131)), (131, said("device_left_out", 3)));
}

#[test]
fn a_key_that_lost_its_colon_is_a_loss_and_a_quote_in_a_name_is_none() {
    let events: Vec<String> = (0..30).map(operator).collect();
    let text = format!("{{\"traceEvents\":[{}]}}", events.join(","));
    // From the middle of a key of one event to a value of one behind it.
    let from = text.find("\"op10\"").unwrap() - 6;
    let to = text.find("op12").unwrap() - 12;
    let holed = format!("{}{}{}", &text[..from], "x".repeat(to - from), &text[to..]);
    assert_eq!(read(&holed).1, said("damaged_key", 1));
    let quoted = text.replacen("op3\"", "o\"p\"3\"", 1);
    assert_eq!(read(&quoted), (30, said("unescaped_quote", 1)));
}

#[test]
fn values_of_another_kind_are_counted() {
    let whole = operator(1);
    for (from, to, kind) in [
        ("\"op1\"", "null", "unreadable_name"),
        ("\"op1\"", "{\"a\":1}", "unreadable_name"),
        ("\"cpu_op\"", "[\"cpu_op\"]", "unreadable_name"),
        (
            "\"dur\":5",
            "\"dur\":5,\"args\":{\"correlation\":NaN}",
            "unreadable_number",
        ),
        (
            "\"dur\":5",
            "\"dur\":5,\"args\":{\"correlation\":7.5}",
            "unreadable_number",
        ),
    ] {
        let changed = whole.replacen(from, to, 1);
        assert_eq!(
            read(&format!("[{changed},{}]", operator(2))),
            (2, said(kind, 1)),
            "{to}"
        );
    }
    let fine = whole.replacen("\"dur\":5", "\"dur\":5,\"args\":{\"correlation\":7.0}", 1);
    assert_eq!(read(&format!("[{fine}]")), (1, vec![]));
}

#[test]
fn a_damaged_key_of_the_list_of_events_hides_none_of_them() {
    let events: Vec<String> = (0..20).map(operator).collect();
    let text = format!(
        "{{\"schemaVersion\": 1, \"traceEvents\": [{}], \"a\": 2}}",
        events.join(",")
    );
    for (from, to) in [("traceEvents", "tracfEvents"), ("traceEvents", "trac~Ev~nts")] {
        let damaged = text.replacen(from, to, 1);
        let (n, defects) = read(&damaged);
        assert_eq!(n, 20, "{damaged:.60}");
        assert!(defects.contains(&("damaged_header".to_owned(), 1)), "{defects:?}");
    }
    // Another list is another list.
    assert!(open_bytes("a.json", text.replace("traceEvents", "otherEvents").as_bytes()).is_err());
}

#[test]
fn a_refusal_says_what_is_there() {
    let says = |text: &str| outcome(open_bytes("x", text.as_bytes()));
    let event = r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":5,"dur":2}"#;
    // The list is missing, or what stands before the first event.
    for text in [
        format!("{event},{event}]"),
        format!("{event},\n{event},\n]}}"),
        format!("{event}\n"),
    ] {
        let said = says(&text);
        assert!(
            said.starts_with("ERROR events stand here without the list around them"),
            "{said}"
        );
    }
    // A list without events, and then the trace.
    for lead in ["[]", "[]\n\n", "{\"traceEvents\":[]}\n"] {
        for trace in [format!("{{\"traceEvents\":[{event}]}}"), format!("[{event}]")] {
            assert_eq!(
                says(&format!("{lead}{trace}")),
                "1 events, 1 slices",
                "{lead}{trace}"
            );
        }
    }
    for (ts, dur, said) in [
        ("5", "1e-99999999999999999999", "1 events, 1 slices"),
        ("0e99999999999999999999", "1", "1 events, 1 slices"),
        (
            "5",
            "1e99999999999999999999",
            "1 events, 1 slices; 1 oversized_duration at 1",
        ),
        (
            "9223372036854775808",
            "1",
            "1 events, 0 slices; 1 oversized_timestamp at 1",
        ),
        ("1e30", "1", "1 events, 0 slices; 1 oversized_timestamp at 1"),
        ("\"soon\"", "1", "1 events, 0 slices; 1 missing_timestamp at 1"),
    ] {
        let text = format!(r#"[{{"ph":"X","name":"a","pid":1,"tid":1,"ts":{ts},"dur":{dur}}}]"#);
        assert_eq!(says(&text), said, "{text}");
    }
}

#[test]
fn an_event_that_is_too_large_is_named_where_it_is_the_only_one() {
    let long = "n".repeat(65 << 20);
    let event = format!(r#"{{"ph":"X","name":"{long}","pid":1,"tid":1,"ts":5,"dur":2}}"#);
    let expected = "ERROR no event of it can be read: its only event is larger than 64 MiB, the most that is read of one";
    for text in [format!("[{event}]"), format!("{{\"traceEvents\":[{event}]}}")] {
        let said = outcome(open_bytes("x", text.as_bytes()));
        assert_eq!(said, expected);
    }
}
