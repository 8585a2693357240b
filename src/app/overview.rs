//! The Overview: what is wrong, what it costs, how that is known; then where time went; then the facts.

use yew::prelude::*;

use crate::app::companion::perfetto::InPerfetto;
use crate::app::components::ask::use_answer;
use crate::app::components::data_table::DataTable;
use crate::app::components::parts::{Part, Stack, Term, To, step_place, swatch, timeline_at};
use crate::app::components::plot::PictureView;
use crate::app::components::same_rc::SameRc;
use crate::app::shell::head::title;
use crate::app::steps::time_menu::StepTimeChoice;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::route::{Route, View};
use crate::view::{
    Finding, FindingEvidence, GapKind, Level, ON_REQUEST, OtherTrace, Period, Picked, Span, StepFilter,
    Summary, TimeBudget, Which, headlines, share_colour,
};
use crate::web::engine::Engine;

/// A finding with this many pieces of evidence may have had more.
const MOST_EVIDENCE: usize = 10;
/// A longer list of other traces opens on request.
const MOST_OPEN: usize = 8;

#[derive(Properties, PartialEq)]
pub struct OverviewProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub ready: bool,
    /// All answers were computed anew.
    pub on_anew: Callback<Box<Summary>>,
    /// Another trace of what was given is to be opened.
    pub on_which: Callback<Which>,
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
    let table = |table: &'static str| {
        html! { <DataTable key={table} {table} engine={props.engine.clone()} /> }
    };
    html! {
        <>
            { for summary.notes.iter().filter(|note| not_opened(note)).map(|note| html! {
                <p class="note warn" role="status">{ show::plain(note) }</p>
            }) }
            if !summary.others.is_empty() { { others(&summary.others, &props.on_which) } }
            if props.ready && metrics_alone.is_some() { { table("metrics") }{ table("metric_compiles") } }
            { verdict_section(summary) }
            if props.ready {
                <StepTimeChoice summary={summary.clone()} engine={props.engine.clone()}
                                on_anew={props.on_anew.clone()} />
            }
            if metrics_alone.is_none() || !summary.findings.is_empty() {
            <section aria-labelledby="findings-head" aria-live="polite">
                <h2 id="findings-head">{ head }</h2>
                if findings.clone().next().is_none() {
                    <p class="empty">
                        { if summary.partial { "None yet." } else {
                            "There is nothing in this trace that this version can judge."
                        } }
                    </p>
                }
                <ul class="findings">{ for findings.map(finding) }</ul>
                if summary.synchronised_capture {
                    <p class="note warn">
                        <b>{ "Synchronised capture. " }</b>
                        { "While this was recorded, every region waited for the device. Host and device do not overlap \
                           in it as they do in production: durations of host regions include device time, and gaps \
                           differ." }
                    </p>
                }
            </section>
            }
            if metrics_alone.is_some() {
                <p class="note">
                    { "A metrics file holds counters, not events. Open it together with its trace: it gives the \
                       compiles their time." }
                </p>
            }
            if let Some(budget) = &summary.budget { { budget_section(budget) } }
            if props.ready && summary.n_steps > 0 {
                <StepsStrip engine={props.engine.clone()} summary={summary.clone()} />
            }
            if props.ready { { table("device_time") } }
            { facts_section(summary) }
            if props.ready {
                { table("defects") }
                <details class="sizes">
                    <summary>{ "What makes the file large" }</summary>
                    { table("categories") }
                </details>
            }
        </>
    }
}

/// What a step takes and what bounds it, decode first; the rest of the devices stand in the table.
fn verdict_section(summary: &Summary) -> Html {
    let of_phase = headlines(&summary.verdicts);
    if of_phase.is_empty() {
        return html! {};
    }
    html! {
        <section class="verdict" aria-label="What a step takes" aria-live="polite">
            { for of_phase.iter().map(|verdict| html! {
                <p class={classes!("verdict-line", verdict.bound.key())} key={verdict.phase.key()}>
                    { &verdict.says }
                </p>
            }) }
        </section>
    }
}

/// The traces that may be opened in place of this one.
fn others(others: &[OtherTrace], on_which: &Callback<Which>) -> Html {
    let other = |other: &OtherTrace| {
        let (name, which) = (show::plain(&other.name), other.which.clone());
        let onclick = on_which.reform(move |_: MouseEvent| which.clone());
        html! {
            <li>
                <button type="button" {onclick} aria-label={format!("Open {name}")}>{ "Open" }</button>{ " " }
                <span class="name">{ name }</span>
                if let Some(n) = other.events {
                    { format!(", {}", show::counted(n, "event")) }
                }
            </li>
        }
    };
    html! {
        <details class="other-traces" open={others.len() <= MOST_OPEN}>
            <summary>{ format!("Open another trace ({})", show::count(others.len() as u64)) }</summary>
            <ul>{ for others.iter().map(other) }</ul>
        </details>
    }
}

