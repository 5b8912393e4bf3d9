"""Joining what a batch of facts adds to a profile document, field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import attrs

from crmcore.adapters.mongo.client import Document
from crmcore.adapters.profile_codec import ProfileCodec, deltas, measure_columns
from crmcore.adapters.row_folding import LIMIT, beyond_limit
from crmcore.domain.folding import merged
from crmcore.domain.measures import Fold, Measure

__all__ = ["Merging"]

_Step = tuple[Measure, tuple[str, ...], Callable[[Any], list[Any]]]


@attrs.frozen(slots=False)
class Merging:
    """The measures of a model, made ready once for all transactions of a backend."""

    codec: ProfileCodec

    @cached_property
    def _steps(self) -> dict[str, _Step]:
        return {
            measure.name: (
                measure,
                tuple(column.name for column in measure_columns(measure)),
                deltas((measure,)),
            )
            for measure in self.codec.model.all_measures
        }

    def changes(self, row: Mapping[str, Any], state: Mapping[str, Any]) -> Document:
        """The fields that change where one customer's fold state joins their document."""
        found: Document = {}
        for name in state:
            measure, columns, delta = self._steps[name]
            new = delta(state)
            if measure.fold is Fold.LATEST:
                value, at, recorded_at = columns
                old = None if row[at] is None else (row[at], row[recorded_at], row[value])
                best = merged(measure, old, (new[1], new[2], new[0]))
                found[at], found[recorded_at], found[value] = best
                continue
            (column,) = columns
            found[column] = total = merged(measure, row[column], new[0])
            if measure.starts_at_zero and not -LIMIT < total < LIMIT:
                raise beyond_limit()
        return found
