//! Whose steps these are: engines beside each other in one file, and steps without requests.

use serde_json::{Value, json};

use super::{ms, report};
use crate::small_trace::{DECODE, Event, Stream, Thread, Trace, stream, thread};

/// A server's thread and device; times in ms.
struct Server {
    host: Thread,
    gpu: Stream,
    events: Vec<Event>,
    launches: i64,
}

impl Server {
    fn new(pid: Value, tid: i64, device: Value) -> Server {
        let label = thread(device.clone(), 0).called("process_labels", "GPU 0");
        Server {
            host: thread(pid, tid).in_ms(),
            gpu: stream(0, 7).of_process(device).in_ms(),
            events: vec![label],
            launches: tid * 1_000,
        }
    }

    fn slice(&mut self, cat: &str, name: &str, at: f64, len: f64) {
        self.events.push(self.host.slice(cat, name, at, len));
    }

    /// Work of `len` ms, launched at `at` and started 0.1 ms later.
    fn work(&mut self, at: f64, len: f64) {
        self.launches += 1;
        self.events.push(self.host.launch_graph(self.launches, at, 0.02));
        self.events
            .push(self.gpu.kernel("gemm", self.launches, at + 0.1, len));
    }

    /// A step of 8 ms on the host with 7 ms of device work, or for an empty one with 0.3 ms on the host.
    fn step(&mut self, name: &str, at: f64) {
        let is_empty = name.contains("IDLE");
        self.slice("user_annotation", name, at, if is_empty { 0.3 } else { 8.0 });
        if !is_empty {
            self.work(at + 0.1, 7.0);
        }
    }
}

fn read(servers: Vec<Server>) -> Value {
    let events: Vec<Event> = servers.into_iter().flat_map(|s| s.events).collect();
    super::read(&events)
}

fn phases(report: &Value) -> Vec<&str> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps.map(|s| s["phase"].as_str().unwrap()).collect()
}

fn requests_share(verdict: &Value) -> f64 {
    verdict["shares"]["requests"].as_f64().unwrap()
}

/// What the finding says of the same time.
fn requests_says(report: &Value) -> &str {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| f["id"] == "no-load").unwrap();
    found["says"].as_str().unwrap()
}

#[test]
fn a_rank_without_requests_says_nothing_of_another() {
    let rank = |name: &str, tid| {
        let of = |n: i64| json!(format!("[TP00-{name}] {n}"));
        Server::new(of(tid), tid, of(0))
    };
    let (mut idle, mut busy) = (rank("DP00", 40), rank("DP01", 41));
    for i in 0..60 {
        let at = f64::from(i) * 10.0;
        let is_served = !(10..50).contains(&i);
        idle.step(
            if is_served {
                "step[DECODE bs=4]"
            } else {
                "step[IDLE bs=0]"
            },
            at + 1.0,
        );
        busy.step("step[DECODE bs=4]", at + 3.0);
    }
    let report = read(vec![idle, busy]);
    let decode: Vec<&Value> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["phase"] == "decode")
        .collect();
    let unknown = decode.iter().filter(|s| s["interval_ns"].is_null()).count();
    assert_eq!(unknown, 3, "the last of each rank, and the one before the wait");
    let verdicts = report["verdicts"].as_array().unwrap();
    let of = |rank: &str| {
        verdicts
            .iter()
            .find(|v| v["rank"] == rank && v["phase"] == "decode")
            .unwrap()
    };
    // From 1 + 90 + 8 = 99 ms to 501 ms, of 3 + 590 + 8 - 1 = 600 ms of serving.
    assert!((requests_share(of("TP00-DP00")) - 402.0 / 600.0).abs() < 0.01);
    assert!(requests_share(of("TP00-DP01")).abs() < 0.001);
    assert_eq!(of("TP00-DP01")["bound"], "device");
    assert_eq!(
        requests_says(&report),
        "For 402 ms (67 % of serving time) the engine of TP00-DP00 waited for requests."
    );
    assert_eq!(
        (&of("TP00-DP00")["steps"], &of("TP00-DP01")["steps"]),
        (&json!(20), &json!(60))
    );
}

