"""What the models have in common whose customers may leave at any moment, whether buying or not.

Purchases come at a rate that is gamma distributed over customers, and what a customer alive at T
does next is what a new one of other parameters does: so all answers are the chance to be alive
times what that new customer would do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
import numpy as np
from scipy.special import expit

from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.histories import History, once_each
from crmcore.analytics.options import positive
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.simulation import Drawn

__all__ = ["Ahead", "AnyTimeProcess"]


class Ahead(Protocol):
    """What customers (n) who are alive do from now on."""

    def mean(self, t: FloatArray) -> FloatArray:
        """Purchases expected within t (n)."""
        ...

    def exactly(self, n: FloatArray, t: FloatArray) -> FloatArray:
        """P(X = n) within t."""
        ...

    def at_least(self, n: FloatArray, t: FloatArray) -> FloatArray:
        """P(X >= n) within t, for n at or above 1."""
        ...

    def discounted(self, rate: float, end: float) -> FloatArray:
        """What one unit of money per purchase within `end` is worth now."""
        ...


@attrs.frozen(kw_only=True)
class AnyTimeProcess(PurchaseProcess):
    """Answers of the models with gamma rates of purchases, `r` and `alpha`, and of leaving."""

    r: float = attrs.field(converter=as_number, validator=positive)
    alpha: float = attrs.field(converter=as_number, validator=positive)
    s: float = attrs.field(converter=as_number, validator=positive)
    beta: float = attrs.field(converter=as_number, validator=positive)

    def _log_odds_gone(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        """The log odds (n) of having left by `age`."""
        raise NotImplementedError

    def _ahead(self, x: FloatArray, age: FloatArray) -> Ahead:
        """What those of them who are alive do next."""
        raise NotImplementedError

    def _leaves(self, dropout: FloatArray, waited: FloatArray) -> FloatArray:
        """The age at which the rate of leaving has added up to `waited`, (n)."""
        raise NotImplementedError

    def _once(self, answer: Callable[..., FloatArray], *columns: FloatArray) -> FloatArray:
        """What `answer` says of each row of the columns, computed once for rows that are equal."""
        return once_each(answer, *columns)

    def _alive_of(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        return np.asarray(expit(-self._log_odds_gone(x, recency, age)))

    def _alive(self, history: History) -> FloatArray:
        return self._once(self._alive_of, history.x, history.recency, history.T)

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        def mean(x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray) -> FloatArray:
            return np.asarray(self._alive_of(x, recency, age) * self._ahead(x, age).mean(t))

        return self._once(mean, history.x, history.recency, history.T, t)

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        def chance(
            x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray, n: FloatArray
        ) -> FloatArray:
            alive = self._alive_of(x, recency, age)
            some = alive * self._ahead(x, age).exactly(n, t)
            return np.minimum(some + np.where(n == 0, 1 - alive, 0.0), 1.0)

        return self._once(chance, history.x, history.recency, history.T, t, n)

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        def chance(
            x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray, n: FloatArray
        ) -> FloatArray:
            some = self._ahead(x, age).at_least(np.maximum(n, 1.0), t)
            return np.asarray(np.where(n > 0, self._alive_of(x, recency, age) * some, 1.0))

        return self._once(chance, history.x, history.recency, history.T, t, n)

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        def present(x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
            worth = self._ahead(x, age).discounted(rate, end)
            return np.asarray(self._alive_of(x, recency, age) * worth)

        return self._once(present, history.x, history.recency, history.T)

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        n = len(age)
        rate = draw.gamma(self.r, 1 / self.alpha, n)
        dropout = draw.gamma(self.s, 1 / self.beta, n)
        with np.errstate(divide="ignore"):
            stays = np.minimum(self._leaves(dropout, draw.standard_exponential(n)), age)
        who = np.repeat(np.arange(n), draw.poisson(rate * stays))
        times = draw.random(len(who)) * stays[who]
        return Drawn(who, times[np.lexsort((times, who))], rate, dropout)
