//! The timeline: which tracks there are, and what a window of them shows.
//!
//! A frame costs what its pixels cost, whatever the trace's size: on each lane, slices narrower than a pixel
//! are taken together by binary search, and the longest of them is found in the index's pyramid.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, Span, TrackId, order, show};
use crate::dialect::{Phase, Role, Vocabulary};
use crate::index::nest::MAX_DEPTHS;
use crate::index::{CounterSeries, Index};

use super::by_name::ByName;
use super::hits::Hits;
use super::model::{Bar, BarClass, Frame, FrameCounter, FrameRow, TimelineTracks, TrackPart};
use super::tracks::tracks;

/// This many slices in [`CROWDED_PX`] are crowded: a few blocks of [`Lanes`](crate::index::pyramid::Lanes).
const CROWDED: usize = 128;
const CROWDED_PX: f64 = 1.5;

/// Bars at least this wide carry their name.
const LABEL_PX: f32 = 24.0;

/// What the views need of a trace beside its index: colour classes, and the order of the tracks.
pub struct Scene {
    phase_of_pass: FxHashMap<u32, Phase>,
    tracks: TimelineTracks,
    by_name: ByName,
    /// Of what was searched for last.
    hits: RefCell<Option<Rc<Hits>>>,
}

impl Scene {
    pub fn new(index: &Index, vocabulary: &Vocabulary) -> Scene {
        let phase_of_pass = vocabulary.passes.iter().map(|p| (p.slice.0, p.phase)).collect();
        Scene {
            phase_of_pass,
            tracks: tracks(index, vocabulary),
            by_name: ByName::of(index),
            hits: RefCell::default(),
        }
    }

    pub(super) fn by_name(&self) -> &ByName {
        &self.by_name
    }

    pub fn tracks(&self) -> &TimelineTracks {
        &self.tracks
    }

    /// All slices that a search finds, kept until another text is searched for.
    pub fn hits(&self, index: &Index, text: &str) -> Rc<Hits> {
        let mut kept = self.hits.borrow_mut();
        match &*kept {
            Some(hits) if hits.text() == text => hits.clone(),
            _ => kept.insert(Rc::new(Hits::of(index, &self.by_name, text))).clone(),
        }
    }

    /// The lanes that a row stands for.
    fn lanes_of(&self, row: u32) -> &[u32] {
        let head = self.tracks.tracks.iter().find(|head| head.id == row);
        head.map_or(&[], |head| &head.lanes)
    }

    /// The colour class of a slice.
    pub fn class(&self, vocabulary: &Vocabulary, slice: SliceId) -> BarClass {
        match vocabulary.role(slice) {
            Role::Pass => match self.phase_of_pass.get(&slice.0) {
                Some(Phase::Prefill) => BarClass::Prefill,
                Some(Phase::Decode) => BarClass::Decode,
                Some(Phase::Mixed) => BarClass::Mixed,
                _ => BarClass::Other,
            },
            Role::Prepare | Role::Encoder => BarClass::Prepare,
            Role::Forward | Role::Dummy => BarClass::Forward,
            Role::Logits => BarClass::Logits,
            Role::Sample => BarClass::Sample,
            Role::Post => BarClass::Post,
            Role::Warmup => BarClass::Warmup,
            Role::CompileRecorded
            | Role::CompileEngine
            | Role::NewRecipe
            | Role::CompileDynamo
            | Role::GraphCapture => BarClass::Compile,
            Role::Launch | Role::Submit => BarClass::Launch,
            Role::Wait => BarClass::Wait,
            Role::HostOp | Role::Collective => BarClass::HostOp,
            Role::PythonFrame => BarClass::Python,
            Role::DeviceMatrix => BarClass::DeviceMatrix,
            Role::DeviceVector => BarClass::DeviceVector,
            Role::DeviceDma => BarClass::DeviceDma,
            Role::DeviceNic => BarClass::DeviceNic,
            Role::DeviceCompute => BarClass::DeviceCompute,
            Role::DeviceComm => BarClass::DeviceComm,
            Role::DeviceCopy | Role::DeviceSet => BarClass::DeviceCopy,
            Role::DeviceOther => BarClass::DeviceOther,
            Role::Other | Role::HostOther | Role::Annotation | Role::Container | Role::SyncRecord => {
                BarClass::Other
            }
        }
    }

