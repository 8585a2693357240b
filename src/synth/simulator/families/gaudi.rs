//! torch's trace of Intel Gaudi with vLLM's own events at the end: lazy graphs as the bridge up to 1.20 writes them
//! (B and E, a process of their own), torch.compile as later ones do (through Kineto).

use super::{Family, Kind, Out, Span, View, WorkKind, micros};

const PID: i64 = 5_717;
const BRIDGE_PID: i64 = PID + 20_000;
const HOST_PROFILER: (&str, i64) = ("22101", 1_195_778_096);
/// vLLM's own events.
const ENGINE_TID: i64 = 3;
/// Of a graph's call: its recipe.
const GRAPHS: [&str; 3] = ["forward", "logits", "sample"];

pub fn write(out: &mut Out, view: &View<'_>) {
    let lazy = view.engine.family == Family::GaudiLazy;
    let pid = PID.to_string();
    let at = (pid.as_str(), PID);
    let (runtime, kernel, copy) = match lazy {
        true => ("Runtime", "Kernel", "Memcpy"),
        false => ("hpu_op", "kernel", "gpu_memcpy"),
    };
    out.meta("process_name", "name", "python3", &pid, 0);
    out.meta("process_labels", "labels", "CPU", &pid, 0);
    out.meta("process_name", "name", "/device:HPU:0", "0", 0);
    for (tid, name) in [
        (6_004, "MME"),
        (7_006, "[HD0] TPC 0"),
        (3_001, "[D0] SPDMA 0"),
        (14_014, "NIC 0"),
    ] {
        out.meta("thread_name", "name", name, "0", tid);
    }
    out.meta(
        "thread_name",
        "name",
        "Synapse/*Host Profiler",
        HOST_PROFILER.0,
        HOST_PROFILER.1,
    );
    if lazy {
        out.meta("process_name", "name", "Bridge Logs", &BRIDGE_PID.to_string(), 0);
    }
    let mut own = Vec::new();
    for n in &view.slices {
        let (slice, span) = (n.slice, n.slice.span);
        let bridge = |out: &mut Out, lazily: &str, compiled: &str| match lazy {
            true => pair(out, lazily, span),
            false => out.slice("privateuse1_runtime", compiled, at, span, ""),
        };
        let synapse = |out: &mut Out, name: &str| {
            let args = recipe(&slice.name);
            out.slice(runtime, &format!("{name} (accel0)"), HOST_PROFILER, span, &args);
        };
        match slice.kind {
            Kind::Frame => out.slice("python_function", &slice.name, at, span, &n.frame_args()),
            Kind::Operator => out.slice("cpu_op", &slice.name, at, span, &n.operator_args()),
            Kind::Marker => own.push((slice.name.as_str(), span)),
            Kind::Prepare => own.push(("prepare_input_tensors", span)),
            Kind::Forward => own.push(("model_forward_bs4_seq1_ctx128_graphsT", span)),
            Kind::Logits => own.push(("compute_logits4_seq1_ctx128", span)),
            Kind::Sample => own.push(("sampler", span)),
            Kind::Bookkeep => own.push(("sampler_postprocessing", span)),
            Kind::Compile if lazy => synapse(out, "compileGraph"),
            Kind::Compile => {
                let args = format!("\"External id\": {}", n.id);
                out.slice(
                    "user_annotation",
                    "_compile.compile_inner (dynamo_timed)",
                    at,
                    span,
                    &args,
                );
                let stored = Span::new(span.end - 20_000, span.end);
                out.slice("privateuse1_runtime", "add_new_recipe", at, stored, "");
            }
            Kind::Submit => bridge(out, "SyncTensorsGraphInternal", "LaunchRecipeTask"),
            Kind::Launch | Kind::LaunchGraph => synapse(out, "enqueueWithExternalEventsExt"),
            Kind::LaunchCopy => synapse(out, "memcpyAsync"),
            Kind::BlockingCopy => {
                bridge(out, "copy_hpu_lazy_D2H", "copy_hpu_lazy_D2H_internal");
                let call = Span::new(span.start, span.start + 3_000);
                out.slice(runtime, "memcpyAsync (accel0)", HOST_PROFILER, call, &recipe(""));
            }
            Kind::WaitForStream => synapse(out, "synchronizeStream"),
            Kind::WaitForEvent => synapse(out, "synchronizeEvent"),
            Kind::WaitForDevice => synapse(out, "synchronizeDevice"),
        }
    }
    for work in &view.works {
        let (category, name, node, hardware, tid) = match work.kind {
            WorkKind::Matrix => (
                kernel,
                "BatchGemm",
                "lb_bundle_0/batch_gemm/144",
                "MMEH_WB_STORE",
                6_004,
            ),
            WorkKind::Vector => (
                kernel,
                "fused_kernel_0x88805A4E_C_bf16",
                "fusedTPCNode_1_0",
                "TPC_SPU_START_TO_SPU_HALT",
                7_006,
            ),
            WorkKind::Attention => (
                kernel,
                "sdpa_recomp_fwd_bf16",
                "sdpa_recomp_fwd_bf16_0",
                "TPC_SPU_START_TO_SPU_HALT",
                7_006,
            ),
            WorkKind::Elementwise => (
                kernel,
                "add_fwd_bf16",
                "add_fwd_bf16_0",
                "TPC_SPU_START_TO_SPU_HALT",
                7_006,
            ),
            WorkKind::Copy | WorkKind::LargeCopy => (copy, "memcpyAsync", "memcpy_0", "SPDMA_BUSY", 3_001),
            WorkKind::Communication => (runtime, "hcclAllReduce", "hcclAllReduce_0", "STM_0_TX", 14_014),
        };
        let recipe = recipe(view.call(work).map_or("", |call| call.slice.name.as_str()));
        let args =
            format!("\"EventName\": \"{node}\", \"HW event name\": \"{hardware}\", \"device\": 0, {recipe}");
        out.slice(category, name, ("0", tid), work.span, &args);
    }
    // Written as they end.
    own.sort_by_key(|(_, span)| (span.end, std::cmp::Reverse(span.start)));
    for (name, span) in own {
        out.slice("", name, (&pid, ENGINE_TID), span, "");
    }
}

fn recipe(call: &str) -> String {
    let graph = GRAPHS.iter().position(|graph| *graph == call);
    let (id, name) = match graph {
        Some(graph) => (
            60_000 + graph,
            format!(".graph_dumps/HabanaFusedOpLazy_decode_4_{graph}"),
        ),
        None => (0, String::new()),
    };
    format!(
        "\"dataType\": \"bf16\", \"eventHandle\": \"0x0\", \"recipeId\": {id}, \"recipeName\": \"{name}\", \
         \"streamHandle\": \"0x54f0000000000001\""
    )
}

fn pair(out: &mut Out, name: &str, span: Span) {
    for (phase, ts) in [("B", span.start), ("E", span.end)] {
        out.event(&format!(
            "\"ph\": \"{phase}\", \"cat\": \"Runtime\", \"name\": \"{name}\", \"pid\": {BRIDGE_PID}, \"tid\": {PID}, \
             \"ts\": {}",
            micros(ts)
        ));
    }
}
