//! The tables beside `trace_view.json`, in the header names of all versions: which of them a file is, and reading it.
//!
//! Sources: Ascend/msprof (`docs/en/user_guide/profile_data_file_references.md`), Ascend/pytorch
//! (`analysis/prof_parse/_csv_headers.py`), MindSpore 2.10 (`profiler/analysis/viewer`).

mod communication;
mod kernel_details;
mod kind;
mod memory_readings;
mod raw_tables;
mod settings;
mod statistics;
mod step_times;
mod table_fields;

use csv::{ByteRecord, ReaderBuilder};

use crate::dialect::tables_beside::{TableRead, Tables};
pub use kind::Table;
use table_fields::{Header, Row, Rows};

/// Reads a table into `tables`. `file` is its name, for people.
pub fn read(table: Table, file: &str, bytes: &[u8], tables: &mut Tables) {
    let read = match table {
        Table::Communication => communication::operations(bytes, tables),
        Table::CommunicationMatrix => communication::matrix(bytes, tables),
        Table::ProfilerInfo => settings::profiler_info(file, bytes, tables),
        Table::Metadata => settings::metadata(bytes, tables),
        _ => csv_table(table, file, bytes, tables),
    };
    let Some((rows, rows_lost)) = read else {
        tables.notes.push(format!(
            "{file} is not what its name says, or breaks off: it is left out."
        ));
        return;
    };
    if rows_lost > 0 {
        tables.notes.push(format!(
            "{file}: {rows_lost} of {} rows could not be read.",
            rows + rows_lost
        ));
    }
    tables.read.push(TableRead {
        file: file.to_owned(),
        rows,
        rows_lost,
    });
}

fn csv_table(table: Table, file: &str, bytes: &[u8], tables: &mut Tables) -> Option<(u64, u64)> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).ok()? {
        return None;
    }
    let header = Header::of(&record);
    let mut rows: Rows = match table {
        Table::Kernels => kernel_details::kernels(&header)?,
        Table::OperatorStatistic => statistics::operators(&header)?,
        Table::ApiStatistic => statistics::calls(&header)?,
        Table::StepTime => step_times::of_rank(&header)?,
        Table::ClusterStepTime => step_times::of_cluster(&header)?,
        Table::OperatorDetails => statistics::operator_calls(&header)?,
        Table::OperatorMemory => memory_readings::of_operators(&header)?,
        Table::MemoryRecord => memory_readings::record(&header)?,
        Table::ModuleMemory => memory_readings::of_modules(&header)?,
        Table::StaticMemory | Table::L2Cache | Table::TaskTime | Table::SocCounters => {
            raw_tables::plain(table, file, &header, &record, tables)?
        }
        Table::Communication | Table::CommunicationMatrix | Table::ProfilerInfo | Table::Metadata => {
            return None;
        }
    };
    let (mut read, mut lost) = (0, 0);
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) if record.iter().all(|field| field.trim_ascii().is_empty()) => {}
            Ok(true) => match rows(Row(&record), tables) {
                Some(()) => read += 1,
                None => lost += 1,
            },
            Err(_) => {
                lost += 1;
                break;
            }
        }
    }
    Some((read, lost))
}
