"""Purchases as arrays for the models, as they are known now or as they were known at an instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import instant, start_of, to_millis
from crmcore.domain.ports import Backend, Batch

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Bought", "Ids", "end_of", "known_by", "purchase_columns"]

Ids: TypeAlias = tuple[CustomerId, ...]
OF_ORDERS = ("id", "customer_id", "at", "total_minor", "base_amount_minor")


@attrs.frozen(kw_only=True, eq=False)
class Bought:
    """The customers who bought, ids ascending, and what they bought: `customer` (m,) numbers them,
    `at` (m,) is in milliseconds since 1970, `amount` (m,) in minor units.
    """

    ids: Ids
    customer: npt.NDArray[Any]
    at: npt.NDArray[Any]
    amount: npt.NDArray[Any]


def end_of(day: date, zone: str, path: str = "as_of") -> datetime:
    """The instant at which the local day is over."""
    try:
        return start_of(day + timedelta(days=1), zone=zone)
    except OverflowError:
        raise InvalidInput.of(path, "must lie before the year 9999 ends") from None


def known_by(known_at: date | datetime | None, zone: str) -> datetime | None:
    """Until when, that instant included, facts may have been recorded; of a day, to its end."""
    if known_at is None or isinstance(known_at, datetime):
        return None if known_at is None else instant(known_at, "known_at")
    if not isinstance(known_at, date):
        raise InvalidInput.of("known_at", "must be a date or an aware datetime")
    return end_of(known_at, zone, "known_at") - timedelta(milliseconds=1)


def purchase_columns(backend: Backend, as_of: date, *, known_at: datetime | None = None) -> Bought:
    """The purchases until the end of the local day `as_of`: net of all that came back since, or
    where `known_at` is told, of what had come back by that day and was recorded by that instant.
    """
    import numpy as np

    until = end_of(as_of, backend.model.zone)
    read = backend.columns("purchases", until=until)
    numbers: dict[bytes, int] = {}
    parts: dict[str, list[Any]] = {"customer": [], "at": [], "amount": []}
    for batch in read if known_at is None else _known(backend, until, known_at):
        seen = [numbers.setdefault(id, len(numbers)) for id in batch["customer_id"]]
        parts["customer"].append(np.array(seen, np.int64))
        parts["at"].append(np.array(batch["at"], np.int64))
        parts["amount"].append(np.array(batch["amount_minor"], np.int64))
    ordered = sorted(numbers)
    place = np.empty(len(ordered), np.int64)
    place[np.array([numbers[id] for id in ordered], np.int64)] = np.arange(len(ordered))
    nothing = np.empty(0, np.int64)
    columns = {name: np.concatenate([nothing, *found]) for name, found in parts.items()}
    return Bought(
        ids=tuple(CustomerId(UUID(bytes=id)) for id in ordered),
        customer=place[columns["customer"]], at=columns["at"], amount=columns["amount"],
    )  # fmt: skip


def _known(backend: Backend, until: datetime, known_at: datetime) -> Iterator[Batch]:
    """Orders net of what had come back, all of it as it was recorded by then.

    Read by columns as `purchases` are, since orders of before are among many of later; amounts
    are counted as `OrderHistory` counts them, which a test compares.
    """
    recorded = to_millis(known_at)
    cancelled: set[bytes] = set()
    for batch in backend.columns("cancellations", until=until):
        told = zip(batch["order_id"], batch["recorded_at"], strict=True)
        cancelled.update(order for order, when in told if when <= recorded)
    returned: dict[bytes, tuple[int, int]] = {}
    for batch in backend.columns("returns", until=until):
        names = ("order_id", "recorded_at", "amount_minor", "base_amount_minor")
        for order, when, amount, base in zip(*(batch[name] for name in names), strict=True):
            if when <= recorded:
                whole, worth = returned.get(order, (0, 0))
                returned[order] = whole + amount, worth + (amount if base is None else base)
    for batch in backend.columns("orders", until=until):
        found: dict[str, list[Any]] = {"customer_id": [], "at": [], "amount_minor": []}
        columns = (batch[name] for name in (*OF_ORDERS, "recorded_at"))
        for order, customer, at, total, base, when in zip(*columns, strict=True):
            if when > recorded or order in cancelled:
                continue
            whole, worth = returned.get(order, (0, 0))
            if order in returned and whole >= total:
                continue
            found["customer_id"].append(customer)
            found["at"].append(at)
            found["amount_minor"].append((total if base is None else base) - worth)
        yield found
