"""The chance of no purchase since the last one, where purchases are regular.

Where every k-th event of a Poisson process is a purchase (Chatfield and Goodhardt 1973), no
purchase within a time g means that at most k - 1 events fell into it. Over customers with a rate
lambda ~ Gamma(s, alpha + t_x) the chance of that is (1-u)**s times

    S = sum over j < k of (s)_j / j! u**j,    u = g / (alpha + t_x + g)

and the terms are in proportion to the chances of j events so far. All of them are positive.
"""

from __future__ import annotations

from typing import Self

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray

__all__ = ["ErlangTail", "event_terms", "log_tail"]


def event_terms(k: int, shape: FloatArray, u: FloatArray) -> FloatArray:
    """The terms of S, (k, n), for `shape` s and `u`, (n)."""
    terms = np.ones((k, *np.shape(u)))
    for j in range(1, k):
        terms[j] = terms[j - 1] * ((shape + (j - 1)) / j * u)
    return terms


def log_tail(k: int, shape: FloatArray, u: FloatArray) -> FloatArray:
    """ln S, (n)."""
    return np.asarray(np.log(event_terms(k, shape, u).sum(axis=0)))


@attrs.frozen(eq=False)
class ErlangTail:
    """ln S of n cells, with its first and second derivatives in ln r and ln alpha, (n) each."""

    log: FloatArray
    r: FloatArray
    alpha: FloatArray
    rr: FloatArray
    ra: FloatArray
    aa: FloatArray

    @classmethod
    def of(cls, k: int, *, r: float, shape: FloatArray, u: FloatArray, waits: FloatArray) -> Self:
        """For cells of `shape` r + k x, with `waits` alpha / (alpha + T)."""
        terms = event_terms(k, shape, u)
        whole = terms.sum(axis=0)
        chance = terms / whole
        j = np.arange(k, dtype=np.float64)[:, None]
        inverse = 1 / (shape + j[:-1])  # d ln (s)_j / ds adds one of these for each factor
        none = np.zeros((1, len(whole)))
        harmonic = np.concatenate((none, np.cumsum(inverse, axis=0)))
        squares = np.concatenate((none, np.cumsum(inverse * inverse, axis=0)))
        slope, events = (chance * harmonic).sum(axis=0), (chance * j).sum(axis=0)
        apart, away = harmonic - slope, j - events
        bend = (chance * (apart * apart - squares)).sum(axis=0)
        across = (chance * apart * away).sum(axis=0)
        spread = (chance * away * away).sum(axis=0)
        return cls(
            log=np.log(whole),
            r=r * slope,
            alpha=-waits * events,
            rr=r * slope + r * r * bend,
            ra=-r * waits * across,
            aa=waits * waits * spread - waits * (1 - waits) * events,
        )
