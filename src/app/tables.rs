//! The profiler's own tables: how the device's time divides, operators by kind, kernel by kernel, driver calls; links
//! between ranks, collective operations, and memory where they are there.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::as_found::{AsFound, has_as_found, is_as_found};
use super::ask::use_answer;
use super::parts::{To, maybe_duration, timeline_at};
use super::shown::Shown;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::table::page;
use crate::view::{
    Allocation, Allocations, ApiStatistic, Beside, BreakdownRow, Collective, KernelLine, KernelOrder, Link,
    MemoryPeak, OVERALL_SAYS, OperatorStatistic, Overall, Span, Summary,
};
use crate::web::engine::Engine;

/// Rows of kernels at a time.
const PAGE_ROWS: u32 = 200;

#[derive(Properties, PartialEq)]
pub struct TablesProps {
    pub summary: Shown<Summary>,
    pub engine: Engine,
}

#[component]
pub fn Tables(props: &TablesProps) -> Html {
    let text = use_state_eq(String::new);
    let oninput = {
        let text = text.clone();
        move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value())
    };
    let Some(beside) = &props.summary.beside else {
        return html! { <p class="empty">{ "This profiler wrote no tables beside the trace." }</p> };
    };
    html! {
        <>
            if !beside.missing.is_empty() {
                <ul class="note missing">{ for beside.missing.iter().map(|m| html! { <li>{ m }</li> }) }</ul>
            }
            if is_as_found(beside) {
                <AsFound summary={props.summary.clone()} />
            } else {
                { of_profiler(props, beside, &text, oninput) }
            }
        </>
    }
}

fn of_profiler(
    props: &TablesProps,
    beside: &Beside,
    text: &str,
    oninput: impl Fn(InputEvent) + 'static,
) -> Html {
    html! {
        <>
            <section aria-labelledby="division-head">
                <h2 id="division-head">{ "How the device's time divides" }</h2>
                if beside.step_breakdown.is_empty() { <p class="empty">{ "Neither lanes nor a table divide it." }</p> }
                else { { division(&beside.step_breakdown) } }
            </section>
            if let Some(all) = &beside.overall {
                <section aria-labelledby="overall-head">
                    <h2 id="overall-head">{ "Overall" }</h2>
                    { overall(all) }
                </section>
            }
            <div class="filters"><label>{ "Only names that contain " }<input type="search" {oninput} /></label></div>
            <section aria-labelledby="statistics-head">
                <h2 id="statistics-head">{ "Operators by kind and core" }</h2>
                { statistics(beside, text) }
            </section>
            <section aria-labelledby="rows-head">
                <h2 id="rows-head">{ "Kernel by kernel" }</h2>
                if beside.kernel_details.is_none() { <p class="empty">{ "There is no table of kernels (kernel_details.csv)." }</p> }
                else { <Kernels engine={props.engine.clone()} text={text.to_owned()} origin_ns={props.summary.extent.map(|e| e.start)} /> }
            </section>
            <section aria-labelledby="apis-head">
                <h2 id="apis-head">{ "Driver calls" }</h2>
                { apis(&beside.api_statistics, text) }
            </section>
            if !beside.links.is_empty() {
                <section aria-labelledby="links-head">
                    <h2 id="links-head">{ "Links between ranks" }</h2>
                    { links(&beside.links, &beside.links_say) }
                </section>
            }
            if !beside.collectives.is_empty() {
                <section aria-labelledby="collectives-head">
                    <h2 id="collectives-head">{ "Collective operations one by one" }</h2>
                    { collectives(&beside.collectives, text) }
                </section>
            }
            if let Some(all) = &beside.allocations {
                <section aria-labelledby="allocations-head">
                    <h2 id="allocations-head">{ "Memory allocated by operators" }</h2>
                    { allocations(all, text) }
                    if !all.kept.is_empty() { { kept(&all.kept, text) } }
                </section>
            }
            { peaks("framework-memory-head", "Highest memory of the framework's allocators", &beside.memory_peaks) }
            { peaks("module-memory-head", "Highest memory of the driver's components", &beside.module_memory_peaks) }
            if has_as_found(beside) { <AsFound summary={props.summary.clone()} /> }
        </>
    }
}

fn matches(name: &str, text: &str) -> bool {
    text.is_empty() || name.to_lowercase().contains(&text.to_lowercase())
}

