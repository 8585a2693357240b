//! One step: what it is made of, beside the steps of its phase and bucket.

use yew::prelude::*;

use crate::app::companion::perfetto::InPerfetto;
use crate::app::components::ask::use_answer;
use crate::app::components::parts::{
    Part, Stack, To, maybe_count, maybe_duration, step_place, step_span, swatch, timeline_at,
};
use crate::app::steps::{engine_parts, host_parts};
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::table::device_span_ns;
use crate::view::{Engines, Evidence, Parts, StepDetail, Sure};
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
        Some(Answer::Step(detail)) => panel(detail),
        Some(Answer::Nothing { why }) => html! { <p class="empty">{ why }</p> },
        _ => html! { <p class="empty">{ "…" }</p> },
    };
    html! { <section class="panel" aria-label={format!("Step {}", props.index)} aria-live="polite">{ body }</section> }
}

fn panel(detail: &StepDetail) -> Html {
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
                { fact("Step time", maybe_duration(step.step_ns)) }
                { fact("Model call", show::duration(step.call_ns)) }
                { fact("Host time", show::duration(step.host_ns)) }
                { fact("Bucket (batch, seq, ctx)", step.bucket.map_or_else(|| "–".into(), |b| b.to_string())) }
                { fact("Requests in the batch", maybe_count(step.batch)) }
                { fact("Tokens", maybe_count(step.tokens)) }
                { fact("Engine step", maybe_count(step.engine_step)) }
                { fact("Gap before, on the host", maybe_duration(step.gap_before_ns)) }
                { fact("Interval", maybe_duration(step.interval_ns)) }
                if let Some(span_ns) = device_span_ns(step) {
                    { fact("Device span", show::duration(span_ns)) }
                    { fact("Gap before, on the device",
                           maybe_duration(step.device.as_ref().and_then(|d| d.gap_before_ns))) }
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

fn fact(name: &str, value: String) -> Html {
    html! { <div><dt>{ name.to_owned() }</dt><dd class="num">{ value }</dd></div> }
}
