//! Kineto's trace of CUDA and ROCm.

use super::super::simulated_device::LARGE_COPY_BYTES;
use super::{Family, Kind, Out, View, WorkKind, micros};

const PID: i64 = 4_000;
const KERNELS: [&str; 5] = [
    "nvjet_tst_128x64_64x9_1x2_h_bz_TNT",
    "void vllm::rms_norm_kernel<c10::BFloat16>(c10::BFloat16*, c10::BFloat16 const*, float, int, int)",
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
    "void flash::flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128, 64, 128, 4> >(flash::Flash_fwd_params)",
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16> >(int)",
];

pub fn write(out: &mut Out, view: &View<'_>) {
    let is_rocm = view.engine.family == Family::Rocm;
    let device = i64::try_from(view.number).unwrap_or(0);
    let (host, gpu) = (view.pid(PID + device), view.pid(device));
    for (pid, labels) in [(&host, "CPU".to_owned()), (&gpu, format!("GPU {device}"))] {
        out.meta("process_name", "name", "python", pid, 0);
        out.meta("process_labels", "labels", &labels, pid, 0);
    }
    let at = (host.as_str(), PID + device);
    for n in &view.slices {
        let (slice, span) = (n.slice, n.slice.span);
        let annotation = |out: &mut Out, name: &str| {
            out.slice(
                "user_annotation",
                name,
                at,
                span,
                &format!("\"External id\": {}", n.id),
            );
        };
        let call = |out: &mut Out, cuda: &str, hip: &str| {
            let number = slice.launch.unwrap_or(1_000_000 + n.id as i64);
            let operator = match n.operator {
                0 => String::new(),
                operator => format!("\"External id\": {operator}, "),
            };
            let name = if is_rocm { hip } else { cuda };
            let args = format!("\"cbid\": 211, {operator}\"correlation\": {number}");
            out.slice("cuda_runtime", name, at, span, &args);
            if slice.launch.is_some() {
                arrow(out, "s", number, at, span.start);
            }
        };
        if let Some(part) = view.part(slice.kind) {
            annotation(out, &part);
        }
        match slice.kind {
            Kind::Frame => out.slice("python_function", &slice.name, at, span, &n.frame_args()),
            Kind::Marker => annotation(out, &slice.name),
            Kind::Operator => out.slice("cpu_op", &slice.name, at, span, &n.operator_args()),
            Kind::Launch => call(out, "cudaLaunchKernel", "hipLaunchKernel"),
            Kind::LaunchGraph => call(out, "cudaGraphLaunch", "hipGraphLaunch"),
            Kind::LaunchCopy => call(out, "cudaMemcpyAsync", "hipMemcpyAsync"),
            Kind::BlockingCopy => call(out, "cudaMemcpy", "hipMemcpy"),
            Kind::WaitForStream => call(out, "cudaStreamSynchronize", "hipStreamSynchronize"),
            Kind::WaitForEvent => call(out, "cudaEventSynchronize", "hipEventSynchronize"),
            Kind::WaitForDevice => call(out, "cudaDeviceSynchronize", "hipDeviceSynchronize"),
            _ => {}
        }
    }
    for work in &view.works {
        let (category, name, stream) = match work.kind {
            WorkKind::Matrix => ("kernel", KERNELS[0], 7),
            WorkKind::Vector => ("kernel", KERNELS[1], 7),
            WorkKind::Communication => ("kernel", KERNELS[2], 24),
            WorkKind::Attention => ("kernel", KERNELS[3], 7),
            WorkKind::Elementwise => ("kernel", KERNELS[4], 7),
            WorkKind::LargeCopy => ("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", 7),
            WorkKind::Copy => ("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)", 7),
        };
        let operator = match view.call(work).map_or(0, |call| call.operator) {
            0 => String::new(),
            operator => format!("\"External id\": {operator}, "),
        };
        let bytes = match work.kind {
            WorkKind::LargeCopy => format!("\"bytes\": {LARGE_COPY_BYTES}, "),
            _ => String::new(),
        };
        let args = format!(
            "{bytes}{operator}\"device\": {device}, \"stream\": {stream}, \"correlation\": {}",
            work.launch
        );
        out.slice(category, name, (&gpu, stream), work.span, &args);
        arrow(out, "f", work.launch, (&gpu, stream), work.span.start);
    }
}

fn arrow(out: &mut Out, phase: &str, id: i64, (pid, tid): (&str, i64), ts: i64) {
    let binds = if phase == "f" { ", \"bp\": \"e\"" } else { "" };
    out.event(&format!(
        "\"ph\": \"{phase}\", \"id\": {id}, \"pid\": {pid}, \"tid\": {tid}, \"ts\": {}, \"cat\": \"ac2g\", \
         \"name\": \"ac2g\"{binds}",
        micros(ts)
    ));
}
