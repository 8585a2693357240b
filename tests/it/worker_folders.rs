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
    let run = Command::new(assert_cmd::cargo::cargo_bin!("stepscope"))
        .args(["report", "--format", "json"])
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
