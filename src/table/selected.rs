//! What a reader has selected of a trace, for tables whose rows are counted only then.

use serde::{Deserialize, Serialize};

use super::{Area, StackCalls};
use crate::analyze::gaps::GapFilter;
use crate::analyze::report::{GapKind, Gaps, StackSource, StepWork, TraceReport};
use crate::analyze::steps::filter::StepFilter;
use crate::base::Span;

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectedAsk {
    Area(AreaAsk),
    Stacks(StacksAsk),
    /// Tables of steps, of these alone.
    Steps(StepFilter),
    /// What runs in one step.
    Step(u32),
    Gaps(GapsAsk),
}

/// Gaps of the trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapsAsk {
    /// Those that lie in it, in part or whole.
    pub window: Option<Span>,
    pub filter: GapFilter,
    /// Of one kind in one place.
    pub of: Option<(GapKind, String)>,
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
    /// What the report says of these steps alone.
    Steps(Box<TraceReport>),
    Step(StepWork),
    Gaps(Vec<Gaps>),
}

impl Selected {
    pub(super) fn area(&self) -> Option<&Area> {
        match self {
            Selected::Area(area) => Some(area),
            _ => None,
        }
    }

    /// In place of the trace's report.
    pub(crate) fn report(&self) -> Option<&TraceReport> {
        match self {
            Selected::Steps(report) => Some(report),
            _ => None,
        }
    }

    pub(super) fn step_work(&self) -> Option<&StepWork> {
        match self {
            Selected::Step(work) => Some(work),
            _ => None,
        }
    }

    pub(super) fn gaps(&self) -> Option<&[Gaps]> {
        match self {
            Selected::Gaps(gaps) => Some(gaps),
            _ => None,
        }
    }

    pub(super) fn stacks(&self) -> Option<&StackCalls> {
        match self {
            Selected::Stacks(stacks) => Some(stacks),
            _ => None,
        }
    }
}
