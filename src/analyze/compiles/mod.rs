//! Every graph compile once, with the step that it held up.
//!
//! Levels of evidence are never added: a compile that the serving engine recorded and that the graph compiler's
//! own host event shows too is one row, with the engine's name and the compiler's time. A call that hands over a graph
//! and takes far longer than its like is a suspected compile. Only where no level recorded anything are whole steps
//! suspected that look like a compile; where such a call lies in the step, the call is it.

pub mod coverage;
pub mod metrics;
pub mod uses;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, SliceId, Span, TrackId, Union, order, stats};
use crate::dialect::{CompileMark, EngineStep, Evidence, Pass, Period, Phase, Role, Vocabulary};
use crate::index::Key;
use crate::index::trace_columns::Index;

use crate::analyze::gaps::activity::{compile_span, held_up_spans, open_in};
use crate::analyze::gaps::cause::hands_over_compiled;
use crate::analyze::gaps::held_up::{Compiles, HeldUp, Waited, held_up};
use crate::analyze::gaps::innermost::{Thread, fits, thread_of};
use crate::analyze::gaps::time_budget::serving_windows;
use crate::analyze::merge::{Growing, merge_tracks};
use crate::analyze::report::{Bucket, CompileUse, DynamoLimit, DynamoUse, Recompile};
use crate::analyze::steps::like::LikeSize;

/// A call that hands over a graph compiles it, as it seems, if it takes this long and [`SLOW_MEDIANS`] times what
/// such calls take.
const SLOW_SUBMIT_NS: i64 = 100_000_000;
const SLOW_MEDIANS: i64 = 100;
/// Of fewer like steps or calls nothing is said.
const LEAST_LIKE: usize = 5;

/// All compiles, in order of start.
pub fn recompiles(index: &Index, vocabulary: &Vocabulary) -> Vec<Recompile> {
    let finder = StepFinder::new(index, vocabulary);
    let (recorded, others): (Vec<&CompileMark>, Vec<&CompileMark>) = vocabulary
        .compiles
        .iter()
        .filter(|m| !m.eager && !gave_up(vocabulary, m))
        .partition(|m| m.evidence == Evidence::Recorded);
    let (mut rows, twice) = match_levels(index, vocabulary, &finder, &recorded, &others);
    rows.extend(
        others
            .iter()
            .enumerate()
            .filter(|(i, _)| !twice.contains(i))
            .map(|(_, mark)| row(index, vocabulary, &finder, mark)),
    );
    leave_steps(index, vocabulary, &finder, &mut rows);
    join_nested(&mut rows);
    let known = Union::of(rows.iter().map(compile_span));
    let slow: Vec<SliceId> = slow_submissions(index, vocabulary)
        .into_iter()
        .filter(|&id| known.covered_ns(index.slices.span(id)) == 0)
        .collect();
    if rows.is_empty() {
        let slow = Union::of(slow.iter().map(|&id| index.slices.span(id)));
        rows = suspected(index, vocabulary);
        rows.retain(|row| slow.covered_ns(span_of_step(row)) == 0);
    }
    rows.extend(
        slow.into_iter()
            .map(|id| slow_submission(index, vocabulary, &finder, id)),
    );
    leave_serving(vocabulary, &serving_windows(index, vocabulary), &mut rows);
    order::sort_by_key(&mut rows, |r| (r.start_ns, r.slice));
    rows
}

/// What was compiled before the first or after the last step that was served is not known to have been compiled while
/// serving.
fn leave_serving(vocabulary: &Vocabulary, serving: &Union, rows: &mut [Recompile]) {
    let serves = vocabulary
        .engine_steps
        .iter()
        .any(|s| s.period == Period::Serving);
    for row in rows.iter_mut().filter(|row| serves && row.step.is_none()) {
        let span = compile_span(row);
        let is_within = serving.covered_ns(span) > 0 || serving.contains(span.start);
        if row.period == Period::Serving && !is_within {
            row.period = Period::Unknown;
        }
    }
}