    /// What `parts` show of `window`, `width_px` wide; slices that a search for `find` finds are marked.
    pub fn frame(
        &self,
        index: &Index,
        vocabulary: &Vocabulary,
        window: Span,
        width_px: u32,
        parts: &[TrackPart],
        find: Option<&str>,
    ) -> Frame {
        let window = window.on_the_clock();
        let mut frame = Frame {
            window,
            width_px,
            ..Frame::default()
        };
        let mut name_rows: FxHashMap<NameId, u32> = FxHashMap::default();
        if window.is_empty() || width_px == 0 {
            return frame;
        }
        let hits = find.map(|text| self.hits(index, text));
        let lane = |track: u32, depth: u16| {
            let places = index.lanes.lane(TrackId(track), depth);
            let marked = hits.as_ref().map(|hits| hits.lane(track, depth));
            marked_bars(index, places, window, width_px, |from, to| {
                marked.is_some_and(|lane| lane.any(index, from, to))
            })
        };
        for part in parts {
            let row = part.track as usize;
            if let Some(number) = row.checked_sub(index.tracks.len()) {
                if let Some(series) = index.counters.get(number) {
                    frame
                        .counters
                        .push(counter_points(part.track, series, window, width_px));
                    continue;
                }
                let lanes = self.lanes_of(part.track).iter().map(|&track| lane(track, 0));
                let bars = joined(lanes.collect(), |slice| index.slices.dur(SliceId(slice)).as_ns());
                self.push_row(
                    &mut frame,
                    &mut name_rows,
                    (index, vocabulary),
                    (part.track, 0),
                    bars,
                );
                continue;
            }
            let end = index
                .track(TrackId(part.track))
                .n_depths
                .min(part.first_depth.saturating_add(part.n_depths));
            for depth in part.first_depth..end {
                let (place, bars) = ((part.track, depth), lane(part.track, depth));
                self.push_row(&mut frame, &mut name_rows, (index, vocabulary), place, bars);
            }
        }
        frame
    }

    /// Adds a row with the colours and names of its bars, if it has any.
    fn push_row(
        &self,
        frame: &mut Frame,
        name_rows: &mut FxHashMap<NameId, u32>,
        (index, vocabulary): (&Index, &Vocabulary),
        (track, depth): (u32, u16),
        mut bars: Vec<Bar>,
    ) {
        for bar in &mut bars {
            let slice = SliceId(bar.slice);
            bar.class = self.class(vocabulary, slice);
            if bar.x1 - bar.x0 >= LABEL_PX {
                let name = index.slices.name(slice);
                let row = *name_rows.entry(name).or_insert_with(|| {
                    frame.names.push(show::clipped(index.text(name)).into_owned());
                    u32::try_from(frame.names.len() - 1).unwrap_or(u32::MAX)
                });
                bar.name = Some(row);
            }
        }
        if !bars.is_empty() {
            frame.rows.push(FrameRow { track, depth, bars });
        }
    }
}

/// Pixels from times: the window's start goes off as integers, before any rounding, because an absolute time
/// in ns does not fit an `f32`, nor always an `f64`.
struct Scale {
    window: Span,
    width_px: f64,
}

impl Scale {
    fn to_px(&self, t: i64) -> f32 {
        let t = t
            .clamp(self.window.start, self.window.end)
            .saturating_sub(self.window.start);
        #[expect(clippy::cast_possible_truncation, reason = "a pixel position is a float")]
        let px = (t as f64 * self.width_px / self.window.len_ns() as f64) as f32;
        px
    }

    /// The first time at or right of `px`.
    fn to_time(&self, px: f64) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "within the window, which is an i64 long"
        )]
        let t = (px * self.window.len_ns() as f64 / self.width_px).ceil() as i64;
        self.window.start.saturating_add(t)
    }
}

/// Lays out one lane (its `places` in [`Lanes`](crate::index::pyramid::Lanes)) as seen through `window`.
///
/// Slices that end within a pixel of a bar's left edge join that bar. Where they are crowded, whole blocks of
/// them join that end within 1.5 pixels, and a bar ends where a block ends: that asks for a few words of memory
/// a bar. So there are at most `3 * width_px + 3` bars, whatever the trace's size (three that follow on one another
/// span more than a pixel); their counts add up to all slices in the window.
pub fn bars(index: &Index, places: std::ops::Range<usize>, window: Span, width_px: u32) -> Vec<Bar> {
    marked_bars(index, places, window, width_px, |_, _| false)
}

