//! The clocks of host and device disagree: work starts before the call that launched it, or ends after a call that
//! waited for it.

use super::shared::finding;
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["clocks-disagree"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let offset = facts.report.clock_offset_ns?;
    let why = match offset < 0 {
        true => "starts before the call that launched it",
        false => "ends after a call that waited for it has returned",
    };
    let says = format!(
        "Clocks of host and device disagree by about {}: Stepscope does not say who waits for whom, because work {why}.",
        show::about(offset)
    );
    Some(Finding {
        advice: "Times of one side are right by themselves. Record again, with a newer profiler if you can, to compare \
                 the two sides."
            .into(),
        ..finding("clocks-disagree", Level::Hint, Sure::Derived, "timeline", says)
    })
}
