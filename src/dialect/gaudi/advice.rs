//! vLLM's and the profiler's own switches, by the finding that they answer. From vllm-gaudi's
//! `docs/configuration/env_variables.md` (2026) and the profiler's source.

type Advice = (&'static str, &'static str);

const BUCKETS: Advice = (
    "buckets-not-warmed",
    "With VLLM_BUCKETING_STRATEGY=lin you can set the ranges: VLLM_PROMPT_<BS|QUERY|CTX>_BUCKET_MAX \
     (and _MIN, _STEP) and VLLM_DECODE_<BS|BLOCK>_BUCKET_MAX; VLLM_BUCKETING_FROM_FILE lists buckets one by \
     one.",
);

const DECODE_PADDING: Advice = (
    "decode-padding",
    "In releases that support VLLM_BUCKETING_STRATEGY=pad, limit padding with \
     VLLM_DECODE_<BS|BLOCK>_BUCKET_PAD_MAX and _PAD_PERCENT.",
);

const PREFILL_PADDING: Advice = (
    "prefill-padding",
    "In releases that support VLLM_BUCKETING_STRATEGY=pad, limit padding with \
     VLLM_PROMPT_<BS|QUERY|CTX>_BUCKET_PAD_MAX and _PAD_PERCENT.",
);

const SUSPECTED: Advice = (
    "suspected-compiles",
    "PT_HPU_METRICS_GC_DETAILS=1 makes the vLLM plugin (since November 2025) record each compile.",
);

const SYNCHRONISED: Advice = (
    "synchronised-capture",
    "It comes from PT_HPU_METRICS_GC_DETAILS: leave it unset.",
);

const BUFFER: Advice = (
    "device-recording-ends-early",
    "hl-prof-config sets the buffer with -b and the recorded invocations with -g.",
);

/// For [`Vocabulary::advice`](crate::dialect::Vocabulary::advice).
pub const ADVICE: &[Advice] = &[
    BUCKETS,
    DECODE_PADDING,
    PREFILL_PADDING,
    SUSPECTED,
    SYNCHRONISED,
    BUFFER,
];

/// The same for vLLM V0, which never records compiles.
pub const ADVICE_V0: &[Advice] = &[BUCKETS, DECODE_PADDING, PREFILL_PADDING, BUFFER];
