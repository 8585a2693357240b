//! The device's recording ends well before the host's: launches at the end have no recorded work. Where work does not
//! name its launch, the same is said where launches, or else steps, start after the last device event.

use super::shared::{fact, finding, reaches, serving};
use super::{Facts, Rule, launches_without_work};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::base::show;
use crate::dialect::RecordingKind;

pub(super) const RULE: Rule = Rule {
    ids: &["device-recording-ends-early"],
    judge,
    rests_on_absence: true,
};

/// The host went on handing over work for more than 5 % of the recording (and 1 ms) after the last device event.
pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    // What is captured runs when the graph is replayed.
    let is_capture = facts.vocabulary.recording == Some(RecordingKind::GraphCapture);
    if report.clock_offset_ns.is_some() || is_capture || launches_without_work::are_scattered(facts) {
        return None;
    }
    let devices = || report.device_time.iter().filter(|d| d.scope == "all");
    let start = devices().map(|d| d.start_ns).min()?;
    let end = devices().map(|d| d.end_ns).max()?;
    let steps_behind = serving(report).filter(|s| s.start_ns > end);
    let last_step = steps_behind.map(|s| s.start_ns.saturating_add(s.dur_ns)).max();
    let host_end = match (facts.links_launches, facts.last_launch_ns) {
        // A step of which no launch is recorded says nothing.
        (true, _) => facts.trailing_launches?.span.end,
        (false, Some(last_launch)) => last_launch,
        (false, None) => last_step?,
    };
    let missing = host_end - end;
    if missing < 1_000_000 || !reaches(missing, 5, host_end - start) {
        return None;
    }
    let says = format!(
        "The device recording ends {} before the host's last launch ({} of the time from its start){}: what the \
         device did after that is unknown, and is counted neither as busy nor as idle.",
        show::duration(missing),
        show::percent(missing, host_end - start),
        match facts.trailing_launches {
            Some(t) if t.count > 1 => format!(
                ", and the last {} launches have no recorded work",
                show::count(t.count)
            ),
            _ => String::new(),
        }
    );
    Some(Finding {
        evidence: vec![FindingEvidence {
            start_ns: Some(end),
            end_ns: Some(host_end),
            ..fact("No device event is recorded here".into())
        }],
        advice: "If the device's trace buffer ran full, record fewer steps or give it a larger buffer."
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
    use crate::analyze::findings::fixtures::*;
    use crate::base::Span;
    use crate::dialect::Vocabulary;

    #[test]
    fn a_device_recording_that_ends_early_is_told() {
        let mut report = blank();
        let work = vec![(crate::dialect::Role::DeviceCompute, Span::new(0, 600 * MS))];
        let device = crate::analyze::device::device_time::time_of(work).unwrap();
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
                .starts_with("The device recording ends 400 ms before the host's last launch (40 % ")
        );
        assert_eq!(found.evidence[0].start_ns, Some(600 * MS));
        assert!(!has(&of_last(620 * MS), "device-recording-ends-early"));
    }
}
