//! Several workers of one run, side by side.

use std::collections::BTreeMap;

use crate::base::{order, show};
use crate::dialect::tables_beside::ClusterRow;

use crate::analyze::ranks::links;
use crate::analyze::report::{Link, Sure, WorkerRow, Workers};

/// Workers differ where the slowest takes this much longer than the quickest; the vendor's rule.
const DIFFERS: f64 = 0.05;
/// A wait that is less of the time than this tells nothing.
const WAIT_PART: f64 = 0.01;
/// [`WorkerRow::source`] of rows from a table of all workers.
const CLUSTER: &str = "cluster";

/// What one worker, or a table of several, brings into the comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    pub rows: Vec<WorkerRow>,
    pub stages: Vec<WorkerRow>,
    pub links: Vec<Link>,
}

type Part = fn(&WorkerRow) -> Option<i64>;

/// The ranks and the stages of a table of all workers, each over its steps.
pub fn of_cluster(rows: &[ClusterRow]) -> (Vec<WorkerRow>, Vec<WorkerRow>) {
    let of = |is_stage: bool| {
        let mut by_index: BTreeMap<&str, WorkerRow> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.is_stage == is_stage) {
            let sums = by_index.entry(&row.index).or_insert_with(|| WorkerRow {
                name: format!("{} {}", if is_stage { "stage" } else { "rank" }, row.index),
                rank: row.index.parse().ok().filter(|_| !is_stage),
                source: Some(CLUSTER.to_owned()),
                ..WorkerRow::default()
            });
            let add = |sum: &mut Option<i64>, part: i64| *sum = Some(sum.unwrap_or(0).saturating_add(part));
            sums.steps += 1;
            add(&mut sums.computing_ns, row.time.computing_ns);
            add(
                &mut sums.communication_not_overlapped_ns,
                row.time.communication_not_overlapped_ns,
            );
            add(&mut sums.overlapped_ns, row.time.overlapped_ns);
            add(&mut sums.free_ns, row.time.free_ns);
            add(&mut sums.total_ns, row.time.total_ns);
        }
        by_index.into_values().collect()
    };
    (of(false), of(true))
}

/// The comparison; `None` for fewer than two workers. A table of all workers speaks where they do not themselves.
///
/// Who computes longest is slow: the others wait for it, and their wait shows as communication. Where all compute
/// alike, who waits least for the others in collective operations comes last; where no table tells waits, who
/// communicates least. These two are suspected, not recorded.
pub fn compare(of: Vec<Compared>) -> Option<Workers> {
    let (mut rows, mut stages, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for of in of {
        rows.extend(of.rows);
        stages.extend(of.stages);
        links.extend(of.links);
    }
    let is_cluster = |row: &WorkerRow| row.source.as_deref() == Some(CLUSTER);
    if rows
        .iter()
        .any(|row| row.computing_ns.is_some() && !is_cluster(row))
    {
        rows.retain(|row| !is_cluster(row));
    } else if rows.iter().any(is_cluster) {
        rows.retain(is_cluster);
    }
    if rows.len() < 2 {
        return None;
    }
    order::sort_by(&mut rows, |a, b| {
        let key = |r: &WorkerRow| (r.rank.is_none(), r.rank);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    let known: Vec<usize> = (0..rows.len())
        .filter(|&i| rows[i].computing_ns.is_some())
        .collect();
    let mut found = Workers {
        slow: None,
        sure: Sure::Derived,
        says: match known.len() {
            0 => "No worker has a table or lanes that divide its time.".to_owned(),
            1 => "Only one worker has a table or lanes that divide its time.".to_owned(),
            n => format!("The {n} workers compute, communicate and wait alike, within 5 %."),
        },
        rows,
        links_say: links::compared(&links),
        stages,
    };
    if let Some((slow, sure, says)) = slow(&found.rows, &known) {
        found.slow = u32::try_from(slow).ok();
        found.sure = sure;
        found.says = says;
    }
    Some(found)
}

/// Least and most of a part, the first of equal ones.
fn extremes(rows: &[WorkerRow], known: &[usize], part: Part) -> Option<(usize, usize)> {
    let of = |i: usize| part(&rows[i]).unwrap_or(0);
    let least = known.iter().copied().min_by_key(|&i| (of(i), i))?;
    let most = known
        .iter()
        .copied()
        .max_by_key(|&i| (of(i), std::cmp::Reverse(i)))?;
    Some((least, most))
}

#[expect(clippy::cast_precision_loss, reason = "a comparison of shares")]
fn differ(least: i64, most: i64) -> bool {
    most > 0 && (most.saturating_sub(least)) as f64 > most as f64 * DIFFERS
}

fn slow(rows: &[WorkerRow], known: &[usize]) -> Option<(usize, Sure, String)> {
    let computing: Part = |r| r.computing_ns;
    let exposed: Part = |r| r.communication_not_overlapped_ns;
    let waits: Part = |r| r.collective_wait_ns;
    let of = |i: usize, part: Part| part(&rows[i]).unwrap_or(0);
    let shown = |i: usize, part: Part| show::duration(of(i, part));
    if known.len() < 2 {
        return None;
    }
    let (least, most) = extremes(rows, known, computing)?;
    if differ(of(least, computing), of(most, computing)) {
        let says = format!(
            "{} is the slow one: it computes for {}, {} for {}. The others wait for it, which shows as their \
             communication.",
            rows[most].label(),
            shown(most, computing),
            rows[least].label(),
            shown(least, computing),
        );
        return Some((most, Sure::Derived, says));
    }
    let longest = known.iter().filter_map(|&i| rows[i].total_ns).max().unwrap_or(0);
    let has_waits = known.iter().all(|&i| rows[i].collective_wait_ns.is_some());
    let (least, most) = extremes(rows, known, waits)?;
    let apart = of(most, waits).saturating_sub(of(least, waits));
    #[expect(clippy::cast_precision_loss, reason = "a comparison of shares")]
    if has_waits && apart as f64 > longest as f64 * WAIT_PART {
        let says = format!(
            "Compute times agree within 5 %. {} waits least for the others in collective operations ({}, {} for {}), \
             so it probably arrives last, and the others wait for it.{}",
            rows[least].label(),
            shown(least, waits),
            shown(most, waits),
            rows[most].label(),
            why_last(rows, known, least),
        );
        return Some((least, Sure::Suspected, says));
    }
    let (least, most) = extremes(rows, known, exposed)?;
    if differ(of(least, exposed), of(most, exposed)) {
        let says = format!(
            "Compute times agree within 5 %. {} waits least in communication ({}, {} for {}), so it probably arrives \
             last, and the others wait for it.{}",
            rows[least].label(),
            shown(least, exposed),
            shown(most, exposed),
            rows[most].label(),
            why_last(rows, known, least),
        );
        return Some((least, Sure::Suspected, says));
    }
    None
}

/// Whether a host that hands out work late explains it; computing does not.
fn why_last(rows: &[WorkerRow], known: &[usize], last: usize) -> String {
    let free: Part = |r| r.free_ns;
    let of = |i: usize| free(&rows[i]).unwrap_or(0);
    match extremes(rows, known, free) {
        Some((least, most)) if most == last && differ(of(least), of(most)) => format!(
            " Its device is idle longest ({}, {} for {}): its host hands out work late.",
            show::duration(of(last)),
            show::duration(of(least)),
            rows[least].label(),
        ),
        Some((least, most)) if !differ(of(least), of(most)) => {
            " Their devices are idle for about as long: that is not why.".to_owned()
        }
        _ => String::new(),
    }
}
