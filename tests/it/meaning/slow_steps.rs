//! What differs in a slow step, each by a delay of a known size in one step of a server that is the same in all others.

use serde_json::{Value, json};

use super::{ms, report};
use crate::small_trace::{Trace, stream, thread};

/// A step of 2 ms on the host: two operators that launch a kernel each, and a wait for the device. Times in µs.
#[derive(Clone, Copy)]
struct Made {
    /// Of each of the two operators and the launch inside it.
    operators: [f64; 2],
    /// Between the operators, with nothing on the host.
    pause: f64,
    /// Of each of the two kernels.
    kernels: [f64; 2],
    /// From the end of this step to the next.
    after: f64,
    /// In `time.sleep` between the operators; with python frames recorded.
    sleep: Option<f64>,
}

const AS_EVER: Made = Made {
    operators: [400.0, 300.0],
    pause: 100.0,
    kernels: [600.0, 500.0],
    after: 100.0,
    sleep: None,
};

/// A trace of ten decode steps, of which the fifth is `slow` and the others `usual`.
fn trace(usual: Made, slow: Made) -> Value {
    let (host, gpu) = (thread(9, 9), stream(0, 7));
    let mut events = Vec::new();
    let mut t = 1000.0;
    for i in 0..10 {
        let step = if i == 4 { slow } else { usual };
        let mut at = t + 50.0;
        let mut device = at;
        for k in 0..2 {
            let correlation = 10 * i + k + 1;
            let name = ["aten::mm", "aten::cat"][k];
            let kernel = ["gemm_kernel", "concat_kernel"][k];
            events.push(host.operator(name, at, step.operators[k]));
            let called = at + step.operators[k] - 10.0;
            events.push(host.launch(correlation, called, 5));
            device = f64::max(device, at + step.operators[k]);
            events.push(gpu.kernel(kernel, correlation, device, step.kernels[k]));
            device += step.kernels[k];
            at += step.operators[k];
            if k == 0 {
                if let Some(sleep) = step.sleep {
                    let name = "<built-in function sleep>";
                    events.push(host.frame(name, at + 1.0, sleep));
                    at += sleep + 2.0;
                }
                at += step.pause;
            }
        }
        let end = f64::max(device, at) + 50.0;
        events.push(host.call("cudaStreamSynchronize", at + 5.0, end - 30.0 - at));
        events.push(host.step(t, end - t));
        if step.sleep.is_some() {
            events.push(host.frame("engine/core.py(7): step", t - 1.0, end - t + 2.0));
        }
        t = end + step.after;
    }
    report("slow.json", Trace::torch().with(events).text().as_bytes())
}

/// The differences of a kind in the only slow step: name, and how much more.
fn differences(report: &Value, kind: &str) -> Vec<(String, i64)> {
    let slow = report["slow_steps"].as_array().unwrap();
    assert_eq!(slow.len(), 1, "{slow:#?}");
    assert_eq!(slow[0]["step"], 4);
    assert_eq!(
        slow[0]["compared"],
        report["steps"].as_array().unwrap().len() as u64 - 1
    );
    let all = slow[0]["differences"].as_array().unwrap().iter();
    all.filter(|d| d["kind"] == kind)
        .map(|d| {
            (
                d["name"].as_str().unwrap().to_owned(),
                d["more_ns"].as_i64().unwrap(),
            )
        })
        .collect()
}

fn says(report: &Value) -> String {
    let findings = report["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|f| f["id"] == "slow-steps")
        .expect("it speaks");
    found["says"].as_str().unwrap().to_owned()
}

#[test]
fn an_operator_that_takes_longer_is_named_with_how_much() {
    let mut slow = AS_EVER;
    slow.operators[1] += 41_000.0;
    let report = trace(AS_EVER, slow);
    assert_eq!(
        differences(&report, "operator"),
        [("aten::cat".to_owned(), ms(41.0))]
    );
    assert_eq!(differences(&report, "kernel"), []);
    assert!(
        says(&report).contains("What differs: aten::cat +41.0 ms"),
        "{}",
        says(&report)
    );
}

#[test]
fn a_kernel_that_takes_longer_is_named_and_not_the_wait_for_it() {
    let mut slow = AS_EVER;
    slow.kernels[0] += 20_000.0;
    let report = trace(AS_EVER, slow);
    assert_eq!(
        differences(&report, "kernel"),
        [("gemm_kernel".to_owned(), ms(20.0))]
    );
    assert_eq!(differences(&report, "all_kernels"), []);
    assert_eq!(differences(&report, "operator"), []);
    assert_eq!(differences(&report, "device_idle"), []);
    assert_eq!(
        differences(&report, "wait").len(),
        1,
        "what follows from it is in the table"
    );
    let says = says(&report);
    assert!(
        says.contains("kernel gemm_kernel +20.0 ms") && !says.contains("Synchronize"),
        "{says}"
    );
}

#[test]
fn a_pause_of_the_host_is_a_pause_of_the_device() {
    let mut slow = AS_EVER;
    slow.pause += 30_000.0;
    let report = trace(AS_EVER, slow);
    assert_eq!(differences(&report, "unrecorded"), [(String::new(), ms(30.0))]);
    let idle = differences(&report, "device_idle");
    assert_eq!(idle.len(), 1);
    // The first kernel still hides what it hid before.
    assert!((ms(29.3)..=ms(30.0)).contains(&idle[0].1), "{idle:?}");
    assert_eq!(differences(&report, "operator"), []);
    assert!(
        says(&report).contains("no work on the device for 2"),
        "{}",
        says(&report)
    );
}

#[test]
fn what_python_does_is_named_where_no_operator_runs() {
    let usual = Made {
        sleep: Some(1.0),
        ..AS_EVER
    };
    let slow = Made {
        sleep: Some(15_001.0),
        ..AS_EVER
    };
    let report = trace(usual, slow);
    assert_eq!(
        differences(&report, "frame"),
        [("<built-in function sleep>".to_owned(), ms(15.0))]
    );
    assert_eq!(differences(&report, "unrecorded"), []);
    assert!(
        says(&report).contains("python <built-in function sleep> +15.0 ms"),
        "{}",
        says(&report)
    );
}

#[test]
fn a_call_that_the_others_have_is_not_said_to_be_new() {
    // The others hold it, too, and as often.
    let mut slow = AS_EVER;
    slow.operators = [400.0, 9_300.0];
    let report = trace(AS_EVER, slow);
    let slow = &report["slow_steps"][0]["differences"][0];
    assert_eq!(
        (slow["count"].as_u64(), slow["median_count"].as_u64()),
        (Some(1), Some(1))
    );
    assert!(!says(&report).contains("none in the median"));
}

#[test]
fn of_fewer_than_five_like_steps_nothing_is_said() {
    let marker = |i: i64| thread(9, 9).step(i * 100_000, if i == 2 { 90_000 } else { 1_000 });
    let trace = Trace::torch().with((0..4).map(marker));
    let report = report("four.json", trace.text().as_bytes());
    assert_eq!(report["slow_steps"], json!([]));
    let ids: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["id"])
        .collect();
    assert!(
        !ids.contains(&&json!("slow-steps")) && !ids.contains(&&json!("no-slow-steps")),
        "{ids:?}"
    );
}

#[test]
fn nothing_is_slow_where_all_steps_are_as_ever() {
    let report = trace(AS_EVER, AS_EVER);
    assert_eq!(report["slow_steps"], json!([]));
}
