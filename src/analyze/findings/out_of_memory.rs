//! An allocator could not hand out what it was asked for.

use super::shared::{N_EVIDENCE, fact, finding};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, OutOfMemory, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["out-of-memory"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let first = report.out_of_memory.first()?;
    let n = report.out_of_memory_total.max(report.out_of_memory.len() as u64);
    let says = match n {
        1 => format!("Out of memory: {}.", one(first)),
        n => format!(
            "Out of memory {}. The first: {}.",
            show::counted(n, "time"),
            one(first)
        ),
    };
    let evidence = report.out_of_memory.iter().take(N_EVIDENCE);
    Some(Finding {
        evidence: evidence
            .map(|failure| FindingEvidence {
                start_ns: Some(failure.at_ns),
                step: failure.step,
                ..fact(one(failure))
            })
            .collect(),
        advice: "Give the model and its KV cache a smaller share of the device's memory, or use smaller batches or \
                 shorter contexts. If far more is reserved than is in use, memory is fragmented."
            .into(),
        ..finding("out-of-memory", Level::Problem, Sure::Recorded, "memory", says)
    })
}

/// `"53.7 GB asked for on cuda 0, with 84.8 GB in use and 84.8 GB reserved"`.
fn one(failure: &OutOfMemory) -> String {
    let size = |bytes: Option<i64>| {
        let bytes = bytes.and_then(|n| u64::try_from(n).ok());
        bytes.filter(|&n| n > 0).map(show::bytes)
    };
    let mut says = match size(failure.bytes) {
        Some(asked) => format!("{asked} asked for"),
        None => "an allocation failed (how much was asked for is not recorded)".to_owned(),
    };
    if let Some(device) = &failure.device {
        says += &format!(" on {device}");
    }
    let held = [
        size(failure.allocated_bytes).map(|n| format!("{n} in use")),
        size(failure.reserved_bytes).map(|n| format!("{n} reserved")),
    ];
    let held: Vec<String> = held.into_iter().flatten().collect();
    if !held.is_empty() {
        says += &format!(", with {}", held.join(" and "));
    }
    if let Some(step) = failure.step {
        says += &format!(", in step {step}");
    }
    says
}
