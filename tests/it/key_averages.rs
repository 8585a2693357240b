//! The operator tables against torch's own: the `key_averages()` that were dumped beside the traces.

use std::collections::BTreeMap;

use serde_json::Value;
use stepscope::analyze::host::operators_by_name::grouped;
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

// ---- a real trace of CUDA with its table ----------------------------------------------------------------------

const CUDA: &str = "kineto/vllm_cuda/1765516811841277604-rank-0.1765516854917831845.pt.trace.json.gz";

#[test]
fn the_table_of_a_cuda_trace_is_ours_to_its_digits() {
    use stepscope::analyze::report::TableVerdict;
    let Some(trace) = corpus::read(CUDA) else { return };
    let table = corpus::read("kineto/vllm_cuda/profiler_out_0.txt").unwrap();
    let mut loader = stepscope::session::Loader::new("t.json");
    assert!(loader.attach_metrics("profiler_out_0.txt", &table));
    loader.feed(&trace);
    let report = loader.finish().unwrap().report;
    let sort = report.operators.iter().find(|o| o.name == "aten::sort").unwrap();
    assert_eq!(
        (sort.count, sort.self_cpu_ns, sort.total_cpu_ns),
        (17, 754_228, 12_454_165)
    );
    // Calls are no operators.
    assert!(report.operators.iter().all(|o| o.name != "cudaLaunchKernel"));
    let check = report.table.unwrap();
    // Where device time differs, torch's is not that of the row: it compares the number of a call that no operator
    // made (`cudaStreamIsCapturing`, `Lazy Function Loading`) with the ids of operators, and gives it the work of the
    // operator that happens to have it; operators around such calls have it in their total. The ids of the profiler's
    // own work are not in the trace, so it cannot be computed, and would be wrong. The step's annotation has the work
    // of its graph launches here, which names no operator.
    let differ: Vec<&str> = check
        .rows
        .iter()
        .filter(|r| r.verdict != TableVerdict::Equal)
        .map(|r| r.name.as_str())
        .collect();
    assert_eq!(
        differ,
        [
            "aten::cumsum",
            "aten::sort",
            "aten::copy_",
            "cudaStreamIsCapturing",
            "Lazy Function Loading",
            "Runtime Triggered Module Loading",
            "cudaGraphLaunch",
            "cudaDriverGetVersion",
            "aten::sub",
            "aten::index",
            "aten::fill_",
            "cudaEventSynchronize",
            "Activity Buffer Request",
            "execute_new_1_cached_0",
            "cudaLaunchKernel",
            "aten::to",
            "aten::_to_copy",
        ]
    );
    assert_eq!(
        (
            check.equal,
            check.by_definition,
            check.differ,
            check.only_in_table
        ),
        (83, 17, 0, 0)
    );
    for row in &check.rows {
        // All 100 rows are equal on the host, in calls, self and total time; those of operators in device self time.
        let near = |theirs: Option<i64>, ours: Option<i64>| {
            let (theirs, ours) = (theirs.unwrap(), ours.unwrap());
            let digit = if theirs >= 1_000_000_000 {
                500_000
            } else if theirs >= 1_000_000 {
                500
            } else {
                0
            };
            (theirs - ours).abs() <= digit
        };
        assert_eq!(Some(row.calls), row.our_calls, "{row:?}");
        assert!(near(row.self_cpu_ns, row.our_self_cpu_ns), "{row:?}");
        assert!(near(row.total_cpu_ns, row.our_total_cpu_ns), "{row:?}");
        if row.name.starts_with("aten::") {
            assert!(near(row.self_device_ns, row.our_self_device_ns), "{row:?}");
        }
        assert_eq!(row.why.is_empty(), row.verdict == TableVerdict::Equal, "{row:?}");
    }
    // What the table leaves out after 100 rows is what ours has more.
    assert_eq!(check.left_out_self_cpu_ns, Some(13_109_523));
    assert_eq!(check.not_listed, Some(27));
    assert_eq!(check.notes.len(), 2);
}

/// Calls, self and total CPU time of operators by name.
fn host_rows(text: &str) -> Vec<(String, Numbers)> {
    let opened = open_bytes("a.json", text.as_bytes()).unwrap();
    let rows = opened.report.operators.iter();
    rows.map(|o| (o.name.clone(), got(o))).collect()
}

fn rows_are(text: &str, want: &[(&str, Numbers)]) {
    let want: Vec<_> = want.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    assert_eq!(host_rows(text), want);
}

