//! The device work of each step.
//!
//! A device runs behind the host, under asynchronous scheduling by a step or more, so the wall clock does not
//! say whose work it is doing. Where launches carry an id that device work repeats, work belongs to the step
//! that launched it (method `"launch"`); else to the step in whose time it starts (`"time"`). Where some work of a step
//! carries no id, or one whose call is not recorded, it is given by its neighbours on the device; a step most of whose
//! work was given so has the method `"time"`.
//!
//! Ids of compiled graphs recur: every decode step launches the same one. Where each launch of an id has the same work,
//! so much of it is a run; else work of one id that follows on itself is. The runs of an id are its launches in order.
//! If there are fewer runs than launches, some launches left no trace: those at the end if the recording of the device
//! ends first, else those at the start.

use std::iter::Peekable;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, order, stats};
use crate::dialect::{Device, LaunchLink, Role, Vocabulary};
use crate::index::args::{ArgColumn, Links};
use crate::index::trace_columns::Index;

use crate::analyze::device::device_time::ByKind;
use crate::analyze::device::launch_index::{LEAST_WITH_WORK_PERCENT, captures};
use crate::analyze::device::link_map::LinkMap;
use crate::analyze::merge::{Running, merge_tracks};
use crate::analyze::report::{Engine, Engines, Step, StepDevice};

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// Device time of every pass; `None` for passes without device work, and for all of a trace without any.
pub fn step_devices(
    index: &Index,
    vocabulary: &Vocabulary,
    runs: Option<&MatchedRuns>,
) -> Vec<Option<StepDevice>> {
    if vocabulary.devices.is_empty() || vocabulary.passes.is_empty() {
        return none_of(vocabulary);
    }
    let mut assigned = Assigned::of(vocabulary);
    let method = assign(index, vocabulary, runs, &mut assigned);
    let recorded = assigned.launches.recorded(index, vocabulary);
    let has_lanes = engines_of(index, vocabulary);
    // Of each rank: the end of all work of the steps before, unknown where that of the last one is.
    let mut all_done: FxHashMap<Option<usize>, Option<i64>> = FxHashMap::default();
    assigned
        .work
        .into_iter()
        .enumerate()
        .map(|(i, work)| {
            let rank = vocabulary
                .ranks
                .of(index, index.track_of(vocabulary.passes[i].slice));
            let Recorded { first, last } = recorded[i];
            let Some(work) = work else {
                if !last {
                    all_done.insert(rank, None);
                }
                return None;
            };
            let is_by_time = work.by_time_ns.saturating_mul(2) > work.total_ns;
            let method = if is_by_time { "time" } else { method };
            let busy_ns = work.kinds.busy_ns();
            let by_launch = (method == "launch").then_some(work.extent);
            let start_ns = by_launch.filter(|_| first).map(|own| own.start);
            let end_ns = by_launch.filter(|_| last).map(|own| own.end);
            let done = all_done.entry(rank).or_default();
            let gap_before_ns = start_ns.and_then(|start| done.map(|end| (start - end).max(0)));
            *done = end_ns.map(|own| done.map_or(own, |end| end.max(own)));
            Some(StepDevice {
                busy_ns,
                idle_ns: work.extent.len_ns() - busy_ns,
                compute_ns: work.kinds.compute_ns(),
                comm_exposed_ns: work.kinds.comm_exposed_ns(),
                copy_exposed_ns: work.kinds.copy_exposed_ns(),
                span_ns: work.extent.len_ns(),
                by_time_ns: work.by_time_ns,
                engines: Engines::of(|engine| {
                    has_lanes[engine as usize].then_some(work.by_engine[engine as usize].total_ns)
                }),
                method: method.to_owned(),
                start_ns,
                end_ns,
                gap_before_ns,
                extent: work.extent,
            })
        })
        .collect()
}

fn none_of<T: Clone>(vocabulary: &Vocabulary) -> Vec<Option<T>> {
    vec![None; vocabulary.passes.len()]
}

/// One piece of device work that belongs to a pass.
pub struct Piece {
    pub pass: usize,
    pub id: SliceId,
    pub role: Role,
    pub span: Span,
    /// Given by its neighbours on the device, where other work names its launch.
    by_time: bool,
}

/// What takes device work as it is given to passes.
pub trait TakesWork {
    fn take(&mut self, piece: Piece);
    /// A call in this pass that launches, and whether any work of it is recorded.
    fn launch(&mut self, _pass: usize, _call: SliceId, _has_work: bool) {}
    /// Forget all: it is given anew, by another method.
    fn forget(&mut self);
}

/// The work of every pass, and which of its launches have some.
struct Assigned {
    work: Vec<Option<Work>>,
    launches: PassLaunches,
}

impl Assigned {
    fn of(vocabulary: &Vocabulary) -> Assigned {
        Assigned {
            work: none_of(vocabulary),
            launches: PassLaunches::default(),
        }
    }
}

