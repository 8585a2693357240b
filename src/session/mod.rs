//! The engine without a browser: bytes in, an opened trace and its report out.

pub mod bundle;
mod cut;
mod documents;
pub mod hltv;
pub mod open;
pub mod synprof;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use cut::{Cut, CutError};
use documents::{Document, Documents};

use crate::analyze::compare;
use crate::analyze::host::operators;
use crate::analyze::host::stacks::{self, Calls};
use crate::analyze::ranks::extract::RankExtract;
use crate::analyze::report::{Basis, Comparison, Operator, Profile, Report, SCHEMA, TraceReport, Workers};
use crate::analyze::{self, Depth, FileFacts, WorkerTables};
use crate::base::{DefectKind, Defects, SliceId, Span, order, show};
use crate::dialect::gaudi_metrics::{self, MetricsFile};
use crate::dialect::key_averages::{self, KeyAverages};
use crate::dialect::{self, Classifier, Vocabulary};
use crate::export::{self, Made};
use crate::index::Index;
use crate::index::first_time::FirstTime;
pub use crate::ingest::archive;
pub use crate::ingest::{Checkpoints, Inflated, Inflater, LoadError};
use crate::ingest::{Scanner, detect, json};
use crate::protocol::engine::{Answer, COMPARISON_PAGE, Question};
use crate::synth;
use crate::table::{self, Answers, Ask, Grouped, Selected, SelectedAsk};
use crate::view::memory_budget::{MAX_CATEGORIES, OPERATORS, PYTHON};
use crate::view::steps::{step_detail, steps_view};
use crate::view::summary::{compared, summary, workers_given};
use crate::view::timeline::Scene;
use crate::view::{
    CategoryShare, Estimate, Grouping, MAX_OPERATORS, OtherTrace, Selection, SliceArgs, StackSource, Summary,
    Which, details, flame, memory,
};

/// Traces of one file that a note names.
const MAX_NAMED: usize = 8;

/// An opened trace.
pub struct Opened {
    pub index: Index,
    pub vocabulary: Vocabulary,
    pub report: TraceReport,
    /// What of the file was loaded.
    pub selection: Selection,
    facts: FileFacts,
    defects: Defects,
    /// What loading had to say: notes that no analysis makes.
    load_notes: Vec<String>,
    /// The workers that were given together.
    pub workers: Option<Workers>,
    /// The traces behind this one in the same file.
    pub further: Vec<Opened>,
    /// What else may be opened in its place.
    pub others: Vec<OtherTrace>,
    /// Byte of the text at which it starts, where others stand before it.
    text_starts_at: u64,
    by_shape: OnceLock<Vec<Operator>>,
    by_stack: OnceLock<Vec<Operator>>,
    /// The trace that this one is compared with.
    compared: Option<Compared>,
    last_order: Mutex<Option<LastOrder>>,
    last_selected: Mutex<Option<(SelectedAsk, Arc<Selected>)>>,
}

/// Another trace, and what differs.
struct Compared {
    other: Profile,
    other_is_before: bool,
    found: Comparison,
}

/// Which rows of a table were asked for last, and in which order they lie.
struct LastOrder {
    key: String,
    ask: Ask,
    numbers: Option<Vec<u32>>,
}

impl Opened {
    fn new(index: Index, vocabulary: Vocabulary, report: TraceReport, facts: FileFacts) -> Opened {
        Opened {
            index,
            vocabulary,
            report,
            selection: Selection::default(),
            facts,
            defects: Defects::default(),
            load_notes: Vec::new(),
            workers: None,
            further: Vec::new(),
            others: Vec::new(),
            text_starts_at: 0,
            by_shape: OnceLock::new(),
            by_stack: OnceLock::new(),
            compared: None,
            last_order: Mutex::new(None),
            last_selected: Mutex::new(None),
        }
    }

