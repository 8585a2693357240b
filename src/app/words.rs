//! The words and the colour keys of the page. A colour is never alone: its word stands beside it.
//!
//! A key `decode` is the class `k-decode` and the custom property `--c-decode` of the style sheet.

use crate::view::{BarClass, Cause, Evidence, GapKind, Level, Period, Phase, Severity, Sure, TrackKind};

pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Prefill => "prefill",
        Phase::Decode => "decode",
        Phase::Mixed => "prefill + decode",
        Phase::Idle => "idle",
        Phase::Unknown => "step",
    }
}

pub fn phase_key(phase: Phase) -> &'static str {
    match phase {
        Phase::Prefill => "prefill",
        Phase::Decode => "decode",
        Phase::Mixed => "mixed",
        Phase::Idle | Phase::Unknown => "other",
    }
}

pub fn period_means(period: Period) -> &'static str {
    match period {
        Period::Warmup => "The server runs every bucket once before it serves.",
        Period::BeforeCapture => "Recorded before the torch profiler started.",
        Period::Serving => "Requests are served.",
        Period::Dummy => "A profiling run on invented data.",
        Period::Unknown => "The trace does not say when in the server's life this was.",
    }
}

pub fn sure(sure: Sure) -> (&'static str, &'static str) {
    match sure {
        Sure::Recorded => ("recorded", "The trace says so."),
        Sure::Derived => (
            "derived",
            "Computed from what the trace says, by the definition shown.",
        ),
        Sure::Suspected => (
            "suspected",
            "A rule of thumb: look at the evidence before you act.",
        ),
    }
}

pub fn level(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::Problem => ("▲", "Problem"),
        Level::Hint => ("△", "Hint"),
        Level::Fine => ("✓", "Fine"),
    }
}

pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Loss => "loss",
        Severity::Error => "error",
    }
}

pub fn evidence(evidence: Evidence) -> (&'static str, &'static str) {
    match evidence {
        Evidence::Recorded => ("recorded", "The serving engine recorded the compile itself."),
        Evidence::Synapse => ("graph compiler", "The graph compiler's own host event."),
        Evidence::Dynamo => ("torch.compile", "torch.compile compiled on the host."),
        Evidence::GraphCapture => ("graph capture", "A device graph was captured."),
        Evidence::Suspected => (
            "suspected",
            "The trace records no compile here. Only the step's duration suggests one: it is as slow as a compile makes it.",
        ),
    }
}

pub fn cause(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Recompile => ("graph compile", "A graph was compiled."),
        Cause::Wait => (
            "wait for device",
            "The host waited for the device, or synchronised with it.",
        ),
        Cause::Submit => ("submit", "The host handed work to the device."),
        Cause::InputPrep => ("input preparation", "The host prepared the step's inputs."),
        Cause::Sampler => ("sampling", "The host ran the sampler, or what follows it."),
        Cause::Collective => ("collective", "Communication between ranks."),
        Cause::HostOp => ("host operators", "Framework operators on the host."),
        Cause::Python => (
            "python",
            "Only python frames: the interpreter ran between operators, or waited without saying so.",
        ),
        Cause::NoLoad => (
            "no load",
            "Longer than a second between steps: probably no request.",
        ),
        Cause::Device => (
            "device",
            "Too short for the host: scheduling on the device itself.",
        ),
        Cause::Unaccounted => ("unaccounted", "The trace records nothing on the host here."),
    }
}

pub fn cause_key(cause: Cause) -> &'static str {
    match cause {
        Cause::Recompile => "compile",
        Cause::Wait => "wait",
        Cause::Submit => "launch",
        Cause::InputPrep => "prepare",
        Cause::Sampler => "sample",
        Cause::Collective => "nic",
        Cause::HostOp => "hostop",
        Cause::Python => "python",
        Cause::NoLoad => "noload",
        Cause::Device => "mme",
        Cause::Unaccounted => "other",
    }
}

