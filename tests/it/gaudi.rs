//! The Gaudi traces of the corpus against the golden numbers of its README, and each rule on a tiny trace.

use stepscope::analyze::compiles::metrics;
use stepscope::analyze::report::{Bucket, Engine, Evidence, Period, Phase, Recompile, Step};
use stepscope::base::Union;
use stepscope::dialect::gaudi::vllm_counters::{Utils, counted_compiles};
use stepscope::dialect::{Role, gaudi_metrics};
use stepscope::index::trace_columns::Key;
use stepscope::session::{Opened, open_bytes};

use crate::corpus;

/// The one trace of a corpus folder.
fn open_folder(folder: &str) -> Option<Opened> {
    let is_trace = |name: &str| name.starts_with("server_events") || name.ends_with(".pt.trace.json.gz");
    let file = corpus::files(folder)
        .into_iter()
        .find(|f| is_trace(&f.file_name().unwrap().to_string_lossy()))?;
    Some(open(&std::fs::read(file).unwrap()))
}

/// The name is a meaningless one: content alone must decide.
fn open(bytes: &[u8]) -> Opened {
    open_bytes("x", bytes).expect("a trace")
}

fn count(steps: &[Step], period: Period, phase: Phase) -> usize {
    let is = |s: &&Step| s.period == period && s.phase == phase;
    steps.iter().filter(is).count()
}

/// `[warm-up prefill, warm-up decode, serving prefill, serving decode]`
fn counts(trace: &Opened) -> [usize; 4] {
    let steps = &trace.report.steps;
    [
        count(steps, Period::Warmup, Phase::Prefill),
        count(steps, Period::Warmup, Phase::Decode),
        count(steps, Period::Serving, Phase::Prefill),
        count(steps, Period::Serving, Phase::Decode),
    ]
}

fn serving(trace: &Opened) -> impl Iterator<Item = &Step> {
    trace.report.steps.iter().filter(|s| s.period == Period::Serving)
}

fn compiles(trace: &Opened, period: Period) -> Vec<&Recompile> {
    trace
        .report
        .recompiles
        .iter()
        .filter(|r| r.period == period)
        .collect()
}

/// The reference's gap: from the end of one serving row to the start of the next, never below 0. Count, upper
/// median and largest, in µs with one decimal, as the README prints them.
fn row_gaps(trace: &Opened) -> (usize, String, String) {
    let rows: Vec<&Step> = serving(trace).collect();
    let mut gaps: Vec<i64> = rows
        .windows(2)
        .map(|pair| (pair[1].start_ns - pair[0].start_ns - pair[0].dur_ns).max(0))
        .collect();
    gaps.sort_unstable();
    let us = |ns: i64| format!("{:.1}", ns as f64 / 1000.0);
    (gaps.len(), us(gaps[gaps.len() / 2]), us(gaps[gaps.len() - 1]))
}

fn decode_buckets(trace: &Opened) -> Vec<String> {
    let mut buckets: Vec<Bucket> = serving(trace)
        .filter(|s| s.phase == Phase::Decode)
        .map(|s| s.bucket.expect("a bucket"))
        .collect();
    buckets.sort();
    buckets.dedup();
    buckets.iter().map(Bucket::to_string).collect()
}

/// Union of the compute engines of the whole trace.
fn device_union(trace: &Opened) -> Union {
    let slices = &trace.index.slices;
    let compute = slices
        .ids()
        .filter(|&id| trace.vocabulary.role(id).is_device_compute());
    Union::of(compute.map(|id| slices.span(id)))
}

const SERVING_COMPILES: [(&str, i64); 3] = [
    (".graph_dumps/HabanaFusedOpLazy_prompt_1_128_2", 412_345_000),
    (
        ".graph_dumps/HabanaFusedOpLazy_decode_4_1_256_rebuild",
        188_000_000,
    ),
    (".graph_dumps/HabanaFusedOpLazy_sampler_topk", 23_000_000),
];

