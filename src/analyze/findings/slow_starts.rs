//! Work that starts late although nothing was before it on its stream. Silent where much of the work is not recorded:
//! the stream only seems empty then.

use super::shared::{fact, finding, is_work_missing, reaches};
use super::{Facts, Rule};
use crate::analyze::gaps::streams::SLOW_START_NS;
use crate::analyze::report::{
    DeviceIdle, Finding, FindingEvidence, IdleCause, Level, StreamGaps, Sure, device_name,
};
use crate::analyze::sentence_words;
use crate::base::{order, show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["slow-starts"],
    judge,
    rests_on_absence: false,
};

/// Launches are judged as slow to start if what passes between their calls and their work, on streams that were empty,
/// takes at least this share of the streams' time, in percent.
const SLOW_START_PERCENT: i64 = 5;

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    if is_work_missing(facts) {
        return None;
    }
    let streams = || report.stream_gaps.iter();
    let count: u64 = streams().map(|s| s.slow_starts.count).sum();
    // Streams run side by side: the one that lost most is what a reader waits for.
    let most = streams().max_by_key(|s| s.slow_starts.total_ns)?;
    if count == 0 || !reaches(most.slow_starts.total_ns, SLOW_START_PERCENT, most.span_ns()) {
        return None;
    }
    // The device may run other streams meanwhile: then nobody waits.
    let of =
        |idle: &&DeviceIdle| idle.launches_known && (idle.device, &idle.rank) == (most.device, &most.rank);
    let mut cost = most.slow_starts.total_ns;
    if let Some(idle) = report.idle.iter().find(of) {
        let not_started = |cause| matches!(cause, IdleCause::Dependency | IdleCause::LaunchLatency);
        let causes = idle.causes.iter().filter(|c| not_started(c.cause));
        let waited = stats::sum(causes.map(|c| c.total_ns));
        if !reaches(waited, SLOW_START_PERCENT, idle.span_ns) {
            return None;
        }
        cost = cost.min(waited);
    }
    let late: u64 = streams().map(|s| s.launched_late.count).sum();
    let device = device_name(most.device, most.rank.as_deref());
    let says = format!(
        "{} of {} to an empty stream ({} of these) took more than {} to start; on stream {} of device {device} that adds up to {}, \
         {} of the stream's time.",
        show::count(count),
        match late {
            1 => "1 launch".to_owned(),
            n => format!("{} launches", show::count(n)),
        },
        show::percent(
            i64::try_from(count).unwrap_or(i64::MAX),
            i64::try_from(late).unwrap_or(i64::MAX)
        ),
        show::duration(SLOW_START_NS),
        sentence_words::shortened(&most.stream),
        show::duration(most.slow_starts.total_ns),
        show::percent(most.slow_starts.total_ns, most.span_ns()),
    );
    let mut worst: Vec<&StreamGaps> = streams().filter(|s| s.slow_starts.count > 0).collect();
    order::sort_by_key(&mut worst, |s| std::cmp::Reverse(s.slow_starts.max_ns));
    let evidence = worst.iter().take(3).map(|s| FindingEvidence {
        start_ns: s.slow_starts.longest_start_ns,
        end_ns: s
            .slow_starts
            .longest_start_ns
            .map(|start| start.saturating_add(s.slow_starts.max_ns)),
        slice: s.slow_starts.longest_next_slice,
        ..fact(format!(
            "Stream {} of device {}: {} in {}, longest {}",
            sentence_words::shortened(&s.stream),
            device_name(s.device, s.rank.as_deref()),
            show::duration(s.slow_starts.total_ns),
            show::count(s.slow_starts.count),
            show::duration(s.slow_starts.max_ns)
        ))
    });
    Some(Finding {
        cost_ns: Some(cost),
        evidence: evidence.collect(),
        advice:
            "The work may wait for another stream, an event or a device (see in the timeline which waits come before \
             it), or its code is loaded at its first launch: warm up."
                .into(),
        ..finding("slow-starts", Level::Hint, Sure::Derived, "device", says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;
    use crate::analyze::report::GapSum;

    #[test]
    fn work_that_starts_late_on_an_empty_stream_is_told_from_its_share_on() {
        let of_share = |percent: i64| {
            let mut report = blank();
            let slow = GapSum {
                count: 3,
                total_ns: percent * MS,
                max_ns: percent * MS / 2,
                longest_start_ns: Some(5 * MS),
                longest_next_slice: Some(7),
            };
            report.stream_gaps = vec![StreamGaps {
                stream: "7".into(),
                work: 100,
                launched_late: GapSum { count: 12, ..slow },
                slow_starts: slow,
                end_ns: 100 * MS,
                ..StreamGaps::default()
            }];
            of(&report)
        };
        assert!(!has(&of_share(4), "slow-starts"));
        let all = of_share(6);
        let found = get(&all, "slow-starts");
        assert_eq!(
            found.says,
            "3 of 12 launches to an empty stream (25 % of these) took more than 100 µs to start; on stream 7 of device 0 \
             that adds up to 6.00 ms, 6.0 % of the stream's time."
        );
        assert_eq!((found.level, found.cost_ns), (Level::Hint, Some(6 * MS)));
        assert_eq!(
            (found.evidence[0].slice, found.evidence[0].end_ns),
            (Some(7), Some(8 * MS))
        );
    }
}
