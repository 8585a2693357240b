//! The documents of one text: nearly always one; more where files were joined by hand, or a writer appended.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::dialect;
use crate::index::Builder;
use crate::index::select::Selection;
use crate::ingest::scan::Scanned;
use crate::ingest::{Event, Field, Phase, Scalar, Sink};

/// More documents than this in one file are not read.
const MAX_DOCUMENTS: usize = 64;
/// Documents whose first events are equal, so many, are one written twice.
const FIRST_EVENTS: u64 = 1_000;

/// Takes the events of a text, those of each document to a builder of its own.
pub struct Documents {
    selection: Selection,
    /// Of the document that is being read.
    pub builder: Builder,
    first: First,
    /// The rest of it need not be read: it is the first document once more.
    is_repetition: bool,
    before: Vec<Document>,
    /// The first document's.
    first_of_all: Option<First>,
    /// Documents that were like the first.
    pub n_repeated: u64,
    /// Byte of the text at which the document that is being read starts.
    starts_at: u64,
}

/// A document that was read to its end.
pub struct Document {
    pub builder: Builder,
    pub scanned: Scanned,
    /// Byte of the text at which it starts.
    pub starts_at: u64,
}

/// How a document begins: what its first events say, however they are written.
#[derive(Clone, Default, PartialEq, Eq)]
struct First {
    /// Events that count.
    n: u64,
    hash: u64,
    /// Names of processes and threads, which many traces have alike: they count where there is nothing else.
    n_names: u64,
    hash_of_names: u64,
}

impl First {
    #[cold]
    fn add(&mut self, event: &Event<'_>) {
        if event.phase() == Phase::Metadata {
            let mut hasher = FxHasher::default();
            (self.hash_of_names, event.text()).hash(&mut hasher);
            (self.hash_of_names, self.n_names) = (hasher.finish(), self.n_names + 1);
            return;
        }
        let mut hasher = FxHasher::default();
        (self.hash, event.raw(Field::Phase)).hash(&mut hasher);
        let mut scratch = Vec::new();
        for value in [event.name(), event.pid(), event.tid()] {
            match value {
                Scalar::Text(raw) => raw.text(&mut scratch).0.hash(&mut hasher),
                Scalar::Bare(text) | Scalar::Nested(text) => text.hash(&mut hasher),
                Scalar::Null | Scalar::Missing => 0.hash(&mut hasher),
            }
            scratch.clear();
        }
        (event.ts().micros(), event.dur().micros()).hash(&mut hasher);
        self.hash = hasher.finish();
        self.n += 1;
    }

    fn is_empty(&self) -> bool {
        self.n + self.n_names == 0
    }

    fn is_like(&self, other: &First) -> bool {
        let names = |first: &First| (first.n_names, first.hash_of_names);
        (self.n, self.hash) == (other.n, other.hash) && (self.n > 0 || names(self) == names(other))
    }
}

impl Documents {
    pub fn new(selection: &Selection) -> Documents {
        Documents {
            selection: selection.clone(),
            builder: Builder::selecting(dialect::WANTED_ARGS, selection),
            first: First::default(),
            is_repetition: false,
            before: Vec::new(),
            first_of_all: None,
            n_repeated: 0,
            starts_at: 0,
        }
    }

    /// Events taken so far, of all documents.
    pub fn n_events(&self) -> u64 {
        self.builders().map(Builder::n_events).sum()
    }

    /// Bytes that finishing what was read so far would take.
    pub fn held_bytes(&self) -> u64 {
        self.builders().map(|b| b.bytes() + b.finishing_bytes()).sum()
    }

    /// That of the first document.
    pub fn first_builder(&self) -> &Builder {
        self.before.first().map_or(&self.builder, |first| &first.builder)
    }

    fn builders(&self) -> impl Iterator<Item = &Builder> {
        self.before.iter().map(|d| &d.builder).chain([&self.builder])
    }

    /// Whether the document that is being read begins like the first.
    fn repeats(&self) -> bool {
        let first = self.first_of_all.as_ref();
        !self.first.is_empty() && first.is_some_and(|first| self.first.is_like(first))
    }

    /// The document that was being read is over. It counts if it has events, and is not the first once more.
    fn end(&mut self, scanned: Scanned) {
        let starts_at = std::mem::replace(&mut self.starts_at, scanned.bytes);
        let builder = std::mem::replace(
            &mut self.builder,
            Builder::selecting(dialect::WANTED_ARGS, &self.selection),
        );
        if self.repeats() {
            self.n_repeated += 1;
        } else if !self.first.is_empty() || self.before.is_empty() {
            self.first_of_all.get_or_insert(self.first.clone());
            self.before.push(Document {
                builder,
                scanned,
                starts_at,
            });
        }
        self.first = First::default();
        self.is_repetition = false;
    }

    /// All documents; `last` is how the one that was being read ended, if it could be read.
    pub fn finish(mut self, last: Option<Scanned>) -> (Vec<Document>, u64) {
        if let Some(scanned) = last {
            self.end(scanned);
        }
        (self.before, self.n_repeated)
    }
}

impl Sink for Documents {
    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        if self.first.n < FIRST_EVENTS {
            self.first.add(event);
            self.is_repetition = self.first.n == FIRST_EVENTS && self.repeats();
        } else if self.is_repetition {
            return;
        }
        self.builder.event(event);
    }

    fn header(&mut self, key: &[u8], value: &[u8]) {
        self.builder.header(key, value);
    }

    fn next_document(&mut self, before: Scanned) -> bool {
        if self.before.len() >= MAX_DOCUMENTS {
            return false;
        }
        self.end(before);
        true
    }
}
