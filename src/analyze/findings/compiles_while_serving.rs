//! Whether graphs were compiled while serving: they were; some were, and the trace does not say when; none was. Three
//! answers to one question, of which a trace gets one at most.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::compiled::{
    LEVELS, compile_ns, compile_ns_within, compiled, cost_says, known_says, n_costed, run_ns,
};
use super::shared::{N_EVIDENCE, fact, finding, listed, reaches, serving, serving_ns, were};
use super::{Facts, Rule};
use crate::analyze::gaps::activity::compile_span;
use crate::analyze::gaps::gap_words::step_label;
use crate::analyze::report::{
    CompileUse, Evidence, Finding, FindingEvidence, Level, Period, Phase, Recompile, Step, Sure, TraceReport,
};
use crate::base::{Span, Union, order, show};
use crate::dialect::RecordingKind;

pub(super) const RULE: Rule = Rule {
    ids: &[
        "compiles-while-serving",
        "compiles-in-unknown-period",
        "no-compiles-while-serving",
    ],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    // Captures are what such a recording is of, and it serves nothing.
    if facts.vocabulary.recording == Some(RecordingKind::GraphCapture) {
        return None;
    }
    let of_level = |level, beside| {
        let mut compiles = compiled(report, level, Period::Serving);
        compiles.retain(|r| r.beside == beside);
        (level, compiles)
    };
    let all_levels = |beside| {
        let levels = LEVELS.map(|level| of_level(level, beside)).into_iter();
        let mut found: Vec<_> = levels.filter(|(_, compiles)| !compiles.is_empty()).collect();
        add_recipes(&mut found);
        found
    };
    let (mut found, beside) = (all_levels(false), all_levels(true));
    let captures = separate_captures(&mut found);
    let beside = beside.split_first();
    let Some(((level, strongest), weaker)) = found.split_first() else {
        let beside = beside.map(|(strongest, weaker)| compiles_beside(report, strongest, weaker));
        return beside
            .or_else(|| compiles_not_recorded(facts))
            .or_else(|| compiles_in_unknown_period(report))
            .or_else(|| no_compiles(report));
    };
    let all: Vec<&Recompile> = strongest.iter().chain(&captures).copied().collect();
    let compiles = &all;
    let has_steps = serving(report).next().is_some();
    let cost = compile_ns(compiles);
    let when = if has_steps {
        "while serving"
    } else {
        "in this recording"
    };
    let mut says = match captures.len() {
        0 => format!("{} {when}.", was_compiled(*level, strongest)),
        _ => format!(
            "{} and {} {when}.",
            was_compiled(*level, strongest),
            was_compiled(Evidence::GraphCapture, &captures)
        ),
    };
    let costed = n_costed(compiles);
    let known = known_says(compiles);
    let for_cost = match (&known, serving_ns(report)) {
        (Some(known), Some(total)) => {
            let within = compile_ns_within(compiles, served(report));
            format!("{known} ({} of serving time)", show::percent(within, total))
        }
        _ => known.unwrap_or_default(),
    };
    let steps = distinct_steps(compiles);
    let they = if compiles.len() == 1 { "It" } else { "They" };
    let is_hidden = cost == 0 && run_ns(compiles) > 0;
    says += &match (steps, costed) {
        _ if is_hidden => format!(
            " {they} took {} on the host while the device had work queued: no step was delayed.",
            show::duration(run_ns(compiles))
        ),
        (0, 0) => " The cost is not recorded.".to_owned(),
        (0, _) => format!(" {they} took {for_cost}."),
        (_, 0) => format!(
            " {they} delayed {}; cost not recorded.",
            show::counted(steps, "step")
        ),
        _ => format!(" {they} delayed {} for {for_cost}.", show::counted(steps, "step")),
    };
    let run_ns = run_ns(compiles);
    if run_ns > cost && !is_hidden {
        says += &format!(
            " Compiling took {} in all; steps did not wait for all of it.",
            show::duration(run_ns)
        );
    }
    if (1..compiles.len()).contains(&costed) {
        says += &format!(" {costed} of {} compiles have a recorded cost.", compiles.len());
    }
    let uses = by_use(compiles);
    if has_steps {
        says += &format!(
            " {}",
            match is_at_limit(report, compiles) {
                true => AT_LIMIT.to_owned(),
                false => uses_say(&uses, compiles.len() == 1),
            }
        );
    }
    let mut evidence = at_compiles(report, compiles);
    evidence.extend(
        weaker
            .iter()
            .map(|(level, compiles)| at_another_level(*level, compiles, "")),
    );
    if let Some(((level, compiles), weaker)) = beside {
        says += &format!(" {}", beside_says(*level, compiles));
        evidence.extend(weaker_beside(weaker));
    }
    let not_recorded = &facts.vocabulary.compiles_not_recorded;
    if !not_recorded.is_empty() {
        says += &format!(
            " The counter of compiles counted {} more that {} not recorded.",
            show::count(not_recorded.len() as u64),
            if not_recorded.len() == 1 { "is" } else { "are" }
        );
    }
    evidence.extend(outside_serving(report));
    let is_share = |total| reaches(cost, 1, total);
    let is_costly = costed > 0 && cost > 0 && (serving_ns(report).is_none_or(is_share) || cost >= 50_000_000);
    let level = if is_costly && has_steps {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: (costed > 0 && !is_hidden).then_some(cost),
        evidence,
        advice: if has_steps && is_at_limit(report, compiles) {
            FRAME_AGAIN.to_owned()
        } else if has_steps {
            compile_advice(&uses, compiles)
        } else {
            String::new()
        },
        ..finding(
            "compiles-while-serving",
            level,
            Sure::Recorded,
            "recompiles",
            says,
        )
    })
}

