//! How step times are distributed: a histogram over a logarithmic axis, with quantiles and the share of steps that take
//! no longer.

use std::collections::BTreeMap;

use crate::analyze::report::{Phase, Step};
use crate::analyze::steps::times::durations;
use crate::base::log_bins::LogBins;
use crate::base::{Span, order, show};

use super::axis::{count_axis, log_ticks};
use super::{Across, Axis, AxisTick, Entry, Mark, Pick, Picked, Picture, Plot, Shape, Sign};

/// Bins of the histogram.
const BINS: usize = 48;
/// Room for a label, as a part of the width.
const LABEL_ROOM: f64 = 0.12;
/// The step times of these steps; `None` where none is known. `word`: of the step time.
pub fn distribution(steps: &[&Step], word: &str) -> Option<Picture> {
    let times = || steps.iter().filter_map(|step| step.step_ns);
    let bins = LogBins::of(BINS, times())?;
    let mut phases: Vec<Phase> = steps.iter().map(|step| step.phase).collect();
    order::sort(&mut phases);
    phases.dedup();
    let of_phase = |phase: Phase| steps.iter().filter(move |step| step.phase == phase);
    let by_phase: BTreeMap<Phase, Vec<u64>> = phases
        .iter()
        .map(|&phase| {
            (
                phase,
                bins.counted(of_phase(phase).filter_map(|step| step.step_ns)),
            )
        })
        .collect();
    let counts = bins.counted(times());
    let total: u64 = counts.iter().sum();
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let height = |n: u64| n as f64 / most as f64;
    let x = |bin: usize| bin as f64 / BINS as f64;
    let mut marks = Vec::new();
    let mut picks = Vec::new();
    let mut share = vec![(0.0, 0.0)];
    let mut up_to = 0;
    for (bin, &count) in counts.iter().enumerate() {
        let span = Span::new(bins.edge(bin), bins.edge(bin + 1));
        let length = format!("{} to {}", show::duration(span.start), show::duration(span.end));
        let mut at = 0;
        for (phase, counts) in &by_phase {
            let n = counts[bin];
            if n > 0 {
                marks.push(Mark::Bar {
                    colour: phase.colour(),
                    is_pale: false,
                    from: (x(bin), height(at)),
                    to: (x(bin + 1), height(at + n)),
                    says: format!("{length}, {}: {}", phase.word(), show::counted(n, "step")),
                    label: String::new(),
                });
                at += n;
            }
        }
        up_to += count;
        if count > 0 {
            let percent = up_to as f64 * 100.0 / total.max(1) as f64;
            share.push((x(bin + 1), up_to as f64 / total.max(1) as f64));
            picks.push(Pick {
                x: (x(bin), x(bin + 1)),
                y: height(count),
                says: format!(
                    "{length}: {}; {percent:.1} % take no longer",
                    show::counted(count, "step")
                ),
                of: Picked::Lengths(span),
            });
        }
    }
    marks.push(Mark::Curve { at: share });
    let found = durations(times());
    let quantiles = [
        ("p50", found.p50_ns),
        ("p90", found.p90_ns),
        ("p99", found.p99_ns),
    ];
    for (name, ns) in quantiles {
        if let Some(ns) = ns {
            marks.push(Mark::Rule {
                x: bins.part(ns).clamp(0.0, 1.0),
                label: format!("{name} {}", show::duration(ns)),
            });
        }
    }
    let said = |ns: Option<i64>| ns.map_or_else(|| "unknown".to_owned(), show::duration);
    let plot = Plot {
        title: "Distribution of step times".to_owned(),
        says: format!(
            "{}: p50 {}, p90 {}, p99 {}, longest {}.",
            show::counted(total, "step"),
            said(found.p50_ns),
            said(found.p90_ns),
            said(found.p99_ns),
            said(found.max_ns)
        ),
        shape: Shape::Field,
        x: Axis {
            label: format!("{word} (logarithmic)"),
            ticks: log_ticks(bins.low_log10, bins.high_log10, LABEL_ROOM)
                .into_iter()
                .filter(|tick| !tick.label.is_empty())
                .map(|tick| AxisTick {
                    at: tick.at,
                    label: tick.label,
                })
                .collect(),
        },
        y: count_axis("steps", most),
        marks,
        legend: by_phase
            .iter()
            .map(|(phase, counts)| Entry {
                sign: Sign::Square,
                colour: phase.colour(),
                word: phase.word().to_owned(),
                value: show::counted(counts.iter().sum(), "step"),
            })
            .chain([Entry {
                sign: Sign::Line,
                colour: crate::base::Colour::Other,
                word: "share of steps that take no longer".to_owned(),
                value: "0 to 100 % of the height".to_owned(),
            }])
            .collect(),
    };
    Some(Picture {
        plot,
        picks,
        across: Across::Lengths,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(times: &[i64]) -> Vec<Step> {
        let step = |(index, &ns): (usize, &i64)| Step {
            index: u32::try_from(index).unwrap(),
            phase: if index.is_multiple_of(2) {
                Phase::Decode
            } else {
                Phase::Prefill
            },
            step_ns: Some(ns),
            ..Step::default()
        };
        times.iter().enumerate().map(step).collect()
    }

    #[test]
    fn every_step_lies_in_the_bin_that_counts_it() {
        let times = [
            1_000_000,
            1_000_001,
            1_500_000,
            40_000_000,
            40_000_000,
            1_234_567_890,
        ];
        let all = steps(&times);
        let all: Vec<&Step> = all.iter().collect();
        let picture = distribution(&all, "interval").unwrap();
        let held = |pick: &Pick| match pick.of {
            Picked::Lengths(bin) => times.iter().filter(|&&ns| bin.contains(ns)).count(),
            _ => 0,
        };
        let said = |pick: &Pick| {
            let n = pick
                .says
                .split(": ")
                .nth(1)
                .and_then(|says| says.split(' ').next());
            n.unwrap().parse::<usize>().unwrap()
        };
        assert!(picture.picks.iter().all(|pick| held(pick) == said(pick)));
        assert_eq!(picture.picks.iter().map(held).sum::<usize>(), times.len());
        let last = picture.picks.last().unwrap();
        assert!(last.says.ends_with("100.0 % take no longer"), "{}", last.says);
    }

    #[test]
    fn steps_of_one_length_have_a_histogram_and_steps_of_none_have_not() {
        let alike = steps(&[5_000_000; 3]);
        let alike: Vec<&Step> = alike.iter().collect();
        let picture = distribution(&alike, "interval").unwrap();
        assert_eq!(picture.picks.len(), 1);
        assert_eq!(
            picture.plot.says,
            "3 steps: p50 5.00 ms, p90 5.00 ms, p99 5.00 ms, longest 5.00 ms."
        );
        let unknown = [Step::default()];
        assert_eq!(distribution(&[&unknown[0]], "interval"), None);
    }
}
