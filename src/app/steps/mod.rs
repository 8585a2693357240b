//! The Steps view: durations over time, by bucket, by part, and one by one.

mod detail;
pub mod time_menu;

use web_sys::{HtmlSelectElement, KeyboardEvent};
use yew::prelude::*;

use crate::app::components::ask::{use_answer, use_width};
use crate::app::components::data_table::{DataTable, Row, RowAction};
use crate::app::components::parts::{Part, Stack, maybe_duration, step_place, swatch};
use crate::app::components::plot::StepsPlotCanvas;
use crate::app::components::same_rc::SameRc;
use crate::app::steps::detail::StepPanel;
use crate::app::steps::time_menu::StepTimeChoice;
use crate::base::order;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::table::Cell;
use crate::view::{
    Bucket, Engines, Evidence, GroupParts, Parts, Period, Phase, StepFilter, StepsView, Summary,
};
use crate::web::engine::Engine;
use crate::web::listener::{Listener, is_typing};

/// The bucket of a row of groups.
fn bucket_of(row: &Row) -> Option<Bucket> {
    match row.cell("bucket") {
        Cell::Bucket(bucket) => Some(*bucket),
        _ => None,
    }
}

/// What a filter asks of the table of steps.
fn only_of(filter: &StepFilter) -> Vec<(String, String)> {
    let of = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
    [
        of("phase", filter.phase.map(|phase| phase.key().to_owned())),
        of("period", filter.period.map(|period| period.key().to_owned())),
        of("bucket", filter.bucket.map(|bucket| bucket.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[derive(Properties, PartialEq)]
pub struct StepsProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub selected: Option<u32>,
    pub dark: bool,
    /// All answers were computed anew.
    pub on_anew: Callback<Box<Summary>>,
}

#[component]
pub fn Steps(props: &StepsProps) -> Html {
    let summary = &props.summary;
    let serves = summary
        .step_counts
        .iter()
        .any(|(_, period, _)| *period == Period::Serving);
    let filter = use_state_eq(|| StepFilter {
        period: serves.then_some(Period::Serving),
        ..StepFilter::default()
    });
    let log = use_state_eq(|| true);
    let one_scale = use_state_eq(|| false);
    let node = use_node_ref();
    let width_px = use_width(&node);
    let answer = use_answer(
        &props.engine,
        (width_px > 0).then(|| Question::Steps {
            filter: (*filter).clone(),
            plot_window: None,
            width_px,
        }),
    );
    let view: Option<&StepsView> = match answer.as_deref() {
        Some(Answer::Steps(view)) => Some(view),
        _ => None,
    };
    // The plot is given anew only with a new answer, so that hovering does not redraw for nothing.
    let plot = use_memo(answer.clone(), |answer| match answer.as_deref() {
        Some(Answer::Steps(view)) => Some(SameRc::new(view.plot.clone())),
        _ => None,
    });
    let set_filter = {
        let filter = filter.clone();
        Callback::from(move |next: StepFilter| filter.set(next))
    };
    let on_brush = {
        let (filter, set_filter) = (filter.clone(), set_filter.clone());
        Callback::from(move |window| {
            set_filter.emit(StepFilter {
                window,
                ..(*filter).clone()
            })
        })
    };
    let on_step = Callback::from(move |index: u32| go_to_step(index));
    let on_group = {
        let is_here = {
            let filter = filter.clone();
            move |row: &Row| {
                filter.phase.is_some_and(|phase| phase.key() == row.key("phase"))
                    && filter
                        .period
                        .is_some_and(|period| period.key() == row.key("period"))
                    && filter.bucket == bucket_of(row)
            }
        };
        let (filter, set_filter, was_here) = (filter.clone(), set_filter.clone(), is_here.clone());
        RowAction {
            head: "show".into(),
            word: Callback::from(move |row: Row| {
                Some(if is_here(&row) { "all steps" } else { "these steps" }.to_owned())
            }),
            on_click: Callback::from(move |row: Row| {
                let window = filter.window;
                set_filter.emit(match was_here(&row) {
                    true => StepFilter {
                        window,
                        ..StepFilter::default()
                    },
                    false => StepFilter {
                        phase: Phase::from_key(row.key("phase")),
                        bucket: bucket_of(&row),
                        period: Period::from_key(row.key("period")),
                        window,
                    },
                });
            }),
        }
    };
    use_effect_with((props.selected, summary.n_steps), |(selected, n_steps)| {
        let keys = step_keys(*selected, *n_steps);
        let listener = web_sys::window().map(|window| Listener::new(&window, "keydown", keys));
        move || drop(listener)
    });
    if summary.n_steps == 0 {
        return html! {
            <p class="empty">
                { "This trace names no steps: it holds no prefill or decode marker that this version knows. vLLM \
                   writes them from 0.12 on; before that, python stacks (with_stack=True) show its steps." }
            </p>
        };
    }
    let origin_ns = summary.extent.map_or(0, |e| e.start);
    html! {
        <>
            <section aria-labelledby="plot-head">
                <h2 id="plot-head">{ "Duration of steps over time" }
                    <span class="aside">
                        { swatch("prefill", "prefill") }{ swatch("decode", "decode") }
                        { swatch("mixed", "prefill + decode") }{ compile_marks(summary) }
                    </span>
                </h2>
                <StepTimeChoice summary={summary.clone()} engine={props.engine.clone()}
                                on_anew={props.on_anew.clone()} />
                { filters(summary, &filter, &set_filter, &log) }
                <div ref={node} class="plot">
                    if let Some(plot) = &*plot {
                        <StepsPlotCanvas plot={plot.clone()} log={*log} dark={props.dark} {origin_ns}
                            selected={props.selected} on_brush={on_brush} on_step={on_step} />
                    }
                </div>
                <p class="hint">
                    { "A bar's height is the step time; a step whose step time is unknown has none. Drag to zoom into a stretch of time: the tables follow. \
                       Click a bar to see its step; [ and ] go to the step before and after." }
                </p>
            </section>
            if let Some(index) = props.selected {
                <StepPanel engine={props.engine.clone()} {index} />
            }
            <DataTable table="step_groups" engine={props.engine.clone()} action={on_group} />
            <DataTable table="padding" engine={props.engine.clone()} />
            <DataTable table="slow_steps" engine={props.engine.clone()} />
            <DataTable table="compiled_steps" engine={props.engine.clone()} />
            <DataTable table="verdicts" engine={props.engine.clone()} />
            if let Some(view) = view { { parts_section(view, &one_scale) } }
            <DataTable
                table="steps" engine={props.engine.clone()} only={only_of(&filter)}
                within={filter.window.map(|w| ("start_ns".to_owned(), w.start, w.end))}
                here={props.selected.map(|step| (AttrValue::from("index"), step.to_string()))} />
        </>
    }
}

/// The legend of the plot's diamonds, as far as the trace has them.
pub fn compile_marks(summary: &Summary) -> Html {
    let has = |suspected: bool| {
        summary
            .recompiles
            .iter()
            .any(|r| (r.evidence == Evidence::Suspected) == suspected)
    };
    html! {
        <>
            if has(false) { <span class="keyed compile-mark">{ "◆ a graph was compiled" }</span> }
            if has(true) { <span class="keyed compile-mark">{ "◇ looks like a compile (suspected)" }</span> }
        </>
    }
}

fn go_to_step(index: u32) {
    if let Some(window) = web_sys::window() {
        // A hash that cannot be set leaves the page where it is.
        drop(window.location().set_hash(&step_place(index).to_hash()));
    }
}

fn step_keys(selected: Option<u32>, n_steps: u32) -> impl FnMut(KeyboardEvent) {
    move |event: KeyboardEvent| {
        if is_typing(&event) {
            return;
        }
        let next = match (event.key().as_str(), selected) {
            ("]", Some(step)) => step.saturating_add(1),
            ("[", Some(step)) => step.saturating_sub(1),
            ("]" | "[", None) => 0,
            _ => return,
        };
        event.prevent_default();
        if next < n_steps {
            go_to_step(next);
        }
    }
}

fn filters(
    summary: &Summary,
    filter: &UseStateHandle<StepFilter>,
    set_filter: &Callback<StepFilter>,
    log: &UseStateHandle<bool>,
) -> Html {
    let mut phases: Vec<Phase> = summary.step_counts.iter().map(|c| c.0).collect();
    order::sort(&mut phases);
    phases.dedup();
    let mut periods: Vec<Period> = summary.step_counts.iter().map(|c| c.1).collect();
    order::sort(&mut periods);
    periods.dedup();
    let chosen = |event: &Event| event.target_unchecked_into::<HtmlSelectElement>().value();
    let on_phase = {
        let (filter, set_filter, phases) = (filter.clone(), set_filter.clone(), phases.clone());
        move |event: Event| {
            let phase = phases.iter().copied().find(|p| p.word() == chosen(&event));
            set_filter.emit(StepFilter {
                phase,
                bucket: None,
                ..(*filter).clone()
            });
        }
    };
    let on_period = {
        let (filter, set_filter, periods) = (filter.clone(), set_filter.clone(), periods.clone());
        move |event: Event| {
            let period = periods.iter().copied().find(|p| p.word() == chosen(&event));
            set_filter.emit(StepFilter {
                period,
                ..(*filter).clone()
            });
        }
    };
    let on_log = {
        let log = log.clone();
        move |_| log.set(!*log)
    };
    let clear = {
        let set_filter = set_filter.clone();
        move |_| set_filter.emit(StepFilter::default())
    };
    html! {
        <div class="filters">
            <label>{ "Phase " }<select onchange={on_phase}>
                <option value="" selected={filter.phase.is_none()}>{ "all" }</option>
                { for phases.iter().map(|p| html! {
                    <option value={p.word()} selected={filter.phase == Some(*p)}>{ p.word() }</option>
                }) }
            </select></label>
            <label>{ "Period " }<select onchange={on_period}>
                <option value="" selected={filter.period.is_none()}>{ "all" }</option>
                { for periods.iter().map(|p| html! {
                    <option value={p.word()} selected={filter.period == Some(*p)}>{ p.word() }</option>
                }) }
            </select></label>
            <label><input type="checkbox" checked={**log} onchange={on_log} />{ " logarithmic" }</label>
            if let Some(bucket) = &filter.bucket { <span class="badge">{ format!("bucket {bucket}") }</span> }
            if let Some(window) = filter.window {
                <span class="badge num">{ format!("{} chosen", show::duration(window.len_ns())) }</span>
            }
            if **filter != StepFilter::default() { <button type="button" onclick={clear}>{ "Show all steps" }</button> }
        </div>
    }
}

/// Host parts of a step, in order of time.
pub fn host_parts(parts: &Parts) -> Vec<Part> {
    let known = parts.known().map(|(part, ns)| Part {
        key: part.colour().key(),
        word: part.word().into(),
        ns,
    });
    known.collect()
}

/// Device engines, each against the same whole.
pub fn engine_parts(engines: &Engines) -> Vec<Part> {
    let known = engines.iter().map(|(engine, ns)| Part {
        key: engine.colour().key(),
        word: engine.word().into(),
        ns,
    });
    known.collect()
}

fn parts_section(view: &StepsView, one_scale: &UseStateHandle<bool>) -> Html {
    let groups = &view.parts;
    if groups.is_empty() {
        return html! {};
    }
    // On one scale, lengths can be compared; but one group with a compile makes all others a line.
    let engines = |g: &GroupParts| {
        g.mean_engines
            .iter()
            .flat_map(engine_parts)
            .map(|p| p.ns)
            .max()
            .unwrap_or(0)
    };
    let sum = |g: &GroupParts| g.mean_total_ns.max(engines(g));
    let longest = groups.iter().map(sum).max().unwrap_or(1);
    let whole_of = |g: &GroupParts| if **one_scale { longest } else { sum(g) };
    // Only what is there: a device without these engines does not have them in its legend.
    let mut present: Vec<(&str, String)> = Vec::new();
    for part in groups.iter().flat_map(|g| host_parts(&g.mean)).chain(
        groups
            .iter()
            .filter_map(|g| g.mean_engines.as_ref())
            .flat_map(engine_parts),
    ) {
        if !present.iter().any(|(_, word)| *word == part.word) {
            present.push((part.key, part.word));
        }
    }
    let on_scale = {
        let one_scale = one_scale.clone();
        move |_| one_scale.set(!*one_scale)
    };
    html! {
        <section aria-labelledby="parts-head">
            <h2 id="parts-head">
                { "What a step is made of" }
                <span class="aside">
                    { "means of the steps shown; host above, device engines below, on the same scale" }
                </span>
            </h2>
            <p class="filters"><label>
                <input type="checkbox" checked={**one_scale} onchange={on_scale} />{ " one scale for all groups" }
            </label></p>
            <p class="legend">
                { for present.iter().map(|(key, word)| swatch(key, word)) }
            </p>
            <div class="scrolled">
            <table class="parts">
                <thead><tr>
                    <th>{ "Group" }</th>
                    <th class="num">{ "Steps" }</th>
                    <th class="num">{ "Host time" }</th>
                    <th>{ "Parts" }</th>
                    <th class="num">{ "Device busy" }</th>
                    <th class="num">{ "Device idle" }</th>
                </tr></thead>
                <tbody>
                    { for groups.iter().map(|g| html! {
                        <tr class="middle">
                            <td>
                                { swatch(g.phase.colour().key(), g.phase.word()) }{ " " }
                                { g.bucket.map(|b| b.to_string()).unwrap_or_default() }{ " " }
                                <span class="soft">{ g.period.word() }</span>
                            </td>
                            <td class="num">{ show::count(g.count) }</td>
                            <td class="num">{ show::duration(g.mean_total_ns) }</td>
                            <td class="bars">
                                <Stack parts={host_parts(&g.mean)} whole_ns={whole_of(g)} />
                                if let Some(engines) = &g.mean_engines {
                                    { for engine_parts(engines).into_iter().map(|part| html! {
                                        <Stack class="thin" parts={vec![part]} whole_ns={whole_of(g)} />
                                    }) }
                                }
                            </td>
                            <td class="num">{ maybe_duration(g.mean_device_busy_ns) }</td>
                            <td class="num">{ maybe_duration(g.mean_device_idle_ns) }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
            </div>
            if view.parts_left_out > 0 {
                <p class="note">
                    { format!("The {} with most time; {} more stand in the table of step groups above.",
                              show::counted(groups.len() as u64, "group"), show::count(view.parts_left_out)) }
                </p>
            }
            <p class="definition">
                { "The parts add up to the host time. Steps that compiled are left out." }
                { " Host parts do not overlap. Engines run side by side and overlap one another and the host: their \
                   bars are not stacked. A step's device time is that of the work it launched, or, where launches are \
                   not recorded, the work inside it." }
            </p>
        </section>
    }
}
