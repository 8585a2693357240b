//! Events to columns.
//!
//! While events come in, rows stand in the order of the file, in columns that never move. [`Builder::finish`]
//! matches begins with ends, sorts, nests, and gives an [`Index`].

use rustc_hash::FxHashMap;

use crate::base::time::CLOCK_END_NS;
use crate::base::{CategoryId, DefectKind, Defects, NameId, Names, Span};
use crate::ingest::event::args;
use crate::ingest::{ArgKind, ArgSpec, Event, Field, Phase, Scalar, Sink, Word};

use super::args::{ArgRows, Value};
use super::column::Column;
use super::memory::{MEMORY, Memory, Said};
use super::nest::{Nesting, nest};
use super::pyramid::Lanes;
use super::recent::Recent;
use super::select::{LeftOut, Selection, Selector};
use super::tables::{
    Container, CounterSeries, Family, FlowKind, Flows, Header, Index, Instants, Key, NO_PARENT, Pairs,
    Process, Slices, Track, category_text,
};
use super::tally::Tally;

/// Stands for the row of a begin that is left out.
const LEFT_OUT: u32 = u32::MAX;
/// Bytes a row takes while a file is read.
const ROW_BYTES: u64 = 34;
/// Bytes that finishing takes a row on top: parent, depth, lane and role, the order, and a column on its way.
const FINISH_BYTES: u64 = 16;
const EDGE_BYTES: u64 = size_of::<Edge>() as u64;
/// An [`Instants`] row, and its place in the order.
const INSTANT_BYTES: u64 = 26 + 8;
/// A [`Memory`] row, and its place in the order.
const MEMORY_BYTES: u64 = Memory::ROW_BYTES as u64 + 8;
/// A [`Flows`] row, and its place in the order.
const FLOW_BYTES: u64 = 23 + 8;
/// Time and value of a counter, in vectors that grow by doubling.
const SAMPLE_BYTES: u64 = 32;
/// A track, its key in the hash table, its metadata: about so much.
const TRACK_BYTES: u64 = 200;

/// What the categories past the first 65 535 are called together.
const OTHER_CATEGORIES: &str = "(other)";

/// The category whose slices nest by themselves (see [`Family`]).
pub const PYTHON: &str = "python_function";

/// Events in the order of the file.
#[derive(Clone, Default)]
struct Rows {
    start: Column<i64>,
    dur: Column<i64>,
    at: Column<u64>,
    name: Column<u32>,
    track: Column<u32>,
    category: Column<u16>,
}

/// A begin or an end, until they are matched.
#[derive(Clone, Copy)]
struct Edge {
    track: u32,
    ts: i64,
    at: u64,
    name: u32,
    category: u16,
    /// `None`: an end. Else the begin's row in `edge_args`' numbering.
    begin: Option<u32>,
}

#[derive(Clone, Default)]
struct ThreadMeta {
    name: Option<NameId>,
    sort_index: Option<i64>,
}

