//! The workers' side. One program, two roles: the first message after [`Request::Hello`] decides.

mod answers;
mod choose;
mod cutting;
mod source;
mod text_worker;
mod trace_loading;
mod trace_worker;
mod unpack;

use js_sys::{Object, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, DedicatedWorkerGlobalScope, File, MessageEvent, MessagePort};

use crate::protocol::engine::{PROTOCOL, Reply, Request};

/// Starts listening; called once, by the worker's `main`.
pub fn run() {
    console_error_panic_hook::set_once();
    let worker = trace_worker::Shared::default();
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let data = event.data();
        match serde_wasm_bindgen::from_value::<Request>(get(&data, "head")) {
            Ok(Request::Hello { .. }) => answers::post(&Reply::Ready { protocol: PROTOCOL }),
            Ok(Request::Ping) => answers::post(&Reply::Alive),
            Ok(Request::ServeText) => text_worker::serve(get(&data, "port").unchecked_into()),
            Ok(request) => trace_worker::handle(&worker, request, &data),
            Err(why) => answers::post(&Reply::Failed {
                message: format!("the worker does not understand the page: {why}"),
            }),
        }
    });
    scope().set_onmessage(Some(listener.as_ref().unchecked_ref()));
    listener.forget();
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A plain object with these members.
fn object(members: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (key, value) in members {
        Reflect::set(&object, &(*key).into(), value)?;
    }
    Ok(object.into())
}

fn plain(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let writer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    value.serialize(&writer).map_err(JsValue::from)
}

/// Calls `heard` with every message of a port; for the life of the worker.
fn listen(port: &MessagePort, mut heard: impl FnMut(JsValue) + 'static) {
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| heard(event.data()));
    // Setting `onmessage` opens the port.
    port.set_onmessage(Some(listener.as_ref().unchecked_ref()));
    listener.forget();
}

fn log(sent: Result<(), JsValue>) {
    if let Err(why) = sent {
        web_sys::console::error_2(&"a message could not be posted".into(), &why);
    }
}

/// Size of this worker's WebAssembly memory.
fn memory_bytes() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    u64::from(buffer.byte_length())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a file's size is a whole number"
)]
fn size(file: &Blob) -> u64 {
    file.size() as u64
}

/// Starts reading up to `len` bytes of a file from `at`; `None` past its end.
fn read(file: &Blob, at: u64, len: u64) -> Result<Option<js_sys::Promise>, String> {
    let end = size(file).min(at.saturating_add(len));
    if at >= end {
        return Ok(None);
    }
    let slice: Blob = file
        .slice_with_f64_and_f64(at as f64, end as f64)
        .map_err(|why| unreadable(file, why))?;
    Ok(Some(slice.array_buffer()))
}

/// The sentence for a file that the browser does not give.
fn unreadable(file: &Blob, why: JsValue) -> String {
    let why = why
        .dyn_into::<js_sys::Error>()
        .map_or_else(|_| "unknown".into(), |e| e.message());
    let name = file
        .dyn_ref::<File>()
        .map_or_else(|| "the file".into(), File::name);
    format!("{name} could not be read: {}", String::from(why))
}
