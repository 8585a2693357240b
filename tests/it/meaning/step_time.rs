//! What a step takes, and what bounds it.

use serde_json::{Value, json};
use stepscope::analyze::report::Basis;
use stepscope::session::open_bytes;

use super::{case, ms, report};
use crate::corpus;
use crate::small_trace::{DECODE, Trace, stream, thread};

#[test]
fn the_control_has_six_steps_of_eight_milliseconds() {
    let Some(report) = case("c00_control.json") else {
        return;
    };
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 6);
    assert!(
        steps
            .iter()
            .all(|s| s["dur_ns"] == ms(8.0) && s["call_ns"] == ms(8.0))
    );
    assert!(steps[..5].iter().all(|s| s["interval_ns"] == ms(10.0)));
    assert_eq!(
        steps[5]["interval_ns"],
        Value::Null,
        "after the last no step starts"
    );
    // The engine waits for the device inside the marker.
    assert_eq!(report["step_time"]["basis"], "host");
    assert_eq!(report["step_time"]["asynchronous"], false);
}

/// `n` decode steps, one every `every` ms, whose marker lasts `call` ms and whose device work `work` ms from 0.1 ms
/// after its launch on; and where `compile` is given a compile that makes that step 50 ms longer.
fn server(n: i64, every: f64, call: f64, work: f64, compile: Option<i64>) -> Vec<u8> {
    let (host, gpu) = (thread(1, 1).in_ms(), stream(0, 7).in_ms());
    let mut events = vec![gpu.track().called("process_labels", "GPU 0")];
    let mut at = 0.0;
    let mut free = 0.0f64;
    for i in 0..n {
        let extra = if compile == Some(i) { 50.0 } else { 0.0 };
        events.push(host.step(at, call + extra));
        if extra > 0.0 {
            let name = "_compile.compile_inner (dynamo_timed)";
            events.push(host.operator(name, at + 0.1, extra));
        }
        let launch = at + extra + 0.2;
        events.push(host.launch_graph(100 + i, launch, 0.02));
        let start = free.max(launch + 0.1);
        free = start + work;
        events.push(gpu.kernel("gemm", 100 + i, start, work));
        at += every + extra;
    }
    let device = json!([{"id": 0, "name": "made"}]);
    let trace = Trace::torch().head("deviceProperties", device).with(events);
    trace.text().into_bytes()
}

#[test]
fn a_marker_that_returns_early_is_no_step_time() {
    let report = report("made.pt.trace.json", &server(12, 12.0, 1.0, 10.0, None));
    assert_eq!(report["step_time"]["basis"], "interval");
    assert_eq!(report["step_time"]["asynchronous"], false);
    let group = &report["step_groups"][0];
    assert_eq!(group["interval"]["p50_ns"], ms(12.0));
    assert_eq!(group["interval"]["count"], 11);
    assert_eq!(group["call"]["p50_ns"], ms(1.0));
    assert_eq!(group["device"]["p50_ns"], ms(10.0));
    assert_eq!(group["p50_ns"], ms(1.0), "what was there keeps its meaning");
    let verdict = &report["verdict"];
    assert_eq!(verdict["phase"], "decode");
    assert_eq!(verdict["batch"], 4);
    assert_eq!(verdict["step_ns"], ms(12.0));
    assert_eq!(verdict["basis"], "interval");
    assert_eq!(verdict["bound"], "device");
    assert!((verdict["shares"]["device"].as_f64().unwrap() - 10.0 / 12.0).abs() < 0.01);
}

#[test]
fn of_an_asynchronous_engine_the_time_runs_from_device_end_to_device_end() {
    // The host is ready for the next step after 6 ms, the device needs 10.
    let report = report("made.pt.trace.json", &server(12, 6.0, 1.0, 10.0, None));
    assert_eq!(report["step_time"]["asynchronous"], true);
    assert_eq!(report["step_groups"][0]["interval"]["p50_ns"], ms(10.0));
    assert_eq!(report["steps"][3]["interval_ns"], ms(6.0));
    assert_eq!(report["steps"][3]["step_ns"], ms(10.0));
}

#[test]
fn steps_that_compiled_are_counted_apart() {
    let report = report("made.pt.trace.json", &server(12, 12.0, 1.0, 10.0, Some(5)));
    let group = &report["step_groups"][0];
    assert_eq!(group["count"], 12);
    assert_eq!(group["compiled_count"], 1);
    assert_eq!(
        group["interval"]["max_ns"],
        ms(12.0),
        "the one of 62 ms is left out"
    );
    assert_eq!(group["max_ns"], ms(51.0), "all steps");
    assert_eq!(report["steps"][5]["compiled"], true);
}

#[test]
fn few_intervals_are_not_judged() {
    let report = report("made.pt.trace.json", &server(3, 12.0, 1.0, 10.0, None));
    assert_eq!(report["step_time"]["basis"], "host");
    assert_eq!(report["verdict"]["bound"], "unknown");
}

