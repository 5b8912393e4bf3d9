"""Covariates of customers: columns that callers hand in, and how they move log parameters.

A covariate acts on a scale parameter, so that its effect is proportional (Fader and Hardie 2007,
Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models): the logarithm of
that parameter is linear in the covariates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Self, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray, as_number
from crmcore.analytics.histories import groups
from crmcore.analytics.options import Checked, one_of
from crmcore.domain.errors import InvalidInput

__all__ = ["Acting", "Design", "Effect", "Part", "alike", "covariate_columns", "scale_of"]

Part: TypeAlias = Literal["purchases", "dropout"]

LEFT_OVER = 1e-8
"""A column of which this share remains, once others explain what they can, says nothing new."""


@Checked
def _finite(checks: Checks, path: str, value: float) -> None:
    if not np.isfinite(value):
        checks.refuse(path, "must be a finite number")


@Checked
def _name(checks: Checks, path: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        checks.refuse(path, "must be the name of a covariate")


@attrs.frozen
class Effect:
    """The `coefficient` of a `covariate` on the rate of `purchases` or on `dropout`.

    One more of the covariate multiplies that rate by exp(coefficient).
    """

    part: Part = attrs.field(validator=one_of(*get_args(Part)))
    covariate: str = attrs.field(validator=_name)
    coefficient: float = attrs.field(converter=as_number, validator=_finite)

    @property
    def name(self) -> str:
        """What `params` call it, as purchases.age."""
        return f"{self.part}.{self.covariate}"


@attrs.frozen
class Acting:
    """That a covariate acts on the log parameter at the place `on`, against its sign."""

    part: Part
    covariate: str
    on: int

    @property
    def name(self) -> str:
        """What `params` call the coefficient."""
        return f"{self.part}.{self.covariate}"


def covariate_columns(
    checks: Checks, covariates: Mapping[str, npt.ArrayLike], wanted: Iterable[str]
) -> dict[str, FloatArray]:
    """The columns `wanted`, each a number or (n); faults are noted in `checks`.

    Data frames will do, as anything that has columns by name.
    """
    columns = {}
    for name in wanted:
        path = f"covariates.{name}"
        try:
            found = name in covariates
            values = covariates[name] if found else None
        except (TypeError, ValueError):
            checks.refuse("covariates", "must hold columns by name")
            return {}
        if values is None:
            checks.refuse(path, "is missing")
            continue
        columns[name] = checks.numbers(path, values, negative=True)
    return columns


def alike(columns: list[FloatArray]) -> tuple[IntArray, list[IntArray]]:
    """Rows of equal covariates: the first row of each group, and all rows of each.

    `columns` are (n) each. The order of the groups depends on the values only.
    """
    order, starts = groups(*columns)
    first = order[starts]
    rows = np.split(order, starts[1:])
    by_value = np.lexsort([column[first] for column in columns])
    return first[by_value].astype(np.int64), [rows[place].astype(np.int64) for place in by_value]


@attrs.frozen(eq=False)
class Design:
    """The effects to be estimated, and the scale on which that is easy.

    Each covariate is counted from `shift`, the value nearest to 0 that occurs, in units of its
    range `scale`. `told` is False for effects that the data cannot tell: of a column that is
    constant or made of columns before it.
    """

    acting: tuple[Acting, ...]
    shift: FloatArray
    scale: FloatArray
    told: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, acting: tuple[Acting, ...], columns: Mapping[str, FloatArray]) -> Self:
        """The design for the customers with these columns, (n) each."""
        shift, scale = np.zeros(len(acting)), np.ones(len(acting))
        told = np.zeros(len(acting), bool)
        for part in {act.part for act in acting}:
            places = [place for place, act in enumerate(acting) if act.part == part]
            seen: list[FloatArray] = []
            for place in places:
                values = columns[acting[place].covariate]
                if not len(values):
                    continue
                low, high = float(values.min()), float(values.max())
                shift[place] = min(max(0.0, low), high)
                if high - low <= 1e-12 * max(abs(low), abs(high)):
                    continue
                scale[place] = high - low
                fresh = _beyond(seen, (values - low) / scale[place])
                if fresh is not None:
                    told[place] = True
                    seen.append(fresh)
        return cls(acting, shift, scale, told)

    @property
    def untold(self) -> str | None:
        """Which effects the data cannot tell and why, as a sentence; None if there are none."""
        names = [act.name for act, told in zip(self.acting, self.told, strict=True) if not told]
        if not names:
            return None
        return f"{', '.join(names)}: constant, or made of the covariates named before"

    def unshifted(self) -> Self:
        """The same, counted from 0."""
        return attrs.evolve(self, shift=np.zeros(len(self.shift)))

    def moves(self, columns: Mapping[str, FloatArray], parameters: int) -> FloatArray:
        """How the log parameters of each row move with the told coefficients, (n, p, k)."""
        kept = np.flatnonzero(self.told)
        rows = len(next(iter(columns.values())))
        moves = np.zeros((rows, parameters, len(kept)))
        for k, place in enumerate(kept):
            act = self.acting[place]
            values = columns[act.covariate]
            moves[:, act.on, k] = (self.shift[place] - values) / self.scale[place]
        return moves


def _beyond(seen: list[FloatArray], values: FloatArray) -> FloatArray | None:
    """What `seen`, centred and orthonormal, leaves of a column; None if next to nothing."""
    left = values - values.mean()
    size = float(np.sqrt((left * left).sum()))
    for _ in range(2):  # the second time takes away what rounding left
        for other in seen:
            left = left - other * float((other * left).sum())
    rest = float(np.sqrt((left * left).sum()))
    return left / rest if rest > LEFT_OVER * size else None


def scale_of(log_parameter: float, name: str) -> float:
    """exp of a log parameter. InvalidInput where that is no number: covariates are far off."""
    if not abs(log_parameter) < 690:
        raise InvalidInput.of(
            "covariates",
            f"lie so far from 0, or from those fitted, that {name} leaves all bounds:"
            " subtract a typical value from them, before fitting as well",
        )
    return float(np.exp(log_parameter))
