//! The same of findings: above its threshold each speaks, with the number that the clock knows; at zero it is silent; and
//! what was not said before and is of something else is not said.

use std::fmt::Write as _;
use std::sync::Arc;

use stepscope::analyze::findings::FINDINGS;
use stepscope::base::{Span, show};
use stepscope::session::Loader;
use stepscope::session::bundle::{self, Given};

use super::*;

/// Why no row of [`ROWS`] provokes it.
const NOT_INJECTED: &[(&str, &str)] = &[
    ("input-damaged", "of the text, not of time; has fixtures"),
    ("events-lost", "of the text, not of time; has fixtures"),
    ("large-category", "of 100 MB of text, not of time; has fixtures"),
    ("no-steps", "of what a recording is of: no quantity"),
    (
        "graph-capture-recording",
        "of what a recording is of: no quantity",
    ),
    ("training-trace", "of what a recording is of: no quantity"),
    ("front-end-trace", "of what a recording is of: no quantity"),
    (
        "host-collectives",
        "the simulator has no engine without a device; has fixtures",
    ),
    (
        "waits-for-peer",
        "the simulator writes no pieces of collectives; has fixtures",
    ),
    (
        "launched-not-started",
        "a share beside that of the host: two injections at once; has fixtures",
    ),
    (
        "first-use-loading",
        "the simulator writes no overhead; has fixtures",
    ),
    (
        "recording-overhead",
        "the simulator writes no overhead; has fixtures",
    ),
];

/// The engine that a row injects into.
type Shape = fn(Engine, i64) -> Engine;
/// What is added to a text, or taken from it, beside what the simulator injects.
type Edit = fn(String, &RankTruth, i64) -> String;
/// What the report says, and what is true.
type Number = fn(&Seen<'_>) -> (f64, f64);

struct Row {
    id: &'static str,
    /// At which it speaks.
    level: &'static str,
    families: &'static [Family],
    asynchronous: &'static [bool],
    rank: usize,
    injection: Injection,
    shape: Shape,
    edit: Edit,
    /// `communication_matrix.json` beside the trace.
    matrix: Option<fn(i64) -> String>,
    /// Sizes at which it is silent. What is said at the first is what was said before.
    silent: &'static [i64],
    speaks: &'static [i64],
    number: Number,
    /// What else the injection provokes, and why it is the same fact, or one that follows from it.
    also: &'static [(&'static str, &'static str)],
}

/// What a row is where it does not say otherwise.
const ROW: Row = Row {
    id: "",
    level: "hint",
    families: &LINKED,
    asynchronous: &[false, true],
    rank: 0,
    injection: Injection::None,
    shape: |engine, _| engine,
    edit: |text, _, _| text,
    matrix: None,
    silent: &[0],
    speaks: &[],
    number: |_| (f64::NAN, 0.0),
    also: &[],
};

/// One run.
struct Seen<'a> {
    truth: &'a RankTruth,
    report: &'a Value,
    /// The report of what was before.
    before: &'a Value,
    finding: &'a Value,
    engine: Engine,
    by: i64,
}

impl Seen<'_> {
    fn cost(&self) -> f64 {
        self.finding["cost_ns"].as_f64().unwrap_or(f64::NAN)
    }

    /// The first share in the sentence.
    fn percent(&self) -> f64 {
        let says = self.finding["says"].as_str().unwrap();
        let before = says.split(" %").next().unwrap();
        let number = before.rsplit([' ', '(']).next().unwrap();
        number.parse().unwrap_or(f64::NAN)
    }

    /// As a sentence shows this share, so that only rounding is left out.
    fn shown((part, whole): (i64, i64)) -> f64 {
        let shown = show::percent(part, whole);
        shown.trim_end_matches(" %").parse().unwrap_or(f64::NAN)
    }

    /// The first count in the sentence behind `word`.
    fn count(&self, word: &str) -> f64 {
        let says = self.finding["says"].as_str().unwrap();
        let behind = says.split_once(word).map_or("", |(_, behind)| behind);
        let digits = behind.chars().skip_while(|c| !c.is_ascii_digit());
        let digits: String = digits.take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(f64::NAN)
    }

    /// Of a stretch that the evidence shows.
    fn evidence_ns(&self, i: usize) -> f64 {
        let evidence = &self.finding["evidence"][i];
        let ends = evidence["end_ns"].as_f64().zip(evidence["start_ns"].as_f64());
        ends.map_or(f64::NAN, |(end, start)| end - start)
    }

    fn by_all_steps(&self) -> f64 {
        self.by as f64 * self.engine.steps as f64
    }

    /// The row of a table whose `key` is `name`.
    fn row<'v>(report: &'v Value, table: &str, key: &str, name: &str) -> &'v Value {
        let mut rows = report[table].as_array().into_iter().flatten();
        rows.find(|row| row[key].as_str().is_some_and(|is| is.contains(name)))
            .unwrap_or(&Value::Null)
    }
}