fn assert_serving_compiles(trace: &Opened) {
    let found = compiles(trace, Period::Serving);
    let names: Vec<(&str, i64)> = found.iter().map(|r| (r.name.as_str(), r.known_ns())).collect();
    assert_eq!(names, SERVING_COMPILES);
    assert!(found.iter().all(|r| r.evidence == Evidence::Recorded));
    let regions: Vec<&str> = found.iter().map(|r| r.region.as_deref().unwrap()).collect();
    assert_eq!(
        regions,
        [
            "model_forward_bs1_seq128_ctx2_graphsT",
            "model_forward_bs4_seq1_ctx256_graphsT",
            "model_forward_bs4_seq1_ctx256_graphsT"
        ]
    );
    let of: Vec<(Phase, String)> = found
        .iter()
        .map(|r| (r.phase, r.bucket.unwrap().to_string()))
        .collect();
    assert_eq!(
        of,
        [
            (Phase::Prefill, "(1, 128, 2)".to_owned()),
            (Phase::Decode, "(4, 1, 256)".to_owned()),
            (Phase::Decode, "(4, 1, 256)".to_owned())
        ]
    );
    for row in found {
        let step = &trace.report.steps[row.step.unwrap() as usize];
        assert!(
            step.start_ns <= row.start_ns && row.start_ns + row.known_ns() <= step.start_ns + step.dur_ns
        );
    }
}

/// Parts and the rest add up to the step and to what stands outside its slice.
fn assert_parts_add_up(trace: &Opened) {
    for (step, pass) in trace.report.steps.iter().zip(&trace.vocabulary.passes) {
        let p = &step.parts;
        let sum: i64 = [
            p.prepare_ns,
            p.forward_ns,
            p.logits_ns,
            p.sample_ns,
            p.post_ns,
            p.compile_ns,
            p.other_ns,
        ]
        .into_iter()
        .flatten()
        .sum();
        let outside: i64 = pass
            .parts
            .iter()
            .map(|&(_, id)| trace.index.slices.span(id))
            .map(|s| s.len_ns() - s.intersect(pass.span).len_ns())
            .sum();
        // A double of µs near the epoch steps by 250 ns: parts may stick out of the step by that much.
        assert!(
            (sum - step.dur_ns - outside).abs() <= 500,
            "step {}: {sum} != {} + {outside}",
            step.index,
            step.dur_ns
        );
    }
}

#[test]
fn v1_high_level_alone() {
    let Some(t) = open_folder("gaudi/driven_v1_true") else {
        return;
    };
    assert_eq!(t.report.format, "gaudi-highlevel");
    assert_eq!(t.report.engine.as_deref(), Some("vLLM V1"));
    assert_eq!(
        t.report.base_time_ns,
        Some(0),
        "the high-level profiler counts from 1970"
    );
    assert!(t.report.synchronised_capture);
    assert_eq!(counts(&t), [3, 3, 4, 42]);
    assert_eq!(
        t.vocabulary.engine_steps.len(),
        49,
        "one for each prepare_input_tensors"
    );
    assert_eq!(compiles(&t, Period::Warmup).len(), 9);
    assert_serving_compiles(&t);
    assert_eq!(counted_compiles(&Utils::of(&t.index), Key::Int(10148)), Some(12));
    assert_eq!(serving(&t).filter(|s| s.batch.is_some()).count(), 46);
    assert_eq!(decode_buckets(&t), ["(4, 1, 128)", "(4, 1, 256)"]);
    assert_eq!(row_gaps(&t), (45, "1656.8".to_owned(), "7851.8".to_owned()));
    assert_parts_add_up(&t);
    let coverage = t.report.bucket_coverage.as_ref().expect("warm-up is in the file");
    assert_eq!((coverage.warmed.len(), coverage.served.len()), (6, 5));
    let missed: Vec<_> = coverage
        .served_not_warmed
        .iter()
        .map(|b| (b.phase, b.bucket.to_string(), b.count))
        .collect();
    assert_eq!(missed, [(Phase::Prefill, "(1, 128, 2)".to_owned(), 1)]);
}

