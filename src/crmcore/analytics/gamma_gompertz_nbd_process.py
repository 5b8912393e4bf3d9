"""The GGom/NBD process: customers who buy at random and leave the sooner the older they are.

Bemmaor and Glady (2012), Modeling purchasing behavior with sudden "death": a flexible customer
lifetime model. While a customer is alive, purchases come at the rate lambda; at age t the customer
leaves at the rate eta b e**(b t); over customers lambda is Gamma(r, alpha) and eta is
Gamma(s, beta), independently. All times are in one unit, that of the data to which the parameters
belong.
"""

from __future__ import annotations

import attrs
import numpy as np

from crmcore.analytics.any_time_process import AnyTimeProcess
from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.gamma_gompertz_nbd_ahead import GompertzAhead
from crmcore.analytics.gamma_gompertz_nbd_likelihood import GammaGompertzNBDLikelihood
from crmcore.analytics.gompertz_silences import log_odds_gone, stays_from
from crmcore.analytics.histories import Cells
from crmcore.analytics.options import positive

__all__ = ["GammaGompertzNBDProcess"]


@attrs.frozen(kw_only=True)
class GammaGompertzNBDProcess(AnyTimeProcess):
    """The GGom/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates, so
    their mean is r / alpha. `b` (one by a time) is how fast rates of leaving grow with age, and `s`
    and `beta` (plain numbers) shape how customers differ in them: (beta / (beta + e**(b t) - 1))**s
    stay beyond age t. With b near 0 and beta / b constant this is the Pareto/NBD model.

    Somebody alive at T with x purchases goes on like a new customer of a process with r + x,
    alpha + T, b, s and 1 + (beta - 1) e**(-b T). Expectations and discounting are integrals over
    time without a closed form, computed to about eleven digits; P(X = n) is the difference of two
    upper tails and has as many digits of the larger.

        >>> from crmcore.analytics import GammaGompertzNBDProcess
        >>> process = GammaGompertzNBDProcess(r=2, alpha=1, b=1, s=1, beta=1)
        >>> round(float(process.expected_purchases_new(t=1)), 6)  # 2 (1 - e**-1)
        1.264241
        >>> process.probability_alive(frequency=3, recency=2, T=2).tolist()
        1.0
    """

    b: float = attrs.field(converter=as_number, validator=positive)
    s: float = attrs.field(converter=as_number, validator=positive)  # again: in the papers' order
    beta: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha, "b": self.b, "s": self.s, "beta": self.beta}

    def _likelihood(self, cells: Cells) -> GammaGompertzNBDLikelihood:
        return GammaGompertzNBDLikelihood.of(cells)

    def _log_odds_gone(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        return log_odds_gone(
            self.r + x, recency, age, alpha=self.alpha, b=self.b, s=self.s, beta=self.beta
        )

    def _ahead(self, x: FloatArray, age: FloatArray) -> GompertzAhead:
        return GompertzAhead(
            shape=self.r + x, since=self.alpha + age, b=self.b, s=self.s,
            stays=stays_from(age, b=self.b, beta=self.beta),
        )  # fmt: skip

    def _leaves(self, dropout: FloatArray, waited: FloatArray) -> FloatArray:
        return np.asarray(np.log1p(waited / dropout) / self.b)
