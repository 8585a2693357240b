//! Steps over time: dots by phase, diamonds where a graph was compiled.

use std::collections::BTreeMap;

use crate::analyze::report::{Evidence, Period, Phase, Recompile, Step, TraceReport};
use crate::analyze::sentence_words::capitalised;
use crate::base::{Colour, Span, order, show};

use super::axis::{DurationScale, TimeScale, ticks};
use super::{
    Across, Axis, AxisTick, COLUMNS, Entry, Mark, Pick, Picked, Picture, Plot, Shape, Sign, duration_axis,
};

/// Pixels between two labels of the axis of time, at least.
const LABEL_PX: f64 = 90.0;
/// With more steps than this, those of one meaning in a column of the plot are drawn as the shortest and the longest.
pub const MOST_DOTS: usize = 2_000;

/// What steps are drawn as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Drawn {
    /// The phase, and whether it is served: what is not is pale.
    Dot(Phase, bool),
    Suspected,
    Compiled,
}

/// Which steps are drawn, and over which axes.
pub struct Asked<'a> {
    /// In order of start.
    pub steps: &'a [&'a Step],
    pub recompiles: &'a [Recompile],
    /// `None`: from the first start to the last.
    pub window: Option<Span>,
    /// What the axis of time counts from.
    pub origin_ns: i64,
    pub log: bool,
    /// The word of the step time.
    pub word: &'a str,
}

/// Steps that are drawn in one place.
struct Place<'a> {
    longest: &'a Step,
    longest_ns: i64,
    shortest_ns: i64,
    count: u64,
}

/// The picture of a report.
pub fn steps(trace: &TraceReport) -> Option<Plot> {
    let all: Vec<&Step> = trace.steps.iter().collect();
    let picture = over_time(&Asked {
        steps: &all,
        recompiles: &trace.recompiles,
        window: None,
        origin_ns: trace.start_ns.unwrap_or(0),
        log: true,
        word: "step time",
    })?;
    Some(picture.plot)
}

