//! Several ranks in one file: two ranks of one run, merged as SGLang merges them, say what each says alone.

use std::collections::BTreeMap;

use serde_json::Value;
use stepscope::analyze::report::{IdleCause, TraceReport};
use stepscope::session::{Inflater, open_bytes};

use crate::corpus;

const RANKS: [(&str, &str); 2] = [
    ("TP00-DP00", "kineto/hta/trace_filter/sampled_rank-0.json.gz"),
    ("TP01-DP00", "kineto/hta/trace_filter/sampled_rank-1.json.gz"),
];

fn trace(path: &str) -> Option<Value> {
    let mut text = Vec::new();
    Inflater::default().feed(&corpus::read(path)?, &mut |piece| text.extend_from_slice(piece));
    Some(serde_json::from_slice(&text).unwrap())
}

/// As `ProfileMerger` of SGLang 0.5.9 does: the header of the first, pids led by the rank.
fn merged(mut traces: Vec<(&str, Value)>) -> Vec<u8> {
    let mut events = Vec::new();
    for (label, trace) in &mut traces {
        for event in trace["traceEvents"].as_array_mut().unwrap() {
            if let Some(pid) = event.get("pid") {
                let pid = pid.as_str().map_or_else(|| pid.to_string(), str::to_owned);
                event["pid"] = format!("[{label}] {pid}").into();
            }
            events.push(event.take());
        }
    }
    let mut first = traces.swap_remove(0).1;
    first["traceEvents"] = Value::Array(events);
    serde_json::to_vec(&first).unwrap()
}

/// What must not change by another rank beside it, for the devices of `rank`.
fn of_devices(report: &TraceReport, rank: Option<&str>) -> Vec<String> {
    let mut says = Vec::new();
    for t in report.device_time.iter().filter(|t| t.rank.as_deref() == rank) {
        let parts = [
            t.span_ns,
            t.busy_ns,
            t.compute_ns,
            t.comm_exposed_ns,
            t.copy_exposed_ns,
        ];
        says.push(format!("time {} {} {parts:?}", t.device, t.scope));
    }
    for i in report.idle.iter().filter(|i| i.rank.as_deref() == rank) {
        let causes: Vec<(IdleCause, u64, i64)> =
            i.causes.iter().map(|c| (c.cause, c.count, c.total_ns)).collect();
        says.push(format!("idle {} {} {causes:?}", i.device, i.skewed));
    }
    for q in report.queue_depth.iter().filter(|q| q.rank.as_deref() == rank) {
        says.push(format!(
            "queue {} {} {} {} {}",
            q.device, q.stream, q.launches, q.max, q.mean
        ));
    }
    for s in report.stream_gaps.iter().filter(|s| s.rank.as_deref() == rank) {
        let sums = [s.launched_late, s.short, s.waited, s.unlinked].map(|g| (g.count, g.total_ns));
        says.push(format!("stream {} {} {} {sums:?}", s.device, s.stream, s.busy_ns));
    }
    says
}

/// Host and device time of steps, in order.
fn of_steps(report: &TraceReport) -> Vec<String> {
    let mut steps: Vec<String> = report
        .steps
        .iter()
        .map(|s| {
            let device = s.device.as_ref().map(|d| {
                assert_eq!(d.method, "launch");
                (d.busy_ns, d.start_ns, d.end_ns, d.gap_before_ns)
            });
            format!(
                "{} {} {:?} {:?} {device:?}",
                s.start_ns, s.dur_ns, s.gap_before_ns, s.interval_ns
            )
        })
        .collect();
    steps.sort();
    steps
}

#[test]
fn merged_ranks_say_what_each_says_alone() {
    let Some(traces) = RANKS
        .iter()
        .map(|&(label, path)| Some((label, trace(path)?)))
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let alone: Vec<TraceReport> = RANKS
        .iter()
        .map(|(_, path)| open_bytes(path, &corpus::read(path).unwrap()).unwrap().report)
        .collect();
    let both = open_bytes("merged-1.trace.json", &merged(traces)).unwrap().report;
    assert_eq!(both.rank, None);
    assert!(
        both.notes.iter().any(|n| n.contains("TP00-DP00, TP01-DP00")),
        "{:?}",
        both.notes
    );
    for ((label, _), alone) in RANKS.iter().zip(&alone) {
        let want = of_devices(alone, None);
        assert!(want.len() > 8, "{want:?}");
        assert_eq!(of_devices(&both, Some(label)), want, "{label}");
    }
    let calls = |report: &TraceReport| -> BTreeMap<String, (u64, u64, u64, i64, i64)> {
        let calls = &report.launches.as_ref().unwrap().calls;
        calls
            .iter()
            .map(|c| {
                (
                    c.name.clone(),
                    (c.count, c.with_work, c.work, c.call_total_ns, c.delay_total_ns),
                )
            })
            .collect()
    };
    let mut want = calls(&alone[0]);
    for (name, c) in calls(&alone[1]) {
        let sum = want.entry(name).or_default();
        *sum = (sum.0 + c.0, sum.1 + c.1, sum.2 + c.2, sum.3 + c.3, sum.4 + c.4);
    }
    assert_eq!(calls(&both), want);
    let mut steps = [of_steps(&alone[0]), of_steps(&alone[1])].concat();
    steps.sort();
    assert!(steps.len() > 2);
    assert_eq!(of_steps(&both), steps);
}

#[test]
fn the_same_number_in_two_ranks_is_two_launches_and_two_devices() {
    let event = |rank: u32, category: &str, tid: u32, ts: i64, dur: i64, args: &str| {
        let pid = if category == "kernel" { 0 } else { 100 };
        format!(
            r#"{{"ph":"X","cat":"{category}","name":"a","pid":"[TP0{rank}] {pid}","tid":{tid},"ts":{ts},"dur":{dur},"args":{{{args}}}}}"#
        )
    };
    let rank = |rank: u32, start: i64| {
        let call = event(rank, "cuda_runtime", 1, 0, 5, r#""correlation":1"#)
            .replace(r#""name":"a""#, r#""name":"cudaLaunchKernel""#);
        let work = event(
            rank,
            "kernel",
            7,
            start,
            10,
            r#""correlation":1,"device":0,"stream":7"#,
        );
        format!("{call},{work}")
    };
    let text = format!(
        r#"{{"schemaVersion":1,"traceEvents":[{},{}]}}"#,
        rank(0, 10),
        rank(1, 30)
    );
    let report = open_bytes("a.json", text.as_bytes()).unwrap().report;
    let devices: Vec<_> = report
        .device_time
        .iter()
        .map(|t| (t.rank.as_deref(), t.device, t.scope.as_str(), t.span_ns))
        .collect();
    assert_eq!(
        devices,
        [
            (Some("TP00"), 0, "all", 10_000),
            (Some("TP00"), 0, "linked", 10_000),
            (Some("TP01"), 0, "all", 10_000),
            (Some("TP01"), 0, "linked", 10_000)
        ]
    );
    let call = &report.launches.unwrap().calls[0];
    assert_eq!((call.count, call.with_work, call.most_work), (2, 2, 1));
    assert_eq!((call.delay_total_ns, call.delay_max_ns), (30_000, Some(25_000)));
}
