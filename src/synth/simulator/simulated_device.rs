//! The device of one rank: streams, a launch queue of bounded length, and what the ranks exchange.

use crate::base::Span;

/// From the end of a call to the start of its work on an idle stream.
pub const START_UP_NS: i64 = 4_000;
/// From one piece of work to the next of its stream.
pub const DISPATCH_NS: i64 = 1_000;
pub const LARGE_COPY_BYTES: i64 = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkKind {
    /// Multiplies matrices.
    Matrix,
    /// All else that computes.
    Vector,
    Attention,
    /// A single, unfused operator on each element.
    Elementwise,
    Communication,
    Copy,
    /// From memory that is not pinned, of [`LARGE_COPY_BYTES`].
    LargeCopy,
}

impl WorkKind {
    pub fn computes(self) -> bool {
        !self.copies() && self != WorkKind::Communication
    }

    pub fn copies(self) -> bool {
        matches!(self, WorkKind::Copy | WorkKind::LargeCopy)
    }

    pub fn stream(self) -> usize {
        match self {
            WorkKind::Communication => 1,
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub kind: WorkKind,
    pub span: Span,
    /// The number of the call that launched it.
    pub launch: i64,
    /// From when on it could have begun, had the device been free.
    pub submitted: i64,
    /// Whether it stands in the trace.
    pub recorded: bool,
}

#[derive(Debug, Default)]
pub struct Device {
    pub works: Vec<Work>,
    free: [i64; 2],
    /// The next work starts so much later after its launch.
    pub late_ns: i64,
}

impl Device {
    /// When work that is submitted now starts.
    fn start(&self, kind: WorkKind, submitted: i64) -> i64 {
        let before = match kind {
            // What is exchanged is what has been computed.
            WorkKind::Communication => self.drained(),
            _ => self.free[kind.stream()],
        };
        (submitted + START_UP_NS).max(before + DISPATCH_NS)
    }

    pub fn submit(&mut self, kind: WorkKind, ns: i64, launch: i64, submitted: i64) -> Span {
        let late = std::mem::take(&mut self.late_ns);
        let start = self.start(kind, submitted + late);
        let span = Span::new(start, start + ns);
        self.free[kind.stream()] = span.end;
        self.works.push(Work {
            kind,
            span,
            launch,
            submitted,
            recorded: true,
        });
        span
    }

    /// What is computed from now on needs what was exchanged before.
    pub fn join(&mut self) {
        let all = self.drained();
        self.free[WorkKind::Matrix.stream()] = all;
    }

    /// When all that was submitted is done.
    pub fn drained(&self) -> i64 {
        self.free.iter().copied().max().unwrap_or(0)
    }

    /// When the queue, seen at `now`, holds less than `limit` pieces that have not started.
    pub fn room(&self, now: i64, limit: usize) -> i64 {
        let mut waiting: Vec<i64> = self
            .works
            .iter()
            .map(|w| w.span.start)
            .filter(|&s| s > now)
            .collect();
        waiting.sort_unstable();
        match waiting.len().checked_sub(limit) {
            Some(first) => waiting[first],
            None => now,
        }
    }
}

/// The newest work of each rank is one collective: it holds its stream from its start, and ends `ns` after the
/// last rank has come.
pub fn rendezvous<'a>(devices: impl Iterator<Item = &'a mut Device>, ns: i64) {
    let mut all: Vec<&mut Device> = devices.collect();
    let last = all
        .iter()
        .filter_map(|d| d.works.last())
        .map(|w| w.span.start)
        .max();
    let end = last.unwrap_or(0) + ns;
    for device in &mut all {
        if let Some(work) = device.works.last_mut() {
            work.span.end = end;
            device.free[work.kind.stream()] = end;
        }
    }
}
