//! How work gets to the devices: calls that launch, how long their work takes to start, how many wait.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, TrackId, order, show, stats};
use crate::dialect::{LaunchLink, Role, Vocabulary};
use crate::index::Index;

use crate::analyze::device::launch_index::{LaunchIndex, captures};
use crate::analyze::report::{LaunchCall, LaunchDelay, Launches, QueueDepth, ShortKernels};

/// A kernel below this is short: launching it costs the host about as much.
pub const SHORT_NS: i64 = 10_000;

/// How many of the longest delays are kept.
const N_LONGEST: usize = 20;

/// Parts of the time of a stream for which its deepest queue is kept.
const N_SERIES: usize = 240;

/// More streams than these have no queue of their own in the report: the busiest are kept.
pub const MAX_STREAMS: usize = 64;

/// From the end of a call to the start of its first work, ns; `None` if the work starts before the call.
fn delay_ns(index: &Index, call: SliceId, first: SliceId) -> Option<i64> {
    let (call, first) = (index.slices.span(call), index.slices.start(first).as_ns());
    (first >= call.start).then(|| (first - call.end).max(0))
}

#[derive(Default)]
struct Calls {
    row: Option<(u32, SliceId)>,
    with_work: u64,
    work: u64,
    lengths: Vec<i64>,
    delays: Vec<i64>,
}

/// Launches by name; `None` if the trace has none.
pub fn launches(index: &Index, vocabulary: &Vocabulary, launched: &LaunchIndex<'_>) -> Option<Launches> {
    let mut by_name: FxHashMap<NameId, Calls> = FxHashMap::default();
    let mut found = Launches {
        short: ShortKernels {
            below_ns: SHORT_NS,
            ..ShortKernels::default()
        },
        definition: format!(
            "Host calls that hand work to a device. The delay of a launch is the time from the end of the call to the \
             start of its first work, 0 where that starts during the call. A kernel is short below {}.",
            show::duration(SHORT_NS)
        ),
        ..Launches::default()
    };
    // (delay, call, first work)
    let mut longest: Vec<(i64, SliceId, SliceId)> = Vec::new();
    for launch in launched.calls(vocabulary) {
        let calls = by_name.entry(index.slices.name(launch.call)).or_default();
        calls.lengths.push(index.slices.dur(launch.call).as_ns());
        if calls.row.is_none_or(|(most, _)| launch.n_work > most) {
            calls.row = Some((launch.n_work, launch.call));
        }
        calls.work += u64::from(launch.n_work);
        let Some(first) = launch.first else { continue };
        calls.with_work += 1;
        let delay = delay_ns(index, launch.call, first);
        found.skewed += u64::from(delay.is_none());
        if vocabulary.clock_offset_ns.is_some() {
            continue;
        }
        let delay = delay.unwrap_or(0);
        calls.delays.push(delay);
        longest.push((delay, launch.call, first));
        if longest.len() >= 8 * N_LONGEST {
            keep_longest(&mut longest);
        }
    }
    keep_longest(&mut longest);
    for device in &vocabulary.devices {
        launched.work_in_order(vocabulary, &device.tracks, |id, role, launch| {
            let ns = vocabulary.span(index, id).len_ns();
            found.work += 1;
            found.work_ns = found.work_ns.saturating_add(ns);
            if launch.is_some() {
                found.linked_work += 1;
                found.linked_work_ns = found.linked_work_ns.saturating_add(ns);
            }
            if role.is_device_compute() || role == Role::DeviceComm {
                let short = &mut found.short;
                short.of_count += 1;
                short.of_total_ns = short.of_total_ns.saturating_add(ns);
                if ns < SHORT_NS {
                    short.count += 1;
                    short.total_ns = short.total_ns.saturating_add(ns);
                }
            }
        });
    }
    if by_name.is_empty() {
        return None;
    }
    found.calls = by_name
        .into_iter()
        .filter_map(|(name, calls)| row_of(index, name, calls))
        .collect();
    order::sort_by(&mut found.calls, |a, b| {
        (b.count, &a.name).cmp(&(a.count, &b.name))
    });
    found.longest_delays = longest
        .into_iter()
        .filter(|&(delay, ..)| delay > 0)
        .map(|(delay_ns, call, first)| LaunchDelay {
            name: index.name_of(call).to_owned(),
            work: index.name_of(first).to_owned(),
            call_start_ns: index.slices.start(call).as_ns(),
            delay_ns,
            slice: call.0,
            work_slice: first.0,
        })
        .collect();
    Some(found)
}

