//! The trace of torch's profiler (Kineto), for CUDA, ROCm, MTIA, XPU and CPU.
//!
//! Categories as in Kineto's `ActivityType.h`; torch 1.8 to 1.11 spelled some of them otherwise (`Operator`,
//! `Kernel`, `Memcpy`, `Memset`, `Runtime`), so they are compared without regard to case. A device is told by
//! category, never by pid: inside containers a host pid may be 0 to 7 as well.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, Span, Union, order};
use crate::index;
use crate::index::trace_columns::{Family, Index};

use super::classifier::Classifier;
use super::clock_agreement;
use super::dynamo;
use super::enclosing;
use super::facts;
use super::markers::Marker;
use super::overruns;
use super::pattern::{Rest, has, python_frame, starts};
use super::ranks_in_one_file;
use super::repeated_ids;
use super::roles;
use super::terms::{Evidence, Period};
use super::vllm;
use super::vocabulary::{
    CompileMark, LaunchLink, MemoryDevice, OutOfMemory, OverheadKind, Ranks, Role, Vocabulary,
};
use super::wait_names;

/// The whole trace in common words. The file's name is asked for what steps do, where the trace does not say;
/// `classifier` tells kernels apart.
pub fn recognise(index: &Index, file_name: &str, classifier: Classifier) -> Vocabulary {
    let has_kernels = !facts::categories(index, |c| c.eq_ignore_ascii_case("kernel")).is_empty();
    let mut v = Vocabulary {
        format: "torch",
        roles: roles::assign(
            index,
            |track| index.track(track).family == Family::Asynchronous,
            |is_asynchronous, category, name| match category {
                // NCCL's profiler plugin (`plugins/profiler/example/print_event.cc`). Beside kernels, these are
                // the host's view of work that the kernels show.
                "COLL" | "P2P" if is_asynchronous && has_kernels => Role::Collective,
                "COLL" | "P2P" if is_asynchronous => Role::DeviceComm,
                _ => role_by(&classifier, category, name),
            },
        ),
        waits: wait_names::wait_names(index),
        classifier: Some(classifier),
        capture: facts::capture(index),
        operator_categories: facts::operator_categories(index),
        call_categories: facts::call_categories(index),
        overhead_categories: facts::overhead_categories(index),
        overhead_kinds: overhead_kinds(index),
        collective_operators: super::collective_words::operators(index),
        device_annotation_categories: facts::device_annotation_categories(index),
        asynchronous_operators: ASYNCHRONOUS,
        unlisted_operators: UNLISTED,
        numbered_operators: &["ProfilerStep#"],
        shapes_arg: Some(super::SHAPES),
        collective_args: Some(super::collective_words::ARGS),
        copy_kind_arg: Some(COPY_KIND),
        module_prefix: Some("nn.Module: "),
        left_out_by: LEFT_OUT_BY,
        ..Vocabulary::default()
    };
    facts::read_header(index, &mut v);
    let (ranks, told_apart) = ranks_in_one_file::ranks(index, &v.roles);
    v.ranks = ranks;
    v.memory_devices = memory_devices(index, &v.ranks);
    v.devices = facts::devices(index, &v.roles, &v.ranks);
    v.overruns = overruns::overruns(index, &v.roles, &v.devices);
    v.device_kind = facts::device_kind(index, !v.devices.is_empty());
    v.advice = match v.device_kind {
        "cuda" => ADVICE_CUDA,
        "rocm" => ADVICE_ROCM,
        _ => &[],
    };
    (v.launch_link, v.ids_are_mixed) = launch_link(index, &v);
    if v.ids_are_mixed {
        v.notes.push(
            "Ids of launches come again within a process while they still count up, as where ranks with equal process \
             ids were merged: which launches have no recorded work is unknown."
                .to_owned(),
        );
    }
    v.clock_offset_ns = clock_agreement::offset_ns(index, &v);
    if let Some(told_apart) = told_apart {
        // The header is that of the first.
        v.rank = None;
        v.notes
            .push(ranks_in_one_file::several_say(&v.ranks, &told_apart));
    }
    let untold = || ranks_in_one_file::untold_work(index, &v.ranks);
    if let Some(shared) = ranks_in_one_file::shared_processes(index).or_else(untold) {
        // The header is that of the first.
        v.rank = None;
        v.notes.push(shared);
    }
    vllm::read_steps(index, file_name, &mut v);
    v.compiles = compiles(index, &v.roles);
    v.dynamo = dynamo::dynamo(index, &v.compiles, &v.passes);
    v.main_threads = facts::main_threads(index, &v.roles, false);
    if index
        .header
        .text("cudaGraphInlineAnnotated")
        .is_some_and(|says| says != "false")
    {
        v.notes.push(
            "Kernels of replayed graphs carry what was noted when the graph was captured, among their args: name, \
             annotated_stream, original_stream."
                .to_owned(),
        );
    }
    v
}

