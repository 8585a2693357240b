//! The Steps view: a plot of durations over time, mean parts by group, pages of the table.

use crate::analyze::report::{Bucket, Engines, Gaps, Parts, Recompile, Step, TraceReport};
use crate::analyze::steps::filter::median_of;
use crate::analyze::steps::like::{LEAST_LIKE, LikeSize};
use crate::analyze::steps::times::{device_span_ns, durations};
use crate::base::{Span, order, show, stats};
use crate::dialect::Evidence;
use crate::plot::distribution::distribution;
use crate::plot::gaps::by_length;
use crate::plot::histogram::Measure;
use crate::plot::steps::{Asked, over_time};

use super::model::{
    GapsChosen, GroupParts, MAX_LISTED, MAX_PARTS, StepDetail, StepFilter, StepMark, StepMedians, StepsPlot,
    StepsView,
};

/// Buckets that a choice of one offers.
const MAX_BUCKETS: usize = 300;

/// What is asked of the steps.
#[derive(Clone, Copy, Debug)]
pub struct StepsAsked<'a> {
    pub filter: &'a StepFilter,
    /// The stretch of time that is drawn; else all of it.
    pub window: Option<Span>,
    pub log: bool,
    pub width_px: u32,
}

/// The pictures and the mean parts of the steps that are asked for.
pub fn steps_view(report: &TraceReport, asked: StepsAsked<'_>) -> StepsView {
    let StepsAsked { filter, window, .. } = asked;
    let (steps, recompiles) = (&report.steps, &report.recompiles);
    let rows = filter.chosen(steps);
    let (parts, parts_left_out) = group_parts(&rows);
    let word = report
        .step_time
        .as_ref()
        .map_or("step time", |time| time.basis.word());
    // What is brushed stays in sight.
    let of_all_time = StepFilter {
        window: None,
        ..filter.clone()
    };
    let over_time = over_time(&Asked {
        steps: &of_all_time.chosen(steps),
        recompiles,
        window,
        origin_ns: report.start_ns.unwrap_or(0),
        log: asked.log,
        word,
    });
    let of_all_lengths = StepFilter {
        length: None,
        ..filter.clone()
    };
    let class = filter.class.as_ref().and_then(|class| {
        let mut sizes = steps.iter().map(LikeSize::of);
        sizes
            .find(|like| like.class_key().as_ref() == Some(class))?
            .class_says()
    });
    StepsView {
        plot: plot(&rows, recompiles, window, asked.width_px),
        over_time,
        distribution: distribution(&of_all_lengths.chosen(steps), word),
        class,
        n_steps: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        parts,
        parts_left_out,
    }
}

/// The gaps of one kind in one place, as pictures.
pub fn gaps_chosen(gaps: &Gaps, steps: &[Step]) -> GapsChosen {
    let mut buckets: Vec<Bucket> = steps.iter().filter_map(|s| s.bucket).collect();
    order::sort(&mut buckets);
    buckets.dedup();
    buckets.truncate(MAX_BUCKETS);
    GapsChosen {
        buckets,
        count: gaps.count,
        total_ns: gaps.total_ns,
        p50_ns: gaps.p50_ns,
        p99_ns: gaps.p99_ns,
        max_ns: gaps.max_ns,
        by_count: by_length(gaps, Measure::Count),
        by_time: by_length(gaps, Measure::Time),
    }
}

