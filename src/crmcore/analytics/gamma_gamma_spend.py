"""Spend per purchase in the Gamma-Gamma model with known parameters.

Fader, Hardie and Lee (2005), RFM and CLV, and Fader and Hardie (2013), the Gamma-Gamma model
of monetary value. A customer's purchases are Gamma(p, nu) in value, and nu differs over
customers as Gamma(q, v). The model assumes that value and frequency are independent:
`independence_check` looks whether they are.
"""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.amounts_ahead import BetaPrimeSums
from crmcore.analytics.blocks import anywhere, by_blocks
from crmcore.analytics.checks import BoolArray, Checks, FloatArray, as_number
from crmcore.analytics.gamma_gamma_likelihood import GammaGammaLikelihood
from crmcore.analytics.options import positive
from crmcore.domain.errors import Refused

__all__ = ["GammaGammaSpend", "NoFiniteMean", "checked_spend"]


@attrs.define
class NoFiniteMean(Refused):
    """The average asked for is infinite under these parameters (q too small)."""


@attrs.frozen(kw_only=True)
class GammaGammaSpend:
    """The Gamma-Gamma model with known parameters, all above zero; `v` is an amount of money.

    >>> spend = GammaGammaSpend(p=6.25, q=3.74, v=15.44)
    >>> spend.expected_average_value(frequency=[2, 0], monetary_value=[22.35, 0]).round(2)
    array([24.66, 35.22])
    """

    p: float = attrs.field(converter=as_number, validator=positive)
    q: float = attrs.field(converter=as_number, validator=positive)
    v: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"p": self.p, "q": self.q, "v": self.v}

    @property
    def population_mean(self) -> float:
        """Mean value of a purchase over all customers, p v / (q - 1); infinite where q <= 1."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else np.inf

    def log_likelihood_of(
        self,
        *,
        frequency: npt.ArrayLike,
        monetary_value: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> float:
        """The log-likelihood of these mean values under these parameters (equation 1a).

        Customers with frequency 0 say nothing about spend and are passed over.
        """
        checks = Checks()
        x, z = checked_spend(checks, frequency=frequency, monetary_value=monetary_value)
        rows = checks.weights(weights, rows=x.size)
        checks.close()
        likelihood = GammaGammaLikelihood.of(np.atleast_1d(x), np.atleast_1d(z), rows)
        return likelihood.value(np.log([self.p, self.q, self.v]))

    def expected_average_value(
        self, *, frequency: npt.ArrayLike, monetary_value: npt.ArrayLike
    ) -> FloatArray:
        """Expected value of a future purchase of customers with these means (equation 5).

        p (v + x z) / (p x + q - 1) for `frequency` x and `monetary_value` z, numbers or (n,),
        in the currency of z: the mean over the population for those with frequency 0, drawn
        towards their own mean for others. NoFiniteMean where p x + q <= 1: then the average is
        infinite for customers like that.
        """
        checks = Checks()
        x, z = checked_spend(checks, frequency=frequency, monetary_value=monetary_value)
        checks.close()
        if self.q <= 1 and x.size and self.p * x.min() + (self.q - 1) <= 0:
            row = np.flatnonzero(self.p * x + (self.q - 1) <= 0)[0]
            reason = f"p x + q must exceed 1, and does not for row {row}"
            raise NoFiniteMean(rule="finite_mean", reason=reason)
        return by_blocks(self._mean_of, x, z)

    def _mean_of(self, x: FloatArray, z: FloatArray) -> FloatArray:
        total, weight = x * z, x * self.p
        total += self.v
        total *= self.p
        weight += self.q - 1
        total /= weight
        return total

    def probability_of_sum(
        self,
        *,
        n: npt.ArrayLike,
        at_least: npt.ArrayLike,
        frequency: npt.ArrayLike,
        monetary_value: npt.ArrayLike,
    ) -> FloatArray:
        """P(value of the next n purchases >= `at_least`) of customers with these means.

        Equation 1a for n purchases with p x + q for q and v + x z for v: what `frequency` x
        and `monetary_value` z leave of them. `at_least` is in the currency of z.

            >>> spend = GammaGammaSpend(p=1, q=1, v=10)
            >>> spend.probability_of_sum(  # 10 / (10 + 30), and (20 / (20 + 30))**2
            ...     n=1, at_least=30, frequency=[0, 1], monetary_value=[0, 10]).round(12).tolist()
            [0.25, 0.16]
        """
        checks = Checks()
        count = checks.counts("n", n)
        amount = checks.numbers("at_least", at_least, negative=True)
        x, z = checked_spend(checks, frequency=frequency, monetary_value=monetary_value)
        checks.same_shape(frequency=x, n=count, at_least=amount)
        checks.close()
        x, z, count, amount = np.broadcast_arrays(x, z, count, amount)
        chance, some = np.ones(x.shape), amount > 0
        sums = BetaPrimeSums.of(amount[some], x=x[some], z=z[some], **self.params)
        chance[some] = sums.enough(count[some])
        return chance

    def simulate(self, *, frequency: npt.ArrayLike, seed: int) -> FloatArray:
        """Draw the mean value of so many purchases of each customer, (n,); 0 where there are none.

        The same seed gives the same values with the same numpy version.

            >>> spend = GammaGammaSpend(p=6.25, q=3.74, v=15.44)
            >>> drawn = spend.simulate(frequency=[3] * 20_000 + [0], seed=1)
            >>> bool(abs(drawn[:-1].mean() / spend.population_mean - 1) < 0.02), float(drawn[-1])
            (True, 0.0)
        """
        checks = Checks()
        x = checks.counts("frequency", frequency)
        checks.whole("seed", seed)
        checks.close()
        draw = np.random.default_rng(seed)
        # nu ~ Gamma(q, v); the sum of x purchases is Gamma(p x, nu)
        scale = draw.gamma(self.q, 1 / self.v, x.shape)
        some = np.maximum(x, 1.0)
        return np.asarray(np.where(x > 0, draw.gamma(self.p * some) / scale / some, 0.0))


def checked_spend(
    checks: Checks, *, frequency: npt.ArrayLike, monetary_value: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Frequency and mean value of one shape, or faults noted in `checks`."""
    x = checks.counts("frequency", frequency)
    z = checks.numbers("monetary_value", monetary_value)
    if not checks.faults and checks.same_shape(frequency=x, monetary_value=z):
        x, z = np.broadcast_arrays(x, z)
        if anywhere(_for_nothing, x, z):
            checks.refuse_where(
                _for_nothing(x, z),
                "monetary_value",
                "must be above 0 where frequency is: leave out customers who only got gifts",
            )
    return x, z


def _for_nothing(x: FloatArray, z: FloatArray) -> BoolArray:
    return np.asarray((x > 0) & (z == 0))
