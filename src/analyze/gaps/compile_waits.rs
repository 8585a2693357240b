//! When a thread waited for a compile of another: what its pauses and steps have above the usual.

use crate::analyze::gaps::cause::LATENCY_NS;
use crate::analyze::gaps::innermost::fits;
use crate::base::{SliceId, Span, TrackId, Union, stats};
use crate::dialect::{Pass, Phase, Role, Vocabulary};
use crate::index::Index;
use rustc_hash::FxHashMap;

/// How long a thread, or all lanes of a rank, do nothing that is recorded while the device is idle: only what a step
/// has more of it than other steps can be due to a compile beside it.
#[derive(Default)]
pub(super) struct Blank {
    /// When that is.
    pub(super) when: Union,
    /// Starts of its launches and steps, ascending.
    pub(super) goes_on: Vec<i64>,
    /// From the start of each step to that of the next, in order, and the blank time that is usual for its phase.
    pub(super) steps: Vec<(Span, Phase)>,
    pub(super) usual: FxHashMap<Phase, Usual>,
    /// Of pauses between launches, and before or behind the start of a step: of each step the longest.
    pub(super) usual_pause: FxHashMap<(Phase, PauseKind), Usual>,
}

/// Whether a pause begins with the start of a step, and whether it ends with one.
pub(super) type PauseKind = (bool, bool);

/// What other steps have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    pub(super) median_ns: i64,
    /// What nine of ten do not exceed.
    pub(super) most_ns: i64,
}

/// Other steps of a phase that say what is usual.
pub(super) const LEAST_OTHERS: usize = 2;

impl Usual {
    pub(super) fn by<K: Eq + std::hash::Hash>(
        of_others: impl IntoIterator<Item = (K, Vec<i64>)>,
    ) -> FxHashMap<K, Usual> {
        let of = of_others.into_iter().filter(|(_, of)| of.len() >= LEAST_OTHERS);
        let usual = of.filter_map(|(key, mut of)| {
            let median_ns = stats::quantile_of(&mut of, 0.5)?;
            let most_ns = stats::quantile_of(&mut of, 0.9)?;
            Some((key, Usual { median_ns, most_ns }))
        });
        usual.collect()
    }

    /// What `ns` is above the usual; nothing where other steps vary as much.
    pub(super) fn above(self, ns: i64) -> i64 {
        let varies_ns = (self.median_ns / 10).saturating_add(LATENCY_NS);
        let is_more = ns > self.most_ns && ns > self.median_ns.saturating_add(varies_ns);
        if is_more { ns - self.median_ns } else { 0 }
    }
}

impl Blank {
    /// `compiles` are those beside it: steps into which one falls do not say what is usual.
    pub(super) fn of(when: Union, goes_on: Vec<i64>, passes: &[&Pass], compiles: &Union) -> Blank {
        let end = when.extent().map_or(i64::MIN, |e| e.end);
        let next = passes.iter().skip(1).map(|pass| pass.span.start);
        let ends = next.chain(passes.last().map(|last| last.span.end.max(end)));
        let of_pass = |(pass, end): (&&Pass, i64)| (Span::new(pass.span.start, end), pass.phase);
        let mut blank = Blank {
            steps: passes.iter().zip(ends).map(of_pass).collect(),
            when,
            goes_on,
            ..Blank::default()
        };
        let mut others: FxHashMap<Phase, Vec<i64>> = FxHashMap::default();
        let mut pauses: FxHashMap<(Phase, PauseKind), Vec<i64>> = FxHashMap::default();
        // The last one ends where the recording does.
        for &(span, phase) in blank.steps.iter().rev().skip(1) {
            if compiles.covered_ns(span) > 0 {
                continue;
            }
            others.entry(phase).or_default().push(blank.when.covered_ns(span));
            let mut longest: FxHashMap<PauseKind, i64> = FxHashMap::default();
            let from = blank.goes_on.partition_point(|&at| at < span.start);
            for pair in blank.goes_on[from..]
                .windows(2)
                .take_while(|pair| pair[0] < span.end)
            {
                let pause = Span::new(pair[0], pair[1]);
                let of_kind = longest.entry(blank.kind(pause)).or_default();
                *of_kind = blank.when.covered_ns(pause).max(*of_kind);
            }
            for (kind, ns) in longest {
                pauses.entry((phase, kind)).or_default().push(ns);
            }
        }
        blank.usual = Usual::by(others);
        blank.usual_pause = Usual::by(pauses);
        blank
    }

    pub(super) fn kind(&self, pause: Span) -> PauseKind {
        let is_step = |at: i64| {
            self.steps
                .binary_search_by_key(&at, |(span, _)| span.start)
                .is_ok()
        };
        (is_step(pause.start), is_step(pause.end))
    }

