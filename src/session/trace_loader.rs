//! Reads a trace as its bytes come, from its text or from the bytes of its file, and opens what was read.

use crate::analyze::{self, Depth, FileFacts, WorkerTables};
use crate::base::{DefectKind, Defects, order, show};
use crate::dialect;
use crate::dialect::gaudi_metrics::{self, MetricsFile};
use crate::dialect::key_averages::{self, KeyAverages};
use crate::export;
use crate::ingest::{Inflated, Inflater, LoadError};
use crate::ingest::{Scanner, json_walk};
use crate::session::Opened;
use crate::session::documents::{Document, Documents};
use crate::view::memory_budget::{MAX_CATEGORIES, OPERATORS, PYTHON};
use crate::view::summary::summary;
use crate::view::{CategoryShare, Estimate, Selection, Summary};
use std::sync::Arc;

/// Traces of one file that a note names.
pub(super) const MAX_NAMED: usize = 8;

/// The event at the start of `text`. `None`: it is longer. If no more text is to be had (`is_all`), what is there
/// is all there will be.
pub fn event_text(text: &[u8], is_all: bool) -> Option<&[u8]> {
    match json_walk::container(text, 0) {
        Ok(end) => Some(&text[..end]),
        Err(_) => is_all.then_some(text),
    }
}

/// Reads a trace from its text as it comes.
pub struct TextLoader {
    pub(super) name: String,
    pub(super) text_bytes: u64,
    /// The last that is no blank.
    pub(super) last_byte: u8,
    pub(super) scanner: Scanner,
    pub(super) documents: Documents,
    pub(super) metrics: Option<(String, MetricsFile)>,
    pub(super) table: Option<(String, KeyAverages)>,
    /// Files that were to stand beside it and are neither.
    pub(super) n_not_read_beside: u64,
    pub(super) selection: Selection,
    pub(super) tables: Option<Arc<WorkerTables>>,
    /// Bytes of the file, and the ns that they cover, when it was looked at first.
    pub(super) early: Option<(u64, i64)>,
    /// Bytes of the file, and bytes that they take, at the last two times that the part had doubled.
    pub(super) marks: [(u64, u64); 2],
}

impl TextLoader {
    /// `name` is the file's, for the report.
    pub fn new(name: &str) -> TextLoader {
        TextLoader::selecting(name, &Selection::default())
    }

    /// Loads what is selected.
    pub fn selecting(name: &str, selection: &Selection) -> TextLoader {
        TextLoader {
            name: name.to_owned(),
            text_bytes: 0,
            last_byte: 0,
            scanner: Scanner::new(dialect::WANTED_ARGS),
            documents: Documents::new(selection),
            metrics: None,
            table: None,
            n_not_read_beside: 0,
            selection: selection.clone(),
            tables: None,
            early: None,
            marks: [(0, 0); 2],
        }
    }

    /// Puts a metrics file of the same process, or torch's own operator table, beside the trace. `false`: `bytes` are
    /// neither.
    pub fn attach_metrics(&mut self, name: &str, bytes: &[u8]) -> bool {
        if let Some(table) = key_averages::parse(bytes) {
            self.table = Some((name.to_owned(), table));
            return true;
        }
        let file = gaudi_metrics::parse(bytes);
        let found = file.is_some();
        self.n_not_read_beside += u64::from(!found);
        self.metrics = file.map(|file| (name.to_owned(), file)).or(self.metrics.take());
        found
    }

    /// Puts the tables of the same worker beside the trace.
    pub fn attach_tables(&mut self, tables: Arc<WorkerTables>) {
        self.tables = Some(tables);
    }

    /// The next bytes of the text.
    pub fn feed(&mut self, text: &[u8]) {
        self.text_bytes += text.len() as u64;
        self.last_byte = text.trim_ascii_end().last().copied().unwrap_or(self.last_byte);
        self.scanner.feed(text, &mut self.documents);
    }

