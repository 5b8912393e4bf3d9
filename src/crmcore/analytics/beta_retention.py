"""Contractual lifetimes whose probabilities to end are beta-distributed over customers.

A customer ends the contract at the first renewal with probability theta, and is still there
after t of them with probability (1 - theta)**u(t), where u(t) = t**power: with power 1 the
chance is the same at each renewal, above 1 it grows with the time a customer has been there,
below 1 it falls. Over customers theta is Beta(alpha, beta), so that

    S(t) = B(alpha, beta + u(t)) / B(alpha, beta)
"""

from __future__ import annotations

import numpy as np

from crmcore.analytics.checks import FloatArray
from crmcore.analytics.gamma_steps import log_cross
from crmcore.analytics.retention_process import RetentionProcess
from crmcore.analytics.whole_sums import whole_nodes

__all__ = ["BetaRetention", "stretch"]

FORGOTTEN = 45.0
"""Discounted by e**-45 a period is worth nothing in float64."""
FAR = 250.0
"""Up to 10**FAR in u a sum without end is taken; beyond that S is a power of t."""
AT_ONCE = 1 << 20
"""About how many terms of sums are held together."""


def stretch(age: FloatArray, t: FloatArray, power: float) -> tuple[FloatArray, FloatArray]:
    """u(age) and u(age + t) - u(age), the latter not as a difference of large numbers."""
    if power == 1:
        return age, t
    start = age**power
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = start * np.expm1(power * np.log1p(t / age))
    return start, np.where(age > 0, grown, t**power)


class BetaRetention(RetentionProcess):
    """What follows from alpha, beta and the power."""

    __slots__ = ()

    alpha: float
    beta: float

    @property
    def _power(self) -> float:
        raise NotImplementedError

    def _log_survival(self, age: FloatArray, t: FloatArray) -> FloatArray:
        start, more = stretch(age, t, self._power)
        return -log_cross(self.beta + start, self.alpha, more)

    def _summed(self, age: FloatArray, rate: float, end: float) -> FloatArray:
        if rate > 0:
            end = min(end, np.ceil(FORGOTTEN / rate))
        t, weight = whole_nodes(end, 1 + 1 / max(1.0, self._power))
        return self._mean(age, t, weight * np.exp(-rate * t))

    def _mean(self, age: FloatArray, t: FloatArray, weight: FloatArray) -> FloatArray:
        """The weighted sum of S(t | age) for each age, once per different one."""
        ages, place = np.unique(age, return_inverse=True)
        sums = np.empty(len(ages))
        for part in np.array_split(np.arange(len(ages)), 1 + len(ages) * len(t) // AT_ONCE):
            there = np.exp(self._log_survival(ages[part, None], t))
            sums[part] = (there * weight).sum(axis=1)
        return sums[place.reshape(age.shape)]

    def _endless(self, age: FloatArray) -> FloatArray:
        falls = self._power * self.alpha
        if falls <= 1:
            return np.full(age.shape, np.inf)
        if self._power == 1:
            return np.asarray((self.alpha + self.beta + age - 1) / (self.alpha - 1))
        far = 10.0 ** (FAR / max(1.0, self._power))
        t, weight = whole_nodes(far, 1 + 1 / max(1.0, self._power))
        rest = np.exp(self._log_survival(age, np.asarray(far)) + np.log(far) - np.log(falls - 1))
        return np.asarray(self._mean(age, t, weight) + rest)

    def _draw(self, draw: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        churn = draw.beta(self.alpha, self.beta, n)
        with np.errstate(divide="ignore", over="ignore"):
            passed = draw.standard_exponential(n) / -np.log1p(-churn)
            return np.floor(passed ** (1 / self._power)) + 1, churn
