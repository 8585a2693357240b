//! Gaps: three quantities that are defined apart, because they answer different questions, and never added up.
//!
//! - *step*: from the end of one engine step to the start of the next, of each engine of a file. Counts between serving
//!   steps; where the trace has none, between all steps.
//! - *device*: no work of a device runs, of whatever kind, between its first and its last work. Gaps below
//!   [`DEVICE_FLOOR_NS`] are scheduling on the device itself.
//! - *launch*: from the end of one launch to the start of the next, on the thread that launches most. The device
//!   may well be busy in it; where no device recording exists it is what there is.
//!
//! Causes. Each instant of a gap has one cause, so the causes' times add up to the total. A gap is counted under the
//! cause that has most of its time, so the causes' counts add up to the count. The causes of a device's gaps are those
//! of its idle time, told by one rule (see [`cause`]); between steps and launches they are what the host did (see
//! [`Activity`]).

pub mod activity;
pub mod budget;
pub mod cause;
mod fine_bins;
pub mod idle;
pub mod requests;
pub mod step_causes;
pub(in crate::analyze) mod streams;

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::base::{SliceId, Span, TrackId, Union, order, show, stats};
use crate::dialect::{EngineStep, Evidence, LaunchLink, Period, Phase, Role, Vocabulary};
use crate::index::args::Links;
use crate::index::{Index, Key};

use crate::analyze::device::launch_index::LaunchIndex;
use crate::analyze::device::time::DeviceWork;
use crate::analyze::gaps::activity::{Activity, ByCause, Divider, HostThreads, Whose, compile_span, most_of};
use crate::analyze::gaps::cause::{Compiles, Rule, Thread, Unlinked};
use crate::analyze::gaps::fine_bins::FineBins;
use crate::analyze::gaps::requests::{EngineKey, Waiting, WithoutRequests, engine_rows};
use crate::analyze::report::{
    Bucket, Cause, Gap, GapBin, GapCause, GapKind, Gaps, IdleCause, Recompile, Step, device_name,
};
use crate::analyze::steps::links_of_runs;
use crate::analyze::steps::verdict::{self, DeviceShares};

/// Below this a device gap is scheduling on the device, not waiting for the host.
pub const DEVICE_FLOOR_NS: i64 = 10_000;

/// Where the bins of the histogram start; each ends where the next starts, the last is open.
pub const BIN_EDGES_NS: [i64; 10] = [
    0,
    10_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// How many of the longest gaps are kept.
const N_LONGEST: usize = 50;

/// Everything that gaps of all kinds are judged by.
pub struct Host<'a> {
    pub index: &'a Index,
    pub vocabulary: &'a Vocabulary,
    pub steps: &'a [Step],
    pub recompiles: &'a [Recompile],
    /// What each device did.
    pub devices: &'a [DeviceWork],
    /// When any device works, where there are several; see [`Host::busy`].
    all_busy: Union,
    pub activity: Activity,
    pub compiles: Compiles,
    /// The same by innermost slices, for devices whose launches are unknown; empty if there are none.
    pub of_threads: Activity,
    pub threads: HostThreads,
    /// Which call launched what, where that is known.
    pub launched: Option<&'a LaunchIndex<'a>>,
    pub rule: Rule<'a>,
    pub waiting: &'a [Waiting],
    /// Why each device is idle at each instant, in the order of `devices`; `None` where its launches are unknown.
    pub idle: Vec<Option<Activity>>,
    /// In the same order: work without a launch, where the trace links work to launches.
    pub unlinked: Vec<Option<Unlinked>>,
    /// In the same order: when it seems idle and may run work that is not recorded.
    pub lost: Vec<Union>,
}

impl<'a> Host<'a> {
    /// Reads the whole trace once.
    pub fn of(
        index: &'a Index,
        vocabulary: &'a Vocabulary,
        steps: &'a [Step],
        recompiles: &'a [Recompile],
        devices: &'a [DeviceWork],
        launched: Option<&'a LaunchIndex<'a>>,
        waiting: &'a [Waiting],
    ) -> Host<'a> {
        // What a launch explains cannot be told where the clocks disagree.
        let launched = launched.filter(|_| vocabulary.clock_offset_ns.is_none());
        let threads = HostThreads::of(index, vocabulary);
        let compiles = Compiles::of(index, vocabulary, recompiles);
        let rule = Rule::of(index, vocabulary, &threads, &compiles, waiting);
        let places = 0..devices.len();
        let of_devices = places.map(|place| {
            let known = vocabulary.devices.get(place).zip(launched);
            let of = known.map(|(device, launched)| rule.of_device(vocabulary, launched, device));
            of.unwrap_or_default()
        });
        let of_devices = of_devices.map(|of| (of.idle, (of.unlinked, of.lost)));
        let (idle, others): (Vec<Option<Activity>>, Vec<_>) = of_devices.unzip();
        let (unlinked, lost): (Vec<Option<Unlinked>>, Vec<Union>) = others.into_iter().unzip();
        let of_threads = match idle.iter().all(Option::is_some) {
            true => Activity::default(),
            false => cause::of_threads(index, vocabulary, &threads, &compiles, waiting),
        };
        Host {
            index,
            vocabulary,
            steps,
            recompiles,
            devices,
            all_busy: match devices {
                [] | [_] => Union::default(),
                several => Union::of(several.iter().flat_map(|d| d.busy.spans().iter().copied())),
            },
            of_threads,
            activity: Activity::of_host(
                index,
                vocabulary,
                &compiles,
                &threads,
                waiting,
                &Whose::Rank(None),
            ),
            compiles,
            threads,
            launched,
            rule,
            waiting,
            idle,
            unlinked,
            lost,
        }
    }

    /// When work of any kind runs on any device in the file.
    pub fn busy(&self) -> &Union {
        match self.devices {
            [one] => &one.busy,
            _ => &self.all_busy,
        }
    }
}

