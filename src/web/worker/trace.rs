//! The trace worker: owns one trace, made from the text that the other worker sends, and answers questions.
//!
//! Between two pieces of text the browser delivers what the page has sent meanwhile; questions that come while the
//! file is read are answered when it is. Cancelling is the page's business: it ends both workers.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Function, Reflect, Uint8Array, Uint32Array};
use rustc_hash::FxHashMap;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, BlobPropertyBag, File, MessagePort, Response};

use super::{get, listen, log, memory_bytes, object, plain, read, scope, size, unreadable};
use crate::protocol::engine::{Answer, FileHead, Progress, Question, Reply, Request, Stage};
use crate::protocol::text::{Give, PIECE, Want};
use crate::session::{self, Inflated, Inflater, Opened, TextLoader};
use crate::view::timeline::Scene;
use crate::view::{Cost, Estimate, MemoryRule, Over, Selection};

/// Bytes of text asked for to read one event again; four times as many if they do not hold it.
const EVENT_TEXT: u32 = 16 << 10;
/// Between two reports of progress, ms.
const PROGRESS_MS: f64 = 100.0;
/// Between two estimates that the page is told, part of the file.
const ESTIMATE_PART: f64 = 0.05;
/// Answers about the first part are given at so many events, if that is less than half of the file …
const FIRST_PARTIAL_EVENTS: u64 = 30_000;
/// … and once more after so many ms, if that is less than a third of it: they cost a copy of what is there, which
/// then still is less than what reading on will take.
const SECOND_PARTIAL_MS: f64 = 2_500.0;

/// What is open.
struct Trace {
    opened: Opened,
    scene: Scene,
    text: Source,
}

/// Where the text of a trace can be read again.
#[derive(Clone)]
enum Source {
    Worker(Rc<TextWorker>),
    /// The sample is held: a few MB. So is a metrics file.
    Memory(Rc<Vec<u8>>),
}

/// What becomes of text that was asked for again: the bytes, or why there are none.
type Taken = Box<dyn FnOnce(Result<Vec<u8>, String>)>;

/// The worker at the other end of the channel.
struct TextWorker {
    port: MessagePort,
    waiting: RefCell<FxHashMap<u32, Taken>>,
    next_id: RefCell<u32>,
}

impl TextWorker {
    fn want(&self, want: &Want, file: Option<&Blob>) {
        let message = plain(want).and_then(|head| match file {
            Some(file) => object(&[("head", head), ("file", file.into())]),
            None => object(&[("head", head)]),
        });
        log(message.and_then(|message| self.port.post_message(&message)));
    }

    fn again(&self, at: u64, len: u32, taken: Taken) {
        let id = self.next_id.replace_with(|id| id.wrapping_add(1));
        self.waiting.borrow_mut().insert(id, taken);
        self.want(&Want::Again { id, at, len }, None);
    }

    fn give_back(&self, buffer: &ArrayBuffer) {
        let transfer = Array::of1(buffer);
        let message = object(&[("buffer", buffer.into())]);
        log(message.and_then(|message| self.port.post_message_with_transferable(&message, &transfer)));
    }
}

/// A trace that is being read.
struct Loading {
    head: FileHead,
    loader: TextLoader,
    source: Source,
    left_out: Vec<String>,
    /// Nobody waits for it: it is read to be forgotten.
    is_warm_up: bool,
    is_gzip: bool,
    /// The text that was received last.
    piece: Vec<u8>,
    progress: Progress,
    /// Wall clock, ms: at the request, at the last report of progress, at the first partial answer.
    started: f64,
    reported: f64,
    first_ms: Option<f64>,
    partials: u32,
    memory: MemoryRule,
    /// Part of the file at the last estimate that the page was told.
    estimated: f64,
    /// Memory is full, and no more text is wanted.
    stopped: Option<Box<Estimate>>,
}

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
    /// Questions that came before the trace was read.
    waiting: Vec<(u32, Question)>,
}

pub type Shared = Rc<RefCell<Worker>>;

