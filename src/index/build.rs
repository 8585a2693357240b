//! Events to columns.
//!
//! While events come in, rows stand in the order of the file, in columns that never move. [`Builder::finish`]
//! matches begins with ends, sorts, nests, and gives an [`Index`](super::trace_columns::Index).

mod asynchronous;
mod counters;
mod edges;
mod event_tracks;
mod finish;
mod flows;
mod interning;
mod rows;
mod shared_processes;
mod slices;
mod stray;
mod unknown_thread;
mod unreturned;

use super::allocator_events::Memory;
use super::args::{ArgRows, Value};
use super::select::{LeftOut, Selection, Selector};
use super::sparse_times::SparseTimes;
use super::tally::{Share, Tally};
use super::trace_columns::{FlowKind, Header, category_text};
use crate::base::{CategoryId, DefectKind, Defects, Names, Span};
use crate::ingest::{ArgSpec, Event, Field, Phase, Scalar, Sink};
pub use asynchronous::Identity;
use asynchronous::Lines;
use counters::Counters;
pub use counters::sample as counter_sample;
use edges::Edges;
use event_tracks::Tracks;
pub use flows::flow_id;
use flows::{FLOW_BYTES, FlowRows};
use interning::Categories;
use rows::Rows;
use slices::{INSTANT_BYTES, MEMORY_BYTES};
pub use stray::{HOUR_NS, MIN_EVENTS, SPANS};
use unknown_thread::UnknownFrames;

/// Bytes a row takes while a file is read.
const ROW_BYTES: u64 = 34;
/// Bytes that finishing takes a row on top: parent, depth, lane and role, the order, and a column on its way.
const FINISH_BYTES: u64 = 16;
/// A track, its key in the hash table, its metadata: about so much.
const TRACK_BYTES: u64 = 200;

/// The category whose slices nest by themselves (see [`Family`](super::trace_columns::Family)).
pub const PYTHON: &str = "python_function";

/// Takes events, gives an [`Index`](super::trace_columns::Index). A clone finished early gives the answers of the
/// first part of a trace.
#[derive(Clone)]
pub struct Builder {
    specs: &'static [ArgSpec],
    names: Names,
    scratch: Vec<u8>,
    categories: Categories,
    rows: Rows,
    edges: Edges,
    lines: Lines,
    args: ArgRows,
    cpu_times: SparseTimes,
    end_rounding: SparseTimes,
    /// The args of one event.
    values: Vec<Value>,
    tracks: Tracks,
    unknown_frames: UnknownFrames,
    instants: Rows,
    memory: Memory,
    counters: Counters,
    flows: FlowRows,
    header: Header,
    n_events: u64,
    /// The earliest and the latest time so far.
    times: Option<(i64, i64)>,
    tally: Tally,
    selector: Option<Box<Selector>>,
    defects: Defects,
}

impl Builder {
    /// Takes everything. `specs` are the args that become columns; the scanner must have been made with the same.
    pub fn new(specs: &'static [ArgSpec]) -> Builder {
        Builder {
            specs,
            names: Names::default(),
            scratch: Vec::new(),
            categories: Categories::default(),
            rows: Rows::default(),
            edges: Edges::default(),
            lines: Lines::default(),
            args: ArgRows::new(specs),
            cpu_times: SparseTimes::default(),
            end_rounding: SparseTimes::default(),
            values: Vec::new(),
            tracks: Tracks::default(),
            unknown_frames: UnknownFrames::default(),
            instants: Rows::default(),
            memory: Memory::default(),
            counters: Counters::default(),
            flows: FlowRows::default(),
            header: Header::default(),
            n_events: 0,
            times: None,
            tally: Tally::default(),
            selector: None,
            defects: Defects::default(),
        }
    }

    /// Takes what is selected.
    pub fn selecting(specs: &'static [ArgSpec], selection: &Selection) -> Builder {
        Builder {
            selector: Selector::new(selection),
            ..Builder::new(specs)
        }
    }

    /// Events taken so far.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// What the selection has left out so far.
    pub fn left_out(&self) -> LeftOut {
        let first = self.times.map_or(0, |t| t.0);
        let selector = self.selector.as_ref();
        selector.map_or_else(LeftOut::default, |s| {
            s.left_out(first, |id| self.category_text(id))
        })
    }

    /// From the earliest time of any event so far to the latest at which one starts, left out or not.
    pub fn times(&self) -> Option<Span> {
        self.times.map(|(first, last)| Span::new(first, last))
    }

    /// How much each category is, by its text.
    pub fn tally(&self) -> impl Iterator<Item = (&str, Share)> {
        let ids = (0..=u16::MAX).map(CategoryId);
        let shares = ids.zip(self.tally.by_category());
        shares.map(|(id, share)| (self.category_text(id), *share))
    }

    /// Bytes held now, about.
    pub fn bytes(&self) -> u64 {
        let tracks = &self.tracks;
        let tracks = tracks.list.len() + tracks.threads.len() + tracks.processes.len() + self.counters.len();
        self.rows.start.len() as u64 * ROW_BYTES
            + self.edges.bytes()
            + self.lines.bytes()
            + self.args.bytes() as u64
            + self.cpu_times.bytes()
            + self.end_rounding.bytes()
            + self.instants.start.len() as u64 * INSTANT_BYTES
            + self.memory.len() as u64 * MEMORY_BYTES
            + self.flows.len() as u64 * FLOW_BYTES
            + self.counters.bytes()
            + self.unknown_frames.bytes()
            + tracks as u64 * TRACK_BYTES
            + self.names.bytes() as u64
    }