/// Which call launched what, where only the order of launches or another layer's arrows tell.
pub fn found_links<'a>(index: &Index, vocabulary: &'a Vocabulary) -> Option<Cow<'a, Links>> {
    match &vocabulary.launch_link {
        LaunchLink::Recurring(key) => links_of_runs(index, vocabulary, key).map(Cow::Owned),
        LaunchLink::Numbered(links) => Some(Cow::Borrowed(vocabulary.call_links.as_ref().unwrap_or(links))),
        _ => None,
    }
}

/// What each device did, as far as a verdict asks.
pub fn device_shares(host: &Host<'_>) -> Vec<DeviceShares> {
    let without = WithoutRequests::of(host.index, host.vocabulary, host.waiting);
    let devices = host.devices.iter().zip(&host.idle).enumerate();
    devices
        .map(|(place, (device, idle))| {
            let of_rank = rank_of(host, place);
            let compiling = host.compiles.of_rank(of_rank);
            let unknown = host.vocabulary.clock_offset_ns.map(|offset| {
                format!(
                    "the clocks of host and device disagree by about {}",
                    show::about(offset)
                )
            });
            DeviceShares {
                device: device.device,
                rank: device.rank.clone(),
                of_rank,
                // A compile waits for locks and workers of its own: that is the compile's time.
                waiting: without.of_rank(of_rank).without(&compiling),
                compiling,
                works: device.works(),
                busy: device.busy.clone(),
                launch_unknown: Union::of(
                    idle.iter()
                        .flat_map(|idle| idle.pieces())
                        .filter(|p| p.cause == Cause::Unlinked)
                        .map(|p| p.span),
                ),
                lost: host.lost[place].clone(),
                unlinked: host.unlinked[place],
                not_launched: unknown
                    .is_none()
                    .then(|| not_launched(host, device, idle.as_ref())),
                unknown,
            }
        })
        .collect()
}

/// The compiles that hold these up.
fn of_compiles<'h>(host: &'h Host<'_>, whose: &Whose) -> impl Iterator<Item = &'h Recompile> {
    let held = whose.compiles(host.vocabulary, &host.compiles);
    let is_held = move |r: &&Recompile| held.covered_ns(compile_span(r)) > 0;
    host.recompiles.iter().filter(is_held)
}

/// Who is asked for the causes of gaps that threads of a rank have: themselves; their process where nothing is ever
/// recorded of them; their rank where what they did lies on other lanes.
fn whose(host: &Host<'_>, rank: Option<usize>, threads: &[Thread]) -> Whose {
    let (index, vocabulary) = (host.index, host.vocabulary);
    let own = |&track: &TrackId| threads.contains(&cause::thread_of(index, track));
    let says = |track| {
        let mut rows = index.rows(track);
        rows.any(|id| host.threads.cause_of(index, vocabulary, id).is_some())
    };
    match threads {
        _ if vocabulary.has_lanes_of_kinds => Whose::Rank(rank),
        _ if !index.track_ids().any(|track| own(&track)) => Whose::Rank(rank),
        _ if index.track_ids().filter(own).any(says) => Whose::Threads(threads.to_vec()),
        [(process, _), ..] => Whose::Process(*process),
        [] => Whose::Rank(rank),
    }
}

fn activity_of<'h>(host: &'h Host<'_>, whose: &Whose) -> Cow<'h, Activity> {
    if *whose == Whose::Rank(None) {
        return Cow::Borrowed(&host.activity);
    }
    let (compiles, threads) = (&host.compiles, &host.threads);
    Cow::Owned(Activity::of_host(
        host.index,
        host.vocabulary,
        compiles,
        threads,
        host.waiting,
        whose,
    ))
}

/// The rank of the device at a place of the list.
fn rank_of(host: &Host<'_>, place: usize) -> Option<usize> {
    host.vocabulary.devices.get(place)?.rank
}

/// When a device is idle and its next work is not launched yet. Where launches are not linked one by one: in gaps that
/// are longer than the device's own, by what the host did.
fn not_launched(host: &Host<'_>, device: &DeviceWork, idle: Option<&Activity>) -> Union {
    if let Some(idle) = idle {
        let pieces = idle.pieces().iter();
        let of_host = pieces.filter(|p| is_not_launched(p.cause));
        return Union::of(of_host.map(|p| p.span));
    }
    let gaps = Union::of(device.busy.gaps().filter(|g| g.len_ns() >= DEVICE_FLOOR_NS));
    let others = host
        .of_threads
        .pieces()
        .iter()
        .filter(|p| p.cause == Cause::NoLoad);
    gaps.without(&Union::of(others.map(|p| p.span)))
}

/// Ends are rounded to whole ns: work without a pause between may seem to have one of this length.
const ROUNDING_NS: i64 = 1;

/// Which gaps a reader asks for. What is not named is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapFilter {
    /// Of the step in which a gap lies, or before which it lies.
    pub phase: Option<Phase>,
    /// Of the same step.
    pub bucket: Option<Bucket>,
    /// Whether it lies inside a step.
    pub inside: Option<bool>,
    /// Gaps of so many ns.
    pub length: Option<Span>,
}

impl GapFilter {
    fn takes(&self, host: &Host<'_>, gap: Span) -> bool {
        if self.length.is_some_and(|length| !length.contains(gap.len_ns())) {
            return false;
        }
        if self.phase.is_none() && self.bucket.is_none() && self.inside.is_none() {
            return true;
        }
        let (step, inside) = step_at(host, gap);
        let step = step.and_then(|step| host.steps.get(step as usize));
        self.inside.is_none_or(|wanted| wanted == inside)
            && self
                .phase
                .is_none_or(|phase| step.is_some_and(|step| step.phase == phase))
            && self
                .bucket
                .is_none_or(|bucket| step.is_some_and(|step| step.bucket == Some(bucket)))
    }
}

