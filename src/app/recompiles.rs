//! The Recompiles view: each compile, when, and which buckets warm-up missed.

use yew::prelude::*;

use super::parts::{Term, To, recompile_span, step_place, swatch, timeline_at};
use super::perfetto::InPerfetto;
use super::shown::Shown;
use super::words;
use crate::base::{order, show};
use crate::view::table::{Cell, CoverageGrid, coverage_grids};
use crate::view::{CompileDetail, DynamoUse, Evidence, Metrics, Period, Recompile, Summary};

#[derive(Properties, PartialEq)]
pub struct RecompilesProps {
    pub summary: Shown<Summary>,
}

#[component]
pub fn Recompiles(props: &RecompilesProps) -> Html {
    let summary = &props.summary;
    let mut periods: Vec<Period> = summary.recompiles.iter().map(|r| r.period).collect();
    periods.sort_unstable();
    periods.dedup();
    let chosen = use_state_eq(|| periods.contains(&Period::Serving).then_some(Period::Serving));
    let by_cost = use_state_eq(|| true);
    let mut rows: Vec<&Recompile> = summary
        .recompiles
        .iter()
        .filter(|r| chosen.is_none_or(|period| r.period == period))
        .collect();
    if *by_cost {
        order::sort_by_key(&mut rows, |r| std::cmp::Reverse(r.dur_ns));
    }
    let total: i64 = rows.iter().map(|r| r.dur_ns).sum();
    let mut levels: Vec<_> = rows.iter().map(|r| r.evidence).collect();
    levels.sort_unstable();
    levels.dedup();
    let switch = |period: Option<Period>, word: String| {
        let (chosen, here) = (chosen.clone(), *chosen == period);
        html! { <button type="button" class={classes!("switch", here.then_some("here"))} aria-pressed={here.to_string()} onclick={move |_| chosen.set(period)}>{ word }</button> }
    };
    let sorted = |cost: bool, word: &'static str| {
        let (by_cost, here) = (by_cost.clone(), *by_cost == cost);
        html! { <th class="num" aria-sort={here.then_some(if cost { "descending" } else { "ascending" })}>
        <button type="button" class="sort" onclick={move |_| by_cost.set(cost)}>{ word }{ match (here, cost) { (true, true) => " ▼", (true, false) => " ▲", _ => "" } }</button></th> }
    };
    let origin = summary.extent.map_or(0, |e| e.start);
    html! {
        <>
            <section aria-labelledby="compiles-head">
                <h2 id="compiles-head">{ "Graph compiles" }
                    <span class="aside num">
                        if levels == [Evidence::Suspected] { { format!("{} suspected, none recorded", show::counted(rows.len() as u64, "compile")) } }
                        else if levels.len() == 1 { { format!("{}, {} in all", show::counted(rows.len() as u64, "compile"), show::duration(total)) } }
                        else { { show::counted(rows.len() as u64, "marker") } }
                    </span></h2>
                if summary.recompiles.is_empty() {
                    <p class="empty">{ if summary.events == 0 { "There are no events here. " } else { "" } }{ "This trace records no graph compile." }
                        if summary.device_kind == "hpu" { { " On Gaudi, compiles are recorded with PT_HPU_METRICS_GC_DETAILS=1; without it, their absence here proves nothing." } }</p>
                } else {
                    <div class="switches" role="group" aria-label="Period">
                        { for periods.iter().map(|p| switch(Some(*p), format!("{} ({})", p.word(),
                            show::count(summary.recompiles.iter().filter(|r| r.period == *p).count() as u64)))) }
                        { switch(None, format!("all ({})", show::count(summary.recompiles.len() as u64))) }
                    </div>
                    { bands(summary, &rows) }
                    if rows.iter().any(|r| suspected(r)) {
                        <p class="note">{ "◇ Suspected: the trace records no compile there. Only the step's duration suggests one, and what stands under Cost is an estimate from it. The link leads to the step." }</p>
                    }
                    if rows.iter().any(|r| !r.start_is_exact && !suspected(r)) {
                        <p class="note">{ "≈ The trace gives the compile's cost and the region in which it happened, not its start. The link leads to the region." }</p>
                    }
                    if levels.len() > 1 {
                        <p class="note">{ "These markers rest on different evidence; one compile may stand here twice. They are not added up." }</p>
                    }
                    if usize::try_from(summary.n_recompiles).is_ok_and(|n| n > summary.recompiles.len()) {
                        <p class="note">{ format!("The first {} of {} are listed.", show::count(summary.recompiles.len() as u64), show::count(summary.n_recompiles.into())) }</p>
                    }
                    <div class="scrolled tall">
                    <table>
                        <thead><tr>{ sorted(true, "Cost") }{ sorted(false, "Start") }<th>{ "Graph" }</th><th>{ "Step" }</th><th>{ "Phase, bucket" }</th><th>{ "Known by" }</th><th>{ "Period" }</th><th>{ "Show" }</th></tr></thead>
                        <tbody>{ for rows.iter().map(|r| row(r, origin)) }</tbody>
                    </table>
                    </div>
                }
            </section>
            if let Some(dynamo) = &summary.dynamo { { dynamo_card(dynamo, origin) } }
            { coverage(summary) }
            if let Some(metrics) = &summary.metrics { { metrics_card(metrics) } }
        </>
    }
}

