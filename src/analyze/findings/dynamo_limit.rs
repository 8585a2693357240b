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
        None => "a compile".to_owned(),
    };
    let says = format!(
        "torch.compile seems to have reached its limit: after {which} gave up, {} found no compiled code to run, where {} had run it before.",
        show::counted(first.lookups_after, "lookup"),
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
                "The compile that nothing ran after; {} followed on its thread.",
                show::counted(limit.lookups_after, "lookup")
            ))
        });
    Some(Finding {
        evidence: evidence.collect(),
        advice: "Find what changes from step to step (TORCH_LOGS=recompiles names the guard) and mark it dynamic, or \
                 pad it to buckets; raising torch._dynamo.config.cache_size_limit only moves the limit."
            .into(),
        ..finding("dynamo-limit", Level::Problem, Sure::Derived, "recompiles", says)
    })
}
