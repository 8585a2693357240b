//! The Steps view: durations over time, by bucket, by part, and one by one.

use web_sys::{HtmlSelectElement, KeyboardEvent};
use yew::prelude::*;

use super::ask::{use_answer, use_width};
use super::parts::{
    Part, Stack, Term, To, maybe_count, maybe_duration, rare_duration, step_place, step_span, swatch,
    timeline_at,
};
use super::plot::StepsPlotCanvas;
use super::shown::Shown;
use super::step_detail::StepPanel;
use super::words;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::table::page;
use crate::view::{
    BarClass, Bucket, Engines, Evidence, GroupParts, Parts, Period, Phase, Step, StepFilter, StepGroup,
    StepOrder, StepsView, Summary, Sure,
};
use crate::web::engine::Engine;
use crate::web::listener::{Listener, is_typing};

/// What the steps of a group have in common.
pub type GroupKey = (Phase, Option<Bucket>, Period);

/// Rows of the step table at a time.
const PAGE_ROWS: u32 = 200;

#[derive(Properties, PartialEq)]
pub struct StepsProps {
    pub summary: Shown<Summary>,
    pub engine: Engine,
    pub selected: Option<u32>,
    pub dark: bool,
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
    let order = use_state_eq(StepOrder::default);
    let row = use_state_eq(|| 0u32);
    let log = use_state_eq(|| true);
    let one_scale = use_state_eq(|| false);
    let node = use_node_ref();
    let width_px = use_width(&node);
    let answer = use_answer(
        &props.engine,
        (width_px > 0).then(|| Question::Steps {
            filter: (*filter).clone(),
            order: *order,
            first_row: *row,
            n_rows: PAGE_ROWS,
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
        Some(Answer::Steps(view)) => Some(Shown::new(view.plot.clone())),
        _ => None,
    });
    let set_filter = {
        let (filter, row) = (filter.clone(), row.clone());
        Callback::from(move |next: StepFilter| {
            filter.set(next);
            row.set(0);
        })
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
        let (filter, set_filter) = (filter.clone(), set_filter.clone());
        Callback::from(move |group: Option<GroupKey>| {
            let window = filter.window;
            set_filter.emit(match group {
                Some((phase, bucket, period)) => StepFilter {
                    phase: Some(phase),
                    bucket,
                    period: Some(period),
                    window,
                },
                None => StepFilter {
                    window,
                    ..StepFilter::default()
                },
            });
        })
    };
    use_effect_with((props.selected, summary.n_steps), |(selected, n_steps)| {
        let keys = step_keys(*selected, *n_steps);
        let listener = web_sys::window().map(|window| Listener::new(&window, "keydown", keys));
        move || drop(listener)
    });
    if summary.n_steps == 0 {
        return html! { <p class="empty">{ "This trace names no steps: it holds no prefill or decode marker that this version knows. vLLM writes them from 0.12 on; before that, python stacks (with_stack=True) show its steps." }</p> };
    }
    let origin_ns = summary.extent.map_or(0, |e| e.start);
    html! {
        <>
            <section aria-labelledby="plot-head">
                <h2 id="plot-head">{ "Duration of steps over time" }
                    <span class="aside">{ swatch("prefill", "prefill") }{ swatch("decode", "decode") }{ swatch("mixed", "prefill + decode") }{ compile_marks(summary) }</span>
                </h2>
                { filters(summary, &filter, &set_filter, &log) }
                <div ref={node} class="plot">
                    if let Some(plot) = &*plot {
                        <StepsPlotCanvas plot={plot.clone()} log={*log} dark={props.dark} {origin_ns}
                            selected={props.selected} on_brush={on_brush} on_step={on_step} />
                    }
                </div>
                <p class="hint">{ "A bar's height is the pass alone. Drag to zoom into a stretch of time: the tables follow. Click a bar to see its step; [ and ] go to the step before and after." }</p>
            </section>
            if let Some(index) = props.selected {
                <StepPanel engine={props.engine.clone()} {index} />
            }
            <section aria-labelledby="groups-head">
                <h2 id="groups-head">{ "Steps by phase, bucket and period" }</h2>
                { groups_table(&summary.step_groups, Some(&filter), Some(&on_group)) }
            </section>
            if let Some(view) = view {
                { parts_section(&view.parts, &one_scale) }
                { table_section(view, origin_ns, *order, &order, &row, props.selected) }
            }
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
    phases.sort_unstable();
    phases.dedup();
    let mut periods: Vec<Period> = summary.step_counts.iter().map(|c| c.1).collect();
    periods.sort_unstable();
    periods.dedup();
    let chosen = |event: &Event| event.target_unchecked_into::<HtmlSelectElement>().value();
    let on_phase = {
        let (filter, set_filter, phases) = (filter.clone(), set_filter.clone(), phases.clone());
        move |event: Event| {
            let phase = phases
                .iter()
                .copied()
                .find(|p| words::phase(*p) == chosen(&event));
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
                { for phases.iter().map(|p| html! { <option value={words::phase(*p)} selected={filter.phase == Some(*p)}>{ words::phase(*p) }</option> }) }
            </select></label>
            <label>{ "Period " }<select onchange={on_period}>
                <option value="" selected={filter.period.is_none()}>{ "all" }</option>
                { for periods.iter().map(|p| html! { <option value={p.word()} selected={filter.period == Some(*p)}>{ p.word() }</option> }) }
            </select></label>
            <label><input type="checkbox" checked={**log} onchange={on_log} />{ " logarithmic" }</label>
            if let Some(bucket) = &filter.bucket { <span class="badge">{ format!("bucket {bucket}") }</span> }
            if let Some(window) = filter.window { <span class="badge num">{ format!("{} chosen", show::duration(window.len_ns())) }</span> }
            if **filter != StepFilter::default() { <button type="button" onclick={clear}>{ "Show all steps" }</button> }
        </div>
    }
}

/// Groups of steps with their quantiles. With `on_group`, a row chooses its group.
pub fn groups_table(
    groups: &[StepGroup],
    filter: Option<&StepFilter>,
    on_group: Option<&Callback<Option<GroupKey>>>,
) -> Html {
    html! {
        <div class="scrolled">
        <table class="fit">
            <thead><tr>
                <th>{ "Phase" }</th>
                <th><Term word="Bucket" means="The padded shape that a graph was compiled for: batch, query length, context blocks." /></th>
                <th>{ "Period" }</th><th class="num">{ "Steps" }</th>
                <th class="num"><Term word="p50" means="Half of the passes are no longer than this." /></th>
                <th class="num">{ "p90" }</th><th class="num">{ "p99" }</th><th class="num">{ "Longest" }</th><th class="num">{ "Total" }</th>
                <th class="num"><Term word="Padding" means="Rows of the padded batch that held no request: 1 – real batch ÷ padded batch, both summed over the group." /></th>
                if on_group.is_some() { <th>{ "Show" }</th> }
            </tr></thead>
            <tbody>
                { for groups.iter().map(|g| {
                    let here = filter.is_some_and(|f| f.phase == Some(g.phase) && f.bucket == g.bucket && f.period == Some(g.period));
                    let padding = g.real_batch.zip(g.padded_batch).filter(|(_, padded)| *padded > 0).map(|(real, padded)| {
                        let empty = i64::try_from(padded.saturating_sub(real)).unwrap_or(0);
                        show::percent(empty, i64::try_from(padded).unwrap_or(0))
                    });
                    let key = (g.phase, g.bucket, g.period);
                    html! {
                        <tr class={classes!(here.then_some("here"))}>
                            <td>{ swatch(words::phase_key(g.phase), words::phase(g.phase)) }</td>
                            <td class="num-left">{ g.bucket.map_or_else(|| "–".into(), |b| b.to_string()) }</td>
                            <td>{ g.period.word() }</td>
                            <td class="num">{ show::count(g.count) }</td>
                            <td class="num">{ show::duration(g.p50_ns) }</td>
                            <td class="num">{ show::duration(g.p90_ns) }</td>
                            <td class="num">{ show::duration(g.p99_ns) }</td>
                            <td class="num">{ show::duration(g.max_ns) }</td>
                            <td class="num">{ show::duration(g.total_ns) }</td>
                            <td class="num">{ padding.unwrap_or_else(|| "–".into()) }</td>
                            if let Some(on_group) = on_group {
                                <td><button type="button" class="link" aria-pressed={here.to_string()}
                                    onclick={on_group.reform(move |_| (!here).then_some(key))}>{ if here { "all steps" } else { "these steps" } }</button></td>
                            }
                        </tr>
                    }
                }) }
            </tbody>
        </table>
        </div>
    }
}

/// Host parts of a step, in order of time.
pub fn host_parts(parts: &Parts) -> Vec<Part> {
    let all = [
        (BarClass::Prepare, parts.prepare_ns),
        (BarClass::Forward, parts.forward_ns),
        (BarClass::Logits, parts.logits_ns),
        (BarClass::Sample, parts.sample_ns),
        (BarClass::Post, parts.post_ns),
        (BarClass::Compile, parts.compile_ns),
        (BarClass::Other, parts.other_ns),
    ];
    let known = all.into_iter().filter_map(|(class, ns)| {
        Some(Part {
            key: class.colour().key(),
            word: class.word().into(),
            ns: ns?,
        })
    });
    known.collect()
}

/// What the two durations of a step are.
pub const PASS: &str = "Pass: the prefill or decode pass alone, as the engine marks it. With preparation and post-processing: \
    the pass together with the input preparation before it and the post-processing behind it, which the engine records \
    beside it; parts are per cent of that.";

/// The sum of a step's parts, where they hold more than the pass: what was recorded before and behind it.
pub fn with_surroundings(parts: &Parts, pass_ns: i64) -> Option<i64> {
    let sum = host_parts(parts).iter().map(|p| p.ns).sum::<i64>();
    (sum > pass_ns).then_some(sum)
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

fn parts_section(groups: &[GroupParts], one_scale: &UseStateHandle<bool>) -> Html {
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
    let around = |g: &GroupParts| with_surroundings(&g.mean, g.mean_total_ns);
    let sum = |g: &GroupParts| around(g).unwrap_or(g.mean_total_ns).max(engines(g));
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
            <h2 id="parts-head">{ "What a step is made of" }<span class="aside">{ "means of the steps shown; host above, device engines below, on the same scale" }</span></h2>
            <p class="filters"><label><input type="checkbox" checked={**one_scale} onchange={on_scale} />{ " one scale for all groups" }</label></p>
            <p class="legend">
                { for present.iter().map(|(key, word)| swatch(key, word)) }
            </p>
            <div class="scrolled">
            <table class="parts">
                <thead><tr><th>{ "Group" }</th><th class="num">{ "Steps" }</th><th class="num">{ "Pass" }</th>
                    <th class="num wrapped">{ "With preparation and post-processing" }</th><th>{ "Parts" }</th><th class="num">{ "Device busy" }</th><th class="num">{ "Device idle" }</th></tr></thead>
                <tbody>
                    { for groups.iter().map(|g| html! {
                        <tr class="middle">
                            <td>{ swatch(words::phase_key(g.phase), words::phase(g.phase)) }{ " " }{ g.bucket.map(|b| b.to_string()).unwrap_or_default() }{ " " }<span class="soft">{ g.period.word() }</span></td>
                            <td class="num">{ show::count(g.count) }</td>
                            <td class="num">{ show::duration(g.mean_total_ns) }</td>
                            <td class="num">{ maybe_duration(around(g)) }</td>
                            <td class="bars">
                                <Stack parts={host_parts(&g.mean)} whole_ns={whole_of(g)} />
                                if let Some(engines) = &g.mean_engines {
                                    { for engine_parts(engines).into_iter().map(|part| html! { <Stack class="thin" parts={vec![part]} whole_ns={whole_of(g)} /> }) }
                                }
                            </td>
                            <td class="num">{ maybe_duration(g.mean_device_busy_ns) }</td>
                            <td class="num">{ maybe_duration(g.mean_device_idle_ns) }</td>
                        </tr>
                    }) }
                </tbody>
            </table>
            </div>
            <p class="definition">{ PASS }{ " Host parts do not overlap. Engines run side by side and overlap one another and the host: their bars are not stacked. A step's device time is that of the work it launched, or, where launches are not recorded, the work inside it." }</p>
        </section>
    }
}

fn table_section(
    view: &StepsView,
    origin_ns: i64,
    order: StepOrder,
    set_order: &UseStateHandle<StepOrder>,
    row: &UseStateHandle<u32>,
    selected: Option<u32>,
) -> Html {
    let page = page(view.n_rows, view.first_row, PAGE_ROWS);
    let by_launch = view.rows.iter().any(|s| device_span_ns(s).is_some());
    let any_derived = view.rows.iter().any(|s| s.sure != Sure::Recorded);
    let turn = |to: u32| {
        let row = row.clone();
        move |_: MouseEvent| row.set(to)
    };
    let sorted = |by: StepOrder, word: &'static str| {
        let (set_order, row) = (set_order.clone(), row.clone());
        let here = order == by;
        html! {
            <th class="num" aria-sort={here.then_some(if by == StepOrder::Time { "ascending" } else { "descending" })}>
                <button type="button" class="sort" onclick={move |_: MouseEvent| { set_order.set(by); row.set(0); }}>
                    { word }{ if here { if by == StepOrder::Time { " ▲" } else { " ▼" } } else { "" } }</button>
            </th>
        }
    };
    html! {
        <section aria-labelledby="steps-head">
            <h2 id="steps-head">{ "Steps" }<span class="aside num">{ format!("{} to {} of {}", show::count(u64::from(page.from + 1).min(u64::from(page.to))), show::count(page.to.into()), show::count(view.n_rows.into())) }</span></h2>
            <div class="pager">
                <button type="button" disabled={page.from == 0} onclick={turn(page.from.saturating_sub(PAGE_ROWS))}>{ "← Previous 200" }</button>
                <span class="num">{ format!("page {} of {}", page.number, page.n_pages) }</span>
                <button type="button" disabled={page.number == page.n_pages} onclick={turn(page.to)}>{ "Next 200 →" }</button>
            </div>
            <div class="scrolled tall">
            <table>
                <thead><tr>
                    <th class="num">{ "Step" }</th><th>{ "Phase" }</th><th>{ "Bucket" }</th><th class="num">{ "Batch" }</th><th class="num">{ "Tokens" }</th>
                    { sorted(StepOrder::Time, "Start") }{ sorted(StepOrder::Longest, "Pass") }
                    <th class="num wrapped">{ "With preparation and post-processing" }</th><th class="num"><Term word="Interval" means="From its start to the start of the next step on the same thread: while decoding, the time of a token." /></th>
                    { sorted(StepOrder::GapBefore, "Gap before") }{ sorted(StepOrder::Compile, "Compile") }
                    <th class="num">{ "Device busy" }</th>
                    if by_launch { <th class="num"><Term word="Device span" means="From the first start to the last end of the device work that the step launched. The device runs behind the host: it may end long after the step does." /></th>
                        <th class="num"><Term word="Device gap" means="From the end of the device work of the steps before to the start of this step's, on the device's own clock; 0 where they overlap." /></th> }<th>{ "Parts" }</th><th>{ "Show" }</th>
                </tr></thead>
                <tbody>{ for view.rows.iter().map(|step| step_row(step, origin_ns, selected, by_launch)) }</tbody>
            </table>
            </div>
            <p class="definition">{ GAP }{ if any_derived { " Steps that are marked derived were told by python frames or by what lies between waits: the trace has no marker of the engine for them." } else { "" } }</p>
        </section>
    }
}

/// What stands before a step on the host.
const GAP: &str = "Gap before: host time from the end of the step before to the start of this one, 0 where they overlap. \
    It is no idle time of the device, which may still be working.";

/// From the first start to the last end of the device work that a step launched.
pub fn device_span_ns(step: &Step) -> Option<i64> {
    let device = step.device.as_ref()?;
    Some(device.end_ns?.saturating_sub(device.start_ns?))
}

fn step_row(step: &Step, origin_ns: i64, selected: Option<u32>, by_launch: bool) -> Html {
    let padded = match (step.batch, step.bucket) {
        (Some(real), Some(bucket)) => format!("{real} of {}", bucket.batch),
        (Some(real), None) => real.to_string(),
        _ => "–".into(),
    };
    let parts = host_parts(&step.parts);
    let around = with_surroundings(&step.parts, step.dur_ns);
    let whole = around.unwrap_or(step.dur_ns);
    let here = selected == Some(step.index);
    html! {
        <tr class={classes!("middle", here.then_some("here"))} key={step.index}>
            <td class="num"><To place={step_place(step.index)}>{ step.index }</To></td>
            <td>{ swatch(words::phase_key(step.phase), words::phase(step.phase)) }if step.sure != Sure::Recorded { { " " }<span class="badge">{ "derived" }</span> }</td>
            <td class="num-left">{ step.bucket.map_or_else(|| "–".into(), |b| b.to_string()) }</td>
            <td class="num">{ padded }</td>
            <td class="num">{ maybe_count(step.tokens) }</td>
            <td class="num">{ show::duration(step.start_ns.saturating_sub(origin_ns)) }</td>
            <td class="num">{ show::duration(step.dur_ns) }</td>
            <td class="num">{ maybe_duration(around) }</td>
            <td class="num">{ maybe_duration(step.interval_ns) }</td>
            <td class="num">{ maybe_duration(step.gap_before_ns) }</td>
            <td class={classes!("num", step.parts.compile_ns.is_some_and(|ns| ns > 0).then_some("compile-mark"))}>{ rare_duration(step.parts.compile_ns) }</td>
            <td class="num">{ maybe_duration(step.device.as_ref().map(|d| d.busy_ns)) }</td>
            if by_launch {
                <td class="num">{ maybe_duration(device_span_ns(step)) }</td>
                <td class="num">{ maybe_duration(step.device.as_ref().and_then(|d| d.gap_before_ns)) }</td>
            }
            <td class="bars"><Stack class="thin" {parts} whole_ns={whole} /></td>
            <td><To place={timeline_at(Some(step_span(step)), Some(step.slice))}>{ "timeline" }</To></td>
        </tr>
    }
}
