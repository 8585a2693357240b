//! What the tables beside a trace lose: it is counted once, as a defect of the file, with the number that the note says.

use std::io::Write;
use std::path::Path;

use serde_json::Value;
use stepscope::session::open_bytes;
use stepscope::synth::Gzip;

use crate::open::run;

const FOLDER: &str = "w_ascend_pt/ASCEND_PROFILER_OUTPUT";
const KERNELS: &str = "Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us)";
const CALLS: &str = "Level,API Name,Time(us),Count,Avg(us),Min(us),Max(us),Variance";
const READINGS: &str = "Component,Timestamp(us),Total Allocated(MB),Total Reserved(MB),Device Type";
const TRACE: &str = r#"{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]}"#;

fn kernel(n: usize) -> String {
    format!("k{n},MatMul,AI_CORE,{}.5\t,2.25,1\n", 10 * n)
}

/// A table of rows 1 to `n`, of which `change` makes others.
fn table(header: &str, n: usize, row: impl Fn(usize) -> String) -> Vec<u8> {
    let rows: String = (1..=n).map(row).collect();
    format!("{header}\n{rows}").into_bytes()
}

/// A worker's folder with these files.
fn worker(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Kinds and counts of the first trace's defects, the notes, and how the command ends.
fn defects(path: &Path) -> (Vec<(String, u64)>, Vec<String>, i32) {
    let (_, out, _) = run(&["report", text(path), "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let trace = &report["traces"][0];
    let of = |row: &Value| {
        (
            row["kind"].as_str().unwrap().to_owned(),
            row["count"].as_u64().unwrap(),
        )
    };
    let notes = trace["notes"].as_array().unwrap().iter();
    let notes = notes.map(|note| note.as_str().unwrap().to_owned()).collect();
    let found = trace["defects"].as_array().unwrap().iter().map(of).collect();
    (found, notes, run(&["check", text(path)]).0)
}

fn of_kinds(kinds: &[(&str, u64)]) -> Vec<(String, u64)> {
    kinds.iter().map(|&(kind, n)| (kind.to_owned(), n)).collect()
}

#[test]
fn whole_tables_lose_nothing() {
    let dir = worker(&[
        ("trace_view.json", TRACE.as_bytes()),
        ("kernel_details.csv", &table(KERNELS, 20, kernel)),
        (
            "memory_record.csv",
            &table(READINGS, 9, |n| format!("PTA,{n},1.5,N/A,NPU:0\n")),
        ),
    ]);
    assert_eq!(defects(dir.path()).0, []);
    assert_eq!(run(&["check", text(dir.path())]).0, 0);
}

#[test]
fn a_stray_quote_costs_a_row_of_each_table_and_is_counted_as_that() {
    let quoted = |header: &str, row: &dyn Fn(usize) -> String| {
        let mut bytes = table(header, 40, row);
        let fifth = bytes
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .nth(4)
            .unwrap()
            .0;
        bytes.insert(fifth + 1, b'"');
        bytes
    };
    let call = |n: usize| format!("runtime,api{n},5,1,5,5,5,0\n");
    let reading = |n: usize| format!("PTA{n},{n},1.5,2,NPU:0\n");
    let cache = |n: usize| format!("0,1,{n},0.5,0.1,op\n");
    let dir = worker(&[
        ("trace_view.json", TRACE.as_bytes()),
        ("kernel_details.csv", &quoted(KERNELS, &kernel)),
        ("api_statistic.csv", &quoted(CALLS, &call)),
        ("memory_record.csv", &quoted(READINGS, &reading)),
        (
            "l2_cache.csv",
            &quoted("Device_id,Stream Id,Task Id,Hit Rate,Victim Rate,Op Name", &cache),
        ),
    ]);
    let (found, notes, code) = defects(dir.path());
    assert_eq!((found, code), (of_kinds(&[("table_row", 4)]), 1));
    let said = notes
        .iter()
        .filter(|note| note.ends_with(": 1 of 40 rows could not be read."));
    assert_eq!(said.count(), 4, "{notes:?}");
}

#[test]
fn numbers_that_are_none_times_below_zero_and_tables_that_break_off_are_counted() {
    let no_number = table(CALLS, 7, |n| format!("runtime,api{n},N/A,N/A,N/A,N/A,N/A,0\n"));
    let negative = table(KERNELS, 9, |n| match n {
        3 => "k,MatMul,AI_CORE,5,-2.25,1\n".to_owned(),
        5 => "k,MatMul,AI_CORE,5,2.25,-1\n".to_owned(),
        _ => kernel(n),
    });
    let readings = table(READINGS, 4, |n| format!("PTA,{n},N/A,N/A,NPU:0\n"));
    let dir = worker(&[
        ("trace_view.json", TRACE.as_bytes()),
        ("api_statistic.csv", &no_number),
        ("kernel_details.csv", &negative),
        ("memory_record.csv", &readings),
        ("communication.json", br#"{"step1": {"p2p": {}, "collecti"#),
    ]);
    let (found, notes, code) = defects(dir.path());
    let expected = [("table_not_read", 1), ("table_row", 7 + 1 + 4), ("table_time", 1)];
    assert_eq!((found, code), (of_kinds(&expected), 1));
    let kernels = "kernel_details.csv: 1 of 9 rows could not be read; 1 time in its rows: negative or no number, so unknown.";
    assert!(notes.iter().any(|note| note == kernels), "{notes:?}");
    let checked = run(&["check", text(dir.path())]).1;
    assert!(!checked.contains("everything in it was read"), "{checked}");
}

#[test]
fn a_table_that_is_cut_says_so_wherever_it_is_cut() {
    let whole = table(KERNELS, 6, kernel);
    for cut in KERNELS.len() + 2..whole.len() {
        let dir = worker(&[
            ("trace_view.json", TRACE.as_bytes()),
            ("kernel_details.csv", &whole[..cut]),
        ]);
        // Of all fields the last may be whole: only the line end is missing.
        let line = whole[..cut].rsplit(|b| *b == b'\n').next().unwrap();
        let expected: &[(&str, u64)] = match line.iter().filter(|b| **b == b',').count() {
            _ if line.is_empty() => &[],
            5 => &[("unended_table", 1)],
            _ => &[("cut_table", 1), ("table_row", 1)],
        };
        let opened = opened_folder(dir.path());
        assert_eq!(
            opened,
            of_kinds(expected),
            "{:?}",
            String::from_utf8_lossy(&whole[..cut])
        );
    }
}

/// Defects of the worker in a folder, without the command line.
fn opened_folder(folder: &Path) -> Vec<(String, u64)> {
    let bytes = std::fs::read(folder.join(FOLDER).join("kernel_details.csv")).unwrap();
    let mut tables = stepscope::dialect::tables_beside::Tables::default();
    stepscope::dialect::ascend::ascend_tables::read(
        stepscope::dialect::ascend::ascend_tables::Table::Kernels,
        "kernel_details.csv",
        &bytes,
        &mut tables,
    );
    tables
        .defects
        .iter()
        .map(|(kind, n, _)| (kind.key().to_owned(), n))
        .collect()
}

#[test]
fn tables_beside_an_empty_trace_are_shown_and_the_trace_is_named() {
    for empty in [&b""[..], &[0; 5000], b"{}", &gzipped(TRACE.as_bytes())[..15]] {
        let dir = worker(&[
            ("trace_view.json", empty),
            ("kernel_details.csv", &table(KERNELS, 20, kernel)),
        ]);
        let (code, out, err) = run(&["report", text(dir.path())]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("trace_view.json: "), "{err}");
        assert!(out.contains("tables are shown, and no timeline"), "{out}");
        assert!(out.contains("kernel_details.csv"), "{out}");
    }
}

#[test]
fn a_hardware_trace_in_csv_loses_the_line_of_a_stray_quote() {
    let head =
        "Name,Trace Source,Engine,Event type,Timestamp[usec],Recipe ID,Context ID,Device,Unique Node ID";
    let row = |n: usize| format!("a,HW,MME,INSTANT,{n},7,0,accel0,1\n");
    let mut csv = table(head, 60, row);
    let at = csv
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .nth(5)
        .unwrap()
        .0;
    csv.insert(at + 1, b'"');
    let opened = open_bytes("x_hw_prof_accel0_001.csv", &csv).unwrap();
    let lost: Vec<(&str, u64, u64)> = opened
        .report
        .defects
        .iter()
        .map(|d| (d.kind.as_str(), d.count, d.events_lost))
        .collect();
    assert_eq!(lost, [("event_row", 1, 1)]);
    let instants = opened.report.events;
    csv.remove(at + 1);
    assert_eq!(open_bytes("x.csv", &csv).unwrap().report.events, instants + 1);
}

const DUMP: &str = r#"{"metric_name": "graph_compilation", "triggered_by": "process_exit", "generated_on": "2026-11-22T02:53:20.315283", "statistics": {"TotalNumber": 1, "TotalTime": 310000, "AvgTime": 310000.0, "recipe": [["r", 310000]]}}"#;

#[test]
fn dumps_of_a_metrics_file_that_cannot_be_read_are_defects() {
    let of = |text: &str| {
        let opened = open_bytes("metrics.json", text.as_bytes()).unwrap();
        let defects = opened.report.defects.iter();
        defects
            .map(|d| (d.kind.clone(), d.count))
            .collect::<Vec<(String, u64)>>()
    };
    assert_eq!(of(&format!("\u{feff}[{DUMP},\n{DUMP}]")), []);
    let cut = format!("[{DUMP},\n{}", &DUMP[..90]);
    assert_eq!(of(&cut), of_kinds(&[("cut_table", 1), ("table_row", 1)]));
    for (from, to) in [
        ("310000.0", "-1"),
        ("\"TotalNumber\": 1", "\"TotalNumber\": \"x\""),
        ("[\"r\", 310000]", "[\"r\", -310000]"),
        ("\"statistics\"", "\"statistics\": null, \"x\""),
    ] {
        let damaged = DUMP.replace(from, to);
        assert_ne!(damaged, DUMP);
        assert_eq!(
            of(&format!("[{DUMP},\n{damaged}]")),
            of_kinds(&[("table_row", 1)]),
            "{to}"
        );
    }
}

#[test]
fn torchs_table_without_its_end_is_cut_and_rows_without_times_are_lost() {
    let ruler = "----------  ------------  ------------  ------------\n";
    let rows = |time: &str| -> String {
        (1..=5)
            .map(|n| format!("  aten::{n:02}  {time:>12}  {time:>12}  {n:>12}\n"))
            .collect()
    };
    let head = format!("{ruler}      Name      Self CPU     CPU total    # of Calls\n{ruler}");
    let whole = format!("{head}{}{ruler}Self CPU time total: 15.000us\n", rows("3.000us"));
    let of = |text: &str| {
        let opened = open_bytes("profiler_out_0.txt", text.as_bytes()).unwrap();
        let defects = opened.report.defects.iter();
        defects
            .map(|d| (d.kind.clone(), d.count))
            .collect::<Vec<(String, u64)>>()
    };
    assert_eq!(of(&whole), []);
    let lost = of(&format!(
        "{head}{}{ruler}Self CPU time total: 15.000us\n",
        rows("N/A")
    ));
    assert_eq!(lost, of_kinds(&[("table_row", 5)]));
    let end = head.len() + rows("3.000us").len();
    assert_eq!(of(&whole[..end]), of_kinds(&[("cut_table", 1)]));
    assert_eq!(
        of(&whole[..end - 2]),
        of_kinds(&[("cut_table", 1), ("table_row", 1)])
    );
}

#[test]
fn lists_that_stop_at_a_limit_say_what_they_leave_out_and_shares_are_of_the_whole() {
    let events = |event: &dyn Fn(usize) -> String| {
        let all: Vec<String> = (0..8_000).map(event).collect();
        format!("{{\"traceEvents\":[{}]}}", all.join(","))
    };
    let shapes = events(&|n| {
        format!(
            r#"{{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":{},"dur":1,"args":{{"External id":{n},"Input Dims":[[{n},1]]}}}}"#,
            2 * n
        )
    });
    let modules = events(&|n| {
        format!(
            r#"{{"ph":"X","cat":"python_function","name":"nn.Module: L_{n}","pid":1,"tid":1,"ts":{},"dur":1,"args":{{"Python id":{}}}}}"#,
            2 * n,
            n + 1
        )
    });
    let dir = tempfile::tempdir().unwrap();
    for (name, json, by) in [("s.json", shapes, "self time"), ("m.json", modules, "time")] {
        let path = dir.path().join(name);
        std::fs::write(&path, json).unwrap();
        let (_, out, _) = run(&["report", text(&path), "--format", "markdown"]);
        let says = format!(
            "Here are the 5,000 with the most {by}, of 8,000; the others have 3,000 calls and 3.00 ms self time."
        );
        assert!(out.contains(&says), "{name}");
    }
    let csv = dir.path().join("csv");
    run(&["report", text(&dir.path().join("m.json")), "--csv", text(&csv)]);
    let mut file = std::fs::read_dir(&csv).unwrap().map(|f| f.unwrap().path());
    let file = file.find(|f| text(f).contains("modules")).unwrap();
    let table = std::fs::read_to_string(file).unwrap();
    let mut lines = table.lines();
    let share = lines
        .next()
        .unwrap()
        .split(',')
        .position(|c| c == "share")
        .unwrap();
    let share: f64 = lines
        .next()
        .unwrap()
        .split(',')
        .nth(share)
        .unwrap()
        .parse()
        .unwrap();
    assert!((share - 1.0 / 8_000.0).abs() < 1e-6, "{share}");
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Gzip::new(Vec::new(), 1).unwrap();
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn a_baseline_is_known_compressed_and_with_a_byte_order_mark() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("t.json"), TRACE).unwrap();
    let (trace, kept) = (at("t.json"), at("b.json"));
    let saved = run(&[
        "compare",
        text(&trace),
        text(&trace),
        "--save-baseline",
        text(&kept),
    ]);
    assert_eq!(saved.0, 0, "{}", saved.2);
    let baseline = std::fs::read(&kept).unwrap();
    let marked = [&b"\xef\xbb\xbf"[..], &baseline].concat();
    for (name, bytes) in [
        ("b.gz", gzipped(&baseline)),
        ("m.json", marked.clone()),
        ("m.gz", gzipped(&marked)),
    ] {
        std::fs::write(at(name), bytes).unwrap();
        let compared = run(&["compare", text(&at(name)), text(&trace)]);
        assert_eq!(compared.0, 0, "{name}: {}", compared.2);
    }
    std::fs::write(at("cut.gz"), &gzipped(&baseline)[..200]).unwrap();
    let cut = run(&["compare", text(&at("cut.gz")), text(&trace)]);
    assert_eq!(cut.0, 2);
    assert!(cut.2.contains("damaged or cut"), "{}", cut.2);
}

#[test]
fn a_wide_table_is_written_with_all_columns_or_says_how_many_it_has() {
    let wide = |n: usize| {
        let names: String = (0..n).map(|i| format!(",c{i}")).collect();
        let values = ",1".repeat(n);
        format!("Device_id,Stream Id,Task Id,Hit Rate,Victim Rate{names}\n0,1,2,0.5,0.1{values}\n")
    };
    for (n, says) in [(200, None), (300, Some("The first 256 of 305 columns are here."))] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l2_cache.csv");
        std::fs::write(&path, wide(n)).unwrap();
        let csv = dir.path().join("csv");
        let (_, out, _) = run(&["report", text(&path), "--csv", text(&csv)]);
        let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_said = out.contains("columns are here.");
        assert_eq!(is_said, says.is_some(), "{out}");
        assert_eq!(
            out.contains("of a table that says where it stops"),
            says.is_some(),
            "{out}"
        );
        assert!(says.is_none_or(|says| out.contains(says)), "{out}");
        let files = std::fs::read_dir(&csv).unwrap().map(|f| f.unwrap().path());
        let heads = files.map(|f| std::fs::read_to_string(f).unwrap());
        let widest = heads
            .map(|t| t.lines().next().unwrap_or_default().split(',').count())
            .max();
        assert_eq!(widest, Some((n + 5).min(256)));
    }
}
