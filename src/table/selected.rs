//! What a reader has selected of a trace, for tables whose rows are counted only then.

use serde::{Deserialize, Serialize};

use super::{Area, StackCalls};
use crate::analyze::report::StackSource;
use crate::base::Span;

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectedAsk {
    Area(AreaAsk),
    Stacks(StacksAsk),
}

/// An area of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaAsk {
    pub window: Span,
    pub tracks: Vec<u32>,
}

/// Stacks of calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StacksAsk {
    pub source: StackSource,
    pub window: Span,
    /// `None`: all of them, merged.
    pub thread: Option<u32>,
}

/// What was counted for a [`SelectedAsk`].
#[derive(Clone, Debug, PartialEq)]
pub enum Selected {
    Area(Area),
    Stacks(StackCalls),
}

impl Selected {
    pub(super) fn area(&self) -> Option<&Area> {
        match self {
            Selected::Area(area) => Some(area),
            Selected::Stacks(_) => None,
        }
    }

    pub(super) fn stacks(&self) -> Option<&StackCalls> {
        match self {
            Selected::Stacks(stacks) => Some(stacks),
            Selected::Area(_) => None,
        }
    }
}
