//! The program of the server: all ranks run it act by act, so that an exchange has its peers.

use super::families;
use super::simulated_device::{Device, Work, WorkKind, rendezvous};
use super::simulated_host::{Host, Kind, POLL};
use super::truth::{RankTruth, StepTruth, device_part};
use super::{Engine, Injection, Simulated};

/// When the first step starts, on the trace's clock.
const START_NS: i64 = 5_000_000_000;
const LAYERS: usize = 4;
/// Pieces of work that a launch queue holds.
const QUEUE: usize = 1_024;

/// A layer: what a device computes or exchanges, and for how long.
const LAYER: [(&str, WorkKind, i64); 4] = [
    ("linear", WorkKind::Matrix, 240_000),
    ("all_reduce", WorkKind::Communication, 60_000),
    ("shared", WorkKind::Vector, 40_000),
    ("norm", WorkKind::Vector, 15_000),
];

pub struct Rank {
    pub host: Host,
    pub device: Device,
    steps: Vec<StepTruth>,
    /// Where the work of each step begins in `device.works`.
    first_work: Vec<usize>,
    launches: i64,
    queue: usize,
}

impl Rank {
    /// A call that launches pieces of work; they are submitted when it ends. Gives its number.
    fn launch(&mut self, kind: Kind, name: &str, ns: i64) -> i64 {
        self.launches += 1;
        let row = self.host.enter(kind, name);
        self.number(row);
        self.host.run_until(self.device.room(self.host.now, self.queue));
        self.host.run(ns);
        self.host.leave();
        self.launches
    }

    fn wait(&mut self, kind: Kind, until: i64) {
        self.host.enter(kind, "");
        self.host.run_until(until);
        self.host.run(3_000);
        self.host.leave();
    }

    /// A copy that the host waits for.
    fn copy_and_wait(&mut self, ns: i64) {
        self.launches += 1;
        let row = self.host.enter(Kind::BlockingCopy, "copy_");
        self.number(row);
        self.host.run(3_000);
        let copy = self
            .device
            .submit(WorkKind::LargeCopy, ns, self.launches, self.host.now);
        self.host.run_until(copy.end);
        self.host.run(2_000);
        self.host.leave();
    }

    fn number(&mut self, row: Option<usize>) {
        if let Some(slice) = row.and_then(|row| self.host.slices.get_mut(row)) {
            slice.launch = Some(self.launches);
        }
    }

    /// The newest step.
    fn step(&mut self) -> &mut StepTruth {
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    fn works_of(&self, i: usize) -> &[Work] {
        let to = self
            .first_work
            .get(i + 1)
            .copied()
            .unwrap_or(self.device.works.len());
        &self.device.works[self.first_work[i]..to]
    }

    /// When the results of step `i` are there.
    fn results(&self, i: usize) -> i64 {
        self.works_of(i).iter().map(|w| w.span.end).max().unwrap_or(0)
    }
}

pub struct Cluster {
    engine: Engine,
    ranks: Vec<Rank>,
}

impl Cluster {
    pub fn new(engine: Engine) -> Cluster {
        let ranks = (0..engine.ranks).map(|_| {
            let mut host = Host::at(START_NS, engine.stacks);
            host.enter(Kind::Frame, "vllm/v1/engine/core.py(1012): run_busy_loop");
            host.run(100_000);
            Rank {
                host,
                device: Device::default(),
                steps: Vec::new(),
                first_work: Vec::new(),
                launches: 0,
                queue: QUEUE,
            }
        });
        Cluster {
            engine,
            ranks: ranks.collect(),
        }
    }

    fn each(&mut self, mut act: impl FnMut(&mut Rank)) {
        self.ranks.iter_mut().for_each(&mut act);
    }

    fn host(&mut self, act: impl Fn(&mut Host)) {
        self.each(|rank| act(&mut rank.host));
    }

    /// An operator that launches one piece of work; `before` the call and inside it passes so much more time.
    fn operator(&mut self, (name, kind, ns): (&str, WorkKind, i64), before: i64, in_call: i64) {
        let call = match kind {
            kind if kind.copies() => Kind::LaunchCopy,
            _ => Kind::Launch,
        };
        self.each(|rank| {
            rank.host.enter(Kind::Operator, &format!("aten::{name}"));
            rank.host.run(12_000 + before);
            let launch = rank.launch(call, name, 6_000 + in_call);
            rank.device.submit(kind, ns, launch, rank.host.now);
        });
        self.exchange(kind, ns);
        self.host(|host| {
            host.run(5_000);
            host.leave();
        });
    }

