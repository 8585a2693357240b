//! The engine as the page sees it: workers that are told what to open and asked questions.
//!
//! A message is `{head, …}`: `head` is a [`Request`] as a plain object, 64-bit integers as `BigInt`, or a [`Reply`] as
//! bytes ([`crate::protocol::wire`]); beside it travel the files (`files`) on the way there and a timeline frame's
//! words (`words`, a transferred `Uint32Array`) or a cut-out (`blob`) on the way back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Reflect, Uint32Array};
use rustc_hash::FxHashMap;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, ErrorEvent, MessageEvent, Worker};

use crate::protocol::engine::{Answer, PROTOCOL, Progress, Question, Reply, Request};
use crate::protocol::pulse::{BEAT_MS, Pulse, State};
use crate::view::{CutFacts, CutRequest, Estimate, Frame, MemoryRule, Selection, Summary, Which};
use crate::web::files::Picked;
use crate::web::listener::Listener;
use crate::web::timer::Timer;
use crate::web::workers::{Pair, Workers, reply_in, tell};

/// What the engine tells without being asked.
pub enum Told {
    Progress(Progress),
    Summary(Box<Summary>),
    Loaded,
    /// What the whole file is going to take.
    Estimate(Box<Estimate>),
    /// It is not going to fit; nothing more is read.
    TooLarge(Box<Estimate>),
    /// Nothing could be read; one sentence.
    Failed(String),
    /// The worker is of another version than the page, which nothing but loading it again helps; one sentence.
    OtherVersion(String),
    /// A worker that reads the file does not answer, one sentence; or it does again.
    Silent(Option<String>),
    /// The worker is dead; one sentence. Whatever is asked from now on is never answered.
    Trapped(String),
}

/// Two workers with one trace. Cloning shares it; equal means the same one.
#[derive(Clone)]
pub struct Engine(Rc<Inner>);

struct Inner {
    workers: Pair,
    next_id: Cell<u32>,
    waiting: Waiting,
    cuts: Cuts,
    _listeners: Vec<Listener>,
    _beats: Timer,
}

/// A cut-out: what was written, and the file.
pub struct CutFile {
    pub facts: CutFacts,
    pub blob: Blob,
}

/// Who waits for a cut-out: hears the part of the file that has been read again, then what came of it.
struct WaitingForCut {
    progress: Rc<dyn Fn(f64)>,
    done: Box<dyn FnOnce(Result<CutFile, String>)>,
}

type Cuts = Rc<RefCell<FxHashMap<u32, WaitingForCut>>>;

type Waiting = Rc<RefCell<FxHashMap<u32, Box<dyn FnOnce(Answer)>>>>;