/// Nothing is recorded: only a step's duration suggests it.
fn suspected(r: &Recompile) -> bool {
    r.evidence == Evidence::Suspected
}

fn row(r: &Recompile, origin_ns: i64) -> Html {
    let (word, means) = words::evidence(r.evidence);
    let start = show::duration(r.start_ns.saturating_sub(origin_ns));
    html! {
        <tr>
            <td class="num">{ show::duration(r.dur_ns) }</td>
            <td class="num">{ if r.start_is_exact { start } else { format!("≈ {start}") } }</td>
            <td class="name">{ if suspected(r) { "◇ " } else { "" } }{ &r.name }if let Some(region) = &r.region { <span class="soft">{ format!(" in {region}") }</span> }
                if let Some(detail) = &r.dynamo { { dynamo_detail(detail) } }</td>
            <td>if let Some(step) = r.step { <To place={step_place(step)}>{ format!("step {step}") }</To> } else { { "–" } }</td>
            <td>{ swatch(words::phase_key(r.phase), words::phase(r.phase)) }{ " " }{ r.bucket.map(|b| b.to_string()).unwrap_or_default() }</td>
            <td><Term {word} {means} />if let Some(also) = r.also { <span class="soft">{ format!(" and {}", words::evidence(also).0) }</span> }</td>
            <td><Term word={r.period.word()} means={words::period_means(r.period)} /></td>
            <td class="nowrap"><To place={timeline_at(Some(recompile_span(r)), r.slice)}>{ "timeline" }</To>
                <InPerfetto span={recompile_span(r)} what={format!("the compile of {}", r.name)} /></td>
        </tr>
    }
}

/// Which frame, for the how-manieth time, and what the time went into.
fn dynamo_detail(detail: &CompileDetail) -> Html {
    let which = match (detail.frame, detail.attempt) {
        (Some(frame), Some(0)) => format!(" frame {frame}, first compile"),
        (Some(frame), Some(attempt)) => format!(" frame {frame}, compiled anew, attempt {attempt}"),
        _ => String::new(),
    };
    let phases: Vec<String> = detail
        .phases
        .iter()
        .map(|p| format!("{} {}", p.name, show::duration(p.total_ns)))
        .collect();
    html! {
        <>
            <span class="soft">{ which }{ if detail.ran { "" } else { " – nothing ran of it" } }</span>
            if !phases.is_empty() { <details><summary>{ "Phases inside" }</summary><p class="soft">{ phases.join(", ") }{ ". Phases lie inside each other and are not added." }</p></details> }
        </>
    }
}

/// What torch.compile did, all in all.
fn dynamo_card(dynamo: &DynamoUse, origin: i64) -> Html {
    html! {
        <section aria-labelledby="dynamo-head">
            <h2 id="dynamo-head">{ "torch.compile" }</h2>
            <dl class="facts-list">
                <div><dt>{ "Lookups of compiled code" }</dt><dd class="num">{ show::count(dynamo.lookups) }</dd></div>
                <div><dt>{ "Times that it ran" }</dt><dd class="num">{ show::count(dynamo.regions) }</dd></div>
                <div><dt>{ "Compiles / of those anew" }</dt><dd class="num">{ format!("{} / {}", show::count(dynamo.compiles), show::count(dynamo.recompiles)) }</dd></div>
                <div><dt>{ "Time compiling" }</dt><dd class="num">{ show::duration(dynamo.compile_ns) }</dd></div>
            </dl>
            { for dynamo.limits.iter().map(|limit| html! {
                <p class="note"><b>{ "Limit hit. " }</b>{ format!("After the compile at {} gave up, {} followed on its thread and no compiled code ran: ",
                    show::duration(limit.at_ns.saturating_sub(origin)), show::counted(limit.lookups_after, "lookup")) }
                    <To place={timeline_at(None, Some(limit.slice))}>{ "the compile in the timeline" }</To></p>
            }) }
        </section>
    }
}

/// When: bands over the whole trace.
fn bands(summary: &Summary, rows: &[&Recompile]) -> Html {
    let Some(extent) = summary.extent else {
        return html! {};
    };
    let whole = extent.len_ns().max(1) as f64;
    html! {
        <figure class="bands">
            <svg viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label="When graphs were compiled; the table lists them">
                <rect class="bands-ground" x="0" y="0" width="1000" height="16" />
                { for rows.iter().map(|r| {
                    let span = recompile_span(r);
                    let x = span.start.saturating_sub(extent.start) as f64 * 1000.0 / whole;
                    let width = (r.dur_ns as f64 * 1000.0 / whole).max(1.5);
                    html! { <rect class={if suspected(r) { "k-compile hollow" } else { "k-compile" }} x={format!("{x:.2}")} width={format!("{width:.2}")} y="0" height="16"><title>{ if suspected(r) { format!("{} looks like a compile (suspected)", show::duration(r.dur_ns)) } else { format!("{} {}", show::duration(r.dur_ns), r.name) } }</title></rect> }
                }) }
            </svg>
            <figcaption class="axis-ends num"><span>{ "0" }</span><span>{ "time in the trace" }</span><span>{ show::duration(extent.len_ns()) }</span></figcaption>
        </figure>
    }
}