/// The arg by which a call, and work, say which operator they belong to.
pub const EXTERNAL_ID: &str = "External id";

/// The arg by which a copy says its direction, where all copies have one name.
pub const COPY_KIND: &str = "copy kind";

/// By the number of the call; where no call is recorded, by that of the operator around it.
fn launch_link(index: &Index, v: &Vocabulary) -> (LaunchLink, bool) {
    let is_device = |id: SliceId| v.role(id).is_device();
    let is_host = |id: SliceId| !is_device(id) && !matches!(v.role(id), Role::Other | Role::SyncRecord);
    let numbers = |key: &str| Some(index.arg_column(key)?.without_zero());
    let has = |key: &str, fits: &dyn Fn(SliceId) -> bool| {
        numbers(key).is_some_and(|column| column.ints().any(|(id, _)| fits(id)))
    };
    let told_apart = repeated_ids::told_apart(index, &v.roles, &v.ranks, "correlation");
    let is_none = told_apart.as_ref().is_some_and(|of| of.links.is_empty());
    let has_calls = !is_none && has("correlation", &is_host);
    if !has_calls && has(EXTERNAL_ID, &is_device) && has(EXTERNAL_ID, &is_host) {
        let is_linked = |id: SliceId| is_device(id) || is_host(id);
        let numbered = ranks_in_one_file::numbered(index, &v.ranks, EXTERNAL_ID, is_linked);
        return (numbered.map_or(LaunchLink::None, LaunchLink::Numbered), false);
    }
    if is_none || index.arg_column("correlation").is_none() {
        return (LaunchLink::None, false);
    }
    if let Some(told_apart) = told_apart {
        return (LaunchLink::Renumbered(told_apart.links), told_apart.is_mixed);
    }
    let link = match v.ranks.labels.len() {
        0 | 1 => LaunchLink::Correlation("correlation"),
        _ if v.ranks.ids_are_unique => LaunchLink::Correlation("correlation"),
        _ => ranks_in_one_file::numbered(index, &v.ranks, "correlation", |_| true)
            .map_or(LaunchLink::None, LaunchLink::Renumbered),
    };
    (link, false)
}

/// What torch's own tables leave out (`_filter_name` in `torch/autograd/profiler_util.py`, 2.9).
const UNLISTED: &[&str] = &[
    "[memory]",
    "profiler::_record_function_enter",
    "profiler::_record_function_enter_new",
    "profiler::_record_function_exit",
    "aten::is_leaf",
    "aten::output_nr",
    "aten::_version",
];

/// Annotations of the work of a process group (`Work::Work` in `torch/csrc/distributed/c10d/Work.cpp`), which torch
/// marks as asynchronous: another thread may complete them.
const ASYNCHRONOUS: &[&str] = &["gloo:", "nccl:", "mpi:", "ucc:", "xccl:", "hccl:"];

/// Switches of `torch.profiler.profile`; for vLLM those of `--profiler-config` (0.13 on) or of the environment.
const LEFT_OUT_BY: &[(&str, &str)] = &[
    (
        "python_function",
        "with_stack=False (vLLM: torch_profiler_with_stack=false, or VLLM_TORCH_PROFILER_WITH_STACK=0) leaves python \
         frames and modules out",
    ),
    (
        "cpu_instant_event",
        "profile_memory=False (vLLM: torch_profiler_with_memory=false) leaves allocations out",
    ),
    (
        "cpu_op",
        "record_shapes=False (vLLM: torch_profiler_record_shapes=false) leaves shapes and arguments out of operators, \
         which are most of their text; the operators stay",
    ),
];

const ADVICE_CUDA: &[(&str, &str)] = &[
    (
        "slow-starts",
        "CUDA_MODULE_LOADING=EAGER loads all code at the start.",
    ),
    (
        "slower-host",
        "Where steps run without CUDA graphs, capture them: one call then launches many kernels.",
    ),
];

