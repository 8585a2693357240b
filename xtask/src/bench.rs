//! `cargo xtask bench`: the page in a real browser, on generated traces and on real ones.
//!
//! The figures go into `benches/README.md`, with machine and date.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use xtask::tools::Wasm;
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
    /// An earlier result (target/bench/result.json, kept elsewhere): says what is worse by more than 10 %.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let wasm = tools::wasm()?;
    tools::trunk()?;
    tools::browser()?;
    let folder = root().join("target/bench");
    fs::create_dir_all(&folder)?;
    if arguments.no_build {
        page::must_be_built()?;
    } else {
        println!("[1/3] page: building it, in release mode");
        page::build(&wasm)?;
    }
    if !arguments.no_build || !folder.join("plain/index.html").exists() {
        build_plain(&wasm, &folder)?;
    }
    println!("[2/3] traces: generating {}", arguments.sizes.join(", "));
    let mut files = Vec::new();
    for size in &arguments.sizes {
        files.push(generated(size, &folder)?);
    }
    // Children run in the project's folder; names on the command line are as seen from here.
    for file in &arguments.files {
        let there = file
            .canonicalize()
            .with_context(|| format!("there is no {}", file.display()))?;
        files.push(there);
    }
    println!("[3/3] browser: opening {} files, each three times", files.len());
    let mut bench = child::command("cargo");
    bench.args(["run", "-p", "stepscope-e2e", "--bin", "bench", "--"]);
    if let Some(before) = &arguments.compare {
        let before = env::current_dir()?.join(before);
        bench.arg("--compare").arg(before);
    }
    child::must(bench.args(&files))
}

/// A generated trace of this size, made once.
fn generated(size: &str, folder: &Path) -> Result<PathBuf> {
    let file = folder.join(format!("synth-{size}.pt.trace.json.gz"));
    if !file.exists() {
        // Under another name until it is whole.
        let unfinished = folder.join(format!("unfinished-{size}.pt.trace.json.gz"));
        let mut synth = child::command("cargo");
        let how = [
            "run",
            "--profile",
            "ci",
            "--",
            "synth",
            "--gz",
            "--size",
            size,
            "--out",
        ];
        child::must(synth.args(how).arg(&unfinished))?;
        fs::rename(&unfinished, &file)?;
    }
    Ok(file)
}

/// Builds the plain page that inflates and does nothing else (`tests/e2e/bench`), into `target/bench/plain`.
fn build_plain(wasm: &Wasm, folder: &Path) -> Result<()> {
    let site = folder.join("plain");
    fs::create_dir_all(&site)?;
    let target = "wasm32-unknown-unknown";
    let mut cargo = wasm.command("cargo");
    cargo.args([
        "build",
        "--profile",
        "worker",
        "--locked",
        "--target",
        target,
        "-p",
        "stepscope-bench-inflate",
    ]);
    child::must(&mut cargo)?;
    let built = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let module = built.join(target).join("worker/stepscope_bench_inflate.wasm");
    let mut bindgen = wasm.command("wasm-bindgen");
    bindgen.args([
        "--target",
        "no-modules",
        "--no-typescript",
        "--out-name",
        "inflate",
        "--out-dir",
    ]);
    child::must(bindgen.arg(&site).arg(module))?;
    let source = root().join("tests/e2e/bench/plain");
    for entry in fs::read_dir(&source)? {
        let entry = entry?;
        fs::copy(entry.path(), site.join(entry.file_name()))?;
    }
    Ok(())
}
