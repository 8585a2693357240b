//! Who did what on the device, and whose work it was.

use serde_json::{Value, json};

use super::{case, ms, report};
use crate::small_trace::{Event, Stream, Thread, Trace, stream, thread};

/// The fields of an object that are asked for, in ms.
fn of(row: &Value, keys: &[&str]) -> Vec<f64> {
    keys.iter()
        .map(|&key| row[key].as_i64().unwrap_or_else(|| panic!("{key}: {}", row[key])) as f64 / 1e6)
        .collect()
}

const PARTS: [&str; 5] = [
    "compute_ns",
    "comm_exposed_ns",
    "copy_exposed_ns",
    "idle_ns",
    "span_ns",
];

fn steps(report: &Value) -> &Vec<Value> {
    report["steps"].as_array().unwrap()
}

/// Span and busy time of every step, ms.
fn step_devices(report: &Value) -> Vec<Vec<f64>> {
    steps(report)
        .iter()
        .map(|s| of(&s["device"], &["span_ns", "busy_ns"]))
        .collect()
}

/// Rank, device and busy time of every device, ms.
fn devices(report: &Value) -> Vec<(Option<&str>, i64, f64)> {
    let all = report["device_time"].as_array().unwrap().iter();
    all.filter(|d| d["scope"] == "all")
        .map(|d| {
            (
                d["rank"].as_str(),
                d["device"].as_i64().unwrap(),
                of(d, &["busy_ns"])[0],
            )
        })
        .collect()
}

fn shares(report: &Value) -> Vec<(String, f64)> {
    let shares = report["budget"]["shares"].as_array().unwrap().iter();
    shares
        .map(|s| (s["id"].as_str().unwrap().to_owned(), of(s, &["total_ns"])[0]))
        .collect()
}

fn share(report: &Value, id: &str) -> f64 {
    shares(report).iter().find(|s| s.0 == id).map_or(0.0, |s| s.1)
}

fn defects(report: &Value, kind: &str) -> u64 {
    let rows = report["defects"].as_array().unwrap().iter();
    rows.filter(|d| d["kind"] == kind)
        .map(|d| d["count"].as_u64().unwrap())
        .sum()
}

fn says(report: &Value, what: &str) -> bool {
    let notes = report["notes"].as_array().unwrap();
    notes.iter().any(|n| n.as_str().unwrap().contains(what))
}

// ---- Traces made here: times in µs ----------------------------------------------------------------------------

fn host() -> Thread {
    thread(4000, 4000)
}

fn gpu() -> Stream {
    stream(0, 7)
}

/// A step's marker, every 10 ms.
fn marker(step: i64, dur: f64) -> Event {
    host().step(step as f64 * 10_000.0, dur)
}

fn call(id: i64, ts: f64) -> Event {
    host().launch(id, ts, 10)
}

fn kernel(name: &str, id: i64, (ts, dur): (f64, f64)) -> Event {
    gpu().kernel(name, id, ts, dur)
}

fn made(events: &[Event]) -> Value {
    let trace = Trace::torch().with(events.iter().cloned());
    report("made.json", trace.text().as_bytes())
}

// ---- Busy ------------------------------------------------------------------------------------------------------

#[test]
fn a_step_has_communication_beside_compute() {
    let Some(report) = case("s5_allreduce_in_step.json") else {
        return;
    };
    for step in steps(&report) {
        assert_eq!(of(&step["device"], &PARTS), [4.0, 3.0, 0.0, 0.0, 7.0]);
        assert_eq!(step["device"]["busy_ns"], ms(7.0));
    }
    assert_eq!(share(&report, "device_compute"), 20.0);
    assert_eq!(share(&report, "device_comm_exposed"), 15.0);
}

