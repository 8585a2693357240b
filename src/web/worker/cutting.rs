//! A cut-out while it is written: the text comes a second time, what is kept goes into blobs, which the browser holds
//! outside of the worker's memory.

use std::io::{self, Write};
use std::rc::Rc;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use web_sys::{Blob, BlobPropertyBag};

use super::answers::{Trace, post, post_with_blob};
use super::source::Source;
use super::trace_worker::Shared;
use crate::protocol::engine::{Answer, Reply};
use crate::protocol::worker_messages::Want;
use crate::session::Cut;
use crate::view::CutRequest;

/// Between two reports of progress, ms.
const PROGRESS_MS: f64 = 100.0;
/// Bytes that are gathered before they become a blob.
const BLOB_BYTES: usize = 4 << 20;

/// A cut-out that is being written.
pub struct Cutting {
    id: u32,
    trace: Rc<Trace>,
    cut: Cut<Blobs>,
    gzip: bool,
    reported: f64,
    /// Why it will not come to an end; the rest of the text is not wanted.
    failed: Option<String>,
}

/// What is written, as parts of a blob.
struct Blobs {
    bytes: Vec<u8>,
    parts: Array,
}

impl Blobs {
    fn cut_off(&mut self) -> io::Result<()> {
        let bytes = Array::of1(&Uint8Array::from(&self.bytes[..]));
        self.parts
            .push(&Blob::new_with_u8_array_sequence(&bytes).map_err(no_room)?.into());
        self.bytes.clear();
        Ok(())
    }

    fn join(mut self, gzip: bool) -> io::Result<Blob> {
        self.cut_off()?;
        let kind = BlobPropertyBag::new();
        kind.set_type(if gzip {
            "application/gzip"
        } else {
            "application/json"
        });
        Blob::new_with_blob_sequence_and_options(&self.parts, &kind).map_err(no_room)
    }
}

impl Write for Blobs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= BLOB_BYTES {
            self.cut_off()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn no_room(why: JsValue) -> io::Error {
    io::Error::other(format!("the browser has no room for it: {why:?}"))
}

fn nothing(id: u32, why: String) {
    post(&Reply::Answer {
        id,
        answer: Answer::Nothing { why },
    });
}

/// Starts one; a second has to wait until the page asks again.
pub fn start(worker: &Shared, trace: &Rc<Trace>, id: u32, request: &CutRequest) {
    if worker.borrow().cutting.is_some() {
        return nothing(id, "another cut-out is being written".into());
    }
    let blobs = Blobs {
        bytes: Vec::new(),
        parts: Array::new(),
    };
    let cut = match trace.opened.borrow().cut(request, &[], blobs) {
        Ok(cut) => cut,
        Err(why) => return nothing(id, why.to_string()),
    };
    let mut cutting = Cutting {
        id,
        trace: trace.clone(),
        cut,
        gzip: request.gzip,
        reported: js_sys::Date::now(),
        failed: None,
    };
    match &trace.text {
        Source::Memory(bytes) => {
            cutting.feed(bytes);
            cutting.finish();
        }
        Source::Worker(text) => {
            text.want(&Want::AllAgain, None);
            worker.borrow_mut().cutting = Some(Box::new(cutting));
        }
    }
}

/// Gives the cut-out up. The text that is on its way still comes.
pub fn cancel(worker: &Shared) {
    if let Some(cutting) = &mut worker.borrow_mut().cutting {
        cutting.give_up("it was cancelled".into());
    }
}

impl Cutting {
    /// The next text, `read` bytes of the file in.
    pub fn piece(&mut self, text: &[u8], read: u64) {
        self.feed(text);
        let now = js_sys::Date::now();
        if now - self.reported >= PROGRESS_MS && self.failed.is_none() {
            self.reported = now;
            post(&Reply::CutProgress {
                id: self.id,
                bytes_read: read,
                bytes_total: self.trace.opened.borrow().report.bytes,
            });
        }
    }

    fn feed(&mut self, text: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let fed = self.cut.feed(&self.trace.opened.borrow(), text);
        if let Err(why) = fed {
            self.give_up(why.to_string());
        }
    }

    fn give_up(&mut self, why: String) {
        self.failed.get_or_insert(why);
        if let Source::Worker(text) = &self.trace.text {
            text.want(&Want::Stop, None);
        }
    }

    /// The file can no longer be read.
    pub fn fail(self, why: String) {
        nothing(self.id, self.failed.unwrap_or(why));
    }

    /// The text is whole: tells the page what was written.
    pub fn finish(self) {
        if let Some(why) = self.failed {
            return nothing(self.id, why);
        }
        let written = self
            .cut
            .finish(&self.trace.opened.borrow())
            .and_then(|(mut facts, _, blobs)| {
                let blob = blobs.join(self.gzip)?;
                facts.bytes = super::size(&blob);
                Ok((facts, blob))
            });
        match written {
            Ok((facts, blob)) => {
                let answer = Answer::Cut(facts);
                post_with_blob(&Reply::Answer { id: self.id, answer }, &JsValue::from(blob));
            }
            Err(why) => nothing(self.id, why.to_string()),
        }
    }
}
