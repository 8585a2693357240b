//! The device with most idle time over its whole recording, and why it is idle. It speaks only where nothing is known
//! of steps, or of too few: else the findings on steps say it, with their numbers. Where its work covers little of what
//! was recorded, that is said: how it fares within its work is not the news then. Silent where the clocks of host and
//! device disagree, and where too many launches have no recorded work.

use super::shared::{
    ONE_CALL, fact, finding, host_bound_ns, is_too_much_work_unlinked, nothing_recorded, reaches, slower_host,
};
use super::{Facts, Rule, device_free, device_recording_ends_early, no_load, waits_for_host};
use crate::analyze::report::{
    DeviceIdle, DeviceTime, Finding, FindingEvidence, IdleCause, IdleShare, Level, Sure, TraceReport,
    device_name,
};
use crate::analyze::sentence_words;
use crate::base::{Span, order, show, stats};
use crate::dialect::RecordingKind;

pub(super) const RULE: Rule = Rule {
    ids: &["device-idle"],
    judge,
    rests_on_absence: false,
};

/// Less idle time than this, in percent, is not worth a cause.
const LEAST_PERCENT: i64 = 5;

/// With so much idle time that is launched and has not started, the device is judged beside steps that hardly wait for
/// the host, in percent.
pub(super) const NOT_STARTED_PERCENT: i64 = 20;

/// Device work that covers less than this of the recording, in percent, does not keep the device busy.
const COVERED_PERCENT: i64 = 50;

/// So few gaps …
const FEW: usize = 5;
/// … of at least so many …
const OF_MANY: u64 = 50;
/// … with this share of the idle time, in percent, are stops with causes of their own, not the cost of each launch.
const FEW_PERCENT: i64 = 80;

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    // A recording of captures serves nothing.
    if facts.vocabulary.recording == Some(RecordingKind::GraphCapture) {
        return None;
    }
    let report = facts.report;
    if report.clock_offset_ns.is_some() || is_too_much_work_unlinked(report) {
        return None;
    }
    let of_steps = waits_for_host::judge(facts);
    if of_steps.as_ref().is_some_and(|f| f.level != Level::Fine) {
        return None;
    }
    let idle = most_idle(report)?;
    let device = show_device(report, idle);
    let share = show::percent(idle.idle_ns, idle.span_ns);
    // The profiler's own share of free time is the same fact.
    if device_free::judge(facts).is_some() {
        return None;
    }
    if !reaches(idle.idle_ns, LEAST_PERCENT, idle.span_ns) {
        if of_steps.is_some() {
            return None;
        }
        if let Some(found) = covers_little(facts, idle) {
            return Some(found);
        }
        let says = format!("{device} is kept busy: it is idle for {share} of its recording.");
        return Some(finding("device-idle", Level::Fine, Sure::Derived, "device", says));
    }
    let mut causes: Vec<&IdleShare> = idle.causes.iter().filter(|c| c.total_ns > 0).collect();
    order::sort_by_key(&mut causes, |c| (std::cmp::Reverse(c.total_ns), c.cause));
    let largest = causes.first()?;
    // It may work all the while.
    if largest.cause == IdleCause::Unlinked && report.launches_without_work.is_some_and(|n| n > 0) {
        return None;
    }
    let not_started = matches!(largest.cause, IdleCause::Dependency | IdleCause::LaunchLatency);
    if of_steps.is_some() && !(not_started && reaches(largest.total_ns, NOT_STARTED_PERCENT, idle.span_ns)) {
        return None;
    }
    if largest.cause == IdleCause::SchedulerIdle && no_load::judge(facts).is_some() {
        return None;
    }
    let few = few_gaps(idle);
    let mut says = format!(
        "{device} is idle for {share} of its recording, {}. Largest cause: {}, {}.",
        show::duration(idle.idle_ns),
        largest.cause.says(),
        show::duration(largest.total_ns)
    );
    if let Some((n, ns)) = few {
        says += &format!(
            " {n} of {} {} {} of the idle time.",
            show::counted(idle.gaps, "gap"),
            if n == 1 { "holds" } else { "hold" },
            show::percent(ns, idle.idle_ns)
        );
    }
    let longest = idle.longest.iter().max_by_key(|gap| gap.dur_ns);
    let main_call = longest.and_then(|gap| gap.call.as_ref());
    let main_call = main_call.filter(|call| reaches(call.ns, 50, idle.idle_ns));
    if let Some(call) = main_call {
        says += &format!(" {}.", sentence_words::in_one_call(call));
    }
    let mut evidence: Vec<FindingEvidence> = causes
        .iter()
        .map(|c| {
            fact(format!(
                "{}: {} ({})",
                c.cause.says(),
                show::duration(c.total_ns),
                show::percent(c.total_ns, idle.idle_ns)
            ))
        })
        .collect();
    if idle.skewed > 0 {
        evidence.push(fact(format!(
            "{} before the call that launched what follows: these times are out of order, not judged.",
            match idle.skewed {
                1 => "1 gap ends".to_owned(),
                n => format!("{} gaps end", show::count(n)),
            }
        )));
    }
    evidence.extend(idle.longest.iter().take(3).map(|gap| FindingEvidence {
        start_ns: Some(gap.start_ns),
        end_ns: Some(gap.start_ns.saturating_add(gap.dur_ns)),
        step: gap.step,
        slice: Some(gap.next_slice),
        ..fact(gap.says.clone())
    }));
    // A few steps are no steady service: of them it is said, and not judged.
    let is_problem =
        reaches(host_bound_ns(idle), 20, idle.span_ns) && blames_the_host(report) && report.steps.is_empty();
    let level = match is_problem {
        true => Level::Problem,
        false => Level::Hint,
    };
    let advice = match (largest.cause, few) {
        (IdleCause::HostOp | IdleCause::Python, _) if main_call.is_some() => ONE_CALL.to_owned(),
        (IdleCause::HostOp | IdleCause::Python, Some(_)) => FEW_ADVICE.to_owned(),
        (IdleCause::HostOp | IdleCause::Python, None) => {
            format!("{} {}", largest.cause.advice(), slower_host(facts))
        }
        (IdleCause::NotRecorded, _) => nothing_recorded(report, largest.cause.advice()),
        // Most of it was queued when the device became idle.
        (IdleCause::LaunchLatency, _) if reaches(idle.queued_ns, 50, largest.total_ns) => {
            QUEUED_ADVICE.to_owned()
        }
        _ => largest.cause.advice().to_owned(),
    };
    Some(Finding {
        cost_ns: Some(idle.idle_ns),
        evidence,
        advice: advice.trim().to_owned(),
        ..finding("device-idle", level, Sure::Derived, "device", says)
    })
}

