//! When a trace begins, before it is opened.

use crate::index::first_time::FirstTime;
use crate::ingest::Inflater;
use crate::ingest::Scanner;

/// Finds the first time of any event of a trace, ns on its own clock, in the bytes of its file.
pub struct FirstEvent {
    pub(super) inflater: Inflater,
    pub(super) scanner: Scanner,
    pub(super) first: FirstTime,
}

impl Default for FirstEvent {
    fn default() -> FirstEvent {
        FirstEvent {
            inflater: Inflater::default(),
            scanner: Scanner::new(&[]),
            first: FirstTime::default(),
        }
    }
}

impl FirstEvent {
    pub fn feed(&mut self, piece: &[u8]) {
        let (scanner, first) = (&mut self.scanner, &mut self.first);
        self.inflater.feed(piece, &mut |text| scanner.feed(text, first));
    }

    /// `None` where no event has a time. A file that is no trace is refused when it is opened.
    pub fn finish(mut self) -> Option<i64> {
        drop(self.scanner.finish(&mut self.first));
        self.first.get()
    }
}

/// See [`FirstEvent`]; `pieces` are the bytes of the file.
pub fn first_time<E>(pieces: impl Iterator<Item = Result<Vec<u8>, E>>) -> Result<Option<i64>, E> {
    let mut first = FirstEvent::default();
    for piece in pieces {
        first.feed(&piece?);
    }
    Ok(first.finish())
}
