//! Why a device had nothing to do, from its first to its last work.
//!
//! A gap is time in which no work of a device runs on any of its streams: the same time that `device_time` calls
//! idle. Its causes are told by the rule of [`cause`](super::cause); here they have the names of [`IdleCause`], which
//! [`IdleCause::of`] maps. Beside its causes stands whether a wait of the launching thread for the device had drained
//! the queue. Of a device most of whose launches are unknown, they are those of its gaps: what the host did meanwhile.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, Span, order, show};
use crate::dialect::Vocabulary;
use crate::index::Index;
use crate::index::args::Links;

use crate::analyze::device::launch_index::LaunchIndex;
use crate::analyze::gaps::cause::Rule;
use crate::analyze::gaps::device_gap::{DeviceGap, Seen, each_gap};
use crate::analyze::gaps::{GapDivider, Host};
use crate::analyze::report::{Cause, DeviceIdle, Drained, IdleCause, IdleGap, IdleShare, LongCall, Step};
use crate::analyze::sentence_words;

pub use crate::analyze::gaps::cause::LATENCY_NS;

/// Of gaps from here on the call that takes most of one is named.
const LONG_NS: i64 = 1_000_000;

/// How many of the longest gaps are kept.
const N_LONGEST: usize = 50;

/// Time by cause, in the order of [`IdleCause::ALL`], ns.
type ByIdleCause = [i64; IdleCause::COUNT];

/// The idle time of every device by cause; of none where the clocks of host and device disagree.
pub fn idle(host: &Host<'_>) -> Vec<DeviceIdle> {
    let (index, vocabulary) = (host.index, host.vocabulary);
    if vocabulary.clock_offset_ns.is_some() {
        return Vec::new();
    }
    let no_links = Links::of(Vec::new());
    let nothing = LaunchIndex::by_links(index, vocabulary, &no_links);
    let launched = host.launched.unwrap_or(&nothing);
    let devices = vocabulary.devices.iter().zip(&host.idle);
    devices
        .zip(&host.unlinked)
        .filter_map(|((device, causes), unlinked)| {
            let mut tally = Tally::default();
            let mut by_host = causes.is_none().then(|| GapDivider::of(host, None));
            let extent = each_gap(index, vocabulary, launched, device, |seen| {
                if let Seen::Gap(gap) = seen {
                    tally.take(gap, index, &host.rule, by_host.as_mut());
                }
            })?;
            let own = steps_of(index, vocabulary, device.rank, host.steps);
            let idle = tally.report(device.device, extent, host, &own);
            let definition = match causes {
                Some(_) => by_launch_definition(),
                None => BY_HOST_DEFINITION.to_owned(),
            };
            Some(DeviceIdle {
                rank: vocabulary.ranks.label(device.rank),
                launches_known: causes.is_some() && unlinked.is_none_or(|of| of.n < of.of),
                definition,
                ..idle
            })
        })
        .collect()
}

