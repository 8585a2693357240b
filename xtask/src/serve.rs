//! `cargo xtask serve`: the page, built and served on this machine.

#![expect(
    clippy::disallowed_types,
    reason = "native: the clock says how long a step took"
)]

use std::time::Instant;

use anyhow::Result;
use xtask::site::Site;
use xtask::{child, page, tools};

#[derive(clap::Args)]
pub struct Arguments {
    /// The port to serve on. Without it: 8080, or the next that is free.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Serve what was built before.
    #[arg(long)]
    no_build: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.no_build {
        page::must_be_built()?;
    } else {
        let start = Instant::now();
        println!("[1/3] set-up: is everything here that builds the page?");
        let wasm = tools::wasm()?;
        tools::trunk()?;
        println!("[1/3] set-up: ok, {}", child::seconds(start.elapsed()));
        let start = Instant::now();
        println!("[2/3] page: building it, in release mode (some minutes the first time)");
        page::build(&wasm)?;
        println!("[2/3] page: ok, {}", child::seconds(start.elapsed()));
        println!("[3/3] serve");
    }
    let site = match arguments.port {
        Some(port) => Site::serve(&page::dist(), port)?,
        None => (8080..8100)
            .find_map(|port| Site::serve(&page::dist(), port).ok())
            .map_or_else(|| Site::serve(&page::dist(), 0), Ok)?,
    };
    println!("Stepscope is at {}   (Ctrl-C stops it)", site.url());
    loop {
        std::thread::park();
    }
}
