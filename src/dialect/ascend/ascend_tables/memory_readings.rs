//! Tables of memory: readings of a component (`memory_record`, `npu_module_mem`), allocations of operators
//! (`operator_memory`).
//!
//! Units stand in the headers, and one of them means two things: MindSpore's MB in `memory_record` is 1000 KB,
//! torch_npu's 1024 KB; KB is 1024 bytes in both.

use rustc_hash::FxHashMap;

use super::table_fields::{Header, Row, Rows};
use crate::dialect::tables_beside::{AllocationRow, MAX_ROWS, MemoryPeak, Tables};

/// Components by device beyond these are counted as lost; CANN knows 77.
const MAX_COMPONENTS: usize = 1000;

/// Decimal text times `unit`, whole bytes. `None`: no number, or less than nothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes of a decimal number of KB or MB"
)]
fn bytes(row: &Row<'_>, column: Option<usize>, unit: f64) -> Option<u64> {
    let number: f64 = row.text(column)?.parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| (number * unit).round() as u64)
}

/// Keeps the highest reading of each component and device.
#[derive(Default)]
struct Peaks(FxHashMap<(String, String), usize>);

impl Peaks {
    fn add(
        &mut self,
        list: &mut Vec<MemoryPeak>,
        (component, device): (&str, &str),
        (allocated, reserved): (Option<u64>, Option<u64>),
        at_ns: Option<i64>,
    ) -> Option<()> {
        let key = (component.to_owned(), device.to_owned());
        let n = list.len();
        if n >= MAX_COMPONENTS && !self.0.contains_key(&key) {
            return None;
        }
        let i = *self.0.entry(key).or_insert(n);
        if i == n {
            list.push(MemoryPeak {
                component: component.to_owned(),
                device: device.to_owned(),
                allocated_bytes: None,
                reserved_bytes: None,
                at_ns: None,
                readings: 0,
            });
        }
        let peak = list.get_mut(i)?;
        peak.readings += 1;
        // The time is that of the highest reading of what is reserved, or allocated if that is all there is.
        let before = (peak.reserved_bytes, peak.allocated_bytes);
        peak.allocated_bytes = peak.allocated_bytes.max(allocated);
        peak.reserved_bytes = peak.reserved_bytes.max(reserved);
        if (
            peak.reserved_bytes,
            peak.allocated_bytes.filter(|_| reserved.is_none()),
        ) > (before.0, before.1.filter(|_| reserved.is_none()))
        {
            peak.at_ns = at_ns;
        }
        Some(())
    }
}

/// `memory_record.csv`: what the framework's allocators hold.
pub fn record(header: &Header) -> Option<Rows> {
    let component = header.column(&["component"])?;
    let at = header.column(&["timestamp(us)"])?;
    let allocated = header.column(&["total allocated(mb)"]);
    let reserved = header.column(&["total reserved(mb)"]);
    let device = header.column(&["device type"]);
    // Only torch_npu has streams here, or no column of what is active (2023).
    let is_torch = header.column(&["stream ptr"]).is_some() || header.column(&["total active(mb)"]).is_none();
    let mb = if is_torch { 1024.0 } else { 1000.0 } * 1024.0;
    let mut peaks = Peaks::default();
    Some(Box::new(move |row, tables: &mut Tables| {
        let of = (row.text(Some(component))?, row.text(device).unwrap_or_default());
        let held = (bytes(&row, allocated, mb), bytes(&row, reserved, mb));
        held.0.or(held.1)?;
        peaks.add(&mut tables.memory, of, held, row.micros(Some(at)))
    }))
}

