//! The text of an invented trace, part by part in the order of the real files: torch's operators and frames,
//! its metadata, device lanes with Synapse's host calls, Synapse Logger, Bridge Logs, and vLLM's own events
//! last. Each part runs the plan again.

use crate::base::Span;

use super::plan::{self, BASE_NS, Graph, PID, Pass, Plan, Region, Turn, Work, WorkEngine};
use super::random::Random;
use super::text::Text;
use super::{Engine, Facts, GENERATOR, Options, Target};

/// The thread on which lazy graphs are launched.
const LAUNCH_TID: i64 = PID + 93;
/// The thread on which events are waited for.
const WAIT_TID: i64 = PID + 3;
/// "Synapse Logger" and "Bridge Logs", as the bridge numbers them.
const SYNAPSE_PID: i64 = PID + 10_000;
const BRIDGE_PID: i64 = PID + 20_000;
/// Synapse's host profiler: an engine type in place of a process.
const HOST_PROFILER_PID: i64 = 22_101;
const HOST_PROFILER_TID: i64 = 1_195_778_096;
const HOST_WAIT_TID: i64 = 2_808_741_488;

const DMA_TID: i64 = 3_001;
const MATRIX_TID: i64 = 6_004;
const VECTOR_TID: i64 = 7_006;
const NIC_TID: i64 = 14_014;

/// Text is handed out when there is this much of it.
const CHUNK: usize = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Head,
    Host,
    Metadata,
    Device,
    SynapseLog,
    BridgeLog,
    Server,
    Tail,
    Done,
}

/// A graph with all that its events say of it.
#[derive(Debug)]
struct Recipe {
    graph: Graph,
    id: i64,
    name: String,
    /// The end of a device event's args, and what follows up to its duration.
    device_args: String,
}

/// The text of a trace, chunk by chunk.
#[derive(Debug)]
pub struct Chunks {
    options: Options,
    turns: u32,
    facts: Facts,
    text: Text,
    section: Section,
    plan: Plan,
    recipes: Vec<Recipe>,
    ev_idx: i64,
    external_id: i64,
    python_id: i64,
    flow_id: i64,
    /// The end of the last turn that was written.
    last_end: i64,
    compiles: i64,
    /// Sums for vLLM's running average: requests, and ns.
    generated: i64,
    generating_ns: i64,
    warmup_open: bool,
}

/// Turns that the target asks for.
pub fn turns(options: &Options) -> u32 {
    match options.target {
        Target::Steps(n) => n,
        Target::Bytes(wanted) => {
            // Two whole numbers of load waves tell the fixed part from the part a turn.
            let size = |turns| {
                let mut chunks = Chunks::new(&Options {
                    target: Target::Steps(turns),
                    ..options.clone()
                });
                let mut buffer = Vec::new();
                let mut bytes = 0;
                while chunks.fill(&mut buffer) {
                    bytes += buffer.len() as u64;
                }
                bytes
            };
            let (few, many) = (144, 432);
            let (small, large) = (size(few), size(many));
            let a_turn = (large.saturating_sub(small) / u64::from(many - few)).max(1);
            let fixed = small.saturating_sub(a_turn * u64::from(few));
            let mut turns = u32::try_from(wanted.saturating_sub(fixed) / a_turn)
                .unwrap_or(u32::MAX)
                .max(1);
            // In a short trace load is not yet what it is on average.
            for _ in 0..3 {
                if turns > 2 * many {
                    break;
                }
                let now = size(turns);
                let off = u32::try_from((now.abs_diff(wanted) + a_turn / 2) / a_turn).unwrap_or(0);
                turns = if now < wanted {
                    turns + off
                } else {
                    turns.saturating_sub(off).max(1)
                };
            }
            turns
        }
    }
}

impl Chunks {
    pub fn new(options: &Options) -> Chunks {
        let turns = turns(options);
        let text = Text {
            trailing_comma: options.high_level_only,
            ..Text::default()
        };
        Chunks {
            options: options.clone(),
            turns,
            facts: plan::facts(options, turns),
            text,
            section: Section::Head,
            plan: Plan::new(options, turns),
            recipes: Vec::new(),
            ev_idx: 0,
            external_id: 1,
            python_id: 1,
            flow_id: 0,
            last_end: 0,
            compiles: 0,
            generated: 0,
            generating_ns: 0,
            warmup_open: false,
        }
    }

