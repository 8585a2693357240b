//! A table as Arrow.

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use stepscope_disk::nearest;
use stepscope_engine::table::{self, Answers, TABLES};

use crate::trace_error;

/// A table of a report, as Arrow: pyarrow, pandas, polars and duckdb take it by the PyCapsule protocol.
#[pyclass(frozen, module = "stepscope")]
pub struct Table {
    batch: RecordBatch,
    /// As in the command line's CSV and JSON.
    #[pyo3(get)]
    key: String,
    #[pyo3(get)]
    title: String,
    /// What a row is, what is counted, what is left out.
    #[pyo3(get)]
    definition: String,
}

impl Table {
    /// The table of this key; KeyError names those that are most like it.
    pub fn find(key: &str, answers: &Answers<'_>) -> PyResult<Table> {
        let Some(found) = table::find(key, answers) else {
            let names = table::names(answers).into_iter().map(|name| name.key);
            let names = nearest(key, names.collect()).join(", ");
            let why = match TABLES.iter().any(|table| table.key == key) {
                true => format!("the table {key} has no rows here; tables with rows: {names}"),
                false => format!("there is no table {key}; the nearest: {names}"),
            };
            return Err(PyKeyError::new_err(why));
        };
        Ok(Table {
            batch: stepscope_columnar::record_batch(&found).map_err(trace_error)?,
            key: found.key,
            title: found.title,
            definition: found.definition,
        })
    }
}

#[pymethods]
impl Table {
    /// The table as an Arrow stream, in one record batch. Columns have one type each, so a requested schema is not
    /// looked at, as the protocol allows.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = [Ok(self.batch.clone())];
        let reader = RecordBatchIterator::new(batches, self.batch.schema());
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    /// Names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        let schema = self.batch.schema();
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn __repr__(&self) -> String {
        let (rows, columns) = (self.batch.num_rows(), self.batch.num_columns());
        format!("<stepscope.Table {}: {rows} rows, {columns} columns>", self.key)
    }
}
