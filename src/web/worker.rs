//! The worker's side: owns one trace, reads its files slice by slice, answers questions.
//!
//! Between two slices of a file the browser delivers what the page has sent meanwhile; questions that come
//! while the file is read are answered when it is. Cancelling is the page's business: it ends the worker.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array, Uint32Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, DedicatedWorkerGlobalScope, File, MessageEvent};

use crate::protocol::engine::{Answer, FileHead, PROTOCOL, Progress, Question, Reply, Request, Stage};
use crate::session::{self, Loader, Opened};
use crate::view::Cost;
use crate::view::timeline::Scene;

/// Bytes of a file taken at once. Smaller than the page's patience, larger than a disk's latency.
const SLICE: u64 = 4 << 20;
/// Bytes taken to read one event again.
const ARGS_SLICE: u64 = 256 << 10;
/// Between two reports of progress, ms.
const PROGRESS_MS: f64 = 100.0;
/// Answers about the first part are given at these many events, if that is less than half of the file. The
/// second costs a copy of about 70 MB, so there is no third.
const PARTIAL_EVENTS: [u64; 2] = [30_000, 1_000_000];

/// What is open.
struct Trace {
    opened: Opened,
    scene: Scene,
    /// Where the trace's bytes are, to read args again.
    source: Source,
    /// Wall clock at the request, ms.
    started: f64,
    /// See [`Cost::first_ms`].
    first_ms: Option<f64>,
}

#[derive(Clone)]
enum Source {
    File(File),
    /// The sample is held: a few MB.
    Memory(Rc<Vec<u8>>),
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a file's size is a whole number"
            )]
            Source::File(file) => file.size() as u64,
            Source::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Up to `len` bytes from `at`; none past the end.
    async fn read(&self, at: u64, len: u64) -> Result<Vec<u8>, String> {
        let end = self.len().min(at.saturating_add(len));
        if at >= end {
            return Ok(Vec::new());
        }
        match self {
            Source::Memory(bytes) => {
                let range = usize::try_from(at).ok().zip(usize::try_from(end).ok());
                Ok(range
                    .and_then(|(at, end)| bytes.get(at..end))
                    .unwrap_or_default()
                    .to_vec())
            }
            Source::File(file) => {
                let failed = |why: JsValue| {
                    let why = why
                        .dyn_into::<js_sys::Error>()
                        .map_or_else(|_| "unknown".into(), |e| e.message());
                    format!("{} could not be read: {}", file.name(), String::from(why))
                };
                let slice: Blob = file
                    .slice_with_f64_and_f64(at as f64, end as f64)
                    .map_err(failed)?;
                let buffer = JsFuture::from(slice.array_buffer()).await.map_err(failed)?;
                Ok(Uint8Array::new(&buffer).to_vec())
            }
        }
    }
}

#[derive(Default)]
struct Worker {
    trace: Option<Rc<Trace>>,
    /// Nothing is open and nothing will be.
    failed: bool,
    /// Questions that came before the trace was read.
    waiting: Vec<(u32, Question)>,
}

type Shared = Rc<RefCell<Worker>>;

