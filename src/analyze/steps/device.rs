//! The device work of each step.
//!
//! A device runs behind the host, under asynchronous scheduling by a step or more, so the wall clock does not
//! say whose work it is doing. Where launches carry an id that device work repeats, work belongs to the step
//! that launched it (method `"launch"`); else to the step in whose time it starts (`"time"`).
//!
//! Ids of compiled graphs recur: every decode step launches the same one. Work of one id that follows on itself
//! is a run; the runs of an id are its launches in order. If there are fewer runs than launches, some launches
//! left no trace: those at the end if the recording of the device ends first, else those at the start.

use std::iter::Peekable;

use rustc_hash::FxHashMap;

use crate::base::{SliceId, Span, TrackId};
use crate::dialect::{LaunchLink, Role, Vocabulary};
use crate::index::args::ArgColumn;
use crate::index::tables::Index;

use crate::analyze::device::links::ByLink;
use crate::analyze::in_order::{Running, in_order};
use crate::analyze::report::{Engine, Engines, StepDevice};

/// Host and device clocks agree to about this.
const CLOCK_SLACK_NS: i64 = 10_000;

/// Device time of every pass; `None` for passes without device work, and for all of a trace without any.
pub fn step_devices(index: &Index, vocabulary: &Vocabulary) -> Vec<Option<StepDevice>> {
    let none = || vec![None; vocabulary.passes.len()];
    if vocabulary.devices.is_empty() || vocabulary.passes.is_empty() {
        return none();
    }
    let owners = Owners::new(index, vocabulary);
    let linked = match &vocabulary.launch_link {
        LaunchLink::Correlation(_) | LaunchLink::Numbered(_) | LaunchLink::ByRank(_) => {
            by_correlation(index, vocabulary, &owners)
        }
        LaunchLink::Recurring(key) => by_runs(index, vocabulary, &owners, key),
        LaunchLink::None => None,
    };
    let (assigned, method) = match linked {
        Some(assigned) => (assigned, "launch"),
        None => (by_time(index, vocabulary, &owners), "time"),
    };
    let has_lanes = engines_of(index, vocabulary);
    // Of each rank.
    let mut all_done: FxHashMap<Option<usize>, Option<i64>> = FxHashMap::default();
    assigned
        .into_iter()
        .enumerate()
        .map(|(i, work)| {
            let work = work?;
            let window = match method {
                "launch" => work.extent,
                _ => owners.window(i),
            };
            let busy_ns = work.compute.total_ns;
            let by_launch = (method == "launch").then_some(work.extent);
            let rank = vocabulary
                .ranks
                .of(index, index.track_of(vocabulary.passes[i].slice));
            let done = all_done.entry(rank).or_default();
            let gap_before_ns = by_launch.and_then(|own| done.map(|end| (own.start - end).max(0)));
            *done = by_launch.map(|own| done.map_or(own.end, |end| end.max(own.end)));
            Some(StepDevice {
                busy_ns,
                idle_ns: (window.len_ns() - busy_ns).max(0),
                engines: Engines::of(|engine| {
                    has_lanes[engine as usize].then_some(work.by_engine[engine as usize].total_ns)
                }),
                method: method.to_owned(),
                start_ns: by_launch.map(|own| own.start),
                end_ns: by_launch.map(|own| own.end),
                gap_before_ns,
            })
        })
        .collect()
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
        let at = index.slices.start(call).as_ns();
        if self.by_rank.len() < 2 {
            return self.at(at);
        }
        let rank = self.vocabulary.ranks.of(index, index.track_of(call))?;
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
struct Work {
    extent: Span,
    compute: Running,
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
        if role.is_device_compute() {
            work.compute.add(span);
        }
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
    in_order(index, lanes, |lane, id| {
        let role = vocabulary.role(id);
        if role.is_device() {
            see(lane, id, role);
        }
    });
}

fn by_time(index: &Index, vocabulary: &Vocabulary, owners: &Owners<'_>) -> Vec<Option<Work>> {
    let mut work = vec![None; vocabulary.passes.len()];
    device_work(index, vocabulary, &lanes(vocabulary), |_, id, role| {
        let span = index.slices.span(id);
        if let Some(pass) = owners.at(span.start) {
            Work::add(&mut work[pass], role, span.intersect(owners.window(pass)));
        }
    });
    work
}

/// The passes of launches by their id.
fn launches<'a>(
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    key: &str,
) -> Option<impl Iterator<Item = (SliceId, i64)> + 'a> {
    let column = index.arg_column(key)?;
    Some(
        column
            .ints()
            // Some copies are launched by a call that then waits for them.
            .filter(|&(id, _)| matches!(vocabulary.role(id), Role::Launch | Role::Wait)),
    )
}