fn waits_for_host(seen: &Seen<'_>) -> (i64, i64) {
    let by_ends = seen.report["step_time"]["from_device_ends"] == true;
    seen.truth.in_intervals(by_ends, |state| match state {
        State::Idle(cause) => !matches!(cause, Cause::NotStarted | Cause::Requests),
        _ => false,
    })
}

/// Between steps, and in all.
fn between_steps(truth: &RankTruth) -> (i64, i64) {
    let pairs = truth.steps.windows(2);
    let between = pairs.map(|pair| pair[1].host.start - pair[0].host.end).sum();
    let (first, last) = (&truth.steps[0], &truth.steps[truth.steps.len() - 1]);
    (between, last.host.end - first.host.start)
}

fn every(engine: Engine, _: i64) -> Engine {
    Engine {
        every: true,
        ..engine
    }
}

fn every_without_stacks(engine: Engine, by: i64) -> Engine {
    Engine {
        stacks: false,
        ..every(engine, by)
    }
}

/// What lies between steps even so is little beside long ones.
fn without_stacks(engine: Engine, by: i64) -> Engine {
    let engine = match by {
        0 => engine.with(Injection::Python, 50 * MS),
        _ => engine,
    };
    every_without_stacks(engine, by)
}

/// The second rank is there when something is injected: communication without a peer is none.
fn with_a_peer(engine: Engine, by: i64) -> Engine {
    Engine {
        ranks: if by > 0 { 2 } else { 1 },
        every: true,
        ..engine
    }
}

fn of_prefill(text: String, _: &RankTruth, _: i64) -> String {
    text.replace(
        "execute_context_0(0)_generation_4(4)",
        "execute_context_4(256)_generation_0(0)",
    )
}

fn without_steps(text: String, _: &RankTruth, _: i64) -> String {
    let text = text.replace("execute_context_0(0)_generation_4(4)", "serve");
    text.replace("gpu_model_runner: ", "part: ")
        .replace("execute_model", "run")
}

/// Only the host is recorded, of a program that has no other device.
fn on_the_host(text: String, truth: &RankTruth, by: i64) -> String {
    let of_cuda = "\"cuda_runtime_version\": 12080, \"cupti_version\": 26, ";
    let of_rocm = "\"hip_runtime_version\": 70051831, \"roctracer_version\": 4001, ";
    let text = text.replacen(of_cuda, "", 1).replacen(of_rocm, "", 1);
    without_device(text, truth, by)
}

/// Only the host is recorded.
fn without_device(text: String, _: &RankTruth, _: i64) -> String {
    let is_device = |line: &&str| {
        line.contains("\"pid\": 0,") || line.contains("\"ac2g\"") || line.contains("\"cuda_runtime\"")
    };
    let lines = text.lines().filter(|line| !is_device(line));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    // What stood last was the device's.
    text.replace(",\n]}", "\n]}")
}

/// Events in front of the others.
fn add(text: String, events: &str) -> String {
    let list = "\"traceEvents\": [";
    text.replacen(list, &format!("{list}{events}"), 1)
}

/// Thousandths of a microsecond: where torch's profilers have the host's thread.
fn host_event(name: &str, category: &str, start: i64, ns: i64) -> String {
    format!(
        "\n{{\"ph\": \"X\", \"cat\": \"{category}\", \"name\": \"{name}\", \"pid\": 4000, \"tid\": 4000, \"ts\": {}, \
         \"dur\": {}}},",
        start as f64 / 1e3,
        ns as f64 / 1e3
    )
}

fn memory_event(name: &str, at: i64, bytes: i64, total: i64) -> String {
    format!(
        "\n{{\"ph\": \"i\", \"s\": \"t\", \"cat\": \"cpu_instant_event\", \"name\": \"[{name}]\", \"pid\": 4000, \
         \"tid\": 4000, \"ts\": {}, \"args\": {{\"Bytes\": {bytes}, \"Total Allocated\": {total}, \
         \"Total Reserved\": 20000000, \"Device Type\": 1, \"Device Id\": 0}}}},",
        at as f64 / 1e3
    )
}

/// What stays allocated all the time.
const KEPT_BYTES: i64 = 10_000_000;