/// Where steps are measured from device end to device end, a compile delays by what the device is idle because of it:
/// what the device's queue hides delays nothing. Of one that is not wholly in the device's recording that is unknown.
pub fn set_delays_of_device(rows: &mut [Recompile], idle_for_compiles: &Union, recorded: Span) {
    for row in rows.iter_mut().filter(|row| !row.beside && row.dur_ns.is_some()) {
        let span = compile_span(row);
        if span.is_empty() || span.intersect(recorded) != span {
            continue;
        }
        let idle = |span: Span| {
            idle_for_compiles
                .overlapping(span)
                .map(move |i| i.intersect(span))
        };
        row.waited = held_up_spans(row).into_iter().flat_map(idle).collect();
        row.waited_ns = Some(stats::sum(row.waited.iter().map(|w| w.len_ns())));
    }
}

/// An attempt that made nothing is no compile.
fn gave_up(vocabulary: &Vocabulary, mark: &CompileMark) -> bool {
    let dynamo = vocabulary.dynamo.as_ref();
    dynamo
        .and_then(|d| d.compiles.get(&mark.slice))
        .is_some_and(|detail| detail.gave_up)
}

/// What torch.compile did, all in all.
pub fn dynamo_use(index: &Index, vocabulary: &Vocabulary, recompiles: &[Recompile]) -> Option<DynamoUse> {
    let dynamo = vocabulary.dynamo.as_ref()?;
    let of_dynamo = || recompiles.iter().filter(|r| r.dynamo.is_some());
    let spans = of_dynamo().map(Recompile::span);
    // Of a compile that regions alone show there is no detail.
    let lacks_cost = |r: &Recompile| r.evidence == Evidence::Dynamo && r.dur_ns.is_none();
    let has_cost = of_dynamo().any(|r| r.dur_ns.is_some()) || !recompiles.iter().any(lacks_cost);
    let mut limits: Vec<DynamoLimit> = dynamo
        .limits
        .iter()
        .map(|limit| DynamoLimit {
            at_ns: index.slices.start(limit.at).as_ns(),
            slice: limit.at.0,
            compile_id: dynamo.compiles.get(&limit.at).and_then(|d| d.compile_id.clone()),
            lookups_after: limit.lookups_after,
            steps_after: limit.steps_after,
        })
        .collect();
    order::sort_by_key(&mut limits, |l| l.at_ns);
    let again = |r: &&Recompile| r.dynamo.as_ref().and_then(|d| d.attempt).is_some_and(|n| n > 0);
    Some(DynamoUse {
        lookups: dynamo.lookups,
        regions: dynamo.regions,
        compiles: of_dynamo().count() as u64,
        recompiles: of_dynamo().filter(again).count() as u64,
        compile_ns: has_cost.then(|| Union::of(spans).total_ns()),
        gave_up: dynamo.gave_up.len() as u64,
        limits,
    })
}

/// Finds the pass in which something happened.
struct StepFinder<'a> {
    index: &'a Index,
    vocabulary: &'a Vocabulary,
    /// Threads that mark passes.
    threads: FxHashSet<Thread>,
}

