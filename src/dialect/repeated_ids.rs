//! Ids of calls that come again: a counter that began anew, two recordings joined in one process, or one number that
//! stands for "none".
//!
//! Calls of one id that overlap on one thread are one launch (a driver's call inside the runtime's). Any other call
//! with the same id is another launch, and work belongs to the nearest launch of its id that starts before it. Where
//! ids come again while they still count up, as in ranks of equal process ids that were merged, that is not sure; there
//! work of a stream belongs to the thread that launches to it, if the order of time tells which. An id that more than
//! [`MAX_SHARED`] launches and more than half of all have is no id: tracers write -1 or 4294967295 for "unknown".

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{SliceId, TrackId, order};
use crate::index::args::Links;
use crate::index::trace_columns::{Index, Key};

use super::vocabulary::{Ranks, Role};

const MAX_SHARED: usize = 8;

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// An id within its rank.
type Id = (usize, i64);

type Thread = (Key, Key);

struct Launch {
    id: Id,
    start: i64,
    end: i64,
    thread: Thread,
}

/// Numbers by which each launch has one of its own.
#[derive(Debug, Default)]
pub struct ToldApart {
    pub links: Links,
    /// Whether ids come again while they still count up: which launch has which work is not sure.
    pub is_mixed: bool,
}

/// `None` where the ids are each launch's own already. Empty where no id is one.
pub fn told_apart(index: &Index, roles: &[Role], ranks: &Ranks, key: &str) -> Option<ToldApart> {
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
        let track = index.track(index.track_of(row));
        (id_of(row, link), span.start, span.end, (track.pid, track.tid))
    });
    let mut launches = launches(calls.collect());
    let shared = shared(&launches);
    launches.retain(|launch| Some(launch.id.1) != shared);
    if shared.is_none() && launches.windows(2).all(|two| two[0].id != two[1].id) {
        return None;
    }
    // Ids count up: one below all of these is of a call before the recording, and keeps its place.
    let Some(first) = launches.iter().map(|launch| launch.id.1).min() else {
        return Some(ToldApart::default());
    };
    let is_mixed = is_mixed(&launches);
    let owners = match is_mixed {
        true => {
            let work = column.ints().filter(|&(row, _)| roles[row.index()].is_device());
            let work = work.map(|(row, link)| Work {
                id: id_of(row, link),
                start: index.slices.start(row).as_ns(),
                track: index.track_of(row),
            });
            owners(&launches, work.collect())
        }
        false => FxHashMap::default(),
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
            let owner = owners.get(&index.track_of(row));
            let owner = owner.filter(|_| roles[row.index()].is_device());
            let is_own = |launch: &Launch| owner.is_none_or(|&owner| launch.thread == owner);
            let own = of_id[..before].iter().rposition(is_own);
            i64::try_from(from + own.unwrap_or(before.saturating_sub(1))).ok()?
        };
        // From 1 on: 0 is none.
        Some(place + 2)
    };
    let numbers = column
        .ints()
        .filter_map(|(row, link)| Some((row, number_of(row, link)?)));
    Some(ToldApart {
        links: Links::of(numbers.collect()),
        is_mixed,
    })
}

/// The launches of one id at a time, of launches in order of ids.
fn by_id(launches: &[Launch]) -> impl Iterator<Item = &[Launch]> {
    launches.chunk_by(|one, other| one.id == other.id)
}

/// Whether ids come again before all have come once.
fn is_mixed(launches: &[Launch]) -> bool {
    let again = || by_id(launches).filter(|of_id| of_id.len() > 1);
    let last_first = again().map(|of_id| of_id[0].start).max();
    let first_again = again().map(|of_id| of_id[1].start).min();
    first_again < last_first
}

struct Work {
    id: Id,
    start: i64,
    track: TrackId,
}

/// The threads that launch to streams: nearly all work of the stream of which the order of time tells whose it is, is
/// one thread's, and no id has several pieces there.
fn owners(launches: &[Launch], mut work: Vec<Work>) -> FxHashMap<TrackId, Thread> {
    order::sort_by_key(&mut work, |piece| (piece.id, piece.start, piece.track));
    let of_id = |id: Id| {
        let from = launches.partition_point(|launch| launch.id < id);
        let of_id = &launches[from..];
        &of_id[..of_id.partition_point(|launch| launch.id == id)]
    };
    let mut several: FxHashMap<TrackId, (usize, usize)> = FxHashMap::default();
    for pieces in work.chunk_by(|one, other| one.id == other.id) {
        let mut on: FxHashMap<TrackId, usize> = FxHashMap::default();
        for piece in pieces {
            *on.entry(piece.track).or_default() += 1;
        }
        for (track, n) in on {
            let of = several.entry(track).or_default();
            of.0 += usize::from(n > 1);
            of.1 += 1;
        }
    }
    let mut owners: FxHashMap<TrackId, Thread> = FxHashMap::default();
    // What is told in the first round tells more in the second.
    for _ in 0..2 {
        let mut votes: FxHashMap<TrackId, FxHashMap<Thread, usize>> = FxHashMap::default();
        for pieces in work.chunk_by(|one, other| one.id == other.id) {
            let launches = of_id(pieces[0].id);
            if launches.len() < 2 {
                continue;
            }
            let told = pieces.iter().filter_map(|piece| owners.get(&piece.track));
            let told: FxHashSet<Thread> = told.copied().collect();
            for piece in pieces.iter().filter(|piece| !owners.contains_key(&piece.track)) {
                let latest = piece.start.saturating_add(CLOCK_SLACK_NS);
                let early = launches.iter().filter(|launch| launch.start <= latest);
                let mut may = early
                    .map(|launch| launch.thread)
                    .filter(|thread| !told.contains(thread));
                if let Some(first) = may.next()
                    && may.all(|thread| thread == first)
                {
                    *votes.entry(piece.track).or_default().entry(first).or_default() += 1;
                }
            }
        }
        for (track, of) in votes {
            let all: usize = of.values().sum();
            let most = of
                .iter()
                .max_by_key(|&(&thread, &n)| (n, std::cmp::Reverse(thread)));
            let is_of_one = several.get(&track).is_some_and(|&(n, of)| n * 10 <= of);
            if let Some((&thread, &n)) = most
                && is_of_one
                && n * 10 >= all * 9
            {
                owners.insert(track, thread);
            }
        }
    }
    owners
}

/// In order of ids and of time.
fn launches(mut calls: Vec<(Id, i64, i64, Thread)>) -> Vec<Launch> {
    order::sort_by_key(&mut calls, |&call| call);
    let mut found: Vec<Launch> = Vec::new();
    for (id, start, end, thread) in calls {
        let of_id = found
            .iter_mut()
            .rev()
            .take(MAX_SHARED)
            .take_while(|of| of.id == id);
        let mut around = of_id.filter(|of| of.thread == thread && start < of.end);
        match around.next() {
            Some(of) => of.end = of.end.max(end),
            None => found.push(Launch {
                id,
                start,
                end,
                thread,
            }),
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
