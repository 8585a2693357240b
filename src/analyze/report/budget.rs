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
    Compute "device_compute" { says: "The device computes.", colour: Colour::Mme }
    Communication "device_comm_exposed" {
        says: "The device communicates, not overlapped by compute.",
        colour: Colour::Nic,
    }
    Copy "device_copy_exposed" {
        says: "The device copies, overlapped by neither compute nor communication.",
        colour: Colour::Dma,
    }
    Scheduling "device_scheduling" { says: "Short device gaps (< 10 µs).", colour: Colour::DeviceOther }
    Compile "compile" {
        says: "A graph is compiled while the device is idle.",
        colour: Colour::Compile,
    }
    NoLoad "no_load" {
        says: "The device is idle and the engine waits for requests.",
        colour: Colour::NoLoad,
    }
    NotRecorded "not_recorded" {
        says: "Before the first or after the last device event: whether the device works is not recorded.",
        colour: Colour::NoLoad,
    }
}

closed_set! {
    /// By steps on the host.
    pub enum StepPart {
        says: &'static str,
        colour: Colour,
    }
    Compile "compile" { says: "A graph is compiled.", colour: Colour::Compile }
    NoLoad "no_load" {
        says: "The engine waits for requests.",
        colour: Colour::NoLoad,
    }
    Prefill "prefill" { says: "Steps that prefill, on the host.", colour: Colour::Prefill }
    Decode "decode" { says: "Steps that decode, on the host.", colour: Colour::Decode }
    Mixed "mixed" { says: "Steps that prefill and decode, on the host.", colour: Colour::Mixed }
    Idle "idle" { says: "Steps without work.", colour: Colour::Other }
    UnknownPhase "unknown_phase" {
        says: "Steps whose phase the trace does not say.",
        colour: Colour::Other,
    }
    /// What no other covers.
    BetweenSteps "between_steps" {
        says: "Between one step and the next.",
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
