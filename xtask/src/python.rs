//! The python stage: builds the wheel, installs it into a virtual environment of its own, and runs the tests in
//! `python/tests` with the command line of the same profile beside it.
//!
//! The environment lies in `target/python` and is kept between runs. Where Python, or the packages that the tests read
//! tables with, cannot be had, the stage is skipped, and says why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::child::{self, Ended, Tests};
use xtask::root;

/// The profile of the whole test command: its command line is built already.
const PROFILE: &str = "ci";
/// What the tests need, pinned.
const REQUIREMENTS: &str = "python/tests/requirements.txt";
/// The oldest Python that the pinned packages run on.
const OLDEST: (u32, u32) = (3, 11);
/// A machine that cannot reach the packages may hang instead of failing.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

pub fn run() -> Result<Ended> {
    let folder = root().join("target/python");
    let python = match environment(&folder)? {
        Ok(python) => python,
        Err(why) => return Ok(skipped(&why)),
    };
    // Together, as the whole workspace is built: features of dependencies are those of the wheel then, and the engine is
    // not built twice.
    let packages = ["--package", "stepscope", "--package", "stepscope-python"];
    let mut cargo = child::command("cargo");
    cargo.args(["build", "--profile", PROFILE, "--bin", "stepscope"]);
    child::must(cargo.args(packages))?;
    let wheels = folder.join("wheels");
    // A wheel of an older build is not to be installed.
    if wheels.exists() {
        fs::remove_dir_all(&wheels).with_context(|| format!("removing {}", wheels.display()))?;
    }
    let mut maturin = module(&python, "maturin");
    maturin.args([
        "build",
        "--profile",
        PROFILE,
        "--manifest-path",
        "python/Cargo.toml",
    ]);
    maturin
        .arg("--interpreter")
        .arg(&python)
        .arg("--out")
        .arg(&wheels);
    // Without checks of which systems it runs on: it is tested here.
    child::must(maturin.args(["--compatibility", "linux"]))?;
    let mut install = module(&python, "pip");
    install.args([
        "install",
        "--quiet",
        "--force-reinstall",
        "--no-deps",
        "--no-index",
    ]);
    child::must(install.args(wheel(&wheels)?))?;
    let results = folder.join("results.xml");
    let mut tests = module(&python, "pytest");
    tests.args(["-q", "-p", "no:cacheprovider", "python/tests"]);
    tests.arg(format!("--junitxml={}", results.display()));
    tests.env("STEPSCOPE_BIN", command_line());
    tests.env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = child::run(&mut tests)?;
    let counted = fs::read_to_string(&results).ok().as_deref().and_then(counts);
    Ok(Ended {
        ok: ended.ok,
        tests: counted.context("pytest does not say how many tests ran")?,
    })
}

/// One stage that could not run counts as one skipped test.
fn skipped(why: &str) -> Ended {
    println!("skipped: {why}");
    Ended {
        ok: true,
        tests: Tests {
            skipped: 1,
            ..Tests::default()
        },
    }
}

/// The interpreter of an environment with what the tests need, or why there is none.
fn environment(folder: &Path) -> Result<std::result::Result<PathBuf, String>> {
    let python = folder.join("bin/python");
    let marker = folder.join("requirements.txt");
    let wanted = fs::read_to_string(root().join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let is_there = || child::answer(Command::new(&python).arg("--version")).is_some();
    if is_there() && fs::read_to_string(&marker).is_ok_and(|has| has == wanted) {
        return Ok(Ok(python));
    }
    let (major, minor) = OLDEST;
    let version = format!("import sys; print(sys.version_info >= ({major}, {minor}))");
    match child::answer(Command::new("python3").args(["-c", &version])).as_deref() {
        None => return Ok(Err("there is no python3 on this machine".to_owned())),
        Some("True") => {}
        Some(_) => {
            return Ok(Err(format!(
                "the packages that read tables need Python {major}.{minor} or later"
            )));
        }
    }
    if child::answer(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_none() {
        return Ok(Err(
            "python3 has no venv here (Debian: `apt-get install python3-venv`)".to_owned(),
        ));
    }
    fs::create_dir_all(folder)?;
    let mut venv = child::command("python3");
    child::must(venv.args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut install = module(&python, "pip");
    install.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        REQUIREMENTS,
    ]);
    if !child::succeeds_within(&mut install, DOWNLOAD_LIMIT) {
        let why = format!("the packages of {REQUIREMENTS} could not be installed");
        return Ok(Err(why));
    }
    fs::write(&marker, wanted)?;
    Ok(Ok(python))
}

/// `python -m MODULE` in the clone.
fn module(python: &Path, name: &str) -> Command {
    let mut command = child::command(&python.to_string_lossy());
    command.args(["-m", name]);
    command
}

fn wheel(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no wheel in {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    paths.collect()
}

fn command_line() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let name = format!("stepscope{}", std::env::consts::EXE_SUFFIX);
    root().join(target).join(PROFILE).join(name)
}

/// What JUnit's summary of pytest counts.
fn counts(xml: &str) -> Option<Tests> {
    let suite = xml.split_once("<testsuite ")?.1.split_once('>')?.0;
    let count = |name: &str| {
        let value = suite.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
        value.parse::<u64>().ok()
    };
    let (failed, skipped) = (count("failures")? + count("errors")?, count("skipped")?);
    Some(Tests {
        passed: count("tests")?.saturating_sub(failed + skipped),
        failed,
        skipped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_pytest_are_counted() {
        let xml = r#"<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1"
            failures="2" skipped="3" tests="20" time="0.1"><testcase name="tests"/></testsuite></testsuites>"#;
        let found = Tests {
            passed: 14,
            failed: 3,
            skipped: 3,
        };
        assert_eq!(counts(xml), Some(found));
        assert_eq!(counts("<testsuites/>"), None);
    }
}