#[test]
fn what_one_rank_compiles_and_where_it_pauses_is_not_anothers() {
    let rank = |name: &str, tid| {
        let of = |n: i64| json!(format!("[TP00-{name}] {n}"));
        Server::new(of(tid), tid, of(0))
    };
    let (mut compiles, mut serves) = (rank("DP00", 40), rank("DP01", 41));
    for i in 0..60 {
        let at = f64::from(i) * 10.0;
        // The first compiles for 8 ms in each of 40 steps; the second runs an operator between its steps.
        compiles.step("step[DECODE bs=4]", at);
        if i < 40 {
            compiles.slice("cpu_op", "_compile.compile_inner (dynamo_timed)", at, 8.0);
        }
        serves.step("step[DECODE bs=4]", at + 5.0);
        serves.slice("cpu_op", "aten::cat", at + 13.2, 1.6);
    }
    let report = read(vec![compiles, serves]);
    let verdicts = report["verdicts"].as_array().unwrap();
    let of = |rank: &str| verdicts.iter().find(|v| v["rank"] == rank).unwrap();
    let share = |rank: &str| of(rank)["shares"]["compile"].as_f64().unwrap();
    // 40 compiles of 8 ms; the rank itself serves from 0 to 590 + 8 ms.
    assert!((share("TP00-DP00") - 320.0 / 598.0).abs() < 0.001);
    assert_eq!(of("TP00-DP00")["bound"], "compile");
    assert!(share("TP00-DP01").abs() < 1e-9);
    assert_eq!(of("TP00-DP01")["bound"], "device");
    // Each pauses for 2 ms 59 times, while the other's step runs.
    let gaps = report["gaps"].as_array().unwrap().iter();
    let of_steps: Vec<(&str, i64, Value)> = gaps
        .filter(|g| g["kind"] == "step")
        .map(|g| {
            let causes = g["causes"].as_array().unwrap().iter();
            let causes = causes.map(|c| json!([c["cause"], c["total_ns"]])).collect();
            (
                g["where"].as_str().unwrap(),
                g["total_ns"].as_i64().unwrap(),
                causes,
            )
        })
        .collect();
    let expected = [
        (
            "SGLang of TP00-DP00",
            ms(118.0),
            json!([["unaccounted", ms(118.0)]]),
        ),
        (
            "SGLang of TP00-DP01",
            ms(118.0),
            json!([["host_op", ms(59.0 * 1.6)], ["unaccounted", ms(59.0 * 0.4)]]),
        ),
    ];
    assert_eq!(of_steps, expected);
}

#[test]
fn threads_that_run_steps_at_the_same_time_are_engines_of_their_own() {
    let mut one = Server::new(json!(9), 40, json!(0));
    let mut other = Server::new(json!(9), 41, json!(1));
    for i in 0..60 {
        let at = f64::from(i) * 10.0;
        other.step(DECODE, at);
        if !(20..45).contains(&i) {
            let new = if i == 45 {
                "execute_context_1(64)_generation_3(3)"
            } else {
                DECODE
            };
            one.step(new, at + 3.0);
        }
    }
    let report = read(vec![one, other]);
    let steps = report["steps"].as_array().unwrap();
    let longest = steps.iter().filter_map(|s| s["interval_ns"].as_i64()).max();
    assert_eq!(
        longest,
        Some(ms(10.0)),
        "the pause of 252 ms before new requests is a wait"
    );
    let unknown = steps.iter().filter(|s| s["interval_ns"].is_null()).count();
    assert_eq!(unknown, 3);
}

