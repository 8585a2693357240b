//! What each track of a Gaudi trace is, and the role of a slice on it.
//!
//! Three generations of torch's profiler on Gaudi differ in categories and pids (bridge and Synapse calls on
//! pids of their own, offset by 10000 and 20000, up to release 1.19; on the host's threads later), not in
//! names; so names decide for host calls. A device lane's engine is told, in this order, by the thread's name,
//! the arg `HW event name`, the thousands of its tid, the slice's name. Pid 0 alone tells nothing: python
//! frames of unknown threads lie there too. The arg `hidden` tells nothing either: new releases set it on
//! every event.

use crate::base::{SliceId, TrackId};
use crate::dialect::facts;
use crate::dialect::kineto;
use crate::dialect::pattern::{has, starts};
use crate::dialect::roles;
use crate::dialect::vocabulary::Role;
use crate::index::trace_columns::{Family, Index, Key};

use super::high_level_names::{EngineName, without_device};

/// What kind of track a slice lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    Host,
    /// vLLM's high-level profiler: tid 2 or 3. Its slices have no category.
    Engine,
    /// A lane of one engine of a device.
    Device(Role),
    /// A lane of a device's process; which engine, its slices tell.
    DeviceProcess,
}

/// Categories of Synapse's own host profiler, which are the groups of calls that it can be told to record (`api_group`
/// of its configuration).
const API_GROUPS: [&str; 3] = ["synapse", "hlthunk", "hccl"];

/// The arg that names the hardware event of a device slice.
pub const HW_EVENT: &str = "HW event name";

/// Of every track.
pub fn lanes(index: &Index) -> Vec<Lane> {
    index.track_ids().map(|id| lane(index, id)).collect()
}

fn lane(index: &Index, id: TrackId) -> Lane {
    let track = index.track(id);
    if track.family == Family::Python {
        return Lane::Host;
    }
    if is_engine_lane(index, id) {
        return Lane::Engine;
    }
    let process = facts::process_name(index, id);
    let is_device = process
        .is_some_and(|name| name.starts_with("/device:HPU") || device_of_engine_process(name).is_some())
        || index
            .process(track.pid)
            .and_then(|p| p.labels)
            .is_some_and(|l| index.text(l).starts_with("/device:HPU"));
    let named = track
        .name
        .and_then(|name| engine_of_thread(index.text(name)))
        .or_else(|| process.filter(|_| is_device).and_then(engine_of_thread));
    match (is_device, named) {
        (true, Some(role)) => Lane::Device(role),
        (true, None) => Lane::DeviceProcess,
        // Processes are unnamed in cut traces; a kernel is device work wherever it lies.
        (false, _) if holds_kernels(index, id) => named.map_or(Lane::DeviceProcess, Lane::Device),
        (false, _) => Lane::Host,
    }
}

/// What the bridge logs of a process stands under the process's id plus this; told by the name of such a process.
const LOGS: [(&str, i64); 3] = [
    ("Synapse Logger", 10_000),
    ("Bridge Logs", 20_000),
    ("Memory Logs", 30_000),
];

/// The process whose calls are logged under this one.
pub fn host_process(index: &Index, pid: Key) -> Option<Key> {
    let Key::Int(number) = pid else { return None };
    let process = index.process(pid)?;
    let names = [process.name, process.labels].into_iter().flatten();
    let mut offsets = names.filter_map(|name| LOGS.iter().find(|log| log.0 == index.text(name)));
    offsets.next().map(|&(_, offset)| Key::Int(number - offset))
}

/// Detailed captures have a process for each kind of engine: `*TPC (accel5)` is of device 5.
pub fn device_of_engine_process(name: &str) -> Option<i64> {
    let (_, device) = name.strip_prefix('*')?.strip_suffix(')')?.rsplit_once("(accel")?;
    device.parse().ok()
}

/// tid 2 (never used by public callers) or 3, with a slice that has no category and a name of the profiler.
fn is_engine_lane(index: &Index, id: TrackId) -> bool {
    matches!(index.track(id).tid, Key::Int(2 | 3))
        && index
            .rows(id)
            .any(|row| index.category_of(row).is_empty() && EngineName::parse(index.name_of(row)).is_some())
}