    fn exchange(&mut self, kind: WorkKind, ns: i64) {
        if kind == WorkKind::Communication {
            rendezvous(self.ranks.iter_mut().map(|rank| &mut rank.device), ns);
        }
    }

    pub fn step(&mut self, i: usize) {
        let injected = match self.engine.every || i == self.engine.at {
            true => self.engine,
            false => self.engine.with(Injection::None, 0),
        };
        let no_requests = injected.delay(Injection::NoRequests);
        self.host(|host| {
            if no_requests > 0 {
                host.within(Kind::Frame, POLL, no_requests);
            }
        });
        let shows_engine = self.engine.shows_engine();
        let queue = if injected.injection == Injection::QueueFull {
            2
        } else {
            QUEUE
        };
        self.each(|rank| {
            rank.queue = queue;
            rank.first_work.push(rank.device.works.len());
            rank.steps.push(StepTruth::default());
            rank.step().host.start = rank.host.now;
            rank.host.within(
                Kind::Frame,
                "vllm/v1/core/sched/scheduler.py(213): schedule",
                90_000 + injected.delay(Injection::Scheduler),
            );
            rank.host.enter(
                Kind::Frame,
                "vllm/v1/worker/gpu_model_runner.py(3107): execute_model",
            );
            if !shows_engine {
                rank.step().host.start = rank.host.now;
            }
        });
        // vLLM on Gaudi prepares before the marker.
        let marker = families::marker(&self.engine, no_requests > 0);
        let is_gaudi = self.engine.family.is_gaudi();
        if is_gaudi {
            self.prepare(injected);
        }
        self.each(|rank| {
            rank.step().call.start = rank.host.now;
            rank.host.enter(Kind::Marker, marker);
        });
        if !is_gaudi {
            self.prepare(injected);
        }
        self.forward(injected);
        self.sample(injected);
        self.each(|rank| {
            rank.host.leave();
            rank.step().call.end = rank.host.now;
        });
        self.finish_step(i);
        let dropped = usize::try_from(injected.delay(Injection::DroppedKernels)).unwrap_or(0);
        self.each(|rank| {
            let first = rank.first_work[i];
            let kernels = rank.device.works[first..]
                .iter_mut()
                .filter(|w| w.kind.computes());
            kernels.take(dropped).for_each(|w| w.recorded = false);
        });
    }

    fn prepare(&mut self, injected: Engine) {
        self.host(|host| {
            host.enter(Kind::Prepare, "");
            host.run(80_000 + injected.delay(Injection::InputPreparation));
        });
        self.operator(("copy_", WorkKind::Copy, 6_000), 0, 0);
        let copy = injected.delay(Injection::SynchronousCopy);
        if copy > 0 {
            self.each(|rank| rank.copy_and_wait(copy));
        }
        self.host(|host| {
            host.run(10_000);
            host.leave();
        });
    }

    fn forward(&mut self, injected: Engine) {
        let compile = injected.delay(Injection::Compile);
        let python = 20_000 + injected.delay(Injection::Python);
        self.host(|host| {
            host.enter(Kind::Forward, "");
            host.run(1_000);
            host.enter(Kind::Frame, "vllm/model_executor/models/llama.py(588): forward");
            host.run(python);
            if compile > 0 {
                host.within(Kind::Compile, "", compile);
            }
        });
        if let Some(last) = self.ranks.last_mut() {
            last.host.run(injected.delay(Injection::SlowPeer));
        }
        let mut late = (
            injected.delay(Injection::Operator),
            injected.delay(Injection::LaunchCall),
        );
        let mut slow = injected.delay(Injection::SlowKernel);
        let short = injected.delay(Injection::ShortKernels);
        self.each(|rank| rank.device.late_ns = injected.delay(Injection::LateStart));
        let is_graph = self.engine.family.launches_graphs();
        if is_graph {
            let submits = self.engine.family.is_gaudi();
            self.each(|rank| {
                if submits {
                    rank.host.enter(Kind::Submit, "");
                    rank.host.run(15_000);
                }
                rank.launch(Kind::LaunchGraph, "forward", 30_000 + late.1);
            });
        }
        let several = self.engine.ranks > 1;
        let exists = |kind: WorkKind| several || kind != WorkKind::Communication;
        let more = [
            (
                "attention",
                WorkKind::Attention,
                injected.delay(Injection::Attention),
            ),
            (
                "add",
                WorkKind::Elementwise,
                injected.delay(Injection::Elementwise),
            ),
        ];
        for (name, kind, ns) in (0..LAYERS)
            .flat_map(|_| LAYER)
            .filter(|&(_, kind, _)| exists(kind))
            .chain(more.into_iter().filter(|&(.., ns)| ns > 0))
        {
            if name == "norm" {
                self.each(|rank| rank.device.join());
            }
            let ns = if short > 0 { short } else { ns };
            let ns = ns + std::mem::take(&mut slow);
            if is_graph {
                self.each(|rank| _ = rank.device.submit(kind, ns, rank.launches, rank.host.now));
                self.exchange(kind, ns);
            } else {
                let (before, in_call) = std::mem::take(&mut late);
                self.operator((name, kind, ns), before, in_call);
                self.host(|host| host.run(8_000));
            }
        }
        let n_open = if self.engine.family.is_gaudi() { 3 } else { 2 };
        self.host(|host| (0..n_open).for_each(|_| _ = host.leave()));
    }

