//! Steps that look as if a graph was compiled in them, where no compile is recorded.

use super::compiled::{compiled, n_costed};
use super::shared::{N_EVIDENCE, at_step, fact, finding};
use super::{Facts, Rule};
use crate::analyze::gaps::gap_words::step_label;
use crate::analyze::report::{
    Evidence, Finding, FindingEvidence, Level, Period, Recompile, Sure, TraceReport,
};
use crate::base::{show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["suspected-compiles"],
    judge,
    rests_on_absence: true,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let suspected = compiled(report, Evidence::Suspected, Period::Serving);
    if suspected.is_empty() {
        return None;
    }
    let n_calls = suspected.iter().filter(|r| is_call(r)).count();
    let n_steps = suspected.len() - n_calls;
    let steps = (n_steps > 0).then(|| show::counted(n_steps as u64, "step"));
    let calls = match n_calls {
        0 => None,
        1 => Some("1 call that hands over a graph".to_owned()),
        n => Some(format!("{} calls that hand over graphs", show::count(n as u64))),
    };
    let subjects: Vec<String> = steps.into_iter().chain(calls).collect();
    let one = suspected.len() == 1;
    let says = format!(
        "{} {} as if a graph was compiled in {}; no compile is recorded there.",
        subjects.join(" and "),
        if one { "looks" } else { "look" },
        if one { "it" } else { "them" },
    );
    Some(Finding {
        cost_ns: (n_costed(&suspected) > 0).then(|| stats::sum(suspected.iter().filter_map(|r| r.dur_ns))),
        evidence: suspected
            .iter()
            .take(N_EVIDENCE)
            .map(|r| at_suspected(report, r))
            .collect(),
        advice: match report.device_kind.as_str() {
            "hpu" => "Record again with graph-compile tracking to know.",
            _ => "Record again with python stacks, or log compiles (TORCH_LOGS=recompiles), to know.",
        }
        .into(),
        ..finding(
            "suspected-compiles",
            Level::Hint,
            Sure::Suspected,
            "recompiles",
            says,
        )
    })
}

/// Whether a call is suspect by itself; else the whole step is.
fn is_call(recompile: &Recompile) -> bool {
    recompile.start_is_exact
}

fn at_suspected(report: &TraceReport, recompile: &Recompile) -> FindingEvidence {
    let step = recompile
        .step
        .and_then(|i| report.steps.iter().find(|s| s.index == i));
    match step {
        Some(step) if !is_call(recompile) => at_step(
            step,
            format!("{}: {}", step_label(step), show::duration(step.dur_ns)),
        ),
        _ => {
            let place = step.map_or_else(String::new, |step| format!(" in {}", step_label(step)));
            FindingEvidence {
                step: recompile.step,
                start_ns: Some(recompile.start_ns),
                end_ns: Some(recompile.span().end),
                slice: recompile.slice,
                ..fact(format!("{}{place}: {}", recompile.name, recompile.cost_says()))
            }
        }
    }
}
