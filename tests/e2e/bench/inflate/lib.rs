//! Inflating and nothing else, in wasm: `cargo xtask bench` divides the time of opening by the time of this.
//!
//! `Alone` is the product's own reader of gzip, with all that it does (CRC-32, members, checkpoints).
//! `Engine` is miniz_oxide with nothing around it, a measure that stays when the product's reader changes.

#![cfg(target_arch = "wasm32")]

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use stepscope::ingest::Inflater;
use wasm_bindgen::prelude::*;

/// The product's reader; its output is counted and dropped.
#[wasm_bindgen]
#[derive(Default)]
pub struct Alone {
    inflater: Inflater,
    written: u64,
}

#[wasm_bindgen]
impl Alone {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Alone {
        Alone::default()
    }

    /// Takes the next bytes of the file. Gives the bytes of output so far.
    pub fn feed(&mut self, bytes: &[u8]) -> f64 {
        let written = &mut self.written;
        self.inflater
            .feed(bytes, &mut |piece| *written += piece.len() as u64);
        self.written as f64
    }
}

/// As much as the product's window, so that the two do the same work on the same memory.
const WINDOW: usize = 256 * 1024;

/// The first member of a gzip file, without CRC-32 or checkpoints.
#[wasm_bindgen]
pub struct Engine {
    engine: Box<DecompressorOxide>,
    window: Vec<u8>,
    at: usize,
    written: u64,
    begun: bool,
    ended: bool,
}

#[wasm_bindgen]
impl Engine {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Engine {
        Engine {
            engine: Box::default(),
            window: vec![0; WINDOW],
            at: 0,
            written: 0,
            begun: false,
            ended: false,
        }
    }

    /// Takes the next bytes of the file; the first piece holds the whole gzip header. Gives the bytes of
    /// output so far.
    pub fn feed(&mut self, bytes: &[u8]) -> f64 {
        let mut input = bytes;
        if !self.begun {
            self.begun = true;
            input = header_length(bytes)
                .and_then(|n| bytes.get(n..))
                .unwrap_or_default();
        }
        while !self.ended {
            let (status, used, written) = decompress(
                &mut self.engine,
                input,
                &mut self.window,
                self.at,
                inflate_flags::TINFL_FLAG_HAS_MORE_INPUT,
            );
            input = &input[used..];
            self.written += written as u64;
            self.at = (self.at + written) % WINDOW;
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => break,
                _ => self.ended = true,
            }
        }
        self.written as f64
    }
}

/// Length of a gzip header (RFC 1952, section 2.3) that lies in `head` as a whole.
fn header_length(head: &[u8]) -> Option<usize> {
    let flags = *head.get(3)?;
    let mut end = 10;
    if flags & 4 != 0 {
        end += 2 + usize::from(u16::from_le_bytes([*head.get(end)?, *head.get(end + 1)?]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            end += head.get(end..)?.iter().position(|&b| b == 0)? + 1;
        }
    }
    Some(end + if flags & 2 != 0 { 2 } else { 0 })
}
