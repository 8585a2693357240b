//! The Overview: the report, cut to a bounded size.

use crate::analyze::report::{
    Comparison, DeviceIdle, Engines, Finding, GapKind, Gaps, MemoryUse, Period, Phase, TraceReport, WorkKind,
    Workers,
};
use crate::analyze::trust::categories::OTHER;
use crate::base::{Span, order, show};
use crate::index::Index;
use crate::table::{self, Answers};

use super::model::{
    CategoryText, Compared, MAX_DEVICES, MAX_EVIDENCE, MAX_GRID_CELLS, MAX_LISTED, MAX_OPERATORS, MAX_PLACES,
    MAX_RECOMPILES, MAX_TALLY, MAX_VERDICTS, Summary, WorkersGiven,
};
use super::table::grid_cells;

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
    let (gaps, gaps_left_out) = gaps(report);
    let (idle, idle_left_out) = idle(report);
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
        tables: table::names(&Answers::of_report(report)),
        notes: listed(&report.notes, "note"),
        defects: report.defects.clone(),
        findings: report.findings.iter().map(finding).collect(),
        verdicts: report.verdicts[..report.verdicts.len().min(MAX_VERDICTS)].to_vec(),
        step_time: report.step_time.clone(),
        budget: report.budget.clone(),
        n_steps: u32::try_from(report.steps.len()).unwrap_or(u32::MAX),
        step_counts,
        recompiles: report.recompiles[..report.recompiles.len().min(MAX_RECOMPILES)].to_vec(),
        n_recompiles: u32::try_from(report.recompiles.len()).unwrap_or(u32::MAX),
        bucket_coverage: report
            .bucket_coverage
            .as_ref()
            .filter(|coverage| grid_cells(coverage) <= MAX_GRID_CELLS)
            .cloned(),
        gaps,
        gaps_left_out,
        engines: Engines::present(report.device_time.iter().map(|d| &d.engines)),
        work_kinds: work_kinds(report),
        idle,
        idle_left_out,
        kernel_rules: report.kernel_rules.clone(),
        memory: report.memory.as_ref().map(without_operators),
        metrics: report.metrics.as_ref().map(|m| (m.file.clone(), m.matched)),
        worker: report.beside.as_ref().and_then(|b| b.worker.clone()),
        missing: report
            .beside
            .as_ref()
            .map_or_else(Vec::new, |b| listed(&b.missing, "table or file")),
        compared: None,
        workers: None,
        others: Vec::new(),
        tally: tally(report),
        stopped: None,
        index_bytes: index.bytes() as u64,
        cost: None,
    }
}

/// What the page shows of a comparison.
pub fn compared(of: &Comparison, other_is_before: bool) -> Compared {
    Compared {
        a: of.a.clone(),
        b: of.b.clone(),
        other_is_before,
        score: of.comparable.score,
        says: of.sentences.clone(),
        differences: of.differences,
    }
}

fn work_kinds(report: &TraceReport) -> Vec<WorkKind> {
    let has = |kind: &WorkKind| report.kernels.iter().any(|k| k.kind == kind.key());
    WorkKind::ALL.into_iter().filter(has).collect()
}

/// The first sentences of a list, and how many more there are.
fn listed(all: &[String], noun: &str) -> Vec<String> {
    let mut listed = all[..all.len().min(MAX_LISTED)].to_vec();
    if let more @ 1.. = all.len() - listed.len() {
        listed.push(format!(
            "{} more {}: the report has all of them.",
            show::count(more as u64),
            if more == 1 {
                noun.to_owned()
            } else {
                format!("{noun}s")
            }
        ));
    }
    listed
}

fn finding(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    finding.evidence.truncate(MAX_EVIDENCE);
    finding
}

/// Those of `all` that weigh most, at most `most`, as they lie; and how many are left out.
fn heaviest<'a, T>(all: &[&'a T], most: usize, weight: fn(&T) -> i64) -> (Vec<&'a T>, u64) {
    let mut at: Vec<usize> = (0..all.len()).collect();
    order::sort_by_key(&mut at, |&at| std::cmp::Reverse(weight(all[at])));
    at.truncate(most);
    order::sort(&mut at);
    let left_out = all.len() - at.len();
    (at.into_iter().map(|at| all[at]).collect(), left_out as u64)
}

fn gaps(report: &TraceReport) -> (Vec<Gaps>, Vec<(GapKind, u64)>) {
    let (mut gaps, mut left_out) = (Vec::new(), Vec::new());
    for kind in GapKind::ALL {
        let of_kind: Vec<&Gaps> = report.gaps.iter().filter(|gaps| gaps.kind == kind).collect();
        let (heaviest, n) = heaviest(&of_kind, MAX_PLACES, |gaps| gaps.total_ns);
        gaps.extend(heaviest.into_iter().cloned());
        if n > 0 {
            left_out.push((kind, n));
        }
    }
    (gaps, left_out)
}

fn idle(report: &TraceReport) -> (Vec<DeviceIdle>, u64) {
    let without_gaps = |idle: &DeviceIdle| DeviceIdle {
        longest: Vec::new(),
        ..idle.clone()
    };
    let all: Vec<&DeviceIdle> = report.idle.iter().collect();
    let (heaviest, left_out) = heaviest(&all, MAX_DEVICES, |idle| idle.idle_ns);
    (heaviest.into_iter().map(without_gaps).collect(), left_out)
}

fn without_operators(memory: &MemoryUse) -> MemoryUse {
    let mut memory = memory.clone();
    memory
        .devices
        .iter_mut()
        .for_each(|device| device.operators.clear());
    memory
}

/// What the page needs of the workers beside their tables.
pub fn workers_given(workers: &Workers) -> Box<WorkersGiven> {
    let rows = workers.rows.iter().take(MAX_OPERATORS);
    // What a table of all workers says of one cannot be opened.
    let can_open = rows.filter(|w| w.source.as_deref() != Some("cluster"));
    let lacking: Vec<_> = workers.rows.iter().filter(|w| !w.missing.is_empty()).collect();
    Box::new(WorkersGiven {
        count: workers.rows.len() as u64,
        missing_left_out: lacking.len().saturating_sub(MAX_LISTED) as u64,
        can_open: can_open.map(|w| w.name.clone()).collect(),
        missing: lacking
            .iter()
            .take(MAX_LISTED)
            .map(|w| (w.label(), w.missing.join(" ")))
            .collect(),
    })
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
