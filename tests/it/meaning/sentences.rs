//! Sentences about waiting, idleness and communication: each is true, and each fact is told once.

use serde_json::{Value, json};
use stepscope::analyze::report::{Cause, IdleCause};

use super::{case, ms, report};
use crate::corpus;

fn finding<'r>(report: &'r Value, id: &str) -> Option<&'r Value> {
    let all = report["findings"].as_array().unwrap();
    all.iter().find(|f| f["id"] == id)
}

fn says<'r>(report: &'r Value, id: &str) -> &'r str {
    finding(report, id).map_or("", |f| f["says"].as_str().unwrap())
}

/// Of one share of time a trace gets one of these at most.
const OF_STEPS: [&str; 5] = [
    "decode-waits-for-host",
    "decode-keeps-the-device-busy",
    "device-waits-for-host",
    "device-is-kept-busy",
    "idle-while-host-waits",
];

/// Findings that conclude from the order of host and device.
const OF_ORDER: [&str; 8] = [
    "decode-waits-for-host",
    "decode-keeps-the-device-busy",
    "device-waits-for-host",
    "device-is-kept-busy",
    "idle-while-host-waits",
    "device-idle",
    "slow-starts",
    "short-kernels",
];

/// What holds of every trace.
fn check(name: &str, report: &Value) {
    let of_steps: Vec<&Value> = OF_STEPS.iter().filter_map(|id| finding(report, id)).collect();
    assert!(of_steps.len() <= 1, "{name}: {of_steps:?}");
    let idle = finding(report, "device-idle");
    if let (Some(of_steps), Some(idle)) = (of_steps.first(), idle) {
        assert_eq!(
            (&of_steps["level"], &idle["level"]),
            (&json!("fine"), &json!("hint")),
            "{name}"
        );
    }
    // Finding and verdict rest on the same instants.
    let verdicts = report["verdicts"].as_array().unwrap();
    if let Some(cost) = of_steps.first().and_then(|f| f["cost_ns"].as_i64()) {
        let evidence = of_steps[0]["evidence"].as_array().unwrap();
        let measured = evidence
            .iter()
            .any(|e| e["says"].as_str().unwrap().starts_with("Measured in"));
        assert!(measured, "{name}");
        let total: i64 = cost;
        let is_like = |v: &Value| {
            let host = v["shares"]["host"].as_f64().unwrap_or(-1.0);
            host > 0.0 && says(report, of_steps[0]["id"].as_str().unwrap()).contains(&percent(host))
        };
        assert!(
            total > 0 && verdicts.iter().any(is_like),
            "{name}: {of_steps:?} {verdicts:?}"
        );
    }
}

fn percent(share: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a share")]
    let part = (share * 1e9).round() as i64;
    stepscope::base::show::percent(part, 1_000_000_000)
}

#[test]
fn one_fact_is_told_once() {
    for name in [
        "c00_control.json",
        "c06a_tracefusion_dp2_same_device.json",
        "c13c_nccl_corr0_and_launch0.json",
        "c14a_dur_1600ms.json",
        "c21b_both.json",
        "c23a_pd_idle_steps.json",
        "c40a_gpu_clock_minus40ms.json",
        "s5_allreduce_in_step.json",
        "s7a_sample_outside_marker.json",
        "v2_two_steps_host_tail.json",
        "v26b_half_kernels_dropped.json",
        "v70_host_track_equals_gpu_track.json",
    ] {
        let Some(report) = case(name) else { return };
        check(name, &report);
    }
    let control = case("c00_control.json").unwrap();
    assert!(says(&control, "decode-waits-for-host").starts_with("For 38 % of the time of decode steps"));
    assert!(finding(&control, "device-idle").is_none());
}

#[test]
fn clocks_that_disagree_let_nothing_be_concluded() {
    let Some(report) = case("c40a_gpu_clock_minus40ms.json") else {
        return;
    };
    assert!(
        says(&report, "clocks-disagree").starts_with("Clocks of host and device disagree by about 40 ms:"),
        "{report}"
    );
    for id in OF_ORDER.into_iter().chain(["device-recording-ends-early"]) {
        assert!(finding(&report, id).is_none(), "{id}");
    }
    assert_eq!(report["verdict"]["bound"], "unknown");
    let verdict = report["verdict"]["says"].as_str().unwrap();
    assert!(
        verdict.contains("clocks of host and device disagree by about 40 ms"),
        "{verdict}"
    );
}

