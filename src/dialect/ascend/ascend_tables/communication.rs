//! `communication.json` and `communication_matrix.json`: collective operations one by one, and what went from rank to
//! rank.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::table_fields::{scaled, time};
use crate::dialect::tables_beside::{Collective, LinkRow, MAX_ROWS, RowsRead, Tables};

/// The sum that both tables write as one more operation.
const TOTAL: &str = "Total Op Info";

#[derive(Deserialize)]
struct TimeInfo<'a> {
    #[serde(borrow, rename = "Start Timestamp(us)")]
    start: Option<&'a RawValue>,
    #[serde(borrow, rename = "Elapse Time(ms)")]
    elapse: Option<&'a RawValue>,
    #[serde(borrow, rename = "Transit Time(ms)")]
    transit: Option<&'a RawValue>,
    #[serde(borrow, rename = "Wait Time(ms)")]
    wait: Option<&'a RawValue>,
    #[serde(borrow, rename = "Synchronization Time(ms)")]
    synchronization: Option<&'a RawValue>,
    #[serde(borrow, rename = "Idle Time(ms)")]
    idle: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Operation<'a> {
    #[serde(borrow, rename = "Communication Time Info")]
    time: Option<TimeInfo<'a>>,
}

type Operations<'a> = BTreeMap<String, Operation<'a>>;

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, default)]
    p2p: Operations<'a>,
    #[serde(borrow, default)]
    collective: Operations<'a>,
}

/// `{"step13": {"p2p": {"hcom_send__1@group": {…}}, "collective": {…}}}`; times in ms, the start in µs.
pub fn operations(bytes: &[u8], tables: &mut Tables) -> Option<RowsRead> {
    let steps: BTreeMap<String, Step<'_>> = serde_json::from_slice(bytes).ok()?;
    let unread = Cell::new(0);
    let number = |value: Option<&RawValue>, places| {
        let text = value?.get().trim_matches('"');
        let ns = time(text, places);
        unread.set(unread.get() + u64::from(ns.is_none() && !matches!(text, "" | "N/A" | "null")));
        ns
    };
    let (mut read, mut lost) = (0, 0);
    for (step, kinds) in &steps {
        for (operations, is_point_to_point) in [(&kinds.p2p, true), (&kinds.collective, false)] {
            for (key, operation) in operations {
                if key == TOTAL {
                    continue;
                }
                let time = operation.time.as_ref();
                let before = unread.get();
                let elapse = time.and_then(|t| number(t.elapse, 6));
                let (Some(time), Some(elapse_ns)) = (time, elapse) else {
                    unread.set(before);
                    lost += 1;
                    continue;
                };
                let (name, group) = key.split_once('@').unwrap_or((key, ""));
                tables.collectives.push(Collective {
                    step: step.trim_start_matches("step").to_owned(),
                    name: name.to_owned(),
                    group: group.to_owned(),
                    is_point_to_point,
                    start_ns: number(time.start, 3),
                    elapse_ns,
                    transit_ns: number(time.transit, 6),
                    wait_ns: number(time.wait, 6),
                    synchronization_ns: number(time.synchronization, 6),
                    idle_ns: number(time.idle, 6),
                });
                read += 1;
            }
        }
    }
    Some(RowsRead {
        times_lost: unread.get(),
        ..RowsRead::new(read, lost)
    })
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(rename = "Transport Type")]
    transport: Option<String>,
    #[serde(borrow, rename = "Transit Size(MB)")]
    size: Option<&'a RawValue>,
    #[serde(borrow, rename = "Transit Time(ms)")]
    transit: Option<&'a RawValue>,
}

/// From pairs `"0-1"` to what went between them.
type Pairs<'a> = BTreeMap<String, Link<'a>>;

#[derive(Deserialize)]
struct MatrixStep<'a> {
    #[serde(borrow, default)]
    p2p: BTreeMap<String, Pairs<'a>>,
    #[serde(borrow, default)]
    collective: BTreeMap<String, Pairs<'a>>,
}

