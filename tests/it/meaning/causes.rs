//! Why devices are idle: one rule for gaps and idle time, and what is injected into an invented engine is found again
//! in its cause and in no other.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use stepscope::analyze::report::{Cause, GapKind, IdleCause, host_gap_key};
use stepscope::session::open_bytes;

use super::{case, ms, read, report};
use crate::corpus;
use crate::small_trace::{Event, Thread, Trace, stream, thread};

type Causes = BTreeMap<String, i64>;

/// Causes of a list with their times.
fn causes(list: &Value) -> Causes {
    let of = list["causes"].as_array().unwrap().iter();
    of.map(|c| {
        (
            c["cause"].as_str().unwrap().to_owned(),
            c["total_ns"].as_i64().unwrap(),
        )
    })
    .filter(|(_, ns)| *ns != 0)
    .collect()
}

fn gaps_of<'r>(report: &'r Value, kind: &str) -> Option<&'r Value> {
    report["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["kind"] == kind)
}

/// Causes of the device's gaps.
fn device(report: &Value) -> Causes {
    causes(gaps_of(report, "device").expect("gaps of a device"))
}

/// Causes of the device's idle time.
fn idle(report: &Value) -> Causes {
    causes(&report["idle"][0])
}

fn finding<'r>(report: &'r Value, id: &str) -> Option<&'r Value> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["id"] == id)
}

/// What the causes of gaps are called in idle time.
fn mapped(gaps: &Causes) -> Causes {
    let mut idle = Causes::new();
    for (cause, ns) in gaps {
        let cause = Cause::from_key(cause).unwrap();
        *idle.entry(IdleCause::of(cause).key().to_owned()).or_default() += ns;
    }
    idle
}

/// Gaps and idle time of each device agree wherever they are of the same time.
fn agree(name: &str, report: &Value) -> usize {
    let gaps = report["gaps"].as_array().unwrap();
    let gaps: Vec<&Value> = gaps.iter().filter(|g| g["kind"] == "device").collect();
    let mut n = 0;
    for idle in report["idle"].as_array().unwrap() {
        let place = match idle["rank"].as_str() {
            Some(rank) => format!("device {} of {rank}", idle["device"]),
            None => format!("device {}", idle["device"]),
        };
        let same = |g: &&&Value| g["where"] == place.as_str() && g["total_ns"] == idle["idle_ns"];
        let linked =
            causes(idle).get("unlinked").copied().unwrap_or(0) * 10 < idle["idle_ns"].as_i64().unwrap();
        if let Some(gaps) = gaps.iter().find(same).filter(|_| linked) {
            assert_eq!(mapped(&causes(gaps)), causes(idle), "{name}: {place}");
            n += 1;
        }
    }
    n
}

// ---- cases --------------------------------------------------------------------------------------------------

#[test]
fn a_container_of_steps_is_no_cause() {
    let Some(both) = case("c21b_both.json") else {
        return;
    };
    assert_eq!(agree("c21b", &both), 1);
    // As in the control: nothing is recorded from the end of the device's work to the next step.
    assert_eq!(device(&both)["unaccounted"], 3 * ms(3.8));
    assert_eq!(idle(&both)["not_recorded"], 3 * ms(3.8));
    assert!(device(&both)["host_op"] < ms(0.1));
    assert_eq!(
        causes(gaps_of(&both, "step").unwrap()),
        Causes::from([("unaccounted".into(), 3 * ms(2.0))])
    );
}

#[test]
fn empty_steps_are_a_wait_for_requests() {
    let Some(polls) = case("c23a_pd_idle_steps.json") else {
        return;
    };
    agree("c23a", &polls);
    let of = gaps_of(&polls, "device").unwrap();
    // The device's recording is 105 ms long; 31 ms of it, from the end of a step with work to the start of the next,
    // only empty steps ran.
    assert_eq!(device(&polls)["no_load"], ms(31.0));
    assert_eq!(idle(&polls)["scheduler_idle"], ms(31.0));
    let with_load = of["total_ns"].as_i64().unwrap() - ms(31.0);
    assert_eq!(with_load, ms(26.0));
    assert_eq!(polls["device_time"][0]["busy_ns"].as_i64(), Some(ms(48.0)));
    // The finding rests on the verdict's window, the six intervals of 10 ms that have no wait for requests, from the first device event on: 24 ms are
    // idle, all but what is launched and not started is the host's.
    let waits = finding(&polls, "decode-waits-for-host").unwrap();
    let host = polls["verdict"]["shares"]["host"].as_f64().unwrap();
    assert_eq!(waits["cost_ns"].as_i64(), Some(ms(59.7 * host)));
    assert!((0.375..0.4).contains(&host), "{host}");
    assert!(waits["says"].as_str().unwrap().contains("38 %"), "{waits}");
}