/// Which gaps are counted, and how many of the longest are named.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Those that lie in it, in part or whole.
    pub window: Option<Span>,
    pub filter: Option<&'a GapFilter>,
    pub n_longest: usize,
}

impl Asked<'_> {
    fn has(self, host: &Host<'_>, gap: Span) -> bool {
        gap.len_ns() > ROUNDING_NS
            && self.window.is_none_or(|w| !w.intersect(gap).is_empty())
            && self.filter.is_none_or(|filter| filter.takes(host, gap))
    }
}

/// All gaps of a trace: between steps, of each device, between launches.
pub fn gaps(host: &Host<'_>) -> Vec<Gaps> {
    asked(
        host,
        Asked {
            window: None,
            filter: None,
            n_longest: N_LONGEST,
        },
    )
}

/// The gaps that are asked for, each at its full length.
pub fn asked(host: &Host<'_>, asked: Asked<'_>) -> Vec<Gaps> {
    let mut all = Vec::new();
    let engines = engine_rows(host.index, host.vocabulary);
    let ranks = &host.vocabulary.ranks.by_process;
    let rank_of = |key: EngineKey| ranks.get(&key.process).copied();
    let mut n_of_rank: FxHashMap<Option<usize>, u32> = FxHashMap::default();
    for engine in &engines {
        *n_of_rank.entry(rank_of(engine.key)).or_default() += 1;
    }
    for engine in engines {
        let rank = rank_of(engine.key);
        let of = StepsOf {
            key: engine.key,
            rank,
            is_alone: n_of_rank.get(&rank) == Some(&1),
            threads: &engine.threads,
        };
        all.extend(step_gaps(host, asked, &of, engine.rows));
    }
    for place in 0..host.devices.len() {
        all.extend(device_gaps(host, asked, place));
    }
    all.extend(launch_gaps(host, asked));
    all
}

/// A gap between two engine steps: its neighbours are rows of [`Vocabulary::engine_steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    pub span: Span,
    pub before: usize,
    pub after: usize,
}

/// The gaps between engine steps. Steps that overlap or touch have none. Only gaps with a serving step on both
/// sides count, unless no step is serving.
pub fn between_steps(steps: &[EngineStep]) -> Vec<Between> {
    between(steps, (0..steps.len()).collect())
}

/// The same between the steps at these places.
fn between(steps: &[EngineStep], places: Vec<usize>) -> Vec<Between> {
    let any_serving = places.iter().any(|&i| steps[i].period == Period::Serving);
    let mut order = places;
    order::sort_by_key(&mut order, |&i| steps[i].span);
    let mut gaps = Vec::new();
    let mut last: Option<usize> = None;
    for i in order {
        let step = &steps[i];
        if let Some(before) = last {
            let counts =
                !any_serving || (steps[before].period == Period::Serving && step.period == Period::Serving);
            if counts && step.span.start > steps[before].span.end {
                gaps.push(Between {
                    span: Span::new(steps[before].span.end, step.span.start),
                    before,
                    after: i,
                });
            }
        }
        if last.is_none_or(|before| step.span.end > steps[before].span.end) {
            last = Some(i);
        }
    }
    gaps
}

fn rank_of_step(host: &Host<'_>, step: usize) -> Option<usize> {
    let v = host.vocabulary;
    let first = v.engine_steps.get(step)?.passes.start;
    let pass = v.passes.get(first as usize)?;
    v.ranks.of(host.index, host.index.track_of(pass.slice))
}

/// The places of a rank's steps.
fn steps_of_rank(host: &Host<'_>, rank: Option<usize>) -> Vec<usize> {
    let steps = 0..host.vocabulary.engine_steps.len();
    steps
        .filter(|&step| rank.is_none() || rank_of_step(host, step) == rank)
        .collect()
}

/// Whose steps gaps lie between.
struct StepsOf<'a> {
    key: EngineKey,
    rank: Option<usize>,
    /// Whether its rank, or the file of one, has no other engine.
    is_alone: bool,
    /// Those that mark the steps.
    threads: &'a [Thread],
}

fn step_gaps(host: &Host<'_>, asked: Asked<'_>, of: &StepsOf<'_>, places: Vec<usize>) -> Option<Gaps> {
    let engine_steps = &host.vocabulary.engine_steps;
    if places.len() < 2 {
        return None;
    }
    let serving = places.iter().any(|&i| engine_steps[i].period == Period::Serving);
    let mut between = between(engine_steps, places);
    between.retain(|g| asked.has(host, g.span));
    let whose = whose(host, of.rank, of.threads);
    let activity = activity_of(host, &whose);
    let mut divider = activity.divider();
    let (mut gaps, measured) = summarise(asked.n_longest, between.iter().map(|g| g.span), |gap| {
        divider.divide(gap)
    });
    gaps.kind = GapKind::Step;
    gaps.r#where = engine_name(host.vocabulary);
    if let Some(rank) = host.vocabulary.ranks.label(of.rank) {
        gaps.r#where += &format!(" of {rank}");
    }
    if !of.is_alone {
        let show = |key: Key| key.show(&host.index.names).to_string();
        gaps.r#where += &format!(", process {}", show(of.key.process));
        if let Some(thread) = of.key.thread {
            gaps.r#where += &format!(", thread {}", show(thread));
        }
    }
    gaps.definition = match host.vocabulary.steps_inferred {
        true => "Time from the end of a wait for the device to the next launch: nothing marks steps, so whether it \
                 lies inside an engine step or between two is unknown."
            .to_owned(),
        false => format!(
            "Time from the end of one engine step to the start of the next{}: scheduling, the server around the \
             engine, and waiting for requests. Overlapping steps have no gap between them.",
            if serving { ", while serving" } else { "" }
        ),
    };
    let label = |i: usize| match engine_steps[i]
        .passes
        .clone()
        .next()
        .and_then(|p| step_of_pass(host, p))
    {
        Some(step) => step_label(step),
        None => "an engine step".to_owned(),
    };
    gaps.longest = longest(host, &measured, |gap, cause| {
        let gap_of = between[gap.place];
        let sides = format!("between {} and {}", label(gap_of.before), label(gap_of.after));
        format!("{}; {sides}.", what_the_host_did(host, gap, cause, &whose))
    });
    Some(gaps)
}

