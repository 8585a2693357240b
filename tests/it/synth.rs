//! Invented traces: their shape, their size, and that equal seeds give equal bytes.

use stepscope::analyze::report::{Evidence, Period, Phase, PhaseBucket, Recompile, Step, TraceReport};
use stepscope::base::time::ns_from_micros_text;
use stepscope::session;
use stepscope::synth::{self, Engine, Facts, Options, Shape, Target};

fn text(options: &Options) -> (Vec<u8>, synth::Written) {
    let mut out = Vec::new();
    let written = synth::write(options, &mut out).unwrap();
    (out, written)
}

/// Its events, and the document without them.
fn events(json: &[u8]) -> (Vec<serde_json::Value>, serde_json::Value) {
    let mut all: serde_json::Value = serde_json::from_slice(json).expect("valid JSON");
    let serde_json::Value::Array(list) = all["traceEvents"].take() else {
        panic!("no list of events");
    };
    (list, all)
}

fn start_ns(event: &serde_json::Value) -> i64 {
    ns_from_micros_text(event["ts"].to_string().as_bytes()).unwrap()
}

fn dur_ns(event: &serde_json::Value) -> i64 {
    ns_from_micros_text(event["dur"].to_string().as_bytes()).unwrap()
}

fn end_ns(event: &serde_json::Value) -> i64 {
    start_ns(event) + dur_ns(event)
}

fn name(event: &serde_json::Value) -> &str {
    event["name"].as_str().unwrap()
}

#[test]
fn the_sample_is_one_document_of_a_few_megabytes() {
    let (json, written) = text(&Options::sample());
    assert_eq!(written.bytes, json.len() as u64);
    assert!(
        (1_000_000..3_200_000).contains(&json.len()),
        "{} bytes",
        json.len()
    );
    let (list, header) = events(&json);
    assert_eq!(written.events, list.len() as u64);
    assert_eq!(header["generator"], synth::GENERATOR);
    assert_eq!(header["deviceProperties"][0]["name"], "GAUDI3");
    let serving_s = written.facts.capture.len_ns() / 1_000_000_000;
    assert!((10..16).contains(&serving_s), "{serving_s} s");
    let f = &written.facts;
    let padding = 100 - f.real_batch * 100 / f.padded_batch;
    assert!((25..36).contains(&padding), "{padding} % padding");
    assert_eq!(f.served_not_warmed.len(), 2);
    assert_eq!(f.compiles.iter().filter(|c| !c.warmup).count(), 4);
    assert!(f.outlier.is_some());
}

#[test]
fn what_the_facts_say_stands_in_the_events() {
    let (json, written) = text(&Options::sample());
    let (list, _) = events(&json);
    let server: Vec<_> = list
        .iter()
        .filter(|e| e["ph"] == "X" && e.get("cat").is_none())
        .collect();
    let warmup_end = end_ns(server.iter().find(|e| name(e) == "warmup").unwrap());
    let count = |what: &str, warm: bool| {
        let hits = server
            .iter()
            .filter(|e| name(e) == what && (start_ns(e) < warmup_end) == warm);
        hits.count() as u64
    };
    let Facts {
        serving_prefill,
        serving_decode,
        warmup_prefill,
        warmup_decode,
        ..
    } = written.facts;
    assert_eq!(count("prefill", true), warmup_prefill);
    assert_eq!(count("decode", true), warmup_decode);
    assert_eq!(count("prefill", false), serving_prefill);
    assert_eq!(count("decode", false), serving_decode);
    assert_eq!((warmup_prefill, warmup_decode), (8, 10));
    let blocks: Vec<(String, i64)> = server
        .iter()
        .filter_map(|e| Some((name(e).strip_prefix("GRAPH COMPILE: ")?.to_string(), dur_ns(e))))
        .collect();
    let recorded = written.facts.compiles.iter().filter(|c| c.recorded);
    let expected: Vec<_> = recorded.map(|c| (c.name.clone(), c.dur_ns)).collect();
    assert_eq!(blocks, expected);
    // Synapse's own events tell of the four while capturing, and of no other.
    let own: Vec<i64> = list
        .iter()
        .filter(|e| name(e) == "compileGraph (accel0)")
        .map(dur_ns)
        .collect();
    let seen = written.facts.compiles.iter().filter(|c| c.event);
    assert_eq!(own, seen.map(|c| c.dur_ns).collect::<Vec<_>>());
    let sum = |key: &str| -> u64 {
        list.iter()
            .filter(|e| e["name"] == "utils" && start_ns(e) > warmup_end)
            .filter_map(|e| e["args"][key].as_u64())
            .sum()
    };
    assert_eq!(sum("decode_batch_size"), written.facts.real_batch);
    assert_eq!(sum("decode_bucket_batch_size"), written.facts.padded_batch);
}

