//! Graph compiles of a Gaudi trace, level by level.
//!
//! vLLM writes `GRAPH COMPILE: <recipe>` blocks when a region ends, right before the region's own slice. Their
//! number, names and durations are facts; their starts are not: they are stacked from the region's start, back
//! to back, and may together be longer than the region, because Synapse compiles in parallel.

use crate::base::{SliceId, Span, TrackId, order};
use crate::dialect::enclosing;
use crate::dialect::roles::rows_with;
use crate::dialect::terms::{Evidence, Period};
use crate::dialect::vocabulary::{CompileMark, Role};
use crate::index::trace_columns::Index;

use super::high_level_names::{EngineName, without_device};

/// Engine lanes in which a compile's region is looked for: a file holds a few.
const MAX_LANES: usize = 64;

/// An operator's own graph in eager mode compiles in less; a model's graph takes longer.
pub const EAGER_NS: i64 = 5_000_000;

/// Compiles that vLLM recorded on one track (level 1).
pub fn recorded(index: &Index, events: &[(SliceId, EngineName<'_>)]) -> Vec<CompileMark> {
    let mut in_file: Vec<(u64, SliceId, EngineName<'_>)> = events
        .iter()
        .map(|&(id, name)| (index.slices.at(id), id, name))
        .collect();
    order::sort_by_key(&mut in_file, |&(at, id, _)| (at, id));
    let mut next_region: Option<SliceId> = None;
    let mut marks = Vec::new();
    for &(_, id, name) in in_file.iter().rev() {
        let EngineName::Compile(recipe) = name else {
            next_region = Some(id);
            continue;
        };
        let span = index.slices.span(id);
        let region = next_region
            .filter(|&region| {
                let region = index.slices.span(region);
                region.start <= span.start && span.start <= region.end
            })
            .or_else(|| {
                enclosing::innermost(
                    index,
                    index.track_of(id),
                    Span::new(span.start, span.start),
                    |o| o != id && !index.name_of(o).starts_with("GRAPH COMPILE: "),
                )
            });
        marks.push(CompileMark {
            evidence: Evidence::Recorded,
            name: recipe.to_owned(),
            slice: id,
            span,
            start_is_exact: false,
            region,
            eager: false,
            period: Period::Unknown,
        });
    }
    marks
}

/// Compiles that Synapse's own host events show (level 2): the outer one where an API call and its inner call
/// are both recorded. `lanes` are vLLM's tracks.
pub fn by_synapse(index: &Index, roles: &[Role], lanes: &[TrackId]) -> Vec<CompileMark> {
    let is_compile = |id: SliceId| roles[id.index()] == Role::CompileEngine;
    let mut found: Vec<(Span, SliceId)> = rows_with(roles, |r| r == Role::CompileEngine)
        .filter(|&id| !enclosing::is_inside(index, id, is_compile))
        .map(|id| (index.slices.span(id), id))
        .collect();
    order::sort_by_key(&mut found, |&(span, id)| {
        (span.start, std::cmp::Reverse(span.end), id)
    });
    let mut kept: Vec<(Span, SliceId)> = Vec::new();
    for (span, id) in found {
        // Other threads may compile other graphs at the same time, under the same name.
        let name = without_device(index.name_of(id));
        let is_inner = kept
            .iter()
            .rev()
            .take(8)
            .any(|&(outer, o)| span.end <= outer.end && without_device(index.name_of(o)) != name);
        if !is_inner {
            kept.push((span, id));
        }
    }
    kept.into_iter()
        .map(|(span, id)| {
            let region = region(index, roles, lanes, span);
            let recipe = index.arg_text("recipeName", id).filter(|name| !name.is_empty());
            CompileMark {
                evidence: Evidence::Synapse,
                name: recipe.unwrap_or(index.name_of(id)).to_owned(),
                slice: id,
                span,
                start_is_exact: true,
                region,
                eager: region.is_none() && span.len_ns() < EAGER_NS,
                period: Period::Unknown,
            }
        })
        .collect()
}

/// New compiled graphs stored by the bridge (level 2b). Storing takes no time to speak of; where a call that submits or
/// launches is recorded around it, the graph was compiled in it. `lanes` are vLLM's tracks.
pub fn new_recipes(index: &Index, roles: &[Role], lanes: &[TrackId]) -> Vec<CompileMark> {
    rows_with(roles, |r| r == Role::NewRecipe)
        .map(|id| {
            let stored = index.slices.span(id);
            let around = enclosing::chain(index, id).skip(1);
            let calls = around.filter(|o| matches!(roles[o.index()], Role::Submit | Role::Launch));
            let start = calls.last().map(|call| index.slices.start(call).as_ns());
            CompileMark {
                evidence: Evidence::Recipe,
                name: "new recipe".to_owned(),
                slice: id,
                span: Span::new(start.unwrap_or(stored.start), stored.end),
                start_is_exact: true,
                region: region(index, roles, lanes, stored),
                eager: false,
                period: Period::Unknown,
            }
        })
        .collect()
}

/// The part of a step on vLLM's tracks in which something happened.
fn region(index: &Index, roles: &[Role], lanes: &[TrackId], span: Span) -> Option<SliceId> {
    lanes.iter().take(MAX_LANES).find_map(|&lane| {
        enclosing::innermost(index, lane, span, |o| roles[o.index()] != Role::CompileRecorded)
    })
}
