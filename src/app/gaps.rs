//! The Gaps view: three quantities that are never added up, each with its definition.

use yew::prelude::*;

use crate::app::components::data_table::DataTable;
use crate::app::components::parts::maybe_duration;
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::view::histogram::{Histogram, Measure, histogram};
use crate::view::route::{Route, View};
use crate::view::{GapKind, Gaps, Summary};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct GapsViewProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub ready: bool,
    pub kind: Option<GapKind>,
}

const KINDS: [GapKind; 3] = [GapKind::Step, GapKind::Device, GapKind::Launch];
/// What the heading says already.
const PLACED: &[&str] = &["kind", "where"];

/// Why a kind of gap is not there.
fn absent(kind: GapKind, n_steps: u32) -> &'static str {
    match kind {
        GapKind::Step if n_steps == 1 => "the trace holds one step only",
        GapKind::Step if n_steps > 1 => "the trace holds fewer than two engine steps",
        GapKind::Step => "the trace names no engine steps",
        GapKind::Device => "the trace holds no device work",
        GapKind::Launch => "the trace holds no launches",
    }
}

#[component]
pub fn GapsView(props: &GapsViewProps) -> Html {
    let all = &props.summary.gaps;
    let has = |kind: GapKind| all.iter().any(|g| g.kind == kind);
    let kind = props
        .kind
        .filter(|k| has(*k))
        .or_else(|| KINDS.into_iter().find(|k| has(*k)));
    let missing: Vec<String> = KINDS
        .into_iter()
        .filter(|k| !has(*k))
        .map(|k| format!("{}: {}", k.word(), absent(k, props.summary.n_steps)))
        .collect();
    html! {
        <>
            <div class="switches" role="group" aria-label="Which gaps">
                { for KINDS.into_iter().filter(|k| has(*k)).map(|k| html! {
                    <a class={classes!("switch", (Some(k) == kind).then_some("here"))}
                       aria-current={(Some(k) == kind).then_some("true")}
                       href={format!("#{}", Route { view: View::Gaps, gaps: Some(k), ..Route::default() }.to_hash())}>
                        { k.word() }
                    </a>
                }) }
            </div>
            if !missing.is_empty() { <p class="hint">{ format!("Not available: {}.", missing.join("; ")) }</p> }
            { for all.iter().filter(|g| Some(g.kind) == kind).map(|gaps| one(props, gaps)) }
            { for props.summary.gaps_left_out.iter().filter(|(k, _)| Some(*k) == kind).map(|(k, n)| html! {
                <>
                    <p class="note">{ format!("Above are the places with most time; {} more stand in this table.",
                                              show::count(*n)) }</p>
                    if props.ready {
                        <DataTable table="gap_kinds" engine={props.engine.clone()}
                                   only={vec![("kind".to_owned(), k.key().to_owned())]} />
                    }
                </>
            }) }
        </>
    }
}

