//! Begins and ends: kept until all have come, then matched to slices.

use rustc_hash::FxHashMap;

use super::asynchronous::is_asynchronous;
use super::{Builder, FINISH_BYTES, ROW_BYTES};
use crate::base::{CategoryId, DefectKind, NameId, Names, Span};
use crate::index::args::Value;
use crate::index::column::Column;
use crate::index::cpu_time::is_beyond;
use crate::index::trace_columns::{Key, Pairs};
use crate::ingest::{Event, Field};

/// Stands for the row of a begin that is left out.
const LEFT_OUT: u32 = u32::MAX;
/// The number of an end without args.
const NO_ARGS: u32 = u32::MAX;
const EDGE_BYTES: u64 = size_of::<Edge>() as u64;

/// A begin or an end, until they are matched.
#[derive(Clone, Copy)]
struct Edge {
    /// A track, or what makes asynchronous events one, see [`asynchronous`](super::asynchronous).
    track: u32,
    ts: i64,
    at: u64,
    name: u32,
    /// A begin's place among begins, an end's among ends with args, or [`NO_ARGS`].
    number: u32,
    category: u16,
    is_begin: bool,
}

/// Args of begins or of ends, each with the number of the edge, ascending.
type EdgeArgs = Vec<(u32, Value)>;

/// All begins and ends so far, in the order of the file.
#[derive(Clone, Default)]
pub struct Edges {
    rows: Vec<Edge>,
    n_begins: u32,
    n_ends_with_args: u32,
    args: EdgeArgs,
    end_args: EdgeArgs,
    /// The thread's own clock at an edge, with the edge's byte; in the order of the file.
    thread_times: Vec<(u64, i64)>,
}

impl Edges {
    pub fn n_begins(&self) -> u32 {
        self.n_begins
    }

    pub fn times(&self) -> impl Iterator<Item = i64> + '_ {
        self.rows.iter().map(|edge| edge.ts)
    }

    /// Drops those at other times, given time and place in the file.
    pub fn retain(&mut self, mut keeps: impl FnMut(i64, u64) -> bool) {
        self.rows.retain(|edge| keeps(edge.ts, edge.at));
    }

    /// What the thread's own clock says at the edge that stands at this byte.
    fn thread_time(&self, at: u64) -> Option<i64> {
        let i = self.thread_times.binary_search_by_key(&at, |&(at, _)| at).ok()?;
        Some(self.thread_times[i].1)
    }

    /// Bytes held now.
    pub fn bytes(&self) -> u64 {
        let args = self.args.len() + self.end_args.len();
        let args =
            (args * size_of::<(u32, Value)>() + self.thread_times.len() * size_of::<(u64, i64)>()) as u64;
        self.rows.len() as u64 * EDGE_BYTES + args
    }

    /// Bytes that matching would take: ordering takes half of the edges again, and each begin has a place for its row.
    pub fn matching_bytes(&self) -> u64 {
        self.rows.len() as u64 * EDGE_BYTES / 2 + u64::from(self.n_begins) * (ROW_BYTES + 8)
    }
}

/// What matching has found so far.
struct Matched {
    /// By the number of the begin.
    slice_of_begin: Vec<Option<u32>>,
    /// For each row made, where its end stands.
    end_at: Column<u64>,
    /// Begins whose end has args, with the number of the end.
    ends_with_args: Vec<(u32, u32)>,
}

impl Matched {
    fn is_open(&self, begin: &Edge) -> bool {
        self.slice_of_begin[begin.number as usize].is_none()
    }
}

impl Builder {
    pub(super) fn edge(&mut self, event: &Event<'_>, ts: i64, is_begin: bool) {
        let (category, track, name) = self.place(event);
        self.edge_on(event, (category, track, name), ts, is_begin);
        let row = if is_begin { ROW_BYTES + 8 + FINISH_BYTES } else { 0 };
        let held = EDGE_BYTES * 3 / 2 + row;
        self.tally.add(category, event.text().len(), held);
        if event.has_uncommon()
            && let Some(ns) = self.thread_time(event, Field::ThreadTs)
        {
            self.edges.thread_times.push((event.at, ns));
        }
    }

