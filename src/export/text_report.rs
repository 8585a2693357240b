//! The report for people at a terminal: findings first, then what they rest on. At most 100 columns.

use crate::analyze::report::{Report, TraceReport};
use crate::base::order;
use crate::base::show;
use crate::table::{Answers, Cell, Filled, Kind, Rows, filled, find};

use super::report_words::{self, clipped, plain};
use super::{shown, together};

/// Columns of a terminal that are filled.
const WIDTH: usize = 100;
/// Rows of a list before it is cut; JSON has all.
const ROWS: usize = 20;
/// The same of a list that nobody reads to its end.
const ROWS_OF_MANY: usize = 10;

/// Characters of a name that others stand behind.
const NAME: usize = 26;
/// Characters of a name or a sentence that stands last, at least: columns before it make room.
const LEAST: usize = 30;

/// Where to read what was cut.
const CUT: &str =
    "Tables are cut to fit a terminal: --csv FOLDER writes each of them with all rows, columns and names.";

/// The same where lists of the report stop at a limit, which these say.
const CUT_WITH_LIMITS: &str = "Tables are cut to fit a terminal: --csv FOLDER writes each of them with all rows, \
                               columns and names, of a table that says where it stops those up to there.";

/// A table, at most `most` rows and as many of its columns as a line holds; names stand last, and take what is left of
/// the line. A sentence in the last column goes on below itself. Says whether anything was left out.
fn table(out: &mut String, rows: &Rows<'_>, most: usize, origin_ns: i64) -> bool {
    let n = rows.len().min(most);
    let mut columns = shown(rows);
    // What is unknown in every row takes no room.
    columns.retain(|&at| (0..n).any(|row| rows.cell(row, at) != Cell::Unknown));
    order::sort_by_key(&mut columns, |&at| rows.columns[at].kind == Kind::Name);
    let cells: Vec<Vec<String>> = (0..n)
        .map(|row| {
            let words = |&at: &usize| plain(&rows.cell(row, at).words(&rows.columns[at].kind, origin_ns));
            columns.iter().map(words).collect()
        })
        .collect();
    let heads: Vec<String> = columns.iter().map(|&at| plain(&rows.columns[at].head)).collect();
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|i| {
            let all = cells.iter().map(|row| &row[i]).chain([&heads[i]]);
            all.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let kind = |i: usize| &rows.columns[columns[i]].kind;
    let is_words = |i: usize| !kind(i).is_number();
    let Some(last) = columns.len().checked_sub(1) else {
        return false;
    };
    for (i, width) in widths.iter_mut().enumerate().take(last) {
        if is_words(i) {
            *width = (*width).min(NAME);
        }
    }
    // The last column has what the others leave, if it holds words. If they leave too little, columns of numbers make
    // room from the right; names stay.
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let is_open = matches!(kind(last), Kind::Text | Kind::Name);
    let least = |last: usize| {
        if is_open {
            widths[last].min(LEAST)
        } else {
            widths[last]
        }
    };
    let before = |kept: &[usize]| {
        let all = kept.iter().take(kept.len() - 1);
        all.map(|&i| widths[i] + 2).sum::<usize>()
    };
    let needs = |kept: &[usize]| before(kept) + 2 + kept.last().map_or(0, |&last| least(last));
    while kept.len() > 2 && needs(&kept) > WIDTH {
        let ends = kept.len() - usize::from(is_open);
        let number = (1..ends).rfind(|&at| *kind(kept[at]) != Kind::Name);
        kept.remove(number.unwrap_or(1));
    }
    let last = kept.last().copied().unwrap_or(last);
    let indent = before(&kept) + 2;
    if is_words(last) {
        widths[last] = widths[last].min(WIDTH.saturating_sub(indent)).max(8);
    }
    let mut is_cut = n < rows.len() || kept.len() < columns.len();
    let mut line = |row: &[String]| {
        let start = out.len();
        let mut below = Vec::new();
        for &i in &kept {
            let width = widths[i];
            let cell = if i == last && is_open {
                // A sentence is read to its end, a name may take two lines.
                let whole = match kind(i) {
                    Kind::Text => row[i].clone(),
                    _ => clipped(&row[i], 2 * width),
                };
                is_cut |= whole != row[i];
                let mut lines = broken(&whole, width).into_iter();
                let first = lines.next().unwrap_or_default();
                below = lines.collect();
                first
            } else {
                let cell = clipped(&row[i], width);
                is_cut |= cell != row[i];
                cell
            };
            match is_words(i) {
                true => out.push_str(&format!("  {cell:<width$}")),
                false => out.push_str(&format!("  {cell:>width$}")),
            }
        }
        let end = out.trim_end().len().max(start);
        out.truncate(end);
        out.push('\n');
        for more in below {
            out.push_str(&format!("{:indent$}{more}\n", ""));
        }
    };
    line(&heads);
    cells.iter().for_each(|row| line(row));
    let more = [
        (rows.len() - n, "more row"),
        (columns.len() - kept.len(), "more column"),
    ];
    let more: Vec<String> = more
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, noun)| show::counted(n as u64, noun))
        .collect();
    if !more.is_empty() {
        out.push_str(&format!("  … and {}\n", more.join(", ")));
    }
    is_cut
}