const ADVICE_ROCM: &[(&str, &str)] = &[(
    "slower-host",
    "Where steps run without HIP graphs, capture them: one call then launches many kernels.",
)];

fn memory_devices(index: &Index, ranks: &Ranks) -> Vec<MemoryDevice> {
    let devices = index.memory.devices.iter().zip(&index.memory.processes);
    devices
        .map(|(device, process)| MemoryDevice {
            rank: ranks.label(ranks.by_process.get(process).copied()),
            ..memory_device(device)
        })
        .collect()
}

/// Allocations that failed, in order of time.
pub(super) fn out_of_memory(index: &Index, ranks: &Ranks) -> Vec<OutOfMemory> {
    let failures = index.memory.failures.iter();
    failures
        .map(|failure| {
            let said = failure.said;
            OutOfMemory {
                at_ns: failure.ts,
                device: said.map(|said| MemoryDevice {
                    rank: ranks.label(ranks.by_process.get(&failure.process).copied()),
                    ..memory_device(&said.device)
                }),
                bytes: said.map(|said| said.bytes).filter(|&n| n > 0),
                allocated: said.and_then(|said| said.allocated),
                reserved: said.and_then(|said| said.reserved),
            }
        })
        .collect()
}

/// By `c10/core/DeviceType.h`. The host's allocators have device -1.
fn memory_device(device: &index::allocator_events::MemoryDevice) -> MemoryDevice {
    let kind = match device.kind {
        0 => "cpu",
        1 => "cuda",
        2 => "mkldnn",
        5 => "ideep",
        6 => "hip",
        9 => "xla",
        12 => "xpu",
        13 => "mps",
        15 => "hpu",
        19 => "mtia",
        20 => "privateuse1",
        _ => "other",
    };
    MemoryDevice {
        kind,
        id: device.id.filter(|&id| id >= 0),
        is_host: matches!(kind, "cpu" | "mkldnn" | "ideep"),
        rank: None,
    }
}

/// What a slice of `category` called `name` is, by the default rules for kernels.
pub fn role(category: &str, name: &str) -> Role {
    thread_local! {
        static RULES: Classifier = Classifier::default();
    }
    RULES.with(|rules| role_by(rules, category, name))
}

/// What a slice of `category` called `name` is.
fn role_by(classifier: &Classifier, category: &str, name: &str) -> Role {
    let is = |known: &[&str]| known.iter().any(|k| category.eq_ignore_ascii_case(k));
    if facts::is_operator(category) {
        return if Marker::parse(name).is_some() {
            Role::Pass
        } else {
            annotation(name).unwrap_or(Role::HostOp)
        };
    }
    if is(&["python_function"]) {
        return Role::PythonFrame;
    }
    if is(&["kernel"]) {
        return classifier.role(name);
    }
    if is(&["user_annotation"]) {
        return if Marker::parse(name).is_some() {
            Role::Pass
        } else {
            annotation(name).unwrap_or(Role::Annotation)
        };
    }
    if is(&["gpu_memcpy", "memcpy"]) {
        return Role::DeviceCopy;
    }
    if is(&["gpu_memset", "memset"]) {
        return Role::DeviceSet;
    }
    if is(&["cuda_sync", "xpu_sync"]) {
        return Role::SyncRecord;
    }
    if is(&["collective_comm"]) {
        return Role::DeviceComm;
    }
    if is(&["mtia_ccp_events"]) {
        return match name {
            "dma_request" => Role::DeviceCopy,
            _ if name.starts_with("event_") => Role::Other,
            _ => Role::DeviceCompute,
        };
    }
    if facts::is_runtime(category) {
        return runtime_call(name);
    }
    if is(&["overhead"]) {
        return Role::HostOther;
    }
    // Other profilers have categories of their own (Proton: `scope`).
    let is_of_device = starts(category, "gpu_");
    if !is_of_device && Marker::parse(name).is_some() {
        return Role::Pass;
    }
    match vllm::part(name) {
        Some((_, role)) if !is_of_device => role,
        _ => Role::Other,
    }
}

