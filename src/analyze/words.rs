//! The words that sentences are made of.

use crate::analyze::report::{Cause, Phase};

/// `"decode"`.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Prefill => "prefill",
        Phase::Decode => "decode",
        Phase::Mixed => "mixed",
        Phase::Idle => "idle",
        Phase::Unknown => "unknown phase",
    }
}

/// What the host did: "The host …".
pub fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Recompile => "compiled a graph",
        Cause::Wait => "waited for the device",
        Cause::Submit => "submitted work",
        Cause::InputPrep => "prepared inputs",
        Cause::Sampler => "sampled, or did what follows it",
        Cause::Collective => "ran a collective",
        Cause::HostOp => "ran other operations",
        Cause::NoLoad => "had nothing to serve",
        Cause::Python => "ran python",
        Cause::Device => "was not needed",
        Cause::Unaccounted => "recorded nothing",
    }
}

/// A cause as a noun: "Largest cause: …".
pub fn cause_noun(cause: Cause) -> &'static str {
    match cause {
        Cause::Recompile => "graph compiles",
        Cause::Wait => "waiting for the device",
        Cause::Submit => "submitting work",
        Cause::InputPrep => "input preparation",
        Cause::Sampler => "sampling and what follows it",
        Cause::Collective => "collectives",
        Cause::HostOp => "other host operations",
        Cause::NoLoad => "no load",
        Cause::Python => "python between operators",
        Cause::Device => "scheduling on the device",
        Cause::Unaccounted => "nothing recorded on the host",
    }
}

/// A name of at most 60 characters: those of kernels are as long as their templates.
pub fn shortened(name: &str) -> String {
    const MOST: usize = 60;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
