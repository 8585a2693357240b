//! Counters: a series for each key of each counter's args. A counter is a process's, whatever thread wrote it; those
//! with an `id` are counters of their own.

use rustc_hash::FxHashMap;

use super::Builder;
use crate::base::{CategoryId, DefectKind, Defects, NameId, Span};
use crate::index::trace_columns::{CounterSeries, Key};
use crate::ingest::event::{args, elements};
use crate::ingest::{Event, Field, Scalar};

/// Time and value of a counter, in vectors that grow by doubling.
const SAMPLE_BYTES: u64 = 32;

/// Process, id, name, and the key of the value.
type SeriesKey = (Key, Option<Key>, NameId, NameId);

#[derive(Clone, Default)]
pub struct Counters {
    series: Vec<CounterSeries>,
    by_key: FxHashMap<SeriesKey, u32>,
    n_samples: u64,
    /// Samples that are NaN or infinite, and the byte of the first, by series.
    not_finite: FxHashMap<SeriesKey, (u64, u64)>,
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

    fn push(&mut self, by: SeriesKey, ts: i64, value: f64) {
        let next = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        let number = *self.by_key.entry(by).or_insert(next);
        if number == next {
            let (pid, id, name, key) = by;
            self.series.push(CounterSeries {
                pid,
                id,
                name,
                key,
                ts: Vec::new(),
                value: Vec::new(),
            });
        }
        let series = &mut self.series[number as usize];
        series.ts.push(ts);
        series.value.push(value);
        self.n_samples += 1;
    }

    /// Counts what is no number, once all events were read: a series that has nothing else has no value.
    pub fn count_not_finite(&mut self, defects: &mut Defects) {
        for (key, (n, at)) in std::mem::take(&mut self.not_finite) {
            let kind = match self.by_key.contains_key(&key) {
                true => DefectKind::NotANumber,
                false => DefectKind::CounterWithoutValue,
            };
            defects.add_many(kind, n, Some(at));
        }
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
        let (pid, id, name) = self.counter_key(event);
        let (mut n_samples, mut n_values) = (0, 0);
        for (key, value, _) in args(event.args()) {
            n_values += 1;
            let Some(number) = value.float() else {
                // `NaN`, `inf`, `-nan`; `true` and `false` are no numbers at all.
                let is_number = matches!(value, Scalar::Bare(text) if text != b"true" && text != b"false");
                if is_number {
                    let key = self.name(Scalar::Text(key), event.at);
                    let found = self.counters.not_finite.entry((pid, id, name, key));
                    found.or_insert((0, event.at)).0 += 1;
                } else {
                    self.defects.add(DefectKind::CounterWithoutValue, Some(event.at));
                }
                continue;
            };
            let key = self.name(Scalar::Text(key), event.at);
            self.counters.push((pid, id, name, key), ts, number);
            n_samples += 1;
        }
        if n_values == 0 {
            self.defects.add(DefectKind::CounterWithoutValue, Some(event.at));
        }
        self.tally.add_other(event.text().len(), n_samples * SAMPLE_BYTES);
    }

    /// A counter whose samples are all in one event (xprof): `entries`, each a time in µs and a value. Whether it is
    /// one.
    pub(super) fn counter_entries(&mut self, event: &Event<'_>) -> bool {
        let Scalar::Nested(entries) = event.uncommon(Field::Entries) else {
            return false;
        };
        let (pid, id, name) = self.counter_key(event);
        let key = match event.uncommon(Field::EventStats) {
            stats @ Scalar::Text(_) => self.name(stats, event.at),
            _ => self.names.intern("value"),
        };
        let category = CategoryId(self.category(event));
        let mut n_samples = 0;
        for entry in elements(entries) {
            let Some((ts, value)) = sample(entry) else {
                self.defects.add(DefectKind::CounterWithoutValue, Some(event.at));
                continue;
            };
            let (first, last) = self.times.get_or_insert((ts, ts));
            (*first, *last) = (ts.min(*first), ts.max(*last));
            if self.keeps_row(category, Span::new(ts, ts), 0) {
                self.counters.push((pid, id, name, key), ts, value);
                n_samples += 1;
            }
        }
        self.tally.add_other(event.text().len(), n_samples * SAMPLE_BYTES);
        true
    }

    fn counter_key(&mut self, event: &Event<'_>) -> (Key, Option<Key>, NameId) {
        let id = match event.id() {
            Scalar::Missing | Scalar::Null => None,
            id => Some(self.identity_key(id, event.at)),
        };
        (self.key(event.pid(), event.at), id, self.name_of(event))
    }
}

/// Time in ns and value of an entry.
pub fn sample(entry: Scalar<'_>) -> Option<(i64, f64)> {
    let Scalar::Nested(entry) = entry else { return None };
    let mut parts = elements(entry);
    Some((parts.next()?.micros()?, parts.next()?.float()?))
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
