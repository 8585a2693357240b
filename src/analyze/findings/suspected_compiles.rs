//! Steps that look as if a graph was compiled in them, where no compile is recorded.

use super::compiled::{compiled, n_costed};
use super::shared::{N_EVIDENCE, at_step, fact, finding};
use super::{Facts, Rule};
use crate::analyze::gaps::step_label;
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
    let n = suspected.len();
    let says = format!(
        "{} if a graph was compiled in {}; no compile is recorded.",
        if n == 1 {
            "1 step looks as".into()
        } else {
            format!("{} steps look as", show::count(n as u64))
        },
        if n == 1 { "it" } else { "them" },
    );
    Some(Finding {
        cost_ns: (n_costed(&suspected) > 0).then(|| stats::sum(suspected.iter().filter_map(|r| r.dur_ns))),
        evidence: suspected
            .iter()
            .take(N_EVIDENCE)
            .map(|r| at_suspected(report, r))
            .collect(),
        advice: "Record again with graph-compile tracking to know.".into(),
        ..finding(
            "suspected-compiles",
            Level::Hint,
            Sure::Suspected,
            "recompiles",
            says,
        )
    })
}

fn at_suspected(report: &TraceReport, recompile: &Recompile) -> FindingEvidence {
    let step = recompile
        .step
        .and_then(|i| report.steps.iter().find(|s| s.index == i));
    match step {
        Some(step) => at_step(
            step,
            format!("{}: {}", step_label(step), show::duration(step.dur_ns)),
        ),
        None => FindingEvidence {
            start_ns: Some(recompile.start_ns),
            end_ns: Some(recompile.span().end),
            slice: recompile.slice,
            ..fact(format!("{}: {}", recompile.name, recompile.cost_says()))
        },
    }
}
