//! The profiler's own tables: as it divides a device's time, its statistics, its list of kernels, and tables that are
//! shown as they stand.

use crate::analyze::device::overall::OVERALL_SAYS;
use crate::analyze::report::{
    Allocation, ApiStatistic, BreakdownRow, Collective, Link, MemoryPeak, OperatorAllocations,
    OperatorStatistic, OverallPart, PlainTable, ProfilerTables, TableRead,
};
use crate::base::{SliceId, order, show};
use crate::dialect::tables_beside::{KernelRow, KernelTable};

use super::cell::{Cell, Kind, Place, Term};
use super::table_rows::Rows;
use super::{Answers, Filled, Table, Topic};

fn list<'a, T>(answers: &Answers<'a>, of: fn(&'a ProfilerTables) -> &'a [T]) -> &'a [T] {
    answers.report.beside.as_ref().map_or(&[], of)
}

pub const STEP_BREAKDOWN: Table = Table {
    key: "step_breakdown",
    title: "How the device's time divides",
    definition: "As the profiler says itself: in lanes of the timeline for the whole recording, and in its table step \
                 by step. The two are never added. More than 10 % free is the vendor's sign that the host hands out \
                 work too slowly.",
    topic: Topic::Profiler,
    rows: step_breakdown,
};

fn step_breakdown<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(list(answers, |b| &b.step_breakdown))
        .text(
            "step",
            "of",
            "The step's number as written, or all of the recording.",
            |r: &BreakdownRow| {
                r.step
                    .as_ref()
                    .map_or_else(|| "all".to_owned(), |step| format!("step {step}"))
            },
        )
        .term(
            "source",
            "by",
            "The profiler's table, or its lanes in the timeline.",
            |r| match &*r.source {
                "table" => Term::word("table"),
                _ => Term {
                    key: "timeline".into(),
                    ..Term::word("lanes")
                },
            },
        )
        .number("device", "device", "", |r| r.device)
        .duration("computing_ns", "computing", "", |r| r.computing_ns)
        .duration("communication_ns", "communication", "Overlapped or not.", |r| {
            r.communication_ns
        })
        .on_request()
        .duration(
            "communication_not_overlapped_ns",
            "exposed communication",
            "Not overlapped by computing.",
            |r| r.communication_not_overlapped_ns,
        )
        .duration(
            "overlapped_ns",
            "overlapped",
            "Communication inside computing.",
            |r| r.overlapped_ns,
        )
        .duration("free_ns", "free", "", |r| r.free_ns)
        .share("free", "free, of all", "the whole", |r| {
            Some((r.free_ns, r.total_ns))
        })
        .duration("stage_ns", "stage", "As the table states it.", |r| r.stage_ns)
        .on_request()
        .duration("bubble_ns", "bubble", "As the table states it.", |r| r.bubble_ns)
        .on_request()
        .duration("preparing_ns", "preparing", "As the table states it.", |r| {
            r.preparing_ns
        })
        .on_request()
        .place("The stretch in the timeline.", |r| {
            Some(Place {
                start_ns: Some(r.start_ns?),
                end_ns: Some(r.end_ns?),
                word: "timeline".into(),
                ..Place::default()
            })
        })
        .done()
}

pub const OVERALL: Table = Table {
    key: "overall",
    title: "Overall",
    definition: OVERALL_SAYS,
    topic: Topic::Profiler,
    rows: overall,
};

fn overall<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let all = answers.report.beside.as_ref().and_then(|b| b.overall.as_ref());
    let rows: Vec<(usize, &'a OverallPart)> = all.map_or_else(Vec::new, |all| all.rows());
    let by = all.map_or("", |all| match &*all.source {
        "table" => "By the profiler's table of steps.",
        _ => "By the profiler's lanes.",
    });
    Rows::made(rows)
        .text("kind", "time", "", |(depth, part)| {
            format!("{}{}", "\u{2003}".repeat(*depth), part.kind)
        })
        .duration("total_ns", "total", "", |(_, part)| part.total_ns)
        .column(
            Kind::Share { of: "all".into() },
            "share",
            "of all",
            "",
            |(_, part)| Cell::Real(part.part),
        )
        .count("count", "number", "", |(_, part)| part.count)
        .says(by)
        .done()
}

pub const OPERATOR_STATISTICS: Table = Table {
    key: "operator_statistics",
    title: "Operators by kind and core",
    definition: "Durations summed over all kernels of a kind; communication is left out.",
    topic: Topic::Profiler,
    rows: operator_statistics,
};

