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

use std::cell::Cell;

use crate::base::DefectKind;
use crate::dialect::csv_rows::{TableRows, without_byte_order_mark};
use crate::dialect::tables_beside::{RowsRead, Tables};
pub use kind::Table;
use table_fields::{Header, Row, Rows};

/// Reads a table into `tables`. `file` is its name, for people.
pub fn read(table: Table, file: &str, bytes: &[u8], tables: &mut Tables) {
    let bytes = without_byte_order_mark(bytes);
    let read = match table {
        Table::Communication => communication::operations(bytes, tables),
        Table::CommunicationMatrix => communication::matrix(bytes, tables),
        Table::ProfilerInfo => settings::profiler_info(file, bytes, tables),
        Table::Metadata => settings::metadata(bytes, tables),
        _ => csv_table(table, file, bytes, tables),
    };
    match read {
        Some(read) => tables.has_read(file, read, DefectKind::TableRow),
        None => tables.has_left_out(file),
    }
}

fn csv_table(table: Table, file: &str, bytes: &[u8], tables: &mut Tables) -> Option<RowsRead> {
    let (header_row, rows_of_table) = TableRows::of(bytes)?;
    let header = Header::of(&header_row);
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
            raw_tables::plain(table, file, &header, &header_row, tables)?
        }
        Table::Communication | Table::CommunicationMatrix | Table::ProfilerInfo | Table::Metadata => {
            return None;
        }
    };
    let mut times_lost = 0;
    let read = rows_of_table.read(|fields| {
        let unread = Cell::new(0);
        rows(Row::new(fields, &unread), tables)?;
        times_lost += unread.get();
        Some(())
    });
    Some(RowsRead { times_lost, ..read })
}