impl<'a> StepFinder<'a> {
    fn new(index: &'a Index, vocabulary: &'a Vocabulary) -> StepFinder<'a> {
        let tracks: FxHashSet<TrackId> = vocabulary
            .passes
            .iter()
            .map(|p| index.track_of(p.slice))
            .collect();
        StepFinder {
            index,
            vocabulary,
            threads: tracks.into_iter().map(|t| thread_of(index, t)).collect(),
        }
    }

    /// Whether a pass may be held up.
    fn fits(&self, held: HeldUp, pass: &Pass) -> bool {
        let track = self.index.track_of(pass.slice);
        match held {
            HeldUp::Rank(None) => true,
            HeldUp::Rank(rank) => fits(rank, self.vocabulary.ranks.of(self.index, track)),
            HeldUp::Thread(thread) if self.threads.contains(&thread) => {
                thread_of(self.index, track) == thread
            }
            HeldUp::Process(process) | HeldUp::Thread((process, _)) => self.index.track(track).pid == process,
        }
    }

    /// The pass that is open at `at`; else, inside an engine step, the first pass for what comes before it and
    /// the last for what comes after. Of those that `held` may mean.
    fn at(&self, held: HeldUp, at: i64) -> Option<u32> {
        let passes = &self.vocabulary.passes;
        let after = passes.partition_point(|p| p.span.start <= at);
        let last = passes[..after].iter().rposition(|p| self.fits(held, p));
        if let Some(i) = last.filter(|&i| passes[i].span.contains(at)) {
            return u32::try_from(i).ok();
        }
        let steps = &self.vocabulary.engine_steps;
        let before = steps.partition_point(|s| s.span.start <= at);
        let first_of = |s: &EngineStep| passes.get(s.passes.start as usize);
        let mut fitting = steps[..before]
            .iter()
            .rev()
            .filter(|s| first_of(s).is_some_and(|p| self.fits(held, p)));
        let step = fitting
            .next()
            .filter(|s| s.span.contains(at) && !s.passes.is_empty())?;
        let first = first_of(step)?;
        Some(if at < first.span.start {
            step.passes.start
        } else {
            last.and_then(|i| u32::try_from(i).ok())
                .map_or(step.passes.start, |i| {
                    i.clamp(step.passes.start, step.passes.end - 1)
                })
        })
    }
}

/// A compile on another thread is of the step that waited for it, and of none where nothing did.
fn leave_steps(index: &Index, vocabulary: &Vocabulary, finder: &StepFinder<'_>, rows: &mut [Recompile]) {
    let compiles = Compiles::of(index, vocabulary, rows);
    for (place, row) in rows.iter_mut().enumerate() {
        let span = compile_span(row);
        let held = held_up(index, vocabulary, row.slice.map(SliceId), row.evidence);
        let (thread, waited) = match compiles.waited(place, held, span) {
            Waited::Partly(thread, waited) if !span.is_empty() => (thread, waited),
            Waited::Nobody => {
                row.beside = !span.is_empty();
                (row.step, row.phase, row.bucket) = (None, Phase::Unknown, None);
                continue;
            }
            _ => continue,
        };
        let longest = waited
            .iter()
            .max_by_key(|w| (w.len_ns(), std::cmp::Reverse(w.start)));
        let step = longest.and_then(|w| finder.at(thread.map_or(held, HeldUp::Thread), w.start));
        let pass = step.and_then(|i| vocabulary.passes.get(i as usize));
        row.step = step;
        row.phase = pass.map_or(Phase::Unknown, |p| p.phase);
        row.bucket = pass.and_then(|p| p.bucket);
        row.waited_ns = Some(stats::sum(waited.iter().map(|w| w.len_ns())));
        row.waited = waited;
    }
}

fn row(index: &Index, vocabulary: &Vocabulary, finder: &StepFinder<'_>, mark: &CompileMark) -> Recompile {
    let region = mark.region.map(|id| index.slices.span(id));
    let held = held_up(index, vocabulary, Some(mark.slice), mark.evidence);
    let step = finder.at(held, region.unwrap_or(mark.span).start);
    let pass = step.and_then(|i| vocabulary.passes.get(i as usize));
    Recompile {
        evidence: mark.evidence,
        name: mark.name.clone(),
        start_ns: mark.span.start,
        // A mark without length says that it was compiled, not how long that took.
        dur_ns: (!mark.span.is_empty()).then(|| mark.span.len_ns()),
        start_is_exact: mark.start_is_exact,
        step,
        phase: pass.map_or(Phase::Unknown, |p| p.phase),
        bucket: pass.and_then(|p| p.bucket),
        period: mark.period,
        region: mark.region.map(|id| index.name_of(id).to_owned()),
        region_start_ns: region.map(|r| r.start),
        region_end_ns: region.map(|r| r.end),
        also: None,
        slice: Some(mark.slice.0),
        beside: false,
        waited_ns: None,
        waited: Vec::new(),
        r#use: CompileUse::Unknown,
        dynamo: vocabulary
            .dynamo
            .as_ref()
            .and_then(|d| d.compiles.get(&mark.slice).cloned()),
    }
}

