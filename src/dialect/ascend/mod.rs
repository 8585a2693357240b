//! The timeline of the Ascend profilers: `trace_view.json` of torch_npu (`*_ascend_pt`) and MindSpore
//! (`*_ascend_ms`), with what the device's own profiler (msprof) adds to both.
//!
//! Sources: Ascend/msprof (`analysis/csrc`), Ascend/pytorch (`torch_npu/profiler`), MindSpore 2.10's
//! `mindspore/profiler`. A layer is a process by its name; pids are built of the process's number and the device's
//! and are not asked, but for the device where no label says it:
//!
//! | process | what is there |
//! |---|---|
//! | `Python`, `MindSpore`, `CPU OP` | the framework on the host |
//! | `CANN` | calls into the driver stack: `Node@launch`, `AscendCL@aclrtMemcpyAsync` |
//! | `Ascend Hardware` | tasks of the device, a thread a stream |
//! | `Communication`, older `HCCL` | a thread a group: whole operations; threads `Plane n`: their pieces |
//! | `Overlap Analysis` | how msprof divides the device's time: computing, communication, the part of it that is not overlapped, free |
//! | `Scope Layer` | scopes of the graph, made of the device's kernels |
//!
//! Arrows: `async_npu` from the framework's call to the task, `HostToDevice` from CANN to the task. Both ends state a
//! track and a time. The time of an end is that of a slice to the digit; the tail of `HostToDevice` lies inside its
//! slice.

mod ascend_steps;
pub mod ascend_tables;
pub mod flow_links;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::base::{NameId, Span, TrackId, Union, order};
use crate::index::trace_columns::{Index, Key};

use super::clock_agreement;
use super::collective_words;
use super::dynamo;
use super::facts;
use super::kineto;
use super::pattern::has;
use super::roles;
use super::vocabulary::{Device, Division, PeerGroup, PeerWaits, Role, Vocabulary};
use super::wait_names;

/// The arg that CANN's calls and the device's tasks share.
pub const CONNECTION: &str = "connection_id";

/// The arg by which a piece of a collective names the rank at its other end: its place within the group, as in
/// `communication_matrix.json` (inferred from there).
pub const PEER: &str = "dst rank";

/// Tasks of a collective in which this rank waits until the other has written its notify record (`Notify_Wait` of
/// msprof's planes; `Notify Wait` in older ones).
const PEER_WAITS: &[&str] = &["Notify_Wait", "Notify Wait"];

/// What kind of lane a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Layer {
    Torch,
    MindSpore,
    HostOps,
    Cann,
    Hardware,
    /// Whole collective operations.
    Collectives,
    /// Their pieces, and scopes, counters, divisions.
    Drawn,
}

fn layer_of_process(name: &str) -> Option<Layer> {
    Some(match name {
        "MindSpore" => Layer::MindSpore,
        "CPU OP" => Layer::HostOps,
        "CANN" => Layer::Cann,
        "Ascend Hardware" => Layer::Hardware,
        "HCCL" | "Communication" => Layer::Collectives,
        "Overlap Analysis" | "Scope Layer" => Layer::Drawn,
        _ => return None,
    })
}

/// Whether the trace is one of these.
pub fn is_ascend(index: &Index) -> bool {
    let named = |wanted: &str| {
        let mut names = index.processes.iter().filter_map(|p| p.name);
        names.any(|name| index.text(name) == wanted)
    };
    ["Ascend Hardware", "CANN", "MindSpore", "Overlap Analysis"]
        .iter()
        .any(|name| named(name))
        || (named("CPU OP") && named("Scope Layer"))
}

