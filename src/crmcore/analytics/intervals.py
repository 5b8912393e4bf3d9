"""How far the data let a parameter or a prediction be from its estimate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs
import numpy as np
from scipy import optimize
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from crmcore.analytics.ascent import Likelihood, Slope, climb
from crmcore.analytics.checks import FloatArray, IntArray, as_number
from crmcore.domain.errors import InvalidInput

__all__ = ["LEVEL", "Interval", "IntervalOf", "checked_level", "interval_of", "profile_interval"]

M = TypeVar("M")

LEVEL = 1e-5
"""Curvature below which a direction in log parameters is level: no step gains anything."""
MATTERS = 1e-4
"""A prediction that moves less than so much of it along such a direction does not depend on it."""


@attrs.frozen
class Interval:
    """The values from `low` to `high` that the data do not rule out at the level asked."""

    low: float
    high: float


@attrs.frozen(kw_only=True, eq=False)
class IntervalOf:
    """A prediction `value` with its bounds `low` and `high`, all of one shape.

    The bounds tell what the estimate of the parameters leaves open, not how single customers
    scatter around their expectation.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    level: float

    def times(self, other: IntervalOf) -> IntervalOf:
        """The product of two predictions whose estimates come from different data.

        As of purchases and of what is paid for one: in logarithms the squares of what either
        leaves open add up. InvalidInput where the levels differ.

            >>> import numpy as np
            >>> bought, paid = (IntervalOf(value=np.array(value), low=np.array(low),
            ...     high=np.array(high), level=0.95) for value, low, high in
            ...     ((10, 10 / np.exp(0.3), 12), (5, 5 / np.exp(0.4), 5)))
            >>> worth = bought.times(paid)
            >>> float(worth.value), np.log(50 / worth.low).round(9).tolist()
            (50.0, 0.5)
        """
        if other.level != self.level:
            raise InvalidInput.of("other", "must be told at the same level")
        value = np.asarray(self.value * other.value, np.float64)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            down = np.hypot(np.log(self.value / self.low), np.log(other.value / other.low))
            up = np.hypot(np.log(self.high / self.value), np.log(other.high / other.value))
            ends = (value * np.exp(-down), value * np.exp(up))
        low, high = (np.where(value == 0, 0.0, end) for end in ends)
        return IntervalOf(value=value, low=low, high=high, level=self.level)


def checked_level(level: float) -> float:
    """`level` if it lies between 0 and 1; else InvalidInput."""
    if not 0 < as_number(level) < 1:
        raise InvalidInput.of("level", "must lie between 0 and 1")
    return float(level)


@attrs.frozen(eq=False)
class _Pinned:
    """A likelihood whose parameter at `place` is held at `value`."""

    whole: Likelihood
    place: int
    at: float

    @property
    def free(self) -> IntArray:
        return np.delete(np.arange(len(self.whole.names), dtype=np.int64), self.place)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.whole.names[i] for i in self.free)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        low, high = self.whole.bounds
        return np.delete(low, self.place), np.delete(high, self.place)

    @property
    def total(self) -> float:
        return self.whole.total

    def value(self, point: FloatArray) -> float:
        return self.whole.value(np.insert(point, self.place, self.at))

    def slope(self, point: FloatArray) -> Slope:
        slope = self.whole.slope(np.insert(point, self.place, self.at))
        return Slope(
            slope.value, slope.gradient[self.free], slope.hessian[np.ix_(self.free, self.free)]
        )


def profile_interval(
    likelihood: Likelihood, params: Mapping[str, float], name: str, *, level: float = 0.95
) -> Interval:
    """Where the profile of `name` falls chi2(level, 1) / 2 below the maximum, on either side.

    `params` are those of the maximum. InvalidInput where `name` is none of them.
    """
    if not isinstance(name, str) or name not in likelihood.names:
        raise InvalidInput.of("name", f"must be one of {', '.join(likelihood.names)}")
    place = likelihood.names.index(name)
    summit = np.log([params[each] for each in likelihood.names])
    fall = likelihood.value(summit) - float(chi2.ppf(checked_level(level), 1)) / 2
    bounds = likelihood.bounds
    ends = []
    for side in (-1.0, 1.0):
        edge = float(bounds[int(side > 0)][place])
        ends.append(_end(likelihood, place, summit, side=side, edge=edge, fall=fall))
    return Interval(*ends)


