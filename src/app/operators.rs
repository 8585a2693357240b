//! Python frames, framework operators and kernels by name.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::ask::use_answer;
use super::memory::bytes;
use super::nodes::nodes;
use super::parts::{Term, To, maybe_duration, timeline_at};
use super::shown::Shown;
use crate::base::{order, show};
use crate::protocol::engine::{Answer, Question};
use crate::view::{Grouping, Kernel, ModuleRow, Operator, OperatorTable, Summary, TableCheck, TableVerdict};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct OperatorsProps {
    pub summary: Shown<Summary>,
    pub engine: Engine,
    /// Whether the whole file has been read.
    pub ready: bool,
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
    let group = use_state_eq(Grouping::default);
    let asked = (props.ready && *group != Grouping::Name).then_some(Question::Operators { by: *group });
    let answer = use_answer(&props.engine, asked);
    let table = match answer.as_deref() {
        Some(Answer::Operators(table)) if table.by == *group => Some(&**table),
        _ => None,
    };
    let switch = |by: Grouping| {
        let (group, here) = (group.clone(), *group == by);
        html! { <button type="button" class={classes!("switch", here.then_some("here"))} aria-pressed={here.to_string()} onclick={move |_| group.set(by)}>{ group_word(by) }</button> }
    };
    let summary = &props.summary;
    html! {
        <>
            <div class="filters"><label>{ "Only names that contain " }<input type="search" {oninput} /></label></div>
            <section aria-labelledby="python-head">
                <h2 id="python-head">{ "Python frames" }</h2>
                if summary.python.is_empty() {
                    <p class="empty">{ "This trace has no python stacks. The torch profiler records them with with_stack=True (vLLM: torch_profiler_with_stack in --profiler-config, or VLLM_TORCH_PROFILER_WITH_STACK=1); vLLM's end-to-end capture on Gaudi leaves them out." }</p>
                } else { <>
                    <p class="definition">{ "Total counts a frame once per outermost call: calls nested in a call of the same name are not counted again. Self is the time in none of the frames below it." }</p>
                    { operators(&summary.python, &by, &text, false) }
                </> }
            </section>
            <section aria-labelledby="operators-head">
                <h2 id="operators-head">{ "Operators" }</h2>
                if summary.operators.is_empty() { <p class="empty">{ "This trace records no framework operators: torch's profiler records them, an engine's own events do not." }</p> }
                else {
                    if props.ready && summary.groupings.len() > 1 {
                        <div class="switches" role="group" aria-label="Counted by">{ for summary.groupings.iter().map(|&by| switch(by)) }</div>
                    }
                    <p class="definition">{ "Total sums over all calls, those nested in a call of the same name, too. Self leaves out the operators called. So does torch's key_averages (2.9), to the nanosecond." }
                        if has_bytes(&summary.operators) { { " Bytes are those allocated less those freed between start and end of the calls, on any thread." } }</p>
                    if !summary.groupings.contains(&Grouping::Shape) { <p class="hint">{ "The torch profiler records shapes with record_shapes=True (vLLM: torch_profiler_record_shapes in --profiler-config, or VLLM_TORCH_PROFILER_RECORD_SHAPES=1)." }</p> }
                    if *group == Grouping::Name { { operators(&summary.operators, &by, &text, true) } }
                    else if let Some(table) = table { { operators(&table.rows, &by, &text, true) }{ rest(table) } }
                    else { <p class="empty" role="status">{ "Counting…" }</p> }
                }
            </section>
            if !summary.modules.is_empty() { { modules(&summary.modules, &text) } }
            if let Some(table) = &summary.table { { check(table) } }
            <section aria-labelledby="kernels-head">
                <h2 id="kernels-head">{ "Work on the device" }</h2>
                if summary.kernels.is_empty() { <p class="empty">{ "This trace holds no device work: it ran on the host alone, or the torch profiler's activities do not name the device: ProfilerActivity.CUDA (ROCm, too), XPU or HPU." }</p> }
                else { { kernels(&summary.kernels, &text) } }
            </section>
            if let Some(work) = &summary.nodes { { nodes(work, &text) } }
        </>
    }
}

