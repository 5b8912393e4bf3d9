"""What every model of contractual lifetimes is asked; arguments are checked here.

Customers under contract, such as subscribers, are known to be there until they end it, and may
end it at each renewal. A model says with which chances; it answers by the methods whose names
begin with an underscore, which get checked arrays of one shape. Time counts renewals.
"""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.ascent import Likelihood
from crmcore.analytics.checks import BoolArray, Checks, FloatArray
from crmcore.analytics.renewals import Cohorts, Renewals
from crmcore.analytics.simulation import MOST_CUSTOMERS

__all__ = ["RetentionProcess", "SimulatedContracts"]


@attrs.frozen(kw_only=True, eq=False)
class SimulatedContracts:
    """Simulated contracts of n customers, observed for `T` renewals.

    `renewals` (n) is how many times each has renewed, and `ended` (n) whether the contract
    ended at the next one; who has not ended has renewed T times. `churn` (n) is the trait drawn
    for each, the probability to end at the first renewal.
    """

    renewals: FloatArray
    ended: BoolArray
    churn: FloatArray
    T: int

    @property
    def survivors(self) -> FloatArray:
        """How many were there at the beginning and after each renewal, (T + 1,)."""
        gone = np.bincount(self.renewals[self.ended].astype(np.int64), minlength=self.T)
        lost = np.concatenate(([0], gone[: self.T].cumsum()))
        return len(self.renewals) - lost.astype(np.float64)


