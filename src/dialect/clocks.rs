//! Whether the clocks of host and device agree: no work starts before the call that launched it.

use rustc_hash::FxHashMap;

use crate::index::tables::Index;

use super::vocabulary::{LaunchLink, Role, Vocabulary};

/// Less than this disturbs no number that is shown.
const MIN_NS: i64 = 100_000;

/// By how much the device's clock is behind the host's, as a negative number, where at least every twentieth call has
/// work that starts before it. Work that waits in a queue hides the offset, so what shows it most counts.
pub fn offset_ns(index: &Index, v: &Vocabulary) -> Option<i64> {
    let (LaunchLink::Correlation(_) | LaunchLink::ByRank(_)) = v.launch_link else {
        return None;
    };
    let column = v.links(index)?;
    let start = |id| index.slices.start(id).as_ns();
    let mut calls: FxHashMap<i64, i64> = FxHashMap::default();
    for (id, link) in column.ints().filter(|&(id, _)| v.role(id) == Role::Launch) {
        let call = calls.entry(link).or_insert(i64::MAX);
        *call = start(id).min(*call);
    }
    let mut first: FxHashMap<i64, i64> = FxHashMap::default();
    for (id, link) in column.ints().filter(|&(id, _)| v.role(id).is_device()) {
        if calls.contains_key(&link) {
            let work = first.entry(link).or_insert(i64::MAX);
            *work = start(id).min(*work);
        }
    }
    let ahead = first.iter().map(|(link, &work)| work.saturating_sub(calls[link]));
    let (mut n, mut most) = (0, 0);
    for ns in ahead.filter(|&ns| ns < -MIN_NS) {
        n += 1;
        most = most.min(ns);
    }
    (n > 0 && n * 20 >= first.len()).then_some(most)
}
