//! What differs in a slow step from the median of other steps of like size.
//!
//! Compared are, of the step and of those of like size nearest to it: operators and calls by self time on the step's
//! thread, python frames by self time while none of these runs, device work by name, time without work on the device,
//! and the parts of the host time; from the step's start on the host to the start of the next one, where that is known.
//! Kinds overlap and are never added.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, Union, order, stats};
use crate::dialect::{Role, Vocabulary};
use crate::index::Index;

use crate::analyze::device::device_time::DeviceWork;
use crate::analyze::gaps::activity::open_in;
use crate::analyze::host::open_frames::python_tracks;
use crate::analyze::report::{
    Difference, DifferenceKind, DynamoUse, HostPart, Parts, Period, SlowStep, Step, StepWork, StepWorkRow,
};
use crate::analyze::steps::like::{LEAST_LIKE, LikeSize, by_like_size};
use crate::analyze::steps::step_device_work::{MatchedRuns, Piece, TakesWork, assign};

/// A step is slow if it takes longer than this many medians of its like …
pub const SLOW_FACTOR: i64 = 3;
/// … and this much longer than the median, so that microseconds do not count.
const SLOW_EXCESS_NS: i64 = 100_000;

/// So many slow steps are looked into …
const MOST_STEPS: usize = 10;
/// … each beside so many others of like size, those nearest to it.
const MOST_LIKE: usize = 20;
/// So many differences of a kind are listed.
const MOST_OF_KIND: usize = 5;
/// A difference is listed from this share of the step's excess on, in percent.
const LISTED_PERCENT: i64 = 5;

/// All operators or kernels are slower if so many of them, by number and by time, in percent …
const ALL_PERCENT: i64 = 80;
/// … take at least this much of the time that they take in the others, in percent …
const SLOWER_PERCENT: i64 = 115;
/// … and there are at least so many names.
const LEAST_NAMES: usize = 3;

/// A slow step, and the steps of like size that it may be compared with.
pub struct Slow<'s> {
    pub step: &'s Step,
    /// Of all steps of like size.
    pub median_ns: i64,
    others: Vec<&'s Step>,
}

/// How many steps were compared while serving, and the slow ones, most costly first.
pub fn slow(steps: &[Step]) -> (u64, Vec<Slow<'_>>) {
    let mut judged = 0;
    let mut found = Vec::new();
    let comparable = |s: &&Step| s.period == Period::Serving && !s.compiled && s.step_ns.is_some();
    // Ranks of one file may run different parts of a model.
    let mut ranks: Vec<Option<usize>> = steps.iter().map(|s| s.rank).collect();
    order::sort(&mut ranks);
    ranks.dedup();
    let of_ranks = ranks.into_iter().flat_map(|rank| {
        let of_rank = steps.iter().filter(move |s| s.rank == rank);
        by_like_size(of_rank.filter(comparable))
    });
    for (_, like) in of_ranks {
        if like.len() < LEAST_LIKE {
            continue;
        }
        let mut lengths: Vec<i64> = like.iter().map(|s| took(s)).collect();
        let Some(median_ns) = stats::quantile_of(&mut lengths, 0.5) else {
            continue;
        };
        judged += like.len() as u64;
        let is_slow = |s: &Step| {
            took(s) > median_ns.saturating_mul(SLOW_FACTOR) && took(s) - median_ns >= SLOW_EXCESS_NS
        };
        let (slow, others): (Vec<&Step>, Vec<&Step>) = like.into_iter().partition(|s| is_slow(s));
        found.extend(slow.into_iter().map(|step| Slow {
            step,
            median_ns,
            others: others.clone(),
        }));
    }
    order::sort_by_key(&mut found, |s| (Reverse(s.more_ns()), s.step.index));
    (judged, found)
}

impl Slow<'_> {
    /// How much longer than the median it took.
    pub fn more_ns(&self) -> i64 {
        took(self.step).saturating_sub(self.median_ns)
    }
}

