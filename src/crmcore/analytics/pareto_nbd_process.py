"""The Pareto/NBD process: customers who buy at random and may leave at any moment.

Schmittlein, Morrison and Colombo (1987), Counting your customers: who are they and what will they
do next? While a customer is alive, purchases come at the rate lambda; the customer leaves for good
after an exponential lifetime of rate mu, whether buying or not; over customers lambda is
Gamma(r, alpha) and mu is Gamma(s, beta), independently. All times are in one unit, that of the
data to which the parameters belong.
"""

from __future__ import annotations

import attrs
import numpy as np

from crmcore.analytics.any_time_process import AnyTimeProcess
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.histories import Cells
from crmcore.analytics.pareto_nbd_ahead import ParetoAhead
from crmcore.analytics.pareto_nbd_likelihood import ParetoNBDLikelihood
from crmcore.analytics.silences import log_odds_gone

__all__ = ["ParetoNBDProcess"]


@attrs.frozen(kw_only=True)
class ParetoNBDProcess(AnyTimeProcess):
    """The Pareto/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates, so
    their mean is r / alpha; `s` and `beta` (a time) are those of the rates of leaving, so half of
    all customers have left by beta (2**(1/s) - 1).

    In the paper: equations 11 to 13 are P(alive), 17 is E[X(t)] and 22 the expectation given a
    history; Fader and Hardie (2006) derive P(X(t) = n). None is computed by hypergeometric
    functions. Somebody alive at T with x purchases goes on like a new customer of a process with
    r + x, alpha + T, s and beta + T, which answers all questions about the future. At s = 1 the
    expectation is its limit. Discounting without end is that of Fader, Hardie and Lee (2005), RFM
    and CLV, its confluent hypergeometric function integrated numerically.

        >>> from crmcore.analytics import ParetoNBDProcess
        >>> process = ParetoNBDProcess(r=1, alpha=1, s=1, beta=1)
        >>> float(process.probability_alive(frequency=0, recency=0, T=1))  # odds of leaving 3/2
        0.4
        >>> round(float(process.expected_purchases_new(t=1)), 6)  # ln 2
        0.693147
    """

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha, "s": self.s, "beta": self.beta}

    def _likelihood(self, cells: Cells) -> ParetoNBDLikelihood:
        return ParetoNBDLikelihood.of(cells)

    def _log_odds_gone(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        return log_odds_gone(self.r + x, recency, age, alpha=self.alpha, s=self.s, beta=self.beta)

    def _ahead(self, x: FloatArray, age: FloatArray) -> ParetoAhead:
        return ParetoAhead(
            shape=self.r + x, since=self.alpha + age, s=self.s, stays=self.beta + age
        )

    def _leaves(self, dropout: FloatArray, waited: FloatArray) -> FloatArray:
        return np.asarray(waited / dropout)
