//! The page. Components draw what they are given. They know pixels and colours; they know no trace.
//! Anything worth a unit test belongs in [`view`](crate::view).
//!
//! ```text
//! App            state by reducer: which file, how far, what is known, where the reader is (shell)
//!   Start        before a file
//!   Loading      while it is read; the Overview grows below
//!   Head         file, tabs, search, theme, help, reports
//!   Overview     Steps  Gaps  Device  Recompiles  Operators  Timeline  Stacks  Memory  Compare  Workers  Tables
//! ```
//! A view is a file or folder named as the question's folder in `analyze` and `table`; `components` is what views are
//! made of, `shell` what stands around them, `companion` other pages.
//!
//! Links are plain `#hash` links (see [`Route`](crate::view::route::Route)); the hash is where the reader is.

mod companion;
mod compare;
mod compiles;
mod components;
mod device;
mod gaps;
mod host;
mod memory;
mod overview;
mod ranks;
mod shell;
mod steps;
mod tables;
mod timeline;

pub use shell::{App, AppProps};
