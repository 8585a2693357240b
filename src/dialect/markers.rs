//! What the names of step markers say, engine by engine.
//!
//! | engine | marker |
//! |---|---|
//! | vLLM 0.12, 0.13 | `execute_new_{N}_cached_{M}` |
//! | vLLM from 0.14 | `execute_context_{A}({B})_generation_{C}({D})`: A requests, B tokens in context; C, D generating |
//! | the same, detailed | `execute_{T}_context_{A}(sq{}sk{}sqsq{}sqsk{})_generation_{C}(sq{}…)`: sq new tokens, sk those attended to |
//! | SGLang | `step[EXTEND bs=2 toks=64 …]`, `DECODE`, `MIXED`, `IDLE`, `TARGET_VERIFY`, `VERIFY`, `DRAFT`, `DRAFT_EXTEND_V2`, `SPLIT_PREFILL`, `DLLM_EXTEND`, also in lower case; `draft step[…]` by the draft model; `c=`, `g=`, `c_sq=`, `g_sq=`, `c_sk=`, `g_sk=`, `sq=`, `sk=` as above |
//! | ATOM | `prefill[bs=2 tok=64 …]`, `decode[bs=117/128 tok=117 p=0 d=117 spec=3 sk=…]`: 117 requests in a graph for 128; `eager_decode[…]` without a graph; `dummy_decode[…]`, `dummy_eager_decode[…]`, `dummy_prefill[…]` on invented data, to keep pace with other ranks or to warm up |

use super::pattern::Rest;
use super::terms::Phase;

/// What the name of a step marker says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marker {
    pub engine: &'static str,
    pub phase: Phase,
    pub context_requests: Option<u32>,
    pub context_tokens: Option<u64>,
    pub generation_requests: Option<u32>,
    pub generation_tokens: Option<u64>,
    /// Requests, where they are not told by phase.
    pub batch: Option<u32>,
    pub padded_batch: Option<u32>,
    pub tokens: Option<u64>,
    /// Tokens attended to, new ones among them: the length of KV, summed over requests.
    pub context_kv_tokens: Option<u64>,
    pub generation_kv_tokens: Option<u64>,
    /// 0 generating requests may also be a later chunk of a long prompt.
    pub ambiguous: bool,
    /// The phase follows from what such a step is for; the marker does not name it.
    pub derived: bool,
    /// Which part of an iteration of speculative decoding it is.
    pub speculation: Option<Speculation>,
}

/// An iteration of speculative decoding drafts some tokens and verifies them at once; then the draft model takes in
/// those that were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speculation {
    Draft,
    Verify,
    DraftExtend,
}

impl Marker {
    pub fn new(engine: &'static str, phase: Phase) -> Marker {
        Marker {
            engine,
            phase,
            context_requests: None,
            context_tokens: None,
            generation_requests: None,
            generation_tokens: None,
            batch: None,
            padded_batch: None,
            tokens: None,
            context_kv_tokens: None,
            generation_kv_tokens: None,
            ambiguous: false,
            derived: false,
            speculation: None,
        }
    }

    /// What `name` says, if it marks a step.
    pub fn parse(name: &str) -> Option<Marker> {
        match name.as_bytes().first()? {
            b'e' => detailed(name)
                .or_else(|| native(name))
                .or_else(|| new_cached(name))
                .or_else(|| atom(name)),
            b's' => sglang(name),
            b'p' | b'd' => atom(name).or_else(|| sglang(name)),
            _ => None,
        }
    }
}

fn phase_of(context: u32, generation: u32) -> Phase {
    match (context > 0, generation > 0) {
        (true, true) => Phase::Mixed,
        (true, false) => Phase::Prefill,
        (false, true) => Phase::Decode,
        (false, false) => Phase::Idle,
    }
}

fn counted(context: (u32, Option<u64>), generation: (u32, Option<u64>)) -> Marker {
    Marker {
        context_requests: Some(context.0),
        context_tokens: context.1,
        generation_requests: Some(generation.0),
        generation_tokens: generation.1,
        batch: context.0.checked_add(generation.0),
        tokens: context.1.zip(generation.1).and_then(|(a, b)| a.checked_add(b)),
        ..Marker::new("vLLM V1", phase_of(context.0, generation.0))
    }
}

/// `sq{}sk{}sqsq{}sqsk{}`: the numbers of query tokens and of KV tokens.
fn query_and_kv_tokens(rest: &mut Rest<'_>) -> Option<(u64, u64)> {
    let query = rest.maybe_number("(sq")?;
    let kv = rest.maybe_number("sk")?;
    for field in ["sqsq", "sqsk"] {
        rest.maybe_number::<u64>(field)?;
    }
    rest.eat(")")?;
    Some((query, kv))
}

