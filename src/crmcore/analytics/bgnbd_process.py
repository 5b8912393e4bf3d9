"""The BG/NBD process: customers who buy at random and may leave after any purchase.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way. While a customer is
alive, purchases come at the rate lambda; after each of them the customer leaves for good with
probability p; over customers lambda is Gamma(r, alpha) and p is Beta(a, b). All times are in
one unit, that of the data to which the parameters belong.
"""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt
from scipy.special import betainc, expit, gammaln

from crmcore.analytics.beta_mean import beta_nodes, unit_nodes
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood, death_odds, log_rising
from crmcore.analytics.checks import Checks, FloatArray, positive
from crmcore.analytics.curves import per_count
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.purchases_ahead import PurchasesAhead
from crmcore.analytics.simulation import SimulatedPurchases

__all__ = ["BetaGeoNBDProcess"]

FORGOTTEN = 45.0
"""Discounted by e**-45 a purchase is worth nothing in float64."""


@attrs.frozen(kw_only=True)
class BetaGeoNBDProcess:
    """The BG/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates, so
    their mean is r / alpha; `a` and `b` shape the beta distribution of dropout probabilities,
    with mean a / (a + b). Arguments of the methods are numbers or arrays of one length n; the
    result has that length. InvalidInput names all that is wrong with them.

        >>> process = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(process.expected_purchases(
        ...     t=39, frequency=2, recency=30.43, T=38.86)), 3)
        1.226
    """

    r: float = attrs.field(converter=float, validator=positive)
    alpha: float = attrs.field(converter=float, validator=positive)
    a: float = attrs.field(converter=float, validator=positive)
    b: float = attrs.field(converter=float, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b}

    def log_likelihood_of(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> float:
        """The log-likelihood of these histories under these parameters (equation 6).

        `weights` tell how many customers each row stands for.

            >>> process = BetaGeoNBDProcess(r=0.25, alpha=4, a=0.8, b=2.5)
            >>> round(process.log_likelihood_of(frequency=0, recency=0, T=40), 8)  # -r ln 11
            -0.59947382
        """
        checks = Checks()
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        rows = checks.weights(weights, rows=history.x.size)
        checks.close()
        likelihood = BetaGeoNBDLikelihood.of(Cells.of(history, rows))
        return likelihood.value(np.log([self.r, self.alpha, self.a, self.b]))

    def probability_alive(
        self, *, frequency: npt.ArrayLike, recency: npt.ArrayLike, T: npt.ArrayLike
    ) -> FloatArray:
        """The probability that a customer with this history has not left by `T`.

        Fader, Hardie and Lee (2008), note on P(alive) for the BG/NBD. Customers who never came
        back have had no occasion to leave in this model: their probability is 1.

            >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
            >>> float(process.probability_alive(frequency=1, recency=1, T=1))  # odds a/(b+x-1) = 1
            0.5
        """
        checks = Checks()
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.close()
        return self._alive(history)

    def _alive(self, history: History) -> FloatArray:
        alive = np.ones(history.x.shape)
        again = history.x > 0
        x, recency, age = (column[again] for column in attrs.astuple(history, recurse=False))
        alive[again] = expit(-death_odds(x, recency, age, **self.params))
        return alive

    def expected_purchases(
        self,
        *,
        t: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> FloatArray:
        """Purchases expected in (T, T + t] from customers with these histories.

        Equation 10, not by its hypergeometric function but as the mean it stands for,
        P(alive) E[(1 - (1 + p t / (alpha + T))**-(r+x)) / p] over p ~ Beta(a, b + x), which
        holds at a = 1 too and for any counts.
        """
        checks = Checks()
        ahead = checks.numbers("t", t)
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.same_shape(frequency=history.x, t=ahead)
        checks.close()
        while_alive = self._mean_purchases(history.x, ahead / (self.alpha + history.T))
        return np.asarray(self._alive(history) * while_alive)

    def probability_of_purchases(
        self,
        *,
        n: npt.ArrayLike,
        t: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> FloatArray:
        """P(X = n): that customers with these histories make n purchases in (T, T + t].

        P(alive) times equation 8 with r + x, alpha + T and b + x for r, alpha and b, and for
        n = 0 also 1 - P(alive): a customer alive goes on as one who has just bought first. Its
        mean is `expected_purchases`. Exact to some 12 digits.

            >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
            >>> process.probability_of_purchases(  # half are alive, of these (2/4)**2 do not buy
            ...     n=0, t=2, frequency=1, recency=1, T=1).tolist()
            0.625
        """
        checks = Checks()
        count, span = checks.counts("n", n), checks.numbers("t", t)
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.same_shape(frequency=history.x, n=count, t=span)
        checks.close()
        alive = self._alive(history)
        chance = alive * self._ahead(history, span).exactly(count)
        return np.minimum(chance + np.where(count == 0, 1 - alive, 0.0), 1.0)

    def probability_of_at_least(
        self,
        *,
        n: npt.ArrayLike,
        t: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> FloatArray:
        """P(X >= n): that customers with these histories buy n times or more in (T, T + t].

        The upper tail of `probability_of_purchases`, in closed form: P(alive) times I_z(n, r + x)
        times B(a, b + x + n - 1) / B(a, b + x), where z = t / (alpha + T + t). 1 where n is 0.

            >>> process = BetaGeoNBDProcess(r=1, alpha=1, a=1, b=1)
            >>> process.probability_of_at_least(n=[0, 1], t=2, frequency=1, recency=1, T=1).tolist()
            [1.0, 0.375]
        """
        checks = Checks()
        count, span = checks.counts("n", n), checks.numbers("t", t)
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.same_shape(frequency=history.x, n=count, t=span)
        checks.close()
        some = self._ahead(history, span).at_least(np.maximum(count, 1.0))
        return np.asarray(np.where(count > 0, self._alive(history) * some, 1.0))

    def _ahead(self, history: History, t: FloatArray) -> PurchasesAhead:
        return PurchasesAhead.of(history, t, params=self.params)

    def expected_purchases_new(self, *, t: npt.ArrayLike) -> FloatArray:
        """Repeat purchases expected in (0, t] from somebody who has just bought first.

        Equation 9, E[X(t)].

            >>> process = BetaGeoNBDProcess(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259)
            >>> process.expected_purchases_new(t=[1, 32]).round(4).tolist()
            [0.0532, 1.0438]
        """
        checks = Checks()
        ahead = checks.numbers("t", t)
        checks.close()
        return self._mean_purchases(np.zeros(ahead.shape), ahead / self.alpha)

    def _mean_purchases(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Purchases expected while time grows by the factor 1 + z for those alive with x."""
        x, z = np.broadcast_arrays(x, z)
        mean = np.zeros(z.shape)
        some = z > 0
        mean[some] = per_count(self._mean_of_count, x[some], z[some])
        return mean

    def _mean_of_count(self, x: float, z: FloatArray) -> FloatArray:
        shape = self.r + x
        p, weight = beta_nodes(self.a, self.b + x, reach=shape * float(z.max()))
        before = -np.expm1(-shape * np.log1p(z[:, None] * p)) / p
        return np.asarray((before * weight).sum(axis=1))

    def discounted_purchases(
        self,
        *,
        discount_rate: float,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        horizon: float = np.inf,
    ) -> FloatArray:
        """The present value, at T, of one unit of money per purchase in (T, T + horizon].

        The integral over t from 0 to `horizon` of exp(-discount_rate t) dE(t), where E(t) is
        `expected_purchases`; with an infinite horizon, the discounted expected residual
        transactions (DERT; Fader, Hardie and Lee 2005, RFM and CLV). `discount_rate` is
        continuous and per unit of time: `continuous_rate` converts a yearly one. The BG/NBD
        has no closed form; the double integral is computed by quadrature to about ten digits.

        InvalidInput also where neither horizon nor discount bounds the integral.
        """
        checks = Checks()
        rate = checks.number("discount_rate", discount_rate)
        end = checks.number("horizon", horizon, infinite=True)
        if np.isinf(end) and rate == 0:
            checks.refuse("horizon", "must be finite where discount_rate is 0")
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        checks.close()
        if rate == 0 or end == 0:
            return self._alive(history) * self._mean_purchases(
                history.x, end / (self.alpha + history.T)
            )
        end = min(end, FORGOTTEN / rate)
        fraction, share = unit_nodes()
        share = share * end * np.exp(-rate * end * fraction)

        def present(x: float, since: FloatArray) -> FloatArray:
            shape = self.r + x
            p, weight = beta_nodes(self.a, self.b + x, reach=shape * end / float(since.min()))
            values = np.empty(len(since))
            for place, start in enumerate(since.tolist()):
                grown = np.log1p(fraction[:, None] * (end / start) * p)
                pace = (np.exp(-(shape + 1) * grown) * weight).sum(axis=1) * (shape / start)
                values[place] = (pace * share).sum()
            return values

        x, since = history.x, self.alpha + history.T
        flat = per_count(present, np.atleast_1d(x), np.atleast_1d(since))
        return np.asarray(self._alive(history) * flat.reshape(x.shape))

    def probability_of_n(self, *, n: npt.ArrayLike, t: npt.ArrayLike) -> FloatArray:
        """P(X(t) = n): that somebody new makes n repeat purchases within t (equation 8).

        >>> process = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(process.probability_of_n(n=0, t=39)), 7)  # (alpha/(alpha+t))**r
        0.5737864
        """
        checks = Checks()
        count, span = checks.counts("n", n), checks.numbers("t", t)
        checks.same_shape(n=count, t=span)
        checks.close()
        count, span = np.broadcast_arrays(count, span)
        bought = span / (self.alpha + span)
        with np.errstate(divide="ignore"):
            log_bought = np.where(count > 0, np.log(bought), 0.0)
        stayed = log_rising(self.b, count) - log_rising(self.a + self.b, count)
        alive = log_rising(self.r, count) - gammaln(count + 1)
        alive = alive - self.r * np.log1p(span / self.alpha) + count * log_bought
        some = np.maximum(count, 1.0)
        left = self.a / (self.b + some - 1) * betainc(some, self.r, bought)
        return np.asarray(np.exp(stayed + alive) + np.where(count > 0, np.exp(stayed) * left, 0))

    def simulate(self, *, n_customers: int, T: npt.ArrayLike, seed: int) -> SimulatedPurchases:
        """Draw customers and their repeat purchases up to age `T` (one, or one per customer).

        The same seed gives the same purchases with the same numpy version.
        """
        checks = Checks()
        age = checks.numbers("T", T)
        if n_customers < 0:
            checks.refuse("n_customers", "must not be negative")
        elif age.ndim and len(age) != n_customers:
            checks.refuse("T", f"must be one number or one per customer, {n_customers} in all")
        checks.close()
        draw = np.random.default_rng(seed)
        age = np.broadcast_to(age, (n_customers,)).copy()
        rate = draw.gamma(self.r, 1 / self.alpha, n_customers)
        dropout = draw.beta(self.a, self.b, n_customers)
        who, now = np.arange(n_customers), np.zeros(n_customers)
        customers, times = [who[:0]], [now[:0]]
        while len(who):
            with np.errstate(divide="ignore"):
                now = now + draw.standard_exponential(len(who)) / rate[who]
            bought = now <= age[who]
            who, now = who[bought], now[bought]
            customers.append(who)
            times.append(now)
            stays = draw.random(len(who)) >= dropout[who]
            who, now = who[stays], now[stays]
        customer, time = np.concatenate(customers), np.concatenate(times)
        order = np.argsort(customer, kind="stable")
        return SimulatedPurchases(
            customer=customer[order], time=time[order], T=age, rate=rate, dropout=dropout
        )
