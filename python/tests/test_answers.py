import ast
import inspect
import json
import pathlib

import duckdb
import pandas
import polars
import pyarrow
import pytest

import stepscope
from conftest import DATA, run


@pytest.fixture(scope="module")
def trace(trace_file):
    return stepscope.open(trace_file)


def steps_of(trace):
    return trace.report()["traces"][0]["steps"]


def test_a_table_is_the_reports_whoever_reads_it(trace):
    steps = trace.table("steps")
    expected = steps_of(trace)
    column = "dur_ns"
    n, total = len(expected), sum(step[column] for step in expected)
    assert len(steps) == n > 10
    by_arrow = pyarrow.table(steps)
    assert sum(by_arrow[column].to_pylist()) == total
    assert by_arrow.column_names == steps.columns
    assert by_arrow.num_rows == n
    frame = pandas.DataFrame.from_arrow(steps)
    assert (len(frame), int(frame[column].sum())) == (n, total)
    frame = polars.DataFrame(steps)
    assert (frame.height, frame[column].sum()) == (n, total)
    assert duckdb.sql(f"select count(*), sum({column}) from by_arrow").fetchone() == (n, total)
    assert duckdb.sql(f"select count(*), sum({column}) from steps").fetchone() == (n, total)
    # It can be read any number of times.
    assert pyarrow.table(steps) == by_arrow


def test_every_table_is_the_command_lines_csv_and_null_where_unknown(trace, trace_file, tmp_path):
    run("report", trace_file, "--csv", tmp_path)
    written = {path.name.split(".")[-2]: path for path in tmp_path.iterdir()}
    assert sorted(trace.tables) == sorted(written)
    n_null = 0
    for key in trace.tables:
        table = pyarrow.table(trace.table(key))
        rows = pandas.read_csv(written[key], dtype=str, keep_default_na=False)
        assert list(rows.columns) == table.column_names, key
        assert len(rows) == table.num_rows, key
        for name in table.column_names:
            nulls = table[name].is_null().to_pylist()
            n_null += sum(nulls)
            if pyarrow.types.is_integer(table[name].type):
                values = ["" if value is None else str(value) for value in table[name].to_pylist()]
                assert values == list(rows[name]), f"{key}.{name}"
    assert n_null > 0


def test_a_table_says_what_it_is(trace):
    steps = trace.table("steps")
    assert steps.key == "steps"
    assert steps.title and steps.definition
    schema = pyarrow.table(steps).schema
    assert schema.metadata[b"definition"].decode() == steps.definition
    assert "steps" in repr(steps)


def test_an_unknown_table_names_the_nearest(trace):
    with pytest.raises(KeyError, match="there is no table step; the nearest: .*steps"):
        trace.table("step")
    with pytest.raises(KeyError, match="the table ranks has no rows here"):
        trace.table("ranks")


def test_a_trace_compared_with_itself_does_not_differ(trace, trace_file):
    found = trace.compare(trace)
    assert found == json.loads(run("compare", trace_file, trace_file, "--format", "json")[0])
    assert found["schema"] == "stepscope.compare/1"
    ratios = [group["ratio"] for group in found["step_time"] if group.get("ratio") is not None]
    assert ratios and all(ratio == 1 for ratio in ratios)


def test_a_part_is_a_trace_again(trace, trace_file, tmp_path):
    part = trace.slice(100, 300, leave_out=["python_function"])
    file = tmp_path / "part.json.gz"
    run("slice", trace_file, "--out", file, "--from", 100, "--to", 300, "--leave-out", "python_function")
    written = stepscope.open(file.read_bytes()).report()
    smaller = stepscope.open(part).report()
    assert smaller == written
    assert smaller["traces"][0]["events"] < trace.report()["traces"][0]["events"]
    plain = trace.slice(100, 300, compress=False)
    assert json.loads(plain)["traceEvents"]
    with pytest.raises(stepscope.TraceError, match="empty"):
        trace.slice(300, 100)
    with pytest.raises(stepscope.TraceError, match="is called nobody"):
        trace.slice(tracks=["nobody"])


def test_in_a_notebook_verdict_and_findings_are_shown_and_names_are_text(trace):
    page = trace._repr_html_()
    assert "Findings" in page
    assert page.count("<li class=") == len(trace.findings)
    evil = "<script>alert(1)</script>"
    content = (DATA / "cpu_vllm.json").read_bytes()
    page = stepscope.open(content, name=f"{evil}.json")._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_stub_names_what_there_is():
    stub = pathlib.Path(stepscope.__file__).with_name("__init__.pyi")
    assert stub.with_name("py.typed").exists()
    tree = ast.parse(stub.read_text())

    def names(body):
        functions = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        return {name for name in functions if not name.startswith("_")}

    public = {name for name in dir(stepscope) if not name.startswith("_")} - {"stepscope"}
    assert names(tree.body) == public
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in ("Trace", "Run", "Table"):
            there = {name for name in vars(getattr(stepscope, node.name)) if not name.startswith("_")}
            assert names(node.body) == there, node.name
        if isinstance(node, ast.FunctionDef):
            parameters = inspect.signature(getattr(stepscope, node.name)).parameters
            arguments = node.args.args + node.args.kwonlyargs
            assert [argument.arg for argument in arguments] == list(parameters), node.name