impl TakesWork for Assigned {
    fn take(&mut self, piece: Piece) {
        let Some(slot) = self.work.get_mut(piece.pass) else {
            return;
        };
        Work::add(slot, piece.role, piece.span);
        if let Some(work) = slot.as_mut().filter(|_| piece.by_time) {
            work.by_time_ns = work.by_time_ns.saturating_add(piece.span.len_ns());
        }
    }

    fn launch(&mut self, pass: usize, call: SliceId, has_work: bool) {
        self.launches.all.push((pass, call, has_work));
    }

    fn forget(&mut self) {
        self.work.fill(None);
        self.launches.all.clear();
    }
}

/// Calls that launch, with their passes and whether any work of each is recorded.
#[derive(Default)]
struct PassLaunches {
    all: Vec<(usize, SliceId, bool)>,
}

/// Whether the work of a pass's first launch and of its last one is recorded: else its start, or its end, is unknown.
#[derive(Clone, Copy)]
struct Recorded {
    first: bool,
    last: bool,
}

impl PassLaunches {
    /// Of every pass. What is launched while a graph is captured runs later.
    fn recorded(&self, index: &Index, vocabulary: &Vocabulary) -> Vec<Recorded> {
        let captures = captures(vocabulary);
        // With work, and all.
        let mut by_name: FxHashMap<NameId, (u64, u64)> = FxHashMap::default();
        for &(_, call, has_work) in &self.all {
            let (with, all) = by_name.entry(index.slices.name(call)).or_default();
            *with += u64::from(has_work);
            *all += 1;
        }
        let mut of: Vec<Option<[(i64, bool); 2]>> = none_of(vocabulary);
        for &(pass, call, has_work) in &self.all {
            let at = index.slices.start(call).as_ns();
            let (with, all) = by_name[&index.slices.name(call)];
            let has_none = with.saturating_mul(100) < all.saturating_mul(LEAST_WITH_WORK_PERCENT);
            if !has_work && (has_none || captures.contains(at)) {
                continue;
            }
            let Some(slot) = of.get_mut(pass) else { continue };
            let [first, last] = slot.get_or_insert([(at, has_work); 2]);
            if at < first.0 {
                *first = (at, has_work);
            }
            if at > last.0 {
                *last = (at, has_work);
            }
        }
        let recorded = |ends: Option<[(i64, bool); 2]>| Recorded {
            first: ends.is_none_or(|[first, _]| first.1),
            last: ends.is_none_or(|[_, last]| last.1),
        };
        of.into_iter().map(recorded).collect()
    }
}

/// Gives every piece of device work that belongs to a pass, in order of start, and says by which method. `runs`: of
/// this trace.
pub fn assign(
    index: &Index,
    vocabulary: &Vocabulary,
    runs: Option<&MatchedRuns>,
    takes: &mut dyn TakesWork,
) -> &'static str {
    let owners = Owners::new(index, vocabulary);
    let linked = match &vocabulary.launch_link {
        LaunchLink::Correlation(_) | LaunchLink::Numbered(_) | LaunchLink::Renumbered(_) => {
            by_correlation(index, vocabulary, &owners, takes)
        }
        LaunchLink::Recurring(_) => runs.and_then(|runs| by_runs(index, vocabulary, &owners, runs, takes)),
        LaunchLink::None => None,
    };
    if linked.is_some() {
        return "launch";
    }
    takes.forget();
    by_time(index, vocabulary, &owners, takes);
    "time"
}

/// A sentence about steps most of whose device work was given to them by time, where other work is linked.
pub fn given_by_time(vocabulary: &Vocabulary, steps: &[Step]) -> Option<String> {
    if matches!(
        vocabulary.launch_link,
        LaunchLink::None | LaunchLink::Recurring(_)
    ) {
        return None;
    }
    let is_by_time = |s: &&Step| s.device.as_ref().is_some_and(|d| d.method == "time");
    let n = steps.iter().filter(is_by_time).count();
    (n > 0).then(|| {
        format!(
            "In {n} of {} steps most device work does not name a recorded launch: Stepscope gave it to the steps by \
             time.",
            steps.len()
        )
    })
}

/// Which passes things belong to, by time.
struct Owners<'a> {
    vocabulary: &'a Vocabulary,
    /// The passes of each rank, in order of start; empty where the file is of one.
    by_rank: Vec<Vec<usize>>,
}

