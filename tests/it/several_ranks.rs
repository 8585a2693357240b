//! Two ranks in one file, whoever joined them: each has steps of its own with the device times of its own work.

use serde_json::{Value, json};
use stepscope::analyze::report::TraceReport;
use stepscope::export;
use stepscope::session::open_bytes;
use stepscope::table::{self, Answers};

use crate::small_trace::{Event, Trace, stream, thread};

const N_STEPS: i64 = 6;

/// How two ranks were joined.
struct Joined {
    host: fn(i64) -> Value,
    device: fn(i64) -> Value,
    /// The id of the call of a step.
    id: fn(rank: i64, step: i64) -> i64,
    /// Whether events say their rank.
    arg: bool,
    name: &'static str,
}

/// Ids differ, processes too.
const BY_HAND: Joined = Joined {
    host: |rank| json!(1 + rank),
    device: |rank| json!(rank + 10),
    id: |rank, step| rank * 1_000 + step + 1,
    arg: false,
    name: "",
};

/// Work of a step, µs; so the ranks are not alike.
fn work_us(rank: i64) -> i64 {
    4_000 + 1_000 * rank
}

/// Ranks run 300 µs apart, so that steps of both are open at once; work outlasts its step.
fn start_us(rank: i64, step: i64) -> i64 {
    step * 10_000 + 300 * rank
}

/// A rank of torch's profiler on CUDA.
fn cuda(joined: &Joined, rank: i64, device: i64) -> Vec<Event> {
    let host = thread((joined.host)(rank), 5);
    let gpu = stream(device, 7).of_process((joined.device)(rank));
    let mut events = Vec::new();
    for step in 0..N_STEPS {
        let (at, id) = (start_us(rank, step), (joined.id)(rank, step));
        events.push(host.step(at, 2_500));
        events.push(host.launch(id, at + 100, 20));
        events.push(gpu.kernel("gemm", id, at + 500, work_us(rank)));
    }
    if joined.arg {
        for event in &mut events {
            event["args"]["rank"] = json!(rank);
        }
    }
    events
}

fn report(events: Vec<Event>, name: &str) -> Value {
    let text = Trace::torch().with(events).text();
    serde_json::to_value(&open_bytes(name, text.as_bytes()).unwrap().report).unwrap()
}

fn report_of(joined: &Joined) -> Value {
    let ranks = (0..2).flat_map(|rank| cuda(joined, rank, rank)).collect();
    report(ranks, joined.name)
}

