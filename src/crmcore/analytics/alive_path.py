"""One customer's probability of being alive, day after day."""

from __future__ import annotations

from datetime import tzinfo

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import BoolArray, Checks, FloatArray, IntArray
from crmcore.analytics.days import Day, Days, local_days, one_day
from crmcore.analytics.forecasts import TellsAlive, answers, told
from crmcore.analytics.summary import DAYS, Unit, checked_unit
from crmcore.domain.html import html_table

__all__ = ["AlivePath", "alive_path"]


@attrs.frozen(kw_only=True, eq=False)
class AlivePath:
    """P(alive) at the end of each of d days, from the first purchase on.

    - `day` (d), numpy datetime64[D]; `probability` (d), told by what was known on that day;
      `purchased` (d): whether it is a purchase day.
    - `frequency`, `recency`, `T` (d): the history as it stood, times in the unit of the model.
    """

    day: npt.NDArray[np.datetime64]
    probability: FloatArray
    purchased: BoolArray
    frequency: IntArray
    recency: FloatArray
    T: FloatArray

    def __len__(self) -> int:
        return len(self.day)

    def _repr_html_(self) -> str:
        # After a purchase it falls until the next: the days before and on which it rises tell all.
        shown = self.purchased.copy()
        shown[:-1] |= self.purchased[1:]
        shown[-1:] = True
        columns = (self.frequency, self.probability)
        return html_table(
            zip(map(str, self.day[shown].tolist()),
                ("purchase" if bought else "" for bought in self.purchased[shown].tolist()),
                *(column[shown].tolist() for column in columns), strict=True),
            header=("day", "", "repeat purchases", "probability alive"),
            caption=f"Alive over {len(self):,} days",
            note="Purchase days, the days before them, and the last day.",
        )  # fmt: skip


def alive_path(
    model: TellsAlive,
    *,
    at: Days,
    until: Day,
    unit: Unit = "week",
    zone: str | tzinfo | None = None,
) -> AlivePath:
    """How likely one customer was still one, on each day from the first purchase to `until`.

    Each day is judged by what was known on it: purchases after it do not count. `at` (p,) are
    the purchases of this customer, the first among them, in any order, with `zone` as
    `summarize` reads them; later ones than `until` do not count. `unit` is that of the model.
    InvalidInput where there is no purchase until then.

        >>> from crmcore.analytics import BetaGeoNBDProcess
        >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
        >>> path = alive_path(
        ...     process, at=["2024-01-01", "2024-01-02"], until="2024-01-03", unit="day")
        >>> path.day.astype(str).tolist(), path.frequency.tolist(), path.T.tolist()
        (['2024-01-01', '2024-01-02', '2024-01-03'], [0, 1, 1], [0.0, 1.0, 2.0])
        >>> path.probability.round(4).tolist()  # odds of having left 1 and (3/2)**2
        [1.0, 0.5, 0.3077]
    """
    checks = Checks()
    answers(checks, "model", model, "probability_alive")
    checked_unit(checks, unit)
    end = one_day(checks, "until", until)
    bought = np.unique(local_days(checks, "at", at, zone))
    bought = bought[bought <= end]
    if not len(bought):
        checks.refuse("at", "must hold a purchase until that day")
    checks.close()
    first = int(bought[0])
    day = np.arange(first, end + 1)
    seen = np.searchsorted(bought, day, side="right")
    recency, age = (bought[seen - 1] - first) / DAYS[unit], (day - first) / DAYS[unit]
    frequency = (seen - 1).astype(np.int64)
    chance = model.probability_alive(frequency=frequency.astype(np.float64), recency=recency, T=age)
    return AlivePath(
        day=day.astype("datetime64[D]"),
        probability=told("probability_alive", chance, rows=len(day)),
        purchased=np.isin(day, bought),
        frequency=frequency,
        recency=recency,
        T=age,
    )