fn detailed(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    rest.maybe_number::<u64>("execute_")?;
    let context = rest.maybe_number("_context_")?;
    let (context_tokens, context_kv) = query_and_kv_tokens(&mut rest)?;
    let generation = rest.maybe_number("_generation_")?;
    let (generation_tokens, generation_kv) = query_and_kv_tokens(&mut rest)?;
    rest.done()?;
    Some(Marker {
        context_kv_tokens: Some(context_kv),
        generation_kv_tokens: Some(generation_kv),
        ..counted(
            (context, Some(context_tokens)),
            (generation, Some(generation_tokens)),
        )
    })
}

/// `(888)`; some builds write `(888_788544)`.
fn bracketed_tokens(rest: &mut Rest<'_>) -> Option<u64> {
    let tokens = rest.maybe_number("(")?;
    while rest.maybe_number::<u64>("_").is_some() {}
    rest.eat(")")?;
    Some(tokens)
}

fn native(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    let context = rest.maybe_number("execute_context_")?;
    let context_tokens = bracketed_tokens(&mut rest)?;
    let generation = rest.maybe_number("_generation_")?;
    let generation_tokens = bracketed_tokens(&mut rest)?;
    rest.done()?;
    Some(counted(
        (context, Some(context_tokens)),
        (generation, Some(generation_tokens)),
    ))
}

fn new_cached(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    let new = rest.maybe_number("execute_new_")?;
    let cached = rest.maybe_number("_cached_")?;
    rest.done()?;
    Some(Marker {
        ambiguous: new == 0,
        ..counted((new, None), (cached, None))
    })
}

/// `key=number`, wherever it stands among the fields.
fn field<T: std::str::FromStr>(fields: &str, key: &str) -> Option<T> {
    let value = |field: &str| field.strip_prefix(key)?.strip_prefix('=')?.parse().ok();
    fields.split(' ').find_map(value)
}

/// What a forward mode of SGLang is. A number at its end (`DRAFT_EXTEND_V2`) is that of its implementation.
fn sglang_mode(mode: &str) -> (Phase, Option<Speculation>, bool) {
    let upper = mode.to_ascii_uppercase();
    let plain = upper.trim_end_matches(|c: char| c.is_ascii_digit());
    let plain = match plain.strip_suffix("_V") {
        Some(plain) if plain.len() + 2 < upper.len() => plain,
        _ => upper.as_str(),
    };
    match plain {
        "EXTEND" | "PREFILL" | "SPLIT_PREFILL" => (Phase::Prefill, None, false),
        // A diffusion model takes in the prompt and its block of masked tokens alike.
        "DLLM_EXTEND" => (Phase::Prefill, None, true),
        "DECODE" => (Phase::Decode, None, false),
        "TARGET_VERIFY" | "VERIFY" => (Phase::Decode, Some(Speculation::Verify), false),
        "DRAFT" | "DRAFT_DECODE" => (Phase::Decode, Some(Speculation::Draft), true),
        "DRAFT_EXTEND" => (Phase::Decode, Some(Speculation::DraftExtend), true),
        "MIXED" => (Phase::Mixed, None, false),
        "IDLE" => (Phase::Idle, None, false),
        _ => (Phase::Unknown, None, false),
    }
}

fn sglang(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    let by_draft_model = rest.eat("draft ").is_some();
    rest.eat("step[")?;
    let kind = rest.until(" bs=")?;
    if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    let batch: u32 = rest.number()?;
    let fields = rest.0.strip_suffix(']')?;
    if !(fields.is_empty() || fields.starts_with(' ')) {
        return None;
    }
    let (mut phase, mut speculation, mut derived) = sglang_mode(kind);
    if by_draft_model {
        speculation = Some(match phase {
            Phase::Prefill => Speculation::DraftExtend,
            _ => speculation.unwrap_or(Speculation::Draft),
        });
        (phase, derived) = (Phase::Decode, true);
    }
    let is_prefill = phase == Phase::Prefill;
    let is_decode = phase == Phase::Decode;
    let has = |key: &str| field::<u64>(fields, key);
    let (tokens, all_kv) = (has("toks"), has("sk"));
    let plain = tokens.or(has("sq"));
    let context_tokens = match phase {
        Phase::Prefill => has("c_sq").or(plain),
        Phase::Mixed => has("c_sq"),
        _ => None,
    };
    let generation_tokens = match phase {
        Phase::Decode => has("g_sq").or(plain),
        Phase::Mixed => has("g_sq"),
        _ => None,
    };
    let both = context_tokens.zip(generation_tokens);
    let sum = both.and_then(|(a, b)| a.checked_add(b));
    Some(Marker {
        batch: Some(batch),
        tokens: tokens.or(sum).or(context_tokens).or(generation_tokens),
        context_requests: field(fields, "c")
            .filter(|_| !is_decode)
            .or(is_prefill.then_some(batch)),
        context_tokens,
        generation_requests: field(fields, "g")
            .filter(|_| !is_prefill)
            .or(is_decode.then_some(batch)),
        generation_tokens,
        context_kv_tokens: has("c_sk")
            .or(all_kv)
            .filter(|_| is_prefill)
            .or(has("c_sk").filter(|_| !is_decode)),
        generation_kv_tokens: has("g_sk")
            .or(all_kv)
            .filter(|_| is_decode)
            .or(has("g_sk").filter(|_| !is_prefill)),
        derived,
        speculation,
        ..Marker::new("SGLang", phase)
    })
}

