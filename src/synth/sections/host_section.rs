//! Torch's operators, and python frames, of the main thread.

use super::events::{inside, rest};
use crate::base::Random;
use crate::base::Span;
use crate::synth::invented_server::{Iteration, PID};
use crate::synth::python_json::Text;
use crate::synth::{Engine, Options};

#[derive(Debug)]
pub struct Host {
    options: Options,
    capture: Span,
    ev_idx: i64,
    external_id: i64,
    python_id: i64,
    /// Whether an iteration has been written.
    is_begun: bool,
}

impl Host {
    pub fn new(options: &Options, capture: Span) -> Host {
        Host {
            options: options.clone(),
            capture,
            ev_idx: 0,
            external_id: 1,
            python_id: 1,
            is_begun: false,
        }
    }

    fn operator(&mut self, text: &mut Text, name: &str, span: Span) {
        let (ev, external) = (self.ev_idx, self.external_id);
        self.ev_idx += 1;
        self.external_id += 1;
        text.begin()
            .raw("{\"args\": {\"Ev Idx\": ")
            .int(ev)
            .raw(", \"External id\": ")
            .int(external)
            .raw(", \"Record function id\": 0}");
        rest(text, "cpu_op", name, PID, PID, span);
    }

    /// A python frame; gives its id.
    fn frame(&mut self, text: &mut Text, name: &str, parent: i64, pid: i64, span: Span) -> i64 {
        let (ev, id) = (self.ev_idx, self.python_id);
        self.ev_idx += 1;
        self.python_id += 1;
        text.begin()
            .raw("{\"args\": {\"Ev Idx\": ")
            .int(ev)
            .raw(", \"Python id\": ")
            .int(id)
            .raw(", \"Python parent id\": ")
            .int(parent)
            .raw("}");
        rest(text, "python_function", name, pid, pid, span);
        id
    }

    /// Frames that stay open for the whole capture.
    fn outer_frames(&mut self, text: &mut Text) {
        let all = Span::new(self.capture.start + 20_000, self.capture.end - 20_000);
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
            parent = self.frame(text, name, parent, PID, all);
        }
        // Frames of a thread that torch does not know land on pid 0, beside the device.
        let bootstrap = self.frame(text, "threading.py(973): _bootstrap", 0, 0, all);
        self.frame(
            text,
            "vllm/usage/usage_lib.py(163): _report_usage_worker",
            bootstrap,
            0,
            all,
        );
    }

    /// Operators and python frames of the main thread.
    pub fn iteration(&mut self, text: &mut Text, iteration: &Iteration) {
        let mut random = Random::new(iteration.seed);
        if self.options.with_python {
            if !self.is_begun {
                self.outer_frames(text);
            }
            self.frames(text, iteration);
        }
        self.is_begun = true;
        // Inputs go to the device one tensor after the other.
        let mut at = iteration.prepare.start + 300_000;
        for _ in 0..2 {
            let span = Span::new(at, at + random.time(90, 260));
            self.operator(text, "aten::to", span);
            self.operator(text, "aten::_to_copy", inside(span, 2_000));
            self.operator(text, "aten::copy_", inside(span, 4_000));
            at = span.end + random.time(20, 120);
        }
        for pass in &iteration.passes {
            let logits = pass.logits.span;
            self.operator(
                text,
                "aten::index_select",
                Span::new(logits.start + 12_000, logits.start + 52_000),
            );
            if let Some(sampler) = &pass.sampler {
                let start = sampler.span.start;
                self.operator(text, "aten::argmax", Span::new(start + 30_000, start + 130_000));
                if let Some(stall) = sampler.stall {
                    self.operator(text, "aten::multinomial", stall);
                }
            }
        }
        self.operator(text, "aten::to", inside(iteration.wait, 3_000));
        self.operator(text, "aten::_to_copy", inside(iteration.wait, 5_000));
        self.operator(text, "aten::copy_", inside(iteration.wait, 7_000));
    }

    fn frames(&mut self, text: &mut Text, iteration: &Iteration) {
        let v1 = self.options.engine == Engine::V1;
        let pick = |new: &'static str, old: &'static str| if v1 { new } else { old };
        let name = pick(
            "vllm/v1/engine/core.py(671): _process_engine_step",
            "vllm/engine/llm_engine.py(1251): step",
        );
        let step = self.frame(text, name, 0, PID, iteration.span);
        let name = pick(
            "vllm/v1/core/sched/scheduler.py(183): schedule",
            "vllm/core/scheduler.py(1330): schedule",
        );
        self.frame(text, name, step, PID, iteration.schedule);
        let model_end = iteration.post.map_or(
            iteration.passes.last().map_or(iteration.wait.end, |p| p.span.end),
            |p| p.end,
        );
        let model = Span::new(iteration.prepare.start - 40_000, model_end + 10_000);
        let name = pick(
            "vllm_gaudi/v1/worker/hpu_worker.py(371): execute_model",
            "vllm/worker/hpu_worker.py(233): execute_model",
        );
        let worker = self.frame(text, name, step, PID, model);
        let name = pick(
            "vllm_gaudi/v1/worker/hpu_model_runner.py(2907): execute_model",
            "vllm/worker/hpu_model_runner.py(2443): execute_model",
        );
        let runner = self.frame(text, name, worker, PID, inside(model, 4_000));
        let name = pick(
            "vllm_gaudi/v1/worker/hpu_model_runner.py(1741): _prepare_inputs",
            "vllm/worker/hpu_model_runner.py(1507): prepare_input_tensors",
        );
        self.frame(text, name, runner, PID, inside(iteration.prepare, 2_000));
        for pass in &iteration.passes {
            let call = Span::new(pass.forward.span.start + 5_000, pass.forward.launch_ns + 30_000);
            let forward = self.frame(
                text,
                "habana_frameworks/torch/hpu/graphs.py(716): forward",
                runner,
                PID,
                call,
            );
            if pass.forward.compile.is_none() {
                let replay = Span::new(call.start + call.len_ns() / 3, call.end - 3_000);
                self.frame(
                    text,
                    "<built-in method replayV3 of PyCapsule object at 0x7f1c2a9d4b10>",
                    forward,
                    PID,
                    replay,
                );
            }
            if let Some(sampler) = &pass.sampler {
                self.frame(
                    text,
                    "nn.Module: Sampler_0",
                    runner,
                    PID,
                    inside(sampler.span, 2_000),
                );
            }
        }
        if iteration.post.is_some() {
            self.frame(
                text,
                "<built-in method tolist of Tensor object at 0x7f209aa696c0>",
                runner,
                PID,
                inside(iteration.wait, 1_000),
            );
        }
        let name = pick(
            "vllm/v1/core/sched/scheduler.py(961): update_from_output",
            "vllm/engine/llm_engine.py(1030): _process_model_outputs",
        );
        self.frame(text, name, step, PID, iteration.update);
    }
}