/// Rows of the compiles that the engine recorded, joined with the compiler's own events in the same region;
/// and which of `others` they used up.
fn match_levels(
    index: &Index,
    vocabulary: &Vocabulary,
    finder: &StepFinder<'_>,
    recorded: &[&CompileMark],
    others: &[&CompileMark],
) -> (Vec<Recompile>, FxHashSet<usize>) {
    let mut by_region: FxHashMap<Option<SliceId>, Vec<usize>> = FxHashMap::default();
    for (i, mark) in others.iter().enumerate() {
        if mark.evidence == Evidence::Synapse && mark.region.is_some() {
            by_region.entry(mark.region).or_default().push(i);
        }
    }
    let mut rows: Vec<Recompile> = recorded
        .iter()
        .map(|mark| row(index, vocabulary, finder, mark))
        .collect();
    let mut used = FxHashSet::default();
    let mut regions: FxHashMap<SliceId, Vec<usize>> = FxHashMap::default();
    for (i, mark) in recorded.iter().enumerate() {
        if let Some(region) = mark.region {
            regions.entry(region).or_default().push(i);
        }
    }
    for (region, mine) in regions {
        let theirs = by_region.get(&Some(region)).cloned().unwrap_or_default();
        let mut free: Vec<usize> = theirs.iter().copied().filter(|i| !used.contains(i)).collect();
        for &i in &mine {
            let dur = recorded[i].span.len_ns();
            let Some(at) = free
                .iter()
                .position(|&o| about_equal(others[o].span.len_ns(), dur))
            else {
                continue;
            };
            let other = free.remove(at);
            used.insert(other);
            rows[i].start_ns = others[other].span.start;
            rows[i].dur_ns = Some(others[other].span.len_ns());
            rows[i].start_is_exact = true;
            rows[i].also = Some(Evidence::Synapse);
        }
        let unmatched = |i: &usize| rows[*i].also.is_none();
        let mine_ns = stats::sum(
            mine.iter()
                .filter(|i| unmatched(i))
                .map(|&i| recorded[i].span.len_ns()),
        );
        let theirs_ns = stats::sum(free.iter().map(|&o| others[o].span.len_ns()));
        if mine_ns > 0 && about_equal(mine_ns, theirs_ns) {
            // The same compiles, cut differently: which is which is unknown, so times stay as recorded.
            used.extend(free);
            for &i in &mine {
                rows[i].also = Some(Evidence::Synapse);
            }
        }
    }
    (rows, used)
}

/// What a compiler below records within a compile of torch.compile is a part of that: its seconds are charged once.
fn join_nested(rows: &mut Vec<Recompile>) {
    let is_of = |r: &Recompile, evidence: &[Evidence]| evidence.contains(&r.evidence) && r.start_is_exact;
    let mut outer: Vec<(Span, Option<u32>, usize)> = (0..rows.len())
        .filter(|&i| is_of(&rows[i], &[Evidence::Dynamo]) && rows[i].known_ns() > 0)
        .map(|i| (rows[i].span(), rows[i].step, i))
        .collect();
    order::sort_by_key(&mut outer, |o| *o);
    if outer.is_empty() {
        return;
    }
    let mut is_inner = vec![false; rows.len()];
    for i in 0..rows.len() {
        if !is_of(&rows[i], &[Evidence::Recipe, Evidence::Synapse]) {
            continue;
        }
        let own = rows[i].span();
        let before = outer.partition_point(|o| o.0.start <= own.start);
        // Other threads may compile at the same time.
        let mut around = outer[..before].iter().rev().take(8);
        if let Some(&(.., o)) = around.find(|o| own.end <= o.0.end && o.1 == rows[i].step) {
            rows[o].also = Some(rows[i].evidence);
            is_inner[i] = true;
        }
    }
    let mut is_inner = is_inner.into_iter();
    rows.retain(|_| !is_inner.next().unwrap_or(false));
}