fn took(step: &Step) -> i64 {
    step.step_ns.unwrap_or(step.dur_ns)
}

/// What differs in the most costly of the slow steps. `from_device_ends`: a step's time is from the end of the device
/// work of the step before to the end of its own.
pub fn slow_steps(
    index: &Index,
    vocabulary: &Vocabulary,
    steps: &[Step],
    devices: &[DeviceWork],
    runs: Option<&MatchedRuns>,
    dynamo: Option<&DynamoUse>,
    from_device_ends: bool,
) -> Vec<SlowStep> {
    let (_, mut slow) = slow(steps);
    slow.truncate(MOST_STEPS);
    if slow.is_empty() {
        return Vec::new();
    }
    for one in &mut slow {
        let at = one.step.index;
        order::sort_by_key(&mut one.others, |s| s.index.abs_diff(at));
        one.others.truncate(MOST_LIKE);
    }
    let all = slow.iter().flat_map(|s| s.others.iter().copied().chain([s.step]));
    let threads = Threads::of(index, vocabulary);
    let wanted = profiles(&threads, steps, (devices, runs), from_device_ends, all);
    let compared = slow.iter().map(|one| compared(one, &wanted, &threads, dynamo));
    compared.collect()
}

/// What runs in these steps.
fn profiles<'s>(
    threads: &Threads<'_>,
    steps: &[Step],
    (devices, runs): (&[DeviceWork], Option<&MatchedRuns>),
    from_device_ends: bool,
    of: impl Iterator<Item = &'s Step>,
) -> FxHashMap<usize, Profile> {
    let mut wanted: FxHashMap<usize, Profile> = of.map(|s| (s.index as usize, Profile::default())).collect();
    assign(
        threads.index,
        threads.vocabulary,
        runs,
        &mut Pieces {
            index: threads.index,
            wanted: &mut wanted,
        },
    );
    for (&row, profile) in &mut wanted {
        if let Some(step) = steps.get(row) {
            profile.see_host(threads, step, row);
            let own_end = step.device.as_ref().and_then(|device| device.end_ns);
            let window = match own_end.filter(|_| from_device_ends) {
                Some(end) => Span::new(end.saturating_sub(took(step)), end),
                None => profile.window,
            };
            profile.see_device(threads, step, row, devices, window);
        }
    }
    wanted
}

/// Everything that runs in a step, beside the median of the steps of like size nearest to it that did not compile.
pub fn step_work(
    index: &Index,
    vocabulary: &Vocabulary,
    steps: &[Step],
    devices: &[DeviceWork],
    from_device_ends: bool,
    step: u32,
) -> Option<StepWork> {
    let own = steps.get(step as usize)?;
    let is_like = |s: &&Step| {
        s.index != step && !s.compiled && s.rank == own.rank && LikeSize::of(s) == LikeSize::of(own)
    };
    let mut others: Vec<&Step> = steps.iter().filter(is_like).collect();
    order::sort_by_key(&mut others, |s| s.index.abs_diff(step));
    others.truncate(MOST_LIKE);
    if others.len() + 1 < LEAST_LIKE {
        others.clear();
    }
    let threads = Threads::of(index, vocabulary);
    let runs = MatchedRuns::of(index, vocabulary);
    let all = others.iter().copied().chain([own]);
    let profiles = profiles(&threads, steps, (devices, runs.as_ref()), from_device_ends, all);
    let profile = profiles.get(&(step as usize))?;
    let beside: Vec<&Profile> = others
        .iter()
        .filter_map(|s| profiles.get(&(s.index as usize)))
        .collect();
    let has_others = !beside.is_empty();
    let named = named(profile, &beside, index).into_iter().map(|d| StepWorkRow {
        kind: d.kind,
        ns: d.median_ns.saturating_add(d.more_ns),
        median_ns: has_others.then_some(d.median_ns),
        count: Some(d.count),
        median_count: has_others.then_some(d.median_count),
        slice: d.slice,
        name: d.name,
    });
    let unnamed = profile.other.iter().map(|(&(kind, name), &ns)| StepWorkRow {
        kind,
        name: name.to_owned(),
        ns,
        median_ns: has_others
            .then(|| median_of(&beside, |p| p.other.get(&(kind, name)).copied().unwrap_or(0))),
        count: None,
        median_count: None,
        slice: None,
    });
    let mut rows: Vec<StepWorkRow> = named.chain(unnamed).collect();
    order::sort_by(&mut rows, |a, b| {
        let more = |row: &StepWorkRow| {
            row.median_ns
                .map_or(row.ns, |median| row.ns.saturating_sub(median))
        };
        (Reverse(more(a)), a.kind, &a.name).cmp(&(Reverse(more(b)), b.kind, &b.name))
    });
    Some(StepWork {
        step,
        compared: beside.len() as u64,
        rows,
    })
}

