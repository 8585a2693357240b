//! What lies between engine steps: much, or little. Two faces of one share.

use super::shared::{fact, finding, reaches, serving_ns};
use super::{Facts, Rule};
use crate::analyze::report::{Cause, Finding, FindingEvidence, GapCause, GapKind, Level, Sure};
use crate::analyze::sentence_words;
use crate::base::{show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["time-between-steps", "steps-follow-closely"],
    judge,
    rests_on_absence: false,
};

/// Fewer steps are no steady service.
const LEAST_STEPS: usize = 5;

/// Where no device recording exists, the gaps between steps are what the host is known to cost.
pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    // What lies between steps that were inferred may lie inside the engine's.
    if report.steps.len() < LEAST_STEPS || facts.vocabulary.steps_inferred {
        return None;
    }
    // Of several engines, the one with the most time between its steps.
    let of_steps = || report.gaps.iter().filter(|g| g.kind == GapKind::Step);
    let gaps = of_steps().rev().max_by_key(|g| g.total_ns)?;
    serving_ns(report).filter(|_| report.device_time.is_empty())?;
    let total = gaps.steps_ns;
    let serving_time = match of_steps().count() {
        1 => "serving time".to_owned(),
        _ => format!("the serving time of {}", gaps.r#where),
    };
    let no_load = |c: &&GapCause| c.cause != Cause::NoLoad;
    let waited = stats::sum(gaps.causes.iter().filter(no_load).map(|c| c.total_ns));
    let base = total - (gaps.total_ns - waited);
    if base <= 0 || !reaches(waited, 5, base) {
        let says = format!(
            "Engine steps follow each other closely: {} of {serving_time} lies between them.",
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
        "{} of {serving_time} ({}) lies between engine steps. Largest cause: {}, {}.",
        show::percent(waited, base),
        show::duration(waited),
        sentence_words::cause_noun(largest.cause),
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
