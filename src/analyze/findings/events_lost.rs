//! Events that could not be read as recorded.

use super::shared::{defects, finding};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};
use crate::base::{Severity, show};

pub(super) const RULE: Rule = Rule {
    ids: &["events-lost"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let losses = report.defects.iter().filter(|d| d.severity == Severity::Loss);
    let losses = losses.filter(|d| !d.is_of_no_event());
    let lost: u64 = losses.map(|d| d.count).sum();
    if lost == 0 {
        return None;
    }
    let says = format!(
        "{} could not be read as recorded: lost, or kept with a value replaced.",
        show::counted(lost, "event")
    );
    Some(Finding {
        evidence: defects(report, Severity::Loss),
        advice: "Check whether the events named here matter for what you look for.".into(),
        ..finding("events-lost", Level::Hint, Sure::Recorded, "overview", says)
    })
}
