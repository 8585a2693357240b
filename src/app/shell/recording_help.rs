//! How to record a profile: commands to copy, by device and engine.
//!
//! Sources: the documentation of vLLM (contributing/profiling), of vLLM's plugin for Gaudi (dev_guide/profiling), of
//! vLLM MindSpore and vLLM Ascend, and of SGLang (developer_guide/benchmark_and_profiling).

use yew::prelude::*;

use crate::app::components::parts::Copyable;

/// One way to record.
struct Recipe {
    title: &'static str,
    commands: &'static str,
}

/// Recipes for one kind of device.
struct Family {
    title: &'static str,
    recipes: &'static [Recipe],
}

const FAMILIES: [Family; 4] = [
    Family {
        title: "Gaudi, vLLM",
        recipes: &[
            Recipe {
                title: "End to end: serving steps, host and device in one file",
                commands: "export VLLM_PROFILER_ENABLED=full
export VLLM_TORCH_PROFILER_DIR=/tmp/profile
# without the device's hardware trace, the file is far smaller:
# hl-prof-config --use-template profile_api --hw-trace off
# export HABANA_PROFILE=1
vllm serve MODEL
# when warm-up is over and requests run, from another shell:
curl -X POST http://localhost:8000/start_profile
curl -X POST http://localhost:8000/stop_profile
# then open /tmp/profile/vllm.*.pt.trace.json.gz",
            },
            Recipe {
                title: "High level: serving steps only; small, and little overhead",
                commands: "export VLLM_PROFILER_ENABLED=true
vllm serve MODEL
# then open server_events_vllm-instance-*.json from the working directory",
            },
            Recipe {
                title: "Graph compiles by name and cost",
                commands: "export PT_HPU_METRICS_GC_DETAILS=1
export PT_HPU_METRICS_FILE=/tmp/metrics.json
export PT_HPU_METRICS_DUMP_TRIGGERS=process_exit,metric_change
# beside one of the others: the trace then records every graph compile,
# and the metrics file, opened together with it, gives them their true clock.
# Every region is synchronised with the device while this is on.",
            },
            Recipe {
                title: "One decode bucket alone",
                commands: "export VLLM_PT_PROFILE=decode_16_512_t
vllm serve MODEL
# phase _ batch _ length or blocks _ graphs (t or f): profiles that one bucket
# on invented data before warm-up, then stops with an assertion, as it should.
# Then open *.pt.trace.json.gz from the working directory",
            },
            Recipe {
                title: "One decode bucket with what was fused: node names and graphs",
                commands: "hl-prof-config --use-template profile_api_with_nics --fuser on --trace-analyzer on
export HABANA_PROFILE=1
export HABANA_PROFILE_WRITE_HLTV=1
export VLLM_PT_PROFILE=decode_16_512_t
vllm serve MODEL
# then open *.pt.trace.json.gz and *.hltv from the working directory.
# The raw device trace in an .hltv needs Intel's synprof_parser; the CSV files that it writes open here.",
            },
        ],
    },
    Family {
        title: "CUDA, ROCm and other devices, vLLM",
        recipes: &[
            Recipe {
                title: "vLLM 0.13 and later",
                commands: "vllm serve MODEL --profiler-config \
'{\"profiler\": \"torch\", \"torch_profiler_dir\": \"/tmp/profile\"}'
# while a few requests run, from another shell:
curl -X POST http://localhost:8000/start_profile
curl -X POST http://localhost:8000/stop_profile
# then open /tmp/profile/*.pt.trace.json.gz; profiler_out_*.txt may be opened beside it.
# Python stacks are on: \"torch_profiler_with_stack\": false makes the file far smaller.
# Off, and worth it: \"torch_profiler_record_shapes\": true, \"torch_profiler_with_memory\": true",
            },
            Recipe {
                title: "vLLM before 0.13",
                commands: "export VLLM_TORCH_PROFILER_DIR=/tmp/profile
export VLLM_TORCH_PROFILER_RECORD_SHAPES=1
# vLLM before 0.12 marks no steps: leave python stacks on, steps are found by them.
vllm serve MODEL
# while a few requests run, from another shell:
curl -X POST http://localhost:8000/start_profile
curl -X POST http://localhost:8000/stop_profile
# then open /tmp/profile/*.pt.trace.json.gz",
            },
        ],
    },
    Family {
        title: "SGLang",
        recipes: &[Recipe {
            title: "Ten steps of a running server",
            commands: "export SGLANG_TORCH_PROFILER_DIR=/tmp/profile
python -m sglang.launch_server --model-path MODEL
# while requests run, from another shell:
curl -X POST http://localhost:30000/start_profile -H 'Content-Type: application/json' -d '{\"num_steps\": 10}'
# it stops by itself; then open /tmp/profile/*.trace.json.gz",
        }],
    },
    Family {
        title: "Ascend",
        recipes: &[
            Recipe {
                title: "vLLM MindSpore, and vLLM Ascend before 2026",
                commands: "export VLLM_TORCH_PROFILER_DIR=/tmp/profile
vllm serve MODEL
# while a few requests run, from another shell:
curl -X POST http://localhost:8000/start_profile
curl -X POST http://localhost:8000/stop_profile
# then open the folder /tmp/profile: it has one folder *_ascend_ms or *_ascend_pt a worker",
            },
            Recipe {
                title: "vLLM Ascend since 2026",
                commands: "vllm serve MODEL --profiler-config \
'{\"profiler\": \"torch\", \"torch_profiler_dir\": \"/tmp/profile\"}'
# while a few requests run, from another shell:
curl -X POST http://localhost:8000/start_profile
curl -X POST http://localhost:8000/stop_profile
# then open the folder /tmp/profile: it has one folder *_ascend_pt a worker",
            },
        ],
    },
];

/// Commands of all families, folded.
pub fn record() -> Html {
    html! {
        <section class="record" aria-labelledby="record-head">
            <h2 id="record-head">{ "How to record a profile" }</h2>
            { for FAMILIES.iter().map(family) }
        </section>
    }
}

fn family(family: &Family) -> Html {
    html! {
        <>
            <h3>{ family.title }</h3>
            { for family.recipes.iter().map(|recipe| html! {
                <details><summary>{ recipe.title }</summary>
                    <Copyable text={recipe.commands} what={format!("{}: {}", family.title, recipe.title)} />
                </details>
            }) }
        </>
    }
}
