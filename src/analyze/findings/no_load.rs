//! Pauses in which the engine had nothing to serve.

use super::shared::{finding, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["no-load"],
    judge,
    rests_on_absence: false,
};

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let budget = report.budget.as_ref()?;
    let share = budget.shares.iter().find(|s| s.id == "no_load")?;
    if !reaches(share.total_ns, 10, budget.total_ns) {
        return None;
    }
    let says = format!(
        "For {} ({} of serving time) the engine waited for requests.",
        show::duration(share.total_ns),
        show::percent(share.total_ns, budget.total_ns),
    );
    Some(Finding {
        advice: "Leave these pauses out when you judge the engine, or record under steady load.".into(),
        ..finding("no-load", Level::Hint, Sure::Derived, "gaps", says)
    })
}
