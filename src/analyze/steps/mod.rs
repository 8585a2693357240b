//! What each step is made of: host time by part, device time by engine, and groups of like steps.

pub mod breakdown;
pub mod bucket_padding;
pub mod differences;
pub mod filter;
pub mod like;
mod step_device_work;
pub mod times;
pub mod verdict;

pub use step_device_work::{MatchedRuns, given_by_time, links_of_runs};

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::base::{Span, TrackId, Union, order, stats};
use crate::dialect::{Evidence, Part, Pass, Period, Phase, Vocabulary};
use crate::index::trace_columns::Index;

use crate::analyze::gaps::activity::held_up_spans;
use crate::analyze::gaps::held_up::{Compiles, ThreadCompiles};
use crate::analyze::gaps::innermost::thread_of;
use crate::analyze::gaps::requests::engine_rows;
use crate::analyze::report::{Basis, Bucket, Parts, Recompile, Step, StepGroup, StepTime, Sure};

/// One row a pass, in order of start.
///
/// A step's duration is that of the slice that marks it. Input preparation and what follows sampling may stand
/// outside that slice (vLLM V1 on Gaudi); their time is in the parts and not in the duration.
pub fn steps(
    index: &Index,
    vocabulary: &Vocabulary,
    recompiles: &[Recompile],
    compiles: &Compiles,
    runs: Option<&MatchedRuns>,
) -> Vec<Step> {
    let mut by_step: Vec<&Recompile> = recompiles
        .iter()
        .filter(|r| r.step.is_some() && r.evidence != Evidence::Suspected)
        .collect();
    order::sort_by_key(&mut by_step, |r| r.step);
    // Whether a step without a marker compiled nothing is known only where compiles are recorded at all.
    let compiles_known = recompiles.iter().any(|r| r.evidence != Evidence::Suspected);
    let mut devices = step_device_work::step_devices(index, vocabulary, runs);
    let gaps = gaps_before(index, vocabulary);
    let spans = times::host_spans(vocabulary);
    let mut held_up: Vec<u32> = recompiles.iter().filter_map(|r| r.step).collect();
    order::sort(&mut held_up);
    let mut compiles_of: FxHashMap<TrackId, ThreadCompiles> = FxHashMap::default();
    let mut is_held_up = |pass: &Pass, span: Span| {
        let track = index.track_of(pass.slice);
        let rank = vocabulary.ranks.of(index, track);
        let of = || compiles.of_thread(thread_of(index, track), rank);
        compiles_of.entry(track).or_insert_with(of).hold_up(span)
    };
    vocabulary
        .passes
        .iter()
        .enumerate()
        .map(|(i, pass)| {
            let row = u32::try_from(i).unwrap_or(u32::MAX);
            let from = by_step.partition_point(|r| r.step < Some(row));
            let to = by_step.partition_point(|r| r.step <= Some(row));
            let rank = vocabulary.ranks.of(index, index.track_of(pass.slice));
            Step {
                index: row,
                engine_step: pass.engine_step,
                phase: pass.phase,
                period: pass.period,
                start_ns: pass.span.start,
                dur_ns: pass.span.len_ns(),
                gap_before_ns: gaps.get(i).copied().flatten(),
                interval_ns: None,
                host_ns: spans[i].len_ns(),
                host_start_ns: spans[i].start,
                call_ns: pass.span.len_ns(),
                step_ns: None,
                compiled: is_held_up(pass, spans[i]) || held_up.binary_search(&row).is_ok(),
                sure: if pass.is_marked {
                    Sure::Recorded
                } else {
                    Sure::Derived
                },
                bucket: pass.bucket,
                batch: pass.batch,
                tokens: pass.tokens,
                context_requests: pass.context_requests,
                context_tokens: pass.context_tokens,
                generation_requests: pass.generation_requests,
                generation_tokens: pass.generation_tokens,
                context_kv_tokens: pass.context_kv_tokens,
                generation_kv_tokens: pass.generation_kv_tokens,
                graphs: pass.graphs,
                parts: parts(index, vocabulary, i, &by_step[from..to], compiles_known),
                device: devices.get_mut(i).and_then(Option::take),
                rank,
                rank_label: vocabulary.ranks.label(rank),
                slice: pass.slice.0,
            }
        })
        .collect()
}

