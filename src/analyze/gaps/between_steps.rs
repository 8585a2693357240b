//! Gaps from the end of one engine step to the start of the next.

use crate::analyze::gaps::gap_statistics::summarise;
use crate::analyze::gaps::gap_words::{engine_name, longest, step_label, step_of_pass, what_the_host_did};
use crate::analyze::gaps::innermost::Thread;
use crate::analyze::gaps::requests::EngineKey;
use crate::analyze::gaps::{Asked, Host, activity_of, whose};
use crate::analyze::report::{GapKind, Gaps};
use crate::base::{Span, Union, order};
use crate::dialect::{EngineStep, Period};
use crate::index::Key;

/// A gap between two engine steps: its neighbours are rows of
/// [`engine_steps`](crate::dialect::Vocabulary::engine_steps).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    pub span: Span,
    pub before: usize,
    pub after: usize,
}

/// The gaps between the engine steps at these places. Steps that overlap or touch have none. Only gaps with a serving
/// step on both sides count, unless no step is serving.
pub(super) fn between(steps: &[EngineStep], places: Vec<usize>) -> Vec<Between> {
    let any_serving = places.iter().any(|&i| steps[i].period == Period::Serving);
    let mut order = places;
    order::sort_by_key(&mut order, |&i| steps[i].span);
    let mut gaps = Vec::new();
    let mut last: Option<usize> = None;
    for i in order {
        let step = &steps[i];
        if let Some(before) = last {
            let counts =
                !any_serving || (steps[before].period == Period::Serving && step.period == Period::Serving);
            if counts && step.span.start > steps[before].span.end {
                gaps.push(Between {
                    span: Span::new(steps[before].span.end, step.span.start),
                    before,
                    after: i,
                });
            }
        }
        if last.is_none_or(|before| step.span.end > steps[before].span.end) {
            last = Some(i);
        }
    }
    gaps
}

pub(super) fn rank_of_step(host: &Host<'_>, step: usize) -> Option<usize> {
    let v = host.vocabulary;
    let first = v.engine_steps.get(step)?.passes.start;
    let pass = v.passes.get(first as usize)?;
    v.ranks.of(host.index, host.index.track_of(pass.slice))
}

/// The places of a rank's steps.
pub(super) fn steps_of_rank(host: &Host<'_>, rank: Option<usize>) -> Vec<usize> {
    let steps = 0..host.vocabulary.engine_steps.len();
    steps
        .filter(|&step| rank.is_none() || rank_of_step(host, step) == rank)
        .collect()
}

/// Whose steps gaps lie between.
pub(super) struct StepsOf<'a> {
    pub(super) key: EngineKey,
    pub(super) rank: Option<usize>,
    /// Whether its rank, or the file of one, has no other engine.
    pub(super) is_alone: bool,
    /// Those that mark the steps.
    pub(super) threads: &'a [Thread],
}

pub(super) fn step_gaps(
    host: &Host<'_>,
    asked: Asked<'_>,
    of: &StepsOf<'_>,
    places: Vec<usize>,
) -> Option<Gaps> {
    let engine_steps = &host.vocabulary.engine_steps;
    if places.len() < 2 {
        return None;
    }
    let serving = places.iter().any(|&i| engine_steps[i].period == Period::Serving);
    let counted = places.iter().map(|&i| &engine_steps[i]);
    let counted = counted.filter(|step| !serving || step.period == Period::Serving);
    let steps = Union::of(counted.map(|step| step.span)).extent();
    let mut between = between(engine_steps, places);
    between.retain(|g| asked.has(host, g.span));
    let whose = whose(host, of.rank, of.threads);
    let activity = activity_of(host, &whose);
    let mut divider = activity.divider();
    let (mut gaps, measured) = summarise(asked.n_longest, between.iter().map(|g| g.span), |gap| {
        divider.divide(gap)
    });
    gaps.kind = GapKind::Step;
    gaps.steps_ns = steps.map_or(0, Span::len_ns);
    gaps.r#where = engine_name(host.vocabulary);
    if let Some(rank) = host.vocabulary.ranks.label(of.rank) {
        gaps.r#where += &format!(" of {rank}");
    }
    if !of.is_alone {
        let show = |key: Key| key.show(&host.index.names).to_string();
        gaps.r#where += &format!(", process {}", show(of.key.process));
        if let Some(thread) = of.key.thread {
            gaps.r#where += &format!(", thread {}", show(thread));
        }
    }
    gaps.definition = match host.vocabulary.steps_inferred {
        true => "Time from the end of a wait for the device to the next launch: nothing marks steps, so whether it \
                 lies inside an engine step or between two is unknown."
            .to_owned(),
        false => format!(
            "Time from the end of one engine step to the start of the next{}: scheduling, the server around the \
             engine, and waiting for requests. Overlapping steps have no gap between them.",
            if serving { ", while serving" } else { "" }
        ),
    };
    let label = |i: usize| match engine_steps[i]
        .passes
        .clone()
        .next()
        .and_then(|p| step_of_pass(host, p))
    {
        Some(step) => step_label(step),
        None => "an engine step".to_owned(),
    };
    gaps.longest = longest(host, &measured, |gap, cause| {
        let gap_of = between[gap.place];
        let sides = format!("between {} and {}", label(gap_of.before), label(gap_of.after));
        format!("{}; {sides}.", what_the_host_did(host, gap, cause, &whose))
    });
    Some(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between_steps(steps: &[EngineStep]) -> Vec<Between> {
        between(steps, (0..steps.len()).collect())
    }

    fn step(start: i64, end: i64, period: Period) -> EngineStep {
        EngineStep {
            span: Span::new(start, end),
            passes: 0..0,
            period,
        }
    }

    fn spans(gaps: &[Between]) -> Vec<(i64, i64)> {
        gaps.iter().map(|g| (g.span.start, g.span.end)).collect()
    }

    #[test]
    fn a_step_gap_needs_a_serving_step_on_both_sides() {
        use Period::{Serving, Warmup};
        let steps = [
            step(0, 10, Warmup),
            step(20, 30, Warmup),
            step(40, 50, Serving),
            step(55, 70, Serving),
            step(60, 65, Serving),
            step(70, 80, Serving),
            step(81, 90, Serving),
        ];
        assert_eq!(spans(&between_steps(&steps)), vec![(50, 55), (80, 81)]);
    }

    #[test]
    fn where_nothing_is_serving_all_step_gaps_count() {
        let steps = [step(0, 10, Period::Warmup), step(20, 30, Period::Unknown)];
        assert_eq!(spans(&between_steps(&steps)), vec![(10, 20)]);
        assert_eq!(spans(&between_steps(&[])), vec![]);
    }

    #[test]
    fn a_long_step_covers_the_short_ones_in_it() {
        let s = Period::Serving;
        let steps = [
            step(0, 100, s),
            step(10, 20, s),
            step(30, 40, s),
            step(120, 130, s),
        ];
        let gaps = between_steps(&steps);
        assert_eq!(spans(&gaps), vec![(100, 120)]);
        assert_eq!((gaps[0].before, gaps[0].after), (0, 3));
    }
}
