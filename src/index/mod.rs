//! Events to columns.

pub mod build;
pub mod column;
pub mod nest;
pub mod pyramid;
mod recent;
pub mod tables;

pub use build::Builder;
pub use tables::{
    ArgKind, ArgSpec, Container, CounterSeries, Family, FlowKind, Header, Index, Key, Process, Slices, Track,
};
