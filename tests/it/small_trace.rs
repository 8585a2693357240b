//! Small traces for tests, put together from events or drawn. Unit tests of `src/` include this file, too.
//!
//! ```ignore
//! let (host, gpu) = (thread(4000, 4000), stream(0, 7));
//! let mut trace = Trace::torch();
//! for i in 0..3 {
//!     trace.add(host.step(i * 10_000, 8_000));
//!     trace.add(host.launch(i, i * 10_000 + 100, 10));
//!     trace.add(gpu.kernel("gemm", i, i * 10_000 + 200, 5_000).arg("est. achieved occupancy %", 50));
//! }
//! trace.text()
//! ```
//!
//! The same, drawn: see [`drawn`]. Times are µs, as in the format, or ms after `in_ms()`; they and ids may be any
//! number, a process may be a text, too. Where the bytes are what a test is about, it writes them itself.

#![allow(dead_code, reason = "who includes it needs a part of it")]

use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value, json};

/// vLLM's marker of a decode step of four requests.
pub const DECODE: &str = "execute_context_0(0)_generation_4(4)";

/// An event of the trace event format. It is its JSON object: a field is read and changed as `event["ts"]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event(Value);

impl Event {
    /// With one arg more, or another value of it.
    #[must_use]
    pub fn arg(mut self, key: &str, value: impl Into<Value>) -> Event {
        self.0["args"][key] = value.into();
        self
    }

    /// With these args more.
    #[must_use]
    pub fn args(self, args: Value) -> Event {
        let Value::Object(args) = args else {
            panic!("args are an object: {args}");
        };
        args.into_iter()
            .fold(self, |event, (key, value)| event.arg(&key, value))
    }

    /// With a field beside its args, such as `id`.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Into<Value>) -> Event {
        self.0[key] = value.into();
        self
    }
}

impl Deref for Event {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl DerefMut for Event {
    fn deref_mut(&mut self) -> &mut Value {
        &mut self.0
    }
}

/// Where events of the host are: the process and thread of a trace.
#[derive(Clone, Debug)]
pub struct Thread {
    pid: Value,
    tid: Value,
    /// µs in what times are given in.
    unit_us: Option<f64>,
}

pub fn thread(pid: impl Into<Value>, tid: impl Into<Value>) -> Thread {
    Thread {
        pid: pid.into(),
        tid: tid.into(),
        unit_us: None,
    }
}

impl Thread {
    /// Takes times in ms from now on.
    #[must_use]
    pub fn in_ms(mut self) -> Thread {
        self.unit_us = Some(1e3);
        self
    }

    fn us(&self, time: impl Into<Value>) -> Value {
        let time = time.into();
        match self.unit_us {
            Some(unit_us) => json!(time.as_f64().expect("a number") * unit_us),
            None => time,
        }
    }

    /// An event of any kind (`ph`) with no duration: an instant `i`, an arrow's start `s` and end `f` (with an `id`
    /// by [`Event::field`]), a slice's begin `B` and end `E`.
    pub fn event(&self, phase: &str, category: &str, name: &str, ts: impl Into<Value>) -> Event {
        let ts = self.us(ts);
        Event(json!({"ph": phase, "cat": category, "name": name, "pid": self.pid, "tid": self.tid, "ts": ts}))
    }

    pub fn slice(&self, category: &str, name: &str, ts: impl Into<Value>, dur: impl Into<Value>) -> Event {
        let dur = self.us(dur);
        self.event("X", category, name, ts).field("dur", dur)
    }

    /// Values of counters at an instant, as an object.
    pub fn counters(&self, name: &str, ts: impl Into<Value>, values: Value) -> Event {
        self.event("C", "", name, ts).args(values)
    }

    /// What the process or the thread is called: `process_name`, `thread_name`, `process_labels`.
    pub fn called(&self, what: &str, name: &str) -> Event {
        let key = if what == "process_labels" {
            "labels"
        } else {
            "name"
        };
        Event(json!({"ph": "M", "name": what, "pid": self.pid, "tid": self.tid, "args": {key: name}}))
    }

    /// The marker of a decode step.
    pub fn step(&self, ts: impl Into<Value>, dur: impl Into<Value>) -> Event {
        self.slice("user_annotation", DECODE, ts, dur)
    }

    pub fn operator(&self, name: &str, ts: impl Into<Value>, dur: impl Into<Value>) -> Event {
        self.slice("cpu_op", name, ts, dur)
    }

