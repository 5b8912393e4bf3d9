"""What every model of repeat purchases in continuous time is asked; arguments are checked here.

A model says how purchases come and how customers leave; it answers by the methods whose names
begin with an underscore, which get checked arrays of one shape. All times are in one unit, that
of the data to which the parameters belong.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from crmcore.analytics.ascent import Likelihood
from crmcore.analytics.beta_mean import unit_nodes
from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.simulation import (
    MOST_CUSTOMERS,
    MOST_PURCHASES,
    Drawn,
    SimulatedPurchases,
)
from crmcore.domain.errors import InvalidInput

__all__ = ["FORGOTTEN", "PurchaseProcess"]

FORGOTTEN = 45.0
"""Discounted by e**-45 a purchase is worth nothing in float64."""
AT_ONCE = 20_000
"""How many customers a quadrature looks at together."""


class PurchaseProcess:
    """A model of repeat purchases with known parameters: what it predicts.

    `frequency` (repeat purchases), `recency` (age at the last of them) and `T` (age now) are as
    `summarize` gives them. Arguments are numbers or arrays of one length n; the result has that
    length. InvalidInput names all that is wrong with them.
    """

    __slots__ = ()

    _histories: ClassVar[type[History]] = History
    """What histories the model takes; `Opportunities` in discrete time."""

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        raise NotImplementedError

    def log_likelihood_of(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> float:
        """The log-likelihood of these histories under these parameters.

        `weights` (n) tell how many customers each row stands for.

            >>> from crmcore.analytics import BetaGeoNBDProcess
            >>> process = BetaGeoNBDProcess(r=0.25, alpha=4, a=0.8, b=2.5)
            >>> round(process.log_likelihood_of(frequency=0, recency=0, T=40), 8)  # -r ln 11
            -0.59947382
        """
        checks = Checks()
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        rows = checks.weights(weights, rows=history.x.size)
        checks.close()
        likelihood = self._likelihood(Cells.of(history, rows))
        return likelihood.value(np.log([self.params[name] for name in likelihood.names]))

    def probability_alive(
        self, *, frequency: npt.ArrayLike, recency: npt.ArrayLike, T: npt.ArrayLike
    ) -> FloatArray:
        """The probability that a customer with this history has not left by `T`.

        >>> from crmcore.analytics import BetaGeoNBDProcess
        >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
        >>> float(process.probability_alive(frequency=1, recency=1, T=1))  # odds a/(b+x-1) = 1
        0.5
        """
        checks = Checks()
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.close()
        return self._alive(history)

    def expected_purchases(
        self,
        *,
        t: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> FloatArray:
        """Purchases expected in (T, T + t] from customers with these histories."""
        checks = Checks()
        ahead = self._histories.span(checks, "t", t)
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.same_shape(frequency=history.x, t=ahead)
        checks.close()
        return self._expected(*_alike(history, ahead))

    def probability_of_purchases(
        self,
        *,
        n: npt.ArrayLike,
        t: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> FloatArray:
        """P(X = n): that customers with these histories make n purchases in (T, T + t].

        Its mean is `expected_purchases`.

            >>> from crmcore.analytics import BetaGeoNBDProcess
            >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
            >>> process.probability_of_purchases(  # half are alive, of these (2/4)**2 do not buy
            ...     n=0, t=2, frequency=1, recency=1, T=1).tolist()
            0.625
        """
        checks = Checks()
        count, span = checks.counts("n", n), self._histories.span(checks, "t", t)
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.same_shape(frequency=history.x, n=count, t=span)
        checks.close()
        return self._exactly(*_counted(history, span, count))

    def probability_of_at_least(
        self,
        *,
        n: npt.ArrayLike,
        t: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> FloatArray:
        """P(X >= n): that customers with these histories buy n times or more in (T, T + t].

        The upper tail of `probability_of_purchases`; 1 where n is 0.

            >>> from crmcore.analytics import BetaGeoNBDProcess
            >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
            >>> process.probability_of_at_least(n=[0, 1], t=2, frequency=1, recency=1, T=1).tolist()
            [1.0, 0.375]
        """
        checks = Checks()
        count, span = checks.counts("n", n), self._histories.span(checks, "t", t)
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.same_shape(frequency=history.x, n=count, t=span)
        checks.close()
        return self._at_least(*_counted(history, span, count))

    def expected_purchases_new(self, *, t: npt.ArrayLike) -> FloatArray:
        """Repeat purchases expected in (0, t] from somebody who has just bought first.

        >>> from crmcore.analytics import BetaGeoNBDProcess
        >>> process = BetaGeoNBDProcess(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259)
        >>> process.expected_purchases_new(t=[1, 32]).round(4).tolist()
        [0.0532, 1.0438]
        """
        checks = Checks()
        ahead = self._histories.span(checks, "t", t)
        checks.close()
        return self._expected_new(ahead)

    def probability_of_n(self, *, n: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """P(X(t) = n): that somebody new makes n repeat purchases within t.

        >>> from crmcore.analytics import BetaGeoNBDProcess
        >>> process = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(process.probability_of_n(n=0, t=39)), 7)  # (alpha/(alpha+t))**r
        0.5737864
        """
        checks = Checks()
        count, span = checks.counts("n", n), self._histories.span(checks, "t", t)
        checks.same_shape(n=count, t=span)
        checks.close()
        count, span = np.broadcast_arrays(count, span)
        return self._exactly_new(count, span)

    def discounted_purchases(
        self,
        *,
        discount_rate: float,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        horizon: float = np.inf,
    ) -> FloatArray:
        """The present value, at T, of one unit of money per purchase in (T, T + horizon].

        The integral over t from 0 to `horizon` of exp(-discount_rate t) dE(t), where E(t) is
        `expected_purchases`; with an infinite horizon, the discounted expected residual
        transactions (DERT; Fader, Hardie and Lee 2005, RFM and CLV). `discount_rate` is
        continuous and per unit of time: `continuous_rate` converts a yearly one. Right to
        about ten digits.

        InvalidInput also where neither horizon nor discount bounds the integral.
        """
        checks = Checks()
        rate = checks.number("discount_rate", discount_rate)
        end = checks.number("horizon", horizon, infinite=True)
        if np.isfinite(end) and not checks.faults:
            self._histories.span(checks, "horizon", end)
        if np.isinf(end) and rate == 0:
            checks.refuse("horizon", "must be finite where discount_rate is 0")
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.close()
        if rate == 0 or end == 0:
            return self._expected(*_alike(history, np.asarray(end)))
        return self._discounted(history, rate, end)

    def simulate(self, *, n_customers: int, T: npt.ArrayLike, seed: int) -> SimulatedPurchases:
        """Draw customers and their repeat purchases up to age `T` (one, or one per customer).

        The same seed gives the same purchases with the same numpy version.
        """
        checks = Checks()
        age = self._histories.span(checks, "T", T)
        n_customers = checks.whole("n_customers", n_customers, most=MOST_CUSTOMERS)
        if not checks.faults and age.ndim and len(age) != n_customers:
            checks.refuse("T", f"must be one number or one per customer, {n_customers} in all")
        checks.whole("seed", seed)
        checks.close()
        age = np.broadcast_to(age, (n_customers,)).copy()
        if n_customers:
            each = float(np.max(self._expected_new(np.asarray(age.max()))))
            if each * n_customers > MOST_PURCHASES:
                raise InvalidInput.of("T", "is so long that 10**9 purchases or more are expected")
        drawn = self._draw(np.random.default_rng(seed), age)
        order = np.argsort(drawn.customer, kind="stable")
        return SimulatedPurchases(
            customer=drawn.customer[order], time=drawn.time[order], T=age,
            rate=drawn.rate, dropout=drawn.dropout,
        )  # fmt: skip

    # What a model answers, given checked arrays of one shape (n,) or () each.

    def _likelihood(self, cells: Cells) -> Likelihood:
        """The log-likelihood of these cells, as a function of the log parameters."""
        raise NotImplementedError

    def _alive(self, history: History) -> FloatArray:
        raise NotImplementedError

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _expected_new(self, t: FloatArray) -> FloatArray:
        return self._expected(_new(t.shape), t)

    def _exactly_new(self, n: FloatArray, t: FloatArray) -> FloatArray:
        return self._exactly(_new(t.shape), t, n)

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        """Purchases of one customer for each age, those of each in order of time."""
        raise NotImplementedError

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        """By parts: exp(-rate end) E(end) + the integral of rate exp(-rate t) E(t) dt."""
        end = min(end, FORGOTTEN / rate)
        fraction, share = unit_nodes()
        times = np.append(fraction, 1.0) * end
        share = np.append(share * rate * end, 1.0) * np.exp(-rate * times)
        columns = [np.atleast_1d(c) for c in (history.x, history.recency, history.T)]
        value = np.empty(len(columns[0]))
        for begin in range(0, len(value), AT_ONCE):
            part = History(*(c[begin : begin + AT_ONCE] for c in columns))
            worth = np.zeros(len(part.x))
            for time, weight in zip(times, share, strict=True):
                worth += weight * self._expected(part, np.full(len(worth), time))
            value[begin : begin + AT_ONCE] = worth
        return value.reshape(history.x.shape)


def _alike(history: History, t: FloatArray) -> tuple[History, FloatArray]:
    """Both in the shape of what is longer."""
    x, recency, age, t = np.broadcast_arrays(history.x, history.recency, history.T, t)
    return History(x, recency, age), t


def _counted(
    history: History, t: FloatArray, n: FloatArray
) -> tuple[History, FloatArray, FloatArray]:
    """All in the shape of what is longest."""
    t, n = np.broadcast_arrays(t, n)
    history, t = _alike(history, t)
    return history, t, np.broadcast_to(n, t.shape)


def _new(shape: tuple[int, ...]) -> History:
    """Customers who have just bought first."""
    none = np.zeros(shape)
    return History(none, none, none)
