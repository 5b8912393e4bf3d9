"""The silence since a last purchase: when in it customers of the Pareto/NBD model may have left.

That model leaves one integral, over the time tau of leaving between the last purchase t_x and T,

    s  integral of  (alpha + tau)**-k (beta + tau)**-(s+1) dtau,        k = r + x.

The papers write it as a difference of two hypergeometric functions, which cancel where counts
are large. Here it is a sum of positive terms: Gauss-Legendre quadrature in y = ln(m + tau), with
m the smaller of alpha and beta. In y neither factor has a singularity nearer than pi to the path,
whatever the parameters are. The path ends where the rest is less than e**-42 of the whole, and
has as many nodes as its length and the fall along it need, often 12. Right to about 1e-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self, TypeAlias

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.legendre import NEGLIGIBLE, parts, rule, sizes

__all__ = ["Silence", "log_odds_gone", "silences"]

Each: TypeAlias = FloatArray | float
"""A parameter of all rows, or of each (n)."""


@attrs.frozen(kw_only=True, eq=False)
class Silence:
    """Nodes tau of some customers' silences: arrays (nodes, rows), and the `rows` they belong to.

    `grown_alpha` is (tau - t_x) / (alpha + t_x) and `log_alpha` the logarithm of 1 + it; the same
    with beta. `share` (nodes, rows) adds up to 1: the probability of each time of leaving among
    those who left. `log_odds` (rows) is that of having left before T.
    """

    rows: IntArray
    grown_alpha: FloatArray
    log_alpha: FloatArray
    grown_beta: FloatArray
    log_beta: FloatArray
    share: FloatArray
    log_odds: FloatArray


def silences(
    shape: FloatArray, recency: FloatArray, T: FloatArray, *, alpha: Each, s: Each, beta: Each
) -> Iterator[Silence]:
    """The silences of customers with `shape` r + x (n), some rows at a time.

    Customers who bought at T itself had none, and appear nowhere. Parameters may differ from row
    to row, but alpha is at most beta in all rows or in none.
    """
    path = _Path.of(shape, recency, T, alpha=alpha, s=s, beta=beta)
    return (path.silence(rows, size) for rows, size in parts(path.size))


def log_odds_gone(
    shape: FloatArray, recency: FloatArray, T: FloatArray, *, alpha: Each, s: Each, beta: Each
) -> FloatArray:
    """The log odds (n) that customers have left before T; minus infinity without a silence.

    Parameters as of `silences`.
    """
    path = _Path.of(shape, recency, T, alpha=alpha, s=s, beta=beta)
    odds = np.full(len(shape), -np.inf)
    for rows, size in parts(path.size):
        odds[rows] = path.log_odds(rows, size)
    return odds


@attrs.frozen(kw_only=True, eq=False)
class _Path:
    """Along the distance y from t_x the integrand is exp(-near y - far ln(1 + ratio (e**y - 1))).

    y begins at whichever of alpha + t_x and beta + t_x is smaller and is `length` long; `scale`
    is the logarithm of what the integral is multiplied by to become the odds. All arrays are (n).
    """

    near: FloatArray
    far: FloatArray
    ratio: FloatArray
    length: FloatArray
    size: IntArray
    scale: FloatArray
    alpha_is_near: bool

    @classmethod
    def of(
        cls, shape: FloatArray, recency: FloatArray, T: FloatArray, *,
        alpha: Each, s: Each, beta: Each,
    ) -> Self:  # fmt: skip
        from_alpha, from_beta = alpha + recency, beta + recency
        silent = T - recency
        ratio, near, far = from_alpha / from_beta, shape - 1, np.full(len(shape), s + 1)
        scale = shape * np.log1p(silent / from_alpha) + s * np.log1p(silent / from_beta)
        alpha_is_near = bool(np.all(alpha <= beta))
        end = np.minimum(silent, _reach(from_beta, s))
        end = np.minimum(end, _reach(from_alpha, shape - 1))
        long, short = np.log1p(end / from_alpha), np.log1p(end / from_beta)
        fall = np.maximum(shape - 1, 0) * long + s * short
        size = np.where(silent > 0, sizes(np.maximum(long, short), fall), 0)
        with np.errstate(divide="ignore"):
            if alpha_is_near:
                length, scale = long, scale + np.log(s * long * ratio)
            else:
                length, scale = short, scale + np.log(s * short)
                near, far, ratio = np.full(len(shape), s), shape, 1 / ratio
        return cls(
            near=near, far=far, ratio=ratio, length=length, size=size, scale=scale,
            alpha_is_near=alpha_is_near,
        )  # fmt: skip

    def log_odds(self, rows: IntArray, size: int) -> FloatArray:
        """The log odds alone, in few passes."""
        nodes, weights = rule(size)
        y = nodes * self.length[rows]
        term = np.expm1(y)
        term *= self.ratio[rows]
        np.log1p(term, out=term)
        term *= -self.far[rows]
        y *= self.near[rows]
        term -= y
        np.exp(term, out=term)
        return np.asarray(self.scale[rows] + np.log(np.einsum("n,nc->c", weights[:, 0], term)))

    def silence(self, rows: IntArray, size: int) -> Silence:
        """These rows, by `size` nodes each."""
        nodes, weights = rule(size)
        y = nodes * self.length[rows]
        near = np.expm1(y)
        far = near * self.ratio[rows]
        log_far = np.log1p(far)
        term = np.exp(-self.near[rows] * y - self.far[rows] * log_far) * weights
        total = term.sum(axis=0)
        alpha, beta = ((near, y), (far, log_far))[:: 1 if self.alpha_is_near else -1]
        return Silence(
            rows=rows,
            grown_alpha=alpha[0],
            log_alpha=alpha[1],
            grown_beta=beta[0],
            log_beta=beta[1],
            share=term / total,
            log_odds=self.scale[rows] + np.log(total),
        )


def _reach(start: FloatArray, power: FloatArray | float) -> FloatArray:
    """How far from `start` the integral of tau**-(power + 1) is complete; ever if it diverges."""
    with np.errstate(divide="ignore", over="ignore"):
        depth = np.where(power > 0, NEGLIGIBLE / np.maximum(power, 1e-300), np.inf)
        return np.asarray(start * np.expm1(depth))