/// `npu_module_mem.csv`: what the components of the driver stack reserve; KB where it is CANN's own file.
pub fn of_modules(header: &Header) -> Option<Rows> {
    let component = header.column(&["component"])?;
    let at = header.column(&["timestamp(us)"])?;
    let mb = header.column(&["total reserved(mb)"]);
    let kb = header.column(&["total reserved(kb)"]);
    let (reserved, unit) = match (mb, kb) {
        (Some(mb), _) => (mb, 1024.0 * 1024.0),
        (None, Some(kb)) => (kb, 1024.0),
        (None, None) => return None,
    };
    let device = header.column(&["device", "device type", "device_id"]);
    let mut peaks = Peaks::default();
    Some(Box::new(move |row, tables: &mut Tables| {
        let of = (row.text(Some(component))?, row.text(device).unwrap_or_default());
        let held = (None, Some(bytes(&row, Some(reserved), unit)?));
        peaks.add(&mut tables.module_memory, of, held, row.micros(Some(at)))
    }))
}

/// `operator_memory.csv`: a row an allocation. What was not given back while the profiler ran has no release.
pub fn of_operators(header: &Header) -> Option<Rows> {
    let name = header.column(&["name"])?;
    let size = header.column(&["size(kb)"])?;
    let start = header.column(&["allocation time(us)"])?;
    let release = header.column(&["release time(us)"]);
    let held = header.column(&["duration(us)"]);
    let device = header.column(&["device type"]);
    Some(Box::new(move |row, tables: &mut Tables| {
        let table = &mut tables.allocations;
        if table.rows.len() >= MAX_ROWS {
            return None;
        }
        let (name, size) = (row.text(Some(name))?, bytes(&row, Some(size), 1024.0)?);
        let (start_ns, release_ns) = (row.micros(Some(start)), row.micros(release));
        start_ns.or(release_ns)?;
        table.rows.push(AllocationRow {
            operator: table.names.intern(name),
            device: table.names.intern(row.text(device).unwrap_or_default()),
            bytes: size,
            start_ns,
            release_ns,
            held_ns: row.micros(held),
        });
        Some(())
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{Table, read};
    use super::*;

    #[test]
    fn units_are_those_of_the_header() {
        let mut tables = Tables::default();
        let kb = "Device_id,Component,Timestamp(us),Total Reserved(KB),Device\n\
            0,HCCL,5.5\t,1024.5,NPU:0\n0,HCCL,6,3,NPU:0\n";
        read(
            Table::ModuleMemory,
            "npu_module_mem.csv",
            kb.as_bytes(),
            &mut tables,
        );
        let mb = "Component,Timestamp(us),Total Reserved(MB),Device\nHCCL,7,1.5,NPU:1\nHCCL,8,N/A,NPU:1\n";
        read(
            Table::ModuleMemory,
            "npu_module_mem.csv",
            mb.as_bytes(),
            &mut tables,
        );
        let peaks: Vec<(&str, Option<u64>, Option<i64>, u64)> = tables
            .module_memory
            .iter()
            .map(|p| (&*p.device, p.reserved_bytes, p.at_ns, p.readings))
            .collect();
        assert_eq!(
            peaks,
            [
                ("NPU:0", Some(1_049_088), Some(5_500), 2),
                ("NPU:1", Some(1_572_864), Some(7_000), 1)
            ]
        );
        assert_eq!(tables.read[1].rows_lost, 1, "a reading without a number");
    }

    #[test]
    fn an_allocation_without_release_is_kept_open() {
        let csv = "Name,Size(KB),Allocation Time(us),Release Time(us),Duration(us),Device Type\n\
            aten::empty,0.5,10.25\t,12.5\t,2.250\t,NPU:0\naten::empty,8,11,N/A,N/A,NPU:0\nx,-1,1,2,1,NPU:0\ny,1,,,,\n";
        let mut tables = Tables::default();
        read(
            Table::OperatorMemory,
            "operator_memory.csv",
            csv.as_bytes(),
            &mut tables,
        );
        let rows = tables.allocations.rows.iter();
        let rows = rows.map(|r| (r.bytes, r.start_ns, r.release_ns, r.held_ns));
        assert!(rows.eq([
            (512, Some(10_250), Some(12_500), Some(2_250)),
            (8192, Some(11_000), None, None)
        ]));
        assert_eq!((tables.read[0].rows, tables.read[0].rows_lost), (2, 2));
    }
}