    /// Events written so far.
    pub fn events(&self) -> u64 {
        self.text.events
    }

    pub fn into_facts(self) -> Facts {
        self.facts
    }

    /// Replaces `buffer` by the next chunk. False at the end.
    pub fn fill(&mut self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        // The last chunk's memory is written to again.
        std::mem::swap(buffer, &mut self.text.out);
        while self.text.out.len() < CHUNK && self.section != Section::Done {
            self.advance();
        }
        std::mem::swap(buffer, &mut self.text.out);
        !buffer.is_empty()
    }

    fn go_to(&mut self, section: Section) {
        self.section = section;
        self.plan = Plan::new(&self.options, self.turns);
        self.last_end = 0;
    }

    /// The next turn while serving.
    fn serving(&mut self) -> Option<Turn> {
        self.plan.by_ref().find(|turn| !turn.warmup)
    }

    /// Writes a turn's worth of the part that it is in.
    fn advance(&mut self) {
        match self.section {
            Section::Head if self.options.high_level_only => {
                self.text.raw("[");
                self.go_to(Section::Server);
            }
            Section::Head => {
                self.head();
                self.go_to(Section::Host);
            }
            Section::Host => match self.serving() {
                Some(turn) => self.host(&turn),
                None => self.go_to(Section::Metadata),
            },
            Section::Metadata => {
                self.metadata();
                self.go_to(Section::Device);
            }
            Section::Device => match self.serving() {
                Some(turn) => self.device(&turn),
                None => self.go_to(Section::SynapseLog),
            },
            Section::SynapseLog => match self.serving() {
                Some(turn) => self.synapse_log(&turn),
                None => {
                    self.process_name(SYNAPSE_PID, "Synapse Logger", 0);
                    self.go_to(Section::BridgeLog);
                }
            },
            Section::BridgeLog => match self.serving() {
                Some(turn) => self.bridge_log(&turn),
                None => {
                    self.process_name(BRIDGE_PID, "Bridge Logs", 0);
                    self.go_to(Section::Server);
                }
            },
            Section::Server => match self.plan.next() {
                Some(turn) => self.server(&turn),
                None if self.options.high_level_only => self.section = Section::Done,
                None => self.section = Section::Tail,
            },
            Section::Tail => {
                // Names an empty process: vLLM's events carry the worker's own pid.
                self.process_name(1, "vLLM", 0);
                self.text.raw("], \"traceName\": \"");
                let name = self.options.file_name();
                self.text.raw(&name).raw("\"}");
                self.section = Section::Done;
            }
            Section::Done => {}
        }
    }

    fn head(&mut self) {
        let nic = i64::from(self.options.with_device) + 1;
        self.text
            .raw("{\"baseTimeNanoseconds\": ")
            .int(BASE_NS)
            .raw(", \"deviceProperties\": [{\"name\": \"GAUDI3\", \"totalGlobalMem\": 137438953472}]")
            .raw(", \"displayTimeUnit\": \"ms\", \"distributedInfo\": {\"backend\": \"hccl\", \"pg_config\": []")
            .raw(", \"pg_count\": 1, \"rank\": 0, \"world_size\": ")
            .int(nic)
            .raw("}, \"generator\": \"")
            .raw(GENERATOR)
            .raw("\", \"schemaVersion\": 1, \"traceEvents\": [");
    }

    /// The rest of a torch event, from `cat` on.
    fn rest(&mut self, category: &str, name: &str, pid: i64, tid: i64, span: Span) {
        self.text
            .raw(", \"cat\": \"")
            .raw(category)
            .raw("\", \"dur\": ")
            .thousandths(span.len_ns())
            .raw(", \"name\": \"")
            .raw(name)
            .raw("\", \"ph\": \"X\", \"pid\": ")
            .int(pid)
            .raw(", \"tid\": ")
            .int(tid)
            .raw(", \"ts\": ")
            .thousandths(span.start)
            .end();
    }

    fn operator(&mut self, name: &str, span: Span) {
        let (ev, external) = (self.ev_idx, self.external_id);
        self.ev_idx += 1;
        self.external_id += 1;
        self.text
            .begin()
            .raw("{\"args\": {\"Ev Idx\": ")
            .int(ev)
            .raw(", \"External id\": ")
            .int(external)
            .raw(", \"Record function id\": 0}");
        self.rest("cpu_op", name, PID, PID, span);
    }