/// Within 1 %.
fn about_equal(a: i64, b: i64) -> bool {
    a.abs_diff(b) <= a.max(b).unsigned_abs() / 100
}

/// Steps that look like a compile where nothing is recorded: several times longer than others of their bucket or size
/// while no compute engine ran for most of that time, nothing recorded says what else the host did, and launches do not
/// show that what they hand over is compiled; or the first of a bucket that warm-up had left out, unless it took about
/// as long as those after it.
fn suspected(index: &Index, vocabulary: &Vocabulary) -> Vec<Recompile> {
    let mut durations: FxHashMap<LikeSize, Vec<i64>> = FxHashMap::default();
    for pass in &vocabulary.passes {
        if pass.period != Period::Warmup {
            durations
                .entry(LikeSize::of_pass(pass))
                .or_default()
                .push(pass.span.len_ns());
        }
    }
    for list in durations.values_mut() {
        order::sort(list);
    }
    let median_of = |pass: &Pass, least: usize| {
        let list = durations.get(&LikeSize::of_pass(pass))?;
        (list.len() >= least)
            .then(|| stats::quantile(list, 0.5))
            .flatten()
    };
    let median = |pass: &Pass| median_of(pass, LEAST_LIKE);
    let process = |pass: &Pass| index.track(index.track_of(pass.slice)).pid;
    let passes = vocabulary.passes.iter().filter(|p| p.period == Period::Warmup);
    let passes = passes.filter_map(|p| Some((process(p), p.phase, p.bucket?)));
    let forwards = vocabulary.warmup_forwards.iter().copied();
    let warmed: FxHashSet<(Key, Phase, Bucket)> = passes.chain(forwards).collect();
    let warmed_up: FxHashSet<Key> = warmed.iter().map(|of| of.0).collect();
    // Where launches hand over what is compiled already, a pause of the host may be anything: a slow step says so.
    let may_compile = !hands_over_compiled(vocabulary);
    let is_long = |pass: &Pass| {
        may_compile
            && median(pass).is_some_and(|m| {
                let limit = m.saturating_mul(5).max(m.saturating_add(50_000_000));
                pass.span.len_ns() > limit
            })
    };
    let candidates: Vec<usize> = (0..vocabulary.passes.len())
        .filter(|&i| {
            let pass = &vocabulary.passes[i];
            matches!(pass.period, Period::Serving | Period::Unknown) && is_long(pass)
        })
        .collect();
    let busy = if candidates.is_empty() {
        None
    } else {
        device_busy(index, vocabulary)
    };
    let mut found = Vec::new();
    for i in candidates {
        let pass = &vocabulary.passes[i];
        let Some(busy) = &busy else { break };
        let idle = pass.span.len_ns() - busy.covered_ns(pass.span);
        let cost = pass.span.len_ns() - median(pass).unwrap_or(0);
        // 80 %
        if idle > pass.span.len_ns() / 5 * 4 && explained_ns(index, vocabulary, pass.span) * 2 < cost {
            let why = match pass.bucket {
                Some(_) => "step far longer than its bucket, device idle",
                None => "step far longer than others of its phase and size, device idle",
            };
            found.push(suspicion(pass, i, cost, why));
        }
    }
    if vocabulary.has_warmup {
        let mut seen = warmed;
        for (i, pass) in vocabulary.passes.iter().enumerate() {
            let (Period::Serving, Some(bucket)) = (pass.period, pass.bucket) else {
                continue;
            };
            let is_first =
                warmed_up.contains(&process(pass)) && seen.insert((process(pass), pass.phase, bucket));
            // Its graph was there: compiling one takes many times as long as running it.
            let is_like_others = median_of(pass, 3).is_some_and(|m| pass.span.len_ns() < m.saturating_mul(2));
            let is_found = found.iter().any(|f| f.step == u32::try_from(i).ok());
            if is_first && !is_like_others && !is_found {
                let cost = pass.span.len_ns() - median(pass).unwrap_or(0);
                found.push(suspicion(
                    pass,
                    i,
                    cost.max(0),
                    "first step of a bucket that warm-up did not run",
                ));
            }
        }
    }
    found
}

