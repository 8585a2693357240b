//! Values of closed sets as tables show them.

use std::borrow::Cow;

use crate::analyze::report::{Cause, Evidence, GapKind, IdleCause, Period, Phase, Sure};

use super::cell::Term;

fn term(
    key: &'static str,
    word: &'static str,
    colour: impl Into<Cow<'static, str>>,
    means: &'static str,
) -> Term {
    Term {
        key: key.into(),
        word: word.into(),
        colour: colour.into(),
        means: means.into(),
    }
}

pub fn phase(phase: Phase) -> Term {
    match phase {
        Phase::Prefill => term("prefill", "prefill", "prefill", ""),
        Phase::Decode => term("decode", "decode", "decode", ""),
        Phase::Mixed => term("mixed", "prefill + decode", "mixed", ""),
        Phase::Idle => term("idle", "idle", "other", ""),
        Phase::Unknown => term("unknown", "step", "other", ""),
    }
}

pub fn period(period: Period) -> Term {
    let (key, means) = match period {
        Period::Warmup => ("warmup", "The server runs every bucket once before it serves."),
        Period::BeforeCapture => ("before_capture", "Recorded before the torch profiler started."),
        Period::Serving => ("serving", "Requests are served."),
        Period::Dummy => ("dummy", "A profiling run on invented data."),
        Period::Unknown => (
            "unknown",
            "The trace does not say when in the server's life this was.",
        ),
    };
    term(key, period.word(), "", means)
}

pub fn sure(sure: Sure) -> Term {
    match sure {
        Sure::Recorded => term("recorded", "recorded", "", "The trace says so."),
        Sure::Derived => term(
            "derived",
            "derived",
            "",
            "Computed from what the trace says, by the definition shown.",
        ),
        Sure::Suspected => term(
            "suspected",
            "suspected",
            "",
            "A rule of thumb: look at the evidence before you act.",
        ),
    }
}

pub fn evidence(evidence: Evidence) -> Term {
    match evidence {
        Evidence::Recorded => term(
            "recorded",
            "recorded",
            "",
            "The serving engine recorded the compile itself.",
        ),
        Evidence::Synapse => term(
            "synapse",
            "graph compiler",
            "",
            "The graph compiler's own host event.",
        ),
        Evidence::Dynamo => term(
            "dynamo",
            "torch.compile",
            "",
            "torch.compile compiled on the host.",
        ),
        Evidence::GraphCapture => term(
            "graph_capture",
            "graph capture",
            "",
            "A device graph was captured.",
        ),
        Evidence::Suspected => term(
            "suspected",
            "suspected",
            "",
            "The trace records no compile here. Only the step's duration suggests one: it is as slow as a compile \
             makes it.",
        ),
    }
}

pub fn gap_kind(kind: GapKind) -> Term {
    match kind {
        GapKind::Step => term(
            "step",
            "between steps",
            "",
            "From the end of one engine step to the start of the next.",
        ),
        GapKind::Device => term("device", "on the device", "", "No compute engine runs."),
        GapKind::Launch => term(
            "launch",
            "between launches",
            "",
            "From one launch to the next on the launching thread.",
        ),
    }
}

pub fn cause(cause: Cause) -> Term {
    match cause {
        Cause::Recompile => term("recompile", "graph compile", "compile", "A graph was compiled."),
        Cause::Wait => term(
            "wait",
            "wait for device",
            "wait",
            "The host waited for the device, or synchronised with it.",
        ),
        Cause::Submit => term(
            "submit",
            "submit",
            "launch",
            "The host handed work to the device.",
        ),
        Cause::InputPrep => term(
            "input_prep",
            "input preparation",
            "prepare",
            "The host prepared the step's inputs.",
        ),
        Cause::Sampler => term(
            "sampler",
            "sampling",
            "sample",
            "The host ran the sampler, or what follows it.",
        ),
        Cause::Collective => term("collective", "collective", "nic", "Communication between ranks."),
        Cause::HostOp => term(
            "host_op",
            "host operators",
            "hostop",
            "Framework operators on the host.",
        ),
        Cause::Python => term(
            "python",
            "python",
            "python",
            "Only python frames: the interpreter ran between operators, or waited without saying so.",
        ),
        Cause::NoLoad => term(
            "no_load",
            "no load",
            "noload",
            "Longer than a second between steps: probably no request.",
        ),
        Cause::Device => term(
            "device",
            "device",
            "mme",
            "Too short for the host: scheduling on the device itself.",
        ),
        Cause::Unaccounted => term(
            "unaccounted",
            "no host activity recorded",
            "other",
            "The trace records nothing on the host here.",
        ),
    }
}

pub fn idle_cause(cause: IdleCause) -> Term {
    let (colour, means) = match cause {
        IdleCause::Compile => ("compile", "Not launched yet: a graph was compiled or captured."),
        IdleCause::SyncThenLaunch => (
            "wait",
            "Not launched yet: the launching thread was waiting for the device when it ran empty, and had to come to \
             the next launch first. All of the time until that launch counts here.",
        ),
        IdleCause::HostOp => (
            "hostop",
            "Not launched yet: the launching thread ran operators or runtime calls, or the launch itself took longer \
             than a launch takes.",
        ),
        IdleCause::Python => (
            "python",
            "Not launched yet: python frames, annotated stretches or a step, and nothing more is recorded.",
        ),
        IdleCause::SchedulerIdle => (
            "noload",
            "Not launched yet: the launching thread is outside any step with nothing recorded, or waits for another \
             thread.",
        ),
        IdleCause::NotRecorded => (
            "other",
            "Not launched yet: nothing is recorded on the launching thread, and the trace has neither steps nor python \
             frames to say more.",
        ),
        IdleCause::Dependency => (
            "deviceother",
            "Launched long before, and waited for something else: a stream, an event, a device.",
        ),
        IdleCause::LaunchLatency => (
            "launch",
            "Launched, and on its way to the device; or the time that the device takes from one piece of work to the \
             next.",
        ),
        IdleCause::Unlinked => (
            "warmup",
            "The call that launched the next work is not in the trace.",
        ),
    };
    term(cause.name(), cause.says(), colour, means)
}

/// A kind of device work: `compute`, `comm`, `copy`, …, or a device's engine.
pub fn work_kind(kind: &str) -> Term {
    let colour = match kind {
        "mme" | "compute" => "mme",
        "tpc" => "tpc",
        "dma" | "copy" | "set" => "dma",
        "nic" | "comm" => "nic",
        _ => "deviceother",
    };
    let word = match kind {
        "mme" | "tpc" | "dma" | "nic" => kind.to_uppercase(),
        _ => kind.to_owned(),
    };
    Term {
        key: kind.to_owned().into(),
        word: word.into(),
        colour: colour.into(),
        means: "".into(),
    }
}
