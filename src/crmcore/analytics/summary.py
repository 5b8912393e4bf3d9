"""From purchases to what the models read: frequency, recency, T and mean value per customer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta, tzinfo
from typing import Any, Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.customers import numbered
from crmcore.analytics.days import Day, Days, local_days, one_day
from crmcore.domain.html import html_table

__all__ = ["Library", "Summary", "Unit", "summarize"]

Unit: TypeAlias = Literal["day", "week"]
Library: TypeAlias = Literal["pandas", "polars", "pyarrow"]

DAYS: dict[Unit, int] = {"day": 1, "week": 7}
FIRST = 10
"""How many rows a notebook shows."""


def _same(one: object, other: object) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


BY_CONTENT = attrs.cmp_using(eq=_same)


@attrs.frozen(kw_only=True)
class Summary:
    """One row per customer whose first purchase is on or before `as_of`, ascending by id.

    - `customer` (n): the ids as given.
    - `frequency` (n), integers: days with purchases after the day of the first.
    - `recency` (n): time from the first to the last purchase day, 0 without a repeat.
    - `T` (n): time from the first purchase day to `as_of`.
    - `monetary_value` (n) or None: mean amount of the repeat purchase days in major units of
      money, 0.0 where there are none.
    - `holdout_frequency` (n) or None: purchase days in (`as_of`, `holdout_until`].
    - `log_intervals` (n) or None: the sum over the repeat purchase days of ln(time since the
      purchase day before), 0.0 where there are none: how regular the purchases are.

    Times count in `unit`. Equal when all columns are.
    """

    customer: npt.NDArray[Any] = attrs.field(eq=BY_CONTENT)
    frequency: IntArray = attrs.field(eq=BY_CONTENT)
    recency: FloatArray = attrs.field(eq=BY_CONTENT)
    T: FloatArray = attrs.field(eq=BY_CONTENT)
    monetary_value: FloatArray | None = attrs.field(eq=BY_CONTENT)
    unit: Unit
    as_of: date
    holdout_frequency: IntArray | None = attrs.field(eq=BY_CONTENT)
    holdout_until: date | None
    log_intervals: FloatArray | None = attrs.field(eq=BY_CONTENT, default=None)

    def __len__(self) -> int:
        return len(self.T)

    def _repr_html_(self) -> str:
        names = ("customer", "frequency", "recency", "T", "monetary_value", "holdout_frequency",
                 "log_intervals")  # fmt: skip
        held = [name for name in names if getattr(self, name) is not None]
        first = [getattr(self, name)[:FIRST].tolist() for name in held]
        more = len(self) - FIRST
        return html_table(
            zip(*first, strict=True),
            header=held,
            caption=f"{len(self):,} customers as of {self.as_of}, times in {self.unit}s",
            note=f"and {more:,} more" if more > 0 else "",
        )

    def to(self, library: Library) -> Any:
        """The columns as a data frame of pandas or polars, or as a table of pyarrow.

        MissingExtra without the extra `frames`; InvalidInput where the library is not
        installed or not one of these.
        """
        from crmcore.analytics.frames import frame_of

        return frame_of(self, library)


def summarize(
    *,
    customer: npt.ArrayLike | Iterable[Any],
    at: Days,
    amount: npt.ArrayLike | None = None,
    as_of: Day,
    unit: Unit = "week",
    zone: str | tzinfo | None = None,
    minor_digits: int = 2,
    holdout_until: Day | None = None,
    log_intervals: bool = False,
) -> Summary:
    """Each customer's purchase history as of the end of one day.

    `customer`, `at` and `amount` have one entry per purchase, (m,), in any order. All purchases
    of a customer on one local day are one purchase with the sum of their amounts (the
    convention of the published tables; Fader and Hardie 2013). Purchases on `as_of` count;
    later ones do not, nor do customers who first bought later; `holdout_until` asks to count
    purchase days after `as_of` up to that day.

    `customer`: integers, texts, UUIDs or other sortable ids of one type. `at`: days (numpy
    datetime64[D], Python dates, "2024-12-31"), or instants with a `zone` whose days they
    fall on: numpy datetime64 of finer unit and integer milliseconds since 1970 are UTC,
    Python datetimes and texts carry their offset or else are local time in `zone`. `amount`:
    integers are minor units of money (cents, with `minor_digits` 2) and are summed exactly;
    other numbers are major units. A purchase may be free, not negative: returns are facts of
    their own, to be netted or left out before.

    `log_intervals=True` asks for the sum of the logarithms of the times between purchase days,
    which models of regular purchases read (`BetaGeoCNBD`).

    `unit` is "day" or "week" and divides exact days by 1 or 7. A month has no fixed length, so
    months are refused: one would have to invent an average month. InvalidInput names all
    faults with their first place.

        >>> summary = summarize(
        ...     customer=[7, 7, 7, 8],
        ...     at=["2024-01-01", "2024-01-15", "2024-01-15", "2024-01-08"],
        ...     amount=[1000, 1500, 500, 900], as_of="2024-01-29", unit="week")
        >>> summary.frequency.tolist(), summary.recency.tolist(), summary.T.tolist()
        ([1, 0], [2.0, 0.0], [4.0, 3.0])
        >>> summary.monetary_value.tolist()
        [20.0, 0.0]
    """
    checks = Checks()
    if unit not in get_args(Unit):
        checks.refuse("unit", "must be day or week: other units have no fixed number of days")
    cut = one_day(checks, "as_of", as_of)
    end = cut if holdout_until is None else one_day(checks, "holdout_until", holdout_until)
    if end < cut or (end == cut and holdout_until is not None):
        checks.refuse("holdout_until", "must be after as_of")
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
    earliest = int(day.min(initial=cut))
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
    total = np.diff(opening, append=len(day))
    seen = np.concatenate(([0], np.cumsum(day <= cut)))
    count = seen[opening + total] - seen[opening]
    known = count > 0
    first, count, total = opening[known], count[known], total[known]
    latest = first + count - 1
    value = None
    if money is not None:
        again = day <= cut
        again[opening] = False
        spent = np.add.reduceat(money * again, opening)[known] if len(opening) else money
        scale = 10.0**minor_digits if money.dtype.kind == "i" else 1.0
        value = spent / np.maximum(count - 1, 1) / scale
    return Summary(
        customer=who[first] + ids if isinstance(ids, int) else ids[who[first]],
        frequency=count - 1,
        recency=(day[latest] - day[first]) / DAYS[unit],
        T=(cut - day[first]) / DAYS[unit],
        monetary_value=value,
        unit=unit,
        as_of=date(1970, 1, 1) + timedelta(days=cut),
        holdout_frequency=None if holdout_until is None else total - count,
        holdout_until=None if holdout_until is None else date(1970, 1, 1) + timedelta(days=end),
        log_intervals=_logs(day, opening, cut, unit)[known] if log_intervals else None,
    )


def _logs(day: IntArray, opening: npt.NDArray[np.intp], cut: int, unit: Unit) -> FloatArray:
    """The sum of ln(time since the day before) up to the `cut`, for each customer."""
    gap = np.diff(day, prepend=0) / DAYS[unit]
    gap[opening] = 1.0
    gap[day > cut] = 1.0
    return np.asarray(np.add.reduceat(np.log(gap), opening) if len(opening) else gap)


def _amounts(checks: Checks, amount: npt.ArrayLike, minor_digits: int) -> IntArray | FloatArray:
    """Amounts as integers of minor units, or floats where they are not integers."""
    checked = checks.numbers("amount", amount)
    if not 0 <= minor_digits <= 18:
        checks.refuse("minor_digits", "must lie between 0 and 18")
    if checked.ndim != 1:
        checks.refuse("amount", "must have one dimension")
    raw = np.asarray(amount)
    if raw.dtype.kind not in "iu" or checks.faults:
        return checked
    if float(checked.sum()) >= 2.0**62:
        checks.refuse("amount", "is too large in sum for 64-bit integers")
        return checked
    return raw.astype(np.int64)
