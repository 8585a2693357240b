//! Large copies between host and device that are slow.

use super::shared::{fact, finding};
use super::{Facts, Rule};
use crate::analyze::report::{Copy, Finding, FindingEvidence, Level, Sure};
use crate::base::{show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["slow-copies"],
    judge,
    rests_on_absence: false,
};

/// A copy between host and device of this many bytes is long enough for its bandwidth to mean something …
const LARGE_COPY_BYTES: u64 = 1 << 20;
/// … and is slow below this: PCIe 4 carries about 25 GB/s.
const SLOW_GB_PER_S: f64 = 8.0;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let is_slow = |c: &&Copy| {
        let between = matches!(c.direction.as_deref(), Some("HtoD" | "DtoH"));
        let mean = c.bytes.unwrap_or(0) / c.count.max(1);
        between && mean >= LARGE_COPY_BYTES && c.gb_per_s.is_some_and(|rate| rate < SLOW_GB_PER_S)
    };
    let slow: Vec<&Copy> = report.copies.iter().filter(is_slow).collect();
    let worst = slow.first()?;
    let says = format!(
        "{} between host and device: {:.1} GB/s, {} in {}.",
        if worst.count == 1 {
            "1 large copy".to_owned()
        } else {
            let mean = worst.bytes.unwrap_or(0) / worst.count;
            format!(
                "{} copies of {} on average",
                show::count(worst.count),
                show::bytes(mean)
            )
        },
        worst.gb_per_s.unwrap_or(0.0),
        show::bytes(worst.bytes.unwrap_or(0)),
        show::duration(worst.bytes_ns)
    );
    Some(Finding {
        cost_ns: Some(stats::sum(slow.iter().map(|c| c.total_ns))),
        evidence: slow
            .iter()
            .map(|c| FindingEvidence {
                slice: Some(c.longest_slice),
                ..fact(format!(
                    "{}: {:.1} GB/s, {}",
                    c.name,
                    c.gb_per_s.unwrap_or(0.0),
                    show::duration(c.total_ns)
                ))
            })
            .collect(),
        advice: advice(&slow).into(),
        ..finding("slow-copies", Level::Hint, Sure::Derived, "device", says)
    })
}

/// CUPTI's names say what memory the host's side is: `Memcpy HtoD (Pinned -> Device)`.
fn advice(slow: &[&Copy]) -> &'static str {
    match slow.iter().all(|c| c.name.contains("Pinned")) {
        true => {
            "The host's memory is pinned already: see whether several devices or copies share the link at the same \
             time, and what the link can carry."
        }
        false => "Memory that is not pinned is copied twice: pin it, or make it on the device.",
    }
}
