//! Tables as Arrow and Parquet: the same cells as everywhere, in folders that other programs take for columns; and
//! several traces read at once, which changes nothing but the time.

use std::fs;
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use stepscope::session::open_bytes;
use stepscope::synth::simulator::{Engine, Family, simulate};
use stepscope::table::{self, Answers, Cell, Kind};
use stepscope_columnar::record_batch;

use crate::corpus;
use crate::open::run;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn recordings() -> Vec<PathBuf> {
    let entries = fs::read_dir(data()).unwrap().map(|entry| entry.unwrap().path());
    let mut traces: Vec<PathBuf> = entries
        .filter(|path| path.to_string_lossy().contains(".json"))
        .collect();
    traces.sort();
    traces
}

/// A cell of the batch as the table has it: arrays print numbers and texts as they are.
fn same(cell: &Cell, kind: &Kind, array: &arrow_array::ArrayRef, row: usize) -> bool {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    if *cell == Cell::Unknown {
        return array.is_null(row);
    }
    !array.is_null(row)
        && match cell {
            Cell::Int(n) if kind.is_number() => array.as_primitive::<Int64Type>().value(row) == *n,
            Cell::Real(x) => array
                .as_primitive::<Float64Type>()
                .value(row)
                .total_cmp(x)
                .is_eq(),
            Cell::Flag(flag) => array.as_boolean().value(row) == *flag,
            Cell::Term(term) => array.as_string::<i32>().value(row) == term.key,
            Cell::Text(text) => array.as_string::<i32>().value(row) == text.trim_start_matches('\u{2003}'),
            other => array.as_string::<i32>().value(row) == other.words(&Kind::Text, 0),
        }
}

/// Every cell of every table that the trace fills; gives how many tables there are.
fn assert_same_cells(file: &Path) -> usize {
    let name = file.file_name().unwrap().to_string_lossy();
    let Ok(opened) = open_bytes(&name, &fs::read(file).unwrap()) else {
        return 0;
    };
    let tables = table::filled(&Answers::of_report(&opened.report));
    for table in &tables {
        let batch = record_batch(table).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(batch.num_rows(), table.rows.len(), "{name}: {}", table.key);
        let columns = table.rows.columns.iter().enumerate();
        let columns: Vec<_> = columns.filter(|(_, column)| !column.kind.is_drawn()).collect();
        assert_eq!(batch.num_columns(), columns.len());
        for (at, column) in columns {
            let array = batch.column_by_name(&column.key).expect("each column is there");
            for row in 0..table.rows.len() {
                let cell = table.rows.cell(row, at);
                assert!(
                    same(&cell, &column.kind, array, row),
                    "{name}: {}.{}, row {row}: {cell:?}",
                    table.key,
                    column.key
                );
            }
        }
    }
    tables.len()
}

#[test]
fn every_cell_of_every_table_is_in_the_batch() {
    let n: usize = recordings().iter().map(|file| assert_same_cells(file)).sum();
    assert!(n > 200, "{n} tables");
}

#[test]
fn every_cell_of_real_traces_is_in_the_batch() {
    if corpus::root().is_none() {
        return;
    }
    for folder in ["gaudi/driven_v1_full", "kineto/vllm_cuda", "ascend"] {
        let n: usize = corpus::files(folder)
            .iter()
            .map(|file| assert_same_cells(file))
            .sum();
        assert!(n > 0, "{folder} has no table");
    }
}

/// A run of three ranks, and what is no trace, in `runs/nightly 1`.
fn run_of_three() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let nightly = folder.path().join("runs/nightly 1");
    fs::create_dir_all(&nightly).unwrap();
    let engine = Engine {
        ranks: 3,
        ..Engine::of(Family::CudaEager, false)
    };
    for (rank, (_, text)) in simulate(engine).traces.iter().enumerate() {
        fs::write(nightly.join(format!("worker-rank{rank}.pt.trace.json")), text).unwrap();
    }
    fs::write(nightly.join("worker-rank3.pt.trace.json.gz"), b"\x1f\x8bcut").unwrap();
    folder
}

#[test]
fn tables_lie_by_run_and_rank_and_hold_the_report() {
    let folder = run_of_three();
    let out = tempfile::tempdir().unwrap();
    let into = out.path().join("tables");
    let given = folder.path().join("runs").display().to_string();
    let to = into.display().to_string();
    let (code, report, says) = run(&[
        "report",
        &given,
        "--format",
        "json",
        "--parquet",
        &to,
        "--jobs",
        "2",
    ]);
    assert_eq!(code, 2, "{says}");
    assert!(says.contains("worker-rank3"), "{says}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let traces = report["traces"].as_array().unwrap();
    assert_eq!(traces.len(), 3);
    for (rank, trace) in traces.iter().enumerate() {
        let name = format!("runs.nightly 1.worker-rank{rank}.pt.trace.json.parquet");
        let file = format!("steps/run=runs%2Fnightly%201/rank={rank}/{name}");
        let file = fs::File::open(into.join(&file)).unwrap_or_else(|why| panic!("{file}: {why}"));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let n: usize = builder
            .build()
            .unwrap()
            .map(|batch| batch.unwrap().num_rows())
            .sum();
        assert_eq!(n, trace["steps"].as_array().unwrap().len());
    }
    assert!(into.join("ranks/all.parquet").is_file());

    // No name of a folder or file is left.
    let stripped = out.path().join("stripped");
    let to = stripped.display().to_string();
    run(&["report", &given, "--strip", "--parquet", &to]);
    let steps = stripped.join("steps");
    let runs: Vec<_> = fs::read_dir(&steps)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(runs, ["run=1"]);
}

#[test]
fn how_many_are_read_at_once_changes_nothing() {
    let folder = run_of_three();
    let given = folder.path().display().to_string();
    for format in ["text", "json"] {
        let one = run(&["report", &given, "--format", format, "--jobs", "1"]);
        assert_eq!(one.0, 2);
        for jobs in ["2", "3", "64"] {
            assert_eq!(run(&["report", &given, "--format", format, "--jobs", jobs]), one);
        }
    }
}
