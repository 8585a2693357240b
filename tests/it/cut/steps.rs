//! A step cut out by its extent is the same step in a report of the cut-out.

use serde_json::{Value, json};
use stepscope::analyze::report::Step;
use stepscope::session::{Opened, open_bytes};

use super::{CutRequest, cut_text};
use crate::small_trace::{Trace, stream, thread};

/// Between starts of steps, µs.
const INTERVAL: i64 = 10_000;
const N: i64 = 6;

/// Six decode steps. The marker has 3 ms; sampling starts 200 µs behind it and takes `sample` µs; with `drafts` the
/// last 2.4 ms of it draft. The device's work starts `late` µs after its launch: 10 layers of 500 µs, sampling, drafts.
fn trace(sample: i64, drafts: bool, late: i64) -> String {
    let (host, gpu) = (thread(4000, 4000), stream(0, 7));
    let mut events = Vec::new();
    for i in 0..N {
        let at = 1_000 + i * INTERVAL;
        let id = 100 + i * 10;
        events.push(host.step(at, 3_000));
        events.push(host.frame("vllm/v1/worker/gpu_worker.py(680): execute_model", at - 30, 3_060));
        events.push(host.launch_graph(id, at + 200, 50));
        for layer in 0..10 {
            events.push(gpu.kernel("layer", id, at + 250 + late + layer * 500, 500));
        }
        events.push(host.frame(
            "vllm/v1/worker/gpu_worker.py(640): sample_tokens",
            at + 3_200,
            sample,
        ));
        events.push(host.launch(id + 1, at + 3_320, 30));
        events.push(gpu.kernel("sampling_kernel", id + 1, at + 5_300 + late, 300));
        if drafts {
            let from = at + 3_200 + sample - 2_400;
            events.push(host.slice("user_annotation", "gpu_model_runner: draft", from, 2_400));
            events.push(host.launch_graph(id + 2, from + 100, 50));
            for layer in 0..5 {
                events.push(gpu.kernel("draft_layer", id + 2, at + 5_600 + late + layer * 400, 400));
            }
        }
    }
    let device = json!([{"id": 0, "name": "Imaginary GPU"}]);
    Trace::torch()
        .head("deviceProperties", device)
        .with(events)
        .text()
}

fn cut(opened: &Opened, text: &str, step: &Step) -> Opened {
    let request = CutRequest {
        window: Some(step.extent()),
        ..CutRequest::default()
    };
    let (out, ..) = cut_text(opened, text.as_bytes(), &request, &[], 1 << 20).unwrap();
    open_bytes("cut.json", &out).unwrap()
}

#[test]
fn a_step_that_is_cut_out_keeps_its_host_time_and_its_device_work() {
    // Of the host: 30 µs before the marker up to the end of sample_tokens, 3,230 µs and the sampling.
    // Of the device: 10 × 500 + 300 µs, and 5 × 400 µs of drafts.
    for (sample, drafts, late, host_us, busy_us) in [
        (2_500, false, 0, 5_730, 5_300),
        (4_000, true, 0, 7_230, 7_300),
        (2_500, false, 9_000, 5_730, 5_300),
        (4_000, true, 9_000, 7_230, 7_300),
    ] {
        let text = trace(sample, drafts, late);
        let opened = open_bytes("t.json", text.as_bytes()).unwrap();
        assert_eq!(opened.report.steps.len(), 6);
        for step in &opened.report.steps {
            let here = format!(
                "sample {sample}, drafts {drafts}, late {late}, step {}",
                step.index
            );
            let device = step.device.as_ref().unwrap();
            assert_eq!(
                (step.host_ns, device.busy_ns),
                (host_us * 1_000, busy_us * 1_000),
                "{here}"
            );
            let again = cut(&opened, &text, step);
            let same = again
                .report
                .steps
                .iter()
                .find(|s| s.start_ns == step.start_ns)
                .unwrap();
            assert_eq!(
                (same.host_ns, same.host_start_ns),
                (step.host_ns, step.host_start_ns),
                "{here}"
            );
            let of = same.device.as_ref().unwrap();
            assert_eq!(
                (of.busy_ns, of.start_ns, of.end_ns),
                (device.busy_ns, device.start_ns, device.end_ns),
                "{here}"
            );
        }
    }
}

#[test]
fn the_extent_of_a_speculative_step_of_an_asynchronous_engine_holds_its_target_and_its_draft_kernels() {
    // Each step's device work starts 9.25 ms after its marker and lasts 7.3 ms: behind the next step's start.
    let text = trace(4_000, true, 9_000);
    let opened = open_bytes("t.json", text.as_bytes()).unwrap();
    assert!(opened.report.step_time.as_ref().unwrap().asynchronous);
    for step in &opened.report.steps {
        let request = CutRequest {
            window: Some(step.extent()),
            ..CutRequest::default()
        };
        let (out, ..) = cut_text(&opened, text.as_bytes(), &request, &[], 1 << 20).unwrap();
        let cut: Value = serde_json::from_slice(&out).unwrap();
        let own = 100 + i64::from(step.index) * 10;
        let of = |name: &str, id: i64| {
            let events = cut["traceEvents"].as_array().unwrap().iter();
            let here = events.filter(|e| e["name"] == name && e["args"]["correlation"] == id);
            here.count()
        };
        let found = [
            of("layer", own),
            of("sampling_kernel", own + 1),
            of("draft_layer", own + 2),
            of("cudaGraphLaunch", own) + of("cudaGraphLaunch", own + 2),
        ];
        assert_eq!(found, [10, 1, 5, 2], "step {}", step.index);
    }
}
