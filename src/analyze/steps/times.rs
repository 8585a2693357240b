//! The four times of a step, and which of them is its step time.
//!
//! - *Model call*: the marker alone, on the host. It may return long before the device has done the work.
//! - *Host time*: the engine step on the host, with what stands before and behind the marker.
//! - *Interval*: from a step's start on the host to the start of the next step of the same engine.
//! - *Device span*: first start to last end of the step's device work.
//!
//! The step time is the interval wherever [`LEAST_INTERVALS`] exist and the device's last work ends after the marker in
//! more than half of the steps; without a device, the interval if host times are less than 80 % of the intervals; else
//! the host time. Counted are steps with work that did not compile, while serving if any do.
//!
//! An engine is asynchronous if in more than half of its steps the next one starts on the host before this one's device
//! work ends. The interval of a step then holds the device time of the step before, so that from device end to device
//! end is used where work is linked: of all steps, and unknown of one that has no step before it or no linked work.

use rustc_hash::FxHashMap;

use crate::analyze::gaps::requests::Waiting;
use crate::analyze::merge::merge_tracks;
use crate::analyze::report::{Basis, Durations, Period, Phase, Step, StepTime};
use crate::base::{SliceId, Span, TrackId, Union, order, stats};
use crate::dialect::Vocabulary;
use crate::index::Index;

/// Fewer intervals say nothing of the time between steps.
const LEAST_INTERVALS: usize = 3;

/// Of fewer steps is the time from device end to device end known: their work is hardly linked.
const LEAST_FROM_ENDS: usize = 2;

/// Without a device: host times below this part of the intervals, in per cent, leave something out.
const HOST_COVERS_PERCENT: i64 = 80;

/// The host time of every pass.
pub fn host_spans(vocabulary: &Vocabulary) -> Vec<Span> {
    let rows = 0..vocabulary.passes.len();
    rows.map(|row| vocabulary.host_span(row).unwrap_or_default())
        .collect()
}

/// Of every step the next one on the same track, in the same period.
fn followers(index: &Index, steps: &[Step]) -> Vec<Option<usize>> {
    let mut next = vec![None; steps.len()];
    let mut last_on: FxHashMap<TrackId, usize> = FxHashMap::default();
    for (i, step) in steps.iter().enumerate() {
        let before = last_on.insert(index.track_of(SliceId(step.slice)), i);
        if let Some(before) = before
            && steps[before].period == step.period
        {
            next[before] = Some(i);
        }
    }
    next
}

/// Whether a step had something to compute.
fn has_work(step: &Step) -> bool {
    step.phase != Phase::Idle
}