fn device_gaps(host: &Host<'_>, asked: Asked<'_>, place: usize) -> Option<Gaps> {
    let device = host.devices.get(place)?;
    let idle = host.idle.get(place)?.as_ref();
    let rank = rank_of(host, place);
    let busy = &device.busy;
    let extent = busy.extent()?;
    let mut divider = GapDivider::of(host, idle);
    let (mut gaps, measured) = summarise(
        asked.n_longest,
        busy.gaps().filter(|&g| asked.has(host, g)),
        |gap| {
            // What the host did meanwhile cannot be told where the clocks disagree.
            match host.vocabulary.clock_offset_ns {
                Some(_) if gap.len_ns() >= DEVICE_FLOOR_NS => unaccounted(gap),
                _ => divider.divide(gap, gap),
            }
        },
    );
    gaps.kind = GapKind::Device;
    gaps.r#where = format!("device {}", device_name(device.device, device.rank.as_deref()));
    gaps.coverage = capture_window(host).map(|window| share(extent.intersect(window), window));
    gaps.definition = format!(
        "Time in which no work of the device runs (compute, communication, copies), between its first and its last \
         recorded work. Gaps shorter than {} are scheduling on the device itself.",
        show::duration(DEVICE_FLOOR_NS)
    );
    gaps.longest = longest(host, &measured, |gap, cause| {
        says_with_place(host, gap, cause, &Whose::Rank(rank))
    });
    Some(gaps)
}

/// The part of `window` that `part` is.
fn share(part: Span, window: Span) -> f64 {
    if window.is_empty() {
        return 0.0;
    }
    part.len_ns() as f64 / window.len_ns() as f64
}

/// What the torch profiler covers; where the trace does not say, everything recorded.
pub fn capture_window(host: &Host<'_>) -> Option<Span> {
    host.vocabulary
        .capture
        .or_else(|| host.vocabulary.extent(host.index))
}

/// Divides gaps of a device, in order of start, by cause.
pub struct GapDivider<'h> {
    divider: Divider<'h>,
    /// Whether launches are known.
    is_linked: bool,
}

impl<'h> GapDivider<'h> {
    /// By why the device is idle; where that is not known, by what the host did.
    pub fn of(host: &'h Host<'_>, idle: Option<&'h Activity>) -> GapDivider<'h> {
        GapDivider {
            divider: idle.unwrap_or(&host.of_threads).divider(),
            is_linked: idle.is_some(),
        }
    }

    /// Divides the part `inside` of `gap`.
    pub fn divide(&mut self, gap: Span, inside: Span) -> ByCause {
        match self.is_linked {
            // Where it is not idle it works on what does not end the gap.
            true => self.divider.divide_else(inside, Cause::Device),
            // Whether a gap is the device's own is judged by all of it.
            false if gap.len_ns() < DEVICE_FLOOR_NS => divide_device_gap(&mut self.divider, inside),
            false => self.divider.divide(inside),
        }
    }
}

/// A gap below the floor is the device's own; of a longer one each instant has the host's cause.
fn divide_device_gap(divider: &mut Divider<'_>, gap: Span) -> ByCause {
    if gap.len_ns() >= DEVICE_FLOOR_NS {
        return divider.divide(gap);
    }
    let mut by_cause = ByCause::default();
    by_cause[Cause::Device as usize] = gap.len_ns();
    by_cause
}

fn unaccounted(gap: Span) -> ByCause {
    let mut by_cause = ByCause::default();
    by_cause[Cause::Unaccounted as usize] = gap.len_ns();
    by_cause
}

fn launch_gaps(host: &Host<'_>, asked: Asked<'_>) -> Option<Gaps> {
    let launches_on = |track: TrackId| {
        host.index
            .rows(track)
            .filter(|&id| host.vocabulary.role(id) == Role::Launch)
    };
    let (track, n_launches) = host
        .index
        .track_ids()
        .map(|track| (track, launches_on(track).count()))
        .max_by_key(|&(track, n)| (n, std::cmp::Reverse(track)))?;
    if n_launches < 2 {
        return None;
    }
    let union = Union::of(launches_on(track).map(|id| host.index.slices.span(id)));
    let rank = host.vocabulary.ranks.of(host.index, track);
    let whose = whose(host, rank, &[cause::thread_of(host.index, track)]);
    let activity = activity_of(host, &whose);
    let mut divider = activity.divider();
    let (mut gaps, measured) = summarise(
        asked.n_longest,
        union.gaps().filter(|&g| asked.has(host, g)),
        |gap| divider.divide(gap),
    );
    gaps.kind = GapKind::Launch;
    gaps.r#where = track_name(host.index, track);
    let extent = union.extent().unwrap_or_default();
    gaps.coverage = capture_window(host).map(|window| share(extent.intersect(window), window));
    gaps.definition = "Time from the end of one launch to the start of the next, on the thread with most \
                       launches. This is not idle time of the device: it may be running what was launched before."
        .into();
    gaps.longest = longest(host, &measured, |gap, cause| {
        says_with_place(host, gap, cause, &whose)
    });
    Some(gaps)
}

/// Idle time of one device in steps of one phase, over the window of the verdict on them: the union of the intervals
/// in which nothing compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepIdle {
    pub phase: Phase,
    pub device: i64,
    pub rank: Option<String>,
    /// How many intervals the window is made of.
    pub n_intervals: usize,
    pub window_ns: i64,
    /// No work of the device runs: by cause.
    pub by_cause: ByCause,
    /// Of the idle time whose next work is not launched yet, what lies between engine steps.
    pub between_steps_ns: i64,
    /// The longest gap of which most is such time.
    pub longest: Option<Span>,
}