impl<'a> Owners<'a> {
    fn new(index: &Index, vocabulary: &'a Vocabulary) -> Owners<'a> {
        let mut by_rank = vec![Vec::new(); vocabulary.ranks.labels.len()];
        for (i, pass) in vocabulary.passes.iter().enumerate() {
            let rank = vocabulary.ranks.of(index, index.track_of(pass.slice));
            if let Some(own) = rank.and_then(|rank| by_rank.get_mut(rank)) {
                own.push(i);
            }
        }
        Owners { vocabulary, by_rank }
    }

    /// The pass that a host call belongs to: one of its own rank.
    fn of_call(&self, index: &Index, call: SliceId) -> Option<usize> {
        let rank = self.vocabulary.ranks.of(index, index.track_of(call));
        self.of_rank(rank, index.slices.start(call).as_ns())
    }

    /// The pass in whose window `at` lies: one of this rank; of none where there are several and it is unknown which.
    fn of_rank(&self, rank: Option<usize>, at: i64) -> Option<usize> {
        if self.by_rank.len() < 2 {
            return self.at(at);
        }
        let rank = rank?;
        let own = self.by_rank.get(rank)?;
        let passes = &self.vocabulary.passes;
        let last = own
            .partition_point(|&i| passes[i].span.start <= at)
            .checked_sub(1)?;
        let pass = own[last];
        let step = passes[pass].engine_step;
        let step = step.and_then(|row| self.vocabulary.engine_steps.get(row as usize));
        let is_inside = passes[pass].span.contains(at) || step.is_some_and(|s| s.span.contains(at));
        is_inside.then_some(pass)
    }

    /// The time of a pass and of what follows it in its engine step.
    fn window(&self, pass: usize) -> Span {
        let passes = &self.vocabulary.passes;
        let span = passes[pass].span;
        let step = passes[pass]
            .engine_step
            .and_then(|row| self.vocabulary.engine_steps.get(row as usize));
        let next = passes
            .get(pass + 1)
            .filter(|next| next.engine_step.is_some() && next.engine_step == passes[pass].engine_step);
        let end = match (next, step) {
            (Some(next), _) => next.span.start,
            (None, Some(step)) => step.span.end,
            (None, None) => span.end,
        };
        Span::new(span.start, end.max(span.start))
    }

    /// The pass, of this rank if there are several, that began last.
    fn begun(&self, rank: Option<usize>, at: i64) -> Option<usize> {
        let passes = &self.vocabulary.passes;
        let of_rank = rank.and_then(|rank| self.by_rank.get(rank));
        match of_rank.filter(|_| self.by_rank.len() > 1) {
            Some(own) => {
                let n = own.partition_point(|&i| passes[i].span.start <= at);
                n.checked_sub(1).map(|last| own[last])
            }
            None => passes.partition_point(|p| p.span.start <= at).checked_sub(1),
        }
    }

    /// Whether work may be of a pass that began before it: it starts soon after the pass or the work before it.
    fn follows(&self, pass: usize, start: i64, end: i64) -> bool {
        start <= self.window(pass).end.max(end).saturating_add(CHAIN_NS)
    }

    /// The pass in whose window `at` lies; what an engine step does before its first pass belongs to that.
    fn at(&self, at: i64) -> Option<usize> {
        let passes = &self.vocabulary.passes;
        let last = passes.partition_point(|p| p.span.start <= at).checked_sub(1);
        if let Some(i) = last
            && (self.window(i).contains(at) || passes[i].span.contains(at))
        {
            return Some(i);
        }
        let steps = &self.vocabulary.engine_steps;
        let step = &steps[steps.partition_point(|s| s.span.start <= at).checked_sub(1)?];
        let first = step.passes.start as usize;
        (step.span.contains(at) && !step.passes.is_empty() && at < passes.get(first)?.span.start)
            .then_some(first)
    }
}

/// What a pass had the device do.
#[derive(Clone, Copy, Default)]
pub struct Work {
    extent: Span,
    kinds: ByKind,
    /// Durations, summed; and of these that of work given by time.
    total_ns: i64,
    by_time_ns: i64,
    by_engine: [Running; Engine::COUNT],
}

impl Work {
    fn add(slot: &mut Option<Work>, role: Role, span: Span) {
        let work = slot.get_or_insert_with(|| Work {
            extent: span,
            ..Work::default()
        });
        work.extent.start = work.extent.start.min(span.start);
        work.extent.end = work.extent.end.max(span.end);
        work.kinds.add(role, span);
        work.total_ns = work.total_ns.saturating_add(span.len_ns());
        if let Some(engine) = Engine::of(role) {
            work.by_engine[engine as usize].add(span);
        }
    }
}

/// Which engines a trace has lanes of.
fn engines_of(index: &Index, vocabulary: &Vocabulary) -> [bool; Engine::COUNT] {
    let mut has_lanes = [false; Engine::COUNT];
    for track in vocabulary.devices.iter().flat_map(|d| &d.tracks) {
        for id in index.rows(*track) {
            if let Some(engine) = Engine::of(vocabulary.role(id)) {
                has_lanes[engine as usize] = true;
            }
        }
    }
    has_lanes
}

/// Every lane of every device.
fn lanes(vocabulary: &Vocabulary) -> Vec<TrackId> {
    vocabulary
        .devices
        .iter()
        .flat_map(|d| &d.tracks)
        .copied()
        .collect()
}

/// The places in the list of devices, lane by lane.
fn devices_of_lanes(vocabulary: &Vocabulary) -> Vec<usize> {
    let devices = vocabulary.devices.iter().enumerate();
    devices
        .flat_map(|(i, d)| d.tracks.iter().map(move |_| i))
        .collect()
}

/// Calls `see` with the lane's place and every device slice, in order of start.
fn device_work(
    index: &Index,
    vocabulary: &Vocabulary,
    lanes: &[TrackId],
    mut see: impl FnMut(usize, SliceId, Role),
) {
    merge_tracks(index, lanes, |lane, id| {
        let role = vocabulary.role(id);
        if role.is_device() {
            see(lane, id, role);
        }
    });
}

/// Work is of the pass in whose time it starts, or of the pass that began last, as long as it follows on its work; of
/// none where it is not told which rank launched it.
fn by_time(index: &Index, vocabulary: &Vocabulary, owners: &Owners<'_>, takes: &mut dyn TakesWork) {
    let device_of = devices_of_lanes(vocabulary);
    let mut ends = vec![i64::MIN; vocabulary.devices.len()];
    let devices = vocabulary.devices.iter();
    let untold: Vec<bool> = devices
        .map(|device| vocabulary.ranks.is_untold(index, device))
        .collect();
    device_work(index, vocabulary, &lanes(vocabulary), |lane, id, role| {
        let span = vocabulary.span(index, id);
        let end = &mut ends[device_of[lane]];
        let rank = vocabulary.devices[device_of[lane]].rank;
        let is_untold = untold[device_of[lane]];
        let inside = match rank {
            _ if is_untold => None,
            Some(_) => owners.of_rank(rank, span.start),
            None => owners.at(span.start),
        };
        let pass = inside.or_else(|| {
            let begun = owners.begun(rank, span.start).filter(|_| !is_untold)?;
            owners.follows(begun, span.start, *end).then_some(begun)
        });
        *end = span.end.max(*end);
        if let Some(pass) = pass {
            takes.take(Piece {
                pass,
                id,
                role,
                span,
                by_time: false,
            });
        }
    });
}

/// Calls that launch, with their id. Id 0 is no graph's: a copy, which a call of its own hands over.
fn launches<'a>(
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    key: &str,
) -> Option<impl Iterator<Item = (SliceId, i64)> + 'a> {
    let column = index.arg_column(key)?;
    Some(column.ints().filter(|&(id, value)| match vocabulary.role(id) {
        Role::Launch => true,
        Role::Submit => value == 0,
        _ => false,
    }))
}