    /// What the comparison of ranks keeps of it.
    pub fn rank_extracts(&self) -> Vec<RankExtract> {
        RankExtract::of(&self.report, &self.index, &self.vocabulary)
    }

    /// What the views need beside the index.
    pub fn scene(&self) -> Scene {
        Scene::new(&self.index, &self.vocabulary)
    }

    /// Adds a note on how it was opened.
    pub fn note(&mut self, says: String) {
        self.report.notes.push(says.clone());
        self.load_notes.push(says);
    }

    /// Of several traces in one file the one that is asked for, by its number: the first where there is none of that
    /// number. The others are dropped and listed in [`Opened::others`].
    #[must_use]
    pub fn document(mut self, which: &Which) -> Opened {
        let further = std::mem::take(&mut self.further);
        let mut all: Vec<(u32, Opened)> = (1..).zip(std::iter::once(self).chain(further)).collect();
        let place = all.iter().position(|(number, _)| *number == which.document);
        let (_, mut chosen) = all.remove(place.unwrap_or(0));
        let other = |(document, other): (u32, Opened)| OtherTrace {
            name: other.report.file,
            events: Some(other.report.events),
            which: Which {
                recording: which.recording.clone(),
                document,
            },
        };
        chosen.others = all.into_iter().map(other).collect();
        chosen
    }

    /// Tells kernels apart by these rules, and computes all answers anew. The error says which line is no rule; nothing
    /// has changed then.
    pub fn classify(&mut self, rules: &str) -> Result<(), String> {
        let classifier = Classifier::parse(rules)?;
        self.vocabulary = dialect::recognise_with(&self.index, &self.facts.name, classifier);
        self.answer_anew();
        Ok(())
    }

    /// Takes this time of a step for its step time, the trace's own basis for `None`, and computes all answers anew.
    pub fn set_step_time(&mut self, basis: Option<Basis>) {
        self.facts.step_time = basis;
        self.answer_anew();
    }

    /// Compares with another trace from now on: with what was kept of it as JSON, or with the one before. The error
    /// says why that cannot be; nothing has changed then.
    pub fn compare(&mut self, with: Option<&str>, other_is_before: bool) -> Result<(), String> {
        let other = match (with, &self.compared) {
            (Some(text), _) => {
                serde_json::from_str(text).map_err(|why| format!("this is no baseline: {why}"))?
            }
            (None, Some(compared)) => compared.other.clone(),
            (None, None) => return Err("no other trace was given".to_owned()),
        };
        self.compare_with(other, other_is_before);
        Ok(())
    }

    fn compare_with(&mut self, other: Profile, other_is_before: bool) {
        let own = Profile::of(&self.report);
        let found = match other_is_before {
            true => compare::compare(&other, &own),
            false => compare::compare(&own, &other),
        };
        self.compared = Some(Compared {
            other,
            other_is_before,
            found,
        });
        self.last_order = Mutex::new(None);
    }

    fn answer_anew(&mut self) {
        self.report = analyze::analyze(&self.index, &self.vocabulary, &self.facts, &self.defects);
        self.report.notes.extend(self.load_notes.iter().cloned());
        (self.by_shape, self.by_stack) = (OnceLock::new(), OnceLock::new());
        (self.last_order, self.last_selected) = (Mutex::new(None), Mutex::new(None));
        if let Some(compared) = self.compared.take() {
            self.compare_with(compared.other, compared.other_is_before);
        }
    }

    /// The Overview of the whole trace.
    pub fn summary(&self) -> Summary {
        let mut summary = summary(&self.report, &self.index, false);
        summary.tables = self.answers(table::names);
        summary.compared = self
            .compared
            .as_ref()
            .map(|of| Box::new(compared(&of.found, of.other_is_before)));
        summary.workers = self.workers.as_ref().map(workers_given);
        summary.others = self.others[..self.others.len().min(MAX_OPERATORS)].to_vec();
        summary
    }

