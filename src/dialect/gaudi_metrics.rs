//! The file of `PT_HPU_METRICS_FILE`: counters of the Gaudi bridge, dumped at process exit or whenever one
//! changed.
//!
//! ```text
//! [{"metric_name":"graph_compilation","triggered_by":"metric_change","generated_on":"2026-11-22T02:53:20.315283",
//!   "statistics":{"TotalNumber":1,"TotalTime":310000,"AvgTime":310000.0,"recipe":[["name",310000]]}},
//! ```
//!
//! Values are cumulative. `TotalTime` and the times of recipes are µs; `generated_on` is local time without a
//! zone. The closing `]` is written on a clean exit only. The text form (`PT_HPU_METRICS_FILE_FORMAT=text`) is
//! not read.

use serde_json::Value;

use super::csv_rows::{TableEnd, without_byte_order_mark};
use super::tables_beside::RowsRead;
use crate::base::{DefectKind, Defects};

/// One dump of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    pub metric: String,
    pub triggered_by: String,
    /// As written, and in ns since 1970 as if local time were UTC.
    pub generated_on: Option<(String, i64)>,
    pub statistics: Value,
}

/// A metrics file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsFile {
    /// In the order of the file.
    pub dumps: Vec<Dump>,
    /// The array is not closed: the process did not exit by itself, or still runs.
    pub unclosed: bool,
    /// Dumps that could not be read.
    pub n_unreadable: u64,
    /// The last of them breaks off.
    pub is_cut: bool,
}

/// What makes the file say when each compile ended.
pub const HOW_TO_DATE_COMPILES: &str =
    "With metric_change in PT_HPU_METRICS_DUMP_TRIGGERS it would say when each compile ended.";

/// One compile, from the difference of two dumps.
#[derive(Clone, Debug, PartialEq)]
pub struct DumpedCompile {
    pub recipe: String,
    pub dur_ns: i64,
    /// When it ended, if a dump was written right then.
    pub ended: Option<(String, i64)>,
}

/// Whether a file looks like one: its first object starts with `metric_name`.
pub fn looks_like(head: &[u8]) -> bool {
    let head = without_byte_order_mark(head);
    let text = String::from_utf8_lossy(&head[..head.len().min(256)]);
    let mut rest = text.trim_start();
    rest = rest.strip_prefix('[').unwrap_or(rest).trim_start();
    rest.strip_prefix('{')
        .is_some_and(|rest| rest.trim_start().starts_with("\"metric_name\""))
}

/// Reads a metrics file; `None` if it is none.
pub fn parse(bytes: &[u8]) -> Option<MetricsFile> {
    if !looks_like(bytes) {
        return None;
    }
    let text = String::from_utf8_lossy(without_byte_order_mark(bytes));
    let body = text.trim().trim_start_matches('[');
    let (body, unclosed) = match body.strip_suffix(']') {
        // A `]` may also end a cut recipe list.
        Some(closed) if closed.trim_end().trim_end_matches(',').ends_with('}') => (closed, false),
        _ => (body, true),
    };
    let mut file = MetricsFile {
        unclosed,
        ..MetricsFile::default()
    };
    let mut rest = body.trim_start();
    while !rest.is_empty() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let read = values.next();
        let used = values.byte_offset();
        match read {
            Some(Ok(value)) => {
                match dump(value) {
                    Some(dump) => file.dumps.push(dump),
                    None => file.n_unreadable += 1,
                }
                rest = &rest[used..];
            }
            broken => {
                file.n_unreadable += 1;
                file.is_cut = matches!(broken, Some(Err(why)) if why.is_eof());
                // Dumps start on lines of their own.
                let mut after = rest.chars();
                after.next();
                let after = after.as_str();
                rest = after.find("{\"metric_name\"").map_or("", |next| &after[next..]);
            }
        }
        rest = rest.trim_start_matches([',', ' ', '\n', '\r', '\t']);
    }
    Some(file)
}

fn dump(value: Value) -> Option<Dump> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let statistics = value
        .get("statistics")
        .filter(|statistics| are_readable(statistics))?;
    let generated_on = text("generated_on").and_then(|written| {
        let ns = local_ns(&written)?;
        Some((written, ns))
    });
    Some(Dump {
        metric: text("metric_name")?,
        triggered_by: text("triggered_by").unwrap_or_default(),
        generated_on,
        statistics: statistics.clone(),
    })
}

/// Whether counts and times are numbers that are not negative, and each recipe has a name and a time.
fn are_readable(statistics: &Value) -> bool {
    let is_amount = |value: &Value| value.as_f64().is_some_and(|n| n >= 0.0);
    let is_recipe =
        |recipe: &Value| recipe.get(0).is_some_and(Value::is_string) && recipe.get(1).is_some_and(is_amount);
    statistics.as_object().is_some_and(|of| {
        of.iter().all(|(key, value)| match value {
            _ if key.starts_with("Total") => is_amount(value),
            Value::Number(_) => is_amount(value),
            Value::Array(recipes) if key == "recipe" => recipes.iter().all(is_recipe),
            _ => true,
        })
    })
}

impl MetricsFile {
    /// What was lost in reading it.
    pub fn defects(&self) -> Defects {
        let ends = if self.is_cut {
            TableEnd::InRow
        } else {
            TableEnd::WithLineEnd
        };
        let read = RowsRead {
            ends,
            ..RowsRead::new(self.dumps.len() as u64, self.n_unreadable)
        };
        read.defects(DefectKind::TableRow)
    }

