"""The last change of a segment that each customer has, out of all its changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from heapq import nsmallest

from crmcore.adapters.codec import codec_of
from crmcore.adapters.memory.tables import Overlay
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import LATEST, to_millis
from crmcore.domain.ports import Among
from crmcore.domain.segment import SegmentChange

__all__ = ["changes_among", "last_of_each"]

NAMES = [column.name for column in codec_of(SegmentChange).columns]
SEGMENT, CUSTOMER, AT = (NAMES.index(name) for name in ("segment", "customer_id", "at"))


def changes_among(
    rows: Overlay, struck: Overlay, segment: str, among: Among, at: datetime | None
) -> Iterator[SegmentChange]:
    """The changes of a segment that these customers have: rows of others are not decoded."""
    until = to_millis(LATEST if at is None else at)
    own = [
        row
        for id, row in rows.items()
        if row[SEGMENT] == segment and row[AT] <= until and not struck.get(id)
    ]
    if among.ids is not None:
        wanted = {id.bytes for id in among.ids}
    else:
        behind = b"" if among.after is None else among.after.bytes
        wanted = {row[CUSTOMER] for row in own if row[CUSTOMER] > behind}
        if among.limit is not None:
            wanted = set(nsmallest(among.limit, wanted))
    decode = codec_of(SegmentChange).decode
    return (decode(row) for row in own if row[CUSTOMER] in wanted)


def last_of_each(
    changes: Iterable[SegmentChange], among: Among, at: datetime | None
) -> list[SegmentChange]:
    """Of each customer the last of these changes, not after `at`, in the order of customers' ids:
    as a measure of the latest `entered` has it.
    """
    last: dict[CustomerId, SegmentChange] = {}
    for change in changes:
        known = last.get(change.customer_id)
        if (at is None or change.at <= at) and (known is None or _order(known) < _order(change)):
            last[change.customer_id] = change
    chosen = last.keys() if among.ids is None else last.keys() & set(among.ids)
    behind = (id for id in chosen if among.after is None or id > among.after)
    return [last[id] for id in sorted(behind)[: among.limit]]


def _order(change: SegmentChange) -> tuple[object, ...]:
    return change.at, change.recorded_at, change.entered, change.id
