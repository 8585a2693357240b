//! What an allocator handed out and took back: the instant events `[memory]` of torch's profiler
//! (`profile_memory=True`; Kineto's `output_json.cpp`, torch 1.9 to 2.15).
//!
//! Args: `Bytes` (signed: negative for a free), `Device Type` (torch's own numbers), `Device Id` (-1 for the host),
//! and since torch 1.11 `Total Allocated` and `Total Reserved`, the allocator's totals right after the event. `Addr`
//! is not kept. 38 bytes an event, in place of a row in [`Instants`](super::trace_columns::Instants).

use rustc_hash::FxHashMap;

use super::column::Column;
use super::trace_columns::Key;
use crate::base::order;
use crate::ingest::Scalar;
use crate::ingest::event::args;

/// The name of such events.
pub const MEMORY: &[u8] = b"[memory]";

/// The name of events that say that an allocator could not hand out what it was asked for (torch's
/// `profiler/collection.cpp`); the same args. They stay instants, too.
pub const OUT_OF_MEMORY: &[u8] = b"[OutOfMemory]";

/// More failures than this are counted and not kept.
const MAX_FAILURES: usize = 1_000;

/// More devices than this make no memory rows: their events stay instants.
const MAX_DEVICES: usize = 4_096;

/// Stands for a total that an event does not give.
const UNKNOWN: i64 = i64::MIN;

/// An allocator, as events name it: type and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryDevice {
    /// torch's `c10::DeviceType`.
    pub kind: i64,
    /// `None`: not given.
    pub id: Option<i64>,
}

/// What one event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub bytes: i64,
    pub allocated: Option<i64>,
    pub reserved: Option<i64>,
    pub device: MemoryDevice,
}

impl Said {
    /// `None`: these args are not those of such an event.
    pub fn of(object: &[u8]) -> Option<Said> {
        let mut bytes = None;
        let mut said = Said {
            bytes: 0,
            allocated: None,
            reserved: None,
            device: MemoryDevice { kind: 0, id: None },
        };
        for (key, value, _) in args(object) {
            let value = || Scalar::int(value).filter(|&n| n != UNKNOWN);
            match key.raw {
                b"Bytes" => bytes = value(),
                b"Total Allocated" => said.allocated = value(),
                b"Total Reserved" => said.reserved = value(),
                b"Device Type" => said.device.kind = value()?,
                b"Device Id" => said.device.id = value(),
                _ => {}
            }
        }
        Some(Said {
            bytes: bytes?,
            ..said
        })
    }
}

/// An allocator could not hand out what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub ts: i64,
    pub process: Key,
    /// `None`: its args do not say.
    pub said: Option<Said>,
}

/// Allocations and frees, in order of time; equal times keep the order of the file.
#[derive(Clone, Default)]
pub struct Memory {
    pub ts: Column<i64>,
    pub track: Column<u32>,
    /// Negative for a free.
    pub bytes: Column<i64>,
    allocated: Column<i64>,
    reserved: Column<i64>,
    /// Row in [`Memory::devices`].
    pub device: Column<u16>,
    pub devices: Vec<MemoryDevice>,
    by_device: FxHashMap<(MemoryDevice, Key), u16>,
    /// Of each device the process whose allocator it is: merged files hold several of one device.
    pub processes: Vec<Key>,
    /// In order of time, the first in the file.
    pub failures: Vec<Failure>,
    pub n_failures: u64,
}

impl Memory {
    /// Bytes of a row.
    pub const ROW_BYTES: usize = 38;

    /// Whether it was taken; if not, the event is one like any other.
    pub fn push(&mut self, ts: i64, track: u32, process: Key, said: &Said) -> bool {
        let key = (said.device, process);
        let device = match self.by_device.get(&key) {
            Some(&device) => device,
            None if self.devices.len() >= MAX_DEVICES => return false,
            None => {
                let device = u16::try_from(self.devices.len()).unwrap_or(u16::MAX);
                self.by_device.insert(key, device);
                self.devices.push(said.device);
                self.processes.push(process);
                device
            }
        };
        self.ts.push(ts);
        self.track.push(track);
        self.bytes.push(said.bytes);
        self.allocated.push(said.allocated.unwrap_or(UNKNOWN));
        self.reserved.push(said.reserved.unwrap_or(UNKNOWN));
        self.device.push(device);
        true
    }

    /// Takes note of a failure.
    pub fn fail(&mut self, failure: Failure) {
        self.n_failures += 1;
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(failure);
        }
    }

    pub fn len(&self) -> usize {
        self.ts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// Bytes in use on the event's device right after it, as its allocator counts; `None` where not recorded.
    pub fn allocated(&self, row: usize) -> Option<i64> {
        Some(self.allocated.get(row)).filter(|&n| n != UNKNOWN)
    }

    /// Bytes that the allocator holds, in use or not.
    pub fn reserved(&self, row: usize) -> Option<i64> {
        Some(self.reserved.get(row)).filter(|&n| n != UNKNOWN)
    }

    /// Bytes held by the columns.
    pub fn bytes_held(&self) -> usize {
        self.len() * Memory::ROW_BYTES
    }

    /// The same in order of time.
    pub(super) fn sorted(mut self) -> Memory {
        order::sort_by_key(&mut self.failures, |failure| failure.ts);
        if self.ts.iter().is_sorted() {
            return self;
        }
        let mut order: Vec<u32> = (0u32..).take(self.ts.len()).collect();
        order.sort_by_key(|&row| self.ts.get(row as usize));
        self.picked(&order)
    }

    /// These rows, in this order.
    pub(super) fn picked(self, rows: &[u32]) -> Memory {
        Memory {
            ts: self.ts.gather(rows),
            track: self.track.gather(rows),
            bytes: self.bytes.gather(rows),
            allocated: self.allocated.gather(rows),
            reserved: self.reserved.gather(rows),
            device: self.device.gather(rows),
            devices: self.devices,
            by_device: self.by_device,
            processes: self.processes,
            failures: self.failures,
            n_failures: self.n_failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn args_are_read_and_what_is_missing_is_unknown() {
        let object = br#"{"Total Reserved": 0, "Total Allocated": 2048, "Bytes": -16, "Device Id": -1,
            "Device Type": 0, "Addr": 9}"#;
        let host = MemoryDevice {
            kind: 0,
            id: Some(-1),
        };
        assert_eq!(
            Said::of(object),
            Some(Said {
                bytes: -16,
                allocated: Some(2048),
                reserved: Some(0),
                device: host
            })
        );
        let old = Said::of(br#"{"Device Type": 1, "Device Id": 0, "Bytes": 512}"#).unwrap();
        assert_eq!((old.bytes, old.allocated, old.reserved), (512, None, None));
        assert_eq!(Said::of(br#"{"Addr": 1}"#), None);
        assert_eq!(Said::of(b""), None);
    }

    #[test]
    fn rows_come_out_in_order_of_time() {
        let said = |bytes| Said {
            bytes,
            allocated: None,
            reserved: Some(bytes),
            device: MemoryDevice { kind: 1, id: Some(0) },
        };
        let mut memory = Memory::default();
        for (ts, bytes) in [(5, 1), (3, 2), (5, 3)] {
            assert!(memory.push(ts, 0, Key::Int(1), &said(bytes)));
        }
        let memory = memory.sorted();
        assert!(memory.bytes.iter().eq([2, 1, 3]));
        assert_eq!((memory.allocated(0), memory.reserved(0)), (None, Some(2)));
        assert_eq!(memory.devices.len(), 1);
    }
}