#[test]
fn launches_without_work_are_said_and_nothing_is_built_on_them() {
    let Some(report) = case("v26b_half_kernels_dropped.json") else {
        return;
    };
    assert_eq!(
        says(&report, "launches-without-work"),
        "19 of 30 launches have no recorded work: device times are a lower bound."
    );
    for id in OF_ORDER.into_iter().chain(["device-recording-ends-early"]) {
        assert!(finding(&report, id).is_none(), "{id}");
    }
}

#[test]
fn a_recording_ends_early_only_where_launches_at_the_end_have_no_work() {
    for name in [
        "v2_two_steps_host_tail.json",
        "c14a_dur_1600ms.json",
        "c40a_gpu_clock_minus40ms.json",
        "c00_control.json",
    ] {
        let Some(report) = case(name) else { return };
        assert!(
            finding(&report, "device-recording-ends-early").is_none(),
            "{name}"
        );
        assert!(finding(&report, "launches-without-work").is_none(), "{name}");
    }
}

#[test]
fn a_host_that_waits_for_the_device_is_not_what_the_device_waits_for() {
    let name = "kineto/tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz";
    let Some(bytes) = corpus::read(name) else { return };
    let report = report("decode.json.gz", &bytes);
    for id in OF_STEPS {
        assert!(finding(&report, id).is_none(), "{id}: one step only");
    }
    assert_ne!(finding(&report, "device-idle").unwrap()["level"], "problem");
}

#[test]
fn exposed_communication_is_a_share_of_busy_time() {
    let Some(report) = case("s5_allreduce_in_step.json") else {
        return;
    };
    let exposed = finding(&report, "exposed-communication").unwrap();
    assert_eq!(exposed["cost_ns"].as_i64(), Some(ms(15.0)));
    assert_eq!(
        exposed["says"],
        "Exposed communication (not overlapped by compute) takes 15.0 ms of device 0: 43 % of its busy time."
    );
}

/// A server with a slow host: every 1 ms a launch of 0.4 ms of work, while operators run.
fn slow_host(runtime: &str, call: &str) -> Value {
    let mut events = Vec::new();
    let mut add = |cat: &str, name: &str, tid: i64, ts: i64, dur: i64, args: Value| {
        let pid = if tid == 7 { 0 } else { 100 };
        events.push(
            json!({"ph": "X", "cat": cat, "name": name, "pid": pid, "tid": tid, "ts": ts, "dur": dur,
                           "args": args}),
        );
    };
    for i in 0..12 {
        let at = 10_000 + i * 1000;
        add(
            "user_annotation",
            "execute_context_0(0)_generation_4(4)",
            100,
            at,
            950,
            json!({}),
        );
        add(runtime, call, 100, at + 50, 5, json!({"correlation": i + 1}));
        let work = json!({"device": 0, "stream": 7, "correlation": i + 1});
        add("kernel", "gemm_kernel", 7, at + 60, 400, work);
        add("cpu_op", "aten::index", 100, at + 460, 480, json!({}));
    }
    let text = json!({"schemaVersion": 1, "traceEvents": events}).to_string();
    report("slow.json", text.as_bytes())
}

#[test]
fn advice_fits_the_device() {
    let cuda = slow_host("cuda_runtime", "cudaLaunchKernel");
    let found = finding(&cuda, "decode-waits-for-host").unwrap();
    assert!(
        found["says"].as_str().unwrap().contains("other host operations"),
        "{found}"
    );
    assert!(
        found["advice"].as_str().unwrap().contains("CUDA graphs"),
        "{found}"
    );
    let mtia = slow_host("mtia_runtime", "runtimeLaunch");
    for found in mtia["findings"].as_array().unwrap() {
        let advice = found["advice"].as_str().unwrap().to_lowercase();
        assert!(!advice.contains("cuda") && !advice.contains("graph"), "{found}");
    }
}

/// Of a gap with a recorded cause nobody says that nothing is recorded.
#[test]
fn advice_follows_from_the_cause() {
    for cause in Cause::ALL {
        let says_nothing = cause.advice().contains("Nothing is recorded");
        assert_eq!(says_nothing, cause == Cause::Unaccounted, "{}", cause.key());
    }
    assert_eq!(Cause::Recompile.advice(), IdleCause::Compile.advice());
}

