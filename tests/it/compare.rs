//! Two traces compared: nothing between a trace and itself; one cause made slower by a known amount is named with that
//! amount; HTA's pairs give HTA's answers; rules and baselines of the command line.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use stepscope::analyze::compare::compare;
use stepscope::analyze::report::{Change, Comparison, Profile};
use stepscope::session::open_bytes;
use stepscope::synth::simulator::{Engine, Family, Injection, simulate};

use crate::corpus;

fn profile(engine: Engine) -> Profile {
    let run = simulate(engine);
    let (name, text) = &run.traces[0];
    Profile::of(&open_bytes(name, text.as_bytes()).unwrap().report)
}

fn of_family(family: Family) -> Engine {
    Engine {
        steps: 40,
        every: true,
        ..Engine::of(family, false)
    }
}

#[test]
fn a_trace_does_not_differ_from_itself() {
    for family in Family::ALL {
        let a = profile(of_family(family));
        let found = compare(&a, &a);
        assert_eq!(found.differences, 0, "{family:?}: {}", found.says);
        assert_eq!(
            found.comparable.score, 1.0,
            "{family:?}: {:?}",
            found.comparable.reasons
        );
        assert!(
            found.says.contains("Nothing differs by more than chance."),
            "{}",
            found.says
        );
    }
}

/// The cause that explains most of the difference, and what the sentence says.
fn first_cause(found: &Comparison) -> (String, i64, f64) {
    let row = &found.causes[0];
    (
        row.cause.key(),
        row.per_step_ns,
        row.b_per_step_ns as f64 / row.a_per_step_ns as f64,
    )
}

#[test]
fn a_cause_made_slower_by_a_tenth_is_named_with_a_tenth() {
    const INJECTED: [(Injection, &str); 6] = [
        (Injection::Python, "gap_python"),
        (Injection::Operator, "gap_host_op"),
        (Injection::LaunchCall, "gap_submit"),
        (Injection::InputPreparation, "gap_input_prep"),
        (Injection::Sampler, "gap_sampler"),
        (Injection::SlowKernel, "device_compute"),
    ];
    let mut n = 0;
    for family in Family::ALL {
        let engine = of_family(family);
        let a = profile(engine);
        let alone = compare(&a, &a);
        for (injection, cause) in INJECTED {
            // What does not occur in a family cannot be a tenth slower.
            let Some(before) = alone.causes.iter().find(|row| row.cause.key() == cause) else {
                continue;
            };
            let tenth = before.a_per_step_ns / 10;
            let found = compare(&a, &profile(engine.with(injection, tenth)));
            let what = format!("{family:?} {injection:?}: {}", found.says);
            let (key, ns, ratio) = first_cause(&found);
            assert_eq!(key, cause, "{what}");
            assert!(
                ns.abs_diff(tenth) <= 1 + tenth.unsigned_abs() / 100,
                "{ns} of {tenth}: {what}"
            );
            assert!((ratio - 1.1).abs() < 0.002, "{ratio}: {what}");
            assert!(found.says.contains("(1.10 ×)"), "{what}");
            let row = found.step_time.iter().find(|row| row.is_step_time).unwrap();
            assert_eq!(row.significant, Some(true), "{what}");
            n += 1;
        }
    }
    assert!(n >= 30, "{n} pairs");
}

#[test]
fn compiles_that_one_side_has_are_counted() {
    let engine = Engine::of(Family::GaudiLazy, false);
    let found = compare(
        &profile(engine),
        &profile(engine.with(Injection::Compile, 400_000_000)),
    );
    let added: Vec<_> = found
        .recompiles
        .iter()
        .map(|r| (r.change, r.b_count, r.b_total_ns))
        .collect();
    assert_eq!(added, [(Change::Added, 1, 400_000_000)]);
    assert!(
        found
            .says
            .contains("Graph compiles while serving: 0 in A (0 ns), 1 in B (400 ms)"),
        "{}",
        found.says
    );
}

#[test]
fn traces_without_steps_are_shown_and_not_judged() {
    let nothing = Profile::default();
    let found = compare(&nothing, &profile(of_family(Family::CudaEager)));
    assert_eq!(found.comparable.score, 0.0);
    assert!(
        found.says.contains("A has no served steps without a compile."),
        "{}",
        found.says
    );
    assert!(found.step_time.iter().all(|row| row.significant.is_none()));
}

