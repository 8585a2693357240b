//! Where a trace starts, for whoever gives a window relative to it.

use std::collections::BTreeMap;

use super::build::{HOUR_NS, MIN_EVENTS, SPANS};
use crate::ingest::{Event, Phase, Sink};

/// Times of a stretch of this many bits of ns, at first, are counted together.
const BITS: u32 = 20;
/// More stretches are joined two by two.
const MAX_STRETCHES: usize = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct Times {
    first: i64,
    last: i64,
    n: usize,
}

/// Finds the first time of a trace. Times that are none are left out by the rule of the index, to which the middle of
/// the trace is known within a stretch: a trace shorter than one, or with times astray by less than a hundred of them,
/// may start earlier here.
#[derive(Clone, Debug)]
pub struct FirstTime {
    stretches: BTreeMap<i64, Times>,
    bits: u32,
    n: usize,
    /// Events at 0 without a duration, which may have no time.
    n_zeros: usize,
    /// Events further than an hour from 0.
    n_far: usize,
}

impl Default for FirstTime {
    fn default() -> FirstTime {
        FirstTime {
            stretches: BTreeMap::new(),
            bits: BITS,
            n: 0,
            n_zeros: 0,
            n_far: 0,
        }
    }
}

impl FirstTime {
    /// `None` where no event has a time.
    pub fn get(&self) -> Option<i64> {
        let first = self.stretches.values().next().map(|t| t.first);
        let all = first.into_iter().chain((self.n_zeros > 0).then_some(0)).min();
        if self.n < MIN_EVENTS {
            return all;
        }
        let n_others = self.n - self.n_zeros;
        let zero_is_one = n_others == 0 || (n_others - self.n_far) * 100 > n_others;
        let mut stretches: Vec<Times> = self.stretches.values().copied().collect();
        if zero_is_one && self.n_zeros > 0 {
            stretches.push(Times {
                first: 0,
                last: 0,
                n: self.n_zeros,
            });
            stretches.sort_by_key(|t| t.first);
        }
        let Some((start, end)) = middle(&stretches) else {
            return stretches.first().map(|t| t.first);
        };
        let earliest = start.saturating_sub(end.saturating_sub(start).saturating_mul(SPANS));
        stretches.iter().map(|t| t.first).find(|&first| first >= earliest)
    }

    fn add(&mut self, ts: i64, is_zero: bool) {
        self.n += 1;
        self.n_far += usize::from(ts.unsigned_abs() > HOUR_NS);
        if is_zero {
            self.n_zeros += 1;
            return;
        }
        let one = Times {
            first: ts,
            last: ts,
            n: 1,
        };
        join(&mut self.stretches, ts >> self.bits, one);
        while self.stretches.len() > MAX_STRETCHES && self.bits < 62 {
            self.bits += 1;
            for (at, times) in std::mem::take(&mut self.stretches) {
                join(&mut self.stretches, at >> 1, times);
            }
        }
    }
}

fn join(stretches: &mut BTreeMap<i64, Times>, at: i64, more: Times) {
    let times = stretches.entry(at).or_insert(Times { n: 0, ..more });
    times.first = times.first.min(more.first);
    times.last = times.last.max(more.last);
    times.n += more.n;
}

/// The shortest run of stretches that holds 99 % of the times. `None`: there are too few, or they are one.
fn middle(stretches: &[Times]) -> Option<(i64, i64)> {
    let n: usize = stretches.iter().map(|t| t.n).sum();
    if n < MIN_EVENTS {
        return None;
    }
    let may_miss = n.div_ceil(100);
    let (mut missed_before, mut to) = (0, stretches.len());
    let mut missed_behind = 0;
    while to > 1 && missed_behind + stretches[to - 1].n <= may_miss {
        to -= 1;
        missed_behind += stretches[to].n;
    }
    let mut shortest: Option<(i64, i64)> = None;
    for (i, times) in stretches.iter().enumerate() {
        while missed_before + missed_behind > may_miss && to < stretches.len() {
            missed_behind -= stretches[to].n;
            to += 1;
        }
        if missed_before + missed_behind > may_miss || to <= i {
            break;
        }
        let (start, end) = (times.first, stretches[to - 1].last);
        let is_shorter = |&(a, b): &(i64, i64)| end.saturating_sub(start) < b.saturating_sub(a);
        if end > start && shortest.as_ref().is_none_or(is_shorter) {
            shortest = Some((start, end));
        }
        missed_before += times.n;
    }
    shortest
}

impl Sink for FirstTime {
    fn event(&mut self, event: &Event<'_>) {
        let phase = event.phase();
        let timed = !matches!(
            phase,
            Phase::Metadata | Phase::Missing | Phase::Sample | Phase::NotDrawn | Phase::Unknown
        );
        if timed && let Some(ts) = event.ts().micros() {
            let lasts = || phase == Phase::Complete && event.dur().micros().is_some_and(|ns| ns > 0);
            self.add(ts, ts == 0 && !lasts());
        }
    }

    fn header(&mut self, _: &[u8], _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(times: impl Iterator<Item = i64>) -> Option<i64> {
        let mut all = FirstTime::default();
        for ts in times {
            all.add(ts, ts == 0);
        }
        all.get()
    }

    const EPOCH: i64 = 1_700_000_000_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_time_that_is_none_is_no_start() {
        let healthy = |n: i64| (0..n).map(|i| EPOCH + i * 10_000_000);
        assert_eq!(first(std::iter::empty()), None);
        assert_eq!(first(healthy(1_000)), Some(EPOCH));
        assert_eq!(first(healthy(1_000).chain([0, 0, 0])), Some(EPOCH), "no time");
        assert_eq!(
            first(healthy(1_000).chain([5, 77 * SECOND])),
            Some(EPOCH),
            "astray"
        );
        assert_eq!(
            first(healthy(1_000).chain([EPOCH - SECOND])),
            Some(EPOCH - SECOND)
        );
        assert_eq!(
            first((0..1_000).map(|i| i * 1_000_000)),
            Some(0),
            "a relative clock"
        );
        assert_eq!(first([0, EPOCH].into_iter()), Some(0), "too few to say");
    }

    #[test]
    fn however_long_the_trace_few_stretches_are_kept() {
        let mut all = FirstTime::default();
        for i in 0..200_000 {
            all.add(EPOCH + i * 60 * SECOND, false);
        }
        all.add(-EPOCH * 4, false);
        assert!(all.stretches.len() <= MAX_STRETCHES);
        assert_eq!(all.get(), Some(EPOCH));
    }
}