    /// The answer to a question that needs no bytes of the file and changes nothing. [`Question::Args`],
    /// [`Question::Cut`], [`Question::Classify`] and [`Question::StepTime`] do: see [`Opened::args`], [`Opened::cut`],
    /// [`Opened::classify`], [`Opened::set_step_time`].
    pub fn answer(&self, scene: &Scene, question: &Question) -> Answer {
        let nothing = |why: &str| Answer::Nothing { why: why.to_owned() };
        let report = &self.report;
        match question {
            Question::Steps {
                filter,
                plot_window,
                width_px,
            } => Answer::Steps(Box::new(steps_view(
                &report.steps,
                &report.recompiles,
                filter,
                *plot_window,
                *width_px,
            ))),
            Question::Step { index } => match step_detail(&report.steps, &report.recompiles, *index) {
                Some(detail) => Answer::Step(Box::new(detail)),
                None => nothing("there is no such step"),
            },
            Question::Tracks => Answer::Tracks(scene.tracks().clone()),
            Question::Timeline {
                window,
                width_px,
                parts,
            } => {
                let frame = scene.frame(&self.index, &self.vocabulary, *window, *width_px, parts);
                Answer::Timeline {
                    names: frame.names.clone(),
                    frame: Some(Box::new(frame)),
                }
            }
            Question::Slice { slice } => {
                match details::slice(&self.index, &self.vocabulary, scene, &report.steps, *slice) {
                    Some(detail) => Answer::Slice(Box::new(detail)),
                    None => nothing("there is no such slice"),
                }
            }
            Question::Args { .. } | Question::Cut(_) => nothing("the file is not at hand"),
            Question::Classify { .. } | Question::StepTime { .. } | Question::Compare { .. } => {
                nothing("this trace is open for reading only")
            }
            Question::Search { text } => {
                Answer::Search(details::search(&self.index, &self.vocabulary, scene, text))
            }
            Question::Table { key, ask } => self.page(scene, key, ask),
            Question::Flame(asked) => {
                Answer::Flame(Box::new(flame::flame(&self.index, &self.vocabulary, asked)))
            }
            Question::Memory {
                device,
                window,
                width_px,
            } => Answer::Memory(memory::curve(
                &self.index,
                &self.vocabulary,
                *device,
                *window,
                *width_px,
            )),
            Question::Folded(asked) => Answer::Report {
                file_name: format!("{}.folded.txt", self.stem()),
                text: self.folded(asked.source, asked.window, asked.thread),
            },
            Question::TableFile { key, ask, format } => self.table_file(scene, key, ask, format),
            Question::Report { format } => self.download(format),
        }
    }

    /// Folded stacks, a line each: see [`stacks::folded`]. `None`: all of the trace; all threads.
    pub fn folded(&self, source: StackSource, window: Option<Span>, thread: Option<u32>) -> String {
        let extent = self.vocabulary.extent(&self.index);
        let window = window.or(extent).unwrap_or(Span::new(0, 0));
        let calls = Calls::new(&self.index, &self.vocabulary, source, window);
        let threads = stacks::threads(&self.index);
        let only = thread.and_then(|t| threads.get(t as usize));
        let threads = only.map_or(&threads[..], std::slice::from_ref);
        stacks::folded(&self.index, &stacks::merged(&calls, threads))
    }

    /// The report with what is computed only when it is asked for: operators by shape and by stack.
    pub fn whole_report(&self) -> TraceReport {
        TraceReport {
            operators_by_shape: self.grouped(Grouping::Shape).to_vec(),
            operators_by_stack: self.grouped(Grouping::Stack).to_vec(),
            ..self.report.clone()
        }
    }

    /// The trace with the workers that were given with it.
    fn report_of_all(&self) -> Report {
        Report {
            schema: SCHEMA.into(),
            traces: vec![self.whole_report()],
            workers: self.workers.clone(),
            ranks: None,
        }
    }