    /// Bytes of text so far.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.documents.n_events()
    }

    /// Why it is certain that nothing can be read, as soon as it is.
    pub fn error(&self, is_gzip: bool) -> Option<LoadError> {
        self.scanner.error().map(|e| explain(e.clone(), is_gzip))
    }

    /// The answers about what was read so far, of `file_bytes` of the file, marked as such. Costs a copy of the
    /// columns and a whole analysis, so it is for the first part of a large file.
    pub fn partial(&self, file_bytes: u64) -> Summary {
        let (index, defects) = self.documents.first_builder().clone().finish(false);
        let vocabulary = dialect::recognise(&index, &self.name);
        let facts = self.facts(file_bytes);
        let mut report = analyze::analyze_to(Depth::Steps, &index, &vocabulary, &facts, &defects);
        report.notes.extend(index.left_out.notes());
        summary(&report, &index, true)
    }

    /// What `read` of `total` bytes of the file say about all of it, where memory ends at `limit_bytes`. `None`:
    /// nothing yet. Costs little, so that it can be asked after every piece.
    pub fn estimate(&mut self, read: u64, total: u64, limit_bytes: u64) -> Option<Estimate> {
        let times = self.documents.builder.times();
        let len = times.map_or(0, |t| t.len_ns());
        if read < total / 50 || self.events() == 0 {
            return None;
        }
        let (first_read, first_len) = *self.early.get_or_insert((read, len));
        let part_bytes = self.held_bytes();
        if read < first_read * 2 && part_bytes < limit_bytes / 2 {
            return None;
        }
        if read >= self.marks[1].0 * 2 {
            self.marks = [self.marks[1], (read, part_bytes)];
        }
        let (mark_read, mark_bytes) = self.marks[0];
        let category = |name: &str| {
            self.documents
                .builder
                .tally()
                .any(|(c, s)| c == name && s.events > 0)
        };
        let wants_frames = !self.selection.leave_out.iter().any(|c| c == PYTHON);
        // Half as much longer as the part is: in order enough.
        let longer = len as f64 / first_len.max(1) as f64;
        let more = read as f64 / first_read.max(1) as f64;
        Some(Estimate {
            file_bytes: total,
            read_bytes: read,
            limit_bytes,
            part_bytes,
            text_bytes: self.text_bytes,
            late_read_bytes: read - mark_read.min(read),
            late_part_bytes: part_bytes - mark_bytes.min(part_bytes),
            frames_may_follow: wants_frames && category(OPERATORS) && !category(PYTHON),
            events: self.events(),
            categories: Vec::new(),
            times,
            in_time_order: longer - 1.0 >= (more - 1.0) / 2.0,
            window: self.selection.window,
        })
    }

    /// Bytes that finishing what was read so far would take.
    pub fn held_bytes(&self) -> u64 {
        self.documents.held_bytes()
    }

    /// The largest categories so far.
    pub fn categories(&self) -> Vec<CategoryShare> {
        let mut shares: Vec<CategoryShare> = self
            .documents
            .builder
            .tally()
            .filter(|(_, share)| share.events > 0)
            .map(|(category, share)| CategoryShare {
                category: category.to_owned(),
                events: share.events,
                bytes: share.held_bytes,
            })
            .collect();
        order::sort_by_key(&mut shares, |share| std::cmp::Reverse(share.bytes));
        shares.truncate(MAX_CATEGORIES);
        shares
    }

    pub(super) fn facts(&self, file_bytes: u64) -> FileFacts {
        FileFacts {
            name: self.name.clone(),
            bytes: file_bytes,
            inflated_bytes: self.text_bytes,
            metrics: self.metrics.clone(),
            table: self.table.clone(),
            tables: self.tables.clone(),
            n_not_read_beside: self.n_not_read_beside,
            step_time: None,
        }
    }

    /// No more text will come; `inflated` says what the file was.
    pub fn finish(self, inflated: &Inflated) -> Result<Opened, LoadError> {
        self.end(inflated, None)
    }

    /// No more text was wanted after `inflated.read` of `total` bytes of the file, because memory is full. That the
    /// file goes on is no defect of it.
    pub fn stop(self, inflated: &Inflated, total: u64) -> Result<Opened, LoadError> {
        self.end(inflated, Some(total))
    }

    pub(super) fn end(mut self, inflated: &Inflated, stopped_of: Option<u64>) -> Result<Opened, LoadError> {
        let facts = self.facts(stopped_of.unwrap_or(inflated.read));
        let scanner = std::mem::replace(&mut self.scanner, Scanner::new(&[]));
        let has_wrong_sum = inflated.defects.has(DefectKind::is_wrong_checksum);
        let cut = [DefectKind::TruncatedGzip, DefectKind::TruncatedMember];
        let is_cut = cut.iter().any(|&kind| inflated.defects.count(kind) > 0);
        // An object that is whole ends with its brace.
        let is_cut_object = stopped_of.is_none() && (is_cut || self.last_byte != b'}');
        let refused = |error: LoadError| match (error, &inflated.damage) {
            // What was inflated is not what was compressed.
            (_, Some((at, why))) => LoadError::CorruptGzip {
                at: *at,
                why: why.clone(),
            },
            (_, None) if has_wrong_sum => LoadError::WrongChecksum,
            (LoadError::Empty, None) if inflated.read > 0 => match is_cut {
                false => LoadError::EmptyContent,
                true => LoadError::NoContent { bytes: inflated.read },
            },
            (LoadError::NoTraceEvents { .. }, None) if is_cut_object => LoadError::CutBeforeEvents,
            (other, None) => explain(other, inflated.is_gzip),
        };
        let scanned = scanner.finish(&mut self.documents).map_err(&refused);
        let last = scanned.as_ref().ok().cloned();
        let documents = std::mem::replace(&mut self.documents, Documents::new(&Selection::default()));
        let (mut documents, beside) = documents.finish(last);
        if documents.is_empty() {
            return Err(scanned.err().unwrap_or(LoadError::Empty));
        }
        let n_events: Vec<u64> = documents.iter().map(|d| d.builder.n_events()).collect();
        let further = documents.split_off(1);
        let first = documents.pop().ok_or(LoadError::Empty)?;
        let mut of_file = inflated.defects.clone();
        of_file.add_many(DefectKind::RepeatedTrace, beside.n_repeated, None);
        of_file.add_many(
            DefectKind::DocumentLeftOut,
            beside.left_out_events,
            beside.left_out_at,
        );
        let is_said = first.scanned.defects.count(DefectKind::AfterTrace) > 0;
        if scanned.is_err() && !is_said {
            of_file.add(DefectKind::AfterTrace, Some(first.scanned.bytes));
        }
        let opened = self.open_document(first, &of_file, &facts, inflated, stopped_of);
        let mut opened = opened.map_err(&refused)?;
        if let Some(note) = one_of_several(&n_events, beside.n_left_out, 0) {
            opened.note(note);
        }
        for (number, document) in (2..).zip(further) {
            let facts = FileFacts {
                name: format!("{} ({number})", self.name),
                metrics: None,
                table: None,
                tables: None,
                ..facts.clone()
            };
            let of_file = &inflated.defects;
            if let Ok(mut next) = self.open_document(document, of_file, &facts, inflated, stopped_of) {
                if let Some(note) = one_of_several(&n_events, beside.n_left_out, number - 1) {
                    next.note(note);
                }
                opened.further.push(next);
            }
        }
        Ok(opened)
    }

    /// One of the documents, all of whose events were read.
    pub(super) fn open_document(
        &self,
        document: Document,
        of_file: &Defects,
        facts: &FileFacts,
        inflated: &Inflated,
        stopped_of: Option<u64>,
    ) -> Result<Opened, LoadError> {
        let Document {
            builder,
            scanned,
            starts_at,
        } = document;
        let times = builder.times();
        let (index, build_defects) = builder.finish(scanned.bare_array);
        // A list of something else: tables, logs, other tools' results.
        if index.n_events > 0 && build_defects.count(DefectKind::MissingPhase) == index.n_events {
            let error = match scanned.wrong_file {
                Some(file) => LoadError::WrongFile { file, inside: "" },
                None => LoadError::NoEvents {
                    values: index.n_events,
                },
            };
            return Err(error);
        }
        let mut defects = Defects::default();
        for part in [of_file, &scanned.defects, &build_defects] {
            defects.merge(part);
        }
        defects.add_many(
            DefectKind::CutOfDamaged,
            export::cut::lost_before(&index.header),
            None,
        );
        if stopped_of.is_some() {
            let is_unclosed = |kind| matches!(kind, DefectKind::UnclosedArray | DefectKind::UnclosedObject);
            defects.forget(|kind| kind.ends_early() || is_unclosed(kind));
        }
        let vocabulary = dialect::recognise(&index, &self.name);
        let mut report = analyze::analyze(&index, &vocabulary, facts, &defects);
        let mut load_notes = Vec::new();
        if let Some(total) = stopped_of {
            let read = percent(inflated.read, total);
            let until = show::duration(times.map_or(0, |t| t.len_ns()));
            load_notes.push(format!(
                "Reading stopped where memory was full, at {read} of the file, {until} from the start of the trace: the rest of the trace is missing."
            ));
        }
        load_notes.extend(index.left_out.notes());
        let has_tables = |of: &Arc<WorkerTables>| !of.tables.read.is_empty();
        if self.selection.window.is_some() && self.tables.as_ref().is_some_and(has_tables) {
            load_notes.push(
                "The profiler's tables are of the whole recording, also where the trace is cut.".to_owned(),
            );
        }
        report.notes.extend(load_notes.iter().cloned());
        Ok(Opened {
            selection: self.selection.clone(),
            defects,
            load_notes,
            text_starts_at: starts_at,
            ..Opened::new(index, vocabulary, report, facts.clone())
        })
    }
}