/// Why no idle time has a cause, in words.
pub fn unknown(vocabulary: &Vocabulary) -> Option<String> {
    match vocabulary.clock_offset_ns {
        _ if vocabulary.devices.is_empty() => Some("The trace has no device work.".to_owned()),
        Some(offset) => Some(format!(
            "The clocks of host and device disagree by about {}.",
            show::about(offset)
        )),
        None => None,
    }
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

#[derive(Default)]
struct Tally {
    n_gaps: u64,
    count: [u64; IdleCause::COUNT],
    total: ByIdleCause,
    /// Of `total`, what a wait had drained the queue before.
    drained: ByIdleCause,
    /// By the wait's name.
    drained_by: FxHashMap<NameId, (u64, i64, SliceId)>,
    skewed: u64,
    /// See [`DeviceIdle::queued_ns`].
    queued_ns: i64,
    longest: Vec<(DeviceGap, ByIdleCause, Option<SliceId>)>,
}

impl Tally {
    fn take(&mut self, gap: DeviceGap, index: &Index, rule: &Rule<'_>, by_host: Option<&mut GapDivider<'_>>) {
        let mut by_cause = ByIdleCause::default();
        let mut add = |cause, ns| by_cause[IdleCause::of(cause) as usize] += ns;
        match by_host {
            Some(divider) => {
                let parts = divider.divide(gap.span, gap.span);
                Cause::ALL
                    .into_iter()
                    .zip(parts)
                    .for_each(|(cause, ns)| add(cause, ns));
            }
            None => rule.each(&gap, |span, cause| add(cause, span.len_ns())),
        }
        let drained = rule.drained_at(&gap);
        self.n_gaps += 1;
        let call = gap
            .asked
            .or(gap.launch)
            .map(|launch| index.slices.end(launch.call).as_ns());
        if call.is_some_and(|end| end <= gap.span.start) {
            self.queued_ns += by_cause[IdleCause::LaunchLatency as usize];
        }
        self.skewed += u64::from(gap.is_skewed(index));
        self.count[main_cause(&by_cause) as usize] += 1;
        for (total, ns) in self.total.iter_mut().zip(by_cause) {
            *total += ns;
        }
        if let Some(wait) = drained {
            for (total, ns) in self.drained.iter_mut().zip(by_cause) {
                *total += ns;
            }
            let name = index.slices.name(wait);
            let of = self.drained_by.entry(name).or_insert((0, 0, wait));
            of.0 += 1;
            of.1 += gap.span.len_ns();
        }
        self.longest.push((gap, by_cause, drained));
        if self.longest.len() >= 8 * N_LONGEST {
            self.keep_longest();
        }
    }

    fn keep_longest(&mut self) {
        order::sort_by_key(&mut self.longest, |(gap, ..)| {
            (std::cmp::Reverse(gap.span.len_ns()), gap.span.start)
        });
        self.longest.truncate(N_LONGEST);
    }

    fn report(mut self, device: i64, extent: Span, host: &Host<'_>, steps: &[Step]) -> DeviceIdle {
        let index = host.index;
        self.keep_longest();
        let idle_ns = self.total.iter().sum();
        let drained_by = self.drained_by.into_iter();
        let mut drained_by: Vec<Drained> = drained_by
            .map(|(name, (count, total_ns, first))| Drained {
                name: index.text(name).to_owned(),
                count,
                total_ns,
                first_slice: first.0,
            })
            .collect();
        order::sort_by(&mut drained_by, |a, b| {
            (b.total_ns, &a.name).cmp(&(a.total_ns, &b.name))
        });
        let causes = IdleCause::ALL.into_iter().map(|cause| IdleShare {
            cause,
            count: self.count[cause as usize],
            total_ns: self.total[cause as usize],
            drained_ns: self.drained[cause as usize],
        });
        let mut causes: Vec<IdleShare> = causes
            .filter(|share| share.count > 0 || share.total_ns > 0)
            .collect();
        order::sort_by_key(&mut causes, |share| {
            (std::cmp::Reverse(share.total_ns), share.cause)
        });
        DeviceIdle {
            device,
            rank: None,
            span_ns: extent.len_ns(),
            idle_ns,
            gaps: self.n_gaps,
            causes,
            drained_by,
            skewed: self.skewed,
            queued_ns: self.queued_ns,
            longest: self
                .longest
                .iter()
                .map(|(gap, by_cause, drained)| in_words(host, gap, by_cause, *drained, steps))
                .collect(),
            launches_known: true,
            definition: String::new(),
        }
    }
}

fn by_launch_definition() -> String {
    format!(
        "Time in which no work of the device runs on any stream, between its first and its last. Each moment has the \
         cause that the thread gives which launches the next work: until the launch call ends, what this thread does; \
         after it, up to {} on its way; then waiting for other work. Whether a synchronisation had emptied the queue \
         is counted beside the cause.",
        show::duration(LATENCY_NS)
    )
}

const BY_HOST_DEFINITION: &str = "Time in which no work of the device runs on any stream, between its first \
     and its last. The calls that launched most of this device's work are not known, so each moment has the cause that \
     the host gives: the innermost slice of the threads that run the model or launch. Gaps below 10 µs are the \
     device's own.";

fn main_cause(by_cause: &ByIdleCause) -> IdleCause {
    let most = by_cause.iter().copied().max().unwrap_or(0);
    let first = IdleCause::ALL.into_iter().find(|&c| by_cause[c as usize] == most);
    first.unwrap_or(IdleCause::Unlinked)
}

fn in_words(
    host: &Host<'_>,
    gap: &DeviceGap,
    by_cause: &ByIdleCause,
    drained: Option<SliceId>,
    steps: &[Step],
) -> IdleGap {
    let index = host.index;
    let cause = main_cause(by_cause);
    let is_long = gap.span.len_ns() >= LONG_NS;
    let long_call = is_long
        .then(|| host.rule.call_in_most_of(host.vocabulary, gap))
        .flatten();
    let long_call = long_call.map(|(id, ns)| LongCall {
        name: index.name_of(id).to_owned(),
        ns,
        slice: id.0,
    });
    let in_call = long_call.as_ref().map_or(String::new(), |call| {
        format!(", {}", sentence_words::in_one_call(call))
    });
    let name = |id: SliceId| index.name_of(id);
    let call = gap.launch.map(|launch| launch.call);
    let by = call.map_or(String::new(), |call| format!(", launched by {}", name(call)));
    let after = drained.map_or(String::new(), |wait| {
        format!(", after {} had waited until the device was empty", name(wait))
    });
    let mut why = cause.says().chars();
    let why = why.next().map_or(String::new(), |first| {
        first.to_uppercase().collect::<String>() + why.as_str()
    });
    IdleGap {
        start_ns: gap.span.start,
        dur_ns: gap.span.len_ns(),
        cause,
        says: format!(
            "{why}: {} of {}{in_call}{after}; then {}{by}.",
            show::duration(by_cause[cause as usize]),
            show::duration(gap.span.len_ns()),
            sentence_words::shortened(name(gap.next))
        ),
        launch_slice: call.map(|call| call.0),
        next_slice: gap.next.0,
        step: step_with(
            steps,
            call.map_or(gap.span.end, |c| index.slices.start(c).as_ns()),
        ),
        call: long_call,
    }
}

/// The index of the step in whose time `at` lies.
fn step_with(steps: &[Step], at: i64) -> Option<u32> {
    let last = steps.partition_point(|s| s.start_ns <= at).checked_sub(1)?;
    let step = &steps[last];
    (at < step.start_ns.saturating_add(step.dur_ns)).then_some(step.index)
}
