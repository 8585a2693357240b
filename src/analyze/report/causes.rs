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

const COMPILE_BEFORE: &str = "Compile and capture before serving: warm up every shape that is served.";

const WAITS_FOR_OTHERS: &str = "The thread that launches waits for another thread or process before each step: see \
                                what that one did meanwhile.";

const NOTHING_TO_SERVE: &str = "No work was submitted: record under load if you look for what limits it.";

const QUEUE_EARLIER: &str =
    "The device is idle when work is launched, or needs time between pieces of work: queue work earlier.";

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
        advice: COMPILE_BEFORE,
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
        advice: "Handing work to the device takes the time: launch fewer, larger pieces (fused operators, larger \
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
        means: "The engine waited for requests: empty steps, a recorded wait for a queue or socket, or nothing \
                recorded for long before a step with new requests.",
        colour: Colour::NoLoad,
        advice: NOTHING_TO_SERVE,
    }
    OtherThread "other_thread" {
        noun: "waiting for another thread or process",
        verb: "waited for another thread or process",
        word: "wait for others",
        means: "The thread waited for a queue, a socket or a lock: for another thread or process.",
        colour: Colour::Post,
        advice: WAITS_FOR_OTHERS,
    }
    Python "python" {
        noun: "python between operators",
        verb: "ran python",
        word: "python",
        means: "Only python frames: the interpreter ran between operators, or waited in a call that is not known as a \
                wait.",
        colour: Colour::Python,
        advice: "The python interpreter runs between operators: see the frames in the longest gaps.",
    }
    Device "device" {
        noun: "scheduling on the device",
        verb: "was not needed",
        word: "device",
        means: "Launched and on its way to the device, or between two pieces of work: scheduling on the device itself.",
        colour: Colour::Mme,
        advice: QUEUE_EARLIER,
    }
    /// Launched in time; it waited for another stream, device, rank or event.
    Dependency "dependency" {
        noun: "launched work that waits for other work",
        verb: "had launched the next work, which waited for other work",
        word: "launched, not started",
        means: "The next work was launched in time and waited for something else: a stream, an event, another device.",
        colour: Colour::DeviceOther,
        advice: WAITED,
    }
    Unlinked "unlinked" {
        noun: "launches or work that are not in the trace",
        verb: "did what the trace does not link to the next work",
        word: "launch unknown",
        means: "The call that launched the next work, or work launched before it, is not in the trace: the cause is \
                unknown.",
        colour: Colour::Warmup,
        advice: LAUNCH_MISSING,
    }
    Unaccounted "unaccounted" {
        noun: "nothing recorded on the host",
        verb: "recorded nothing",
        word: "no host activity recorded",
        means: "The trace records nothing on the host here.",
        colour: Colour::Other,
        advice: RECORD_STACKS,
    }
}

const WAITED: &str = "The work was launched in time and waited while the device was idle: for an event, another \
                      stream, device or rank. See in the timeline which waits and collectives come before it.";

const LAUNCH_MISSING: &str = "The calls that launched this work are not in the trace: they came before the recording \
                              began (record for longer), or the profiler did not record them.";

const SLOWER_HOST: &str = "The host is slower than the device: fuse operators, so that one call does more, or make \
                           batches larger.";