fn holds_kernels(index: &Index, id: TrackId) -> bool {
    index
        .rows(id)
        .next()
        .is_some_and(|row| is_kernel(index.category_of(row)))
}

fn is_kernel(category: &str) -> bool {
    category.eq_ignore_ascii_case("kernel")
}

/// `[HD0] TPC 0`, `[HD1] MME`, `[D0] SPDMA 1`, `NIC 0`.
pub fn engine_of_thread(name: &str) -> Option<Role> {
    let word = |w: &str| {
        name.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|part| part == w)
    };
    if word("TPC") {
        Some(Role::DeviceVector)
    } else if word("MME") {
        Some(Role::DeviceMatrix)
    } else if name.contains("DMA") {
        Some(Role::DeviceDma)
    } else if name.contains("NIC") {
        Some(Role::DeviceNic)
    } else {
        None
    }
}

/// `TPC_SPU_START_TO_SPU_HALT`, `MMEH_WB_STORE`, `STM_0_RX…`.
pub fn engine_of_hardware_event(event: &str) -> Option<Role> {
    let stream = ["STM_0_", "STM_1_"]
        .iter()
        .filter(|p| starts(event, p))
        .find_map(|p| event.get(p.len()..));
    if has(event, "tpc") {
        Some(Role::DeviceVector)
    } else if has(event, "mme") {
        Some(Role::DeviceMatrix)
    } else if has(event, "dma") {
        Some(Role::DeviceDma)
    } else if has(event, "nic")
        || stream.is_some_and(|s| ["RX", "TX", "QPC", "QMAN"].iter().any(|p| starts(s, p)))
    {
        Some(Role::DeviceNic)
    } else {
        None
    }
}

/// The bridge numbers lanes `index · 1000 + engine`, with index 3 to 5 for DMA, 6 MME, 7 TPC, 14 to 17 NIC.
fn engine_of_tid(tid: Key) -> Option<Role> {
    let Key::Int(tid) = tid else { return None };
    match tid / 1000 {
        3..=5 => Some(Role::DeviceDma),
        6 => Some(Role::DeviceMatrix),
        7 => Some(Role::DeviceVector),
        14..=17 => Some(Role::DeviceNic),
        _ => None,
    }
}

fn engine_of_name(name: &str) -> Option<Role> {
    if ["gemm", "batchgemm", "transpose"]
        .iter()
        .any(|n| name.eq_ignore_ascii_case(n))
    {
        Some(Role::DeviceMatrix)
    } else if ["dma", "memcpy", "memset"].iter().any(|p| starts(name, p)) {
        Some(Role::DeviceDma)
    } else {
        None
    }
}

/// The role of every slice.
pub fn roles(index: &Index, lanes: &[Lane], calls: Calls) -> Vec<Role> {
    let mut roles = roles::assign(
        index,
        |track| lanes[track.index()],
        |lane, category, name| role(lane, category, name, calls),
    );
    for (track, lane) in index.track_ids().zip(lanes) {
        if *lane == Lane::DeviceProcess {
            for id in index.rows(track) {
                if let Some(role) = undecided_device_role(index, track, id) {
                    roles[id.index()] = role;
                }
            }
        }
    }
    roles
}

/// A slice of a device's process on a lane whose name says nothing.
fn undecided_device_role(index: &Index, track: TrackId, id: SliceId) -> Option<Role> {
    let category = index.category_of(id);
    let event = index.arg_text(HW_EVENT, id);
    let by_tid = engine_of_tid(index.track(track).tid);
    let is_device = is_kernel(category)
        || event.is_some()
        || is_copy(category)
        || is_set(category)
        || (by_tid.is_some()
            && (category.eq_ignore_ascii_case("hpu_op") || category.eq_ignore_ascii_case("runtime")));
    if !is_device {
        return None;
    }
    Some(
        event
            .and_then(engine_of_hardware_event)
            .or(by_tid)
            .or_else(|| engine_of_name(index.name_of(id)))
            .unwrap_or(if is_copy(category) {
                Role::DeviceCopy
            } else if is_set(category) {
                Role::DeviceSet
            } else {
                Role::DeviceOther
            }),
    )
}