fn division(rows: &[BreakdownRow]) -> Html {
    html! {
        <>
        <p class="definition">{ "As the profiler says itself: in lanes of the timeline for the whole recording, and in its table step by step. The two are never added. More than 10 % free is the vendor's sign that the host hands out work too slowly." }</p>
        <div class="scrolled"><table>
            <thead><tr><th>{ "Of" }</th><th>{ "By" }</th><th class="num">{ "Device" }</th><th class="num">{ "Computing" }</th><th class="num wrapped">{ "Communication, not overlapped" }</th><th class="num">{ "Overlapped" }</th><th class="num">{ "Free" }</th><th class="num">{ "Free, of all" }</th><th>{ "Show" }</th></tr></thead>
            <tbody>{ for rows.iter().map(|row| html! {
                <tr>
                    <td>{ row.step.as_ref().map_or_else(|| "all".to_owned(), |step| format!("step {step}")) }</td>
                    <td>{ if row.source == "table" { "table" } else { "lanes" } }</td>
                    <td class="num">{ row.device.map_or_else(|| "–".to_owned(), |d| d.to_string()) }</td>
                    <td class="num">{ show::duration(row.computing_ns) }</td>
                    <td class="num">{ show::duration(row.communication_not_overlapped_ns) }</td>
                    <td class="num">{ show::duration(row.overlapped_ns) }</td>
                    <td class="num">{ show::duration(row.free_ns) }</td>
                    <td class="num">{ show::percent(row.free_ns, row.total_ns) }</td>
                    <td>if let (Some(start), Some(end)) = (row.start_ns, row.end_ns) { <To place={timeline_at(Some(Span::new(start, end)), None)}>{ "timeline" }</To> }</td>
                </tr>
            }) }</tbody>
        </table></div>
        </>
    }
}

fn overall(all: &Overall) -> Html {
    let by = if all.source == "table" {
        "By the profiler's table of steps. "
    } else {
        "By the profiler's lanes. "
    };
    html! {
        <>
        <p class="definition">{ by }{ OVERALL_SAYS }</p>
        <div class="scrolled"><table>
            <thead><tr><th>{ "Time" }</th><th class="num">{ "Total" }</th><th class="num">{ "Of all" }</th><th class="num">{ "Number" }</th></tr></thead>
            <tbody>{ for all.rows().into_iter().map(|(depth, part)| html! {
                <tr><td class="name" style={format!("padding-left:{}em", 1 + depth)}>{ &part.kind }</td><td class="num">{ show::duration(part.total_ns) }</td>
                    <td class="num">{ format!("{:.1} %", part.part * 100.0) }</td><td class="num">{ part.count.map_or_else(|| "–".to_owned(), show::count) }</td></tr>
            }) }</tbody>
        </table></div>
        </>
    }
}

fn statistics(beside: &Beside, text: &str) -> Html {
    if beside.operator_statistics.is_empty() {
        return html! { <p class="empty">{ "No kinds of operators are recorded: profiler level Level1 or more records them." }</p> };
    }
    let from = if beside.operator_statistics_source == "kernels" {
        "Computed from the table of kernels. "
    } else {
        "As the profiler wrote it. "
    };
    let fits = |row: &&OperatorStatistic| matches(&row.kind, text) || matches(&row.core, text);
    html! {
        <>
        <p class="definition">{ from }{ "Durations summed over all kernels of a kind; communication is left out." }</p>
        <div class="scrolled tall"><table>
            <thead><tr><th>{ "Kind" }</th><th>{ "Core" }</th><th class="num">{ "Total" }</th><th class="num">{ "Of all" }</th><th class="num">{ "Count" }</th><th class="num">{ "Mean" }</th><th class="num">{ "Shortest" }</th><th class="num">{ "Longest" }</th></tr></thead>
            <tbody>{ for beside.operator_statistics.iter().filter(fits).map(|row| html! {
                <tr><td class="name">{ &row.kind }</td><td>{ &row.core }</td><td class="num">{ show::duration(row.total_ns) }</td><td class="num">{ format!("{:.1} %", row.part * 100.0) }</td>
                    <td class="num">{ show::count(row.count) }</td><td class="num">{ show::duration(row.mean_ns) }</td><td class="num">{ show::duration(row.min_ns) }</td><td class="num">{ show::duration(row.max_ns) }</td></tr>
            }) }</tbody>
        </table></div>
        </>
    }
}

fn apis(rows: &[ApiStatistic], text: &str) -> Html {
    if rows.is_empty() {
        return html! { <p class="empty">{ "No driver calls are recorded: profiler level Level1 or more records them." }</p> };
    }
    html! {
        <div class="scrolled tall"><table>
            <caption>{ "By total time. A call inside a call counts for both." }</caption>
            <thead><tr><th>{ "Call" }</th><th>{ "Level" }</th><th class="num">{ "Total" }</th><th class="num">{ "Count" }</th><th class="num">{ "Mean" }</th><th class="num">{ "Shortest" }</th><th class="num">{ "Longest" }</th></tr></thead>
            <tbody>{ for rows.iter().filter(|row| matches(&row.name, text)).map(|row| html! {
                <tr><td class="name">{ &row.name }</td><td>{ &row.level }</td><td class="num">{ show::duration(row.total_ns) }</td><td class="num">{ show::count(row.count) }</td>
                    <td class="num">{ show::duration(row.mean_ns) }</td><td class="num">{ show::duration(row.min_ns) }</td><td class="num">{ show::duration(row.max_ns) }</td></tr>
            }) }</tbody>
        </table></div>
    }
}

