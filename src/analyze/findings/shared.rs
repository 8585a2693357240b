//! What several findings are made with.

use crate::analyze::gaps::step_idle::StepIdle;
use crate::analyze::report::{
    DeviceIdle, DeviceTime, Finding, FindingEvidence, LaunchCall, Launches, Level, Period, Step, Sure,
    TraceReport,
};
use crate::analyze::sentence_words;
use crate::analyze::steps::verdict;
pub(super) use crate::base::show::listed;
use crate::base::{Severity, show, stats};

use super::Facts;

/// How many pieces of evidence a finding shows.
pub(super) const N_EVIDENCE: usize = 10;

pub(super) fn finding(id: &str, level: Level, sure: Sure, view: &str, says: String) -> Finding {
    Finding {
        id: id.into(),
        level,
        sure,
        says,
        cost_ns: None,
        evidence: Vec::new(),
        advice: String::new(),
        view: view.into(),
    }
}

pub(super) fn fact(says: String) -> FindingEvidence {
    FindingEvidence {
        says,
        start_ns: None,
        end_ns: None,
        step: None,
        slice: None,
    }
}

pub(super) fn at_step(step: &Step, says: String) -> FindingEvidence {
    FindingEvidence {
        start_ns: Some(step.start_ns),
        end_ns: Some(step.start_ns.saturating_add(step.dur_ns)),
        step: Some(step.index),
        slice: Some(step.slice),
        ..fact(says)
    }
}

pub(super) fn serving(report: &TraceReport) -> impl Iterator<Item = &Step> {
    report.steps.iter().filter(|s| s.period == Period::Serving)
}

pub(super) fn serving_ns(report: &TraceReport) -> Option<i64> {
    report.budget.as_ref().map(|b| b.total_ns).filter(|&ns| ns > 0)
}

/// Whether `part` is at least `percent` of `whole`.
pub(super) fn reaches(part: i64, percent: i64, whole: i64) -> bool {
    i128::from(part) * 100 >= i128::from(percent) * i128::from(whole)
}

/// `"1 graph was"`, `"3 graphs were"`.
pub(super) fn were(n: usize, noun: &str) -> String {
    let verb = if n == 1 { "was" } else { "were" };
    format!("{} {verb}", show::counted(n as u64, noun))
}

/// Whether so many launches have no recorded work that nothing is concluded from the device's idle time.
pub(super) fn is_too_much_unlinked(report: &TraceReport) -> bool {
    let known = report.launches_without_work.zip(report.launches_total);
    known.is_some_and(|(without, total)| verdict::is_too_much_unlinked(without, total))
}

/// As above, without calls that fill memory: their work takes microseconds, and some profilers do not record it.
pub(super) fn is_too_much_work_unlinked(report: &TraceReport) -> bool {
    let fills: u64 = without_work(report)
        .filter(|(call, _)| is_fill(call))
        .map(|(_, n)| n)
        .sum();
    let known = report.launches_without_work.zip(report.launches_total);
    known.is_some_and(|(without, total)| {
        verdict::is_too_much_unlinked(without.saturating_sub(fills), total.saturating_sub(fills))
    })
}

/// Over what the share of a finding on steps is measured.
pub(super) fn measured_in(facts: &Facts<'_>, idle: &StepIdle) -> FindingEvidence {
    let time = facts.report.step_time.as_ref();
    let from_to = match time.is_some_and(|time| time.from_device_ends) {
        true => "from the end of one step's device work to the end of the next one's",
        false => "from the start of one step to the start of the next",
    };
    fact(format!(
        "Measured in {} {from_to}, {} in total, excluding intervals in which a graph was compiled and idle periods \
         without requests",
        show::counted(idle.n_intervals as u64, "interval"),
        show::duration(idle.window_ns),
    ))
}

/// Calls that hand over work and have none in the trace, by name.
pub(super) fn without_work(report: &TraceReport) -> impl Iterator<Item = (&LaunchCall, u64)> {
    let calls = report.launches.iter().flat_map(|launches| &launches.calls);
    calls
        .map(|call| (call, call.count.saturating_sub(call.with_work)))
        .filter(|&(_, n)| n > 0)
}

pub(super) fn is_fill(call: &LaunchCall) -> bool {
    call.name.to_ascii_lowercase().contains("memset")
}

/// Whether most of the work was launched one piece a call, and not by calls that launch a whole graph.
pub(super) fn is_launched_one_by_one(launches: &Launches) -> bool {
    let calls: u64 = launches.calls.iter().map(|c| c.with_work).sum();
    calls.saturating_mul(2) >= launches.linked_work
}