#[test]
fn busy_is_any_work_in_the_step_the_budget_the_gaps_and_the_device_table() {
    let mut events = Vec::new();
    for step in 0..4 {
        let at = step as f64 * 10_000.0;
        let id = step * 10 + 1;
        events.extend([
            marker(step, 8_000.0),
            call(id, at + 10.0),
            call(id + 1, at + 30.0),
            call(id + 2, at + 50.0),
            // Half of the collective and half of the copy are overlapped.
            kernel("gemm", id, (at + 100.0, 2_000.0)),
            kernel(
                "void deep_ep::intranode::dispatch<8>()",
                id + 1,
                (at + 1_100.0, 2_000.0),
            ),
            stream(0, 9).work("gpu_memcpy", "Memcpy HtoD", id + 2, at + 2_600.0, 1_000),
        ]);
    }
    let report = made(&events);
    for step in steps(&report) {
        assert_eq!(of(&step["device"], &PARTS), [2.0, 1.0, 0.5, 0.0, 3.5]);
    }
    let device = &report["device_time"][0];
    assert_eq!(of(device, &PARTS), [8.0, 4.0, 2.0, 19.5, 33.5]);
    for (id, want) in [
        ("device_compute", 8.0),
        ("device_comm_exposed", 4.0),
        ("device_copy_exposed", 2.0),
    ] {
        assert_eq!(share(&report, id), want, "{id}");
    }
    let gaps = report["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["kind"] == "device")
        .unwrap();
    assert_eq!(
        (gaps["count"].as_u64(), &gaps["total_ns"]),
        (Some(3), &json!(ms(19.5)))
    );
}

#[test]
fn a_step_whose_device_only_communicates_is_not_idle() {
    let mut events = Vec::new();
    for step in 0..4 {
        let at = step as f64 * 10_000.0;
        events.extend([
            marker(step, 8_000.0),
            call(step + 1, at + 10.0),
            kernel(
                "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)",
                step + 1,
                (at + 100.0, 6_000.0),
            ),
        ]);
    }
    let report = made(&events);
    for step in steps(&report) {
        assert_eq!(of(&step["device"], &PARTS), [0.0, 6.0, 0.0, 0.0, 6.0]);
    }
}

// ---- Kernels by rule -------------------------------------------------------------------------------------------

#[test]
fn kernels_of_the_case_are_told_apart_by_rule() {
    let Some(report) = case("k107_comm_kernel_names.json") else {
        return;
    };
    let compute = [
        "triton_red_fused_all_reduce_add_mul_0",
        "void aiter::local_device_load_rmsnorm<8>()",
        "ck_tile::MoeSortingKernel",
        "void (anonymous namespace)::elementwise_kernel_with_index_memcpy",
        "void vllm::reshape_and_cache_flash_kernel",
    ];
    let copies = ["MemcpyKernel_custom", "DirectCopyKernel"];
    let kernels = report["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), 23);
    for kernel in kernels {
        let name = kernel["name"].as_str().unwrap();
        let want = match name {
            _ if compute.contains(&name) => "compute",
            _ if copies.contains(&name) => "copy",
            _ => "comm",
        };
        assert_eq!(kernel["kind"], want, "{name}");
        assert_eq!(
            want == "compute",
            kernel["rule"].as_str().is_none_or(|r| r.starts_with("compute")),
            "{name}"
        );
    }
    let fused = "void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<>";
    let fused = kernels.iter().find(|k| k["name"] == fused).unwrap();
    assert_eq!(fused["rule"], "communication and compute: allreduce_fusion");
}

// ---- Whose work ------------------------------------------------------------------------------------------------

#[test]
fn correlation_0_links_nothing() {
    let Some(report) = case("c13c_nccl_corr0_and_launch0.json") else {
        return;
    };
    assert_eq!(step_devices(&report), vec![vec![7.2, 7.0]; 5]);
    assert_eq!(steps(&report)[0]["device"]["by_time_ns"], ms(3.0));
    assert_eq!(steps(&report)[0]["device"]["method"], "launch");
    let linked = report["device_time"]
        .as_array()
        .unwrap()
        .iter()
        .find(|d| d["scope"] == "linked")
        .unwrap();
    assert_eq!(linked["busy_ns"], ms(20.0));
    // Ten calls carry a number that no work has, five pieces of work none: whose they are is unknown.
    assert_eq!(
        (&report["launches_total"], &report["launches_without_work"]),
        (&json!(15), &Value::Null)
    );
}

#[test]
fn work_without_a_number_before_the_linked_work_of_its_step_is_that_steps() {
    let mut events = Vec::new();
    for step in 0..4 {
        let at = step as f64 * 10_000.0;
        events.extend([
            marker(step, 8_000.0),
            call(step + 1, at + 10.0),
            kernel("ncclDevKernel_AllGather", 0, (at + 200.0, 1_500.0)),
            kernel("gemm", step + 1, (at + 2_000.0, 2_000.0)),
            kernel("ncclDevKernel_AllReduce", 0, (at + 4_100.0, 3_000.0)),
        ]);
    }
    let report = made(&events);
    assert_eq!(step_devices(&report), vec![vec![6.9, 6.5]; 4]);
}

#[test]
fn work_that_was_launched_before_the_recording_is_nobodys() {
    let mut events = vec![kernel("gemm", 3, (100.0, 1_000.0))];
    for step in 0..3 {
        let at = step as f64 * 10_000.0;
        events.extend([
            marker(step, 8_000.0),
            call(step + 10, at + 10.0),
            kernel("gemm", step + 10, (at + 2_000.0, 2_000.0)),
        ]);
    }
    assert_eq!(step_devices(&made(&events)), vec![vec![2.0, 2.0]; 3]);
}

#[test]
fn a_replayed_graph_without_numbers_is_given_by_time() {
    let Some(report) = case("s4b_hipgraph_no_corr.json") else {
        return;
    };
    assert_eq!(step_devices(&report), vec![vec![6.8, 6.1]; 6]);
    assert!(steps(&report).iter().all(|s| s["device"]["method"] == "time"));
    assert!(says(&report, "by time"), "{}", report["notes"]);
    assert_eq!(report["launches_without_work"], Value::Null);
}

#[test]
fn numbers_that_no_call_has_are_given_by_time_too() {
    let mut events = Vec::new();
    for step in 0..5 {
        let at = step as f64 * 10_000.0;
        events.extend([
            marker(step, 1_000.0),
            call(100 + step, at + 10.0),
            call(200 + step, at + 30.0),
        ]);
        for node in 0..10 {
            let ts = at + 300.0 + node as f64 * 500.0;
            events.push(kernel("node", 1_000 + step * 10 + node, (ts, 490.0)));
        }
        events.push(kernel("sampler", 200 + step, (at + 5_400.0, 100.0)));
    }
    let report = made(&events);
    assert_eq!(step_devices(&report), vec![vec![5.2, 5.0]; 5]);
    assert!(steps(&report).iter().all(|s| s["device"]["method"] == "time"));
}

#[test]
fn without_runtime_events_the_operator_links() {
    let Some(report) = case("v120b_without_runtime.json") else {
        return;
    };
    let mut want = vec![vec![6.0, 6.0]; 6];
    want[2] = vec![1.5, 1.5];
    assert_eq!(step_devices(&report), want);
    assert!(steps(&report).iter().all(|s| s["device"]["method"] == "launch"));
    let linear = report["operators"]
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["name"] == "aten::linear")
        .unwrap();
    assert_eq!(linear["self_device_ns"], ms(31.5));
    assert_eq!(
        (&report["launches"], &report["launches_total"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn without_any_number_nothing_is_zero() {
    let mut events = Vec::new();
    for step in 0..4 {
        let at = step as f64 * 10_000.0;
        let operator = host().operator("aten::linear", at + 100.0, 250);
        let kernel = gpu().kernel_unlinked("gemm", at + 12_000.0, 2_000);
        let external = |event: Event| event.arg("External id", step + 1);
        events.extend([marker(step, 8_000.0), external(operator)]);
        events.push(if step == 2 { kernel } else { external(kernel) });
    }
    let report = made(&events);
    let known: Vec<bool> = steps(&report).iter().map(|s| s["device"].is_object()).collect();
    assert_eq!(known, [true, true, false, true], "{:?}", report["steps"]);
}

/// 20 steps with 7 ms of work each, launched 110 µs after the step's start; that of some steps names no launch.
fn with_unlinked(is_unlinked: fn(i64) -> bool) -> Value {
    let mut events = Vec::new();
    for step in 0..20 {
        let at = step as f64 * 10_000.0;
        events.push(marker(step, 8_000.0));
        events.push(call(step + 1, at + 100.0));
        let id = if is_unlinked(step) { 0 } else { step + 1 };
        events.push(kernel("gemm", id, (at + 500.0, 7_000.0)));
    }
    made(&events)
}

#[test]
fn too_much_work_without_a_launch_leaves_the_bound_unknown() {
    let report = with_unlinked(|step| step % 10 < 3);
    let verdict = &report["verdict"];
    assert_eq!(verdict["bound"], "unknown", "{verdict}");
    let says = verdict["says"].as_str().unwrap();
    assert!(
        says.ends_with(
            "unknown, because the launches of 6 of 20 pieces of device work are not in the trace."
        ),
        "{says}"
    );
    for share in ["host", "launched_not_started", "launch_unknown"] {
        assert_eq!(verdict["shares"][share], Value::Null, "{share}");
    }
    let about_the_host = |id: &str| id.ends_with("waits-for-host") || id.ends_with("busy");
    let findings = report["findings"].as_array().unwrap().iter();
    let ids: Vec<&str> = findings.map(|f| f["id"].as_str().unwrap()).collect();
    assert!(!ids.iter().any(|id| about_the_host(id)), "{ids:?}");
}

#[test]
fn idle_time_before_work_without_a_launch_is_not_launched_and_not_started() {
    // Two of 20: judged. Before each the device is idle for 3 ms, of 19 intervals of 10 ms.
    let report = with_unlinked(|step| step == 5 || step == 9);
    let verdict = &report["verdict"];
    assert_eq!(verdict["bound"], "device", "{verdict}");
    let share = |name: &str| verdict["shares"][name].as_f64().unwrap();
    assert!((share("launch_unknown") - 6.0 / 190.0).abs() < 0.001, "{verdict}");
    let whole = [
        "device",
        "communication",
        "host",
        "launched_not_started",
        "launch_unknown",
    ];
    assert!(
        (whole.map(share).iter().sum::<f64>() - 1.0).abs() < 1e-9,
        "{verdict}"
    );
    // Of 400 µs from the call to its work less the call, in 17 intervals at most.
    assert!(share("launched_not_started") < 0.4 * 18.0 / 190.0, "{verdict}");
    let unlinked = &report["idle"][0]["causes"];
    let of = |cause: &str| {
        let mut all = unlinked.as_array().unwrap().iter();
        all.find(|c| c["cause"] == cause)
            .map(|c| c["total_ns"].as_i64().unwrap())
    };
    assert_eq!(of("unlinked"), Some(ms(6.0)), "{unlinked}");
}

#[test]
fn ranks_of_a_fused_trace_have_devices_of_their_own() {
    let Some(report) = case("c06a_tracefusion_dp2_same_device.json") else {
        return;
    };
    assert_eq!(
        devices(&report),
        [(Some("rank 0"), 0, 30.0), (Some("rank 1"), 0, 30.0)]
    );
    assert_eq!(report["device_time"][0]["span_ns"], ms(46.0));
    assert_eq!(step_devices(&report), vec![vec![6.0, 6.0]; 10]);
}

/// Two ranks, merged: three steps each, a call and 2 ms of work a step; `process` and `device_process` are those of a
/// rank's host and device, and `arg` is what its events say of their rank.
fn merged(process: fn(i64) -> i64, device_process: fn(i64) -> i64, arg: fn(i64) -> Value) -> Value {
    let mut events = Vec::new();
    for rank in 0..2 {
        for step in 0..3 {
            let at = step as f64 * 10_000.0 + rank as f64 * 4_000.0;
            let id = rank * 1_000 + step + 1;
            let mut step = marker(0, 3_000.0);
            step["ts"] = json!(at);
            for mut event in [
                step,
                call(id, at + 10.0),
                kernel("gemm", id, (at + 100.0, 2_000.0)),
            ] {
                let of = if event["cat"] == "kernel" {
                    device_process
                } else {
                    process
                };
                event["pid"] = json!(of(rank));
                for (key, value) in arg(rank).as_object().unwrap() {
                    event["args"][key] = value.clone();
                }
                events.push(event);
            }
        }
    }
    made(&events)
}

#[test]
fn ranks_that_share_processes_are_told_apart_by_the_arg_of_their_events() {
    let rank = |rank: i64| json!({"rank": rank});
    let shared = "have the same process ids";
    // The arg is each event's own, so that equal process ids, of the devices alone or of all, hide nothing.
    for report in [
        merged(|_| 4000, |_| 0, rank),
        merged(|rank| 4000 + rank, |_| 0, rank),
    ] {
        assert!(says(&report, "rank 0, rank 1"), "{}", report["notes"]);
        assert!(!says(&report, shared), "{}", report["notes"]);
        assert_eq!(report["rank"], Value::Null);
        assert_eq!(
            devices(&report),
            [(Some("rank 0"), 0, 6.0), (Some("rank 1"), 0, 6.0)]
        );
    }
    // Silent: ids that differ, no arg, and the same arg in both.
    let report = merged(|rank| 4000 + rank, |rank| rank, rank);
    assert!(
        !says(&report, shared) && says(&report, "rank 0, rank 1"),
        "{}",
        report["notes"]
    );
    assert_eq!(
        devices(&report),
        [(Some("rank 0"), 0, 6.0), (Some("rank 1"), 0, 6.0)]
    );
    assert!(!says(&merged(|_| 4000, |_| 0, |_| json!({})), shared));
    assert!(!says(&merged(|_| 4000, |_| 0, |_| json!({"rank": 1})), shared));
}

#[test]
fn a_rank_that_only_collectives_name_is_no_rank_of_the_file() {
    let mut events = vec![
        marker(0, 8_000.0),
        call(1, 10.0),
        kernel("gemm", 1, (100.0, 10.0)),
    ];
    for (rank, ts) in [(0, 200.0), (3, 300.0)] {
        let args = json!({"Rank": rank, "Collective name": "allreduce"});
        events.push(host().operator("record_param_comms", ts, 10.0).args(args));
    }
    assert_eq!(devices(&made(&events)), [(None, 0, 0.01)]);
}

#[test]
fn calls_and_work_of_files_joined_by_hand_match_within_their_process() {
    let Some(report) = case("c07a_naive_merge_corr_collide.json") else {
        return;
    };
    assert_eq!(
        devices(&report),
        [(Some("process 4000"), 0, 30.0), (Some("process 5000"), 1, 15.0)]
    );
    let mut by_thread = [Vec::new(), Vec::new()];
    for (step, device) in steps(&report).iter().zip(step_devices(&report)) {
        let starts_at_4_ms = step["start_ns"].as_i64().unwrap() % ms(10.0) == ms(4.0);
        by_thread[usize::from(starts_at_4_ms)].push(device[1]);
    }
    assert_eq!(by_thread, [vec![6.0; 5], vec![3.0; 5]]);
}

#[test]
fn joined_files_without_operators_are_told_apart_by_what_fits_in_time() {
    let mut events = Vec::new();
    for (rank, busy) in [(0, 2_000.0), (1, 500.0), (2, 1_000.0)] {
        for step in 0..4 {
            let at = step as f64 * 10_000.0 + rank as f64 * 1_300.0;
            let host = thread(4000 + rank, 1);
            events.extend([
                host.step(at, 5_000),
                host.launch(step + 1, at + 10.0, 10),
                // The devices' processes are in another order.
                stream(2 - rank, 7).kernel("gemm", step + 1, at + 100.0, busy),
            ]);
        }
    }
    let report = made(&events);
    let of_ranks = [
        (Some("process 4000"), 2, 8.0),
        (Some("process 4001"), 1, 2.0),
        (Some("process 4002"), 0, 4.0),
    ];
    assert_eq!(devices(&report), of_ranks);
}

#[test]
fn one_process_without_a_label_does_not_join_the_ranks() {
    let Some(report) = case("c08b_sglang_merge_plus_int_pid.json") else {
        return;
    };
    assert_eq!(
        devices(&report),
        [(Some("TP00"), 0, 30.0), (Some("TP01"), 0, 15.0)]
    );
}

#[test]
fn each_rank_has_a_curve_of_memory() {
    let Some(report) = case("m8_sglang_merge_memory.json") else {
        return;
    };
    let devices = report["memory"]["devices"].as_array().unwrap();
    let ranks: Vec<_> = devices.iter().map(|d| d["rank"].as_str().unwrap()).collect();
    assert_eq!(ranks, ["TP00", "TP01"]);
}

// ---- Clocks, losses --------------------------------------------------------------------------------------------

#[test]
fn clocks_that_disagree_are_said_and_nothing_follows_from_their_order() {
    let Some(report) = case("c40a_gpu_clock_minus40ms.json") else {
        return;
    };
    assert_eq!(report["clock_offset_ns"], -ms(39.82));
    // A finding says it, and no note beside it.
    assert!(!says(&report, "disagree"), "{}", report["notes"]);
    assert_eq!(step_devices(&report), vec![vec![6.0, 6.0]; 6]);
    for empty in ["idle", "queue_depth", "stream_gaps"] {
        assert_eq!(report[empty], json!([]), "{empty}");
    }
    let gaps = report["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["kind"] == "device")
        .unwrap();
    assert_eq!(
        (
            gaps["causes"].as_array().unwrap().len(),
            &gaps["causes"][0]["cause"]
        ),
        (1, &json!("unaccounted"))
    );
    let Some(control) = case("c00_control.json") else {
        return;
    };
    assert_eq!(control.get("clock_offset_ns"), None);
}

#[test]
fn launches_without_recorded_work_are_counted() {
    let Some(report) = case("v26b_half_kernels_dropped.json") else {
        return;
    };
    assert_eq!(
        (&report["launches_without_work"], &report["launches_total"]),
        (&json!(19), &json!(30))
    );
}

#[test]
fn an_end_that_cannot_be_right_counts_as_a_lower_bound() {
    let Some(report) = case("c14a_dur_1600ms.json") else {
        return;
    };
    assert_eq!(defects(&report, "overrunning_work"), 1);
    assert_eq!(
        of(&report["device_time"][0], &["busy_ns", "span_ns"]),
        [60.0, 96.0]
    );
    assert_eq!(
        report["end_ns"].as_i64().unwrap() - report["start_ns"].as_i64().unwrap(),
        ms(98.0)
    );
    assert_eq!(step_devices(&report), vec![vec![6.0, 6.0]; 10]);
    let gemm = &report["kernels"][0];
    assert_eq!((&gemm["max_ns"], &gemm["bounded"]), (&json!(ms(2.0)), &json!(1)));
}

/// A queue does one thing at a time: what it did twice at one moment, with one launch, is one event written twice.
#[test]
fn device_work_that_is_written_twice_is_a_defect() {
    let events = |again: &dyn Fn(i64, f64) -> Vec<Event>| {
        let mut events = vec![marker(0, 50_000.0)];
        for id in 1..=10_i64 {
            let at = 1_000.0 + id as f64 * 2_000.0;
            events.extend([
                call(id, 10.0 + id as f64 * 20.0),
                kernel("gemm", id, (at, 2_000.0)),
            ]);
            events.extend(again(id, at));
        }
        defects(&made(&events), "repeated_work")
    };
    assert_eq!(events(&|_, _| Vec::new()), 0);
    assert_eq!(events(&|id, at| vec![kernel("gemm", id, (at, 2_000.0))]), 10);
    // Other work of another launch, another name, another length.
    assert_eq!(events(&|id, at| vec![kernel("gemm", id + 100, (at, 2_000.0))]), 0);
    assert_eq!(events(&|id, at| vec![kernel("norm", id, (at, 2_000.0))]), 0);
    assert_eq!(events(&|id, at| vec![kernel("gemm", id, (at, 1_999.0))]), 0);
    // Each event of the file, calls and markers as well: what counts is the device's.
    assert_eq!(
        events(&|id, at| vec![
            call(id, 10.0 + id as f64 * 20.0),
            kernel("gemm", id, (at, 2_000.0))
        ]),
        10
    );
}

/// Kernels of 2 ms, one after another, of which some last longer.
fn queue(longer: &[(usize, f64)]) -> Value {
    let mut events = vec![marker(0, 50_000.0)];
    for i in 0..20 {
        let dur = longer.iter().find(|l| l.0 == i).map_or(2_000.0, |l| l.1);
        let id = i64::try_from(i).unwrap() + 1;
        events.extend([
            call(id, 10.0 + i as f64 * 20.0),
            kernel("gemm", id, (1_000.0 + i as f64 * 2_000.0, dur)),
        ]);
    }
    made(&events)
}

#[test]
fn overlap_on_a_queue_is_a_defect_only_where_it_cannot_be() {
    let overruns = |longer: &[(usize, f64)]| defects(&queue(longer), "overrunning_work");
    assert_eq!(overruns(&[]), 0);
    // Ends 0.9 ms after the next; is not three times as long as others.
    assert_eq!(overruns(&[(4, 4_900.0)]), 0);
    assert_eq!(overruns(&[(4, 5_900.0)]), 0);
    assert_eq!(overruns(&[(4, 6_100.0)]), 1);
    // The last of its queue: nothing else is recorded for so long.
    assert_eq!(overruns(&[(19, 5_900.0)]), 0);
    assert_eq!(overruns(&[(19, 900_000.0)]), 1);
    let last_two = queue(&[(18, 1_600_000.0), (19, 1_500_000.0)]);
    assert_eq!(defects(&last_two, "overrunning_work"), 2);
    assert_eq!(last_two["device_time"][0]["busy_ns"], ms(40.0));
    // One behind the other: the first ends within the second.
    let two = queue(&[(4, 1_600_000.0), (5, 1_700_000.0)]);
    assert_eq!(defects(&two, "overrunning_work"), 2);
    assert_eq!(two["device_time"][0]["busy_ns"], ms(40.0));
}

#[test]
fn the_last_work_of_a_queue_may_take_long_where_something_says_so() {
    let last = |more: &dyn Fn(&mut Vec<Event>), name: &str| {
        let mut events = vec![marker(0, 50_000.0)];
        for i in 0..20_i64 {
            let (name, dur) = if i == 19 {
                (name, 900_000.0)
            } else {
                ("gemm", 2_000.0)
            };
            events.extend([
                call(i + 1, 10.0 + i as f64 * 20.0),
                kernel(name, i + 1, (1_000.0 + i as f64 * 2_000.0, dur)),
            ]);
        }
        more(&mut events);
        let report = made(&events);
        (
            defects(&report, "overrunning_work"),
            report["device_time"][0]["busy_ns"].clone(),
        )
    };
    let nothing = |_: &mut Vec<Event>| {};
    assert_eq!(last(&nothing, "gemm"), (1, json!(ms(40.0))));
    // Others of its name are not known; it may wait for a peer; the host waits for it.
    assert_eq!(last(&nothing, "attention").0, 0);
    assert_eq!(last(&nothing, "ncclDevKernel_AllReduce").0, 0);
    let wait = |events: &mut Vec<Event>| {
        let at = (500.0, 938_600.0);
        events.push(thread(9, 9).call("cudaDeviceSynchronize", at.0, at.1));
    };
    assert_eq!(last(&wait, "gemm").0, 0);
}

#[test]
fn ends_that_cannot_be_right_before_a_pause_leave_the_pause_idle() {
    // Of 6 ms of work every 10 ms, the last two of the fifth step end far too late.
    let mut events = Vec::new();
    for i in 0..10_i64 {
        let at = i as f64 * 10_000.0;
        for k in 0..3_i64 {
            let id = i * 3 + k + 1;
            let dur = if i == 4 && k > 0 { 1_600_000.0 } else { 2_000.0 };
            events.push(call(id, at + 10.0 + k as f64 * 20.0));
            events.push(kernel("gemm", id, (at + 300.0 + k as f64 * 2_000.0, dur)));
        }
    }
    let report = made(&events);
    assert_eq!(defects(&report, "overrunning_work"), 2);
    assert_eq!(report["device_time"][0]["busy_ns"], ms(60.0));
}

/// Ten steps of one kernel of 2 ms each, but for the last kernels.
fn ten_steps(last: &[(&str, f64)]) -> Value {
    let mut events = Vec::new();
    for i in 0..10_i64 {
        let at = i as f64 * 10_000.0;
        events.push(marker(i, 1_000.0));
        let all: &[(&str, f64)] = if i == 9 { last } else { &[("gemm", 2_000.0)] };
        let mut start = at + 200.0;
        for (&(name, dur), k) in all.iter().zip(0..) {
            events.push(call(10 * i + k + 1, at + 100.0 + k as f64 * 20.0));
            events.push(kernel(name, 10 * i + k + 1, (start, dur)));
            start += dur;
        }
    }
    made(&events)
}

#[test]
fn work_that_outlives_the_hosts_recording_is_no_defect() {
    // Nine of 2 ms, and those of the last step.
    for (last, busy) in [
        (&[("gemm", 8_000.0)][..], 26.0),
        (&[("gemm", 5_000.0), ("attn", 8_000.0)], 31.0),
        // As long as all before it; a hundred times as long as others.
        (&[("gemm", 92_000.0)], 110.0),
        (&[("gemm", 199_000.0)], 217.0),
    ] {
        let report = ten_steps(last);
        assert_eq!(defects(&report, "overrunning_work"), 0, "{last:?}");
        assert_eq!(report["device_time"][0]["busy_ns"], ms(busy), "{last:?}");
    }
}

#[test]
fn of_a_name_that_comes_once_the_queue_says_how_long_it_may_take() {
    let queue = |name: &dyn Fn(usize) -> String, long: f64| {
        let mut events = vec![marker(0, 5_000.0)];
        for (i, id) in (0..30).zip(1_i64..) {
            let dur = if i == 4 { long } else { 2_000.0 };
            events.push(call(id, 10.0 + i as f64 * 20.0));
            events.push(kernel(&name(i), id, (1_000.0 + i as f64 * 2_000.0, dur)));
        }
        let report = made(&events);
        (
            defects(&report, "overrunning_work"),
            report["device_time"][0]["busy_ns"].clone(),
        )
    };
    let unique = |i: usize| format!("kernel_{i}x");
    // All 30 are 2 ms then.
    assert_eq!(queue(&unique, 500_000.0), (1, json!(ms(60.0))));
    // Ends as nine others do: names differ by that.
    assert_eq!(queue(&unique, 20_000.0), (0, json!(ms(60.0))));
    let collective = |i: usize| match i {
        4 => "ncclDevKernel_AllGather".to_owned(),
        _ => unique(i),
    };
    assert_eq!(queue(&collective, 500_000.0), (0, json!(ms(500.0 + 8.0))));
}

// ---- Ids that come again ---------------------------------------------------------------------------------------

/// Steps every 10 ms of one kernel of 0.5 ms, which starts `delay` µs after its step; ids of call and work by step.
fn one_kernel_steps(n: i64, delay: f64, ids: impl Fn(i64) -> (i64, i64)) -> Value {
    let mut events = Vec::new();
    for i in 0..n {
        let at = i as f64 * 10_000.0;
        let (of_call, of_work) = ids(i);
        events.extend([
            marker(i, 1_000.0),
            call(of_call, at + 100.0),
            kernel("gemm", of_work, (at + delay, 500.0)),
        ]);
    }
    made(&events)
}

#[test]
fn work_belongs_to_the_nearest_call_of_its_id_before_it() {
    let twice = |id: i64| (id, id);
    let report = one_kernel_steps(5, 200.0, |i| twice(i % 3 + 1));
    assert_eq!(step_devices(&report), vec![vec![0.5, 0.5]; 5]);
    assert_eq!(
        (&report["launches_without_work"], &report["launches_total"]),
        (&json!(0), &json!(5))
    );
    // A device that runs a step behind.
    let report = one_kernel_steps(10, 12_000.0, |i| twice(i % 5 + 1));
    let first = report["steps"][0]["device"]["start_ns"].as_i64().unwrap();
    for (step, i) in steps(&report).iter().zip(0..) {
        assert_eq!(
            (&step["device"]["start_ns"], &step["device"]["method"]),
            (&json!(first + i * ms(10.0)), &json!("launch"))
        );
    }
}

#[test]
fn an_id_that_most_calls_share_is_none() {
    for none in [-1, 4_294_967_295] {
        let report = one_kernel_steps(10, 1_200.0, |_| (none, none));
        assert_eq!(step_devices(&report), vec![vec![0.5, 0.5]; 10], "{none}");
        assert!(steps(&report).iter().all(|s| s["device"]["method"] == "time"));
        // Only the work does not say.
        let report = one_kernel_steps(10, 200.0, |i| (i + 1, none));
        assert_eq!(step_devices(&report), vec![vec![0.5, 0.5]; 10], "{none}");
        // A few calls have ids.
        let report = one_kernel_steps(
            20,
            200.0,
            |i| if i % 4 == 0 { (i + 1, i + 1) } else { (none, none) },
        );
        assert_eq!(step_devices(&report), vec![vec![0.5, 0.5]; 20], "{none}");
    }
}

#[test]
fn a_drivers_call_inside_the_runtimes_is_the_same_launch() {
    let mut events = Vec::new();
    for i in 0..5_i64 {
        let at = i as f64 * 10_000.0;
        let inside = (at + 102.0, 4.0);
        events.extend([
            marker(i, 1_000.0),
            call(i + 1, at + 100.0),
            host()
                .slice("cuda_driver", "cuLaunchKernel", inside.0, inside.1)
                .arg("correlation", i + 1),
            kernel("gemm", i + 1, (at + 200.0, 500.0)),
        ]);
    }
    let report = made(&events);
    assert_eq!(step_devices(&report), vec![vec![0.5, 0.5]; 5]);
    assert_eq!(
        (&report["launches_without_work"], &report["launches_total"]),
        (&json!(0), &json!(5))
    );
}

#[test]
fn work_given_by_time_goes_on_after_the_marker() {
    let steps_of = |n_work: &[(f64, f64)]| {
        let mut events = Vec::new();
        for i in 0..4_i64 {
            let at = i as f64 * 10_000.0;
            events.push(marker(i, 1_000.0));
            events.push(
                host()
                    .call("hipGraphLaunch", at + 100.0, 50.0)
                    .arg("correlation", i + 1),
            );
            for &(delay, dur) in n_work {
                events.push(gpu().kernel_unlinked("gemm", at + delay, dur));
            }
        }
        step_devices(&made(&events))
    };
    // Span and busy time: from the first start to the last end, and their sum.
    assert_eq!(
        steps_of(&[(200.0, 500.0), (1_200.0, 4_000.0)]),
        vec![vec![5.0, 4.5]; 4]
    );
    assert_eq!(steps_of(&[(1_500.0, 2_000.0)]), vec![vec![2.0, 2.0]; 4]);
    // 4 ms of nothing: the work behind it follows on nothing of the step.
    assert_eq!(
        steps_of(&[(200.0, 500.0), (4_700.0, 300.0)]),
        vec![vec![0.5, 0.5]; 4]
    );
}

// ---- Real traces ------------------------------------------------------------------------------------------------

/// The report of a trace of the corpus.
fn real(path: &str) -> Option<Value> {
    Some(report(path, &crate::corpus::read(path)?))
}

#[test]
fn real_traces_tell_communication_from_compute_in_budget_step_and_device_table() {
    let level1 = "ascend/msinsight/level1/rank0_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json";
    for (path, want) in [
        (level1, [8.87, 101.96, 0.85]),
        ("kineto/tracelens/b200/eager_trace.json.gz", [8.65, 2.14, 0.80]),
    ] {
        let Some(report) = real(path) else { return };
        let is_near = |got: &[f64]| got.iter().zip(want).all(|(got, want)| (got - want).abs() < 0.01);
        let step = of(&steps(&report)[0]["device"], &PARTS);
        let device = of(&report["device_time"][0], &PARTS);
        let budget =
            ["device_compute", "device_comm_exposed", "device_copy_exposed"].map(|id| share(&report, id));
        assert!(is_near(&step[..3]), "{path}: {step:?}");
        assert!(is_near(&device[..3]), "{path}: {device:?}");
        assert!(is_near(&budget), "{path}: {budget:?}");
    }
}

#[test]
fn healthy_traces_have_no_overruns_and_their_clocks_agree() {
    let cuda = "kineto/vllm_cuda/1765516811841277604-rank-0.1765516854917831845.pt.trace.json.gz";
    for path in [
        cuda,
        "kineto/tracelens/b200/eager_trace.json.gz",
        "kineto/hta/trace_diff/test/test.json.gz",
        "kineto/hta/trace_diff/control/control.json.gz",
    ] {
        let Some(report) = real(path) else { return };
        assert_eq!(defects(&report, "overrunning_work"), 0, "{path}");
        assert_eq!(report.get("clock_offset_ns"), None, "{path}");
        assert_eq!(report["launches_without_work"], json!(0), "{path}");
    }
}

/// Two ranks in step, joined by hand: each call of the second is 40 µs behind that of the first, so the work of both
/// devices fits the calls of both. Which device has which process is then told by their order.
#[test]
fn ranks_in_step_have_a_device_each() {
    let mut events = Vec::new();
    for rank in 0..2 {
        for step in 0..6 {
            let at = step as f64 * 10_000.0 + rank as f64 * 40.0;
            let (host, id) = (thread(4000 + rank, 4000), step + 1);
            let lasts = 6_000 - 2_000 * rank;
            let launch = host.launch(id, at + 10.0, 10);
            let kernel = stream(rank, 7).kernel("gemm_kernel", id, at + 300.0, lasts);
            events.push(host.step(at, 8_000));
            events.extend([launch, kernel].map(|event| event.arg("External id", id)));
        }
    }
    let report = made(&events);
    let want = [(Some("process 4000"), 0, 36.0), (Some("process 4001"), 1, 24.0)];
    assert_eq!(devices(&report), want);
    assert_eq!(report["launches_without_work"], 0);
    let of_ranks = [vec![6.0, 6.0], vec![4.0, 4.0]];
    for (of_step, place) in step_devices(&report).into_iter().zip(0..) {
        assert_eq!(of_step, of_ranks[place % 2]);
    }
}

/// The device's clock is 40 ms ahead: no work starts before its call, but the profiler's last wait returns before the
/// work that it waited for ends. That wait returns 20 µs after the last of them ends.
#[test]
fn a_clock_ahead_of_the_hosts_is_seen_by_a_wait_for_the_device() {
    let of = |ahead: f64| {
        let mut events = Vec::new();
        for step in 0..6 {
            let at = step as f64 * 10_000.0;
            events.extend([
                marker(step, 8_000.0),
                call(step + 1, at + 10.0),
                kernel("gemm_kernel", step + 1, (at + 100.0 + ahead, 6_000.0)),
            ]);
        }
        let at = (50_050.0, 6_070.0);
        let id = json!({"correlation": 99});
        events.push(host().call("cudaDeviceSynchronize", at.0, at.1).args(id));
        made(&events)
    };
    let apart = of(40_000.0);
    assert_eq!(apart["clock_offset_ns"], ms(39.98));
    assert_eq!(apart["idle"], json!([]));
    assert!(apart["idle_unknown"].as_str().unwrap().contains("40 ms"));
    assert_eq!(of(0.0).get("clock_offset_ns"), None);
}

fn families(report: &Value) -> Vec<(&str, u64, f64)> {
    let rows = report["kernel_families"].as_array().unwrap().iter();
    rows.map(|f| {
        (
            f["family"].as_str().unwrap(),
            f["count"].as_u64().unwrap(),
            of(f, &["total_ns"])[0],
        )
    })
    .collect()
}

/// Three steps of a model whose attention is not fused: two products with a softmax of 1 ms between, the head, and
/// behind the marker what samples, 0.5 ms; each operator launches one kernel. `frames` are around the two.
fn unfused_attention(softmax: &str, sampler: &str, frames: Option<[&str; 2]>) -> Vec<Event> {
    let mut events = Vec::new();
    for step in 0..3 {
        let at = step as f64 * 10_000.0;
        events.push(marker(step, 1_000.0));
        let calls = [
            ("aten::bmm", "gemm", 100.0, 2_000.0),
            ("aten::_softmax", softmax, 300.0, 1_000.0),
            ("aten::bmm", "gemm", 500.0, 2_000.0),
            ("aten::linear", "gemm", 700.0, 1_000.0),
            ("aten::argmax", sampler, 1_100.0, 500.0),
        ];
        let mut device = at + 150.0;
        for (n, (operator, kernel_name, ts, dur)) in calls.into_iter().enumerate() {
            let id = step * 10 + i64::try_from(n).unwrap() + 1;
            let args = json!({"External id": id});
            events.push(host().operator(operator, at + ts, 100.0).args(args));
            events.push(call(id, at + ts + 20.0));
            events.push(kernel(kernel_name, id, (device, dur)));
            device += dur;
        }
        for (name, span) in frames
            .into_iter()
            .flatten()
            .zip([(50.0, 800.0), (1_050.0, 200.0)])
        {
            let place = (at + span.0, span.1);
            events.push(host().frame(name, place.0, place.1));
        }
    }
    events
}

#[test]
fn a_softmax_that_the_model_launches_is_no_sampling() {
    let warp = "void (anonymous namespace)::softmax_warp_forward<float, float, float, 10, false, false>";
    let frames = [
        "vllm/v1/worker/gpu_model_runner.py(1): _model_forward",
        "vllm/v1/worker/gpu_model_runner.py(2): _sample",
    ];
    for frames in [None, Some(frames)] {
        // One kernel for both: the model's three are no sampling, the sampler's three are.
        for sampler in [warp, "argmax_kernel"] {
            let report = made(&unfused_attention(warp, sampler, frames));
            let expected = [("gemm", 9, 15.0), ("elementwise", 3, 3.0), ("sampling", 3, 1.5)];
            assert_eq!(families(&report), expected, "{sampler} {frames:?}");
            // Of the step, only the operator behind the model samples.
            let sample_ns = &report["steps"][0]["parts"]["sample_ns"];
            let expected = if frames.is_some() { 0.2 } else { 0.1 };
            assert_eq!(*sample_ns, ms(expected), "{frames:?}");
        }
    }
    // Where no launch is known, the name alone speaks.
    let mut events = unfused_attention(warp, warp, None);
    events.retain(|event| event["cat"] != "cuda_runtime");
    for event in &mut events {
        event["args"] = json!({"device": event["args"]["device"], "stream": 7});
    }
    let report = made(&events);
    assert_eq!(families(&report), [("gemm", 9, 15.0), ("sampling", 6, 4.5)]);
    // A model that serves nobody samples nothing, unless the name says so.
    let mut events = unfused_attention(warp, "TopPSamplingFromProbKernel", None);
    events.retain(|event| event["cat"] != "user_annotation");
    let expected = [("gemm", 9, 15.0), ("elementwise", 3, 3.0), ("sampling", 3, 1.5)];
    assert_eq!(families(&made(&events)), expected);
}

#[test]
fn work_with_a_smaller_number_than_every_call_was_launched_before_the_recording() {
    let mut events = vec![marker(0, 1_000.0)];
    for n in 0..6 {
        events.push(kernel("gemm_before", 90 + n, (n as f64 * 100.0, 50.0)));
    }
    for n in 0..4 {
        events.push(call(100 + n, 10.0 + n as f64 * 100.0));
        events.push(kernel("gemm", 100 + n, (700.0 + n as f64 * 100.0, 50.0)));
    }
    assert_eq!(families(&made(&events)), [("gemm", 4, 0.2)]);
    // Without a number nothing says when it was launched.
    for event in events.iter_mut().filter(|event| event["name"] == "gemm_before") {
        event["args"]["correlation"] = json!(0);
    }
    assert_eq!(families(&made(&events)), [("gemm", 10, 0.5)]);
}

/// Seven steps of 10 ms with a kernel of 9.5 ms each; between the third and the fourth `name` takes `dur` µs of 300 ms.
fn stopped(cat: &str, name: &str, dur: f64) -> Vec<Event> {
    let mut events = Vec::new();
    for step in 0..7 {
        let at = step as f64 * 10_000.0 + if step > 2 { 300_000.0 } else { 0.0 };
        if step == 3 {
            let from = at - 299_900.0;
            events.push(host().slice(cat, name, from, dur));
        }
        let mut marker = marker(step, 9_500.0);
        marker["ts"] = json!(at);
        events.push(marker);
        events.push(call(step + 1, at + 500.0));
        events.push(kernel("gemm", step + 1, (at + 520.0, 9_500.0)));
    }
    events
}

fn finding<'r>(report: &'r Value, id: &str) -> &'r Value {
    let all = report["findings"].as_array().unwrap();
    all.iter()
        .find(|f| f["id"] == id)
        .unwrap_or_else(|| panic!("{id}: {all:#?}"))
}

#[test]
fn a_long_stop_names_the_call_that_takes_most_of_it() {
    for (cat, name) in [
        ("cuda_runtime", "cudaFree"),
        ("cuda_runtime", "cuModuleLoadData"),
        ("cuda_runtime", "hipFree"),
        ("cpu_op", "aten::empty"),
    ] {
        let report = made(&stopped(cat, name, 298_000.0));
        let found = finding(&report, "decode-waits-for-host");
        let says = found["says"].as_str().unwrap();
        let call = format!("298 ms of it in one call of {name}");
        assert!(says.ends_with(&format!(" {call}.")), "{says}");
        let evidence = found["evidence"].as_array().unwrap();
        let longest = evidence
            .iter()
            .find(|e| e["says"].as_str().unwrap().starts_with("The longest"));
        assert!(
            longest.unwrap()["says"].as_str().unwrap().ends_with(&call),
            "{evidence:#?}"
        );
        let gap = &report["idle"][0]["longest"][0];
        assert_eq!(
            (&gap["call"]["name"], &gap["call"]["ns"]),
            (&json!(name), &json!(ms(298.0)))
        );
        assert!(gap["says"].as_str().unwrap().contains(&call), "{gap}");
        // Causes come with most time first.
        let causes = report["idle"][0]["causes"].as_array().unwrap();
        let times: Vec<i64> = causes.iter().map(|c| c["total_ns"].as_i64().unwrap()).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "{causes:#?}");
    }
}

#[test]
fn a_call_that_takes_less_than_half_of_a_stop_or_holds_much_more_is_not_named() {
    let short = made(&stopped("cuda_runtime", "cudaFree", 140_000.0));
    // An operator around all is longer than the stop.
    let mut events = stopped("cuda_runtime", "cudaFree", 100.0);
    let around = host().operator("serve_forever", 0.0, 2_000_000.0);
    events.push(around);
    for report in [short, made(&events)] {
        assert_eq!(report["idle"][0]["longest"][0]["call"], Value::Null);
        let says = finding(&report, "decode-waits-for-host")["says"]
            .as_str()
            .unwrap();
        assert!(!says.contains("in one call"), "{says}");
    }
    // Gaps of less than a millisecond have no such call.
    let gaps = made(&stopped("cuda_runtime", "cudaFree", 298_000.0))["idle"][0]["longest"].clone();
    let gaps = gaps.as_array().unwrap().iter();
    let short: Vec<&Value> = gaps.filter(|g| g["dur_ns"].as_i64().unwrap() < ms(1.0)).collect();
    assert!(
        !short.is_empty() && short.iter().all(|g| g["call"].is_null()),
        "{short:#?}"
    );
}

// ---- Work that is not recorded ---------------------------------------------------------------------------------

/// Ten steps of 10 ms that launch a kernel of 4 ms and one of 3.5 ms; that of the second is not recorded in some.
fn with_lost(is_lost: fn(i64) -> bool) -> Value {
    let mut events = Vec::new();
    for step in 0..10 {
        let at = step as f64 * 10_000.0;
        events.push(marker(step, 9_000.0));
        events.push(call(2 * step + 1, at + 100.0));
        events.push(kernel("gemm", 2 * step + 1, (at + 200.0, 4_000.0)));
        events.push(call(2 * step + 2, at + 300.0));
        if !is_lost(step) {
            events.push(kernel("gemm", 2 * step + 2, (at + 4_200.0, 3_500.0)));
        }
    }
    made(&events)
}

/// A share of the verdict's, in thousandths.
fn thousandths(report: &Value, share: &str) -> f64 {
    let share = &report["verdict"]["shares"][share];
    (share.as_f64().unwrap_or_else(|| panic!("{share}")) * 1000.0).round()
}

#[test]
fn idle_time_after_a_launch_without_recorded_work_is_unknown() {
    let of = |report: &Value, cause: &str| {
        let gaps = report["gaps"].as_array().unwrap().iter();
        let device = gaps.filter(|g| g["kind"] == "device");
        let causes: Vec<Value> = device
            .flat_map(|g| g["causes"].as_array().unwrap().clone())
            .collect();
        let found = causes.iter().find(|c| c["cause"] == cause);
        found.map_or(0, |c| c["total_ns"].as_i64().unwrap())
    };
    // One of five launches of two steps: 6 ms each, from the end of the recorded work to that of the next step.
    let report = with_lost(|step| step == 3 || step == 6);
    assert_eq!(of(&report, "unlinked"), 2 * ms(6.0));
    // 7 other gaps of 2.5 ms between steps.
    let all = |causes: &[&str]| causes.iter().map(|c| of(&report, c)).sum::<i64>();
    assert_eq!(
        all(&["unaccounted", "submit", "device", "dependency"]),
        7 * ms(2.5)
    );
    // The device may work in it, so these steps say nothing of what bounds a step: 7.5 of 10 ms in each other.
    let none = with_lost(|_| false);
    for share in ["device", "host", "launched_not_started", "launch_unknown"] {
        let differs = thousandths(&report, share) - thousandths(&none, share);
        assert!(differs.abs() <= 5.0, "{share}: {}", report["verdict"]);
    }
    assert_eq!(report["verdict"]["bound"], "device");
}

#[test]
fn where_most_steps_have_lost_work_their_idle_time_is_unknown() {
    let mut events = Vec::new();
    for step in 0..10 {
        let at = step as f64 * 10_000.0;
        events.push(marker(step, 9_500.0));
        for i in 0..6 {
            let id = 6 * step + i + 1;
            events.push(call(id, at + 100.0 + i as f64 * 50.0));
            if i < 5 {
                events.push(kernel("gemm", id, (at + 500.0 + i as f64 * 500.0, 500.0)));
            }
        }
    }
    // 10 of 60 launches, fewer than a fifth.
    let report = made(&events);
    assert_eq!(report["launches_without_work"], 10);
    let verdict = &report["verdict"];
    assert_eq!(verdict["bound"], "unknown", "{verdict}");
    assert!(thousandths(&report, "host") <= 20.0, "{verdict}");
    assert!(thousandths(&report, "launch_unknown") >= 700.0, "{verdict}");
    let says = verdict["says"].as_str().unwrap();
    assert!(
        says.contains("What bounds it is unknown: for 7")
            && says.ends_with("or work launched before it, is not in the trace."),
        "{says}"
    );
}

#[test]
fn a_device_without_any_launch_waits_for_nobodys_host() {
    let mut events = Vec::new();
    for step in 0..10 {
        let at = step as f64 * 10_000.0;
        events.push(marker(step, 8_000.0));
        events.push(call(step + 1, at + 100.0));
        events.push(kernel("gemm", step + 1, (at + 500.0, 7_000.0)));
        events.push(stream(1, 7).kernel("gemm", 500 + step, at + 500.0, 7_000));
    }
    let report = made(&events);
    let gaps = report["gaps"].as_array().unwrap().iter();
    let of_second: Vec<&Value> = gaps
        .filter(|g| g["kind"] == "device" && g["where"].as_str().unwrap().contains('1'))
        .collect();
    let causes = of_second[0]["causes"].as_array().unwrap();
    assert_eq!((of_second.len(), causes.len()), (1, 1), "{of_second:?}");
    assert_eq!(causes[0]["cause"], "unlinked");
    assert_eq!(causes[0]["total_ns"], 9 * ms(3.0));
}

// ---- What a verdict says ---------------------------------------------------------------------------------------

#[test]
fn steps_of_several_batches_are_not_said_to_have_one() {
    let with = |batches: &[i64]| {
        let mut events = Vec::new();
        for (step, batch) in (0..12_i64).zip(batches.iter().cycle()) {
            let at = step as f64 * 10_000.0;
            let name = format!("execute_context_0(0)_generation_{batch}({batch})");
            events.push(host().slice("user_annotation", &name, at, 9_000.0));
            events.push(call(step + 1, at + 100.0));
            events.push(kernel("gemm", step + 1, (at + 200.0, 8_000.0)));
        }
        let verdict = made(&events)["verdict"].clone();
        (
            verdict["says"].as_str().unwrap().to_owned(),
            verdict["batch"].clone(),
        )
    };
    let (says, batch) = with(&[2, 8, 4]);
    assert!(
        says.starts_with("A decode step of batches 2 to 8 takes "),
        "{says}"
    );
    assert_eq!(batch, Value::Null);
    let (says, batch) = with(&[4]);
    assert!(says.starts_with("A decode step of batch 4 takes "), "{says}");
    assert_eq!(batch, 4);
}

#[test]
fn launched_work_that_does_not_start_is_named_where_it_takes_most_time() {
    // Each kernel starts 7 ms after its launch and takes 2 ms of 10.
    let report = one_kernel_steps(10, 7_000.0, |i| (i + 1, i + 1));
    let verdict = &report["verdict"];
    assert_eq!(verdict["bound"], "unknown", "{verdict}");
    let says = verdict["says"].as_str().unwrap();
    assert!(
        says.contains(" of the time launched work had not started: what bounds it is unknown."),
        "{says}"
    );
}

// ---- Ids of several ranks in one process -----------------------------------------------------------------------

/// Two ranks with equal process ids, whose ids count up alike: steps every 10 ms, the second's 500 µs later, its thread
/// and its device or stream as given. Work starts 200 µs after its call, that of the first rank's second kernel after
/// both calls.
fn merged_with_equal_ids(second: i64, on: (i64, i64)) -> Value {
    let mut events = Vec::new();
    for step in 0..8_i64 {
        let at = step as f64 * 10_000.0;
        for (of, tid, on, shift) in [(0, 4000, (0, 7), 0.0), (1, second, on, 500.0)] {
            let at = at + shift;
            let host = thread(4000, tid);
            events.push(host.step(at, 6_000));
            for i in 0..2_i64 {
                let id = 2 * step + i + 1;
                events.push(host.launch(id, at + 100.0 + i as f64 * 200.0, 10));
                let start = at + 300.0 + i as f64 * 2_000.0;
                let dur = if of == 0 { 2_000.0 } else { 1_000.0 };
                events.push(stream(on.0, on.1).kernel("gemm", id, start, dur));
            }
        }
    }
    made(&events)
}

#[test]
fn ids_that_come_again_while_they_count_up_leave_launches_without_work_unknown() {
    for on in [(1, 7), (0, 9), (0, 7)] {
        let report = merged_with_equal_ids(4444, on);
        assert_eq!(report["launches_without_work"], Value::Null, "{on:?}");
        assert!(
            says(&report, "Ids of launches come again within a process"),
            "{on:?}"
        );
        let findings = report["findings"].as_array().unwrap().iter();
        assert!(!findings.into_iter().any(|f| f["id"] == "launches-without-work"));
    }
    // By device or stream each launch has its work.
    for on in [(1, 7), (0, 9)] {
        let report = merged_with_equal_ids(4444, on);
        let calls = &report["launches"]["calls"][0];
        assert_eq!(
            (&calls["count"], &calls["with_work"]),
            (&json!(32), &json!(32)),
            "{on:?}: {calls}"
        );
    }
}