    /// A python frame; gives its id.
    fn frame(&mut self, name: &str, parent: i64, pid: i64, span: Span) -> i64 {
        let (ev, id) = (self.ev_idx, self.python_id);
        self.ev_idx += 1;
        self.python_id += 1;
        self.text
            .begin()
            .raw("{\"args\": {\"Ev Idx\": ")
            .int(ev)
            .raw(", \"Python id\": ")
            .int(id)
            .raw(", \"Python parent id\": ")
            .int(parent)
            .raw("}");
        self.rest("python_function", name, pid, pid, span);
        id
    }

    /// Frames that stay open for the whole capture.
    fn outer_frames(&mut self) {
        let all = Span::new(self.facts.capture.start + 20_000, self.facts.capture.end - 20_000);
        let names: &[&str] = match self.options.engine {
            Engine::V1 => &[
                "<string>(1): <module>",
                "multiprocessing/spawn.py(122): spawn_main",
                "multiprocessing/process.py(108): run",
                "vllm/v1/engine/core.py(606): run_engine_core",
                "vllm/v1/engine/core.py(648): run_busy_loop",
            ],
            Engine::V0 => &[
                "<string>(1): <module>",
                "multiprocessing/spawn.py(116): spawn_main",
                "multiprocessing/process.py(108): run",
                "vllm/engine/multiprocessing/engine.py(386): run_mp_engine",
                "vllm/engine/multiprocessing/engine.py(197): run_engine_loop",
            ],
        };
        let mut parent = 0;
        for name in names {
            parent = self.frame(name, parent, PID, all);
        }
        // Frames of a thread that torch does not know land on pid 0, beside the device.
        let bootstrap = self.frame("threading.py(973): _bootstrap", 0, 0, all);
        self.frame(
            "vllm/usage/usage_lib.py(163): _report_usage_worker",
            bootstrap,
            0,
            all,
        );
    }

    /// Operators and python frames of the main thread.
    fn host(&mut self, turn: &Turn) {
        let mut random = Random::new(turn.seed);
        if self.options.with_python {
            if self.last_end == 0 {
                self.outer_frames();
            }
            self.frames(turn);
        }
        self.last_end = turn.span.end;
        // Inputs go to the device one tensor after the other.
        let mut at = turn.prepare.start + 300_000;
        for _ in 0..2 {
            let span = Span::new(at, at + random.time(90, 260));
            self.operator("aten::to", span);
            self.operator("aten::_to_copy", inside(span, 2_000));
            self.operator("aten::copy_", inside(span, 4_000));
            at = span.end + random.time(20, 120);
        }
        for pass in &turn.passes {
            let logits = pass.logits.span;
            self.operator(
                "aten::index_select",
                Span::new(logits.start + 12_000, logits.start + 52_000),
            );
            if let Some(sampler) = &pass.sampler {
                let start = sampler.span.start;
                self.operator("aten::argmax", Span::new(start + 30_000, start + 130_000));
                if let Some(stall) = sampler.stall {
                    self.operator("aten::multinomial", stall);
                }
            }
        }
        self.operator("aten::to", inside(turn.wait, 3_000));
        self.operator("aten::_to_copy", inside(turn.wait, 5_000));
        self.operator("aten::copy_", inside(turn.wait, 7_000));
    }

