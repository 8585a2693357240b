//! torch's own operator table as text: `profiler_out_{rank}.txt`, which vLLM writes beside its traces from 0.13 on, and
//! whatever `print(prof.key_averages().table())` gave (`_build_table` in `torch/autograd/profiler_util.py`, 1.8 to
//! 2.15).
//!
//! A line of dashes a column, the columns' names, the same dashes, a row an operator, dashes, the sums. Cells stand at
//! the right edge of their dashes. Times are rounded to three decimals of `s`, `ms` or `us`, sizes to two of `GB`, `MB`
//! (1024 times the smaller) and `KB`; a name or shapes that are too long end in `...`.
//!
//! Above the table a line of `=` and the text that was given as `header`, another with a sentence where only outermost
//! operators are listed. With `group_by_stack_n` the first frame stands in a column, the others in lines of their own.

use super::csv_rows::TableEnd;
use super::tables_beside::RowsRead;

/// A number with how far it may be from what was rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded {
    pub ns: i64,
    /// Half a unit of its last digit.
    pub within_ns: i64,
}

impl Rounded {
    /// Whether `ns` rounds to it.
    pub fn is(self, ns: i64) -> bool {
        self.ns.abs_diff(ns) <= self.within_ns.unsigned_abs()
    }

    /// The sum, as far off as all of them together.
    pub fn sum(all: impl Iterator<Item = Rounded>) -> Rounded {
        all.fold(Rounded { ns: 0, within_ns: 0 }, |a, b| Rounded {
            ns: a.ns.saturating_add(b.ns),
            within_ns: a.within_ns.saturating_add(b.within_ns),
        })
    }
}

/// A row of the table; `None` where the table has no such column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// As written; see [`Row::is_cut`].
    pub name: String,
    /// Where calls of one name are told apart by them.
    pub shapes: Option<String>,
    pub calls: u64,
    pub self_cpu: Option<Rounded>,
    pub total_cpu: Option<Rounded>,
    pub self_device: Option<Rounded>,
    pub total_device: Option<Rounded>,
}

impl Row {
    /// What is left of the name, if its end was cut off.
    pub fn is_cut(&self) -> Option<&str> {
        self.name.strip_suffix("...")
    }

    /// Whether it is of work on a device: no time on the host, some on the device.
    pub fn is_of_device(&self) -> bool {
        let is_some = |time: Option<Rounded>| time.is_some_and(|t| t.ns != 0);
        !is_some(self.self_cpu) && !is_some(self.total_cpu) && is_some(self.self_device)
    }

    /// Rows of one name as one.
    pub fn sum(rows: &[&Row]) -> Row {
        let Some(first) = rows.first() else {
            return Row::default();
        };
        let of = |time: fn(&Row) -> Option<Rounded>| {
            time(first).map(|_| Rounded::sum(rows.iter().filter_map(|row| time(row))))
        };
        Row {
            name: first.name.clone(),
            shapes: None,
            calls: rows.iter().fold(0, |n, row| n.saturating_add(row.calls)),
            self_cpu: of(|row| row.self_cpu),
            total_cpu: of(|row| row.total_cpu),
            self_device: of(|row| row.self_device),
            total_device: of(|row| row.total_device),
        }
    }
}

/// By what calls of one name have rows of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellsApart {
    Shapes,
    Overloads,
    /// Where in the program they were called.
    Sources,
}

