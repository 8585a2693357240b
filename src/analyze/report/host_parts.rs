//! What a step's host time is made of.

use serde::{Deserialize, Serialize};

use crate::base::{Colour, closed_set::closed_set, stats};

closed_set! {
    /// A part of a step's host time, in order of time.
    pub enum HostPart {
        word: &'static str,
        /// What took longer, in a sentence.
        noun: &'static str,
        means: &'static str,
        colour: Colour,
    }
    Schedule "schedule" {
        word: "scheduling",
        noun: "scheduling",
        means: "Choosing what to run next.",
        colour: Colour::Python,
    }
    Prepare "prepare" {
        word: "input preparation",
        noun: "input preparation",
        means: "Making the step's inputs and copying them to the device.",
        colour: Colour::Prepare,
    }
    Forward "forward" {
        word: "forward (host)",
        noun: "the forward pass",
        means: "Launching the model's work, or replaying a captured graph.",
        colour: Colour::Forward,
    }
    Logits "logits" {
        word: "logits",
        noun: "logits",
        means: "Computing the logits.",
        colour: Colour::Logits,
    }
    Sample "sample" {
        word: "sampling",
        noun: "sampling",
        means: "From logits to tokens.",
        colour: Colour::Sample,
    }
    Draft "draft" {
        word: "drafting",
        noun: "drafting",
        means: "The draft model of speculative decoding.",
        colour: Colour::Launch,
    }
    Wait "wait" {
        word: "wait for device",
        noun: "waiting for the device",
        means: "The host waits for the device. Only where parts are derived: a recorded part keeps the waits inside \
                it.",
        colour: Colour::Wait,
    }
    Post "post" {
        word: "after sampling",
        noun: "what follows sampling",
        means: "Handling the step's output.",
        colour: Colour::Post,
    }
    Compile "compile" {
        word: "graph compile",
        noun: "a graph compile",
        means: "Graph compiles inside the step.",
        colour: Colour::Compile,
    }
    Other "other" {
        word: "other",
        noun: "outside its recorded parts",
        means: "Host time of the step in none of the other parts.",
        colour: Colour::Other,
    }
}

/// Host time of a step by what was done. The parts do not overlap; with `other_ns` they add up to the step's host time:
/// the marker with what the engine does for the step before and behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    pub prepare_ns: Option<i64>,
    pub forward_ns: Option<i64>,
    pub logits_ns: Option<i64>,
    pub sample_ns: Option<i64>,
    pub post_ns: Option<i64>,
    pub compile_ns: Option<i64>,
    pub other_ns: Option<i64>,
    #[serde(default)]
    pub schedule_ns: Option<i64>,
    #[serde(default)]
    pub draft_ns: Option<i64>,
    #[serde(default)]
    pub wait_ns: Option<i64>,
    /// Some of these are not recorded as parts: they follow from python frames, or from the order of calls.
    #[serde(default)]
    pub derived: bool,
}

impl Parts {
    /// One of the parts; `None` where it is unknown.
    pub fn get(&self, part: HostPart) -> Option<i64> {
        match part {
            HostPart::Schedule => self.schedule_ns,
            HostPart::Prepare => self.prepare_ns,
            HostPart::Forward => self.forward_ns,
            HostPart::Logits => self.logits_ns,
            HostPart::Sample => self.sample_ns,
            HostPart::Draft => self.draft_ns,
            HostPart::Wait => self.wait_ns,
            HostPart::Post => self.post_ns,
            HostPart::Compile => self.compile_ns,
            HostPart::Other => self.other_ns,
        }
    }

    /// The parts that `of` gives.
    pub fn of(mut of: impl FnMut(HostPart) -> Option<i64>) -> Parts {
        Parts {
            schedule_ns: of(HostPart::Schedule),
            prepare_ns: of(HostPart::Prepare),
            forward_ns: of(HostPart::Forward),
            logits_ns: of(HostPart::Logits),
            sample_ns: of(HostPart::Sample),
            draft_ns: of(HostPart::Draft),
            wait_ns: of(HostPart::Wait),
            post_ns: of(HostPart::Post),
            compile_ns: of(HostPart::Compile),
            other_ns: of(HostPart::Other),
            derived: false,
        }
    }

    /// Those that are known, in order of time.
    pub fn known(&self) -> impl Iterator<Item = (HostPart, i64)> {
        HostPart::ALL
            .into_iter()
            .filter_map(|part| Some((part, self.get(part)?)))
    }

    /// All that is known, together.
    pub fn total_ns(&self) -> i64 {
        stats::sum(self.known().map(|(_, ns)| ns))
    }
}
