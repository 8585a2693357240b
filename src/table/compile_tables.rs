//! Graph compiles, and which buckets they are of.

use crate::analyze::report::{BucketCoverage, DynamoLimit, MetricCompile, PhaseBucket, Recompile};
use crate::base::{order, show, stats};

use super::cell::{Place, Term};
use super::table_rows::Rows;
use super::{Answers, Table, Topic, shown_terms};

pub const RECOMPILES: Table = Table {
    key: "recompiles",
    title: "Graph compiles",
    definition: "Every graph compile that the trace records or suggests. Markers that rest on different evidence are \
                 never added up: one compile may be listed under each.",
    topic: Topic::Compiles,
    rows: recompiles,
};

fn recompiles<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let compiles = &answers.report.recompiles;
    let has = |what: fn(&Recompile) -> bool| compiles.iter().any(what);
    let inexact = has(|r| !r.start_is_exact);
    let rows = Rows::of(compiles)
        .duration(
            "dur_ns",
            "cost",
            "How long the compile took; unknown where the trace shows a compile and not its cost; for a suspected one, an \
             estimate.",
            |r| r.dur_ns,
        )
        .when(has(|r| r.waited_ns.is_some()), |rows| {
            rows.duration(
                "waited_ns",
                "waited for",
                "Of a compile on another thread: how long its step waited for it. Where steps are measured from device end \
                 to device end: how long the device was idle because of it. Empty: for all of it, or not at all.",
                |r| r.waited_ns,
            )
        })
        .instant("start_ns", "start", "", |r| r.start_ns)
        .flag(
            "start_is_exact",
            "start is exact",
            "No: the trace gives the compile's cost and the region in which it happened, not its start.",
            |r| r.start_is_exact,
        );
    let rows = if inexact { rows } else { rows.on_request() };
    rows.name("name", "graph", "", |r| r.name.clone())
        .name(
            "region",
            "region",
            "The region that encloses it, as recorded.",
            |r| r.region.clone(),
        )
        .on_request()
        .step("step", "step", "The step that it delayed.", |r| r.step)
        .term("phase", "phase", "", |r| shown_terms::phase(r.phase))
        .bucket(|r| r.bucket)
        .term(
            "use",
            "use of its bucket",
            "First only where the file holds the warm-up. Derived.",
            |r| shown_terms::compile_use(r.r#use),
        )
        .term("evidence", "known by", "", |r| shown_terms::evidence(r.evidence))
        .term(
            "also",
            "also known by",
            "The other level that saw the same compile.",
            |r| r.also.map_or_else(|| Term::word(""), shown_terms::evidence),
        )
        .on_request()
        .term("period", "period", "", |r| shown_terms::period(r.period))
        .when(has(|r| r.dynamo.is_some()), |rows| {
            rows.text(
                "compile_id",
                "compile id",
                "As torch.compile numbers it: frame/attempt.",
                |r| r.dynamo.as_ref()?.compile_id.clone(),
            )
            .number(
                "attempt",
                "attempt",
                "0 for the first compile of a frame; from 1 on it is a recompile.",
                |r| r.dynamo.as_ref()?.attempt,
            )
            .flag(
                "ran",
                "ran",
                "Whether the compiled code ran before the next compile.",
                |r| Some(r.dynamo.as_ref()?.ran),
            )
        })
        .place(
            "The compile, or the region that encloses it, in the timeline.",
            |r| Some(place(r)),
        )
        .sorted("start_ns", false)
        .done()
}

/// `"412 ms in all"`: what compiles of one level of evidence cost; a lower bound where the cost of some is not
/// recorded.
pub fn cost_in_all(compiles: &[&Recompile]) -> String {
    let costs = compiles.iter().filter_map(|r| r.dur_ns);
    let total = || show::duration(stats::sum(costs.clone()));
    match costs.clone().count() {
        0 => "cost not recorded".to_owned(),
        n if n == compiles.len() => format!("{} in all", total()),
        _ => format!("at least {} in all", total()),
    }
}

fn place(r: &Recompile) -> Place {
    let (start, end) = match (r.start_is_exact, r.region_start_ns, r.region_end_ns) {
        (false, Some(start), Some(end)) => (start, end),
        _ => (r.start_ns, r.span().end),
    };
    Place {
        start_ns: Some(start),
        end_ns: Some(end),
        slice: r.slice,
        word: "timeline".into(),
    }
}

pub const BUCKET_COVERAGE: Table = Table {
    key: "bucket_coverage",
    title: "Bucket coverage",
    definition: "Which buckets warm-up ran and which were served.",
    topic: Topic::Compiles,
    rows: bucket_coverage,
};

struct Covered {
    at: PhaseBucket,
    warmed: Option<u64>,
    served: Option<u64>,
}

fn bucket_coverage<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::made(
        answers
            .report
            .bucket_coverage
            .as_ref()
            .map_or_else(Vec::new, covered),
    )
    .term("phase", "phase", "", |c| shown_terms::phase(c.at.phase))
    .bucket(|c| Some(c.at.bucket))
    .term("state", "state", "", |c| match (c.warmed, c.served) {
        (None, Some(_)) => Term {
            key: "served_not_warmed".into(),
            word: "served, not warmed up".into(),
            colour: "compile".into(),
            means: "".into(),
        },
        (Some(_), Some(_)) => Term {
            key: "served".into(),
            ..Term::word("served, warmed up before")
        },
        _ => Term {
            key: "warmed".into(),
            ..Term::word("warmed up, not served")
        },
    })
    .count("served", "steps served", "", |c| c.served)
    .count("warmed", "steps of warm-up", "", |c| c.warmed)
    .done()
}

