//! Rows in the order of the file, and the orders that they are put in.

use crate::index::column::Column;
use crate::index::trace_columns::Instants;

/// Events in the order of the file.
#[derive(Clone, Default)]
pub struct Rows {
    pub start: Column<i64>,
    pub dur: Column<i64>,
    pub at: Column<u64>,
    pub name: Column<u32>,
    pub track: Column<u32>,
    pub category: Column<u16>,
}

impl Rows {
    /// These rows alone.
    pub fn picked(self, rows: &[u32]) -> Rows {
        let track = if self.track.is_empty() {
            self.track
        } else {
            self.track.gather(rows)
        };
        Rows {
            start: self.start.gather(rows),
            dur: if self.dur.is_empty() {
                self.dur
            } else {
                self.dur.gather(rows)
            },
            at: self.at.gather(rows),
            name: self.name.gather(rows),
            track,
            category: self.category.gather(rows),
        }
    }
}

/// Puts slices of equal track, start and length in an order, outermost first.
type Outermost<'a> = &'a mut dyn FnMut(&mut [u32]);

/// Rows in the order of (track, start, longest first); those of equal extent in the order of `outermost`, which is
/// given them in the order of the file. Tracers write most threads in order, so a counting sort by track leaves little
/// to do.
pub fn by_track_and_start(rows: &Rows, n_tracks: usize, outermost: Outermost<'_>) -> Vec<u32> {
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
        let extent = |row: &u32| (rows.start.get(*row as usize), rows.dur.get(*row as usize));
        for equal in part.chunk_by_mut(|a, b| extent(a) == extent(b)) {
            // What takes no time encloses nothing.
            if equal.len() > 1 && extent(&equal[0]).1 > 0 {
                outermost(equal);
            }
        }
    }
    order
}

/// How far inside a slice lies by its category, among slices of equal extent: annotations enclose operators, these the
/// calls of a runtime.
pub fn layer_of(category: &str) -> u8 {
    let has = |words: &[&str]| words.iter().any(|word| category.contains(word));
    match category {
        _ if has(&["annotation"]) => 0,
        _ if has(&["runtime", "driver"]) => 3,
        _ if has(&["operator"]) || category.ends_with("_op") => 1,
        _ => 2,
    }
}

pub fn sorted_instants(rows: Rows) -> Instants {
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