#[test]
fn slices_of_one_thread_lie_inside_each_other_or_apart() {
    for options in [
        Options::sample(),
        Options {
            compile_tracking: false,
            ..Options::sample()
        },
        Options {
            engine: Engine::V0,
            seed: 9,
            ..Options::sample()
        },
    ] {
        let (json, _) = text(&options);
        let (list, _) = events(&json);
        let mut slices: Vec<_> = list
            .iter()
            .filter(|e| e["ph"] == "X" && !name(e).starts_with("GRAPH COMPILE"))
            .map(|e| {
                let track = (e["pid"].to_string(), e["tid"].to_string());
                (track, start_ns(e), -dur_ns(e), name(e))
            })
            .collect();
        slices.sort();
        let mut open: Vec<(i64, &str)> = Vec::new();
        let mut track = None;
        for (on, start, negative, name) in &slices {
            if track != Some(on) {
                open.clear();
                track = Some(on);
            }
            let end = start - negative;
            open.retain(|&(until, _)| until > *start);
            if let Some(&(until, outer)) = open.last() {
                assert!(end <= until, "{name} at {start} overlaps {outer} on {on:?}");
            }
            assert!(end > *start, "{name} at {start} takes no time");
            open.push((end, name));
        }
    }
}

#[test]
fn every_begin_has_its_end() {
    let (json, _) = text(&Options::sample());
    let (list, _) = events(&json);
    let mut pairs: Vec<_> = list
        .iter()
        .filter(|e| e["ph"] == "B" || e["ph"] == "E")
        .map(|e| {
            (
                e["pid"].to_string(),
                e["tid"].to_string(),
                start_ns(e),
                e["ph"] == "B",
            )
        })
        .collect();
    assert!(pairs.len() > 1000);
    pairs.sort();
    for two in pairs.chunks(2) {
        assert!(two[0].3 && !two[1].3, "{two:?}");
    }
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let short = |seed| {
        text(&Options {
            seed,
            target: Target::Steps(20),
            ..Options::sample()
        })
        .0
    };
    assert_eq!(short(5), short(5));
    assert_ne!(short(5), short(6));
    let options = Options::sample();
    assert_eq!(
        synth::chunks(&options).collect::<Vec<_>>().concat(),
        text(&options).0
    );
}

#[test]
fn the_size_asked_for_is_met_within_five_per_cent() {
    for wanted in [2_000_000u64, 7_000_000, 40_000_000] {
        for options in [
            Options::sample(),
            Options::wide(Target::Steps(1)),
            Options {
                high_level_only: true,
                ..Options::sample()
            },
        ] {
            let options = Options {
                target: Target::Bytes(wanted),
                ..options
            };
            let bytes = synth::write(&options, &mut std::io::sink()).unwrap().bytes;
            assert!(
                bytes.abs_diff(wanted) * 20 <= wanted,
                "{bytes} for {wanted}: {options:?}"
            );
        }
    }
}

#[test]
fn a_high_level_file_is_a_list_that_is_never_closed() {
    let options = Options {
        high_level_only: true,
        target: Target::Steps(30),
        ..Options::sample()
    };
    let (json, written) = text(&options);
    assert!(json.starts_with(b"[{\"pid\": "));
    assert!(json.ends_with(b"},"));
    let closed = [&json[..json.len() - 1], b"]"].concat();
    let list: Vec<serde_json::Value> = serde_json::from_slice(&closed).unwrap();
    assert_eq!(list.len() as u64, written.events);
    assert!(list.iter().all(|e| e.get("cat").is_none()));
    // Unix time, in microseconds.
    assert!(start_ns(&list[0]) > 1_790_000_000_000_000_000);
}

