//! What is a step, and of which phase, and what it is made of.

use serde_json::{Value, json};

use super::{case, ms, report};
use crate::corpus;
use crate::small_trace::{Event, Thread, Trace, thread};

fn steps(report: &Value) -> &Vec<Value> {
    report["steps"].as_array().unwrap()
}

fn phases(report: &Value) -> Vec<&str> {
    let steps = steps(report).iter();
    steps.map(|s| s["phase"].as_str().unwrap()).collect()
}

/// The sum of a step's parts.
fn parts_sum(step: &Value) -> i64 {
    let parts = step["parts"].as_object().unwrap();
    parts.values().filter_map(Value::as_i64).sum()
}

fn part(step: &Value, name: &str) -> i64 {
    step["parts"][name].as_i64().unwrap_or(0)
}

fn busy(report: &Value) -> i64 {
    let busy = steps(report).iter().map(|s| s["device"]["busy_ns"].as_i64());
    busy.map(Option::unwrap_or_default).sum()
}

fn step_gaps(report: &Value) -> Vec<Option<i64>> {
    steps(report)
        .iter()
        .map(|s| s["gap_before_ns"].as_i64())
        .collect()
}

/// The host's only thread; times in µs.
fn host() -> Thread {
    thread(9, 9)
}

fn trace(name: &str, events: impl IntoIterator<Item = Event>) -> Value {
    report(name, Trace::torch().with(events).text().as_bytes())
}

/// A trace of markers alone: name, start and length in µs.
fn markers(of: &[(&str, f64, f64)]) -> Value {
    let events: Vec<Event> = of
        .iter()
        .map(|&(name, ts, dur)| host().slice("user_annotation", name, ts, dur))
        .collect();
    trace("x.json", events)
}

#[test]
fn an_iteration_of_speculative_decoding_is_one_step() {
    let Some(report) = case("c09a_eagle_draft_reuses_decode.json") else {
        return;
    };
    assert_eq!(phases(&report), ["decode"; 5], "one for each verify");
    let engine: Vec<_> = steps(&report).iter().map(|s| s["engine_step"].as_u64()).collect();
    assert_eq!(engine, (0..5).map(Some).collect::<Vec<_>>());
    // Verify 4 ms, extend 2 ms; from the second on with two drafts of 1 ms before. The device has 3.5, 1.8, 0.8, 0.8.
    let device: Vec<_> = steps(&report)
        .iter()
        .map(|s| s["device"]["busy_ns"].as_i64())
        .collect();
    assert_eq!(device[0], Some(ms(5.3)));
    assert!(device[1..].iter().all(|&d| d == Some(ms(6.9))));
    assert!(steps(&report)[1..].iter().all(|s| part(s, "draft_ns") == ms(4.0)));
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|f| f["id"] != "slow-steps"));
}

#[test]
fn drafts_are_told_by_the_verify_that_follows() {
    let iteration = |at: f64, draft: &'static str, verify: &'static str, extend: &'static str| {
        [
            (draft, at, 100.0),
            (draft, at + 110.0, 100.0),
            (draft, at + 220.0, 100.0),
            (verify, at + 330.0, 500.0),
            (extend, at + 840.0, 90.0),
        ]
    };
    for (draft, verify, extend) in [
        ("step[DRAFT bs=7]", "step[VERIFY bs=7]", "step[DRAFT_EXTEND bs=7]"),
        (
            "step[decode bs=7]",
            "step[target_verify bs=7]",
            "step[draft_extend_v3 bs=7]",
        ),
        (
            "draft step[DECODE bs=7]",
            "step[TARGET_VERIFY bs=7]",
            "draft step[EXTEND bs=7 toks=21]",
        ),
    ] {
        let mut all = vec![("step[EXTEND bs=7 toks=900]", 0.0, 800.0)];
        all.extend((1..=4).flat_map(|i| iteration(f64::from(i) * 1_000.0, draft, verify, extend)));
        let report = markers(&all);
        assert_eq!(
            phases(&report),
            ["prefill", "decode", "decode", "decode", "decode"],
            "{draft}"
        );
        assert!(steps(&report)[1..].iter().all(|s| part(s, "draft_ns") == 390_000));
        assert_eq!(steps(&report)[2]["start_ns"], 2_000_000);
    }
    // Without any verify a decode is a decode.
    let plain = markers(&[
        ("step[DECODE bs=2]", 0.0, 100.0),
        ("step[DECODE bs=2]", 110.0, 100.0),
    ]);
    assert_eq!(phases(&plain), ["decode"; 2]);
    // Nor is a long run of them, where the server speculates at times.
    let mut mixed = Vec::new();
    for i in 0..3 {
        mixed.extend(iteration(
            f64::from(i) * 1_000.0,
            "step[DECODE bs=1]",
            "step[VERIFY bs=1]",
            "step[IDLE bs=0]",
        ));
    }
    mixed.extend((0..9).map(|i| ("step[DECODE bs=1]", 4_000.0 + f64::from(i) * 300.0, 200.0)));
    mixed.extend(iteration(
        7_000.0,
        "step[DECODE bs=1]",
        "step[VERIFY bs=1]",
        "step[IDLE bs=0]",
    ));
    let report = markers(&mixed);
    let decodes = phases(&report).iter().filter(|&&p| p == "decode").count();
    assert_eq!(decodes, 3 + 9 + 1);
}

