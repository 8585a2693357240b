//! Which python frames are open at a time.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, TrackId};
use crate::index::{Family, Index, Key};

/// Frames of a stack that are told apart.
pub const STACK_FRAMES: usize = 5;

/// The tracks of python frames, by process and thread.
pub fn python_tracks(index: &Index) -> FxHashMap<(Key, Key), TrackId> {
    let tracks = index.track_ids().filter_map(|id| {
        let track = index.track(id);
        (track.family == Family::Python).then_some(((track.pid, track.tid), id))
    });
    tracks.collect()
}

/// The innermost [`STACK_FRAMES`] frames, innermost first; [`NameId`] of no name where there are fewer.
type Stack = [NameId; STACK_FRAMES];
const NO_FRAME: NameId = NameId(u32::MAX);

/// Stacks that were met, numbered.
#[derive(Default)]
pub struct Stacks {
    by_frames: FxHashMap<Stack, u32>,
    all: Vec<Stack>,
}

impl Stacks {
    /// The stacks on a track of python frames.
    pub fn on<'a>(&'a mut self, index: &'a Index, track: Option<TrackId>) -> OpenFrames<'a> {
        OpenFrames {
            index,
            stacks: self,
            next: track.map_or(0..0, |t| index.track(t).rows.clone()),
            open: Vec::new(),
        }
    }

    /// The frames of a stack, innermost first.
    pub fn frames(&self, stack: u32) -> impl Iterator<Item = NameId> + '_ {
        let frames = self.all.get(stack as usize);
        frames
            .into_iter()
            .flatten()
            .copied()
            .filter(|&frame| frame != NO_FRAME)
    }
}

/// The frames that are open, while time goes on.
pub struct OpenFrames<'a> {
    index: &'a Index,
    stacks: &'a mut Stacks,
    next: std::ops::Range<u32>,
    /// Name and end.
    open: Vec<(NameId, i64)>,
}

impl OpenFrames<'_> {
    /// The number of the stack at `at`, which never goes back.
    pub fn at(&mut self, at: i64) -> u32 {
        let slices = &self.index.slices;
        while !self.next.is_empty() {
            let id = SliceId(self.next.start);
            let span = slices.span(id);
            if span.start > at {
                break;
            }
            self.next.start += 1;
            self.close(span.start);
            self.open.push((slices.name(id), span.end));
        }
        self.close(at);
        let mut stack = [NO_FRAME; STACK_FRAMES];
        for (slot, (name, _)) in stack.iter_mut().zip(self.open.iter().rev()) {
            *slot = *name;
        }
        let next = u32::try_from(self.stacks.all.len()).unwrap_or(u32::MAX);
        let number = *self.stacks.by_frames.entry(stack).or_insert(next);
        if number == next {
            self.stacks.all.push(stack);
        }
        number
    }

    fn close(&mut self, at: i64) {
        while self.open.last().is_some_and(|&(_, end)| end <= at) {
            self.open.pop();
        }
    }
}
