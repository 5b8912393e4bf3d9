"""What a fit knows about itself: how good, how sure, and whether the data settle the matter.

A fit never raises because data are hard. It says instead, in `status`:

- `interior`: a strict maximum; standard errors can be trusted as usual.
- `flat`: a maximum, but some parameters could be many times larger or smaller at little loss.
- `boundary`: the likelihood keeps rising towards zero or infinity of the `undetermined`
  parameters, some of which may only follow others on their way; what depends on their limit only
  (say, a ratio) is still determined.
- `not_identified`: the data say nothing about some parameters, as when nobody came back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, Self, TypeAlias, get_args

import attrs
import numpy as np

from crmcore.analytics.ascent import Likelihood, Summit
from crmcore.analytics.checks import Checks, FloatArray, is_whole
from crmcore.analytics.saved_fits import saved_keys, saved_matrix, saved_names, saved_number
from crmcore.analytics.settled import covariance_of, settled
from crmcore.domain.html import html_table

__all__ = ["Estimate", "Status"]

Status: TypeAlias = Literal["interior", "flat", "boundary", "not_identified"]

SHALLOW = 0.05
"""Curvature below which a standard error exceeds a factor of about 90."""


def _frozen(values: FloatArray) -> FloatArray:
    array = np.array(values, np.float64)
    array.setflags(write=False)
    return array


@attrs.frozen(kw_only=True)
class Estimate:
    """The outcome of a fit by maximum likelihood.

    `covariance` (k, k) is that of the parameters themselves, the inverse of the exact second
    derivatives, symmetric: of each parameter with all others free, the undetermined among them.
    Rows and columns of `undetermined` parameters hold NaN and an infinite variance: the data put
    no bound on them. `reason` says it in a sentence.
    `curvature` (k, k), where it is known, is that of the log-likelihood in the log parameters, with
    its sign turned: along its level directions parameters may go together, and a prediction that
    stays the same on the way is settled.
    """

    log_likelihood: float
    covariance: FloatArray = attrs.field(
        converter=_frozen,
        eq=attrs.cmp_using(eq=lambda one, other: np.array_equal(one, other, equal_nan=True)),
        hash=False,
    )
    n_customers: float
    status: Status
    reason: str
    undetermined: tuple[str, ...]
    converged: bool
    steps: int
    curvature: FloatArray | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(_frozen),
        eq=attrs.cmp_using(eq=np.array_equal),
        hash=False,
        repr=False,
    )

    @classmethod
    def at(cls, summit: Summit, likelihood: Likelihood, *, silent: str | None = None) -> Self:
        """The estimate where a climb ended; `silent` tells why the data say nothing, if so."""
        curvature, axes = np.linalg.eigh(-summit.slope.hessian)
        scale = min(1.0, likelihood.total) or 1.0
        known, covariance = settled(summit, likelihood)
        units = np.exp(np.add.outer(summit.point, summit.point))
        shallow = np.square(axes[:, curvature < SHALLOW * scale]).max(axis=1, initial=0.0) > 0.1
        names = np.array(likelihood.names)
        undetermined = tuple(str(name) for name in names[~known])
        status: Status
        if silent is not None:
            status, reason = "not_identified", silent
            known[:], undetermined = False, likelihood.names
        elif undetermined:
            listed = ", ".join(undetermined)
            status = "boundary"
            reason = f"the likelihood keeps rising towards zero or infinity of {listed}"
        elif shallow.any():
            listed = ", ".join(str(name) for name in names[shallow])
            status, reason = "flat", f"{listed} could differ by orders of magnitude at little loss"
        else:
            status, reason = "interior", "a strict maximum"
        if not summit.reached:
            reason += f"; stopped after {summit.steps} steps, before the maximum"
        return cls(
            log_likelihood=summit.slope.value,
            covariance=covariance_of(known, covariance * units),
            n_customers=int(likelihood.total)
            if likelihood.total.is_integer()
            else likelihood.total,
            status=status,
            reason=reason,
            undetermined=undetermined,
            converged=summit.reached,
            steps=summit.steps,
            curvature=None if silent is not None else -summit.slope.hessian,
        )

    def _repr_html_(self) -> str:
        return html_table(
            [
                ("log-likelihood", self.log_likelihood),
                ("customers", self.n_customers),
                ("status", self.status),
                ("reason", self.reason),
                ("steps", self.steps),
            ],
            header=("", "value"),
            caption="Estimate by maximum likelihood",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; what is not determined is None."""
        rows = [
            [float(v) if np.isfinite(v) else None for v in row] for row in self.covariance.tolist()
        ]
        plain = {field.name: getattr(self, field.name) for field in attrs.fields(Estimate)}
        curved = None if self.curvature is None else self.curvature.tolist()
        listed = {"undetermined": list(self.undetermined), "curvature": curved}
        return {**plain, "covariance": rows, **listed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The estimate that `to_dict` wrote. InvalidInput names all that is wrong with it."""
        checks = Checks()
        names = [field.name for field in attrs.fields(cls)]
        saved_keys(checks, data, needed=[name for name in names if name != "curvature"], more=names)
        checks.close()
        covariance = saved_matrix(checks, "covariance", data["covariance"])
        variances = np.diag(covariance)
        open_ = np.isnan(variances)
        checks.refuse_where(variances < 0, "covariance", "must have no variance below 0")
        if not np.array_equal(np.isnan(covariance), np.logical_or.outer(open_, open_)):
            checks.refuse("covariance", "must have gaps in whole rows and columns only")
        covariance[open_, open_] = np.inf
        undetermined = saved_names(checks, "undetermined", data["undetermined"])
        if not checks.faults and len(undetermined) != open_.sum():
            checks.refuse("undetermined", "must name those of infinite variance")
        curvature = data.get("curvature")
        if curvature is not None:
            curvature = saved_matrix(checks, "curvature", curvature)
            fits = curvature.shape == covariance.shape and not np.isnan(curvature).any()
            if not (checks.faults or fits):
                checks.refuse("curvature", "must be numbers, of the shape of covariance")
        if data["status"] not in get_args(Status):
            checks.refuse("status", f"must be one of {', '.join(get_args(Status))}")
        if not isinstance(data["reason"], str):
            checks.refuse("reason", "must be text")
        if not isinstance(data["converged"], bool):
            checks.refuse("converged", "must be true or false")
        if not is_whole(data["steps"]) or data["steps"] < 0:
            checks.refuse("steps", "must be a whole number at or above 0")
        if saved_number(checks, "n_customers", data["n_customers"]) < 0:
            checks.refuse("n_customers", "must not be negative")
        height = saved_number(checks, "log_likelihood", data["log_likelihood"])
        checks.close()
        return cls(
            log_likelihood=height,
            covariance=covariance,
            n_customers=data["n_customers"],
            status=data["status"],
            reason=data["reason"],
            undetermined=undetermined,
            converged=data["converged"],
            steps=data["steps"],
            curvature=curvature,
        )

    def __reduce__(self) -> tuple[partial[Self], tuple[()]]:
        """Copies are built anew, so that their arrays are read-only too."""
        values = {field.name: getattr(self, field.name) for field in attrs.fields(Estimate)}
        return partial(type(self), **values), ()
