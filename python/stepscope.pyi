"""Opens profiles of LLM-inference servers and says where a step's time goes."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, Protocol, final

__version__: str

StepTime = Literal["interval", "host", "call", "device"]

class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

class TraceError(ValueError):
    """What was given is no trace, or cannot be read. Says why in one sentence, as the command line does."""

@final
class Table:
    """A table of a report, as Arrow: pyarrow, pandas, polars and duckdb take it by the PyCapsule protocol."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def definition(self) -> str:
        """What a row is, what is counted, what is left out."""
    @property
    def columns(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Trace:
    """An opened trace: its report, its findings and its tables."""

    @property
    def file(self) -> str: ...
    @property
    def verdict(self) -> str | None:
        """What bounds a step, in one sentence; None where the trace does not say."""
    @property
    def findings(self) -> list[dict[str, Any]]: ...
    @property
    def tables(self) -> list[str]:
        """Names of the tables that the trace fills."""
    @property
    def messages(self) -> list[str]:
        """Sentences about how it was opened, as the command line says them."""
    def report(self) -> dict[str, Any]:
        """The report (stepscope.report/1); the trace is ``["traces"][0]``, times are whole nanoseconds."""
    def table(self, key: str) -> Table:
        """A table by its name. KeyError lists the nearest names."""
    def compare(self, other: Trace) -> dict[str, Any]:
        """What differs between this trace (before) and another (after) (stepscope.compare/1)."""
    def slice(
        self,
        from_ms: float | None = None,
        to_ms: float | None = None,
        *,
        tracks: Sequence[str] = (),
        keep_categories: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        own_tracks: bool = True,
        compress: bool = True,
    ) -> bytes:
        """A smaller trace, for any viewer. Of a trace of :func:`open_all` it raises TraceError."""
    def _repr_html_(self) -> str: ...

@final
class Run:
    """Several traces that were opened together: a report over all, and each."""

    @property
    def traces(self) -> list[Trace]: ...
    @property
    def tables(self) -> list[str]:
        """Names of the tables over all traces."""
    @property
    def messages(self) -> list[str]: ...
    @property
    def failures(self) -> list[str]:
        """What could not be read, and why."""
    def report(self) -> dict[str, Any]: ...
    def table(self, key: str) -> Table: ...
    def __len__(self) -> int: ...

def open(
    source: str | PathLike[str] | bytes | bytearray | _Readable,
    *,
    name: str | None = None,
    leave_out: Sequence[str] = (),
    from_ms: float | None = None,
    to_ms: float | None = None,
    step_time: StepTime | None = None,
    kernel_rules: str | None = None,
    document: int | None = None,
) -> Trace:
    """Opens a trace: a path (file, folder or archive), bytes, or an object with read() that gives bytes."""

def open_all(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    jobs: int | None = None,
    leave_out: Sequence[str] = (),
    from_ms: float | None = None,
    to_ms: float | None = None,
    step_time: StepTime | None = None,
    kernel_rules: str | None = None,
) -> Run:
    """Opens all traces of files, folders and archives, ``jobs`` at once, and compares ranks."""
