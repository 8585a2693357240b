//! Sentences with numbers: what is wrong, what it costs, what shows it, what to do; and what is not wrong.

use rustc_hash::FxHashMap;

use crate::base::{Severity, Span, Union, order, show, stats};
use crate::dialect::Vocabulary;

use super::activity::compile_span;
use super::gaps::{DecodeIdle, NO_LOAD_NS, step_label};
use super::report::{
    Bucket, Cause, Evidence, Finding, FindingEvidence, GapKind, Level, Period, Phase, PhaseBucket, Recompile,
    Step, Sure, TraceReport,
};
use super::words;

/// How many pieces of evidence a finding shows.
const N_EVIDENCE: usize = 10;

/// A step is slow if it takes longer than this many medians of its like …
const SLOW_FACTOR: i64 = 3;
/// … and this much longer than the median, so that microseconds do not count …
const SLOW_EXCESS_NS: i64 = 100_000;
/// … and there are this many of its like, so that the median means something.
const SLOW_GROUP: usize = 5;

/// Padding is judged over this many steps or more.
const PADDING_STEPS: usize = 3;

/// What the findings rest on beside the report.
pub struct Facts<'a> {
    pub vocabulary: &'a Vocabulary,
    pub decode_idle: Option<DecodeIdle>,
    /// The end of the last host call that hands work to a device.
    pub last_launch_ns: Option<i64>,
}

/// All findings about a report that is complete but for them: problems first, and of those the most costly.
pub fn findings(report: &TraceReport, facts: &Facts<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    all.extend(damage(report));
    all.extend(no_steps(report));
    all.extend(compiles(report));
    all.extend(suspected_compiles(report));
    all.extend(bucket_coverage(report, facts.vocabulary.has_warmup));
    all.extend(decode_idle(report, facts.decode_idle.as_ref()));
    all.extend(between_steps(report, !report.device_time.is_empty()));
    all.extend(decode_padding(report));
    all.extend(prefill_padding(report));
    all.extend(slow_steps(report));
    all.extend(no_load(report));
    all.extend(device_ends_early(report, facts.last_launch_ns));
    all.extend(synchronised(report));
    for finding in &mut all {
        for (id, advice) in facts.vocabulary.advice {
            if *id == finding.id && finding.level != Level::Fine {
                finding.advice = format!("{} {advice}", finding.advice).trim().to_owned();
            }
        }
    }
    order::sort_by_key(&mut all, |f| (f.level, std::cmp::Reverse(f.cost_ns)));
    all
}

fn finding(id: &str, level: Level, sure: Sure, view: &str, says: String) -> Finding {
    Finding {
        id: id.into(),
        level,
        sure,
        says,
        cost_ns: None,
        evidence: Vec::new(),
        advice: String::new(),
        view: view.into(),
    }
}

fn fact(says: String) -> FindingEvidence {
    FindingEvidence {
        says,
        start_ns: None,
        end_ns: None,
        step: None,
        slice: None,
    }
}

fn at_step(step: &Step, says: String) -> FindingEvidence {
    FindingEvidence {
        start_ns: Some(step.start_ns),
        end_ns: Some(step.start_ns.saturating_add(step.dur_ns)),
        step: Some(step.index),
        slice: Some(step.slice),
        ..fact(says)
    }
}

fn serving(report: &TraceReport) -> impl Iterator<Item = &Step> {
    report.steps.iter().filter(|s| s.period == Period::Serving)
}

fn serving_ns(report: &TraceReport) -> Option<i64> {
    report.budget.as_ref().map(|b| b.total_ns).filter(|&ns| ns > 0)
}

/// Whether `part` is at least `percent` of `whole`.
fn reaches(part: i64, percent: i64, whole: i64) -> bool {
    i128::from(part) * 100 >= i128::from(percent) * i128::from(whole)
}

