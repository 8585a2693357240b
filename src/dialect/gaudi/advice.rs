//! vLLM's and the profiler's own switches, by the finding that they answer. From vllm-gaudi's
//! `docs/configuration/env_variables.md` (2026) and the profiler's source.

/// For [`Vocabulary::advice`](crate::dialect::Vocabulary::advice).
pub const ADVICE: &[(&str, &str)] = &[
    (
        "buckets-not-warmed",
        "With VLLM_BUCKETING_STRATEGY=lin you can set the ranges: VLLM_PROMPT_<BS|QUERY|CTX>_BUCKET_MAX \
         (and _MIN, _STEP) and VLLM_DECODE_<BS|BLOCK>_BUCKET_MAX; VLLM_BUCKETING_FROM_FILE lists buckets one by \
         one.",
    ),
    (
        "decode-padding",
        "In releases that support VLLM_BUCKETING_STRATEGY=pad, limit padding with \
         VLLM_DECODE_<BS|BLOCK>_BUCKET_PAD_MAX and _PAD_PERCENT.",
    ),
    (
        "prefill-padding",
        "In releases that support VLLM_BUCKETING_STRATEGY=pad, limit padding with \
         VLLM_PROMPT_<BS|QUERY|CTX>_BUCKET_PAD_MAX and _PAD_PERCENT.",
    ),
    (
        "suspected-compiles",
        "PT_HPU_METRICS_GC_DETAILS=1 makes the vLLM plugin (since November 2025) record each compile.",
    ),
    (
        "synchronised-capture",
        "It comes from PT_HPU_METRICS_GC_DETAILS: leave it unset.",
    ),
    (
        "device-recording-ends-early",
        "hl-prof-config sets the buffer with -b and the recorded invocations with -g.",
    ),
];
