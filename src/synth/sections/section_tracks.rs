//! The processes and threads that the parts write on, by number.

use crate::synth::Options;
use crate::synth::invented_server::PID;

/// The thread on which lazy graphs are launched.
pub const LAUNCH_TID: i64 = PID + 93;
/// The thread on which events are waited for.
pub const WAIT_TID: i64 = PID + 3;
/// "Synapse Logger" and "Bridge Logs", as the bridge numbers them.
pub const SYNAPSE_PID: i64 = PID + 10_000;
pub const BRIDGE_PID: i64 = PID + 20_000;
/// Synapse's host profiler: an engine type in place of a process.
pub const HOST_PROFILER_PID: i64 = 22_101;
pub const HOST_PROFILER_TID: i64 = 1_195_778_096;
pub const HOST_WAIT_TID: i64 = 2_808_741_488;

pub const DMA_TID: i64 = 3_001;
pub const MATRIX_TID: i64 = 6_004;
pub const VECTOR_TID: i64 = 7_006;
pub const NIC_TID: i64 = 14_014;

pub fn vector_lanes(options: &Options) -> i64 {
    i64::from(options.tpc_lanes.clamp(1, 8))
}

pub fn matrix_lanes(options: &Options) -> i64 {
    (vector_lanes(options) / 4).max(1)
}