/// One launch to many pieces of work, ids unique in the file.
fn by_correlation(index: &Index, vocabulary: &Vocabulary, owners: &Owners<'_>) -> Option<Vec<Option<Work>>> {
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
    // Of each link the pass that launched it, from 1.
    let mut pass_of: ByLink<u32> = ByLink::for_links(launches().map(|(_, link)| link));
    let mut any_launch = false;
    for (id, link) in launches() {
        if let Some(pass) = owners.of_call(index, id)
            && let Some(slot) = pass_of.at(link)
        {
            *slot = u32::try_from(pass + 1).unwrap_or(u32::MAX);
            any_launch = true;
        }
    }
    if !any_launch {
        return None;
    }
    let lanes = lanes(vocabulary);
    let mut ids = Ids::new(index, Some(column.clone()), &lanes);
    let mut work = vec![None; vocabulary.passes.len()];
    let mut any = false;
    device_work(index, vocabulary, &lanes, |lane, id, role| {
        let pass = ids.of(lane, id).and_then(|link| pass_of.get(link).checked_sub(1));
        if let Some(slot) = pass.and_then(|pass| work.get_mut(pass as usize)) {
            any = true;
            Work::add(slot, role, index.slices.span(id));
        }
    });
    any.then_some(work)
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

/// Work of one id that follows on itself.
struct Run {
    device: usize,
    id: i64,
    start: i64,
    end: i64,
}

/// Runs of a recurring id, device by device, matched with its launches in order.
fn by_runs(
    index: &Index,
    vocabulary: &Vocabulary,
    owners: &Owners<'_>,
    key: &str,
) -> Option<Vec<Option<Work>>> {
    let mut by_id: FxHashMap<i64, Vec<i64>> = FxHashMap::default();
    let mut last_launch = i64::MIN;
    for (id, value) in launches(index, vocabulary, key)? {
        let start = index.slices.start(id).as_ns();
        last_launch = last_launch.max(start);
        by_id.entry(value).or_default().push(start);
    }
    if by_id.is_empty() {
        return None;
    }
    for starts in by_id.values_mut() {
        starts.sort_unstable();
    }
    let lanes = lanes(vocabulary);
    let (runs, run_of) = runs(index, vocabulary, &lanes, key);
    let ends_early = runs
        .iter()
        .map(|r| r.end)
        .max()
        .is_some_and(|end| end < last_launch);
    let passes: Vec<Option<usize>> = match_runs(&runs, &by_id, ends_early)
        .into_iter()
        .map(|at| owners.at(at?))
        .collect();
    let mut work = vec![None; vocabulary.passes.len()];
    let mut seen = run_of.into_iter();
    let mut any = false;
    device_work(index, vocabulary, &lanes, |_, id, role| {
        let pass = seen.next().and_then(|run| *passes.get(run as usize)?);
        if let Some(slot) = pass.and_then(|pass| work.get_mut(pass)) {
            any = true;
            Work::add(slot, role, index.slices.span(id));
        }
    });
    any.then_some(work)
}

/// The runs of all devices, in order of start, and the run of each device slice in that order (`u32::MAX` for
/// slices without an id).
fn runs(index: &Index, vocabulary: &Vocabulary, lanes: &[TrackId], key: &str) -> (Vec<Run>, Vec<u32>) {
    let mut ids = Ids::new(index, index.arg_column(key), lanes);
    let mut runs: Vec<Run> = Vec::new();
    let device_of = devices_of_lanes(vocabulary);
    let n_work: usize = lanes.iter().map(|&track| index.track(track).rows.len()).sum();
    let mut run_of: Vec<u32> = Vec::with_capacity(n_work);
    let mut last: FxHashMap<(usize, i64), usize> = FxHashMap::default();
    let mut newest: Vec<usize> = vec![usize::MAX; vocabulary.devices.len()];
    device_work(index, vocabulary, lanes, |lane, slice, _| {
        let Some(id) = ids.of(lane, slice) else {
            run_of.push(u32::MAX);
            return;
        };
        let device = device_of[lane];
        let span = index.slices.span(slice);
        let known = last.get(&(device, id)).copied().filter(|&run| {
            // Engines overlap: the tail of one graph may run beside the head of the next.
            run == newest[device] || span.start <= runs[run].end.saturating_add(CLOCK_SLACK_NS)
        });
        let run = known.unwrap_or_else(|| {
            newest[device] = runs.len();
            runs.push(Run {
                device,
                id,
                start: span.start,
                end: span.end,
            });
            runs.len() - 1
        });
        last.insert((device, id), run);
        runs[run].end = runs[run].end.max(span.end);
        run_of.push(u32::try_from(run).unwrap_or(u32::MAX));
    });
    (runs, run_of)
}

/// The start of the launch of each run.
fn match_runs(runs: &[Run], launches: &FxHashMap<i64, Vec<i64>>, ends_early: bool) -> Vec<Option<i64>> {
    let mut of_id: FxHashMap<(usize, i64), Vec<usize>> = FxHashMap::default();
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
        } else if ends_early {
            let mut next = 0;
            for &run in &mine {
                if let Some(&launch) = starts.get(next).filter(|&&launch| possible(run, launch)) {
                    found[run] = Some(launch);
                    next += 1;
                }
            }
        } else {
            let mut bound = starts.len();
            for &run in mine.iter().rev() {
                let before = starts[..bound].partition_point(|&launch| possible(run, launch));
                if let Some(i) = before.checked_sub(1) {
                    found[run] = Some(starts[i]);
                    bound = i;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: i64, start: i64) -> Run {
        Run {
            device: 0,
            id,
            start,
            end: start + 10,
        }
    }

    #[test]
    fn a_device_that_runs_a_step_behind_keeps_its_launches_in_order() {
        let launches = FxHashMap::from_iter([(7, vec![0, 100_000, 200_000])]);
        let behind = [run(7, 150_000), run(7, 250_000), run(7, 350_000)];
        assert_eq!(
            match_runs(&behind, &launches, false),
            [Some(0), Some(100_000), Some(200_000)]
        );
    }

    #[test]
    fn lost_runs_are_those_at_the_end_if_the_device_was_recorded_for_a_shorter_time() {
        let launches = FxHashMap::from_iter([(7, vec![0, 100_000, 200_000])]);
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