/// Duration over time: the steps of one phase and period that start in one pixel column make one mark.
fn plot(rows: &[&Step], recompiles: &[Recompile], window: Option<Span>, width_px: u32) -> StepsPlot {
    let extent = rows.first().zip(rows.last()).map(|(first, last)| {
        Span::new(
            first.start_ns,
            last.start_ns.saturating_add(last.dur_ns).saturating_add(1),
        )
    });
    let Some(window) = window.or(extent).filter(|w| !w.is_empty() && width_px > 0) else {
        return StepsPlot {
            window: window.or(extent).unwrap_or_default(),
            width_px,
            ..StepsPlot::default()
        };
    };
    let held_up = |suspected: bool| {
        let mut held_up: Vec<u32> = recompiles
            .iter()
            .filter(|r| (r.evidence == Evidence::Suspected) == suspected)
            .filter_map(|r| r.step)
            .collect();
        order::sort(&mut held_up);
        held_up
    };
    let (compiled, suspected) = (held_up(false), held_up(true));
    let mut plot = StepsPlot {
        window,
        width_px,
        min_ns: i64::MAX,
        ..StepsPlot::default()
    };
    let from = rows.partition_point(|s| s.start_ns < window.start);
    // Marks of the pixel column at hand start here.
    let mut column = 0;
    for step in rows[from..].iter().take_while(|s| s.start_ns < window.end) {
        let Some(step_ns) = step.step_ns else { continue };
        #[expect(clippy::cast_possible_truncation, reason = "a pixel position is a float")]
        let x = (step.start_ns.saturating_sub(window.start) as f64 * f64::from(width_px)
            / window.len_ns() as f64)
            .floor() as f32;
        plot.max_ns = plot.max_ns.max(step_ns);
        plot.min_ns = plot.min_ns.min(step_ns);
        let was_compiled = compiled.binary_search(&step.index).is_ok();
        let is_suspected = suspected.binary_search(&step.index).is_ok();
        if plot.marks.get(column).is_some_and(|m| m.x != x) {
            column = plot.marks.len();
        }
        let same = plot.marks[column..]
            .iter_mut()
            .find(|m| m.phase == step.phase && m.period == step.period);
        match same {
            Some(mark) => {
                if step_ns > mark.max_ns {
                    mark.max_ns = step_ns;
                    mark.step = step.index;
                }
                mark.min_ns = mark.min_ns.min(step_ns);
                mark.count += 1;
                mark.compiled |= was_compiled;
                mark.suspected |= is_suspected;
            }
            None => plot.marks.push(StepMark {
                x,
                phase: step.phase,
                period: step.period,
                max_ns: step_ns,
                min_ns: step_ns,
                count: 1,
                step: step.index,
                compiled: was_compiled,
                suspected: is_suspected,
            }),
        }
    }
    if plot.marks.is_empty() {
        plot.min_ns = 0;
    }
    plot
}

/// A sum in which "unknown for all" stays unknown.
#[derive(Default)]
struct Sum(Option<i64>);

impl Sum {
    fn add(&mut self, value: Option<i64>) {
        if let Some(value) = value {
            self.0 = Some(self.0.unwrap_or(0).saturating_add(value));
        }
    }

    fn mean(&self, n: usize) -> Option<i64> {
        self.0.map(|sum| sum / i64::try_from(n).unwrap_or(1).max(1))
    }
}

/// Mean parts of each group, by phase, period and bucket, of steps that did not compile: those with most time, and how
/// many are left out.
fn group_parts(rows: &[&Step]) -> (Vec<GroupParts>, u64) {
    let mut sorted: Vec<&Step> = rows.iter().filter(|s| !s.compiled).copied().collect();
    order::sort_by_key(&mut sorted, |s| (s.period, s.phase, s.bucket));
    let mut groups: Vec<(i64, GroupParts)> = sorted
        .chunk_by(|a, b| (a.period, a.phase, a.bucket) == (b.period, b.phase, b.bucket))
        .map(|group| {
            let mean_of = |part: &dyn Fn(&Step) -> Option<i64>| {
                let mut sum = Sum::default();
                group.iter().for_each(|s| sum.add(part(s)));
                sum.mean(group.len())
            };
            let mean = |part: fn(&Step) -> Option<i64>| mean_of(&part);
            let total = stats::sum(group.iter().map(|s| s.host_ns));
            let engines = Engines::of(|engine| mean_of(&|s| s.device.as_ref()?.engines[engine]));
            let busy = mean(|s| Some(s.device.as_ref()?.busy_ns));
            let parts = GroupParts {
                phase: group[0].phase,
                bucket: group[0].bucket,
                period: group[0].period,
                count: group.len() as u64,
                mean: Parts {
                    derived: group.iter().any(|s| s.parts.derived),
                    ..Parts::of(|part| mean_of(&|s| s.parts.get(part)))
                },
                mean_total_ns: total / i64::try_from(group.len()).unwrap_or(1),
                mean_device_busy_ns: busy,
                mean_device_idle_ns: mean(|s| Some(s.device.as_ref()?.idle_ns)),
                mean_engines: busy.map(|_| engines),
            };
            (total, parts)
        })
        .collect();
    order::sort_by_key(&mut groups, |(total, _)| std::cmp::Reverse(*total));
    let left_out = groups.len().saturating_sub(MAX_PARTS) as u64;
    groups.truncate(MAX_PARTS);
    (groups.into_iter().map(|(_, parts)| parts).collect(), left_out)
}

