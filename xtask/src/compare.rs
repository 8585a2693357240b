//! `cargo xtask compare`: the reports of two builds, file by file. Run before and after every change of meaning: what
//! differs is what the change did.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::root;

#[derive(clap::Args)]
pub struct Arguments {
    /// The `stepscope` of before.
    old: PathBuf,
    /// The `stepscope` of now.
    new: PathBuf,
    /// A folder of traces, or one file. Else STEPSCOPE_CORPUS, else `../shared/traces` beside the project.
    corpus: Option<PathBuf>,
    /// Larger files are left out.
    #[arg(long, value_name = "BYTES", default_value_t = 20_000_000)]
    largest: u64,
}

/// What became of one file.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Equal,
    /// Neither build finds a report in it, and both say so in the same words.
    NoReport,
    /// One line: where.
    Differs(String),
}

/// `Ok(false)`: reports differ.
pub fn run(arguments: &Arguments) -> Result<bool> {
    for binary in [&arguments.old, &arguments.new] {
        ensure!(binary.is_file(), "there is no program {}", binary.display());
    }
    let corpus = match (&arguments.corpus, env::var_os("STEPSCOPE_CORPUS")) {
        (Some(given), _) => given.clone(),
        (None, Some(set)) => PathBuf::from(set),
        (None, None) => root().join("../shared/traces"),
    };
    ensure!(corpus.exists(), "there are no traces at {}", corpus.display());
    let mut inputs = Vec::new();
    walk(&corpus, arguments.largest, &mut inputs)?;
    inputs.sort();
    let (mut equal, mut differ, mut none) = (0, 0, 0);
    for input in &inputs {
        match compare(&arguments.old, &arguments.new, input)? {
            Outcome::Equal => equal += 1,
            Outcome::NoReport => none += 1,
            Outcome::Differs(whereabouts) => {
                differ += 1;
                let name = input.strip_prefix(&corpus).unwrap_or(input);
                println!("{}: {whereabouts}", name.display());
            }
        }
    }
    println!("{equal} reports are equal, {differ} differ; {none} inputs have no report");
    Ok(differ == 0)
}

/// Files that are not too large, and the folders of workers as a whole.
fn walk(path: &Path, largest: u64, out: &mut Vec<PathBuf>) -> Result<()> {
    let about = fs::metadata(path).with_context(|| format!("there is no {}", path.display()))?;
    if about.is_file() {
        if about.len() <= largest {
            out.push(path.to_owned());
        }
        return Ok(());
    }
    if is_worker(path) {
        out.push(path.to_owned());
    }
    for entry in fs::read_dir(path)? {
        let inner = entry?.path();
        // A link that leads nowhere is no trace.
        if inner.exists() {
            walk(&inner, largest, out)?;
        }
    }
    Ok(())
}

/// A worker's folder, as Ascend's profilers name it.
fn is_worker(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ["_ascend_pt", "_ascend_ms"].iter().any(|end| name.ends_with(end))
}

fn compare(old: &Path, new: &Path, input: &Path) -> Result<Outcome> {
    // Both at once: most of the time goes into the largest files.
    let [old, new] = [start(old, input)?, start(new, input)?];
    let new = std::thread::spawn(move || new.wait_with_output());
    let old = old.wait_with_output()?;
    let new = new
        .join()
        .map_err(|_| anyhow::anyhow!("reading the output failed"))??;
    Ok(outcome(&old, &new))
}

fn start(binary: &Path, input: &Path) -> Result<std::process::Child> {
    let mut command = Command::new(binary);
    command.arg("report").arg(input).args(["--format", "json"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", binary.display()))
}

fn outcome(old: &Output, new: &Output) -> Outcome {
    if old.status.code() != new.status.code() {
        return Outcome::Differs(format!("ended with {}, now with {}", old.status, new.status));
    }
    if old.stderr != new.stderr {
        let says = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            text.lines().next().unwrap_or("nothing").to_owned()
        };
        return Outcome::Differs(format!("said {:?}, now {:?}", says(old), says(new)));
    }
    match (&*old.stdout, &*new.stdout) {
        ([], []) => Outcome::NoReport,
        (old, new) if old == new => Outcome::Equal,
        (old, new) => Outcome::Differs(differing(old, new)),
    }
}

/// Where two reports differ first.
fn differing(old: &[u8], new: &[u8]) -> String {
    match (
        serde_json::from_slice::<Value>(old),
        serde_json::from_slice::<Value>(new),
    ) {
        (Ok(old), Ok(new)) => first_difference(&old, &new, "$")
            .unwrap_or_else(|| "the values are equal, their order or layout is not".to_owned()),
        _ => "no JSON".to_owned(),
    }
}

/// The path of the first difference, with both values.
fn first_difference(old: &Value, new: &Value, path: &str) -> Option<String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let gone = old.keys().find(|key| !new.contains_key(*key));
            let added = new.keys().find(|key| !old.contains_key(*key));
            let inner = old
                .iter()
                .find_map(|(key, value)| first_difference(value, new.get(key)?, &format!("{path}.{key}")));
            inner
                .or_else(|| gone.map(|key| format!("{path}.{key} is gone")))
                .or_else(|| added.map(|key| format!("{path}.{key} is new")))
        }
        (Value::Array(old), Value::Array(new)) => {
            let mut pairs = old.iter().zip(new).enumerate();
            let inner = pairs.find_map(|(i, (old, new))| first_difference(old, new, &format!("{path}[{i}]")));
            let lengths = (old.len() != new.len())
                .then(|| format!("{path} has {} items, now {}", old.len(), new.len()));
            inner.or(lengths)
        }
        _ if old == new => None,
        _ => Some(format!("{path} is {}, now {}", short(old), short(new))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_has_its_path() {
        let of = |old: &str, new: &str| differing(old.as_bytes(), new.as_bytes());
        let old = r#"{"a":[{"b":1},{"b":2}],"c":null}"#;
        assert_eq!(
            of(old, r#"{"a":[{"b":1},{"b":3}],"c":null}"#),
            "$.a[1].b is 2, now 3"
        );
        assert_eq!(of(old, r#"{"a":[{"b":1}],"c":null}"#), "$.a has 2 items, now 1");
        assert_eq!(of(old, r#"{"a":[{"b":1},{"b":2}]}"#), "$.c is gone");
        assert_eq!(of(old, r#"{"a":[{"b":1},{"b":2}],"c":null,"d":0}"#), "$.d is new");
        assert_eq!(
            of(old, r#"{"c":null,"a":[{"b":1},{"b":2}]}"#),
            "the values are equal, their order or layout is not"
        );
        assert_eq!(of(old, "hello"), "no JSON");
    }
}