/// One launch to many pieces of work, ids unique in the file.
fn by_correlation(
    index: &Index,
    vocabulary: &Vocabulary,
    owners: &Owners<'_>,
    takes: &mut dyn TakesWork,
) -> Option<()> {
    let column = vocabulary.links(index)?;
    let is_launch = |role: Role| match vocabulary.launch_link {
        // An arrow's tail is a launch, whatever the name of the call.
        LaunchLink::Numbered(_) => !role.is_device(),
        _ => role == Role::Launch,
    };
    let launches = || {
        let rows = column.ints();
        rows.filter(|&(id, _)| is_launch(vocabulary.role(id)))
    };
    // Of each link whose call is recorded the pass that launched it, from 1.
    let mut pass_of: LinkMap<u32> = LinkMap::for_links(launches().map(|(_, link)| link));
    let (mut any_launch, mut first_link) = (false, i64::MAX);
    for (id, link) in launches() {
        first_link = first_link.min(link);
        let pass = owners.of_call(index, id);
        any_launch |= pass.is_some();
        if let Some(slot) = pass_of.at(link) {
            match pass {
                Some(pass) => *slot = u32::try_from(pass + 1).unwrap_or(IN_NO_PASS),
                None if *slot == 0 => *slot = IN_NO_PASS,
                None => {}
            }
        }
    }
    if !any_launch {
        return None;
    }
    let owner_of = |link: Option<i64>| match link {
        // Numbers count up: this call was before the recording.
        Some(link) if (1..first_link).contains(&link) => Owner::Nobody,
        link => match link.map_or(0, |link| pass_of.get(link)) {
            0 => Owner::Unknown,
            IN_NO_PASS => Owner::Nobody,
            pass => Owner::Pass(pass as usize - 1),
        },
    };
    let lanes = lanes(vocabulary);
    let by_neighbours = match vocabulary.clock_offset_ns {
        Some(_) => FxHashMap::default(),
        None => by_neighbours(index, vocabulary, owners, &column, owner_of),
    };
    let mut ids = Ids::new(index, Some(column.clone()), &lanes);
    let mut has_work: LinkMap<bool> = LinkMap::for_links(launches().map(|(_, link)| link));
    let mut any = false;
    device_work(index, vocabulary, &lanes, |lane, id, role| {
        let link = ids.of(lane, id);
        let (pass, is_by_time) = match owner_of(link) {
            Owner::Pass(pass) => {
                if let Some(known) = link.and_then(|link| has_work.at(link)) {
                    *known = true;
                }
                (Some(pass), false)
            }
            Owner::Unknown => (by_neighbours.get(&id).map(|&pass| pass as usize), true),
            Owner::Nobody => (None, false),
        };
        if let Some(pass) = pass {
            any |= !is_by_time;
            takes.take(Piece {
                pass,
                id,
                role,
                span: vocabulary.span(index, id),
                by_time: is_by_time,
            });
        }
    });
    // Of a call without an arrow it is not known whether it launched anything.
    if !matches!(vocabulary.launch_link, LaunchLink::Numbered(_)) {
        for (call, link) in launches() {
            if let Owner::Pass(pass) = owner_of(Some(link)) {
                takes.launch(pass, call, has_work.get(link));
            }
        }
    }
    any.then_some(())
}

