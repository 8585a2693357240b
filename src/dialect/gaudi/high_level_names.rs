//! Names that vLLM's high-level profiler writes for Gaudi, as literals of its sources.
//!
//! | engine | forward pass | logits | sampling |
//! |---|---|---|---|
//! | V1 | `model_forward_bs{B}_seq{S}_ctx{C}_graphs{T or F}` | `compute_logits{B}_seq{S}_ctx{C}` (no `_bs`) | `sampler` |
//! | V0 | `model_{prompt or decode}_bs{B}_seq{S}[_ctx{C}]_graphs{T or F}` | `compute_logits_{phase}_bs{B}…` | `sample_{phase}_bs{B}…` |
//! | unified attention | `model_forward_{phase}_qlen{}_nsb{}_nub{}_nlog{}` around a V1 one | | `unified_sampler` |
//!
//! Ranks that do not drive the engine write `model_executable` and no shapes.

use crate::dialect::pattern::Rest;
use crate::dialect::terms::{Bucket, Phase};

/// What one name of the profiler says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EngineName<'a> {
    /// `warmup`, and V0's `warmup_{phase}_bs…`.
    Warmup,
    /// `prepare_input_tensors`.
    Prepare,
    /// `prepare_unified_batch`.
    PrepareUnified,
    /// `prepare_input_encoders`, `encoder_…`.
    PrepareEncoders,
    /// `prefill`, `prompt`, `decode`.
    Phase(Phase),
    Model(Model),
    /// `model_executable`.
    ModelExecutable,
    /// Unified attention's forward pass.
    Unified(Phase),
    Logits,
    Sample,
    /// `sampler_postprocessing`, `unified_postprocess`.
    Post,
    /// `GRAPH COMPILE: <recipe>`.
    Compile(&'a str),
    StartProfiler,
}

/// A forward pass of known shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// V0 names it.
    pub phase: Option<Phase>,
    pub bucket: Bucket,
    pub graphs: bool,
}

impl Model {
    /// V1 runs one token a request in decode, and names no phase.
    pub fn phase(&self) -> Phase {
        self.phase.unwrap_or(match self.bucket.seq {
            Some(1) => Phase::Decode,
            _ => Phase::Prefill,
        })
    }
}

const PHASES: &[(&str, Phase)] = &[("prompt_", Phase::Prefill), ("decode_", Phase::Decode)];

impl<'a> EngineName<'a> {
    /// What `name` says, if it is the profiler's.
    pub fn parse(name: &'a str) -> Option<EngineName<'a>> {
        Some(match name {
            "warmup" => EngineName::Warmup,
            "prepare_input_tensors" => EngineName::Prepare,
            "prepare_unified_batch" => EngineName::PrepareUnified,
            "prepare_input_encoders" => EngineName::PrepareEncoders,
            "prefill" | "prompt" => EngineName::Phase(Phase::Prefill),
            "decode" => EngineName::Phase(Phase::Decode),
            "model_executable" => EngineName::ModelExecutable,
            "sampler" | "unified_sampler" => EngineName::Sample,
            "sampler_postprocessing" | "unified_postprocess" => EngineName::Post,
            "start_profiler" => EngineName::StartProfiler,
            _ => return parse_shaped(name),
        })
    }

    /// Whether the name alone tells the profiler: other tracers may well write `decode`.
    pub fn is_unmistakable(self) -> bool {
        !matches!(
            self,
            EngineName::Warmup
                | EngineName::Phase(_)
                | EngineName::PrepareEncoders
                | EngineName::Sample
                | EngineName::StartProfiler
        )
    }
}

fn parse_shaped(name: &str) -> Option<EngineName<'_>> {
    if let Some(recipe) = name.strip_prefix("GRAPH COMPILE: ") {
        return Some(EngineName::Compile(recipe));
    }
    if let Some(model) = parse_model(name) {
        return Some(EngineName::Model(model));
    }
    if let Some(phase) = parse_unified(name) {
        return Some(EngineName::Unified(phase));
    }
    if name.starts_with("warmup_") {
        return Some(EngineName::Warmup);
    }
    if name.starts_with("encoder_") {
        return Some(EngineName::PrepareEncoders);
    }
    let mut rest = Rest(name);
    if rest.eat("compute_logits").is_some() {
        let phase_named = rest.eat("_").and_then(|()| rest.eat_any(PHASES));
        if phase_named.is_some() {
            rest.eat("bs")?;
        }
        return parse_shape(&mut rest).map(|_| EngineName::Logits);
    }
    let mut rest = Rest(name);
    rest.eat("sample_")?;
    rest.eat_any(PHASES)?;
    rest.eat("bs")?;
    parse_shape(&mut rest).map(|_| EngineName::Sample)
}

