//! Counters of vLLM's high-level profiler. All are called `utils`; each key of their args is a series of its
//! own, and keys of one event share its exact time.
//!
//! A step's counters carry the time that was taken just before the step's slice began (V1: up to 50 µs before
//! `prefill` or `decode`; V0: at the start of input preparation) and are written after it ended.

use rustc_hash::FxHashMap;

use crate::base::{NameId, Ts};
use crate::dialect::terms::Phase;
use crate::dialect::vocabulary::{Part, Pass};
use crate::index::trace_columns::{CounterSeries, Index, Key};

use super::engine_iterations::{Iteration, bucket_of};

/// A counter further from its step than this belongs to another one.
pub const NEAR_NS: i64 = 2_000_000;

pub struct Utils<'a> {
    index: &'a Index,
    series: FxHashMap<(Key, NameId), &'a CounterSeries>,
}

impl<'a> Utils<'a> {
    pub fn of(index: &'a Index) -> Utils<'a> {
        let mut series = FxHashMap::default();
        if let Some(utils) = index.names.lookup("utils") {
            for found in index.counters.iter().filter(|c| c.name == utils) {
                series.entry((found.pid, found.key)).or_insert(found);
            }
        }
        Utils { index, series }
    }

    fn get(&self, pid: Key, key: &str) -> Option<&'a CounterSeries> {
        let key = self.index.names.lookup(key)?;
        self.series.get(&(pid, key)).copied()
    }
}

/// Gives the passes of one process their real batch and tokens.
pub fn join(index: &Index, utils: &Utils<'_>, pid: Key, iterations: &mut [Iteration]) {
    for (phase, prefix) in [(Phase::Prefill, "prompt"), (Phase::Decode, "decode")] {
        let of = |key: &str| utils.get(pid, &format!("{prefix}_{key}"));
        let Some(batch) = of("batch_size") else { continue };
        let at = |key: &str, ts: i64| of(key).and_then(|s| s.exactly_at(Ts::from_ns(ts)));
        let mut passes: Vec<&mut Pass> = iterations
            .iter_mut()
            .flat_map(|t| &mut t.passes)
            .filter(|p| p.phase == phase)
            .collect();
        let starts: Vec<i64> = passes.iter().map(|p| counted_from(index, p)).collect();
        for (i, pass) in passes.iter_mut().enumerate() {
            let Some(sample) = nearest(&batch.ts, starts[i]) else {
                continue;
            };
            let ts = batch.ts[sample];
            // Each counter belongs to the step that is nearest to it, or a lost one would be made up for by
            // its neighbour's.
            if ts.abs_diff(starts[i]) > NEAR_NS.unsigned_abs() || nearest(&starts, ts) != Some(i) {
                continue;
            }
            pass.batch = whole(batch.value[sample]);
            if pass.bucket.is_none() {
                let bucket = |key: &str| at(key, ts).and_then(whole);
                pass.bucket = bucket_of(
                    bucket("bucket_batch_size"),
                    bucket("bucket_seq_len"),
                    bucket("bucket_ctx_blocks"),
                );
            }
            pass.tokens = match (phase, pass.bucket) {
                (Phase::Prefill, Some(bucket)) => at("batch_token_utilization", ts)
                    .zip(bucket.seq)
                    .and_then(|(share, seq)| whole(share * f64::from(bucket.batch) * f64::from(seq)))
                    .map(u64::from),
                // One token a request, where the bucket leaves room for one.
                (Phase::Decode, Some(bucket)) if bucket.seq == Some(1) => pass.batch.map(u64::from),
                _ => None,
            };
        }
    }
    for pass in iterations.iter_mut().flat_map(|t| &mut t.passes) {
        if pass.batch.is_none() {
            pass.batch = sampled_batch(index, pass);
        }
        match pass.phase {
            Phase::Prefill => (pass.context_requests, pass.context_tokens) = (pass.batch, pass.tokens),
            Phase::Decode => (pass.generation_requests, pass.generation_tokens) = (pass.batch, pass.tokens),
            _ => {}
        }
    }
}

