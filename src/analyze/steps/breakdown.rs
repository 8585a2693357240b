//! How a device's time divides into computing, communication that no computing hides, and nothing at all, where the
//! profiler says so itself: in lanes of its own, or in a table.
//!
//! Lanes: what they draw is summed as it stands, so the parts are the profiler's to the nanosecond. Table: as written.
//! The two differ by definition (a table's row is a step, and a step begins where its first kernel does), so they stand
//! side by side and are never added.

use crate::dialect::tables_beside::{BreakdownRow, Tables};
use crate::dialect::{Division, Vocabulary};
use crate::index::Index;

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
