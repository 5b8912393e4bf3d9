"""The NBD model: the baseline in which nobody leaves.

The published maximum on CDNOW was recomputed to machine precision with independent code; the
log-likelihood is that of the purchase times, without the 1/x! of counts.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from crmcore.analytics import NBD, FittedBetaGeoNBD, FittedNBD, NBDProcess
from crmcore.analytics.summary import Summary
from tests.analytics.test_every_process import any_history

processes = st.builds(NBDProcess, r=st.floats(1e-3, 1e3), alpha=st.floats(1e-3, 1e6))


@pytest.fixture(scope="module")
def nbd(cdnow: Summary) -> FittedNBD:
    return NBD().fit(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)


def test_fit_on_cdnow(nbd: FittedNBD, cdnow: Summary) -> None:
    who = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    known = NBDProcess(r=0.384766, alpha=12.072014)
    assert known.log_likelihood_of(**who) == pytest.approx(-9763.6576, abs=5e-5)
    assert nbd.log_likelihood == pytest.approx(-9763.6576, abs=5e-5)
    assert nbd.params == pytest.approx({"r": 0.384766, "alpha": 12.072014}, rel=2e-6)
    assert (nbd.status, nbd.converged) == ("interior", True)


def test_leaving_explains_cdnow_better(nbd: FittedNBD, bgnbd: FittedBetaGeoNBD) -> None:
    assert bgnbd.aic < nbd.aic - 350


def test_without_the_constant_it_is_the_probability_of_the_count() -> None:
    process = NBDProcess(r=0.7, alpha=3.0)
    for x in (0, 1, 5, 40):
        last = 2.0 if x else 0.0
        value = process.log_likelihood_of(frequency=x, recency=last, T=9)
        constant = x * math.log(9) - math.lgamma(x + 1)
        assert value + constant == pytest.approx(nbinom.logpmf(x, 0.7, 3 / 12), rel=1e-12)


@given(processes, any_history(NBDProcess), st.floats(1e-3, 1e3))
def test_counts_are_negative_binomial(process: NBDProcess, who: dict[str, float], t: float) -> None:
    shape, since = process.r + who["frequency"], process.alpha + who["T"]
    n = np.arange(60)
    chances = process.probability_of_purchases(n=n, t=t, **who)
    assert chances == pytest.approx(nbinom.pmf(n, shape, since / (since + t)), rel=1e-6, abs=1e-12)
    tail = process.probability_of_at_least(n=n[1:], t=t, **who)
    assert tail == pytest.approx(nbinom.sf(n[:-1], shape, since / (since + t)), rel=1e-6, abs=1e-12)


def test_discounted_purchases_by_hand() -> None:
    """At a rate of 2 a week and a discount of 4 % a week: 2 / .04 for ever."""
    process = NBDProcess(r=1, alpha=1)
    who = {"frequency": 3, "recency": 1, "T": 1}
    assert float(process.discounted_purchases(discount_rate=0.04, **who)) == pytest.approx(50)
    a_week = process.discounted_purchases(discount_rate=0.04, horizon=1, **who)
    assert float(a_week) == pytest.approx(50 * (1 - math.exp(-0.04)))


def test_simulation_agrees_with_formulas_and_the_fit_finds_it_back() -> None:
    process = NBDProcess(r=0.8, alpha=5.0)
    seen = process.simulate(n_customers=60_000, T=20.0, seed=3)
    n = np.arange(6)
    share = np.bincount(seen.frequency, minlength=6)[:6] / 60_000
    told = process.probability_of_n(n=n, t=20)
    assert (np.abs(share - told) < 4 * np.sqrt(told / 60_000)).all()
    assert (np.diff(seen.customer) >= 0).all()
    same = np.diff(seen.customer) == 0
    assert (np.diff(seen.time)[same] >= 0).all()
    fitted = NBD().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
    for name, value in process.params.items():
        assert abs(fitted.params[name] - value) < 4 * fitted.standard_errors[name]


def test_even_purchases_lie_on_the_boundary() -> None:
    fitted = NBD().fit(frequency=[3] * 9, recency=[30] * 9, T=[30] * 9)
    assert (fitted.status, fitted.converged) == ("boundary", True)
    assert fitted.r / fitted.alpha == pytest.approx(0.1, rel=1e-6)
    assert FittedNBD.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


def test_nobody_came_back() -> None:
    assert NBD().fit(frequency=[0, 0], recency=[0, 0], T=[5, 9]).status == "not_identified"
