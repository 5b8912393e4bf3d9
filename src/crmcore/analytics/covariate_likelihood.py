"""The log-likelihood of customers with covariates, by the chain rule from that of a model.

Log parameters are linear in the coefficients, with a matrix J for each group of customers whose
covariates are equal. So the derivatives are sums over groups of J' g and J' H J, with the exact
gradient g and Hessian H of the model's own log-likelihood. The cost grows with the number of
groups: that of one evaluation of the model's likelihood each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import attrs
import numpy as np

from crmcore.analytics.ascent import Slope, climb_from
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.covariate_design import Design, alike
from crmcore.analytics.fitting import Startable
from crmcore.analytics.histories import Cells, History

__all__ = ["CovariateLikelihood"]

WIDE = 20.0
"""How far a log parameter may move over the range of one covariate."""


@attrs.frozen(eq=False)
class CovariateLikelihood:
    """In the log parameters at the shift of each covariate, then coefficients per range of it.

    `moves` (groups, p, k) tell how the log parameters of each group depend on coefficients.
    """

    pooled: Startable
    each: tuple[Startable, ...]
    moves: FloatArray
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        likelihood: Callable[[Cells], Startable],
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
            return cls(pooled, (pooled,), np.zeros((1, len(pooled.names), 0)), names)
        first, groups = alike(list(mattering.values()))
        rows_of = (history.x, history.recency, history.T)
        each = tuple(
            likelihood(
                Cells.of(
                    History(*(column[rows] for column in rows_of)),
                    None if weights is None else weights[rows],
                )
            )
            for rows in groups
        )
        first_columns = {name: column[first] for name, column in mattering.items()}
        return cls(pooled, each, design.moves(first_columns, len(pooled.names)), names)

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

    def beginnings(self, steps: int) -> list[FloatArray]:
        """No effects: where the model alone is most likely, then where it begins itself."""
        none = np.zeros(self.moves.shape[2])
        alone = climb_from(self.pooled, self.pooled.starts, steps=steps).point
        return [np.concatenate((point, none)) for point in (alone, *self.pooled.starts)]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        return sum(
            likelihood.value(at)
            for likelihood, at in zip(self.each, self._points(point), strict=True)
        )

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives."""
        slopes = [
            likelihood.slope(at)
            for likelihood, at in zip(self.each, self._points(point), strict=True)
        ]
        gradient = np.stack([slope.gradient for slope in slopes])
        hessian = np.stack([slope.hessian for slope in slopes])
        across = np.einsum("gpq,gqk->gpk", hessian, self.moves)
        among = np.einsum("gpk,gpl->kl", self.moves, across)
        beside = across.sum(axis=0)
        return Slope(
            value=sum(slope.value for slope in slopes),
            gradient=np.concatenate(
                (gradient.sum(axis=0), np.einsum("gpk,gp->k", self.moves, gradient))
            ),
            hessian=np.block([[hessian.sum(axis=0), beside], [beside.T, (among + among.T) / 2]]),
        )

    def _points(self, point: FloatArray) -> FloatArray:
        """The log parameters of each group, (groups, p)."""
        parameters = self.moves.shape[1]
        return np.asarray(point[:parameters] + self.moves @ point[parameters:])