/// Stands for a call outside of all passes.
const IN_NO_PASS: u32 = u32::MAX;

/// Whose a piece of work is, by its link.
enum Owner {
    Pass(usize),
    /// Its call lies in no pass, or before the recording.
    Nobody,
    /// It carries no number, or its call is not recorded.
    Unknown,
}

/// Work that follows on other work within this is still of the same step.
const CHAIN_NS: i64 = 1_000_000;

/// The passes of work that nothing links. Between linked work of two passes lies work of either: the longest pause
/// parts them, but no work is of a pass that had not yet begun on the host. Behind the last linked work, and where
/// nothing is linked, it is of the pass that began last, as long as it follows on its work.
fn by_neighbours(
    index: &Index,
    vocabulary: &Vocabulary,
    owners: &Owners<'_>,
    column: &ArgColumn<'_>,
    owner_of: impl Fn(Option<i64>) -> Owner,
) -> FxHashMap<SliceId, u32> {
    let mut found = FxHashMap::default();
    let is_told = |device: &&Device| !vocabulary.ranks.is_untold(index, device);
    for device in vocabulary.devices.iter().filter(is_told) {
        let begun = |at: i64| owners.begun(device.rank, at);
        let mut ids = Ids::new(index, Some(column.clone()), &device.tracks);
        let mut pending: Vec<(SliceId, Span)> = Vec::new();
        // The pass of the last linked work, and the end of all work so far.
        let mut last: Option<(usize, i64)> = None;
        let mut give =
            |pending: &mut Vec<(SliceId, Span)>, last: Option<(usize, i64)>, next: Option<(usize, i64)>| {
                if pending.is_empty() {
                    return;
                }
                let next_begins = next.map(|(pass, _)| vocabulary.passes[pass].span.start);
                // From here on it is the next pass's.
                let cut = match (next, next_begins) {
                    (Some((_, at)), Some(begins)) => {
                        let mut end = last.map_or(i64::MIN, |(_, end)| end);
                        let mut longest = (i64::MIN, at);
                        let starts = pending.iter().map(|&(_, span)| span);
                        for span in starts.chain([Span::new(at, at)]) {
                            let pause = span.start.saturating_sub(end);
                            if span.start >= begins && pause > longest.0 {
                                longest = (pause, span.start);
                            }
                            end = end.max(span.end);
                        }
                        longest.1
                    }
                    _ => i64::MAX,
                };
                let mut end = last.map_or(i64::MIN, |(_, end)| end);
                for (id, span) in pending.drain(..) {
                    let pass = match next {
                        Some((pass, _)) if span.start >= cut => Some(pass),
                        _ => {
                            let mut pass = begun(span.start);
                            if let Some((next, _)) = next
                                && pass.is_some_and(|pass| pass >= next)
                            {
                                pass = last.map(|(pass, _)| pass.min(next));
                            }
                            let pass = pass.max(last.map(|(pass, _)| pass));
                            pass.filter(|&pass| owners.follows(pass, span.start, end))
                        }
                    };
                    end = end.max(span.end);
                    if let Some(pass) = pass.and_then(|pass| u32::try_from(pass).ok()) {
                        found.insert(id, pass);
                    }
                }
            };
        device_work(index, vocabulary, &device.tracks, |lane, id, _| {
            let span = vocabulary.span(index, id);
            match owner_of(ids.of(lane, id)) {
                Owner::Pass(pass) => {
                    give(&mut pending, last, Some((pass, span.start)));
                    let end = last.map_or(span.end, |(_, end)| end.max(span.end));
                    last = Some((pass, end));
                }
                Owner::Unknown => pending.push((id, span)),
                Owner::Nobody => {}
            }
        });
        give(&mut pending, last, None);
    }
    found
}

/// Values of an int arg, asked for in order of rows on each lane: millions of searches would take seconds.
struct Ids<I: Iterator<Item = (SliceId, i64)>> {
    by_lane: Vec<Peekable<I>>,
}

impl<'a> Ids<Box<dyn Iterator<Item = (SliceId, i64)> + 'a>> {
    fn new(index: &Index, column: Option<ArgColumn<'a>>, lanes: &[TrackId]) -> Self {
        let values = |track: TrackId| -> Box<dyn Iterator<Item = (SliceId, i64)> + 'a> {
            match &column {
                Some(column) => Box::new(column.ints_from(SliceId(index.track(track).rows.start))),
                None => Box::new(std::iter::empty()),
            }
        };
        Ids {
            by_lane: lanes.iter().map(|&track| values(track).peekable()).collect(),
        }
    }
}

impl<I: Iterator<Item = (SliceId, i64)>> Ids<I> {
    fn of(&mut self, lane: usize, id: SliceId) -> Option<i64> {
        let values = self.by_lane.get_mut(lane)?;
        while values.next_if(|&(row, _)| row < id).is_some() {}
        values.next_if(|&(row, _)| row == id).map(|(_, value)| value)
    }
}

