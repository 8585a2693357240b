//! What the comparison of ranks keeps of each: small beside its trace, so that traces are read one after the other.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::analyze::device::device_time::{DeviceWork, device_work};
use crate::analyze::report::{Period, Phase, Step, TraceReport};
use crate::base::{NameId, SliceId, Span, order};
use crate::dialect::collective_words::{Operation, group_in_name};
use crate::dialect::ranks_in_one_file::in_name;
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;

use super::collective_says::CollectiveOperators;

/// Collectives kept of a rank: the first.
pub const MAX_COLLECTIVES: usize = 1 << 20;
/// A clock beyond this counts from 1970 (this is 2001).
const UNIX_CLOCK_NS: i64 = 1_000_000_000_000_000_000;

/// A process group, as far as the rank's trace says which it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupName {
    /// Empty: not recorded.
    pub name: String,
    /// Its members, as written.
    pub ranks: String,
    pub size: Option<i64>,
}

impl GroupName {
    pub fn is_recorded(&self) -> bool {
        !self.name.is_empty() || !self.ranks.is_empty()
    }
}

/// A collective on the rank's device, ns on the trace's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankCollective {
    /// In [`RankExtract::groups`].
    pub group: u32,
    pub operation: Operation,
    /// In [`RankExtract::data_types`].
    pub data_type: Option<u32>,
    /// The larger of what goes in and what comes out.
    pub bytes: Option<u64>,
    pub start: i64,
    pub end: i64,
    /// Unknown before the first that is recorded.
    pub before: Option<Before>,
}

/// What the device did from the end of the collectives before to the start of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    pub compute_ns: i64,
    pub idle_ns: i64,
}

/// One rank of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankExtract {
    pub file: String,
    pub rank: Option<i64>,
    /// What people call it.
    pub name: String,
    pub world_size: Option<i64>,
    pub device_kind: String,
    /// Unix time of the trace clock's zero; `None`: the clock is the trace's own.
    pub base_time_ns: Option<i64>,
    pub start_ns: i64,
    pub end_ns: i64,
    pub step_ns: Vec<i64>,
    /// When its steps with work start on the host, ascending; those that compiled included.
    pub step_starts: Vec<i64>,
    /// What bounds its decode steps, else its first phase's.
    pub bound: Option<String>,
    pub span_ns: Option<i64>,
    pub busy_ns: Option<i64>,
    pub compute_ns: Option<i64>,
    pub comm_exposed_ns: Option<i64>,
    pub idle_ns: Option<i64>,
    /// While serving; `None` where the file does not say whose they are.
    pub compiles: Option<u64>,
    pub compile_ns: Option<i64>,
    pub groups: Vec<GroupName>,
    pub data_types: Vec<String>,
    /// In order of start.
    pub collectives: Vec<RankCollective>,
    /// Communication that does not say which operation it is, or is between two ranks.
    pub n_other_communication: u64,
}

impl RankExtract {
    /// The ranks that a trace holds: one, or as many as its file tells apart. None where nothing says which rank it is.
    pub fn of(report: &TraceReport, index: &Index, vocabulary: &Vocabulary) -> Vec<RankExtract> {
        let labels = &vocabulary.ranks.labels;
        let several: Vec<Option<usize>> = match labels.len() {
            0 | 1 => vec![None],
            n => (0..n).map(Some).collect(),
        };
        // Tables alone: the comparison of workers has them.
        if report.start_ns.is_none() {
            return Vec::new();
        }
        if several == [None] && report.rank.is_none() && in_name(&report.file).is_none() {
            return Vec::new();
        }
        let works = device_work(index, vocabulary);
        let operators = CollectiveOperators::of(index, vocabulary);
        let one = |rank: Option<usize>| {
            let mut extract = of_report(report, labels, rank);
            let label = rank.map(|rank| labels[rank].as_str());
            extract.add_collectives(index, vocabulary, operators.as_ref(), &works, label);
            extract
        };
        several.into_iter().map(one).collect()
    }

