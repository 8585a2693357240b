//! What a decode step allocates, against the peak.

use super::shared::{fact, finding};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["memory-churn"],
    judge,
    rests_on_absence: false,
};

/// A decode step that allocates this share of the peak, and so many bytes, allocates anew what it could keep.
const CHURN_PERCENT: i64 = 50;
const CHURN_BYTES: i64 = 1_000_000;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let memory = report.memory.as_ref()?;
    let device = memory
        .devices
        .iter()
        .filter(|d| d.decode_steps > 0)
        .max_by_key(|d| d.decode_step_allocated_bytes)?;
    let step = device.decode_step_allocated_bytes?;
    let peak = device.peak_bytes;
    let churns = step >= CHURN_BYTES && step.saturating_mul(100) >= peak.saturating_mul(CHURN_PERCENT);
    let which = match device.id {
        Some(id) => format!("{} {id}", device.device),
        None => device.device.clone(),
    };
    let says = format!(
        "A decode step allocates {} on {which} (median of {}), {} of the {} at the peak.",
        bytes(step),
        show::counted(device.decode_steps, "step"),
        show::percent(step, peak),
        bytes(peak),
    );
    let mut evidence = vec![FindingEvidence {
        start_ns: Some(device.peak_at_ns),
        step: device.peak_step,
        slice: device.peak_slice,
        ..fact(format!(
            "Peak of {}{}.",
            bytes(peak),
            device
                .peak_operators
                .first()
                .map(|name| format!(", inside {name}"))
                .unwrap_or_default()
        ))
    }];
    evidence.extend(device.operators.iter().take(3).map(|o| {
        let name = if o.name.is_empty() {
            "outside of operators"
        } else {
            &o.name
        };
        fact(format!(
            "{name}: {} in {}.",
            bytes(o.allocated_bytes),
            show::counted(o.allocations, "allocation")
        ))
    }));
    Some(Finding {
        evidence,
        advice: if churns {
            "What is allocated anew in each step can be kept: write into buffers made once (a cache of keys and values \
             that grows by torch.cat is copied whole in each step)."
                .into()
        } else {
            String::new()
        },
        ..finding(
            "memory-churn",
            if churns { Level::Hint } else { Level::Fine },
            Sure::Derived,
            "memory",
            says,
        )
    })
}

fn bytes(n: i64) -> String {
    show::bytes(n.unsigned_abs())
}