fn links(rows: &[Link], says: &[String]) -> Html {
    html! {
        <>
        { for says.iter().map(|sentence| html! { <p class="definition">{ sentence }</p> }) }
        <div class="scrolled tall"><table>
            <caption>{ "By transit time, over all steps and operations. GB/s is 10^9 bytes a second; what moves little is bound by latency." }</caption>
            <thead><tr><th class="num">{ "From rank" }</th><th class="num">{ "To rank" }</th><th>{ "By" }</th><th class="num">{ "Moved" }</th><th class="num">{ "Transit" }</th><th class="num">{ "GB/s" }</th><th>{ "Group" }</th></tr></thead>
            <tbody>{ for rows.iter().map(|row| html! {
                <tr><td class="num">{ row.from }</td><td class="num">{ row.to }</td><td>{ &row.transport }</td><td class="num">{ show::bytes(row.bytes) }</td>
                    <td class="num">{ show::duration(row.transit_ns) }</td><td class="num">{ row.gb_per_s.map_or_else(|| "–".to_owned(), show::rate) }</td><td class="name">{ &row.group }</td></tr>
            }) }</tbody>
        </table></div>
        </>
    }
}

fn collectives(rows: &[Collective], text: &str) -> Html {
    html! {
        <div class="scrolled tall"><table>
            <caption>{ "Longest first. Elapsed is transit, wait for other ranks, and idle time between the two; synchronisation is the wait before the first byte." }</caption>
            <thead><tr><th>{ "Operation" }</th><th>{ "Kind" }</th><th>{ "Step" }</th><th class="num">{ "Elapsed" }</th><th class="num">{ "Transit" }</th><th class="num">{ "Wait" }</th><th class="num">{ "Synchronisation" }</th><th class="num">{ "Idle" }</th></tr></thead>
            <tbody>{ for rows.iter().filter(|row| matches(&row.name, text)).map(|row| html! {
                <tr><td class="name">{ &row.name }</td><td>{ if row.is_point_to_point { "point to point" } else { "collective" } }</td><td>{ if row.step.is_empty() { "–" } else { &row.step } }</td>
                    <td class="num">{ show::duration(row.elapse_ns) }</td><td class="num">{ maybe_duration(row.transit_ns) }</td><td class="num">{ maybe_duration(row.wait_ns) }</td>
                    <td class="num">{ maybe_duration(row.synchronization_ns) }</td><td class="num">{ maybe_duration(row.idle_ns) }</td></tr>
            }) }</tbody>
        </table></div>
    }
}

fn allocations(all: &Allocations, text: &str) -> Html {
    html! {
        <>
        <p class="definition">{ all.says() }</p>
        <div class="scrolled tall"><table>
            <caption>{ "Most bytes first. Kept: not given back while the profiler ran." }</caption>
            <thead><tr><th>{ "Operator" }</th><th class="num">{ "In sum" }</th><th class="num">{ "Count" }</th><th class="num">{ "Largest" }</th><th class="num">{ "Held longest" }</th><th class="num">{ "Kept" }</th><th class="num">{ "Kept, in sum" }</th></tr></thead>
            <tbody>{ for all.by_operator.iter().filter(|row| matches(&row.operator, text)).map(|row| html! {
                <tr><td class="name">{ &row.operator }</td><td class="num">{ show::bytes(row.bytes) }</td><td class="num">{ show::count(row.count) }</td><td class="num">{ show::bytes(row.max_bytes) }</td>
                    <td class="num">{ maybe_duration(row.longest_ns) }</td><td class="num">{ show::count(row.not_released) }</td><td class="num">{ show::bytes(row.not_released_bytes) }</td></tr>
            }) }</tbody>
        </table></div>
        </>
    }
}

fn kept(rows: &[Allocation], text: &str) -> Html {
    html! {
        <div class="scrolled tall"><table>
            <caption>{ "The largest that were not given back while the profiler ran." }</caption>
            <thead><tr><th>{ "Operator" }</th><th>{ "Device" }</th><th class="num">{ "Size" }</th></tr></thead>
            <tbody>{ for rows.iter().filter(|row| matches(&row.operator, text)).map(|row| html! {
                <tr><td class="name">{ &row.operator }</td><td>{ &row.device }</td><td class="num">{ show::bytes(row.bytes) }</td></tr>
            }) }</tbody>
        </table></div>
    }
}