/// Captures of device graphs that share no time with a compile of the strongest level are no marks of the same
/// compiles: they are counted beside these, and their time with theirs. Takes them out of the weaker levels.
fn separate_captures<'r>(found: &mut Vec<(Evidence, Vec<&'r Recompile>)>) -> Vec<&'r Recompile> {
    let Some(at) = found
        .iter()
        .skip(1)
        .position(|(level, _)| *level == Evidence::GraphCapture)
    else {
        return Vec::new();
    };
    let strongest = Union::of(found[0].1.iter().map(|r| compile_span(r)));
    let captures = std::mem::take(&mut found[at + 1].1);
    let is_separate = |r: &&Recompile| strongest.covered_ns(compile_span(r)) == 0;
    let (separate, same): (Vec<_>, Vec<_>) = captures.into_iter().partition(is_separate);
    match same.is_empty() {
        true => drop(found.remove(at + 1)),
        false => found[at + 1].1 = same,
    }
    separate
}

/// When steps were served, from the first start on; `None` where that is known of none.
fn served(report: &TraceReport) -> Option<Span> {
    let host = |s: &Step| Span::new(s.host_start_ns, s.host_start_ns.saturating_add(s.host_ns));
    let steps = Union::of(serving(report).map(host)).extent()?;
    let budget = steps.start.saturating_add(serving_ns(report).unwrap_or(0));
    Some(Span::new(steps.start, steps.end.max(budget)))
}

/// Compiles that the engine counted while serving, where none is recorded.
fn compiles_not_recorded(facts: &Facts<'_>) -> Option<Finding> {
    let at = &facts.vocabulary.compiles_not_recorded;
    let n = at.len();
    if n == 0 {
        return None;
    }
    let says = format!(
        "{} compiled while serving that {} not recorded: the engine's counter of compiles counted {}.",
        were(n, "graph"),
        if n == 1 { "is" } else { "are" },
        if n == 1 { "it" } else { "them" },
    );
    let evidence = at.iter().take(N_EVIDENCE).map(|&at| FindingEvidence {
        start_ns: Some(at),
        end_ns: Some(at),
        ..fact("Counted here; no compile is recorded.".to_owned())
    });
    Some(Finding {
        evidence: evidence.collect(),
        advice: "Parts of the file are missing: record again to see what was compiled and what it cost."
            .into(),
        ..finding(
            "compiles-while-serving",
            Level::Hint,
            Sure::Recorded,
            "recompiles",
            says,
        )
    })
}