#[test]
fn v1_whole_capture_with_warm_up_before_it() {
    let Some(t) = open_folder("gaudi/driven_v1_full") else {
        return;
    };
    let r = &t.report;
    assert_eq!((r.format.as_str(), r.device_kind.as_str()), ("gaudi-e2e", "hpu"));
    assert_eq!(r.device_name.as_deref(), Some("GAUDI3"));
    assert_eq!((r.rank, r.world_size), (Some(0), Some(1)));
    assert_eq!(r.base_time_ns, Some(1_790_857_026_000_000_000));
    // The span "PyTorch Profiler (0)" begins at 4458978879617.81 µs and lasts 712241.471 µs.
    assert_eq!(r.capture_start_ns, Some(4_458_978_879_617_810));
    assert_eq!(r.capture_end_ns, Some(4_458_979_591_859_281));
    assert_eq!(counts(&t), [3, 3, 4, 42]);
    assert_eq!(compiles(&t, Period::Warmup).len(), 9);
    assert_serving_compiles(&t);
    assert_eq!(row_gaps(&t), (45, "1656.8".to_owned(), "7851.8".to_owned()));
    assert_parts_add_up(&t);
    let union = device_union(&t);
    assert_eq!(union.spans().len(), 456);
    // The reference prints 33964.6 µs: its doubles near 4.5e12 µs step by 1 ns, 912 of which add up.
    assert_eq!(union.total_ns(), 33_964_544);
    assert_eq!(t.vocabulary.devices.len(), 1);
    assert_eq!(t.vocabulary.devices[0].device, 0);
    assert_eq!(
        t.vocabulary.devices[0].tracks.len(),
        10,
        "2 MME and 8 TPC lanes ran"
    );
}

#[test]
fn every_piece_of_device_work_goes_to_the_step_that_launched_it() {
    for folder in [
        "gaudi/driven_v1_full",
        "gaudi/driven_v1_full_async",
        "gaudi/driven_v0_full",
        "gaudi/handshaped_kineto_sink",
    ] {
        let Some(t) = open_folder(folder) else { return };
        let device = |s: &Step| s.device.clone().expect("each serving step launched work");
        assert!(serving(&t).all(|s| device(s).method == "launch"));
        let by_step: i64 = serving(&t).map(|s| device(s).busy_ns).sum();
        assert_eq!(by_step, device_union(&t).total_ns(), "{folder}");
        let engines = |s: &Step| {
            let e = device(s).engines;
            (
                e[Engine::Mme].is_some(),
                e[Engine::Tpc].is_some(),
                e[Engine::Dma],
                e[Engine::Nic],
                e[Engine::Compute],
            )
        };
        assert!(serving(&t).all(|s| engines(s) == (true, true, None, None, None)));
    }
}

/// Under asynchronous scheduling the device runs up to two steps late, so the launch that is nearest before a
/// piece of work is often the next step's. Each step launches a model, a logits and a sampler graph (two
/// without sampling): its work starts after its own launches and in the order of steps.
#[test]
fn a_device_that_runs_behind_keeps_the_order_of_steps() {
    let (Some(sync), Some(late)) = (
        open_folder("gaudi/driven_v1_full"),
        open_folder("gaudi/driven_v1_full_async"),
    ) else {
        return;
    };
    let busy = |t: &Opened| -> Vec<i64> { serving(t).map(|s| s.device.as_ref().unwrap().busy_ns).collect() };
    let (sync, late) = (busy(&sync), busy(&late));
    assert_eq!(sync.len(), late.len());
    // Both ran the same workload: each step costs the device the same, but for its clock of 256 ns.
    for (i, (a, b)) in sync.iter().zip(&late).enumerate() {
        assert!((a - b).abs() < 3_000, "step {i}: {a} against {b}");
    }
}

#[test]
fn v1_asynchronous_without_warm_up() {
    let Some(t) = open_folder("gaudi/driven_v1_full_async") else {
        return;
    };
    assert_eq!(counts(&t), [0, 0, 4, 42]);
    assert_serving_compiles(&t);
    assert_eq!(counted_compiles(&Utils::of(&t.index), Key::Int(10285)), Some(3));
    assert_eq!(row_gaps(&t), (45, "753.8".to_owned(), "7027.8".to_owned()));
    assert_eq!(device_union(&t).total_ns(), 33_962_752);
    assert!(
        t.report.steps.iter().all(|s| s.parts.post_ns.is_none()),
        "no sampler_postprocessing under asynchronous scheduling"
    );
    assert_eq!(t.report.bucket_coverage, None, "nothing to compare with");
    assert_parts_add_up(&t);
}

/// The reference counts this rank's one false decode as serving, and 12 compiles too, because it finds no
/// warm-up; here their period is unknown, because this rank cannot record warm-up.
#[test]
fn a_rank_that_does_not_drive_has_no_periods() {
    let Some(t) = open_folder("gaudi/driven_v1_full_rank1") else {
        return;
    };
    assert_eq!((t.report.rank, t.report.world_size), (Some(1), Some(2)));
    let steps: Vec<_> = t
        .report
        .steps
        .iter()
        .map(|s| (s.phase, s.period, s.batch))
        .collect();
    assert_eq!(steps, [(Phase::Decode, Period::Unknown, None)]);
    assert_eq!(compiles(&t, Period::Unknown).len(), 12);
    assert_eq!(t.report.recompiles.len(), 12);
    assert!(
        t.report
            .notes
            .iter()
            .any(|n| n.contains("does not drive the engine"))
    );
}

