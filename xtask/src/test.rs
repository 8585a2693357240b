//! `cargo xtask test`: everything that must hold, stage by stage.

#![expect(
    clippy::disallowed_types,
    reason = "native: the clock says how long a stage took"
)]

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use xtask::child::{self, Ended, Tests};
use xtask::engines;
use xtask::tools::{self, Wasm};
use xtask::{page, root};

#[derive(clap::Args)]
pub struct Arguments {
    /// Only these stages: fmt, clippy, clippy-wasm, doc, native, fuzz, wasm, page, e2e. Without any: all.
    /// Two more run only when they are named: engines, the page in Firefox; python, its package.
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,
}

struct Stage {
    name: &'static str,
    /// Runs only when it is named.
    on_request: bool,
    /// What it asks.
    asks: &'static str,
    run: fn() -> Result<Ended>,
}

const STAGES: [Stage; 11] = [
    Stage {
        name: "fmt",
        on_request: false,
        asks: "is every file formatted?",
        run: fmt,
    },
    Stage {
        name: "clippy",
        on_request: false,
        asks: "no warnings, native",
        run: clippy,
    },
    Stage {
        name: "clippy-wasm",
        on_request: false,
        asks: "no warnings, wasm32",
        run: clippy_wasm,
    },
    Stage {
        name: "doc",
        on_request: false,
        asks: "do the documentation's links lead somewhere?",
        run: doc,
    },
    Stage {
        name: "native",
        on_request: false,
        asks: "tests of engine and command line",
        run: native,
    },
    Stage {
        name: "fuzz",
        on_request: false,
        asks: "do reading, answering and opening hold for bytes that a fuzzer makes up?",
        run: crate::fuzz::run,
    },
    Stage {
        name: "python",
        on_request: true,
        asks: "does the package for Python answer as the command line does?",
        run: crate::python::run,
    },
    Stage {
        name: "wasm",
        on_request: false,
        asks: "tests in headless Chromium",
        run: wasm,
    },
    Stage {
        name: "page",
        on_request: false,
        asks: "does the page build?",
        run: build_page,
    },
    Stage {
        name: "e2e",
        on_request: false,
        asks: "the built page, used in headless Chromium",
        run: e2e,
    },
    Stage {
        name: "engines",
        on_request: true,
        asks: "the built page, used in Firefox",
        run: engines,
    },
];

/// `false`: something failed; all was said.
pub fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(unknown) = arguments
        .stages
        .iter()
        .find(|name| STAGES.iter().all(|stage| stage.name != **name))
    {
        let names: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("there is no stage {unknown:?}: choose from {}", names.join(", "));
    }
    let chosen: Vec<_> = STAGES
        .iter()
        .filter(|stage| {
            arguments.stages.is_empty() && !stage.on_request
                || arguments.stages.iter().any(|name| name == stage.name)
        })
        .collect();

    let mut results = Vec::new();
    let mut all = Tests::default();
    for (i, stage) in chosen.iter().enumerate() {
        let place = format!("[{}/{}] {}", i + 1, chosen.len(), stage.name);
        println!("\n{place}: {}", stage.asks);
        let start = Instant::now();
        let mut ended = (stage.run)().unwrap_or_else(|why| {
            println!("error: {why:#}");
            Ended {
                ok: false,
                tests: Tests::default(),
            }
        });
        // A stage that breaks before its tests report (it does not compile, say) must not look like "0 failed".
        if !ended.ok && ended.tests.failed == 0 {
            ended.tests.failed = 1;
        }
        all += ended.tests;
        println!("{place}: {}, {}", word(ended.ok), child::seconds(start.elapsed()));
        results.push((stage.name, ended, start.elapsed()));
    }

    println!();
    for (name, ended, took) in &results {
        println!("{name:<12} {:<7} {:>9}", word(ended.ok), child::seconds(*took));
    }
    println!(
        "{} passed, {} failed, {} skipped",
        all.passed, all.failed, all.skipped
    );
    Ok(results.iter().all(|(_, ended, _)| ended.ok))
}

fn word(ok: bool) -> &'static str {
    if ok { "ok" } else { "FAILED" }
}

fn fmt() -> Result<Ended> {
    tools::lints()?;
    child::run(&mut cargo("fmt --all --check"))
}

fn clippy() -> Result<Ended> {
    tools::lints()?;
    child::run(&mut cargo("clippy --workspace --all-targets -- -D warnings"))
}

fn clippy_wasm() -> Result<Ended> {
    tools::lints()?;
    let wasm = tools::wasm()?;
    if let Some(toolchain) = wasm.toolchain {
        println!("skipped: the toolchain for wasm32 here is {toolchain}, which comes without clippy");
        return Ok(Ended {
            ok: true,
            tests: Tests::default(),
        });
    }
    // What is compiled for the browser: the engine, the page, the worker and the tests that run there.
    let parts = "--lib --bin app --bin worker --test web*";
    child::run(&mut cargo_for(
        &wasm,
        &format!("clippy {ON_WASM} {parts} -- -D warnings"),
    ))
}

fn doc() -> Result<Ended> {
    let mut cargo = cargo("doc --no-deps --workspace --document-private-items");
    // Private items are documented here, too, so links to them are good.
    child::run(cargo.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"))
}

fn native() -> Result<Ended> {
    child::run(&mut cargo(
        "test --profile ci --no-fail-fast --workspace --exclude stepscope-e2e",
    ))
}

fn wasm() -> Result<Ended> {
    let browser = tools::browser()?;
    child::run(
        cargo_for(
            &tools::wasm()?,
            &format!("test {ON_WASM} --no-fail-fast --test web*"),
        )
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            "wasm-bindgen-test-runner",
        )
        // Seconds for one test binary; the default of 20 is short on a busy machine.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .env("CHROMEDRIVER", browser.driver),
    )
}

fn build_page() -> Result<Ended> {
    let wasm = tools::wasm()?;
    tools::trunk()?;
    page::build(&wasm)?;
    Ok(Ended {
        ok: true,
        tests: Tests::default(),
    })
}

fn e2e() -> Result<Ended> {
    page::must_be_built()?;
    tools::browser()?;
    // A Chromium for each test: two at a time keep two cores busy, more make times meaningless.
    let ended = child::run(&mut cargo(
        "test --package stepscope-e2e --no-fail-fast -- --test-threads=2",
    ))?;
    println!("screenshots: {}", root().join("target/e2e").display());
    Ok(ended)
}

/// All but what only Chromium can be asked.
fn engines() -> Result<Ended> {
    page::must_be_built()?;
    let browser = engines::firefox()?;
    let version = child::answer(Command::new(&browser.program).arg("--version"));
    println!("{}", version.unwrap_or_default());
    let mut arguments = String::from("test --package stepscope-e2e --no-fail-fast -- --test-threads=2");
    for (test, why) in engines::NOT_IN_FIREFOX {
        println!("left out: {test}: {why}");
        arguments += &format!(" --skip {test}");
    }
    child::run(cargo(&arguments).env("STEPSCOPE_ENGINE", "firefox"))
}

/// Without the command line, which is native (see `[features]` in Cargo.toml).
const ON_WASM: &str = "--target wasm32-unknown-unknown --no-default-features";

fn cargo(arguments: &str) -> Command {
    let mut cargo = child::command("cargo");
    cargo.args(arguments.split(' '));
    cargo
}

fn cargo_for(wasm: &Wasm, arguments: &str) -> Command {
    let mut cargo = wasm.command("cargo");
    cargo.args(arguments.split(' '));
    cargo
}
