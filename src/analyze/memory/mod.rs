//! What allocators handed out and took back: peaks with what ran then, and which operators allocate.
//!
//! An event belongs to the innermost operator or annotation that is open on its thread, ends included (torch gives an
//! operator all that happens between its start and its end, see
//! [`operators`](crate::analyze::host::operators_by_name); here each event counts once).

pub mod allocations;

use rustc_hash::FxHashMap;

use crate::base::{SliceId, TrackId, order, stats};
use crate::dialect::{Period, Phase, Vocabulary};
use crate::index::{Family, Index};

use crate::analyze::merge::merge_tracks;
use crate::analyze::report::{DeviceMemory, MemoryGrowth, MemoryOperator, MemoryUse, OutOfMemory};

/// Bound of [`DeviceMemory::operators`].
const MAX_OPERATORS: usize = 50;
/// Bound of [`DeviceMemory::peak_operators`].
const MAX_OPEN: usize = 20;

/// `None` where no allocation is recorded.
pub fn memory(index: &Index, vocabulary: &Vocabulary) -> Option<MemoryUse> {
    let memory = &index.memory;
    if memory.is_empty() {
        return None;
    }
    let mut devices: Vec<DeviceMemory> = in_use(index, vocabulary);
    by_operator(index, vocabulary, &mut devices);
    by_step(index, vocabulary, &mut devices);
    let (outside_events, outside_bytes) = outside(index, vocabulary);
    Some(MemoryUse {
        events: memory.len() as u64,
        devices,
        outside_events,
        outside_bytes,
    })
}

/// Allocations that failed, in order of time.
pub fn out_of_memory(vocabulary: &Vocabulary) -> Vec<OutOfMemory> {
    let failures = vocabulary.out_of_memory.iter();
    failures
        .map(|failure| OutOfMemory {
            at_ns: failure.at_ns,
            device: failure.device.as_ref().map(|device| {
                let named = DeviceMemory {
                    device: device.kind.to_owned(),
                    id: device.id,
                    rank: device.rank.clone(),
                    ..DeviceMemory::default()
                };
                named.label()
            }),
            bytes: failure.bytes,
            allocated_bytes: failure.allocated,
            reserved_bytes: failure.reserved,
            step: step_at(vocabulary, failure.at_ns).and_then(|i| u32::try_from(i).ok()),
        })
        .collect()
}

/// Bytes in use on its device after each event, in order of time: row, device, bytes. The allocator's own number, or
/// the sum of events.
pub fn levels(index: &Index) -> impl Iterator<Item = (usize, u16, i64)> + '_ {
    let memory = &index.memory;
    let mut sums = vec![0_i64; memory.devices.len()];
    memory
        .device
        .iter()
        .zip(memory.bytes.iter())
        .enumerate()
        .map(move |(row, (device, bytes))| {
            let sum = &mut sums[usize::from(device)];
            *sum = memory.allocated(row).unwrap_or(sum.saturating_add(bytes));
            (row, device, *sum)
        })
}

fn in_use(index: &Index, vocabulary: &Vocabulary) -> Vec<DeviceMemory> {
    let memory = &index.memory;
    let mut devices: Vec<DeviceMemory> = vocabulary
        .memory_devices
        .iter()
        .map(|device| DeviceMemory {
            device: device.kind.to_owned(),
            id: device.id,
            rank: device.rank.clone(),
            ..DeviceMemory::default()
        })
        .collect();
    devices.resize_with(memory.devices.len(), DeviceMemory::default);
    for (row, device, level) in levels(index) {
        let of = &mut devices[usize::from(device)];
        let (bytes, at) = (memory.bytes.get(row), memory.ts.get(row));
        let is_first = of.allocations + of.frees == 0;
        if bytes < 0 {
            of.frees += 1;
            of.freed_bytes = of.freed_bytes.saturating_sub(bytes);
        } else {
            of.allocations += 1;
            of.allocated_bytes = of.allocated_bytes.saturating_add(bytes);
        }
        if is_first {
            of.in_use_is_recorded = memory.allocated(row).is_some();
            of.start_bytes = level.saturating_sub(bytes);
            (of.peak_bytes, of.peak_at_ns) = (of.start_bytes, at);
        }
        of.end_bytes = level;
        if level > of.peak_bytes {
            (of.peak_bytes, of.peak_at_ns) = (level, at);
        }
        // The host's allocator holds nothing back and writes 0.
        if let Some(reserved) = memory.reserved(row).filter(|&n| n > 0)
            && of.reserved_peak_bytes.is_none_or(|peak| reserved > peak)
        {
            of.reserved_peak_bytes = Some(reserved);
            of.reserved_peak_at_ns = Some(at);
        }
    }
    for of in &mut devices {
        of.peak_step = step_at(vocabulary, of.peak_at_ns).and_then(|i| u32::try_from(i).ok());
    }
    devices
}

