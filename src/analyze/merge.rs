//! Slices of several tracks in order of time, without a list of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::base::{SliceId, Span, TrackId, Union};
use crate::index::Index;

/// Calls `see` with every slice of `tracks`, by start and then by row, and with the place of its track in
/// `tracks`.
pub fn merge_tracks(index: &Index, tracks: &[TrackId], mut see: impl FnMut(usize, SliceId)) {
    // The next slice of each track: (start, row, place, end of rows).
    let mut next: BinaryHeap<Reverse<(i64, u32, u32, u32)>> = BinaryHeap::with_capacity(tracks.len());
    for (&track, place) in tracks.iter().zip(0..) {
        let rows = index.track(track).rows.clone();
        if !rows.is_empty() {
            let start = index.slices.start(SliceId(rows.start)).as_ns();
            next.push(Reverse((start, rows.start, place, rows.end)));
        }
    }
    // The track of the next slice is kept out of the heap, for as long as it is ahead: mostly one comparison a slice.
    let Some(Reverse(mut first)) = next.pop() else {
        return;
    };
    loop {
        let (_, row, place, end) = first;
        see(place as usize, SliceId(row));
        if row + 1 < end {
            first = (index.slices.start(SliceId(row + 1)).as_ns(), row + 1, place, end);
            if let Some(mut second) = next.peek_mut()
                && second.0 < first
            {
                std::mem::swap(&mut second.0, &mut first);
            }
        } else {
            match next.pop() {
                Some(Reverse(second)) => first = second,
                None => return,
            }
        }
    }
}

/// The length of a union of spans that come in order of start.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    end: i64,
    pub total_ns: i64,
}

impl Default for Running {
    fn default() -> Self {
        Running {
            end: i64::MIN,
            total_ns: 0,
        }
    }
}

impl Running {
    pub fn add(&mut self, span: Span) {
        let from = span.start.max(self.end);
        if span.end > from {
            self.total_ns += span.end - from;
            self.end = span.end;
        }
    }
}

/// A union of spans that come in order of start: what touches is joined at once, so only the union is held.
#[derive(Default)]
pub struct Growing(Vec<Span>);

impl Growing {
    pub fn add(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => self.0.push(span),
        }
    }

    pub fn union(mut self) -> Union {
        self.0.shrink_to_fit();
        Union::of(self.0)
    }
}

/// Calls `see` with every stretch that a layer covers, in order of time, and with the place of the first layer
/// that covers it. Each layer gives disjoint spans in order of time.
pub fn first_of<I: Iterator<Item = Span>>(
    layers: impl IntoIterator<Item = I>,
    mut see: impl FnMut(usize, Span),
) {
    let mut layers: Vec<(Span, I)> = layers
        .into_iter()
        .map(|mut layer| (next_span(&mut layer), layer))
        .collect();
    let mut at = i64::MIN;
    loop {
        let mut first = None;
        // Where what is seen at `at` changes.
        let mut until = i64::MAX;
        for (place, (span, layer)) in layers.iter_mut().enumerate() {
            while span.end <= at && *span != ENDED {
                *span = next_span(layer);
            }
            if span.start > at {
                until = until.min(span.start);
            } else {
                until = until.min(span.end);
                first = Some(place);
                break;
            }
        }
        if until == i64::MAX {
            return;
        }
        if let Some(place) = first {
            see(place, Span::new(at, until));
        }
        at = until;
    }
}

/// After the last span of a layer.
const ENDED: Span = Span {
    start: i64::MAX,
    end: i64::MAX,
};

fn next_span(layer: &mut impl Iterator<Item = Span>) -> Span {
    layer.find(|span| !span.is_empty()).unwrap_or(ENDED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::open_bytes;

    #[test]
    fn tracks_are_merged_by_start_and_row() {
        let event =
            |tid: u32, ts: u32| format!(r#"{{"ph":"X","name":"n","pid":1,"tid":{tid},"ts":{ts},"dur":1}}"#);
        let events: Vec<String> = (0..60).map(|i| event(i * 7 % 5, i * 31 % 40)).collect();
        let trace = open_bytes("t", format!("[{}]", events.join(",")).as_bytes()).unwrap();
        let index = &trace.index;
        let tracks: Vec<TrackId> = index.track_ids().collect();
        let mut got = Vec::new();
        merge_tracks(index, &tracks, |place, id| {
            assert_eq!(tracks[place], index.track_of(id));
            got.push(id);
        });
        let mut want: Vec<SliceId> = index.slices.ids().collect();
        want.sort_by_key(|&id| (index.slices.start(id), id));
        assert_eq!(got, want);
        merge_tracks(index, &[], |_, _| panic!("no track has no slice"));
    }

    #[test]
    fn a_running_union_counts_no_instant_twice() {
        let spans = [(0, 10), (2, 5), (8, 12), (20, 20), (30, 31)].map(|(a, b)| Span::new(a, b));
        let (mut running, mut growing) = (Running::default(), Growing::default());
        for span in spans {
            running.add(span);
            growing.add(span);
        }
        assert_eq!(running.total_ns, 13);
        assert_eq!(growing.union(), Union::of(spans));
    }

    proptest::proptest! {
        #[test]
        fn the_first_layer_is_seen_at_every_instant(
            layers in proptest::collection::vec(proptest::collection::vec((-20i64..80, 0i64..25), 0..8), 0..5),
        ) {
            let unions: Vec<Union> = layers.iter()
                .map(|l| Union::of(l.iter().map(|&(s, d)| Span::new(s, s + d)))).collect();
            let mut seen = vec![None; 200];
            let mut last = i64::MIN;
            first_of(unions.iter().map(|u| u.spans().iter().copied()), |place, span| {
                assert!(last <= span.start && !span.is_empty());
                last = span.end;
                for t in span.start..span.end {
                    seen[usize::try_from(t + 50).unwrap()] = Some(place);
                }
            });
            for t in -50..150 {
                let first = unions.iter().position(|u| u.spans().iter().any(|s| s.contains(t)));
                proptest::prop_assert_eq!(seen[usize::try_from(t + 50).unwrap()], first);
            }
        }
    }
}
