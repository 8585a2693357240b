//! Which time of a step is its step time, why, and another on request.

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
    let choose = |basis: Basis| {
        let (engine, on_anew, busy) = (props.engine.clone(), props.on_anew.clone(), busy.clone());
        Callback::from(move |_: MouseEvent| {
            let (on_anew, busy) = (on_anew.clone(), busy.clone());
            busy.set(true);
            engine.ask(Question::StepTime { basis: Some(basis) }, move |answer| {
                busy.set(false);
                if let Answer::Anew(summary) = answer {
                    on_anew.emit(summary);
                }
            });
        })
    };
    html! {
        <div class="filters step-time">
            <div class="switches" role="group" aria-label="Step time">
                { for Basis::ALL.into_iter().map(|basis| {
                    let here = basis == time.basis;
                    html! {
                        <button type="button" class={classes!("switch", here.then_some("here"))} disabled={*busy}
                                aria-pressed={here.to_string()} title={basis.means()} onclick={choose(basis)}>
                            { basis.word() }
                        </button>
                    }
                }) }
            </div>
            <span class="hint">{ step_time_says(time) }</span>
        </div>
    }
}
