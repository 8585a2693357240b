//! What a torch trace says of its host: compiles by torch.compile, allocations, modules, sizes. Known answers of the
//! corpus, and independent counts by serde_json.

use std::collections::BTreeMap;

use serde_json::Value;
use stepscope::analyze::report::{Evidence, TraceReport};
use stepscope::session::{Inflater, Opened, open_bytes};

use crate::corpus;

fn open(path: &str) -> Option<Opened> {
    let bytes = corpus::read(path)?;
    Some(open_bytes(path, &bytes).unwrap_or_else(|e| panic!("{path}: {e}")))
}

/// The events as serde_json reads them, and how long the text is.
fn events_of(path: &str) -> (Vec<Value>, u64) {
    let mut text = Vec::new();
    Inflater::default().feed(&corpus::read(path).unwrap(), &mut |piece| {
        text.extend_from_slice(piece);
    });
    let mut trace: Value = serde_json::from_slice(&text).unwrap();
    match trace["traceEvents"].take() {
        Value::Array(events) => (events, text.len() as u64),
        _ => panic!("{path}: no events"),
    }
}

// ---- torch.compile ------------------------------------------------------------------------------------------

#[test]
fn a_frame_compiled_anew_has_no_cost_where_no_compile_is_recorded() {
    // Eight steps run frame 0; from the sixth on they run attempt 1 of it.
    let region = |i: u32| if i < 5 { "0/0" } else { "0/1" };
    let steps: Vec<String> = (0..8)
        .map(|i| {
            let (at, attempt) = (1_000 + i * 1_000, region(i));
            format!(
                r#"{{"ph":"X","cat":"user_annotation","name":"execute_context_0(0)_generation_4(4)","pid":1,"tid":1,
                    "ts":{at},"dur":900}},
                   {{"ph":"X","cat":"cpu_op","name":"Torch-Compiled Region: {attempt}","pid":1,"tid":1,
                    "ts":{},"dur":500}}"#,
                at + 100
            )
        })
        .collect();
    let text = format!(r#"{{"schemaVersion":1,"traceEvents":[{}]}}"#, steps.join(","));
    let report = open_bytes("t.json", text.as_bytes()).unwrap().report;
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(value["recompiles"].as_array().unwrap().len(), 1);
    assert_eq!(value["recompiles"][0]["dur_ns"], Value::Null);
    assert_eq!(value["recompiles"][0]["step"], 5);
    assert_eq!(value["dynamo"]["compile_ns"], Value::Null);
    assert_eq!(value["steps"][5]["parts"]["compile_ns"], Value::Null);
    let found = report
        .findings
        .iter()
        .find(|f| f.id == "compiles-while-serving")
        .unwrap();
    assert!(
        found.says.contains("It delayed 1 step; cost not recorded."),
        "{}",
        found.says
    );
    assert!(!found.says.contains("0 ns"), "{}", found.says);
    assert_eq!(found.cost_ns, None);
}

#[test]
fn compiles_of_torch_2_9_have_their_attempt_from_what_ran_next() {
    let Some(opened) = open("kineto/torch_cpu/torch-2.9.1/compile_eager_recompiles.pt.trace.json.gz") else {
        return;
    };
    let report = &opened.report;
    let compiles: Vec<_> = report
        .recompiles
        .iter()
        .filter(|r| r.evidence == Evidence::Dynamo)
        .map(|r| {
            let detail = r.dynamo.as_ref().unwrap();
            assert_eq!(detail.compile_id, None, "torch 2.15 is the first to write it");
            (r.known_ns(), detail.frame.zip(detail.attempt), detail.ran)
        })
        .collect();
    assert_eq!(
        compiles,
        [
            (859_582_576, Some((0, 0)), true),
            (711_130_309, Some((0, 1)), true),
            (710_855_295, Some((0, 2)), true),
            (1_016_481_673, Some((0, 3)), true),
            // The fifth attempt, of 2,882,850 ns, gave up: it is no compile.
        ]
    );
    let phases = &report.recompiles[0].dynamo.as_ref().unwrap().phases;
    let of = |name: &str| phases.iter().find(|p| p.name == name).map(|p| p.total_ns);
    assert_eq!(of("compile_attempt_0"), Some(722_928_228));
    assert_eq!(of("bytecode_tracing"), Some(654_962_166));
    assert_eq!(of("build_guards"), Some(133_016_460));
    assert_eq!(of("gc"), Some(419_132));
    let dynamo = report.dynamo.as_ref().unwrap();
    assert_eq!((dynamo.lookups, dynamo.regions), (23, 4));
    assert_eq!((dynamo.compiles, dynamo.recompiles, dynamo.gave_up), (4, 3, 1));
    assert_eq!(dynamo.compile_ns, Some(compiles.iter().map(|c| c.0).sum::<i64>()));
    // The limit was set to 4 for this trace.
    assert_eq!(dynamo.limits.len(), 1);
    let attempt = stepscope::base::SliceId(dynamo.limits[0].slice);
    assert_eq!(opened.index.slices.dur(attempt).as_ns(), 2_882_850);
    limit_is_found(report);
}

