//! Steps, one by one and in groups.

use crate::analyze::report::{Parts, Step};
use crate::base::{Colour, stats};

use super::cell::{Part, Place};
use super::rows::Rows;
use super::{Answers, Table, Topic, terms};

pub const STEP_GROUPS: Table = Table {
    key: "step_groups",
    title: "Steps by phase, bucket and period",
    definition: "Model calls (the marker of a step alone, on the host) of one phase, bucket and period.",
    topic: Topic::Steps,
    rows: step_groups,
};

fn step_groups<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(&answers.report.step_groups)
        .term("phase", "phase", "", |g| terms::phase(g.phase))
        .bucket(|g| g.bucket)
        .term("period", "period", "", |g| terms::period(g.period))
        .count("count", "steps", "", |g| g.count)
        .duration(
            "p50_ns",
            "p50",
            "Half of the model calls are no longer than this.",
            |g| g.p50_ns,
        )
        .duration("p90_ns", "p90", "Nine of ten are no longer than this.", |g| {
            g.p90_ns
        })
        .duration(
            "p99_ns",
            "p99",
            "Ninety-nine of a hundred are no longer than this.",
            |g| g.p99_ns,
        )
        .duration("max_ns", "longest", "", |g| g.max_ns)
        .duration("total_ns", "total", "", |g| g.total_ns)
        .share(
            "padding",
            "padding",
            "the rows of the padded batches; these held no request",
            |g| {
                let (real, padded) = (signed(g.real_batch?), signed(g.padded_batch?));
                Some((padded.saturating_sub(real), padded))
            },
        )
        .done()
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub const STEPS: Table = Table {
    key: "steps",
    title: "Steps",
    definition: "Every prefill or decode pass that the trace records.",
    topic: Topic::Steps,
    rows: steps,
};

