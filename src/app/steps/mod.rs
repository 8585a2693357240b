//! The Steps view: durations over time, by bucket, by part, and one by one.

mod detail;
pub mod over_time;
pub mod time_menu;

use web_sys::KeyboardEvent;
use yew::prelude::*;

use crate::app::components::ask::use_answer;
use crate::app::components::data_table::{DataTable, Row, RowAction};
use crate::app::components::parts::{Part, Stack, maybe_duration, step_place, swatch};
use crate::app::components::same_rc::SameRc;
use crate::app::steps::detail::StepPanel;
use crate::app::steps::over_time::{Filters, OverTime, OverTimeProps};
use crate::app::steps::time_menu::StepTimeChoice;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::table::{Cell, SelectedAsk};
use crate::view::{Bucket, Engines, GroupParts, Parts, Period, Phase, Span, StepFilter, StepsView, Summary};
use crate::web::engine::Engine;
use crate::web::listener::{Listener, is_typing};

/// The bucket of a row of groups.
fn bucket_of(row: &Row) -> Option<Bucket> {
    match row.cell("bucket") {
        Cell::Bucket(bucket) => Some(*bucket),
        _ => None,
    }
}

#[derive(Properties, PartialEq)]
pub struct StepsProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub selected: Option<u32>,
    /// The steps that the link names.
    pub filter: Option<StepFilter>,
    pub on_filter: Callback<StepFilter>,
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
    let filter = props.filter.clone().unwrap_or_else(|| StepFilter {
        period: serves.then_some(Period::Serving),
        ..StepFilter::default()
    });
    let log = use_state_eq(|| true);
    let zoom = use_state_eq(|| None::<Span>);
    let one_scale = use_state_eq(|| false);
    let answer = use_answer(
        &props.engine,
        Some(Question::Steps {
            filter: filter.clone(),
            plot_window: *zoom,
            log: *log,
            width_px: 0,
        }),
    );
    let view: Option<&StepsView> = match answer.as_deref() {
        Some(Answer::Steps(view)) => Some(view),
        _ => None,
    };
    // Pictures are given anew only with a new answer, so that hovering does not redraw for nothing.
    let pictures = use_memo(answer.clone(), |answer| match answer.as_deref() {
        Some(Answer::Steps(view)) => {
            [&view.over_time, &view.distribution].map(|of| of.clone().map(SameRc::new))
        }
        _ => [None, None],
    });
    let on_step = Callback::from(move |index: u32| go_to_step(index));
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
    // Groups stay in sight, so that another can be chosen.
    let of_groups = StepFilter {
        window: filter.window,
        length: filter.length,
        slowest: filter.slowest,
        ..StepFilter::default()
    };
    let of = |table: &'static str, filter: &StepFilter| {
        let selected = Some(SelectedAsk::Steps(filter.clone()));
        html! { <DataTable key={table} {table} engine={props.engine.clone()} {selected} /> }
    };
    let groups = Some(SelectedAsk::Steps(of_groups));
    let over_time = OverTimeProps {
        summary: summary.clone(),
        filter: filter.clone(),
        on_filter: props.on_filter.clone(),
        over_time: pictures[0].clone(),
        distribution: pictures[1].clone(),
        class: view.and_then(|view| view.class.clone()).map(AttrValue::from),
        selected: props.selected,
        on_step,
        log: *log,
        on_log: Callback::from(move |next| log.set(next)),
        zoom: *zoom,
        on_zoom: Callback::from(move |next| zoom.set(next)),
    };
    html! {
        <>
            <section aria-labelledby="plot-head">
                <h2 id="plot-head">{ "Step times" }</h2>
                <StepTimeChoice summary={summary.clone()} engine={props.engine.clone()}
                                on_anew={props.on_anew.clone()} />
                <Filters ..over_time.clone() />
                if view.is_some() { <OverTime ..over_time /> }
                <p class="hint">
                    { "A step whose step time is unknown has no dot. Drag over a picture to choose steps by time or \
                       by step time: the tables follow. Click a dot to see its step; [ and ] go to the step before \
                       and after." }
                </p>
            </section>
            if let Some(index) = props.selected {
                <StepPanel engine={props.engine.clone()} {index} />
            }
            if let Some(view) = view { { over_time::chosen_says(view) } }
            <DataTable table="step_groups" engine={props.engine.clone()} selected={groups.clone()}
                       action={on_group(&filter, &props.on_filter, Of::Bucket)} />
            <DataTable table="step_sizes" engine={props.engine.clone()} selected={groups}
                       action={on_group(&filter, &props.on_filter, Of::Class)} />
            { for ["padding", "slow_steps", "compiled_steps"].map(|table| of(table, &filter)) }
            <DataTable table="verdicts" engine={props.engine.clone()} />
            if let Some(view) = view { { parts_section(view, &one_scale) } }
            <DataTable
                table="steps" engine={props.engine.clone()} selected={Some(SelectedAsk::Steps(filter))}
                here={props.selected.map(|step| (AttrValue::from("index"), step.to_string()))} />
        </>
    }
}

/// What rows of groups have in common beside phase and period.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Bucket,
    Class,
}

/// The steps of a row of groups, or all again.
fn on_group(filter: &StepFilter, on_filter: &Callback<StepFilter>, of: Of) -> RowAction {
    let chosen = {
        let filter = filter.clone();
        move |row: &Row| StepFilter {
            phase: Phase::from_key(row.key("phase")),
            period: Period::from_key(row.key("period")),
            bucket: bucket_of(row).filter(|_| of == Of::Bucket),
            class: (of == Of::Class).then(|| row.key("class").to_owned()),
            ..filter.clone()
        }
    };
    let (filter, on_filter, to) = (filter.clone(), on_filter.clone(), chosen.clone());
    let now = filter.clone();
    RowAction {
        head: "show".into(),
        word: Callback::from(move |row: Row| {
            let is_here = chosen(&row) == now;
            Some(if is_here { "all steps" } else { "these steps" }.to_owned())
        }),
        on_click: Callback::from(move |row: Row| {
            let next = to(&row);
            on_filter.emit(match next == filter {
                true => StepFilter {
                    window: filter.window,
                    length: filter.length,
                    slowest: filter.slowest,
                    ..StepFilter::default()
                },
                false => next,
            });
        }),
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
