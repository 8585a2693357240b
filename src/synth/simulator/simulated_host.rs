//! The host thread of one rank: a clock, what it is inside of, and what of that the profiler records.

use crate::base::Span;
use crate::base::closed_set::closed_set;

/// The frame in which an engine waits for requests.
pub const POLL: &str = "<built-in method poll of zmq.backend.cython._zmq.Socket object at 0x7f5e80c41a80>";

closed_set! {
    /// What the host does at an instant, by the innermost slice that is recorded; and, of a device's idle time, why.
    pub enum Cause {}
    Compile "compile" {}
    Synchronisation "synchronisation" {}
    LaunchCall "launch_call" {}
    InputPreparation "input_preparation" {}
    Sampling "sampling" {}
    Operator "operator" {}
    Requests "requests" {}
    Python "python" {}
    /// Launched, and the work had not begun.
    NotStarted "not_started" {}
    NotRecorded "not_recorded" {}
}

/// What a slice is; each family has its own names and places for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Frame,
    /// The engine's marker of a step.
    Marker,
    Prepare,
    Forward,
    Logits,
    Sample,
    Bookkeep,
    Operator,
    /// A framework's call around a launch: a bridge, a task queue.
    Submit,
    Launch,
    LaunchGraph,
    LaunchCopy,
    /// A copy that returns when it is done.
    BlockingCopy,
    WaitForStream,
    WaitForEvent,
    /// What ends a recording.
    WaitForDevice,
    Compile,
}

#[derive(Clone, Debug)]
pub struct Slice {
    pub kind: Kind,
    pub name: String,
    pub span: Span,
    /// Of a call: the number that its work carries.
    pub launch: Option<i64>,
}

#[derive(Debug, Default)]
pub struct Host {
    pub now: i64,
    pub slices: Vec<Slice>,
    /// What it did, without a hole, from the first instant on.
    pub did: Vec<(Span, Cause)>,
    /// Without python stacks, frames leave no slice.
    pub stacks: bool,
    open: Vec<(Option<usize>, Cause)>,
}

impl Host {
    pub fn at(now: i64, stacks: bool) -> Host {
        Host {
            now,
            stacks,
            ..Host::default()
        }
    }

    /// Enters a slice; gives its row.
    pub fn enter(&mut self, kind: Kind, name: &str) -> Option<usize> {
        let above = self.open.last().map_or(Cause::NotRecorded, |open| open.1);
        let cause = match kind {
            Kind::Frame if !self.stacks => above,
            Kind::Frame if name == POLL => Cause::Requests,
            // Around a whole step: says nothing.
            Kind::Marker => above,
            Kind::Frame => Cause::Python,
            Kind::Prepare => Cause::InputPreparation,
            Kind::Sample | Kind::Bookkeep => Cause::Sampling,
            Kind::Operator | Kind::Forward | Kind::Logits => Cause::Operator,
            Kind::Submit | Kind::Launch | Kind::LaunchGraph | Kind::LaunchCopy => Cause::LaunchCall,
            Kind::BlockingCopy | Kind::WaitForStream | Kind::WaitForEvent | Kind::WaitForDevice => {
                Cause::Synchronisation
            }
            Kind::Compile => Cause::Compile,
        };
        let row = (kind != Kind::Frame || self.stacks).then_some(self.slices.len());
        if row.is_some() {
            self.slices.push(Slice {
                kind,
                name: name.to_owned(),
                span: Span::new(self.now, self.now),
                launch: None,
            });
        }
        self.open.push((row, cause));
        row
    }

    /// Time passes.
    pub fn run(&mut self, ns: i64) {
        let span = Span::new(self.now, self.now + ns);
        let cause = self.open.last().map_or(Cause::NotRecorded, |open| open.1);
        self.now = span.end;
        match self.did.last_mut() {
            _ if ns == 0 => {}
            Some((last, what)) if *what == cause => last.end = span.end,
            _ => self.did.push((span, cause)),
        }
    }

    /// Time passes until `instant`, if that is ahead.
    pub fn run_until(&mut self, instant: i64) {
        self.run((instant - self.now).max(0));
    }

    /// Leaves the innermost slice; gives its span.
    pub fn leave(&mut self) -> Span {
        let row = self.open.pop().and_then(|open| open.0);
        match row.and_then(|row| self.slices.get_mut(row)) {
            Some(slice) => {
                slice.span.end = self.now;
                slice.span
            }
            None => Span::new(self.now, self.now),
        }
    }

    /// A slice in which nothing but time happens.
    pub fn within(&mut self, kind: Kind, name: &str, ns: i64) -> Span {
        self.enter(kind, name);
        self.run(ns);
        self.leave()
    }
}
