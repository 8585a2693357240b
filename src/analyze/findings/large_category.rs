//! One category is much of a large file, and the profiler can leave it out.

use super::shared::{N_EVIDENCE, fact, finding};
use super::{Facts, Rule};
use crate::analyze::report::{CategoryBytes, Finding, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["large-category"],
    judge,
    rests_on_absence: true,
};

/// Text of a trace from which its size is worth a word, and the share of one category.
const LARGE_BYTES: u64 = 100_000_000;
const LARGE_SHARE_PERCENT: u64 = 30;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let total: u64 = report.bytes_by_category.iter().map(|c| c.text_bytes).sum();
    if total < LARGE_BYTES {
        return None;
    }
    let large = |c: &&CategoryBytes| {
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
    let rows = report.bytes_by_category.iter().take(N_EVIDENCE);
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
