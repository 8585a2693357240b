//! The keys before the events, and what torch says of the capture, the processes and the threads.

use super::events::{named, process_name};
use super::section_tracks::{
    DMA_TID, HOST_PROFILER_PID, HOST_PROFILER_TID, HOST_WAIT_TID, MATRIX_TID, NIC_TID, VECTOR_TID,
    matrix_lanes, vector_lanes,
};
use crate::base::Span;
use crate::synth::invented_server::{BASE_NS, PID};
use crate::synth::python_json::Text;
use crate::synth::{GENERATOR, Options};

pub fn head(text: &mut Text, options: &Options) {
    let nic = i64::from(options.with_device) + 1;
    text.raw("{\"baseTimeNanoseconds\": ")
        .int(BASE_NS)
        .raw(", \"deviceProperties\": [{\"name\": \"GAUDI3\", \"totalGlobalMem\": 137438953472}]")
        .raw(", \"displayTimeUnit\": \"ms\", \"distributedInfo\": {\"backend\": \"hccl\", \"pg_config\": []")
        .raw(", \"pg_count\": 1, \"rank\": 0, \"world_size\": ")
        .int(nic)
        .raw("}, \"generator\": \"")
        .raw(GENERATOR)
        .raw("\", \"schemaVersion\": 1, \"traceEvents\": [");
}

pub fn names(text: &mut Text, options: &Options, capture: Span) {
    text.begin()
        .raw("{\"args\": {\"Op count\": 0}, \"cat\": \"Trace\", \"dur\": ");
    text.thousandths(capture.len_ns())
        .raw(", \"name\": \"PyTorch Profiler (0)\", \"ph\": \"X\", \"pid\": \"Spans\"")
        .raw(", \"tid\": \"PyTorch Profiler\", \"ts\": ")
        .thousandths(capture.start)
        .end();
    text.begin()
        .raw("{\"args\": {\"sort_index\": 536870912}, \"name\": \"process_sort_index\", \"ph\": \"M\"")
        .raw(", \"pid\": \"Spans\", \"tid\": 0, \"ts\": ")
        .thousandths(capture.start)
        .end();
    text.begin()
        .raw("{\"name\": \"Iteration Start: PyTorch Profiler\", \"ph\": \"i\", \"pid\": \"Traces\"")
        .raw(", \"s\": \"g\", \"tid\": \"Trace PyTorch Profiler\", \"ts\": ")
        .thousandths(capture.start)
        .end();
    text
        .begin()
        .raw("{\"name\": \"Record Window End\", \"ph\": \"i\", \"pid\": \"\", \"s\": \"g\", \"tid\": \"\", \"ts\": ")
        .thousandths(capture.end)
        .end();
    process_name(text, PID, "python3", capture.start);
    named(text, "process_labels", "CPU", PID, 0, capture.start);
    // The same process, once more by its first name: device and unknown threads share pid 0.
    process_name(text, 0, "python3", capture.start);
    process_name(text, 0, "/device:HPU:0", 0);
    let thread = format!("thread {PID} (python3)");
    named(text, "thread_name", &thread, PID, PID, capture.start);
    if options.with_device {
        for lane in 0..vector_lanes(options) {
            let name = format!("[HD{}] TPC {}", lane / 4, lane % 4);
            named(text, "thread_name", &name, 0, VECTOR_TID + lane, 0);
        }
        for lane in 0..matrix_lanes(options) {
            let name = format!("[HD{lane}] MME");
            named(text, "thread_name", &name, 0, MATRIX_TID + lane, 0);
        }
        named(text, "thread_name", "[D0] SPDMA 0", 0, DMA_TID, 0);
        named(text, "thread_name", "NIC 0", 0, NIC_TID, 0);
    }
    named(
        text,
        "thread_name",
        "Synapse/*Host Profiler",
        HOST_PROFILER_PID,
        HOST_PROFILER_TID,
        0,
    );
    named(
        text,
        "thread_name",
        "Synapse/140083167102528",
        HOST_PROFILER_PID,
        HOST_WAIT_TID,
        0,
    );
}
