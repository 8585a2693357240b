//! An opened trace, and an opened run of several.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stepscope_disk::open_from_disk::OpenedOne;
use stepscope_engine::analyze::compare;
use stepscope_engine::analyze::report::{Profile, Report, SCHEMA, TraceReport};
use stepscope_engine::base::Span;
use stepscope_engine::export;
use stepscope_engine::table::{self, Answers};
use stepscope_engine::view::CutRequest;

use crate::table::Table;
use crate::{ns, trace_error};

/// An opened trace: its report, its findings and its tables.
#[pyclass(frozen, module = "stepscope")]
pub struct Trace {
    report: Arc<Report>,
    at: usize,
    /// `None` of one of many, of which only the report is kept.
    one: Option<OpenedOne>,
    /// Sentences about how it was opened, as the command line says them.
    #[pyo3(get)]
    messages: Vec<String>,
}

impl Trace {
    pub fn of_one(one: OpenedOne, messages: Vec<String>) -> Trace {
        Trace {
            report: Arc::new(one.report()),
            at: 0,
            one: Some(one),
            messages,
        }
    }

    fn of(&self) -> &TraceReport {
        &self.report.traces[self.at]
    }

    /// The report of this trace alone.
    fn own_report(&self) -> Report {
        if self.one.is_some() {
            return (*self.report).clone();
        }
        Report {
            schema: SCHEMA.to_owned(),
            traces: vec![self.of().clone()],
            workers: None,
            ranks: None,
        }
    }
}

fn loads(py: Python<'_>, json: String) -> PyResult<Py<PyAny>> {
    Ok(py.import("json")?.call_method1("loads", (json,))?.unbind())
}

fn keys(answers: &Answers<'_>) -> Vec<String> {
    table::names(answers).into_iter().map(|name| name.key).collect()
}

#[pymethods]
impl Trace {
    /// The report as a dict (schema stepscope.report/1), as `stepscope report --format json` gives it: the trace is
    /// `["traces"][0]`, times are whole nanoseconds.
    fn report(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let json = py.detach(|| export::report_json(&self.own_report()));
        loads(py, json)
    }

