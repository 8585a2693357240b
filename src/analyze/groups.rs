//! Slices by what they have in common: when each runs, and which is the longest.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::base::{SliceId, Span};
use crate::index::Index;

/// Slices that have a key in common.
pub struct Group {
    /// In the order of the slices.
    pub spans: Vec<Span>,
    /// Of equals the first.
    pub longest: SliceId,
}

/// See [`Group`].
pub struct Groups<'a, K> {
    index: &'a Index,
    pub by_key: FxHashMap<K, Group>,
}

impl<'a, K: Eq + Hash> Groups<'a, K> {
    pub fn new(index: &'a Index) -> Groups<'a, K> {
        Groups {
            index,
            by_key: FxHashMap::default(),
        }
    }

    pub fn add(&mut self, key: K, slice: SliceId) {
        let span = self.index.slices.span(slice);
        let group = self.by_key.entry(key).or_insert_with(|| Group {
            spans: Vec::new(),
            longest: slice,
        });
        if span.len_ns() > self.index.slices.span(group.longest).len_ns() {
            group.longest = slice;
        }
        group.spans.push(span);
    }
}
