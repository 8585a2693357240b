//! Whether the device waits for the host in steps: it does, it hardly does, or it is idle while the host waits for it.
//! Of decode, or, where too few decode steps are known, of the phase that is. Five wordings of one share, of which a
//! trace gets one at most.
//!
//! The share is that of the verdict on these steps, over the same window: the intervals in which nothing compiled.
//! Silent of fewer than five of them, where the clocks of host and device disagree, and where too many launches have no
//! recorded work. Of a device too much of whose work has no launch in the trace, at most that it is hardly idle.

use super::shared::{
    ONE_CALL, fact, finding, is_too_much_unlinked, measured_in, nothing_recorded, reaches, slower_host,
};
use super::{Facts, Rule};
use crate::analyze::gaps::step_idle::StepIdle;
use crate::analyze::report::{
    Cause, Finding, FindingEvidence, IdleGap, Level, LongCall, Phase, Sure, device_words,
};
use crate::analyze::sentence_words;
use crate::base::{order, show};
use crate::dialect::RecordingKind;

pub(super) const RULE: Rule = Rule {
    ids: &[
        "decode-waits-for-host",
        "decode-keeps-the-device-busy",
        "device-waits-for-host",
        "device-is-kept-busy",
        "idle-while-host-waits",
    ],
    judge,
    rests_on_absence: false,
};

pub(super) fn steps_of(phase: Phase) -> &'static str {
    match phase {
        Phase::Decode => "decode steps",
        Phase::Prefill => "prefill steps",
        Phase::Mixed => "steps with prefill and decode",
        _ => "steps",
    }
}

/// Of several devices, the one that waits longest; of one whose launches are unknown only where they are of all.
fn waits_most<'f>(facts: &'f Facts<'_>) -> Option<&'f StepIdle> {
    if is_too_much_unlinked(facts.report) {
        return None;
    }
    let all = facts.step_idle.iter();
    all.max_by_key(|idle| (idle.is_linked, idle.host_ns(), std::cmp::Reverse(idle.device)))
}

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    // A recording of captures serves nothing.
    if facts.vocabulary.recording == Some(RecordingKind::GraphCapture) {
        return None;
    }
    let idle = waits_most(facts)?;
    let (host_ns, base_ns) = (idle.host_ns(), idle.window_ns);
    let share = show::percent(host_ns, base_ns);
    let is_decode = idle.phase == Phase::Decode;
    let steps = steps_of(idle.phase);
    let compiled = facts
        .report
        .steps
        .iter()
        .any(|s| s.compiled && s.phase == idle.phase);
    let steps = match compiled {
        true => format!("{steps} without a compile"),
        false => steps.to_owned(),
    };
    let device = match facts.step_idle.len() {
        1 => "the device".to_owned(),
        _ => device_words(idle.device, idle.rank.as_deref()),
    };
    if !reaches(host_ns, 5, base_ns) {
        // The host may have all of what is unknown.
        let unknown_ns = idle.by_cause[Cause::Unlinked as usize];
        if reaches(host_ns.saturating_add(unknown_ns), 5, base_ns) {
            return None;
        }
        let device = sentence_words::capitalised(&device);
        let says = match idle.is_linked {
            true => format!(
                "{device} hardly waits for the host: for {share} of the time of {steps} it is idle and its next work \
                 is not launched yet."
            ),
            false => format!(
                "{device} hardly waits for the host: for only {} of the time of {steps} it is idle for longer than \
                 its own scheduling takes.",
                show::percent(host_ns.saturating_add(unknown_ns), base_ns)
            ),
        };
        let id = match is_decode {
            true => "decode-keeps-the-device-busy",
            false => "device-is-kept-busy",
        };
        return Some(finding(id, Level::Fine, Sure::Derived, "gaps", says));
    }
    if !idle.is_linked {
        return None;
    }
    let (cause, cause_ns) = idle
        .host_causes()
        .max_by_key(|&(c, ns)| (ns, std::cmp::Reverse(c)))?;
    let is_wait = cause == Cause::Wait;
    let of_host = format!("{} of {}", show::duration(cause_ns), show::duration(host_ns));
    let says = if is_wait {
        format!(
            "For {share} of the time of {steps} {device} is idle, most of it while the host waits for the device: \
             {of_host}."
        )
    } else {
        format!(
            "For {share} of the time of {steps} {device} waits for the host: it is idle and its next work is not \
             launched yet. Largest cause: {}, {of_host}.",
            sentence_words::cause_noun(cause),
        )
    };
    let long_call = call_in_longest(facts, idle);
    let main_call = long_call.filter(|call| reaches(call.ns, 50, host_ns));
    let in_call = match main_call {
        Some(call) => format!(
            " {}.",
            sentence_words::capitalised(&sentence_words::in_one_call(call))
        ),
        None => String::new(),
    };
    let says = says + &in_call;
    let level = match reaches(host_ns, 20, base_ns) && !is_wait {
        true => Level::Problem,
        false => Level::Hint,
    };
    let id = match (is_wait, is_decode) {
        (true, _) => "idle-while-host-waits",
        (false, true) => "decode-waits-for-host",
        (false, false) => "device-waits-for-host",
    };
    let slower_host = match cause {
        Cause::Submit | Cause::HostOp | Cause::Python => slower_host(facts),
        _ => "",
    };
    let advice = match cause {
        Cause::Submit | Cause::HostOp | Cause::Python if main_call.is_some() => ONE_CALL.to_owned(),
        Cause::Unaccounted => nothing_recorded(facts.report, cause.advice()),
        _ => format!("{} {slower_host}", cause.advice()).trim().to_owned(),
    };
    Some(Finding {
        cost_ns: Some(host_ns),
        evidence: evidence(facts, idle, long_call),
        advice,
        ..finding(id, level, Sure::Derived, "gaps", says)
    })
}

