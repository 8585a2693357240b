//! Tests that need a browser but no page; wasm-bindgen-test runs them in headless Chromium.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test may end here")]

use js_sys::{ArrayBuffer, Promise, Uint8Array};
use stepscope::web::boot::{BootError, WorkerSource};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{MessageEvent, Worker};

wasm_bindgen_test_configure!(run_in_browser);

/// The smallest module: a magic number and a version.
const MODULE: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];

/// Stands for wasm-bindgen's glue: starting takes a while, then each message is sent back, after a mark
/// that tells whether a compiled module had come first.
const GLUE: &str = r#"
let wasm_bindgen = {
    initSync({ module }) {
        const end = performance.now() + 50;
        while (performance.now() < end) {}
        const mark = module instanceof WebAssembly.Module ? "module, then " : "no module, then ";
        self.onmessage = event => self.postMessage(mark + event.data);
    }
};
"#;

fn buffer(bytes: &[u8]) -> ArrayBuffer {
    Uint8Array::from(bytes).buffer()
}

/// The next message of a worker.
async fn next(worker: &Worker) -> String {
    let message = JsFuture::from(Promise::new(&mut |resolve, _| {
        worker.set_onmessage(Some(&resolve))
    }));
    let event: MessageEvent = message.await.unwrap().unchecked_into();
    event.data().as_string().unwrap()
}

#[wasm_bindgen_test]
async fn a_message_posted_before_the_worker_is_up_is_not_lost() {
    let source = WorkerSource::from_parts(GLUE, &buffer(&MODULE)).await.unwrap();
    let worker = source.start().unwrap();
    worker.post_message(&JsValue::from("early")).unwrap();
    assert_eq!(next(&worker).await, "module, then early");
    worker.terminate();
}

#[wasm_bindgen_test]
async fn one_source_starts_many_workers() {
    let source = WorkerSource::from_parts(GLUE, &buffer(&MODULE)).await.unwrap();
    let workers = [source.start().unwrap(), source.start().unwrap()];
    for (worker, word) in workers.iter().zip(["one", "two"]) {
        worker.post_message(&JsValue::from(word)).unwrap();
    }
    assert_eq!(next(&workers[1]).await, "module, then two");
    for worker in workers {
        worker.terminate();
    }
}

#[wasm_bindgen_test]
async fn what_is_no_module_says_so() {
    let why = WorkerSource::from_parts(GLUE, &buffer(b"<!doctype html>"))
        .await
        .unwrap_err();
    assert!(matches!(why, BootError::Compile { .. }), "{why}");
}