/// Whether a note says that files or events were left out; the engine writes it so.
fn not_opened(note: &str) -> bool {
    note.starts_with("A page holds one trace") || note.trim_end_matches('.').ends_with(ON_REQUEST)
}

/// Where a finding's view shows what it speaks of.
fn place_of(finding: &Finding, view: View) -> Route {
    let gaps = match view {
        View::Gaps if finding.id == "time-between-steps" => Some(GapKind::Step),
        View::Gaps => Some(GapKind::Device),
        _ => None,
    };
    Route {
        view,
        gaps,
        ..Route::default()
    }
}

fn finding(finding: &Finding) -> Html {
    let (icon, word) = (finding.level.icon(), finding.level.word());
    let (sure, sure_means) = (finding.sure.key(), finding.sure.means());
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
                    <To place={place_of(finding, view)}>{ format!("→ {}", title(view)) }</To>
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
            key: share_colour(&share.id).key(),
            word: share.says.clone(),
            ns: share.total_ns,
        })
        .collect();
    html! {
        <section aria-labelledby="budget-head">
            <h2 id="budget-head">
                { "Where the time went" }<span class="aside num">{ show::duration(budget.total_ns) }</span>
            </h2>
            <Stack class="big" parts={parts} whole_ns={budget.total_ns} />
            <ul class="legend budget">
                { for budget.shares.iter().map(|share| html! {
                    <li>
                        { swatch(share_colour(&share.id).key(), &share.says) }
                        <span class="num">{ format!(
                            "{} ({})",
                            show::duration(share.total_ns),
                            show::percent(share.total_ns, budget.total_ns)
                        ) }</span>
                    </li>
                }) }
            </ul>
            <p class="definition">{ &budget.definition }</p>
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct StepsStripProps {
    engine: Engine,
    summary: SameRc<Summary>,
}

/// Steps over time, small, beside their groups.
#[component]
fn StepsStrip(props: &StepsStripProps) -> Html {
    let answer = use_answer(
        &props.engine,
        Some(Question::Steps {
            filter: StepFilter::default(),
            plot_window: props.summary.home,
            log: true,
            width_px: 0,
        }),
    );
    let plot = use_memo(answer, |answer| match answer.as_deref() {
        Some(Answer::Steps(view)) => view.over_time.clone().map(SameRc::new),
        _ => None,
    });
    let on_pick = Callback::from(|of: Picked| {
        if let (Picked::Step(step), Some(window)) = (of, web_sys::window()) {
            // A hash that cannot be set leaves the page where it is.
            drop(window.location().set_hash(&step_place(step).to_hash()));
        }
    });
    let counts = &props.summary.step_counts;
    let serves = counts.iter().any(|(_, period, _)| *period == Period::Serving);
    let others = serves && counts.iter().any(|(_, period, _)| *period != Period::Serving);
    let only = match serves {
        true => vec![("period".to_owned(), Period::Serving.key().to_owned())],
        false => Vec::new(),
    };
    html! {
        <section aria-labelledby="strip-head">
            <h2 id="strip-head">{ "Steps" }</h2>
            if let Some(picture) = &*plot {
                <PictureView picture={picture.clone()} height_px=110.0 {on_pick}
                             file={format!("{}.steps-over-time", props.summary.file)} />
            }
            <DataTable table="step_groups" engine={props.engine.clone()} {only} />
            if others {
                <p class="hint">
                    { "Serving only. " }
                    <To place={Route { view: View::Steps, ..Route::default() }}>{ "Steps" }</To>
                    { " has warm-up, too." }
                </p>
            }
        </section>
    }
}

fn facts_section(summary: &Summary) -> Html {
    let lost: u64 = summary.defects.iter().map(|d| d.events_lost).sum();
    let repaired: u64 = summary
        .defects
        .iter()
        .filter(|d| !d.ends_early && !d.is_of_no_event())
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
            { for summary.notes.iter().filter(|note| !not_opened(note)).map(|note| html! {
                <p class="note">{ show::plain(note) }</p>
            }) }
            if let Some(metrics) = summary.metrics.as_ref().filter(|_| summary.events > 0) {
                <p class="note">
                    { format!("The metrics file {} was opened beside it; it gives {} their time. ",
                              show::plain(&metrics.0), show::counted(metrics.1, "compile")) }
                    <To place={Route { view: View::Recompiles, ..Route::default() }}>{ "Recompiles" }</To>
                    { " shows its counters." }
                </p>
            }
            <dl class="facts-list"
                data-open-ms={summary.cost.map(|c| c.open_ms.to_string())}
                data-first-ms={summary.cost.and_then(|c| c.first_ms).map(|ms| ms.to_string())}
                data-memory-bytes={summary.cost.map(|c| c.memory_bytes.to_string())}
                data-events={summary.events.to_string()}
                data-inflated-bytes={summary.inflated_bytes.to_string()}>
                { fact("File", &show::plain(&summary.file)) }
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
