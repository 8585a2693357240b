//! Steps over time: dots by phase, diamonds where a graph was compiled.

use std::collections::BTreeMap;

use crate::analyze::report::{Evidence, Period, Phase, Step, TraceReport};
use crate::base::{Colour, Span, order, show};

use super::axis::{DurationScale, TimeScale, ticks};
use super::{Axis, AxisTick, COLUMNS, Entry, Mark, Plot, Shape, Sign, duration_axis};

/// Pixels between two labels of the axis of time, at least.
const LABEL_PX: f64 = 90.0;

/// What steps are drawn as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Drawn {
    /// The phase, and whether it is served: what is not is pale.
    Dot(Phase, bool),
    Suspected,
    Compiled,
}

/// The shortest and the longest step of a pixel column.
struct Extremes {
    shortest_ns: i64,
    longest_ns: i64,
}

pub fn steps(trace: &TraceReport) -> Option<Plot> {
    let timed = || trace.steps.iter().filter_map(|step| Some((step, step.step_ns?)));
    let start = timed().map(|(step, _)| step.start_ns).min()?;
    let last = timed().map(|(step, _)| step.start_ns).max()?;
    let shortest = timed().map(|(_, ns)| ns).min()?;
    let longest = timed().map(|(_, ns)| ns).max()?;
    let time = TimeScale {
        window: Span::new(start, last.saturating_add(1)),
        width_px: f64::from(COLUMNS),
    };
    let scale = DurationScale::around(shortest, longest);
    let (compiled, suspected) = (held_up(trace, false), held_up(trace, true));
    let drawn = |step: &Step| {
        if compiled.binary_search(&step.index).is_ok() {
            Drawn::Compiled
        } else if suspected.binary_search(&step.index).is_ok() {
            Drawn::Suspected
        } else {
            Drawn::Dot(
                step.phase,
                matches!(step.period, Period::Serving | Period::Unknown),
            )
        }
    };
    let mut columns: BTreeMap<(Drawn, u32), Extremes> = BTreeMap::new();
    let mut counts: BTreeMap<Drawn, u64> = BTreeMap::new();
    for (step, ns) in timed() {
        let drawn = drawn(step);
        *counts.entry(drawn).or_default() += 1;
        let of_column = columns
            .entry((drawn, column(time.x(step.start_ns))))
            .or_insert(Extremes {
                shortest_ns: ns,
                longest_ns: ns,
            });
        of_column.shortest_ns = of_column.shortest_ns.min(ns);
        of_column.longest_ns = of_column.longest_ns.max(ns);
    }
    let mut marks: BTreeMap<Drawn, Vec<(f64, f64)>> = BTreeMap::new();
    for ((drawn, column), extremes) in &columns {
        let x = f64::from(*column) / f64::from(COLUMNS);
        let at = marks.entry(*drawn).or_default();
        at.push((x, scale.part(extremes.longest_ns)));
        if extremes.shortest_ns < extremes.longest_ns {
            at.push((x, scale.part(extremes.shortest_ns)));
        }
    }
    let total: u64 = counts.values().sum();
    let n_marks: usize = marks.values().map(Vec::len).sum();
    let thinned = match n_marks as u64 != total {
        true => " Of steps that fall into one place, the shortest and the longest are drawn.",
        false => "",
    };
    let axis = ticks(time, trace.start_ns.unwrap_or(start), LABEL_PX);
    let base = axis.base.iter().map(|base| format!(", {base} +"));
    Some(Plot {
        title: "Steps over time".to_owned(),
        says: format!(
            "Step time of {}, from {} to {}: {}.{thinned}",
            show::counted(total, "step"),
            show::duration(shortest),
            show::duration(longest),
            counted(&counts)
        ),
        shape: Shape::Field,
        x: Axis {
            label: std::iter::once("start, from the start of the trace".to_owned())
                .chain(base)
                .collect(),
            ticks: axis
                .ticks
                .into_iter()
                .map(|tick| AxisTick {
                    at: time.x(tick.at_ns) / f64::from(COLUMNS),
                    label: tick.label,
                })
                .collect(),
        },
        y: duration_axis("step time", scale),
        marks: marks.into_iter().map(|(drawn, at)| mark(drawn, at)).collect(),
        legend: counts.iter().map(|(drawn, n)| entry(*drawn, *n)).collect(),
    })
}

