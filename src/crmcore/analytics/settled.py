"""Which parameters the data settle, and how surely: read off the curvature at the summit.

A parameter that the data do not settle may run away, and others may have to follow it to keep the
likelihood as high: they are not settled either. What stays where it is has the variance that is
left when all others take their best values, not the smaller one of holding them where they are.
"""

from __future__ import annotations

import numpy as np

from crmcore.analytics.ascent import Likelihood, Summit
from crmcore.analytics.checks import BoolArray, FloatArray
from crmcore.analytics.intervals import LEVEL

__all__ = ["covariance_of", "settled"]

FOLLOWS = 1e-3
"""A log parameter that moves less than so much of one that runs away does not follow it."""


def settled(summit: Summit, likelihood: Likelihood) -> tuple[BoolArray, FloatArray]:
    """Which of the k log parameters are settled, (k), and the covariance of those, (k, k).

    Nothing is known along directions in which the likelihood is level, and of parameters at a
    bound, which would go on if they could.
    """
    low, high = likelihood.bounds
    at_bound = (summit.point <= low + 1) | (summit.point >= high - 1)
    size, axes = np.linalg.eigh(-summit.slope.hessian)
    known = size >= LEVEL * (min(1.0, likelihood.total) or 1.0)
    inverse = (axes[:, known] / size[known]) @ axes[:, known].T
    drifts = np.abs(axes[:, ~known]).max(axis=1, initial=0.0) > FOLLOWS
    loose = at_bound | drifts
    for place in np.flatnonzero(at_bound & ~drifts):
        loose |= np.abs(inverse[place]) > FOLLOWS * inverse[place, place]
    return ~loose, inverse


def covariance_of(known: BoolArray, covariance: FloatArray) -> FloatArray:
    """`covariance` (k, k) of what is `known`, symmetric; of the rest NaN and infinite variance."""
    whole = np.full(covariance.shape, np.nan)
    whole[np.diag_indices(len(known))] = np.inf
    among = covariance[np.ix_(known, known)]
    whole[np.ix_(known, known)] = (among + among.T) / 2
    return whole
