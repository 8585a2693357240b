//! What was recorded slows the host: said where the host is blamed or nothing else is recorded, and only there.

use super::shared::{fact, finding, listed};
use super::{Facts, Rule, blames_the_host};
use crate::analyze::report::{Bound, Finding, Level, Sure, TraceReport};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["recording-slows-the-host"],
    judge,
    rests_on_absence: false,
};

/// Graph-compile tracking has a finding of its own.
fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let recorded = recorded(facts);
    let verdicts = &facts.report.verdicts;
    // Every time of a step is one of the host.
    let no_device = !verdicts.is_empty() && verdicts.iter().all(|v| v.device.is_none());
    let is_blamed = || {
        let by_verdict = verdicts.iter().any(|v| v.bound == Bound::Host);
        by_verdict || no_device || blames_the_host(facts)
    };
    if recorded.is_empty() || !is_blamed() {
        return None;
    }
    let says = format!(
        "Recording {} slows the host: {} longer than in normal service. By how much, the trace does not show.",
        listed(&recorded, 4),
        match no_device {
            true => "its times are",
            false => "host times, and idle time of the device that the host causes, are",
        }
    );
    Some(Finding {
        evidence: per_step(facts.report).map(fact).into_iter().collect(),
        advice: "Record again without them, and compare step times, before you change the host's code."
            .into(),
        ..finding(
            "recording-slows-the-host",
            Level::Hint,
            Sure::Recorded,
            "overview",
            says,
        )
    })
}

/// Less than this is not worth a word: recording one takes about a microsecond.
const LEAST_EVENTS_PER_MS: i64 = 10;

/// What the trace shows of what was recorded beside operators and device work; nothing where that is little.
pub(super) fn recorded(facts: &Facts<'_>) -> Vec<String> {
    let report = facts.report;
    let frames: u64 = report.python.iter().map(|frame| frame.count).sum();
    let allocations = report.memory.as_ref().map_or(0, |memory| memory.events);
    let kinds = [
        ("python stacks", frames, "frame"),
        ("input shapes", facts.calls_with_shapes, "call"),
        ("allocations", allocations, "event"),
    ];
    let total = kinds.iter().fold(0u64, |sum, kind| sum.saturating_add(kind.1));
    let span_ns = match (report.start_ns, report.end_ns) {
        (Some(start), Some(end)) => end.saturating_sub(start),
        _ => 0,
    };
    let least = span_ns / 1_000_000 * LEAST_EVENTS_PER_MS;
    if i64::try_from(total).is_ok_and(|total| total < least) {
        return Vec::new();
    }
    let kinds = kinds.into_iter().filter(|kind| kind.1 > 0);
    kinds
        .map(|(what, n, noun)| format!("{what} ({})", show::counted(n, noun)))
        .collect()
}

fn per_step(report: &TraceReport) -> Option<String> {
    let frames: u64 = report.python.iter().map(|frame| frame.count).sum();
    let steps = report.steps.len() as u64;
    (steps > 0 && frames >= steps).then(|| {
        format!(
            "About {} python frames were recorded for each step",
            show::count(frames / steps)
        )
    })
}
