//! One clock for the traces of several ranks.
//!
//! Traces that state Unix times are on one clock where their hosts' clocks agree: collectives that all ranks leave
//! together show whether they do. Where they do not, or no Unix time is stated, those ends are laid upon each other.

use std::collections::BTreeMap;

use crate::analyze::report::{ClockMethod, RankClocks};
use crate::base::{order, show, stats};

use super::extract::RankExtract;
use super::matching::{Matched, spread};

/// Fewer matched ends do not align two clocks.
const MIN_ENDS: usize = 5;
/// Fewer do not show that stated clocks disagree.
const MIN_CHECKED: usize = 3;
/// Stated clocks that lie no further apart agree: devices' times are converted with about this error.
const AGREE_NS: i64 = 50_000;
/// Ends that scatter more are not those of the same collectives.
const MAX_ERROR_NS: i64 = 200_000;

pub struct Clocks {
    pub found: RankClocks,
    /// What is added to each rank's times; `None`: not aligned.
    pub offsets: Vec<Option<i64>>,
}

/// How far the second rank's ends lie behind the first's, on their own clocks.
struct Edge {
    ranks: (usize, usize),
    median_ns: i64,
    spread_ns: i64,
    count: usize,
}

pub fn clocks(ranks: &[&RankExtract], matched: &[Matched]) -> Clocks {
    let edges = edges(ranks, matched);
    let bases: Option<Vec<i64>> = ranks.iter().map(|r| r.base_time_ns).collect();
    let mut disagree = None;
    if let Some(bases) = &bases {
        let apart = |edge: &Edge| {
            let base = bases[edge.ranks.1].saturating_sub(bases[edge.ranks.0]);
            (edge.median_ns.saturating_add(base)).saturating_abs()
        };
        let checked = || {
            edges
                .iter()
                .filter(|e| e.count >= MIN_CHECKED && e.spread_ns <= MAX_ERROR_NS)
        };
        let limit = |edge: &Edge| AGREE_NS.max(edge.spread_ns.saturating_mul(2));
        disagree = checked().filter(|e| apart(e) > limit(e)).map(apart).max();
        if disagree.is_none() {
            let error_ns = checked().map(|e| e.spread_ns.max(apart(e))).max();
            let checked = match error_ns {
                Some(ns) => format!(
                    "the ends of matched collectives agree within {}",
                    show::duration(ns)
                ),
                None => "no collective checks them".to_owned(),
            };
            return Clocks {
                offsets: bases
                    .iter()
                    .map(|base| Some(base.saturating_sub(bases[0])))
                    .collect(),
                found: RankClocks {
                    method: ClockMethod::Base,
                    error_ns,
                    says: format!("Clocks are aligned by the Unix times in the traces; {checked}."),
                },
            };
        }
    }
    by_ends(ranks.len(), &edges, disagree)
}

/// Of every pair of ranks whose collectives were matched.
fn edges(ranks: &[&RankExtract], matched: &[Matched]) -> Vec<Edge> {
    let mut ends: BTreeMap<(usize, usize), Vec<i64>> = BTreeMap::new();
    for of in matched.iter().filter(|of| of.operation.joins()) {
        let Some((first, others)) = of.members.split_first() else {
            continue;
        };
        let end = first.of(ranks).end;
        for other in others {
            let apart = other.of(ranks).end.saturating_sub(end);
            ends.entry((first.rank, other.rank)).or_default().push(apart);
        }
    }
    let mut edges: Vec<Edge> = ends
        .into_iter()
        .filter_map(|(ranks, mut ends)| {
            Some(Edge {
                ranks,
                median_ns: stats::quantile_of(&mut ends, 0.5)?,
                spread_ns: spread(&mut ends)?,
                count: ends.len(),
            })
        })
        .collect();
    order::sort_by_key(&mut edges, |e| (e.spread_ns, e.ranks));
    edges
}

fn by_ends(n_ranks: usize, edges: &[Edge], disagree: Option<i64>) -> Clocks {
    let why = match disagree {
        Some(ns) => format!(
            "The Unix times in the traces are up to {} apart",
            show::duration(ns)
        ),
        None => "Not every trace states Unix times".to_owned(),
    };
    let mut offsets = vec![None; n_ranks];
    offsets[0] = Some(0_i64);
    let usable = || {
        edges
            .iter()
            .filter(|e| e.count >= MIN_ENDS && e.spread_ns <= MAX_ERROR_NS)
    };
    let mut error = 0;
    // Each round reaches further ranks; the pairs with the least spread come first.
    let mut goes_on = true;
    while goes_on {
        goes_on = false;
        for edge in usable() {
            let (a, b) = edge.ranks;
            match (offsets[a], offsets[b]) {
                (Some(of), None) => offsets[b] = Some(of.saturating_sub(edge.median_ns)),
                (None, Some(of)) => offsets[a] = Some(of.saturating_add(edge.median_ns)),
                _ => continue,
            }
            error = error.max(edge.spread_ns);
            goes_on = true;
        }
    }
    let n_aligned = offsets.iter().flatten().count();
    if n_aligned < 2 {
        return Clocks {
            offsets: vec![None; n_ranks],
            found: RankClocks {
                method: ClockMethod::None,
                error_ns: None,
                says: format!(
                    "{why}, and fewer than {MIN_ENDS} collectives that all ranks leave together were matched: \
                     Stepscope cannot compare arrival times, only durations."
                ),
            },
        };
    }
    let rest = match n_ranks - n_aligned {
        0 => String::new(),
        n => format!(
            " {} cannot be aligned and are not compared.",
            show::counted(n as u64, "rank")
        ),
    };
    Clocks {
        offsets,
        found: RankClocks {
            method: ClockMethod::Collectives,
            error_ns: Some(error),
            says: format!(
                "{why}; clocks are aligned by the ends of matched collectives, which agree within {}.{rest}",
                show::duration(error)
            ),
        },
    }
}