/// Every step has the work of its own rank, µs, and the file's devices have one of it.
fn each_has_its_own(report: &Value, says: &str) {
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len() as i64, 2 * N_STEPS, "{says}");
    for (row, step) in steps.iter().enumerate() {
        let (rank, number) = (row as i64 % 2, row as i64 / 2);
        assert_eq!(step["start_ns"], start_us(rank, number) * 1_000, "{says}");
        let device = &step["device"];
        assert_eq!(device["busy_ns"], work_us(rank) * 1_000, "{says}: {step}");
        assert_eq!(device["method"], "launch", "{says}");
        assert_eq!(
            device["start_ns"],
            (start_us(rank, number) + 500) * 1_000,
            "{says}"
        );
    }
    let mut busy: Vec<i64> = report["device_time"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["scope"] == "all" && d["rank"].is_string())
        .map(|d| d["busy_ns"].as_i64().unwrap() / 1_000)
        .collect();
    busy.sort_unstable();
    assert_eq!(busy, [0, 1].map(|rank| N_STEPS * work_us(rank)), "{says}");
    assert_eq!(report["rank"], Value::Null, "{says}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("holds several ranks"), "{says}: {notes}");
    let verdicts = report["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), 2, "{says}");
    for verdict in verdicts {
        assert_eq!(verdict["steps"], N_STEPS - 1, "{says}");
    }
}

#[test]
fn ranks_joined_by_hand_are_told_apart_whether_their_ids_collide_or_not() {
    each_has_its_own(&report_of(&BY_HAND), "ids differ");
    let collide = Joined {
        id: |_, step| step + 1,
        ..BY_HAND
    };
    each_has_its_own(&report_of(&collide), "ids collide");
}

#[test]
fn labels_and_the_arg_rank_tell_ranks_apart_whose_ids_differ() {
    let labelled = Joined {
        host: |rank| json!(format!("[TP0{rank}] 4711")),
        device: |rank| json!(format!("[TP0{rank}] 0")),
        ..BY_HAND
    };
    each_has_its_own(&report_of(&labelled), "labels");
    let fused = Joined { arg: true, ..BY_HAND };
    each_has_its_own(&report_of(&fused), "arg rank");
}

#[test]
fn one_process_with_two_devices_is_one_rank() {
    let joined = Joined {
        host: |_| json!(1),
        ..BY_HAND
    };
    let mut events = Vec::new();
    for step in 0..N_STEPS {
        let at = start_us(0, step);
        events.push(thread(1, 5).step(at, 2_500));
        for device in 0..2 {
            // A thread a device.
            let (id, ts) = ((joined.id)(device, step), at + 100 + 50 * device);
            events.push(thread(1, 5 + device).launch(id, ts, 20));
            let args = json!({"correlation": id, "device": device, "stream": 7});
            let of_device = (joined.device)(device);
            events.push(
                thread(of_device.clone(), 7)
                    .slice("kernel", "gemm", at + 500, 2_000)
                    .args(args),
            );
        }
    }
    let report = report(events, "");
    assert!(!report["notes"].to_string().contains("several ranks"));
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len() as i64, N_STEPS);
    for step in steps {
        assert_eq!(step["rank"], Value::Null);
        assert_eq!(step["device"]["method"], "launch");
    }
    let devices = report["device_time"].as_array().unwrap().iter();
    assert!(devices.clone().all(|d| d["rank"].is_null()));
    assert_eq!(devices.filter(|d| d["scope"] == "all").count(), 2);
}

/// Graphs that two ranks launch under the same numbers, as torch's profiler records them on Gaudi.
fn gaudi(joined: &Joined, rank: i64) -> Vec<Event> {
    let host = thread((joined.host)(rank), 5);
    let device = thread((joined.device)(rank), 6004);
    let mut events = vec![
        host.called("process_name", "python3"),
        device.called("process_name", &format!("/device:HPU:{rank}")),
    ];
    for step in 0..N_STEPS {
        let at = start_us(rank, step);
        let recipe = |event: Event| event.arg("recipeId", 7).arg("recipeName", "decode");
        let call = "enqueueWithExternalEventsExt (accel0)";
        let launch = host.slice("privateuse1_runtime", call, at + 100, 20);
        let kernel = device.slice("kernel", "BatchGemm", at + 500, work_us(rank));
        events.push(host.step(at, 2_500));
        events.push(recipe(launch));
        events.push(recipe(kernel).arg("HW event name", "MMEH_WB_STORE"));
    }
    if joined.arg {
        for event in &mut events[2..] {
            event["args"]["rank"] = json!(rank);
        }
    }
    events
}

#[test]
fn two_ranks_of_gaudi_are_told_apart_by_their_recipes_labels_and_args() {
    for (arg, says) in [(false, "recipes"), (true, "arg rank")] {
        let joined = Joined { arg, ..BY_HAND };
        let events = (0..2).flat_map(|rank| gaudi(&joined, rank)).collect();
        each_has_its_own(&report(events, ""), says);
    }
    let labelled = Joined {
        host: |rank| json!(format!("[TP0{rank}] 4711")),
        device: |rank| json!(format!("[TP0{rank}] 0")),
        ..BY_HAND
    };
    let events = (0..2).flat_map(|rank| gaudi(&labelled, rank)).collect();
    each_has_its_own(&report(events, ""), "labels");
}

/// Every rank calls its device 0, and whoever joined the files left that.
const SHARED_DEVICE: Joined = Joined {
    device: |_| json!(0),
    ..BY_HAND
};

/// The events of both ranks, each changed by `change`.
fn changed(joined: &Joined, change: impl Fn(i64, &mut Event)) -> Vec<Event> {
    let mut events = Vec::new();
    for rank in 0..2 {
        let mut of_rank = cuda(joined, rank, 0);
        of_rank.iter_mut().for_each(|event| change(rank, event));
        events.extend(of_rank);
    }
    events
}

