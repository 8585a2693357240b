//! What torch.compile (dynamo) says of itself in a torch trace, 2.2 to 2.15.
//!
//! - `TorchDynamo Cache Lookup`: guards are evaluated, once each time that a frame is entered which may have compiled
//!   code;
//! - `Torch-Compiled Region: F/A`: frame F runs what attempt A made of it; A > 0 means that it was compiled anew (2.2
//!   to 2.4 write no number);
//! - `_compile.compile_inner (dynamo_timed)`: one compile; other names with `(dynamo_timed)` are phases inside it;
//! - `…_data: …, compile_id=F/A` (2.15): right before a compile.
//!
//! What is compiled runs at once. So a compile that the next lookup or compile follows, and no region, gave up: it is
//! no compile. Once a frame has been compiled as often as the limit allows, it runs without compiled code:
//! - 2.7 on: the attempt leaves a slice that gives up, and lookups without region follow;
//! - 2.5, 2.6: it leaves a lookup without a slice, and lookups without region follow;
//! - 2.2 to 2.4: it leaves a lookup without a slice, and the frame is not looked up any more.
//!
//! A frame that is not to be compiled is looked up once as well, but has no guards. So a lookup counts only if it took
//! as long as the shortest before a frame was compiled anew; of those that had been before, where there are some: a
//! frame at its limit has many guards.

use rustc_hash::FxHashMap;

use crate::base::{SliceId, Span, TrackId, order};
use crate::index::trace_columns::{Family, Index};

use super::pattern::Rest;
use super::terms::{CompileDetail, CompilePhase, Evidence};
use super::vocabulary::{CompileMark, Pass};

/// Lookups without a region that make a limit of a compile that gave up: one may be the recording's end.
pub const LOOKUPS_WITHOUT_REGION: u64 = 2;

/// Steps, or lookups that found code, after a lookup that found none, which show that the recording does not end there.
const GOES_ON: usize = 2;

/// The frame that ran without compiled code from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The compile that gave up, or the lookup where it left none.
    pub at: SliceId,
    /// Lookups of its thread afterwards that found no compiled code to run.
    pub lookups_after: u64,
    /// Steps on its thread that began afterwards.
    pub steps_after: u64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dynamo {
    pub lookups: u64,
    /// Times that compiled code ran.
    pub regions: u64,
    /// What is known of compiles, by their slice.
    pub compiles: FxHashMap<SliceId, CompileDetail>,
    /// Attempts to compile that made nothing; not among the compiles.
    pub gave_up: Vec<SliceId>,
    pub limits: Vec<Limit>,
}

#[derive(Clone, Copy)]
enum Event {
    Lookup(SliceId, Span),
    /// Frame and attempt, where the name has them.
    Region(Option<(u64, u64)>),
    Compile(SliceId, Span),
}

/// What one thread did.
#[derive(Default)]
struct Thread {
    track: Option<TrackId>,
    /// Lookups after which neither code ran nor a compile began; with those that found some before each.
    unanswered: Vec<(SliceId, Span, usize)>,
    gave_up: Vec<(SliceId, Span)>,
    /// Lookups that found code to run.
    n_hits: usize,
}

/// Of all threads: compiled code is shared among them.
#[derive(Default)]
struct Guards {
    /// The shortest lookup before a frame was compiled for the second time, and for a later one.
    second_ns: Option<i64>,
    later_ns: Option<i64>,
    /// The shortest that found code.
    hit_ns: Option<i64>,
    /// A frame was compiled anew.
    again: bool,
    /// Regions have no numbers: 2.2 to 2.4.
    is_old: bool,
}

