//! Why nothing could be read. Everything less is a defect.

use thiserror::Error;

use super::detect::WrongFile;

/// Nothing could be read of a file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    #[error("the file is empty (0 bytes)")]
    Empty,

    #[error("the file is empty (0 bytes when unpacked)")]
    EmptyContent,

    #[error("the gzip file ends after {bytes} bytes, before any content")]
    NoContent { bytes: u64 },

    #[error("the file ends in the middle, before its first event: it is cut off, or still being written")]
    CutBeforeEvents,

    #[error("the compressed data is damaged at byte {at} ({why}), and no trace could be read before that")]
    CorruptGzip { at: u64, why: String },

    #[error("the compressed data is damaged: its checksum is wrong, and what it holds is no trace")]
    WrongChecksum,

    /// `found` names what the first bytes are; `inside` is " in the gzip file" or "".
    #[error("this is no trace: expected a JSON object or array at byte {at}{inside}, found {found}")]
    NotATrace {
        at: u64,
        found: String,
        inside: &'static str,
    },

    /// A known file of another kind.
    #[error("this is {}{inside}, not a trace; {}", file.what, file.todo)]
    WrongFile { file: WrongFile, inside: &'static str },

    #[error("this is JSON, but no trace: an object without \"traceEvents\" (its keys: {keys})")]
    NoTraceEvents { keys: String },

    /// `found` is what stands in place of the list: `null`, `a text`.
    #[error("this is JSON, but no trace: \"traceEvents\" is {found}, not a list of events")]
    EventsNoList { found: &'static str },

    #[error("this is a list, but none of its {values} values is a trace event")]
    NoEvents { values: u64 },

    #[error(
        "no event of it can be read: {} larger than 64 MiB, the most that is read of one",
        if *events == 1 { "its only event is".to_owned() } else { format!("{events} events are") }
    )]
    OversizedEvents { events: u64 },

    #[error(
        "events stand here without the list around them: the start of the file is missing, or was never written; \
         put the events between [ and ]"
    )]
    EventsWithoutList,
}
