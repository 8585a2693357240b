//! The columns of an opened trace. Immutable once [`Builder::finish`](super::build::Builder::finish) gave them.
//!
//! Bytes held for each event of a kind (see [`Index::bytes`]):
//!
//! | table | bytes an event | columns |
//! |---|---|---|
//! | [`Slices`] | 44 | start 8, duration 8, byte offset 8, name 4, parent 4, lane order 4, depth 2, category 2, and ≤ 4 for the zoom pyramid |
//! | [`Pairs`] | 12 | row 4, byte offset of the end 8; only slices written as a begin and an end |
//! | [`Instants`] | 26 | time 8, byte offset 8, name 4, track 4, category 2 |
//! | [`Memory`] | 38 | time 8, bytes 8, allocated 8, reserved 8, track 4, device 2 |
//! | [`Flows`] | 23 | time 8, id 8, track 4, category 2, kind 1 |
//! | [`CounterSeries`] | 16 a sample | time 8, value 8 |
//! | [`SparseTimes`] | 12 | row 4, time 8; only slices with a CPU time, or whose end is rounded otherwise than start and duration |
//! | [`Args`] | 12 and 8 | see [`args`](super::args): 12 a value that differs from event to event, 8 for all others of a slice together; only args that an analysis asked for, only where present |

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::base::{CategoryId, Dur, NameId, Names, SliceId, Span, TrackId, Ts};
use crate::ingest::json_walk;
pub use crate::ingest::{ArgKind, ArgSpec};

use super::allocator_events::Memory;
use super::args::{ArgColumn, Args, at_row};
use super::column::Column;
use super::cpu_time;
use super::pyramid::Lanes;
use super::select::LeftOut;
use super::sparse_times::SparseTimes;
use super::tally::{Share, Tally};

/// Every slice (a named stretch of time on one track), column by column.
///
/// Invariants:
/// - all columns have the same length;
/// - rows are grouped by track ([`Track::rows`]); inside a track they are ordered by (start, longest first,
///   place in the file);
/// - a parent lies on the same track, before its children: `parent(i) < i`; it starts no later than its child
///   and ends no earlier, but for [`NEST_SLACK`](super::nest::NEST_SLACK);
/// - two slices of one track and one depth never overlap, but for the same slack.
#[derive(Default)]
pub struct Slices {
    pub(super) start: Column<i64>,
    pub(super) dur: Column<i64>,
    pub(super) at: Column<u64>,
    pub(super) name: Column<u32>,
    pub(super) parent: Column<u32>,
    pub(super) depth: Column<u16>,
    pub(super) category: Column<u16>,
    /// What start and duration, each rounded to the nanosecond, lack of the end that is rounded from both at full
    /// digits: 1 or -1 ns. Of most traces no slice has any, since their times have no digits below the nanosecond.
    pub(super) end_rounding: SparseTimes,
}

/// `parent` of a slice that has none.
pub(super) const NO_PARENT: u32 = u32::MAX;

impl Slices {
    pub fn len(&self) -> usize {
        self.start.len()
    }

    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }

    pub fn ids(&self) -> impl DoubleEndedIterator<Item = SliceId> + ExactSizeIterator + use<> {
        (0..u32::try_from(self.len()).expect("fewer than 2^32 slices")).map(SliceId)
    }

    pub fn start(&self, id: SliceId) -> Ts {
        Ts::from_ns(self.start[id.index()])
    }

    pub fn end(&self, id: SliceId) -> Ts {
        let end = self.start(id).plus(self.dur(id));
        match self.end_rounding.of(id) {
            None => end,
            Some(ns) => end.plus(Dur::from_ns(ns)),
        }
    }

    pub fn dur(&self, id: SliceId) -> Dur {
        Dur::from_ns(self.dur[id.index()])
    }

    /// From start to end.
    pub fn span(&self, id: SliceId) -> Span {
        Span::new(self.start[id.index()], self.end(id).as_ns())
    }

    pub fn name(&self, id: SliceId) -> NameId {
        NameId(self.name[id.index()])
    }

    pub fn category(&self, id: SliceId) -> CategoryId {
        CategoryId(self.category[id.index()])
    }

    /// The innermost slice of the same track that encloses this one.
    pub fn parent(&self, id: SliceId) -> Option<SliceId> {
        let parent = self.parent[id.index()];
        (parent != NO_PARENT).then_some(SliceId(parent))
    }

    /// The row on its track, from 0; nesting and overlap lanes together.
    pub fn depth(&self, id: SliceId) -> u16 {
        self.depth[id.index()]
    }

    /// Byte offset, in the inflated trace, of the event's `{`. It orders events as the file does.
    pub fn at(&self, id: SliceId) -> u64 {
        self.at[id.index()]
    }
}