/// `None`: torch.compile left no mark. `marks` are the compiles that were found.
pub fn dynamo(index: &Index, marks: &[CompileMark], passes: &[Pass]) -> Option<Dynamo> {
    let lookup = index.names.lookup("TorchDynamo Cache Lookup");
    let mut regions = FxHashMap::default();
    let mut phases = FxHashMap::default();
    for (id, text) in index.names.iter() {
        if text.starts_with("Torch-Compiled Region") {
            regions.insert(id, region(text));
        } else if let Some(phase) = text.strip_suffix(" (dynamo_timed)") {
            phases.insert(id, phase);
        }
    }
    let compiles: FxHashMap<SliceId, &CompileMark> = marks
        .iter()
        .filter(|m| m.evidence == Evidence::Dynamo && m.span.len_ns() > 0)
        .map(|m| (m.slice, m))
        .collect();
    if lookup.is_none() && regions.is_empty() && compiles.is_empty() {
        return None;
    }
    let mut found = Dynamo::default();
    let mut guards = Guards::default();
    let mut threads = Vec::new();
    for track in index.track_ids() {
        if index.track(track).family != Family::Main {
            continue;
        }
        let events = index.rows(track).filter_map(|id| {
            let name = index.slices.name(id);
            if Some(name) == lookup {
                Some(Event::Lookup(id, index.slices.span(id)))
            } else if let Some(&region) = regions.get(&name) {
                Some(Event::Region(region))
            } else {
                compiles
                    .contains_key(&id)
                    .then(|| Event::Compile(id, index.slices.span(id)))
            }
        });
        let thread = found.thread(&mut guards, events);
        threads.push(Thread {
            track: Some(track),
            ..thread
        });
    }
    let starts_on = |track: Option<TrackId>| {
        let on = passes.iter().filter(|p| Some(index.track_of(p.slice)) == track);
        on.map(|p| p.span.start).collect::<Vec<i64>>()
    };
    for thread in &threads {
        found.limits(&guards, thread, &starts_on(thread.track));
    }
    for (&slice, detail) in &mut found.compiles {
        if let Some(id) = compile_id(index, slice) {
            let attempt = frame_and_attempt(id);
            detail.frame = attempt.map(|a| a.0).or(detail.frame);
            detail.attempt = attempt.map(|a| a.1).or(detail.attempt);
            detail.compile_id = Some(id.to_owned());
        }
        detail.phases = phases_of(index, slice, &phases);
    }
    Some(found)
}

impl Guards {
    /// A frame was compiled for the time `attempt`, from 0, after a lookup.
    fn compiled(&mut self, attempt: u64, looked: Option<Span>) {
        self.again |= attempt > 0;
        let least = match attempt {
            0 => return,
            1 => &mut self.second_ns,
            _ => &mut self.later_ns,
        };
        if let Some(ns) = looked.map(Span::len_ns) {
            *least = Some(least.map_or(ns, |least| least.min(ns)));
        }
    }
}

impl Dynamo {
    /// Takes what one thread did, in order.
    fn thread(&mut self, guards: &mut Guards, events: impl Iterator<Item = Event>) -> Thread {
        let mut thread = Thread::default();
        // The lookup and the compile that nothing has followed.
        let mut looked: Option<(SliceId, Span)> = None;
        let mut waits: Option<(SliceId, Span)> = None;
        let mut compiling = i64::MIN;
        let mut n_ran = 0_u64;
        for event in events {
            match event {
                Event::Lookup(id, span) => {
                    self.lookups += 1;
                    if span.start < compiling {
                        continue;
                    }
                    if let Some(compile) = waits.take() {
                        thread.gave_up.push(compile);
                    } else if let Some((before, at)) = looked {
                        thread.unanswered.push((before, at, thread.n_hits));
                    }
                    looked = Some((id, span));
                }
                Event::Region(region) => {
                    self.regions += 1;
                    guards.is_old |= region.is_none();
                    match waits.take().and_then(|(c, _)| self.compiles.get_mut(&c)) {
                        Some(detail) => {
                            detail.ran = true;
                            detail.frame = region.map(|r| r.0);
                            detail.attempt = region.map(|r| r.1);
                            guards.compiled(region.map_or(n_ran, |r| r.1), looked.map(|(_, span)| span));
                            n_ran += 1;
                        }
                        None => {
                            thread.n_hits += usize::from(looked.is_some());
                            let ns = looked.map(|(_, span)| span.len_ns());
                            guards.hit_ns = guards.hit_ns.into_iter().chain(ns).min();
                        }
                    }
                    looked = None;
                }
                Event::Compile(id, span) => {
                    self.compiles.insert(id, CompileDetail::default());
                    thread.gave_up.extend(waits.replace((id, span)));
                    compiling = compiling.max(span.end);
                }
            }
        }
        if let Some((id, span)) = looked.filter(|_| waits.is_none()) {
            thread.unanswered.push((id, span, thread.n_hits));
        }
        thread
    }