    fn frames(&mut self, turn: &Turn) {
        let v1 = self.options.engine == Engine::V1;
        let pick = |new: &'static str, old: &'static str| if v1 { new } else { old };
        let name = pick(
            "vllm/v1/engine/core.py(671): _process_engine_step",
            "vllm/engine/llm_engine.py(1251): step",
        );
        let step = self.frame(name, 0, PID, turn.span);
        let name = pick(
            "vllm/v1/core/sched/scheduler.py(183): schedule",
            "vllm/core/scheduler.py(1330): schedule",
        );
        self.frame(name, step, PID, turn.schedule);
        let model_end = turn
            .post
            .map_or(turn.passes.last().map_or(turn.wait.end, |p| p.span.end), |p| {
                p.end
            });
        let model = Span::new(turn.prepare.start - 40_000, model_end + 10_000);
        let name = pick(
            "vllm_gaudi/v1/worker/hpu_worker.py(371): execute_model",
            "vllm/worker/hpu_worker.py(233): execute_model",
        );
        let worker = self.frame(name, step, PID, model);
        let name = pick(
            "vllm_gaudi/v1/worker/hpu_model_runner.py(2907): execute_model",
            "vllm/worker/hpu_model_runner.py(2443): execute_model",
        );
        let runner = self.frame(name, worker, PID, inside(model, 4_000));
        let name = pick(
            "vllm_gaudi/v1/worker/hpu_model_runner.py(1741): _prepare_inputs",
            "vllm/worker/hpu_model_runner.py(1507): prepare_input_tensors",
        );
        self.frame(name, runner, PID, inside(turn.prepare, 2_000));
        for pass in &turn.passes {
            let call = Span::new(pass.forward.span.start + 5_000, pass.forward.launch_ns + 30_000);
            let forward = self.frame(
                "habana_frameworks/torch/hpu/graphs.py(716): forward",
                runner,
                PID,
                call,
            );
            if pass.forward.compile.is_none() {
                let replay = Span::new(call.start + call.len_ns() / 3, call.end - 3_000);
                self.frame(
                    "<built-in method replayV3 of PyCapsule object at 0x7f1c2a9d4b10>",
                    forward,
                    PID,
                    replay,
                );
            }
            if let Some(sampler) = &pass.sampler {
                self.frame("nn.Module: Sampler_0", runner, PID, inside(sampler.span, 2_000));
            }
        }
        if turn.post.is_some() {
            self.frame(
                "<built-in method tolist of Tensor object at 0x7f209aa696c0>",
                runner,
                PID,
                inside(turn.wait, 1_000),
            );
        }
        let name = pick(
            "vllm/v1/core/sched/scheduler.py(961): update_from_output",
            "vllm/engine/llm_engine.py(1030): _process_model_outputs",
        );
        self.frame(name, step, PID, turn.update);
    }

    fn process_name(&mut self, pid: i64, name: &str, ts: i64) {
        self.named("process_name", name, pid, 0, ts);
    }

    fn named(&mut self, what: &str, name: &str, pid: i64, tid: i64, ts: i64) {
        self.text
            .begin()
            .raw("{\"args\": {\"name\": \"")
            .raw(name)
            .raw("\"}, \"name\": \"")
            .raw(what)
            .raw("\", \"ph\": \"M\", \"pid\": ")
            .int(pid)
            .raw(", \"tid\": ")
            .int(tid)
            .raw(", \"ts\": ")
            .thousandths(ts)
            .end();
    }

    fn metadata(&mut self) {
        let capture = self.facts.capture;
        self.text
            .begin()
            .raw("{\"args\": {\"Op count\": 0}, \"cat\": \"Trace\", \"dur\": ");
        self.text
            .thousandths(capture.len_ns())
            .raw(", \"name\": \"PyTorch Profiler (0)\", \"ph\": \"X\", \"pid\": \"Spans\"")
            .raw(", \"tid\": \"PyTorch Profiler\", \"ts\": ")
            .thousandths(capture.start)
            .end();
        self.text
            .begin()
            .raw("{\"args\": {\"sort_index\": 536870912}, \"name\": \"process_sort_index\", \"ph\": \"M\"")
            .raw(", \"pid\": \"Spans\", \"tid\": 0, \"ts\": ")
            .thousandths(capture.start)
            .end();
        self.text
            .begin()
            .raw("{\"name\": \"Iteration Start: PyTorch Profiler\", \"ph\": \"i\", \"pid\": \"Traces\"")
            .raw(", \"s\": \"g\", \"tid\": \"Trace PyTorch Profiler\", \"ts\": ")
            .thousandths(capture.start)
            .end();
        self.text
            .begin()
            .raw("{\"name\": \"Record Window End\", \"ph\": \"i\", \"pid\": \"\", \"s\": \"g\", \"tid\": \"\", \"ts\": ")
            .thousandths(capture.end)
            .end();
        self.process_name(PID, "python3", capture.start);
        self.named("process_labels", "CPU", PID, 0, capture.start);
        // The same process, once more by its first name: device and unknown threads share pid 0.
        self.process_name(0, "python3", capture.start);
        self.process_name(0, "/device:HPU:0", 0);
        let thread = format!("thread {PID} (python3)");
        self.named("thread_name", &thread, PID, PID, capture.start);
        if self.options.with_device {
            for lane in 0..self.lanes() {
                let name = format!("[HD{}] TPC {}", lane / 4, lane % 4);
                self.named("thread_name", &name, 0, VECTOR_TID + lane, 0);
            }
            for lane in 0..self.matrix_lanes() {
                let name = format!("[HD{lane}] MME");
                self.named("thread_name", &name, 0, MATRIX_TID + lane, 0);
            }
            self.named("thread_name", "[D0] SPDMA 0", 0, DMA_TID, 0);
            self.named("thread_name", "NIC 0", 0, NIC_TID, 0);
        }
        self.named(
            "thread_name",
            "Synapse/*Host Profiler",
            HOST_PROFILER_PID,
            HOST_PROFILER_TID,
            0,
        );
        self.named(
            "thread_name",
            "Synapse/140083167102528",
            HOST_PROFILER_PID,
            HOST_WAIT_TID,
            0,
        );
    }