/// The time of `span` of which it is recorded what the threads that run the model did, and that this was no
/// submission: python, operators, runtime calls, waits, the preparation of inputs, sampling.
fn explained_ns(index: &Index, vocabulary: &Vocabulary, span: Span) -> i64 {
    let named = &vocabulary.main_threads;
    let thread = |track: TrackId| thread_of(index, track);
    let main: FxHashSet<_> = named.iter().map(|&track| thread(track)).collect();
    let (mut explains, mut submits) = (Vec::new(), Vec::new());
    for track in index.track_ids() {
        let is_main = named.is_empty() || main.contains(&thread(track));
        for id in open_in(index, track, span) {
            let own = || index.slices.span(id).intersect(span);
            match vocabulary.role(id) {
                Role::Submit => submits.push(own()),
                Role::Launch if !hands_over_compiled(vocabulary) => submits.push(own()),
                Role::Launch
                | Role::PythonFrame
                | Role::HostOp
                | Role::HostOther
                | Role::Wait
                | Role::Collective
                | Role::Prepare
                | Role::Encoder
                | Role::Sample
                | Role::Post
                    if is_main =>
                {
                    explains.push(own());
                }
                _ => {}
            }
        }
    }
    Union::of(explains).without(&Union::of(submits)).total_ns()
}

/// When any work of any device ran; `None` without device events.
fn device_busy(index: &Index, vocabulary: &Vocabulary) -> Option<Union> {
    if vocabulary.devices.is_empty() {
        return None;
    }
    let tracks: Vec<_> = vocabulary
        .devices
        .iter()
        .flat_map(|d| &d.tracks)
        .copied()
        .collect();
    let mut busy = Growing::default();
    merge_tracks(index, &tracks, |_, id| {
        if vocabulary.role(id).is_device() {
            busy.add(vocabulary.span(index, id));
        }
    });
    Some(busy.union())
}

/// The step of a suspected one.
fn span_of_step(row: &Recompile) -> Span {
    Span::new(
        row.region_start_ns.unwrap_or(row.start_ns),
        row.region_end_ns.unwrap_or(row.span().end),
    )
}

