//! What page and workers say to each other, and what the page says to other pages. Pure: no browser types.

pub mod clip;
pub mod companion;
pub mod engine;
pub mod pulse;
pub mod wire;
pub mod worker_messages;
