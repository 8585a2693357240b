//! What a step of a phase takes and what bounds it.
//!
//! Of one device, over the union of the intervals of the phase's steps in which nothing compiled: time in which it
//! computes or copies, time in which it only communicates, idle time whose next work was not launched yet (the host's),
//! and idle time whose next work was launched and had not started. The largest names the bound if it is at least 50 %
//! and leads by 10 points. Compiles and waits for requests are judged first, as shares of serving time. Where more than
//! 20 % of launches have no work, or of work no launch, where clocks disagree, and of fewer than five intervals nothing
//! is judged.

use rustc_hash::FxHashMap;

use crate::analyze::gaps::cause::Unlinked;
use crate::analyze::report::{
    Basis, Bound, BoundShares, Limit, LimitKind, Period, Phase, Step, StepTime, Verdict, device_words,
};
use crate::analyze::sentence_words;
use crate::analyze::steps::times;
use crate::base::{Span, Union, order, show};

/// A share of time names the bound from here on …
const LEAST_SHARE: f64 = 0.5;
/// … if it leads the next by this much.
const LEAST_LEAD: f64 = 0.1;
/// Shares are quotients of integers: a lead of ten points may come out as 0.0999….
const ROUNDING: f64 = 1e-9;
/// Fewer intervals are not judged.
pub const LEAST_INTERVALS: usize = 5;

/// More launches without work, or work without a launch, than this, in per cent, leave too much of the device's time
/// unknown.
const UNLINKED_PERCENT: u64 = 20;

/// So many devices that are bound by something else are named.
const MOST_OTHERS: usize = 3;

/// The order in which phases are judged.
pub const PHASES: [Phase; 4] = [Phase::Decode, Phase::Prefill, Phase::Mixed, Phase::Unknown];

/// What one device did.
#[derive(Clone, Debug, Default)]
pub struct DeviceShares {
    pub device: i64,
    pub rank: Option<String>,
    /// Its rank's place among those of the file, where it holds several: it runs the steps of that rank alone.
    pub of_rank: Option<usize>,
    /// When the engines of its rank wait for requests.
    pub waiting: Union,
    /// When graphs are compiled for its rank.
    pub compiling: Union,
    /// When it computes or copies.
    pub works: Union,
    /// When any work runs.
    pub busy: Union,
    /// When it is idle and the launch of its next work is not in the trace, or work launched before that is not.
    pub launch_unknown: Union,
    /// Of this, when it may run work that is not recorded.
    pub lost: Union,
    /// How much of its work has no launch in the trace; `None` where the clocks of host and device disagree.
    pub unlinked: Option<Unlinked>,
    /// When it is idle and its next work is not launched yet. `None` where launches and work are not linked.
    pub not_launched: Option<Union>,
    /// Why its time cannot be judged, as half a sentence.
    pub unknown: Option<String>,
}

/// How long the engines of a rank waited for requests while serving: the share of the verdict that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    pub ns: i64,
    pub serving_ns: i64,
    /// Its place and name, where the file holds several that did not wait alike.
    pub rank: Option<(usize, String)>,
}

/// Of the rank that waited longest; `waiting` counts where no device is recorded.
pub fn longest_waited(
    steps: &[Step],
    serving: &Union,
    waiting: &Union,
    devices: &[DeviceShares],
) -> Option<Waited> {
    serving.extent()?;
    let own = |d: &DeviceShares| serving_of(steps, serving, d.of_rank);
    let of = |d: &DeviceShares| d.waiting.intersection_ns(&own(d));
    // Of ranks that wait alike the first.
    let Some(most) = devices.iter().rev().max_by_key(|d| of(d)) else {
        return Some(Waited {
            ns: waiting.intersection_ns(serving),
            serving_ns: serving.total_ns(),
            rank: None,
        });
    };
    let are_alike = devices.iter().all(|d| of(d) == of(most));
    Some(Waited {
        ns: of(most),
        serving_ns: own(most).total_ns(),
        rank: most.of_rank.zip(most.rank.clone()).filter(|_| !are_alike),
    })
}

