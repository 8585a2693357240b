//! The slices of one host thread in order of start: its operators, calls and annotations, and its python frames, which
//! are a track of their own.

use rustc_hash::FxHashMap;

use crate::base::{SliceId, Span, TrackId};
use crate::index::trace_columns::{Family, Index, Key};

use super::enclosing;

/// The tracks of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    pub main: Option<TrackId>,
    pub python: Option<TrackId>,
}

/// Threads by process and number.
pub struct Threads(FxHashMap<(Key, Key), Thread>);

impl Threads {
    pub fn of(index: &Index) -> Threads {
        let mut threads: FxHashMap<(Key, Key), Thread> = FxHashMap::default();
        for id in index.track_ids() {
            let track = index.track(id);
            let thread = threads.entry((track.pid, track.tid)).or_default();
            match track.family {
                Family::Main => thread.main = Some(id),
                Family::Python => thread.python = Some(id),
                Family::Asynchronous => {}
            }
        }
        Threads(threads)
    }

    /// The thread that a track belongs to.
    pub fn with(&self, index: &Index, track: TrackId) -> Thread {
        let of = index.track(track);
        self.0.get(&(of.pid, of.tid)).copied().unwrap_or_default()
    }
}

impl Thread {
    pub fn tracks(self) -> impl Iterator<Item = TrackId> {
        [self.main, self.python].into_iter().flatten()
    }

    /// All slices of the thread; of equal starts, those of the python frames come first.
    pub fn rows(self, index: &Index) -> impl Iterator<Item = SliceId> + '_ {
        let rows = move |track: TrackId| index.track(track).rows.clone().map(SliceId);
        self.merged(index, rows)
    }

    /// The same for those that start within a stretch.
    pub fn rows_in(self, index: &Index, within: Span) -> impl Iterator<Item = SliceId> + '_ {
        let rows = move |track: TrackId| {
            let rows = index.track(track).rows.clone();
            let last = enclosing::last_started(index, track, within.start.saturating_sub(1));
            let first = last.map_or(rows.start, |id| id.0 + 1);
            let is_within = move |id: &SliceId| index.slices.start(*id).as_ns() < within.end;
            (first..rows.end).map(SliceId).take_while(is_within)
        };
        self.merged(index, rows)
    }

    fn merged<'a, I: Iterator<Item = SliceId> + 'a>(
        self,
        index: &'a Index,
        rows: impl Fn(TrackId) -> I + 'a,
    ) -> impl Iterator<Item = SliceId> + 'a {
        let mut main = self.main.map(&rows).into_iter().flatten().peekable();
        let mut python = self.python.map(&rows).into_iter().flatten().peekable();
        std::iter::from_fn(move || match (main.peek(), python.peek()) {
            (Some(&a), Some(&b)) if index.slices.start(a) < index.slices.start(b) => main.next(),
            (_, Some(_)) => python.next(),
            _ => main.next(),
        })
    }
}