#[test]
fn v0_writes_no_compile_blocks_and_swaps_the_outer_names() {
    let options = Options {
        engine: Engine::V0,
        target: Target::Steps(60),
        ..Options::sample()
    };
    let (json, written) = text(&options);
    let (list, _) = events(&json);
    assert!(!list.iter().any(|e| name(e).starts_with("GRAPH COMPILE")));
    assert!(
        written
            .facts
            .compiles
            .iter()
            .all(|c| c.event && !c.recorded && !c.warmup)
    );
    let model = list
        .iter()
        .find(|e| name(e).starts_with("model_decode_"))
        .unwrap();
    let holds = |e: &&serde_json::Value| start_ns(e) <= start_ns(model) && end_ns(model) <= end_ns(e);
    let outer = list
        .iter()
        .filter(|e| e["ph"] == "X" && e["tid"] == 3)
        .filter(|e| name(e) == "prepare_input_tensors")
        .find(holds);
    assert!(outer.is_some());
    let inner = list.iter().filter(|e| name(e) == "decode").find(holds);
    assert!(inner.is_none(), "the short one is only the preparation");
}

fn report(options: &Options) -> (TraceReport, Facts) {
    let (json, written) = text(options);
    let opened = session::open_bytes("synth.json", &json).unwrap();
    assert_eq!(opened.report.events, written.events);
    assert_eq!(opened.report.inflated_bytes, written.bytes);
    (opened.report, written.facts)
}

fn shape(of: &PhaseBucket) -> Shape {
    Shape {
        prefill: of.phase == Phase::Prefill,
        batch: of.bucket.batch,
        seq: of.bucket.seq.unwrap(),
        ctx: of.bucket.ctx.unwrap(),
    }
}

fn count(report: &TraceReport, period: Period, phase: Phase) -> u64 {
    let hits = |s: &&Step| s.period == period && s.phase == phase;
    report.steps.iter().filter(hits).count() as u64
}

/// Name, cost and whether in warm-up.
fn compiles(report: &TraceReport, evidence: Evidence) -> Vec<(String, i64, bool)> {
    let mut list: Vec<&Recompile> = report
        .recompiles
        .iter()
        .filter(|r| r.evidence == evidence)
        .collect();
    list.sort_by_key(|r| r.start_ns);
    let row = |r: &Recompile| (r.name.clone(), r.known_ns(), r.period == Period::Warmup);
    list.into_iter().map(row).collect()
}

/// All that the facts of a V1 trace with warm-up and device promise.
fn holds(options: &Options) {
    let (report, facts) = report(options);
    assert_eq!(
        report.format,
        if options.high_level_only {
            "gaudi-highlevel"
        } else {
            "gaudi-e2e"
        }
    );
    let serious: Vec<_> = report
        .defects
        .iter()
        .filter(|d| d.kind != "unclosed_array")
        .collect();
    assert!(serious.is_empty(), "{serious:?}");
    assert_eq!(
        count(&report, Period::Serving, Phase::Prefill),
        facts.serving_prefill
    );
    assert_eq!(
        count(&report, Period::Serving, Phase::Decode),
        facts.serving_decode
    );
    assert_eq!(
        count(&report, Period::Warmup, Phase::Prefill),
        facts.warmup_prefill
    );
    assert_eq!(count(&report, Period::Warmup, Phase::Decode), facts.warmup_decode);
    let facts_of = |c: &synth::CompileFact| (c.name.clone(), c.dur_ns, c.warmup);
    let expected: Vec<_> = facts
        .compiles
        .iter()
        .filter(|c| c.recorded)
        .map(facts_of)
        .collect();
    assert_eq!(compiles(&report, Evidence::Recorded), expected);
    assert_eq!(
        compiles(&report, Evidence::Synapse),
        vec![],
        "one compile is told once"
    );
    for (compile, fact) in report.recompiles.iter().zip(&facts.compiles) {
        let step = &report.steps[usize::try_from(compile.step.unwrap()).unwrap()];
        assert_eq!(step.bucket.unwrap().batch, fact.shape.batch, "{}", compile.name);
        assert_eq!(compile.start_is_exact, fact.event, "{}", compile.name);
    }
    let coverage = report.bucket_coverage.as_ref().unwrap();
    let shapes = |list: &[PhaseBucket]| {
        let mut shapes: Vec<Shape> = list.iter().map(shape).collect();
        shapes.sort_unstable();
        shapes
    };
    assert_eq!(shapes(&coverage.warmed), facts.warmed);
    assert_eq!(shapes(&coverage.served), facts.served);
    assert_eq!(shapes(&coverage.served_not_warmed), facts.served_not_warmed);
    let decode = report
        .step_groups
        .iter()
        .filter(|g| g.period == Period::Serving && g.phase == Phase::Decode);
    let batches = decode.map(|g| (g.real_batch.unwrap(), g.padded_batch.unwrap()));
    let (real, padded) = batches.fold((0, 0), |sum, b| (sum.0 + b.0, sum.1 + b.1));
    assert_eq!((real, padded), (facts.real_batch, facts.padded_batch));
    let serving_prefill = |s: &&Step| s.period == Period::Serving && s.phase == Phase::Prefill;
    let tokens = report
        .steps
        .iter()
        .filter(serving_prefill)
        .map(|s| s.tokens.unwrap());
    assert_eq!(tokens.sum::<u64>(), facts.prefill_tokens);
    let outlier = facts.outlier.unwrap();
    let base_ns = if options.high_level_only {
        1_790_857_026_000_000_000
    } else {
        0
    };
    assert!(
        report
            .steps
            .iter()
            .any(|s| s.start_ns == base_ns + outlier.start && s.dur_ns == outlier.len_ns())
    );
}

