//! What the time from step to step is made of on both sides, by parts that both know alike: where only one records the
//! device, the host's; where only one tells why its device is idle, idle time is one part; where device work is lost,
//! none.

use std::collections::BTreeMap;

use crate::analyze::report::{
    CauseRow, CauseTime, DeviceState, LimitKind, Phase, Profile, StepCause, StepCauses, causes_of,
};
use crate::analyze::steps::verdict::PHASES;
use crate::base::{order, stats};

/// Where one cause is more than this many times the difference, causes cancel, and shares of the difference say
/// nothing.
const MOST_SHARE: f64 = 10.0;

/// Both sides, by like parts.
pub struct Explained {
    a: Vec<StepCauses>,
    b: Vec<StepCauses>,
    /// Why nothing explains a difference: half a sentence.
    pub unknown: Option<String>,
    /// Only one side records the device.
    pub by_host: bool,
}

/// Whether only one of the two tells why its device is idle, or the two by different rules.
pub fn idle_differs(a: &Profile, b: &Profile) -> bool {
    let hides = |p: &Profile| p.limit(LimitKind::hides_causes).map(|limit| limit.kind);
    !lacks_device(a) && !lacks_device(b) && hides(a) != hides(b)
}

fn lacks_device(p: &Profile) -> bool {
    p.limit(|kind| kind == LimitKind::NoDevice).is_some()
}

impl Explained {
    pub fn of(a: &Profile, b: &Profile) -> Explained {
        let by_host = lacks_device(a) || lacks_device(b);
        let side = |p: &Profile| match by_host && !lacks_device(p) {
            true => p.host_causes.clone(),
            false => p.causes.clone(),
        };
        let [mut of_a, mut of_b] = [a, b].map(side);
        if idle_differs(a, b) {
            of_a.iter_mut().chain(&mut of_b).for_each(as_one_idle_time);
        }
        let lost = |p: &Profile| p.limit(LimitKind::loses_work).map(|limit| limit.says.clone());
        let lost = [(a, 'A'), (b, 'B')].map(|(p, name)| Some(format!("in {name} {}", lost(p)?)));
        Explained {
            a: of_a,
            b: of_b,
            by_host: lacks_device(a) != lacks_device(b),
            unknown: lost.into_iter().flatten().next().filter(|_| !by_host),
        }
    }

    /// Intervals of one phase in A and in B: how many, and their sum.
    pub fn intervals(&self, phase: Phase) -> Option<[(u64, i64); 2]> {
        let of = |causes: &[StepCauses]| {
            let of_phase = causes.iter().filter(|c| c.phase == phase);
            let (n, ns) = of_phase.fold((0, 0_i64), |(n, ns), c| {
                (n + c.intervals, ns.saturating_add(c.total_ns))
            });
            (n > 0).then_some((n, ns))
        };
        Some([of(&self.a)?, of(&self.b)?])
    }

    /// Of each phase that both have, the causes that differ most first.
    pub fn rows(&self) -> Vec<CauseRow> {
        if self.unknown.is_some() {
            return Vec::new();
        }
        let mut rows = Vec::new();
        for phase in PHASES {
            let Some([(a_n, a_ns), (b_n, b_ns)]) = self.intervals(phase) else {
                continue;
            };
            let off = b_ns as f64 / b_n as f64 - a_ns as f64 / a_n as f64;
            let mut all: BTreeMap<_, [i64; 2]> = BTreeMap::new();
            for (side, causes) in [&self.a, &self.b].into_iter().enumerate() {
                for cause in causes_of(phase, causes) {
                    all.entry(cause.cause).or_default()[side] = cause.total_ns;
                }
            }
            let own = |[a_ns, b_ns]: [i64; 2]| b_ns as f64 / b_n as f64 - a_ns as f64 / a_n as f64;
            let largest = all.values().map(|&of| own(of).abs()).fold(0.0, f64::max);
            // A difference of less than a nanosecond is none.
            let has_shares = off.abs() >= 1.0 && largest <= off.abs() * MOST_SHARE;
            let mut of_phase: Vec<CauseRow> = all
                .into_iter()
                .map(|(cause, [a_ns, b_ns])| {
                    let [a, b] =
                        [stats::mean(a_ns, a_n), stats::mean(b_ns, b_n)].map(Option::unwrap_or_default);
                    CauseRow {
                        phase,
                        cause,
                        a_per_step_ns: a,
                        b_per_step_ns: b,
                        per_step_ns: b - a,
                        // Not -0.
                        share: has_shares.then(|| own([a_ns, b_ns]) / off + 0.0),
                    }
                })
                .collect();
            order::sort_by_key(&mut of_phase, |row| {
                (std::cmp::Reverse(row.per_step_ns.abs()), row.cause)
            });
            rows.append(&mut of_phase);
        }
        rows
    }
}

fn as_one_idle_time(of: &mut StepCauses) {
    let is_idle =
        |c: &CauseTime| matches!(c.cause, StepCause::Idle(_) | StepCause::Device(DeviceState::Idle));
    let idle_ns = stats::sum(of.causes.iter().filter(|c| is_idle(c)).map(|c| c.total_ns));
    of.causes.retain(|c| !is_idle(c));
    if idle_ns > 0 {
        of.causes.push(CauseTime {
            cause: StepCause::Device(DeviceState::Idle),
            total_ns: idle_ns,
        });
    }
}
