//! The operator tables against torch's own: the `key_averages()` that were dumped beside the traces.

use std::collections::BTreeMap;

use serde_json::Value;
use stepscope::analyze::host::operators::grouped;
use stepscope::analyze::report::{Grouping, Operator};
use stepscope::session::{Opened, open_bytes};

use crate::corpus;

fn open(path: &str) -> Option<Opened> {
    let bytes = corpus::read(path)?;
    Some(open_bytes(path, &bytes).unwrap_or_else(|e| panic!("{path}: {e}")))
}

fn rows_of(path: &str) -> Vec<Value> {
    let json: Value = serde_json::from_slice(&corpus::read(path).unwrap()).unwrap();
    json["rows"].as_array().unwrap().clone()
}

/// Calls, own ns, ns.
type Numbers = (u64, i64, i64);

fn want(row: &Value) -> Numbers {
    #[expect(clippy::cast_possible_truncation, reason = "minutes in ns fit")]
    let ns = |key: &str| (row[key].as_f64().unwrap() * 1e3).round() as i64;
    (
        row["count"].as_u64().unwrap(),
        ns("self_cpu_time_total"),
        ns("cpu_time_total"),
    )
}

fn got(row: &Operator) -> Numbers {
    (row.count, row.self_cpu_ns, row.total_cpu_ns)
}

/// torch tells apart operators and annotations of one name; so do we, by category. None of these traces has a name
/// that is both.
fn by_name<'a, K: Ord>(rows: impl Iterator<Item = (K, Numbers)> + 'a) -> BTreeMap<K, Numbers> {
    let mut all = BTreeMap::new();
    for (key, n) in rows {
        assert!(all.insert(key, n).is_none());
    }
    all
}

const ALL: [&str; 7] = [
    "torch-2.9.1/plain",
    "torch-2.9.1/shapes_mem",
    "torch-2.9.1/full",
    "torch-2.9.1/compile_eager_recompiles",
    "torch-2.15.0/plain",
    "torch-2.15.0/compile_eager_recompiles",
    "large-2.9.1/full_1000steps",
];

#[test]
fn operators_by_name_are_torchs_to_the_nanosecond() {
    for case in ALL {
        let base = format!("kineto/torch_cpu/{case}");
        let Some(opened) = open(&format!("{base}.pt.trace.json.gz")) else {
            return;
        };
        let reference = rows_of(&format!("{base}.key_averages.json"));
        let operators = grouped(&opened.index, &opened.vocabulary, Grouping::Name);
        let ours = by_name(operators.iter().map(|o| (o.name.clone(), got(o))));
        // `[memory]` is what was allocated outside of any operator, counted in the memory view.
        let theirs = by_name(
            reference
                .iter()
                .filter(|row| row["key"] != "[memory]")
                .map(|row| (row["key"].as_str().unwrap().to_owned(), want(row))),
        );
        assert!(theirs.len() >= 39, "{case}");
        assert_eq!(ours, theirs, "{case}");
        let has_memory = reference.iter().any(|row| row["key"] == "[memory]");
        assert_eq!(operators[0].self_cpu_bytes.is_some(), has_memory, "{case}");
    }
}

#[test]
fn operators_by_shape_are_torchs() {
    for case in ["torch-2.9.1/full", "torch-2.9.1/shapes_mem"] {
        let base = format!("kineto/torch_cpu/{case}");
        let Some(opened) = open(&format!("{base}.pt.trace.json.gz")) else {
            return;
        };
        let shape = |value: &Value| value.to_string();
        let theirs = by_name(
            rows_of(&format!("{base}.key_averages_by_shape.json"))
                .iter()
                .filter(|row| row["key"] != "[memory]")
                .map(|row| {
                    let name = row["key"].as_str().unwrap().to_owned();
                    ((name, shape(&row["input_shapes"])), want(row))
                }),
        );
        // The trace says more than the table: torch's table writes [] for a list of tensors (`aten::cat`), the trace
        // writes the shape of each. Folded together they are the table's rows.
        let mut ours: BTreeMap<(String, String), Numbers> = BTreeMap::new();
        let operators = grouped(&opened.index, &opened.vocabulary, Grouping::Shape);
        for row in &operators {
            let mut dims: Value =
                serde_json::from_str(row.shapes.as_deref().unwrap_or("[]")).expect("shapes are JSON");
            for dim in dims.as_array_mut().unwrap() {
                if dim.as_array().is_some_and(|d| d.iter().any(Value::is_array)) {
                    *dim = Value::Array(Vec::new());
                }
            }
            let sum = ours.entry((row.name.clone(), shape(&dims))).or_default();
            let n = got(row);
            *sum = (sum.0 + n.0, sum.1 + n.1, sum.2 + n.2);
        }
        assert_eq!(theirs.len(), 445, "{case}");
        assert_eq!(ours, theirs, "{case}");
        assert!(operators.len() > theirs.len(), "lists of tensors are told apart");
    }
}

