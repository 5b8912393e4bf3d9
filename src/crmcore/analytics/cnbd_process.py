"""The BG/CNBD-k and MBG/CNBD-k processes: as BG/NBD, but of customers who buy regularly.

Platzer and Reutterer (2016), Ticking away the moments: timing regularity helps to better predict
customer activity, Marketing Science 35, 779-799. Every k-th event of a Poisson process is a
purchase, so the times between purchases are Erlang-k: k = 1 is chance alone, and the larger k, the
more they are alike. Who buys regularly and is silent for long is the sooner believed gone.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.beta_geometric import BetaGeometricProcess
from crmcore.analytics.beta_mean import unit_nodes
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.curves import per_count
from crmcore.analytics.erlang_tail import event_terms
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.log_intervals import checked_log_intervals, log_gaps, log_spread
from crmcore.analytics.options import Checked
from crmcore.analytics.purchase_process import FORGOTTEN
from crmcore.analytics.regular_ahead import RegularAhead, mean_purchases

__all__ = [
    "MOST_REGULAR",
    "BetaGeoCNBDProcess",
    "ModifiedBetaGeoCNBDProcess",
    "RegularProcess",
    "regularity",
]

MOST_REGULAR = 12
"""The largest k."""
UNSEEN = 1e-9
"""The first part of the horizon, in which nothing is worth counting."""


@Checked
def regularity(checks: Checks, path: str, value: object) -> None:
    """A whole number from 1 to 12."""
    checks.whole(path, value, least=1, most=MOST_REGULAR)


@attrs.frozen(kw_only=True)
class RegularProcess(BetaGeometricProcess):
    """Parameters and answers of the models with gamma rates, beta dropout and regularity k."""

    k: int = attrs.field(validator=regularity)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name; `k` is a whole number."""
        return {"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b, "k": self.k}

    @property
    def _every(self) -> int:
        return self.k

    def log_likelihood_of(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        log_intervals: npt.ArrayLike | None = None,
    ) -> float:
        """The log-likelihood of these histories under these parameters.

        `weights` (n) tell how many customers each row stands for; `log_intervals` (n) are as
        `summarize(..., log_intervals=True)` gives them. Without them it is the likelihood of
        what is given, frequency and recency alone. Either may be compared between any k, and
        with models of other kinds (these are the same with and without), but not one with the
        other.

            >>> from crmcore.analytics import BetaGeoCNBDProcess
            >>> process = BetaGeoCNBDProcess(r=1, alpha=1, a=1, b=1, k=2)
            >>> value = process.log_likelihood_of(frequency=0, recency=0, T=1)
            >>> round(float(np.exp(value)), 9)  # no event: 1/2; one: 1/4
            0.75
        """
        value = super().log_likelihood_of(
            frequency=frequency, recency=recency, T=T, weights=weights
        )
        if log_intervals is None:
            return value
        checks = Checks()
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        logs = checked_log_intervals(checks, log_intervals, history)
        checks.close()
        x, last, logs = np.broadcast_arrays(history.x, history.recency, logs)
        rows = np.ones(x.shape) if weights is None else np.asarray(weights, np.float64)
        known = log_gaps(
            self.k,
            purchases=float((rows * x).sum()),
            log_intervals=float((rows * logs).sum()),
        )
        return value - log_spread(self.k, x, last, rows) + known

    def _likelihood(self, cells: Cells) -> BetaGeoNBDLikelihood:
        spread = log_spread(self.k, cells.x, cells.recency, cells.weight)
        return BetaGeoNBDLikelihood.of(cells, first=self._first, k=self.k, log_gaps=spread)

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        if self.k == 1:
            return super()._expected(history, t)
        mean = np.zeros(t.shape)
        z = t / (self.alpha + history.T)
        for j, chance in enumerate(self._events(history)):
            some = (z > 0) & (chance > 0)
            mean[some] += chance[some] * per_count(self._after(j), history.x[some], z[some])
        return np.asarray(self._alive(history) * mean)

    def _events(self, history: History) -> FloatArray:
        """The chance of each number of events since the last purchase, (k, n)."""
        since = (history.T - history.recency) / (self.alpha + history.T)
        terms = event_terms(self.k, self.r + self.k * history.x, since)
        return np.asarray(terms / terms.sum(axis=0))

    def _after(self, j: int) -> Any:
        """Purchases expected, by count and growth of time, of those alive after j events."""

        def expected(x: float, z: FloatArray) -> FloatArray:
            return mean_purchases(
                z, k=self.k, j=j, shape=self.r + self.k * x + j,
                leaves=self.a, stays=self.b + self._first + x,
            )  # fmt: skip

        return expected

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        if self.k == 1:
            return super()._exactly(history, t, n)
        alive = self._alive(history)
        chance = alive * self._regular(history, t).exactly(n)
        return np.minimum(chance + np.where(n == 0, 1 - alive, 0.0), 1.0)

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        if self.k == 1:
            return super()._at_least(history, t, n)
        some = self._regular(history, t).at_least(np.maximum(n, 1.0))
        return np.asarray(np.where(n > 0, self._alive(history) * some, 1.0))

    def _regular(self, history: History, t: FloatArray) -> RegularAhead:
        return RegularAhead.of(history, t, params=self.params, first=self._first, k=self.k)

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        """By parts: exp(-rate end) E(end) + the integral of rate exp(-rate t) E(t) dt."""
        if self.k == 1:
            return super()._discounted(history, rate, end)
        end = min(end, FORGOTTEN / rate)
        fraction, share = unit_nodes()
        seen = fraction > UNSEEN
        times = np.append(fraction[seen], 1.0) * end
        worth = np.append(share[seen] * rate * end, 1.0) * np.exp(-rate * times)
        mean = np.zeros(history.x.shape)
        for j, chance in enumerate(self._events(history)):
            expected = self._after(j)

            def present(x: float, since: FloatArray, expected: Any = expected) -> FloatArray:
                z = (times / since[:, None]).ravel()
                ahead = per_count(expected, np.full(len(z), x), z).reshape(len(since), -1)
                return np.asarray((ahead * worth).sum(axis=1))

            some = chance > 0
            mean[some] += chance[some] * per_count(
                present, history.x[some], (self.alpha + history.T)[some]
            )
        return np.asarray(self._alive(history) * mean)

    def _gaps(self, draw: np.random.Generator, n: int) -> FloatArray:
        return draw.standard_gamma(self.k, n)


@attrs.frozen(kw_only=True)
class BetaGeoCNBDProcess(RegularProcess):
    """The BG/CNBD-k model with known parameters: what it predicts.

    Events of a Poisson process have a rate ~ Gamma(`r`, `alpha`) and every `k`-th of them is a
    purchase, so the mean rate of purchases is r / alpha / k; after each repeat purchase a
    customer leaves with a probability ~ Beta(`a`, `b`). With k = 1 it is BG/NBD. The `rate` of
    simulated customers is that of the events.

    Nothing is approximated: what follows of a history is a mixture over the number of events
    since the last purchase, each a negative binomial process, and its expectation is a sum of
    all purchases that matter or, where these are thousands, a quadrature; both to twelve digits.

        >>> process = BetaGeoCNBDProcess(r=1, alpha=1, a=1, b=1, k=2)
        >>> round(float(process.probability_of_n(n=0, t=1)), 9)  # no event 1/2, one 1/4
        0.75

    Of two customers as often here and as long silent, the regular one is the sooner gone:

        >>> silent = {"frequency": 4, "recency": 4, "T": 7}
        >>> for k in (1, 3):
        ...     process = BetaGeoCNBDProcess(r=2, alpha=2 / k, a=1, b=3, k=k)
        ...     print(k, process.probability_alive(**silent).round(3))
        1 0.345
        3 0.115
    """


@attrs.frozen(kw_only=True)
class ModifiedBetaGeoCNBDProcess(RegularProcess):
    """The MBG/CNBD-k model with known parameters: what it predicts.

    As `BetaGeoCNBDProcess`, but a customer may leave right after the first purchase, too: the
    authors' choice among their models. With k = 1 it is MBG/NBD.

        >>> process = ModifiedBetaGeoCNBDProcess(r=1, alpha=1, a=1, b=1, k=2)
        >>> round(float(process.probability_of_n(n=0, t=1)), 9)  # 1/2 gone, 3/8 waiting
        0.875
    """

    _first: ClassVar[int] = 1
