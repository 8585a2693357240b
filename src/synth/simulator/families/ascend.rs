//! `trace_view.json` of torch_npu, level 1: a list, times as text since 1970, arrows that name the start of a task.

use super::{Kind, Out, Span, View, WorkKind, micros};

const PID: i64 = 4_000;
/// The start of the clock.
const EPOCH_NS: i64 = 1_790_857_026_000_000_000;

pub fn write(out: &mut Out, view: &View<'_>) {
    // As msprof builds them: number of the process, place of the layer, number of the device.
    let layer = |sort: i64| (PID << 10 | sort << 5 | i64::try_from(view.number).unwrap_or(0)).to_string();
    let (python, cann, hardware, collectives) = (PID.to_string(), layer(7), layer(13), layer(15));
    let device_label = format!("NPU {}", view.number);
    let processes = [
        (&python, "Python", "CPU"),
        (&cann, "CANN", "CPU"),
        (&hardware, "Ascend Hardware", device_label.as_str()),
        (&collectives, "Communication", device_label.as_str()),
    ];
    for (pid, name, label) in processes {
        out.meta("process_name", "name", name, pid, 0);
        out.meta("process_labels", "labels", label, pid, 0);
    }
    out.meta("thread_name", "name", "Stream 2", &hardware, 2);
    out.meta("thread_name", "name", "Group 0 Communication", &collectives, 0);
    let at = (python.as_str(), PID);
    for n in &view.slices {
        let (slice, span) = (n.slice, n.slice.span);
        let operator =
            |out: &mut Out, name: &str| task(out, "cpu_op", name, at, span, "\"Sequence number\": -1");
        let call = |out: &mut Out, name: &str| {
            let id = slice.launch.unwrap_or(1_000_000 + n.id as i64);
            let args = format!("\"Thread Id\": {PID}, \"level\": \"node\", \"connection_id\": {id}");
            task(out, "", name, (&cann, PID), span, &args);
            if slice.launch.is_some() {
                arrow(
                    out,
                    "HostToDevice",
                    "s",
                    &format!("\"{}\"", id << 32),
                    (&cann, PID),
                    span.start + 500,
                );
            }
        };
        if let Some(part) = view.part(slice.kind) {
            operator(out, &part);
        }
        match slice.kind {
            Kind::Frame => task(out, "python_function", &slice.name, at, span, ""),
            Kind::Operator | Kind::Marker => operator(out, &slice.name),
            Kind::Launch | Kind::LaunchGraph => call(out, "Node@launch"),
            Kind::LaunchCopy => call(out, "AscendCL@aclrtMemcpyAsync"),
            Kind::BlockingCopy => call(out, "AscendCL@aclrtMemcpy"),
            Kind::WaitForStream => call(out, "AscendCL@aclrtSynchronizeStreamWithTimeout"),
            Kind::WaitForEvent => call(out, "AscendCL@aclrtSynchronizeEventWithTimeout"),
            Kind::WaitForDevice => call(out, "AscendCL@aclrtSynchronizeDeviceWithTimeout"),
            _ => {}
        }
    }
    for work in &view.works {
        let (name, kind, place) = match work.kind {
            WorkKind::Matrix => (
                "aclnnMm_MatMulV3Common_MatMulV3",
                "AI_CORE",
                (hardware.as_str(), 2),
            ),
            WorkKind::Vector => (
                "aclnnRmsNorm_RmsNorm_RmsNorm",
                "AI_VECTOR_CORE",
                (hardware.as_str(), 2),
            ),
            WorkKind::Attention => (
                "aclnnFusedInferAttentionScoreV3_FusedInferAttentionScore_FusedInferAttentionScore",
                "MIX_AIC",
                (hardware.as_str(), 2),
            ),
            WorkKind::Elementwise => ("aclnnAdd_AddAiCore_Add", "AI_VECTOR_CORE", (hardware.as_str(), 2)),
            WorkKind::Copy | WorkKind::LargeCopy => ("MEMCPY_ASYNC", "PCIE_DMA_SQE", (hardware.as_str(), 2)),
            WorkKind::Communication => ("hcom_allReduce__868_0_1", "", (collectives.as_str(), 0)),
        };
        let args = match kind {
            "" => format!("\"connection_id\": {}, \"model id\": 4294967295", work.launch),
            kind => format!(
                "\"Model Id\": 4294967295, \"Task Type\": \"{kind}\", \"connection_id\": {}",
                work.launch
            ),
        };
        task(out, "", name, place, work.span, &args);
        let id = format!("\"{}\"", work.launch << 32);
        arrow(out, "HostToDevice", "f", &id, place, work.span.start);
        let operator = view
            .call(work)
            .and_then(|call| view.slices.get(call.operator.checked_sub(1)?));
        if let Some(operator) = operator {
            let id = (EPOCH_NS + work.span.start).to_string();
            arrow(out, "async_npu", "s", &id, at, operator.slice.span.start);
            arrow(out, "async_npu", "f", &id, place, work.span.start);
        }
    }
}

/// Times are text, durations numbers.
fn task(out: &mut Out, category: &str, name: &str, (pid, tid): (&str, i64), span: Span, args: &str) {
    let category = match category {
        "" => String::new(),
        category => format!(", \"cat\": \"{category}\""),
    };
    let (ts, dur) = (micros(EPOCH_NS + span.start), micros(span.len_ns()));
    out.event(&format!(
        "\"ph\": \"X\", \"name\": \"{name}\", \"pid\": {pid}, \"tid\": {tid}, \"ts\": \"{ts}\", \"dur\": {dur}{category}, \
         \"args\": {{{args}}}"
    ));
}

fn arrow(out: &mut Out, category: &str, phase: &str, id: &str, (pid, tid): (&str, i64), ts: i64) {
    let name = if category == "async_npu" {
        "torch_to_npu"
    } else {
        category
    };
    out.event(&format!(
        "\"ph\": \"{phase}\", \"bp\": \"e\", \"name\": \"{name}\", \"id\": {id}, \"pid\": {pid}, \"tid\": {tid}, \
         \"ts\": \"{}\", \"cat\": \"{category}\"",
        micros(EPOCH_NS + ts)
    ));
}
