//! What newer releases of the profilers write otherwise.

use serde_json::{Value, json};
use stepscope::base::SliceId;
use stepscope::dialect::Role;
use stepscope::dialect::ascend::ascend_tables::{Table, read};
use stepscope::dialect::tables_beside::Tables;
use stepscope::session::open_bytes;
use stepscope::view::timeline::Scene;

use super::{ms, report};
use crate::corpus;

const EPOCH_US: u64 = 1_700_000_000_000_000;

/// A launch and the device's work for it, which starts `us` after the epoch.
fn work(us: u64, dur: u64, id: u64, category: &str, name: &str, more: Value) -> [Value; 2] {
    let mut args = json!({"correlation": id, "device": 0, "stream": 7});
    for (key, value) in more.as_object().unwrap() {
        args[key] = value.clone();
    }
    let launch = json!({"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 4, "tid": 4,
        "ts": EPOCH_US + us - 50, "dur": 20, "args": {"correlation": id}});
    let work = json!({"ph": "X", "cat": category, "name": name, "pid": 0, "tid": 7, "ts": EPOCH_US + us,
        "dur": dur, "args": args});
    [launch, work]
}

fn trace(events: &[Value]) -> Vec<u8> {
    let trace = json!({"schemaVersion": 1, "traceEvents": events});
    trace.to_string().into_bytes()
}

