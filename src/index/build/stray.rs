//! Times that are none: events that a tracer wrote with time 0, and events far away from all others. They would set
//! the trace's length, and everything that is drawn or divided by it.

use super::{Builder, rows::Rows};
use crate::base::{DefectKind, Span};
use crate::index::column::Column;

/// Fewer events than this say nothing about where the others should lie.
pub const MIN_EVENTS: usize = 20;
/// What lies further from the middle 99 % of the events than so many times their span is astray.
pub const SPANS: i64 = 100;
pub const HOUR_NS: u64 = 3_600_000_000_000;
/// Times that are looked at to see that nothing is astray, as it is nearly always.
const SAMPLE: usize = 4_096;

/// Which times are taken.
#[derive(Clone, Copy)]
struct Plausible {
    /// Whether time 0 without a duration is a time.
    zero: bool,
    times: Span,
}

impl Plausible {
    fn defect(self, ts: i64, dur: i64) -> Option<DefectKind> {
        if !self.zero && ts == 0 && dur == 0 {
            Some(DefectKind::ZeroTime)
        } else if ts < self.times.start || ts > self.times.end {
            Some(DefectKind::StrayTime)
        } else {
            None
        }
    }
}

impl Builder {
    /// Leaves out what lies at no plausible time, and ends there what ends at none.
    pub(super) fn leave_out_strays(&mut self) {
        let Some(plausible) = self.plausible() else { return };
        let mut strays: Vec<(DefectKind, Option<u64>)> = Vec::new();
        let mut keeps = |ts: i64, dur: i64, at: Option<u64>| {
            let defect = plausible.defect(ts, dur);
            strays.extend(defect.map(|kind| (kind, at)));
            defect.is_none()
        };

        let rows = &self.rows;
        let kept = (0u32..)
            .zip(rows.start.iter().zip(rows.dur.iter()).zip(rows.at.iter()))
            .filter(|&(_, ((ts, dur), at))| keeps(ts, dur, Some(at)));
        let kept: Vec<u32> = kept.map(|(row, _)| row).collect();
        self.args.keep_rows(&kept);
        self.cpu_times.keep_rows(&kept);
        self.end_rounding.keep_rows(&kept);
        self.unknown_frames.keep_rows(&kept);
        self.rows = std::mem::take(&mut self.rows).picked(&kept);

        self.edges.retain(|ts, at| keeps(ts, 0, Some(at)));

        let instants = (0u32..).zip(self.instants.start.iter().zip(self.instants.at.iter()));
        let kept: Vec<u32> = instants
            .filter(|&(_, (ts, at))| keeps(ts, 0, Some(at)))
            .map(|(row, _)| row)
            .collect();
        self.instants = std::mem::take(&mut self.instants).picked(&kept);

        let of = |times: &Column<i64>, keeps: &mut dyn FnMut(i64, i64, Option<u64>) -> bool| -> Vec<u32> {
            let times = (0u32..).zip(times.iter());
            times
                .filter(|&(_, ts)| keeps(ts, 0, None))
                .map(|(row, _)| row)
                .collect()
        };
        let kept = of(&self.memory.ts, &mut keeps);
        self.memory = std::mem::take(&mut self.memory).picked(&kept);
        let kept = of(self.flows.times(), &mut keeps);
        self.flows = std::mem::take(&mut self.flows).picked(&kept);
        self.counters.retain(|ts| keeps(ts, 0, None));
        for (kind, at) in strays {
            self.defects.add(kind, at);
        }

        self.end_strays(plausible.times.end);
        let times = self.rows.start.iter().chain(self.edges.times());
        self.times = times.fold(None, |all: Option<(i64, i64)>, ts| {
            Some(all.map_or((ts, ts), |(first, last)| (first.min(ts), last.max(ts))))
        });
    }

