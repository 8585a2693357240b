//! The host's side of a profile: a limit of torch.compile, what allocators do in a step, what makes the file large.

use crate::base::show;

use super::{fact, finding};
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure, TraceReport};

/// Text of a trace from which its size is worth a word, and the share of one category.
const LARGE_BYTES: u64 = 100_000_000;
const LARGE_SHARE_PERCENT: u64 = 30;
/// A decode step that allocates this share of the peak, and so many bytes, allocates anew what it could keep.
const CHURN_PERCENT: i64 = 50;
const CHURN_BYTES: i64 = 1_000_000;

fn bytes(n: i64) -> String {
    show::bytes(n.unsigned_abs())
}

/// torch.compile gave a frame up: it runs without compiled code from then on.
pub(super) fn dynamo_limit(report: &TraceReport) -> Option<Finding> {
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
        .take(super::N_EVIDENCE)
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
        advice: "Find what changes from step to step (TORCH_LOGS=recompiles names the guard) and mark it dynamic, or pad \
                 it to buckets; raising torch._dynamo.config.cache_size_limit only moves the limit."
            .into(),
        ..finding("dynamo-limit", Level::Problem, Sure::Derived, "recompiles", says)
    })
}

/// What a decode step allocates, against the peak.
pub(super) fn memory_churn(report: &TraceReport) -> Option<Finding> {
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

/// One category is much of a large file, and the profiler can leave it out.
pub(super) fn large_category(report: &TraceReport) -> Option<Finding> {
    let total: u64 = report.bytes_by_category.iter().map(|c| c.text_bytes).sum();
    if total < LARGE_BYTES {
        return None;
    }
    let large = |c: &&crate::analyze::report::CategoryBytes| {
        c.left_out_by.is_some() && c.text_bytes.saturating_mul(100) >= total * LARGE_SHARE_PERCENT
    };
    let category = report.bytes_by_category.iter().find(large)?;
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let share = |n: u64| show::percent(signed(n), signed(total));
    let says = format!(
        "{} are {} of the trace's {} of text.",
        category.category,
        share(category.text_bytes),
        show::bytes(total)
    );
    let rows = report.bytes_by_category.iter().take(super::N_EVIDENCE);
    Some(Finding {
        evidence: rows
            .map(|c| {
                let name = if c.category.is_empty() {
                    "without a category"
                } else {
                    &c.category
                };
                fact(format!(
                    "{name}: {}, {}, {}.",
                    show::bytes(c.text_bytes),
                    share(c.text_bytes),
                    show::counted(c.events, "event")
                ))
            })
            .collect(),
        advice: category
            .left_out_by
            .as_ref()
            .map(|how| format!("Profiling with {how}."))
            .unwrap_or_default(),
        ..finding("large-category", Level::Hint, Sure::Recorded, "overview", says)
    })
}