    /// Bytes that finishing would take on top of these, about.
    pub fn finishing_bytes(&self) -> u64 {
        let rows = self.rows.start.len() as u64 + u64::from(self.edges.n_begins());
        rows * FINISH_BYTES + self.edges.matching_bytes() + self.unknown_frames.finishing_bytes()
    }

    fn category_text(&self, id: CategoryId) -> &str {
        category_text(&self.categories.names, &self.names, id)
    }

    /// Whether the selection keeps an event; begins and ends wait until they are matched.
    fn keeps(&mut self, event: &Event<'_>, phase: Phase, ts: i64) -> bool {
        if self.selector.is_none() || phase.is_edge() {
            return true;
        }
        let dur = match phase {
            Phase::Complete => event.dur().micros().filter(|&ns| ns >= 0).unwrap_or(0),
            _ => 0,
        };
        let category = CategoryId(self.category(event));
        self.keeps_row(category, Span::new(ts, ts.saturating_add(dur)), 1)
    }

    /// What an event says in fields that few have: arrows between slices, and what is not shown.
    fn uncommon(&mut self, event: &Event<'_>, phase: Phase, ts: i64) {
        let has = |field: Field| !matches!(event.uncommon(field), Scalar::Missing | Scalar::Null);
        if matches!(phase, Phase::Complete | Phase::Begin) && has(Field::BindId) {
            self.bound_flow(event, ts);
        }
        let stacks = [
            Field::StackFrame,
            Field::EndStackFrame,
            Field::Stack,
            Field::EndStack,
        ];
        if stacks.into_iter().any(has) {
            self.defects.add(DefectKind::StackNotRead, Some(event.at));
        }
        if has(Field::ColourName) {
            self.defects.add(DefectKind::ColourName, Some(event.at));
        }
    }

    /// Whether the selection keeps a row that `n` events make.
    fn keeps_row(&mut self, category: CategoryId, span: Span, n: u64) -> bool {
        let (categories, names) = (&self.categories.names, &self.names);
        let keeps = self
            .selector
            .as_mut()
            .is_none_or(|s| s.keeps(category, span, n, |id| category_text(categories, names, id)));
        if !keeps {
            self.n_events -= n;
        }
        keeps
    }
}

impl Sink for Builder {
    fn event(&mut self, event: &Event<'_>) {
        self.n_events += 1;
        let phase = event.phase();
        match phase {
            Phase::Metadata => {
                self.tally.add_other(event.text().len(), 0);
                return self.metadata(event);
            }
            Phase::Missing => {
                self.tally.add_other(event.text().len(), 0);
                return self.defects.add(DefectKind::MissingPhase, Some(event.at));
            }
            Phase::Sample => {
                self.tally.add_other(event.text().len(), 0);
                return self.defects.add(DefectKind::SamplesNotRead, Some(event.at));
            }
            Phase::NotDrawn | Phase::Unknown => {
                self.tally.add_other(event.text().len(), 0);
                let kind = match phase {
                    Phase::NotDrawn => DefectKind::UndrawnPhase,
                    _ => DefectKind::UnknownPhase,
                };
                return self.defects.add(kind, Some(event.at));
            }
            _ => {}
        }
        let Some(ts) = event.ts().micros() else {
            if phase == Phase::Counter && self.counter_entries(event) {
                return;
            }
            self.tally.add_other(event.text().len(), 0);
            let kind = match event.ts().is_number() {
                true => DefectKind::OversizedTimestamp,
                false => DefectKind::MissingTimestamp,
            };
            return self.defects.add(kind, Some(event.at));
        };
        let (first, last) = self.times.get_or_insert((ts, ts));
        (*first, *last) = (ts.min(*first), ts.max(*last));
        if !self.keeps(event, phase, ts) {
            return;
        }
        if event.has_uncommon() {
            self.uncommon(event, phase, ts);
        }
        match phase {
            Phase::Complete => self.complete(event, ts),
            Phase::Begin => self.edge(event, ts, true),
            Phase::End => self.edge(event, ts, false),
            Phase::Instant => self.instant(event, ts),
            Phase::Counter => self.counter(event, ts),
            Phase::FlowStart => self.flow(event, ts, FlowKind::Start),
            Phase::FlowStep => self.flow(event, ts, FlowKind::Step),
            Phase::FlowEnd => self.flow(event, ts, FlowKind::End),
            Phase::AsyncBegin => self.asynchronous(event, ts, true, false),
            Phase::AsyncInstant => self.asynchronous(event, ts, true, true),
            Phase::AsyncEnd => self.asynchronous(event, ts, false, true),
            Phase::Metadata | Phase::Missing | Phase::Sample | Phase::NotDrawn | Phase::Unknown => {}
        }
    }

    fn header(&mut self, key: &[u8], value: &[u8]) {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        self.header.entries.push((text(key), text(value)));
    }
}
