//! Time in which the engine waited for requests.

use super::shared::{N_EVIDENCE, fact, finding, reaches};
use super::{Facts, Rule};
use crate::analyze::gaps::requests::Waiting;
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::base::{order, show, stats};

pub(super) const RULE: Rule = Rule {
    ids: &["no-load"],
    judge,
    rests_on_absence: false,
};

pub(super) fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let share = facts.waited.as_ref()?;
    if share.ns == 0 || !reaches(share.ns, 10, share.serving_ns) {
        return None;
    }
    let rank = share.rank.as_ref().map(|&(place, _)| place);
    let ranks = &facts.vocabulary.ranks.by_process;
    let is_of_rank = |w: &&Waiting| rank.is_none() || ranks.get(&w.engine.process).copied() == rank;
    let of = |sure: Sure| {
        let waits = facts.waits.iter().filter(is_of_rank).filter(|w| w.sure == sure);
        stats::sum(waits.map(|w| w.span.len_ns()))
    };
    let sure = match of(Sure::Suspected) > of(Sure::Derived) {
        true => Sure::Suspected,
        false => Sure::Derived,
    };
    let waited = match sure {
        Sure::Suspected => "probably waited",
        _ => "waited",
    };
    let engine = share.rank.as_ref().map_or("the engine".to_owned(), |(_, name)| {
        format!("the engine of {name}")
    });
    let says = format!(
        "For {} ({} of serving time) {engine} {waited} for requests.",
        show::duration(share.ns),
        show::percent(share.ns, share.serving_ns),
    );
    let mut longest: Vec<&Waiting> = facts.waits.iter().filter(is_of_rank).collect();
    order::sort_by_key(&mut longest, |w| {
        (std::cmp::Reverse(w.span.len_ns()), w.span.start)
    });
    let evidence = longest.into_iter().take(N_EVIDENCE).map(|w| FindingEvidence {
        start_ns: Some(w.span.start),
        end_ns: Some(w.span.end),
        ..fact(format!("{}: {}", show::duration(w.span.len_ns()), w.why))
    });
    Some(Finding {
        evidence: evidence.collect(),
        advice: "Exclude these periods when you judge the engine, or record under steady load.".into(),
        ..finding("no-load", Level::Hint, sure, "gaps", says)
    })
}
