//! Idle time of devices in steps, over the window of the verdict on them.

use crate::analyze::gaps::activity::{Activity, ByCause};
use crate::analyze::gaps::between_steps::{between, steps_of_rank};
use crate::analyze::gaps::device_gaps::GapDivider;
use crate::analyze::gaps::step_window::{StepWindow, is_unlinked};
use crate::analyze::gaps::{DEVICE_FLOOR_NS, Host};
use crate::analyze::report::{Cause, IdleCause};
use crate::base::{Span, Union};
use crate::dialect::Phase;

/// Idle time of one device in steps of one phase, over the window of the verdict on them: the union of the intervals
/// in which nothing compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepIdle {
    pub phase: Phase,
    pub device: i64,
    pub rank: Option<String>,
    /// Whether the calls are known that launched most of its work. Else `by_cause` follows what the host did, and
    /// whether the device waited for it is unknown.
    pub is_linked: bool,
    /// How many intervals the window is made of.
    pub n_intervals: usize,
    pub window_ns: i64,
    /// No work of the device runs: by cause.
    pub by_cause: ByCause,
    /// Of the idle time whose next work is not launched yet, what lies between engine steps.
    pub between_steps_ns: i64,
    /// The longest gap of which most is such time.
    pub longest: Option<Span>,
}

impl StepIdle {
    /// Idle time whose next work is not launched yet, by cause.
    pub fn host_causes(&self) -> impl Iterator<Item = (Cause, i64)> + '_ {
        let causes = Cause::ALL.into_iter().filter(|&c| is_not_launched(c));
        causes.map(|c| (c, self.by_cause[c as usize]))
    }

    /// Idle time whose next work is not launched yet: the host's share of the verdict.
    pub fn host_ns(&self) -> i64 {
        self.host_causes().map(|(_, ns)| ns).sum()
    }
}

/// Of `gap` inside `within`, the time whose next work is not launched yet.
pub(super) fn hosts_ns(divider: &mut GapDivider<'_>, gap: Span, within: &Union) -> i64 {
    let parts = within
        .overlapping(gap)
        .map(|s| divider.divide(gap, s.intersect(gap)));
    let hosts = |by_cause: ByCause| -> i64 {
        let causes = Cause::ALL.into_iter().filter(|&c| is_not_launched(c));
        causes.map(|c| by_cause[c as usize]).sum()
    };
    parts.map(hosts).sum()
}

/// Whether idle time of this cause has work to launch that is not launched yet: no wait for requests, nothing that was
/// launched and has not started, and not what nobody knows.
pub(super) fn is_not_launched(cause: Cause) -> bool {
    cause == Cause::Recompile || IdleCause::of(cause).is_host_bound()
}

/// The idle time of each device in steps of the first phase of which enough are known: decode, else steps whose phase
/// is unknown, those that do both, prefill. Empty where the clocks of host and device disagree.
pub fn step_idle(host: &Host<'_>) -> Vec<StepIdle> {
    if host.vocabulary.clock_offset_ns.is_some() {
        return Vec::new();
    }
    let phases = [Phase::Decode, Phase::Unknown, Phase::Mixed, Phase::Prefill];
    let of_phase = |phase| -> Vec<StepIdle> {
        let places = 0..host.devices.len();
        let of_place = |place| {
            let of = StepWindow::of(host, phase, place, |_| true)?;
            Some(StepIdle {
                is_linked: !is_unlinked(host, place),
                ..idle_in(host, &of)
            })
        };
        places.filter_map(of_place).collect()
    };
    let mut of_phases = phases.into_iter().map(of_phase);
    of_phases.find(|of| !of.is_empty()).unwrap_or_default()
}

pub(super) fn idle_in(host: &Host<'_>, of: &StepWindow<'_>) -> StepIdle {
    let between = between(&host.vocabulary.engine_steps, steps_of_rank(host, of.rank));
    let step_gaps = Union::of(between.iter().map(|g| g.span));
    let divider = || GapDivider::of(host, of.idle);
    StepIdle {
        phase: of.phase,
        device: of.device.device,
        rank: of.device.rank.clone(),
        n_intervals: of.n_intervals,
        ..idle_by(&of.device.busy, divider, &of.window, &step_gaps)
    }
}

/// Idle time in `window`, as far as the recording covers it. Phase, device and number of intervals are the caller's.
pub(super) fn idle_by<'h>(
    busy: &Union,
    divider: impl Fn() -> GapDivider<'h>,
    window: &Union,
    step_gaps: &Union,
) -> StepIdle {
    let mut found = StepIdle {
        phase: Phase::Unknown,
        device: 0,
        rank: None,
        is_linked: true,
        n_intervals: 0,
        window_ns: window.total_ns(),
        by_cause: ByCause::default(),
        between_steps_ns: 0,
        longest: None,
    };
    let (mut divider, mut step_divider) = (divider(), divider());
    for gap in busy.gaps() {
        for part in window.overlapping(gap) {
            let inside = part.intersect(gap);
            let by_cause = divider.divide(gap, inside);
            if divider.is_linked || gap.len_ns() >= DEVICE_FLOOR_NS {
                found.between_steps_ns += hosts_ns(&mut step_divider, inside, step_gaps);
            }
            for (total, ns) in found.by_cause.iter_mut().zip(by_cause) {
                *total += ns;
            }
            if is_not_launched(Activity::main_cause(&by_cause))
                && found.longest.is_none_or(|l| inside.len_ns() > l.len_ns())
            {
                found.longest = Some(inside);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_of_steps_is_that_of_their_intervals() {
        let busy = Union::of([
            Span::new(100_000, 200_000),
            Span::new(205_000, 300_000),
            Span::new(400_000, 500_000),
        ]);
        let activity = Activity::of([(Cause::InputPrep, Union::of([Span::new(0, 350_000)]))]);
        let step_gaps = Union::of([Span::new(201_000, 204_000), Span::new(340_000, 390_000)]);
        let divider = || GapDivider {
            divider: activity.divider(),
            is_linked: false,
        };
        let of = |window: &[Span]| idle_by(&busy, divider, &Union::of(window.iter().copied()), &step_gaps);
        let idle = of(&[Span::new(0, 380_000)]);
        assert_eq!(idle.window_ns, 380_000);
        assert_eq!(idle.by_cause[Cause::Device as usize], 5_000);
        assert_eq!(idle.by_cause[Cause::InputPrep as usize], 50_000);
        assert_eq!(idle.by_cause[Cause::Unaccounted as usize], 30_000);
        assert_eq!((idle.host_ns(), idle.between_steps_ns), (80_000, 40_000));
        assert_eq!(idle.longest, Some(Span::new(300_000, 380_000)));
        // Between two intervals lies what is not judged: a compile, a wait for requests.
        let parts = of(&[Span::new(0, 310_000), Span::new(340_000, 350_000)]);
        assert_eq!(parts.host_ns(), 20_000);
        assert_eq!(of(&[Span::new(600_000, 700_000)]).host_ns(), 0);
    }
}
