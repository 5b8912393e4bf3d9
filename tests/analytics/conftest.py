"""The CDNOW data, read out of the installed lifetimes wheel, which is never imported."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crmcore.analytics import BetaGeoNBD, FittedBetaGeoNBD, FittedGammaGamma, GammaGamma
from crmcore.analytics.summary import Summary, summarize


def dataset(name: str) -> Path:
    """A data file of the wheel; without it the test is skipped, or fails where all is required."""
    spec = find_spec("lifetimes")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "datasets" / name
        if path.exists():
            return path
    reason = f"needs {name} from the lifetimes wheel (pip install --no-deps lifetimes)"
    if os.environ.get("CRMCORE_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def purchases(name: str, columns: tuple[int, int, int]) -> dict[str, Any]:
    rows = np.loadtxt(dataset(name), dtype=str, usecols=columns)
    days = [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in rows[:, 1]]
    return {
        "customer": rows[:, 0].astype(np.int64),
        "at": np.array(days, dtype="datetime64[D]"),
        "amount": np.rint(rows[:, 2].astype(float) * 100).astype(np.int64),
    }


@pytest.fixture(scope="session")
def cdnow_purchases() -> dict[str, Any]:
    """The 6,919 purchases of the 2,357 customers of the papers."""
    return purchases("CDNOW_sample.txt", (1, 2, 4))


@pytest.fixture(scope="session")
def cdnow(cdnow_purchases: dict[str, Any]) -> Summary:
    """The sample in exact days / 7, with the 39 weeks that the papers hold out."""
    return summarize(**cdnow_purchases, as_of="1997-09-30", holdout_until="1998-06-30")


@pytest.fixture(scope="session")
def cdnow_two_decimals() -> dict[str, np.ndarray]:
    """The sample as the papers' spreadsheets have it, weeks rounded to two decimals."""
    rows = np.loadtxt(
        dataset("cdnow_customers_summary_with_transactions.csv"), delimiter=",", skiprows=1
    )
    names = ("frequency", "recency", "T", "monetary_value")
    return {name: rows[:, place + 1] for place, name in enumerate(names)}


@pytest.fixture(scope="session")
def bgnbd(cdnow: Summary) -> FittedBetaGeoNBD:
    return BetaGeoNBD().fit(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)


@pytest.fixture(scope="session")
def gamma_gamma(cdnow: Summary) -> FittedGammaGamma:
    assert cdnow.monetary_value is not None
    return GammaGamma().fit(frequency=cdnow.frequency, monetary_value=cdnow.monetary_value)
