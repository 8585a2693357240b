//! Arrows between slices.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use super::{Builder, Identity};
use crate::base::{DefectKind, NameId};
use crate::index::column::Column;
use crate::index::trace_columns::{Family, FlowKind, Flows, Key};
use crate::ingest::{Event, Field, Scalar};

/// A [`Flows`] row, and its place in the order.
pub const FLOW_BYTES: u64 = 23 + 8;

/// Ends of arrows in the order of the file.
#[derive(Clone, Default)]
pub struct FlowRows {
    ts: Column<i64>,
    id: Column<u64>,
    track: Column<u32>,
    category: Column<u16>,
    kind: Column<FlowKind>,
}

impl FlowRows {
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    pub fn times(&self) -> &Column<i64> {
        &self.ts
    }

    /// These rows alone.
    pub fn picked(self, rows: &[u32]) -> FlowRows {
        FlowRows {
            ts: self.ts.gather(rows),
            id: self.id.gather(rows),
            track: self.track.gather(rows),
            category: self.category.gather(rows),
            kind: self.kind.gather(rows),
        }
    }

    /// In order of time; of equal times, the file's order.
    pub fn sorted(self) -> Flows {
        let mut order: Vec<u32> = (0u32..).take(self.ts.len()).collect();
        order.sort_by_key(|&row| self.ts.get(row as usize));
        Flows {
            ts: self.ts.gather(&order),
            id: self.id.gather(&order),
            track: self.track.gather(&order),
            category: self.category.gather(&order),
            kind: self.kind.gather(&order),
        }
    }
}

impl Builder {
    pub(super) fn flow(&mut self, event: &Event<'_>, ts: i64, kind: FlowKind) {
        let track = self.track(event, Family::Main);
        let category = self.category(event);
        let name = self.name_of(event);
        let identity = Identity::of(event, |id| Some(self.identity_key(id, event.at)));
        if matches!(identity, None | Some(Identity::Missing)) {
            self.defects.add(DefectKind::FlowWithoutId, Some(event.at));
        }
        let process = self.tracks.list[track as usize].0;
        let id = identity.map_or(0, |identity| flow_id(name, identity, process));
        self.push_flow(ts, id, track, category, kind);
        self.tally.add(category, event.text().len(), FLOW_BYTES);
    }

    /// An arrow's end that a slice is itself: those with one `bind_id` are joined, whatever they are called.
    pub(super) fn bound_flow(&mut self, event: &Event<'_>, ts: i64) {
        let is = |field: Field| matches!(event.uncommon(field), Scalar::Bare(b"true" | b"1"));
        let kind = match (is(Field::FlowIn), is(Field::FlowOut)) {
            (true, true) => FlowKind::Step,
            (true, false) => FlowKind::End,
            (false, true) => FlowKind::Start,
            (false, false) => return,
        };
        let (_, track, _) = self.place(event);
        let key = self.identity_key(event.uncommon(Field::BindId), event.at);
        let category = self.bound_category();
        self.push_flow(ts, FxBuildHasher.hash_one(key), track, category, kind);
    }

    fn push_flow(&mut self, ts: i64, id: u64, track: u32, category: u16, kind: FlowKind) {
        self.flows.ts.push(ts);
        self.flows.id.push(id);
        self.flows.track.push(track);
        self.flows.category.push(category);
        self.flows.kind.push(kind);
    }
}

/// What the ends of one arrow share beside their category: name and id, and the process where ids are its own.
pub fn flow_id(name: NameId, identity: Identity, process: Key) -> u64 {
    let process = matches!(identity, Identity::Local(_)).then_some(process);
    FxBuildHasher.hash_one((name, identity, process))
}