#[test]
fn v0_names_are_put_right() {
    let Some(t) = open_folder("gaudi/driven_v0_true") else {
        return;
    };
    assert_eq!(t.report.engine.as_deref(), Some("vLLM V0"));
    assert_eq!(counts(&t), [2, 2, 2, 30]);
    assert!(
        t.report.recompiles.is_empty(),
        "V0 writes none, and without device lanes none is suspected"
    );
    assert!(!t.report.synchronised_capture);
    assert_eq!(row_gaps(&t), (31, "470.5".to_owned(), "7341.2".to_owned()));
    assert_eq!(decode_buckets(&t), ["(4, 1, 128)", "(4, 1, 256)"]);
    assert_eq!(serving(&t).filter(|s| s.batch.is_some()).count(), 32);
    // The first serving step: `prepare_input_tensors` of 1339.25 µs holds `prompt` of 327.25 µs.
    let first = serving(&t).next().unwrap();
    assert_eq!((first.phase, first.dur_ns), (Phase::Prefill, 1_339_250));
    assert_eq!(first.parts.prepare_ns, Some(327_250));
    assert_eq!((first.batch, first.tokens), (Some(1), Some(97)));
    // 3 requests of 201, 150 and 99 tokens in a bucket of 4 × 256.
    let second = serving(&t).nth(1).unwrap();
    assert_eq!((second.batch, second.tokens), (Some(3), Some(450)));
    assert_parts_add_up(&t);
}

/// The reference knows no suspicion. The workload compiled one graph for 188 ms while serving, which V0 does not
/// record: the step lasts 189 ms instead of 1.1 ms with the device idle, and is suspected, at its excess.
#[test]
fn v0_compile_is_suspected_where_the_device_shows_it() {
    let Some(t) = open_folder("gaudi/driven_v0_full") else {
        return;
    };
    assert_eq!(counts(&t), [0, 0, 2, 30]);
    assert_eq!(device_union(&t).spans().len(), 320);
    assert_eq!(device_union(&t).total_ns(), 21_131_776);
    let found: Vec<_> = t
        .report
        .recompiles
        .iter()
        .map(|r| (r.evidence, r.step, r.name.as_str(), r.known_ns()))
        .collect();
    // The call that hands over the graph takes as long as the compile itself.
    let call = "SyncTensorsGraphInternal";
    assert_eq!(found, [(Evidence::Suspected, Some(20), call, 188_000_000)]);
}

/// The reference reads vLLM's events only and finds no step here. Each of the 43 engine steps ends with the wait
/// for its sampled tokens, so as many can be inferred.
#[test]
fn torch_alone_has_inferred_steps() {
    let Some(t) = open_folder("gaudi/driven_torch_only_G1") else {
        return;
    };
    assert_eq!(
        (t.report.format.as_str(), t.report.device_kind.as_str()),
        ("torch", "hpu")
    );
    assert_eq!(counts(&t), [0; 4], "none with a known phase");
    assert_eq!(count(&t.report.steps, Period::Serving, Phase::Unknown), 43);
    assert!(t.report.notes.iter().any(|n| n.contains("inferred")));
    // As long as two of the three compiles that vLLM records of such a run (driven_v1_full); the third takes 23 ms.
    let suspected: Vec<_> = t
        .report
        .recompiles
        .iter()
        .map(|r| (r.evidence, r.name.as_str(), r.known_ns()))
        .collect();
    let call = "SyncTensorsGraphInternal";
    assert_eq!(
        suspected,
        [
            (Evidence::Suspected, call, 412_345_000),
            (Evidence::Suspected, call, 188_000_000)
        ]
    );
    assert_eq!(device_union(&t).spans().len(), 456);
}

