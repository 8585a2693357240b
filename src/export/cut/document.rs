//! The file that is written: one JSON object, packed or plain, never held whole.

use std::io::{self, Write};

use crate::base::Gzip;

/// Text is handed on in pieces of this size.
const PIECE: usize = 64 << 10;
/// As quick as deflate gets: a trace shrinks to a tenth at this level, to a twelfth at the usual one.
const LEVEL: u8 = 1;

/// Counts what goes through.
struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

enum Packed<W: Write> {
    Plain(Counted<W>),
    Gzip(Box<Gzip<Counted<W>>>),
}

/// See the module.
pub struct Document<W: Write> {
    out: Packed<W>,
    text: Vec<u8>,
    text_bytes: u64,
    n_events: u64,
    /// The first that went wrong; nothing is written after it.
    error: Option<io::Error>,
}

impl<W: Write> Document<W> {
    /// Writes `members`, which are whole members of the object (`"key":value`), and opens the list of events.
    pub fn new(out: W, gzip: bool, members: &[Vec<u8>]) -> io::Result<Document<W>> {
        let counted = Counted { out, bytes: 0 };
        let mut document = Document {
            out: match gzip {
                true => Packed::Gzip(Box::new(Gzip::new(counted, LEVEL)?)),
                false => Packed::Plain(counted),
            },
            text: Vec::with_capacity(PIECE * 2),
            text_bytes: 0,
            n_events: 0,
            error: None,
        };
        document.put(b"{");
        for member in members {
            document.put(member);
            document.put(b",\n");
        }
        document.put(b"\"traceEvents\":[");
        Ok(document)
    }

    fn put(&mut self, text: &[u8]) {
        self.text_bytes += text.len() as u64;
        self.text.extend_from_slice(text);
        if self.text.len() >= PIECE {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        if self.error.is_none() {
            let written = match &mut self.out {
                Packed::Plain(out) => out.write_all(&self.text),
                Packed::Gzip(out) => out.write_all(&self.text),
            };
            self.error = written.err();
        }
        self.text.clear();
    }

    /// Writes an event: the text of a JSON object.
    pub fn event(&mut self, text: &[u8]) {
        self.put(if self.n_events == 0 { b"\n" } else { b",\n" });
        self.put(text);
        self.n_events += 1;
    }

    /// Events so far.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Whether all could be written so far.
    pub fn checked(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Ends the file. Gives bytes of text, bytes of the file, and where they went.
    pub fn finish(mut self) -> io::Result<(u64, u64, W)> {
        self.put(b"\n]}\n");
        self.hand_on();
        self.checked()?;
        let mut counted = match self.out {
            Packed::Plain(counted) => counted,
            Packed::Gzip(gzip) => gzip.finish()?,
        };
        counted.flush()?;
        Ok((self.text_bytes, counted.bytes, counted.out))
    }
}