/// Each step allocates so many bytes that it does not free.
fn grow(text: String, truth: &RankTruth, bytes: i64) -> String {
    let first = truth.steps[0].call.start - 1_000;
    let mut events = memory_event("memory", first, KEPT_BYTES, KEPT_BYTES);
    let mut total = KEPT_BYTES;
    for step in &truth.steps {
        total += bytes;
        events += &memory_event("memory", step.call.start + 1_000, bytes, total);
    }
    add(text, &events)
}

/// Each step allocates so many bytes at its start and frees them at its end.
fn churn(text: String, truth: &RankTruth, bytes: i64) -> String {
    let first = truth.steps[0].call.start - 1_000;
    let mut events = memory_event("memory", first, KEPT_BYTES, KEPT_BYTES);
    for step in &truth.steps {
        events += &memory_event("memory", step.call.start + 1_000, bytes, KEPT_BYTES + bytes);
        events += &memory_event("memory", step.call.end - 1_000, -bytes, KEPT_BYTES);
    }
    add(text, &events)
}

fn fails(text: String, truth: &RankTruth, n: i64) -> String {
    let at = truth.steps[3].call.start;
    let events = (0..n).map(|i| memory_event("OutOfMemory", at + 1_000 * i, 50_000_000, KEPT_BYTES));
    let events: String = events.collect();
    add(text, &events)
}

/// So many small allocations in each step.
fn allocates(text: String, truth: &RankTruth, n: i64) -> String {
    let mut events = String::new();
    for (step, i) in truth.steps.iter().flat_map(|step| (0..n).map(move |i| (step, i))) {
        let bytes = if i % 2 == 0 { 512 } else { -512 };
        events += &memory_event("memory", step.call.start + 100 * i, bytes, KEPT_BYTES);
    }
    add(text, &events)
}

/// A frame that is looked up, compiled and run; the second attempt runs nothing, and so many lookups follow.
fn gives_up(text: String, truth: &RankTruth, lookups: i64) -> String {
    let mut events = String::new();
    let mut event = |name: &str, at, ns| events += &host_event(name, "cpu_op", at, ns);
    let (lookup, compile) = (
        "TorchDynamo Cache Lookup",
        "_compile.compile_inner (dynamo_timed)",
    );
    let mut at = truth.steps[0].call.start - 90_000;
    event(lookup, at, 5_000);
    event(compile, at + 6_000, 20_000);
    event("Torch-Compiled Region: 0/0", at + 30_000, 5_000);
    if lookups > 0 {
        event(lookup, at + 40_000, 5_000);
        event(compile, at + 46_000, 20_000);
    }
    for step in truth.steps.iter().take(usize::try_from(lookups).unwrap()) {
        at = step.call.start + 40_000;
        event(lookup, at, 5_000);
    }
    add(text, &events)
}

/// A compile that is found in the cache: torch.compile is at work.
fn looks_up(text: String, truth: &RankTruth, n: i64) -> String {
    let mut events = String::new();
    for step in truth.steps.iter().take(usize::try_from(n).unwrap()) {
        events += &host_event(
            "TorchDynamo Cache Lookup",
            "cpu_op",
            step.call.start + 40_000,
            2_000,
        );
        events += &host_event(
            "Torch-Compiled Region: 0/0",
            "cpu_op",
            step.call.start + 43_000,
            2_000,
        );
    }
    add(text, &events)
}

/// vLLM's own event on Gaudi.
fn gaudi_event(name: &str, start: i64, ns: i64) -> String {
    let (ts, dur) = (start as f64 / 1e3, ns as f64 / 1e3);
    format!(
        "\n{{\"ph\": \"X\", \"name\": \"{name}\", \"pid\": 5717, \"tid\": 3, \"ts\": {ts}, \"dur\": {dur}}},"
    )
}

/// Warm-up ran a step of this batch; 0: there was none.
fn warm_up(text: String, truth: &RankTruth, batch: i64) -> String {
    let at = truth.steps[0].host.start - 50 * MS;
    let forward = format!("model_forward_bs{batch}_seq1_ctx128_graphsT");
    let events = [
        gaudi_event("warmup", at, 20 * MS),
        gaudi_event("prepare_input_tensors", at + MS, MS),
        gaudi_event("decode", at + 3 * MS, 10 * MS),
        gaudi_event(&forward, at + 4 * MS, 5 * MS),
        gaudi_event("sampler", at + 10 * MS, MS),
    ];
    match batch {
        0 => text,
        _ => add(text, &events.concat()),
    }
}

