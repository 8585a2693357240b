//! The report as one page to hand on: nothing is loaded, nothing runs, and it reads without colours and without
//! pictures.

use crate::analyze::report::{Comparison, Finding, Report, TraceReport};
use crate::base::{Colour, show};
use crate::plot::{self, Plot};
use crate::table::{Answers, Cell, Filled, Kind, filled};

use super::report_words::{self, clipped, plain};
use super::{comparison_head, comparison_tables, shown, svg, together};

/// Who made the page, when and how; the engine has no clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Of Stepscope.
    pub version: String,
    /// As it is to be read.
    pub date: String,
    /// As it was typed.
    pub command: String,
}

/// Rows of a table before it is cut, and cells where it has many columns.
const ROWS: usize = 100;
const CELLS: usize = 3_000;
/// Characters of a name, and of a sentence in a cell.
const NAME: usize = 160;
const SENTENCE: usize = 600;
/// Characters of a cell that may take several lines.
const LONG: usize = 30;
/// Facts behind one finding.
const EVIDENCE: usize = 20;

/// Text that is nothing but text in HTML and in SVG, inside and outside of attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

fn sentence(text: &str) -> String {
    escaped(&show::clipped(text))
}

/// Everything, as one page.
pub fn report_html(report: &Report, made: &Made) -> String {
    let title = match &report.traces[..] {
        [one] => one.file.clone(),
        several => show::counted(several.len() as u64, "trace"),
    };
    let mut out = String::new();
    head(&mut out, &title);
    for (n, trace) in report.traces.iter().enumerate() {
        of_trace(&mut out, trace, n);
    }
    for of in together(report) {
        out.push_str(&format!("<section>\n<h1>{}</h1>\n", of.title));
        for says in &of.says {
            paragraph(&mut out, "verdict", says);
        }
        tables(&mut out, of.tables, 0);
        out.push_str("</section>\n");
    }
    foot(&mut out, made);
    out
}

/// Two traces compared, as one page.
pub fn comparison_html(of: &Comparison, made: &Made) -> String {
    let mut out = String::new();
    head(&mut out, "A and B compared");
    out.push_str("<section>\n<h1>A and B compared</h1>\n");
    paragraph(&mut out, "verdict", &of.says);
    for line in comparison_head(of) {
        paragraph(&mut out, "facts", &line);
    }
    plots(&mut out, &plot::of_comparison(of), "c");
    comparison_tables(of, |of| tables(&mut out, of, 0));
    out.push_str("</section>\n");
    foot(&mut out, made);
    out
}

/// The style sheet's own values, in light and in dark.
fn colours() -> &'static str {
    const SHEET: &str = include_str!("../../www/style.css");
    let from = SHEET.find(":root {").unwrap_or(0);
    let rest = &SHEET[from..];
    let end = rest.find(":root[data-theme=\"dark\"]").unwrap_or(0);
    rest[..end].trim_end()
}

const STYLE: &str = include_str!("report.css");

fn head(out: &mut String, title: &str) {
    out.push_str(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
    );
    out.push_str(&format!(
        "<title>{} – Stepscope</title>\n<style>\n",
        sentence(title)
    ));
    out.push_str(colours());
    out.push('\n');
    for colour in Colour::ALL {
        out.push_str(&format!(
            ".{} {{ --k: var({}); }}\n",
            colour.class(),
            colour.property()
        ));
    }
    out.push_str(STYLE);
    out.push_str("</style>\n</head>\n<body>\n<main>\n");
}

fn foot(out: &mut String, made: &Made) {
    out.push_str("</main>\n<footer>\n<p>Made by Stepscope ");
    out.push_str(&escaped(&made.version));
    if !made.date.is_empty() {
        out.push_str(&format!(", {}", escaped(&made.date)));
    }
    out.push_str(".</p>\n");
    if !made.command.is_empty() {
        out.push_str(&format!("<p><code>{}</code></p>\n", sentence(&made.command)));
    }
    out.push_str("</footer>\n</body>\n</html>\n");
}

fn paragraph(out: &mut String, class: &str, text: &str) {
    out.push_str(&format!("<p class=\"{class}\">{}</p>\n", sentence(text)));
}

/// Verdict and findings of one trace, as a part of another page, a notebook's say: no style, no script.
pub fn findings_html(trace: &TraceReport) -> String {
    let mut out = "<section>\n".to_owned();
    verdict_and_findings(&mut out, trace);
    out.push_str("</section>\n");
    out
}

fn verdict_and_findings(out: &mut String, trace: &TraceReport) {
    out.push_str(&format!("<h1>{}</h1>\n", sentence(&trace.file)));
    for verdict in report_words::verdict_lines(trace) {
        paragraph(out, "verdict", &verdict);
    }
    paragraph(out, "facts", &report_words::facts_line(trace));
    out.push_str("<h2>Findings</h2>\n");
    if trace.findings.is_empty() {
        paragraph(out, "facts", "Nothing here that an analysis looks for.");
    } else {
        out.push_str("<ul class=\"findings\">\n");
        trace.findings.iter().for_each(|one| finding(out, trace, one));
        out.push_str("</ul>\n");
    }
}

