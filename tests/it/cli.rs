//! The command line as its users run it.

use std::io::Write;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

use stepscope::synth::{self, Gzip, Options, Target};
use stepscope::table::Answers;

use crate::corpus;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(args: &[&str]) -> Ran {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .args(args)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().expect("ended by itself"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with one file in it.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn short() -> Options {
    Options {
        target: Target::Steps(40),
        ..Options::sample()
    }
}

fn trace(options: &Options) -> Vec<u8> {
    let mut json = Vec::new();
    synth::write(options, &mut json).unwrap();
    json
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Gzip::new(Vec::new(), 1).unwrap();
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// The names that scripts rely on.
const TRACE_NAMES: &[&str] = &[
    "file",
    "format",
    "bytes",
    "inflated_bytes",
    "events",
    "rank",
    "world_size",
    "device_kind",
    "start_ns",
    "end_ns",
    "base_time_ns",
    "defects",
    "steps",
    "step_groups",
    "recompiles",
    "bucket_coverage",
    "gaps",
    "device_time",
    "kernels",
    "operators",
    "findings",
];

#[test]
fn a_json_report_has_every_name_that_scripts_rely_on() {
    let (_dir, path) = file("t.json", &trace(&short()));
    let ran = run(&["report", text(&path), "--format", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["schema"], "stepscope.report/1");
    assert_eq!(report["traces"].as_array().unwrap().len(), 1);
    for name in TRACE_NAMES {
        assert!(report["traces"][0].get(name).is_some(), "{name} is missing");
    }
    assert_eq!(report["traces"][0]["file"], "t.json");
    assert_eq!(
        report["traces"][0]["bytes"],
        std::fs::metadata(&path).unwrap().len()
    );
}

#[test]
fn a_report_goes_to_the_file_asked_for() {
    let (dir, path) = file("t.json", &trace(&short()));
    for format in ["text", "markdown", "json"] {
        let to = dir.path().join(format);
        let ran = run(&["report", text(&path), "--format", format, "--output", text(&to)]);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""));
        let stdout = run(&["report", text(&path), "--format", format]).out;
        assert_eq!(std::fs::read_to_string(&to).unwrap(), stdout);
        assert!(stdout.contains("t.json"));
    }
}

#[test]
fn tables_are_written_for_a_spreadsheet() {
    let (dir, path) = file("t.json", &trace(&short()));
    let folder = dir.path().join("tables");
    let ran = run(&["report", text(&path), text(&path), "--csv", text(&folder)]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    // Every table that the trace fills, of each, and no other.
    let opened = stepscope::session::open_bytes("t.json", &std::fs::read(&path).unwrap()).unwrap();
    let report = opened.whole_report();
    let names = stepscope::table::names(&Answers::of_report(&report));
    assert!(names.len() > 15, "{names:?}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2 * names.len());
    for name in names {
        for n in [1, 2] {
            let file = folder.join(format!("{n}.t.json.{}.csv", name.key));
            assert!(file.exists(), "{}", file.display());
        }
    }
    let kernels = std::fs::read_to_string(folder.join("2.t.json.kernels.csv")).unwrap();
    assert!(
        kernels.starts_with("name,kind,rule,busy_ns,total_ns,"),
        "{kernels}"
    );
    assert!(kernels.contains("BatchGemm,compute,"), "{kernels}");
    let nodes = std::fs::read_to_string(folder.join("2.t.json.nodes.csv")).unwrap();
    assert!(nodes.starts_with("device,recipe,recipe_id,node,"), "{nodes}");
    assert!(
        nodes
            .lines()
            .any(|row| row.contains(",BatchGemm,") && row.contains(",mme,")),
        "{nodes}"
    );
}

#[test]
fn operators_are_also_written_by_shape_and_by_stack_and_modules_where_the_trace_has_them() {
    let event = |category: &str, name: &str, ts: u32, dur: u32, args: &str| {
        format!(
            r#"{{"ph":"X","cat":"{category}","name":"{name}","pid":1,"tid":1,"ts":{ts},"dur":{dur},"args":{{{args}}}}}"#
        )
    };
    let events = [
        event("python_function", "nn.Module: LM_0", 0, 100, ""),
        event("python_function", "nn.Module: Linear_0", 5, 60, ""),
        event("python_function", "a.py(7): f", 10, 50, ""),
        event("cpu_op", "aten::mm", 20, 10, r#""Input Dims":[[4, 64], [64, 8]]"#),
        event("cpu_op", "aten::mm", 40, 5, r#""Input Dims":[[1, 64], [64, 8]]"#),
    ];
    let json = format!(r#"{{"schemaVersion":1,"traceEvents":[{}]}}"#, events.join(","));
    let (dir, path) = file("t.json", json.as_bytes());
    let folder = dir.path().join("tables");
    let ran = run(&["report", text(&path), "--csv", text(&folder)]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let read = |name: &str| std::fs::read_to_string(folder.join(format!("t.json.{name}.csv"))).unwrap();
    // Columns of device time and of bytes are there where the trace records them.
    assert_eq!(
        read("operators_by_shape"),
        "name,input_shapes,count,self_cpu_ns,total_cpu_ns\n\
         aten::mm,\"[[4, 64], [64, 8]]\",1,10000,10000\n\
         aten::mm,\"[[1, 64], [64, 8]]\",1,5000,5000\n"
    );
    assert_eq!(
        read("operators_by_stack"),
        "name,stack,count,self_cpu_ns,total_cpu_ns\n\
         aten::mm,a.py(7): f; nn.Module: Linear_0; nn.Module: LM_0,2,15000,15000\n"
    );
    assert_eq!(
        read("modules"),
        "module,path,depth,total_ns,share,self_ns,count\n\
         LM_0,LM_0,0,100000,1,40000,1\nLinear_0,LM_0/Linear_0,1,60000,0.6,60000,1\n"
    );
    assert_eq!(
        read("operators"),
        "name,count,self_cpu_ns,total_cpu_ns\naten::mm,2,15000,15000\n"
    );
    assert!(
        read("python").contains("\na.py(7): f,1,50000,50000\n"),
        "{}",
        read("python")
    );
    for without in ["stream_gaps", "steps", "recompiles", "kernels", "nodes"] {
        assert!(
            !folder.join(format!("t.json.{without}.csv")).exists(),
            "{without}"
        );
    }
}

#[test]
fn check_says_0_for_a_whole_file_also_inside_gzip() {
    let json = trace(&short());
    for bytes in [json.clone(), gzipped(&json)] {
        let (_dir, path) = file("t", &bytes);
        let ran = run(&["check", text(&path)]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert!(ran.out.contains("everything in it was read"), "{}", ran.out);
    }
}

#[test]
fn check_says_1_for_a_gzip_that_ends_too_early() {
    let whole = gzipped(&trace(&short()));
    let (_dir, path) = file("t.json.gz", &whole[..whole.len() / 2]);
    let ran = run(&["check", text(&path)]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert!(ran.out.contains("truncated_gzip"), "{}", ran.out);
}

#[test]
fn check_says_2_and_one_sentence_where_nothing_can_be_read() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
    let cases: &[(&[u8], &str)] = &[
        (b"", "empty"),
        (b"\x1f\x8b", "gzip"),
        (b"{}", "traceEvents"),
        (png, "this is a PNG picture, not a trace"),
        (&gzipped(b"hello, this is no trace"), "no trace"),
    ];
    for (bytes, says) in cases {
        let (_dir, path) = file("t.json", bytes);
        for command in ["check", "report"] {
            let ran = run(&[command, text(&path)]);
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{says}");
            assert!(ran.err.contains(says), "{says}: {}", ran.err);
            assert!(ran.err.contains("t.json"), "{}", ran.err);
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        }
    }
    let ran = run(&["check", "no such file"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("no such file: "), "{}", ran.err);
    let dir = tempfile::tempdir().unwrap();
    assert!(run(&["check", text(dir.path())]).err.contains("folder"));
}

#[test]
fn a_broken_file_does_not_keep_the_others_from_being_reported() {
    let (dir, good) = file("good.json", &trace(&short()));
    let broken = dir.path().join("broken.json");
    std::fs::write(&broken, b"").unwrap();
    let files = [text(&good), text(&broken), text(&good)];
    let ran = run(&["report", files[0], files[1], files[2], "--format", "json"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("broken.json"), "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["traces"].as_array().unwrap().len(), 2);
}

#[test]
fn a_metrics_file_belongs_to_the_trace_beside_it() {
    let metrics = br#"[{"metric_name": "graph_compilation", "triggered_by": "process_exit", "generated_on": "2026-11-22T02:53:20.315283", "statistics": {"TotalNumber": 7, "TotalTime": 310000, "AvgTime": 310000.0, "recipe": []}}]"#;
    let (dir, path) = file("t.json", &trace(&short()));
    let beside = dir.path().join("metrics.json");
    std::fs::write(&beside, metrics).unwrap();
    let traces = |files: &[&Path]| {
        let mut args = vec!["report", "--format", "json"];
        args.extend(files.iter().map(|f| text(f)));
        let ran = run(&args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let of = |t: &Value| {
            (
                t["file"].as_str().unwrap().to_owned(),
                t["metrics"]["graph_compilations"].as_u64(),
            )
        };
        report["traces"]
            .as_array()
            .unwrap()
            .iter()
            .map(of)
            .collect::<Vec<_>>()
    };
    let with = ("t.json".to_owned(), Some(7));
    let without = ("t.json".to_owned(), None);
    let alone = ("metrics.json".to_owned(), Some(7));
    assert_eq!(traces(&[&beside, &path]), vec![with]);
    assert_eq!(traces(&[&path]), vec![without.clone()]);
    assert_eq!(traces(&[&beside]), vec![alone.clone()]);
    // Two traces elsewhere: whose it is, is not known.
    let (_one, first) = file("t.json", &trace(&short()));
    let (_two, second) = file("t.json", &trace(&short()));
    assert_eq!(
        traces(&[&first, &second, &beside]),
        vec![without.clone(), without, alone]
    );
}

#[test]
fn synth_writes_the_size_asked_for_plain_and_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("a.json");
    let packed = dir.path().join("a.json.gz");
    for out in [&plain, &packed] {
        let ran = run(&["synth", "--out", text(out), "--size", "5MB", "--seed", "3"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    }
    let bytes = std::fs::metadata(&plain).unwrap().len();
    assert!(bytes.abs_diff(5_000_000) <= 250_000, "{bytes}");
    assert!(std::fs::metadata(&packed).unwrap().len() < bytes / 5);
    // Both hold the same text.
    let inflated = |path: &Path| {
        let ran = run(&["report", text(path), "--format", "json"]);
        let mut report: Value = serde_json::from_str(&ran.out).unwrap();
        report["traces"][0]["file"] = Value::Null;
        report["traces"][0]["bytes"] = Value::Null;
        report
    };
    assert_eq!(inflated(&plain), inflated(&packed));
    assert_eq!(
        std::fs::read(&plain).unwrap(),
        trace(&Options {
            seed: 3,
            ..Options::wide(Target::Bytes(5_000_000))
        })
    );
}

#[test]
fn every_file_of_the_corpus_is_survived() {
    for under in ["gaudi", "malformed"] {
        for path in corpus::files(under) {
            let ran = run(&["report", text(&path), "--format", "json"]);
            match ran.code {
                0 => drop(serde_json::from_str::<Value>(&ran.out).unwrap()),
                2 => assert_eq!(ran.err.lines().count(), 1, "{}: {}", path.display(), ran.err),
                other => panic!("{} ended with {other}: {}", path.display(), ran.err),
            }
            assert!(!ran.err.contains("panicked"), "{}", ran.err);
        }
    }
}

#[test]
fn a_report_leaves_out_what_it_is_told_to() {
    let (_dir, path) = file("t.json", &trace(&short()));
    let report = |args: &[&str]| -> Value {
        let mut all = vec!["report", text(&path), "--format", "json"];
        all.extend(args);
        let ran = run(&all);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        report["traces"][0].clone()
    };
    let whole = report(&[]);
    let start = whole["start_ns"].as_i64().unwrap();
    let ms = (whole["end_ns"].as_i64().unwrap() - start) / 1_000_000;
    let notes = |trace: &Value| trace["notes"].to_string();
    assert!(!notes(&whole).contains("on request"));

    let no_python = report(&["--leave-out", "python_function", "--leave-out", "cpu_op"]);
    assert!(
        notes(&no_python).contains(" python_function events were left out on request."),
        "{}",
        notes(&no_python)
    );
    assert!(notes(&no_python).contains(" cpu_op events were left out on request."));
    assert!(no_python["events"].as_u64() < whole["events"].as_u64());
    assert_eq!(no_python["python"], serde_json::json!([]));
    assert_eq!(no_python["defects"], whole["defects"]);

    let (from, to) = ((ms / 3).to_string(), format!("{}.5", ms / 2));
    let middle = report(&["--from", &from, "--to", &to]);
    assert!(notes(&middle).contains("from the start of the trace were left out on request."));
    let steps = |trace: &Value| trace["steps"].as_array().unwrap().len();
    assert!(steps(&middle) > 0 && steps(&middle) < steps(&whole));
    let window = start + ms / 3 * 1_000_000..start + ms / 2 * 1_000_000 + 500_000;
    for step in middle["steps"].as_array().unwrap() {
        let at = step["start_ns"].as_i64().unwrap();
        let end = at + step["dur_ns"].as_i64().unwrap();
        assert!(at < window.end && end > window.start, "{step}");
    }
    // Nothing but what a report of the rest says of the rest.
    let rest = report(&["--from", &to]);
    assert!(notes(&rest).contains("events before "), "{}", notes(&rest));

    let wrong = run(&["report", text(&path), "--from", "soon"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("expected milliseconds"), "{}", wrong.err);
}

/// The events of a trace in a file, gzipped or not, by another reader.
fn events_in(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap();
    let mut text = Vec::new();
    let mut inflater = stepscope::session::Inflater::default();
    inflater.feed(&bytes, &mut |piece| text.extend_from_slice(piece));
    let document: Value = serde_json::from_slice(&text).unwrap();
    document["traceEvents"].as_array().unwrap().clone()
}

#[test]
fn a_slice_is_a_smaller_trace_and_says_what_was_kept() {
    let json = trace(&short());
    let (dir, path) = file("t.json.gz", &gzipped(&json));
    let all = events_in(&path).len();
    let out = dir.path().join("cut.json.gz");
    let slice = |args: &[&str]| {
        let mut all = vec!["slice", text(&path), "--out", text(&out)];
        all.extend(args);
        run(&all)
    };
    let ran = slice(&["--step", "5..6"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let kept = events_in(&out);
    let own = kept.iter().filter(|e| e["cat"] == "stepscope").count();
    let says = format!(
        "{} of {} events kept, {own} of our own added; ",
        kept.len() - own,
        grouped(all)
    );
    assert!(ran.out.contains(&says), "{says:?} in {}", ran.out);
    assert!(own > 10 && kept.len() < all / 2, "{own} of {}", kept.len());
    let steps: Vec<&Value> = kept
        .iter()
        .filter(|e| e["args"].get("step").is_some_and(|s| s == 5 || s == 6))
        .collect();
    assert!(steps.len() >= 2);

    // Compressed or not is told by the name, or asked for.
    assert_eq!(std::fs::read(&out).unwrap()[..2], [0x1f, 0x8b]);
    assert_eq!(slice(&["--step", "5..6", "--plain"]).code, 0);
    assert_eq!(std::fs::read(&out).unwrap()[0], b'{');
    assert_eq!(events_in(&out), kept);

    for args in [
        &["--compile", "1"][..],
        &["--gap", "1", "--margin", "0.5"],
        &["--from", "10", "--to", "20.5"],
    ] {
        let ran = slice(args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        assert!(events_in(&out).len() < all, "{args:?}");
    }
    let ran = slice(&[
        "--no-own-tracks",
        "--keep-category",
        "python_function",
        "--tracks",
        "python",
    ]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let python = events_in(&out);
    assert!(
        python
            .iter()
            .all(|e| e["ph"] == "M" || e["cat"] == "python_function")
    );
    assert!(ran.out.contains(" of other categories"), "{}", ran.out);
    // Nothing but the cut-out is left behind.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

fn grouped(n: usize) -> String {
    stepscope::base::show::count(n as u64)
}

#[test]
fn a_slice_that_cannot_be_says_why_in_one_line() {
    let (dir, path) = file("t.json", &trace(&short()));
    let out = dir.path().join("cut.json");
    let cases: [(&[&str], &str); 9] = [
        (&["--from", "5", "--to", "5"], "the stretch is empty"),
        (&["--from", "900000"], "nothing of the trace lies in this stretch"),
        (&["--step", "4000"], "there is no such step: the trace has "),
        (&["--compile", "0"], "there is no such compile"),
        (&["--gap", "100000"], "there is no such gap"),
        (
            &["--tracks", "no such thread"],
            "no process or thread of the trace is called no such thread",
        ),
        (&["--keep-category", "none"], "nothing of the trace is left"),
        (&["--step", "6..5"], "the last step comes before the first"),
        (&["--step", "1", "--from", "2"], "cannot be used with"),
    ];
    for (args, says) in cases {
        let mut all = vec!["slice", text(&path), "--out", text(&out)];
        all.extend(args);
        let ran = run(&all);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
        assert!(!out.exists(), "{args:?}");
    }
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing half-written"
    );

    let before = std::fs::read(&path).unwrap();
    let ran = run(&["slice", text(&path), "--out", text(&path)]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("this is the trace itself"), "{}", ran.err);
    assert!(std::fs::read(&path).unwrap() == before);
    let missing = dir.path().join("missing.json");
    let ran = run(&["slice", text(&missing), "--out", text(&out)]);
    assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{}", ran.err);
    assert!(ran.err.contains("missing.json: "), "{}", ran.err);
    let ran = run(&[
        "slice",
        text(&path),
        "--out",
        text(&dir.path().join("no folder/cut.json")),
    ]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("writing "), "{}", ran.err);
}

#[test]
fn shells_and_the_manual_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let out = Command::cargo_bin("stepscope")
            .unwrap()
            .args(["completions", shell])
            .output()
            .unwrap();
        assert!(out.status.success());
        assert!(
            String::from_utf8(out.stdout).unwrap().contains("fail-if"),
            "{shell}"
        );
    }
    let out = Command::cargo_bin("stepscope")
        .unwrap()
        .arg("man")
        .output()
        .unwrap();
    assert!(String::from_utf8(out.stdout).unwrap().starts_with(".ie"));
}
