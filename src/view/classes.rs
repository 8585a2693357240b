//! What bars and tracks of the timeline are: which word and which colour each has.

use crate::analyze::report::Engine;
use crate::base::Colour;
use crate::base::closed_set::closed_set;
use crate::table::Term;

closed_set! {
    /// What a bar's slice is. It decides its colour.
    #[repr(u8)]
    pub enum BarClass {
        /// For legends and those who do not see colours.
        word: &'static str,
        colour: Colour,
        /// The engine whose work it is.
        engine: Option<Engine>,
    }
    Other "other" { word: "other", colour: Colour::Other, engine: None }
    Prefill "prefill" { word: "prefill", colour: Colour::Prefill, engine: None }
    Decode "decode" { word: "decode", colour: Colour::Decode, engine: None }
    Mixed "mixed" { word: "prefill + decode", colour: Colour::Mixed, engine: None }
    Prepare "prepare" { word: "input preparation", colour: Colour::Prepare, engine: None }
    Forward "forward" { word: "forward (host)", colour: Colour::Forward, engine: None }
    Logits "logits" { word: "logits", colour: Colour::Logits, engine: None }
    Sample "sample" { word: "sampling", colour: Colour::Sample, engine: None }
    Post "post" { word: "after sampling", colour: Colour::Post, engine: None }
    Warmup "warmup" { word: "warm-up", colour: Colour::Warmup, engine: None }
    Compile "compile" { word: "graph compile", colour: Colour::Compile, engine: None }
    Launch "launch" { word: "launch", colour: Colour::Launch, engine: None }
    Wait "wait" { word: "wait for device", colour: Colour::Wait, engine: None }
    HostOp "host_op" { word: "host operator", colour: Colour::HostOp, engine: None }
    Python "python" { word: "python", colour: Colour::Python, engine: None }
    Schedule "schedule" { word: "scheduling", colour: Colour::Python, engine: None }
    Draft "draft" { word: "drafting", colour: Colour::Launch, engine: None }
    DeviceMatrix "device_matrix" {
        word: Engine::Mme.word(),
        colour: Engine::Mme.colour(),
        engine: Some(Engine::Mme),
    }
    DeviceVector "device_vector" {
        word: Engine::Tpc.word(),
        colour: Engine::Tpc.colour(),
        engine: Some(Engine::Tpc),
    }
    DeviceDma "device_dma" {
        word: Engine::Dma.word(),
        colour: Engine::Dma.colour(),
        engine: Some(Engine::Dma),
    }
    DeviceNic "device_nic" {
        word: Engine::Nic.word(),
        colour: Engine::Nic.colour(),
        engine: Some(Engine::Nic),
    }
    DeviceCompute "device_compute" {
        word: "device compute",
        colour: Engine::Compute.colour(),
        engine: Some(Engine::Compute),
    }
    DeviceComm "device_comm" { word: "device communication", colour: Colour::Nic, engine: None }
    DeviceCopy "device_copy" { word: "device copy", colour: Colour::Dma, engine: None }
    DeviceOther "device_other" { word: "device, other", colour: Colour::DeviceOther, engine: None }
}

impl BarClass {
    /// As a table shows it.
    pub fn term(self) -> Term {
        Term {
            key: self.key().into(),
            colour: self.colour().key().into(),
            ..Term::word(self.word())
        }
    }
}

closed_set! {
    /// What the slices of a timeline track are; it decides its colour and its place.
    pub enum TrackKind {
        word: &'static str,
        colour: Colour,
    }
    Steps "steps" { word: "steps", colour: Colour::Decode }
    Device "device" { word: "device", colour: Colour::Mme }
    Launch "launch" { word: "launches", colour: Colour::Launch }
    Host "host" { word: "host thread", colour: Colour::HostOp }
    Python "python" { word: "python", colour: Colour::Python }
    Counter "counter" { word: "counter", colour: Colour::Other }
    Other "other" { word: "other", colour: Colour::Other }
}

closed_set! {
    /// What belongs together on the timeline, in the order from top to bottom.
    pub enum GroupKind {
        word: &'static str,
    }
    Engine "engine" { word: "engine" }
    Device "device" { word: "device" }
    Process "process" { word: "process" }
    Counter "counter" { word: "counters" }
}