#[test]
fn compiles_of_torch_2_15_have_their_number() {
    let Some(opened) = open("kineto/torch_cpu/torch-2.15.0/compile_eager_recompiles.pt.trace.json.gz") else {
        return;
    };
    let report = &opened.report;
    let compiles: Vec<_> = report
        .recompiles
        .iter()
        .map(|r| {
            let detail = r.dynamo.as_ref().unwrap();
            let id = detail.compile_id.clone().unwrap();
            (r.known_ns(), id, detail.attempt, detail.ran)
        })
        .collect();
    let want = [
        (3_496_856_566, "0/0", 0, true),
        (2_701_733_688, "0/1", 1, true),
        (2_555_804_816, "0/2", 2, true),
        (2_383_791_707, "0/3", 3, true),
        // 0/4 gave up after 9,583,865 ns: it is no compile.
    ];
    assert_eq!(
        compiles,
        want.map(|(ns, id, attempt, ran)| (ns, id.to_owned(), Some(attempt), ran))
    );
    let dynamo = report.dynamo.as_ref().unwrap();
    assert_eq!((dynamo.lookups, dynamo.regions), (12, 4));
    assert_eq!((dynamo.compiles, dynamo.recompiles, dynamo.gave_up), (4, 3, 1));
    assert_eq!(dynamo.limits[0].compile_id.as_deref(), Some("0/4"));
    limit_is_found(report);
}

fn limit_is_found(report: &TraceReport) {
    let limit = report.findings.iter().find(|f| f.id == "dynamo-limit");
    assert!(limit.is_some(), "{:#?}", report.findings);
    let compiles = report.findings.iter().find(|f| f.id == "compiles-while-serving");
    assert!(compiles.is_some());
}

#[test]
fn a_trace_without_torch_compile_says_nothing_of_it() {
    let Some(opened) = open("kineto/torch_cpu/torch-2.9.1/plain.pt.trace.json.gz") else {
        return;
    };
    assert_eq!(opened.report.dynamo, None);
    assert_eq!(opened.report.memory, None);
    assert!(opened.report.modules.is_empty());
    assert!(opened.report.findings.iter().all(|f| f.id != "dynamo-limit"));
}

// ---- memory -------------------------------------------------------------------------------------------------

#[test]
fn allocations_agree_with_an_independent_count() {
    for case in ["torch-2.9.1/full", "torch-2.9.1/shapes_mem"] {
        let path = format!("kineto/torch_cpu/{case}.pt.trace.json.gz");
        let Some(opened) = open(&path) else { return };
        let (events, _) = events_of(&path);
        let bytes: Vec<(i64, i64)> = events
            .iter()
            .filter(|e| e["name"] == "[memory]")
            .map(|e| {
                let of = |key: &str| e["args"][key].as_i64().unwrap();
                (of("Bytes"), of("Total Allocated"))
            })
            .collect();
        let memory = opened.report.memory.as_ref().unwrap();
        assert_eq!(memory.events, 7_738);
        assert_eq!(bytes.len(), 7_738);
        // torch's own table: 507 events outside of all operators.
        assert_eq!((memory.outside_events, memory.outside_bytes), (507, -75_710_944));
        assert_eq!(memory.devices.len(), 1);
        let cpu = &memory.devices[0];
        assert_eq!((cpu.device.as_str(), cpu.id), ("cpu", None));
        let given = || bytes.iter().map(|b| b.0).filter(|&b| b >= 0);
        let taken = || bytes.iter().map(|b| b.0).filter(|&b| b < 0);
        assert_eq!(cpu.allocations, given().count() as u64);
        assert_eq!(cpu.allocated_bytes, given().sum::<i64>());
        assert_eq!(cpu.frees, taken().count() as u64);
        assert_eq!(cpu.freed_bytes, -taken().sum::<i64>());
        assert!(cpu.in_use_is_recorded);
        assert_eq!(Some(cpu.peak_bytes), bytes.iter().map(|b| b.1).max());
        assert_eq!(cpu.start_bytes, bytes[0].1 - bytes[0].0);
        assert_eq!(cpu.end_bytes, bytes.last().unwrap().1);
        assert_eq!(
            cpu.reserved_peak_bytes, None,
            "the host's allocator reserves nothing"
        );
        // The recorded total is the sum of events, so nothing was lost between them.
        let sum = cpu.start_bytes + cpu.allocated_bytes - cpu.freed_bytes;
        assert_eq!(cpu.end_bytes, sum);
        // Each event belongs to one operator.
        let by_operator: u64 = cpu.operators.iter().map(|o| o.allocations + o.frees).sum();
        assert_eq!(by_operator, memory.events);
        assert!(cpu.peak_step.is_some());
        assert!(!cpu.peak_operators.is_empty(), "{cpu:#?}");
        assert_eq!(cpu.decode_steps, 50);
    }
}