pub(super) const QUEUED_ADVICE: &str = "Most of this work was queued before the device became idle: it is the time \
                                        that it takes from one piece of work to the next. Fewer, larger pieces of \
                                        work (fused kernels, graphs) have less of it; queueing earlier does not.";

const FEW_ADVICE: &str = "A few long stops, not the cost of each launch: see in the timeline what the launching thread \
                          does in each, such as start-up, loading, or work on the host between two parts.";

/// The fewest of the longest gaps that hold nearly all idle time, and their time; `None` where it takes many.
fn few_gaps(idle: &DeviceIdle) -> Option<(usize, i64)> {
    if idle.gaps < OF_MANY {
        return None;
    }
    let longest = |n: usize| stats::sum(idle.longest.iter().take(n).map(|gap| gap.dur_ns));
    (1..=FEW)
        .map(|n| (n, longest(n)))
        .find(|&(_, ns)| reaches(ns, FEW_PERCENT, idle.idle_ns))
}

/// Where the device's work covers little of the recording: from when to when, and that what it did outside is unknown.
fn covers_little(facts: &Facts<'_>, idle: &DeviceIdle) -> Option<Finding> {
    // That the recording ends first is the same fact.
    if device_recording_ends_early::judge(facts).is_some() {
        return None;
    }
    let report = facts.report;
    let of = |d: &&DeviceTime| d.scope == "all" && (d.device, &d.rank) == (idle.device, &idle.rank);
    let work = report.device_time.iter().find(of)?;
    let work = Span::new(work.start_ns, work.end_ns);
    let holds = |all: &Span| all.start <= work.start && work.end <= all.end;
    let whole = Span::new(report.start_ns?, report.end_ns?);
    let whole = facts.vocabulary.capture.filter(holds).unwrap_or(whole);
    if !holds(&whole) || reaches(work.len_ns(), COVERED_PERCENT, whole.len_ns()) {
        return None;
    }
    let says = format!(
        "{} has work in {} of the {} recorded ({} of the recording); it is idle for {} of the time from its first to its last \
         work.",
        show_device(report, idle),
        show::duration(work.len_ns()),
        show::duration(whole.len_ns()),
        show::percent(work.len_ns(), whole.len_ns()),
        show::percent(idle.idle_ns, idle.span_ns)
    );
    let outside = [
        ("Before its first work", Span::new(whole.start, work.start)),
        ("After its last work", Span::new(work.end, whole.end)),
    ];
    let evidence = outside.map(|(place, span)| FindingEvidence {
        start_ns: Some(span.start),
        end_ns: Some(span.end),
        ..fact(format!("{place}: {}", show::duration(span.len_ns())))
    });
    Some(Finding {
        evidence: evidence.into(),
        advice: "See in the timeline what the host does before the first and after the last work of the device. The \
                 trace does not say whether the device was idle there or its work was not recorded."
            .into(),
        ..finding("device-idle", Level::Hint, Sure::Derived, "device", says)
    })
}