#[test]
fn passes_on_invented_data_are_time_without_requests() {
    for (cat, dummy) in [
        (
            "python_function",
            "vllm/v1/worker/gpu_worker.py(9): execute_dummy_batch",
        ),
        (
            "python_function",
            "vllm_ascend/worker/worker.py(9): execute_dummy_batch",
        ),
        ("user_annotation", "dummy_decode[bs=1/8 tok=1 d=1]"),
        ("user_annotation", "dummy_eager_decode[bs=1 tok=1 ctx=1]"),
    ] {
        let mut server = Server::new(json!(9), 40, json!(0));
        for i in 0..60 {
            let at = f64::from(i) * 10.0;
            if (20..45).contains(&i) {
                server.slice(cat, dummy, at, 6.0);
                server.work(at + 0.1, 5.0);
            } else {
                server.step(
                    if dummy.contains("bs=") {
                        "decode[bs=4 tok=4 d=4]"
                    } else {
                        DECODE
                    },
                    at,
                );
            }
        }
        let report = read(vec![server]);
        let expected: Vec<&str> = (0..60)
            .map(|i| if (20..45).contains(&i) { "idle" } else { "decode" })
            .collect();
        assert_eq!(phases(&report), expected, "{dummy}");
        // From the end of step 19 at 198 ms to the start of step 45 at 450 ms, of 598 ms.
        let share = requests_share(&report["verdict"]);
        assert!((share - 252.0 / 598.0).abs() < 0.01, "{dummy}: {share}");
        assert_eq!(
            requests_says(&report),
            "For 252 ms (42 % of serving time) the engine waited for requests."
        );
        let steps = report["steps"].as_array().unwrap();
        assert!(
            steps
                .iter()
                .all(|s| s["interval_ns"].as_i64().is_none_or(|ns| ns == ms(10.0)))
        );
    }
}

#[test]
fn a_loop_that_looks_for_requests_and_runs_nothing_waits() {
    for (cat, look) in [
        ("user_annotation", "scheduler.recv_requests"),
        (
            "python_function",
            "sglang/srt/managers/scheduler.py(9): recv_requests",
        ),
        ("python_function", "zmq/sugar/poll.py(106): poll"),
    ] {
        let mut server = Server::new(json!(9), 40, json!(0));
        let mut at = 0.0;
        for batch in 0..4 {
            for _ in 0..8 {
                server.slice(cat, look, at - 0.2, 0.05);
                server.step("step[DECODE bs=4]", at);
                at += 8.5;
            }
            if batch < 3 {
                match cat == "python_function" && look.contains("poll") {
                    true => server.slice(cat, look, at, 59.0),
                    false => (0..140).for_each(|i| server.slice(cat, look, at + f64::from(i) * 0.4, 0.05)),
                }
                at += 60.0;
            }
        }
        let report = read(vec![server]);
        // Three pauses of 60.5 ms each, of 4 * 8 * 8.5 - 0.5 + 180 ms.
        let share = requests_share(&report["verdict"]);
        assert!((share - 181.5 / 451.5).abs() < 0.01, "{look}: {share}");
    }
}

#[test]
fn a_long_look_for_requests_before_a_step_is_not_its_host_time() {
    for (cat, look) in [
        ("user_annotation", "scheduler.recv_requests"),
        (
            "python_function",
            "sglang/srt/managers/scheduler.py(9): recv_requests",
        ),
    ] {
        let mut server = Server::new(json!(9), 40, json!(0));
        let mut at = 1.0;
        for step in 0..20 {
            // Up to the scheduling, and 60 or 20 ms after the tenth and the fifteenth step.
            let waits = [(10, 60.0), (15, 20.0)].iter().find(|w| w.0 == step);
            let long = waits.map_or(0.1, |w| w.1);
            server.slice(cat, look, at, long);
            server.slice(
                "user_annotation",
                "scheduler.get_next_batch_to_run",
                at + long,
                0.2,
            );
            server.step("step[DECODE bs=4]", at + long + 0.2);
            at += long + 0.2 + 8.5;
        }
        let report = read(vec![server]);
        let steps = report["steps"].as_array().unwrap();
        for (i, step) in steps.iter().enumerate() {
            // The look, the scheduling and the marker of 8 ms.
            let look = if i == 10 || i == 15 { 0.0 } else { 0.1 };
            assert_eq!(step["host_ns"], ms(8.2 + look), "{look} of step {i}");
        }
        // With the 0.5 ms after the step before, of 20 steps of 8.8 ms less the last pause, and 79.8 ms.
        let share = requests_share(&report["verdict"]);
        let serving = 20.0 * 8.8 - 0.5 + 79.8;
        assert!((share - 81.0 / serving).abs() < 0.001, "{share}");
    }
}