/// The same; `is_hit` says whether a slice of the lane that starts from one time to another (which is in it) is a hit.
fn marked_bars(
    index: &Index,
    places: std::ops::Range<usize>,
    window: Span,
    width_px: u32,
    is_hit: impl Fn(i64, i64) -> bool,
) -> Vec<Bar> {
    let scale = Scale {
        window,
        width_px: f64::from(width_px),
    };
    let start = |p: usize| index.slices.start(index.lanes.at(p)).as_ns();
    let end = |p: usize| index.slices.end(index.lanes.at(p)).as_ns();
    // Ends that a bar may have are before this.
    let last = window.end.saturating_sub(1);
    let mut bars = Vec::new();
    // Slices overlap only where they share the last row of a track, which has no order of ends.
    let shared = !places.is_empty() && index.slices.depth(index.lanes.at(places.start)) == MAX_DEPTHS - 1;
    // Any other lane is in order of start and end at once.
    let mut p = first_place(places.start, places.end, |p| {
        end(p) <= window.start && start(p) < window.start
    });
    while p < places.end && start(p) < window.end {
        let x0 = scale.to_px(start(p));
        let until = scale.to_time(f64::from(x0) + 1.0);
        let crowded = scale.to_time(f64::from(x0) + CROWDED_PX).min(last);
        let mut next = if shared {
            p
        } else {
            index.lanes.blocks_ending_by(p, places.end, crowded)
        };
        if next < p + CROWDED {
            next = p + 1;
            if shared {
                next = gallop(next, places.end, |q| start(q) < until.min(window.end));
            } else if end(p) <= until {
                next = gallop(next, places.end, |q| end(q) <= until && start(q) < window.end);
            }
        }
        let x1 = scale.to_px(end(next - 1));
        let slice = if next == p + 1 {
            Some(index.lanes.at(p))
        } else {
            index.lanes.longest(&index.slices, p..next)
        };
        bars.push(Bar {
            x0,
            x1: x1.max(x0),
            slice: slice.unwrap_or_default().0,
            count: u32::try_from(next - p).unwrap_or(u32::MAX),
            class: BarClass::Other,
            name: None,
            is_hit: is_hit(start(p), start(next - 1)),
        });
        p = next;
    }
    bars
}

/// Bars of several lanes on one row: those that overlap, or end within a pixel of a bar's left edge, join; the longest
/// slice stands for them. At most `2 * width_px + 3`: every second one begins more than a pixel further right.
fn joined(lanes: Vec<Vec<Bar>>, dur_ns: impl Fn(u32) -> i64) -> Vec<Bar> {
    let mut all: Vec<Bar> = lanes.into_iter().flatten().collect();
    order::sort_by(&mut all, |a, b| a.x0.total_cmp(&b.x0));
    let mut joined: Vec<Bar> = Vec::new();
    for bar in all {
        match joined.last_mut() {
            Some(last) if bar.x0 < last.x1 || bar.x1 <= last.x0 + 1.0 => {
                if dur_ns(bar.slice) > dur_ns(last.slice) {
                    last.slice = bar.slice;
                }
                last.x1 = last.x1.max(bar.x1);
                last.count = last.count.saturating_add(bar.count);
                last.is_hit |= bar.is_hit;
            }
            _ => joined.push(bar),
        }
    }
    joined
}

