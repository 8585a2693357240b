//! One step: what it is made of, beside the steps of its phase and bucket.

use yew::prelude::*;

use crate::app::companion::perfetto::InPerfetto;
use crate::app::components::ask::use_answer;
use crate::app::components::data_table::DataTable;
use crate::app::components::parts::{
    Part, Stack, To, maybe_count, maybe_duration, step_place, step_span, swatch, timeline_at,
};
use crate::app::steps::{engine_parts, host_parts};
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::table::{GapsAsk, SelectedAsk, device_span_ns};
use crate::view::{Engines, Evidence, Parts, Span, Step, StepDetail, Sure};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct StepPanelProps {
    pub engine: Engine,
    pub index: u32,
}

#[component]
pub fn StepPanel(props: &StepPanelProps) -> Html {
    let answer = use_answer(&props.engine, Some(Question::Step { index: props.index }));
    let body = match answer.as_deref() {
        Some(Answer::Step(detail)) => panel(detail, &props.engine),
        Some(Answer::Nothing { why }) => html! { <p class="empty">{ why }</p> },
        _ => html! { <p class="empty">{ "…" }</p> },
    };
    // Wherever the step was clicked, its detail comes into sight.
    let node = use_node_ref();
    use_effect_with((props.index, answer.is_some()), {
        let node = node.clone();
        move |_| {
            if let Some(panel) = node.cast::<web_sys::Element>() {
                let options = web_sys::ScrollIntoViewOptions::new();
                options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                panel.scroll_into_view_with_scroll_into_view_options(&options);
            }
        }
    });
    html! {
        <section class="panel" aria-label={format!("Step {}", props.index)} aria-live="polite">
            <span class="panel-top" ref={node} aria-hidden="true"></span>
            { body }
        </section>
    }
}

fn panel(detail: &StepDetail, engine: &Engine) -> Html {
    let medians = detail.medians.unwrap_or_default();
    let step = &detail.step;
    let mean: Option<&Parts> = detail.group_parts.as_ref().map(|g| &g.mean);
    let mean_of = |key: &str, word: &str| {
        let parts = mean.map(host_parts).unwrap_or_default();
        parts
            .into_iter()
            .find(|p| p.key == key && p.word == word)
            .map(|p| p.ns)
    };
    let parts = host_parts(&step.parts);
    let whole = step.host_ns.max(step.parts.total_ns());
    html! {
        <>
            <div class="panel-head">
                <h2>
                    { format!("Step {}", step.index) }{ " " }
                    { swatch(step.phase.colour().key(), step.phase.word()) }
                    <span class="aside num">
                        { format!("{} · {}", maybe_duration(step.step_ns), step.period.word()) }
                    </span>
                </h2>
                <span class="links">
                    if let Some(previous) = detail.previous { <To place={step_place(previous)}>{ "← previous" }</To> }
                    if let Some(next) = detail.next { <To place={step_place(next)}>{ "next →" }</To> }
                    <To class="strong" place={timeline_at(Some(step_span(step)), Some(step.slice))}>
                        { "Show in the timeline" }
                    </To>
                    <InPerfetto span={step_span(step)} what={format!("step {}", step.index)} />
                </span>
            </div>
            if let Some(like) = &detail.like { <p>{ like }</p> }
            <dl class="facts-list">
                { fact("Step time", beside(step.step_ns, medians.step)) }
                { fact("Model call", beside(Some(step.call_ns), medians.call)) }
                { fact("Host time", beside(Some(step.host_ns), medians.host)) }
                { fact("Bucket (batch, seq, ctx)", step.bucket.map_or_else(|| "–".into(), |b| b.to_string())) }
                { fact("Requests in the batch", maybe_count(step.batch)) }
                { fact("Tokens", maybe_count(step.tokens)) }
                { fact("Engine step", maybe_count(step.engine_step)) }
                { fact("Gap before, on the host", beside(step.gap_before_ns, medians.gap_before)) }
                { fact("Interval", beside(step.interval_ns, medians.interval)) }
                if let Some(span_ns) = device_span_ns(step) {
                    { fact("Device span", beside(Some(span_ns), medians.device_span)) }
                    { fact("Gap before, on the device",
                           beside(step.device.as_ref().and_then(|d| d.gap_before_ns), medians.device_gap_before)) }
                }
                if step.sure != Sure::Recorded {
                    { fact("Recognised as a step", "derived: no marker of the engine".to_owned()) }
                }
                { fact("Graphs replayed", step.graphs.map_or("–", |g| if g { "yes" } else { "no" }).to_owned()) }
                if step.context_requests.is_some() || step.generation_requests.is_some() {
                    { fact("Context requests / tokens",
                           format!("{} / {}", maybe_count(step.context_requests), maybe_count(step.context_tokens))) }
                    { fact("Generation requests / tokens",
                           format!("{} / {}", maybe_count(step.generation_requests),
                                   maybe_count(step.generation_tokens))) }
                }
            </dl>
            if detail.medians.is_some() {
                <p class="definition">{ "In brackets: more or less than the median of these steps." }</p>
            }
            <DataTable table="step_work" engine={engine.clone()} title={format!("What runs in step {}", step.index)}
                       selected={Some(SelectedAsk::Step(step.index))} />
            <DataTable table="longest_gaps" engine={engine.clone()} title="Gaps in and before the step"
                       selected={Some(SelectedAsk::Gaps(gaps_of(step)))} />
            <div class="columns">
                <table class="fit">
                    <caption>{ "Host, by part" }</caption>
                    <thead><tr>
                        <th>{ "Part" }</th>
                        <th class="num">{ "This step" }</th>
                        <th class="num">{ "Of the host time" }</th>
                        <th class="num">{ "Mean of steps of like size" }</th>
                    </tr></thead>
                    <tbody>
                        { for parts.iter().map(|part| html! {
                            <tr><td>{ swatch(part.key, &part.word) }</td>
                                <td class="num">{ show::duration(part.ns) }</td>
                                <td class="num">{ show::percent(part.ns, whole) }</td>
                                <td class="num">{ maybe_duration(mean_of(part.key, &part.word)) }</td></tr>
                        }) }
                    </tbody>
                </table>
                { device(detail) }
            </div>
            <Stack class="big" {parts} whole_ns={whole} />
            if step.parts.derived {
                <p class="definition">
                    { "Some parts are derived from python frames or from the order of calls: the engine records none." }
                </p>
            }
            if !detail.recompiles.is_empty() {
                <table class="fit">
                    <caption>{ if detail.recompiles.iter().all(|r| r.evidence == Evidence::Suspected) {
                        "Looks like a compile: nothing is recorded, only the duration suggests it"
                    } else {
                        "Graphs compiled in it"
                    } }</caption>
                    <thead><tr>
                        <th>{ "Graph" }</th><th class="num">{ "Cost" }</th><th>{ "Known by" }</th><th>{ "Show" }</th>
                    </tr></thead>
                    <tbody>
                        { for detail.recompiles.iter().map(|r| html! {
                            <tr><td class="name">{ &r.name }</td>
                                <td class="num">{ r.cost_says() }</td>
                                <td>{ r.evidence.word() }</td>
                                <td>
                                    <To place={timeline_at(Some(r.place()), r.slice)}>{ "timeline" }</To>
                                </td></tr>
                        }) }
                    </tbody>
                </table>
                if detail.recompiles_left_out > 0 {
                    <p class="note">
                        { format!("{} more stand in the table of compiles.",
                                  show::counted(detail.recompiles_left_out, "compile")) }
                    </p>
                }
            }
        </>
    }
}

