"""What a model says of customers by how often and how lately they bought."""

from __future__ import annotations

from typing import Any, Literal

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.forecasts import answers, told
from crmcore.domain.html import html_table

__all__ = ["FrequencyRecency", "frequency_recency"]


@attrs.frozen(kw_only=True, eq=False)
class FrequencyRecency:
    """P(alive), or purchases expected within `t`, of customers of age `T`.

    `value` (m, k) of those with `frequency` (m) repeat purchases, the last at the age `recency`
    (k); `no_repeat` of those without one.
    """

    of: Literal["probability_alive", "expected_purchases"]
    frequency: FloatArray
    recency: FloatArray
    value: FloatArray
    no_repeat: float
    T: float
    t: float | None

    def _repr_html_(self) -> str:
        what = self.of.replace("_", " ").capitalize()
        within = "" if self.t is None else f" within {self.t:g}"
        return html_table(
            [(f"{x:g}", *row) for x, row in zip(self.frequency, self.value.tolist(), strict=True)],
            header=("frequency \\ recency", *(f"{last:g}" for last in self.recency)),
            caption=f"{what}{within}, at age {self.T:g}",
            note=f"Without a repeat purchase: {self.no_repeat:.4g}.",
        )


def frequency_recency(
    model: Any,
    *,
    T: float,
    t: float | None = None,
    frequency: npt.ArrayLike | None = None,
    recency: npt.ArrayLike | None = None,
) -> FrequencyRecency:
    """The model over a grid of histories, all of age `T`.

    With `t` by its `expected_purchases` within t, else by its `probability_alive`. `frequency`
    (m,) is 1 to 8 and `recency` (k,) twelve equal steps up to `T` unless given; both must be
    above 0. InvalidInput names all that is wrong.

        >>> from crmcore.analytics import BetaGeoNBDProcess
        >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
        >>> seen = frequency_recency(process, T=3, frequency=[1, 2], recency=[1, 3])
        >>> seen.value.round(4).tolist()  # odds of having left (4/(1+t_x))**(1+x) / x
        [[0.2, 0.5], [0.2, 0.6667]]
        >>> seen.no_repeat  # nobody leaves this model but at a repeat purchase
        1.0
    """
    checks = Checks()
    age = checks.number("T", T)
    ahead = None if t is None else checks.number("t", t)
    of: Literal["probability_alive", "expected_purchases"]
    of = "probability_alive" if ahead is None else "expected_purchases"
    answers(checks, "model", model, of)
    x = checks.counts("frequency", np.arange(1, 9) if frequency is None else frequency)
    last = checks.numbers("recency", np.linspace(0, age, 13)[1:] if recency is None else recency)
    for name, grid in (("frequency", x), ("recency", last)):
        if grid.ndim != 1 or not grid.size:
            checks.refuse(name, "must hold one number at least")
        checks.refuse_where(grid == 0, name, "must be above 0")
    checks.refuse_where(last > age, "recency", "must not exceed T")
    checks.close()
    down, across = np.append(np.repeat(x, len(last)), 0.0), np.append(np.tile(last, len(x)), 0.0)
    who = {"frequency": down, "recency": across, "T": np.full(len(down), age)}
    asked = who if ahead is None else {"t": ahead, **who}
    values = told(of, getattr(model, of)(**asked), rows=len(down))
    return FrequencyRecency(
        of=of,
        frequency=x,
        recency=last,
        value=values[:-1].reshape(len(x), len(last)),
        no_repeat=float(values[-1]),
        T=age,
        t=ahead,
    )
