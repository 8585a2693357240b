//! Why a device had nothing to do, told by the launch of the work that ended each gap.
//!
//! A gap is time in which no work of a device runs on any of its streams: the same time that `device_time` calls
//! idle. Its end is the start of the next work, and the call that launched that work says whose fault it was:
//!
//! - The call started in the gap: until then the device could have nothing to do. That stretch is the host's, and is
//!   divided by what the launching thread did: a compile; else, if the thread waited for the device when it ran
//!   empty, all of it is that wait's doing (the queue was drained, then filled anew); else, instant by instant,
//!   operators and runtime calls, python, or nothing that was asked for. From the start of the call on, the work is
//!   on its way, until [`LATENCY_NS`] after the call's end; after that it depends on something else. Of a call that
//!   lasts longer than [`LATENCY_NS`], the rest counts as a runtime call.
//! - The call started before: gaps up to [`LATENCY_NS`] are what a device takes from one piece of work to the next;
//!   longer ones mean that the work waited for something else, if it had been launched that long before.
//! - No call: not known, and said so.
//!
//! The clocks of host and device may disagree: work that starts before its call has no way to go, and no time is
//! counted twice or negative by it.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::base::{SliceId, Span, Union, order, show};
use crate::dialect::{Role, Vocabulary};
use crate::index::{Family, Index, Key};

use crate::analyze::device::launched::{Launch, Launched};
use crate::analyze::gaps::activity::{Activity, compile_span};
use crate::analyze::report::{Cause, DeviceIdle, IdleCause, IdleGap, IdleShare, Recompile, Step};
use crate::analyze::words;

/// From a launch to the start of its work, on an idle device, it takes about 5 to 15 µs.
pub const LATENCY_NS: i64 = 20_000;

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// How many of the longest gaps are kept.
const N_LONGEST: usize = 50;

/// Time by cause, in the order of [`IdleCause::ALL`], ns.
type ByIdleCause = [i64; IdleCause::COUNT];

/// The idle time of every device by cause.
pub fn idle(
    index: &Index,
    vocabulary: &Vocabulary,
    launched: &Launched<'_>,
    steps: &[Step],
    recompiles: &[Recompile],
) -> Vec<DeviceIdle> {
    let threads = Threads::of(index, vocabulary, recompiles);
    let devices = vocabulary.devices.iter();
    devices
        .filter_map(|device| {
            let mut tally = Tally::default();
            let own = steps_of(index, vocabulary, device.rank, steps);
            let mut pending: Option<Gap> = None;
            let mut extent: Option<Span> = None;
            launched.work_in_order(vocabulary, &device.tracks, |id, _, launch| {
                let span = vocabulary.span(index, id);
                if span.is_empty() {
                    return;
                }
                match &mut pending {
                    // Of work that starts together, the first whose launch is known speaks.
                    Some(gap) if gap.span.end == span.start => {
                        if gap.launch.is_none() && launch.is_some() {
                            (gap.launch, gap.next) = (launch, id);
                        }
                    }
                    _ => tally.take(pending.take(), &threads),
                }
                if let Some(e) = &mut extent {
                    if span.start > e.end {
                        pending = Some(Gap {
                            span: Span::new(e.end, span.start),
                            next: id,
                            launch,
                        });
                    }
                    e.end = e.end.max(span.end);
                } else {
                    extent = Some(span);
                }
            });
            tally.take(pending.take(), &threads);
            let idle = tally.report(device.device, extent?, &threads, &own);
            Some(DeviceIdle {
                rank: vocabulary.ranks.label(device.rank),
                ..idle
            })
        })
        .collect()
}

/// The steps of a rank; all where the file is of one.
fn steps_of<'s>(
    index: &Index,
    vocabulary: &Vocabulary,
    rank: Option<usize>,
    steps: &'s [Step],
) -> Cow<'s, [Step]> {
    if rank.is_none() {
        return Cow::Borrowed(steps);
    }
    let is_own = |s: &&Step| vocabulary.ranks.of(index, index.track_of(SliceId(s.slice))) == rank;
    Cow::Owned(steps.iter().filter(is_own).cloned().collect())
}

