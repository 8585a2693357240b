//! torch.compile gave a frame up: it runs without compiled code from then on. Without steps a trace may be of a
//! warm-up: a hint, as compiles are there.

use super::shared::{N_EVIDENCE, fact, finding};
use super::{Facts, Rule};
use crate::analyze::report::{DynamoLimit, Finding, FindingEvidence, Level, Phase, Step, Sure, TraceReport};
use crate::analyze::steps::verdict;
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["dynamo-limit"],
    judge,
    rests_on_absence: true,
};

/// Of the first phase with steps outside compiles, how many of these the limit falls into or comes before. Their times
/// are those of uncompiled code. Silent where the limit's thread runs no steps.
fn uncompiled_steps(report: &TraceReport, limit: &DynamoLimit) -> Option<String> {
    let steps_of = |phase| verdict::of_phase(&report.steps, phase, None).filter(|s| !s.compiled);
    let phase = verdict::PHASES
        .into_iter()
        .find(|&phase| steps_of(phase).next().is_some())?;
    let all = steps_of(phase).count();
    let is_after = |s: &&Step| s.host_start_ns.saturating_add(s.host_ns) > limit.at_ns;
    let after = steps_of(phase).filter(is_after).count();
    if after == 0 || limit.steps_after == 0 {
        return None;
    }
    let noun = match phase {
        Phase::Decode => "decode step",
        Phase::Prefill => "prefill step",
        _ => "step",
    };
    let all_words = show::counted(all as u64, noun);
    Some(match (after, all) {
        (1, 1) => format!(" The only {noun} without a compile ran this frame uncompiled."),
        _ if after == all => format!(
            " All {all_words} without a compile ran this frame uncompiled, so their step time is that of uncompiled code."
        ),
        _ => format!(" Of {all_words} without a compile, {after} ran this frame uncompiled."),
    })
}

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
    let says = says + &uncompiled_steps(report, first).unwrap_or_default();
    let level = match report.steps.is_empty() {
        true => Level::Hint,
        false => Level::Problem,
    };
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
        ..finding("dynamo-limit", level, Sure::Derived, "recompiles", says)
    })
}