class RetentionProcess:
    """A model of contractual lifetimes with known parameters: what it predicts.

    Lifetimes T are counted in periods, the last of which is the one in which the contract ends:
    a customer who never renews has T = 1. `age` is the number of renewals already made, 0 for
    new customers, and `t` a number of renewals from then on. Arguments are whole numbers or
    arrays of one length n; the result has that length. InvalidInput names all that is wrong.
    """

    __slots__ = ()

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        raise NotImplementedError

    def log_likelihood_of(self, *, survivors: Cohorts) -> float:
        """The log-likelihood of these cohorts under these parameters.

        `survivors` counts the customers of a cohort at its beginning and after each renewal, or
        is a sequence of such cohorts, which may differ in length.

            >>> from crmcore.analytics import ShiftedBetaGeometricProcess
            >>> even = ShiftedBetaGeometricProcess(alpha=1, beta=1)  # half renew at first
            >>> round(even.log_likelihood_of(survivors=[2, 1]), 4)  # -2 ln 2
            -1.3863
        """
        checks = Checks()
        renewals = Renewals.checked(checks, survivors)
        checks.close()
        likelihood = self._likelihood(renewals)
        return likelihood.value(np.log([self.params[name] for name in likelihood.names]))

    def survival(self, *, t: npt.ArrayLike, age: npt.ArrayLike = 0) -> FloatArray:
        """S(t): the probability of t renewals or more, from customers who have made `age`.

        >>> from crmcore.analytics import ShiftedBetaGeometricProcess
        >>> even = ShiftedBetaGeometricProcess(alpha=1, beta=1)  # S(t) = 1 / (1 + t)
        >>> even.survival(t=[0, 1, 3]).round(9).tolist()
        [1.0, 0.5, 0.25]
        >>> round(float(even.survival(t=1, age=3)), 9)  # (1/5) / (1/4)
        0.8
        """
        ahead, made = _asked(t, age)
        return np.asarray(np.exp(self._log_survival(made, ahead)))

    def retention_rate(self, *, t: npt.ArrayLike) -> FloatArray:
        """r(t) = S(t) / S(t-1): of those who made t - 1 renewals, the share that make the t-th.

        It rises with t though nobody changes: those likely to end leave first. t is 1 or more.
        """
        time, _ = _asked(t, 0, least=1)
        return np.asarray(np.exp(self._log_survival(time - 1, np.ones(time.shape))))

    def probability_of_lifetime(self, *, t: npt.ArrayLike, age: npt.ArrayLike = 0) -> FloatArray:
        """P(T = t): that the t-th renewal from `age` on is the first not made; t is 1 or more."""
        time, made = _asked(t, age, least=1)
        before = time - 1
        there = np.exp(self._log_survival(made, before))
        stay = self._log_survival(made + before, np.ones(before.shape))
        return np.asarray(there * -np.expm1(stay))

    def expected_lifetime(self, *, age: npt.ArrayLike = 0, horizon: float = np.inf) -> FloatArray:
        """Periods that customers who have made `age` renewals are still expected to be there.

        The sum of S(t | age) over t = 0 ... horizon - 1, which counts the period they are in;
        without a `horizon` it may well be infinite: see the model.

            >>> from crmcore.analytics import ShiftedBetaGeometricProcess
            >>> process = ShiftedBetaGeometricProcess(alpha=2, beta=3)
            >>> process.expected_lifetime(age=[0, 1]).round(9).tolist()  # (2 + 3 + age - 1) / 1
            [4.0, 5.0]
        """
        end = _bounded(0.0, horizon, endless=True)[1]
        _, made = _asked(0, age)
        return self._endless(made) if np.isinf(end) else self._summed(made, 0.0, end)

    def discounted_lifetime(
        self, *, discount_rate: float, age: npt.ArrayLike = 0, horizon: float = np.inf
    ) -> FloatArray:
        """The present value of one unit of money per period, the present one included.

        The sum of S(t | age) exp(-discount_rate t) over t = 0 ... horizon - 1. For new customers
        this is the discounted expected lifetime (DEL; Fader and Hardie 2010, Customer-base
        valuation in a contractual setting): what one is worth who pays at the beginning and at
        each renewal. `discount_rate` is per period and continuous: ln(1.1) for ten per cent.
        InvalidInput also where neither horizon nor discount bounds the sum.
        """
        rate, end = _bounded(discount_rate, horizon)
        _, made = _asked(0, age)
        return self._summed(made, rate, end)

    def discounted_residual_lifetime(
        self, *, discount_rate: float, age: npt.ArrayLike = 0, horizon: float = np.inf
    ) -> FloatArray:
        """The present value of one unit of money per renewal, just before the next is due.

        The sum of S(t | age) exp(-discount_rate (t - 1)) over t = 1 ... horizon: the discounted
        expected residual lifetime (DERL; the same paper) of customers who have made `age`
        renewals and are about to decide, in the paper's count active for age + 1 periods.

            >>> from crmcore.analytics import ShiftedBetaGeometricProcess
            >>> process = ShiftedBetaGeometricProcess(alpha=3.80, beta=15.20)
            >>> process.discounted_residual_lifetime(
            ...     discount_rate=np.log(1.1), age=[0, 1, 2, 3, 4]).round(2).tolist()
            [3.31, 3.45, 3.59, 3.72, 3.84]
        """
        rate, end = _bounded(discount_rate, horizon)
        _, made = _asked(0, age)
        renews = np.exp(self._log_survival(made, np.ones(made.shape)))
        return np.asarray(renews * self._summed(made + 1, rate, end))

    def simulate(self, *, n_customers: int, T: int, seed: int) -> SimulatedContracts:
        """Draw customers and observe their contracts for `T` renewals.

        The same seed gives the same contracts with the same numpy version.
        """
        checks = Checks()
        end = checks.counts("T", T)
        if end.ndim:
            checks.refuse("T", "must be one number")
        checks.whole("n_customers", n_customers, most=MOST_CUSTOMERS)
        checks.whole("seed", seed)
        checks.close()
        lifetime, churn = self._draw(np.random.default_rng(seed), n_customers)
        return SimulatedContracts(
            renewals=np.minimum(lifetime - 1, end), ended=lifetime <= end, churn=churn, T=int(end)
        )

    # What a model answers, given checked arrays of one shape (n,) or () each.

    def _likelihood(self, renewals: Renewals) -> Likelihood:
        """The log-likelihood of these renewals, as a function of the log parameters."""
        raise NotImplementedError

    def _log_survival(self, age: FloatArray, t: FloatArray) -> FloatArray:
        """ln P(t more renewals | `age` made), smooth in t; all shapes that broadcast."""
        raise NotImplementedError

    def _summed(self, age: FloatArray, rate: float, end: float) -> FloatArray:
        """The sum of S(t | age) exp(-rate t) over t = 0 ... end - 1, (n,)."""
        raise NotImplementedError

    def _endless(self, age: FloatArray) -> FloatArray:
        """The sum of S(t | age) over all t; infinite where it does not converge."""
        raise NotImplementedError

    def _draw(self, draw: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        """Lifetimes, possibly infinite, and probabilities to end at the first renewal."""
        raise NotImplementedError


def _asked(t: npt.ArrayLike, age: npt.ArrayLike, least: int = 0) -> tuple[FloatArray, FloatArray]:
    """`t` and `age` in one shape."""
    checks = Checks()
    ahead, made = checks.counts("t", t), checks.counts("age", age)
    if least:
        checks.refuse_where(ahead == 0, "t", "must be 1 or more")
    checks.same_shape(t=ahead, age=made)
    checks.close()
    ahead, made = np.broadcast_arrays(ahead, made)
    return ahead, made


def _bounded(rate: float, horizon: float, *, endless: bool = False) -> tuple[float, float]:
    """A discount rate and a horizon, one of which makes sums finite, unless `endless` will do."""
    checks = Checks()
    rate = checks.number("discount_rate", rate)
    end = checks.number("horizon", horizon, infinite=True)
    if np.isfinite(end):
        checks.counts("horizon", end)
    elif rate == 0 and not endless:
        checks.refuse("horizon", "must be finite where discount_rate is 0")
    checks.close()
    return rate, end
