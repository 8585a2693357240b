//! The fuzz stage: builds `tests/fuzz` with libFuzzer and runs each target.
//!
//! As a part of the tests it makes a fixed number of runs from the seeds alone, whatever was searched before
//! (addresses and hash seeds still make two runs differ). With `STEPSCOPE_FUZZ_SECONDS` it searches that long in all,
//! each target a part of it, and goes on where the last search was.
//!
//! Coverage comes from flags of stable rustc, the same as cargo-fuzz passes, so no nightly toolchain is needed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use xtask::child::{self, Ended, Tests};
use xtask::{root, tools};

/// With the runs that take about 12 s.
const TARGETS: [(&str, u32); 5] = [
    ("inflate", 60_000),
    ("scan", 400_000),
    ("session", 10_000),
    ("bundle", 25_000),
    ("opening", 8_000),
];

/// Seconds after which a target ends, however few its runs were.
const MOST_SECONDS: u32 = 60;

/// What makes the compiler count edges and pass compared values to libFuzzer.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

pub fn run() -> Result<Ended> {
    tools::cxx()?;
    let seconds: Option<u32> = std::env::var("STEPSCOPE_FUZZ_SECONDS")
        .ok()
        .map(|text| text.parse())
        .transpose()
        .context("STEPSCOPE_FUZZ_SECONDS is no whole number")?;
    let host = child::answer(Command::new("rustc").args(["--print", "host-tuple"]))
        .context("rustc does not say what machine this is")?;
    let folder = root().join("target/fuzz");

    child::must(
        child::command("cargo")
            .args(["run", "--quiet", "--profile", "ci", "--package", "stepscope-fuzz"])
            .args([
                "--bin".as_ref(),
                "seeds".as_ref(),
                folder.join("corpus").as_os_str(),
            ]),
    )?;
    // With --target the flags are for the program alone, not for procedural macros and build scripts.
    child::must(
        child::command("cargo")
            .args([
                "build",
                "--profile",
                "ci",
                "--package",
                "stepscope-fuzz",
                "--features",
                "libfuzzer",
            ])
            .args(TARGETS.iter().flat_map(|(target, _)| ["--bin", target]))
            .args(["--target", &host, "--target-dir"])
            .arg(folder.join("build"))
            .env("RUSTFLAGS", COVERAGE),
    )?;

    // libFuzzer takes 0 for no limit.
    let each = seconds.map(|all| (all / TARGETS.len() as u32).max(1));
    let mut ended = Ended {
        ok: true,
        tests: Tests::default(),
    };
    for (target, runs) in TARGETS {
        let program = folder.join("build").join(&host).join("ci").join(target);
        let until = each.map_or(Until::Runs(runs), Until::Seconds);
        match fuzz(&program, target, &folder, until)? {
            Outcome::Held { runs } => {
                println!("{target}: {runs} runs, every promise held");
                ended.tests.passed += 1;
            }
            Outcome::Broke { artifact } => {
                println!(
                    "{target}: broken. To see it again: {} {artifact}",
                    program.display()
                );
                ended.tests.failed += 1;
                ended.ok = false;
            }
        }
    }
    Ok(ended)
}

#[derive(Clone, Copy)]
enum Until {
    Runs(u32),
    Seconds(u32),
}

enum Outcome {
    Held { runs: u64 },
    Broke { artifact: String },
}

fn fuzz(program: &Path, target: &str, folder: &Path, until: Until) -> Result<Outcome> {
    let artifacts = folder.join("artifacts").join(target);
    let found = folder.join("found").join(target);
    std::fs::create_dir_all(&artifacts)?;
    let mut command = child::command(&program.to_string_lossy());
    match until {
        Until::Seconds(seconds) => {
            // What a search finds interesting is kept beside the seeds.
            std::fs::create_dir_all(&found)?;
            command.arg(found).arg(format!("-max_total_time={seconds}"));
        }
        Until::Runs(runs) => {
            // libFuzzer adds what it finds to the first folder it is given: an empty one, then, each time.
            let scratch = folder.join("scratch").join(target);
            drop(std::fs::remove_dir_all(&scratch));
            std::fs::create_dir_all(&scratch)?;
            command
                .arg(scratch)
                .arg(format!("-runs={runs}"))
                .arg(format!("-max_total_time={MOST_SECONDS}"));
        }
    }
    command
        .arg(folder.join("corpus").join(target))
        .arg(format!("-dict={}", folder.join("corpus/words").display()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-seed=1", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024"])
        .args(["-print_final_stats=1", "-verbosity=0"]);
    let output = command
        .output()
        .with_context(|| format!("could not start {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let runs = said.lines().find_map(|line| {
            line.strip_prefix("stat::number_of_executed_units:")?
                .trim()
                .parse()
                .ok()
        });
        return Ok(Outcome::Held {
            runs: runs.context("libFuzzer does not say how many runs it made")?,
        });
    }
    print!("{said}");
    let written = said
        .lines()
        .rev()
        .find_map(|line| line.split_once("Test unit written to "));
    Ok(Outcome::Broke {
        artifact: written.map_or_else(|| "(no file was written)".to_owned(), |(_, path)| path.to_owned()),
    })
}