/// How much there is of something in a step.
#[derive(Clone, Copy, Default)]
struct Sum {
    ns: i64,
    count: u64,
    longest: Option<(i64, SliceId)>,
}

impl Sum {
    fn add(&mut self, ns: i64, len_ns: i64, id: SliceId) {
        self.ns = self.ns.saturating_add(ns);
        self.count += 1;
        if self.longest.is_none_or(|(longest, _)| len_ns > longest) {
            self.longest = Some((len_ns, id));
        }
    }
}

/// What runs in a step.
#[derive(Default)]
struct Profile {
    named: FxHashMap<(DifferenceKind, NameId), Sum>,
    /// What has no name of the trace's.
    other: FxHashMap<(DifferenceKind, &'static str), i64>,
    window: Span,
}

/// Takes the device work of the steps that are asked for.
struct Pieces<'a> {
    index: &'a Index,
    wanted: &'a mut FxHashMap<usize, Profile>,
}

impl TakesWork for Pieces<'_> {
    fn take(&mut self, piece: Piece) {
        if let Some(profile) = self.wanted.get_mut(&piece.pass) {
            let key = (DifferenceKind::Kernel, self.index.slices.name(piece.id));
            let ns = piece.span.len_ns();
            profile.named.entry(key).or_default().add(ns, ns, piece.id);
        }
    }

    fn forget(&mut self) {
        for profile in self.wanted.values_mut() {
            profile.named.clear();
        }
    }
}

/// The tracks on which the host's side of steps is recorded.
struct Threads<'a> {
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    /// Of python frames, by the track of the thread that runs them.
    python: FxHashMap<TrackId, TrackId>,
    markers: FxHashSet<SliceId>,
}

impl<'a> Threads<'a> {
    fn of(index: &'a Index, vocabulary: &'a Vocabulary) -> Threads<'a> {
        let python = python_tracks(index);
        let of_threads = index.track_ids().filter_map(|id| {
            let track = index.track(id);
            let frames = *python.get(&(track.pid, track.tid))?;
            (frames != id).then_some((id, frames))
        });
        Threads {
            index,
            vocabulary,
            python: of_threads.collect(),
            markers: vocabulary.passes.iter().map(|pass| pass.slice).collect(),
        }
    }

    /// The track of a step's marker, and the threads that run its model, where they are others.
    fn tracks(&self, step: &Step) -> Vec<TrackId> {
        let own = self.index.track_of(SliceId(step.slice));
        let ranks = &self.vocabulary.ranks;
        let rank = ranks.of(self.index, own);
        let mut tracks = vec![own];
        let main = self.vocabulary.main_threads.iter().copied();
        tracks.extend(main.filter(|&t| t != own && ranks.of(self.index, t) == rank));
        tracks.truncate(4);
        tracks
    }

    /// What a slice on the host counts as; `None` for what only says when: markers and containers.
    fn kind(&self, id: SliceId) -> Option<DifferenceKind> {
        match self.vocabulary.role(id) {
            Role::Wait => Some(DifferenceKind::Wait),
            Role::Collective
            | Role::HostOp
            | Role::HostOther
            | Role::Launch
            | Role::Submit
            | Role::CompileRecorded
            | Role::CompileEngine
            | Role::CompileDynamo
            | Role::NewRecipe
            | Role::GraphCapture => Some(DifferenceKind::Operator),
            Role::Annotation if !self.markers.contains(&id) => Some(DifferenceKind::Operator),
            _ => None,
        }
    }
}

