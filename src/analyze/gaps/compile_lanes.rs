//! Compiles on lanes of their own, where the thread of a compile is not known: when they held their rank up.

use crate::analyze::gaps::compile_waits::{Blank, all_but, busy_of, extent_of, goes_on, may_wait, pause_at};
use crate::analyze::gaps::innermost::fits;
use crate::base::{Span, TrackId, Union};
use crate::dialect::{Pass, Vocabulary};
use crate::index::Index;

/// What shows that a rank goes on whose calls lie on lanes of their own: the thread of a compile is not known.
pub(super) struct Lanes {
    /// By track.
    pub(super) goes_on: Vec<(TrackId, Vec<i64>)>,
    pub(super) busy: Union,
    pub(super) blank: Blank,
}

impl Lanes {
    pub(super) fn of(index: &Index, vocabulary: &Vocabulary, rank: Option<usize>, compiles: &Union) -> Lanes {
        let tracks = index.track_ids();
        let tracks = tracks.filter(|&track| fits(rank, vocabulary.ranks.of(index, track)));
        let of = |track| (track, goes_on(index, vocabulary, std::iter::once(track)));
        let goes_on: Vec<_> = tracks.map(of).filter(|(_, starts)| !starts.is_empty()).collect();
        let busy = busy_of(index, vocabulary, rank);
        let is_of_rank = |pass: &&Pass| fits(rank, vocabulary.ranks.of(index, index.track_of(pass.slice)));
        let passes: Vec<&Pass> = vocabulary.passes.iter().filter(is_of_rank).collect();
        let within = extent_of(&goes_on, &passes, &busy, compiles);
        let mut starts: Vec<i64> = goes_on.iter().flat_map(|(_, starts)| starts).copied().collect();
        starts.sort_unstable();
        let when = all_but(within, &Union::default(), &busy);
        let blank = Blank::of(when, starts, &passes, compiles);
        Lanes { goes_on, busy, blank }
    }

    /// The parts of a compile that hold the rank up; `None` where the rank goes on beside it, or, on a track that
    /// launches nothing and begins no steps, the device is never idle, or is no more than it usually is.
    pub(super) fn held_up(&self, track: TrackId, compile: Span) -> Option<Vec<Span>> {
        let launches_nothing = !self.goes_on.iter().any(|&(of, _)| of == track);
        if launches_nothing && !compile.is_empty() {
            if self.busy.covered_ns(compile) == compile.len_ns() {
                return None;
            }
            let waited = self.blank.waited(compile);
            // Where nothing begins meanwhile, the thread that launches may be the one that compiles.
            let pause = pause_at(&self.blank.goes_on, compile.start);
            if !waited.is_empty() && pause.end >= compile.end {
                return Some(vec![compile]);
            }
            return (!waited.is_empty()).then_some(waited);
        }
        let others = self.goes_on.iter().filter(|&&(of, _)| of != track);
        let middle = compile.start + compile.len_ns() / 2;
        let pause = others
            .map(|(_, starts)| pause_at(starts, middle))
            .fold(compile, Span::intersect);
        may_wait(pause, compile).then(|| vec![pause])
    }
}
