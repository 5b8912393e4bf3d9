"""The purchases as columns, and what each customer's add up to."""

from __future__ import annotations

from datetime import datetime

import attrs
import numpy as np

from crmcore.analytics.checks import BoolArray, Checks, IntArray
from crmcore.analytics.days import local_days
from crmcore.domain.ports import Backend

__all__ = ["Purchases", "local_days_of"]

NO_DAY = 2**31 - 1


@attrs.frozen(kw_only=True, eq=False)
class Purchases:
    """One entry a purchase, by customer and local day; and one entry a customer.

    `buyer` and `day` are by purchase. `count`, `days` (with a purchase), `revenue` (minor units),
    `first` and `last` (days since 1970-01-01, a day far off where there is none) are by customer.
    """

    buyer: IntArray
    day: IntArray
    count: IntArray
    days: IntArray
    revenue: IntArray
    first: IntArray
    last: IntArray

    @classmethod
    def read(cls, backend: Backend, places: dict[bytes, int], *, before: datetime) -> Purchases:
        """Those of the customers in `places` that were placed before an instant."""
        parts: list[tuple[IntArray, ...]] = []
        for batch in backend.columns("purchases", until=before):
            # Who came in after the customers were read is left to the next report.
            who = np.array([places.get(id, -1) for id in batch["customer_id"]], np.int64)
            at = np.array(batch["at"], np.int64)
            amount = np.array(batch["amount_minor"], np.int64)
            day = local_days_of(at, backend.model.zone)
            known = who >= 0
            parts.append((who[known], day[known], amount[known]))
        who, day, amount = (
            np.concatenate([np.empty(0, np.int64), *(part[n] for part in parts)]) for n in range(3)
        )
        return cls.of(who, day, amount, customers=len(places))

    @classmethod
    def of(cls, buyer: IntArray, day: IntArray, amount: IntArray, *, customers: int) -> Purchases:
        """Sorted and added up."""
        order = np.lexsort((day, buyer))
        buyer, day, amount = buyer[order], day[order], amount[order]
        count = np.bincount(buyer, minlength=customers)
        opens = np.flatnonzero(np.diff(buyer, prepend=-1))
        who = buyer[opens]
        last_of = opens + count[who] - 1
        revenue = np.zeros(customers, np.int64)
        if len(opens):
            revenue[who] = np.add.reduceat(amount, opens)
        first, last = (np.full(customers, NO_DAY, np.int64) for _ in range(2))
        first[who], last[who] = day[opens], day[last_of]
        again = np.ones(len(day), bool)
        again[1:] = (np.diff(buyer) != 0) | (np.diff(day) != 0)
        return cls(
            buyer=buyer, day=day, count=count, revenue=revenue, first=first, last=last,
            days=np.bincount(buyer[again], minlength=customers),
        )  # fmt: skip

    @property
    def bought(self) -> BoolArray:
        """By customer: has bought."""
        return self.count > 0

    @property
    def total(self) -> int:
        """All revenue in minor units, exact however large."""
        return sum(self.revenue.tolist())


def local_days_of(at: IntArray, zone: str) -> IntArray:
    """The local days, since 1970-01-01, of instants in milliseconds."""
    checks = Checks()
    found = local_days(checks, "at", at, zone)
    checks.close()
    return found
