//! Launches, waits, compiles and the device's work, as Synapse's profiler has them.

use super::events::{inside, rest, waits};
use super::section_tracks::{
    DMA_TID, HOST_PROFILER_PID, HOST_PROFILER_TID, HOST_WAIT_TID, MATRIX_TID, NIC_TID, VECTOR_TID,
    matrix_lanes, vector_lanes,
};
use crate::base::Span;
use crate::synth::Options;
use crate::synth::invented_server::{self, Graph, Iteration, Region, Work, WorkEngine};
use crate::synth::python_json::Text;

/// A graph with all that its events say of it.
#[derive(Debug)]
struct Recipe {
    graph: Graph,
    id: i64,
    name: String,
    /// The end of a device event's args, and what follows up to its duration.
    device_args: String,
}

#[derive(Debug)]
pub struct Device {
    options: Options,
    recipes: Vec<Recipe>,
    flow_id: i64,
}

impl Device {
    pub fn new(options: &Options) -> Device {
        Device {
            options: options.clone(),
            recipes: Vec::new(),
            flow_id: 0,
        }
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
    pub fn iteration(&mut self, text: &mut Text, iteration: &Iteration) {
        for pass in &iteration.passes {
            for region in pass.regions() {
                let recipe = self.recipe(region.graph);
                self.launch(text, region, recipe);
                if self.options.with_device {
                    let mut first = true;
                    invented_server::work(region, self.options.layers, |work| {
                        self.work(text, work, recipe, std::mem::take(&mut first));
                    });
                }
            }
        }
        for wait in waits(iteration) {
            text.begin()
                .raw("{\"args\": {\"eventHandle\": \"0x0\", \"streamHandle\": \"0x54f0000000000001\"}");
            rest(
                text,
                "Runtime",
                "synchronizeEvent (accel0)",
                HOST_PROFILER_PID,
                HOST_WAIT_TID,
                inside(wait, 2_000),
            );
        }
    }

    fn launch(&self, text: &mut Text, region: &Region, recipe: usize) {
        let Recipe { id, ref name, .. } = self.recipes[recipe];
        let handle = 0x55ce_8427_0000 + id.unsigned_abs() * 0x1790;
        let call = |text: &mut Text, what: &str, span: Span| {
            text.begin()
                .raw("{\"args\": {\"dataType\": \"\", \"eventHandle\": \"0x0\", \"recipeHandle\": \"")
                .hex(handle)
                .raw("\", \"recipeId\": ")
                .int(id)
                .raw(", \"recipeName\": \"")
                .raw(name)
                .raw("\", \"streamHandle\": \"0x54f0000000000001\"}");
            rest(text, "Runtime", what, HOST_PROFILER_PID, HOST_PROFILER_TID, span);
        };
        if let (true, Some(compile)) = (self.options.compile_events, &region.compile) {
            call(text, "compileGraph (accel0)", compile.span);
        }
        let span = Span::new(region.launch_ns + 3_000, region.launch_ns + 14_000);
        call(text, "enqueueWithExternalEventsExt (accel0)", span);
        if self.options.with_flows {
            self.arrow(text, "s", HOST_PROFILER_PID, HOST_PROFILER_TID, span.start);
        }
    }

    fn arrow(&self, text: &mut Text, phase: &str, pid: i64, tid: i64, ts: i64) {
        let id = self.flow_id;
        text.begin()
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

    fn work(&mut self, text: &mut Text, work: Work, recipe: usize, first: bool) {
        let (lanes, tid, node, hardware, category, name) = match work.engine {
            WorkEngine::Matrix => (
                matrix_lanes(&self.options),
                MATRIX_TID,
                ("lb_bundle_", "/batch_gemm/144"),
                "MMEH_WB_STORE",
                "Kernel",
                "BatchGemm",
            ),
            WorkEngine::Vector => (
                vector_lanes(&self.options),
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
            self.arrow(text, "f", 0, tid, span.start);
            self.flow_id += 1;
        }
    }
}