/// Which slices are a begin and an end (`B`, `E`) of the file, and where the end stands. The begin stands at
/// [`Slices::at`].
#[derive(Default)]
pub struct Pairs {
    row: Column<u32>,
    end_at: Column<u64>,
}

impl Pairs {
    /// In place of the end of a begin that is never ended.
    pub(super) const NO_END: u64 = u64::MAX;

    /// Of the rows from `first` on, in the numbering of the file, where their ends stand; in the numbering of
    /// `order`: slice `order[i]` of the file is slice `i`.
    pub(super) fn placed(first: usize, end_at: &Column<u64>, order: &[u32]) -> Pairs {
        let mut pairs = Pairs::default();
        if end_at.is_empty() {
            return pairs;
        }
        for (new, &old) in (0u32..).zip(order) {
            if let Some(i) = (old as usize).checked_sub(first) {
                pairs.row.push(new);
                pairs.end_at.push(end_at.get(i));
            }
        }
        pairs
    }

    /// In order of rows; `None`: it is never ended.
    pub fn iter(&self) -> impl Iterator<Item = (SliceId, Option<u64>)> + '_ {
        let ends = self.end_at.iter();
        let ends = ends.map(|at| (at != Pairs::NO_END).then_some(at));
        self.row.iter().map(SliceId).zip(ends)
    }

    /// Where the end of a slice stands; `None`: it has none, or is one event.
    pub fn end_of(&self, id: SliceId) -> Option<u64> {
        let i = at_row(&self.row, id)?;
        Some(self.end_at.get(i)).filter(|&at| at != Pairs::NO_END)
    }

    pub fn len(&self) -> usize {
        self.row.len()
    }

    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }
}

/// What a pid or tid is: traces write numbers and strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Int(i64),
    Text(NameId),
}

impl Key {
    /// As a person reads it.
    pub fn show(self, names: &Names) -> String {
        match self {
            Key::Int(n) => n.to_string(),
            Key::Text(id) => names.get(id).to_owned(),
        }
    }
}

/// Slices that nest among themselves. Python frames and the operators they call are recorded by two clocks
/// that disagree by microseconds, so one thread has a track for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    Main,
    Python,
    /// Asynchronous slices of a process and category, which no thread has.
    Asynchronous,
}

/// The slices of one (pid, tid, family).
#[derive(Clone, Debug)]
pub struct Track {
    pub pid: Key,
    pub tid: Key,
    pub family: Family,
    /// Its rows in [`Slices`].
    pub rows: std::ops::Range<u32>,
    /// How many depths its slices use; 0 for a track that has instants or flows only.
    pub n_depths: u16,
    /// `thread_name` metadata.
    pub name: Option<NameId>,
    /// `thread_sort_index` metadata.
    pub sort_index: Option<i64>,
}

/// What metadata events say of a pid.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: Key,
    pub name: Option<NameId>,
    pub labels: Option<NameId>,
    pub sort_index: Option<i64>,
}

/// Instant events (`i`, `I`), in order of time.
#[derive(Default)]
pub struct Instants {
    pub ts: Column<i64>,
    pub at: Column<u64>,
    pub name: Column<u32>,
    pub track: Column<u32>,
    pub category: Column<u16>,
}

/// Which end of an arrow a flow event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FlowKind {
    Start,
    Step,
    End,
}

/// Flow events (`s`, `t`, `f`), in order of time. Events with equal category and id belong together;
/// the id is made of name and id of the file.
#[derive(Default)]
pub struct Flows {
    pub ts: Column<i64>,
    pub id: Column<u64>,
    pub track: Column<u32>,
    pub category: Column<u16>,
    pub kind: Column<FlowKind>,
}

/// One counter: each key of a counter event's args is a series of its own, because events of one name may
/// carry different keys, and a key that is missing is unknown, not 0.
#[derive(Clone, Debug)]
pub struct CounterSeries {
    pub pid: Key,
    /// Several counters of one name have one each.
    pub id: Option<Key>,
    pub name: NameId,
    pub key: NameId,
    /// In order of time; equal times keep the order of the file.
    pub ts: Vec<i64>,
    pub value: Vec<f64>,
}

