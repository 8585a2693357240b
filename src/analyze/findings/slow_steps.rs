//! Steps that are slow for their phase and size: some, or none. Two faces of one comparison.

use super::compiles_while_serving::would_show_compiles;
use super::shared::{N_EVIDENCE, at_step, finding, reaches, serving_ns};
use super::{Facts, Rule};
use crate::analyze::gaps::gap_words::step_label;
use crate::analyze::report::{Difference, DifferenceKind, Finding, Level, SlowStep, Step, Sure, TraceReport};
use crate::analyze::sentence_words;
use crate::analyze::steps::differences::{FORWARD, OUTSIDE, SLOW_FACTOR, Slow, parts, slow};
use crate::base::{order, show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["slow-steps", "no-slow-steps"],
    judge,
    rests_on_absence: false,
};

/// A difference is named in a sentence from this share of the step's excess on, in percent.
const NAMED_PERCENT: i64 = 20;
/// So many are named.
const MOST_NAMED: usize = 3;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let (judged, slow) = slow(&report.steps);
    if judged == 0 {
        return None;
    }
    let Some(first) = slow.first() else {
        let says = format!(
            "No step took more than {SLOW_FACTOR} × the median of its phase and size, except those that compiled or \
             may have compiled ({} compared).",
            show::counted(judged, "step")
        );
        return Some(finding(
            "no-slow-steps",
            Level::Fine,
            Sure::Derived,
            "steps",
            says,
        ));
    };
    let cost = stats::sum(slow.iter().map(Slow::more_ns));
    let (n, their) = (slow.len() as u64, if slow.len() > 1 { "their" } else { "its" });
    let size = match first.step.bucket {
        Some(_) => "bucket",
        None => "size",
    };
    let mut says = format!(
        "{} took more than {SLOW_FACTOR} × the median of {their} phase and {size} without a recorded compile ({} extra{}).",
        show::counted(n, "step"),
        show::duration(cost),
        if n > 1 { " in total" } else { "" }
    );
    let of_first = named(report, first);
    if !of_first.is_empty() {
        let which = match n {
            1 => "What differs".to_owned(),
            _ => format!("What differs in step {}", first.step.index),
        };
        says += &format!(" {which}: {}.", listed(&of_first));
    }
    let is_costly = serving_ns(report).is_some_and(|total| reaches(cost, 1, total));
    Some(Finding {
        cost_ns: Some(cost),
        evidence: slow
            .iter()
            .take(N_EVIDENCE)
            .map(|one| {
                let took = show::duration(one.median_ns.saturating_add(one.more_ns()));
                let median = show::duration(one.median_ns);
                let differs = match listed(&named(report, one)) {
                    none if none.is_empty() => mostly(one.step),
                    some => format!("; {some}"),
                };
                at_step(
                    one.step,
                    format!("{}: {took}, median {median}{differs}", step_label(one.step)),
                )
            })
            .collect(),
        advice: advice(report, &slow),
        ..finding(
            "slow-steps",
            if is_costly { Level::Problem } else { Level::Hint },
            Sure::Derived,
            "steps",
            says,
        )
    })
}

/// What a slow step's excess is mostly made of: causes, and what follows from them only where no cause is recorded.
fn named<'r>(report: &'r TraceReport, slow: &Slow<'_>) -> Vec<&'r Difference> {
    use DifferenceKind as Kind;
    let found = report.slow_steps.iter().find(|s| s.step == slow.step.index);
    let Some(SlowStep { differences, .. }) = found else {
        return Vec::new();
    };
    let is_large = |d: &Difference| reaches(d.more_ns, NAMED_PERCENT, slow.more_ns());
    // An attempt that gave up is named however short, but a short one explains nothing beside it.
    let is_named = |d: &&Difference| d.kind == Kind::CompileLimit || is_large(d);
    let large: Vec<&Difference> = differences.iter().filter(is_named).collect();
    let has = |kinds: &[Kind]| large.iter().any(|d| kinds.contains(&d.kind) && is_large(d));
    let host = [
        Kind::CompileLimit,
        Kind::AllOperators,
        Kind::Operator,
        Kind::Frame,
    ];
    let said_already = |d: &Difference| match d.kind {
        Kind::AllOperators | Kind::Operator | Kind::Frame if has(&[Kind::CompileLimit]) => true,
        Kind::Operator => has(&[Kind::AllOperators]),
        Kind::Frame => has(&[Kind::AllOperators, Kind::Operator]),
        Kind::Kernel => has(&[Kind::AllKernels]),
        Kind::Wait => has(&[Kind::AllKernels, Kind::Kernel]) || has(&host),
        Kind::Unrecorded => has(&host),
        Kind::Part if d.name == OUTSIDE => large
            .iter()
            .any(|other| other.kind != Kind::Part && is_large(other)),
        Kind::Part => has(&host) || has(&[Kind::Wait, Kind::AllKernels, Kind::Kernel]),
        _ => false,
    };
    let mut named: Vec<&Difference> = large.iter().copied().filter(|d| !said_already(d)).collect();
    named.truncate(MOST_NAMED);
    named
}

