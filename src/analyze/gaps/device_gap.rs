//! The stretches in which no work of a device runs, one by one, with the launches around them.

use crate::analyze::device::launch_index::{Launch, LaunchIndex};
use crate::analyze::gaps::innermost::{Thread, thread_of};
use crate::base::{SliceId, Span, TrackId};
use crate::dialect::{Device, Role, Vocabulary};
use crate::index::{Index, Key};
use rustc_hash::FxHashSet;
use std::collections::VecDeque;

/// A stretch in which no work of a device runs, with what ends it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceGap {
    pub span: Span,
    pub next: SliceId,
    /// The launch of `next`.
    pub launch: Option<Launch>,
    /// The launch whose thread is asked: that of the first work from here on which no helper thread launched.
    pub asked: Option<Launch>,
    /// From here on work may have run that is not recorded: of a launch between that of the work before and that of
    /// the next.
    pub lost_from: Option<i64>,
}

impl DeviceGap {
    /// Whether the work starts before its launch.
    pub fn is_skewed(&self, index: &Index) -> bool {
        let call = self.launch.map(|l| index.slices.start(l.call).as_ns());
        call.is_some_and(|start| start > self.span.end)
    }
}

/// What [`each_gap`] meets.
pub enum Seen {
    Work(Option<Launch>),
    Gap(DeviceGap),
}

/// Calls `see` with all work of a device, and with each stretch between in which none of it runs, these in order of
/// time. Gives the time from the first to the last.
pub fn each_gap(
    index: &Index,
    vocabulary: &Vocabulary,
    launched: &LaunchIndex<'_>,
    device: &Device,
    mut see: impl FnMut(Seen),
) -> Option<Span> {
    let (helpers, threads) = launching(index, vocabulary, launched, device);
    let lost = lost_of(launched, &threads);
    // The first launch without recorded work between that of the work before a gap and that of the next.
    let lost_between = |after: i64, gap: &DeviceGap| -> Option<i64> {
        let next = gap.asked.or(gap.launch)?;
        let start = |launch: Launch| index.slices.start(launch.call).as_ns();
        let until = gap.launch.map_or(i64::MIN, start).max(start(next));
        let first = lost[lost.partition_point(|&at| at <= after)..].first();
        let first = first.filter(|&&at| at < until)?;
        Some((*first).max(gap.span.start)).filter(|&from| from < gap.span.end)
    };
    // The latest start of a launch whose work has begun.
    let mut latest = i64::MIN;
    let is_own = |launch: &Launch| !helpers.contains(&thread_of(index, index.track_of(launch.call)));
    let mut extent: Option<Span> = None;
    // Gaps whose end is not over, or that only a helper's work has followed so far.
    let mut pending: VecDeque<(i64, DeviceGap)> = VecDeque::new();
    launched.work_in_order(vocabulary, &device.tracks, |id, _, launch| {
        let span = vocabulary.span(index, id);
        if span.is_empty() {
            return;
        }
        see(Seen::Work(launch));
        let asked = launch.filter(is_own);
        // Of work that starts together, the first whose launch is known speaks.
        if let Some((_, gap)) = pending.back_mut().filter(|(_, gap)| gap.span.end == span.start)
            && gap.asked.is_none()
            && (asked.is_some() || gap.launch.is_none() && launch.is_some())
        {
            (gap.launch, gap.next) = (launch, id);
        }
        if asked.is_some() {
            let of_helpers = pending.iter_mut().map(|(_, gap)| gap);
            let of_helpers = of_helpers.filter(|gap| gap.launch.is_some());
            for gap in of_helpers.filter(|gap| gap.asked.is_none()) {
                gap.asked = asked;
            }
        }
        let is_over =
            |gap: &DeviceGap| gap.span.end < span.start && (gap.asked.is_some() || gap.launch.is_none());
        while pending.front().is_some_and(|(_, gap)| is_over(gap)) {
            if let Some((after, gap)) = pending.pop_front() {
                let lost_from = lost_between(after, &gap);
                see(Seen::Gap(DeviceGap { lost_from, ..gap }));
            }
        }
        let known = extent.get_or_insert(span);
        if span.start > known.end {
            let gap = DeviceGap {
                span: Span::new(known.end, span.start),
                next: id,
                launch,
                asked,
                lost_from: None,
            };
            pending.push_back((latest, gap));
        }
        known.end = known.end.max(span.end);
        latest = asked.map_or(latest, |of| latest.max(index.slices.start(of.call).as_ns()));
    });
    for (after, gap) in pending {
        let lost_from = lost_between(after, &gap);
        let asked = gap.asked.or(gap.launch);
        see(Seen::Gap(DeviceGap {
            asked,
            lost_from,
            ..gap
        }));
    }
    extent
}

/// Starts of launches without recorded work that may be of a device to which these threads launch, ascending: those of
/// the threads, and of threads of their processes none of whose work is recorded.
pub(super) fn lost_of(launched: &LaunchIndex<'_>, threads: &FxHashSet<Thread>) -> Vec<i64> {
    let processes: FxHashSet<Key> = threads.iter().map(|&(process, _)| process).collect();
    let is_its = |thread: &Thread, has_work: bool| match has_work {
        true => threads.contains(thread),
        false => processes.contains(&thread.0),
    };
    let of = launched.lost().iter();
    let of = of.filter(|(thread, lost)| is_its(thread, lost.has_work));
    let mut starts: Vec<i64> = of.flat_map(|(_, lost)| lost.starts.iter().copied()).collect();
    starts.sort_unstable();
    starts
}

/// Threads that only copy for a device to which others give work, and all that launch its work.
pub(super) fn launching(
    index: &Index,
    vocabulary: &Vocabulary,
    launched: &LaunchIndex<'_>,
    device: &Device,
) -> (FxHashSet<Thread>, FxHashSet<Thread>) {
    let (mut copying, mut working) = (FxHashSet::default(), FxHashSet::default());
    let mut last: Option<(TrackId, bool)> = None;
    launched.work_in_order(vocabulary, &device.tracks, |_, role, launch| {
        let Some(launch) = launch else { return };
        let of = (index.track_of(launch.call), is_copy(role));
        if last.replace(of) != Some(of) {
            let threads = if of.1 { &mut copying } else { &mut working };
            threads.insert(thread_of(index, of.0));
        }
    });
    let all: FxHashSet<Thread> = working.union(&copying).copied().collect();
    if working.is_empty() {
        return (working, all);
    }
    copying.retain(|thread| !working.contains(thread));
    (copying, all)
}

pub(super) fn is_copy(role: Role) -> bool {
    matches!(role, Role::DeviceCopy | Role::DeviceDma | Role::DeviceSet)
}