pub fn handle(worker: &Shared, request: Request, message: &JsValue) {
    match request {
        Request::Hello { .. } | Request::ServeText => {}
        Request::Connect => connect(worker, get(message, "port").unchecked_into()),
        Request::Open {
            files,
            selection,
            memory,
        } => {
            let list = get(message, "files").dyn_into::<Array>().unwrap_or_default();
            let files: Vec<(FileHead, File)> = files
                .into_iter()
                .zip(list.iter().map(JsCast::unchecked_into))
                .collect();
            let worker = worker.clone();
            spawn_local(async move {
                let started = js_sys::Date::now();
                if let Err(why) = open(&worker, files, &selection, memory, started).await {
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
            let started = js_sys::Date::now();
            let (name, bytes) = session::sample();
            let bytes = Rc::new(bytes);
            let head = FileHead {
                name,
                bytes: bytes.len() as u64,
            };
            let mut loader = TextLoader::new(&head.name);
            loader.feed(&bytes);
            let mut inflater = Inflater::default();
            inflater.feed(&bytes, &mut |_| {});
            let (inflated, _) = inflater.finish();
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
                    answer(&trace, id, question);
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
            Ok(Give::Failed { message }) => fail(&worker, message),
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
    let State::Loading(loading) = &mut this.state else {
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

/// Whether a trace fits.
enum Judged {
    Fits,
    /// It is not going to, and the reader wants to be asked.
    TooLarge(Box<Estimate>),
    /// No more does.
    Full(Box<Estimate>),
}

impl Loading {
    fn new(head: FileHead, loader: TextLoader, source: Source, started: f64) -> Loading {
        let progress = Progress {
            bytes_total: head.bytes,
            ..Progress::default()
        };
        Loading {
            head,
            loader,
            source,
            left_out: Vec::new(),
            is_warm_up: false,
            is_gzip: false,
            piece: Vec::new(),
            progress,
            started,
            reported: started,
            first_ms: None,
            partials: 0,
            memory: MemoryRule::default(),
            estimated: 0.0,
            stopped: None,
        }
    }

    /// Predicts what the whole file is going to take, and now and then tells the page.
    fn judge(&mut self) -> Judged {
        let Progress {
            bytes_read,
            bytes_total,
            ..
        } = self.progress;
        let limit = self.memory.stop_bytes();
        let Some(estimate) = self.loader.estimate(bytes_read, bytes_total, limit) else {
            return Judged::Fits;
        };
        let with_categories = |estimate: Estimate| {
            Box::new(Estimate {
                categories: self.loader.categories(),
                ..estimate
            })
        };
        if estimate.is_full() && bytes_read < bytes_total {
            return Judged::Full(with_categories(estimate));
        }
        if self.memory.over == Over::Ask && estimate.asks() {
            return Judged::TooLarge(with_categories(estimate));
        }
        if estimate.part() - self.estimated >= ESTIMATE_PART {
            self.estimated = estimate.part();
            post(&Reply::Estimate(with_categories(estimate)));
        }
        Judged::Fits
    }

    /// `read` bytes of the file are read: reports it now and then, and answers about the first part.
    fn advance(&mut self, read: u64) {
        let now = js_sys::Date::now();
        self.progress.bytes_read = read;
        self.progress.inflated_bytes = self.loader.text_bytes();
        self.progress.events = self.loader.events();
        self.progress.elapsed_ms = now - self.started;
        if self.is_warm_up {
            return;
        }
        if now - self.reported >= PROGRESS_MS {
            self.reported = now;
            self.progress.memory_bytes = memory_bytes();
            post(&Reply::Progress(self.progress));
        }
        let total = self.progress.bytes_total;
        let due = match self.partials {
            0 => self.loader.events() >= FIRST_PARTIAL_EVENTS && read < total / 2,
            1 => {
                let room = self.loader.held_bytes() * 3 < self.memory.stop_bytes();
                now - self.started >= SECOND_PARTIAL_MS && read < total / 3 && room
            }
            _ => false,
        };
        if due {
            self.partials += 1;
            post(&Reply::Summary(Box::new(self.loader.partial(read))));
            self.first_ms
                .get_or_insert_with(|| js_sys::Date::now() - self.started);
        }
    }
}

/// The text is whole: makes the trace of it.
fn end(worker: &Shared, inflated: &Inflated, text_memory_bytes: u64) {
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
        Ok(opened) => opened,
        Err(error) => return fail(worker, format!("{}: {error}.", loading.head.name)),
    };
    if !loading.left_out.is_empty() {
        let left_out = loading.left_out.join(", ");
        let note = format!("A page holds one trace; not opened: {left_out}.");
        opened.report.notes.push(note);
    }
    let scene = opened.scene();
    if loading.is_warm_up {
        return log(run_answers(&opened, &scene));
    }
    let cost = Cost {
        open_ms: js_sys::Date::now() - loading.started,
        first_ms: loading.first_ms,
        memory_bytes: memory_bytes() + text_memory_bytes,
    };
    show(
        worker,
        Trace {
            opened,
            scene,
            text: loading.source,
        },
        cost,
        loading.stopped,
    );
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
    let mut summary = trace.opened.summary();
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
        answer(&trace, id, question);
    }
}

fn fail(worker: &Shared, message: String) {
    worker.borrow_mut().state = State::Failed;
    post(&Reply::Failed { message });
}

/// Of the files that were given: the first trace, and the first metrics file, read whole.
struct Chosen {
    trace: Option<(FileHead, File)>,
    is_gzip: bool,
    metrics: Option<(String, Vec<u8>)>,
    left_out: Vec<String>,
}

async fn bytes_of(file: &File, len: u64) -> Result<Vec<u8>, String> {
    let Some(promise) = read(file, 0, len)? else {
        return Ok(Vec::new());
    };
    let got = JsFuture::from(promise)
        .await
        .map_err(|why| unreadable(file, why))?;
    Ok(Uint8Array::new(&got).to_vec())
}

async fn choose(files: Vec<(FileHead, File)>) -> Result<Chosen, String> {
    let mut chosen = Chosen {
        trace: None,
        is_gzip: false,
        metrics: None,
        left_out: Vec::new(),
    };
    for (head, file) in files {
        let start = bytes_of(&file, 512).await?;
        let is_metrics = session::is_metrics(&start);
        if is_metrics && chosen.metrics.is_none() && size(&file) <= session::MAX_METRICS_BYTES {
            chosen.metrics = Some((head.name, bytes_of(&file, u64::MAX).await?));
        } else if !is_metrics && chosen.trace.is_none() {
            chosen.trace = Some((head, file));
            chosen.is_gzip = session::is_gzip(&start);
        } else {
            chosen.left_out.push(head.name);
        }
    }
    Ok(chosen)
}

/// Starts reading; what comes of it is told to the page.
async fn open(
    worker: &Shared,
    files: Vec<(FileHead, File)>,
    selection: &Selection,
    memory: MemoryRule,
    started: f64,
) -> Result<(), String> {
    let chosen = choose(files).await?;
    let Some((head, file)) = chosen.trace else {
        let Some((name, bytes)) = chosen.metrics else {
            return Err("no file was given".into());
        };
        let opened = session::open_metrics(&name, &bytes).map_err(|error| format!("{name}: {error}."))?;
        let scene = opened.scene();
        let cost = Cost {
            open_ms: js_sys::Date::now() - started,
            first_ms: None,
            memory_bytes: memory_bytes(),
        };
        let text = Source::Memory(Rc::new(bytes));
        show(worker, Trace { opened, scene, text }, cost, None);
        return Ok(());
    };
    let text = worker.borrow().text.clone().ok_or("there is no text worker")?;
    let mut loader = TextLoader::selecting(&head.name, selection);
    if let Some((name, bytes)) = chosen.metrics {
        loader.attach_metrics(&name, &bytes);
    }
    let mut loading = Loading::new(head, loader, Source::Worker(text.clone()), started);
    loading.left_out = chosen.left_out;
    loading.is_gzip = chosen.is_gzip;
    loading.memory = memory;
    worker.borrow_mut().state = State::Loading(Box::new(loading));
    text.want(&Want::All, Some(&file));
    Ok(())
}

fn answer(trace: &Rc<Trace>, id: u32, question: Question) {
    if let Question::Args { slice } = question {
        args(trace, id, slice, EVENT_TEXT);
        return;
    }
    post(&Reply::Answer {
        id,
        answer: trace.opened.answer(&trace.scene, &question),
    });
}

/// Reads the args of a slice again, `len` bytes of text at first.
fn args(trace: &Rc<Trace>, id: u32, slice: u32, len: u32) {
    let say = move |answer: Answer| post(&Reply::Answer { id, answer });
    let Some(at) = trace.opened.text_at(slice) else {
        let why = "there is no such slice".into();
        return say(Answer::Nothing { why });
    };
    match &trace.text {
        Source::Memory(bytes) => {
            let text = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
            say(match trace.opened.args(slice, text.unwrap_or_default(), true) {
                Some(args) => Answer::Args(args),
                None => Answer::Nothing {
                    why: "the event's text could not be read again".into(),
                },
            });
        }
        Source::Worker(text) => {
            let trace = trace.clone();
            let taken = move |text: Result<Vec<u8>, String>| match text {
                Err(why) => say(Answer::Nothing { why }),
                Ok(text) => {
                    let is_all = text.len() < len as usize;
                    match trace.opened.args(slice, &text, is_all) {
                        Some(args) => say(Answer::Args(args)),
                        None => args_of_more(&trace, id, slice, len),
                    }
                }
            };
            text.again(at, len, Box::new(taken));
        }
    }
}

fn args_of_more(trace: &Rc<Trace>, id: u32, slice: u32, len: u32) {
    args(trace, id, slice, len.saturating_mul(4));
}

/// Posts a reply to the page; a timeline frame's words go beside it, transferred.
pub fn post(reply: &Reply) {
    log(message_of(reply)
        .and_then(|(message, transfer)| scope().post_message_with_transfer(&message, &transfer)));
}

/// A reply as it is posted, and what of it is transferred.
fn message_of(reply: &Reply) -> Result<(JsValue, Array), JsValue> {
    let head = ("head", plain(reply)?);
    let Reply::Answer {
        answer: Answer::Timeline {
            frame: Some(frame), ..
        },
        ..
    } = reply
    else {
        return Ok((object(&[head])?, Array::new()));
    };
    let words = Uint32Array::from(&frame.to_words()[..]);
    let transfer = Array::of1(&words.buffer());
    Ok((object(&[head, ("words", words.into())])?, transfer))
}
