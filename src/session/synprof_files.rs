//! The CSV files of Synapse's own profiler: read whole, and opened as the trace that they say.

use super::bundle::SharedTables;
use super::{LoadError, Loader, Opened};
use crate::analyze::WorkerTables;
use crate::base::DefectKind;
use crate::dialect::gaudi::synprof;
pub use crate::dialect::gaudi::synprof::{Kind, looks_like};
use crate::dialect::tables_beside::{RowsRead, Tables};

/// A larger CSV is not read: the device's trace buffer is smaller by far.
pub const MAX_BYTES: u64 = 512 << 20;

/// Files of one recording: a table of nodes stands beside the hardware trace of the same name.
pub fn belongs_to(nodes: &str, hardware: &str) -> bool {
    let stem = |name: &str| name.strip_suffix(".csv").unwrap_or(name).to_owned();
    stem(nodes) == format!("{}_analyzed_nodes", stem(hardware))
}

/// The text of a trace, and the table that stands beside it.
pub struct TraceOfTable {
    pub text: Vec<u8>,
    pub beside: Option<SharedTables>,
}

/// What a CSV says; `nodes` is the table of nodes of the same recording, by name and bytes. `None`: it is no such CSV.
pub fn trace_of_table(name: &str, csv: &[u8], nodes: Option<(&str, &[u8])>) -> Option<TraceOfTable> {
    let kind = looks_like(csv)?;
    let (text, read) = match kind {
        Kind::Hardware => synprof::hardware_trace(csv)?,
        Kind::Nodes => synprof::nodes_trace(csv)?,
    };
    let mut tables = Tables::default();
    let nodes = match kind {
        Kind::Hardware => nodes,
        Kind::Nodes => Some((name, csv)),
    };
    if kind == Kind::Nodes || read != RowsRead::new(read.rows, 0) {
        tables.has_read(name, read, DefectKind::EventRow);
    }
    if let Some((name, csv)) = nodes {
        let (table, read) = synprof::nodes_table(name, csv)?;
        tables.plain.push(table);
        // Where its rows are the events, they are counted already.
        if kind == Kind::Hardware {
            tables.has_read(name, read, DefectKind::TableRow);
        }
    }
    let has_any = !tables.read.is_empty();
    let beside = has_any.then(|| {
        SharedTables::new(WorkerTables {
            worker: String::new(),
            tables,
            missing: Vec::new(),
        })
    });
    Some(TraceOfTable { text, beside })
}

/// Opens such a CSV. The report's `inflated_bytes` are those of the text that was made of it.
pub fn open(name: &str, csv: &[u8], nodes: Option<(&str, &[u8])>) -> Option<Result<Opened, LoadError>> {
    let made = trace_of_table(name, csv, nodes)?;
    let mut loader = Loader::new(name);
    if let Some(beside) = made.beside {
        loader.attach_tables(beside);
    }
    loader.feed(&made.text);
    Some(loader.finish().map(|mut opened| {
        opened.report.bytes = csv.len() as u64;
        opened
    }))
}