    /// The last dump of a metric: its values are cumulative.
    fn last(&self, metric: &str) -> Option<&Value> {
        let mine = self.dumps.iter().rev().find(|d| d.metric == metric)?;
        Some(&mine.statistics)
    }

    /// A count of a metric at its last dump.
    pub fn total(&self, metric: &str, key: &str) -> Option<u64> {
        self.last(metric)?.get(key)?.as_u64()
    }

    /// A time of a metric at its last dump, which is written in µs.
    pub fn total_ns(&self, metric: &str, key: &str) -> Option<i64> {
        Some(micros(self.last(metric)?.get(key)?)?.saturating_mul(1_000))
    }

    /// Every compile. A dump that a change triggered was written when the compile that it adds had ended.
    pub fn compiles(&self) -> Vec<DumpedCompile> {
        let mut found: Vec<DumpedCompile> = Vec::new();
        for dump in self.dumps.iter().filter(|d| d.metric == "graph_compilation") {
            let Some(recipes) = dump.statistics.get("recipe").and_then(Value::as_array) else {
                continue;
            };
            let new = recipes.get(found.len()..).unwrap_or(&[]);
            for (i, recipe) in new.iter().enumerate() {
                let (Some(name), Some(us)) = (
                    recipe.get(0).and_then(Value::as_str),
                    recipe.get(1).and_then(micros),
                ) else {
                    continue;
                };
                let is_last = i + 1 == new.len();
                found.push(DumpedCompile {
                    recipe: name.to_owned(),
                    dur_ns: us.saturating_mul(1_000),
                    ended: dump
                        .generated_on
                        .clone()
                        .filter(|_| is_last && dump.triggered_by == "metric_change"),
                });
            }
        }
        found
    }
}

/// Whole µs; older releases write floats.
#[expect(clippy::cast_possible_truncation, reason = "saturates, and µs fit")]
fn micros(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|us| us.round() as i64))
}

/// `2026-11-22T02:53:20.315283` in ns since 1970, as if it were UTC.
fn local_ns(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(|n| n.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = whole.splitn(3, ':').map(|n| n.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1970..=2200).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || !(0..24).contains(&hour)
        || !(0..60).contains(&minute)
        || !(0..=60).contains(&second)
        || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let mut ns = 0;
    for place in 0..9 {
        let digit = fraction.as_bytes().get(place).map_or(0, |b| i64::from(b - b'0'));
        ns = ns * 10 + digit;
    }
    let seconds = days_from_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000_000_000 + ns)
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March, so that the leap day ends one.
fn days_from_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_is_read_to_the_microsecond() {
        assert_eq!(local_ns("1970-01-01T00:00:00"), Some(0));
        // 1795316000 s is 2026-11-22 02:53:20 UTC.
        assert_eq!(
            local_ns("2026-11-22T02:53:20.315283"),
            Some(1_795_316_000_315_283_000)
        );
        assert_eq!(local_ns("2000-02-29T12:00:00.5"), Some(951_825_600_500_000_000));
        assert_eq!(local_ns("2026-13-01T00:00:00"), None);
        assert_eq!(local_ns("yesterday"), None);
    }

    const TWO: &str = r#"[{"metric_name": "graph_compilation", "triggered_by": "metric_change",
"generated_on": "2026-11-22T02:53:20.315283",
"statistics": {"TotalNumber": 1, "TotalTime": 310000, "AvgTime": 310000.0, "recipe": [["a", 310000]]}},
{"metric_name": "graph_compilation", "triggered_by": "process_exit", "generated_on": "2026-11-22T03:53:20", "statistics": {"TotalNumber": 3, "TotalTime": 340000, "recipe": [["a", 310000], ["b", 10000], ["c", 20000]]}},
"#;

    #[test]
    fn an_unclosed_file_is_read_and_differences_are_compiles() {
        let file = parse(TWO.as_bytes()).unwrap();
        assert_eq!((file.dumps.len(), file.unclosed, file.n_unreadable), (2, true, 0));
        let compiles = file.compiles();
        assert_eq!(compiles.len(), 3);
        assert_eq!(
            compiles[0],
            DumpedCompile {
                recipe: "a".to_owned(),
                dur_ns: 310_000_000,
                ended: Some(("2026-11-22T02:53:20.315283".to_owned(), 1_795_316_000_315_283_000)),
            }
        );
        assert_eq!(compiles[2].ended, None, "the dump at exit dates no compile");
    }

    #[test]
    fn a_cut_dump_is_counted_and_the_rest_read() {
        let cut = TWO.replacen("\"TotalNumber\": 1, ", "\"TotalNumber\": , ", 1);
        let file = parse(cut.as_bytes()).unwrap();
        assert_eq!((file.dumps.len(), file.n_unreadable), (1, 1));
        let cut = &TWO[..TWO.len() - 20];
        let file = parse(cut.as_bytes()).unwrap();
        assert_eq!((file.dumps.len(), file.n_unreadable, file.unclosed), (1, 1, true));
        let closed = format!("{}]", TWO.trim_end().trim_end_matches(','));
        assert!(!parse(closed.as_bytes()).unwrap().unclosed);
        assert_eq!(parse(b"[{\"pid\": 1}]"), None);
        assert_eq!(parse(b""), None);
    }
}