    /// A python frame.
    pub fn frame(&self, name: &str, ts: impl Into<Value>, dur: impl Into<Value>) -> Event {
        self.slice("python_function", name, ts, dur)
    }

    /// A call of the runtime that launches nothing.
    pub fn call(&self, name: &str, ts: impl Into<Value>, dur: impl Into<Value>) -> Event {
        self.slice("cuda_runtime", name, ts, dur)
    }

    /// The call that launches the work of the same correlation.
    pub fn launch(
        &self,
        correlation: impl Into<Value>,
        ts: impl Into<Value>,
        dur: impl Into<Value>,
    ) -> Event {
        self.call("cudaLaunchKernel", ts, dur)
            .arg("correlation", correlation)
    }

    /// The same, of a graph.
    pub fn launch_graph(
        &self,
        correlation: impl Into<Value>,
        ts: impl Into<Value>,
        dur: impl Into<Value>,
    ) -> Event {
        self.call("cudaGraphLaunch", ts, dur)
            .arg("correlation", correlation)
    }
}

/// Where work of a device is: its process has the device's number, its thread the stream's.
#[derive(Clone, Debug)]
pub struct Stream {
    track: Thread,
    device: Value,
}

pub fn stream(device: i64, stream: i64) -> Stream {
    Stream {
        track: thread(device, stream),
        device: json!(device),
    }
}

impl Stream {
    /// In a process that is not called as the device is.
    #[must_use]
    pub fn of_process(mut self, pid: impl Into<Value>) -> Stream {
        self.track.pid = pid.into();
        self
    }

    /// Takes times in ms from now on.
    #[must_use]
    pub fn in_ms(mut self) -> Stream {
        self.track = self.track.in_ms();
        self
    }

    /// Where it is, as a thread.
    pub fn track(&self) -> &Thread {
        &self.track
    }

    /// Work of a category, such as `gpu_memcpy`, which the call of the same correlation launched.
    pub fn work(
        &self,
        category: &str,
        name: &str,
        correlation: impl Into<Value>,
        ts: impl Into<Value>,
        dur: impl Into<Value>,
    ) -> Event {
        self.track
            .slice(category, name, ts, dur)
            .arg("correlation", correlation)
            .arg("device", self.device.clone())
            .arg("stream", self.track.tid.clone())
    }

    /// A kernel of which nothing says which call launched it.
    pub fn kernel_unlinked(&self, name: &str, ts: impl Into<Value>, dur: impl Into<Value>) -> Event {
        let kernel = self.track.slice("kernel", name, ts, dur);
        kernel
            .arg("device", self.device.clone())
            .arg("stream", self.track.tid.clone())
    }

    pub fn kernel(
        &self,
        name: &str,
        correlation: impl Into<Value>,
        ts: impl Into<Value>,
        dur: impl Into<Value>,
    ) -> Event {
        self.work("kernel", name, correlation, ts, dur)
    }
}

/// Events, and what stands beside them in the file.
#[derive(Clone, Debug)]
pub struct Trace {
    head: Option<Map<String, Value>>,
    pub events: Vec<Event>,
}

impl Trace {
    /// As torch's profiler writes.
    pub fn torch() -> Trace {
        Trace::object().head("schemaVersion", 1)
    }

    /// As tracers write that say nothing of themselves.
    pub fn object() -> Trace {
        Trace {
            head: Some(Map::new()),
            events: Vec::new(),
        }
    }

    /// Of events alone, with no object around them.
    pub fn array() -> Trace {
        Trace {
            head: None,
            events: Vec::new(),
        }
    }

