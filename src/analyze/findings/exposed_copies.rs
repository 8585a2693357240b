//! Exposed copies: neither compute nor communication overlaps them. Silent where much of the work is not recorded.

use super::shared::{finding, is_work_missing, most, of_kind, overlapped_or_not, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Copy, Finding, Level, Sure, TraceReport, device_name};
use crate::base::{show, stats};
use crate::dialect::RecordingKind;

pub(super) const RULE: Rule = Rule {
    ids: &["exposed-copies"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    // A recording of captures does not hold the device's work.
    if is_work_missing(facts) || facts.vocabulary.recording == Some(RecordingKind::GraphCapture) {
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
        evidence: overlapped_or_not(report, "copy", device.copy_exposed_ns)
            .into_iter()
            .chain(of_kind(report, "copy"))
            .collect(),
        advice: advice(report).into(),
        ..finding("exposed-copies", Level::Hint, Sure::Derived, "device", says)
    })
}

/// Within a device nothing is gained by leaving data there: the copy itself is what can go.
fn advice(report: &TraceReport) -> &'static str {
    let total = |of: &dyn Fn(&&Copy) -> bool| stats::sum(report.copies.iter().filter(of).map(|c| c.total_ns));
    let within = total(&|c| c.direction.as_deref() == Some("DtoD"));
    let between = total(&|c| matches!(c.direction.as_deref(), Some("HtoD" | "DtoH" | "HtoH")));
    match within > between {
        true => {
            "Most of the copies are from device memory to device memory: write results where they are needed instead \
             of copying them, or let a fused kernel do it."
        }
        false => "Copy beside compute on a stream of its own, or leave the data on the device.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;

    #[test]
    fn what_to_do_follows_from_where_the_copies_go() {
        let copy = |direction: &str, ns: i64| Copy {
            name: "copy".into(),
            direction: Some(direction.into()),
            count: 1,
            total_ns: ns,
            p50_ns: ns,
            max_ns: ns,
            bytes: None,
            bytes_ns: 0,
            gb_per_s: None,
            longest_slice: 0,
        };
        let of = |within: i64, between: i64| {
            let mut report = blank();
            report.copies = vec![copy("DtoD", within), copy("HtoD", between)];
            advice(&report)
        };
        assert!(of(5, 4).contains("device memory to device memory"));
        assert!(of(4, 4).contains("leave the data on the device"));
    }
}
