//! Which steps a reader asks for.

use serde::{Deserialize, Serialize};

use crate::analyze::report::{Bucket, Period, Phase, Step, TraceReport};
use crate::base::{Span, stats};
use crate::index::Index;

use super::like::LikeSize;
use super::{bucket_padding, step_groups_of};

/// See the module. What is not named is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFilter {
    pub phase: Option<Phase>,
    pub period: Option<Period>,
    pub bucket: Option<Bucket>,
    /// Steps without a bucket of this class of sizes: see [`LikeSize::class_key`].
    pub class: Option<String>,
    /// Steps that start in it.
    pub window: Option<Span>,
    /// Step times of so many ns.
    pub length: Option<Span>,
    /// Of those that pass all else but `length`, the longest hundredth, at least one.
    pub slowest: bool,
}

impl StepFilter {
    /// Whether a step is asked for, by all but how long it took.
    fn takes_kind(&self, step: &Step) -> bool {
        self.phase.is_none_or(|p| p == step.phase)
            && self.period.is_none_or(|p| p == step.period)
            && self.bucket.is_none_or(|b| Some(b) == step.bucket)
            && self.window.is_none_or(|w| w.contains(step.start_ns))
            && self.class.as_ref().is_none_or(|class| {
                step.bucket.is_none() && LikeSize::of(step).class_key().as_ref() == Some(class)
            })
    }

    /// Which of `steps` are asked for, one answer a step.
    pub fn takes(&self, steps: &[Step]) -> Vec<bool> {
        let mut takes: Vec<bool> = steps.iter().map(|step| self.takes_kind(step)).collect();
        if self.slowest {
            let taken = steps.iter().zip(&takes).filter(|(_, takes)| **takes);
            let mut times: Vec<i64> = taken.filter_map(|(step, _)| step.step_ns).collect();
            // Of a hundred steps the one longest: the quantile's own rank is that of the one before.
            let n = times.len().div_ceil(100);
            let least = times.len().checked_sub(n).filter(|_| n > 0);
            let least_ns = least.map(|at| *times.select_nth_unstable(at).1);
            for (step, takes) in steps.iter().zip(&mut takes) {
                *takes &= step.step_ns.zip(least_ns).is_some_and(|(ns, least)| ns >= least);
            }
        }
        if let Some(length) = self.length {
            for (step, takes) in steps.iter().zip(&mut takes) {
                *takes &= step.step_ns.is_some_and(|ns| length.contains(ns));
            }
        }
        takes
    }

    /// The steps that are asked for.
    pub fn chosen<'s>(&self, steps: &'s [Step]) -> Vec<&'s Step> {
        let takes = self.takes(steps);
        let chosen = steps.iter().zip(takes).filter(|(_, takes)| *takes);
        chosen.map(|(step, _)| step).collect()
    }
}

/// What the report says of these steps alone: as far as it can be counted by step, and nothing else.
pub fn report_of(index: &Index, report: &TraceReport, filter: &StepFilter) -> TraceReport {
    let takes = filter.takes(&report.steps);
    let chosen = report.steps.iter().zip(&takes).filter(|(_, takes)| **takes);
    let steps: Vec<Step> = chosen.map(|(step, _)| step.clone()).collect();
    let is_taken = |step: u32| takes.get(step as usize).copied().unwrap_or(false);
    TraceReport {
        start_ns: report.start_ns,
        step_time: report.step_time.clone(),
        step_groups: step_groups_of(index, &report.steps, report.step_time.as_ref(), &takes),
        padding: bucket_padding::padding(&steps),
        slow_steps: report
            .slow_steps
            .iter()
            .filter(|slow| is_taken(slow.step))
            .cloned()
            .collect(),
        steps,
        ..TraceReport::default()
    }
}

/// The median of what is known of these steps.
pub fn median_of<'s>(
    steps: impl Iterator<Item = &'s Step>,
    what: impl Fn(&Step) -> Option<i64>,
) -> Option<i64> {
    let mut known: Vec<i64> = steps.filter_map(what).collect();
    stats::quantile_of(&mut known, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(n: u32) -> Vec<Step> {
        let step = |index: u32| Step {
            index,
            phase: if index.is_multiple_of(2) {
                Phase::Decode
            } else {
                Phase::Prefill
            },
            period: Period::Serving,
            start_ns: i64::from(index) * 1_000,
            step_ns: Some(i64::from(index) + 1),
            batch: Some(index % 4 + 1),
            ..Step::default()
        };
        (0..n).map(step).collect()
    }

    fn indices(filter: &StepFilter, steps: &[Step]) -> Vec<u32> {
        filter.chosen(steps).iter().map(|step| step.index).collect()
    }

    #[test]
    fn the_slowest_hundredth_is_of_what_else_is_asked_for() {
        let slowest = StepFilter {
            slowest: true,
            ..StepFilter::default()
        };
        assert_eq!(indices(&slowest, &steps(200)), [198, 199]);
        assert_eq!(indices(&slowest, &steps(100)), [99]);
        assert_eq!(indices(&slowest, &steps(101)), [99, 100], "at least a hundredth");
        assert_eq!(indices(&slowest, &steps(3)), [2], "at least one");
        assert_eq!(indices(&slowest, &[]), [0; 0]);
        let of_prefill = StepFilter {
            phase: Some(Phase::Prefill),
            window: Some(Span::new(0, 100_000)),
            ..slowest
        };
        assert_eq!(indices(&of_prefill, &steps(200)), [99]);
        let mut unknown = steps(3);
        unknown[2].step_ns = None;
        let slowest = StepFilter {
            slowest: true,
            ..StepFilter::default()
        };
        assert_eq!(
            indices(&slowest, &unknown),
            [1],
            "an unknown time is not a long one"
        );
    }

    #[test]
    fn lengths_and_classes_are_filtered() {
        let of_length = StepFilter {
            length: Some(Span::new(3, 5)),
            ..StepFilter::default()
        };
        assert_eq!(indices(&of_length, &steps(9)), [2, 3]);
        // Batch 4 is a class of its own beside 2 and 3.
        let of_class = StepFilter {
            class: Some("s2".to_owned()),
            phase: Some(Phase::Decode),
            ..StepFilter::default()
        };
        assert_eq!(indices(&of_class, &steps(9)), [2, 6], "batch 3");
    }
}
