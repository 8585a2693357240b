//! Keys and words.

use yew::prelude::*;

use crate::app::components::dialog::Dialog;
use crate::app::components::parts::swatch;
use crate::app::components::same_rc::SameRc;
use crate::app::shell::installed::OfflineHelp;
use crate::view::commands::{Command, GESTURES};
use crate::view::{BarClass, Phase, Summary, WorkKind};

#[derive(Properties, PartialEq)]
pub struct HelpProps {
    /// What is open: its colours are explained.
    pub summary: Option<SameRc<Summary>>,
    pub on_close: Callback<()>,
}

/// Whether the trace has anything of a class.
fn has(summary: &Summary, class: BarClass) -> bool {
    if let Some(engine) = class.engine() {
        return summary.engines.contains(&engine);
    }
    let phase = |phase: Phase| summary.step_counts.iter().any(|c| c.0 == phase);
    match class {
        BarClass::DeviceComm => summary.work_kinds.contains(&WorkKind::Comm),
        BarClass::DeviceCopy => summary.work_kinds.contains(&WorkKind::Copy),
        BarClass::DeviceOther => summary.has("device_time"),
        BarClass::Prefill => phase(Phase::Prefill),
        BarClass::Decode => phase(Phase::Decode),
        BarClass::Mixed => phase(Phase::Mixed),
        BarClass::Python => summary.has("python"),
        _ => true,
    }
}

/// The classes to explain, a class a colour: classes that share one share a meaning, too.
fn colours(summary: Option<&Summary>) -> Vec<BarClass> {
    let mut keys = Vec::new();
    BarClass::ALL
        .into_iter()
        .filter(|class| summary.is_none_or(|s| has(s, *class)))
        .filter(|class| {
            let key = class.colour().key();
            let new = !keys.contains(&key);
            keys.push(key);
            new
        })
        .collect()
}

#[component]
pub fn Help(props: &HelpProps) -> Html {
    html! {
        <Dialog label="Keys and words" on_close={props.on_close.clone()}>
                <div class="panel-head">
                    <h2>{ "Keys" }</h2>
                    <button type="button" onclick={props.on_close.reform(|_| ())}>{ "Close" }</button>
                </div>
                <table class="plain">
                    <tbody>
                        { for Command::ALL.into_iter().filter(|it| !it.keys().is_empty()).map(|command| html! {
                            <tr><th scope="row"><kbd>{ command.shown_keys() }</kbd></th><td>{ command.says() }</td></tr>
                        }) }
                        { for GESTURES.map(|(key, does)| html! {
                            <tr><th scope="row"><kbd>{ key }</kbd></th><td>{ does }</td></tr>
                        }) }
                    </tbody>
                </table>
                <h2>{ "Colours" }</h2>
                <p class="legend">
                    { for colours(props.summary.as_deref())
                        .into_iter()
                        .map(|class| swatch(class.colour().key(), class.word())) }
                </p>
                <p>
                    { "In the timeline, a paler bar stands for several slices that fall together at this zoom; its \
                       tooltip counts them. Stretches with an orange ground and an orange line at the axis are graph \
                       compiles; an orange frame at the axis is a step that only looks like one (suspected)." }
                </p>
                <h2>{ "How sure is a statement?" }</h2>
                <p><b>{ "recorded" }</b>{ ": the trace says so. " }
                   <b>{ "derived" }</b>{ ": computed from the trace by the definition shown. " }
                   <b>{ "suspected" }</b>{ ": a rule of thumb." }</p>
                <p>
                    { "Times are on the trace's own clock, in whole nanoseconds. A dash (–) means: the trace does not \
                       say." }
                </p>
                <OfflineHelp />
        </Dialog>
    }
}
