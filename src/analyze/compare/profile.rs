//! What of a report is compared: steps that are served and did not compile, by class; and what they are made of.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::gaps::activity::held_up_by;
use crate::analyze::gaps::step_causes;
use crate::analyze::report::{
    BASELINE_SCHEMA, CompilesOf, Limit, MemoryPeakOf, Period, Phase, Profile, Recompile, Step, StepCauses,
    StepClass, StepTimes, TraceReport, Work,
};
use crate::analyze::steps::like::LikeSize;
use crate::analyze::steps::{times, verdict};
use crate::base::order;

impl Profile {
    pub fn of(report: &TraceReport) -> Profile {
        let mut steps: Vec<&Step> = served(report).collect();
        order::sort_by_key(&mut steps, |s| s.index);
        let (classes, steps) = classes(&steps);
        let decode = || report.step_groups.iter().filter(|g| g.phase == Phase::Decode);
        let sum = |of: fn(&crate::analyze::report::StepGroup) -> Option<u64>| -> Option<u64> {
            decode().filter(|g| g.period != Period::Warmup).map(of).sum()
        };
        let has_padding = decode().any(|g| g.padded_batch.is_some());
        Profile {
            schema: BASELINE_SCHEMA.to_owned(),
            file: report.file.clone(),
            format: report.format.clone(),
            device_kind: report.device_kind.clone(),
            device_name: report.device_name.clone(),
            engine: report.engine.clone(),
            world_size: report.world_size.and_then(|n| u64::try_from(n).ok()),
            step_time: report.step_time.clone(),
            recording: recording(report),
            all_steps: report.steps.len() as u64,
            classes,
            steps,
            causes: report.step_causes.clone(),
            host_causes: host_causes(report),
            limits: limits(report),
            events_lost: report.defects.iter().map(|d| d.events_lost).sum(),
            events: report.events,
            compiles: compiles(&report.recompiles),
            kernels: report
                .kernels
                .iter()
                .map(|k| Work {
                    name: k.name.clone(),
                    kind: k.kind.clone(),
                    count: k.count,
                    total_ns: k.total_ns,
                    deviation_ns: Some(k.deviation_ns),
                })
                .collect(),
            families: report
                .kernel_families
                .iter()
                .map(|f| Work {
                    name: f.family.key().to_owned(),
                    kind: String::new(),
                    count: f.count,
                    total_ns: f.total_ns,
                    deviation_ns: None,
                })
                .collect(),
            operators: report
                .operators
                .iter()
                .map(|o| Work {
                    name: o.name.clone(),
                    kind: String::new(),
                    count: o.count,
                    total_ns: o.self_cpu_ns,
                    deviation_ns: Some(o.self_deviation_ns),
                })
                .collect(),
            device_time: report.device_time.clone(),
            memory: report
                .memory
                .iter()
                .flat_map(|m| &m.devices)
                .map(|d| MemoryPeakOf {
                    device: d.label(),
                    peak_bytes: d.peak_bytes,
                })
                .collect(),
            real_rows: has_padding.then(|| sum(|g| g.real_batch)).flatten(),
            padded_rows: has_padding.then(|| sum(|g| g.padded_batch)).flatten(),
        }
    }
}

fn host_causes(report: &TraceReport) -> Vec<StepCauses> {
    if report.device_time.is_empty() {
        return Vec::new();
    }
    let compiling = held_up_by(&report.recompiles);
    let phases = verdict::PHASES.into_iter();
    phases
        .filter_map(|phase| step_causes::on_host(&report.steps, phase, &compiling))
        .collect()
}

/// Those of its verdicts, one of a kind: of several devices or phases the first.
fn limits(report: &TraceReport) -> Vec<Limit> {
    let mut found: Vec<Limit> = Vec::new();
    for limit in report.verdicts.iter().flat_map(|v| &v.limits) {
        if found.iter().all(|known| known.kind != limit.kind) {
            found.push(limit.clone());
        }
    }
    found
}

/// The steps that are compared: those of the verdicts, of all phases, that did not compile.
fn served(report: &TraceReport) -> impl Iterator<Item = &Step> {
    let of_phase = |phase| verdict::of_phase(&report.steps, phase, None);
    verdict::PHASES
        .into_iter()
        .flat_map(of_phase)
        .filter(|s| !s.compiled)
}

fn classes(steps: &[&Step]) -> (Vec<StepClass>, Vec<StepTimes>) {
    let class_of = |step: &Step| {
        let like = LikeSize::of(step);
        StepClass {
            phase: like.phase,
            bucket: like.bucket,
            class: like.class_says(),
        }
    };
    let places: BTreeMap<StepClass, usize> = {
        let all: BTreeSet<StepClass> = order::inserted(steps.iter().map(|s| class_of(s)));
        order::inserted(all.into_iter().zip(0..))
    };
    let times = |step: &&Step| StepTimes {
        class: places.get(&class_of(step)).copied().unwrap_or(0),
        step_ns: step.step_ns,
        interval_ns: step.interval_ns,
        host_ns: Some(step.host_ns).filter(|&ns| ns > 0),
        call_ns: Some(step.call_ns),
        device_ns: times::device_span_ns(step),
    };
    let times = steps.iter().map(times).collect();
    (places.into_keys().collect(), times)
}

fn compiles(all: &[Recompile]) -> Vec<CompilesOf> {
    let mut by_graph: BTreeMap<_, CompilesOf> = BTreeMap::new();
    for one in all.iter().filter(|r| r.period != Period::Warmup) {
        let row = by_graph
            .entry((one.name.clone(), one.phase, one.bucket))
            .or_insert_with(|| CompilesOf {
                name: one.name.clone(),
                phase: one.phase,
                bucket: one.bucket,
                evidence: one.evidence,
                r#use: one.r#use,
                ..CompilesOf::default()
            });
        row.count += 1;
        row.total_ns = row.total_ns.saturating_add(one.known_ns());
    }
    by_graph.into_values().collect()
}

/// What the profiler recorded that slows the host.
fn recording(report: &TraceReport) -> Vec<String> {
    let is_on = [
        ("python stacks", !report.python.is_empty()),
        ("shapes of inputs", !report.operators_by_shape.is_empty()),
        ("allocations", report.memory.is_some()),
        ("synchronised regions", report.synchronised_capture),
    ];
    let on = is_on.into_iter().filter(|&(_, is_on)| is_on);
    on.map(|(what, _)| what.to_owned()).collect()
}
