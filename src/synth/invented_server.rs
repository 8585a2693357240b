//! The invented server: what it does, iteration by iteration. Nothing is written here.
//!
//! One host thread prepares inputs, launches three graphs a pass (forward, logits, sampler) and waits; one
//! device runs them in order. Where compiles are tracked, vLLM synchronises after every region, so host and
//! device alternate; otherwise the host runs ahead and waits once, after sampling.

use crate::base::Span;

use super::{CompileFact, Engine, Facts, Options, Shape};
use crate::base::Random;

/// The worker's process, and its main thread.
pub const PID: i64 = 10_190;
/// Unix time of the trace clock's zero, ns.
pub const BASE_NS: i64 = 1_790_857_026_000_000_000;
/// When the process starts, on the trace's clock.
const START_NS: i64 = 4_458_974_000_000_000;

/// A compiled graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graph {
    Forward(Shape),
    Logits(u32),
    Sampler,
    SamplerTopK,
}

impl std::fmt::Display for Graph {
    /// Its recipe's name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(".graph_dumps/")?;
        match self {
            Graph::Forward(s) => {
                let phase = if s.prefill { "prompt" } else { "decode" };
                write!(f, "HabanaFusedOpLazy_{phase}_{}_{}_{}", s.batch, s.seq, s.ctx)
            }
            Graph::Logits(batch) => write!(f, "logits_{batch}"),
            Graph::Sampler => f.write_str("sampler"),
            Graph::SamplerTopK => f.write_str("sampler_topk"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Compile {
    pub graph: Graph,
    /// When it really ran; the blocks that vLLM writes are stacked from the region's start instead.
    pub span: Span,
}

/// One recorded region of a pass and the graph that it launches.
#[derive(Clone, Debug)]
pub struct Region {
    pub span: Span,
    pub graph: Graph,
    /// Start of the launch call.
    pub launch_ns: i64,
    pub device: Span,
    pub compile: Option<Compile>,
    /// A host operator that holds it up.
    pub stall: Option<Span>,
    /// Waiting for the device.
    pub wait: Option<Span>,
}

/// A prefill or decode.
#[derive(Clone, Debug)]
pub struct Pass {
    pub shape: Shape,
    pub span: Span,
    /// Requests really in the batch.
    pub real: u32,
    /// Tokens of the longest request, without padding.
    pub seq_len: u32,
    pub ctx_len: u32,
    pub forward: Region,
    pub logits: Region,
    /// Absent when the last part of a prompt is still to come.
    pub sampler: Option<Region>,
}

impl Pass {
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        [&self.forward, &self.logits].into_iter().chain(&self.sampler)
    }
}

/// One iteration of the engine.
#[derive(Clone, Debug)]
pub struct Iteration {
    pub warmup: bool,
    /// Iterations before it.
    pub iteration: u32,
    /// From asking the scheduler to handing out results.
    pub span: Span,
    pub schedule: Span,
    pub prepare: Span,
    pub passes: Vec<Pass>,
    /// V1 only.
    pub post: Option<Span>,
    /// Waiting for the sampled tokens, inside `post` (V1) or the sampler (V0).
    pub wait: Span,
    pub update: Span,
    /// For all chance that is left to the writing.
    pub seed: u64,
}

/// Something that does not happen in every iteration.
#[derive(Clone, Copy, Debug, Default)]
struct Special {
    /// Number of an unwarmed bucket that is served from here on, for some iterations.
    bucket: Option<u32>,
    compile_forward: bool,
    compile_logits: bool,
    compile_sampler: bool,
    stall: bool,
}

/// Buckets that warm-up compiles: what usual load needs.
pub fn warmed() -> Vec<Shape> {
    let mut all = Vec::new();
    for batch in [1, 2] {
        for seq in [128, 256, 512, 1024] {
            all.push(Shape {
                prefill: true,
                batch,
                seq,
                ctx: 0,
            });
        }
    }
    for batch in [1, 2, 4, 8, 16] {
        for ctx in [128, 256] {
            all.push(Shape {
                prefill: false,
                batch,
                seq: 1,
                ctx,
            });
        }
    }
    all
}

/// Buckets beyond those: a burst of requests, a batch of prompts.
fn unwarmed(n: u32) -> Shape {
    let half = n / 2;
    if n.is_multiple_of(2) {
        Shape {
            prefill: false,
            batch: 32,
            seq: 1,
            ctx: 256 << half,
        }
    } else {
        Shape {
            prefill: true,
            batch: 4,
            seq: 256 << half,
            ctx: 0,
        }
    }
}

/// How many different buckets [`unwarmed`] knows.
const UNWARMED: u32 = 8;

/// Everything special, with its iteration.
fn specials(options: &Options, iterations: u32) -> Vec<(u32, Special)> {
    let buckets = options.unwarmed_buckets.min(UNWARMED);
    let compiles = options.serving_compiles;
    let mut list: Vec<Special> = (0..buckets)
        .map(|n| Special {
            bucket: Some(n),
            compile_forward: n < compiles,
            ..Special::default()
        })
        .collect();
    let mut left = compiles.saturating_sub(buckets);
    if let (true, Some(second)) = (left > 0, list.get_mut(1)) {
        second.compile_logits = true;
        left -= 1;
    }
    for _ in 0..left {
        list.push(Special {
            compile_sampler: true,
            ..Special::default()
        });
    }
    if options.outlier {
        list.insert(
            1.min(list.len()),
            Special {
                stall: true,
                ..Special::default()
            },
        );
    }
    let parts = u32::try_from(list.len()).unwrap_or(u32::MAX).saturating_add(1);
    (1u32..)
        .zip(list)
        .map(|(k, special)| {
            let iteration = u64::from(iterations) * u64::from(k) / u64::from(parts);
            (u32::try_from(iteration).unwrap_or(u32::MAX), special)
        })
        .collect()
}

/// The iterations of a server, warm-up first. Equal options give equal iterations.
#[derive(Clone, Debug)]
pub struct Plan {
    random: Random,
    engine: Engine,
    synchronised: bool,
    warmup: Vec<Shape>,
    /// Iterations so far.
    iteration: u32,
    warmup_iterations: u32,
    serving_iterations: u32,
    specials: Vec<(u32, Special)>,
    /// The unwarmed bucket in use, and for how many more iterations.
    burst: Option<(Shape, u32)>,
    burst_iterations: u32,
    /// The host's clock, ns.
    now: i64,
    /// When the device has done all that was launched, ns.
    device_free: i64,
    /// Requests being decoded.
    active: u32,
    /// Mean context of a request, blocks of 128 tokens.
    mean_blocks: u32,
}

impl Plan {
    /// `iterations` while serving.
    pub fn new(options: &Options, iterations: u32) -> Plan {
        let warmup = if options.warmup { warmed() } else { Vec::new() };
        let specials = specials(options, iterations);
        let every = iterations
            / (u32::try_from(specials.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1));
        let warmup_iterations = u32::try_from(warmup.len()).unwrap_or(0);
        Plan {
            random: Random::new(options.seed),
            engine: options.engine,
            synchronised: options.engine == Engine::V1 && options.compile_tracking,
            warmup,
            iteration: 0,
            warmup_iterations,
            serving_iterations: iterations,
            specials,
            burst: None,
            burst_iterations: (every / 4).clamp(1, 9),
            now: START_NS + if warmup_iterations > 0 { 5_000_000 } else { 0 },
            device_free: 0,
            active: 0,
            mean_blocks: 6,
        }
    }

    /// Where the `warmup` region starts.
    pub fn warmup_start_ns() -> i64 {
        START_NS
    }

    fn region(
        &mut self,
        graph: Graph,
        host_us: (i64, i64),
        device_ns: i64,
        compile: bool,
        stall: bool,
    ) -> Region {
        let start = self.now;
        self.now += self.random.time(host_us.0, host_us.1);
        let compile = compile.then(|| {
            let us = match graph {
                Graph::Forward(s) if s.prefill => self.random.within(1_400_000, 2_000_000),
                Graph::Forward(_) => self.random.within(1_100_000, 1_500_000),
                Graph::Logits(_) => self.random.within(180_000, 300_000),
                Graph::Sampler | Graph::SamplerTopK => self.random.within(500_000, 900_000),
            };
            let span = Span::new(self.now, self.now + us * 1000);
            self.now = span.end + 15_000;
            Compile { graph, span }
        });
        let stall = stall.then(|| {
            let span = Span::new(self.now, self.now + self.random.time(190_000, 240_000));
            self.now = span.end + 10_000;
            span
        });
        let launch_ns = self.now;
        self.now += 20_000;
        let device_start = self.device_free.max(launch_ns + 60_000);
        let device = Span::new(device_start, device_start + device_ns);
        self.device_free = device.end;
        let wait = self.synchronised.then(|| {
            let span = Span::new(self.now, self.after_device());
            self.now = span.end + 5_000;
            span
        });
        Region {
            span: Span::new(start, self.now),
            graph,
            launch_ns,
            device,
            compile,
            stall,
            wait,
        }
    }

    /// When a host that waits from now on is awake again, the device having done everything.
    fn after_device(&mut self) -> i64 {
        let awake = self.device_free.max(self.now) + self.random.time(30, 80);
        (awake + 499) / 500 * 500
    }

    fn pass(&mut self, shape: Shape, real: u32, special: Special, sampled: bool, start: i64) -> Pass {
        let (seq_len, ctx_len) = if shape.prefill {
            let most = i64::from(shape.seq);
            (small(self.random.within(most / 2 + 1, most)), 0)
        } else {
            let tokens = real * self.mean_blocks * 128 - real * 40;
            (tokens, tokens)
        };
        if self.engine == Engine::V1 {
            self.now += 25_000;
        }
        let tokens = i64::from(shape.batch) * i64::from(shape.seq);
        let full = if shape.prefill {
            9_000_000 + tokens * 22_000
        } else {
            16_000_000 + i64::from(shape.batch) * 310_000 + i64::from(shape.ctx) * 14_000
        };
        let forward_ns = full + self.random.within(0, full / 64);
        let forward = self.region(
            Graph::Forward(shape),
            (900, 1_600),
            forward_ns,
            special.compile_forward,
            false,
        );
        let logits_ns = 350_000 + i64::from(shape.batch) * 9_000 + self.random.within(0, 9_000);
        let logits = self.region(
            Graph::Logits(shape.batch),
            (90, 160),
            logits_ns,
            special.compile_logits,
            false,
        );
        let sampler = sampled.then(|| {
            let graph = if special.compile_sampler {
                Graph::SamplerTopK
            } else {
                Graph::Sampler
            };
            let device_ns = 260_000 + self.random.within(0, 20_000);
            self.region(
                graph,
                (350, 700),
                device_ns,
                special.compile_sampler,
                special.stall,
            )
        });
        self.now += 10_000;
        Pass {
            shape,
            span: Span::new(start, self.now),
            real,
            seq_len,
            ctx_len,
            forward,
            logits,
            sampler,
        }
    }

    /// What this iteration computes: the buckets with the real batch of each.
    fn choose(&mut self, iteration: u32) -> (Vec<(Shape, u32)>, Special) {
        let special = self
            .specials
            .iter()
            .find(|s| s.0 == iteration)
            .map_or(Special::default(), |s| s.1);
        if let Some(n) = special.bucket {
            self.burst = Some((unwarmed(n), self.burst_iterations));
        }
        if let Some((shape, left)) = self.burst {
            self.burst = (left > 1).then_some((shape, left - 1));
            let most = i64::from(shape.batch);
            let real = small(self.random.within(most / 2 + 1, most * 3 / 4));
            return (vec![(shape, real)], special);
        }
        // Load comes in waves.
        let wanted = if (iteration / 48) % 3 == 2 { 6 } else { 11 };
        let mut passes = Vec::new();
        if self.active == 0 || (self.active < wanted && self.random.permille(300)) {
            let real = if self.active + 1 < wanted {
                small(self.random.within(1, 2))
            } else {
                1
            };
            let seq = 128 << small(self.random.within(0, 3));
            passes.push((
                Shape {
                    prefill: true,
                    batch: real,
                    seq,
                    ctx: 0,
                },
                real,
            ));
            self.active += real;
        } else if self.active > wanted || self.random.permille(80) {
            self.active -= 1;
        }
        // V1 decodes in the same iteration now and then; V0 never does.
        let together = self.engine == Engine::V1 && self.random.permille(400);
        let decode = passes.is_empty() || together || special.stall || special.compile_sampler;
        if decode && self.engine == Engine::V0 {
            passes.clear();
        }
        if decode {
            if self.random.permille(40) {
                self.mean_blocks = 5 + (self.mean_blocks - 4) % 12;
            }
            let real = self.active.clamp(1, 13);
            let blocks = real * self.mean_blocks;
            passes.push((
                Shape {
                    prefill: false,
                    batch: real.next_power_of_two(),
                    seq: 1,
                    ctx: if blocks <= 128 { 128 } else { 256 },
                },
                real,
            ));
        }
        (passes, special)
    }

    fn iteration(&mut self, warmup: bool, choice: &[(Shape, u32)], special: Special) -> Iteration {
        let start = self.now;
        let iteration = self.iteration;
        self.iteration += 1;
        let schedule = Span::new(start + 20_000, start + 20_000 + self.random.time(250, 900));
        let prepare_start = schedule.end + 80_000;
        let prepare = Span::new(prepare_start, prepare_start + self.random.time(2_000, 5_200));
        self.now = prepare.end;
        let mut passes = Vec::with_capacity(choice.len());
        for &(shape, real) in choice {
            let special = if warmup {
                // A logits graph serves all buckets of its batch: compiled with the first of them.
                Special {
                    compile_forward: true,
                    compile_logits: (shape.prefill && shape.seq == 128)
                        || (shape.batch > 2 && shape.ctx == 128),
                    ..Special::default()
                }
            } else if shape.prefill {
                Special {
                    compile_sampler: false,
                    stall: false,
                    ..special
                }
            } else {
                special
            };
            let sampled = warmup || !shape.prefill || !self.random.permille(120);
            let start = match self.engine {
                Engine::V0 => prepare.start,
                Engine::V1 => self.now,
            };
            passes.push(self.pass(shape, real, special, sampled, start));
        }
        let (post, wait) = match self.engine {
            Engine::V1 => {
                let start = self.now;
                self.now += 40_000;
                let wait = Span::new(self.now, self.after_device());
                self.now = wait.end + self.random.time(200, 600);
                (Some(Span::new(start, self.now)), wait)
            }
            Engine::V0 => {
                let wait = Span::new(self.now, self.after_device());
                self.now = wait.end + 15_000;
                for pass in &mut passes {
                    if let Some(sampler) = &mut pass.sampler {
                        sampler.span.end = wait.end + 5_000;
                    }
                    pass.span.end = self.now;
                }
                (None, wait)
            }
        };
        self.now += 30_000;
        let update = Span::new(self.now, self.now + self.random.time(180, 700));
        let end = update.end + 20_000;
        // Now and then the process does something else between two iterations.
        self.now = end
            + if self.random.permille(35) {
                self.random.time(4_000, 14_000)
            } else {
                self.random.time(5, 60)
            };
        Iteration {
            warmup,
            iteration,
            span: Span::new(start, end),
            schedule,
            prepare,
            passes,
            post,
            wait,
            update,
            seed: self.random.bits(),
        }
    }
}

impl Iterator for Plan {
    type Item = Iteration;

    fn next(&mut self) -> Option<Iteration> {
        if let Some(&shape) = self
            .warmup
            .get(usize::try_from(self.iteration).unwrap_or(usize::MAX))
        {
            let iteration = self.iteration(true, &[(shape, shape.batch)], Special::default());
            if self.iteration == self.warmup_iterations {
                // The server starts listening.
                self.now += 2_900_000_000;
            }
            return Some(iteration);
        }
        let iteration = self.iteration - self.warmup_iterations;
        if iteration >= self.serving_iterations {
            return None;
        }
        let (choice, special) = self.choose(iteration);
        Some(self.iteration(false, &choice, special))
    }
}

/// `n` of a range that fits.
fn small(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

/// A piece of work on one of the device's engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    pub engine: WorkEngine,
    pub span: Span,
    /// Which node of its graph.
    pub node: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkEngine {
    Matrix,
    Vector,
    Dma,
    Nic,
}

/// What the device does for a region, in order of start. Matrix and vector engines overlap a little; every
/// second layer ends with an exchange among devices that nothing overlaps.
pub fn work(region: &Region, layers: u32, mut each: impl FnMut(Work)) {
    let device = region.device;
    let mut put = |engine, start, end, node| {
        each(Work {
            engine,
            span: Span::new(start, end),
            node,
        });
    };
    match region.graph {
        Graph::Forward(_) => {
            put(WorkEngine::Dma, device.start - 18_000, device.start - 1_200, 0);
            let slot = device.len_ns() / i64::from(layers.max(1));
            for layer in 0..layers.max(1) {
                let from = device.start + slot * i64::from(layer);
                let last = layer + 1 == layers.max(1);
                let end = if last { device.end } else { from + slot };
                let matrix_end = from + slot * 9 / 20;
                put(WorkEngine::Matrix, from, matrix_end, layer * 3);
                let exchange = layer % 2 == 0 && !last;
                let vector_end = if exchange {
                    end - slot / 16
                } else if last {
                    end
                } else {
                    end - 2_000 - i64::from(layer % 5) * 1_500
                };
                put(
                    WorkEngine::Vector,
                    matrix_end - slot / 50,
                    vector_end,
                    layer * 3 + 1,
                );
                if exchange {
                    put(WorkEngine::Nic, vector_end + 800, end - 1_000, layer * 3 + 2);
                }
            }
        }
        Graph::Logits(_) => put(WorkEngine::Matrix, device.start, device.end, 0),
        Graph::Sampler | Graph::SamplerTopK => {
            put(WorkEngine::Vector, device.start, device.end - 24_000, 0);
            put(WorkEngine::Dma, device.end - 20_000, device.end, 1);
        }
    }
}

/// Runs the plan and counts.
pub fn facts(options: &Options, iterations: u32) -> Facts {
    let mut facts = Facts {
        warmed: if options.warmup { warmed() } else { Vec::new() },
        ..Facts::default()
    };
    let blocks = options.engine == Engine::V1 && options.compile_tracking;
    let mut capture: Option<Span> = None;
    let mut device_end = i64::MIN;
    for iteration in Plan::new(options, iterations) {
        for pass in &iteration.passes {
            let n = match (iteration.warmup, pass.shape.prefill) {
                (true, true) => &mut facts.warmup_prefill,
                (true, false) => &mut facts.warmup_decode,
                (false, true) => &mut facts.serving_prefill,
                (false, false) => &mut facts.serving_decode,
            };
            *n += 1;
            if !iteration.warmup {
                facts.served.push(pass.shape);
                if pass.shape.prefill {
                    facts.prefill_tokens += u64::from(pass.real) * u64::from(pass.seq_len);
                } else {
                    facts.real_batch += u64::from(pass.real);
                    facts.padded_batch += u64::from(pass.shape.batch);
                }
            }
            for region in pass.regions() {
                if let Some(compile) = &region.compile {
                    // Outside the capture only vLLM's own blocks are recorded.
                    let recorded = blocks;
                    let event = options.compile_events && !iteration.warmup && !options.high_level_only;
                    if recorded || event {
                        facts.compiles.push(CompileFact {
                            name: compile.graph.to_string(),
                            dur_ns: compile.span.len_ns(),
                            warmup: iteration.warmup,
                            recorded,
                            event,
                            shape: pass.shape,
                            pass: pass.span,
                        });
                    }
                }
                if region.stall.is_some() {
                    facts.outlier = Some(pass.span);
                }
                if !iteration.warmup && options.with_device && !options.high_level_only {
                    work(region, options.layers, |work| {
                        if matches!(work.engine, WorkEngine::Matrix | WorkEngine::Vector) {
                            let from = work.span.start.max(device_end);
                            facts.device_compute_ns += (work.span.end - from).max(0);
                            device_end = device_end.max(work.span.end);
                        }
                    });
                }
            }
        }
        if !iteration.warmup {
            facts.iterations += 1;
            let start = capture.map_or(iteration.span.start, |c| c.start);
            capture = Some(Span::new(start, iteration.span.end));
        }
        // A long trace serves a handful of buckets: keep the list short.
        if facts.served.len() > 4096 {
            facts.served.sort_unstable();
            facts.served.dedup();
        }
    }
    let capture = capture.unwrap_or(Span::new(START_NS, START_NS));
    facts.capture = Span::new(capture.start - 400_000, capture.end + 200_000);
    facts.warmed.sort_unstable();
    facts.served.sort_unstable();
    facts.served.dedup();
    if options.warmup {
        let warmed = &facts.warmed;
        facts.served_not_warmed = facts
            .served
            .iter()
            .filter(|shape| !warmed.contains(shape))
            .copied()
            .collect();
    }
    facts
}