#[test]
fn the_reader_may_choose_another_time() {
    let trace = server(12, 12.0, 1.0, 10.0, None);
    let mut opened = open_bytes("made.pt.trace.json", &trace).unwrap();
    for (basis, expected) in [
        (Basis::Host, 1.0),
        (Basis::Call, 1.0),
        (Basis::Device, 10.0),
        (Basis::Interval, 12.0),
    ] {
        opened.set_step_time(Some(basis));
        assert_eq!(opened.report.steps[4].step_ns, Some(ms(expected)), "{basis:?}");
        let verdict = opened.report.verdict.as_ref().unwrap();
        assert_eq!((verdict.basis, verdict.step_ns), (basis, Some(ms(expected))));
    }
}

#[test]
fn the_real_server_takes_twelve_milliseconds_a_token() {
    let path = "kineto/vllm_cuda/1765516811841277604-rank-0.1765516854917831845.pt.trace.json.gz";
    let Some(bytes) = corpus::read(path) else { return };
    let report = report(path, &bytes);
    let verdict = &report["verdict"];
    let step = verdict["step_ns"].as_i64().unwrap();
    assert!((ms(12.0)..ms(12.2)).contains(&step), "{step}");
    assert_eq!(verdict["bound"], "device");
    assert_eq!(verdict["basis"], "interval");
}

#[test]
fn a_long_prefill_is_not_slow() {
    let Some(report) = case("v90a_prefill_lengths.json") else {
        return;
    };
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|f| f["id"] != "slow-steps"), "{findings:#?}");
}

/// An asynchronous engine: a step every 10 ms, whose two kernels of 0.9 and 8.5 ms run 11 ms behind their launches.
/// `lost`: of step 6 the kernels from this one on are not recorded.
fn a_step_behind(lost: i64) -> Vec<u8> {
    let mut events = Vec::new();
    for step in 0..14 {
        let at = 10_000 * step;
        events.push(
            json!({"ph": "X", "cat": "user_annotation", "name": "execute_context_0(0)_generation_4(4)", "pid": 1,
            "tid": 5, "ts": at, "dur": 2_500}),
        );
        for kernel in 0..2 {
            let id = 2 * step + kernel + 1;
            events.push(
                json!({"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 5,
                "ts": at + 100 + 500 * kernel, "dur": 20, "args": {"correlation": id}}),
            );
            if step == 6 && kernel >= lost {
                continue;
            }
            let dur = if kernel == 0 { 900 } else { 8_500 };
            events.push(
                json!({"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7,
                "ts": at + 11_000 + 1_000 * kernel, "dur": dur,
                "args": {"correlation": id, "device": 0, "stream": 7}}),
            );
        }
    }
    serde_json::to_vec(&json!({"schemaVersion": 1, "traceEvents": events})).unwrap()
}

#[test]
fn a_step_whose_last_work_is_not_recorded_has_no_end_and_makes_no_neighbour_longer() {
    // All of its work, and its last kernel alone: where it ends is as unknown.
    for lost in [0, 1] {
        let report = report("t.json", &a_step_behind(lost));
        assert_eq!(report["step_time"]["from_device_ends"], true, "{lost}");
        let steps = report["steps"].as_array().unwrap();
        for (i, step) in steps.iter().enumerate().skip(1) {
            let is_known = i != 6 && i != 7;
            let want = if is_known { json!(ms(10.0)) } else { Value::Null };
            assert_eq!(step["step_ns"], want, "{lost}: {i}");
        }
        assert_eq!(steps[7]["device"]["gap_before_ns"], Value::Null, "{lost}");
        assert_eq!(steps[8]["device"]["gap_before_ns"], ms(0.5), "{lost}");
    }
}

/// The same on Gaudi, one graph a step; that of `lost` is not recorded.
fn graphs_a_step_behind(lost: i64) -> Vec<u8> {
    let mut events = vec![
        json!({"ph": "M", "name": "process_name", "pid": 9, "tid": 0, "args": {"name": "/device:HPU:0"}}),
    ];
    for step in 0..14 {
        let at = 10_000 * step;
        events.push(
            json!({"ph": "X", "cat": "user_annotation", "name": "execute_context_0(0)_generation_4(4)", "pid": 1,
            "tid": 5, "ts": at, "dur": 2_500}),
        );
        events.push(
            json!({"ph": "X", "cat": "privateuse1_runtime", "name": "enqueueWithExternalEventsExt (accel0)", "pid": 1,
            "tid": 5, "ts": at + 100, "dur": 20, "args": {"recipeId": 7, "recipeName": "decode"}}),
        );
        if step != lost {
            events.push(
                json!({"ph": "X", "cat": "kernel", "name": "BatchGemm", "pid": 9, "tid": 6004,
                "ts": at + 11_000, "dur": 9_500,
                "args": {"recipeId": 7, "recipeName": "decode", "HW event name": "MMEH_WB_STORE"}}),
            );
        }
    }
    serde_json::to_vec(&json!({"schemaVersion": 1, "traceEvents": events})).unwrap()
}