#[test]
fn calls_of_every_runtime_take_time_and_python_frames_do_not() {
    for category in [
        "cuda_runtime",
        "cuda_driver",
        "Runtime",
        "mtia_runtime",
        "privateuse1_runtime",
        "xpu_runtime",
    ] {
        let text = format!(
            r#"{{"schemaVersion":1,"traceEvents":[
            {{"ph":"X","cat":"cpu_op","name":"aten::outer","pid":1,"tid":1,"ts":0,"dur":100}},
            {{"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":1,"ts":10,"dur":50}},
            {{"ph":"X","cat":"{category}","name":"launch","pid":1,"tid":1,"ts":20,"dur":30}},
            {{"ph":"X","cat":"{category}","name":"inner","pid":1,"tid":1,"ts":25,"dur":5}},
            {{"ph":"X","cat":"{category}","name":"launch","pid":1,"tid":1,"ts":70,"dur":7}},
            {{"ph":"X","cat":"{category}","name":"elsewhere","pid":1,"tid":2,"ts":5,"dur":90}},
            {{"ph":"X","cat":"python_function","name":"a.py(1): f","pid":1,"tid":1,"ts":1,"dur":98}}]}}"#
        );
        rows_are(
            &text,
            &[
                ("aten::outer", (1, 43_000, 100_000)),
                ("aten::mm", (1, 20_000, 50_000)),
            ],
        );
    }
}

#[test]
fn the_profilers_own_work_belongs_to_the_thread_that_ran_it() {
    let text = r#"{"schemaVersion":1,"traceEvents":[
        {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":7,"tid":7,"ts":10,"dur":50},
        {"ph":"X","cat":"cpu_op","name":"aten::add","pid":7,"tid":9,"ts":10,"dur":50},
        {"ph":"X","cat":"cpu_op","name":"aten::add","pid":7,"tid":9,"ts":110,"dur":50},
        {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":7,"tid":7,"ts":20,"dur":30},
        {"ph":"X","cat":"overhead","name":"Lazy Function Loading","pid":-1,"tid":0,"ts":22,"dur":20},
        {"ph":"X","cat":"overhead","name":"Buffer Flush","pid":-1,"tid":0,"ts":52,"dur":3}]}"#;
    rows_are(
        text,
        &[
            ("aten::add", (2, 100_000, 100_000)),
            ("aten::mm", (1, 17_000, 50_000)),
        ],
    );
}

#[test]
fn an_operator_of_no_length_counts() {
    // Whole microseconds, as torch 1.12 to 2.2 wrote them.
    let text = r#"{"schemaVersion":1,"traceEvents":[
        {"ph":"X","cat":"cpu_op","name":"aten::outer","pid":1,"tid":1,"ts":10,"dur":5},
        {"ph":"X","cat":"cpu_op","name":"aten::view","pid":1,"tid":1,"ts":12,"dur":0},
        {"ph":"X","cat":"cpu_op","name":"aten::view","pid":1,"tid":1,"ts":15,"dur":0},
        {"ph":"X","cat":"cpu_op","name":"aten::empty","pid":1,"tid":1,"ts":10,"dur":2}]}"#;
    rows_are(
        text,
        &[
            ("aten::outer", (1, 3_000, 5_000)),
            ("aten::empty", (1, 2_000, 2_000)),
            ("aten::view", (2, 0, 0)),
        ],
    );
}

#[test]
fn annotations_of_collectives_lie_in_no_operator() {
    for name in ["gloo:all_reduce", "nccl:all_gather", "ucc:barrier", "xccl:send"] {
        let text = format!(
            r#"{{"schemaVersion":1,"traceEvents":[
            {{"ph":"X","cat":"cpu_op","name":"c10d::op_","pid":1,"tid":1,"ts":0,"dur":50}},
            {{"ph":"X","cat":"user_annotation","name":"{name}","pid":1,"tid":1,"ts":10,"dur":80}},
            {{"ph":"X","cat":"cpu_op","name":"aten::copy_","pid":1,"tid":1,"ts":20,"dur":10}}]}}"#
        );
        rows_are(
            &text,
            &[
                ("c10d::op_", (1, 40_000, 50_000)),
                ("aten::copy_", (1, 10_000, 10_000)),
                (name, (1, 0, 80_000)),
            ],
        );
    }
}