/// Compiles before or after all steps that were served.
fn outside_serving(report: &TraceReport) -> Option<FindingEvidence> {
    let served = served(report)?;
    let is_outside = |r: &&Recompile| r.period == Period::Unknown && place_outside(&[r], served).is_some();
    let of_level = |level| (level, compiled(report, level, Period::Unknown));
    let mut levels = LEVELS.map(of_level).into_iter();
    let (level, compiles) = levels.find(|(_, compiles)| compiles.iter().any(&is_outside))?;
    let compiles: Vec<&Recompile> = compiles.into_iter().filter(|r| is_outside(r)).collect();
    let cost = cost_says(&compiles).unwrap_or_else(|| "cost not recorded".to_owned());
    Some(fact(format!(
        "Before or after the recorded steps, not counted here: {}, {cost}.",
        was_compiled(level, &compiles)
    )))
}

/// Whether compiles lie before the first step that was served, after the last, or some here and some there.
fn place_outside(compiles: &[&Recompile], served: Span) -> Option<&'static str> {
    let before = |r: &&Recompile| compile_span(r).end <= served.start;
    let after = |r: &&Recompile| compile_span(r).start >= served.end;
    match (compiles.iter().all(before), compiles.iter().all(after)) {
        (true, _) => Some("before the first recorded step"),
        (_, true) => Some("after the last recorded step"),
        _ if compiles.iter().all(|r| before(r) || after(r)) => {
            Some("before the first or after the last recorded step")
        }
        _ => None,
    }
}

/// Compiles of a level of evidence that is weaker than the one that is spoken of.
fn at_another_level(level: Evidence, compiles: &[&Recompile], place: &str) -> FindingEvidence {
    let ns = cost_says(compiles).unwrap_or_else(|| "cost not recorded".to_owned());
    fact(format!(
        "Recorded at another level, not added: {}{place}, {ns}.",
        was_compiled(level, compiles)
    ))
}

const BESIDE: &str = " on other threads while serving went on";

fn weaker_beside(weaker: &[(Evidence, Vec<&Recompile>)]) -> impl Iterator<Item = FindingEvidence> {
    weaker
        .iter()
        .map(|(level, compiles)| at_another_level(*level, compiles, BESIDE))
}

/// `"2 graphs were compiled beside the serving, for 300 ms; nothing waited for them."`
fn beside_says(level: Evidence, compiles: &[&Recompile]) -> String {
    let for_cost = known_says(compiles).map_or(String::new(), |known| format!(", for {known}"));
    let them = if compiles.len() == 1 { "it" } else { "them" };
    format!(
        "{} beside the serving{for_cost}; nothing waited for {them}.",
        was_compiled(level, compiles)
    )
}

/// Compiles for which nothing waited, where there are no others.
fn compiles_beside(
    report: &TraceReport,
    (level, compiles): &(Evidence, Vec<&Recompile>),
    weaker: &[(Evidence, Vec<&Recompile>)],
) -> Finding {
    let mut evidence = at_compiles(report, compiles);
    evidence.extend(weaker_beside(weaker));
    Finding {
        evidence,
        ..finding(
            "compiles-while-serving",
            Level::Hint,
            Sure::Derived,
            "recompiles",
            beside_says(*level, compiles),
        )
    }
}

/// A recipe that was stored within a compile of torch.compile is in that; the others are compiles beside it.
fn add_recipes(found: &mut Vec<(Evidence, Vec<&Recompile>)>) {
    let at = |found: &[(Evidence, Vec<&Recompile>)], level| found.iter().position(|&(of, _)| of == level);
    if at(found, Evidence::Recipe).is_some()
        && let Some(dynamo) = at(found, Evidence::Dynamo)
    {
        let (_, compiles) = found.remove(dynamo);
        if let Some(recipes) = at(found, Evidence::Recipe) {
            found[recipes].1.extend(compiles);
            found[recipes]
                .1
                .sort_by_key(|r| (std::cmp::Reverse(r.dur_ns), r.start_ns));
        }
    }
}

