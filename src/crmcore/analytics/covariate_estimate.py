"""From the scale on which a climb is easy to the units of the covariates."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from crmcore.analytics.ascent import Summit
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.covariate_design import Design
from crmcore.analytics.covariate_likelihood import CovariateLikelihood
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import all_told
from crmcore.analytics.settled import covariance_of, settled

__all__ = ["at_zero", "estimate_at", "start_with_effects"]


def at_zero(point: FloatArray, parameters: tuple[str, ...], design: Design) -> FloatArray:
    """Log parameters at covariates 0 and all coefficients per unit, of a point of the climb."""
    return np.asarray(_back(parameters, design) @ point)


def start_with_effects(
    parameters: tuple[str, ...], design: Design, start: Mapping[str, float]
) -> FloatArray:
    """The point of the climb that has these parameters and coefficients, in their own units.

    InvalidInput where `start` does not tell each.
    """
    all_told([*parameters, *(act.name for act in design.acting)], start)
    point = np.log([float(start[name]) for name in parameters])
    effects = np.array([float(start[act.name]) for act in design.acting])
    for act, effect, shift in zip(design.acting, effects, design.shift, strict=True):
        point[act.on] -= shift * effect
    return np.concatenate((point, (effects * design.scale)[design.told]))


def _back(parameters: tuple[str, ...], design: Design) -> FloatArray:
    """The matrix that does it: coefficients that the data cannot tell become 0."""
    p, kept = len(parameters), np.flatnonzero(design.told)
    back = np.zeros((p + len(design.acting), p + len(kept)))
    back[:p, :p] = np.eye(p)
    for column, place in enumerate(kept, start=p):
        back[p + place, column] = 1 / design.scale[place]
        back[design.acting[place].on, column] = design.shift[place] / design.scale[place]
    return back


def estimate_at(
    summit: Summit,
    likelihood: CovariateLikelihood,
    parameters: tuple[str, ...],
    design: Design,
    *,
    silent: str | None,
) -> Estimate:
    """The estimate, its covariance in the units of the covariates.

    Whether the data settle a parameter is judged on the scale of the climb, which no change of
    units moves; what depends on a parameter that they do not settle is not settled either.
    """
    estimate = Estimate.at(summit, likelihood, silent=silent)
    back = _back(parameters, design)
    known, inverse = settled(summit, likelihood)
    known &= silent is None
    sure = (back != 0).any(axis=1) & ~(back[:, ~known] != 0).any(axis=1)
    logs = back @ summit.point
    units = np.where(np.arange(len(logs)) < len(parameters), np.exp(logs), 1.0)[:, None] * back
    covariance = covariance_of(sure, units @ inverse @ units.T)
    names = (*parameters, *(act.name for act in design.acting))
    undetermined = tuple(name for name, one in zip(names, sure, strict=True) if not one)
    found = attrs.evolve(estimate, covariance=covariance, undetermined=undetermined, curvature=None)
    if design.untold is None or silent is not None:
        return found
    return attrs.evolve(
        found, status="not_identified", reason=f"{design.untold}; else {estimate.reason}"
    )
