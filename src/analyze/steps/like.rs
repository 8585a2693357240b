//! Steps of like size: those that one step may be compared with.

use rustc_hash::FxHashMap;

use crate::analyze::report::{Bucket, Period, Phase, Step};
use crate::dialect::Pass;

/// Fewer steps of like size allow no judgement of one of them.
pub const LEAST_LIKE: usize = 5;

/// What steps of like size have in common: the bucket, else the classes of tokens or requests and of KV length (all
/// tokens attended to), where they are recorded. A class reaches from one power of two to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LikeSize {
    pub phase: Phase,
    pub period: Period,
    pub bucket: Option<Bucket>,
    size: Option<u32>,
    kv: Option<u32>,
}

impl LikeSize {
    pub fn of(step: &Step) -> LikeSize {
        let of_tokens = match step.phase {
            Phase::Decode => None,
            _ => step.tokens.or(step.context_tokens),
        };
        let size = of_tokens.or(step.batch.map(u64::from)).or(step.tokens);
        // Of both kinds of requests, where both are known.
        let kv = match (step.context_kv_tokens, step.generation_kv_tokens) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        LikeSize {
            phase: step.phase,
            period: step.period,
            bucket: step.bucket,
            size: size.filter(|_| step.bucket.is_none()).map(class),
            kv: kv.filter(|_| step.bucket.is_none()).map(class),
        }
    }

    /// Of steps in which graphs may be compiled: of whatever period, and of whatever KV length, which no graph has.
    pub fn of_pass(pass: &Pass) -> LikeSize {
        LikeSize {
            kv: None,
            ..LikeSize::of(&Step {
                phase: pass.phase,
                bucket: pass.bucket,
                batch: pass.batch,
                tokens: pass.tokens,
                context_tokens: pass.context_tokens,
                ..Step::default()
            })
        }
    }

    /// In words, behind "steps of".
    pub fn words(&self) -> &'static str {
        match (self.bucket, self.size) {
            (Some(_), _) => "the same phase and bucket",
            (None, _) if self.size.or(self.kv).is_some() => "the same phase and like size",
            (None, _) => "the same phase",
        }
    }
}

impl LikeSize {
    /// The class of size, where there is no bucket: `"batch or tokens 4 to 7, KV 4096 to 8191"`.
    pub fn class_says(&self) -> Option<String> {
        let range = |class: u32| match class {
            0 => "0".to_owned(),
            1 => "1".to_owned(),
            class => format!("{} to {}", 1_u64 << (class - 1), u64::MAX >> (u64::BITS - class)),
        };
        let what = match self.phase {
            Phase::Decode => "batch",
            _ => "tokens",
        };
        let size = self.size.map(|class| format!("{what} {}", range(class)));
        let kv = self.kv.map(|class| format!("KV {}", range(class)));
        let known: Vec<String> = size.into_iter().chain(kv).collect();
        (!known.is_empty()).then(|| known.join(", "))
    }
}

impl LikeSize {
    /// The class of size, where there is no bucket, as a name in links: `"s3"`, `"s3k13"`.
    pub fn class_key(&self) -> Option<String> {
        let size = self.size.map(|class| format!("s{class}"));
        let kv = self.kv.map(|class| format!("k{class}"));
        (size.is_some() || kv.is_some()).then(|| size.unwrap_or_default() + &kv.unwrap_or_default())
    }
}

/// 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7, …
fn class(n: u64) -> u32 {
    u64::BITS - n.leading_zeros()
}

/// Steps by like size.
pub fn by_like_size<'s>(steps: impl Iterator<Item = &'s Step>) -> FxHashMap<LikeSize, Vec<&'s Step>> {
    let mut like: FxHashMap<LikeSize, Vec<&Step>> = FxHashMap::default();
    for step in steps {
        like.entry(LikeSize::of(step)).or_default().push(step);
    }
    like
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prefill_is_not_like_a_short_one() {
        let prefill = |tokens: u64| Step {
            phase: Phase::Prefill,
            tokens: Some(tokens),
            batch: Some(1),
            ..Step::default()
        };
        assert_eq!(LikeSize::of(&prefill(64)), LikeSize::of(&prefill(127)));
        assert_ne!(LikeSize::of(&prefill(64)), LikeSize::of(&prefill(128)));
        let padded = |tokens: u64| Step {
            bucket: Some(Bucket {
                batch: 1,
                seq: Some(128),
                ctx: None,
            }),
            ..prefill(tokens)
        };
        assert_eq!(
            LikeSize::of(&padded(3)),
            LikeSize::of(&padded(128)),
            "the device computes the bucket"
        );
        let decode = |batch: u32, tokens: u64| Step {
            phase: Phase::Decode,
            batch: Some(batch),
            tokens: Some(tokens),
            ..Step::default()
        };
        assert_ne!(LikeSize::of(&decode(1, 1)), LikeSize::of(&decode(64, 64)));
        assert_eq!(LikeSize::of(&decode(4, 4)), LikeSize::of(&decode(5, 20)));
        let long = |kv: u64| Step {
            generation_kv_tokens: Some(kv),
            ..decode(4, 4)
        };
        assert_eq!(
            LikeSize::of(&long(5_000)),
            LikeSize::of(&long(8_000)),
            "4096 to 8191"
        );
        assert_ne!(LikeSize::of(&long(8_000)), LikeSize::of(&long(9_000)));
        assert_eq!(
            LikeSize::of(&long(5_000)).class_says().as_deref(),
            Some("batch 4 to 7, KV 4096 to 8191")
        );
        assert_eq!(
            LikeSize::of(&prefill(1)).class_says().as_deref(),
            Some("tokens 1")
        );
        assert_eq!(class(0), 0);
        assert_eq!([1, 2, 3, 4, 7, 8].map(class), [1, 2, 2, 3, 3, 4]);
    }
}