/// The id of a graph, within its rank.
type GraphId = (Option<usize>, i64);

/// Work of one id that follows on itself.
struct Run {
    device: usize,
    id: GraphId,
    start: i64,
    end: i64,
}

/// Runs of a recurring id, device by device, matched with its launches in order.
fn by_runs(
    index: &Index,
    vocabulary: &Vocabulary,
    owners: &Owners<'_>,
    matched: &MatchedRuns,
    takes: &mut dyn TakesWork,
) -> Option<()> {
    let runs = matched.starts.iter().zip(&matched.runs);
    let passes: Vec<Option<usize>> = runs
        .map(|(&at, run)| owners.of_rank(vocabulary.devices[run.device].rank, at?))
        .collect();
    let mut seen = matched.run_of.iter();
    let mut any = false;
    device_work(index, vocabulary, &lanes(vocabulary), |_, id, role| {
        let pass = seen.next().and_then(|&run| *passes.get(run as usize)?);
        if let Some(pass) = pass {
            any = true;
            takes.take(Piece {
                pass,
                id,
                role,
                span: vocabulary.span(index, id),
                by_time: false,
            });
        }
    });
    let with_run: FxHashSet<SliceId> = (0..matched.runs.len())
        .filter_map(|run| matched.call(run))
        .collect();
    let ids: FxHashSet<GraphId> = matched.runs.iter().map(|run| run.id).collect();
    let with_runs = matched.launches.iter().filter(|(id, _)| ids.contains(id));
    for &(_, call) in with_runs.flat_map(|(_, calls)| calls) {
        if let Some(pass) = owners.of_call(index, call) {
            takes.launch(pass, call, with_run.contains(&call));
        }
    }
    any.then_some(())
}

/// Runs of recurring ids with their launches.
pub struct MatchedRuns {
    /// Of each id, in order.
    launches: FxHashMap<GraphId, Vec<(i64, SliceId)>>,
    runs: Vec<Run>,
    /// Of each device slice, in order of start.
    run_of: Vec<u32>,
    /// The start of the launch of each run.
    starts: Vec<Option<i64>>,
}

impl MatchedRuns {
    /// `None` where launches are linked in another way, or not at all.
    pub fn of(index: &Index, vocabulary: &Vocabulary) -> Option<MatchedRuns> {
        let LaunchLink::Recurring(key) = vocabulary.launch_link else {
            return None;
        };
        let mut by_id: FxHashMap<GraphId, Vec<(i64, SliceId)>> = FxHashMap::default();
        for (id, value) in launches(index, vocabulary, key)? {
            let start = index.slices.start(id).as_ns();
            let rank = vocabulary.ranks.of(index, index.track_of(id));
            by_id.entry((rank, value)).or_default().push((start, id));
        }
        for calls in by_id.values_mut() {
            calls.sort_unstable();
        }
        let last_launch = by_id.values().filter_map(|calls| calls.last()).max()?.0;
        let lanes = lanes(vocabulary);
        let work_of_launch = work_of_launch(index, vocabulary, &lanes, key, &by_id);
        // Copies have no runs: without as many calls as copies nothing tells which is which.
        by_id.retain(|id, _| id.1 != 0 || work_of_launch.contains_key(id));
        let (runs, run_of) = runs(index, vocabulary, &lanes, key, &work_of_launch);
        let end = runs.iter().map(|r| r.end).max();
        let starts = |calls: &Vec<(i64, SliceId)>| calls.iter().map(|&(start, _)| start).collect();
        let launch_starts = by_id.iter().map(|(&id, calls)| (id, starts(calls))).collect();
        let ends_early = end.is_some_and(|end| end < last_launch);
        Some(MatchedRuns {
            starts: match_runs(&runs, &launch_starts, ends_early),
            launches: by_id,
            runs,
            run_of,
        })
    }

    /// The call that launched a run.
    fn call(&self, run: usize) -> Option<SliceId> {
        let start = (*self.starts.get(run)?)?;
        let calls = self.launches.get(&self.runs.get(run)?.id)?;
        let at = calls.binary_search_by_key(&start, |&(start, _)| start).ok()?;
        Some(calls[at].1)
    }
}

/// Launches of recurring ids and their work, with a number that is unique to each launch.
pub fn links_of_runs(index: &Index, vocabulary: &Vocabulary, matched: &MatchedRuns) -> Links {
    let calls: Vec<Option<SliceId>> = (0..matched.runs.len()).map(|run| matched.call(run)).collect();
    let lanes = lanes(vocabulary);
    // Row by row on each lane: what is sorted already costs nothing to sort.
    let mut by_lane: Vec<Vec<(SliceId, i64)>> = vec![Vec::new(); lanes.len()];
    let mut seen = matched.run_of.iter();
    device_work(index, vocabulary, &lanes, |lane, id, _| {
        let call = seen.next().and_then(|&run| *calls.get(run as usize)?);
        by_lane[lane].extend(call.map(|call| (id, i64::from(call.0))));
    });
    let launches = matched.launches.values().flatten();
    let mut launches: Vec<(SliceId, i64)> = launches.map(|&(_, call)| (call, i64::from(call.0))).collect();
    order::sort_by_key(&mut launches, |&(call, _)| call);
    by_lane.push(launches);
    order::sort_by_key(&mut by_lane, |numbers| numbers.first().map(|&(id, _)| id));
    let numbers = by_lane.concat();
    Links::of(numbers)
}

