//! The device with most idle time, and why it is idle. Only where device work carries the number of its launch are
//! causes told here.

use super::shared::{fact, finding, host_bound_ns, reaches};
use super::{Facts, Rule, no_load, time_between_steps, waits_for_host};
use crate::analyze::report::{
    DeviceIdle, Finding, FindingEvidence, IdleShare, Level, Sure, TraceReport, device_name,
};
use crate::base::{order, show};

pub(super) const RULE: Rule = Rule {
    ids: &["device-idle"],
    judge,
    rests_on_absence: false,
};

/// The device with most idle time, by cause. Where the same time is told already, step by step, it is no problem of its
/// own.
fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let idle = report.idle.iter().max_by_key(|i| (i.idle_ns, -i.device))?;
    let device = show_device(report, idle);
    let share = show::percent(idle.idle_ns, idle.span_ns);
    if !reaches(idle.idle_ns, 5, idle.span_ns) {
        let says = format!("{device} is kept busy: it is idle for {share} of its recording.");
        return Some(finding("device-idle", Level::Fine, Sure::Derived, "device", says));
    }
    let mut causes: Vec<&IdleShare> = idle.causes.iter().filter(|c| c.total_ns > 0).collect();
    order::sort_by_key(&mut causes, |c| (std::cmp::Reverse(c.total_ns), c.cause));
    let largest = causes.first()?;
    let says = format!(
        "{device} is idle for {share} of its recording, {}. Largest cause: {}, {}.",
        show::duration(idle.idle_ns),
        largest.cause.says(),
        show::duration(largest.total_ns)
    );
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
            "{} before the call that launched what follows: the clocks of host and device disagree.",
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
    let level = if reaches(host_bound_ns(idle), 20, idle.span_ns) && !is_told_by_step(facts) {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(idle.idle_ns),
        evidence,
        advice: largest.cause.advice().into(),
        ..finding("device-idle", level, Sure::Derived, "device", says)
    })
}

/// Whether a finding about the gaps between steps says that time is lost there. It is asked, not looked up among what
/// was found before: judgements are pure, so the order of the rules changes nothing.
fn is_told_by_step(facts: &Facts<'_>) -> bool {
    let judges = [waits_for_host::judge, time_between_steps::judge, no_load::judge];
    let mut told = judges.iter().filter_map(|judge| judge(facts));
    told.any(|finding| finding.level != Level::Fine)
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
    use crate::analyze::findings::made::*;
    use crate::analyze::report::IdleCause;

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
}