/// The pass that is open at `at`.
fn step_at(vocabulary: &Vocabulary, at: i64) -> Option<usize> {
    let passes = &vocabulary.passes;
    let last = passes.partition_point(|p| p.span.start <= at).checked_sub(1)?;
    passes[last].span.contains(at).then_some(last)
}

fn is_operator(index: &Index, vocabulary: &Vocabulary, id: SliceId) -> bool {
    vocabulary
        .operator_categories
        .contains(&index.slices.category(id))
}

/// Gives each event to the innermost operator on its thread.
fn by_operator(index: &Index, vocabulary: &Vocabulary, devices: &mut [DeviceMemory]) {
    let memory = &index.memory;
    let mut by_track: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (track, row) in memory.track.iter().zip(0u32..) {
        by_track.entry(track).or_default().push(row);
    }
    let mut tracks: Vec<(u32, Vec<u32>)> = by_track.into_iter().collect();
    order::sort_by_key(&mut tracks, |t| t.0);
    let peaks: Vec<i64> = devices.iter().map(|d| d.peak_at_ns).collect();
    let mut found: FxHashMap<(u16, u32), MemoryOperator> = FxHashMap::default();
    for (track, events) in tracks {
        let mut rows = index.rows(TrackId(track)).peekable();
        let mut open: Vec<(SliceId, i64)> = Vec::new();
        for row in events {
            let row = row as usize;
            let at = memory.ts.get(row);
            while let Some(id) = rows.next_if(|&id| index.slices.start(id).as_ns() <= at) {
                if is_operator(index, vocabulary, id) {
                    let span = index.slices.span(id);
                    while open.last().is_some_and(|o| o.1 < span.start) {
                        open.pop();
                    }
                    open.push((id, span.end));
                }
            }
            while open.last().is_some_and(|o| o.1 < at) {
                open.pop();
            }
            let (device, bytes) = (memory.device.get(row), memory.bytes.get(row));
            let name = open.last().map_or(u32::MAX, |o| index.slices.name(o.0).0);
            let of = found.entry((device, name)).or_default();
            if bytes < 0 {
                of.frees += 1;
                of.freed_bytes = of.freed_bytes.saturating_sub(bytes);
            } else {
                of.allocations += 1;
                of.allocated_bytes = of.allocated_bytes.saturating_add(bytes);
            }
            let of = &mut devices[usize::from(device)];
            if at == peaks[usize::from(device)] && of.peak_slice.is_none() && bytes > 0 {
                of.peak_slice = open.last().map(|o| o.0.0);
                let names = open.iter().rev().take(MAX_OPEN);
                of.peak_operators = names.map(|o| index.name_of(o.0).to_owned()).collect();
            }
        }
    }
    for ((device, name), mut of) in found {
        if name != u32::MAX {
            index.text(crate::base::NameId(name)).clone_into(&mut of.name);
        }
        devices[usize::from(device)].operators.push(of);
    }
    for of in devices {
        order::sort_by(&mut of.operators, |a, b| {
            let bytes = b.allocated_bytes.cmp(&a.allocated_bytes);
            bytes.then_with(|| a.name.cmp(&b.name))
        });
        of.operators.truncate(MAX_OPERATORS);
    }
}