impl TellsApart {
    /// In a sentence.
    pub fn says(self) -> &'static str {
        match self {
            TellsApart::Shapes => "shapes",
            TellsApart::Overloads => "overload",
            TellsApart::Sources => "where they were called",
        }
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyAverages {
    pub rows: Vec<Row>,
    /// Of all operators, those that the table leaves out, too.
    pub self_cpu: Option<Rounded>,
    pub self_device: Option<Rounded>,
    /// Lines, and how many could not be read; whether torch's closing lines are there.
    pub read: RowsRead,
    pub tells_apart: Option<TellsApart>,
    /// The text above it.
    pub header: Option<String>,
    /// It lists outermost operators only.
    pub top_level_only: bool,
}

const TOP_LEVEL_ONLY: &str = "This report only display top-level ops statistics";

/// Whether all of a line is this character, blanks aside.
fn is_ruler(line: &str, of: u8) -> bool {
    let line = line.trim_end();
    line.len() >= 5 && line.as_bytes()[0] == of && line.bytes().all(|b| b == of || b == b' ')
}

/// Whether a file that starts with `head` is such a table.
pub fn looks_like(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']);
    let mut lines = text.lines();
    let mut line = lines.next().unwrap_or_default();
    if is_ruler(line, b'=') {
        // Some text, then the table; `head` may end before. A line below a heading is not as long.
        let is_long = line.trim_end().len() >= 60;
        match lines.by_ref().find(|line| is_ruler(line, b'-')) {
            Some(ruler) => line = ruler,
            None => return is_long,
        }
    }
    // The first line alone may be longer than `head`.
    is_ruler(line, b'-')
        && lines
            .next()
            .is_none_or(|line| line.trim_start().starts_with("Name") || line.trim().is_empty())
}

/// `None`: no table is there.
pub fn parse(bytes: &[u8]) -> Option<KeyAverages> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let mut table = KeyAverages::default();
    // The text between the last line of `=` and the table.
    let mut above: Option<Vec<&str>> = None;
    let (columns, heads) = loop {
        let line = lines.next()?;
        if is_ruler(line, b'-') && line.starts_with("-----") {
            let columns = columns(line);
            let heads = cells(lines.next()?, &columns);
            if heads.first().map(String::as_str) != Some("Name") {
                return None;
            }
            break (columns, heads);
        } else if is_ruler(line, b'=') {
            above.get_or_insert_default();
        } else if line.trim_end() == TOP_LEVEL_ONLY {
            table.top_level_only = true;
        } else if let Some(above) = &mut above {
            above.push(line.trim());
        }
    };
    table.header = above.map(|lines| lines.join(" ")).filter(|text| !text.is_empty());
    let find = |fits: &dyn Fn(&str) -> bool| heads.iter().position(|head| fits(head));
    let calls = find(&|head| head == "# of Calls")?;
    let self_cpu = find(&|head| head == "Self CPU");
    let total_cpu = find(&|head| head == "CPU total");
    let of_device = |head: &str| !head.contains("CPU") && !head.ends_with('%') && !head.contains("Mem");
    let self_device = find(&|head| head.starts_with("Self ") && of_device(head));
    let total_device = find(&|head| head.ends_with(" total") && of_device(head));
    let shapes = find(&|head| head == "Input Shapes");
    table.tells_apart = match () {
        () if find(&|head| head == "Source Location").is_some() => Some(TellsApart::Sources),
        () if find(&|head| head == "Overload Name").is_some() => Some(TellsApart::Overloads),
        () => shapes.map(|_| TellsApart::Shapes),
    };
    let mut in_rows = false;
    let mut ended = false;
    let mut has_sum = false;
    let mut unread = 0;
    let mut n_rows_before_last_line = 0;
    for line in lines {
        if is_ruler(line, b'-') && line.starts_with("-----") {
            ended |= in_rows;
            in_rows = !ended;
        } else if ended {
            if let Some((of, sum)) = line.split_once(" time total:") {
                has_sum = true;
                let sum = time(sum.trim());
                match of {
                    "Self CPU" => table.self_cpu = sum,
                    _ => table.self_device = sum,
                }
            }
        } else if in_rows && !line.trim().is_empty() {
            n_rows_before_last_line = table.rows.len();
            let cells = cells(line, &columns);
            let cell = |i: Option<usize>| time(cells.get(i?)?);
            let times = [self_cpu, total_cpu, self_device, total_device];
            let has_times = times.iter().all(|&i| i.is_none() || cell(i).is_some());
            match cells.get(calls).and_then(|n| n.parse().ok()) {
                Some(_) if !has_times => unread += 1,
                Some(calls) => table.rows.push(Row {
                    name: cells[0].clone(),
                    shapes: shapes.and_then(|i| cells.get(i).cloned()),
                    calls,
                    self_cpu: cell(self_cpu),
                    total_cpu: cell(total_cpu),
                    self_device: cell(self_device),
                    total_device: cell(total_device),
                }),
                // The other frames of the row above.
                None if cells.iter().rev().skip(1).all(String::is_empty) => {}
                None => unread += 1,
            }
        }
    }
    // The last line may have lost the end of its last number.
    if !ended && !text.ends_with('\n') && n_rows_before_last_line < table.rows.len() {
        table.rows.pop();
        unread += 1;
    }
    let is_cut = !(ended && (has_sum || self_cpu.is_none()));
    table.read = RowsRead {
        ends: if is_cut {
            TableEnd::InRow
        } else {
            TableEnd::WithLineEnd
        },
        ..RowsRead::new(table.rows.len() as u64, unread)
    };
    Some(table)
}

