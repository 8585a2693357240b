//! Begins and ends: kept until all have come, then matched to slices.

use rustc_hash::FxHashMap;

use super::{Builder, FINISH_BYTES, ROW_BYTES};
use crate::base::{CategoryId, DefectKind, Names, Span};
use crate::index::args::Value;
use crate::index::column::Column;
use crate::index::tables::Pairs;
use crate::ingest::Event;

/// Stands for the row of a begin that is left out.
const LEFT_OUT: u32 = u32::MAX;
const EDGE_BYTES: u64 = size_of::<Edge>() as u64;

/// A begin or an end, until they are matched.
#[derive(Clone, Copy)]
struct Edge {
    track: u32,
    ts: i64,
    at: u64,
    name: u32,
    category: u16,
    /// `None`: an end. Else the begin's row in [`Edges::args`]' numbering.
    begin: Option<u32>,
}

/// All begins and ends so far, in the order of the file.
#[derive(Clone, Default)]
pub struct Edges {
    rows: Vec<Edge>,
    n_begins: u32,
    /// Args of begins, in the order of the begins.
    args: Vec<(u32, Value)>,
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

    /// Bytes held now.
    pub fn bytes(&self) -> u64 {
        self.rows.len() as u64 * EDGE_BYTES + (self.args.len() * size_of::<(u32, Value)>()) as u64
    }

    /// Bytes that matching would take: ordering takes half of the edges again, and each begin has a place for its row.
    pub fn matching_bytes(&self) -> u64 {
        self.rows.len() as u64 * EDGE_BYTES / 2 + u64::from(self.n_begins) * (ROW_BYTES + 8)
    }
}

impl Builder {
    pub(super) fn edge(&mut self, event: &Event<'_>, ts: i64, is_begin: bool) {
        let (category, track, name) = self.place(event);
        let begin = is_begin.then_some(self.edges.n_begins);
        if is_begin {
            self.read_args(event);
            let n = self.edges.n_begins;
            self.edges
                .args
                .extend(self.values.iter().map(|&value| (n, value)));
            self.edges.n_begins += 1;
        }
        self.edges.rows.push(Edge {
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

    /// Makes slices of begins and ends: on each track, in order of time (the file's order for equal times), an
    /// end closes the innermost open begin of its name, or the innermost one if it has no name. Gives, for each row
    /// made, where its end stands.
    pub(super) fn match_edges(&mut self) -> Column<u64> {
        let mut end_at = Column::default();
        let mut edges = std::mem::take(&mut self.edges.rows);
        edges.sort_by_key(|e| (e.track, e.ts, e.at));
        let mut slice_of_begin: Vec<Option<u32>> = vec![None; self.edges.n_begins as usize];
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
        for of_begin in std::mem::take(&mut self.edges.args).chunk_by(|a, b| a.0 == b.0) {
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