/// What decode steps allocate.
fn by_step(index: &Index, vocabulary: &Vocabulary, devices: &mut [DeviceMemory]) {
    let memory = &index.memory;
    let is_decode = |i: usize| {
        let pass = &vocabulary.passes[i];
        pass.phase == Phase::Decode && matches!(pass.period, Period::Serving | Period::Unknown)
    };
    let decode: Vec<usize> = (0..vocabulary.passes.len()).filter(|&i| is_decode(i)).collect();
    if decode.is_empty() {
        return;
    }
    // A device at a time: a few devices, and as many numbers as there are steps.
    for (number, of) in devices.iter_mut().enumerate().take(64) {
        let mut allocated = vec![0_i64; vocabulary.passes.len()];
        for (row, device) in memory.device.iter().enumerate() {
            let bytes = memory.bytes.get(row);
            if usize::from(device) == number
                && bytes > 0
                && let Some(step) = step_at(vocabulary, memory.ts.get(row))
            {
                allocated[step] = allocated[step].saturating_add(bytes);
            }
        }
        let mut of_decode: Vec<i64> = decode.iter().map(|&i| allocated[i]).collect();
        order::sort(&mut of_decode);
        of.decode_steps = of_decode.len() as u64;
        of.decode_step_allocated_bytes = stats::quantile(&of_decode, 0.5);
        of.decode_growth = growth(index, vocabulary, number, &decode);
    }
}

/// Of the first event of a device.
fn first_bytes(index: &Index, device: usize) -> Option<i64> {
    let memory = &index.memory;
    let first = memory.device.iter().position(|of| usize::from(of) == device)?;
    Some(memory.bytes.get(first))
}

/// How the bytes in use on one device change between decode steps that follow each other.
fn growth(index: &Index, vocabulary: &Vocabulary, device: usize, decode: &[usize]) -> Option<MemoryGrowth> {
    let mut events = levels(index)
        .filter(|&(_, of, _)| usize::from(of) == device)
        .map(|(row, _, level)| (index.memory.ts.get(row), level))
        .peekable();
    let bytes = first_bytes(index, device);
    // Before the first event.
    let mut level = events
        .peek()
        .zip(bytes)
        .map(|(&(_, level), bytes)| i64::saturating_sub(level, bytes));
    let mut at_start = decode.iter().map(|&step| {
        let start = vocabulary.passes[step].span.start;
        while let Some((_, now)) = events.next_if(|&(at, _)| at < start) {
            level = Some(now);
        }
        (step, level)
    });
    let (mut last_step, mut last) = at_start.next()?;
    let mut changes = Vec::new();
    for (step, level) in at_start {
        if step == last_step + 1
            && let Some((before, now)) = last.zip(level)
        {
            changes.push(i64::saturating_sub(now, before));
        }
        (last_step, last) = (step, level);
    }
    order::sort(&mut changes);
    Some(MemoryGrowth {
        steps: changes.len() as u64,
        grown: changes.iter().filter(|&&n| n > 0).count() as u64,
        median_bytes: stats::quantile(&changes, 0.5)?,
        total_bytes: stats::sum(changes.iter().copied()),
    })
}

/// Events inside no operator of any thread, and their bytes.
fn outside(index: &Index, vocabulary: &Vocabulary) -> (u64, i64) {
    let memory = &index.memory;
    let tracks: Vec<TrackId> = index
        .track_ids()
        .filter(|&id| index.track(id).family == Family::Main)
        .collect();
    let (mut n, mut bytes) = (0_u64, 0_i64);
    let mut row = 0;
    let mut covered_to = i64::MIN;
    let mut upto = |start: i64, end: i64| {
        while row < memory.len() && memory.ts.get(row) < start {
            if memory.ts.get(row) > covered_to {
                n += 1;
                bytes = bytes.saturating_add(memory.bytes.get(row));
            }
            row += 1;
        }
        covered_to = covered_to.max(end);
    };
    merge_tracks(index, &tracks, |_, id| {
        if is_operator(index, vocabulary, id) {
            let span = index.slices.span(id);
            upto(span.start, span.end);
        }
    });
    upto(i64::MAX, i64::MAX);
    (n, bytes)
}
