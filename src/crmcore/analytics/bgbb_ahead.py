"""How many of the next opportunities customers with a history take, while they are there.

In the BG/BB model (Fader, Hardie and Shang 2010) customers who are there at opportunity T + 1
after x of T have p ~ Beta(alpha + x, beta + T - x) and theta ~ Beta(gamma, delta + T + 1). They
take n or more of the next t if the n-th is taken at one of them, and they are still there:

    P(X >= n) = sum over j = n ... t of P(n-th purchase at opportunity j) P(there at j)

which has positive terms only. P(X = n) is the sum over the last opportunity that they see.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray
from crmcore.analytics.gamma_steps import log_cross, log_rise
from crmcore.analytics.histories import groups
from crmcore.analytics.whole_sums import Terms

__all__ = ["TakenAhead"]

AT_ONCE = 1 << 20
"""About how many terms of sums are held together."""
LONG = 4096.0
"""Sums of more terms than this are taken in blocks, narrow ones where n is large."""


@attrs.frozen(kw_only=True, eq=False)
class TakenAhead:
    """Probabilities of `n` among the next `t`, given `x` of `T`; the four of one shape."""

    x: FloatArray
    T: FloatArray
    t: FloatArray
    n: FloatArray
    alpha: float
    beta: float
    gamma: float
    delta: float

    def at_least(self) -> FloatArray:
        """P(X >= n | alive at T + 1) for n at or above 1."""
        return self._per_row(self._at_least)

    def exactly(self) -> FloatArray:
        """P(X = n | alive at T + 1)."""
        return self._per_row(self._exactly)

    def _per_row(self, chance: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """`chance` of the columns (4, m) of different rows, a few rows together."""
        columns = [np.ravel(np.asarray(c, np.float64)) for c in (self.x, self.T, self.t, self.n)]
        order, starts = groups(*columns)
        rows = np.stack(columns)[:, order[starts]]
        results = np.empty(rows.shape[1])
        sizes = np.minimum(np.maximum(rows[2] - rows[3], 0) + 2, LONG * 20)
        pieces = np.floor(np.cumsum(sizes) / AT_ONCE)
        for part in np.split(np.arange(len(sizes)), np.flatnonzero(np.diff(pieces)) + 1):
            results[part] = chance(rows[:, part])
        out = np.empty(len(order))
        out[order] = np.repeat(results, np.diff(starts, append=len(order)))
        return out.reshape(np.shape(self.n))

    def _terms(self, count: FloatArray, n: FloatArray) -> Terms:
        """Sums of `count` terms, each as wide as the time of an n-th purchase is spread."""
        narrow = 1 + 1 / np.sqrt(1 + n)
        whole = count <= LONG
        short = Terms.of(np.where(whole, count, 0.0), 1.0)
        long = Terms.of(np.where(whole, 0.0, count), np.where(whole, 2.0, narrow))
        return Terms(
            np.concatenate((short.row, long.row)), np.concatenate((short.k, long.k)),
            np.concatenate((short.weight, long.weight)), len(count),
        )  # fmt: skip

    def _taken(self, rows: FloatArray, terms: Terms) -> FloatArray:
        """ln of (alpha')_n (beta')_i / (alpha' + beta')_(n + i) for i passed by."""
        x, age, _, n = rows[:, terms.row]
        some = log_rise(self.alpha + x, n) + log_rise(self.beta + age - x, terms.k)
        return some - log_rise(self.alpha + self.beta + age, n + terms.k)

    def _there(self, age: FloatArray, seen: FloatArray) -> FloatArray:
        """ln of the chance to stay for as many opportunities after the first."""
        return -log_cross(self.delta + age + 1, self.gamma, seen)

    def _at_least(self, rows: FloatArray) -> FloatArray:
        _, age, t, n = rows
        terms = self._terms(np.maximum(t - n + 1, 0.0), n)
        i, count, since = terms.k, n[terms.row], age[terms.row]
        ways = log_rise(count, i) - log_rise(1.0, i)
        stay = self._there(since, count + i - 1)
        return np.minimum(terms.sum(np.exp(ways + self._taken(rows, terms) + stay)), 1.0)

    def _exactly(self, rows: FloatArray) -> FloatArray:
        _, age, t, n = rows
        terms = self._terms(np.maximum(t - n, 0.0), n)
        i, count, since = terms.k, n[terms.row], age[terms.row]
        seen = count + i
        ways = log_rise(count + 1, i) - log_rise(1.0, i)
        stay = self._there(since, np.maximum(seen - 1, 0.0))
        goes = self.gamma / (self.gamma + self.delta + since + seen)
        goes = np.where(seen > 0, goes, 0.0)  # those who are there see the first
        chance = terms.sum(np.exp(ways + self._taken(rows, terms) + stay) * goes)
        whole = Terms(np.arange(len(t)), np.maximum(t - n, 0.0), np.ones(len(t)), len(t))
        ways = log_rise(n + 1, whole.k) - log_rise(1.0, whole.k)
        stay = self._there(age, np.maximum(t - 1, 0.0))
        chance += np.where(t >= n, np.exp(ways + self._taken(rows, whole) + stay), 0.0)
        return np.minimum(chance, 1.0)
