//! Exposed copies: neither compute nor communication overlaps them. Silent where much of the work is not recorded.

use super::shared::{finding, is_work_missing, most, of_kind, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure, device_name};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["exposed-copies"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    if is_work_missing(facts) {
        return None;
    }
    let device = most(report, |d| d.copy_exposed_ns)?;
    if device.copy_exposed_ns <= 0 || !reaches(device.copy_exposed_ns, 5, device.busy_ns) {
        return None;
    }
    let says = format!(
        "Exposed copies (not overlapped by compute or communication) take {} of device {}: {} of its busy time.",
        show::duration(device.copy_exposed_ns),
        device_name(device.device, device.rank.as_deref()),
        show::percent(device.copy_exposed_ns, device.busy_ns)
    );
    Some(Finding {
        cost_ns: Some(device.copy_exposed_ns),
        evidence: of_kind(report, "copy"),
        advice: "Copy beside compute on a stream of its own, or leave the data on the device.".into(),
        ..finding("exposed-copies", Level::Hint, Sure::Derived, "device", says)
    })
}