closed_set! {
    /// Why a device had nothing to do, in order of precedence: the causes of gaps, with fewer distinctions. See
    /// [`IdleCause::of`].
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
        means: "Not launched yet: a graph was compiled or captured, recorded or suspected.",
        colour: Colour::Compile,
        advice: COMPILE_BEFORE,
    }
    /// The launching thread was inside a call that waits for the device. The name is older than the meaning.
    SyncThenLaunch "sync_then_launch" {
        says: "inside a synchronisation call",
        means: "Not launched yet: the launching thread was inside a call that waits for the device, though the device \
                was idle. Time after such a call has its own cause.",
        colour: Colour::Wait,
        advice: "The call returns late, or waits for something that this trace does not show: let the host queue the \
                 next work before it waits (asynchronous scheduling, copies that do not block).",
    }
    /// The launching thread ran operators, calls or named parts of a step, the launch call among them.
    HostOp "host_op" {
        says: "operators and calls on the launching thread",
        means: "Not launched yet: the launching thread ran operators, runtime calls (the launch call itself, too) or a \
                named part of a step.",
        colour: Colour::HostOp,
        advice: SLOWER_HOST,
    }
    /// A call that waits for another thread or process.
    OtherThread "other_thread" {
        says: "launching thread waiting for another thread or process",
        means: "Not launched yet: the launching thread waited for a queue, a socket or a lock, too short or too often \
                to be a wait for requests.",
        colour: Colour::Post,
        advice: WAITS_FOR_OTHERS,
    }
    /// Python frames, and nothing inside them.
    Python "python" {
        says: "python on the launching thread",
        means: "Not launched yet: the launching thread ran python frames, and nothing more is recorded inside them.",
        colour: Colour::Python,
        advice: SLOWER_HOST,
    }
    /// The engine waited for requests.
    SchedulerIdle "scheduler_idle" {
        says: "waiting for requests",
        means: "Not launched yet: the engine waited for requests, so there was no work to launch.",
        colour: Colour::NoLoad,
        advice: NOTHING_TO_SERVE,
    }
    /// Nothing is recorded on the launching thread.
    NotRecorded "not_recorded" {
        says: "nothing recorded on the launching thread",
        means: "Not launched yet: nothing is recorded on the launching thread, inside a step or between steps.",
        colour: Colour::Other,
        advice: "Record operators and python stacks to see what the launching thread did meanwhile.",
    }
    /// Launched long before: it waited for something else, another stream, device or event.
    Dependency "dependency" {
        says: "launched, waiting for other work",
        means: "Launched in time, and waited for something else: a stream, an event, a device.",
        colour: Colour::DeviceOther,
        advice: WAITED,
    }
    /// Launched, and on its way to the device.
    LaunchLatency "launch_latency" {
        says: "launched, on its way to the device",
        means: "The launch call has ended and the work is on its way to the device; or the time that the device takes \
                from one piece of work to the next.",
        colour: Colour::Launch,
        advice: QUEUE_EARLIER,
    }
    /// The call that launched the next work, or work launched before it, is not in the trace.
    Unlinked "unlinked" {
        says: "launch or work not in the trace",
        means: "The call that launched the next work, or work launched before it, is not in the trace.",
        colour: Colour::Warmup,
        advice: LAUNCH_MISSING,
    }
}

impl Cause {
    /// Whether python frames tell it, of which those of threads that run the model count, and the innermost is named.
    pub fn is_told_by_frames(self) -> bool {
        matches!(self, Cause::OtherThread | Cause::Python)
    }
}

impl IdleCause {
    /// What a cause of a device's gap is called in its idle time: both are told by one rule, instant by instant.
    pub const fn of(cause: Cause) -> IdleCause {
        match cause {
            Cause::Recompile => IdleCause::Compile,
            Cause::Wait => IdleCause::SyncThenLaunch,
            Cause::Submit | Cause::InputPrep | Cause::Sampler | Cause::Collective | Cause::HostOp => {
                IdleCause::HostOp
            }
            Cause::NoLoad => IdleCause::SchedulerIdle,
            Cause::OtherThread => IdleCause::OtherThread,
            Cause::Python => IdleCause::Python,
            Cause::Device => IdleCause::LaunchLatency,
            Cause::Dependency => IdleCause::Dependency,
            Cause::Unlinked => IdleCause::Unlinked,
            Cause::Unaccounted => IdleCause::NotRecorded,
        }
    }

    /// Whether the host had work to hand over, and had not yet.
    pub fn is_host_bound(self) -> bool {
        self <= IdleCause::NotRecorded && self != IdleCause::SchedulerIdle
    }
}
