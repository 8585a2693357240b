//! Each rule of the dialects on a trace made for it, and step markers of other engines on the corpus.

use stepscope::analyze::compiles::metrics;
use stepscope::analyze::report::Parts;
use stepscope::analyze::report::{Evidence, Metrics, Period, Phase, Recompile, Step};
use stepscope::dialect::{LaunchLink, Role, gaudi_metrics};
use stepscope::session::{Opened, open_bytes};

use crate::corpus;

/// A trace of a few events. Times are µs.
#[derive(Default)]
struct Tiny(Vec<String>);

impl Tiny {
    fn raw(mut self, event: &str) -> Tiny {
        self.0.push(event.to_owned());
        self
    }

    /// A slice of vLLM's high-level profiler for Gaudi.
    fn x(self, name: &str, ts: f64, dur: f64) -> Tiny {
        self.x_of(9, name, ts, dur)
    }

    fn x_of(self, pid: u32, name: &str, ts: f64, dur: f64) -> Tiny {
        self.raw(&format!(
            r#"{{"pid":{pid},"tid":3,"ph":"X","name":"{name}","ts":{ts},"dur":{dur},"args":null}}"#
        ))
    }

    fn counters(self, ts: f64, args: &str) -> Tiny {
        self.raw(&format!(
            r#"{{"pid":9,"tid":1,"ph":"C","name":"utils","ts":{ts},"args":{{{args}}}}}"#
        ))
    }

    /// A slice with a category.
    fn slice(self, category: &str, name: &str, thread: (u32, u32), time: (f64, f64), args: &str) -> Tiny {
        let ((pid, tid), (ts, dur)) = (thread, time);
        self.raw(&format!(
            r#"{{"ph":"X","cat":"{category}","name":"{name}","pid":{pid},"tid":{tid},"ts":{ts},"dur":{dur},"args":{{{args}}}}}"#
        ))
    }

    fn name_process(self, pid: u32, name: &str) -> Tiny {
        self.raw(&format!(
            r#"{{"ph":"M","name":"process_name","pid":{pid},"tid":0,"args":{{"name":"{name}"}}}}"#
        ))
    }

    /// A whole V1 step of one decode pass in 1000 µs, without counters.
    fn v1_decode(self, ts: f64, batch: u32, ctx: u32) -> Tiny {
        self.x("prepare_input_tensors", ts, 100.0)
            .x(
                &format!("model_forward_bs{batch}_seq1_ctx{ctx}_graphsT"),
                ts + 110.0,
                300.0,
            )
            .x(&format!("compute_logits{batch}_seq1_ctx{ctx}"), ts + 410.0, 50.0)
            .x("sampler", ts + 460.0, 40.0)
            .x("decode", ts + 100.0, 400.0)
            .x("sampler_postprocessing", ts + 500.0, 500.0)
    }

    fn array(&self) -> Opened {
        open_bytes("x", format!("[{}", self.0.join(",")).as_bytes()).unwrap()
    }

    fn torch(&self) -> Opened {
        let text = format!(
            r#"{{"schemaVersion":1,"traceEvents":[{}],"traceName":"x"}}"#,
            self.0.join(",")
        );
        open_bytes("x", text.as_bytes()).unwrap()
    }
}

fn phases(trace: &Opened) -> Vec<(Phase, Period)> {
    trace.report.steps.iter().map(|s| (s.phase, s.period)).collect()
}

fn names(rows: &[Recompile]) -> Vec<(Evidence, &str, i64)> {
    rows.iter()
        .map(|r| (r.evidence, r.name.as_str(), r.known_ns()))
        .collect()
}

fn noted(trace: &Opened, words: &str) -> bool {
    trace.report.notes.iter().any(|n| n.contains(words))
}

const US: i64 = 1_000;

