//! What the names inside and around a step mean for it: python functions of serving engines, modules of models,
//! operators. They are not recorded as parts of a step; parts are derived from them.

use rustc_hash::FxHashMap;

use crate::base::NameId;
use crate::index::trace_columns::Index;

use super::pattern::{has, python_frame};
use super::vllm;
use super::vocabulary::{Part, Role};

/// What a slice tells of the step that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A call that holds one whole step, or its model call with what belongs to it.
    Iteration,
    Part(Part),
    /// Forward, unless something around it says otherwise.
    Module,
    /// An operator of the model.
    Model,
    /// An operator that chooses tokens.
    Sampling,
}

/// The words of a trace, by name.
pub fn words(index: &Index) -> FxHashMap<NameId, Word> {
    let names = index.names.iter();
    names
        .filter_map(|(id, text)| {
            Some((
                id,
                frame(text)
                    .or_else(|| annotation(text))
                    .or_else(|| operator(text))?,
            ))
        })
        .collect()
}

/// What a slice tells, by its name's word and its role.
pub fn of_slice(word: Option<Word>, role: Role) -> Option<Word> {
    match role {
        Role::Wait => Some(Word::Part(Part::Wait)),
        Role::CompileDynamo | Role::GraphCapture | Role::CompileEngine => None,
        _ if role.is_device() || role == Role::SyncRecord => None,
        // A python frame has the name of a function, never of an operator.
        Role::PythonFrame => word.filter(|w| !matches!(w, Word::Model | Word::Sampling)),
        _ => word,
    }
}

fn annotation(text: &str) -> Option<Word> {
    if text == "scheduler.run_batch" {
        return Some(Word::Iteration);
    }
    vllm::part(text).map(|(part, _)| Word::Part(part))
}

/// By functions of vLLM (V0, V1, both model runners), vllm-ascend and SGLang.
fn frame(text: &str) -> Option<Word> {
    if let Some(module) = text.strip_prefix("nn.Module: ") {
        return Some(match module {
            _ if module.contains("Sampler") => Word::Part(Part::Sample),
            _ if module.contains("LogitsProcessor") => Word::Part(Part::Logits),
            _ => Word::Module,
        });
    }
    if text.starts_with("<built-in method synchronize of ") {
        return Some(Word::Part(Part::Wait));
    }
    let (file, function) = python_frame(text)?;
    let path = text.split(".py(").next()?;
    if !(has(path, "vllm") || has(path, "sglang")) {
        return None;
    }
    let bare = function.trim_start_matches('_');
    let part = match bare {
        "execute_model" | "step_with_batch_queue" | "run_batch" | "forward_batch_generation" => {
            return Some(Word::Iteration);
        }
        "step" if file == "core" || file.ends_with("llm_engine") => return Some(Word::Iteration),
        "schedule" if has(file, "scheduler") => Part::Schedule,
        "recv_requests" | "process_input_requests" | "get_next_batch_to_run" => Part::Schedule,
        "update_states"
        | "preprocess"
        | "init_new"
        | "replay_prepare"
        | "finish_requests"
        | "add_requests"
        | "update_requests"
        | "determine_batch_execution_and_padding" => Part::Prepare,
        _ if ["prepare_", "build_att", "init_forward_metadata"]
            .iter()
            .any(|p| bare.starts_with(p)) =>
        {
            Part::Prepare
        }
        "model_forward" | "forward_decode" | "forward_extend" | "forward_idle" | "forward_raw"
        | "run_fullgraph" => Part::Forward,
        "forward" if has(file, "model_runner") => Part::Forward,
        "replay" | "run" | "execute" if has(file, "graph") => Part::Forward,
        "__call__" if has(file, "cuda_graph") => Part::Forward,
        "compute_logits" | "get_logits" => Part::Logits,
        "sample" | "sample_tokens" | "apply_grammar_bitmask" => Part::Sample,
        "propose" | "draft" | "draft_forward" | "forward_draft_extend" => Part::Draft,
        _ if bare.starts_with("propose_draft") || bare.starts_with("draft_extend") => Part::Draft,
        "bookkeeping_sync"
        | "update_from_output"
        | "postprocess"
        | "process_outputs"
        | "process_model_outputs" => Part::Post,
        _ if bare.starts_with("process_batch_result") => Part::Post,
        _ => return None,
    };
    Some(Word::Part(part))
}

fn operator(text: &str) -> Option<Word> {
    const MODEL: [&str; 9] = [
        "embedding",
        "linear",
        "addmm",
        "matmul",
        "mm",
        "bmm",
        "layer_norm",
        "rms_norm",
        "scaled_dot_product_attention",
    ];
    const SAMPLING: [&str; 9] = [
        "argmax",
        "sort",
        "topk",
        "softmax",
        "log_softmax",
        "multinomial",
        "exponential_",
        "gather",
        "sampler",
    ];
    if text == "CompiledFunction" || text.starts_with("Torch-Compiled Region") || has(text, "graphlaunch") {
        return Some(Word::Model);
    }
    let (space, name) = text.split_once("::")?;
    if name.contains("::") || space.contains(' ') {
        return None;
    }
    if SAMPLING.contains(&name) {
        return Some(Word::Sampling);
    }
    let is_engines = space.contains("vllm") || space.contains("sglang") || space.contains("sgl_kernel");
    let is_model = MODEL.contains(&name) || has(name, "attention") || is_engines;
    is_model.then_some(Word::Model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_engines_are_known_whatever_the_path_before() {
        let is = |text: &str| frame(text);
        let cases = [
            (
                "/home/x/vllm/v1/core/sched/scheduler.py(216): schedule",
                Some(Word::Part(Part::Schedule)),
            ),
            ("vllm/v1/engine/core.py(336): step", Some(Word::Iteration)),
            ("torch/optim/optimizer.py(12): step", None),
            (
                "vllm/v1/worker/gpu/model_runner.py(9): prepare_inputs",
                Some(Word::Part(Part::Prepare)),
            ),
            (
                "vllm/v1/worker/gpu_model_runner.py(9): _prepare_inputs",
                Some(Word::Part(Part::Prepare)),
            ),
            (
                "vllm/v1/worker/gpu_model_runner.py(3165): sample_tokens",
                Some(Word::Part(Part::Sample)),
            ),
            (
                "sglang/srt/managers/scheduler.py(3): process_batch_result_decode",
                Some(Word::Part(Part::Post)),
            ),
            (
                "sglang/srt/model_executor/cuda_graph_runner.py(3): replay",
                Some(Word::Part(Part::Forward)),
            ),
            ("nn.Module: Sampler_0", Some(Word::Part(Part::Sample))),
            ("nn.Module: LlamaForCausalLM_0", Some(Word::Module)),
            (
                "<built-in method synchronize of torch.Event object at 0x7f>",
                Some(Word::Part(Part::Wait)),
            ),
            ("random.py(3): sample", None),
        ];
        for (text, expected) in cases {
            assert_eq!(is(text), expected, "{text}");
        }
        assert_eq!(operator("aten::mm"), Some(Word::Model));
        assert_eq!(operator("vllm::unified_attention_with_output"), Some(Word::Model));
        assert_eq!(operator("vllm::sampler"), Some(Word::Sampling));
        assert_eq!(operator("aten::copy_"), None);
        assert_eq!(operator("void vllm::rms_norm_kernel<float>(…)"), None);
    }
}