impl CounterSeries {
    /// The last value at or before `ts`.
    pub fn last_at(&self, ts: Ts) -> Option<f64> {
        let after = self.ts.partition_point(|&t| t <= ts.as_ns());
        after.checked_sub(1).map(|i| self.value[i])
    }

    /// The value recorded at exactly `ts`.
    pub fn exactly_at(&self, ts: Ts) -> Option<f64> {
        let i = self.ts.partition_point(|&t| t < ts.as_ns());
        (self.ts.get(i) == Some(&ts.as_ns())).then(|| self.value[i])
    }
}

/// The keys beside `traceEvents`.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Every top-level key but `traceEvents` with its JSON text, in the order of the file.
    pub entries: Vec<(String, String)>,
}

impl Header {
    /// The JSON text of `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        let (_, text) = self.entries.iter().find(|(k, _)| k == key)?;
        Some(text)
    }

    /// The value of `key`, if it is JSON: what writers of other numbers and texts leave behind (`NaN`, raw control
    /// characters) is passed over.
    pub fn get(&self, key: &str) -> Option<serde_json::Value> {
        let text = self.text(key)?;
        serde_json::from_str(text)
            .or_else(|_| serde_json::from_slice(&json_walk::plain(text.as_bytes())))
            .ok()
    }
}

/// What kind of document the events came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// An object with a `traceEvents` array.
    #[default]
    Object,
    /// A bare array.
    Array,
}

/// The text of a category; `""` for one that is not there.
pub(super) fn category_text<'a>(categories: &[NameId], names: &'a Names, id: CategoryId) -> &'a str {
    categories.get(id.index()).map_or("", |&name| names.get(name))
}

/// An opened trace.
#[derive(Default)]
pub struct Index {
    pub names: Names,
    pub categories: Vec<NameId>,
    pub slices: Slices,
    pub pairs: Pairs,
    /// Ordered by pid and tid as they first appeared.
    pub tracks: Vec<Track>,
    pub processes: Vec<Process>,
    /// Where in `processes` each pid stands.
    pub(super) process_by_pid: FxHashMap<Key, usize>,
    pub instants: Instants,
    pub memory: Memory,
    pub counters: Vec<CounterSeries>,
    pub flows: Flows,
    pub args: Args,
    /// Empty where the trace has no thread clock.
    pub cpu_times: SparseTimes,
    pub header: Header,
    pub container: Container,
    /// Events read and not left out, of every kind, metadata included.
    pub n_events: u64,
    /// Rows by (track, depth), and what is longest in any stretch of them.
    pub lanes: Lanes,
    pub tally: Tally,
    /// What is not here because it was not asked for.
    pub left_out: LeftOut,
    /// Parts of processes that several ranks share, each with the process as the text calls it.
    pub parts_of: FxHashMap<Key, Key>,
    /// Processes of devices that several processes launched work of were divided: the parts, by the process that
    /// launched their work; `None` for what is left, of which that is not told.
    pub launched_by: FxHashMap<Key, Option<Key>>,
}

impl Index {
    pub fn text(&self, id: NameId) -> &str {
        self.names.get(id)
    }

    /// How much each category is, by its text.
    pub fn shares(&self) -> impl Iterator<Item = (&str, Share)> {
        let ids = (0..=u16::MAX).map(CategoryId);
        let shares = ids.zip(self.tally.by_category());
        shares.map(|(id, share)| (self.category_text(id), *share))
    }

    /// The name of a slice.
    pub fn name_of(&self, id: SliceId) -> &str {
        self.names.get(self.slices.name(id))
    }

    /// The category of a slice; `""` where the event has none.
    pub fn category_of(&self, id: SliceId) -> &str {
        self.category_text(self.slices.category(id))
    }

    /// The text of a category.
    pub fn category_text(&self, id: CategoryId) -> &str {
        category_text(&self.categories, &self.names, id)
    }

    /// The track that holds a slice.
    pub fn track_of(&self, id: SliceId) -> TrackId {
        TrackId::from_index(self.tracks.partition_point(|t| t.rows.end <= id.0))
    }

    pub fn track(&self, id: TrackId) -> &Track {
        &self.tracks[id.index()]
    }

    pub fn track_ids(&self) -> impl Iterator<Item = TrackId> + use<> {
        (0..self.tracks.len()).map(TrackId::from_index)
    }

