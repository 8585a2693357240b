//! Complete events become slices, instants stay instants or are what an allocator did.

use super::{Builder, FINISH_BYTES, ROW_BYTES};
use crate::base::DefectKind;
use crate::base::time::CLOCK_END_NS;
use crate::index::allocator_events::{Failure, MEMORY, Memory, OUT_OF_MEMORY, Said};
use crate::index::cpu_time::{CPU_TIME_BYTES, is_beyond};
use crate::index::sparse_times;
use crate::index::trace_columns::Family;
use crate::ingest::{Event, Field, Scalar};

/// A row of [`Instants`](crate::index::trace_columns::Instants), and its place in the order.
pub const INSTANT_BYTES: u64 = 26 + 8;
/// A [`Memory`] row, and its place in the order.
pub const MEMORY_BYTES: u64 = Memory::ROW_BYTES as u64 + 8;

impl Builder {
    pub(super) fn complete(&mut self, event: &Event<'_>, ts: i64) {
        let dur = match event.dur() {
            Scalar::Missing | Scalar::Null => {
                self.defects.add(DefectKind::MissingDuration, Some(event.at));
                0
            }
            dur => match dur.micros() {
                Some(ns) if ns < 0 => {
                    self.defects.add(DefectKind::NegativeDuration, Some(event.at));
                    0
                }
                Some(ns) if ts.saturating_add(ns) < CLOCK_END_NS => ns,
                _ => {
                    let kind = match dur.is_number() {
                        true => DefectKind::OversizedDuration,
                        false => DefectKind::UnreadableDuration,
                    };
                    self.defects.add(kind, Some(event.at));
                    0
                }
            },
        };
        let Ok(row) = u32::try_from(self.rows.start.len() + self.edges.n_begins() as usize) else {
            self.defects.add(DefectKind::TooManyRows, Some(event.at));
            return;
        };
        let row = row - self.edges.n_begins();
        let (category, track, name) = self.place(event);
        self.rows.start.push(ts);
        self.rows.dur.push(dur);
        self.rows.at.push(event.at);
        self.rows.name.push(name.0);
        self.rows.track.push(track);
        self.rows.category.push(category);
        self.note_frame(row, track, event);
        self.read_args(event);
        let args = self.args.push(row, &self.values);
        let mut held = ROW_BYTES + FINISH_BYTES + args as u64;
        let end_rounding = event.end_rounding();
        if end_rounding != 0 && dur > 0 {
            self.end_rounding.push(row, end_rounding);
            held += sparse_times::BYTES;
        }
        if event.has_uncommon()
            && let Some(ns) = self.thread_time(event, Field::ThreadDur)
        {
            // A duration that is missing or wrong was counted, and stands as 0.
            if dur > 0 && is_beyond(ns, dur) {
                self.defects.add(DefectKind::LongThreadTime, Some(event.at));
            }
            self.cpu_times.push(row, ns);
            held += CPU_TIME_BYTES;
        }
        self.tally.add(category, event.text().len(), held);
    }

    /// A time of the thread's own clock, if the event has one.
    pub(super) fn thread_time(&mut self, event: &Event<'_>, field: Field) -> Option<i64> {
        let value = event.uncommon(field);
        if matches!(value, Scalar::Missing | Scalar::Null) {
            return None;
        }
        let ns = value.micros().filter(|&ns| ns >= 0);
        if ns.is_none() {
            self.defects.add(DefectKind::UnreadableThreadTime, Some(event.at));
        }
        ns
    }

    pub(super) fn instant(&mut self, event: &Event<'_>, ts: i64) {
        let track = self.track(event, Family::Main);
        let category = self.category(event);
        if let Scalar::Text(raw) = event.name()
            && raw.raw == MEMORY
            && let Some(said) = Said::of(event.args())
            && let process = self.tracks.list[track as usize].0
            && self.memory.push(ts, track, process, &said)
        {
            return self.tally.add(category, event.text().len(), MEMORY_BYTES);
        }
        if let Scalar::Text(raw) = event.name()
            && raw.raw == OUT_OF_MEMORY
        {
            let process = self.tracks.list[track as usize].0;
            let said = Said::of(event.args());
            self.memory.fail(Failure { ts, process, said });
        }
        let name = self.name_of(event);
        self.instants.start.push(ts);
        self.instants.at.push(event.at);
        self.instants.name.push(name.0);
        self.instants.track.push(track);
        self.instants.category.push(category);
        self.tally.add(category, event.text().len(), INSTANT_BYTES);
    }
}
