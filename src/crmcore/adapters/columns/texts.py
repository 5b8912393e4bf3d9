"""Texts folded for case and accents, of which engines know nothing: once per different value.

No engine folds as `crmcore.domain.names` does. Either the frame has a column prepared for it
(`<field>__folded` of the whole text, `<field>__words` of its words, each behind a space), which is
asked in the engine; or the different values of the field are read when the question is put, on an
engine that is lazy too, and the question becomes whether a value is among those that fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from crmcore.adapters.wire import column_of
from crmcore.domain.errors import InvalidInput, MissingExtra
from crmcore.domain.fields import Field

try:
    import narwhals.stable.v2 as nw
except ImportError as _error:
    raise MissingExtra("frames") from _error

__all__ = ["FOLDED", "WORDS", "Texts"]

FOLDED = "__folded"
WORDS = "__words"
MOST = 10_000


@attrs.frozen
class Texts:
    """The different texts of a frame's columns, each column read once."""

    frame: nw.LazyFrame[Any]
    in_sql: bool
    """Does the frame's engine write every value that it is given into its query?"""
    read: dict[str, list[str]] = attrs.field(factory=dict, repr=False)

    def those(self, known: Field, holds: Callable[[str], bool]) -> list[str]:
        """The values of a field that fit; more than a query takes in are `InvalidInput`."""
        name = column_of(known)
        if name not in self.read:
            column = nw.col(name).cast(nw.String)
            different = self.frame.select(column).unique().collect("pyarrow")
            self.read[name] = [value for value in different[name].to_list() if value is not None]
        found = [value for value in self.read[name] if holds(value)]
        if self.in_sql and len(found) > MOST:
            reason = f"has more than {MOST:,} texts that fit: prepare it, with folded={name!r}"
            raise InvalidInput.of(known.name, reason)
        return found
