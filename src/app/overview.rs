//! The Overview: what is wrong, what it costs, how that is known; then where time went; then the facts.

use yew::prelude::*;

use super::ask::{use_answer, use_width};
use super::parts::{Part, Stack, Term, To, maybe_duration, step_place, swatch, timeline_at};
use super::perfetto::InPerfetto;
use super::plot::StepsPlotCanvas;
use super::recompiles::metrics_card;
use super::shown::Shown;
use super::steps::{compile_marks, groups_table};
use super::words;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::place::{Place, View};
use crate::view::{
    Engine as DeviceEngine, Engines, Finding, FindingEvidence, Level, ON_REQUEST, Period, Span, StepFilter,
    StepGroup, StepOrder, Summary, TimeBudget, device_name,
};
use crate::web::engine::Engine;

/// A finding with this many pieces of evidence may have had more.
const MOST_EVIDENCE: usize = 10;

#[derive(Properties, PartialEq)]
pub struct OverviewProps {
    pub summary: Shown<Summary>,
    pub engine: Engine,
    pub ready: bool,
    pub dark: bool,
}

#[component]
pub fn Overview(props: &OverviewProps) -> Html {
    let summary = &props.summary;
    // What is fine in a part of the file says nothing about the whole.
    let findings = summary
        .findings
        .iter()
        .filter(|f| !summary.partial || f.level != Level::Fine);
    let head = if summary.partial {
        format!(
            "Findings of the first {} (the file is still being read)",
            show::counted(summary.events, "event")
        )
    } else {
        "Findings".to_owned()
    };
    // A file of counters alone: there is nothing to judge.
    let metrics_alone = summary.metrics.as_ref().filter(|_| summary.events == 0);
    html! {
        <>
            { for summary.notes.iter().filter(|note| not_opened(note)).map(|note| html! { <p class="note warn" role="status">{ note }</p> }) }
            if let Some(metrics) = metrics_alone { { metrics_card(metrics) } }
            if metrics_alone.is_none() || !summary.findings.is_empty() {
            <section aria-labelledby="findings-head" aria-live="polite">
                <h2 id="findings-head">{ head }</h2>
                if findings.clone().next().is_none() {
                    <p class="empty">{ if summary.partial { "None yet." } else { "There is nothing in this trace that this version can judge." } }</p>
                }
                <ul class="findings">{ for findings.map(finding) }</ul>
                if summary.synchronised_capture {
                    <p class="note warn"><b>{ "Synchronised capture. " }</b>{ "While this was recorded, every region waited for the device. Host and device do not overlap in it as they do in production: durations of host regions include device time, and gaps differ." }</p>
                }
            </section>
            }
            if metrics_alone.is_some() {
                <p class="note">{ "A metrics file holds counters, not events. Open it together with its trace: it gives the compiles their time." }</p>
            }
            if let Some(budget) = &summary.budget { { budget_section(budget) } }
            if props.ready && summary.n_steps > 0 {
                <StepsStrip engine={props.engine.clone()} summary={summary.clone()} dark={props.dark} />
            }
            if !summary.device_time.is_empty() { { device_section(summary) } }
            { facts_section(summary) }
            <super::sizes::Sizes summary={summary.clone()} />
        </>
    }
}

/// Whether a note says that files or events were left out; the engine writes it so.
fn not_opened(note: &str) -> bool {
    note.starts_with("A page holds one trace") || note.trim_end_matches('.').ends_with(ON_REQUEST)
}