impl Profile {
    fn see_host(&mut self, threads: &Threads<'_>, step: &Step, row: usize) {
        let (index, vocabulary) = (threads.index, threads.vocabulary);
        let host = vocabulary.host_span(row).unwrap_or_default();
        // Where the step time is the host's, what follows until the next step is none of it.
        let interval = step.interval_ns.filter(|_| step.step_ns != Some(step.host_ns));
        let next = interval.map_or(host.end, |ns| host.start.saturating_add(ns));
        self.window = Span::new(host.start, host.end.max(next));
        let window = self.window;
        let mut covered: Vec<Span> = Vec::new();
        let mut recorded: Vec<Span> = Vec::new();
        let tracks = threads.tracks(step);
        for &track in &tracks {
            let slices = open_in(index, track, window);
            let mut add = |id: SliceId, own_ns: i64, span: Span| {
                let Some(kind) = threads.kind(id) else {
                    return;
                };
                covered.push(span);
                let key = (kind, index.slices.name(id));
                self.named.entry(key).or_default().add(own_ns, span.len_ns(), id);
            };
            self_times(index, &slices, window, |id| threads.kind(id).is_some(), &mut add);
        }
        let covered = Union::of(covered);
        recorded.extend(covered.spans());
        if let Some(&python) = tracks.first().and_then(|own| threads.python.get(own)) {
            let frames = open_in(index, python, window);
            let mut own: FxHashMap<SliceId, i64> = FxHashMap::default();
            innermost(index, &frames, window, &mut |id, part| {
                recorded.push(part);
                *own.entry(id).or_default() += part.len_ns() - covered.covered_ns(part);
            });
            for &id in &frames {
                let key = (DifferenceKind::Frame, index.slices.name(id));
                let ns = own.get(&id).copied().unwrap_or(0);
                let sum = self.named.entry(key).or_default();
                sum.add(ns, ns, id);
            }
        }
        // Where no operators and frames are recorded at all, that says nothing.
        if !recorded.is_empty() {
            let unrecorded = host.len_ns() - Union::of(recorded).covered_ns(host);
            self.put(DifferenceKind::Unrecorded, "", unrecorded);
        }
        self.put(DifferenceKind::AfterStep, "", window.end - host.end);
        for (name, ns) in parts(&step.parts) {
            self.put(DifferenceKind::Part, name, ns);
        }
    }

    /// Time of the step without any work on the devices of its rank.
    fn see_device(
        &mut self,
        threads: &Threads<'_>,
        step: &Step,
        row: usize,
        devices: &[DeviceWork],
        window: Span,
    ) {
        let vocabulary = threads.vocabulary;
        let own = vocabulary.passes.get(row).and_then(|pass| {
            vocabulary
                .ranks
                .of(threads.index, threads.index.track_of(pass.slice))
        });
        let label = vocabulary.ranks.label(own);
        let mut of_rank = devices
            .iter()
            .filter(|d| own.is_none() || d.rank == label)
            .peekable();
        if of_rank.peek().is_none() || step.device.is_none() {
            return;
        }
        let busy = Union::of(of_rank.flat_map(|d| d.busy.overlapping(window)));
        let idle = window.len_ns() - busy.covered_ns(window);
        self.put(DifferenceKind::DeviceIdle, "", idle);
    }

    fn put(&mut self, kind: DifferenceKind, name: &'static str, ns: i64) {
        self.other.insert((kind, name), ns);
    }
}

pub const FORWARD: &str = HostPart::Forward.noun();
/// The rest of the host time.
pub const OUTSIDE: &str = HostPart::Other.noun();

