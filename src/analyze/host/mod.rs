//! What the host did: operators, python frames, modules, and the stacks that they form.

pub mod collectives;
pub mod frames;
pub mod modules;
pub mod operators;
pub mod overhead;
pub mod python;
pub mod stacks;