/// Starts listening; called once, by the worker's `main`.
pub fn run() {
    console_error_panic_hook::set_once();
    let worker = Shared::default();
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let head = Reflect::get(&event.data(), &"head".into()).unwrap_or(JsValue::UNDEFINED);
        match serde_wasm_bindgen::from_value::<Request>(head) {
            Ok(request) => handle(&worker, request, &event.data()),
            Err(why) => post(&Reply::Failed {
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

fn handle(worker: &Shared, request: Request, message: &JsValue) {
    match request {
        Request::Hello { .. } => post(&Reply::Ready { protocol: PROTOCOL }),
        Request::Open { files } => {
            let list = Reflect::get(message, &"files".into())
                .map(|f| Array::from(&f))
                .unwrap_or_default();
            let sources = list.iter().map(|f| Source::File(f.unchecked_into()));
            let files: Vec<(FileHead, Source)> = files.into_iter().zip(sources).collect();
            let worker = worker.clone();
            spawn_local(async move { open(&worker, files).await });
        }
        Request::OpenSample => {
            let worker = worker.clone();
            spawn_local(async move {
                let (name, bytes) = session::sample();
                let head = FileHead {
                    name,
                    bytes: bytes.len() as u64,
                };
                open(&worker, vec![(head, Source::Memory(Rc::new(bytes)))]).await;
            });
        }
        Request::Ask { id, question } => {
            let trace = worker.borrow().trace.clone();
            match trace {
                Some(trace) => answer(&trace, id, question),
                None if worker.borrow().failed => {
                    let answer = Answer::Nothing {
                        why: "no trace is open".into(),
                    };
                    post(&Reply::Answer { id, answer });
                }
                None => worker.borrow_mut().waiting.push((id, question)),
            }
        }
    }
}

async fn open(worker: &Shared, files: Vec<(FileHead, Source)>) {
    match load(files).await {
        Ok(trace) => {
            let trace = Rc::new(trace);
            let mut summary = trace.opened.summary();
            summary.cost = Some(Cost {
                open_ms: js_sys::Date::now() - trace.started,
                first_ms: trace.first_ms,
                memory_bytes: memory_bytes(),
            });
            post(&Reply::Summary(Box::new(summary)));
            post(&Reply::Loaded);
            let waiting = {
                let mut worker = worker.borrow_mut();
                worker.trace = Some(trace.clone());
                std::mem::take(&mut worker.waiting)
            };
            for (id, question) in waiting {
                answer(&trace, id, question);
            }
        }
        Err(message) => {
            worker.borrow_mut().failed = true;
            post(&Reply::Failed { message });
        }
    }
}

/// Of the files that were given: the first trace, and the first metrics file, read whole.
struct Chosen {
    trace: Option<(FileHead, Source)>,
    metrics: Option<(String, Vec<u8>)>,
    left_out: Vec<String>,
}

async fn choose(files: Vec<(FileHead, Source)>) -> Result<Chosen, String> {
    let mut chosen = Chosen {
        trace: None,
        metrics: None,
        left_out: Vec::new(),
    };
    for (head, source) in files {
        let is_metrics = session::is_metrics(&source.read(0, 512).await?);
        if is_metrics && chosen.metrics.is_none() && source.len() <= session::MAX_METRICS_BYTES {
            chosen.metrics = Some((head.name, source.read(0, source.len()).await?));
        } else if !is_metrics && chosen.trace.is_none() {
            chosen.trace = Some((head, source));
        } else {
            chosen.left_out.push(head.name);
        }
    }
    Ok(chosen)
}

async fn load(files: Vec<(FileHead, Source)>) -> Result<Trace, String> {
    let started = js_sys::Date::now();
    let Chosen {
        trace,
        metrics,
        left_out,
    } = choose(files).await?;
    let Some((head, source)) = trace else {
        let Some((name, bytes)) = metrics else {
            return Err("no file was given".into());
        };
        let opened = session::open_metrics(&name, &bytes).map_err(|error| format!("{name}: {error}."))?;
        let scene = opened.scene();
        let source = Source::Memory(Rc::new(bytes));
        return Ok(Trace {
            opened,
            scene,
            source,
            started,
            first_ms: None,
        });
    };
    let mut loader = Loader::new(&head.name);
    if let Some((name, bytes)) = metrics {
        loader.attach_metrics(&name, &bytes);
    }
    let mut progress = Progress {
        bytes_total: source.len(),
        ..Progress::default()
    };
    let mut reported = started;
    let mut partials = &PARTIAL_EVENTS[..];
    let mut first_ms = None;
    let mut next = source.read(0, SLICE).await?;
    while !next.is_empty() {
        loader.feed(&next);
        if let Some(error) = loader.error() {
            return Err(format!("{}: {error}.", head.name));
        }
        let now = js_sys::Date::now();
        if now - reported >= PROGRESS_MS {
            reported = now;
            progress.bytes_read = loader.bytes();
            progress.inflated_bytes = loader.inflated_bytes();
            progress.events = loader.events();
            progress.elapsed_ms = now - started;
            post(&Reply::Progress(progress));
        }
        if let [at, rest @ ..] = partials
            && loader.events() >= *at
            && loader.bytes() < source.len() / 2
        {
            partials = rest;
            post(&Reply::Summary(Box::new(loader.partial())));
            first_ms.get_or_insert_with(|| js_sys::Date::now() - started);
        }
        next = source.read(loader.bytes(), SLICE).await?;
    }
    progress.bytes_read = loader.bytes();
    progress.inflated_bytes = loader.inflated_bytes();
    progress.events = loader.events();
    progress.stage = Stage::Indexing;
    progress.elapsed_ms = js_sys::Date::now() - started;
    post(&Reply::Progress(progress));
    let mut opened = loader
        .finish()
        .map_err(|error| format!("{}: {error}.", head.name))?;
    if !left_out.is_empty() {
        let note = format!("A page holds one trace; not opened: {}.", left_out.join(", "));
        opened.report.notes.push(note);
    }
    let scene = opened.scene();
    Ok(Trace {
        opened,
        scene,
        source,
        started,
        first_ms,
    })
}

/// Size of this worker's WebAssembly memory.
fn memory_bytes() -> u64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    u64::from(buffer.byte_length())
}

fn answer(trace: &Rc<Trace>, id: u32, question: Question) {
    if let Question::Args { slice } = question {
        let trace = trace.clone();
        spawn_local(async move {
            let answer = args(&trace, slice)
                .await
                .unwrap_or_else(|why| Answer::Nothing { why });
            post(&Reply::Answer { id, answer });
        });
        return;
    }
    post(&Reply::Answer {
        id,
        answer: trace.opened.answer(&trace.scene, &question),
    });
}

async fn args(trace: &Trace, slice: u32) -> Result<Answer, String> {
    let mut reader = trace.opened.args_reader(slice).ok_or("there is no such slice")?;
    loop {
        let bytes = trace.source.read(reader.wants(), ARGS_SLICE).await?;
        let end = bytes.is_empty();
        if let Some(args) = reader.feed(&bytes) {
            return Ok(Answer::Args(args));
        }
        if end {
            return Err("the event's text could not be read again".into());
        }
    }
}

/// Posts a reply; a timeline frame's words go beside it, transferred.
fn post(reply: &Reply) {
    let message = Object::new();
    let transfer = Array::new();
    let writer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    let sent = (|| -> Result<(), JsValue> {
        let head = reply.serialize(&writer).map_err(JsValue::from)?;
        Reflect::set(&message, &"head".into(), &head)?;
        if let Reply::Answer {
            answer: Answer::Timeline {
                frame: Some(frame), ..
            },
            ..
        } = reply
        {
            let words = Uint32Array::from(&frame.to_words()[..]);
            transfer.push(&words.buffer());
            Reflect::set(&message, &"words".into(), &words)?;
        }
        scope().post_message_with_transfer(&message, &transfer)
    })();
    if let Err(why) = sent {
        web_sys::console::error_2(&"a reply could not be posted".into(), &why);
    }
}