/// The counter beside the engine's steps says how much of a batch of 4 prompts is real, in tenths.
fn half_full_prompts(text: String, truth: &RankTruth, tenths: i64) -> String {
    let text = text.replace("\"name\": \"decode\"", "\"name\": \"prefill\"");
    let text = text.replace("bs4_seq1_ctx128", "bs4_seq640_ctx0");
    let mut events = String::new();
    for step in &truth.steps {
        let _ = write!(
            events,
            "\n{{\"ph\": \"C\", \"name\": \"utils\", \"pid\": 5717, \"tid\": 1, \"ts\": {}, \"args\": \
             {{\"prompt_batch_size\": 4, \"prompt_bucket_batch_size\": 4, \"prompt_bucket_seq_len\": 640, \
             \"prompt_bucket_ctx_blocks\": 0, \"prompt_batch_token_utilization\": {}}}}},",
            (step.call.start - 2_000) as f64 / 1e3,
            tenths as f64 / 10.0
        );
    }
    add(text, &events)
}

/// Compiles are counted: none was.
fn counts_compiles(text: String, truth: &RankTruth, n: i64) -> String {
    let at = (truth.steps[0].host.start - 60 * MS) as f64 / 1e3;
    let event = format!(
        "\n{{\"ph\": \"C\", \"name\": \"utils\", \"pid\": 5717, \"tid\": 1, \"ts\": {at}, \
         \"args\": {{\"cumulative_graph_compilations\": 0}}}},"
    );
    add(text, if n > 0 { &event } else { "" })
}

/// The lane of msprof's `Overlap Analysis` that says when the device is free.
fn free_lane(text: String, truth: &RankTruth, _: i64) -> String {
    const EPOCH_NS: i64 = 1_790_857_026_000_000_000;
    let lane = "\"pid\": \"77\", \"tid\": ";
    let mut events = format!(
        "\n{{\"ph\": \"M\", \"name\": \"process_name\", {lane}0, \"args\": {{\"name\": \"Overlap Analysis\"}}}},"
    );
    for (tid, name) in [(0, "Computing"), (3, "Free")] {
        let _ = write!(
            events,
            "\n{{\"ph\": \"M\", \"name\": \"thread_name\", {lane}{tid}, \"args\": {{\"name\": \"{name}\"}}}},"
        );
    }
    for &(span, state) in &truth.states {
        let (tid, name) = match state {
            State::Idle(_) => (3, "Free"),
            _ => (0, "Computing"),
        };
        let at = EPOCH_NS + span.start;
        let (ts, dur) = (
            format!("{}.{:03}", at / 1_000, at % 1_000),
            span.len_ns() as f64 / 1e3,
        );
        let _ = write!(
            events,
            "\n{{\"ph\": \"X\", \"name\": \"{name}\", {lane}{tid}, \"ts\": \"{ts}\", \"dur\": {dur}, \"args\": {{}}}},"
        );
    }
    text.replacen('[', &format!("[{events}"), 1)
}

/// Three links that carry 20 MB in 1 ms, the last so many percent less.
fn slower_link(percent: i64) -> String {
    let link = |to: u32, megabytes: f64| {
        format!(
            "\"0-{to}\": {{\"Transport Type\": \"HCCS\", \"Transit Size(MB)\": {megabytes}, \
             \"Transit Time(ms)\": 1}}"
        )
    };
    let links = [
        link(1, 20.0),
        link(2, 20.0),
        link(3, (100 - percent) as f64 / 5.0),
    ];
    format!(
        "{{\"step1\": {{\"p2p\": {{}}, \"collective\": {{\"allreduce-total@group\": {{{}}}}}}}}}",
        links.join(", ")
    )
}

/// A batch of 100 rows, of which `padding` hold no request.
fn padded(text: String, _: &RankTruth, padding: i64) -> String {
    let real = 100 - padding;
    text.replace(
        "execute_context_0(0)_generation_4(4)",
        &format!("decode[bs={real}/100 tok={real}]"),
    )
}

