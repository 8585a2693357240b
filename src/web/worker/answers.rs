//! What the page asks of an open trace.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;

use super::source::{Source, Taken};
use super::{log, object, scope};
use crate::protocol::engine::{Answer, COMPARISON_PAGE, PAGE, Question, Reply};
use crate::protocol::wire;
use crate::session::{self, Opened};
use crate::view::timeline::Scene;

/// Bytes of text asked for to read one event again; four times as many if they do not hold it.
const EVENT_TEXT: u32 = 16 << 10;

/// What is open.
pub struct Trace {
    pub opened: RefCell<Opened>,
    pub scene: RefCell<Scene>,
    pub text: Source,
}

impl Trace {
    pub fn new(mut opened: Opened, text: Source) -> Trace {
        // A file that holds several ranks needs no other.
        if opened.vocabulary.ranks.labels.len() > 1 {
            drop(opened.compare_ranks(&[]));
        }
        let scene = opened.scene();
        Trace {
            opened: RefCell::new(opened),
            scene: RefCell::new(scene),
            text,
        }
    }

    /// Other rules for kernels: all answers anew.
    fn classify(&self, rules: &str) -> Answer {
        let mut opened = self.opened.borrow_mut();
        match opened.classify(rules) {
            Ok(()) => {
                *self.scene.borrow_mut() = opened.scene();
                Answer::Anew(Box::new(opened.summary()))
            }
            Err(why) => Answer::Nothing { why },
        }
    }
}

pub fn answer(trace: &Rc<Trace>, id: u32, question: Question) {
    if let Question::Args { slice } = question {
        args(trace, id, slice);
        return;
    }
    let answer = match &question {
        Question::Classify { rules } => trace.classify(rules),
        Question::StepTime { basis } => {
            let mut opened = trace.opened.borrow_mut();
            opened.set_step_time(*basis);
            Answer::Anew(Box::new(opened.summary()))
        }
        Question::Compare {
            with,
            other_is_before,
        } => {
            let mut opened = trace.opened.borrow_mut();
            match opened.compare(with.as_deref(), *other_is_before) {
                Ok(()) => Answer::Anew(Box::new(opened.summary())),
                Err(why) => Answer::Nothing { why },
            }
        }
        Question::Ranks { others } => {
            let mut opened = trace.opened.borrow_mut();
            match opened.compare_ranks(others) {
                Ok(()) => Answer::Anew(Box::new(opened.summary())),
                Err(why) => Answer::Nothing { why },
            }
        }
        Question::Report { format } if [PAGE, COMPARISON_PAGE].contains(&format.as_str()) => {
            let now = String::from(js_sys::Date::new_0().to_iso_string());
            let day = now.split('T').next().unwrap_or_default();
            trace.opened.borrow().handed_on(format, format!("{day} (UTC)"))
        }
        _ => trace.opened.borrow().answer(&trace.scene.borrow(), &question),
    };
    post(&Reply::Answer { id, answer });
}

/// Reads the args of a slice again: from the event that begins it, and from the one that ends it where there is one.
fn args(trace: &Rc<Trace>, id: u32, slice: u32) {
    let say = move |answer: Answer| post(&Reply::Answer { id, answer });
    let (begin, end) = {
        let opened = trace.opened.borrow();
        (opened.text_at(slice), opened.end_text_at(slice))
    };
    let Some(begin) = begin else {
        let why = "there is no such slice".into();
        return say(Answer::Nothing { why });
    };
    let (again, trace) = (trace.clone(), trace.clone());
    let of =
        move |trace: &Trace, events: &[&[u8]]| say(Answer::Args(trace.opened.borrow().args(slice, events)));
    event(&again, begin, EVENT_TEXT, move |read| match (read, end) {
        (Err(why), _) => say(Answer::Nothing { why }),
        (Ok(begin), None) => of(&trace, &[&begin]),
        (Ok(begin), Some(end)) => event(&trace.clone(), end, EVENT_TEXT, move |read| match read {
            Err(why) => say(Answer::Nothing { why }),
            Ok(end) => of(&trace, &[&begin, &end]),
        }),
    });
}

/// Reads the event at a byte of the text again, `len` bytes at first.
fn event(trace: &Rc<Trace>, at: u64, len: u32, taken: impl FnOnce(Result<Vec<u8>, String>) + 'static) {
    match &trace.text {
        Source::Memory(bytes) => {
            let text = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
            let event = session::event_text(text.unwrap_or_default(), true);
            taken(Ok(event.unwrap_or_default().to_vec()));
        }
        Source::Worker(text) => {
            let trace = trace.clone();
            let more = move |text: Result<Vec<u8>, String>| match text {
                Err(why) => taken(Err(why)),
                Ok(text) => match session::event_text(&text, text.len() < len as usize) {
                    Some(event) => taken(Ok(event.to_vec())),
                    None => event_of_more(&trace, at, len, Box::new(taken)),
                },
            };
            text.again(at, len, Box::new(more));
        }
    }
}

/// Boxed, so that the closures' types end.
fn event_of_more(trace: &Rc<Trace>, at: u64, len: u32, taken: Taken) {
    event(trace, at, len.saturating_mul(4), taken);
}

/// Posts a reply to the page; a timeline frame's words go beside it, transferred.
pub fn post(reply: &Reply) {
    log(message_of(reply)
        .and_then(|(message, transfer)| scope().post_message_with_transfer(&message, &transfer)));
}

/// Posts a reply with a blob beside it. A blob is shared, not copied.
pub fn post_with_blob(reply: &Reply, blob: &JsValue) {
    let message = bytes(reply).and_then(|head| object(&[("head", head.into()), ("blob", blob.clone())]));
    log(message.and_then(|message| scope().post_message(&message)));
}

/// A reply as it is posted, and what of it is transferred.
pub fn message_of(reply: &Reply) -> Result<(JsValue, Array), JsValue> {
    let bytes = bytes(reply)?;
    let transfer = Array::of1(&bytes.buffer());
    let head = ("head", bytes.into());
    let Reply::Answer {
        answer: Answer::Timeline {
            frame: Some(frame), ..
        },
        ..
    } = reply
    else {
        return Ok((object(&[head])?, transfer));
    };
    let words = Uint32Array::from(&frame.to_words()[..]);
    transfer.push(&words.buffer());
    Ok((object(&[head, ("words", words.into())])?, transfer))
}

fn bytes(reply: &Reply) -> Result<Uint8Array, JsValue> {
    Ok(Uint8Array::from(&wire::bytes_of(reply)?[..]))
}
