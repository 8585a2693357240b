//! The page. Components draw what they are given. They know pixels and colours; they know no trace.
//! Anything worth a unit test belongs in [`view`](crate::view).
//!
//! ```text
//! App            state by reducer: which file, how far, what is known, where the reader is (shell)
//!   Start        before a file
//!   Loading      while it is read; the Overview grows below
//!   Head         file, tabs, search, theme, help, reports
//!   Overview     Steps  Gaps  Device  Recompiles  Operators  Timeline  Stacks  Memory  Workers  Tables
//! ```
//! Links are plain `#hash` links (see [`Place`]); the hash is where the reader is.

mod ask;
mod confirm;
mod cut;
mod data_table;
mod device;
mod dialog;
mod fit;
mod gaps;
mod head;
mod help;
mod host;
mod installed;
mod loading;
mod memory;
mod operators;
mod overview;
mod parts;
mod perfetto;
mod plot;
mod recompiles;
mod record;
mod search;
mod shell;
mod shown;
mod stacks;
mod start;
mod state;
mod step_detail;
mod step_time;
mod steps;
mod tables;
mod timeline;
mod words;
mod workers;

pub use shell::{App, AppProps};