/// What verdicts rest on.
pub struct Grounds<'a> {
    pub steps: &'a [Step],
    pub time: &'a StepTime,
    /// From the first start to the last end of serving, of each process.
    pub serving: &'a Union,
    /// When any graph of the file is compiled: what counts where no device is recorded.
    pub compiling: &'a Union,
    /// When devices are idle because a graph is compiled, where steps are measured from device end to device end: what
    /// the device's queue hides delays none.
    pub idle_for_compiles: Option<&'a Union>,
    /// Whether no compile is recorded, and those that count are suspected.
    pub compiles_suspected: bool,
    /// When all engines of the file wait for requests: what counts where no device is recorded.
    pub waiting: &'a Union,
    pub devices: &'a [DeviceShares],
    /// Launches without recorded work, and all launches, where that is known.
    pub unlinked: Option<(u64, u64)>,
}

/// A verdict for each phase that is served and each device, decode first.
pub fn verdicts(grounds: &Grounds<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for phase in PHASES {
        let mut judge = |device: Option<&DeviceShares>| {
            let of_rank = device.and_then(|d| d.of_rank);
            let steps: Vec<&Step> = of_phase(grounds.steps, phase, of_rank).collect();
            if !steps.is_empty() {
                verdicts.push(verdict(grounds, phase, &steps, device));
            }
        };
        match grounds.devices {
            [] => judge(None),
            devices => devices.iter().for_each(|d| judge(Some(d))),
        }
    }
    say_what_others_are_bound_by(&mut verdicts);
    verdicts
}

/// The steps of a phase that are judged: of one rank, or for `None` of all. Those that are served; where that is
/// known of none in the file, those of unknown period.
pub fn of_phase(steps: &[Step], phase: Phase, rank: Option<usize>) -> impl Iterator<Item = &Step> {
    let is_known = |s: &Step| matches!(s.period, Period::Serving | Period::BeforeCapture);
    let knows_none = !steps.iter().any(is_known);
    let is_served = move |s: &Step| is_known(s) || (knows_none && s.period == Period::Unknown);
    let is_of_rank = move |s: &Step| rank.is_none() || s.rank.is_none() || s.rank == rank;
    let fits = move |s: &&Step| s.phase == phase && is_served(s) && is_of_rank(s);
    steps.iter().filter(fits)
}

/// The union of the intervals of `steps` (see [`times::judged_span`]) in which nothing compiled, in the step or behind
/// it, and how many intervals there are. Of a device, without those that lie wholly before or behind its recording:
/// what it did in them is unknown. Nor with those in which work may have run that is not recorded, where most have
/// none.
pub fn window<'s>(
    steps: impl Iterator<Item = &'s Step>,
    from_device_ends: bool,
    compiling: &Union,
    busy_and_lost: Option<(&Union, &Union)>,
) -> (Union, usize) {
    let recorded = busy_and_lost.and_then(|(busy, _)| busy.extent());
    let intervals: Vec<Span> = steps
        .filter(|s| !s.compiled)
        .filter_map(|s| times::judged_span(s, from_device_ends))
        .filter(|&s| compiling.covered_ns(s) == 0)
        // What a device does before its first and after its last event is not recorded.
        .map(|s| recorded.map_or(s, |r| r.intersect(s)))
        .filter(|s| !s.is_empty())
        .collect();
    let is_whole = |s: &&Span| busy_and_lost.is_none_or(|(_, lost)| lost.covered_ns(**s) == 0);
    let whole: Vec<Span> = intervals.iter().filter(is_whole).copied().collect();
    let are_enough = whole.len() >= LEAST_INTERVALS && whole.len() * 2 >= intervals.len();
    let kept = if are_enough { whole } else { intervals };
    let n_intervals = kept.len();
    (Union::of(kept), n_intervals)
}

