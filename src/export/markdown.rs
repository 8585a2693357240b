//! The report for a pull request: findings in the open, tables folded away.

use crate::analyze::report::{Level, Period, Report, TraceReport, device_name};
use crate::base::show;

use super::beside;
use super::words::{self, clipped, plain};

/// Rows of a table before it is cut.
const ROWS: usize = 20;
/// Characters of a name before it is cut.
const NAME: usize = 80;

/// Text that Markdown and GitHub leave alone: no markup, no HTML, no mention, no link to an issue, no end of
/// a cell.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// The same for the summary of a folded part, where Markdown is not read.
fn html(text: &str) -> String {
    plain(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('@', "&#64;")
}

fn name(text: &str) -> String {
    escaped(&clipped(text, NAME))
}

/// A folded table. `numbers` says which columns are set right.
fn table(out: &mut String, title: &str, heads: &[(&str, bool)], rows: &[Vec<String>]) {
    table_of(out, title, heads, rows, rows.len() as u64);
}

/// The same of the first rows of `n_rows`.
fn table_of(out: &mut String, title: &str, heads: &[(&str, bool)], rows: &[Vec<String>], n_rows: u64) {
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("\n<details><summary>{title}</summary>\n\n|"));
    for (head, _) in heads {
        out.push_str(&format!(" {head} |"));
    }
    out.push_str("\n|");
    for (_, number) in heads {
        out.push_str(if *number { " ---: |" } else { " --- |" });
    }
    out.push('\n');
    for row in rows.iter().take(ROWS) {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    let more = n_rows.saturating_sub(ROWS as u64);
    if more > 0 {
        out.push_str(&format!("\n… and {more} more.\n"));
    }
    out.push_str("\n</details>\n");
}

/// Everything, for a comment on a pull request.
pub fn report_markdown(report: &Report) -> String {
    let mut out = String::new();
    for trace in &report.traces {
        if !out.is_empty() {
            out.push('\n');
        }
        of_trace(&mut out, trace);
    }
    if let Some(workers) = &report.workers {
        let (says, tables) = beside::workers(workers);
        out.push_str(&format!("\n{}\n", escaped(&says)));
        for table in &tables {
            plain_table(&mut out, table);
        }
    }
    out
}

fn plain_table(out: &mut String, of: &beside::Plain) {
    let rows: Vec<Vec<String>> = of
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| name(cell)).collect())
        .collect();
    let title: Vec<&str> = std::iter::once(&*of.title)
        .chain(of.says.iter().map(String::as_str))
        .collect();
    table(out, &html(&title.join(". ")), &of.heads, &rows);
}

fn of_trace(out: &mut String, trace: &TraceReport) {
    out.push_str(&format!(
        "### {}\n\n{}\n",
        escaped(&trace.file),
        escaped(&words::facts_line(trace))
    ));
    for note in &trace.notes {
        out.push_str(&format!("\n> {}\n", escaped(note)));
    }
    for missing in trace.beside.iter().flat_map(|b| &b.missing) {
        out.push_str(&format!("\n> Not here: {}\n", escaped(missing)));
    }
    findings(out, trace);
    steps(out, trace);
    recompiles(out, trace);
    gaps(out, trace);
    device(out, trace);
    for table in trace.beside.iter().flat_map(beside::tables) {
        plain_table(out, &table);
    }
    for of in trace.beside.iter().flat_map(|b| &b.plain_tables) {
        let heads: Vec<String> = of.columns.iter().map(|head| name(head)).collect();
        let heads: Vec<(&str, bool)> = heads.iter().map(|head| (&**head, false)).collect();
        let cells = |row: &Vec<String>| row.iter().map(|cell| name(cell)).collect();
        let rows: Vec<Vec<String>> = of.rows.iter().take(ROWS + 1).map(cells).collect();
        let title = format!("{}. {}", of.title, beside::source_of(of));
        table_of(out, &html(&title), &heads, &rows, of.n_rows);
    }
    let rows: Vec<Vec<String>> = trace
        .defects
        .iter()
        .map(|d| {
            let severity = d.severity.key();
            vec![severity.to_owned(), show::count(d.count), escaped(&d.says)]
        })
        .collect();
    table(
        out,
        "Defects of the file",
        &[("severity", false), ("count", true), ("what", false)],
        &rows,
    );
}

