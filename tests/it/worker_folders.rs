//! The command line on folders and archives of workers. All invented.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use stepscope::synth::Gzip;

const STEPS: &str = "Device_id,Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage,Bubble\n\
    0,1,COMPUTING,20,5,25,30.0000004,150,0\n";
const KERNELS: &str = "Step Id,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Dim\n\
    1,mm,MatMulV3,AI_CORE,1736408883000000.125\t,40.5,0,8\n1,mm,MatMulV3,AI_CORE,1736408883000050.125\t,9.5,9.5,8\n";
const TRACE: &str = r#"[{"ph":"M","name":"process_name","pid":1024,"tid":0,"args":{"name":"Ascend Hardware"}},
{"ph":"X","name":"mm","pid":1024,"tid":2,"ts":"1736408883000000.125","dur":40.5,"args":{}},
{"ph":"X","name":"mm","pid":1024,"tid":2,"ts":"1736408883000050.125","dur":9.5,"args":{}}]"#;

/// Files of two workers; the second computes longer and has no trace.
fn files() -> Vec<(String, String)> {
    let output = |worker: &str, file: &str| format!("run/{worker}/ASCEND_PROFILER_OUTPUT/{file}");
    vec![
        (output("a_ascend_pt", "kernel_details.csv"), KERNELS.to_owned()),
        (
            output("a_ascend_pt", "step_trace_time.csv"),
            STEPS.replace("COMPUTING", "50"),
        ),
        (output("a_ascend_pt", "trace_view.json"), TRACE.to_owned()),
        (
            "run/a_ascend_pt/profiler_info_4.json".to_owned(),
            "{\"profiler_parameters\":{}}".to_owned(),
        ),
        (
            output("b_ascend_ms", "step_trace_time.csv"),
            STEPS.replace("COMPUTING", "70"),
        ),
        ("run/b_ascend_ms/PROF_1/host/x".to_owned(), "raw".to_owned()),
    ]
}

