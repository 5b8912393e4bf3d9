"""Agreement with the archived package lifetimes, where that is right and can be imported.

Its wheel is installed for its data only, without what it needs to run (autograd, dill, pandas
below 3), so this belongs to the slow tests and is skipped there where it does not import.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from crmcore.analytics import (
    BetaGeoNBD,
    BetaGeoNBDProcess,
    GammaGamma,
    GammaGammaSpend,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODELS: list[Any] = [
    ("BetaGeoFitter", BetaGeoNBD, BetaGeoNBDProcess),
    ("ModifiedBetaGeoFitter", ModifiedBetaGeoNBD, ModifiedBetaGeoNBDProcess),
]


@pytest.fixture(scope="module")
def lifetimes() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("lifetimes", exc_type=ImportError)


@pytest.fixture(scope="module")
def frame(lifetimes: Any) -> Any:
    from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

    return load_cdnow_summary_data_with_monetary_value()


def histories(frame: Any) -> dict[str, np.ndarray]:
    return {name: frame[name].to_numpy() for name in ("frequency", "recency", "T")}


@pytest.mark.parametrize(("name", "model", "process"), MODELS)
def test_fits_agree_and_ours_is_no_lower(
    lifetimes: Any, frame: Any, name: str, model: Any, process: Any
) -> None:
    who = histories(frame)
    theirs = getattr(lifetimes, name)().fit(*who.values())
    ours = model().fit(**who)
    assert ours.params == pytest.approx(dict(theirs.params_), rel=1e-4)
    at_theirs = process(**dict(theirs.params_)).log_likelihood_of(**who)
    assert at_theirs - 1e-9 <= ours.log_likelihood < at_theirs + 1e-5
    errors = dict(theirs.summary["se(coef)"])
    assert ours.standard_errors == pytest.approx(errors, rel=1e-3)


@pytest.mark.parametrize(("name", "model", "process"), MODELS)
def test_predictions_agree_at_the_same_parameters(
    lifetimes: Any, frame: Any, name: str, model: Any, process: Any
) -> None:
    who = histories(frame)
    theirs = getattr(lifetimes, name)().fit(*who.values())
    ours = process(**dict(theirs.params_))
    rows = tuple(who.values())
    expected = theirs.conditional_expected_number_of_purchases_up_to_time(39, *rows)
    assert ours.expected_purchases(t=39, **who) == pytest.approx(np.asarray(expected), rel=1e-9)
    alive = np.asarray(theirs.conditional_probability_alive(*rows))
    assert ours.probability_alive(**who) == pytest.approx(alive, rel=1e-9)
    new = theirs.expected_number_of_purchases_up_to_time(np.array([1.0, 32.0, 78.0]))
    assert ours.expected_purchases_new(t=[1, 32, 78]) == pytest.approx(new, rel=1e-9)
    chances = [float(theirs.probability_of_n_purchases_up_to_time(39, n)) for n in range(60)]
    assert ours.probability_of_n(n=range(60), t=39) == pytest.approx(chances, rel=1e-6, abs=1e-12)


def test_lifetime_values_agree_by_its_own_conventions(lifetimes: Any, frame: Any) -> None:
    """Months of 30 days or of 4.345 weeks, each discounted at its end."""
    who = histories(frame)
    buyers = frame[frame["frequency"] > 0]
    bought = lifetimes.BetaGeoFitter().fit(*who.values())
    spent = lifetimes.GammaGammaFitter().fit(buyers["frequency"], buyers["monetary_value"])
    money = frame["monetary_value"].to_numpy()
    fitted = GammaGamma().fit(frequency=who["frequency"], monetary_value=money)
    assert fitted.params == pytest.approx(dict(spent.params_), rel=1e-4)
    purchases = BetaGeoNBDProcess(**dict(bought.params_))
    each = GammaGammaSpend(**dict(spent.params_)).expected_average_value(
        frequency=who["frequency"], monetary_value=money
    )
    for unit, month in (("D", 30.0), ("W", 4.345)):
        theirs = spent.customer_lifetime_value(
            bought, *(frame[name] for name in ("frequency", "recency", "T", "monetary_value")),
            time=12, discount_rate=0.01, freq=unit,
        )  # fmt: skip
        ahead = np.array([purchases.expected_purchases(t=n * month, **who) for n in range(13)])
        discount = 1.01 ** -np.arange(1.0, 13.0)
        ours = (np.diff(ahead, axis=0) * discount[:, None]).sum(axis=0) * each
        assert ours == pytest.approx(theirs.to_numpy(), rel=1e-9)
