//! Events to columns.

pub mod pyramid;
pub mod tables;

pub use tables::{
    ArgKind, ArgSpec, Container, CounterSeries, Family, FlowKind, Header, Index, Key, Process, Slices, Track,
};
