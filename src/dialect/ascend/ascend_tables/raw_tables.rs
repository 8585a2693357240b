//! Tables of which nothing is computed: they are shown with their own columns and values.

use csv::ByteRecord;

use super::Table;
use super::table_fields::{Header, Rows};
use crate::dialect::plain_table::PlainTable;
use crate::dialect::tables_beside::Tables;

/// More columns of a table that is shown as it stands are left out; the widest has eight.
const MAX_PLAIN_COLUMNS: usize = 64;

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
    let columns = record.iter().map(text);
    let columns: Vec<String> = columns
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    let at = tables.plain.len();
    tables.plain.push(PlainTable {
        title: title.to_owned(),
        source: file.rsplit('/').next().unwrap_or(file).to_owned(),
        says: says.to_owned(),
        columns: columns.into_iter().take(MAX_PLAIN_COLUMNS).collect(),
        ..PlainTable::default()
    });
    Some(Box::new(move |row, tables| {
        let plain = tables.plain.get_mut(at)?;
        plain.push(row.0.iter().map(text));
        if let Some(last) = plain.rows.last_mut() {
            last.resize(plain.columns.len(), String::new());
        }
        Some(())
    }))
}