impl StepIdle {
    /// Idle time whose next work is not launched yet, by cause.
    pub fn host_causes(&self) -> impl Iterator<Item = (Cause, i64)> + '_ {
        let causes = Cause::ALL.into_iter().filter(|&c| is_not_launched(c));
        causes.map(|c| (c, self.by_cause[c as usize]))
    }

    /// Idle time whose next work is not launched yet: the host's share of the verdict.
    pub fn host_ns(&self) -> i64 {
        self.host_causes().map(|(_, ns)| ns).sum()
    }
}

/// Of `gap` inside `within`, the time whose next work is not launched yet.
fn hosts_ns(divider: &mut GapDivider<'_>, gap: Span, within: &Union) -> i64 {
    let parts = within
        .overlapping(gap)
        .map(|s| divider.divide(gap, s.intersect(gap)));
    let hosts = |by_cause: ByCause| -> i64 {
        let causes = Cause::ALL.into_iter().filter(|&c| is_not_launched(c));
        causes.map(|c| by_cause[c as usize]).sum()
    };
    parts.map(hosts).sum()
}

/// Whether idle time of this cause has work to launch that is not launched yet: no wait for requests, nothing that was
/// launched and has not started, and not what nobody knows.
fn is_not_launched(cause: Cause) -> bool {
    cause == Cause::Recompile || IdleCause::of(cause).is_host_bound()
}

/// The idle time of each device in steps of the first phase of which enough are known: decode, else steps whose phase
/// is unknown, those that do both, prefill. Empty where the clocks of host and device disagree; without devices
/// too much of whose work has no launch in the trace.
pub fn step_idle(host: &Host<'_>) -> Vec<StepIdle> {
    if host.vocabulary.clock_offset_ns.is_some() {
        return Vec::new();
    }
    let phases = [Phase::Decode, Phase::Unknown, Phase::Mixed, Phase::Prefill];
    let of_phase = |phase| -> Vec<StepIdle> {
        let devices = host.devices.iter().zip(&host.idle).enumerate();
        devices
            .filter_map(|(place, (device, idle))| {
                if host.unlinked[place].is_some_and(verdict::is_too_much_work_unlinked) {
                    return None;
                }
                let rank = rank_of(host, place);
                let steps = verdict::of_phase(host.steps, phase, rank);
                let compiling = host.compiles.of_rank(rank);
                let (window, n_intervals) =
                    verdict::window(steps, &compiling, Some((&device.busy, &host.lost[place])));
                let is_enough = n_intervals >= verdict::LEAST_INTERVALS && window.total_ns() > 0;
                is_enough.then(|| StepIdle {
                    phase,
                    device: device.device,
                    rank: device.rank.clone(),
                    n_intervals,
                    ..idle_in(host, device, idle.as_ref(), rank, &window)
                })
            })
            .collect()
    };
    let mut of_phases = phases.into_iter().map(of_phase);
    of_phases.find(|of| !of.is_empty()).unwrap_or_default()
}

fn idle_in(
    host: &Host<'_>,
    device: &DeviceWork,
    idle: Option<&Activity>,
    rank: Option<usize>,
    window: &Union,
) -> StepIdle {
    let between = between(&host.vocabulary.engine_steps, steps_of_rank(host, rank));
    let step_gaps = Union::of(between.iter().map(|g| g.span));
    idle_by(&device.busy, || GapDivider::of(host, idle), window, &step_gaps)
}

/// Idle time in `window`, as far as the recording covers it. Phase, device and number of intervals are the caller's.
fn idle_by<'h>(
    busy: &Union,
    divider: impl Fn() -> GapDivider<'h>,
    window: &Union,
    step_gaps: &Union,
) -> StepIdle {
    let mut found = StepIdle {
        phase: Phase::Unknown,
        device: 0,
        rank: None,
        n_intervals: 0,
        window_ns: window.total_ns(),
        by_cause: ByCause::default(),
        between_steps_ns: 0,
        longest: None,
    };
    let (mut divider, mut step_divider) = (divider(), divider());
    for gap in busy.gaps() {
        for part in window.overlapping(gap) {
            let inside = part.intersect(gap);
            let by_cause = divider.divide(gap, inside);
            if divider.is_linked || gap.len_ns() >= DEVICE_FLOOR_NS {
                found.between_steps_ns += hosts_ns(&mut step_divider, inside, step_gaps);
            }
            for (total, ns) in found.by_cause.iter_mut().zip(by_cause) {
                *total += ns;
            }
            if is_not_launched(Activity::main_cause(&by_cause))
                && found.longest.is_none_or(|l| inside.len_ns() > l.len_ns())
            {
                found.longest = Some(inside);
            }
        }
    }
    found
}