/// How much work each launch of an id has, where that is the same for all: the same names, again and again.
fn work_of_launch(
    index: &Index,
    vocabulary: &Vocabulary,
    lanes: &[TrackId],
    key: &str,
    launches: &FxHashMap<GraphId, Vec<(i64, SliceId)>>,
) -> FxHashMap<GraphId, usize> {
    // In order of ranks. Where a rank has several devices, which of them a launch is for is not recorded.
    if vocabulary.devices.is_empty()
        || vocabulary
            .devices
            .windows(2)
            .any(|two| two[0].rank == two[1].rank)
    {
        return FxHashMap::default();
    }
    let mut names: FxHashMap<GraphId, Vec<NameId>> = FxHashMap::default();
    let mut ids = Ids::new(index, index.arg_column(key), lanes);
    let device_of = devices_of_lanes(vocabulary);
    device_work(index, vocabulary, lanes, |lane, slice, _| {
        if let Some(id) = ids.of(lane, slice) {
            let rank = vocabulary.devices[device_of[lane]].rank;
            names
                .entry((rank, id))
                .or_default()
                .push(index.slices.name(slice));
        }
    });
    let constant = names.into_iter().filter_map(|(id, mut names)| {
        let each = names.len() / n_runs(&names, launches.get(&id)?.len())?;
        names.chunks_mut(each).for_each(<[NameId]>::sort_unstable);
        let is_same = names.chunks(each).all(|chunk| *chunk == names[..each]);
        (is_same || each == 1).then_some((id, each))
    });
    constant.collect()
}

