//! A serving engine on a simulated clock: what each thread and stream does is decided here, so that what is true of
//! every instant is known, and written as each family's profiler writes it.
//!
//! A rank is a host thread ([`simulated_host`]) and a device ([`simulated_device`]): streams behind a launch queue of
//! bounded length. All ranks run one program, act by act, so that an exchange has its peers
//! ([`simulated_device::rendezvous`]). [`Injection`] delays one thing by a known time. [`truth`] is made from the
//! clock; no analysis has a part in it.

mod families;
mod simulated_device;
mod simulated_host;
mod simulated_server;
mod truth;

use crate::base::closed_set::closed_set;

pub use simulated_host::Cause;
pub use truth::{RankTruth, State, StepTruth};

closed_set! {
    pub enum Family {}
    CudaEager "cuda-eager" {}
    CudaGraphs "cuda-graphs" {}
    Rocm "rocm" {}
    GaudiLazy "gaudi-lazy" {}
    /// `PT_HPU_LAZY_MODE=0`.
    GaudiCompile "gaudi-compile" {}
    Ascend "ascend" {}
}

impl Family {
    fn is_gaudi(self) -> bool {
        matches!(self, Family::GaudiLazy | Family::GaudiCompile)
    }

    /// Whether one call launches the whole forward pass.
    fn launches_graphs(self) -> bool {
        self == Family::CudaGraphs || self.is_gaudi()
    }
}

closed_set! {
    /// What is delayed.
    pub enum Injection {}
    None "-" {}
    /// Between two operators of the forward pass.
    Python "python" {}
    /// Inside an operator, before its launch. Where graphs are launched there is none: of the sampler.
    Operator "operator" {}
    /// Inside the launch call.
    LaunchCall "launch_call" {}
    InputPreparation "input_preparation" {}
    Sampler "sampler" {}
    Compile "compile" {}
    SynchronousCopy "synchronous_copy" {}
    NoRequests "no_requests" {}
    /// The last rank's python comes later.
    SlowPeer "slow_peer" {}
    SlowKernel "slow_kernel" {}
    /// The launch queue takes two pieces of work only.
    QueueFull "queue_full" {}
    /// So many kernels of the step are missing in the trace.
    DroppedKernels "dropped_kernels" {}
    /// Between two steps.
    Scheduler "scheduler" {}
    /// A call that waits for the device returns so much after it is done.
    WaitReturnsLate "wait_returns_late" {}
    /// An attention kernel.
    Attention "attention" {}
    /// An operator on each element, unfused.
    Elementwise "elementwise" {}
    /// All of a layer's kernels take so long, instead of what they take otherwise.
    ShortKernels "short_kernels" {}
    /// The first kernel of the forward pass starts so much after its launch.
    LateStart "late_start" {}
    /// Nothing of the device is recorded in so much time before the end of the recording.
    DeviceRecordingEnds "device_recording_ends" {}
    /// The device's clock is behind, in the whole trace.
    SkewedClock "skewed_clock" {}
}

/// How the ranks' traces lie in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// One file a rank.
    Several,
    /// One file, the pids led by the rank's label (as SGLang merges them).
    Merged,
}

#[derive(Clone, Copy, Debug)]
pub struct Engine {
    pub family: Family,
    /// Launches the next step before it reads the results of this one.
    pub asynchronous: bool,
    pub ranks: usize,
    pub files: Files,
    /// Whether python frames are recorded.
    pub stacks: bool,
    pub steps: usize,
    pub injection: Injection,
    /// By how many ns; of kernels that are dropped: how many.
    pub by: i64,
    /// In which step.
    pub at: usize,
    /// In every step instead.
    pub every: bool,
}

impl Engine {
    pub fn of(family: Family, asynchronous: bool) -> Engine {
        Engine {
            family,
            asynchronous,
            ranks: 1,
            files: Files::Several,
            stacks: true,
            steps: 12,
            injection: Injection::None,
            by: 0,
            at: 7,
            every: false,
        }
    }

    /// The same with something injected.
    pub fn with(self, injection: Injection, by: i64) -> Engine {
        Engine {
            injection,
            by,
            ..self
        }
    }

    /// Whether a step shows on the host from scheduling to output; else from its first to its last scope.
    fn shows_engine(&self) -> bool {
        self.stacks && !self.family.is_gaudi()
    }

    /// How much of this is injected.
    fn delay(&self, injection: Injection) -> i64 {
        if self.injection == injection { self.by } else { 0 }
    }
}

/// A run: its files, and what is true of each rank.
#[derive(Clone, Debug)]
pub struct Simulated {
    pub traces: Vec<(String, String)>,
    pub truth: Vec<RankTruth>,
}

pub fn simulate(engine: Engine) -> Simulated {
    let mut cluster = simulated_server::Cluster::new(engine);
    for step in 0..engine.steps {
        cluster.step(step);
    }
    cluster.finish()
}
