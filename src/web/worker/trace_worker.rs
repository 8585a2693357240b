//! The trace worker: owns one trace, made from the text that the other worker sends, and answers questions.
//!
//! Between two pieces of text the browser delivers what the page has sent meanwhile; questions that come while the
//! file is read are answered when it is. Cancelling is the page's business: it ends both workers.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Function, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, BlobPropertyBag, MessagePort, Response};

use super::answers::{Trace, answer, message_of, post};
use super::choose::{Workers, choose};
use super::cutting::{self, Cutting};
use super::source::{Source, TextWorker};
use super::trace_loading::{Judged, Loading};
use super::{get, listen, log, memory_bytes, size};
use crate::protocol::engine::{Answer, FileHead, Question, Reply, Request, Stage};
use crate::protocol::worker_messages::{Give, PIECE, Want};
use crate::session::{self, Inflated, Opened, TextLoader};
use crate::view::timeline::Scene;
use crate::view::{Cost, Estimate, MemoryRule, Selection, Which};

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Loading(Box<Loading>),
    Open(Rc<Trace>),
    /// Nothing is open and nothing will be.
    Failed,
}

#[derive(Default)]
pub struct Worker {
    state: State,
    text: Option<Rc<TextWorker>>,
    pub cutting: Option<Box<Cutting>>,
    /// The text that was received last for a cut-out.
    again: Vec<u8>,
    /// Questions that came before the trace was read.
    waiting: Vec<(u32, Question)>,
}

pub type Shared = Rc<RefCell<Worker>>;

pub fn handle(worker: &Shared, request: Request, message: &JsValue) {
    match request {
        Request::Hello { .. } | Request::ServeText | Request::Ping => {}
        Request::Connect => connect(worker, get(message, "port").unchecked_into()),
        Request::Open {
            files,
            selection,
            memory,
            which,
        } => {
            let list = get(message, "files").dyn_into::<Array>().unwrap_or_default();
            let files: Vec<(FileHead, Blob)> = files
                .into_iter()
                .zip(list.iter().map(JsCast::unchecked_into))
                .collect();
            let worker = worker.clone();
            spawn_local(async move {
                let started = js_sys::Date::now();
                let opening = open(&worker, files, &selection, memory, which, started);
                if let Err(why) = opening.await {
                    fail(&worker, why);
                }
            });
        }
        Request::WarmUp => {
            let worker = worker.clone();
            spawn_local(async move {
                if let Err(why) = warm_up(&worker).await {
                    web_sys::console::warn_2(&"warming up failed".into(), &why);
                }
            });
        }
        Request::OpenSample => {
            post(&Reply::Computing);
            let started = js_sys::Date::now();
            let (name, bytes) = session::sample();
            let bytes = Rc::new(bytes);
            let head = FileHead {
                name,
                bytes: bytes.len() as u64,
            };
            let mut loader = TextLoader::new(&head.name);
            loader.feed(&bytes);
            let inflated = Inflated {
                read: head.bytes,
                written: head.bytes,
                ..Inflated::default()
            };
            let loading = Loading::new(head, loader, Source::Memory(bytes), started);
            worker.borrow_mut().state = State::Loading(Box::new(loading));
            end(worker, &inflated, 0);
        }
        Request::Ask { id, question } => {
            let mut this = worker.borrow_mut();
            match &this.state {
                State::Open(trace) => {
                    let trace = trace.clone();
                    drop(this);
                    answer_or_cut(worker, &trace, id, question);
                }
                State::Failed => {
                    let why = "no trace is open".into();
                    post(&Reply::Answer {
                        id,
                        answer: Answer::Nothing { why },
                    });
                }
                State::Empty | State::Loading(_) => this.waiting.push((id, question)),
            }
        }
        Request::CancelCut => cutting::cancel(worker),
    }
}

fn answer_or_cut(worker: &Shared, trace: &Rc<Trace>, id: u32, question: Question) {
    match question {
        Question::Cut(request) => cutting::start(worker, trace, id, &request),
        question => answer(trace, id, question),
    }
}