/// Launches and waits for the device of a Gaudi without step markers, every 10 ms; the device works for 4 ms of each.
/// Processes: of the host's calls, and of the device.
fn launches_and_waits(host: i64, device: i64, n: i64) -> Vec<Value> {
    let name = |tid: i64, of: &str, name: &str| json!({"ph": "M", "name": of, "pid": device, "tid": tid, "args": {"name": name}});
    let mut events = vec![
        name(0, "process_name", "/device:HPU:0"),
        name(7019, "thread_name", "[HD0] TPC 0"),
    ];
    for at in (0..n).map(|i| i * 10_000) {
        let call = |ph: &str, name: &str, tid: i64, ts: i64| json!({"ph": ph, "cat": "Runtime", "name": name, "pid": host, "tid": tid, "ts": ts});
        let recipe =
            json!({"recipeId": 7, "recipeName": "decode", "HW event name": "TPC_SPU_START_TO_SPU_HALT"});
        events.extend([
            call("B", "synLaunchWithExternalEvents", 10_283, at),
            json!({"ph": "X", "cat": "Runtime", "name": "enqueueWithExternalEventsExt (accel0)", "pid": 22_101,
                   "tid": 40, "ts": at + 2, "dur": 5, "args": recipe}),
            call("E", "synLaunchWithExternalEvents", 10_283, at + 10),
            json!({"ph": "X", "cat": "Kernel", "name": "fused_kernel", "pid": device, "tid": 7019, "ts": at + 40,
                   "dur": 4_000, "args": recipe}),
            call("B", "synEventSynchronize", 10_193, at + 20),
            call("E", "synEventSynchronize", 10_193, at + 4_100),
        ]);
    }
    events
}

fn read(events: &[Value]) -> Value {
    report(
        "made.pt.trace.json",
        json!({ "traceEvents": events }).to_string().as_bytes(),
    )
}

#[test]
fn of_inferred_steps_every_sentence_says_that_they_are() {
    let got = read(&launches_and_waits(20_190, 0, 12));
    assert_eq!(got["steps"].as_array().unwrap().len(), 12);
    let verdict = got["verdict"]["says"].as_str().unwrap();
    assert!(
        verdict.starts_with(
            "A step takes 10.0 ms from its first launch to the first launch of the next (steps are inferred) (median \
             of 11)."
        ),
        "{verdict}"
    );
    let gaps = got["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["kind"] == "step");
    assert_eq!(
        gaps.unwrap()["definition"],
        "Time from the end of a wait for the device to the next launch: nothing marks steps, so whether it lies inside \
         an engine step or between two is unknown."
    );
    assert_eq!(finding(&got, "time-between-steps"), None);
    // Marked steps are not called so.
    if let Some(control) = case("c00_control.json") {
        assert!(!control.to_string().contains("inferred"), "{control}");
    }
    // Two waits are no rhythm.
    let got = read(&launches_and_waits(20_190, 0, 2));
    assert_eq!(got["steps"], json!([]));
    assert!(!got.to_string().contains("steps are inferred"), "{got}");
}

#[test]
fn a_process_with_number_0_is_a_process_as_any() {
    // Drivers give the device process number 0, and in a container the host's may have it.
    let said = |got: &Value| {
        let findings = got["findings"].as_array().unwrap().iter();
        let says: Vec<Value> = findings.map(|f| f["says"].clone()).collect();
        (
            says,
            got["verdict"]["says"].clone(),
            got["device_time"][0]["busy_ns"].clone(),
        )
    };
    let usual = said(&read(&launches_and_waits(20_190, 7, 12)));
    assert!(
        usual.0[0]
            .as_str()
            .unwrap()
            .starts_with("For 60 % of the time of steps"),
        "{usual:?}"
    );
    assert_eq!(usual.2, ms(48.0));
    assert_eq!(
        said(&read(&launches_and_waits(20_190, 0, 12))),
        usual,
        "the device's"
    );
    assert_eq!(said(&read(&launches_and_waits(0, 7, 12))), usual, "the host's");
    assert_eq!(said(&read(&launches_and_waits(0, 0, 12))), usual, "both");
}

#[test]
fn that_launches_are_not_known_is_said_where_a_device_works() {
    use stepscope::session::open_bytes;
    let note = |events: &[Value]| {
        let text = json!({ "traceEvents": events }).to_string();
        let opened = open_bytes("made.pt.trace.json", text.as_bytes()).unwrap();
        opened.summary().no_launches()
    };
    let kernel = |args: Value| json!({"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "ts": 10, "dur": 10, "args": args});
    let call = json!({"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 100, "tid": 1, "ts": 0,
                      "dur": 5, "args": {"correlation": 1}});
    let unlinked = kernel(json!({"device": 0, "stream": 7}));
    assert_eq!(
        note(&[unlinked]),
        Some(
            "Device work in this trace does not carry the number of the call that launched it, so launch analysis is \
             not available."
        )
    );
    let linked = kernel(json!({"device": 0, "stream": 7, "correlation": 1}));
    assert_eq!(note(&[call.clone(), linked]), None);
    assert_eq!(note(&[call]), None, "no device");
}
