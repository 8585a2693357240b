//! The operator that takes most of the host's time, where the host computes: no device is recorded. Stretches that a
//! program named are no operators, and what compiles has a finding of its own: silent where these take most of it.

use super::shared::{fact, finding, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, Operator, Sure};
use crate::base::{order, show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["largest-operator"],
    judge,
    rests_on_absence: false,
};

/// An operator is named from this share of all operators' self time on, in percent.
const LARGE_PERCENT: i64 = 20;
/// With a smaller share of the recorded host time, in percent, operators are not what takes it.
const LEAST_PERCENT_OPERATORS: i64 = 50;
/// Fewer calls are no picture of what the host computes.
const LEAST_CALLS: u64 = 20;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    if !report.device_time.is_empty() || report.device_kind != "cpu" {
        return None;
    }
    let is_operator = |o: &&Operator| !facts.not_operators.contains(&o.longest_slice);
    let operators = || report.operators.iter().filter(is_operator);
    let all = stats::sum(report.operators.iter().map(|o| o.self_cpu_ns));
    let total = stats::sum(operators().map(|o| o.self_cpu_ns));
    let calls: u64 = operators().map(|o| o.count).sum();
    let largest = operators().max_by_key(|o| o.self_cpu_ns)?;
    if !reaches(total, LEAST_PERCENT_OPERATORS, all) {
        return None;
    }
    if calls < LEAST_CALLS || total <= 0 || !reaches(largest.self_cpu_ns, LARGE_PERCENT, total) {
        return None;
    }
    let says = format!(
        "{} takes {} of {} ({}) of the operators' self time, in {}.",
        largest.name,
        show::duration(largest.self_cpu_ns),
        show::duration(total),
        show::percent(largest.self_cpu_ns, total),
        show::counted(largest.count, "call")
    );
    let mut next: Vec<&Operator> = operators().collect();
    order::sort_by_key(&mut next, |o| std::cmp::Reverse(o.self_cpu_ns));
    let evidence = next.into_iter().take(5).map(|o| FindingEvidence {
        slice: Some(o.longest_slice),
        ..fact(format!(
            "{}: {} ({}) in {}",
            o.name,
            show::duration(o.self_cpu_ns),
            show::percent(o.self_cpu_ns, total),
            show::counted(o.count, "call")
        ))
    });
    let outside = (all > total).then(|| {
        fact(format!(
            "{} more lie outside operators, in parts of steps or other stretches that the program named, or in compiles",
            show::duration(all - total)
        ))
    });
    Some(Finding {
        evidence: evidence.chain(outside).collect(),
        cost_ns: Some(largest.self_cpu_ns),
        ..finding("largest-operator", Level::Hint, Sure::Recorded, "operators", says)
    })
}