impl PartialEq for Engine {
    fn eq(&self, other: &Engine) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Engine {
    /// Takes a pair of workers, greets and connects them.
    pub fn start(from: &Workers, told: impl Fn(Told) + 'static) -> Result<Engine, String> {
        let workers = from.take()?;
        let (waiting, cuts) = (Waiting::default(), Cuts::default());
        let told = Rc::new(told);
        let pulses = Rc::new(Pulses::default());
        let on_message = Listener::new(&workers.trace, "message", {
            let (told, waiting, cuts) = (told.clone(), waiting.clone(), cuts.clone());
            let pulses = pulses.clone();
            // A worker of another version is not listened to: what it means by its words is not known.
            let mut refused = false;
            move |event: MessageEvent| {
                let reply = reply_of(&event.data());
                if let Ok(reply) = &reply
                    && pulses.heard(reply)
                {
                    told(Told::Silent(None));
                }
                match reply {
                    _ if refused => {}
                    Ok(Reply::Ready { protocol }) if protocol != PROTOCOL => {
                        refused = true;
                        told(Told::OtherVersion(format!(
                            "This page and its worker are of different versions ({PROTOCOL} and {protocol}). Please reload the page."
                        )));
                    }
                    Ok(
                        Reply::Ready { .. } | Reply::Warm | Reply::Alive | Reply::Computing | Reply::Computed,
                    ) => {}
                    Ok(Reply::Progress(progress)) => told(Told::Progress(progress)),
                    Ok(Reply::Summary(summary)) => told(Told::Summary(summary)),
                    Ok(Reply::Loaded) => told(Told::Loaded),
                    Ok(Reply::Estimate(estimate)) => told(Told::Estimate(estimate)),
                    Ok(Reply::TooLarge(estimate)) => told(Told::TooLarge(estimate)),
                    Ok(Reply::Failed { message }) => told(Told::Failed(message)),
                    Ok(Reply::CutProgress {
                        id,
                        bytes_read,
                        bytes_total,
                    }) => {
                        let progress = cuts.borrow().get(&id).map(|cut| cut.progress.clone());
                        if let Some(progress) = progress {
                            progress(bytes_read as f64 / bytes_total.max(1) as f64);
                        }
                    }
                    Ok(Reply::Answer { id, answer }) => {
                        let cut = cuts.borrow_mut().remove(&id);
                        if let Some(cut) = cut {
                            return (cut.done)(cut_file(&event.data(), answer));
                        }
                        let answered = waiting.borrow_mut().remove(&id);
                        if let Some(answered) = answered {
                            answered(answer);
                        }
                    }
                    Err(why) => told(Told::Trapped(format!(
                        "The worker sent what this page does not understand: {why}."
                    ))),
                }
            }
        });
        // The text worker tells the page nothing but that it is there.
        let on_text = Listener::new(&workers.text, "message", {
            let (told, pulses) = (told.clone(), pulses.clone());
            move |_: MessageEvent| {
                if Pulses::answered(&pulses.text) {
                    told(Told::Silent(None));
                }
            }
        });
        let on_error = |worker: &Worker| {
            let told = told.clone();
            Listener::new(worker, "error", move |event: ErrorEvent| {
                event.prevent_default();
                let why = event.message();
                let why = why.trim_start_matches("Uncaught ").trim_end_matches('.');
                told(Told::Trapped(format!(
                    "The worker that read this file stopped: {}. The page still works; open the file again or another one.",
                    if why.is_empty() {
                        "no reason was given"
                    } else {
                        why
                    }
                )));
            })
        };
        let listeners = vec![
            on_message,
            on_text,
            on_error(&workers.trace),
            on_error(&workers.text),
        ];
        let beats = beats(&workers, &pulses, told.clone());
        workers.connect()?;
        Ok(Engine(Rc::new(Inner {
            workers,
            next_id: Cell::new(0),
            waiting,
            cuts,
            _listeners: listeners,
            _beats: beats,
        })))
    }

    /// Opens these files, or what is selected of them; of several traces the one that is asked for.
    pub fn open(
        &self,
        picked: &Picked,
        selection: &Selection,
        memory: MemoryRule,
        which: Which,
    ) -> Result<(), String> {
        let files: Array = picked.files().collect();
        self.post(
            &Request::Open {
                files: picked.heads(),
                selection: selection.clone(),
                memory,
                which,
            },
            Some(&files),
        )
    }

    /// Opens the built-in sample.
    pub fn open_sample(&self) -> Result<(), String> {
        self.post(&Request::OpenSample, None)
    }

    /// Asks; `answered` is called once, unless the engine stops before.
    pub fn ask(&self, question: Question, answered: impl FnOnce(Answer) + 'static) {
        let id = self.0.next_id.get();
        self.0.next_id.set(id.wrapping_add(1));
        self.0.waiting.borrow_mut().insert(id, Box::new(answered));
        if let Err(why) = self.post(&Request::Ask { id, question }, None) {
            let answered = self.0.waiting.borrow_mut().remove(&id);
            if let Some(answered) = answered {
                answered(Answer::Nothing { why });
            }
        }
    }

    /// Writes a cut-out; `done` is called once, unless the engine stops before. One at a time.
    pub fn cut(&self, request: CutRequest, done: impl FnOnce(Result<CutFile, String>) + 'static) {
        self.cut_telling(request, |_| {}, done);
    }

    /// The same; `progress` hears now and then which part of the file has been read again, 0 to 1.
    pub fn cut_telling(
        &self,
        request: CutRequest,
        progress: impl Fn(f64) + 'static,
        done: impl FnOnce(Result<CutFile, String>) + 'static,
    ) {
        let id = self.0.next_id.get();
        self.0.next_id.set(id.wrapping_add(1));
        let waiting = WaitingForCut {
            progress: Rc::new(progress),
            done: Box::new(done),
        };
        self.0.cuts.borrow_mut().insert(id, waiting);
        let question = Question::Cut(request);
        if let Err(why) = self.post(&Request::Ask { id, question }, None) {
            let waiting = self.0.cuts.borrow_mut().remove(&id);
            if let Some(waiting) = waiting {
                (waiting.done)(Err(why));
            }
        }
    }

    /// Gives up the cut-out that is being written; its `done` then hears so.
    pub fn cancel_cut(&self) {
        // Where the worker cannot be told, it is gone, and its cut-out with it.
        drop(self.post(&Request::CancelCut, None));
    }

    /// Ends the workers at once and frees their memory. Open questions stay unanswered.
    pub fn stop(&self) {
        self.0.workers.end();
        self.0.waiting.borrow_mut().clear();
        self.0.cuts.borrow_mut().clear();
    }

    fn post(&self, request: &Request, files: Option<&Array>) -> Result<(), String> {
        tell(&self.0.workers.trace, request, files)
            .map_err(|why| format!("The worker could not be told: {why:?}"))
    }
}

/// What is heard of the two workers, until the file is read.
#[derive(Default)]
struct Pulses {
    trace: RefCell<Pulse>,
    text: RefCell<Pulse>,
    /// Reading has ended, one way or another: a question may take any time.
    ended: Cell<bool>,
}

impl Pulses {
    fn answered(of: &RefCell<Pulse>) -> bool {
        of.borrow_mut().answered()
    }

