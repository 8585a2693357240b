//! The report as a file.

use yew::prelude::*;

use crate::app::state::{Action, State};
use crate::protocol::engine::{Answer, Question};
use crate::web::download;

/// Asks for the report in a format, and saves it.
pub fn on_report(state: &UseReducerHandle<State>) -> Callback<&'static str> {
    let (engine, dispatch) = (state.engine.clone(), state.dispatcher());
    Callback::from(move |format: &'static str| {
        let Some(engine) = &engine else { return };
        let dispatch = dispatch.clone();
        let question = Question::Report {
            format: format.into(),
        };
        engine.ask(question, move |answer| {
            dispatch.dispatch(Action::Trouble(saved(format, answer)));
        });
    })
}

/// Saves a report as a file; else says why not.
fn saved(format: &str, answer: Answer) -> Option<AttrValue> {
    match answer {
        Answer::Report { file_name, text } => {
            let kind = match format {
                "json" => "application/json",
                "markdown" => "text/markdown",
                "text" => "text/plain",
                _ => "text/csv",
            };
            let why = download::save(&file_name, kind, &text).err()?;
            Some(format!("The report could not be saved: {why:?}.").into())
        }
        Answer::Nothing { why } => Some(format!("The report could not be made: {why}.").into()),
        _ => None,
    }
}
