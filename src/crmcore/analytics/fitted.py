"""What every fitted model answers about its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, cast

import attrs
import numpy as np
from scipy.stats import norm

from crmcore.analytics.ascent import Likelihood
from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.estimate import Estimate, Status
from crmcore.analytics.intervals import (
    Interval,
    IntervalOf,
    checked_level,
    interval_of,
    profile_interval,
)
from crmcore.analytics.saved_fits import saved_keys, saved_number
from crmcore.domain.errors import InvalidInput
from crmcore.domain.html import html_table

__all__ = ["Fitted", "read_estimate", "read_fitted"]

SAME = 1e-6
"""Data whose numbers differ by no more, relatively, are taken for those that were fitted."""


class Fitted:
    """What every fitted model answers about its parameters; `estimate` holds the facts."""

    __slots__ = ()

    estimate: Estimate

    def _repr_html_(self) -> str:
        errors = self.standard_errors
        rows = [(name, value, _shown(errors.get(name))) for name, value in self.params.items()]
        found = self.estimate
        return html_table(
            rows,
            header=("parameter", "value", "standard error"),
            caption=type(self).__name__,
            note=f"Log-likelihood {found.log_likelihood:,.2f} over {found.n_customers:,} customers;"
            f" {found.status}: {found.reason}.",
        )

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        raise NotImplementedError

    @property
    def _smooth(self) -> dict[str, float]:
        """The parameters that `covariance` is of: all but whole numbers."""
        return self.params

    @property
    def n_parameters(self) -> int:
        """How many parameters were estimated: not those that were given, or held at 0."""
        return len(self.params)

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood of the data at the parameters found."""
        return self.estimate.log_likelihood

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the parameters in the order of `standard_errors`, (k, k), symmetric."""
        return self.estimate.covariance

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard error of each parameter; infinite where the data put no bound on it."""
        errors = np.sqrt(np.diag(self.estimate.covariance)).tolist()
        return dict(zip(self._smooth, errors, strict=True))

    @property
    def n_customers(self) -> float:
        """How many customers were fitted: the sum of the weights."""
        return self.estimate.n_customers

    @property
    def aic(self) -> float:
        """Akaike's information criterion, 2 k - 2 LL for k parameters: less is better."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """The Bayesian information criterion of Schwarz, k ln n - 2 LL: less is better."""
        many = np.log(max(self.n_customers, 1.0))
        return float(self.n_parameters * many) - 2.0 * self.log_likelihood

    def confidence_intervals(self, *, level: float = 0.95) -> dict[str, Interval]:
        """An interval of each parameter from its standard error, on the log scale (Wald).

        Parameters are positive and their estimates closer to normal in logarithms. From 0 to
        infinity where the data put no bound; near a boundary see `profile_interval`.
        """
        wide = float(norm.ppf(0.5 + checked_level(level) / 2))
        intervals = {}
        for (name, value), error in zip(
            self._smooth.items(), self.standard_errors.values(), strict=True
        ):
            bounded = bool(np.isfinite(error)) and value != 0
            factor = float(np.exp(min(wide * error / value, 700.0))) if bounded else np.inf
            intervals[name] = Interval(
                value / factor if bounded else 0.0, value * factor if bounded else np.inf
            )
        return intervals

    def _profile(self, likelihood: Likelihood, name: str, *, level: float) -> Interval:
        """The profile interval of a parameter in the likelihood of the data that were fitted."""
        checks = Checks()
        checks.word("name", name, likelihood.names)
        checks.close()
        self._same_data(likelihood, self.params)
        return profile_interval(likelihood, self.params, name, level=level)

    def _same_data(self, likelihood: Likelihood, params: Mapping[str, float]) -> None:
        """InvalidInput where a likelihood is of other data than were fitted.

        `params` are those found, as the likelihood takes them.
        """
        are, were = likelihood.total, self.n_customers
        if abs(are - were) > SAME * max(were, 1.0):
            raise InvalidInput.of(
                "data",
                f"are not those that were fitted: of {are:,.12g} customers, not {were:,.12g}",
            )
        are = likelihood.value(np.log([params[each] for each in likelihood.names]))
        were = self.log_likelihood
        if not abs(are - were) <= SAME * max(abs(were), 1.0):
            raise InvalidInput.of(
                "data",
                "are not those that were fitted: their log-likelihood at these parameters is"
                f" {are:,.6f}, not {were:,.6f}",
            )

    def interval_of(
        self,
        predict: Callable[[Any], FloatArray],
        *,
        level: float = 0.95,
        upper: float = np.inf,
    ) -> IntervalOf:
        """A prediction with the interval that the estimate leaves open, by the delta method.

        `predict` asks a model of this class; `upper` is the bound of what it tells, 1 for
        probabilities. Where the data leave open what it depends on, the interval is everything
        from 0 to `upper`; what depends on a limit only, as a rate r / alpha, is told though
        r and alpha are not determined. InvalidInput where a value is below 0 or above `upper`.

            >>> from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess
            >>> process = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
            >>> seen = process.simulate(n_customers=4000, T=52, seed=1)
            >>> fitted = BetaGeoNBD().fit(
            ...     frequency=seen.frequency, recency=seen.recency, T=seen.T)
            >>> found = fitted.interval_of(lambda model: model.expected_purchases_new(t=52))
            >>> truth = process.expected_purchases_new(t=52)
            >>> bool(found.low < truth < found.high)
            True
        """
        point = np.log(list(self._smooth.values()))
        names = tuple(self._smooth)
        scale = np.exp(-point)
        with np.errstate(invalid="ignore"):
            covariance = self.covariance * scale * scale[:, None]

        def at(moved: FloatArray) -> Any:
            moved_params = zip(names, np.exp(moved).tolist(), strict=True)
            return attrs.evolve(cast(Any, self), **dict(moved_params))

        return interval_of(
            predict, self, at=at, point=point, covariance=covariance, level=level, upper=upper,
            curvature=self.estimate.curvature,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; `from_dict` reads it back."""
        return {"model": _model(type(self)), **self.params, "estimate": self.estimate.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The fitted model that `to_dict` wrote. InvalidInput names all that is wrong with it."""
        made: Any = cls
        names = [field.name for field in attrs.fields(made) if field.name != "estimate"]
        params, estimate = read_fitted(data, model=_model(cls), names=names)
        return cast(Self, made(**params, estimate=estimate))

    @property
    def converged(self) -> bool:
        """Whether the climb ended where no step gains anything."""
        return self.estimate.converged

    @property
    def status(self) -> Status:
        """`interior`, `flat`, `boundary` or `not_identified`."""
        return self.estimate.status


def _shown(error: float | None) -> float | str:
    """A standard error as a notebook shows it; whole numbers have none."""
    if error is None:
        return "whole"
    return error if np.isfinite(error) else "no bound"


def _model(fitted: type[Fitted]) -> str:
    """The name of the options that lead to it: BetaGeoNBD for FittedBetaGeoNBD."""
    return fitted.__name__.removeprefix("Fitted")


def read_fitted(
    data: Mapping[str, Any], *, model: str, names: Sequence[str], more: Sequence[str] = ()
) -> tuple[dict[str, float], Estimate]:
    """Parameters and estimate out of what a fitted model's `to_dict` wrote, with `more` besides.

    InvalidInput names all that is wrong, such as an estimate of other parameters.
    """
    checks = Checks()
    if not isinstance(data, Mapping) or data.get("model") != model:
        raise InvalidInput.of("model", f"must be {model}")
    saved_keys(checks, data, needed=("model", *names, "estimate", *more))
    checks.close()
    params = {name: saved_number(checks, name, data[name]) for name in names}
    smooth = [name for name in names if name != "k"]
    return params, read_estimate(checks, data["estimate"], names=smooth)


def read_estimate(checks: Checks, data: Any, *, names: Sequence[str]) -> Estimate:
    """The estimate of parameters of these names. Closes `checks`."""
    try:
        estimate = Estimate.from_dict(data)
    except InvalidInput as error:
        checks.faults.extend(error.under("estimate").faults)
        checks.close()
        raise
    if len(estimate.covariance) != len(names):
        checks.refuse("estimate.covariance", f"must have a row for each of {', '.join(names)}")
    elif estimate.undetermined != tuple(
        name for name, own in zip(names, np.diag(estimate.covariance), strict=True) if np.isinf(own)
    ):
        checks.refuse("estimate.undetermined", "must name those of infinite variance, in order")
    checks.close()
    return estimate