/// Of the devices whose launches are known, the one with most idle time.
pub(super) fn most_idle(report: &TraceReport) -> Option<&DeviceIdle> {
    let known = report.idle.iter().filter(|i| i.launches_known);
    known.max_by_key(|i| (i.idle_ns, -i.device))
}

/// Whether the largest cause of the idle time that this finding names is the host's.
pub(super) fn blames_the_host(report: &TraceReport) -> bool {
    let idle = most_idle(report).filter(|idle| reaches(idle.idle_ns, LEAST_PERCENT, idle.span_ns));
    let largest = idle.and_then(|idle| {
        let causes = idle.causes.iter();
        causes.max_by_key(|c| (c.total_ns, std::cmp::Reverse(c.cause)))
    });
    largest.is_some_and(|c| c.cause.is_host_bound() && c.cause != IdleCause::SyncThenLaunch)
}

fn show_device(report: &TraceReport, idle: &DeviceIdle) -> String {
    match report.idle.len() {
        1 => "The device".to_owned(),
        _ => format!("Device {}", device_name(idle.device, idle.rank.as_deref())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;
    use crate::analyze::report::{IdleCause, LongCall};

    #[test]
    fn idle_time_names_its_largest_cause_and_is_a_problem_where_the_host_is_behind() {
        let mut report = blank();
        report.idle = vec![idle(&[(IdleCause::HostOp, 210), (IdleCause::LaunchLatency, 40)])];
        let all = of(&report);
        let found = get(&all, "device-idle");
        assert_eq!(
            found.says,
            "The device is idle for 25 % of its recording, 250 ms. Largest cause: operators and calls on the launching \
             thread, 210 ms."
        );
        assert_eq!((found.level, found.cost_ns), (Level::Problem, Some(250 * MS)));
        assert_eq!(found.evidence.len(), 4);
        assert_eq!(found.evidence[3].slice, Some(2));
        let mut skewed = report.clone();
        skewed.clock_offset_ns = Some(-40 * MS);
        assert!(!has(&of(&skewed), "device-idle"));
        let mut unlinked = report.clone();
        (unlinked.launches_without_work, unlinked.launches_total) = (Some(19), Some(30));
        assert!(!has(&of(&unlinked), "device-idle"));
        report.idle = vec![idle(&[(IdleCause::Dependency, 250)])];
        assert_eq!(get(&of(&report), "device-idle").level, Level::Hint);
        report.idle = vec![idle(&[(IdleCause::HostOp, 49)])];
        let all = of(&report);
        assert_eq!(get(&all, "device-idle").level, Level::Fine);
        assert_eq!(
            get(&all, "device-idle").says,
            "The device is kept busy: it is idle for 4.9 % of its recording."
        );
    }

    #[test]
    fn the_call_that_takes_most_of_the_idle_time_is_named() {
        let with_call = |ms: i64| {
            let mut report = blank();
            let mut one = idle(&[(IdleCause::HostOp, 300)]);
            one.longest[0].dur_ns = 200 * MS;
            one.longest[0].call = Some(LongCall {
                name: "cudaFree".into(),
                ns: ms * MS,
                slice: 9,
            });
            report.idle = vec![one];
            get(&of(&report), "device-idle").says.clone()
        };
        let says = with_call(150);
        assert!(
            says.ends_with("300 ms. 150 ms of it in one call of cudaFree."),
            "{says}"
        );
        let says = with_call(149);
        assert!(says.ends_with("300 ms."), "{says}");
    }

    #[test]
    fn a_few_long_gaps_have_advice_of_their_own() {
        let of_gaps = |gaps: u64, longest_ms: i64| {
            let mut report = blank();
            let mut one = idle(&[(IdleCause::HostOp, 100)]);
            one.gaps = gaps;
            one.longest[0].dur_ns = longest_ms * MS;
            report.idle = vec![one];
            get(&of(&report), "device-idle").clone()
        };
        let found = of_gaps(50, 80);
        assert!(
            found
                .says
                .ends_with("100 ms. 1 of 50 gaps holds 80 % of the idle time."),
            "{}",
            found.says
        );
        assert_eq!(found.advice, FEW_ADVICE);
        for (gaps, longest_ms) in [(49, 80), (50, 79)] {
            let found = of_gaps(gaps, longest_ms);
            assert!(found.says.ends_with("100 ms."), "{}", found.says);
            assert_eq!(found.advice, IdleCause::HostOp.advice());
        }
    }
}
