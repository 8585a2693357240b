//! Sums that the profiler made itself: `op_statistic.csv`, `api_statistic.csv`, `operator_details.csv`.

use super::table_fields::{Header, Rows};
use crate::dialect::tables_beside::{ApiStatistic, MAX_ROWS, OperatorCalls, OperatorStatistic};

pub fn operators(header: &Header) -> Option<Rows> {
    let kind = header.column(&["op type"])?;
    let total = header.column(&["total time(us)"])?;
    let of = |names: &[&str]| header.column(names);
    let (core, count) = (of(&["core type"]), of(&["count"]));
    let (min, mean, max) = (
        of(&["min time(us)"]),
        of(&["avg time(us)"]),
        of(&["max time(us)"]),
    );
    let (ratio, device) = (of(&["ratio(%)"]), of(&["device_id"]));
    Some(Box::new(move |row, tables| {
        if tables.operator_statistics.len() >= MAX_ROWS {
            return None;
        }
        tables.operator_statistics.push(OperatorStatistic {
            device: row.int(device),
            kind: row.text(Some(kind))?.to_owned(),
            core: row.text(core).unwrap_or_default().to_owned(),
            count: row.text(count)?.parse().ok()?,
            total_ns: row.micros(Some(total))?,
            min_ns: row.micros(min)?,
            mean_ns: row.micros(mean)?,
            max_ns: row.micros(max)?,
            part: row.text(ratio)?.parse::<f64>().ok()? / 100.0,
        });
        Some(())
    }))
}

pub fn calls(header: &Header) -> Option<Rows> {
    let name = header.column(&["api name"])?;
    let total = header.column(&["time(us)"])?;
    let of = |names: &[&str]| header.column(names);
    let (level, count) = (of(&["level"]), of(&["count"]));
    let (min, mean, max) = (of(&["min(us)"]), of(&["avg(us)"]), of(&["max(us)"]));
    Some(Box::new(move |row, tables| {
        if tables.api_statistics.len() >= MAX_ROWS {
            return None;
        }
        tables.api_statistics.push(ApiStatistic {
            level: row.text(level).unwrap_or_default().to_owned(),
            name: row.text(Some(name))?.to_owned(),
            count: row.text(count)?.parse().ok()?,
            total_ns: row.micros(Some(total))?,
            min_ns: row.micros(min)?,
            mean_ns: row.micros(mean)?,
            max_ns: row.micros(max)?,
        });
        Some(())
    }))
}

pub fn operator_calls(header: &Header) -> Option<Rows> {
    let name = header.column(&["name"])?;
    let host = header.column(&["host self duration(us)"]);
    let device = header.column(&["device self duration(us)"]);
    Some(Box::new(move |row, tables| {
        row.text(Some(name))?;
        // `None`: the table has the column, and the row no time in it.
        let time = |column: Option<usize>| match row.text(column) {
            Some(_) => row.micros(column).map(Some),
            None => Some(None),
        };
        let (host_ns, device_ns) = (time(host)?, time(device)?);
        let calls = tables.operator_calls.get_or_insert_with(|| OperatorCalls {
            calls: 0,
            host_self_ns: host.map(|_| 0),
            device_self_ns: device.map(|_| 0),
        });
        calls.calls += 1;
        let add = |sum: Option<i64>, ns: Option<i64>| Some(sum?.saturating_add(ns.unwrap_or(0)));
        calls.host_self_ns = add(calls.host_self_ns, host_ns);
        calls.device_self_ns = add(calls.device_self_ns, device_ns);
        Some(())
    }))
}
