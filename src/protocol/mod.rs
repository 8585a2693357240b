//! What page and worker say to each other. Pure: no browser types.

pub mod engine;
