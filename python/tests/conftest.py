"""Traces are made by the command line, whose answers the package must give, too."""

import json
import os
import pathlib
import subprocess

import pytest

COMMAND = os.environ.get("STEPSCOPE_BIN", "stepscope")
DATA = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"


def run(*arguments, status=0):
    """Runs the command line; gives its standard output and what it complained of."""
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def report_of(*arguments, status=0):
    return json.loads(run("report", *arguments, "--format", "json", status=status)[0])


def synth(path, *arguments):
    run("synth", "--out", path, *arguments)
    return path


@pytest.fixture(scope="session")
def trace_file(tmp_path_factory):
    return synth(tmp_path_factory.mktemp("traces") / "made.pt.trace.json.gz", "--steps", "20")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """Three ranks of a run."""
    folder = tmp_path_factory.mktemp("runs") / "nightly"
    folder.mkdir()
    for rank in range(3):
        synth(folder / f"rank{rank}.pt.trace.json.gz", "--steps", 15 + rank, "--seed", rank + 1)
    return folder
