//! A selected slice, a selected stretch of time, a search.

use rustc_hash::FxHashMap;

use crate::analyze::report::Step;
use crate::base::{NameId, SliceId, Span, TrackId};
use crate::dialect::Vocabulary;
use crate::index::Index;
use crate::ingest::Scalar;
use crate::ingest::event::args;

use super::model::{AreaRow, AreaStatistics, SearchResult, SearchRow, SliceArgs, SliceDetail};
use super::timeline::Scene;

/// Rows of an area's table.
const MAX_AREA_ROWS: usize = 200;
/// Rows of a search.
const MAX_SEARCH_ROWS: usize = 100;

/// What the columns say of a slice; `None` if there is no such slice.
pub fn slice(
    index: &Index,
    vocabulary: &Vocabulary,
    scene: &Scene,
    steps: &[Step],
    row: u32,
) -> Option<SliceDetail> {
    if row as usize >= index.slices.len() {
        return None;
    }
    let id = SliceId(row);
    let track_id = index.track_of(id);
    let track = index.track(track_id);
    let span = index.slices.span(id);
    let depth = index.slices.depth(id);
    let lane = index.lanes.lane(track_id, depth);
    let place = index.lanes.place(lane.clone(), id)?;
    let (mut n_children, mut children_ns) = (0u32, 0i64);
    for child in index.children(id) {
        n_children += 1;
        children_ns = children_ns.saturating_add(index.slices.dur(child).as_ns());
    }
    let name = index.slices.name(id);
    let (mut count, mut total, mut min, mut max) = (0u64, 0i64, i64::MAX, 0i64);
    for other in index.slices.ids().filter(|&o| index.slices.name(o) == name) {
        let dur = index.slices.dur(other).as_ns();
        count += 1;
        total = total.saturating_add(dur);
        min = min.min(dur);
        max = max.max(dur);
    }
    let process_name = index
        .process(track.pid)
        .and_then(|p| p.name.or(p.labels))
        .map(|n| index.text(n));
    let pid = track.pid.show(&index.names);
    let tid = track.tid.show(&index.names);
    Some(SliceDetail {
        slice: row,
        name: index.text(name).to_owned(),
        category: index.category_of(id).to_owned(),
        class: scene.class(vocabulary, id),
        process: process_name.map_or_else(|| pid.clone(), |name| format!("{name} ({pid})")),
        thread: track
            .name
            .map_or_else(|| tid.clone(), |name| format!("{} ({tid})", index.text(name))),
        track: track_id.0,
        depth,
        start_ns: span.start,
        dur_ns: span.len_ns(),
        self_ns: (span.len_ns() - children_ns).max(0),
        n_children,
        parent: index.slices.parent(id).map(|p| p.0),
        previous: (place > lane.start).then(|| index.lanes.at(place - 1).0),
        next: (place + 1 < lane.end).then(|| index.lanes.at(place + 1).0),
        step: step_at(steps, span.start),
        at_byte: index.slices.at(id),
        same_name_count: count,
        same_name_total_ns: total,
        same_name_min_ns: min,
        same_name_max_ns: max,
    })
}

/// The last step that starts at or before `at` and has not ended there.
fn step_at(steps: &[Step], at: i64) -> Option<u32> {
    let before = steps.partition_point(|s| s.start_ns <= at);
    let step = &steps[before.checked_sub(1)?];
    (at < step.start_ns.saturating_add(step.dur_ns)).then_some(step.index)
}

/// The args of an event's text.
pub fn slice_args(slice: u32, text: &[u8]) -> SliceArgs {
    let show = |value: Scalar<'_>, raw: &[u8]| match value {
        Scalar::Text(t) => String::from_utf8_lossy(t.text(&mut Vec::new()).0).into_owned(),
        _ => String::from_utf8_lossy(raw).into_owned(),
    };
    let object = args(text)
        .find(|(key, ..)| key.raw == b"args")
        .map_or(&b"{}"[..], |(.., raw)| raw);
    let args = if object.starts_with(b"{") {
        args(object)
            .map(|(key, value, raw)| {
                (
                    String::from_utf8_lossy(key.text(&mut Vec::new()).0).into_owned(),
                    show(value, raw),
                )
            })
            .collect()
    } else {
        Vec::new()
    };
    SliceArgs { slice, args }
}

/// The slices of `tracks` that share time with `window`, by name, with their time inside it.
pub fn area(
    index: &Index,
    vocabulary: &Vocabulary,
    scene: &Scene,
    window: Span,
    tracks: &[u32],
) -> AreaStatistics {
    let mut by_name: FxHashMap<NameId, AreaRow> = FxHashMap::default();
    let mut n_slices = 0;
    for &track in tracks.iter().filter(|&&t| (t as usize) < index.tracks.len()) {
        for depth in 0..index.track(TrackId(track)).n_depths {
            for place in index.lanes.lane(TrackId(track), depth) {
                let id = index.lanes.at(place);
                let span = index.slices.span(id);
                if span.start >= window.end {
                    break;
                }
                if span.end <= window.start {
                    continue;
                }
                n_slices += 1;
                let inside = span.intersect(window).len_ns();
                let row = by_name.entry(index.slices.name(id)).or_insert_with(|| AreaRow {
                    name: index.name_of(id).to_owned(),
                    class: scene.class(vocabulary, id),
                    count: 0,
                    total_ns: 0,
                    self_ns: 0,
                    min_ns: i64::MAX,
                    max_ns: -1,
                    longest_slice: id.0,
                });
                row.count += 1;
                row.total_ns = row.total_ns.saturating_add(inside);
                row.self_ns = row.self_ns.saturating_add(inside);
                row.min_ns = row.min_ns.min(span.len_ns());
                if span.len_ns() > row.max_ns {
                    row.max_ns = span.len_ns();
                    row.longest_slice = id.0;
                }
                if let Some(parent) = index.slices.parent(id) {
                    // The parent overlaps the window too, so it has a row, or gets one: depths go downwards.
                    if let Some(parent) = by_name.get_mut(&index.slices.name(parent)) {
                        parent.self_ns = parent.self_ns.saturating_sub(inside);
                    }
                }
            }
        }
    }
    let mut rows: Vec<AreaRow> = by_name.into_values().collect();
    rows.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.name.cmp(&b.name)));
    rows.truncate(MAX_AREA_ROWS);
    AreaStatistics {
        window,
        rows,
        n_slices,
    }
}

