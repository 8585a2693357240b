import io
import shutil
import signal
import threading
import time

import fsspec
import pytest

import stepscope
from conftest import DATA, report_of, run, synth


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.json*")))
def test_the_report_is_the_command_lines(name):
    assert stepscope.open(DATA / name).report() == report_of(DATA / name)


def test_a_made_traces_report_is_the_command_lines(trace_file):
    trace = stepscope.open(str(trace_file))
    report = report_of(trace_file)
    assert trace.report() == report
    assert trace.findings == report["traces"][0]["findings"]
    assert trace.verdict == report["traces"][0]["verdict"]["says"]
    assert trace.file == trace_file.name
    assert trace.messages == []


def test_path_bytes_and_objects_give_the_same(trace_file):
    by_path = stepscope.open(trace_file).report()
    content = trace_file.read_bytes()
    for source in content, bytearray(content), io.BytesIO(content):
        assert stepscope.open(source, name=trace_file.name).report() == by_path
    with trace_file.open("rb") as file:
        assert stepscope.open(file).report() == by_path
    fsspec.filesystem("memory").pipe(f"/there/{trace_file.name}", content)
    with fsspec.open(f"memory://there/{trace_file.name}") as file:
        assert stepscope.open(file).report() == by_path


def test_an_object_that_gives_little_at_a_time_is_read_whole(trace_file):
    class Slow(io.BytesIO):
        asked = []

        def read(self, size=-1):
            self.asked.append(size)
            return super().read(min(size, 1000))

    slow = Slow(trace_file.read_bytes())
    assert stepscope.open(slow, name=trace_file.name).report() == stepscope.open(trace_file).report()
    assert set(slow.asked) == {1 << 20}


def test_what_is_asked_for_is_what_the_command_line_takes(trace_file):
    asked = stepscope.open(trace_file, leave_out=["python_function"], from_ms=1.5, to_ms=400)
    options = ["--leave-out", "python_function", "--from", "1.5", "--to", "400"]
    assert asked.report() == report_of(trace_file, *options)
    assert stepscope.open(trace_file, step_time="host").report() == report_of(trace_file, "--step-time", "host")
    # Of bytes, too, though a stretch takes reading them twice.
    asked = stepscope.open(trace_file.read_bytes(), name=trace_file.name, from_ms=100)
    assert asked.report() == report_of(trace_file, "--from", "100")


def test_rules_for_kernels(trace_file, tmp_path):
    rules = tmp_path / "rules.txt"
    rules.write_text("communication: e\n")
    by_rules = stepscope.open(trace_file, kernel_rules=rules.read_text()).report()
    assert by_rules == report_of(trace_file, "--kernel-rules", rules)
    assert by_rules != stepscope.open(trace_file).report()
    with pytest.raises(stepscope.TraceError, match="kernel_rules"):
        stepscope.open(trace_file, kernel_rules="no rule")


def test_a_folder_opens_as_what_the_page_shows_and_says_what_is_left_out(run_folder):
    trace = stepscope.open(run_folder)
    assert trace.file.endswith("rank0.pt.trace.json.gz")
    assert any("left out" in says for says in trace.messages)


def test_a_zip_opens_from_its_bytes(trace_file, tmp_path):
    folder = tmp_path / "packed"
    folder.mkdir()
    shutil.copy(trace_file, folder)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    with open(archive, "rb") as file:
        trace = stepscope.open(file)
    assert trace.report()["traces"][0]["steps"] == stepscope.open(trace_file).report()["traces"][0]["steps"]


def test_several_traces_in_one_file_are_numbered(trace_file, tmp_path):
    first = (DATA / "cpu_vllm.json").read_bytes()
    second = (DATA / "xpu_vllm.json").read_bytes()
    both = tmp_path / "both.json"
    both.write_bytes(first + b"\n" + second)
    traces = report_of(both)["traces"]
    assert len(traces) == 2
    assert stepscope.open(both, document=2).findings == traces[1]["findings"]
    with pytest.raises(stepscope.TraceError, match="no trace number 3"):
        stepscope.open(both, document=3)


def test_a_run_answers_over_all_ranks(run_folder):
    everything = stepscope.open_all(run_folder, jobs=2)
    assert everything.report() == report_of(run_folder)
    assert (len(everything), everything.failures) == (3, [])
    assert "ranks" in everything.tables
    assert len(everything.table("ranks")) == 3
    one = everything.traces[1]
    assert one.report()["traces"] == everything.report()["traces"][1:2]
    with pytest.raises(stepscope.TraceError, match="stepscope.open"):
        one.slice(0, 1)


def test_a_bad_file_in_a_run_stops_nothing(run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    (folder / "rank9.pt.trace.json.gz").write_bytes(b"\x1f\x8b\x08 no gzip")
    everything = stepscope.open_all([folder], jobs=2)
    assert len(everything) == 3
    (failure,) = everything.failures
    _, said = run("report", folder, status=2)
    assert f"stepscope: {failure}\n" in said


def test_errors_are_exceptions_with_the_command_lines_sentence(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        stepscope.open(tmp_path / "missing.json")
    assert missing.value.filename == str(tmp_path / "missing.json")
    bad = tmp_path / "bad.json"
    bad.write_text("this is no trace")
    with pytest.raises(stepscope.TraceError) as error:
        stepscope.open(bad)
    _, said = run("report", bad, status=2)
    assert said == f"stepscope: {error.value}\n"
    assert isinstance(error.value, ValueError)
    with pytest.raises(stepscope.TraceError):
        stepscope.open(b"")
    with pytest.raises(stepscope.TraceError):
        stepscope.open_all(tmp_path / "bad.json")
    with pytest.raises(TypeError, match="path, bytes"):
        stepscope.open(5)
    with pytest.raises(TypeError, match="binary mode"):
        stepscope.open(io.StringIO("{}"))
    with pytest.raises(ValueError, match="interval"):
        stepscope.open(bad, step_time="never")
    with pytest.raises(ValueError, match="from_ms"):
        stepscope.open(bad, from_ms=-1)


def test_an_error_of_the_object_itself_comes_through():
    class Broken:
        def read(self, size):
            raise ConnectionError("the store is away")

    with pytest.raises(ConnectionError, match="the store is away"):
        stepscope.open(Broken())


def test_other_threads_go_on_while_a_trace_is_opened(tmp_path):
    large = synth(tmp_path / "large.json", "--size", "60MB")
    ticks = []
    done = threading.Event()

    def count():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    counting = threading.Thread(target=count)
    counting.start()
    start = time.monotonic()
    stepscope.open(large)
    end = time.monotonic()
    done.set()
    counting.join()
    within = [start, *(at for at in ticks if start < at < end), end]
    longest = max(after - before for before, after in zip(within, within[1:]))
    # With the lock held, one pause would be as long as opening takes.
    assert longest < (end - start) / 2, f"{longest} of {end - start} s"


def test_signals_stay_pythons_own(trace_file):
    before = signal.getsignal(signal.SIGINT)
    stepscope.open(trace_file.read_bytes())
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        time.sleep(1)


def test_what_was_kept_in_a_file_goes_with_the_trace(trace_file, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    trace = stepscope.open(trace_file.read_bytes())
    assert len(list(tmp_path.iterdir())) == 1
    del trace
    assert list(tmp_path.iterdir()) == []