/// Late V0 writes `real_batch_size` into the args of sampling. (Those of the forward pass hold the padded
/// batch.)
fn sampled_batch(index: &Index, pass: &Pass) -> Option<u32> {
    let (_, slice) = pass.parts.iter().find(|(part, _)| *part == Part::Sample)?;
    u32::try_from(index.arg_int("real_batch_size", *slice)?).ok()
}

/// The time that a pass's counters refer to: its start, or that of the input preparation inside it (V0).
fn counted_from(index: &Index, pass: &Pass) -> i64 {
    pass.parts
        .iter()
        .filter(|(part, _)| *part == Part::Prepare)
        .map(|&(_, slice)| index.slices.start(slice).as_ns())
        .find(|&start| start >= pass.span.start)
        .unwrap_or(pass.span.start)
}

/// The index of the value of an ascending list that is nearest to `at`; of two equally near, the earlier.
fn nearest(sorted: &[i64], at: i64) -> Option<usize> {
    let after = sorted.partition_point(|&t| t < at);
    let before = after.checked_sub(1);
    match (before, sorted.get(after)) {
        (Some(b), Some(&a)) => Some(if at.abs_diff(sorted[b]) <= a.abs_diff(at) {
            b
        } else {
            after
        }),
        (Some(b), None) => Some(b),
        (None, Some(_)) => Some(after),
        (None, None) => None,
    }
}

/// A counter that counts whole things.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 <= rounded <= u32::MAX is checked"
)]
fn whole(value: f64) -> Option<u32> {
    let rounded = value.round();
    ((value - rounded).abs() < 1e-3 && (0.0..=f64::from(u32::MAX)).contains(&rounded))
        .then_some(rounded as u32)
}

/// Number of compiles that the counter `cumulative_graph_compilations` saw in the file: last − first + 1.
pub fn counted_compiles(utils: &Utils<'_>, pid: Key) -> Option<u64> {
    let series = utils.get(pid, "cumulative_graph_compilations")?;
    let first = whole(series.value.iter().copied().reduce(f64::min)?)?;
    let last = whole(series.value.iter().copied().reduce(f64::max)?)?;
    Some(u64::from(last - first) + 1)
}

/// When each of the compiles was counted that the counter counted in this file. The first value counts one: what came
/// before it is not in the file.
pub fn compiles_counted_at(utils: &Utils<'_>, pid: Key) -> Vec<i64> {
    let Some(series) = utils.get(pid, "cumulative_graph_compilations") else {
        return Vec::new();
    };
    let mut at = Vec::new();
    let mut last: Option<u32> = None;
    for (ts, value) in series.ts.iter().zip(&series.value) {
        let Some(value) = whole(*value) else { continue };
        let n = last.map_or(1, |last| value.saturating_sub(last)).min(MAX_COUNTED);
        at.extend(std::iter::repeat_n(*ts, n as usize));
        last = Some(value);
    }
    at
}

/// Compiles that one event of a counter counts: a value that leaps further is none.
const MAX_COUNTED: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_a_sorted_list() {
        assert_eq!(nearest(&[], 5), None);
        assert_eq!(nearest(&[10, 20, 30], 24), Some(1));
        assert_eq!(nearest(&[10, 20, 30], 25), Some(1));
        assert_eq!(nearest(&[10, 20, 30], 26), Some(2));
        assert_eq!(nearest(&[10, 20, 30], 99), Some(2));
        assert_eq!(nearest(&[10, 20, 30], -99), Some(0));
    }

    #[test]
    fn only_whole_counts_are_counts() {
        assert_eq!(whole(3.0), Some(3));
        assert_eq!(whole(0.439_453_125 * 1024.0), Some(450));
        assert_eq!(whole(2.5), None);
        assert_eq!(whole(-1.0), None);
        assert_eq!(whole(f64::NAN), None);
    }
}
