//! The device's recording ends well before the host's.

use super::shared::{fact, finding, reaches, serving};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::base::show;
use crate::dialect::RecordingKind;

pub(super) const RULE: Rule = Rule {
    ids: &["device-recording-ends-early"],
    judge,
    rests_on_absence: true,
};

/// The host went on handing over work for more than 5 % of the recording (and 1 ms) after the last device event.
fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    // What is captured runs when the graph is replayed.
    let is_capture = facts.vocabulary.recording == Some(RecordingKind::GraphCapture);
    if report.clock_offset_ns.is_some() || is_capture {
        return None;
    }
    let devices = || report.device_time.iter().filter(|d| d.scope == "all");
    let start = devices().map(|d| d.start_ns).min()?;
    let end = devices().map(|d| d.end_ns).max()?;
    let last_step = serving(report).map(|s| s.start_ns.saturating_add(s.dur_ns)).max();
    let host_end = facts.last_launch_ns.into_iter().chain(last_step).max()?;
    let missing = host_end - end;
    if missing < 1_000_000 || !reaches(missing, 5, host_end - start) {
        return None;
    }
    let says = format!(
        "The device recording ends {} before the host's last work ({} of the time from its start): what the \
         device did after that is unknown, and is counted neither as busy nor as idle.",
        show::duration(missing),
        show::percent(missing, host_end - start)
    );
    Some(Finding {
        evidence: vec![FindingEvidence {
            start_ns: Some(end),
            end_ns: Some(host_end),
            ..fact("No device event is recorded here".into())
        }],
        advice:
            "The device's trace buffer probably ran full: record fewer steps, or give it a larger buffer."
                .into(),
        ..finding(
            "device-recording-ends-early",
            Level::Hint,
            Sure::Derived,
            "timeline",
            says,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::made::*;
    use crate::base::Span;
    use crate::dialect::Vocabulary;

    #[test]
    fn a_device_recording_that_ends_early_is_told() {
        let mut report = blank();
        let work = vec![(crate::dialect::Role::DeviceCompute, Span::new(0, 600 * MS))];
        let device = crate::analyze::device::time::time_of(work).unwrap();
        report.device_time = vec![crate::analyze::report::DeviceTime {
            scope: "all".into(),
            ..device
        }];
        let vocabulary = Vocabulary::default();
        let of_last = |last| {
            of_facts(&Facts {
                last_launch_ns: Some(last),
                ..facts(&report, &vocabulary)
            })
        };
        let all = of_last(1000 * MS);
        let found = get(&all, "device-recording-ends-early");
        assert!(
            found
                .says
                .starts_with("The device recording ends 400 ms before the host's last work (40 % ")
        );
        assert_eq!(found.evidence[0].start_ns, Some(600 * MS));
        assert!(!has(&of_last(620 * MS), "device-recording-ends-early"));
    }
}
