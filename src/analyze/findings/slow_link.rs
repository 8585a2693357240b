//! A link between ranks that is slow beside those of the same transport.

use super::shared::{fact, finding};
use super::{Facts, Rule};
use crate::analyze::ranks::links;
use crate::analyze::report::{Finding, Level, Link, Sure};
use crate::base::show;

pub(super) const RULE: Rule = Rule {
    ids: &["slow-link"],
    judge,
    rests_on_absence: false,
};

fn judge(facts: &Facts<'_>) -> Option<Finding> {
    slow_link(&facts.report.beside.as_ref()?.links)
}

fn slow_link(links: &[Link]) -> Option<Finding> {
    let worst = links::slow(links)?;
    let says = format!(
        "The link from rank {} to {} is slow: {} GB/s by {}, where the median of {} links is {} GB/s.",
        worst.link.from,
        worst.link.to,
        show::rate(worst.gb_per_s),
        worst.link.transport,
        worst.n_links,
        show::rate(worst.median),
    );
    Some(Finding {
        evidence: vec![fact(format!(
            "{} in {} of transit.",
            show::bytes(worst.link.bytes),
            show::duration(worst.link.transit_ns)
        ))],
        advice: "Look at this link's cable, port or route, and at what else used it at that time.".into(),
        ..finding("slow-link", Level::Hint, Sure::Suspected, "tables", says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_link_is_named_with_its_rate_and_the_median() {
        let link = |to: i64, transit_ns: i64| Link {
            group: "g".into(),
            from: 0,
            to,
            transport: "A".into(),
            bytes: 20_000_000,
            transit_ns,
            gb_per_s: Some(20_000_000.0 / transit_ns as f64),
        };
        let links = [link(1, 1_000_000), link(2, 1_000_000), link(3, 2_000_000)];
        assert_eq!(
            slow_link(&links).expect("a finding").says,
            "The link from rank 0 to 3 is slow: 10.0 GB/s by A, where the median of 3 links is 20.0 GB/s."
        );
        assert_eq!(slow_link(&links[..2]), None);
    }
}
