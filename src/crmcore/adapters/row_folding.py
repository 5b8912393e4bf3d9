"""Folding facts into profile rows in Python, for backends that do not fold in their database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from crmcore.adapters.profile_codec import ProfileCodec, deltas, measure_columns
from crmcore.domain.bounds import SUM_LIMIT, beyond_limit
from crmcore.domain.fact_repositories import counted
from crmcore.domain.folding import fold, merged
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import EARLIEST
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.ports import Transaction

__all__ = ["LIMIT", "Row", "beyond_limit", "merged_row", "refolded"]

LIMIT = SUM_LIMIT

Row = dict[str, Any]


def merged_row(codec: ProfileCodec, row: Mapping[str, Any], state: Mapping[str, Any]) -> Row:
    """`row` with one customer's fold state merged in."""
    found = dict(row)
    for measure in codec.model.all_measures:
        if measure.name in state:
            _add(found, measure, deltas((measure,))(state))
    return found


def _add(row: Row, measure: Measure, new: Sequence[Any]) -> None:
    columns = [column.name for column in measure_columns(measure)]
    if measure.fold is Fold.LATEST:
        value, at, recorded_at = columns
        old = None if row[at] is None else (row[at], row[recorded_at], row[value])
        best = merged(measure, old, (new[1], new[2], new[0]))
        row[at], row[recorded_at], row[value] = best
    else:
        row[columns[0]] = merged(measure, row[columns[0]], new[0])
        if measure.starts_at_zero and not -LIMIT < row[columns[0]] < LIMIT:
            raise beyond_limit()


def refolded(
    codec: ProfileCodec, transaction: Transaction, rows: Mapping[CustomerId, Mapping[str, Any]]
) -> dict[CustomerId, Row]:
    """These customers' rows folded anew from their facts."""
    states: dict[CustomerId, dict[str, Any]] = defaultdict(dict)
    by_kind = codec.model.plan.by_kind

    def collect(measures: Sequence[Measure], facts: list[Any]) -> None:
        for customer_id, state in fold(measures, facts, recorded_at=EARLIEST).items():
            states[customer_id].update(state)

    for of, measures in by_kind.items():
        collect(measures, list[Any](counted(transaction, of, rows.keys())))
    untouched = codec.untouched()
    return {
        customer_id: merged_row(codec, {**row, **untouched}, states.get(customer_id, {}))
        for customer_id, row in rows.items()
    }
