//! What the time from step to step is made of: those intervals of the verdict's window of each phase and device that
//! the device's recording covers wholly, divided into what the device does and why it is idle; without a device, into
//! the parts of the host time and what lies between steps.

use crate::analyze::gaps::Host;
use crate::analyze::gaps::step_idle::idle_in;
use crate::analyze::gaps::step_window::{StepWindow, is_unlinked};
use crate::analyze::report::{Cause, CauseTime, DeviceState, HostPart, Phase, Step, StepCause, StepCauses};
use crate::analyze::steps::{times, verdict};
use crate::base::{Span, Union};

/// For each phase and device with enough intervals, in the order of the verdicts.
pub fn step_causes(host: &Host<'_>) -> Vec<StepCauses> {
    let of_phase = |phase: Phase| -> Vec<StepCauses> {
        if host.devices.is_empty() {
            return on_host(host.steps, phase, &host.compiles.of_rank(None))
                .into_iter()
                .collect();
        }
        (0..host.devices.len())
            .filter_map(|place| on_device(host, phase, place))
            .collect()
    };
    verdict::PHASES.into_iter().flat_map(of_phase).collect()
}

fn on_device(host: &Host<'_>, phase: Phase, place: usize) -> Option<StepCauses> {
    // An interval that begins before the device's recording, or ends behind it, would make the mean step too short.
    let recorded = host.devices[place].busy.extent()?;
    let is_whole = |s: &&Step| {
        let span = times::judged_span(s, host.from_device_ends);
        span.is_some_and(|span| span.start >= recorded.start && span.end <= recorded.end)
    };
    let of = StepWindow::of(host, phase, place, is_whole)?;
    let (device, total) = (of.device, of.window.total_ns());
    let [compute, works, busy] =
        [&device.compute, &device.works(), &device.busy].map(|u| of.window.intersection_ns(u));
    let mut causes = vec![
        (StepCause::Device(DeviceState::Compute), compute),
        (StepCause::Device(DeviceState::Communication), busy - works),
        (StepCause::Device(DeviceState::Copies), works - compute),
    ];
    if host.vocabulary.clock_offset_ns.is_some() || is_unlinked(host, place) {
        causes.push((StepCause::Device(DeviceState::Idle), total - busy));
    } else {
        let by_cause = idle_in(host, &of).by_cause;
        causes.extend(Cause::ALL.map(|cause| (StepCause::Idle(cause), by_cause[cause as usize])));
    }
    Some(StepCauses {
        phase,
        device: Some(device.device),
        rank: device.rank.clone(),
        intervals: of.n_intervals as u64,
        total_ns: total,
        causes: known(causes),
    })
}

/// The parts of the host time, and what lies between steps, of a phase with enough intervals.
pub fn on_host(steps: &[Step], phase: Phase, compiling: &Union) -> Option<StepCauses> {
    let mut parts = [0; HostPart::COUNT];
    let (mut n, mut total, mut between) = (0, 0_i64, 0_i64);
    for step in verdict::of_phase(steps, phase, None).filter(|s| !s.compiled) {
        let Some(interval) = step.interval_ns.filter(|&ns| ns > 0) else {
            continue;
        };
        let span = Span::new(step.host_start_ns, step.host_start_ns.saturating_add(interval));
        // Of steps that overlap the next, the host time is not a part of the interval.
        if compiling.covered_ns(span) > 0 || step.parts.total_ns() > interval {
            continue;
        }
        for (part, ns) in step.parts.known() {
            parts[part as usize] += ns;
        }
        n += 1;
        total = total.saturating_add(interval);
        between += interval - step.parts.total_ns();
    }
    let mut causes: Vec<_> = HostPart::ALL
        .map(|part| (StepCause::Host(part), parts[part as usize]))
        .to_vec();
    causes.push((StepCause::BetweenSteps, between));
    (n >= verdict::LEAST_INTERVALS as u64).then(|| StepCauses {
        phase,
        device: None,
        rank: None,
        intervals: n,
        total_ns: total,
        causes: known(causes),
    })
}

fn known(causes: Vec<(StepCause, i64)>) -> Vec<CauseTime> {
    let took_time = causes.into_iter().filter(|&(_, ns)| ns != 0);
    took_time
        .map(|(cause, total_ns)| CauseTime { cause, total_ns })
        .collect()
}