/// How many runs of the same work the names may be, of about `n` launches: as many, or the next number below one more
/// by which the count of each name can be divided. `None` if that is less than half.
fn n_runs(names: &[NameId], n: usize) -> Option<usize> {
    let mut counts: FxHashMap<NameId, usize> = FxHashMap::default();
    for &name in names {
        *counts.entry(name).or_default() += 1;
    }
    let divisor = counts.into_values().fold(0, greatest_common_divisor);
    if n > 0 && names.len().is_multiple_of(n) && names.len() >= n {
        return Some(n);
    }
    let least = n.div_ceil(2).max(2);
    (least..=n.saturating_add(1).min(divisor))
        .rev()
        .find(|&runs| divisor.is_multiple_of(runs))
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The runs of all devices, in order of start, and the run of each device slice in that order (`u32::MAX` for
/// slices without an id).
fn runs(
    index: &Index,
    vocabulary: &Vocabulary,
    lanes: &[TrackId],
    key: &str,
    work_of_launch: &FxHashMap<GraphId, usize>,
) -> (Vec<Run>, Vec<u32>) {
    let mut n_work_of: Vec<usize> = Vec::new();
    let mut ids = Ids::new(index, index.arg_column(key), lanes);
    let mut runs: Vec<Run> = Vec::new();
    let device_of = devices_of_lanes(vocabulary);
    let n_work: usize = lanes.iter().map(|&track| index.track(track).rows.len()).sum();
    let mut run_of: Vec<u32> = Vec::with_capacity(n_work);
    let mut last: FxHashMap<(usize, GraphId), usize> = FxHashMap::default();
    let mut newest: Vec<usize> = vec![usize::MAX; vocabulary.devices.len()];
    device_work(index, vocabulary, lanes, |lane, slice, _| {
        let Some(id) = ids.of(lane, slice) else {
            run_of.push(u32::MAX);
            return;
        };
        let device = device_of[lane];
        let id = (vocabulary.devices[device].rank, id);
        let span = vocabulary.span(index, slice);
        let known = last.get(&(device, id)).copied();
        let known = known.filter(|&run| match work_of_launch.get(&id) {
            Some(&all) => n_work_of[run] < all,
            // Engines overlap: the tail of one graph may run beside the head of the next.
            None => run == newest[device] || span.start <= runs[run].end.saturating_add(CLOCK_SLACK_NS),
        });
        let run = known.unwrap_or_else(|| {
            newest[device] = runs.len();
            runs.push(Run {
                device,
                id,
                start: span.start,
                end: span.end,
            });
            n_work_of.push(0);
            runs.len() - 1
        });
        n_work_of[run] += 1;
        last.insert((device, id), run);
        runs[run].end = runs[run].end.max(span.end);
        run_of.push(u32::try_from(run).unwrap_or(u32::MAX));
    });
    (runs, run_of)
}

/// The start of the launch of each run.
fn match_runs(runs: &[Run], launches: &FxHashMap<GraphId, Vec<i64>>, ends_early: bool) -> Vec<Option<i64>> {
    let mut of_id: FxHashMap<(usize, GraphId), Vec<usize>> = FxHashMap::default();
    for (i, run) in runs.iter().enumerate() {
        of_id.entry((run.device, run.id)).or_default().push(i);
    }
    let mut found = vec![None; runs.len()];
    for ((_, id), mine) in of_id {
        let Some(starts) = launches.get(&id) else { continue };
        let possible = |run: usize, launch: i64| launch <= runs[run].start.saturating_add(CLOCK_SLACK_NS);
        let one_to_one = mine.len() == starts.len() && mine.iter().zip(starts).all(|(&r, &l)| possible(r, l));
        if one_to_one {
            for (&run, &launch) in mine.iter().zip(starts) {
                found[run] = Some(launch);
            }
        } else {
            let rhythm = Rhythm::of(starts);
            // The last run that has a launch, and which.
            let mut beside: Option<(usize, usize)> = None;
            if ends_early {
                let mut next = 0;
                for (place, &run) in mine.iter().enumerate() {
                    let spare = |at: usize| starts.len() - at > mine.len() - place;
                    while let Some((other, launch)) = beside
                        && spare(next)
                        && possible(run, starts[next + 1])
                        && rhythm.leaves_out(
                            runs[run].start - runs[other].start,
                            starts[next] - starts[launch],
                            starts[next + 1] - starts[launch],
                        )
                    {
                        next += 1;
                    }
                    if let Some(&launch) = starts.get(next).filter(|&&launch| possible(run, launch)) {
                        found[run] = Some(launch);
                        beside = Some((run, next));
                        next += 1;
                    }
                }
                continue;
            }
            let mut bound = starts.len();
            for (place, &run) in mine.iter().enumerate().rev() {
                let before = starts[..bound].partition_point(|&launch| possible(run, launch));
                let Some(mut i) = before.checked_sub(1) else {
                    continue;
                };
                while let Some((other, launch)) = beside
                    && i > place
                    && rhythm.leaves_out(
                        runs[other].start - runs[run].start,
                        starts[launch] - starts[i],
                        starts[launch] - starts[i - 1],
                    )
                {
                    i -= 1;
                }
                found[run] = Some(starts[i]);
                beside = Some((run, i));
                bound = i;
            }
        }
    }
    found
}

/// The usual time between launches of one id.
struct Rhythm {
    half_ns: i64,
}

impl Rhythm {
    fn of(starts: &[i64]) -> Rhythm {
        let mut between: Vec<i64> = starts.windows(2).map(|two| two[1] - two[0]).collect();
        Rhythm {
            half_ns: stats::quantile_of(&mut between, 0.5).unwrap_or(i64::MAX) / 2,
        }
    }

    /// Whether a launch between two runs has left no trace: they lie as far apart as their launches do with it, and
    /// not as without.
    fn leaves_out(&self, runs_ns: i64, without_ns: i64, with_ns: i64) -> bool {
        let apart = |launches_ns: i64| runs_ns.saturating_sub(launches_ns).saturating_abs();
        apart(with_ns).saturating_add(self.half_ns) <= apart(without_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_without_a_run_is_found_by_the_pause_it_leaves() {
        // The device is a launch behind; that of 300,000 has no run.
        let launches = FxHashMap::from_iter([((None, 7), (0..6).map(|i| i * 100_000).collect())]);
        let runs: Vec<Run> = [0, 1, 2, 4, 5].map(|i| run(7, i * 100_000 + 110_000)).into();
        let want = [0, 1, 2, 4, 5].map(|i| Some(i * 100_000));
        assert_eq!(match_runs(&runs, &launches, false), want);
        assert_eq!(match_runs(&runs, &launches, true), want);
    }

    fn run(id: i64, start: i64) -> Run {
        Run {
            device: 0,
            id: (None, id),
            start,
            end: start + 10,
        }
    }

    #[test]
    fn a_device_that_runs_a_step_behind_keeps_its_launches_in_order() {
        let launches = FxHashMap::from_iter([((None, 7), vec![0, 100_000, 200_000])]);
        let behind = [run(7, 150_000), run(7, 250_000), run(7, 350_000)];
        assert_eq!(
            match_runs(&behind, &launches, false),
            [Some(0), Some(100_000), Some(200_000)]
        );
    }

    #[test]
    fn lost_runs_are_those_at_the_end_if_the_device_was_recorded_for_a_shorter_time() {
        let launches = FxHashMap::from_iter([((None, 7), vec![0, 100_000, 200_000])]);
        let two = [run(7, 150_000), run(7, 250_000)];
        assert_eq!(match_runs(&two, &launches, true), [Some(0), Some(100_000)]);
        assert_eq!(match_runs(&two, &launches, false), [Some(100_000), Some(200_000)]);
        assert_eq!(match_runs(&[run(8, 5)], &launches, false), [None]);
        assert_eq!(
            match_runs(&[run(7, -50_000)], &launches, false),
            [None],
            "before any launch"
        );
    }
}
