//! Every table, as data: what a row is, which columns there are, what each means, and the rows of a trace.
//!
//! [`TABLES`] is the only list of tables. Renderers (text, Markdown, CSV, JSON in `export`; the page's `data_table`) go
//! over it and know no table by name. A new column is a line in its table's function; a new table is a function and a
//! line in `TABLES`.

mod area_tables;
mod cell;
mod comparison_tables;
mod compile_tables;
mod device_tables;
mod file;
mod gap_tables;
mod host_tables;
mod memory_tables;
mod profiler;
mod rank_tables;
mod selected;
mod shown_terms;
mod stack_tables;
mod step_tables;
mod table_ask;
mod table_rows;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use crate::analyze::steps::times::device_span_ns;
pub use area_tables::{Area, NamedSlices};
pub use cell::{Cell, Column, Kind, Part, Place, Term, UNKNOWN, Visibility};
pub use compile_tables::cost_in_all;
pub use device_tables::NO_LAUNCHES;
pub use selected::{AreaAsk, GapsAsk, Selected, SelectedAsk, StacksAsk};
pub use stack_tables::{NamedCalls, StackCalls};
pub use step_tables::step_time_says;
pub use table_ask::{Ask, MAX_ROWS, PAGE_COLUMNS, PAGE_ROWS, Page, chosen, page};
pub use table_rows::{Order, Rows};

use table_rows::Builder;

use crate::analyze::report::{Comparison, Grouping, Operator, RowsLeftOut, RunRanks, TraceReport, Workers};

/// What tables are made of: the answers about one trace, and what is computed only when it is asked for.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    pub report: &'a TraceReport,
    /// Of the workers that were given together.
    pub workers: Option<&'a Workers>,
    /// Of all ranks of the run that were given together.
    pub ranks: Option<&'a RunRanks>,
    /// Counts operators by shape or by stack; `None`: those of the report.
    pub grouped: Option<Grouped<'a>>,
    /// What the reader has selected of the trace.
    pub selected: Option<&'a Selected>,
    /// Of two traces.
    pub comparison: Option<&'a Comparison>,
}

/// Operators by what else they are counted by.
#[derive(Clone, Copy)]
pub struct Grouped<'a> {
    /// What the trace records.
    pub by: &'a [Grouping],
    /// Costs a walk over the trace the first time.
    pub count: &'a dyn Fn(Grouping) -> (&'a [Operator], Option<RowsLeftOut>),
}

impl<'a> Answers<'a> {
    /// The tables that a report alone fills.
    pub fn of_report(report: &'a TraceReport) -> Answers<'a> {
        Answers {
            report,
            workers: None,
            ranks: None,
            grouped: None,
            selected: None,
            comparison: None,
        }
    }

    /// Of no trace: for tables of what several traces say together.
    pub fn without_trace() -> Answers<'a> {
        static NO_TRACE: LazyLock<TraceReport> = LazyLock::new(TraceReport::default);
        Answers::of_report(&NO_TRACE)
    }

    /// Where the trace starts.
    pub fn origin_ns(&self) -> i64 {
        self.report.start_ns.unwrap_or(0)
    }

    /// Operators counted by something else than their names alone.
    fn operators_by(&self, by: Grouping) -> Builder<'a, Operator> {
        let report = self.report;
        let (of_report, left_out) = match by {
            Grouping::Name => (&report.operators, None),
            Grouping::Shape => (&report.operators_by_shape, report.operators_by_shape_left_out),
            Grouping::Stack => (&report.operators_by_stack, report.operators_by_stack_left_out),
        };
        let says = |rows: usize, of: Option<RowsLeftOut>| Some(of?.says(rows, "self time"));
        match self.grouped {
            Some(grouped) => {
                Rows::later(grouped.by.contains(&by), move || (grouped.count)(by).0).says_later(move || {
                    let (rows, left_out) = (grouped.count)(by);
                    says(rows.len(), left_out)
                })
            }
            None => Rows::of(of_report).says(says(of_report.len(), left_out).unwrap_or_default()),
        }
    }
}

/// The question that a table helps to answer; tables of one stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Topic {
    Steps,
    Gaps,
    Compiles,
    Device,
    Host,
    Memory,
    Ranks,
    /// Two traces.
    Compare,
    /// What the profiler's own tables say.
    Profiler,
    /// The file itself.
    File,
}

/// One table, whatever draws it.
pub struct Table {
    /// On the command line, of the CSV file, in JSON, on the page.
    pub key: &'static str,
    pub title: &'static str,
    /// What a row is, what is counted, what is left out.
    pub definition: &'static str,
    pub topic: Topic,
    pub rows: for<'a> fn(&Answers<'a>) -> Rows<'a>,
}