/// From the end of the engine step before, in the same period, to the start of this one; for its first pass
/// only. 0 where they overlap.
fn gaps_before(index: &Index, vocabulary: &Vocabulary) -> Vec<Option<i64>> {
    let mut gaps = vec![None; vocabulary.passes.len()];
    let mut of_engine = Vec::new();
    let mut engine_of = vec![0; vocabulary.engine_steps.len()];
    for engine in engine_rows(index, vocabulary) {
        for row in engine.rows {
            engine_of[row] = of_engine.len();
        }
        of_engine.push(None::<(Period, i64)>);
    }
    for (step, engine) in vocabulary.engine_steps.iter().zip(engine_of) {
        let before = &mut of_engine[engine];
        let gap = before
            .filter(|&(period, _)| period == step.period)
            .map(|(_, end)| (step.span.start - end).max(0));
        if let Some(slot) = gaps.get_mut(step.passes.start as usize) {
            *slot = gap;
        }
        let end = match *before {
            Some((period, end)) if period == step.period => end.max(step.span.end),
            _ => step.span.end,
        };
        *before = Some((step.period, end));
    }
    gaps
}

/// Host time by part; all parts add up to it. Compiles are taken out of the part in which they lie, and never for more
/// than it lasts: parallel compiles may together cost more than passed on the clock.
fn parts(
    index: &Index,
    vocabulary: &Vocabulary,
    row: usize,
    compiles: &[&Recompile],
    compiles_known: bool,
) -> Parts {
    let mut parts = Parts::default();
    let (Some(pass), Some(host)) = (vocabulary.passes.get(row), vocabulary.host_span(row)) else {
        return parts;
    };
    let recorded = pass.parts.iter().map(|&(part, id)| (part, index.slices.span(id)));
    let derived = pass.derived_parts.iter().copied();
    parts.derived = !pass.derived_parts.is_empty();
    let mut compile_ns = 0;
    let mut rest_ns = host.len_ns();
    let mut left: Vec<&Recompile> = compiles.to_vec();
    for (part, whole) in recorded.chain(derived) {
        let (mine, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|r| lies_in(r, whole));
        left = others;
        let span = whole.intersect(host);
        let len_ns = span.len_ns().min(rest_ns);
        let cost = cost_within(&mine, span).min(len_ns);
        compile_ns = i64::saturating_add(compile_ns, cost);
        rest_ns -= len_ns;
        let field = match part {
            Part::Schedule => &mut parts.schedule_ns,
            Part::Prepare => &mut parts.prepare_ns,
            Part::Forward => &mut parts.forward_ns,
            Part::Logits => &mut parts.logits_ns,
            Part::Sample => &mut parts.sample_ns,
            Part::Draft => &mut parts.draft_ns,
            Part::Wait => &mut parts.wait_ns,
            Part::Post => &mut parts.post_ns,
        };
        *field = Some(field.unwrap_or(0).saturating_add(len_ns - cost));
    }
    let cost = cost_within(&left, host).min(rest_ns);
    compile_ns = compile_ns.saturating_add(cost);
    parts.other_ns = Some(rest_ns - cost);
    let is_known = compiles_known && (compile_ns > 0 || compiles.iter().all(|r| r.dur_ns.is_some()));
    parts.compile_ns = is_known.then_some(compile_ns);
    parts
}

/// Whether a compile, or the region that recorded it, lies in a part. Regions and parts may be one slice.
fn lies_in(compile: &Recompile, part: Span) -> bool {
    if let Some((first, last)) = compile.waited.first().zip(compile.waited.last()) {
        return part.start <= first.start && last.end <= part.end;
    }
    let own = compile.span();
    let span = match (
        compile.start_is_exact,
        compile.region_start_ns,
        compile.region_end_ns,
    ) {
        (false, Some(start), Some(end)) => Span::new(start, end),
        _ => own,
    };
    part.start <= span.start && span.end <= part.end
}

/// What compiles cost of the time of `span`: the sum of those that the engine recorded, or, where that is more,
/// the time that exactly known ones cover; levels of evidence may see the same compile and are not added.
fn cost_within(compiles: &[&Recompile], span: Span) -> i64 {
    let recorded = stats::sum(
        compiles
            .iter()
            .filter(|r| r.evidence == Evidence::Recorded)
            .map(|r| r.waited_ns.unwrap_or(r.known_ns())),
    );
    let exact = compiles.iter().filter(|r| r.start_is_exact);
    let exact = Union::of(exact.flat_map(|r| held_up_spans(r)));
    recorded.max(exact.covered_ns(span)).min(span.len_ns())
}