fn coverage(summary: &Summary) -> Html {
    let Some(coverage) = &summary.bucket_coverage else {
        return html! {};
    };
    html! {
        <section aria-labelledby="coverage-head">
            <h2 id="coverage-head">{ "Bucket coverage" }<span class="aside">{ "rows are batch sizes, columns are query length × context blocks; a cell counts steps" }</span></h2>
            <p class="legend">
                <span class="keyed"><i class="cell served" aria-hidden="true">{ "✓" }</i>{ "served, warmed up before" }</span>
                <span class="keyed"><i class="cell warmed" aria-hidden="true">{ "·" }</i>{ "warmed up, not served" }</span>
                <span class="keyed"><i class="cell missed" aria-hidden="true">{ "!" }</i>{ "served but never warmed up" }</span>
            </p>
            { for coverage_grids(coverage).iter().map(grid) }
        </section>
    }
}

fn grid(grid: &CoverageGrid) -> Html {
    let dash = |n: Option<u32>| n.map_or_else(|| "–".into(), |n| show::count(n.into()));
    html! {
        <div class="scrolled">
        <table class="grid">
            <caption>{ swatch(words::phase_key(grid.phase), words::phase(grid.phase)) }{ "" }</caption>
            <thead><tr><th>{ "batch" }</th>{ for grid.columns.iter().map(|(seq, ctx)| html! { <th class="num">{ format!("{} × {}", dash(*seq), dash(*ctx)) }</th> }) }</tr></thead>
            <tbody>
                { for grid.batches.iter().zip(&grid.cells).map(|(batch, cells)| html! {
                    <tr><th scope="row" class="num">{ show::count((*batch).into()) }</th>{ for cells.iter().map(|c| cell(*c)) }</tr>
                }) }
            </tbody>
        </table>
        </div>
    }
}

fn cell(cell: Cell) -> Html {
    let (class, icon, n, says) = match cell {
        Cell::Absent => return html! { <td class="cell absent" aria-label="neither"></td> },
        Cell::Warmed(n) => ("warmed", "·", n, "warmed up, not served"),
        Cell::Served(n) => ("served", "✓", n, "served, warmed up before"),
        Cell::NotWarmed(n) => ("missed", "!", n, "served but never warmed up"),
    };
    html! { <td class={format!("cell num {class}")} title={says} aria-label={format!("{}: {says}", show::count(n))}>{ format!("{icon} {}", show::count(n)) }</td> }
}

/// What the metrics file counts.
pub fn metrics_card(metrics: &Metrics) -> Html {
    let n = |v: Option<u64>| v.map_or_else(|| "–".into(), show::count);
    html! {
        <section aria-labelledby="metrics-head">
            <h2 id="metrics-head">{ "Metrics file" }<span class="aside">{ &metrics.file }</span></h2>
            <dl class="facts-list">
                <div><dt>{ "Graph compiles" }</dt><dd class="num">{ n(metrics.graph_compilations) }</dd></div>
                <div><dt>{ "Time compiling" }</dt><dd class="num">{ metrics.graph_compilation_ns.map_or_else(|| "–".into(), show::duration) }</dd></div>
                <div><dt>{ "CPU fallbacks" }</dt><dd class="num">{ n(metrics.cpu_fallbacks) }</dd></div>
                <div><dt>{ "Recipe cache hits / misses" }</dt><dd class="num">{ format!("{} / {}", n(metrics.recipe_cache_hits), n(metrics.recipe_cache_misses)) }</dd></div>
                <div><dt>{ "Memory defragmentations" }</dt><dd class="num">{ n(metrics.defragmentations) }</dd></div>
                <div><dt>{ "Compiles given their time" }</dt><dd class="num">{ show::count(metrics.matched) }</dd></div>
            </dl>
            { for metrics.notes.iter().map(|note| html! { <p class="note">{ note }</p> }) }
            if !metrics.compiles.is_empty() {
                <details>
                    <summary>{ show::counted(metrics.compiles.len() as u64, "compile") }</summary>
                    <div class="scrolled tall"><table>
                        <thead><tr><th>{ "Recipe" }</th><th class="num">{ "Cost" }</th><th>{ "Written on (local time)" }</th></tr></thead>
                        <tbody>{ for metrics.compiles.iter().map(|c| html! { <tr><td class="name">{ &c.recipe }</td><td class="num">{ show::duration(c.dur_ns) }</td><td class="num-left">{ c.generated_on.as_deref().unwrap_or("–") }</td></tr> }) }</tbody>
                    </table></div>
                </details>
            }
        </section>
    }
}
