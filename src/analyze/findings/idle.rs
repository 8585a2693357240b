//! Time in which the device, or the engine, waits.

use crate::base::{order, show};

use super::{fact, finding, reaches, serving_ns};
use crate::analyze::gaps::{DecodeIdle, NO_LOAD_NS};
use crate::analyze::report::{Cause, Finding, FindingEvidence, GapCause, GapKind, Level, Sure, TraceReport};
use crate::analyze::words;

pub(super) fn decode_idle(report: &TraceReport, idle: Option<&DecodeIdle>) -> Option<Finding> {
    let idle = idle.filter(|i| i.base_ns() > 0)?;
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
    match cause {
        Cause::Wait => {
            "The host waits while no work of the device is recorded: the way back from device to host takes \
             long, or the device worked on something that this trace does not show."
        }
        Cause::Submit => {
            "Handing work to the device is the bottleneck: launch fewer, larger pieces (captured graphs, larger \
             batches)."
        }
        Cause::InputPrep => {
            "Input preparation is on the critical path: overlap it with the device (asynchronous scheduling), or \
             make the batches larger so that it is paid less often."
        }
        Cause::Sampler => "Sampling runs on the host between device work: keep it on the device.",
        Cause::Collective => "Collectives start late: compare this rank with the others for one that lags.",
        Cause::HostOp => "Operators on the host run between device work: see which in the longest gaps.",
        Cause::Python => "The python interpreter runs between operators: see the frames in the longest gaps.",
        _ => "Nothing is recorded in these gaps: record python stacks to see what the host did.",
    }
}

/// Where no device recording exists, the gaps between steps are what the host is known to cost.
pub(super) fn between_steps(report: &TraceReport, has_device: bool) -> Option<Finding> {
    let gaps = report.gaps.iter().find(|g| g.kind == GapKind::Step)?;
    let total = serving_ns(report).filter(|_| !has_device)?;
    let no_load = |c: &&GapCause| c.cause != Cause::NoLoad;
    let waited: i64 = gaps.causes.iter().filter(no_load).map(|c| c.total_ns).sum();
    let base = total - (gaps.total_ns - waited);
    if base <= 0 || !reaches(waited, 5, base) {
        let says = format!(
            "Engine steps follow each other closely: {} of serving time lies between them.",
            show::percent(waited, base)
        );
        return Some(finding(
            "steps-follow-closely",
            Level::Fine,
            Sure::Derived,
            "gaps",
            says,
        ));
    }
    let largest = gaps.causes.iter().filter(no_load).max_by_key(|c| c.total_ns)?;
    let says = format!(
        "{} of serving time ({}) lies between engine steps. Largest cause: {}, {}.",
        show::percent(waited, base),
        show::duration(waited),
        words::cause_noun(largest.cause),
        show::duration(largest.total_ns)
    );
    let longest = gaps.longest.iter().filter(|g| g.cause != Cause::NoLoad).take(3);
    Some(Finding {
        cost_ns: Some(waited),
        evidence: longest
            .map(|g| FindingEvidence {
                start_ns: Some(g.start_ns),
                end_ns: Some(g.start_ns.saturating_add(g.dur_ns)),
                step: g.step,
                ..fact(format!("{}: {}", show::duration(g.dur_ns), g.says))
            })
            .collect(),
        advice:
            "Between steps the engine schedules and the server around it works. Without a device recording \
                 it is not known whether the device waits; record one to know."
                .into(),
        ..finding(
            "time-between-steps",
            if reaches(waited, 20, base) {
                Level::Problem
            } else {
                Level::Hint
            },
            Sure::Derived,
            "gaps",
            says,
        )
    })
}

pub(super) fn no_load(report: &TraceReport) -> Option<Finding> {
    let budget = report.budget.as_ref()?;
    let share = budget.shares.iter().find(|s| s.id == "no_load")?;
    if !reaches(share.total_ns, 10, budget.total_ns) {
        return None;
    }
    let says = format!(
        "For {} ({} of serving time) the engine had nothing to serve: pauses between steps longer than {}.",
        show::duration(share.total_ns),
        show::percent(share.total_ns, budget.total_ns),
        show::duration(NO_LOAD_NS)
    );
    Some(Finding {
        advice: "Leave these pauses out when you judge the engine, or record under steady load.".into(),
        ..finding("no-load", Level::Hint, Sure::Derived, "gaps", says)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Facts, findings};
    use super::*;
    use crate::analyze::findings::made::*;
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
        let facts = |idle| Facts {
            vocabulary: &vocabulary,
            decode_idle: Some(idle),
            last_launch_ns: None,
        };
        let all = findings(&report, &facts(idle.clone()));
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
        let all = findings(&report, &facts(suspected));
        assert!(
            get(&all, "decode-waits-for-host")
                .says
                .ends_with("20.0 ms of it passes in steps that look as if a graph was compiled.")
        );
        let phaseless = DecodeIdle {
            is_decode: false,
            ..idle.clone()
        };
        let all = findings(&report, &facts(phaseless));
        let says = &get(&all, "device-waits-for-host").says;
        assert!(
            says.starts_with("The device waits for the host: between the first and the last step the device")
        );
        let busy = DecodeIdle {
            by_cause: ByCause::default(),
            ..idle
        };
        let all = findings(&report, &facts(busy));
        assert_eq!(get(&all, "decode-keeps-the-device-busy").level, Level::Fine);
    }
}
