//! Gaps by their length and cause: how many there are, and how much time they take.

use crate::analyze::report::{GapKind, Gaps, TraceReport};
use crate::base::{Span, show};

use super::axis::{DurationScale, count_axis};
use super::histogram::{HistogramBar, Measure, histogram};
use super::{
    Across, Axis, AxisTick, Entry, Mark, Pick, Picked, Picture, Plot, Shape, Sign, duration_axis, with_share,
};

/// Of each kind the place with most time in its gaps.
pub fn gaps(trace: &TraceReport) -> Vec<Plot> {
    let of_kind = |kind: GapKind| {
        let all = trace.gaps.iter().filter(|gaps| gaps.kind == kind);
        // Of equals the first.
        let most = all.clone().rev().max_by_key(|gaps| gaps.total_ns)?;
        plot(most, all.count() - 1)
    };
    GapKind::ALL.into_iter().filter_map(of_kind).collect()
}

fn plot(gaps: &Gaps, other_places: usize) -> Option<Plot> {
    let plot = by_length(gaps, Measure::Time)?.plot;
    let others = match other_places {
        0 => String::new(),
        n => format!(
            " Of {} with such gaps, the one with most time.",
            show::counted(n as u64 + 1, "place")
        ),
    };
    Some(Plot {
        title: format!("{}: {}, by length and cause", gaps.kind.title(), gaps.r#where),
        says: plot.says + &others,
        ..plot
    })
}

/// The lengths of a bin in words.
fn length(bar: &HistogramBar) -> String {
    match (bar.from_ns, bar.to_ns) {
        (0, Some(to)) => format!("below {}", show::duration(to)),
        (from, Some(to)) => format!("{} to {}", show::duration(from), show::duration(to)),
        (from, None) => format!("{} and longer", show::duration(from)),
    }
}

/// The gaps of one kind in one place by their length, stacked by cause. `None`: they take no time.
pub fn by_length(gaps: &Gaps, measure: Measure) -> Option<Picture> {
    let laid = histogram(gaps, measure);
    if laid.max == 0 {
        return None;
    }
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let scale = DurationScale::of(0, signed(laid.max), false);
    // Heights are parts of the highest bar.
    let highest = match measure {
        Measure::Count => 1.0,
        Measure::Time => scale.part(signed(laid.max)),
    };
    let value = |value: u64| match measure {
        Measure::Count => show::counted(value, "gap"),
        Measure::Time => show::duration(signed(value)),
    };
    let mut marks = Vec::new();
    let mut picks = Vec::new();
    for bar in &laid.bars {
        let length = length(bar);
        for part in &bar.segments {
            marks.push(Mark::Bar {
                colour: part.cause.colour(),
                is_pale: false,
                from: (bar.x0, part.y0 * highest),
                to: (bar.x1, part.y1 * highest),
                says: format!("{length}, {}: {}", part.cause.word(), value(part.value)),
                label: String::new(),
            });
        }
        if bar.count > 0 {
            picks.push(Pick {
                x: (bar.x0, bar.x1),
                y: bar.segments.last().map_or(0.0, |part| part.y1 * highest),
                says: format!(
                    "{length}: {}, {}",
                    show::counted(bar.count, "gap"),
                    show::duration(bar.total_ns)
                ),
                of: Picked::Lengths(Span::new(bar.from_ns, bar.to_ns.unwrap_or(i64::MAX))),
            });
        }
    }
    marks.extend(laid.marks.into_iter().map(|mark| Mark::Rule {
        x: mark.x,
        label: mark.label,
    }));
    let with_time = || gaps.causes.iter().filter(|cause| cause.total_ns > 0);
    let legend = with_time().map(|cause| Entry {
        sign: Sign::Square,
        colour: cause.cause.colour(),
        word: cause.cause.word().to_owned(),
        value: match measure {
            Measure::Count => show::counted(cause.count, "gap"),
            Measure::Time => with_share(cause.total_ns, gaps.total_ns),
        },
    });
    let largest = with_time().max_by_key(|cause| cause.total_ns);
    let largest = largest.map_or_else(String::new, |cause| {
        format!(
            " Most of it is {}: {}.",
            cause.cause.noun(),
            with_share(cause.total_ns, gaps.total_ns)
        )
    });
    let ticks = laid.ticks.into_iter().filter(|tick| !tick.label.is_empty());
    let plot = Plot {
        title: match measure {
            Measure::Count => "How many gaps, by their length".to_owned(),
            Measure::Time => "How much time, by the gap's length".to_owned(),
        },
        says: format!(
            "{} that take {} in all.{largest}",
            show::counted(gaps.count, "gap"),
            show::duration(gaps.total_ns)
        ),
        shape: Shape::Field,
        x: Axis {
            label: "length of a gap (logarithmic)".to_owned(),
            ticks: ticks
                .map(|tick| AxisTick {
                    at: tick.at,
                    label: tick.label,
                })
                .collect(),
        },
        y: match measure {
            Measure::Count => count_axis("gaps", laid.max),
            Measure::Time => duration_axis("time in gaps", scale),
        },
        marks,
        legend: legend.collect(),
    };
    Some(Picture {
        plot,
        picks,
        across: Across::Lengths,
    })
}
