"""How likely customers alive make so many purchases within a time, in whichever model."""

from __future__ import annotations

from typing import Protocol, Self, TypeAlias

import attrs
import numpy as np

from crmcore.analytics.bgnbd_process import BetaGeoNBDProcess
from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.histories import History
from crmcore.analytics.mbgnbd_process import ModifiedBetaGeoNBDProcess
from crmcore.analytics.nbd_process import NBDProcess
from crmcore.analytics.pareto_nbd_ahead import ParetoAhead
from crmcore.analytics.pareto_nbd_process import ParetoNBDProcess
from crmcore.analytics.purchases_ahead import PurchasesAhead, beta_below

__all__ = ["COUNTED", "Counted", "CountsAhead", "counts_ahead"]

Counted: TypeAlias = NBDProcess | BetaGeoNBDProcess | ModifiedBetaGeoNBDProcess | ParetoNBDProcess

COUNTED = (NBDProcess, BetaGeoNBDProcess, ModifiedBetaGeoNBDProcess, ParetoNBDProcess)
"""The models whose counts are known for fractions too, by which long sums are thinned."""

FURTHEST = 2.0**60
"""Nobody buys so often."""


class CountsAhead(Protocol):
    """The purchases that n customers alive make from now on, within a time each."""

    def at(self, rows: IntArray) -> Self:
        """These rows, in the shape of `rows`: as a column (m, 1) to be asked for many counts."""
        ...

    def at_least(self, k: FloatArray) -> FloatArray:
        """P(X >= k) for k at or above 1, which may be a fraction."""
        ...

    def at_least_each(self, start: FloatArray, width: int) -> FloatArray:
        """P(X >= k) for the `width` counts after `start`, of a column (m, 1)."""
        ...


def counts_ahead(purchases: Counted, history: History, t: FloatArray) -> CountsAhead:
    """What these histories, (n), leave of a model for the next `t` (n) of customers alive."""
    params = purchases.params
    if isinstance(purchases, ParetoNBDProcess):
        ahead = ParetoAhead(
            shape=params["r"] + history.x,
            since=params["alpha"] + history.T,
            s=params["s"],
            stays=params["beta"] + history.T,
        )
        return _OfPareto(ahead, t)
    if isinstance(purchases, NBDProcess):
        since = params["alpha"] + history.T
        return _OfNBD(params["r"] + history.x, t / (since + t), since / (since + t))
    modified = isinstance(purchases, ModifiedBetaGeoNBDProcess)
    return PurchasesAhead.of(history, t, params=params, first=int(modified))


@attrs.frozen(eq=False)
class _OfNBD:
    """Nobody leaves: counts are negative binomial, P(X >= k) = I_z(k, r + x)."""

    shape: FloatArray
    bought: FloatArray
    waits: FloatArray

    def at(self, rows: IntArray) -> Self:
        return type(self)(self.shape[rows], self.bought[rows], self.waits[rows])

    def at_least(self, k: FloatArray) -> FloatArray:
        return beta_below(np.asarray(k), self.shape, self.bought, self.waits)

    def at_least_each(self, start: FloatArray, width: int) -> FloatArray:
        return self.at_least(start + np.arange(1, width + 1))


@attrs.frozen(eq=False)
class _OfPareto:
    """Customers may leave at any time: an integral over that time for each count."""

    ahead: ParetoAhead
    t: FloatArray

    def at(self, rows: IntArray) -> Self:
        ahead = self.ahead
        shape, since, stays = (column[rows] for column in (ahead.shape, ahead.since, ahead.stays))
        return type(self)(
            ParetoAhead(shape=shape, since=since, s=ahead.s, stays=stays), self.t[rows]
        )

    def at_least(self, k: FloatArray) -> FloatArray:
        ahead = self.ahead
        count, shape, since, stays, t = np.broadcast_arrays(
            np.minimum(k, FURTHEST), ahead.shape, ahead.since, ahead.stays, self.t
        )
        flat = ParetoAhead(shape=shape.ravel(), since=since.ravel(), s=ahead.s, stays=stays.ravel())
        return flat.at_least(count.ravel(), t.ravel()).reshape(count.shape)

    def at_least_each(self, start: FloatArray, width: int) -> FloatArray:
        return self.at_least(start + np.arange(1, width + 1))