    /// Those of the rank's device that has most communication: of one process with several devices, each is a member
    /// of the group, and nothing says which.
    fn add_collectives(
        &mut self,
        index: &Index,
        vocabulary: &Vocabulary,
        operators: Option<&CollectiveOperators<'_>>,
        works: &[DeviceWork],
        label: Option<&str>,
    ) {
        let mut best: Vec<SliceId> = Vec::new();
        let mut work = None;
        for (device, of) in vocabulary.devices.iter().zip(works) {
            if label.is_some() && of.rank.as_deref() != label {
                continue;
            }
            let rows = device.tracks.iter().flat_map(|&track| index.rows(track));
            let is_comm = |id: &SliceId| matches!(vocabulary.role(*id), Role::DeviceComm | Role::DeviceNic);
            let ids: Vec<SliceId> = rows.filter(is_comm).collect();
            if ids.len() > best.len() {
                (best, work) = (ids, Some(of));
            }
        }
        let Some(work) = work else {
            return;
        };
        let span = |id: SliceId| vocabulary.span(index, id);
        order::sort_by_key(&mut best, |&id| (span(id).start, id));
        let mut names: FxHashMap<NameId, Option<Operation>> = FxHashMap::default();
        let mut groups: FxHashMap<GroupKey, u32> = FxHashMap::default();
        let mut known: FxHashMap<GroupName, u32> = FxHashMap::default();
        let mut types: FxHashMap<NameId, u32> = FxHashMap::default();
        let mut before: Option<i64> = None;
        for id in best {
            let at = span(id);
            let says = operators.and_then(|of| of.says(id));
            let name = says.map_or_else(|| index.slices.name(id), |says| says.name);
            let operation = *names
                .entry(name)
                .or_insert_with(|| Operation::of_name(index.text(name)));
            let Some(operation) = operation.filter(|_| self.collectives.len() < MAX_COLLECTIVES) else {
                self.n_other_communication += 1;
                continue;
            };
            let is_port = vocabulary.role(id) == Role::DeviceNic;
            if let Some(last) = self.collectives.last_mut()
                && is_port
                && last.operation == operation
                && at.start < last.end
            {
                // Each port of the network has a piece of it.
                last.end = last.end.max(at.end);
                before = before.max(Some(at.end));
                continue;
            }
            let key = GroupKey {
                name: says.and_then(|says| says.group),
                ranks: says.and_then(|says| says.ranks),
                size: says.and_then(|says| says.group_size),
                of_name: says.is_none().then(|| index.slices.name(id)),
            };
            let group = *groups
                .entry(key)
                .or_insert_with(|| self.group(index, &key, &mut known));
            let data_type = says.and_then(|says| says.data_type).map(|name| {
                *types.entry(name).or_insert_with(|| {
                    self.data_types.push(index.text(name).to_owned());
                    number_of(self.data_types.len() - 1)
                })
            });
            let since_before = |end: i64| {
                let window = Span::new(end.min(at.start), at.start);
                Before {
                    compute_ns: work.compute.covered_ns(window),
                    idle_ns: window.len_ns() - work.busy.covered_ns(window),
                }
            };
            self.collectives.push(RankCollective {
                group,
                operation,
                data_type,
                bytes: says.and_then(|says| says.bytes),
                start: at.start,
                end: at.end,
                before: before.map(since_before),
            });
            before = Some(before.map_or(at.end, |end| end.max(at.end)));
        }
    }

    /// The place of a group, of which several keys may name one.
    fn group(&mut self, index: &Index, key: &GroupKey, known: &mut FxHashMap<GroupName, u32>) -> u32 {
        let text = |name: Option<NameId>| name.map(|name| index.text(name).to_owned());
        let in_name = || Some(group_in_name(index.text(key.of_name?))?.to_owned());
        let group = GroupName {
            name: text(key.name).or_else(in_name).unwrap_or_default(),
            ranks: text(key.ranks).unwrap_or_default(),
            size: key.size,
        };
        *known.entry(group).or_insert_with_key(|group| {
            self.groups.push(group.clone());
            number_of(self.groups.len() - 1)
        })
    }
}

fn number_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct GroupKey {
    name: Option<NameId>,
    ranks: Option<NameId>,
    size: Option<i64>,
    of_name: Option<NameId>,
}