    /// An asynchronous event: a begin, an end, or both at once.
    pub(super) fn asynchronous(&mut self, event: &Event<'_>, ts: i64, is_begin: bool, is_end: bool) {
        let category = self.category(event);
        let name = self.asynchronous_name(event);
        let Some(track) = self.asynchronous_track(event, category) else {
            return self.defects.add(DefectKind::TooManyRows, Some(event.at));
        };
        let mut held = 0;
        for (_, is_begin) in [(is_begin, true), (is_end, false)]
            .into_iter()
            .filter(|part| part.0)
        {
            self.edge_on(event, (category, track, name), ts, is_begin);
            held += EDGE_BYTES * 3 / 2 + if is_begin { ROW_BYTES + 8 + FINISH_BYTES } else { 0 };
        }
        self.tally.add(category, event.text().len(), held);
    }

    fn edge_on(&mut self, event: &Event<'_>, place: (u16, u32, NameId), ts: i64, is_begin: bool) {
        let (category, track, name) = place;
        self.read_args(event);
        let edges = &mut self.edges;
        let number = if is_begin {
            edges.n_begins += 1;
            edges.n_begins - 1
        } else if self.values.is_empty() {
            NO_ARGS
        } else {
            edges.n_ends_with_args += 1;
            edges.n_ends_with_args - 1
        };
        let args = if is_begin {
            &mut edges.args
        } else {
            &mut edges.end_args
        };
        args.extend(self.values.iter().map(|&value| (number, value)));
        edges.rows.push(Edge {
            track,
            ts,
            at: event.at,
            name: name.0,
            number,
            category,
            is_begin,
        });
    }