fn listed(differences: &[&Difference]) -> String {
    let all: Vec<String> = differences.iter().map(|d| says(d)).collect();
    all.join("; ")
}

/// `"aten::cat +41.0 ms (12 ×)"`.
fn says(d: &Difference) -> String {
    let more = show::duration(d.more_ns);
    let name = sentence_words::shortened(&d.name);
    let times = d.ratio.map_or(String::new(), |ratio| match ratio < 100.0 {
        true => format!("{ratio:.1} ×"),
        false => format!("{ratio:.0} ×"),
    });
    let how = match (d.count == d.median_count, d.median_count) {
        (false, 0) => "none in the median of the others".to_owned(),
        (false, n) => format!("{} instead of {}", show::counted(d.count, "call"), show::count(n)),
        (true, _) if times.is_empty() => String::new(),
        (true, _) => times.clone(),
    };
    let how = if how.is_empty() { how } else { format!(" ({how})") };
    match d.kind {
        DifferenceKind::CompileLimit => {
            let took = show::duration(d.more_ns);
            match d.name.as_str() {
                "" => format!("torch.compile gave up an attempt to compile in it ({took})"),
                id => format!("torch.compile gave up compile {id} in it ({took})"),
            }
        }
        DifferenceKind::AllOperators => {
            format!("all operators {times} slower, +{more}: contention or clocks of the host")
        }
        DifferenceKind::AllKernels => format!("all kernels {times} slower, +{more}: contention or clocks"),
        DifferenceKind::Operator => format!("{name} +{more}{how}"),
        DifferenceKind::Frame => format!("python {name} +{more}{how}"),
        DifferenceKind::Kernel => format!("kernel {name} +{more}{how}"),
        DifferenceKind::Wait => format!("{name} waits {more} longer{how}"),
        DifferenceKind::DeviceIdle => format!("no work on the device for {more} more"),
        DifferenceKind::Part => format!("{name} +{more}{how}"),
        DifferenceKind::Unrecorded => format!("no host activity recorded for {more} more"),
        DifferenceKind::AfterStep => format!("{more} more until the next step starts"),
    }
}

