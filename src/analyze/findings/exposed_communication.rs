//! Collectives that no compute hides.

use super::shared::{finding, most, of_kind, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, Level, Sure, device_name};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["exposed-communication"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let device = most(report, |d| d.comm_exposed_ns)?;
    let (ns, span) = (device.comm_exposed_ns, device.span_ns);
    if !reaches(ns, 5, span) {
        return None;
    }
    let says = format!(
        "Communication that no compute hides takes {} of device {} ({} of its recording).",
        show::duration(ns),
        device_name(device.device, device.rank.as_deref()),
        show::percent(ns, span)
    );
    let level = if reaches(ns, 20, span) {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(ns),
        evidence: of_kind(report, "comm"),
        advice: "Waiting for a slower rank counts as communication too: compare the ranks before blaming the network."
            .into(),
        ..finding("exposed-communication", level, Sure::Derived, "device", says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::made::*;
    use crate::analyze::report::{Copy, DeviceTime, Engines};

    #[test]
    fn exposed_communication_and_slow_copies_are_told() {
        let mut report = blank();
        report.device_time = vec![DeviceTime {
            device: 3,
            rank: None,
            scope: "all".into(),
            span_ns: 100 * MS,
            busy_ns: 100 * MS,
            compute_ns: 70 * MS,
            comm_exposed_ns: 20 * MS,
            copy_exposed_ns: 10 * MS,
            idle_ns: 0,
            engines: Engines::default(),
            start_ns: 0,
            end_ns: 100 * MS,
        }];
        let copy = |bytes: u64, ns: i64| Copy {
            name: "Memcpy HtoD (Pageable -> Device)".into(),
            direction: Some("HtoD".into()),
            count: 1,
            total_ns: ns,
            p50_ns: ns,
            max_ns: ns,
            bytes: Some(bytes),
            bytes_ns: ns,
            gb_per_s: Some(bytes as f64 / ns as f64),
            longest_slice: 9,
        };
        report.copies = vec![copy(40 << 20, 10 * MS), copy(100, MS)];
        let all = of(&report);
        assert_eq!(
            get(&all, "exposed-communication").says,
            "Communication that no compute hides takes 20.0 ms of device 3 (20 % of its recording)."
        );
        assert_eq!(get(&all, "exposed-communication").level, Level::Problem);
        assert_eq!(get(&all, "exposed-copies").cost_ns, Some(10 * MS));
        assert_eq!(get(&all, "slow-copies").evidence.len(), 1);
        assert!(
            get(&all, "slow-copies")
                .says
                .starts_with("1 large copy between host and device")
        );
        report.copies = vec![copy(400 << 20, 10 * MS)];
        assert!(!has(&of(&report), "slow-copies"));
    }
}