fn of_trace(out: &mut String, trace: &TraceReport, n: usize) {
    out.push_str("<section>\n");
    verdict_and_findings(out, trace);
    plots(out, &plot::of_trace(trace), &format!("t{}", n + 1));
    let answers = Answers::of_report(trace);
    let (defects, others): (Vec<_>, Vec<_>) = filled(&answers)
        .into_iter()
        .partition(|table| table.key == DEFECTS);
    out.push_str("<h2>Tables</h2>\n");
    tables(out, others, answers.origin_ns());
    out.push_str("<h2>Notes and defects</h2>\n");
    for note in &trace.notes {
        paragraph(out, "note", note);
    }
    for missing in trace.beside.iter().flat_map(|beside| &beside.missing) {
        paragraph(out, "note", &format!("Missing data: {missing}"));
    }
    if defects.is_empty() {
        paragraph(
            out,
            "note",
            "Defects of the file: none, everything in it was read.",
        );
    }
    for of in &defects {
        out.push_str(&format!("<h3>{}</h3>\n", escaped(&of.title)));
        body(out, of, answers.origin_ns());
    }
    out.push_str("</section>\n");
}

/// The table that is not folded away.
const DEFECTS: &str = "defects";

fn finding(out: &mut String, trace: &TraceReport, of: &Finding) {
    let level = of.level.key();
    out.push_str(&format!(
        "<li class=\"{level}\"><p><strong>{level}</strong> {} <span class=\"soft\">({}",
        sentence(&of.says),
        of.sure.key()
    ));
    if let Some(cost) = of.cost_ns {
        out.push_str(&format!(", {}", show::duration(cost)));
    }
    out.push_str(")</span></p>\n");
    if !of.evidence.is_empty() {
        out.push_str("<ul>\n");
        for evidence in of.evidence.iter().take(EVIDENCE) {
            let at = evidence.start_ns.map_or_else(String::new, |start| {
                format!(
                    " <span class=\"soft\">(at {})</span>",
                    report_words::since_start(trace, start)
                )
            });
            out.push_str(&format!("<li>{}{at}</li>\n", sentence(&evidence.says)));
        }
        if let Some(more) = of.evidence.len().checked_sub(EVIDENCE).filter(|&more| more > 0) {
            out.push_str(&format!("<li>… and {more} more: see --format json</li>\n"));
        }
        out.push_str("</ul>\n");
    }
    if !of.advice.is_empty() {
        paragraph(out, "advice", &of.advice);
    }
    out.push_str("</li>\n");
}

fn plots(out: &mut String, plots: &[Plot], prefix: &str) {
    for (n, plot) in plots.iter().enumerate() {
        let id = format!("{prefix}-plot{}", n + 1);
        out.push_str(&format!(
            "<figure>\n<h2 id=\"{id}-title\">{}</h2>\n{}",
            sentence(&plot.title),
            svg::svg(plot, &id)
        ));
        if !plot.legend.is_empty() {
            out.push_str("<ul class=\"legend\">\n");
            for entry in &plot.legend {
                let value = match &*entry.value {
                    "" => String::new(),
                    value => format!(" <span class=\"soft\">{}</span>", escaped(value)),
                };
                out.push_str(&format!(
                    "<li>{}{}{value}</li>\n",
                    svg::sign(entry),
                    sentence(&entry.word)
                ));
            }
            out.push_str("</ul>\n");
        }
        if !plot.says_what_is_written() {
            out.push_str(&format!(
                "<figcaption id=\"{id}-says\">{}</figcaption>\n",
                sentence(&plot.says)
            ));
        }
        out.push_str("</figure>\n");
    }
}

fn tables(out: &mut String, tables: Vec<Filled<'_>>, origin_ns: i64) {
    for of in tables {
        let n = show::counted(of.rows.len() as u64, "row");
        out.push_str(&format!(
            "<details>\n<summary>{} <span class=\"soft\">({n})</span></summary>\n",
            sentence(&of.title)
        ));
        body(out, &of, origin_ns);
        out.push_str("</details>\n");
    }
}

/// What stands under a table's title.
fn body(out: &mut String, of: &Filled<'_>, origin_ns: i64) {
    for says in std::iter::once(&of.definition).chain(&of.rows.says) {
        paragraph(out, "facts", says);
    }
    let rows = &of.rows;
    let mut columns = shown(rows);
    let n = rows.len().min(ROWS).min(CELLS / columns.len().max(1)).max(1);
    // What is unknown in every row takes no room.
    columns.retain(|&at| (0..n).any(|row| rows.cell(row, at) != Cell::Unknown));
    // What is scrolled is reached by the keyboard, and has a name.
    out.push_str(&format!(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table>\n<thead><tr>",
        sentence(&of.title)
    ));
    for &at in &columns {
        let column = &rows.columns[at];
        let means = match &*column.means {
            "" => String::new(),
            means => format!(" title=\"{}\"", sentence(means)),
        };
        let class = if column.kind.is_number() {
            " class=\"n\""
        } else {
            ""
        };
        out.push_str(&format!(
            "<th scope=\"col\"{class}{means}>{}</th>",
            cell(&column.head, NAME)
        ));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in 0..n.min(rows.len()) {
        out.push_str("<tr>");
        for &at in &columns {
            let kind = &rows.columns[at].kind;
            let words = rows.cell(row, at).words(kind, origin_ns);
            let most = if *kind == Kind::Name { NAME } else { SENTENCE };
            let class = match words.chars().count() {
                _ if kind.is_number() => " class=\"n\"",
                LONG.. if matches!(kind, Kind::Name | Kind::Text) => " class=\"long\"",
                _ => "",
            };
            out.push_str(&format!("<td{class}>{}</td>", cell(&words, most)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    if rows.len() > n {
        paragraph(
            out,
            "facts",
            &format!(
                "The first {} of {} rows; all of them: --csv FOLDER, as {}.csv.",
                show::count(n as u64),
                show::count(rows.len() as u64),
                of.key
            ),
        );
    }
}

fn cell(words: &str, most: usize) -> String {
    escaped(&clipped(words, most))
}
