//! Sentences with numbers: what is wrong, what it costs, what shows it, what to do; and what is not wrong.
//!
//! A file a topic; here is what they share.

mod compiles;
mod device;
mod host;
mod idle;
mod recording;
mod steps;

#[cfg(test)]
mod made;

use crate::base::{order, show};
use crate::dialect::Vocabulary;

use super::report::{Finding, FindingEvidence, Level, Period, Step, Sure, TraceReport};
use crate::analyze::gaps::DecodeIdle;

pub use recording::REST_ON_ABSENCE;

/// How many pieces of evidence a finding shows.
const N_EVIDENCE: usize = 10;

/// What the findings rest on beside the report.
pub struct Facts<'a> {
    pub vocabulary: &'a Vocabulary,
    pub decode_idle: Option<DecodeIdle>,
    /// The end of the last host call that hands work to a device.
    pub last_launch_ns: Option<i64>,
}

/// All findings about a report that is complete but for them: problems first, and of those the most costly.
pub fn findings(report: &TraceReport, facts: &Facts<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    all.extend(recording::damage(report));
    all.extend(recording::no_steps(report));
    all.extend(compiles::compiles(report));
    all.extend(compiles::suspected_compiles(report));
    all.extend(compiles::bucket_coverage(report, facts.vocabulary.has_warmup));
    all.extend(idle::decode_idle(report, facts.decode_idle.as_ref()));
    all.extend(idle::between_steps(report, !report.device_time.is_empty()));
    all.extend(steps::decode_padding(report));
    all.extend(steps::prefill_padding(report));
    all.extend(steps::slow_steps(report));
    all.extend(idle::no_load(report));
    let is_told = all.iter().any(|f| f.view == "gaps" && f.level != Level::Fine);
    all.extend(device::idle_causes(report, is_told));
    all.extend(device::long_attention(report, facts.vocabulary.attention_kernels));
    all.extend(device::short_kernels(report));
    all.extend(device::slow_starts(report));
    all.extend(device::exposed_communication(report));
    all.extend(device::copies(report));
    all.extend(recording::device_ends_early(report, facts.last_launch_ns));
    all.extend(recording::synchronised(report));
    all.extend(host::dynamo_limit(report));
    all.extend(host::memory_churn(report));
    all.extend(host::large_category(report));
    for finding in &mut all {
        for (id, advice) in facts.vocabulary.advice {
            if *id == finding.id && finding.level != Level::Fine {
                finding.advice = format!("{} {advice}", finding.advice).trim().to_owned();
            }
        }
    }
    order::sort_by_key(&mut all, |f| (f.level, std::cmp::Reverse(f.cost_ns)));
    all
}

fn finding(id: &str, level: Level, sure: Sure, view: &str, says: String) -> Finding {
    Finding {
        id: id.into(),
        level,
        sure,
        says,
        cost_ns: None,
        evidence: Vec::new(),
        advice: String::new(),
        view: view.into(),
    }
}

fn fact(says: String) -> FindingEvidence {
    FindingEvidence {
        says,
        start_ns: None,
        end_ns: None,
        step: None,
        slice: None,
    }
}

fn at_step(step: &Step, says: String) -> FindingEvidence {
    FindingEvidence {
        start_ns: Some(step.start_ns),
        end_ns: Some(step.start_ns.saturating_add(step.dur_ns)),
        step: Some(step.index),
        slice: Some(step.slice),
        ..fact(says)
    }
}

fn serving(report: &TraceReport) -> impl Iterator<Item = &Step> {
    report.steps.iter().filter(|s| s.period == Period::Serving)
}

fn serving_ns(report: &TraceReport) -> Option<i64> {
    report.budget.as_ref().map(|b| b.total_ns).filter(|&ns| ns > 0)
}

/// Whether `part` is at least `percent` of `whole`.
fn reaches(part: i64, percent: i64, whole: i64) -> bool {
    i128::from(part) * 100 >= i128::from(percent) * i128::from(whole)
}

/// `"a, b and c"`; of more than `most`, how many more.
fn listed(items: &[String], most: usize) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        _ if items.len() > most => {
            let more = (items.len() - most) as u64;
            format!("{} and {} more", items[..most].join(", "), show::count(more))
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `"1 graph was"`, `"3 graphs were"`.
fn were(n: usize, noun: &str) -> String {
    let verb = if n == 1 { "was" } else { "were" };
    format!("{} {verb}", show::counted(n as u64, noun))
}