fn matches(name: &str, text: &str) -> bool {
    text.is_empty() || name.to_lowercase().contains(&text.to_lowercase())
}

fn group_word(by: Grouping) -> &'static str {
    match by {
        Grouping::Name => "By name",
        Grouping::Shape => "By input shapes",
        Grouping::Stack => "By python stack",
    }
}

fn has_bytes(rows: &[Operator]) -> bool {
    rows.iter().any(|o| o.total_cpu_bytes.is_some())
}

/// What is not listed.
fn rest(table: &OperatorTable) -> Html {
    let n = table.n_rows.saturating_sub(table.rows.len() as u64);
    if n == 0 {
        return html! {};
    }
    html! { <p class="note">{ format!("{} more with {} and {} of self time; the report as JSON has up to 5,000.",
    show::counted(n, "row"), show::counted(table.rest_count, "call"), show::duration(table.rest_self_ns)) }</p> }
}

/// A module's name, further in the deeper it is called.
fn indented(module: &ModuleRow) -> String {
    format!(
        "{}{}",
        "\u{2003}".repeat(module.depth.min(40) as usize),
        module.name
    )
}

/// Modules as they call each other.
fn modules(rows: &[ModuleRow], text: &str) -> Html {
    let all = rows
        .iter()
        .filter(|m| m.parent.is_none())
        .map(|m| m.total_ns)
        .sum();
    let with_device = rows.iter().any(|m| m.total_device_ns.is_some());
    html! {
        <section aria-labelledby="modules-head">
            <h2 id="modules-head">{ "Modules" }</h2>
            <p class="definition">{ "Host time from a module's call to its return; self leaves out the modules that it calls. Each stands below the one that calls it." }if with_device { { " Device time is that of the work launched meanwhile on the same thread, summed over streams; it runs later, and may take longer." } }</p>
            <div class="scrolled tall"><table>
                <thead><tr><th>{ "Module" }</th><th class="num">{ "Total" }</th><th class="num">{ "Of all" }</th><th class="num">{ "Self" }</th>
                    if with_device { <th class="num">{ "Device" }</th><th class="num">{ "Device, self" }</th> }<th class="num">{ "Calls" }</th><th>{ "Show" }</th></tr></thead>
                <tbody>{ for rows.iter().filter(|m| matches(&m.name, text)).map(|m| html! {
                    <tr><td class="name">{ indented(m) }</td><td class="num">{ show::duration(m.total_ns) }</td><td class="num">{ show::percent(m.total_ns, all) }</td>
                        <td class="num">{ show::duration(m.self_ns) }</td>
                        if with_device { <td class="num">{ maybe_duration(m.total_device_ns) }</td><td class="num">{ maybe_duration(m.self_device_ns) }</td> }<td class="num">{ show::count(m.count) }</td>
                        <td><To place={timeline_at(None, Some(m.longest_slice))}>{ "longest" }</To></td></tr>
                }) }</tbody>
            </table></div>
        </section>
    }
}