/// `test_trace_diff.py` of HTA: operators of the test trace that the control lacks.
#[test]
fn hta_s_pair_has_hta_s_differences() {
    let Some(root) = corpus::root() else { return };
    let of = |side: &str| {
        let file = root.join(format!("kineto/hta/trace_compare/{side}/{side}.json.gz"));
        Profile::of(&open_bytes(side, &std::fs::read(file).unwrap()).unwrap().report)
    };
    let found = compare(&of("base"), &of("test"));
    let mut added: Vec<&str> = Vec::new();
    added.extend(
        found
            .operators
            .iter()
            .filter(|r| r.change == Change::Added)
            .map(|r| r.name.as_str()),
    );
    added.sort_unstable();
    assert_eq!(added, ["AddmmBackward0", "All2All_Pooled_Req", "CatBackward0"]);
    // HTA counts one iteration, in which it is gone; the base has it in another one, too, in both files.
    let reduce = found
        .operators
        .iter()
        .find(|r| r.name == "nccl:all_reduce")
        .unwrap();
    assert_eq!((reduce.a_count, reduce.b_count), (2, 1));
    let kernels =
        |of: fn(&stepscope::analyze::report::WorkRow) -> u64| found.kernels.iter().map(of).sum::<u64>();
    assert_eq!(
        kernels(|r| r.a_count) - kernels(|r| r.b_count),
        1,
        "gpu: one less"
    );
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Exit status, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("stepscope").unwrap();
    let out = command.current_dir(data("")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn rules_say_how_they_are_broken() {
    let (eager, graphs) = ("cuda_eager.json.gz", "cuda_graphs.json.gz");
    let kept = run(&["compare", eager, eager, "--fail-if", "decode.p50 > 1.05"]);
    assert_eq!((kept.0, kept.2.as_str()), (0, ""));
    let broken = run(&["compare", graphs, eager, "--fail-if", "decode.p50 > 1.05"]);
    assert_eq!(broken.0, 3);
    assert!(
        broken
            .2
            .contains("the rule is broken: decode.p50 > 1.05 (B over A is 1."),
        "{}",
        broken.2
    );
    let both = "decode.p50 > 1.05 and decode.count < 0.5";
    assert_eq!(
        run(&["compare", graphs, eager, "--fail-if", both]).0,
        0,
        "only one of the two holds"
    );
    for (wrong, why) in [
        ("decode.p50 > 1.05ms", "no unit"),
        ("decode.p50 > 5%", "no unit"),
        ("decode.p75 > 1", "there are p50, p90"),
    ] {
        let out = run(&["compare", eager, eager, "--fail-if", wrong]);
        assert_eq!(out.0, 2, "{wrong}");
        assert!(out.2.contains(why), "{wrong}: {}", out.2);
    }
    let unknown = run(&["compare", eager, eager, "--fail-if", "decodes.p50 > 1"]);
    assert_eq!(unknown.0, 2);
    assert!(
        unknown
            .2
            .contains("no table or phase \"decodes\"; the nearest: decode"),
        "{}",
        unknown.2
    );
    assert_eq!(unknown.1, "", "nothing is written before a rule is understood");
}

#[test]
fn check_takes_rules_on_values() {
    let compiles = "gaudi_lazy_compile.json.gz";
    assert_eq!(
        run(&["check", compiles, "--fail-if", "recompiles.serving > 0"]).0,
        3
    );
    assert_eq!(
        run(&[
            "check",
            "cuda_eager.json.gz",
            "--fail-if",
            "recompiles.serving > 0"
        ])
        .0,
        0
    );
    assert_eq!(run(&["check", compiles, "--fail-if", "decode.p50 > 1s"]).0, 0);
    assert_eq!(run(&["check", compiles, "--fail-if", "decode.p50 > 1us"]).0, 3);
    assert_eq!(
        run(&["check", compiles, "--fail-if", "recompiles.rows == 1"]).0,
        3
    );
    let column = run(&["check", compiles, "--fail-if", "kernels[BatchGemm].total > 0"]);
    assert_eq!(column.0, 2);
    assert!(column.2.contains("the nearest: total_ns"), "{}", column.2);
    let share = run(&["check", compiles, "--fail-if", "decode.p50 > 50%"]);
    assert_eq!(share.0, 2);
    assert!(share.2.contains("the value is a time"), "{}", share.2);
    let wrong = run(&["check", compiles, "--fail-if", "decode is slow"]);
    assert_eq!(wrong.0, 2);
    assert!(wrong.2.contains("expected NAME OP NUMBER"), "{}", wrong.2);
}

#[test]
fn a_baseline_stands_in_for_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let baseline = folder.path().join("before.json");
    let name = baseline.to_str().unwrap();
    let (a, b) = ("cuda_graphs.json.gz", "cuda_eager.json.gz");
    assert_eq!(run(&["compare", a, a, "--save-baseline", name]).0, 0);
    let of_trace: Value = serde_json::from_str(&run(&["compare", a, b, "--format", "json"]).1).unwrap();
    let of_baseline: Value = serde_json::from_str(&run(&["compare", name, b, "--format", "json"]).1).unwrap();
    assert_eq!(of_trace, of_baseline);
    assert_eq!(of_trace["schema"], "stepscope.compare/1");
    // Never over what is read.
    let over = run(&["compare", name, b, "--save-baseline", name]);
    assert_eq!(over.0, 2, "{}", over.2);
    let no_tables = run(&["compare", name, b, "--fail-if", "kernels.rows > 2"]);
    assert_eq!(no_tables.0, 2);
    assert!(no_tables.2.contains("is a baseline"), "{}", no_tables.2);
    std::fs::write(&baseline, &std::fs::read(&baseline).unwrap()[..300]).unwrap();
    let cut = run(&["compare", name, b]);
    assert_eq!(cut.0, 2);
    assert!(cut.2.contains("is no whole baseline"), "{}", cut.2);
}

/// What scripts rely on.
#[test]
fn the_names_of_the_comparison_are_fixed() {
    let (_, json, _) = run(&[
        "compare",
        "cuda_graphs.json.gz",
        "gaudi_lazy_compile.json.gz",
        "--format",
        "json",
    ]);
    let found: Value = serde_json::from_str(&json).unwrap();
    let keys = |of: &Value| -> Vec<String> { of.as_object().unwrap().keys().cloned().collect() };
    let has = |of: &Value, wanted: &[&str]| {
        let keys = keys(of);
        for key in wanted {
            assert!(keys.iter().any(|k| k == key), "{key} is not in {keys:?}");
        }
    };
    has(
        &found,
        &[
            "schema",
            "a",
            "b",
            "comparable",
            "step_time",
            "causes",
            "recompiles",
            "kernels",
            "operators",
            "device_time",
            "memory",
            "says",
            "differences",
        ],
    );
    has(&found["a"], &["file", "format", "steps"]);
    has(&found["comparable"], &["score", "reasons"]);
    has(
        &found["step_time"][0],
        &[
            "phase",
            "bucket",
            "basis",
            "a_count",
            "b_count",
            "a_p50_ns",
            "b_p50_ns",
            "ratio",
            "significant",
        ],
    );
    has(&found["causes"][0], &["cause", "per_step_ns", "share"]);
    assert!(
        found["comparable"]["score"].as_f64().unwrap() < 0.6,
        "another device and other kernels"
    );
}

/// Decode steps of a CUDA-like engine: `(batch, ms)` each, with one kernel that takes half of it.
fn steps_of(batches: &[(u32, f64)]) -> Profile {
    steps_apart(batches, 20.0)
}

/// The same with so many microseconds between two steps.
fn steps_apart(batches: &[(u32, f64)], gap: f64) -> Profile {
    let mut events = Vec::new();
    let mut at = 0.0;
    for (i, (batch, ms)) in batches.iter().enumerate() {
        let (name, dur) = (
            format!("execute_context_0(0)_generation_{batch}({batch})"),
            ms * 1000.0,
        );
        events.push(format!(
            r#"{{"ph":"X","cat":"user_annotation","name":"{name}","pid":9,"tid":9,"ts":{at},"dur":{dur}}},
               {{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":9,"tid":9,"ts":{},"dur":5,
                 "args":{{"correlation":{i}1}}}},
               {{"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":{},"dur":{},"args":{{"correlation":{i}1,
                 "device":0,"stream":7}}}}"#,
            at + 1.0,
            at + 10.0,
            dur / 2.0
        ));
        at += dur + gap;
    }
    let text = format!(
        r#"{{"schemaVersion":1,"deviceProperties":[{{"id":0}}],"traceEvents":[{}]}}"#,
        events.join(",")
    );
    Profile::of(&open_bytes("x", text.as_bytes()).unwrap().report)
}

#[test]
fn other_batches_are_no_slowdown() {
    let of = |fours: usize, eights: usize| {
        let mut steps = vec![(4, 4.0); fours];
        steps.extend(vec![(8, 9.0); eights]);
        steps_of(&steps)
    };
    let found = compare(&of(30, 10), &of(10, 30));
    assert!(
        found
            .says
            .contains("Decode steps of like size show no difference beyond chance (1.00 ×"),
        "{}",
        found.says
    );
    assert!(!found.says.contains("slower"), "{}", found.says);
    assert!(
        found.kernels.iter().all(|k| k.change == Change::NotJudged),
        "{:?}",
        found.kernels
    );
    let apart = compare(&of(20, 0), &of(0, 20));
    assert!(
        apart.says.contains("Decode steps of no size are in both traces"),
        "{}",
        apart.says
    );
}

#[test]
fn too_few_steps_claim_nothing() {
    let few = compare(&steps_of(&[(4, 4.0); 20]), &steps_of(&[(4, 6.0); 3]));
    assert!(few.says.contains("too few steps to judge"), "{}", few.says);
    assert!(!few.says.contains("Nothing differs"), "{}", few.says);
}

#[test]
fn faster_is_said_with_bounds_of_the_same_direction() {
    let slow: Vec<(u32, f64)> = (0..40).map(|i| (4, 13.0 + f64::from(i % 3))).collect();
    let fast: Vec<(u32, f64)> = slow.iter().map(|&(batch, ms)| (batch, ms / 1.3)).collect();
    let found = compare(&steps_of(&slow), &steps_of(&fast));
    assert!(found.says.contains("1.30 × faster (95 %: 1."), "{}", found.says);
    let found = compare(
        &steps_of(&fast),
        &steps_of(&fast.iter().map(|&(b, ms)| (b, ms * 1.02)).collect::<Vec<_>>()),
    );
    assert!(!found.says.contains("fewer calls"), "{}", found.says);
}

#[test]
fn a_baseline_is_called_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let run_file = simulate(of_family(Family::ALL[0])).traces.remove(0);
    let trace = dir.path().join("trace.json");
    std::fs::write(&trace, run_file.1).unwrap();
    let kept = dir.path().join("kept.json");
    let (trace, kept) = (trace.to_str().unwrap(), kept.to_str().unwrap());
    let (code, _, err) = run(&["compare", trace, trace, "--save-baseline", kept]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = run(&["report", kept]);
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("a baseline of Stepscope") && err.contains("stepscope compare"),
        "{err}"
    );
    // Also where the number of this version starts with that of another.
    let text = std::fs::read_to_string(kept).unwrap();
    for version in ["9", "10"] {
        let other = text.replacen(
            "stepscope.baseline/1",
            &format!("stepscope.baseline/{version}"),
            1,
        );
        std::fs::write(kept, other).unwrap();
        let (code, _, err) = run(&["compare", kept, trace]);
        assert_eq!(code, 2, "{err}");
        let says = format!("a baseline of another version of Stepscope (stepscope.baseline/{version})");
        assert!(err.contains(&says), "{err}");
    }
}

