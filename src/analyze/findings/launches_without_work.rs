//! Launches whose work is not in the trace: what the device did is known in part.

use super::shared::{fact, finding, is_fill, without_work};
use super::{Facts, Rule, device_recording_ends_early};
use crate::analyze::report::{Finding, LaunchCall, Level, Sure};
use crate::base::{order, show};

pub(super) const RULE: Rule = Rule {
    ids: &["launches-without-work"],
    judge,
    rests_on_absence: true,
};

/// Sound recordings have a few: what is launched as the recording stops, or while a graph is captured.
const MORE_THAN_PERCENT: u64 = 5;

/// How many calls are named.
const N_NAMED: usize = 3;

fn is_more(without: u64, total: u64) -> bool {
    without.saturating_mul(100) > total.saturating_mul(MORE_THAN_PERCENT)
}

/// Whether launches without work lie all over the trace, and not at its end alone.
pub(super) fn are_scattered(facts: &Facts<'_>) -> bool {
    let known = facts
        .report
        .launches_without_work
        .zip(facts.report.launches_total);
    let trailing = facts.trailing_launches.map_or(0, |t| t.count);
    known.is_some_and(|(without, total)| {
        is_more(without.saturating_sub(trailing), total.saturating_sub(trailing))
    })
}

/// Where the launches at the end are what is missing, that is said instead.
fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let (without, total) = report.launches_without_work.zip(report.launches_total)?;
    let ends_early = || device_recording_ends_early::judge(facts).is_some();
    if !is_more(without, total) || ends_early() {
        return None;
    }
    let mut advice = "Times in which the device seems idle may hold work that is not recorded. Record fewer steps, or \
                      give the profiler a larger buffer.";
    let says = match without == total {
        true if total == 1 => {
            "The only launch has no recorded work: what the device did is unknown.".to_owned()
        }
        true => format!(
            "None of {} launches has recorded work: what the device did in them is unknown.",
            show::count(total)
        ),
        false => format!(
            "{} of {} launches have no recorded work: device times are a lower bound.",
            show::count(without),
            show::count(total)
        ),
    };
    let mut by_call: Vec<(&LaunchCall, u64)> = without_work(report).collect();
    order::sort_by_key(&mut by_call, |&(_, n)| std::cmp::Reverse(n));
    if !by_call.is_empty() && by_call.iter().all(|(call, _)| is_fill(call)) {
        advice = "What is missing only fills memory, which takes microseconds a call.";
    }
    Some(Finding {
        evidence: by_call
            .iter()
            .take(N_NAMED)
            .map(|&(call, n)| {
                fact(format!(
                    "{}: {} of {} have no work",
                    call.name,
                    show::count(n),
                    show::counted(call.count, "call")
                ))
            })
            .collect(),
        advice: advice.into(),
        ..finding(
            "launches-without-work",
            Level::Hint,
            Sure::Recorded,
            "timeline",
            says,
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::analyze::findings::fixtures::*;

    #[test]
    fn more_than_a_twentieth_is_told() {
        let mut report = blank();
        (report.launches_without_work, report.launches_total) = (Some(19), Some(30));
        assert_eq!(
            get(&of(&report), "launches-without-work").says,
            "19 of 30 launches have no recorded work: device times are a lower bound."
        );
        (report.launches_without_work, report.launches_total) = (Some(5), Some(100));
        assert!(!has(&of(&report), "launches-without-work"));
        (report.launches_without_work, report.launches_total) = (None, Some(100));
        assert!(!has(&of(&report), "launches-without-work"));
    }
}
