//! What a step takes and what bounds it, as the report says it.

use serde::{Deserialize, Serialize};

use super::Phase;
use crate::base::closed_set::closed_set;

closed_set! {
    /// Which of a step's four times is its step time.
    #[derive(Default)]
    pub enum Basis {
        word: &'static str,
        /// Behind "a decode step takes 12 ms, ".
        measured: &'static str,
        means: &'static str,
    }
    #[default]
    Interval "interval" {
        word: "interval",
        measured: "from its start to the start of the next step",
        means: "From a step's start on the host to the start of the next step of the same engine, where no wait for \
                requests lies between.",
    }
    Host "host" {
        word: "host time",
        measured: "on the host",
        means: "The engine step on the host: preparation, the model call, sampling, drafting and post-processing.",
    }
    Call "call" {
        word: "model call",
        measured: "in the model call alone",
        means: "The marker of the step alone, on the host. It may return before the device has done the work.",
    }
    Device "device" {
        word: "device span",
        measured: "on the device",
        means: "From the first start to the last end of the step's device work.",
    }
}

/// Which time of a step is its step time in this trace, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTime {
    pub basis: Basis,
    /// In more than half of the steps the next one starts on the host before this one's device work ends.
    pub asynchronous: bool,
    /// The step time is that from the end of the device work of the step before to the end of its own. It is unknown
    /// of a step of which one of the two is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_device_ends: bool,
    /// Nothing marks steps: they are inferred from launches and waits for the device.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
    /// One sentence.
    pub why: String,
    /// Stages of the engine's pipeline, where the file holds several: as many batches may be in flight, and a step is
    /// that of one batch on one stage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pipeline_stages: Option<u32>,
}

impl StepTime {
    /// Behind "a decode step takes 12 ms, ".
    pub fn measured(&self) -> &'static str {
        match self.basis {
            _ if self.from_device_ends => {
                "from the end of the device work of the step before to the end of its own"
            }
            Basis::Interval if self.inferred => {
                "from its first launch to the first launch of the next (steps are inferred)"
            }
            Basis::Host if self.inferred => {
                "from its first launch to the end of the wait for the device (steps are inferred; what the host does \
                 between these is not in it)"
            }
            basis => basis.measured(),
        }
    }

    /// The time's definition.
    pub fn means(&self) -> &'static str {
        match self.from_device_ends {
            true => {
                "From the end of the device work of the step before, of the same engine, to the end of the step's own, \
                 where no wait for requests lies between."
            }
            false => self.basis.means(),
        }
    }
}

/// Quantiles of durations by the nearest-rank rule; unknown where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    pub count: u64,
    pub p50_ns: Option<i64>,
    pub p90_ns: Option<i64>,
    pub p99_ns: Option<i64>,
    pub max_ns: Option<i64>,
}

closed_set! {
    /// What bounds a step.
    #[derive(Default)]
    pub enum Bound {
        /// The verdict in a word or two.
        word: &'static str,
        /// Behind "77 % of the time ".
        share_of: &'static str,
    }
    Device "device" { word: "device-bound", share_of: "the device computes or copies" }
    Host "host" {
        word: "host-bound",
        share_of: "the device is idle and its next work is not launched yet",
    }
    Communication "communication" {
        word: "communication-bound",
        share_of: "the device only communicates",
    }
    Compile "compile" { word: "compile-bound", share_of: "of serving a graph is compiled" }
    Requests "requests" { word: "waiting for requests", share_of: "of serving the engine waits for requests" }
    #[default]
    Unknown "unknown" { word: "unknown", share_of: "" }
}

/// Shares of time, 0 to 1; unknown is `None`. The first five are of the union of the steps' intervals and add up to
/// 1; the others are of serving time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundShares {
    pub device: Option<f64>,
    pub communication: Option<f64>,
    pub host: Option<f64>,
    /// The device is idle although its next work is launched: no bound of its own, since nothing says whose fault it
    /// is.
    pub launched_not_started: Option<f64>,
    /// The device is idle and the launch of its next work is not in the trace.
    #[serde(default)]
    pub launch_unknown: Option<f64>,
    pub compile: Option<f64>,
    pub requests: Option<f64>,
}

closed_set! {
    /// What keeps the time of a device's steps from being judged.
    pub enum LimitKind {
        /// Whether work may have run that is not recorded: what the device did is a lower bound.
        loses_work: bool,
        /// Whether it is unknown why the device is idle.
        hides_causes: bool,
    }
    Clocks "clocks_disagree" { loses_work: false, hides_causes: true }
    FewIntervals "few_intervals" { loses_work: false, hides_causes: false }
    NoDevice "no_device" { loses_work: false, hides_causes: false }
    LaunchesWithoutWork "launches_without_work" { loses_work: true, hides_causes: false }
    WorkWithoutLaunch "work_without_launch" { loses_work: false, hides_causes: true }
}

/// One of them, of one trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub kind: LimitKind,
    /// Half a sentence: why.
    pub says: String,
}

/// The verdicts that stand on top of a report: of each phase the first device's, the first phase always, others where
/// their steps are not few.
pub fn headlines(verdicts: &[Verdict]) -> Vec<&Verdict> {
    const FEW: u64 = 5;
    let mut of_phase: Vec<&Verdict> = verdicts.iter().collect();
    of_phase.dedup_by_key(|verdict| verdict.phase);
    let first = of_phase.first().map(|verdict| verdict.phase);
    of_phase.retain(|verdict| Some(verdict.phase) == first || verdict.steps >= FEW);
    of_phase
}

/// What a step of one phase takes, of what batch, and what bounds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub phase: Phase,
    /// The device whose time is divided; `None` without one.
    pub device: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// Requests in a step; `None` where steps differ.
    pub batch: Option<u32>,
    /// Steps that did not compile and have a step time.
    pub steps: u64,
    /// Median of their step times.
    pub step_ns: Option<i64>,
    pub basis: Basis,
    pub bound: Bound,
    /// The share that says so.
    pub share: Option<f64>,
    pub shares: BoundShares,
    /// What keeps it from being judged; of several the first is said.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// One line.
    pub says: String,
}