/// `"a, b and c"`; of more than `most`, how many more.
fn listed(items: &[String], most: usize) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        _ if items.len() > most => {
            let more = (items.len() - most) as u64;
            format!("{} and {} more", items[..most].join(", "), show::count(more))
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `"1 graph was"`, `"3 graphs were"`.
fn were(n: usize, noun: &str) -> String {
    let verb = if n == 1 { "was" } else { "were" };
    format!("{} {verb}", show::counted(n as u64, noun))
}

fn damage(report: &TraceReport) -> Vec<Finding> {
    let of = |severity: Severity| report.defects.iter().filter(move |d| d.severity == severity);
    let evidence = |severity: Severity| -> Vec<FindingEvidence> {
        of(severity)
            .map(|d| {
                let place = d.first_at_byte.map_or(String::new(), |at| {
                    format!(" First at byte {} of the inflated text.", show::count(at))
                });
                fact(format!("{} ({}×){place}", d.says, show::count(d.count)))
            })
            .collect()
    };
    let mut all = Vec::new();
    if of(Severity::Error).next().is_some() {
        let says =
            "The file is damaged or ends early. Every number here covers only what could be read.".into();
        all.push(Finding {
            evidence: evidence(Severity::Error),
            advice: "Let the profiler finish writing before the server stops, and copy the file again."
                .into(),
            ..finding("input-damaged", Level::Problem, Sure::Recorded, "overview", says)
        });
    }
    let lost: u64 = of(Severity::Loss).map(|d| d.count).sum();
    if lost > 0 {
        let says = format!(
            "{} could not be read as recorded: lost, or kept with a value replaced.",
            show::counted(lost, "event")
        );
        all.push(Finding {
            evidence: evidence(Severity::Loss),
            advice: "Check whether the events named here matter for what you look for.".into(),
            ..finding("events-lost", Level::Hint, Sure::Recorded, "overview", says)
        });
    }
    all
}

fn no_steps(report: &TraceReport) -> Option<Finding> {
    if !report.steps.is_empty() || report.events == 0 {
        return None;
    }
    let says =
        "No prefill or decode step is recognised in this trace, so steps, their gaps and their compiles \
                cannot be told."
            .into();
    Some(Finding {
        advice: "Record with the engine's own step markers, or with python stacks.".into(),
        ..finding("no-steps", Level::Hint, Sure::Derived, "timeline", says)
    })
}

/// Compiles of one level of evidence in one period, most costly first.
fn compiled(report: &TraceReport, evidence: Evidence, period: Period) -> Vec<&Recompile> {
    let of = report.recompiles.iter();
    let mut found: Vec<&Recompile> = of
        .filter(|r| r.evidence == evidence && r.period == period)
        .collect();
    order::sort_by_key(&mut found, |r| (std::cmp::Reverse(r.dur_ns), r.start_ns));
    found
}

/// Time in which at least one of `compiles` ran.
fn compile_ns(compiles: &[&Recompile]) -> i64 {
    Union::of(compiles.iter().filter_map(|r| compile_span(r))).total_ns()
}

fn distinct_steps(compiles: &[&Recompile]) -> u64 {
    let mut steps: Vec<u32> = compiles.iter().filter_map(|r| r.step).collect();
    steps.sort_unstable();
    steps.dedup();
    steps.len() as u64
}

fn was_compiled(evidence: Evidence, n: usize) -> String {
    match evidence {
        Evidence::GraphCapture => format!("{} captured", were(n, "device graph")),
        Evidence::Dynamo => format!("{} compiled by torch.compile", were(n, "frame")),
        _ => format!("{} compiled", were(n, "graph")),
    }
}

/// Levels of evidence for a compile, strongest first. They are never added up.
const LEVELS: [Evidence; 4] = [
    Evidence::Recorded,
    Evidence::Synapse,
    Evidence::Dynamo,
    Evidence::GraphCapture,
];

fn compiles(report: &TraceReport) -> Option<Finding> {
    let found: Vec<_> = LEVELS
        .map(|level| (level, compiled(report, level, Period::Serving)))
        .into_iter()
        .filter(|(_, compiles)| !compiles.is_empty())
        .collect();
    let Some(((level, compiles), weaker)) = found.split_first() else {
        return compiles_in_unknown_period(report).or_else(|| no_compiles(report));
    };
    let has_steps = serving(report).next().is_some();
    let cost = compile_ns(compiles);
    let when = if has_steps {
        "while serving"
    } else {
        "in this recording"
    };
    let mut says = format!("{} {when}.", was_compiled(*level, compiles.len()));
    let cost_says = match serving_ns(report) {
        Some(total) => format!(
            "{} ({} of serving time)",
            show::duration(cost),
            show::percent(cost, total)
        ),
        None => show::duration(cost),
    };
    let steps = distinct_steps(compiles);
    let they = if compiles.len() == 1 { "It" } else { "They" };
    if steps > 0 {
        says += &format!(
            " {they} held up {} for {cost_says}.",
            show::counted(steps, "step")
        );
    } else {
        says += &format!(" {they} took {cost_says}.");
    }
    let mut evidence = at_compiles(report, compiles);
    for (level, compiles) in weaker {
        let ns = show::duration(compile_ns(compiles));
        evidence.push(fact(format!(
            "Recorded at another level, not added: {}, {ns}.",
            was_compiled(*level, compiles.len())
        )));
    }
    let is_costly = serving_ns(report).is_none_or(|total| reaches(cost, 1, total)) || cost >= 50_000_000;
    let level = if is_costly && has_steps {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(cost),
        evidence,
        advice: compile_advice(report, compiles),
        ..finding(
            "compiles-while-serving",
            level,
            Sure::Recorded,
            "recompiles",
            says,
        )
    })
}