    /// Of one thread, when all are known.
    fn limits(&mut self, guards: &Guards, thread: &Thread, steps: &[i64]) {
        // Where nothing ever ran, regions are not recorded or nothing could be compiled: there is no limit to speak of.
        if self.regions == 0 {
            return;
        }
        // Where an attempt is seen to give up, as long as any with guards will do: those before a compile are slow.
        let any = [guards.second_ns, guards.later_ns, guards.hit_ns]
            .into_iter()
            .flatten()
            .min();
        let strict = guards.later_ns.or(guards.second_ns);
        let first = thread.gave_up.first().map(|(id, _)| *id);
        let had_guards = |id: SliceId, span: Span| {
            let least = match first {
                Some(first) if id > first => any,
                _ => strict,
            };
            least.is_none_or(|least| span.len_ns() >= least)
        };
        let mut unanswered = thread
            .unanswered
            .iter()
            .filter(|(id, span, _)| had_guards(*id, *span))
            .peekable();
        let steps_after = |at: i64| steps.iter().filter(|&&start| start > at).count();
        // Before the first that gave up, those whose attempt left no slice.
        let attempts = [None].into_iter().chain(thread.gave_up.iter().copied().map(Some));
        let mut until = thread.gave_up.iter().copied().map(Some).chain([None]);
        for attempt in attempts {
            let next = until.next().flatten();
            let mut after = Vec::new();
            while let Some(one) = unanswered.next_if(|(id, ..)| next.is_none_or(|(next, _)| *id < next)) {
                after.push(one);
            }
            match (attempt, after.as_slice()) {
                (Some((compile, at)), all) if all.len() as u64 >= LOOKUPS_WITHOUT_REGION => {
                    self.limits.push(Limit {
                        at: compile,
                        lookups_after: all.len() as u64,
                        steps_after: steps_after(at.end) as u64,
                    });
                }
                (Some(_), _) => {}
                (None, all) if guards.is_old && guards.again => {
                    for (id, span, hits) in all {
                        let steps = steps_after(span.end);
                        if steps >= GOES_ON || thread.n_hits - hits >= GOES_ON {
                            self.limits.push(Limit {
                                at: *id,
                                lookups_after: 0,
                                steps_after: steps as u64,
                            });
                        }
                    }
                }
                (None, [(first, at, _), more @ ..]) if guards.again && !more.is_empty() => {
                    self.limits.push(Limit {
                        at: *first,
                        lookups_after: more.len() as u64,
                        steps_after: steps_after(at.end) as u64,
                    });
                }
                (None, _) => {}
            }
        }
        for (compile, _) in &thread.gave_up {
            self.gave_up.push(*compile);
            if let Some(detail) = self.compiles.get_mut(compile) {
                detail.gave_up = true;
            }
        }
    }
}

/// Whether a slice of this name is one compile of a frame: `_compile.compile_inner (dynamo_timed)` from torch 2.5 on,
/// `_compile.<locals>.compile_inner (dynamo_timed)` in 2.2 to 2.4.
pub fn is_compile(name: &str) -> bool {
    let inner = name.strip_prefix("_compile.");
    let inner = inner.map(|rest| rest.strip_prefix("<locals>.").unwrap_or(rest));
    inner.is_some_and(|rest| rest.starts_with("compile_inner")) && !name.contains("_data:")
}