/// Every table, in the order of a report.
pub const TABLES: &[Table] = &[
    step_tables::VERDICTS,
    step_tables::STEP_GROUPS,
    step_tables::STEP_SIZES,
    step_tables::COMPILED_STEPS,
    step_tables::PADDING,
    step_tables::STEPS,
    step_tables::SLOW_STEPS,
    step_tables::STEP_WORK,
    compile_tables::RECOMPILES,
    compile_tables::BUCKET_COVERAGE,
    compile_tables::DYNAMO,
    compile_tables::DYNAMO_LIMITS,
    compile_tables::METRICS,
    compile_tables::METRIC_COMPILES,
    gap_tables::BUDGET,
    gap_tables::GAP_KINDS,
    gap_tables::GAPS,
    gap_tables::GAP_CAUSES,
    gap_tables::LONGEST_GAPS,
    device_tables::DEVICE_TIME,
    device_tables::IDLE,
    device_tables::LONGEST_IDLE,
    device_tables::KERNELS,
    device_tables::RECIPES,
    device_tables::NODES,
    device_tables::LAUNCHES,
    device_tables::LAUNCH_DELAYS,
    device_tables::QUEUE_DEPTH,
    device_tables::STREAM_GAPS,
    device_tables::COPIES,
    device_tables::SYNCS,
    host_tables::PYTHON,
    host_tables::OPERATORS,
    host_tables::OPERATORS_BY_SHAPE,
    host_tables::OPERATORS_BY_STACK,
    host_tables::MODULES,
    host_tables::TORCH_TABLE,
    memory_tables::MEMORY,
    memory_tables::MEMORY_OPERATORS,
    rank_tables::RANKS,
    rank_tables::COLLECTIVES_MATCHED,
    rank_tables::COLLECTIVES_RECORDED,
    rank_tables::WORKERS,
    rank_tables::STAGES,
    comparison_tables::STEP_TIME,
    comparison_tables::CAUSES,
    comparison_tables::COMPILES,
    comparison_tables::FAMILIES,
    comparison_tables::KERNELS,
    comparison_tables::OPERATORS,
    comparison_tables::DEVICE_TIME,
    comparison_tables::MEMORY,
    profiler::STEP_BREAKDOWN,
    profiler::OVERALL,
    profiler::OPERATOR_STATISTICS,
    profiler::KERNEL_DETAILS,
    profiler::API_STATISTICS,
    profiler::COLLECTIVES,
    profiler::LINKS,
    profiler::MEMORY_PEAKS,
    profiler::MODULE_MEMORY_PEAKS,
    profiler::ALLOCATIONS,
    profiler::KEPT_ALLOCATIONS,
    profiler::TABLES_READ,
    file::FILES,
    file::CATEGORIES,
    file::DEFECTS,
    area_tables::AREA,
    stack_tables::STACKS,
];

/// A table that a trace fills.
pub struct Filled<'a> {
    pub key: String,
    pub title: String,
    pub definition: String,
    pub topic: Topic,
    pub rows: Rows<'a>,
}

impl Filled<'_> {
    /// The page that is asked for, of the rows of these numbers (see [`chosen`]).
    pub fn page(&self, ask: &Ask, numbers: Option<&[u32]>, origin_ns: i64) -> Page {
        Page {
            title: self.title.clone(),
            definition: self.definition.clone(),
            origin_ns,
            ..page(&self.rows, ask, numbers)
        }
    }
}

/// The name of a table that a trace fills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableName {
    pub key: String,
    pub title: String,
    pub topic: Topic,
}

/// The tables that a trace fills, in the order of a report: those of [`TABLES`], then the file's own as they stand.
pub fn filled<'a>(answers: &Answers<'a>) -> Vec<Filled<'a>> {
    let of_registry = TABLES.iter().filter_map(|table| of_table(table, answers));
    of_registry.chain(profiler::raw_tables(answers)).collect()
}

/// The table of this key, if the trace fills it.
pub fn find<'a>(key: &str, answers: &Answers<'a>) -> Option<Filled<'a>> {
    match TABLES.iter().find(|table| table.key == key) {
        Some(table) => of_table(table, answers),
        None => profiler::raw_tables(answers)
            .into_iter()
            .find(|table| table.key == key),
    }
}

/// The names of [`filled`].
pub fn names(answers: &Answers<'_>) -> Vec<TableName> {
    filled(answers)
        .into_iter()
        .map(|table| TableName {
            key: table.key,
            title: table.title,
            topic: table.topic,
        })
        .collect()
}

fn of_table<'a>(table: &Table, answers: &Answers<'a>) -> Option<Filled<'a>> {
    let rows = (table.rows)(answers);
    (!rows.is_empty()).then(|| Filled {
        key: table.key.to_owned(),
        title: table.title.to_owned(),
        definition: table.definition.to_owned(),
        topic: table.topic,
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_and_column_has_a_key_of_its_own() {
        let report = TraceReport::default();
        let answers = Answers::of_report(&report);
        let is_key = |key: &str| {
            !key.is_empty()
                && key
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let mut keys: Vec<&str> = Vec::new();
        for table in TABLES {
            assert!(is_key(table.key), "{}", table.key);
            keys.push(table.key);
            let rows = (table.rows)(&answers);
            assert!(rows.is_empty(), "{} has rows of nothing", table.key);
            let mut columns: Vec<_> = rows.columns.iter().map(|c| c.key.clone()).collect();
            assert!(
                columns.iter().all(|key| is_key(key)),
                "{}: {columns:?}",
                table.key
            );
            columns.sort_unstable();
            columns.dedup();
            assert_eq!(
                columns.len(),
                rows.columns.len(),
                "{} repeats a column",
                table.key
            );
            if let Some(order) = &rows.order {
                assert!(
                    rows.column(&order.column).is_some(),
                    "{} lies by no column",
                    table.key
                );
            }
        }
        let n = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), n);
    }

    #[test]
    fn a_duration_says_its_unit_in_its_key() {
        let report = TraceReport::default();
        for table in TABLES {
            for column in (table.rows)(&Answers::of_report(&report)).columns {
                let unit = match column.kind {
                    Kind::Duration | Kind::Instant => "_ns",
                    Kind::Bytes => "bytes",
                    _ => continue,
                };
                assert!(column.key.ends_with(unit), "{}.{}", table.key, column.key);
            }
        }
    }
}
