"""The sum of the logarithms of a customer's times between purchases: how regular they were.

Of a given number of purchases within a given time, the sum is largest where they come at equal
distances. The density of Erlang-k times depends on them by this sum only:

    product(gap**(k-1)) / Gamma(k)**x

besides what depends on other parameters. Who knows the time t_x of the last purchase only, and so
nothing of the times between, has the density of a sum of Erlang times instead. Beside that of
k = 1, which is what the likelihoods of other models leave out, it has the factor

    t_x**((k-1) x) Gamma(x) / Gamma(k x)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.histories import History

__all__ = ["checked_log_intervals", "log_gaps", "log_spread"]

ROUNDED = 0.1
"""What rounding of times may add to a logarithm."""


def checked_log_intervals(
    checks: Checks, log_intervals: npt.ArrayLike, history: History
) -> FloatArray:
    """The sums, (n), or faults noted in `checks`: what no times between purchases sum up to."""
    logs = checks.numbers("log_intervals", log_intervals, negative=True)
    if checks.faults or not checks.same_shape(frequency=history.x, log_intervals=logs):
        return np.zeros(0)
    x, last, logs = np.broadcast_arrays(history.x, history.recency, logs)
    none, one = x == 0, x == 1
    checks.refuse_where(none & (logs != 0), "log_intervals", "must be 0 where frequency is 0")
    even = np.log(np.where(none, 1.0, last)) - np.log(np.maximum(x, 1.0))
    checks.refuse_where(
        ~none & (logs > x * (even + ROUNDED)),
        "log_intervals",
        "must not exceed frequency * ln(recency / frequency), in the unit of recency",
    )
    checks.refuse_where(
        one & (logs < even - ROUNDED), "log_intervals", "must be ln(recency) where frequency is 1"
    )
    return logs


def log_gaps(k: int, *, purchases: float, log_intervals: float) -> float:
    """The logarithm of the first factor, over customers with so many `purchases` in all."""
    return (k - 1) * log_intervals - float(gammaln(k)) * purchases


def log_spread(k: int, x: FloatArray, recency: FloatArray, weight: FloatArray) -> float:
    """The logarithm of the second factor, over customers of these histories."""
    some = (x > 0) & (k > 1)
    x, last, weight = x[some], recency[some], weight[some]
    return float((weight * ((k - 1) * x * np.log(last) + gammaln(x) - gammaln(k * x))).sum())
