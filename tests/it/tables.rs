//! Every table of the registry, on generated and on real traces: all formats say the same, and sorting sorts.

use std::cmp::Ordering;

use serde_json::Value;
use stepscope::analyze::report::{ProfilerTables, Report, SCHEMA, Step, TraceReport};
use stepscope::dialect::plain_table::PlainTable;
use stepscope::export;
use stepscope::session::open_bytes;
use stepscope::synth::{self, Options, Target};
use stepscope::table::{self, Answers, Ask, Cell, Filled, Kind, Order, TABLES};

use crate::{ascend, corpus};

fn generated() -> TraceReport {
    let options = Options {
        target: Target::Steps(40),
        ..Options::sample()
    };
    let mut json = Vec::new();
    synth::write(&options, &mut json).unwrap();
    open_bytes("generated.json", &json).unwrap().whole_report()
}

/// One trace of each family, as far as they are here, and a generated one.
fn traces() -> Vec<TraceReport> {
    let mut all = vec![generated()];
    let folders = [
        "gaudi/driven_v1_full",
        "gaudi/driven_v0_full",
        "kineto/vllm_cuda",
        "kineto/tracelens/mi300",
        "kineto/torch_cpu",
    ];
    for folder in folders {
        let files = corpus::files(folder);
        let first = files
            .iter()
            .find(|file| file.to_string_lossy().ends_with(".json.gz"));
        let Some(file) = first.or_else(|| files.iter().find(|file| file.ends_with(".json"))) else {
            continue;
        };
        let opened = open_bytes(folder, &std::fs::read(file).unwrap()).unwrap();
        all.push(opened.whole_report());
    }
    if let Some(opened) = ascend::open(ascend::LEVELS[1]) {
        all.push(opened.whole_report());
    }
    all
}

/// Columns that files have.
fn columns(of: &Filled<'_>) -> Vec<usize> {
    let columns = of.rows.columns.iter().enumerate();
    columns
        .filter(|(_, column)| !column.kind.is_drawn())
        .map(|(at, _)| at)
        .collect()
}

fn records(csv: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let fields = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head = fields(reader.headers().unwrap());
    (
        head,
        reader.records().map(|record| fields(&record.unwrap())).collect(),
    )
}

fn objects(json: &str) -> Vec<serde_json::Map<String, Value>> {
    serde_json::from_str(json).unwrap()
}

#[test]
fn every_format_has_every_row_of_every_table() {
    let mut seen = std::collections::BTreeSet::new();
    for report in &traces() {
        let answers = Answers::of_report(report);
        for of in table::filled(&answers) {
            check_formats(&of, answers.origin_ns());
            seen.insert(of.key);
        }
    }
    for key in [
        "steps",
        "kernels",
        "operators",
        "gaps",
        "recompiles",
        "categories",
    ] {
        assert!(seen.contains(key), "{key} is in none: {seen:?}");
    }
    if corpus::root().is_some() {
        for key in ["launches", "idle", "copies", "step_breakdown", "kernel_details"] {
            assert!(seen.contains(key), "{key} is in none: {seen:?}");
        }
    }
}

