"""Fitting the BG/CNBD-k and MBG/CNBD-k models by maximum likelihood, k among the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar, cast

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.checks import Checks
from crmcore.analytics.cnbd_process import (
    MOST_REGULAR,
    BetaGeoCNBDProcess,
    ModifiedBetaGeoCNBDProcess,
    regularity,
)
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitted import read_fitted
from crmcore.analytics.fitting import FittedProcess, PurchaseModel, maximum
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.intervals import Interval
from crmcore.analytics.log_intervals import checked_log_intervals, log_gaps, log_spread
from crmcore.analytics.options import Checked

__all__ = [
    "BetaGeoCNBD",
    "FittedBetaGeoCNBD",
    "FittedModifiedBetaGeoCNBD",
    "FittedRegular",
    "ModifiedBetaGeoCNBD",
    "RegularModel",
]

NAMES = ("r", "alpha", "a", "b", "k")


@attrs.frozen(eq=False)
class _Seen:
    """Histories with the sum of all their `log_intervals`, where these are known."""

    cells: Cells
    log_intervals: float | None

    @classmethod
    def checked(
        cls,
        k: int | None,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None,
        log_intervals: npt.ArrayLike | None,
    ) -> Self:
        """What a fit takes, of k if that is given."""
        checks = Checks()
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        rows = checks.weights(weights, rows=history.x.size)
        logs = None
        if log_intervals is not None:
            logs = checked_log_intervals(checks, log_intervals, history)
        elif k is None:
            checks.refuse(
                "log_intervals",
                "is needed to estimate k: ask summarize for it with log_intervals=True, or give k",
            )
        checks.close()
        total = None if logs is None else float((logs if rows is None else rows * logs).sum())
        return cls(Cells.of(history, rows), total)

    @property
    def purchases(self) -> float:
        """How many repeat purchases were made in all."""
        return float((self.cells.weight * self.cells.x).sum())

    def likelihood(self, k: int, *, first: int) -> BetaGeoNBDLikelihood:
        """The log-likelihood of this with regularity k."""
        cells = self.cells
        constant = (
            log_spread(k, cells.x, cells.recency, cells.weight)
            if self.log_intervals is None
            else log_gaps(k, purchases=self.purchases, log_intervals=self.log_intervals)
        )
        return BetaGeoNBDLikelihood.of(cells, first=first, k=k, log_gaps=constant)


class FittedRegular(FittedProcess):
    """What is known of a fit with regularity k besides the `estimate` of the other parameters.

    `covariance`, `standard_errors` and intervals are those of r, alpha, a and b with k taken as
    known. How sure k is tells `log_likelihood_by_k`; `aic` and `bic` count k as a parameter where
    it was estimated.
    """

    __slots__ = ()

    _first: ClassVar[int]
    k: int
    log_likelihood_by_k: tuple[float, ...]

    @property
    def _smooth(self) -> dict[str, float]:
        return {name: value for name, value in self.params.items() if name != "k"}

    @property
    def n_parameters(self) -> int:
        """How many parameters were estimated: r, alpha, a and b, and k unless it was given."""
        return 5 if self.log_likelihood_by_k else 4

    def profile_interval(
        self,
        name: str,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        log_intervals: npt.ArrayLike | None = None,
        level: float = 0.95,
    ) -> Interval:
        """The profile-likelihood interval of one parameter but k, from the data that were fitted.

        As that of other models, with k taken as known. Where `log_intervals` were fitted they are
        needed here too. InvalidInput where other data were fitted.
        """
        seen = _Seen.checked(
            self.k, frequency=frequency, recency=recency, T=T,
            weights=weights, log_intervals=log_intervals,
        )  # fmt: skip
        return self._profile(seen.likelihood(self.k, first=self._first), name, level=level)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; `from_dict` reads it back."""
        return {**super().to_dict(), "log_likelihood_by_k": list(self.log_likelihood_by_k)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The fitted model that `to_dict` wrote. InvalidInput where it is not one."""
        made: Any = cls
        params, estimate = read_fitted(
            data,
            model=cls.__name__.removeprefix("Fitted"),
            names=NAMES,
            more=("log_likelihood_by_k",),
        )
        checks = Checks()
        by_k = checks.numbers("log_likelihood_by_k", data["log_likelihood_by_k"], negative=True)
        if by_k.ndim != 1 or len(by_k) > MOST_REGULAR:
            checks.refuse("log_likelihood_by_k", "must hold a number for each k at most")
        checks.close()
        whole = {**params, "k": data["k"], "log_likelihood_by_k": tuple(by_k.tolist())}
        return cast(Self, made(**whole, estimate=estimate))


@attrs.frozen(kw_only=True)
class FittedBetaGeoCNBD(BetaGeoCNBDProcess, FittedRegular):
    """The BG/CNBD-k process at the maximum-likelihood estimate, with the `estimate` itself.

    `log_likelihood_by_k` holds the maximum for k = 1, 2, ... 12, or nothing where k was given.
    """

    estimate: Estimate
    log_likelihood_by_k: tuple[float, ...] = ()


@attrs.frozen(kw_only=True)
class FittedModifiedBetaGeoCNBD(ModifiedBetaGeoCNBDProcess, FittedRegular):
    """The MBG/CNBD-k process at the maximum-likelihood estimate, with the `estimate` itself.

    `log_likelihood_by_k` holds the maximum for k = 1, 2, ... 12, or nothing where k was given.
    """

    estimate: Estimate
    log_likelihood_by_k: tuple[float, ...] = ()


FittedRegularT = TypeVar("FittedRegularT", bound=FittedRegular)


@Checked
def _regularity_or_none(checks: Checks, path: str, value: object) -> None:
    if value is not None:
        regularity.check(checks, path, value)


@attrs.frozen(kw_only=True)
class RegularModel(PurchaseModel[FittedRegularT]):
    """How to fit a model of regular purchases; with `k=None` the regularity is estimated too."""

    _first: ClassVar[int] = 0
    _made: ClassVar[Any]

    k: int | None = attrs.field(default=None, validator=_regularity_or_none)

    def fit(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        log_intervals: npt.ArrayLike | None = None,
    ) -> FittedRegularT:
        """The parameters, and k from 1 to 12, under which these histories are most likely.

        `frequency`, `recency` and `T` are (n,) as `summarize` gives them, times in one unit;
        `weights` (n) tell how many customers each row stands for. `log_intervals` (n), asked
        of `summarize` too, is the sum of ln(time since the purchase before) of each customer's
        repeat purchases, 0 without one. k is estimated by it; with k given it may be left out,
        and then `log_likelihood` is that of frequency and recency alone.

        Hard data raise nothing: see `status` of the result. InvalidInput where an argument
        cannot be what it claims, or `log_intervals` is missing and k is to be estimated.

            >>> from crmcore.analytics import BetaGeoCNBD, BetaGeoCNBDProcess
            >>> process = BetaGeoCNBDProcess(r=2, alpha=3, a=0.5, b=2.5, k=3)
            >>> seen = process.simulate(n_customers=1000, T=52, seed=2)
            >>> fitted = BetaGeoCNBD().fit(
            ...     frequency=seen.frequency, recency=seen.recency, T=seen.T,
            ...     log_intervals=seen.log_intervals)
            >>> fitted.k, fitted.status
            (3, 'interior')
        """
        seen = _Seen.checked(
            self.k, frequency=frequency, recency=recency, T=T,
            weights=weights, log_intervals=log_intervals,
        )  # fmt: skip
        return self._best_of(seen)

    def _best_of(self, seen: _Seen) -> FittedRegularT:
        """The model where this is most likely, over all k asked."""
        silent = None if seen.purchases else "nobody bought again"
        tried = range(1, MOST_REGULAR + 1) if self.k is None else range(self.k, self.k + 1)
        start, found = self.start, []
        for k in tried:
            likelihood = seen.likelihood(k, first=self._first)
            params, estimate = maximum(likelihood, steps=self.steps, silent=silent, start=start)
            found.append((params, estimate))
            if silent:
                break
            start = {**params, "alpha": params["alpha"] * (k + 1) / k}
        heights = [estimate.log_likelihood for _, estimate in found]
        best = int(np.argmax(heights))
        params, estimate = found[best]
        k = tried[best]
        if self.k is None and k == MOST_REGULAR:
            reason = f"{estimate.reason}; k is the largest that is tried"
            estimate = attrs.evolve(estimate, reason=reason)
        by_k = tuple(heights) if self.k is None else ()
        fitted = self._made(**params, k=k, estimate=estimate, log_likelihood_by_k=by_k)
        return cast(FittedRegularT, fitted)


@attrs.frozen(kw_only=True)
class BetaGeoCNBD(RegularModel[FittedBetaGeoCNBD]):
    """How to fit the BG/CNBD-k model (Platzer and Reutterer 2016).

    `k`, the regularity, is a whole number from 1 to 12, or None to be estimated. `steps` bounds
    the number of Newton steps from each start, for each k.
    """

    _made: ClassVar[Any] = FittedBetaGeoCNBD


@attrs.frozen(kw_only=True)
class ModifiedBetaGeoCNBD(RegularModel[FittedModifiedBetaGeoCNBD]):
    """How to fit the MBG/CNBD-k model (Platzer and Reutterer 2016).

    `k`, the regularity, is a whole number from 1 to 12, or None to be estimated. `steps` bounds
    the number of Newton steps from each start, for each k.
    """

    _first: ClassVar[int] = 1
    _made: ClassVar[Any] = FittedModifiedBetaGeoCNBD