fn findings(out: &mut String, trace: &TraceReport) {
    out.push('\n');
    for finding in &trace.findings {
        let mark = match finding.level {
            Level::Problem => "**Problem:** ",
            Level::Hint => "**Hint:** ",
            Level::Fine => "",
        };
        out.push_str(&format!(
            "- {mark}{} _({})_",
            escaped(&finding.says),
            words::sure(finding.sure)
        ));
        if !finding.advice.is_empty() {
            out.push_str(&format!(" {}", escaped(&finding.advice)));
        }
        out.push('\n');
    }
    if trace.findings.is_empty() {
        out.push_str("Nothing here that an analysis looks for.\n");
    }
}

fn steps(out: &mut String, trace: &TraceReport) {
    let rows: Vec<Vec<String>> = words::PERIODS
        .iter()
        .flat_map(|period| trace.step_groups.iter().filter(move |g| g.period == *period))
        .map(|g| {
            vec![
                g.period.word().to_owned(),
                words::phase(g.phase).to_owned(),
                words::bucket(g.bucket),
                show::count(g.count),
                show::duration(g.p50_ns),
                show::duration(g.p90_ns),
                show::duration(g.p99_ns),
                show::duration(g.max_ns),
                words::padding(g.real_batch, g.padded_batch),
            ]
        })
        .collect();
    table(
        out,
        &format!(
            "Steps by bucket ({} steps)",
            show::count(trace.steps.len() as u64)
        ),
        &[
            ("period", false),
            ("phase", false),
            ("bucket (batch, seq, ctx blocks)", false),
            ("count", true),
            ("p50", true),
            ("p90", true),
            ("p99", true),
            ("max", true),
            ("padding", true),
        ],
        &rows,
    );
}

fn recompiles(out: &mut String, trace: &TraceReport) {
    let rows: Vec<Vec<String>> = words::in_order(&trace.recompiles)
        .iter()
        .filter(|r| r.period != Period::Warmup)
        .map(|r| {
            vec![
                r.period.word().to_owned(),
                words::evidence(r.evidence).to_owned(),
                words::bucket(r.bucket),
                words::compile_start(trace, r),
                show::duration(r.dur_ns),
                name(&r.name),
            ]
        })
        .collect();
    table(
        out,
        &format!(
            "Graph compiles ({}, and {} in warm-up)",
            show::count(rows.len() as u64),
            show::count((trace.recompiles.len() - rows.len()) as u64)
        ),
        &[
            ("period", false),
            ("evidence", false),
            ("bucket", false),
            ("start", true),
            ("cost", true),
            ("recipe", false),
        ],
        &rows,
    );
}

fn gaps(out: &mut String, trace: &TraceReport) {
    for gaps in trace.gaps.iter().filter(|g| g.count > 0) {
        let rows: Vec<Vec<String>> = gaps
            .causes
            .iter()
            .filter(|c| c.count > 0 || c.total_ns > 0)
            .map(|c| {
                vec![
                    words::cause(c.cause),
                    show::count(c.count),
                    show::duration(c.total_ns),
                    show::percent(c.total_ns, gaps.total_ns),
                ]
            })
            .collect();
        let title = format!(
            "{} ({}): {}",
            words::gap_kind(gaps.kind),
            html(&gaps.r#where),
            words::gaps_line(gaps)
        );
        table(
            out,
            &title,
            &[
                ("cause", false),
                ("count", true),
                ("total", true),
                ("share", true),
            ],
            &rows,
        );
    }
}

fn device(out: &mut String, trace: &TraceReport) {
    for idle in &trace.idle {
        let rows: Vec<Vec<String>> = idle
            .causes
            .iter()
            .map(|c| {
                vec![
                    show::duration(c.total_ns),
                    show::percent(c.total_ns, idle.idle_ns),
                    c.cause.says().to_owned(),
                ]
            })
            .collect();
        let title = format!(
            "Why device {} was idle for {}",
            html(&device_name(idle.device, idle.rank.as_deref())),
            show::duration(idle.idle_ns)
        );
        let heads = [("time", true), ("of idle", true), ("cause", false)];
        table(out, &title, &heads, &rows);
    }
    let rows: Vec<Vec<String>> = trace
        .kernels
        .iter()
        .map(|k| {
            vec![
                show::duration(k.total_ns),
                show::count(k.count),
                show::duration(k.mean_ns),
                name(&k.name),
            ]
        })
        .collect();
    table(
        out,
        "Kernels by device time",
        &[
            ("total", true),
            ("count", true),
            ("mean", true),
            ("kernel", false),
        ],
        &rows,
    );
}
