//! What was measured, as one table: quantities down, files across, goals beside them.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// What was measured of one file; names end in their unit.
#[derive(Clone, Debug)]
pub struct Row {
    pub file: String,
    values: BTreeMap<String, f64>,
}

impl Row {
    pub fn new(file: String) -> Row {
        Row {
            file,
            values: BTreeMap::new(),
        }
    }

    pub fn set(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.values.insert(name.to_owned(), value);
        }
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    fn ratio(&self, a: &str, b: &str) -> Option<f64> {
        Some(self.get(a)? / self.get(b)?)
    }
}

/// Everything from one run.
pub struct Run {
    /// `machine`, `date`, …
    pub about: BTreeMap<String, String>,
    pub rows: Vec<Row>,
    /// Bytes of the shipped WebAssembly, as `page_brotli`.
    pub shipped: Row,
}

/// A change beyond this share is told.
const TOLD: f64 = 0.10;
/// Ratios of times are judged from this size on; below it, starting a worker is most of the time.
const LARGE_BYTES: f64 = 100e6;
/// What the engine may take whatever the trace.
const BASE_BYTES: f64 = 32e6;

#[derive(Clone, Copy, PartialEq)]
enum Better {
    /// Wall times and facts: shown, never compared with another run.
    Neither,
    Less,
    More,
}

struct Line {
    what: &'static str,
    value: fn(&Row) -> Option<f64>,
    shown: fn(f64) -> String,
    better: Better,
    goal: Option<f64>,
    /// Whether the goal is for this file.
    judged: fn(&Row) -> bool,
}

const fn line(what: &'static str, shown: fn(f64) -> String, value: fn(&Row) -> Option<f64>) -> Line {
    Line {
        what,
        value,
        shown,
        better: Better::Neither,
        goal: None,
        judged: |_| true,
    }
}

impl Line {
    const fn less(mut self) -> Line {
        self.better = Better::Less;
        self
    }

    const fn at_most(mut self, goal: f64) -> Line {
        self.better = Better::Less;
        self.goal = Some(goal);
        self
    }

    const fn at_least(mut self, goal: f64) -> Line {
        self.better = Better::More;
        self.goal = Some(goal);
        self
    }

    const fn of(mut self, judged: fn(&Row) -> bool) -> Line {
        self.judged = judged;
        self
    }

    fn goal_shown(&self) -> String {
        let sign = if self.better == Better::More { "≥" } else { "≤" };
        self.goal
            .map_or_else(String::new, |goal| format!("{sign} {}", (self.shown)(goal)))
    }

    fn cell(&self, row: &Row) -> String {
        let Some(value) = (self.value)(row) else {
            return "–".into();
        };
        let shown = (self.shown)(value);
        match self.goal {
            Some(goal) if (self.judged)(row) => {
                let met = if self.better == Better::More {
                    value >= goal
                } else {
                    value <= goal
                };
                format!("{shown}, {}", if met { "met" } else { "missed" })
            }
            _ => shown,
        }
    }

    /// By how much `now` is worse than `before`, as a share.
    fn worse(&self, before: &Row, now: &Row) -> Option<f64> {
        let (before, now) = ((self.value)(before)?, (self.value)(now)?);
        match self.better {
            Better::Neither => None,
            Better::Less => Some(now / before - 1.0),
            Better::More => Some(before / now - 1.0),
        }
    }
}

fn ms(value: f64) -> String {
    format!("{value:.0} ms")
}

fn tenths(value: f64) -> String {
    format!("{value:.1} ms")
}

fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn megabytes(value: f64) -> String {
    format!("{:.1} MB", value / 1e6)
}

/// As the goal has it: 300 KB are 300,000 bytes.
fn kilobytes(value: f64) -> String {
    format!("{:.1} KB", value / 1e3)
}

fn is_large(row: &Row) -> bool {
    row.get("inflated_bytes")
        .is_some_and(|bytes| bytes >= LARGE_BYTES)
}

