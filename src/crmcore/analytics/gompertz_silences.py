"""The silence since a last purchase, where the rate of leaving grows with age (GGom/NBD).

Customers stay beyond age t with probability exp(-s v), where v = ln(1 + (e**(b t) - 1) / beta). As
in `silences`, the odds of having left are an integral over the time of leaving, between t_x and T,

    s  integral of  (alpha + tau)**-k exp(-s v(tau)) dv(tau),        k = r + x.

Age renews the process: from t_x on it is the same with `stays_from` for beta. The path is
y = ln(c + w), with w what v has grown since t_x and c near the singularity that alpha brings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.legendre import NEGLIGIBLE, parts, rule, sizes

__all__ = [
    "GompertzPath",
    "GompertzSilence",
    "grown",
    "log_odds_gone",
    "silences",
    "stays_from",
    "waited",
]

LARGE = 500.0
"""Beyond this exp(x) - 1 is exp(x), and the logarithms below are straight lines."""


def stays_from(age: FloatArray, *, b: float, beta: float) -> FloatArray:
    """What beta becomes for those who are still there at this age."""
    return np.asarray(beta * np.exp(-b * age) - np.expm1(-b * age))


def grown(time: FloatArray, stays: FloatArray, *, b: float) -> FloatArray:
    """What v grows within a time, from an age with beta = `stays`."""
    small = np.minimum(b * time, LARGE)
    return np.asarray(np.log1p(np.expm1(small) / stays) + (b * time - small))


def waited(w: FloatArray, stays: FloatArray, *, b: float) -> FloatArray:
    """The time within which v grows by w."""
    small = np.minimum(w, LARGE)
    return np.asarray((np.log1p(stays * np.expm1(small)) + (w - small)) / b)


@attrs.frozen(kw_only=True, eq=False)
class GompertzPath:
    """Paths over w from `first`, `length` long in y; arrays (n)."""

    near: FloatArray
    first: FloatArray
    length: FloatArray
    size: IntArray

    @classmethod
    def of(cls, ratio: FloatArray, first: FloatArray, last: FloatArray, fall: FloatArray) -> Self:
        """From w = `first` to `last`; `ratio` tells how near to 0 the integrand is singular."""
        near = np.where(ratio < 1, ratio, 1 + np.log(np.maximum(ratio, 1.0)))
        length = np.log1p((last - first) / (near + first))
        size = sizes(np.where(ratio < 1, 5.0, 20.0) * length, np.minimum(fall, 100.0))
        return cls(near=near, first=first, length=length, size=np.where(length > 0, size, 0))

    def nodes(self, rows: IntArray, many: int) -> tuple[FloatArray, FloatArray]:
        """w at the nodes (many, rows), and the weights of dw."""
        nodes, weights = rule(many)
        start = self.near[rows] + self.first[rows]
        y = nodes * self.length[rows]
        weights = weights * self.length[rows] * start * np.exp(y)
        return self.first[rows] + start * np.expm1(y), weights


@attrs.frozen(kw_only=True, eq=False)
class GompertzSilence:
    """Nodes of some customers' silences: `since` t_x and `gained` v (nodes, rows), and their
    `share`, which adds up to 1; `log_odds` (rows) of having left before T, and `log_area`, that of
    having left rather than being alive at t_x.
    """

    rows: IntArray
    since: FloatArray
    gained: FloatArray
    share: FloatArray
    log_odds: FloatArray
    log_area: FloatArray


def silences(
    shape: FloatArray,
    recency: FloatArray,
    T: FloatArray,
    *,
    alpha: float,
    b: float,
    s: float,
    beta: float,
) -> Iterator[GompertzSilence]:
    """The silences of customers with `shape` r + x (n), some rows at a time."""
    stays, since, silent = stays_from(recency, b=b, beta=beta), alpha + recency, T - recency
    whole = grown(silent, stays, b=b)
    scale = shape * np.log1p(silent / since) + s * whole
    with np.errstate(over="ignore"):
        end = np.minimum(silent, since * np.expm1((NEGLIGIBLE + 20) / shape))
    last = np.minimum(grown(end, stays, b=b), NEGLIGIBLE / s)
    fall = shape * np.log1p(end / since) + s * last
    path = GompertzPath.of(-np.expm1(-b * since) / stays, np.zeros(len(stays)), last, fall)
    for rows, many in parts(path.size):
        w, weights = path.nodes(rows, many)
        time = waited(w, stays[rows], b=b)
        term = np.exp(-shape[rows] * np.log1p(time / since[rows]) - s * w) * weights
        total = term.sum(axis=0)
        area = np.log(s * total)
        yield GompertzSilence(
            rows=rows, since=time, gained=w, share=term / total,
            log_odds=scale[rows] + area, log_area=area,
        )  # fmt: skip


def log_odds_gone(
    shape: FloatArray,
    recency: FloatArray,
    T: FloatArray,
    *,
    alpha: float,
    b: float,
    s: float,
    beta: float,
) -> FloatArray:
    """The log odds (n) of having left before T; minus infinity without a silence."""
    odds = np.full(len(shape), -np.inf)
    for silence in silences(shape, recency, T, alpha=alpha, b=b, s=s, beta=beta):
        odds[silence.rows] = silence.log_odds
    return odds
