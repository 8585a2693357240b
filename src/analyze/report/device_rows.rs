//! What is known of launches, copies, synchronisations, queues and idle time of devices whose work carries the number
//! of the host call that launched it (torch's profiler).

use serde::{Deserialize, Serialize};

use super::IdleCause;

/// A device by its number, with its rank where the file holds several: `3`, `0 of TP01`.
pub fn device_name(device: i64, rank: Option<&str>) -> String {
    match rank {
        Some(rank) => format!("{device} of {rank}"),
        None => device.to_string(),
    }
}

/// `"device 3"`, inside a sentence.
pub fn device_words(device: i64, rank: Option<&str>) -> String {
    format!("device {}", device_name(device, rank))
}

/// Host calls that hand work to devices, and how long the work took to start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launches {
    /// By the call's name, most calls first.
    pub calls: Vec<LaunchCall>,
    /// Pieces of device work, and the sum of their durations.
    pub work: u64,
    pub work_ns: i64,
    /// Of these, work whose call is in the trace.
    pub linked_work: u64,
    pub linked_work_ns: i64,
    /// Calls whose first work starts before the call does: the two clocks disagree. Their delay counts as 0.
    pub skewed: u64,
    pub short: ShortKernels,
    /// Launches whose work started latest after the call, longest first, at most 20.
    pub longest_delays: Vec<LaunchDelay>,
    /// Two sentences: what is counted here.
    pub definition: String,
}

/// The calls of one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchCall {
    pub name: String,
    pub count: u64,
    /// Calls that have work in the trace; one call of a captured graph has all the work of the graph.
    pub with_work: u64,
    pub work: u64,
    pub most_work: u64,
    /// Duration of the calls, ns.
    pub call_total_ns: i64,
    pub call_p50_ns: i64,
    pub call_max_ns: i64,
    /// From the end of a call to the start of its first work, ns, 0 if it starts before that; of calls with work.
    pub delay_p50_ns: Option<i64>,
    pub delay_p99_ns: Option<i64>,
    pub delay_max_ns: Option<i64>,
    pub delay_total_ns: i64,
    /// Row of the call with most work; of equals the first.
    pub slice: u32,
}

/// One launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchDelay {
    pub name: String,
    /// The first work of the call.
    pub work: String,
    pub call_start_ns: i64,
    pub delay_ns: i64,
    /// Row of the call, and of its first work.
    pub slice: u32,
    pub work_slice: u32,
}

/// Kernels (copies and memsets left out) shorter than `below_ns`, against all of them; durations are summed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortKernels {
    pub below_ns: i64,
    pub count: u64,
    pub total_ns: i64,
    pub of_count: u64,
    pub of_total_ns: i64,
}

/// Launches that wait for a stream: one more when a call starts, one less when the first of its work does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueDepth {
    pub device: i64,
    /// What the file calls its rank, where it holds several: devices are numbered within a rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// The stream's number, as recorded.
    pub stream: String,
    pub launches: u64,
    pub max: u64,
    /// When it first was that deep.
    pub max_at_ns: i64,
    /// Mean over time, from the first call to the last start of work.
    pub mean: f64,
    /// Mean of the values after each change, as HTA counts.
    pub mean_of_changes: f64,
    /// Time in which nothing waits, from the first call to the last start of work, ns.
    pub empty_ns: i64,
    pub span_ns: i64,
    /// The deepest in each of equal parts of that time, at most 240.
    pub start_ns: i64,
    pub series: Vec<u64>,
}

/// Gaps of one kind on one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapSum {
    pub count: u64,
    pub total_ns: i64,
    pub max_ns: i64,
    /// Where the longest begins, and the row of the work that ends it; of equals the first.
    pub longest_start_ns: Option<i64>,
    pub longest_next_slice: Option<u32>,
}

/// Time of one stream from its first work to its last: `busy` and the four kinds of gaps add up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamGaps {
    pub device: i64,
    /// What the file calls its rank, where it holds several: devices are numbered within a rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    /// The stream's number, as recorded.
    pub stream: String,
    /// Pieces of work that take time.
    pub work: u64,
    /// Time in which at least one runs, ns.
    pub busy_ns: i64,
    /// The call that launched the next work began after all earlier work had ended.
    pub launched_late: GapSum,
    /// Of these, from the end of the call to the start of its work where that took more than 100 µs, though the stream
    /// was empty; it is part of the gap.
    pub slow_starts: GapSum,
    /// It began before, or is not known, and the gap is no longer than a device takes from one piece to the next.
    pub short: GapSum,
    /// It began before, and the gap is longer.
    pub waited: GapSum,
    /// Longer, and the call is not in the trace.
    pub unlinked: GapSum,
    pub start_ns: i64,
    pub end_ns: i64,
}

