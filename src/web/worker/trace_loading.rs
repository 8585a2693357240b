//! A trace while it is read: how far it is, whether it fits, and the answers about its first part.

use super::answers::post;
use super::choose::Workers;
use super::memory_bytes;
use super::source::Source;
use crate::protocol::engine::{FileHead, Progress, Reply};
use crate::session::TextLoader;
use crate::view::{Estimate, MemoryRule, OtherTrace, Over, Which};

/// Between two reports of progress, ms.
const PROGRESS_MS: f64 = 100.0;
/// Between two estimates that the page is told, part of the file.
const ESTIMATE_PART: f64 = 0.05;
/// Answers about the first part are given at so many events, if that is less than half of the file …
const FIRST_PARTIAL_EVENTS: u64 = 30_000;
/// … and once more after so many ms, if that is less than a third of it: they cost a copy of what is there, which
/// then still is less than what reading on will take.
const SECOND_PARTIAL_MS: f64 = 2_500.0;

/// A trace that is being read.
pub struct Loading {
    pub head: FileHead,
    pub loader: TextLoader,
    pub source: Source,
    /// What to know of what was given, one sentence each.
    pub notes: Vec<String>,
    pub workers: Option<Workers>,
    pub which: Which,
    /// Traces in other files of what was given.
    pub others: Vec<OtherTrace>,
    /// Bytes of the table that the trace was made of.
    pub made_of_bytes: Option<u64>,
    /// Nobody waits for it: it is read to be forgotten.
    pub is_warm_up: bool,
    pub is_gzip: bool,
    /// The text that was received last.
    pub piece: Vec<u8>,
    pub progress: Progress,
    /// Wall clock, ms: at the request, at the last report of progress, at the first partial answer.
    pub started: f64,
    pub reported: f64,
    pub first_ms: Option<f64>,
    pub partials: u32,
    pub memory: MemoryRule,
    /// Part of the file at the last estimate that the page was told.
    pub estimated: f64,
    /// Memory is full, and no more text is wanted.
    pub stopped: Option<Box<Estimate>>,
}

/// Whether a trace fits.
pub enum Judged {
    Fits,
    /// It is not going to, and the reader wants to be asked.
    TooLarge(Box<Estimate>),
    /// No more does.
    Full(Box<Estimate>),
}

impl Loading {
    pub fn new(head: FileHead, loader: TextLoader, source: Source, started: f64) -> Loading {
        let progress = Progress {
            bytes_total: head.bytes,
            ..Progress::default()
        };
        Loading {
            head,
            loader,
            source,
            notes: Vec::new(),
            workers: None,
            which: Which::default(),
            others: Vec::new(),
            made_of_bytes: None,
            is_warm_up: false,
            is_gzip: false,
            piece: Vec::new(),
            progress,
            started,
            reported: started,
            first_ms: None,
            partials: 0,
            memory: MemoryRule::default(),
            estimated: 0.0,
            stopped: None,
        }
    }

    /// Predicts what the whole file is going to take, and now and then tells the page.
    pub fn judge(&mut self) -> Judged {
        let Progress {
            bytes_read,
            bytes_total,
            ..
        } = self.progress;
        let limit = self.memory.stop_bytes();
        let Some(estimate) = self.loader.estimate(bytes_read, bytes_total, limit) else {
            return Judged::Fits;
        };
        let with_categories = |estimate: Estimate| {
            Box::new(Estimate {
                categories: self.loader.categories(),
                ..estimate
            })
        };
        if estimate.is_full() && bytes_read < bytes_total {
            return Judged::Full(with_categories(estimate));
        }
        if self.memory.over == Over::Ask && estimate.asks() {
            return Judged::TooLarge(with_categories(estimate));
        }
        if estimate.part() - self.estimated >= ESTIMATE_PART {
            self.estimated = estimate.part();
            post(&Reply::Estimate(with_categories(estimate)));
        }
        Judged::Fits
    }

    /// `read` bytes of the file are read: reports it now and then, and answers about the first part.
    pub fn advance(&mut self, read: u64) {
        let now = js_sys::Date::now();
        self.progress.bytes_read = read;
        self.progress.inflated_bytes = self.loader.text_bytes();
        self.progress.events = self.loader.events();
        self.progress.elapsed_ms = now - self.started;
        if self.is_warm_up {
            return;
        }
        if now - self.reported >= PROGRESS_MS {
            self.reported = now;
            self.progress.memory_bytes = memory_bytes();
            post(&Reply::Progress(self.progress));
        }
        let total = self.progress.bytes_total;
        let due = match self.partials {
            0 => self.loader.events() >= FIRST_PARTIAL_EVENTS && read < total / 2,
            1 => {
                let room = self.loader.held_bytes() * 3 < self.memory.stop_bytes();
                now - self.started >= SECOND_PARTIAL_MS && read < total / 3 && room
            }
            _ => false,
        };
        if due {
            self.partials += 1;
            post(&Reply::Computing);
            post(&Reply::Summary(Box::new(self.loader.partial(read))));
            self.first_ms
                .get_or_insert_with(|| js_sys::Date::now() - self.started);
        }
    }
}
