//! A role for each slice. Names repeat: a role is worked out once for each distinct (lane, category, name) and
//! looked up for the millions of slices that share it.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::base::{CategoryId, NameId, SliceId, TrackId};
use crate::index::trace_columns::Index;

use super::vocabulary::Role;

/// The category of the tracks that a cut-out brings along: what Stepscope said of the trace, not what was
/// recorded. No analysis counts it.
pub const OWN_CATEGORY: &str = "stepscope";

/// The role of every slice. `lane_of` says what kind of track it lies on, `role_of` reads (lane, category,
/// name).
pub fn assign<L: Copy + Eq + Hash>(
    index: &Index,
    lane_of: impl Fn(TrackId) -> L,
    role_of: impl Fn(L, &str, &str) -> Role,
) -> Vec<Role> {
    let mut roles = vec![Role::Other; index.slices.len()];
    let mut known: FxHashMap<(L, CategoryId, NameId), Role> = FxHashMap::default();
    for track in index.track_ids() {
        let lane = lane_of(track);
        for id in index.rows(track) {
            let key = (lane, index.slices.category(id), index.slices.name(id));
            roles[id.index()] = *known
                .entry(key)
                .or_insert_with(|| match index.category_text(key.1) {
                    OWN_CATEGORY => Role::Other,
                    category => role_of(lane, category, index.text(key.2)),
                });
        }
    }
    roles
}

/// Every slice whose role `fits`, in order of rows.
pub fn rows_with<'a>(
    roles: &'a [Role],
    fits: impl Fn(Role) -> bool + 'a,
) -> impl Iterator<Item = SliceId> + 'a {
    roles
        .iter()
        .enumerate()
        .filter(move |&(_, &role)| fits(role))
        .map(|(row, _)| SliceId::from_index(row))
}
