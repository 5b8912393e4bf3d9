"""Scorers: models as plain objects that turn columns of customers into scores (S51).

A scorer says by what name and version it goes, which columns it reads, and in what unit it
answers. It is given those columns and nothing else, so what it depends on is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.text import symbol, text

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmcore.analytics import IntervalOf

__all__ = [
    "EstimatorScorer", "FunctionScorer", "ScoreValues", "Scorer", "ScorerColumns", "ends_of",
    "input_names", "scorer",
]  # fmt: skip

ScorerColumns: TypeAlias = "Mapping[str, npt.NDArray[Any]]"
"""By name, the columns (n,) that a scorer declared, one row for each customer; read-only."""


@attrs.frozen(kw_only=True, eq=False)
class ScoreValues:
    """Scores (n,) with what is known about them.

    `low` and `high` (n,) are the ends of intervals, with NaN in both where none is told; `why`
    says for each customer on what ground; `model` names model and parameters in a line.
    """

    value: npt.ArrayLike
    low: npt.ArrayLike | None = None
    high: npt.ArrayLike | None = None
    why: Sequence[str | None] | None = None
    model: str | None = None


def ends_of(found: IntervalOf) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The ends of a prediction's interval, NaN in both where one is infinite.

    The value itself lies within but for rounding, which is put right.
    """
    import numpy as np

    bounded = np.isfinite(found.low) & np.isfinite(found.high)
    low, high = np.minimum(found.low, found.value), np.maximum(found.high, found.value)
    return np.where(bounded, low, np.nan), np.where(bounded, high, np.nan)


class Scorer(Protocol):
    """What scores customers: any object with these five names."""

    @property
    def name(self) -> str:
        """What is scored: the scorer of the facts, and the name of a measure over them."""
        ...

    @property
    def version(self) -> str:
        """Of the scorer: another one where its scores of the same columns would differ."""
        ...

    @property
    def inputs(self) -> Sequence[str]:
        """The columns it reads: `frequency`, `recency`, `T`, `monetary_value` of the purchase
        summary in weeks, or fields of the profile.
        """
        ...

    @property
    def unit(self) -> str:
        """Of what the scores are: `probability`, `purchases`, a currency."""
        ...

    def score(self, columns: ScorerColumns, /) -> npt.ArrayLike | ScoreValues:
        """One finite number for each row, in the order of the rows."""
        ...


def input_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names of columns, each once; else InvalidInput."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InvalidInput.of("inputs", "must be a sequence of names of columns")
    found = tuple(names)
    if not all(isinstance(name, str) for name in found) or len(set(found)) < len(found):
        raise InvalidInput.of("inputs", "must be names of columns, each once")
    if not found:
        raise InvalidInput.of("inputs", "must name one column at least")
    return found


@attrs.frozen(kw_only=True)
class FunctionScorer:
    """A function as a scorer; see `scorer`."""

    function: Callable[[ScorerColumns], npt.ArrayLike | ScoreValues]
    name: str = attrs.field(validator=symbol)
    version: str = attrs.field(validator=text(40))
    inputs: tuple[str, ...] = attrs.field(converter=input_names)
    unit: str = attrs.field(validator=text(40))

    def score(self, columns: ScorerColumns, /) -> npt.ArrayLike | ScoreValues:
        """What the function answers."""
        return self.function(columns)


def scorer(
    *, name: str, version: str, inputs: Sequence[str], unit: str
) -> Callable[[Callable[[ScorerColumns], npt.ArrayLike | ScoreValues]], FunctionScorer]:
    """Make a scorer of the function below.

    >>> @scorer(name="weeks_silent", version="1", inputs=("recency", "T"), unit="weeks")
    ... def weeks_silent(columns):
    ...     return columns["T"] - columns["recency"]
    >>> weeks_silent.name, weeks_silent.inputs
    ('weeks_silent', ('recency', 'T'))
    """
    names = input_names(inputs)

    def made(
        function: Callable[[ScorerColumns], npt.ArrayLike | ScoreValues],
    ) -> FunctionScorer:
        return FunctionScorer(
            function=function, name=name, version=version, inputs=names, unit=unit
        )

    return made


@attrs.frozen(kw_only=True, eq=False)
class EstimatorScorer:
    """A fitted estimator in the manner of scikit-learn as a scorer.

    It is given an (n, k) array of float64 with the `inputs` side by side in their order, absent
    values as NaN. A score is what `predict_proba` says of the class `outcome`, of the second of two
    if none is named; or what `predict` says, where there is no `predict_proba`.
    """

    estimator: Any = attrs.field(repr=False, kw_only=False)
    name: str = attrs.field(validator=symbol)
    version: str = attrs.field(validator=text(40))
    inputs: tuple[str, ...] = attrs.field(converter=input_names)
    unit: str = attrs.field(default="probability", validator=text(40))
    outcome: Any = None

    def score(self, columns: ScorerColumns, /) -> npt.ArrayLike:
        """What the estimator predicts of the rows."""
        import numpy as np

        for name in self.inputs:
            if columns[name].dtype.kind != "f":
                raise InvalidInput.of(f"{self.name}.inputs", f"{name} is no column of numbers")
        rows = np.column_stack([columns[name] for name in self.inputs])
        if not hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict(rows))
        chances = np.asarray(self.estimator.predict_proba(rows))
        if chances.ndim != 2:
            raise InvalidInput.of(self.name, "predict_proba must answer one row for each customer")
        return chances[:, self._place(chances.shape[1])]

    def _place(self, classes: int) -> int:
        """Which class it is whose probability is the score."""
        if self.outcome is None:
            if classes != 2:
                raise InvalidInput.of(f"{self.name}.outcome", f"must name one of {classes} classes")
            return 1
        for place, each in enumerate(self.estimator.classes_):
            if each == self.outcome:
                return place
        raise InvalidInput.of(f"{self.name}.outcome", "is none of the classes")
