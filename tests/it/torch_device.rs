//! Device time, kernels, launches and idle causes of torch's traces: against the references that TraceLens and HTA
//! print, and on small traces whose every number is known.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepscope::analyze::report::{IdleCause, Launches, Step, Sure, TraceReport};
use stepscope::base::SliceId;
use stepscope::dialect::Phase;
use stepscope::session::{Inflater, Opened, open_bytes};

use crate::corpus;
use crate::small_trace::{Event, Thread, Trace, stream, thread};

fn open(path: &str) -> Option<Opened> {
    let path = format!("kineto/{path}");
    let bytes = corpus::read(&path)?;
    Some(open_bytes(&path, &bytes).unwrap_or_else(|e| panic!("{path}: {e}")))
}

/// Rows of a reference table by column name.
fn table(path: &str) -> Vec<BTreeMap<String, String>> {
    let bytes = corpus::read(&format!("kineto/{path}")).unwrap();
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|e| panic!("{column}: {e}"))
}

// ---- TraceLens ----------------------------------------------------------------------------------------------

/// Traces that are held together with TraceLens' tables: trace, folder of the tables, scope that it took.
const WITH_TABLES: [(&str, &str, &str); 13] = [
    (
        "h100/Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
        "h100/Qwen_Qwen1.5-0.5B-Chat__1016005_perf_report_csvs",
        "linked",
    ),
    (
        "h100/facebook_timesformer-base-finetuned-k400__1016002.json.gz",
        "h100/facebook_timesformer-base-finetuned-k400__1016002_perf_report_csvs",
        "all",
    ),
    (
        "h100/gaunernst_bert-small-uncased__1016001.json.gz",
        "h100/gaunernst_bert-small-uncased__1016001_perf_report_csvs",
        "all",
    ),
    (
        "h100/google_owlv2-large-patch14-ensemble__1016001.json.gz",
        "h100/google_owlv2-large-patch14-ensemble__1016001_perf_report_csvs",
        "all",
    ),
    (
        "mi300/Falconsai_nsfw_image_detection__1016002.json.gz",
        "mi300/Falconsai_nsfw_image_detection__1016002_perf_report_csvs",
        "all",
    ),
    (
        "mi300/facebook_timesformer-base-finetuned-k400__1016002.json.gz",
        "mi300/facebook_timesformer-base-finetuned-k400__1016002_perf_report_csvs",
        "all",
    ),
    (
        "mi300/google_owlv2-large-patch14-ensemble__1016001.json.gz",
        "mi300/google_owlv2-large-patch14-ensemble__1016001_perf_report_csvs",
        "all",
    ),
    (
        "mi210/gpu_only_trace/gpu_only_trace.json.gz",
        "mi210/gpu_only_trace/gpu_only_trace_perf_report_csvs",
        "all",
    ),
    (
        "perf_model/normalization/normalization_layer_test.json.gz",
        "perf_model/normalization/normalization_layer_test_perf_report_csvs",
        "all",
    ),
    (
        "torch_compile_triton/trace.json.gz",
        "torch_compile_triton/trace_perf_report_csvs",
        "all",
    ),
    (
        "inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz",
        "inference/sglang_decode/perf_csvs",
        "all",
    ),
    (
        "inference/vllm_decode_full/graph_execution.json.gz",
        "inference/vllm_decode_full/perf_csvs",
        "all",
    ),
    (
        "inference/xdit_sd_3.5/profile_trace_rank_0.json.gz",
        "inference/xdit_sd_3.5/perf_csvs",
        "all",
    ),
];

/// `normalization_layer_test` was evaluated without memsets: its `kernel_summary` has none, and its computation is
/// ours less the five memsets' 26,636 ns, which overlap nothing.
const WITHOUT_MEMSETS: (&str, i64) = ("normalization_layer_test", 26_636);

#[test]
fn device_time_is_that_of_every_gpu_timeline_held() {
    for (trace, tables, scope) in WITH_TABLES {
        let Some(opened) = open(&format!("tracelens/{trace}")) else {
            return;
        };
        let report = &opened.report;
        let time: Vec<_> = report.device_time.iter().filter(|t| t.scope == scope).collect();
        assert_eq!(time.len(), 1, "{trace}");
        let less = if trace.contains(WITHOUT_MEMSETS.0) {
            WITHOUT_MEMSETS.1
        } else {
            0
        };
        let t = time[0];
        let got = BTreeMap::from([
            ("computation_time", t.compute_ns - less),
            ("exposed_comm_time", t.comm_exposed_ns),
            ("exposed_memcpy_time", t.copy_exposed_ns),
            ("busy_time", t.busy_ns - less),
            ("idle_time", t.idle_ns + less),
            ("total_time", t.span_ns),
        ]);
        // The reference adds floats of microseconds that step by up to 1 ns (2^43 µs): so much for every event.
        let events = report.launches.as_ref().unwrap().work as f64;
        let mut seen = 0;
        for row in table(&format!("tracelens/{tables}/gpu_timeline.csv")) {
            let Some(&ns) = got.get(row["type"].as_str()) else {
                continue;
            };
            let want = number(&row, "time ms") * 1e6;
            assert!(
                (ns as f64 - want).abs() <= events,
                "{trace} {}: {ns} ns, reference {want}",
                row["type"]
            );
            seen += 1;
        }
        assert_eq!(seen, 6, "{trace}");
    }
}

