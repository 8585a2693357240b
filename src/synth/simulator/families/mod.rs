//! How each family's profiler writes what happened.

mod ascend;
mod gaudi;
mod torch;

use crate::base::Span;
use crate::base::time::push_micros;

use super::simulated_device::{Work, WorkKind};
use super::simulated_host::{Kind, Slice};
use super::simulated_server::Rank;
use super::{Engine, Family, Files, Injection};

/// The name of a step's marker; `with_prefill`: of one that has new requests as well.
pub fn marker(engine: &Engine, with_prefill: bool) -> &'static str {
    let is_merged = engine.files == Files::Merged;
    match (engine.family.is_gaudi(), is_merged, with_prefill) {
        (true, _, false) => "decode",
        (true, _, true) => "prefill",
        (_, true, false) => "step[DECODE bs=4]",
        (_, true, true) => "step[MIXED bs=5]",
        (_, _, false) => "execute_context_0(0)_generation_4(4)",
        (_, _, true) => "execute_context_1(64)_generation_4(4)",
    }
}

/// The files of a run, with their names.
pub fn write(engine: &Engine, ranks: &[Rank]) -> Vec<(String, String)> {
    let write_one = |out: &mut Out, rank: usize, label: &str| {
        let view = View {
            engine,
            number: rank,
            label,
            slices: nested(&ranks[rank].host.slices),
            works: device_clock(engine, &ranks[rank].device.works),
        };
        match engine.family {
            Family::CudaEager | Family::CudaGraphs | Family::Rocm => torch::write(out, &view),
            Family::GaudiLazy | Family::GaudiCompile => gaudi::write(out, &view),
            Family::Ascend => ascend::write(out, &view),
        }
    };
    let document = |out: Out, rank: usize| match engine.family {
        Family::Ascend => format!("[{}\n]", out.text),
        _ => format!("{}, \"traceEvents\": [{}\n]}}", header(engine, rank), out.text),
    };
    if engine.files == Files::Merged {
        let mut out = Out::default();
        for rank in 0..ranks.len() {
            write_one(&mut out, rank, &format!("[TP{rank:02}] "));
        }
        return vec![("merged-1759.trace.json".to_owned(), document(out, 0))];
    }
    let one = |rank: usize| {
        let mut out = Out::default();
        write_one(&mut out, rank, "");
        let name = match engine.family {
            Family::Ascend => {
                format!("rank{rank}_4000_20261129_ascend_pt/ASCEND_PROFILER_OUTPUT/trace_view.json")
            }
            _ => format!("vllm-rank-{rank}.1795316005590859281.pt.trace.json"),
        };
        (name, document(out, rank))
    };
    (0..ranks.len()).map(one).collect()
}

fn header(engine: &Engine, rank: usize) -> String {
    let (device, backend, versions) = match engine.family {
        Family::Rocm => (
            "",
            "nccl",
            "\"hip_runtime_version\": 70051831, \"roctracer_version\": 4001, ",
        ),
        Family::GaudiLazy | Family::GaudiCompile => ("GAUDI3", "hccl", ""),
        _ => (
            "Imaginary GPU",
            "nccl",
            "\"cuda_runtime_version\": 12080, \"cupti_version\": 26, ",
        ),
    };
    format!(
        "{{\"schemaVersion\": 1, \"generator\": \"{}\", \"deviceProperties\": [{{\"id\": 0, \"name\": \"{device}\"}}], \
         {versions}\"distributedInfo\": {{\"backend\": \"{backend}\", \"rank\": {rank}, \"world_size\": {}}}, \
         \"displayTimeUnit\": \"ms\", \"baseTimeNanoseconds\": 1790857026000000000",
        crate::synth::GENERATOR,
        engine.ranks,
    )
}

/// What a device's clock says of its work.
fn device_clock(engine: &Engine, works: &[Work]) -> Vec<Work> {
    let behind = engine.delay(Injection::SkewedClock);
    let recorded = works.iter().filter(|work| work.recorded);
    let shifted = recorded.map(|work| Work {
        span: Span::new(work.span.start - behind, work.span.end - behind),
        ..*work
    });
    shifted.collect()
}