/// One step with its neighbours and its like.
pub fn step_detail(steps: &[Step], recompiles: &[Recompile], index: u32) -> Option<StepDetail> {
    let at = index as usize;
    let step = steps.get(at)?.clone();
    let like: Vec<&Step> = steps
        .iter()
        .filter(|s| LikeSize::of(s) == LikeSize::of(&step))
        .collect();
    let own = || recompiles.iter().filter(|r| r.step == Some(index));
    Some(StepDetail {
        like: compared(&step, &like),
        medians: medians(&like),
        group_parts: group_parts(&like).0.pop(),
        recompiles: own().take(MAX_LISTED).cloned().collect(),
        recompiles_left_out: own().count().saturating_sub(MAX_LISTED) as u64,
        previous: index.checked_sub(1),
        next: (at + 1 < steps.len()).then_some(index + 1),
        step,
    })
}

fn medians(like: &[&Step]) -> Option<StepMedians> {
    let others = || like.iter().copied().filter(|s| !s.compiled);
    if others().count() < LEAST_LIKE {
        return None;
    }
    let of = |what: fn(&Step) -> Option<i64>| median_of(others(), what);
    Some(StepMedians {
        step: of(|s| s.step_ns),
        interval: of(|s| s.interval_ns),
        host: of(|s| Some(s.host_ns)),
        call: of(|s| Some(s.dur_ns)),
        device_span: of(device_span_ns),
        gap_before: of(|s| s.gap_before_ns),
        device_gap_before: of(|s| s.device.as_ref()?.gap_before_ns),
    })
}

