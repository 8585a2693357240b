//! The head of every view: which file, what is in it, where to go.

use yew::prelude::*;

use crate::app::companion::perfetto::PerfettoMenu;
use crate::app::components::same_rc::SameRc;
use crate::app::shell::start::OpenButton;
use crate::base::show;
use crate::protocol::engine::{PAGE, Question};
use crate::table::Ask;
use crate::view::route::{Chrome, View};
use crate::view::{Period, Phase, Span, Summary};
use crate::web::files::Picked;

#[derive(Properties, PartialEq)]
pub struct HeadProps {
    pub summary: Option<SameRc<Summary>>,
    pub view: View,
    /// What the timeline shows.
    pub window: Option<Span>,
    pub chrome: Chrome,
    pub ready: bool,
    /// Whether it is the built-in sample.
    pub sample: bool,
    pub on_open: Callback<Picked>,
    /// Another trace to compare with.
    pub on_compare: Callback<Picked>,
    pub on_theme: Callback<()>,
    pub on_help: Callback<bool>,
    pub on_search: Callback<bool>,
    pub on_report: Callback<Question>,
    pub on_cut: Callback<()>,
    pub on_close: Callback<()>,
}

#[component]
pub fn Head(props: &HeadProps) -> Html {
    let menu = use_node_ref();
    let close_menu = {
        let menu = menu.clone();
        move || {
            if let Some(menu) = menu.cast::<web_sys::Element>() {
                // A menu that stays open is only untidy.
                drop(menu.remove_attribute("open"));
            }
        }
    };
    let on_report = {
        let (close_menu, on_report) = (close_menu.clone(), props.on_report.clone());
        Callback::from(move |question: Question| {
            close_menu();
            on_report.emit(question);
        })
    };
    let on_cut = {
        let on_cut = props.on_cut.clone();
        move |_: MouseEvent| {
            close_menu();
            on_cut.emit(());
        }
    };
    let tools = html! {
        <div class="tools">
            if props.ready {
                <button type="button" onclick={props.on_search.reform(|_| true)} title="Search names (/)">
                    { "Search " }<kbd>{ "/" }</kbd>
                </button>
                <details ref={menu} class="menu">
                    <summary>{ "Report" }</summary>
                    <div class="menu-items">
                        { for REPORTS.map(|(format, word)| {
                            let question = Question::Report { format: format.to_owned() };
                            html! {
                                <button type="button" onclick={on_report.reform(move |_| question.clone())}>
                                    { format!("Download the report as {word}") }
                                </button>
                            }
                        }) }
                        <details class="tables-menu">
                            <summary>{ "Tables as CSV" }</summary>
                            { for props.summary.iter().flat_map(|summary| &summary.tables).map(|table| {
                                let question = Question::TableFile {
                                    key: table.key.clone(),
                                    ask: Ask::default(),
                                    format: "csv".to_owned(),
                                };
                                html! {
                                    <button type="button" onclick={on_report.reform(move |_| question.clone())}>
                                        { &table.title }
                                    </button>
                                }
                            }) }
                        </details>
                        <button type="button" onclick={on_cut}>{ "Download a cut-out…" }</button>
                    </div>
                </details>
                <PerfettoMenu window={props.window} />
            }
            if props.summary.is_some() && props.chrome == Chrome::Full {
                <OpenButton label="Open another…" on_open={props.on_open.clone()} />
                if props.ready {
                    <OpenButton label="Compare…" what="Trace to compare with" on_open={props.on_compare.clone()} />
                }
            }
            <button
                type="button" onclick={props.on_theme.reform(|_| ())}
                title="Light or dark" aria-label="Switch between light and dark">{ "◐" }</button>
            <button
                type="button" onclick={props.on_help.reform(|_| true)}
                title="Keys and help (?)" aria-label="Help">{ "?" }</button>
        </div>
    };
    let compact = (props.chrome != Chrome::Full).then_some("compact");
    let Some(summary) = &props.summary else {
        return html! {
            <header class={classes!("head", compact)}>
                <div class="head-line"><span class="brand">{ "Stepscope" }</span>{ tools }</div>
            </header>
        };
    };
    let on_close = props.on_close.clone();
    let brand = match compact {
        // The file is its host's: there is nothing to close it for.
        Some(_) => html! { <span class="brand">{ "Stepscope" }</span> },
        None => html! {
            <button type="button" class="brand" title="Close this file" onclick={move |_| on_close.emit(())}>
                { "Stepscope" }
            </button>
        },
    };
    html! {
        <header class={classes!("head", compact)}>
            <div class="head-line full">
                { brand }
                <span class="file" title={show::plain(&summary.file)}>{ show::plain(&summary.file) }</span>
                if props.sample { <span class="badge sample-badge">{ "generated sample" }</span> }
                <span class="facts" title={facts(summary)}>{ facts(summary) }</span>
                { tools }
            </div>
            <nav class="tabs" aria-label="Views">
                { for View::of_trace(summary.fills()).enumerate().map(|(i, view)| html! {
                    <a href={format!("#view={}", view.id())}
                       class={classes!("tab", (view == props.view).then_some("here"))}
                       aria-current={(view == props.view).then_some("page")} title={format!("Key {}", i + 1)}>
                        { title(view) }{ badge(view, summary) }
                    </a>
                }) }
            </nav>
        </header>
    }
}

