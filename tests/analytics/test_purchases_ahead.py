"""The number of purchases ahead: a distribution, with the mean of the papers, and as simulated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crmcore.analytics import BetaGeoNBDProcess, FittedBetaGeoNBD
from crmcore.analytics.summary import Summary

PROCESS = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)


def test_its_mean_is_the_expectation_of_the_papers(bgnbd: FittedBetaGeoNBD, cdnow: Summary) -> None:
    total = np.zeros(len(cdnow))
    who: dict[str, Any] = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    for n in range(1, 400):
        total += bgnbd.probability_of_at_least(n=n, t=39, **who)
    assert total == pytest.approx(bgnbd.expected_purchases(t=39, **who), rel=1e-10)


def test_without_time_nobody_buys() -> None:
    who = {"frequency": [0, 4], "recency": [0, 3], "T": [5, 5]}
    assert PROCESS.probability_of_purchases(n=0, t=0, **who) == pytest.approx([1, 1])
    assert PROCESS.probability_of_at_least(n=1, t=0, **who).tolist() == [0, 0]