    /// Names of the tables that the trace fills.
    #[getter]
    fn tables(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| keys(&Answers::of_report(self.of())))
    }

    /// A table by its name, as Arrow.
    fn table(&self, py: Python<'_>, key: &str) -> PyResult<Table> {
        py.detach(|| Table::find(key, &Answers::of_report(self.of())))
    }

    /// Findings, as in the report, in its order.
    #[getter]
    fn findings(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let json = serde_json::to_string(&self.of().findings).map_err(trace_error)?;
        loads(py, json)
    }

    /// What bounds a step, in one sentence; None where the trace does not say.
    #[getter]
    fn verdict(&self) -> Option<&str> {
        self.of().verdict.as_ref().map(|verdict| &*verdict.says)
    }

    /// What the report calls the file.
    #[getter]
    fn file(&self) -> &str {
        &self.of().file
    }

    /// What differs between this trace (before) and another (after), as a dict (schema stepscope.compare/1).
    fn compare(&self, py: Python<'_>, other: &Trace) -> PyResult<Py<PyAny>> {
        let json = py.detach(|| {
            let (a, b) = (Profile::of(self.of()), Profile::of(other.of()));
            export::comparison_json(&compare::compare(&a, &b))
        });
        loads(py, json)
    }

    /// A smaller trace, as bytes for any viewer: a stretch of time, in milliseconds from the start of the trace, some
    /// tracks (by a text in their names, or by number) and categories.
    #[pyo3(signature = (from_ms=None, to_ms=None, *, tracks=vec![], keep_categories=vec![], leave_out=vec![],
                        own_tracks=true, compress=true),
           text_signature = "($self, from_ms=None, to_ms=None, *, tracks=(), keep_categories=(), leave_out=(), \
                             own_tracks=True, compress=True)")]
    #[expect(clippy::too_many_arguments, reason = "by keyword")]
    fn slice<'py>(
        &self,
        py: Python<'py>,
        from_ms: Option<f64>,
        to_ms: Option<f64>,
        tracks: Vec<String>,
        keep_categories: Vec<String>,
        leave_out: Vec<String>,
        own_tracks: bool,
        compress: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let Some(one) = &self.one else {
            return Err(trace_error(format!(
                "{}: of a trace that was opened with others only the report is kept; open it alone with \
                 stepscope.open to cut a part out",
                self.of().file
            )));
        };
        let (from, to) = (ns(from_ms, "from_ms")?, ns(to_ms, "to_ms")?);
        let bytes = py.detach(|| {
            let mut wanted = Vec::new();
            for text in &tracks {
                let found = one.opened.tracks_like(text);
                if found.is_empty() {
                    return Err(trace_error(format!(
                        "no process or thread of the trace is called {text}"
                    )));
                }
                wanted.extend(found);
            }
            let request = CutRequest {
                window: (from.is_some() || to.is_some()).then(|| window(self.of(), from, to)),
                tracks: wanted,
                left_out: leave_out,
                own_tracks,
                gzip: compress,
            };
            let mut bytes = Vec::new();
            one.cut(&request, &keep_categories, &mut bytes, &mut |_, _| {})
                .map_err(|why| trace_error(format!("{why:#}")))?;
            Ok(bytes)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// In a notebook: the verdict and the findings, with what the trace calls its things as text.
    fn _repr_html_(&self, py: Python<'_>) -> String {
        py.detach(|| export::findings_html(self.of()))
    }

    fn __repr__(&self) -> String {
        let says = self.verdict().unwrap_or("no verdict");
        format!("<stepscope.Trace {:?}: {says}>", self.of().file)
    }
}

/// On the trace's own clock.
fn window(of: &TraceReport, from: Option<i64>, to: Option<i64>) -> Span {
    let start = of.start_ns.unwrap_or(0);
    let at = |ns: i64| start.saturating_add(ns);
    let from = at(from.unwrap_or(0));
    // Behind the last time, so that what is recorded then is in; never before the start.
    let last = of.end_ns.unwrap_or(start).max(from).saturating_add(1);
    Span::new(from, to.map_or(last, at))
}

/// Several traces that were opened together: a report over all, and each.
#[pyclass(frozen, module = "stepscope")]
pub struct Run {
    report: Arc<Report>,
    /// Sentences about how they were opened, as the command line says them.
    #[pyo3(get)]
    messages: Vec<String>,
    /// Those of them that say what could not be read.
    #[pyo3(get)]
    failures: Vec<String>,
}

impl Run {
    pub fn new(report: Arc<Report>, messages: Vec<String>, failures: Vec<String>) -> Run {
        Run {
            report,
            messages,
            failures,
        }
    }

    fn answers(&self) -> Answers<'_> {
        Answers {
            workers: self.report.workers.as_ref(),
            ranks: self.report.ranks.as_ref(),
            ..Answers::without_trace()
        }
    }
}

#[pymethods]
impl Run {
    /// The report over all traces, with ranks and workers compared, as `stepscope report --format json` gives it.
    fn report(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let json = py.detach(|| export::report_json(&self.report));
        loads(py, json)
    }

    /// The traces, in the report's order.
    #[getter]
    fn traces(&self) -> Vec<Trace> {
        let trace = |at| Trace {
            report: Arc::clone(&self.report),
            at,
            one: None,
            messages: Vec::new(),
        };
        (0..self.report.traces.len()).map(trace).collect()
    }

    /// Names of the tables over all traces; those of one are in `traces`.
    #[getter]
    fn tables(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| keys(&self.answers()))
    }

    /// A table over all traces by its name, as Arrow.
    fn table(&self, py: Python<'_>, key: &str) -> PyResult<Table> {
        py.detach(|| Table::find(key, &self.answers()))
    }

    fn __len__(&self) -> usize {
        self.report.traces.len()
    }

    fn __repr__(&self) -> String {
        format!("<stepscope.Run: {} traces>", self.report.traces.len())
    }
}
