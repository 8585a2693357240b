//! How a device's time divides into computing, communication that no computing hides, and nothing at all, where the
//! profiler says so itself: in lanes of its own, or in a table.
//!
//! Lanes: what they draw is summed as it stands, so the parts are the profiler's to the nanosecond. Table: as written.
//! The two differ by definition (a table's row is a step, and a step begins where its first kernel does), so they stand
//! side by side and are never added.

use crate::base::show;
use crate::dialect::tables::{BreakdownRow, Tables};
use crate::dialect::{Division, Vocabulary};
use crate::index::Index;

use crate::analyze::report::{Finding, FindingEvidence, Level, Sure};

/// Above this the host hands out work more slowly than the device does it; the vendor's rule of thumb.
pub const FREE_PART: f64 = 0.1;

/// The whole recording by its lanes, one row a device; then the rows of the table.
pub fn breakdown(index: &Index, vocabulary: &Vocabulary, tables: Option<&Tables>) -> Vec<BreakdownRow> {
    let mut rows: Vec<BreakdownRow> = Vec::new();
    for &(device, division, track) in &vocabulary.divisions {
        let at = rows.iter().position(|row| row.device == Some(device));
        let at = at.unwrap_or_else(|| {
            rows.push(BreakdownRow {
                device: Some(device),
                source: "timeline".to_owned(),
                ..BreakdownRow::default()
            });
            rows.len() - 1
        });
        let row = &mut rows[at];
        let mut sum = 0_i64;
        for id in index.rows(track) {
            let span = index.slices.span(id);
            sum = sum.saturating_add(span.len_ns());
            row.start_ns = Some(row.start_ns.map_or(span.start, |start| start.min(span.start)));
            row.end_ns = Some(row.end_ns.map_or(span.end, |end| end.max(span.end)));
        }
        let part = match division {
            Division::Computing => &mut row.computing_ns,
            Division::Communication => &mut row.communication_ns,
            Division::Exposed => &mut row.communication_not_overlapped_ns,
            Division::Free => &mut row.free_ns,
        };
        *part = part.saturating_add(sum);
    }
    for row in &mut rows {
        row.overlapped_ns = row.communication_ns - row.communication_not_overlapped_ns;
        let parts = [row.communication_not_overlapped_ns, row.free_ns];
        row.total_ns = parts
            .iter()
            .fold(row.computing_ns, |sum, part| sum.saturating_add(*part));
    }
    rows.retain(|row| row.total_ns > 0);
    rows.extend(tables.into_iter().flat_map(|t| t.breakdown.iter().cloned()));
    rows
}

/// The rows that speak for the whole recording: the lanes' where there are any, else the table's.
pub fn whole(rows: &[BreakdownRow]) -> Vec<&BreakdownRow> {
    let of = |source: &str| rows.iter().filter(|row| row.source == source).collect::<Vec<_>>();
    let lanes = of("timeline");
    if lanes.is_empty() { of("table") } else { lanes }
}

/// Whether devices wait for the host.
pub fn finding(rows: &[BreakdownRow]) -> Option<Finding> {
    let rows = whole(rows);
    let sum =
        |part: fn(&BreakdownRow) -> i64| rows.iter().fold(0_i64, |sum, row| sum.saturating_add(part(row)));
    let (free, total) = (sum(|r| r.free_ns), sum(|r| r.total_ns));
    let exposed = sum(|r| r.communication_not_overlapped_ns);
    if total <= 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let is_host_bound = free as f64 > total as f64 * FREE_PART;
    let says = format!(
        "The device is free for {} of its recorded time ({}); {} is communication that no computing hides.",
        show::percent(free, total),
        show::duration(free),
        show::percent(exposed, total),
    );
    let evidence = rows
        .iter()
        .filter(|row| row.start_ns.is_some())
        .take(8)
        .map(|row| FindingEvidence {
            says: format!(
                "Device {}: computing {}, communication not overlapped {}, free {}.",
                row.device.unwrap_or(0),
                show::duration(row.computing_ns),
                show::duration(row.communication_not_overlapped_ns),
                show::duration(row.free_ns)
            ),
            start_ns: row.start_ns,
            end_ns: row.end_ns,
            step: None,
            slice: None,
        });
    Some(Finding {
        id: "device-free".to_owned(),
        level: if is_host_bound { Level::Hint } else { Level::Fine },
        sure: Sure::Recorded,
        says,
        cost_ns: is_host_bound.then_some(free),
        evidence: evidence.collect(),
        advice: if is_host_bound {
            "More than 10 % free is the vendor's sign that the host hands out work too slowly: look at the longest \
             gaps, and at graph mode or fewer, larger kernels."
                .to_owned()
        } else {
            String::new()
        },
        view: "gaps".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_a_tenth_free_is_fine() {
        let row = |free_ns: i64| BreakdownRow {
            source: "table".to_owned(),
            computing_ns: 1000 - free_ns,
            free_ns,
            total_ns: 1000,
            ..BreakdownRow::default()
        };
        let found = |free: i64| finding(&[row(free)]).map(|f| (f.level, f.cost_ns));
        assert_eq!(found(100), Some((Level::Fine, None)));
        assert_eq!(found(101), Some((Level::Hint, Some(101))));
        assert_eq!(finding(&[]), None);
    }
}
