//! The fuzz stage: builds `tests/fuzz` with libFuzzer and runs each target for a while.
//!
//! Coverage comes from flags of stable rustc, the same as cargo-fuzz passes, so no nightly toolchain is needed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use xtask::child::{self, Ended, Tests};
use xtask::{root, tools};

const TARGETS: [&str; 3] = ["inflate", "scan", "session"];

/// Seconds a target, unless `STEPSCOPE_FUZZ_SECONDS` says otherwise.
const SECONDS: u32 = 12;

/// What makes the compiler count edges and pass compared values to libFuzzer.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

pub fn run() -> Result<Ended> {
    tools::cxx()?;
    let seconds = match std::env::var("STEPSCOPE_FUZZ_SECONDS") {
        Ok(text) => text
            .parse()
            .context("STEPSCOPE_FUZZ_SECONDS is no whole number")?,
        Err(_) => SECONDS,
    };
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
                "--bin",
                "inflate",
                "--bin",
                "scan",
                "--bin",
                "session",
            ])
            .args(["--target", &host, "--target-dir"])
            .arg(folder.join("build"))
            .env("RUSTFLAGS", COVERAGE),
    )?;

    let mut ended = Ended {
        ok: true,
        tests: Tests::default(),
    };
    for target in TARGETS {
        let program = folder.join("build").join(&host).join("ci").join(target);
        match fuzz(&program, target, &folder, seconds)? {
            Outcome::Held { runs } => {
                println!("{target}: {runs} runs in {seconds} s, every promise held");
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

enum Outcome {
    Held { runs: u64 },
    Broke { artifact: String },
}

fn fuzz(program: &Path, target: &str, folder: &Path, seconds: u32) -> Result<Outcome> {
    let artifacts = folder.join("artifacts").join(target);
    let found = folder.join("found").join(target);
    std::fs::create_dir_all(&artifacts)?;
    // What a run finds interesting is kept beside the seeds, so that a longer run goes on where it was.
    std::fs::create_dir_all(&found)?;
    let mut command = child::command(&program.to_string_lossy());
    command
        .args([&found, &folder.join("corpus").join(target)])
        .arg(format!("-dict={}", folder.join("corpus/words").display()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
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