/// A gap with what ended it.
#[derive(Clone, Copy)]
struct Gap {
    span: Span,
    next: SliceId,
    launch: Option<Launch>,
}

#[derive(Default)]
struct Tally {
    n_gaps: u64,
    count: [u64; IdleCause::COUNT],
    total: ByIdleCause,
    skewed: u64,
    longest: Vec<(Gap, ByIdleCause)>,
}

impl Tally {
    fn take(&mut self, gap: Option<Gap>, threads: &Threads<'_>) {
        let Some(gap) = gap else { return };
        let (by_cause, is_skewed) = threads.divide(&gap);
        self.n_gaps += 1;
        self.skewed += u64::from(is_skewed);
        self.count[main_cause(&by_cause) as usize] += 1;
        for (total, ns) in self.total.iter_mut().zip(by_cause) {
            *total += ns;
        }
        self.longest.push((gap, by_cause));
        if self.longest.len() >= 8 * N_LONGEST {
            self.keep_longest();
        }
    }

    fn keep_longest(&mut self) {
        order::sort_by_key(&mut self.longest, |(gap, _)| {
            (std::cmp::Reverse(gap.span.len_ns()), gap.span.start)
        });
        self.longest.truncate(N_LONGEST);
    }

    fn report(mut self, device: i64, extent: Span, threads: &Threads<'_>, steps: &[Step]) -> DeviceIdle {
        self.keep_longest();
        let idle_ns = self.total.iter().sum();
        DeviceIdle {
            device,
            rank: None,
            span_ns: extent.len_ns(),
            idle_ns,
            gaps: self.n_gaps,
            causes: IdleCause::ALL
                .into_iter()
                .map(|cause| IdleShare {
                    cause,
                    count: self.count[cause as usize],
                    total_ns: self.total[cause as usize],
                })
                .filter(|share| share.count > 0 || share.total_ns > 0)
                .collect(),
            skewed: self.skewed,
            longest: self
                .longest
                .iter()
                .map(|(gap, by_cause)| threads.in_words(gap, by_cause, steps))
                .collect(),
            definition: format!(
                "Time in which no work of the device runs on any stream, between its first and its last. The launch of \
                 the work that ends a gap says why: not launched yet, divided by what the launching thread did; on its \
                 way, up to {} after the call; or launched and waiting for other work.",
                show::duration(LATENCY_NS)
            ),
        }
    }
}

fn main_cause(by_cause: &ByIdleCause) -> IdleCause {
    let most = by_cause.iter().copied().max().unwrap_or(0);
    let first = IdleCause::ALL.into_iter().find(|&c| by_cause[c as usize] == most);
    first.unwrap_or(IdleCause::Unlinked)
}

type ThreadKey = (Key, Key);

/// What a thread that launches did.
#[derive(Default)]
struct Thread {
    /// Operators and calls as [`Cause::HostOp`]; frames that wait as [`Cause::NoLoad`]; other frames, and steps, as
    /// [`Cause::Python`].
    activity: Activity,
    /// Its waits for the device, in order of start, with the latest end so far.
    waits: Vec<(Span, SliceId)>,
}

struct Threads<'a> {
    index: &'a Index,
    by_thread: FxHashMap<ThreadKey, Thread>,
    compiles: Union,
    /// Where neither steps nor frames are recorded, an empty stretch says nothing.
    tells_idle: bool,
}