/// Steps whose step time is known, at most [`MOST_DOTS`] places. `None`: there is no such step.
pub fn over_time(asked: &Asked<'_>) -> Option<Picture> {
    let inside = |step: &Step| asked.window.is_none_or(|window| window.contains(step.start_ns));
    let timed = || {
        let steps = asked.steps.iter().copied().filter(|step| inside(step));
        steps.filter_map(|step| Some((step, step.step_ns?)))
    };
    let first = timed().map(|(step, _)| step.start_ns).min()?;
    let last = timed().map(|(step, _)| step.start_ns).max()?;
    let shortest = timed().map(|(_, ns)| ns).min()?;
    let longest = timed().map(|(_, ns)| ns).max()?;
    let window = asked.window.unwrap_or(Span::new(first, last.saturating_add(1)));
    let time = TimeScale {
        window,
        width_px: f64::from(COLUMNS),
    };
    let x_of = |step: &Step| time.x(step.start_ns) / f64::from(COLUMNS);
    let scale = match asked.log {
        true => DurationScale::around(shortest, longest),
        false => DurationScale::of(0, longest, false),
    };
    let (compiled, suspected) = (held_up(asked.recompiles, false), held_up(asked.recompiles, true));
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
    let mut counts: BTreeMap<Drawn, u64> = BTreeMap::new();
    for (step, _) in timed() {
        *counts.entry(drawn(step)).or_default() += 1;
    }
    let total: u64 = counts.values().sum();
    let is_thinned = total > MOST_DOTS as u64;
    let n_columns = match is_thinned {
        // Two dots a column of each meaning.
        true => (MOST_DOTS / (2 * counts.len()).max(1)).clamp(1, COLUMNS as usize),
        false => 0,
    };
    let mut places: BTreeMap<(usize, Drawn), Place<'_>> = BTreeMap::new();
    for (n, (step, ns)) in timed().enumerate() {
        let at = match is_thinned {
            true => column(x_of(step), n_columns),
            false => n,
        };
        let place = places.entry((at, drawn(step))).or_insert(Place {
            longest: step,
            longest_ns: ns,
            shortest_ns: ns,
            count: 0,
        });
        place.count += 1;
        place.shortest_ns = place.shortest_ns.min(ns);
        if ns > place.longest_ns {
            (place.longest, place.longest_ns) = (step, ns);
        }
    }
    let mut marks: BTreeMap<Drawn, Vec<(f64, f64)>> = BTreeMap::new();
    let mut picks = Vec::new();
    for ((_, drawn), place) in &places {
        let (x, y) = (x_of(place.longest), scale.part(place.longest_ns));
        let at = marks.entry(*drawn).or_default();
        at.push((x, y));
        if place.shortest_ns < place.longest_ns {
            at.push((x, scale.part(place.shortest_ns)));
        }
        picks.push(Pick {
            x: (x, x),
            y,
            says: place_says(place, *drawn),
            of: Picked::Step(place.longest.index),
        });
    }
    let thinned = match is_thinned {
        true => " Of steps that fall into one place, the shortest and the longest are drawn.",
        false => "",
    };
    let axis = ticks(time, asked.origin_ns, LABEL_PX);
    let base = axis.base.iter().map(|base| format!(", {base} +"));
    let plot = Plot {
        title: "Steps over time".to_owned(),
        says: format!(
            "{} of {}, from {} to {}: {}.{thinned}",
            capitalised(asked.word),
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
        y: duration_axis(asked.word, scale),
        marks: marks.into_iter().map(|(drawn, at)| mark(drawn, at)).collect(),
        legend: counts.iter().map(|(drawn, n)| entry(*drawn, *n)).collect(),
    };
    Some(Picture {
        plot,
        picks,
        across: Across::Time(window),
    })
}

fn place_says(place: &Place<'_>, drawn: Drawn) -> String {
    let step = place.longest;
    let longest = show::duration(place.longest_ns);
    let what = match drawn {
        Drawn::Dot(..) => word(drawn),
        _ => format!("{}, {}", step.phase.word(), word(drawn)),
    };
    match place.count {
        1 => {
            let bucket = step
                .bucket
                .map_or_else(String::new, |bucket| format!(" {bucket}"));
            let batch = step
                .batch
                .map_or_else(String::new, |batch| format!(", batch {batch}"));
            format!("step {}: {longest}, {what}{bucket}{batch}", step.index)
        }
        n => format!(
            "{}: {} to {longest}, {what}; the longest is step {}",
            show::counted(n, "step"),
            show::duration(place.shortest_ns),
            step.index
        ),
    }
}

/// Steps into which a compile falls, recorded or suspected, in order.
fn held_up(recompiles: &[Recompile], suspected: bool) -> Vec<u32> {
    let of = recompiles.iter();
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
fn column(part: f64, n_columns: usize) -> usize {
    ((part.clamp(0.0, 1.0) * n_columns as f64) as usize).min(n_columns - 1)
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
            Mark::Bar { .. } | Mark::Rule { .. } | Mark::Curve { .. } => Vec::new(),
        };
        let all: Vec<(f64, f64)> = plot.marks.iter().flat_map(dots).collect();
        assert!(all.len() <= MOST_DOTS, "{}", all.len());
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
    fn up_to_two_thousand_steps_have_a_dot_each_and_more_are_places_with_a_count() {
        let picture = |n: u32| {
            let trace = trace(n);
            let steps: Vec<&Step> = trace.steps.iter().collect();
            over_time(&Asked {
                steps: &steps,
                recompiles: &[],
                window: None,
                origin_ns: 0,
                log: false,
                word: "interval",
            })
            .unwrap()
        };
        assert_eq!(picture(2_000).picks.len(), 2_000);
        let many = picture(20_000);
        assert!(many.picks.len() <= MOST_DOTS / 2, "{}", many.picks.len());
        let longest = many
            .picks
            .iter()
            .find(|pick| pick.of == Picked::Step(7_777))
            .unwrap();
        assert!(
            longest.says.contains("the longest is step 7777"),
            "{}",
            longest.says
        );
        assert!(many.picks.is_sorted_by(|a, b| a.x.0 <= b.x.0 + 1.0 / 400.0));
        assert_eq!(many.across, Across::Time(Span::new(0, 19_999_000_001)));
    }

    #[test]
    fn without_step_times_there_is_no_picture() {
        let mut trace = trace(3);
        trace.steps.iter_mut().for_each(|step| step.step_ns = None);
        assert_eq!(steps(&trace), None);
    }
}