#[test]
fn a_mixed_turn_is_one_engine_step_of_several_passes() {
    let t = Tiny::default()
        .v1_decode(0.0, 4, 128)
        .x("prepare_input_tensors", 1200.0, 100.0)
        .x("prepare_input_encoders", 1300.0, 50.0)
        .x("model_forward_bs1_seq128_ctx0_graphsF", 1360.0, 30.0)
        .x("prefill", 1350.0, 50.0)
        .x("model_forward_bs4_seq1_ctx128_graphsT", 1410.0, 30.0)
        .x("sampler", 1440.0, 10.0)
        .x("decode", 1400.0, 60.0)
        .x("sampler_postprocessing", 1460.0, 40.0)
        .array();
    let r = &t.report;
    assert_eq!(
        phases(&t),
        [
            (Phase::Decode, Period::Serving),
            (Phase::Prefill, Period::Serving),
            (Phase::Decode, Period::Serving)
        ]
    );
    let engine: Vec<_> = r.steps.iter().map(|s| s.engine_step).collect();
    assert_eq!(engine, [Some(0), Some(1), Some(1)]);
    // From the end of post-processing at 1000 µs to the next input preparation at 1200 µs.
    let gaps: Vec<_> = r.steps.iter().map(|s| s.gap_before_ns).collect();
    assert_eq!(gaps, [None, Some(200 * US), None]);
    assert_eq!(
        r.steps[0].parts,
        Parts {
            prepare_ns: Some(100 * US),
            forward_ns: Some(300 * US),
            logits_ns: Some(50 * US),
            sample_ns: Some(40 * US),
            post_ns: Some(500 * US),
            compile_ns: None,
            other_ns: Some(10 * US),
            ..Parts::default()
        }
    );
    assert_eq!(
        r.steps[1].parts.prepare_ns,
        Some(150 * US),
        "encoders are prepared too"
    );
    assert_eq!(
        r.steps[1].parts.sample_ns, None,
        "a part of a prompt samples nothing"
    );
    assert_eq!((r.steps[1].graphs, r.steps[2].graphs), (Some(false), Some(true)));
    assert_eq!(r.steps[2].parts.prepare_ns, None, "prepared with the first pass");
}

#[test]
fn unified_attention_has_steps_without_a_slice_around_them() {
    let t = Tiny::default()
        .x("prepare_unified_batch", 0.0, 100.0)
        .x("model_forward_mixed_qlen64_nsb1_nub2_nlog4", 110.0, 300.0)
        .x("model_forward_bs64_seq1_ctx3_graphsT", 120.0, 280.0)
        .x("unified_sampler", 420.0, 30.0)
        .x("unified_postprocess", 450.0, 50.0)
        .x("prepare_unified_batch", 600.0, 10.0)
        .x("model_forward_decode_qlen4_nsb1_nub2_nlog4", 620.0, 30.0)
        .array();
    assert_eq!(
        phases(&t),
        [(Phase::Mixed, Period::Serving), (Phase::Decode, Period::Serving)]
    );
    let first = &t.report.steps[0];
    assert_eq!((first.start_ns, first.dur_ns), (110 * US, 340 * US));
    assert_eq!(first.bucket.map(|b| b.to_string()).as_deref(), Some("(64, 1, 3)"));
    assert_eq!(
        first.parts.forward_ns,
        Some(300 * US),
        "the inner one is not added"
    );
    assert_eq!(first.parts.sample_ns, Some(30 * US));
    assert_eq!(t.report.steps[1].gap_before_ns, Some(100 * US));
    assert_eq!(t.report.engine.as_deref(), Some("vLLM V1, unified attention"));
}

#[test]
fn a_forward_pass_outside_any_step_keeps_other_ranks_company() {
    let t = Tiny::default()
        .v1_decode(0.0, 4, 128)
        .x("model_forward_bs4_seq1_ctx128_graphsT", 2000.0, 30.0)
        .array();
    assert_eq!(t.report.steps.len(), 1);
    let dummies = t.vocabulary.roles.iter().filter(|&&r| r == Role::Dummy);
    assert_eq!(dummies.count(), 1);
    assert!(noted(&t, "Forward passes that belong to no step: 1."));
}

