"""Covariates: what is known of customers beside their purchases, in models of repeat purchases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.ascent import climb_from
from crmcore.analytics.checks import Checks, as_number
from crmcore.analytics.covariate_data import CovariateData
from crmcore.analytics.covariate_design import Acting, Part
from crmcore.analytics.covariate_estimate import start_with_effects
from crmcore.analytics.covariate_kinds import KINDS, Model
from crmcore.analytics.fitted_with_covariates import FittedWithCovariates
from crmcore.analytics.fitting import start_of
from crmcore.analytics.options import Checked, positive
from crmcore.domain.errors import InvalidInput

__all__ = ["WithCovariates"]


@Checked
def _names(checks: Checks, path: str, value: tuple[str, ...]) -> None:
    """Different names."""
    for place, name in enumerate(value):
        if not isinstance(name, str) or not name:
            checks.refuse(f"{path}[{place}]", "must be the name of a covariate")
        elif name in value[:place]:
            checks.refuse(f"{path}[{place}]", "is named twice")


@Checked
def _model(checks: Checks, path: str, value: object) -> None:
    """One of the models that covariates can act on."""
    if type(value).__name__ not in KINDS:
        checks.refuse(path, f"must be one of {', '.join(KINDS)}")


def _tuple(names: Any) -> Any:
    """Names as a tuple; one name alone is most likely meant as such."""
    if isinstance(names, str):
        return (names,)
    try:
        return tuple(names)
    except TypeError:
        return (names,)


@Checked
def _start_or_none(checks: Checks, path: str, value: Mapping[str, float] | None) -> None:
    """Parameters above zero and finite coefficients, which have a dot in their names, or None."""
    if not isinstance(value, Mapping | None):
        checks.refuse(path, "must tell parameters by name")
        return
    for name, number in (value or {}).items():
        if "." not in str(name):
            positive.check(checks, f"{path}.{name}", as_number(number))
        elif not np.isfinite(as_number(number)):
            checks.refuse(f"{path}.{name}", "must be a finite number")


@attrs.frozen
class WithCovariates:
    """How to fit a model of repeat purchases with traits of customers that do not change.

    `purchases` name the covariates that act on the rate of purchases and `dropout` those that act
    on leaving; one may be in both. With coefficients c and covariates z of a customer,

    - alpha = alpha0 exp(-c z): everybody's rate of purchases is multiplied by exp(c z);
    - in Pareto/NBD beta = beta0 exp(-c z): so is everybody's rate of leaving;
    - in BG/NBD and MBG/NBD b = b0 exp(-c z): so are the odds a / b of the mean probability to
      leave after a purchase.

    So a positive coefficient means more purchases, or sooner gone, in each model. Fader and Hardie
    (2007), Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models, let
    covariates act on a and b of BG/NBD, each by coefficients of its own. The data mostly tell
    the ratio of a and b; an effect on both alike would leave the mean dropout as it is. Here it is
    b alone: one coefficient, and the counterpart of beta, since Beta(a, b) is close to
    Gamma(a, b) where dropout is rare. Nor is a made to depend on covariates besides.

    `model` holds the options of the model without covariates. `start`, the `params` of an earlier
    fit with the same covariates in the same units, is tried beside the usual starts, as the
    `start` of the `model` is for customers without covariates.
    Categories are columns of 0 and 1, one less than there are categories.
    """

    model: Model = attrs.field(validator=_model)
    purchases: tuple[str, ...] = attrs.field(
        default=(), converter=_tuple, validator=_names, kw_only=True
    )
    dropout: tuple[str, ...] = attrs.field(
        default=(), converter=_tuple, validator=_names, kw_only=True
    )

    start: Mapping[str, float] | None = attrs.field(
        default=None, validator=_start_or_none, kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        if not (self.purchases or self.dropout):
            raise InvalidInput.of("purchases", "must name a covariate, or dropout must")

    def fit(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        covariates: Mapping[str, npt.ArrayLike],
        weights: npt.ArrayLike | None = None,
    ) -> FittedWithCovariates:
        """The parameters and coefficients under which these histories are most likely.

        `frequency`, `recency`, `T` and `weights` are those of a fit without covariates, (n);
        `covariates` hold a column (n) of numbers for each name, in any unit; others are passed
        over. Hard data raise nothing: where a covariate is constant, or made of those named
        before it, its coefficient is 0 with an infinite standard error and `status` says
        `not_identified`. InvalidInput where an argument cannot be what it claims.

            >>> import numpy as np
            >>> from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess, WithCovariates
            >>> shop, web = (BetaGeoNBDProcess(r=0.8, alpha=alpha, a=1, b=3).simulate(
            ...     n_customers=3000, T=52, seed=1) for alpha in (12, 6))  # web: twice the rate
            >>> fitted = WithCovariates(BetaGeoNBD(), purchases="web").fit(
            ...     frequency=np.append(shop.frequency, web.frequency),
            ...     recency=np.append(shop.recency, web.recency), T=52,
            ...     covariates={"web": np.repeat([0, 1], 3000)})
            >>> fitted.status, round(float(np.exp(fitted.params["purchases.web"])), 1)
            ('interior', 2.0)
        """
        kind = type(self.model).__name__
        data = CovariateData.checked(
            kind, self._acting(), frequency=frequency, recency=recency, T=T,
            covariates=covariates, weights=weights,
        )  # fmt: skip
        likelihood = data.likelihood(data.design)
        starts = likelihood.beginnings(
            self.model.steps, start_of(KINDS[kind].parameters, self.model.start)
        )
        if self.start is not None:
            starts.insert(0, start_with_effects(KINDS[kind].parameters, data.design, self.start))
        summit = climb_from(likelihood, starts, steps=self.model.steps)
        return FittedWithCovariates.at(summit, likelihood, data)

    def _acting(self) -> tuple[Acting, ...]:
        """Every effect asked for."""
        kind = KINDS[type(self.model).__name__]
        parameters = list(kind.parameters)
        asked: tuple[tuple[Part, tuple[str, ...]], ...] = (
            ("purchases", self.purchases),
            ("dropout", self.dropout),
        )
        return tuple(
            Acting(part, name, parameters.index(kind.scales[part]))
            for part, names in asked
            for name in names
        )