/// Takes events, gives an [`Index`]. A clone finished early gives the answers of the first part of a trace.
#[derive(Clone)]
pub struct Builder {
    specs: &'static [ArgSpec],
    names: Names,
    scratch: Vec<u8>,
    categories: Vec<NameId>,
    category_by_name: FxHashMap<NameId, u16>,
    python: Option<u16>,
    rows: Rows,
    edges: Vec<Edge>,
    n_begins: u32,
    /// Args of begins, in the order of the begins.
    edge_args: Vec<(u32, Value)>,
    args: ArgRows,
    /// The args of one event.
    values: Vec<Value>,
    tracks: Vec<(Key, Key, Family)>,
    track_by_key: FxHashMap<(Key, Key, Family), u32>,
    recent_tracks: Recent<(Word, Word, Family), u32>,
    recent_categories: Recent<Word, u16>,
    threads: FxHashMap<(Key, Key), ThreadMeta>,
    processes: Vec<Process>,
    process_by_pid: FxHashMap<Key, usize>,
    instants: Rows,
    memory: Memory,
    counters: Vec<CounterSeries>,
    counter_by_key: FxHashMap<(Key, Key, NameId, NameId), u32>,
    flow_ts: Column<i64>,
    flow_id: Column<u64>,
    flow_track: Column<u32>,
    flow_category: Column<u16>,
    flow_kind: Column<FlowKind>,
    header: Header,
    n_events: u64,
    n_samples: u64,
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
            categories: Vec::new(),
            category_by_name: FxHashMap::default(),
            python: None,
            rows: Rows::default(),
            edges: Vec::new(),
            n_begins: 0,
            edge_args: Vec::new(),
            args: ArgRows::new(specs),
            values: Vec::new(),
            tracks: Vec::new(),
            track_by_key: FxHashMap::default(),
            recent_tracks: Recent::default(),
            recent_categories: Recent::default(),
            threads: FxHashMap::default(),
            processes: Vec::new(),
            process_by_pid: FxHashMap::default(),
            instants: Rows::default(),
            memory: Memory::default(),
            counters: Vec::new(),
            counter_by_key: FxHashMap::default(),
            flow_ts: Column::default(),
            flow_id: Column::default(),
            flow_track: Column::default(),
            flow_category: Column::default(),
            flow_kind: Column::default(),
            header: Header::default(),
            n_events: 0,
            n_samples: 0,
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
    pub fn tally(&self) -> impl Iterator<Item = (&str, super::tally::Share)> {
        let ids = (0..=u16::MAX).map(CategoryId);
        let shares = ids.zip(self.tally.by_category());
        shares.map(|(id, share)| (self.category_text(id), *share))
    }

    /// Bytes held now, about.
    pub fn bytes(&self) -> u64 {
        let tracks = self.tracks.len() + self.threads.len() + self.processes.len() + self.counters.len();
        self.rows.start.len() as u64 * ROW_BYTES
            + self.edges.len() as u64 * EDGE_BYTES
            + (self.edge_args.len() * size_of::<(u32, Value)>()) as u64
            + self.args.bytes() as u64
            + self.instants.start.len() as u64 * INSTANT_BYTES
            + self.memory.len() as u64 * MEMORY_BYTES
            + self.flow_ts.len() as u64 * FLOW_BYTES
            + self.n_samples * SAMPLE_BYTES
            + tracks as u64 * TRACK_BYTES
            + self.names.bytes() as u64
    }

    /// Bytes that finishing would take on top of these, about.
    pub fn finishing_bytes(&self) -> u64 {
        // Ordering edges takes half of them again; each begin has a place for its row.
        let edges = self.edges.len() as u64 * EDGE_BYTES / 2 + u64::from(self.n_begins) * (ROW_BYTES + 8);
        (self.rows.start.len() as u64 + u64::from(self.n_begins)) * FINISH_BYTES + edges
    }

    fn category_text(&self, id: CategoryId) -> &str {
        category_text(&self.categories, &self.names, id)
    }

    /// Whether the selection keeps an event; begins and ends wait until they are matched.
    fn keeps(&mut self, event: &Event<'_>, phase: Phase, ts: i64) -> bool {
        if self.selector.is_none() || matches!(phase, Phase::Begin | Phase::End) {
            return true;
        }
        let dur = match phase {
            Phase::Complete => event.dur().micros().filter(|&ns| ns >= 0).unwrap_or(0),
            _ => 0,
        };
        let category = CategoryId(self.category(event));
        self.keeps_row(category, Span::new(ts, ts.saturating_add(dur)), 1)
    }

    /// Whether the selection keeps a row that `n` events make.
    fn keeps_row(&mut self, category: CategoryId, span: Span, n: u64) -> bool {
        let (categories, names) = (&self.categories, &self.names);
        let keeps = self
            .selector
            .as_mut()
            .is_none_or(|s| s.keeps(category, span, n, |id| category_text(categories, names, id)));
        if !keeps {
            self.n_events -= n;
        }
        keeps
    }

