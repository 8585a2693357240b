//! The Device view: how devices spent their time, why they were idle, kernels and the rules that tell them apart,
//! launches, queues, copies, synchronisations. Shown where device work is recorded.

use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use crate::app::components::data_table::DataTable;
use crate::app::components::parts::{Part, Stack};
use crate::app::components::same_rc::SameRc;
use crate::base::show;
use crate::protocol::engine::{Answer, Question};
use crate::view::{DEFAULT_RULES, DeviceIdle, Summary, device_name};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct DeviceProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    /// Whether the whole file is read, so that tables are there and the rules can be changed.
    pub ready: bool,
    pub on_classified: Callback<(String, Box<Summary>)>,
}

#[component]
pub fn Device(props: &DeviceProps) -> Html {
    let summary = &props.summary;
    let has_launches = summary.has("launches");
    if !has_launches && !summary.fills().device {
        return html! { <p class="empty">{ "This trace holds no device work." }</p> };
    }
    let of = |table: &'static str| match props.ready {
        true => html! { <DataTable key={table} {table} engine={props.engine.clone()} /> },
        false => html! {},
    };
    html! {
        <>
            { of("device_time") }
            { for summary.idle.iter().map(idle) }
            if summary.idle_left_out > 0 {
                <p class="note">
                    { format!("{} with less idle time stand in the table.",
                              show::counted(summary.idle_left_out, "more device")) }
                </p>
            }
            if props.ready {
                <DataTable table="idle" title="Idle time by cause" engine={props.engine.clone()} />
            }
            { of("longest_idle") }
            { of("kernels") }
            if let Some(rules) = &summary.kernel_rules {
                <Rules rules={rules.clone()} engine={props.engine.clone()} ready={props.ready}
                       on_classified={props.on_classified.clone()} />
            }
            if let Some(note) = summary.no_launches() { <p class="note">{ note }</p> }
            { of("launches") }
            { of("launch_delays") }
            { of("queue_depth") }
            { of("stream_gaps") }
            { of("copies") }
            { of("syncs") }
        </>
    }
}

/// One device's idle time as a bar; the table below it has the numbers.
fn idle(idle: &DeviceIdle) -> Html {
    let device = device_name(idle.device, idle.rank.as_deref());
    let id = format!("idle-{}", device.replace(' ', "-"));
    let parts: Vec<Part> = idle
        .causes
        .iter()
        .map(|c| Part {
            key: c.cause.colour().key(),
            word: c.cause.says().to_owned(),
            ns: c.total_ns,
        })
        .collect();
    let size = format!(
        "{} of {} ({}), {}",
        show::duration(idle.idle_ns),
        show::duration(idle.span_ns),
        show::percent(idle.idle_ns, idle.span_ns),
        show::counted(idle.gaps, "gap")
    );
    html! {
        <section aria-labelledby={id.clone()}>
            <h2 {id}>{ format!("Why device {device} was idle") }<span class="aside num">{ size }</span></h2>
            if idle.gaps == 0 {
                <p class="empty">{ "It was never idle." }</p>
            } else {
                <Stack class="big" {parts} whole_ns={idle.idle_ns} />
            }
            if idle.skewed > 0 {
                <p class="note">{ format!(
                    "{} before the call that launched what follows: the clocks of host and device disagree. No time is \
                     counted for the way to the device there.",
                    if idle.skewed == 1 { "1 gap ends".to_owned() } else {
                        format!("{} gaps end", show::count(idle.skewed))
                    }
                ) }</p>
            }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct RulesProps {
    rules: String,
    engine: Engine,
    ready: bool,
    on_classified: Callback<(String, Box<Summary>)>,
}

/// The rules as text that the reader may change; the worker computes all answers anew.
#[component]
fn Rules(props: &RulesProps) -> Html {
    let area = use_node_ref();
    let said = use_state_eq(|| None::<Result<(), String>>);
    let busy = use_state_eq(|| false);
    let apply = {
        let (engine, on_classified, said, busy) = (
            props.engine.clone(),
            props.on_classified.clone(),
            said.clone(),
            busy.clone(),
        );
        move |rules: String| {
            let (on_classified, said, busy) = (on_classified.clone(), said.clone(), busy.clone());
            busy.set(true);
            let asked = rules.clone();
            engine.ask(Question::Classify { rules }, move |answer| {
                busy.set(false);
                match answer {
                    Answer::Anew(summary) => {
                        said.set(Some(Ok(())));
                        on_classified.emit((asked, summary));
                    }
                    Answer::Nothing { why } => said.set(Some(Err(why))),
                    _ => {}
                }
            });
        }
    };
    let on_apply = {
        let (area, apply) = (area.clone(), apply.clone());
        move |_: MouseEvent| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                apply(area.value());
            }
        }
    };
    let on_default = {
        let area = area.clone();
        move |_: MouseEvent| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                area.set_value(DEFAULT_RULES);
            }
            apply(DEFAULT_RULES.to_owned());
        }
    };
    let off = !props.ready || *busy;
    html! {
        <details class="rules">
            <summary>
                { "Rules that tell kernels apart" }{ if props.rules == DEFAULT_RULES { "" } else { " (changed)" } }
            </summary>
            <p class="definition" id="rules-means">
                { "One rule a line: a kind (compute, communication, copy or set), a colon, and what the name contains, \
                   or starts with after ^, whatever the case. The first rule that fits decides; what none fits \
                   computes. What the tracer recorded as a copy or a memset stays what it is. Changed rules hold for \
                   every file that you open until the page is closed." }
            </p>
            <textarea ref={area} rows="12" spellcheck="false" aria-label="Rules that tell kernels apart"
                      aria-describedby="rules-means" defaultvalue={props.rules.clone()} />
            <p>
                <button type="button" disabled={off} onclick={on_apply}>{ "Apply" }</button>{ " " }
                <button type="button" disabled={off} onclick={on_default}>{ "Default rules" }</button>{ " " }
                <span role="status">{ match &*said {
                    _ if *busy => "Computing…".to_owned(),
                    Some(Ok(())) => "All numbers are computed by these rules.".to_owned(),
                    Some(Err(why)) => format!("Not applied – {why}."),
                    None => String::new(),
                } }</span>
            </p>
        </details>
    }
}
