//! The two workers of an engine: one turns a file into text, the other turns text into a trace.
//!
//! They talk over a channel of their own. Text travels in buffers that are moved back and forth, so a piece is
//! copied once out of one memory and once into the other, and the text worker never runs further ahead than
//! [`BUFFERS`] pieces. A piece is `{buffer, len, read}` (bytes of text in the buffer; bytes of the file so far), a
//! buffer that comes back is `{buffer}`; everything else is `{head}`, and a file travels beside it as `file`.

use serde::{Deserialize, Serialize};

use crate::ingest::Inflated;

/// Bytes a piece. Large enough that messages do not count (a few hundred a second), small enough for the caches.
pub const PIECE: u32 = 1 << 20;
/// Pieces on their way or in use.
pub const BUFFERS: u32 = 6;

/// Trace worker to text worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Want {
    /// Send all the text of the file that travels beside.
    All,
    /// Send all the text of that file once more.
    AllAgain,
    /// Send no more of it.
    Stop,
    /// Send up to `len` bytes of the text from byte `at` on, again.
    Again { id: u32, at: u64, len: u32 },
}

/// Text worker to trace worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Give {
    /// All pieces are sent, or all that were wanted.
    End {
        inflated: Inflated,
        /// Size of the text worker's WebAssembly memory.
        memory_bytes: u64,
    },
    /// The text travels beside, as `text` (a `Uint8Array`). Less than asked for: the text ends there.
    Again { id: u32 },
    /// The file cannot be read; one sentence.
    Failed { message: String },
    /// The same, for one [`Want::Again`].
    NotAgain { id: u32, why: String },
}
