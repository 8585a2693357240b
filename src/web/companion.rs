//! Other pages: their messages, read into plain data, and what we say to them. See
//! [`protocol::companion`](crate::protocol::companion).

use js_sys::{Array, ArrayBuffer, Function, JsString, Reflect};
use serde::Serialize;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, MessageEvent, ReadableStream, Response, Window};

use crate::protocol::companion::Peer;
use crate::protocol::companion::message::{Bytes, MOST_TITLE, Raw};
use crate::protocol::companion::receiver::{Event, Said};
use crate::web::files::Picked;
use crate::web::kept;

/// A message of another page.
pub struct Incoming {
    pub peer: Peer,
    pub raw: Raw,
    /// What stands where the bytes belong.
    pub bytes: Option<JsValue>,
    /// `"PONG"`: it answers us.
    pub pong: bool,
}

/// The windows that have spoken to us, by number. A number is given once: a window that is reloaded keeps it, one
/// that is closed leaves none behind for others.
#[derive(Default)]
pub struct Windows {
    known: Vec<(u32, JsValue)>,
    next: u32,
}

impl Windows {
    /// We have one opener, one parent, and few windows that we opened.
    const MOST: usize = 64;

    fn number(&mut self, window: &JsValue) -> Option<u32> {
        if let Some((number, _)) = self.known.iter().find(|(_, known)| known == window) {
            return Some(*number);
        }
        self.known
            .retain(|(_, known)| !known.unchecked_ref::<Window>().closed().unwrap_or(true));
        if self.known.len() == Windows::MOST {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.known.push((number, window.clone()));
        Some(number)
    }

    fn get(&self, peer: &Peer) -> Option<&JsValue> {
        let of = |(number, _): &&(u32, JsValue)| *number == peer.window;
        self.known.iter().find(of).map(|(_, window)| window)
    }

    /// Reads a message; `None`: it is of nobody.
    pub fn read(&mut self, event: &MessageEvent) -> Option<Incoming> {
        let source = Reflect::get(event, &"source".into()).ok()?;
        let peer = Peer {
            window: self.number(&source)?,
            origin: event.origin(),
        };
        let data = event.data();
        let (raw, bytes) = raw_of(&data);
        Some(Incoming {
            peer,
            raw,
            bytes,
            pong: data.as_string().as_deref() == Some("PONG"),
        })
    }

    /// Says it to a host. It goes to the origin that spoke to us and to no other page that may stand there now.
    pub fn tell(&self, peer: &Peer, event: Event) {
        let Some(window) = self.get(peer) else { return };
        let target = if peer.origin == "null" { "*" } else { &peer.origin };
        let said = Said::new(event).serialize(&serde_wasm_bindgen::Serializer::json_compatible());
        // A window that was closed meanwhile hears nothing.
        if let Ok(said) = said {
            drop(window.unchecked_ref::<Window>().post_message(&said, target));
        }
    }
}

/// Takes messages from now on, and those that came while the page started.
pub fn listen(told: impl FnMut(MessageEvent) + 'static) {
    let Some(window) = web_sys::window() else { return };
    let receiver = Reflect::get(&window, &"stepscopeReceiver".into())
        .ok()
        .and_then(|receiver| receiver.dyn_into::<Function>().ok());
    let Some(receiver) = receiver else {
        web_sys::console::error_1(&"receiver.js is not there: no other page is heard".into());
        return;
    };
    // For the life of the page.
    let told = Closure::<dyn FnMut(MessageEvent)>::new(told).into_js_value();
    if let Err(why) = receiver.call1(&JsValue::NULL, &told) {
        web_sys::console::error_1(&why);
    }
}

/// The origin of this page; `"null"` in a sandbox.
pub fn own_origin() -> String {
    // `location.origin` is that of the address, whatever sandbox the page is in.
    web_sys::window()
        .and_then(|window| Reflect::get(&window, &"origin".into()).ok())
        .and_then(|origin| origin.as_string())
        .unwrap_or_else(|| "null".to_owned())
}

/// What was posted, as a file to open.
pub async fn picked(bytes: JsValue, name: &str) -> Result<Picked, String> {
    let failed = |why: JsValue| format!("What was posted could not be read: {}.", said_by(&why));
    let part = match bytes.dyn_into::<ReadableStream>() {
        Ok(stream) => {
            let response = Response::new_with_opt_readable_stream(Some(&stream)).map_err(failed)?;
            JsFuture::from(response.blob().map_err(failed)?)
                .await
                .map_err(failed)?
        }
        Err(bytes) => bytes,
    };
    let file = File::new_with_blob_sequence(&Array::of1(&part), name).map_err(failed)?;
    if file.size() == 0.0 {
        return Err("The trace that was posted is empty.".to_owned());
    }
    Ok(Picked::of_files(vec![file]))
}

fn said_by(why: &JsValue) -> String {
    why.dyn_ref::<js_sys::Error>()
        .map(|error| String::from(error.message()))
        .unwrap_or_else(|| format!("{why:?}"))
}

fn raw_of(data: &JsValue) -> (Raw, Option<JsValue>) {
    let size = sized(data);
    if size != Bytes::Unfit && size != Bytes::Absent {
        let raw = Raw {
            bytes: size,
            ..Raw::default()
        };
        return (raw, Some(data.clone()));
    }
    let perfetto = field(data, "perfetto");
    let bytes = field(&perfetto, "buffer");
    let number = |key: &str| {
        let value = field(&perfetto, key);
        // What is there and is no number is no time, not an absent one.
        (!value.is_undefined()).then(|| value.as_f64().unwrap_or(f64::NAN))
    };
    let raw = Raw {
        ignore: field(data, "perfettoIgnore").is_truthy(),
        hello: field(&field(data, "companion"), "hello").is_truthy(),
        bytes: sized(&bytes),
        title: text(&field(&perfetto, "title")),
        file_name: text(&field(&perfetto, "fileName")),
        keep_api_open: field(&perfetto, "keepApiOpen").as_bool() == Some(true),
        time_start_s: number("timeStart"),
        time_end_s: number("timeEnd"),
        view_percentage: number("viewPercentage"),
        start_ns: text(&field(&perfetto, "startNs")),
        end_ns: text(&field(&perfetto, "endNs")),
    };
    (raw, (!bytes.is_undefined()).then_some(bytes))
}

fn field(of: &JsValue, key: &str) -> JsValue {
    if !of.is_object() {
        return JsValue::UNDEFINED;
    }
    Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A text, or its beginning: it may have as many megabytes as its sender likes.
fn text(value: &JsValue) -> Option<String> {
    #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
    const MOST: u32 = MOST_TITLE as u32 * 8;
    let text = value.dyn_ref::<JsString>()?;
    Some(String::from(text.slice(0, MOST)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes, below 2^53"
)]
fn sized(bytes: &JsValue) -> Bytes {
    if bytes.is_undefined() || bytes.is_null() {
        Bytes::Absent
    } else if let Some(buffer) = bytes.dyn_ref::<ArrayBuffer>() {
        Bytes::Sized(u64::from(buffer.byte_length()))
    } else if let Some(blob) = bytes.dyn_ref::<Blob>() {
        Bytes::Sized(blob.size() as u64)
    } else if bytes.is_instance_of::<ReadableStream>() {
        Bytes::Stream
    } else if ArrayBuffer::is_view(bytes) {
        let length = Reflect::get(bytes, &"byteLength".into()).ok();
        Bytes::Sized(length.and_then(|n| n.as_f64()).unwrap_or_default() as u64)
    } else {
        Bytes::Unfit
    }
}

const ALLOWED: &str = "stepscope.allowedOrigins";

/// Origins whose traces are opened without asking, one a line.
pub fn allowed_origins() -> Vec<String> {
    let kept = kept::get(ALLOWED).unwrap_or_default();
    kept.lines().take(100).map(str::to_owned).collect()
}

/// Adds one to them.
pub fn allow_origin(origin: &str) {
    let mut origins = allowed_origins();
    if !origins.iter().any(|one| one == origin) {
        origins.push(origin.to_owned());
        kept::set(ALLOWED, &origins.join("\n"));
    }
}

/// A window with Perfetto in it, that we opened.
#[derive(Clone)]
pub struct Opened(Window);

impl Opened {
    /// Opens it. `None`: the browser does not let us. Only what the reader clicked may open a window.
    pub fn open(url: &str) -> Option<Opened> {
        let opened = web_sys::window()?
            .open_with_url_and_target(url, "_blank")
            .ok()??;
        Some(Opened(opened))
    }

    pub fn is_closed(&self) -> bool {
        self.0.closed().unwrap_or(true)
    }

    /// Whether this is the window that spoke.
    pub fn is(&self, windows: &Windows, peer: &Peer) -> bool {
        windows
            .get(peer)
            .is_some_and(|window| window == AsRef::<JsValue>::as_ref(&self.0))
    }

    pub fn focus(&self) {
        drop(self.0.focus());
    }

    /// Says "PING", to whoever is there.
    pub fn ping(&self) {
        drop(self.0.post_message(&"PING".into(), "*"));
    }

    /// Posts a trace; its buffer is moved, not copied. It reaches `origin` or nobody.
    pub fn post_trace(&self, origin: &str, buffer: &ArrayBuffer, name: &str) -> Result<(), String> {
        let head = js_sys::Object::new();
        let set = |key: &str, value: &JsValue| Reflect::set(&head, &key.into(), value).is_ok();
        let all = set("buffer", buffer)
            && set("title", &name.into())
            && set("fileName", &name.into())
            && set("keepApiOpen", &true.into())
            && set("localOnly", &true.into());
        debug_assert!(all, "a plain object takes any key");
        self.0
            .post_message_with_transfer(&wrapped(&head), origin, &Array::of1(buffer))
            .map_err(|why| said_by(&why))
    }

    /// Moves its view; `(timeStart, timeEnd, viewPercentage)`.
    pub fn post_view(&self, origin: &str, (start, end, share): (f64, f64, f64)) {
        let head = js_sys::Object::new();
        for (key, value) in [("timeStart", start), ("timeEnd", end), ("viewPercentage", share)] {
            drop(Reflect::set(&head, &key.into(), &value.into()));
        }
        drop(self.0.post_message(&wrapped(&head), origin));
    }
}

fn wrapped(head: &js_sys::Object) -> JsValue {
    let message = js_sys::Object::new();
    drop(Reflect::set(&message, &"perfetto".into(), head));
    message.into()
}

/// The bytes of a file, as they are on disk. Each call makes a copy of its own, to be given away.
pub async fn bytes_of(blob: &Blob) -> Result<ArrayBuffer, String> {
    let read = JsFuture::from(blob.array_buffer()).await;
    read.map(JsCast::unchecked_into).map_err(|why| said_by(&why))
}

/// ms, on a clock that only goes on.
pub fn now_ms() -> f64 {
    js_sys::Date::now()
}
