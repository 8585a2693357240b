//! The Overview: the report, cut to a bounded size.

use crate::analyze::report::{
    Beside, Grouping, Period, Phase, TableCheck, TableVerdict, TraceReport, Workers,
};
use crate::analyze::trust::categories::OTHER;
use crate::base::{Span, order};

use super::model::{CategoryText, DeviceView, MAX_NAMES, MAX_OPERATORS, MAX_RECOMPILES, MAX_TALLY, Summary};
use crate::index::Index;

/// The report without its steps, and how large the index is.
pub fn summary(report: &TraceReport, index: &Index, partial: bool) -> Summary {
    let mut step_counts: Vec<(Phase, Period, u64)> = Vec::new();
    for step in &report.steps {
        match step_counts
            .iter_mut()
            .find(|(phase, period, _)| (*phase, *period) == (step.phase, step.period))
        {
            Some((.., n)) => *n += 1,
            None => step_counts.push((step.phase, step.period, 1)),
        }
    }
    order::sort_by_key(&mut step_counts, |&(phase, period, _)| (period, phase));
    let extent = report
        .start_ns
        .zip(report.end_ns)
        .map(|(start, end)| Span::new(start, end));
    let first = |n: usize, rows: &[crate::analyze::report::Operator]| rows[..rows.len().min(n)].to_vec();
    Summary {
        file: report.file.clone(),
        format: report.format.clone(),
        bytes: report.bytes,
        inflated_bytes: report.inflated_bytes,
        events: report.events,
        rank: report.rank,
        world_size: report.world_size,
        device_kind: report.device_kind.clone(),
        device_name: report.device_name.clone(),
        engine: report.engine.clone(),
        extent,
        home: home(report).or(extent),
        base_time_ns: report.base_time_ns,
        synchronised_capture: report.synchronised_capture,
        partial,
        tables: Vec::new(),
        notes: report.notes.clone(),
        defects: report.defects.clone(),
        findings: report.findings.clone(),
        budget: report.budget.clone(),
        n_steps: u32::try_from(report.steps.len()).unwrap_or(u32::MAX),
        step_counts,
        step_groups: report.step_groups.clone(),
        recompiles: report.recompiles[..report.recompiles.len().min(MAX_RECOMPILES)].to_vec(),
        n_recompiles: u32::try_from(report.recompiles.len()).unwrap_or(u32::MAX),
        bucket_coverage: report.bucket_coverage.clone(),
        gaps: report.gaps.clone(),
        device_time: report.device_time.clone(),
        device: device(report).map(Box::new),
        kernels: report.kernels[..report.kernels.len().min(MAX_OPERATORS)].to_vec(),
        nodes: report
            .nodes
            .clone()
            .map(|nodes| Box::new(nodes.bounded(MAX_NAMES, MAX_OPERATORS))),
        operators: first(MAX_OPERATORS, &report.operators),
        python: first(MAX_OPERATORS, &report.python),
        dynamo: report.dynamo.clone(),
        memory: report.memory.clone(),
        modules: report.modules[..report.modules.len().min(MAX_OPERATORS)].to_vec(),
        groupings: groupings(report, index),
        metrics: report.metrics.clone(),
        table: table(report),
        beside: report.beside.as_ref().map(bounded),
        workers: None,
        tally: tally(report),
        stopped: None,
        index_bytes: index.bytes() as u64,
        cost: None,
    }
}

fn device(report: &TraceReport) -> Option<DeviceView> {
    let mut launches = report.launches.clone()?;
    launches.calls.truncate(MAX_NAMES);
    Some(DeviceView {
        launches,
        idle: report.idle.clone(),
        queues: report.queue_depth.clone(),
        stream_gaps: report.stream_gaps.clone(),
        stream_gaps_definition: report.stream_gaps_definition.clone().unwrap_or_default(),
        copies: report.copies.iter().take(MAX_NAMES).cloned().collect(),
        syncs: report.syncs.iter().take(MAX_NAMES).cloned().collect(),
        rules: report.kernel_rules.clone(),
    })
}

