//! Sentences with numbers: what is wrong, what it costs, what shows it, what to do; and what is not wrong.
//!
//! To add a finding, write four things:
//!
//! 1. Its rule, `src/analyze/findings/<name>.rs`: a `RULE` with its id, and `judge`, which sees the finished answers
//!    ([`Facts`]) and speaks or is silent. A file holds one judgement. It has several ids only where these are faces of
//!    one judgement (yes and no, or the same with another subject), and its first lines say so. What other findings are
//!    made with, too, is in `shared`.
//! 2. Its `mod`, and a line in [`FINDINGS`].
//! 3. Its fixtures, `tests/findings/<id>/speaks/` and `tests/findings/<id>/silent/`: small traces, each with a
//!    `"comment"` that says why it is one or the other; silent ones just below a threshold are worth most. A fixture is
//!    a file, or, where the finding needs other files beside a trace, a folder. `tests/it/findings.rs` opens them all,
//!    and fails where a rule has none.
//! 4. A row in `ROWS` of `tests/it/injection/findings.rs`, or the reason why there is none in `NOT_INJECTED`.
//!
//! A judgement that needs another's outcome calls that one's `judge`, as `device_idle` does. Judgements are pure and
//! cheap, so no rule depends on where another stands in the list. Advice that names an engine's own switches is a line
//! in its dialect ([`Vocabulary::advice`]), not here.

mod buckets_warmed;
mod clocks_disagree;
mod compiled;
mod compiles_while_serving;
mod decode_and_prefill_padding;
mod device_free;
mod device_idle;
mod device_recording_ends_early;
mod device_time_by_family;
mod dynamo_limit;
mod events_lost;
mod exposed_communication;
mod exposed_copies;
mod host_collectives;
mod input_damaged;
mod large_category;
mod largest_operator;
mod launched_not_started;
mod launches_without_work;
mod long_attention;
mod memory_churn;
mod memory_grows;
mod no_load;
mod no_server_at_work;
mod no_steps;
mod out_of_memory;
mod recording_overhead;
mod recording_slows_the_host;
mod shared;
mod short_kernels;
mod slow_copies;
mod slow_link;
mod slow_starts;
mod slow_steps;
mod suspected_compiles;
mod synchronised_capture;
mod time_between_steps;
mod waits_for_host;
mod waits_for_peer;

#[cfg(test)]
mod fixtures;

use rustc_hash::FxHashSet;

use super::Depth;
use super::device::launch_index::TrailingLaunches;
use super::gaps::requests::Waiting;
use super::gaps::step_idle::StepIdle;
use super::host::collectives_on_host::HostCollectives;
use super::host::profiler_overhead::Overhead;
use super::ranks::peers::PeerWait;
use super::report::{Finding, FindingEvidence, Level, TraceReport};
use super::steps::verdict::Waited;
use crate::base::order;
use crate::dialect::Vocabulary;

/// What findings rest on.
pub struct Facts<'a> {
    /// Complete but for its findings.
    pub report: &'a TraceReport,
    pub vocabulary: &'a Vocabulary,
    /// Of each device, where enough steps of one phase are known.
    pub step_idle: Vec<StepIdle>,
    /// The end of the last host call that hands work to a device.
    pub last_launch_ns: Option<i64>,
    /// Whether work names the call that launched it.
    pub links_launches: bool,
    /// Launches at the end of the trace without work in it.
    pub trailing_launches: Option<TrailingLaunches>,
    /// For how much of serving time the engine waited for requests.
    pub waited: Option<Waited>,
    /// When.
    pub waits: Vec<Waiting>,
    /// Of the report's operators, by their longest call: stretches that a program named, and parts of a compile.
    pub not_operators: FxHashSet<u32>,
    pub host_collectives: Option<HostCollectives>,
    /// Of each kind that is recorded.
    pub overhead: Vec<Overhead>,
    /// The rank for which the device waits most first.
    pub peer_waits: Vec<PeerWait>,
    /// Work that was launched before the recording: how many pieces, and their time.
    pub earlier_work: (u64, i64),
    /// Calls whose inputs' shapes are recorded.
    pub calls_with_shapes: u64,
}

impl<'a> Facts<'a> {
    /// What a report alone says; of all else nothing is known.
    pub fn of(report: &'a TraceReport, vocabulary: &'a Vocabulary) -> Facts<'a> {
        Facts {
            report,
            vocabulary,
            step_idle: Vec::new(),
            last_launch_ns: None,
            links_launches: false,
            trailing_launches: None,
            waited: None,
            waits: Vec::new(),
            not_operators: FxHashSet::default(),
            calls_with_shapes: 0,
            host_collectives: None,
            overhead: Vec::new(),
            peer_waits: Vec::new(),
            earlier_work: (0, 0),
        }
    }
}

/// One judgement.
pub struct Rule {
    /// What it may speak as, in one trace as one of them at most. Stable: scripts rely on ids.
    pub ids: &'static [&'static str],
    /// `None`: it is silent.
    pub judge: fn(&Facts<'_>) -> Option<Finding>,
    /// It speaks because something else is not recorded. Of a part of a file it is not asked: what is missing there may
    /// stand in the rest.
    pub rests_on_absence: bool,
}

