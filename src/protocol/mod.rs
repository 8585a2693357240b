//! What page and workers say to each other. Pure: no browser types.

pub mod engine;
pub mod text;
