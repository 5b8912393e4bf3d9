"""Climbing a log-likelihood in log parameters, with exact second derivatives.

Every model here has positive parameters. In their logarithms there are no constraints, a
change of unit is a shift, and a maximum at zero or infinity is a plateau that is reached step
by step instead of a wall. Newton's method with a bounded step climbs it: eigenvalues of the
curvature are taken by size, so a step always points uphill.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray

__all__ = ["Likelihood", "Slope", "Summit", "climb", "climb_from"]


@attrs.frozen(eq=False)
class Slope:
    """A log-likelihood at one point: `value`, `gradient` (k) and `hessian` (k, k)."""

    value: float
    gradient: FloatArray
    hessian: FloatArray


class Likelihood(Protocol):
    """The log-likelihood of some data as a function of the log parameters."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in the order of the arrays."""
        ...

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The log parameters within which the sums keep their precision."""
        ...

    @property
    def total(self) -> float:
        """How many customers it sums over."""
        ...

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        ...

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives."""
        ...


@attrs.frozen(eq=False)
class Summit:
    """Where a climb ended; `reached` says that no step could gain anything more."""

    point: FloatArray
    slope: Slope
    steps: int
    reached: bool


def climb(likelihood: Likelihood, start: FloatArray, *, steps: int = 200) -> Summit:
    """The maximum that is uphill of `start`, or the farthest point on a plateau."""
    low, high = likelihood.bounds
    point = np.clip(start, low, high)
    here = likelihood.slope(point)
    radius, idle = 2.0, 0
    for taken in range(steps):
        step = _step(here, (point - low, high - point), radius)
        noise = 1e-12 + 1e-15 * abs(here.value)
        promised = float((here.gradient * step).sum())
        if promised < noise or idle == 3:
            return Summit(point, here, taken, True)
        there = likelihood.slope(np.clip(point + step, low, high))
        gained = there.value - here.value
        if not gained > -100 * noise:  # also when it is not a number
            radius = float(np.abs(step).max()) / 4
            if radius < 1e-12:
                return Summit(point, here, taken, promised < 1e-6)
            continue
        expected = promised + 0.5 * float(step @ here.hessian @ step)
        if gained > 0.75 * expected:
            radius = min(4.0, 2 * radius)
        idle = idle + 1 if gained < noise else 0
        point, here = np.clip(point + step, low, high), there
    return Summit(point, here, steps, False)


def _step(here: Slope, room: tuple[FloatArray, FloatArray], radius: float) -> FloatArray:
    """Newton's step no longer than `radius`, within the room below and above each parameter.

    A parameter at its bound that would leave is held there and the others climb on. A step
    that would cross a bound is shortened as a whole, so that it still points uphill.
    """
    below, above = room
    free = ~(((below <= 0) & (here.gradient < 0)) | ((above <= 0) & (here.gradient > 0)))
    while True:
        step = np.zeros(len(free))
        if not free.any():
            return step
        curvature, axes = np.linalg.eigh(-here.hessian[np.ix_(free, free)])
        size = np.maximum(np.abs(curvature), 1e-15 * np.abs(curvature).max() + 1e-300)
        step[free] = axes @ np.clip((axes.T @ here.gradient[free]) / size, -radius, radius)
        leaves = ((below <= 0) & (step < 0)) | ((above <= 0) & (step > 0))
        if not leaves.any():
            break
        free &= ~leaves
    space = np.where(step > 0, above, below)
    moving = step != 0
    share = (space[moving] / np.abs(step[moving])).min(initial=1.0)
    return np.asarray(step * share)


def climb_from(likelihood: Likelihood, starts: Iterable[FloatArray], *, steps: int) -> Summit:
    """The best maximum found from the starts: the most promising first, others if it fails.

    One climb is enough where it ends at a maximum that the data determine. On a plateau the
    other starts are tried too, since a plateau may hide a higher place elsewhere.
    """
    ranked = sorted(starts, key=lambda start: -likelihood.value(start))
    best = climb(likelihood, ranked[0], steps=steps)
    if best.reached and np.linalg.eigvalsh(-best.slope.hessian)[0] > 1e-3:
        return best
    for start in ranked[1:]:
        other = climb(likelihood, start, steps=steps)
        if other.slope.value > best.slope.value + 1e-9 or (other.reached and not best.reached):
            best = other
    return best