/// The whole trace in common words.
pub fn recognise(index: &Index, file_name: &str) -> Vocabulary {
    let layers: Vec<Layer> = index.track_ids().map(|track| layer_of(index, track)).collect();
    let has_layer = |layer: Layer| {
        let mut tracks = index.track_ids();
        tracks.any(|t| layers[t.index()] == layer && !index.track(t).rows.is_empty())
    };
    let has_cann = has_layer(Layer::Cann);
    let mut v = Vocabulary {
        format: "ascend",
        roles: roles::assign(
            index,
            |track| layers[track.index()],
            |layer, category, name| role(layer, category, name, has_cann),
        ),
        waits: wait_names::wait_names(index),
        capture: facts::capture(index),
        ..Vocabulary::default()
    };
    leave_transfers_to_collectives(index, &layers, &mut v.roles);
    facts::read_header(index, &mut v);
    v.devices = devices(index, &layers);
    v.divisions = divisions(index);
    let has_device = !v.devices.is_empty();
    v.device_kind = if has_device || has_cann { "npu" } else { "cpu" };
    v.has_lanes_of_kinds = true;
    v.launch_link = flow_links::launch_link(index, &v);
    v.clock_offset_ns = clock_agreement::offset_ns(index, &v);
    v.call_links = flow_links::call_links(index, &v);
    ascend_steps::read(index, file_name, &mut v);
    v.compiles = kineto::compiles(index, &v.roles);
    v.dynamo = dynamo::dynamo(index, &v.compiles, &v.passes);
    v.main_threads = facts::main_threads(index, &v.roles, true);
    v.peer_waits = peer_waits(index);
    say_what_is_missing(&mut v, has_device, has_cann);
    v
}

fn peer_waits(index: &Index) -> Option<PeerWaits> {
    let names: FxHashSet<NameId> = PEER_WAITS
        .iter()
        .filter_map(|name| index.names.lookup(name))
        .collect();
    if names.is_empty() {
        return None;
    }
    let group = |track: TrackId| {
        let name = index.text(index.track(track).name?);
        let name = name.strip_prefix("Group ")?.strip_suffix("Communication")?.trim();
        Some(PeerGroup {
            name: name.to_owned(),
            track,
        })
    };
    Some(PeerWaits {
        names,
        peer: PEER,
        groups: index.track_ids().filter_map(group).collect(),
        ranks: collective_words::process_groups(index),
    })
}

fn say_what_is_missing(v: &mut Vocabulary, has_device: bool, has_cann: bool) {
    if !has_device {
        v.notes.push(
            "This trace holds no task of a device: it was taken with ProfilerActivity.CPU alone, or at level \
             LevelNone, or on a CPU. With ProfilerActivity.NPU and level Level0 or more it would."
                .to_owned(),
        );
    } else if !has_cann {
        v.notes.push(
            "This trace has no CANN layer (profiler level Level0): calls into the driver, statistics of operators \
             and kinds of cores are not recorded; Level1 records them."
                .to_owned(),
        );
    }
}

fn layer_of(index: &Index, track: TrackId) -> Layer {
    let name = facts::process_name(index, track).unwrap_or_default();
    let layer = layer_of_process(name).unwrap_or(Layer::Torch);
    let thread = index.track(track).name.map_or("", |name| index.text(name));
    if layer == Layer::Collectives && thread.starts_with("Plane") {
        return Layer::Drawn;
    }
    layer
}

fn role(layer: Layer, category: &str, name: &str, has_cann: bool) -> Role {
    match layer {
        Layer::Torch => match category {
            // The thread that queues, and the one that takes from the queue and launches.
            "enqueue" => Role::Submit,
            "dequeue" if has_cann => Role::Submit,
            "dequeue" => Role::Launch,
            _ => scope(name).unwrap_or_else(|| kineto::role(category, name)),
        },
        Layer::MindSpore if category == "python_function" => Role::PythonFrame,
        Layer::MindSpore => mindspore(name, has_cann),
        Layer::HostOps => Role::HostOp,
        Layer::Cann => cann(name),
        Layer::Hardware => task(name),
        Layer::Collectives => Role::DeviceComm,
        Layer::Drawn => Role::Other,
    }
}

/// Scopes of vllm-ascend (`eplb/`, `worker/model_runner_v1.py`) for moving experts, and behind sampling.
fn scope(name: &str) -> Option<Role> {
    Some(match name {
        "EPLB weight D2D wait" => Role::Wait,
        "EPLB gather moe load" => Role::Collective,
        "EPLB generate p2p task" | "EPLB update" => Role::HostOther,
        "async_state_update" => Role::Post,
        _ => return None,
    })
}