#[test]
fn a_graph_that_left_no_trace_is_found_by_the_pause_that_it_left() {
    for lost in [3, 6, 9] {
        let report = report("t.json", &graphs_a_step_behind(lost));
        let steps = report["steps"].as_array().unwrap();
        for (i, step) in (0i64..).zip(steps).skip(1) {
            let is_known = i != lost && i != lost + 1;
            let want = if is_known { json!(ms(10.0)) } else { Value::Null };
            assert_eq!(step["step_ns"], want, "{lost}: {i}");
            if i != lost {
                assert_eq!(step["device"]["busy_ns"], ms(9.5), "{lost}: {i}");
            }
        }
        assert_eq!(steps[usize::try_from(lost).unwrap()]["device"], Value::Null);
    }
}

#[test]
fn what_bounds_steps_is_unknown_where_no_work_names_its_launch() {
    let linked = server(8, 10.0, 2.0, 9.0, None);
    assert_eq!(report("t.json", &linked)["verdict"]["bound"], "device");
    let mut trace: Value = serde_json::from_slice(&linked).unwrap();
    for event in trace["traceEvents"].as_array_mut().unwrap() {
        if let Some(args) = event.get_mut("args").and_then(Value::as_object_mut) {
            args.remove("correlation");
        }
    }
    let report = report("t.json", &serde_json::to_vec(&trace).unwrap());
    let verdict = &report["verdict"];
    assert_eq!(verdict["bound"], "unknown", "{verdict}");
    let says = verdict["says"].as_str().unwrap();
    assert!(
        says.contains("nothing links its work with the calls that launched it"),
        "{says}"
    );
}

/// An asynchronous engine whose device runs a step behind: decode steps that only communicate and steps with prefill
/// that only compute, `n` decode steps before each of the others.
fn phases_a_step_behind(n: i64) -> Value {
    let (host, device) = (thread(1, 5), stream(0, 7));
    let mut trace = Trace::torch();
    for step in 0..40 {
        let (at, is_decode) = (10_000 * step, step % (n + 1) < n);
        let (name, kernel) = match is_decode {
            true => (DECODE, "ncclDevKernel_AllReduce_Sum_bf16_RING_LL"),
            false => ("execute_context_1(64)_generation_3(3)", "gemm_kernel"),
        };
        trace.add(host.slice("user_annotation", name, at, 2_500));
        trace.add(host.launch(step + 1, at + 100, 20));
        trace.add(device.kernel(kernel, step + 1, at + 11_000, 9_500));
    }
    report("t.json", trace.text().as_bytes())
}

#[test]
fn of_an_asynchronous_engine_each_phase_is_judged_by_its_own_device_work() {
    for n in [1, 3] {
        let report = phases_a_step_behind(n);
        assert_eq!(report["step_time"]["from_device_ends"], true, "{n}");
        let verdicts = report["verdicts"].as_array().unwrap();
        let of = |phase: &str| verdicts.iter().find(|v| v["phase"] == phase).unwrap();
        let share = |phase: &str, key: &str| of(phase)["shares"][key].as_f64().unwrap();
        assert_eq!(of("decode")["bound"], "communication", "{n}");
        assert!((share("decode", "communication") - 0.95).abs() < 1e-9, "{n}");
        assert_eq!(share("decode", "device"), 0.0, "{n}");
        assert_eq!(of("mixed")["bound"], "device", "{n}");
        assert!((share("mixed", "device") - 0.95).abs() < 1e-9, "{n}");
        let causes = report["step_causes"].as_array().unwrap();
        for of_phase in causes {
            let of = |cause: &str| {
                let all = of_phase["causes"].as_array().unwrap();
                all.iter()
                    .find(|c| c["cause"] == cause)
                    .map_or(0, |c| c["total_ns"].as_i64().unwrap())
            };
            let total = of_phase["total_ns"].as_i64().unwrap();
            let (own, other) = match of_phase["phase"].as_str() {
                Some("decode") => (of("communication"), of("compute")),
                _ => (of("compute"), of("communication")),
            };
            assert_eq!((own * 100, other), (total * 95, 0), "{n}: {of_phase}");
        }
        // A group all of whose steps stand next to another phase has times all the same.
        let groups = report["step_groups"].as_array().unwrap();
        let mixed = groups.iter().find(|g| g["phase"] == "mixed").unwrap();
        assert_eq!(mixed["interval"]["p50_ns"], ms(10.0), "{n}");
    }
}