pub fn gap_kind(kind: GapKind) -> &'static str {
    match kind {
        GapKind::Step => "Between steps",
        GapKind::Device => "On the device",
        GapKind::Launch => "Between launches",
    }
}

/// The colour of a share of the time budget.
pub fn budget_key(id: &str) -> &'static str {
    if let Some(cause) = id.strip_prefix("host_gap_") {
        let all = [
            Cause::Wait,
            Cause::Submit,
            Cause::InputPrep,
            Cause::Sampler,
            Cause::Collective,
            Cause::HostOp,
            Cause::Python,
        ];
        return all
            .into_iter()
            .find(|c| c.name() == cause)
            .map_or("other", cause_key);
    }
    match id {
        "compile" => "compile",
        "device_busy" => "mme",
        "device_scheduling" => "deviceother",
        "not_recorded" => "noload",
        "prefill" => "prefill",
        "decode" => "decode",
        "mixed" => "mixed",
        "between_steps" => "prepare",
        "no_load" => "noload",
        "comm" => "nic",
        "copy" => "dma",
        _ => "other",
    }
}

pub fn class_key(class: BarClass) -> &'static str {
    match class {
        BarClass::Other => "other",
        BarClass::Prefill => "prefill",
        BarClass::Decode => "decode",
        BarClass::Mixed => "mixed",
        BarClass::Prepare => "prepare",
        BarClass::Forward => "forward",
        BarClass::Logits => "logits",
        BarClass::Sample => "sample",
        BarClass::Post => "post",
        BarClass::Warmup => "warmup",
        BarClass::Compile => "compile",
        BarClass::Launch => "launch",
        BarClass::Wait => "wait",
        BarClass::HostOp => "hostop",
        BarClass::Python => "python",
        BarClass::DeviceMatrix | BarClass::DeviceCompute => "mme",
        BarClass::DeviceVector => "tpc",
        BarClass::DeviceDma | BarClass::DeviceCopy => "dma",
        BarClass::DeviceNic | BarClass::DeviceComm => "nic",
        BarClass::DeviceOther => "deviceother",
    }
}

/// The custom property of a class's colour.
pub fn class_property(class: BarClass) -> &'static str {
    match class_key(class) {
        "prefill" => "--c-prefill",
        "decode" => "--c-decode",
        "mixed" => "--c-mixed",
        "prepare" => "--c-prepare",
        "forward" => "--c-forward",
        "logits" => "--c-logits",
        "sample" => "--c-sample",
        "post" => "--c-post",
        "warmup" => "--c-warmup",
        "compile" => "--c-compile",
        "launch" => "--c-launch",
        "wait" => "--c-wait",
        "hostop" => "--c-hostop",
        "python" => "--c-python",
        "mme" => "--c-mme",
        "tpc" => "--c-tpc",
        "dma" => "--c-dma",
        "nic" => "--c-nic",
        "deviceother" => "--c-deviceother",
        _ => "--c-other",
    }
}

pub fn phase_property(phase: Phase) -> &'static str {
    match phase {
        Phase::Prefill => "--c-prefill",
        Phase::Decode => "--c-decode",
        Phase::Mixed => "--c-mixed",
        Phase::Idle | Phase::Unknown => "--c-other",
    }
}

pub fn track_kind(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Steps => "steps",
        TrackKind::Device => "device",
        TrackKind::Launch => "launches",
        TrackKind::Host => "host thread",
        TrackKind::Python => "python",
        TrackKind::Counter => "counter",
        TrackKind::Other => "other",
    }
}

/// What was given to open, for people: names, or how many files of which folder.
pub fn files(names: &[&str]) -> String {
    match names {
        [first, _, _, _, ..] => {
            let folder = first.split_once('/').map_or("", |(folder, _)| folder);
            let of = if folder.is_empty() {
                String::new()
            } else {
                format!(" of {folder}")
            };
            format!("{} files{of}", names.len())
        }
        few => few.join(", "),
    }
}