#[test]
fn every_mode_of_sglang_has_its_phase() {
    if let Some(report) = case("c09d_split_prefill.json") {
        assert_eq!(phases(&report), ["prefill"; 5]);
        assert!(steps(&report).iter().all(|s| s["sure"] == "recorded"));
    }
    let report = markers(&[("step[DLLM_EXTEND bs=2 toks=64]", 0.0, 10.0)]);
    assert_eq!(phases(&report), ["prefill"]);
    assert_eq!(steps(&report)[0]["sure"], "derived");
}

#[test]
fn a_mixed_marker_says_how_much_of_each() {
    if let Some(report) = case("c09f_mixed_roofline.json") {
        for step in steps(&report) {
            assert_eq!(step["phase"], "mixed");
            assert_eq!(
                (&step["context_requests"], &step["context_tokens"]),
                (&json!(2), &json!(900))
            );
            assert_eq!(
                (&step["generation_requests"], &step["generation_tokens"]),
                (&json!(4), &json!(4))
            );
            assert_eq!(step["context_kv_tokens"], 1000);
            assert_eq!(step["generation_kv_tokens"], 500);
            assert_eq!((&step["batch"], &step["tokens"]), (&json!(6), &json!(904)));
        }
    }
    let report = markers(&[(
        "execute_9_context_1(sq8sk80sqsq64sqsk640)_generation_1(sq1sk33sqsq1sqsk33)",
        0.0,
        9.0,
    )]);
    let step = &steps(&report)[0];
    assert_eq!(
        (&step["context_kv_tokens"], &step["generation_kv_tokens"]),
        (&json!(80), &json!(33))
    );
}

#[test]
fn the_files_name_tells_the_stage_in_any_case_with_any_suffix() {
    for name in [
        "c47_1759-TP-0-DECODE (1).trace.json.gz",
        "c47_1759-TP-0-decode.trace.json.gz",
    ] {
        let Some(report) = case(name) else { return };
        assert_eq!(phases(&report), ["decode"; 4], "{name}");
    }
    let forward = host().frame("sglang/srt/model_executor/model_runner.py(9): forward", 0.0, 50.0);
    let report = trace("7-TP-3-Prefill (2).trace.json.gz", [forward]);
    assert_eq!(phases(&report), ["prefill"]);
}

#[test]
fn sampling_and_drafting_behind_the_marker_belong_to_the_step() {
    // Of 10 ms, the marker has 3: sampling goes on to 6.7, drafting to 8.2.
    for (name, busy_ms, gap_ms) in [
        ("s7a_sample_outside_marker.json", 31.8, 4.27),
        ("s7d_spec_draft.json", 43.8, 2.77),
    ] {
        let Some(report) = case(name) else { return };
        assert_eq!(phases(&report), ["decode"; 6]);
        assert_eq!(busy(&report), ms(busy_ms), "{name}");
        let mut gaps = vec![Some(ms(gap_ms)); 6];
        gaps[0] = None;
        assert_eq!(
            step_gaps(&report),
            gaps,
            "{name}: from the end of sample_tokens to execute_model"
        );
        for step in steps(&report) {
            assert_eq!(
                step["call_ns"]
                    .as_i64()
                    .unwrap_or(0)
                    .max(step["dur_ns"].as_i64().unwrap()),
                ms(3.0)
            );
            assert_eq!(parts_sum(step), ms(10.0 - gap_ms), "all of the host time");
        }
    }
    let draft = case("s7d_spec_draft.json").unwrap();
    assert!(steps(&draft).iter().all(|s| part(s, "draft_ns") == ms(2.4)));
}

