"""Held-out CDNOW: 39 weeks are known, and the next 39 tell how good the probabilities were.

The figures are those of docs/guides/reaching.md, which must show what is measured here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crmcore.analytics import (
    Calibration,
    FittedBetaGeoNBD,
    FittedGammaGamma,
    calibration,
    probability_of_reaching,
)
from crmcore.analytics.summary import Summary

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "reaching.md"
GAPS = (20, 50, 100, 200)


@pytest.fixture(scope="module")
def spent(cdnow: Summary, cdnow_purchases: dict[str, Any]) -> np.ndarray:
    """What each of the customers spent in the 39 weeks held out."""
    at = cdnow_purchases["at"]
    late = (at > np.datetime64("1997-09-30")) & (at <= np.datetime64("1998-06-30"))
    place = np.searchsorted(cdnow.customer, cdnow_purchases["customer"][late])
    return np.asarray(np.bincount(place, cdnow_purchases["amount"][late], len(cdnow)) / 100)


@pytest.fixture(scope="module")
def told(
    cdnow: Summary, bgnbd: FittedBetaGeoNBD, gamma_gamma: FittedGammaGamma
) -> dict[float, np.ndarray]:
    """The probability of spending each amount, from the 39 weeks before."""
    assert cdnow.monetary_value is not None
    return {
        gap: probability_of_reaching(
            purchases=bgnbd,
            value=gamma_gamma,
            frequency=cdnow.frequency,
            recency=cdnow.recency,
            T=cdnow.T,
            monetary_value=cdnow.monetary_value,
            t=39,
            gap=gap,
        ).probability
        for gap in GAPS
    }


@pytest.fixture(scope="module")
def seen(told: dict[float, np.ndarray], spent: np.ndarray) -> dict[float, Calibration]:
    return {gap: calibration(predicted=told[gap], happened=spent >= gap) for gap in GAPS}


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


@pytest.mark.parametrize("gap", GAPS)
def test_the_page_shows_the_scores(
    gap: float, told: dict[float, np.ndarray], spent: np.ndarray, seen: dict[float, Calibration]
) -> None:
    found, past = seen[gap], (spent >= gap).sum()
    shown = row(
        f"${gap}",
        f"{told[gap].sum():.0f}",
        past,
        f"{found.brier:.4f}",
        f"{found.brier_of_base_rate:.4f}",
        f"{found.skill:.2f}",
        f"{found.expected_calibration_error:.3f}",
    )
    assert shown in PAGE.read_text("utf-8"), shown


@pytest.mark.parametrize("gap", [50])
def test_the_page_shows_the_deciles(gap: float, seen: dict[float, Calibration]) -> None:
    found = seen[gap]
    deciles = zip(found.size, found.predicted, found.observed, found.error, strict=True)
    shown = "\n".join(
        row(place, size, f"{said:.3f}", f"{happened:.3f}", f"{error:.3f}")
        for place, (size, said, happened, error) in enumerate(deciles, start=1)
    )
    assert shown in PAGE.read_text("utf-8"), shown


@pytest.mark.parametrize(
    ("gap", "brier", "error"), [(20, 0.140, 0.041), (50, 0.102, 0.028), (100, 0.058, 0.019),
                                (200, 0.032, 0.016)]
)  # fmt: skip
def test_it_tells_far_more_than_the_base_rate(
    gap: float, brier: float, error: float, seen: dict[float, Calibration]
) -> None:
    found = seen[gap]
    assert found.brier < brier
    assert found.skill is not None
    assert found.skill > 0.23
    assert found.expected_calibration_error < error


@pytest.mark.parametrize("gap", GAPS)
def test_it_beats_telling_that_all_repeat_the_first_39_weeks(
    gap: float, cdnow: Summary, spent: np.ndarray, seen: dict[float, Calibration]
) -> None:
    assert cdnow.monetary_value is not None
    before = cdnow.frequency * cdnow.monetary_value >= gap
    assert seen[gap].brier < 0.62 * ((before != (spent >= gap)).mean())


@pytest.mark.parametrize("gap", GAPS)
def test_among_those_likeliest_to_reach_it_it_is_right(
    gap: float, seen: dict[float, Calibration]
) -> None:
    found = seen[gap]
    assert np.abs(found.observed[-1] - found.predicted[-1]) < 2.5 * found.error[-1]
    assert (np.diff(found.observed[-3:]) > 0).all()


@pytest.mark.parametrize(("gap", "share"), [(20, 0.89), (50, 0.83), (100, 0.80), (200, 0.68)])
def test_it_is_too_low_in_sum(
    gap: float, share: float, told: dict[float, np.ndarray], spent: np.ndarray
) -> None:
    """As the model foresees 1,653 purchases of 1,882."""
    assert told[gap].sum() / (spent >= gap).sum() == pytest.approx(share, abs=0.006)


def test_the_silent_come_back_more_often_than_it_tells(
    cdnow: Summary, told: dict[float, np.ndarray], spent: np.ndarray
) -> None:
    again, silent = cdnow.frequency > 0, cdnow.T - cdnow.recency
    groups = {
        "never came back": (~again, 0.120, 0.103),
        "came back, last within 13 weeks": (again & (silent < 13), 0.564, 0.642),
        "came back, silent for 13 weeks": (again & (silent >= 13), 0.207, 0.305),
        "four or more, silent for 20 weeks": (
            (cdnow.frequency >= 4) & (silent >= 20), 0.055, 0.467,
        ),
    }  # fmt: skip
    text = PAGE.read_text("utf-8")
    for name, (some, predicted, observed) in groups.items():
        assert told[20][some].mean() == pytest.approx(predicted, abs=6e-4)
        assert (spent[some] >= 20).mean() == pytest.approx(observed, abs=6e-4)
        assert row(name, some.sum(), f"{predicted:.3f}", f"{observed:.3f}") in text
    lowest = np.argsort(told[50], kind="stable")[:236]
    stopped = lowest[again[lowest]]
    assert len(stopped) == 106
    assert silent[stopped].mean() == pytest.approx(31, abs=0.5)
    assert told[50][stopped].mean() == pytest.approx(0.03, abs=0.005)
    assert (spent[stopped] >= 50).mean() == pytest.approx(0.21, abs=0.005)


@pytest.mark.parametrize(("gap", "predicted"), [(20, 578), (50, 353), (100, 191), (200, 85)])
def test_amounts_alone_are_right_up_to_large_ones(
    gap: float,
    predicted: float,
    cdnow: Summary,
    spent: np.ndarray,
    gamma_gamma: FittedGammaGamma,
) -> None:
    """Given how often each customer did buy, only $200 is missed by more than chance."""
    assert cdnow.monetary_value is not None
    assert cdnow.holdout_frequency is not None
    chance = gamma_gamma.probability_of_sum(
        n=cdnow.holdout_frequency,
        at_least=gap,
        frequency=cdnow.frequency,
        monetary_value=cdnow.monetary_value,
    )
    assert chance.sum() == pytest.approx(predicted, abs=0.6)
    off = ((spent >= gap).sum() - chance.sum()) / np.sqrt((chance * (1 - chance)).sum())
    assert (abs(off) > 3) == (gap == 200)
    assert abs(off) < 4
