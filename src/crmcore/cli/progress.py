"""Progress: how far a job is, on a terminal. Jobs tell it by the units of work they finish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import attrs

from crmcore.adapters.backend import Backend
from crmcore.domain.journal import Entry
from crmcore.domain.model import Model
from crmcore.domain.ports import Columns
from crmcore.domain.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Counted", "Watched", "bar", "lines_of"]

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


@attrs.frozen
class Watched:
    """A backend for a batch job whose batches are counted as they are kept."""

    backend: Backend
    counted: Counted

    @property
    def model(self) -> Model:
        """See `Backend`."""
        return self.backend.model

    @property
    def clock(self) -> Callable[[], datetime]:
        """See `Backend`."""
        return self.backend.clock

    def unit_of_work(
        self, *, actor: str | None = None, source: str | None = None
    ) -> AbstractContextManager[UnitOfWork]:
        """See `Backend`."""
        return self.backend.unit_of_work(actor=actor, source=source)

    def run(
        self,
        use_case: Callable[[UnitOfWork, *Ts], R],
        *arguments: *Ts,
        actor: str | None = None,
        source: str | None = None,
    ) -> R:
        """As `Backend.run`; the first argument is the batch that is counted."""
        done = self.backend.run(use_case, *arguments, actor=actor, source=source)
        if arguments and isinstance(arguments[0], Sized):
            self.counted.add(len(arguments[0]))
        return done

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """See `Backend`."""
        return self.backend.reading()

    def columns(
        self,
        kind: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        personal: bool = False,
        in_order: bool = False,
    ) -> Columns:
        """See `Backend`."""
        return self.backend.columns(
            kind, since=since, until=until, personal=personal, in_order=in_order
        )

    def journal(self, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        """See `Backend`."""
        return self.backend.journal(after=after, limit=limit)
