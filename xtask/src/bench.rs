//! `cargo xtask bench`: the page in a real browser, on generated traces and on real ones.
//!
//! The figures go into `benches/README.md`, with machine and date.

use std::path::PathBuf;

use anyhow::Result;
use xtask::{child, page, root, tools};

#[derive(clap::Args)]
pub struct Arguments {
    /// Traces to open, beside the generated ones.
    files: Vec<PathBuf>,
    /// Sizes of generated traces, inflated.
    #[arg(long, value_delimiter = ',', default_value = "20MB,200MB")]
    sizes: Vec<String>,
    /// Measure what was built before.
    #[arg(long)]
    no_build: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let wasm = tools::wasm()?;
    tools::trunk()?;
    tools::browser()?;
    if arguments.no_build {
        page::must_be_built()?;
    } else {
        println!("[1/3] page: building it, in release mode");
        page::build(&wasm)?;
    }
    println!("[2/3] traces: generating {}", arguments.sizes.join(", "));
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let mut files = Vec::new();
    for size in &arguments.sizes {
        let file = folder.join(format!("synth-{size}.pt.trace.json.gz"));
        if !file.exists() {
            let mut synth = child::command("cargo");
            synth.args([
                "run",
                "--profile",
                "ci",
                "--",
                "synth",
                "--gz",
                "--size",
                size,
                "--out",
            ]);
            child::must(synth.arg(&file))?;
        }
        files.push(file);
    }
    files.extend(arguments.files.iter().cloned());
    println!("[3/3] browser: opening {} files", files.len());
    let mut bench = child::command("cargo");
    bench
        .args(["run", "-p", "stepscope-e2e", "--bin", "bench", "--"])
        .args(&files);
    child::must(&mut bench)
}
