//! What the recording itself is good for: damage, missing steps, a device recording that ends early.

use crate::base::{Severity, show};

use super::{fact, finding, reaches, serving};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure, TraceReport};

pub(super) fn damage(report: &TraceReport) -> Vec<Finding> {
    let of = |severity: Severity| report.defects.iter().filter(move |d| d.severity == severity);
    let evidence = |severity: Severity| -> Vec<FindingEvidence> {
        of(severity)
            .map(|d| {
                let place = d.first_at_byte.map_or(String::new(), |at| {
                    format!(" First at byte {} of the inflated text.", show::count(at))
                });
                fact(format!("{} ({}×){place}", d.says, show::count(d.count)))
            })
            .collect()
    };
    let mut all = Vec::new();
    if of(Severity::Error).next().is_some() {
        let says =
            "The file is damaged or ends early. Every number here covers only what could be read.".into();
        all.push(Finding {
            evidence: evidence(Severity::Error),
            advice: "Let the profiler finish writing before the server stops, and copy the file again."
                .into(),
            ..finding("input-damaged", Level::Problem, Sure::Recorded, "overview", says)
        });
    }
    let lost: u64 = of(Severity::Loss).map(|d| d.count).sum();
    if lost > 0 {
        let says = format!(
            "{} could not be read as recorded: lost, or kept with a value replaced.",
            show::counted(lost, "event")
        );
        all.push(Finding {
            evidence: evidence(Severity::Loss),
            advice: "Check whether the events named here matter for what you look for.".into(),
            ..finding("events-lost", Level::Hint, Sure::Recorded, "overview", says)
        });
    }
    all
}

pub(super) fn no_steps(report: &TraceReport) -> Option<Finding> {
    if !report.steps.is_empty() || report.events == 0 {
        return None;
    }
    let says =
        "No prefill or decode step is recognised in this trace, so steps, their gaps and their compiles \
                cannot be told."
            .into();
    Some(Finding {
        advice: "Record with the engine's own step markers, or with python stacks.".into(),
        ..finding("no-steps", Level::Hint, Sure::Derived, "timeline", says)
    })
}

/// Findings that say something because something else is not recorded.
pub const REST_ON_ABSENCE: [&str; 4] = [
    "device-recording-ends-early",
    "dynamo-limit",
    "large-category",
    "suspected-compiles",
];

/// The host went on handing over work for more than 5 % of the recording (and 1 ms) after the last device event.
pub(super) fn device_ends_early(report: &TraceReport, last_launch_ns: Option<i64>) -> Option<Finding> {
    let devices = || report.device_time.iter().filter(|d| d.scope == "all");
    let start = devices().map(|d| d.start_ns).min()?;
    let end = devices().map(|d| d.end_ns).max()?;
    let last_step = serving(report).map(|s| s.start_ns.saturating_add(s.dur_ns)).max();
    let host_end = last_launch_ns.into_iter().chain(last_step).max()?;
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

pub(super) fn synchronised(report: &TraceReport) -> Option<Finding> {
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

#[cfg(test)]
mod tests {
    use super::super::{Facts, findings};
    use super::*;
    use crate::analyze::findings::made::*;
    use crate::analyze::report::{BudgetShare, DefectRow, TimeBudget};
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
        let facts = |last| Facts {
            vocabulary: &vocabulary,
            decode_idle: None,
            last_launch_ns: Some(last),
        };
        let all = findings(&report, &facts(1000 * MS));
        let found = get(&all, "device-recording-ends-early");
        assert!(
            found
                .says
                .starts_with("The device recording ends 400 ms before the host's last work (40 % ")
        );
        assert_eq!(found.evidence[0].start_ns, Some(600 * MS));
        assert!(!has(
            &findings(&report, &facts(620 * MS)),
            "device-recording-ends-early"
        ));
    }

    #[test]
    fn a_damaged_file_is_a_problem_and_problems_come_first() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        report.defects = vec![DefectRow {
            kind: "truncated_gzip".into(),
            severity: Severity::Error,
            count: 1,
            first_at_byte: Some(90_000),
            events_lost: 0,
            ends_early: false,
            says: "The gzip stream ends in the middle.".into(),
        }];
        report.budget = Some(TimeBudget {
            shares: vec![BudgetShare {
                id: "no_load".into(),
                says: String::new(),
                total_ns: 300 * MS,
            }],
            ..budget(1000).unwrap()
        });
        report.recompiles = vec![compile(0, 10, 50)];
        let all = of(&report);
        let ids: Vec<&str> = all.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(ids[..2], ["compiles-while-serving", "input-damaged"]);
        assert!(all.windows(2).all(|w| w[0].level <= w[1].level));
        assert_eq!(
            get(&all, "input-damaged").evidence[0].says,
            "The gzip stream ends in the middle. (1×) First at byte 90,000 of the inflated text."
        );
        assert!(
            get(&all, "no-load")
                .says
                .starts_with("For 300 ms (30 % of serving time)")
        );
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(of(&blank()), Vec::new());
        let mut report = blank();
        report.events = 5;
        let all = of(&report);
        assert_eq!(
            all.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(),
            ["no-steps"]
        );
    }
}