#[test]
fn ranks_that_share_a_device_process_are_told_apart_by_their_calls() {
    let events = changed(&SHARED_DEVICE, |_, _| {});
    each_has_its_own(&report(events, ""), "numbers differ");
}

/// Ids of calls collide: all launches have work, and it is the work of their own rank.
const COLLIDING: Joined = Joined {
    id: |_, step| step + 1,
    ..SHARED_DEVICE
};

#[test]
fn colliding_ids_in_a_shared_device_process_are_told_apart_by_operator() {
    let events = changed(&COLLIDING, |rank, event| {
        if let Some(id) = event["args"]["correlation"].as_i64() {
            event["args"]["External id"] = json!(1_000 * (rank + 1) + id);
        }
    });
    let report = report(events, "");
    each_has_its_own(&report, "operators");
    assert_eq!(report["launches_without_work"], 0);
    assert_eq!(report["launches_total"], 2 * N_STEPS);
}

#[test]
fn colliding_ids_in_a_shared_device_process_are_told_apart_by_stream() {
    // Each rank has a stream of its own; in the first two steps the operator tells whose it is.
    let events = changed(&COLLIDING, |rank, event| {
        let Some(id) = event["args"]["correlation"].as_i64() else {
            return;
        };
        if id <= 2 {
            event["args"]["External id"] = json!(1_000 * (rank + 1) + id);
        }
        if event["cat"] == "kernel" {
            event["tid"] = json!(7 + rank);
            event["args"]["stream"] = json!(7 + rank);
        }
    });
    each_has_its_own(&report(events, ""), "streams");
}

/// Nothing is said of work that nobody can tell apart.
fn is_untold(report: &Value, device: &str) {
    let notes = report["notes"].to_string();
    let says = format!("Several ranks launched device work of the same device process ({device})");
    assert!(notes.contains(&says), "{notes}");
    assert_eq!(report["launches_without_work"], Value::Null);
    let findings = report["findings"].to_string();
    for id in ["launches-without-work", "device-recording-ends-early"] {
        assert!(!findings.contains(id), "{findings}");
    }
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len() as i64, 2 * N_STEPS);
    assert!(steps.iter().all(|step| step["device"].is_null()), "{steps:?}");
    for verdict in report["verdicts"].as_array().unwrap() {
        assert_eq!(verdict["bound"], "unknown", "{verdict}");
    }
}

#[test]
fn work_of_colliding_ids_that_nothing_tells_apart_is_unknown_and_not_missing() {
    is_untold(&report(changed(&COLLIDING, |_, _| {}), ""), "0");
}

#[test]
fn ranks_of_gaudi_that_share_a_device_process_are_named_as_not_told_apart() {
    let joined = Joined {
        device: |_| json!(0),
        ..BY_HAND
    };
    let events: Vec<Event> = (0..2).flat_map(|rank| gaudi(&joined, rank)).collect();
    is_untold(&report(events, ""), "0");
}

#[test]
fn ranks_of_gaudi_whose_steps_bear_other_process_ids_than_their_launches_have_their_steps() {
    let mut events: Vec<Event> = (0..2).flat_map(|rank| gaudi(&BY_HAND, rank)).collect();
    for event in &mut events {
        if event["cat"] == "user_annotation" {
            event["pid"] = json!(700 - 300 * event["pid"].as_i64().unwrap());
        }
    }
    each_has_its_own(&report(events, ""), "other process ids");
}

#[test]
fn the_arg_rank_tells_ranks_apart_that_have_the_same_processes_and_threads() {
    let fused = Joined {
        host: |_| json!(4711),
        device: |_| json!(0),
        id: |_, step| step + 1,
        arg: true,
        name: "",
    };
    let events = changed(&fused, |_, _| {});
    each_has_its_own(&report(events, ""), "CUDA");
    let events = (0..2).flat_map(|rank| gaudi(&fused, rank)).collect();
    each_has_its_own(&report(events, ""), "Gaudi");
}