/// Calls that launch work, and those of them without any in the trace. What is launched while a graph is captured
/// has none: it is recorded for later.
///
/// The second is unknown where as much work carries no number of a call, or ids come again while they count up: it may
/// be theirs.
pub fn without_work(
    index: &Index,
    vocabulary: &Vocabulary,
    launched: &LaunchIndex<'_>,
) -> (u64, Option<u64>) {
    let captures = captures(vocabulary);
    let (mut total, mut without) = (0, 0);
    for launch in launched.calls(vocabulary) {
        let at = index.slices.start(launch.call).as_ns();
        if launch.n_work == 0 && captures.contains(at) {
            continue;
        }
        total += 1;
        without += u64::from(launch.n_work == 0);
    }
    let work = vocabulary.devices.iter().flat_map(|d| &d.tracks);
    let work = work.flat_map(|&track| index.rows(track));
    let n_work = work.filter(|&id| vocabulary.role(id).is_device()).count() as u64;
    let unnumbered = n_work.saturating_sub(launched.n_numbered_work(vocabulary));
    (
        total,
        Some(without).filter(|&n| n == 0 || unnumbered < n && !vocabulary.ids_are_mixed),
    )
}

/// Why launches without work cannot be counted, in words.
pub fn unknown(vocabulary: &Vocabulary) -> Option<String> {
    if !vocabulary.ranks.untold.is_empty() {
        return Some(
            "Several ranks launched work of the same device process, and which of them launched which work is not \
             recorded for all of it."
                .to_owned(),
        );
    }
    if vocabulary.ids_are_mixed {
        return Some(
            "Ids of launches come again while they still count up: which launch has which work is not sure."
                .to_owned(),
        );
    }
    let why = match &vocabulary.launch_link {
        LaunchLink::Numbered(_) => {
            "The trace's arrows join calls with their work; of a call without an arrow it is not known whether it \
             launched work."
        }
        LaunchLink::None => "Device work does not name the call that launched it.",
        LaunchLink::Correlation(_) | LaunchLink::Renumbered(_) | LaunchLink::Recurring(_) => return None,
    };
    Some(why.to_owned())
}

fn keep_longest(longest: &mut Vec<(i64, SliceId, SliceId)>) {
    order::sort_by_key(longest, |&(delay, call, _)| (std::cmp::Reverse(delay), call));
    longest.truncate(N_LONGEST);
}

fn row_of(index: &Index, name: NameId, mut calls: Calls) -> Option<LaunchCall> {
    let (most_work, slice) = calls.row?;
    Some(LaunchCall {
        name: index.text(name).to_owned(),
        count: calls.lengths.len() as u64,
        with_work: calls.with_work,
        work: calls.work,
        most_work: u64::from(most_work),
        call_total_ns: stats::sum(calls.lengths.iter().copied()),
        call_max_ns: calls.lengths.iter().copied().max()?,
        call_p50_ns: stats::quantile_of(&mut calls.lengths, 0.5)?,
        delay_total_ns: stats::sum(calls.delays.iter().copied()),
        delay_max_ns: calls.delays.iter().copied().max(),
        delay_p50_ns: stats::quantile_of(&mut calls.delays, 0.5),
        delay_p99_ns: stats::quantile_of(&mut calls.delays, 0.99),
        slice: slice.0,
    })
}

/// The queue of every stream that launches go to, by device and stream; at most [`MAX_STREAMS`], the busiest.
///
/// A launch counts once, on the stream of its first work, however much work it has. Launches whose work starts
/// before the call are left out: they would make the queue negative.
pub fn queue_depth(index: &Index, vocabulary: &Vocabulary, launched: &LaunchIndex<'_>) -> Vec<QueueDepth> {
    // Start of the call, start of the work.
    let mut by_track: BTreeMap<TrackId, Vec<(i64, i64)>> = BTreeMap::new();
    for launch in launched.calls(vocabulary) {
        let Some(first) = launch.first else { continue };
        let call = index.slices.start(launch.call).as_ns();
        let start = index.slices.start(first).as_ns();
        if call <= start {
            by_track
                .entry(index.track_of(first))
                .or_default()
                .push((call, start));
        }
    }
    let mut busiest: Vec<(usize, TrackId)> = by_track.iter().map(|(&t, l)| (l.len(), t)).collect();
    order::sort_by_key(&mut busiest, |&(n, track)| (std::cmp::Reverse(n), track));
    busiest.truncate(MAX_STREAMS);
    let mut device_of: FxHashMap<TrackId, (i64, Option<usize>)> = FxHashMap::default();
    for device in &vocabulary.devices {
        device_of.extend(
            device
                .tracks
                .iter()
                .map(|&track| (track, (device.device, device.rank))),
        );
    }
    let mut queues: Vec<QueueDepth> = busiest
        .into_iter()
        .filter_map(|(_, track)| {
            let (device, rank) = *device_of.get(&track)?;
            let mut queue = queue_of(by_track.remove(&track)?)?;
            queue.device = device;
            queue.rank = vocabulary.ranks.label(rank);
            queue.stream = stream(index, track);
            Some(queue)
        })
        .collect();
    order::sort_by(&mut queues, |a, b| {
        (&a.rank, a.device, b.launches, &a.stream).cmp(&(&b.rank, b.device, a.launches, &b.stream))
    });
    queues
}

