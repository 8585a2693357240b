//! Tables of which nothing is computed: they are shown with their own columns and values.

use csv::ByteRecord;

use super::Table;
use super::table_fields::{Header, Rows};
use crate::dialect::plain_table::PlainTable;
use crate::dialect::tables_beside::Tables;

/// Tables of which nothing is computed: their own columns and values, without the padding.
pub fn plain(
    table: Table,
    file: &str,
    header: &Header,
    record: &ByteRecord,
    tables: &mut Tables,
) -> Option<Rows> {
    let (wanted, title, says): (&[&str], &str, &str) = match table {
        Table::L2Cache => (
            &["hit rate", "victim rate"],
            "L2 cache by task",
            "A row is a task of the device: which part of its accesses the L2 cache answered (hit rate), and which part \
             pushed something else out of it (victim rate). The profiler's numbers.",
        ),
        Table::TaskTime => (
            &["task_time(us)"],
            "Tasks of the device",
            "A row is a task of the device: how long it took, when it started and stopped. The profiler's numbers.",
        ),
        Table::SocCounters => (
            &[],
            "Counters of the chip by task",
            "A row is a task of the device and what the chip counted for it, address translation (TLB) among it. The \
             profiler's numbers.",
        ),
        _ => (
            &["op name", "size(kb)"],
            "Memory reserved by graphs",
            "A row is an operator of a static graph and the memory that the graph reserves for it from node to node. The \
             profiler's numbers.",
        ),
    };
    wanted
        .iter()
        .try_for_each(|name| header.column(&[name]).map(drop))?;
    let text = |field: &[u8]| String::from_utf8_lossy(field.trim_ascii()).into_owned();
    let n_columns = record.len();
    let at = tables.plain.len();
    tables.plain.push(PlainTable::of_columns(
        title,
        file.rsplit('/').next().unwrap_or(file),
        says,
        record.iter().map(text),
    ));
    Some(Box::new(move |row, tables| {
        // A row that is longer ends in empty fields, or is damaged.
        let beyond = row.fields.iter().skip(n_columns);
        let is_row = row.fields.len() >= n_columns && beyond.into_iter().all(|f| f.trim_ascii().is_empty());
        let plain = tables.plain.get_mut(at).filter(|_| is_row)?;
        plain.push(row.fields.iter().map(text));
        Some(())
    }))
}
