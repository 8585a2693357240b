//! A selected slice, a selected stretch of time, a search.

use crate::analyze::device::work_by_node;
use crate::analyze::report::{RecipeWork, Step};
use crate::base::{NameId, SliceId, Span, TrackId, order};
use crate::dialect::Vocabulary;
use crate::index::Index;
use crate::ingest::Scalar;
use crate::ingest::event::Raw;
use crate::ingest::event::args;
use crate::table::{Area, AreaAsk, NamedSlices};

use super::arrows::arrows;
use super::by_name::Alike;
use super::hits::Wanted;
use super::model::{
    LinkedSlice, MAX_ARGS, MAX_FUSED, MAX_LAUNCHED, PartOf, SearchResult, SearchRow, SliceArgs, SliceDetail,
    SlicePlace,
};
use super::timeline::{Scene, first_place};

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
    // Children lie one depth below: other slices inside it, of which there may be millions, are not looked at.
    for child in places_in(index, index.lanes.lane(track_id, depth.saturating_add(1)), span) {
        if index.slices.parent(child) == Some(id) {
            n_children += 1;
            children_ns = children_ns.saturating_add(index.slices.dur(child).as_ns());
        }
    }
    let name = index.slices.name(id);
    let alike = scene.by_name().get(index, name);
    let process_name = index
        .process(track.pid)
        .and_then(|p| p.name.or(p.labels))
        .map(|n| index.text(n));
    let linked = linked(index, vocabulary, id);
    let (arrows, n_arrows) = arrows(index, id, |other| linked.is_with(index, vocabulary, other));
    let (cpu_ns, waiting_ns) = index.cpu_time(id).unzip();
    let waiting_ns = waiting_ns.flatten();
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
        cpu_ns,
        waiting_ns,
        n_children,
        parent: index.slices.parent(id).map(|p| p.0),
        previous: (place > lane.start).then(|| index.lanes.at(place - 1).0),
        next: (place + 1 < lane.end).then(|| index.lanes.at(place + 1).0),
        step: step_at(steps, span.start),
        launched_by: linked.call,
        launched: linked.work,
        n_launched: linked.n_work,
        arrows,
        n_arrows,
        part_of: work_by_node::part_of(index, vocabulary, id).map(|part| Box::new(part_of(part))),
        at_byte: index.slices.at(id),
        same_name_count: alike.count.into(),
        same_name_total_ns: alike.total_ns,
        same_name_min_ns: alike.min_ns,
        same_name_max_ns: alike.max_ns,
    })
}

fn part_of(part: work_by_node::PartOf) -> PartOf {
    let recipe = RecipeWork {
        name: part.recipe,
        id: part.recipe_id,
        ..RecipeWork::default()
    };
    let fused = || {
        let names = part.fused.iter().flat_map(|names| names.split(','));
        names.map(str::trim).filter(|name| !name.is_empty())
    };
    PartOf {
        recipe: recipe.label(),
        node: part.node.clone(),
        operation: part.operation.clone(),
        fused: fused().take(MAX_FUSED).map(str::to_owned).collect(),
        n_fused: u32::try_from(fused().count()).unwrap_or(u32::MAX),
        bundle: part.bundle,
    }
}

#[derive(Default)]
struct Linked {
    call: Option<LinkedSlice>,
    work: Vec<LinkedSlice>,
    n_work: u32,
    number: Option<i64>,
}

impl Linked {
    /// Whether a slice carries the same number.
    fn is_with(&self, index: &Index, vocabulary: &Vocabulary, other: SliceId) -> bool {
        self.number.is_some() && number_of(index, vocabulary, other) == self.number
    }
}

/// The number of the launch that a slice is one end of.
fn number_of(index: &Index, vocabulary: &Vocabulary, id: SliceId) -> Option<i64> {
    let column = vocabulary.links(index)?;
    let (row, number) = column.ints_from(id).next()?;
    (row == id).then_some(number)
}

