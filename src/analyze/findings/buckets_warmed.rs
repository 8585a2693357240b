//! Whether warm-up ran the buckets that were served: all of them; not these; it is not in the file. Three answers to
//! one question, of which a trace gets one at most.

use super::shared::{N_EVIDENCE, at_step, fact, finding, listed, serving, were};
use super::{Facts, Rule};
use crate::analyze::report::{
    Bucket, BucketCoverage, Finding, FindingEvidence, Level, Phase, PhaseBucket, Step, Sure, TraceReport,
};
use crate::analyze::sentence_words;
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["warmup-not-recorded", "buckets-warmed", "buckets-not-warmed"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let report = facts.report;
    let has_buckets = serving(report).any(|s| s.bucket.is_some());
    if !has_buckets {
        return None;
    }
    let coverage = report.bucket_coverage.as_ref();
    let Some(coverage) = coverage.filter(|c| facts.vocabulary.has_warmup && !c.warmed.is_empty()) else {
        let says = match facts.vocabulary.has_warmup {
            true => "The trace does not say which buckets warm-up ran, so which of the served ones were warmed up is \
                     not known."
                .into(),
            false => {
                "The trace holds no warm-up, so which of the served buckets were warmed up is not known.".into()
            }
        };
        return Some(Finding {
            advice: "Start recording before the server warms up, if you look for missing buckets.".into(),
            ..finding(
                "warmup-not-recorded",
                Level::Hint,
                Sure::Derived,
                "recompiles",
                says,
            )
        });
    };
    if coverage.served_not_warmed.is_empty() {
        let says = format!(
            "Every served bucket was warmed up ({} of {}).{}",
            show::count(coverage.served.len() as u64),
            show::count(coverage.served.len() as u64),
            unknown_says(coverage)
        );
        return Some(finding(
            "buckets-warmed",
            Level::Fine,
            Sure::Recorded,
            "recompiles",
            says,
        ));
    }
    let missed = &coverage.served_not_warmed;
    let names: Vec<String> = missed
        .iter()
        .map(|b| format!("{} {}", sentence_words::phase(b.phase), b.bucket))
        .collect();
    let says = format!(
        "{} served that warm-up never ran: {} (batch, sequence length, context blocks).{}",
        were(missed.len(), "bucket"),
        listed(&names, 6),
        unknown_says(coverage)
    );
    // What their compiles cost is told with the compiles: the same seconds are charged once.
    Some(Finding {
        evidence: missed
            .iter()
            .zip(0..N_EVIDENCE)
            .map(|(b, i)| first_use(report, b, coverage.first_not_warmed.get(i).copied()))
            .collect(),
        advice: format!(
            "Extend the buckets that warm-up runs to include {}.",
            reach(missed)
        ),
        ..finding(
            "buckets-not-warmed",
            Level::Problem,
            Sure::Recorded,
            "recompiles",
            says,
        )
    })
}

/// Other processes of the file have no warm-up in it.
fn unknown_says(coverage: &BucketCoverage) -> String {
    match coverage.unknown_steps {
        0 => String::new(),
        n => format!(
            " Not judged: {} of another process, whose warm-up the file does not hold.",
            show::counted(n, "served step")
        ),
    }
}

fn first_use(report: &TraceReport, bucket: &PhaseBucket, first: Option<u32>) -> FindingEvidence {
    let is_it = |s: &&Step| s.phase == bucket.phase && s.bucket == Some(bucket.bucket);
    let used = serving(report).find(|s| is_it(s) && first.is_none_or(|first| s.index == first));
    let says = format!(
        "{} {}: {}",
        sentence_words::phase(bucket.phase),
        bucket.bucket,
        show::counted(bucket.count, "step")
    );
    match used {
        Some(step) => at_step(step, format!("{says}, first in step {}", step.index)),
        None => fact(says),
    }
}

/// `"decode up to batch 16, 512 context blocks"`, a phase at a time.
fn reach(missed: &[PhaseBucket]) -> String {
    let mut by_phase: Vec<(Phase, Bucket)> = Vec::new();
    for b in missed {
        match by_phase.iter_mut().find(|(phase, _)| *phase == b.phase) {
            Some((_, most)) => {
                most.batch = most.batch.max(b.bucket.batch);
                most.seq = most.seq.max(b.bucket.seq);
                most.ctx = most.ctx.max(b.bucket.ctx);
            }
            None => by_phase.push((b.phase, b.bucket)),
        }
    }
    let phrase = |(phase, most): &(Phase, Bucket)| {
        let mut parts = vec![format!("batch {}", most.batch)];
        parts.extend(
            most.seq
                .filter(|&n| n > 1)
                .map(|n| format!("sequence length {n}")),
        );
        parts.extend(most.ctx.filter(|&n| n > 0).map(|n| format!("{n} context blocks")));
        format!("{} up to {}", sentence_words::phase(*phase), parts.join(", "))
    };
    let phrases: Vec<String> = by_phase.iter().map(phrase).collect();
    listed(&phrases, 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::findings::fixtures::*;
    use crate::dialect::Vocabulary;

    #[test]
    fn buckets_that_warmup_left_out_are_named() {
        let mut report = blank();
        report.steps = vec![step(0, 0, 100)];
        report.recompiles = vec![compile(0, 10, 50)];
        let bucket = |batch, ctx| PhaseBucket {
            phase: Phase::Decode,
            bucket: Bucket {
                batch,
                seq: Some(1),
                ctx: Some(ctx),
            },
            count: 2,
        };
        report.bucket_coverage = Some(BucketCoverage {
            warmed: vec![bucket(2, 64)],
            served: vec![bucket(4, 128), bucket(16, 64)],
            served_not_warmed: vec![bucket(4, 128), bucket(16, 64)],
            ..BucketCoverage::default()
        });
        let vocabulary = Vocabulary {
            has_warmup: true,
            advice: &[("buckets-not-warmed", "Set BUCKET_MAX.")],
            ..Vocabulary::default()
        };
        let all = of_facts(&facts(&report, &vocabulary));
        let found = get(&all, "buckets-not-warmed");
        assert_eq!(
            found.says,
            "2 buckets were served that warm-up never ran: decode (4, 1, 128) and decode (16, 1, 64) (batch, \
             sequence length, context blocks)."
        );
        assert_eq!(
            found.advice,
            "Extend the buckets that warm-up runs to include decode up to batch 16, 128 context blocks. Set BUCKET_MAX."
        );
        assert_eq!(found.cost_ns, None, "charged with the compiles");
        assert_eq!(found.evidence[0].step, Some(0));
        // Without warm-up in the file, "not warmed" would mean nothing.
        let all = of(&report);
        assert!(has(&all, "warmup-not-recorded") && !has(&all, "buckets-not-warmed"));
    }
}