/// Components that never held anything say nothing.
fn peaks(id: &'static str, title: &'static str, rows: &[MemoryPeak]) -> Html {
    let held = rows
        .iter()
        .filter(|p| p.allocated_bytes.max(p.reserved_bytes) > Some(0));
    let held: Vec<&MemoryPeak> = held.collect();
    let empty = rows.len() - held.len();
    if rows.is_empty() {
        return html! {};
    }
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "–".to_owned(), show::bytes);
    html! {
        <section aria-labelledby={id}>
            <h2 {id}>{ title }</h2>
            if empty > 0 { <p class="definition">{ format!("{} that held nothing not shown.", show::counted(empty as u64, "component")) }</p> }
            if held.is_empty() { <p class="empty">{ "No component ever held anything." }</p> }
            else {
                <div class="scrolled"><table>
                    <thead><tr><th>{ "Component" }</th><th>{ "Device" }</th><th class="num">{ "Reserved" }</th><th class="num">{ "Allocated" }</th><th class="num">{ "Readings" }</th></tr></thead>
                    <tbody>{ for held.iter().map(|p| html! {
                        <tr><td class="name">{ &p.component }</td><td>{ &p.device }</td><td class="num">{ bytes(p.reserved_bytes) }</td><td class="num">{ bytes(p.allocated_bytes) }</td><td class="num">{ show::count(p.readings) }</td></tr>
                    }) }</tbody>
                </table></div>
            }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct KernelsProps {
    engine: Engine,
    text: String,
    /// Where the trace starts, if there is one.
    origin_ns: Option<i64>,
}

#[component]
fn Kernels(props: &KernelsProps) -> Html {
    let order = use_state_eq(KernelOrder::default);
    let first = use_state_eq(|| 0u32);
    use_effect_with((props.text.clone(), *order), {
        let first = first.clone();
        move |_| first.set(0)
    });
    let question = Question::Kernels {
        text: props.text.clone(),
        order: *order,
        first_row: *first,
        n_rows: PAGE_ROWS,
    };
    let answer = use_answer(&props.engine, Some(question));
    let Some(Answer::Kernels(shown)) = answer.as_deref() else {
        return html! { <p class="empty">{ "…" }</p> };
    };
    let page = page(shown.n_rows, shown.first_row, PAGE_ROWS);
    let turn = |to: u32| {
        let first = first.clone();
        move |_: MouseEvent| first.set(to)
    };
    let sorted = |kind: KernelOrder, word: &'static str| {
        let (order, here) = (order.clone(), *order == kind);
        let direction = if kind == KernelOrder::Start {
            "ascending"
        } else {
            "descending"
        };
        html! { <th class="num" aria-sort={here.then_some(direction)}><button type="button" class="sort" onclick={move |_| order.set(kind)}>{ word }{ if here { " ▼" } else { "" } }</button></th> }
    };
    html! {
        <>
        <div class="pager">
            <button type="button" disabled={page.from == 0} onclick={turn(page.from.saturating_sub(PAGE_ROWS))}>{ "← Previous 200" }</button>
            <span class="num">{ format!("{}, {} in all · page {} of {}", show::counted(shown.n_rows.into(), "row"), show::duration(shown.total_ns), page.number, page.n_pages) }</span>
            <button type="button" disabled={page.number == page.n_pages} onclick={turn(page.to)}>{ "Next 200 →" }</button>
        </div>
        <div class="scrolled tall"><table class="kernel-rows">
            <thead><tr><th>{ "Kernel" }</th><th>{ "Kind" }</th><th>{ "Core" }</th>{ sorted(KernelOrder::Start, "Start") }{ sorted(KernelOrder::Duration, "Duration") }{ sorted(KernelOrder::Wait, "Wait before") }<th class="num">{ "Blocks" }</th><th>{ "Input shapes" }</th><th>{ "Show" }</th></tr></thead>
            <tbody>{ for shown.lines.iter().map(|line| kernel(line, props.origin_ns)) }</tbody>
        </table></div>
        </>
    }
}

fn kernel(line: &KernelLine, origin_ns: Option<i64>) -> Html {
    let start = match origin_ns {
        Some(origin) => format!("+{}", show::duration(line.start_ns.saturating_sub(origin))),
        None => show::count(line.start_ns.unsigned_abs() / 1000),
    };
    html! {
        <tr>
            <td class="name" title={line.operator.clone()}>{ &line.name }</td><td>{ &line.kind }</td><td>{ &line.core }</td>
            <td class="num" title={format!("{} ns", line.start_ns)}>{ start }</td><td class="num">{ show::duration(line.dur_ns) }</td><td class="num">{ maybe_duration(line.wait_ns) }</td>
            <td class="num">{ line.blocks.map_or_else(|| "–".to_owned(), |n| n.to_string()) }</td><td class="name">{ &line.shapes }</td>
            <td>if let Some(slice) = line.slice { <To place={timeline_at(None, Some(slice))}>{ "slice" }</To> }</td>
        </tr>
    }
}
