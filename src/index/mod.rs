//! Events to columns.

pub mod allocator_events;
pub mod args;
pub mod build;
pub mod column;
pub mod cpu_time;
mod direct_cache;
pub mod first_time;
pub mod nest;
pub mod pyramid;
pub mod select;
mod sparse_times;
pub mod tally;
pub mod trace_columns;

pub use build::{Builder, Identity, PYTHON, counter_sample, flow_id};
pub use trace_columns::{
    ArgKind, ArgSpec, Container, CounterSeries, Family, FlowKind, Header, Index, Key, Pairs, Process, Slices,
    Track,
};