/// Compiles of which the trace does not say whether they belong to warm-up or to serving.
fn compiles_in_unknown_period(report: &TraceReport) -> Option<Finding> {
    let (level, compiles) = LEVELS
        .map(|level| (level, compiled(report, level, Period::Unknown)))
        .into_iter()
        .find(|(_, compiles)| !compiles.is_empty())?;
    let cost = compile_ns(&compiles);
    let for_cost = match cost_says(&compiles) {
        Some(cost) => format!(", for {cost}"),
        None => " (cost not recorded)".to_owned(),
    };
    let was = was_compiled(level, &compiles);
    let outside = served(report).and_then(|served| place_outside(&compiles, served));
    let (says, advice) = match outside {
        Some(place) => (
            format!("{was} {place}{for_cost}: whether requests waited meanwhile is not recorded."),
            "Record from before the warm-up to the end of serving to know.",
        ),
        None => (
            format!("{was}{for_cost}; the trace does not say whether during warm-up or while serving."),
            "Open the trace of the rank that drives the engine: it says which steps are warm-up.",
        ),
    };
    Some(Finding {
        cost_ns: (n_costed(&compiles) > 0).then_some(cost),
        evidence: at_compiles(report, &compiles),
        advice: advice.into(),
        ..finding(
            "compiles-in-unknown-period",
            Level::Hint,
            Sure::Recorded,
            "recompiles",
            says,
        )
    })
}

/// A trace that shows a compile, was recorded with compile tracking, or shows torch.compile at work would show the
/// others. Of any other, that nothing is recorded proves nothing.
pub(super) fn would_show_compiles(report: &TraceReport) -> bool {
    report.synchronised_capture
        || report.dynamo.is_some()
        || report
            .recompiles
            .iter()
            .any(|r| r.evidence != Evidence::Suspected)
}

fn no_compiles(report: &TraceReport) -> Option<Finding> {
    // Steps of a training loop are not served.
    serving(report).find(|s| report.engine.is_some() || s.phase != Phase::Unknown)?;
    if !compiled(report, Evidence::Suspected, Period::Serving).is_empty() {
        return None;
    }
    would_show_compiles(report).then(|| {
        let says = "No graph was compiled while serving.".to_owned();
        finding(
            "no-compiles-while-serving",
            Level::Fine,
            Sure::Recorded,
            "recompiles",
            says,
        )
    })
}

fn at_compiles(report: &TraceReport, compiles: &[&Recompile]) -> Vec<FindingEvidence> {
    let most_costly = compiles.iter().take(N_EVIDENCE);
    most_costly.map(|r| at_compile(report, r)).collect()
}

/// `"prompt_1_128: 412 ms, in step 3 (prefill, bucket (1, 128, 2))"`.
fn at_compile(report: &TraceReport, recompile: &Recompile) -> FindingEvidence {
    let step = recompile
        .step
        .and_then(|i| report.steps.iter().find(|s| s.index == i));
    let place = match (step, &recompile.region) {
        (Some(step), _) => format!(", in {}", step_label(step)),
        (None, Some(region)) => format!(", in {region}"),
        (None, None) => String::new(),
    };
    let exact = if recompile.start_is_exact {
        ""
    } else {
        "; when it began within that is not recorded"
    };
    let span = compile_span(recompile);
    let in_part = recompile.waited_ns.filter(|&ns| ns < span.len_ns());
    let from_device_ends = report.step_time.as_ref().is_some_and(|t| t.from_device_ends);
    let waited = in_part.map_or(String::new(), |ns| match from_device_ends {
        true if ns == 0 => " on the host while the device worked".to_owned(),
        true => format!(", for {} of which the device was idle", show::duration(ns)),
        false => format!(", of which its step waited {}", show::duration(ns)),
    });
    FindingEvidence {
        says: format!(
            "{}: {}{waited}{place}{exact}",
            recompile.name,
            recompile.cost_says()
        ),
        start_ns: Some(
            recompile
                .region_start_ns
                .filter(|_| !recompile.start_is_exact)
                .unwrap_or(span.start),
        ),
        end_ns: Some(
            recompile
                .region_end_ns
                .filter(|_| !recompile.start_is_exact)
                .unwrap_or(span.end),
        ),
        step: recompile.step,
        slice: recompile.slice,
    }
}

