//! Exposed communication: collectives that compute does not overlap. Silent where much of the work is not recorded.

use super::shared::{fact, finding, is_work_missing, most, of_kind, overlapped_or_not, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Kernel, Level, Sure, TraceReport, device_name};
use crate::analyze::sentence_words;
use crate::base::{show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["exposed-communication"],
    judge,
    rests_on_absence: false,
};

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    if is_work_missing(facts) {
        return None;
    }
    let device = most(report, |d| d.comm_exposed_ns)?;
    let (ns, busy) = (device.comm_exposed_ns, device.busy_ns);
    if ns <= 0 || !reaches(ns, 5, busy) {
        return None;
    }
    let says = format!(
        "Exposed communication (not overlapped by compute) takes {} of device {}: {} of its busy time.",
        show::duration(ns),
        device_name(device.device, device.rank.as_deref()),
        show::percent(ns, busy)
    );
    let level = if reaches(ns, 20, busy) {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(ns),
        evidence: overlapped_or_not(report, "comm", ns)
            .into_iter()
            .chain(of_kind(report, "comm"))
            .chain(fused(report))
            .collect(),
        advice: "Time in which a collective waits for a rank that arrives later counts as communication, too: open the \
                 traces of all ranks together, and see which arrives last before you look at the network."
            .into(),
        ..finding("exposed-communication", level, Sure::Derived, "device", says)
    })
}

/// What a communication kernel's name holds that computes, too.
const COMPUTES: [&str; 4] = ["norm", "gemm", "matmul", "quant"];

/// Of communication kernels that compute, too, what that means.
fn fused(report: &TraceReport) -> Option<FindingEvidence> {
    let is_fused = |name: &str| {
        let name = name.to_ascii_lowercase();
        COMPUTES.iter().any(|word| name.contains(word))
    };
    let kernels = report.kernels.iter().filter(|k| k.kind == "comm");
    let fused: Vec<&Kernel> = kernels.filter(|k| is_fused(&k.name)).collect();
    let longest = fused.first()?;
    Some(FindingEvidence {
        slice: Some(longest.longest_slice),
        ..fact(format!(
            "{} of it in kernels that communicate and compute, such as {}: not all of it is communication",
            show::duration(stats::sum(fused.iter().map(|k| k.total_ns))),
            sentence_words::shortened(&longest.name)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;
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
            "Exposed communication (not overlapped by compute) takes 20.0 ms of device 3: 20 % of its busy time."
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
