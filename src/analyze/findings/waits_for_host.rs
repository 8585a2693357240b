//! Whether the device waits for the host between steps: it does, or it is kept busy; of decode, or, where steps have no
//! phase, of all steps. Four wordings of one share, of which a trace gets one at most.

use super::shared::{fact, finding, reaches};
use super::{Facts, Rule};
use crate::analyze::report::{Cause, Finding, FindingEvidence, Level, Sure};
use crate::analyze::words;
use crate::base::{order, show};

pub(super) const RULE: Rule = Rule {
    ids: &[
        "decode-waits-for-host",
        "decode-keeps-the-device-busy",
        "device-waits-for-host",
        "device-is-kept-busy",
    ],
    judge,
    rests_on_absence: false,
};

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let idle = facts.decode_idle.as_ref().filter(|i| i.base_ns() > 0)?;
    let (host_ns, base_ns) = (idle.host_ns(), idle.base_ns());
    let share = show::percent(host_ns, base_ns);
    let left_out = if base_ns < idle.window.len_ns() {
        ", compiles and pauses without load left out"
    } else {
        ""
    };
    let (who, steps) = if idle.is_decode {
        ("Decode", "decode step")
    } else {
        ("The device", "step")
    };
    if !reaches(host_ns, 5, base_ns) {
        let says = format!(
            "{who} hardly waits for the host: between the first and the last {steps} the device is idle for \
             {share} of the time{left_out}."
        );
        let id = if idle.is_decode {
            "decode-keeps-the-device-busy"
        } else {
            "device-is-kept-busy"
        };
        return Some(finding(id, Level::Fine, Sure::Derived, "gaps", says));
    }
    let (cause, cause_ns) = idle
        .host_causes()
        .max_by_key(|&(c, ns)| (ns, std::cmp::Reverse(c)))?;
    let mut says = format!(
        "{who} waits for the host: between the first and the last {steps} the device is idle for {share} of the \
         time{left_out}. Largest cause: {}, {} of {}.",
        words::cause_noun(cause),
        show::duration(cause_ns),
        show::duration(host_ns)
    );
    if reaches(idle.suspected_ns, 10, host_ns) {
        says += &format!(
            " {} of it passes in steps that look as if a graph was compiled.",
            show::duration(idle.suspected_ns)
        );
    }
    let mut causes: Vec<(Cause, i64)> = idle
        .host_causes()
        .filter(|&(_, ns)| reaches(ns, 1, host_ns))
        .collect();
    order::sort_by_key(&mut causes, |&(c, ns)| (std::cmp::Reverse(ns), c));
    let mut evidence: Vec<FindingEvidence> = causes
        .into_iter()
        .map(|(c, ns)| {
            let share = show::percent(ns, host_ns);
            fact(format!(
                "{}: {} ({share})",
                words::cause_noun(c),
                show::duration(ns)
            ))
        })
        .collect();
    if idle.between_steps_ns > 0 {
        evidence.push(fact(format!(
            "{} of it lies between engine steps, in scheduling, the server around the engine, or waiting for \
             requests.",
            show::duration(idle.between_steps_ns)
        )));
    }
    if let Some(longest) = idle.longest {
        evidence.push(FindingEvidence {
            start_ns: Some(longest.start),
            end_ns: Some(longest.end),
            ..fact(format!(
                "The longest of these gaps: {}",
                show::duration(longest.len_ns())
            ))
        });
    }
    if report.synchronised_capture {
        evidence.push(fact(
            "This recording synchronised host and device after every region, which makes such gaps longer."
                .into(),
        ));
    }
    let level = if reaches(host_ns, 20, base_ns) {
        Level::Problem
    } else {
        Level::Hint
    };
    Some(Finding {
        cost_ns: Some(host_ns),
        evidence,
        advice: cause_advice(cause).into(),
        ..finding(
            if idle.is_decode {
                "decode-waits-for-host"
            } else {
                "device-waits-for-host"
            },
            level,
            Sure::Derived,
            "gaps",
            says,
        )
    })
}

fn cause_advice(cause: Cause) -> &'static str {
    cause.advice()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::made::*;
    use crate::analyze::gaps::DecodeIdle;
    use crate::analyze::gaps::activity::ByCause;
    use crate::base::Span;
    use crate::dialect::Vocabulary;

    #[test]
    fn decode_that_waits_names_its_largest_cause() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        let mut by_cause = ByCause::default();
        by_cause[Cause::Recompile as usize] = 500 * MS;
        by_cause[Cause::InputPrep as usize] = 150 * MS;
        by_cause[Cause::Wait as usize] = 50 * MS;
        by_cause[Cause::Device as usize] = 7 * MS;
        let idle = DecodeIdle {
            is_decode: true,
            window: Span::new(0, 1000 * MS),
            by_cause,
            between_steps_ns: 20 * MS,
            suspected_ns: 19 * MS,
            longest: Some(Span::new(5, 9)),
        };
        let vocabulary = Vocabulary::default();
        let of_idle = |idle| {
            of_facts(&Facts {
                decode_idle: Some(idle),
                ..facts(&report, &vocabulary)
            })
        };
        let all = of_idle(idle.clone());
        let found = get(&all, "decode-waits-for-host");
        assert_eq!(
            found.says,
            "Decode waits for the host: between the first and the last decode step the device is idle for 40 % of \
             the time, compiles and pauses without load left out. Largest cause: input preparation, 150 ms of 200 ms."
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
        assert!(says[2].starts_with("20.0 ms of it lies between engine steps"));
        let suspected = DecodeIdle {
            suspected_ns: 20 * MS,
            ..idle.clone()
        };
        let all = of_idle(suspected);
        assert!(
            get(&all, "decode-waits-for-host")
                .says
                .ends_with("20.0 ms of it passes in steps that look as if a graph was compiled.")
        );
        let phaseless = DecodeIdle {
            is_decode: false,
            ..idle.clone()
        };
        let all = of_idle(phaseless);
        let says = &get(&all, "device-waits-for-host").says;
        assert!(
            says.starts_with("The device waits for the host: between the first and the last step the device")
        );
        let busy = DecodeIdle {
            by_cause: ByCause::default(),
            ..idle
        };
        let all = of_idle(busy);
        assert_eq!(get(&all, "decode-keeps-the-device-busy").level, Level::Fine);
    }
}
