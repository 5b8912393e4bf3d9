"""Importing: what reading rows from outside has in common, whatever they become.

Rows stream through in batches, each one unit of work; a bad row is set aside with its number and
all its faults, and takes no good row with it (O17).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.money import Money
from crmcore.domain.text import checked_text
from crmcore.services.cells import text_of
from crmcore.services.rejects import Reject, Rejects, Row, beyond_header

__all__ = [
    "Cells",
    "ImportDecision",
    "ImportReport",
    "accepted",
    "batches",
    "checked_source",
    "needed",
]

BATCH = 10_000
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class ImportDecision:
    """What was decided of `count` rows, and what they amount to, one sum for each currency.

    Each row of a file is under one decision.
    """

    name: str
    count: int
    sentence: str
    amounts: tuple[Money, ...] = ()


@attrs.frozen(kw_only=True)
class ImportReport:
    """What an import did, or with `dry_run` would have done.

    `rows = added + updated + unchanged + set_aside + rejected`. `rejects` holds the first hundred
    reasons, without the values that were rejected. `guessed` says in sentences what was found out
    of the file, `decisions` what became of its rows where a rule decides.
    """

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    set_aside: int = 0
    customers_added: int = 0
    products_added: int = 0
    rejects: tuple[Reject, ...] = ()
    guessed: tuple[str, ...] = ()
    decisions: tuple[ImportDecision, ...] = ()
    dry_run: bool = False


@attrs.define
class Cells:
    """The cells of one row, read one by one; what is wrong with them is collected in `faults`."""

    row: Row
    faults: list[Fault] = attrs.field(factory=list[Fault])

    def read(
        self, column: str | None, convert: Callable[[str], T], *, required: bool = False
    ) -> T | None:
        """What `convert` makes of the stripped text in a column; its faults are the column's.

        `None` where the column is not mapped, where the cell is empty, or at fault.
        """
        if column is None:
            return None
        try:
            text = _text(self.row.get(column))
            if text:
                return convert(text)
            if required:
                raise InvalidInput.of("", "is missing" if text is None else "is empty")
        except InvalidInput as error:
            self.faults += [Fault(column, fault.reason) for fault in error.faults]
        return None


def accepted(
    rows: Iterator[tuple[int, Row]], read: Callable[[int, Row], T], rejected: Rejects
) -> Iterator[list[T]]:
    """What `read` makes of the rows, batch by batch; those that it refuses are rejected."""
    while batch := list(islice(rows, BATCH)):
        found = []
        for index, row in batch:
            try:
                if beyond_header(row):
                    raise InvalidInput.of("", "has more cells than the header line")
                found.append(read(index, row))
            except InvalidInput as error:
                rejected.add(index, error.faults, row)
        yield found


def batches(items: Iterable[T], share: int = 1) -> Iterator[list[T]]:
    """The items in batches of 10,000, or that divided by `share`."""
    remaining = iter(items)
    while batch := list(islice(remaining, max(1, BATCH // share))):
        yield batch


def needed(columns: Any, *always: str) -> set[str]:
    """The columns that a file must have: `always` these, and whatever the caller named."""
    usual = attrs.asdict(type(columns)())
    named = {name for field, name in attrs.asdict(columns).items() if name != usual[field]}
    return (named | set(always)) - {None}


def checked_source(source: str) -> str:
    """The name of a source: 1 to 80 characters of storable text."""
    if not checked_text(source, "source", 80):
        raise InvalidInput.of("source", "is empty")
    return source


def _text(value: object) -> str | None:
    found = text_of(value)
    return None if found is None else found.strip()
