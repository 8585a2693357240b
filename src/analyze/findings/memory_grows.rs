//! Memory in use grows from decode step to decode step.

use super::shared::{fact, finding};
use super::{Facts, Rule};
use crate::analyze::report::{DeviceMemory, Finding, Level, MemoryGrowth, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["memory-grows"],
    judge,
    rests_on_absence: false,
};

/// Of fewer steps nothing is said: what is made at the first use grows in a few.
const LEAST_STEPS: u64 = 10;
/// It grows from this share of the steps to the next, in per cent …
const GROWN_PERCENT: u64 = 90;
/// … by so many bytes. Caches that grow by a token's entry take less.
const LEAST_BYTES: i64 = 1_000_000;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let grows = |device: &'_ DeviceMemory| {
        let growth = device.decode_growth.filter(|g| g.steps >= LEAST_STEPS)?;
        let is_steady = growth.grown.saturating_mul(100) >= growth.steps.saturating_mul(GROWN_PERCENT);
        (is_steady && growth.median_bytes >= LEAST_BYTES).then_some(growth)
    };
    let devices = facts.report.memory.iter().flat_map(|m| &m.devices);
    let growing = devices.filter_map(|device| Some((device, grows(device)?)));
    let (device, growth): (&DeviceMemory, MemoryGrowth) =
        growing.max_by_key(|(_, growth)| growth.total_bytes)?;
    let bytes = |n: i64| show::bytes(n.unsigned_abs());
    let says = format!(
        "Memory in use on {} grows by {} from decode step to decode step (median): in {} of {}, {} in all.",
        device.label(),
        bytes(growth.median_bytes),
        show::count(growth.grown),
        show::counted(growth.steps, "step"),
        bytes(growth.total_bytes),
    );
    let mut evidence = vec![fact(format!(
        "In use at the start {}, at the end {}.",
        bytes(device.start_bytes),
        bytes(device.end_bytes)
    ))];
    evidence.extend(device.operators.iter().take(3).map(|o| {
        let name = match &*o.name {
            "" => "outside of operators",
            name => name,
        };
        fact(format!(
            "{name}: {} allocated and {} freed.",
            bytes(o.allocated_bytes),
            bytes(o.freed_bytes)
        ))
    }));
    Some(Finding {
        evidence,
        advice: "What a step allocates is not freed before the next: see which operators allocate it and what holds on \
                 to it. If it grows on, memory runs out."
            .into(),
        ..finding("memory-grows", Level::Hint, Sure::Derived, "memory", says)
    })
}
