//! vLLM's own events: the regions of each step, counters, and warm-up around the steps before serving.

use crate::base::Span;
use crate::synth::invented_server::{BASE_NS, Iteration, PID, Pass, Plan, Region};
use crate::synth::python_json::Text;
use crate::synth::{Engine, Options};

#[derive(Debug)]
pub struct Server {
    options: Options,
    /// The end of the last iteration that was written.
    last_end: i64,
    compiles: i64,
    /// Sums for vLLM's running average: requests, and ns.
    generated: i64,
    generating_ns: i64,
    warmup_open: bool,
}

impl Server {
    pub fn new(options: &Options) -> Server {
        Server {
            options: options.clone(),
            last_end: 0,
            compiles: 0,
            generated: 0,
            generating_ns: 0,
            warmup_open: false,
        }
    }

    /// The start of a vLLM event, up to its name.
    fn server_event(&mut self, text: &mut Text, name: &str, start: i64) {
        let zero = if self.options.high_level_only { BASE_NS } else { 0 };
        text.begin()
            .raw("{\"pid\": ")
            .int(PID)
            .raw(", \"tid\": 3, \"ph\": \"X\", \"name\": \"")
            .raw(name)
            .raw("\", \"ts\": ")
            .thousandths(zero + start)
            .raw(", \"dur\": ");
    }

    fn server_slice(&mut self, text: &mut Text, name: &str, span: Span) {
        self.server_event(text, name, span.start);
        text.thousandths(span.len_ns()).raw(", \"args\": null").end();
    }

    fn counter(&mut self, text: &mut Text, ts: i64) {
        let zero = if self.options.high_level_only { BASE_NS } else { 0 };
        text.begin()
            .raw("{\"pid\": ")
            .int(PID)
            .raw(", \"tid\": 1, \"ph\": \"C\", \"name\": \"utils\", \"ts\": ")
            .thousandths(zero + ts)
            .raw(", \"args\": {");
    }

    /// The blocks of what a region compiled, stacked from its start.
    fn blocks(&mut self, text: &mut Text, region: &Region) {
        let Some(compile) = &region.compile else { return };
        if !self.options.compile_tracking {
            return;
        }
        self.compiles += 1;
        let n = self.compiles;
        self.counter(text, region.span.start);
        text.raw("\"cumulative_graph_compilations\": ")
            .int(n)
            .raw("}")
            .end();
        let name = format!("GRAPH COMPILE: {}", compile.graph);
        self.server_event(text, &name, region.span.start);
        // Whole microseconds, without a point.
        text.int(compile.span.len_ns() / 1000)
            .raw(", \"args\": null")
            .end();
    }

    pub fn iteration(&mut self, text: &mut Text, iteration: &Iteration) {
        if self.warmup_open && !iteration.warmup {
            self.warmup_open = false;
            let span = Span::new(Plan::warmup_start_ns(), self.last_end + 1_000);
            self.server_slice(text, "warmup", span);
        }
        self.warmup_open |= iteration.warmup;
        match self.options.engine {
            Engine::V1 => self.server_v1(text, iteration),
            Engine::V0 => self.server_v0(text, iteration),
        }
        self.last_end = iteration.span.end;
    }

    fn server_v1(&mut self, text: &mut Text, iteration: &Iteration) {
        self.server_slice(text, "prepare_input_tensors", iteration.prepare);
        for pass in &iteration.passes {
            let shape = pass.shape;
            let (batch, seq, ctx) = (shape.batch, shape.seq, shape.ctx);
            let graphs = if shape.prefill { 'F' } else { 'T' };
            self.blocks(text, &pass.forward);
            let name = format!("model_forward_bs{batch}_seq{seq}_ctx{ctx}_graphs{graphs}");
            self.server_slice(text, &name, pass.forward.span);
            self.blocks(text, &pass.logits);
            let name = format!("compute_logits{batch}_seq{seq}_ctx{ctx}");
            self.server_slice(text, &name, pass.logits.span);
            if let Some(sampler) = &pass.sampler {
                self.blocks(text, sampler);
                self.server_slice(text, "sampler", sampler.span);
            }
            self.server_slice(text, if shape.prefill { "prefill" } else { "decode" }, pass.span);
            self.pass_counters(text, iteration, pass);
        }
        if let Some(post) = iteration.post {
            self.server_slice(text, "sampler_postprocessing", post);
        }
    }

    /// V0 closes its two outer regions in the wrong order: the short one, input preparation, bears the step's
    /// name, and the whole step is called `prepare_input_tensors`.
    fn server_v0(&mut self, text: &mut Text, iteration: &Iteration) {
        for pass in &iteration.passes {
            let shape = pass.shape;
            let phase = if shape.prefill { "prompt" } else { "decode" };
            let bucket = format!("bs{}_seq{}_ctx{}", shape.batch, shape.seq, shape.ctx);
            self.server_slice(text, phase, iteration.prepare);
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
                self.server_event(text, &name, region.span.start);
                text.thousandths(region.span.len_ns())
                    .raw(", \"args\": {\"real_seq_len\": [");
                for n in 0..requests {
                    if n > 0 {
                        text.raw(", ");
                    }
                    text.int(i64::from(padded));
                }
                text.raw("], \"real_batch_size\": ")
                    .int(i64::from(requests))
                    .raw("}")
                    .end();
            }
            self.server_slice(text, "prepare_input_tensors", pass.span);
            self.pass_counters(text, iteration, pass);
            if iteration.warmup {
                let name = format!("warmup_{phase}_{bucket}_multimodalF_graphs{graphs}");
                self.server_slice(text, &name, Span::new(pass.span.start, pass.span.end + 5_000));
            }
        }
    }

    fn pass_counters(&mut self, text: &mut Text, iteration: &Iteration, pass: &Pass) {
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
        self.counter(text, pass.span.start);
        let key = |text: &mut Text, first: bool, rest: &str| {
            text.raw(if first { "\"" } else { ", \"" })
                .raw(phase)
                .raw(rest)
                .raw("\": ");
        };
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
            .int(i64::from(iteration.iteration));
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
        if iteration.iteration == 0 {
            text.raw(", \"const_cache_num_blocks\": 2731, \"const_gpu_memory_utilization\": 0.9")
                .raw(", \"const_block_size\": 128");
        }
        text.raw("}").end();
    }
}
