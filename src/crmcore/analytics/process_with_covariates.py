"""A model of repeat purchases whose customers differ by covariates, with known parameters."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray
from crmcore.analytics.covariate_design import Acting, Effect, alike, covariate_columns, scale_of
from crmcore.analytics.covariate_kinds import KINDS, Kind, kind_of
from crmcore.analytics.options import Checked
from crmcore.analytics.process_of_each import ProcessOfEach
from crmcore.analytics.purchase_process import PurchaseProcess

__all__ = ["ProcessWithCovariates"]


@Checked
def _baseline(checks: Checks, path: str, value: object) -> None:
    """A process that covariates can act on."""
    if not isinstance(value, tuple(kind.process for kind in KINDS.values())):
        checks.refuse(path, f"must be a process of {', '.join(KINDS)}")


@Checked
def _effects(checks: Checks, path: str, value: object) -> None:
    """A tuple of effects."""
    if not isinstance(value, tuple) or not all(isinstance(each, Effect) for each in value):
        checks.refuse(path, "must be a tuple of effects")


@attrs.frozen(kw_only=True)
class ProcessWithCovariates:
    """The `baseline`, a model of customers whose covariates are all 0, and the `effects` on it.

    The baseline is a BG/NBD, MBG/NBD or Pareto/NBD process. `params` hold its parameters and the
    coefficients as purchases.age, dropout.age, per unit of the covariate; `given` makes the model
    of customers with certain covariates. What effects do: see `WithCovariates`.
    """

    baseline: PurchaseProcess = attrs.field(validator=_baseline)
    effects: tuple[Effect, ...] = attrs.field(validator=_effects)

    @property
    def params(self) -> dict[str, float]:
        """The parameters of the baseline by name, then the coefficients."""
        return {**self.baseline.params, **self.coefficients}

    @property
    def coefficients(self) -> dict[str, float]:
        """Each effect by its name: of one more of purchases.age the rate is exp(it) as large."""
        return {effect.name: effect.coefficient for effect in self.effects}

    @property
    def _kind(self) -> Kind:
        return KINDS[kind_of(self.baseline)]

    def _acting(self) -> tuple[Acting, ...]:
        kind = self._kind
        return tuple(
            Acting(e.part, e.covariate, kind.parameters.index(kind.scales[e.part]))
            for e in self.effects
        )

    def given(self, covariates: Mapping[str, npt.ArrayLike]) -> ProcessOfEach:
        """The model of customers with these covariates: it answers every question about them.

        One number for each covariate makes a model of any customers who share it; columns (n)
        make one of these n customers, in order. Its `params_of_each` show what covariates do.

            >>> from crmcore.analytics import Effect, ParetoNBDProcess, ProcessWithCovariates
            >>> model = ProcessWithCovariates(
            ...     baseline=ParetoNBDProcess(r=1, alpha=1, s=1, beta=1),
            ...     effects=(Effect("purchases", "web", 0.6931472),))  # ln 2: twice as many
            >>> model.given({"web": [0, 1]}).expected_purchases_new(t=1).round(4).tolist()
            [0.6931, 1.3863]
        """
        checks = Checks()
        wanted = dict.fromkeys(effect.covariate for effect in self.effects)
        columns = covariate_columns(checks, covariates, wanted)
        if not checks.faults:
            checks.same_shape(**{f"covariates.{name}": c for name, c in columns.items()})
        checks.close()
        spread = dict(zip(columns, np.broadcast_arrays(*columns.values()), strict=True))
        shape = next(iter(spread.values())).shape
        if not shape:
            return ProcessOfEach(
                processes=(self._process(spread, ()),), rows=None, n_parameters=len(self.params)
            )
        moving = {effect.covariate for effect in self.effects if effect.coefficient != 0}
        first, rows = alike([spread[name] for name in sorted(moving)] or [np.zeros(shape)])
        return ProcessOfEach(
            processes=tuple(self._process(spread, (row,)) for row in first.tolist()),
            rows=tuple(rows),
            n_parameters=len(self.params),
        )

    def _process(self, columns: Mapping[str, FloatArray], row: tuple[int, ...]) -> PurchaseProcess:
        """The model of one row of covariates."""
        kind = self._kind
        logs = {name: float(np.log(value)) for name, value in self.baseline.params.items()}
        moved = dict(self.baseline.params)
        for effect in self.effects:
            name = kind.scales[effect.part]
            logs[name] -= effect.coefficient * float(columns[effect.covariate][row])
        for name in set(kind.scales.values()):
            if logs[name] != np.log(moved[name]):
                moved[name] = scale_of(logs[name], name)
        made: PurchaseProcess = kind.process(**moved)
        return made
