//! Events to columns.
//!
//! While events come in, rows stand in the order of the file, in columns that never move. [`Builder::finish`]
//! matches begins with ends, sorts, nests, and gives an [`Index`].

use rustc_hash::FxHashMap;

use crate::base::{DefectKind, Defects, NameId, Names};
use crate::ingest::event::args;
use crate::ingest::{ArgKind, ArgSpec, Event, Field, Phase, Scalar, Sink, Word};

use super::column::Column;
use super::nest::{Nesting, nest};
use super::pyramid::Lanes;
use super::recent::Recent;
use super::tables::{
    ArgColumn, Container, CounterSeries, Family, FlowKind, Flows, Header, Index, Instants, Key, NO_PARENT,
    Process, Slices, Track,
};

/// The category whose slices nest by themselves (see [`Family`]).
const PYTHON: &str = "python_function";

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
    /// For begins: spec, begin, value.
    edge_args: Vec<(u16, u32, i64)>,
    arg_row: Vec<Column<u32>>,
    arg_value: Vec<Column<i64>>,
    tracks: Vec<(Key, Key, Family)>,
    track_by_key: FxHashMap<(Key, Key, Family), u32>,
    recent_tracks: Recent<(Word, Word, Family), u32>,
    recent_categories: Recent<Word, u16>,
    threads: FxHashMap<(Key, Key), ThreadMeta>,
    processes: Vec<Process>,
    instants: Rows,
    counters: Vec<CounterSeries>,
    counter_by_key: FxHashMap<(Key, Key, NameId, NameId), u32>,
    flow_ts: Column<i64>,
    flow_id: Column<u64>,
    flow_track: Column<u32>,
    flow_category: Column<u16>,
    flow_kind: Column<u8>,
    header: Header,
    n_events: u64,
    defects: Defects,
}