/// The other ends of the launches of a slice, by the number that both carry.
fn linked(index: &Index, vocabulary: &Vocabulary, id: SliceId) -> Linked {
    let mut linked = Linked::default();
    let Some(column) = vocabulary.links(index) else {
        return linked;
    };
    let Some(number) = number_of(index, vocabulary, id) else {
        return linked;
    };
    linked.number = Some(number);
    let is_work = vocabulary.role(id).is_device();
    let start = |id: SliceId| index.slices.start(id).as_ns();
    let other = |row: SliceId| {
        let (call, work) = if is_work { (row, id) } else { (id, row) };
        LinkedSlice {
            slice: row.0,
            name: index.name_of(row).to_owned(),
            latency_ns: start(work).saturating_sub(start(call)),
            at: place_of(index, row),
        }
    };
    for (row, _) in column.ints().filter(|&(row, n)| n == number && row != id) {
        if vocabulary.role(row).is_device() == is_work {
            continue;
        }
        if is_work {
            // A runtime call that wraps a driver call carries the same number: the outer one, which comes first.
            linked.call.get_or_insert_with(|| other(row));
        } else {
            linked.n_work += 1;
            if linked.work.len() < MAX_LAUNCHED {
                linked.work.push(other(row));
            }
        }
    }
    linked
}

/// Where on the timeline a slice lies.
pub(super) fn place_of(index: &Index, id: SliceId) -> SlicePlace {
    SlicePlace {
        track: index.track_of(id).0,
        depth: index.slices.depth(id),
        span: index.slices.span(id),
    }
}

/// The slices of a lane that start in `span` or reach into it.
fn places_in(index: &Index, lane: std::ops::Range<usize>, span: Span) -> impl Iterator<Item = SliceId> + '_ {
    // A lane is in order of start and end at once.
    let first = first_place(lane.start, lane.end, |p| {
        let slice = index.slices.span(index.lanes.at(p));
        slice.end <= span.start && slice.start < span.start
    });
    let slices = (first..lane.end).map(|p| index.lanes.at(p));
    slices.take_while(move |&id| index.slices.start(id).as_ns() < span.end.max(span.start.saturating_add(1)))
}

/// The last step that starts at or before `at` and has not ended there.
fn step_at(steps: &[Step], at: i64) -> Option<u32> {
    let before = steps.partition_point(|s| s.start_ns <= at);
    let step = &steps[before.checked_sub(1)?];
    (at < step.start_ns.saturating_add(step.dur_ns)).then_some(step.index)
}

/// The args of the events that a slice is made of: one, or its begin and its end. Of equal keys the end's counts.
pub fn slice_args(slice: u32, events: &[&[u8]]) -> SliceArgs {
    let show = |value: Scalar<'_>, raw: &[u8]| match value {
        Scalar::Text(t) => String::from_utf8_lossy(t.text(&mut Vec::new()).0).into_owned(),
        _ => String::from_utf8_lossy(raw).into_owned(),
    };
    let of_event = |text| {
        let object = args(text)
            .find(|(key, ..)| key.raw == b"args")
            .map_or(&b"{}"[..], |(.., raw)| raw);
        let is_object = object.starts_with(b"{");
        args(if is_object { object } else { b"{}" })
    };
    let text = |key: Raw<'_>| String::from_utf8_lossy(key.text(&mut Vec::new()).0).into_owned();
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut n_left_out = 0;
    for (i, &event) in events.iter().enumerate() {
        let n_before = shown.len();
        for (key, value, raw) in of_event(event) {
            let key = text(key);
            // Keys of one event are shown as they stand.
            match shown[..n_before].iter().position(|(k, _)| i > 0 && *k == key) {
                Some(of_begin) => shown[of_begin].1 = show(value, raw),
                None if shown.len() < MAX_ARGS => shown.push((key, show(value, raw))),
                None => n_left_out += 1,
            }
        }
    }
    SliceArgs {
        slice,
        n_left_out,
        args: shown,
    }
}