/// All rows of a table, under its title.
pub fn table_text(of: &Filled<'_>, origin_ns: i64) -> String {
    let mut out = String::new();
    titled(&mut out, of, usize::MAX, origin_ns);
    out
}

fn titled(out: &mut String, of: &Filled<'_>, most: usize, origin_ns: i64) -> bool {
    let n = match of.rows.len() {
        0 | 1 => String::new(),
        n => format!(" ({})", show::count(n as u64)),
    };
    heading(out, &plain(&format!("{}{n}", of.title)));
    for sentence in std::iter::once(&of.definition).chain(&of.rows.says) {
        wrapped(out, "  ", sentence);
    }
    let most = match of.rows.len() {
        n if n / 5 > most => ROWS_OF_MANY,
        _ => most,
    };
    table(out, &of.rows, most, origin_ns)
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

/// A text in lines of at most `width` characters. A word that is longer is broken, too.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut n = 0;
    for word in unbroken(text) {
        let mut word: Vec<char> = word.chars().collect();
        if n > 0 && n + 1 + word.len() > width {
            lines.push(String::new());
            n = 0;
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.extend([word.into_iter().collect(), String::new()]);
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            if n > 0 {
                line.push(' ');
                n += 1;
            }
            n += word.len();
            line.extend(word);
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// A sentence over several lines, the first led by `lead`, the others indented as far.
fn wrapped(out: &mut String, lead: &str, sentence: &str) {
    let indent = lead.chars().count();
    out.push_str(lead);
    let lines = broken(&plain(sentence), WIDTH - indent);
    out.push_str(&lines.join(&format!("\n{:indent$}", "")));
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
    let mut is_cut = false;
    for trace in &report.traces {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        head(&mut out, trace);
        findings(&mut out, trace);
        let answers = Answers::of_report(trace);
        for of in filled(&answers) {
            is_cut |= titled(&mut out, &of, ROWS, answers.origin_ns());
        }
    }
    for of in together(report) {
        out.push('\n');
        wrapped(&mut out, "", &of.says.join(" "));
        for table in &of.tables {
            is_cut |= titled(&mut out, table, ROWS, 0);
        }
    }
    if is_cut {
        out.push('\n');
        let has_limits = report.traces.iter().any(TraceReport::leaves_rows_out);
        wrapped(&mut out, "", if has_limits { CUT_WITH_LIMITS } else { CUT });
    }
    out
}

/// A sentence on lines of its own.
pub(super) fn sentence(of: &str) -> String {
    let mut out = String::from("\n");
    wrapped(&mut out, "", of);
    out
}

/// Tables that are no trace's, cut to a terminal.
pub(super) fn tables(out: &mut String, tables: &[Filled<'_>]) {
    let mut is_cut = false;
    for of in tables {
        is_cut |= titled(out, of, ROWS, 0);
    }
    if is_cut {
        out.push('\n');
        wrapped(out, "", CUT);
    }
}

fn head(out: &mut String, trace: &TraceReport) {
    out.push_str(&plain(&trace.file));
    out.push('\n');
    wrapped(out, "  ", &report_words::facts_line(trace));
    for verdict in report_words::verdict_lines(trace) {
        wrapped(out, "  ", &verdict);
    }
    for note in &trace.notes {
        wrapped(out, "  Note: ", note);
    }
    for missing in trace.beside.iter().flat_map(|b| &b.missing) {
        wrapped(out, "  Missing data: ", missing);
    }
}

/// What `stepscope check` says of a file that could be read.
pub fn checked_text(trace: &TraceReport) -> String {
    let mut out = String::new();
    head(&mut out, trace);
    let answers = Answers::of_report(trace);
    match find("defects", &answers) {
        Some(of) => {
            titled(&mut out, &of, usize::MAX, answers.origin_ns());
        }
        None => out.push_str("\nDefects of the file: none, everything in it was read\n"),
    }
    out
}

fn findings(out: &mut String, trace: &TraceReport) {
    heading(out, "Findings");
    if trace.findings.is_empty() {
        out.push_str("  none: nothing here that an analysis looks for\n");
    }
    for finding in &trace.findings {
        let lead = format!("  {:<9}", finding.level.key());
        let mut says = finding.says.clone();
        says += &format!(" ({}", finding.sure.key());
        if let Some(cost) = finding.cost_ns {
            says += &format!(", {}", show::duration(cost));
        }
        says.push(')');
        wrapped(out, &lead, &says);
        for line in report_words::evidence_lines(trace, finding) {
            wrapped(out, "           - ", &line);
        }
        if !finding.advice.is_empty() {
            wrapped(out, "           → ", &finding.advice);
        }
    }
}