/// Compiles of which the trace does not say whether they belong to warm-up or to serving.
fn compiles_in_unknown_period(report: &TraceReport) -> Option<Finding> {
    let (level, compiles) = LEVELS
        .map(|level| (level, compiled(report, level, Period::Unknown)))
        .into_iter()
        .find(|(_, compiles)| !compiles.is_empty())?;
    let cost = compile_ns(&compiles);
    let says = format!(
        "{}, for {}; whether while warming up or while serving, this trace does not say.",
        was_compiled(level, compiles.len()),
        show::duration(cost)
    );
    Some(Finding {
        cost_ns: Some(cost),
        evidence: at_compiles(report, &compiles),
        advice: "Open the trace of the rank that drives the engine: it says which steps are warm-up.".into(),
        ..finding(
            "compiles-in-unknown-period",
            Level::Hint,
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

fn compile_advice(report: &TraceReport, compiles: &[&Recompile]) -> String {
    let missed = report.bucket_coverage.as_ref().map(|c| &c.served_not_warmed);
    let is_missed = |r: &&Recompile| {
        missed.is_some_and(|m| m.iter().any(|p| p.phase == r.phase && Some(p.bucket) == r.bucket))
    };
    let n_missed = compiles.iter().filter(|r| is_missed(r)).count();
    if n_missed == 0 {
        return "Find out which shape or code path is new in these steps, and run it in the warm-up.".into();
    }
    format!(
        "{} of {} fell in buckets that warm-up left out: let warm-up run these buckets.",
        show::count(n_missed as u64),
        show::counted(compiles.len() as u64, "compile")
    )
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
    let span = compile_span(recompile).unwrap_or_default();
    FindingEvidence {
        says: format!(
            "{}: {}{place}{exact}",
            recompile.name,
            show::duration(recompile.dur_ns)
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

fn no_compiles(report: &TraceReport) -> Option<Finding> {
    // Steps of a training loop are not served.
    serving(report).find(|s| report.engine.is_some() || s.phase != Phase::Unknown)?;
    if !compiled(report, Evidence::Suspected, Period::Serving).is_empty() {
        return None;
    }
    // A trace that shows a compile, or was recorded with compile tracking, would show the others.
    let would_show = report.synchronised_capture
        || report
            .recompiles
            .iter()
            .any(|r| r.evidence != Evidence::Suspected);
    let (sure, says) = if would_show {
        (Sure::Recorded, "No graph was compiled while serving.")
    } else {
        (
            Sure::Derived,
            "No graph compile is recorded while serving. Whether this trace would record one is not known.",
        )
    };
    Some(finding(
        "no-compiles-while-serving",
        Level::Fine,
        sure,
        "recompiles",
        says.into(),
    ))
}

fn suspected_compiles(report: &TraceReport) -> Option<Finding> {
    let suspected = compiled(report, Evidence::Suspected, Period::Serving);
    if suspected.is_empty() {
        return None;
    }
    let n = suspected.len();
    let says = format!(
        "{} if a graph was compiled in {}; no compile is recorded.",
        if n == 1 {
            "1 step looks as".into()
        } else {
            format!("{} steps look as", show::count(n as u64))
        },
        if n == 1 { "it" } else { "them" },
    );
    Some(Finding {
        cost_ns: Some(stats::sum(suspected.iter().map(|r| r.dur_ns))),
        evidence: suspected
            .iter()
            .take(N_EVIDENCE)
            .map(|r| at_suspected(report, r))
            .collect(),
        advice: "Record again with graph-compile tracking to know.".into(),
        ..finding(
            "suspected-compiles",
            Level::Hint,
            Sure::Suspected,
            "recompiles",
            says,
        )
    })
}

fn at_suspected(report: &TraceReport, recompile: &Recompile) -> FindingEvidence {
    let step = recompile
        .step
        .and_then(|i| report.steps.iter().find(|s| s.index == i));
    match step {
        Some(step) => at_step(
            step,
            format!("{}: {}", step_label(step), show::duration(step.dur_ns)),
        ),
        None => FindingEvidence {
            start_ns: Some(recompile.start_ns),
            end_ns: Some(recompile.start_ns.saturating_add(recompile.dur_ns)),
            slice: recompile.slice,
            ..fact(format!(
                "{}: {}",
                recompile.name,
                show::duration(recompile.dur_ns)
            ))
        },
    }
}

fn bucket_coverage(report: &TraceReport, has_warmup: bool) -> Option<Finding> {
    let has_buckets = serving(report).any(|s| s.bucket.is_some());
    if !has_buckets {
        return None;
    }
    let coverage = report.bucket_coverage.as_ref();
    let Some(coverage) = coverage.filter(|c| has_warmup && !c.warmed.is_empty()) else {
        let says =
            "The trace holds no warm-up, so which of the served buckets were warmed up is not known.".into();
        return Some(Finding {
            advice: "Start recording before the server warms up, if you look for missing buckets.".into(),
            ..finding(
                "warmup-not-recorded",
                Level::Hint,
                Sure::Derived,
                "recompiles",
                says,
            )
        });
    };
    if coverage.served_not_warmed.is_empty() {
        let says = format!(
            "Every served bucket was warmed up ({} of {}).",
            show::count(coverage.served.len() as u64),
            show::count(coverage.served.len() as u64)
        );
        return Some(finding(
            "buckets-warmed",
            Level::Fine,
            Sure::Recorded,
            "recompiles",
            says,
        ));
    }
    let missed = &coverage.served_not_warmed;
    let names: Vec<String> = missed
        .iter()
        .map(|b| format!("{} {}", words::phase(b.phase), b.bucket))
        .collect();
    let says = format!(
        "{} served that warm-up never ran: {} (batch, sequence length, context blocks).",
        were(missed.len(), "bucket"),
        listed(&names, 6)
    );
    let is_missed = |r: &Recompile| {
        missed
            .iter()
            .any(|b| b.phase == r.phase && Some(b.bucket) == r.bucket)
    };
    // Of the strongest level of evidence that saw such compiles: levels are not added.
    let compiled = LEVELS
        .map(|level| {
            let mut compiled = compiled(report, level, Period::Serving);
            compiled.retain(|r| is_missed(r));
            compiled
        })
        .into_iter()
        .find(|compiled| !compiled.is_empty())
        .unwrap_or_default();
    let cost = compile_ns(&compiled);
    Some(Finding {
        cost_ns: (cost > 0).then_some(cost),
        evidence: missed
            .iter()
            .take(N_EVIDENCE)
            .map(|b| first_use(report, b))
            .collect(),
        advice: format!(
            "Extend the buckets that warm-up runs to include {}.",
            reach(missed)
        ),
        ..finding(
            "buckets-not-warmed",
            Level::Problem,
            Sure::Recorded,
            "recompiles",
            says,
        )
    })
}

fn first_use(report: &TraceReport, bucket: &PhaseBucket) -> FindingEvidence {
    let used = serving(report).find(|s| s.phase == bucket.phase && s.bucket == Some(bucket.bucket));
    let says = format!(
        "{} {}: {}",
        words::phase(bucket.phase),
        bucket.bucket,
        show::counted(bucket.count, "step")
    );
    match used {
        Some(step) => at_step(step, format!("{says}, first in step {}", step.index)),
        None => fact(says),
    }
}

/// `"decode up to batch 16, 512 context blocks"`, a phase at a time.
fn reach(missed: &[PhaseBucket]) -> String {
    let mut by_phase: Vec<(Phase, Bucket)> = Vec::new();
    for b in missed {
        match by_phase.iter_mut().find(|(phase, _)| *phase == b.phase) {
            Some((_, most)) => {
                most.batch = most.batch.max(b.bucket.batch);
                most.seq = most.seq.max(b.bucket.seq);
                most.ctx = most.ctx.max(b.bucket.ctx);
            }
            None => by_phase.push((b.phase, b.bucket)),
        }
    }
    let phrase = |(phase, most): &(Phase, Bucket)| {
        let mut parts = vec![format!("batch {}", most.batch)];
        parts.extend(
            most.seq
                .filter(|&n| n > 1)
                .map(|n| format!("sequence length {n}")),
        );
        parts.extend(most.ctx.filter(|&n| n > 0).map(|n| format!("{n} context blocks")));
        format!("{} up to {}", words::phase(*phase), parts.join(", "))
    };
    let phrases: Vec<String> = by_phase.iter().map(phrase).collect();
    listed(&phrases, 6)
}

fn decode_idle(report: &TraceReport, idle: Option<&DecodeIdle>) -> Option<Finding> {
    let idle = idle.filter(|i| i.base_ns() > 0)?;
    let (host_ns, base_ns) = (idle.host_ns(), idle.base_ns());
    let share = show::percent(host_ns, base_ns);
    let left_out = if base_ns < idle.window.len_ns() {
        ", compiles and pauses without load left out"
    } else {
        ""
    };
    let (who, steps) = if idle.is_decode {
        ("Decode", "decode step")
    } else {
        ("The device", "step")
    };
    if !reaches(host_ns, 5, base_ns) {
        let says = format!(
            "{who} hardly waits for the host: between the first and the last {steps} the device is idle for \
             {share} of the time{left_out}."
        );
        let id = if idle.is_decode {
            "decode-keeps-the-device-busy"
        } else {
            "device-is-kept-busy"
        };
        return Some(finding(id, Level::Fine, Sure::Derived, "gaps", says));
    }
    let (cause, cause_ns) = idle
        .host_causes()
        .max_by_key(|&(c, ns)| (ns, std::cmp::Reverse(c)))?;
    let mut says = format!(
        "{who} waits for the host: between the first and the last {steps} the device is idle for {share} of the \
         time{left_out}. Largest cause: {}, {} of {}.",
        words::cause_noun(cause),
        show::duration(cause_ns),
        show::duration(host_ns)
    );
    if reaches(idle.suspected_ns, 10, host_ns) {
        says += &format!(
            " {} of it passes in steps that look as if a graph was compiled.",
            show::duration(idle.suspected_ns)
        );
    }
    let mut causes: Vec<(Cause, i64)> = idle
        .host_causes()
        .filter(|&(_, ns)| reaches(ns, 1, host_ns))
        .collect();
    order::sort_by_key(&mut causes, |&(c, ns)| (std::cmp::Reverse(ns), c));
    let mut evidence: Vec<FindingEvidence> = causes
        .into_iter()
        .map(|(c, ns)| {
            let share = show::percent(ns, host_ns);
            fact(format!(
                "{}: {} ({share})",
                words::cause_noun(c),
                show::duration(ns)
            ))
        })
        .collect();
    if idle.between_steps_ns > 0 {
        evidence.push(fact(format!(
            "{} of it lies between engine steps, in scheduling, the server around the engine, or waiting for \
             requests.",
            show::duration(idle.between_steps_ns)
        )));
    }
    if let Some(longest) = idle.longest {
        evidence.push(FindingEvidence {
            start_ns: Some(longest.start),
            end_ns: Some(longest.end),
            ..fact(format!(
                "The longest of these gaps: {}",
                show::duration(longest.len_ns())
            ))
        });
    }
    if report.synchronised_capture {
        evidence.push(fact(
            "This recording synchronised host and device after every region, which makes such gaps longer."
                .into(),
        ));
    }
    let level = if reaches(host_ns, 20, base_ns) {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(host_ns),
        evidence,
        advice: cause_advice(cause).into(),
        ..finding(
            if idle.is_decode {
                "decode-waits-for-host"
            } else {
                "device-waits-for-host"
            },
            level,
            Sure::Derived,
            "gaps",
            says,
        )
    })
}

fn cause_advice(cause: Cause) -> &'static str {
    match cause {
        Cause::Wait => {
            "The host waits while no work of the device is recorded: the way back from device to host takes \
             long, or the device worked on something that this trace does not show."
        }
        Cause::Submit => {
            "Handing work to the device is the bottleneck: launch fewer, larger pieces (captured graphs, larger \
             batches)."
        }
        Cause::InputPrep => {
            "Input preparation is on the critical path: overlap it with the device (asynchronous scheduling), or \
             make the batches larger so that it is paid less often."
        }
        Cause::Sampler => "Sampling runs on the host between device work: keep it on the device.",
        Cause::Collective => "Collectives start late: compare this rank with the others for one that lags.",
        Cause::HostOp => "Operators on the host run between device work: see which in the longest gaps.",
        Cause::Python => "The python interpreter runs between operators: see the frames in the longest gaps.",
        _ => "Nothing is recorded in these gaps: record python stacks to see what the host did.",
    }
}

/// Where no device recording exists, the gaps between steps are what the host is known to cost.
fn between_steps(report: &TraceReport, has_device: bool) -> Option<Finding> {
    let gaps = report.gaps.iter().find(|g| g.kind == GapKind::Step)?;
    let total = serving_ns(report).filter(|_| !has_device)?;
    let no_load = |c: &&super::report::GapCause| c.cause != Cause::NoLoad;
    let waited: i64 = gaps.causes.iter().filter(no_load).map(|c| c.total_ns).sum();
    let base = total - (gaps.total_ns - waited);
    if base <= 0 || !reaches(waited, 5, base) {
        let says = format!(
            "Engine steps follow each other closely: {} of serving time lies between them.",
            show::percent(waited, base)
        );
        return Some(finding(
            "steps-follow-closely",
            Level::Fine,
            Sure::Derived,
            "gaps",
            says,
        ));
    }
    let largest = gaps.causes.iter().filter(no_load).max_by_key(|c| c.total_ns)?;
    let says = format!(
        "{} of serving time ({}) lies between engine steps. Largest cause: {}, {}.",
        show::percent(waited, base),
        show::duration(waited),
        words::cause_noun(largest.cause),
        show::duration(largest.total_ns)
    );
    let longest = gaps.longest.iter().filter(|g| g.cause != Cause::NoLoad).take(3);
    Some(Finding {
        cost_ns: Some(waited),
        evidence: longest
            .map(|g| FindingEvidence {
                start_ns: Some(g.start_ns),
                end_ns: Some(g.start_ns.saturating_add(g.dur_ns)),
                step: g.step,
                ..fact(format!("{}: {}", show::duration(g.dur_ns), g.says))
            })
            .collect(),
        advice:
            "Between steps the engine schedules and the server around it works. Without a device recording \
                 it is not known whether the device waits; record one to know."
                .into(),
        ..finding(
            "time-between-steps",
            if reaches(waited, 20, base) {
                Level::Problem
            } else {
                Level::Hint
            },
            Sure::Derived,
            "gaps",
            says,
        )
    })
}

/// Requests really in the batch against rows of the padded batch, over decode steps that say both.
fn decode_padding(report: &TraceReport) -> Option<Finding> {
    let known = serving(report).filter(|s| s.phase == Phase::Decode);
    let rows: Vec<(u64, u64)> = known
        .filter_map(|s| Some((u64::from(s.batch?), u64::from(s.bucket?.batch))))
        .collect();
    padding(
        &rows,
        "decode-padding",
        "Decode batches",
        "rows of the batch",
        "request",
    )
}

/// Tokens really in the prompt against positions of the padded prompt, over prefill steps that say both.
fn prefill_padding(report: &TraceReport) -> Option<Finding> {
    let known = serving(report).filter(|s| s.phase == Phase::Prefill);
    let rows: Vec<(u64, u64)> = known
        .filter_map(|s| {
            let bucket = s.bucket?;
            Some((s.tokens?, u64::from(bucket.batch) * u64::from(bucket.seq?)))
        })
        .collect();
    padding(
        &rows,
        "prefill-padding",
        "Prefill batches",
        "token positions",
        "token",
    )
}

fn padding(rows: &[(u64, u64)], id: &str, what: &str, places: &str, noun: &str) -> Option<Finding> {
    let real = rows.iter().map(|r| r.0).fold(0, u64::saturating_add);
    let padded = rows.iter().map(|r| r.1).fold(0, u64::saturating_add);
    if rows.len() < PADDING_STEPS {
        return None;
    }
    // More real than padded: the two do not count the same thing.
    let waste = i64::try_from(padded.checked_sub(real)?).ok()?;
    let total = i64::try_from(padded).ok().filter(|&n| n > 0)?;
    let steps = show::counted(rows.len() as u64, "step");
    let says = format!(
        "{what} are {} padding: {} of {} {places} hold a {noun}, over {steps}.",
        show::percent(waste, total),
        show::count(real),
        show::count(padded)
    );
    if !reaches(waste, 20, total) {
        return Some(finding(id, Level::Fine, Sure::Recorded, "steps", says));
    }
    Some(Finding {
        advice:
            "Use finer buckets where most of the steps are, or raise the load: the device computes padding \
                 as if it were work."
                .into(),
        ..finding(id, Level::Hint, Sure::Recorded, "steps", says)
    })
}

fn slow_steps(report: &TraceReport) -> Option<Finding> {
    let mut like: FxHashMap<(Phase, Option<Bucket>), Vec<&Step>> = FxHashMap::default();
    for step in serving(report) {
        like.entry((step.phase, step.bucket)).or_default().push(step);
    }
    let mut judged = 0u64;
    let mut slow: Vec<(&Step, i64)> = Vec::new();
    for steps in like.into_values().filter(|s| s.len() >= SLOW_GROUP) {
        let mut lengths: Vec<i64> = steps.iter().map(|s| s.dur_ns).collect();
        lengths.sort_unstable();
        let median = stats::quantile(&lengths, 0.5)?;
        judged += steps.len() as u64;
        let is_slow = |s: &&Step| {
            s.dur_ns > median.saturating_mul(SLOW_FACTOR)
                && s.dur_ns - median >= SLOW_EXCESS_NS
                && !has_compile(report, s)
        };
        slow.extend(steps.into_iter().filter(is_slow).map(|s| (s, median)));
    }
    if judged == 0 {
        return None;
    }
    order::sort_by_key(&mut slow, |(s, median)| {
        (std::cmp::Reverse(s.dur_ns - median), s.index)
    });
    let of_its = if slow.len() > 1 { "their" } else { "its" };
    let rule = format!("{SLOW_FACTOR} × the median of {of_its} phase and bucket");
    if slow.is_empty() {
        let says = format!(
            "Apart from those that compile, or look as if they did, no step is slower than {rule} ({} compared).",
            show::counted(judged, "step")
        );
        return Some(finding(
            "no-slow-steps",
            Level::Fine,
            Sure::Derived,
            "steps",
            says,
        ));
    }
    let cost = stats::sum(slow.iter().map(|(s, median)| s.dur_ns - median));
    let n = slow.len() as u64;
    let says = format!(
        "{} {} slower than {rule}, without a compile. Above the median they cost {}.",
        show::counted(n, "step"),
        if n == 1 { "is" } else { "are" },
        show::duration(cost)
    )
    .replace(" they cost", if n == 1 { " it costs" } else { " they cost" });
    let is_costly = serving_ns(report).is_some_and(|total| reaches(cost, 1, total));
    Some(Finding {
        cost_ns: Some(cost),
        evidence: slow
            .iter()
            .take(N_EVIDENCE)
            .map(|(s, median)| {
                let took = show::duration(s.dur_ns);
                let median = show::duration(*median);
                at_step(
                    s,
                    format!("{}: {took}, median {median}{}", step_label(s), mostly(s)),
                )
            })
            .collect(),
        advice:
            "Compare each with its neighbours in the timeline: something runs in it that they do not have."
                .into(),
        ..finding(
            "slow-steps",
            if is_costly { Level::Problem } else { Level::Hint },
            Sure::Derived,
            "steps",
            says,
        )
    })
}

/// `", 217 ms of it sampling"`: the largest part of a step, if it is at least half.
fn mostly(step: &Step) -> String {
    let parts = &step.parts;
    let named = [
        (parts.prepare_ns, "input preparation"),
        (parts.forward_ns, "the forward pass"),
        (parts.logits_ns, "logits"),
        (parts.sample_ns, "sampling"),
        (parts.post_ns, "what follows sampling"),
        (parts.other_ns, "outside its recorded parts"),
    ];
    let largest = named
        .into_iter()
        .filter_map(|(ns, name)| Some((ns?, name)))
        .max_by_key(|&(ns, _)| ns);
    match largest.filter(|&(ns, _)| reaches(ns, 50, step.dur_ns)) {
        Some((ns, name)) => format!(", {} of it {name}", show::duration(ns)),
        None => String::new(),
    }
}

fn has_compile(report: &TraceReport, step: &Step) -> bool {
    step.parts.compile_ns.is_some_and(|ns| ns > 0)
        || report.recompiles.iter().any(|r| {
            let inside = Span::new(step.start_ns, step.start_ns.saturating_add(step.dur_ns));
            r.step == Some(step.index) || compile_span(r).is_some_and(|s| !s.intersect(inside).is_empty())
        })
}

fn no_load(report: &TraceReport) -> Option<Finding> {
    let budget = report.budget.as_ref()?;
    let share = budget.shares.iter().find(|s| s.id == "no_load")?;
    if !reaches(share.total_ns, 10, budget.total_ns) {
        return None;
    }
    let says = format!(
        "For {} ({} of serving time) the engine had nothing to serve: pauses between steps longer than {}.",
        show::duration(share.total_ns),
        show::percent(share.total_ns, budget.total_ns),
        show::duration(NO_LOAD_NS)
    );
    Some(Finding {
        advice: "Leave these pauses out when you judge the engine, or record under steady load.".into(),
        ..finding("no-load", Level::Hint, Sure::Derived, "gaps", says)
    })
}

/// Findings that say something because something else is not recorded.
pub const REST_ON_ABSENCE: [&str; 2] = ["device-recording-ends-early", "suspected-compiles"];

/// The host went on handing over work for more than 5 % of the recording (and 1 ms) after the last device event.
fn device_ends_early(report: &TraceReport, last_launch_ns: Option<i64>) -> Option<Finding> {
    let devices = || report.device_time.iter().filter(|d| d.scope == "all");
    let start = devices().map(|d| d.start_ns).min()?;
    let end = devices().map(|d| d.end_ns).max()?;
    let last_step = serving(report).map(|s| s.start_ns.saturating_add(s.dur_ns)).max();
    let host_end = last_launch_ns.into_iter().chain(last_step).max()?;
    let missing = host_end - end;
    if missing < 1_000_000 || !reaches(missing, 5, host_end - start) {
        return None;
    }
    let says = format!(
        "The device recording ends {} before the host's last work ({} of the time from its start): what the \
         device did after that is unknown, and is counted neither as busy nor as idle.",
        show::duration(missing),
        show::percent(missing, host_end - start)
    );
    Some(Finding {
        evidence: vec![FindingEvidence {
            start_ns: Some(end),
            end_ns: Some(host_end),
            ..fact("No device event is recorded here".into())
        }],
        advice:
            "The device's trace buffer probably ran full: record fewer steps, or give it a larger buffer."
                .into(),
        ..finding(
            "device-recording-ends-early",
            Level::Hint,
            Sure::Derived,
            "timeline",
            says,
        )
    })
}

fn synchronised(report: &TraceReport) -> Option<Finding> {
    if !report.synchronised_capture {
        return None;
    }
    let says = "This was recorded with graph-compile tracking, which makes the host wait for the device after \
                every region: host and device do not overlap as they do in normal service, and steps and gaps are \
                longer."
        .into();
    Some(Finding {
        advice: "Use this recording to find compiles; to measure gaps and step times, record again without \
                 graph-compile tracking."
            .into(),
        ..finding("synchronised-capture", Level::Hint, Sure::Derived, "gaps", says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::{BucketCoverage, BudgetShare, DefectRow, Parts, TimeBudget};
    use crate::analyze::{FileFacts, activity::ByCause, analyze};
    use crate::base::Defects;
    use crate::index::Index;

    const MS: i64 = 1_000_000;

    fn blank() -> TraceReport {
        let (index, defects) = (Index::default(), Defects::default());
        analyze(&index, &Vocabulary::default(), &FileFacts::default(), &defects)
    }

    fn step(index: u32, start_ms: i64, dur_ms: i64) -> Step {
        Step {
            index,
            engine_step: Some(index),
            phase: Phase::Decode,
            period: Period::Serving,
            start_ns: start_ms * MS,
            dur_ns: dur_ms * MS,
            gap_before_ns: None,
            bucket: Some(Bucket {
                batch: 4,
                seq: Some(1),
                ctx: Some(128),
            }),
            batch: Some(3),
            tokens: Some(3),
            context_requests: None,
            context_tokens: None,
            generation_requests: None,
            generation_tokens: None,
            graphs: Some(true),
            parts: Parts::default(),
            device: None,
            slice: 100 + index,
        }
    }

    fn compile(step: u32, start_ms: i64, dur_ms: i64) -> Recompile {
        Recompile {
            evidence: Evidence::Recorded,
            name: format!("graph_{step}"),
            start_ns: start_ms * MS,
            dur_ns: dur_ms * MS,
            start_is_exact: true,
            step: Some(step),
            phase: Phase::Decode,
            bucket: Some(Bucket {
                batch: 4,
                seq: Some(1),
                ctx: Some(128),
            }),
            period: Period::Serving,
            region: None,
            region_start_ns: None,
            region_end_ns: None,
            also: None,
            slice: Some(7),
        }
    }

    fn budget(total_ms: i64) -> Option<TimeBudget> {
        Some(TimeBudget {
            total_ns: total_ms * MS,
            shares: Vec::new(),
            definition: String::new(),
        })
    }

    fn of(report: &TraceReport) -> Vec<Finding> {
        let vocabulary = Vocabulary::default();
        findings(
            report,
            &Facts {
                vocabulary: &vocabulary,
                decode_idle: None,
                last_launch_ns: None,
            },
        )
    }

    fn get<'f>(all: &'f [Finding], id: &str) -> &'f Finding {
        all.iter()
            .find(|f| f.id == id)
            .unwrap_or_else(|| panic!("{id} is missing in {all:#?}"))
    }

    fn has(all: &[Finding], id: &str) -> bool {
        all.iter().any(|f| f.id == id)
    }

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
            "3 graphs were compiled while serving. They held up 2 steps for 90.0 ms (9.0 % of serving time)."
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
    fn compiles_are_not_said_to_be_while_serving_where_the_trace_does_not_say() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        let mut unknown = compile(0, 10, 50);
        unknown.period = Period::Unknown;
        report.recompiles = vec![unknown];
        let all = of(&report);
        assert_eq!(
            get(&all, "compiles-in-unknown-period").says,
            "1 graph was compiled, for 50.0 ms; whether while warming up or while serving, this trace does not say."
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
                .starts_with("1 graph was compiled while serving. It held up 1 step for 50.0 ms")
        );
        assert_eq!(
            found.evidence[1].says,
            "Recorded at another level, not added: 1 graph was compiled, 10.0 ms."
        );
    }

    #[test]
    fn that_nothing_was_compiled_is_as_sure_as_the_trace_lets_it_be() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        assert_eq!(get(&of(&report), "no-compiles-while-serving").sure, Sure::Derived);
        report.synchronised_capture = true;
        let all = of(&report);
        let found = get(&all, "no-compiles-while-serving");
        assert_eq!((found.sure, found.level), (Sure::Recorded, Level::Fine));
        assert_eq!(found.says, "No graph was compiled while serving.");
        assert!(has(&all, "synchronised-capture"));
    }

    #[test]
    fn buckets_that_warmup_left_out_are_named() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        report.recompiles = vec![compile(0, 10, 50)];
        let bucket = |batch, ctx| PhaseBucket {
            phase: Phase::Decode,
            bucket: Bucket {
                batch,
                seq: Some(1),
                ctx: Some(ctx),
            },
            count: 2,
        };
        report.bucket_coverage = Some(BucketCoverage {
            warmed: vec![bucket(2, 64)],
            served: vec![bucket(4, 128), bucket(16, 64)],
            served_not_warmed: vec![bucket(4, 128), bucket(16, 64)],
        });
        let vocabulary = Vocabulary {
            has_warmup: true,
            advice: &[("buckets-not-warmed", "Set BUCKET_MAX.")],
            ..Vocabulary::default()
        };
        let facts = Facts {
            vocabulary: &vocabulary,
            decode_idle: None,
            last_launch_ns: None,
        };
        let all = findings(&report, &facts);
        let found = get(&all, "buckets-not-warmed");
        assert_eq!(
            found.says,
            "2 buckets were served that warm-up never ran: decode (4, 1, 128) and decode (16, 1, 64) (batch, \
             sequence length, context blocks)."
        );
        assert_eq!(
            found.advice,
            "Extend the buckets that warm-up runs to include decode up to batch 16, 128 context blocks. Set BUCKET_MAX."
        );
        assert_eq!(found.cost_ns, Some(50 * MS));
        assert_eq!(found.evidence[0].step, Some(0));
        assert!(
            get(&all, "compiles-while-serving")
                .advice
                .starts_with("1 of 1 compile fell in buckets that warm-up left out")
        );
        // Without warm-up in the file, "not warmed" would mean nothing.
        let all = of(&report);
        assert!(has(&all, "warmup-not-recorded") && !has(&all, "buckets-not-warmed"));
    }

    #[test]
    fn a_slow_step_is_one_without_a_compile() {
        let mut report = blank();
        report.steps = (0..8).map(|i| step(i, i64::from(i) * 100, 10)).collect();
        report.budget = budget(800);
        report.steps[2].dur_ns = 31 * MS;
        report.steps[2].parts.sample_ns = Some(20 * MS);
        report.steps[2].parts.forward_ns = Some(8 * MS);
        report.steps[5].dur_ns = 90 * MS;
        report.recompiles = vec![compile(5, 510, 60)];
        let all = of(&report);
        let found = get(&all, "slow-steps");
        assert_eq!(
            found.says,
            "1 step is slower than 3 × the median of its phase and bucket, without a compile. Above the median it \
             costs 21.0 ms."
        );
        assert_eq!(
            (found.cost_ns, found.evidence.len(), found.evidence[0].step),
            (Some(21 * MS), 1, Some(2))
        );
        assert_eq!(
            found.evidence[0].says,
            "step 2 (decode, bucket (4, 1, 128)): 31.0 ms, median 10.0 ms, 20.0 ms of it sampling"
        );
        report.steps[2].dur_ns = 30 * MS;
        let all = of(&report);
        assert_eq!(
            get(&all, "no-slow-steps").level,
            Level::Fine,
            "three times is not slower than three times"
        );
    }

    #[test]
    fn padding_is_of_all_rows_together() {
        let mut report = blank();
        report.steps = (0..4).map(|i| step(i, i64::from(i) * 100, 10)).collect();
        report.steps[2].batch = None;
        let all = of(&report);
        assert_eq!(
            get(&all, "decode-padding").says,
            "Decode batches are 25 % padding: 9 of 12 rows of the batch hold a request, over 3 steps."
        );
        assert_eq!(get(&all, "decode-padding").level, Level::Hint);
        report.steps[0].batch = Some(400);
        assert!(
            !has(&of(&report), "decode-padding"),
            "more requests than rows: not the same things"
        );
    }

    #[test]
    fn decode_that_waits_names_its_largest_cause() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        let mut by_cause = ByCause::default();
        by_cause[Cause::Recompile as usize] = 500 * MS;
        by_cause[Cause::InputPrep as usize] = 150 * MS;
        by_cause[Cause::Wait as usize] = 50 * MS;
        by_cause[Cause::Device as usize] = 7 * MS;
        let idle = DecodeIdle {
            is_decode: true,
            window: Span::new(0, 1000 * MS),
            by_cause,
            between_steps_ns: 20 * MS,
            suspected_ns: 19 * MS,
            longest: Some(Span::new(5, 9)),
        };
        let vocabulary = Vocabulary::default();
        let facts = |idle| Facts {
            vocabulary: &vocabulary,
            decode_idle: Some(idle),
            last_launch_ns: None,
        };
        let all = findings(&report, &facts(idle.clone()));
        let found = get(&all, "decode-waits-for-host");
        assert_eq!(
            found.says,
            "Decode waits for the host: between the first and the last decode step the device is idle for 40 % of \
             the time, compiles and pauses without load left out. Largest cause: input preparation, 150 ms of 200 ms."
        );
        assert_eq!((found.level, found.cost_ns), (Level::Problem, Some(200 * MS)));
        let says: Vec<&str> = found.evidence.iter().map(|e| e.says.as_str()).collect();
        assert_eq!(
            says[..2],
            [
                "input preparation: 150 ms (75 %)",
                "waiting for the device: 50.0 ms (25 %)"
            ]
        );
        assert!(says[2].starts_with("20.0 ms of it lies between engine steps"));
        let suspected = DecodeIdle {
            suspected_ns: 20 * MS,
            ..idle.clone()
        };
        let all = findings(&report, &facts(suspected));
        assert!(
            get(&all, "decode-waits-for-host")
                .says
                .ends_with("20.0 ms of it passes in steps that look as if a graph was compiled.")
        );
        let phaseless = DecodeIdle {
            is_decode: false,
            ..idle.clone()
        };
        let all = findings(&report, &facts(phaseless));
        let says = &get(&all, "device-waits-for-host").says;
        assert!(
            says.starts_with("The device waits for the host: between the first and the last step the device")
        );
        let busy = DecodeIdle {
            by_cause: ByCause::default(),
            ..idle
        };
        let all = findings(&report, &facts(busy));
        assert_eq!(get(&all, "decode-keeps-the-device-busy").level, Level::Fine);
    }

    #[test]
    fn a_device_recording_that_ends_early_is_told() {
        let mut report = blank();
        let work = vec![(crate::dialect::Role::DeviceCompute, Span::new(0, 600 * MS))];
        let device = crate::analyze::device_time::time_of(work).unwrap();
        report.device_time = vec![crate::analyze::report::DeviceTime {
            scope: "all".into(),
            ..device
        }];
        let vocabulary = Vocabulary::default();
        let facts = |last| Facts {
            vocabulary: &vocabulary,
            decode_idle: None,
            last_launch_ns: Some(last),
        };
        let all = findings(&report, &facts(1000 * MS));
        let found = get(&all, "device-recording-ends-early");
        assert!(
            found
                .says
                .starts_with("The device recording ends 400 ms before the host's last work (40 % ")
        );
        assert_eq!(found.evidence[0].start_ns, Some(600 * MS));
        assert!(!has(
            &findings(&report, &facts(620 * MS)),
            "device-recording-ends-early"
        ));
    }

    #[test]
    fn a_damaged_file_is_a_problem_and_problems_come_first() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        report.defects = vec![DefectRow {
            kind: "truncated_gzip".into(),
            severity: Severity::Error,
            count: 1,
            first_at_byte: Some(90_000),
            events_lost: 0,
            ends_early: false,
            says: "The gzip stream ends in the middle.".into(),
        }];
        report.budget = Some(TimeBudget {
            shares: vec![BudgetShare {
                id: "no_load".into(),
                says: String::new(),
                total_ns: 300 * MS,
            }],
            ..budget(1000).unwrap()
        });
        report.recompiles = vec![compile(0, 10, 50)];
        let all = of(&report);
        let ids: Vec<&str> = all.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(ids[..2], ["compiles-while-serving", "input-damaged"]);
        assert!(all.windows(2).all(|w| w[0].level <= w[1].level));
        assert_eq!(
            get(&all, "input-damaged").evidence[0].says,
            "The gzip stream ends in the middle. (1×) First at byte 90,000 of the inflated text."
        );
        assert!(
            get(&all, "no-load")
                .says
                .starts_with("For 300 ms (30 % of serving time)")
        );
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(of(&blank()), Vec::new());
        let mut report = blank();
        report.events = 5;
        let all = of(&report);
        assert_eq!(
            all.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(),
            ["no-steps"]
        );
    }
}