/// Whether so many launches have no recorded work that too much of the device's time is unknown.
pub fn is_too_much_unlinked(without: u64, total: u64) -> bool {
    without.saturating_mul(100) > total.saturating_mul(UNLINKED_PERCENT)
}

fn verdict(grounds: &Grounds<'_>, phase: Phase, steps: &[&Step], device: Option<&DeviceShares>) -> Verdict {
    let free: Vec<&Step> = steps.iter().filter(|s| !s.compiled).copied().collect();
    let compiling = device.map_or(grounds.compiling, |d| &d.compiling);
    let (window, n_intervals) = window(
        steps.iter().copied(),
        grounds.time.from_device_ends,
        compiling,
        device.map(|d| (&d.busy, &d.lost)),
    );
    let step_times = times::durations(free.iter().filter_map(|s| s.step_ns));
    let batches = batches(&free);
    let mut shares = serving_shares(grounds, device);
    if let Some(device) = device {
        device_shares(&window, device, &mut shares);
    }
    let limits = limits(grounds, device, n_intervals);
    let (bound, share) = bound(&shares, limits.is_empty());
    let mut verdict = Verdict {
        phase,
        device: device.map(|d| d.device),
        rank: device.and_then(|d| d.rank.clone()),
        batch: batches.filter(|(least, most)| least == most).map(|(of, _)| of),
        steps: step_times.count,
        step_ns: step_times.p50_ns,
        basis: grounds.time.basis,
        bound,
        share,
        shares,
        limits,
        says: String::new(),
    };
    let device_span = times::durations(free.iter().filter_map(|s| times::device_span_ns(s)));
    verdict.says = says(
        &verdict,
        batches,
        grounds.time.measured(),
        share_engine_steps(grounds.steps, &free),
        device_span.p50_ns,
        grounds.compiles_suspected,
    );
    if grounds.devices.len() > 1
        && let Some(device) = verdict.device
    {
        let name = device_words(device, verdict.rank.as_deref());
        let says = verdict
            .says
            .replace("the device work", &format!("the work of {name}"));
        verdict.says = says.replace("the device", &name);
    }
    if steps.iter().any(|s| s.period == Period::Unknown) {
        verdict.says += " Whether these steps are warm-up is unknown.";
    }
    verdict
}

/// Why a device's time is not judged, in the order in which it is said.
fn limits(grounds: &Grounds<'_>, device: Option<&DeviceShares>, n_intervals: usize) -> Vec<Limit> {
    let clocks = device.and_then(|d| d.unknown.clone());
    let few = (n_intervals < LEAST_INTERVALS).then(|| {
        format!("fewer than {LEAST_INTERVALS} steps without a compile have a known time to the next step")
    });
    let no_device = device
        .is_none()
        .then(|| "the trace has no device events".to_owned());
    let all = [
        (LimitKind::Clocks, clocks),
        (LimitKind::FewIntervals, few),
        (LimitKind::NoDevice, no_device),
        (
            LimitKind::LaunchesWithoutWork,
            device.and_then(|_| unlinked_says(grounds.unlinked)),
        ),
        (
            LimitKind::WorkWithoutLaunch,
            device.and_then(|d| unlinked_work_says(d.unlinked)),
        ),
    ];
    let known = all.into_iter();
    known
        .filter_map(|(kind, says)| Some(Limit { kind, says: says? }))
        .collect()
}

/// Of each phase, the first device's verdict says which others are bound by something else.
fn say_what_others_are_bound_by(verdicts: &mut [Verdict]) {
    let phases: Vec<Phase> = verdicts.iter().map(|v| v.phase).collect();
    for phase in PHASES {
        let Some(first) = phases.iter().position(|&of| of == phase) else {
            continue;
        };
        let bound = verdicts[first].bound;
        let others: Vec<String> = verdicts
            .iter()
            .filter(|v| v.phase == phase && v.bound != bound)
            .filter_map(|v| {
                let device = device_words(v.device?, v.rank.as_deref());
                Some(match v.bound {
                    Bound::Unknown => format!("what bounds {device} is unknown"),
                    bound => format!("{device} is {}", bound.word()),
                })
            })
            .collect();
        if !others.is_empty() {
            let says = sentence_words::capitalised(&show::listed(&others, MOST_OTHERS));
            verdicts[first].says += &format!(" {says}.");
        }
    }
}

