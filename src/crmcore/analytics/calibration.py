"""Forecasts against what happened: whether 30 % means three in ten."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.forecasts import MOST_GROUPS
from crmcore.domain.html import html_table

__all__ = ["Calibration", "calibration"]


@attrs.frozen(kw_only=True, eq=False)
class Calibration:
    """Forecasts of n events, in m groups of rising probability.

    - `predicted` (m), `observed` (m): mean forecast, and the share of events that happened.
    - `error` (m): the standard error of `observed` if the forecasts are right, 0 where they are
      sure; a group two or three of these away from `predicted` is off by more than chance.
    - `size` (m): how many events each group holds.
    - `brier`: the mean of (forecast - outcome)**2 (Brier 1950, Monthly Weather Review 78, 1-3);
      `brier_of_base_rate`: that of telling everyone the share that happened, which only
      somebody who knows the outcome can tell.
    - `expected_calibration_error`: how far `observed` is from `predicted` on average, whichever
      the side, groups weighted by size (Naeini, Cooper and Hauskrecht 2015). Chance alone makes
      it more than 0.
    """

    predicted: FloatArray
    observed: FloatArray
    error: FloatArray
    size: IntArray
    brier: float
    brier_of_base_rate: float
    expected_calibration_error: float

    @property
    def skill(self) -> float | None:
        """1 - brier / brier_of_base_rate: 1 is perfect, 0 as good as the base rate.

        None where everything or nothing happened.
        """
        return 1 - self.brier / self.brier_of_base_rate if self.brier_of_base_rate > 0 else None

    def _repr_html_(self) -> str:
        names = ("predicted", "observed", "error", "size")
        skill = "none" if self.skill is None else f"{self.skill:.3f}"
        return html_table(
            zip(range(1, 1 + len(self.size)), *(getattr(self, name).tolist() for name in names),
                strict=True),
            header=("group", *names),
            caption=f"Calibration over {self.size.sum():,}",
            note=f"Brier score {self.brier:.4f}, skill {skill}, expected calibration error "
            f"{self.expected_calibration_error:.4f}.",
        )  # fmt: skip


def calibration(
    *,
    predicted: npt.ArrayLike,
    happened: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    groups: int = 10,
) -> Calibration:
    """How forecasts `predicted` (n), probabilities, compare with what `happened` (n), 0 or 1.

    `weights` (n), whole numbers, tell how many events each row stands for.
    `groups` of nearly equal size by rank, 10 for deciles; equal forecasts stay together, so
    groups may differ in size and be fewer, and the order of rows does not matter. InvalidInput
    where a forecast is no probability, an outcome neither 0 nor 1, or there is none.

        >>> seen = calibration(
        ...     predicted=[0.25, 0.25, 0.75, 0.75], happened=[0, 0, 1, 0], groups=2)
        >>> seen.predicted.tolist(), seen.observed.tolist()
        ([0.25, 0.75], [0.0, 0.5])
        >>> seen.brier, seen.brier_of_base_rate, seen.expected_calibration_error
        (0.1875, 0.1875, 0.25)
    """
    checks = Checks()
    forecast, outcome = checks.numbers("predicted", predicted), checks.numbers("happened", happened)
    for path, column in (("predicted", forecast), ("happened", outcome)):
        if column.ndim != 1 or not column.size:
            checks.refuse(path, "must hold one number at least")
    if not checks.faults:
        checks.same_shape(predicted=forecast, happened=outcome)
    checks.refuse_where(forecast > 1, "predicted", "must not exceed 1")
    checks.refuse_where((outcome > 0) & (outcome != 1), "happened", "must be 0 or 1")
    checks.whole("groups", groups, least=1, most=MOST_GROUPS)
    many = np.ones(forecast.shape) if weights is None else checks.counts("weights", weights)
    if not checks.faults and many.shape != forecast.shape:
        checks.refuse("weights", f"must have one number per row, {len(forecast)} in all")
    if not checks.faults and not many.any():
        checks.refuse("weights", "must stand for one event at least")
    checks.close()
    order = np.lexsort((outcome, forecast))
    order = order[many[order] > 0]
    forecast, outcome, many = forecast[order], outcome[order], many[order]
    n = float(many.sum())
    _, place = np.unique(forecast, return_inverse=True)
    equal = np.bincount(place, many)
    # Forecasts that are equal go where the middle one of them belongs.
    middle = np.cumsum(equal) - equal / 2
    group = np.minimum(middle * groups / n, groups - 1).astype(np.int64)[place]
    _, group = np.unique(group, return_inverse=True)
    size = np.bincount(group, many)
    said, happens = (np.bincount(group, many * column) / size for column in (forecast, outcome))
    base = float((many * outcome).sum()) / n
    return Calibration(
        predicted=said,
        observed=happens,
        error=np.sqrt(np.bincount(group, many * forecast * (1 - forecast))) / size,
        size=np.rint(size).astype(np.int64),
        brier=float((many * (forecast - outcome) ** 2).sum()) / n,
        brier_of_base_rate=base * (1 - base),
        expected_calibration_error=float((size * np.abs(said - happens)).sum()) / n,
    )
