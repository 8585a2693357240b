//! The report as a file.

use yew::prelude::*;

use crate::app::shell::state::{Action, State};
use crate::protocol::engine::{Answer, Question};
use crate::web::download;

/// Asks for the report or a table as a file, and saves it.
pub fn on_report(state: &UseReducerHandle<State>) -> Callback<Question> {
    let (engine, dispatch) = (state.engine.clone(), state.dispatcher());
    Callback::from(move |question: Question| {
        let Some(engine) = &engine else { return };
        let dispatch = dispatch.clone();
        engine.ask(question, move |answer| {
            dispatch.dispatch(Action::Trouble(saved(answer)));
        });
    })
}

/// Saves a report as a file; else says why not.
fn saved(answer: Answer) -> Option<AttrValue> {
    match answer {
        Answer::Report { file_name, text } => {
            let kind = match file_name.rsplit('.').next() {
                Some("json") => "application/json",
                Some("html") => "text/html",
                Some("md") => "text/markdown",
                Some("csv") => "text/csv",
                _ => "text/plain",
            };
            let why = download::save(&file_name, kind, &text).err()?;
            Some(format!("The report could not be saved: {why:?}.").into())
        }
        Answer::Nothing { why } => Some(format!("The report could not be made: {why}.").into()),
        _ => None,
    }
}
