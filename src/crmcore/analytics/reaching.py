"""Reaching a tier: how likely customers fill what they lack of it within a time."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.amounts_ahead import BetaPrimeSums, GammaSums
from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.counts_ahead import COUNTED, Counted, CountsAhead, counts_ahead
from crmcore.analytics.gamma_gamma_spend import GammaGammaSpend, checked_spend
from crmcore.analytics.histories import History
from crmcore.analytics.purchase_amounts import PurchaseAmounts, purchases_needed
from crmcore.analytics.sums_ahead import enough_while_alive
from crmcore.domain.html import html_table

__all__ = ["Reaching", "probability_of_reaching"]

FIRST = 10
"""How many rows a notebook shows."""


@attrs.frozen(kw_only=True, eq=False)
class Reaching:
    """The `probability` (n) of filling the `gap` (n) within `t` (n), and that of being `alive` (n).

    From 0 to 1 and never NaN. Where something is missing the probability does not exceed
    `alive`; where nothing is (gap <= 0), it is 1.
    """

    probability: FloatArray
    alive: FloatArray
    gap: FloatArray
    t: FloatArray

    @property
    def failing(self) -> FloatArray:
        """The probability of not getting there: of losing a tier that has to be kept, (n)."""
        return np.asarray(1.0 - self.probability)

    @property
    def expected(self) -> float:
        """How many of these customers get there, on average."""
        return float(self.probability.sum())

    def _repr_html_(self) -> str:
        names = ("probability", "alive", "gap", "t")
        columns = [np.atleast_1d(getattr(self, name)) for name in names]
        size = len(columns[0])
        return html_table(
            zip(range(1, size + 1), *(column[:FIRST].tolist() for column in columns), strict=False),
            header=("row", *names),
            caption=f"{self.expected:,.1f} of {size:,} expected to reach it",
            note=f"and {size - FIRST:,} more" if size > FIRST else "",
        )


def probability_of_reaching(
    *,
    purchases: Counted,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    T: npt.ArrayLike,
    t: npt.ArrayLike,
    gap: npt.ArrayLike,
    value: GammaGammaSpend | PurchaseAmounts | None = None,
    monetary_value: npt.ArrayLike | None = None,
) -> Reaching:
    """The probability that purchases in (T, T + t] amount to `gap` or more, per customer.

    P(alive) x sum over k of P(X >= k | alive) x (P(S_k >= gap) - P(S_k-1 >= gap))

    where X counts the purchases and S_k is the amount of the next k: the k-th is made, and is
    the one that fills the gap. X is that of an NBD, BG/NBD (Fader, Hardie and Lee 2005, equation 8
    with the parameters that are left), MBG/NBD or Pareto/NBD model given the history, as
    `probability_of_at_least` tells it; Pareto/NBD takes an integral for each count. S_k follows
    `value`: of a Gamma-Gamma model given the customer's own `monetary_value` (Fader and Hardie
    2013, equation 1a: `GammaGammaSpend.probability_of_sum`), of `PurchaseAmounts` that you
    know, or, without one, k itself, so that the gap counts purchases. Nothing is drawn:
    probabilities are right to 1e-11, and to 1e-7 where more than 256 counts matter.

    `frequency`, `recency`, `T` as `summarize` gives them; `t`, the time left, is in their unit.
    `gap` is what is still missing, in the unit of the amounts, and may be negative: at or below
    0 the probability is 1. All are numbers or (n,). The models are taken as known: what their
    estimates leave open is not in the probability. InvalidInput names all that is wrong.

        >>> from crmcore.analytics import BetaGeoNBDProcess, PurchaseAmounts
        >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
        >>> who = {"frequency": 1, "recency": 1, "T": 1}  # alive with probability 1/2
        >>> reached = probability_of_reaching(purchases=process, t=2, gap=[0, 1, 2], **who)
        >>> reached.probability.round(9).tolist()  # 1, 1/2 x 3/4, 1/2 x (1 - 1/4 - 1/4) x 2/3
        [1.0, 0.375, 0.166666667]
        >>> points = PurchaseAmounts(mean=10)  # 15 points take two purchases
        >>> reached = probability_of_reaching(
        ...     purchases=process, t=2, gap=[10, 15], value=points, **who)
        >>> reached.probability.round(9).tolist()
        [0.375, 0.166666667]
    """
    checks = Checks()
    if not isinstance(purchases, COUNTED):
        checks.refuse("purchases", "must be an NBD, BG/NBD, MBG/NBD or Pareto/NBD model")
    left, missing = checks.numbers("t", t), checks.numbers("gap", gap, negative=True)
    history = History.checked(checks, frequency=frequency, recency=recency, T=T)
    own = _own_amounts(checks, value, frequency, monetary_value)
    if not checks.faults:
        checks.same_shape(frequency=history.x, t=left, gap=missing, **own)
    checks.close()
    given = np.broadcast_arrays(*attrs.astuple(history), left, missing, *own.values())
    shape = given[0].shape
    x, last, age, left, missing, *amounts = (np.atleast_1d(column) for column in given)
    alive = purchases.probability_alive(frequency=x, recency=last, T=age)
    chance = np.where(missing > 0, 0.0, 1.0)
    lacks = np.flatnonzero((missing > 0) & (left > 0))
    x, last, age, *amounts = (column[lacks] for column in (x, last, age, *amounts))
    ahead = counts_ahead(purchases, History(x, last, age), left[lacks])
    if isinstance(value, GammaGammaSpend):
        sums = BetaPrimeSums.of(missing[lacks], x=x, z=amounts[0], **value.params)
        while_alive = enough_while_alive(ahead, sums, rows=len(lacks))
    else:
        while_alive = _of_known_amounts(ahead, missing[lacks], *amounts)
    chance[lacks] = alive[lacks] * while_alive
    columns = (chance, alive, missing, left)
    chance, alive, missing, left = (column.reshape(shape) for column in columns)
    return Reaching(probability=chance, alive=alive, gap=missing, t=left)


def _own_amounts(
    checks: Checks, value: object, frequency: npt.ArrayLike, monetary_value: npt.ArrayLike | None
) -> dict[str, FloatArray]:
    """What tells the amounts of each customer: their mean value, or mean and variation."""
    if isinstance(value, GammaGammaSpend):
        if monetary_value is None:
            checks.refuse("monetary_value", "is needed by a Gamma-Gamma model")
            return {}
        spend = Checks()
        _, z = checked_spend(spend, frequency=frequency, monetary_value=monetary_value)
        checks.faults += (fault for fault in spend.faults if fault not in checks.faults)
        return {"monetary_value": z}
    if monetary_value is not None:
        checks.refuse("monetary_value", "is read with a Gamma-Gamma model only")
    known = PurchaseAmounts() if value is None else value
    if not isinstance(known, PurchaseAmounts):
        checks.refuse("value", "must be a GammaGammaSpend or PurchaseAmounts, or left out")
        return {}
    return {"value.mean": known.mean, "value.variation": known.variation}


def _of_known_amounts(
    ahead: CountsAhead, gap: FloatArray, mean: FloatArray, variation: FloatArray
) -> FloatArray:
    """Equal amounts need so many purchases; varied ones are summed over how many it takes."""
    needed = purchases_needed(gap, mean)
    while_alive = np.where(np.isfinite(needed), ahead.at_least(np.minimum(needed, 1e300)), 0.0)
    varied = np.flatnonzero(variation > 0)
    sums = GammaSums.of(gap[varied], mean=mean[varied], variation=variation[varied])
    while_alive[varied] = enough_while_alive(ahead.at(varied), sums, rows=len(varied))
    return while_alive
