//! The time of steps that is judged of a device: one window for all that is said of its idle time.

use crate::analyze::device::device_time::DeviceWork;
use crate::analyze::gaps::activity::Activity;
use crate::analyze::gaps::{Host, rank_of};
use crate::analyze::report::Step;
use crate::analyze::steps::verdict;
use crate::base::Union;
use crate::dialect::Phase;

/// Steps of a phase on a device, of which there are enough to judge.
pub(super) struct StepWindow<'h> {
    pub(super) phase: Phase,
    pub(super) device: &'h DeviceWork,
    pub(super) rank: Option<usize>,
    /// Why the device is idle at each instant; `None` where its launches are unknown.
    pub(super) idle: Option<&'h Activity>,
    /// The intervals in which nothing compiled, and how many they are: see [`verdict::window`].
    pub(super) window: Union,
    pub(super) n_intervals: usize,
}

impl<'h> StepWindow<'h> {
    /// Of those steps that `is_asked`, on the device of this index among `host.devices`. `None`: too few intervals are
    /// known.
    pub(super) fn of(
        host: &'h Host<'_>,
        phase: Phase,
        place: usize,
        is_asked: impl Fn(&&Step) -> bool,
    ) -> Option<StepWindow<'h>> {
        let device = host.devices.get(place)?;
        let rank = rank_of(host, place);
        let steps = verdict::of_phase(host.steps, phase, rank).filter(is_asked);
        let busy_and_lost = Some((&device.busy, &host.lost[place]));
        let (window, n_intervals) = verdict::window(
            steps,
            host.from_device_ends,
            &host.compiles.of_rank(rank),
            busy_and_lost,
        );
        let is_enough = n_intervals >= verdict::LEAST_INTERVALS && window.total_ns() > 0;
        is_enough.then(|| StepWindow {
            phase,
            device,
            rank,
            idle: host.idle[place].as_ref(),
            window,
            n_intervals,
        })
    }
}

/// Whether it is unknown of too much of a device's work which call launched it.
pub(super) fn is_unlinked(host: &Host<'_>, place: usize) -> bool {
    host.unlinked[place].is_some_and(verdict::is_too_much_work_unlinked)
}
