//! Gaps between the launches of the thread that launches most.

use crate::analyze::gaps::gap_statistics::summarise;
use crate::analyze::gaps::gap_words::{longest, says_with_place};
use crate::analyze::gaps::innermost::thread_of;
use crate::analyze::gaps::{Asked, Host, activity_of, capture_window, share, whose};
use crate::analyze::report::{GapKind, Gaps};
use crate::base::{TrackId, Union};
use crate::dialect::Role;
use crate::index::Index;

pub(super) fn launch_gaps(host: &Host<'_>, asked: Asked<'_>) -> Option<Gaps> {
    let launches_on = |track: TrackId| {
        host.index
            .rows(track)
            .filter(|&id| host.vocabulary.role(id) == Role::Launch)
    };
    let (track, n_launches) = host
        .index
        .track_ids()
        .map(|track| (track, launches_on(track).count()))
        .max_by_key(|&(track, n)| (n, std::cmp::Reverse(track)))?;
    if n_launches < 2 {
        return None;
    }
    let union = Union::of(launches_on(track).map(|id| host.index.slices.span(id)));
    let rank = host.vocabulary.ranks.of(host.index, track);
    let whose = whose(host, rank, &[thread_of(host.index, track)]);
    let activity = activity_of(host, &whose);
    let mut divider = activity.divider();
    let (mut gaps, measured) = summarise(
        asked.n_longest,
        union.gaps().filter(|&g| asked.has(host, g)),
        |gap| divider.divide(gap),
    );
    gaps.kind = GapKind::Launch;
    gaps.r#where = track_name(host.index, track);
    let extent = union.extent().unwrap_or_default();
    gaps.coverage = capture_window(host).map(|window| share(extent.intersect(window), window));
    gaps.definition = "Time from the end of one launch to the start of the next, on the thread with most \
                       launches. This is not idle time of the device: it may be running what was launched before."
        .into();
    gaps.longest = longest(host, &measured, |gap, cause| {
        says_with_place(host, gap, cause, &whose)
    });
    Some(gaps)
}

/// The name of a thread, else its id.
pub(super) fn track_name(index: &Index, id: TrackId) -> String {
    let track = index.track(id);
    match track.name {
        Some(name) => index.text(name).to_owned(),
        None => format!("thread {}", track.tid.show(&index.names)),
    }
}
