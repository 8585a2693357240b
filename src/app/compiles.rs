//! The Recompiles view: each compile, when, and which buckets warm-up missed.

use yew::prelude::*;

use crate::app::components::data_table::DataTable;
use crate::app::components::parts::swatch;
use crate::app::components::plot::PictureView;
use crate::app::components::same_rc::SameRc;
use crate::app::steps::over_time::Chip;
use crate::base::order;
use crate::base::show;
use crate::table::{Order, cost_in_all};
use crate::view::bands::compile_picture;
use crate::view::table::{Cell, CoverageGrid, coverage_grids};
use crate::view::{Bucket, Evidence, MAX_GRID_CELLS, Period, Phase, Picked, Recompile, Span, Summary};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct RecompilesProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub ready: bool,
}

#[component]
pub fn Recompiles(props: &RecompilesProps) -> Html {
    let summary = &props.summary;
    let mut periods: Vec<Period> = summary.recompiles.iter().map(|r| r.period).collect();
    order::sort(&mut periods);
    periods.dedup();
    let chosen = use_state_eq(|| periods.contains(&Period::Serving).then_some(Period::Serving));
    let bucket = use_state_eq(|| None::<PhaseBucketAt>);
    let within = use_state_eq(|| None::<Span>);
    let picture = use_memo((summary.clone(), *chosen), |(summary, chosen)| {
        let rows: Vec<&Recompile> = summary
            .recompiles
            .iter()
            .filter(|r| chosen.is_none_or(|period| r.period == period))
            .collect();
        summary
            .extent
            .map(|extent| SameRc::new(compile_picture(&rows, extent)))
    });
    let rows: Vec<&Recompile> = summary
        .recompiles
        .iter()
        .filter(|r| chosen.is_none_or(|period| r.period == period))
        .collect();
    let in_all = cost_in_all(&rows);
    let mut levels: Vec<_> = rows.iter().map(|r| r.evidence).collect();
    order::sort(&mut levels);
    levels.dedup();
    let switch = |period: Option<Period>, word: String| {
        let (chosen, here) = (chosen.clone(), *chosen == period);
        html! {
            <button type="button" class={classes!("switch", here.then_some("here"))} aria-pressed={here.to_string()}
                    onclick={move |_| chosen.set(period)}>{ word }</button>
        }
    };
    let mut only = match *chosen {
        Some(period) => vec![("period".to_owned(), period.key().to_owned())],
        None => Vec::new(),
    };
    if let Some(at) = *bucket {
        only.push(("phase".to_owned(), at.phase.key().to_owned()));
        only.push(("bucket".to_owned(), at.bucket.to_string()));
    }
    let on_within = {
        let within = within.clone();
        Callback::from(move |span: Option<Span>| within.set(span))
    };
    let on_pick = {
        let (on_within, now) = (on_within.clone(), *within);
        Callback::from(move |of: Picked| {
            if let Picked::Time(span) = of {
                // A second click takes the filter away.
                on_within.emit((now != Some(span)).then_some(span));
            }
        })
    };
    let on_bucket = {
        let bucket = bucket.clone();
        Callback::from(move |at: Option<PhaseBucketAt>| bucket.set(at))
    };
    let limits = within.map(|span| ("start_ns".to_owned(), span.start, span.end));
    html! {
        <>
            <section aria-labelledby="compiles-head">
                <h2 id="compiles-head">{ "Graph compiles" }
                    <span class="aside num">
                        if levels == [Evidence::Suspected] {
                            { format!("{} suspected, none recorded", show::counted(rows.len() as u64, "compile")) }
                        } else if levels.len() == 1 {
                            { format!("{}, {in_all}", show::counted(rows.len() as u64, "compile")) }
                        } else {
                            { show::counted(rows.len() as u64, "marker") }
                        }
                    </span></h2>
                if summary.recompiles.is_empty() {
                    <p class="empty">
                        { if summary.events == 0 { "There are no events here. " } else { "" } }
                        { "This trace records no graph compile." }
                        if summary.device_kind == "hpu" {
                            { " On Gaudi, compiles are recorded with PT_HPU_METRICS_GC_DETAILS=1; without it, their \
                               absence here proves nothing." }
                        }
                    </p>
                } else {
                    <div class="switches" role="group" aria-label="Period">
                        { for periods.iter().map(|p| switch(Some(*p), format!("{} ({})", p.word(),
                            show::count(summary.recompiles.iter().filter(|r| r.period == *p).count() as u64)))) }
                        { switch(None, format!("all ({})", show::count(summary.recompiles.len() as u64))) }
                    </div>
                    if let Some(picture) = &*picture {
                        <PictureView picture={picture.clone()} height_px=20.0 brush={*within}
                                     file={format!("{}.compiles", summary.file)}
                                     on_brush={on_within.clone()} on_pick={on_pick} />
                    }
                    if let Some(at) = *bucket {
                        <Chip word={format!("{} {}", at.phase.word(), at.bucket)}
                              on_clear={on_bucket.reform(|()| None)} />
                    }
                    if let Some(span) = *within {
                        <Chip word={format!("{} of time", show::duration(span.len_ns()))}
                              on_clear={on_within.reform(|()| None)} />
                    }
                    if u64::from(summary.n_recompiles) > summary.recompiles.len() as u64 {
                        <p class="note">
                            { format!("The picture and the counts above are of the first {} of {} in order of time; \
                                       the table has all.", show::count(summary.recompiles.len() as u64),
                                      show::counted(summary.n_recompiles.into(), "compile")) }
                        </p>
                    }
                    if rows.iter().any(|r| suspected(r)) {
                        <p class="note">
                            { "◇ Suspected: the trace records no compile there. Only the step's duration suggests one, \
                               and what stands under Cost is an estimate from it. The link leads to the step." }
                        </p>
                    }
                    if rows.iter().any(|r| !r.start_is_exact && !suspected(r)) {
                        <p class="note">
                            { "≈ The trace gives the compile's cost and the region in which it happened, not its \
                               start. The link leads to the region." }
                        </p>
                    }
                    if levels.len() > 1 {
                        <p class="note">
                            { "These markers rest on different evidence; one compile may stand here twice. They are \
                               not added up." }
                        </p>
                    }
                }
            </section>
            if props.ready && !summary.recompiles.is_empty() {
                <DataTable table="recompiles" engine={props.engine.clone()} title="Compiles one by one"
                           order={Some(Order { column: "dur_ns".into(), descending: true })} {only}
                           within={limits} absent="No compile fits the filter." />
            }
            { coverage(summary, &props.engine, *bucket, &on_bucket) }
            if props.ready {
                { for ["dynamo", "dynamo_limits", "metrics", "metric_compiles"].map(|table| html! {
                    <DataTable key={table} {table} engine={props.engine.clone()} />
                }) }
            }
        </>
    }
}

