//! What allocators handed out and took back.

use crate::analyze::report::{DeviceMemory, MemoryOperator};

use super::cell::Place;
use super::table_rows::Rows;
use super::{Answers, Table, Topic};

pub const MEMORY: Table = Table {
    key: "memory",
    title: "Memory in use",
    definition: "Bytes in use are the allocator's own total where it records one; else they are the sum of allocations \
                 and frees since the recording began, so that 0 is what was in use then.",
    topic: Topic::Memory,
    rows: memory,
};

fn memory<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let devices = answers.report.memory.as_ref().map_or(&[][..], |m| &m.devices);
    Rows::of(devices)
        .text("allocator", "allocator", "", DeviceMemory::label)
        .bytes("peak_bytes", "peak", "", |d| d.peak_bytes)
        .instant("peak_at_ns", "peak at", "", |d| d.peak_at_ns)
        .on_request()
        .step("peak_step", "peak in step", "", |d| d.peak_step)
        .bytes(
            "reserved_peak_bytes",
            "peak reserved",
            "The most that the allocator held, in use or not.",
            |d| d.reserved_peak_bytes,
        )
        .bytes("start_bytes", "at the start", "", |d| d.start_bytes)
        .bytes("end_bytes", "at the end", "", |d| d.end_bytes)
        .bytes(
            "allocated_bytes",
            "allocated",
            "Summed over all allocations.",
            |d| d.allocated_bytes,
        )
        .count("allocations", "allocations", "", |d| d.allocations)
        .bytes("freed_bytes", "freed", "Summed over all frees.", |d| {
            d.freed_bytes
        })
        .count("frees", "frees", "", |d| d.frees)
        .on_request()
        .bytes(
            "decode_step_allocated_bytes",
            "allocated in a decode step",
            "Median over decode steps.",
            |d| d.decode_step_allocated_bytes,
        )
        .on_request()
        .place("The peak in the timeline.", |d| {
            Some(Place {
                start_ns: Some(d.peak_at_ns),
                end_ns: Some(d.peak_at_ns),
                slice: d.peak_slice,
                word: "peak".into(),
            })
        })
        .done()
}

pub const MEMORY_OPERATORS: Table = Table {
    key: "memory_operators",
    title: "Allocations by operator",
    definition: "Each event belongs to the innermost operator or annotation that is open on its thread; at most 50 of \
                 each allocator.",
    topic: Topic::Memory,
    rows: memory_operators,
};

struct Of<'a>(&'a DeviceMemory, &'a MemoryOperator);

fn memory_operators<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let devices = answers.report.memory.iter().flat_map(|m| &m.devices);
    let all: Vec<Of<'a>> = devices
        .flat_map(|device| device.operators.iter().map(move |operator| Of(device, operator)))
        .collect();
    Rows::made(all)
        .text("allocator", "allocator", "", |of| of.0.label())
        .name("name", "operator", "", |of| match &*of.1.name {
            "" => "outside of operators".to_owned(),
            name => name.to_owned(),
        })
        .bytes("allocated_bytes", "allocated", "", |of| of.1.allocated_bytes)
        .share("share", "of all", "all that the allocator handed out", |of| {
            Some((of.1.allocated_bytes, of.0.allocated_bytes))
        })
        .count("allocations", "allocations", "", |of| of.1.allocations)
        .bytes("freed_bytes", "freed", "", |of| of.1.freed_bytes)
        .count("frees", "frees", "", |of| of.1.frees)
        .done()
}