fn is_copy(category: &str) -> bool {
    category.eq_ignore_ascii_case("memcpy") || category.eq_ignore_ascii_case("gpu_memcpy")
}

fn is_set(category: &str) -> bool {
    category.eq_ignore_ascii_case("memset") || category.eq_ignore_ascii_case("gpu_memset")
}

/// Which host call counts as the launch: the nearest to the device that the trace records. The others on the
/// way are submission, so that one launch counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Synapse's host profiler: `enqueueWithExternalEvents…`.
    Enqueue,
    /// The Synapse API: `synLaunch…`.
    Synapse,
    /// The bridge: `LaunchRecipe…`, `launch_recipe`.
    Recipe,
    /// The bridge's lazy graphs: `LaunchSyncTensorsGraph`.
    Graph,
}

impl Calls {
    /// The deepest that the trace has.
    pub fn of(index: &Index) -> Calls {
        let mut found = Calls::Graph;
        for (_, text) in index.names.iter() {
            let here = launch_call(without_device(text));
            if let Some(call) = here
                && call.depth() > found.depth()
            {
                found = call;
            }
        }
        found
    }

    fn depth(self) -> u8 {
        match self {
            Calls::Graph => 0,
            Calls::Recipe => 1,
            Calls::Synapse => 2,
            Calls::Enqueue => 3,
        }
    }
}

fn launch_call(call: &str) -> Option<Calls> {
    if call.starts_with("enqueueWithExternalEvents") {
        Some(Calls::Enqueue)
    } else if call.starts_with("synLaunch") {
        Some(Calls::Synapse)
    } else if call == "launch_recipe" || call.starts_with("LaunchRecipe") {
        Some(Calls::Recipe)
    } else if call == "LaunchSyncTensorsGraph" {
        Some(Calls::Graph)
    } else {
        None
    }
}

/// A call of the bridge or of Synapse, by its name alone.
pub fn host_call(name: &str, launches: Calls) -> Option<Role> {
    let call = without_device(name);
    if let Some(kind) = launch_call(call) {
        return Some(if kind == launches {
            Role::Launch
        } else {
            Role::Submit
        });
    }
    Some(match call {
        "compileGraph" | "synGraphCompile" => Role::CompileEngine,
        "add_new_recipe" => Role::NewRecipe,
        "synEventSynchronize"
        | "synStreamSynchronize"
        | "synDeviceSynchronize"
        | "synchronizeEvent"
        | "synchronizeStream"
        | "synchronizeDevice" => Role::Wait,
        "SyncTensorsGraphInternal" | "ExecuteCachedGraph" | "replayV3" | "launch" | "Launch" | "run" => {
            Role::Submit
        }
        "memcpyAsync" | "memsetAsync" | "synMemCopyAsync" | "synMemsetD8Async" | "synMemsetD32Async" => {
            Role::Submit
        }
        _ if call.starts_with("copy_hpu_lazy_D2H") || call == "tolist" => Role::Wait,
        _ if call.contains("hpu_lazy") => Role::Submit,
        _ if has(call, "hccl") || call.contains("all_reduce") => Role::Collective,
        _ => return None,
    })
}

/// The role of a name on a lane.
fn role(lane: Lane, category: &str, name: &str, launches: Calls) -> Role {
    match lane {
        Lane::Device(role) => return role,
        Lane::Engine if category.is_empty() => {
            return EngineName::parse(name).map_or(Role::HostOther, engine_role);
        }
        _ => {}
    }
    let is_call = category.eq_ignore_ascii_case("hpu_op")
        || category.eq_ignore_ascii_case("runtime")
        || category.eq_ignore_ascii_case("privateuse1_runtime")
        || API_GROUPS
            .iter()
            .any(|group| category.eq_ignore_ascii_case(group))
        || category.is_empty();
    if is_call {
        return host_call(name, launches).unwrap_or(if category.is_empty() {
            Role::Other
        } else {
            Role::HostOther
        });
    }
    match kineto::role(category, name) {
        // Copies and sets on a host's lane are its calls, kernels are caught by their lane.
        role if role.is_device() && lane == Lane::Host && !is_kernel(category) => Role::HostOther,
        Role::HostOp => match host_call(name, launches) {
            Some(role @ (Role::Collective | Role::CompileEngine)) => role,
            _ => Role::HostOp,
        },
        role => role,
    }
}

