//! The engine against the generator: what was put into an invented trace must be found in it, whatever the seed.

use std::collections::BTreeSet;

use stepscope::analyze::report::{Evidence, Period, Phase};
use stepscope::base::Union;
use stepscope::session::{Opened, open_bytes};
use stepscope::synth::{self, Engine, Facts, Options, Shape, Target};

fn open(options: &Options) -> (Opened, Facts) {
    let mut text = Vec::new();
    let written = synth::write(options, &mut text).unwrap();
    (open_bytes("x", &text).unwrap(), written.facts)
}

/// What the generator writes as `baseTimeNanoseconds`.
const FACTS_ZERO_NS: i64 = 1_790_857_026_000_000_000;

fn check(options: &Options) {
    let (t, facts) = open(options);
    let what = format!("{options:?}");
    let r = &t.report;
    let count = |period: Period, phase: Phase| {
        let is = |s: &&stepscope::analyze::report::Step| s.period == period && s.phase == phase;
        r.steps.iter().filter(is).count() as u64
    };
    assert_eq!(
        count(Period::Serving, Phase::Prefill),
        facts.serving_prefill,
        "{what}"
    );
    assert_eq!(
        count(Period::Serving, Phase::Decode),
        facts.serving_decode,
        "{what}"
    );
    assert_eq!(
        count(Period::Warmup, Phase::Prefill),
        facts.warmup_prefill,
        "{what}"
    );
    assert_eq!(
        count(Period::Warmup, Phase::Decode),
        facts.warmup_decode,
        "{what}"
    );

    let decode = r
        .step_groups
        .iter()
        .filter(|g| g.period == Period::Serving && g.phase == Phase::Decode);
    let (mut real, mut padded) = (0, 0);
    for group in decode {
        real += group.real_batch.expect("every pass has its counters");
        padded += group.padded_batch.expect("and its bucket");
    }
    assert_eq!((real, padded), (facts.real_batch, facts.padded_batch), "{what}");

    if let Some(coverage) = &r.bucket_coverage {
        let shapes = |rows: &[stepscope::analyze::report::PhaseBucket]| -> BTreeSet<Shape> {
            rows.iter()
                .map(|b| Shape {
                    prefill: b.phase == Phase::Prefill,
                    batch: b.bucket.batch,
                    seq: b.bucket.seq.unwrap(),
                    ctx: b.bucket.ctx.unwrap(),
                })
                .collect()
        };
        let set = |list: &[Shape]| list.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(shapes(&coverage.warmed), set(&facts.warmed), "{what}");
        assert_eq!(shapes(&coverage.served), set(&facts.served), "{what}");
        assert_eq!(
            shapes(&coverage.served_not_warmed),
            set(&facts.served_not_warmed),
            "{what}"
        );
    }
    assert_eq!(r.bucket_coverage.is_some(), options.warmup, "{what}");

    let found: Vec<_> = r
        .recompiles
        .iter()
        .filter(|c| c.evidence != Evidence::Suspected)
        .collect();
    let put: Vec<_> = facts.compiles.iter().filter(|c| c.recorded || c.event).collect();
    assert_eq!(found.len(), put.len(), "{what}");
    let sorted = |mut list: Vec<(i64, bool)>| {
        list.sort_unstable();
        list
    };
    assert_eq!(
        sorted(
            found
                .iter()
                .map(|c| (c.known_ns(), c.period == Period::Warmup))
                .collect()
        ),
        sorted(put.iter().map(|c| (c.dur_ns, c.warmup)).collect()),
        "{what}"
    );
    // A file of the high-level profiler alone counts from 1970, in steps of 250 ns; the facts always count from
    // the torch profiler's base.
    let zero = FACTS_ZERO_NS - r.base_time_ns.expect("both kinds of file say");
    for row in &found {
        let (Some(step), true) = (row.step, options.compile_tracking) else {
            continue;
        };
        let step = &r.steps[step as usize];
        let fact = put
            .iter()
            .find(|c| c.name == row.name && (c.pass.start + zero).abs_diff(step.start_ns) <= 250)
            .unwrap_or_else(|| panic!("{} is not in the step at {}: {what}", row.name, step.start_ns));
        assert_eq!(fact.dur_ns, row.known_ns(), "{what}");
    }

    if options.with_device && !options.high_level_only {
        let slices = &t.index.slices;
        let compute = slices
            .ids()
            .filter(|&id| t.vocabulary.role(id).is_device_compute())
            .map(|id| slices.span(id));
        assert_eq!(Union::of(compute).total_ns(), facts.device_compute_ns, "{what}");
        let of_steps: i64 = r
            .steps
            .iter()
            .filter_map(|s| Some(s.device.as_ref()?.compute_ns))
            .sum();
        assert_eq!(
            of_steps, facts.device_compute_ns,
            "each piece of work has its step: {what}"
        );
    }
    if !options.high_level_only {
        let capture = (r.capture_start_ns, r.capture_end_ns);
        assert_eq!(
            capture,
            (Some(facts.capture.start), Some(facts.capture.end)),
            "{what}"
        );
    }
}

#[test]
fn what_was_put_into_a_trace_is_found_in_it() {
    for seed in 1..3 {
        for engine in [Engine::V1, Engine::V0] {
            for warmup in [true, false] {
                let all = Options {
                    seed,
                    engine,
                    warmup,
                    target: Target::Steps(60),
                    ..Options::sample()
                };
                check(&all);
                check(&Options {
                    high_level_only: true,
                    ..all.clone()
                });
                check(&Options {
                    compile_tracking: false,
                    with_python: false,
                    ..all.clone()
                });
                check(&Options {
                    compile_events: false,
                    tpc_lanes: 8,
                    ..all
                });
            }
        }
    }
}