    fn name(&mut self, scalar: Scalar<'_>, at: u64) -> NameId {
        let bytes = match scalar {
            Scalar::Text(raw) => {
                let (bytes, bad_escape) = raw.text(&mut self.scratch);
                if bad_escape {
                    self.defects.add(DefectKind::BadEscape, Some(at));
                }
                bytes
            }
            Scalar::Bare(text) => text,
            _ => return Names::EMPTY,
        };
        let known = self.names.len();
        let (id, repaired) = self.names.intern_bytes(bytes);
        if repaired {
            self.defects.add(DefectKind::InvalidUtf8, Some(at));
        }
        // Looked at once a distinct name: an escaped line break is legal, a raw one is not.
        if self.names.len() > known
            && let Scalar::Text(raw) = scalar
            && raw.raw.iter().any(|&b| b < 0x20)
        {
            self.defects.add(DefectKind::ControlCharacter, Some(at));
        }
        id
    }

    fn category(&mut self, event: &Event<'_>) -> u16 {
        let word = event.word(Field::Category);
        if let Some(word) = word
            && let Some(id) = self.recent_categories.get(word.hash(), word)
        {
            return id;
        }
        let id = self.category_id(event);
        if let Some(word) = word {
            self.recent_categories.set(word.hash(), word, id);
        }
        id
    }

    fn category_id(&mut self, event: &Event<'_>) -> u16 {
        let name = self.name(event.category(), event.at);
        if let Some(&id) = self.category_by_name.get(&name) {
            return id;
        }
        // A trace has a few dozen.
        let id = u16::try_from(self.categories.len()).unwrap_or(u16::MAX);
        if id == u16::MAX {
            if self.categories.len() == usize::from(id) {
                let rest = self.names.intern(OTHER_CATEGORIES);
                self.categories.push(rest);
            }
            self.defects.add(DefectKind::TooManyCategories, Some(event.at));
        } else {
            if self.names.get(name) == PYTHON {
                self.python = Some(id);
            }
            self.categories.push(name);
        }
        self.category_by_name.insert(name, id);
        id
    }

    fn key(&mut self, scalar: Scalar<'_>, at: u64) -> Key {
        match scalar {
            Scalar::Bare(text) => match crate::ingest::event::parse_int(text) {
                Some(n) => Key::Int(n),
                None => Key::Text(self.name(scalar, at)),
            },
            _ => Key::Text(self.name(scalar, at)),
        }
    }

    fn track(&mut self, event: &Event<'_>, family: Family) -> u32 {
        let words = event.word(Field::Pid).zip(event.word(Field::Tid));
        let word = words.map(|(pid, tid)| (pid.hash().rotate_left(7) ^ tid.hash(), (pid, tid, family)));
        if let Some((hash, word)) = word
            && let Some(id) = self.recent_tracks.get(hash, word)
        {
            return id;
        }
        let key = (
            self.key(event.pid(), event.at),
            self.key(event.tid(), event.at),
            family,
        );
        let next = u32::try_from(self.tracks.len()).unwrap_or(u32::MAX);
        let id = *self.track_by_key.entry(key).or_insert(next);
        if id == next {
            self.tracks.push(key);
        }
        if let Some((hash, word)) = word {
            self.recent_tracks.set(hash, word, id);
        }
        id
    }

    /// Category, track and name of an event that becomes a slice.
    fn place(&mut self, event: &Event<'_>) -> (u16, u32, NameId) {
        let category = self.category(event);
        let family = if Some(category) == self.python {
            Family::Python
        } else {
            Family::Main
        };
        (
            category,
            self.track(event, family),
            self.name(event.name(), event.at),
        )
    }

