//! A test that cannot run here says so, and is not counted as passed.

use std::fs::OpenOptions;
use std::io::Write;

/// Says it, and adds the test's name to the file that `STEPSCOPE_SKIPPED` names, which `cargo xtask test` counts.
pub fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
    let Some(list) = std::env::var_os("STEPSCOPE_SKIPPED") else {
        return;
    };
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test without a name");
    let mut list = OpenOptions::new()
        .create(true)
        .append(true)
        .open(list)
        .expect("the list of skipped tests");
    list.write_all(format!("{name}\n").as_bytes())
        .expect("a line of that list");
}