/// Steps into which a compile falls, recorded or suspected, in order.
fn held_up(trace: &TraceReport, suspected: bool) -> Vec<u32> {
    let of = trace.recompiles.iter();
    let of = of.filter(|compile| (compile.evidence == Evidence::Suspected) == suspected);
    let mut steps: Vec<u32> = of.filter_map(|compile| compile.step).collect();
    order::sort(&mut steps);
    steps
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cut to the plot"
)]
fn column(x_px: f64) -> u32 {
    x_px.clamp(0.0, f64::from(COLUMNS)) as u32
}

fn mark(drawn: Drawn, at: Vec<(f64, f64)>) -> Mark {
    match drawn {
        Drawn::Dot(phase, is_served) => Mark::Dots {
            colour: phase.colour(),
            is_pale: !is_served,
            at,
        },
        Drawn::Suspected | Drawn::Compiled => Mark::Diamonds {
            colour: Colour::Compile,
            is_filled: drawn == Drawn::Compiled,
            at,
        },
    }
}

fn word(drawn: Drawn) -> String {
    match drawn {
        Drawn::Dot(phase, true) => phase.word().to_owned(),
        Drawn::Dot(phase, false) => format!("{}, not serving", phase.word()),
        Drawn::Suspected => "looks like a compile (suspected)".to_owned(),
        Drawn::Compiled => "a graph was compiled".to_owned(),
    }
}

fn entry(drawn: Drawn, n: u64) -> Entry {
    let (sign, colour) = match drawn {
        Drawn::Dot(phase, true) => (Sign::Dot, phase.colour()),
        Drawn::Dot(phase, false) => (Sign::PaleDot, phase.colour()),
        Drawn::Suspected => (Sign::HollowDiamond, Colour::Compile),
        Drawn::Compiled => (Sign::Diamond, Colour::Compile),
    };
    Entry {
        sign,
        colour,
        word: word(drawn),
        value: show::counted(n, "step"),
    }
}

fn counted(counts: &BTreeMap<Drawn, u64>) -> String {
    let parts = counts.iter();
    let parts = parts.map(|(drawn, n)| match drawn {
        Drawn::Dot(..) => format!("{} of {}", show::count(*n), word(*drawn)),
        Drawn::Suspected => format!("{} in which the time suggests a compile", show::count(*n)),
        Drawn::Compiled => format!("{} in which a graph was compiled", show::count(*n)),
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(n: u32) -> TraceReport {
        let step = |index: u32| Step {
            index,
            phase: if index.is_multiple_of(3) {
                Phase::Prefill
            } else {
                Phase::Decode
            },
            period: Period::Serving,
            start_ns: i64::from(index) * 1_000_000,
            step_ns: Some(if index == 7_777 { 900_000_000 } else { 1_000_000 }),
            ..Step::default()
        };
        TraceReport {
            start_ns: Some(0),
            steps: (0..n).map(step).collect(),
            ..TraceReport::default()
        }
    }

    #[test]
    fn many_steps_are_thinned_and_the_longest_stays() {
        let plot = steps(&trace(100_000)).unwrap();
        let dots = |mark: &Mark| match mark {
            Mark::Dots { at, .. } | Mark::Diamonds { at, .. } => at.clone(),
            Mark::Bar { .. } => Vec::new(),
        };
        let all: Vec<(f64, f64)> = plot.marks.iter().flat_map(dots).collect();
        // Two phases, of each at most two a column.
        assert!(all.len() <= 4 * (COLUMNS as usize + 1), "{}", all.len());
        let longest = DurationScale::around(1_000_000, 900_000_000).part(900_000_000);
        assert!(all.iter().any(|(_, y)| *y == longest));
        assert!(
            plot.says.contains("the shortest and the longest are drawn"),
            "{}",
            plot.says
        );
        let few = steps(&trace(3)).unwrap();
        assert_eq!(few.marks.iter().map(|mark| dots(mark).len()).sum::<usize>(), 3);
    }

    #[test]
    fn without_step_times_there_is_no_picture() {
        let mut trace = trace(3);
        trace.steps.iter_mut().for_each(|step| step.step_ns = None);
        assert_eq!(steps(&trace), None);
    }
}