/// Calls that hand over graphs and take hundreds of ms where others of the same name take far less, in steps of the
/// same phase if they lie in steps: they look as if a graph was compiled in them. While the device works, a call rather
/// waits for room in its queue. Where each launch is linked to its work, a launch hands over what is compiled already.
fn slow_submissions(index: &Index, vocabulary: &Vocabulary) -> Vec<SliceId> {
    let is_linked = hands_over_compiled(vocabulary);
    let counts = |role: Role| role == Role::Submit || (role == Role::Launch && !is_linked);
    let calls = || index.slices.ids().filter(|&id| counts(vocabulary.role(id)));
    let span = |id: SliceId| index.slices.span(id);
    let mut slow: Vec<SliceId> = calls()
        .filter(|&id| span(id).len_ns() >= SLOW_SUBMIT_NS)
        .collect();
    if slow.is_empty() {
        return slow;
    }
    let phase = |id: SliceId| {
        let passes = &vocabulary.passes;
        let before = passes.partition_point(|p| p.span.start <= span(id).start);
        let last = before.checked_sub(1).map(|i| &passes[i]);
        last.filter(|p| span(id).start < p.span.end).map(|p| p.phase)
    };
    let names: FxHashSet<NameId> = slow.iter().map(|&id| index.slices.name(id)).collect();
    let mut lengths: FxHashMap<(NameId, Option<Phase>), Vec<i64>> = FxHashMap::default();
    for id in calls().filter(|&id| names.contains(&index.slices.name(id))) {
        let name = index.slices.name(id);
        let len_ns = span(id).len_ns();
        lengths.entry((name, None)).or_default().push(len_ns);
        if let Some(phase) = phase(id) {
            lengths.entry((name, Some(phase))).or_default().push(len_ns);
        }
    }
    let medians: FxHashMap<(NameId, Option<Phase>), i64> = lengths
        .into_iter()
        .filter(|(_, list)| list.len() >= LEAST_LIKE)
        .filter_map(|(of, mut list)| Some((of, stats::quantile_of(&mut list, 0.5)?)))
        .collect();
    let busy = device_busy(index, vocabulary);
    slow.retain(|&id| {
        let len_ns = span(id).len_ns();
        let is_idle = |busy: &Union| busy.covered_ns(span(id)) < len_ns / 5;
        let median = medians.get(&(index.slices.name(id), phase(id)));
        median.is_some_and(|m| len_ns >= m.saturating_mul(SLOW_MEDIANS)) && busy.as_ref().is_none_or(is_idle)
    });
    order::sort_by_key(&mut slow, |&id| {
        (span(id).start, std::cmp::Reverse(span(id).end), id)
    });
    // A call within a slow one is a part of it: of its process, or, as the driver records launches on tracks of its
    // own, the launch of what another process submits.
    let mut ends: FxHashMap<Key, i64> = FxHashMap::default();
    let mut submitted = i64::MIN;
    slow.retain(|&id| {
        let end = span(id).end;
        let last = ends
            .entry(index.track(index.track_of(id)).pid)
            .or_insert(i64::MIN);
        let is_launch = vocabulary.role(id) == Role::Launch;
        let is_inner = end <= *last || (is_launch && end <= submitted);
        *last = (*last).max(end);
        if !is_launch {
            submitted = submitted.max(end);
        }
        !is_inner
    });
    slow
}

fn slow_submission(
    index: &Index,
    vocabulary: &Vocabulary,
    finder: &StepFinder<'_>,
    call: SliceId,
) -> Recompile {
    let mark = CompileMark {
        slice: call,
        evidence: Evidence::Suspected,
        name: index.name_of(call).to_owned(),
        span: index.slices.span(call),
        start_is_exact: true,
        region: Some(call),
        period: Period::Unknown,
        eager: false,
    };
    let of = row(index, vocabulary, finder, &mark);
    // Between steps the one before says whether the engine serves.
    let before = vocabulary
        .passes
        .partition_point(|p| p.span.start <= mark.span.start);
    let step = of.step.map_or(before.saturating_sub(1), |step| step as usize);
    Recompile {
        period: vocabulary.passes.get(step).map_or(Period::Unknown, |p| p.period),
        ..of
    }
}

fn suspicion(pass: &Pass, step: usize, cost_ns: i64, why: &str) -> Recompile {
    Recompile {
        evidence: Evidence::Suspected,
        name: why.to_owned(),
        start_ns: pass.span.start,
        dur_ns: Some(cost_ns),
        start_is_exact: false,
        step: u32::try_from(step).ok(),
        phase: pass.phase,
        bucket: pass.bucket,
        period: pass.period,
        region: None,
        region_start_ns: Some(pass.span.start),
        region_end_ns: Some(pass.span.end),
        also: None,
        slice: Some(pass.slice.0),
        beside: false,
        waited_ns: None,
        waited: Vec::new(),
        r#use: CompileUse::Unknown,
        dynamo: None,
    }
}
