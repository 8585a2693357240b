//! What a step takes, and what bounds it.

use serde_json::{Value, json};
use stepscope::analyze::report::Basis;
use stepscope::session::open_bytes;

use super::{case, ms, report};
use crate::corpus;

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
    let mut events =
        vec![json!({"ph": "M", "name": "process_labels", "pid": 0, "tid": 0, "args": {"labels": "GPU 0"}})];
    let mut at = 0.0;
    let mut free = 0.0f64;
    for i in 0..n {
        let extra = if compile == Some(i) { 50.0 } else { 0.0 };
        let us = |ms: f64| (ms * 1e3).round();
        events.push(json!({"ph": "X", "cat": "user_annotation", "name": "execute_context_0(0)_generation_4(4)", "pid": 1,
            "tid": 1, "ts": us(at), "dur": us(call + extra)}));
        if extra > 0.0 {
            events.push(
                json!({"ph": "X", "cat": "cpu_op", "name": "_compile.compile_inner (dynamo_timed)", "pid": 1,
                "tid": 1, "ts": us(at + 0.1), "dur": us(extra)}),
            );
        }
        let launch = at + extra + 0.2;
        events.push(
            json!({"ph": "X", "cat": "cuda_runtime", "name": "cudaGraphLaunch", "pid": 1, "tid": 1,
            "ts": us(launch), "dur": 20, "args": {"correlation": 100 + i}}),
        );
        let start = free.max(launch + 0.1);
        free = start + work;
        events.push(
            json!({"ph": "X", "cat": "kernel", "name": "gemm", "pid": 0, "tid": 7, "ts": us(start),
            "dur": us(work), "args": {"correlation": 100 + i, "stream": 7, "device": 0}}),
        );
        at += every + extra;
    }
    let trace =
        json!({"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "made"}], "traceEvents": events});
    serde_json::to_vec(&trace).unwrap()
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