/// The slices of the tracks asked for that share time with the window, by name, with their time inside it.
pub fn area(index: &Index, vocabulary: &Vocabulary, scene: &Scene, ask: &AreaAsk) -> Area {
    let AreaAsk { window, ref tracks } = *ask;
    // Place in `rows` of each name, from 1.
    let mut row_of: Vec<u32> = vec![0; index.names.len()];
    let mut sums: Vec<AreaSum> = Vec::new();
    let mut n_slices = 0;
    for &track in tracks.iter().filter(|&&t| (t as usize) < index.tracks.len()) {
        for depth in 0..index.track(TrackId(track)).n_depths {
            for id in places_in(index, index.lanes.lane(TrackId(track), depth), window) {
                let span = index.slices.span(id);
                if span.end <= window.start || span.start >= window.end {
                    continue;
                }
                n_slices += 1;
                let inside = span.intersect(window).len_ns();
                let slot = &mut row_of[index.slices.name(id).index()];
                if *slot == 0 {
                    sums.push(AreaSum::new(id));
                    *slot = u32::try_from(sums.len()).unwrap_or(u32::MAX);
                }
                sums[*slot as usize - 1].add(id, span.len_ns(), inside);
                if let Some(parent) = index.slices.parent(id) {
                    // The parent overlaps the window too, so it has a row already: depths go downwards.
                    let slot = row_of[index.slices.name(parent).index()] as usize;
                    if let Some(sum) = slot.checked_sub(1).and_then(|i| sums.get_mut(i)) {
                        sum.self_ns = sum.self_ns.saturating_sub(inside);
                    }
                }
            }
        }
    }
    let text = |sum: &AreaSum| index.name_of(sum.first);
    order::sort_by(&mut sums, |a, b| {
        b.total_ns.cmp(&a.total_ns).then_with(|| text(a).cmp(text(b)))
    });
    Area {
        window,
        n_slices,
        names: sums
            .iter()
            .map(|sum| NamedSlices {
                name: text(sum).to_owned(),
                class: scene.class(vocabulary, sum.first).term(),
                count: sum.count,
                total_ns: sum.total_ns,
                self_ns: sum.self_ns,
                min_ns: sum.min_ns,
                max_ns: sum.max_ns,
                longest_slice: sum.longest.0,
            })
            .collect(),
    }
}

/// The slices of one name in an area.
struct AreaSum {
    first: SliceId,
    count: u64,
    total_ns: i64,
    self_ns: i64,
    min_ns: i64,
    max_ns: i64,
    longest: SliceId,
}

impl AreaSum {
    fn new(first: SliceId) -> AreaSum {
        AreaSum {
            first,
            count: 0,
            total_ns: 0,
            self_ns: 0,
            min_ns: i64::MAX,
            max_ns: -1,
            longest: first,
        }
    }

    fn add(&mut self, id: SliceId, dur_ns: i64, inside_ns: i64) {
        self.count += 1;
        self.total_ns = self.total_ns.saturating_add(inside_ns);
        self.self_ns = self.self_ns.saturating_add(inside_ns);
        self.min_ns = self.min_ns.min(dur_ns);
        if dur_ns > self.max_ns {
            (self.max_ns, self.longest) = (dur_ns, id);
        }
    }
}

/// Slices by the names that [`Wanted`] finds.
pub fn search(index: &Index, vocabulary: &Vocabulary, scene: &Scene, text: &str) -> SearchResult {
    let wanted = Wanted::of(text);
    let mut found = match wanted.is_nothing() {
        true => Vec::new(),
        false => scene.by_name().wanted(index, |name| wanted.is(name)),
    };
    let n_slices = found.iter().map(|(_, alike)| u64::from(alike.count)).sum();
    let by_time = |a: &(NameId, Alike), b: &(NameId, Alike)| {
        let longest = b.1.total_ns.cmp(&a.1.total_ns);
        longest.then_with(|| index.text(a.0).cmp(index.text(b.0)))
    };
    if found.len() > MAX_SEARCH_ROWS {
        found.select_nth_unstable_by(MAX_SEARCH_ROWS, by_time);
        found.truncate(MAX_SEARCH_ROWS);
    }
    order::sort_by(&mut found, by_time);
    let row = |&(name, alike): &(NameId, Alike)| SearchRow {
        name: index.text(name).to_owned(),
        class: scene.class(vocabulary, alike.row),
        count: alike.count.into(),
        total_ns: alike.total_ns,
        longest_slice: alike.longest.0,
        first_slice: alike.first.0,
    };
    SearchResult {
        text: text.to_owned(),
        names: found.iter().map(row).collect(),
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
        let shown = slice_args(0, &[&TRACE.as_bytes()[at..]]);
        let want = [("a", "x\"y"), ("b", "[1,{\"c\":2}]"), ("d", "-nan")];
        assert_eq!(shown.args, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn an_area_clips_and_a_search_ignores_case() {
        let t = open_bytes("t", TRACE.as_bytes()).unwrap();
        let scene = Scene::new(&t.index, &t.vocabulary);
        let got = area(
            &t.index,
            &t.vocabulary,
            &scene,
            &AreaAsk {
                window: Span::new(20_000, 43_000),
                tracks: vec![0],
            },
        );
        let rows: Vec<_> = got
            .names
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