    /// The file's name without its endings.
    fn stem(&self) -> String {
        // A file of a worker or an archive stands behind its folder.
        let file = self.report.file.replace('/', ".");
        let name = file.trim_end_matches(".gz").trim_end_matches(".json");
        name.to_owned()
    }

    /// What tables are made of.
    fn answers<R>(&self, of: impl for<'a> FnOnce(&Answers<'a>) -> R) -> R {
        self.answers_with(None, of)
    }

    fn answers_with<R>(&self, selected: Option<&Selected>, of: impl for<'a> FnOnce(&Answers<'a>) -> R) -> R {
        let count = |by: Grouping| self.grouped(by);
        of(&Answers {
            report: &self.report,
            workers: self.workers.as_ref(),
            ranks: None,
            grouped: Some(Grouped {
                by: &self.groupings(),
                count: &count,
            }),
            selected,
            comparison: self.compared.as_ref().map(|of| &of.found),
        })
    }

    /// What is selected, counted once for all stretches and orders of its rows.
    fn selected(&self, scene: &Scene, ask: &Ask) -> Option<Arc<Selected>> {
        let wanted = ask.selected.as_ref()?;
        let mut last = self.last_selected.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((asked, selected)) if asked == wanted => Some(selected.clone()),
            _ => {
                let (index, vocabulary) = (&self.index, &self.vocabulary);
                let selected = Arc::new(match wanted {
                    SelectedAsk::Area(ask) => Selected::Area(details::area(index, vocabulary, scene, ask)),
                    SelectedAsk::Stacks(ask) => {
                        Selected::Stacks(flame::calls_by_name(index, vocabulary, ask))
                    }
                });
                *last = Some((wanted.clone(), selected.clone()));
                Some(selected)
            }
        }
    }

    /// Operators by shape or by stack, counted when they are asked for first.
    fn grouped(&self, by: Grouping) -> &[Operator] {
        let cell = match by {
            Grouping::Name => return &self.report.operators,
            Grouping::Shape => &self.by_shape,
            Grouping::Stack => &self.by_stack,
        };
        cell.get_or_init(|| {
            if !self.groupings().contains(&by) {
                return Vec::new();
            }
            let mut rows = operators::grouped(&self.index, &self.vocabulary, by);
            rows.truncate(operators::MAX_GROUPS);
            rows
        })
    }

    /// What operators can be counted by beside their names.
    fn groupings(&self) -> Vec<Grouping> {
        let has_operators = !self.report.operators.is_empty();
        let has_shapes = has_operators && self.index.arg_column(dialect::SHAPES).is_some();
        let has_stacks = has_operators && !self.report.python.is_empty();
        [(Grouping::Shape, has_shapes), (Grouping::Stack, has_stacks)]
            .into_iter()
            .filter_map(|(by, has)| has.then_some(by))
            .collect()
    }

    /// A stretch of a table.
    fn page(&self, scene: &Scene, key: &str, ask: &Ask) -> Answer {
        let selected = self.selected(scene, ask);
        self.answers_with(selected.as_deref(), |answers| {
            let Some(of) = table::find(key, answers) else {
                return Answer::Nothing {
                    why: format!("this trace has no table {key:?}"),
                };
            };
            // Scrolling asks for the same order again and again.
            let mut last = self.last_order.lock().unwrap_or_else(PoisonError::into_inner);
            let is_known = |last: &LastOrder| last.key == key && last.ask.same_order(ask);
            if !last.as_ref().is_some_and(is_known) {
                *last = Some(LastOrder {
                    key: key.to_owned(),
                    ask: ask.clone(),
                    numbers: table::chosen(&of.rows, ask),
                });
            }
            let numbers = last.as_ref().and_then(|last| last.numbers.as_deref());
            Answer::Table(Box::new(of.page(ask, numbers, answers.origin_ns())))
        })
    }

    /// The report as a file: `json`, `markdown`, `text`; `baseline`: what comparing needs.
    fn download(&self, format: &str) -> Answer {
        let report = self.report_of_all();
        let (suffix, text) = match format {
            "json" => ("json", export::report_json(&report)),
            "markdown" => ("md", export::report_markdown(&report)),
            "text" => ("txt", export::report_text(&report)),
            "baseline" => (
                "baseline.json",
                serde_json::to_string(&Profile::of(&self.report)).unwrap_or_default(),
            ),
            _ => {
                return Answer::Nothing {
                    why: format!("there is no report of format {format}"),
                };
            }
        };
        Answer::Report {
            file_name: format!("{}.report.{suffix}", self.stem()),
            text,
        }
    }

    /// A page to hand on, made on this date: of the report, or of the comparison.
    pub fn handed_on(&self, format: &str, date: String) -> Answer {
        let made = |command: &str| Made {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            date,
            command: command.to_owned(),
        };
        let (suffix, text) = match (format, &self.compared) {
            (COMPARISON_PAGE, Some(compared)) => (
                "compared",
                export::comparison_html(&compared.found, &made("Compare…, on the page")),
            ),
            (COMPARISON_PAGE, None) => {
                return Answer::Nothing {
                    why: "no other trace was given".to_owned(),
                };
            }
            _ => {
                let report = self.report_of_all();
                (
                    "report",
                    export::report_html(&report, &made("Report, on the page")),
                )
            }
        };
        Answer::Report {
            file_name: format!("{}.{suffix}.html", self.stem()),
            text,
        }
    }

    /// The rows of a table that are asked for, as a file.
    fn table_file(&self, scene: &Scene, key: &str, ask: &Ask, format: &str) -> Answer {
        let selected = self.selected(scene, ask);
        let text = self.answers_with(selected.as_deref(), |answers| {
            let mut of = table::find(key, answers)?;
            if let Some(numbers) = table::chosen(&of.rows, ask) {
                of.rows = of.rows.picked(numbers);
            }
            export::table_file(&of, format, answers.origin_ns())
        });
        match text {
            Some(text) => Answer::Report {
                file_name: format!("{}.{key}.{format}", self.stem()),
                text,
            },
            None => Answer::Nothing {
                why: format!("this trace has no table {key:?} as {format}"),
            },
        }
    }

    /// Byte of the text where a slice's event starts; `None` if there is no such slice.
    pub fn text_at(&self, slice: u32) -> Option<u64> {
        ((slice as usize) < self.index.slices.len()).then(|| self.index.slices.at(SliceId(slice)))
    }

    /// The same of the event that ends it, where that is another one.
    pub fn end_text_at(&self, slice: u32) -> Option<u64> {
        let end = self.index.pairs.end_of(SliceId(slice));
        end.filter(|&end| self.text_at(slice) != Some(end))
    }

    /// The args of a slice, from the events that start at [`Opened::text_at`] and [`Opened::end_text_at`], each as
    /// [`event_text`] gives it.
    pub fn args(&self, slice: u32, events: &[&[u8]]) -> SliceArgs {
        details::slice_args(slice, events)
    }
}