    /// When its thread waited for a compile of another: in the pause that holds the compile's middle and half of its
    /// time, or in the one that ends with it; no more of it than what that pause, or its step, has above the usual.
    pub(super) fn waited(&self, compile: Span) -> Vec<Span> {
        let last = compile.end.saturating_sub(1).max(compile.start);
        let middle = pause_at(&self.goes_on, compile.start + compile.len_ns() / 2);
        let end = pause_at(&self.goes_on, last);
        let steps = self.steps_of(compile);
        let knows_usual = steps.iter().all(|(_, phase)| self.usual.contains_key(phase));
        let usual_of = |pause: Span| {
            let within = pause.intersect(compile);
            let mut steps = self.steps_of(within).iter().rev();
            let (_, phase) = steps.find(|(span, _)| span.start <= within.start)?;
            self.usual_pause.get(&(*phase, self.kind(pause)))
        };
        // A thread that waited goes on when the compile is done: a pause that lasts on as long again has another cause.
        let ends_with_it = |pause: Span| {
            let within_ns = self.when.covered_ns(pause.intersect(compile));
            let until = pause
                .end
                .min(compile.end.saturating_add(compile.len_ns().saturating_mul(2)));
            let behind_ns = self.when.covered_ns(Span::new(compile.end, until));
            let usual_ns = usual_of(pause).map_or(0, |usual| usual.median_ns);
            behind_ns <= within_ns.saturating_add(usual_ns)
        };
        let mut pauses = Vec::new();
        if may_wait(middle.intersect(compile), compile) && (!knows_usual || ends_with_it(middle)) {
            pauses.push(middle);
        }
        if !steps.is_empty() && knows_usual && middle != end && ends_with_it(end) {
            pauses.push(end);
        }
        let mut kept = Vec::new();
        for &pause in &pauses {
            let within = pause.intersect(compile);
            let parts = self.when.overlapping(within).map(|p| p.intersect(within));
            let parts: Vec<Span> = parts.collect();
            let above_ns = usual_of(pause).map_or(0, |usual| usual.above(self.when.covered_ns(pause)));
            keep_last(&parts, above_ns, &mut kept);
            self.keep_above_usual(&parts, &mut kept);
        }
        let waits = Union::of(kept.into_iter().filter(|wait| !wait.is_empty()));
        match knows_usual || waits.total_ns().saturating_mul(2) >= compile.len_ns() {
            true => waits.spans().to_vec(),
            false => Vec::new(),
        }
    }

    pub(super) fn steps_of(&self, span: Span) -> &[(Span, Phase)] {
        let from = self.steps.partition_point(|(step, _)| step.end <= span.start);
        let to = self.steps.partition_point(|(step, _)| step.start < span.end);
        self.steps.get(from..to).unwrap_or_default()
    }

    /// Of these waits, what their steps have more than usual, the last of each.
    pub(super) fn keep_above_usual(&self, waits: &[Span], kept: &mut Vec<Span>) {
        let Some(extent) = waits.first().zip(waits.last()) else {
            return;
        };
        let extent = Span::new(extent.0.start, extent.1.end);
        let in_span = |span: Span| -> Vec<Span> {
            let parts = waits.iter().map(|wait| wait.intersect(span));
            parts.filter(|wait| !wait.is_empty()).collect()
        };
        for &(step, phase) in self.steps_of(extent) {
            let usual = self.usual.get(&phase);
            let above_ns = usual.map_or(i64::MAX, |usual| usual.above(self.when.covered_ns(step)));
            keep_last(&in_span(step), above_ns, kept);
        }
        // In no step: before the first.
        let first = self.steps.first().map_or(i64::MAX, |(step, _)| step.start);
        kept.extend(in_span(Span::new(extent.start.min(first), first)));
    }
}

/// Keeps the last `ns` of these.
pub(super) fn keep_last(waits: &[Span], ns: i64, kept: &mut Vec<Span>) {
    let mut left_ns = ns;
    for wait in waits.iter().rev() {
        let ns = wait.len_ns().min(left_ns);
        left_ns -= ns;
        kept.push(Span::new(wait.end - ns, wait.end));
    }
}

/// The pause of a thread at an instant: from what it began last to what it begins next.
pub(super) fn pause_at(goes_on: &[i64], at: i64) -> Span {
    let next = goes_on.partition_point(|&begun| begun <= at);
    let last = next.checked_sub(1).map_or(i64::MIN, |last| goes_on[last]);
    Span::new(last, goes_on.get(next).copied().unwrap_or(i64::MAX))
}

/// Whether a thread may have waited in its pause: one that lasts half of the compile, and so holds its middle. A thread
/// that goes on all the while waits for nothing.
pub(super) fn may_wait(pause: Span, compile: Span) -> bool {
    pause.len_ns().saturating_mul(2) >= compile.len_ns()
}

/// Starts of launches and steps on these tracks, ascending.
pub(super) fn goes_on(
    index: &Index,
    vocabulary: &Vocabulary,
    tracks: impl Iterator<Item = TrackId>,
) -> Vec<i64> {
    let is_begun = |&id: &SliceId| matches!(vocabulary.role(id), Role::Launch | Role::Pass);
    let begun = tracks.flat_map(|track| index.rows(track).filter(is_begun));
    let mut starts: Vec<i64> = begun.map(|id| index.slices.start(id).as_ns()).collect();
    starts.sort_unstable();
    starts
}

/// When devices of a rank are busy.
pub(super) fn busy_of(index: &Index, vocabulary: &Vocabulary, rank: Option<usize>) -> Union {
    let devices = vocabulary.devices.iter().filter(|d| fits(d.rank, rank));
    let rows = devices
        .flat_map(|d| &d.tracks)
        .flat_map(|&track| index.rows(track));
    let work = rows.filter(|&id| vocabulary.role(id).is_device());
    Union::of(work.map(|id| vocabulary.span(index, id)))
}

/// All of `within` but these.
pub(super) fn all_but(within: Option<Span>, did: &Union, busy: &Union) -> Union {
    Union::of(within).without(did).without(busy)
}

/// From the first to the last of what is recorded.
pub(super) fn extent_of(
    goes_on: &[(TrackId, Vec<i64>)],
    passes: &[&Pass],
    busy: &Union,
    compiles: &Union,
) -> Option<Span> {
    let begun = goes_on
        .iter()
        .flat_map(|(_, starts)| starts.first().zip(starts.last()));
    let begun = begun.map(|(&first, &last)| Span::new(first, last));
    let passes = passes.iter().map(|pass| pass.span);
    let others = [busy, compiles].into_iter().filter_map(Union::extent);
    Union::of(begun.chain(passes).chain(others)).extent()
}
