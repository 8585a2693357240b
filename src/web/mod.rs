//! The browser, wasm32 only: the one place, beside `app`, that names web-sys.

pub mod boot;
pub mod worker;
