//! What is known of the selected slice.

use yew::prelude::*;

use crate::app::companion::perfetto::InPerfetto;
use crate::app::components::ask::use_answer;
use crate::app::components::parts::{To, step_place, swatch, timeline_at};
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::timescale::seconds;
use crate::view::{Arrow, LinkedSlice, PartOf, SliceDetail, Span};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct DetailsProps {
    pub engine: Engine,
    /// The answer about the selected slice.
    pub detail: Option<SameRc<Answer>>,
    pub slice: Option<u32>,
    pub mark: Option<Span>,
    /// What shown times count from.
    pub origin_ns: i64,
    pub on_picked: Callback<Option<u32>>,
}

#[component]
pub fn Details(props: &DetailsProps) -> Html {
    let args = use_answer(&props.engine, props.slice.map(|slice| Question::Args { slice }));
    let Some(slice) = props.slice else {
        return match props.mark {
            Some(mark) => html! {
                <aside class="tl-details" aria-live="polite">
                    <h2>
                        { "Marked stretch" }
                        <InPerfetto
                            span={mark}
                            what={format!("the marked stretch of {}", show::duration(mark.len_ns()))} />
                    </h2>
                    <dl class="pairs">
                        { pair("Start", seconds(mark.start.saturating_sub(props.origin_ns))) }
                        { pair("Length", show::duration(mark.len_ns())) }
                    </dl>
                    <p class="hint">{ "Click a slice for its details; Esc clears the mark." }</p>
                </aside>
            },
            None => html! {},
        };
    };
    let body = match props.detail.as_deref() {
        Some(Answer::Slice(detail)) => slice_body(detail, props, args.as_deref()),
        Some(Answer::Nothing { why }) => html! { <p class="empty">{ why }</p> },
        _ => html! { <p class="empty">{ "…" }</p> },
    };
    let close = props.on_picked.reform(|_: MouseEvent| None);
    html! {
        <aside class="tl-details" aria-live="polite" aria-label={format!("Slice {slice}")}>
            <button
                type="button" class="tl-close" onclick={close}
                aria-label="Close details" title="Close (Esc)">{ "✕" }</button>
            { body }
        </aside>
    }
}

