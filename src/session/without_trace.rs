//! What opens with no trace: a metrics file, torch's own operator table, the tables of a worker.

use crate::analyze::{self, FileFacts, WorkerTables};
use crate::base::Defects;
use crate::dialect::Vocabulary;
use crate::dialect::gaudi_metrics;
use crate::dialect::key_averages::{self, KeyAverages};
use crate::index::Index;
use crate::ingest::LoadError;
use crate::session::Opened;
use std::sync::Arc;

/// Opens a metrics file alone: a report with its counters and nothing else.
pub fn open_metrics(name: &str, bytes: &[u8]) -> Result<Opened, LoadError> {
    if let Some(table) = key_averages::parse(bytes) {
        return Ok(open_table(name, bytes, table));
    }
    let Some(file) = gaudi_metrics::parse(bytes) else {
        return Err(LoadError::NotATrace {
            at: 0,
            found: "a metrics file that cannot be read".into(),
            inside: "",
        });
    };
    let index = Index::default();
    let vocabulary = Vocabulary {
        format: "gaudi-metrics",
        device_kind: "hpu",
        ..Vocabulary::default()
    };
    let len = bytes.len() as u64;
    let metrics = Some((name.to_owned(), file));
    let facts = FileFacts {
        name: name.to_owned(),
        bytes: len,
        inflated_bytes: len,
        metrics,
        ..FileFacts::default()
    };
    let report = analyze::analyze(&index, &vocabulary, &facts, &Defects::default());
    Ok(Opened::new(index, vocabulary, report, facts))
}

/// torch's own operator table alone: its rows, rounded as they are, and nothing to hold them against.
pub(super) fn open_table(name: &str, bytes: &[u8], table: KeyAverages) -> Opened {
    let index = Index::default();
    let vocabulary = Vocabulary {
        format: "torch-table",
        notes: vec![
            "This is torch's own operator table, with times as rounded there; opened together with its trace, it is held \
             against ours."
                .to_owned(),
        ],
        ..Vocabulary::default()
    };
    let len = bytes.len() as u64;
    let facts = FileFacts {
        name: name.to_owned(),
        bytes: len,
        inflated_bytes: len,
        table: Some((name.to_owned(), table)),
        ..FileFacts::default()
    };
    let report = analyze::analyze(&index, &vocabulary, &facts, &Defects::default());
    Opened::new(index, vocabulary, report, facts)
}

/// Opens the tables of a worker that has no trace.
pub fn open_tables(name: &str, bytes: u64, tables: Arc<WorkerTables>) -> Opened {
    let index = Index::default();
    let vocabulary = Vocabulary {
        format: "ascend",
        device_kind: if tables.tables.kernels.rows.is_empty() && tables.tables.breakdown.is_empty() {
            "unknown"
        } else {
            "npu"
        },
        ..Vocabulary::default()
    };
    let facts = FileFacts {
        name: name.to_owned(),
        bytes,
        inflated_bytes: bytes,
        tables: Some(tables),
        ..FileFacts::default()
    };
    let report = analyze::analyze(&index, &vocabulary, &facts, &Defects::default());
    Opened::new(index, vocabulary, report, facts)
}
