//! How much of the batches is padding: one judgement, of decode and of prefill.

use super::shared::{fact, finding, reaches, serving};
use super::{Facts, Rule};
use crate::analyze::report::{Finding, FindingEvidence, Level, Padding, Phase, Sure};
use crate::analyze::steps::bucket_padding::rows_of;
use crate::base::show;

pub(super) const DECODE: Rule = Rule {
    ids: &["decode-padding"],
    judge: decode,
    rests_on_absence: false,
};

pub(super) const PREFILL: Rule = Rule {
    ids: &["prefill-padding"],
    judge: prefill,
    rests_on_absence: false,
};

/// Padding is judged over this many steps or more.
const PADDING_STEPS: usize = 3;

/// Requests really in the batch against rows of the padded batch, over decode steps that say both.
fn decode(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let known = serving(report).filter(|s| s.phase == Phase::Decode);
    let rows: Vec<(u64, u64)> = known.filter_map(rows_of).collect();
    padding(
        facts,
        Phase::Decode,
        &rows,
        "decode-padding",
        "Decode batches",
        "rows of the batch",
        "request",
    )
}

/// Tokens really in the prompt against positions of the padded prompt, over prefill steps that say both.
fn prefill(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let known = serving(report).filter(|s| s.phase == Phase::Prefill);
    let rows: Vec<(u64, u64)> = known.filter_map(rows_of).collect();
    padding(
        facts,
        Phase::Prefill,
        &rows,
        "prefill-padding",
        "Prefill batches",
        "token positions",
        "token",
    )
}

/// The buckets with most device time on padding.
fn evidence(facts: &Facts<'_>, phase: Phase) -> Vec<FindingEvidence> {
    const BUCKETS: usize = 3;
    let of_phase = facts.report.padding.iter().filter(|row| row.phase == phase);
    let costly = of_phase.filter_map(|row| Some((row, row.padding_device_ns.filter(|&ns| ns > 0)?)));
    let says = |(row, ns): (&Padding, i64)| {
        let of = row
            .device_ns
            .map_or_else(String::new, |ns| format!(" of {}", show::duration(ns)));
        fact(format!(
            "{}: at most {}{of} of device time on padding, in {}",
            row.bucket,
            show::duration(ns),
            show::counted(row.steps, "step")
        ))
    };
    costly.take(BUCKETS).map(says).collect()
}

fn padding(
    facts: &Facts<'_>,
    phase: Phase,
    rows: &[(u64, u64)],
    id: &str,
    what: &str,
    places: &str,
    noun: &str,
) -> Option<Finding> {
    let real = rows.iter().map(|r| r.0).fold(0, u64::saturating_add);
    let padded = rows.iter().map(|r| r.1).fold(0, u64::saturating_add);
    if rows.len() < PADDING_STEPS {
        return None;
    }
    // More real than padded: the two do not count the same thing.
    let waste = i64::try_from(padded.checked_sub(real)?).ok()?;
    let total = i64::try_from(padded).ok().filter(|&n| n > 0)?;
    let steps = show::counted(rows.len() as u64, "step");
    let says = format!(
        "{what} are {} padding: {} of {} {places} hold a {noun}, over {steps}.",
        show::percent(waste, total),
        show::count(real),
        show::count(padded)
    );
    if !reaches(waste, 20, total) {
        return Some(finding(id, Level::Fine, Sure::Recorded, "steps", says));
    }
    Some(Finding {
        evidence: evidence(facts, phase),
        advice:
            "Use finer buckets where most of the steps are, or raise the load: the device computes padding \
                 as if it were work."
                .into(),
        ..finding(id, Level::Hint, Sure::Recorded, "steps", says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;

    #[test]
    fn padding_is_of_all_rows_together() {
        let mut report = blank();
        report.steps = (0..4).map(|i| step(i, i64::from(i) * 100, 10)).collect();
        report.steps[2].batch = None;
        let all = of(&report);
        assert_eq!(
            get(&all, "decode-padding").says,
            "Decode batches are 25 % padding: 9 of 12 rows of the batch hold a request, over 3 steps."
        );
        assert_eq!(get(&all, "decode-padding").level, Level::Hint);
        report.steps[0].batch = Some(400);
        assert!(
            !has(&of(&report), "decode-padding"),
            "more requests than rows: not the same things"
        );
    }
}