/// How many were for which use, those that are any, in order of the declaration.
fn by_use(compiles: &[&Recompile]) -> Vec<(CompileUse, usize)> {
    let of = |of: CompileUse| compiles.iter().filter(|r| r.r#use == of).count();
    CompileUse::ALL
        .into_iter()
        .map(|use_| (use_, of(use_)))
        .filter(|&(_, n)| n > 0)
        .collect()
}

/// Which uses they were for, in one sentence.
fn uses_say(uses: &[(CompileUse, usize)], is_one: bool) -> String {
    if let [(only, _)] = uses {
        return match (only, is_one) {
            (CompileUse::First, true) => "Warm-up did not run its bucket.",
            (CompileUse::First, false) => "Warm-up did not run their buckets.",
            (CompileUse::Again, true) => "What it was for had run before: it was compiled again.",
            (CompileUse::Again, false) => "What they were for had run before: it was compiled again.",
            (CompileUse::Unknown, true) => "Whether warm-up had run what it was for is not recorded.",
            (CompileUse::Unknown, false) => "Whether warm-up had run what they were for is not recorded.",
        }
        .to_owned();
    }
    let parts: Vec<String> = uses
        .iter()
        .map(|&(of, n)| {
            let n = show::count(n as u64);
            match of {
                CompileUse::First => format!("{n} for buckets that warm-up did not run"),
                CompileUse::Again => format!("{n} for what had run before (compiled again)"),
                CompileUse::Unknown => format!("{n} for which it is not recorded whether warm-up had run it"),
            }
        })
        .collect();
    format!("Of these, {}.", listed(&parts, 3))
}

/// A frame has no bucket, and what was compiled stays until the limit: it is compiled again for what a guard refused.
const TORCH: &str = "torch.compile";

const FRAME_AGAIN: &str = "The same code was compiled again because a guard failed: find what changes from call to \
                           call (TORCH_LOGS=recompiles names the guard) and mark it dynamic, or pad it to a few sizes.";

const AT_LIMIT: &str = "Which frame each was of is not recorded; the recompile limit was reached, so the same code was \
                        compiled again.";

/// Whether torch.compile reached its limit and does not say which frame it compiled: some frame was compiled again.
fn is_at_limit(report: &TraceReport, compiles: &[&Recompile]) -> bool {
    let says_none = |r: &&Recompile| {
        r.evidence == Evidence::Dynamo && r.dynamo.as_ref().is_none_or(|d| d.attempt.is_none())
    };
    let is_reached = report.dynamo.as_ref().is_some_and(|d| !d.limits.is_empty());
    is_reached && compiles.len() > 1 && compiles.iter().all(says_none)
}

/// What to do about each use, most frequent first.
fn compile_advice(uses: &[(CompileUse, usize)], compiles: &[&Recompile]) -> String {
    let mut uses = uses.to_vec();
    order::sort_by_key(&mut uses, |&(of, n)| (std::cmp::Reverse(n), of));
    let are_frames = compiles.iter().all(|r| r.evidence == Evidence::Dynamo);
    let advice = uses.iter().map(|(of, _)| match of {
        CompileUse::Again if are_frames => FRAME_AGAIN,
        _ => of.advice(),
    });
    let advice: Vec<&str> = advice.collect();
    advice.join(" ")
}

fn was_compiled(evidence: Evidence, compiles: &[&Recompile]) -> String {
    let n = compiles.len();
    match evidence {
        Evidence::GraphCapture => format!("{} captured", were(n, "device graph")),
        Evidence::Dynamo if compilers(compiles).iter().any(|&by| by != TORCH) => {
            let by: Vec<&str> = compilers(compiles).into_iter().collect();
            let what = if by.contains(&TORCH) {
                "Frames and kernels"
            } else {
                "Kernels"
            };
            let times = show::counted(n as u64, "time");
            format!("{what} were compiled {times} by {}", by.join(" and "))
        }
        Evidence::Dynamo if n > 1 => {
            let times = format!("{} times", show::count(n as u64));
            match frames(compiles) {
                Some(of) if of == n => format!("{} compiled by torch.compile", were(n, "frame")),
                Some(of) => format!("{} compiled {times} by torch.compile", were(of, "frame")),
                None => format!("Frames were compiled {times} by torch.compile"),
            }
        }
        Evidence::Dynamo => format!("{} compiled by torch.compile", were(n, "frame")),
        _ => format!("{} compiled", were(n, "graph")),
    }
}

/// Who compiled, by the names of the compiles (`Triton compile (python frame)`), in the order of the alphabet.
fn compilers<'a>(compiles: &[&'a Recompile]) -> BTreeSet<&'a str> {
    let by = |r: &&'a Recompile| r.name.strip_suffix(" compile (python frame)").unwrap_or(TORCH);
    compiles.iter().map(by).collect()
}