/// `Torch-Compiled Region: 0/2`
pub fn region(name: &str) -> Option<(u64, u64)> {
    let mut rest = Rest(name);
    rest.eat("Torch-Compiled Region: ")?;
    Some((rest.number()?, rest.maybe_number("/")?))
}

/// `0/2`, `0/2_1` (restarted once); not `!0/0/2`, of compiled autograd.
fn frame_and_attempt(id: &str) -> Option<(u64, u64)> {
    let mut rest = Rest(id);
    Some((rest.number()?, rest.maybe_number("/")?))
}

/// torch 2.15 writes `…, compile_id=0/2` into short annotations right before the compile and in it.
pub fn compile_id(index: &Index, id: SliceId) -> Option<&str> {
    let track = index.track(index.track_of(id));
    let end = index.slices.end(id);
    let before = (track.rows.start..id.0).rev().take(4).map(SliceId);
    let inside = (id.0 + 1..track.rows.end).take(4).map(SliceId);
    let inside = inside.take_while(|&row| index.slices.start(row) < end);
    let which = |row: SliceId| {
        index
            .name_of(row)
            .split_once("compile_id=")
            .map(|(_, which)| which)
    };
    inside.chain(before).find_map(which)
}

/// Phases inside a compile, most time first. A phase inside one of its own name counts once.
fn phases_of(
    index: &Index,
    compile: SliceId,
    names: &FxHashMap<crate::base::NameId, &str>,
) -> Vec<CompilePhase> {
    let track: TrackId = index.track_of(compile);
    let end = index.slices.end(compile);
    let mut phases: Vec<CompilePhase> = Vec::new();
    // When the last phase of a name ends.
    let mut open: FxHashMap<&str, i64> = FxHashMap::default();
    for row in compile.0 + 1..index.track(track).rows.end {
        let id = SliceId(row);
        if index.slices.start(id) >= end {
            break;
        }
        let Some(&name) = names.get(&index.slices.name(id)) else {
            continue;
        };
        let span = index.slices.span(id);
        let inside = open.get(name).is_some_and(|&until| span.start < until);
        if index.slices.end(id) > end || inside {
            continue;
        }
        open.insert(name, span.end);
        let ns = index.slices.dur(id).as_ns();
        match phases.iter_mut().find(|p| p.name == name) {
            Some(phase) => phase.total_ns = phase.total_ns.saturating_add(ns),
            None => phases.push(CompilePhase {
                name: name.to_owned(),
                total_ns: ns,
            }),
        }
    }
    order::sort_by_key(&mut phases, |p| std::cmp::Reverse(p.total_ns));
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_frame_and_attempt() {
        assert_eq!(region("Torch-Compiled Region: 0/1"), Some((0, 1)));
        assert_eq!(region("Torch-Compiled Region"), None);
        assert_eq!(frame_and_attempt("3/2_1"), Some((3, 2)));
        assert_eq!(frame_and_attempt("!0/0/2"), None);
    }

    /// Lookups, runs, limits, and attempts that gave up, by row. `l` is a lookup without guards; `o` a region without a
    /// number; `S` a step.
    type Said = (u64, u64, Vec<(u32, u64, u64)>, Vec<u32>);

    fn check(threads: &[&str]) -> Said {
        let mut dynamo = Dynamo::default();
        let mut guards = Guards::default();
        let mut done = Vec::new();
        let mut row = 0;
        for events in threads {
            let mut steps = Vec::new();
            let mut all = Vec::new();
            for letter in events.bytes() {
                let id = SliceId(row);
                let start = i64::from(row) * 10;
                row += 1;
                all.push(match letter {
                    b'L' => Event::Lookup(id, Span::new(start, start + 5)),
                    b'l' => Event::Lookup(id, Span::new(start, start + 1)),
                    b'R' => Event::Region(Some((0, 1))),
                    b'r' => Event::Region(Some((0, 0))),
                    b'o' => Event::Region(None),
                    b'C' => Event::Compile(id, Span::new(start, start + 9)),
                    _ => {
                        steps.push(start);
                        continue;
                    }
                });
            }
            done.push((dynamo.thread(&mut guards, all.into_iter()), steps));
        }
        for (thread, steps) in &done {
            dynamo.limits(&guards, thread, steps);
        }
        let limits = dynamo.limits.iter();
        (
            dynamo.lookups,
            dynamo.regions,
            limits.map(|l| (l.at.0, l.lookups_after, l.steps_after)).collect(),
            dynamo.gave_up.iter().map(|id| id.0).collect(),
        )
    }

    #[test]
    fn a_limit_is_an_attempt_that_nothing_ran_after() {
        // From 2.7 on: the attempt has a slice.
        assert_eq!(check(&["lCrLrLCRLCLLL"]), (7, 3, vec![(9, 3, 0)], vec![9]));
        assert_eq!(
            check(&["lCrLCRSLCSLrSLrSL"]),
            (6, 4, vec![], vec![8]),
            "it ran again; the recording may have ended"
        );
        assert_eq!(
            check(&["LCRLCL"]),
            (3, 1, vec![], vec![4]),
            "the recording may have ended"
        );
        assert_eq!(check(&["LCLLLL"]), (5, 0, vec![], vec![]), "nothing ever ran");
        // Another frame goes on with what it has.
        assert_eq!(
            check(&["lCrLCRSLCSLrSLLrSLLrSLLr"]),
            (10, 6, vec![(8, 3, 4)], vec![8])
        );
    }

    #[test]
    fn a_limit_is_found_where_the_attempt_left_no_slice() {
        // 2.6: lookups go on; those of frames that are not to be compiled have no guards.
        assert_eq!(check(&["llCrllLCRLLLLllCrLr"]), (12, 4, vec![(9, 3, 0)], vec![]));
        assert_eq!(
            check(&["llCrllLCRLllllllCrLr"]).2,
            vec![],
            "one lookup may be anything"
        );
        assert_eq!(check(&["lCrLLLLLL"]).2, vec![], "no frame was compiled anew");
        // 2.4: not even lookups go on.
        assert_eq!(check(&["SlCoSLCoSLSSS"]), (3, 2, vec![(9, 0, 3)], vec![]));
        assert_eq!(check(&["SlCoSLCoSL"]).2, vec![], "the recording may have ended");
        assert_eq!(
            check(&["lCoLCoLLoLo"]),
            (5, 4, vec![(6, 0, 0)], vec![]),
            "another frame goes on"
        );
    }

    #[test]
    fn a_limit_is_found_in_every_thread() {
        let both = check(&["lCrLCR", "LCLLL"]);
        assert_eq!(both, (6, 2, vec![(7, 3, 0)], vec![7]));
        let turned = check(&["LCLLL", "lCrLCR"]);
        assert_eq!(turned, (6, 2, vec![(1, 3, 0)], vec![1]));
        let two = check(&["lCrLCRLCLLL", "LLL"]).2;
        assert_eq!(
            two,
            vec![(7, 3, 0), (11, 2, 0)],
            "code is shared, so is the limit"
        );
    }

    #[test]
    fn a_compile_has_one_of_two_names() {
        for name in [
            "_compile.compile_inner (dynamo_timed)",
            "_compile.<locals>.compile_inner (dynamo_timed)",
            "_compile.compile_inner",
        ] {
            assert!(is_compile(name), "{name}");
        }
        for name in [
            "entire_frame_compile_data: fn_name=_compile.compile_inner, compile_id=0/0",
            "_compile.compile_inner_data: x",
            "compile_inner",
            "OutputGraph.call_user_compiler (dynamo_timed)",
        ] {
            assert!(!is_compile(name), "{name}");
        }
    }
}