#[test]
fn a_process_that_copies_a_little_to_the_device_of_another_is_no_rank() {
    let mut events = cuda(&BY_HAND, 0, 0);
    let call = thread(2, 9).call("cudaMemcpyAsync", 100, 20);
    events.push(call.arg("correlation", 9_000));
    let copy = "Memcpy HtoD (Pinned -> Device)";
    let of_device = |number: i64| stream(0, number).of_process(10);
    events.push(of_device(8).work("gpu_memcpy", copy, 9_000, 200, 10));
    for extra in 0..N_STEPS {
        let (id, at) = (8_000 + extra, start_us(0, extra));
        events.push(thread(1, 5).launch(id, at + 200, 20));
        events.push(of_device(7).kernel("gemm", id, at + 6_000, 100));
    }
    let notes = report(events, "")["notes"].to_string();
    assert!(
        !notes.contains("several ranks") && !notes.contains("launched work"),
        "{notes}"
    );
}

#[test]
fn processes_of_a_cpu_that_run_steps_are_ranks() {
    let mut events = Vec::new();
    for rank in 0..2 {
        for event in cuda(&BY_HAND, rank, rank) {
            if event["cat"] == "user_annotation" {
                let (ts, pid) = (event["ts"].as_i64().unwrap(), event["pid"].clone());
                events.push(event);
                events.push(thread(pid.clone(), 5).slice("cpu_op", "aten::mm", ts + 100, 1_000));
            }
        }
    }
    let report = report(events, "");
    let notes = report["notes"].to_string();
    assert!(notes.contains("holds several ranks"), "{notes}");
    for (i, step) in report["steps"].as_array().unwrap().iter().enumerate() {
        assert_eq!(step["rank"], format!("process {}", 1 + i % 2));
    }
}

#[test]
fn steps_say_their_rank_where_there_are_several() {
    let events: Vec<Event> = (0..2).flat_map(|rank| cuda(&BY_HAND, rank, rank)).collect();
    let text = Trace::torch().with(events).text();
    let opened = open_bytes("t.json", text.as_bytes()).unwrap();
    let steps_of = |report: &TraceReport| {
        let answers = Answers::of_report(report);
        let tables = table::filled(&answers);
        let steps = tables.iter().find(|of| of.key == "steps").unwrap();
        export::table_csv(steps)
    };
    let csv = steps_of(&opened.report);
    assert!(csv.contains("process 2"), "{csv}");
    let text = Trace::torch().with(cuda(&BY_HAND, 0, 0)).text();
    let one = open_bytes("t.json", text.as_bytes()).unwrap();
    assert!(!steps_of(&one.report).contains("rank"));
    let json = serde_json::to_value(&one.report).unwrap();
    assert!(json["steps"][0].get("rank").is_none());
}

/// Both ranks number their operators alike: what the operator of one says is of its own rank's work.
#[test]
fn what_operators_say_of_collectives_is_of_their_own_rank() {
    let mut events: Vec<Event> = (0..2).flat_map(|rank| cuda(&BY_HAND, rank, rank)).collect();
    for rank in 0..2 {
        let host = thread((BY_HAND.host)(rank), 5);
        let gpu = stream(rank, 8).of_process((BY_HAND.device)(rank));
        let operation = ["allreduce", "broadcast"][usize::from(rank > 0)];
        let says = [("Collective name", json!(operation)), ("dtype", json!("Float"))];
        let operator = host.operator("record_param_comms", 100, 200);
        let operator = says
            .into_iter()
            .fold(operator, |event, (key, value)| event.arg(key, value));
        events.push(
            operator
                .arg("External id", 77)
                .arg("In msg nelems", 10)
                .arg("Out msg nelems", 10),
        );
        events.push(host.launch(9_000 + rank, 150, 20));
        let kernel = "ncclDevKernel_Generic";
        events.push(
            gpu.kernel(kernel, 9_000 + rank, 5_000, 300 + 100 * rank)
                .arg("External id", 77),
        );
    }
    let report = report(events, "");
    let rows = report["collectives_recorded"].as_array().unwrap().iter();
    let rows: Vec<(&Value, &Value)> = rows.map(|row| (&row["name"], &row["total_ns"])).collect();
    assert_eq!(
        rows,
        [
            (&json!("broadcast"), &json!(400_000)),
            (&json!("allreduce"), &json!(300_000))
        ]
    );
}