#[test]
fn a_host_thread_with_the_ids_of_a_device_lane_is_a_thread() {
    let (Some(control), Some(same)) = (
        case("c00_control.json"),
        case("v70_host_track_equals_gpu_track.json"),
    ) else {
        return;
    };
    assert_eq!(idle(&control), idle(&same));
    for kind in ["step", "device", "launch"] {
        let of = |report| causes(gaps_of(report, kind).unwrap());
        assert_eq!(of(&control), of(&same), "{kind}");
    }
}

#[test]
fn gaps_and_idle_time_agree_on_every_trace() {
    let files = [
        "meaning/c00_control.json",
        "meaning/c12a_float_links.json",
        "meaning/c21b_both.json",
        "meaning/c23a_pd_idle_steps.json",
        "meaning/s5_allreduce_in_step.json",
        "meaning/s7a_sample_outside_marker.json",
        "meaning/s7d_spec_draft.json",
        "meaning/v70_host_track_equals_gpu_track.json",
        "meaning/v81e_padded_graph.json",
        "meaning/v90a_prefill_lengths.json",
    ];
    let mut n = 0;
    for file in files {
        let Some(bytes) = corpus::read(file) else { continue };
        n += agree(file, &report(file, &bytes));
    }
    assert!(n >= 8 || corpus::read(files[0]).is_none(), "{n} devices compared");
}

// ---- an invented engine -------------------------------------------------------------------------------------

/// What the host of the engine does, one thing after the other, µs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Nothing(i64),
    Python(i64),
    Operator(i64),
    /// An operator inside a frame, which goes on for a tenth of its time on both sides.
    Inside(i64),
    /// A launch call, and its kernel: it starts so long after the call's start at the earliest, and runs so long.
    Launch(i64, i64, i64),
    /// Waits for the device, and so much longer.
    Sync(i64),
    Begin(&'static str),
    End,
}

#[derive(Default)]
struct Written {
    events: Vec<Event>,
    now: i64,
    device_free: i64,
    marks: Vec<(i64, &'static str)>,
    n: i64,
    /// What was done when: [start, end), and the letter of its cause.
    truth: Vec<(i64, i64, char)>,
    /// Calls with kernels: (call start, call end, kernel start, kernel end).
    calls: Vec<(i64, i64, i64, i64)>,
}

impl Written {
    fn of(plan: &[Does]) -> Written {
        let mut to = Written {
            now: 1000,
            ..Written::default()
        };
        for does in plan {
            to.does(*does);
        }
        to
    }

    fn pass(&mut self, us: i64, cause: char) {
        self.truth.push((self.now, self.now + us, cause));
        self.now += us;
    }

    fn does(&mut self, does: Does) {
        let (host, gpu) = (thread(100, 1), stream(0, 7));
        let now = self.now;
        match does {
            Does::Nothing(us) => self.pass(us, 'n'),
            Does::Python(us) => {
                self.events.push(host.frame("a.py(1): work", now, us));
                self.pass(us, 'p');
            }
            Does::Operator(us) => {
                self.events.push(host.operator("aten::cat", now, us));
                self.pass(us, 'o');
            }
            Does::Inside(us) => {
                let edge = us / 10;
                self.events.push(host.frame("a.py(1): work", now, us + 2 * edge));
                self.events.push(host.operator("aten::mm", now + edge, us));
                self.pass(edge, 'p');
                self.pass(us, 'o');
                self.pass(edge, 'p');
            }
            Does::Launch(us, delay, runs) => {
                self.n += 1;
                self.events.push(host.launch(self.n, now, us));
                let start = self.device_free.max(now + us.max(delay));
                self.events.push(gpu.kernel("gemm", self.n, start, runs));
                self.calls.push((now, now + us, start, start + runs));
                self.device_free = start + runs;
                self.pass(us, 'l');
            }
            Does::Sync(us) => {
                let us = (self.device_free - now).max(0) + us;
                self.events.push(host.call("cudaStreamSynchronize", now, us));
                self.pass(us, 'w');
            }
            Does::Begin(marker) => self.marks.push((now, marker)),
            Does::End => {
                if let Some((from, marker)) = self.marks.pop() {
                    let step = host.slice("user_annotation", marker, from, now - from);
                    self.events.push(step);
                }
            }
        }
    }

    fn report(&self) -> Value {
        let trace = Trace::torch().with(self.events.iter().cloned());
        report("engine.json", trace.text().as_bytes())
    }

