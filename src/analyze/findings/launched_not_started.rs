//! In steps the device is idle although its next work is launched, for much of the time. Beside steps that hardly wait
//! for the host `device_idle` says so, and where launches to empty streams start late `slow_starts` does: it speaks
//! beside a finding that blames the host alone, whose share this one is not in.

use super::device_idle::{NOT_STARTED_PERCENT, QUEUED_ADVICE};
use super::shared::{fact, finding, measured_in, reaches};
use super::{Facts, Rule, slow_starts, waits_for_host};
use crate::analyze::gaps::step_idle::StepIdle;
use crate::analyze::report::{Cause, DeviceIdle, Finding, IdleCause, Level, Sure, device_words};
use crate::analyze::sentence_words;
use crate::base::{show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["launched-not-started"],
    judge,
    rests_on_absence: false,
};

fn not_started_ns(idle: &StepIdle) -> i64 {
    idle.by_cause[Cause::Dependency as usize].saturating_add(idle.by_cause[Cause::Device as usize])
}

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let of_host = waits_for_host::judge(facts)?;
    if of_host.level == Level::Fine || !facts.links_launches || slow_starts::judge(facts).is_some() {
        return None;
    }
    let all = facts.step_idle.iter().filter(|idle| idle.is_linked);
    let idle = all.max_by_key(|idle| (not_started_ns(idle), std::cmp::Reverse(idle.device)))?;
    let ns = not_started_ns(idle);
    if !reaches(ns, NOT_STARTED_PERCENT, idle.window_ns) {
        return None;
    }
    let device = match facts.step_idle.len() {
        1 => "the device".to_owned(),
        _ => device_words(idle.device, idle.rank.as_deref()),
    };
    let causes = [Cause::Dependency, Cause::Device].map(|cause| (cause, idle.by_cause[cause as usize]));
    let says = format!(
        "For {} of the time of {} {device} is idle although its next work is launched: {}.",
        show::percent(ns, idle.window_ns),
        waits_for_host::steps_of(idle.phase),
        show::duration(ns),
    );
    let mut evidence: Vec<_> = causes
        .iter()
        .filter(|&&(_, of)| of > 0)
        .map(|&(cause, of)| {
            let share = show::percent(of, ns);
            fact(format!(
                "{}: {} ({share})",
                sentence_words::cause_noun(cause),
                show::duration(of)
            ))
        })
        .collect();
    evidence.push(measured_in(facts, idle));
    let is_most = |of: i64| reaches(of, 50, ns);
    let advice = match causes {
        [(dependency, of), _] if is_most(of) => dependency.advice(),
        _ if was_queued(facts, idle) => QUEUED_ADVICE,
        [_, (device, _)] => device.advice(),
    };
    Some(Finding {
        cost_ns: Some(ns),
        evidence,
        advice: advice.to_owned(),
        ..finding("launched-not-started", Level::Hint, Sure::Derived, "gaps", says)
    })
}

/// Whether most of what was on its way to the device was queued when it became idle.
fn was_queued(facts: &Facts<'_>, of: &StepIdle) -> bool {
    let is_it = |idle: &&DeviceIdle| (idle.device, &idle.rank) == (of.device, &of.rank);
    facts.report.idle.iter().find(is_it).is_some_and(|idle| {
        let latency = idle.causes.iter().filter(|c| c.cause == IdleCause::LaunchLatency);
        reaches(idle.queued_ns, 50, stats::sum(latency.map(|c| c.total_ns)).max(1))
    })
}
