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
    let budget = facts.report.budget.as_ref()?;
    let share = budget.shares.iter().find(|s| s.id == "no_load")?;
    if !reaches(share.total_ns, 10, budget.total_ns) {
        return None;
    }
    let of = |sure: Sure| {
        let waits = facts.waits.iter().filter(move |w| w.sure == sure);
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
    let says = format!(
        "For {} ({} of serving time) the engine {waited} for requests.",
        show::duration(share.total_ns),
        show::percent(share.total_ns, budget.total_ns),
    );
    let mut longest: Vec<&Waiting> = facts.waits.iter().collect();
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