#[test]
fn a_counter_belongs_to_the_nearest_step_within_two_milliseconds() {
    let t = Tiny::default()
        .v1_decode(0.0, 4, 128)
        .counters(90.0, r#""decode_batch_size":3,"decode_bucket_batch_size":4"#)
        .v1_decode(1000.0, 4, 128)
        .v1_decode(10_000.0, 4, 128)
        .counters(8_000.0, r#""decode_batch_size":1"#)
        .v1_decode(20_000.0, 4, 128)
        .counters(20_095.0, r#""prompt_batch_size":9"#)
        .array();
    let batches: Vec<_> = t.report.steps.iter().map(|s| (s.batch, s.tokens)).collect();
    assert_eq!(
        batches,
        [
            (Some(3), Some(3)),
            (None, None), // the first step's counter is 1 ms away, but nearer to the first
            (None, None), // 2.1 ms away
            (None, None), // of the other phase
        ]
    );
    let group = &t.report.step_groups[0];
    assert_eq!(
        (group.count, group.real_batch),
        (4, None),
        "a sum with an unknown is unknown"
    );
}

#[test]
fn a_compile_belongs_to_the_region_that_is_written_next() {
    let t = Tiny::default()
        .x("prepare_input_tensors", 0.0, 90.0)
        // Smaller, and holds the block's invented start; but it was written before.
        .x("sampler", 100.0, 60.0)
        .counters(100.0, r#""cumulative_graph_compilations":7"#)
        .x("GRAPH COMPILE: a", 100.0, 50.0)
        .counters(150.0, r#""cumulative_graph_compilations":8"#)
        .x("GRAPH COMPILE: b", 150.0, 400.0)
        .x("model_forward_bs1_seq128_ctx0_graphsT", 100.0, 200.0)
        .x("prefill", 90.0, 300.0)
        .array();
    let r = &t.report;
    assert_eq!(
        names(&r.recompiles),
        [
            (Evidence::Recorded, "a", 50 * US),
            (Evidence::Recorded, "b", 400 * US)
        ]
    );
    assert!(
        r.recompiles.iter().all(
            |c| c.region.as_deref() == Some("model_forward_bs1_seq128_ctx0_graphsT") && !c.start_is_exact
        )
    );
    // Parallel compiles cost 450 µs in a region of 200 µs: the clock saw 200.
    assert_eq!(r.steps[0].parts.compile_ns, Some(200 * US));
    assert_eq!(r.steps[0].parts.forward_ns, Some(0));
    assert!(r.synchronised_capture);
    assert!(!noted(&t, "the file was cut"));
}

#[test]
fn a_compile_without_its_counter_shows_that_the_file_was_cut() {
    let t = Tiny::default()
        .v1_decode(0.0, 4, 128)
        .counters(2000.0, r#""cumulative_graph_compilations":3"#)
        .counters(2001.0, r#""cumulative_graph_compilations":4"#)
        .x("GRAPH COMPILE: a", 2001.0, 50.0)
        .array();
    assert!(noted(&t, "counted 2 in this file, but recorded compiles are 1"));
    assert_eq!(t.report.recompiles[0].region, None);
    assert_eq!(t.report.recompiles[0].step, None);
}

#[test]
fn compiles_of_the_graph_compiler_are_counted_once_and_kept_apart_from_eager_ones() {
    let host = (22101, 5);
    let t = Tiny::default()
        .v1_decode(0.0, 4, 128)
        .name_process(29, "Synapse Logger")
        // One compile, seen by the API and by what it calls.
        .slice("Runtime", "synGraphCompile", (29, 1), (120.0, 100.0), "")
        .slice(
            "hpu_op",
            "compileGraph (accel0)",
            host,
            (125.0, 90.0),
            r#""recipeName":"inner""#,
        )
        // Two graphs at the same time on two threads.
        .slice(
            "hpu_op",
            "compileGraph",
            host,
            (230.0, 60.0),
            r#""recipeName":"one""#,
        )
        .slice(
            "hpu_op",
            "compileGraph",
            (22101, 6),
            (235.0, 40.0),
            r#""recipeName":"two""#,
        )
        // No step around it, and short.
        .slice("hpu_op", "compileGraph", host, (9_000.0, 800.0), "")
        // No step around it, and long.
        .slice(
            "hpu_op",
            "compileGraph",
            host,
            (20_000.0, 6_000.0),
            r#""recipeName":"late""#,
        )
        .slice("privateuse1_runtime", "add_new_recipe", (9, 9), (400.0, 5.0), "")
        .torch();
    assert_eq!(
        names(&t.report.recompiles),
        [
            (Evidence::Synapse, "synGraphCompile", 100 * US),
            (Evidence::Synapse, "one", 60 * US),
            (Evidence::Synapse, "two", 40 * US),
            (Evidence::Synapse, "late", 6_000 * US),
        ]
    );
    assert!(t.report.recompiles.iter().all(|r| r.start_is_exact));
    let steps: Vec<_> = t.report.recompiles.iter().map(|r| r.step).collect();
    assert_eq!(steps, [Some(0), Some(0), Some(0), None]);
    // 100 µs, and 60 µs in which two ran at once.
    assert_eq!(t.report.steps[0].parts.compile_ns, Some(160 * US));
    assert!(noted(&t, "in less than 5 ms each: 1, 800 µs together"));
    assert!(!t.report.synchronised_capture, "nothing of it synchronises");
}

#[test]
fn a_stored_recipe_counts_where_no_compile_is_recorded() {
    let t = Tiny::default()
        .v1_decode(0.0, 4, 128)
        .slice("privateuse1_runtime", "add_new_recipe", (9, 9), (200.0, 5.0), "")
        .torch();
    assert_eq!(
        names(&t.report.recompiles),
        [(Evidence::Recipe, "new recipe", 5 * US)]
    );
    assert!(noted(&t, "how long they took to compile is unknown"));
}

#[test]
fn two_levels_that_disagree_stay_two_rows() {
    let t = Tiny::default()
        .x("prepare_input_tensors", 0.0, 90.0)
        .x("GRAPH COMPILE: a", 100.0, 100.0)
        .x("model_forward_bs1_seq128_ctx0_graphsT", 100.0, 300.0)
        .x("prefill", 90.0, 400.0)
        .slice(
            "hpu_op",
            "compileGraph",
            (22101, 5),
            (110.0, 99.5),
            r#""recipeName":"x""#,
        )
        .slice(
            "hpu_op",
            "compileGraph",
            (22101, 5),
            (220.0, 70.0),
            r#""recipeName":"y""#,
        )
        .torch();
    let rows = &t.report.recompiles;
    assert_eq!(
        names(rows),
        [
            (Evidence::Recorded, "a", 99_500),
            (Evidence::Synapse, "y", 70 * US)
        ]
    );
    assert_eq!(
        (rows[0].also, rows[0].start_is_exact),
        (Some(Evidence::Synapse), true)
    );
    assert_eq!(
        t.report.steps[0].parts.compile_ns,
        Some(169_500),
        "both are exact and do not overlap"
    );
}

#[test]
fn steps_before_the_torch_profiler_are_told_from_served_ones() {
    let spans = r#"{"ph":"X","cat":"Trace","name":"PyTorch Profiler (0)","pid":"Spans","tid":"PyTorch Profiler","ts":5000,"dur":9000}"#;
    let without = Tiny::default()
        .raw(spans)
        .v1_decode(0.0, 4, 128)
        .v1_decode(6000.0, 4, 128);
    assert_eq!(
        phases(&without.torch()),
        [
            (Phase::Decode, Period::BeforeCapture),
            (Phase::Decode, Period::Serving)
        ]
    );
    let with = without.x("warmup", -100.0, 1200.0).torch();
    assert_eq!(
        phases(&with),
        [(Phase::Decode, Period::Warmup), (Phase::Decode, Period::Serving)]
    );
    assert!(
        with.report.steps.iter().all(|s| s.gap_before_ns.is_none()),
        "no gap across periods"
    );
}

#[test]
fn warm_up_is_that_of_the_same_process() {
    let t = Tiny::default()
        .x("warmup", 0.0, 2000.0)
        .v1_decode(10.0, 4, 128)
        .x_of(8, "prepare_input_tensors", 1100.0, 10.0)
        .x_of(8, "decode", 1200.0, 100.0)
        .array();
    assert_eq!(
        phases(&t),
        [(Phase::Decode, Period::Warmup), (Phase::Decode, Period::Serving)]
    );
}

#[test]
fn a_bucket_that_warm_up_left_out_is_suspected_only_where_nothing_is_recorded() {
    let silent = Tiny::default()
        .x("warmup", 0.0, 1500.0)
        .v1_decode(10.0, 4, 128)
        .v1_decode(2000.0, 4, 128)
        .v1_decode(4000.0, 8, 256);
    let t = silent.array();
    let rows: Vec<_> = t.report.recompiles.iter().map(|r| (r.evidence, r.step)).collect();
    assert_eq!(rows, [(Evidence::Suspected, Some(2))]);
    assert_eq!(
        t.report.steps[2].parts.compile_ns, None,
        "a suspicion is not subtracted"
    );
    let recorded =
        silent
            .x("GRAPH COMPILE: a", 2110.0, 50.0)
            .x("model_forward_bs4_seq1_ctx128_graphsT", 2110.0, 299.0);
    let t = recorded.array();
    assert_eq!(names(&t.report.recompiles), [(Evidence::Recorded, "a", 50 * US)]);
}

#[test]
fn device_lanes_are_told_without_names_and_pid_zero_alone_tells_nothing() {
    let t = Tiny::default()
        .name_process(0, "/device:HPU:0")
        // The event outweighs the tid, which a collision may have put into another band.
        .slice(
            "kernel",
            "k1",
            (0, 7001),
            (0.0, 10.0),
            r#""HW event name":"MMEH_WB_STORE","hidden":1"#,
        )
        .slice("kernel", "k2", (0, 7002), (0.0, 10.0), r#""hidden":1"#)
        .slice("kernel", "BatchGemm", (0, 99), (0.0, 10.0), "")
        .slice("kernel", "odd", (0, 98), (0.0, 10.0), "")
        .slice("hpu_op", "send", (0, 14_014), (0.0, 10.0), "")
        .slice("gpu_memcpy", "memcpy_dtod", (0, 97), (0.0, 10.0), "")
        .slice(
            "python_function",
            "threading.py(973): _bootstrap",
            (0, 0),
            (0.0, 10.0),
            "",
        )
        .slice("cpu_op", "aten::add", (0, 0), (0.0, 10.0), "")
        .torch();
    let role = |name: &str| {
        let id = t
            .index
            .slices
            .ids()
            .find(|&id| t.index.name_of(id) == name)
            .unwrap();
        t.vocabulary.role(id)
    };
    assert_eq!(t.report.device_kind, "hpu");
    assert_eq!(role("k1"), Role::DeviceMatrix);
    assert_eq!(role("k2"), Role::DeviceVector);
    assert_eq!(role("BatchGemm"), Role::DeviceMatrix);
    assert_eq!(role("odd"), Role::DeviceOther);
    assert_eq!(role("send"), Role::DeviceNic);
    assert_eq!(role("memcpy_dtod"), Role::DeviceDma);
    assert_eq!(role("threading.py(973): _bootstrap"), Role::PythonFrame);
    assert_eq!(role("aten::add"), Role::HostOp);
    assert_eq!(t.vocabulary.devices.len(), 1);
    assert_eq!(
        t.vocabulary.devices[0].tracks.len(),
        6,
        "python and operators are no lanes"
    );
}

#[test]
fn steps_of_torch_alone_are_frames_or_the_profilers_own() {
    let frame = |line: u32, function: &str| format!("vllm/worker/hpu_model_runner.py({line}): {function}");
    let thread = (5, 5);
    let by_frames = Tiny::default()
        .slice(
            "python_function",
            &frame(1, "execute_model"),
            thread,
            (0.0, 500.0),
            "",
        )
        .slice(
            "python_function",
            &frame(1, "execute_model"),
            thread,
            (10.0, 400.0),
            "",
        )
        .slice(
            "python_function",
            &frame(1, "execute_model"),
            thread,
            (600.0, 300.0),
            "",
        )
        .slice("user_annotation", "ProfilerStep#1", thread, (0.0, 950.0), "")
        .torch();
    assert_eq!(phases(&by_frames), [(Phase::Unknown, Period::Serving); 2]);
    let starts: Vec<_> = by_frames.report.steps.iter().map(|s| s.start_ns).collect();
    assert_eq!(starts, [0, 600 * US], "the outermost");

    let dummy = Tiny::default()
        .slice(
            "python_function",
            &frame(7, "_generate_profiling"),
            thread,
            (0.0, 1000.0),
            "",
        )
        .slice("user_annotation", "ProfilerStep#2", thread, (100.0, 500.0), "")
        .slice("user_annotation", "ProfilerStep#3", thread, (2000.0, 500.0), "")
        .torch();
    assert_eq!(
        phases(&dummy),
        [(Phase::Unknown, Period::Dummy), (Phase::Unknown, Period::Serving)]
    );
}

#[test]
fn an_engines_marker_outweighs_the_profilers_and_the_outer_one_the_inner() {
    let thread = (5, 5);
    let mark = "user_annotation";
    let t = Tiny::default()
        .slice(mark, "ProfilerStep#1", thread, (0.0, 1000.0), "")
        .slice(
            mark,
            "execute_context_0(0)_generation_32(32)",
            thread,
            (10.0, 500.0),
            "",
        )
        .slice(mark, "step[DECODE bs=32]", thread, (20.0, 400.0), "")
        .slice(mark, "gpu_model_runner: preprocess", thread, (30.0, 40.0), "")
        .slice(mark, "gpu_model_runner: forward", thread, (80.0, 300.0), "")
        .slice(mark, "gpu_model_runner: postprocess", thread, (390.0, 10.0), "")
        .slice(mark, "gpu_model_runner: sample", thread, (520.0, 30.0), "")
        .slice(mark, "gpu_model_runner: bookkeep", thread, (550.0, 20.0), "")
        .slice(
            "gpu_user_annotation",
            "execute_context_0(0)_generation_32(32)",
            (0, 7),
            (10.0, 500.0),
            "",
        )
        .torch();
    let r = &t.report;
    assert_eq!(phases(&t), [(Phase::Decode, Period::Serving)]);
    assert_eq!(
        r.engine.as_deref(),
        Some("SGLang"),
        "the inner marker is the engine's own"
    );
    assert_eq!((r.steps[0].batch, r.steps[0].tokens), (Some(32), Some(32)));
    assert_eq!(
        r.steps[0].parts,
        Parts {
            prepare_ns: Some(40 * US),
            forward_ns: Some(300 * US),
            logits_ns: Some(10 * US),
            sample_ns: Some(30 * US),
            post_ns: Some(20 * US),
            compile_ns: None,
            // Host time is 560: the marker's 500, and sampling and bookkeeping behind it. Between those lie 10.
            other_ns: Some(160 * US),
            ..Parts::default()
        }
    );
    assert_eq!(t.vocabulary.engine_steps[0].span.end, 570 * US);
}

#[test]
fn an_ordinary_trace_is_not_taken_for_a_gaudi_trace() {
    let t = Tiny::default()
        .raw(r#"{"ph":"X","name":"decode","pid":1,"tid":3,"ts":1,"dur":2}"#)
        .raw(r#"{"ph":"X","name":"sampler","pid":1,"tid":3,"ts":4,"dur":2}"#)
        .array();
    assert_eq!(
        (t.report.format.as_str(), t.report.device_kind.as_str()),
        ("chrome", "unknown")
    );
    assert!(t.report.steps.is_empty());
}

fn apply(trace: &mut Opened, text: &str) -> Metrics {
    let file = gaudi_metrics::parse(text.as_bytes()).unwrap();
    let mut says = metrics::metrics(&file, "metrics.json");
    let base = trace.report.base_time_ns;
    metrics::apply(&mut trace.report.recompiles, &mut says, &file, base);
    says
}

fn dumped(at: &str, recipes: &str) -> String {
    format!(
        r#"[{{"metric_name":"graph_compilation","triggered_by":"metric_change","generated_on":"{at}","statistics":{{"TotalNumber":1,"TotalTime":200000,"recipe":[{recipes}]}}}},"#
    )
}

/// 2026-11-22T02:53:20 UTC.
const EPOCH_US: f64 = 1_795_316_000e6;

fn one_compile() -> Opened {
    Tiny::default()
        .x("prepare_input_tensors", EPOCH_US, 100.0)
        .x("GRAPH COMPILE: a", EPOCH_US + 1000.0, 200_000.0)
        .x(
            "model_forward_bs1_seq128_ctx0_graphsT",
            EPOCH_US + 1000.0,
            500_000.0,
        )
        .x("prefill", EPOCH_US + 500.0, 600_000.0)
        .array()
}

#[test]
fn the_zone_of_a_metrics_file_is_found() {
    let mut t = one_compile();
    let says = apply(&mut t, &dumped("2026-11-22T08:23:20.400000", r#"["a",200000]"#));
    assert_eq!(says.matched, 1);
    assert!(
        says.notes.iter().any(|n| n.contains("UTC+05:30")),
        "{:?}",
        says.notes
    );
    let row = &t.report.recompiles[0];
    assert_eq!(
        (row.start_ns, row.start_is_exact),
        (1_795_316_000_200_000_000, true)
    );
}

#[test]
fn a_metrics_file_of_another_run_dates_nothing_and_says_so() {
    for text in [
        dumped("2026-11-22T08:30:20.400000", r#"["a",200000]"#), // 7 minutes off any zone
        dumped("2026-11-25T02:53:20.400000", r#"["a",200000]"#), // three days later
        dumped("2026-11-22T02:53:20.400000", r#"["b",200000]"#), // another recipe
        dumped("2026-11-22T02:53:20.400000", r#"["a",300000]"#), // another cost
    ] {
        let mut t = one_compile();
        let says = apply(&mut t, &text);
        assert_eq!(says.matched, 0, "{text}");
        assert!(
            says.notes.iter().any(|n| n.contains("another process or run")),
            "{text}"
        );
        assert!(!t.report.recompiles[0].start_is_exact);
    }
}

fn read(path: &str) -> Option<Opened> {
    Some(open_bytes("x", &corpus::read(path)?).unwrap())
}

fn count(trace: &Opened, phase: Phase) -> usize {
    trace.report.steps.iter().filter(|s| s.phase == phase).count()
}

#[test]
fn vllm_markers_of_a_cpu_trace() {
    for set in ["plain", "full"] {
        let Some(t) = read(&format!("kineto/torch_cpu/torch-2.9.1/{set}.pt.trace.json.gz")) else {
            return;
        };
        assert_eq!(t.report.device_kind, "cpu");
        assert_eq!(t.report.engine.as_deref(), Some("vLLM V1"));
        assert_eq!(
            (
                count(&t, Phase::Prefill),
                count(&t, Phase::Decode),
                t.report.steps.len()
            ),
            (1, 50, 51)
        );
        let tokens = |s: &Step| (s.batch, s.tokens, s.context_tokens, s.generation_tokens);
        assert_eq!(
            tokens(&t.report.steps[0]),
            (Some(4), Some(256), Some(256), Some(0))
        );
        assert_eq!(tokens(&t.report.steps[50]), (Some(4), Some(4), Some(0), Some(4)));
        for step in &t.report.steps {
            let p = &step.parts;
            let known = [p.prepare_ns, p.forward_ns, p.sample_ns, p.post_ns];
            assert!(known.iter().all(Option::is_some), "all four annotated parts");
            let sum: i64 = known.iter().flatten().sum::<i64>() + p.other_ns.unwrap();
            assert_eq!(sum, step.dur_ns);
        }
    }
    let t = read("kineto/torch_cpu/torch-2.9.1/plain.pt.trace.json.gz").unwrap();
    let first = &t.report.steps[0];
    assert_eq!(first.dur_ns, 23_344_684);
    assert_eq!(
        first.parts,
        Parts {
            prepare_ns: Some(75_471),
            forward_ns: Some(22_936_402),
            logits_ns: None,
            sample_ns: Some(152_154),
            post_ns: Some(43_852),
            compile_ns: None,
            other_ns: Some(136_805),
            ..Parts::default()
        }
    );
}

#[test]
fn torch_compile_is_taken_out_of_the_forward_pass() {
    let Some(t) = read("kineto/torch_cpu/torch-2.9.1/compile_eager_recompiles.pt.trace.json.gz") else {
        return;
    };
    let rows = &t.report.recompiles;
    assert_eq!(
        rows.len(),
        4,
        "the limit is 4; the fifth attempt gave up, and is no compile"
    );
    assert!(
        rows.iter()
            .all(|r| r.evidence == Evidence::Dynamo && r.start_is_exact)
    );
    assert_eq!(rows[0].dur_ns, Some(859_582_576));
    let steps: Vec<_> = rows.iter().map(|r| r.step.unwrap()).collect();
    assert_eq!(steps, [0, 1, 2, 3]);
    // forward lasts 889 984.519 µs.
    assert_eq!(t.report.steps[0].parts.compile_ns, Some(859_582_576));
    assert_eq!(
        t.report.steps[0].parts.forward_ns,
        Some(889_984_519 - 859_582_576)
    );
    assert_eq!(t.report.steps[5].parts.compile_ns, Some(0));

    let t = read("kineto/torch_cpu/torch-2.15.0/compile_eager_recompiles.pt.trace.json.gz").unwrap();
    let found: Vec<_> = t.report.recompiles.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(
        found,
        [
            "torch.compile 0/0",
            "torch.compile 0/1",
            "torch.compile 0/2",
            "torch.compile 0/3"
        ]
    );
    assert_eq!(t.report.recompiles[0].dur_ns, Some(3_496_856_566));
}

#[test]
fn markers_of_gpu_traces() {
    let Some(t) = read("kineto/tracelens/b200/eager_trace.json.gz") else {
        return;
    };
    assert_eq!((t.report.device_kind.as_str(), t.report.rank), ("cuda", Some(0)));
    assert_eq!(t.report.device_name.as_deref(), Some("NVIDIA B200"));
    assert_eq!(t.vocabulary.launch_link, LaunchLink::Correlation("correlation"));
    assert_eq!(count(&t, Phase::Prefill), 1);
    assert_eq!(t.report.steps[0].tokens, Some(888));
    assert!(
        t.report.recompiles.is_empty(),
        "region 0/1 runs from the start on: it was compiled before the trace"
    );
    assert_eq!(t.report.steps[0].device.as_ref().unwrap().method, "launch");

    let t = read("kineto/tracelens/inference/vllm_decode_full/graph_execution.json.gz").unwrap();
    assert_eq!(t.report.device_kind, "rocm");
    assert_eq!(count(&t, Phase::Decode), 1);
    assert_eq!(
        (t.report.steps[0].batch, t.report.steps[0].tokens),
        (Some(32), Some(32))
    );

    let t = read("kineto/tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz").unwrap();
    assert_eq!(t.report.engine.as_deref(), Some("SGLang"));
    assert_eq!(phases(&t), [(Phase::Decode, Period::Serving)]);

    let folder = "kineto/tracelens/inference/vllm_decode_full/capture_traces";
    let t = read(&format!(
        "{folder}/graph_capture_rank_0.1773709742341309550.pt.trace.json.gz"
    ))
    .unwrap();
    assert_eq!(
        names(&t.report.recompiles),
        [(Evidence::GraphCapture, "capture_32_FULL", 58_406_933)]
    );
}

#[test]
fn other_makers_traces_are_told_apart() {
    let old = "kineto/hta/trace_file_list/inference_rank_1.json.gz";
    let Some(t) = read(old) else { return };
    assert_eq!(
        (t.report.format.as_str(), t.report.device_kind.as_str()),
        ("torch", "cuda"),
        "categories of 2021, no header"
    );
    let ascend = "ascend/msinsight/level1/rank0_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json";
    let t = read(ascend).unwrap();
    assert_eq!(t.report.device_kind, "npu");
    assert_eq!(t.report.format, "ascend");
}
