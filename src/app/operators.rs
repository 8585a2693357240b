//! Python frames, framework operators and kernels by name.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::parts::{Term, To, maybe_duration, timeline_at};
use super::shown::Shown;
use crate::base::{order, show};
use crate::view::{Kernel, Operator, Summary};

#[derive(Properties, PartialEq)]
pub struct OperatorsProps {
    pub summary: Shown<Summary>,
}

/// What the tables are sorted by.
#[derive(Clone, Copy, PartialEq)]
enum By {
    SelfTime,
    Total,
    Count,
}

#[component]
pub fn Operators(props: &OperatorsProps) -> Html {
    let by = use_state_eq(|| By::SelfTime);
    let text = use_state_eq(String::new);
    let oninput = {
        let text = text.clone();
        move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let summary = &props.summary;
    html! {
        <>
            <div class="filters"><label>{ "Only names that contain " }<input type="search" {oninput} /></label></div>
            <section aria-labelledby="python-head">
                <h2 id="python-head">{ "Python frames" }</h2>
                if summary.python.is_empty() {
                    <p class="empty">{ "This trace has no python stacks. The torch profiler records them with with_stack=True; vLLM's end-to-end capture on Gaudi leaves them out." }</p>
                } else { <>
                    <p class="definition">{ "Total counts a frame once per outermost call: calls nested in a call of the same name are not counted again. Self is the time in none of the frames below it." }</p>
                    { operators(&summary.python, &by, &text, false) }
                </> }
            </section>
            <section aria-labelledby="operators-head">
                <h2 id="operators-head">{ "Operators" }</h2>
                if summary.operators.is_empty() { <p class="empty">{ "This trace records no framework operators." }</p> }
                else { <p class="definition">{ "Total sums over all calls, those nested in a call of the same name, too. Self leaves out the operators called." }</p>{ operators(&summary.operators, &by, &text, summary.operators.iter().any(|o| o.total_device_ns.is_some())) } }
            </section>
            <section aria-labelledby="kernels-head">
                <h2 id="kernels-head">{ "Work on the device" }</h2>
                if summary.kernels.is_empty() { <p class="empty">{ "This trace holds no device work." }</p> }
                else { { kernels(&summary.kernels, &text) } }
            </section>
        </>
    }
}

fn matches(name: &str, text: &str) -> bool {
    text.is_empty() || name.to_lowercase().contains(&text.to_lowercase())
}

fn operators(rows: &[Operator], by: &UseStateHandle<By>, text: &str, with_device: bool) -> Html {
    let mut shown: Vec<&Operator> = rows.iter().filter(|o| matches(&o.name, text)).collect();
    order::sort_by_key(&mut shown, |o| {
        std::cmp::Reverse(match **by {
            By::SelfTime => o.self_cpu_ns,
            By::Total => o.total_cpu_ns,
            By::Count => i64::try_from(o.count).unwrap_or(i64::MAX),
        })
    });
    let sorted = |kind: By, word: &'static str| {
        let (by, here) = (by.clone(), **by == kind);
        html! { <th class="num" aria-sort={here.then_some("descending")}><button type="button" class="sort" onclick={move |_| by.set(kind)}>{ word }{ if here { " ▼" } else { "" } }</button></th> }
    };
    html! {
        <div class="scrolled tall">
        <table>
            <caption>{ format!("{} by name", show::counted(shown.len() as u64, "row")) }</caption>
            <thead><tr><th>{ "Name" }</th>{ sorted(By::SelfTime, "Self") }{ sorted(By::Total, "Total") }{ sorted(By::Count, "Calls") }
                if with_device { <th class="num">{ "Device, self" }</th><th class="num">{ "Device, total" }</th> }
                <th><Term word="Show" means="The longest call, in the timeline." /></th></tr></thead>
            <tbody>
                { for shown.iter().map(|o| html! {
                    <tr>
                        <td class="name">{ &o.name }</td>
                        <td class="num">{ show::duration(o.self_cpu_ns) }</td><td class="num">{ show::duration(o.total_cpu_ns) }</td><td class="num">{ show::count(o.count) }</td>
                        if with_device { <td class="num">{ maybe_duration(o.self_device_ns) }</td><td class="num">{ maybe_duration(o.total_device_ns) }</td> }
                        <td><To place={timeline_at(None, Some(o.longest_slice))}>{ "longest" }</To></td>
                    </tr>
                }) }
            </tbody>
        </table>
        </div>
    }
}

fn kernels(rows: &[Kernel], text: &str) -> Html {
    let all: i64 = rows.iter().map(|k| k.total_ns).sum();
    html! {
        <div class="scrolled tall">
        <table>
            <caption>{ "By total time. Work that runs at the same time on several engines counts for each." }</caption>
            <thead><tr><th>{ "Name" }</th><th>{ "Kind" }</th><th class="num">{ "Total" }</th><th class="num">{ "Of all listed" }</th><th class="num">{ "Count" }</th><th class="num">{ "Mean" }</th><th class="num">{ "Shortest" }</th><th class="num">{ "Longest" }</th></tr></thead>
            <tbody>
                { for rows.iter().filter(|k| matches(&k.name, text)).map(|k| html! {
                    <tr><td class="name">{ &k.name }</td><td>{ &k.kind }</td><td class="num">{ show::duration(k.total_ns) }</td><td class="num">{ show::percent(k.total_ns, all) }</td>
                        <td class="num">{ show::count(k.count) }</td><td class="num">{ show::duration(k.mean_ns) }</td><td class="num">{ show::duration(k.min_ns) }</td><td class="num">{ show::duration(k.max_ns) }</td></tr>
                }) }
            </tbody>
        </table>
        </div>
    }
}