fn check_formats(of: &Filled<'_>, origin_ns: i64) {
    let (key, n) = (&of.key, of.rows.len());
    assert!(n > 0, "{key} is offered without rows");
    let keys: Vec<&str> = columns(of).iter().map(|&at| &*of.rows.columns[at].key).collect();
    let (head, records) = records(&export::table_csv(of));
    assert_eq!(head, keys, "{key}");
    assert_eq!(records.len(), n, "{key}");
    let objects = objects(&export::table_json(of));
    assert_eq!(objects.len(), n, "{key}");
    for (row, (record, object)) in records.iter().zip(&objects).enumerate() {
        assert_eq!(object.len(), keys.len(), "{key}, row {row}");
        for (name, field) in keys.iter().zip(record) {
            let value = &object[*name];
            assert_eq!(
                value.is_null(),
                field.is_empty(),
                "{key}.{name}, row {row}: {field:?}"
            );
            match value {
                // serde_json reads a float to within one unit of its last place.
                Value::Number(number) if number.is_f64() => {
                    let (of_json, of_csv) = (number.as_f64().unwrap(), field.parse::<f64>().unwrap());
                    let apart = (of_json - of_csv).abs();
                    assert!(apart <= of_csv.abs() * f64::EPSILON, "{key}.{name}, row {row}");
                }
                Value::Number(number) => {
                    assert_eq!(&number.to_string(), field, "{key}.{name}, row {row}");
                }
                Value::Bool(flag) => assert_eq!(&flag.to_string(), field, "{key}.{name}, row {row}"),
                _ => {}
            }
            if let Some(whole) = value.as_i64() {
                assert_eq!(&whole.to_string(), field, "{key}.{name}, row {row}");
            }
        }
    }
    let tsv = export::table_tsv(of, origin_ns);
    assert_eq!(tsv.lines().count(), n + 1, "{key}");
    let tabs = |line: &str| line.matches('\t').count();
    let of_head = tsv.lines().next().map(tabs);
    assert!(tsv.lines().all(|line| Some(tabs(line)) == of_head), "{key}");
    let markdown = export::table_markdown(of, origin_ns);
    assert_eq!(
        markdown.lines().filter(|line| line.starts_with('|')).count(),
        n + 2,
        "{key}"
    );
    let text = export::table_text(of, origin_ns);
    assert!(text.lines().count() > n, "{key}");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{key}: {line:?}");
    }
}

#[test]
fn files_and_the_json_report_have_the_same_numbers() {
    for report in traces() {
        let json = export::report_json(&Report {
            schema: SCHEMA.to_owned(),
            traces: vec![report.clone()],
            workers: None,
            ranks: None,
        });
        let whole: Value = serde_json::from_str(&json).unwrap();
        let answers = Answers::of_report(&report);
        for key in ["steps", "kernels", "operators", "python", "modules", "recompiles"] {
            let listed = whole["traces"][0][key].as_array().unwrap();
            let Some(of) = table::find(key, &answers) else {
                assert_eq!(listed.len(), 0, "{key}");
                continue;
            };
            let (head, records) = records(&export::table_csv(&of));
            assert_eq!(records.len(), listed.len(), "{key}");
            let mut compared = 0;
            for (record, item) in records.iter().zip(listed) {
                for (name, field) in head.iter().zip(record) {
                    let inner = match name.as_str() {
                        "device_busy_ns"
                        | "device_idle_ns"
                        | "device_start_ns"
                        | "device_end_ns"
                        | "device_gap_before_ns" => item["device"].get(&name["device_".len()..]),
                        "bucket_batch" | "bucket_seq" | "bucket_ctx" => {
                            item["bucket"].get(&name["bucket_".len()..])
                        }
                        _ => item["parts"].get(name),
                    };
                    match item.get(name).or(inner) {
                        Some(value) if value.is_number() || value.is_boolean() => {
                            assert_eq!(field, &value.to_string(), "{}: {key}.{name}", report.file);
                            compared += 1;
                        }
                        Some(Value::Null) => assert_eq!(field, "", "{}: {key}.{name}", report.file),
                        _ => {}
                    }
                }
            }
            // At least a count and two times of each.
            assert!(compared >= 3 * listed.len(), "{key}: {compared} of {head:?}");
        }
    }
}

/// How two values of a column must lie; `None` where any order will do.
fn order(kind: &Kind, a: &Cell, b: &Cell) -> Option<Ordering> {
    match (a, b) {
        (Cell::Int(a), Cell::Int(b)) => Some(a.cmp(b)),
        (Cell::Real(a), Cell::Real(b)) => a.partial_cmp(b),
        (Cell::Flag(a), Cell::Flag(b)) => Some(a.cmp(b)),
        (Cell::Bucket(a), Cell::Bucket(b)) => Some(a.cmp(b)),
        (Cell::Text(a), Cell::Text(b)) => {
            let is_number = |text: &str| text.parse::<f64>().is_ok();
            (!is_number(a) && !is_number(b)).then(|| a.to_lowercase().cmp(&b.to_lowercase()))
        }
        (Cell::Term(_), Cell::Term(_)) => Some(a.words(kind, 0).cmp(&b.words(kind, 0))),
        _ => None,
    }
}