    /// An engine that is not asynchronous looks at the logits on the host first.
    fn sample(&mut self, injected: Engine) {
        self.host(|host| _ = host.enter(Kind::Logits, ""));
        self.operator(("logits", WorkKind::Matrix, 30_000), 0, 0);
        let waits = !self.engine.asynchronous;
        self.each(|rank| {
            rank.host.leave();
            rank.host.enter(Kind::Sample, "");
            if waits {
                let returns = rank.device.drained() + injected.delay(Injection::WaitReturnsLate);
                rank.wait(Kind::WaitForStream, returns);
            }
            rank.host.run(20_000 + injected.delay(Injection::Sampler));
        });
        let in_operator = match self.engine.family.launches_graphs() {
            true => injected.delay(Injection::Operator),
            false => 0,
        };
        self.operator(("sample", WorkKind::Vector, 12_000), in_operator, 0);
        self.host(|host| _ = host.leave());
    }

    fn finish_step(&mut self, i: usize) {
        let Engine {
            family, asynchronous, ..
        } = self.engine;
        // vLLM on Gaudi has no such scope when it schedules asynchronously.
        let has_scope = !(family.is_gaudi() && asynchronous);
        let shows_engine = self.engine.shows_engine();
        self.host(|host| {
            if has_scope {
                host.enter(Kind::Bookkeep, "");
            }
            host.run(10_000);
        });
        self.operator(("to", WorkKind::Copy, 4_000), 0, 0);
        self.each(|rank| {
            if !asynchronous {
                rank.wait(Kind::WaitForStream, rank.device.drained());
            }
            if has_scope {
                rank.host.leave();
            }
            rank.step().host.end = match has_scope {
                true => rank.host.now,
                false => rank.step().call.end,
            };
            rank.host.leave();
            if let (true, Some(before)) = (asynchronous, i.checked_sub(1)) {
                rank.wait(Kind::WaitForEvent, rank.results(before));
            }
            rank.host.within(
                Kind::Frame,
                "vllm/v1/engine/core.py(402): process_outputs",
                70_000,
            );
            if shows_engine {
                rank.step().host.end = rank.host.now;
            }
        });
    }

    pub fn finish(mut self) -> Simulated {
        let engine = self.engine;
        let ends = engine.delay(Injection::DeviceRecordingEnds);
        self.each(|rank| {
            rank.wait(Kind::WaitForDevice, rank.device.drained());
            rank.host.run(50_000);
            rank.host.leave();
            let recorded_to = rank.host.now - ends;
            let behind = rank.device.works.iter_mut().filter(|w| w.span.end > recorded_to);
            behind.for_each(|w| w.recorded = false);
            for i in 0..rank.steps.len() {
                let works = rank.works_of(i);
                (rank.steps[i].device, rank.steps[i].busy_ns) = device_part(works);
                let start = rank.steps[i].host.start;
                // A wait for requests is in no interval.
                let waits = engine.injection == Injection::NoRequests && engine.by > 0 && i + 1 == engine.at;
                let next = rank.steps.get(i + 1).filter(|_| !waits);
                rank.steps[i].interval_ns = next.map(|next| next.host.start - start);
            }
        });
        let truth = self
            .ranks
            .iter()
            .map(|rank| RankTruth::of(&rank.host, &rank.device.works, rank.steps.clone()));
        Simulated {
            truth: truth.collect(),
            traces: families::write(&self.engine, &self.ranks),
        }
    }
}
