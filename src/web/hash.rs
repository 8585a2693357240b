//! The URL's hash. It is replaced, not pushed: panning must not flood the history.

use wasm_bindgen::JsValue;

/// The hash, with its `#`, or nothing.
pub fn get() -> String {
    web_sys::window()
        .and_then(|window| window.location().hash().ok())
        .unwrap_or_default()
}

/// The hash of an address, with its `#`, or nothing.
pub fn of(url: &str) -> &str {
    url.find('#').map_or("", |at| &url[at..])
}

/// Writes `hash` (without `#`) into the address, unless it is there.
pub fn replace(hash: &str) {
    if get().trim_start_matches('#') == hash {
        return;
    }
    let Some(window) = web_sys::window() else { return };
    let url = if hash.is_empty() {
        // An empty hash leaves the address without "#".
        window.location().pathname().unwrap_or_default() + &window.location().search().unwrap_or_default()
    } else {
        format!("#{hash}")
    };
    let replaced = window
        .history()
        .and_then(|h| h.replace_state_with_url(&JsValue::NULL, "", Some(&url)));
    // Browsers refuse more than about 100 replacements in 10 s; the address is then a little late.
    drop(replaced);
}