/// A trace of one thread with python frames, and tables of it that torch could have printed.
const FRAMES: &str = r#"{"schemaVersion":1,"with_stack":1,"traceEvents":[
    {"ph":"X","cat":"cpu_op","name":"aten::outer","pid":1,"tid":1,"ts":0,"dur":100},
    {"ph":"X","cat":"python_function","name":"a.py(1): f","pid":1,"tid":1,"ts":10,"dur":80},
    {"ph":"X","cat":"cpu_op","name":"aten::add","pid":1,"tid":1,"ts":20,"dur":30},
    {"ph":"X","cat":"cpu_op","name":"aten::add","pid":1,"tid":1,"ts":60,"dur":5}]}"#;

fn against(trace: &str, table: &str) -> stepscope::analyze::report::TableCheck {
    let mut loader = stepscope::session::Loader::new("t.json");
    assert!(loader.attach_metrics("profiler_out_0.txt", table.as_bytes()));
    loader.feed(trace.as_bytes());
    loader.finish().unwrap().report.table.unwrap()
}

#[test]
fn a_table_that_takes_the_time_of_python_frames_is_compared_by_that_rule() {
    let table = |outer: &str| {
        format!(
            "\
-----------  ------------  ------------  ------------
       Name      Self CPU     CPU total    # of Calls
-----------  ------------  ------------  ------------
aten::outer  {outer:>12}     100.000us             1
  aten::add      35.000us      35.000us             2
-----------  ------------  ------------  ------------
Self CPU time total: 100.000us
"
        )
    };
    // 2.15: the frame of 80 us is a child.
    let new = against(FRAMES, &table("20.000us"));
    assert_eq!((new.equal, new.differ), (2, 0));
    assert!(new.notes.iter().any(|n| n.contains("2.15")), "{:?}", new.notes);
    // 2.9: it is not.
    let old = against(FRAMES, &table("65.000us"));
    assert_eq!((old.equal, old.differ), (2, 0));
    assert!(old.notes.iter().all(|n| !n.contains("2.15")), "{:?}", old.notes);
    // Neither.
    let wrong = against(FRAMES, &table("30.000us"));
    assert_eq!((wrong.equal, wrong.differ), (1, 1));
    assert!(wrong.rows[0].why.starts_with("Only self time differs"));
}

#[test]
fn rows_that_a_table_tells_apart_by_overload_or_source_add_up() {
    for (column, cells) in [
        ("Overload Name", ["       Tensor", "       Scalar"]),
        ("Source Location", ["a.py(1): f   ", "b.py(2): g   "]),
    ] {
        let table = |rows: &str| {
            format!(
                "\
-----------  ------------  ------------  ------------  -------------
       Name      Self CPU     CPU total    # of Calls  {column:>13}
-----------  ------------  ------------  ------------  -------------
{rows}-----------  ------------  ------------  ------------  -------------
Self CPU time total: 100.000us
"
            )
        };
        let column_is_wide = column.len() > 13;
        let row = |name: &str, own: &str, total: &str, n: u32, cell: &str| {
            format!("{name:>11}  {own:>12}  {total:>12}  {n:>12}  {cell}\n")
        };
        let outer = row("aten::outer", "65.000us", "100.000us", 1, "             ");
        let one = row("aten::add", "30.000us", "30.000us", 1, cells[0]);
        let frame = row("", "", "", 0, "c.py(3): h   ").replace("           0  ", "              ");
        let two = row("aten::add", "5.000us", "5.000us", 1, cells[1]);
        let text = table(&format!("{outer}{one}{frame}{two}"));
        let text = match column_is_wide {
            true => text
                .replace("-------------\n", "---------------\n")
                .replace("  \n", "\n"),
            false => text,
        };
        let check = against(FRAMES, &text);
        assert_eq!(
            (check.equal, check.differ, check.unread_lines),
            (3, 0, 0),
            "{column}: {check:#?}"
        );
        assert!(check.rows[1].why.contains("add up"), "{column}");
        // Cut after two rows: what is there is a part.
        let check = against(FRAMES, &text.replace(two.trim_end(), "").replace("\n\n", "\n"));
        assert_eq!(
            (check.equal, check.by_definition, check.differ),
            (1, 1, 0),
            "{column}: {check:#?}"
        );
        assert!(
            check.rows[1].why.contains("1 of 2 calls"),
            "{column}: {:?}",
            check.rows[1]
        );
    }
}
