//! Stepscope for Python: a thin layer over opening from the disk, the report and the registry of tables. Reading and
//! answering go on without the interpreter's lock. Times in Python's arguments are milliseconds, as in the command line.

mod source;
mod table;
mod trace;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use stepscope_disk::{Asked, KernelRules, Part, jobs, open_from_disk};
use stepscope_engine::analyze::report::{Basis, Report, SCHEMA};
use stepscope_engine::session::open::{Naming, Said};

use table::Table;
use trace::{Run, Trace};

pyo3::create_exception!(
    stepscope,
    TraceError,
    PyValueError,
    "What was given is no trace, or cannot be read. Says why in one sentence, as the command line does."
);

/// Opens profiles of LLM-inference servers and says where a step's time goes.
#[pymodule]
fn stepscope(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("TraceError", m.py().get_type::<TraceError>())?;
    m.add_class::<Trace>()?;
    m.add_class::<Run>()?;
    m.add_class::<Table>()?;
    m.add_function(wrap_pyfunction!(open, m)?)?;
    m.add_function(wrap_pyfunction!(open_all, m)?)
}

/// An error as its sentence.
fn trace_error(why: impl std::fmt::Display) -> PyErr {
    TraceError::new_err(why.to_string())
}

/// Nanoseconds of milliseconds.
fn ns(ms: Option<f64>, argument: &str) -> PyResult<Option<i64>> {
    let Some(ms) = ms else { return Ok(None) };
    if !(0.0..=9.0e12).contains(&ms) {
        let says = format!("{argument}: expected milliseconds from the start of the trace, got {ms}");
        return Err(PyValueError::new_err(says));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 9e18")]
    let ns = (ms * 1e6).round() as i64;
    Ok(Some(ns))
}

fn part_of(
    leave_out: Vec<String>,
    from_ms: Option<f64>,
    to_ms: Option<f64>,
    step_time: Option<&str>,
    kernel_rules: Option<String>,
) -> PyResult<Part> {
    let basis = |key: &str| {
        let found = Basis::ALL.into_iter().find(|basis| basis.key() == key);
        let known = || Basis::ALL.map(Basis::key).join(", ");
        found.ok_or_else(|| PyValueError::new_err(format!("step_time: {key:?} is none of {}", known())))
    };
    Ok(Part {
        leave_out,
        from: ns(from_ms, "from_ms")?,
        to: ns(to_ms, "to_ms")?,
        kernel_rules: kernel_rules.map(|text| KernelRules {
            name: "kernel_rules".to_owned(),
            text: Ok(text),
        }),
        step_time: step_time.map(basis).transpose()?,
    })
}

/// Sentences, as the command line says them.
#[derive(Default)]
struct Sentences {
    all: Vec<String>,
    of_failures: Vec<String>,
}

impl Sentences {
    fn take(&mut self, said: &Said) {
        let sentence = format!("{}: {}", said.about, said.says);
        if said.is_failure {
            self.of_failures.push(sentence.clone());
        }
        self.all.push(sentence);
    }

    /// Why nothing was opened.
    fn error(&self) -> PyErr {
        let why = match &*self.of_failures {
            [] => &self.all,
            failures => failures,
        };
        match why {
            [] => trace_error("there is no trace in it"),
            sentences => trace_error(sentences.join("\n")),
        }
    }
}

/// Opens a trace: a path (file, folder or archive), bytes, or an object with read() that gives bytes.
///
/// Of several traces in a folder or an archive the one is opened that the page shows; `document` chooses among several
/// in one file, from 1. `leave_out` are categories of events; `from_ms` and `to_ms` count from the start of the trace;
/// `step_time` is "interval", "host", "call" or "device"; `kernel_rules` the text of rules; `name` what the report calls
/// bytes. Raises TraceError where there is no trace, and OSError where a file cannot be read.
#[pyfunction]
#[pyo3(signature = (source, *, name=None, leave_out=vec![], from_ms=None, to_ms=None, step_time=None,
                    kernel_rules=None, document=None),
       text_signature = "(source, *, name=None, leave_out=(), from_ms=None, to_ms=None, step_time=None, \
                         kernel_rules=None, document=None)")]
#[expect(clippy::too_many_arguments, reason = "by keyword")]
fn open(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    name: Option<&str>,
    leave_out: Vec<String>,
    from_ms: Option<f64>,
    to_ms: Option<f64>,
    step_time: Option<&str>,
    kernel_rules: Option<String>,
    document: Option<u32>,
) -> PyResult<Trace> {
    let part = part_of(leave_out, from_ms, to_ms, step_time, kernel_rules)?;
    let document = document.map(numbered_from_1).transpose()?;
    let (shown, given) = source::given(source, name)?;
    py.detach(|| {
        let mut said = Sentences::default();
        let asked = Asked {
            part: &part,
            naming: Naming::Some,
            shows_progress: false,
        };
        let mut say = |one: &Said| said.take(one);
        let first = open_from_disk::open_first(&shown, Ok(given), document, asked, true, &mut say);
        let mut one = first.ok_or_else(|| said.error())?;
        one.opened = part
            .classified(one.opened)
            .map_err(|why| trace_error(format!("{why:#}")))?;
        Ok(Trace::of_one(one, said.all))
    })
}

fn numbered_from_1(number: u32) -> PyResult<NonZeroU32> {
    NonZeroU32::new(number).ok_or_else(|| PyValueError::new_err("document: traces are numbered from 1"))
}

#[derive(FromPyObject)]
enum Paths {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

/// Opens all traces of files, folders and archives, `jobs` at once, and answers for the whole run, ranks compared.
///
/// What could not be read is in `failures` and stops nothing. Raises TraceError where no trace could be read.
#[pyfunction]
#[pyo3(signature = (paths, *, jobs=None, leave_out=vec![], from_ms=None, to_ms=None, step_time=None, kernel_rules=None),
       text_signature = "(paths, *, jobs=None, leave_out=(), from_ms=None, to_ms=None, step_time=None, \
                         kernel_rules=None)")]
#[expect(clippy::too_many_arguments, reason = "by keyword")]
fn open_all(
    py: Python<'_>,
    paths: Paths,
    jobs: Option<usize>,
    leave_out: Vec<String>,
    from_ms: Option<f64>,
    to_ms: Option<f64>,
    step_time: Option<&str>,
    kernel_rules: Option<String>,
) -> PyResult<Run> {
    let part = part_of(leave_out, from_ms, to_ms, step_time, kernel_rules)?;
    let jobs = match jobs {
        Some(n) => NonZeroUsize::new(n).ok_or_else(|| PyValueError::new_err("jobs: at least 1"))?,
        None => jobs::unasked(),
    };
    let paths = match paths {
        Paths::One(path) => vec![path],
        Paths::Several(paths) => paths,
    };
    py.detach(|| {
        let mut said = Sentences::default();
        let asked = Asked {
            part: &part,
            naming: Naming::Some,
            shows_progress: false,
        };
        let mut say = |one: &Said| said.take(one);
        let all = open_from_disk::open_all(&paths, asked, jobs, &mut say);
        if all.traces.is_empty() {
            return Err(said.error());
        }
        let report = Report {
            schema: SCHEMA.to_owned(),
            traces: all.traces,
            workers: all.workers,
            ranks: all.ranks,
        };
        Ok(Run::new(Arc::new(report), said.all, said.of_failures))
    })
}

/// A path as messages show it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
