//! `.hltv` archives and the CSV files of Synapse's profiler, on the command line.

use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::corpus;

/// The JSON report of the only trace that comes of these files.
fn report(files: &[&Path]) -> Value {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .args(["report", "--format", "json"])
        .args(files)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let traces = report["traces"].as_array_mut().unwrap();
    assert_eq!(traces.len(), 1);
    traces.remove(0)
}

/// A tar (POSIX ustar) of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let mut head = [0u8; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[100..108].copy_from_slice(b"0000644\0");
        head[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        head[148..156].copy_from_slice(b"        ");
        head[156] = b'0';
        head[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = head.iter().map(|&b| u32::from(b)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

const HOST: &[u8] = br#"{"traceEvents":[
{"ph":"X","name":"synLaunchWithExternalEvents","cat":"SYNAPSE","pid":7,"tid":"9","ts":5000.5,"dur":16.25},
{"ph":"X","name":"synGraphCompile","cat":"SYNAPSE","pid":7,"tid":"9","ts":1000,"dur":6000.125}]}"#;

#[test]
fn both_kinds_of_archive_list_their_files_and_show_what_is_json() {
    for (name, has_analyzer) in [
        ("SYNTHETIC_zip_variant.hltv", true),
        ("SYNTHETIC_targz_variant.hltv", false),
    ] {
        let Some(file) = corpus::root().map(|root| root.join("gaudi/synthetic_hltv").join(name)) else {
            return;
        };
        let trace = report(&[&file]);
        assert_eq!(
            (&trace["format"], &trace["device_kind"]),
            (&json!("hltv"), &json!("hpu")),
            "{name}"
        );
        assert_eq!(trace["events"], 2);
        let beside = &trace["beside"];
        let files = beside["files"].as_array().unwrap();
        assert_eq!(files.len(), if has_analyzer { 8 } else { 7 });
        let says = |path: &str| {
            let found = files.iter().find(|f| f["path"] == path);
            found.map(|f| {
                (
                    f["bytes"].clone(),
                    f["says"].as_str().unwrap_or_default().to_owned(),
                )
            })
        };
        assert_eq!(
            says("prof-data/bin/default_hw_prof_accel0_001.bin"),
            Some((
                json!(10),
                "raw device trace: needs Intel's synprof_parser (--csv or --json), nothing is decoded here"
                    .into()
            ))
        );
        assert_eq!(
            says("prof-data/host/host_trace.json"),
            Some((
                json!(383),
                "host calls as trace events: opened as the trace".into()
            ))
        );
        let tables: Vec<&Value> = beside["plain_tables"].as_array().unwrap().iter().collect();
        let titles: Vec<&str> = tables.iter().filter_map(|t| t["title"].as_str()).collect();
        let expected = [
            "Nodes, by the vendor's trace analyzer",
            "Recipes",
            "Nodes of the recipes",
        ];
        assert_eq!(titles, expected[usize::from(!has_analyzer)..]);
        if has_analyzer {
            assert_eq!(
                tables[0]["rows"][1],
                json!(["6.1", "12.4", "matmul_qk", "batch_gemm/144"])
            );
        }
    }
}

#[test]
fn a_compile_in_the_host_trace_is_a_recompile() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x");
    std::fs::write(&file, tar(&[("run/prof-data/host/host_trace.json", HOST)])).unwrap();
    let trace = report(&[&file]);
    assert_eq!(trace["format"], "hltv");
    let compiles = trace["recompiles"].as_array().unwrap();
    let seen: Vec<_> = compiles
        .iter()
        .map(|c| (&c["evidence"], &c["start_ns"], &c["dur_ns"]))
        .collect();
    assert_eq!(seen, [(&json!("synapse"), &json!(1_000_000), &json!(6_000_125))]);
}

#[test]
fn without_a_host_trace_another_trace_is_opened_or_the_files_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.hltv");
    let state: (&str, &[u8]) = ("prof-data/profile_state.json", b"{}");
    std::fs::write(&file, tar(&[state, ("prof-data/views.json", HOST)])).unwrap();
    let trace = report(&[&file]);
    assert_eq!(
        (&trace["events"], &trace["beside"]["files"][1]["says"]),
        (&json!(2), &json!("a trace: opened"))
    );

    std::fs::write(
        &file,
        tar(&[state, ("prof-data/post-graph/g.json", b"{\"graphs\":1}")]),
    )
    .unwrap();
    let trace = report(&[&file]);
    assert_eq!((&trace["format"], &trace["events"]), (&json!("hltv"), &json!(0)));
    assert_eq!(
        trace["beside"]["missing"][0],
        "There is no host trace in the archive: its files are listed, and no timeline is shown."
    );
    assert_eq!(
        trace["beside"]["files"][1]["says"],
        "JSON without graphs: not shown"
    );
}

#[test]
fn a_table_of_nodes_stands_beside_the_hardware_trace_of_its_name() {
    let Some(folder) = corpus::root().map(|root| root.join("gaudi/real_synapse_csv")) else {
        return;
    };
    let hardware = folder.join("debug_hw_prof_accel0_001.csv");
    let nodes = folder.join("debug_hw_prof_accel0_001_analyzed_nodes.csv");
    let trace = report(&[&nodes, &hardware]);
    assert_eq!(
        (&trace["bytes"], &trace["format"]),
        (&json!(68_917), &json!("gaudi-synprof"))
    );
    let table = &trace["beside"]["plain_tables"][0];
    assert_eq!(
        (table["columns"].as_array().map(Vec::len), &table["n_rows"]),
        (Some(52), &json!(4))
    );
    let column = |name: &str| {
        let at = table["columns"]
            .as_array()
            .unwrap()
            .iter()
            .position(|c| c == name)
            .unwrap();
        let cells = table["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[at].as_str().unwrap().to_owned());
        cells.collect::<Vec<_>>()
    };
    assert_eq!(column("Unit"), ["MME", "TPC", "TPC", "TPC"]);
    assert_eq!(column("TPC Parallel Execution (%)"), ["0", "41", "99", "62"]);
    assert_eq!(
        column("MME Compute Utilization (%)"),
        ["", "", "", ""],
        "the file says nan"
    );
}
