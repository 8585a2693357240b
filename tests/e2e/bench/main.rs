//! `cargo xtask bench`: what opening a trace costs, in the real browser, against what it could cost at least.
//!
//! Files are arguments; `--compare RESULT` also says what is worse than in an earlier run. Results stay in
//! `target/bench` as `result.json` and `result.md`.

mod measure;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use anyhow::{Context, Result};
use xtask::{child, page, root, tools};

use table::{Row, Run};

fn main() -> Result<()> {
    let mut before = None;
    let mut files = Vec::new();
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--compare" {
            let file = PathBuf::from(arguments.next().context("--compare wants a file")?);
            let text =
                fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            before = Some(Run::from_json(&text)?);
        } else {
            files.push(PathBuf::from(argument));
        }
    }
    let load = load();
    let mut rows = Vec::new();
    for file in &files {
        println!("{}", file.display());
        rows.push(measure::measure(file));
    }
    let mut about = about();
    about.insert("load before".into(), load);
    let run = Run {
        about,
        rows,
        shipped: shipped(),
    };
    let folder = root().join("target/bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("result.json"), format!("{:#}\n", run.to_json()))?;
    let text = run.markdown();
    fs::write(folder.join("result.md"), &text)?;
    println!("\n{text}");
    if let Some(before) = before {
        let worse = run.worse_than(&before);
        if worse.is_empty() {
            println!("Nothing is worse by more than 10 % than it was.");
        }
        for line in worse {
            println!("worse: {line}");
        }
    }
    Ok(())
}

/// Bytes of the WebAssembly that is shipped, as it is and packed. What there is no program for is left out.
fn shipped() -> Row {
    let mut row = Row::new("bytes".into());
    for (name, file) in [("page", "app_bg.wasm"), ("worker", "worker_bg.wasm")] {
        let file = page::dist().join(file);
        row.set(name, fs::metadata(&file).ok().map(|m| m.len() as f64));
        row.set(&format!("{name}_gzip"), packed("gzip", &["-9", "-c"], &file));
        row.set(
            &format!("{name}_brotli"),
            packed("brotli", &["-q", "11", "-c"], &file),
        );
    }
    row
}

fn packed(program: &str, how: &[&str], file: &Path) -> Option<f64> {
    let mut command = Command::new(program);
    let Ok(done) = command.args(how).arg(file).stdin(Stdio::null()).output() else {
        eprintln!("there is no program {program}: how small it packs is left out");
        return None;
    };
    done.status.success().then_some(done.stdout.len() as f64)
}

fn about() -> BTreeMap<String, String> {
    let mut about = BTreeMap::new();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let cores = thread::available_parallelism().map_or(0, usize::from);
    about.insert("machine".into(), format!("{model}, {cores} cores"));
    let browser = tools::find_browser()
        .and_then(|browser| child::answer(Command::new(browser.program).arg("--version")))
        .unwrap_or_default();
    about.insert("browser".into(), browser);
    let date = child::answer(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
    about.insert("date".into(), date);
    about.insert("load after".into(), load());
    about
}

/// Means of one, five and fifteen minutes.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
