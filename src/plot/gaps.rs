//! Gaps by their length and cause: the bins of the report, one picture a kind.

use crate::analyze::report::{GapKind, Gaps, TraceReport};
use crate::base::show;

use super::axis::DurationScale;
use super::histogram::{Measure, histogram};
use super::{Axis, AxisTick, Entry, Mark, Plot, Shape, Sign, duration_axis, with_share};

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
    let laid = histogram(gaps, Measure::Time);
    let max = i64::try_from(laid.max).unwrap_or(i64::MAX);
    if max == 0 {
        return None;
    }
    let scale = DurationScale::of(0, max, false);
    // Heights are parts of the highest bar.
    let height = |part: f64| part * scale.part(max);
    let mut marks = Vec::new();
    for bar in &laid.bars {
        let length = match bar.to_ns {
            Some(to) => format!("{} to {}", show::duration(bar.from_ns), show::duration(to)),
            None => format!("{} and longer", show::duration(bar.from_ns)),
        };
        for part in &bar.segments {
            let value = i64::try_from(part.value).unwrap_or(i64::MAX);
            marks.push(Mark::Bar {
                colour: part.cause.colour(),
                is_pale: false,
                from: (bar.x0, height(part.y0)),
                to: (bar.x1, height(part.y1)),
                says: format!("{length}, {}: {}", part.cause.word(), show::duration(value)),
                label: String::new(),
            });
        }
    }
    let with_time = || gaps.causes.iter().filter(|cause| cause.total_ns > 0);
    let legend = with_time()
        .map(|cause| Entry {
            sign: Sign::Square,
            colour: cause.cause.colour(),
            word: cause.cause.word().to_owned(),
            value: with_share(cause.total_ns, gaps.total_ns),
        })
        .collect();
    let ticks = laid.ticks.into_iter().filter(|edge| !edge.label.is_empty());
    let others = match other_places {
        0 => String::new(),
        n => format!(
            " Of {} with such gaps, the one with most time.",
            show::counted(n as u64 + 1, "place")
        ),
    };
    let largest = with_time().max_by_key(|cause| cause.total_ns);
    let largest = largest.map_or_else(String::new, |cause| {
        format!(
            " Most of it is {}: {}.",
            cause.cause.noun(),
            with_share(cause.total_ns, gaps.total_ns)
        )
    });
    Some(Plot {
        title: format!("{}: {}, by length and cause", gaps.kind.title(), gaps.r#where),
        says: format!(
            "{} that take {} in all.{largest}{others}",
            show::counted(gaps.count, "gap"),
            show::duration(gaps.total_ns)
        ),
        shape: Shape::Field,
        x: Axis {
            label: "length of a gap".to_owned(),
            ticks: ticks
                .map(|edge| AxisTick {
                    at: edge.x,
                    label: edge.label,
                })
                .collect(),
        },
        y: duration_axis("time in gaps", scale),
        marks,
        legend,
    })
}