    /// Takes the wanted args of an event to `values`.
    fn read_args(&mut self, event: &Event<'_>) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        for (spec, value) in event.wanted_args() {
            let number = match self.specs[spec].kind {
                ArgKind::Int => value.int(),
                ArgKind::Text => match value {
                    Scalar::Text(_) | Scalar::Bare(_) => Some(i64::from(self.name(value, event.at).0)),
                    _ => None,
                },
                ArgKind::Json => match value {
                    Scalar::Nested(text) => Some(i64::from(self.names.intern_bytes(text).0.0)),
                    _ => None,
                },
            };
            if let (Some(number), Ok(spec)) = (number, u16::try_from(spec)) {
                values.push((spec, number));
            }
        }
        self.values = values;
    }

    fn complete(&mut self, event: &Event<'_>, ts: i64) {
        let dur = match event.dur() {
            Scalar::Missing | Scalar::Null => {
                self.defects.add(DefectKind::MissingDuration, Some(event.at));
                0
            }
            dur => match dur.micros() {
                Some(ns) if ns < 0 => {
                    self.defects.add(DefectKind::NegativeDuration, Some(event.at));
                    0
                }
                Some(ns) if ts.saturating_add(ns) < CLOCK_END_NS => ns,
                _ => {
                    self.defects.add(DefectKind::OversizedDuration, Some(event.at));
                    0
                }
            },
        };
        let Ok(row) = u32::try_from(self.rows.start.len() + self.n_begins as usize) else {
            self.defects.add(DefectKind::TooManyRows, Some(event.at));
            return;
        };
        let row = row - self.n_begins;
        let (category, track, name) = self.place(event);
        self.rows.start.push(ts);
        self.rows.dur.push(dur);
        self.rows.at.push(event.at);
        self.rows.name.push(name.0);
        self.rows.track.push(track);
        self.rows.category.push(category);
        self.read_args(event);
        let args = self.args.push(row, &self.values);
        let held = ROW_BYTES + FINISH_BYTES + args as u64;
        self.tally.add(category, event.text().len(), held);
    }

    fn edge(&mut self, event: &Event<'_>, ts: i64, is_begin: bool) {
        let (category, track, name) = self.place(event);
        let begin = is_begin.then_some(self.n_begins);
        if is_begin {
            self.read_args(event);
            let n = self.n_begins;
            self.edge_args.extend(self.values.iter().map(|&value| (n, value)));
            self.n_begins += 1;
        }
        self.edges.push(Edge {
            track,
            ts,
            at: event.at,
            name: name.0,
            category,
            begin,
        });
        let row = if is_begin { ROW_BYTES + 8 + FINISH_BYTES } else { 0 };
        let held = EDGE_BYTES * 3 / 2 + row;
        self.tally.add(category, event.text().len(), held);
    }

    fn instant(&mut self, event: &Event<'_>, ts: i64) {
        let track = self.track(event, Family::Main);
        let category = self.category(event);
        if let Scalar::Text(raw) = event.name()
            && raw.raw == MEMORY
            && let Some(said) = Said::of(event.args())
            && self.memory.push(ts, track, &said)
        {
            return self.tally.add(category, event.text().len(), MEMORY_BYTES);
        }
        let name = self.name(event.name(), event.at);
        self.instants.start.push(ts);
        self.instants.at.push(event.at);
        self.instants.name.push(name.0);
        self.instants.track.push(track);
        self.instants.category.push(category);
        self.tally.add(category, event.text().len(), INSTANT_BYTES);
    }

    fn counter(&mut self, event: &Event<'_>, ts: i64) {
        let (pid, tid) = (self.key(event.pid(), event.at), self.key(event.tid(), event.at));
        let name = self.name(event.name(), event.at);
        let mut n_samples = 0;
        for (key, value, _) in args(event.args()) {
            let Some(number) = value.float() else {
                if matches!(value, Scalar::Bare(_)) {
                    self.defects.add(DefectKind::NotANumber, Some(event.at));
                }
                continue;
            };
            let key = self.name(Scalar::Text(key), event.at);
            let next = u32::try_from(self.counters.len()).unwrap_or(u32::MAX);
            let id = *self.counter_by_key.entry((pid, tid, name, key)).or_insert(next);
            if id == next {
                self.counters.push(CounterSeries {
                    pid,
                    tid,
                    name,
                    key,
                    ts: Vec::new(),
                    value: Vec::new(),
                });
            }
            let series = &mut self.counters[id as usize];
            series.ts.push(ts);
            series.value.push(number);
            n_samples += 1;
        }
        self.n_samples += n_samples;
        self.tally.add_other(event.text().len(), n_samples * SAMPLE_BYTES);
    }

    fn flow(&mut self, event: &Event<'_>, ts: i64, kind: FlowKind) {
        let track = self.track(event, Family::Main);
        let category = self.category(event);
        self.flow_ts.push(ts);
        self.flow_id.push(flow_id(event.id()));
        self.flow_track.push(track);
        self.flow_category.push(category);
        self.flow_kind.push(kind);
        self.tally.add(category, event.text().len(), FLOW_BYTES);
    }

    fn metadata(&mut self, event: &Event<'_>) {
        let Scalar::Text(what) = event.name() else { return };
        let pid = self.key(event.pid(), event.at);
        let tid = self.key(event.tid(), event.at);
        let mut text = None;
        let mut number = None;
        for (key, value, _) in args(event.args()) {
            match key.raw {
                b"name" | b"labels" => text = Some(value),
                b"sort_index" => number = value.int(),
                _ => {}
            }
        }
        let text = text.map(|t| self.name(t, event.at));
        match what.raw {
            b"process_name" | b"process_labels" | b"process_sort_index" => {
                let i = *self.process_by_pid.entry(pid).or_insert_with(|| {
                    self.processes.push(Process {
                        pid,
                        name: None,
                        labels: None,
                        sort_index: None,
                    });
                    self.processes.len() - 1
                });
                let process = &mut self.processes[i];
                match what.raw {
                    b"process_name" => process.name = text.or(process.name),
                    b"process_labels" => process.labels = text.or(process.labels),
                    _ => process.sort_index = number.or(process.sort_index),
                }
            }
            b"thread_name" | b"thread_sort_index" => {
                let thread = self.threads.entry((pid, tid)).or_default();
                thread.name = text.filter(|_| what.raw == b"thread_name").or(thread.name);
                thread.sort_index = number.or(thread.sort_index);
            }
            _ => {}
        }
    }

    /// The index of all events so far, and what was wrong with them.
    pub fn finish(mut self, bare_array: bool) -> (Index, Defects) {
        let first_pair = self.rows.start.len();
        let end_at = self.match_edges();
        let left_out = self.left_out();
        let mut index = Index {
            container: if bare_array {
                Container::Array
            } else {
                Container::Object
            },
            categories: self.categories,
            header: self.header,
            n_events: self.n_events,
            tally: self.tally,
            left_out,
            ..Index::default()
        };
        let order = by_track_and_start(&self.rows, self.tracks.len());
        let mut ends = vec![0u32; self.tracks.len()];
        for track in self.rows.track.iter() {
            ends[track as usize] += 1;
        }
        drop(std::mem::take(&mut self.rows.track));
        index.slices = Slices {
            start: self.rows.start.gather(&order),
            dur: self.rows.dur.gather(&order),
            at: self.rows.at.gather(&order),
            name: self.rows.name.gather(&order),
            category: self.rows.category.gather(&order),
            parent: Column::default(),
            depth: Column::default(),
        };
        index.args = self.args.finish(&order);
        index.pairs = Pairs::placed(first_pair, &end_at, &order);
        drop(end_at);
        drop(order);
        let mut from = 0u32;
        for (&(pid, tid, family), count) in self.tracks.iter().zip(ends) {
            let rows = from..from + count;
            let range = rows.start as usize..rows.end as usize;
            let slices = &index.slices;
            let nesting = nest(slices.start.range(range.clone()).zip(slices.dur.range(range)));
            self.defects.add_many(
                DefectKind::PartialOverlap,
                nesting.n_overlaps,
                nesting.first_overlap.map(|i| index.slices.at[from as usize + i]),
            );
            self.defects.add_many(
                DefectKind::TooDeep,
                nesting.n_too_deep,
                nesting.first_too_deep.map(|i| index.slices.at[from as usize + i]),
            );
            let Nesting {
                depth,
                parent,
                n_depths,
                ..
            } = nesting;
            index.slices.depth.extend(depth);
            index
                .slices
                .parent
                .extend(parent.iter().map(|&p| if p == NO_PARENT { p } else { p + from }));
            let meta = self.threads.get(&(pid, tid));
            index.tracks.push(Track {
                pid,
                tid,
                family,
                rows,
                n_depths,
                name: meta.and_then(|m| m.name),
                sort_index: meta.and_then(|m| m.sort_index),
            });
            from += count;
        }
        index.lanes = Lanes::build(&index.slices, &index.tracks);
        index.instants = sorted_instants(self.instants);
        index.memory = self.memory.sorted();
        index.flows = sorted_flows(
            self.flow_ts,
            self.flow_id,
            self.flow_track,
            self.flow_category,
            self.flow_kind,
        );
        for series in &mut self.counters {
            sort_series(series);
        }
        index.counters = self.counters;
        index.processes = self.processes;
        index.process_by_pid = self.process_by_pid;
        index.names = self.names;
        (index, self.defects)
    }

    /// Makes slices of begins and ends: on each track, in order of time (the file's order for equal times), an
    /// end closes the innermost open begin of its name, or the innermost one if it has no name. Gives, for each row
    /// made, where its end stands.
    fn match_edges(&mut self) -> Column<u64> {
        let mut end_at = Column::default();
        let mut edges = std::mem::take(&mut self.edges);
        edges.sort_by_key(|e| (e.track, e.ts, e.at));
        let mut slice_of_begin: Vec<Option<u32>> = vec![None; self.n_begins as usize];
        // Each begin stands in both; one that was closed by way of the other is passed over.
        let mut open: Vec<Edge> = Vec::new();
        let mut open_by_name: FxHashMap<u32, Vec<Edge>> = FxHashMap::default();
        let is_open = |begin: &Edge, slice_of_begin: &[Option<u32>]| {
            begin.begin.is_some_and(|b| slice_of_begin[b as usize].is_none())
        };
        for group in edges.chunk_by(|a, b| a.track == b.track) {
            for edge in group {
                if edge.begin.is_some() {
                    open.push(*edge);
                    open_by_name.entry(edge.name).or_default().push(*edge);
                    continue;
                }
                let candidates = if edge.name == Names::EMPTY.0 {
                    Some(&mut open)
                } else {
                    open_by_name.get_mut(&edge.name)
                };
                let mut candidates = candidates
                    .into_iter()
                    .flat_map(|c| std::iter::from_fn(|| c.pop()));
                match candidates.find(|begin| is_open(begin, &slice_of_begin)) {
                    Some(begin) => {
                        if self.push_matched(begin, edge.ts, 2, &mut slice_of_begin) {
                            end_at.push(edge.at);
                        }
                    }
                    None => self.defects.add(DefectKind::EndWithoutBegin, Some(edge.at)),
                }
            }
            let last = group.last().map_or(0, |e| e.ts);
            for begin in open.drain(..) {
                if is_open(&begin, &slice_of_begin) {
                    self.defects.add(DefectKind::BeginWithoutEnd, Some(begin.at));
                    if self.push_matched(begin, last, 1, &mut slice_of_begin) {
                        end_at.push(Pairs::NO_END);
                    }
                }
            }
            open_by_name.clear();
        }
        for of_begin in std::mem::take(&mut self.edge_args).chunk_by(|a, b| a.0 == b.0) {
            if let Some(row) = slice_of_begin[of_begin[0].0 as usize].filter(|&row| row != LEFT_OUT) {
                self.values.clear();
                self.values.extend(of_begin.iter().map(|&(_, value)| value));
                self.args.push(row, &self.values);
            }
        }
        end_at
    }

    /// Makes a slice of a begin, unless the selection leaves it out; `n` events are matched. Whether it did.
    fn push_matched(&mut self, begin: Edge, end: i64, n: u64, slice_of_begin: &mut [Option<u32>]) -> bool {
        let Ok(row) = u32::try_from(self.rows.start.len()) else {
            return false;
        };
        let kept = self.keeps_row(CategoryId(begin.category), Span::new(begin.ts, end), n);
        if let Some(slot) = begin.begin.and_then(|b| slice_of_begin.get_mut(b as usize)) {
            *slot = Some(if kept { row } else { LEFT_OUT });
        }
        if !kept {
            return false;
        }
        self.rows.start.push(begin.ts);
        self.rows.dur.push(end.saturating_sub(begin.ts).max(0));
        self.rows.at.push(begin.at);
        self.rows.name.push(begin.name);
        self.rows.track.push(begin.track);
        self.rows.category.push(begin.category);
        true
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
            Phase::NotDrawn | Phase::Unknown => {
                self.tally.add_other(event.text().len(), 0);
                return self.defects.add(DefectKind::UnknownPhase, Some(event.at));
            }
            _ => {}
        }
        let Some(ts) = event.ts().micros() else {
            self.tally.add_other(event.text().len(), 0);
            return self.defects.add(DefectKind::MissingTimestamp, Some(event.at));
        };
        let (first, last) = self.times.get_or_insert((ts, ts));
        (*first, *last) = (ts.min(*first), ts.max(*last));
        if !self.keeps(event, phase, ts) {
            return;
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
            Phase::Metadata | Phase::Missing | Phase::NotDrawn | Phase::Unknown => {}
        }
    }

    fn header(&mut self, key: &[u8], value: &[u8]) {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        self.header.entries.push((text(key), text(value)));
    }
}

