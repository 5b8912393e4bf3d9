"""`BatchStream`: rows read in batches and turned into columns, plain or Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

import attrs

from crmcore.adapters.codec import Column, codec_of
from crmcore.adapters.profile_codec import FIXED_COLUMNS, measure_columns
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.model import Model
from crmcore.domain.ports import Batch

__all__ = ["BatchStream", "by_id", "layout"]

BATCH = 50_000


def layout(kind: str, model: Model) -> tuple[Column, ...]:
    """The columns of a kind, in the order in which adapters give the rows."""
    if kind == "profiles":
        measures = (c for m in model.all_measures for c in measure_columns(m))
        return (Column("customer_id", FieldType.ID, optional=False), *FIXED_COLUMNS, *measures)
    if kind not in MEASURABLE:
        raise InvalidInput.of("kind", f"is none of {', '.join(MEASURABLE)}, profiles")
    return codec_of(MEASURABLE[kind].cls).columns


def by_id(rows: Iterable[tuple[Any, ...]], kind: str, model: Model) -> list[tuple[Any, ...]]:
    """The rows of a kind in the order of their ids, of profiles the customers'."""
    names = [column.name for column in layout(kind, model)]
    return sorted(rows, key=itemgetter(names.index("customer_id" if kind == "profiles" else "id")))


@attrs.frozen
class BatchStream:
    """Iterate for batches of plain columns, or hand it to a data frame library as Arrow.

    It can be read more than once; every reading asks the store anew.
    """

    columns: tuple[Column, ...]
    kept: tuple[int, ...] = attrs.field(repr=False)
    rows: Callable[[], Iterable[tuple[Any, ...]]] = attrs.field(repr=False)

    @classmethod
    def of(
        cls,
        kind: str,
        model: Model,
        personal: bool,
        rows: Callable[[], Iterable[tuple[Any, ...]]],
    ) -> BatchStream:
        """The stream of a kind, without its personal columns unless asked for."""
        columns = layout(kind, model)
        kept = tuple(
            index
            for index, column in enumerate(columns)
            if (personal or not column.personal) and not column.name.endswith("__recorded_at")
        )
        return cls(tuple(columns[index] for index in kept), kept, rows)

    def __iter__(self) -> Iterator[Batch]:
        remaining = iter(self.rows())
        while rows := list(islice(remaining, BATCH)):
            found = list(zip(*rows, strict=True))
            yield {
                column.name: found[index]
                for column, index in zip(self.columns, self.kept, strict=True)
            }

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        from crmcore.adapters.columns.arrow import arrow_stream

        return arrow_stream(self.columns, iter(self), requested_schema)
