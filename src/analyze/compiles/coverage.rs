//! Which buckets warm-up compiled, and which were served.
//!
//! Each process is one start of the engine, with a warm-up of its own. Of a process whose warm-up the file does not
//! hold, or does not say the buckets of, "not warmed" would mean nothing: it is left out.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::base::SliceId;
use crate::dialect::{Period, Phase, Vocabulary};
use crate::index::{Index, Key};

use crate::analyze::report::{Bucket, BucketCoverage, PhaseBucket, Step};

/// What warm-up ran in each process.
#[derive(Default)]
pub struct WarmUps {
    /// Of each step its process.
    processes: Vec<Key>,
    /// Forward passes of warm-up that belong to no step.
    forwards: Vec<(Key, Phase, Bucket)>,
    /// Processes of whose warm-up the buckets are known.
    known: FxHashSet<Key>,
}

impl WarmUps {
    pub fn of(index: &Index, vocabulary: &Vocabulary, steps: &[Step]) -> WarmUps {
        let process = |step: &Step| index.track(index.track_of(SliceId(step.slice))).pid;
        WarmUps::of_processes(
            steps,
            steps.iter().map(process).collect(),
            vocabulary.warmup_forwards.clone(),
        )
    }

    fn of_processes(steps: &[Step], processes: Vec<Key>, forwards: Vec<(Key, Phase, Bucket)>) -> WarmUps {
        let of_steps = steps.iter().zip(&processes);
        let warm = of_steps.filter(|(s, _)| s.period == Period::Warmup && s.bucket.is_some());
        let warm = warm.map(|(_, &process)| process);
        WarmUps {
            known: warm.chain(forwards.iter().map(|of| of.0)).collect(),
            processes,
            forwards,
        }
    }

    /// The process of the step at this place.
    pub fn process(&self, step: usize) -> Option<Key> {
        self.processes.get(step).copied()
    }

    /// Whether the file says which buckets the warm-up of this process ran.
    pub fn knows(&self, process: Key) -> bool {
        self.known.contains(&process)
    }

    /// Buckets that warm-up ran in no step, each as often as it did.
    pub fn forwards(&self) -> &[(Key, Phase, Bucket)] {
        &self.forwards
    }
}

/// Buckets of warm-up against those of serving; `None` where of no process it is known which warm-up ran.
pub fn coverage(steps: &[Step], warmups: &WarmUps) -> Option<BucketCoverage> {
    if warmups.known.is_empty() {
        return None;
    }
    type Counts = BTreeMap<(Phase, Bucket), u64>;
    let (mut warmed, mut served, mut not_warmed) = (Counts::new(), Counts::new(), Counts::new());
    let mut ran: FxHashSet<(Key, Phase, Bucket)> = FxHashSet::default();
    for &(process, phase, bucket) in warmups.forwards() {
        ran.insert((process, phase, bucket));
        *warmed.entry((phase, bucket)).or_default() += 1;
    }
    let of_period = |period: Period| {
        let all = steps.iter().zip(&warmups.processes);
        all.filter(move |(s, _)| s.period == period)
            .filter_map(|(s, &process)| Some((s.index, (process, s.phase, s.bucket?))))
    };
    for (_, of) in of_period(Period::Warmup) {
        ran.insert(of);
        *warmed.entry((of.1, of.2)).or_default() += 1;
    }
    let mut first: BTreeMap<(Phase, Bucket), u32> = BTreeMap::new();
    let mut unknown_steps = 0;
    for (step, of) in of_period(Period::Serving) {
        if !warmups.knows(of.0) {
            unknown_steps += 1;
            continue;
        }
        let key = (of.1, of.2);
        *served.entry(key).or_default() += 1;
        if !ran.contains(&of) {
            *not_warmed.entry(key).or_default() += 1;
            first.entry(key).or_insert(step);
        }
    }
    let rows = |of: &Counts| -> Vec<PhaseBucket> {
        of.iter()
            .map(|(&(phase, bucket), &count)| PhaseBucket { phase, bucket, count })
            .collect()
    };
    Some(BucketCoverage {
        warmed: rows(&warmed),
        served: rows(&served),
        served_not_warmed: rows(&not_warmed),
        unknown_steps,
        first_not_warmed: first.into_values().collect(),
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Warm-ups of steps whose processes are given.
    pub fn warmups(steps: &[Step], processes: &[i64], forwards: &[(i64, Phase, Bucket)]) -> WarmUps {
        WarmUps::of_processes(
            steps,
            processes.iter().map(|&p| Key::Int(p)).collect(),
            forwards
                .iter()
                .map(|&(p, phase, b)| (Key::Int(p), phase, b))
                .collect(),
        )
    }

    fn bucket(ctx: u32) -> Bucket {
        Bucket {
            batch: 4,
            seq: Some(1),
            ctx: Some(ctx),
        }
    }

    fn step(period: Period, ctx: u32) -> Step {
        Step {
            period,
            phase: Phase::Decode,
            bucket: Some(bucket(ctx)),
            ..Step::default()
        }
    }

    #[test]
    fn a_warm_up_is_of_its_process() {
        use Period::{Serving, Warmup};
        let steps = [
            step(Warmup, 1),
            step(Serving, 1),
            step(Warmup, 2),
            step(Serving, 1),
        ];
        let contexts = |of: &[PhaseBucket]| of.iter().map(|b| b.bucket.ctx).collect::<Vec<_>>();
        let of = |processes: &[i64], forwards: &[(i64, Phase, Bucket)]| {
            let coverage = coverage(&steps, &warmups(&steps, processes, forwards)).unwrap();
            (contexts(&coverage.served), contexts(&coverage.served_not_warmed))
        };
        assert_eq!(of(&[7; 4], &[]), (vec![Some(1)], vec![]));
        assert_eq!(of(&[7, 7, 9, 9], &[]), (vec![Some(1)], vec![Some(1)]));
        // A forward pass in no step is warm-up, too.
        let forward = [(9, Phase::Decode, bucket(1))];
        assert_eq!(of(&[7, 7, 9, 9], &forward), (vec![Some(1)], vec![]));
        // Of the second process no warm-up is known: nothing is said of what it serves.
        let steps = [step(Warmup, 1), step(Serving, 1), step(Serving, 2)];
        let coverage = coverage(&steps, &warmups(&steps, &[7, 7, 9], &[])).unwrap();
        assert_eq!(contexts(&coverage.served), [Some(1)]);
        assert!(coverage.served_not_warmed.is_empty());
    }

    #[test]
    fn without_a_bucket_of_warm_up_nothing_is_covered_or_not() {
        let steps = [step(Period::Serving, 1)];
        assert_eq!(coverage(&steps, &warmups(&steps, &[7], &[])), None);
    }
}
