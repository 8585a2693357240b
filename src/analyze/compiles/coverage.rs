//! Which buckets warm-up compiled, and which were served.

use std::collections::BTreeMap;

use crate::dialect::{Period, Phase};

use crate::analyze::report::{Bucket, BucketCoverage, PhaseBucket, Step};

/// Buckets of warm-up against those of serving; `None` where the trace holds no warm-up, because then
/// "not warmed" would mean nothing.
pub fn coverage(steps: &[Step], has_warmup: bool) -> Option<BucketCoverage> {
    if !has_warmup {
        return None;
    }
    let count = |period: Period| {
        let mut buckets: BTreeMap<(Phase, Bucket), u64> = BTreeMap::new();
        for step in steps.iter().filter(|s| s.period == period) {
            if let Some(bucket) = step.bucket {
                *buckets.entry((step.phase, bucket)).or_default() += 1;
            }
        }
        buckets
    };
    let (warmed, served) = (count(Period::Warmup), count(Period::Serving));
    let rows = |of: &BTreeMap<(Phase, Bucket), u64>| -> Vec<PhaseBucket> {
        of.iter()
            .map(|(&(phase, bucket), &count)| PhaseBucket { phase, bucket, count })
            .collect()
    };
    let mut not_warmed = served.clone();
    not_warmed.retain(|key, _| !warmed.contains_key(key));
    Some(BucketCoverage {
        warmed: rows(&warmed),
        served: rows(&served),
        served_not_warmed: rows(&not_warmed),
    })
}