impl<'a> Threads<'a> {
    fn of(index: &'a Index, vocabulary: &Vocabulary, recompiles: &[Recompile]) -> Threads<'a> {
        let mut layers: FxHashMap<ThreadKey, [Vec<Span>; Cause::COUNT]> = FxHashMap::default();
        let mut by_thread: FxHashMap<ThreadKey, Thread> = FxHashMap::default();
        let launches_on: rustc_hash::FxHashSet<ThreadKey> = index
            .track_ids()
            .filter(|&track| {
                index
                    .rows(track)
                    .any(|id| matches!(vocabulary.role(id), Role::Launch | Role::Wait | Role::Submit))
            })
            .map(|track| (index.track(track).pid, index.track(track).tid))
            .collect();
        let mut tells_idle = !vocabulary.passes.is_empty();
        for track in index.track_ids() {
            let key = (index.track(track).pid, index.track(track).tid);
            if !launches_on.contains(&key) {
                continue;
            }
            let is_python = index.track(track).family == Family::Python;
            tells_idle |= is_python;
            let layers = layers.entry(key).or_default();
            for id in index.rows(track) {
                let span = index.slices.span(id);
                let layer = match vocabulary.role(id) {
                    Role::Wait => {
                        by_thread.entry(key).or_default().waits.push((span, id));
                        Cause::HostOp
                    }
                    Role::HostOp | Role::HostOther | Role::Launch | Role::Submit | Role::Collective => {
                        Cause::HostOp
                    }
                    Role::PythonFrame if vocabulary.idle_frames.contains(&index.slices.name(id)) => {
                        Cause::NoLoad
                    }
                    // Only the outermost: those inside add nothing.
                    Role::PythonFrame if index.slices.parent(id).is_some() => continue,
                    Role::PythonFrame
                    | Role::Annotation
                    | Role::Pass
                    | Role::Prepare
                    | Role::Forward
                    | Role::Logits
                    | Role::Sample
                    | Role::Post => Cause::Python,
                    _ => continue,
                };
                join(&mut layers[layer as usize], span);
            }
        }
        for (key, layers) in layers {
            let by_cause = Cause::ALL.into_iter().zip(layers.map(Union::of));
            by_thread.entry(key).or_default().activity = Activity::of(by_cause);
        }
        Threads {
            index,
            by_thread,
            compiles: Union::of(recompiles.iter().filter_map(compile_span)),
            tells_idle,
        }
    }

    fn thread_of(&self, call: SliceId) -> Option<&Thread> {
        let track = self.index.track(self.index.track_of(call));
        self.by_thread.get(&(track.pid, track.tid))
    }

    /// The gap by cause, which adds up to its length; and whether its work starts before its launch.
    fn divide(&self, gap: &Gap) -> (ByIdleCause, bool) {
        let mut by_cause = ByIdleCause::default();
        let Some(launch) = gap.launch else {
            by_cause[IdleCause::Unlinked as usize] = gap.span.len_ns();
            return (by_cause, false);
        };
        let call = self.index.slices.span(launch.call);
        let is_skewed = call.start > gap.span.end;
        if call.start <= gap.span.start && gap.span.len_ns() <= LATENCY_NS {
            by_cause[IdleCause::LaunchLatency as usize] = gap.span.len_ns();
            return (by_cause, is_skewed);
        }
        // Until `launched` the host's, until `arrived` on its way, then waiting for something else. What of the call
        // is longer than a launch takes is the host's again: code is loaded, or a large graph handed over.
        let launched = call.start.clamp(gap.span.start, gap.span.end);
        let arrived = call.end.saturating_add(LATENCY_NS).clamp(launched, gap.span.end);
        let slow = Span::new(call.start.saturating_add(LATENCY_NS), call.end).intersect(gap.span);
        by_cause[IdleCause::LaunchLatency as usize] = arrived - launched - slow.len_ns();
        by_cause[IdleCause::Dependency as usize] = gap.span.end - arrived;
        let host = Span::new(gap.span.start, launched);
        self.divide_host(host, launch.call, &mut by_cause);
        by_cause[IdleCause::HostOp as usize] += slow.len_ns();
        (by_cause, is_skewed)
    }

    fn divide_host(&self, host: Span, call: SliceId, by_cause: &mut ByIdleCause) {
        let compile_ns = self.compiles.covered_ns(host);
        by_cause[IdleCause::Compile as usize] = compile_ns;
        let empty = Thread::default();
        let thread = self.thread_of(call).unwrap_or(&empty);
        if thread.drained_at(host.start).is_some() {
            by_cause[IdleCause::SyncThenLaunch as usize] = host.len_ns() - compile_ns;
            return;
        }
        let nothing = if self.tells_idle {
            IdleCause::SchedulerIdle
        } else {
            IdleCause::NotRecorded
        };
        let mut add = |cause: IdleCause, ns: i64| by_cause[cause as usize] += ns;
        let parts = thread.activity.divide(host);
        // Compiles were counted first; what the thread did meanwhile is not counted again.
        let mut hidden = [0; Cause::COUNT];
        for compile in self.compiles.overlapping(host) {
            for (total, ns) in hidden
                .iter_mut()
                .zip(thread.activity.divide(compile.intersect(host)))
            {
                *total += ns;
            }
        }
        let of = |cause: Cause| parts[cause as usize] - hidden[cause as usize];
        add(IdleCause::HostOp, of(Cause::HostOp));
        add(IdleCause::Python, of(Cause::Python));
        add(IdleCause::SchedulerIdle, of(Cause::NoLoad));
        add(nothing, of(Cause::Unaccounted));
    }

    fn in_words(&self, gap: &Gap, by_cause: &ByIdleCause, steps: &[Step]) -> IdleGap {
        let cause = main_cause(by_cause);
        let name = |id: SliceId| self.index.name_of(id);
        let next = name(gap.next);
        let call = gap.launch.map(|launch| launch.call);
        let by = call.map_or(String::new(), |call| format!(", launched by {}", name(call)));
        let why = match (cause, call) {
            (IdleCause::SyncThenLaunch, Some(call)) => {
                match self.thread_of(call).and_then(|t| t.drained_at(gap.span.start)) {
                    Some(wait) => format!("{} had waited for the device to run empty", name(wait)),
                    None => cause.says().to_owned(),
                }
            }
            _ => cause.says().to_owned(),
        };
        let mut why_chars = why.chars();
        let why = match why_chars.next() {
            Some(first) if cause != IdleCause::SyncThenLaunch => {
                first.to_uppercase().collect::<String>() + why_chars.as_str()
            }
            _ => why,
        };
        let share = show::duration(by_cause[cause as usize]);
        IdleGap {
            start_ns: gap.span.start,
            dur_ns: gap.span.len_ns(),
            cause,
            says: format!(
                "{why}: {share} of {}; then {}{by}.",
                show::duration(gap.span.len_ns()),
                words::shortened(next)
            ),
            launch_slice: call.map(|call| call.0),
            next_slice: gap.next.0,
            step: step_with(
                steps,
                call.map_or(gap.span.end, |c| self.index.slices.start(c).as_ns()),
            ),
        }
    }
}

impl Thread {
    /// The wait of this thread that was open when the device ran empty at `at`.
    fn drained_at(&self, at: i64) -> Option<SliceId> {
        let before = self.waits.partition_point(|(span, _)| span.start <= at);
        // Waits of a thread follow each other; a few may lie within another.
        self.waits[..before]
            .iter()
            .rev()
            .take(8)
            .find(|(span, _)| span.end.saturating_add(CLOCK_SLACK_NS) > at)
            .map(|&(_, id)| id)
    }
}

/// Adds a span to a list in order of arrival, joined with the last where they touch.
fn join(spans: &mut Vec<Span>, span: Span) {
    match spans.last_mut() {
        Some(last) if last.start <= span.start && span.start <= last.end => last.end = last.end.max(span.end),
        _ => spans.push(span),
    }
}

/// The index of the step in whose time `at` lies.
fn step_with(steps: &[Step], at: i64) -> Option<u32> {
    let last = steps.partition_point(|s| s.start_ns <= at).checked_sub(1)?;
    let step = &steps[last];
    (at < step.start_ns.saturating_add(step.dur_ns)).then_some(step.index)
}