#[test]
fn allocators_are_told_apart_and_what_they_do_not_say_is_summed() {
    let text = r#"{"schemaVersion":1,"traceEvents":[
        {"ph":"X","cat":"cpu_op","name":"aten::empty","pid":1,"tid":1,"ts":0,"dur":10},
        {"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":1,"ts":10,"s":"t","args":{"Bytes":100,"Device Type":1,"Device Id":0,"Total Allocated":500,"Total Reserved":900,"Addr":1}},
        {"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":2,"ts":5,"s":"t","args":{"Bytes":8,"Device Type":0,"Device Id":-1,"Addr":2}},
        {"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":1,"ts":20,"s":"t","args":{"Bytes":-30,"Device Type":1,"Device Id":0,"Total Allocated":470,"Total Reserved":900}},
        {"ph":"i","cat":"cpu_instant_event","name":"[memory]","pid":1,"tid":1,"ts":21,"s":"t","args":{"Addr":3}}]}"#;
    let opened = open_bytes("a.json", text.as_bytes()).unwrap();
    let memory = opened.report.memory.as_ref().unwrap();
    assert_eq!(
        (memory.events, memory.outside_events, memory.outside_bytes),
        (3, 1, -30)
    );
    let cuda = memory.devices.iter().find(|d| d.device == "cuda").unwrap();
    assert_eq!((cuda.id, cuda.start_bytes, cuda.peak_bytes), (Some(0), 400, 500));
    assert_eq!((cuda.end_bytes, cuda.reserved_peak_bytes), (470, Some(900)));
    assert_eq!(cuda.peak_operators, ["aten::empty"]);
    let names: Vec<_> = cuda
        .operators
        .iter()
        .map(|o| (&*o.name, o.allocations, o.frees))
        .collect();
    assert_eq!(names, [("aten::empty", 1, 0), ("", 0, 1)]);
    let cpu = memory.devices.iter().find(|d| d.device == "cpu").unwrap();
    assert!(!cpu.in_use_is_recorded);
    assert_eq!((cpu.start_bytes, cpu.peak_bytes, cpu.peak_at_ns), (0, 8, 5_000));
    // Bytes between start and end on any thread are the operator's; the event without bytes is none of memory.
    let empty = &opened.report.operators[0];
    assert_eq!(
        (empty.total_cpu_bytes, empty.total_device_bytes),
        (Some(8), Some(100))
    );
    assert_eq!(opened.index.instants.ts.len(), 1);
}

// ---- modules ------------------------------------------------------------------------------------------------

#[test]
fn modules_call_each_other_as_the_model_is_built() {
    let path = "kineto/torch_cpu/torch-2.9.1/full.pt.trace.json.gz";
    let Some(opened) = open(path) else { return };
    let modules = &opened.report.modules;
    assert_eq!(modules[0].name, "LM_0");
    assert_eq!((modules[0].parent, modules[0].count), (None, 51));
    // 4 blocks of LayerNorm, Attn (2 Linear), LayerNorm, Sequential (Linear, SiLU, Linear); embedding and head.
    let below = |parent: u32| modules.iter().filter(move |m| m.parent == Some(parent));
    let mut names: Vec<String> = below(0)
        .map(|m| m.name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["Block_", "Block_", "Block_", "Block_", "Embedding_", "Linear_"]
    );
    assert_eq!(modules.len(), 1 + 4 * 10 + 2);
    for (i, module) in modules.iter().enumerate() {
        assert_eq!(module.count, 51, "{}", module.name);
        let children: i64 = below(u32::try_from(i).unwrap()).map(|m| m.total_ns).sum();
        assert_eq!(module.self_ns, module.total_ns - children, "{}", module.name);
    }
    // Total by name, counted from the file.
    let (events, _) = events_of(path);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for e in &events {
        if let Some(name) = e["name"].as_str().and_then(|n| n.strip_prefix("nn.Module: ")) {
            *counts.entry(name).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), modules.len());
    assert!(modules.iter().all(|m| counts[m.name.as_str()] == m.count));
}

/// Nanoseconds of a number of microseconds with up to three decimals.
fn ns(us: &Value) -> i64 {
    let text = us.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = format!("{part:0<3}");
    whole.parse::<i64>().unwrap() * 1000 + part[..3].parse::<i64>().unwrap()
}

