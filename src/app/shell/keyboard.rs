//! The keys of the whole page: search, help, and a number for each view.

use web_sys::KeyboardEvent;
use yew::prelude::*;

use crate::app::shell::state::{Action, State};
use crate::web::listener::{Listener, is_typing};

#[hook]
pub fn use_keyboard(
    dispatch: &UseReducerDispatcher<State>,
    on_search: &Callback<bool>,
    on_help: &Callback<bool>,
) {
    use_effect_with((), {
        let (dispatch, on_search, on_help) = (dispatch.clone(), on_search.clone(), on_help.clone());
        move |()| {
            let listener = web_sys::window().map(|window| {
                Listener::new(&window, "keydown", move |event: KeyboardEvent| {
                    if is_typing(&event) || event.ctrl_key() || event.meta_key() || event.alt_key() {
                        return;
                    }
                    match event.key().as_str() {
                        "/" => {
                            event.prevent_default();
                            on_search.emit(true);
                        }
                        "?" => on_help.emit(true),
                        key => {
                            // From 1 on: the views, in the order of their tabs.
                            if let Some(nth) = key.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
                                dispatch.dispatch(Action::NthView(nth));
                            }
                        }
                    }
                })
            });
            move || drop(listener)
        }
    });
}