    /// What ends after `limit` ends with the last of the others.
    fn end_strays(&mut self, limit: i64) {
        let ends = |rows: &Rows| -> Vec<i64> {
            let spans = rows.start.iter().zip(rows.dur.iter());
            spans.map(|(start, dur)| start.saturating_add(dur)).collect()
        };
        let ends = ends(&self.rows);
        let n_strays = ends.iter().filter(|&&end| end > limit).count();
        if n_strays == 0 || n_strays > ends.len().div_ceil(100) {
            return;
        }
        let starts = self.rows.start.iter().chain(self.edges.times());
        let last = ends
            .iter()
            .copied()
            .filter(|&end| end <= limit)
            .chain(starts)
            .max();
        let last = last.unwrap_or(limit);
        for (row, _) in ends.iter().enumerate().filter(|&(_, &end)| end > limit) {
            self.defects.add(DefectKind::StrayEnd, Some(self.rows.at[row]));
        }
        let rows = self.rows.start.iter().zip(self.rows.dur.iter()).zip(&ends);
        self.rows.dur = rows
            .map(|((start, dur), &end)| {
                if end > limit {
                    last.saturating_sub(start)
                } else {
                    dur
                }
            })
            .collect();
    }

    /// `None`: nothing is astray.
    fn plausible(&self) -> Option<Plausible> {
        let (first, last) = self.times?;
        let ends = self.rows.start.iter().zip(self.rows.dur.iter());
        let last_end = ends.map(|(start, dur)| start.saturating_add(dur)).max();
        let last = last_end.map_or(last, |end| end.max(last));
        let n = self.times_of_all().count();
        if n < MIN_EVENTS {
            return None;
        }
        let mut sample: Vec<i64> = self.times_of_all().step_by(n.div_ceil(SAMPLE)).collect();
        sample.sort_unstable();
        let tail = sample.len() / 20;
        let most = sample[sample.len() - 1 - tail].saturating_sub(sample[tail]);
        let has_zeros = first <= 0
            && sample[tail]
                .unsigned_abs()
                .max(sample[sample.len() - 1 - tail].unsigned_abs())
                > HOUR_NS;
        if !has_zeros && most > 0 && last.saturating_sub(first) / (SPANS / 2) <= most {
            return None;
        }

        let slices = self.rows.start.iter().zip(self.rows.dur.iter());
        let n_zeros = slices.filter(|&(ts, dur)| ts == 0 && dur == 0).count()
            + self.times_of_others().filter(|&ts| ts == 0).count();
        let n_far = self
            .times_of_all()
            .filter(|ts| ts.unsigned_abs() > HOUR_NS)
            .count();
        let n_others = n - n_zeros;
        let zero = n_zeros == 0 || n_others == 0 || (n_others - n_far.min(n_others)) * 100 > n_others;
        let mut times: Vec<i64> = match zero {
            true => self.times_of_all().collect(),
            false => self.times_of_all().filter(|&ts| ts != 0).collect(),
        };
        times.sort_unstable();
        let far = i64::MAX / 2;
        let times = middle(&times).map_or(Span::new(-far, far), |middle| {
            let margin = middle.len_ns().saturating_mul(SPANS);
            Span::new(
                middle.start.saturating_sub(margin),
                middle.end.saturating_add(margin),
            )
        });
        (!zero || first < times.start || last > times.end).then_some(Plausible { zero, times })
    }

    fn times_of_all(&self) -> impl Iterator<Item = i64> + '_ {
        self.rows.start.iter().chain(self.times_of_others())
    }

    /// Times of all that is no complete event.
    fn times_of_others(&self) -> impl Iterator<Item = i64> + '_ {
        let points = self.instants.start.iter().chain(self.memory.ts.iter());
        let points = points
            .chain(self.flows.times().iter())
            .chain(self.counters.times());
        self.edges.times().chain(points)
    }
}

/// The shortest stretch that holds 99 % of these times, which are in order. `None`: there are too few, or they are one.
fn middle(times: &[i64]) -> Option<Span> {
    if times.len() < MIN_EVENTS {
        return None;
    }
    let left_out = times.len().div_ceil(100);
    let n = times.len() - left_out;
    let stretches = (0..=left_out).map(|from| Span::new(times[from], times[from + n - 1]));
    stretches
        .min_by_key(|s| s.end.saturating_sub(s.start))
        .filter(|s| s.end > s.start)
}
