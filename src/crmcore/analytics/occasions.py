"""From purchases to histories in occasions: in which months, quarters or years somebody came.

Models in discrete time ask whether an opportunity was taken, not how often. Here each calendar
period is one: of the periods after that of the first purchase, which had a purchase?
"""

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

__all__ = ["Occasion", "OccasionSummary", "summarize_occasions"]

Occasion: TypeAlias = Literal["month", "quarter", "year"]

MONTHS: dict[Occasion, int] = {"month": 1, "quarter": 3, "year": 12}


@attrs.frozen(kw_only=True, eq=False)
class OccasionSummary:
    """One row per customer who first bought in a period that is over, ascending by id.

    - `customer` (n): the ids as given.
    - `frequency` (n): periods with purchases after that of the first.
    - `recency` (n): the number of the last of them, counted from that of the first; 0 for none.
    - `T` (n): how many periods have passed since that of the first.
    - `holdout_frequency` (n) or None: periods with purchases among the `holdout_occasions` next.

    `until` is the last day of the last period that counts.
    """

    customer: npt.NDArray[Any]
    frequency: FloatArray
    recency: FloatArray
    T: FloatArray
    occasion: Occasion
    until: date
    holdout_frequency: FloatArray | None
    holdout_occasions: int

    def __len__(self) -> int:
        return len(self.T)


def summarize_occasions(
    *,
    customer: npt.ArrayLike | Iterable[Any],
    at: Days,
    as_of: Day,
    occasion: Occasion,
    zone: str | tzinfo | None = None,
    holdout_until: Day | None = None,
) -> OccasionSummary:
    """Each customer's history in calendar periods, as `BetaGeoBetaBinom` reads it.

    `customer` and `at` have one entry per purchase, (m,), in any order and as `summarize` takes
    them; `occasion` is "month", "quarter" or "year" of the calendar. Only whole periods count:
    a period that is not over at the end of the day `as_of` is left out with its purchases,
    since who has not come yet may still come. `holdout_until` asks to count periods after
    those, whole ones again. InvalidInput names all faults with their first place.

        >>> summary = summarize_occasions(
        ...     customer=["Ana", "Ana", "Ana", "Ben", "Ana"],
        ...     at=["2019-05-01", "2021-02-03", "2021-11-30", "2020-07-01", "2024-01-05"],
        ...     as_of="2024-03-31", occasion="year")  # 2023 is the last that is over
        >>> summary.frequency.tolist(), summary.recency.tolist(), summary.T.tolist()
        ([1.0, 0.0], [2.0, 0.0], [4.0, 3.0])
    """
    checks = Checks()
    checks.word("occasion", occasion, get_args(Occasion))
    cut = one_day(checks, "as_of", as_of)
    end = cut if holdout_until is None else one_day(checks, "holdout_until", holdout_until)
    if end < cut:
        checks.refuse("holdout_until", "must be after as_of")
    day = local_days(checks, "at", at, zone)
    number, ids = numbered(checks, "customer", customer, largest=2**40)
    if not checks.faults and len(number) != len(day):
        checks.refuse("customer", f"has {len(number)} rows where at has {len(day)}")
    checks.close()

    months = MONTHS[occasion]
    last, final = (_period(np.array([each + 1]), months)[0] - 1 for each in (cut, end))
    period = _period(day, months)
    least = int(period.min(initial=final))
    span = max(int(final) - least, 0) + 1
    kept = period <= final
    who, period = np.divmod(np.unique(number[kept] * span + (period[kept] - least)), span)
    period += least
    opening = np.flatnonzero(np.diff(who, prepend=-1))
    every = np.diff(opening, append=len(who))
    seen = np.concatenate(([0], np.cumsum(period <= last)))
    count = seen[opening + every] - seen[opening]
    known = count > 0
    first, count, every = opening[known], count[known], every[known]
    over = (np.datetime64(0, "M") + (int(last) + 1) * months).astype("datetime64[D]")
    return OccasionSummary(
        customer=who[first] + ids if isinstance(ids, int) else ids[who[first]],
        frequency=(count - 1).astype(np.float64),
        recency=(period[first + count - 1] - period[first]).astype(np.float64),
        T=(last - period[first]).astype(np.float64),
        occasion=occasion,
        until=date(1970, 1, 1) + timedelta(days=int(over.astype(np.int64)) - 1),
        holdout_frequency=None if holdout_until is None else (every - count).astype(np.float64),
        holdout_occasions=int(final - last),
    )


def _period(day: IntArray, months: int) -> IntArray:
    """The number of the calendar period of each day, in months since 1970 by `months`."""
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.floor_divide(month, months)
