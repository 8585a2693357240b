//! The sentences that say what differs between two traces, and how much of it each cause explains.

use super::comparable::{ALIKE, batches_alike};
use super::explained::Explained;
use crate::analyze::report::{
    Basis, CauseRow, Change, Comparison, CompileRow, DeviceState, Family, Phase, Profile, StepCause,
    StepTimeRow, WorkRow,
};
use crate::analyze::sentence_words::{self, capitalised};
use crate::analyze::steps::verdict::PHASES;
use crate::base::{order, show, stats};

/// Causes that explain less of the difference are not named in the sentence.
const LEAST_SHARE: f64 = 0.1;
const MOST_CAUSES: usize = 3;
/// Below this score the traces are called hard to compare.
const COMPARABLE: f64 = 0.5;

pub fn sentences(a: &Profile, b: &Profile, explained: &Explained, found: &Comparison) -> Vec<String> {
    let mut says: Vec<String> = Vec::new();
    if found.comparable.score < COMPARABLE {
        says.push(
            "These traces are hard to compare; differences may come from what was measured.".to_owned(),
        );
    }
    says.extend(found.comparable.reasons.iter().cloned());
    for phase in PHASES {
        says.extend(of_phase(a, b, explained, found, phase));
    }
    says.extend(compiles(found));
    let judged = found.step_time.iter().filter(|r| r.is_whole_phase);
    let is_judged = judged.clone().count() > 0
        && judged
            .clone()
            .all(|r| r.significant.is_some() || r.a_count == 0 || r.b_count == 0);
    let means_differ = PHASES
        .into_iter()
        .any(|phase| mean_moves(explained, phase).is_some());
    let knows_devices = explained.unknown.is_none() && !explained.by_host;
    if found.differences == 0 && is_judged && !means_differ && knows_devices {
        says.push("Nothing differs by more than chance.".to_owned());
    }
    says
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2} ×")
}

/// Near 1 in per cent.
const NEAR: f64 = 0.1;

fn is_near(ratio: f64) -> bool {
    (ratio - 1.0).abs() < NEAR
}

/// How much slower or faster, with the interval in the same direction: `"1.21 × slower (95 %: 1.19 to 1.23)"`.
fn comparative(ratio: f64, low: Option<f64>, high: Option<f64>) -> String {
    let is_slower = ratio >= 1.0;
    let word = if is_slower { "slower" } else { "faster" };
    let turned = |x: f64| if is_slower { x } else { 1.0 / x };
    let bounds = low.zip(high).map(|(low, high)| match is_slower {
        true => (low, high),
        false => (turned(high), turned(low)),
    });
    let ratio = turned(ratio);
    let percent = |x: f64| (x - 1.0) * 100.0;
    match (is_near(ratio), bounds) {
        (true, Some((low, high))) => {
            format!(
                "{:.1} % {word} (95 %: {:.1} to {:.1} %",
                percent(ratio),
                percent(low),
                percent(high)
            )
        }
        (true, None) => format!("{:.1} % {word} (", percent(ratio)),
        (false, Some((low, high))) => format!("{} {word} (95 %: {low:.2} to {high:.2}", times(ratio)),
        (false, None) => format!("{} {word} (", times(ratio)),
    }
}

fn signed(ns: i64) -> String {
    let sign = if ns < 0 { "−" } else { "+" };
    format!(
        "{sign}{}",
        show::duration(i64::try_from(ns.unsigned_abs()).unwrap_or(i64::MAX))
    )
}

/// The rows of a phase as a whole.
fn whole(found: &Comparison, phase: Phase) -> impl Iterator<Item = &StepTimeRow> {
    let of_phase = found
        .step_time
        .iter()
        .filter(move |r| r.phase == phase && r.is_whole_phase);
    of_phase.filter(|r| r.a_count > 0 && r.b_count > 0)
}