/// From the end of the step before to the start of the next one.
fn gaps_of(step: &Step) -> GapsAsk {
    let len_ns = step.interval_ns.unwrap_or(0).max(step.dur_ns).max(step.host_ns);
    GapsAsk {
        window: Some(Span::new(
            step.start_ns.saturating_sub(step.gap_before_ns.unwrap_or(0)),
            step.start_ns.saturating_add(len_ns),
        )),
        ..GapsAsk::default()
    }
}

fn device(detail: &StepDetail) -> Html {
    let Some(device) = &detail.step.device else {
        return html! { <p class="note">{ "The trace holds no device work for this step." }</p> };
    };
    let mean: Engines = detail
        .group_parts
        .as_ref()
        .and_then(|g| g.mean_engines)
        .unwrap_or_default();
    let means: Vec<Part> = engine_parts(&mean);
    let window = device.busy_ns.saturating_add(device.idle_ns);
    html! {
        <table class="fit">
            <caption>
                { format!("Device, work given to the step by {}",
                          if device.method == "launch" { "its launches" } else { "time" }) }
            </caption>
            <thead><tr>
                <th>{ "Engine" }</th>
                <th class="num">{ "Busy" }</th>
                <th class="num">{ "Of its window" }</th>
                <th class="num">{ "Mean of steps of like size" }</th>
            </tr></thead>
            <tbody>
                <tr><td>{ "any compute" }</td>
                    <td class="num">{ show::duration(device.busy_ns) }</td>
                    <td class="num">{ show::percent(device.busy_ns, window) }</td>
                    <td class="num">
                        { maybe_duration(detail.group_parts.as_ref().and_then(|g| g.mean_device_busy_ns)) }
                    </td></tr>
                <tr><td>{ "idle" }</td>
                    <td class="num">{ show::duration(device.idle_ns) }</td>
                    <td class="num">{ show::percent(device.idle_ns, window) }</td>
                    <td class="num">
                        { maybe_duration(detail.group_parts.as_ref().and_then(|g| g.mean_device_idle_ns)) }
                    </td></tr>
                { for engine_parts(&device.engines).into_iter().map(|part| {
                    let mean = means.iter().find(|m| m.word == part.word).map(|m| m.ns);
                    html! {
                        <tr><td>{ swatch(part.key, &part.word) }</td>
                            <td class="num">{ show::duration(part.ns) }</td>
                            <td class="num">{ show::percent(part.ns, window) }</td>
                            <td class="num">{ maybe_duration(mean) }</td></tr>
                    }
                }) }
            </tbody>
        </table>
    }
}

/// A time of the step, and how much more or less it is than the median of the steps of like size.
fn beside(ns: Option<i64>, median_ns: Option<i64>) -> String {
    match (ns, median_ns) {
        (Some(ns), Some(median)) if ns != median => {
            let sign = if ns > median { "+" } else { "−" };
            format!(
                "{} ({sign}{})",
                show::duration(ns),
                show::duration((ns - median).abs())
            )
        }
        _ => maybe_duration(ns),
    }
}

fn fact(name: &str, value: String) -> Html {
    html! { <div><dt>{ name.to_owned() }</dt><dd class="num">{ value }</dd></div> }
}