fn finding(finding: &Finding) -> Html {
    let (icon, word) = words::level(finding.level);
    let (sure, sure_means) = words::sure(finding.sure);
    let key = finding.level.key();
    let view = View::of_id(&finding.view).filter(|view| *view != View::Overview);
    html! {
        <li class={classes!("finding", key)} key={finding.id.clone()}>
            <span class="finding-level"><span aria-hidden="true">{ icon }</span>{ " " }{ word }</span>
            <div class="finding-body">
                <p class="finding-says">{ &finding.says }</p>
                if !finding.advice.is_empty() { <p class="finding-advice">{ &finding.advice }</p> }
                if !finding.evidence.is_empty() {
                    <details>
                        <summary>{ match finding.evidence.len() {
                            n if n < MOST_EVIDENCE => format!("Evidence ({n})"),
                            n => format!("Evidence ({n} shown)"),
                        } }</summary>
                        <ul class="evidence">{ for finding.evidence.iter().map(evidence) }</ul>
                    </details>
                }
            </div>
            <div class="finding-side">
                if let Some(cost) = finding.cost_ns.filter(|ns| *ns > 0) {
                    <span class="cost num" title="What it cost">{ show::duration(cost) }</span>
                }
                <Term class="badge" word={sure} means={sure_means} />
                if let Some(view) = view {
                    <To place={Place { view, ..Place::default() }}>{ format!("→ {}", super::head::title(view)) }</To>
                }
                if let Some((span, fact)) = finding.evidence.iter().find_map(|fact| Some((span_of(fact)?, fact))) {
                    <InPerfetto {span} what={fact.says.clone()} />
                }
            </div>
        </li>
    }
}

fn span_of(fact: &FindingEvidence) -> Option<Span> {
    let ends = fact.start_ns.zip(fact.end_ns);
    ends.map(|(start, end)| Span::new(start, end))
}

fn evidence(fact: &FindingEvidence) -> Html {
    let span = span_of(fact);
    html! {
        <li>
            { &fact.says }
            if span.is_some() || fact.slice.is_some() {
                { " " }<To place={timeline_at(span, fact.slice)}>{ "timeline" }</To>
            }
            if let Some(span) = span {
                <InPerfetto {span} what={fact.says.clone()} />
            }
            if let Some(step) = fact.step {
                { " " }<To place={step_place(step)}>{ format!("step {step}") }</To>
            }
        </li>
    }
}