/// The role of a name of the high-level profiler, before its place is looked at.
fn engine_role(name: EngineName<'_>) -> Role {
    match name {
        EngineName::Warmup => Role::Warmup,
        EngineName::Prepare | EngineName::PrepareUnified => Role::Prepare,
        EngineName::PrepareEncoders => Role::Encoder,
        EngineName::Phase(_) => Role::Pass,
        EngineName::Model(_) | EngineName::ModelExecutable | EngineName::Unified(_) => Role::Forward,
        EngineName::Logits => Role::Logits,
        EngineName::Sample => Role::Sample,
        EngineName::Post => Role::Post,
        EngineName::Compile(_) => Role::CompileRecorded,
        EngineName::StartProfiler => Role::HostOther,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_told_by_name_event_and_tid() {
        assert_eq!(engine_of_thread("[HD0] TPC 0"), Some(Role::DeviceVector));
        assert_eq!(engine_of_thread("[HD1] MME"), Some(Role::DeviceMatrix));
        assert_eq!(engine_of_thread("[D0] SPDMA 1"), Some(Role::DeviceDma));
        assert_eq!(engine_of_thread("NIC 3"), Some(Role::DeviceNic));
        assert_eq!(engine_of_thread("python3"), None);
        assert_eq!(engine_of_thread("*PDMA (accel5)"), Some(Role::DeviceDma));
        assert_eq!(
            engine_of_hardware_event("TPC_SPU_START_TO_SPU_HALT"),
            Some(Role::DeviceVector)
        );
        assert_eq!(
            engine_of_hardware_event("MMEH_WB_STORE"),
            Some(Role::DeviceMatrix)
        );
        assert_eq!(engine_of_hardware_event("STM_1_QMAN_X"), Some(Role::DeviceNic));
        assert_eq!(engine_of_hardware_event("STM_2_QMAN_X"), None);
        assert_eq!(engine_of_tid(Key::Int(7019)), Some(Role::DeviceVector));
        assert_eq!(engine_of_tid(Key::Int(14_014)), Some(Role::DeviceNic));
        assert_eq!(engine_of_tid(Key::Int(4_294_966_296)), None);
        assert_eq!(engine_of_name("BatchGemm"), Some(Role::DeviceMatrix));
    }

    #[test]
    fn a_process_of_one_engine_names_its_device() {
        assert_eq!(device_of_engine_process("*TPC (accel5)"), Some(5));
        assert_eq!(device_of_engine_process("*TPC"), None);
        assert_eq!(device_of_engine_process("TPC (accel5)"), None);
        assert_eq!(device_of_engine_process("*TPC (accel)"), None);
    }

    #[test]
    fn one_launch_counts_once() {
        let enqueue = "enqueueWithExternalEventsExt (accel0)";
        assert_eq!(host_call(enqueue, Calls::Enqueue), Some(Role::Launch));
        assert_eq!(
            host_call("synLaunchWithExternalEvents", Calls::Enqueue),
            Some(Role::Submit)
        );
        assert_eq!(
            host_call("synLaunchWithExternalEvents", Calls::Synapse),
            Some(Role::Launch)
        );
        assert_eq!(host_call("launch_recipe", Calls::Recipe), Some(Role::Launch));
        assert_eq!(
            host_call("copy_hpu_lazy_D2H_internal", Calls::Enqueue),
            Some(Role::Wait)
        );
        assert_eq!(host_call("copy_hpu_lazy_", Calls::Enqueue), Some(Role::Submit));
        assert_eq!(
            host_call("compileGraph (accel3)", Calls::Enqueue),
            Some(Role::CompileEngine)
        );
        assert_eq!(host_call("eventQuery (accel0)", Calls::Enqueue), None);
    }
}
