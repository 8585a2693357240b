//! Where the trace worker has the text from.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer};
use rustc_hash::FxHashMap;
use web_sys::{Blob, MessagePort};

use super::{log, object, plain};
use crate::protocol::worker_messages::Want;

/// Where the text of a trace can be read again.
#[derive(Clone)]
pub enum Source {
    Worker(Rc<TextWorker>),
    /// The sample is held: a few MB. So is a metrics file.
    Memory(Rc<Vec<u8>>),
}

/// What becomes of text that was asked for again: the bytes, or why there are none.
pub type Taken = Box<dyn FnOnce(Result<Vec<u8>, String>)>;

/// The worker at the other end of the channel.
pub struct TextWorker {
    pub port: MessagePort,
    pub waiting: RefCell<FxHashMap<u32, Taken>>,
    pub next_id: RefCell<u32>,
}

impl TextWorker {
    pub fn want(&self, want: &Want, file: Option<&Blob>) {
        let message = plain(want).and_then(|head| match file {
            Some(file) => object(&[("head", head), ("file", file.into())]),
            None => object(&[("head", head)]),
        });
        log(message.and_then(|message| self.port.post_message(&message)));
    }

    pub fn again(&self, at: u64, len: u32, taken: Taken) {
        let id = self.next_id.replace_with(|id| id.wrapping_add(1));
        self.waiting.borrow_mut().insert(id, taken);
        self.want(&Want::Again { id, at, len }, None);
    }

    pub fn give_back(&self, buffer: &ArrayBuffer) {
        let transfer = Array::of1(buffer);
        let message = object(&[("buffer", buffer.into())]);
        log(message.and_then(|message| self.port.post_message_with_transferable(&message, &transfer)));
    }
}