/// Counted anew from the text: work whose call begins while the module is open on the call's thread.
#[test]
fn device_time_of_modules_is_that_of_the_calls_inside() {
    for path in [
        "kineto/tracelens/h100/Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
        "kineto/tracelens/b200/eager_trace.json.gz",
    ] {
        let Some(opened) = open(path) else { return };
        let (events, _) = events_of(path);
        let thread = |e: &Value| format!("{} {}", e["pid"], e["tid"]);
        let mut work: BTreeMap<i64, i64> = BTreeMap::new();
        let mut modules: Vec<(&str, String, i64, i64)> = Vec::new();
        for e in events.iter().filter(|e| e["ph"] == "X") {
            if ["kernel", "gpu_memcpy", "gpu_memset"].contains(&e["cat"].as_str().unwrap_or("")) {
                *work
                    .entry(e["args"]["correlation"].as_i64().unwrap())
                    .or_default() += ns(&e["dur"]);
            } else if let Some(name) = e["name"].as_str().and_then(|n| n.strip_prefix("nn.Module: ")) {
                let start = ns(&e["ts"]);
                modules.push((name, thread(e), start, start + ns(&e["dur"])));
            }
        }
        let mut want: BTreeMap<&str, i64> = BTreeMap::new();
        let mut calls: BTreeMap<i64, (String, i64)> = BTreeMap::new();
        for e in &events {
            let link = e["args"]["correlation"].as_i64();
            let is_call = ["cuda_runtime", "cuda_driver"].contains(&e["cat"].as_str().unwrap_or(""));
            if let Some(link) = link.filter(|_| is_call && e["ph"] == "X") {
                let call = (thread(e), ns(&e["ts"]));
                let first = calls.entry(link).or_insert_with(|| call.clone());
                if call.1 < first.1 {
                    *first = call;
                }
            }
        }
        for (link, (thread, at)) in &calls {
            for (name, on, start, end) in &modules {
                if on == thread && start <= at && at < end {
                    *want.entry(name).or_default() += work.get(link).copied().unwrap_or(0);
                }
            }
        }
        let mut got: BTreeMap<&str, i64> = BTreeMap::new();
        for module in &opened.report.modules {
            *got.entry(&module.name).or_default() += module.total_device_ns.unwrap();
        }
        got.retain(|_, ns| *ns > 0);
        want.retain(|_, ns| *ns > 0);
        assert!(got.len() > 20, "{path}");
        assert_eq!(got, want, "{path}");
        for (i, module) in opened.report.modules.iter().enumerate() {
            let row = u32::try_from(i).ok();
            let inside = opened.report.modules.iter().filter(|m| m.parent == row);
            let inside: i64 = inside.map(|m| m.total_device_ns.unwrap()).sum();
            assert_eq!(
                module.total_device_ns,
                module.self_device_ns.map(|own| own + inside)
            );
        }
        let linked = opened.report.launches.as_ref().unwrap().linked_work_ns;
        let top = opened.report.modules.iter().filter(|m| m.parent.is_none());
        assert!(
            top.map(|m| m.total_device_ns.unwrap()).sum::<i64>() <= linked,
            "{path}"
        );
    }
}

// ---- sizes --------------------------------------------------------------------------------------------------

#[test]
fn bytes_by_category_add_up_to_the_events_of_the_file() {
    let path = "kineto/torch_cpu/torch-2.9.1/full.pt.trace.json.gz";
    let Some(opened) = open(path) else { return };
    let (events, text_bytes) = events_of(path);
    let rows = &opened.report.bytes_by_category;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for e in &events {
        let category = match e.get("cat").and_then(Value::as_str) {
            _ if e["ph"] == "M" => "(counters, metadata, skipped)",
            Some(category) => category,
            None => "",
        };
        *counts.entry(category.to_owned()).or_default() += 1;
    }
    let ours: BTreeMap<String, u64> = rows.iter().map(|r| (r.category.clone(), r.events)).collect();
    assert_eq!(ours, counts);
    let sum: u64 = rows.iter().map(|r| r.text_bytes).sum();
    // Between events are a comma, a line break and two blanks.
    let between = text_bytes - sum;
    assert!(
        between > 3 * events.len() as u64 && between < 5 * events.len() as u64,
        "{between}"
    );
    assert!(rows.is_sorted_by_key(|r| std::cmp::Reverse(r.text_bytes)));
    assert_eq!(rows[0].category, "python_function");
    let python = rows.iter().find(|r| r.category == "python_function").unwrap();
    assert!(python.left_out_by.as_ref().unwrap().contains("with_stack=False"));
}