#[test]
fn scopes_of_other_engines_are_parts_of_the_step() {
    let mut server = Server::new(json!(9), 40, json!(0));
    for i in 0..8 {
        let at = f64::from(i) * 10.0;
        server.slice(
            "python_function",
            "vllm_ascend/worker/model_runner_v1.py(9): execute_model",
            at,
            6.0,
        );
        for (name, from, len) in [
            ("prepare input", 0.1, 0.7),
            ("forward", 0.9, 3.0),
            ("post process", 4.1, 0.8),
            ("sample_token", 6.2, 0.6),
            ("draft_token", 6.9, 1.0),
        ] {
            server.slice("user_annotation", name, at + from, len);
        }
    }
    let report = read(vec![server]);
    for step in report["steps"].as_array().unwrap() {
        let part = |name: &str| step["parts"][name].as_i64().unwrap();
        let parts = ["prepare_ns", "forward_ns", "logits_ns", "sample_ns", "draft_ns"].map(part);
        assert_eq!(parts, [0.7, 3.0, 0.8, 0.6, 1.0].map(ms));
        assert_eq!(step["host_ns"], ms(7.9), "up to the end of drafting");
    }
    let mut atom = Server::new(json!(9), 40, json!(0));
    for i in 0..8 {
        let at = f64::from(i) * 10.0;
        atom.slice("user_annotation", "decode[bs=4 tok=16 d=4 spec=3]", at, 3.0);
        atom.slice(
            "user_annotation",
            "propose_eagle[0/1 tok=4 bs=4/4 graph]",
            at + 3.2,
            0.8,
        );
    }
    let report = read(vec![atom]);
    let steps = report["steps"].as_array().unwrap();
    assert!(
        steps
            .iter()
            .all(|s| s["parts"]["draft_ns"] == ms(0.8) && s["generation_tokens"] == 16)
    );
}

#[test]
fn stages_of_a_pipeline_are_timed_apart_and_their_number_is_stated() {
    let stage = |name: &str, tid| {
        let of = |n: i64| json!(format!("[TP00-{name}] {n}"));
        Server::new(of(tid), tid, of(0))
    };
    let (mut first, mut last) = (stage("PP00", 40), stage("PP01", 41));
    for i in 0..20 {
        let at = f64::from(i) * 5.0;
        for (server, at) in [(&mut first, at), (&mut last, at + 5.0)] {
            server.slice("user_annotation", "step[DECODE bs=4]", at, 2.0);
            server.work(at + 0.1, 4.0);
        }
    }
    let report = read(vec![first, last]);
    assert_eq!(report["step_time"]["pipeline_stages"], 2);
    let why = report["step_time"]["why"].as_str().unwrap();
    assert!(why.contains("up to 2 batches in flight"), "{why}");
    let verdicts = report["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 2, "one a stage");
    assert!(
        verdicts
            .iter()
            .all(|v| v["step_ns"] == ms(5.0) && v["steps"] == 19)
    );
}

#[test]
fn two_processes_without_a_sign_of_ranks_have_gaps_of_their_own() {
    // Steps of 8 ms every 10 ms in each of two processes, 4 ms apart.
    let step = |of: i64, at: i64| thread(of, of).in_ms().step(at, 8);
    let events = (0..4).flat_map(|i| [step(1, 10 * i), step(2, 10 * i + 4)]);
    let trace = Trace::torch().with(events);
    let report = report("made.pt.trace.json", trace.text().as_bytes());
    let steps = report["steps"].as_array().unwrap().iter();
    let gaps: Vec<i64> = steps.filter_map(|s| s["gap_before_ns"].as_i64()).collect();
    assert_eq!(gaps, vec![ms(2.0); 6]);
    let rows = report["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|g| g["kind"] == "step");
    let rows: Vec<_> = rows
        .map(|g| {
            (
                g["where"].as_str().unwrap(),
                g["count"].as_u64(),
                g["total_ns"].as_i64(),
            )
        })
        .collect();
    let row = |name| (name, Some(3), Some(ms(6.0)));
    assert_eq!(rows, [row("vLLM, process 1"), row("vLLM, process 2")]);
}
