//! How many tokens a step computes, by the shapes of its operators, where no marker says it.
//!
//! `aten::embedding` looks up one row for each token: of its inputs `[[vocabulary, hidden], [tokens]]` the second
//! says how many (`[requests, tokens each]` where the engine keeps requests apart). The logits are computed for the
//! rows that are sampled alone, one a request: the product of `[rows, hidden]` with as large a matrix as the
//! embedding's. That also tells the text model's embedding from others (positions, the parts of an image); without
//! logits it is the one with the largest vocabulary. So as many rows as tokens is decode (with speculation the rows
//! are the drafted tokens, and all of them are sampled); more tokens than rows is prefill, and may hold decodes too.
//! Captured graphs exist for some numbers of tokens only: a decode is padded up to the next.
//!
//! Shapes are recorded with `record_shapes` only, and not for operators inside a compiled or captured graph.

use rustc_hash::FxHashMap;

use crate::base::{NameId, SliceId, Span, TrackId};
use crate::index::trace_columns::{Family, Index, Key};

use super::SHAPES;
use super::enclosing::last_started;
use super::terms::Phase;

/// What the shapes of one step say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTokens {
    pub tokens: Option<u64>,
    /// Rows of logits.
    pub rows: Option<u64>,
}

impl StepTokens {
    pub fn phase(self) -> Phase {
        match (self.tokens, self.rows) {
            (Some(1), _) => Phase::Decode,
            (Some(tokens), Some(rows)) if tokens == rows || is_padded(rows, tokens) => Phase::Decode,
            (Some(tokens), Some(rows)) if tokens > rows => Phase::Prefill,
            _ => Phase::Unknown,
        }
    }
}

/// Whether `tokens` is the next size after `rows` for which engines capture graphs by default: vLLM 1, 2, 4, then in
/// steps of 8, from 256 of 16; SGLang in steps of 4 up to 16; powers of two.
fn is_padded(rows: u64, tokens: u64) -> bool {
    let next = |step: u64| rows.div_ceil(step).saturating_mul(step);
    match rows {
        0 => false,
        1..=4 => tokens == rows.next_power_of_two(),
        5..=16 => tokens == next(8) || tokens == next(4),
        17..=256 => tokens == next(8) || tokens == rows.next_power_of_two(),
        _ => tokens == next(16) || rows.checked_next_power_of_two() == Some(tokens),
    }
}

/// More embeddings than these are no model's.
const MAX_TABLES: usize = 16;

/// Operators that multiply by a matrix of weights.
const PRODUCTS: [&str; 4] = ["aten::linear", "aten::matmul", "aten::mm", "aten::addmm"];

/// What each step computes; in order of rows. Steps of one thread follow each other: of what overlaps, each operator
/// is looked at for the first step only, so that cost grows as the trace does.
pub fn of_steps(index: &Index, steps: &[SliceId]) -> Vec<StepTokens> {
    let mut found = vec![StepTokens::default(); steps.len()];
    if index.arg_column(SHAPES).is_none() {
        return found;
    }
    let by_name: FxHashMap<NameId, bool> = PRODUCTS
        .iter()
        .map(|name| (*name, false))
        .chain([("aten::embedding", true)])
        .filter_map(|(name, is_embedding)| Some((index.names.lookup(name)?, is_embedding)))
        .collect();
    let operators: FxHashMap<(Key, Key), TrackId> = index
        .track_ids()
        .filter(|&id| index.track(id).family == Family::Main)
        .map(|id| ((index.track(id).pid, index.track(id).tid), id))
        .collect();
    let mut known: FxHashMap<&str, Vec<Vec<u64>>> = FxHashMap::default();
    let mut seen: FxHashMap<TrackId, u32> = FxHashMap::default();
    for (tokens, &step) in found.iter_mut().zip(steps) {
        let of = index.track(index.track_of(step));
        if let Some(&track) = operators.get(&(of.pid, of.tid)) {
            let seen = seen.entry(track).or_default();
            *tokens = of_step(index, track, index.slices.span(step), seen, &by_name, &mut known);
        }
    }
    found
}