/// What is said of a trace that is not alone in its file; `place` is its own among the events of each.
pub(super) fn one_of_several(n_events: &[u64], n_left_out: u64, place: usize) -> Option<String> {
    let count = n_events.len();
    let others = n_events.iter().enumerate().filter(|&(other, _)| other != place);
    let of_other =
        |(other, n): (usize, &u64)| format!("number {} has {}", other + 1, show::counted(*n, "event"));
    let mut listed: Vec<String> = others.map(of_other).take(MAX_NAMED).collect();
    if count > listed.len() + 1 {
        listed.push("…".to_owned());
    }
    let (this, listed) = (show::counted(*n_events.get(place)?, "event"), listed.join(", "));
    let all = show::count(count as u64 + n_left_out);
    let left_out = match n_left_out {
        0 => String::new(),
        n => format!(" The last {} were not opened.", show::count(n)),
    };
    (count > 1).then(|| {
        format!(
            "The file holds {all} traces, one after the other: this is number {} ({this}); {listed}.{left_out}",
            place + 1
        )
    })
}

pub(super) fn percent(part: u64, whole: u64) -> String {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    show::percent(signed(part), signed(whole))
}

pub(super) fn explain(error: LoadError, is_gzip: bool) -> LoadError {
    match error {
        LoadError::NotATrace { at, found, .. } => LoadError::NotATrace {
            at,
            found,
            inside: if is_gzip { ", inside the gzip file" } else { "" },
        },
        LoadError::WrongFile { file, .. } => LoadError::WrongFile {
            file,
            inside: if is_gzip { ", inside the gzip file" } else { "" },
        },
        other => other,
    }
}

