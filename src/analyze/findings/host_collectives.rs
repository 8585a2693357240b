//! Collectives on the host that take much of the steps' time, where no device is recorded: a step that is bound by
//! communication says so here. Silent below [`LEAST_PERCENT`] of the steps' host time.

use super::shared::{fact, finding, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["host-collectives"],
    judge,
    rests_on_absence: true,
};

/// From this share of the steps' host time on, in percent; exposed communication of a device is a problem at as much.
const LEAST_PERCENT: i64 = 20;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let found = facts.host_collectives.as_ref()?;
    if !facts.report.device_time.is_empty() || !reaches(found.covered_ns, LEAST_PERCENT, found.steps_ns) {
        return None;
    }
    let largest = found.by_name.first()?;
    let says = format!(
        "Collectives on the host run for {} of the host time of steps without a compile ({} of {} in {}), most of it {}.",
        show::percent(found.covered_ns, found.steps_ns),
        show::duration(found.covered_ns),
        show::duration(found.steps_ns),
        show::counted(found.steps, "step"),
        largest.name
    );
    let evidence = found.by_name.iter().map(|of| FindingEvidence {
        start_ns: Some(of.longest_span.start),
        end_ns: Some(of.longest_span.end),
        slice: Some(of.longest.0),
        ..fact(format!(
            "{}: {} in {}, longest {}",
            of.name,
            show::duration(of.covered_ns),
            show::counted(of.count, "call"),
            show::duration(of.longest_span.len_ns())
        ))
    });
    Some(Finding {
        cost_ns: Some(found.covered_ns),
        evidence: evidence.collect(),
        advice: "Time in which a collective waits for a rank that arrives later counts, too: open the traces of all \
                 ranks together, and see which arrives last before you look at the network."
            .into(),
        ..finding("host-collectives", Level::Problem, Sure::Derived, "operators", says)
    })
}
