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

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.legendre import rule, sizes

__all__ = ["Silence", "log_odds_gone", "silences"]

NEGLIGIBLE = 42.0
"""Terms smaller than the sum by e**-42 change nothing in float64."""
AT_ONCE = 1 << 14
"""Nodes times customers held at a time, so that they stay in the processor's cache."""


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
    shape: FloatArray, recency: FloatArray, T: FloatArray, *, alpha: float, s: float, beta: float
) -> Iterator[Silence]:
    """The silences of customers with `shape` r + x (n), some rows at a time.

    Customers who bought at T itself had none, and appear nowhere.
    """
    from_alpha, from_beta = alpha + recency, beta + recency
    length = T - recency
    end = np.minimum(length, _reach(from_beta, s))
    end = np.minimum(end, _reach(from_alpha, shape - 1))
    long, short = np.log1p(end / from_alpha), np.log1p(end / from_beta)
    fall = np.maximum(shape - 1, 0) * long + s * short
    path = _Path(
        shape=shape, from_alpha=from_alpha, from_beta=from_beta, length=length,
        alpha_is_nearer=alpha <= beta, y=long if alpha <= beta else short, s=s,
    )  # fmt: skip
    size = np.where(length > 0, sizes(np.maximum(long, short), fall), 0)
    for many in np.unique(size[size > 0]).tolist():
        which = np.flatnonzero(size == many).astype(np.int64)
        step = AT_ONCE // many
        for begin in range(0, len(which), step):
            yield path.silence(which[begin : begin + step], many)


def log_odds_gone(
    shape: FloatArray, recency: FloatArray, T: FloatArray, *, alpha: float, s: float, beta: float
) -> FloatArray:
    """The log odds (n) that customers have left before T; minus infinity without a silence."""
    odds = np.full(len(shape), -np.inf)
    for silence in silences(shape, recency, T, alpha=alpha, s=s, beta=beta):
        odds[silence.rows] = silence.log_odds
    return odds


def _reach(start: FloatArray, power: FloatArray | float) -> FloatArray:
    """How far from `start` the integral of tau**-(power + 1) is complete; ever if it diverges."""
    with np.errstate(divide="ignore", over="ignore"):
        depth = np.where(power > 0, NEGLIGIBLE / np.maximum(power, 1e-300), np.inf)
        return np.asarray(start * np.expm1(depth))


@attrs.frozen(kw_only=True, eq=False)
class _Path:
    """Where to look: the distance `y` from whichever of the two starts is smaller, all (n)."""

    shape: FloatArray
    from_alpha: FloatArray
    from_beta: FloatArray
    length: FloatArray
    alpha_is_nearer: bool
    y: FloatArray
    s: float

    def silence(self, rows: IntArray, size: int) -> Silence:
        """These rows, by `size` nodes each."""
        columns = (self.shape, self.from_alpha, self.from_beta, self.length, self.y)
        shape, from_alpha, from_beta, length, path = (column[rows] for column in columns)
        nodes, weights = rule(size)
        y = nodes * path
        grown = np.expm1(y)
        ratio = from_alpha / from_beta
        if self.alpha_is_nearer:
            grown_alpha, grown_beta = grown, grown * ratio
            log_alpha, log_beta = y, np.log1p(grown_beta)
            term = np.exp(-(shape - 1) * y - (self.s + 1) * log_beta)
            per_time = path * ratio
        else:
            grown_alpha, grown_beta = grown / ratio, grown
            log_alpha, log_beta = np.log1p(grown_alpha), y
            term = np.exp(-shape * log_alpha - self.s * y)
            per_time = path
        term *= weights
        total = term.sum(axis=0)
        survival = shape * np.log1p(length / from_alpha) + self.s * np.log1p(length / from_beta)
        return Silence(
            rows=rows,
            grown_alpha=grown_alpha,
            log_alpha=log_alpha,
            grown_beta=grown_beta,
            log_beta=log_beta,
            share=term / total,
            log_odds=survival + np.log(self.s * per_time * total),
        )