fn slice_body(detail: &SliceDetail, props: &DetailsProps, args: Option<&Answer>) -> Html {
    let pick = |to: Option<u32>, word: &'static str, key: &'static str| {
        let on_picked = props.on_picked.clone();
        html! {
            <button
                type="button" disabled={to.is_none()} title={format!("Key {key}")}
                onclick={move |_| on_picked.emit(to)}>{ word }</button>
        }
    };
    let mean = detail.same_name_total_ns / i64::try_from(detail.same_name_count).unwrap_or(i64::MAX).max(1);
    let args = match args {
        Some(Answer::Args(args)) if args.slice == detail.slice => {
            if args.args.is_empty() {
                html! { <p class="empty">{ "The event has no arguments." }</p> }
            } else {
                html! {
                    <>
                    <table class="args"><tbody>
                        { for args.args.iter().map(|(key, value)| html! {
                            <tr><th scope="row">{ key }</th><td>{ value }</td></tr>
                        }) }
                    </tbody></table>
                    if args.n_left_out > 0 {
                        <p class="note">
                            { format!("{} more are in the trace.", show::counted(args.n_left_out, "argument")) }
                        </p>
                    }
                    </>
                }
            }
        }
        Some(Answer::Nothing { why }) => html! { <p class="empty">{ why }</p> },
        _ => html! { <p class="empty">{ "Reading them from the file …" }</p> },
    };
    let of_duration = |ns: i64| format!("{} ({})", show::duration(ns), show::percent(ns, detail.dur_ns));
    let own = of_duration(detail.self_ns);
    let span = Span::new(detail.start_ns, detail.start_ns.saturating_add(detail.dur_ns));
    html! {
        <>
            <h2 class="tl-name">{ &detail.name }</h2>
            <p>{ swatch(detail.class.colour().key(), detail.class.word()) }</p>
            <div class="tl-walk">
                { pick(detail.previous, "← previous", ",") }
                { pick(detail.next, "next →", ".") }
                { pick(detail.parent, "↑ parent", "P") }
            </div>
            <dl class="pairs">
                { pair("Start", seconds(detail.start_ns.saturating_sub(props.origin_ns))) }
                { pair("Duration", show::duration(detail.dur_ns)) }
                { pair("Self", own) }
                { for detail.cpu_ns.map(|ns| pair("CPU time", of_duration(ns))) }
                { for detail.waiting_ns.map(|ns| pair("Waiting (no CPU)", of_duration(ns))) }
                { pair("Children", show::count(detail.n_children.into())) }
                if let Some(step) = detail.step {
                    <div><dt>{ "Step" }</dt><dd><To place={step_place(step)}>{ format!("step {step}") }</To></dd></div>
                }
                if let Some(call) = &detail.launched_by {
                    <div><dt>{ "Launched by" }</dt><dd>{ linked(call) }</dd></div>
                }
                { for detail.launched.iter().map(|work| html! {
                    <div><dt>{ "Launched" }</dt><dd>{ linked(work) }</dd></div>
                }) }
                if let Some(more @ 1..) = u64::from(detail.n_launched).checked_sub(detail.launched.len() as u64) {
                    { pair("Launched", format!("{} more", show::count(more))) }
                }
                { for detail.arrows.iter().map(|other| html! {
                    <div>
                        <dt>{ if other.is_outgoing { "Arrow to" } else { "Arrow from" } }</dt>
                        <dd>{ arrow(other) }</dd>
                    </div>
                }) }
                if let Some(more @ 1..) = u64::from(detail.n_arrows).checked_sub(detail.arrows.len() as u64) {
                    { pair("Arrows", format!("{} more", show::count(more))) }
                }
                if let Some(part) = &detail.part_of { { part_of(part) } }
                { pair("Process", detail.process.clone()) }
                { pair("Thread", detail.thread.clone()) }
                if !detail.category.is_empty() { { pair("Category", detail.category.clone()) } }
                { pair("Byte in the trace", show::count(detail.at_byte)) }
            </dl>
            <p><To place={timeline_at(Some(span), Some(detail.slice))}>{ "Fit it in the window" }</To></p>
            <h2>{ "All slices of this name" }</h2>
            <p class="hint">{ "Those nested in one another are counted each." }</p>
            <dl class="pairs">
                { pair("Count", show::count(detail.same_name_count)) }
                { pair("Total", show::duration(detail.same_name_total_ns)) }
                { pair("Mean", show::duration(mean)) }
                { pair("Shortest", show::duration(detail.same_name_min_ns)) }
                { pair("Longest", show::duration(detail.same_name_max_ns)) }
            </dl>
            <h2>{ "Arguments" }</h2>
            { args }
        </>
    }
}

/// The node that the slice is, and what was fused into it.
fn part_of(part: &PartOf) -> Html {
    html! {
        <>
            { pair("Recipe", part.recipe.clone()) }
            { pair("Node", part.node.clone()) }
            if let Some(operation) = &part.operation { { pair("Operation", operation.clone()) } }
            if !part.fused.is_empty() {
                <div><dt>{ format!("Fused from {}", show::counted(part.n_fused.into(), "operation")) }</dt><dd>
                    { for part.fused.iter().map(|name| html! { <div class="fused">{ name }</div> }) }
                    if part.n_fused as usize > part.fused.len() {
                        { format!("and {} more", part.n_fused as usize - part.fused.len()) }
                    }
                </dd></div>
            }
            if let Some(bundle) = part.bundle { { pair("Bundle", bundle.to_string()) } }
        </>
    }
}

/// The other end of a launch, and how long after the call the work started.
fn linked(other: &LinkedSlice) -> Html {
    html! {
        <>
            <To place={timeline_at(None, Some(other.slice))}>{ &other.name }</To>
            { format!(", {} from call to work", show::duration(other.latency_ns)) }
        </>
    }
}

/// The other end of an arrow, and how long it is.
fn arrow(other: &Arrow) -> Html {
    html! {
        <>
            <To place={timeline_at(None, Some(other.slice))}>{ &other.name }</To>
            { format!(", {} long", show::duration(other.len_ns)) }
            if !other.category.is_empty() { { format!(" ({})", show::plain(&other.category)) } }
        </>
    }
}

fn pair(name: &str, value: String) -> Html {
    html! { <div><dt>{ name.to_owned() }</dt><dd>{ value }</dd></div> }
}
