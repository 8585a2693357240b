//! Gaps: between steps, on the device, between launches. Three quantities that are never added up.

use crate::analyze::report::{BudgetShare, Gap, GapBin, GapCause, Gaps};

use super::cell::Place;
use super::table_rows::{Builder, Rows};
use super::{Answers, Selected, Table, Topic, shown_terms};
use crate::base::show;

/// What is counted of one kind of gaps in one place.
struct Of<'a, T>(&'a Gaps, &'a T);

fn each<'a, T>(answers: &Answers<'a>, list: fn(&'a Gaps) -> &'a [T]) -> Vec<Of<'a, T>> {
    let gaps = answers.report.gaps.iter();
    gaps.flat_map(|gaps| list(gaps).iter().map(move |item| Of(gaps, item)))
        .collect()
}

fn placed<'a, T: 'a>(rows: Builder<'a, T>, gaps: fn(&T) -> &Gaps) -> Builder<'a, T> {
    rows.term("kind", "kind", "", move |item| {
        shown_terms::gap_kind(gaps(item).kind)
    })
    .text("where", "where", "The device, engine or thread.", move |item| {
        gaps(item).r#where.clone()
    })
}

pub const BUDGET: Table = Table {
    key: "budget",
    title: "Where serving time went",
    definition: "Every moment between the first and the last serving step is counted once.",
    topic: Topic::Gaps,
    rows: budget,
};

fn budget<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let budget = answers.report.budget.as_ref();
    let all = budget.map_or(0, |b| b.total_ns);
    Rows::of(budget.map_or(&[][..], |b| &b.shares))
        .duration("total_ns", "time", "", |share: &BudgetShare| share.total_ns)
        .share("share", "share", "serving time", move |share| {
            Some((share.total_ns, all))
        })
        .text("id", "id", "", |share| share.id.clone())
        .on_request()
        .text("says", "what", "", |share| share.says.clone())
        .says(budget.map_or_else(String::new, |b| b.definition.clone()))
        .done()
}

pub const GAP_KINDS: Table = Table {
    key: "gap_kinds",
    title: "Gaps by kind and place",
    definition: "Three different quantities, which are never added up.",
    topic: Topic::Gaps,
    rows: gap_kinds,
};

fn gap_kinds<'a>(answers: &Answers<'a>) -> Rows<'a> {
    placed(Rows::of(&answers.report.gaps), |g| g)
        .count("count", "gaps", "", |g| g.count)
        .duration("total_ns", "total", "", |g| g.total_ns)
        .duration("p50_ns", "p50", "", |g| g.p50_ns)
        .duration("p99_ns", "p99", "", |g| g.p99_ns)
        .duration("max_ns", "longest", "", |g| g.max_ns)
        .column(
            super::Kind::Share {
                of: "the host's recording".into(),
            },
            "coverage",
            "covers",
            "Share of the host's recording that this place's recording covers.",
            |g| g.coverage.map_or(super::Cell::Unknown, super::Cell::Real),
        )
        .text("definition", "what is counted", "", |g| g.definition.clone())
        .on_request()
        .done()
}

pub const GAPS: Table = Table {
    key: "gaps",
    title: "Gaps by length",
    definition: "A histogram of each kind of gaps: how many there are of a length, and how much time they take.",
    topic: Topic::Gaps,
    rows: bins,
};

fn bins<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let all: Vec<Of<'a, GapBin>> = each(answers, |g| &g.bins);
    placed(Rows::made(all), |of| of.0)
        .duration("from_ns", "from", "", |of| of.1.from_ns)
        .duration(
            "to_ns",
            "to",
            "Up to, and not including; unknown: no upper end.",
            |of| of.1.to_ns,
        )
        .count("count", "gaps", "", |of| of.1.count)
        .duration("total_ns", "total", "", |of| of.1.total_ns)
        .share(
            "share",
            "of the time",
            "the time of all gaps of the kind in this place",
            |of| Some((of.1.total_ns, of.0.total_ns)),
        )
        .done()
}

pub const GAP_CAUSES: Table = Table {
    key: "gap_causes",
    title: "Gaps by cause",
    definition: "Gaps are counted by their main cause, what the host did for most of the gap; a gap's time is split \
                 among causes moment by moment.",
    topic: Topic::Gaps,
    rows: causes,
};

fn causes<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let mut all: Vec<Of<'a, GapCause>> = each(answers, |g| &g.causes);
    all.retain(|of| of.1.count > 0 || of.1.total_ns > 0);
    placed(Rows::made(all), |of| of.0)
        .term("cause", "cause", "", |of| shown_terms::cause(of.1.cause))
        .count(
            "count",
            "gaps",
            "Gaps that have most of their time from this cause.",
            |of| of.1.count,
        )
        .duration("total_ns", "total", "", |of| of.1.total_ns)
        .share(
            "share",
            "of the time",
            "the time of all gaps of the kind in this place",
            |of| Some((of.1.total_ns, of.0.total_ns)),
        )
        .done()
}

pub const LONGEST_GAPS: Table = Table {
    key: "longest_gaps",
    title: "Longest gaps",
    definition: "The longest gaps of each kind and place, at most 50 each, or 200 each of those that a filter chose.",
    topic: Topic::Gaps,
    rows: longest,
};

fn longest<'a>(answers: &Answers<'a>) -> Rows<'a> {
    let chosen = answers.selected.and_then(Selected::gaps);
    let places = chosen.unwrap_or(&answers.report.gaps).iter();
    let all: Vec<Of<'a, Gap>> = places
        .flat_map(|gaps| gaps.longest.iter().map(move |gap| Of(gaps, gap)))
        .collect();
    let says = chosen.map(|gaps| {
        let n = gaps.iter().map(|gaps| gaps.count).sum();
        format!("{} fit the filter.", show::counted(n, "gap"))
    });
    placed(Rows::made(all), |of| of.0)
        .duration("dur_ns", "length", "", |of| of.1.dur_ns)
        .instant("start_ns", "start", "", |of| of.1.start_ns)
        .term("cause", "cause", "", |of| shown_terms::cause(of.1.cause))
        .name(
            "says",
            "what the host did",
            "What covers most of it on the host, or what lies on both sides.",
            |of| of.1.says.clone(),
        )
        .step(
            "step",
            "step",
            "The step in which it lies, or before which it lies.",
            |of| of.1.step,
        )
        .flag("inside_step", "inside the step", "", |of| of.1.inside_step)
        .on_request()
        .place("The gap in the timeline.", |of| {
            Some(Place {
                start_ns: Some(of.1.start_ns),
                end_ns: Some(of.1.start_ns.saturating_add(of.1.dur_ns)),
                word: "timeline".into(),
                ..Place::default()
            })
        })
        .says(says.unwrap_or_default())
        .done()
}
