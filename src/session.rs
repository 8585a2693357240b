//! The engine without a browser: bytes in, an opened trace and its report out.

use crate::analyze::{self, FileFacts, report::TraceReport};
use crate::base::Defects;
use crate::dialect::{self, Vocabulary};
use crate::index::{Builder, Index};
use crate::ingest::{Checkpoints, Inflater, LoadError, Scanner};

/// An opened trace.
pub struct Opened {
    pub index: Index,
    pub vocabulary: Vocabulary,
    pub report: TraceReport,
    /// What makes the text of any event reachable again.
    pub checkpoints: Checkpoints,
}

/// Reads a trace from bytes as they come.
pub struct Loader {
    name: String,
    bytes: u64,
    inflater: Inflater,
    scanner: Scanner,
    builder: Builder,
}

impl Loader {
    /// `name` is the file's, for the report.
    pub fn new(name: &str) -> Loader {
        Loader {
            name: name.to_owned(),
            bytes: 0,
            inflater: Inflater::default(),
            scanner: Scanner::new(dialect::WANTED_ARGS),
            builder: Builder::new(dialect::WANTED_ARGS),
        }
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let (scanner, builder) = (&mut self.scanner, &mut self.builder);
        self.inflater
            .feed(bytes, &mut |piece| scanner.feed(piece, builder));
    }

    /// Bytes of the file so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of text so far.
    pub fn inflated_bytes(&self) -> u64 {
        self.inflater.written()
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.builder.n_events()
    }

    /// Why it is certain that nothing can be read, as soon as it is.
    pub fn error(&self) -> Option<LoadError> {
        self.scanner.error().map(|e| self.explain(e.clone()))
    }

    fn explain(&self, error: LoadError) -> LoadError {
        let inside = if self.inflater.is_gzip() {
            ", inside the gzip file"
        } else {
            ""
        };
        match error {
            LoadError::NotATrace { at, found, .. } => LoadError::NotATrace { at, found, inside },
            LoadError::Empty if self.bytes > 0 => match self.inflater.damage() {
                Some((at, why)) => LoadError::CorruptGzip { at, why },
                None => LoadError::NoContent { bytes: self.bytes },
            },
            other => other,
        }
    }

    /// No more bytes will come.
    pub fn finish(mut self) -> Result<Opened, LoadError> {
        let inflated_bytes = self.inflater.written();
        let scanner = std::mem::replace(&mut self.scanner, Scanner::new(&[]));
        let scanned = scanner.finish(&mut self.builder).map_err(|e| self.explain(e))?;
        let (inflate_defects, checkpoints) = self.inflater.finish();
        let (index, build_defects) = self.builder.finish(scanned.bare_array);
        let mut defects = Defects::default();
        for part in [&inflate_defects, &scanned.defects, &build_defects] {
            defects.merge(part);
        }
        let vocabulary = dialect::recognise(&index, &self.name);
        let facts = FileFacts {
            name: self.name,
            bytes: self.bytes,
            inflated_bytes,
        };
        let report = analyze::analyze(&index, &vocabulary, &facts, &defects);
        Ok(Opened {
            index,
            vocabulary,
            report,
            checkpoints,
        })
    }
}

/// Opens a file that is in memory.
pub fn open_bytes(name: &str, bytes: &[u8]) -> Result<Opened, LoadError> {
    let mut loader = Loader::new(name);
    for chunk in bytes.chunks(1 << 20) {
        loader.feed(chunk);
    }
    loader.finish()
}