const WAITS: (&str, &str) = (
    "decode-waits-for-host",
    "the device is idle meanwhile, for what the host does",
);
const NOT_GAUDI: [Family; 4] = [
    Family::CudaEager,
    Family::CudaGraphs,
    Family::Rocm,
    Family::Ascend,
];
const ROWS: &[Row] = &[
    Row {
        id: "slow-steps",
        level: "problem",
        families: &Family::ALL,
        injection: Injection::Python,
        speaks: &[40 * MS],
        number: |seen| {
            let steps = &seen.truth.steps;
            let mut took: Vec<i64> = match seen.engine.asynchronous {
                // Launched ahead, a step takes from the end of the work before it to the end of its own.
                true => steps
                    .windows(2)
                    .map(|pair| pair[1].device.end - pair[0].device.end)
                    .collect(),
                false => steps.iter().filter_map(|step| step.interval_ns).collect(),
            };
            took.sort_unstable();
            (seen.cost(), (took[took.len() - 1] - took[took.len() / 2]) as f64)
        },
        also: &[WAITS],
        ..ROW
    },
    Row {
        id: "no-slow-steps",
        level: "fine",
        families: &Family::ALL,
        injection: Injection::Python,
        silent: &[40 * MS],
        speaks: &[0],
        // The last step of an engine that waits for its results ends with the recording; of one that does not, before
        // the first step no device work ends.
        number: |seen| {
            (
                seen.count("may have compiled ("),
                (seen.truth.steps.len() - 1) as f64,
            )
        },
        ..ROW
    },
    Row {
        id: "decode-waits-for-host",
        level: "problem",
        families: &Family::ALL,
        asynchronous: &[true],
        injection: Injection::Python,
        shape: every,
        speaks: &[2 * MS, 5 * MS],
        number: |seen| (seen.cost(), waits_for_host(seen).0 as f64),
        ..ROW
    },
    Row {
        id: "decode-keeps-the-device-busy",
        level: "fine",
        families: &Family::ALL,
        injection: Injection::SlowKernel,
        asynchronous: &[false],
        shape: every,
        speaks: &[50 * MS],
        number: |seen| (seen.percent(), Seen::shown(waits_for_host(seen))),
        ..ROW
    },
    Row {
        id: "device-waits-for-host",
        level: "problem",
        asynchronous: &[true],
        injection: Injection::Python,
        shape: every,
        edit: of_prefill,
        speaks: &[2 * MS, 5 * MS],
        number: |seen| (seen.cost(), waits_for_host(seen).0 as f64),
        ..ROW
    },
    Row {
        id: "device-is-kept-busy",
        level: "fine",
        asynchronous: &[false],
        injection: Injection::SlowKernel,
        shape: every,
        edit: of_prefill,
        speaks: &[50 * MS],
        number: |seen| (seen.percent(), Seen::shown(waits_for_host(seen))),
        ..ROW
    },
    Row {
        id: "idle-while-host-waits",
        families: &Family::ALL,
        asynchronous: &[false],
        injection: Injection::WaitReturnsLate,
        shape: every,
        speaks: &[5 * MS],
        number: |seen| (seen.cost(), waits_for_host(seen).0 as f64),
        ..ROW
    },
    Row {
        id: "recording-slows-the-host",
        asynchronous: &[false],
        edit: allocates,
        speaks: &[50],
        number: |seen| (seen.count("allocations ("), seen.by_all_steps()),
        ..ROW
    },
    Row {
        id: "time-between-steps",
        level: "problem",
        families: &[Family::CudaEager],
        asynchronous: &[false],
        injection: Injection::Scheduler,
        shape: without_stacks,
        edit: without_device,
        speaks: &[5 * MS],
        number: |seen| (seen.cost(), between_steps(seen.truth).0 as f64),
        ..ROW
    },
    Row {
        id: "steps-follow-closely",
        level: "fine",
        families: &[Family::CudaEager],
        asynchronous: &[false],
        injection: Injection::Python,
        shape: every_without_stacks,
        edit: without_device,
        speaks: &[50 * MS],
        number: |seen| (seen.percent(), Seen::shown(between_steps(seen.truth))),
        ..ROW
    },
    Row {
        id: "no-load",
        families: &Family::ALL,
        injection: Injection::NoRequests,
        speaks: &[100 * MS, 300 * MS],
        // While the device still works on the step before, there is something to do.
        number: |seen| {
            let waited = seen.truth.cause(Cause::Requests);
            assert!((98 * seen.by..=100 * seen.by).contains(&(100 * waited)));
            (seen.evidence_ns(0), waited as f64)
        },
        ..ROW
    },
    Row {
        id: "device-idle",
        level: "problem",
        families: &[Family::CudaEager, Family::Rocm],
        asynchronous: &[true],
        injection: Injection::Python,
        shape: every,
        edit: without_steps,
        speaks: &[5 * MS],
        number: |seen| (seen.cost(), seen.truth.idle_ns as f64),
        ..ROW
    },
    Row {
        id: "device-time-by-family",
        families: &NOT_GAUDI,
        injection: Injection::Elementwise,
        shape: every,
        speaks: &[2 * MS],
        number: |seen| {
            let family = Seen::row(seen.report, "kernel_families", "family", "elementwise");
            (
                family["total_ns"].as_f64().unwrap_or(f64::NAN),
                seen.by_all_steps(),
            )
        },
        ..ROW
    },
    Row {
        id: "largest-operator",
        families: &[Family::CudaEager, Family::Rocm],
        asynchronous: &[false],
        injection: Injection::Operator,
        shape: every,
        edit: on_the_host,
        speaks: &[5 * MS],
        number: |seen| {
            let own = Seen::row(seen.before, "operators", "name", "aten::linear")["self_cpu_ns"].as_f64();
            (seen.cost() - own.unwrap_or(f64::NAN), seen.by_all_steps())
        },
        ..ROW
    },
    Row {
        id: "long-attention",
        families: &NOT_GAUDI,
        injection: Injection::Attention,
        shape: every,
        silent: &[0, 500_000],
        speaks: &[MS, 5 * MS],
        number: |seen| (seen.cost(), seen.by_all_steps()),
        ..ROW
    },
    Row {
        id: "short-kernels",
        families: &[Family::CudaEager, Family::Rocm],
        injection: Injection::ShortKernels,
        shape: every,
        speaks: &[3_000],
        // Of four layers of three kernels.
        number: |seen| {
            let short = seen.report["launches"]["short"]["count"].as_f64();
            (short.unwrap_or(f64::NAN), 12.0 * seen.engine.steps as f64)
        },
        also: &[
            WAITS,
            (
                "exposed-copies",
                "the same copies are more of the time of less work",
            ),
        ],
        ..ROW
    },
    Row {
        id: "slow-starts",
        injection: Injection::LateStart,
        shape: every,
        speaks: &[MS],
        number: |seen| {
            // Of what has not started, what takes longer than from one piece of work to the next.
            let mut late: Vec<Span> = Vec::new();
            let states = seen.truth.states.iter();
            for &(span, _) in states.filter(|(_, state)| *state == State::Idle(Cause::NotStarted)) {
                match late.last_mut() {
                    Some(last) if last.end == span.start => last.end = span.end,
                    _ => late.push(span),
                }
            }
            let late = late.iter().map(|span| span.len_ns()).filter(|&ns| ns > 100_000);
            (seen.cost(), late.sum::<i64>() as f64)
        },
        ..ROW
    },
    Row {
        id: "exposed-communication",
        level: "problem",
        families: &Family::ALL,
        injection: Injection::SlowPeer,
        shape: with_a_peer,
        speaks: &[2 * MS, 5 * MS],
        number: |seen| (seen.cost(), seen.truth.comm_exposed_ns as f64),
        ..ROW
    },
    Row {
        id: "exposed-copies",
        families: &Family::ALL,
        injection: Injection::SynchronousCopy,
        shape: every,
        silent: &[0, 30_000],
        speaks: &[200_000],
        number: |seen| (seen.cost(), seen.truth.copy_exposed_ns as f64),
        also: &[WAITS],
        ..ROW
    },
    Row {
        id: "slow-copies",
        injection: Injection::SynchronousCopy,
        // 4 MiB in 525 µs are 8 GB/s.
        silent: &[0, 520_000],
        speaks: &[530_000, 700_000],
        number: |seen| (seen.cost(), seen.by as f64),
        also: &[("exposed-copies", "nothing overlaps the copy")],
        ..ROW
    },
    Row {
        id: "device-recording-ends-early",
        families: &NOT_GAUDI,
        injection: Injection::DeviceRecordingEnds,
        shape: every,
        silent: &[0],
        speaks: &[4 * MS, 10 * MS],
        number: |seen| {
            let ns = seen.truth.last_launch - seen.truth.last_recorded;
            (seen.evidence_ns(0), ns as f64)
        },
        ..ROW
    },
    Row {
        id: "launches-without-work",
        families: &[Family::CudaEager, Family::Rocm],
        injection: Injection::DroppedKernels,
        silent: &[0, 2],
        speaks: &[14],
        number: |seen| {
            (
                seen.report["launches_without_work"].as_f64().unwrap(),
                seen.by as f64,
            )
        },
        ..ROW
    },
    Row {
        id: "clocks-disagree",
        injection: Injection::SkewedClock,
        speaks: &[40 * MS],
        number: |seen| {
            let ns = seen.report["clock_offset_ns"].as_f64().unwrap();
            (ns.abs(), seen.by as f64)
        },
        ..ROW
    },
    Row {
        id: "compiles-while-serving",
        level: "problem",
        families: &Family::ALL,
        injection: Injection::Compile,
        speaks: &[400 * MS],
        number: |seen| (seen.cost(), seen.by as f64),
        ..ROW
    },
    Row {
        id: "compiles-in-unknown-period",
        families: &[Family::GaudiCompile, Family::GaudiLazy],
        rank: 1,
        injection: Injection::Compile,
        shape: |engine, _| Engine { ranks: 2, ..engine },
        speaks: &[400 * MS],
        number: |seen| (seen.cost(), seen.by as f64),
        ..ROW
    },
    Row {
        id: "no-compiles-while-serving",
        level: "fine",
        edit: looks_up,
        speaks: &[12],
        number: |seen| (seen.report["dynamo"]["regions"].as_f64().unwrap(), seen.by as f64),
        ..ROW
    },
    Row {
        id: "suspected-compiles",
        families: &GAUDI,
        injection: Injection::LaunchCall,
        speaks: &[400 * MS],
        number: |seen| (seen.cost(), seen.by as f64),
        ..ROW
    },
    Row {
        id: "warmup-not-recorded",
        families: &GAUDI,
        edit: warm_up,
        silent: &[4],
        speaks: &[0],
        number: |seen| {
            let warmed = seen.report["bucket_coverage"]["warmed"].as_array();
            (warmed.map_or(0.0, |all| all.len() as f64), 0.0)
        },
        ..ROW
    },
    Row {
        id: "buckets-warmed",
        level: "fine",
        families: &GAUDI,
        edit: warm_up,
        silent: &[0, 8],
        speaks: &[4],
        number: |seen| (seen.count("warmed up ("), 1.0),
        ..ROW
    },
    Row {
        id: "buckets-not-warmed",
        level: "problem",
        families: &GAUDI,
        edit: warm_up,
        silent: &[4],
        speaks: &[8],
        number: |seen| {
            let missed = &seen.report["bucket_coverage"]["served_not_warmed"][0];
            (missed["count"].as_f64().unwrap(), seen.engine.steps as f64)
        },
        ..ROW
    },
    Row {
        id: "decode-padding",
        edit: padded,
        silent: &[0, 19],
        speaks: &[20, 75],
        number: |seen| (seen.percent(), seen.by as f64),
        ..ROW
    },
    Row {
        id: "prefill-padding",
        families: &GAUDI,
        edit: half_full_prompts,
        silent: &[10, 9],
        speaks: &[8, 5],
        number: |seen| (seen.percent(), 100.0 - 10.0 * seen.by as f64),
        ..ROW
    },
    Row {
        id: "memory-churn",
        edit: churn,
        // As much as what is kept is half of the peak.
        silent: &[0, 9_900_000],
        speaks: &[10_100_000, 40_000_000],
        number: |seen| {
            let device = &seen.report["memory"]["devices"][0];
            (
                device["decode_step_allocated_bytes"].as_f64().unwrap(),
                seen.by as f64,
            )
        },
        ..ROW
    },
    Row {
        id: "memory-grows",
        edit: grow,
        silent: &[0, 990_000],
        speaks: &[1_010_000, 40_000_000],
        number: |seen| {
            let growth = &seen.report["memory"]["devices"][0]["decode_growth"];
            (growth["median_bytes"].as_f64().unwrap(), seen.by as f64)
        },
        ..ROW
    },
    Row {
        id: "out-of-memory",
        level: "problem",
        edit: fails,
        speaks: &[3],
        number: |seen| (seen.count("Out of memory "), seen.by as f64),
        ..ROW
    },
    Row {
        id: "dynamo-limit",
        level: "problem",
        edit: gives_up,
        speaks: &[3, 11],
        number: |seen| (seen.count("gave up, the next "), seen.by as f64),
        ..ROW
    },
    Row {
        id: "synchronised-capture",
        families: &GAUDI,
        // The device of an asynchronous engine works across the ends of its passes: nothing synchronised them.
        asynchronous: &[false],
        edit: counts_compiles,
        speaks: &[1],
        number: |seen| {
            (
                f64::from(u8::from(seen.report["synchronised_capture"] == true)),
                1.0,
            )
        },
        ..ROW
    },
    Row {
        id: "device-free",
        families: &[Family::Ascend],
        asynchronous: &[true],
        injection: Injection::Python,
        shape: every,
        edit: free_lane,
        speaks: &[2 * MS, 5 * MS],
        number: |seen| (seen.cost(), seen.truth.idle_ns as f64),
        also: &[WAITS],
        ..ROW
    },
    Row {
        id: "slow-link",
        families: &[Family::Ascend],
        matrix: Some(slower_link),
        silent: &[0, 19],
        speaks: &[21, 50],
        number: |seen| {
            let says = seen.finding["says"].as_str().unwrap();
            let rate = says
                .split(" is slow: ")
                .nth(1)
                .unwrap()
                .split(' ')
                .next()
                .unwrap();
            (
                rate.parse().unwrap_or(f64::NAN),
                20.0 * (100 - seen.by) as f64 / 100.0,
            )
        },
        ..ROW
    },
];