/// TraceLens divides this one into recomputed work and the rest, which no number in a trace says: what both have in
/// common is the extent, and copies, of which none is recomputed.
#[test]
fn device_time_of_recomputed_activations_agrees_where_it_can() {
    let Some(opened) = open("tracelens/mi300/resnet_act_checkpoint.json.gz") else {
        return;
    };
    let linked = opened
        .report
        .device_time
        .iter()
        .find(|t| t.scope == "linked")
        .unwrap();
    let rows = table("tracelens/mi300/resnet_act_checkpoint_recompute_perf_report_csvs/gpu_timeline.csv");
    let ms = |kind: &str| {
        let row = rows
            .iter()
            .find(|r| r["type"] == kind && r["is_recompute"] == "False");
        number(row.unwrap(), "time ms") * 1e6
    };
    assert!((linked.span_ns as f64 - ms("total_time")).abs() < 3_000.0);
    assert!((linked.copy_exposed_ns as f64 - ms("exposed_memcpy_time")).abs() < 3_000.0);
}

#[test]
fn kernels_are_those_of_every_kernel_summary_held() {
    let mut seen = 0;
    for (trace, tables, _) in WITH_TABLES {
        // The inference reports have no such table.
        if tables.starts_with("inference") {
            continue;
        }
        let Some(opened) = open(&format!("tracelens/{trace}")) else {
            return;
        };
        // The reference has a row for each (operator, kernel, stream).
        let mut want: BTreeMap<String, (u64, f64, f64, f64)> = BTreeMap::new();
        for row in table(&format!("tracelens/{tables}/kernel_summary.csv")) {
            let us = |what: &str| number(&row, &format!("Kernel duration (µs)_{what}"));
            let sums = want
                .entry(row["Kernel name"].clone())
                .or_insert((0, 0.0, f64::MAX, 0.0));
            sums.0 += row["Kernel duration (µs)_count"].parse::<u64>().unwrap();
            sums.1 += us("sum");
            sums.2 = sums.2.min(us("min"));
            sums.3 = sums.3.max(us("max"));
        }
        let ours = opened.report.kernels.iter();
        let ours: Vec<_> = ours.filter(|k| k.rule.as_deref() != Some("recorded")).collect();
        assert_eq!(ours.len(), want.len(), "{trace}");
        for kernel in ours {
            let (count, sum, min, max) = want[&kernel.name];
            assert_eq!(kernel.count, count, "{trace}: {}", kernel.name);
            for (ns, us) in [(kernel.total_ns, sum), (kernel.min_ns, min), (kernel.max_ns, max)] {
                assert!((ns as f64 - us * 1e3).abs() < 0.01, "{trace}: {}", kernel.name);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 294);
}

#[test]
fn short_kernels_are_those_of_tracelens() {
    for (trace, tables, _) in WITH_TABLES {
        // Of Qwen's, the reference drops those that no operator launched (42).
        if tables.starts_with("inference") || trace.contains("Qwen") || trace.contains("triton") {
            continue;
        }
        let Some(opened) = open(&format!("tracelens/{trace}")) else {
            return;
        };
        let rows = table(&format!("tracelens/{tables}/short_kernels_summary.csv"));
        let count: f64 = rows.iter().map(|r| number(r, "Short Kernel count")).sum();
        let us: f64 = rows
            .iter()
            .map(|r| number(r, "Short Kernel duration (µs) sum"))
            .sum();
        let short = &opened.report.launches.as_ref().unwrap().short;
        assert_eq!((short.below_ns, short.count as f64), (10_000, count), "{trace}");
        assert!((short.total_ns as f64 - us * 1e3).abs() < 0.1, "{trace}");
    }
}

// ---- HTA ----------------------------------------------------------------------------------------------------

fn launches(opened: &Opened) -> &Launches {
    opened.report.launches.as_ref().unwrap()
}

#[test]
fn launch_delays_are_htas() {
    // HTA knows these calls only: Triton's cuLaunchKernel, graphs and hip* are none to it.
    let known = [
        "cudaLaunchKernel",
        "cudaLaunchKernelExC",
        "cudaMemcpyAsync",
        "cudaMemsetAsync",
    ];
    for (trace, n, mean_call_us, mean_delay_us, max_delay_us) in [
        (
            "tracelens/h100/Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
            1_197,
            2.979_114_452_798_663_5,
            1_358.786_131_996_658_2,
            3_123.0,
        ),
        (
            "tracelens/b200/eager_trace.json.gz",
            708,
            8.860_169_491_525_424,
            10.206_214_689_265_536,
            193.0,
        ),
    ] {
        let Some(opened) = open(trace) else { return };
        let calls = launches(&opened).calls.iter();
        let calls: Vec<_> = calls.filter(|c| known.contains(&c.name.as_str())).collect();
        assert_eq!(calls.iter().map(|c| c.with_work).sum::<u64>(), n, "{trace}");
        let mean = |ns: i64| ns as f64 / n as f64 / 1e3;
        // Each of the rounded ends moves a duration by less than 1 µs; a call's two together by 1 on average.
        let call_us = mean(calls.iter().map(|c| c.call_total_ns).sum());
        let delay_us = mean(calls.iter().map(|c| c.delay_total_ns).sum());
        assert!((call_us - mean_call_us).abs() < 1.5, "{trace}: {call_us}");
        assert!((delay_us - mean_delay_us).abs() < 1.5, "{trace}: {delay_us}");
        let max = calls.iter().filter_map(|c| c.delay_max_ns).max().unwrap();
        assert!((max as f64 / 1e3 - max_delay_us).abs() < 2.0, "{trace}: {max}");
    }
    let Some(opened) = open("hta/mtia_trace_single_rank/mtia_rank_0.json.gz") else {
        return;
    };
    let of_423 = |device: bool| {
        let column = opened.index.arg_column("correlation").unwrap();
        let rows = column.ints().filter(|&(_, link)| link == 423);
        let mut rows = rows.filter(|&(id, _)| opened.vocabulary.role(id).is_device() == device);
        rows.next().unwrap().0
    };
    let us = |id: SliceId| opened.index.slices.dur(id).as_ns() as f64 / 1e3;
    assert!((us(of_423(false)) - 435.2).abs() < 2.0 && (us(of_423(true)) - 124.768).abs() < 2.0);
}

#[test]
fn queues_are_htas() {
    // (trace, stream, changes, mean after each change, deepest)
    for (trace, stream, changes, mean, max) in [
        (
            "tracelens/h100/Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
            "7",
            2_396,
            47.777_128_547_6,
            111,
        ),
        (
            "hta/mtia_trace_single_rank/mtia_rank_0.json.gz",
            "1",
            6_900,
            0.5,
            1,
        ),
        ("hta/mtia_trace_single_rank/mtia_rank_0.json.gz", "102", 6, 0.5, 1),
    ] {
        let Some(opened) = open(trace) else { return };
        let queue = opened
            .report
            .queue_depth
            .iter()
            .find(|q| q.stream == stream)
            .unwrap();
        assert_eq!((2 * queue.launches, queue.max), (changes, max), "{trace}");
        // Calls and starts of the same whole µs have another order there.
        assert!(
            (queue.mean_of_changes - mean).abs() < 0.01,
            "{trace}: {}",
            queue.mean_of_changes
        );
    }
}

/// Gaps of each stream and device, told anew from the rows; and what HTA prints of the same traces, which takes
/// 30 µs for a short gap, whole microseconds, and leaves the last profiler step out.
#[test]
fn gaps_of_streams_add_up_and_are_those_of_hta() {
    for (trace, stream, late_us, rest_us) in [
        ("tracelens/b200/eager_trace.json.gz", "7", 73_166, 566),
        (
            "tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz",
            "3",
            405,
            558 + 275,
        ),
        (
            "tracelens/h100/Qwen_Qwen1.5-0.5B-Chat__1016005.json.gz",
            "7",
            1_543,
            4_145,
        ),
    ] {
        let Some(opened) = open(trace) else { return };
        let streams = &opened.report.stream_gaps;
        for of in streams {
            let gaps = [of.launched_late, of.short, of.waited, of.unlinked];
            assert!(
                gaps.iter().all(|g| g.total_ns >= g.max_ns && g.max_ns >= 0),
                "{trace}"
            );
            let sum: i64 = gaps.iter().map(|g| g.total_ns).sum();
            assert_eq!(of.busy_ns + sum, of.span_ns(), "{trace}");
            assert!(of.short.max_ns <= 20_000);
        }
        let of = streams.iter().find(|s| s.stream == stream).unwrap();
        let rest = of.short.total_ns + of.waited.total_ns + of.unlinked.total_ns;
        // Every gap is up to 2 µs longer between whole ones; which side of a launch it falls on may change, too.
        let near = |ns: i64, us: i64, n: u64| {
            assert!(
                (ns / 1000 - us).abs() <= 2 * i64::try_from(n).unwrap(),
                "{trace}: {ns} {us}"
            );
        };
        near(of.launched_late.total_ns, late_us, of.work);
        near(rest, rest_us, of.work);
    }
}

#[test]
fn a_gap_of_a_stream_is_by_when_its_work_was_launched() {
    // After 100: launched at 110 while the stream was empty; 20 µs apart and launched before; 21 µs; not in the trace.
    let made = made()
        .launch(2, 110, 120, 30)
        .launch(3, 10, 170, 30)
        .launch(4, 11, 221, 29)
        .work(99, 7, 280, 20)
        // Overlapping work leaves no gap, and work within other work does not end it.
        .launch(5, 12, 290, 110)
        .launch(6, 13, 300, 10)
        .launch(7, 14, 400, 10)
        .work(98, 8, 0, 5);
    let report = made.open().report;
    assert_eq!(report.stream_gaps.len(), 2);
    let of = &report.stream_gaps[0];
    assert_eq!((of.device, of.stream.as_str(), of.work), (0, "7", 8));
    let sums = [of.launched_late, of.short, of.waited, of.unlinked].map(|g| (g.count, g.total_ns));
    assert_eq!(sums, [(1, 20_000), (1, 20_000), (1, 21_000), (1, 30_000)]);
    assert_eq!((of.busy_ns, of.span_ns()), (319_000, 410_000));
    assert_eq!(of.slow_starts.count, 0);
    // On its way for 101 µs after the call's end, though nothing was before it; 100 are not yet slow.
    let slow = |start: i64| {
        let report = Made::default()
            .launch(1, -50, 0, 100)
            .launch(2, 110, start, 30)
            .open()
            .report;
        report.stream_gaps[0].slow_starts
    };
    assert_eq!(slow(215).count, 0);
    let one = slow(216);
    assert_eq!(
        (one.count, one.total_ns, one.longest_start_ns),
        (1, 101_000, Some(115_000))
    );
    assert_eq!(of.waited.longest_start_ns, Some(200_000));
    let other = &report.stream_gaps[1];
    assert_eq!((other.work, other.busy_ns, other.span_ns()), (1, 5_000, 5_000));
    assert!(report.stream_gaps_definition.unwrap().contains("20.0 µs"));
}

// ---- engines ------------------------------------------------------------------------------------------------

#[test]
fn one_launch_of_a_graph_has_all_its_kernels() {
    let Some(opened) = open("tracelens/inference/vllm_decode_full/graph_execution.json.gz") else {
        return;
    };
    let graph = launches(&opened)
        .calls
        .iter()
        .find(|c| c.name == "hipGraphLaunch")
        .unwrap();
    assert_eq!(
        (graph.count, graph.with_work, graph.work, graph.most_work),
        (1, 1, 421, 421)
    );
    // The graph is one launch in the queue of its stream.
    let queued: u64 = opened.report.queue_depth.iter().map(|q| q.launches).sum();
    assert_eq!(
        queued,
        launches(&opened).calls.iter().map(|c| c.with_work).sum::<u64>()
    );
    let step = &opened.report.steps[0];
    assert_eq!(
        (step.phase, step.sure, step.dur_ns),
        (Phase::Decode, Sure::Recorded, 2_408_598)
    );
    // The host is done before the device begins: the span by launch is the device's alone.
    let device = step.device.as_ref().unwrap();
    assert_eq!(
        (device.start_ns, device.end_ns),
        (Some(6_520_618_861_858_561), Some(6_520_618_872_601_742))
    );
    assert!(device.start_ns.unwrap() > step.start_ns + step.dur_ns);
    assert_eq!((step.interval_ns, device.gap_before_ns), (None, None));
    let causes: Vec<_> = opened.report.idle[0]
        .causes
        .iter()
        .map(|c| (c.cause, c.count, c.total_ns))
        .collect();
    assert_eq!(causes, [(IdleCause::LaunchLatency, 433, 25_473)]);

    let opened = open("tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz").unwrap();
    let graph = launches(&opened)
        .calls
        .iter()
        .find(|c| c.name == "hipGraphLaunch")
        .unwrap();
    assert_eq!((graph.count, graph.work), (1, 544));
    // A blocking copy is a launch as well: it has one piece of work.
    let copy = launches(&opened)
        .calls
        .iter()
        .find(|c| c.name == "hipMemcpyWithStream")
        .unwrap();
    assert_eq!((copy.count, copy.work, copy.call_max_ns), (1, 1, 463_063_750));
}

#[test]
fn copies_have_the_bandwidth_of_their_bytes() {
    let Some(opened) = open("tracelens/b200/eager_trace.json.gz") else {
        return;
    };
    let got: Vec<_> = opened
        .report
        .copies
        .iter()
        .map(|c| (c.direction.as_deref(), c.count, c.bytes, c.total_ns))
        .collect();
    assert_eq!(
        got,
        [
            (Some("DtoD"), 146, Some(771_323_904), 781_500),
            (Some("HtoD"), 13, Some(33_093), 17_504),
            (Some("HtoD"), 2, Some(16), 3_840),
        ]
    );
    assert!((opened.report.copies[0].gb_per_s.unwrap() - 771_323.904 / 781.5).abs() < 1e-9);
    // HTA has the mean of the rates of single copies; of one copy that is the same.
    let opened = open("tracelens/inference/sglang_decode/sglang_Qwen3-8B_decode.json.gz").unwrap();
    let to_host = opened
        .report
        .copies
        .iter()
        .find(|c| c.direction.as_deref() == Some("DtoH"))
        .unwrap();
    // Times are cut to whole ns here; the tracer divides before.
    assert!((to_host.gb_per_s.unwrap() - 0.056_549_591_3).abs() < 2e-5);
}

#[test]
fn steps_have_an_interval_and_a_gap_on_either_side() {
    let trace = "hta/ns_resolution_trace/rank-0.Apr_03_18_51_38.1102.pt.trace.json.gz";
    let Some(opened) = open(trace) else { return };
    let steps = &opened.report.steps;
    let of = |s: &Step| {
        (
            s.interval_ns,
            s.gap_before_ns,
            s.device.as_ref().and_then(|d| d.gap_before_ns),
        )
    };
    assert_eq!(of(&steps[0]), (Some(35_153_734), None, None));
    assert_eq!(of(&steps[1]), (Some(72_113_477), Some(37_865), Some(832)));
    assert_eq!(steps[4].interval_ns, None);
    for pair in steps.windows(2) {
        assert_eq!(pair[0].interval_ns, Some(pair[1].start_ns - pair[0].start_ns));
    }
}

#[test]
fn idle_causes_add_up_to_the_idle_time_of_every_trace() {
    let mut seen = 0;
    for folder in ["kineto/hta", "kineto/tracelens", "kineto/tb_plugin"] {
        for file in corpus::files(folder) {
            let name = file.to_string_lossy().into_owned();
            let bytes = std::fs::read(&file).unwrap();
            // The largest takes as long as all others together and has a test of its own.
            if !(name.ends_with(".json") || name.ends_with(".gz")) || bytes.len() > 2_900_000 {
                continue;
            }
            let Ok(opened) = open_bytes(&name, &bytes) else {
                continue;
            };
            seen += usize::from(check_idle(&name, &opened.report));
        }
    }
    assert!(seen >= 30 || corpus::root().is_none(), "{seen}");
}

/// Whether there is idle time to check.
fn check_idle(name: &str, report: &TraceReport) -> bool {
    for idle in &report.idle {
        let time = report
            .device_time
            .iter()
            .find(|t| t.scope == "all" && t.device == idle.device)
            .unwrap();
        assert_eq!(
            (time.span_ns, time.idle_ns),
            (idle.span_ns, idle.idle_ns),
            "{name}"
        );
        assert_eq!(
            idle.causes.iter().map(|c| c.total_ns).sum::<i64>(),
            idle.idle_ns,
            "{name}"
        );
        assert_eq!(
            idle.causes.iter().map(|c| c.count).sum::<u64>(),
            idle.gaps,
            "{name}"
        );
        assert!(
            idle.causes.iter().all(|c| c.total_ns >= 0),
            "{name}: {:?}",
            idle.causes
        );
        assert!(
            idle.longest.windows(2).all(|w| w[0].dur_ns >= w[1].dur_ns),
            "{name}"
        );
        assert!(idle.longest.iter().all(|g| g.says.ends_with('.')), "{name}");
    }
    if let Some(launches) = &report.launches {
        let kernels: u64 = report.kernels.iter().map(|k| k.count).sum();
        assert_eq!(launches.work, kernels, "{name}");
        let linked: u64 = launches.calls.iter().map(|c| c.work).sum();
        assert_eq!(launches.linked_work, linked, "{name}");
        // One launch waits once, however much work it has; those whose clocks disagree do not.
        let with_work: u64 = launches.calls.iter().map(|c| c.with_work).sum();
        let queued: u64 = report.queue_depth.iter().map(|q| q.launches).sum();
        assert_eq!(queued, with_work - launches.skewed, "{name}");
        for queue in &report.queue_depth {
            assert!(queue.max >= 1 && queue.mean <= queue.max as f64, "{name}");
            assert_eq!(queue.series.iter().max(), Some(&queue.max), "{name}");
        }
        for of in &report.stream_gaps {
            let gaps = [of.launched_late, of.short, of.waited, of.unlinked];
            let sum: i64 = gaps.iter().map(|g| g.total_ns).sum();
            assert_eq!(of.busy_ns + sum, of.span_ns(), "{name} stream {}", of.stream);
            assert!(
                gaps.iter().all(|g| g.total_ns >= 0 && g.max_ns <= g.total_ns),
                "{name}"
            );
            assert!(of.slow_starts.total_ns <= of.launched_late.total_ns, "{name}");
        }
    }
    !report.idle.is_empty()
}

// ---- made by hand -------------------------------------------------------------------------------------------

/// Host calls, operators and device work; times in µs.
struct Made(Trace);

fn host() -> Thread {
    thread(100, 1)
}

impl Default for Made {
    fn default() -> Made {
        Made(Trace::torch())
    }
}

impl Made {
    fn with(mut self, event: Event) -> Made {
        self.0.add(event);
        self
    }

    /// A call of 5 µs at `at` on thread 1, and its kernel on stream 7.
    fn launch(self, link: i64, at: i64, start: i64, dur: i64) -> Made {
        self.with(host().launch(link, at, 5)).work(link, 7, start, dur)
    }

    fn work(self, link: i64, on: i64, start: i64, dur: i64) -> Made {
        self.with(stream(0, on).kernel("gemm", link, start, dur))
    }

    fn op(self, ts: i64, dur: i64) -> Made {
        self.with(host().operator("aten::mm", ts, dur))
    }

    fn open(&self) -> Opened {
        open_bytes("made.json", self.0.text().as_bytes()).unwrap()
    }

    /// Idle time by cause, in µs, and how many gaps end before their launch.
    fn causes(&self) -> (Vec<(IdleCause, i64)>, u64) {
        let report = self.open().report;
        check_idle("made", &report);
        let idle = &report.idle[0];
        let causes = idle.causes.iter().filter(|c| c.total_ns > 0);
        (
            causes.map(|c| (c.cause, c.total_ns / 1000)).collect(),
            idle.skewed,
        )
    }
}

/// The device works from 0 to 100 µs.
fn made() -> Made {
    Made::default().launch(1, -50, 0, 100)
}

#[test]
fn work_not_launched_in_time_is_the_hosts_doing_and_split_by_what_it_did() {
    // Until 300 an operator for 150, nothing for 50, the call for 5; the kernel starts 3 µs after it.
    let made = made().op(100, 150).launch(2, 300, 308, 10);
    assert_eq!(
        made.causes().0,
        [
            (IdleCause::HostOp, 155),
            (IdleCause::NotRecorded, 50),
            (IdleCause::LaunchLatency, 3)
        ]
    );
    // Where no step is known, a frame that waits for a message is a wait for requests.
    let frames = made
        .with(host().frame("a.py(1): run", 100, 170))
        .with(host().frame("<built-in method recv_into of zmq.Socket>", 250, 15));
    assert_eq!(
        frames.causes().0,
        [
            (IdleCause::HostOp, 155),
            (IdleCause::NotRecorded, 30),
            (IdleCause::SchedulerIdle, 15),
            (IdleCause::Python, 5),
            (IdleCause::LaunchLatency, 3)
        ]
    );
    // With a step it is a wait for another, too short for one for requests; what nothing covers is not recorded, in a step as elsewhere.
    let step = frames.with(host().step(90, 215));
    assert_eq!(
        step.causes().0,
        [
            (IdleCause::HostOp, 155),
            (IdleCause::NotRecorded, 30),
            (IdleCause::OtherThread, 15),
            (IdleCause::Python, 5),
            (IdleCause::LaunchLatency, 3)
        ]
    );
}

#[test]
fn that_a_wait_emptied_the_device_is_no_cause_of_what_follows() {
    let wait = |name: &str, ts: i64, dur: i64| {
        made()
            .with(host().call(name, ts, dur))
            .op(110, 100)
            .launch(2, 300, 305, 10)
    };
    let drained = |made: &Made| {
        let causes = made.open().report.idle.remove(0).causes;
        causes.iter().map(|c| c.drained_ns / 1000).sum::<i64>()
    };
    // Until 105 the wait, until 110 nothing, until 210 the operator, until 300 nothing, until 305 the call.
    let made = wait("cudaStreamSynchronize", 40, 65);
    assert_eq!(
        made.causes().0,
        [
            (IdleCause::HostOp, 105),
            (IdleCause::NotRecorded, 95),
            (IdleCause::SyncThenLaunch, 5)
        ]
    );
    assert_eq!(drained(&made), 205);
    assert_eq!(
        made.open().report.idle[0].longest[0].says,
        "Operators and calls on the launching thread: 105 µs of 205 µs, after cudaStreamSynchronize had waited until \
         the device was empty; then gemm, launched by cudaLaunchKernel."
    );
    // The clocks may differ by some µs, so that the wait seems to end before the work does.
    let made = wait("hipMemcpyWithStream", 40, 55);
    assert_eq!(
        made.causes().0,
        [(IdleCause::HostOp, 105), (IdleCause::NotRecorded, 100)]
    );
    assert_eq!(drained(&made), 205);
    // A wait that begins when the device is empty already finds nothing to wait for.
    let made = wait("cudaStreamSynchronize", 220, 10);
    assert_eq!(
        made.causes().0,
        [
            (IdleCause::HostOp, 105),
            (IdleCause::NotRecorded, 90),
            (IdleCause::SyncThenLaunch, 10)
        ]
    );
    assert_eq!(drained(&made), 0);
    // A wait of another thread holds up that thread.
    let other = self::made()
        .with(thread(100, 2).call("cudaStreamSynchronize", 40, 65))
        .launch(2, 300, 305, 10);
    assert_eq!(
        other.causes().0,
        [(IdleCause::NotRecorded, 200), (IdleCause::HostOp, 5)]
    );
    assert_eq!(drained(&other), 0);
}

#[test]
fn a_compile_comes_before_all_else() {
    let made = made()
        .with(host().slice(
            "user_annotation",
            "_compile.compile_inner (dynamo_timed)",
            120,
            60,
        ))
        .op(100, 150)
        .launch(2, 300, 304, 10);
    assert_eq!(
        made.causes().0,
        [
            (IdleCause::HostOp, 94),
            (IdleCause::Compile, 60),
            (IdleCause::NotRecorded, 50)
        ]
    );
}

#[test]
fn work_launched_in_time_is_on_its_way_or_waits_for_something_else() {
    // Launched before the device ran empty, 20 µs between two pieces of work: the device's own.
    assert_eq!(
        made().launch(2, 50, 120, 10).causes().0,
        [(IdleCause::LaunchLatency, 20)]
    );
    // 21 µs: the call ended at 55, the work could have started at 75.
    assert_eq!(
        made().launch(2, 50, 121, 10).causes().0,
        [(IdleCause::Dependency, 21)]
    );
    // Launched just before: on its way until 20 µs after the call's end at 100.
    assert_eq!(
        made().launch(2, 95, 150, 10).causes().0,
        [(IdleCause::Dependency, 30), (IdleCause::LaunchLatency, 20)]
    );
    // Launched in the gap, at once by the host, and then held up.
    assert_eq!(
        made().op(100, 10).launch(2, 110, 200, 10).causes().0,
        [
            (IdleCause::Dependency, 65),
            (IdleCause::LaunchLatency, 20),
            (IdleCause::HostOp, 15)
        ]
    );
    // A call that takes 500 µs loads code, or hands over a large graph: the time in it is the call's.
    let slow = made()
        .with(host().call("cudaGraphLaunch", 110, 500).arg("correlation", 2))
        .op(100, 10)
        .work(2, 7, 615, 10);
    assert_eq!(
        slow.causes().0,
        [(IdleCause::HostOp, 510), (IdleCause::LaunchLatency, 5)]
    );
}

#[test]
fn clocks_that_disagree_make_no_time_negative() {
    // The work starts 100 µs before its call.
    let made = made().op(100, 50).launch(2, 250, 150, 10);
    assert_eq!(made.causes(), (vec![(IdleCause::HostOp, 50)], 1));
    let report = made.open().report;
    let launches = report.launches.unwrap();
    assert_eq!(launches.skewed, 1);
    assert_eq!(
        launches.calls[0].delay_max_ns,
        Some(45_000),
        "that of the first launch"
    );
    assert_eq!(report.queue_depth[0].launches, 1, "the queue would be negative");
}

#[test]
fn a_gap_whose_launch_is_not_in_the_trace_says_so() {
    assert_eq!(made().work(9, 7, 150, 10).causes().0, [(IdleCause::Unlinked, 50)]);
    // If several pieces start together, one that is linked speaks for all.
    let both = made().work(9, 8, 150, 10).launch(2, 140, 150, 10);
    assert_eq!(
        both.causes().0,
        [
            (IdleCause::NotRecorded, 40),
            (IdleCause::HostOp, 5),
            (IdleCause::LaunchLatency, 5)
        ]
    );
    // Work on another stream leaves no gap.
    assert_eq!(made().work(9, 8, 50, 100).launch(2, 140, 150, 10).causes().0, []);
}

#[test]
fn a_reader_may_change_what_kernels_are() {
    let kernel = |link: i64, name: &str, start: i64| (link, name.to_owned(), start);
    let mut made = Made::default();
    for (link, name, start) in [
        kernel(1, "gemm", 0),
        kernel(2, "my_exchange_kernel", 100),
        kernel(3, "ncclDevKernel_AllReduce", 200),
    ] {
        made = made.with(stream(0, 7).kernel(&name, link, start, 50));
    }
    made = made.with(
        thread(0, 7)
            .slice("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)", 300, 50)
            .arg("device", 0)
            .arg("stream", 7),
    );
    let mut opened = made.open();
    let kinds = |report: &TraceReport| {
        let mut kinds: Vec<(String, String, Option<String>)> = report
            .kernels
            .iter()
            .map(|k| (k.name.clone(), k.kind.clone(), k.rule.clone()))
            .collect();
        kinds.sort();
        kinds
    };
    let row = |name: &str, kind: &str, rule: Option<&str>| {
        (name.to_owned(), kind.to_owned(), rule.map(str::to_owned))
    };
    assert_eq!(
        kinds(&opened.report),
        [
            row("Memcpy HtoD (Pinned -> Device)", "copy", Some("recorded")),
            row("gemm", "compute", None),
            row("my_exchange_kernel", "compute", None),
            row("ncclDevKernel_AllReduce", "comm", Some("communication: nccl")),
        ]
    );
    assert_eq!(opened.report.device_time[0].comm_exposed_ns, 50_000);
    let error = opened.classify("communication: ^my_\nnonsense").unwrap_err();
    assert!(error.starts_with("line 2"), "{error}");
    assert_eq!(
        opened.report.device_time[0].comm_exposed_ns, 50_000,
        "nothing has changed"
    );
    opened.classify("communication: ^my_\nset: memcpy").unwrap();
    assert_eq!(
        kinds(&opened.report),
        [
            row("Memcpy HtoD (Pinned -> Device)", "copy", Some("recorded")),
            row("gemm", "compute", None),
            row("my_exchange_kernel", "comm", Some("communication: ^my_")),
            row("ncclDevKernel_AllReduce", "compute", None),
        ]
    );
    assert_eq!(
        opened.report.kernel_rules.as_deref(),
        Some("communication: ^my_\nset: memcpy")
    );
    assert_eq!(opened.report.device_time[0].compute_ns, 100_000);
}

// ---- steps without markers ----------------------------------------------------------------------------------

fn frames(frames: &[(&str, i64, i64)]) -> Made {
    frames.iter().fold(Made::default(), |made, &(name, ts, dur)| {
        made.with(host().frame(name, ts, dur))
    })
}

fn phases(opened: &Opened) -> Vec<(Phase, Sure, i64)> {
    let steps = opened.report.steps.iter();
    steps.map(|s| (s.phase, s.sure, s.dur_ns / 1000)).collect()
}

#[test]
fn sglang_without_markers_is_read_by_its_python_frames() {
    let runner = "/opt/sglang/srt/model_executor/model_runner.py(1500)";
    let made = frames(&[
        ("/opt/sglang/srt/managers/scheduler.py(900): run_batch", 0, 100),
        (&format!("{runner}: forward"), 10, 80),
        (&format!("{runner}: _forward_raw"), 12, 76),
        (&format!("{runner}: forward_extend"), 20, 60),
        (&format!("{runner}: forward"), 200, 50),
        (&format!("{runner}: forward_decode"), 210, 30),
        (&format!("{runner}: forward"), 300, 20),
        (
            "/opt/sglang/srt/model_executor/cuda_graph_runner.py(700): replay",
            305,
            10,
        ),
        (&format!("{runner}: forward"), 400, 20),
    ]);
    let opened = made.open();
    assert_eq!(opened.report.engine.as_deref(), Some("SGLang"));
    assert_eq!(
        phases(&opened),
        [
            (Phase::Prefill, Sure::Derived, 80),
            (Phase::Decode, Sure::Derived, 50),
            (Phase::Decode, Sure::Derived, 20),
            (Phase::Unknown, Sure::Derived, 20)
        ]
    );
    // The engine step starts with run_batch, and the next with its forward frame.
    assert_eq!(opened.report.steps[0].interval_ns, Some(200_000));
}

/// A real trace whose markers are taken away: shapes say the same as they did.
#[test]
fn steps_of_vllm_without_markers_have_their_phase_from_shapes() {
    let path = "kineto/torch_cpu/torch-2.9.1/full.pt.trace.json.gz";
    let Some(bytes) = corpus::read(path) else { return };
    let mut text = Vec::new();
    Inflater::default().feed(&bytes, &mut |piece| text.extend_from_slice(piece));
    let text = String::from_utf8(text).unwrap();
    let frame = "vllm/v1/worker/gpu_model_runner.py(24): execute_model";
    let unmarked = text
        .replace("execute_context_", "no_marker_")
        .replace("gen.py(24): step", frame);
    let of = |text: &str| -> Vec<(Phase, Option<u64>, Sure)> {
        let report = open_bytes("a.json", text.as_bytes()).unwrap().report;
        report.steps.iter().map(|s| (s.phase, s.tokens, s.sure)).collect()
    };
    let want: Vec<_> = of(&text)
        .into_iter()
        .map(|(phase, tokens, sure)| {
            assert_eq!(sure, Sure::Recorded);
            (phase, tokens, Sure::Derived)
        })
        .collect();
    assert_eq!(want.len(), 51);
    assert_eq!((want[0].0, want[0].1), (Phase::Prefill, Some(256)));
    assert_eq!(of(&unmarked), want);
    // Without shapes it is not known.
    let plain = unmarked.replace("\"Input Dims\"", "\"Other\"");
    assert!(
        of(&plain)
            .iter()
            .all(|s| *s == (Phase::Unknown, None, Sure::Derived))
    );
}

#[test]
fn tokens_and_rows_of_logits_say_what_a_step_does() {
    let dims = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let step = |tokens: &str, product: &str, head: &str| {
        frames(&[("vllm/v1/worker/gpu_model_runner.py(1): execute_model", 0, 100)])
            .with(
                host()
                    .operator("aten::embedding", 5, 5)
                    .arg("Input Dims", dims(&format!("[[1000,64],{tokens},[]]"))),
            )
            .with(
                host()
                    .operator("aten::linear", 20, 5)
                    .arg("Input Dims", json!([[9, 64], [192, 64], [192]])),
            )
            .with(host().operator(product, 40, 5).arg("Input Dims", dims(head)))
            .with(
                host()
                    .operator("aten::embedding", 110, 5)
                    .arg("Input Dims", json!([[1000, 64], [77], []])),
            )
    };
    let says = |made: &Made| {
        let step = &made.open().report.steps[0];
        (step.phase, step.tokens)
    };
    for (made, want) in [
        (
            step("[3]", "aten::linear", "[[3,64],[1000,64],[]]"),
            (Phase::Decode, Some(3)),
        ),
        (
            step("[9]", "aten::mm", "[[3,64],[64,1000]]"),
            (Phase::Prefill, Some(9)),
        ),
        (
            step("[2,8]", "aten::addmm", "[[1000],[2,64],[64,1000],[],[]]"),
            (Phase::Prefill, Some(16)),
        ),
        (
            step("[5]", "aten::softmax", "[[5,1000]]"),
            (Phase::Unknown, Some(5)),
        ),
        (
            step("[1]", "aten::softmax", "[[1,1000]]"),
            (Phase::Decode, Some(1)),
        ),
        (
            step("[2]", "aten::mm", "[[3,64],[64,1000]]"),
            (Phase::Unknown, Some(2)),
        ),
    ] {
        assert_eq!(says(&made), want);
    }
    assert!(
        step("[3]", "aten::mm", "[[3,64],[64,1000]]").open().report.notes[0].contains("derived from shapes")
    );
}

#[test]
fn the_name_of_a_file_says_the_stage_where_nothing_else_does() {
    let made = frames(&[("vllm/v1/worker/gpu_model_runner.py(1): execute_model", 0, 100)]);
    assert_eq!(phases(&made.open()), [(Phase::Unknown, Sure::Derived, 100)]);
    let text = Trace::object().with(made.0.events).text();
    for (name, phase) in [
        ("a/1770-TP-0-DECODE.trace.json.gz", Phase::Decode),
        ("1770-TP-0-EXTEND.trace.json", Phase::Prefill),
        ("1770-TP-0-DECODE.json", Phase::Decode),
        ("1770-TP-0-decode (1).trace.json.gz", Phase::Decode),
        ("DECODE.trace.json", Phase::Unknown),
    ] {
        let opened = open_bytes(name, text.as_bytes()).unwrap();
        assert_eq!(phases(&opened), [(phase, Sure::Derived, 100)], "{name}");
    }
}
