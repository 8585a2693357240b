//! The project's commands: `cargo xtask serve`, `cargo xtask dist`, `cargo xtask test`, `cargo xtask bench`,
//! `cargo xtask compare`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::compare;

mod bench;
mod dist;
mod fuzz;
mod python;
mod serve;
mod test;

/// Builds, serves and checks Stepscope. Installs what is missing.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the page and serve it on this machine.
    Serve(serve::Arguments),
    /// Build the page for a static host (`dist/`), and as one file (`dist/stepscope.html`).
    Dist,
    /// Measure what opening costs, in the real browser.
    Bench(bench::Arguments),
    /// Compare the reports of two builds over a folder of traces. Fails where they differ.
    Compare(compare::Arguments),
    /// Check everything: formatting, lints, tests, the page in a real browser.
    Test(test::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Task::Serve(arguments) => serve::run(&arguments).map(|()| true),
        Task::Dist => dist::run().map(|()| true),
        Task::Bench(arguments) => bench::run(&arguments).map(|()| true),
        Task::Compare(arguments) => compare::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::FAILURE
        }
    }
}