fn operator_statistics<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let from = answers
        .report
        .beside
        .as_ref()
        .map_or("", |b| match &*b.operator_statistics_source {
            "kernels" => "Computed from the table of kernels.",
            _ => "As the profiler wrote it.",
        });
    Rows::of(list(answers, |b| &b.operator_statistics))
        .name("kind", "kind", "", |r: &OperatorStatistic| r.kind.clone())
        .text("core", "core", "", |r| r.core.clone())
        .number("device", "device", "", |r| r.device)
        .on_request()
        .duration("total_ns", "total", "", |r| r.total_ns)
        .column(
            Kind::Share {
                of: "all kinds on the device".into(),
            },
            "part",
            "of all",
            "",
            |r| Cell::Real(r.part),
        )
        .count("count", "count", "", |r| r.count)
        .duration("mean_ns", "mean", "", |r| r.mean_ns)
        .duration("min_ns", "shortest", "", |r| r.min_ns)
        .duration("max_ns", "longest", "", |r| r.max_ns)
        .says(from)
        .done()
}

pub const KERNEL_DETAILS: Table = Table {
    key: "kernel_details",
    title: "Kernel by kernel",
    definition: "Every execution of a kernel or of a collective operation, by the profiler's own table.",
    topic: Topic::Profiler,
    rows: kernel_details,
};

struct KernelOf<'a> {
    table: &'a KernelTable,
    row: &'a KernelRow,
    slice: Option<SliceId>,
}

fn kernel_details<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let rows = answers
        .report
        .beside
        .as_ref()
        .and_then(|b| b.kernel_rows.as_deref());
    let all = rows.map_or_else(Vec::new, |rows| {
        let table = &rows.of.tables.kernels;
        let of_slice = table.rows.iter().zip(&rows.slices);
        of_slice
            .map(|(row, slice)| KernelOf {
                table,
                row,
                slice: *slice,
            })
            .collect()
    });
    Rows::made(all)
        .name(
            "name",
            "kernel",
            "As the timeline names it.",
            |of: &KernelOf<'_>| of.table.text(of.row.name).to_owned(),
        )
        .name(
            "operator",
            "operator",
            "The framework's operator that it belongs to.",
            |of| of.table.text(of.row.operator).to_owned(),
        )
        .on_request()
        .text("kind", "kind", "", |of| of.table.text(of.row.kind).to_owned())
        .text("core", "core", "", |of| of.table.text(of.row.core).to_owned())
        .instant("start_ns", "start", "", |of| of.row.start_ns)
        .duration("dur_ns", "duration", "", |of| of.row.dur_ns)
        .duration(
            "wait_ns",
            "wait before",
            "From the end of the row before, on the same device, to the start; 0 where they overlap.",
            |of| of.row.wait_ns,
        )
        .count("blocks", "blocks", "", |of| of.row.blocks)
        .name("input_shapes", "input shapes", "", |of| {
            of.table.text(of.row.shapes).to_owned()
        })
        .text("stream", "stream", "", |of| {
            of.table.text(of.row.stream).to_owned()
        })
        .on_request()
        .number("device", "device", "", |of| of.row.device)
        .on_request()
        .place("Its slice in the timeline.", |of| {
            Some(Place {
                slice: Some(of.slice?.0),
                word: "slice".into(),
                ..Place::default()
            })
        })
        .done()
}

pub const API_STATISTICS: Table = Table {
    key: "api_statistics",
    title: "Driver calls",
    definition: "Calls into the driver stack. A call inside a call counts for both.",
    topic: Topic::Profiler,
    rows: api_statistics,
};

fn api_statistics<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let mut calls: Vec<&'a ApiStatistic> = list(answers, |b| &b.api_statistics).iter().collect();
    order::sort_by_key(&mut calls, |r| std::cmp::Reverse(r.total_ns));
    Rows::made(calls)
        .name("name", "call", "", |r| r.name.clone())
        .text("level", "level", "The layer of the stack.", |r| r.level.clone())
        .duration("total_ns", "total", "", |r| r.total_ns)
        .count("count", "count", "", |r| r.count)
        .duration("mean_ns", "mean", "", |r| r.mean_ns)
        .duration("min_ns", "shortest", "", |r| r.min_ns)
        .duration("max_ns", "longest", "", |r| r.max_ns)
        .sorted("total_ns", true)
        .done()
}