fn atom(name: &str) -> Option<Marker> {
    let mut rest = Rest(name);
    let is_dummy = rest.eat("dummy_").is_some();
    let phase = rest.eat_any(&[
        ("prefill[", Phase::Prefill),
        ("decode[", Phase::Decode),
        ("eager_decode[", Phase::Decode),
    ])?;
    let fields = rest.0.strip_suffix(']')?;
    let mut marker = Marker::new("ATOM", phase);
    for field in fields.split(' ') {
        let mut field = Rest(field);
        if let Some(batch) = field.maybe_number::<u32>("bs=") {
            marker.batch = Some(batch);
            marker.padded_batch = field.maybe_number("/");
        }
    }
    let batch = marker.batch?;
    if is_dummy {
        return Some(Marker::new("ATOM", Phase::Idle));
    }
    marker.tokens = field(fields, "tok");
    let kv_tokens = field(fields, "sk");
    // `p=`, `d=`: requests of either kind in a decode; with `spec=3` each that decodes has four tokens.
    let prefills = field(fields, "p").filter(|&n: &u32| n > 0);
    let decodes = field(fields, "d").unwrap_or(batch);
    match (phase, prefills) {
        (Phase::Prefill, _) => {
            marker.context_requests = Some(batch);
            marker.context_tokens = marker.tokens;
            marker.context_kv_tokens = kv_tokens;
        }
        // What of the tokens is whose is not said.
        (_, Some(prefills)) => {
            marker.phase = phase_of(prefills, decodes);
            marker.context_requests = Some(prefills);
            marker.generation_requests = Some(decodes);
        }
        (_, None) => {
            marker.generation_requests = Some(decodes);
            marker.generation_tokens = marker.tokens;
            marker.generation_kv_tokens = kv_tokens;
        }
    }
    Some(marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_of_the_family_is_read() {
        let says = |name: &str| {
            Marker::parse(name).map(|m| {
                (
                    m.phase,
                    m.context_requests,
                    m.context_tokens,
                    m.generation_requests,
                    m.generation_tokens,
                )
            })
        };
        let cases = [
            (
                "execute_context_4(256)_generation_0(0)",
                Some((Phase::Prefill, Some(4), Some(256), Some(0), Some(0))),
            ),
            (
                "execute_context_0(0)_generation_4(4)",
                Some((Phase::Decode, Some(0), Some(0), Some(4), Some(4))),
            ),
            (
                "execute_context_2(96)_generation_4(8)",
                Some((Phase::Mixed, Some(2), Some(96), Some(4), Some(8))),
            ),
            (
                "execute_context_1(888_788544)_generation_0(0)",
                Some((Phase::Prefill, Some(1), Some(888), Some(0), Some(0))),
            ),
            (
                "execute_32_context_0(sq0sk0sqsq0sqsk0)_generation_32(sq32sk55086sqsq32sqsk55086)",
                Some((Phase::Decode, Some(0), Some(0), Some(32), Some(32))),
            ),
            (
                "execute_new_2_cached_3",
                Some((Phase::Mixed, Some(2), None, Some(3), None)),
            ),
            (
                "execute_new_0_cached_3",
                Some((Phase::Decode, Some(0), None, Some(3), None)),
            ),
            (
                "execute_new_0_cached_0",
                Some((Phase::Idle, Some(0), None, Some(0), None)),
            ),
            (
                "step[EXTEND bs=2 toks=64]",
                Some((Phase::Prefill, Some(2), Some(64), None, None)),
            ),
            (
                "step[DECODE bs=32]",
                Some((Phase::Decode, None, None, Some(32), None)),
            ),
            (
                // The query tokens of what generates are its tokens.
                "step[VERIFY bs=3 c_sq=1 g_sq=2 forward_id=9]",
                Some((Phase::Decode, None, None, Some(3), Some(2))),
            ),
            ("step[MIXED bs=4]", Some((Phase::Mixed, None, None, None, None))),
            ("step[IDLE bs=0]", Some((Phase::Idle, None, None, None, None))),
            // A draft is part of an iteration that decodes.
            (
                "step[DRAFT bs=3]",
                Some((Phase::Decode, None, None, Some(3), None)),
            ),
            (
                "step[DRAFT_EXTEND_V2 bs=3]",
                Some((Phase::Decode, None, None, Some(3), None)),
            ),
            (
                "step[DRAFT_EXTEND_V17 bs=3 toks=9]",
                Some((Phase::Decode, None, None, Some(3), Some(9))),
            ),
            (
                "step[Verify_v2 bs=3]",
                Some((Phase::Decode, None, None, Some(3), None)),
            ),
            (
                "draft step[EXTEND bs=3 toks=12]",
                Some((Phase::Decode, None, None, Some(3), Some(12))),
            ),
            (
                "step[SPLIT_PREFILL bs=2]",
                Some((Phase::Prefill, Some(2), None, None, None)),
            ),
            (
                "step[DLLM_EXTEND bs=2 toks=64]",
                Some((Phase::Prefill, Some(2), Some(64), None, None)),
            ),
            (
                "step[H2O_MODE bs=2]",
                Some((Phase::Unknown, None, None, None, None)),
            ),
            (
                "step[MIXED bs=6 c=2 g=4 c_sq=900 c_sk=1000 c_sqsq=1 c_sqsk=1 g_sq=4 g_sk=500 g_sqsq=4 g_sqsk=500]",
                Some((Phase::Mixed, Some(2), Some(900), Some(4), Some(4))),
            ),
            (
                "decode[bs=32 tok=128 d=32 spec=3 sqsq=512 sk=4096 tbo=1]",
                Some((Phase::Decode, None, None, Some(32), Some(128))),
            ),
            (
                "prefill[bs=2 tok=64 ctx=[1, 2]]",
                Some((Phase::Prefill, Some(2), Some(64), None, None)),
            ),
            (
                "decode[bs=117/128 tok=117 d=117]",
                Some((Phase::Decode, None, None, Some(117), Some(117))),
            ),
            ("execute_context_4(256)_generation_0(0) ", None),
            ("execute_model", None),
            (
                "step[decode bs=1]",
                Some((Phase::Decode, None, None, Some(1), None)),
            ),
            ("step[DECODE bs=1", None),
            ("step[DECODE bs=1x]", None),
            ("draft", None),
            ("decode", None),
            ("ProfilerStep#3", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(says(name), expected, "{name}");
        }
        let both = Marker::parse("decode[bs=128 tok=384 p=2 d=126 sqsq=9 sqsk=99 sk=258048 tbo=1]").unwrap();
        assert_eq!((both.phase, both.tokens), (Phase::Mixed, Some(384)));
        assert_eq!(
            (both.context_requests, both.generation_requests),
            (Some(2), Some(126))
        );
        assert_eq!(both.generation_kv_tokens, None, "of both kinds together");
        let eager = Marker::parse("eager_decode[bs=3 tok=3 ctx=[7, 8, 9]]").unwrap();
        assert_eq!((eager.phase, eager.generation_requests), (Phase::Decode, Some(3)));
        let dummy = Marker::parse("dummy_decode[bs=1/8 tok=1 d=1]").unwrap();
        assert_eq!(
            (dummy.phase, dummy.batch, dummy.padded_batch),
            (Phase::Idle, None, None)
        );
        let padded = Marker::parse("decode[bs=117/128 tok=117 d=117]").unwrap();
        assert_eq!((padded.batch, padded.padded_batch), (Some(117), Some(128)));
        let mixed = Marker::parse("execute_context_2(96)_generation_4(8)").unwrap();
        assert_eq!((mixed.batch, mixed.tokens), (Some(6), Some(104)));
    }

    #[test]
    fn lengths_of_kv_are_kept() {
        let kv = |name: &str| {
            let marker = Marker::parse(name).unwrap();
            (marker.context_kv_tokens, marker.generation_kv_tokens)
        };
        let detailed =
            "execute_40_context_1(sq8sk108sqsq64sqsk864)_generation_32(sq32sk55086sqsq32sqsk55086)";
        assert_eq!(kv(detailed), (Some(108), Some(55_086)));
        assert_eq!(
            kv("step[MIXED bs=6 c=2 g=4 g_sk=500 c_sk=1000]"),
            (Some(1_000), Some(500))
        );
        assert_eq!(kv("step[EXTEND bs=6 toks=4 sk=500]"), (Some(500), None));
        assert_eq!(kv("step[DECODE bs=6 g_sk=500]"), (None, Some(500)));
        assert_eq!(kv("decode[bs=32 tok=128 sk=4096 tbo=1]"), (None, Some(4_096)));
        assert_eq!(kv("step[DECODE bs=6]"), (None, None));
        assert_eq!(
            kv("execute_context_1(888_788544)_generation_0(0)"),
            (None, None),
            "what the second number is, is not known"
        );
    }
}