/// `{"step50": {"p2p": {}, "collective": {"allreduce-total@group": {"0-1": {…}}}}}`; sizes in MB of 10^6 bytes (size by
/// time is the bandwidth that is written, in GB/s of 10^9), times in ms.
///
/// Older files hold every operation; newer ones hold, of the operations of a kind in a group, the longest (`-top1`),
/// the shortest (`-bottom1`…), the one in the middle, and all together (`-total`). Read is what does not overlap: the
/// totals where a file has them, else every operation.
pub fn matrix(bytes: &[u8], tables: &mut Tables) -> Option<RowsRead> {
    let steps: BTreeMap<String, MatrixStep<'_>> = serde_json::from_slice(bytes).ok()?;
    let is_total = |key: &str| key.split('@').next().is_some_and(|name| name.ends_with("-total"));
    let of_steps = || steps.values().flat_map(|step| [&step.p2p, &step.collective]);
    let has_totals = of_steps().flat_map(BTreeMap::keys).any(|key| is_total(key));
    let number = |value: Option<&RawValue>| scaled(value?.get().trim_matches('"'), 6);
    let (mut read, mut lost) = (0, 0);
    for (step, kinds) in &steps {
        for (operations, is_point_to_point) in [(&kinds.p2p, true), (&kinds.collective, false)] {
            for (key, pairs) in operations {
                if key == TOTAL || (has_totals && !is_total(key)) {
                    continue;
                }
                let (name, group) = key.split_once('@').unwrap_or((key, ""));
                for (pair, link) in pairs {
                    let ranks = pair.split_once('-');
                    let ranks = ranks.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
                    let bytes = number(link.size).and_then(|bytes| u64::try_from(bytes).ok());
                    let transit_ns = number(link.transit).filter(|ns| *ns >= 0);
                    let (Some((from, to)), Some(bytes), Some(transit_ns)) = (ranks, bytes, transit_ns) else {
                        lost += 1;
                        continue;
                    };
                    if tables.links.len() >= MAX_ROWS {
                        lost += 1;
                        continue;
                    }
                    tables.links.push(LinkRow {
                        step: step.trim_start_matches("step").to_owned(),
                        operation: name.strip_suffix("-total").unwrap_or(name).to_owned(),
                        group: group.to_owned(),
                        is_point_to_point,
                        from,
                        to,
                        transport: link.transport.clone().unwrap_or_default(),
                        bytes,
                        transit_ns,
                    });
                    read += 1;
                }
            }
        }
    }
    Some(RowsRead::new(read, lost))
}

#[cfg(test)]
mod tests {
    use super::super::{Table, read};
    use super::*;

    type Seen = (String, i64, i64, u64, i64);

    fn links(json: &str) -> (Vec<Seen>, u64) {
        let mut tables = Tables::default();
        read(
            Table::CommunicationMatrix,
            "communication_matrix.json",
            json.as_bytes(),
            &mut tables,
        );
        let row = |r: &LinkRow| (r.operation.clone(), r.from, r.to, r.bytes, r.transit_ns);
        (tables.links.iter().map(row).collect(), tables.read[0].rows_lost)
    }

    #[test]
    fn what_overlaps_is_read_once() {
        let link =
            r#"{"Transport Type": "HCCS", "Transit Size(MB)": 4.128775999999999, "Transit Time(ms)": 0.5}"#;
        let newer = format!(
            r#"{{"step1": {{"p2p": {{}}, "collective": {{"allreduce-top1@g": {{"0-1": {link}}}, "allreduce-total@g": {{"0-1": {link}}}}}}}}}"#
        );
        assert_eq!(
            links(&newer),
            (vec![("allreduce".to_owned(), 0, 1, 4_128_776, 500_000)], 0)
        );
        let older = format!(
            r#"{{"step": {{"p2p": {{"hcom_send__1_0@g": {{"0-8": {link}, "x": {link}}}, "Total Op Info": {{"0-8": {link}}}}}}}}}"#
        );
        assert_eq!(
            links(&older),
            (vec![("hcom_send__1_0".to_owned(), 0, 8, 4_128_776, 500_000)], 1)
        );
    }
}