/// The tables, cut.
fn bounded(beside: &Beside) -> Box<Beside> {
    let mut beside = beside.clone();
    beside.step_breakdown.truncate(MAX_OPERATORS);
    beside.operator_statistics.truncate(MAX_OPERATORS);
    order::sort_by_key(&mut beside.api_statistics, |row| std::cmp::Reverse(row.total_ns));
    beside.api_statistics.truncate(MAX_OPERATORS);
    order::sort_by_key(&mut beside.collectives, |row| std::cmp::Reverse(row.elapse_ns));
    beside.collectives.truncate(MAX_OPERATORS);
    for peaks in [&mut beside.memory_peaks, &mut beside.module_memory_peaks] {
        order::sort_by_key(peaks, |p| {
            std::cmp::Reverse(p.reserved_bytes.max(p.allocated_bytes))
        });
        peaks.truncate(MAX_OPERATORS);
    }
    if let Some(allocations) = &mut beside.allocations {
        allocations.by_operator.truncate(MAX_OPERATORS);
    }
    beside.links.truncate(MAX_OPERATORS);
    beside.files.truncate(MAX_OPERATORS);
    for table in &mut beside.plain_tables {
        table.rows.truncate(MAX_OPERATORS);
    }
    Box::new(beside)
}

/// The workers, cut: the slow one stays in.
pub fn bounded_workers(workers: &Workers) -> Box<Workers> {
    let mut workers = workers.clone();
    if let Some(slow) = workers.slow.filter(|&slow| slow as usize >= MAX_OPERATORS) {
        workers.rows.swap(MAX_OPERATORS - 1, slow as usize);
        workers.slow = u32::try_from(MAX_OPERATORS - 1).ok();
    }
    workers.rows.truncate(MAX_OPERATORS);
    workers.stages.truncate(MAX_OPERATORS);
    Box::new(workers)
}

/// The table's check, cut to a bounded size: what differs first.
fn table(report: &TraceReport) -> Option<TableCheck> {
    let mut table = report.table.clone()?;
    order::sort_by_key(&mut table.rows, |row| row.verdict != TableVerdict::Differs);
    table.rows.truncate(MAX_OPERATORS);
    Some(table)
}

/// What operators can be counted by.
fn groupings(report: &TraceReport, index: &Index) -> Vec<Grouping> {
    let has_shapes = index.arg_column(crate::dialect::SHAPES).is_some();
    let mut groupings = vec![Grouping::Name];
    if has_shapes {
        groupings.push(Grouping::Shape);
    }
    if !report.python.is_empty() {
        groupings.push(Grouping::Stack);
    }
    groupings
}

fn tally(report: &TraceReport) -> Vec<CategoryText> {
    let rows = report
        .bytes_by_category
        .iter()
        .filter(|row| row.category != OTHER);
    rows.take(MAX_TALLY)
        .map(|row| CategoryText {
            category: row.category.clone(),
            events: row.events,
            text_bytes: row.text_bytes,
            left_out_by: row.left_out_by.clone(),
        })
        .collect()
}

/// What the timeline shows first: serving with the device work that it launched, else the profiler's window.
fn home(report: &TraceReport) -> Option<Span> {
    let serving = report.steps.iter().filter(|s| s.period == Period::Serving);
    let span = serving.fold(None, |span: Option<Span>, s| {
        let end = s.start_ns.saturating_add(s.dur_ns);
        Some(span.map_or(Span::new(s.start_ns, end), |w| {
            Span::new(w.start.min(s.start_ns), w.end.max(end))
        }))
    });
    let capture = report
        .capture_start_ns
        .zip(report.capture_end_ns)
        .map(|(a, b)| Span::new(a, b));
    // A captured graph runs on long after its step has ended on the host.
    let launched = report
        .device_time
        .iter()
        .filter(|d| d.scope == "linked")
        .map(|d| d.end_ns)
        .max();
    let span = span
        .map(|s| Span::new(s.start, s.end.max(launched.unwrap_or(s.end))))
        .or(capture)?;
    let margin = span.len_ns() / 50;
    Some(Span::new(
        span.start.saturating_sub(margin),
        span.end.saturating_add(margin),
    ))
}