#[test]
fn scopes_of_drafting_count_whatever_they_are_called() {
    for (scope, of) in [
        ("gpu_model_runner: draft", "draft_ns"),
        ("speculator: precompute_context_kv", "draft_ns"),
        ("gpu_model_runner: bookkeep", "post_ns"),
    ] {
        let events: Vec<Event> = (0..4)
            .flat_map(|i| {
                let at = f64::from(i) * 1_000.0;
                [
                    host().slice(
                        "user_annotation",
                        "execute_context_0(0)_generation_2(8)",
                        at,
                        400.0,
                    ),
                    host().slice("user_annotation", scope, at + 420.0, 300.0),
                ]
            })
            .collect();
        let report = trace("x.json", events);
        assert_eq!(
            step_gaps(&report),
            [None, Some(280_000), Some(280_000), Some(280_000)],
            "{scope}"
        );
        assert!(steps(&report).iter().all(|s| part(s, of) == 300_000), "{scope}");
    }
}

#[test]
fn spans_of_the_scheduler_are_parts_of_the_step() {
    let events: Vec<Event> = (0..3)
        .flat_map(|i| {
            let at = f64::from(i) * 1_000.0;
            [
                // Without a batch the loop goes round.
                host().slice("user_annotation", "scheduler.recv_requests", at, 10.0),
                host().slice(
                    "user_annotation",
                    "scheduler.get_next_batch_to_run",
                    at + 20.0,
                    10.0,
                ),
                host().slice("user_annotation", "scheduler.recv_requests", at + 100.0, 10.0),
                host().slice(
                    "user_annotation",
                    "scheduler.process_input_requests",
                    at + 110.0,
                    20.0,
                ),
                host().slice(
                    "user_annotation",
                    "scheduler.get_next_batch_to_run",
                    at + 130.0,
                    40.0,
                ),
                host().slice("user_annotation", "scheduler.run_batch", at + 170.0, 500.0),
                host().slice("user_annotation", "step[DECODE bs=3]", at + 200.0, 450.0),
                host().slice(
                    "user_annotation",
                    "scheduler.process_batch_result",
                    at + 680.0,
                    120.0,
                ),
            ]
        })
        .collect();
    let report = trace("x.json", events);
    assert_eq!(phases(&report), ["decode"; 3]);
    assert_eq!(step_gaps(&report), [None, Some(300_000), Some(300_000)]);
    for step in steps(&report) {
        assert_eq!(part(step, "schedule_ns"), 70_000);
        assert_eq!(part(step, "forward_ns"), 450_000);
        assert_eq!(part(step, "post_ns"), 120_000);
        assert_eq!(parts_sum(step), 700_000);
    }
}