fn budget_section(budget: &TimeBudget) -> Html {
    let parts: Vec<Part> = budget
        .shares
        .iter()
        .map(|share| Part {
            key: words::budget_key(&share.id),
            word: share.says.clone(),
            ns: share.total_ns,
        })
        .collect();
    html! {
        <section aria-labelledby="budget-head">
            <h2 id="budget-head">{ "Where the time went" }<span class="aside num">{ show::duration(budget.total_ns) }</span></h2>
            <Stack class="big" parts={parts} whole_ns={budget.total_ns} />
            <div class="scrolled"><table class="fit">
                <thead><tr><th>{ "Share" }</th><th class="num">{ "Time" }</th><th class="num">{ "Of all" }</th></tr></thead>
                <tbody>
                    { for budget.shares.iter().map(|share| html! {
                        <tr>
                            <td>{ swatch(words::budget_key(&share.id), &share.says) }</td>
                            <td class="num">{ show::duration(share.total_ns) }</td>
                            <td class="num">{ show::percent(share.total_ns, budget.total_ns) }</td>
                        </tr>
                    }) }
                </tbody>
            </table></div>
            <p class="definition">{ &budget.definition }</p>
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct StepsStripProps {
    engine: Engine,
    summary: Shown<Summary>,
    dark: bool,
}

/// Steps over time, small, beside their groups.
#[component]
fn StepsStrip(props: &StepsStripProps) -> Html {
    let node = use_node_ref();
    let width_px = use_width(&node);
    let answer = use_answer(
        &props.engine,
        (width_px > 0).then(|| Question::Steps {
            filter: StepFilter::default(),
            order: StepOrder::Time,
            first_row: 0,
            n_rows: 0,
            plot_window: props.summary.home,
            width_px,
        }),
    );
    let plot = match answer.as_deref() {
        Some(Answer::Steps(view)) => Some(Shown::new(view.plot.clone())),
        _ => None,
    };
    let groups = &props.summary.step_groups;
    let serves = groups.iter().any(|g| g.period == Period::Serving);
    let served: Vec<StepGroup> = groups
        .iter()
        .filter(|g| !serves || g.period == Period::Serving)
        .cloned()
        .collect();
    html! {
        <section aria-labelledby="strip-head">
            <h2 id="strip-head">{ "Steps over time" }<span class="aside">{ "bar height = duration of the pass (logarithmic) " }{ compile_marks(&props.summary) }</span></h2>
            <div ref={node} class="plot small">
                if let Some(plot) = plot {
                    <StepsPlotCanvas {plot} log=true origin_ns={props.summary.extent.map_or(0, |e| e.start)} dark={props.dark} />
                }
            </div>
            { groups_table(&served, None, None) }
            if served.len() < props.summary.step_groups.len() {
                <p class="hint">{ "Serving only. " }<To place={Place { view: View::Steps, ..Place::default() }}>{ "Steps" }</To>{ " has warm-up, too." }</p>
            }
        </section>
    }
}

fn device_section(summary: &Summary) -> Html {
    let devices = &summary.device_time;
    let engines = Engines::present_apart(devices.iter().map(|d| &d.engines));
    // 0 is for work that compute hides; where there is no such work, nothing is known.
    let has_kind = |kind: &str| summary.kernels.iter().any(|k| k.kind == kind);
    let (has_comm, has_copy) = (has_kind("comm"), has_kind("copy"));
    let exposed = |ns: i64, engine: Option<i64>, has_work: bool| {
        maybe_duration((ns > 0 || engine.is_some() || has_work).then_some(ns))
    };
    html! {
        <section aria-labelledby="device-head">
            <h2 id="device-head">{ "Device time" }</h2>
            <div class="scrolled"><table class="fit">
                <thead><tr>
                    <th>{ "Device" }</th><th>{ "Work counted" }</th><th class="num">{ "Covered" }</th><th class="num">{ "Busy" }</th><th class="num">{ "Idle" }</th>
                    <th class="num">{ "Compute" }</th><th class="num">{ "Communication, exposed" }</th><th class="num">{ "Copies, exposed" }</th>
                    { for engines.iter().map(|engine| html! { <th class="num">{ engine.word() }</th> }) }<th>{ "Show" }</th>
                </tr></thead>
                <tbody>
                    { for devices.iter().map(|d| html! {
                        <tr>
                            <td>{ format!("device {}", device_name(d.device, d.rank.as_deref())) }</td>
                            <td>{ if d.scope == "linked" { "linked to a launch" } else { "all" } }</td>
                            <td class="num">{ show::duration(d.span_ns) }</td>
                            <td class="num">{ format!("{} ({})", show::duration(d.busy_ns), show::percent(d.busy_ns, d.span_ns)) }</td>
                            <td class="num">{ format!("{} ({})", show::duration(d.idle_ns), show::percent(d.idle_ns, d.span_ns)) }</td>
                            <td class="num">{ show::duration(d.compute_ns) }</td>
                            <td class="num">{ exposed(d.comm_exposed_ns, d.engines[DeviceEngine::Nic], has_comm) }</td>
                            <td class="num">{ exposed(d.copy_exposed_ns, d.engines[DeviceEngine::Dma], has_copy) }</td>
                            { for engines.iter().map(|engine| html! { <td class="num">{ maybe_duration(d.engines[*engine]) }</td> }) }
                            <td><To place={timeline_at(Some(Span::new(d.start_ns, d.end_ns)), None)}>{ "timeline" }</To></td>
                        </tr>
                    }) }
                </tbody>
            </table></div>
            <p class="definition">{ "Covered: from the first start to the last end of device work. Compute + exposed communication + exposed copies + idle = covered; exposed means that no compute ran at that time. A dash: the trace holds no such work." }
                if !engines.is_empty() { { " Engines overlap: their times are unions of each engine's own work and do not add up." } }</p>
        </section>
    }
}

fn facts_section(summary: &Summary) -> Html {
    let lost: u64 = summary.defects.iter().map(|d| d.events_lost).sum();
    let repaired: u64 = summary
        .defects
        .iter()
        .filter(|d| !d.ends_early)
        .map(|d| d.count - d.events_lost)
        .sum();
    let mut read = format!(
        "Read {}. Repaired {}, lost {}.",
        show::counted(summary.events, "event"),
        show::count(repaired),
        show::count(lost)
    );
    if summary.defects.iter().any(|d| d.ends_early) {
        read.push_str(" The file ends early: what came after is unknown.");
    }
    html! {
        <section aria-labelledby="facts-head">
            <h2 id="facts-head">{ "About this trace" }</h2>
            <p>{ read }</p>
            { for summary.notes.iter().filter(|note| !not_opened(note)).map(|note| html! { <p class="note">{ note }</p> }) }
            if let Some(metrics) = summary.metrics.as_ref().filter(|_| summary.events > 0) {
                <p class="note">{ format!("The metrics file {} was opened beside it; it gives {} their time. ", metrics.file, show::counted(metrics.matched, "compile")) }
                    <To place={Place { view: View::Recompiles, ..Place::default() }}>{ "Recompiles" }</To>{ " shows its counters." }</p>
            }
            if !summary.defects.is_empty() {
                <div class="scrolled"><table class="fit">
                    <caption>{ "What was wrong with the file" }</caption>
                    <thead><tr><th>{ "Defect" }</th><th>{ "Effect" }</th><th class="num">{ "Count" }</th><th class="num">{ "First at byte" }</th><th>{ "Meaning" }</th></tr></thead>
                    <tbody>
                        { for summary.defects.iter().map(|d| html! {
                            <tr>
                                <td><code>{ &d.kind }</code></td>
                                <td>{ words::severity(d.severity) }</td>
                                <td class="num">{ show::count(d.count) }</td>
                                <td class="num">{ d.first_at_byte.map_or_else(|| "–".into(), show::count) }</td>
                                <td class="says">{ &d.says }</td>
                            </tr>
                        }) }
                    </tbody>
                </table></div>
            }
            <dl class="facts-list"
                data-open-ms={summary.cost.map(|c| c.open_ms.to_string())}
                data-first-ms={summary.cost.and_then(|c| c.first_ms).map(|ms| ms.to_string())}
                data-memory-bytes={summary.cost.map(|c| c.memory_bytes.to_string())}
                data-events={summary.events.to_string()}
                data-inflated-bytes={summary.inflated_bytes.to_string()}>
                { fact("File", &summary.file) }
                { fact("Format", &summary.format) }
                { fact("Size", &if summary.stopped.is_some() {
                    format!("{}; {} of text were read", show::bytes(summary.bytes), show::bytes(summary.inflated_bytes))
                } else if summary.inflated_bytes == summary.bytes { show::bytes(summary.bytes) } else {
                    format!("{}, inflated {}", show::bytes(summary.bytes), show::bytes(summary.inflated_bytes)) }) }
                { fact("Memory of the index", &show::bytes(summary.index_bytes)) }
                { for summary.cost.iter().map(|cost| html! { <>
                    { fact("Opened in", &show::milliseconds(cost.open_ms)) }
                    { fact("Peak memory", &show::bytes(cost.memory_bytes)) }
                </> }) }
                { fact("Covers", &summary.extent.map_or_else(|| "–".into(), |e| show::duration(e.len_ns()))) }
                { fact("Device", &summary.device_name.clone().unwrap_or_else(|| summary.device_kind.clone())) }
                { fact("Engine", summary.engine.as_deref().unwrap_or("–")) }
            </dl>
        </section>
    }
}

fn fact(name: &str, value: &str) -> Html {
    html! { <div><dt>{ name.to_owned() }</dt><dd>{ value.to_owned() }</dd></div> }
}
