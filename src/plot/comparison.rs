//! Two traces beside each other, as rows of bars.

use crate::analyze::report::{CauseRow, Comparison, Phase, StepTimeRow};
use crate::base::{Colour, show};

use super::axis::DurationScale;
use super::{Axis, AxisTick, Mark, Plot, Shape, duration_axis};

/// Causes of one phase that have a pair of bars.
const MOST_CAUSES: usize = 12;

/// Two bars with one name.
struct Pair {
    word: String,
    colour: Colour,
    a_ns: Option<i64>,
    b_ns: Option<i64>,
}

/// Median step time of each phase.
pub fn step_times(comparison: &Comparison) -> Option<Plot> {
    let of_phase = |phase: Phase| {
        let all = comparison.step_time.iter();
        let mut all = all.filter(|row| row.phase == phase && row.is_whole_phase);
        let both = |row: &&StepTimeRow| row.a_p50_ns.is_some() && row.b_p50_ns.is_some();
        // Without a time that is the step time of both, the first that both have.
        let mut others = all.clone();
        let row = all.find(|row| row.is_step_time).or_else(|| others.find(both))?;
        Some(Pair {
            word: format!("{} ({})", phase.word(), row.basis.word()),
            colour: phase.colour(),
            a_ns: row.a_p50_ns,
            b_ns: row.b_p50_ns,
        })
    };
    let pairs: Vec<Pair> = Phase::ALL.into_iter().filter_map(of_phase).collect();
    plot("Step time by phase, median", "step time", &pairs, "")
}

/// What the time from step to step is made of, a picture a phase.
pub fn causes(comparison: &Comparison) -> Vec<Plot> {
    let of_phase = |phase: Phase| {
        let rows = comparison.causes.iter();
        let rows = rows.filter(|row| row.phase == phase && (row.a_per_step_ns > 0 || row.b_per_step_ns > 0));
        let pair = |row: &CauseRow| Pair {
            word: row.cause.says(),
            colour: row.cause.colour(),
            a_ns: Some(row.a_per_step_ns),
            b_ns: Some(row.b_per_step_ns),
        };
        let mut pairs: Vec<Pair> = rows.map(pair).collect();
        let left_out = pairs.len().saturating_sub(MOST_CAUSES);
        pairs.truncate(MOST_CAUSES);
        let more = match left_out {
            0 => String::new(),
            n => format!(
                " {} with less difference: see the table.",
                show::counted(n as u64, "more cause")
            ),
        };
        let title = format!("What the time from step to step is made of: {}", phase.word());
        plot(&title, "time a step, mean", &pairs, &more)
    };
    Phase::ALL.into_iter().filter_map(of_phase).collect()
}

fn plot(title: &str, measure: &str, pairs: &[Pair], more: &str) -> Option<Plot> {
    let longest = pairs
        .iter()
        .flat_map(|pair| [pair.a_ns, pair.b_ns])
        .flatten()
        .max()?;
    let scale = DurationScale::of(0, longest, false);
    let n = pairs.len() as f64;
    let mut marks = Vec::new();
    let mut ticks = Vec::new();
    let mut says = Vec::new();
    for (row, pair) in pairs.iter().enumerate() {
        let top = 1.0 - row as f64 / n;
        let side = |name: &str, ns: Option<i64>, from: f64, to: f64, is_pale: bool| {
            let value = ns.map_or_else(|| "unknown".to_owned(), show::duration);
            Mark::Bar {
                colour: pair.colour,
                is_pale,
                from: (0.0, top - to / n),
                to: (ns.map_or(0.0, |ns| scale.part(ns)), top - from / n),
                says: format!("{name}, {}: {value}", pair.word),
                label: format!("{name} {value}"),
            }
        };
        marks.push(side("A", pair.a_ns, 0.1, 0.48, true));
        marks.push(side("B", pair.b_ns, 0.52, 0.9, false));
        ticks.push(AxisTick {
            at: top - 0.5 / n,
            label: pair.word.clone(),
        });
        let ns = |ns: Option<i64>| ns.map_or_else(|| "unknown".to_owned(), show::duration);
        says.push(format!(
            "{}: {} in A, {} in B",
            pair.word,
            ns(pair.a_ns),
            ns(pair.b_ns)
        ));
    }
    Some(Plot {
        title: title.to_owned(),
        says: format!("{}.{more}", says.join("; ")),
        shape: Shape::Rows(pairs.len()),
        x: duration_axis(measure, scale),
        y: Axis {
            label: String::new(),
            ticks,
        },
        marks,
        legend: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::{Cause, DeviceState, StepCause};

    #[test]
    fn bars_of_a_and_b_share_a_scale() {
        let row = |cause: StepCause, a_per_step_ns: i64, b_per_step_ns: i64| CauseRow {
            phase: Phase::Decode,
            cause,
            a_per_step_ns,
            b_per_step_ns,
            per_step_ns: b_per_step_ns - a_per_step_ns,
            share: None,
        };
        let comparison = Comparison {
            causes: vec![
                row(StepCause::Device(DeviceState::Compute), 1_000_000, 4_000_000),
                row(StepCause::Idle(Cause::Wait), 0, 0),
                row(StepCause::Idle(Cause::Python), 2_000_000, 0),
            ],
            ..Comparison::default()
        };
        let plots = causes(&comparison);
        let [plot] = &plots[..] else { panic!("{plots:?}") };
        assert_eq!(plot.shape, Shape::Rows(2), "a cause without time has no row");
        let lengths = plot.marks.iter().filter_map(|mark| match mark {
            Mark::Bar { to, .. } => Some(to.0),
            _ => None,
        });
        let lengths: Vec<f64> = lengths.collect();
        assert!((lengths[0] * 4.0 - lengths[1]).abs() < 1e-9);
        assert!((lengths[0] * 2.0 - lengths[2]).abs() < 1e-9);
        assert_eq!(lengths[3], 0.0);
        assert!(
            plot.says
                .starts_with("compute on the device: 1.00 ms in A, 4.00 ms in B; "),
            "{}",
            plot.says
        );
        assert_eq!(step_times(&comparison), None);
    }
}
