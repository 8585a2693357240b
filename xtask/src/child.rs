//! Running a child process: its command line is shown, its output is passed on line by line, and the test
//! results in it are added up.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal};
use std::ops::AddAssign;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many tests ran, by their own report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    pub passed: u64,
    pub failed: u64,
    /// Ended early, for want of something that is not part of the project.
    pub skipped: u64,
}

impl AddAssign for Tests {
    fn add_assign(&mut self, more: Tests) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

impl Tests {
    /// Reads the last line of a test binary's report, of libtest and of wasm-bindgen-test alike:
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    pub fn from_line(line: &str) -> Option<Tests> {
        let counts = line.trim().strip_prefix("test result: ")?.split_once(". ")?.1;
        let count = |word: &str| {
            counts
                .split(';')
                .find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
        };
        Some(Tests {
            passed: count(" passed")?,
            failed: count(" failed")?,
            skipped: 0,
        })
    }

    /// Tests that say by themselves that they were skipped (tests/skipped.rs) have passed for libtest.
    fn skip(&mut self, list: &Path) {
        let names = fs::read_to_string(list).unwrap_or_default();
        let names: BTreeSet<&str> = names.lines().collect();
        self.skipped = names.len() as u64;
        self.passed = self.passed.saturating_sub(self.skipped);
        // Nobody reads it any more.
        drop(fs::remove_file(list));
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub ok: bool,
    pub tests: Tests,
}

/// A command with colours as the terminal of *this* process has them: a child sees a pipe.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    if std::env::var_os("CARGO_TERM_COLOR").is_none() {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        command.env("CARGO_TERM_COLOR", if colour { "always" } else { "never" });
    }
    command.current_dir(crate::root());
    command
}

/// Where a child's tests write that they were skipped.
fn list_of_skipped(of: &str) -> Result<PathBuf> {
    let folder = crate::root().join("target");
    fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    Ok(folder.join(format!("skipped{of}-{}", std::process::id())))
}

/// Runs to the end; the child's standard output is passed on as it comes.
pub fn run(command: &mut Command) -> Result<Ended> {
    println!("$ {}", shown(command));
    let list = list_of_skipped("")?;
    let mut child = command
        .env("STEPSCOPE_SKIPPED", &list)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", command.get_program().display()))?;
    let mut tests = Tests::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("the child's output could not be read")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            if let Some(found) = Tests::from_line(&plain(&line)) {
                tests += found;
            }
        }
    }
    let ok = child.wait()?.success();
    tests.skip(&list);
    Ok(Ended { ok, tests })
}

/// Runs to the end; anything but success is an error.
pub fn must(command: &mut Command) -> Result<()> {
    if run(command)?.ok {
        return Ok(());
    }
    bail!("`{}` failed; its own words are above", shown(command))
}

/// Whether the command succeeds within `limit`; it is stopped when the time is over.
pub fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    println!("$ {}   (at most {} s)", shown(command), limit.as_secs());
    let Ok(mut child) = command.stdin(Stdio::null()).spawn() else {
        return false;
    };
    let start = Instant::now();
    while start.elapsed() < limit {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            Err(_) => break,
        }
    }
    // Both may fail only if it has ended by itself, just now.
    let _ = child.kill();
    let _ = child.wait();
    println!("stopped after {} s", limit.as_secs());
    false
}

/// What a quick question to a program gives; `None` if there is no such program, or it fails.
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `12.3 s`
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn shown(command: &Command) -> String {
    let mut text = String::new();
    for (name, value) in command.get_envs() {
        let name = name.to_string_lossy();
        // The rest is noise: PATH and colours are the same for all.
        if let (Some(value), true) = (
            value,
            name.starts_with("RUSTUP_") || name.starts_with("STEPSCOPE_"),
        ) {
            let _ = write!(text, "{name}={} ", value.display());
        }
    }
    let _ = write!(text, "{}", command.get_program().display());
    for argument in command.get_args() {
        let _ = write!(text, " {}", argument.display());
    }
    text
}

/// A line without its colours (`ESC [ … m`).
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_libtest_is_counted() {
        let line = "test result: FAILED. 41 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.0s";
        assert_eq!(
            Tests::from_line(line),
            Some(Tests {
                passed: 41,
                failed: 2,
                skipped: 0
            })
        );
    }

    #[test]
    fn a_report_of_wasm_bindgen_test_is_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.11s";
        let passed = Tests {
            passed: 3,
            ..Tests::default()
        };
        assert_eq!(Tests::from_line(line), Some(passed));
    }

    #[test]
    fn a_skipped_test_has_not_passed() {
        let list = list_of_skipped("-test").expect("a folder for what is built");
        fs::write(&list, "a::b\nc\na::b\n").expect("a temporary file");
        let mut tests = Tests {
            passed: 5,
            ..Tests::default()
        };
        tests.skip(&list);
        assert_eq!((tests.passed, tests.skipped), (3, 2));
        assert!(!list.exists());
    }

    #[test]
    fn other_lines_are_not_counted() {
        assert_eq!(Tests::from_line("test a_result ... ok"), None);
        assert_eq!(Tests::from_line("5 passed; 1 failed"), None);
    }

    #[test]
    fn colours_do_not_hide_a_report() {
        let line = "test result: \u{1b}[32mok\u{1b}[0m. 3 passed; 0 failed";
        assert_eq!(plain(line), "test result: ok. 3 passed; 0 failed");
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped() {
        let start = Instant::now();
        assert!(!succeeds_within(
            Command::new("sleep").arg("30"),
            Duration::from_millis(200)
        ));
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