/// The rank of a trace that is one rank's, as it says, else as its file is named.
pub fn rank_of(report: &TraceReport) -> Option<i64> {
    report.rank.or_else(|| in_name(&report.file)?.0)
}

fn of_report(report: &TraceReport, labels: &[String], rank: Option<usize>) -> RankExtract {
    let label = rank.map(|rank| labels[rank].as_str());
    let named = in_name(label.unwrap_or(&report.file));
    let number = match label {
        None => rank_of(report),
        Some(_) => named.as_ref().and_then(|(number, _)| *number),
    };
    let name = match (label, number, named) {
        (Some(label), ..) => label.to_owned(),
        (None, Some(number), _) => format!("rank {number}"),
        (None, None, named) => named.map(|(_, words)| words).unwrap_or_default(),
    };
    let start_ns = report.start_ns.unwrap_or(0);
    let mut extract = RankExtract {
        file: report.file.clone(),
        rank: number,
        name,
        world_size: report.world_size,
        device_kind: report.device_kind.clone(),
        base_time_ns: report.base_time_ns.or((start_ns > UNIX_CLOCK_NS).then_some(0)),
        start_ns,
        end_ns: report.end_ns.unwrap_or(start_ns),
        step_ns: step_times(report, rank),
        step_starts: step_starts(report, rank),
        ..RankExtract::default()
    };
    let bounds = || {
        report
            .verdicts
            .iter()
            .filter(|v| rank.is_none() || v.rank.as_deref() == label)
    };
    let decode = bounds().find(|v| v.phase == Phase::Decode);
    extract.bound = decode.or(bounds().next()).map(|v| v.bound.key().to_owned());
    let devices = report.device_time.iter();
    for time in devices.filter(|t| t.scope == "all" && (rank.is_none() || t.rank.as_deref() == label)) {
        let add = |sum: &mut Option<i64>, ns: i64| *sum = Some(sum.unwrap_or(0).saturating_add(ns));
        add(&mut extract.span_ns, time.span_ns);
        add(&mut extract.busy_ns, time.busy_ns);
        add(&mut extract.compute_ns, time.compute_ns);
        add(&mut extract.comm_exposed_ns, time.comm_exposed_ns);
        add(&mut extract.idle_ns, time.idle_ns);
    }
    // A compile of a merged file is its step's rank's.
    let of_rank = |step: Option<u32>| match rank {
        None => true,
        Some(_) => step
            .and_then(|step| report.steps.get(step as usize))
            .is_some_and(|step| step.rank == rank),
    };
    if report.steps.is_empty() {
        // Nothing says what is serving.
    } else if rank.is_none() || report.recompiles.iter().all(|c| c.step.is_some()) {
        let compiles = report.recompiles.iter();
        let compiles = compiles.filter(|c| c.period == Period::Serving && !c.beside && of_rank(c.step));
        let (mut count, mut ns) = (0, 0_i64);
        for compile in compiles {
            count += 1;
            ns = ns.saturating_add(compile.known_ns());
        }
        (extract.compiles, extract.compile_ns) = (Some(count), Some(ns));
    }
    extract
}

fn step_starts(report: &TraceReport, rank: Option<usize>) -> Vec<i64> {
    let steps = report.steps.iter().filter(|s| rank.is_none() || s.rank == rank);
    let mut starts: Vec<i64> = steps
        .filter(|s| s.phase != Phase::Idle)
        .map(|s| s.host_start_ns)
        .collect();
    order::sort(&mut starts);
    starts
}

/// Step times of decode steps while serving that did not compile; of all steps with work where there are none.
fn step_times(report: &TraceReport, rank: Option<usize>) -> Vec<i64> {
    let own = |s: &&Step| rank.is_none() || s.rank == rank;
    let steps = || report.steps.iter().filter(own).filter(|s| !s.compiled);
    let decode = steps().filter(|s| s.phase == Phase::Decode && s.period == Period::Serving);
    let times: Vec<i64> = decode.filter_map(|s| s.step_ns).collect();
    if !times.is_empty() {
        return times;
    }
    let working = steps().filter(|s| s.phase != Phase::Idle && s.period != Period::Warmup);
    working.filter_map(|s| s.step_ns).collect()
}
