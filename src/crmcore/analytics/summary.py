"""From purchases to what the models read: frequency, recency, T and mean value per customer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta, tzinfo
from typing import Any, Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.days import Day, Days, one_day
from crmcore.analytics.purchase_days import PurchaseDays
from crmcore.domain.html import html_table

__all__ = ["COLUMNS", "DAYS", "Library", "Summary", "Unit", "checked_unit", "summarize"]

Unit: TypeAlias = Literal["day", "week"]
Library: TypeAlias = Literal["pandas", "polars", "pyarrow"]

DAYS: dict[Unit, int] = {"day": 1, "week": 7}
"""How many days a unit of time has."""
COLUMNS = (
    "customer", "frequency", "recency", "T", "monetary_value", "log_intervals",
    "holdout_frequency", "holdout_value",
)  # fmt: skip
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
    - `holdout_value` (n) or None: the sum of what they paid on these days, in major units.
    - `acquired_later`: how many first bought in the holdout. They are no rows here: no model of
      the purchases up to `as_of` can foresee them, and to count theirs would be no fair test.
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
    holdout_value: FloatArray | None = attrs.field(eq=BY_CONTENT)
    acquired_later: int | None
    log_intervals: FloatArray | None = attrs.field(eq=BY_CONTENT, default=None)

    @property
    def holdout_length(self) -> float | None:
        """The length of the holdout in `unit`: the `t` over which to foresee it."""
        if self.holdout_until is None:
            return None
        return (self.holdout_until - self.as_of).days / DAYS[self.unit]

    def __len__(self) -> int:
        return len(self.T)

    def _repr_html_(self) -> str:
        held = [name for name in COLUMNS if getattr(self, name) is not None]
        first = [getattr(self, name)[:FIRST].tolist() for name in held]
        more = len(self) - FIRST
        notes = [f"and {more:,} more"] if more > 0 else []
        if self.acquired_later:
            notes.append(f"{self.acquired_later:,} who first bought in the holdout are left out")
        return html_table(
            zip(*first, strict=True),
            header=held,
            caption=f"{len(self):,} customers as of {self.as_of}, times in {self.unit}s",
            note="; ".join(notes),
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
    purchase days after `as_of` up to that day, and what was spent on them, to hold forecasts
    against.

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
        >>> split = summarize(
        ...     customer=[7, 7, 7, 8], at=["2024-01-01", "2024-01-15", "2024-02-01", "2024-02-02"],
        ...     amount=[1000, 1500, 700, 900], as_of="2024-01-29", holdout_until="2024-02-26")
        >>> split.holdout_frequency.tolist(), split.holdout_value.tolist(), split.acquired_later
        ([1], [7.0], 1)
        >>> split.holdout_length
        4.0
    """
    checks = Checks()
    checked_unit(checks, unit)
    checks.flag("log_intervals", log_intervals)
    cut = one_day(checks, "as_of", as_of)
    end = cut if holdout_until is None else one_day(checks, "holdout_until", holdout_until)
    if end < cut or (end == cut and holdout_until is not None):
        checks.refuse("holdout_until", "must be after as_of")
    bought = PurchaseDays.read(
        checks, customer=customer, at=at, amount=amount, zone=zone, minor_digits=minor_digits,
        end=end,
    )  # fmt: skip
    day, before = bought.day, bought.day <= cut
    count = bought.until(cut)
    known = count > 0
    first, count, total = bought.opening[known], count[known], bought.total[known]
    latest = first + count - 1
    again = bought.spent(before & ~bought.is_first)
    mean = None if again is None else again[known] / np.maximum(count - 1, 1) / bought.scale
    later = None if holdout_until is None else bought.spent(~before)
    ids, who = bought.ids, bought.who[first]
    return Summary(
        customer=who + ids if isinstance(ids, int) else ids[who],
        frequency=count - 1,
        recency=(day[latest] - day[first]) / DAYS[unit],
        T=(cut - day[first]) / DAYS[unit],
        monetary_value=mean,
        unit=unit,
        as_of=date(1970, 1, 1) + timedelta(days=cut),
        holdout_frequency=None if holdout_until is None else total - count,
        holdout_until=None if holdout_until is None else date(1970, 1, 1) + timedelta(days=end),
        holdout_value=None if later is None else later[known] / bought.scale,
        acquired_later=None if holdout_until is None else int((~known).sum()),
        log_intervals=_logs(day, bought.opening, cut, unit)[known] if log_intervals else None,
    )


def checked_unit(checks: Checks, unit: object) -> None:
    """A fault is noted where days cannot be counted in this unit."""
    if not isinstance(unit, str) or unit not in get_args(Unit):
        checks.refuse("unit", "must be day or week: other units have no fixed number of days")


def _logs(day: IntArray, opening: npt.NDArray[np.intp], cut: int, unit: Unit) -> FloatArray:
    """The sum of ln(time since the day before) up to the `cut`, for each customer."""
    gap = np.diff(day, prepend=0) / DAYS[unit]
    gap[opening] = 1.0
    gap[day > cut] = 1.0
    return np.asarray(np.add.reduceat(np.log(gap), opening) if len(opening) else gap)
