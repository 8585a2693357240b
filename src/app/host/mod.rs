//! What the host did: operators, and stacks of calls.

pub mod operators;
pub mod stacks;
