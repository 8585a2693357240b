//! The report for people at a terminal: findings first, then what they rest on. At most 100 columns.

mod device;

use crate::analyze::report::{
    DeviceTime, Gaps, Kernel, Operator, PlainTable, Report, StepGroup, TraceReport,
};
use crate::base::{order, show};

use super::beside;
use super::words::{self, UNKNOWN, clipped, plain};

/// Columns of a terminal that are filled.
const WIDTH: usize = 100;
/// Rows of a list before it is cut; JSON has all.
const ROWS: usize = 20;

/// Columns, of which the last holds names and takes what is left of the line.
struct Table<'a> {
    heads: Vec<&'a str>,
    rows: Vec<Vec<String>>,
    /// Columns that are set flush left; the others hold numbers.
    left: usize,
}

impl<'a> Table<'a> {
    /// `heads` of which the first `left` hold words.
    fn new(left: usize, heads: &[&'a str]) -> Table<'a> {
        Table {
            heads: heads.to_vec(),
            rows: Vec::new(),
            left,
        }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table, indented by two; `"none"` without rows is up to the caller. Cut after [`ROWS`].
    fn write(&self, out: &mut String) {
        let shown = &self.rows[..self.rows.len().min(ROWS)];
        let mut widths: Vec<usize> = self.heads.iter().map(|h| h.chars().count()).collect();
        for row in shown {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let last = widths.len() - 1;
        let before: usize = widths[..last].iter().map(|w| w + 2).sum::<usize>() + 2;
        if self.is_left(last) {
            widths[last] = widths[last].min(WIDTH.saturating_sub(before)).max(8);
        }
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            let start = out.len();
            for (i, cell) in cells.enumerate() {
                let width = widths[i];
                out.push_str("  ");
                if i == last && self.is_left(i) {
                    out.push_str(&clipped(cell, width));
                } else if self.is_left(i) {
                    out.push_str(&format!("{cell:<width$}"));
                } else {
                    out.push_str(&format!("{cell:>width$}"));
                }
            }
            let end = out.trim_end().len().max(start);
            out.truncate(end);
            out.push('\n');
        };
        line(&mut self.heads.iter().copied());
        for row in shown {
            line(&mut row.iter().map(String::as_str));
        }
        if self.rows.len() > ROWS {
            let more = self.rows.len() - ROWS;
            out.push_str(&format!("  … and {more} more: see --format json\n"));
        }
    }

    /// Words stand left: the first columns, and and a last one that holds names or bars.
    fn is_left(&self, column: usize) -> bool {
        column < self.left || matches!(self.heads[column], "name" | "")
    }
}

/// Words, of which a number and its unit are one.
fn unbroken(sentence: &str) -> Vec<&str> {
    const UNITS: [&str; 12] = ["ns", "µs", "ms", "s", "min", "h", "%", "B", "KB", "MB", "GB", "×"];
    let mut words: Vec<&str> = Vec::new();
    // Where the last word starts in the sentence.
    let mut start = 0;
    let mut at = 0;
    for word in sentence.split(' ') {
        let end = at + word.len();
        let bare = word.trim_end_matches(['.', ',', ';', ':', ')']);
        match words.last_mut() {
            Some(number) if UNITS.contains(&bare) && number.ends_with(|c: char| c.is_ascii_digit()) => {
                *number = &sentence[start..end];
            }
            _ => {
                words.push(word);
                start = at;
            }
        }
        at = end + 1;
    }
    words
}

/// A sentence over several lines, the first led by `lead`, the others indented as far.
fn wrapped(out: &mut String, lead: &str, sentence: &str) {
    let indent = lead.chars().count();
    out.push_str(lead);
    let mut column = indent;
    let mut first = true;
    let sentence = plain(sentence);
    for word in unbroken(&sentence) {
        let n = word.chars().count();
        if !first && column + 1 + n > WIDTH {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += n;
        first = false;
    }
    out.push('\n');
}

fn heading(out: &mut String, title: &str) {
    out.push('\n');
    out.push_str(title);
    out.push('\n');
}

/// Everything, for a terminal.
pub fn report_text(report: &Report) -> String {
    let mut out = String::new();
    for trace in &report.traces {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        of_trace(&mut out, trace);
    }
    if let Some(workers) = &report.workers {
        let (says, tables) = beside::workers(workers);
        out.push('\n');
        heading(&mut out, "Workers side by side");
        wrapped(&mut out, "  ", &says);
        for (i, table) in tables.iter().enumerate() {
            if i > 0 {
                heading(&mut out, &table.title);
            }
            for sentence in &table.says {
                wrapped(&mut out, "  ", sentence);
            }
            plain_table(&mut out, table);
        }
    }
    out
}

fn plain_table(out: &mut String, of: &beside::Plain) {
    let heads: Vec<&'static str> = of.heads.iter().map(|(head, _)| *head).collect();
    let left = of.heads.iter().take_while(|(_, is_number)| !is_number).count();
    let mut table = Table::new(left, &heads);
    for row in &of.rows {
        table.row(row.iter().map(|cell| plain(cell)).collect());
    }
    table.write(out);
}

fn beside_trace(out: &mut String, trace: &TraceReport) {
    for table in trace.beside.iter().flat_map(beside::tables) {
        heading(out, &table.title);
        for sentence in &table.says {
            wrapped(out, "  ", sentence);
        }
        plain_table(out, &table);
    }
    for table in trace.beside.iter().flat_map(|b| &b.plain_tables) {
        as_it_stands(out, table);
    }
}

/// A table in the file's own words, as many of its columns as a line holds.
fn as_it_stands(out: &mut String, of: &PlainTable) {
    heading(out, &plain(&of.title));
    wrapped(out, "  ", &beside::source_of(of));
    let cells = |row: &[String]| -> Vec<String> { row.iter().map(|c| clipped(&plain(c), 40)).collect() };
    let heads = cells(&of.columns);
    let rows: Vec<Vec<String>> = of.rows.iter().take(ROWS).map(|row| cells(row)).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).chain(heads.get(at));
        cells.map(|c| c.chars().count()).max().unwrap_or(0) + 2
    };
    let mut filled = 0;
    let n = (0..heads.len())
        .take_while(|&at| {
            filled += width(at);
            filled <= WIDTH
        })
        .count();
    if n == 0 || rows.is_empty() {
        return;
    }
    let heads: Vec<&str> = heads.iter().take(n).map(String::as_str).collect();
    let mut table = Table::new(n, &heads);
    for row in &rows {
        table.row(row.iter().take(n).cloned().collect());
    }
    table.write(out);
    let (more_rows, more_columns) = (of.n_rows - rows.len() as u64, of.columns.len() - n);
    let more = [
        (more_rows > 0).then(|| show::counted(more_rows, "more row")),
        (more_columns > 0).then(|| show::counted(more_columns as u64, "more column")),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    if !more.is_empty() {
        out.push_str(&format!("  … and {}: see --format json\n", more.join(", ")));
    }
}

fn of_trace(out: &mut String, trace: &TraceReport) {
    head(out, trace);
    findings(out, trace);
    budget(out, trace);
    steps(out, trace);
    gaps(out, &trace.gaps);
    recompiles(out, trace);
    device::device(out, trace);
    operators(out, "Python functions, by time of their own", &trace.python);
    operators(out, "Operators, by host time of their own", &trace.operators);
    host(out, trace);
    metrics(out, trace);
    beside_trace(out, trace);
    defects(out, trace);
}

/// torch.compile, allocators, modules, and torch's own table, where the trace has them.
fn host(out: &mut String, trace: &TraceReport) {
    let bytes = |n: i64| {
        let sign = if n < 0 { "-" } else { "" };
        format!("{sign}{}", show::bytes(n.unsigned_abs()))
    };
    if let Some(dynamo) = &trace.dynamo {
        heading(out, "torch.compile");
        let says = format!(
            "{}, of which {} ran compiled code; {}, {} of them anew, for {}.",
            show::counted(dynamo.lookups, "lookup"),
            show::count(dynamo.regions),
            show::counted(dynamo.compiles, "compile"),
            show::count(dynamo.recompiles),
            show::duration(dynamo.compile_ns)
        );
        wrapped(out, "  ", &says);
        for limit in &dynamo.limits {
            let n = show::counted(limit.lookups_after, "lookup");
            wrapped(
                out,
                "  ",
                &format!("Limit hit: {n} after the last compile ran no compiled code."),
            );
        }
    }
    if let Some(memory) = &trace.memory {
        heading(out, "Memory in use");
        let mut rows = Table::new(
            1,
            &[
                "allocator",
                "peak",
                "in step",
                "start",
                "end",
                "allocated",
                "freed",
            ],
        );
        for device in &memory.devices {
            let name = match device.id {
                Some(id) => format!("{} {id}", device.device),
                None => device.device.clone(),
            };
            rows.row(vec![
                name,
                bytes(device.peak_bytes),
                device
                    .peak_step
                    .map_or_else(|| "-".into(), |step| step.to_string()),
                bytes(device.start_bytes),
                bytes(device.end_bytes),
                bytes(device.allocated_bytes),
                bytes(device.freed_bytes),
            ]);
        }
        rows.write(out);
    }
    if !trace.modules.is_empty() {
        heading(out, "Modules, by host time");
        let with_device = trace.modules.iter().any(|m| m.total_device_ns.is_some());
        let heads: &[&'static str] = if with_device {
            &["module", "total", "self", "device", "device, self", "calls"]
        } else {
            &["module", "total", "self", "calls"]
        };
        let mut rows = Table::new(1, heads);
        for module in trace.modules.iter().take(20) {
            let indent = ". ".repeat(module.depth.min(20) as usize);
            let mut cells = vec![
                format!("{indent}{}", plain(&module.name)),
                show::duration(module.total_ns),
                show::duration(module.self_ns),
            ];
            if with_device {
                cells.push(words::duration(module.total_device_ns));
                cells.push(words::duration(module.self_device_ns));
            }
            cells.push(show::count(module.count));
            rows.row(cells);
        }
        rows.write(out);
    }
    if let Some(table) = &trace.table {
        heading(out, "torch's own operator table");
        let says = format!(
            "{}: {} round to what it says, {} differ, {} stand in it only.",
            plain(&table.file),
            show::counted(table.equal, "row"),
            show::count(table.differ),
            show::count(table.only_in_table)
        );
        wrapped(out, "  ", &says);
        for row in table.rows.iter().filter(|row| !row.why.is_empty()).take(10) {
            wrapped(out, "  ", &format!("{}: {}", plain(&row.name), row.why));
        }
    }
}

fn head(out: &mut String, trace: &TraceReport) {
    out.push_str(&plain(&trace.file));
    out.push('\n');
    wrapped(out, "  ", &words::facts_line(trace));
    for note in &trace.notes {
        wrapped(out, "  Note: ", note);
    }
    for missing in trace.beside.iter().flat_map(|b| &b.missing) {
        wrapped(out, "  Not here: ", missing);
    }
}

/// What `stepscope check` says of a file that could be read.
pub fn checked_text(trace: &TraceReport) -> String {
    let mut out = String::new();
    head(&mut out, trace);
    defects(&mut out, trace);
    out
}

fn findings(out: &mut String, trace: &TraceReport) {
    heading(out, "Findings");
    if trace.findings.is_empty() {
        out.push_str("  none: nothing here that an analysis looks for\n");
    }
    for finding in &trace.findings {
        let lead = format!("  {:<9}", words::level(finding.level));
        let mut says = finding.says.clone();
        says += &format!(" ({}", words::sure(finding.sure));
        if let Some(cost) = finding.cost_ns {
            says += &format!(", {}", show::duration(cost));
        }
        says.push(')');
        wrapped(out, &lead, &says);
        for evidence in finding.evidence.iter().take(5) {
            let mut says = evidence.says.clone();
            if let Some(start) = evidence.start_ns {
                says += &format!(" (at {})", words::since_start(trace, start));
            }
            wrapped(out, "           - ", &says);
        }
        if finding.evidence.len() > 5 {
            let more = finding.evidence.len() - 5;
            out.push_str(&format!("           - … and {more} more: see --format json\n"));
        }
        if !finding.advice.is_empty() {
            wrapped(out, "           → ", &finding.advice);
        }
    }
}

fn budget(out: &mut String, trace: &TraceReport) {
    let Some(budget) = &trace.budget else { return };
    heading(
        out,
        &format!("Where serving time went ({})", show::duration(budget.total_ns)),
    );
    wrapped(out, "  ", &budget.definition);
    for share in &budget.shares {
        let lead = format!(
            "  {:>8}{:>8}  ",
            show::duration(share.total_ns),
            show::percent(share.total_ns, budget.total_ns)
        );
        wrapped(out, &lead, &share.says);
    }
}

fn steps(out: &mut String, trace: &TraceReport) {
    heading(
        out,
        &format!(
            "Steps by bucket ({} in all)",
            show::count(trace.steps.len() as u64)
        ),
    );
    if trace.step_groups.is_empty() {
        out.push_str("  none recorded\n");
        return;
    }
    out.push_str("  Host time of a prefill or decode pass; a bucket is (batch, sequence, context blocks).\n");
    for period in words::PERIODS {
        let mut table = Table::new(
            2,
            &[
                period.word(),
                "bucket",
                "count",
                "p50",
                "p90",
                "p99",
                "max",
                "total",
                "padding",
            ],
        );
        for group in trace.step_groups.iter().filter(|g| g.period == period) {
            table.row(group_cells(group));
        }
        if !table.rows.is_empty() {
            out.push('\n');
            table.write(out);
        }
    }
    if let Some(coverage) = &trace.bucket_coverage
        && !coverage.served_not_warmed.is_empty()
    {
        let list: Vec<String> = coverage
            .served_not_warmed
            .iter()
            .map(|b| format!("{} {}", words::phase(b.phase), b.bucket))
            .collect();
        out.push('\n');
        wrapped(out, "  Served, not warmed up: ", &list.join("; "));
    }
}

fn group_cells(group: &StepGroup) -> Vec<String> {
    vec![
        words::phase(group.phase).to_owned(),
        words::bucket(group.bucket),
        show::count(group.count),
        show::duration(group.p50_ns),
        show::duration(group.p90_ns),
        show::duration(group.p99_ns),
        show::duration(group.max_ns),
        show::duration(group.total_ns),
        words::padding(group.real_batch, group.padded_batch),
    ]
}

/// `part` of `whole` as a bar of at most `width` blocks; something is never drawn as nothing.
fn bar(part: i64, whole: i64, width: i64) -> String {
    if part <= 0 || whole <= 0 {
        return String::new();
    }
    let n = (i128::from(part) * i128::from(width) / i128::from(whole)).max(1);
    "█".repeat(usize::try_from(n).unwrap_or(0))
}

fn gaps(out: &mut String, all: &[Gaps]) {
    for gaps in all {
        let title = format!("{} ({})", words::gap_kind(gaps.kind), plain(&gaps.r#where));
        heading(out, &title);
        wrapped(out, "  ", &gaps.definition);
        wrapped(out, "  ", &words::gaps_line(gaps));
        if gaps.count == 0 {
            continue;
        }
        let most = gaps.bins.iter().map(|b| b.total_ns).max().unwrap_or(0);
        let mut table = Table::new(1, &["length", "count", "total", ""]);
        for bin in gaps.bins.iter().filter(|b| b.count > 0) {
            table.row(vec![
                words::bin(bin),
                show::count(bin.count),
                show::duration(bin.total_ns),
                bar(bin.total_ns, most, 40),
            ]);
        }
        table.write(out);
        let mut table = Table::new(1, &["cause", "count", "total", "share"]);
        for cause in gaps.causes.iter().filter(|c| c.count > 0 || c.total_ns > 0) {
            table.row(vec![
                words::cause(cause.cause),
                show::count(cause.count),
                show::duration(cause.total_ns),
                show::percent(cause.total_ns, gaps.total_ns),
            ]);
        }
        if !table.rows.is_empty() {
            out.push('\n');
            table.write(out);
        }
    }
}

fn recompiles(out: &mut String, trace: &TraceReport) {
    heading(
        out,
        &format!(
            "Graph compiles ({} in all)",
            show::count(trace.recompiles.len() as u64)
        ),
    );
    if trace.recompiles.is_empty() {
        out.push_str("  none recorded\n");
        return;
    }
    let mut table = Table::new(
        3,
        &["period", "evidence", "bucket", "start", "cost", "step", "name"],
    );
    for compile in words::in_order(&trace.recompiles) {
        table.row(vec![
            compile.period.word().to_owned(),
            words::evidence(compile.evidence).to_owned(),
            words::bucket(compile.bucket),
            words::compile_start(trace, compile),
            show::duration(compile.dur_ns),
            words::or_unknown(compile.step),
            plain(&compile.name),
        ]);
    }
    table.write(out);
    if trace.recompiles.iter().any(|r| !r.start_is_exact) {
        out.push_str("  ≈: count, cost and region are recorded; the moment is not.\n");
    }
}

fn operators(out: &mut String, title: &str, operators: &[Operator]) {
    if operators.is_empty() {
        return;
    }
    heading(out, title);
    let with_device = operators.iter().any(|o| o.total_device_ns.is_some());
    let heads: &[&'static str] = if with_device {
        &["self", "total", "device", "count", "name"]
    } else {
        &["self", "total", "count", "name"]
    };
    let mut table = Table::new(0, heads);
    let mut order: Vec<_> = operators.iter().collect();
    order::sort_by_key(&mut order, |o| std::cmp::Reverse(o.self_cpu_ns));
    for operator in order {
        let mut cells = vec![
            show::duration(operator.self_cpu_ns),
            show::duration(operator.total_cpu_ns),
        ];
        if with_device {
            cells.push(words::duration(operator.total_device_ns));
        }
        cells.push(show::count(operator.count));
        cells.push(plain(&operator.name));
        table.row(cells);
    }
    table.write(out);
}

fn metrics(out: &mut String, trace: &TraceReport) {
    let Some(metrics) = &trace.metrics else { return };
    heading(out, &format!("Metrics file {}", plain(&metrics.file)));
    let rows = [
        ("graph compilations", metrics.graph_compilations),
        ("CPU fallbacks", metrics.cpu_fallbacks),
        ("recipe cache hits", metrics.recipe_cache_hits),
        ("recipe cache misses", metrics.recipe_cache_misses),
        ("memory defragmentations", metrics.defragmentations),
    ];
    for (name, n) in rows {
        if let Some(n) = n {
            out.push_str(&format!("  {name:<26}{}\n", show::count(n)));
        }
    }
    if let Some(ns) = metrics.graph_compilation_ns {
        out.push_str(&format!(
            "  {:<26}{}\n",
            "time spent compiling",
            show::duration(ns)
        ));
    }
    if metrics.matched > 0 {
        out.push_str(&format!(
            "  {} of this trace got their time from it\n",
            show::counted(metrics.matched, "compile")
        ));
    }
    for note in &metrics.notes {
        wrapped(out, "  Note: ", note);
    }
}

fn defects(out: &mut String, trace: &TraceReport) {
    heading(out, "Defects of the file");
    if trace.defects.is_empty() {
        out.push_str("  none: everything in it was read\n");
    }
    for defect in &trace.defects {
        let severity = defect.severity.key();
        let mut says = format!("{} × {}: {}", show::count(defect.count), defect.kind, defect.says);
        if let Some(at) = defect.first_at_byte {
            says += &format!(" First at byte {}.", show::count(at));
        }
        wrapped(out, &format!("  {severity:<7}"), &says);
    }
}