pub const COLLECTIVES: Table = Table {
    key: "collectives",
    title: "Collective operations one by one",
    definition: "Elapsed is transit, wait for other ranks, and idle time between the two; synchronisation is the wait \
                 before the first byte.",
    topic: Topic::Profiler,
    rows: collectives,
};

fn collectives<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let mut all: Vec<&'a Collective> = list(answers, |b| &b.collectives).iter().collect();
    order::sort_by_key(&mut all, |c| std::cmp::Reverse(c.elapse_ns));
    Rows::made(all)
        .name("name", "operation", "", |c| c.name.clone())
        .term("kind", "kind", "", |c| match c.is_point_to_point {
            true => Term {
                key: "point_to_point".into(),
                ..Term::word("point to point")
            },
            false => Term::word("collective"),
        })
        .text("step", "step", "", |c| c.step.clone())
        .text("group", "group", "", |c| c.group.clone())
        .on_request()
        .instant("start_ns", "start", "", |c| c.start_ns)
        .on_request()
        .duration("elapse_ns", "elapsed", "", |c| c.elapse_ns)
        .duration("transit_ns", "transit", "", |c| c.transit_ns)
        .duration("wait_ns", "wait", "", |c| c.wait_ns)
        .duration("synchronization_ns", "synchronisation", "", |c| {
            c.synchronization_ns
        })
        .duration("idle_ns", "idle", "", |c| c.idle_ns)
        .sorted("elapse_ns", true)
        .done()
}

pub const LINKS: Table = Table {
    key: "links",
    title: "Links between ranks",
    definition: "What went from one rank to another in one group by one way, over all steps and operations. What moves \
                 little is bound by latency.",
    topic: Topic::Profiler,
    rows: links,
};

fn links<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let says = list(answers, |b| &b.links_say).join(" ");
    Rows::of(list(answers, |b| &b.links))
        .number("from_rank", "from rank", "", |l: &Link| l.from)
        .number("to_rank", "to rank", "", |l| l.to)
        .text("transport", "by", "", |l| l.transport.clone())
        .bytes("bytes", "moved", "", |l| l.bytes)
        .duration("transit_ns", "transit", "", |l| l.transit_ns)
        .rate("gb_per_s", "GB/s", "10⁹ bytes a second.", |l| l.gb_per_s)
        .name("group", "group", "", |l| l.group.clone())
        .sorted("transit_ns", true)
        .says(says)
        .done()
}

pub const MEMORY_PEAKS: Table = Table {
    key: "memory_peaks",
    title: "Highest memory of the framework's allocators",
    definition: "The highest reading of each component; components that held nothing are left out.",
    topic: Topic::Profiler,
    rows: |answers| peaks(list(answers, |b| &b.memory_peaks)),
};

pub const MODULE_MEMORY_PEAKS: Table = Table {
    key: "module_memory_peaks",
    title: "Highest memory of the driver's components",
    definition: "The highest reading of each component; components that held nothing are left out.",
    topic: Topic::Profiler,
    rows: |answers| peaks(list(answers, |b| &b.module_memory_peaks)),
};

fn peaks(all: &[MemoryPeak]) -> Rows<'_> {
    let held = |p: &&MemoryPeak| p.allocated_bytes.max(p.reserved_bytes) > Some(0);
    let mut held: Vec<&MemoryPeak> = all.iter().filter(held).collect();
    let empty = all.len() - held.len();
    order::sort_by_key(&mut held, |p| {
        std::cmp::Reverse(p.reserved_bytes.max(p.allocated_bytes))
    });
    Rows::made(held)
        .name("component", "component", "", |p| p.component.clone())
        .text("device", "device", "", |p| p.device.clone())
        .bytes("reserved_bytes", "reserved", "", |p| p.reserved_bytes)
        .bytes("allocated_bytes", "allocated", "", |p| p.allocated_bytes)
        .instant("at_ns", "at", "", |p| p.at_ns)
        .on_request()
        .count("readings", "readings", "", |p| p.readings)
        .says(match empty {
            0 => String::new(),
            n => format!(
                "{} that held nothing not shown.",
                show::counted(n as u64, "component")
            ),
        })
        .done()
}

pub const ALLOCATIONS: Table = Table {
    key: "allocations",
    title: "Memory allocated by operators",
    definition: "By the profiler's own table. Kept: not given back while the profiler ran.",
    topic: Topic::Profiler,
    rows: allocations,
};

