//! What opens over a view: search, help, saving a stretch, and the choice of what to load.

use yew::prelude::*;

use super::open_inputs::Opening;
use crate::app::shell::cut::{CutDialog, Offer};
use crate::app::shell::help::Help;
use crate::app::shell::loading;
use crate::app::shell::memory_budget::MemoryBudget;
use crate::app::shell::palette::{Choice, Palette};
use crate::app::shell::search::Search;
use crate::app::shell::state::{Action, Stage, State};

/// Which of them are open.
#[derive(Clone, PartialEq)]
pub struct Dialogs {
    help: UseStateHandle<bool>,
    palette: UseStateHandle<bool>,
    searching: UseStateHandle<bool>,
    cutting: UseStateHandle<Option<Offer>>,
}

#[hook]
pub fn use_dialogs() -> Dialogs {
    Dialogs {
        help: use_state_eq(|| false),
        palette: use_state_eq(|| false),
        searching: use_state_eq(|| false),
        cutting: use_state_eq(|| None),
    }
}

impl Dialogs {
    pub fn on_help(&self) -> Callback<bool> {
        let help = self.help.clone();
        Callback::from(move |open| help.set(open))
    }

    pub fn on_palette(&self) -> Callback<bool> {
        let palette = self.palette.clone();
        Callback::from(move |open| palette.set(open))
    }

    pub fn on_search(&self) -> Callback<bool> {
        let searching = self.searching.clone();
        Callback::from(move |open| searching.set(open))
    }

    pub fn on_cut(&self) -> Callback<Option<Offer>> {
        let cutting = self.cutting.clone();
        Callback::from(move |offer| cutting.set(offer))
    }

    /// All that are open.
    pub fn show(
        &self,
        state: &UseReducerHandle<State>,
        opening: &Opening,
        on_choice: &Callback<Choice>,
    ) -> Html {
        let fills = state.summary.as_ref().map(|summary| summary.fills());
        let ready = state.stage == Stage::Ready;
        let trace = state.summary.clone().zip(state.engine.clone()).filter(|_| ready);
        html! {
            <>
            { what_to_load(state, opening) }
            if let (true, true, Some(engine)) = (*self.searching, ready, state.engine.clone()) {
                <Search {engine} on_close={self.on_search().reform(|()| false)} />
            }
            if let (Some(offer), Some((summary, engine))) = ((*self.cutting).clone(), trace) {
                <CutDialog {summary} {engine} {offer} on_close={self.on_cut().reform(|()| None)} />
            }
            if *self.palette {
                <Palette
                    fills={fills.filter(|_| ready)} on_choice={on_choice.clone()}
                    on_close={self.on_palette().reform(|()| false)} />
            }
            if *self.help {
                <Help summary={state.summary.clone()} on_close={self.on_help().reform(|()| false)} />
            }
            </>
        }
    }
}

/// What of a file to load that does not fit, where the reader is asked.
fn what_to_load(state: &UseReducerHandle<State>, opening: &Opening) -> Html {
    let (Some(why), Some(estimate)) = (state.asking, state.estimate.clone()) else {
        return html! {};
    };
    let files: Vec<&str> = state.files.iter().map(|f| f.name.as_str()).collect();
    let file = loading::named(&files);
    let on_close = {
        let (close, dispatch, stage) = (opening.on_close(), state.dispatcher(), state.stage.clone());
        Callback::from(move |()| match stage {
            Stage::Asking => close.emit(()),
            _ => dispatch.dispatch(Action::Ask(None)),
        })
    };
    let (selection, on_choice) = (state.selection.clone(), opening.on_choice());
    html! { <MemoryBudget {why} {file} {estimate} {selection} {on_choice} {on_close} /> }
}
