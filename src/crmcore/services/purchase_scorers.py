"""The scorers that a model of repeat purchases, fitted or not, makes: alive, purchases, value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.text import symbol
from crmcore.services.scorers import ScorerColumns, ScoreValues, ends_of
from crmcore.services.scoring_columns import OF_SUMMARY

if TYPE_CHECKING:
    from crmcore.analytics import FittedGammaGamma, IntervalOf, LifetimeValue
    from crmcore.analytics.purchase_process import PurchaseProcess

__all__ = [
    "ExpectedPurchases",
    "HistoryInWords",
    "LifetimeWorth",
    "ProbabilityAlive",
    "history_of",
    "in_a_line",
    "paid",
]  # fmt: skip

VERSION = "1"
NAMES: Mapping[str, str] = {
    "BetaGeoNBD": "BG/NBD", "ModifiedBetaGeoNBD": "MBG/NBD", "ParetoNBD": "Pareto/NBD",
    "GammaGamma": "Gamma-Gamma",
}  # fmt: skip
"""What papers call the models; others go by the name of their class."""


def in_a_line(model: Any) -> str:
    """The model with its parameters, as far as there is room."""
    name = type(model).__name__.removeprefix("Fitted").removesuffix("Process")
    name = NAMES.get(name, name)
    told = " ".join([name, *(f"{key}={value:.6g}" for key, value in model.params.items())])
    return told if len(told) <= 200 else f"{told[:199]}…"


@attrs.frozen(eq=False)
class HistoryInWords(Sequence[str]):
    """By row, the history of purchases that a score rests on, told in a sentence."""

    columns: ScorerColumns

    def __len__(self) -> int:
        return len(self.columns["T"])

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        told = self.columns
        times = int(told["frequency"][row])
        since = float(told["T"][row]) - float(told["recency"][row])
        if times == 0:
            return f"bought once, {since:.1f} weeks ago"
        mean = float(told["monetary_value"][row])
        repeats = "1 repeat" if times == 1 else f"{times} repeats"
        return f"{repeats}, last {since:.1f} weeks ago, {mean:.2f} each"

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))


def history_of(columns: ScorerColumns) -> dict[str, Any]:
    """What models of repeat purchases ask of a customer."""
    return {name: columns[name] for name in ("frequency", "recency", "T")}


@attrs.frozen(kw_only=True, eq=False)
class ProbabilityAlive:
    """The probability that a customer still is one, by a model of repeat purchases in weeks.

    With a `level`, each score has the interval that the estimate of a fitted model leaves open.
    """

    purchases: PurchaseProcess
    level: float | None = None
    name: str = attrs.field(default="probability_alive", validator=symbol)
    version: str = VERSION
    inputs: tuple[str, ...] = OF_SUMMARY
    unit: str = "probability"

    def score(self, columns: ScorerColumns, /) -> ScoreValues:
        """P(alive) of each history."""
        history = history_of(columns)

        def ask(model: Any) -> Any:
            return model.probability_alive(**history)

        return _told(self.purchases, ask, columns, level=self.level, upper=1.0)


@attrs.frozen(kw_only=True, eq=False)
class ExpectedPurchases:
    """The purchases expected within the `horizon` (weeks), by a model of repeat purchases in weeks.

    With a `level`, each score has the interval that the estimate of a fitted model leaves open.
    """

    purchases: PurchaseProcess
    horizon: float = 52.0
    level: float | None = None
    name: str = attrs.field(default="expected_purchases", validator=symbol)
    version: str = VERSION
    inputs: tuple[str, ...] = OF_SUMMARY

    @property
    def unit(self) -> str:
        """Purchases within the horizon."""
        return f"purchases in {self.horizon:g} weeks"

    def score(self, columns: ScorerColumns, /) -> ScoreValues:
        """The expectation of each history."""
        history = history_of(columns)

        def ask(model: Any) -> Any:
            return model.expected_purchases(t=self.horizon, **history)

        return _told(self.purchases, ask, columns, level=self.level)


@attrs.frozen(kw_only=True, eq=False)
class LifetimeWorth:
    """The present value of the purchases expected within the `horizon` (weeks), in `currency`.

    `discount_rate` is continuous and per week. With a `level`, each score has an interval: that of
    the purchases and that of their mean value, two estimates from different data, joined in logs.
    `known` is the answer where it was worked out before.
    """

    purchases: PurchaseProcess
    spend: FittedGammaGamma
    currency: str
    horizon: float = 52.0
    discount_rate: float = 0.0
    level: float | None = None
    _known: LifetimeValue | None = attrs.field(default=None, repr=False)
    name: str = attrs.field(default="lifetime_value", validator=symbol)
    version: str = VERSION
    inputs: tuple[str, ...] = OF_SUMMARY

    @property
    def unit(self) -> str:
        """The currency."""
        return self.currency

    def value(self, columns: ScorerColumns) -> LifetimeValue:
        """Purchases, mean value and their product. NoFiniteMean where spend has none."""
        from crmcore.analytics import LifetimeValue

        average = self.spend.expected_average_value(**paid(columns))
        bought = self._discounted(self.purchases, columns)
        return LifetimeValue(
            value=bought * average, discounted_purchases=bought, average_value=average,
            horizon=self.horizon, discount_rate=self.discount_rate, margin=1.0,
        )  # fmt: skip

    def score(self, columns: ScorerColumns, /) -> ScoreValues:
        """The value of each history."""
        low, high = (None, None) if self.level is None else self._ends(columns, self.level)
        return ScoreValues(
            value=(self._known or self.value(columns)).value, low=low, high=high,
            why=HistoryInWords(columns), model=in_a_line(self.spend),
        )  # fmt: skip

    def _discounted(self, model: Any, columns: ScorerColumns) -> Any:
        return model.discounted_purchases(
            discount_rate=self.discount_rate, horizon=self.horizon, **history_of(columns)
        )

    def _ends(self, columns: ScorerColumns, level: float) -> tuple[Any, Any]:
        import numpy as np

        from crmcore.analytics import NoFiniteMean

        bought = _interval(self.purchases, lambda m: self._discounted(m, columns), level)
        spent = paid(columns)
        try:
            mean = _interval(self.spend, lambda m: m.expected_average_value(**spent), level)
        except NoFiniteMean:  # a little beside the estimate: nothing bounds the value
            nothing = np.full(len(columns["T"]), np.nan)
            return nothing, nothing
        return ends_of(bought.times(mean))


def paid(columns: ScorerColumns) -> dict[str, Any]:
    """Repeat purchases and their mean value.

    Who came again only for gifts counts as not repeating: the model of spend knows no gifts.
    """
    import numpy as np

    mean = columns["monetary_value"]
    return {"frequency": np.where(mean > 0, columns["frequency"], 0), "monetary_value": mean}


def _told(
    model: Any,
    ask: Any,
    columns: ScorerColumns,
    *,
    level: float | None,
    upper: float = float("inf"),
) -> ScoreValues:
    """What `ask` says of the model, with its interval where a level is asked for."""
    line, why = in_a_line(model), HistoryInWords(columns)
    if level is None:
        return ScoreValues(value=ask(model), why=why, model=line)
    found = _interval(model, ask, level, upper)
    low, high = ends_of(found)
    return ScoreValues(value=found.value, low=low, high=high, why=why, model=line)


def _interval(model: Any, ask: Any, level: float, upper: float = float("inf")) -> IntervalOf:
    if not hasattr(model, "interval_of"):
        raise InvalidInput.of("level", "asks for intervals, which only fitted models have")
    found: IntervalOf = model.interval_of(ask, level=level, upper=upper)
    return found