    /// Makes slices of begins and ends: on each track, in order of time (the file's order for equal times), an
    /// end closes the innermost open begin of its name, or the innermost one if it has no name. Gives, for each row
    /// made, where its end stands.
    pub(super) fn match_edges(&mut self) -> Column<u64> {
        let mut edges = std::mem::take(&mut self.edges.rows);
        edges.sort_by_key(|e| (e.track, e.ts, e.at));
        let mut matched = Matched {
            slice_of_begin: vec![None; self.edges.n_begins as usize],
            end_at: Column::default(),
            ends_with_args: Vec::new(),
        };
        let mut unended: Vec<Edge> = Vec::new();
        // Each begin stands in both; one that was closed by way of the other is passed over.
        let mut open: Vec<Edge> = Vec::new();
        let mut open_by_name: FxHashMap<u32, Vec<Edge>> = FxHashMap::default();
        for group in edges.chunk_by(|a, b| a.track == b.track) {
            for edge in group {
                if edge.is_begin {
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
                match candidates.find(|begin| matched.is_open(begin)) {
                    Some(begin) => self.push_matched(begin, Some(edge), edge.ts, &mut matched),
                    None => self.defects.add(DefectKind::EndWithoutBegin, Some(edge.at)),
                }
            }
            unended.extend(open.drain(..).filter(|begin| matched.is_open(begin)));
            open_by_name.clear();
        }
        if !unended.is_empty() {
            let (by_thread, of_all) = self.last_times(&edges);
            for begin in unended {
                self.defects.add(DefectKind::BeginWithoutEnd, Some(begin.at));
                let last = match is_asynchronous(begin.track) {
                    true => of_all,
                    false => by_thread
                        .get(&self.thread_of(begin.track))
                        .copied()
                        .unwrap_or(of_all),
                };
                self.push_matched(begin, None, last, &mut matched);
            }
        }
        drop(edges);
        self.place_edge_args(&mut matched);
        self.place_asynchronous();
        matched.end_at
    }

    fn thread_of(&self, track: u32) -> (Key, Key) {
        let (pid, tid, _) = self.tracks.list[track as usize];
        (pid, tid)
    }

    /// The last time seen on each thread, and of all. Arrows belong to slices and say nothing.
    fn last_times(&self, edges: &[Edge]) -> (FxHashMap<(Key, Key), i64>, i64) {
        let mut by_track = vec![i64::MIN; self.tracks.list.len()];
        let mut of_all = i64::MIN;
        let mut add = |track: u32, ts: i64| {
            of_all = of_all.max(ts);
            if let Some(last) = by_track.get_mut(track as usize) {
                *last = ts.max(*last);
            }
        };
        let ends = self.rows.start.iter().zip(self.rows.dur.iter());
        for (track, (start, dur)) in self.rows.track.iter().zip(ends) {
            add(track, start.saturating_add(dur));
        }
        let instants = self.instants.track.iter().zip(self.instants.start.iter());
        let allocations = self.memory.track.iter().zip(self.memory.ts.iter());
        for (track, ts) in instants.chain(allocations) {
            add(track, ts);
        }
        for edge in edges {
            add(edge.track, edge.ts);
        }
        of_all = self.counters.times().fold(of_all, i64::max);
        let mut by_thread: FxHashMap<(Key, Key), i64> = FxHashMap::default();
        for (&(pid, tid, _), last) in self.tracks.list.iter().zip(by_track) {
            let of_thread = by_thread.entry((pid, tid)).or_insert(last);
            *of_thread = last.max(*of_thread);
        }
        (by_thread, of_all)
    }

    /// Args of a begin and of its end are the slice's; of equal keys the end's count.
    fn place_edge_args(&mut self, matched: &mut Matched) {
        let begins = std::mem::take(&mut self.edges.args);
        let ends = std::mem::take(&mut self.edges.end_args);
        let mut end_of = std::mem::take(&mut matched.ends_with_args);
        end_of.sort_unstable();
        let of = |args: &[(u32, Value)], number: u32| {
            let from = args.partition_point(|&(n, _)| n < number);
            from..args.partition_point(|&(n, _)| n <= number)
        };
        let mut numbers: Vec<u32> = begins.iter().map(|&(n, _)| n).collect();
        numbers.extend(end_of.iter().map(|&(n, _)| n));
        numbers.sort_unstable();
        numbers.dedup();
        for begin in numbers {
            let row = matched.slice_of_begin[begin as usize];
            let Some(row) = row.filter(|&row| row != LEFT_OUT) else {
                continue;
            };
            self.values.clear();
            let end = end_of.binary_search_by_key(&begin, |&(n, _)| n);
            if let Ok(i) = end {
                let of_end = of(&ends, end_of[i].1);
                self.values.extend(ends[of_end].iter().map(|&(_, value)| value));
            }
            for &(_, value) in &begins[of(&begins, begin)] {
                if !self.values.iter().any(|v| v.0 == value.0) {
                    self.values.push(value);
                }
            }
            self.args.push(row, &self.values);
        }
    }

    /// Makes a slice of a begin, unless the selection leaves it out.
    fn push_matched(&mut self, begin: Edge, by: Option<&Edge>, end: i64, matched: &mut Matched) {
        let Ok(row) = u32::try_from(self.rows.start.len()) else {
            return;
        };
        let n = match by {
            // Not where one event is both.
            Some(edge) if edge.at != begin.at => 2,
            _ => 1,
        };
        let kept = self.keeps_row(CategoryId(begin.category), Span::new(begin.ts, end), n);
        matched.slice_of_begin[begin.number as usize] = Some(if kept { row } else { LEFT_OUT });
        if !kept {
            return;
        }
        if let Some(edge) = by
            && edge.number != NO_ARGS
        {
            matched.ends_with_args.push((begin.number, edge.number));
        }
        matched.end_at.push(by.map_or(Pairs::NO_END, |edge| edge.at));
        if let Some(edge) = by
            && let Some(from) = self.edges.thread_time(begin.at)
            && let Some(to) = self.edges.thread_time(edge.at)
            && to >= from
        {
            if is_beyond(to - from, end.saturating_sub(begin.ts).max(0)) {
                self.defects.add(DefectKind::LongThreadTime, Some(begin.at));
            }
            self.cpu_times.push(row, to - from);
        }
        self.rows.start.push(begin.ts);
        self.rows.dur.push(end.saturating_sub(begin.ts).max(0));
        self.rows.at.push(begin.at);
        self.rows.name.push(begin.name);
        self.rows.track.push(begin.track);
        self.rows.category.push(begin.category);
    }
}
