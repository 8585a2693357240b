//! Two traces compared: pure functions of two [`Profile`]s, so that a baseline may stand in for a trace.
//!
//! Steps are compared by distribution, in classes of like size; what the time from step to step is made of explains a
//! difference; kernels and operators show where it lies.

mod bootstrap;
mod comparable;
mod explained;
mod profile;
mod says;
mod stable_names;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::report::{
    Basis, COMPARE_SCHEMA, Change, Comparison, CompileRow, DeviceRow, DeviceTime, LimitKind, MemoryRow,
    Phase, Profile, Side, StepClass, StepTimeRow, StepTimes, Work,
};
use crate::analyze::steps::verdict::PHASES;
use crate::base::{order, stats};

use bootstrap::{Series, Stratum};
use explained::Explained;

/// A against B.
pub fn compare(a: &Profile, b: &Profile) -> Comparison {
    let steps = [a.all_steps, b.all_steps];
    let alike = PHASES
        .into_iter()
        .filter_map(|phase| comparable::batches_alike(a, b, phase));
    let grounds = work::Grounds {
        steps,
        loses_work: false,
        batches_differ: alike.fold(1.0, f64::min) < comparable::ALIKE,
        likeness: [a, b].map(likeness).into_iter().fold(0.0, f64::max),
    };
    let explained = Explained::of(a, b);
    let on_device = work::Grounds {
        loses_work: [a, b].map(|p| p.limit(LimitKind::loses_work).is_some()) != [false; 2],
        ..grounds
    };
    let device_work =
        |of_a: &[Work], of_b: &[Work]| match a.device_time.is_empty() == b.device_time.is_empty() {
            true => work::rows(of_a, of_b, &on_device),
            // What one side does not record is not gone.
            false => Vec::new(),
        };
    let mut found = Comparison {
        schema: COMPARE_SCHEMA.to_owned(),
        a: side(a),
        b: side(b),
        step_time: step_times(a, b),
        causes: explained.rows(),
        recompiles: compiles(a, b),
        kernels: device_work(&a.kernels, &b.kernels),
        families: device_work(&a.families, &b.families),
        operators: work::rows(&a.operators, &b.operators, &grounds),
        device_time: device_time(a, b),
        memory: memory(a, b),
        a_padding: padding(a),
        b_padding: padding(b),
        ..Comparison::default()
    };
    found.comparable = comparable::comparable(a, b, &found.kernels);
    found.differences = differences(&found);
    found.sentences = says::sentences(a, b, &explained, &found);
    found.says = found.sentences.join(" ");
    found
}

fn side(profile: &Profile) -> Side {
    Side {
        file: profile.file.clone(),
        format: profile.format.clone(),
        steps: profile.steps.len() as u64,
    }
}

/// The time that both traces call their step time.
fn common_basis(a: &Profile, b: &Profile) -> Option<Basis> {
    let [a, b] = [a, b].map(|p| p.step_time.as_ref().map(|t| (t.basis, t.from_device_ends)));
    (a == b).then_some(a?.0)
}

/// The steps of a phase, each with its class.
fn steps_of(profile: &Profile, phase: Phase) -> impl Iterator<Item = (&StepClass, &StepTimes)> {
    let with_class = profile
        .steps
        .iter()
        .filter_map(|s| Some((profile.classes.get(s.class)?, s)));
    with_class.filter(move |(class, _)| class.phase == phase)
}

/// The same, class by class.
fn steps_by_class(profile: &Profile, phase: Phase) -> BTreeMap<&StepClass, Vec<&StepTimes>> {
    let mut by_class: BTreeMap<&StepClass, Vec<&StepTimes>> = BTreeMap::new();
    for (class, step) in steps_of(profile, phase) {
        by_class.entry(class).or_default().push(step);
    }
    by_class
}

/// How much a step of the phase with most steps is like the one before it.
fn likeness(profile: &Profile) -> f64 {
    let of_phase = |phase: Phase| -> Vec<i64> {
        let steps = steps_of(profile, phase);
        steps.filter_map(|(_, s)| s.step_ns).collect()
    };
    let most = PHASES.into_iter().map(of_phase).max_by_key(Vec::len);
    most.map_or(0.0, |times| bootstrap::likeness(&times))
}

