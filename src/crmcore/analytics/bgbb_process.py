"""The BG/BB process: customers who take an opportunity or let it pass, and may leave before any.

Fader, Hardie and Shang (2010), Customer-base analysis in a discrete-time noncontractual
setting. Before each opportunity (a yearly appeal, a conference, an issue) a customer leaves for
good with probability theta; who stays takes it with probability p; over customers p is
Beta(alpha, beta) and theta is Beta(gamma, delta). Time counts opportunities.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.bgbb_ahead import TakenAhead
from crmcore.analytics.bgbb_likelihood import BetaGeoBetaBinomLikelihood
from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.gamma_steps import log_cross
from crmcore.analytics.histories import Cells, History, Opportunities, groups
from crmcore.analytics.options import positive
from crmcore.analytics.purchase_process import FORGOTTEN, PurchaseProcess
from crmcore.analytics.simulation import Drawn
from crmcore.analytics.whole_sums import Terms, whole_nodes

__all__ = ["BetaGeoBetaBinomProcess"]

SHORT = 1000.0
"""Silences of up to so many opportunities are summed one by one."""
GROUPS = 256
"""Of how many pairs of x and T together."""
AT_ONCE = 20_000
"""How many different histories are looked at together."""


@attrs.frozen(kw_only=True)
class BetaGeoBetaBinomProcess(PurchaseProcess):
    """The BG/BB model with known parameters, all above zero: what it predicts.

    `alpha` and `beta` shape the beta distribution of the probability to buy at an opportunity,
    with mean alpha / (alpha + beta); `gamma` and `delta` that of leaving before one, with mean
    gamma / (gamma + delta).

    Time counts opportunities, in whole numbers: `T` of them have passed, `recency` is the
    number of the last one taken (0 for none) and `frequency` how many were taken, at most
    `recency`; `t` looks at the next ones. The first purchase, by which somebody became a
    customer, is none of them. `probability_alive` is that of being there at opportunity T + 1.
    `discounted_purchases` is the sum over the opportunities ahead of the probability to take
    the k-th times exp(-discount_rate k): ln(1.1) discounts by ten per cent from one to the next.
    In what `simulate` draws, `time` is an opportunity, `rate` is p and `dropout` is theta.

    In the paper: equation 7 is P(X(n) = x), 13 the expectation given a history, and A10 the
    chance to be alive later on. Sums of positive terms stand for its hypergeometric functions
    and differences of ratios, so nothing fails at gamma = 1 or drowns in rounding.

        >>> process = BetaGeoBetaBinomProcess(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
        >>> process.probability_alive(frequency=[0, 2, 6], recency=[0, 4, 6], T=6).round(2)
        array([0.11, 0.59, 0.93])
        >>> process.expected_purchases_new(t=[1, 2]).round(2).tolist()
        [0.5, 0.92]
    """

    _histories: ClassVar[type[History]] = Opportunities

    alpha: float = attrs.field(converter=as_number, validator=positive)
    beta: float = attrs.field(converter=as_number, validator=positive)
    gamma: float = attrs.field(converter=as_number, validator=positive)
    delta: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"alpha": self.alpha, "beta": self.beta, "gamma": self.gamma, "delta": self.delta}

    def _likelihood(self, cells: Cells) -> BetaGeoBetaBinomLikelihood:
        return BetaGeoBetaBinomLikelihood.of(cells)

    def _alive(self, history: History) -> FloatArray:
        x, recency, age = (np.atleast_1d(c) for c in attrs.astuple(history, recurse=False))
        order, starts = groups(x, recency, age)
        first = order[starts]
        odds = np.zeros(len(first))
        short = age[first] - recency[first] <= SHORT
        for rows, odds_gone in ((short, self._odds_stepwise), (~short, self._odds_gone)):
            places = np.flatnonzero(rows)
            for begin in range(0, len(places), AT_ONCE):
                part = places[begin : begin + AT_ONCE]
                odds[part] = odds_gone(*(column[first[part]] for column in (x, recency, age)))
        alive = np.empty(len(x))
        alive[order] = np.repeat(1 / (1 + odds), np.diff(starts, append=len(order)))
        return alive.reshape(history.x.shape)

    def _odds_gone(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        """The sum, over the opportunities since the last purchase, of the odds of leaving then."""
        terms = Terms.of(age - recency + 1)
        k = (recency - x)[terms.row] + terms.k
        past, left = recency[terms.row] + terms.k, (age - recency)[terms.row] - terms.k
        silent = log_cross(self.beta + k, (self.alpha + x)[terms.row], left)
        stayed = log_cross(self.delta + past + 1, self.gamma, left)
        with np.errstate(over="ignore"):  # then nobody like that is alive
            return terms.sum(self.gamma / (self.delta + past) * np.exp(silent + stayed))

    def _odds_stepwise(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        """The same of short silences: those of one x and T are sums of ever more of one series.

        Its terms follow from each other by factors above 1, from the last opportunity back.
        """
        odds, steps = np.zeros(len(x)), age - recency
        order, starts = groups(x, age)
        longest = np.maximum.reduceat(steps[order], starts) if len(starts) else steps
        group = np.empty(len(x), np.intp)
        group[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(x)))
        by_length = np.argsort(longest)
        place = np.empty(len(starts), np.intp)
        place[by_length] = np.arange(len(starts))
        rows = np.argsort(place[group])
        edges = np.searchsorted(place[group][rows], np.arange(0, len(starts) + GROUPS, GROUPS))
        for begin, many in zip(range(0, len(starts), GROUPS), pairwise(edges), strict=True):
            some = order[starts[by_length[begin : begin + GROUPS]]]
            back = np.arange(steps[rows[slice(*many)]].max() + 1)
            now = np.maximum(age[some, None] - back, x[some, None])
            grown = np.log1p((self.alpha + x[some, None]) / (self.beta + now - x[some, None]))
            grown += np.log1p(self.gamma / (self.delta + now + 1))
            grown[:, 0] = 0.0
            with np.errstate(over="ignore"):  # then nobody like that is alive
                term = np.exp(grown.cumsum(axis=1)) * self.gamma / (self.delta + now)
                sums = term.cumsum(axis=1)
            own = rows[slice(*many)]
            odds[own] = sums[place[group[own]] - begin, steps[own].astype(np.intp)]
        return odds

    def _mean_taken(self, history: History) -> FloatArray:
        """The probability that somebody with this history who is there takes an opportunity."""
        return np.asarray((self.alpha + history.x) / (self.alpha + self.beta + history.T))

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        there = self._stays(np.ravel(history.T), np.ravel(t)).reshape(history.T.shape)
        return np.asarray(self._alive(history) * self._mean_taken(history) * there)

    def _stays(self, age: FloatArray, count: FloatArray, rate: float = 0.0) -> FloatArray:
        """Of those alive at T + 1, how many of `count` opportunities they see, discounted."""
        order, starts = groups(age, count)
        first = order[starts]
        seen = np.empty(len(first))
        for many in np.unique(count[first]).tolist():
            rows = np.flatnonzero(count[first] == many)
            k, weight = whole_nodes(many)
            weight = weight * np.exp(-rate * k)
            for part in np.array_split(rows, 1 + len(rows) * len(k) // (50 * AT_ONCE)):
                since = self.delta + age[first[part], None] + 1
                seen[part] = (np.exp(-log_cross(since, self.gamma, k)) * weight).sum(axis=1)
        all_seen = np.empty(len(age))
        all_seen[order] = np.repeat(seen, np.diff(starts, append=len(order)))
        return all_seen

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        count = np.full(history.T.size, min(end, np.ceil(FORGOTTEN / rate)))
        there = self._stays(np.ravel(history.T), count, rate).reshape(history.T.shape)
        now = self._alive(history) * self._mean_taken(history)
        return np.asarray(now * there * np.exp(-rate))

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        alive = self._alive(history)
        chance = alive * self._ahead(history, t, n).exactly()
        return np.minimum(chance + np.where(n == 0, 1 - alive, 0.0), 1.0)

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        some = self._ahead(history, t, np.maximum(n, 1.0)).at_least()
        return np.asarray(np.where(n > 0, np.minimum(self._alive(history) * some, 1.0), 1.0))

    def _ahead(self, history: History, t: FloatArray, n: FloatArray) -> TakenAhead:
        return TakenAhead(x=history.x, T=history.T, t=t, n=n, **self.params)

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        n = len(age)
        taking = draw.beta(self.alpha, self.beta, n)
        dropout = draw.beta(self.gamma, self.delta, n)
        end = np.minimum(age, _failures(draw, dropout))
        who, now = np.arange(n), np.zeros(n)
        customers, times = [who[:0]], [now[:0]]
        while len(who):
            now = now + 1 + _failures(draw, taking[who])
            takes = now <= end[who]
            who, now = who[takes], now[takes]
            customers.append(who)
            times.append(now)
        return Drawn(np.concatenate(customers), np.concatenate(times), taking, dropout)


def _failures(draw: np.random.Generator, chance: npt.NDArray[np.float64]) -> FloatArray:
    """How often something of this chance fails before it happens: a geometric variable."""
    with np.errstate(divide="ignore"):
        return np.floor(draw.standard_exponential(len(chance)) / -np.log1p(-chance))
