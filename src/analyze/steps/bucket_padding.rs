//! How much of each bucket is padding, in rows or token positions and in device time.
//!
//! Of decode steps: requests really in the batch against rows of the bucket; of prefill steps: tokens against
//! positions. The device computes a padded row as it computes any, so the share of rows is taken of the device time: an
//! upper bound where a kernel's time depends on what a row holds (attention over a short context).

use std::collections::BTreeMap;

use crate::analyze::report::{Padding, Phase, Step};
use crate::analyze::steps::verdict;
use crate::base::order;

/// What a step holds and what its bucket has room for; `None` where one is unknown.
pub fn rows_of(step: &Step) -> Option<(u64, u64)> {
    let bucket = step.bucket?;
    match step.phase {
        Phase::Decode => Some((u64::from(step.batch?), u64::from(bucket.batch))),
        Phase::Prefill => Some((step.tokens?, u64::from(bucket.batch) * u64::from(bucket.seq?))),
        _ => None,
    }
}

/// By phase and bucket, of served steps in which nothing compiled; most device time on padding first.
pub fn padding(steps: &[Step]) -> Vec<Padding> {
    let served = [Phase::Decode, Phase::Prefill]
        .into_iter()
        .flat_map(|phase| verdict::of_phase(steps, phase, None));
    let mut rows: BTreeMap<_, Padding> = BTreeMap::new();
    for step in served.filter(|s| !s.compiled) {
        // More in it than it has room for: the two do not count the same thing.
        let Some((real, padded)) = rows_of(step).filter(|(real, padded)| real <= padded && *padded > 0)
        else {
            continue;
        };
        let Some(bucket) = step.bucket else { continue };
        let row = rows.entry((step.phase, bucket)).or_insert_with(|| Padding {
            phase: step.phase,
            bucket,
            device_ns: Some(0),
            padding_device_ns: Some(0),
            ..Padding::default()
        });
        row.steps += 1;
        row.real = row.real.saturating_add(real);
        row.padded = row.padded.saturating_add(padded);
        let busy = step.device.as_ref().map(|d| d.busy_ns);
        // One step whose device time is unknown leaves the sum unknown.
        row.device_ns = row.device_ns.zip(busy).map(|(sum, ns)| sum.saturating_add(ns));
        #[expect(clippy::cast_possible_truncation, reason = "less than what it is a part of")]
        let wasted = busy.map(|ns| (ns as f64 * (padded - real) as f64 / padded as f64).round() as i64);
        row.padding_device_ns = row
            .padding_device_ns
            .zip(wasted)
            .map(|(sum, ns)| sum.saturating_add(ns));
    }
    let mut rows: Vec<Padding> = rows.into_values().collect();
    order::sort_by_key(&mut rows, |row| {
        std::cmp::Reverse((row.padding_device_ns, row.padded - row.real))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::{Bucket, Period, StepDevice};

    fn step(batch: u32, padded: u32, busy_ns: Option<i64>) -> Step {
        Step {
            phase: Phase::Decode,
            period: Period::Serving,
            batch: Some(batch),
            bucket: Some(Bucket {
                batch: padded,
                seq: Some(1),
                ctx: Some(8),
            }),
            device: busy_ns.map(|busy_ns| StepDevice {
                busy_ns,
                ..StepDevice::default()
            }),
            ..Step::default()
        }
    }

    #[test]
    fn padding_costs_its_share_of_the_device_time() {
        let found = padding(&[
            step(3, 4, Some(1_000)),
            step(1, 4, Some(2_000)),
            step(15, 16, Some(1_600)),
        ]);
        let of = |row: &Padding| {
            (
                row.bucket.batch,
                row.steps,
                row.real,
                row.padded,
                row.padding_device_ns,
            )
        };
        let found: Vec<_> = found.iter().map(of).collect();
        assert_eq!(found, [(4, 2, 4, 8, Some(1_750)), (16, 1, 15, 16, Some(100))]);
    }

    #[test]
    fn what_is_unknown_is_not_zero() {
        let found = padding(&[step(3, 4, Some(1_000)), step(3, 4, None), step(9, 4, Some(5))]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].steps, found[0].padding_device_ns), (2, None));
    }
}