fn tar_of(files: &[(String, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, text) in files {
        let mut block = vec![0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        block[148..156].fill(b' ');
        block[156] = b'0';
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(block);
        out.extend(text.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    out
}

fn write(folder: &Path, files: &[(String, String)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn report(path: &Path) -> Value {
    report_with(path, &[])
}

fn report_with(path: &Path, options: &[&str]) -> Value {
    let run = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .args(["report", "--format", "json"])
        .args(options)
        .arg(path)
        .assert()
        .success();
    serde_json::from_slice(&run.get_output().stdout).unwrap()
}

#[test]
fn a_folder_a_tar_and_a_compressed_tar_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &files());
    let from_folder = report(&dir.path().join("run"));
    let tar = tar_of(&files());
    std::fs::write(dir.path().join("run.tar"), &tar).unwrap();
    let mut gzip = Gzip::new(std::fs::File::create(dir.path().join("run.tgz")).unwrap(), 6).unwrap();
    std::io::Write::write_all(&mut gzip, &tar).unwrap();
    gzip.finish().unwrap();
    for archive in ["run.tar", "run.tgz"] {
        assert_eq!(report(&dir.path().join(archive)), from_folder, "{archive}");
    }

    let a = &from_folder["traces"][0];
    assert_eq!(a["file"], "a_ascend_pt/trace_view.json");
    assert_eq!(
        (&a["format"], &a["device_kind"], &a["rank"]),
        (&"ascend".into(), &"npu".into(), &4.into())
    );
    assert_eq!(a["start_ns"], 1_736_408_883_000_000_125_i64);
    assert_eq!(a["beside"]["kernel_details"]["in_timeline"], 2);
    assert_eq!(a["beside"]["operator_statistics_source"], "kernels");
    assert_eq!(a["beside"]["operator_statistics"][0]["total_ns"], 50_000);
    assert_eq!(a["beside"]["step_breakdown"][0]["free_ns"], 30_000);
    let b = &from_folder["traces"][1];
    assert_eq!((&b["events"], &b["start_ns"]), (&0.into(), &Value::Null));
    let workers = &from_folder["workers"];
    assert_eq!(workers["slow"], 1);
    assert_eq!(workers["rows"][1]["name"], "b_ascend_ms");
    assert!(
        workers["says"]
            .as_str()
            .unwrap()
            .starts_with("b_ascend_ms is the slow one: it computes for 70")
    );
}

/// A stretch counts from the start of each trace, in a folder and in an archive as in a file given by itself.
#[test]
fn a_stretch_of_time_cuts_the_traces_of_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &files());
    std::fs::write(dir.path().join("run.tar"), tar_of(&files())).unwrap();
    std::fs::write(dir.path().join("alone.json"), TRACE).unwrap();
    for (options, n_tasks, start_ns) in [
        (&[][..], 2, 1_736_408_883_000_000_125_i64),
        (&["--from", "0.045"], 1, 1_736_408_883_000_050_125),
        (&["--to", "0.045"], 1, 1_736_408_883_000_000_125),
        (&["--from", "0.01", "--to", "0.055"], 2, 1_736_408_883_000_000_125),
    ] {
        let alone = report_with(&dir.path().join("alone.json"), options);
        assert_eq!(alone["traces"][0]["start_ns"], start_ns, "{options:?}");
        for given in ["run", "run.tar"] {
            let json = report_with(&dir.path().join(given), options);
            let a = &json["traces"][0];
            assert_eq!(a["start_ns"], start_ns, "{given} {options:?}");
            assert_eq!(a["events"], alone["traces"][0]["events"], "{given} {options:?}");
            assert_eq!(
                a["beside"]["kernel_details"]["in_timeline"], n_tasks,
                "{given} {options:?}"
            );
            // The tables are whole, and it is said.
            assert_eq!(a["beside"]["kernel_details"]["rows"], 2);
            let notes = a["notes"].as_array().unwrap().iter().filter_map(Value::as_str);
            let says = notes.filter(|n| n.starts_with("The profiler's tables are of the whole recording"));
            assert_eq!(
                says.count(),
                usize::from(!options.is_empty()),
                "{given} {options:?}"
            );
            assert_eq!(json["workers"]["rows"].as_array().unwrap().len(), 2);
        }
    }
}

/// Invented, in the form of msprof-analyze: two stages of two ranks, of each part the longest.
const CLUSTER: &str = "Step,Type,Index,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage,Bubble,\
    Communication(Not Overlapped and Exclude Receive),Preparing\n\
    7,rank,0,80000.5,100,5,105,1400000.25,1,0,100,1\n\
    7,rank,1,81662.2,90,5,95,1488610.06,1,0,90,1\n\
    7,rank,2,60000,300,5,305,1400000,1,0,300,1\n\
    7,rank,3,60001,290,5,295,1400001,1,0,290,1\n\
    7,stage,\"(0, 1)\",81662.2,100,5,105,1488610.06,1,0,100,1\n\
    7,stage,\"(2, 3)\",60001,300,5,305,1400001,1,0,300,1\n";

#[test]
fn a_table_of_all_workers_is_their_comparison() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("mine.csv".to_owned(), CLUSTER.to_owned())]);
    let json = report(&dir.path().join("mine.csv"));
    let workers = &json["workers"];
    let of = |rows: &str, key: &str| -> Vec<Value> {
        let rows = workers[rows].as_array().unwrap().iter();
        rows.map(|row| row[key].clone()).collect()
    };
    assert_eq!(of("rows", "rank"), [0, 1, 2, 3]);
    assert_eq!(
        of("rows", "computing_ns"),
        [80_000_500, 81_662_200, 60_000_000, 60_001_000]
    );
    assert_eq!(of("rows", "source"), ["cluster"; 4]);
    assert_eq!(of("stages", "name"), ["stage (0, 1)", "stage (2, 3)"]);
    assert_eq!(of("stages", "rank"), [Value::Null, Value::Null]);
    // Stage rows hold the longest of their ranks.
    for (i, ranks) in [[0, 1], [2, 3]].into_iter().enumerate() {
        for key in [
            "computing_ns",
            "communication_not_overlapped_ns",
            "overlapped_ns",
            "free_ns",
        ] {
            let longest = ranks
                .map(|r| workers["rows"][r][key].as_i64().unwrap())
                .into_iter()
                .max();
            assert_eq!(workers["stages"][i][key].as_i64(), longest, "{key}");
        }
    }
    assert_eq!(workers["stages"][0]["free_ns"], 1_488_610_060);
    assert!(
        workers["says"]
            .as_str()
            .unwrap()
            .starts_with("rank 1 is the slow one: it computes for 81.7 ms")
    );
    assert_eq!(json["traces"][0]["beside"]["missing"], serde_json::json!([]));

    // Beside the workers that it was made from, it says nothing again.
    let mut beside = files();
    beside.push((
        "run/cluster_analysis_output/cluster_step_trace_time.csv".to_owned(),
        CLUSTER.to_owned(),
    ));
    write(dir.path(), &beside);
    let json = report(&dir.path().join("run"));
    assert_eq!(json["workers"]["rows"].as_array().unwrap().len(), 2);
    assert_eq!(json["workers"]["rows"][0]["rank"], 4);
}

#[test]
fn what_was_not_analysed_says_what_to_run() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[("w_ascend_pt/PROF_1/device_0/data".to_owned(), "raw".to_owned())],
    );
    let json = report(&dir.path().join("w_ascend_pt"));
    let missing = json["traces"][0]["beside"]["missing"][0].as_str().unwrap();
    assert!(
        missing.contains("torch_npu.profiler.profiler.analyse(path)"),
        "{missing}"
    );
    assert!(json.get("workers").is_none());
}

#[test]
fn a_table_alone_opens_whatever_its_name() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("mine.txt".to_owned(), KERNELS.to_owned())]);
    let json = report(&dir.path().join("mine.txt"));
    let details = &json["traces"][0]["beside"]["kernel_details"];
    assert_eq!(
        (&details["rows"], &details["kernel_ns"]),
        (&2.into(), &50_000.into())
    );
}

#[test]
fn a_folder_or_archive_without_anything_to_read_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("x.tar"),
        tar_of(&[("a/b.txt".to_owned(), "text".to_owned())]),
    )
    .unwrap();
    let run = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .arg("check")
        .arg(dir.path().join("x.tar"))
        .assert()
        .code(2);
    let says = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(
        says.contains("no trace and no table of a profiler is in this archive"),
        "{says}"
    );
}
