//! Why time passes: causes of gaps and of a device's idle time, with all that is said of each.

use crate::base::Colour;
use crate::base::closed_set::closed_set;

closed_set! {
    /// Three different quantities that are never added up.
    pub enum GapKind {
        word: &'static str,
        /// Over a table of them.
        title: &'static str,
    }
    /// Between the end of one engine step and the start of the next.
    Step "step" { word: "Between steps", title: "Gaps between engine steps" }
    /// No compute engine runs, inside what the device trace covers.
    Device "device" { word: "On the device", title: "Gaps in device compute" }
    /// Between one launch and the next, on the launching thread.
    Launch "launch" { word: "Between launches", title: "Gaps between launches" }
}

const RECORD_STACKS: &str =
    "Nothing is recorded in these gaps: record python stacks to see what the host did.";

closed_set! {
    /// What the host did in a gap: the class that covers most of it, in order of precedence for ties.
    pub enum Cause {
        /// "Largest cause: …".
        noun: &'static str,
        /// "The host …".
        verb: &'static str,
        word: &'static str,
        means: &'static str,
        colour: Colour,
        advice: &'static str,
    }
    Recompile "recompile" {
        noun: "graph compiles",
        verb: "compiled a graph",
        word: "graph compile",
        means: "A graph was compiled.",
        colour: Colour::Compile,
        advice: RECORD_STACKS,
    }
    Wait "wait" {
        noun: "waiting for the device",
        verb: "waited for the device",
        word: "wait for device",
        means: "The host waited for the device, or synchronised with it.",
        colour: Colour::Wait,
        advice: "The host waits while no work of the device is recorded: the way back from device to host takes \
                 long, or the device worked on something that this trace does not show.",
    }
    Submit "submit" {
        noun: "submitting work",
        verb: "submitted work",
        word: "submit",
        means: "The host handed work to the device.",
        colour: Colour::Launch,
        advice: "Handing work to the device is the bottleneck: launch fewer, larger pieces (captured graphs, larger \
                 batches).",
    }
    InputPrep "input_prep" {
        noun: "input preparation",
        verb: "prepared inputs",
        word: "input preparation",
        means: "The host prepared the step's inputs.",
        colour: Colour::Prepare,
        advice: "Input preparation is on the critical path: overlap it with the device (asynchronous scheduling), or \
                 make the batches larger so that it is paid less often.",
    }
    Sampler "sampler" {
        noun: "sampling and what follows it",
        verb: "sampled, or did what follows it",
        word: "sampling",
        means: "The host ran the sampler, or what follows it.",
        colour: Colour::Sample,
        advice: "Sampling runs on the host between device work: keep it on the device.",
    }
    Collective "collective" {
        noun: "collectives",
        verb: "ran a collective",
        word: "collective",
        means: "Communication between ranks.",
        colour: Colour::Nic,
        advice: "Collectives start late: compare this rank with the others for one that lags.",
    }
    HostOp "host_op" {
        noun: "other host operations",
        verb: "ran other operations",
        word: "host operators",
        means: "Framework operators on the host.",
        colour: Colour::HostOp,
        advice: "Operators on the host run between device work: see which in the longest gaps.",
    }
    NoLoad "no_load" {
        noun: "no load",
        verb: "had nothing to serve",
        word: "no load",
        means: "Longer than a second between steps: probably no request.",
        colour: Colour::NoLoad,
        advice: RECORD_STACKS,
    }
    Python "python" {
        noun: "python between operators",
        verb: "ran python",
        word: "python",
        means: "Only python frames: the interpreter ran between operators, or waited without saying so.",
        colour: Colour::Python,
        advice: "The python interpreter runs between operators: see the frames in the longest gaps.",
    }
    Device "device" {
        noun: "scheduling on the device",
        verb: "was not needed",
        word: "device",
        means: "Too short for the host: scheduling on the device itself.",
        colour: Colour::Mme,
        advice: RECORD_STACKS,
    }
    Unaccounted "unaccounted" {
        noun: "nothing recorded on the host",
        verb: "recorded nothing",
        word: "unaccounted",
        means: "The trace records nothing on the host here.",
        colour: Colour::Other,
        advice: RECORD_STACKS,
    }
}

