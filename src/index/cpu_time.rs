//! CPU time of slices, where the trace has a thread clock: `tdur` of complete events, and of a begin and an end the
//! difference of their `tts` (µs in the file). A row 4 bytes, a time 8, only where written.

use super::sparse_times::BYTES;

/// Bytes of a time, with its row.
pub const CPU_TIME_BYTES: u64 = BYTES;

/// Times are whole µs in many files: a thread's time may exceed the duration by so much, ns.
const ROUNDING_NS: i64 = 1_000;

/// Whether a thread ran longer than its slice lasted, which cannot be.
pub fn is_beyond(on_cpu_ns: i64, dur_ns: i64) -> bool {
    on_cpu_ns > dur_ns.saturating_add(ROUNDING_NS)
}