/// Annotations and operators with a meaning of their own.
fn annotation(name: &str) -> Option<Role> {
    if let Some(part) = vllm::part(name) {
        return Some(part.1);
    }
    if dynamo::is_compile(name) {
        return Some(Role::CompileDynamo);
    }
    if is_capture(name) {
        return Some(Role::GraphCapture);
    }
    if name.starts_with("hccl") || ASYNCHRONOUS.iter().any(|start| name.starts_with(start)) {
        return Some(Role::Collective);
    }
    None
}

/// By name, what is `overhead` (`overheadKindString` in kineto's `CuptiActivity.cpp`). `Command Buffer Full` is
/// neither: the launch queue is full.
fn overhead_kinds(index: &Index) -> FxHashMap<NameId, OverheadKind> {
    let kinds = index.names.iter().filter_map(|(id, text)| {
        Some((
            id,
            match text {
                "Lazy Function Loading" | "Runtime Triggered Module Loading" | "Driver Compiler" => {
                    OverheadKind::FirstUse
                }
                "Activity Buffer Request"
                | "Buffer Flush"
                | "Instrumentation"
                | "Resource"
                | "UVM Activity Init" => OverheadKind::Recording,
                _ => return None,
            },
        ))
    });
    kinds.collect()
}

/// `capture_{tokens}_{FULL, PIECEWISE, DECODE, …}`
pub(super) fn is_capture(name: &str) -> bool {
    let mut rest = Rest(name);
    rest.eat("capture_").is_some() && rest.number::<u64>().is_some() && rest.eat("_").is_some()
}

/// A call into the device's runtime or driver.
pub fn runtime_call(name: &str) -> Role {
    if has(name, "begincapture") || has(name, "endcapture") || has(name, "graphinstantiate") {
        Role::GraphCapture
    } else if has(name, "synchronize") || name == "hipMemcpyWithStream" {
        Role::Wait
    } else if has(name, "launch")
        || (has(name, "memcpy") && has(name, "async"))
        || (has(name, "memset") && has(name, "async"))
        || name.starts_with("runFunction")
    {
        Role::Launch
    } else if matches!(name, "cudaMemcpy" | "hipMemcpy" | "cuMemcpy") {
        Role::Wait
    } else if has(name, "nccl") || has(name, "hccl") {
        Role::Collective
    } else {
        Role::HostOther
    }
}

/// Compiles by torch.compile, and device graphs being captured.
pub fn compiles(index: &Index, roles: &[Role]) -> Vec<CompileMark> {
    let mut marks = by_dynamo(index, roles);
    marks.extend(captures(index, roles));
    order::sort_by_key(&mut marks, |m| (m.span.start, m.span.end, m.slice));
    marks
}

fn mark(evidence: Evidence, name: String, slice: SliceId, span: Span) -> CompileMark {
    CompileMark {
        evidence,
        name,
        slice,
        span,
        start_is_exact: true,
        region: None,
        eager: false,
        period: Period::Serving,
    }
}

/// Each outermost `_compile.compile_inner` is a compile. A trace without has frames of
/// `torch/_dynamo/convert_frame.py`, or shows by its regions (`Torch-Compiled Region: frame/attempt`) that a
/// frame was compiled anew: an attempt first runs after an earlier one ran. (One that runs from the start on was
/// compiled before the trace.)
fn by_dynamo(index: &Index, roles: &[Role]) -> Vec<CompileMark> {
    let is_compile = |id: SliceId| roles[id.index()] == Role::CompileDynamo;
    let recorded: Vec<CompileMark> = roles::rows_with(roles, |r| r == Role::CompileDynamo)
        .filter(|&id| !enclosing::is_inside(index, id, is_compile))
        .map(|id| {
            let name = match dynamo::compile_id(index, id) {
                Some(which) => format!("torch.compile {which}"),
                None => "torch.compile".to_owned(),
            };
            mark(Evidence::Dynamo, name, id, index.slices.span(id))
        })
        .collect();
    let regions: FxHashMap<NameId, (u64, u64)> = index
        .names
        .iter()
        .filter_map(|(id, text)| Some((id, dynamo::region(text)?)))
        .collect();
    let mut frames: FxHashMap<NameId, CompileFrame> = index
        .names
        .iter()
        .filter_map(|(id, text)| Some((id, compile_frame(text)?)))
        .collect();
    if frames.values().any(|frame| *frame == CompileFrame::Dynamo) {
        frames.retain(|_, frame| *frame != CompileFrame::AroundDynamo);
    }
    if frames.is_empty() && (regions.is_empty() || !recorded.is_empty()) {
        return recorded;
    }
    let known = Union::of(recorded.iter().map(|mark| index.slices.span(mark.slice)));
    let mut runs: Vec<(i64, SliceId, (u64, u64))> = Vec::new();
    let mut by_frame = Vec::new();
    for id in index
        .slices
        .ids()
        .filter(|&id| index.category_of(id) != roles::OWN_CATEGORY)
    {
        let name = index.slices.name(id);
        if let Some(&region) = regions.get(&name) {
            runs.push((index.slices.start(id).as_ns(), id, region));
        } else if let Some(frame) = frames.get(&name)
            && known.covered_ns(index.slices.span(id)) == 0
            && !enclosing::is_inside(index, id, |o| frames.contains_key(&index.slices.name(o)))
        {
            let says = format!("{} (python frame)", frame.word());
            by_frame.push(mark(Evidence::Dynamo, says, id, index.slices.span(id)));
        }
    }
    match (recorded.is_empty(), by_frame.is_empty()) {
        (true, true) => newly_run(runs),
        _ => recorded.into_iter().chain(by_frame).collect(),
    }
}