    fn lanes(&self) -> i64 {
        i64::from(self.options.tpc_lanes.clamp(1, 8))
    }

    fn matrix_lanes(&self) -> i64 {
        (self.lanes() / 4).max(1)
    }

    /// Where the graph's recipe stands in `recipes`.
    fn recipe(&mut self, graph: Graph) -> usize {
        if let Some(known) = self.recipes.iter().position(|r| r.graph == graph) {
            return known;
        }
        let n = self.recipes.len();
        let id = 60_000 + i64::try_from(n).unwrap_or(0);
        let name = graph.to_string();
        let device_args = format!(
            "\"dataType\": \"bf16\", \"device\": 0, \"eventHandle\": \"0x0\", \"recipeId\": {id}, \
             \"recipeName\": \"{name}\", \"streamHandle\": \"0x54f0000000000001\"}}, \"cat\": \""
        );
        self.recipes.push(Recipe {
            graph,
            id,
            name,
            device_args,
        });
        n
    }

    /// Launches, waits, compiles and device work, as Synapse's profiler has them.
    fn device(&mut self, turn: &Turn) {
        for pass in &turn.passes {
            for region in pass.regions() {
                let recipe = self.recipe(region.graph);
                self.launch(region, recipe);
                if self.options.with_device {
                    let mut first = true;
                    plan::work(region, self.options.layers, |work| {
                        self.work(work, recipe, std::mem::take(&mut first));
                    });
                }
            }
        }
        for wait in waits(turn) {
            self.text
                .begin()
                .raw("{\"args\": {\"eventHandle\": \"0x0\", \"streamHandle\": \"0x54f0000000000001\"}");
            self.rest(
                "Runtime",
                "synchronizeEvent (accel0)",
                HOST_PROFILER_PID,
                HOST_WAIT_TID,
                inside(wait, 2_000),
            );
        }
    }

    fn launch(&mut self, region: &Region, recipe: usize) {
        let Recipe { id, name, .. } = &self.recipes[recipe];
        let (id, name) = (*id, name.clone());
        let handle = 0x55ce_8427_0000 + id.unsigned_abs() * 0x1790;
        let call = |chunks: &mut Chunks, what: &str, span: Span| {
            chunks
                .text
                .begin()
                .raw("{\"args\": {\"dataType\": \"\", \"eventHandle\": \"0x0\", \"recipeHandle\": \"")
                .hex(handle)
                .raw("\", \"recipeId\": ")
                .int(id)
                .raw(", \"recipeName\": \"")
                .raw(&name)
                .raw("\", \"streamHandle\": \"0x54f0000000000001\"}");
            chunks.rest("Runtime", what, HOST_PROFILER_PID, HOST_PROFILER_TID, span);
        };
        if let (true, Some(compile)) = (self.options.compile_events, &region.compile) {
            call(self, "compileGraph (accel0)", compile.span);
        }
        let span = Span::new(region.launch_ns + 3_000, region.launch_ns + 14_000);
        call(self, "enqueueWithExternalEventsExt (accel0)", span);
        if self.options.with_flows {
            self.arrow("s", HOST_PROFILER_PID, HOST_PROFILER_TID, span.start);
        }
    }

    fn arrow(&mut self, phase: &str, pid: i64, tid: i64, ts: i64) {
        let id = self.flow_id;
        self.text
            .begin()
            .raw("{\"bp\": \"e\", \"cat\": \"enqueue\", \"id\": ")
            .int(id)
            .raw(", \"name\": \"enqueue\", \"ph\": \"")
            .raw(phase)
            .raw("\", \"pid\": ")
            .int(pid)
            .raw(", \"tid\": ")
            .int(tid)
            .raw(", \"ts\": ")
            .thousandths(ts)
            .end();
    }