fn covered(coverage: &BucketCoverage) -> Vec<Covered> {
    let mut all: Vec<PhaseBucket> = coverage.warmed.iter().chain(&coverage.served).copied().collect();
    order::sort_by_key(&mut all, |b| (b.phase, b.bucket));
    all.dedup_by_key(|b| (b.phase, b.bucket));
    let count = |list: &[PhaseBucket], at: &PhaseBucket| {
        let found = list.iter().find(|b| (b.phase, b.bucket) == (at.phase, at.bucket));
        found.map(|b| b.count)
    };
    all.into_iter()
        .map(|at| Covered {
            warmed: count(&coverage.warmed, &at),
            served: count(&coverage.served, &at),
            at,
        })
        .collect()
}

pub const DYNAMO: Table = Table {
    key: "dynamo",
    title: "torch.compile",
    definition: "What torch.compile did in all.",
    topic: Topic::Compiles,
    rows: dynamo,
};

fn dynamo<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(answers.report.dynamo.as_slice())
        .count(
            "lookups",
            "lookups",
            "Times that a compiled frame was entered and its guards evaluated.",
            |d| d.lookups,
        )
        .count("regions", "runs of compiled code", "", |d| d.regions)
        .count("compiles", "compiles", "", |d| d.compiles)
        .count(
            "recompiles",
            "recompiles",
            "Compiles of a frame that had been compiled before.",
            |d| d.recompiles,
        )
        .duration(
            "compile_ns",
            "time compiling",
            "Time in which at least one compile ran.",
            |d| d.compile_ns,
        )
        .done()
}

pub const DYNAMO_LIMITS: Table = Table {
    key: "dynamo_limits",
    title: "Recompile limits reached",
    definition: "Attempts to compile that gave up, after which calls ran without compiled code.",
    topic: Topic::Compiles,
    rows: dynamo_limits,
};

fn dynamo_limits<'a>(answers: &Answers<'a>) -> Rows<'a> {
    Rows::of(answers.report.dynamo.as_ref().map_or(&[][..], |d| &d.limits))
        .instant(
            "at_ns",
            "at",
            "Start of the attempt that gave up.",
            |limit: &DynamoLimit| limit.at_ns,
        )
        .text("compile_id", "compile id", "", |limit| limit.compile_id.clone())
        .count(
            "lookups_after",
            "lookups after",
            "None of them ran compiled code.",
            |limit| limit.lookups_after,
        )
        .place("The compile in the timeline.", |limit| {
            Some(Place {
                slice: Some(limit.slice),
                word: "compile".into(),
                ..Place::default()
            })
        })
        .done()
}

pub const METRICS: Table = Table {
    key: "metrics",
    title: "Metrics file",
    definition: "What the engine's metrics file counts.",
    topic: Topic::Compiles,
    rows: metrics,
};

fn metrics<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let metrics = answers.report.metrics.as_slice();
    let notes = metrics.iter().flat_map(|m| &m.notes);
    let mut rows = Rows::of(metrics)
        .name("file", "file", "", |m| m.file.clone())
        .count("graph_compilations", "graph compiles", "", |m| {
            m.graph_compilations
        })
        .duration("graph_compilation_ns", "time compiling", "", |m| {
            m.graph_compilation_ns
        })
        .count("cpu_fallbacks", "CPU fallbacks", "", |m| m.cpu_fallbacks)
        .count("recipe_cache_hits", "recipe cache hits", "", |m| {
            m.recipe_cache_hits
        })
        .count("recipe_cache_misses", "recipe cache misses", "", |m| {
            m.recipe_cache_misses
        })
        .count("defragmentations", "memory defragmentations", "", |m| {
            m.defragmentations
        })
        .count(
            "matched",
            "compiles given their time",
            "Compiles of the trace that got their time from here.",
            |m| m.matched,
        );
    for note in notes {
        rows = rows.says(note.clone());
    }
    rows.done()
}

pub const METRIC_COMPILES: Table = Table {
    key: "metric_compiles",
    title: "Compiles of the metrics file",
    definition: "Every compile that the metrics file lists, with its true cost.",
    topic: Topic::Compiles,
    rows: metric_compiles,
};

fn metric_compiles<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let compiles: &'a [MetricCompile] = answers.report.metrics.as_ref().map_or(&[], |m| &m.compiles);
    Rows::of(compiles)
        .name("recipe", "recipe", "", |c| c.recipe.clone())
        .duration("dur_ns", "cost", "", |c| c.dur_ns)
        .text(
            "generated_on",
            "written on",
            "Local wall clock, as the file has it.",
            |c| c.generated_on.clone(),
        )
        .done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compiles_cost_in_all_is_a_lower_bound_where_a_cost_is_not_recorded() {
        let compile = |dur_ns| Recompile {
            dur_ns,
            ..Recompile::default()
        };
        let (known, other, unknown) = (compile(Some(40_000_000)), compile(Some(2_000_000)), compile(None));
        assert_eq!(cost_in_all(&[&known, &other]), "42.0 ms in all");
        assert_eq!(
            cost_in_all(&[&known, &unknown, &other]),
            "at least 42.0 ms in all"
        );
        assert_eq!(cost_in_all(&[&unknown]), "cost not recorded");
        assert_eq!(cost_in_all(&[]), "cost not recorded");
    }
}
