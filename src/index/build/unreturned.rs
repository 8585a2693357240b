//! Python calls without a recorded return. The tracer ends them where the recording ends, so each seems to hold all
//! that came after it on its thread.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{DefectKind, Defects};
use crate::index::column::Column;
use crate::index::trace_columns::{Family, Slices};

/// Ends that are the recording's own differ by rounding alone.
const SLACK_NS: i64 = 1_000;
/// Fewer calls of the same function on the same level, beside the one without a return, prove nothing.
const MIN_LIKE: usize = 2;

/// Ends such calls where the next one of the same function on their level starts. `tracks` are the families of all
/// tracks, with their rows; the slices are in order of (track, start, longest first), and stay so.
pub fn end_unreturned(
    slices: &mut Slices,
    tracks: impl Iterator<Item = (Family, u32)>,
    defects: &mut Defects,
) {
    let mut from = 0;
    let mut python: Vec<Range<usize>> = Vec::new();
    for (family, count) in tracks {
        let rows = from..from + count as usize;
        from = rows.end;
        if family == Family::Python {
            python.push(rows);
        }
    }
    let end_of = |row: usize| slices.start.get(row).saturating_add(slices.dur.get(row));
    let Some(last) = python.iter().flat_map(|rows| rows.clone().map(end_of)).max() else {
        return;
    };
    let mut ends: FxHashMap<usize, i64> = FxHashMap::default();
    for rows in python {
        ends.extend(unreturned(slices, rows, last - SLACK_NS));
    }
    if ends.is_empty() {
        return;
    }
    for &row in ends.keys() {
        defects.add(DefectKind::UnreturnedFrame, Some(slices.at[row]));
    }
    let durs = slices.start.iter().zip(slices.dur.iter()).enumerate();
    let durs: Column<i64> = durs
        .map(|(row, (start, dur))| ends.get(&row).map_or(dur, |end| end.saturating_sub(start)))
        .collect();
    slices.dur = durs;
}

/// The rows of a track that were not ended, and where they are to end. What ends from `open_from` on ends with the
/// recording.
fn unreturned(slices: &Slices, rows: Range<usize>, open_from: i64) -> Vec<(usize, i64)> {
    let end_of = |row: usize| slices.start.get(row).saturating_add(slices.dur.get(row));
    let is_open = |row: usize| end_of(row) >= open_from;
    // Calls that end with the recording, and those right below them.
    let mut level: Vec<usize> = Vec::new();
    let mut by_name: FxHashMap<u32, (usize, bool)> = FxHashMap::default();
    let mut covered = i64::MIN;
    for row in rows.clone() {
        if slices.start.get(row) < covered {
            continue;
        }
        level.push(row);
        let (count, any_open) = by_name.entry(slices.name.get(row)).or_default();
        *count += 1;
        *any_open |= is_open(row);
        if !is_open(row) {
            covered = end_of(row);
        }
    }
    let mut open_of: FxHashMap<u32, usize> = by_name
        .into_iter()
        .filter(|&(_, (count, any_open))| any_open && count > MIN_LIKE)
        .map(|(name, _)| (name, 0))
        .collect();
    if open_of.is_empty() {
        return Vec::new();
    }
    let recursive = recursive_names(slices, rows, open_from);
    open_of.retain(|name, _| !recursive.contains(name));

    let mut found = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for row in level {
        let name = slices.name.get(row);
        if is_open(row) {
            open.push(row);
            if let Some(n) = open_of.get_mut(&name) {
                *n += 1;
            }
            continue;
        }
        // Of several in a row that were not ended, each ends where the next one starts. What lies between ends, too.
        let mut next = slices.start.get(row);
        while open_of.get(&name).is_some_and(|&n| n > 0) {
            let is_like = |&row: &usize| slices.name.get(row) == name;
            let Some(first) = open.iter().rposition(is_like) else {
                break;
            };
            let starts_at = slices.start.get(open[first]);
            for inner in open.drain(first..) {
                if let Some(n) = open_of.get_mut(&slices.name.get(inner)) {
                    *n = n.saturating_sub(1);
                }
                found.push((inner, next));
            }
            next = starts_at;
        }
    }
    found
}

/// Functions that call themselves, in calls that did return.
fn recursive_names(slices: &Slices, rows: Range<usize>, open_from: i64) -> FxHashSet<u32> {
    let mut recursive = FxHashSet::default();
    let mut running: Vec<(u32, i64)> = Vec::new();
    let mut n_running: FxHashMap<u32, usize> = FxHashMap::default();
    for row in rows {
        let start = slices.start.get(row);
        let end = start.saturating_add(slices.dur.get(row));
        while let Some(&(name, until)) = running.last()
            && until <= start
        {
            running.pop();
            if let Some(n) = n_running.get_mut(&name) {
                *n -= 1;
            }
        }
        if end >= open_from {
            continue;
        }
        let name = slices.name.get(row);
        let n = n_running.entry(name).or_default();
        if *n > 0 {
            recursive.insert(name);
        }
        *n += 1;
        running.push((name, end));
    }
    recursive
}
