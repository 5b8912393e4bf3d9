"""Simulated purchases, and the histories that an observer would have noted."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import FloatArray, IntArray

__all__ = ["MOST_CUSTOMERS", "MOST_PURCHASES", "Drawn", "SimulatedPurchases"]

MOST_CUSTOMERS = MOST_PURCHASES = 10**9
"""More are not simulated at once."""


@attrs.frozen(eq=False)
class Drawn:
    """What a model drew: `customer` (m) and `time` (m) of each purchase, `rate` and `dropout` (n).

    Purchases of one customer stand in order of time.
    """

    customer: npt.NDArray[np.intp]
    time: FloatArray
    rate: FloatArray
    dropout: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class SimulatedPurchases:
    """Repeat purchases of simulated customers, in order of customer and time.

    `customer` (m) is the index of the buyer from 0 to n - 1 and `time` (m) the age of the
    relation at the purchase, counted from the first purchase, which is not listed. `T` (n) is
    the age at the end and `rate` (n), `dropout` (n) are the traits drawn for each customer.
    """

    customer: npt.NDArray[np.intp]
    time: FloatArray
    T: FloatArray
    rate: FloatArray
    dropout: FloatArray

    @property
    def frequency(self) -> IntArray:
        """Repeat purchases of each customer, (n,)."""
        return np.bincount(self.customer, minlength=len(self.T)).astype(np.int64)

    @property
    def recency(self) -> FloatArray:
        """Age at the last repeat purchase, 0 where there is none, (n,)."""
        last = np.zeros(len(self.T))
        np.maximum.at(last, self.customer, self.time)
        return last

    @property
    def log_intervals(self) -> FloatArray:
        """Sum of ln(time since the purchase before) over the repeat purchases of each, (n,)."""
        before = np.where(np.diff(self.customer, prepend=-1) != 0, 0.0, np.roll(self.time, 1))
        logs = np.bincount(self.customer, np.log(self.time - before), minlength=len(self.T))
        return np.asarray(logs, np.float64)