#[test]
fn a_compile_that_two_levels_saw_is_one_row() {
    let Some(t) = open_folder("gaudi/handshaped_kineto_sink") else {
        return;
    };
    assert_eq!(counts(&t), [0, 0, 4, 42]);
    assert_serving_compiles(&t);
    assert_eq!(t.report.recompiles.len(), 3, "not 3 + 3");
    assert!(
        t.report
            .recompiles
            .iter()
            .all(|r| r.also == Some(Evidence::Synapse) && r.start_is_exact)
    );
    let launches = |role: Role| t.vocabulary.roles.iter().filter(|&&r| r == role).count();
    assert_eq!(launches(Role::Launch), 136, "the enqueue calls alone");
    assert_eq!(device_union(&t).spans().len(), 456);
}

#[test]
fn cut_files_keep_what_they_hold() {
    let Some(bytes) = corpus::read("gaudi/edge/server_events_truncated_mid_object.json") else {
        return;
    };
    let t = open(&bytes);
    assert_eq!(counts(&t), [3, 3, 4, 15]);
    assert_eq!(compiles(&t, Period::Warmup).len(), 9);
    assert_eq!(compiles(&t, Period::Serving).len(), 1);
    assert_eq!(serving(&t).filter(|s| s.batch.is_some()).count(), 19);

    let bytes = corpus::read("gaudi/edge/null_args_missing_dur_unbalanced.json").unwrap();
    let t = open(&bytes);
    assert_eq!(counts(&t), [0, 0, 0, 1]);
    assert_eq!(t.report.device_kind, "hpu");
    assert_eq!(t.vocabulary.devices.len(), 1);
    assert_eq!(device_union(&t).spans().len(), 0, "two kernels without duration");

    let bytes = corpus::read("gaudi/edge/truncated.pt.trace.json.gz").unwrap();
    let t = open(&bytes);
    assert_eq!(
        (t.report.format.as_str(), t.report.device_kind.as_str()),
        ("torch", "hpu")
    );

    let bytes = corpus::read("gaudi/edge/server_events_only_bracket.json").unwrap();
    if let Ok(t) = open_bytes("server_events_vllm-instance-1-a.json", &bytes) {
        assert_eq!(t.report.format, "gaudi-highlevel", "nothing but the name says so");
        assert!(t.report.steps.is_empty());
    }
}

fn apply_metrics(folder: &str, file: &str) -> Option<(Opened, stepscope::analyze::report::Metrics)> {
    let mut t = open_folder(folder)?;
    let read = gaudi_metrics::parse(&corpus::read(&format!("{folder}/{file}"))?).expect("a metrics file");
    let mut says = metrics::metrics(&read, file);
    let base = t.report.base_time_ns;
    metrics::apply(&mut t.report.recompiles, &mut says, &read, base);
    Some((t, says))
}

#[test]
fn a_metrics_file_dates_the_compiles() {
    let Some((t, says)) = apply_metrics("gaudi/driven_v1_true", "metrics.json") else {
        return;
    };
    assert_eq!(says.graph_compilations, Some(12));
    assert_eq!(says.graph_compilation_ns, Some(2_486_345_000_000 / 1_000));
    assert_eq!((says.cpu_fallbacks, says.recipe_cache_hits), (Some(0), None));
    assert_eq!(says.compiles.len(), 12);
    assert_eq!(says.matched, 12, "{:?}", says.notes);
    assert!(t.report.recompiles.iter().all(|r| r.start_is_exact));
    // "generated_on": "2026-11-22T02:53:20.315283", 310 000 µs.
    assert_eq!(t.report.recompiles[0].start_ns, 1_795_316_000_005_283_000);
    assert!(says.notes.iter().any(|n| n.contains("whose clock is UTC")));
}

#[test]
fn each_metrics_file_of_the_corpus_fits_its_trace() {
    for (folder, file, dated) in [
        ("gaudi/driven_v1_full", "metrics.json", 12),
        ("gaudi/driven_v1_full_rank1", "metrics-rank1.json", 12),
        ("gaudi/driven_v1_full_async", "metrics.json", 3), // of 12: the trace begins after warm-up
    ] {
        let Some((t, says)) = apply_metrics(folder, file) else {
            return;
        };
        assert_eq!(says.matched, dated, "{folder}: {:?}", says.notes);
        assert!(t.report.recompiles.iter().all(|r| r.start_is_exact), "{folder}");
    }
    // "generated_on": "2026-11-22T02:53:25.374645", 412 345 µs; the trace's zero is 1790857026 s.
    let (t, _) = apply_metrics("gaudi/driven_v1_full_async", "metrics.json").unwrap();
    assert_eq!(t.report.recompiles[0].start_ns, 4_458_978_962_300_000);

    let (t, says) = apply_metrics(
        "gaudi/handshaped_kineto_sink",
        "../driven_v1_full_async/metrics.json",
    )
    .unwrap();
    assert_eq!(says.matched, 3);
    assert!(
        says.notes.iter().any(|n| n.contains("date them better")),
        "{:?}",
        says.notes
    );
    assert_eq!(
        t.report.recompiles[0].start_ns, 4_458_978_962_299_250,
        "the compiler's own event, to the nanosecond"
    );
}