/// `{B}_seq{S}[_ctx{C}]`
fn parse_shape(rest: &mut Rest<'_>) -> Option<Bucket> {
    Some(Bucket {
        batch: rest.number()?,
        seq: Some(rest.maybe_number("_seq")?),
        ctx: rest.maybe_number("_ctx"),
    })
}

fn parse_model(name: &str) -> Option<Model> {
    let mut rest = Rest(name);
    rest.eat("model_")?;
    rest.eat("forward_");
    let phase = rest.eat_any(PHASES);
    rest.eat("bs")?;
    let bucket = parse_shape(&mut rest)?;
    rest.eat("_graphs")?;
    let graphs = rest.eat_any(&[("T", true), ("F", false)])?;
    rest.done()?;
    Some(Model {
        phase,
        bucket,
        graphs,
    })
}

fn parse_unified(name: &str) -> Option<Phase> {
    let mut rest = Rest(name);
    rest.eat("model_forward_")?;
    let phase = rest.until("_qlen")?;
    rest.number::<u64>()?;
    for field in ["_nsb", "_nub", "_nlog"] {
        rest.maybe_number::<u64>(field)?;
    }
    rest.done()?;
    Some(match phase {
        "prompt" | "prefill" => Phase::Prefill,
        "decode" => Phase::Decode,
        "mixed" | "mix" => Phase::Mixed,
        _ => Phase::Unknown,
    })
}

/// A host call without the device that some tracers put behind it: `compileGraph (accel0)`.
pub fn without_device(name: &str) -> &str {
    match name.split_once(" (accel") {
        Some((call, rest)) if rest.ends_with(')') => call,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(batch: u32, seq: u32, ctx: Option<u32>) -> Bucket {
        Bucket {
            batch,
            seq: Some(seq),
            ctx,
        }
    }

    #[test]
    fn every_literal_name_of_the_sources_is_known() {
        use EngineName::*;
        let model = |phase, bucket, graphs| {
            Some(Model(super::Model {
                phase,
                bucket,
                graphs,
            }))
        };
        let cases = [
            ("warmup", Some(Warmup)),
            ("warmup_prompt_bs1_seq128_ctx0_multimodalF_graphsT", Some(Warmup)),
            ("prepare_input_tensors", Some(Prepare)),
            ("prepare_unified_batch", Some(PrepareUnified)),
            ("prepare_input_encoders", Some(PrepareEncoders)),
            ("prefill", Some(Phase(super::Phase::Prefill))),
            ("prompt", Some(Phase(super::Phase::Prefill))),
            ("decode", Some(Phase(super::Phase::Decode))),
            (
                "model_forward_bs1_seq128_ctx0_graphsT",
                model(None, bucket(1, 128, Some(0)), true),
            ),
            (
                "model_bs2_seq256_graphsF",
                model(None, bucket(2, 256, None), false),
            ),
            (
                "model_decode_bs4_seq1_ctx128_graphsT",
                model(Some(super::Phase::Decode), bucket(4, 1, Some(128)), true),
            ),
            (
                "model_prompt_bs4_seq256_graphsF",
                model(Some(super::Phase::Prefill), bucket(4, 256, None), false),
            ),
            ("model_executable", Some(ModelExecutable)),
            (
                "model_forward_decode_qlen4_nsb1_nub2_nlog4",
                Some(Unified(super::Phase::Decode)),
            ),
            (
                "model_forward_mixed_qlen64_nsb1_nub2_nlog4",
                Some(Unified(super::Phase::Mixed)),
            ),
            ("compute_logits1_seq128_ctx0", Some(Logits)),
            ("compute_logits_decode_bs4_seq1_ctx128", Some(Logits)),
            ("compute_logits_prompt_bs4_seq256", Some(Logits)),
            ("sampler", Some(Sample)),
            ("sample_decode_bs4_seq1_ctx128", Some(Sample)),
            ("sampler_postprocessing", Some(Post)),
            (
                "GRAPH COMPILE: .graph_dumps/a b",
                Some(Compile(".graph_dumps/a b")),
            ),
            ("start_profiler", Some(StartProfiler)),
            ("model_forward_bs1_seq128_ctx0_graphsX", None),
            ("model_forward_bs1", None),
            ("decode_step", None),
            ("aten::copy_", None),
        ];
        for (name, says) in cases {
            assert_eq!(EngineName::parse(name), says, "{name}");
        }
    }

    #[test]
    fn the_device_behind_a_call_is_cut() {
        assert_eq!(without_device("compileGraph (accel0)"), "compileGraph");
        assert_eq!(without_device("compileGraph"), "compileGraph");
        assert_eq!(without_device("f (accel"), "f (accel");
    }
}
