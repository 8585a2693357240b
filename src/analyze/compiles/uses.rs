//! Whether a compile was for the first use of its bucket.
//!
//! Derived, however the compile itself is known: the first recorded step of its phase and bucket, or a later one. Only
//! where the file holds the warm-up does a first recorded step mean that warm-up lacked the bucket. A frame that
//! torch.compile had compiled before compiles again.

use rustc_hash::FxHashMap;

use crate::analyze::report::{Bucket, CompileUse, Phase, Recompile, Step};

/// Says of every compile which use of its bucket it was for.
pub fn set_uses(recompiles: &mut [Recompile], steps: &[Step], has_warmup: bool) {
    let mut first_step: FxHashMap<(Phase, Bucket), u32> = FxHashMap::default();
    for step in steps {
        if let Some(bucket) = step.bucket {
            first_step.entry((step.phase, bucket)).or_insert(step.index);
        }
    }
    for recompile in recompiles {
        let first = recompile
            .bucket
            .and_then(|bucket| first_step.get(&(recompile.phase, bucket)));
        let attempt = recompile.dynamo.as_ref().and_then(|d| d.attempt);
        recompile.r#use = match (recompile.step, first, attempt) {
            (Some(step), Some(&first), _) if step > first => CompileUse::Again,
            (Some(step), Some(&first), _) if step == first && has_warmup => CompileUse::First,
            (_, None, Some(attempt)) if attempt > 0 => CompileUse::Again,
            _ => CompileUse::Unknown,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(ctx: u32) -> Option<Bucket> {
        Some(Bucket {
            batch: 4,
            seq: Some(1),
            ctx: Some(ctx),
        })
    }

    fn uses(compiled: &[(u32, u32)], has_warmup: bool) -> Vec<CompileUse> {
        let steps: Vec<Step> = [128, 128, 256, 128]
            .into_iter()
            .zip(0..)
            .map(|(ctx, index)| Step {
                index,
                phase: Phase::Decode,
                bucket: bucket(ctx),
                ..Step::default()
            })
            .collect();
        let mut recompiles: Vec<Recompile> = compiled
            .iter()
            .map(|&(step, ctx)| Recompile {
                step: Some(step),
                phase: Phase::Decode,
                bucket: bucket(ctx),
                ..Recompile::default()
            })
            .collect();
        set_uses(&mut recompiles, &steps, has_warmup);
        recompiles.iter().map(|r| r.r#use).collect()
    }

    #[test]
    fn the_first_step_of_a_bucket_is_a_first_use_only_beside_the_warm_up() {
        use CompileUse::{Again, First, Unknown};
        let compiled = [(0, 128), (1, 128), (2, 256), (3, 128)];
        assert_eq!(uses(&compiled, true), [First, Again, First, Again]);
        assert_eq!(uses(&compiled, false), [Unknown, Again, Unknown, Again]);
    }
}
