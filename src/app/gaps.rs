//! The Gaps view: three quantities that are never added up, each with its definition.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::app::components::ask::use_answer;
use crate::app::components::data_table::DataTable;
use crate::app::components::parts::maybe_duration;
use crate::app::components::plot::PictureView;
use crate::app::components::same_rc::SameRc;
use crate::app::steps::over_time::Chip;
use crate::base::{order, show};
use crate::protocol::engine::{Answer, Question};
use crate::table::{GapsAsk, SelectedAsk};
use crate::view::route::{Route, View};
use crate::view::steps::gaps_chosen;
use crate::view::{Bucket, GapFilter, GapKind, GapsChosen, Phase, Picked, Picture, Span, Summary};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct GapsViewProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub ready: bool,
    pub kind: Option<GapKind>,
    pub filter: GapFilter,
    pub on_filter: Callback<GapFilter>,
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
            { for all.iter().enumerate().filter(|(_, g)| Some(g.kind) == kind).map(|(nth, gaps)| html! {
                <OfPlace key={format!("{} {}", gaps.kind.key(), gaps.r#where)} summary={props.summary.clone()}
                         engine={props.engine.clone()} ready={props.ready} {nth} filter={props.filter.clone()}
                         on_filter={props.on_filter.clone()} />
            }) }
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

#[derive(Properties, PartialEq)]
struct PlaceProps {
    summary: SameRc<Summary>,
    engine: Engine,
    ready: bool,
    /// Its number among the gaps of the summary.
    nth: usize,
    filter: GapFilter,
    on_filter: Callback<GapFilter>,
}

/// The gaps of one kind in one place.
#[component]
fn OfPlace(props: &PlaceProps) -> Html {
    let gaps = props.summary.gaps.get(props.nth);
    let asked = |filter: GapFilter| GapsAsk {
        window: None,
        filter,
        of: gaps.map(|gaps| (gaps.kind, gaps.r#where.clone())),
    };
    // Pictures show all lengths, whichever are chosen.
    let of_all_lengths = GapFilter {
        length: None,
        ..props.filter.clone()
    };
    let question = Question::Gaps {
        ask: asked(of_all_lengths.clone()),
    };
    let answer = use_answer(&props.engine, props.ready.then_some(question));
    let chosen = use_memo(
        (answer, props.summary.clone(), props.nth),
        |(answer, summary, nth)| match (answer.as_deref(), summary.gaps.get(*nth)) {
            (Some(Answer::Gaps(chosen)), _) => Some((**chosen).clone()),
            (_, Some(gaps)) => Some(gaps_chosen(gaps, &[])),
            _ => None,
        },
    );
    let pictures = use_memo(chosen.clone(), |chosen| {
        let of = chosen.as_ref().as_ref();
        let by_count = of.and_then(|of| of.by_count.clone());
        [by_count, of.and_then(|of| of.by_time.clone())].map(|of| of.map(SameRc::new))
    });
    let (Some(gaps), Some(chosen)) = (gaps, &*chosen) else {
        return html! {};
    };
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
    let is_filtered = props.filter != GapFilter::default();
    let selected = is_filtered.then(|| SelectedAsk::Gaps(asked(props.filter.clone())));
    let on_length = {
        let (filter, on_filter) = (props.filter.clone(), props.on_filter.clone());
        Callback::from(move |length| {
            on_filter.emit(GapFilter {
                length,
                ..filter.clone()
            });
        })
    };
    let on_pick = {
        let (on_length, length) = (on_length.clone(), props.filter.length);
        Callback::from(move |of: Picked| {
            if let Picked::Lengths(bin) = of {
                // A second click takes the filter away.
                on_length.emit((length != Some(bin)).then_some(bin));
            }
        })
    };
    let picture = |of: &Option<SameRc<Picture>>, name: &str| match of {
        Some(picture) => html! {
            <PictureView picture={picture.clone()} height_px=130.0 brush={props.filter.length}
                         file={format!("{}.gaps-{}-{name}", props.summary.file, gaps.kind.key())}
                         on_brush={on_length.clone()} on_pick={on_pick.clone()} />
        },
        None => html! {},
    };
    html! {
        <section>
            <h2>{ format!("{}: {}", gaps.kind.word(), gaps.r#where) }
                <span class="aside num">
                    { format!("{}, {} in all", show::counted(gaps.count, "gap"), show::duration(gaps.total_ns)) }
                </span></h2>
            <p class="definition">{ &gaps.definition }</p>
            if gaps.count == 0 {
                <p class="empty">{ "There are none." }</p>
            } else {
                { filters(props, chosen) }
                <dl class="facts-list">
                    if of_all_lengths != GapFilter::default() {
                        { fact("Chosen", format!("{}, {}", show::counted(chosen.count, "gap"),
                                                 show::duration(chosen.total_ns))) }
                    }
                    { fact("Median", maybe_duration(chosen.p50_ns)) }
                    { fact("p99", maybe_duration(chosen.p99_ns)) }
                    { fact("Longest", maybe_duration(chosen.max_ns)) }
                    if let Some(coverage) = gaps.coverage {
                        { fact("Covers, of the host's recording", format!("{:.0} %", coverage * 100.0)) }
                    }
                </dl>
                <div class="columns">
                    { picture(&pictures[0], "by-count") }
                    { picture(&pictures[1], "by-time") }
                </div>
                if props.ready {
                    <DataTable key={format!("longest_gaps {}", gaps.r#where)} table="longest_gaps"
                               engine={props.engine.clone()} only={only.clone()} without={PLACED} {selected}
                               absent="No gap fits the filter." />
                }
                { of("gap_causes") }
                { of("gaps") }
            }
        </section>
    }
}

fn filters(props: &PlaceProps, chosen: &GapsChosen) -> Html {
    let (filter, on_filter) = (&props.filter, &props.on_filter);
    let mut phases: Vec<Phase> = props.summary.step_counts.iter().map(|c| c.0).collect();
    order::sort(&mut phases);
    phases.dedup();
    let value = |event: &Event| event.target_unchecked_into::<HtmlSelectElement>().value();
    let change = |change: fn(&mut GapFilter, &str, &[Bucket])| {
        let (filter, on_filter, buckets) = (filter.clone(), on_filter.clone(), chosen.buckets.clone());
        Callback::from(move |event: Event| {
            let mut next = filter.clone();
            change(&mut next, &value(&event), &buckets);
            on_filter.emit(next);
        })
    };
    let on_phase = change(|next, value, _| next.phase = Phase::from_key(value));
    let on_bucket = change(|next, value, buckets| {
        next.bucket = buckets.iter().copied().find(|bucket| bucket.to_string() == value);
    });
    let on_inside = change(|next, value, _| {
        next.inside = match value {
            "inside" => Some(true),
            "between" => Some(false),
            _ => None,
        }
    });
    let clear = |next: GapFilter| on_filter.reform(move |()| next.clone());
    html! {
        <div class="filters">
            if !phases.is_empty() {
                <label>{ "Phase " }<select onchange={on_phase}>
                    <option value="" selected={filter.phase.is_none()}>{ "all" }</option>
                    { for phases.iter().map(|p| html! {
                        <option value={p.key()} selected={filter.phase == Some(*p)}>{ p.word() }</option>
                    }) }
                </select></label>
                <label>{ "Steps " }<select onchange={on_inside}>
                    <option value="" selected={filter.inside.is_none()}>{ "inside and between" }</option>
                    <option value="inside" selected={filter.inside == Some(true)}>{ "inside a step" }</option>
                    <option value="between" selected={filter.inside == Some(false)}>{ "between steps" }</option>
                </select></label>
            }
            if !chosen.buckets.is_empty() {
                <label>{ "Bucket " }<select onchange={on_bucket}>
                    <option value="" selected={filter.bucket.is_none()}>{ "all" }</option>
                    { for chosen.buckets.iter().map(|bucket| html! {
                        <option value={bucket.to_string()} selected={filter.bucket == Some(*bucket)}>
                            { bucket.to_string() }
                        </option>
                    }) }
                </select></label>
            }
            if let Some(length) = filter.length {
                <Chip word={lengths(length)} on_clear={clear(GapFilter { length: None, ..filter.clone() })} />
            }
            if *filter != GapFilter::default() {
                <button type="button" onclick={clear(GapFilter::default()).reform(|_: MouseEvent| ())}>
                    { "Show all gaps" }
                </button>
            }
        </div>
    }
}

fn lengths(length: Span) -> String {
    match length.end {
        i64::MAX => format!("{} and longer", show::duration(length.start)),
        end => format!("{} to {}", show::duration(length.start), show::duration(end)),
    }
}

fn fact(name: &str, value: String) -> Html {
    html! { <div><dt>{ name.to_owned() }</dt><dd class="num">{ value }</dd></div> }
}
