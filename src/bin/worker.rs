//! The worker: owns a session, pumps messages.

#[cfg(not(target_arch = "wasm32"))]
fn main() {}

/// Sets `onmessage` before it returns: what the page posts is delivered right after (see `web::boot`).
#[cfg(target_arch = "wasm32")]
fn main() {
    use wasm_bindgen::prelude::*;

    console_error_panic_hook::set_once();
    let scope: web_sys::DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let echo = Closure::<dyn FnMut(web_sys::MessageEvent)>::new({
        let scope = scope.clone();
        move |event: web_sys::MessageEvent| {
            let text = format!("got {}", event.data().as_string().unwrap_or_default());
            if scope.post_message(&text.into()).is_err() {
                web_sys::console::error_1(&"the worker could not answer".into());
            }
        }
    });
    scope.set_onmessage(Some(echo.as_ref().unchecked_ref()));
    echo.forget();
}