fn of_phase(
    a: &Profile,
    b: &Profile,
    explained: &Explained,
    found: &Comparison,
    phase: Phase,
) -> Option<String> {
    // The step time, or where the two have none in common, the interval or the host time.
    let row = whole(found, phase)
        .find(|r| r.is_step_time)
        .or_else(|| whole(found, phase).next())?;
    let (a_p50, b_p50, ratio) = (row.a_p50_ns?, row.b_p50_ns?, row.ratio?);
    let steps = match phase {
        Phase::Unknown => "Steps".to_owned(),
        phase => format!("{} steps", capitalised(phase.noun())),
    };
    let from_to = format!("{} to {}", show::duration(a_p50), show::duration(b_p50));
    let basis = match row.is_step_time {
        true => String::new(),
        false => format!(" by the {}", row.basis.word()),
    };
    let alike = batches_alike(a, b, phase).unwrap_or(1.0);
    if alike < ALIKE {
        return Some(of_other_batches(found, phase, &steps, &from_to));
    }
    let Some(significant) = row.significant else {
        let why = match row.drifts {
            true => "they drift, each much like the one before, so their medians cannot be judged",
            false => "too few steps to judge",
        };
        return Some(format!(
            "{steps} take {from_to}{basis} (medians of {} and {}): {why}.",
            show::count(row.a_count),
            show::count(row.b_count)
        ));
    };
    let spread = match row.a_spread {
        Some(spread) => format!("; the median of A is known to ± {:.1} %", spread * 100.0),
        None => String::new(),
    };
    let mut says = match significant {
        false => {
            let bounds = row
                .low
                .zip(row.high)
                .map(|(low, high)| format!(", 95 %: {low:.2} to {high:.2}"));
            format!(
                "{steps} show no difference beyond chance{basis}: {from_to} ({}{}{spread}).",
                times(ratio),
                bounds.unwrap_or_default()
            )
        }
        true => format!(
            "{steps} are {}{spread}){basis}: {from_to}.",
            comparative(ratio, row.low, row.high)
        ),
    };
    // A host that waits longer between steps shows in no host time.
    let interval = whole(found, phase).find(|r| r.basis == Basis::Interval && !r.is_step_time);
    let interval = interval.filter(|r| !significant && r.significant == Some(true));
    let judged = interval.and_then(|r| r.ratio).or(significant.then_some(ratio));
    // A few long steps move the mean alone.
    let mean = mean_moves(explained, phase).filter(|_| judged.is_none());
    if let Some([a_mean, b_mean]) = mean {
        says += &format!(
            " Their mean goes from {} to {} from the start of a step to that of the next",
            show::duration(a_mean),
            show::duration(b_mean)
        );
        let (longer, name) = if b_mean > a_mean { (b, 'B') } else { (a, 'A') };
        if let Some((n, of)) = steps_with_half(longer, phase, a_mean.abs_diff(b_mean)) {
            says += &format!(
                ": half of that is in the {} of {} {name}",
                match n {
                    1 => "longest".to_owned(),
                    n => format!("{} longest", show::count(n)),
                },
                match of {
                    1 => "step of".to_owned(),
                    of => format!("{} steps of", show::count(of)),
                }
            );
        }
        says += ".";
    }
    let mean_ratio = mean.map(|[a_mean, b_mean]| b_mean as f64 / a_mean as f64);
    if let Some(row) = interval
        && let (Some(ratio), Some(a), Some(b)) = (row.ratio, row.a_p50_ns, row.b_p50_ns)
    {
        says += &format!(
            " From the start of a step to that of the next they are {}): {} to {}.",
            comparative(ratio, row.low, row.high),
            show::duration(a),
            show::duration(b)
        );
    }
    if let Some(why) = judged
        .or(mean_ratio)
        .and_then(|ratio| why(explained, found, phase, ratio))
    {
        says += " ";
        says += &why;
    }
    Some(says)
}

/// Where the two served other batches, only steps of like size can be compared.
fn of_other_batches(found: &Comparison, phase: Phase, steps: &str, from_to: &str) -> String {
    let by_class = found
        .step_time
        .iter()
        .find(|r| r.phase == phase && r.is_class_by_class);
    let all = format!(
        "All {} go from {from_to}, with other batches.",
        steps.to_lowercase()
    );
    let Some(row) = by_class else {
        return format!("{steps} of no size are in both traces often enough to be compared. {all}");
    };
    let ratio = row.ratio.unwrap_or(1.0);
    match row.significant {
        Some(true) => format!(
            "{steps} of like size are {}). {all}",
            comparative(ratio, row.low, row.high)
        ),
        _ => {
            let bounds = row
                .low
                .zip(row.high)
                .map(|(low, high)| format!(", 95 %: {low:.2} to {high:.2}"));
            format!(
                "{steps} of like size show no difference beyond chance ({}{}). {all}",
                times(ratio),
                bounds.unwrap_or_default()
            )
        }
    }
}

/// A mean that moves by less than this, in percent, is not told where medians do not differ.
const LEAST_MEAN_PERCENT: u64 = 5;

/// The mean time from step to step in A and in B, where it differs.
fn mean_moves(explained: &Explained, phase: Phase) -> Option<[i64; 2]> {
    let [(a_n, a_ns), (b_n, b_ns)] = explained.intervals(phase)?;
    let (a, b) = (stats::mean(a_ns, a_n)?, stats::mean(b_ns, b_n)?);
    let least = a.unsigned_abs().saturating_mul(LEAST_MEAN_PERCENT) / 100;
    (a > 0 && a.abs_diff(b) > least).then_some([a, b])
}

/// In how few steps of the side with the longer mean half of the difference is: what they take more than the median;
/// and how many steps it has.
fn steps_with_half(longer: &Profile, phase: Phase, mean_differs_ns: u64) -> Option<(u64, u64)> {
    let steps = super::steps_of(longer, phase).filter_map(|(_, s)| s.interval_ns);
    let mut times: Vec<i64> = steps.collect();
    let n = times.len() as u64;
    let median = stats::quantile_of(&mut times, 0.5)?;
    order::sort_by_key(&mut times, |&ns| std::cmp::Reverse(ns));
    let half = i64::try_from(mean_differs_ns.saturating_mul(n) / 2).ok()?;
    let mut sum = 0_i64;
    let place = times.iter().position(|&ns| {
        sum = sum.saturating_add(ns - median);
        sum >= half
    })?;
    Some((place as u64 + 1, n))
}

