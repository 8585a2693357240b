//! Tracking of graph compiles made the host wait for the device while this was recorded.

use super::shared::finding;
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};

pub(super) const RULE: Rule = Rule {
    ids: &["synchronised-capture"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
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