    /// With a field beside the events.
    #[must_use]
    pub fn head(mut self, key: &str, value: impl Into<Value>) -> Trace {
        let head = self.head.as_mut().expect("an array has no fields");
        head.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn with(mut self, events: impl IntoIterator<Item = Event>) -> Trace {
        self.events.extend(events);
        self
    }

    pub fn add(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The text of the file: fields beside the events first, an event a line.
    pub fn text(&self) -> String {
        let events: Vec<String> = self.events.iter().map(|event| event.0.to_string()).collect();
        let events = format!("[\n{}\n]", events.join(",\n"));
        let Some(head) = &self.head else { return events };
        let fields = head
            .iter()
            .map(|(key, value)| format!("{}:{value},\n", json!(key)));
        format!("{{{}\"traceEvents\":{events}}}", fields.collect::<String>())
    }
}

/// What letters of [`drawn`] stand for: category, and name.
const LETTERS: [(char, &str, &str); 8] = [
    ('s', "user_annotation", DECODE),
    ('o', "cpu_op", "aten::mm"),
    ('p', "python_function", "model.py(1): forward"),
    ('l', "cuda_runtime", "cudaLaunchKernel"),
    ('w', "cuda_runtime", "cudaDeviceSynchronize"),
    ('k', "kernel", "gemm"),
    ('c', "gpu_memcpy", "Memcpy HtoD (Pinned -> Device)"),
    ('a', "kernel", "ncclDevKernel_AllReduce_Sum_bf16_RING_LL"),
];

/// A trace of torch's profiler that is drawn: a line is a track, a column is `column_us` µs.
///
/// ```text
/// host | s-------- s--------
/// host |  l- o---   l- w----
/// 7    |    k----     k-----
/// ```
///
/// A slice is a letter (see [`LETTERS`], or `also`: letter, category, name) and the `-` behind it, and lasts as many
/// columns. `host` is a thread, as is each other word; a number is a stream of device 0. Slices in each other are
/// drawn in several lines of the same track. The first `l` launches the work that starts first, and so on; launches
/// and work for which there is no partner have a correlation of their own.
pub fn drawn(column_us: i64, picture: &str, also: &[(char, &str, &str)]) -> Trace {
    let mut events: Vec<(i64, bool, Event)> = Vec::new();
    let mut threads: Vec<&str> = Vec::new();
    for line in picture.lines().filter(|line| !line.trim().is_empty()) {
        let (track, slices) = line.split_once('|').expect("a track's name and `|`");
        let track = track.trim();
        let of_device = track.parse().ok().map(|number| stream(0, number));
        let place = threads.iter().position(|&thread| thread == track);
        let place = place.unwrap_or_else(|| {
            threads.push(track);
            threads.len() - 1
        });
        let of_host = thread(100, place + 1);
        let columns: Vec<char> = slices.trim_end().chars().collect();
        for (at, &letter) in columns.iter().enumerate() {
            if letter == '-' || letter == ' ' {
                continue;
            }
            let n = 1 + columns[at + 1..].iter().take_while(|&&c| c == '-').count();
            let mut known = also.iter().chain(&LETTERS);
            let (_, category, name) = known
                .find(|of| of.0 == letter)
                .unwrap_or_else(|| panic!("no letter {letter:?}"));
            let of_columns = |n: usize| column_us * i64::try_from(n).expect("a picture is small");
            let (ts, dur) = (of_columns(at), of_columns(n));
            let event = match &of_device {
                Some(stream) => stream.work(category, name, 0, ts, dur),
                None => of_host.slice(category, name, ts, dur),
            };
            events.push((ts, of_device.is_some(), event));
        }
    }
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|&i| events[i].0);
    let (mut n_launches, mut n_works) = (0, 0);
    for i in order {
        let (_, is_work, event) = &mut events[i];
        let n = match is_work {
            true => &mut n_works,
            false if event["name"] == "cudaLaunchKernel" => &mut n_launches,
            false => continue,
        };
        *n += 1;
        event["args"]["correlation"] = json!(*n);
    }
    Trace::torch().with(events.into_iter().map(|(_, _, event)| event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_trace_of_its_events() {
        let (host, gpu) = (thread(100, 1), stream(0, 7));
        let also = [('m', "gpu_memset", "Memset (Device)")];
        let got = drawn(
            10,
            "
host  | s------
host  |  l-  l
7     |    m-k--
other | o
",
            &also,
        );
        let expected = Trace::torch().with([
            host.step(10, 70),
            host.launch(1, 20, 20),
            host.launch(2, 60, 10),
            gpu.work("gpu_memset", "Memset (Device)", 1, 40, 20),
            gpu.kernel("gemm", 2, 60, 30),
            thread(100, 3).operator("aten::mm", 10, 10),
        ]);
        assert_eq!(got.events, expected.events);
        assert_eq!(got.text(), expected.text());
    }

    #[test]
    fn times_may_be_given_in_milliseconds_and_fields_stand_before_events() {
        let event = thread("a process", 2).in_ms().operator("o", 0.5, 2).arg("n", 3);
        let trace = Trace::torch().head("x", "y").with([event]);
        let read: Value = serde_json::from_str(&trace.text()).expect("JSON");
        assert_eq!(
            read,
            json!({"schemaVersion": 1, "x": "y", "traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "o",
                "pid": "a process", "tid": 2, "ts": 500.0, "dur": 2000.0, "args": {"n": 3}}]})
        );
        assert!(trace.text().find("traceEvents") > trace.text().find("schemaVersion"));
    }
}
