//! Rows by (track, depth), and which slice is longest in any stretch of them: what a timeline needs to draw
//! millions of slices in as many steps as there are pixels.

use super::trace_columns::{Slices, Track};
use crate::base::{SliceId, TrackId};

/// Rows a block; a block of the next level has as many blocks.
const FAN: usize = 32;

/// See the module. Slices of one (track, depth), a lane, do not overlap, so they are in order of start and of
/// end at once.
#[derive(Default)]
pub struct Lanes {
    /// Slice rows by (track, depth, start).
    order: Vec<u32>,
    /// Where each lane starts in `order`; lanes of a track are consecutive; the last entry is the end.
    first: Vec<u32>,
    /// First lane of each track.
    track_first: Vec<u32>,
    /// Where the last slice of each whole block of `order` ends.
    block_end: Vec<i64>,
    /// Level by level, the longest slice of each block; ties go to the first.
    longest: Vec<Vec<u32>>,
}

impl Lanes {
    pub(super) fn build(slices: &Slices, tracks: &[Track]) -> Lanes {
        let mut lanes = Lanes {
            order: vec![0; slices.len()],
            ..Lanes::default()
        };
        let mut at = 0u32;
        for track in tracks {
            lanes
                .track_first
                .push(u32::try_from(lanes.first.len()).unwrap_or(u32::MAX));
            let mut next = vec![0u32; usize::from(track.n_depths)];
            for row in track.rows.clone() {
                next[usize::from(slices.depth[row as usize])] += 1;
            }
            for slot in &mut next {
                lanes.first.push(at);
                let n = std::mem::replace(slot, at);
                at += n;
            }
            for row in track.rows.clone() {
                let slot = &mut next[usize::from(slices.depth[row as usize])];
                lanes.order[*slot as usize] = row;
                *slot += 1;
            }
        }
        lanes.first.push(at);
        lanes.block_end = lanes
            .order
            .chunks_exact(FAN)
            .map(|block| {
                let row = block[FAN - 1] as usize;
                slices.start[row].saturating_add(slices.dur[row])
            })
            .collect();
        let longer = |a: u32, b: u32| {
            if slices.dur[b as usize] > slices.dur[a as usize] {
                b
            } else {
                a
            }
        };
        let mut below = &lanes.order;
        let mut levels: Vec<Vec<u32>> = Vec::new();
        while below.len() > FAN {
            let level = below
                .chunks(FAN)
                .map(|c| c.iter().copied().reduce(longer).unwrap_or(0))
                .collect();
            levels.push(level);
            below = &levels[levels.len() - 1];
        }
        lanes.longest = levels;
        lanes
    }

    /// The slices of a lane, as places for the other calls.
    pub fn lane(&self, track: TrackId, depth: u16) -> std::ops::Range<usize> {
        let Some(&first) = self.track_first.get(track.index()) else {
            return 0..0;
        };
        let lane = first as usize + usize::from(depth);
        let end = self
            .track_first
            .get(track.index() + 1)
            .map_or(self.first.len() - 1, |&f| f as usize);
        if lane >= end {
            return 0..0;
        }
        self.first[lane] as usize..self.first[lane + 1] as usize
    }

    /// The slice at a place.
    pub fn at(&self, place: usize) -> SliceId {
        SliceId(self.order[place])
    }

    /// The place of a slice that lies in `lane`.
    pub fn place(&self, lane: std::ops::Range<usize>, slice: SliceId) -> Option<usize> {
        self.order[lane.clone()]
            .binary_search(&slice.0)
            .ok()
            .map(|i| lane.start + i)
    }

    /// The end of the last whole block, from that of `place` on and before `end`, whose slices end by `until`;
    /// `place` if there is none. Both places lie in one lane.
    pub fn blocks_ending_by(&self, place: usize, end: usize, until: i64) -> usize {
        let (first, last) = (place / FAN, end / FAN);
        let blocks = self.block_end.get(first..last).unwrap_or_default();
        // The answer is mostly near: steps that double, then a search between the last two.
        let mut step = 1;
        while step < blocks.len() && blocks[step - 1] <= until {
            step *= 2;
        }
        let from = step / 2;
        let n = from + blocks[from..step.min(blocks.len())].partition_point(|&e| e <= until);
        if n == 0 { place } else { (first + n) * FAN }
    }

    /// The longest slice at `places`; the first of equals. `None` for no places.
    pub fn longest(&self, slices: &Slices, places: std::ops::Range<usize>) -> Option<SliceId> {
        let mut best: Option<u32> = None;
        let mut take = |row: u32| {
            // Blocks are visited out of order, so ties are settled by place: rows of a lane ascend.
            let better = |b: u32| {
                let (dur, old) = (slices.dur[row as usize], slices.dur[b as usize]);
                dur > old || dur == old && row < b
            };
            if best.is_none_or(better) {
                best = Some(row);
            }
        };
        let (mut from, mut to) = (places.start, places.end);
        let mut level: &[u32] = &self.order;
        let mut above = self.longest.iter();
        loop {
            let next = if to.saturating_sub(from) > 2 * FAN {
                above.next()
            } else {
                None
            };
            let Some(next) = next else {
                level[from..to.max(from)].iter().copied().for_each(&mut take);
                break;
            };
            let (inner_from, inner_to) = (from.next_multiple_of(FAN), to / FAN * FAN);
            level[from..inner_from].iter().copied().for_each(&mut take);
            level[inner_to..to].iter().copied().for_each(&mut take);
            (from, to) = (inner_from / FAN, inner_to / FAN);
            level = next;
        }
        best.map(SliceId)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let levels: usize = self.longest.iter().map(Vec::len).sum();
        (self.order.len() + self.first.len() + self.track_first.len() + levels) * 4 + self.block_end.len() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::trace_columns::{Family, Key};

    #[test]
    fn the_longest_of_any_stretch_is_found() {
        let n = 5_000u32;
        let mut slices = Slices::default();
        for i in 0..n {
            slices.start.push(i64::from(i) * 10);
            slices.dur.push(i64::from((i * 7919) % 997));
            slices.depth.push(0);
        }
        let track = Track {
            pid: Key::Int(0),
            tid: Key::Int(0),
            family: Family::Main,
            rows: 0..n,
            n_depths: 1,
            name: None,
            sort_index: None,
        };
        let lanes = Lanes::build(&slices, &[track]);
        assert_eq!(lanes.lane(TrackId(0), 0), 0..5_000);
        let end = |place: usize| slices.start[place] + slices.dur[place];
        for (place, to) in [
            (0, 5_000),
            (31, 5_000),
            (32, 96),
            (70, 95),
            (4_970, 5_000),
            (7, 7),
        ] {
            for until in [-1, 300, 2_000, 9_999, 30_000, 90_000] {
                let ends: Vec<usize> = (place / FAN + 1..=to / FAN).map(|b| b * FAN).collect();
                let want = ends.into_iter().take_while(|&e| end(e - 1) <= until).last();
                assert_eq!(
                    lanes.blocks_ending_by(place, to, until),
                    want.unwrap_or(place),
                    "{place} {to} {until}"
                );
            }
        }
        for (from, to) in [
            (0, 5_000),
            (1, 2),
            (31, 33),
            (0, 1_024),
            (77, 4_003),
            (3_000, 3_000),
        ] {
            let want = (from..to).max_by_key(|&i| (slices.dur[i], std::cmp::Reverse(i)));
            assert_eq!(
                lanes.longest(&slices, from..to).map(SliceId::index),
                want,
                "{from}..{to}"
            );
        }
    }
}