impl Builder {
    /// `specs` are the args that become columns; the scanner must have been made with the same.
    pub fn new(specs: &'static [ArgSpec]) -> Builder {
        let columns = || specs.iter().map(|_| Column::default()).collect();
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
            arg_row: columns(),
            arg_value: specs.iter().map(|_| Column::default()).collect(),
            tracks: Vec::new(),
            track_by_key: FxHashMap::default(),
            recent_tracks: Recent::default(),
            recent_categories: Recent::default(),
            threads: FxHashMap::default(),
            processes: Vec::new(),
            instants: Rows::default(),
            counters: Vec::new(),
            counter_by_key: FxHashMap::default(),
            flow_ts: Column::default(),
            flow_id: Column::default(),
            flow_track: Column::default(),
            flow_category: Column::default(),
            flow_kind: Column::default(),
            header: Header::default(),
            n_events: 0,
            defects: Defects::default(),
        }
    }

    /// Events taken so far.
    pub fn n_events(&self) -> u64 {
        self.n_events
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
        // A trace has a few dozen; past 65 535 they are one.
        let id = u16::try_from(self.categories.len()).unwrap_or(u16::MAX);
        if usize::from(id) == self.categories.len() {
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

    fn arg_value(&mut self, spec: usize, value: Scalar<'_>, at: u64) -> Option<i64> {
        match self.specs[spec].kind {
            ArgKind::Int => value.int(),
            ArgKind::Text => match value {
                Scalar::Text(_) | Scalar::Bare(_) => Some(i64::from(self.name(value, at).0)),
                _ => None,
            },
        }
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
                Some(ns) if ts.checked_add(ns).is_some() => ns,
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
        for (spec, value) in event.wanted_args() {
            if let Some(value) = self.arg_value(spec, value, event.at) {
                self.arg_row[spec].push(row);
                self.arg_value[spec].push(value);
            }
        }
    }

    fn edge(&mut self, event: &Event<'_>, ts: i64, is_begin: bool) {
        let (category, track, name) = self.place(event);
        let begin = is_begin.then_some(self.n_begins);
        if is_begin {
            for (spec, value) in event.wanted_args() {
                if let Some(value) = self.arg_value(spec, value, event.at)
                    && let Ok(spec) = u16::try_from(spec)
                {
                    self.edge_args.push((spec, self.n_begins, value));
                }
            }
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
    }

    fn instant(&mut self, event: &Event<'_>, ts: i64) {
        let track = self.track(event, Family::Main);
        let category = self.category(event);
        let name = self.name(event.name(), event.at);
        self.instants.start.push(ts);
        self.instants.at.push(event.at);
        self.instants.name.push(name.0);
        self.instants.track.push(track);
        self.instants.category.push(category);
    }

    fn counter(&mut self, event: &Event<'_>, ts: i64) {
        let (pid, tid) = (self.key(event.pid(), event.at), self.key(event.tid(), event.at));
        let name = self.name(event.name(), event.at);
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
        }
    }

    fn flow(&mut self, event: &Event<'_>, ts: i64, kind: FlowKind) {
        let track = self.track(event, Family::Main);
        let category = self.category(event);
        let id = match event.id() {
            Scalar::Bare(text) | Scalar::Text(crate::ingest::event::Raw { raw: text }) => flow_id(text),
            _ => 0,
        };
        self.flow_ts.push(ts);
        self.flow_id.push(id);
        self.flow_track.push(track);
        self.flow_category.push(category);
        self.flow_kind.push(kind as u8);
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
                let i = self
                    .processes
                    .iter()
                    .position(|p| p.pid == pid)
                    .unwrap_or_else(|| {
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
        self.match_edges();
        let mut index = Index {
            container: if bare_array {
                Container::Array
            } else {
                Container::Object
            },
            categories: self.categories,
            header: self.header,
            n_events: self.n_events,
            ..Index::default()
        };
        let n = self.rows.start.len();
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
            parent: Vec::with_capacity(n),
            depth: Vec::with_capacity(n),
        };
        index.args = arg_columns(self.specs, self.arg_row, self.arg_value, &order);
        drop(order);
        let mut from = 0u32;
        for (&(pid, tid, family), count) in self.tracks.iter().zip(ends) {
            let rows = from..from + count;
            let range = rows.start as usize..rows.end as usize;
            let nesting = nest(&index.slices.start[range.clone()], &index.slices.dur[range]);
            self.defects.add_many(
                DefectKind::PartialOverlap,
                nesting.n_overlaps,
                nesting.first_overlap.map(|i| index.slices.at[from as usize + i]),
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
        index.names = self.names;
        (index, self.defects)
    }

    /// Makes slices of begins and ends: on each track, in order of time (the file's order for equal times), an
    /// end closes the innermost open begin of its name, or the innermost one if it has no name.
    fn match_edges(&mut self) {
        let mut edges = std::mem::take(&mut self.edges);
        edges.sort_by_key(|e| (e.track, e.ts, e.at));
        let mut slice_of_begin = vec![None; self.n_begins as usize];
        let mut open: Vec<Edge> = Vec::new();
        for group in edges.chunk_by(|a, b| a.track == b.track) {
            for edge in group {
                if edge.begin.is_some() {
                    open.push(*edge);
                    continue;
                }
                let matching = if edge.name == Names::EMPTY.0 {
                    open.len().checked_sub(1)
                } else {
                    open.iter().rposition(|b| b.name == edge.name)
                };
                match matching {
                    Some(i) => {
                        let begin = open.remove(i);
                        self.push_matched(begin, edge.ts, &mut slice_of_begin);
                    }
                    None => self.defects.add(DefectKind::EndWithoutBegin, Some(edge.at)),
                }
            }
            let last = group.last().map_or(0, |e| e.ts);
            for begin in open.drain(..) {
                self.defects.add(DefectKind::BeginWithoutEnd, Some(begin.at));
                self.push_matched(begin, last, &mut slice_of_begin);
            }
        }
        for (spec, begin, value) in std::mem::take(&mut self.edge_args) {
            if let Some(row) = slice_of_begin[begin as usize] {
                self.arg_row[usize::from(spec)].push(row);
                self.arg_value[usize::from(spec)].push(value);
            }
        }
    }

    fn push_matched(&mut self, begin: Edge, end: i64, slice_of_begin: &mut [Option<u32>]) {
        let Ok(row) = u32::try_from(self.rows.start.len()) else {
            return;
        };
        if let Some(slot) = begin.begin.and_then(|b| slice_of_begin.get_mut(b as usize)) {
            *slot = Some(row);
        }
        self.rows.start.push(begin.ts);
        self.rows.dur.push(end.saturating_sub(begin.ts).max(0));
        self.rows.at.push(begin.at);
        self.rows.name.push(begin.name);
        self.rows.track.push(begin.track);
        self.rows.category.push(begin.category);
    }
}

impl Sink for Builder {
    fn event(&mut self, event: &Event<'_>) {
        self.n_events += 1;
        match event.phase() {
            Phase::Metadata => return self.metadata(event),
            Phase::Missing => return self.defects.add(DefectKind::MissingPhase, Some(event.at)),
            Phase::NotDrawn | Phase::Unknown => {
                return self.defects.add(DefectKind::UnknownPhase, Some(event.at));
            }
            _ => {}
        }
        let Some(ts) = event.ts().micros() else {
            return self.defects.add(DefectKind::MissingTimestamp, Some(event.at));
        };
        match event.phase() {
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

/// A flow's id: a number, or a text's hash, so that equal ids stay equal.
fn flow_id(text: &[u8]) -> u64 {
    use std::hash::BuildHasher;
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

/// Arg columns in the numbering of `order`.
fn arg_columns(
    specs: &[ArgSpec],
    rows: Vec<Column<u32>>,
    values: Vec<Column<i64>>,
    order: &[u32],
) -> Vec<ArgColumn> {
    let any = rows.iter().any(|r| !r.is_empty());
    let mut place = Vec::new();
    if any {
        place = vec![0u32; order.len()];
        for (new, &old) in (0u32..).zip(order) {
            place[old as usize] = new;
        }
    }
    let mut out = Vec::new();
    for ((&spec, rows), values) in specs.iter().zip(rows).zip(values) {
        if rows.is_empty() {
            continue;
        }
        let mut pairs: Vec<(u32, i64)> = rows
            .iter()
            .map(|r| place[r as usize])
            .zip(values.iter())
            .collect();
        drop((rows, values));
        pairs.sort_unstable_by_key(|p| p.0);
        let (row, value) = pairs.into_iter().unzip();
        out.push(ArgColumn { spec, row, value });
    }
    out
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
    kind: Column<u8>,
) -> Flows {
    let mut order: Vec<u32> = (0u32..).take(ts.len()).collect();
    order.sort_by_key(|&row| ts.get(row as usize));
    let kinds = [FlowKind::Start, FlowKind::Step, FlowKind::End];
    Flows {
        ts: ts.gather(&order),
        id: id.gather(&order),
        track: track.gather(&order),
        category: category.gather(&order),
        kind: kind
            .gather(&order)
            .into_iter()
            .map(|k| kinds[usize::from(k)])
            .collect(),
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