/// A step beside those of like size that did not compile.
fn compared(step: &Step, like: &[&Step]) -> Option<String> {
    let times = durations(like.iter().filter(|s| !s.compiled).filter_map(|s| s.step_ns));
    let own = step.step_ns?;
    if times.count < LEAST_LIKE as u64 {
        return None;
    }
    let (p50, p99, max) = (times.p50_ns.filter(|&ns| ns > 0)?, times.p99_ns?, times.max_ns?);
    Some(format!(
        "Its step time is {:.1} times the median of {} of {}: p50 {}, p99 {}, longest {}.",
        own as f64 / p50 as f64,
        show::counted(times.count, "step"),
        LikeSize::of(step).words(),
        show::duration(p50),
        show::duration(p99),
        show::duration(max)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Period, Phase};
    use crate::view::Picture;

    fn step(index: u32, start_ns: i64, dur_ns: i64, phase: Phase) -> Step {
        Step {
            index,
            phase,
            period: Period::Serving,
            start_ns,
            dur_ns,
            host_ns: dur_ns,
            step_ns: Some(dur_ns),
            parts: Parts {
                forward_ns: Some(dur_ns / 2),
                ..Parts::default()
            },
            slice: index,
            ..Step::default()
        }
    }

    fn view_of(steps: &[Step], recompiles: &[Recompile]) -> StepsView {
        let report = TraceReport {
            steps: steps.to_vec(),
            recompiles: recompiles.to_vec(),
            ..TraceReport::default()
        };
        let asked = StepsAsked {
            filter: &StepFilter::default(),
            window: Some(Span::new(0, 300)),
            log: true,
            width_px: 3,
        };
        steps_view(&report, asked)
    }

    #[test]
    fn what_is_brushed_stays_in_sight_and_is_counted_alone() {
        let report = TraceReport {
            steps: (0..6)
                .map(|n| step(n, i64::from(n) * 100, 10 + i64::from(n), Phase::Decode))
                .collect(),
            ..TraceReport::default()
        };
        let filter = StepFilter {
            window: Some(Span::new(100, 300)),
            length: Some(Span::new(12, 13)),
            ..StepFilter::default()
        };
        let view = steps_view(
            &report,
            StepsAsked {
                filter: &filter,
                window: None,
                log: true,
                width_px: 100,
            },
        );
        assert_eq!(view.n_steps, 1);
        let n_picks = |picture: Option<Picture>| picture.map_or(0, |picture| picture.picks.len());
        assert_eq!(n_picks(view.over_time), 1, "of this length, at any time");
        assert_eq!(n_picks(view.distribution), 2, "of this time, of any length");
        let medians = step_detail(&report.steps, &[], 0).unwrap().medians.unwrap();
        assert_eq!((medians.step, medians.gap_before), (Some(12), None));
    }

    #[test]
    fn marks_of_one_pixel_join_by_phase_and_keep_the_longest() {
        let steps = [
            step(0, 0, 10, Phase::Decode),
            step(1, 20, 30, Phase::Decode),
            step(2, 60, 5, Phase::Prefill),
            step(3, 250, 7, Phase::Decode),
        ];
        let view = view_of(&steps, &[]);
        let marks: Vec<_> = view
            .plot
            .marks
            .iter()
            .map(|m| (m.x, m.phase, m.count, m.step))
            .collect();
        assert_eq!(
            marks,
            [
                (0.0, Phase::Decode, 2, 1),
                (0.0, Phase::Prefill, 1, 2),
                (2.0, Phase::Decode, 1, 3)
            ]
        );
        assert_eq!((view.plot.min_ns, view.plot.max_ns), (5, 30));
        assert_eq!(view.n_steps, 4);
        let decode = view.parts.iter().find(|p| p.phase == Phase::Decode).unwrap();
        assert_eq!(
            (decode.count, decode.mean_total_ns, decode.mean.forward_ns),
            (3, 15, Some(7))
        );
        assert_eq!(decode.mean.prepare_ns, None, "unknown stays unknown");
    }

    #[test]
    fn a_suspected_compile_is_not_marked_as_a_recorded_one() {
        let steps = [
            step(0, 0, 10, Phase::Decode),
            step(1, 20, 30, Phase::Decode),
            step(2, 200, 5, Phase::Decode),
        ];
        let compile = |evidence, step| Recompile {
            evidence,
            name: String::new(),
            start_ns: 0,
            dur_ns: Some(1),
            start_is_exact: true,
            step: Some(step),
            phase: Phase::Decode,
            bucket: None,
            period: Period::Serving,
            region: None,
            region_start_ns: None,
            region_end_ns: None,
            also: None,
            slice: None,
            dynamo: None,
            ..Recompile::default()
        };
        let compiles = [compile(Evidence::Suspected, 1), compile(Evidence::Recorded, 2)];
        let view = view_of(&steps, &compiles);
        let marks: Vec<_> = view
            .plot
            .marks
            .iter()
            .map(|m| (m.compiled, m.suspected))
            .collect();
        assert_eq!(marks, [(false, true), (true, false)]);
    }

    #[test]
    fn a_detail_knows_its_neighbours() {
        let steps = [step(0, 0, 10, Phase::Decode), step(1, 20, 30, Phase::Decode)];
        let detail = step_detail(&steps, &[], 1).unwrap();
        assert_eq!((detail.previous, detail.next), (Some(0), None));
        assert!(step_detail(&steps, &[], 2).is_none());
    }
}