/// The least and the most requests of the steps whose time is known, else of all; `None` unless known of each.
fn batches(steps: &[&Step]) -> Option<(u32, u32)> {
    let is_timed = steps.iter().any(|s| s.step_ns.is_some());
    let of = steps.iter().filter(|s| !is_timed || s.step_ns.is_some());
    let batches: Vec<u32> = of.map(|s| s.batch).collect::<Option<_>>()?;
    batches.iter().min().copied().zip(batches.iter().max().copied())
}

/// Whether more than half of these are passes of an engine step that has several: none of them is an engine step.
fn share_engine_steps(all: &[Step], of_phase: &[&Step]) -> bool {
    let key = |s: &Step| Some((s.rank, s.engine_step?));
    let mut passes: FxHashMap<_, u32> = FxHashMap::default();
    for key in all.iter().filter_map(key) {
        *passes.entry(key).or_default() += 1;
    }
    let is_shared = |s: &&&Step| key(s).is_some_and(|key| passes[&key] > 1);
    2 * of_phase.iter().filter(is_shared).count() > of_phase.len()
}

/// Too many launches without work, as half a sentence.
fn unlinked_says(unlinked: Option<(u64, u64)>) -> Option<String> {
    let (without, total) = unlinked?;
    is_too_much_unlinked(without, total).then(|| {
        format!(
            "{} of {} launches have no recorded work",
            show::count(without),
            show::count(total)
        )
    })
}

/// Whether too much of a device's work has no launch in the trace.
pub fn is_too_much_work_unlinked(unlinked: Unlinked) -> bool {
    is_too_much_unlinked(unlinked.n, unlinked.of)
}

/// Too much work without a launch, as half a sentence.
fn unlinked_work_says(unlinked: Option<Unlinked>) -> Option<String> {
    let unlinked = unlinked.filter(|&unlinked| is_too_much_work_unlinked(unlinked))?;
    if unlinked.n == unlinked.of {
        return Some("nothing links its work with the calls that launched it".to_owned());
    }
    Some(format!(
        "the launches of {} of {} pieces of device work are not in the trace",
        show::count(unlinked.n),
        show::count(unlinked.of)
    ))
}

fn part(ns: i64, of: i64) -> Option<f64> {
    (of > 0).then(|| ns as f64 / of as f64)
}

fn serving_shares(grounds: &Grounds<'_>, device: Option<&DeviceShares>) -> BoundShares {
    let serving = serving_of(grounds.steps, grounds.serving, device.and_then(|d| d.of_rank));
    let of = |union: &Union| part(union.intersection_ns(&serving), serving.total_ns());
    let compiling = device.map_or(grounds.compiling, |d| &d.compiling);
    BoundShares {
        compile: match grounds.idle_for_compiles {
            Some(idle) => of(&idle.without(&idle.without(compiling))),
            None => of(compiling),
        },
        requests: of(device.map_or(grounds.waiting, |d| &d.waiting)),
        ..BoundShares::default()
    }
}

/// When a rank serves, else `serving`; of ranks that share a file, one may serve while another does not.
fn serving_of(steps: &[Step], serving: &Union, rank: Option<usize>) -> Union {
    let of_rank = |period: Period| {
        let of = steps.iter().filter(move |s| s.rank == rank && s.period == period);
        Union::of(of.map(|s| Span::new(s.host_start_ns, s.host_start_ns.saturating_add(s.host_ns)))).extent()
    };
    let own = rank.and_then(|_| of_rank(Period::Serving).or_else(|| of_rank(Period::BeforeCapture)));
    own.map_or_else(|| serving.clone(), |own| Union::of([own]))
}

