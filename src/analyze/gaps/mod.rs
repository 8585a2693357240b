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
mod between_steps;
pub mod cause;
mod compile_lanes;
mod compile_waits;
mod device_gap;
mod device_gaps;
pub mod device_shares;
mod fine_bins;
mod gap_filter;
mod gap_statistics;
pub mod gap_words;
pub mod held_up;
pub mod idle;
pub mod innermost;
mod launch_gaps;
pub mod requests;
pub mod step_causes;
pub mod step_idle;
mod step_window;
pub(in crate::analyze) mod streams;

pub use gap_filter::{Asked, GapFilter};
pub use step_idle::step_idle;
pub mod time_budget;

use crate::analyze::device::device_time::DeviceWork;
use crate::analyze::device::launch_index::LaunchIndex;
use crate::analyze::gaps::activity::{Activity, HostThreads, Whose};
use crate::analyze::gaps::between_steps::{StepsOf, step_gaps};
use crate::analyze::gaps::cause::{OfDevice, Rule, Unlinked};
use crate::analyze::gaps::device_gaps::{GapDivider, device_gaps};
use crate::analyze::gaps::held_up::Compiles;
use crate::analyze::gaps::innermost::Thread;
use crate::analyze::gaps::innermost::thread_of;
use crate::analyze::gaps::launch_gaps::launch_gaps;
use crate::analyze::gaps::requests::{EngineKey, Waiting, engine_rows};
use crate::analyze::report::{Gaps, Recompile, Step};
use crate::analyze::steps::{MatchedRuns, links_of_runs};
use crate::base::{Span, TrackId, Union};
use crate::dialect::{LaunchLink, Vocabulary};
use crate::index::Index;
use crate::index::args::Links;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

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
    /// A step's time is from the end of the device work of the step before to the end of its own.
    pub from_device_ends: bool,
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
    /// In the same order: work without a launch; `None` where the clocks of host and device disagree.
    pub unlinked: Vec<Option<Unlinked>>,
    /// In the same order: when it seems idle and may run work that is not recorded.
    pub lost: Vec<Union>,
}

impl<'a> Host<'a> {
    /// Reads the whole trace once.
    pub fn of(
        index: &'a Index,
        vocabulary: &'a Vocabulary,
        (steps, from_device_ends): (&'a [Step], bool),
        (recompiles, compiles): (&'a [Recompile], Compiles),
        devices: &'a [DeviceWork],
        launched: Option<&'a LaunchIndex<'a>>,
        waiting: &'a [Waiting],
    ) -> Host<'a> {
        // What a launch explains cannot be told where the clocks disagree.
        let clocks_agree = vocabulary.clock_offset_ns.is_none();
        let launched = launched.filter(|_| clocks_agree);
        let threads = HostThreads::of(index, vocabulary);
        let rule = Rule::of(index, vocabulary, &threads, &compiles, waiting);
        let places = 0..devices.len();
        let of_devices = places.map(|place| {
            let device = vocabulary.devices.get(place).filter(|_| clocks_agree);
            let of = device.map(|device| match launched {
                Some(launched) => rule.of_device(vocabulary, launched, device),
                None => OfDevice::without_links(index, vocabulary, device),
            });
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
            from_device_ends,
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
pub fn found_links<'a>(
    index: &Index,
    vocabulary: &'a Vocabulary,
    runs: Option<&MatchedRuns>,
) -> Option<Cow<'a, Links>> {
    match &vocabulary.launch_link {
        LaunchLink::Recurring(_) => runs.map(|runs| Cow::Owned(links_of_runs(index, vocabulary, runs))),
        LaunchLink::Numbered(links) => Some(Cow::Borrowed(vocabulary.call_links.as_ref().unwrap_or(links))),
        _ => None,
    }
}

/// Who is asked for the causes of gaps that threads of a rank have: themselves; their process where nothing is ever
/// recorded of them; their rank where what they did lies on other lanes.
fn whose(host: &Host<'_>, rank: Option<usize>, threads: &[Thread]) -> Whose {
    let (index, vocabulary) = (host.index, host.vocabulary);
    let own = |&track: &TrackId| threads.contains(&thread_of(index, track));
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

/// The rank of a device, by its index among `host.devices`.
fn rank_of(host: &Host<'_>, place: usize) -> Option<usize> {
    host.vocabulary.devices.get(place)?.rank
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