/// Where columns stand, by their dashes: from and to, in letters.
fn columns(ruler: &str) -> Vec<(usize, usize)> {
    let mut columns: Vec<(usize, usize)> = Vec::new();
    for (i, letter) in ruler.chars().enumerate() {
        match columns.last_mut() {
            _ if letter != '-' => {}
            Some(last) if last.1 == i => last.1 = i + 1,
            _ => columns.push((i, i + 1)),
        }
    }
    columns
}

/// The cells of a line. One that is wider than its column takes room of the next, so the right edges are what holds; a
/// name may be wider than its column too.
fn cells(line: &str, columns: &[(usize, usize)]) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    let wide = letters
        .len()
        .saturating_sub(columns.last().map_or(0, |c| c.1 + 2));
    let mut from = 0;
    let mut cells = Vec::with_capacity(columns.len());
    for &(_, to) in columns {
        let to = (to + wide).min(letters.len());
        let cell: String = letters[from.min(to)..to].iter().collect();
        cells.push(cell.trim().to_owned());
        from = to;
    }
    cells
}

/// `814.679ms`, `2.511us`, `1.203s`, `-3.000us`.
fn time(text: &str) -> Option<Rounded> {
    let (number, unit_ns) = [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)]
        .into_iter()
        .find_map(|(unit, ns)| Some((text.strip_suffix(unit)?, ns)))?;
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number),
    };
    let (whole, part) = digits.split_once('.')?;
    let thousandths: i64 = format!("{whole}{part:0<3}").parse().ok()?;
    if part.len() != 3 {
        return None;
    }
    let last_ns = unit_ns / 1_000;
    Some(Rounded {
        ns: thousandths.checked_mul(last_ns)?.checked_mul(sign)?,
        // A whole ns has nothing to round.
        within_ns: last_ns / 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUDA: &str = "\
----------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------
            Name    Self CPU %      Self CPU     CPU total     Self CUDA    CUDA total       CPU Mem    # of Calls
----------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------
        aten::mm         0.39%       3.183ms        1.203s       0.000us     952.001us       1.78 MB          1071
 void gemm_wi...         0.00%       0.000us       0.000us     952.001us     952.001us           0 B             3
        [memory]         0.00%      -3.000us       0.000us       0.000us       0.000us     -72.20 MB           507
     broken
----------------  ------------  ------------  ------------  ------------  ------------  ------------  ------------
Self CPU time total: 814.679ms
Self CUDA time total: 2.000s
";

    #[test]
    fn rows_and_sums_come_with_their_rounding() {
        assert!(looks_like(CUDA.as_bytes()));
        assert!(
            looks_like(&CUDA.as_bytes()[..60]),
            "a long first line fills the head"
        );
        let table = parse(CUDA.as_bytes()).unwrap();
        let at = |ns, within_ns| Some(Rounded { ns, within_ns });
        assert_eq!(table.rows.len(), 3);
        let mm = &table.rows[0];
        assert_eq!((mm.name.as_str(), mm.calls), ("aten::mm", 1071));
        assert_eq!(
            (mm.self_cpu, mm.total_cpu),
            (at(3_183_000, 500), at(1_203_000_000, 500_000))
        );
        assert_eq!((mm.self_device, mm.total_device), (at(0, 0), at(952_001, 0)));
        assert_eq!(table.rows[1].is_cut(), Some("void gemm_wi"));
        assert_eq!(table.rows[2].self_cpu, at(-3_000, 0));
        assert_eq!(table.read, RowsRead::new(3, 1));
        assert_eq!(
            (table.self_cpu, table.self_device),
            (at(814_679_000, 500), at(2_000_000_000, 500_000))
        );
        assert!(mm.self_cpu.unwrap().is(3_183_500) && !mm.self_cpu.unwrap().is(3_183_501));
    }

    #[test]
    fn what_is_no_table_is_none() {
        for text in ["", "{\"traceEvents\":[]}", "-----\n# heading", "----- \nName\n"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert!(!looks_like(b"{\"traceEvents\":[]}"));
        assert!(!looks_like(b"------BEGIN------\n"));
        assert!(!looks_like(b"----- -----\nwhat else\n"));
    }
}
