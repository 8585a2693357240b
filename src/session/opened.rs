//! A trace that is open: its answers, and what changes them.

use crate::analyze::compare;
use crate::analyze::gaps::{Asked, GapFilter};
use crate::analyze::host::merged_stacks::{self, Calls};
use crate::analyze::host::operators_by_name;
use crate::analyze::ranks::extract::RankExtract;
use crate::analyze::ranks::run;
use crate::analyze::report::{
    Basis, Comparison, Gaps, Operator, Profile, Report, RowsLeftOut, RunRanks, SCHEMA, TraceReport, Workers,
};
use crate::analyze::steps::filter::report_of;
use crate::analyze::{self, FileFacts};
use crate::base::{Defects, SliceId, Span};
use crate::dialect::{self, Classifier, Vocabulary};
use crate::export::{self, Made};
use crate::index::Index;
use crate::protocol::engine::{Answer, COMPARISON_PAGE, Question, RANKS};
use crate::table::{self, Answers, Ask, GapsAsk, Grouped, Selected, SelectedAsk};
use crate::view::hits::{Since, next_alike};
use crate::view::steps::{StepsAsked, gaps_chosen, step_detail, steps_view};
use crate::view::summary::{compared, summary, workers_given};
use crate::view::timeline::Scene;
use crate::view::{
    Grouping, MAX_OPERATORS, OtherTrace, Selection, SliceArgs, StackSource, Summary, Which, details, flame,
    memory,
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Why ranks are not compared.
const NOT_ONE_RUN: &str = "these traces are not ranks of one run: their ranks, sizes of the run or kinds of device do \
                           not fit together, or the traces do not say which ranks they are";

/// The longest gaps that are listed of those that a filter asks for, of each kind and place.
const MOST_GAPS: usize = 200;

/// An opened trace.
pub struct Opened {
    pub index: Index,
    pub vocabulary: Vocabulary,
    pub report: TraceReport,
    /// What of the file was loaded.
    pub selection: Selection,
    pub(super) facts: FileFacts,
    pub(super) defects: Defects,
    /// What loading had to say: notes that no analysis makes.
    pub(super) load_notes: Vec<String>,
    /// The workers that were given together.
    pub workers: Option<Workers>,
    /// The traces behind this one in the same file.
    pub further: Vec<Opened>,
    /// What else may be opened in its place.
    pub others: Vec<OtherTrace>,
    /// Byte of the text at which it starts, where others stand before it.
    pub(super) text_starts_at: u64,
    pub(super) by_shape: OnceLock<(Vec<Operator>, Option<RowsLeftOut>)>,
    pub(super) by_stack: OnceLock<(Vec<Operator>, Option<RowsLeftOut>)>,
    /// The trace that this one is compared with.
    pub(super) compared: Option<Compared>,
    /// The ranks of its run, where they are compared.
    pub(super) ranks: Option<Ranks>,
    pub(super) last_order: Mutex<Option<LastOrder>>,
    pub(super) last_selected: Mutex<Option<(SelectedAsk, Arc<Selected>)>>,
}

/// Another trace, and what differs.
pub(super) struct Compared {
    pub(super) other: Profile,
    pub(super) other_is_before: bool,
    pub(super) found: Comparison,
}

/// The ranks of one run: what is known of those in other traces, and the comparison of all.
pub(super) struct Ranks {
    pub(super) others: Vec<RankExtract>,
    pub(super) found: RunRanks,
}

/// Which rows of a table were asked for last, and in which order they lie.
pub(super) struct LastOrder {
    pub(super) key: String,
    pub(super) ask: Ask,
    pub(super) numbers: Option<Vec<u32>>,
}

impl Opened {
    pub(super) fn new(index: Index, vocabulary: Vocabulary, report: TraceReport, facts: FileFacts) -> Opened {
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
            ranks: None,
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

    pub(super) fn compare_with(&mut self, other: Profile, other_is_before: bool) {
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

    /// Compares the ranks of its run from now on: its own, and those that the reports of format `ranks` of other traces
    /// hold. The error says why that cannot be; nothing has changed then.
    pub fn compare_ranks(&mut self, others: &[String]) -> Result<(), String> {
        let parse = |text: &String| {
            serde_json::from_str::<Vec<RankExtract>>(text)
                .map_err(|why| format!("this holds no ranks: {why}"))
        };
        let others: Vec<Vec<RankExtract>> = others.iter().map(parse).collect::<Result<_, _>>()?;
        let others: Vec<RankExtract> = others.into_iter().flatten().collect();
        match self.ranks_with(others) {
            Some(ranks) => self.ranks = Some(ranks),
            None => return Err(NOT_ONE_RUN.to_owned()),
        }
        self.last_order = Mutex::new(None);
        Ok(())
    }

    fn ranks_with(&self, others: Vec<RankExtract>) -> Option<Ranks> {
        let mut all = self.rank_extracts();
        all.extend(others.iter().cloned());
        let found = run::compare(&all)?;
        Some(Ranks { others, found })
    }

    pub(super) fn answer_anew(&mut self) {
        self.report = analyze::analyze(&self.index, &self.vocabulary, &self.facts, &self.defects);
        self.report.notes.extend(self.load_notes.iter().cloned());
        (self.by_shape, self.by_stack) = (OnceLock::new(), OnceLock::new());
        (self.last_order, self.last_selected) = (Mutex::new(None), Mutex::new(None));
        if let Some(compared) = self.compared.take() {
            self.compare_with(compared.other, compared.other_is_before);
        }
        if let Some(ranks) = self.ranks.take() {
            self.ranks = self.ranks_with(ranks.others);
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
                log,
                width_px,
            } => Answer::Steps(Box::new(steps_view(
                report,
                StepsAsked {
                    filter,
                    window: *plot_window,
                    log: *log,
                    width_px: *width_px,
                },
            ))),
            Question::Gaps { ask } => match self.gaps_chosen(ask, 0).first() {
                Some(gaps) => Answer::Gaps(Box::new(gaps_chosen(gaps, &report.steps))),
                None => nothing("there are no such gaps"),
            },
            Question::Step { index } => match step_detail(&report.steps, &report.recompiles, *index) {
                Some(detail) => Answer::Step(Box::new(detail)),
                None => nothing("there is no such step"),
            },
            Question::Tracks => Answer::Tracks(scene.tracks().clone()),
            Question::Timeline {
                window,
                width_px,
                parts,
                find,
            } => {
                let (index, find) = (&self.index, find.as_deref());
                let frame = scene.frame(index, &self.vocabulary, *window, *width_px, parts, find);
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
            Question::Classify { .. }
            | Question::StepTime { .. }
            | Question::Compare { .. }
            | Question::Ranks { .. } => nothing("this trace is open for reading only"),
            Question::Search { text } => {
                Answer::Search(details::search(&self.index, &self.vocabulary, scene, text))
            }
            Question::Hits {
                text,
                window,
                width_px,
            } => Answer::Hits(scene.hits(&self.index, text).map(&self.index, *window, *width_px)),
            Question::NextHit {
                text,
                from,
                at_ns,
                forward,
            } => {
                let from = Since::of(&self.index, *from, *at_ns);
                Answer::Next(scene.hits(&self.index, text).next(&self.index, from, *forward))
            }
            Question::NextAlike { slice, forward } => Answer::Next(next_alike(&self.index, *slice, *forward)),
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
                text: self.folded(asked.source, asked.window, asked.thread).0,
            },
            Question::TableFile { key, ask, format } => self.table_file(scene, key, ask, format),
            Question::Report { format } => self.download(format),
        }
    }

    /// Folded stacks, a line each: see [`merged_stacks::folded`]; and how many calls are counted into the frame around
    /// them. `None`: all of the trace; all threads.
    pub fn folded(&self, source: StackSource, window: Option<Span>, thread: Option<u32>) -> (String, u64) {
        let extent = self.vocabulary.extent(&self.index);
        let window = window.or(extent).unwrap_or(Span::new(0, 0));
        let calls = Calls::new(&self.index, &self.vocabulary, source, window);
        let threads = merged_stacks::threads(&self.index);
        let only = thread.and_then(|t| threads.get(t as usize));
        let threads = only.map_or(&threads[..], std::slice::from_ref);
        let tree = merged_stacks::merged(&calls, threads);
        (merged_stacks::folded(&self.index, &tree), tree.folded)
    }

    /// The report with what is computed only when it is asked for: operators by shape and by stack.
    pub fn whole_report(&self) -> TraceReport {
        TraceReport {
            operators_by_shape: self.grouped(Grouping::Shape).0.to_vec(),
            operators_by_shape_left_out: self.grouped(Grouping::Shape).1,
            operators_by_stack: self.grouped(Grouping::Stack).0.to_vec(),
            operators_by_stack_left_out: self.grouped(Grouping::Stack).1,
            ..self.report.clone()
        }
    }

    /// The trace with the workers that were given with it.
    pub(super) fn report_of_all(&self) -> Report {
        Report {
            schema: SCHEMA.into(),
            traces: vec![self.whole_report()],
            workers: self.workers.clone(),
            ranks: self.ranks.as_ref().map(|of| of.found.clone()),
        }
    }

    /// The file's name without its endings.
    pub(super) fn stem(&self) -> String {
        // A file of a worker or an archive stands behind its folder.
        let file = self.report.file.replace('/', ".");
        let name = file.trim_end_matches(".gz").trim_end_matches(".json");
        name.to_owned()
    }

    /// What tables are made of.
    pub(super) fn answers<R>(&self, of: impl for<'a> FnOnce(&Answers<'a>) -> R) -> R {
        self.answers_with(None, of)
    }

    pub(super) fn answers_with<R>(
        &self,
        selected: Option<&Selected>,
        of: impl for<'a> FnOnce(&Answers<'a>) -> R,
    ) -> R {
        let count = |by: Grouping| self.grouped(by);
        of(&Answers {
            report: selected.and_then(Selected::report).unwrap_or(&self.report),
            workers: self.workers.as_ref(),
            ranks: self.ranks.as_ref().map(|of| &of.found),
            grouped: Some(Grouped {
                by: &self.groupings(),
                count: &count,
            }),
            selected,
            comparison: self.compared.as_ref().map(|of| &of.found),
        })
    }

    /// What is selected, counted once for all stretches and orders of its rows.
    pub(super) fn selected(&self, scene: &Scene, ask: &Ask) -> Option<Arc<Selected>> {
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
                    SelectedAsk::Steps(filter) => {
                        Selected::Steps(Box::new(report_of(index, &self.report, filter)))
                    }
                    SelectedAsk::Step(step) => {
                        Selected::Step(analyze::step_work(index, vocabulary, &self.report, *step)?)
                    }
                    SelectedAsk::Gaps(ask) => Selected::Gaps(self.gaps_chosen(ask, MOST_GAPS)),
                });
                *last = Some((wanted.clone(), selected.clone()));
                Some(selected)
            }
        }
    }

    /// The gaps that are asked for, with the longest of each kind and place. Lengths are left out of a filter where
    /// none is listed: pictures show what else there is.
    fn gaps_chosen(&self, ask: &GapsAsk, n_longest: usize) -> Vec<Gaps> {
        let filter = GapFilter {
            length: ask.filter.length.filter(|_| n_longest > 0),
            ..ask.filter.clone()
        };
        let asked = Asked {
            window: ask.window,
            filter: Some(&filter),
            n_longest,
        };
        let mut gaps = match (n_longest, ask.window) == (0, None) && filter == GapFilter::default() {
            true => self.report.gaps.clone(),
            false => analyze::gaps_in(&self.index, &self.vocabulary, &self.report, asked),
        };
        let is_asked = |gaps: &Gaps| match &ask.of {
            Some((kind, place)) => gaps.kind == *kind && gaps.r#where == *place,
            None => true,
        };
        gaps.retain(is_asked);
        gaps
    }

    /// Operators by shape or by stack, counted when they are asked for first, and what is left out of them.
    pub(super) fn grouped(&self, by: Grouping) -> (&[Operator], Option<RowsLeftOut>) {
        let cell = match by {
            Grouping::Name => return (&self.report.operators, None),
            Grouping::Shape => &self.by_shape,
            Grouping::Stack => &self.by_stack,
        };
        let (rows, left_out) = cell.get_or_init(|| {
            if !self.groupings().contains(&by) {
                return (Vec::new(), None);
            }
            operators_by_name::bounded(operators_by_name::grouped(&self.index, &self.vocabulary, by))
        });
        (rows, *left_out)
    }

    /// What operators can be counted by beside their names.
    pub(super) fn groupings(&self) -> Vec<Grouping> {
        let has_operators = !self.report.operators.is_empty();
        let has_shapes = has_operators && self.index.arg_column(dialect::SHAPES).is_some();
        let has_stacks = has_operators && !self.report.python.is_empty();
        [(Grouping::Shape, has_shapes), (Grouping::Stack, has_stacks)]
            .into_iter()
            .filter_map(|(by, has)| has.then_some(by))
            .collect()
    }

    /// A stretch of a table.
    pub(super) fn page(&self, scene: &Scene, key: &str, ask: &Ask) -> Answer {
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
            let mut page = of.page(ask, numbers, answers.origin_ns());
            if selected.as_deref().and_then(Selected::report).is_some() {
                let whole = self.answers(|answers| table::find(key, answers).map(|of| of.rows.len()));
                page.n_all = whole.map_or(page.n_all, |n| u32::try_from(n).unwrap_or(u32::MAX));
            }
            Answer::Table(Box::new(page))
        })
    }

    /// The report as a file: `json`, `markdown`, `text`; `baseline`: what comparing needs.
    pub(super) fn download(&self, format: &str) -> Answer {
        let report = self.report_of_all();
        let (suffix, text) = match format {
            "json" => ("json", export::report_json(&report)),
            "markdown" => ("md", export::report_markdown(&report)),
            "text" => ("txt", export::report_text(&report)),
            "baseline" => (
                "baseline.json",
                serde_json::to_string(&Profile::of(&self.report)).unwrap_or_default(),
            ),
            RANKS => (
                "ranks.json",
                serde_json::to_string(&self.rank_extracts()).unwrap_or_default(),
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
    pub(super) fn table_file(&self, scene: &Scene, key: &str, ask: &Ask, format: &str) -> Answer {
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
    /// [`event_text`](super::event_text) gives it.
    pub fn args(&self, slice: u32, events: &[&[u8]]) -> SliceArgs {
        details::slice_args(slice, events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::open_bytes;
    use crate::small_trace::{Trace, thread};

    #[test]
    fn every_report_of_the_menu_is_a_file() {
        let trace = Trace::object().with([thread(1, 1).slice("", "a", 1, 2)]).text();
        let opened = open_bytes("x.pt.trace.json.gz", trace.as_bytes()).expect("a trace");
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
        let trace = Trace::object().with([thread(1, 1).operator("a", 1, 2)]).text();
        let opened = open_bytes("x.pt.trace.json.gz", trace.as_bytes()).expect("a trace");
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
