//! Files that are dropped on the page or pasted into it, anywhere; JSON that is pasted as text.

use wasm_bindgen::JsCast;
use web_sys::{ClipboardEvent, DragEvent, Element};
use yew::prelude::*;

use crate::view::route::{Chrome, Route};
use crate::web::files::{self, Picked, carries_files};
use crate::web::hash;
use crate::web::listener::Listener;

/// Whether files are held over the page now.
#[hook]
pub fn use_drop_and_paste(on_open: &Callback<Picked>) -> bool {
    let dropping = use_state_eq(|| false);
    use_effect_with((), {
        let (dropping, on_open) = (dropping.clone(), on_open.clone());
        move |()| {
            let listeners = web_sys::window().map(|window| {
                [
                    over(&window, "dragenter", &dropping),
                    over(&window, "dragover", &dropping),
                    leave(&window, &dropping),
                    dropped(&window, &dropping, &on_open),
                    pasted(&window, &on_open),
                ]
            });
            move || drop(listeners)
        }
    });
    *dropping
}

fn over(window: &web_sys::Window, kind: &'static str, dropping: &UseStateHandle<bool>) -> Listener {
    let dropping = dropping.clone();
    Listener::new(window, kind, move |event: DragEvent| {
        if carries_files(event.data_transfer()) {
            event.prevent_default();
            dropping.set(takes_files());
        }
    })
}

fn leave(window: &web_sys::Window, dropping: &UseStateHandle<bool>) -> Listener {
    let dropping = dropping.clone();
    Listener::new(window, "dragleave", move |event: DragEvent| {
        // Leaving the window has no element to go to.
        if event.related_target().is_none() {
            dropping.set(false);
        }
    })
}

fn dropped(
    window: &web_sys::Window,
    dropping: &UseStateHandle<bool>,
    on_open: &Callback<Picked>,
) -> Listener {
    let (dropping, on_open) = (dropping.clone(), on_open.clone());
    Listener::new(window, "drop", move |event: DragEvent| {
        event.prevent_default();
        dropping.set(false);
        if let Some(entries) = Picked::folders_of(event.data_transfer().as_ref()) {
            let on_open = on_open.clone();
            files::walk(entries, move |picked| on_open.emit(picked));
            return;
        }
        let picked = Picked::of_transfer(event.data_transfer());
        if !picked.is_empty() && takes_files() {
            on_open.emit(picked);
        }
    })
}

fn pasted(window: &web_sys::Window, on_open: &Callback<Picked>) -> Listener {
    let on_open = on_open.clone();
    Listener::new(window, "paste", move |event: ClipboardEvent| {
        let picked = Picked::of_transfer(event.clipboard_data());
        if !picked.is_empty() && takes_files() {
            event.prevent_default();
            on_open.emit(picked);
            return;
        }
        // In a field, text is the field's.
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some_and(|target| {
            target
                .closest("input, textarea")
                .is_ok_and(|field| field.is_some())
        }) {
            return;
        }
        let text = event
            .clipboard_data()
            .and_then(|data| data.get_data("text/plain").ok());
        if let Some(picked) = text
            .filter(|_| takes_files())
            .and_then(|text| Picked::of_json(&text))
        {
            event.prevent_default();
            on_open.emit(picked);
        }
    })
}

/// Whether the reader may drop and paste files: in a frame, they are its host's business.
fn takes_files() -> bool {
    Route::from_hash(&hash::get()).chrome != Chrome::Embedded
}