/// Each phase as a whole, then its classes; by the step time first, then by each of the four times.
fn step_times(a: &Profile, b: &Profile) -> Vec<StepTimeRow> {
    let common = common_basis(a, b);
    let from_device_ends = a.step_time.as_ref().is_some_and(|time| time.from_device_ends);
    let mut rows: Vec<StepTimeRow> = Vec::new();
    let add = |rows: &mut Vec<StepTimeRow>,
               phase: Phase,
               class: Option<&StepClass>,
               [of_a, of_b]: [&[&StepTimes]; 2]| {
        let mut row = |basis: Basis, is_step_time: bool, time: &dyn Fn(&StepTimes) -> Option<i64>| {
            let [a, b] = [of_a, of_b].map(|of| -> Vec<i64> { of.iter().filter_map(|s| time(s)).collect() });
            if a.is_empty() && b.is_empty() {
                return;
            }
            rows.push(StepTimeRow {
                phase,
                bucket: class.and_then(|c| c.bucket),
                class: class.and_then(|c| c.class.clone()),
                is_whole_phase: class.is_none(),
                basis,
                is_step_time,
                ..step_time(&a, &b)
            });
        };
        if let Some(basis) = common {
            row(basis, true, &|s| s.step_ns);
        }
        let is_said = |basis: Basis| common == Some(basis) && !from_device_ends;
        // Of a class the step time alone: there may be thousands of classes.
        let is_asked = |basis: Basis| !is_said(basis) && (class.is_none() || common.is_none());
        for basis in Basis::ALL.into_iter().filter(|&basis| is_asked(basis)) {
            row(basis, false, &move |s| s.of(basis));
        }
    };
    for phase in PHASES {
        let of_phase = a.classes.iter().chain(&b.classes).filter(|c| c.phase == phase);
        let classes: BTreeSet<&StepClass> = order::inserted(of_phase);
        if classes.is_empty() {
            continue;
        }
        let of_phase = [a, b].map(|p| steps_of(p, phase).map(|(_, s)| s).collect::<Vec<_>>());
        add(&mut rows, phase, None, of_phase.each_ref().map(|steps| &**steps));
        if classes.len() > 1
            && let Some(basis) = common
        {
            rows.extend(class_by_class(a, b, phase, basis));
        }
        // One class says what the whole says.
        if classes.len() > 1 {
            let by_class = [a, b].map(|p| steps_by_class(p, phase));
            for class in classes {
                let steps = by_class.each_ref().map(|by_class| by_class.get(class));
                let steps = steps.map(|steps| steps.map_or(&[][..], |steps| &**steps));
                add(&mut rows, phase, Some(class), steps);
            }
        }
    }
    // Of many classes a few seem to differ by chance.
    let is_class = |row: &StepTimeRow| !row.is_whole_phase && !row.is_class_by_class;
    let chances: Vec<Option<f64>> = rows
        .iter()
        .map(|row| row.chance.filter(|_| is_class(row)))
        .collect();
    for (row, differs) in rows.iter_mut().zip(work::discoveries(&chances)) {
        if is_class(row) {
            row.significant = row.significant.map(|_| differs);
        }
    }
    rows
}

/// The classes that both have, weighted alike.
fn class_by_class(a: &Profile, b: &Profile, phase: Phase, basis: Basis) -> Option<StepTimeRow> {
    let of = |p: &Profile| -> BTreeMap<StepClass, Vec<i64>> {
        let mut by_class: BTreeMap<StepClass, Vec<i64>> = BTreeMap::new();
        for (class, step) in steps_of(p, phase) {
            if let Some(ns) = step.step_ns {
                by_class.entry(class.clone()).or_default().push(ns);
            }
        }
        by_class
    };
    let mut of_b = of(b);
    let both: Vec<(Vec<i64>, Vec<i64>)> = of(a)
        .into_iter()
        .filter_map(|(class, a)| Some((a, of_b.remove(&class)?)))
        .collect();
    let series = |((a, b), seed): (&(Vec<i64>, Vec<i64>), u64)| Stratum {
        a: Series::of(a, 2 * seed + 1),
        b: Series::of(b, 2 * seed + 2),
    };
    let strata: Vec<Stratum> = both.iter().zip(0..).map(series).collect();
    let (ratio, interval) = bootstrap::ratio_of_classes(&strata)?;
    Some(StepTimeRow {
        phase,
        class: Some("class by class".to_owned()),
        is_class_by_class: true,
        basis,
        is_step_time: true,
        a_count: both.iter().map(|(a, _)| a.len() as u64).sum(),
        b_count: both.iter().map(|(_, b)| b.len() as u64).sum(),
        ratio: Some(ratio),
        low: Some(interval.low),
        high: Some(interval.high),
        significant: Some(interval.excludes_1()),
        ..StepTimeRow::default()
    })
}

fn step_time(a: &[i64], b: &[i64]) -> StepTimeRow {
    let p99 = |values: &[i64]| stats::quantile_of(&mut values.to_vec(), 0.99);
    let (of_a, of_b) = (Series::of(a, 1), Series::of(b, 2));
    let interval = bootstrap::ratio(&of_a, &of_b);
    StepTimeRow {
        a_count: a.len() as u64,
        b_count: b.len() as u64,
        a_p50_ns: of_a.median,
        b_p50_ns: of_b.median,
        a_p99_ns: p99(a),
        b_p99_ns: p99(b),
        ratio: of_a
            .median
            .zip(of_b.median)
            .filter(|&(a, _)| a > 0)
            .map(|(a, b)| b as f64 / a as f64),
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
        a_spread: bootstrap::spread(&of_a),
        significant: interval.map(bootstrap::Interval::excludes_1),
        chance: interval.map(|i| i.chance),
        drifts: of_a.drifts || of_b.drifts,
        ..StepTimeRow::default()
    }
}