fn device_shares(window: &Union, device: &DeviceShares, shares: &mut BoundShares) {
    let total = window.total_ns();
    let (works, busy) = (
        window.intersection_ns(&device.works),
        window.intersection_ns(&device.busy),
    );
    shares.device = part(works, total);
    shares.communication = part(busy - works, total);
    if device.unlinked.is_some_and(is_too_much_work_unlinked) {
        return;
    }
    if let Some(not_launched) = &device.not_launched {
        let host = window.intersection_ns(not_launched);
        let unknown = window.intersection_ns(&device.launch_unknown);
        shares.host = part(host, total);
        shares.launched_not_started = part(total - busy - host - unknown, total);
        shares.launch_unknown = part(unknown, total);
    }
}

/// The bound and the share that says so.
fn bound(shares: &BoundShares, is_known: bool) -> (Bound, Option<f64>) {
    for (bound, share) in [
        (Bound::Compile, shares.compile),
        (Bound::Requests, shares.requests),
    ] {
        if share.is_some_and(|share| share >= LEAST_SHARE) {
            return (bound, share);
        }
    }
    if !is_known {
        return (Bound::Unknown, None);
    }
    let [first, second] = two_largest(shares);
    match first {
        Some((bound, share))
            if share >= LEAST_SHARE && share - second.map_or(0.0, |s| s.1) >= LEAST_LEAD - ROUNDING =>
        {
            (bound, Some(share))
        }
        _ => (Bound::Unknown, None),
    }
}

/// The share of idle time after launches, where it is what a bound would be.
fn leads_not_started(shares: &BoundShares) -> Option<f64> {
    let [first, second] = two_largest(shares);
    let (bound, share) = first?;
    let lead = share - second.map_or(0.0, |s| s.1);
    (bound == Bound::Unknown && share >= LEAST_SHARE && lead >= LEAST_LEAD - ROUNDING).then_some(share)
}

/// Of the four shares of a device's time.
fn two_largest(shares: &BoundShares) -> [Option<(Bound, f64)>; 2] {
    let mut known: Vec<(Bound, f64)> = [
        (Bound::Device, shares.device),
        (Bound::Communication, shares.communication),
        (Bound::Host, shares.host),
        // Nothing says whose fault it is.
        (Bound::Unknown, shares.launched_not_started),
    ]
    .into_iter()
    .filter_map(|(bound, share)| Some((bound, share?)))
    .collect();
    order::sort_by(&mut known, |a, b| b.1.total_cmp(&a.1));
    [known.first().copied(), known.get(1).copied()]
}

