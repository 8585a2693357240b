//! What the profiler calls overhead, where it takes much of a step or of idle time: code that is loaded at its first
//! use, or the profiler's own work. Two judgements of one rule.

use super::shared::{fact, finding, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::analyze::sentence_words;
use crate::base::show;
use crate::dialect::vocabulary::OverheadKind;

pub(super) const FIRST_USE: Rule = Rule {
    ids: &["first-use-loading"],
    judge: |facts| judge(facts, OverheadKind::FirstUse),
    rests_on_absence: false,
};

pub(super) const RECORDING: Rule = Rule {
    ids: &["recording-overhead"],
    judge: |facts| judge(facts, OverheadKind::Recording),
    rests_on_absence: false,
};

/// From this share of a step's host time, or of a device's idle time, on, in percent.
const LEAST_PERCENT: i64 = 10;

fn judge(facts: &Facts<'_>, kind: OverheadKind) -> Option<Finding> {
    let found = facts.overhead.iter().find(|o| o.kind == kind)?;
    let of_step = found
        .step
        .filter(|&(_, ns, host)| reaches(ns, LEAST_PERCENT, host));
    let of_idle = found
        .idle
        .filter(|&(ns, idle)| idle > 0 && reaches(ns, LEAST_PERCENT, idle));
    let mut shares = Vec::new();
    if let Some((step, ns, host_ns)) = of_step {
        shares.push(format!(
            "{} of the host time of step {step} ({} of {})",
            show::percent(ns, host_ns),
            show::duration(ns),
            show::duration(host_ns)
        ));
    }
    if let Some((ns, idle_ns)) = of_idle {
        shares.push(format!(
            "{} of the device's idle time ({} of {})",
            show::percent(ns, idle_ns),
            show::duration(ns),
            show::duration(idle_ns)
        ));
    }
    if shares.is_empty() {
        return None;
    }
    let (id, what, advice) = match kind {
        OverheadKind::FirstUse => (
            "first-use-loading",
            "loading code for its first use",
            "Each kernel's code is loaded once: run the same work before you record, or leave these steps out.",
        ),
        OverheadKind::Recording => (
            "recording-overhead",
            "the profiler's own work",
            "Without the profiler this time is not spent: leave these steps out, or record after a few steps of \
             warm-up of the profiler.",
        ),
    };
    let says = format!(
        "{} coincides with {}.",
        sentence_words::capitalised(what),
        shares.join(" and with ")
    );
    let evidence = found
        .by_name
        .iter()
        .take(5)
        .map(|(name, count, ns, slice, span)| FindingEvidence {
            start_ns: Some(span.start),
            end_ns: Some(span.end),
            slice: Some(slice.0),
            ..fact(format!(
                "{name}: {} in {}, longest {}",
                show::duration(*ns),
                show::counted(*count, "event"),
                show::duration(span.len_ns())
            ))
        });
    Some(Finding {
        cost_ns: Some(found.total_ns),
        evidence: evidence.collect(),
        advice: advice.into(),
        ..finding(id, Level::Hint, Sure::Recorded, "timeline", says)
    })
}
