"""What the next k purchases amount to: how likely their sum is enough to fill a gap.

Amounts of one customer are independent and gamma distributed, so their sum is gamma too. Its
rate is known (`GammaSums`), or what the Gamma-Gamma model leaves of it after the customer's own
purchases (`BetaPrimeSums`): nu ~ Gamma(q + p x, v + x z), over which the sum is v + x z times a
beta prime variable (Fader and Hardie 2013, equation 1a with k for x and these for q and v).
"""

from __future__ import annotations

from typing import Protocol, Self

import attrs
import numpy as np
from scipy.special import expit, gammainc, gammaincc

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.purchases_ahead import beta_below

__all__ = ["BetaPrimeSums", "GammaSums", "Sums"]


class Sums(Protocol):
    """Sums of the next k purchases of n customers, each against an amount above 0.

    k need not be whole. `enough` rises with k from 0 at k = 0, `short` is 1 - `enough`, and
    either is exact where it is tiny.
    """

    def at(self, rows: IntArray) -> Self:
        """These rows, in the shape of `rows`."""
        ...

    def enough(self, k: FloatArray) -> FloatArray:
        """P(sum of k >= amount)."""
        ...

    def short(self, k: FloatArray) -> FloatArray:
        """P(sum of k < amount)."""
        ...


@attrs.frozen(kw_only=True, eq=False)
class BetaPrimeSums:
    """Sums in the Gamma-Gamma model; `below` is amount / (v + x z + amount), `above` 1 - that."""

    p: float
    q: FloatArray
    below: FloatArray
    above: FloatArray

    @classmethod
    def of(
        cls, amount: FloatArray, *, x: FloatArray, z: FloatArray, p: float, q: float, v: float
    ) -> Self:
        """After `x` purchases of mean `z`, against `amount` above 0, all (n)."""
        with np.errstate(divide="ignore"):
            scale = np.logaddexp(np.log(v), np.log(x) + np.log(z))
        odds = np.log(amount) - scale
        return cls(p=p, q=q + p * x, below=expit(odds), above=expit(-odds))

    def at(self, rows: IntArray) -> Self:
        """These rows, in their shape."""
        q, below, above = (one[rows] for one in (self.q, self.below, self.above))
        return attrs.evolve(self, q=q, below=below, above=above)

    def enough(self, k: FloatArray) -> FloatArray:
        """I_above(q + p x, p k)."""
        some = self.p * np.where(k > 0, k, 1.0)
        return np.where(k > 0, beta_below(self.q, some, self.above, self.below), 0.0)

    def short(self, k: FloatArray) -> FloatArray:
        """I_below(p k, q + p x)."""
        some = self.p * np.where(k > 0, k, 1.0)
        return np.where(k > 0, beta_below(some, self.q, self.below, self.above), 1.0)


@attrs.frozen(kw_only=True, eq=False)
class GammaSums:
    """Sums of amounts of known mean and coefficient of variation.

    `shape` is variation**-2, that of one amount, and `level` amount x shape / mean, both (n).
    """

    shape: FloatArray
    level: FloatArray

    @classmethod
    def of(cls, amount: FloatArray, *, mean: FloatArray, variation: FloatArray) -> Self:
        """Against `amount` > 0; a mean of 0 is never enough."""
        shape = variation**-2.0
        with np.errstate(divide="ignore", over="ignore"):
            return cls(shape=shape, level=amount / mean * shape)

    def at(self, rows: IntArray) -> Self:
        """These rows, in their shape."""
        return attrs.evolve(self, shape=self.shape[rows], level=self.level[rows])

    def enough(self, k: FloatArray) -> FloatArray:
        """Q(k shape, level), the upper incomplete gamma function."""
        some = self.shape * np.where(k > 0, k, 1.0)
        return np.where(k > 0, gammaincc(some, self.level), 0.0)

    def short(self, k: FloatArray) -> FloatArray:
        """P(k shape, level), the lower one."""
        some = self.shape * np.where(k > 0, k, 1.0)
        return np.where(k > 0, gammainc(some, self.level), 1.0)