/// Fills in what follows from the times of steps that are known already: intervals, and the step time by the trace's
/// basis or by the one `asked` for. `waits`: when engines waited for requests.
pub fn set_times(
    index: &Index,
    vocabulary: &Vocabulary,
    steps: &mut [Step],
    waits: &[Waiting],
    asked: Option<Basis>,
) -> Option<StepTime> {
    if steps.is_empty() {
        return None;
    }
    let spans = host_spans(vocabulary);
    let next = followers(index, steps);
    let mut waits_of: FxHashMap<TrackId, Union> = FxHashMap::default();
    for (i, step) in steps.iter_mut().enumerate() {
        let track = index.track_of(SliceId(step.slice));
        let waits = waits_of.entry(track).or_insert_with(|| {
            let thread = (index.track(track).pid, index.track(track).tid);
            Union::of(waits.iter().filter(|w| w.engine.has(thread)).map(|w| w.span))
        });
        step.interval_ns = next[i].and_then(|next| {
            let (start, end) = (spans[i].start, spans[next].start);
            let is_waited = waits.covered_ns(Span::new(spans[i].end.min(end), end)) > 0;
            (!is_waited).then_some((end - start).max(0))
        });
    }
    let device = match (vocabulary.devices.is_empty(), vocabulary.clock_offset_ns) {
        (true, _) => DeviceEnds::NotRecorded,
        (false, None) => DeviceEnds::Of(device_ends(index, vocabulary, steps, &spans, &next)),
        // Which of host and device was first is not told by clocks that disagree.
        (false, Some(_)) => DeviceEnds::OnAnotherClock,
    };
    let mut time = basis(steps, &spans, &next, &device);
    if vocabulary.steps_inferred {
        tell_inferred(&mut time, steps);
    }
    time.pipeline_stages = vocabulary.ranks.pipeline_stages();
    if let Some(stages) = time.pipeline_stages {
        time.why += &format!(
            " The engine is a pipeline of {stages} stages: each step is one batch on one stage, with up to {stages} \
             batches in flight, so a token of a request can take up to {stages} steps."
        );
    }
    if let Some(basis) = asked.filter(|&basis| basis != time.basis) {
        time.why = format!(
            "Chosen by the reader; by default it is the {}: {}",
            time.basis.word(),
            time.why
        );
        time.basis = basis;
    }
    let before = previous(&next);
    let from_device_end = |steps: &[Step], i: usize| {
        let before = &steps[before[i].filter(|&b| steps[b].interval_ns.is_some())?];
        let ns = device_end(&steps[i])?.checked_sub(device_end(before)?)?;
        Some(ns.max(0))
    };
    let known = (0..steps.len()).filter(|&i| from_device_end(steps, i).is_some());
    time.from_device_ends = time.basis == Basis::Interval
        && time.asynchronous
        && known.take(LEAST_FROM_ENDS).count() == LEAST_FROM_ENDS;
    for i in 0..steps.len() {
        let device_ns = device_span_ns(&steps[i]);
        let step = &steps[i];
        let step_ns = match time.basis {
            Basis::Interval if time.from_device_ends => from_device_end(steps, i),
            Basis::Interval => step.interval_ns,
            Basis::Host => Some(step.host_ns),
            Basis::Call => Some(step.call_ns),
            Basis::Device => device_ns,
        };
        steps[i].step_ns = step_ns;
    }
    Some(time)
}

/// The host time of an inferred step leaves out what the host does before the first launch: the interval holds it.
fn tell_inferred(time: &mut StepTime, steps: &[Step]) {
    let n_intervals = steps.iter().filter(|s| s.interval_ns.is_some()).count();
    if n_intervals >= LEAST_INTERVALS {
        time.basis = Basis::Interval;
    }
    time.inferred = true;
    time.why = "Nothing marks steps: each is inferred, from the first launch after a wait for the device to the end of \
                the next wait, so its host time leaves out what the host does between the two."
        .to_owned();
}

/// A compile between two inferred steps lies in the interval of the first: that one counts as compiled.
pub fn set_compiled_by_interval(steps: &mut [Step], compiling: &Union) {
    for step in steps {
        let end = step
            .host_start_ns
            .saturating_add(step.interval_ns.unwrap_or(step.host_ns));
        step.compiled |= compiling.covered_ns(Span::new(step.host_start_ns, end)) > 0;
    }
}

fn previous(next: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut before = vec![None; next.len()];
    for (i, next) in next.iter().enumerate() {
        if let Some(next) = *next {
            before[next] = Some(i);
        }
    }
    before
}

fn device_end(step: &Step) -> Option<i64> {
    step.device.as_ref()?.end_ns
}

/// From the first start to the last end of the device work that a step launched.
pub fn device_span_ns(step: &Step) -> Option<i64> {
    let device = step.device.as_ref()?;
    Some(device.end_ns?.saturating_sub(device.start_ns?))
}

/// The time that is a step's: from its start on the host to that of the next step, or, `from_device_ends`, from the end
/// of the device work of the step before to the end of its own. `None`: unknown.
pub fn judged_span(step: &Step, from_device_ends: bool) -> Option<Span> {
    if from_device_ends {
        let end = device_end(step)?;
        return Some(Span::new(end.saturating_sub(step.step_ns?), end));
    }
    let end = step.host_start_ns.saturating_add(step.interval_ns?);
    Some(Span::new(step.host_start_ns, end))
}