const SLOWER_HOST: &str = "The host is slower than the device: capture graphs, so that one call launches many kernels, \
                           fuse operators, or make batches larger.";

closed_set! {
    /// Why a device had nothing to do, in order of precedence.
    pub enum IdleCause {
        /// In words, as a noun.
        says: &'static str,
        means: &'static str,
        colour: Colour,
        advice: &'static str,
    }
    /// A graph was compiled or captured before the next launch.
    Compile "compile" {
        says: "graph compile or capture",
        means: "Not launched yet: a graph was compiled or captured.",
        colour: Colour::Compile,
        advice: "Compile and capture before serving: warm up every shape that is served.",
    }
    /// The launching thread had waited for the device until it was empty, and then had to come to the next launch.
    SyncThenLaunch "sync_then_launch" {
        says: "the host waited for the device, then launched",
        means: "Not launched yet: the launching thread was waiting for the device when it ran empty, and had to come \
                to the next launch first. All of the time until that launch counts here.",
        colour: Colour::Wait,
        advice: "Each of these waits empties the device's queue: see which code waits, and let it launch the next work \
                 first (asynchronous scheduling, copies that do not block).",
    }
    /// The launching thread ran operators or runtime calls, or the launch itself took long.
    HostOp "host_op" {
        says: "operators and runtime calls on the launching thread",
        means: "Not launched yet: the launching thread ran operators or runtime calls, or the launch itself took \
                longer than a launch takes.",
        colour: Colour::HostOp,
        advice: SLOWER_HOST,
    }
    /// It ran python, or was inside a step or an annotated stretch and nothing more is recorded.
    Python "python" {
        says: "python on the launching thread",
        means: "Not launched yet: python frames, annotated stretches or a step, and nothing more is recorded.",
        colour: Colour::Python,
        advice: SLOWER_HOST,
    }
    /// Outside any step with nothing recorded, or waiting for another thread: no work was asked for.
    SchedulerIdle "scheduler_idle" {
        says: "no work asked for",
        means: "Not launched yet: the launching thread is outside any step with nothing recorded, or waits for \
                another thread.",
        colour: Colour::NoLoad,
        advice: "No work was asked for: record under load if you look for what limits it.",
    }
    /// Nothing is recorded on the launching thread, and the trace has neither steps nor python frames.
    NotRecorded "not_recorded" {
        says: "nothing recorded on the launching thread",
        means: "Not launched yet: nothing is recorded on the launching thread, and the trace has neither steps nor \
                python frames to say more.",
        colour: Colour::Other,
        advice: "Record operators and python stacks to see what the launching thread did meanwhile.",
    }
    /// Launched long before: it waited for something else, another stream, device or event.
    Dependency "dependency" {
        says: "launched, waiting for other work",
        means: "Launched long before, and waited for something else: a stream, an event, a device.",
        colour: Colour::DeviceOther,
        advice: "The work was launched in time and waited for something else: see in the timeline what ends just \
                 before.",
    }
    /// Launched, and on its way to the device.
    LaunchLatency "launch_latency" {
        says: "launched, on its way to the device",
        means: "Launched, and on its way to the device; or the time that the device takes from one piece of work to \
                the next.",
        colour: Colour::Launch,
        advice: "The device is empty when work is launched, or takes its time between pieces of work: launch ahead, or \
                 capture graphs.",
    }
    /// The call that launched the next work is not in the trace.
    Unlinked "unlinked" {
        says: "launch not in the trace",
        means: "The call that launched the next work is not in the trace.",
        colour: Colour::Warmup,
        advice: "The launches before the recording began are missing: record for longer.",
    }
}

impl IdleCause {
    /// Whether the host had not yet handed over the next work.
    pub fn is_host_bound(self) -> bool {
        self <= IdleCause::NotRecorded
    }
}