/// `Module::Event::name`, or the bare name of a stage.
fn mindspore(name: &str, has_cann: bool) -> Role {
    let event = name.split("::").nth(1).unwrap_or(name);
    match event {
        "SyncStream"
        | "StreamSync"
        | "WaitPipeline"
        | "WaitTaskFinish"
        | "WaitKernelsInferFinish"
        | "WaitKernelsResizeFinish"
        | "WaitKernelsLaunchFinish"
        | "Asnumpy" => Role::Wait,
        "PyNativeGilAcquire" | "Wait" | "MemoryAlloc" | "MemoryFree" => Role::HostOther,
        "CompileGradGraph" | "CaptureCompile" => Role::HostOther,
        _ if is_launch(event) && !has_cann => Role::Launch,
        _ => Role::HostOp,
    }
}

/// Whether an event of MindSpore hands work to the device, as its own writer tells (`KernelLaunch`, `LaunchTask`).
fn is_launch(event: &str) -> bool {
    event.contains("KernelLaunch") || event.contains("LaunchTask")
}

/// `AscendCL@aclrtMemcpyAsync`: the call stands behind the `@`.
fn cann(name: &str) -> Role {
    let (layer, call) = name.split_once('@').unwrap_or(("", name));
    if has(call, "synchronize") || call == "aclrtMemcpy" {
        return Role::Wait;
    }
    match layer {
        "Node" if call.eq_ignore_ascii_case("launch") => Role::Launch,
        "Hccl" | "Communication" if has(call, "launch") => Role::Launch,
        "AscendCL" if has(call, "async") && (has(call, "memcpy") || has(call, "memset")) => Role::Launch,
        _ => Role::HostOther,
    }
}

/// A task of the device. What waits, notifies or marks is no work; the names are msprof's.
fn task(name: &str) -> Role {
    let starts = |prefix: &str| super::pattern::starts(name, prefix);
    if ["event_", "notify", "profiling_", "write value", "place_holder"]
        .iter()
        .any(|prefix| starts(prefix))
    {
        Role::Other
    } else if starts("memcpy") || starts("sdma") {
        Role::DeviceCopy
    } else if starts("memset") {
        Role::DeviceSet
    } else if name.starts_with("hcom_") || name.ends_with("AicpuKernel") || name.ends_with("AivKernel") {
        // Communication that computes on its way (MC²): msprof counts it as communication.
        Role::DeviceComm
    } else {
        Role::DeviceCompute
    }
}

/// What a collective transfers stands among the hardware's tasks, too: a part of it, as the planes of its lane are, and
/// no copy beside it.
fn leave_transfers_to_collectives(index: &Index, layers: &[Layer], roles: &mut [Role]) {
    let numbers = device_numbers(index);
    let rows_of = |layer: Layer| {
        let tracks = index.track_ids().filter(move |t| layers[t.index()] == layer);
        tracks.flat_map(|track| {
            let device = numbers.get(&index.track(track).pid).copied();
            index.rows(track).map(move |id| (device, id))
        })
    };
    let mut collectives: FxHashMap<Option<i64>, Vec<Span>> = FxHashMap::default();
    for (device, id) in rows_of(Layer::Collectives) {
        collectives.entry(device).or_default().push(index.slices.span(id));
    }
    let collectives: FxHashMap<Option<i64>, Union> = collectives
        .into_iter()
        .map(|(device, spans)| (device, Union::of(spans)))
        .collect();
    for (device, id) in rows_of(Layer::Hardware) {
        let Some(of_device) = collectives.get(&device) else {
            continue;
        };
        let span = index.slices.span(id);
        let is_transfer = super::pattern::starts(index.name_of(id), "sdma");
        if is_transfer && !span.is_empty() && of_device.covered_ns(span) == span.len_ns() {
            roles[id.index()] = Role::Other;
        }
    }
}

/// Which device a process is about: the label `NPU 1`; else, in pids as msprof builds them, the lowest five bits.
/// Other pids are counted.
fn device_numbers(index: &Index) -> FxHashMap<Key, i64> {
    let mut numbers = FxHashMap::default();
    let of_device = index.processes.iter().filter(|process| {
        let name = process.name.map_or("", |name| index.text(name));
        matches!(
            layer_of_process(name),
            Some(Layer::Hardware | Layer::Collectives | Layer::Drawn)
        )
    });
    for process in of_device {
        let label = process.labels.map_or("", |label| index.text(label));
        let labelled = label.strip_prefix("NPU ").and_then(|n| n.trim().parse().ok());
        // Process number in the upper 22 bits, place in the list of layers in five, device in five.
        let built = match (process.pid, process.sort_index) {
            (Key::Int(pid), Some(sort)) if (pid >> 5) & 31 == sort => Some(pid & 31),
            _ => None,
        };
        numbers.insert(process.pid, labelled.or(built).unwrap_or(0));
    }
    numbers
}

