"""Tracking: repeat purchases expected and made, period by period of calendar time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta, tzinfo
from typing import Any, Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import BoolArray, Checks, FloatArray, IntArray
from crmcore.analytics.days import Day, Days, one_day
from crmcore.analytics.forecasts import ForeseesNewcomers, answers, told
from crmcore.analytics.purchase_days import PurchaseDays
from crmcore.analytics.summary import DAYS, Unit, checked_unit
from crmcore.domain.html import html_table

__all__ = ["AgeUntil", "Tracking", "tracking"]

AgeUntil: TypeAlias = Literal["last day", "next day"]

EPOCH = date(1970, 1, 1)
DAYS_AT_MOST = 100_000
"""Some 270 years."""


@attrs.frozen(kw_only=True, eq=False)
class Tracking:
    """Repeat purchases of customers acquired by `as_of`, in m periods of `period_days` days.

    - `end` (m): the last day of each period, numpy datetime64[D]; the first begins on `start`.
    - `expected` (m), `actual` (m): repeat purchases in each period, of all these customers.
    - `holdout` (m): whether the period ends after `as_of`, unseen by a model fitted until then.
    - `customers`: how many there are; `acquired_later`: how many first bought after `as_of` and
      are left out, with all their purchases.
    """

    end: npt.NDArray[np.datetime64]
    expected: FloatArray
    actual: IntArray
    holdout: BoolArray
    customers: int
    acquired_later: int
    start: date
    as_of: date
    period_days: int

    def __len__(self) -> int:
        return len(self.end)

    @property
    def expected_cumulative(self) -> FloatArray:
        """Repeat purchases expected from `start` to the end of each period, (m,)."""
        return np.asarray(np.cumsum(self.expected))

    @property
    def actual_cumulative(self) -> IntArray:
        """Repeat purchases made from `start` to the end of each period, (m,)."""
        return np.asarray(np.cumsum(self.actual))

    @property
    def calibration_error(self) -> float | None:
        """By how much more than what was bought was expected up to `as_of`: .01 is 1 % more.

        None where nothing was bought.
        """
        return self._error(~self.holdout)

    @property
    def holdout_error(self) -> float | None:
        """The same after `as_of`."""
        return self._error(self.holdout)

    def _error(self, rows: BoolArray) -> float | None:
        actual = int(self.actual[rows].sum())
        return float(self.expected[rows].sum()) / actual - 1 if actual else None

    def _repr_html_(self) -> str:
        columns = (
            self.expected, self.actual, self.expected_cumulative, self.actual_cumulative,
        )  # fmt: skip
        parts = ["calibration", "holdout"]
        return html_table(
            zip(
                map(str, self.end.tolist()),
                (parts[held] for held in self.holdout.tolist()),
                *(column.tolist() for column in columns),
                strict=True,
            ),
            header=("period ending", "part", "expected", "actual", "expected in all",
                    "actual in all"),
            caption=f"Repeat purchases of {self.customers:,} customers acquired by {self.as_of}",
            note=f"{self.acquired_later:,} acquired later are left out"
            if self.acquired_later
            else "",
        )  # fmt: skip


def tracking(
    model: ForeseesNewcomers,
    *,
    customer: npt.ArrayLike | Iterable[Any],
    at: Days,
    as_of: Day,
    until: Day,
    unit: Unit = "week",
    zone: str | tzinfo | None = None,
    start: Day | None = None,
    period_days: int = 7,
    age_until: AgeUntil = "last day",
) -> Tracking:
    """Expected and actual repeat purchases by period, over calibration and holdout.

    Expected is the sum of E[X(age)] over customers, each of the age that they have reached at
    the end of a period: who first buys in week 12 can buy again from then on only (Fader, Hardie
    and Lee 2005, "Counting your customers" the easy way). A model is asked once,
    for each age in days that occurs, so that a million customers cost as much as few.

    `customer` and `at`, (p,), are purchases as `summarize` reads them, first ones among them: one
    row for each, so that there are no weights. `as_of`, `until`, `unit` (that of the model's time)
    and `zone` are those of `summarize` too. Customers acquired after `as_of` are left out: the
    model has not seen that they come. Periods of `period_days` begin on `start`, or, without one,
    no later than the first purchase and so that one of them ends on `as_of`; what is left of the
    time up to `until` beyond whole periods is left out.

    `age_until`: a customer's age at the end of a period is counted to its last day, as
    `summarize` counts T, or to the day after, as the spreadsheets behind the papers' figures
    count it. InvalidInput names all that is wrong.

        >>> class OncePerWeek:
        ...     def expected_purchases_new(self, *, t):
        ...         return t
        >>> seen = tracking(
        ...     OncePerWeek(), customer=[1, 1, 1, 2], as_of="2024-01-14", until="2024-01-21",
        ...     at=["2024-01-01", "2024-01-10", "2024-01-20", "2024-01-08"])
        >>> seen.end.astype(str).tolist()
        ['2024-01-07', '2024-01-14', '2024-01-21']
        >>> (seen.expected * 7).round(9).tolist()  # 6 days of one, 7 and 6 of both, 7 and 7
        [6.0, 13.0, 14.0]
        >>> seen.actual.tolist(), seen.actual_cumulative.tolist(), seen.holdout.tolist()
        ([0, 1, 1], [0, 1, 2], [False, False, True])
    """
    checks = Checks()
    answers(checks, "model", model, "expected_purchases_new")
    checked_unit(checks, unit)
    checks.word("age_until", age_until, get_args(AgeUntil))
    period_days = checks.whole("period_days", period_days, least=1, most=DAYS_AT_MOST)
    cut, end = one_day(checks, "as_of", as_of), one_day(checks, "until", until)
    if end < cut:
        checks.refuse("until", "must not be before as_of")
    begin = None if start is None else one_day(checks, "start", start)
    if begin is not None and begin > end:
        checks.refuse("start", "must not be after until")
    bought = PurchaseDays.read(checks, customer=customer, at=at, zone=zone, end=end)
    acquired = bought.first[bought.first <= cut]
    earliest = int(acquired.min(initial=cut))
    if begin is None:
        begin = cut + 1 - -(-(cut + 1 - earliest) // period_days) * period_days
    if end - min(begin, earliest) > DAYS_AT_MOST:
        checks.refuse("at", f"must lie within {DAYS_AT_MOST:,} days of until")
        checks.close()

    ends = np.arange(begin + period_days - 1, end + 1, period_days)
    origin = min(begin, earliest)
    borders = np.concatenate(([begin - 1], ends)) - origin + 1  # day 0 is the one before origin
    size = end - origin + 2
    cohort = np.repeat(bought.first <= cut, bought.total)
    again = bought.day[cohort & ~bought.is_first]
    made = np.cumsum(np.bincount(again - origin + 1, minlength=size))
    expected = _expected(model, acquired - origin + 1, size, DAYS[unit], age_until)
    return Tracking(
        end=ends.astype("datetime64[D]"),
        expected=np.diff(expected[borders]),
        actual=np.diff(made[borders]).astype(np.int64),
        holdout=ends > cut,
        customers=len(acquired),
        acquired_later=len(bought.first) - len(acquired),
        start=EPOCH + timedelta(days=begin),
        as_of=EPOCH + timedelta(days=cut),
        period_days=period_days,
    )


def _expected(
    model: ForeseesNewcomers, acquired: IntArray, size: int, unit: int, age_until: AgeUntil
) -> FloatArray:
    """Repeat purchases expected by the end of each of `size` days, in all."""
    if not len(acquired):
        return np.zeros(size)
    came = np.bincount(acquired)
    first = int(acquired.min())
    ages = np.arange(size - first) + (age_until == "next day")
    each = told(
        "expected_purchases_new", model.expected_purchases_new(t=ages / unit), rows=len(ages)
    )
    expected = np.zeros(size)
    expected[first:] = np.convolve(came[first:], each)[: size - first]
    return expected
