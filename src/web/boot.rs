//! The page's start: take the worker's parts, lock the network, start workers without it.
//!
//! ```text
//! www/boot.js              gets the parts, from beside the page or out of it (the page as one file)
//! WorkerSource::of_page()  glue and compiled module  ->  source text and module, both kept
//! lock_network()           a second content security policy, and the ways around it closed (`shut` of www/boot.js);
//!                          from here on, nothing is fetched
//! source.start()           blob: URL of (glue + shim)  ->  Worker;  its first message is the module
//! ```
//!
//! A worker that is started from a file's URL is not bound by the policy in the page's `<meta>`; one from a
//! blob: URL inherits the policy as it stands at that moment. So workers start from blob: URLs, and only
//! after the lock.

use js_sys::{ArrayBuffer, Function, Promise, Reflect, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, Document, Url, Worker};

/// What follows the glue in a worker's source. The first message is the compiled module; starting it is
/// synchronous, and `main` sets `onmessage` before it returns, so messages sent right behind the module are
/// kept by the browser's own queue and none is lost.
const SHIM: &str = r#"
self.addEventListener("message", first => wasm_bindgen.initSync({ module: first.data }), { once: true });
"#;

/// Added to the policy of index.html; both hold. It does not merely forbid `connect-src`: an image or a
/// script of our own origin could carry data in its address, too.
const LOCK: &str = "default-src 'none'; script-src 'wasm-unsafe-eval'; style-src-attr 'unsafe-inline'; \
    img-src data: blob:; connect-src 'none'; worker-src blob:; form-action 'none'; base-uri 'none'";

/// Why the page could not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("this is no page: there is no window or no document")]
    NoPage,
    #[error("{why}")]
    Fetch { why: String },
    #[error(
        "worker_bg.wasm could not be compiled: {why}. A browser of 2023 or later is needed (WebAssembly with SIMD)"
    )]
    Compile { why: String },
    #[error("a worker could not be started: {why}")]
    Start { why: String },
    #[error("the page could not be locked from the network: {why}")]
    Lock { why: String },
}

/// All that is needed to start a worker at any time, without the network.
#[derive(Clone, Debug)]
pub struct WorkerSource {
    /// A blob: URL, kept for the life of the page.
    url: String,
    module: WebAssembly::Module,
}

impl PartialEq for WorkerSource {
    /// The same source, not an equal one.
    fn eq(&self, other: &WorkerSource) -> bool {
        self.url == other.url
    }
}

impl WorkerSource {
    /// From what www/boot.js has fetched or unpacked: the glue's text, and the module, compiled once for all workers
    /// to come.
    pub async fn of_page() -> Result<WorkerSource, BootError> {
        let glue = part("glue").await.map_err(|why| BootError::Fetch { why })?;
        let glue = glue.as_string().unwrap_or_default();
        let module = part("module").await.map_err(|why| BootError::Compile { why })?;
        WorkerSource::new(&glue, module.unchecked_into())
    }

    /// From the text of the wasm-bindgen glue (`--target no-modules`) and the bytes of the module.
    pub async fn from_parts(glue: &str, wasm: &ArrayBuffer) -> Result<WorkerSource, BootError> {
        let module = JsFuture::from(WebAssembly::compile(wasm))
            .await
            .map_err(|why| BootError::Compile { why: text_of(&why) })?
            .unchecked_into();
        WorkerSource::new(glue, module)
    }

    fn new(glue: &str, module: WebAssembly::Module) -> Result<WorkerSource, BootError> {
        let text = js_sys::Array::of1(&JsValue::from(format!("{glue}{SHIM}")));
        let kind = BlobPropertyBag::new();
        kind.set_type("text/javascript");
        let url = Blob::new_with_str_sequence_and_options(&text, &kind)
            .and_then(|blob| Url::create_object_url_with_blob(&blob))
            .map_err(|why| BootError::Start { why: text_of(&why) })?;
        Ok(WorkerSource { url, module })
    }

    /// Starts one more worker. Messages may be posted to it at once. If its code cannot start, the worker's
    /// `error` event says so.
    pub fn start(&self) -> Result<Worker, BootError> {
        let failed = |why: JsValue| BootError::Start { why: text_of(&why) };
        let worker = Worker::new(&self.url).map_err(failed)?;
        worker.post_message(&self.module).map_err(failed)?;
        Ok(worker)
    }
}

/// Cuts the page, and the workers it starts from now on, off from the network, for good: a policy can be
/// added but not taken back.
pub fn lock_network() -> Result<(), BootError> {
    let lock = || -> Result<(), JsValue> {
        let document = document().ok_or("no document")?;
        let meta = document.create_element("meta")?;
        meta.set_attribute("http-equiv", "Content-Security-Policy")?;
        meta.set_attribute("content", LOCK)?;
        document.head().ok_or("no head")?.append_child(&meta)?;
        // Not there in a test's page, which www/boot.js did not start.
        if let Ok(shut) = handed("shut").and_then(|shut| shut.dyn_into::<Function>()) {
            shut.call0(&JsValue::UNDEFINED)?;
        }
        Ok(())
    };
    lock().map_err(|why| BootError::Lock { why: text_of(&why) })
}

/// Where the page is, for tests and for style sheets: `data-state` of the root element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageState {
    /// Started; no trace is open.
    Empty,
    Loading,
    /// A trace does not fit, and the reader is asked what to load.
    Asking,
    /// Idle, with a trace open.
    Ready,
    Failed,
}

/// Says where the page is; see [`PageState`].
pub fn set_page_state(state: PageState) {
    let word = match state {
        PageState::Empty => "empty",
        PageState::Loading => "loading",
        PageState::Asking => "asking",
        PageState::Ready => "ready",
        PageState::Failed => "failed",
    };
    if let Some(root) = document().and_then(|d| d.document_element())
        && root.set_attribute("data-state", word).is_err()
    {
        web_sys::console::error_1(&"data-state could not be set".into());
    }
}

/// Takes away the "is starting" line of index.html, or lets it say why the page did not start.
pub fn end_boot(failure: Option<&BootError>) {
    let Some(place) = document().and_then(|d| d.get_element_by_id("boot")) else {
        return;
    };
    match failure {
        None => place.remove(),
        Some(why) => {
            place.set_text_content(Some(&format!("Stepscope could not start: {why}.")));
            set_page_state(PageState::Failed);
        }
    }
}

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// What www/boot.js hands to the program: `window.stepscope`.
pub(super) fn handed(key: &str) -> Result<JsValue, JsValue> {
    let handed = Reflect::get(&js_sys::global(), &"stepscope".into())?;
    Reflect::get(&handed, &key.into())
}

/// One of the worker's parts. Fails with a sentence.
async fn part(key: &str) -> Result<JsValue, String> {
    let part = handed("parts").and_then(|parts| Reflect::get(&parts, &key.into()));
    let part: Promise = part.map_err(|why| text_of(&why))?.unchecked_into();
    JsFuture::from(part).await.map_err(|why| text_of(&why))
}

/// An exception's message, or whatever else was thrown.
pub(super) fn text_of(thrown: &JsValue) -> String {
    thrown
        .dyn_ref::<js_sys::Error>()
        .map(|error| String::from(error.message()))
        .or_else(|| thrown.as_string())
        .unwrap_or_else(|| format!("{thrown:?}"))
}