/// Slices by names that contain `text`, without regard to ASCII case.
pub fn search(index: &Index, vocabulary: &Vocabulary, scene: &Scene, text: &str) -> SearchResult {
    let needle = text.trim().to_ascii_lowercase();
    let mut row_of: Vec<u32> = vec![u32::MAX; index.names.len()];
    if !needle.is_empty() {
        for (id, name) in index.names.iter() {
            if name.to_ascii_lowercase().contains(&needle) {
                row_of[id.index()] = u32::MAX - 1;
            }
        }
    }
    let mut rows: Vec<SearchRow> = Vec::new();
    let mut longest: Vec<i64> = Vec::new();
    let mut n_slices = 0;
    for id in index.slices.ids() {
        let slot = &mut row_of[index.slices.name(id).index()];
        if *slot == u32::MAX {
            continue;
        }
        if *slot == u32::MAX - 1 {
            *slot = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            rows.push(SearchRow {
                name: index.name_of(id).to_owned(),
                class: scene.class(vocabulary, id),
                count: 0,
                total_ns: 0,
                longest_slice: id.0,
                first_slice: id.0,
            });
            longest.push(-1);
        }
        let at = *slot as usize;
        let dur = index.slices.dur(id).as_ns();
        n_slices += 1;
        rows[at].count += 1;
        rows[at].total_ns = rows[at].total_ns.saturating_add(dur);
        if index.slices.start(id) < index.slices.start(SliceId(rows[at].first_slice)) {
            rows[at].first_slice = id.0;
        }
        if dur > longest[at] {
            longest[at] = dur;
            rows[at].longest_slice = id.0;
        }
    }
    rows.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.name.cmp(&b.name)));
    rows.truncate(MAX_SEARCH_ROWS);
    SearchResult {
        text: text.to_owned(),
        names: rows,
        n_slices,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::open_bytes;

    const TRACE: &str = r#"[
        {"ph":"X","name":"outer","cat":"c","pid":1,"tid":2,"ts":0,"dur":100,"args":{"a":"x\"y","b":[1,{"c":2}],"d":-nan}},
        {"ph":"X","name":"inner","pid":1,"tid":2,"ts":10,"dur":20},
        {"ph":"X","name":"Inner","pid":1,"tid":2,"ts":40,"dur":5},
        {"ph":"X","name":"inner","pid":1,"tid":2,"ts":200,"dur":7}]"#;

    #[test]
    fn a_slice_knows_its_place_and_its_like() {
        let t = open_bytes("t", TRACE.as_bytes()).unwrap();
        let scene = Scene::new(&t.index, &t.vocabulary);
        let outer = slice(&t.index, &t.vocabulary, &scene, &[], 0).unwrap();
        assert_eq!(
            (outer.name.as_str(), outer.self_ns, outer.n_children, outer.next),
            ("outer", 75_000, 2, Some(3))
        );
        let inner = slice(&t.index, &t.vocabulary, &scene, &[], 1).unwrap();
        assert_eq!((inner.parent, inner.next, inner.depth), (Some(0), Some(2), 1));
        assert_eq!(
            (
                inner.same_name_count,
                inner.same_name_total_ns,
                inner.same_name_min_ns
            ),
            (2, 27_000, 7_000)
        );
        assert!(slice(&t.index, &t.vocabulary, &scene, &[], 4).is_none());
        let at = usize::try_from(outer.at_byte).unwrap();
        let shown = slice_args(0, &TRACE.as_bytes()[at..]);
        let want = [("a", "x\"y"), ("b", "[1,{\"c\":2}]"), ("d", "-nan")];
        assert_eq!(shown.args, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn an_area_clips_and_a_search_ignores_case() {
        let t = open_bytes("t", TRACE.as_bytes()).unwrap();
        let scene = Scene::new(&t.index, &t.vocabulary);
        let got = area(&t.index, &t.vocabulary, &scene, Span::new(20_000, 43_000), &[0]);
        let rows: Vec<_> = got
            .rows
            .iter()
            .map(|r| (r.name.as_str(), r.count, r.total_ns, r.self_ns))
            .collect();
        assert_eq!(
            rows,
            [
                ("outer", 1, 23_000, 10_000),
                ("inner", 1, 10_000, 10_000),
                ("Inner", 1, 3_000, 3_000)
            ]
        );
        let found = search(&t.index, &t.vocabulary, &scene, "INNER");
        let names: Vec<_> = found
            .names
            .iter()
            .map(|r| (r.name.as_str(), r.count, r.longest_slice))
            .collect();
        assert_eq!(names, [("inner", 2, 1), ("Inner", 1, 2)]);
        assert_eq!(found.n_slices, 3);
        assert!(search(&t.index, &t.vocabulary, &scene, " ").names.is_empty());
    }
}