    fn work(&mut self, work: Work, recipe: usize, first: bool) {
        let (lanes, tid, node, hardware, category, name) = match work.engine {
            WorkEngine::Matrix => (
                self.matrix_lanes(),
                MATRIX_TID,
                ("lb_bundle_", "/batch_gemm/144"),
                "MMEH_WB_STORE",
                "Kernel",
                "BatchGemm",
            ),
            WorkEngine::Vector => (
                self.lanes(),
                VECTOR_TID,
                ("fusedTPCNode_", "_0"),
                "TPC_SPU_START_TO_SPU_HALT",
                "Kernel",
                "fused_kernel_0x88805A4E_C_bf16",
            ),
            WorkEngine::Dma => (1, DMA_TID, ("memcpy_", ""), "SPDMA_BUSY", "Memcpy", "memcpyAsync"),
            WorkEngine::Nic => (
                1,
                NIC_TID,
                ("hcclAllReduce_", ""),
                "STM_0_TX",
                "Runtime",
                "hcclAllReduce",
            ),
        };
        let span = work.span;
        for lane in 0..lanes {
            let text = &mut self.text;
            text.begin()
                .raw("{\"args\": {\"EventName\": \"")
                .raw(node.0)
                .int(i64::from(work.node))
                .raw(node.1)
                .raw("\", \"HW event name\": \"")
                .raw(hardware)
                .raw("\", ")
                .raw(&self.recipes[recipe].device_args)
                .raw(category)
                .raw("\", \"dur\": ")
                .thousandths(span.len_ns())
                .raw(", \"name\": \"")
                .raw(name)
                .raw("\", \"ph\": \"X\", \"pid\": 0, \"tid\": ")
                .int(tid + lane)
                .raw(", \"ts\": ")
                .thousandths(span.start)
                .end();
        }
        if first && self.options.with_flows {
            self.arrow("f", 0, tid, span.start);
            self.flow_id += 1;
        }
    }

    /// A pair of B and E.
    fn pair(&mut self, pid: i64, tid: i64, name: &str, args: &str, span: Span) {
        for (phase, ts) in [("B", span.start), ("E", span.end)] {
            self.text
                .begin()
                .raw("{")
                .raw(args)
                .raw("\"cat\": \"Runtime\", \"name\": \"")
                .raw(name)
                .raw("\", \"ph\": \"")
                .raw(phase)
                .raw("\", \"pid\": ")
                .int(pid)
                .raw(", \"tid\": ")
                .int(tid)
                .raw(", \"ts\": ")
                .thousandths(ts)
                .end();
        }
    }

    fn synapse_log(&mut self, turn: &Turn) {
        for region in turn.passes.iter().flat_map(Pass::regions) {
            let span = Span::new(region.launch_ns + 2_000, region.launch_ns + 15_000);
            let args = "\"args\": {\"numberTensors\": \"412\", \"streamHandle\": \"0x54f0\"}, ";
            self.pair(SYNAPSE_PID, LAUNCH_TID, "synLaunchWithExternalEvents", args, span);
        }
        for wait in waits(turn) {
            self.pair(
                SYNAPSE_PID,
                WAIT_TID,
                "synEventSynchronize",
                "",
                inside(wait, 1_000),
            );
        }
    }

    fn bridge_log(&mut self, turn: &Turn) {
        for region in turn.passes.iter().flat_map(Pass::regions) {
            // Gathering the graph takes the region's host time, up to the launch.
            let from = region
                .compile
                .as_ref()
                .map_or(region.span.start, |c| c.span.start - 8_000);
            let from = from
                .max(region.launch_ns - 400_000)
                .max(region.span.start + 2_000);
            let sync = Span::new(
                region.compile.as_ref().map_or(from, |c| c.span.start - 8_000),
                region.launch_ns + 18_000,
            );
            self.pair(BRIDGE_PID, PID, "SyncTensorsGraphInternal", "", sync);
            let span = Span::new(region.launch_ns, region.launch_ns + 17_000);
            self.pair(BRIDGE_PID, LAUNCH_TID, "LaunchSyncTensorsGraph", "", span);
        }
        let copy = inside(turn.wait, 500);
        self.pair(BRIDGE_PID, PID, "copy_hpu_lazy_D2H_internal", "", copy);
    }

