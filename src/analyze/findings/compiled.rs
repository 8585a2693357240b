//! Compiles by what they rest on, and what they cost: for the findings about compiles.

use crate::analyze::gaps::activity::{compile_span, held_up_spans};
use crate::analyze::report::{Evidence, Period, Recompile, TraceReport};
use crate::base::{Span, Union, order, show};

/// Compiles of one level of evidence in one period, most costly first.
pub(super) fn compiled(report: &TraceReport, evidence: Evidence, period: Period) -> Vec<&Recompile> {
    let of = report.recompiles.iter();
    let mut found: Vec<&Recompile> = of
        .filter(|r| r.evidence == evidence && r.period == period)
        .collect();
    order::sort_by_key(&mut found, |r| (std::cmp::Reverse(r.dur_ns), r.start_ns));
    found
}

/// Time in which at least one of `compiles` ran and, on another thread, was waited for.
pub(super) fn compile_ns(compiles: &[&Recompile]) -> i64 {
    Union::of(compiles.iter().flat_map(|r| held_up_spans(r))).total_ns()
}

/// The same within `window`, where there is one.
pub(super) fn compile_ns_within(compiles: &[&Recompile], window: Option<Span>) -> i64 {
    let of = Union::of(compiles.iter().flat_map(|r| held_up_spans(r)));
    window.map_or_else(|| of.total_ns(), |window| of.covered_ns(window))
}

/// Time in which at least one of `compiles` ran, waited for or not.
pub(super) fn run_ns(compiles: &[&Recompile]) -> i64 {
    Union::of(compiles.iter().map(|r| compile_span(r))).total_ns()
}

/// How many of them have a recorded cost.
pub(super) fn n_costed(compiles: &[&Recompile]) -> usize {
    compiles.iter().filter(|r| r.dur_ns.is_some()).count()
}

/// Time in which at least one of `compiles` ran, a lower bound where the cost of some is not recorded; `None`: of all.
pub(super) fn known_says(compiles: &[&Recompile]) -> Option<String> {
    let ns = show::duration(compile_ns(compiles));
    match n_costed(compiles) {
        0 => None,
        n if n == compiles.len() => Some(ns),
        _ => Some(format!("at least {ns}")),
    }
}

/// Time in which at least one of `compiles` ran, and of how many it is where that is not all; `None`: of none.
pub(super) fn cost_says(compiles: &[&Recompile]) -> Option<String> {
    let (n, of) = (n_costed(compiles), compiles.len());
    let ns = known_says(compiles)?;
    Some(match n == of {
        true => ns,
        false => format!("{ns} ({n} of {of} compiles have a recorded cost)"),
    })
}

/// Levels of evidence for a compile, strongest first. They are never added up.
pub(super) const LEVELS: [Evidence; 5] = [
    Evidence::Recorded,
    Evidence::Synapse,
    Evidence::Dynamo,
    Evidence::Recipe,
    Evidence::GraphCapture,
];