/// Attempts that first run after an earlier attempt of the same frame. What they cost is not recorded.
fn newly_run(mut runs: Vec<(i64, SliceId, (u64, u64))>) -> Vec<CompileMark> {
    order::sort(&mut runs);
    let mut latest: FxHashMap<u64, u64> = FxHashMap::default();
    let mut marks = Vec::new();
    for (start, id, (frame, attempt)) in runs {
        let is_new = latest.get(&frame).is_some_and(|&last| attempt > last);
        let last = latest.entry(frame).or_insert(attempt);
        *last = (*last).max(attempt);
        if is_new {
            let says = format!("torch.compile {frame}/{attempt}");
            marks.push(mark(Evidence::Dynamo, says, id, Span::new(start, start)));
        }
    }
    marks
}

/// What compiles in a python frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CompileFrame {
    Dynamo,
    /// Called for every frame that torch.compile looks at; where frames inside it are recorded, those say more.
    AroundDynamo,
    Triton,
    DeepGemm,
}

impl CompileFrame {
    fn word(self) -> &'static str {
        match self {
            CompileFrame::Dynamo | CompileFrame::AroundDynamo => "torch.compile",
            CompileFrame::Triton => "Triton compile",
            CompileFrame::DeepGemm => "DeepGEMM compile",
        }
    }
}

fn compile_frame(name: &str) -> Option<CompileFrame> {
    let (file, function) = python_frame(name)?;
    let path = name.split(".py(").next()?;
    match (file, function) {
        ("convert_frame", "_compile") | ("compile_fx", "compile_fx") => Some(CompileFrame::Dynamo),
        ("convert_frame", "__call__") => Some(CompileFrame::AroundDynamo),
        ("compiler", "compile") | ("jit", "_do_compile") if has(path, "triton") => Some(CompileFrame::Triton),
        ("compiler", "build" | "compile") if has(path, "deep_gemm") => Some(CompileFrame::DeepGemm),
        _ => None,
    }
}

/// `cudaGraphInstantiate` that starts this soon after the end of a capture belongs to it.
const INSTANTIATE_WITHIN_NS: i64 = 1_000_000;