/// With `communication_matrix.json` of its worker.
fn report_beside(name: &str, text: &str, matrix: &str) -> Value {
    let given = [Given {
        path: "worker/communication_matrix.json".to_owned(),
        bytes: matrix.len() as u64,
    }];
    let bundle = bundle::sort(&given);
    let worker = &bundle.workers[0];
    let tables = worker.tables.iter();
    let tables = tables.map(|&(table, i)| (table, given[i].path.as_str(), matrix.as_bytes()));
    let mut loader = Loader::new(name);
    loader.attach_tables(Arc::new(worker.read(tables)));
    loader.feed(text.as_bytes());
    serde_json::to_value(&loader.finish().unwrap().report).unwrap()
}

/// Of one rank: what is true, and its report.
fn see(row: &Row, engine: Engine, by: i64) -> (RankTruth, Value) {
    let Simulated {
        mut traces,
        mut truth,
    } = simulate((row.shape)(engine.with(row.injection, by), by));
    let (name, text) = traces.swap_remove(row.rank);
    let truth = truth.swap_remove(row.rank);
    let text = (row.edit)(text, &truth, by);
    let report = match row.matrix {
        Some(matrix) => report_beside(&name, &text, &matrix(by)),
        None => report_of(&name, &text),
    };
    (truth, report)
}