#[test]
fn the_analyses_find_exactly_what_the_sample_holds() {
    let options = Options::sample();
    holds(&options);
    let (report, facts) = report(&options);
    assert_eq!(report.capture_start_ns, Some(facts.capture.start));
    assert_eq!(report.capture_end_ns, Some(facts.capture.end));
    let device = report.device_time.iter().find(|d| d.scope == "all").unwrap();
    assert_eq!(device.compute_ns, facts.device_compute_ns);
    assert!(report.synchronised_capture);
    let found: Vec<&str> = report.findings.iter().map(|f| f.id.as_str()).collect();
    assert!(found.contains(&"compiles-while-serving"), "{found:?}");
}

#[test]
fn the_analyses_find_exactly_what_other_seeds_hold() {
    for seed in [2, 3, 40] {
        holds(&Options {
            seed,
            serving_compiles: 6,
            unwarmed_buckets: 3,
            ..Options::wide(Target::Steps(150))
        });
    }
    holds(&Options {
        high_level_only: true,
        compile_events: false,
        ..Options::sample()
    });
}

#[test]
fn a_server_without_compiles_has_none() {
    let (report, facts) = report(&Options {
        serving_compiles: 0,
        unwarmed_buckets: 0,
        outlier: false,
        warmup: false,
        compile_tracking: false,
        ..Options::sample()
    });
    assert_eq!(facts.compiles, vec![]);
    assert_eq!(report.recompiles, vec![]);
    assert!(!report.synchronised_capture);
    assert_eq!(
        count(&report, Period::Serving, Phase::Decode),
        facts.serving_decode
    );
    assert_eq!(
        report.steps.len() as u64,
        facts.serving_decode + facts.serving_prefill
    );
}

#[test]
fn v0_compiles_are_known_by_synapse_alone() {
    let (report, facts) = report(&Options {
        engine: Engine::V0,
        ..Options::sample()
    });
    let facts_of = |c: &synth::CompileFact| (c.dur_ns, c.warmup);
    let expected: Vec<_> = facts.compiles.iter().map(facts_of).collect();
    let found = compiles(&report, Evidence::Synapse);
    assert_eq!(
        found
            .into_iter()
            .map(|(_, dur, warm)| (dur, warm))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(report.recompiles.len(), expected.len());
    assert_eq!(
        count(&report, Period::Serving, Phase::Prefill),
        facts.serving_prefill
    );
    assert_eq!(
        count(&report, Period::Serving, Phase::Decode),
        facts.serving_decode
    );
    assert_eq!(count(&report, Period::Warmup, Phase::Decode), facts.warmup_decode);
}
