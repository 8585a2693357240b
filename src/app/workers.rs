//! Workers of one run, side by side.

use yew::prelude::*;

use super::parts::maybe_duration;
use super::shown::Shown;
use crate::base::show;
use crate::view::{Summary, WorkerRow};

#[derive(Properties, PartialEq)]
pub struct WorkersProps {
    pub summary: Shown<Summary>,
    pub on_worker: Callback<String>,
}

#[component]
pub fn WorkersView(props: &WorkersProps) -> Html {
    let Some(workers) = &props.summary.workers else {
        return html! { <p class="empty">{ "One worker alone: open the folder that holds several." }</p> };
    };
    let open = props.summary.beside.as_ref().and_then(|b| b.worker.clone());
    let longest = workers.rows.iter().filter_map(|r| r.total_ns).max().unwrap_or(0);
    let sure = workers.sure.key();
    html! {
        <>
            <section aria-labelledby="workers-head">
                <h2 id="workers-head">{ "Workers side by side" }</h2>
                <p class="workers-says"><b>{ &workers.says }</b>{ format!(" ({sure})") }</p>
                { for workers.links_say.iter().map(|sentence| html! { <p>{ sentence }</p> }) }
                <p class="definition">{ "Sums over the steps and devices that each worker's own table or lanes divide. Computing, communication that no computing hides, and free fill the time; overlapped communication lies inside computing. The wait for other ranks in collective operations is a part of the communication; who waits least comes last." }</p>
                <div class="scrolled">
                <table>
                    <thead><tr>
                        <th class="num">{ "Rank" }</th><th>{ "Worker" }</th><th class="num">{ "Steps" }</th><th class="num">{ "Computing" }</th>
                        <th class="num wrapped">{ "Communication, not overlapped" }</th><th class="num">{ "Overlapped" }</th><th class="num">{ "Free" }</th><th class="num">{ "Free, of all" }</th>
                        <th class="num wrapped">{ "Wait in collectives" }</th><th>{ "Divided" }</th><th>{ "Show" }</th>
                    </tr></thead>
                    <tbody>{ for (0u32..).zip(&workers.rows).map(|(i, worker)| row(worker, workers.slow == Some(i), open.as_ref() == Some(&worker.name), longest, Some(&props.on_worker))) }</tbody>
                </table>
                </div>
                <p class="legend"><span class="part-computing">{ "■ " }</span>{ "computing " }<span class="part-exposed">{ "■ " }</span>{ "communication, not overlapped " }<span class="part-free">{ "■ " }</span>{ "free" }</p>
            </section>
            if !workers.stages.is_empty() {
                <section aria-labelledby="stages-head">
                    <h2 id="stages-head">{ "Stages of the pipeline" }</h2>
                    <p class="definition">{ "Of each part, the longest of the stage's ranks, as the vendor's tool wrote it." }</p>
                    <div class="scrolled">
                    <table>
                        <thead><tr>
                            <th class="num">{ "Rank" }</th><th>{ "Stage" }</th><th class="num">{ "Steps" }</th><th class="num">{ "Computing" }</th>
                            <th class="num wrapped">{ "Communication, not overlapped" }</th><th class="num">{ "Overlapped" }</th><th class="num">{ "Free" }</th><th class="num">{ "Free, of all" }</th>
                            <th class="num wrapped">{ "Wait in collectives" }</th><th>{ "Divided" }</th><th>{ "Show" }</th>
                        </tr></thead>
                        <tbody>{ for workers.stages.iter().map(|stage| row(stage, false, false, longest, None)) }</tbody>
                    </table>
                    </div>
                </section>
            }
            <section aria-labelledby="missing-head">
                <h2 id="missing-head">{ "What is not here" }</h2>
                if workers.rows.iter().all(|w| w.missing.is_empty()) {
                    <p class="empty">{ "Nothing is missing: every worker has its trace and its tables." }</p>
                } else {
                    <ul>{ for workers.rows.iter().filter(|w| !w.missing.is_empty()).map(|w| html! { <li><b>{ w.label() }</b>{ ": " }{ w.missing.join(" ") }</li> }) }</ul>
                }
            </section>
        </>
    }
}

/// What a table of all workers says of one cannot be opened.
fn row(
    worker: &WorkerRow,
    slow: bool,
    open: bool,
    longest: i64,
    on_worker: Option<&Callback<String>>,
) -> Html {
    let on_worker = on_worker.filter(|_| worker.source.as_deref() != Some("cluster"));
    let free = worker.free_ns.zip(worker.total_ns);
    let name = worker.name.clone();
    let label = format!("Open {}", worker.label());
    let parts = [
        ("part-computing", worker.computing_ns),
        ("part-exposed", worker.communication_not_overlapped_ns),
        ("part-free", worker.free_ns),
    ];
    let width = |ns: Option<i64>| {
        format!(
            "width:{:.2}%",
            ns.unwrap_or(0) as f64 * 100.0 / longest.max(1) as f64
        )
    };
    html! {
        <tr class={classes!(slow.then_some("slow"), open.then_some("selected"))}>
            <td class="num">{ worker.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string()) }</td>
            <td class="name">{ &worker.name }if slow { <span class="badge slow-badge">{ "slow" }</span> }</td>
            <td class="num">{ show::count(worker.steps) }</td>
            <td class="num">{ maybe_duration(worker.computing_ns) }</td>
            <td class="num">{ maybe_duration(worker.communication_not_overlapped_ns) }</td>
            <td class="num">{ maybe_duration(worker.overlapped_ns) }</td>
            <td class="num">{ maybe_duration(worker.free_ns) }</td>
            <td class="num">{ free.map_or_else(|| "–".to_owned(), |(free, total)| show::percent(free, total)) }</td>
            <td class="num">{ maybe_duration(worker.collective_wait_ns) }</td>
            <td><span class="worker-bar" aria-hidden="true">{ for parts.map(|(class, ns)| html! { <span {class} style={width(ns)}></span> }) }</span></td>
            <td>if open { { "open" } } else if let Some(on_worker) = on_worker { <button type="button" aria-label={label} onclick={on_worker.reform(move |_: MouseEvent| name.clone())}>{ "Open" }</button> }</td>
        </tr>
    }
}