fn of_step<'a>(
    index: &'a Index,
    track: TrackId,
    step: Span,
    seen: &mut u32,
    by_name: &FxHashMap<NameId, bool>,
    known: &mut FxHashMap<&'a str, Vec<Vec<u64>>>,
) -> StepTokens {
    let rows = index.track(track).rows.clone();
    let first = last_started(index, track, step.start.saturating_sub(1)).map_or(rows.start, |id| id.0 + 1);
    let mut of = StepTokens::default();
    // Tables that were looked into, with the number of rows; a model has a few.
    let mut tables: Vec<([u64; 2], Option<u64>)> = Vec::new();
    for id in (first.max(*seen)..rows.end).map(SliceId) {
        if index.slices.start(id).as_ns() >= step.end {
            break;
        }
        *seen = id.0 + 1;
        let Some(&is_embedding) = by_name.get(&index.slices.name(id)) else {
            continue;
        };
        let Some(text) = index.arg_text(SHAPES, id) else {
            continue;
        };
        let shapes = known.entry(text).or_insert_with(|| parsed(text));
        if is_embedding {
            if let [table, ids, ..] = &shapes[..]
                && let &[vocabulary, hidden] = &table[..]
                && tables.len() < MAX_TABLES
                && tables.iter().all(|&(known, _)| known != [vocabulary, hidden])
            {
                let tokens = ids.iter().try_fold(1u64, |n, &dim| n.checked_mul(dim));
                tables.push(([vocabulary, hidden], tokens));
            }
        } else {
            let head = tables.iter().find_map(|&([vocabulary, hidden], tokens)| {
                shapes.windows(2).find_map(|pair| {
                    let is_head = pair[1] == [vocabulary, hidden] || pair[1] == [hidden, vocabulary];
                    let (last, dims) = pair[0].split_last()?;
                    let rows = (is_head && *last == hidden && vocabulary != hidden)
                        .then(|| dims.iter().try_fold(1u64, |n, &dim| n.checked_mul(dim)))??;
                    Some((rows, tokens))
                })
            });
            if let Some((rows, tokens)) = head {
                of = StepTokens {
                    tokens,
                    rows: Some(rows),
                };
                break;
            }
        }
    }
    if of.rows.is_none() {
        let largest = tables.iter().max_by_key(|&&([vocabulary, _], _)| vocabulary);
        of.tokens = largest.and_then(|&(_, tokens)| tokens);
    }
    of
}

/// `[[4, 64], []]`. What is no list of numbers (a list of tensors) is empty.
fn parsed(text: &str) -> Vec<Vec<u64>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let dims = |value: &serde_json::Value| -> Option<Vec<u64>> {
        value.as_array()?.iter().map(serde_json::Value::as_u64).collect()
    };
    values
        .iter()
        .map(|value| dims(value).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_decode_decodes_and_a_prompt_does_not() {
        let phase = |tokens, rows| {
            StepTokens {
                tokens: Some(tokens),
                rows: Some(rows),
            }
            .phase()
        };
        for (rows, tokens) in [
            (5, 8),
            (3, 4),
            (9, 12),
            (9, 16),
            (27, 32),
            (100, 104),
            (33, 64),
            (300, 304),
        ] {
            assert_eq!(phase(tokens, rows), Phase::Decode, "{tokens} for {rows}");
        }
        for (rows, tokens) in [
            (1, 8),
            (4, 80),
            (1, 2),
            (2, 8),
            (31, 48),
            (8, 16),
            (5, 7),
            (100, 8_192),
        ] {
            assert_eq!(phase(tokens, rows), Phase::Prefill, "{tokens} for {rows}");
        }
        assert_eq!(phase(4, 5), Phase::Unknown);
    }
}