/// The first place in `from..to` for which `before` does not hold; `before` holds for a prefix.
pub(super) fn first_place(mut from: usize, mut to: usize, before: impl Fn(usize) -> bool) -> usize {
    while from < to {
        let middle = from + (to - from) / 2;
        if before(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}

/// Like [`first_place`], quick when the place is near.
fn gallop(from: usize, to: usize, before: impl Fn(usize) -> bool) -> usize {
    let mut step = 1;
    let mut low = from;
    while low < to && before(low) {
        let high = (low + step).min(to);
        if high == to || !before(high) {
            return first_place(low + 1, high, before);
        }
        low = high;
        step *= 2;
    }
    low
}

fn counter_points(track: u32, series: &CounterSeries, window: Span, width_px: u32) -> FrameCounter {
    let scale = Scale {
        window,
        width_px: f64::from(width_px),
    };
    #[expect(clippy::cast_possible_truncation, reason = "drawn as pixels")]
    let value = |i: usize| series.value[i] as f32;
    let from = series.ts.partition_point(|&t| t < window.start);
    let to = series.ts.partition_point(|&t| t < window.end);
    let mut points = Vec::new();
    if let Some(before) = from.checked_sub(1) {
        points.push((0.0, value(before)));
    }
    let mut i = from;
    while i < to {
        let until = scale.to_time(f64::from(scale.to_px(series.ts[i])) + 1.0);
        let next = gallop(i + 1, to, |q| series.ts[q] < until);
        points.push((scale.to_px(series.ts[i]), value(next - 1)));
        i = next;
    }
    FrameCounter { track, points }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Builder;
    use crate::ingest::Scanner;

    /// An index of slices of one track, as (start µs, duration µs).
    fn index(slices: &[(i64, i64)]) -> Index {
        let events: Vec<String> = slices
            .iter()
            .map(|(ts, dur)| format!(r#"{{"ph":"X","name":"n{dur}","pid":1,"tid":1,"ts":{ts},"dur":{dur}}}"#))
            .collect();
        let text = format!("[{}]", events.join(","));
        let (mut scanner, mut builder) = (Scanner::new(&[]), Builder::new(&[]));
        scanner.feed(text.as_bytes(), &mut builder);
        scanner.finish(&mut builder).unwrap();
        builder.finish(true).0
    }

    fn lane_bars(index: &Index, window: Span, width_px: u32) -> Vec<Bar> {
        bars(index, index.lanes.lane(TrackId(0), 0), window, width_px)
    }

    #[test]
    fn wide_slices_stand_alone_and_narrow_ones_join() {
        let index = index(&[(0, 50), (60, 1), (61, 1), (62, 2), (90, 10)]);
        let bars = lane_bars(&index, Span::new(0, 100_000), 10);
        let got: Vec<_> = bars.iter().map(|b| (b.x0, b.x1, b.count)).collect();
        assert_eq!(got, [(0.0, 5.0, 1), (6.0, 6.4, 3), (9.0, 10.0, 1)]);
        assert_eq!(
            index.slices.dur(SliceId(bars[1].slice)).as_ns(),
            2_000,
            "the longest stands for the others"
        );
    }

    #[test]
    fn slices_that_reach_into_the_window_are_cut() {
        let index = index(&[(0, 50), (60, 100)]);
        let bars = lane_bars(&index, Span::new(40_000, 80_000), 40);
        let got: Vec<_> = bars.iter().map(|b| (b.x0, b.x1)).collect();
        assert_eq!(got, [(0.0, 10.0), (20.0, 40.0)]);
        assert!(lane_bars(&index, Span::new(51_000, 59_000), 40).is_empty());
    }

    #[test]
    fn lanes_on_one_row_join_where_they_overlap() {
        let bar = |x0, x1, slice| Bar {
            x0,
            x1,
            slice,
            count: 1,
            class: BarClass::Other,
            name: None,
            is_hit: slice == 5,
        };
        let lanes = vec![
            vec![bar(0.0, 4.0, 1), bar(6.0, 6.2, 2), bar(20.0, 30.0, 3)],
            vec![
                bar(3.0, 9.0, 4),
                bar(10.0, 10.3, 5),
                bar(10.5, 10.9, 6),
                bar(30.0, 31.5, 7),
            ],
        ];
        let got = joined(lanes, |slice| i64::from(slice) * 10);
        let got: Vec<_> = got
            .iter()
            .map(|b| (b.x0, b.x1, b.slice, b.count, b.is_hit))
            .collect();
        // One that begins where another ends stands beside it.
        let expected = [
            (0.0, 9.0, 4, 3, false),
            (10.0, 10.9, 6, 2, true),
            (20.0, 30.0, 3, 1, false),
            (30.0, 31.5, 7, 1, false),
        ];
        assert_eq!(got, expected);
    }

    proptest::proptest! {
        #[test]
        fn bars_are_bounded_and_count_every_slice(slices in proptest::collection::vec((1i64..30, 0i64..30), 1..1500),
                                                  from in 0i64..3000, len in 1i64..40_000, width in 1u32..60) {
            let mut at = 0;
            let slices: Vec<(i64, i64)> = slices.into_iter().map(|(gap, dur)| {
                let start = at + gap;
                at = start + dur;
                (start, dur)
            }).collect();
            let index = index(&slices);
            let window = Span::new(from * 1000, (from + len) * 1000);
            let got = lane_bars(&index, window, width);
            let n: u32 = got.iter().map(|b| b.count).sum();
            let want = slices.iter().filter(|(s, d)| {
                let (start, end) = (s * 1000, (s + d) * 1000);
                start < window.end && (end > window.start || start >= window.start)
            }).count();
            proptest::prop_assert_eq!(n as usize, want);
            proptest::prop_assert!(got.len() <= 3 * width as usize + 3);
            for pair in got.windows(2) {
                proptest::prop_assert!(pair[0].x0 <= pair[1].x0 && pair[0].x1 <= pair[1].x1 + 0.001);
            }
        }
    }
}