#[test]
fn a_host_that_waits_longer_between_steps_is_said_where_host_times_are_alike() {
    let steps: Vec<(u32, f64)> = (0..40).map(|i| (4, 4.0 + f64::from(i % 3) / 100.0)).collect();
    let found = compare(&steps_apart(&steps, 100.0), &steps_apart(&steps, 900.0));
    assert!(
        found
            .says
            .contains("Decode steps show no difference beyond chance"),
        "{}",
        found.says
    );
    assert!(
        found
            .says
            .contains("From the start of a step to that of the next they are 1.19 × slower"),
        "{}",
        found.says
    );
    let alike = compare(&steps_apart(&steps, 100.0), &steps_apart(&steps, 100.0));
    assert!(!alike.says.contains("From the start of a step"), "{}", alike.says);
}

#[test]
fn steps_that_drift_are_not_judged() {
    let drifting =
        |from: f64| -> Vec<(u32, f64)> { (0..40).map(|i| (4, from + f64::from(i) / 20.0)).collect() };
    let found = compare(&steps_of(&drifting(4.0)), &steps_of(&drifting(4.5)));
    assert!(
        found.says.contains("they drift, each much like the one before"),
        "{}",
        found.says
    );
    let row = found.step_time.iter().find(|row| row.is_step_time).unwrap();
    assert_eq!((row.significant, row.drifts), (None, true));
}