fn accusing(report: &Value) -> BTreeMap<&str, &Value> {
    let findings = report["findings"].as_array().unwrap().iter();
    let accusing = findings.filter(|f| f["level"] != "fine");
    accusing.map(|f| (f["id"].as_str().unwrap(), f)).collect()
}

fn check(row: &Row, engine: Engine, also: &mut BTreeSet<(&str, &str)>) -> Vec<String> {
    let mut wrong = Vec::new();
    let speaks = |report: &Value| {
        let mut of = report["findings"].as_array().unwrap().iter();
        of.find(|f| f["id"] == row.id).cloned()
    };
    let (_, before) = see(row, engine, row.silent.first().copied().unwrap_or(0));
    for &by in row.silent {
        let (_, report) = see(row, engine, by);
        // Of what is fine another finding of the same name may speak.
        let found = speaks(&report).filter(|f| row.level == "fine" || f["level"] != "fine");
        wrong.extend(found.map(|f| format!("at {by} it is not silent: {}", f["says"])));
    }
    for &by in row.speaks {
        let (truth, report) = see(row, engine, by);
        let Some(finding) = speaks(&report) else {
            let all: Vec<String> = accusing(&report)
                .values()
                .map(|f| f["says"].to_string())
                .collect();
            wrong.push(format!("at {by} it is silent, and these are not: {all:?}"));
            continue;
        };
        if finding["level"] != row.level {
            wrong.push(format!(
                "at {by} of level {}: {}",
                finding["level"], finding["says"]
            ));
        }
        let seen = Seen {
            truth: &truth,
            report: &report,
            before: &before,
            finding: &finding,
            engine,
            by,
        };
        let (is, should) = (row.number)(&seen);
        if is.is_nan() || (is - should).abs() > should.abs() / 100.0 {
            wrong.push(format!("at {by}: {is}, should be {should}: {}", finding["says"]));
        }
        let said = accusing(&before);
        for (id, f) in accusing(&report) {
            if let Some((id, _)) = row.also.iter().find(|(also, _)| *also == id) {
                also.insert((row.id, *id));
            } else if id != row.id && !said.contains_key(id) {
                wrong.push(format!("at {by} {} {id} as well: {}", f["level"], f["says"]));
            }
        }
    }
    wrong
}

#[test]
fn a_finding_says_what_is_injected_and_is_silent_without_it() {
    let mut wrong = String::new();
    let (mut also, mut listed) = (BTreeSet::new(), BTreeSet::new());
    for row in ROWS {
        listed.extend(row.also.iter().map(|(id, _)| (row.id, *id)));
        for &family in row.families {
            for &asynchronous in row.asynchronous {
                let engine = Engine::of(family, asynchronous);
                for says in check(row, engine, &mut also) {
                    let (family, kind) = (family.key(), engine_name(engine));
                    let _ = writeln!(wrong, "{} ({family}, {kind}) {says}", row.id);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(listed, also, "what rows list as said as well, and what is");
}

#[test]
fn every_finding_is_injected_or_it_is_said_why_not() {
    let ids: Vec<&str> = FINDINGS.iter().flat_map(|rule| rule.ids).copied().collect();
    let mut rows: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
    rows.extend(NOT_INJECTED.iter().map(|(id, _)| *id));
    let sorted = |mut all: Vec<&'static str>| {
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(rows), sorted(ids), "each once");
}