/// The call that takes most of the longest gap.
fn call_in_longest<'f>(facts: &'f Facts<'_>, idle: &StepIdle) -> Option<&'f LongCall> {
    let longest = idle.longest?;
    let mut devices = facts.report.idle.iter();
    let device = devices.find(|d| (d.device, &d.rank) == (idle.device, &idle.rank))?;
    let holds = |gap: &&IdleGap| {
        gap.start_ns <= longest.start && longest.end <= gap.start_ns.saturating_add(gap.dur_ns)
    };
    device.longest.iter().find(holds)?.call.as_ref()
}

fn evidence(facts: &Facts<'_>, idle: &StepIdle, long_call: Option<&LongCall>) -> Vec<FindingEvidence> {
    let host_ns = idle.host_ns();
    let mut causes: Vec<(Cause, i64)> = idle
        .host_causes()
        .filter(|&(_, ns)| ns > 0 && reaches(ns, 1, host_ns))
        .collect();
    order::sort_by_key(&mut causes, |&(c, ns)| (std::cmp::Reverse(ns), c));
    let mut evidence: Vec<FindingEvidence> = causes
        .into_iter()
        .map(|(c, ns)| {
            let share = show::percent(ns, host_ns);
            fact(format!(
                "{}: {} ({share})",
                sentence_words::cause_noun(c),
                show::duration(ns)
            ))
        })
        .collect();
    evidence.push(measured_in(facts, idle));
    if idle.between_steps_ns > 0 {
        let between = show::duration(idle.between_steps_ns);
        evidence.push(fact(match facts.vocabulary.steps_inferred {
            true => format!(
                "{between} of it lies between a wait for the device and the next launch: whether inside an engine step \
                 or between two is unknown, since nothing marks steps"
            ),
            false => format!("{between} of it lies between engine steps, in scheduling or the server around the \
                                      engine"),
        }));
    }
    if let Some(longest) = idle.longest {
        evidence.push(FindingEvidence {
            start_ns: Some(longest.start),
            end_ns: Some(longest.end),
            slice: long_call.map(|call| call.slice),
            ..fact(format!(
                "The longest of these gaps: {}{}",
                show::duration(longest.len_ns()),
                long_call.map_or(String::new(), |call| format!(
                    ", {}",
                    sentence_words::in_one_call(call)
                ))
            ))
        });
    }
    if facts.report.synchronised_capture {
        evidence.push(fact(
            "This recording synchronised host and device after every region, which makes such gaps longer."
                .into(),
        ));
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;
    use crate::analyze::gaps::activity::ByCause;
    use crate::base::Span;
    use crate::dialect::Vocabulary;

    fn idle() -> StepIdle {
        let mut by_cause = ByCause::default();
        by_cause[Cause::InputPrep as usize] = 150 * MS;
        by_cause[Cause::Wait as usize] = 50 * MS;
        by_cause[Cause::Device as usize] = 7 * MS;
        StepIdle {
            phase: Phase::Decode,
            device: 0,
            rank: None,
            is_linked: true,
            n_intervals: 12,
            window_ns: 500 * MS,
            by_cause,
            between_steps_ns: 20 * MS,
            longest: Some(Span::new(5, 9)),
        }
    }

    fn of_idle(step_idle: Vec<StepIdle>) -> Vec<Finding> {
        let report = blank();
        let vocabulary = Vocabulary::default();
        of_facts(&Facts {
            step_idle,
            ..facts(&report, &vocabulary)
        })
    }

    #[test]
    fn decode_that_waits_names_its_largest_cause() {
        let all = of_idle(vec![idle()]);
        let found = get(&all, "decode-waits-for-host");
        assert_eq!(
            found.says,
            "For 40 % of the time of decode steps the device waits for the host: it is idle and its next work is not \
             launched yet. Largest cause: input preparation, 150 ms of 200 ms."
        );
        assert_eq!((found.level, found.cost_ns), (Level::Problem, Some(200 * MS)));
        let says: Vec<&str> = found.evidence.iter().map(|e| e.says.as_str()).collect();
        assert_eq!(
            says[..2],
            [
                "input preparation: 150 ms (75 %)",
                "waiting for the device: 50.0 ms (25 %)"
            ]
        );
        assert!(says[2].starts_with("Measured in 12 intervals"), "{}", says[2]);
        assert!(says[3].starts_with("20.0 ms of it lies between engine steps"));
        let all = of_idle(vec![StepIdle {
            phase: Phase::Unknown,
            ..idle()
        }]);
        let says = &get(&all, "device-waits-for-host").says;
        assert!(says.starts_with("For 40 % of the time of steps the device waits for the host"));
        let busy = StepIdle {
            by_cause: ByCause::default(),
            ..idle()
        };
        let all = of_idle(vec![busy.clone()]);
        assert_eq!(get(&all, "decode-keeps-the-device-busy").level, Level::Fine);
        // The device that waits longest is the one that is judged.
        let all = of_idle(vec![busy, StepIdle { device: 3, ..idle() }]);
        assert!(get(&all, "decode-waits-for-host").says.contains("device 3 waits"));
    }

    #[test]
    fn a_host_that_waits_is_not_blamed() {
        let mut waits = idle();
        waits.by_cause[Cause::Wait as usize] = 160 * MS;
        let all = of_idle(vec![waits]);
        assert!(!has(&all, "decode-waits-for-host"));
        let found = get(&all, "idle-while-host-waits");
        assert_eq!(found.level, Level::Hint);
        assert!(
            found
                .says
                .ends_with("while the host waits for the device: 160 ms of 310 ms.")
        );
    }
}
