//! `step_trace_time.csv` and `cluster_step_trace_time.csv`: what the time of each step is made of.

use super::table_fields::{Header, Row, Rows};
use crate::dialect::tables_beside::{BreakdownRow, ClusterRow, MAX_ROWS};

pub fn of_rank(header: &Header) -> Option<Rows> {
    let breakdown = breakdown(header)?;
    Some(Box::new(move |row, tables| {
        if tables.breakdown.len() >= MAX_ROWS {
            return None;
        }
        tables.breakdown.push(breakdown(&row)?);
        Some(())
    }))
}

/// `cluster_step_trace_time.csv` of msprof-analyze: a row a rank and step, and a row a stage of the pipeline and step,
/// whose index is the tuple of its ranks.
pub fn of_cluster(header: &Header) -> Option<Rows> {
    let (kind, index) = (header.column(&["type"])?, header.column(&["index"])?);
    let breakdown = breakdown(header)?;
    Some(Box::new(move |row, tables| {
        if tables.cluster.len() >= MAX_ROWS {
            return None;
        }
        let is_stage = match row.text(Some(kind))? {
            "rank" => false,
            "stage" => true,
            _ => return None,
        };
        tables.cluster.push(ClusterRow {
            is_stage,
            index: row.text(Some(index))?.to_owned(),
            time: breakdown(&row)?,
        });
        Some(())
    }))
}

/// The columns of a row that divides the time of a step.
fn breakdown(header: &Header) -> Option<impl Fn(&Row<'_>) -> Option<BreakdownRow> + use<>> {
    let computing = header.column(&["computing"])?;
    let free = header.column(&["free"])?;
    let exposed = header.column(&["communication(not overlapped)"])?;
    let of = |names: &[&str]| header.column(names);
    let (step, device) = (of(&["step"]), of(&["device_id"]));
    let (overlapped, communication) = (of(&["overlapped"]), of(&["communication"]));
    let (stage, bubble, preparing) = (of(&["stage"]), of(&["bubble"]), of(&["preparing"]));
    Some(move |row: &Row<'_>| {
        let computing_ns = row.micros(Some(computing))?;
        let free_ns = row.micros(Some(free))?;
        let exposed_ns = row.micros(Some(exposed))?;
        let communication_ns = row.micros(communication).unwrap_or(exposed_ns);
        Some(BreakdownRow {
            step: row.text(step).map(str::to_owned),
            device: row.int(device).filter(|&device| device >= 0),
            source: "table".to_owned(),
            computing_ns,
            communication_ns,
            communication_not_overlapped_ns: exposed_ns,
            overlapped_ns: row
                .micros(overlapped)
                .unwrap_or_else(|| communication_ns.saturating_sub(exposed_ns)),
            free_ns,
            total_ns: computing_ns.saturating_add(exposed_ns).saturating_add(free_ns),
            stage_ns: row.micros(stage),
            bubble_ns: row.micros(bubble),
            preparing_ns: row.micros(preparing),
            start_ns: None,
            end_ns: None,
        })
    })
}
