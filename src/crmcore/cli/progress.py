"""Progress: how far a job is, on a terminal. Jobs tell it by the units of work they finish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

import attrs

from crmcore.adapters.backend import Backend
from crmcore.domain.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Counted", "bar", "lines_of", "watched"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


@attrs.define
class Counted:
    """What a job counts on; `tell` is called with each number added."""

    done: int = 0
    tell: Callable[[int], None] = attrs.field(default=lambda number: None, repr=False)

    def add(self, number: int) -> None:
        """So many more are done."""
        self.done += number
        self.tell(number)


@contextmanager
def bar(console: Console, what: str, total: int | None) -> Iterator[Counted]:
    """A bar for `total` steps, or a pulse where nobody knows how many there are."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = [TextColumn("{task.description}"), BarColumn(bar_width=None)]
    if total is not None:
        columns.append(MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield Counted(tell=lambda number: progress.advance(task, number))


def lines_of(path: Path) -> int | None:
    """How many lines a text file has, to say how far its import is; `None` for any other file."""
    if path.suffix.lower() not in (".csv", ".jsonl", ".ndjson", ".tsv", ".txt"):
        return None
    try:
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError:
        return None  # whoever reads it says why


def watched(backend: Backend, counted: Counted) -> Backend:
    """The same backend for a batch job, whose batches are counted as they are kept."""
    return cast(Backend, _Watched(backend, counted))


class _Watched:
    """Whatever it is asked for but `run` is the backend's own."""

    def __init__(self, backend: Backend, counted: Counted) -> None:
        self._backend = backend
        self._counted = counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def run(
        self,
        use_case: Callable[[UnitOfWork, *Ts], R],
        *arguments: *Ts,
        actor: str | None = None,
        source: str | None = None,
    ) -> R:
        """As `Backend.run`; the first argument is the batch that is counted."""
        done = self._backend.run(use_case, *arguments, actor=actor, source=source)
        if arguments and isinstance(arguments[0], Sized):
            self._counted.add(len(arguments[0]))
        return done
