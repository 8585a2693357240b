//! The shares that serving time is divided into, in order: an instant counts for the first that covers it.

use crate::base::Colour;
use crate::base::closed_set::closed_set;

use super::Cause;

closed_set! {
    /// By what the device did. Behind these come the shares of what the host did while the device had nothing to do,
    /// a share a cause: [`host_gap_key`].
    pub enum DevicePart {
        says: &'static str,
        colour: Colour,
    }
    Compute "device_compute" { says: "Device: compute", colour: Colour::Mme }
    Communication "device_comm_exposed" {
        says: "Device: exposed communication",
        colour: Colour::Nic,
    }
    Copy "device_copy_exposed" {
        says: "Device: exposed copies",
        colour: Colour::Dma,
    }
    Scheduling "device_scheduling" { says: "Short device gaps (< 10 µs)", colour: Colour::DeviceOther }
    Compile "compile" {
        says: "Device idle: graph compile",
        colour: Colour::Compile,
    }
    NoLoad "no_load" {
        says: "Device idle: waiting for requests",
        colour: Colour::NoLoad,
    }
    NotRecorded "not_recorded" {
        says: "Outside the device recording (unknown)",
        colour: Colour::NoLoad,
    }
}

closed_set! {
    /// By steps on the host.
    pub enum StepPart {
        says: &'static str,
        colour: Colour,
    }
    Compile "compile" { says: "Graph compile", colour: Colour::Compile }
    NoLoad "no_load" {
        says: "Waiting for requests",
        colour: Colour::NoLoad,
    }
    Prefill "prefill" { says: "Prefill steps (host)", colour: Colour::Prefill }
    Decode "decode" { says: "Decode steps (host)", colour: Colour::Decode }
    Mixed "mixed" { says: "Prefill + decode steps (host)", colour: Colour::Mixed }
    Idle "idle" { says: "Steps without work", colour: Colour::Other }
    UnknownPhase "unknown_phase" {
        says: "Steps of unknown phase",
        colour: Colour::Other,
    }
    /// What no other covers.
    BetweenSteps "between_steps" {
        says: "Between steps",
        colour: Colour::Prepare,
    }
}

const HOST_GAP: &str = "host_gap_";

/// The key of the time in which the device has nothing to do and the host does this.
pub fn host_gap_key(cause: Cause) -> String {
    format!("{HOST_GAP}{}", cause.key())
}

/// The colour of a share of the budget.
pub fn share_colour(key: &str) -> Colour {
    let of_cause = || Cause::from_key(key.strip_prefix(HOST_GAP)?).map(Cause::colour);
    let of_device = || DevicePart::from_key(key).map(DevicePart::colour);
    let of_steps = || StepPart::from_key(key).map(StepPart::colour);
    of_cause()
        .or_else(of_device)
        .or_else(of_steps)
        .unwrap_or(Colour::Other)
}
