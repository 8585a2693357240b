//! A cut-out: what is asked for, and what was written.

use serde::{Deserialize, Serialize};

use crate::base::Span;

/// What of the open trace is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutRequest {
    /// ns on the trace's clock; `None`: from start to end.
    pub window: Option<Span>,
    /// By their numbers in the timeline, counters included; empty: all.
    pub tracks: Vec<u32>,
    /// Categories whose events are left out; `""` for events without one.
    pub left_out: Vec<String>,
    /// With tracks of our own: steps, gaps, compiles, findings.
    pub own_tracks: bool,
    pub gzip: bool,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutFacts {
    pub file_name: String,
    /// In the file that was written, metadata and our own tracks included.
    pub events: u64,
    /// In the trace.
    pub events_of: u64,
    /// Of the file that was written.
    pub bytes: u64,
    /// Of `events`, those of our own tracks.
    pub own_events: u64,
    /// Of `events`, those that were no JSON and were written as such.
    pub repaired: u64,
    /// Events that would have been kept but cannot be written as JSON.
    pub unwritable: u64,
    /// Members of the object beside the events that cannot be written as JSON.
    pub members_left_out: u64,
}