/// How many frames they are of; `None` where that is not recorded of each.
fn frames(compiles: &[&Recompile]) -> Option<usize> {
    let frame = |r: &&Recompile| r.dynamo.as_ref().and_then(|d| d.frame);
    let frames: Option<FxHashSet<u64>> = compiles.iter().map(frame).collect();
    Some(frames?.len())
}

/// Steps that waited for them.
fn distinct_steps(compiles: &[&Recompile]) -> u64 {
    let delayed = compiles.iter().filter(|r| r.waited_ns != Some(0));
    let mut steps: Vec<u32> = delayed.filter_map(|r| r.step).collect();
    order::sort(&mut steps);
    steps.dedup();
    steps.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;

    #[test]
    fn compiles_while_serving_are_counted_once_where_they_overlap() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100), step(1, 100, 100)];
        report.budget = budget(1000);
        report.recompiles = vec![compile(0, 10, 50), compile(0, 30, 50), compile(1, 110, 20)];
        let mut warm = compile(1, 120, 9);
        warm.period = Period::Warmup;
        report.recompiles.push(warm);
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert_eq!(found.level, Level::Problem);
        assert_eq!(found.cost_ns, Some(90 * MS));
        assert_eq!(
            found.says,
            "3 graphs were compiled while serving. They delayed 2 steps for 90.0 ms (9.0 % of serving time). Whether \
             warm-up had run what they were for is not recorded."
        );
        assert_eq!(found.evidence.len(), 3);
        assert_eq!(
            found.evidence[0].says,
            "graph_0: 50.0 ms, in step 0 (decode, bucket (4, 1, 128))"
        );
        assert_eq!(found.evidence[0].start_ns, Some(10 * MS));
        assert_eq!(found.evidence[0].slice, Some(7));
        assert!(!has(&all, "no-compiles-while-serving"));
    }

    #[test]
    fn an_unknown_cost_is_not_0() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100), step(1, 100, 100), step(2, 200, 100)];
        report.budget = budget(1000);
        report.recompiles = vec![compile(0, 10, 50), compile(1, 110, 20), compile(2, 210, 0)];
        report.recompiles[2].dur_ns = None;
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert_eq!(found.cost_ns, Some(70 * MS));
        assert!(
            found.says.starts_with(
                "3 graphs were compiled while serving. They delayed 3 steps for at least 70.0 ms (7.0 % of serving \
                 time). 2 of 3 compiles have a recorded cost."
            ),
            "{}",
            found.says
        );
        report.recompiles.drain(..2);
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert_eq!((found.cost_ns, found.level), (None, Level::Hint));
        assert!(
            found
                .says
                .starts_with("1 graph was compiled while serving. It delayed 1 step; cost not recorded."),
            "{}",
            found.says
        );
        assert!(found.evidence[0].says.contains(": cost not recorded, in step 2"));
    }

    #[test]
    fn compiles_are_not_said_to_be_while_serving_where_the_trace_does_not_say() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        let mut unknown = compile(0, 10, 50);
        unknown.period = Period::Unknown;
        report.recompiles = vec![unknown];
        let all = of(&report);
        assert_eq!(
            get(&all, "compiles-in-unknown-period").says,
            "1 graph was compiled, for 50.0 ms; the trace does not say whether during warm-up or while serving."
        );
        assert!(!has(&all, "compiles-while-serving") && !has(&all, "no-compiles-while-serving"));
        let mut capture = compile(0, 10, 50);
        capture.evidence = Evidence::GraphCapture;
        capture.step = None;
        report.recompiles = vec![capture];
        report.steps.clear();
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert_eq!(
            found.says,
            "1 device graph was captured in this recording. It took 50.0 ms."
        );
        assert_eq!(
            found.level,
            Level::Hint,
            "a trace without steps may be of the warm-up"
        );
    }

    #[test]
    fn levels_of_evidence_are_never_added() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        let mut other = compile(0, 80, 10);
        other.evidence = Evidence::Synapse;
        report.recompiles = vec![compile(0, 10, 50), other];
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert!(
            found
                .says
                .starts_with("1 graph was compiled while serving. It delayed 1 step for 50.0 ms")
        );
        assert_eq!(
            found.evidence[1].says,
            "Recorded at another level, not added: 1 graph was compiled, 10.0 ms."
        );
    }

    #[test]
    fn all_levels_of_compiles_beside_the_serving_are_shown() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        let beside = |evidence, start_ms, ms| Recompile {
            evidence,
            beside: true,
            step: None,
            ..compile(0, start_ms, ms)
        };
        report.recompiles = vec![
            beside(Evidence::Synapse, 10, 50),
            beside(Evidence::Dynamo, 60, 20),
            beside(Evidence::GraphCapture, 80, 5),
        ];
        let weaker = [
            "Recorded at another level, not added: 1 frame was compiled by torch.compile on other threads while \
             serving went on, 20.0 ms.",
            "Recorded at another level, not added: 1 device graph was captured on other threads while serving went \
             on, 5.00 ms.",
        ];
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert_eq!(
            found.says,
            "1 graph was compiled beside the serving, for 50.0 ms; nothing waited for it."
        );
        let says =
            |found: &Finding| -> Vec<String> { found.evidence.iter().map(|e| e.says.clone()).collect() };
        assert_eq!(says(found)[1..], weaker);
        // Beside compiles that delayed steps, too.
        report.recompiles.push(compile(0, 90, 3));
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert!(
            found
                .says
                .starts_with("1 graph was compiled while serving. It delayed 1 step for 3.00 ms")
        );
        assert_eq!(says(found)[1..], weaker);
    }

    #[test]
    fn that_nothing_was_compiled_is_said_only_where_the_trace_would_show_it() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        assert!(
            !has(&of(&report), "no-compiles-while-serving"),
            "absence proves nothing"
        );
        report.synchronised_capture = true;
        let all = of(&report);
        let found = get(&all, "no-compiles-while-serving");
        assert_eq!((found.sure, found.level), (Sure::Recorded, Level::Fine));
        assert_eq!(found.says, "No graph was compiled while serving.");
        assert!(has(&all, "synchronised-capture"));
    }

    #[test]
    fn the_advice_follows_from_the_use() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100), step(1, 100, 100), step(2, 200, 100)];
        report.recompiles = vec![compile(0, 10, 50), compile(1, 110, 50), compile(2, 210, 50)];
        report.recompiles[0].r#use = CompileUse::First;
        report.recompiles[1].r#use = CompileUse::Again;
        report.recompiles[2].r#use = CompileUse::Again;
        let all = of(&report);
        let found = get(&all, "compiles-while-serving");
        assert!(
            found.says.ends_with(
                "Of these, 1 for buckets that warm-up did not run and 2 for what had run before (compiled again)."
            ),
            "{}",
            found.says
        );
        assert!(
            found.advice.starts_with(CompileUse::Again.advice()),
            "{}",
            found.advice
        );
        report.recompiles.truncate(1);
        let all = of(&report);
        assert_eq!(
            get(&all, "compiles-while-serving").advice,
            CompileUse::First.advice()
        );
    }
}
