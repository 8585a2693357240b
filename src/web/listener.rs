//! Event listeners that detach when dropped.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{AddEventListenerOptions, Event, EventTarget};

/// A listener; dropping it detaches it.
pub struct Listener {
    target: EventTarget,
    kind: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Calls `told` for every `kind` event at `target`. Not passive: `told` may prevent the default.
    pub fn new<E: JsCast>(
        target: &EventTarget,
        kind: &'static str,
        mut told: impl FnMut(E) + 'static,
    ) -> Listener {
        let closure = Closure::<dyn FnMut(Event)>::new(move |event: Event| told(event.unchecked_into()));
        let options = AddEventListenerOptions::new();
        options.set_passive(false);
        let attached = target.add_event_listener_with_callback_and_add_event_listener_options(
            kind,
            closure.as_ref().unchecked_ref(),
            &options,
        );
        if let Err(why) = attached {
            web_sys::console::error_2(&format!("no listener for {kind}").into(), &why);
        }
        Listener {
            target: target.clone(),
            kind,
            closure,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let detached = self
            .target
            .remove_event_listener_with_callback(self.kind, self.closure.as_ref().unchecked_ref());
        if let Err(why) = detached {
            web_sys::console::error_2(&format!("a listener for {} stays", self.kind).into(), &why);
        }
    }
}

/// Whether keys typed now are no shortcuts: they are text, or a dialog or a menu is open.
pub fn is_typing(event: &Event) -> bool {
    let in_field = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        .is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
    let in_dialog = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| {
            document
                .query_selector("dialog[open], .context-menu")
                .ok()
                .flatten()
        })
        .is_some();
    in_field || in_dialog
}