/// Steps by phase, bucket and period, in that order, with exact percentiles. The four times leave out steps that
/// compiled and, of an asynchronous engine, the intervals of steps next to another phase.
pub fn step_groups(index: &Index, steps: &[Step], time: Option<&StepTime>) -> Vec<StepGroup> {
    step_groups_of(index, steps, time, &vec![true; steps.len()])
}

/// The same of the steps that `takes` says yes to; their neighbours are those of all steps.
pub fn step_groups_of(
    index: &Index,
    steps: &[Step],
    time: Option<&StepTime>,
    takes: &[bool],
) -> Vec<StepGroup> {
    let is_asynchronous = time.is_some_and(|time| time.asynchronous);
    let mixed = match is_asynchronous {
        true => times::is_next_to_another_phase(index, steps),
        false => vec![false; steps.len()],
    };
    type Group = (Period, Phase, Option<Bucket>);
    let mut groups: BTreeMap<Group, Vec<(&Step, bool)>> = BTreeMap::new();
    let taken = steps.iter().zip(mixed).zip(takes).filter(|(_, takes)| **takes);
    for ((step, mixed), _) in taken {
        groups
            .entry((step.period, step.phase, step.bucket))
            .or_default()
            .push((step, mixed));
    }
    let mut groups: Vec<StepGroup> = groups
        .into_iter()
        .map(|((period, phase, bucket), members)| StepGroup {
            phase,
            bucket,
            period,
            ..step_group(&members, bucket, time)
        })
        .collect();
    // What is served comes first; the rest in the order of a server's life.
    order::sort_by_key(&mut groups, |g| g.period != Period::Serving);
    groups
}

/// Of the steps of a group, and whether each stands next to another phase.
fn step_group(members: &[(&Step, bool)], bucket: Option<Bucket>, time: Option<&StepTime>) -> StepGroup {
    let calls = times::durations(members.iter().map(|(s, _)| s.dur_ns));
    let real: Option<u64> = members.iter().map(|(s, _)| s.batch.map(u64::from)).sum();
    let padded: Option<u64> = bucket.map(|b| u64::from(b.batch) * members.len() as u64);
    let both = real.zip(padded);
    // Device end to device end, no time is that of another step: better such ones than none.
    let from_device_ends = time.is_some_and(|time| time.from_device_ends);
    let counts_mixed = from_device_ends && members.iter().all(|(s, mixed)| *mixed || s.compiled);
    let (compiled, rest): (Vec<_>, Vec<_>) = members.iter().partition(|(s, _)| s.compiled);
    let is_interval = time.is_some_and(|time| time.basis == Basis::Interval);
    // Of an asynchronous engine the interval may be that from device end to device end, which is the step time.
    let interval = |s: &Step| if is_interval { s.step_ns } else { s.interval_ns };
    let of = |what: fn(&Step) -> Option<i64>| times::durations(rest.iter().filter_map(|(s, _)| what(s)));
    let host = of(|s| Some(s.host_ns));
    // From device end to device end, a step that compiled lost what the device's queue did not hide.
    let own = |s: &Step| match from_device_ends {
        true => s.step_ns,
        false => Some(s.host_ns),
    };
    let median = times::durations(rest.iter().filter_map(|(s, _)| own(s))).p50_ns;
    let extra = |median: i64| {
        let known = compiled.iter().filter_map(|(s, _)| own(s));
        stats::sum(known.map(|ns| ns.saturating_sub(median)))
    };
    StepGroup {
        count: members.len() as u64,
        total_ns: stats::sum(members.iter().map(|(s, _)| s.dur_ns)),
        p50_ns: calls.p50_ns.unwrap_or(0),
        p90_ns: calls.p90_ns.unwrap_or(0),
        p99_ns: calls.p99_ns.unwrap_or(0),
        max_ns: calls.max_ns.unwrap_or(0),
        real_batch: both.map(|(real, _)| real),
        padded_batch: both.map(|(_, padded)| padded),
        interval: times::durations(
            rest.iter()
                .filter(|(_, mixed)| counts_mixed || !mixed)
                .filter_map(|(s, _)| interval(s)),
        ),
        host,
        call: of(|s| Some(s.call_ns)),
        device: of(times::device_span_ns),
        compiled_count: compiled.len() as u64,
        compiled_extra_ns: median.filter(|_| !compiled.is_empty()).map(extra),
        ..StepGroup::default()
    }
}