/// The name of a thread, else its id.
fn track_name(index: &Index, id: TrackId) -> String {
    let track = index.track(id);
    match track.name {
        Some(name) => index.text(name).to_owned(),
        None => format!("thread {}", track.tid.show(&index.names)),
    }
}

/// `vLLM` of `vLLM V1`.
fn engine_name(vocabulary: &Vocabulary) -> String {
    let engine = vocabulary
        .engine
        .as_deref()
        .and_then(|e| e.split_whitespace().next());
    engine.unwrap_or("engine").to_owned()
}

/// One of the longest gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Its place among all gaps.
    pub place: usize,
    pub span: Span,
    pub by_cause: ByCause,
}

/// Counts, quantiles, bins and causes of gaps, which `divide` divides by cause; and the `n_longest` of them, longest
/// first, of equal ones the earlier first. Place, kind and words are the caller's. Holds eight bytes a gap
/// meanwhile: a device has millions.
pub fn summarise(
    n_longest: usize,
    gaps: impl Iterator<Item = Span>,
    mut divide: impl FnMut(Span) -> ByCause,
) -> (Gaps, Vec<Measured>) {
    let mut lengths: Vec<i64> = Vec::new();
    let mut count = [0u64; Cause::COUNT];
    let mut total = ByCause::default();
    let mut bins = vec![(ByCause::default(), [0u64; Cause::COUNT]); BIN_EDGES_NS.len()];
    let mut fine = FineBins::new();
    let mut longest: Vec<Measured> = Vec::new();
    // No gap that is not longer is among the longest.
    let mut floor_ns = -1;
    for (place, span) in gaps.enumerate() {
        let by_cause = divide(span);
        let main = Activity::main_cause(&by_cause) as usize;
        let bin = BIN_EDGES_NS.partition_point(|&edge| edge <= span.len_ns()).max(1) - 1;
        lengths.push(span.len_ns());
        count[main] += 1;
        bins[bin].1[main] += 1;
        fine.add(span.len_ns(), &by_cause, main);
        for (i, ns) in by_cause.iter().enumerate() {
            for sum in [&mut total[i], &mut bins[bin].0[i]] {
                *sum = sum.saturating_add(*ns);
            }
        }
        if span.len_ns() > floor_ns {
            longest.push(Measured {
                place,
                span,
                by_cause,
            });
            if longest.len() >= 4 * n_longest {
                floor_ns = keep_longest(&mut longest, n_longest);
            }
        }
    }
    keep_longest(&mut longest, n_longest);
    let causes: Vec<usize> = (0..Cause::COUNT)
        .filter(|&i| count[i] > 0 || total[i] > 0)
        .collect();
    let gaps = Gaps {
        kind: GapKind::Step,
        r#where: String::new(),
        count: lengths.len() as u64,
        total_ns: stats::sum(lengths.iter().copied()),
        max_ns: lengths.iter().copied().max(),
        p50_ns: stats::quantile_of(&mut lengths, 0.5),
        p99_ns: stats::quantile_of(&mut lengths, 0.99),
        coverage: None,
        histogram: fine.bins(&causes),
        bins: bins
            .iter()
            .enumerate()
            .map(|(i, (ns, n))| GapBin {
                from_ns: BIN_EDGES_NS[i],
                to_ns: BIN_EDGES_NS.get(i + 1).copied(),
                count: n.iter().sum(),
                total_ns: stats::sum(ns.iter().copied()),
                by_cause_ns: causes.iter().map(|&c| ns[c]).collect(),
                by_cause_count: causes.iter().map(|&c| n[c]).collect(),
            })
            .collect(),
        causes: causes
            .iter()
            .map(|&c| GapCause {
                cause: Cause::ALL[c],
                count: count[c],
                total_ns: total[c],
            })
            .collect(),
        longest: Vec::new(),
        definition: String::new(),
    };
    (gaps, longest)
}

/// Leaves the longest gaps, in their order; gives the length of the shortest that would be kept.
fn keep_longest(gaps: &mut Vec<Measured>, n: usize) -> i64 {
    order::sort_by_key(gaps, |g| (std::cmp::Reverse(g.span.len_ns()), g.span.start));
    gaps.truncate(n);
    gaps.last().map_or(-1, |g| g.span.len_ns())
}

/// The longest gaps in words.
fn longest(host: &Host<'_>, gaps: &[Measured], says: impl Fn(&Measured, Cause) -> String) -> Vec<Gap> {
    let gap = |measured: &Measured| {
        let span = measured.span;
        let cause = Activity::main_cause(&measured.by_cause);
        let (step, inside_step) = step_at(host, span);
        Gap {
            start_ns: span.start,
            dur_ns: span.len_ns(),
            cause,
            says: says(measured, cause),
            step,
            inside_step,
        }
    };
    gaps.iter().map(gap).collect()
}

/// The step in which a gap lies, and true; else the next step after its start, and false.
fn step_at(host: &Host<'_>, gap: Span) -> (Option<u32>, bool) {
    let end = |step: &Step| step.start_ns.saturating_add(step.dur_ns);
    let next = host.steps.partition_point(|s| s.start_ns <= gap.start);
    if let Some(last) = next.checked_sub(1).map(|i| &host.steps[i])
        && gap.start < end(last)
    {
        return (Some(last.index), gap.end <= end(last));
    }
    (host.steps.get(next).map(|s| s.index), false)
}

/// The step whose pass is row `pass` of [`Vocabulary::passes`].
fn step_of_pass<'h>(host: &'h Host<'_>, pass: u32) -> Option<&'h Step> {
    // A step is a pass.
    host.steps.get(pass as usize)
}

