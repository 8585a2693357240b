//! What the host did: operators, python frames, modules, and the stacks that they form.

pub mod collectives_on_host;
pub mod merged_stacks;
pub mod modules;
pub mod open_frames;
pub mod operators_by_name;
pub mod profiler_overhead;
pub mod python;
