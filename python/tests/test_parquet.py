"""Parquet of the command line, as DuckDB and Polars read it."""

import collections
import shutil

import duckdb
import polars
import pytest

from conftest import report_of, run, synth


@pytest.fixture(scope="module")
def written(run_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("parquet")
    run("report", run_folder, "--parquet", out, "--jobs", 2)
    return out


@pytest.fixture(scope="module")
def expected(run_folder):
    """Rows and duration of steps by run and rank, as the JSON report of each file alone has them."""
    found = {}
    for rank in range(3):
        (trace,) = report_of(run_folder / f"rank{rank}.pt.trace.json.gz")["traces"]
        found["nightly", rank] = (len(trace["steps"]), sum(step["dur_ns"] for step in trace["steps"]))
    return found


COLUMN = "dur_ns"


def by_duckdb(out, table="steps"):
    rows = duckdb.sql(
        f"select run, rank, count(*), sum({COLUMN}) from"
        f" read_parquet('{out}/{table}/**/*.parquet', hive_partitioning=true) group by all"
    ).fetchall()
    return {(run, rank): (n, total) for run, rank, n, total in rows}


def by_polars(out, table="steps"):
    frame = polars.scan_parquet(f"{out}/{table}/**/*.parquet", hive_partitioning=True)
    groups = frame.group_by("run", "rank").agg(polars.len(), polars.sum(COLUMN)).collect()
    return {(run, rank): (n, total) for run, rank, n, total in groups.rows()}


def test_duckdb_and_polars_count_as_the_reports_do(written, expected):
    assert by_duckdb(written) == expected
    assert by_polars(written) == expected


def test_a_rank_that_is_unknown_is_null(trace_file, tmp_path):
    run("report", trace_file, "--parquet", tmp_path)
    (path,) = (tmp_path / "steps").rglob("*.parquet")
    assert "rank=__HIVE_DEFAULT_PARTITION__" in str(path)
    for found in by_duckdb(tmp_path), by_polars(tmp_path):
        ((_, rank),) = found
        assert rank is None


def test_a_bad_file_does_not_stop_the_rest(run_folder, expected, tmp_path):
    folder, out = tmp_path / "nightly", tmp_path / "out"
    shutil.copytree(run_folder, folder)
    (folder / "rank9.pt.trace.json.gz").write_bytes(b"\x1f\x8b\x08 no gzip")
    _, said = run("report", folder, "--parquet", out, "--jobs", 2, status=2)
    assert "rank9" in said
    assert by_duckdb(out) == expected


def test_every_table_of_several_traces_reads_as_one(written):
    tables = sorted(path.name for path in written.iterdir())
    assert len(tables) > 10
    for table in tables:
        files = list((written / table).rglob("*.parquet"))
        n = sum(polars.read_parquet(path, hive_partitioning=False).height for path in files)
        query = f"select count(*) from read_parquet('{written}/{table}/**/*.parquet', hive_partitioning=true)"
        assert duckdb.sql(query).fetchone() == (n,), table
        assert polars.scan_parquet(f"{written}/{table}/**/*.parquet").collect().height == n, table