#[test]
fn operators_by_stack_add_up_to_those_by_name() {
    let base = "kineto/torch_cpu/torch-2.9.1/full";
    let Some(opened) = open(&format!("{base}.pt.trace.json.gz")) else {
        return;
    };
    // torch gives `key_averages(group_by_stack_n=5)` stacks only with `experimental_config(verbose=True)`; without, as
    // here, every stack is empty and the table is the one by name. The trace's python frames give them all the same.
    let reference = rows_of(&format!("{base}.key_averages_by_stack5.json"));
    assert!(
        reference
            .iter()
            .all(|row| row["stack"].as_array().unwrap().is_empty())
    );
    let theirs = by_name(
        reference
            .iter()
            .filter(|row| row["key"] != "[memory]")
            .map(|row| (row["key"].as_str().unwrap().to_owned(), want(row))),
    );
    let operators = grouped(&opened.index, &opened.vocabulary, Grouping::Stack);
    let mut ours: BTreeMap<String, Numbers> = BTreeMap::new();
    for row in &operators {
        let sum = ours.entry(row.name.clone()).or_default();
        let n = got(row);
        *sum = (sum.0 + n.0, sum.1 + n.1, sum.2 + n.2);
    }
    assert_eq!(ours, theirs);
    // One line of the model, called by the module of each of its four blocks.
    let silu: Vec<&Operator> = operators.iter().filter(|o| o.name == "aten::silu").collect();
    assert_eq!(silu.len(), 4);
    for row in silu {
        assert_eq!((row.count, row.stack.len()), (51, 5));
        assert_eq!(row.stack[0], "<built-in function silu>");
        assert!(row.stack[4].starts_with("nn.Module: SiLU_"), "{:?}", row.stack);
    }
}

/// A bound of an operator, ns of the Unix epoch, as torch 2.9 compares it with the ns of an allocation: to µs and back
/// in an `f64`, which steps by a quarter of a µs there (`in_interval(start_ns() / 1000, …)`, then `* 1000`, in
/// `torch/autograd/profiler_util.py`).
#[expect(clippy::cast_possible_truncation, reason = "whole ns below 2^63")]
fn rounded(ns: i64) -> i64 {
    // Python divides whole numbers with one rounding; so does reading a decimal.
    let micros: f64 = format!("{}.{:03}", ns / 1000, ns % 1000).parse().unwrap();
    (micros * 1000.0) as i64
}

#[test]
fn bytes_of_operators_are_exact_where_torch_rounds_to_a_quarter_microsecond() {
    // Own bytes that differ by that rounding: a free 60 to 80 ns before the end of `aten::layer_norm` lies behind it
    // for torch, which then is its parent's.
    let own_differ: [(&str, &[&str]); 2] = [
        (
            "torch-2.9.1/full",
            &[
                "aten::layer_norm",
                "aten::scaled_dot_product_attention",
                "gpu_model_runner: forward",
            ],
        ),
        (
            "torch-2.9.1/shapes_mem",
            &[
                "aten::empty",
                "aten::layer_norm",
                "aten::native_layer_norm",
                "aten::scaled_dot_product_attention",
                "aten::_scaled_dot_product_flash_attention_for_cpu",
                "gpu_model_runner: forward",
            ],
        ),
    ];
    for (case, own_differ) in own_differ {
        let base = format!("kineto/torch_cpu/{case}");
        let Some(opened) = open(&format!("{base}.pt.trace.json.gz")) else {
            return;
        };
        let epoch = opened.vocabulary.base_time_ns.unwrap();
        let events = events_of(&format!("{base}.pt.trace.json.gz"));
        let ns = |e: &Value, key: &str| ns_of(&e[key].to_string());
        let mut allocations: Vec<(i64, i64)> = events
            .iter()
            .filter(|e| e["name"] == "[memory]")
            .map(|e| (ns(e, "ts"), e["args"]["Bytes"].as_i64().unwrap()))
            .collect();
        allocations.sort_unstable();
        assert_eq!(allocations.len(), 7_738, "{case}");
        let mut exact: BTreeMap<String, i64> = BTreeMap::new();
        let mut as_torch: BTreeMap<String, i64> = BTreeMap::new();
        for e in &events {
            if e["cat"] != "cpu_op" && e["cat"] != "user_annotation" {
                continue;
            }
            let (start, end) = (ns(e, "ts"), ns(e, "ts") + ns(e, "dur"));
            let from = allocations.partition_point(|a| a.0 < start - 1_000);
            let to = allocations.partition_point(|a| a.0 <= end + 1_000);
            let near = &allocations[from..to];
            let name = || e["name"].as_str().unwrap().to_owned();
            let inside = near.iter().filter(|a| a.0 >= start && a.0 <= end);
            *exact.entry(name()).or_default() += inside.map(|a| a.1).sum::<i64>();
            let (start, end) = (rounded(epoch + start), rounded(epoch + end));
            let inside = near.iter().filter(|a| (start..=end).contains(&(epoch + a.0)));
            *as_torch.entry(name()).or_default() += inside.map(|a| a.1).sum::<i64>();
        }
        let operators = grouped(&opened.index, &opened.vocabulary, Grouping::Name);
        let ours: BTreeMap<String, i64> = operators
            .iter()
            .map(|o| (o.name.clone(), o.total_cpu_bytes.unwrap()))
            .collect();
        assert_eq!(ours, exact, "{case}");
        let reference = rows_of(&format!("{base}.key_averages.json"));
        for row in &reference {
            let name = row["key"].as_str().unwrap();
            if name == "[memory]" {
                continue;
            }
            assert_eq!(row["cpu_memory_usage"], as_torch[name], "{case}: {name}");
            let own = operators.iter().find(|o| o.name == name).unwrap().self_cpu_bytes;
            if !own_differ.contains(&name) {
                assert_eq!(row["self_cpu_memory_usage"], own.unwrap(), "{case}: {name}");
            }
        }
    }
}

