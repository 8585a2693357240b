//! The browser, wasm32 only: the one place, beside `app`, that names web-sys.

pub mod boot;
pub mod canvas;
pub mod companion;
pub mod download;
pub mod engine;
pub mod files;
pub mod hash;
pub mod installed;
pub mod kept;
pub mod listener;
pub mod opened_last;
pub mod picture;
pub mod sight;
pub mod theme;
pub mod timer;
pub mod worker;
pub mod workers;