/// Whether so much work is missing among what is recorded, and not only behind its end, that what seems to be alone
/// on the device may not be.
pub(super) fn is_work_missing(facts: &Facts<'_>) -> bool {
    let report = facts.report;
    let trailing = facts.trailing_launches.map_or(0, |t| t.count);
    let known = report.launches_without_work.zip(report.launches_total);
    known.is_some_and(|(without, total)| {
        verdict::is_too_much_unlinked(without.saturating_sub(trailing), total.saturating_sub(trailing))
    })
}

/// Advice where one call takes most of the time that the host is blamed for.
pub(super) const ONE_CALL: &str = "One call takes most of this time: see in the timeline what it does and what calls \
                                   it. A first call may load or compile code: let warm-up make it.";

/// Advice where nothing is recorded on the thread that launches.
pub(super) fn nothing_recorded(report: &TraceReport, without_frames: &str) -> String {
    match report.python.is_empty() {
        true => without_frames.to_owned(),
        false => "Python frames are recorded, and none lies in these gaps: see what other threads do meanwhile, or \
                  record the process with a profiler of native code."
            .to_owned(),
    }
}

/// What this device's engine has against a host that is slower than it; nothing where its steps use it already.
pub(super) fn slower_host(facts: &Facts<'_>) -> &'static str {
    let launches = facts.report.launches.as_ref();
    if launches.is_some_and(|launches| !is_launched_one_by_one(launches)) {
        return "";
    }
    let mut steps = serving(facts.report).filter_map(|s| s.graphs).peekable();
    if steps.peek().is_some() && steps.all(|graphs| graphs) {
        return "";
    }
    let advice = facts.vocabulary.advice.iter();
    advice
        .filter(|(id, _)| *id == SLOWER_HOST)
        .map(|&(_, advice)| advice)
        .next()
        .unwrap_or_default()
}

/// The name of that advice in [`Vocabulary::advice`](crate::dialect::Vocabulary::advice).
const SLOWER_HOST: &str = "slower-host";

pub(super) fn host_bound_ns(idle: &DeviceIdle) -> i64 {
    let host = idle.causes.iter().filter(|c| c.cause.is_host_bound());
    stats::sum(host.map(|c| c.total_ns))
}

/// Of the devices in the widest scope, the one with most time of `part`.
pub(super) fn most(report: &TraceReport, part: impl Fn(&DeviceTime) -> i64) -> Option<&DeviceTime> {
    let all = report.device_time.iter().filter(|d| d.scope == "all");
    all.max_by_key(|d| (part(d), -d.device))
}

/// The three kernels of a kind with most time.
pub(super) fn of_kind(report: &TraceReport, kind: &str) -> Vec<FindingEvidence> {
    let kernels = report.kernels.iter().filter(|k| k.kind == kind).take(3);
    kernels
        .map(|k| FindingEvidence {
            slice: Some(k.longest_slice),
            ..fact(format!(
                "{}: {} in {}, longest {}",
                sentence_words::shortened(&k.name),
                show::duration(k.total_ns),
                show::counted(k.count, "call"),
                show::duration(k.max_ns)
            ))
        })
        .collect()
}

/// What all work of a kind takes, where much of it is overlapped: else the parts add up to more than the finding says.
pub(super) fn overlapped_or_not(
    report: &TraceReport,
    kind: &str,
    exposed_ns: i64,
) -> Option<FindingEvidence> {
    let is_one_device = report.device_time.iter().filter(|d| d.scope == "all").count() == 1;
    let kernels = report.kernels.iter().filter(|k| k.kind == kind);
    let all_ns = stats::sum(kernels.map(|k| k.total_ns));
    let is_more = is_one_device && reaches(all_ns, 105, exposed_ns);
    is_more.then(|| {
        fact(format!(
            "Exposed or not, they take {} in all, of which:",
            show::duration(all_ns)
        ))
    })
}

/// What the file's defects of one severity are, one a piece of evidence.
pub(super) fn defects(report: &TraceReport, severity: Severity) -> Vec<FindingEvidence> {
    let of = report.defects.iter().filter(|d| d.severity == severity);
    of.map(|d| {
        let place = d.first_at_byte.map_or(String::new(), |at| {
            format!(" First at byte {} of the inflated text.", show::count(at))
        });
        fact(format!("{} ({}×){place}", d.says, show::count(d.count)))
    })
    .collect()
}