fn says(
    verdict: &Verdict,
    batches: Option<(u32, u32)>,
    measured: &str,
    shares_engine_steps: bool,
    device_span_ns: Option<i64>,
    compiles_suspected: bool,
) -> String {
    let noun = match (verdict.phase, shares_engine_steps) {
        (Phase::Decode, false) => "A decode step",
        (Phase::Prefill, false) => "A prefill step",
        (Phase::Mixed, _) => "A step with prefill and decode",
        (_, false) => "A step",
        (Phase::Decode, true) => "A decode pass (one of several of an engine step)",
        (Phase::Prefill, true) => "A prefill pass (one of several of an engine step)",
        (_, true) => "A pass (one of several of an engine step)",
    };
    let batch = match batches {
        None => String::new(),
        Some((least, most)) if least == most => format!(" of batch {least}"),
        Some((least, most)) => format!(" of batches {least} to {most}"),
    };
    let mut says = match verdict.step_ns {
        Some(ns) => format!(
            "{noun}{batch} takes {} {} ({}).",
            show::duration(ns),
            measured,
            match verdict.steps {
                1 if shares_engine_steps => "1 pass".to_owned(),
                1 => "1 step".to_owned(),
                n => format!("median of {}", show::count(n)),
            }
        ),
        None => format!("What {}{batch} takes is unknown.", noun.replacen('A', "a", 1)),
    };
    // A call may return long before the device is done.
    let on_host = matches!(verdict.basis, Basis::Host | Basis::Call);
    if let Some(span) = device_span_ns.filter(|&span| on_host && verdict.step_ns.is_some_and(|ns| span > ns))
    {
        says += &format!(" Its device work spans {}.", show::duration(span));
    }
    let of = |bound: Bound, share: f64| match bound {
        Bound::Unknown => format!(
            "for {} of the time of these steps the device is idle although its next work is launched",
            show::share(share)
        ),
        Bound::Compile if compiles_suspected => {
            format!(
                "{} {}, it seems (none is recorded)",
                show::share(share),
                bound.share_of()
            )
        }
        Bound::Compile | Bound::Requests => format!("{} {}", show::share(share), bound.share_of()),
        _ => format!(
            "for {} of the time of these steps {}",
            show::share(share),
            bound.share_of()
        ),
    };
    let why = verdict.limits.first().map(|limit| &limit.says);
    match (verdict.bound, verdict.share, why) {
        (Bound::Unknown, _, Some(why)) => says += &format!(" What bounds it is unknown, because {why}."),
        (Bound::Unknown, ..) => {
            let two: Vec<String> = two_largest(&verdict.shares)
                .into_iter()
                .flatten()
                .map(|(bound, share)| of(bound, share))
                .collect();
            let unknown = |share: f64| {
                format!(
                    "for {} of the time of these steps the device is idle and the launch of its next work, or work \
                     launched before it, is not in the trace",
                    show::share(share)
                )
            };
            let unlinked = verdict.shares.launch_unknown.filter(|&share| share >= LEAST_LEAD);
            says += &match (leads_not_started(&verdict.shares), unlinked) {
                (Some(share), _) => format!(
                    " For {} of the time launched work had not started: what bounds it is unknown.",
                    show::share(share)
                ),
                // It may have any cause.
                (None, Some(share)) if share >= LEAST_SHARE => {
                    format!(" What bounds it is unknown: {}.", unknown(share))
                }
                (None, Some(share)) => format!(
                    " No single cause bounds it: {}, and {}.",
                    two.join(", "),
                    unknown(share)
                ),
                (None, None) => format!(" No single cause bounds it: {}.", two.join(", and ")),
            };
        }
        (bound, share, _) => {
            let word = bound.word();
            let first = word
                .chars()
                .next()
                .map(|c| c.to_uppercase().collect::<String>())
                .unwrap_or_default();
            let rest: String = word.chars().skip(1).collect();
            says += &format!(" {first}{rest}: {}.", of(bound, share.unwrap_or(0.0)));
        }
    }
    says
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn step(index: u32) -> Step {
        Step {
            index,
            phase: Phase::Decode,
            period: Period::Serving,
            start_ns: i64::from(index) * 10 * MS,
            host_start_ns: i64::from(index) * 10 * MS,
            dur_ns: 2 * MS,
            interval_ns: Some(10 * MS),
            step_ns: Some(10 * MS),
            batch: Some(8),
            ..Step::default()
        }
    }

    /// A device that works `works`, communicates `comm` and waits for the host `host` ms of each 10 ms.
    fn device(works: i64, comm: i64, host: i64) -> DeviceShares {
        let of = |from: i64, to: i64| {
            Union::of((0..20).map(|i| Span::new((i * 10 + from) * MS, (i * 10 + to) * MS)))
        };
        DeviceShares {
            works: of(0, works),
            busy: of(0, works + comm),
            not_launched: Some(of(works + comm, works + comm + host)),
            ..DeviceShares::default()
        }
    }

    fn judged(steps: &[Step], device: DeviceShares) -> Verdict {
        let time = StepTime::default();
        let nothing = Union::default();
        let grounds = Grounds {
            steps,
            time: &time,
            serving: &Union::of([Span::new(0, 200 * MS)]),
            idle_for_compiles: None,
            compiling: &nothing,
            compiles_suspected: false,
            waiting: &nothing,
            devices: &[device],
            unlinked: None,
        };
        verdicts(&grounds).remove(0)
    }

    #[test]
    fn half_of_the_time_and_ten_points_more_than_the_next_name_the_bound() {
        let steps: Vec<Step> = (0..20).map(step).collect();
        let of = |works, comm, host| judged(&steps, device(works, comm, host)).bound;
        assert_eq!(of(6, 1, 2), Bound::Device);
        assert_eq!(of(5, 4, 1), Bound::Device, "by 10 points");
        assert_eq!(of(5, 0, 5), Bound::Unknown, "no lead");
        assert_eq!(of(4, 3, 2), Bound::Unknown, "less than half");
        assert_eq!(of(2, 7, 1), Bound::Communication);
        assert_eq!(of(2, 0, 8), Bound::Host);
        assert_eq!(of(2, 0, 0), Bound::Unknown, "launched, not started");
        let verdict = judged(&steps, device(6, 1, 2));
        assert_eq!(
            verdict.says,
            "A decode step of batch 8 takes 10.0 ms from its start to the start of the next step (median of 20). \
             Device-bound: for 61 % of the time of these steps the device computes or copies."
        );
        assert_eq!(verdict.basis, Basis::Interval);
    }

    #[test]
    fn of_several_devices_each_is_named_and_the_first_says_where_another_differs() {
        let steps: Vec<Step> = (0..20).map(step).collect();
        let time = StepTime::default();
        let nothing = Union::default();
        let numbered = |number, of: DeviceShares| DeviceShares { device: number, ..of };
        let devices = [
            numbered(0, device(7, 0, 2)),
            numbered(1, device(2, 0, 8)),
            numbered(2, device(7, 1, 2)),
            numbered(3, device(5, 0, 5)),
        ];
        let grounds = Grounds {
            steps: &steps,
            time: &time,
            serving: &Union::of([Span::new(0, 200 * MS)]),
            idle_for_compiles: None,
            compiling: &nothing,
            compiles_suspected: false,
            waiting: &nothing,
            devices: &devices,
            unlinked: None,
        };
        let all = verdicts(&grounds);
        let ends = [
            "device 0 computes or copies. Device 1 is host-bound and what bounds device 3 is unknown.",
            "device 1 is idle and its next work is not launched yet.",
            "device 2 computes or copies.",
        ];
        for (verdict, end) in all.iter().zip(ends) {
            assert!(verdict.says.ends_with(end), "{}", verdict.says);
        }
        let alike = [numbered(0, device(7, 0, 2)), numbered(1, device(7, 0, 2))];
        let alike = verdicts(&Grounds {
            devices: &alike,
            ..grounds
        });
        assert!(alike[0].says.ends_with("device 0 computes or copies."));
    }

    #[test]
    fn few_steps_and_compiled_ones_are_not_judged() {
        let steps: Vec<Step> = (0..4).map(step).collect();
        let verdict = judged(&steps, device(9, 0, 1));
        assert_eq!((verdict.bound, verdict.step_ns), (Bound::Unknown, Some(10 * MS)));
        assert!(
            verdict.says.contains("unknown, because fewer than 5"),
            "{}",
            verdict.says
        );
        let mut steps: Vec<Step> = (0..6).map(step).collect();
        steps[0].compiled = true;
        steps[1].compiled = true;
        assert_eq!(judged(&steps, device(9, 0, 1)).bound, Bound::Unknown);
        steps[1].compiled = false;
        assert_eq!(judged(&steps, device(9, 0, 1)).bound, Bound::Device);
    }

    #[test]
    fn an_interval_in_which_a_graph_is_compiled_between_steps_is_not_judged() {
        let steps: Vec<Step> = (0..20).map(step).collect();
        // Behind step 3, for 7 ms of its interval.
        let compile = Union::of([Span::new(33 * MS, 40 * MS)]);
        let of = |compiling: &Union| window(steps.iter(), false, compiling, None);
        assert_eq!(of(&Union::default()), (Union::of([Span::new(0, 200 * MS)]), 20));
        let rest = [Span::new(0, 30 * MS), Span::new(40 * MS, 200 * MS)];
        assert_eq!(of(&compile), (Union::of(rest), 19));
        let shares = DeviceShares {
            compiling: compile,
            ..device(10, 0, 0)
        };
        let without = Union::of([Span::new(30 * MS, 40 * MS)]);
        let idle_there = DeviceShares {
            works: shares.works.without(&without),
            busy: shares.busy.without(&without),
            not_launched: Some(without),
            ..shares
        };
        let verdict = judged(&steps, idle_there);
        assert_eq!(
            (verdict.shares.device, verdict.shares.host),
            (Some(1.0), Some(0.0))
        );
        assert_eq!(verdict.shares.compile, Some(7.0 / 200.0));
    }

    #[test]
    fn steps_of_unknown_period_are_judged_where_no_other_is_known_to_be_served() {
        let of = |period, index| Step {
            period,
            ..step(index)
        };
        let mut steps: Vec<Step> = (0..20).map(|i| of(Period::Unknown, i)).collect();
        let verdict = judged(&steps, device(9, 0, 1));
        assert_eq!((verdict.bound, verdict.steps), (Bound::Device, 20));
        assert!(
            verdict
                .says
                .ends_with("Whether these steps are warm-up is unknown."),
            "{}",
            verdict.says
        );
        steps[0].period = Period::Warmup;
        assert_eq!(judged(&steps, device(9, 0, 1)).steps, 19);
        steps[19].period = Period::Serving;
        let verdict = judged(&steps, device(9, 0, 1));
        assert_eq!((verdict.bound, verdict.steps), (Bound::Unknown, 1));
        assert!(!verdict.says.contains("warm-up"), "{}", verdict.says);
    }

    #[test]
    fn compiles_of_which_none_is_recorded_are_said_to_seem() {
        let verdict = Verdict {
            bound: Bound::Compile,
            share: Some(0.5),
            ..Verdict::default()
        };
        let says = |suspected| says(&verdict, None, Basis::Interval.measured(), false, None, suspected);
        assert!(says(false).ends_with("50 % of serving a graph is compiled."));
        assert!(says(true).ends_with("50 % of serving a graph is compiled, it seems (none is recorded)."));
    }

    #[test]
    fn compiles_and_waits_for_requests_are_judged_first() {
        let steps: Vec<Step> = (0..20).map(step).collect();
        let time = StepTime::default();
        let half = Union::of([Span::new(0, 100 * MS)]);
        let nothing = Union::default();
        let devices = [device(9, 0, 1)];
        let idle = [DeviceShares {
            waiting: half.clone(),
            ..device(9, 0, 1)
        }];
        let compiles = [DeviceShares {
            compiling: half.clone(),
            ..device(9, 0, 1)
        }];
        let serving = Union::of([Span::new(0, 200 * MS)]);
        let grounds = |compiling, devices| Grounds {
            steps: &steps,
            time: &time,
            serving: &serving,
            idle_for_compiles: None,
            compiling,
            compiles_suspected: false,
            waiting: &nothing,
            devices,
            unlinked: None,
        };
        assert_eq!(verdicts(&grounds(&half, &[]))[0].bound, Bound::Compile);
        assert_eq!(verdicts(&grounds(&nothing, &compiles))[0].bound, Bound::Compile);
        // Graphs of another rank.
        assert_eq!(verdicts(&grounds(&half, &devices))[0].bound, Bound::Device);
        assert_eq!(verdicts(&grounds(&nothing, &idle))[0].bound, Bound::Requests);
        assert_eq!(verdicts(&grounds(&nothing, &devices))[0].bound, Bound::Device);
    }
}