    /// The slices of a track, in order of start.
    pub fn rows(&self, id: TrackId) -> impl DoubleEndedIterator<Item = SliceId> + ExactSizeIterator + use<> {
        self.tracks[id.index()].rows.clone().map(SliceId)
    }

    /// The slices of a track that start in `[from, to)`, in order of start.
    pub fn rows_starting_in(&self, id: TrackId, window: Span) -> impl Iterator<Item = SliceId> + use<> {
        let rows = self.tracks[id.index()].rows.clone();
        let starts = &self.slices.start;
        let rows = rows.start as usize..rows.end as usize;
        let from = starts.partition_point(rows.clone(), |s| s < window.start);
        let to = starts.partition_point(rows, |s| s < window.end).max(from);
        (from..to).map(|i| SliceId(u32::try_from(i).expect("rows fit u32")))
    }

    /// The direct children of a slice, in order of start.
    pub fn children(&self, id: SliceId) -> impl Iterator<Item = SliceId> + '_ {
        let track = self.track(self.track_of(id));
        let end = self.slices.end(id);
        (id.0 + 1..track.rows.end)
            .map(SliceId)
            .take_while(move |&c| self.slices.start(c) < end || self.slices.parent(c) == Some(id))
            .filter(move |&c| self.slices.parent(c) == Some(id))
    }

    /// The arg `key` (as declared) of all slices, if any slice has it.
    pub fn arg_column(&self, key: &str) -> Option<ArgColumn<'_>> {
        self.args.column(key)
    }

    /// A whole-number arg of a slice.
    pub fn arg_int(&self, key: &str, id: SliceId) -> Option<i64> {
        self.args.int(key, id)
    }

    /// A text arg of a slice.
    pub fn arg_text(&self, key: &str, id: SliceId) -> Option<&str> {
        self.args.text(key, id).map(|name| self.names.get(name))
    }

    /// How long the thread of a slice ran on a processor, and how long it did not: its wall time less that, at least 0
    /// where times were rounded. `None`: not recorded; of the second also where the first is longer than the slice.
    pub fn cpu_time(&self, id: SliceId) -> Option<(i64, Option<i64>)> {
        let on_cpu = self.cpu_times.of(id)?;
        let dur = self.slices.dur(id).as_ns();
        let waiting = (!cpu_time::is_beyond(on_cpu, dur)).then(|| (dur - on_cpu).max(0));
        Some((on_cpu, waiting))
    }

    pub fn process(&self, pid: Key) -> Option<&Process> {
        self.processes.get(*self.process_by_pid.get(&pid)?)
    }

    /// From the first start to the last end of everything that has a time; `None` for no events.
    pub fn extent(&self) -> Option<Span> {
        self.extent_by(|_, end| end)
    }

    /// The same where slices end as `end_of` says, which is given their recorded ends.
    pub fn extent_by(&self, end_of: impl Fn(SliceId, i64) -> i64) -> Option<Span> {
        let mut extent: Option<Span> = None;
        let mut add = |start: i64, end: i64| {
            let e = extent.get_or_insert(Span::new(start, end));
            e.start = e.start.min(start);
            e.end = e.end.max(end);
        };
        let times = self.slices.start.iter().zip(self.slices.dur.iter());
        for ((start, dur), row) in times.zip(0..) {
            let row = SliceId(row);
            let rounding = self.slices.end_rounding.of(row).unwrap_or(0);
            add(
                start,
                end_of(row, start.saturating_add(dur).saturating_add(rounding)),
            );
        }
        let points = self.instants.ts.iter().chain(self.memory.ts.iter());
        for ts in points.chain(self.flows.ts.iter()) {
            add(ts, ts);
        }
        for series in &self.counters {
            for ts in &series.ts {
                add(*ts, *ts);
            }
        }
        extent
    }

    /// Bytes held by the columns.
    pub fn bytes(&self) -> usize {
        let args = self.args.bytes();
        let counters: usize = self.counters.iter().map(|c| c.ts.len() * 16).sum();
        self.slices.len() * 36
            + self.pairs.len() * 12
            + self.lanes.bytes()
            + self.instants.ts.len() * 26
            + self.memory.bytes_held()
            + self.flows.ts.len() * 23
            + args
            + usize::try_from(self.cpu_times.bytes() + self.slices.end_rounding.bytes()).unwrap_or(usize::MAX)
            + counters
            + self.names.bytes()
    }
}
