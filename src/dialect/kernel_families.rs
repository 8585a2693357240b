//! What family of work a kernel belongs to, by its name.
//!
//! Libraries name their kernels after what they compute, so that a list of words tells most of them. The first line
//! that fits decides: special work stands before general (a fused mixture-of-experts product before any product).
//! Names were read in traces of vLLM, SGLang, TensorRT-LLM, PyTorch, AITER, hipBLASLt, cuBLAS, CUTLASS, Triton and
//! CANN.

use super::pattern::has;
use crate::base::closed_set::closed_set;

closed_set! {
    /// A family of device work.
    #[derive(Default)]
    pub enum Family {
        word: &'static str,
        means: &'static str,
    }
    Communication "communication" { word: "communication", means: "Collectives and point-to-point transfers." }
    Attention "attention" { word: "attention", means: "Attention over the cached context." }
    Moe "moe" { word: "mixture of experts", means: "Routing, expert products and their combination." }
    Gemm "gemm" { word: "matrix products", means: "Linear layers outside of experts." }
    Norm "norm" { word: "normalisation", means: "RMS and layer normalisation, with what is fused into it." }
    KvCache "kv_cache" { word: "KV cache", means: "Writing keys and values into the cache." }
    Rope "rope" { word: "rotary embedding", means: "Rotation of queries and keys by position." }
    Sampling "sampling" {
        word: "sampling",
        means: "From logits to tokens: softmax, sorting, top-k, random numbers, where no forward pass launched them.",
    }
    Quantisation "quantisation" { word: "quantisation", means: "Conversion to and from narrow number formats." }
    Fused "fused" { word: "fused by a compiler", means: "Kernels that a compiler made of several operators." }
    Activation "activation" {
        word: "activation with product",
        means: "SwiGLU and the like: the activation and the product that follows it, in one kernel.",
    }
    Elementwise "elementwise" {
        word: "elementwise and copies, not fused",
        means: "Single operators on each element, reductions, softmax and sorting in the forward pass, concatenations \
                and copies, each a kernel of its own.",
    }
    Copy "copy" { word: "copies and fills", means: "Copies and memsets by the runtime." }
    #[default]
    Other "other" { word: "other", means: "No word of the name tells." }
}

/// A word of a name, in lower case, and the family that it tells.
const WORDS: &[(&str, Family)] = &[
    ("concat_and_cache", Family::KvCache),
    ("fmha", Family::Attention),
    ("mla_", Family::Attention),
    ("flashmla", Family::Attention),
    ("attention", Family::Attention),
    ("attn", Family::Attention),
    ("flash_fwd", Family::Attention),
    ("flash::", Family::Attention),
    ("reduce_segments", Family::Attention),
    ("flash_bwd", Family::Attention),
    // FlashInfer's, with `KVCache` behind it.
    ("prefillwith", Family::Attention),
    ("decodewith", Family::Attention),
    ("incre_flash", Family::Attention),
    ("marlin_moe", Family::Moe),
    ("moe", Family::Moe),
    ("expert", Family::Moe),
    ("topkgating", Family::Moe),
    ("grouped_gemm", Family::Moe),
    ("groupedmatmul", Family::Moe),
    ("grouped_matmul", Family::Moe),
    ("matmul_ogs", Family::Moe),
    ("_routing", Family::Moe),
    ("routingindices", Family::Moe),
    ("bitmatrix", Family::Moe),
    ("finalize_matmul_scatter", Family::Moe),
    ("_dynbatch", Family::Moe),
    ("reshape_and_cache", Family::KvCache),
    ("store_kvcache", Family::KvCache),
    ("kv_cache", Family::KvCache),
    ("kvcache", Family::KvCache),
    ("scatterpakv", Family::KvCache),
    ("triton_poi_fused", Family::Fused),
    ("triton_red_fused", Family::Fused),
    ("triton_per_fused", Family::Fused),
    ("triton_tem_fused", Family::Gemm),
    ("rmsnorm", Family::Norm),
    ("rms_norm", Family::Norm),
    ("layernorm", Family::Norm),
    ("layer_norm", Family::Norm),
    ("group_norm", Family::Norm),
    ("batch_norm", Family::Norm),
    ("rotary", Family::Rope),
    ("rope", Family::Rope),
    ("quantize", Family::Quantisation),
    ("quant_kernel", Family::Quantisation),
    ("_quant_", Family::Quantisation),
    ("dynamicquant", Family::Quantisation),
    ("gemm", Family::Gemm),
    ("gemv", Family::Gemm),
    ("matmul", Family::Gemm),
    ("nvjet", Family::Gemm),
    ("cijk_", Family::Gemm),
    ("cutlass", Family::Gemm),
    ("bmm", Family::Gemm),
    ("marlin", Family::Gemm),
    ("splitk", Family::Gemm),
    ("batchgemm", Family::Gemm),
    ("convolution", Family::Gemm),
    ("conv2d", Family::Gemm),
    ("mme", Family::Gemm),
    ("softmax", Family::Sampling),
    ("radixsort", Family::Sampling),
    ("topk", Family::Sampling),
    ("top_k", Family::Sampling),
    ("argmax", Family::Sampling),
    ("sampling", Family::Sampling),
    ("scan_innermost", Family::Sampling),
    ("distribution", Family::Sampling),
    ("philox", Family::Sampling),
    ("multinomial", Family::Sampling),
    ("cumsum", Family::Sampling),
    ("elementwise", Family::Elementwise),
    ("reduce_kernel", Family::Elementwise),
    ("catarray", Family::Elementwise),
    ("concat", Family::Elementwise),
    ("index", Family::Elementwise),
    ("gather", Family::Elementwise),
    ("scatter", Family::Elementwise),
    ("multi_tensor_apply", Family::Elementwise),
    ("act_and_mul", Family::Activation),
    ("swiglu", Family::Activation),
    ("silu_and_mul", Family::Activation),
    ("gelu_and_mul", Family::Activation),
    ("silu", Family::Elementwise),
    ("transpose", Family::Elementwise),
    ("cast", Family::Elementwise),
    ("copy", Family::Elementwise),
    ("memcpy", Family::Elementwise),
    ("memset", Family::Elementwise),
    ("fill", Family::Elementwise),
    // CANN's: call, implementation and kind of operator, `aclnnAdd_AddAiCore_Add`.
    ("_addaicore_", Family::Elementwise),
    ("_mulaicore_", Family::Elementwise),
    ("_muls_", Family::Elementwise),
    ("divaicore_", Family::Elementwise),
    ("_sqrtaicore_", Family::Elementwise),
    ("_axpyaicore_", Family::Elementwise),
    ("_addcmulaicore_", Family::Elementwise),
    ("_addcdivaicore_", Family::Elementwise),
    ("_reducesum", Family::Elementwise),
    ("_zeroslike", Family::Elementwise),
    ("_oneslike", Family::Elementwise),
    ("_transdata_", Family::Elementwise),
];