/// A flow's id: a number, or a text's hash, so that equal ids stay equal. 0 if it has none.
pub fn flow_id(id: Scalar<'_>) -> u64 {
    use std::hash::BuildHasher;
    let (Scalar::Bare(text) | Scalar::Text(crate::ingest::event::Raw { raw: text })) = id else {
        return 0;
    };
    match crate::ingest::event::parse_int(text) {
        Some(n) => n.cast_unsigned(),
        None => rustc_hash::FxBuildHasher.hash_one(text),
    }
}

/// Rows in the order of (track, start, longest first, place in the file). Tracers write most threads in
/// order, so a counting sort by track leaves little to do.
fn by_track_and_start(rows: &Rows, n_tracks: usize) -> Vec<u32> {
    let mut next = vec![0u32; n_tracks + 1];
    for track in rows.track.iter() {
        next[track as usize + 1] += 1;
    }
    for i in 1..next.len() {
        next[i] += next[i - 1];
    }
    let first = next.clone();
    let mut order = vec![0u32; rows.track.len()];
    for (row, track) in (0u32..).zip(rows.track.iter()) {
        let slot = &mut next[track as usize];
        order[*slot as usize] = row;
        *slot += 1;
    }
    for bounds in first.windows(2) {
        let part = &mut order[bounds[0] as usize..bounds[1] as usize];
        let key = |row: &u32| {
            let row = *row as usize;
            (
                rows.start.get(row),
                std::cmp::Reverse(rows.dur.get(row)),
                rows.at.get(row),
            )
        };
        if !part.is_sorted_by_key(key) {
            part.sort_unstable_by_key(key);
        }
    }
    order
}