fn compiles(a: &Profile, b: &Profile) -> Vec<CompileRow> {
    let mut rows: BTreeMap<_, CompileRow> = BTreeMap::new();
    for (is_b, one) in a
        .compiles
        .iter()
        .map(|c| (false, c))
        .chain(b.compiles.iter().map(|c| (true, c)))
    {
        let row = rows
            .entry((one.name.clone(), one.phase, one.bucket))
            .or_insert_with(|| CompileRow {
                name: one.name.clone(),
                phase: one.phase,
                bucket: one.bucket,
                ..CompileRow::default()
            });
        let (count, total) = match is_b {
            false => (&mut row.a_count, &mut row.a_total_ns),
            true => (&mut row.b_count, &mut row.b_total_ns),
        };
        *count += one.count;
        *total = total.saturating_add(one.total_ns);
    }
    let mut rows: Vec<CompileRow> = rows.into_values().collect();
    for row in &mut rows {
        row.change = match (row.a_count, row.b_count) {
            (0, _) => Change::Added,
            (_, 0) => Change::Gone,
            (a, b) if b > a => Change::More,
            (a, b) if b < a => Change::Fewer,
            _ => Change::Same,
        };
    }
    order::sort_by_key(&mut rows, |row| {
        std::cmp::Reverse(row.a_total_ns.abs_diff(row.b_total_ns))
    });
    rows
}

type State = (&'static str, fn(&DeviceTime) -> i64);

/// What a device did, by its name in reports.
const STATES: [State; 5] = [
    ("busy", |d| d.busy_ns),
    ("compute", |d| d.compute_ns),
    ("comm_exposed", |d| d.comm_exposed_ns),
    ("copy_exposed", |d| d.copy_exposed_ns),
    ("idle", |d| d.idle_ns),
];

fn device_time(a: &Profile, b: &Profile) -> Vec<DeviceRow> {
    let all = |p: &'_ Profile| -> BTreeMap<i64, DeviceTime> {
        let whole = p.device_time.iter().filter(|d| d.scope == "all");
        order::inserted(whole.map(|d| (d.device, d.clone())))
    };
    let (of_a, of_b) = (all(a), all(b));
    let mut devices: Vec<i64> = of_a.keys().chain(of_b.keys()).copied().collect();
    order::sort(&mut devices);
    devices.dedup();
    let of_state = |device: i64, (state, ns): State| {
        let [a_ns, b_ns] = [&of_a, &of_b].map(|of| of.get(&device).map(ns));
        let per = |ns: Option<i64>, p: &Profile| stats::mean(ns?, p.all_steps);
        DeviceRow {
            device,
            state: state.to_owned(),
            a_ns,
            b_ns,
            a_per_step_ns: per(a_ns, a),
            b_per_step_ns: per(b_ns, b),
        }
    };
    devices
        .into_iter()
        .flat_map(|d| STATES.map(|state| of_state(d, state)))
        .collect()
}

fn memory(a: &Profile, b: &Profile) -> Vec<MemoryRow> {
    let mut rows: BTreeMap<&str, MemoryRow> = BTreeMap::new();
    let row = |device: &'_ str| MemoryRow {
        device: device.to_owned(),
        ..MemoryRow::default()
    };
    for one in &a.memory {
        rows.entry(&one.device)
            .or_insert_with(|| row(&one.device))
            .a_peak_bytes = Some(one.peak_bytes);
    }
    for one in &b.memory {
        rows.entry(&one.device)
            .or_insert_with(|| row(&one.device))
            .b_peak_bytes = Some(one.peak_bytes);
    }
    rows.into_values().collect()
}

fn padding(profile: &Profile) -> Option<f64> {
    let (real, padded) = profile
        .real_rows
        .zip(profile.padded_rows)
        .filter(|&(_, padded)| padded > 0)?;
    Some(1.0 - real as f64 / padded as f64)
}

/// Rows that differ by more than chance.
fn differences(found: &Comparison) -> u64 {
    let steps = found
        .step_time
        .iter()
        .filter(|r| r.significant == Some(true))
        .count();
    let compiles = found
        .recompiles
        .iter()
        .filter(|r| r.change != Change::Same)
        .count();
    let work = found.kernels.iter().chain(&found.operators);
    let work = work
        .filter(|r| !matches!(r.change, Change::Same | Change::NotJudged))
        .count();
    (steps + compiles + work) as u64
}