/// What is written of one rank.
struct View<'a> {
    engine: &'a Engine,
    number: usize,
    /// Leads every pid, where several ranks are in one file.
    label: &'a str,
    slices: Vec<Nested<'a>>,
    works: Vec<Work>,
}

impl View<'_> {
    /// A process as JSON.
    fn pid(&self, pid: i64) -> String {
        match self.label {
            "" => pid.to_string(),
            label => format!("\"{label}{pid}\""),
        }
    }

    /// The annotation of a part of a step, `gpu_model_runner: …`.
    fn part(&self, kind: Kind) -> Option<String> {
        let runner = if self.engine.family == Family::Ascend {
            "npu"
        } else {
            "gpu"
        };
        let part = match kind {
            Kind::Prepare => "preprocess",
            Kind::Forward => "forward",
            Kind::Logits => "postprocess",
            Kind::Sample => "sample",
            Kind::Bookkeep => "bookkeep",
            Kind::Compile => return Some("_compile.compile_inner (dynamo_timed)".to_owned()),
            _ => return None,
        };
        Some(format!("{runner}_model_runner: {part}"))
    }

    /// The call that launched it.
    fn call(&self, work: &Work) -> Option<&Nested<'_>> {
        self.slices.iter().find(|s| s.slice.launch == Some(work.launch))
    }
}

/// A slice with those around it, by row counted from 1; 0 is none.
struct Nested<'a> {
    slice: &'a Slice,
    id: usize,
    frame: usize,
    operator: usize,
}

impl Nested<'_> {
    fn frame_args(&self) -> String {
        let Nested { id, frame, .. } = self;
        format!("\"Python id\": {id}, \"Python parent id\": {frame}, \"Ev Idx\": {id}")
    }

    fn operator_args(&self) -> String {
        let id = self.id;
        format!("\"External id\": {id}, \"Record function id\": 0, \"Ev Idx\": {id}")
    }
}

/// Slices come in the order in which they were entered.
fn nested(slices: &[Slice]) -> Vec<Nested<'_>> {
    let mut open: Vec<(Span, Kind, usize)> = Vec::new();
    let numbered = slices.iter().zip(1..);
    let with_parents = numbered.map(|(slice, id)| {
        while open.last().is_some_and(|(span, ..)| span.end <= slice.span.start) {
            open.pop();
        }
        let nearest = |kind: Kind| open.iter().rev().find(|o| o.1 == kind).map_or(0, |o| o.2);
        let nested = Nested {
            slice,
            id,
            frame: nearest(Kind::Frame),
            operator: nearest(Kind::Operator),
        };
        open.push((slice.span, slice.kind, id));
        nested
    });
    with_parents.collect()
}

/// Events as text.
#[derive(Default)]
struct Out {
    text: String,
}

impl Out {
    /// An event with these fields.
    fn event(&mut self, fields: &str) {
        let comma = if self.text.is_empty() { "" } else { "," };
        self.text.push_str(&format!("{comma}\n{{{fields}}}"));
    }

    /// A complete event; a category that is empty is left out.
    fn slice(&mut self, category: &str, name: &str, (pid, tid): (&str, i64), span: Span, args: &str) {
        let category = match category {
            "" => String::new(),
            category => format!("\"cat\": \"{category}\", "),
        };
        let (ts, dur) = (micros(span.start), micros(span.len_ns()));
        self.event(&format!(
            "\"ph\": \"X\", {category}\"name\": \"{name}\", \"pid\": {pid}, \"tid\": {tid}, \"ts\": {ts}, \"dur\": {dur}, \
             \"args\": {{{args}}}"
        ));
    }

    fn meta(&mut self, what: &str, key: &str, value: &str, pid: &str, tid: i64) {
        self.event(&format!(
            "\"ph\": \"M\", \"name\": \"{what}\", \"pid\": {pid}, \"tid\": {tid}, \"ts\": 0.0, \
             \"args\": {{\"{key}\": \"{value}\"}}"
        ));
    }
}

fn micros(ns: i64) -> String {
    let mut text = Vec::new();
    push_micros(&mut text, ns);
    String::from_utf8(text).unwrap_or_default()
}