const LINES: &[Line] = &[
    line("inflated", megabytes, |r| r.get("inflated_bytes")),
    line("events", whole, |r| r.get("events")),
    line("open, cold", ms, |r| r.get("open_cold_ms")),
    line("open, first of a page that stood for 3 s", ms, |r| {
        r.get("open_stood_ms")
    }),
    line("open, warm", ms, |r| r.get("open_warm_ms")),
    line("inflate alone, cold", ms, |r| r.get("inflate_cold_ms")),
    line("inflate alone, warm", ms, |r| r.get("inflate_warm_ms")),
    line("… without CRC and checkpoints, warm", ms, |r| {
        r.get("engine_warm_ms")
    }),
    line("DecompressionStream", ms, |r| r.get("stream_ms")),
    line("DecompressionStream + JSON.parse", ms, |r| r.get("parse_ms")),
    line("open ÷ inflate alone, cold", ratio, |r| {
        r.ratio("open_cold_ms", "inflate_cold_ms")
    })
    .at_most(1.5)
    .of(is_large),
    line("open ÷ inflate alone, warm", ratio, |r| {
        r.ratio("open_warm_ms", "inflate_warm_ms")
    })
    .at_most(1.5)
    .of(is_large),
    line("open ÷ inflate alone, quickest of each", ratio, |r| {
        r.ratio("open_least_ms", "inflate_least_ms")
    })
    .at_most(1.5)
    .of(is_large),
    line("open ÷ inflate alone, processor time, cold", ratio, |r| {
        r.ratio("open_cold_cpu_ms", "inflate_cold_cpu_ms")
    })
    .less(),
    line("open ÷ inflate alone, processor time, warm", ratio, |r| {
        r.ratio("open_warm_cpu_ms", "inflate_warm_cpu_ms")
    })
    .less(),
    line(
        "open ÷ inflating without CRC and checkpoints, warm",
        ratio,
        |r| r.ratio("open_warm_ms", "engine_warm_ms"),
    )
    .less(),
    line("open ÷ DecompressionStream, cold", ratio, |r| {
        r.ratio("open_cold_ms", "stream_ms")
    })
    .less(),
    line("open ÷ DecompressionStream, warm", ratio, |r| {
        r.ratio("open_warm_ms", "stream_ms")
    })
    .less(),
    line("(DecompressionStream + JSON.parse) ÷ open, cold", ratio, |r| {
        r.ratio("parse_ms", "open_cold_ms")
    })
    .at_least(6.0)
    .of(is_large),
    line("(DecompressionStream + JSON.parse) ÷ open, warm", ratio, |r| {
        r.ratio("parse_ms", "open_warm_ms")
    })
    .at_least(6.0)
    .of(is_large),
    line("first answer, cold", ms, |r| r.get("first_cold_ms")).at_most(300.0),
    line("first answer, page stood for 3 s", ms, |r| {
        r.get("first_stood_ms")
    })
    .at_most(300.0),
    line("first answer, warm", ms, |r| r.get("first_warm_ms")).at_most(300.0),
    line("peak memory", megabytes, |r| r.get("memory_bytes")).less(),
    line("peak memory ÷ events", whole, |r| {
        r.ratio("memory_bytes", "events")
    })
    .less(),
    line("(peak memory - 32 MB) ÷ events", whole, |r| {
        Some(((r.get("memory_bytes")? - BASE_BYTES) / r.get("events")?).max(0.0))
    })
    .at_most(64.0),
    line("peak memory ÷ inflated", ratio, |r| {
        r.ratio("memory_bytes", "inflated_bytes")
    })
    .less(),
    line("frame work by keys, p50", tenths, |r| r.get("keys_work_p50_ms")),
    line("frame work by keys, p99", tenths, |r| r.get("keys_work_p99_ms")).at_most(16.0),
    line("frame work by pointer, p50", tenths, |r| {
        r.get("pointer_work_p50_ms")
    }),
    line("frame work by pointer, p99", tenths, |r| {
        r.get("pointer_work_p99_ms")
    })
    .at_most(16.0),
    line("between frames by keys, p50", tenths, |r| {
        r.get("keys_interval_p50_ms")
    }),
    line("between frames by keys, p99", tenths, |r| {
        r.get("keys_interval_p99_ms")
    }),
    line("between frames by pointer, p50", tenths, |r| {
        r.get("pointer_interval_p50_ms")
    }),
    line("between frames by pointer, p99", tenths, |r| {
        r.get("pointer_interval_p99_ms")
    }),
    line("bars answered by keys, p50", tenths, |r| {
        r.get("keys_timeline_p50_ms")
    }),
    line("bars answered by keys, p99", tenths, |r| {
        r.get("keys_timeline_p99_ms")
    }),
    line("bars answered by pointer, p99", tenths, |r| {
        r.get("pointer_timeline_p99_ms")
    }),
];

const SHIPPED: &[Line] = &[
    line("page", kilobytes, |r| r.get("page")),
    line("page, gzip -9", kilobytes, |r| r.get("page_gzip")),
    line("page, brotli -q 11", kilobytes, |r| r.get("page_brotli")).at_most(300e3),
    line("worker", kilobytes, |r| r.get("worker")),
    line("worker, gzip -9", kilobytes, |r| r.get("worker_gzip")),
    line("worker, brotli -q 11", kilobytes, |r| r.get("worker_brotli")).at_most(300e3),
];

