//! One small trace of each kind of recording (`tests/data/`), made by the simulator, so that a clone without the real
//! traces tests something of each family; and the text report of each as a snapshot, so that a change of a word or of
//! a number is seen in review.
//!
//! `UPDATE_EXPECT=1 cargo test --test it data` writes both anew.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use expect_test::expect_file;
use stepscope::base::gzip;
use stepscope::ingest::Inflater;
use stepscope::synth::simulator::{Engine, Family, Files, Injection, simulate};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Name of the file without its ending, and the engine that it records.
fn recordings() -> Vec<(&'static str, Engine)> {
    const MS: i64 = 1_000_000;
    let synchronous = |family| Engine::of(family, false);
    let asynchronous = |family| Engine::of(family, true);
    vec![
        ("cuda_eager", synchronous(Family::CudaEager)),
        (
            "cuda_eager_slow_kernel",
            asynchronous(Family::CudaEager).with(Injection::SlowKernel, 60 * MS),
        ),
        ("cuda_graphs", asynchronous(Family::CudaGraphs)),
        (
            "cuda_graphs_no_requests",
            synchronous(Family::CudaGraphs).with(Injection::NoRequests, 300 * MS),
        ),
        ("rocm", synchronous(Family::Rocm)),
        (
            "rocm_sglang_two_ranks_merged",
            Engine {
                ranks: 2,
                files: Files::Merged,
                ..synchronous(Family::Rocm)
            },
        ),
        (
            "gaudi_lazy_compile",
            synchronous(Family::GaudiLazy).with(Injection::Compile, 400 * MS),
        ),
        ("gaudi_torch_compile", asynchronous(Family::GaudiCompile)),
        ("ascend", synchronous(Family::Ascend)),
        (
            "ascend_input_preparation",
            asynchronous(Family::Ascend).with(Injection::InputPreparation, 5 * MS),
        ),
    ]
}

/// As a reader sees it: the command line's own output. It names no machine, so it is the same everywhere.
fn text_report(file: &str) -> String {
    let out = assert_cmd::Command::cargo_bin("stepscope")
        .expect("the program of this package")
        .current_dir(folder())
        .args(["report", file])
        .output()
        .expect("it runs");
    assert!(
        out.status.success(),
        "{file}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("UTF-8")
}

#[test]
fn the_recordings_are_what_the_simulator_writes() {
    for (name, engine) in recordings() {
        let run = simulate(engine);
        assert_eq!(run.traces.len(), 1, "{name}");
        let path = folder().join(format!("{name}.json.gz"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let mut out = gzip::Gzip::new(Vec::new(), 9).expect("a vector takes all");
            out.write_all(run.traces[0].1.as_bytes())
                .expect("a vector takes all");
            fs::write(&path, out.finish().expect("a vector takes all")).expect("the folder of the data");
        }
        let file = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut inflater = Inflater::default();
        let mut text = Vec::new();
        inflater.feed(&file, &mut |piece| text.extend_from_slice(piece));
        // Not assert_eq: it would print both traces.
        assert!(
            text == run.traces[0].1.as_bytes(),
            "{name} is another trace than the simulator writes"
        );
    }
}

#[test]
fn each_recording_says_what_its_snapshot_says() {
    let mut n = 0;
    for entry in fs::read_dir(folder()).expect("the folder of the data") {
        let path = entry.expect("an entry").path();
        let file = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name");
        let Some(name) = file.strip_suffix(".json.gz").or(file.strip_suffix(".json")) else {
            continue;
        };
        expect_file![folder().join(format!("{name}.txt"))].assert_eq(&text_report(file));
        n += 1;
    }
    assert!(n > recordings().len(), "{n} recordings");
}

#[test]
fn the_recordings_are_small() {
    let sizes = fs::read_dir(folder()).expect("the folder of the data");
    let all: u64 = sizes
        .map(|entry| entry.and_then(|e| e.metadata()).expect("an entry").len())
        .sum();
    assert!(all <= 2 << 20, "{all} bytes");
}