    /// The causes of idle time, asked of every µs.
    fn idle_by_instant(&self) -> Causes {
        let (mut idle, mut gap_start) = (Causes::new(), None);
        let first = self.calls.first().map_or(0, |c| c.2);
        let last = self.calls.iter().map(|c| c.3).max().unwrap_or(0);
        for at in first..last {
            if self.calls.iter().any(|c| c.2 <= at && at < c.3) {
                gap_start = None;
                continue;
            }
            let from = *gap_start.get_or_insert(at);
            let next = self.calls.iter().find(|c| c.2 > at).unwrap();
            let cause = if at < next.0 {
                let did = self.truth.iter().find(|t| t.0 <= at && at < t.1);
                match did.map_or('n', |t| t.2) {
                    'p' => "python",
                    'o' | 'l' => "host_op",
                    'w' => "sync_then_launch",
                    _ => "not_recorded",
                }
            } else if at < next.1 {
                "host_op"
            } else if (next.1 <= from && next.2 - from <= 20) || at < next.1 + 20 {
                "launch_latency"
            } else {
                "dependency"
            };
            *idle.entry(cause.to_owned()).or_default() += 1000;
        }
        idle
    }
}

const DECODE: &str = "execute_context_0(0)_generation_4(4)";
const PREFILL: &str = "execute_context_1(64)_generation_0(0)";

/// Ten steps that launch three kernels and wait for them; `extra` is done in each where the device is idle, `pause` is
/// the time before the last step, `call` what its first launch takes.
fn engine(extra: &[Does], pause: i64, call: i64) -> Vec<Does> {
    let mut plan = Vec::new();
    for step in 0..10 {
        plan.push(Does::Nothing(if step == 9 { pause } else { 500 }));
        plan.push(Does::Begin(if step == 9 { PREFILL } else { DECODE }));
        plan.push(Does::Python(200));
        plan.extend(extra);
        plan.push(Does::Launch(if step == 9 { call } else { 20 }, 30, 1000));
        plan.extend([Does::Inside(100), Does::Launch(20, 30, 1000)]);
        plan.extend([Does::Operator(50), Does::Launch(20, 30, 1000)]);
        plan.extend([Does::Sync(10), Does::Python(150), Does::End]);
    }
    plan
}

/// What is more in `after` than in `before`, but for less than 1 % of `all`.
fn moved(before: &Causes, after: &Causes, all: i64) -> Causes {
    let mut moved = after.clone();
    for (cause, ns) in before {
        *moved.entry(cause.clone()).or_default() -= ns;
    }
    moved.retain(|_, ns| ns.abs() * 100 > all);
    moved
}

fn injected(plan: &[Does], all: i64, gap: &str, of_idle: &str) {
    let before = Written::of(&engine(&[], 500, 20)).report();
    let after = Written::of(plan).report();
    agree("injected", &after);
    let tolerance = all / 100;
    for (name, cause, moved) in [
        ("gaps", gap, moved(&device(&before), &device(&after), all)),
        ("idle", of_idle, moved(&idle(&before), &idle(&after), all)),
    ] {
        assert_eq!(moved.keys().collect::<Vec<_>>(), [cause], "{name}: {moved:?}");
        assert!((moved[cause] - all).abs() <= tolerance, "{name}: {moved:?}");
    }
}

#[test]
fn what_is_injected_moves_its_cause_and_no_other() {
    let each = |does| engine(&[does], 500, 20);
    // 1 ms in each of ten steps; before the first step's launch the device has not begun.
    injected(&each(Does::Python(1000)), 9 * ms(1.0), "python", "python");
    injected(&each(Does::Operator(1000)), 9 * ms(1.0), "host_op", "host_op");
    injected(
        &each(Does::Nothing(1000)),
        9 * ms(1.0),
        "unaccounted",
        "not_recorded",
    );
    injected(&each(Does::Sync(1000)), 9 * ms(1.0), "wait", "sync_then_launch");
    injected(&engine(&[], 300_500, 20), ms(300.0), "no_load", "scheduler_idle");
    injected(&engine(&[], 500, 400_020), ms(400.0), "submit", "host_op");
}

#[test]
fn that_a_synchronisation_had_emptied_the_queue_is_told_beside_the_cause() {
    let report = Written::of(&engine(&[Does::Python(1000)], 500, 20)).report();
    let of = &report["idle"][0];
    let drained: i64 = of["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["drained_ns"].as_i64().unwrap())
        .sum();
    assert_eq!(drained, of["drained_by"][0]["total_ns"].as_i64().unwrap());
    assert_eq!(of["drained_by"][0]["name"], "cudaStreamSynchronize");
    assert_eq!(of["drained_by"][0]["count"], 9);
    // Every gap before which the engine waited, all but those between its kernels.
    assert!(drained * 10 > of["idle_ns"].as_i64().unwrap() * 9, "{of}");
    let python = of["causes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["cause"] == "python");
    assert!(python.unwrap()["drained_ns"].as_i64().unwrap() >= ms(9.0));
}

#[test]
fn a_pause_is_a_wait_for_requests_only_with_evidence() {
    let with = |marker: &'static str, between: &[Does]| {
        let mut plan = engine(&[], 500, 20);
        let last = plan.iter().rposition(|d| *d == Does::Begin(PREFILL)).unwrap();
        plan[last] = Does::Begin(marker);
        plan.splice(last..last, between.iter().copied());
        Written::of(&plan).report()
    };
    let waited = |report: &Value| device(report).get("no_load").copied().unwrap_or(0);
    // Nothing recorded: before new requests a wait, before decode the host's.
    let prefill = with(PREFILL, &[Does::Nothing(300_000)]);
    // From the end of the step before: the pause of 500 µs, too.
    assert_eq!(waited(&prefill), ms(300.5));
    assert_eq!(waited(&with(DECODE, &[Does::Nothing(300_000)])), 0);
    // Decode of one request more than before has a new one; of one fewer it has none.
    let more = "execute_context_0(0)_generation_5(5)";
    let fewer = "execute_context_0(0)_generation_3(3)";
    assert_eq!(waited(&with(more, &[Does::Nothing(300_000)])), ms(300.5));
    assert_eq!(waited(&with(fewer, &[Does::Nothing(300_000)])), 0);
    assert_eq!(waited(&with(more, &[Does::Python(300_000)])), 0);
    // Too short to say.
    assert_eq!(waited(&with(PREFILL, &[Does::Nothing(50_000)])), 0);
    // The host works.
    assert_eq!(waited(&with(PREFILL, &[Does::Python(300_000)])), 0);
    assert_eq!(waited(&with(PREFILL, &[Does::Operator(300_000)])), 0);
    // Empty steps say it, however short the time is.
    let idle_step = "execute_context_0(0)_generation_0(0)";
    let empty = [
        Does::Begin(idle_step),
        Does::Operator(100),
        Does::End,
        Does::Nothing(200),
        Does::Begin(idle_step),
        Does::Nothing(100),
        Does::End,
    ];
    assert_eq!(waited(&with(DECODE, &empty)), ms(0.9));
    // In decode the verdict rests on, requests are not the host's.
    let waits = finding(&prefill, "decode-waits-for-host");
    assert!(waits.is_none_or(|w| w["cost_ns"].as_i64().unwrap() < ms(20.0)));
}

/// An engine that waits 40.5 ms before its last step, `marker`; 39 ms of it in `frame`, and what `more` adds behind its
/// start.
fn waits_in(frame: &str, marker: &'static str, more: impl Fn(&mut Written, i64)) -> Value {
    let mut plan = engine(&[], 500, 20);
    let last = plan.iter().rposition(|d| *d == Does::Begin(PREFILL)).unwrap();
    plan[last] = Does::Begin(marker);
    plan.insert(last, Does::Nothing(40_000));
    let mut made = Written::of(&plan);
    let end = made.calls.iter().rev().nth(3).unwrap().3;
    // Inside an outer frame that lasts longer.
    made.events
        .push(thread(100, 1).frame("core.py(900): run_busy_loop", 900, 500_000));
    made.events.push(thread(100, 1).frame(frame, end + 400, 39_000));
    more(&mut made, end + 400);
    let report = made.report();
    assert_eq!(agree(frame, &report), 1);
    report
}

#[test]
fn a_recorded_wait_for_messages_is_a_wait_for_requests() {
    for frame in [
        "<built-in method poll of zmq.backend.cython._poll.Poller object at 0x1>",
        "<built-in method get of _queue.SimpleQueue object at 0x1>",
        "queue.py(154): get",
    ] {
        let report = waits_in(frame, DECODE, |_, _| ());
        assert_eq!(device(&report).get("no_load").copied(), Some(ms(40.5)), "{frame}");
    }
}

#[test]
fn a_wait_for_a_thread_or_a_lock_may_be_one_for_requests_before_a_step_that_has_new_ones() {
    for frame in [
        "<built-in method recv_into of _socket.socket object at 0x1>",
        "<built-in method acquire of _thread.lock object at 0x1>",
        "threading.py(355): wait",
        "selectors.py(451): select",
        "multiprocessing/connection.py(1136): wait",
    ] {
        let decodes = waits_in(frame, DECODE, |_, _| ());
        assert_eq!(device(&decodes).get("no_load"), None, "{frame}");
        assert_eq!(device(&decodes)["other_thread"], ms(39.0), "{frame}");
        assert_eq!(idle(&decodes)["other_thread"], ms(39.0), "{frame}");
        let prefills = waits_in(frame, PREFILL, |_, _| ());
        for of in [&device(&prefills)["no_load"], &idle(&prefills)["scheduler_idle"]] {
            assert!((ms(39.0)..=ms(40.5)).contains(of), "{frame}: {of}");
        }
        let found = finding(&prefills, "no-load").unwrap();
        assert_eq!(found["sure"], "suspected", "{frame}");
    }
}

#[test]
fn what_the_thread_does_beside_its_wait_is_not_the_wait() {
    let collects = |at: i64, us: i64| {
        let frame = "queue.py(154): get";
        waits_in(frame, DECODE, |made, wait| {
            let of = made.events.iter_mut().find(|e| e["name"] == frame).unwrap();
            of["dur"] = (39_000 - us).into();
            made.events
                .push(thread(100, 1).frame("gc.py(1): collect", wait + at + 39_000 - us, us - at));
        })
    };
    let report = collects(0, 15_000);
    assert_eq!(device(&report)["no_load"], ms(25.5));
    let plain = device(&waits_in("queue.py(154): get", DECODE, |_, _| ()));
    assert_eq!(device(&report)["python"] - plain["python"], ms(15.0));
    assert_eq!(idle(&report)["scheduler_idle"], ms(25.5));
    // What is shorter is the loop's that waits.
    assert_eq!(device(&collects(0, 800))["no_load"], ms(40.5));
}

/// An engine that does nothing for `us` more before each step but the first, and when each of these pauses begins.
fn paused_between_steps(us: i64) -> (Written, Vec<i64>) {
    let mut plan = Vec::new();
    for does in engine(&[], 500, 20) {
        let is_pause = matches!(does, Does::Nothing(_)) && !plan.is_empty();
        plan.push(if is_pause { Does::Nothing(us) } else { does });
    }
    let made = Written::of(&plan);
    let pauses = made.truth.iter().filter(|(from, to, _)| to - from == us);
    let starts: Vec<i64> = pauses.map(|of| of.0).collect();
    assert_eq!(starts.len(), 9);
    (made, starts)
}

#[test]
fn a_server_at_low_load_waits_for_requests_before_every_step() {
    let (mut made, starts) = paused_between_steps(20_000);
    for start in &starts {
        made.events
            .push(thread(100, 1).frame("core.py(900): _process_input_queue", start + 100, 19_800));
        made.events
            .push(thread(100, 1).frame("queue.py(154): get", start + 120, 19_700));
        made.events
            .push(thread(100, 1).frame("threading.py(355): wait", start + 140, 19_600));
    }
    let report = made.report();
    let waited = device(&report)["no_load"];
    assert!(waited > starts.len() as i64 * ms(19.0), "{:?}", device(&report));
    assert_eq!(agree("low load", &report), 1);
    assert_eq!(report["verdict"]["bound"], "requests", "{}", report["verdict"]);
    assert!(finding(&report, "decode-waits-for-host").is_none());
    assert!(finding(&report, "no-load").is_some());
}

#[test]
fn what_a_waiting_call_does_inside_is_waiting() {
    let (mut made, starts) = paused_between_steps(4_000);
    for start in &starts {
        let frame = |name: &str, at: i64, dur: i64| thread(100, 1).frame(name, start + at, dur);
        let dequeue = "vllm/distributed/device_communicators/shm_broadcast.py(500): dequeue";
        made.events.push(frame(dequeue, 100, 3_500));
        for spin in 0..3 {
            made.events.push(frame(
                "vllm/distributed/utils.py(30): sched_yield",
                110 + spin * 1_100,
                1_000,
            ));
            made.events
                .push(frame("<built-in function sched_yield>", 120 + spin * 1_100, 980));
        }
    }
    let report = made.report();
    let others = starts.len() as i64 * ms(3.5);
    assert_eq!(device(&report)["other_thread"], others, "{:?}", device(&report));
    assert_eq!(idle(&report)["other_thread"], others);
    assert_eq!(agree("spins", &report), 1);
}

#[test]
fn a_marker_that_is_written_twice_is_no_operation_of_the_host() {
    let plan = engine(&[], 500, 20);
    let plain = Written::of(&plan).report();
    let mut made = Written::of(&plan);
    let marks: Vec<Event> = made
        .events
        .iter()
        .filter(|e| e["cat"] == "user_annotation")
        .cloned()
        .collect();
    assert!(marks.len() > 5);
    for mut mark in marks {
        mark["ts"] = (mark["ts"].as_i64().unwrap() + 5).into();
        mark["dur"] = (mark["dur"].as_i64().unwrap() - 10).into();
        made.events.push(mark);
    }
    assert_eq!(device(&made.report()), device(&plain));
}

#[test]
fn a_short_wait_for_others_before_each_step_is_no_python() {
    for frame in [
        "zmq/sugar/poll.py(106): poll",
        "queue.py(154): get",
        "vllm/distributed/device_communicators/shm_broadcast.py(500): dequeue",
    ] {
        let plan = engine(&[Does::Python(1_000)], 500, 20);
        let mut made = Written::of(&plan);
        let plain = made.report();
        let frames: Vec<i64> = made
            .truth
            .iter()
            .filter(|t| t.1 - t.0 == 1_000)
            .map(|t| t.0)
            .collect();
        assert_eq!(frames.len(), 10);
        for start in frames {
            made.events.push(thread(100, 1).frame(frame, start + 100, 800));
        }
        let report = made.report();
        // Of ten, the first lies before the device's first work.
        for (key, of) in [("gaps", device as fn(&Value) -> Causes), ("idle", idle)] {
            let of = moved(&of(&plain), &of(&report), ms(7.2));
            let expected = [
                ("other_thread".to_owned(), ms(7.2)),
                ("python".to_owned(), -ms(7.2)),
            ];
            assert_eq!(of, Causes::from(expected), "{key}, {frame}");
        }
        agree(frame, &report);
    }
}

#[test]
fn an_asynchronous_engine_waits_from_the_end_of_its_device_work() {
    // Each step launches and returns; the device ends long after.
    let mut plan = Vec::new();
    for step in 0..8 {
        plan.push(Does::Nothing(if step == 7 { 400_000 } else { 100 }));
        plan.push(Does::Begin(if step == 7 { PREFILL } else { DECODE }));
        plan.extend([Does::Launch(20, 30, 5_000), Does::Operator(100), Does::End]);
    }
    let made = Written::of(&plan);
    let report = made.report();
    let start_of_last = made.calls[7].0;
    let end_of_work = made.calls[6].3;
    assert_eq!(
        device(&report).get("no_load").copied(),
        Some((start_of_last - end_of_work) * 1000)
    );
    assert_eq!(agree("asynchronous", &report), 1);
}

#[test]
fn annotations_around_steps_are_no_cause_and_others_are() {
    let nothing = |around: &'static str, n_steps: usize| {
        let mut plan = Vec::new();
        for step in 0..8 {
            if step % n_steps == 0 {
                plan.push(Does::Begin(around));
            }
            plan.extend([
                Does::Nothing(700),
                Does::Begin(DECODE),
                Does::Launch(20, 30, 1000),
            ]);
            plan.extend([Does::Sync(10), Does::End, Does::Nothing(300)]);
            if step % n_steps == n_steps - 1 {
                plan.push(Does::End);
            }
        }
        let report = Written::of(&plan).report();
        agree(around, &report);
        device(&report)["unaccounted"]
    };
    for around in ["ProfilerStep#3", "my_benchmark", "schedule_and_run"] {
        for n_steps in [1, 2, 8] {
            assert_eq!(nothing(around, n_steps), 7 * ms(1.0), "{around} around {n_steps}");
        }
    }
    // Inside a step, or between two, an annotation says what the host did.
    let mut plan = engine(&[Does::Begin("my_hook"), Does::Nothing(1000), Does::End], 500, 20);
    plan.extend([Does::Begin("after"), Does::Nothing(10), Does::End]);
    let named = device(&Written::of(&plan).report());
    assert!(named["host_op"] >= ms(9.0), "{named:?}");
}

#[test]
fn a_helper_threads_copies_do_not_say_what_the_next_launch_waits_for() {
    let plan = engine(&[Does::Operator(2000)], 500, 20);
    let before = Written::of(&plan);
    let mut with = Written::of(&plan);
    // A copy that another thread launches, in the middle of each of the operators.
    for (n, call) in before.calls.iter().step_by(3).enumerate().skip(1) {
        let (at, link) = (call.0 - 1000, 500 + n);
        with.events.extend([
            thread(100, 2)
                .call("cudaMemcpyAsync", at, 5)
                .arg("correlation", link),
            stream(0, 9).work("gpu_memcpy", "Memcpy DtoH", link, at + 10, 40),
        ]);
    }
    let (before, with) = (idle(&before.report()), idle(&with.report()));
    // The copies take 40 µs of idle time each, and the operators have the rest.
    assert_eq!(with["host_op"], before["host_op"] - 9 * ms(0.04));
    for (cause, ns) in &before {
        if cause != "host_op" {
            assert_eq!(with[cause], *ns, "{cause}");
        }
    }
}

#[test]
fn headline_and_cause_agree() {
    for (extra, noun) in [
        (Does::Python(3000), "python"),
        (Does::Operator(3000), "host operations"),
        (Does::Nothing(3000), "nothing recorded"),
    ] {
        let report = Written::of(&engine(&[extra], 500, 20)).report();
        let waits = finding(&report, "decode-waits-for-host").unwrap()["says"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(waits.contains(noun), "{waits}");
        let of_idle = idle(&report);
        let largest = of_idle.iter().max_by_key(|c| c.1).unwrap();
        // The finding on steps says it: one fact is said once.
        assert!(finding(&report, "device-idle").is_none());
        let of_gaps = device(&report);
        let most = of_gaps.iter().max_by_key(|c| c.1).unwrap();
        assert_eq!(IdleCause::of(Cause::from_key(most.0).unwrap()).key(), largest.0);
    }
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        (1i64..80).prop_map(Does::Nothing),
        (1i64..80).prop_map(Does::Python),
        (1i64..80).prop_map(Does::Operator),
        (10i64..80).prop_map(Does::Inside),
        (1i64..60, 0i64..90, 1i64..120).prop_map(|(us, delay, runs)| Does::Launch(us, delay, runs)),
        (0i64..40).prop_map(Does::Sync),
    ]
}

/// What most of a device's work does not say its launch of, what only the order of launches links, and what arrows
/// link: idle time has the causes of the gaps, and says which of them rest on launches.
#[test]
fn idle_time_has_its_causes_without_numbers_of_launches_too() {
    for (path, is_known, without) in [
        ("meaning/s4b_hipgraph_no_corr.json", false, Value::Null),
        (
            "gaudi/driven_v1_full/vllm.1795316005590859281.pt.trace.json.gz",
            true,
            0.into(),
        ),
        (
            "ascend/msprof_timeline_advice/trace_view.json",
            false,
            Value::Null,
        ),
    ] {
        let Some(bytes) = corpus::read(path) else {
            return;
        };
        let report = report(path, &bytes);
        assert_eq!(idle(&report), mapped(&device(&report)), "{path}");
        assert_eq!(report["idle"][0]["launches_known"], is_known, "{path}");
        assert_eq!(report["launches_without_work"], without, "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_instant_has_the_cause_that_the_launching_thread_gives(
        plan in proptest::collection::vec(does(), 4..40),
    ) {
        let mut plan = plan;
        plan.insert(0, Does::Launch(5, 8, 10));
        plan.push(Does::Launch(5, 8, 10));
        let made = Written::of(&plan);
        let report = made.report();
        let by_instant = made.idle_by_instant();
        if report["idle"][0]["idle_ns"].as_i64().unwrap_or(0) > 0 {
            prop_assert_eq!(idle(&report), by_instant.clone());
            prop_assert_eq!(agree("made", &report), 1);
        } else {
            prop_assert!(by_instant.is_empty());
        }
    }
}

// ---- compiles beside the launching thread -------------------------------------------------------------------

/// The thread that runs the steps; times in ms.
fn launching() -> Thread {
    thread(100, 1).in_ms()
}

/// Eight steps of 26 ms on the host, 30 ms apart, each with 20 ms of device work that is launched 1 ms after its start.
fn eight_steps(pid: &Value, device: &Value) -> Vec<Event> {
    let host = thread(pid.clone(), 1).in_ms();
    let gpu = stream(0, 7).of_process(device.clone()).in_ms();
    let mut events = Vec::new();
    for i in 0..8 {
        let at = f64::from(i) * 30.0;
        events.push(host.step(at, 26));
        events.push(host.launch_graph(i + 1, at + 1.0, 0.02));
        events.push(gpu.kernel("gemm", i + 1, at + 1.1, 20));
    }
    events
}

const COMPILE: &str = "_compile.compile_inner (dynamo_timed)";

fn compiled_steps(report: &Value) -> Vec<usize> {
    let steps = report["steps"].as_array().unwrap().iter();
    let compiled = steps.enumerate().filter(|(_, s)| s["compiled"] == true);
    compiled.map(|(i, _)| i).collect()
}

/// Step 1 lasts from 30 to 56 ms; its work is launched late, at 54.6 ms, so that the device is idle from 21.1 ms on.
fn late_second_step(pid: &Value) -> Vec<Event> {
    let mut events = eight_steps(pid, &json!(0));
    for event in &mut events {
        if event["args"]["correlation"] == 2 {
            let at = event["ts"].as_f64().unwrap();
            event["ts"] = json!(at + 23_600.0);
            if event["cat"] == "kernel" {
                event["dur"] = json!(6_000);
            }
        }
    }
    events
}

#[test]
fn a_compile_elsewhere_counts_only_while_the_launching_thread_has_nothing() {
    let work = || launching().operator("aten::busywork", 33.9, 20.5);
    let compile = |pid: i64, tid| thread(pid, tid).in_ms().operator(COMPILE, 34.0, 20.0);
    let read_with = |more: Vec<Event>| {
        let mut events = late_second_step(&json!(100));
        events.extend(more);
        read(&events)
    };
    // Another thread, and another process: the operator is what the launching thread does.
    for of in [(100, 77), (200, 77)] {
        let got = read_with(vec![work(), compile(of.0, of.1)]);
        assert_eq!(device(&got)["host_op"], ms(20.5), "{of:?}");
        assert_eq!(device(&got).get("recompile"), None, "{of:?}");
        assert_eq!(compiled_steps(&got), [0usize; 0], "{of:?}");
        let says = finding(&got, "compiles-while-serving").unwrap();
        assert!(!says["says"].as_str().unwrap().contains("delayed"), "{says}");
        assert_eq!(idle(&got), mapped(&device(&got)), "{of:?}");
    }
    // Nothing is recorded of the launching thread: it waits for the other thread, not for the other process.
    let waits = read_with(vec![compile(100, 77)]);
    assert_eq!(device(&waits)["recompile"], ms(20.0));
    assert_eq!(compiled_steps(&waits), [1]);
    let apart = read_with(vec![compile(200, 77)]);
    assert_eq!(device(&apart).get("recompile"), None);
    assert_eq!(compiled_steps(&apart), [0usize; 0]);
    // Its own compile.
    let own = read_with(vec![compile(100, 1)]);
    assert_eq!(
        (device(&own)["recompile"], compiled_steps(&own)),
        (ms(20.0), vec![1])
    );
}

#[test]
fn a_wait_for_a_lock_under_a_compile_is_the_compiles() {
    let host = launching();
    let mut events = Vec::new();
    for step in 0..12u32 {
        // Between the sixth and the seventh step, which has new requests, the engine's thread compiles for 499 ms.
        let start = f64::from(step) * 10.0 + if step < 6 { 0.0 } else { 500.0 };
        let name = match step {
            0 | 6 => "execute_context_1(64)_generation_0(0)",
            _ => "execute_context_0(0)_generation_4(4)",
        };
        events.push(host.slice("user_annotation", name, start, 9.0));
    }
    events.push(host.operator(COMPILE, 60.0, 499.0));
    let acquire = "<built-in method acquire of _thread.lock object at 0x7f>";
    events.push(host.frame(acquire, 60.5, 490.0));
    let got = read(&events);
    let shares = &got["verdict"]["shares"];
    let share = |of: &str| shares[of].as_f64().unwrap();
    // Of 619 ms of serving; 2 ms around the compile are no compile.
    assert!((share("compile") - 499.0 / 619.0).abs() < 0.001, "{shares}");
    assert!(share("requests") <= 2.0 / 619.0 + 0.001, "{shares}");
}

#[test]
fn a_compile_of_one_rank_is_none_of_another() {
    let rank = |n: i64, of: i64| json!(format!("[TP0{n}] {of}"));
    let mut events = eight_steps(&rank(0, 100), &rank(0, 0));
    // The steps of the second rank lie 5 ms later: its second from 35 to 61 ms.
    for mut event in eight_steps(&rank(1, 101), &rank(1, 0)) {
        event["ts"] = json!(event["ts"].as_f64().unwrap() + 5_000.0);
        events.push(event);
    }
    events.push(thread(rank(1, 101), 1).in_ms().operator(COMPILE, 39.0, 20.0));
    let got = read(&events);
    let [step] = compiled_steps(&got)[..] else {
        panic!("{:?}", compiled_steps(&got));
    };
    let start = |step: usize| got["steps"][step]["start_ns"].as_i64().unwrap();
    assert_eq!(start(step) - start(0), ms(35.0));
    assert_eq!(got["recompiles"][0]["step"], json!(step));
}

#[test]
fn gaps_between_launches_and_steps_are_of_their_own_thread() {
    // Another thread waits for the device from 27 to 29 ms, between the first two steps; nothing is recorded of the
    // engine's thread from its launch at 1 ms (20 µs) to the next at 31 ms.
    let mut events = eight_steps(&json!(100), &json!(0));
    events.push(thread(100, 2).in_ms().call("cudaDeviceSynchronize", 27.0, 2.0));
    let got = read(&events);
    for (kind, ns) in [("launch", 7 * ms(29.98)), ("step", 7 * ms(4.0))] {
        let of = causes(gaps_of(&got, kind).unwrap());
        assert_eq!(of, Causes::from([("unaccounted".into(), ns)]), "{kind}");
    }
    // Operators of the second rank only.
    let rank = |n: i64, of: i64| json!(format!("[TP0{n}] {of}"));
    let mut events = eight_steps(&rank(0, 100), &rank(0, 0));
    events.extend(eight_steps(&rank(1, 101), &rank(1, 0)));
    events.push(
        thread(rank(1, 101), 1)
            .in_ms()
            .operator("aten::busywork", 5.0, 10.0),
    );
    let of = causes(gaps_of(&read(&events), "launch").unwrap());
    assert_eq!(of, Causes::from([("unaccounted".into(), 7 * ms(29.98))]));
}

#[test]
fn an_instantiation_belongs_to_its_capture() {
    // From 34 to 46 ms a capture, its instantiation from 46 to 51 ms; another one alone from 84 to 86 ms.
    let mut events = late_second_step(&json!(100));
    let mut call = |name: &str, at, len| {
        events.push(launching().call(name, at, len));
    };
    call("cudaStreamBeginCapture", 34.0, 0.1);
    call("cudaStreamEndCapture", 45.0, 1.0);
    call("cudaGraphInstantiate", 46.0, 5.0);
    call("cudaGraphInstantiate", 84.0, 2.0);
    let got = read(&events);
    let rows = got["recompiles"].as_array().unwrap().iter();
    let rows: Vec<i64> = rows.map(|r| r["dur_ns"].as_i64().unwrap()).collect();
    assert_eq!(rows, [ms(17.0), ms(2.0)]);
    assert_eq!(device(&got)["recompile"], ms(19.0));
}

/// Of one idle time there is one split: the budget of serving time and the gaps of the device divide it alike. Here all
/// gaps but 80 µs of submission lie in the one serving step.
#[test]
fn serving_time_divides_idle_time_as_the_gaps_of_the_device_do() {
    let path = "kineto/tracelens/b200/eager_trace.json.gz";
    let Some(bytes) = corpus::read(path) else { return };
    let report = open_bytes(path, &bytes).unwrap().report;
    let gaps = report.gaps.iter().find(|g| g.kind == GapKind::Device).unwrap();
    let budget = report.budget.as_ref().unwrap();
    for cause in [Cause::Python, Cause::HostOp, Cause::Collective] {
        let of_gaps = gaps.causes.iter().find(|c| c.cause == cause).unwrap();
        let share = budget
            .shares
            .iter()
            .find(|s| s.id == host_gap_key(cause))
            .unwrap();
        assert_eq!(share.total_ns, of_gaps.total_ns, "{cause:?}");
    }
}
