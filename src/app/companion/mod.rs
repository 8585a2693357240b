//! Other pages: one that has us in its frame or opened us, and Perfetto, which we open.

pub mod host_page;
pub mod perfetto;
