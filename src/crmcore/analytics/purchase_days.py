"""Purchases as purchase days: all that a customer buys on one local day is one purchase."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.customers import numbered
from crmcore.analytics.days import Days, local_days

__all__ = ["PurchaseDays"]


@attrs.frozen(kw_only=True, eq=False)
class PurchaseDays:
    """Each customer's purchase days, ascending by customer and day.

    - `who` (d): the customer as a number that ascends with the id; `day` (d), from 1970-01-01.
    - `money` (d) or None: the sum of the amounts of the day, and `scale`, how many of its units
      make one major unit of money.
    - `opening` (n): where the first day of each customer stands, `total` (n) how many follow
      from there.
    """

    who: IntArray
    day: IntArray
    money: IntArray | FloatArray | None
    scale: float
    opening: npt.NDArray[np.intp]
    total: IntArray
    ids: npt.NDArray[Any] | int

    @classmethod
    def read(
        cls,
        checks: Checks,
        *,
        customer: npt.ArrayLike | Iterable[Any],
        at: Days,
        amount: npt.ArrayLike | None = None,
        zone: str | tzinfo | None,
        minor_digits: int = 2,
        end: int,
    ) -> Self:
        """Those up to the day `end`, out of one entry per purchase, (m,), in any order.

        Closes `checks`: InvalidInput where it holds a fault, earlier ones among them.
        """
        day = local_days(checks, "at", at, zone)
        number, ids = numbered(checks, "customer", customer, largest=2**40)
        money = None if amount is None else _amounts(checks, amount, minor_digits)
        for path, column in (("customer", number), ("amount", money)):
            if column is not None and len(column) != len(day) and not checks.faults:
                checks.refuse(path, f"has {len(column)} rows where at has {len(day)}")
        checks.close()
        if len(day) and int(day.max()) > end:
            kept = day <= end
            number, day, money = number[kept], day[kept], None if money is None else money[kept]

        # Sort by customer and day in one key; then every customer's days are side by side.
        earliest = int(day.min(initial=end))
        bits = max(end - earliest, 1).bit_length()
        key = (number << bits) | (day - earliest)
        if money is None:
            key.sort()
        else:
            order = np.argsort(key)
            key, money = key[order], money[order]
        opens = np.ones(len(key), bool)
        opens[1:] = key[1:] != key[:-1]
        rows = np.flatnonzero(opens)
        if money is not None:
            money = np.add.reduceat(money, rows) if len(rows) else money
        key = key[rows]
        who, day = key >> bits, (key & ((1 << bits) - 1)) + earliest
        opening = np.flatnonzero(np.diff(who, prepend=-1))
        return cls(
            who=who, day=day, money=money, opening=opening, ids=ids,
            scale=10.0**minor_digits if money is not None and money.dtype.kind == "i" else 1.0,
            total=np.diff(opening, append=len(day)),
        )  # fmt: skip

    @property
    def first(self) -> IntArray:
        """The day of each customer's first purchase, (n,)."""
        return self.day[self.opening]

    @property
    def is_first(self) -> npt.NDArray[np.bool_]:
        """Which purchase days are the first of a customer, (d,)."""
        found = np.zeros(len(self.day), bool)
        found[self.opening] = True
        return found

    def until(self, day: int) -> IntArray:
        """How many purchase days each customer has up to that day, (n,)."""
        seen = np.concatenate(([0], np.cumsum(self.day <= day)))
        return np.asarray(seen[self.opening + self.total] - seen[self.opening])

    def spent(self, counts: npt.NDArray[np.bool_]) -> IntArray | FloatArray | None:
        """Each customer's money of those days that count, (n,), in the units of `money`."""
        if self.money is None or not len(self.opening):
            return self.money
        return np.asarray(np.add.reduceat(self.money * counts, self.opening))


def _amounts(checks: Checks, amount: npt.ArrayLike, minor_digits: int) -> IntArray | FloatArray:
    """Amounts as integers of minor units, or floats where they are not integers."""
    checked = checks.numbers("amount", amount)
    checks.whole("minor_digits", minor_digits, most=18)
    if checked.ndim != 1:
        checks.refuse("amount", "must have one dimension")
    if checks.faults:
        return np.zeros(0)
    raw = np.asarray(amount)
    if raw.dtype.kind not in "iu":
        return checked
    if float(checked.sum()) >= 2.0**62:
        checks.refuse("amount", "is too large in sum for 64-bit integers")
        return checked
    return raw.astype(np.int64)