impl Run {
    /// The tables, for a README and for the terminal alike.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for (what, says) in &self.about {
            let _ = writeln!(text, "{what}: {says}  ");
        }
        text.push('\n');
        text += &table("", LINES, &self.rows);
        if self.rows.iter().any(|row| row.get("parse_ms").is_none()) {
            text +=
                "\n–: a string of JavaScript holds at most 512 MB, so `JSON.parse` cannot read that file.\n";
        }
        text.push('\n');
        text += &table(
            "shipped WebAssembly",
            SHIPPED,
            std::slice::from_ref(&self.shipped),
        );
        for line in linearity(&self.rows) {
            let _ = write!(text, "\n{line}\n");
        }
        text
    }

    pub fn to_json(&self) -> Value {
        let row = |row: &Row| json!({ "file": row.file, "values": row.values });
        json!({
            "about": self.about,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "shipped": row(&self.shipped),
        })
    }

    pub fn from_json(text: &str) -> Result<Run> {
        let all: Value = serde_json::from_str(text)?;
        let about = object(&all["about"])?
            .iter()
            .map(|(name, says)| (name.clone(), says.as_str().unwrap_or_default().to_owned()))
            .collect();
        let rows = all["rows"].as_array().context("there are no rows")?;
        Ok(Run {
            about,
            rows: rows.iter().map(row_from).collect::<Result<_>>()?,
            shipped: row_from(&all["shipped"])?,
        })
    }

    /// A sentence for each quantity that is worse than it was `before` by more than 10 %, for files in both.
    pub fn worse_than(&self, before: &Run) -> Vec<String> {
        let mut says = Vec::new();
        let mut judge = |lines: &[Line], was: &Row, now: &Row| {
            for line in lines {
                if let Some(share) = line.worse(was, now).filter(|share| *share > TOLD) {
                    let shown = |row| (line.value)(row).map_or_else(String::new, line.shown);
                    says.push(format!(
                        "{}: {} was {}, is {} ({:.0} % worse)",
                        now.file,
                        line.what,
                        shown(was),
                        shown(now),
                        share * 100.0
                    ));
                }
            }
        };
        for now in &self.rows {
            if let Some(was) = before.rows.iter().find(|was| was.file == now.file) {
                judge(LINES, was, now);
            }
        }
        judge(SHIPPED, &before.shipped, &self.shipped);
        says
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>> {
    value.as_object().context("this is no result of the benchmark")
}

fn row_from(value: &Value) -> Result<Row> {
    let values = object(&value["values"])?;
    Ok(Row {
        file: value["file"].as_str().unwrap_or_default().to_owned(),
        values: values
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)))
            .collect(),
    })
}

fn table(head: &str, lines: &[Line], rows: &[Row]) -> String {
    let mut cells = vec![vec![head.to_owned(), "goal".to_owned()]];
    cells[0].extend(rows.iter().map(|row| row.file.clone()));
    for line in lines {
        let mut cell = vec![line.what.to_owned(), line.goal_shown()];
        cell.extend(rows.iter().map(|row| line.cell(row)));
        cells.push(cell);
    }
    let widths: Vec<usize> = (0..cells[0].len())
        .map(|i| {
            cells
                .iter()
                .map(|row| row[i].chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let mut text = String::new();
    for (n, row) in cells.iter().enumerate() {
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match i {
                0 => write!(text, "| {cell:<width$} |"),
                _ => write!(text, " {cell:>width$} |"),
            };
        }
        text.push('\n');
        if n == 0 {
            for (i, width) in widths.iter().enumerate() {
                let _ = match i {
                    0 => write!(text, "|{:-<1$}|", "", width + 2),
                    _ => write!(text, "{:->1$}:|", "", width + 1),
                };
            }
            text.push('\n');
        }
    }
    text
}

/// How time grows with the number of events, from one generated trace to the next larger one.
fn linearity(rows: &[Row]) -> Vec<String> {
    let mut made: Vec<&Row> = rows.iter().filter(|row| row.file.starts_with("synth-")).collect();
    made.sort_by(|a, b| {
        a.get("events")
            .unwrap_or(0.0)
            .total_cmp(&b.get("events").unwrap_or(0.0))
    });
    let mut lines = Vec::new();
    for pair in made.windows(2) {
        let grows = |name| Some(pair[1].get(name)? / pair[0].get(name)?);
        if let (Some(events), Some(open), cpu, Some(inflate)) = (
            grows("events"),
            grows("open_least_ms"),
            grows("open_least_cpu_ms"),
            grows("inflate_least_ms"),
        ) {
            let for_ten = open / events * 10.0;
            lines.push(format!(
                "{} to {}: {events:.2} times the events take {open:.2} times as long (the quickest run of each; \
                 processor time {}, inflate alone {inflate:.2}); for ten times the events {for_ten:.1}, goal ≤ 10.5: {}",
                pair[0].file,
                pair[1].file,
                cpu.map_or_else(|| "unknown".into(), ratio),
                if for_ten <= 10.5 { "met" } else { "missed" }
            ));
        }
    }
    lines
}