    /// The trace worker said so. Whether it had been silent.
    fn heard(&self, reply: &Reply) -> bool {
        match reply {
            Reply::Alive => Pulses::answered(&self.trace),
            Reply::Loaded | Reply::TooLarge(_) | Reply::Failed { .. } => {
                self.ended.set(true);
                false
            }
            _ => {
                let computes = matches!(reply, Reply::Computing);
                self.trace.borrow_mut().told(computes)
            }
        }
    }
}

/// Asks both workers once a beat whether they are there, until the file is read.
fn beats(workers: &Pair, pulses: &Rc<Pulses>, told: Rc<impl Fn(Told) + 'static>) -> Timer {
    let (trace, text, pulses) = (workers.trace.clone(), workers.text.clone(), pulses.clone());
    Timer::every(BEAT_MS, move || {
        if pulses.ended.get() {
            return;
        }
        for (worker, pulse) in [(&trace, &pulses.trace), (&text, &pulses.text)] {
            // Where it cannot be asked, it does not answer.
            drop(tell(worker, &Request::Ping, None));
            let state = pulse.borrow_mut().beat();
            match state {
                State::Alive | State::Silent => {}
                State::FallsSilent => told(Told::Silent(Some(
                    "The worker that reads this file has not answered for some seconds. If the browser has ended it, \
                     reading does not go on: cancel and open the file again."
                        .to_owned(),
                ))),
                State::Gone => {
                    pulses.ended.set(true);
                    return told(Told::Trapped(
                        "The worker that read this file does not answer any more: the browser has probably ended it. \
                         The page still works; open the file again or another one."
                            .to_owned(),
                    ));
                }
            }
        }
    })
}

/// The answer to a request for a cut-out, with the file that travels beside it.
fn cut_file(data: &JsValue, answer: Answer) -> Result<CutFile, String> {
    match answer {
        Answer::Cut(facts) => {
            let blob = Reflect::get(data, &"blob".into())
                .ok()
                .and_then(|blob| blob.dyn_into::<Blob>().ok());
            let blob = blob.ok_or("a cut-out without a file")?;
            Ok(CutFile { facts, blob })
        }
        Answer::Nothing { why } => Err(why),
        _ => Err("the worker answered something else".into()),
    }
}

/// Reads a message of the worker. A timeline frame is put together from its words.
fn reply_of(data: &JsValue) -> Result<Reply, String> {
    let mut reply = reply_in(data)?;
    if let Reply::Answer {
        answer: Answer::Timeline { names, frame },
        ..
    } = &mut reply
    {
        let words = Reflect::get(data, &"words".into())
            .ok()
            .and_then(|words| words.dyn_into::<Uint32Array>().ok())
            .ok_or("a timeline frame without words")?;
        let read = Frame::from_words(&words.to_vec(), std::mem::take(names));
        *frame = Some(Box::new(read.ok_or("a timeline frame of other words")?));
    }
    Ok(reply)
}
