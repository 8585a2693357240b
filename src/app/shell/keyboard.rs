//! The keys of the whole page, by the list of all commands; and a number for each view.

use std::rc::Rc;

use web_sys::KeyboardEvent;
use yew::prelude::*;

use crate::app::shell::state::{Action, State};
use crate::view::commands::{Command, Place, Pressed};
use crate::web::listener::{Listener, is_typing};

/// What a key's event says.
pub fn pressed<'a>(event: &KeyboardEvent, key: &'a str) -> Pressed<'a> {
    Pressed {
        key,
        ctrl: event.ctrl_key() || event.meta_key(),
        alt: event.alt_key(),
        shift: event.shift_key(),
    }
}

#[hook]
pub fn use_keyboard(dispatch: &UseReducerDispatcher<State>, on_command: &Callback<Command>) {
    let newest = use_mut_ref(|| on_command.clone());
    newest.replace(on_command.clone());
    use_effect_with((), {
        let (dispatch, newest) = (dispatch.clone(), Rc::clone(&newest));
        move |()| {
            let listener = web_sys::window().map(|window| {
                Listener::new(&window, "keydown", move |event: KeyboardEvent| {
                    if is_typing(&event) {
                        return;
                    }
                    let key = event.key();
                    let pressed = pressed(&event, &key);
                    let at = |place| matches!(place, Place::Page | Place::Trace);
                    if let Some(command) = Command::of_key(pressed, at) {
                        event.prevent_default();
                        let on_command = newest.borrow().clone();
                        on_command.emit(command);
                        return;
                    }
                    if pressed.ctrl || pressed.alt {
                        return;
                    }
                    // From 1 on: the views, in the order of their tabs.
                    if let Some(nth) = key.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
                        dispatch.dispatch(Action::NthView(nth));
                    }
                })
            });
            move || drop(listener)
        }
    });
}
