//! Tables as Arrow record batches, for Parquet and for Python. Natively only: the browser has no use for them.
//!
//! A column has its key for a name and one type for each [`Kind`], whatever the trace: numbers with a unit are whole
//! (`Int64`), shares, rates and means are `Float64`, closed sets and buckets are text by their keys. What is unknown is
//! null. Drawn columns repeat others and are left out. A field's metadata holds `head` and `means`, of a share `of`,
//! too; that of the schema `title` and `definition`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use stepscope_engine::table::{Cell, Column, Filled, Kind};

/// All rows of a table.
///
/// # Errors
/// [`ArrowError::InvalidArgumentError`] where a cell is none of its column's kind: a fault of the table.
pub fn record_batch(table: &Filled<'_>) -> Result<RecordBatch, ArrowError> {
    let rows = &table.rows;
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (at, column) in rows.columns.iter().enumerate() {
        let Some(data_type) = data_type(&column.kind) else {
            continue;
        };
        let cells = (0..rows.len()).map(|row| rows.cell(row, at));
        arrays.push(array(cells, &data_type).map_err(|cell| wrong(&table.key, column, &cell))?);
        fields.push(Field::new(&*column.key, data_type, true).with_metadata(about(column)));
    }
    let of_table = BTreeMap::from([
        ("title".to_owned(), table.title.clone()),
        ("definition".to_owned(), table.definition.clone()),
    ]);
    let schema = Schema::new_with_metadata(fields, of_table);
    // Of a table without columns the number of rows is not that of a column.
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
}

fn data_type(kind: &Kind) -> Option<DataType> {
    Some(match kind {
        Kind::Duration | Kind::Instant | Kind::Count | Kind::Number | Kind::Step | Kind::Bytes => {
            DataType::Int64
        }
        Kind::Share { .. } | Kind::Rate | Kind::Mean | Kind::Ratio => DataType::Float64,
        Kind::Flag => DataType::Boolean,
        Kind::Text | Kind::Name | Kind::Term | Kind::Bucket => DataType::Utf8,
        Kind::Place | Kind::Parts | Kind::Curve => return None,
    })
}

/// What people read of a column.
fn about(column: &Column) -> BTreeMap<String, String> {
    let of = match &column.kind {
        Kind::Share { of } => of.as_ref(),
        _ => "",
    };
    let all = [("head", &*column.head), ("means", &*column.means), ("of", of)];
    let said = all.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(key, text)| (key.to_owned(), text.to_owned()))
        .collect()
}

/// The cells as an array of this type; the first that is none of it is given back.
fn array(cells: impl Iterator<Item = Cell>, data_type: &DataType) -> Result<ArrayRef, Cell> {
    Ok(match data_type {
        DataType::Int64 => Arc::new(of_all::<_, Int64Array>(cells, |cell| match cell {
            Cell::Int(n) => Ok(n),
            other => Err(other),
        })?),
        DataType::Float64 => Arc::new(of_all::<_, Float64Array>(cells, |cell| match cell {
            Cell::Real(x) => Ok(x),
            other => Err(other),
        })?),
        DataType::Boolean => Arc::new(of_all::<_, BooleanArray>(cells, |cell| match cell {
            Cell::Flag(flag) => Ok(flag),
            other => Err(other),
        })?),
        _ => Arc::new(of_all::<_, StringArray>(cells, text)?),
    })
}

fn of_all<T, A: FromIterator<Option<T>>>(
    cells: impl Iterator<Item = Cell>,
    value: impl Fn(Cell) -> Result<T, Cell>,
) -> Result<A, Cell> {
    let known = |cell| match cell {
        Cell::Unknown => Ok(None),
        cell => value(cell).map(Some),
    };
    cells.map(known).collect()
}

fn text(cell: Cell) -> Result<String, Cell> {
    match cell {
        // Led by blanks where a row is a part of the one above.
        Cell::Text(text) => Ok(text.trim_start_matches('\u{2003}').to_owned()),
        Cell::Term(term) => Ok(term.key.into_owned()),
        Cell::Bucket(bucket) => Ok(bucket.to_string()),
        Cell::Int(n) => Ok(n.to_string()),
        Cell::Real(x) => Ok(x.to_string()),
        other => Err(other),
    }
}

fn wrong(table: &str, column: &Column, cell: &Cell) -> ArrowError {
    ArrowError::InvalidArgumentError(format!(
        "table {table}, column {}: {cell:?} is no {:?}",
        column.key, column.kind
    ))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use stepscope_engine::table::{Rows, Topic};

    use super::*;

    #[test]
    fn a_column_has_the_type_of_its_kind_and_null_for_unknown() {
        let rows = Rows::of(&[(Some(5), "a", Some((1, 4))), (None, "\u{2003}b", None)])
            .duration("took_ns", "took", "How long.", |&(ns, _, _)| ns)
            .text("name", "name", "", |&(_, name, _)| name.to_owned())
            .share("share", "share", "all time", |&(_, _, share)| share)
            .done();
        let table = Filled {
            key: "t".into(),
            title: "T".into(),
            definition: "D.".into(),
            topic: Topic::Steps,
            rows,
        };
        let batch = record_batch(&table).unwrap();
        let took = batch.column_by_name("took_ns").unwrap();
        assert_eq!(took.as_primitive::<Int64Type>().value(0), 5);
        assert!(took.is_null(1));
        let names: Vec<_> = batch
            .column_by_name("name")
            .unwrap()
            .as_string::<i32>()
            .iter()
            .collect();
        assert_eq!(names, [Some("a"), Some("b")]);
        let share = batch.column_by_name("share").unwrap();
        assert_eq!(
            (share.as_primitive::<Float64Type>().value(0), share.is_null(1)),
            (0.25, true)
        );
        let schema = batch.schema();
        assert_eq!(schema.metadata()["definition"], "D.");
        assert_eq!(schema.field(2).metadata()["of"], "all time");
        assert_eq!(schema.field(0).metadata()["means"], "How long.");
    }
}