/// What to do about the first difference of each step, most frequent first.
fn advice(report: &TraceReport, slow: &[Slow<'_>]) -> String {
    let mut of_kind = [0u32; DifferenceKind::COUNT];
    let looked_into = slow.iter().take(N_EVIDENCE);
    for first in looked_into.filter_map(|one| named(report, one).first().copied()) {
        of_kind[first.kind as usize] += 1;
    }
    let mut kinds: Vec<DifferenceKind> = DifferenceKind::ALL.into_iter().collect();
    kinds.retain(|&kind| of_kind[kind as usize] > 0);
    order::sort_by_key(&mut kinds, |&kind| std::cmp::Reverse(of_kind[kind as usize]));
    let advice: Vec<&str> = kinds.iter().take(2).map(|kind| kind.advice()).collect();
    match advice.is_empty() {
        true => "Nothing that is recorded shows why: compare each step with its neighbours in the timeline."
            .into(),
        false if may_be_a_compile(report, slow) => {
            format!(
                "This trace does not record compiles, and a step like this may be one: record them to know. {}",
                advice.join(" ")
            )
        }
        false => advice.join(" "),
    }
}

/// With at least this multiple of its usual time a forward pass may hold a compile.
const LIKE_A_COMPILE: f64 = 10.0;

fn may_be_a_compile(report: &TraceReport, slow: &[Slow<'_>]) -> bool {
    let is_like_one = |d: &Difference| {
        d.kind == DifferenceKind::Part
            && d.name == FORWARD
            && d.ratio.is_some_and(|ratio| ratio >= LIKE_A_COMPILE)
    };
    let is_long = |one: &Slow<'_>| named(report, one).into_iter().any(is_like_one);
    !would_show_compiles(report) && slow.iter().take(N_EVIDENCE).any(is_long)
}

/// `", 217 ms of it sampling"`: the largest part of a step, if it is at least half.
fn mostly(step: &Step) -> String {
    let largest = parts(&step.parts).max_by_key(|&(_, ns)| ns);
    match largest.filter(|&(_, ns)| reaches(ns, 50, step.step_ns.unwrap_or(step.dur_ns))) {
        Some((name, ns)) => format!(", {} of it {name}", show::duration(ns)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;

    #[test]
    fn a_slow_step_is_one_without_a_compile() {
        let mut report = blank();
        report.steps = (0..8).map(|i| step(i, i64::from(i) * 100, 10)).collect();
        report.budget = budget(800);
        report.steps[2].step_ns = Some(31 * MS);
        report.steps[2].parts.sample_ns = Some(20 * MS);
        report.steps[2].parts.forward_ns = Some(8 * MS);
        report.steps[5].step_ns = Some(90 * MS);
        report.steps[5].compiled = true;
        report.recompiles = vec![compile(5, 510, 60)];
        let all = of(&report);
        let found = get(&all, "slow-steps");
        assert_eq!(
            found.says,
            "1 step took more than 3 × the median of its phase and bucket without a recorded compile (21.0 ms extra)."
        );
        assert_eq!(
            (found.cost_ns, found.evidence.len(), found.evidence[0].step),
            (Some(21 * MS), 1, Some(2))
        );
        assert_eq!(
            found.evidence[0].says,
            "step 2 (decode, bucket (4, 1, 128)): 31.0 ms, median 10.0 ms, 20.0 ms of it sampling"
        );
        report.steps[2].step_ns = Some(30 * MS);
        let all = of(&report);
        assert_eq!(
            get(&all, "no-slow-steps").level,
            Level::Fine,
            "three times is not slower than three times"
        );
    }

    #[test]
    fn what_differs_is_named_by_its_cause() {
        use DifferenceKind as Kind;
        let differs = |kind: Kind, name: &str, more_ms: i64, median_ms: i64| Difference {
            kind,
            name: name.into(),
            more_ns: more_ms * MS,
            median_ns: median_ms * MS,
            ratio: (median_ms > 0).then(|| (median_ms + more_ms) as f64 / median_ms as f64),
            count: 1,
            median_count: u64::from(median_ms > 0),
            slice: None,
        };
        let said = |differences: Vec<Difference>| {
            let mut report = blank();
            report.steps = (0..8).map(|i| step(i, i64::from(i) * 100, 10)).collect();
            report.steps[2].step_ns = Some(60 * MS);
            report.slow_steps = vec![SlowStep {
                step: 2,
                step_ns: 60 * MS,
                median_ns: 10 * MS,
                compared: 7,
                differences,
            }];
            let all = of(&report);
            let found = get(&all, "slow-steps");
            (
                found.evidence[0]
                    .says
                    .rsplit_once("; ")
                    .map(|(_, s)| s.to_owned()),
                found.advice.clone(),
            )
        };
        let (says, advice) = said(vec![
            differs(Kind::Operator, "aten::cat", 41, 4),
            differs(Kind::Operator, "aten::mm", 9, 1),
            differs(Kind::Part, "the forward pass", 50, 5),
        ]);
        assert_eq!(says.as_deref(), Some("aten::cat +41.0 ms (11.2 ×)"));
        assert_eq!(advice, Kind::Operator.advice());
        let (says, _) = said(vec![
            differs(Kind::AllKernels, "", 20, 50),
            differs(Kind::Kernel, "gemm", 15, 30),
            differs(Kind::Wait, "synchronize", 20, 10),
        ]);
        assert_eq!(
            says.as_deref(),
            Some("all kernels 1.4 × slower, +20.0 ms: contention or clocks")
        );
        let (_, advice) = said(vec![differs(Kind::Part, FORWARD, 50, 5)]);
        assert!(
            advice.starts_with("This trace does not record compiles"),
            "{advice}"
        );
        // 49 of 5 ms: 9.8 times.
        let (_, advice) = said(vec![differs(Kind::Part, FORWARD, 44, 5)]);
        assert_eq!(advice, Kind::Part.advice());
        // Torch 2.4 leaves a slice of microseconds for an attempt that gave up.
        let short = Difference {
            more_ns: 4_620,
            ..differs(Kind::CompileLimit, "", 0, 0)
        };
        let (says, _) = said(vec![short, differs(Kind::Unrecorded, "", 30, 1)]);
        assert_eq!(
            says.as_deref(),
            Some("no host activity recorded for 30.0 ms more")
        );
        let (says, _) = said(vec![differs(Kind::DeviceIdle, "", 30, 1)]);
        assert_eq!(says.as_deref(), Some("no work on the device for 30.0 ms more"));
        let (says, advice) = said(vec![differs(Kind::Operator, "aten::mm", 9, 1)]);
        assert_eq!(says, None, "9 of 50 ms explain nothing");
        assert!(advice.contains("compare each step with its neighbours"));
        let (says, _) = said(vec![
            differs(Kind::CompileLimit, "3/7", 45, 0),
            differs(Kind::Operator, "compile", 45, 0),
        ]);
        assert_eq!(
            says.as_deref(),
            Some("torch.compile gave up compile 3/7 in it (45.0 ms)")
        );
    }
}