#[test]
fn what_holds_whole_steps_causes_nothing() {
    let causes = |report: &Value| {
        let gaps = report["gaps"].as_array().unwrap();
        let gap = gaps.iter().find(|g| g["kind"] == "step").unwrap();
        let causes = gap["causes"].as_array().unwrap().iter();
        let named = causes.filter(|c| c["total_ns"] != 0);
        named
            .map(|c| c["cause"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    if let Some(report) = case("c21b_both.json") {
        assert_eq!(phases(&report), ["decode"; 4]);
        assert_eq!(causes(&report), ["unaccounted"]);
    }
    for holder in ["my loop", "iteration 3"] {
        let mut events = vec![host().slice("user_annotation", holder, 0.0, 4_000.0)];
        events.extend((0..4).map(|i| {
            let at = f64::from(i) * 1_000.0 + 5.0;
            host().slice(
                "user_annotation",
                "execute_context_0(0)_generation_2(2)",
                at,
                800.0,
            )
        }));
        assert_eq!(causes(&trace("x.json", events)), ["unaccounted"], "{holder}");
    }
}

#[test]
fn steps_of_any_model_runner_are_found() {
    if let Some(report) = case("v80a_vllm_v0_cuda.json") {
        assert_eq!(
            phases(&report),
            ["prefill", "decode", "decode", "decode", "decode"]
        );
    }
    for frame in [
        "vllm/worker/model_runner.py(1719): execute_model",
        "vllm/v1/worker/gpu/model_runner.py(800): execute_model",
        "/x/vllm_ascend/worker/model_runner_v1.py(1): execute_model",
        "vllm/worker/multi_step_model_runner.py(2): execute_model",
        "vllm/v1/worker/cpu_worker.py(2): execute_model",
    ] {
        let events: Vec<Event> = (0..3)
            .map(|i| host().frame(frame, f64::from(i) * 1_000.0, 500.0))
            .collect();
        let report = trace("x.json", events);
        assert_eq!(steps(&report).len(), 3, "{frame}");
        assert!(steps(&report).iter().all(|s| s["sure"] == "derived"));
    }
}

#[test]
fn tokens_are_those_of_the_text_model() {
    if let Some(report) = case("v81a_vision_first.json") {
        assert_eq!(phases(&report), ["prefill", "decode", "decode", "decode"]);
        assert_eq!(steps(&report)[0]["tokens"], 80);
    }
    if let Some(report) = case("v81e_padded_graph.json") {
        assert_eq!(phases(&report), ["decode"; 4]);
        assert!(steps(&report).iter().all(|s| s["sure"] == "derived"));
    }
}

#[test]
fn markers_count_in_any_category_of_the_host() {
    if let Some(report) = case("v100_proton_chrome_trace.json") {
        assert_eq!(phases(&report), ["decode"; 5]);
    }
    let of = |cat: &str| {
        let events: Vec<Event> = (0..2)
            .map(|i| host().slice(cat, "step[DECODE bs=4]", f64::from(i) * 100.0, 50.0))
            .collect();
        let kernel = thread(0, 7).slice("kernel", "k", 1.0, 1.0);
        steps(&trace("x.json", events.into_iter().chain([kernel]))).len()
    };
    assert_eq!(["scope", "", "nvtx", "cpu_op"].map(of), [2; 4]);
    assert_eq!(of("gpu_user_annotation"), 0);
}

#[test]
fn parts_are_derived_from_the_order_of_calls_where_there_are_no_frames() {
    let events: Vec<Event> = (0..3)
        .flat_map(|i| {
            let at = f64::from(i) * 10_000.0;
            [
                host().slice(
                    "user_annotation",
                    "execute_context_0(0)_generation_2(2)",
                    at,
                    1_000.0,
                ),
                host().operator("aten::copy_", at + 100.0, 50.0),
                host().call("cudaGraphLaunch", at + 300.0, 200.0),
                host().operator("aten::argmax", at + 1_100.0, 40.0),
                host().call("cudaEventSynchronize", at + 1_200.0, 5_000.0),
                // So much later it waits for something else.
                host().call("cudaEventSynchronize", at + 9_000.0, 100.0),
            ]
        })
        .collect();
    let report = trace("x.json", events);
    for step in steps(&report) {
        assert_eq!(part(step, "prepare_ns"), 200_000, "up to where the model starts");
        assert_eq!(part(step, "forward_ns"), 200_000);
        assert_eq!(part(step, "sample_ns"), 40_000);
        assert_eq!(part(step, "wait_ns"), 5_000_000);
        assert_eq!(parts_sum(step), 6_200_000, "the host time");
        assert_eq!(step["parts"]["derived"], true);
    }
    assert_eq!(step_gaps(&report)[1], Some(3_800_000));
}

#[test]
fn a_real_step_is_made_of_what_its_frames_say() {
    let name = "kineto/vllm_cuda/1765516811841277604-rank-0.1765516854917831845.pt.trace.json.gz";
    let Some(bytes) = corpus::read(name) else { return };
    let report = report(name, &bytes);
    let decodes = steps(&report).iter().filter(|s| s["phase"] == "decode");
    for step in decodes {
        // A token takes 12.1 ms; the engine waits for it behind the marker of 1.2 ms.
        let host = parts_sum(step);
        assert!((ms(11.0)..ms(14.0)).contains(&host), "{host}");
        assert!(part(step, "other_ns") * 20 < host, "{}", step["parts"]);
        assert!(part(step, "wait_ns") > ms(8.0), "{}", step["parts"]);
        for known in [
            "schedule_ns",
            "prepare_ns",
            "forward_ns",
            "logits_ns",
            "sample_ns",
            "post_ns",
        ] {
            assert!(part(step, known) > 0, "{known}");
        }
    }
    let third = &steps(&report)[3]["parts"];
    assert_eq!(
        third["schedule_ns"], 122_841,
        "from schedule() with what it calls"
    );
}

#[test]
fn an_allocation_that_failed_is_a_finding() {
    let Some(report) = case("m6_oom.json") else {
        return;
    };
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| f["id"] == "out-of-memory").unwrap();
    assert_eq!(found["level"], "problem");
    assert_eq!(
        found["says"],
        "Out of memory: 53.7 GB asked for on cuda 0, with 84.8 GB in use and 84.8 GB reserved, in step 0."
    );
    assert_eq!(report["out_of_memory"][0]["bytes"].as_i64(), Some(50 << 30));
    assert_eq!(found["evidence"][0]["start_ns"].as_i64(), Some(ms(1.2)));
}