/// What explains the difference of the mean time from step to step.
fn why(explained: &Explained, found: &Comparison, phase: Phase, ratio: f64) -> Option<String> {
    if let Some(unknown) = &explained.unknown {
        return Some(format!("What explains it is unknown, because {unknown}."));
    }
    let [(a_n, a_ns), (b_n, b_ns)] = explained.intervals(phase)?;
    let off = stats::mean(b_ns, b_n)? - stats::mean(a_ns, a_n)?;
    if off == 0 {
        return None;
    }
    let is_large =
        |r: &&CauseRow| r.phase == phase && r.per_step_ns.abs() as f64 >= off.abs() as f64 * LEAST_SHARE;
    let large = || found.causes.iter().filter(is_large);
    let causes: Vec<String> = large()
        .filter(|row| (row.per_step_ns > 0) == (off > 0))
        .take(MOST_CAUSES)
        .map(|row| cause(found, row))
        .collect();
    let against = match large().find(|row| (row.per_step_ns > 0) != (off > 0)) {
        Some(row) => format!("; against it {} {}", signed(row.per_step_ns), row.cause.says()),
        None => String::new(),
    };
    if causes.is_empty() {
        return Some("No single cause explains a tenth of it.".to_owned());
    }
    let of = match (off > 0) == (ratio > 1.0) {
        true => format!("Of {} from step to step on average", signed(off)),
        // Few long steps weigh more in the mean than in the median.
        false => format!("The mean of a step moves the other way, by {}", signed(off)),
    };
    Some(format!("{of}: {}{against}.", causes.join("; ")))
}

fn cause(found: &Comparison, row: &CauseRow) -> String {
    let change = match (row.a_per_step_ns, row.b_per_step_ns) {
        (0, _) => " (none in A)".to_owned(),
        (_, 0) => " (none in B)".to_owned(),
        (a, b) => format!(" ({})", times(b as f64 / a as f64)),
    };
    let inside = match row.cause {
        StepCause::Device(DeviceState::Compute | DeviceState::Communication) => largest_work(found, row),
        _ => None,
    };
    let inside = inside
        .map(|says| format!(", most of it {says}"))
        .unwrap_or_default();
    format!("{} {}{change}{inside}", signed(row.per_step_ns), row.cause.says())
}

/// The family, else the kernel, that changed most in the direction of the cause.
fn largest_work(found: &Comparison, cause: &CauseRow) -> Option<String> {
    let off = |row: &&WorkRow| Some(row.b_per_step_ns? - row.a_per_step_ns?);
    let most = |rows: &'_ [WorkRow]| -> Option<WorkRow> {
        let same_way = rows
            .iter()
            .filter(|row| off(row).is_some_and(|ns| ns.signum() == cause.per_step_ns.signum()));
        let most = same_way.max_by_key(|row| off(row).map(i64::abs))?;
        // What is less than half of it does not explain it.
        (2 * off(&most)?.abs() >= cause.per_step_ns.abs()).then(|| most.clone())
    };
    let named = |row: &WorkRow, name: String| {
        let of_totals = row.a_per_step_ns.zip(row.b_per_step_ns).filter(|&(a, _)| a > 0);
        let of_totals = of_totals.map(|(a, b)| b as f64 / a as f64);
        match (row.ratio, of_totals) {
            // Whichever of the two moves the total more.
            (Some(a_call), Some(all)) if (all / a_call - 1.0).abs() > (a_call - 1.0).abs() => {
                format!("{name} ({} as many calls)", times(all / a_call))
            }
            (Some(a_call), _) => format!("{name} ({} a call)", times(a_call)),
            (None, _) => format!("{name} ({})", row.change.says()),
        }
    };
    if let Some(kernel) = most(&found.kernels) {
        return Some(named(&kernel, sentence_words::shortened(&kernel.name)));
    }
    let family = most(&found.families)?;
    let noun = Family::from_key(&family.name).map_or(family.name.clone(), |f| f.word().to_owned());
    Some(named(&family, noun))
}

fn compiles(found: &Comparison) -> Option<String> {
    let sum = |of: fn(&CompileRow) -> (u64, i64)| {
        let rows = found.recompiles.iter().map(of);
        rows.fold((0, 0_i64), |(n, ns), (m, more)| (n + m, ns.saturating_add(more)))
    };
    let [(a_n, a_ns), (b_n, b_ns)] = [
        sum(|r| (r.a_count, r.a_total_ns)),
        sum(|r| (r.b_count, r.b_total_ns)),
    ];
    let is_new = |r: &&CompileRow| r.change == Change::Added;
    let new = found.recompiles.iter().filter(is_new).count();
    (a_n != b_n).then(|| {
        let new = match new {
            0 => String::new(),
            new => format!(", {} of graphs that A does not compile", show::count(new as u64)),
        };
        format!(
            "Graph compiles while serving: {} in A ({}), {} in B ({}){new}.",
            show::count(a_n),
            show::duration(a_ns),
            show::count(b_n),
            show::duration(b_ns)
        )
    })
}