#[test]
fn a_sorted_column_is_in_order_and_unknown_comes_last() {
    for report in &traces() {
        let answers = Answers::of_report(report);
        for of in table::filled(&answers) {
            for at in columns(&of) {
                let column = &of.rows.columns[at];
                for descending in [false, true] {
                    let ask = Ask {
                        order: Some(Order {
                            column: column.key.clone(),
                            descending,
                        }),
                        ..Ask::default()
                    };
                    let numbers = table::chosen(&of.rows, &ask).unwrap();
                    let mut sorted = numbers.clone();
                    sorted.sort_unstable();
                    assert!(sorted.iter().enumerate().all(|(i, &n)| i == n as usize));
                    assert_eq!(sorted.len(), of.rows.len());
                    let cells: Vec<Cell> = numbers.iter().map(|&n| of.rows.cell(n as usize, at)).collect();
                    for pair in cells.windows(2) {
                        let [a, b] = pair else { continue };
                        assert!(
                            *a != Cell::Unknown || *b == Cell::Unknown,
                            "{}.{}: unknown comes last",
                            of.key,
                            column.key
                        );
                        let wrong = if descending {
                            Ordering::Less
                        } else {
                            Ordering::Greater
                        };
                        assert_ne!(
                            order(&column.kind, a, b),
                            Some(wrong),
                            "{}.{}: {a:?} {b:?}",
                            of.key,
                            column.key
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_table_without_rows_is_not_offered() {
    for report in &traces() {
        let answers = Answers::of_report(report);
        let names = table::names(&answers);
        for table in TABLES {
            let rows = (table.rows)(&answers);
            let is_offered = names.iter().any(|name| name.key == table.key);
            assert_eq!(is_offered, !rows.is_empty(), "{}: {}", report.file, table.key);
            assert_eq!(
                is_offered,
                table::find(table.key, &answers).is_some(),
                "{}",
                table.key
            );
        }
    }
}

#[test]
fn a_table_of_the_file_that_has_a_head_alone_is_not_offered() {
    let table = |title: &str, rows: &[&str]| PlainTable {
        title: title.to_owned(),
        columns: vec!["Stream Id".to_owned()],
        rows: rows.iter().map(|cell| vec![(*cell).to_owned()]).collect(),
        n_rows: rows.len() as u64,
        ..PlainTable::default()
    };
    let report = TraceReport {
        beside: Some(ProfilerTables {
            plain_tables: vec![table("empty", &[]), table("one row", &["7"])],
            ..ProfilerTables::default()
        }),
        ..TraceReport::default()
    };
    let answers = Answers::of_report(&report);
    let offered = table::names(&answers);
    let titles: Vec<&str> = offered.iter().map(|name| &*name.title).collect();
    assert_eq!(titles, ["one row"]);
    assert!(table::find("raw_1", &answers).is_none());
    assert_eq!(
        table::find("raw_2", &answers).map(|found| found.rows.len()),
        Some(1)
    );
}

#[test]
fn a_page_in_the_middle_of_a_million_steps_is_answered() {
    const N: u32 = 1_000_000;
    let steps = (0..N).map(|index| Step {
        index,
        start_ns: i64::from(index) * 1_000,
        dur_ns: i64::from(N - index),
        ..Step::default()
    });
    let report = TraceReport {
        steps: steps.collect(),
        ..TraceReport::default()
    };
    let answers = Answers::of_report(&report);
    let of = table::find("steps", &answers).unwrap();
    let ask = Ask {
        first_row: N / 2,
        n_rows: 50,
        ..Ask::default()
    };
    let indices = |ask: &Ask| {
        let numbers = table::chosen(&of.rows, ask);
        let page = of.page(ask, numbers.as_deref(), 0);
        assert_eq!((page.n_rows, page.n_all, page.first_row), (N, N, N / 2));
        page.rows
            .iter()
            .map(|row| match row[0] {
                Cell::Int(index) => index,
                ref other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(indices(&ask), (500_000..500_050).collect::<Vec<_>>());
    let shortest_first = Ask {
        order: Some(Order {
            column: "dur_ns".into(),
            descending: false,
        }),
        ..ask
    };
    assert_eq!(
        indices(&shortest_first),
        (499_950..500_000).rev().collect::<Vec<_>>()
    );
}