impl Family {
    /// The same kernels are launched in the model, by attention that is not fused and by routers of experts: of those
    /// the name says no more than which operator it is.
    pub fn in_forward(self) -> Family {
        match self {
            Family::Sampling => Family::Elementwise,
            other => other,
        }
    }

    /// The family of a piece of work that computes, by its name.
    pub fn of_name(name: &str) -> Family {
        let lower = name.to_ascii_lowercase();
        let found = WORDS.iter().find(|(word, _)| has(&lower, word));
        found.map_or(Family::Other, |&(_, family)| family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_the_libraries_are_told_apart() {
        for (name, family) in [
            (
                "void marlin_moe_wna16::Marlin<1125899906909960l, 128, 1>(int4 const*)",
                Family::Moe,
            ),
            (
                "ampere_bf16_s16816gemm_bf16_64x64_ldg8_f2f_stages_64x6_tn",
                Family::Gemm,
            ),
            ("nvjet_tst_64x64_64x16_2x1_2cta_v_bz_bias_TNT", Family::Gemm),
            (
                "Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT256x32x64",
                Family::Gemm,
            ),
            ("_matmul_ogs_NNT_bf16xbf16xmxfp4_16x128x256x1_swiglu", Family::Moe),
            (
                "bmm_MxE4m3_MxE2m1MxE4m3_Fp32_t128x16x256u2_swiGlu_dynBatch_sm100f",
                Family::Moe,
            ),
            ("kernel_unified_attention_3d", Family::Attention),
            (
                "fmhaSm100aKernel_QkvE4m3OBfloat16H64PagedKvCausal",
                Family::Attention,
            ),
            ("void pytorch_flash::flash_fwd_kernel<>", Family::Attention),
            (
                "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16>",
                Family::KvCache,
            ),
            (
                "void vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>",
                Family::Norm,
            ),
            (
                "_ZN5aiter24add_rmsnorm_quant_kernelIDF16bDF16bLi256E",
                Family::Norm,
            ),
            (
                "void vllm::rotary_embedding_kernel<c10::BFloat16, true>",
                Family::Rope,
            ),
            (
                "triton_red_fused__to_copy_add_addmm_mean_mul_pow_rsqrt_slice_2",
                Family::Fused,
            ),
            (
                "void at::native::elementwise_kernel<128, 4, direct_copy_kernel_cuda>",
                Family::Elementwise,
            ),
            (
                "void at::native::(anonymous namespace)::CatArrayBatchedCopy<>",
                Family::Elementwise,
            ),
            (
                "void at::native::(anonymous namespace)::cunn_SoftMaxForward<4, float>",
                Family::Sampling,
            ),
            ("MatMulV2", Family::Gemm),
            ("FusedInferAttentionScore", Family::Attention),
            (
                "void flashinfer::SinglePrefillWithKVCacheKernel<>",
                Family::Attention,
            ),
            ("void flashinfer::norm::RMSNormKernel<8u, __half>", Family::Norm),
            ("aclnnAdd_AddAiCore_Add", Family::Elementwise),
            ("aclnnAddmm_MatMulCommon_MatMulV2", Family::Gemm),
            ("something_else", Family::Other),
        ] {
            assert_eq!(Family::of_name(name), family, "{name}");
        }
    }
}