def _end(
    likelihood: Likelihood, place: int, summit: FloatArray, *, side: float, edge: float, fall: float
) -> float:
    """The value on one side where the profile meets `fall`; 0 or infinite if it never does."""
    inside, reach = float(summit[place]), 0.05
    others = np.delete(summit, place)
    # Each climb begins where the one before it on the way down ended: from farther down it may
    # end on another ridge.
    seen = {inside: (others, likelihood.value(summit) - fall)}

    def above(at: float) -> float:
        if at not in seen:
            near = seen[min(seen, key=lambda each: (side * (each - at) > 0, abs(each - at)))][0]
            pinned = _Pinned(likelihood, place, at)
            if len(near):
                found = climb(pinned, near)
                seen[at] = found.point, found.slope.value - fall
            else:
                seen[at] = near, pinned.value(near) - fall
        return seen[at][1]

    while True:
        outside = summit[place] + side * reach
        if side * (edge - outside) <= 0:
            return 0.0 if side < 0 else np.inf
        if above(outside) < 0:
            break
        inside, reach = outside, reach * 2
    root: Any = optimize.root_scalar(above, bracket=(inside, outside), xtol=1e-9, rtol=1e-9)
    return float(np.exp(root.root))


def interval_of(
    predict: Callable[[M], FloatArray],
    model: M,
    *,
    at: Callable[[FloatArray], M],
    point: FloatArray,
    covariance: FloatArray,
    level: float,
    upper: float,
    curvature: FloatArray | None = None,
) -> IntervalOf:
    """The interval of a prediction by the delta method, on a scale without bounds.

    That is the logarithm, or the log odds of value / upper where there is an `upper` bound.
    `covariance` is that of the log parameters at `point`, and `at` makes the model of others.
    Directions in which the data put no bound are passed over where the prediction does not depend
    on them, else the interval is everything from 0 to `upper`. They are those along which the
    `curvature` is level, or without one the parameters of infinite variance. InvalidInput where a
    value is below 0 or above `upper`.
    """
    if not as_number(upper) > 0:
        raise InvalidInput.of("upper", "must be above 0")
    value, bounded = np.asarray(predict(model), np.float64), bool(np.isfinite(upper))
    if not ((value >= 0) & (value <= upper * (1 + 1e-9))).all():
        raise InvalidInput.of("predict", "must tell values from 0 to upper")

    def free(values: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return logit(values / upper) if bounded else np.log(values)

    variances = np.diag(covariance)
    settled = np.isfinite(variances)
    slopes = np.zeros((len(point), value.size))
    for place, axis in enumerate(np.eye(len(point))):
        step = min(1e-3, 0.1 * float(np.sqrt(variances[place]))) if settled[place] else 1e-2
        up, down = (free(np.ravel(predict(at(point + s * step * axis)))) for s in (1, -1))
        with np.errstate(invalid="ignore"):
            slopes[place] = np.where(up == down, 0.0, (up - down) / (2 * step))
    if curvature is None:
        among = slopes[settled]
        spread = np.einsum("in,ij,jn->n", among, covariance[np.ix_(settled, settled)], among)
        along = slopes[~settled]
    else:
        size, axes = np.linalg.eigh(curvature)
        turned, level_ = axes.T @ slopes, size < LEVEL
        spread = (np.square(turned[~level_]) / size[~level_][:, None]).sum(axis=0)
        along = turned[level_]
    loose = ~(np.abs(along) <= MATTERS).all(axis=0)
    width = norm.ppf(0.5 + checked_level(level) / 2) * np.sqrt(np.maximum(spread, 0.0))
    middle = free(np.ravel(value))
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = middle - width, middle + width
        ends = [upper * expit(end) if bounded else np.exp(end) for end in (low, high)]
    sure = ~np.isfinite(middle)  # 0, or the upper bound itself, whatever the parameters
    low, high = (np.where(sure, np.ravel(value), end) for end in ends)
    low, high = np.where(loose & ~sure, 0.0, low), np.where(loose & ~sure, upper, high)
    return IntervalOf(
        value=value, low=low.reshape(value.shape), high=high.reshape(value.shape), level=level
    )