fn steps<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let steps = &answers.report.steps;
    let has = |what: fn(&Step) -> bool| steps.iter().any(what);
    Rows::of(steps)
        .step("index", "step", "Its number in this trace, from 0.", |s| s.index)
        .number(
            "engine_step",
            "engine step",
            "Several passes of one engine step carry the same number.",
            |s| s.engine_step,
        )
        .on_request()
        .term("phase", "phase", "", |s| terms::phase(s.phase))
        .term("period", "period", "", |s| terms::period(s.period))
        .on_request()
        .bucket(|s| s.bucket)
        .number("bucket_batch", "bucket: batch", "", |s| s.bucket.map(|b| b.batch))
        .on_request()
        .number("bucket_seq", "bucket: query length", "", |s| s.bucket.and_then(|b| b.seq))
        .on_request()
        .number("bucket_ctx", "bucket: context blocks", "", |s| s.bucket.and_then(|b| b.ctx))
        .on_request()
        .number("batch", "batch", "Requests in the batch, without padding.", |s| s.batch)
        .count("tokens", "tokens", "", |s| s.tokens)
        .flag("graphs", "graphs", "Whether captured graphs were replayed.", |s| s.graphs)
        .on_request()
        .instant("start_ns", "start", "", |s| s.start_ns)
        .duration("dur_ns", "model call", "The marker of the step alone, on the host.", |s| s.dur_ns)
        .duration(
            "host_ns",
            "host time",
            "The model call with the preparation before it and the sampling and post-processing behind it, where the \
             engine records them beside it.",
            |s| Some(host_ns(s)),
        )
        .duration(
            "interval_ns",
            "interval",
            "From its start to the start of the next step on the same thread.",
            |s| s.interval_ns,
        )
        .duration(
            "gap_before_ns",
            "gap before",
            "Host time from the end of the step before to the start of this one, 0 where they overlap. It is no idle \
             time of the device, which may still be working.",
            |s| s.gap_before_ns,
        )
        .duration("compile_ns", "compile", "Graph compiles inside the step.", |s| s.parts.compile_ns)
        .when(has(|s| s.device.is_some()), |rows| {
            rows.duration("device_busy_ns", "device busy", "At least one compute engine works.", |s| {
                Some(s.device.as_ref()?.busy_ns)
            })
            .duration("device_idle_ns", "device idle", "The step's device window less the busy time.", |s| {
                Some(s.device.as_ref()?.idle_ns)
            })
            .on_request()
        })
        .when(has(|s| device_span_ns(s).is_some()), |rows| {
            rows.duration(
                "device_span_ns",
                "device span",
                "From the first start to the last end of the device work that the step launched. The device runs behind \
                 the host: it may end long after the step does.",
                device_span_ns,
            )
            .duration(
                "device_gap_before_ns",
                "device gap",
                "From the end of the device work of the steps before to the start of this step's, on the device's own \
                 clock; 0 where they overlap.",
                |s| s.device.as_ref()?.gap_before_ns,
            )
            .instant("device_start_ns", "device start", "", |s| s.device.as_ref()?.start_ns)
            .on_request()
            .instant("device_end_ns", "device end", "", |s| s.device.as_ref()?.end_ns)
            .on_request()
        })
        .duration("schedule_ns", "scheduling", "", |s| s.parts.schedule_ns)
        .on_request()
        .duration("prepare_ns", "input preparation", "", |s| s.parts.prepare_ns)
        .on_request()
        .duration("forward_ns", "forward (host)", "", |s| s.parts.forward_ns)
        .on_request()
        .duration("logits_ns", "logits", "", |s| s.parts.logits_ns)
        .on_request()
        .duration("sample_ns", "sampling", "", |s| s.parts.sample_ns)
        .on_request()
        .duration("draft_ns", "drafting", "The draft model of speculative decoding.", |s| s.parts.draft_ns)
        .on_request()
        .duration("wait_ns", "wait for device", "", |s| s.parts.wait_ns)
        .on_request()
        .duration("post_ns", "after sampling", "", |s| s.parts.post_ns)
        .on_request()
        .duration("other_ns", "other", "", |s| s.parts.other_ns)
        .on_request()
        .flag(
            "parts_derived",
            "parts derived",
            "Some parts are not recorded: they follow from python frames, or from the order of operators and calls.",
            |s| Some(s.parts.derived),
        )
        .on_request()
        .term(
            "sure",
            "known by",
            "Recorded: a marker of the engine says that this is a step. Derived: told by python frames, or by parts.",
            |s| terms::sure(s.sure),
        )
        .on_request()
        .parts("Host time by what was done.", |s| (host_ns(s), host_parts(&s.parts)))
        .place("The step in the timeline.", |s| {
            Some(Place {
                start_ns: Some(s.start_ns),
                end_ns: Some(s.start_ns.saturating_add(s.dur_ns)),
                slice: Some(s.slice),
                word: "timeline".into(),
            })
        })
        .sorted("start_ns", false)
        .done()
}

/// From the first start to the last end of the device work that a step launched.
pub fn device_span_ns(step: &Step) -> Option<i64> {
    let device = step.device.as_ref()?;
    Some(device.end_ns?.saturating_sub(device.start_ns?))
}

/// The model call, with what the engine records before and behind it.
pub fn host_ns(step: &Step) -> i64 {
    let sum = stats::sum(host_parts(&step.parts).iter().map(|part| part.ns));
    sum.max(step.dur_ns)
}

/// Host parts of a step that are known, in order of time.
pub fn host_parts(parts: &Parts) -> Vec<Part> {
    let all = [
        (Colour::Python, "scheduling", parts.schedule_ns),
        (Colour::Prepare, "input preparation", parts.prepare_ns),
        (Colour::Forward, "forward (host)", parts.forward_ns),
        (Colour::Logits, "logits", parts.logits_ns),
        (Colour::Sample, "sampling", parts.sample_ns),
        (Colour::Launch, "drafting", parts.draft_ns),
        (Colour::Wait, "wait for device", parts.wait_ns),
        (Colour::Post, "after sampling", parts.post_ns),
        (Colour::Compile, "graph compile", parts.compile_ns),
        (Colour::Other, "other", parts.other_ns),
    ];
    let known = |(colour, word, ns): (Colour, &'static str, Option<i64>)| {
        Some(Part {
            word: word.into(),
            colour,
            ns: ns?,
        })
    };
    all.into_iter().filter_map(known).collect()
}
