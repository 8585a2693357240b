//! What went from rank to rank, how fast, and which link is slow beside its like.
//!
//! Links are compared with those of the same transport, and only where they moved [`LARGE_BYTES`] or more: what is
//! small takes its time in latency, and says nothing of the link. A link is slow below [`SLOW_PART`] of the median.
//! That rule is ours; it suspects.

use std::collections::BTreeMap;

use crate::base::{order, show, stats};
use crate::dialect::tables_beside::LinkRow;

use crate::analyze::report::Link;

/// Links that moved less are not compared.
pub const LARGE_BYTES: u64 = 1_000_000;
/// Slow is below this part of the median.
pub const SLOW_PART: f64 = 0.8;

/// Over steps and operations, most time first.
pub fn links(rows: &[LinkRow]) -> Vec<Link> {
    let mut by_link: BTreeMap<(&str, i64, i64, &str), (u64, i64)> = BTreeMap::new();
    for row in rows {
        let sums = by_link
            .entry((&row.group, row.from, row.to, &row.transport))
            .or_default();
        sums.0 = sums.0.saturating_add(row.bytes);
        sums.1 = sums.1.saturating_add(row.transit_ns);
    }
    let link =
        |((group, from, to, transport), (bytes, transit_ns)): ((&str, i64, i64, &str), (u64, i64))| Link {
            group: group.to_owned(),
            from,
            to,
            transport: transport.to_owned(),
            bytes,
            transit_ns,
            // Bytes a ns are 10^9 bytes a second.
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            gb_per_s: (transit_ns > 0).then(|| bytes as f64 / transit_ns as f64),
        };
    let mut links: Vec<Link> = by_link.into_iter().map(link).collect();
    order::sort_by_key(&mut links, |link| std::cmp::Reverse(link.transit_ns));
    links
}

/// The slowest of the links of a transport, beside them all.
pub struct Slowest<'a> {
    pub link: &'a Link,
    pub gb_per_s: f64,
    pub median: f64,
    pub n_links: usize,
}

impl Slowest<'_> {
    pub fn is_slow(&self) -> bool {
        self.gb_per_s < self.median * SLOW_PART
    }

    pub fn says(&self) -> String {
        format!(
            "Slowest of {} by {}: {} to {} with {} GB/s; the median is {} GB/s.",
            show::counted(self.n_links as u64, "link"),
            self.link.transport,
            self.link.from,
            self.link.to,
            show::rate(self.gb_per_s),
            show::rate(self.median),
        )
    }
}

/// By transport; a transport with one link has nothing to be compared with. Within a device there is no link.
pub fn slowest<'a>(links: &'a [Link]) -> Vec<Slowest<'a>> {
    let mut by_transport: BTreeMap<&str, Vec<(f64, &'a Link)>> = BTreeMap::new();
    for link in links {
        if let Some(rate) = link.gb_per_s
            && link.from != link.to
            && link.bytes >= LARGE_BYTES
        {
            by_transport
                .entry(&link.transport)
                .or_default()
                .push((rate, link));
        }
    }
    let of_transport = |rates: &mut Vec<(f64, &'a Link)>| -> Option<Slowest<'a>> {
        order::sort_by(rates, |a, b| a.0.total_cmp(&b.0));
        let &(gb_per_s, link) = rates.first()?;
        (rates.len() > 1).then_some(Slowest {
            link,
            gb_per_s,
            median: stats::quantile(rates, 0.5)?.0,
            n_links: rates.len(),
        })
    };
    by_transport.values_mut().filter_map(of_transport).collect()
}

/// A sentence a transport.
pub fn compared(links: &[Link]) -> Vec<String> {
    slowest(links).iter().map(Slowest::says).collect()
}

/// The slowest of all that are slow beside their like.
pub fn slow(links: &[Link]) -> Option<Slowest<'_>> {
    let mut slow = slowest(links);
    slow.retain(Slowest::is_slow);
    slow.into_iter()
        .max_by(|a, b| (a.median / a.gb_per_s).total_cmp(&(b.median / b.gb_per_s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(to: i64, transport: &str, bytes: u64, transit_ns: i64) -> LinkRow {
        LinkRow {
            step: "1".to_owned(),
            operation: "allreduce".to_owned(),
            group: "g".to_owned(),
            is_point_to_point: false,
            from: 0,
            to,
            transport: transport.to_owned(),
            bytes,
            transit_ns,
        }
    }

    #[test]
    fn a_slow_link_is_slow_beside_its_like() {
        let mut rows = vec![
            row(0, "LOCAL", 9_000_000, 90_000_000),
            row(1, "A", 20_000_000, 1_000_000),
            row(2, "A", 10_000_000, 500_000),
            row(3, "A", 2_000_000, 200_000),
            row(3, "A", 2_000_000, 200_000),
            // Small: latency, no bandwidth.
            row(4, "A", 4, 10_000),
            row(8, "B", 5_000_000, 5_000_000),
        ];
        let all = links(&rows);
        assert_eq!((all.len(), all[0].transport.as_str()), (6, "LOCAL"));
        let slowest = slow(&all).unwrap();
        assert_eq!((slowest.link.to, slowest.n_links), (3, 3));
        assert_eq!(
            compared(&all),
            ["Slowest of 3 links by A: 0 to 3 with 10.0 GB/s; the median is 20.0 GB/s."]
        );
        rows.retain(|r| r.to != 3);
        assert!(slow(&links(&rows)).is_none());
    }
}
