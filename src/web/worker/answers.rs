//! What the page asks of an open trace.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Uint32Array};
use wasm_bindgen::prelude::*;

use super::source::Source;
use super::{log, object, plain, scope};
use crate::protocol::clip::Clip;
use crate::protocol::engine::{Answer, Question, Reply};
use crate::session::Opened;
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
    pub fn new(opened: Opened, text: Source) -> Trace {
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
        args(trace, id, slice, EVENT_TEXT);
        return;
    }
    let answer = match &question {
        Question::Classify { rules } => trace.classify(rules),
        Question::StepTime { basis } => {
            let mut opened = trace.opened.borrow_mut();
            opened.set_step_time(*basis);
            Answer::Anew(Box::new(opened.summary()))
        }
        _ => trace.opened.borrow().answer(&trace.scene.borrow(), &question),
    };
    post(&Reply::Answer { id, answer });
}

/// Reads the args of a slice again, `len` bytes of text at first.
fn args(trace: &Rc<Trace>, id: u32, slice: u32, len: u32) {
    let say = move |answer: Answer| post(&Reply::Answer { id, answer });
    let Some(at) = trace.opened.borrow().text_at(slice) else {
        let why = "there is no such slice".into();
        return say(Answer::Nothing { why });
    };
    match &trace.text {
        Source::Memory(bytes) => {
            let text = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
            let args = trace.opened.borrow().args(slice, text.unwrap_or_default(), true);
            say(match args {
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
                    let args = trace.opened.borrow().args(slice, &text, is_all);
                    match args {
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

/// Posts a reply with a blob beside it. A blob is shared, not copied.
pub fn post_with_blob(reply: &Reply, blob: &JsValue) {
    let message = plain(&Clip(reply)).and_then(|head| object(&[("head", head), ("blob", blob.clone())]));
    log(message.and_then(|message| scope().post_message(&message)));
}

/// A reply as it is posted, and what of it is transferred.
pub fn message_of(reply: &Reply) -> Result<(JsValue, Array), JsValue> {
    let head = ("head", plain(&Clip(reply))?);
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