/// The report as a whole: its format in [`Question::Report`], and its word.
const REPORTS: [(&str, &str); 4] = [
    (PAGE, "HTML"),
    ("json", "JSON"),
    ("markdown", "Markdown"),
    ("text", "text"),
];

pub fn title(view: View) -> &'static str {
    match view {
        View::Overview => "Overview",
        View::Steps => "Steps",
        View::Gaps => "Gaps",
        View::Device => "Device",
        View::Recompiles => "Recompiles",
        View::Operators => "Python & operators",
        View::Timeline => "Timeline",
        View::Stacks => "Stacks",
        View::Memory => "Memory",
        View::Workers => "Ranks",
        View::Compare => "Compare",
        View::Tables => "Profiler tables",
    }
}

fn badge(view: View, summary: &Summary) -> Html {
    let n = match view {
        View::Steps => u64::from(summary.n_steps),
        View::Recompiles => u64::from(summary.n_recompiles),
        View::Workers => match &summary.workers {
            Some(workers) => workers.count,
            None => summary.others.len() as u64 + 1,
        },
        _ => 0,
    };
    if n == 0 {
        html! {}
    } else {
        html! { <span class="tab-count">{ show::count(n) }</span> }
    }
}

/// Device, engine, rank and counts in one line.
fn facts(summary: &Summary) -> String {
    let mut facts = Vec::new();
    match (&summary.device_name, summary.device_kind.as_str()) {
        (Some(name), _) => facts.push(name.clone()),
        (None, "unknown") => {}
        (None, kind) => facts.push(kind.to_uppercase()),
    }
    facts.extend(summary.engine.clone());
    match (summary.rank, summary.world_size) {
        (Some(rank), Some(world)) => facts.push(format!("rank {rank} of {world}")),
        (Some(rank), None) => facts.push(format!("rank {rank}")),
        _ => {}
    }
    let serving = summary
        .step_counts
        .iter()
        .any(|(_, period, _)| *period == Period::Serving);
    let counts: Vec<String> = summary
        .step_counts
        .iter()
        .filter(|(_, period, _)| !serving || *period == Period::Serving)
        .map(|(phase, _, n)| match phase {
            // "43 step" would be no English.
            Phase::Unknown => show::counted(*n, "step"),
            Phase::Prefill | Phase::Decode => show::counted(*n, phase.word()),
            _ => format!("{} {}", show::count(*n), phase.word()),
        })
        .collect();
    if !counts.is_empty() {
        facts.push(format!(
            "{}{}",
            counts.join(", "),
            if serving { " serving" } else { "" }
        ));
    }
    if let Some(extent) = summary.extent {
        facts.push(show::duration(extent.len_ns()));
    }
    facts.join(" · ")
}
