//! Which time of a step is its step time, why, and another on request.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::app::components::same_rc::SameRc;
use crate::protocol::engine::{Answer, Question};
use crate::table::step_time_says;
use crate::view::{Basis, Summary};
use crate::web::engine::Engine;

#[derive(Properties, PartialEq)]
pub struct StepTimeChoiceProps {
    pub summary: SameRc<Summary>,
    pub engine: Engine,
    pub on_anew: Callback<Box<Summary>>,
}

#[component]
pub fn StepTimeChoice(props: &StepTimeChoiceProps) -> Html {
    let busy = use_state_eq(|| false);
    let Some(time) = &props.summary.step_time else {
        return html! {};
    };
    let on_choice = {
        let (engine, on_anew, busy) = (props.engine.clone(), props.on_anew.clone(), busy.clone());
        move |event: Event| {
            let value = event.target_unchecked_into::<HtmlSelectElement>().value();
            let basis = Basis::from_key(&value);
            let (on_anew, busy) = (on_anew.clone(), busy.clone());
            busy.set(true);
            engine.ask(Question::StepTime { basis }, move |answer| {
                busy.set(false);
                if let Answer::Anew(summary) = answer {
                    on_anew.emit(summary);
                }
            });
        }
    };
    html! {
        <div class="filters step-time">
            <label>{ "Step time " }<select onchange={on_choice} disabled={*busy}>
                { for Basis::ALL.into_iter().map(|basis| html! {
                    <option value={basis.key()} selected={basis == time.basis} title={basis.means()}>
                        { basis.word() }
                    </option>
                }) }
            </select></label>
            <span class="hint">{ step_time_says(time) }</span>
        </div>
    }
}
