//! What is true of a run, instant by instant, from the simulated clock alone.

use crate::base::{Span, Union};

use super::simulated_device::{Work, WorkKind};
use super::simulated_host::{Cause, Host};

/// Of one step. The host's part reaches from scheduling to output, as far as the trace shows them: else from
/// preparation, or the marker, to the last scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTruth {
    pub host: Span,
    pub call: Span,
    /// First start to last end of its work.
    pub device: Span,
    pub busy_ns: i64,
    /// To the start of the next step.
    pub interval_ns: Option<i64>,
}

/// What a device does at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Computes or copies.
    Works,
    /// Only communicates.
    Communicates,
    Idle(Cause),
}

/// Of one rank with its device; ns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RankTruth {
    pub span_ns: i64,
    pub busy_ns: i64,
    pub compute_ns: i64,
    pub comm_exposed_ns: i64,
    pub copy_exposed_ns: i64,
    pub idle_ns: i64,
    /// When the last work was submitted, and when the last that is recorded ended.
    pub last_launch: i64,
    pub last_recorded: i64,
    /// In the order of [`Cause::ALL`]; adds up to `idle_ns`.
    pub causes: [i64; Cause::COUNT],
    pub steps: Vec<StepTruth>,
    /// From the first work to the last, without a hole.
    pub states: Vec<(Span, State)>,
}

impl RankTruth {
    /// Of [`RankTruth::in_intervals`], the first as a part of the second.
    pub fn share(&self, from_device_ends: bool, fits: impl Fn(State) -> bool) -> f64 {
        let (ns, of) = self.in_intervals(from_device_ends, fits);
        ns as f64 / of.max(1) as f64
    }

    /// Of the time of the steps' intervals, as far as the device is recorded, that in which it is in a state that
    /// `fits`; and all of it. `from_device_ends`: of the time from the end of the device work of the step before to the
    /// end of each step's own, where no wait for requests lies between.
    pub fn in_intervals(&self, from_device_ends: bool, fits: impl Fn(State) -> bool) -> (i64, i64) {
        let on_host = |s: &StepTruth| Some(Span::new(s.host.start, s.host.start + s.interval_ns?));
        let by_ends = |both: &[StepTruth]| {
            both[0].interval_ns?;
            Some(Span::new(both[0].device.end, both[1].device.end))
        };
        let intervals: Vec<Span> = match from_device_ends {
            false => self.steps.iter().filter_map(on_host).collect(),
            true => self.steps.windows(2).filter_map(by_ends).collect(),
        };
        let recorded = Union::of(self.states.iter().map(|&(span, _)| span))
            .extent()
            .unwrap_or_default();
        let window = Union::of(intervals.into_iter().map(|s| s.intersect(recorded)));
        let fitting = self.states.iter().filter(|&&(_, state)| fits(state));
        let ns = Union::of(fitting.map(|&(span, _)| span)).intersection_ns(&window);
        (ns, window.total_ns())
    }

    pub fn cause(&self, cause: Cause) -> i64 {
        self.causes[cause as usize]
    }

    pub fn of(host: &Host, works: &[Work], steps: Vec<StepTruth>) -> RankTruth {
        let mut truth = RankTruth {
            steps,
            last_launch: works.iter().map(|w| w.submitted).max().unwrap_or(0),
            ..RankTruth::default()
        };
        let mut works: Vec<Work> = works.iter().filter(|w| w.recorded).copied().collect();
        works.sort_by_key(|w| (w.span.start, w.submitted));
        // Between two neighbouring instants nothing changes.
        let mut instants: Vec<i64> = works.iter().flat_map(|w| [w.span.start, w.span.end]).collect();
        let (Some(&first), Some(&last)) = (instants.iter().min(), instants.iter().max()) else {
            return truth;
        };
        (truth.span_ns, truth.last_recorded) = (last - first, last);
        instants.extend(works.iter().map(|w| w.submitted));
        instants.extend(host.did.iter().map(|(span, _)| span.start));
        instants.sort_unstable();
        instants.dedup();
        for pair in instants.windows(2) {
            let (at, ns) = (pair[0], pair[1] - pair[0]);
            if at < first || at >= last {
                continue;
            }
            let runs = |fits: &dyn Fn(&Work) -> bool| works.iter().any(|w| w.span.contains(at) && fits(w));
            let is_busy = runs(&|_| true);
            if is_busy {
                truth.busy_ns += ns;
            }
            let mut state = State::Works;
            if runs(&|w| w.kind.computes()) {
                truth.compute_ns += ns;
            } else if runs(&|w| w.kind == WorkKind::Communication) {
                truth.comm_exposed_ns += ns;
                if !runs(&|w| w.kind.copies()) {
                    state = State::Communicates;
                }
            } else if is_busy {
                truth.copy_exposed_ns += ns;
            } else {
                truth.idle_ns += ns;
                let next = works.iter().find(|w| w.span.start > at);
                let cause = match next {
                    Some(work) if at >= work.submitted => Cause::NotStarted,
                    _ => doing(host, at),
                };
                truth.causes[cause as usize] += ns;
                state = State::Idle(cause);
            }
            truth.states.push((Span::new(at, pair[1]), state));
        }
        truth
    }
}

fn doing(host: &Host, at: i64) -> Cause {
    let after = host.did.partition_point(|(span, _)| span.start <= at);
    after
        .checked_sub(1)
        .and_then(|i| host.did.get(i))
        .filter(|(span, _)| span.contains(at))
        .map_or(Cause::NotRecorded, |&(_, cause)| cause)
}

/// First start to last end of some work, and the union of it.
pub fn device_part(works: &[Work]) -> (Span, i64) {
    let union = Union::of(works.iter().filter(|w| w.recorded).map(|w| w.span));
    (union.extent().unwrap_or_default(), union.total_ns())
}
