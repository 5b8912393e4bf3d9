"""Purchases ahead of customers who are alive, where every k-th event is a purchase.

Since the last purchase j < k events have gone by, with chances in proportion to the terms of
`erlang_tail`; given j the rate is Gamma(r + k x + j, alpha + T), and the m-th purchase from now on
is made by the (m k - j)-th event. So everything is a mixture of k negative binomial processes,
exact, and the expectation of the purchases is the mean over p of a sum over m,

    sum of (1-p)**(m-1) P(N >= m k - j)

Its terms are added one by one where up to some thousand events matter. Where more do, every k-th
of them is picked out by k-th roots of one: with y = (1-p)**(1/k) times each of the roots, the sum
is the mean over the roots of y**(j+1) (1 - G(y)) / (1 - y) / (1 - p), and
G(y) = (1 + z (1-y))**-s generates the chances of N.
"""

from __future__ import annotations

from typing import Self

import attrs
import numpy as np
from scipy.special import betaln

from crmcore.analytics.beta_mean import beta_nodes
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.erlang_tail import event_terms
from crmcore.analytics.histories import History
from crmcore.analytics.purchases_ahead import PurchasesAhead, beta_below

__all__ = ["RegularAhead", "mean_purchases"]

LIMIT = 1024
"""Up to so many events are added one by one."""
NEGLIGIBLE = 42.0
"""Terms smaller than the largest by e**-42 change nothing in float64."""
HARDLY = 0.05
"""Who stays with a lower probability than that makes few purchases: a short sum."""
SHORT = 14
"""So many purchases: HARDLY**SHORT changes nothing in float64."""


@attrs.frozen(kw_only=True, eq=False)
class RegularAhead:
    """Purchases ahead by the number of events since the last: `chance` (k, n) of each."""

    k: int
    chance: FloatArray
    by_events: tuple[PurchasesAhead, ...]

    @classmethod
    def of(
        cls, history: History, t: FloatArray, *, params: dict[str, float], first: int, k: int
    ) -> Self:
        """What histories of shape (n,) leave of a process with these parameters."""
        one = PurchasesAhead.of(history, t, params=params, first=first)
        shape = params["r"] + k * history.x
        terms = event_terms(k, shape, (history.T - history.recency) / (params["alpha"] + history.T))
        return cls(
            k=k,
            chance=terms / terms.sum(axis=0),
            by_events=tuple(attrs.evolve(one, shape=shape + j) for j in range(k)),
        )

    def at_least(self, m: FloatArray) -> FloatArray:
        """P(X >= m) for m at or above 1."""
        made = np.zeros(m.shape)
        for j, (chance, ahead) in enumerate(zip(self.chance, self.by_events, strict=True)):
            made += chance * ahead.made_at_least(m * self.k - j)
        return np.asarray(made * self.by_events[0].stayed(m - 1))

    def exactly(self, m: FloatArray) -> FloatArray:
        """P(X = m): so many and no more events of one who stays, or leaving at the last."""
        so_many, some = np.zeros(m.shape), np.zeros(m.shape)
        for j, (chance, ahead) in enumerate(zip(self.chance, self.by_events, strict=True)):
            for more in range(self.k):
                events = m * self.k - j + more
                chances = ahead.made_exactly(np.maximum(events, 0.0))
                so_many += np.where(events >= 0, chance * chances, 0.0)
            some += chance * ahead.made_at_least(np.maximum(m, 1.0) * self.k - j)
        stays = self.by_events[0]
        return np.asarray(so_many * stays.stayed(m) + some * stays.left(m))


def mean_purchases(
    z: FloatArray, *, k: int, j: int, shape: float, leaves: float, stays: float
) -> FloatArray:
    """Purchases expected while time grows by the factors 1 + z, (n), of those alive.

    `j` events have gone by, the rate is of that `shape`, and the probability to leave is
    Beta(`leaves`, `stays`).
    """
    events = _events_that_matter(z, shape, k - j)
    mean = np.empty(len(z))
    few = events <= LIMIT
    if few.any():
        most = int(np.ceil((events[few].max() + j) / k))
        mean[few] = _by_terms(z[few], most, k=k, j=j, shape=shape, leaves=leaves, stays=stays)
    if not few.all():
        mean[~few] = _by_roots(z[~few], k=k, j=j, shape=shape, leaves=leaves, stays=stays)
    return mean


def _events_that_matter(z: FloatArray, shape: float, first: int) -> FloatArray:
    """Counts of events above which the chances are negligible beside those from `first` on."""
    log_ratio = -np.log1p(1 / z)

    def log_chance(n: FloatArray) -> FloatArray:
        return np.asarray(n * log_ratio - betaln(shape, n + 1) - np.log(shape + n))

    peak = np.maximum(np.floor((shape - 1) * z), first)
    floor = log_chance(peak) - NEGLIGIBLE
    reach = np.full(len(z), 8.0)
    while True:
        above = (log_chance(peak + reach) > floor) & (peak + reach <= LIMIT)
        if not above.any():
            return np.asarray(peak + reach)
        reach = np.where(above, 2 * reach, reach)


def _by_terms(
    z: FloatArray, most: int, *, k: int, j: int, shape: float, leaves: float, stays: float
) -> FloatArray:
    """The sum over up to `most` purchases."""
    n = np.arange(1, most * k - j + 1, dtype=np.float64)
    grow = np.log((shape + (n - 1)) / n) - np.log1p(1 / z)[:, None]
    chances = np.exp(np.cumsum(grow, axis=1) - shape * np.log1p(z)[:, None])
    made = np.cumsum(chances[:, ::-1], axis=1)[:, ::-1][:, k - j - 1 :: k]
    m = np.arange(made.shape[1] - 1, dtype=np.float64)
    stayed = np.concatenate(([1.0], np.cumprod((stays + m) / (leaves + stays + m))))
    return np.asarray((made * stayed).sum(axis=1))


def _by_roots(
    z: FloatArray, *, k: int, j: int, shape: float, leaves: float, stays: float
) -> FloatArray:
    """The mean over p, by quadrature, of a sum closed with the k-th roots of one."""
    p, weight = beta_nodes(leaves, stays, reach=shape * float(z.max()))
    q = 1 - p
    hardly = q < HARDLY
    mean = np.zeros(len(z))
    m = np.arange(1, SHORT + 1, dtype=np.float64)
    if hardly.any():
        made = beta_below(
            m * k - j,
            np.full(SHORT, shape),
            (z / (1 + z))[:, None],
            (1 / (1 + z))[:, None],
        )
        powers = q[hardly] ** (m[:, None] - 1)
        mean += made @ (powers * weight[hardly]).sum(axis=1)
    p, q, weight = p[~hardly], q[~hardly], weight[~hardly]
    log_y = np.log1p(-p) / k
    for turn in range(k // 2 + 1):
        twice = 1 if turn == 0 or 2 * turn == k else 2  # the conjugate root gives the same
        if turn == 0:
            short = -np.expm1(log_y)
            made = -np.expm1(-shape * np.log1p(z[:, None] * short)) / short
            part = np.exp(log_y * (j + 1)) * made
        else:
            y = np.exp(log_y + 2j * np.pi * turn / k)
            lost = np.expm1(-shape * np.log1p(z[:, None] * (1 - y)))
            part = np.real(-(y ** (j + 1)) * lost / (1 - y))
        mean += twice / k * (part * (weight / q)).sum(axis=1)
    return mean