    /// The start of a vLLM event, up to its name.
    fn server_event(&mut self, name: &str, start: i64) {
        let zero = if self.options.high_level_only { BASE_NS } else { 0 };
        self.text
            .begin()
            .raw("{\"pid\": ")
            .int(PID)
            .raw(", \"tid\": 3, \"ph\": \"X\", \"name\": \"")
            .raw(name)
            .raw("\", \"ts\": ")
            .thousandths(zero + start)
            .raw(", \"dur\": ");
    }

    fn server_slice(&mut self, name: &str, span: Span) {
        self.server_event(name, span.start);
        self.text.thousandths(span.len_ns()).raw(", \"args\": null").end();
    }

    fn counter(&mut self, ts: i64) {
        let zero = if self.options.high_level_only { BASE_NS } else { 0 };
        self.text
            .begin()
            .raw("{\"pid\": ")
            .int(PID)
            .raw(", \"tid\": 1, \"ph\": \"C\", \"name\": \"utils\", \"ts\": ")
            .thousandths(zero + ts)
            .raw(", \"args\": {");
    }

    /// The blocks of what a region compiled, stacked from its start.
    fn blocks(&mut self, region: &Region) {
        let Some(compile) = &region.compile else { return };
        if !self.options.compile_tracking {
            return;
        }
        self.compiles += 1;
        let n = self.compiles;
        self.counter(region.span.start);
        self.text
            .raw("\"cumulative_graph_compilations\": ")
            .int(n)
            .raw("}")
            .end();
        let name = format!("GRAPH COMPILE: {}", compile.graph);
        self.server_event(&name, region.span.start);
        // Whole microseconds, without a point.
        self.text
            .int(compile.span.len_ns() / 1000)
            .raw(", \"args\": null")
            .end();
    }

    fn server(&mut self, turn: &Turn) {
        if self.warmup_open && !turn.warmup {
            self.warmup_open = false;
            let span = Span::new(Plan::warmup_start_ns(), self.last_end + 1_000);
            self.server_slice("warmup", span);
        }
        self.warmup_open |= turn.warmup;
        match self.options.engine {
            Engine::V1 => self.server_v1(turn),
            Engine::V0 => self.server_v0(turn),
        }
        self.last_end = turn.span.end;
    }

    fn server_v1(&mut self, turn: &Turn) {
        self.server_slice("prepare_input_tensors", turn.prepare);
        for pass in &turn.passes {
            let shape = pass.shape;
            let (batch, seq, ctx) = (shape.batch, shape.seq, shape.ctx);
            let graphs = if shape.prefill { 'F' } else { 'T' };
            self.blocks(&pass.forward);
            let name = format!("model_forward_bs{batch}_seq{seq}_ctx{ctx}_graphs{graphs}");
            self.server_slice(&name, pass.forward.span);
            self.blocks(&pass.logits);
            let name = format!("compute_logits{batch}_seq{seq}_ctx{ctx}");
            self.server_slice(&name, pass.logits.span);
            if let Some(sampler) = &pass.sampler {
                self.blocks(sampler);
                self.server_slice("sampler", sampler.span);
            }
            self.server_slice(if shape.prefill { "prefill" } else { "decode" }, pass.span);
            self.pass_counters(turn, pass);
        }
        if let Some(post) = turn.post {
            self.server_slice("sampler_postprocessing", post);
        }
    }

    /// V0 closes its two outer regions in the wrong order: the short one, input preparation, bears the step's
    /// name, and the whole step is called `prepare_input_tensors`.
    fn server_v0(&mut self, turn: &Turn) {
        for pass in &turn.passes {
            let shape = pass.shape;
            let phase = if shape.prefill { "prompt" } else { "decode" };
            let bucket = format!("bs{}_seq{}_ctx{}", shape.batch, shape.seq, shape.ctx);
            self.server_slice(phase, turn.prepare);
            let graphs = if shape.prefill { 'F' } else { 'T' };
            let padded = if shape.prefill { shape.seq } else { 1 };
            let regions = [
                (
                    format!("model_{phase}_{bucket}_graphs{graphs}"),
                    Some(&pass.forward),
                    shape.batch,
                ),
                (
                    format!("compute_logits_{phase}_{bucket}"),
                    Some(&pass.logits),
                    shape.batch,
                ),
                (
                    format!("sample_{phase}_{bucket}"),
                    pass.sampler.as_ref(),
                    pass.real,
                ),
            ];
            for (name, region, requests) in regions {
                let Some(region) = region else { continue };
                self.server_event(&name, region.span.start);
                self.text
                    .thousandths(region.span.len_ns())
                    .raw(", \"args\": {\"real_seq_len\": [");
                for n in 0..requests {
                    if n > 0 {
                        self.text.raw(", ");
                    }
                    self.text.int(i64::from(padded));
                }
                self.text
                    .raw("], \"real_batch_size\": ")
                    .int(i64::from(requests))
                    .raw("}")
                    .end();
            }
            self.server_slice("prepare_input_tensors", pass.span);
            self.pass_counters(turn, pass);
            if turn.warmup {
                let name = format!("warmup_{phase}_{bucket}_multimodalF_graphs{graphs}");
                self.server_slice(&name, Span::new(pass.span.start, pass.span.end + 5_000));
            }
        }
    }

