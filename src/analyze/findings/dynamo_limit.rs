//! torch.compile gave a frame up: it runs without compiled code from then on.

use super::shared::{N_EVIDENCE, fact, finding};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["dynamo-limit"],
    judge,
    rests_on_absence: true,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let dynamo = report.dynamo.as_ref()?;
    let first = dynamo.limits.first()?;
    let which = match &first.compile_id {
        Some(id) => format!("compile {id}"),
        None => "an attempt to compile".to_owned(),
    };
    let then = match first.lookups_after {
        0 => format!(
            "the next {} ran without compiled code of this frame",
            show::counted(first.steps_after, "step")
        ),
        n => format!("the next {} ran without compiled code", show::counted(n, "call")),
    };
    let says = format!(
        "torch.compile seems to have reached its recompile limit: after {which} gave up, {then}. Compiled code ran {} in \
         the trace.",
        show::counted(dynamo.regions, "time"),
    );
    let evidence = dynamo
        .limits
        .iter()
        .take(N_EVIDENCE)
        .map(|limit| FindingEvidence {
            start_ns: Some(limit.at_ns),
            slice: Some(limit.slice),
            ..fact(format!(
                "The attempt that nothing ran after; {} and {} followed on its thread.",
                show::counted(limit.lookups_after, "lookup"),
                show::counted(limit.steps_after, "step")
            ))
        });
    Some(Finding {
        evidence: evidence.collect(),
        advice: "Find what changes from step to step (TORCH_LOGS=recompiles names the guard) and mark it dynamic, or \
                 pad it to buckets; raising torch._dynamo.config.recompile_limit (cache_size_limit before it was renamed) only \
                 moves the limit."
            .into(),
        ..finding("dynamo-limit", Level::Problem, Sure::Derived, "recompiles", says)
    })
}
