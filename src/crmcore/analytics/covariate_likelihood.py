"""The log-likelihood of customers with covariates, by the chain rule from that of a model.

Log parameters are linear in the coefficients, with a matrix J for each group of customers whose
covariates are equal. So the derivatives are sums over groups of J' g and J' H J, with the exact
gradient g and Hessian H of the model's own log-likelihood. That costs one evaluation of it per
group. Where groups are many and small, the rows are evaluated together instead, each by its own
parameters (`Together`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, Self

import attrs
import numpy as np

from crmcore.analytics.ascent import Likelihood, Slope, climb_from
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.covariate_design import Design, alike
from crmcore.analytics.fitting import Startable
from crmcore.analytics.histories import Cells, History, groups

__all__ = ["CovariateLikelihood", "OneByOne", "Together"]

WIDE = 20.0
"""How far a log parameter may move over the range of one covariate."""
MANY = 24
"""As many groups may be evaluated one by one, however few customers each holds."""
LARGE = 200
"""Rows per group from which on it is quicker to evaluate one by one."""


class Together(Protocol):
    """The log-likelihood of n parts of the data as a function of the log parameters of each."""

    def value(self, points: FloatArray) -> float:
        """The sum over all parts, at `points` (n, p)."""
        ...

    def slopes(self, points: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """The same, with the gradient (n, p) and the Hessian (n, p, p) of each part."""
        ...


@attrs.frozen(eq=False)
class OneByOne:
    """Parts that are evaluated one after the other."""

    parts: tuple[Likelihood, ...]

    def value(self, points: FloatArray) -> float:
        """The sum over all parts, at `points` (n, p)."""
        return sum(part.value(at) for part, at in zip(self.parts, points, strict=True))

    def slopes(self, points: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """The same, with the gradient (n, p) and the Hessian (n, p, p) of each part."""
        found = [part.slope(at) for part, at in zip(self.parts, points, strict=True)]
        gradient = np.stack([slope.gradient for slope in found])
        return (
            sum(slope.value for slope in found),
            gradient,
            np.stack([slope.hessian for slope in found]),
        )


@attrs.frozen(eq=False)
class CovariateLikelihood:
    """In the log parameters at the shift of each covariate, then coefficients per range of it.

    `moves` (parts, p, k) tell how the log parameters of each part depend on coefficients.
    """

    pooled: Startable
    each: Together
    moves: FloatArray
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        likelihood: Callable[[Cells], Startable],
        together: Callable[[Cells], Together],
        history: History,
        weights: FloatArray | None,
        *,
        design: Design,
        columns: Mapping[str, FloatArray],
    ) -> Self:
        """The log-likelihood of these histories, whose `columns` are (n) each."""
        pooled = likelihood(Cells.of(history, weights))
        told = [act for act, told in zip(design.acting, design.told, strict=True) if told]
        mattering = {act.covariate: columns[act.covariate] for act in told}
        names = (*pooled.names, *(act.name for act in told))
        if not mattering:
            none = np.zeros((1, len(pooled.names), 0))
            return cls(pooled, OneByOne((pooled,)), none, names)
        rows_of = (history.x, history.recency, history.T)
        first, parts = alike(list(mattering.values()))
        each: Together
        if len(parts) <= MANY or len(history.x) > LARGE * len(parts):
            each = OneByOne(
                tuple(
                    likelihood(
                        Cells.of(
                            History(*(column[rows] for column in rows_of)),
                            None if weights is None else weights[rows],
                        )
                    )
                    for rows in parts
                )
            )
        else:
            order, starts = groups(*rows_of, *mattering.values())
            first = order[starts].astype(np.int64)
            ones = np.ones(len(order)) if weights is None else weights
            weight = np.add.reduceat(ones[order], starts)
            x, recency, age = (column[first] for column in rows_of)
            each = together(Cells(x, recency, age, weight))
        own = {name: column[first] for name, column in mattering.items()}
        return cls(pooled, each, design.moves(own, len(pooled.names)), names)

    @property
    def total(self) -> float:
        """How many customers it sums over."""
        return self.pooled.total

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Those of the model, and coefficients that change a rate by e**20 at most."""
        low, high = self.pooled.bounds
        wide = np.full(self.moves.shape[2], WIDE)
        return np.concatenate((low, -wide)), np.concatenate((high, wide))

    def beginnings(self, steps: int, start: FloatArray | None = None) -> list[FloatArray]:
        """No effects: where the model alone is most likely, then where it begins itself.

        `start` is where the model alone may begin besides.
        """
        none = np.zeros(self.moves.shape[2])
        known = [] if start is None else [start]
        alone = climb_from(self.pooled, known + self.pooled.starts, steps=steps).point
        return [np.concatenate((point, none)) for point in (alone, *self.pooled.starts)]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        return self.each.value(self._points(point))

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives."""
        value, gradient, hessian = self.each.slopes(self._points(point))
        across = np.einsum("gpq,gqk->gpk", hessian, self.moves)
        among = np.einsum("gpk,gpl->kl", self.moves, across)
        beside = across.sum(axis=0)
        acting = np.einsum("gpk,gp->k", self.moves, gradient)
        return Slope(
            value,
            np.concatenate((gradient.sum(axis=0), acting)),
            np.block([[hessian.sum(axis=0), beside], [beside.T, (among + among.T) / 2]]),
        )

    def _points(self, point: FloatArray) -> FloatArray:
        """The log parameters of each part, (parts, p)."""
        parameters = self.moves.shape[1]
        return np.asarray(point[:parameters] + self.moves @ point[parameters:])
