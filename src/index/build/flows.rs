//! Arrows between slices.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use super::Builder;
use crate::index::column::Column;
use crate::index::tables::{Family, FlowKind, Flows};
use crate::ingest::event::{Raw, id_of};
use crate::ingest::{Event, Scalar};

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
        self.flows.ts.push(ts);
        self.flows.id.push(flow_id(event.id()));
        self.flows.track.push(track);
        self.flows.category.push(category);
        self.flows.kind.push(kind);
        self.tally.add(category, event.text().len(), FLOW_BYTES);
    }
}

/// A flow's id: a number, or a text's hash, so that equal ids stay equal. 0 if it has none.
pub fn flow_id(id: Scalar<'_>) -> u64 {
    let (Scalar::Bare(text) | Scalar::Text(Raw { raw: text })) = id else {
        return 0;
    };
    match id_of(text) {
        Some(n) => n.cast_unsigned(),
        None => FxBuildHasher.hash_one(text),
    }
}
