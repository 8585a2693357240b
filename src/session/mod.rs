//! The engine without a browser: bytes in, an opened trace and its report out.

pub mod bundle;
mod cut_request;
mod documents;
mod first_event;
pub mod hltv_archive;
pub mod open;
mod opened;
pub mod synprof_files;
mod trace_loader;
mod without_trace;

use crate::dialect::gaudi_metrics;
use crate::dialect::key_averages;
pub use crate::ingest::archive;
use crate::ingest::detect;
pub use crate::ingest::{Checkpoints, Inflated, Inflater, LoadError};
use crate::synth;
pub use cut_request::{Cut, CutError};
pub use first_event::{FirstEvent, first_time};
pub use opened::Opened;
pub use trace_loader::{Loader, TextLoader, event_text};
pub use without_trace::{open_metrics, open_tables};

/// A larger metrics file is not read; one dump a compile is about 200 bytes a compile so far.
pub const MAX_METRICS_BYTES: u64 = 256 << 20;

/// Whether a file that starts with `head` (512 bytes will do) is a metrics file, or torch's own operator table, and no
/// trace.
pub fn is_metrics(head: &[u8]) -> bool {
    gaudi_metrics::looks_like(head) || key_averages::looks_like(head)
}

/// Whether a file that starts with `head` is compressed.
pub fn is_gzip(head: &[u8]) -> bool {
    // Other methods than deflate are stored members of an archive.
    head.starts_with(&detect::GZIP_MAGIC) && head.get(2).is_none_or(|&method| method == 8)
}

/// What kind of archive a file is, by its first bytes: 64 KB are enough, also of a compressed tar.
pub fn archive_kind(head: &[u8]) -> Option<archive::Kind> {
    if !is_gzip(head) {
        return archive::kind(head);
    }
    const ENOUGH: usize = 64 << 10;
    let mut text = Vec::new();
    let mut inflater = Inflater::default();
    for piece in head[..head.len().min(ENOUGH)].chunks(512) {
        inflater.feed(piece, &mut |out| {
            let room = ENOUGH.saturating_sub(text.len());
            text.extend_from_slice(&out[..out.len().min(room)]);
        });
        if text.len() >= ENOUGH {
            break;
        }
    }
    // A zip in a gzip file cannot be listed from its end without inflating all of it.
    archive::kind(&text).filter(|kind| *kind == archive::Kind::Tar)
}

/// Opens a file that is in memory: a trace, a metrics file, or a table that is one.
pub fn open_bytes(name: &str, bytes: &[u8]) -> Result<Opened, LoadError> {
    if is_metrics(bytes) {
        return open_metrics(name, bytes);
    }
    if let Some(opened) = synprof_files::open(name, bytes, None) {
        return opened;
    }
    let mut loader = Loader::new(name);
    for chunk in bytes.chunks(1 << 20) {
        loader.feed(chunk);
    }
    loader.finish()
}

/// The built-in sample: its name and its text. Generated, and marked as such in its header.
pub fn sample() -> (String, Vec<u8>) {
    let options = synth::Options::sample();
    (options.file_name(), synth::chunks(&options).flatten().collect())
}

/// A trace that makes every stage run often enough for the browser to optimise it; some 8 MB of text.
pub fn warm_up() -> Vec<u8> {
    let options = synth::Options {
        target: synth::Target::Bytes(8 << 20),
        ..synth::Options::sample()
    };
    synth::chunks(&options).flatten().collect()
}
