"""Fitting models of repeat purchases: the same for each, but for its likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.ascent import Likelihood, climb_from
from crmcore.analytics.checks import Checks, FloatArray, as_number
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitted import Fitted
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.intervals import Interval
from crmcore.analytics.options import Checked, at_least_1, positive
from crmcore.analytics.purchase_process import PurchaseProcess

__all__ = [
    "FittedProcess",
    "PurchaseModel",
    "Startable",
    "all_told",
    "maximum",
    "start_of",
    "start_or_none",
]


@Checked
def start_or_none(checks: Checks, path: str, value: Mapping[str, float] | None) -> None:
    """Parameters that are finite numbers above zero, or None."""
    if not isinstance(value, Mapping | None):
        checks.refuse(path, "must tell parameters by name")
        return
    for name, number in (value or {}).items():
        positive.check(checks, f"{path}.{name}", as_number(number))


class FittedProcess(PurchaseProcess, Fitted):
    """A model of repeat purchases at the maximum-likelihood estimate, with the `estimate`."""

    __slots__ = ()

    def profile_interval(
        self,
        name: str,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        level: float = 0.95,
    ) -> Interval:
        """The profile-likelihood interval of one parameter, from the data that were fitted.

        All values that the likelihood-ratio test does not reject: where the largest
        log-likelihood over the other parameters is within chi2(level, 1) / 2 of the maximum
        (Venzon and Moolgavkar 1988). It stays right where `confidence_intervals` is not, as
        near a boundary; an end is 0 or infinite where the data put no bound there. InvalidInput
        where other data were fitted: the number of customers or the log-likelihood differs.
        """
        checks = Checks()
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        rows = checks.weights(weights, rows=history.x.size)
        checks.close()
        likelihood = self._likelihood(Cells.of(history, rows))
        return self._profile(likelihood, name, level=level)


FittedT = TypeVar("FittedT", bound=FittedProcess)


class Startable(Likelihood, Protocol):
    """A log-likelihood that knows where to begin to climb."""

    @property
    def starts(self) -> list[FloatArray]:
        """Log parameters to begin at, one of which leads to the maximum."""
        ...


@attrs.frozen(kw_only=True)
class PurchaseModel(Generic[FittedT]):
    """How to fit a model of repeat purchases.

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    `start`, the `params` of an earlier fit in the same unit of time, is tried beside the usual
    starts: a day later few steps lead from there. InvalidInput where it is no start.
    """

    _histories: ClassVar[type[History]] = History

    steps: int = attrs.field(default=200, validator=at_least_1)
    start: Mapping[str, float] | None = attrs.field(default=None, validator=start_or_none)

    def fit(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> FittedT:
        """The parameters under which these histories are most likely.

        `frequency`, `recency` and `T` are (n,) as `summarize` gives them, times in one unit;
        `weights` (n) tell how many customers each row stands for. Hard data raise nothing:
        see `status` of the result. InvalidInput where an argument cannot be what it claims.

            >>> from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess
            >>> process = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
            >>> seen = process.simulate(n_customers=4000, T=52, seed=2)
            >>> fitted = BetaGeoNBD().fit(
            ...     frequency=seen.frequency, recency=seen.recency, T=seen.T)
            >>> fitted.status, abs(fitted.r - 0.5) < 2 * fitted.standard_errors["r"]
            ('interior', True)
        """
        checks = Checks()
        history = self._histories.checked(checks, frequency=frequency, recency=recency, T=T)
        rows = checks.weights(weights, rows=history.x.size)
        checks.close()
        return self._best(Cells.of(history, rows))

    def _best(self, cells: Cells) -> FittedT:
        """The model where these cells are most likely."""
        likelihood = self._likelihood(cells)
        silent = None if (cells.x > 0).any() else "nobody bought again"
        return self._fitted(*maximum(likelihood, steps=self.steps, silent=silent, start=self.start))

    def _likelihood(self, cells: Cells) -> Startable:
        """The log-likelihood of these cells in the log parameters."""
        raise NotImplementedError

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedT:
        """The model with what was found."""
        raise NotImplementedError


def all_told(names: Sequence[str], start: Mapping[str, float]) -> None:
    """InvalidInput where `start` does not tell each of `names`."""
    checks = Checks()
    for name in names:
        if name not in start:
            checks.refuse(f"start.{name}", "is missing")
    checks.close()


def start_of(names: Sequence[str], start: Mapping[str, float] | None) -> FloatArray | None:
    """The log parameters to begin at. InvalidInput where `start` does not tell each of `names`."""
    if start is None:
        return None
    all_told(names, start)
    return np.log([float(start[name]) for name in names])


def maximum(
    likelihood: Startable, *, steps: int, silent: str | None, start: Mapping[str, float] | None
) -> tuple[dict[str, float], Estimate]:
    """Parameters and estimate at the highest point found; `silent` says why data tell nothing.

    InvalidInput where `start` does not tell every parameter.
    """
    starts = likelihood.starts
    known = start_of(likelihood.names, start)
    if known is not None:
        starts.insert(0, known)
    summit = climb_from(likelihood, starts, steps=steps)
    values = np.exp(summit.point).tolist()
    estimate = Estimate.at(summit, likelihood, silent=silent)
    return dict(zip(likelihood.names, values, strict=True)), estimate