    fn pass_counters(&mut self, turn: &Turn, pass: &Pass) {
        let v1 = self.options.engine == Engine::V1;
        let shape = pass.shape;
        let phase = if shape.prefill { "prompt" } else { "decode" };
        let (real, batch) = (i64::from(pass.real), i64::from(shape.batch));
        let tokens = i64::from(pass.seq_len);
        let dur = pass.span.len_ns().max(1);
        let second = 1_000_000_000;
        self.generated += real;
        self.generating_ns += dur;
        let (generated, generating_ns) = (self.generated, self.generating_ns);
        let per_block = if shape.prefill { real * tokens } else { tokens };
        let blocks = per_block / 128 + real;
        self.counter(pass.span.start);
        let key = |text: &mut Text, first: bool, rest: &str| {
            text.raw(if first { "\"" } else { ", \"" })
                .raw(phase)
                .raw(rest)
                .raw("\": ");
        };
        let text = &mut self.text;
        key(text, true, "_bucket_batch_size");
        text.int(batch);
        key(text, false, "_batch_size");
        text.int(real);
        key(text, false, "_bucket_seq_len");
        text.int(i64::from(shape.seq));
        if v1 {
            key(text, false, "_bucket_ctx_blocks");
            text.int(i64::from(shape.ctx));
        }
        key(text, false, "_seq_len");
        text.int(tokens);
        if v1 {
            key(text, false, "_ctx_len");
            text.int(i64::from(pass.ctx_len));
        }
        key(text, false, "_bucket_gen_throughput");
        text.ratio(batch * second, dur);
        key(text, false, "_real_gen_throughput");
        text.ratio(real * second, dur);
        key(text, false, "_batch_token_utilization");
        text.ratio(per_block, (batch * i64::from(shape.seq)).max(1));
        text.raw(", \"average_real_throughput\": ")
            .ratio(generated * second, generating_ns)
            .raw(", \"engine_iteration\": ")
            .int(i64::from(turn.iteration));
        if shape.prefill {
            text.raw(", \"prompt_bucket_in_throughput\": ")
                .ratio(batch * i64::from(shape.seq) * second, dur)
                .raw(", \"prompt_real_in_throughput\": ")
                .ratio(real * tokens * second, dur);
        }
        let used = blocks.min(2731);
        text.raw(", \"cache_num_blocks_used\": ")
            .int(used)
            .raw(", \"cache_num_free_blocks\": ")
            .int(2731 - used)
            .raw(", \"cache_computed_utilization\": ")
            .ratio(used, 2731);
        key(text, false, "_batch_block_utilization");
        text.ratio(blocks, batch.max(1));
        if turn.iteration == 0 {
            text.raw(", \"const_cache_num_blocks\": 2731, \"const_gpu_memory_utilization\": 0.9")
                .raw(", \"const_block_size\": 128");
        }
        text.raw("}").end();
    }
}

impl Iterator for Chunks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut chunk = Vec::with_capacity(CHUNK + (CHUNK >> 2));
        self.fill(&mut chunk).then_some(chunk)
    }
}

/// `by` ns off each end.
fn inside(span: Span, by: i64) -> Span {
    Span::new(span.start + by, span.end - by)
}

/// All waiting for the device in a turn, in order.
fn waits(turn: &Turn) -> impl Iterator<Item = Span> + '_ {
    turn.passes
        .iter()
        .flat_map(Pass::regions)
        .filter_map(|region| region.wait)
        .chain([turn.wait])
}