/// `"step 12 (decode, bucket (4, 1, 128))"`.
pub fn step_label(step: &Step) -> String {
    let phase = step.phase.noun();
    match step.bucket {
        Some(bucket) => format!("step {} ({phase}, bucket {bucket})", step.index),
        None => format!("step {} ({phase})", step.index),
    }
}

/// A sentence: what the host did in a gap, and where among the steps it lies.
fn says_with_place(host: &Host<'_>, measured: &Measured, cause: Cause, whose: &Whose) -> String {
    let what = what_the_host_did(host, measured, cause, whose);
    let gap = measured.span;
    let step = |index: u32| host.steps.get(index as usize);
    match step_at(host, gap) {
        (Some(index), true) => format!("{what}; in {}.", step(index).map_or(String::new(), step_label)),
        (Some(index), false) if step(index).is_some_and(|s| s.start_ns >= gap.end) => {
            format!(
                "{what}; between two passes, before {}.",
                step(index).map_or(String::new(), step_label)
            )
        }
        (Some(index), false) => {
            format!(
                "{what}; it begins in {}.",
                step(index).map_or(String::new(), step_label)
            )
        }
        (None, _) => format!("{what}."),
    }
}

/// Half a sentence: what the host did in a gap of a rank, or of the only one, for how much of it.
fn what_the_host_did(host: &Host<'_>, measured: &Measured, cause: Cause, whose: &Whose) -> String {
    let gap = measured.span;
    let of = |ns: i64| format!("{} of {}", show::duration(ns), show::duration(gap.len_ns()));
    match cause {
        Cause::Recompile => {
            if let Some(compile) = of_compiles(host, whose)
                .filter(|r| !compile_span(r).intersect(gap).is_empty())
                .max_by_key(|r| r.dur_ns)
            {
                let took = match compile.dur_ns {
                    Some(ns) => format!(", which took {}", show::duration(ns)),
                    None => " (cost not recorded)".to_owned(),
                };
                return match compile.evidence {
                    Evidence::GraphCapture => format!("The device graph {} was captured{took}", compile.name),
                    Evidence::Dynamo => format!("The host compiled: {}{took}", compile.name),
                    _ => format!("The graph {} was compiled{took}", compile.name),
                };
            }
        }
        Cause::NoLoad => {
            let ns = measured.by_cause[Cause::NoLoad as usize];
            let waits = host.waiting.iter().filter(|w| !w.span.intersect(gap).is_empty());
            let why = waits.map(|w| w.why).next();
            return match why {
                Some(why) => format!(
                    "The engine waited for requests for {}. {}",
                    of(ns),
                    why.trim_end_matches('.')
                ),
                None => format!("The engine waited for requests for {}", of(ns)),
            };
        }
        Cause::Device => return "Scheduling on the device".into(),
        Cause::Dependency => return "The next work was launched in time and waited for other work".into(),
        Cause::Unlinked => return "The call that launched the next work is not in the trace".into(),
        Cause::Unaccounted => {
            let ns = measured.by_cause[Cause::Unaccounted as usize];
            return format!("Nothing is recorded on the host for {}", of(ns));
        }
        _ => {}
    }
    let threads = (&host.threads, whose);
    let named: Option<(SliceId, i64)> = most_of(host.index, host.vocabulary, threads, gap, cause);
    let did = cause.verb();
    match named {
        Some((id, ns)) => format!("The host {did}: {}, {}", host.index.name_of(id), of(ns)),
        None => format!("The host {did}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step(start: i64, end: i64, period: Period) -> EngineStep {
        EngineStep {
            span: Span::new(start, end),
            passes: 0..0,
            period,
        }
    }

    fn spans(gaps: &[Between]) -> Vec<(i64, i64)> {
        gaps.iter().map(|g| (g.span.start, g.span.end)).collect()
    }

    #[test]
    fn a_step_gap_needs_a_serving_step_on_both_sides() {
        use Period::{Serving, Warmup};
        let steps = [
            step(0, 10, Warmup),
            step(20, 30, Warmup),
            step(40, 50, Serving),
            step(55, 70, Serving),
            step(60, 65, Serving),
            step(70, 80, Serving),
            step(81, 90, Serving),
        ];
        assert_eq!(spans(&between_steps(&steps)), vec![(50, 55), (80, 81)]);
    }

    #[test]
    fn where_nothing_is_serving_all_step_gaps_count() {
        let steps = [step(0, 10, Period::Warmup), step(20, 30, Period::Unknown)];
        assert_eq!(spans(&between_steps(&steps)), vec![(10, 20)]);
        assert_eq!(spans(&between_steps(&[])), vec![]);
    }

    #[test]
    fn a_long_step_covers_the_short_ones_in_it() {
        let s = Period::Serving;
        let steps = [
            step(0, 100, s),
            step(10, 20, s),
            step(30, 40, s),
            step(120, 130, s),
        ];
        let gaps = between_steps(&steps);
        assert_eq!(spans(&gaps), vec![(100, 120)]);
        assert_eq!((gaps[0].before, gaps[0].after), (0, 3));
    }

    #[test]
    fn a_gap_is_counted_once_and_its_time_divided() {
        let activity = Activity::of([
            (Cause::Recompile, Union::of([Span::new(0, 40_000)])),
            (Cause::InputPrep, Union::of([Span::new(0, 100_000)])),
        ]);
        let gaps = [
            Span::new(0, 100_000),
            Span::new(200_000, 209_999),
            Span::new(300_000, 310_000),
        ];
        let mut divider = activity.divider();
        let (got, longest) = summarise(N_LONGEST, gaps.into_iter(), |g| {
            divide_device_gap(&mut divider, g)
        });
        assert_eq!(longest.iter().map(|g| g.place).collect::<Vec<_>>(), [0, 2, 1]);
        let causes: Vec<_> = got
            .causes
            .iter()
            .map(|c| (c.cause, c.count, c.total_ns))
            .collect();
        assert_eq!(
            causes,
            vec![
                (Cause::Recompile, 0, 40_000),
                (Cause::InputPrep, 1, 60_000),
                (Cause::Device, 1, 9_999),
                (Cause::Unaccounted, 1, 10_000),
            ]
        );
        let bins: Vec<_> = got
            .bins
            .iter()
            .map(|b| (b.from_ns, b.to_ns, b.count, b.total_ns))
            .collect();
        assert_eq!(bins[0], (0, Some(10_000), 1, 9_999));
        assert_eq!(
            bins[1],
            (10_000, Some(50_000), 1, 10_000),
            "an edge belongs to the bin above it"
        );
        assert_eq!(bins[3], (100_000, Some(500_000), 1, 100_000));
        assert_eq!(bins.iter().map(|b| b.2).sum::<u64>(), 3);
        assert_eq!(got.bins[3].by_cause_ns, vec![40_000, 60_000, 0, 0]);
        assert_eq!(
            (got.p50_ns, got.p99_ns, got.max_ns),
            (Some(10_000), Some(100_000), Some(100_000))
        );
    }

    #[test]
    fn idle_time_of_steps_is_that_of_their_intervals() {
        let busy = Union::of([
            Span::new(100_000, 200_000),
            Span::new(205_000, 300_000),
            Span::new(400_000, 500_000),
        ]);
        let activity = Activity::of([(Cause::InputPrep, Union::of([Span::new(0, 350_000)]))]);
        let step_gaps = Union::of([Span::new(201_000, 204_000), Span::new(340_000, 390_000)]);
        let divider = || GapDivider {
            divider: activity.divider(),
            is_linked: false,
        };
        let of = |window: &[Span]| idle_by(&busy, divider, &Union::of(window.iter().copied()), &step_gaps);
        let idle = of(&[Span::new(0, 380_000)]);
        assert_eq!(idle.window_ns, 380_000);
        assert_eq!(idle.by_cause[Cause::Device as usize], 5_000);
        assert_eq!(idle.by_cause[Cause::InputPrep as usize], 50_000);
        assert_eq!(idle.by_cause[Cause::Unaccounted as usize], 30_000);
        assert_eq!((idle.host_ns(), idle.between_steps_ns), (80_000, 40_000));
        assert_eq!(idle.longest, Some(Span::new(300_000, 380_000)));
        // Between two intervals lies what is not judged: a compile, a wait for requests.
        let parts = of(&[Span::new(0, 310_000), Span::new(340_000, 350_000)]);
        assert_eq!(parts.host_ns(), 20_000);
        assert_eq!(of(&[Span::new(600_000, 700_000)]).host_ns(), 0);
    }

    #[test]
    fn no_gap_is_no_number() {
        let (got, _) = summarise(N_LONGEST, std::iter::empty(), |_| ByCause::default());
        assert_eq!(
            (got.count, got.total_ns, got.p50_ns, got.max_ns),
            (0, 0, None, None)
        );
        assert_eq!(got.bins.len(), 10);
        assert_eq!((got.bins[9].from_ns, got.bins[9].to_ns), (1_000_000_000, None));
    }

    #[test]
    fn the_longest_of_many_gaps_are_kept_in_their_order() {
        let len = |i: i64| i * 7_919 % 300;
        let gaps: Vec<Span> = (0..1_000)
            .map(|i| Span::new(i * 1_000, i * 1_000 + len(i)))
            .collect();
        let (got, longest) = summarise(N_LONGEST, gaps.iter().copied(), |_| ByCause::default());
        let mut order: Vec<usize> = (0..gaps.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(gaps[i].len_ns()), gaps[i].start));
        assert_eq!(
            longest.iter().map(|g| g.place).collect::<Vec<_>>(),
            order[..N_LONGEST]
        );
        assert_eq!((got.count, got.max_ns), (1_000, Some(299)));
    }

    proptest! {
        #[test]
        fn bins_and_causes_add_up_to_the_total(
            busy in proptest::collection::vec((0i64..2_000_000_000, 0i64..40_000_000), 0..40),
            layers in proptest::collection::vec(
                proptest::collection::vec((0i64..2_000_000_000, 0i64..90_000_000), 0..8),
                0..8,
            ),
        ) {
            let union = |list: &[(i64, i64)]| Union::of(list.iter().map(|&(s, d)| Span::new(s, s + d)));
            let activity = Activity::of(layers.iter().enumerate().map(|(i, l)| (Cause::ALL[i], union(l))));
            let compute = union(&busy);
            let mut divider = activity.divider();
            let (gaps, _) = summarise(N_LONGEST, compute.gaps(), |g| divide_device_gap(&mut divider, g));
            let hole_ns = compute.extent().map_or(0, |e| e.len_ns()) - compute.total_ns();
            prop_assert_eq!(gaps.total_ns, hole_ns);
            prop_assert_eq!(gaps.causes.iter().map(|c| c.total_ns).sum::<i64>(), gaps.total_ns);
            prop_assert_eq!(gaps.causes.iter().map(|c| c.count).sum::<u64>(), gaps.count);
            prop_assert_eq!(gaps.bins.iter().map(|b| b.total_ns).sum::<i64>(), gaps.total_ns);
            prop_assert_eq!(gaps.bins.iter().map(|b| b.count).sum::<u64>(), gaps.count);
            for bin in &gaps.bins {
                prop_assert_eq!(bin.by_cause_ns.iter().sum::<i64>(), bin.total_ns);
                prop_assert_eq!(bin.by_cause_count.iter().sum::<u64>(), bin.count);
            }
        }
    }
}
