//! The documents of one text: nearly always one; more where files were joined by hand, or a writer appended.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::base::{DefectKind, Severity};
use crate::dialect;
use crate::index::Builder;
use crate::index::select::Selection;
use crate::ingest::scan::Scanned;
use crate::ingest::{Event, Field, Phase, Scalar, Sink};

/// Of further documents in one file the events are counted, and left out.
const MAX_DOCUMENTS: usize = 64;
/// Documents whose first events are equal, so many, are one written twice.
const FIRST_EVENTS: usize = 1_000;

/// Takes the events of a text, those of each document to a builder of its own.
pub struct Documents {
    selection: Selection,
    /// Of the document that is being read.
    pub builder: Builder,
    first: First,
    before: Vec<Document>,
    /// How each of those begins.
    firsts: Vec<First>,
    beside: Beside,
    /// Byte of the text at which the document that is being read starts.
    starts_at: u64,
}

/// What stands in the text beside the documents that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Documents that are one of those before once more.
    pub n_repeated: u64,
    /// Documents after [`MAX_DOCUMENTS`] others, their events, and where the first of them starts.
    pub n_left_out: u64,
    pub left_out_events: u64,
    pub left_out_at: Option<u64>,
}

/// A document that was read to its end.
pub struct Document {
    pub builder: Builder,
    pub scanned: Scanned,
    /// Byte of the text at which it starts.
    pub starts_at: u64,
}

impl Document {
    /// Of two copies of a trace the one with more events is read, of two like ones that which lost nothing.
    fn rank(&self) -> (u64, bool) {
        let is_whole = |kind: DefectKind| kind.severity() == Severity::Info;
        (
            self.scanned.n_events,
            self.scanned.defects.iter().all(|(kind, ..)| is_whole(kind)),
        )
    }

    /// Whether events may be missing at its end.
    fn is_cut(&self) -> bool {
        let ends = [
            DefectKind::TruncatedJson,
            DefectKind::CutArray,
            DefectKind::UnclosedArray,
        ];
        ends.iter().any(|&kind| self.scanned.defects.count(kind) > 0)
    }
}

/// How a document begins: what its first events say, however they are written.
#[derive(Default)]
struct First {
    /// Up to and with each event that counts.
    hashes: Vec<u64>,
    /// Names of processes and threads, which many traces have alike: they count where there is nothing else.
    n_names: u64,
    hash_of_names: u64,
    /// As its header states it.
    rank: Option<String>,
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
        (self.hashes.last(), event.raw(Field::Phase)).hash(&mut hasher);
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
        self.hashes.push(hasher.finish());
    }

    /// Whether both say which rank they are of, and not the same.
    fn is_of_other_rank(&self, other: &First) -> bool {
        self.rank.is_some() && other.rank.is_some() && self.rank != other.rank
    }

    fn is_empty(&self) -> bool {
        self.hashes.is_empty() && self.n_names == 0
    }

    fn is_like(&self, other: &First) -> bool {
        let names = |first: &First| (first.n_names, first.hash_of_names);
        match (self.hashes.last(), other.hashes.last()) {
            (None, None) => names(self) == names(other),
            (one, two) => self.hashes.len() == other.hashes.len() && one == two,
        }
    }

    /// Whether the other one has the same events and more.
    fn is_start_of(&self, other: &First) -> bool {
        let last = self.hashes.len().checked_sub(1);
        last.is_some_and(|last| other.hashes.get(last) == Some(&self.hashes[last]))
    }
}

impl Documents {
    pub fn new(selection: &Selection) -> Documents {
        Documents {
            selection: selection.clone(),
            builder: Builder::selecting(dialect::WANTED_ARGS, selection),
            first: First::default(),
            before: Vec::new(),
            firsts: Vec::new(),
            beside: Beside::default(),
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

    /// Place of the document before that this one, which was being read, is once more; one that was cut may have fewer
    /// events than are compared.
    fn repeats(&self, document: &Document) -> Option<usize> {
        let is_like = |(first, before): (&First, &Document)| {
            let is_alike = self.first.is_like(first)
                || before.is_cut() && first.is_start_of(&self.first)
                || document.is_cut() && self.first.is_start_of(first);
            is_alike && !self.first.is_of_other_rank(first)
        };
        let found = self.firsts.iter().zip(&self.before).position(is_like);
        found.filter(|_| !self.first.is_empty())
    }

    /// The document that was being read is over. It counts if it has events; of copies one is kept.
    fn end(&mut self, scanned: Scanned) {
        let starts_at = std::mem::replace(&mut self.starts_at, scanned.bytes);
        let builder = std::mem::replace(
            &mut self.builder,
            Builder::selecting(dialect::WANTED_ARGS, &self.selection),
        );
        let document = Document {
            builder,
            scanned,
            starts_at,
        };
        if let Some(place) = self.repeats(&document) {
            self.beside.n_repeated += 1;
            if document.rank() > self.before[place].rank() {
                self.before[place] = document;
                self.firsts[place] = std::mem::take(&mut self.first);
            }
        } else if !self.first.is_empty() && self.before.len() >= MAX_DOCUMENTS {
            self.beside.n_left_out += 1;
            self.beside.left_out_events += document.scanned.n_events;
            self.beside.left_out_at.get_or_insert(starts_at);
        } else if !self.first.is_empty() || self.before.is_empty() {
            self.firsts.push(std::mem::take(&mut self.first));
            self.before.push(document);
        } else if let Some(before) = self.before.last_mut() {
            // Cut within its first event: that is said of the one before it.
            before.scanned.defects.merge(&document.scanned.defects);
        }
        self.first = First::default();
    }

    /// All documents; `last` is how the one that was being read ended, if it could be read.
    pub fn finish(mut self, last: Option<Scanned>) -> (Vec<Document>, Beside) {
        if let Some(scanned) = last {
            self.end(scanned);
        }
        (self.before, self.beside)
    }
}

impl Sink for Documents {
    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        if self.first.hashes.len() < FIRST_EVENTS {
            self.first.add(event);
        }
        self.builder.event(event);
    }

    fn header(&mut self, key: &[u8], value: &[u8]) {
        if let Some(rank) = dialect::stated_rank(key, value) {
            self.first.rank = Some(rank);
        }
        self.builder.header(key, value);
    }

    fn next_document(&mut self, before: Scanned) -> bool {
        self.end(before);
        true
    }
}
