//! The text worker: reads a file, inflates it, sends the text; keeps what it takes to read any part again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, MessagePort};

use super::{get, listen, log, memory_bytes, object, plain, read, unreadable};
use crate::protocol::worker_messages::{BUFFERS, Give, PIECE, Want};
use crate::session::{Checkpoints, Inflated, Inflater};

/// Bytes of a file taken at once; the next are asked for before these are inflated.
const SLICE: u64 = 4 << 20;
/// Bytes inflated between two looks for buffers that came back. Deflate gives at most 1032 times as much.
const STEP: usize = 16 << 10;
/// Bytes of the file taken to read a part again.
const AGAIN_SLICE: u64 = 64 << 10;

struct Text {
    port: MessagePort,
    /// Buffers that came back.
    free: RefCell<VecDeque<ArrayBuffer>>,
    /// Buffers that exist.
    made: RefCell<u32>,
    /// Whoever waits for a buffer.
    wake: RefCell<Option<Function>>,
    /// The other worker wants no more.
    stopped: Cell<bool>,
    /// What is needed to read a part again, once all is read.
    read: RefCell<Option<(Blob, Checkpoints)>>,
}

/// Serves the trace worker at the other end of `port`.
pub fn serve(port: MessagePort) {
    let text = Rc::new(Text {
        port: port.clone(),
        free: RefCell::default(),
        made: RefCell::default(),
        wake: RefCell::default(),
        stopped: Cell::default(),
        read: RefCell::default(),
    });
    listen(&port, move |data| {
        if let Ok(buffer) = get(&data, "buffer").dyn_into::<ArrayBuffer>() {
            text.free.borrow_mut().push_back(buffer);
            if let Some(wake) = text.wake.borrow_mut().take() {
                log(wake.call0(&JsValue::UNDEFINED).map(drop));
            }
            return;
        }
        let text = text.clone();
        match serde_wasm_bindgen::from_value::<Want>(get(&data, "head")) {
            Ok(Want::All) => {
                let file: Blob = get(&data, "file").unchecked_into();
                spawn_local(async move {
                    match text.send_all(&file).await {
                        Ok(checkpoints) => *text.read.borrow_mut() = Some((file, checkpoints)),
                        Err(message) => text.give(&Give::Failed { message }, &[]),
                    }
                });
            }
            Ok(Want::AllAgain) => {
                let file = text.read.borrow().as_ref().map(|(file, _)| file.clone());
                spawn_local(async move {
                    let sent = match file {
                        // The checkpoints are the first reading's: this one may be stopped.
                        Some(file) => text.send_all(&file).await.map(drop),
                        None => Err("the file is not read yet".into()),
                    };
                    if let Err(message) = sent {
                        text.give(&Give::Failed { message }, &[]);
                    }
                });
            }
            Ok(Want::Stop) => text.stopped.set(true),
            Ok(Want::Again { id, at, len }) => spawn_local(async move {
                match text.again(at, len as usize).await {
                    Ok(bytes) => {
                        let bytes = Uint8Array::from(&bytes[..]);
                        text.give(&Give::Again { id }, &[("text", bytes.into())]);
                    }
                    Err(why) => text.give(&Give::NotAgain { id, why }, &[]),
                }
            }),
            Err(why) => text.give(
                &Give::Failed {
                    message: format!("one worker does not understand the other: {why}"),
                },
                &[],
            ),
        }
    });
}

impl Text {
    fn give(&self, give: &Give, beside: &[(&str, JsValue)]) {
        let message = plain(give).and_then(|head| {
            let head = ("head", head);
            let members: Vec<_> = std::iter::once(head).chain(beside.iter().cloned()).collect();
            object(&members)
        });
        log(message.and_then(|message| self.port.post_message(&message)));
    }

    /// Waits until less than [`BUFFERS`] buffers are on their way.
    async fn room(&self) {
        while self.free.borrow().is_empty() && *self.made.borrow() >= BUFFERS {
            let came_back = Promise::new(&mut |resolve, _| *self.wake.borrow_mut() = Some(resolve));
            log(JsFuture::from(came_back).await.map(drop));
        }
    }

    /// A buffer that came back, or a new one.
    fn buffer(&self) -> ArrayBuffer {
        self.free.borrow_mut().pop_front().unwrap_or_else(|| {
            *self.made.borrow_mut() += 1;
            ArrayBuffer::new(PIECE)
        })
    }

    fn send(&self, buffer: &ArrayBuffer, len: u32, read: u64) {
        let sent = object(&[
            ("buffer", buffer.into()),
            ("len", len.into()),
            ("read", (read as f64).into()),
        ]);
        let transfer = Array::of1(buffer);
        log(sent.and_then(|message| self.port.post_message_with_transferable(&message, &transfer)));
    }

    /// Sends the text of a file; gives what it takes to read a part of it again.
    async fn send_all(&self, file: &Blob) -> Result<Checkpoints, String> {
        self.stopped.set(false);
        let mut inflater = Inflater::default();
        let mut filling = Filling::default();
        let mut asked = 0;
        let mut next = read(file, asked, SLICE)?;
        'file: while let Some(promise) = next {
            let got = JsFuture::from(promise)
                .await
                .map_err(|why| unreadable(file, why))?;
            let slice = Uint8Array::new(&got).to_vec();
            asked += slice.len() as u64;
            next = read(file, asked, SLICE)?;
            for step in slice.chunks(STEP) {
                self.room().await;
                if self.stopped.get() {
                    break 'file;
                }
                let before = inflater.read();
                inflater.feed(step, &mut |piece| filling.add(self, piece, before));
            }
        }
        let (inflated, checkpoints) = inflater.finish();
        filling.send(self, inflated.read);
        self.end(inflated);
        Ok(checkpoints)
    }

    fn end(&self, inflated: Inflated) {
        let memory_bytes = memory_bytes();
        self.give(
            &Give::End {
                inflated,
                memory_bytes,
            },
            &[],
        );
    }

    /// Up to `len` bytes of the text from byte `at` on.
    async fn again(&self, at: u64, len: usize) -> Result<Vec<u8>, String> {
        let (file, mut reader) = match &*self.read.borrow() {
            Some((file, checkpoints)) => (file.clone(), checkpoints.reader(at)),
            None => return Err("the file is not read yet".into()),
        };
        let mut out = Vec::new();
        while out.len() < len {
            let Some(promise) = read(&file, reader.wants(), AGAIN_SLICE)? else {
                break;
            };
            let got = JsFuture::from(promise)
                .await
                .map_err(|why| unreadable(&file, why))?;
            reader.feed(&Uint8Array::new(&got).to_vec(), &mut out);
        }
        out.truncate(len);
        Ok(out)
    }
}

/// The buffer that is being filled.
#[derive(Default)]
struct Filling {
    buffer: Option<(ArrayBuffer, u32)>,
}

impl Filling {
    fn add(&mut self, text: &Text, mut piece: &[u8], read: u64) {
        while !piece.is_empty() {
            let (buffer, at) = self.buffer.get_or_insert_with(|| (text.buffer(), 0));
            let n = piece.len().min((PIECE - *at) as usize);
            let (now, later) = piece.split_at(n);
            let len = u32::try_from(n).expect("no more than a piece");
            Uint8Array::new_with_byte_offset_and_length(buffer, *at, len).copy_from(now);
            *at += len;
            piece = later;
            if *at == PIECE {
                self.send(text, read);
            }
        }
    }

    fn send(&mut self, text: &Text, read: u64) {
        if let Some((buffer, len)) = self.buffer.take() {
            text.send(&buffer, len, read);
        }
    }
}
