//! Events to columns.

pub mod args;
pub mod build;
pub mod column;
pub mod cpu_time;
mod direct_cache;
pub mod first_time;
pub mod memory;
pub mod nest;
pub mod pyramid;
pub mod select;
pub mod tables;
pub mod tally;

pub use build::{Builder, Identity, PYTHON, counter_sample, flow_id};
pub use tables::{
    ArgKind, ArgSpec, Container, CounterSeries, Family, FlowKind, Header, Index, Key, Pairs, Process, Slices,
    Track,
};
