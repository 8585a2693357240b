//! Ids of calls that come again: a counter that began anew, two recordings joined in one process, or one number that
//! stands for "none".
//!
//! Calls of one id that overlap are one launch (a driver's call inside the runtime's). Any other call with the same id
//! is another launch, and work belongs to the nearest launch of its id that starts before it. An id that more than
//! [`MAX_SHARED`] launches and more than half of all have is no id: tracers write -1 or 4294967295 for "unknown".

use rustc_hash::FxHashMap;

use crate::base::{SliceId, order};
use crate::index::args::Links;
use crate::index::tables::Index;

use super::vocabulary::{Ranks, Role};

const MAX_SHARED: usize = 8;

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// An id within its rank.
type Id = (usize, i64);

struct Launch {
    id: Id,
    start: i64,
    end: i64,
}

/// Numbers by which each launch has one of its own; `None` where the ids are so already. Empty where no id is one.
pub fn told_apart(index: &Index, roles: &[Role], ranks: &Ranks, key: &str) -> Option<Links> {
    let column = index.arg_column(key)?.without_zero();
    let id_of = |id: SliceId, link: i64| -> Id { (ranks.of_id(index, index.track_of(id)), link) };
    let is_call = |id: SliceId| matches!(roles[id.index()], Role::Launch | Role::Wait);
    let calls = || column.ints().filter(|&(row, _)| is_call(row));
    let mut ids: Vec<Id> = calls().map(|(row, link)| id_of(row, link)).collect();
    // Stable, because that is quick where the ids are a few ascending runs.
    ids.sort();
    if ids.windows(2).all(|two| two[0] != two[1]) {
        return None;
    }
    drop(ids);
    let calls = calls().map(|(row, link)| {
        let span = index.slices.span(row);
        (id_of(row, link), span.start, span.end)
    });
    let mut launches = launches(calls.collect());
    let shared = shared(&launches);
    launches.retain(|launch| Some(launch.id.1) != shared);
    if shared.is_none() && launches.windows(2).all(|two| two[0].id != two[1].id) {
        return None;
    }
    // Ids count up: one below all of these is of a call before the recording, and keeps its place.
    let Some(first) = launches.iter().map(|launch| launch.id.1).min() else {
        return Some(Links::default());
    };
    let number_of = |row: SliceId, link: i64| -> Option<i64> {
        if Some(link) == shared {
            return None;
        }
        let id = id_of(row, link);
        let from = launches.partition_point(|launch| launch.id < id);
        let of_id = &launches[from..];
        let of_id = &of_id[..of_id.partition_point(|launch| launch.id == id)];
        let place = if of_id.is_empty() {
            if link < first {
                -1
            } else {
                i64::try_from(launches.len()).ok()?
            }
        } else {
            let slack = if roles[row.index()].is_device() {
                CLOCK_SLACK_NS
            } else {
                0
            };
            let latest = index.slices.start(row).as_ns().saturating_add(slack);
            let before = of_id.partition_point(|launch| launch.start <= latest);
            i64::try_from(from + before.saturating_sub(1)).ok()?
        };
        // From 1 on: 0 is none.
        Some(place + 2)
    };
    let numbers = column
        .ints()
        .filter_map(|(row, link)| Some((row, number_of(row, link)?)));
    Some(Links::of(numbers.collect()))
}

/// In order of ids and of time.
fn launches(mut calls: Vec<(Id, i64, i64)>) -> Vec<Launch> {
    order::sort_by_key(&mut calls, |&call| call);
    let mut found: Vec<Launch> = Vec::new();
    for (id, start, end) in calls {
        match found.last_mut() {
            Some(last) if last.id == id && start < last.end => last.end = last.end.max(end),
            _ => found.push(Launch { id, start, end }),
        }
    }
    found
}

/// The id that is none.
fn shared(launches: &[Launch]) -> Option<i64> {
    let mut counts: FxHashMap<i64, usize> = FxHashMap::default();
    for launch in launches {
        *counts.entry(launch.id.1).or_default() += 1;
    }
    let is_shared = |n: usize| n > MAX_SHARED && n.saturating_mul(2) > launches.len();
    counts
        .into_iter()
        .find(|&(_, n)| is_shared(n))
        .map(|(link, _)| link)
}
