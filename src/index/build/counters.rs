//! Counters: a series for each key of each counter's args.

use rustc_hash::FxHashMap;

use super::Builder;
use crate::base::{DefectKind, NameId};
use crate::index::tables::{CounterSeries, Key};
use crate::ingest::event::args;
use crate::ingest::{Event, Scalar};

/// Time and value of a counter, in vectors that grow by doubling.
const SAMPLE_BYTES: u64 = 32;

#[derive(Clone, Default)]
pub struct Counters {
    series: Vec<CounterSeries>,
    by_key: FxHashMap<(Key, Key, NameId, NameId), u32>,
    n_samples: u64,
}

impl Counters {
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Bytes of the samples.
    pub fn bytes(&self) -> u64 {
        self.n_samples * SAMPLE_BYTES
    }

    pub fn times(&self) -> impl Iterator<Item = i64> + '_ {
        self.series.iter().flat_map(|series| series.ts.iter().copied())
    }

    /// Drops the samples at other times.
    pub fn retain(&mut self, mut keeps: impl FnMut(i64) -> bool) {
        for series in &mut self.series {
            let samples = std::mem::take(&mut series.ts)
                .into_iter()
                .zip(std::mem::take(&mut series.value));
            (series.ts, series.value) = samples.filter(|&(ts, _)| keeps(ts)).unzip();
        }
    }

    /// All series, each in order of time.
    pub fn sorted(mut self) -> Vec<CounterSeries> {
        for series in &mut self.series {
            sort_series(series);
        }
        self.series
    }
}

impl Builder {
    pub(super) fn counter(&mut self, event: &Event<'_>, ts: i64) {
        let (pid, tid) = (self.key(event.pid(), event.at), self.key(event.tid(), event.at));
        let name = self.name(event.name(), event.at);
        let mut n_samples = 0;
        for (key, value, _) in args(event.args()) {
            let Some(number) = value.float() else {
                if matches!(value, Scalar::Bare(_)) {
                    self.defects.add(DefectKind::NotANumber, Some(event.at));
                }
                continue;
            };
            let key = self.name(Scalar::Text(key), event.at);
            let next = u32::try_from(self.counters.series.len()).unwrap_or(u32::MAX);
            let id = *self.counters.by_key.entry((pid, tid, name, key)).or_insert(next);
            if id == next {
                self.counters.series.push(CounterSeries {
                    pid,
                    tid,
                    name,
                    key,
                    ts: Vec::new(),
                    value: Vec::new(),
                });
            }
            let series = &mut self.counters.series[id as usize];
            series.ts.push(ts);
            series.value.push(number);
            n_samples += 1;
        }
        self.counters.n_samples += n_samples;
        self.tally.add_other(event.text().len(), n_samples * SAMPLE_BYTES);
    }
}

/// Puts the samples in order of time; of equal times, the file's order.
fn sort_series(series: &mut CounterSeries) {
    if !series.ts.is_sorted() {
        let mut pairs: Vec<(i64, f64)> = series
            .ts
            .iter()
            .copied()
            .zip(series.value.iter().copied())
            .collect();
        pairs.sort_by_key(|p| p.0);
        (series.ts, series.value) = pairs.into_iter().unzip();
    }
}
