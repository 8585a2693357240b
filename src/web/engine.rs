//! The engine as the page sees it: workers that are told what to open and asked questions.
//!
//! A message is `{head, …}`: `head` is a [`Request`] or a [`Reply`] as a plain object, 64-bit integers as
//! `BigInt`; beside it travel the files (`files`) on the way there and a timeline frame's words (`words`, a
//! transferred `Uint32Array`) on the way back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Reflect, Uint32Array};
use rustc_hash::FxHashMap;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ErrorEvent, MessageEvent, Worker};

use crate::protocol::engine::{Answer, PROTOCOL, Progress, Question, Reply, Request};
use crate::view::{Estimate, Frame, MemoryRule, Selection, Summary};
use crate::web::files::Picked;
use crate::web::listener::Listener;
use crate::web::workers::{Pair, Workers, tell};

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
    _listeners: Vec<Listener>,
}

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
        let waiting = Waiting::default();
        let told = Rc::new(told);
        let on_message = Listener::new(&workers.trace, "message", {
            let (told, waiting) = (told.clone(), waiting.clone());
            // A worker of another version is not listened to: what it means by its words is not known.
            let mut refused = false;
            move |event: MessageEvent| match reply_of(&event.data()) {
                _ if refused => {}
                Ok(Reply::Ready { protocol }) if protocol != PROTOCOL => {
                    refused = true;
                    told(Told::Failed(format!(
                        "This page and its worker are of different versions ({PROTOCOL} and {protocol}). Please reload the page."
                    )));
                }
                Ok(Reply::Ready { .. } | Reply::Warm) => {}
                Ok(Reply::Progress(progress)) => told(Told::Progress(progress)),
                Ok(Reply::Summary(summary)) => told(Told::Summary(summary)),
                Ok(Reply::Loaded) => told(Told::Loaded),
                Ok(Reply::Estimate(estimate)) => told(Told::Estimate(estimate)),
                Ok(Reply::TooLarge(estimate)) => told(Told::TooLarge(estimate)),
                Ok(Reply::Failed { message }) => told(Told::Failed(message)),
                Ok(Reply::Answer { id, answer }) => {
                    let answered = waiting.borrow_mut().remove(&id);
                    if let Some(answered) = answered {
                        answered(answer);
                    }
                }
                Err(why) => told(Told::Trapped(format!(
                    "The worker sent what this page does not understand: {why}."
                ))),
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
        let listeners = vec![on_message, on_error(&workers.trace), on_error(&workers.text)];
        workers.connect()?;
        Ok(Engine(Rc::new(Inner {
            workers,
            next_id: Cell::new(0),
            waiting,
            _listeners: listeners,
        })))
    }

    /// Opens these files, or what is selected of them.
    pub fn open(&self, picked: &Picked, selection: &Selection, memory: MemoryRule) -> Result<(), String> {
        let files: Array = picked.files().iter().collect();
        self.post(
            &Request::Open {
                files: picked.heads(),
                selection: selection.clone(),
                memory,
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

    /// Ends the workers at once and frees their memory. Open questions stay unanswered.
    pub fn stop(&self) {
        self.0.workers.end();
        self.0.waiting.borrow_mut().clear();
    }

    fn post(&self, request: &Request, files: Option<&Array>) -> Result<(), String> {
        tell(&self.0.workers.trace, request, files)
            .map_err(|why| format!("The worker could not be told: {why:?}"))
    }
}

/// Reads a message of the worker. A timeline frame is put together from its words.
fn reply_of(data: &JsValue) -> Result<Reply, String> {
    let head = Reflect::get(data, &"head".into()).map_err(|_| "no message".to_owned())?;
    let mut reply: Reply = serde_wasm_bindgen::from_value(head).map_err(|why| why.to_string())?;
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