/// Reads a trace from the bytes of its file as they come: inflates, and gives the text to a [`TextLoader`].
pub struct Loader {
    pub(super) inflater: Inflater,
    pub(super) text: TextLoader,
}

impl Loader {
    /// Gives the text to this.
    pub fn of_text(text: TextLoader) -> Loader {
        Loader {
            inflater: Inflater::default(),
            text,
        }
    }

    /// `name` is the file's, for the report.
    pub fn new(name: &str) -> Loader {
        Loader::selecting(name, &Selection::default())
    }

    /// Loads what is selected.
    pub fn selecting(name: &str, selection: &Selection) -> Loader {
        Loader::of_text(TextLoader::selecting(name, selection))
    }

    /// See [`TextLoader::attach_metrics`].
    pub fn attach_metrics(&mut self, name: &str, bytes: &[u8]) -> bool {
        self.text.attach_metrics(name, bytes)
    }

    /// See [`TextLoader::attach_tables`].
    pub fn attach_tables(&mut self, tables: Arc<WorkerTables>) {
        self.text.attach_tables(tables);
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        let text = &mut self.text;
        self.inflater.feed(bytes, &mut |piece| text.feed(piece));
    }

    /// Bytes of the file so far.
    pub fn bytes(&self) -> u64 {
        self.inflater.read()
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.text.events()
    }

    /// Why it is certain that nothing can be read, as soon as it is: of what is compressed, its checksum at the end
    /// says whether the reason is that it is damaged.
    pub fn error(&self) -> Option<LoadError> {
        let error = self.text.error(self.inflater.is_gzip())?;
        let is_known = matches!(error, LoadError::WrongFile { .. }) || !self.inflater.has_checksum();
        is_known.then_some(error)
    }

    /// See [`TextLoader::partial`].
    pub fn partial(&self) -> Summary {
        self.text.partial(self.inflater.read())
    }

    /// No more bytes will come.
    pub fn finish(self) -> Result<Opened, LoadError> {
        let (inflated, _) = self.inflater.finish();
        self.text.finish(&inflated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::small_trace::thread;

    #[test]
    fn python_frames_may_follow_until_one_has_come_or_none_is_wanted() {
        let event = |category: &str| format!("{},", *thread(1, 1).slice(category, "n", 1, 1));
        let may_follow = |categories: &[&str], selection: Selection| {
            let mut loader = TextLoader::selecting("t.json", &selection);
            loader.feed(b"[");
            categories
                .iter()
                .for_each(|category| loader.feed(event(category).as_bytes()));
            // So little memory that any part tells.
            loader
                .estimate(50, 100, 2)
                .map(|estimate| estimate.frames_may_follow)
        };
        let all = Selection::default;
        assert_eq!(may_follow(&["cpu_op"], all()), Some(true));
        assert_eq!(may_follow(&["cpu_op", "python_function"], all()), Some(false));
        assert_eq!(
            may_follow(&["kernel"], all()),
            Some(false),
            "no operators of torch"
        );
        let without = Selection {
            leave_out: vec![PYTHON.to_owned()],
            ..all()
        };
        assert_eq!(may_follow(&["cpu_op"], without), Some(false));
    }
}
