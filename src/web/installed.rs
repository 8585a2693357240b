//! What the page has when it is more than a page: an offline copy of itself, updates of it, and files that the system
//! opens it with. The browser's side is in www/boot.js and www/sw.js.

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{Event, File};

use crate::web::boot::handed;
use crate::web::files::Picked;
use crate::web::listener::Listener;

/// How the copy of this page that starts without a network stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offline {
    /// There is none; why.
    No(String),
    Fetching,
    /// It is whole.
    Ready,
    /// It is whole, and a newer version waits for all tabs to be closed, or for [`update`].
    Update,
}

/// How it stands now.
pub fn offline() -> Offline {
    let root = web_sys::window()
        .and_then(|w| w.document())
        .and_then(|d| d.document_element());
    let word = root.and_then(|root| root.get_attribute("data-offline"));
    match word.as_deref() {
        Some("ready") => Offline::Ready,
        Some("update") => Offline::Update,
        Some("none") => Offline::No(
            called("offlineWhy", &[])
                .and_then(|why| why.as_string())
                .unwrap_or_default(),
        ),
        _ => Offline::Fetching,
    }
}

/// Tells whenever it stands otherwise, until dropped.
pub fn watch(mut told: impl FnMut(Offline) + 'static) -> Option<Listener> {
    let window = web_sys::window()?;
    Some(Listener::new(&window, "stepscope-offline", move |_: Event| {
        told(offline())
    }))
}

/// The waiting version, if there is one, takes over, and the page is loaded again: what is open is closed.
pub fn update() {
    called("update", &[]);
}

/// Takes the offline copy away. The next visit makes a new one.
pub fn forget() {
    called("forget", &[]);
}

/// A short name of this version: a hash over all of its files.
pub fn version() -> Option<String> {
    handed("version").ok()?.as_string()
}

/// Where files that the page is started with come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The reader opened them with the installed app.
    System,
    /// They were shared with it: by an app, or by any site that sends such a form.
    Shared,
}

/// Calls `open` with files that the page was started with, or is handed later; with `None` where the system promised
/// some and the browser does not let us read them.
pub fn on_files(open: impl Fn(Option<Picked>, From) + 'static) {
    let told = Closure::<dyn Fn(Array, bool)>::new(move |files: Array, shared: bool| {
        let files: Vec<File> = files.iter().filter_map(|file| file.dyn_into().ok()).collect();
        let from = if shared { From::Shared } else { From::System };
        open((!files.is_empty()).then(|| Picked::of_files(files)), from);
    });
    // For the life of the page.
    called("listen", &[&told.into_js_value()]);
}

/// Calls a function of `window.stepscope`. One that is not there (a test's page) does nothing.
fn called(name: &str, arguments: &[&JsValue]) -> Option<JsValue> {
    let function: Function = handed(name).ok()?.dyn_into().ok()?;
    let arguments: Array = arguments.iter().copied().collect();
    Reflect::apply(&function, &JsValue::UNDEFINED, &arguments).ok()
}