/// The end of each step's device work: by launch where that is known, else of what starts before the next step does.
fn device_ends(
    index: &Index,
    vocabulary: &Vocabulary,
    steps: &[Step],
    spans: &[Span],
    next: &[Option<usize>],
) -> Vec<Option<i64>> {
    let linked: Vec<Option<i64>> = steps.iter().map(device_end).collect();
    if vocabulary.devices.is_empty() || linked.iter().any(Option::is_some) {
        return linked;
    }
    let mut ends = linked;
    let lanes: Vec<TrackId> = vocabulary
        .devices
        .iter()
        .flat_map(|d| &d.tracks)
        .copied()
        .collect();
    let mut at = 0;
    merge_tracks(index, &lanes, |_, id| {
        if !vocabulary.role(id).is_device() {
            return;
        }
        let work = index.slices.span(id);
        while at + 1 < spans.len() && spans[at + 1].start <= work.start {
            at += 1;
        }
        if spans[at].start <= work.start && next[at].is_some() {
            ends[at] = Some(ends[at].map_or(work.end, |end| end.max(work.end)));
        }
    });
    ends
}

/// When the device was done with each step.
enum DeviceEnds {
    Of(Vec<Option<i64>>),
    NotRecorded,
    OnAnotherClock,
}

fn basis(steps: &[Step], spans: &[Span], next: &[Option<usize>], device: &DeviceEnds) -> StepTime {
    let end = |i: usize| match device {
        DeviceEnds::Of(ends) => ends[i],
        DeviceEnds::NotRecorded | DeviceEnds::OnAnotherClock => None,
    };
    // Warm-up compiles and runs each bucket once: it says nothing of serving. Nor do steps that compiled.
    let serves = steps.iter().any(|s| s.period == Period::Serving);
    let is_counted = |s: &Step| has_work(s) && !s.compiled && (!serves || s.period == Period::Serving);
    let with_work = || (0..steps.len()).filter(|&i| is_counted(&steps[i]));
    let n_intervals = with_work().filter(|&i| steps[i].interval_ns.is_some()).count();
    let known: Vec<(usize, i64)> = with_work().filter_map(|i| Some((i, end(i)?))).collect();
    let call_end = |i: usize| steps[i].start_ns.saturating_add(steps[i].dur_ns);
    let after_marker = known.iter().filter(|&&(i, end)| end > call_end(i)).count();
    let ahead = known
        .iter()
        .filter(|&&(i, end)| next[i].is_some_and(|next| spans[next].start < end))
        .count();
    let asynchronous = 2 * ahead > known.len() && n_intervals >= LEAST_INTERVALS;
    let (basis, why) = if n_intervals < LEAST_INTERVALS {
        (
            Basis::Host,
            format!("fewer than {LEAST_INTERVALS} intervals from step to step are known."),
        )
    } else if !known.is_empty() {
        let share = format!("in {after_marker} of {} steps", known.len());
        if 2 * after_marker > known.len() {
            let why = match asynchronous {
                true => format!(
                    "{share} the device works on after the model call has returned, and the next step starts before \
                     it is done (asynchronous)."
                ),
                false => format!("{share} the device works on after the model call has returned."),
            };
            (Basis::Interval, why)
        } else {
            let why = format!("{share} only, the device works on after the model call has returned.");
            (Basis::Host, why)
        }
    } else {
        let intervals = || with_work().filter_map(|i| Some((steps[i].host_ns, steps[i].interval_ns?)));
        let host = stats::sum(intervals().map(|(host, _)| host));
        let interval = stats::sum(intervals().map(|(_, interval)| interval));
        let whole = match device {
            DeviceEnds::Of(_) => "no step's device work is known",
            DeviceEnds::NotRecorded => "no device is recorded",
            DeviceEnds::OnAnotherClock => "the clocks of host and device disagree",
        };
        let is_less = i128::from(host) * 100 < i128::from(interval) * i128::from(HOST_COVERS_PERCENT);
        match is_less {
            true => (
                Basis::Interval,
                format!(
                    "{whole}, and host times are less than {HOST_COVERS_PERCENT} % of the time from step to step."
                ),
            ),
            false => (
                Basis::Host,
                format!(
                    "{whole}, and host times are at least {HOST_COVERS_PERCENT} % of the time from step to step."
                ),
            ),
        }
    };
    StepTime {
        basis,
        asynchronous,
        from_device_ends: false,
        inferred: false,
        why: upper_first(&why),
        pipeline_stages: None,
    }
}

fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}

/// Of every step whether its neighbours on its track are of its phase: with an asynchronous engine the time of one that
/// stands next to another phase is partly that of the other.
pub fn is_next_to_another_phase(index: &Index, steps: &[Step]) -> Vec<bool> {
    let next = followers(index, steps);
    let before = previous(&next);
    (0..steps.len())
        .map(|i| {
            let differs = |other: Option<usize>| other.is_some_and(|o| steps[o].phase != steps[i].phase);
            differs(next[i]) || differs(before[i])
        })
        .collect()
}

/// Quantiles of durations.
pub fn durations(values: impl Iterator<Item = i64>) -> Durations {
    let mut values: Vec<i64> = values.collect();
    order::sort(&mut values);
    let at = |q: f64| stats::quantile(&values, q);
    Durations {
        count: values.len() as u64,
        p50_ns: at(0.5),
        p90_ns: at(0.9),
        p99_ns: at(0.99),
        max_ns: at(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::StepDevice;

    /// Steps of 2 ms every 10 ms, whose device work ends `device_ms` after their start.
    fn steps(n: u32, device_ms: Option<i64>) -> Vec<Step> {
        let ms = 1_000_000;
        (0..n)
            .map(|i| {
                let start_ns = i64::from(i) * 10 * ms;
                Step {
                    index: i,
                    start_ns,
                    dur_ns: 2 * ms,
                    call_ns: 2 * ms,
                    host_ns: 3 * ms,
                    interval_ns: (i + 1 < n).then_some(10 * ms),
                    device: device_ms.map(|end| StepDevice {
                        start_ns: Some(start_ns + ms),
                        end_ns: Some(start_ns + end * ms),
                        ..StepDevice::default()
                    }),
                    ..Step::default()
                }
            })
            .collect()
    }

    fn basis_of(steps: &[Step]) -> (Basis, bool) {
        let spans: Vec<Span> = steps
            .iter()
            .map(|s| Span::new(s.start_ns, s.start_ns + s.host_ns))
            .collect();
        let next: Vec<Option<usize>> = (1..=steps.len())
            .map(|i| (i < steps.len()).then_some(i))
            .collect();
        let ends: Vec<Option<i64>> = steps.iter().map(device_end).collect();
        let device = match ends.iter().any(Option::is_some) {
            true => DeviceEnds::Of(ends),
            false => DeviceEnds::NotRecorded,
        };
        let time = basis(steps, &spans, &next, &device);
        (time.basis, time.asynchronous)
    }

    #[test]
    fn the_basis_follows_from_where_the_device_ends() {
        assert_eq!(basis_of(&steps(6, Some(9))), (Basis::Interval, false));
        assert_eq!(
            basis_of(&steps(6, Some(2))),
            (Basis::Host, false),
            "done when the call returns"
        );
        assert_eq!(basis_of(&steps(6, Some(12))), (Basis::Interval, true));
        assert_eq!(
            basis_of(&steps(3, Some(9))),
            (Basis::Host, false),
            "two intervals"
        );
        assert_eq!(
            basis_of(&steps(6, None)),
            (Basis::Interval, false),
            "30 % of the time is on the host"
        );
        let mut mostly_host = steps(6, None);
        mostly_host.iter_mut().for_each(|s| s.host_ns = 8_000_000);
        assert_eq!(basis_of(&mostly_host), (Basis::Host, false), "80 %");
    }

    #[test]
    fn half_of_the_steps_is_not_more_than_half() {
        let mut half = steps(6, Some(2));
        for step in &mut half[..3] {
            step.device.as_mut().unwrap().end_ns = Some(step.start_ns + 9_000_000);
        }
        assert_eq!(basis_of(&half).0, Basis::Host);
        half[3].device.as_mut().unwrap().end_ns = Some(half[3].start_ns + 9_000_000);
        assert_eq!(basis_of(&half).0, Basis::Interval);
    }
}
