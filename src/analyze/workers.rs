//! Several workers of one run, side by side.

use crate::base::{order, show};

use super::report::{Sure, WorkerRow, Workers};

/// Workers differ where the slowest takes this much longer than the quickest; the vendor's rule.
const DIFFERS: f64 = 0.05;

/// The comparison; `None` for fewer than two workers.
///
/// Who computes longest is slow: the others wait for it, and their wait shows as communication. Where all compute
/// alike, who communicates least is who comes last: it never waits, the others do. That is suspected, not recorded.
pub fn compare(mut rows: Vec<WorkerRow>) -> Option<Workers> {
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
    let of = |i: usize, part: fn(&WorkerRow) -> Option<i64>| part(&rows[i]).unwrap_or(0);
    let extremes = |part: fn(&WorkerRow) -> Option<i64>| {
        let least = known.iter().copied().min_by_key(|&i| (of(i, part), i))?;
        let most = known
            .iter()
            .copied()
            .max_by_key(|&i| (of(i, part), std::cmp::Reverse(i)))?;
        Some((least, most))
    };
    #[expect(clippy::cast_precision_loss, reason = "a comparison of shares")]
    let differ = |least: i64, most: i64| most > 0 && (most - least) as f64 > most as f64 * DIFFERS;
    let mut slow = None;
    let mut sure = Sure::Derived;
    let mut says = match known.len() {
        0 => "No worker has a table or lanes that divide its time.".to_owned(),
        1 => "Only one worker has a table or lanes that divide its time.".to_owned(),
        n => format!("The {n} workers compute, communicate and wait alike, within 5 %."),
    };
    if known.len() > 1 {
        let computing: fn(&WorkerRow) -> Option<i64> = |r| r.computing_ns;
        let exposed: fn(&WorkerRow) -> Option<i64> = |r| r.communication_not_overlapped_ns;
        if let Some((least, most)) = extremes(computing)
            && differ(of(least, computing), of(most, computing))
        {
            slow = Some(most);
            says = format!(
                "{} is the slow one: it computes for {}, {} for {}. The others wait for it, which shows as their \
                 communication.",
                rows[most].label(),
                show::duration(of(most, computing)),
                rows[least].label(),
                show::duration(of(least, computing)),
            );
        } else if let Some((least, most)) = extremes(exposed)
            && differ(of(least, exposed), of(most, exposed))
        {
            slow = Some(least);
            sure = Sure::Suspected;
            says = format!(
                "All compute alike, within 5 %. {} waits least in communication ({}, {} for {}): it comes last, and the \
                 others wait for it.",
                rows[least].label(),
                show::duration(of(least, exposed)),
                show::duration(of(most, exposed)),
                rows[most].label(),
            );
        }
    }
    Some(Workers {
        slow: slow.and_then(|i| u32::try_from(i).ok()),
        rows,
        sure,
        says,
    })
}