/// Takes up the channel to the text worker.
fn connect(worker: &Shared, port: MessagePort) {
    let text = Rc::new(TextWorker {
        port: port.clone(),
        waiting: RefCell::default(),
        next_id: RefCell::default(),
    });
    worker.borrow_mut().text = Some(text.clone());
    let worker = worker.clone();
    listen(&port, move |data| {
        if let Ok(buffer) = get(&data, "buffer").dyn_into::<ArrayBuffer>() {
            let number = |key| get(&data, key).as_f64().unwrap_or(0.0);
            piece(&worker, &text, &buffer, number("len"), number("read"));
            return;
        }
        let taken = |id: u32| text.waiting.borrow_mut().remove(&id);
        match serde_wasm_bindgen::from_value::<Give>(get(&data, "head")) {
            Ok(Give::End {
                inflated,
                memory_bytes,
            }) => end(&worker, &inflated, memory_bytes),
            Ok(Give::Again { id }) => {
                let bytes = Uint8Array::new(&get(&data, "text")).to_vec();
                if let Some(taken) = taken(id) {
                    taken(Ok(bytes));
                }
            }
            Ok(Give::NotAgain { id, why }) => {
                if let Some(taken) = taken(id) {
                    taken(Err(why));
                }
            }
            Ok(Give::Failed { message }) => {
                let cutting = worker.borrow_mut().cutting.take();
                match cutting {
                    Some(cutting) => cutting.fail(message),
                    None => fail(&worker, message),
                }
            }
            Err(why) => fail(
                &worker,
                format!("one worker does not understand the other: {why}"),
            ),
        }
    });
}

/// A piece of text came: reads it, and says how far that is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole numbers below 2^53"
)]
fn piece(worker: &Shared, text: &TextWorker, buffer: &ArrayBuffer, len: f64, read: f64) {
    let mut this = worker.borrow_mut();
    let Worker {
        state,
        cutting,
        again,
        ..
    } = &mut *this;
    if let Some(cutting) = cutting {
        again.resize(PIECE as usize, 0);
        let text_again = &mut again[..len as usize];
        Uint8Array::new_with_byte_offset_and_length(buffer, 0, len as u32).copy_to(text_again);
        text.give_back(buffer);
        cutting.piece(text_again, read as u64);
        return;
    }
    let State::Loading(loading) = state else {
        return;
    };
    if loading.stopped.is_some() {
        text.give_back(buffer);
        return;
    }
    let len = len as u32;
    loading.piece.resize(PIECE as usize, 0);
    let from = Uint8Array::new_with_byte_offset_and_length(buffer, 0, len);
    from.copy_to(&mut loading.piece[..len as usize]);
    // Back first: the other worker fills it while this one reads.
    text.give_back(buffer);
    loading.loader.feed(&loading.piece[..len as usize]);
    if let Some(error) = loading.loader.error(loading.is_gzip) {
        let message = format!("{}: {error}.", loading.head.name);
        drop(this);
        fail(worker, message);
        return;
    }
    loading.advance(read as u64);
    match loading.judge() {
        Judged::Fits => {}
        Judged::Full(estimate) => {
            loading.stopped = Some(estimate);
            text.want(&Want::Stop, None);
        }
        // The page ends both workers as soon as it hears that; until then, nothing more is read.
        Judged::TooLarge(estimate) => {
            this.state = State::Failed;
            drop(this);
            post(&Reply::TooLarge(estimate));
        }
    }
}

/// The text is whole: makes the trace of it.
fn end(worker: &Shared, inflated: &Inflated, text_memory_bytes: u64) {
    let cutting = worker.borrow_mut().cutting.take();
    if let Some(cutting) = cutting {
        worker.borrow_mut().again = Vec::new();
        return cutting.finish();
    }
    let state = std::mem::take(&mut worker.borrow_mut().state);
    let State::Loading(mut loading) = state else {
        worker.borrow_mut().state = state;
        return;
    };
    loading.progress.stage = Stage::Indexing;
    loading.reported = 0.0;
    loading.partials = u32::MAX;
    let read = match loading.stopped {
        Some(_) => loading.progress.bytes_read,
        None => inflated.read,
    };
    loading.advance(read);
    if !loading.is_warm_up {
        post(&Reply::Computing);
    }
    loading.piece = Vec::new();
    let opened = match loading.stopped {
        None => loading.loader.finish(inflated),
        // What the other worker found at the end of what it had read ahead is of no interest.
        Some(_) => {
            let stopped = Inflated {
                read,
                is_gzip: inflated.is_gzip,
                ..Inflated::default()
            };
            loading.loader.stop(&stopped, loading.head.bytes)
        }
    };
    let mut opened = match opened {
        Ok(opened) => opened.document(&loading.which),
        Err(error) => return fail(worker, format!("{}: {error}.", loading.head.name)),
    };
    opened.others.append(&mut loading.others);
    for note in std::mem::take(&mut loading.notes) {
        opened.note(note);
    }
    opened.report.bytes = loading.made_of_bytes.unwrap_or(opened.report.bytes);
    if let Some(workers) = loading.workers.take() {
        compare(&mut opened, workers);
    }
    if loading.is_warm_up {
        return log(run_answers(&opened, &opened.scene()));
    }
    let cost = Cost {
        open_ms: js_sys::Date::now() - loading.started,
        first_ms: loading.first_ms,
        memory_bytes: memory_bytes() + text_memory_bytes,
    };
    show(worker, Trace::new(opened, loading.source), cost, loading.stopped);
}