fn one(props: &GapsViewProps, gaps: &Gaps) -> Html {
    let only = vec![
        ("kind".to_owned(), gaps.kind.key().to_owned()),
        ("where".to_owned(), gaps.r#where.clone()),
    ];
    let of = |table: &'static str| match props.ready {
        true => html! {
            <DataTable key={format!("{table} {}", gaps.r#where)} {table} engine={props.engine.clone()}
                       only={only.clone()} without={PLACED} />
        },
        false => html! {},
    };
    html! {
        <section>
            <h2>{ format!("{}: {}", gaps.kind.word(), gaps.r#where) }
                <span class="aside num">
                    { format!("{}, {} in all", show::counted(gaps.count, "gap"), show::duration(gaps.total_ns)) }
                </span></h2>
            <p class="definition">{ &gaps.definition }</p>
            <dl class="facts-list">
                { fact("Median", maybe_duration(gaps.p50_ns)) }
                { fact("p99", maybe_duration(gaps.p99_ns)) }
                { fact("Longest", maybe_duration(gaps.max_ns)) }
                if let Some(coverage) = gaps.coverage {
                    { fact("Covers, of the host's recording", format!("{:.0} %", coverage * 100.0)) }
                }
            </dl>
            if gaps.count == 0 {
                <p class="empty">{ "There are none." }</p>
            } else {
                <div class="columns">
                    <figure>
                        <figcaption>{ "How many gaps, by their length" }</figcaption>
                        { chart(&histogram(gaps, Measure::Count), Measure::Count) }
                    </figure>
                    <figure>
                        <figcaption>{ "How much time, by the gap's length" }</figcaption>
                        { chart(&histogram(gaps, Measure::Time), Measure::Time) }
                    </figure>
                </div>
                { of("gap_causes") }
                { of("gaps") }
                { of("longest_gaps") }
            }
        </section>
    }
}

fn fact(name: &str, value: String) -> Html {
    html! { <div><dt>{ name.to_owned() }</dt><dd class="num">{ value }</dd></div> }
}

/// Values for people: a count or a time.
fn value(v: u64, measure: Measure) -> String {
    match measure {
        Measure::Count => show::count(v),
        Measure::Time => show::duration(i64::try_from(v).unwrap_or(i64::MAX)),
    }
}

fn bin_name(from_ns: i64, to_ns: Option<i64>) -> String {
    match (from_ns, to_ns) {
        (0, Some(to)) => format!("below {}", show::duration(to)),
        (from, Some(to)) => format!("{} to {}", show::duration(from), show::duration(to)),
        (from, None) => format!("{} and longer", show::duration(from)),
    }
}

// The chart's inner size and its margins, in units of its viewBox.
const W: f64 = 508.0;
const H: f64 = 180.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 10.0;

fn chart(h: &Histogram, measure: Measure) -> Html {
    let x = |part: f64| LEFT + part * W;
    let y = |part: f64| TOP + (1.0 - part) * H;
    let mut says = Vec::new();
    for bar in &h.bars {
        says.push(format!(
            "{}: {}",
            bin_name(bar.from_ns, bar.to_ns),
            match measure {
                Measure::Count => show::count(bar.count),
                Measure::Time => show::duration(bar.total_ns),
            }
        ));
    }
    html! {
        <svg class="chart" viewBox="0 0 600 232" role="img" aria-label={says.join("; ")}>
            { for [0.0, 0.5, 1.0].map(|part: f64| html! {
                <>
                    <line class="grid" x1={n(LEFT)} x2={n(LEFT + W)} y1={n(y(part))} y2={n(y(part))} />
                    <text class="label end" x={n(LEFT - 6.0)} y={n(y(part) + 4.0)}>{ half(h.max, part, measure) }</text>
                </>
            }) }
            { for h.bars.iter().flat_map(|bar| bar.segments.iter().map(move |s| (bar, s))).map(|(bar, s)| html! {
                <rect class={format!("k-{}", s.cause.colour().key())}
                      x={n(x(bar.x0) + 0.5)} width={n((x(bar.x1) - x(bar.x0) - 1.0).max(1.0))}
                      y={n(y(s.y1))} height={n((y(s.y0) - y(s.y1)).max(0.5))}>
                    <title>
                        { format!("{}, {}: {}", bin_name(bar.from_ns, bar.to_ns), s.cause.word(),
                                  value(s.value, measure)) }
                    </title>
                </rect>
            }) }
            { for h.ticks.iter().map(|edge| html! {
                <>
                    <line class="axis" x1={n(x(edge.x))} x2={n(x(edge.x))} y1={n(TOP + H)} y2={n(TOP + H + 4.0)} />
                    <text class="label middle" x={n(x(edge.x))} y={n(TOP + H + 17.0)}>{ &edge.label }</text>
                </>
            }) }
            { for h.marks.iter().enumerate().map(|(i, mark)| html! {
                <>
                    <line class="quantile" x1={n(x(mark.x))} x2={n(x(mark.x))} y1={n(TOP)} y2={n(TOP + H)} />
                    // The second below the first: they may lie at one place.
                    <text class={classes!("label", if mark.x > 0.7 { "end" } else { "start" })}
                          x={n(x(mark.x) + if mark.x > 0.7 { -4.0 } else { 4.0 })}
                          y={n(TOP + 10.0 + 13.0 * i as f64)}>{ &mark.label }</text>
                </>
            }) }
            <line class="axis" x1={n(LEFT)} x2={n(LEFT + W)} y1={n(TOP + H)} y2={n(TOP + H)} />
            <text class="label middle" x={n(LEFT + W / 2.0)} y="228">{ "length of a gap (logarithmic)" }</text>
        </svg>
    }
}

fn half(max: u64, part: f64, measure: Measure) -> String {
    if part == 0.0 {
        "0".into()
    } else if part == 1.0 {
        value(max, measure)
    } else if max >= 2 {
        value(max / 2, measure)
    } else {
        String::new()
    }
}

/// A number for an attribute.
fn n(v: f64) -> String {
    format!("{v:.2}")
}
