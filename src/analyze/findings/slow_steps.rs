//! Steps that are slow for their like: some, or none. Two faces of one comparison.

use super::shared::{N_EVIDENCE, at_step, finding, reaches, serving, serving_ns};
use super::{Facts, Rule};
use crate::analyze::gaps::step_label;
use crate::analyze::report::{Finding, Level, Step, Sure};
use crate::analyze::steps::like::{LEAST_LIKE, by_like_size};
use crate::base::{order, show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["slow-steps", "no-slow-steps"],
    judge,
    rests_on_absence: false,
};

/// A step is slow if it takes longer than this many medians of its like …
const SLOW_FACTOR: i64 = 3;
/// … and this much longer than the median, so that microseconds do not count …
const SLOW_EXCESS_NS: i64 = 100_000;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let took = |s: &Step| s.step_ns.unwrap_or(s.dur_ns);
    let mut judged = 0u64;
    let mut slow: Vec<(&Step, i64)> = Vec::new();
    for (_, steps) in by_like_size(serving(report).filter(|s| !s.compiled && s.step_ns.is_some())) {
        if steps.len() < LEAST_LIKE {
            continue;
        }
        let mut lengths: Vec<i64> = steps.iter().map(|s| took(s)).collect();
        lengths.sort_unstable();
        let median = stats::quantile(&lengths, 0.5)?;
        judged += steps.len() as u64;
        let is_slow =
            |s: &&Step| took(s) > median.saturating_mul(SLOW_FACTOR) && took(s) - median >= SLOW_EXCESS_NS;
        slow.extend(steps.into_iter().filter(is_slow).map(|s| (s, median)));
    }
    if judged == 0 {
        return None;
    }
    order::sort_by_key(&mut slow, |(s, median)| {
        (std::cmp::Reverse(took(s) - median), s.index)
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
    let cost = stats::sum(slow.iter().map(|(s, median)| took(s) - median));
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
                let took = show::duration(took(s));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::made::*;

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
        report.steps[2].step_ns = Some(30 * MS);
        let all = of(&report);
        assert_eq!(
            get(&all, "no-slow-steps").level,
            Level::Fine,
            "three times is not slower than three times"
        );
    }
}