#[test]
fn a_metrics_file_confirms_what_v0_does_not_record() {
    let Some((t, says)) = apply_metrics("gaudi/driven_v0_full", "metrics.json") else {
        return;
    };
    let rows: Vec<_> = t
        .report
        .recompiles
        .iter()
        .map(|r| {
            (
                r.evidence,
                r.name.as_str(),
                r.known_ns(),
                r.start_is_exact,
                r.step,
            )
        })
        .collect();
    let name = ".graph_dumps/HabanaFusedOpLazy_decode_rebuild";
    assert_eq!(rows, [(Evidence::Recorded, name, 188_000_000, true, Some(20))]);
    assert!(
        says.notes
            .iter()
            .any(|n| n.starts_with("1 compile was only suspected")),
        "{:?}",
        says.notes
    );
}

#[test]
fn the_hardware_trace_of_synprof_is_a_timeline() {
    let files = corpus::files("gaudi/real_synapse_csv");
    let Some(file) = files.iter().find(|f| f.ends_with("debug_hw_prof_accel0_001.csv")) else {
        return;
    };
    let bytes = std::fs::read(file).unwrap();
    let trace = open(&bytes);
    let report = &trace.report;
    // Of the file, counted by its lines: 56 BEGIN and 56 END, 126 INSTANT, 38 COUNTER.
    assert_eq!(trace.index.slices.len(), 56);
    assert_eq!(trace.index.instants.ts.len(), 126);
    let samples: usize = trace.index.counters.iter().map(|c| c.ts.len()).sum();
    assert_eq!(samples, 38);
    assert_eq!(report.format, "gaudi-synprof");
    assert_eq!(report.defects, []);
    // The trace analyzer's own file beside it: the convolution ran on 8 MMEs from 554804527.286 to 554804546.1 µs, for
    // 18.814 µs; the packing on TPCs was active for 1.131, 1.878 and 0.713 µs in its three iterations.
    let convolution: Vec<_> = trace
        .index
        .slices
        .ids()
        .filter(|&id| trace.index.name_of(id) == "g_1_conv_0")
        .map(|id| trace.index.slices.span(id))
        .collect();
    assert_eq!(convolution.len(), 8);
    assert_eq!(convolution.iter().map(|s| s.start).min(), Some(554_804_527_286));
    assert_eq!(convolution.iter().map(|s| s.end).max(), Some(554_804_546_100));
    let engines = report.device_time[0].engines;
    assert_eq!(
        (engines[Engine::Mme], engines[Engine::Tpc]),
        (Some(18_814), Some(1_131 + 1_878 + 713))
    );
}

#[test]
fn the_nodes_of_the_trace_analyzer_are_slices_and_no_device_work() {
    let files = corpus::files("gaudi/real_synapse_csv");
    let Some(file) = files
        .iter()
        .find(|f| f.ends_with("debug_hw_prof_accel0_001_analyzed_nodes.csv"))
    else {
        return;
    };
    let trace = open(&std::fs::read(file).unwrap());
    let of = |id| (trace.index.name_of(id), trace.index.slices.dur(id).as_ns());
    let mut nodes: Vec<_> = trace.index.slices.ids().map(of).collect();
    nodes.sort_unstable();
    assert_eq!(
        nodes,
        [
            ("g_1_conv_0", 18_814),
            ("g_1_conv_0_tpc_packing", 2_739),
            ("g_1_conv_0_tpc_packing iter 2", 1_879),
            ("g_1_conv_0_tpc_packing iter 3", 1_138),
        ]
    );
    assert_eq!(trace.report.device_time, []);
    assert_eq!(
        (trace.report.format.as_str(), &trace.report.defects[..]),
        ("gaudi-synprof", &[][..])
    );
}
