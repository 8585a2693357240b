//! Whether a compile was for the first use of its bucket.
//!
//! Derived, however the compile itself is known: the first recorded step of its phase and bucket in its process, or a
//! later one. Only where the file says what the process's warm-up ran does a first recorded step mean that warm-up
//! lacked the bucket. A frame that torch.compile had compiled before compiles again.

use rustc_hash::FxHashMap;

use super::coverage::WarmUps;
use crate::analyze::report::{Bucket, CompileUse, Phase, Recompile, Step};
use crate::index::Key;

/// Says of every compile which use of its bucket it was for.
pub fn set_uses(recompiles: &mut [Recompile], steps: &[Step], warmups: &WarmUps) {
    // Before all steps: -1.
    let mut first_step: FxHashMap<(Key, Phase, Bucket), i64> = FxHashMap::default();
    for &of in warmups.forwards() {
        first_step.insert(of, -1);
    }
    let process_of = |step: u32| warmups.process(step as usize);
    for step in steps {
        if let Some((process, bucket)) = process_of(step.index).zip(step.bucket) {
            first_step
                .entry((process, step.phase, bucket))
                .or_insert(i64::from(step.index));
        }
    }
    for recompile in recompiles {
        let process = recompile.step.and_then(process_of);
        let has_warmup = process.is_some_and(|process| warmups.knows(process));
        let bucket = process.zip(recompile.bucket);
        let first = bucket.and_then(|(process, bucket)| first_step.get(&(process, recompile.phase, bucket)));
        let attempt = recompile.dynamo.as_ref().and_then(|d| d.attempt);
        recompile.r#use = match (recompile.step.map(i64::from), first, attempt) {
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
    use crate::analyze::compiles::coverage::tests::warmups;
    use crate::analyze::report::Period;

    fn bucket(ctx: u32) -> Option<Bucket> {
        Some(Bucket {
            batch: 4,
            seq: Some(1),
            ctx: Some(ctx),
        })
    }

    fn uses(
        compiled: &[(u32, u32)],
        processes: &[i64],
        forwards: &[(i64, Phase, Bucket)],
    ) -> Vec<CompileUse> {
        let periods = [Period::Warmup, Period::Serving, Period::Serving, Period::Serving];
        let steps: Vec<Step> = [512, 128, 256, 128]
            .into_iter()
            .zip(periods)
            .zip(0..)
            .map(|((ctx, period), index)| Step {
                index,
                phase: Phase::Decode,
                period,
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
        set_uses(&mut recompiles, &steps, &warmups(&steps, processes, forwards));
        recompiles.iter().map(|r| r.r#use).collect()
    }

    #[test]
    fn the_first_step_of_a_bucket_is_a_first_use_only_beside_its_warm_up() {
        use CompileUse::{Again, First, Unknown};
        let compiled = [(1, 128), (2, 256), (3, 128)];
        assert_eq!(uses(&compiled, &[7; 4], &[]), [First, First, Again]);
        // Another process has a warm-up.
        assert_eq!(uses(&compiled, &[9, 7, 7, 7], &[]), [Unknown, Unknown, Again]);
        // The engine was started anew before the last step; the bucket had not run since.
        assert_eq!(uses(&compiled, &[7, 7, 7, 9], &[]), [First, First, Unknown]);
        // Warm-up ran the bucket in a forward pass without a step.
        let forward = [(7, Phase::Decode, bucket(128).unwrap())];
        assert_eq!(uses(&compiled, &[7; 4], &forward), [Again, First, Again]);
    }
}