/// Puts the workers side by side; the one that is open with what its trace says.
fn compare(opened: &mut Opened, mut workers: Workers) {
    let compared = workers.opened.compared(Some(&opened.report));
    if let Some(place) = workers.compared.get_mut(workers.place) {
        *place = compared;
    }
    opened.workers = session::bundle::compare(workers.compared);
}

/// Starts reading a generated trace as if it were a compressed file.
async fn warm_up(worker: &Shared) -> Result<(), JsValue> {
    let text = worker.borrow().text.clone().ok_or("there is no text worker")?;
    let parts = Array::of1(&Uint8Array::from(&session::warm_up()[..]));
    let plain = Blob::new_with_u8_array_sequence_and_options(&parts, &BlobPropertyBag::new())?;
    let packer: Function = Reflect::get(&js_sys::global(), &"CompressionStream".into())?.dyn_into()?;
    let packer = Reflect::construct(&packer, &Array::of1(&"gzip".into()))?;
    let packed = plain.stream().pipe_through(packer.unchecked_ref());
    let packed = Response::new_with_opt_readable_stream(Some(&packed))?.blob()?;
    let packed: Blob = JsFuture::from(packed).await?.unchecked_into();
    let head = FileHead {
        name: String::new(),
        bytes: size(&packed),
    };
    let loader = TextLoader::new(&head.name);
    let mut loading = Loading::new(head, loader, Source::Worker(text.clone()), js_sys::Date::now());
    loading.is_warm_up = true;
    worker.borrow_mut().state = State::Loading(Box::new(loading));
    text.want(&Want::All, Some(&packed));
    Ok(())
}

/// Makes what the page asks for first, and throws it away.
fn run_answers(opened: &Opened, scene: &Scene) -> Result<(), JsValue> {
    message_of(&Reply::Summary(Box::new(opened.summary())))?;
    message_of(&Reply::Answer {
        id: 0,
        answer: opened.answer(scene, &Question::Tracks),
    })?;
    post(&Reply::Warm);
    Ok(())
}

/// Tells the page what is open, and answers what it asked meanwhile.
fn show(worker: &Shared, trace: Trace, cost: Cost, stopped: Option<Box<Estimate>>) {
    let trace = Rc::new(trace);
    let mut summary = trace.opened.borrow().summary();
    summary.cost = Some(cost);
    summary.stopped = stopped;
    post(&Reply::Summary(Box::new(summary)));
    post(&Reply::Loaded);
    let waiting = {
        let mut worker = worker.borrow_mut();
        worker.state = State::Open(trace.clone());
        std::mem::take(&mut worker.waiting)
    };
    for (id, question) in waiting {
        answer_or_cut(worker, &trace, id, question);
    }
}

fn fail(worker: &Shared, message: String) {
    worker.borrow_mut().state = State::Failed;
    post(&Reply::Failed { message });
}

/// Starts reading; what comes of it is told to the page.
async fn open(
    worker: &Shared,
    files: Vec<(FileHead, Blob)>,
    selection: &Selection,
    memory: MemoryRule,
    mut which: Which,
    started: f64,
) -> Result<(), String> {
    let chosen = choose(files, which.recording.as_deref()).await?;
    which.recording = Some(chosen.recording);
    let Some((head, file, is_gzip)) = chosen.text else {
        post(&Reply::Computing);
        let name = &chosen.ready.name;
        let mut opened = chosen.ready.open().map_err(|error| format!("{name}: {error}."))?;
        opened.others = chosen.others;
        if let Some(workers) = chosen.workers {
            compare(&mut opened, workers);
        }
        for note in chosen.notes {
            opened.note(note);
        }
        let cost = Cost {
            open_ms: js_sys::Date::now() - started,
            first_ms: None,
            memory_bytes: memory_bytes(),
        };
        let text = Source::Memory(Rc::default());
        show(worker, Trace::new(opened, text), cost, None);
        return Ok(());
    };
    let text = worker.borrow().text.clone().ok_or("there is no text worker")?;
    let loader = chosen.ready.loader(selection);
    let mut loading = Loading::new(head, loader, Source::Worker(text.clone()), started);
    loading.workers = chosen.workers;
    loading.made_of_bytes = chosen.ready.made_of_bytes;
    loading.notes = chosen.notes;
    loading.is_gzip = is_gzip;
    loading.memory = memory;
    loading.others = chosen.others;
    if which.document > 1 {
        // They would be of the first.
        loading.partials = u32::MAX;
    }
    loading.which = which;
    worker.borrow_mut().state = State::Loading(Box::new(loading));
    text.want(&Want::All, Some(&file));
    Ok(())
}