impl StreamGaps {
    /// From the first start to the last end.
    pub fn span_ns(&self) -> i64 {
        self.end_ns - self.start_ns
    }
}

/// Copies and memsets of one name and direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Copy {
    pub name: String,
    /// `HtoD`, `DtoH`, `DtoD`, `PtoP`, `HtoH`; `None` for memsets and where neither name nor arg says.
    pub direction: Option<String>,
    pub count: u64,
    pub total_ns: i64,
    pub p50_ns: i64,
    pub max_ns: i64,
    /// Bytes, summed over those that say, and the time of these.
    pub bytes: Option<u64>,
    pub bytes_ns: i64,
    /// `bytes` over `bytes_ns`: 10^9 bytes a second. Not a mean of means.
    pub gb_per_s: Option<f64>,
    /// Row of the longest.
    pub longest_slice: u32,
}

/// Collective work that says of itself what it moves: of one operation, group, data type and size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedCollective {
    /// `allreduce`
    pub name: String,
    /// The group's name, and what the program called it; empty where it does not say.
    pub group: String,
    pub description: String,
    /// As written: `[0, 1, 2, 3]`.
    pub ranks: String,
    pub group_size: Option<i64>,
    /// `BFloat16`
    pub data_type: Option<String>,
    /// What goes in and comes out of one, in elements.
    pub elements_in: Option<i64>,
    pub elements_out: Option<i64>,
    pub count: u64,
    /// Of the device work, summed over devices and streams.
    pub total_ns: i64,
    pub mean_ns: i64,
    pub max_ns: i64,
    /// The larger of what goes in and what comes out of one; `None` where the type's size is not known.
    pub bytes_each: Option<u64>,
    /// `bytes_each` of all.
    pub bytes: Option<u64>,
    /// `bytes` over `total_ns`: 10^9 bytes a second.
    pub gb_per_s: Option<f64>,
    /// Row of the longest.
    pub longest_slice: u32,
}

/// Waits of the host for a device, or of one stream for another, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    pub name: String,
    /// `"host"`: a call that holds up its thread; `"device"`: the record that the device's side of it left.
    pub place: String,
    pub count: u64,
    pub total_ns: i64,
    pub p50_ns: i64,
    pub max_ns: i64,
    /// Row of the longest.
    pub longest_slice: u32,
}

/// The idle time of one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleShare {
    pub cause: IdleCause,
    /// Gaps that have most of their time from this cause.
    pub count: u64,
    pub total_ns: i64,
    /// Of that time, what lies in gaps before which a synchronisation of the launching thread had emptied the
    /// device's queue: a second fact about the same time.
    #[serde(default)]
    pub drained_ns: i64,
}

/// Idle time before which a synchronisation of the launching thread had emptied the device's queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// The synchronisation's name.
    pub name: String,
    pub count: u64,
    pub total_ns: i64,
    /// Row of the first.
    pub first_slice: u32,
}

/// One gap of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleGap {
    pub start_ns: i64,
    pub dur_ns: i64,
    /// The cause with most of it.
    pub cause: IdleCause,
    pub says: String,
    /// Row of the call that launched what follows, and of what follows.
    pub launch_slice: Option<u32>,
    pub next_slice: u32,
    /// Index of the step in which the gap ends.
    pub step: Option<u32>,
    /// The call of the launching thread that takes most of a long gap, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<LongCall>,
}

/// A call of the host that takes most of a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongCall {
    pub name: String,
    /// Of the gap, what lies in the call.
    pub ns: i64,
    /// Row of the call.
    pub slice: u32,
}

/// Why a device was idle between its first and its last work; the causes add up to `idle_ns`, which is that of
/// [`DeviceTime`](super::DeviceTime) in the scope `all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceIdle {
    pub device: i64,
    /// What the file calls its rank, where it holds several: devices are numbered within a rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    pub span_ns: i64,
    pub idle_ns: i64,
    pub gaps: u64,
    /// In the order of [`IdleCause::ALL`]; causes that do not occur are left out.
    pub causes: Vec<IdleShare>,
    /// Synchronisations that had emptied the queue, most idle time first.
    #[serde(default)]
    pub drained_by: Vec<Drained>,
    /// Gaps whose next work starts before the call that launched it: the clocks disagree. No time is negative by it.
    pub skewed: u64,
    /// The longest, longest first, at most 50.
    pub longest: Vec<IdleGap>,
    /// Whether the calls that launched most of its work are known: else the causes are what the host did meanwhile.
    #[serde(default)]
    pub launches_known: bool,
    /// Of the time on its way to the device, what lies in gaps whose launch had ended before they began: the work was
    /// queued, and queueing it earlier changes nothing.
    #[serde(skip)]
    pub queued_ns: i64,
    pub definition: String,
}
