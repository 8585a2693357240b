//! Rules for kernels that the reader has made: they hold for the files that are opened after, too.

use yew::prelude::*;

use crate::app::shell::state::{Action, Stage, State};
use crate::protocol::engine::{Answer, Question};

#[hook]
pub fn use_rules(state: &UseReducerHandle<State>) {
    use_effect_with(state.stage.clone(), {
        let (engine, rules, dispatch) = (state.engine.clone(), state.rules.clone(), state.dispatcher());
        move |stage| {
            if let (Stage::Ready, Some(engine), Some(rules)) = (stage, engine, rules) {
                let asked = rules.clone();
                engine.ask(Question::Classify { rules }, move |answer| {
                    if let Answer::Anew(summary) = answer {
                        dispatch.dispatch(Action::Classified(asked, summary));
                    }
                });
            }
        }
    });
}
