//! What torch.compile (dynamo) says of itself in a torch trace, 2.5 to 2.15.
//!
//! - `TorchDynamo Cache Lookup`: guards are evaluated, once each time a compiled frame is entered;
//! - `Torch-Compiled Region: F/A`: frame F runs what attempt A made of it; A > 0 means that it was compiled anew;
//! - `_compile.compile_inner (dynamo_timed)`: one compile; other names with `(dynamo_timed)` are phases inside it;
//! - `…_data: …, compile_id=F/A` (2.15): right before a compile.
//!
//! Once a frame has been compiled as often as `cache_size_limit` allows, it runs without compiled code: its last
//! compile gives up after some ms, no region follows, and lookups go on.

use rustc_hash::FxHashMap;

use crate::base::{SliceId, TrackId, order};
use crate::index::tables::{Family, Index};

use super::pattern::Rest;
use super::terms::{CompileDetail, CompilePhase, Evidence};
use super::vocabulary::CompileMark;

/// Lookups without a region that make a compile without a region a limit: the first may be the recording's end.
pub const LOOKUPS_WITHOUT_REGION: u64 = 2;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dynamo {
    pub lookups: u64,
    /// Times that compiled code ran.
    pub regions: u64,
    /// What is known of compiles, by their slice.
    pub compiles: FxHashMap<SliceId, CompileDetail>,
    /// Compiles after which their thread never ran compiled code again although it looked for it, with the number of
    /// those lookups.
    pub limits: Vec<(SliceId, u64)>,
}

enum Event {
    Lookup,
    /// Frame and attempt, where the name has them.
    Region(Option<(u64, u64)>),
    Compile(SliceId),
}

/// `None`: torch.compile left no mark. `marks` are the compiles that were found.
pub fn dynamo(index: &Index, marks: &[CompileMark]) -> Option<Dynamo> {
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
    for track in index.track_ids() {
        if index.track(track).family != Family::Main {
            continue;
        }
        let events = index.rows(track).filter_map(|id| {
            let name = index.slices.name(id);
            if Some(name) == lookup {
                Some(Event::Lookup)
            } else if let Some(&region) = regions.get(&name) {
                Some(Event::Region(region))
            } else {
                compiles.contains_key(&id).then_some(Event::Compile(id))
            }
        });
        found.thread(events);
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

impl Dynamo {
    /// Takes what one thread did, in order.
    fn thread(&mut self, events: impl Iterator<Item = Event>) {
        // The last compile, while no region has followed; and lookups since then.
        let mut waits: Option<SliceId> = None;
        let mut lookups = 0;
        for event in events {
            match event {
                Event::Lookup => {
                    self.lookups += 1;
                    lookups += 1;
                }
                Event::Region(region) => {
                    self.regions += 1;
                    if let Some(detail) = waits.take().and_then(|c| self.compiles.get_mut(&c)) {
                        detail.ran = true;
                        detail.frame = region.map(|r| r.0);
                        detail.attempt = region.map(|r| r.1);
                    }
                }
                Event::Compile(id) => {
                    self.compiles.insert(id, CompileDetail::default());
                    waits = Some(id);
                    lookups = 0;
                }
            }
        }
        // A thread that never ran compiled code has no limit to speak of.
        if let Some(last) = waits.filter(|_| self.regions > 0 && lookups >= LOOKUPS_WITHOUT_REGION) {
            self.limits.push((last, lookups));
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

/// torch 2.15 writes `…, compile_id=0/2` into a short annotation right before the compile.
pub fn compile_id(index: &Index, id: SliceId) -> Option<&str> {
    let track = index.track(index.track_of(id));
    (track.rows.start..id.0)
        .rev()
        .take(4)
        .map(|row| index.name_of(SliceId(row)))
        .find_map(|name| name.split_once("compile_id=").map(|(_, which)| which))
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

    #[test]
    fn a_limit_is_a_compile_that_nothing_ran_after() {
        let check = |events: &str| {
            let mut dynamo = Dynamo::default();
            dynamo.thread(events.bytes().zip(0..).map(|(letter, row)| match letter {
                b'L' => Event::Lookup,
                b'R' => Event::Region(Some((0, 0))),
                _ => Event::Compile(SliceId(row)),
            }));
            let limits: Vec<_> = dynamo.limits.iter().map(|&(id, n)| (id.0, n)).collect();
            (dynamo.lookups, dynamo.regions, limits)
        };
        assert_eq!(check("LCRLRLCRLCLLL"), (7, 3, vec![(9, 3)]));
        assert_eq!(check("LCRLRLCLRLL"), (6, 3, vec![]), "it ran again");
        assert_eq!(check("LCRLCL"), (3, 1, vec![]), "the recording may have ended");
        assert_eq!(check("LCLLLL"), (5, 0, vec![]), "nothing ever ran");
    }
}
