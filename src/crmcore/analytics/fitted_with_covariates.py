"""A model of repeat purchases with covariates, at the maximum-likelihood estimate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from crmcore.analytics.ascent import Summit
from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.covariate_data import CovariateData
from crmcore.analytics.covariate_design import Effect, scale_of
from crmcore.analytics.covariate_estimate import at_zero, estimate_at
from crmcore.analytics.covariate_kinds import KINDS, kind_of
from crmcore.analytics.covariate_likelihood import CovariateLikelihood
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitted import Fitted, read_estimate
from crmcore.analytics.intervals import (
    Interval,
    IntervalOf,
    checked_level,
    interval_of,
    profile_interval,
)  # fmt: skip
from crmcore.analytics.process_of_each import ProcessOfEach
from crmcore.analytics.process_with_covariates import ProcessWithCovariates
from crmcore.analytics.saved_fits import saved_keys, saved_number
from crmcore.domain.errors import InvalidInput

__all__ = ["FittedWithCovariates"]


@attrs.frozen(kw_only=True)
class FittedWithCovariates(ProcessWithCovariates, Fitted):
    """The model with covariates at the maximum-likelihood estimate, with the `estimate` itself.

    Where the data tell little of customers with covariates near 0, as of customers of age 0, the
    baseline is uncertain though predictions need not be.
    """

    estimate: Estimate

    @classmethod
    def at(cls, summit: Summit, likelihood: CovariateLikelihood, data: CovariateData) -> Self:
        """The model where a climb ended, in the units of the covariates."""
        kind, design = KINDS[data.kind], data.design
        params = at_zero(summit.point, kind.parameters, design)
        coefficients = params[len(kind.parameters) :]
        found = {
            name: scale_of(value, name)
            for name, value in zip(kind.parameters, params.tolist(), strict=False)
        }
        return cls(
            baseline=kind.process(**found),
            effects=tuple(
                Effect(act.part, act.covariate, value)
                for act, value in zip(design.acting, coefficients.tolist(), strict=True)
            ),
            estimate=estimate_at(summit, likelihood, kind.parameters, design, silent=data.silent),
        )

    @property
    def n_parameters(self) -> int:
        """How many were estimated: not the effects that the data could not tell, which are 0."""
        untold = self.estimate.undetermined
        return len(self.params) - sum(
            effect.coefficient == 0 and effect.name in untold for effect in self.effects
        )

    def given(self, covariates: Mapping[str, npt.ArrayLike]) -> ProcessOfEach:
        """The model of customers with these covariates, as without a fit, with the `estimate`."""
        made = ProcessWithCovariates.given(self, covariates)
        return attrs.evolve(made, n_parameters=self.n_parameters, estimate=self.estimate)

    def confidence_intervals(self, *, level: float = 0.95) -> dict[str, Interval]:
        """An interval of each parameter from its standard error (Wald).

        On the log scale for parameters, which are positive, and symmetric for coefficients. From
        end to end where the data put no bound; near a boundary see `profile_interval`.
        """
        intervals = super().confidence_intervals(level=level)
        wide = float(norm.ppf(0.5 + checked_level(level) / 2))
        errors = self.standard_errors
        for name, value in self.coefficients.items():
            intervals[name] = Interval(value - wide * errors[name], value + wide * errors[name])
        return intervals

    def profile_interval(
        self,
        name: str,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        covariates: Mapping[str, npt.ArrayLike],
        weights: npt.ArrayLike | None = None,
        level: float = 0.95,
    ) -> Interval:
        """The profile-likelihood interval of one parameter, from the data that were fitted.

        As that of models without covariates; the ends of a coefficient are infinite where the
        data put no bound there. InvalidInput where other data were fitted.
        """
        if not isinstance(name, str) or name not in self.params:
            raise InvalidInput.of("name", f"must be one of {', '.join(self.params)}")
        data = CovariateData.checked(
            kind_of(self.baseline), self._acting(), frequency=frequency, recency=recency, T=T,
            covariates=covariates, weights=weights,
        )  # fmt: skip
        design = data.design.unshifted()
        scales = dict(zip((act.name for act in design.acting), design.scale.tolist(), strict=True))
        likelihood = data.likelihood(design)
        # Exponentials of coefficients are positive, as what a profile is made for.
        positive = dict(self.baseline.params)
        for effect in self.effects:
            positive[effect.name] = float(np.exp(effect.coefficient * scales[effect.name]))
        self._same_data(likelihood, positive)
        if name not in likelihood.names:
            return Interval(-np.inf, np.inf)
        found = profile_interval(likelihood, positive, name, level=level)
        if name in self.baseline.params:
            return found
        with np.errstate(divide="ignore"):
            low, high = (np.log([found.low, found.high]) / scales[name]).tolist()
        return Interval(low, high)

    def interval_of(
        self,
        predict: Callable[[Any], FloatArray],
        *,
        level: float = 0.95,
        upper: float = np.inf,
    ) -> IntervalOf:
        """A prediction with the interval that the estimate leaves open, by the delta method.

        `predict` asks a model with covariates, as `lambda model: model.given(covariates)...`;
        `upper` is the bound of what it tells, 1 for probabilities.
        """
        baseline = self.baseline.params
        scale = np.array([*baseline.values(), *(1.0 for _ in self.effects)])
        point = np.array([*np.log(list(baseline.values())), *self.coefficients.values()])
        with np.errstate(invalid="ignore"):
            covariance = self.covariance / (scale * scale[:, None])

        def at(moved: FloatArray) -> Any:
            values = moved.tolist()
            params = zip(baseline, np.exp(values[: len(baseline)]).tolist(), strict=True)
            effects = zip(self.effects, values[len(baseline) :], strict=True)
            return attrs.evolve(
                self,
                baseline=self._kind.process(**dict(params)),
                effects=tuple(attrs.evolve(e, coefficient=value) for e, value in effects),
            )

        return interval_of(
            predict, self, at=at, point=point, covariance=covariance, level=level, upper=upper
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; `from_dict` reads it back."""
        return {
            "model": "WithCovariates",
            "of": kind_of(self.baseline),
            "baseline": self.baseline.params,
            "effects": [attrs.asdict(effect) for effect in self.effects],
            "estimate": self.estimate.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The fitted model that `to_dict` wrote. InvalidInput where it is not one."""
        if not isinstance(data, Mapping) or data.get("model") != "WithCovariates":
            raise InvalidInput.of("model", "must be WithCovariates")
        checks = Checks()
        saved_keys(checks, data, needed=("model", "of", "baseline", "effects", "estimate"))
        checks.close()
        if data["of"] not in tuple(KINDS):
            raise InvalidInput.of("of", f"must be one of {', '.join(KINDS)}")
        kind = KINDS[data["of"]]
        params = _saved("baseline", data["baseline"], kind.parameters)
        if not isinstance(data["effects"], list | tuple):
            raise InvalidInput.of("effects", "must be a list")
        effects = []
        for place, each in enumerate(data["effects"]):
            path = f"effects[{place}]"
            told = _saved(path, each, ("part", "covariate", "coefficient"))
            try:
                effects.append(Effect(**told))
            except InvalidInput as error:
                raise error.under(path) from error
        names = [*kind.parameters, *(effect.name for effect in effects)]
        estimate = read_estimate(checks, data["estimate"], names=names)
        return cls(baseline=kind.process(**params), effects=tuple(effects), estimate=estimate)


def _saved(path: str, data: Any, names: Sequence[str]) -> dict[str, Any]:
    """Numbers and names that were saved. InvalidInput where they are none."""
    checks = Checks()
    if saved_keys(checks, data, needed=names):
        for name in names:
            if name in ("part", "covariate"):
                if not isinstance(data[name], str):
                    checks.refuse(name, "must be text")
            else:
                saved_number(checks, name, data[name])
    if checks.faults:
        raise InvalidInput(tuple(checks.faults)).under(path)
    return dict(data)
