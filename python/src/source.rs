//! What a caller may give: a path, bytes, or an object that is read.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pyo3::exceptions::{PyOSError, PyTypeError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use stepscope_disk::given::Given;
use stepscope_disk::{CHUNK, name_of};

use crate::{shown, trace_error};

/// What the report calls bytes without a name.
const UNNAMED: &str = "trace.json";

/// How messages call it, and where it is read. Bytes, and what an object gives, are put into a file (`TMPDIR`), which is
/// removed with the trace: reading a stretch of time, an archive, or a cut-out takes more than one pass.
pub fn given(source: &Bound<'_, PyAny>, name: Option<&str>) -> PyResult<(PathBuf, Given)> {
    let py = source.py();
    if let Ok(bytes) = source.extract::<PyBackedBytes>() {
        let name = name.unwrap_or(UNNAMED);
        let kept = py.detach(|| Given::kept(name, &mut &*bytes));
        return Ok((
            PathBuf::from(name),
            kept.map_err(|why| trace_error(format!("{why:#}")))?,
        ));
    }
    if let Ok(path) = source.extract::<PathBuf>() {
        readable(py, &path)?;
        let given = py.detach(|| Given::of(&path));
        return Ok((path, given.map_err(|why| trace_error(format!("{why:#}")))?));
    }
    if !source.hasattr("read")? {
        let kind = source.get_type().name()?;
        let says = format!("expected a path, bytes, or an object with read(), got {kind}");
        return Err(PyTypeError::new_err(says));
    }
    let name = name.map_or_else(|| own_name(source), str::to_owned);
    let mut pieces = Pieces {
        object: source.clone().unbind(),
        piece: None,
        at: 0,
        error: None,
    };
    let kept = py.detach(|| Given::kept(&name, &mut pieces));
    match (kept, pieces.error) {
        (_, Some(error)) => Err(error),
        (kept, None) => Ok((
            PathBuf::from(&name),
            kept.map_err(|why| trace_error(format!("{why:#}")))?,
        )),
    }
}

/// A file's own name, as Python's and fsspec's have it.
fn own_name(source: &Bound<'_, PyAny>) -> String {
    let of = |attribute| {
        let name = source.getattr(attribute).ok()?.extract::<String>().ok()?;
        Some(name_of(Path::new(&name))).filter(|name| !name.is_empty())
    };
    of("name")
        .or_else(|| of("path"))
        .unwrap_or_else(|| UNNAMED.to_owned())
}

/// Python's own error (FileNotFoundError and its kind) where a path cannot be read at all.
fn readable(py: Python<'_>, path: &Path) -> PyResult<()> {
    let asked = py.detach(|| {
        let found = std::fs::metadata(path)?;
        match (found.is_dir(), found.is_file()) {
            (true, _) => std::fs::read_dir(path).map(drop),
            (_, true) => std::fs::File::open(path).map(drop),
            // Opening a pipe would begin to read it.
            _ => Ok(()),
        }
    });
    asked.map_err(|error| {
        let code = error.raw_os_error();
        let says = match code.map(|code| strerror(py, code)) {
            Some(Ok(says)) => says,
            _ => error.to_string(),
        };
        PyOSError::new_err((code, says, shown(path)))
    })
}

fn strerror(py: Python<'_>, code: i32) -> PyResult<String> {
    py.import("os")?.call_method1("strerror", (code,))?.extract()
}

/// Reads an object of Python's in pieces; the lock is taken for each.
struct Pieces {
    object: Py<PyAny>,
    piece: Option<PyBackedBytes>,
    at: usize,
    /// Why it ended early.
    error: Option<PyErr>,
}

impl Pieces {
    fn next(&self) -> PyResult<PyBackedBytes> {
        Python::attach(|py| {
            let piece = self.object.bind(py).call_method1("read", (CHUNK,))?;
            piece.extract().map_err(|_| {
                let kind = piece
                    .get_type()
                    .name()
                    .map_or_else(|_| String::new(), |name| name.to_string());
                PyTypeError::new_err(format!(
                    "read() gave {kind} and not bytes: open the file in binary mode"
                ))
            })
        })
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.as_ref().is_none_or(|piece| piece.len() == self.at) {
            match self.next() {
                Ok(piece) => (self.piece, self.at) = (Some(piece), 0),
                Err(error) => {
                    self.error = Some(error);
                    return Err(io::Error::other("read() failed"));
                }
            }
        }
        let left = self.piece.as_ref().map_or(&[][..], |piece| &piece[self.at..]);
        let n = left.len().min(into.len());
        into[..n].copy_from_slice(&left[..n]);
        self.at += n;
        Ok(n)
    }
}