/// What one event of a made trace is.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Marker,
    Launch,
    Kernel,
}

/// 40 decode steps with three kernels of 1 ms each, launched before they start; `keep` says of each event what becomes
/// of it: `None` leaves it out, `Some` moves it by so many microseconds; `linked` says whether launches and kernels have
/// numbers.
fn made(step_us: impl Fn(u32) -> [f64; 2], linked: bool, keep: impl Fn(Part, u32) -> Option<f64>) -> Profile {
    let mut events = Vec::new();
    let mut add = |part: Part, n: u32, name: &str, place: &str, (ts, dur): (f64, f64)| {
        let Some(moved) = keep(part, n) else { return };
        let cat = match part {
            Part::Marker => "user_annotation",
            Part::Launch => "cuda_runtime",
            Part::Kernel => "kernel",
        };
        let args = match (linked, part) {
            (true, Part::Launch) => format!(r#"{{"correlation":{n}}}"#),
            (true, Part::Kernel) => format!(r#"{{"correlation":{n},"device":0,"stream":7}}"#),
            (false, Part::Kernel) => r#"{"device":0,"stream":7}"#.to_owned(),
            _ => "{}".to_owned(),
        };
        events.push(format!(
            r#"{{"ph":"X","cat":"{cat}","name":"{name}",{place},"ts":{},"dur":{dur},"args":{args}}}"#,
            ts + moved
        ));
    };
    let mut at = 100_000.0;
    for step in 0..40 {
        let [took, gap] = step_us(step);
        let name = "execute_context_0(0)_generation_4(4)";
        add(Part::Marker, step, name, r#""pid":9,"tid":9"#, (at, took));
        for i in 0..3 {
            let (n, after) = (1 + step * 3 + i, 200.0 * f64::from(i));
            add(
                Part::Launch,
                n,
                "cudaLaunchKernel",
                r#""pid":9,"tid":9"#,
                (at + 50.0 + after, 20.0),
            );
            let start = at + 300.0 + 1_000.0 * f64::from(i);
            add(Part::Kernel, n, "gemm", r#""pid":0,"tid":7"#, (start, 1_000.0));
        }
        at += took + gap;
    }
    let text = format!(
        r#"{{"schemaVersion":1,"deviceProperties":[{{"id":0}}],"traceEvents":[{}]}}"#,
        events.join(",")
    );
    Profile::of(&open_bytes("x", text.as_bytes()).unwrap().report)
}

fn whole(_: Part, _: u32) -> Option<f64> {
    Some(0.0)
}

/// Steps of 4 ms, of which every third is 10 µs longer: not all are equal; 500 µs between them.
fn about_4_ms(step: u32) -> [f64; 2] {
    [4_000.0 + f64::from(step % 3) * 10.0, 500.0]
}

fn a_fifth_longer(step: u32) -> [f64; 2] {
    about_4_ms(step).map(|us| us * 1.2)
}

#[test]
fn a_side_without_a_device_is_explained_by_the_hosts_parts_of_both() {
    let a = made(about_4_ms, true, whole);
    let b = made(a_fifth_longer, true, |part, _| {
        (part == Part::Marker).then_some(0.0)
    });
    for (a, b, says) in [
        (
            &a,
            &b,
            "Only A records the device: what the device does in B is unknown",
        ),
        (
            &b,
            &a,
            "Only B records the device: what the device does in A is unknown",
        ),
    ] {
        let found = compare(a, b);
        assert!(found.says.contains(says), "{}", found.says);
        assert!(found.comparable.score < 1.0, "{}", found.says);
        assert!(!found.says.contains("none in"), "{}", found.says);
        assert!(found.causes.len() > 1, "{:?}", found.causes);
        for row in &found.causes {
            let key = row.cause.key();
            assert!(key.starts_with("host_") || key == "between_steps", "{key}");
        }
        assert_eq!(found.kernels, [], "a kernel that is not recorded is not gone");
    }
    // Both without a device have it in common.
    assert_eq!(compare(&b, &b).comparable.score, 1.0);
}

#[test]
fn lost_device_work_is_a_lower_bound_and_explains_nothing() {
    let a = made(about_4_ms, true, whole);
    // Each second kernel, which is 60 of 120; the steps are 1.2 times as long.
    let lossy = |part, n| (part != Part::Kernel || n % 2 == 0).then_some(0.0);
    let found = compare(&a, &made(a_fifth_longer, true, lossy));
    assert!(
        found
            .says
            .contains("In B 60 of 120 launches have no recorded work: what its device did is a lower bound"),
        "{}",
        found.says
    );
    assert!(
        found
            .says
            .contains("What explains it is unknown, because in B 60 of 120 launches"),
        "{}",
        found.says
    );
    assert!(found.comparable.score < 1.0);
    assert_eq!(found.causes, []);
    assert!(!found.kernels.is_empty());
    assert!(
        found
            .kernels
            .iter()
            .all(|k| matches!(k.change, Change::NotJudged | Change::Same)),
        "{:?}",
        found.kernels
    );
    // With steps as long as before, too, not all is known to be alike.
    let alike = compare(&a, &made(about_4_ms, true, lossy));
    assert!(!alike.says.contains("Nothing differs"), "{}", alike.says);
}

#[test]
fn idle_time_that_one_side_cannot_explain_is_one_part() {
    let a = made(about_4_ms, true, whole);
    let early = |part, _| Some(if part == Part::Kernel { -40_000.0 } else { 0.0 });
    let others = [
        (
            made(about_4_ms, false, whole),
            "In B nothing links its work with the calls",
        ),
        (
            made(about_4_ms, true, early),
            "In B the clocks of host and device disagree by about 40 ms",
        ),
    ];
    for (b, says) in others {
        let found = compare(&a, &b);
        assert!(found.says.contains(says), "{}", found.says);
        assert!(found.comparable.score < 1.0, "{}", found.says);
        let keys: Vec<String> = found.causes.iter().map(|row| row.cause.key()).collect();
        assert!(keys.iter().all(|key| !key.starts_with("gap_")), "{keys:?}");
        assert!(keys.iter().any(|key| key == "device_idle"), "{keys:?}");
        // The same is missing on both sides: they are alike in that.
        let same = compare(&b, &b);
        assert_eq!(same.comparable.score, 1.0, "{}", same.says);
    }
}

#[test]
fn a_mean_that_one_long_step_moves_is_said() {
    let a = made(about_4_ms, true, whole);
    // 60 ms behind one step, of which 38 lie in the device's recording: 1.58 ms a step, nothing in the median.
    let paused = made(
        |step| {
            let [took, gap] = about_4_ms(step);
            [took, gap + if step == 20 { 60_000.0 } else { 0.0 }]
        },
        true,
        whole,
    );
    let found = compare(&a, &paused);
    let says = "Their mean goes from 4.51 ms to 6.09 ms from the start of a step to that of the next: half of that is \
                in the longest of 39 steps of B. Of +1.58 ms from step to step on average: ";
    assert!(found.says.contains(says), "{}", found.says);
    assert!(!found.says.contains("Nothing differs"), "{}", found.says);
    let back = compare(&paused, &a);
    assert!(
        back.says.contains("in the longest of 39 steps of A"),
        "{}",
        back.says
    );
}

#[test]
fn causes_that_cancel_have_no_share_and_nothing_is_below_zero() {
    let a = made(about_4_ms, true, whole);
    // The device's work starts 200 µs later, and is done as much later: one cause takes from another.
    let later = made(
        |step| about_4_ms(step).map(|us| us + 0.05),
        true,
        |part, _| Some(if part == Part::Launch { 150.0 } else { 0.0 }),
    );
    let found = compare(&a, &later);
    assert!(
        found.causes.iter().any(|row| row.per_step_ns.abs() > 100_000),
        "{:?}",
        found.causes
    );
    assert!(
        found.causes.iter().all(|row| row.share.is_none()),
        "{:?}",
        found.causes
    );
    let other = steps_of(&[(8, 4.0); 20]);
    let none_alike = compare(&steps_of(&[(4, 4.0); 20]), &other);
    assert!(
        none_alike.says.contains("steps are 0 % alike"),
        "{}",
        none_alike.says
    );
    assert!(none_alike.comparable.score.is_sign_positive());
    let negative = |ns: Option<f64>| ns.is_some_and(|share| share == 0.0 && share.is_sign_negative());
    assert!(none_alike.causes.iter().all(|row| !negative(row.share)));
}