/// Parts of the host time, in words. What a compile takes is no part of them: such steps are not compared.
pub fn parts(parts: &Parts) -> impl Iterator<Item = (&'static str, i64)> {
    // Where none is recorded, the rest is the whole and says nothing.
    let is_part = |part: HostPart| !matches!(part, HostPart::Compile | HostPart::Other);
    let has_parts = parts.known().any(|(part, _)| is_part(part));
    let counts = move |(part, _): &(HostPart, i64)| is_part(*part) || *part == HostPart::Other && has_parts;
    parts.known().filter(counts).map(|(part, ns)| (part.noun(), ns))
}

/// Calls `add` with each slice that `counts`, its self time and its span, both in the window: time less that of what
/// counts inside it.
fn self_times(
    index: &Index,
    slices: &[SliceId],
    window: Span,
    counts: impl Fn(SliceId) -> bool,
    add: &mut dyn FnMut(SliceId, i64, Span),
) {
    let counted: Vec<SliceId> = slices.iter().copied().filter(|&id| counts(id)).collect();
    let mut own: FxHashMap<SliceId, i64> = FxHashMap::default();
    innermost(index, &counted, window, &mut |id, part| {
        *own.entry(id).or_default() += part.len_ns();
    });
    for id in counted {
        let ns = own.get(&id).copied().unwrap_or(0);
        add(id, ns, index.slices.span(id).intersect(window));
    }
}

/// Calls `see` with every stretch of the window in which one of `slices` (in order of start) is the innermost.
fn innermost(index: &Index, slices: &[SliceId], window: Span, see: &mut dyn FnMut(SliceId, Span)) {
    let mut open: Vec<(SliceId, i64)> = Vec::new();
    let mut at = window.start;
    let mut until = |open: &mut Vec<(SliceId, i64)>, at: &mut i64, to: i64| {
        while *at < to {
            while open.last().is_some_and(|&(_, end)| end <= *at) {
                open.pop();
            }
            let Some(&(id, end)) = open.last() else {
                break;
            };
            let end = end.min(to);
            see(id, Span::new(*at, end));
            *at = end;
        }
        *at = (*at).max(to);
    };
    for &id in slices {
        let span = index.slices.span(id).intersect(window);
        until(&mut open, &mut at, span.start);
        open.push((id, span.end));
    }
    until(&mut open, &mut at, window.end);
}

/// The median over the profiles of the other steps; what one of them lacks is 0 there.
fn median_of(others: &[&Profile], of: impl Fn(&Profile) -> i64) -> i64 {
    let mut all: Vec<i64> = others.iter().map(|p| of(p)).collect();
    stats::quantile_of(&mut all, 0.5).unwrap_or(0)
}

fn compared(
    slow: &Slow<'_>,
    profiles: &FxHashMap<usize, Profile>,
    threads: &Threads<'_>,
    dynamo: Option<&DynamoUse>,
) -> SlowStep {
    let others: Vec<&Profile> = slow
        .others
        .iter()
        .filter_map(|s| profiles.get(&(s.index as usize)))
        .collect();
    let least_ns = (slow.more_ns() / 100).saturating_mul(LISTED_PERCENT).max(1);
    let mut differences: Vec<Difference> = Vec::new();
    if let Some(own) = profiles.get(&(slow.step.index as usize)) {
        let named = named(own, &others, threads.index);
        differences.extend(all_slower(
            &named,
            DifferenceKind::Operator,
            DifferenceKind::AllOperators,
        ));
        differences.extend(all_slower(
            &named,
            DifferenceKind::Kernel,
            DifferenceKind::AllKernels,
        ));
        differences.extend(named);
        for (&(kind, name), &ns) in &own.other {
            let median = median_of(&others, |p| p.other.get(&(kind, name)).copied().unwrap_or(0));
            differences.push(difference(kind, name.to_owned(), ns, median));
        }
        differences.retain(|d| d.more_ns >= least_ns);
        differences.extend(given_up(own.window, threads.index, dynamo));
    }
    order::sort_by(&mut differences, |a, b| {
        (a.kind, Reverse(a.more_ns), &a.name).cmp(&(b.kind, Reverse(b.more_ns), &b.name))
    });
    let mut of_kind = [0; DifferenceKind::COUNT];
    differences.retain(|d| {
        of_kind[d.kind as usize] += 1;
        of_kind[d.kind as usize] <= MOST_OF_KIND
    });
    SlowStep {
        step: slow.step.index,
        step_ns: took(slow.step),
        median_ns: slow.median_ns,
        compared: others.len() as u64,
        differences,
    }
}

