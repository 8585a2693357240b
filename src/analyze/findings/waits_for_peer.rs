//! For which rank the exposed communication waits, where the trace records waits that name it. Speaks where exposed
//! communication is a finding and one rank's waits cover at least half of it and 10 points more than the next rank's:
//! the limits of the verdict on steps.

use super::shared::{fact, finding, reaches};
use super::{Facts, Rule, exposed_communication};
use crate::analyze::ranks::peers::Peer;
use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["waits-for-peer"],
    judge,
    rests_on_absence: false,
};

const LEAST_PERCENT: i64 = 50;
const LEAST_LEAD_PERCENT: i64 = 10;

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    let exposed = exposed_communication::judge(facts)?.cost_ns?;
    let first = facts.peer_waits.first()?;
    let next = facts.peer_waits.get(1).map_or(0, |wait| wait.exposed_ns);
    if !reaches(first.exposed_ns, LEAST_PERCENT, exposed)
        || !reaches(first.exposed_ns.saturating_sub(next), LEAST_LEAD_PERCENT, exposed)
    {
        return None;
    }
    let says = format!(
        "{} of the exposed communication is spent waiting for {} ({} of {}).",
        show::percent(first.exposed_ns, exposed),
        first.peer.says(),
        show::duration(first.exposed_ns),
        show::duration(exposed)
    );
    let evidence = facts.peer_waits.iter().take(4).map(|wait| FindingEvidence {
        start_ns: Some(wait.longest_span.start),
        end_ns: Some(wait.longest_span.end),
        slice: Some(wait.longest.0),
        ..fact(format!(
            "{} for {}: {} of the exposed communication in {}, longest {}",
            wait.name,
            wait.peer.says(),
            show::duration(wait.exposed_ns),
            show::counted(wait.count, "wait"),
            show::duration(wait.longest_span.len_ns())
        ))
    });
    Some(Finding {
        cost_ns: Some(first.exposed_ns),
        evidence: evidence.collect(),
        advice: format!(
            "Open the trace of that rank, too{}: it arrives late, or sends slowly. What this rank does in its \
             collectives is mostly waiting.",
            match first.peer {
                Peer::OfRun(_) => String::new(),
                Peer::OfGroup(rank) => format!(
                    " (ranks are counted within the group: without other groups, {rank} is its rank in the run)"
                ),
            }
        ),
        ..finding("waits-for-peer", Level::Hint, Sure::Recorded, "timeline", says)
    })
}