fn devices(index: &Index, layers: &[Layer]) -> Vec<Device> {
    let numbers = device_numbers(index);
    let mut by_number: FxHashMap<i64, Vec<TrackId>> = FxHashMap::default();
    for track in index.track_ids() {
        let layer = layers[track.index()];
        if matches!(layer, Layer::Hardware | Layer::Collectives) && !index.track(track).rows.is_empty() {
            let device = numbers.get(&index.track(track).pid).copied().unwrap_or(0);
            if by_number.len() < facts::MAX_DEVICES || by_number.contains_key(&device) {
                by_number.entry(device).or_default().push(track);
            }
        }
    }
    let mut devices: Vec<Device> = by_number
        .into_iter()
        .map(|(device, tracks)| Device {
            device,
            rank: None,
            tracks,
        })
        .collect();
    order::sort_by_key(&mut devices, |d| d.device);
    devices
}

/// The lanes of `Overlap Analysis`, by the name of their thread.
fn divisions(index: &Index) -> Vec<(i64, Division, TrackId)> {
    let numbers = device_numbers(index);
    let mut found = Vec::new();
    for track in index.track_ids() {
        if facts::process_name(index, track) != Some("Overlap Analysis")
            || found.len() >= 4 * facts::MAX_DEVICES
        {
            continue;
        }
        let device = numbers.get(&index.track(track).pid).copied().unwrap_or(0);
        let division = match index.track(track).name.map_or("", |name| index.text(name)) {
            "Computing" => Division::Computing,
            "Communication" => Division::Communication,
            "Communication(Not Overlapped)" => Division::Exposed,
            "Free" => Division::Free,
            _ => continue,
        };
        found.push((device, division, track));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_the_writers_say() {
        let cases = [
            (Layer::Cann, "", "Node@launch", Role::Launch),
            (Layer::Cann, "", "AscendCL@aclrtMemcpyAsync", Role::Launch),
            (Layer::Cann, "", "AscendCL@aclrtMemcpy", Role::Wait),
            (
                Layer::Cann,
                "",
                "AscendCL@aclrtSynchronizeStreamWithTimeout",
                Role::Wait,
            ),
            (Layer::Cann, "", "Hccl@Launch_Ffts", Role::Launch),
            (Layer::Cann, "", "Communication@launch", Role::Launch),
            (Layer::Cann, "", "Runtime@KernelLaunch", Role::HostOther),
            (Layer::Hardware, "", "EVENT_WAIT", Role::Other),
            (Layer::Hardware, "", "Notify Wait", Role::Other),
            (Layer::Hardware, "", "PROFILING_ENABLE", Role::Other),
            (Layer::Hardware, "", "MEMCPY_ASYNC", Role::DeviceCopy),
            (Layer::Hardware, "", "SDMA", Role::DeviceCopy),
            (
                Layer::Hardware,
                "",
                "aclnnMm_MatMulV3Common_MatMulV3",
                Role::DeviceCompute,
            ),
            (
                Layer::Collectives,
                "",
                "hcom_allReduce__586_0_1",
                Role::DeviceComm,
            ),
            (Layer::Torch, "cpu_op", "aten::mm", Role::HostOp),
            (Layer::Torch, "dequeue", "Dequeue@aclnnMm", Role::Submit),
            (Layer::MindSpore, "python_function", "f", Role::PythonFrame),
            (
                Layer::MindSpore,
                "",
                "Kernel::KernelLaunch::Default/MatMul-op1",
                Role::HostOp,
            ),
            (Layer::MindSpore, "", "SyncStream", Role::Wait),
        ];
        for (layer, category, name, expected) in cases {
            assert_eq!(role(layer, category, name, true), expected, "{name}");
        }
        assert_eq!(
            role(
                Layer::MindSpore,
                "",
                "Kernel::KernelLaunch::Default/MatMul-op1",
                false
            ),
            Role::Launch
        );
        assert_eq!(role(Layer::Torch, "dequeue", "Dequeue@x", false), Role::Launch);
    }
}