/// All findings there are. Those of the same level and cost are shown in this order.
pub const FINDINGS: &[Rule] = &[
    input_damaged::RULE,
    events_lost::RULE,
    no_steps::RULE,
    no_server_at_work::RULE,
    clocks_disagree::RULE,
    launches_without_work::RULE,
    recording_slows_the_host::RULE,
    recording_overhead::FIRST_USE,
    recording_overhead::RECORDING,
    compiles_while_serving::RULE,
    suspected_compiles::RULE,
    buckets_warmed::RULE,
    waits_for_host::RULE,
    launched_not_started::RULE,
    time_between_steps::RULE,
    decode_and_prefill_padding::DECODE,
    decode_and_prefill_padding::PREFILL,
    slow_steps::RULE,
    no_load::RULE,
    device_idle::RULE,
    device_time_by_family::RULE,
    largest_operator::RULE,
    long_attention::RULE,
    short_kernels::RULE,
    slow_starts::RULE,
    exposed_communication::RULE,
    waits_for_peer::RULE,
    host_collectives::RULE,
    exposed_copies::RULE,
    slow_copies::RULE,
    device_recording_ends_early::RULE,
    synchronised_capture::RULE,
    dynamo_limit::RULE,
    out_of_memory::RULE,
    memory_churn::RULE,
    memory_grows::RULE,
    large_category::RULE,
    device_free::RULE,
    slow_link::RULE,
];

/// All findings, in the order in which every outlet shows them.
pub fn findings(facts: &Facts<'_>, depth: Depth) -> Vec<Finding> {
    let is_asked = |rule: &&Rule| depth == Depth::Everything || !rule.rests_on_absence;
    let asked = FINDINGS.iter().filter(is_asked);
    let mut all: Vec<Finding> = asked.filter_map(|rule| (rule.judge)(facts)).collect();
    for finding in &mut all {
        add_engine_advice(finding, facts.vocabulary);
        // Without launches there is no such view.
        if finding.view == "device" && facts.report.launches.is_none() {
            finding.view = "operators".to_owned();
        }
    }
    say_what_recording_costs(facts, &mut all);
    sort(&mut all, shared::serving_ns(facts.report));
    all
}

/// A finding that nothing is wrong with stands among the hints from this share of serving time on, in percent, where
/// its cost is known: what the steps spend most of their time on is worth more than a hint about little of it.
const LARGE_PERCENT: i64 = 25;

/// Problems first, then hints, then what is fine; of each the most costly first, which is the largest share of the
/// trace; else they stay as they stand in [`FINDINGS`]. What is fine and takes [`LARGE_PERCENT`] of `window_ns` is
/// placed among the hints. What only steps make a problem is a hint in a trace without them. The JSON, the text, the
/// Markdown and the page show findings as they come from here.
fn sort(findings: &mut [Finding], window_ns: Option<i64>) {
    let is_large = |f: &Finding| {
        let known = f.cost_ns.zip(window_ns);
        known.is_some_and(|(cost, window)| shared::reaches(cost, LARGE_PERCENT, window))
    };
    order::sort_by_key(findings, |f| {
        let place = match f.level {
            Level::Fine if is_large(f) => Level::Hint,
            level => level,
        };
        (place, std::cmp::Reverse(f.cost_ns))
    });
}

/// Whether this finding says that the host is what is slow.
fn is_about_the_host(facts: &Facts<'_>, finding: &Finding) -> bool {
    let blames = match finding.id.as_str() {
        "decode-waits-for-host" | "device-waits-for-host" | "time-between-steps" => true,
        "device-idle" => device_idle::blames_the_host(facts.report),
        _ => false,
    };
    blames && finding.level != Level::Fine
}

/// Whether a finding says that the host is what is slow. Judgements are asked, not looked up among what was found.
fn blames_the_host(facts: &Facts<'_>) -> bool {
    let judges = [
        waits_for_host::judge,
        time_between_steps::judge,
        device_idle::judge,
    ];
    let mut found = judges.iter().filter_map(|judge| judge(facts));
    found.any(|finding| is_about_the_host(facts, &finding))
}

/// Where the host is blamed, what was recorded beside operators and device work stands first in the evidence.
fn say_what_recording_costs(facts: &Facts<'_>, all: &mut [Finding]) {
    let recorded = recording_slows_the_host::recorded(facts);
    if recorded.is_empty() {
        return;
    }
    let says = format!(
        "Recorded as well, which slows the host: {}",
        shared::listed(&recorded, 4)
    );
    for finding in all.iter_mut().filter(|f| is_about_the_host(facts, f)) {
        let evidence: FindingEvidence = shared::fact(says.clone());
        finding.evidence.insert(0, evidence);
    }
}

fn add_engine_advice(finding: &mut Finding, vocabulary: &Vocabulary) {
    for (id, advice) in vocabulary.advice {
        if *id == finding.id && finding.level != Level::Fine {
            finding.advice = format!("{} {advice}", finding.advice).trim().to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_one_rule() {
        let mut ids: Vec<&str> = FINDINGS.iter().flat_map(|rule| rule.ids).copied().collect();
        let n_ids = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), n_ids);
    }

    #[test]
    fn findings_of_like_level_and_cost_stay_as_they_stand() {
        let made = |id: &str, level: Level, cost_ns: Option<i64>| Finding {
            cost_ns,
            ..shared::finding(
                id,
                level,
                crate::analyze::report::Sure::Derived,
                "",
                String::new(),
            )
        };
        let mut all = [
            made("a", Level::Fine, None),
            made("b", Level::Hint, None),
            made("c", Level::Hint, Some(1)),
            made("d", Level::Hint, None),
            made("e", Level::Problem, None),
            made("f", Level::Hint, Some(20)),
            made("g", Level::Fine, Some(24)),
            made("h", Level::Fine, Some(25)),
        ];
        let mut ids = |window_ns| {
            sort(&mut all, window_ns);
            all.iter().map(|f| f.id.clone()).collect::<Vec<String>>()
        };
        assert_eq!(ids(None), ["e", "f", "c", "b", "d", "h", "g", "a"]);
        // A quarter of serving time is large.
        assert_eq!(ids(Some(100)), ["e", "h", "f", "c", "b", "d", "g", "a"]);
    }
}
