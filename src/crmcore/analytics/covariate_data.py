"""Histories with covariates, as a fit reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.covariate_design import Acting, Design, covariate_columns
from crmcore.analytics.covariate_kinds import KINDS
from crmcore.analytics.covariate_likelihood import CovariateLikelihood
from crmcore.analytics.histories import History

__all__ = ["CovariateData"]


@attrs.frozen(eq=False)
class CovariateData:
    """Checked rows (n) of positive weight, of which a model of this `kind` is fitted."""

    kind: str
    history: History
    weights: FloatArray | None
    columns: Mapping[str, FloatArray]
    design: Design

    @classmethod
    def checked(
        cls,
        kind: str,
        acting: tuple[Acting, ...],
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        covariates: Mapping[str, npt.ArrayLike],
        weights: npt.ArrayLike | None,
    ) -> Self:
        """The rows. InvalidInput names all that is wrong with them."""
        checks = Checks()
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        many = checks.weights(weights, rows=history.x.size)
        wanted = dict.fromkeys(act.covariate for act in acting)
        columns = covariate_columns(checks, covariates, wanted)
        paths = {f"covariates.{name}": column for name, column in columns.items()}
        if not checks.faults:
            checks.same_shape(frequency=np.atleast_1d(history.x), **paths)
        checks.close()
        rows = history.x.size
        kept = np.ones(rows, bool) if many is None else many > 0
        x, recency, age = (
            np.atleast_1d(column)[kept] for column in (history.x, history.recency, history.T)
        )
        columns = {name: np.broadcast_to(c, (rows,))[kept] for name, c in columns.items()}
        return cls(
            kind,
            History(x, recency, age),
            None if many is None else many[kept],
            columns,
            Design.of(acting, columns),
        )

    @property
    def silent(self) -> str | None:
        """Why these rows tell nothing at all, if so."""
        return None if (self.history.x > 0).any() else "nobody bought again"

    def likelihood(self, design: Design) -> CovariateLikelihood:
        """The log-likelihood of the rows on the scale of a design."""
        return CovariateLikelihood.of(
            KINDS[self.kind].likelihood,
            KINDS[self.kind].together,
            self.history,
            self.weights,
            design=design,
            columns=self.columns,
        )