/// The events, with every number as it is written.
fn events_of(path: &str) -> Vec<Value> {
    let mut text = Vec::new();
    let mut inflater = stepscope::session::Inflater::default();
    inflater.feed(&corpus::read(path).unwrap(), &mut |piece| {
        text.extend_from_slice(piece)
    });
    let mut trace: Value = serde_json::from_slice(&text).unwrap();
    match trace["traceEvents"].take() {
        Value::Array(events) => events,
        _ => panic!("{path}: no events"),
    }
}

/// Decimal µs, of three decimals or fewer, as ns. Below 2^53 ns an `f64` that is read and written again is what it was.
fn ns_of(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let ns: i64 = format!("{part:0<3}").parse().unwrap();
    whole.parse::<i64>().unwrap() * 1000 + ns
}

#[test]
fn steps_of_a_schedule_count_as_one_operator_and_torchs_own_calls_as_none() {
    let text = r#"{"schemaVersion":1,"traceEvents":[
        {"ph":"X","cat":"user_annotation","name":"ProfilerStep#1","pid":1,"tid":1,"ts":0,"dur":10},
        {"ph":"X","cat":"cpu_op","name":"profiler::_record_function_enter_new","pid":1,"tid":1,"ts":1,"dur":8},
        {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":2,"dur":5},
        {"ph":"X","cat":"user_annotation","name":"ProfilerStep#2","pid":1,"tid":1,"ts":20,"dur":4},
        {"ph":"X","cat":"user_annotation","name":"ProfilerStep#x","pid":1,"tid":1,"ts":30,"dur":1}]}"#;
    let opened = open_bytes("a.json", text.as_bytes()).unwrap();
    let rows: Vec<(&str, u64, i64, i64)> = opened
        .report
        .operators
        .iter()
        .map(|o| (o.name.as_str(), o.count, o.self_cpu_ns, o.total_cpu_ns))
        .collect();
    assert_eq!(
        rows,
        [
            ("ProfilerStep*", 2, 9_000, 14_000),
            ("aten::mm", 1, 5_000, 5_000),
            ("ProfilerStep#x", 1, 1_000, 1_000),
        ]
    );
}

// ---- torch's table as text ----------------------------------------------------------------------------------

#[test]
fn tables_of_text_hold_against_their_traces() {
    use stepscope::session::{Loader, is_metrics};
    for (case, rows) in [
        ("torch-2.9.1/plain", 40),
        ("torch-2.9.1/shapes_mem", 41),
        ("torch-2.9.1/full", 41),
        ("torch-2.15.0/plain", 41),
    ] {
        let base = format!("kineto/torch_cpu/{case}");
        let Some(trace) = corpus::read(&format!("{base}.pt.trace.json.gz")) else {
            return;
        };
        let table = corpus::read(&format!("{base}.table.txt")).unwrap();
        assert!(is_metrics(&table[..512]), "{case}");
        let mut loader = Loader::new("t.json");
        assert!(loader.attach_metrics("profiler_out_0.txt", &table));
        loader.feed(&trace);
        let report = loader.finish().unwrap().report;
        let check = report.table.unwrap();
        let odd: Vec<_> = check.rows.iter().filter(|r| !r.why.is_empty()).collect();
        assert_eq!(
            (check.equal, check.differ, check.only_in_table),
            (rows, 0, 0),
            "{case}: {odd:#?}"
        );
        assert_eq!(check.unread_lines, 0);
        let alone = open_bytes("profiler_out_0.txt", &table).unwrap().report;
        assert_eq!(alone.format, "torch-table");
        assert_eq!(alone.table.unwrap().only_in_table, rows);
    }
}

#[test]
fn a_table_of_another_recording_says_where_it_differs() {
    let Some(table) = corpus::read("kineto/torch_cpu/torch-2.9.1/plain.table.txt") else {
        return;
    };
    let trace = corpus::read("kineto/torch_cpu/torch-2.9.1/full.pt.trace.json.gz").unwrap();
    let mut loader = stepscope::session::Loader::new("t.json");
    loader.attach_metrics("profiler_out_0.txt", &table);
    loader.feed(&trace);
    let check = loader.finish().unwrap().report.table.unwrap();
    // The same program, so calls are the same; no two times are.
    assert_eq!((check.equal, check.differ), (0, 40));
    assert!(check.rows.iter().all(|r| r.why.contains("another recording")));
}
