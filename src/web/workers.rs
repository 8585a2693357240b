//! Pairs of workers: one reads a file as text, the other makes a trace of the text.
//!
//! WebAssembly runs some four times slower until the browser has seen which functions are worth optimising, and what
//! it makes of them serves every later worker of the page. So, while the reader looks for a file, a first pair reads a
//! generated trace and is ended; then the pair for the reader's file is started, and waits.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::JsValue;
use web_sys::{MessageChannel, MessageEvent, MessagePort, Worker};

use crate::protocol::engine::{PROTOCOL, Reply, Request};
use crate::protocol::wire;
use crate::web::boot::WorkerSource;
use crate::web::listener::Listener;
use crate::web::timer::Timer;

/// Before warming up, ms: a file that is opened at once, by a link or another page, has the processor for itself.
const SETTLED_MS: i32 = 500;

/// Two workers; dropping them ends them.
pub struct Pair {
    pub trace: Worker,
    pub text: Worker,
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.end();
    }
}

impl Pair {
    fn start(source: &WorkerSource) -> Result<Pair, String> {
        let start = || source.start().map_err(|why| why.to_string());
        Ok(Pair {
            trace: start()?,
            text: start()?,
        })
    }

    /// Greets the workers and connects them. Replies come to whoever listens to `trace` by now.
    pub fn connect(&self) -> Result<(), String> {
        let failed = |why: JsValue| format!("The two workers could not be connected: {why:?}");
        let channel = MessageChannel::new().map_err(failed)?;
        let hello = Request::Hello { protocol: PROTOCOL };
        tell(&self.trace, &hello, None).map_err(failed)?;
        give_port(&self.trace, &Request::Connect, &channel.port1()).map_err(failed)?;
        give_port(&self.text, &Request::ServeText, &channel.port2()).map_err(failed)
    }

    /// Ends both at once and frees their memory.
    pub fn end(&self) {
        self.trace.terminate();
        self.text.terminate();
    }
}

/// Posts a request; 64-bit integers go as `BigInt`, a file list as `files` beside it.
pub fn tell(worker: &Worker, request: &Request, files: Option<&Array>) -> Result<(), JsValue> {
    let message = message(request, files.map(|files| ("files", files.as_ref())))?;
    worker.post_message(&message)
}

fn give_port(worker: &Worker, request: &Request, port: &MessagePort) -> Result<(), JsValue> {
    let message = message(request, Some(("port", port)))?;
    worker.post_message_with_transfer(&message, &Array::of1(port))
}

/// What a worker says in a message: the bytes of its `head`.
pub fn reply_in(data: &JsValue) -> Result<Reply, String> {
    let head = Reflect::get(data, &"head".into()).map_err(|_| "no message".to_owned())?;
    wire::reply_of(&Uint8Array::new(&head).to_vec())
}

fn message(request: &Request, beside: Option<(&str, &JsValue)>) -> Result<Object, JsValue> {
    let writer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    let message = Object::new();
    Reflect::set(&message, &"head".into(), &request.serialize(&writer)?)?;
    if let Some((key, value)) = beside {
        Reflect::set(&message, &key.into(), value)?;
    }
    Ok(message)
}

/// Where pairs come from. Cloning shares it.
#[derive(Clone)]
pub struct Workers(Rc<Store>);

struct Store {
    source: WorkerSource,
    /// Started, and waiting for a file.
    ready: RefCell<Option<Pair>>,
    /// Until warming up begins.
    settling: RefCell<Option<Timer>>,
    /// Reading the generated trace.
    warming: RefCell<Option<(Pair, Listener)>>,
}

impl PartialEq for Workers {
    /// The same store, not an equal one.
    fn eq(&self, other: &Workers) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Workers {
    pub fn new(source: WorkerSource) -> Workers {
        Workers(Rc::new(Store {
            source,
            ready: RefCell::default(),
            settling: RefCell::default(),
            warming: RefCell::default(),
        }))
    }

    /// Warms up in a moment, then has a pair ready, unless a file comes first.
    pub fn prepare(&self) {
        let store = Rc::downgrade(&self.0);
        let warm_up = move || {
            if let Some(store) = store.upgrade() {
                Workers(store).warm_up();
            }
        };
        *self.0.settling.borrow_mut() = Some(Timer::after(SETTLED_MS, warm_up));
    }

    /// What goes wrong here goes wrong again, and is told, when a file is opened.
    fn warm_up(&self) {
        let Ok(pair) = Pair::start(&self.0.source) else {
            return;
        };
        let store = Rc::downgrade(&self.0);
        let warm = Listener::new(&pair.trace, "message", move |event: MessageEvent| {
            if let (Ok(Reply::Warm), Some(store)) = (reply_in(&event.data()), store.upgrade()) {
                if let Some((pair, _)) = &*store.warming.borrow() {
                    pair.end();
                }
                *store.ready.borrow_mut() = Pair::start(&store.source).ok();
            }
        });
        let asked = pair
            .connect()
            .and_then(|()| tell(&pair.trace, &Request::WarmUp, None).map_err(|why| format!("{why:?}")));
        if asked.is_ok() {
            *self.0.warming.borrow_mut() = Some((pair, warm));
        }
    }

    /// A pair for a file: the one that waits, or a new one. Warming up ends: the file needs the processor.
    pub fn take(&self) -> Result<Pair, String> {
        drop(self.0.settling.borrow_mut().take());
        drop(self.0.warming.borrow_mut().take());
        match self.0.ready.borrow_mut().take() {
            Some(pair) => Ok(pair),
            None => Pair::start(&self.0.source),
        }
    }
}
