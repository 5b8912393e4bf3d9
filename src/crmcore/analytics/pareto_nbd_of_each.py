"""The Pareto/NBD process of customers who differ in `alpha` and `beta`, asked together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray
from crmcore.analytics.pareto_nbd_process import ParetoNBDProcess
from crmcore.analytics.silences import log_odds_gone

__all__ = ["ParetoNBDOfEach"]


@attrs.frozen(kw_only=True, eq=False)
class ParetoNBDOfEach(ParetoNBDProcess):
    """As `ParetoNBDProcess`, of n customers in order whose `alpha` and `beta` are (n) each.

    It takes columns of n only. All arithmetic is that of one process, row by row.
    """

    alpha: Any = attrs.field()
    beta: Any = attrs.field()

    @classmethod
    def of(cls, process: ParetoNBDProcess, params: dict[str, FloatArray]) -> Self:
        """Customers with these parameters, of which r and s are those of `process`."""
        return cls(r=process.r, s=process.s, alpha=params["alpha"], beta=params["beta"])

    def _once(self, answer: Callable[..., FloatArray], *columns: FloatArray) -> FloatArray:
        return answer(*columns)

    def _log_odds_gone(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        odds = np.empty(len(x))
        for rows in (self.alpha <= self.beta, self.alpha > self.beta):
            odds[rows] = log_odds_gone(
                self.r + x[rows], recency[rows], age[rows],
                alpha=self.alpha[rows], s=self.s, beta=self.beta[rows],
            )  # fmt: skip
        return odds