fn sorted_instants(rows: Rows) -> Instants {
    let mut order: Vec<u32> = (0u32..).take(rows.start.len()).collect();
    order.sort_by_key(|&row| rows.start.get(row as usize));
    Instants {
        ts: rows.start.gather(&order),
        at: rows.at.gather(&order),
        name: rows.name.gather(&order),
        track: rows.track.gather(&order),
        category: rows.category.gather(&order),
    }
}

fn sorted_flows(
    ts: Column<i64>,
    id: Column<u64>,
    track: Column<u32>,
    category: Column<u16>,
    kind: Column<FlowKind>,
) -> Flows {
    let mut order: Vec<u32> = (0u32..).take(ts.len()).collect();
    order.sort_by_key(|&row| ts.get(row as usize));
    Flows {
        ts: ts.gather(&order),
        id: id.gather(&order),
        track: track.gather(&order),
        category: category.gather(&order),
        kind: kind.gather(&order),
    }
}

fn sort_series(series: &mut CounterSeries) {
    if !series.ts.is_sorted() {
        let mut pairs: Vec<(i64, f64)> = series
            .ts
            .iter()
            .copied()
            .zip(series.value.iter().copied())
            .collect();
        pairs.sort_by_key(|p| p.0);
        (series.ts, series.value) = pairs.into_iter().unzip();
    }
}