/// torch's own table beside ours.
fn check(table: &TableCheck) -> Html {
    let alone = table.equal + table.differ == 0;
    let verdict = |v: TableVerdict| match v {
        TableVerdict::Equal => "✓ equal",
        TableVerdict::Differs => "≠ differs",
        TableVerdict::OnlyInTable => "only in the table",
    };
    html! {
        <section aria-labelledby="table-head">
            <h2 id="table-head">{ "torch's own table" }<span class="aside">{ &table.file }</span></h2>
            <p class="definition">{ if alone { "Times are rounded as the table shows them.".to_owned() } else {
                format!("{} round to what the table says, {} differ, {} are in the table only. The table's times are rounded to the last digit shown.",
                    show::counted(table.equal, "row"), show::count(table.differ), show::count(table.only_in_table)) } }</p>
            <div class="scrolled tall"><table>
                <thead><tr><th>{ "Name" }</th><th class="num">{ "Self" }</th><th class="num">{ "Total" }</th><th class="num">{ "Calls" }</th><th class="num">{ "Device, self" }</th>
                    if !alone { <th class="num">{ "Ours: self" }</th><th class="num">{ "total" }</th><th class="num">{ "calls" }</th><th>{ "Held against ours" }</th> }</tr></thead>
                <tbody>{ for table.rows.iter().map(|r| html! {
                    <tr><td class="name">{ &r.name }</td><td class="num">{ maybe_duration(r.self_cpu_ns) }</td><td class="num">{ maybe_duration(r.total_cpu_ns) }</td><td class="num">{ show::count(r.calls) }</td><td class="num">{ maybe_duration(r.self_device_ns) }</td>
                        if !alone { <td class="num">{ maybe_duration(r.our_self_cpu_ns) }</td><td class="num">{ maybe_duration(r.our_total_cpu_ns) }</td><td class="num">{ r.our_calls.map_or_else(|| "–".into(), show::count) }</td><td>{ verdict(r.verdict) }{ " " }<span class="soft">{ &r.why }</span></td> }</tr>
                }) }</tbody>
            </table></div>
        </section>
    }
}

fn operators(rows: &[Operator], by: &UseStateHandle<By>, text: &str, is_operators: bool) -> Html {
    let with_device = is_operators && rows.iter().any(|o| o.total_device_ns.is_some());
    let with_bytes = is_operators && has_bytes(rows);
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
                if with_bytes { <th class="num">{ "Host bytes, self" }</th><th class="num">{ "Device bytes, self" }</th> }
                <th><Term word="Show" means="The longest call, in the timeline." /></th></tr></thead>
            <tbody>
                { for shown.iter().map(|o| html! {
                    <tr>
                        <td class="name">{ &o.name }
                            if let Some(shapes) = &o.shapes { <div class="soft">{ shapes }</div> }
                            { for o.stack.iter().map(|frame| html! { <div class="soft">{ frame }</div> }) }</td>
                        <td class="num">{ show::duration(o.self_cpu_ns) }</td><td class="num">{ show::duration(o.total_cpu_ns) }</td><td class="num">{ show::count(o.count) }</td>
                        if with_device { <td class="num">{ maybe_duration(o.self_device_ns) }</td><td class="num">{ maybe_duration(o.total_device_ns) }</td> }
                        if with_bytes { <td class="num">{ o.self_cpu_bytes.map_or_else(|| "–".into(), bytes) }</td><td class="num">{ o.self_device_bytes.map_or_else(|| "–".into(), bytes) }</td> }
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
            <thead><tr><th>{ "Name" }</th><th>{ "Kind" }</th><th class="num">{ "Total" }</th><th class="num">{ "Of all listed" }</th><th class="num">{ "Count" }</th><th class="num">{ "Mean" }</th><th class="num">{ "Shortest" }</th><th class="num">{ "Longest" }</th><th>{ "Show" }</th></tr></thead>
            <tbody>
                { for rows.iter().filter(|k| matches(&k.name, text)).map(|k| html! {
                    <tr><td class="name">{ &k.name }</td><td>{ &k.kind }</td><td class="num">{ show::duration(k.total_ns) }</td><td class="num">{ show::percent(k.total_ns, all) }</td>
                        <td class="num">{ show::count(k.count) }</td><td class="num">{ show::duration(k.mean_ns) }</td><td class="num">{ show::duration(k.min_ns) }</td><td class="num">{ show::duration(k.max_ns) }</td>
                        <td><To place={timeline_at(None, Some(k.longest_slice))}>{ "longest" }</To></td></tr>
                }) }
            </tbody>
        </table>
        </div>
    }
}
