//! What the time from step to step is made of, as the report says it: parts that add up.

use serde::{Deserialize, Serialize};

use super::{Cause, HostPart, Phase};
use crate::base::Colour;
use crate::base::closed_set::closed_set;

closed_set! {
    /// What a device does in a step's interval, and what of it is not divided further.
    pub enum DeviceState {
        says: &'static str,
        colour: Colour,
    }
    Compute "device_compute" { says: "compute on the device", colour: Colour::Mme }
    Communication "device_comm_exposed" { says: "exposed communication", colour: Colour::Nic }
    Copies "device_copy_exposed" { says: "exposed copies", colour: Colour::Dma }
    /// Why is not known: clocks disagree, or too much of the work has no launch in the trace.
    Idle "device_idle" { says: "idle device, cause unknown", colour: Colour::Other }
}

/// A part of the time from step to step. Its names in reports: `device_…` for what the device does, `gap_…` for why it
/// is idle (as the causes of gaps), `host_…` where no device is recorded (as the parts of the host time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepCause {
    Device(DeviceState),
    Idle(Cause),
    Host(HostPart),
    /// Between the engine's steps, where no device is recorded.
    BetweenSteps,
}

/// The name of [`StepCause::BetweenSteps`].
const BETWEEN_STEPS: &str = "between_steps";

impl StepCause {
    pub fn key(self) -> String {
        match self {
            StepCause::Device(state) => state.key().to_owned(),
            StepCause::Idle(cause) => format!("gap_{}", cause.key()),
            StepCause::Host(part) => format!("host_{}", part.key()),
            StepCause::BetweenSteps => BETWEEN_STEPS.to_owned(),
        }
    }

    pub fn from_key(key: &str) -> Option<StepCause> {
        if key == BETWEEN_STEPS {
            return Some(StepCause::BetweenSteps);
        }
        let idle = || Some(StepCause::Idle(Cause::from_key(key.strip_prefix("gap_")?)?));
        let host = || Some(StepCause::Host(HostPart::from_key(key.strip_prefix("host_")?)?));
        DeviceState::from_key(key)
            .map(StepCause::Device)
            .or_else(idle)
            .or_else(host)
    }

    pub fn colour(self) -> Colour {
        match self {
            StepCause::Device(state) => state.colour(),
            StepCause::Idle(cause) => cause.colour(),
            StepCause::Host(part) => part.colour(),
            StepCause::BetweenSteps => Colour::Prepare,
        }
    }

    /// As a noun, in a sentence and in a table.
    pub fn says(self) -> String {
        match self {
            StepCause::Device(state) => state.says().to_owned(),
            StepCause::Idle(cause) => format!("idle device: {}", cause.noun()),
            StepCause::Host(part) => format!("{} on the host", part.word()),
            StepCause::BetweenSteps => "time between steps".to_owned(),
        }
    }
}

impl Serialize for StepCause {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.key())
    }
}

impl<'de> Deserialize<'de> for StepCause {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<StepCause, D::Error> {
        let key = String::deserialize(from)?;
        StepCause::from_key(&key).ok_or_else(|| serde::de::Error::custom(format!("{key:?} is no cause")))
    }
}

/// Time of one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseTime {
    pub cause: StepCause,
    pub total_ns: i64,
}

/// The intervals of one phase's steps in which nothing compiled, divided: the causes add up to `total_ns`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCauses {
    pub phase: Phase,
    /// Whose time is divided; `None` where no device is recorded and the host's is.
    pub device: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    pub intervals: u64,
    pub total_ns: i64,
    /// Those that took any time, in the order of their declaration.
    pub causes: Vec<CauseTime>,
}
