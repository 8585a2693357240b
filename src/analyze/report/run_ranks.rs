//! One answer over all ranks of a run.

use serde::{Deserialize, Serialize};

use crate::base::closed_set::closed_set;

use super::Sure;

closed_set! {
    /// How times of different ranks are compared.
    pub enum ClockMethod {}
    /// Their traces state Unix times.
    Base "base" {}
    /// Collectives that all ranks leave together.
    Collectives "collectives" {}
    /// Not at all.
    None "none" {}
}

/// Whether the ranks' clocks are aligned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankClocks {
    pub method: ClockMethod,
    /// How far apart the ends of one collective lie on the aligned clocks (from the 10th to the 90th percentile, of the
    /// pair of ranks with most); `None` where no collective shows it.
    pub error_ns: Option<i64>,
    /// One sentence.
    pub says: String,
}

/// One rank beside the others. Device times are sums over its devices, as in `device_time`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankOfRun {
    pub rank: Option<i64>,
    /// What people call it.
    pub name: String,
    pub file: String,
    /// Decode steps while serving that did not compile; of all phases where there are none.
    pub steps: u64,
    pub step_p50_ns: Option<i64>,
    pub step_p99_ns: Option<i64>,
    /// What bounds its decode steps.
    pub bound: Option<String>,
    pub span_ns: Option<i64>,
    pub busy_ns: Option<i64>,
    pub compute_ns: Option<i64>,
    pub comm_exposed_ns: Option<i64>,
    pub idle_ns: Option<i64>,
    pub compiles: Option<u64>,
    pub compile_ns: Option<i64>,
    /// Of its collectives that were found on the other ranks too: how many, and in how many it comes last.
    pub matched: u64,
    pub last: Option<u64>,
    /// From its arrival to the last rank's.
    pub waits_ns: Option<i64>,
    /// All other ranks of the group have arrived and wait for this one alone.
    pub awaited_ns: Option<i64>,
}

/// Collectives of one group, operation and size that were found on every rank of the group that is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchedCollectives {
    /// Empty where the traces do not say.
    pub group: String,
    /// Its members, as written.
    pub ranks: String,
    pub group_size: i64,
    /// How many of the group's ranks are here.
    pub ranks_here: u64,
    pub operation: String,
    pub data_type: Option<String>,
    pub bytes: Option<u64>,
    pub count: u64,
    /// From the first arrival to the last; `None` where clocks are not aligned.
    pub skew_p50_ns: Option<i64>,
    pub skew_p99_ns: Option<i64>,
    /// Sums over the ranks: from each rank's start to its end, and from its arrival to the last one's.
    pub elapsed_ns: i64,
    pub wait_ns: Option<i64>,
    /// `wait_ns` by `elapsed_ns`.
    pub wait_share: Option<f64>,
    /// From the last arrival to the last end.
    pub transfer_p50_ns: Option<i64>,
    /// 10^9 bytes a second: `bytes` by `transfer_p50_ns`.
    pub algorithm_gb_per_s: Option<f64>,
    /// What goes over each rank's link, by the operation's known factor.
    pub bus_gb_per_s: Option<f64>,
    /// The rank that comes last in at least half of them, and in how many.
    pub last: Option<String>,
    pub last_count: Option<u64>,
}

/// The rank for which the others wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Straggler {
    pub rank: Option<i64>,
    pub name: String,
    /// Collectives in which it comes last, of those to which the ranks come apart.
    pub last_count: u64,
    pub apart_count: u64,
    /// Median of its arrival less the median arrival of the others.
    pub late_p50_ns: i64,
    /// All others wait for it alone.
    pub awaited_ns: i64,
    /// `compute`, `idle`, `other`; `None` where none of them explains half of its lateness.
    pub because: Option<String>,
    /// More of it than the median rank has, in all, before collectives in which it is last.
    pub because_ns: Option<i64>,
    pub sure: Sure,
    /// One or two sentences.
    pub says: String,
}

/// All ranks of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRanks {
    pub ranks: Vec<RankOfRun>,
    pub clocks: RankClocks,
    /// Most time first.
    pub collectives: Vec<MatchedCollectives>,
    /// Time in which all ranks of a group but one have arrived and wait for that one; `None` without aligned clocks.
    pub awaited_ns: Option<i64>,
    pub straggler: Option<Straggler>,
    /// What the comparison says, one sentence each.
    pub says: Vec<String>,
}