fn allocations<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let all = answers
        .report
        .beside
        .as_ref()
        .and_then(|b| b.allocations.as_ref());
    Rows::of(all.map_or(&[][..], |all| &all.by_operator))
        .name("operator", "operator", "", |o: &OperatorAllocations| {
            o.operator.clone()
        })
        .bytes("bytes", "in sum", "", |o| o.bytes)
        .count("count", "count", "", |o| o.count)
        .bytes("max_bytes", "largest", "", |o| o.max_bytes)
        .duration(
            "longest_ns",
            "held longest",
            "Of those that were given back.",
            |o| o.longest_ns,
        )
        .count("not_released", "kept", "", |o| o.not_released)
        .bytes("not_released_bytes", "kept, in sum", "", |o| o.not_released_bytes)
        .sorted("bytes", true)
        .says(all.map(|all| all.says()).unwrap_or_default())
        .done()
}

pub const KEPT_ALLOCATIONS: Table = Table {
    key: "kept_allocations",
    title: "Largest allocations that were not given back",
    definition: "Allocations that were not given back while the profiler ran, as weights and caches are not.",
    topic: Topic::Profiler,
    rows: kept_allocations,
};

fn kept_allocations<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let all = answers
        .report
        .beside
        .as_ref()
        .and_then(|b| b.allocations.as_ref());
    Rows::of(all.map_or(&[][..], |all| &all.kept))
        .name("operator", "operator", "", |a: &Allocation| a.operator.clone())
        .text("device", "device", "", |a| a.device.clone())
        .bytes("bytes", "size", "", |a| a.bytes)
        .instant("start_ns", "allocated at", "", |a| a.start_ns)
        .on_request()
        .sorted("bytes", true)
        .done()
}

pub const TABLES_READ: Table = Table {
    key: "tables_read",
    title: "Tables of the profiler that were read",
    definition: "Each file with its rows; lost rows could not be read, or are too many.",
    topic: Topic::Profiler,
    rows: |answers| {
        Rows::of(list(answers, |b| &b.tables))
            .name("file", "file", "", |t: &TableRead| t.file.clone())
            .count("rows", "rows", "", |t| t.rows)
            .count("rows_lost", "rows lost", "", |t| t.rows_lost)
            .done()
    },
};

/// Tables that the file holds ready-made, with its own columns, units and words.
pub fn raw_tables<'a>(answers: &Answers<'a>) -> Vec<Filled<'a>> {
    let tables = list(answers, |b| &b.plain_tables).iter().enumerate();
    let with_rows = tables.filter(|(_, table)| !table.rows.is_empty());
    with_rows
        .map(|(i, table)| Filled {
            key: format!("raw_{}", i + 1),
            title: table.title.clone(),
            definition: format!(
                "{} From {}: {}.",
                table.says,
                table.source,
                show::counted(table.n_rows, "row")
            ),
            topic: Topic::Profiler,
            rows: raw(table),
        })
        .collect()
}

fn raw(table: &PlainTable) -> Rows<'_> {
    // A column that no row fills would only push the others out of sight.
    let cells = |at: usize| {
        table
            .rows
            .iter()
            .filter_map(move |row| row.get(at))
            .filter(|c| !c.is_empty())
    };
    let mut rows = Rows::of(&table.rows);
    for (at, head) in table.columns.iter().enumerate() {
        let kind = match cells(at).all(|c| c.parse::<f64>().is_ok()) {
            true => Kind::Number,
            false => Kind::Name,
        };
        rows = rows.column(
            kind,
            head.clone(),
            head.clone(),
            "",
            move |row: &Vec<String>| match row.get(at) {
                Some(cell) if !cell.is_empty() => Cell::Text(cell.clone()),
                _ => Cell::Unknown,
            },
        );
        if cells(at).next().is_none() {
            rows = rows.on_request();
        }
    }
    let kept = table.rows.len() as u64;
    if table.n_rows > kept {
        let all = show::counted(table.n_rows, "row");
        rows = rows.says(format!("The first {} of {all} are here.", show::count(kept)));
    }
    if table.n_columns_left_out > 0 {
        let kept = table.columns.len() as u64;
        let all = show::counted(kept.saturating_add(table.n_columns_left_out), "column");
        rows = rows.says(format!("The first {} of {all} are here.", show::count(kept)));
    }
    rows.done()
}