/// `operation group ranks type: count, total ns, bytes, GB/s`
fn collectives(report: &Value) -> Vec<String> {
    let rows = report["collectives_recorded"].as_array().unwrap().iter();
    rows.map(|r| {
        let text = |key: &str| match &r[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let keys = [
            "name",
            "group",
            "group_size",
            "data_type",
            "count",
            "total_ns",
            "bytes",
            "gb_per_s",
        ];
        keys.map(text).join(" ")
    })
    .collect()
}

fn said(name: &str, elements: (u64, u64), data_type: &str, group: (&str, u64)) -> Value {
    json!({"Collective name": name, "In msg nelems": elements.0, "Out msg nelems": elements.1,
        "dtype": data_type, "Group size": group.1, "Process Group Name": group.0,
        "Process Group Description": "tp", "Process Group Ranks": "[0, 1]"})
}

#[test]
fn collectives_are_counted_by_what_they_say() {
    let kernel = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL";
    let mut all: Vec<Value> = Vec::new();
    for i in 0..3 {
        let args = said("allreduce", (1000, 1000), "BFloat16", ("1", 2));
        all.extend(work(1000 * i + 100, 10, i + 1, "kernel", kernel, args));
    }
    let args = said("_allgather_base", (500, 4000), "Float", ("1", 8));
    all.extend(work(
        5000,
        16,
        10,
        "kernel",
        "ncclDevKernel_AllGather_RING_LL",
        args,
    ));
    // A type of unknown size, numbers as texts, ranks as a list.
    let mut args = said("allreduce", (0, 0), "Strange", ("2", 4));
    args["In msg nelems"] = json!("64");
    args["Process Group Ranks"] = json!([0, 1, 2, 3]);
    all.extend(work(6000, 5, 11, "kernel", kernel, args));
    // Says nothing itself; its operator does.
    let mut op = said("broadcast", (8, 8), "Long", ("1", 2));
    op["External id"] = json!(77);
    all.push(
        json!({"ph": "X", "cat": "cpu_op", "name": "record_param_comms", "pid": 4, "tid": 4,
        "ts": EPOCH_US + 6900, "dur": 90, "args": op}),
    );
    let args = json!({"External id": 77});
    all.extend(work(
        7000,
        4,
        12,
        "kernel",
        "ncclDevKernel_Broadcast_RING_LL",
        args,
    ));
    // Nobody says anything.
    all.extend(work(8000, 3, 13, "kernel", kernel, json!({})));
    let of = report("variant.json", &trace(&all));
    assert_eq!(
        collectives(&of),
        [
            "allreduce 1 2 BFloat16 3 30000 6000 0.2",
            "_allgather_base 1 8 Float 1 16000 16000 1.0",
            "allreduce 2 4 Strange 1 5000 null null",
            "broadcast 1 2 Long 1 4000 64 0.016",
        ]
    );
    let ranks = &of["collectives_recorded"][2]["ranks"];
    assert_eq!(ranks.as_str().unwrap().replace(' ', ""), "[0,1,2,3]");
    let none = work(100, 10, 1, "kernel", kernel, json!({}));
    assert_eq!(collectives(&report("none.json", &trace(&none))), [""; 0]);
}

#[test]
fn collectives_of_a_real_trace_agree_with_tracelens() {
    let Some(bytes) = corpus::read("kineto/tracelens/mi300/resnet_act_checkpoint.json.gz") else {
        return;
    };
    let of = report("resnet.json.gz", &bytes);
    let rows = of["collectives_recorded"].as_array().unwrap();
    let row = |elements: i64| rows.iter().find(|r| r["elements_in"] == json!(elements)).unwrap();
    // coll_analysis.csv: dur_sum, operation_count.
    for (elements, total_us, count) in [(8_816_192, 26_798.24, 3), (2_873_320, 20_338.798, 3)] {
        let row = row(elements);
        assert_eq!(row["name"], "allreduce");
        assert_eq!(
            (row["count"].as_i64(), row["group_size"].as_i64()),
            (Some(count), Some(8))
        );
        assert_eq!(row["total_ns"].as_i64(), Some(ms(total_us / 1e3)));
        assert_eq!(row["bytes_each"].as_i64(), Some(elements * 2));
    }
}

/// `name direction count bytes`
fn copies(report: &Value) -> Vec<String> {
    let rows = report["copies"].as_array().unwrap().iter();
    rows.map(|c| {
        let direction = c["direction"].as_str().unwrap_or("-");
        format!(
            "{} {direction} {} {}",
            c["name"].as_str().unwrap(),
            c["count"],
            c["bytes"]
        )
    })
    .collect()
}

#[test]
fn copies_without_names_are_told_by_their_arg() {
    let mut all: Vec<Value> = Vec::new();
    let kinds = [
        json!("HtoD"),
        json!("HtoD"),
        json!("DtoH"),
        json!("DTOD"),
        json!(9),
        Value::Null,
    ];
    for (i, kind) in (0..).zip(kinds) {
        let args = json!({"copy kind": kind, "bytes": 100, "src kind": "pinned"});
        all.extend(work(
            1000 * i + 100,
            90 - 10 * i,
            i + 1,
            "gpu_memcpy",
            "Memcpy",
            args,
        ));
    }
    // A name that says it says it.
    let args = json!({"copy kind": "HtoD", "bytes": 7});
    all.extend(work(
        9000,
        1,
        20,
        "gpu_memcpy",
        "Memcpy DtoH (Device -> Pinned)",
        args,
    ));
    let of = copies(&report("monitor.json", &trace(&all)));
    assert_eq!(
        of,
        [
            "Memcpy HtoD 2 200",
            "Memcpy - 2 200",
            "Memcpy DtoH 1 100",
            "Memcpy DtoD 1 100",
            "Memcpy DtoH (Device -> Pinned) DtoH 1 7",
        ]
    );
}

#[test]
fn pythons_own_export_reads_like_the_other() {
    let mut all = vec![
        json!({"ph": "M", "name": "thread_name", "ts": 1, "pid": 4, "tid": 4, "args": {"name": "thread 4"}}),
        json!({"ph": "M", "name": "thread_name", "ts": 1, "pid": 0, "tid": 7, "args": {"name": "stream 7 "}}),
    ];
    for step in 0..5 {
        let at = step * 10_000 + 1_000;
        all.push(
            json!({"ph": "X", "cat": "user_annotation", "name": "execute_context_0(0)_generation_4(4)",
            "pid": 4, "tid": 4, "ts": EPOCH_US + at, "dur": 8000}),
        );
        let args = json!({"annotated_stream": "3", "original_stream": 12, "name": "attention",
            "stack": ["model.py:12 forward", "a \"quoted\" line, {with} [brackets]"], "graph node id": 8});
        all.extend(work(at + 200, 3000, step + 1, "kernel", "gemm_kernel", args));
    }
    let text = json!({"schemaVersion": 1, "cudaGraphInlineAnnotated": true, "traceEvents": all});
    for text in [text.to_string(), serde_json::to_string_pretty(&text).unwrap()] {
        let of = report("export.json", text.as_bytes());
        assert_eq!(of["defects"].as_array().unwrap().len(), 0);
        let steps = of["steps"].as_array().unwrap();
        let busy: Vec<Option<i64>> = steps.iter().map(|s| s["device"]["busy_ns"].as_i64()).collect();
        assert_eq!(busy, [Some(ms(3.0)); 5]);
        assert!(
            of["notes"].to_string().contains("annotated_stream"),
            "{}",
            of["notes"]
        );
    }
}

fn ascend(events: &[Value]) -> Vec<u8> {
    let mut all = vec![
        json!({"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "args": {"name": "Python"}}),
        json!({"ph": "M", "name": "process_name", "pid": 2, "tid": 0, "args": {"name": "CANN"}}),
    ];
    all.extend_from_slice(events);
    Value::Array(all).to_string().into_bytes()
}

#[test]
fn ascends_times_round_half_up_and_its_scopes_have_roles() {
    let scope = |name: &str, dur: Value| {
        json!({"ph": "X", "cat": "cpu_op", "name": name, "pid": 1, "tid": 1,
            "ts": "1700000000000000.123", "dur": dur, "args": {}})
    };
    let names = [
        ("EPLB weight D2D wait", Role::Wait, json!(1.00049999), 1000),
        ("EPLB gather moe load", Role::Collective, json!(1.00050000), 1001),
        (
            "EPLB generate p2p task",
            Role::HostOther,
            json!("1.23450000"),
            1235,
        ),
        ("async_state_update", Role::Post, json!("0.00049999"), 0),
        ("aten::add", Role::HostOp, json!("0.99950000"), 1000),
    ];
    let all: Vec<Value> = names
        .iter()
        .map(|(name, _, dur, _)| scope(name, dur.clone()))
        .collect();
    let opened = open_bytes("trace_view.json", &ascend(&all)).unwrap();
    for (name, role, _, ns) in names {
        let mut ids = opened.index.slices.ids();
        let id: SliceId = ids.find(|&id| opened.index.name_of(id) == name).unwrap();
        assert_eq!(opened.index.slices.dur(id).as_ns(), ns, "{name}");
        assert_eq!(opened.vocabulary.role(id), role, "{name}");
    }
}

#[test]
fn ascends_newer_tables_are_read() {
    let table = |file: &str, text: &str| {
        let mut tables = Tables::default();
        let which = Table::of_name(file).unwrap();
        read(which, file, text.as_bytes(), &mut tables);
        assert_eq!(tables.notes, [""; 0], "{file}");
        assert_eq!(tables.read.len(), 1);
        tables
    };
    let times = "Device_id,kernel_name,kernel_type,stream_id,task_id,task_time(us),task_start(us),task_stop(us)\n\
                 0,MatMulV3_1,AI_CORE,5,17,12.5,\"1700000000000000.1\t\",\"1700000000000012.6\t\"\n";
    let of = table("run/ASCEND_PROFILER_OUTPUT/task_time.csv", times);
    assert_eq!(
        (of.plain[0].columns.len(), of.plain[0].rows[0][5].as_str()),
        (8, "12.5")
    );
    assert_eq!(of.plain[0].rows[0][6], "1700000000000000.1");
    let counters =
        "Device_id,Stream Id,Task Id,TLB Hit Rate,TLB Miss Rate,Op Name\n0,5,17,0.98,0.02,MatMulV3\n";
    let of = table("soc_pmu.csv", counters);
    assert_eq!(
        (of.plain[0].rows.len(), of.plain[0].rows[0][3].as_str()),
        (1, "0.98")
    );
    let level0 = "Device_id,Name,Type,Accelerator Core,Start Time(us),Duration(us),Wait Time(us),Block Num,\
                  Input Shapes,Input Data Types,Output Shapes\n\
                  0,aclnnMatmul_MatMulV3,MatMulV3,AI_CORE,\"1700000000000000.1\t\",12.3456,0.5,20,\
                  \"\"\"16,32;32,64\"\"\",FLOAT16,\"\"\"16,64\"\"\"\n";
    let of = table("kernel_details.csv", level0);
    let row = &of.kernels.rows[0];
    assert_eq!(row.dur_ns, 12_346);
    assert!(of.kernels.names.get(row.shapes).contains("16,32;32,64"));
}

#[test]
fn an_end_that_cannot_be_right_stretches_no_view() {
    let mut all: Vec<Value> = Vec::new();
    for i in 0..20 {
        let dur = if i == 4 { 1_600_000 } else { 2_000 };
        all.extend(work(2_000 * i + 1_000, dur, i + 1, "kernel", "gemm", json!({})));
    }
    let opened = open_bytes("overrun.json", &trace(&all)).unwrap();
    assert_eq!(opened.vocabulary.overruns.len(), 1);
    let scene = Scene::new(&opened.index, &opened.vocabulary);
    let end = EPOCH_US as i64 * 1_000 + ms(41.0);
    assert_eq!(scene.tracks().extent.end, end);
    assert_eq!(
        opened.index.extent().unwrap().end,
        EPOCH_US as i64 * 1_000 + ms(1_609.0)
    );
}