/// The stream's number as recorded in its work, else the track's.
pub(in crate::analyze) fn stream(index: &Index, track: TrackId) -> String {
    let first = index.rows(track).next();
    let recorded = first.and_then(|id| index.arg_text("stream", id));
    match recorded {
        Some(stream) => stream.to_owned(),
        None => index.track(track).tid.show(&index.names),
    }
}

fn queue_of(launches: Vec<(i64, i64)>) -> Option<QueueDepth> {
    let n = launches.len();
    let (mut calls, mut starts): (Vec<i64>, Vec<i64>) = launches.into_iter().unzip();
    calls.sort_unstable();
    starts.sort_unstable();
    let (first, last) = (*calls.first()?, *starts.last()?);
    let span_ns = last - first;
    let mut queue = QueueDepth {
        device: 0,
        rank: None,
        stream: String::new(),
        launches: n as u64,
        max: 0,
        max_at_ns: first,
        mean: 0.0,
        mean_of_changes: 0.0,
        empty_ns: 0,
        span_ns,
        start_ns: first,
        series: vec![0; N_SERIES.min(2 * n)],
    };
    let n_parts = i128::try_from(queue.series.len()).unwrap_or(1);
    let part =
        |at: i64| usize::try_from(i128::from(at - first) * n_parts / (i128::from(span_ns) + 1)).unwrap_or(0);
    let (mut i, mut j, mut depth, mut at) = (0, 0, 0u64, first);
    let (mut area, mut changes) = (0i128, 0u128);
    while j < n {
        // A call at the instant of a start comes first: the queue is never negative.
        let is_call = i < n && calls[i] <= starts[j];
        let now = if is_call { calls[i] } else { starts[j] };
        area += i128::from(depth) * i128::from(now - at);
        if depth == 0 {
            queue.empty_ns += now - at;
        } else {
            for deepest in &mut queue.series[part(at)..=part(now)] {
                *deepest = depth.max(*deepest);
            }
        }
        at = now;
        if is_call {
            i += 1;
            depth += 1;
        } else {
            j += 1;
            depth -= 1;
        }
        changes += u128::from(depth);
        if depth > queue.max {
            (queue.max, queue.max_at_ns) = (depth, now);
        }
    }
    if span_ns > 0 {
        queue.mean = area as f64 / span_ns as f64;
    }
    queue.mean_of_changes = changes as f64 / (2 * n) as f64;
    Some(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_grows_with_calls_and_shrinks_with_starts() {
        let queue = queue_of(vec![(0, 10), (2, 12), (20, 30)]).unwrap();
        assert_eq!((queue.launches, queue.max, queue.max_at_ns), (3, 2, 2));
        // 1 for 2 ns, 2 for 8, 1 for 2, 0 for 8, 1 for 10.
        assert_eq!((queue.span_ns, queue.empty_ns), (30, 8));
        assert!((queue.mean - 30.0 / 30.0).abs() < 1e-12);
        assert!((queue.mean_of_changes - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(queue.series, [2, 2, 1, 1, 1, 1]);
    }

    proptest::proptest! {
        #[test]
        fn a_queue_agrees_with_counting_at_every_instant(
            launches in proptest::collection::vec((0i64..60, 0i64..30), 1..20),
        ) {
            let launches: Vec<(i64, i64)> = launches.into_iter().map(|(at, delay)| (at, at + delay)).collect();
            let queue = queue_of(launches.clone()).unwrap();
            let depth = |t: i64| launches.iter().filter(|&&(call, start)| call <= t && t < start).count();
            let instants = || queue.start_ns..queue.start_ns + queue.span_ns;
            let area: usize = instants().map(depth).sum();
            proptest::prop_assert!((queue.mean * queue.span_ns as f64 - area as f64).abs() < 1e-6);
            proptest::prop_assert_eq!(queue.empty_ns, instants().filter(|&t| depth(t) == 0).count() as i64);
            proptest::prop_assert!(queue.max >= instants().map(depth).max().unwrap_or(0) as u64);
            proptest::prop_assert!(queue.series.iter().all(|&d| d <= queue.max) && queue.series.len() <= N_SERIES);
        }
    }
}