fn difference(kind: DifferenceKind, name: String, ns: i64, median_ns: i64) -> Difference {
    Difference {
        kind,
        name,
        more_ns: ns.saturating_sub(median_ns),
        median_ns,
        ratio: (median_ns > 0).then(|| ns as f64 / median_ns as f64),
        count: 0,
        median_count: 0,
        slice: None,
    }
}

/// Everything with a name of the trace's, whether it takes longer or not.
fn named(own: &Profile, others: &[&Profile], index: &Index) -> Vec<Difference> {
    let of = |p: &Profile, key| p.named.get(key).copied().unwrap_or_default();
    let all = own.named.iter().map(|(key, sum)| {
        let median_count = median_of(others, |p| i64::try_from(of(p, key).count).unwrap_or(i64::MAX));
        Difference {
            count: sum.count,
            median_count: median_count.unsigned_abs(),
            slice: sum.longest.map(|(_, id)| id.0),
            ..difference(
                key.0,
                index.text(key.1).to_owned(),
                sum.ns,
                median_of(others, |p| of(p, key).ns),
            )
        }
    });
    all.collect()
}

/// That all names of a kind take longer though they ran as often, where nearly all do.
fn all_slower(named: &[Difference], of: DifferenceKind, all: DifferenceKind) -> Option<Difference> {
    let is_as_often = |d: &&Difference| d.kind == of && d.count == d.median_count && d.median_ns > 0;
    let as_often: Vec<&Difference> = named.iter().filter(is_as_often).collect();
    let percent = |part: i64, whole: i64| i128::from(part) * 100 / i128::from(whole.max(1));
    let is_slower = |d: &&Difference| {
        percent(d.median_ns.saturating_add(d.more_ns), d.median_ns) >= i128::from(SLOWER_PERCENT)
    };
    let slower: Vec<&Difference> = as_often.iter().copied().filter(is_slower).collect();
    let median_ns = |of: &[&Difference]| stats::sum(of.iter().map(|d| d.median_ns));
    let names = |of: &[&Difference]| i64::try_from(of.len()).unwrap_or(i64::MAX);
    let reaches = |part: i64, whole: i64| percent(part, whole) >= i128::from(ALL_PERCENT);
    let is_most =
        reaches(names(&slower), names(&as_often)) && reaches(median_ns(&slower), median_ns(&as_often));
    if as_often.len() < LEAST_NAMES || !is_most {
        return None;
    }
    let median_ns = median_ns(&as_often);
    let more_ns = stats::sum(as_often.iter().map(|d| d.more_ns));
    Some(Difference {
        count: as_often.iter().map(|d| d.count).sum(),
        median_count: as_often.iter().map(|d| d.median_count).sum(),
        ..difference(all, String::new(), median_ns.saturating_add(more_ns), median_ns)
    })
}

/// Attempts to compile that gave up in this time.
fn given_up<'a>(
    window: Span,
    index: &'a Index,
    dynamo: Option<&'a DynamoUse>,
) -> impl Iterator<Item = Difference> + 'a {
    let limits = dynamo.into_iter().flat_map(|d| &d.limits);
    limits
        .filter(move |limit| window.contains(limit.at_ns))
        .map(|limit| Difference {
            count: 1,
            slice: Some(limit.slice),
            ..difference(
                DifferenceKind::CompileLimit,
                limit.compile_id.clone().unwrap_or_default(),
                index.slices.span(SliceId(limit.slice)).len_ns(),
                0,
            )
        })
}