/// Nothing is recorded: only a step's duration suggests it.
fn suspected(r: &Recompile) -> bool {
    r.evidence == Evidence::Suspected
}

/// A cell of the grid.
#[derive(Clone, Copy, PartialEq)]
struct PhaseBucketAt {
    phase: Phase,
    bucket: Bucket,
}

type OnBucket = Callback<Option<PhaseBucketAt>>;

fn coverage(summary: &Summary, engine: &Engine, here: Option<PhaseBucketAt>, on_bucket: &OnBucket) -> Html {
    let Some(coverage) = &summary.bucket_coverage else {
        return match summary.has("bucket_coverage") {
            true => html! {
                <>
                    <DataTable table="bucket_coverage" engine={engine.clone()} />
                    <p class="note">
                        { format!("Bucket coverage is a table here: as a grid it would have more than {} cells.",
                                  show::count(MAX_GRID_CELLS as u64)) }
                    </p>
                </>
            },
            false => html! {},
        };
    };
    html! {
        <section aria-labelledby="coverage-head">
            <h2 id="coverage-head">
                { "Bucket coverage" }
                <span class="aside">
                    { "rows are batch sizes, columns are query length × context blocks; a cell counts steps" }
                </span>
            </h2>
            <p class="legend">
                <span class="keyed">
                    <i class="cell served" aria-hidden="true">{ "✓" }</i>{ "served, warmed up before" }
                </span>
                <span class="keyed">
                    <i class="cell warmed" aria-hidden="true">{ "·" }</i>{ "warmed up, not served" }
                </span>
                <span class="keyed">
                    <i class="cell missed" aria-hidden="true">{ "!" }</i>{ "served but never warmed up" }
                </span>
            </p>
            <p class="hint">{ "A click on a cell shows the compiles of its bucket in the table above." }</p>
            { for coverage_grids(coverage).iter().map(|of| grid(of, here, on_bucket)) }
        </section>
    }
}

fn grid(grid: &CoverageGrid, here: Option<PhaseBucketAt>, on_bucket: &OnBucket) -> Html {
    let dash = |n: Option<u32>| n.map_or_else(|| "–".into(), |n| show::count(n.into()));
    html! {
        <div class="scrolled">
        <table class="grid">
            <caption>{ swatch(grid.phase.colour().key(), grid.phase.word()) }{ "" }</caption>
            <thead><tr>
                <th>{ "batch" }</th>
                { for grid.columns.iter().map(|(seq, ctx)| html! {
                    <th class="num">{ format!("{} × {}", dash(*seq), dash(*ctx)) }</th>
                }) }
            </tr></thead>
            <tbody>
                { for grid.batches.iter().zip(&grid.cells).map(|(batch, cells)| html! {
                    <tr>
                        <th scope="row" class="num">{ show::count((*batch).into()) }</th>
                        { for cells.iter().zip(&grid.columns).map(|(c, (seq, ctx))| {
                            let bucket = Bucket { batch: *batch, seq: *seq, ctx: *ctx };
                            cell(*c, PhaseBucketAt { phase: grid.phase, bucket }, here, on_bucket)
                        }) }
                    </tr>
                }) }
            </tbody>
        </table>
        </div>
    }
}

fn cell(cell: Cell, at: PhaseBucketAt, here: Option<PhaseBucketAt>, on_bucket: &OnBucket) -> Html {
    let (class, icon, n, says) = match cell {
        Cell::Absent => return html! { <td class="cell absent" aria-label="neither"></td> },
        Cell::Warmed(n) => ("warmed", "·", n, "warmed up, not served"),
        Cell::Served(n) => ("served", "✓", n, "served, warmed up before"),
        Cell::NotWarmed(n) => ("missed", "!", n, "served but never warmed up"),
    };
    let is_here = here == Some(at);
    let onclick = on_bucket.reform(move |_: MouseEvent| (!is_here).then_some(at));
    html! {
        <td class={format!("cell num {class}")} title={says}>
            <button type="button" class="cell-button" aria-pressed={is_here.to_string()} {onclick}
                    aria-label={format!("{}: {says}; compiles of {} {}", show::count(n), at.phase.word(), at.bucket)}>
                { format!("{icon} {}", show::count(n)) }
            </button>
        </td>
    }
}