/// The event at the start of `text`. `None`: it is longer. If no more text is to be had (`is_all`), what is there
/// is all there will be.
pub fn event_text(text: &[u8], is_all: bool) -> Option<&[u8]> {
    match json::container(text, 0) {
        Ok(end) => Some(&text[..end]),
        Err(_) => is_all.then_some(text),
    }
}

/// Reads a trace from its text as it comes.
pub struct TextLoader {
    name: String,
    text_bytes: u64,
    /// The last that is no blank.
    last_byte: u8,
    scanner: Scanner,
    documents: Documents,
    metrics: Option<(String, MetricsFile)>,
    table: Option<(String, KeyAverages)>,
    selection: Selection,
    tables: Option<Arc<WorkerTables>>,
    /// Bytes of the file, and the ns that they cover, when it was looked at first.
    early: Option<(u64, i64)>,
    /// Bytes of the file, and bytes that they take, at the last two times that the part had doubled.
    marks: [(u64, u64); 2],
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

    fn facts(&self, file_bytes: u64) -> FileFacts {
        FileFacts {
            name: self.name.clone(),
            bytes: file_bytes,
            inflated_bytes: self.text_bytes,
            metrics: self.metrics.clone(),
            table: self.table.clone(),
            tables: self.tables.clone(),
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

    fn end(mut self, inflated: &Inflated, stopped_of: Option<u64>) -> Result<Opened, LoadError> {
        let facts = self.facts(stopped_of.unwrap_or(inflated.read));
        let scanner = std::mem::replace(&mut self.scanner, Scanner::new(&[]));
        let has_wrong_sum = inflated.defects.has(DefectKind::is_wrong_checksum);
        let cut = [DefectKind::TruncatedGzip, DefectKind::TruncatedMember];
        let is_cut = cut.iter().any(|&kind| inflated.defects.count(kind) > 0);
        // An object that is whole ends with its brace.
        let is_cut_object = stopped_of.is_none() && (is_cut || self.last_byte != b'}');
        let scanned = scanner
            .finish(&mut self.documents)
            .map_err(|error| match (error, &inflated.damage) {
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
            });
        let last = scanned.as_ref().ok().cloned();
        let documents = std::mem::replace(&mut self.documents, Documents::new(&Selection::default()));
        let (mut documents, n_repeated) = documents.finish(last);
        if documents.is_empty() {
            return Err(scanned.err().unwrap_or(LoadError::Empty));
        }
        let n_events: Vec<u64> = documents.iter().map(|d| d.builder.n_events()).collect();
        let further = documents.split_off(1);
        let first = documents.pop().ok_or(LoadError::Empty)?;
        let mut of_file = inflated.defects.clone();
        of_file.add_many(DefectKind::RepeatedTrace, n_repeated, None);
        let is_said = first.scanned.defects.count(DefectKind::AfterTrace) > 0;
        if scanned.is_err() && !is_said {
            of_file.add(DefectKind::AfterTrace, Some(first.scanned.bytes));
        }
        let mut opened = self.open_document(first, &of_file, &facts, inflated, stopped_of)?;
        if let Some(note) = one_of_several(&n_events, 0) {
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
                if let Some(note) = one_of_several(&n_events, number - 1) {
                    next.note(note);
                }
                opened.further.push(next);
            }
        }
        Ok(opened)
    }

    /// One of the documents, all of whose events were read.
    fn open_document(
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
            return Err(explain(error, inflated.is_gzip));
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
fn one_of_several(n_events: &[u64], place: usize) -> Option<String> {
    let count = n_events.len();
    let others = n_events.iter().enumerate().filter(|&(other, _)| other != place);
    let of_other =
        |(other, n): (usize, &u64)| format!("number {} has {}", other + 1, show::counted(*n, "event"));
    let mut listed: Vec<String> = others.map(of_other).take(MAX_NAMED).collect();
    if count > listed.len() + 1 {
        listed.push("…".to_owned());
    }
    let (this, listed) = (show::counted(*n_events.get(place)?, "event"), listed.join(", "));
    (count > 1).then(|| {
        format!(
            "The file holds {count} traces, one after the other: this is number {} ({this}); {listed}.",
            place + 1
        )
    })
}

fn percent(part: u64, whole: u64) -> String {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    show::percent(signed(part), signed(whole))
}

fn explain(error: LoadError, is_gzip: bool) -> LoadError {
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
    inflater: Inflater,
    text: TextLoader,
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

    /// Why it is certain that nothing can be read, as soon as it is.
    pub fn error(&self) -> Option<LoadError> {
        self.text.error(self.inflater.is_gzip())
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

/// Finds the first time of any event of a trace, ns on its own clock, in the bytes of its file.
pub struct FirstEvent {
    inflater: Inflater,
    scanner: Scanner,
    first: FirstTime,
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

/// A larger metrics file is not read; one dump a compile is about 200 bytes a compile so far.
pub const MAX_METRICS_BYTES: u64 = 256 << 20;

/// Whether a file that starts with `head` (512 bytes will do) is a metrics file, or torch's own operator table, and no
/// trace.
pub fn is_metrics(head: &[u8]) -> bool {
    gaudi_metrics::looks_like(head) || key_averages::looks_like(head)
}

/// Whether a file that starts with `head` is compressed.
pub fn is_gzip(head: &[u8]) -> bool {
    // Other methods than deflate are stored members of an archive.
    head.starts_with(&detect::GZIP_MAGIC) && head.get(2).is_none_or(|&method| method == 8)
}

/// Opens a metrics file alone: a report with its counters and nothing else.
pub fn open_metrics(name: &str, bytes: &[u8]) -> Result<Opened, LoadError> {
    if let Some(table) = key_averages::parse(bytes) {
        return Ok(open_table(name, bytes, table));
    }
    let Some(file) = gaudi_metrics::parse(bytes) else {
        return Err(LoadError::NotATrace {
            at: 0,
            found: "a metrics file that cannot be read".into(),
            inside: "",
        });
    };
    let index = Index::default();
    let vocabulary = Vocabulary {
        format: "gaudi-metrics",
        device_kind: "hpu",
        ..Vocabulary::default()
    };
    let len = bytes.len() as u64;
    let metrics = Some((name.to_owned(), file));
    let facts = FileFacts {
        name: name.to_owned(),
        bytes: len,
        inflated_bytes: len,
        metrics,
        ..FileFacts::default()
    };
    let report = analyze::analyze(&index, &vocabulary, &facts, &Defects::default());
    Ok(Opened::new(index, vocabulary, report, facts))
}

/// torch's own operator table alone: its rows, rounded as they are, and nothing to hold them against.
fn open_table(name: &str, bytes: &[u8], table: KeyAverages) -> Opened {
    let index = Index::default();
    let vocabulary = Vocabulary {
        format: "torch-table",
        notes: vec![
            "This is torch's own operator table, with times as rounded there; opened together with its trace, it is held \
             against ours."
                .to_owned(),
        ],
        ..Vocabulary::default()
    };
    let len = bytes.len() as u64;
    let facts = FileFacts {
        name: name.to_owned(),
        bytes: len,
        inflated_bytes: len,
        table: Some((name.to_owned(), table)),
        ..FileFacts::default()
    };
    let report = analyze::analyze(&index, &vocabulary, &facts, &Defects::default());
    Opened::new(index, vocabulary, report, facts)
}

/// Opens the tables of a worker that has no trace.
pub fn open_tables(name: &str, bytes: u64, tables: Arc<WorkerTables>) -> Opened {
    let index = Index::default();
    let vocabulary = Vocabulary {
        format: "ascend",
        device_kind: if tables.tables.kernels.rows.is_empty() && tables.tables.breakdown.is_empty() {
            "unknown"
        } else {
            "npu"
        },
        ..Vocabulary::default()
    };
    let facts = FileFacts {
        name: name.to_owned(),
        bytes,
        inflated_bytes: bytes,
        tables: Some(tables),
        ..FileFacts::default()
    };
    let report = analyze::analyze(&index, &vocabulary, &facts, &Defects::default());
    Opened::new(index, vocabulary, report, facts)
}

/// What kind of archive a file is, by its first bytes: 64 KB are enough, also of a compressed tar.
pub fn archive_kind(head: &[u8]) -> Option<archive::Kind> {
    if !is_gzip(head) {
        return archive::kind(head);
    }
    let mut text = Vec::new();
    let mut inflater = Inflater::default();
    for piece in head[..head.len().min(64 << 10)].chunks(512) {
        inflater.feed(piece, &mut |out| {
            let room = 1024_usize.saturating_sub(text.len());
            text.extend_from_slice(&out[..out.len().min(room)]);
        });
        if text.len() >= 1024 {
            break;
        }
    }
    // A zip in a gzip file cannot be listed from its end without inflating all of it.
    archive::kind(&text).filter(|kind| *kind == archive::Kind::Tar)
}

/// Opens a file that is in memory: a trace, a metrics file, or a table that is one.
pub fn open_bytes(name: &str, bytes: &[u8]) -> Result<Opened, LoadError> {
    if is_metrics(bytes) {
        return open_metrics(name, bytes);
    }
    if let Some(opened) = synprof::open(name, bytes, None) {
        return opened;
    }
    let mut loader = Loader::new(name);
    for chunk in bytes.chunks(1 << 20) {
        loader.feed(chunk);
    }
    loader.finish()
}

/// The built-in sample: its name and its text. Generated, and marked as such in its header.
pub fn sample() -> (String, Vec<u8>) {
    let options = synth::Options::sample();
    (options.file_name(), synth::chunks(&options).flatten().collect())
}

/// A trace that makes every stage run often enough for the browser to optimise it; some 8 MB of text.
pub fn warm_up() -> Vec<u8> {
    let options = synth::Options {
        target: synth::Target::Bytes(8 << 20),
        ..synth::Options::sample()
    };
    synth::chunks(&options).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_frames_may_follow_until_one_has_come_or_none_is_wanted() {
        let event = |category: &str| {
            format!(r#"{{"ph":"X","cat":"{category}","name":"n","pid":1,"tid":1,"ts":1,"dur":1}},"#)
        };
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

    #[test]
    fn every_report_of_the_menu_is_a_file() {
        let trace = br#"{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]}"#;
        let opened = open_bytes("x.pt.trace.json.gz", trace).expect("a trace");
        let scene = opened.scene();
        let ask = |format: &str| {
            let format = format.to_owned();
            opened.answer(&scene, &Question::Report { format })
        };
        for (format, name) in [
            ("json", "x.pt.trace.report.json"),
            ("markdown", "x.pt.trace.report.md"),
            ("text", "x.pt.trace.report.txt"),
        ] {
            match ask(format) {
                Answer::Report { file_name, text } => {
                    assert_eq!(file_name, name);
                    assert!(!text.is_empty(), "{format}");
                }
                other => panic!("{format}: {other:?}"),
            }
        }
        assert!(matches!(ask("exe"), Answer::Nothing { why } if why.contains("exe")));
    }

    #[test]
    fn a_table_of_the_trace_is_a_file_and_no_other_is() {
        let trace =
            br#"{"traceEvents":[{"ph":"X","cat":"cpu_op","name":"a","pid":1,"tid":1,"ts":1,"dur":2}]}"#;
        let opened = open_bytes("x.pt.trace.json.gz", trace).expect("a trace");
        let scene = opened.scene();
        let ask = |key: &str, format: &str| {
            let question = Question::TableFile {
                key: key.to_owned(),
                ask: Ask::default(),
                format: format.to_owned(),
            };
            opened.answer(&scene, &question)
        };
        for format in ["csv", "tsv", "json", "md", "txt"] {
            match ask("operators", format) {
                Answer::Report { file_name, text } => {
                    assert_eq!(file_name, format!("x.pt.trace.operators.{format}"));
                    assert!(text.ends_with('\n'), "{format}: {text:?}");
                }
                other => panic!("{format}: {other:?}"),
            }
        }
        for (key, format) in [("steps", "csv"), ("no such table", "csv"), ("operators", "exe")] {
            assert!(matches!(ask(key, format), Answer::Nothing { why } if why.contains(key)));
        }
    }
}