/// Annotated captures, else the stretch from begin to end of a stream capture on one thread, with the instantiation
/// that follows it. One that does not follow a capture is a row of its own.
fn captures(index: &Index, roles: &[Role]) -> Vec<CompileMark> {
    let is_annotated = |id: SliceId| roles[id.index()] == Role::GraphCapture && is_capture(index.name_of(id));
    let annotated: Vec<CompileMark> = roles::rows_with(roles, |r| r == Role::GraphCapture)
        .filter(|&id| is_annotated(id) && !enclosing::is_inside(index, id, is_annotated))
        .map(|id| {
            let name = index.name_of(id).to_owned();
            mark(Evidence::GraphCapture, name, id, index.slices.span(id))
        })
        .collect();
    let mut found = annotated;
    let has_annotated = !found.is_empty();
    for track in index.track_ids() {
        if index.track(track).family != Family::Main {
            continue;
        }
        let mut begun: Option<SliceId> = None;
        // The place of the capture that ended last on this thread.
        let mut ended: Option<usize> = None;
        for id in index.rows(track) {
            if roles[id.index()] != Role::GraphCapture {
                continue;
            }
            if has_annotated && (is_annotated(id) || enclosing::is_inside(index, id, is_annotated)) {
                ended = found.iter().position(|m: &CompileMark| m.slice == id).or(ended);
                continue;
            }
            let name = index.name_of(id);
            if has(name, "graphinstantiate") {
                let span = index.slices.span(id);
                let capture = ended.take().map(|i| &mut found[i].span);
                match capture.filter(|c| span.start <= c.end.saturating_add(INSTANTIATE_WITHIN_NS)) {
                    Some(capture) => capture.end = capture.end.max(span.end),
                    None => found.push(mark(
                        Evidence::GraphCapture,
                        "graph instantiation".to_owned(),
                        id,
                        span,
                    )),
                }
            } else if !has_annotated && has(name, "begincapture") {
                begun = Some(id);
            } else if has(name, "endcapture")
                && let Some(first) = begun.take()
            {
                let span = Span::new(index.slices.start(first).as_ns(), index.slices.end(id).as_ns());
                ended = Some(found.len());
                found.push(mark(
                    Evidence::GraphCapture,
                    "stream capture".to_owned(),
                    first,
                    span,
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_old_and_new_mean_the_same() {
        let cases = [
            ("cpu_op", "aten::mm", Role::HostOp),
            ("Operator", "aten::mm", Role::HostOp),
            ("kernel", "gemm", Role::DeviceCompute),
            ("Kernel", "ncclKernel_AllReduce", Role::DeviceComm),
            ("kernel", "__amd_rocclr_copyBuffer", Role::DeviceCopy),
            ("gpu_memcpy", "Memcpy HtoD", Role::DeviceCopy),
            ("Memcpy", "Memcpy HtoD", Role::DeviceCopy),
            ("gpu_memset", "Memset", Role::DeviceSet),
            ("cuda_runtime", "cudaLaunchKernel", Role::Launch),
            ("Runtime", "cudaLaunchKernel", Role::Launch),
            ("cuda_driver", "cuLaunchKernelEx", Role::Launch),
            ("cuda_runtime", "hipGraphLaunch", Role::Launch),
            ("cuda_runtime", "cudaMemcpyAsync", Role::Launch),
            ("cuda_runtime", "hipMemcpyWithStream", Role::Wait),
            ("cuda_runtime", "cudaDeviceSynchronize", Role::Wait),
            ("cuda_runtime", "cudaStreamWaitEvent", Role::HostOther),
            ("cuda_runtime", "cudaStreamBeginCapture", Role::GraphCapture),
            ("cuda_runtime", "cudaStreamIsCapturing", Role::HostOther),
            ("mtia_runtime", "synchronizeStream", Role::Wait),
            ("python_function", "a.py(1): f", Role::PythonFrame),
            (
                "user_annotation",
                "execute_context_0(0)_generation_4(4)",
                Role::Pass,
            ),
            (
                "gpu_user_annotation",
                "execute_context_0(0)_generation_4(4)",
                Role::Other,
            ),
            ("user_annotation", "gpu_model_runner: forward", Role::Forward),
            ("user_annotation", "nccl:all_reduce", Role::Collective),
            ("user_annotation", "capture_32_FULL", Role::GraphCapture),
            (
                "user_annotation",
                "_compile.compile_inner (dynamo_timed)",
                Role::CompileDynamo,
            ),
            (
                "cpu_op",
                "_compile.compile_inner (dynamo_timed)",
                Role::CompileDynamo,
            ),
            ("cuda_sync", "Stream Sync", Role::SyncRecord),
            ("", "anything", Role::Other),
        ];
        for (category, name, expected) in cases {
            assert_eq!(role(category, name), expected, "{category} {name}");
        }
    }

    #[test]
    fn an_attempt_is_new_only_after_an_earlier_one_ran() {
        let run = |start, region| (start, SliceId(u32::try_from(start).unwrap()), region);
        let marks = newly_run(vec![
            run(0, (0, 1)),
            run(10, (0, 1)),
            run(20, (0, 2)),
            run(30, (0, 1)),
            run(40, (7, 0)),
        ]);
        let starts: Vec<i64> = marks.iter().map(|m| m.span.start).collect();
        assert_eq!(starts, [20]);
        assert_eq!(marks[0].name, "torch.compile 0/2");
    }
}
